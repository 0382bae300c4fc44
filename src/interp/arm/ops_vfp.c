/* VFP: arithmetic, comparisons, conversions, moves. */
#include "interp/arm/ops_vfp.h"

#define S(n) (*(f32 *)((char *)REGS->d + 4 * (n)))
#define D(n) (REGS->d[n])
#define FP   (&CPU->fp)

#if VFP_HAS_HOST
#define ON_HOST(F, kind, d, n, m)                                 \
	do {                                                      \
		F res_ = 0;                                       \
		if (!VFP_IS_HOSTS(kind) || !FPSCR_IS_PLAIN)       \
			break;                                    \
		if (LIKELY(vfp_host_##F(kind, d, n, m, &res_))) { \
			d = res_;                                 \
			NEXT;                                     \
		}                                                 \
		return BODY_INTERPRET;                            \
	} while (0)
#else
#define ON_HOST(F, kind, d, n, m) \
	do {                      \
	} while (0)
#endif

#define BINARY(name, kind)                                                  \
	OP(name##_s)                                                        \
	{                                                                   \
		ON_HOST(f32, kind, S(op->a), S(op->b), S(op->x));           \
		S(op->a) = vfp_f32(kind, S(op->a), S(op->b), S(op->x), FP); \
		NEXT;                                                       \
	}                                                                   \
	OP(name##_d)                                                        \
	{                                                                   \
		ON_HOST(f64, kind, D(op->a), D(op->b), D(op->x));           \
		D(op->a) = vfp_f64(kind, D(op->a), D(op->b), D(op->x), FP); \
		NEXT;                                                       \
	}
#define FOR_EACH_VFP(X)                                                                        \
	X(vmla, VFP_MLA)                                                                       \
	X(vmls, VFP_MLS)                                                                       \
	X(vnmls, VFP_NMLS)                                                                     \
	X(vnmla, VFP_NMLA)                                                                     \
	X(vmul, VFP_MUL) X(vnmul, VFP_NMUL) X(vadd, VFP_ADD) X(vsub, VFP_SUB) X(vdiv, VFP_DIV) \
		X(vfma, VFP_FMA) X(vfms, VFP_FMS) X(vfnma, VFP_FNMA) X(vfnms, VFP_FNMS)        \
			X(vmov, VFP_MOV) X(vabs, VFP_ABS) X(vneg, VFP_NEG) X(vsqrt, VFP_SQRT)
FOR_EACH_VFP(BINARY)

static ALWAYS_INLINE bool f32_signals(f32 a)
{
	return (a & 0x7fc00000) == 0x7f800000 && a & 0x3fffff;
}

static ALWAYS_INLINE bool f64_signals(f64 a)
{
	return (a >> 51 & 0xfff) == 0xffe && a << 13;
}

#if VFP_HAS_HOST
#define COMPARE_RAISES return BODY_INTERPRET
#else
#define COMPARE_RAISES ((void)0)
#endif

/* Without a NaN it raises nothing. */
#define COMPARE(name, F, get)                                                                  \
	OP(name)                                                                               \
	{                                                                                      \
		F a = get(op->a), b = op->s & 2 ? 0 : get(op->x);                              \
		if (FPSCR_IS_PLAIN) {                                                          \
			bool nan = __builtin_isunordered(F##_value(a), F##_value(b));          \
			if (UNLIKELY(nan) && (op->s & 1 || F##_signals(a) || F##_signals(b)))  \
				COMPARE_RAISES;                                                \
			vfp_set_relation(REGS, F##_value(a) < F##_value(b),                    \
					 F##_value(a) == F##_value(b), nan);                   \
			NEXT;                                                                  \
		}                                                                              \
		enum fp_relation rel =                                                         \
			op->s & 1 ? h##F##_compare(a, b, FP) : h##F##_compare_quiet(a, b, FP); \
		vfp_set_relation(REGS, rel == FP_LESS, rel == FP_EQUAL, rel == FP_UNORDERED);  \
		NEXT;                                                                          \
	}
COMPARE(vcmp_s, f32, S)
COMPARE(vcmp_d, f64, D)

OP(vconst_s)
{
	S(op->a) = (f32)op->imm;
	NEXT;
}

OP(vconst_d)
{
	D(op->a) = op->imm;
	NEXT;
}

/* VMOV between core and extension registers: a is the core register, b the S or D number. */
OP(vmov_sr)
{
	S(op->b) = R(op->a);
	NEXT;
}

OP(vmov_rs)
{
	W(op->a, S(op->b));
	NEXT;
}

/* Two core registers a (low) and s; D or two S registers, b is an S number. */
OP(vmov_dr)
{
	u32 low = R(op->a), high = R(op->s);

	if (op->b & 1) {
		S(op->b) = low;
		S(op->b + 1) = high;
	} else {
		D(op->b / 2) = (u64)high << 32 | low;
	}
	NEXT;
}

OP(vmov_rd)
{
	if (op->b & 1) {
		W(op->a, S(op->b));
		W(op->s, S(op->b + 1));
	} else {
		u64 value = D(op->b / 2);
		W(op->a, (u32)value);
		W(op->s, (u32)(value >> 32));
	}
	NEXT;
}

OP(vmrs_flags)
{
	REGS->n = REGS->fpn;
	REGS->z = REGS->fpz;
	REGS->c = REGS->fpc;
	REGS->v = REGS->fpv;
	NEXT;
}

/* --- conversions --- */

OP(vcvt_sd)
{
#if VFP_HAS_HOST
	if (FPSCR_IS_PLAIN) {
		float value = VFP_HOST1("cvtsd2ss", float, f64_value(D(op->x)));
		if (UNLIKELY(vfp_odd_f32(value)))
			return BODY_INTERPRET;
		S(op->a) = f32_bits(value);
		NEXT;
	}
#endif
	S(op->a) = hf64_to_f32(D(op->x), FP);
	NEXT;
}

OP(vcvt_ds)
{
#if VFP_HAS_HOST
	if (FPSCR_IS_PLAIN) {
		float value = f32_value(S(op->x));
		if (UNLIKELY(value != value))
			return BODY_INTERPRET;
		D(op->a) = f64_bits((double)value);
		NEXT;
	}
#endif
	D(op->a) = hf32_to_f64(S(op->x), FP);
	NEXT;
}

/*
 * To integers: the host's instruction says 0x80000000 where it has no answer. Unsigned ones are 64
 * bits there, so what does not fit must not get that far, as it could be inexact.
 */
#if VFP_HAS_HOST
#define TO_INT_ON_HOST(F, get, suffix)                                                          \
	if (FPSCR_IS_PLAIN) {                                                                   \
		__typeof__(F##_value(0)) value = F##_value(get(op->x));                         \
		u64 res;                                                                        \
		if (op->s & 1)                                                                  \
			res = op->s & 2 ? VFP_HOST_INT("cvtt" suffix "2si %1, %k0", value)      \
					: VFP_HOST_INT("cvt" suffix "2si %1, %k0", value);      \
		else if (UNLIKELY(!(value > -0.5f && value < (__typeof__(value))4294967295.0))) \
			return BODY_INTERPRET;                                                  \
		else                                                                            \
			res = op->s & 2 ? VFP_HOST_INT("cvtt" suffix "2si %1, %q0", value)      \
					: VFP_HOST_INT("cvt" suffix "2si %1, %q0", value);      \
		if (UNLIKELY(op->s & 1 ? (u32)res == 0x80000000 : res >> 32))                   \
			return BODY_INTERPRET;                                                  \
		S(op->a) = (u32)res;                                                            \
		NEXT;                                                                           \
	}
#define FROM_INT_ON_HOST(F, get, suffix)                                                      \
	if (FPSCR_IS_PLAIN) {                                                                 \
		s64 value = op->s & 1 ? (s64)(s32)S(op->x) : (s64)S(op->x);                   \
		get(op->a) = F##_bits(                                                        \
			VFP_HOST_FROM("cvtsi2" suffix "q", __typeof__(F##_value(0)), value)); \
		NEXT;                                                                         \
	}
#else
#define TO_INT_ON_HOST(F, get, suffix)
#define FROM_INT_ON_HOST(F, get, suffix)
#endif

#define CONVERT(name, F, get, suffix)                                                             \
	OP(vcvt_to_int_##name)                                                                    \
	{                                                                                         \
		TO_INT_ON_HOST(F, get, suffix)                                                    \
		enum fp_round round = op->s & 2 ? FP_RND_ZERO : (enum fp_round)CPU->fp.round;     \
		S(op->a) = op->s & 1 ? (u32)F##_to_i32(get(op->x), round, FP)                     \
				     : F##_to_u32(get(op->x), round, FP);                         \
		NEXT;                                                                             \
	}                                                                                         \
	OP(vcvt_from_int_##name)                                                                  \
	{                                                                                         \
		FROM_INT_ON_HOST(F, get, suffix)                                                  \
		get(op->a) =                                                                      \
			op->s & 1 ? F##_from_i32((s32)S(op->x), FP) : F##_from_u32(S(op->x), FP); \
		NEXT;                                                                             \
	}
CONVERT(s, f32, S, "ss")
CONVERT(d, f64, D, "sd")

#ifndef RATITE_BITCODE
#define ENTRY(name, kind) [kind] = {arm_op_##name##_s, arm_op_##name##_d},
handler_fn *const arm_vfp_op[VFP_OPS][2] = {FOR_EACH_VFP(ENTRY)};
handler_fn *const arm_vfp_cmp[2] = {arm_op_vcmp_s, arm_op_vcmp_d};
handler_fn *const arm_vfp_const[2] = {arm_op_vconst_s, arm_op_vconst_d};
handler_fn *const arm_vcvt_to_int[2] = {arm_op_vcvt_to_int_s, arm_op_vcvt_to_int_d};
handler_fn *const arm_vcvt_from_int[2] = {arm_op_vcvt_from_int_s, arm_op_vcvt_from_int_d};
#endif
