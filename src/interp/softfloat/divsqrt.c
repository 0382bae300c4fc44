/*
 * Division and square root, by integer arithmetic on the significands.
 */
#include "interp/softfloat/fpnum.h"

/*
 * The next 64 quotient bits: *r is a remainder below b (bit 127 of b set), and becomes the new one.
 * The estimate from the upper half of b is at most 2 too large (Knuth, volume 2, 4.3.1, theorem B).
 */
static uint64_t quotient_digit(u128 *r, u128 b)
{
	uint64_t bh = (uint64_t)(b >> 64), bl = (uint64_t)b, rh = (uint64_t)(*r >> 64), q;
	u128 rest, low;

	if (bl == 0) {
		q = (uint64_t)(*r / bh);
		*r = *r % bh << 64;
		return q;
	}
	q = rh >= bh ? UINT64_MAX : (uint64_t)(*r / bh);
	/* r * 2^64 - q * b is rest * 2^64 - low; rest may need 65 bits, low is below 2^128. */
	rest = *r - (u128)q * bh;
	low = (u128)q * bl;
	while (rest >> 64 == 0 && rest << 64 < low) {
		q--;
		rest += bh;
		low -= bl;
	}
	*r = (rest << 64) - low;
	return q;
}

struct fp_num fp_div(struct fp_num a, struct fp_num b, struct fp_status *st)
{
	struct fp_num q = {.sign = a.sign != b.sign, .kind = KIND_FINITE};
	u128 rest;

	if (is_nan2(&a, &b))
		return fp_propagate2(a, b, st);
	if (a.kind == b.kind && a.kind != KIND_FINITE)
		return fp_invalid(st);
	if (b.kind == KIND_ZERO && a.kind == KIND_FINITE) {
		st->flags |= FP_DIVZERO;
		return fp_special(KIND_INF, q.sign);
	}
	use_operands(&a, &b, st);
	if (a.kind == KIND_INF || b.kind == KIND_ZERO)
		return fp_special(KIND_INF, q.sign);
	if (a.kind == KIND_ZERO || b.kind == KIND_INF)
		return fp_special(KIND_ZERO, q.sign);
	q.exp = a.exp - b.exp;
	/* Bit 0 of a significand is always clear (113 bits at most), so halving loses nothing. */
	rest = a.sig >> 1;
	q.sig = (u128)quotient_digit(&rest, b.sig) << 64;
	q.sig |= quotient_digit(&rest, b.sig);
	if (!(q.sig & TOP_BIT)) {
		q.sig <<= 1;
		q.exp--;
	}
	q.sig |= rest != 0;
	return q;
}

/*
 * Bit by bit: root is r * 2^-i and rest is (sig - r^2) scaled so that each step compares against
 * 2r + 2^-i. `bits` result bits are found, one more than the format needs; the rest is sticky.
 */
static u128 root(u128 sig, int bits)
{
	u128 r = 0, rest = sig, bit = (u128)1 << 126, t;

	for (int i = 0; i < bits; i++) {
		t = r + (bit >> 1);
		if (rest >= t) {
			rest -= t;
			r += bit;
		}
		rest <<= 1;
		bit >>= 1;
	}
	return r << 1 | (rest != 0);
}

struct fp_num fp_sqrt(struct fp_num a, int bits, struct fp_status *st)
{
	if (a.kind >= KIND_QNAN)
		return fp_propagate1(a, st);
	if (a.kind == KIND_ZERO)
		return a;
	if (a.sign)
		return fp_invalid(st);
	use_operand(&a, st);
	if (a.kind == KIND_INF)
		return a;
	/* sig * 2^-127 is in [1, 2); with an odd exponent the radicand is in [2, 4). */
	a.sig = root(a.exp & 1 ? a.sig >> 1 : a.sig >> 2, bits);
	a.exp >>= 1;
	return a;
}

#define INSTANTIATE(F, T)                                                                     \
	T F##_div(T a, T b, struct fp_status *st)                                             \
	{                                                                                     \
		return fp_result_pc(F, fp_div(F##_unpack(a, st), F##_unpack(b, st), st), st); \
	}                                                                                     \
	T F##_sqrt(T a, struct fp_status *st)                                                 \
	{                                                                                     \
		struct fp_num n = F##_unpack(a, st);                                          \
                                                                                              \
		return fp_result_pc(F, fp_sqrt(n, F##_format(st).prec + 2, st), st);          \
	}

FOR_EACH_FORMAT(INSTANTIATE)
