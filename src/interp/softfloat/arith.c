/*
 * Addition, subtraction, multiplication and fused multiply-add.
 */
#include "interp/softfloat/fpnum.h"

/* |a| + |b| or |a| - |b|; both finite, result exact but for the sticky bit. */
static struct fp_num add_magnitudes(struct fp_num a, struct fp_num b)
{
	bool subtract = a.sign != b.sign;
	struct fp_num t;
	u128 small;
	int shift;

	if (a.exp < b.exp || (a.exp == b.exp && a.sig < b.sig)) {
		t = a;
		a = b;
		b = t;
	}
	small = shift_right_jam(b.sig, a.exp - b.exp);
	if (!subtract) {
		a.sig += small;
		if (a.sig < small) {
			a.sig = a.sig >> 1 | (a.sig & 1) | TOP_BIT;
			a.exp++;
		}
		return a;
	}
	a.sig -= small;
	if (a.sig == 0) {
		a.kind = KIND_ZERO;
		return a;
	}
	shift = clz128(a.sig);
	a.sig <<= shift;
	a.exp -= shift;
	return a;
}

/* IEEE 754 6.3: an exact zero sum of opposite signs is +0, or -0 when rounding down. */
static bool cancelled_sign(const struct fp_status *st)
{
	return st->round == FP_RND_DOWN;
}

struct fp_num fp_add(struct fp_num a, struct fp_num b, struct fp_status *st)
{
	struct fp_num sum;

	if (is_nan2(&a, &b))
		return fp_propagate2(a, b, st);
	if (a.kind == KIND_INF && b.kind == KIND_INF && a.sign != b.sign)
		return fp_invalid(st);
	use_operands(&a, &b, st);
	if (a.kind == KIND_INF)
		return a;
	if (b.kind == KIND_INF)
		return b;
	if (b.kind == KIND_ZERO) {
		if (a.kind == KIND_ZERO && a.sign != b.sign)
			a.sign = cancelled_sign(st);
		return a;
	}
	if (a.kind == KIND_ZERO)
		return b;
	sum = add_magnitudes(a, b);
	if (sum.kind == KIND_ZERO)
		sum.sign = cancelled_sign(st);
	return sum;
}

static struct fp_num fp_sub(struct fp_num a, struct fp_num b, struct fp_status *st)
{
	if (b.kind < KIND_QNAN)
		b.sign = !b.sign;
	return fp_add(a, b, st);
}

/* The full product a * b; returns the upper half. */
static u128 mul_wide(u128 a, u128 b, u128 *low)
{
	uint64_t ah = (uint64_t)(a >> 64), al = (uint64_t)a;
	uint64_t bh = (uint64_t)(b >> 64), bl = (uint64_t)b;
	u128 high = (u128)ah * bh, mid1, mid2, mid;

	if (!al && !bl) {
		*low = 0;
		return high;
	}
	*low = (u128)al * bl;
	mid1 = (u128)ah * bl;
	mid2 = (u128)al * bh;
	mid = (mid1 & UINT64_MAX) + (mid2 & UINT64_MAX) + (*low >> 64);
	*low = mid << 64 | (uint64_t)*low;
	return high + (mid1 >> 64) + (mid2 >> 64) + (mid >> 64);
}

/*
 * Product of two numbers that are not NaNs, with the bits below sig in *low. Infinity times zero
 * is for the caller to find.
 */
static struct fp_num multiply(struct fp_num a, struct fp_num b, u128 *low)
{
	struct fp_num p = {.sign = a.sign != b.sign, .kind = KIND_FINITE};

	*low = 0;
	if (a.kind == KIND_INF || b.kind == KIND_INF)
		return fp_special(KIND_INF, p.sign);
	if (a.kind == KIND_ZERO || b.kind == KIND_ZERO)
		return fp_special(KIND_ZERO, p.sign);
	p.sig = mul_wide(a.sig, b.sig, low);
	p.exp = a.exp + b.exp + 1;
	if (!(p.sig & TOP_BIT)) {
		p.sig = p.sig << 1 | *low >> 127;
		*low <<= 1;
		p.exp--;
	}
	return p;
}

static bool is_inf_times_zero(const struct fp_num *a, const struct fp_num *b)
{
	return (a->kind == KIND_INF && b->kind == KIND_ZERO) ||
	       (a->kind == KIND_ZERO && b->kind == KIND_INF);
}

struct fp_num fp_mul(struct fp_num a, struct fp_num b, struct fp_status *st)
{
	struct fp_num p;
	u128 low;

	if (is_nan2(&a, &b))
		return fp_propagate2(a, b, st);
	if (is_inf_times_zero(&a, &b))
		return fp_invalid(st);
	use_operands(&a, &b, st);
	p = multiply(a, b, &low);
	p.sig |= low != 0;
	return p;
}

/* 256 bits, for the sum of an exact product and an addend. */
struct wide {
	u128 hi, lo;
};

static bool wide_less(struct wide a, struct wide b)
{
	return a.hi < b.hi || (a.hi == b.hi && a.lo < b.lo);
}

static struct wide wide_shift_right_jam(struct wide v, int n)
{
	struct wide r = {0, 1};

	if (n == 0 || n > 255)
		return n ? r : v;
	if (n > 127) {
		r.lo = shift_right_jam(v.hi, n - 128) | (v.lo != 0);
	} else {
		r.lo = shift_right_jam(v.lo, n) | v.hi << (128 - n);
		r.hi = v.hi >> n;
	}
	return r;
}

