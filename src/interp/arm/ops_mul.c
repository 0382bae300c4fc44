/* Multiplication, extension, bit fields, division. Accumulator or high word: register s. */
#include "interp/arm/ops_dp.h"

#define NZ32(res) (REGS->n = REGS->z = (res))

#define MULTIPLY(name, expr)    \
	OP(name)                \
	{                       \
		W(op->a, expr); \
		NEXT;           \
	}                       \
	OP(name##s)             \
	{                       \
		u32 res = expr; \
		W(op->a, res);  \
		NZ32(res);      \
		NEXT;           \
	}
MULTIPLY(mul, R(op->b) * R(op->x))
MULTIPLY(mla, R(op->b) * R(op->x) + R(op->s))

OP(mls)
{
	W(op->a, R(op->s) - R(op->b) * R(op->x));
	NEXT;
}

#define ACCUMULATOR ((u64)R(op->s) << 32 | R(op->a))

#define LONG_MULTIPLY(name, expr)                      \
	OP(name)                                       \
	{                                              \
		u64 res = expr;                        \
		W(op->a, (u32)res);                    \
		W(op->s, (u32)(res >> 32));            \
		NEXT;                                  \
	}                                              \
	OP(name##s)                                    \
	{                                              \
		u64 res = expr;                        \
		W(op->a, (u32)res);                    \
		W(op->s, (u32)(res >> 32));            \
		REGS->n = (u32)(res >> 32);            \
		REGS->z = (u32)res | (u32)(res >> 32); \
		NEXT;                                  \
	}
LONG_MULTIPLY(umull, (u64)R(op->b) * R(op->x))
LONG_MULTIPLY(umlal, (u64)R(op->b) * R(op->x) + ACCUMULATOR)
LONG_MULTIPLY(smull, (u64)((s64)(s32)R(op->b) * (s32)R(op->x)))
LONG_MULTIPLY(smlal, (u64)((s64)(s32)R(op->b) * (s32)R(op->x)) + ACCUMULATOR)

/* SMULxy, SMLAxy: T is the upper half. */
#define HALF_B(off) (s32)(s16) R(off)
#define HALF_T(off) ((s32)R(off) >> 16)
#define HALF_MULTIPLY(x_, y_)                                                                  \
	OP(smul_##x_##y_)                                                                      \
	{                                                                                      \
		W(op->a, (u32)(HALF_##x_(op->b) * HALF_##y_(op->x)));                          \
		NEXT;                                                                          \
	}                                                                                      \
	OP(smla_##x_##y_)                                                                      \
	{                                                                                      \
		s32 res;                                                                       \
		if (__builtin_add_overflow(HALF_##x_(op->b) * HALF_##y_(op->x), (s32)R(op->s), \
					   &res))                                              \
			REGS->q = 1;                                                           \
		W(op->a, (u32)res);                                                            \
		NEXT;                                                                          \
	}
HALF_MULTIPLY(B, B)
HALF_MULTIPLY(B, T)
HALF_MULTIPLY(T, B)
HALF_MULTIPLY(T, T)

OP(clz)
{
	u32 value = R(op->x);

	W(op->a, value ? (u32)__builtin_clz(value) : 32);
	NEXT;
}

/* x rotated right by s (0, 8, 16, 24), extended; the adding forms add b. */
static ALWAYS_INLINE u32 rotated(u32 value, unsigned int n)
{
	return value >> n | value << (-n & 31);
}

#define EXTEND(name, type)                                     \
	OP(name)                                               \
	{                                                      \
		W(op->a, (u32)(type)rotated(R(op->x), op->s)); \
		NEXT;                                          \
	}
EXTEND(uxtb, u8)
EXTEND(uxth, u16)
EXTEND(sxtb, s8)
EXTEND(sxth, s16)

#define EXTEND_ADD(name, type)                                            \
	OP(name)                                                          \
	{                                                                 \
		W(op->a, R(op->b) + (u32)(type)rotated(R(op->x), op->s)); \
		NEXT;                                                     \
	}
EXTEND_ADD(uxtab, u8)
EXTEND_ADD(uxtah, u16)
EXTEND_ADD(sxtab, s8)
EXTEND_ADD(sxtah, s16)

/* Bit fields: s is the lowest bit, imm the mask of the field's width. */
OP(ubfx)
{
	W(op->a, R(op->b) >> op->s & (u32)op->imm);
	NEXT;
}

/* disp: 32 - width. */
OP(sbfx)
{
	u32 top = R(op->b) << (op->disp - op->s);

	W(op->a, (u32)((s32)top >> op->disp));
	NEXT;
}

OP(bfi)
{
	u32 mask = (u32)op->imm << op->s;

	W(op->a, (R(op->a) & ~mask) | (R(op->b) << op->s & mask));
	NEXT;
}

OP(bfc)
{
	W(op->a, R(op->a) & ~((u32)op->imm << op->s));
	NEXT;
}

OP(rev)
{
	W(op->a, __builtin_bswap32(R(op->x)));
	NEXT;
}

OP(rev16)
{
	u32 value = R(op->x);

	W(op->a, (value >> 8 & 0x00ff00ff) | (value << 8 & 0xff00ff00));
	NEXT;
}

OP(revsh)
{
	W(op->a, (u32)(s16)__builtin_bswap16((u16)R(op->x)));
	NEXT;
}

OP(sdiv)
{
	s32 a = (s32)R(op->b), b = (s32)R(op->x);

	W(op->a, b == 0 ? 0 : b == -1 ? 0 - (u32)a : (u32)(a / b));
	NEXT;
}

OP(udiv)
{
	u32 b = R(op->x);

	W(op->a, b ? R(op->b) / b : 0);
	NEXT;
}

#ifndef RATITE_BITCODE
/* Index: bit 0 selects b's upper half, bit 1 x's. */
handler_fn *const arm_smul_xy[4] = {arm_op_smul_BB, arm_op_smul_TB, arm_op_smul_BT, arm_op_smul_TT};
handler_fn *const arm_smla_xy[4] = {arm_op_smla_BB, arm_op_smla_TB, arm_op_smla_BT, arm_op_smla_TT};
#endif
