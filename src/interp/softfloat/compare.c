/*
 * Comparison, minimum and maximum, classification of NaNs.
 */
#include "interp/softfloat/fpnum.h"

/* Neither is a NaN. -1, 0 or 1 as the magnitude of a is less than, equal to or above that of b. */
static int compare_magnitudes(const struct fp_num *a, const struct fp_num *b)
{
	if (a->kind != b->kind)
		return a->kind < b->kind ? -1 : 1;
	if (a->kind != KIND_FINITE)
		return 0;
	if (a->exp != b->exp)
		return a->exp < b->exp ? -1 : 1;
	return a->sig < b->sig ? -1 : a->sig > b->sig;
}

static enum fp_relation compare_numbers(const struct fp_num *a, const struct fp_num *b)
{
	int r;

	if (a->kind == KIND_ZERO && b->kind == KIND_ZERO)
		return FP_EQUAL;
	if (a->sign != b->sign)
		return a->sign ? FP_LESS : FP_GREATER;
	r = compare_magnitudes(a, b);
	return (enum fp_relation)(a->sign ? -r : r);
}

static enum fp_relation compare(struct fp_num a, struct fp_num b, bool quiet, struct fp_status *st)
{
	if (is_nan2(&a, &b)) {
		if (!quiet || a.kind > KIND_QNAN || b.kind > KIND_QNAN)
			st->flags |= FP_INVALID;
		return FP_UNORDERED;
	}
	use_operands(&a, &b, st);
	return compare_numbers(&a, &b);
}

/* SDM, MINPS and MAXPS: the second operand, as it is, unless the first is strictly beyond it. */
static int pick_x86(const struct fp_num *a, const struct fp_num *b, bool max, struct fp_status *st)
{
	if (is_nan2(a, b)) {
		st->flags |= FP_INVALID;
		return 1;
	}
	use_operands(a, b, st);
	return compare_numbers(a, b) == (max ? FP_GREATER : FP_LESS) ? 0 : 1;
}

/* Which of two numbers wins: 0 or 1. Here -0 is below +0, which IEEE 754-2019 9.6 requires. */
static int pick_number(const struct fp_num *a, const struct fp_num *b, bool max, bool magnitude)
{
	int r = magnitude ? compare_magnitudes(a, b) : 0;

	if (r == 0)
		r = compare_numbers(a, b);
	if (r == 0)
		r = (int)b->sign - (int)a->sign;
	return (max ? r >= 0 : r <= 0) ? 0 : 1;
}

/* Index of the operand to return, or -1 for a NaN in *nan. */
static int minmax(const struct fp_num ops[2], bool max, enum fp_minmax kind, struct fp_num *nan,
		  struct fp_status *st)
{
	const struct fp_num *a = &ops[0], *b = &ops[1];

	if (kind == FP_MM_X86)
		return pick_x86(a, b, max, st);
	if (is_nan2(a, b)) {
		if (kind != FP_MM_IEEE && a->kind <= KIND_QNAN && b->kind <= KIND_QNAN &&
		    a->kind != b->kind)
			return a->kind == KIND_QNAN;
		*nan = fp_propagate(ops, 2, st);
		return -1;
	}
	use_operands(a, b, st);
	return pick_number(a, b, max, kind == FP_MM_NUM_MAG);
}

#define INSTANTIATE(F, T)                                                                         \
	enum fp_relation F##_compare(T a, T b, struct fp_status *st)                              \
	{                                                                                         \
		return compare(F##_unpack(a, st), F##_unpack(b, st), false, st);                  \
	}                                                                                         \
	enum fp_relation F##_compare_quiet(T a, T b, struct fp_status *st)                        \
	{                                                                                         \
		return compare(F##_unpack(a, st), F##_unpack(b, st), true, st);                   \
	}                                                                                         \
	T F##_minmax(T a, T b, bool max, enum fp_minmax kind, struct fp_status *st)               \
	{                                                                                         \
		const struct fp_num ops[2] = {F##_unpack(a, st), F##_unpack(b, st)};              \
		struct fp_num nan, n;                                                             \
		int which = minmax(ops, max, kind, &nan, st);                                     \
                                                                                                  \
		if (which < 0)                                                                    \
			return F##_pack(nan, st);                                                 \
		n = ops[which];                                                                   \
		/* A NaN that MINPS hands through keeps its bits, a flushed denormal does not. */ \
		return n.kind >= KIND_QNAN ? (which ? b : a) : F##_pack(n, st);                   \
	}                                                                                         \
	bool F##_is_nan(T a)                                                                      \
	{                                                                                         \
		struct fp_status st = {.rules = &fp_rules_sse};                                   \
                                                                                                  \
		return F##_unpack(a, &st).kind >= KIND_QNAN;                                      \
	}                                                                                         \
	bool F##_is_snan(T a, const struct fp_status *st)                                         \
	{                                                                                         \
		struct fp_status copy = *st;                                                      \
                                                                                                  \
		return F##_unpack(a, &copy).kind == KIND_SNAN;                                    \
	}

FOR_EACH_FORMAT(INSTANTIATE)
