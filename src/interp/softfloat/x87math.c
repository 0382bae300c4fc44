/*
 * The x87's transcendental functions without an x87: power series in the 128 bits of struct fp_num,
 * rounded once at the end. Slow (microseconds) and simple.
 *
 * Every sum below adds terms of falling magnitude and, where signs differ, of ratio at most 0.7, so
 * the error stays at a few units of 2^-120 and the rounded result is almost always the correct one.
 * Special operands follow the tables of the Intel SDM, volume 2, on each instruction's page.
 */
#include <stddef.h>
#include "interp/softfloat/fpnum.h"
#include "interp/softfloat/x87.h"

#define CONSTANT(e, hi, lo) {.kind = KIND_FINITE, .exp = (e), .sig = (u128)(hi) << 64 | (lo)}

static const struct fp_num one = CONSTANT(0, 0x8000000000000000, 0);
static const struct fp_num ln2 = CONSTANT(-1, 0xb17217f7d1cf79ab, 0xc9e3b39803f2f6af);
static const struct fp_num pi = CONSTANT(1, 0xc90fdaa22168c234, 0xc4c6628b80dc1cd1);
/* SDM volume 1, 8.3.8: the processor reduces arguments with a pi of 66 bits. This is half of it. */
static const struct fp_num half_pi66 = CONSTANT(0, 0xc90fdaa22168c234, 0xc000000000000000);

/* Status for what happens inside a function: round to nearest, flags dropped. */
static struct fp_status scratch(void)
{
	return (struct fp_status){.rules = &fp_rules_x87};
}

static struct fp_num add(struct fp_num a, struct fp_num b)
{
	struct fp_status st = scratch();

	return fp_add(a, b, &st);
}

static struct fp_num neg(struct fp_num a)
{
	a.sign = !a.sign;
	return a;
}

static struct fp_num sub(struct fp_num a, struct fp_num b)
{
	return add(a, neg(b));
}

static struct fp_num mul(struct fp_num a, struct fp_num b)
{
	struct fp_status st = scratch();

	return fp_mul(a, b, &st);
}

/* Operands of divisions must leave bit 0 clear. */
static struct fp_num divide(struct fp_num a, struct fp_num b)
{
	struct fp_status st = scratch();

	a.sig &= ~(u128)1;
	return fp_div(a, b, &st);
}

static struct fp_num div_int(struct fp_num a, unsigned int n)
{
	return divide(a, fp_from_u64(false, n));
}

static struct fp_num square_root(struct fp_num a)
{
	struct fp_status st = scratch();

	return fp_sqrt(a, 126, &st);
}

static struct fp_num scaled(struct fp_num a, int n)
{
	a.exp += n;
	return a;
}

/* e^t - 1 for |t| <= ln 2: t (1 + t/2 (1 + t/3 (1 + ...))) */
static struct fp_num exp_minus_1(struct fp_num t)
{
	struct fp_num sum = one;

	for (unsigned int n = 34; n >= 2; n--)
		sum = add(one, mul(sum, div_int(t, n)));
	return mul(sum, t);
}

/* sum of z^(2i) / (2i + 1) * sign^i for i < terms, times z: atanh (sign 1) or atan (sign -1) */
static struct fp_num odd_series(struct fp_num z, bool alternate, unsigned int terms)
{
	struct fp_num square = mul(z, z), sum = div_int(one, 2 * terms + 1);

	if (alternate)
		square = neg(square);
	for (unsigned int i = terms; i-- > 0;)
		sum = add(div_int(one, 2 * i + 1), mul(sum, square));
	return mul(sum, z);
}

/* ln((1 + z) / (1 - z)) for |z| <= 0.172 */
static struct fp_num twice_atanh(struct fp_num z)
{
	return scaled(odd_series(z, false, 25), 1);
}

/* log2 of a positive finite x, by x = m * 2^k with m in [sqrt(1/2), sqrt(2)] */
static struct fp_num log2_of(struct fp_num x)
{
	struct fp_num m = x, k;
	int e = x.exp;

	m.exp = 0;
	m.sign = m.denormal = false;
	if (m.sig >> 64 > 0xb504f333f9de6484) {
		m.exp = -1;
		e++;
	}
	k = fp_from_u64(e < 0, (uint64_t)(e < 0 ? -e : e));
	m = sub(m, one);
	if (m.kind == KIND_ZERO)
		return k;
	m = divide(m, add(m, fp_from_u64(false, 2)));
	return add(k, divide(twice_atanh(m), ln2));
}

