/* Conditions and flags in the form that struct arm_regs keeps. */
#ifndef INTERP_ARM_FLAGS_H
#define INTERP_ARM_FLAGS_H

#include "interp/arm/cpu.h"

/* Bits of op_info.reads, writes. */
enum {
	FLAG_N = 1,
	FLAG_Z = 2,
	FLAG_C = 4,
	FLAG_V = 8,
	FLAGS_NZ = 3,
	FLAGS_NZC = 7,
	FLAGS_ALL = 15
};

enum arm_cc {
	CC_EQ,
	CC_NE,
	CC_CS,
	CC_CC,
	CC_MI,
	CC_PL,
	CC_VS,
	CC_VC,
	CC_HI,
	CC_LS,
	CC_GE,
	CC_LT,
	CC_GT,
	CC_LE,
	CC_AL,
	CC_NV
};

#define FOR_EACH_CC(X)                                                                             \
	X(eq, CC_EQ)                                                                               \
	X(ne, CC_NE)                                                                               \
	X(cs, CC_CS) X(cc, CC_CC) X(mi, CC_MI) X(pl, CC_PL) X(vs, CC_VS) X(vc, CC_VC) X(hi, CC_HI) \
		X(ls, CC_LS) X(ge, CC_GE) X(lt, CC_LT) X(gt, CC_GT) X(le, CC_LE)

static ALWAYS_INLINE bool arm_cond(const struct arm_regs *r, enum arm_cc cc)
{
	switch (cc) {
	case CC_EQ: return r->z == 0;
	case CC_NE: return r->z != 0;
	case CC_CS: return r->c;
	case CC_CC: return !r->c;
	case CC_MI: return (int32_t)r->n < 0;
	case CC_PL: return (int32_t)r->n >= 0;
	case CC_VS: return (int32_t)r->v < 0;
	case CC_VC: return (int32_t)r->v >= 0;
	case CC_HI: return r->c && r->z != 0;
	case CC_LS: return !r->c || r->z == 0;
	case CC_GE: return (int32_t)(r->n ^ r->v) >= 0;
	case CC_LT: return (int32_t)(r->n ^ r->v) < 0;
	case CC_GT: return (int32_t)(r->n ^ r->v) >= 0 && r->z != 0;
	case CC_LE: return (int32_t)(r->n ^ r->v) < 0 || r->z == 0;
	default: return true;
	}
}

/* The same for a comparison a - b (CMP) whose operands are at hand. */
static ALWAYS_INLINE bool arm_cond_cmp(uint32_t a, uint32_t b, enum arm_cc cc)
{
	int32_t sa = (int32_t)a, sb = (int32_t)b;

	switch (cc) {
	case CC_EQ: return a == b;
	case CC_NE: return a != b;
	case CC_CS: return a >= b;
	case CC_CC: return a < b;
	case CC_MI: return (int32_t)(a - b) < 0;
	case CC_PL: return (int32_t)(a - b) >= 0;
	case CC_VS: return (int32_t)((a ^ b) & (a ^ (a - b))) < 0;
	case CC_VC: return (int32_t)((a ^ b) & (a ^ (a - b))) >= 0;
	case CC_HI: return a > b;
	case CC_LS: return a <= b;
	case CC_GE: return sa >= sb;
	case CC_LT: return sa < sb;
	case CC_GT: return sa > sb;
	case CC_LE: return sa <= sb;
	default: return true;
	}
}

/* Which flags a condition looks at. */
static inline uint32_t arm_cond_flags(enum arm_cc cc)
{
	static const uint8_t flags[8] = {FLAG_Z,
					 FLAG_C,
					 FLAG_N,
					 FLAG_V,
					 FLAG_C | FLAG_Z,
					 FLAG_N | FLAG_V,
					 FLAG_N | FLAG_V | FLAG_Z,
					 0};
	return flags[cc >> 1];
}

#endif
