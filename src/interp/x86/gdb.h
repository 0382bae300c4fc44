/* Registers of x86 as gdb knows them. */
#ifndef INTERP_X86_GDB_H
#define INTERP_X86_GDB_H

#include "vm/cpu.h"

/* For programs of 32 bits, whatever the processor could do. */
const struct gdb_description *x86_gdb_description_32(struct cpu *cpu);

#endif