/* log2(1 + x) */
static struct fp_num log2_plus_1(struct fp_num x)
{
	if (x.exp >= -1)
		return log2_of(add(one, x));
	return divide(twice_atanh(divide(x, add(x, fp_from_u64(false, 2)))), ln2);
}

/* Arc tangent of q in (0, 1]: three times tan(v/2) = tan v / (1 + sqrt(1 + tan^2 v)) */
static struct fp_num atan_of(struct fp_num q)
{
	if (q.exp < -40)
		return odd_series(q, true, 3);
	for (int i = 0; i < 3; i++)
		q = divide(q, add(one, square_root(add(one, mul(q, q)))));
	return scaled(odd_series(q, true, 20), 3);
}

/* Series of sine (first 1) or cosine (first 0) for |r| <= pi/4 */
static struct fp_num sine_series(struct fp_num r, unsigned int first)
{
	struct fp_num square = neg(mul(r, r)), sum = one;

	if (r.kind == KIND_ZERO)
		return first ? r : one;
	for (unsigned int n = 34 + first; n >= 2 + first; n -= 2)
		sum = add(one, mul(sum, div_int(square, n * (n - 1))));
	return first ? mul(sum, r) : sum;
}

/* No value of these functions is exact: make sure that rounding sees it. */
static struct f80 inexact_result(struct fp_num n, struct fp_status *st)
{
	if (n.kind == KIND_FINITE)
		n.sig |= 1;
	return fp_result(f80, n, st);
}

static struct f80 exact_result(struct fp_num n, struct fp_status *st)
{
	return fp_result(f80, n, st);
}

struct f80 x87_portable_2xm1(struct f80 a, struct fp_status *st)
{
	struct fp_num x = f80_unpack(a, st);

	if (x.kind >= KIND_QNAN)
		return f80_pack(fp_propagate1(x, st), st);
	use_operand(&x, st);
	if (x.kind == KIND_ZERO || (x.kind == KIND_INF && !x.sign))
		return exact_result(x, st);
	if (x.kind == KIND_INF)
		return exact_result(neg(one), st);
	/* Out of range, where the SDM leaves the result undefined: processors give the operand. */
	if (x.exp > 0 || (x.exp == 0 && x.sig != TOP_BIT))
		return exact_result(x, st);
	if (x.exp == 0)
		return exact_result(x.sign ? neg(scaled(one, -1)) : one, st);
	return inexact_result(exp_minus_1(mul(x, ln2)), st);
}

/* y times the logarithm of x, which is zero, infinite or exact. */
static struct f80 times_log(struct fp_num y, struct fp_num x, struct fp_num log,
			    struct fp_status *st)
{
	if ((y.kind == KIND_INF && log.kind == KIND_ZERO) ||
	    (y.kind == KIND_ZERO && log.kind == KIND_INF))
		return f80_pack(fp_invalid(st), st);
	use_operands(&y, &x, st);
	return exact_result(mul(y, log), st);
}

struct f80 x87_portable_yl2x(struct f80 y, struct f80 x, struct fp_status *st)
{
	struct fp_num a = f80_unpack(y, st), b = f80_unpack(x, st), log;

	if (is_nan2(&a, &b))
		return f80_pack(fp_propagate2(a, b, st), st);
	if (b.sign && b.kind != KIND_ZERO)
		return f80_pack(fp_invalid(st), st);
	if (b.kind == KIND_ZERO && a.kind == KIND_FINITE) {
		st->flags |= FP_DIVZERO;
		return exact_result(fp_special(KIND_INF, !a.sign), st);
	}
	if (b.kind == KIND_ZERO)
		return times_log(a, b, fp_special(KIND_INF, true), st);
	if (b.kind == KIND_INF)
		return times_log(a, b, b, st);
	log = log2_of(b);
	/* Powers of two have exact logarithms; nothing else has. */
	if (a.kind != KIND_FINITE || b.sig == TOP_BIT)
		return times_log(a, b, log, st);
	use_operands(&a, &b, st);
	return inexact_result(mul(a, log), st);
}

struct f80 x87_portable_yl2xp1(struct f80 y, struct f80 x, struct fp_status *st)
{
	struct fp_num a = f80_unpack(y, st), b = f80_unpack(x, st);

