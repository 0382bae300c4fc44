/*
 * Which MMX, SSE to SSE4.2, AES, PCLMULQDQ or 3DNow! instruction an opcode is, and whether the
 * processor has it: the opcode maps 0Fh, 0F38h and 0F3Ah by mandatory prefix. emit_simd.c does the
 * rest. Intel SDM volume 2, appendix A, tables.
 */
#include "interp/x86/emit_simd.h"

/* Which CPUID bit an instruction needs, and with it which checks come first. */
enum feature {
	F_NONE,
	F_MMX,
	F_MMX_SSE /* MMX registers, with SSE or MMXEXT */,
	F_MMX_SSE2,
	F_MMX_SSSE3,
	F_SSE,
	F_SSE2,
	F_SSE3,
	F_SSSE3,
	F_SSE41,
	F_SSE42,
	F_AES,
	F_PCLMUL,
	F_3DNOW,
	F_FEMMS,
	F_FXSR,
	F_CRC32,
	F_MOVNTI /* a general register: no SSE state is looked at */,
};

struct entry {
	x86_emit_fn *emit;
	handler_fn *fn;
	u8 feature;
	bool imm8;
};

#define MMX(name)		   {simd_mm, x86_op_##name##_mm, F_MMX, false}
#define MMX_SSE(name)		   {simd_mm, x86_op_##name##_mm, F_MMX_SSE, false}
#define XI(name)		   {simd_xmm, x86_op_##name##_xmm, F_SSE2, false}
#define X(form, name, feature)	   {simd_##form, x86_op_##name, feature, false}
#define X_IMM(form, name, feature) {simd_##form, x86_op_##name, feature, true}
#define SPECIAL(fn, feature)	   {fn, NULL, feature, false}
#define SPECIAL_IMM(fn, feature)   {fn, NULL, feature, true}

