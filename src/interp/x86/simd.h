/*
 * Handlers of the MMX and SSE instructions, for decode_simd.c, and what their files share.
 */
#ifndef INTERP_X86_SIMD_H
#define INTERP_X86_SIMD_H

#include "interp/x86/fpu.h"

static ALWAYS_INLINE int simd_clamp(int v, int min, int max)
{
	return v < min ? min : v > max ? max : v;
}

typedef u64 lanes64 __attribute__((vector_size(16), may_alias));

/*
 * sign_mask_<name>(): bit n is the sign of lane n of those at p. BITS is the type that holds a
 * vector of so many truth values; of that Clang makes one instruction.
 */
#if defined(__clang__)
#define SIGN_MASK(name, T, count, BITS)                                             \
	static ALWAYS_INLINE u32 sign_mask_##name(const void *p)                    \
	{                                                                           \
		typedef T vector __attribute__((vector_size(sizeof(T) * (count)))); \
		typedef _Bool truth __attribute__((ext_vector_type(count)));        \
		vector lanes;                                                       \
		__builtin_memcpy(&lanes, p, sizeof(lanes));                         \
		truth negative = __builtin_convertvector(lanes < 0, truth);         \
		BITS mask;                                                          \
		__builtin_memcpy(&mask, &negative, sizeof(mask));                   \
		return mask & ((1u << (count)) - 1);                                \
	}
#else
#define SIGN_MASK(name, T, count, BITS)                          \
	static ALWAYS_INLINE u32 sign_mask_##name(const void *p) \
	{                                                        \
		T lanes[count];                                  \
		u32 mask = 0;                                    \
		__builtin_memcpy(lanes, p, sizeof(lanes));       \
		for (unsigned int i = 0; i < (count); i++)       \
			mask |= (u32)(lanes[i] < 0) << i;        \
		return mask;                                     \
	}
#endif
SIGN_MASK(s8x8, s8, 8, u8)
SIGN_MASK(s8x16, s8, 16, u16)
SIGN_MASK(s32x4, s32, 4, u8)
SIGN_MASK(s64x2, s64, 2, u8)

/* XMM register = value, zero-extended: one store, so that a load of the whole is forwarded from it.
 */
#define XMM_SET_LOW(index, value) (*(lanes64 *)&REGS->xmm[index] = (lanes64){(value), 0})

/* clang-format off */
/* Names that exist for both widths: x86_op_<name>_mm and x86_op_<name>_xmm. */
#define SIMD_BOTH(X)                                                                               \
	X(por) X(pand) X(pandn) X(pxor) X(paddb) X(paddw) X(paddd) X(paddq) X(psubb) X(psubw)      \
	X(psubd) X(psubq) X(paddsb) X(paddsw) X(psubsb) X(psubsw) X(paddusb) X(paddusw) X(psubusb) \
	X(psubusw) X(pavgb) X(pavgw) X(pminub) X(pmaxub) X(pminsw) X(pmaxsw) X(pcmpeqb) X(pcmpeqw) \
	X(pcmpeqd) X(pcmpgtb) X(pcmpgtw) X(pcmpgtd) X(pmullw) X(pmulhw) X(pmulhuw) X(pmuludq)      \
	X(pmulhrsw) X(psignb) X(psignw) X(psignd) X(pabsb) X(pabsw) X(pabsd) X(pshufb) X(pmaddwd)  \
	X(psadbw) X(punpcklbw) X(punpcklwd) X(punpckldq) X(punpckhbw) X(punpckhwd) X(punpckhdq)    \
	X(packsswb) X(packuswb) X(packssdw) X(phaddw) X(phaddd) X(phaddsw) X(phsubw) X(phsubd)     \
	X(phsubsw) X(pmaddubsw) X(palignr) X(psllw) X(pslld) X(psllq) X(psrlw) X(psrld) X(psrlq)   \
	X(psraw) X(psrad) X(psllw_imm) X(pslld_imm) X(psllq_imm) X(psrlw_imm) X(psrld_imm)         \
	X(psrlq_imm) X(psraw_imm) X(psrad_imm) X(pmovmskb) X(pextrw) X(pinsrw)