	if (is_nan2(&a, &b))
		return f80_pack(fp_propagate2(a, b, st), st);
	if (b.kind != KIND_FINITE)
		return times_log(a, b, b, st);
	use_operands(&a, &b, st);
	/* At or below -1, far out of the range that the SDM allows. */
	if (b.sign && b.exp >= 0)
		return f80_pack(fp_invalid(st), st);
	if (a.kind != KIND_FINITE) {
		a.sign ^= b.sign;
		return exact_result(a, st);
	}
	return inexact_result(mul(a, log2_plus_1(b)), st);
}

/* An angle given as a multiple of pi/4, with a sign. */
static struct f80 eighths(unsigned int n, bool sign, struct fp_status *st)
{
	struct fp_num angle = mul(scaled(pi, -2), fp_from_u64(sign, n));

	if (n == 0)
		return exact_result(fp_special(KIND_ZERO, sign), st);
	return inexact_result(angle, st);
}

/* Both finite and nonzero. */
static struct fp_num angle_of(struct fp_num y, struct fp_num x)
{
	bool sign = y.sign, left = x.sign, steep;
	struct fp_num angle;

	y.sign = x.sign = false;
	steep = y.exp > x.exp || (y.exp == x.exp && y.sig > x.sig);
	angle = atan_of(steep ? divide(x, y) : divide(y, x));
	if (steep)
		angle = sub(scaled(pi, -1), angle);
	if (left)
		angle = sub(pi, angle);
	angle.sign = sign;
	return angle;
}

struct f80 x87_portable_patan(struct f80 y, struct f80 x, struct fp_status *st)
{
	struct fp_num a = f80_unpack(y, st), b = f80_unpack(x, st);

	if (is_nan2(&a, &b))
		return f80_pack(fp_propagate2(a, b, st), st);
	use_operands(&a, &b, st);
	if (a.kind == KIND_INF && b.kind == KIND_INF)
		return eighths(b.sign ? 3 : 1, a.sign, st);
	if (a.kind == KIND_ZERO || b.kind == KIND_INF)
		return eighths(b.sign ? 4 : 0, a.sign, st);
	if (a.kind == KIND_INF || b.kind == KIND_ZERO)
		return eighths(2, a.sign, st);
	return inexact_result(angle_of(a, b), st);
}

struct sincos {
	struct fp_num sin, cos;
};

static struct sincos sincos_of(struct fp_num x)
{
	struct sincos v;
	struct fp_num t;
	uint64_t quadrant;
	bool sign = x.sign;

	x = fp_rem_finite(x, half_pi66, true, &quadrant);
	/* The quotient is of |x|. */
	quadrant = sign ? -quadrant : quadrant;
	v.sin = sine_series(x, 1);
	v.cos = sine_series(x, 0);
	if (quadrant & 1) {
		t = v.sin;
		v.sin = v.cos;
		v.cos = neg(t);
	}
	if (quadrant & 2) {
		v.sin = neg(v.sin);
		v.cos = neg(v.cos);
	}
	return v;
}

/* Zeroes, infinities and NaNs. */
static void trig_special(enum x87_trig which, struct fp_num x, struct fp_num *f, struct fp_num *s,
			 struct fp_status *st)
{
	if (x.kind == KIND_ZERO) {
		*f = which == X87_COS ? one : x;
		*s = one;
		st->rounded_up = false;
		return;
	}
	*f = x.kind == KIND_INF ? fp_invalid(st) : fp_propagate1(x, st);
	*s = *f;
}

bool x87_portable_trig(enum x87_trig which, struct f80 a, struct f80 *first, struct f80 *second,
		       struct fp_status *st)
{
	struct fp_num x = f80_unpack(a, st), f, s = one;
	struct f80 f_out, s_out;
	struct sincos v;

	if (x.kind == KIND_FINITE && x.exp >= 63)
		return false;
	if (x.kind == KIND_FINITE) {
		use_operand(&x, st);
		v = sincos_of(x);
		f = which == X87_COS ? v.cos : which == X87_TAN ? divide(v.sin, v.cos) : v.sin;
		f_out = inexact_result(f, st);
		if (which == X87_SINCOS)
			s_out = inexact_result(v.cos, st);
		else
			s_out = f80_pack(one, st);
	} else {
		trig_special(which, x, &f, &s, st);
		f_out = f80_pack(f, st);
		s_out = f80_pack(s, st);
	}
	if (first)
		*first = f_out;
	if (second)
		*second = s_out;
	return true;
}
