/*
 * Rounding to a format: overflow, underflow, flush to zero and the inexact flag, for every
 * operation. IEEE 754-2019 sections 4.3 and 7.4 to 7.6; Intel SDM volume 1, 4.9.1 and 8.5.
 */
#include "interp/softfloat/fpnum.h"

bool fp_increments(enum fp_round round, bool sign, bool odd, u128 rest, u128 half)
{
	switch (round) {
	case FP_RND_NEAREST: return rest > half || (rest == half && odd);
	case FP_RND_AWAY: return rest >= half;
	case FP_RND_DOWN: return sign && rest;
	case FP_RND_UP: return !sign && rest;
	default: return false;
	}
}

/*
 * Whether a number just below the smallest normal one would reach it if rounded with as many bits
 * but no lower limit on the exponent.
 */
static bool rounds_to_normal(const struct fp_num *n, struct fp_format f, const struct fp_status *st)
{
	u128 lsb = (u128)1 << (128 - f.prec), mask = lsb - 1;

	if (n->exp != f.emin - 1 || n->sig < ~mask)
		return false;
	return fp_increments(st->round, n->sign, true, n->sig & mask, lsb >> 1);
}

/* IEEE 754-1985 7.3 and the SDM's "bias adjusted" results: 3/4 of the exponent range. */
static int wrap_exponent(struct fp_format f)
{
	return (f.emax + 1) / 2 * 3;
}

/*
 * Wraps the exponent by `by`; false where even that is out of range, as FSCALE's may be (SDM volume
 * 1, 8.5.4 and 8.5.5): the result is then infinity or zero. A conversion to a narrower format has
 * no use for the value, but its flags count as if it had been wrapped.
 */
static bool wrap(struct fp_num *n, int by, struct fp_format f)
{
	n->exp += by;
	if (n->exp >= f.emin && n->exp <= f.emax)
		return true;
	n->exp = 0;
	return f.emax < FMT_F80.emax;
}

static struct fp_num overflow(struct fp_num n, struct fp_format f, struct fp_status *st)
{
	bool to_max = st->round == FP_RND_ZERO || st->round == FP_RND_ODD ||
		      st->round == (n.sign ? FP_RND_UP : FP_RND_DOWN);

	st->flags |= FP_OVERFLOW;
	if (st->traps & FP_OVERFLOW) {
		if (wrap(&n, -wrap_exponent(f), f))
			return n;
		to_max = false;
	}
	st->flags |= FP_INEXACT;
	st->rounded_up = !to_max;
	if (!to_max)
		return fp_special(KIND_INF, n.sign);
	n.exp = f.emax;
	n.sig = ~(((u128)1 << (128 - f.prec)) - 1);
	return n;
}

/* Cut sig to the format's bits. May carry out of bit 127: the exponent then grows by one. */
static void round_sig(struct fp_num *n, struct fp_format f, struct fp_status *st)
{
	u128 lsb = (u128)1 << (128 - f.prec);
	u128 rest = n->sig & (lsb - 1);

	st->rounded_up = false;
	if (!rest)
		return;
	st->flags |= FP_INEXACT;
	n->sig ^= rest;
	if (st->round == FP_RND_ODD) {
		n->sig |= lsb;
	} else if (fp_increments(st->round, n->sign, (n->sig & lsb) != 0, rest, lsb >> 1)) {
		st->rounded_up = true;
		n->sig += lsb;
		if (n->sig == 0) {
			n->sig = TOP_BIT;
			n->exp++;
		}
	}
}

/* Round at the last bit of the denormals; sig comes back normalised. */
static struct fp_num round_denormal(struct fp_num n, struct fp_format f, struct fp_status *st)
{
	int shift;

	n.sig = shift_right_jam(n.sig, f.emin - n.exp);
	n.exp = f.emin;
	round_sig(&n, f, st);
	if (n.sig == 0) {
		n.kind = KIND_ZERO;
		return n;
	}
	shift = clz128(n.sig);
	n.sig <<= shift;
	n.exp -= shift;
	return n;
}

/* n.exp is below the format's smallest. */
static struct fp_num round_small(struct fp_num n, struct fp_format f, struct fp_status *st)
{
	bool tiny = st->rules->tiny_before || !rounds_to_normal(&n, f, st);
	uint8_t before = st->flags;

	if (tiny && st->traps & FP_UNDERFLOW) {
		st->flags |= FP_UNDERFLOW;
		if (wrap(&n, wrap_exponent(f), f)) {
			round_sig(&n, f, st);
			return n;
		}
		st->flags |= FP_INEXACT;
		st->rounded_up = false;
		return fp_special(KIND_ZERO, n.sign);
	} else if (tiny && st->ftz) {
		st->flags |= FP_UNDERFLOW | (st->rules->ftz_inexact ? FP_INEXACT : 0);
		st->rounded_up = false;
		return fp_special(KIND_ZERO, n.sign);
	}
	st->flags &= ~FP_INEXACT;
	n = round_denormal(n, f, st);
	if (tiny && st->flags & FP_INEXACT)
		st->flags |= FP_UNDERFLOW;
	st->flags |= before;
	return n;
}

struct fp_num fp_round(struct fp_num n, struct fp_format f, struct fp_status *st)
{
	if (n.kind != KIND_FINITE) {
		if (n.kind < KIND_QNAN)
			st->rounded_up = false;
		return n;
	}
	if (n.exp < f.emin)
		return round_small(n, f, st);
	round_sig(&n, f, st);
	if (n.exp > f.emax)
		return overflow(n, f, st);
	return n;
}