/* Make bit 255 of the nonzero v set; returns by how much it had to be shifted left. */
static int wide_normalise(struct wide *v)
{
	int n;

	if (v->hi == 0) {
		n = clz128(v->lo);
		v->hi = v->lo << n;
		v->lo = 0;
		return n + 128;
	}
	n = clz128(v->hi);
	if (n) {
		v->hi = v->hi << n | v->lo >> (128 - n);
		v->lo <<= n;
	}
	return n;
}

/*
 * p + c where the bits of p go on in `low`. Both finite. The product of two f128 numbers has 226
 * bits, so at least 30 lie below it and one sticky bit loses nothing.
 */
static struct fp_num add_wide(struct fp_num p, u128 low, struct fp_num c, struct fp_status *st)
{
	struct wide x = {p.sig, low}, y = {c.sig, 0}, sum, t;
	struct fp_num n = p;
	int d = p.exp - c.exp;

	if (d < 0 || (d == 0 && wide_less(x, y))) {
		t = x;
		x = y;
		y = t;
		n = c;
		d = -d;
	}
	y = wide_shift_right_jam(y, d);
	if (p.sign == c.sign) {
		sum.lo = x.lo + y.lo;
		sum.hi = x.hi + y.hi + (sum.lo < x.lo);
		if (wide_less(sum, x)) {
			sum = wide_shift_right_jam(sum, 1);
			sum.hi |= TOP_BIT;
			n.exp++;
		}
	} else {
		sum.lo = x.lo - y.lo;
		sum.hi = x.hi - y.hi - (x.lo < y.lo);
		if (!sum.hi && !sum.lo)
			return fp_special(KIND_ZERO, cancelled_sign(st));
		n.exp -= wide_normalise(&sum);
	}
	n.sig = sum.hi | (sum.lo != 0);
	return n;
}

/* NaN operands in the order in which the processor looks at them. */
static struct fp_num muladd_nan(struct fp_num a, struct fp_num b, struct fp_num c,
				struct fp_status *st)
{
	const struct fp_num order[3][3] = {
		[FP_FMA_ABC] = {a, b, c},
		[FP_FMA_CAB] = {c, a, b},
		[FP_FMA_ACB] = {a, c, b},
	};

	if (is_inf_times_zero(&a, &b) && st->rules->fma_inf0 != FP_INF0_NAN) {
		st->flags |= FP_INVALID;
		if (st->rules->fma_inf0 == FP_INF0_DEFAULT && c.kind == KIND_QNAN)
			return fp_invalid(st);
	}
	return fp_propagate(order[st->rules->fma_order], 3, st);
}

static struct fp_num fp_muladd(struct fp_num a, struct fp_num b, struct fp_num c, int neg,
			       struct fp_status *st)
{
	struct fp_num p;
	u128 low;

	if (is_nan2(&a, &b) || c.kind >= KIND_QNAN)
		return muladd_nan(a, b, c, st);
	p = multiply(a, b, &low);
	p.sign ^= (neg & FP_NEG_PRODUCT) != 0;
	c.sign ^= (neg & FP_NEG_ADDEND) != 0;
	if (is_inf_times_zero(&a, &b) ||
	    (p.kind == KIND_INF && c.kind == KIND_INF && p.sign != c.sign))
		return fp_invalid(st);
	use_operands(&a, &b, st);
	use_operand(&c, st);
	if (p.kind == KIND_INF || (c.kind == KIND_ZERO && p.kind == KIND_FINITE))
		p.sig |= low != 0;
	else if (p.kind == KIND_FINITE && c.kind == KIND_FINITE)
		p = add_wide(p, low, c, st);
	else if (p.kind == KIND_ZERO && c.kind == KIND_ZERO)
		p.sign = p.sign == c.sign ? p.sign : cancelled_sign(st);
	else
		p = c;
	return p;
}

/* FP_NEG_RESULT takes effect after rounding, so directed rounding sees the value before it. */
static struct fp_num negate(struct fp_num n, int neg)
{
	if (neg & FP_NEG_RESULT && n.kind < KIND_QNAN)
		n.sign = !n.sign;
	return n;
}

#define INSTANTIATE(F, T)                                                                     \
	T F##_add(T a, T b, struct fp_status *st)                                             \
	{                                                                                     \
		return fp_result_pc(F, fp_add(F##_unpack(a, st), F##_unpack(b, st), st), st); \
	}                                                                                     \
	T F##_sub(T a, T b, struct fp_status *st)                                             \
	{                                                                                     \
		return fp_result_pc(F, fp_sub(F##_unpack(a, st), F##_unpack(b, st), st), st); \
	}                                                                                     \
	T F##_mul(T a, T b, struct fp_status *st)                                             \
	{                                                                                     \
		return fp_result_pc(F, fp_mul(F##_unpack(a, st), F##_unpack(b, st), st), st); \
	}                                                                                     \
	T F##_muladd(T a, T b, T c, int neg, struct fp_status *st)                            \
	{                                                                                     \
		struct fp_num n = fp_muladd(F##_unpack(a, st), F##_unpack(b, st),             \
					    F##_unpack(c, st), neg, st);                      \
                                                                                              \
		n = fp_round(n, F##_format(st), st);                                          \
		return F##_pack(negate(n, neg), st);                                          \
	}

FOR_EACH_FORMAT(INSTANTIATE)
