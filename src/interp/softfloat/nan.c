/*
 * NaNs: what each processor makes of them. The rules are data; one function applies them.
 *
 * Sources: Intel SDM volume 1, 4.8.3.5 and table 4-7; Arm ARM, FPProcessNaNs; Power ISA book I,
 * 4.3.2; SPARC V8 appendix N and V9 appendix B.2; MC68881 user's manual, 3.2.5 (NaNs); MIPS64
 * volume I-A, 6.3.2; RISC-V unprivileged ISA, "NaN generation and propagation".
 */
#include <stddef.h>
#include "interp/softfloat/fpnum.h"

const struct fp_rules fp_rules_sse = {
	.pick = FP_PICK_FIRST,
	.fma_order = FP_FMA_ABC,
	.fma_inf0 = FP_INF0_NAN,
	.to_int = FP_INT_INDEFINITE,
	.nan_negative = true,
	.denormal_used = true,
	.ftz_inexact = true,
};

const struct fp_rules fp_rules_x87 = {
	.pick = FP_PICK_LARGER,
	.to_int = FP_INT_INDEFINITE,
	.nan_negative = true,
	.denormal_used = true,
};

const struct fp_rules fp_rules_arm = {
	.pick = FP_PICK_SNAN,
	.fma_order = FP_FMA_CAB,
	.fma_inf0 = FP_INF0_DEFAULT,
	.to_int = FP_INT_SAT_ZERO,
	.tiny_before = true,
	.denormal_flushed = true,
};

const struct fp_rules fp_rules_mips = {
	.pick = FP_PICK_SNAN,
	.fma_order = FP_FMA_CAB,
	.fma_inf0 = FP_INF0_DEFAULT,
	.to_int = FP_INT_MAX,
	.nan_ones = true,
	.snan_is_one = true,
};

const struct fp_rules fp_rules_mips2008 = {
	.pick = FP_PICK_SNAN,
	.fma_order = FP_FMA_CAB,
	.fma_inf0 = FP_INF0_DEFAULT,
	.to_int = FP_INT_SAT_ZERO,
};

const struct fp_rules fp_rules_ppc = {
	.pick = FP_PICK_FIRST,
	.fma_order = FP_FMA_ACB,
	.fma_inf0 = FP_INF0_NAN_INVALID,
	.to_int = FP_INT_SAT_MIN,
	.tiny_before = true,
};

const struct fp_rules fp_rules_sparc = {
	.pick = FP_PICK_SNAN_LAST,
	.fma_order = FP_FMA_ABC,
	.fma_inf0 = FP_INF0_NAN_INVALID,
	.to_int = FP_INT_SAT_MAX,
	.nan_ones = true,
	.tiny_before = true,
};

const struct fp_rules fp_rules_m68k = {
	.pick = FP_PICK_FIRST,
	.to_int = FP_INT_SAT_MAX,
	.nan_ones = true,
	.tiny_before = true,
	.f80_m68k = true,
};

const struct fp_rules fp_rules_riscv = {
	.pick = FP_PICK_DEFAULT,
	.fma_inf0 = FP_INF0_DEFAULT,
	.to_int = FP_INT_SAT_MAX,
};

struct fp_num fp_default_nan(const struct fp_status *st)
{
	const struct fp_rules *r = st->rules;
	struct fp_num n = fp_special(KIND_QNAN, r->nan_negative);

	n.sig = r->snan_is_one ? TOP_BIT : TOP_BIT | QUIET_BIT;
	if (r->nan_ones)
		n.sig |= QUIET_BIT - 1;
	return n;
}

struct fp_num fp_invalid(struct fp_status *st)
{
	st->flags |= FP_INVALID;
	st->rounded_up = false;
	return fp_default_nan(st);
}

static bool is_nan(const struct fp_num *n)
{
	return n->kind == KIND_QNAN || n->kind == KIND_SNAN;
}

/* First operand of the given kind, or the last one; NULL if there is none. */
static const struct fp_num *find_kind(const struct fp_num *ops, int count, enum fp_kind kind,
				      bool last)
{
	const struct fp_num *found = NULL;

	for (int i = 0; i < count; i++) {
		if (ops[i].kind != kind)
			continue;
		found = &ops[i];
		if (!last)
			break;
	}
	return found;
}

/*
 * SDM table 4-7: the larger significand wins, a QNaN over an SNaN; of equal ones the positive. Two
 * SNaNs or two QNaNs compare by significand, so quieting them first does not matter.
 */
static const struct fp_num *pick_larger(const struct fp_num *ops, int count)
{
	const struct fp_num *best = NULL;

	for (int i = 0; i < count; i++) {
		const struct fp_num *n = &ops[i];

		if (!is_nan(n))
			continue;
		if (!best || n->kind < best->kind ||
		    (n->kind == best->kind &&
		     (n->sig > best->sig || (n->sig == best->sig && !n->sign))))
			best = n;
	}
	return best;
}

static const struct fp_num *pick(const struct fp_num *ops, int count, const struct fp_status *st)
{
	bool last = st->rules->pick == FP_PICK_SNAN_LAST;
	const struct fp_num *n;

	switch (st->rules->pick) {
	case FP_PICK_FIRST:
		while (!is_nan(ops))
			ops++;
		return ops;
	case FP_PICK_LARGER: return pick_larger(ops, count);
	case FP_PICK_DEFAULT: return NULL;
	default:
		n = find_kind(ops, count, KIND_SNAN, last);
		return n ? n : find_kind(ops, count, KIND_QNAN, last);
	}
}

/* The NaN that an operation with at least one NaN among its operands returns. */
struct fp_num fp_propagate(const struct fp_num *ops, int count, struct fp_status *st)
{
	const struct fp_num *chosen;
	struct fp_num n;

	if (find_kind(ops, count, KIND_UNSUPPORTED, false))
		return fp_invalid(st);
	st->rounded_up = false;
	if (find_kind(ops, count, KIND_SNAN, false))
		st->flags |= FP_INVALID;
	chosen = st->default_nan ? NULL : pick(ops, count, st);
	/* With the meaning of the quiet bit reversed, quieting could leave an infinity. */
	if (!chosen || (chosen->kind == KIND_SNAN && st->rules->snan_is_one))
		return fp_default_nan(st);
	n = *chosen;
	if (n.kind == KIND_SNAN)
		n.sig |= QUIET_BIT;
	n.kind = KIND_QNAN;
	return n;
}
