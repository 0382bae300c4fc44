/*
 * Integer operations on XMM registers, shuffles, and moves between registers. Nothing here raises
 * exceptions.
 */
#include "interp/x86/simd.h"

#define BYTES		  16
#define SIMD_OP(name)	  OP(name##_xmm)
#define SIMD_ENTER	  (void)0
#define GET(array, index) __builtin_memcpy(array, &REGS->xmm[index], 16)
#define PUT(index, array) __builtin_memcpy(&REGS->xmm[index], array, 16)
#define LOW64(index)	  REGS->xmm[index].q[0]
#define SIGNS(array)	  sign_mask_s8x16(array)

#include "interp/x86/simd.tmpl.h"

#define X(index) REGS->xmm[index]

/* r is made of lanes of d and s by the statements. */
#define SHUFFLE(name, ...)                                   \
	OP(name)                                             \
	{                                                    \
		union x86_xmm d = X(op->a), s = X(op->b), r; \
		(void)d;                                     \
		__VA_ARGS__                                  \
		X(op->a) = r;                                \
		NEXT;                                        \
	}

SHUFFLE(punpcklqdq, {
	r.q[0] = d.q[0];
	r.q[1] = s.q[0];
})
SHUFFLE(punpckhqdq, {
	r.q[0] = d.q[1];
	r.q[1] = s.q[1];
})

SHUFFLE(pshufd, for (unsigned int i = 0; i < 4; i++) r.d[i] = s.d[op->imm >> 2 * i & 3];)
SHUFFLE(pshuflw, {
	r = s;
	for (unsigned int i = 0; i < 4; i++)
		r.w[i] = s.w[op->imm >> 2 * i & 3];
})
SHUFFLE(pshufhw, {
	r = s;
	for (unsigned int i = 0; i < 4; i++)
		r.w[4 + i] = s.w[4 + (op->imm >> 2 * i & 3)];
})
SHUFFLE(shufps, {
	r.d[0] = d.d[op->imm & 3];
	r.d[1] = d.d[op->imm >> 2 & 3];
	r.d[2] = s.d[op->imm >> 4 & 3];
	r.d[3] = s.d[op->imm >> 6 & 3];
})
SHUFFLE(shufpd, {
	r.q[0] = d.q[op->imm & 1];
	r.q[1] = s.q[op->imm >> 1 & 1];
})

SHUFFLE(movaps, r = s;)
SHUFFLE(movss, {
	r = d;
	r.d[0] = s.d[0];
})
SHUFFLE(movsd, {
	r = d;
	r.q[0] = s.q[0];
})
SHUFFLE(movq_xmm, {
	r.q[0] = s.q[0];
	r.q[1] = 0;
})
SHUFFLE(movhlps, {
	r = d;
	r.q[0] = s.q[1];
})
SHUFFLE(movlhps, {
	r = d;
	r.q[1] = s.q[0];
})
SHUFFLE(movddup, r.q[0] = r.q[1] = s.q[0];)
SHUFFLE(movshdup, {
	r.d[0] = r.d[1] = s.d[1];
	r.d[2] = r.d[3] = s.d[3];
})
SHUFFLE(movsldup, {
	r.d[0] = r.d[1] = s.d[0];
	r.d[2] = r.d[3] = s.d[2];
})

/* Shifts of the whole register by imm bytes. */
OP(pslldq)
{
	unsigned __int128 n;
	__builtin_memcpy(&n, &X(op->a), 16);
	n = op->imm > 15 ? 0 : n << 8 * op->imm;
	__builtin_memcpy(&X(op->a), &n, 16);
	NEXT;
}

OP(psrldq)
{
	unsigned __int128 n;
	__builtin_memcpy(&n, &X(op->a), 16);
	n = op->imm > 15 ? 0 : n >> 8 * op->imm;
	__builtin_memcpy(&X(op->a), &n, 16);
	NEXT;
}

/* --- general registers --- */

OP(movd_from_gpr)
{
	u64 value = R(32, op->b);
	XMM_SET_LOW(op->a, value);
	NEXT;
}

OP(movq_from_gpr)
{
	u64 value = R(64, op->b);
	XMM_SET_LOW(op->a, value);
	NEXT;
}

OP(movd_to_gpr)
{
	W(32, op->a, X(op->b).d[0]);
	NEXT;
}

OP(movq_to_gpr)
{
	W(64, op->a, X(op->b).q[0]);
	NEXT;
}

OP(movmskps)
{
	W(32, op->a, sign_mask_s32x4(&X(op->b)));
	NEXT;
}

OP(movmskpd)
{
	W(32, op->a, sign_mask_s64x2(&X(op->b)));
	NEXT;
}
