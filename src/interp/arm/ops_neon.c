/*
 * Advanced SIMD instructions that programs use most, on whole registers. Fields are as the helper
 * wants them (neon.h), which does all others, and what is not ordinary in floating point. Source:
 * DDI 0406C, A8.8.
 */
#include "interp/arm/neon.h"
#include "interp/softfloat/hostfp.h"

#define VECTORS(name, type)                                                           \
	typedef type name##_d __attribute__((vector_size(8), may_alias, aligned(8))); \
	typedef type name##_q __attribute__((vector_size(16), may_alias, aligned(8)));
VECTORS(u8, u8)
VECTORS(u16, u16)
VECTORS(u32, u32)
VECTORS(u64, u64)
VECTORS(s8, s8)
VECTORS(s16, s16)
VECTORS(s32, s32)
VECTORS(s64, s64)
VECTORS(f, float)

#define V(type, number) (*(type *)&REGS->d[number])
#define AUX		(op->imm >> 32 & 0xff)

/* Of d, n and m: `expr` is what d becomes. */
#define NEON_SIZED(name, type, expr)                                             \
	OP(neon_##name)                                                          \
	{                                                                        \
		type d = V(type, op->a), n = V(type, op->b), m = V(type, op->x); \
		(void)d, (void)n, (void)m;                                       \
		V(type, op->a) = (type)(expr);                                   \
		NEXT;                                                            \
	}
#define NEON(name, type, expr)                        \
	NEON_SIZED(name##_##type##_d, type##_d, expr) \
	NEON_SIZED(name##_##type##_q, type##_q, expr)

#define NEON_SIGNED(name, expr)	  NEON(name, s8, expr) NEON(name, s16, expr) NEON(name, s32, expr)
#define NEON_UNSIGNED(name, expr) NEON(name, u8, expr) NEON(name, u16, expr) NEON(name, u32, expr)
#define NEON_EACH(name, expr)	  NEON_UNSIGNED(name, expr)
#define NEON_BOTH(name, expr)	  NEON_SIGNED(name, expr) NEON_UNSIGNED(name, expr)

NEON_EACH(add, n + m)
NEON(add, u64, n + m)
NEON_EACH(sub, n - m)
NEON(sub, u64, n - m)
NEON_EACH(mul, n *m)
NEON_EACH(mla, d + n * m)
NEON_EACH(mls, d - n * m)
NEON_EACH(ceq, n == m)
NEON_EACH(tst, (n & m) != 0)
NEON_BOTH(cgt, n > m)
NEON_BOTH(cge, n >= m)
#define CHOOSE(c, a, b) (((a) & (__typeof__(a))(c)) | ((b) & ~(__typeof__(a))(c)))
NEON_BOTH(max, CHOOSE(n > m, n, m))
NEON_BOTH(min, CHOOSE(n < m, n, m))
NEON_EACH(neg, -m)
NEON(and, u64, n &m)
NEON(bic, u64, n & ~m)
NEON(orr, u64, n | m)
NEON(orn, u64, n | ~m)
NEON(eor, u64, n ^ m)
NEON(bsl, u64, (n & d) | (m & ~d))
NEON(bit, u64, (n & m) | (d & ~m))
NEON(bif, u64, (n & ~m) | (d & m))
NEON(mvn, u64, ~m)

/* Shifts by less than the lane's width: arm_neon_handler() sees to that. */
NEON_EACH(shl, m << (unsigned char)AUX)
NEON(shl, u64, m << AUX)
NEON_BOTH(shr, m >> (unsigned char)AUX)
NEON(shr, u64, m >> AUX)
NEON(shr, s64, m >> (s64)AUX)

/* --- single precision, in the standard mode --- */

/* On the host, if every lane is as soft-float would have it (hostfp.h). */
#define F_BITS(value, i) f32_bits((value)[i])
#define F_GOOD_f_d(v)	 (f32_ordinary_or_zero(F_BITS(v, 0)) & f32_ordinary_or_zero(F_BITS(v, 1)))
#define F_GOOD_f_q(v)                                                              \
	(f32_ordinary_or_zero(F_BITS(v, 0)) & f32_ordinary_or_zero(F_BITS(v, 1)) & \
	 f32_ordinary_or_zero(F_BITS(v, 2)) & f32_ordinary_or_zero(F_BITS(v, 3)))

#if HOST_HAS_SSE
#define NEON_F_SIZED(name, type, scalar, product, sum)                                       \
	OP(neon_##name)                                                                      \
	{                                                                                    \
		type d = V(type, op->a), n = V(type, op->b), m = V(type, op->x);             \
		if (scalar)                                                                  \
			m = (type){0} + ((const float *)&REGS->d[op->x])[op->imm >> 40 & 1]; \
		(void)d;                                                                     \
		type first = (product), res = (sum);                                         \
		if (LIKELY(fp_host_ready(&CPU->fp_std) && F_GOOD_##type(first) &&            \
			   F_GOOD_##type(res) && FP_HOST_CLEAN(res[0])))                     \
			V(type, op->a) = res;                                                \
		else                                                                         \
			SLOW(arm_h_neon(CPU, op));                                           \
		NEXT;                                                                        \
	}
#define NEON_F(name, product, sum)                         \
	NEON_F_SIZED(name##_d, f_d, false, product, sum)   \
	NEON_F_SIZED(name##_q, f_q, false, product, sum)   \
	NEON_F_SIZED(name##_by_d, f_d, true, product, sum) \
	NEON_F_SIZED(name##_by_q, f_q, true, product, sum)
NEON_F(fadd, n + m, first)
NEON_F(fsub, n - m, first)
NEON_F(fmul, n *m, first)
NEON_F(fmla, n *m, d + first)
NEON_F(fmls, n *m, d - first)
#endif

/* --- the table --- */

#ifndef RATITE_BITCODE

enum { ANY, S, U }; /* is_unsigned */

struct row {
	u8 op, log2, sign;
	bool scalar;
	handler_fn *d, *q;
};

#define ROW(op, log2, sign, name, type) \
	{op, log2, sign, false, arm_op_neon_##name##_##type##_d, arm_op_neon_##name##_##type##_q}
#define EACH(op, name) \
	ROW(op, 0, ANY, name, u8), ROW(op, 1, ANY, name, u16), ROW(op, 2, ANY, name, u32)
#define BOTH(op, name)                                                               \
	ROW(op, 0, S, name, s8), ROW(op, 1, S, name, s16), ROW(op, 2, S, name, s32), \
		ROW(op, 0, U, name, u8), ROW(op, 1, U, name, u16), ROW(op, 2, U, name, u32)
#define LOGIC(op, name) ROW(op, 3, ANY, name, u64)
#define FLOAT(op, name)                                                                \
	{op, 2, ANY, false, arm_op_neon_##name##_d, arm_op_neon_##name##_q},           \
	{                                                                              \
		op, 2, ANY, true, arm_op_neon_##name##_by_d, arm_op_neon_##name##_by_q \
	}

static const struct row rows[] = {
	EACH(N_ADD, add),
	ROW(N_ADD, 3, ANY, add, u64),
	EACH(N_SUB, sub),
	ROW(N_SUB, 3, ANY, sub, u64),
	EACH(N_MUL, mul),
	EACH(N_MLA, mla),
	EACH(N_MLS, mls),
	EACH(N_CEQ, ceq),
	EACH(N_TST, tst),
	BOTH(N_CGT, cgt),
	BOTH(N_CGE, cge),
	BOTH(N_MAX, max),
	BOTH(N_MIN, min),
	EACH(N_NEG, neg),
	EACH(N_SHLI, shl),
	ROW(N_SHLI, 3, ANY, shl, u64),
	BOTH(N_SHRI, shr),
	ROW(N_SHRI, 3, S, shr, s64),
	ROW(N_SHRI, 3, U, shr, u64),
	LOGIC(N_AND, and),
	LOGIC(N_BIC, bic),
	LOGIC(N_ORR, orr),
	LOGIC(N_ORN, orn),
	LOGIC(N_EOR, eor),
	LOGIC(N_BSL, bsl),
	LOGIC(N_BIT, bit),
	LOGIC(N_BIF, bif),
#if HOST_HAS_SSE
	FLOAT(N_FADD, fadd),
	FLOAT(N_FSUB, fsub),
	FLOAT(N_FMUL, fmul),
	FLOAT(N_FMLA, fmla),
	FLOAT(N_FMLS, fmls),
#endif
};

handler_fn *arm_neon_handler(const struct neon_form *f)
{
	bool shift = f->op == N_SHRI || f->op == N_SHLI;

	if (f->shape != SHAPE_SAME || f->zero || (shift && f->aux >= 8u << f->log2))
		return NULL;
	for (unsigned int i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct row *r = &rows[i];
		if (r->op == f->op && r->log2 == f->log2 && r->scalar == (f->scalar >= 0) &&
		    (r->sign == ANY || r->sign == (f->is_unsigned ? U : S)))
			return f->quad ? r->q : r->d;
	}
	return NULL;
}

#endif
