/*
 * The emulated side: an x86 processor without anything around it, that runs one instruction.
 */
#ifndef RATITE_TESTS_X86_FPU_GUEST_H
#define RATITE_TESTS_X86_FPU_GUEST_H

#include "native.h"

struct guest_result {
	int vector; /* of the exception, or -1 */
	bool known; /* the decoder has the instruction */
};

/* memory is the page that addresses are in; they are host addresses. */
void guest_init(void *memory);
struct guest_result guest_run(const uint8_t *insn, size_t size, struct native_state *state);
/* Whether the floating-point decoder has an opcode with these prefixes. */
bool guest_knows(unsigned int map, uint8_t prefix, uint8_t opcode, bool *imm8);

#endif
