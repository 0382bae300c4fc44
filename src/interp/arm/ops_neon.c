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
typedef u8 u8x4_v __attribute__((vector_size(4)));

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

NEON_BOTH(sra, d + (m >> (unsigned char)AUX))
NEON_BOTH(abd, CHOOSE(n > m, n - m, m - n))
NEON_SIGNED(abs, CHOOSE(m < 0, -m, m))
NEON_SIGNED(cgt0, m > 0)
NEON_SIGNED(cge0, m >= 0)
NEON_SIGNED(ceq0, m == 0)
NEON_SIGNED(cle0, m <= 0)
NEON_SIGNED(clt0, m < 0)
NEON(fabs, u32, m & 0x7fffffff)
NEON(fneg, u32, m ^ 0x80000000)

/* --- lanes of different width, and by a scalar --- */

#define WIDEN(wide, v)	  __builtin_convertvector(v, wide)
#define LANE(type)	  (((const type *)&REGS->d[op->x])[op->imm >> 40 & 7])
#define NARROW_D(type, v) (V(type##_d, op->a) = __builtin_convertvector(v, type##_d))

/* d is wide; n is where the shape says so; m a register or a scalar. */
#define NEON_LONG(name, type, wide, nexpr, mexpr, expr)                \
	OP(neon_##name##_##type)                                       \
	{                                                              \
		wide##_q d = V(wide##_q, op->a), n = nexpr, m = mexpr; \
		(void)d, (void)n, (void)m;                             \
		V(wide##_q, op->a) = (wide##_q)(expr);                 \
		NEXT;                                                  \
	}
#define FULL(type, wide)   WIDEN(wide##_q, V(type##_d, op->b))
#define FULL_M(type, wide) WIDEN(wide##_q, V(type##_d, op->x))
#define BY(type, wide)	   ((wide##_q){0} + (wide)LANE(type))

#define NEON_LONGS(type, wide)                                                       \
	NEON_LONG(addl, type, wide, FULL(type, wide), FULL_M(type, wide), n + m)     \
	NEON_LONG(subl, type, wide, FULL(type, wide), FULL_M(type, wide), n - m)     \
	NEON_LONG(mull, type, wide, FULL(type, wide), FULL_M(type, wide), n *m)      \
	NEON_LONG(mlal, type, wide, FULL(type, wide), FULL_M(type, wide), d + n * m) \
	NEON_LONG(mlsl, type, wide, FULL(type, wide), FULL_M(type, wide), d - n * m) \
	NEON_LONG(addw, type, wide, V(wide##_q, op->b), FULL_M(type, wide), n + m)   \
	NEON_LONG(subw, type, wide, V(wide##_q, op->b), FULL_M(type, wide), n - m)   \
	NEON_LONG(shll, type, wide, d, FULL_M(type, wide), m << (unsigned char)AUX)
NEON_LONGS(s8, s16)
NEON_LONGS(u8, u16)
NEON_LONGS(s16, s32)
NEON_LONGS(u16, u32)
NEON_LONGS(s32, s64)
NEON_LONGS(u32, u64)

#define NEON_BYS(type, wide)                                                        \
	NEON_LONG(mull_by, type, wide, FULL(type, wide), BY(type, wide), n *m)      \
	NEON_LONG(mlal_by, type, wide, FULL(type, wide), BY(type, wide), d + n * m) \
	NEON_LONG(mlsl_by, type, wide, FULL(type, wide), BY(type, wide), d - n * m)
NEON_BYS(s16, s32)
NEON_BYS(u16, u32)
NEON_BYS(s32, s64)
NEON_BYS(u32, u64)

#define NEON_SAME_BY(name, type, size, expr)                       \
	OP(neon_##name##_by_##type##_##size)                       \
	{                                                          \
		type##_##size d = V(type##_##size, op->a);         \
		type##_##size n = V(type##_##size, op->b);         \
		type##_##size m = (type##_##size){0} + LANE(type); \
		(void)d;                                           \
		V(type##_##size, op->a) = expr;                    \
		NEXT;                                              \
	}
#define NEON_SAME_BYS(type, size)                \
	NEON_SAME_BY(mul, type, size, n *m)      \
	NEON_SAME_BY(mla, type, size, d + n * m) \
	NEON_SAME_BY(mls, type, size, d - n * m)
NEON_SAME_BYS(u16, d)
NEON_SAME_BYS(u16, q)
NEON_SAME_BYS(u32, d)
NEON_SAME_BYS(u32, q)

#define NEON_NARROWS(type, wide)                                          \
	OP(neon_movn_##type)                                              \
	{                                                                 \
		NARROW_D(type, V(wide##_q, op->x));                       \
		NEXT;                                                     \
	}                                                                 \
	OP(neon_shrn_##type)                                              \
	{                                                                 \
		NARROW_D(type, V(wide##_q, op->x) >> (unsigned char)AUX); \
		NEXT;                                                     \
	}
NEON_NARROWS(u8, u16)
NEON_NARROWS(u16, u32)
NEON_NARROWS(u32, u64)

/* Sums of neighbours. */
OP(neon_padd_u8)
{
	u16_d n = V(u16_d, op->b), m = V(u16_d, op->x);
	u8x4_v low = __builtin_convertvector(n + (n >> 8), u8x4_v);
	u8x4_v high = __builtin_convertvector(m + (m >> 8), u8x4_v);

	V(u8_d, op->a) = __builtin_shufflevector(low, high, 0, 1, 2, 3, 4, 5, 6, 7);
	NEXT;
}

OP(neon_padd_u16)
{
	u16_d n = V(u16_d, op->b), m = V(u16_d, op->x);

	V(u16_d, op->a) = __builtin_shufflevector(n, m, 0, 2, 4, 6) +
			  __builtin_shufflevector(n, m, 1, 3, 5, 7);
	NEXT;
}

OP(neon_padd_u32)
{
	u32_d n = V(u32_d, op->b), m = V(u32_d, op->x);

	V(u32_d, op->a) = __builtin_shufflevector(n, m, 0, 2) + __builtin_shufflevector(n, m, 1, 3);
	NEXT;
}

/* --- moves --- */

/* a: D; imm: the value; s: 0 VMOV, 1 VORR, 2 VBIC; disp: two of them */
#define CONSTANT(d) (op->s == 0 ? op->imm : op->s == 1 ? (d) | op->imm : (d) & ~op->imm)
OP(neon_const)
{
	REGS->d[op->a] = CONSTANT(REGS->d[op->a]);
	if (op->disp)
		REGS->d[op->a + 1] = CONSTANT(REGS->d[op->a + 1]);
	NEXT;
}

#define REPEATED(value, log2)                                              \
	((log2) == 0   ? ((value) & 0xff) * UINT64_C(0x0101010101010101)   \
	 : (log2) == 1 ? ((value) & 0xffff) * UINT64_C(0x0001000100010001) \
		       : ((value) & 0xffffffff) * UINT64_C(0x0000000100000001))

/* a: D; x: D; s: log2, disp: lane; imm: two */
OP(neon_dup)
{
	u64 lane = REGS->d[op->x] >> ((unsigned int)op->disp << op->s) * 8;
	u64 value = REPEATED(lane, op->s);

	REGS->d[op->a] = value;
	if (op->imm)
		REGS->d[op->a + 1] = value;
	NEXT;
}

/* From a core register a; b: D; s: log2, bit 2: two */
OP(neon_dup_core)
{
	u64 value = REPEATED((u64)R(op->a), op->s & 3);

	REGS->d[op->b] = value;
	if (op->s & 4)
		REGS->d[op->b + 1] = value;
	NEXT;
}

/* Between a core register a and a lane of b: x bits from its start, s: log2, bit 2: signed. */
#define LANE_AT(type) (((type *)&REGS->d[op->b])[op->x / (8 * sizeof(type))])
OP(neon_to_lane)
{
	if ((op->s & 3) == 0)
		LANE_AT(u8) = (u8)R(op->a);
	else if ((op->s & 3) == 1)
		LANE_AT(u16) = (u16)R(op->a);
	else
		LANE_AT(u32) = R(op->a);
	NEXT;
}

OP(neon_from_lane)
{
	switch (op->s) {
	case 0: W(op->a, LANE_AT(u8)); break;
	case 1: W(op->a, LANE_AT(u16)); break;
	case 4: W(op->a, (u32)LANE_AT(s8)); break;
	case 5: W(op->a, (u32)LANE_AT(s16)); break;
	default: W(op->a, LANE_AT(u32)); break;
	}
	NEXT;
}

/* a = bytes from s on of x:b; imm: quad */
#define FUNNEL(low, high, bits) ((bits) ? (low) >> (bits) | (high) << (64 - (bits)) : (low))
OP(neon_ext)
{
	const u64 *n = &REGS->d[op->b], *m = &REGS->d[op->x];
	unsigned int bits = 8 * (op->s & 7u);
	u64 first, second;

	if (!op->imm) {
		REGS->d[op->a] = FUNNEL(n[0], m[0], bits);
	} else {
		first = op->s < 8 ? FUNNEL(n[0], n[1], bits) : FUNNEL(n[1], m[0], bits);
		second = op->s < 8 ? FUNNEL(n[1], m[0], bits) : FUNNEL(m[0], m[1], bits);
		REGS->d[op->a] = first;
		REGS->d[op->a + 1] = second;
	}
	NEXT;
}

/* a = x with lanes of 1 << disp bytes reversed in groups of s bytes; imm: quad */
static ALWAYS_INLINE u64 reverse(u64 v, unsigned int log2, unsigned int group)
{
	if (log2 == 0)
		v = (v >> 8 & UINT64_C(0x00ff00ff00ff00ff)) | (v & UINT64_C(0x00ff00ff00ff00ff))
								      << 8;
	if (log2 <= 1 && group >= 4)
		v = (v >> 16 & UINT64_C(0x0000ffff0000ffff)) | (v & UINT64_C(0x0000ffff0000ffff))
								       << 16;
	return group == 8 ? v >> 32 | v << 32 : v;
}

OP(neon_rev)
{
	REGS->d[op->a] = reverse(REGS->d[op->x], (unsigned int)op->disp, op->s);
	if (op->imm)
		REGS->d[op->a + 1] = reverse(REGS->d[op->x + 1], (unsigned int)op->disp, op->s);
	NEXT;
}

/* --- single precision, in the standard mode --- */

/* On the host, if every lane is as soft-float would have it (hostfp.h). */
#define F_BITS(value, i) f32_bits((value)[i])
#define F_GOOD_f_d(v)	 (f32_ordinary_or_zero(F_BITS(v, 0)) & f32_ordinary_or_zero(F_BITS(v, 1)))
#define F_GOOD_f_q(v)                                                              \
	(f32_ordinary_or_zero(F_BITS(v, 0)) & f32_ordinary_or_zero(F_BITS(v, 1)) & \
	 f32_ordinary_or_zero(F_BITS(v, 2)) & f32_ordinary_or_zero(F_BITS(v, 3)))

#if HOST_HAS_SSE
/*
 * In a region of compiled code it may be known that inexact has been recorded; all other flags of
 * the host are the guest's once it is left. Then the host's result is right where neither operands
 * nor results are NaNs, denormal or the smallest normal number, to which a tiny one is rounded up.
 */
#ifdef RATITE_BITCODE
bool jit_assumes_inexact(void) __attribute__((const));
#define INEXACT_IS_KNOWN jit_assumes_inexact()
#else
#define INEXACT_IS_KNOWN false
#endif

#define ANY_f_d(hits)                              \
	({                                         \
		u64 all_;                          \
		__builtin_memcpy(&all_, &hits, 8); \
		all_ != 0;                         \
	})
#define ANY_f_q(hits)                              \
	({                                         \
		u64 all_[2];                       \
		__builtin_memcpy(all_, &hits, 16); \
		(all_[0] | all_[1]) != 0;          \
	})
/* Without the sign, 1 to 0x1000000 and above 0xff000000; moved so that all are at the top. */
#define ODD_LANES(type, ints, uints, value)                                                        \
	({                                                                                         \
		type odd_ = (value);                                                               \
		uints doubled_ = (uints)odd_ << 1;                                                 \
		ints hits_ = ((ints)(doubled_ + 0x7effffff) > 0x7dffffff) & (ints)(doubled_ != 0); \
		ANY_##type(hits_);                                                                 \
	})
/* No operation is dropped or moved out of the region. */
#define KEPT(type, value)                           \
	({                                          \
		type kept_ = (value);               \
		__asm__ volatile("" : "+x"(kept_)); \
		kept_;                              \
	})

#define NEON_F_SIZED(name, type, ints, uints, scalar, has_d, product, sum)                       \
	OP(neon_##name)                                                                          \
	{                                                                                        \
		type d = V(type, op->a), n = V(type, op->b), m = V(type, op->x);                 \
		if (scalar)                                                                      \
			m = (type){0} + ((const float *)&REGS->d[op->x])[op->imm >> 40 & 1];     \
		(void)d;                                                                         \
		if (INEXACT_IS_KNOWN &&                                                          \
		    UNLIKELY(ODD_LANES(type, ints, uints, n) | ODD_LANES(type, ints, uints, m) | \
			     (has_d && ODD_LANES(type, ints, uints, d))))                        \
			SLOW_NEXT(arm_h_neon(CPU, op));                                          \
		type first = (product);                                                          \
		if (INEXACT_IS_KNOWN)                                                            \
			first = KEPT(type, first);                                               \
		type res = (sum);                                                                \
		if (INEXACT_IS_KNOWN) {                                                          \
			res = KEPT(type, res);                                                   \
			if (UNLIKELY(ODD_LANES(type, ints, uints, first) |                       \
				     (has_d && ODD_LANES(type, ints, uints, res))))              \
				SLOW_NEXT(arm_h_neon(CPU, op));                                  \
			V(type, op->a) = res;                                                    \
		} else if (LIKELY(fp_host_ready(&CPU->fp_std) && F_GOOD_##type(first) &&         \
				  F_GOOD_##type(res) && FP_HOST_CLEAN(res[0]))) {                \
			V(type, op->a) = res;                                                    \
		} else {                                                                         \
			SLOW(arm_h_neon(CPU, op));                                               \
		}                                                                                \
		NEXT;                                                                            \
	}
#ifdef RATITE_BITCODE
#define SLOW_NEXT(expr) return BODY_INTERPRET
#else
#define SLOW_NEXT(expr) (void)0
#endif
#define NEON_F(name, has_d, product, sum)                                       \
	NEON_F_SIZED(name##_d, f_d, s32_d, u32_d, false, has_d, product, sum)   \
	NEON_F_SIZED(name##_q, f_q, s32_q, u32_q, false, has_d, product, sum)   \
	NEON_F_SIZED(name##_by_d, f_d, s32_d, u32_d, true, has_d, product, sum) \
	NEON_F_SIZED(name##_by_q, f_q, s32_q, u32_q, true, has_d, product, sum)
NEON_F(fadd, false, n + m, first)
NEON_F(fsub, false, n - m, first)
NEON_F(fmul, false, n *m, first)
NEON_F(fmla, true, n *m, d + first)
NEON_F(fmls, true, n *m, d - first)
#endif

/* --- the table --- */

#ifndef RATITE_BITCODE

enum { ANY, S, U }; /* is_unsigned */

struct row {
	u8 op, log2, sign;
	bool scalar;
	handler_fn *d, *q;
	u8 shape;
	bool zero;
};

#define ROW(op, log2, sign, name, type)   \
	{op,                              \
	 log2,                            \
	 sign,                            \
	 false,                           \
	 arm_op_neon_##name##_##type##_d, \
	 arm_op_neon_##name##_##type##_q, \
	 SHAPE_SAME,                      \
	 false}
#define ZERO(op, name) \
	ZERO_ROW(op, 0, name, s8), ZERO_ROW(op, 1, name, s16), ZERO_ROW(op, 2, name, s32)
#define ZERO_ROW(op, log2, name, type)    \
	{op,                              \
	 log2,                            \
	 ANY,                             \
	 false,                           \
	 arm_op_neon_##name##_##type##_d, \
	 arm_op_neon_##name##_##type##_q, \
	 SHAPE_SAME,                      \
	 true}
#define SHAPED(op, log2, sign, scalar, shape, name, type)                                     \
	{op,	log2, sign, scalar, arm_op_neon_##name##_##type, arm_op_neon_##name##_##type, \
	 shape, false}
/* By signedness and size. */
#define LONGS(op, shape, name)                                                              \
	SHAPED(op, 0, S, false, shape, name, s8), SHAPED(op, 0, U, false, shape, name, u8), \
		SHAPED(op, 1, S, false, shape, name, s16),                                  \
		SHAPED(op, 1, U, false, shape, name, u16),                                  \
		SHAPED(op, 2, S, false, shape, name, s32),                                  \
		SHAPED(op, 2, U, false, shape, name, u32)
#define LONGS_BY(op, name)                                     \
	SHAPED(op, 1, S, true, SHAPE_LONG, name, s16),         \
		SHAPED(op, 1, U, true, SHAPE_LONG, name, u16), \
		SHAPED(op, 2, S, true, SHAPE_LONG, name, s32), \
		SHAPED(op, 2, U, true, SHAPE_LONG, name, u32)
#define PLAIN3(op, shape, name)                                                                  \
	SHAPED(op, 0, ANY, false, shape, name, u8), SHAPED(op, 1, ANY, false, shape, name, u16), \
		SHAPED(op, 2, ANY, false, shape, name, u32)
#define SAME_BY(op, name)                                                                       \
	{                                                                                       \
		op,                                                                             \
		1,                                                                              \
		ANY,                                                                            \
		true,                                                                           \
		arm_op_neon_##name##_by_u16_d,                                                  \
		arm_op_neon_##name##_by_u16_q,                                                  \
		SHAPE_SAME,                                                                     \
		false},                                                                         \
	{                                                                                       \
		op, 2, ANY, true, arm_op_neon_##name##_by_u32_d, arm_op_neon_##name##_by_u32_q, \
			SHAPE_SAME, false                                                       \
	}
#define EACH(op, name) \
	ROW(op, 0, ANY, name, u8), ROW(op, 1, ANY, name, u16), ROW(op, 2, ANY, name, u32)
#define BOTH(op, name)                                                               \
	ROW(op, 0, S, name, s8), ROW(op, 1, S, name, s16), ROW(op, 2, S, name, s32), \
		ROW(op, 0, U, name, u8), ROW(op, 1, U, name, u16), ROW(op, 2, U, name, u32)
#define LOGIC(op, name) ROW(op, 3, ANY, name, u64)
#define FLOAT(op, name)                                                                         \
	{op, 2, ANY, false, arm_op_neon_##name##_d, arm_op_neon_##name##_q, SHAPE_SAME, false}, \
	{                                                                                       \
		op, 2, ANY, true, arm_op_neon_##name##_by_d, arm_op_neon_##name##_by_q,         \
			SHAPE_SAME, false                                                       \
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
	SAME_BY(N_MUL, mul),
	SAME_BY(N_MLA, mla),
	SAME_BY(N_MLS, mls),
	LONGS(N_ADD, SHAPE_LONG, addl),
	LONGS(N_SUB, SHAPE_LONG, subl),
	LONGS(N_MUL, SHAPE_LONG, mull),
	LONGS(N_MLA, SHAPE_LONG, mlal),
	LONGS(N_MLS, SHAPE_LONG, mlsl),
	LONGS(N_ADD, SHAPE_WIDE, addw),
	LONGS(N_SUB, SHAPE_WIDE, subw),
	LONGS(N_SHLI, SHAPE_LONG, shll),
	LONGS_BY(N_MUL, mull_by),
	LONGS_BY(N_MLA, mlal_by),
	LONGS_BY(N_MLS, mlsl_by),
	PLAIN3(N_MOV, SHAPE_NARROW, movn),
	PLAIN3(N_SHRN, SHAPE_NARROW, shrn),
	PLAIN3(N_ADD, SHAPE_PAIR, padd),
	BOTH(N_SRA, sra),
	BOTH(N_ABD, abd),
	ROW(N_ABS, 0, ANY, abs, s8),
	ROW(N_ABS, 1, ANY, abs, s16),
	ROW(N_ABS, 2, ANY, abs, s32),
	ZERO(N_CGT, cgt0),
	ZERO(N_CGE, cge0),
	ZERO(N_CEQ, ceq0),
	ZERO(N_CLE, cle0),
	ZERO(N_CLT, clt0),
	ROW(N_FABS, 2, ANY, fabs, u32),
	ROW(N_FNEG, 2, ANY, fneg, u32),
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
	bool shift = f->op == N_SHRI || f->op == N_SHLI || f->op == N_SRA;
	unsigned int bits = f->shape == SHAPE_SAME ? 8u << f->log2 : 16u << f->log2;

	if (shift && f->aux >= bits)
		return NULL;
	for (unsigned int i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct row *r = &rows[i];
		if (r->op == f->op && r->log2 == f->log2 && r->scalar == (f->scalar >= 0) &&
		    r->shape == f->shape && r->zero == f->zero &&
		    (r->sign == ANY || r->sign == (f->is_unsigned ? U : S)))
			return f->quad ? r->q : r->d;
	}
	return NULL;
}

#endif
