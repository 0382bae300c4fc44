/*
 * What VFP's arithmetic instructions compute, for op bodies and for short vectors. Source: ARM DDI
 * 0406C, A7.5 and A8. Multiply-accumulates round twice; negation flips the sign of NaNs, too.
 */
#ifndef INTERP_ARM_VFP_ARITH_H
#define INTERP_ARM_VFP_ARITH_H

#include "interp/arm/ops.h"
#include "interp/softfloat/hostfp.h"

enum vfp_op {
	VFP_MLA,
	VFP_MLS,
	VFP_NMLS,
	VFP_NMLA,
	VFP_MUL,
	VFP_NMUL,
	VFP_ADD,
	VFP_SUB,
	VFP_DIV,
	VFP_FNMS,
	VFP_FNMA,
	VFP_FMA,
	VFP_FMS,
	VFP_MOV,
	VFP_ABS,
	VFP_NEG,
	VFP_SQRT,
	VFP_OPS,
};

#define VFP_ARITH(F, sign)                                                                       \
	static ALWAYS_INLINE F vfp_##F(enum vfp_op op, F d, F n, F m, struct fp_status *st)      \
	{                                                                                        \
		switch (op) {                                                                    \
		case VFP_MLA: return h##F##_add(d, h##F##_mul(n, m, st), st);                    \
		case VFP_MLS: return h##F##_add(d, h##F##_mul(n, m, st) ^ (sign), st);           \
		case VFP_NMLS: return h##F##_add(d ^ (sign), h##F##_mul(n, m, st), st);          \
		case VFP_NMLA: return h##F##_add(d ^ (sign), h##F##_mul(n, m, st) ^ (sign), st); \
		case VFP_MUL: return h##F##_mul(n, m, st);                                       \
		case VFP_NMUL: return h##F##_mul(n, m, st) ^ (sign);                             \
		case VFP_ADD: return h##F##_add(n, m, st);                                       \
		case VFP_SUB: return h##F##_sub(n, m, st);                                       \
		case VFP_DIV: return h##F##_div(n, m, st);                                       \
		case VFP_FMA: return F##_muladd(n, m, d, 0, st);                                 \
		case VFP_FMS: return F##_muladd(n ^ (sign), m, d, 0, st);                        \
		case VFP_FNMS: return F##_muladd(n, m, d ^ (sign), 0, st);                       \
		case VFP_FNMA: return F##_muladd(n ^ (sign), m, d ^ (sign), 0, st);              \
		case VFP_ABS: return m & ~(sign);                                                \
		case VFP_NEG: return m ^ (sign);                                                 \
		case VFP_SQRT: return h##F##_sqrt(m, st);                                        \
		default: return m;                                                               \
		}                                                                                \
	}
VFP_ARITH(f32, (f32)1 << 31)
VFP_ARITH(f64, (f64)1 << 63)

/* FPSCR's NZCV for a comparison. */
static ALWAYS_INLINE uint32_t vfp_relation(enum fp_relation rel)
{
	switch (rel) {
	case FP_EQUAL: return PSR_Z | PSR_C;
	case FP_LESS: return PSR_N;
	case FP_GREATER: return PSR_C;
	default: return PSR_C | PSR_V;
	}
}

#endif
