/* Between decode_simd.c, which finds instructions, and emit_simd.c, which makes ops of them. */
#ifndef INTERP_X86_EMIT_SIMD_H
#define INTERP_X86_EMIT_SIMD_H

#include "interp/x86/simd.h"

enum simd_prefix { P_NONE, P_66, P_F3, P_F2, PREFIXES };

enum simd_prefix x86_simd_prefix(const struct x86_insn *i);
/* The handler that the tables name for the instruction. */
handler_fn *x86_simd_handler(const struct x86_insn *i);

/* A register and a register or memory operand, by register file and size of the latter in bits (XMM
 * alone: 128, aligned). */
x86_emit_fn simd_mm, simd_mm32, simd_xmm, simd_xmm64, simd_xmm32, simd_xmm16;
/* Whatever has a shape of its own. */
x86_emit_fn simd_movups_load, simd_movups_store, simd_movaps_load, simd_movaps_store,
	simd_movss_load, simd_movss_store, simd_movlps_load, simd_movhps_load, simd_mov_half_store,
	simd_movnt_store, simd_cvtpi, simd_cvt_to_mm, simd_cvtsi, simd_cvt_to_gpr, simd_movmsk,
	simd_movd_load, simd_movd_store, simd_movq_mm_load, simd_movq_mm_store, simd_movq_load,
	simd_movq_store, simd_shift_imm, simd_cmp, simd_pinsrw, simd_pextrw, simd_pmovmskb,
	simd_movnti, simd_movntq, simd_maskmov, simd_movq2dq, simd_emms, simd_femms, simd_3dnow,
	simd_group15, simd_prefetch, simd_lddqu, simd_palignr, simd_crc32, simd_pinsr, simd_pextr,
	simd_pcmpstr, simd_movntdqa, simd_insertps, simd_ptest, simd_comis, simd_movddup,
	simd_prefetch_3dnow;

#endif
