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
static ALWAYS_INLINE void vfp_set_relation(struct arm_regs *r, bool less, bool equal,
					   bool unordered)
{
	r->fpn = (uint32_t)less << 31;
	r->fpz = !equal;
	r->fpc = !less;
	r->fpv = (uint32_t)unordered << 31;
}

/*
 * In a region of compiled code FPSCR may be known to be plain: to nearest, no flush to zero. Then
 * the host's instruction does an operation unless NaNs come of it, as their signs and payloads
 * differ, or the smallest normal number: ARM calls that an underflow if it was rounded up to it.
 * The host's sticky flags are taken over where the region is left. Assembly keeps the compiler from
 * dropping operations and from moving them out of the region.
 */
#if defined(RATITE_BITCODE) && HOST_HAS_SSE
#define VFP_HAS_HOST 1
bool jit_assumes_plain_fp(void) __attribute__((const));
#define FPSCR_IS_PLAIN jit_assumes_plain_fp()

#define VFP_HOST2(insn, a, b)                                           \
	({                                                              \
		__typeof__(a) res_ = (a);                               \
		__asm__ volatile(insn " %1, %0" : "+x"(res_) : "x"(b)); \
		res_;                                                   \
	})
#define VFP_HOST1(insn, type, a)                                        \
	({                                                              \
		type res_;                                              \
		__asm__ volatile(insn " %1, %0" : "=x"(res_) : "x"(a)); \
		res_;                                                   \
	})
#define VFP_HOST_INT(insn, a)                                 \
	({                                                    \
		u64 res_;                                     \
		__asm__ volatile(insn : "=r"(res_) : "x"(a)); \
		res_;                                         \
	})
/* The instruction keeps what else is in its register, which need not be waited for. */
#define VFP_HOST_FROM(insn, type, a)                                    \
	({                                                              \
		type res_ = 0;                                          \
		__asm__ volatile(insn " %1, %0" : "+x"(res_) : "r"(a)); \
		res_;                                                   \
	})

#define VFP_HOST(F, type, suffix, smallest, negate)                                        \
	static ALWAYS_INLINE bool vfp_tiny_##F(type value)                                 \
	{                                                                                  \
		return UNLIKELY(F##_bits(value) << 1 == (smallest) << 1);                  \
	}                                                                                  \
	static ALWAYS_INLINE bool vfp_odd_##F(type value)                                  \
	{                                                                                  \
		return UNLIKELY(value != value) || vfp_tiny_##F(value);                    \
	}                                                                                  \
	/* False: not done. A sum is never tiny and inexact. */                            \
	static ALWAYS_INLINE bool vfp_host_##F(enum vfp_op op, F d, F n, F m, F *res)      \
	{                                                                                  \
		type x = F##_value(n), y = F##_value(m), value;                            \
		switch (op) {                                                              \
		case VFP_MLA:                                                              \
		case VFP_MLS:                                                              \
		case VFP_NMLS:                                                             \
		case VFP_NMLA: {                                                           \
			type addend = op == VFP_NMLA ? negate F##_value(d) : F##_value(d); \
			value = VFP_HOST2("mul" suffix, x, y);                             \
			if (vfp_tiny_##F(value))                                           \
				return false;                                              \
			value = op == VFP_MLA	 ? VFP_HOST2("add" suffix, value, addend)  \
				: op == VFP_NMLS ? VFP_HOST2("sub" suffix, value, addend)  \
						 : VFP_HOST2("sub" suffix, addend, value); \
			break;                                                             \
		}                                                                          \
		case VFP_MUL:                                                              \
		case VFP_NMUL:                                                             \
			value = VFP_HOST2("mul" suffix, x, y);                             \
			if (vfp_tiny_##F(value))                                           \
				return false;                                              \
			value = op == VFP_NMUL ? negate value : value;                     \
			break;                                                             \
		case VFP_ADD: value = VFP_HOST2("add" suffix, x, y); break;                \
		case VFP_SUB: value = VFP_HOST2("sub" suffix, x, y); break;                \
		case VFP_DIV:                                                              \
			value = VFP_HOST2("div" suffix, x, y);                             \
			if (vfp_tiny_##F(value))                                           \
				return false;                                              \
			break;                                                             \
		case VFP_SQRT: value = VFP_HOST1("sqrt" suffix, type, y); break;           \
		default: return false;                                                     \
		}                                                                          \
		*res = F##_bits(value);                                                    \
		return LIKELY(value == value);                                             \
	}
/* Operations that it has. */
#define VFP_IS_HOSTS(op) ((op) <= VFP_DIV || (op) == VFP_SQRT)
VFP_HOST(f32, float, "ss", (f32)1 << 23, -)
VFP_HOST(f64, double, "sd", (f64)1 << 52, -)
#else
#define VFP_HAS_HOST   0
#define FPSCR_IS_PLAIN false
#endif

#endif