/* XMM only, integer and moves (ops_sse_int.c, ops_sse4.c). */
#define SIMD_XMM(X)                                                                                \
	X(punpcklqdq) X(punpckhqdq) X(pslldq) X(psrldq) X(pshufd) X(pshuflw) X(pshufhw)            \
	X(shufps) X(shufpd) X(movaps) X(movss) X(movsd) X(movq_xmm) X(movhlps) X(movlhps)          \
	X(movddup) X(movshdup) X(movsldup) X(movmskps) X(movmskpd)           \
	X(movd_from_gpr) X(movq_from_gpr) X(movd_to_gpr) X(movq_to_gpr)                            \
	X(movd_mm_from_gpr) X(movq_mm_from_gpr) X(movd_mm_to_gpr) X(movq_mm_to_gpr)                \
	X(movq_mm) X(movq2dq) X(movdq2q) X(pshufw)                   \
	X(pblendvb) X(blendvps) X(blendvpd) X(ptest) X(pmovsxbw) X(pmovsxbd) X(pmovsxbq)           \
	X(pmovsxwd) X(pmovsxwq) X(pmovsxdq) X(pmovzxbw) X(pmovzxbd) X(pmovzxbq) X(pmovzxwd)        \
	X(pmovzxwq) X(pmovzxdq) X(pmuldq) X(pcmpeqq) X(pcmpgtq) X(packusdw) X(pminsb) X(pmaxsb)    \
	X(pminuw) X(pmaxuw) X(pminsd) X(pmaxsd) X(pminud) X(pmaxud) X(pmulld) X(phminposuw)        \
	X(blendps) X(blendpd) X(pblendw) X(mpsadbw) X(insertps) X(pinsrb) X(pinsrd) X(pinsrq)      \
	X(pextrb) X(pextrw_any) X(pextrd) X(pextrq) X(crc32_8) X(crc32_16) X(crc32_32)             \
	X(crc32_64) X(aesenc) X(aesenclast) X(aesdec) X(aesdeclast) X(aesimc)                      \
	X(aeskeygenassist) X(pclmulqdq) X(emms) X(mmx_check) X(mmx_wait) X(mmx_peek) \
	X(fence)

/* Floating point (ops_sse_fp.c, ops_sse_cvt.c). */
#define SIMD_FP(X)                                                                                 \
	X(addps) X(addss) X(addpd) X(addsd) X(subps) X(subss) X(subpd) X(subsd) X(mulps) X(mulss)  \
	X(mulpd) X(mulsd) X(divps) X(divss) X(divpd) X(divsd) X(minps) X(minss) X(minpd) X(minsd)  \
	X(maxps) X(maxss) X(maxpd) X(maxsd) X(sqrtps) X(sqrtss) X(sqrtpd) X(sqrtsd) X(rcpps)       \
	X(rcpss) X(rsqrtps) X(rsqrtss) X(haddps) X(haddpd) X(hsubps) X(hsubpd) X(addsubps)         \
	X(addsubpd) X(comiss) X(comisd) X(ucomiss) X(ucomisd) X(cvtps2pd) X(cvtpd2ps) X(cvtss2sd)  \
	X(cvtsd2ss) X(cvtdq2ps) X(cvtps2dq) X(cvttps2dq) X(cvtdq2pd) X(cvtpd2dq) X(cvttpd2dq)      \
	X(cvtpi2ps) X(cvtpi2pd) X(cvtps2pi) X(cvttps2pi) X(cvtpd2pi) X(cvttpd2pi) X(cvtsi2ss_32)   \
	X(cvtsi2ss_64) X(cvtsi2sd_32) X(cvtsi2sd_64) X(cvtss2si_32) X(cvtss2si_64)                 \
	X(cvtsd2si_32) X(cvtsd2si_64) X(cvttss2si_32) X(cvttss2si_64) X(cvttsd2si_32)              \
	X(cvttsd2si_64) X(roundps) X(roundss) X(roundpd) X(roundsd) X(dpps) X(dppd)

/* clang-format on */
#define DECLARE_BOTH(name) extern handler_fn x86_op_##name##_mm, x86_op_##name##_xmm;
#define DECLARE(name)	   extern handler_fn x86_op_##name;
SIMD_BOTH(DECLARE_BOTH)
SIMD_XMM(DECLARE)
SIMD_FP(DECLARE)

/* CMPxx by predicate 0-7 (ops_sse_fp.c). */
extern handler_fn *const x86_cmpps[8], *const x86_cmpss[8], *const x86_cmppd[8],
								    *const x86_cmpsd[8];

/* Memory (ops_sse_mem.c). Loads go to xmm[a], with zeroes above; the first raises #GP if the
 * address is not a multiple of 16. */
extern handler_fn *const x86_load_xmm128_aligned[KIND_COUNT],
	*const x86_load_xmm128[KIND_COUNT], *const x86_load_xmm64[KIND_COUNT],
						    *const x86_load_xmm32[KIND_COUNT],
							    *const x86_load_xmm16[KIND_COUNT];
/* One half of xmm[a], the other is kept. */
extern handler_fn *const x86_load_xmm_lo[KIND_COUNT], *const x86_load_xmm_hi[KIND_COUNT];
extern handler_fn *const x86_store_xmm128_aligned[KIND_COUNT],
	*const x86_store_xmm128[KIND_COUNT], *const x86_store_xmm64[KIND_COUNT],
						     *const x86_store_xmm32[KIND_COUNT],
							     *const x86_store_xmm_hi[KIND_COUNT];
/* MMX register a; the load sets the exponent, the store enters MMX state. */
extern handler_fn *const x86_load_mm[KIND_COUNT], *const x86_store_mm[KIND_COUNT];

/* Instructions as a whole. */
x86_helper x86_maskmovdqu, x86_maskmovq, x86_ldmxcsr, x86_stmxcsr;
/* PCMPxSTRx: a and b are XMM registers (b may be a temporary), imm the mode; ops_sse42.c. */
x86_helper x86_pcmpestri, x86_pcmpestrm, x86_pcmpistri, x86_pcmpistrm;
/* 3DNow!: imm is the opcode byte (ops_3dnow.c). */
x86_helper x86_3dnow;
bool x86_3dnow_exists(unsigned int opcode);

#endif
