/*
 * The media instructions that string functions are made of: UADD8, USUB8, SEL. All others are
 * helpers (media.c). Source: DDI 0406C, A8.8.
 */
#include "interp/arm/ops_media.h"

#define TOP 0x80808080u

/* Top bits of bytes, one a byte, as GE. */
static ALWAYS_INLINE u32 ge_of(u32 tops)
{
	return (tops >> 7 & 1) | (tops >> 14 & 2) | (tops >> 21 & 4) | (tops >> 28 & 8);
}

OP(uadd8)
{
	u32 n = R(op->b), m = R(op->x), sum = ((n & ~TOP) + (m & ~TOP)) ^ ((n ^ m) & TOP);

	REGS->ge = ge_of((n & m) | ((n | m) & ~sum));
	W(op->a, sum);
	NEXT;
}

/* GE: where nothing was borrowed. */
OP(usub8)
{
	u32 n = R(op->b), m = R(op->x), diff = ((n | TOP) - (m & ~TOP)) ^ ((n ^ ~m) & TOP);

	REGS->ge = ge_of(~((~n & m) | ((~n | m) & diff)));
	W(op->a, diff);
	NEXT;
}

OP(sel)
{
	u32 ge = REGS->ge;
	u32 mask = ((ge & 1) | (ge & 2) << 7 | (ge & 4) << 14 | (ge & 8) << 21) * 0xff;

	W(op->a, (R(op->b) & mask) | (R(op->x) & ~mask));
	NEXT;
}
