/*
 * Remainders: exact, by long division that keeps only the rest.
 */
#include "interp/softfloat/fpnum.h"

/* *r = *r * 2^n mod b, the quotient's low 64 bits shifted into *q; *r < b, bit 127 of b set. */
static void divide_steps(u128 *r, u128 b, int n, uint64_t *q)
{
	uint64_t bh = (uint64_t)(b >> 64), digit;
	bool carry;
	int step;

	if ((uint64_t)b == 0 && (uint64_t)*r == 0) {
		/* All formats but f128: 64 quotient bits at a time. */
		u128 rest = *r >> 64;

		for (; n > 0; n -= step) {
			step = n < 64 ? n : 64;
			rest <<= step;
			digit = (uint64_t)(rest / bh);
			*q = (step < 64 ? *q << step : 0) | digit;
			rest %= bh;
		}
		*r = rest << 64;
		return;
	}
	while (n-- > 0) {
		carry = *r >> 127;
		*r <<= 1;
		*q <<= 1;
		if (carry || *r >= b) {
			*r -= b;
			*q |= 1;
		}
	}
}

/* With r = a mod b known, move on to the nearest multiple: r may become b - r, with the other sign.
 */
static void round_quotient(struct fp_num *r, const struct fp_num *b, uint64_t *q)
{
	u128 twice_or_half = r->sig;

	/* Compare 2r with b; below b's binade but one, r is less than half of b for certain. */
	if (r->exp < b->exp - 1 || (r->exp == b->exp - 1 && twice_or_half < b->sig))
		return;
	if (r->exp == b->exp - 1 && twice_or_half == b->sig && !(*q & 1))
		return;
	/* b - r, aligned at b's exponent; r is at most one binade below, and b's bit 0 is clear. */
	r->sig = b->sig - (r->sig >> (b->exp - r->exp));
	r->exp = b->exp;
	r->sign = !r->sign;
	++*q;
}

static void normalise(struct fp_num *n)
{
	int shift;

	if (n->sig == 0) {
		n->kind = KIND_ZERO;
		return;
	}
	shift = clz128(n->sig);
	n->sig <<= shift;
	n->exp -= shift;
}

struct fp_num fp_rem_finite(struct fp_num a, struct fp_num b, bool nearest, uint64_t *quotient)
{
	int d = a.exp - b.exp;

	*quotient = 0;
	if (d >= 0) {
		if (a.sig >= b.sig) {
			a.sig -= b.sig;
			*quotient = 1;
		}
		divide_steps(&a.sig, b.sig, d, quotient);
		a.exp = b.exp;
		normalise(&a);
	}
	if (nearest && a.kind == KIND_FINITE) {
		round_quotient(&a, &b, quotient);
		normalise(&a);
	}
	return a;
}

static struct fp_num ieee_rem(struct fp_num a, struct fp_num b, struct fp_status *st)
{
	uint64_t quotient;

	if (is_nan2(&a, &b))
		return fp_propagate2(a, b, st);
	if (a.kind == KIND_INF || b.kind == KIND_ZERO)
		return fp_invalid(st);
	use_operands(&a, &b, st);
	if (a.kind == KIND_ZERO || b.kind == KIND_INF)
		return a;
	return fp_rem_finite(a, b, true, &quotient);
}

#define INSTANTIATE(F, T)                                                                    \
	T F##_rem(T a, T b, struct fp_status *st)                                            \
	{                                                                                    \
		return fp_result(F, ieee_rem(F##_unpack(a, st), F##_unpack(b, st), st), st); \
	}

FOR_EACH_FORMAT(INSTANTIATE)
