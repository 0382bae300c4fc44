/*
 * FPREM, FPREM1, FSCALE and FXTRACT.
 */
#include "interp/softfloat/fpnum.h"
#include "interp/softfloat/x87.h"

/*
 * A partial remainder reduces the exponents' distance d by "N, an implementation-dependent number
 * between 32 and 63" (SDM, FPREM). The processors measured (Xeon with AVX-512) take N = 32 + d
 * % 32.
 */
static struct fp_num partial_remainder(struct fp_num a, struct fp_num b, int d)
{
	uint64_t quotient;

	b.exp += d - (32 + d % 32);
	return fp_rem_finite(a, b, false, &quotient);
}

struct f80 x87_prem(struct f80 a, struct f80 b, bool nearest, unsigned int *quotient,
		    bool *complete, struct fp_status *st)
{
	struct fp_num x = f80_unpack(a, st), y = f80_unpack(b, st);
	uint64_t q = 0;
	int d = x.exp - y.exp;

	*quotient = 0;
	*complete = true;
	if (is_nan2(&x, &y))
		return f80_pack(fp_propagate2(x, y, st), st);
	if (x.kind == KIND_INF || y.kind == KIND_ZERO)
		return f80_pack(fp_invalid(st), st);
	use_operands(&x, &y, st);
	st->rounded_up = false;
	if (y.kind == KIND_INF)
		return f80_pack(x, st);
	if (x.kind == KIND_FINITE) {
		*complete = d < 64;
		x = *complete ? fp_rem_finite(x, y, nearest, &q) : partial_remainder(x, y, d);
		*quotient = (unsigned int)q & 7;
	}
	return fp_result(f80, x, st);
}

struct f80 x87_scale(struct f80 a, struct f80 b, struct fp_status *st)
{
	struct fp_num x = f80_unpack(a, st), n = f80_unpack(b, st);
	int shift;

	if (is_nan2(&x, &n))
		return f80_pack(fp_propagate2(x, n, st), st);
	if (n.kind == KIND_INF) {
		/* 0 * 2^inf and inf * 2^-inf have no value. */
		if (x.kind == (n.sign ? KIND_INF : KIND_ZERO))
			return f80_pack(fp_invalid(st), st);
		use_operand(&x, st);
		st->rounded_up = false;
		return f80_pack(fp_special(n.sign ? KIND_ZERO : KIND_INF, x.sign), st);
	}
	use_operands(&x, &n, st);
	st->rounded_up = false;
	/* Scaling by nothing hands a denormal through without an underflow. */
	if (x.kind != KIND_FINITE || n.kind != KIND_FINITE)
		return f80_pack(x, st);
	shift = n.exp > 16 ? 1 << 17 : n.exp < 0 ? 0 : (int)(n.sig >> (127 - n.exp));
	x.exp += n.sign ? -shift : shift;
	return fp_result(f80, x, st);
}

struct f80 x87_extract(struct f80 a, struct f80 *exponent, struct fp_status *st)
{
	struct fp_num x = f80_unpack(a, st), e;

	st->rounded_up = false;
	if (x.kind >= KIND_QNAN) {
		e = x = fp_propagate1(x, st);
	} else if (x.kind == KIND_ZERO) {
		st->flags |= FP_DIVZERO;
		e = fp_special(KIND_INF, true);
	} else if (x.kind == KIND_INF) {
		e = fp_special(KIND_INF, false);
	} else {
		use_operand(&x, st);
		e = fp_from_u64(x.exp < 0, (uint64_t)(x.exp < 0 ? -x.exp : x.exp));
		x.exp = 0;
	}
	*exponent = f80_pack(e, st);
	return f80_pack(x, st);
}
