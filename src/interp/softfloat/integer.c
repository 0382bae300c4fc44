/*
 * Between floating point and integers: rounding to an integral value, and conversions both ways.
 */
#include "interp/softfloat/fpnum.h"

struct fp_num fp_rint(struct fp_num a, enum fp_round round, struct fp_status *st)
{
	u128 lsb, rest, half;

	st->rounded_up = false;
	if (a.kind != KIND_FINITE || a.exp >= 127)
		return a;
	if (a.exp < 0) {
		/* 1.0 is lsb here; keep only whether a is below, at or above one half. */
		a.sig = shift_right_jam(a.sig, -a.exp);
		a.exp = 0;
	}
	lsb = TOP_BIT >> a.exp;
	rest = a.sig & (lsb - 1);
	half = lsb >> 1;
	if (!rest)
		return a;
	st->flags |= FP_INEXACT;
	a.sig ^= rest;
	if (round == FP_RND_ODD) {
		a.sig |= lsb;
	} else if (fp_increments(round, a.sign, (a.sig & lsb) != 0, rest, half)) {
		st->rounded_up = true;
		a.sig += lsb;
		if (a.sig == 0) {
			a.sig = TOP_BIT;
			a.exp++;
		}
	}
	if (a.sig == 0)
		a.kind = KIND_ZERO;
	return a;
}

/* An integer type: values run from -min to max. */
struct range {
	uint64_t min, max;
	bool is_signed;
};

static uint64_t out_of_range(const struct fp_num *a, struct range r, struct fp_status *st)
{
	bool nan = a->kind >= KIND_QNAN;

	st->flags |= FP_INVALID;
	st->rounded_up = false;
	switch (st->rules->to_int) {
	case FP_INT_INDEFINITE: return r.is_signed ? -r.min : r.max;
	case FP_INT_MAX: return r.max;
	case FP_INT_SAT_ZERO:
		if (nan)
			return 0;
		break;
	case FP_INT_SAT_MIN:
		if (nan)
			return -r.min;
		break;
	default:
		if (nan)
			return r.max;
	}
	return a->sign ? -r.min : r.max;
}

/* Invalid, when it is raised, replaces inexact. */
static uint64_t to_integer(struct fp_num a, enum fp_round round, struct range r,
			   struct fp_status *st)
{
	uint8_t flags = st->flags;
	uint64_t v;

	if (a.kind >= KIND_INF)
		return out_of_range(&a, r, st);
	a = fp_rint(a, round, st);
	if (a.kind == KIND_ZERO)
		return 0;
	v = a.exp > 63 ? UINT64_MAX : (uint64_t)(a.sig >> (127 - a.exp));
	if (a.exp > 63 || v > (a.sign ? r.min : r.max)) {
		st->flags = flags;
		return out_of_range(&a, r, st);
	}
	return a.sign ? -v : v;
}

struct fp_num fp_from_u64(bool sign, uint64_t v)
{
	struct fp_num n = fp_special(v ? KIND_FINITE : KIND_ZERO, sign);
	int shift;

	if (v) {
		shift = __builtin_clzll(v);
		n.sig = (u128)(v << shift) << 64;
		n.exp = 63 - shift;
	}
	return n;
}

static struct fp_num from_i64(int64_t v)
{
	return fp_from_u64(v < 0, v < 0 ? -(uint64_t)v : (uint64_t)v);
}

#define RANGE_I16 ((struct range){1ull << 15, INT16_MAX, true})
#define RANGE_I32 ((struct range){1ull << 31, INT32_MAX, true})
#define RANGE_I64 ((struct range){1ull << 63, INT64_MAX, true})
#define RANGE_U32 ((struct range){0, UINT32_MAX, false})
#define RANGE_U64 ((struct range){0, UINT64_MAX, false})

#define TO_INTEGER(F, T, name, type, range)                                   \
	type F##_to_##name(T a, enum fp_round round, struct fp_status *st)    \
	{                                                                     \
		return (type)to_integer(F##_unpack(a, st), round, range, st); \
	}

#define FROM_INTEGER(F, T, name, type, convert)         \
	T F##_from_##name(type v, struct fp_status *st) \
	{                                               \
		return fp_result(F, convert, st);       \
	}

#define INSTANTIATE(F, T)                                                             \
	TO_INTEGER(F, T, i16, int16_t, RANGE_I16)                                     \
	TO_INTEGER(F, T, i32, int32_t, RANGE_I32)                                     \
	TO_INTEGER(F, T, i64, int64_t, RANGE_I64)                                     \
	TO_INTEGER(F, T, u32, uint32_t, RANGE_U32)                                    \
	TO_INTEGER(F, T, u64, uint64_t, RANGE_U64)                                    \
	FROM_INTEGER(F, T, i32, int32_t, from_i64(v))                                 \
	FROM_INTEGER(F, T, i64, int64_t, from_i64(v))                                 \
	FROM_INTEGER(F, T, u32, uint32_t, fp_from_u64(false, v))                      \
	FROM_INTEGER(F, T, u64, uint64_t, fp_from_u64(false, v))                      \
	T F##_rint(T a, enum fp_round round, struct fp_status *st)                    \
	{                                                                             \
		struct fp_num n = F##_unpack(a, st);                                  \
                                                                                      \
		if (n.kind >= KIND_QNAN)                                              \
			return F##_pack(fp_propagate1(n, st), st);                    \
		/* FRNDINT reports a denormal operand, ROUNDSS and ROUNDSD do not. */ \
		if (sizeof(T) == sizeof(struct f80))                                  \
			use_operand(&n, st);                                          \
		return F##_pack(fp_rint(n, round, st), st);                           \
	}

FOR_EACH_FORMAT(INSTANTIATE)
