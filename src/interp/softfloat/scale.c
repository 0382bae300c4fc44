/*
 * Operations on the exponent: scalb, logb; and conversions between formats, which are nothing but
 * unpacking and packing.
 */
#include "interp/softfloat/fpnum.h"

/* Beyond this every format overflows or underflows; it keeps exponent sums away from INT_MAX. */
#define MAX_SCALE 0x20000

static struct fp_num scale(struct fp_num a, int n, struct fp_status *st)
{
	if (a.kind >= KIND_QNAN)
		return fp_propagate1(a, st);
	use_operand(&a, st);
	if (a.kind == KIND_FINITE)
		a.exp += n > MAX_SCALE ? MAX_SCALE : n < -MAX_SCALE ? -MAX_SCALE : n;
	return a;
}

static struct fp_num logb_num(struct fp_num a, struct fp_status *st)
{
	if (a.kind >= KIND_QNAN)
		return fp_propagate1(a, st);
	if (a.kind == KIND_INF)
		return fp_special(KIND_INF, false);
	if (a.kind == KIND_ZERO) {
		st->flags |= FP_DIVZERO;
		return fp_special(KIND_INF, true);
	}
	use_operand(&a, st);
	return fp_from_u64(a.exp < 0, (uint64_t)(a.exp < 0 ? -a.exp : a.exp));
}

#define INSTANTIATE(F, T)                                                 \
	T F##_scalb(T a, int n, struct fp_status *st)                     \
	{                                                                 \
		return fp_result(F, scale(F##_unpack(a, st), n, st), st); \
	}                                                                 \
	T F##_logb(T a, struct fp_status *st)                             \
	{                                                                 \
		return fp_result(F, logb_num(F##_unpack(a, st), st), st); \
	}                                                                 \
	T F##_default_nan(const struct fp_status *st)                     \
	{                                                                 \
		return F##_pack(fp_default_nan(st), st);                  \
	}

FOR_EACH_FORMAT(INSTANTIATE)

static struct fp_num convert(struct fp_num a, bool report_denormal, struct fp_status *st)
{
	if (a.kind >= KIND_QNAN)
		return fp_propagate1(a, st);
	if (report_denormal)
		use_operand(&a, st);
	return a;
}

/* A store of an f80 (FST) does not report a denormal operand (SDM, FST, exceptions). */
#define CONVERT(FROM, TF, TO, TT)                                                    \
	TT FROM##_to_##TO(TF a, struct fp_status *st)                                \
	{                                                                            \
		bool report = sizeof(TF) < sizeof(struct f80);                       \
                                                                                     \
		return fp_result(TO, convert(FROM##_unpack(a, st), report, st), st); \
	}

CONVERT(f16, f16, f32, f32)
CONVERT(f16, f16, f64, f64)
CONVERT(f32, f32, f16, f16)
CONVERT(f32, f32, f64, f64)
CONVERT(f32, f32, f80, struct f80)
CONVERT(f32, f32, f128, struct f128)
CONVERT(f64, f64, f16, f16)
CONVERT(f64, f64, f32, f32)
CONVERT(f64, f64, f80, struct f80)
CONVERT(f64, f64, f128, struct f128)
CONVERT(f80, struct f80, f32, f32)
CONVERT(f80, struct f80, f64, f64)
CONVERT(f80, struct f80, f128, struct f128)
CONVERT(f128, struct f128, f32, f32)
CONVERT(f128, struct f128, f64, f64)
CONVERT(f128, struct f128, f80, struct f80)
