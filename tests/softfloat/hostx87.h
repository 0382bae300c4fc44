/*
 * Running single x87 instructions on the host with a chosen control word: the oracle of the x87
 * tests. Exceptions that are left unmasked become pending but are cleared before the next waiting
 * instruction, so nothing traps and the processor's response for unmasked exceptions can be read.
 */
#ifndef RATITE_TESTS_SOFTFLOAT_HOSTX87_H
#define RATITE_TESTS_SOFTFLOAT_HOSTX87_H

#include "interp/softfloat/softfloat.h"

#define X87_C0 0x0100
#define X87_C1 0x0200
#define X87_C2 0x0400
#define X87_C3 0x4000

/* status word after the instruction goes to *sw */
#define HOST_X87_UNARY(name, insn)                                                    \
	static struct f80 name(struct f80 a, struct f80 b, uint16_t cw, uint16_t *sw) \
	{                                                                             \
		struct f80 r;                                                         \
		__asm__ volatile("fninit; fldt %3; fldcw %4; " insn                   \
				 "; fnstsw %1; fnclex; fldcw %2; fstpt %0; fninit"    \
				 : "=m"(r), "=&a"(*sw)                                \
				 : "m"((const uint16_t){0x37f}), "m"(b), "m"(cw)      \
				 : "memory");                                         \
		return r;                                                             \
	}

/* a in ST(0), b in ST(1); the instruction leaves its result in ST(0) */
#define HOST_X87_BINARY(name, insn)                                                      \
	static struct f80 name(struct f80 a, struct f80 b, uint16_t cw, uint16_t *sw)    \
	{                                                                                \
		struct f80 r;                                                            \
		__asm__ volatile("fninit; fldt %4; fldt %3; fldcw %5; " insn             \
				 "; fnstsw %1; fnclex; fldcw %2; fstpt %0; fninit"       \
				 : "=m"(r), "=&a"(*sw)                                   \
				 : "m"((const uint16_t){0x37f}), "m"(a), "m"(b), "m"(cw) \
				 : "memory");                                            \
		return r;                                                                \
	}

#endif
