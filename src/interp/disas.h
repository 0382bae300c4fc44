/* Disassembly by capstone, for logs and the monitor's x/i. */
#ifndef INTERP_DISAS_H
#define INTERP_DISAS_H

#include "interp/vcpu.h"

#include <stdio.h>

/* Prints the instructions in `size` bytes of code that stand at guest address `pc`, in the
 * processor's current mode. */
void disas_bytes(struct vcpu *v, FILE *out, const uint8_t *code, unsigned int size, uint64_t pc);
/* Prints one instruction; returns its length (1 where the bytes are none). `arch` and `mode` are
 * capstone's. */
unsigned int disas_one(FILE *out, unsigned int arch, unsigned int mode, const uint8_t *code,
		       unsigned int size, uint64_t pc);

#endif