/* An integer instruction since MMX, or since SSE, that SSE2 has for XMM registers. */
#define SINCE_MMX(opcode, name) [P_NONE][opcode] = MMX(name), [P_66][opcode] = XI(name)
#define SINCE_SSE(opcode, name) [P_NONE][opcode] = MMX_SSE(name), [P_66][opcode] = XI(name)
#define SINCE_SSSE3(opcode, name)                                             \
	[P_NONE][opcode] = {simd_mm, x86_op_##name##_mm, F_MMX_SSSE3, false}, \
	[P_66][opcode] = {simd_xmm, x86_op_##name##_xmm, F_SSSE3, false}
#define SSE41(opcode, form, name) [P_66][opcode] = X(form, name, F_SSE41)
/* ps, pd, ss and sd. */
#define FP_FOUR(opcode, name)                                                                  \
	[P_NONE][opcode] = X(xmm, name##ps, F_SSE), [P_66][opcode] = X(xmm, name##pd, F_SSE2), \
	[P_F3][opcode] = X(xmm32, name##ss, F_SSE), [P_F2][opcode] = X(xmm64, name##sd, F_SSE2)

static const struct entry map_0f[PREFIXES][256] = {
	[P_NONE][0x0d] = SPECIAL(simd_prefetch_3dnow, F_NONE),
	[P_NONE][0x0e] = SPECIAL(simd_femms, F_FEMMS),
	[P_NONE][0x0f] = SPECIAL_IMM(simd_3dnow, F_3DNOW),
	[P_NONE][0x10] = SPECIAL(simd_movups_load, F_SSE),
	[P_66][0x10] = SPECIAL(simd_movups_load, F_SSE2),
	[P_F3][0x10] = SPECIAL(simd_movss_load, F_SSE),
	[P_F2][0x10] = SPECIAL(simd_movss_load, F_SSE2),
	[P_NONE][0x11] = SPECIAL(simd_movups_store, F_SSE),
	[P_66][0x11] = SPECIAL(simd_movups_store, F_SSE2),
	[P_F3][0x11] = SPECIAL(simd_movss_store, F_SSE),
	[P_F2][0x11] = SPECIAL(simd_movss_store, F_SSE2),
	[P_NONE][0x12] = SPECIAL(simd_movlps_load, F_SSE),
	[P_66][0x12] = SPECIAL(simd_movlps_load, F_SSE2),
	[P_F3][0x12] = X(xmm, movsldup, F_SSE3),
	[P_F2][0x12] = SPECIAL(simd_movddup, F_SSE3),
	[P_NONE][0x13] = SPECIAL(simd_mov_half_store, F_SSE),
	[P_66][0x13] = SPECIAL(simd_mov_half_store, F_SSE2),
	[P_NONE][0x14] = {simd_xmm, x86_op_punpckldq_xmm, F_SSE, false}, /* UNPCKLPS */
	[P_66][0x14] = X(xmm, punpcklqdq, F_SSE2),
	[P_NONE][0x15] = {simd_xmm, x86_op_punpckhdq_xmm, F_SSE, false},
	[P_66][0x15] = X(xmm, punpckhqdq, F_SSE2),
	[P_NONE][0x16] = SPECIAL(simd_movhps_load, F_SSE),
	[P_66][0x16] = SPECIAL(simd_movhps_load, F_SSE2),
	[P_F3][0x16] = X(xmm, movshdup, F_SSE3),
	[P_NONE][0x17] = SPECIAL(simd_mov_half_store, F_SSE),
	[P_66][0x17] = SPECIAL(simd_mov_half_store, F_SSE2),
	[P_NONE][0x18] = SPECIAL(simd_prefetch, F_NONE),
	[P_NONE][0x28] = SPECIAL(simd_movaps_load, F_SSE),
	[P_66][0x28] = SPECIAL(simd_movaps_load, F_SSE2),
	[P_NONE][0x29] = SPECIAL(simd_movaps_store, F_SSE),
	[P_66][0x29] = SPECIAL(simd_movaps_store, F_SSE2),
	[P_NONE][0x2a] = SPECIAL(simd_cvtpi, F_SSE),
	[P_66][0x2a] = SPECIAL(simd_cvtpi, F_SSE2),
	[P_F3][0x2a] = SPECIAL(simd_cvtsi, F_SSE),
	[P_F2][0x2a] = SPECIAL(simd_cvtsi, F_SSE2),
	[P_NONE][0x2b] = SPECIAL(simd_movnt_store, F_SSE),
	[P_66][0x2b] = SPECIAL(simd_movnt_store, F_SSE2),
	[P_NONE][0x2c] = SPECIAL(simd_cvt_to_mm, F_SSE),
	[P_66][0x2c] = SPECIAL(simd_cvt_to_mm, F_SSE2),
	[P_F3][0x2c] = SPECIAL(simd_cvt_to_gpr, F_SSE),
	[P_F2][0x2c] = SPECIAL(simd_cvt_to_gpr, F_SSE2),
	[P_NONE][0x2d] = SPECIAL(simd_cvt_to_mm, F_SSE),
	[P_66][0x2d] = SPECIAL(simd_cvt_to_mm, F_SSE2),
	[P_F3][0x2d] = SPECIAL(simd_cvt_to_gpr, F_SSE),
	[P_F2][0x2d] = SPECIAL(simd_cvt_to_gpr, F_SSE2),
	[P_NONE][0x2e] = {simd_comis, x86_op_ucomiss, F_SSE, false},
	[P_66][0x2e] = {simd_comis, x86_op_ucomisd, F_SSE2, false},
	[P_NONE][0x2f] = {simd_comis, x86_op_comiss, F_SSE, false},
	[P_66][0x2f] = {simd_comis, x86_op_comisd, F_SSE2, false},
	[P_NONE][0x50] = SPECIAL(simd_movmsk, F_SSE),
	[P_66][0x50] = SPECIAL(simd_movmsk, F_SSE2),
	FP_FOUR(0x51, sqrt),
	[P_NONE][0x52] = X(xmm, rsqrtps, F_SSE),
	[P_F3][0x52] = X(xmm32, rsqrtss, F_SSE),
	[P_NONE][0x53] = X(xmm, rcpps, F_SSE),
	[P_F3][0x53] = X(xmm32, rcpss, F_SSE),
	[P_NONE][0x54] = {simd_xmm, x86_op_pand_xmm, F_SSE, false},
	[P_66][0x54] = XI(pand),
	[P_NONE][0x55] = {simd_xmm, x86_op_pandn_xmm, F_SSE, false},
	[P_66][0x55] = XI(pandn),
	[P_NONE][0x56] = {simd_xmm, x86_op_por_xmm, F_SSE, false},
	[P_66][0x56] = XI(por),
	[P_NONE][0x57] = {simd_xmm, x86_op_pxor_xmm, F_SSE, false},
	[P_66][0x57] = XI(pxor),
	FP_FOUR(0x58, add),
	FP_FOUR(0x59, mul),
	[P_NONE][0x5a] = X(xmm64, cvtps2pd, F_SSE2),
	[P_66][0x5a] = X(xmm, cvtpd2ps, F_SSE2),
	[P_F3][0x5a] = X(xmm32, cvtss2sd, F_SSE2),
	[P_F2][0x5a] = X(xmm64, cvtsd2ss, F_SSE2),
	[P_NONE][0x5b] = X(xmm, cvtdq2ps, F_SSE2),
	[P_66][0x5b] = X(xmm, cvtps2dq, F_SSE2),
	[P_F3][0x5b] = X(xmm, cvttps2dq, F_SSE2),
	FP_FOUR(0x5c, sub),
	FP_FOUR(0x5d, min),
	FP_FOUR(0x5e, div),
	FP_FOUR(0x5f, max),
	[P_NONE][0x60] = {simd_mm32, x86_op_punpcklbw_mm, F_MMX, false},
	[P_66][0x60] = XI(punpcklbw),
	[P_NONE][0x61] = {simd_mm32, x86_op_punpcklwd_mm, F_MMX, false},
	[P_66][0x61] = XI(punpcklwd),
	[P_NONE][0x62] = {simd_mm32, x86_op_punpckldq_mm, F_MMX, false},
	[P_66][0x62] = XI(punpckldq),
	SINCE_MMX(0x63, packsswb),
	SINCE_MMX(0x64, pcmpgtb),
	SINCE_MMX(0x65, pcmpgtw),
	SINCE_MMX(0x66, pcmpgtd),
	SINCE_MMX(0x67, packuswb),
	SINCE_MMX(0x68, punpckhbw),
	SINCE_MMX(0x69, punpckhwd),
	SINCE_MMX(0x6a, punpckhdq),
	SINCE_MMX(0x6b, packssdw),
	[P_66][0x6c] = X(xmm, punpcklqdq, F_SSE2),
	[P_66][0x6d] = X(xmm, punpckhqdq, F_SSE2),
	[P_NONE][0x6e] = SPECIAL(simd_movd_load, F_MMX),
	[P_66][0x6e] = SPECIAL(simd_movd_load, F_SSE2),
	[P_NONE][0x6f] = SPECIAL(simd_movq_mm_load, F_MMX),
	[P_66][0x6f] = SPECIAL(simd_movaps_load, F_SSE2),
	[P_F3][0x6f] = SPECIAL(simd_movups_load, F_SSE2),
	[P_NONE][0x70] = X_IMM(mm, pshufw, F_MMX_SSE),
	[P_66][0x70] = X_IMM(xmm, pshufd, F_SSE2),
	[P_F3][0x70] = X_IMM(xmm, pshufhw, F_SSE2),
	[P_F2][0x70] = X_IMM(xmm, pshuflw, F_SSE2),
	[P_NONE][0x71] = SPECIAL_IMM(simd_shift_imm, F_MMX),
	[P_66][0x71] = SPECIAL_IMM(simd_shift_imm, F_SSE2),
	[P_NONE][0x72] = SPECIAL_IMM(simd_shift_imm, F_MMX),
	[P_66][0x72] = SPECIAL_IMM(simd_shift_imm, F_SSE2),
	[P_NONE][0x73] = SPECIAL_IMM(simd_shift_imm, F_MMX),
	[P_66][0x73] = SPECIAL_IMM(simd_shift_imm, F_SSE2),
	SINCE_MMX(0x74, pcmpeqb),
	SINCE_MMX(0x75, pcmpeqw),
	SINCE_MMX(0x76, pcmpeqd),
	[P_NONE][0x77] = SPECIAL(simd_emms, F_MMX),
	[P_66][0x7c] = X(xmm, haddpd, F_SSE3),
	[P_F2][0x7c] = X(xmm, haddps, F_SSE3),
	[P_66][0x7d] = X(xmm, hsubpd, F_SSE3),
	[P_F2][0x7d] = X(xmm, hsubps, F_SSE3),
	[P_NONE][0x7e] = SPECIAL(simd_movd_store, F_MMX),
	[P_66][0x7e] = SPECIAL(simd_movd_store, F_SSE2),
	[P_F3][0x7e] = SPECIAL(simd_movq_load, F_SSE2),
	[P_NONE][0x7f] = SPECIAL(simd_movq_mm_store, F_MMX),
	[P_66][0x7f] = SPECIAL(simd_movaps_store, F_SSE2),
	[P_F3][0x7f] = SPECIAL(simd_movups_store, F_SSE2),
	[P_NONE][0xae] = SPECIAL(simd_group15, F_NONE),
	[P_NONE][0xc2] = SPECIAL_IMM(simd_cmp, F_SSE),
	[P_66][0xc2] = SPECIAL_IMM(simd_cmp, F_SSE2),
	[P_F3][0xc2] = SPECIAL_IMM(simd_cmp, F_SSE),
	[P_F2][0xc2] = SPECIAL_IMM(simd_cmp, F_SSE2),
	[P_NONE][0xc3] = SPECIAL(simd_movnti, F_MOVNTI),
	[P_NONE][0xc4] = SPECIAL_IMM(simd_pinsrw, F_MMX_SSE),
	[P_66][0xc4] = SPECIAL_IMM(simd_pinsrw, F_SSE2),
	[P_NONE][0xc5] = SPECIAL_IMM(simd_pextrw, F_MMX_SSE),
	[P_66][0xc5] = SPECIAL_IMM(simd_pextrw, F_SSE2),
	[P_NONE][0xc6] = X_IMM(xmm, shufps, F_SSE),
	[P_66][0xc6] = X_IMM(xmm, shufpd, F_SSE2),
	[P_66][0xd0] = X(xmm, addsubpd, F_SSE3),
	[P_F2][0xd0] = X(xmm, addsubps, F_SSE3),
	SINCE_MMX(0xd1, psrlw),
	SINCE_MMX(0xd2, psrld),
	SINCE_MMX(0xd3, psrlq),
	[P_NONE][0xd4] = {simd_mm, x86_op_paddq_mm, F_MMX_SSE2, false},
	[P_66][0xd4] = XI(paddq),
	SINCE_MMX(0xd5, pmullw),
	[P_66][0xd6] = SPECIAL(simd_movq_store, F_SSE2),
	[P_F3][0xd6] = SPECIAL(simd_movq2dq, F_SSE2),
	[P_F2][0xd6] = SPECIAL(simd_movq2dq, F_SSE2),
	[P_NONE][0xd7] = SPECIAL(simd_pmovmskb, F_MMX_SSE),
	[P_66][0xd7] = SPECIAL(simd_pmovmskb, F_SSE2),
	SINCE_MMX(0xd8, psubusb),
	SINCE_MMX(0xd9, psubusw),
	SINCE_SSE(0xda, pminub),
	SINCE_MMX(0xdb, pand),
	SINCE_MMX(0xdc, paddusb),
	SINCE_MMX(0xdd, paddusw),
	SINCE_SSE(0xde, pmaxub),
	SINCE_MMX(0xdf, pandn),
	SINCE_SSE(0xe0, pavgb),
	SINCE_MMX(0xe1, psraw),
	SINCE_MMX(0xe2, psrad),
	SINCE_SSE(0xe3, pavgw),
	SINCE_SSE(0xe4, pmulhuw),
	SINCE_MMX(0xe5, pmulhw),
	[P_66][0xe6] = X(xmm, cvttpd2dq, F_SSE2),
	[P_F3][0xe6] = X(xmm64, cvtdq2pd, F_SSE2),
	[P_F2][0xe6] = X(xmm, cvtpd2dq, F_SSE2),
	[P_NONE][0xe7] = SPECIAL(simd_movntq, F_MMX_SSE),
	[P_66][0xe7] = SPECIAL(simd_movnt_store, F_SSE2),
	SINCE_MMX(0xe8, psubsb),
	SINCE_MMX(0xe9, psubsw),
	SINCE_SSE(0xea, pminsw),
	SINCE_MMX(0xeb, por),
	SINCE_MMX(0xec, paddsb),
	SINCE_MMX(0xed, paddsw),
	SINCE_SSE(0xee, pmaxsw),
	SINCE_MMX(0xef, pxor),
	[P_F2][0xf0] = SPECIAL(simd_lddqu, F_SSE3),
	SINCE_MMX(0xf1, psllw),
	SINCE_MMX(0xf2, pslld),
	SINCE_MMX(0xf3, psllq),
	[P_NONE][0xf4] = {simd_mm, x86_op_pmuludq_mm, F_MMX_SSE2, false},
	[P_66][0xf4] = XI(pmuludq),
	SINCE_MMX(0xf5, pmaddwd),
	SINCE_SSE(0xf6, psadbw),
	[P_NONE][0xf7] = SPECIAL(simd_maskmov, F_MMX_SSE),
	[P_66][0xf7] = SPECIAL(simd_maskmov, F_SSE2),
	SINCE_MMX(0xf8, psubb),
	SINCE_MMX(0xf9, psubw),
	SINCE_MMX(0xfa, psubd),
	[P_NONE][0xfb] = {simd_mm, x86_op_psubq_mm, F_MMX_SSE2, false},
	[P_66][0xfb] = XI(psubq),
	SINCE_MMX(0xfc, paddb),
	SINCE_MMX(0xfd, paddw),
	SINCE_MMX(0xfe, paddd),
};

static const struct entry map_0f38[PREFIXES][256] = {
	SINCE_SSSE3(0x00, pshufb),
	SINCE_SSSE3(0x01, phaddw),
	SINCE_SSSE3(0x02, phaddd),
	SINCE_SSSE3(0x03, phaddsw),
	SINCE_SSSE3(0x04, pmaddubsw),
	SINCE_SSSE3(0x05, phsubw),
	SINCE_SSSE3(0x06, phsubd),
	SINCE_SSSE3(0x07, phsubsw),
	SINCE_SSSE3(0x08, psignb),
	SINCE_SSSE3(0x09, psignw),
	SINCE_SSSE3(0x0a, psignd),
	SINCE_SSSE3(0x0b, pmulhrsw),
	SSE41(0x10, xmm, pblendvb),
	SSE41(0x14, xmm, blendvps),
	SSE41(0x15, xmm, blendvpd),
	[P_66][0x17] = {simd_ptest, x86_op_ptest, F_SSE41, false},
	SINCE_SSSE3(0x1c, pabsb),
	SINCE_SSSE3(0x1d, pabsw),
	SINCE_SSSE3(0x1e, pabsd),
	SSE41(0x20, xmm64, pmovsxbw),
	SSE41(0x21, xmm32, pmovsxbd),
	SSE41(0x22, xmm16, pmovsxbq),
	SSE41(0x23, xmm64, pmovsxwd),
	SSE41(0x24, xmm32, pmovsxwq),
	SSE41(0x25, xmm64, pmovsxdq),
	SSE41(0x28, xmm, pmuldq),
	SSE41(0x29, xmm, pcmpeqq),
	[P_66][0x2a] = SPECIAL(simd_movntdqa, F_SSE41),
	SSE41(0x2b, xmm, packusdw),
	SSE41(0x30, xmm64, pmovzxbw),
	SSE41(0x31, xmm32, pmovzxbd),
	SSE41(0x32, xmm16, pmovzxbq),
	SSE41(0x33, xmm64, pmovzxwd),
	SSE41(0x34, xmm32, pmovzxwq),
	SSE41(0x35, xmm64, pmovzxdq),
	[P_66][0x37] = X(xmm, pcmpgtq, F_SSE42),
	SSE41(0x38, xmm, pminsb),
	SSE41(0x39, xmm, pminsd),
	SSE41(0x3a, xmm, pminuw),
	SSE41(0x3b, xmm, pminud),
	SSE41(0x3c, xmm, pmaxsb),
	SSE41(0x3d, xmm, pmaxsd),
	SSE41(0x3e, xmm, pmaxuw),
	SSE41(0x3f, xmm, pmaxud),
	SSE41(0x40, xmm, pmulld),
	SSE41(0x41, xmm, phminposuw),
	[P_66][0xdb] = X(xmm, aesimc, F_AES),
	[P_66][0xdc] = X(xmm, aesenc, F_AES),
	[P_66][0xdd] = X(xmm, aesenclast, F_AES),
	[P_66][0xde] = X(xmm, aesdec, F_AES),
	[P_66][0xdf] = X(xmm, aesdeclast, F_AES),
	[P_F2][0xf0] = SPECIAL(simd_crc32, F_CRC32),
	[P_F2][0xf1] = SPECIAL(simd_crc32, F_CRC32),
};

#define SSE41_IMM(opcode, form, name) [P_66][opcode] = X_IMM(form, name, F_SSE41)

static const struct entry map_0f3a[PREFIXES][256] = {
	SSE41_IMM(0x08, xmm, roundps),
	SSE41_IMM(0x09, xmm, roundpd),
	SSE41_IMM(0x0a, xmm32, roundss),
	SSE41_IMM(0x0b, xmm64, roundsd),
	SSE41_IMM(0x0c, xmm, blendps),
	SSE41_IMM(0x0d, xmm, blendpd),
	SSE41_IMM(0x0e, xmm, pblendw),
	[P_NONE][0x0f] = {simd_palignr, x86_op_palignr_mm, F_MMX_SSSE3, true},
	[P_66][0x0f] = {simd_palignr, x86_op_palignr_xmm, F_SSSE3, true},
	[P_66][0x14] = SPECIAL_IMM(simd_pextr, F_SSE41),
	[P_66][0x15] = SPECIAL_IMM(simd_pextr, F_SSE41),
	[P_66][0x16] = SPECIAL_IMM(simd_pextr, F_SSE41),
	[P_66][0x17] = SPECIAL_IMM(simd_pextr, F_SSE41),
	[P_66][0x20] = SPECIAL_IMM(simd_pinsr, F_SSE41),
	[P_66][0x21] = SPECIAL_IMM(simd_insertps, F_SSE41),
	[P_66][0x22] = SPECIAL_IMM(simd_pinsr, F_SSE41),
	SSE41_IMM(0x40, xmm, dpps),
	SSE41_IMM(0x41, xmm, dppd),
	SSE41_IMM(0x42, xmm, mpsadbw),
	[P_66][0x44] = X_IMM(xmm, pclmulqdq, F_PCLMUL),
	[P_66][0x60] = SPECIAL_IMM(simd_pcmpstr, F_SSE42),
	[P_66][0x61] = SPECIAL_IMM(simd_pcmpstr, F_SSE42),
	[P_66][0x62] = SPECIAL_IMM(simd_pcmpstr, F_SSE42),
	[P_66][0x63] = SPECIAL_IMM(simd_pcmpstr, F_SSE42),
	[P_66][0xdf] = X_IMM(xmm, aeskeygenassist, F_AES),
};

#undef MMX
#undef X

/* --- finding the entry --- */

enum simd_prefix x86_simd_prefix(const struct x86_insn *i)
{
	if (i->rep)
		return i->rep == 0xf3 ? P_F3 : P_F2;
	return i->opsize_prefix ? P_66 : P_NONE;
}

static const struct entry *find(const struct x86_insn *i)
{
	static const struct entry(*const maps[4])[256] = {NULL, map_0f, map_0f38, map_0f3a};
	const struct entry *e;

	if (i->map == 0)
		return NULL;
	e = &maps[i->map][x86_simd_prefix(i)][i->opcode];
	/* Instructions without meaning for the prefix ignore it where they are not SIMD at all. */
	if (!e->emit && i->map == 1 && (i->opcode == 0x0d || i->opcode == 0x18))
		e = &maps[1][P_NONE][i->opcode];
	return e->emit ? e : NULL;
}

/* --- availability --- */

static bool has_feature(const struct x86_insn *i, enum feature f)
{
	static const struct {
		u8 word, bit;
	} bits[] = {
		[F_MMX] = {FEAT_1_EDX, CPUID_1_EDX_MMX},
		[F_MMX_SSE] = {FEAT_1_EDX, CPUID_1_EDX_SSE},
		[F_MMX_SSE2] = {FEAT_1_EDX, CPUID_1_EDX_SSE2},
		[F_MMX_SSSE3] = {FEAT_1_ECX, CPUID_1_ECX_SSSE3},
		[F_SSE] = {FEAT_1_EDX, CPUID_1_EDX_SSE},
		[F_SSE2] = {FEAT_1_EDX, CPUID_1_EDX_SSE2},
		[F_SSE3] = {FEAT_1_ECX, CPUID_1_ECX_SSE3},
		[F_SSSE3] = {FEAT_1_ECX, CPUID_1_ECX_SSSE3},
		[F_SSE41] = {FEAT_1_ECX, CPUID_1_ECX_SSE41},
		[F_SSE42] = {FEAT_1_ECX, CPUID_1_ECX_SSE42},
		[F_AES] = {FEAT_1_ECX, CPUID_1_ECX_AES},
		[F_PCLMUL] = {FEAT_1_ECX, CPUID_1_ECX_PCLMUL},
		[F_3DNOW] = {FEAT_8000_0001_EDX, CPUID_AMD_EDX_3DNOW},
		[F_FEMMS] = {FEAT_8000_0001_EDX, CPUID_AMD_EDX_3DNOW},
		[F_FXSR] = {FEAT_1_EDX, CPUID_1_EDX_FXSR},
		[F_CRC32] = {FEAT_1_ECX, CPUID_1_ECX_SSE42},
		[F_MOVNTI] = {FEAT_1_EDX, CPUID_1_EDX_SSE2},
	};

	if (f == F_NONE)
		return true;
	if (f == F_MMX_SSE && x86_has(i->c, FEAT_8000_0001_EDX, CPUID_AMD_EDX_MMXEXT))
		return true;
	return x86_has(i->c, (enum x86_feature_word)bits[f].word, bits[f].bit);
}

static bool uses_mmx(enum feature f)
{
	return (f >= F_MMX && f <= F_MMX_SSSE3) || f == F_3DNOW || f == F_FEMMS;
}

static bool uses_sse(enum feature f)
{
	return f >= F_SSE && f <= F_PCLMUL;
}

static void emit_simd(struct x86_insn *i)
{
	const struct entry *e = find(i);
	enum feature f = (enum feature)e->feature;

	if (!has_feature(i, f)) {
		emit_ud(i);
		return;
	}
	if (uses_mmx(f) && i->mode & MODE_FPU_OFF)
		emit_call(i, x86_mmx_unavailable);
	if (uses_sse(f) && i->mode & MODE_SSE_OFF)
		emit_call(i, x86_sse_unavailable);
	e->emit(i);
}

x86_emit_fn *x86_simd_lookup(const struct x86_insn *i, unsigned int *encoding)
{
	const struct entry *e = find(i);

	if (!e)
		return NULL;
	*encoding = e->emit == simd_emms || e->emit == simd_femms ? 0 : ENC_MODRM;
	if (e->imm8)
		*encoding |= ENC_IMM8;
	return emit_simd;
}

handler_fn *x86_simd_handler(const struct x86_insn *i)
{
	return find(i)->fn;
}
