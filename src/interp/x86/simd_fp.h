/*
 * How SSE floating-point op bodies are made (ops_sse_fp.c, ops_sse_cvt.c).
 *
 * An operation is given twice: as the host's instruction, where the host has SSE, and lane by lane
 * on soft-float's functions (their fast forms of hostfp.h, so other hosts are not slow, either).
 * The op body runs the host's instruction if MXCSR rounds to nearest and has all masks set, and is
 * done if the host's sticky flags then show nothing that the guest's do not. Else fp_slow() runs
 * the same instruction under the guest's MXCSR (28 ns and more for switching twice), or soft-float
 * if an exception is unmasked.
 */
#ifndef INTERP_X86_SIMD_FP_H
#define INTERP_X86_SIMD_FP_H

#include "interp/x86/simd.h"

typedef float float4 __attribute__((vector_size(16), may_alias));

/* What the operation computes, on whole registers; d is also the destination. */
typedef float4 fp_host_fn(float4 d, float4 s);
typedef void fp_soft_fn(union x86_xmm *d, const union x86_xmm *s, struct fp_status *st);

#define XMM(index)  REGS->xmm[index]
#define XMMV(index) (*(float4 *)&REGS->xmm[index])

/* In a region of compiled code MXCSR may be known to be plain (no FTZ, no DAZ), and flags are
 * collected where it is left. */
#ifdef RATITE_BITCODE
bool jit_assumes_plain_fp(void) __attribute__((const));
#define MXCSR_IS_KNOWN jit_assumes_plain_fp()
#else
#define MXCSR_IS_KNOWN false
#endif

/* Rounding to nearest, all exceptions masked; whatever the flags, FTZ and DAZ. */
#define MXCSR_IS_PLAIN (MXCSR_IS_KNOWN || (REGS->mxcsr & 0x7f80) == MXCSR_MASKS)

#if HOST_HAS_SSE
/* The same once `result` has been computed. */
#define HOST_CSR(result)                                                   \
	({                                                                 \
		u32 csr_;                                                  \
		__asm__ volatile("stmxcsr %0" : "=m"(csr_) : "x"(result)); \
		csr_;                                                      \
	})

enum fp_type { FP_F32, FP_F64, FP_OTHER };

/* What an instruction makes, by the end of its name: ps, ss, pd, sd; dq is integers. */
#define FP_TYPE_OF(insn) \
	(insn[sizeof(insn) - 2] == 's' ? FP_F32 : insn[sizeof(insn) - 2] == 'd' ? FP_F64 : FP_OTHER)

static ALWAYS_INLINE bool has_denormal(float4 r, enum fp_type type)
{
	typedef u32 u32x4 __attribute__((vector_size(16)));
	u64 q[2];

	if (type == FP_F32) {
		u32x4 doubled = (u32x4)r << 1;
		u32x4 hits = (u32x4)(doubled - 1 < 0xffffff);
		__builtin_memcpy(q, &hits, 16);
		return q[0] | q[1];
	}
	__builtin_memcpy(q, &r, 16);
	return type == FP_F64 && ((q[0] << 1) - 1 < UINT64_C(0x1fffffffffffff) ||
				  (q[1] << 1) - 1 < UINT64_C(0x1fffffffffffff));
}

/*
 * Whether the host, in its default mode, did all that the guest can see. FTZ and DAZ would have
 * made no difference if there was no denormal operand, no underflow, and no denormal result (an
 * exact one is no underflow).
 */
static ALWAYS_INLINE bool fp_settled(u32 host, u32 mxcsr, float4 r, enum fp_type type)
{
	if (LIKELY(!(mxcsr & (MXCSR_FTZ | MXCSR_DAZ))))
		return !(host & ~mxcsr & MXCSR_FLAGS);
	return !(host & (~mxcsr | ~(u32)(FP_INEXACT | FP_OVERFLOW)) & MXCSR_FLAGS) &&
	       !has_denormal(r, type);
}
#define NOTHING_NEW(result, type) \
	(MXCSR_IS_KNOWN || LIKELY(fp_settled(HOST_CSR(result), REGS->mxcsr, result, type)))
#else
#endif

/* The operation in full on registers a and b of the op; `to` says where the result goes. */
void fp_slow(struct x86_cpu *c, const union x86_xmm *s, union x86_xmm *to, fp_host_fn *host,
	     fp_soft_fn *soft);

/*
 * An op on XMM registers a (and destination) and b. `insn` is the host's instruction, ... the
 * statements for soft-float, with d, s and st at hand.
 */
#if HOST_HAS_SSE
#define FP_OP(name, insn, ...)                                                                  \
	static float4 name##_host(float4 d, float4 s)                                           \
	{                                                                                       \
		__asm__(insn " %1, %0" : "+x"(d) : "x"(s));                                     \
		return d;                                                                       \
	}                                                                                       \
	static void name##_soft(union x86_xmm *d, const union x86_xmm *s, struct fp_status *st) \
	{                                                                                       \
		__VA_ARGS__                                                                     \
	}                                                                                       \
	static NOINLINE void name##_slow(struct x86_cpu *c, const struct op *op)                \
	{                                                                                       \
		fp_slow(c, &c->r.xmm[op->b], &c->r.xmm[op->a], name##_host, name##_soft);       \
	}                                                                                       \
	OP(name)                                                                                \
	{                                                                                       \
		if (LIKELY(MXCSR_IS_PLAIN)) {                                                   \
			float4 r_ = XMMV(op->a);                                                \
			__asm__ volatile(insn " %1, %0" : "+x"(r_) : "x"(XMMV(op->b)));         \
			if (NOTHING_NEW(r_, FP_TYPE_OF(insn))) {                                \
				XMMV(op->a) = r_;                                               \
				NEXT;                                                           \
			}                                                                       \
		}                                                                               \
		SLOW(name##_slow(CPU, op));                                                     \
		NEXT;                                                                           \
	}
#else
#define FP_OP(name, insn, ...)                                                                  \
	static void name##_soft(union x86_xmm *d, const union x86_xmm *s, struct fp_status *st) \
	{                                                                                       \
		__VA_ARGS__                                                                     \
	}                                                                                       \
	static NOINLINE void name##_slow(struct x86_cpu *c, const struct op *op)                \
	{                                                                                       \
		fp_slow(c, &c->r.xmm[op->b], &c->r.xmm[op->a], NULL, name##_soft);              \
	}                                                                                       \
	OP(name)                                                                                \
	{                                                                                       \
		SLOW(name##_slow(CPU, op));                                                     \
		NEXT;                                                                           \
	}
#endif

#endif
