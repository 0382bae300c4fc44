/*
 * One instruction run on the host, from a given state, with the state after it: the oracle.
 */
#ifndef RATITE_TESTS_X86_FPU_NATIVE_H
#define RATITE_TESTS_X86_FPU_NATIVE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The FXSAVE image (64-bit form). */
struct fxsave {
	uint16_t fcw, fsw;
	uint8_t ftw, reserved;
	uint16_t fop;
	uint64_t fip, fdp;
	uint32_t mxcsr, mxcsr_mask;
	struct {
		uint64_t frac;
		uint16_t se, pad[3];
	} st[8];
	uint64_t xmm[16][2];
	uint8_t rest[96];
} __attribute__((aligned(16)));

/* R15 and RSP are not the instruction's to use; RBX points to the memory operand. */
struct native_state {
	struct fxsave fx;
	uint64_t gpr[16];
	uint64_t flags;
};

enum native_exception { NATIVE_NONE, NATIVE_FPE, NATIVE_ILL, NATIVE_SEGV };

void native_init(void);
/* Runs the instruction; on an exception only fx is what it was then. */
enum native_exception native_run(const uint8_t *insn, size_t size, struct native_state *state);

#endif
