/*
 * MMX: the integer operations on the x87 registers' significands; moves between MMX, general and
 * XMM registers. Intel SDM volume 1, chapter 9.
 */
#include "interp/x86/simd.h"

#define BYTES		  8
#define SIMD_OP(name)	  OP(name##_mm)
#define SIMD_ENTER	  MMX_ENTER
#define GET(array, index) __builtin_memcpy(array, &MM(index), 8)
#define PUT(index, array)                          \
	do {                                       \
		u64 out_;                          \
		__builtin_memcpy(&out_, array, 8); \
		MM_WRITE(index, out_);             \
	} while (0)
#define LOW64(index) MM(index)
#define SIGNS(array) sign_mask_s8x8(array)

#include "interp/x86/simd.tmpl.h"

OP(pshufw)
{
	u16 s[4], r[4];
	MMX_ENTER;
	GET(s, op->b);
	for (unsigned int i = 0; i < 4; i++)
		r[i] = s[op->imm >> 2 * i & 3];
	PUT(op->a, r);
	NEXT;
}

OP(movq_mm)
{
	MMX_ENTER;
	MM_WRITE(op->a, MM(op->b));
	NEXT;
}

/* a is an MMX register, b a general one; and the other way. */
OP(movd_mm_from_gpr)
{
	MMX_ENTER;
	MM_WRITE(op->a, R(32, op->b));
	NEXT;
}

OP(movq_mm_from_gpr)
{
	MMX_ENTER;
	MM_WRITE(op->a, R(64, op->b));
	NEXT;
}

OP(movd_mm_to_gpr)
{
	MMX_ENTER;
	W(32, op->a, (u32)MM(op->b));
	NEXT;
}

OP(movq_mm_to_gpr)
{
	MMX_ENTER;
	W(64, op->a, MM(op->b));
	NEXT;
}

OP(movq2dq)
{
	MMX_ENTER;
	REGS->xmm[op->a].q[0] = MM(op->b);
	REGS->xmm[op->a].q[1] = 0;
	NEXT;
}

OP(movdq2q)
{
	MMX_ENTER;
	MM_WRITE(op->a, REGS->xmm[op->b].q[0]);
	NEXT;
}

/* In front of the access to memory: pending exceptions come first, the MMX state only if there was
 * no fault. */
OP(mmx_wait)
{
	X87_WAIT;
	NEXT;
}

/* For stores: b is an MMX register whose value goes to a temporary. TOP is cleared even where the
 * store faults, the tags are not. */
OP(mmx_peek)
{
	X87_WAIT;
	REGS->ftop = 0;
	W(64, op->a, MM(op->b));
	NEXT;
}

/* In front of helpers, behind stores. */
OP(mmx_check)
{
	MMX_ENTER;
	NEXT;
}

OP(emms)
{
	X87_WAIT;
	REGS->ftag = 0xff;
	REGS->ftop = 0;
	NEXT;
}
