/*
 * The x87's transcendental functions by the host's own instructions; on hosts without an x87 by the
 * portable ones.
 *
 * The host's x87 environment is saved and restored around each, so nothing of what the guest does
 * leaks into the emulator's own arithmetic. Overflow, underflow and precision run unmasked where
 * the guest has them unmasked, since results differ then; the exception that becomes pending is
 * cleared before the next waiting instruction would see it. The other three stay masked: where the
 * guest traps them, it never sees the result.
 */
#include "interp/softfloat/x87.h"

#if defined(__x86_64__) || defined(__i386__)

#define SW_C1 0x0200
#define SW_C2 0x0400

struct environment {
	uint32_t words[7];
};

static const uint16_t masked_control = 0x37f;

static uint16_t control_word(const struct fp_status *st)
{
	unsigned int unmasked = st->traps & (FP_OVERFLOW | FP_UNDERFLOW | FP_INEXACT);

	return (uint16_t)((0x3f & ~unmasked) | 0x300 | (st->round & 3u) << 10);
}

static void take_status(uint16_t sw, struct fp_status *st)
{
	st->flags |= sw & FP_FLAGS;
	st->rounded_up = (sw & SW_C1) != 0;
}

/* `load` pushes operand(s) from a_ and b_; the instruction leaves one result. */
#define RUN_ONE(load, insn, a_, b_, result, sw, st)                                             \
	do {                                                                                    \
		struct environment env_;                                                        \
		uint16_t cw_ = control_word(st);                                                \
		__asm__ volatile(                                                               \
			"fnstenv %[env]; fnclex; fldcw %[cw]; " load insn                       \
			"; fnstsw %[sw_]; fnclex; fldcw %[masked]; fstpt %[res]; "              \
			"fldenv %[env]"                                                         \
			: [env] "=&m"(env_), [res] "=&m"(result), [sw_] "=&a"(sw)               \
			: [cw] "m"(cw_), [masked] "m"(masked_control), [a] "m"(a_), [b] "m"(b_) \
			: "memory", "st", "st(1)");                                             \
	} while (0)

/* The instruction replaces a by *first and pushes *second, unless C2 says that it did nothing. */
#define RUN_TWO(insn, a_, first, second, sw, st)                                                  \
	do {                                                                                      \
		struct environment env_;                                                          \
		uint16_t cw_ = control_word(st);                                                  \
		__asm__ volatile(                                                                 \
			"fnstenv %[env]; fnclex; fldcw %[cw]; fldt %[a]; " insn                   \
			"; fnstsw %[sw_]; fnclex; fldcw %[masked]; fstpt %[s]; "                  \
			"testw $0x400, %[sw_]; jnz 1f; fstpt %[f]; 1: fldenv %[env]"              \
			: [env] "=&m"(env_), [f] "=&m"(first), [s] "=&m"(second), [sw_] "=&a"(sw) \
			: [cw] "m"(cw_), [masked] "m"(masked_control), [a] "m"(a_)                \
			: "memory", "cc", "st", "st(1)");                                         \
	} while (0)

#define TWO_OPERANDS "fldt %[a]; fldt %[b]; "

struct f80 x87_2xm1(struct f80 a, struct fp_status *st)
{
	struct f80 result;
	uint16_t sw;

	RUN_ONE("fldt %[a]; ", "f2xm1", a, a, result, sw, st);
	take_status(sw, st);
	return result;
}

struct f80 x87_yl2x(struct f80 y, struct f80 x, struct fp_status *st)
{
	struct f80 result;
	uint16_t sw;

	RUN_ONE(TWO_OPERANDS, "fyl2x", y, x, result, sw, st);
	take_status(sw, st);
	return result;
}

struct f80 x87_yl2xp1(struct f80 y, struct f80 x, struct fp_status *st)
{
	struct f80 result;
	uint16_t sw;

	RUN_ONE(TWO_OPERANDS, "fyl2xp1", y, x, result, sw, st);
	take_status(sw, st);
	return result;
}

struct f80 x87_patan(struct f80 y, struct f80 x, struct fp_status *st)
{
	struct f80 result;
	uint16_t sw;

	RUN_ONE(TWO_OPERANDS, "fpatan", y, x, result, sw, st);
	take_status(sw, st);
	return result;
}

bool x87_trig(enum x87_trig which, struct f80 a, struct f80 *first, struct f80 *second,
	      struct fp_status *st)
{
	struct f80 f = a, s = a;
	uint16_t sw;

	switch (which) {
	case X87_SIN: RUN_ONE("fldt %[a]; ", "fsin", a, a, f, sw, st); break;
	case X87_COS: RUN_ONE("fldt %[a]; ", "fcos", a, a, f, sw, st); break;
	case X87_TAN: RUN_TWO("fptan", a, f, s, sw, st); break;
	default: RUN_TWO("fsincos", a, f, s, sw, st); break;
	}
	if (sw & SW_C2)
		return false;
	take_status(sw, st);
	if (first)
		*first = f;
	if (second)
		*second = s;
	return true;
}

#else

struct f80 x87_2xm1(struct f80 a, struct fp_status *st)
{
	return x87_portable_2xm1(a, st);
}

struct f80 x87_yl2x(struct f80 y, struct f80 x, struct fp_status *st)
{
	return x87_portable_yl2x(y, x, st);
}

struct f80 x87_yl2xp1(struct f80 y, struct f80 x, struct fp_status *st)
{
	return x87_portable_yl2xp1(y, x, st);
}

struct f80 x87_patan(struct f80 y, struct f80 x, struct fp_status *st)
{
	return x87_portable_patan(y, x, st);
}

bool x87_trig(enum x87_trig which, struct f80 a, struct f80 *first, struct f80 *second,
	      struct fp_status *st)
{
	return x87_portable_trig(which, a, first, second, st);
}

#endif
