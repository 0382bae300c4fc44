/* Advanced SIMD: single precision, always in the standard mode, and the estimates. */
#include "interp/arm/neon.h"
#include "interp/softfloat/hostfp.h"

#define SIGN (1u << 31)

/* --- estimates (DDI 0406C, A2.7.5) --- */

/* Of 1/x: 9 bits of x, 256 to 511, give 9 bits. */
static u32 reciprocal(u32 x)
{
	return ((1u << 19) / (2 * x + 1) + 1) >> 1;
}

/* Of 1/sqrt(x): x is 128 to 511, in quarters below 256. */
static u32 reciprocal_root(u32 x)
{
	u32 a = x < 256 ? 2 * x + 1 : 2 * ((x & ~1u) + 1), b = 512;

	while ((u64)a * (b + 1) * (b + 1) < 1u << 28)
		b++;
	return (b + 1) / 2;
}

u32 arm_neon_estimate(u32 value, bool square_root)
{
	if (square_root)
		return value >> 30 ? reciprocal_root(value >> 23) << 23 : UINT32_MAX;
	return value >> 31 ? reciprocal(value >> 23) << 23 : UINT32_MAX;
}

/* A denormal operand counts as zero and is noted. */
static u32 flush(u32 value, struct fp_status *st)
{
	if (value << 1 && !(value & 0x7f800000)) {
		st->flags |= FP_DENORMAL;
		return value & SIGN;
	}
	return value;
}

static bool is_nan(u32 value)
{
	return (value & 0x7fffffff) > 0x7f800000;
}

static u32 nan_of(u32 value, struct fp_status *st)
{
	if (f32_is_snan(value, st))
		st->flags |= FP_INVALID;
	return f32_default_nan(st);
}

static u32 estimate_f32(u32 value, bool root, struct fp_status *st)
{
	value = flush(value, st);
	u32 exp = value >> 23 & 0xff, frac = value & 0x7fffff, sign = value & SIGN;

	if (is_nan(value))
		return nan_of(value, st);
	if (!(value << 1)) {
		st->flags |= FP_DIVZERO;
		return sign | 0x7f800000;
	}
	if (root && sign) {
		st->flags |= FP_INVALID;
		return f32_default_nan(st);
	}
	if (exp == 0xff)
		return sign;
	if (root) {
		u32 x = exp & 1 ? 128 | frac >> 16 : 256 | frac >> 15;
		return (380 - exp) / 2 << 23 | (reciprocal_root(x) & 0xff) << 15;
	}
	if (exp >= 253) {
		st->flags |= FP_UNDERFLOW;
		return sign;
	}
	return sign | (253 - exp) << 23 | (reciprocal(256 | frac >> 15) & 0xff) << 15;
}

/* --- steps of Newton's iteration --- */

static bool inf_times_zero(u32 a, u32 b)
{
	u32 x = a & 0x7fffffff, y = b & 0x7fffffff;

	return (x == 0x7f800000 && y == 0) || (y == 0x7f800000 && x == 0);
}

static u32 step(u32 a, u32 b, bool root, struct fp_status *st)
{
	const f32 two = 0x40000000, three = 0x40400000, one_half = 0x3fc00000;

	a = flush(a, st);
	b = flush(b, st);
	if (inf_times_zero(a, b))
		return root ? one_half : two;
	f32 product = f32_mul(a, b, st);
	return root ? f32_div(f32_sub(three, product, st), two, st) : f32_sub(two, product, st);
}

static u32 truth(bool b)
{
	return b ? UINT32_MAX : 0;
}

static u32 compare(enum neon_op op, u32 a, u32 b, struct fp_status *st)
{
	enum fp_relation rel;

	if (op == N_FACGE || op == N_FACGT) {
		a &= ~SIGN;
		b &= ~SIGN;
	}
	rel = op == N_FCEQ ? hf32_compare_quiet(a, b, st) : hf32_compare(a, b, st);
	switch (op) {
	case N_FCEQ: return truth(rel == FP_EQUAL);
	case N_FCGE:
	case N_FACGE: return truth(rel == FP_EQUAL || rel == FP_GREATER);
	case N_FCLE: return truth(rel == FP_EQUAL || rel == FP_LESS);
	case N_FCLT: return truth(rel == FP_LESS);
	default: return truth(rel == FP_GREATER);
	}
}

static u32 convert(const struct neon_form *f, u32 b, struct fp_status *st)
{
	switch ((enum neon_op)f->op) {
	case N_FTOS: return (u32)f32_to_i32(b, FP_RND_ZERO, st);
	case N_FTOU: return f32_to_u32(b, FP_RND_ZERO, st);
	case N_STOF: return f32_from_i32((s32)b, st);
	case N_UTOF: return f32_from_u32(b, st);
	case N_FTOFIX:
		return (u32)arm_to_fixed(false, b, f->aux, 32, f->is_unsigned, FP_RND_ZERO, st);
	default:
		return (u32)arm_from_fixed(false, f->is_unsigned ? (s64)b : (s64)(s32)b, f->aux,
					   st);
	}
}

u32 arm_neon_fp(struct arm_cpu *c, const struct neon_form *f, u32 a, u32 b, u32 d)
{
	struct fp_status *st = &c->fp_std;
	enum neon_op op = (enum neon_op)f->op;

	switch (op) {
	case N_FADD: return hf32_add(a, b, st);
	case N_FSUB: return hf32_sub(a, b, st);
	case N_FMUL: return hf32_mul(a, b, st);
	case N_FMLA: return hf32_add(d, hf32_mul(a, b, st), st);
	case N_FMLS: return hf32_sub(d, hf32_mul(a, b, st), st);
	case N_FFMA: return f32_muladd(a, b, d, 0, st);
	case N_FFMS: return f32_muladd(a ^ SIGN, b, d, 0, st);
	case N_FABD: return hf32_sub(a, b, st) & ~SIGN;
	case N_FMAX: return f32_minmax(a, b, true, FP_MM_IEEE, st);
	case N_FMIN: return f32_minmax(a, b, false, FP_MM_IEEE, st);
	case N_FRECPS: return step(a, b, false, st);
	case N_FRSQRTS: return step(a, b, true, st);
	case N_FABS: return b & ~SIGN;
	case N_FNEG: return b ^ SIGN;
	case N_FRECPE: return estimate_f32(b, false, st);
	case N_FRSQRTE: return estimate_f32(b, true, st);
	case N_FCEQ:
	case N_FCGE:
	case N_FCGT:
	case N_FACGE:
	case N_FACGT:
	case N_FCLE:
	case N_FCLT: return compare(op, a, b, st);
	default: return convert(f, b, st);
	}
}
