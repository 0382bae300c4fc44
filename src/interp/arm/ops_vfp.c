/* VFP: arithmetic, comparisons, conversions, moves. */
#include "interp/arm/ops_vfp.h"

#define S(n) (*(f32 *)((char *)REGS->d + 4 * (n)))
#define D(n) (REGS->d[n])
#define FP   (&CPU->fp)

#define BINARY(name, kind)                                                  \
	OP(name##_s)                                                        \
	{                                                                   \
		S(op->a) = vfp_f32(kind, S(op->a), S(op->b), S(op->x), FP); \
		NEXT;                                                       \
	}                                                                   \
	OP(name##_d)                                                        \
	{                                                                   \
		D(op->a) = vfp_f64(kind, D(op->a), D(op->b), D(op->x), FP); \
		NEXT;                                                       \
	}
#define FOR_EACH_VFP(X)                                                                            \
	X(vmla, VFP_MLA)                                                                           \
	X(vmls, VFP_MLS)                                                                           \
	X(vnmls, VFP_NMLS) X(vnmla, VFP_NMLA) X(vmul, VFP_MUL) X(vnmul, VFP_NMUL) X(vadd, VFP_ADD) \
		X(vsub, VFP_SUB) X(vdiv, VFP_DIV) X(vfma, VFP_FMA) X(vfms, VFP_FMS)                \
			X(vfnma, VFP_FNMA) X(vfnms, VFP_FNMS) X(vmov, VFP_MOV) X(vabs, VFP_ABS)    \
				X(vneg, VFP_NEG) X(vsqrt, VFP_SQRT)
FOR_EACH_VFP(BINARY)

#define COMPARE(name, F, get)                                                            \
	OP(name)                                                                         \
	{                                                                                \
		F a = get(op->a), b = op->s & 2 ? 0 : get(op->x);                        \
		enum fp_relation rel =                                                   \
			op->s & 1 ? F##_compare(a, b, FP) : F##_compare_quiet(a, b, FP); \
		CPU->fpscr = (CPU->fpscr & 0x0fffffff) | vfp_relation(rel);              \
		NEXT;                                                                    \
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

	S(op->b) = low;
	S(op->b + 1) = high;
	NEXT;
}

OP(vmov_rd)
{
	W(op->a, S(op->b));
	W(op->s, S(op->b + 1));
	NEXT;
}

OP(vmrs_flags)
{
	u32 value = CPU->fpscr;

	REGS->n = value;
	REGS->z = !(value & PSR_Z);
	REGS->c = value >> 29 & 1;
	REGS->v = value << 3;
	NEXT;
}

OP(vcvt_sd)
{
	S(op->a) = f64_to_f32(D(op->x), FP);
	NEXT;
}

OP(vcvt_ds)
{
	D(op->a) = f32_to_f64(S(op->x), FP);
	NEXT;
}

#define CONVERT(name, F, get)                                                                     \
	OP(vcvt_to_int_##name)                                                                    \
	{                                                                                         \
		enum fp_round round = op->s & 2 ? FP_RND_ZERO : (enum fp_round)CPU->fp.round;     \
		S(op->a) = op->s & 1 ? (u32)F##_to_i32(get(op->x), round, FP)                     \
				     : F##_to_u32(get(op->x), round, FP);                         \
		NEXT;                                                                             \
	}                                                                                         \
	OP(vcvt_from_int_##name)                                                                  \
	{                                                                                         \
		get(op->a) =                                                                      \
			op->s & 1 ? F##_from_i32((s32)S(op->x), FP) : F##_from_u32(S(op->x), FP); \
		NEXT;                                                                             \
	}
CONVERT(s, f32, S)
CONVERT(d, f64, D)

#ifndef RATITE_BITCODE
#define ENTRY(name, kind) [kind] = {arm_op_##name##_s, arm_op_##name##_d},
handler_fn *const arm_vfp_op[VFP_OPS][2] = {FOR_EACH_VFP(ENTRY)};
handler_fn *const arm_vfp_cmp[2] = {arm_op_vcmp_s, arm_op_vcmp_d};
handler_fn *const arm_vfp_const[2] = {arm_op_vconst_s, arm_op_vconst_d};
handler_fn *const arm_vcvt_to_int[2] = {arm_op_vcvt_to_int_s, arm_op_vcvt_to_int_d};
handler_fn *const arm_vcvt_from_int[2] = {arm_op_vcvt_from_int_s, arm_op_vcvt_from_int_d};
#endif
