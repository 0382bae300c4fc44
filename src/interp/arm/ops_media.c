/*
 * Media instructions: packed halfwords and bytes in vectors of the compiler's, GE as a mask of
 * bytes. Rarer ones are helpers (media.c). Source: DDI 0406C, A8.8.
 */
#include "interp/arm/ops_media.h"

typedef u8 u8x4 __attribute__((vector_size(4)));
typedef s8 s8x4 __attribute__((vector_size(4)));
typedef u16 u16x2 __attribute__((vector_size(4)));
typedef s16 s16x2 __attribute__((vector_size(4)));
/* The same with room for sums. */
typedef s16 w8x4 __attribute__((vector_size(8)));
typedef s32 w16x2 __attribute__((vector_size(8)));

#define AS(type, value)                                       \
	({                                                    \
		__typeof__(value) value_ = (value);           \
		type as_;                                     \
		__builtin_memcpy(&as_, &value_, sizeof(as_)); \
		as_;                                          \
	})

/* --- GE --- */

/* Sums wrap around where they are less than an operand. */
OP(uadd8)
{
	u8x4 n = AS(u8x4, R(op->b)), sum = n + AS(u8x4, R(op->x));

	REGS->ge = AS(u32, sum < n);
	W(op->a, AS(u32, sum));
	NEXT;
}

OP(usub8)
{
	u8x4 n = AS(u8x4, R(op->b)), m = AS(u8x4, R(op->x));

	REGS->ge = AS(u32, n >= m);
	W(op->a, AS(u32, n - m));
	NEXT;
}

OP(sel)
{
	u32 ge = REGS->ge;

	W(op->a, (R(op->b) & ge) | (R(op->x) & ~ge));
	NEXT;
}

/* --- parallel addition and subtraction --- */

#define LIMIT(type, v, low, high)                                                 \
	({                                                                        \
		type below_ = (v)<(low), above_ = (v)>(high);                     \
		((v) & ~below_ & ~above_) | (below_ & (low)) | (above_ & (high)); \
	})

/* The kinds: what becomes of the sums `value`, in lanes of `bits`; `top`: all bits of a lane. */
#define FINISH_s(wide, narrow, value, top, sums) \
	REGS->ge = AS(u32, __builtin_convertvector((wide)(value >= 0), narrow))
#define FINISH_u(wide, narrow, value, top, sums)                                         \
	REGS->ge = AS(u32, __builtin_convertvector(((wide)(value > top) & sums) |        \
							   ((wide)(value >= 0) & ~sums), \
						   narrow))
#define FINISH_q(wide, narrow, value, top, sums) \
	value = LIMIT(wide, value, (wide){0} - (top / 2 + 1), (wide){0} + top / 2)
#define FINISH_uq(wide, narrow, value, top, sums) \
	value = LIMIT(wide, value, (wide){0}, (wide){0} + top)
#define FINISH_sh(wide, narrow, value, top, sums) value = value >> 1
#define FINISH_uh(wide, narrow, value, top, sums) value = value >> 1

/* `sums`: lanes that are added. */
#define PARALLEL(kind, name, wide, narrow, top, sums_, expr)                  \
	OP(kind##name)                                                        \
	{                                                                     \
		const wide sums = sums_;                                      \
		wide a = __builtin_convertvector(AS(narrow, R(op->b)), wide); \
		wide b = __builtin_convertvector(AS(narrow, R(op->x)), wide); \
		wide value = expr;                                            \
		(void)sums;                                                   \
		FINISH_##kind(wide, narrow, value, top, sums);                \
		W(op->a, AS(u32, __builtin_convertvector(value, narrow)));    \
		NEXT;                                                         \
	}

#define BYTES(kind, narrow)                                                       \
	PARALLEL(kind, add8, w8x4, narrow, 0xff, ((w8x4){-1, -1, -1, -1}), a + b) \
	PARALLEL(kind, sub8, w8x4, narrow, 0xff, ((w8x4){0}), a - b)
#define HALVES(kind, narrow)                                                   \
	PARALLEL(kind, add16, w16x2, narrow, 0xffff, ((w16x2){-1, -1}), a + b) \
	PARALLEL(kind, sub16, w16x2, narrow, 0xffff, ((w16x2){0}), a - b)      \
	PARALLEL(kind, asx, w16x2, narrow, 0xffff, ((w16x2){0, -1}),           \
		 ((w16x2){a[0] - b[1], a[1] + b[0]}))                          \
	PARALLEL(kind, sax, w16x2, narrow, 0xffff, ((w16x2){-1, 0}),           \
		 ((w16x2){a[0] + b[1], a[1] - b[0]}))

BYTES(s, s8x4)
BYTES(q, s8x4)
BYTES(sh, s8x4)
BYTES(uq, u8x4)
BYTES(uh, u8x4)
HALVES(s, s16x2)
HALVES(q, s16x2)
HALVES(sh, s16x2)
HALVES(u, u16x2)
HALVES(uq, u16x2)
HALVES(uh, u16x2)

/* --- packing --- */

OP(pkhbt)
{
	W(op->a, (R(op->b) & 0xffff) | (R(op->x) << op->s & 0xffff0000));
	NEXT;
}

/* By 1 to 32. */
OP(pkhtb)
{
	W(op->a, (R(op->b) & 0xffff0000) | ((u32)((s64)(s32)R(op->x) >> op->s) & 0xffff));
	NEXT;
}

OP(rbit)
{
	u32 m = __builtin_bswap32(R(op->x));

	m = (m >> 4 & 0x0f0f0f0f) | (m & 0x0f0f0f0f) << 4;
	m = (m >> 2 & 0x33333333) | (m & 0x33333333) << 2;
	W(op->a, (m >> 1 & 0x55555555) | (m & 0x55555555) << 1);
	NEXT;
}

OP(umaal)
{
	u64 sum = (u64)R(op->b) * R(op->x) + R(op->a) + R(op->s);

	W(op->a, (u32)sum);
	W(op->s, (u32)(sum >> 32));
	NEXT;
}

#ifndef RATITE_BITCODE
#define ROWS(kind, eight)      \
	{arm_op_##kind##add16, \
	 arm_op_##kind##asx,   \
	 arm_op_##kind##sax,   \
	 arm_op_##kind##sub16, \
	 arm_op_##eight##add8, \
	 NULL,                 \
	 NULL,                 \
	 arm_op_##eight##sub8}
handler_fn *const arm_parallel[8][8] = {
	[1] = ROWS(s, s), [2] = ROWS(q, q),   [3] = ROWS(sh, sh),
	[5] = ROWS(u, u), [6] = ROWS(uq, uq), [7] = ROWS(uh, uh),
};
#endif
