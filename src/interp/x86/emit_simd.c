/*
 * Emit functions of the MMX and SSE instructions: operands, and the handlers that depend on them.
 */
#include "interp/x86/emit_simd.h"

#include "interp/x86/emit_int.h"
#include "interp/x86/ops_int.h"
#include "interp/x86/ops_x87.h"

/* --- operands --- */

static struct op *emit_ab(struct x86_insn *i, handler_fn *fn, u8 a, u8 b)
{
	struct op *op = emit(i, fn);

	op->a = a;
	op->b = b;
	op->imm = i->imm;
	emit_info(i)->leaves = true;
	return op;
}

static struct op *emit_mem_a(struct x86_insn *i, handler_fn *const fns[KIND_COUNT], u8 a)
{
	struct op *op = emit_mem(i, fns);

	op->a = a;
	return op;
}

/* The XMM operand of ModRM's r/m: a register, or XMM_TMP0 loaded by the given op. */
static u8 xmm_rm(struct x86_insn *i, handler_fn *const load[KIND_COUNT])
{
	if (!i->is_mem)
		return i->rm;
	emit_mem_a(i, load, XMM_TMP0);
	return XMM_TMP0;
}

static u8 mm_rm(struct x86_insn *i, unsigned int log2)
{
	if (!i->is_mem)
		return MM_REG(i->rm);
	/* Pending exceptions come before the access. */
	emit_ab(i, x86_op_mmx_wait, 0, 0);
	emit_mem(i, x86_int(log2)->load_tmp);
	return MM_TMP;
}

void simd_mm(struct x86_insn *i)
{
	u8 b = mm_rm(i, 3);

	emit_ab(i, x86_simd_handler(i), MM_REG(i->reg), b);
}

void simd_mm32(struct x86_insn *i)
{
	u8 b = mm_rm(i, 2);

	emit_ab(i, x86_simd_handler(i), MM_REG(i->reg), b);
}

static void emit_xmm_sized(struct x86_insn *i, handler_fn *const load[KIND_COUNT])
{
	u8 b = xmm_rm(i, load);

	emit_ab(i, x86_simd_handler(i), i->reg, b);
}

void simd_xmm(struct x86_insn *i)
{
	emit_xmm_sized(i, x86_load_xmm128_aligned);
}

void simd_xmm64(struct x86_insn *i)
{
	emit_xmm_sized(i, x86_load_xmm64);
}

void simd_xmm32(struct x86_insn *i)
{
	emit_xmm_sized(i, x86_load_xmm32);
}

void simd_xmm16(struct x86_insn *i)
{
	emit_xmm_sized(i, x86_load_xmm16);
}

static bool memory_only(struct x86_insn *i)
{
	if (!i->is_mem)
		emit_ud(i);
	return i->is_mem;
}

static bool register_only(struct x86_insn *i)
{
	if (i->is_mem)
		emit_ud(i);
	return !i->is_mem;
}

/* --- moves --- */

static void emit_load(struct x86_insn *i, handler_fn *const load[KIND_COUNT], handler_fn *move)
{
	if (i->is_mem)
		emit_mem_a(i, load, i->reg);
	else
		emit_ab(i, move, i->reg, i->rm);
}

static void emit_store(struct x86_insn *i, handler_fn *const store[KIND_COUNT], handler_fn *move)
{
	if (i->is_mem)
		emit_mem_a(i, store, i->reg);
	else
		emit_ab(i, move, i->rm, i->reg);
}

void simd_movups_load(struct x86_insn *i)
{
	emit_load(i, x86_load_xmm128, x86_op_movaps);
}

void simd_movups_store(struct x86_insn *i)
{
	emit_store(i, x86_store_xmm128, x86_op_movaps);
}

void simd_movaps_load(struct x86_insn *i)
{
	emit_load(i, x86_load_xmm128_aligned, x86_op_movaps);
}

void simd_movaps_store(struct x86_insn *i)
{
	emit_store(i, x86_store_xmm128_aligned, x86_op_movaps);
}

/* MOVSS and MOVSD: between registers, the rest of the destination stays. */
void simd_movss_load(struct x86_insn *i)
{
	if (i->rep == 0xf3)
		emit_load(i, x86_load_xmm32, x86_op_movss);
	else
		emit_load(i, x86_load_xmm64, x86_op_movsd);
}

void simd_movss_store(struct x86_insn *i)
{
	if (i->rep == 0xf3)
		emit_store(i, x86_store_xmm32, x86_op_movss);
	else
		emit_store(i, x86_store_xmm64, x86_op_movsd);
}

/* MOVLPS, MOVLPD; between registers MOVHLPS. */
void simd_movlps_load(struct x86_insn *i)
{
	if (i->is_mem || !i->opsize_prefix)
		emit_load(i, x86_load_xmm_lo, x86_op_movhlps);
	else
		emit_ud(i);
}

void simd_movhps_load(struct x86_insn *i)
{
	if (i->is_mem || !i->opsize_prefix)
		emit_load(i, x86_load_xmm_hi, x86_op_movlhps);
	else
		emit_ud(i);
}

void simd_mov_half_store(struct x86_insn *i)
{
	if (memory_only(i))
		emit_mem_a(i, i->opcode == 0x13 ? x86_store_xmm64 : x86_store_xmm_hi, i->reg);
}

void simd_movnt_store(struct x86_insn *i)
{
	if (memory_only(i))
		emit_mem_a(i, x86_store_xmm128_aligned, i->reg);
}

void simd_movntdqa(struct x86_insn *i)
{
	if (memory_only(i))
		emit_mem_a(i, x86_load_xmm128_aligned, i->reg);
}

void simd_lddqu(struct x86_insn *i)
{
	if (memory_only(i))
		emit_mem_a(i, x86_load_xmm128, i->reg);
}

void simd_movddup(struct x86_insn *i)
{
	u8 b = xmm_rm(i, x86_load_xmm64);

	emit_ab(i, x86_op_movddup, i->reg, b);
}

void simd_movnti(struct x86_insn *i)
{
	unsigned int log2 = i->opsize == 3 ? 3 : 2;

	if (memory_only(i))
		emit_mem_a(i, x86_int(log2)->mov_mr, REG(i->reg));
}

void simd_movntq(struct x86_insn *i)
{
	if (memory_only(i))
		emit_mem_a(i, x86_store_mm, MM_REG(i->reg));
}

void simd_movq_mm_load(struct x86_insn *i)
{
	if (i->is_mem)
		emit_mem_a(i, x86_load_mm, MM_REG(i->reg));
	else
		emit_ab(i, x86_op_movq_mm, MM_REG(i->reg), MM_REG(i->rm));
}

void simd_movq_mm_store(struct x86_insn *i)
{
	if (i->is_mem)
		emit_mem_a(i, x86_store_mm, MM_REG(i->reg));
	else
		emit_ab(i, x86_op_movq_mm, MM_REG(i->rm), MM_REG(i->reg));
}

void simd_movq_load(struct x86_insn *i)
{
	emit_load(i, x86_load_xmm64, x86_op_movq_xmm);
}

void simd_movq_store(struct x86_insn *i)
{
	emit_store(i, x86_store_xmm64, x86_op_movq_xmm);
}

/* The general operand of MOVD and MOVQ, in a register or loaded into TMP0. */
static u8 gpr_rm(struct x86_insn *i, unsigned int log2)
{
	if (!i->is_mem)
		return reg_of_size(i, log2, i->rm);
	emit_mem(i, x86_int(log2)->load_tmp);
	return REG_TMP0;
}

static unsigned int gpr_log2(const struct x86_insn *i)
{
	return i->rex & 8 ? 3 : 2;
}

void simd_movd_load(struct x86_insn *i)
{
	unsigned int log2 = gpr_log2(i);
	u8 b;

	if (!i->opsize_prefix)
		emit_ab(i, x86_op_mmx_wait, 0, 0);
	b = gpr_rm(i, log2);
	if (i->opsize_prefix)
		emit_ab(i, log2 == 3 ? x86_op_movq_from_gpr : x86_op_movd_from_gpr, i->reg, b);
	else
		emit_ab(i, log2 == 3 ? x86_op_movq_mm_from_gpr : x86_op_movd_mm_from_gpr,
			MM_REG(i->reg), b);
}

void simd_movd_store(struct x86_insn *i)
{
	unsigned int log2 = gpr_log2(i);
	u8 a = i->is_mem ? REG_TMP0 : reg_of_size(i, log2, i->rm);

	if (i->opsize_prefix)
		emit_ab(i, log2 == 3 ? x86_op_movq_to_gpr : x86_op_movd_to_gpr, a, i->reg);
	else if (i->is_mem)
		emit_ab(i, x86_op_mmx_peek, a, MM_REG(i->reg));
	else
		emit_ab(i, log2 == 3 ? x86_op_movq_mm_to_gpr : x86_op_movd_mm_to_gpr, a,
			MM_REG(i->reg));
	if (i->is_mem)
		emit_mem_a(i, x86_int(log2)->mov_mr, REG_TMP0);
	if (i->is_mem && !i->opsize_prefix)
		emit_ab(i, x86_op_mmx_check, 0, 0);
}

void simd_movq2dq(struct x86_insn *i)
{
	if (!register_only(i))
		return;
	if (i->mode & MODE_FPU_OFF)
		emit_call(i, x86_mmx_unavailable);
	if (i->rep == 0xf3)
		emit_ab(i, x86_op_movq2dq, i->reg, MM_REG(i->rm));
	else
		emit_ab(i, x86_op_movdq2q, MM_REG(i->reg), i->rm);
}

/* --- conversions --- */

/* CVTPI2PS and CVTPI2PD: from an MMX register, or from memory without any MMX state. */
void simd_cvtpi(struct x86_insn *i)
{
	handler_fn *fn = i->opsize_prefix ? x86_op_cvtpi2pd : x86_op_cvtpi2ps;

	if (i->is_mem) {
		emit_mem(i, x86_int64.load_tmp);
		emit_ab(i, fn, i->reg, MM_TMP);
		return;
	}
	if (i->mode & MODE_FPU_OFF)
		emit_call(i, x86_mmx_unavailable);
	emit_ab(i, fn, i->reg, MM_REG(i->rm));
}

void simd_cvt_to_mm(struct x86_insn *i)
{
	bool truncate = i->opcode == 0x2c, from_pd = i->opsize_prefix;
	u8 b;

	if (i->mode & MODE_FPU_OFF)
		emit_call(i, x86_mmx_unavailable);
	emit_ab(i, x86_op_mmx_wait, 0, 0);
	b = xmm_rm(i, from_pd ? x86_load_xmm128_aligned : x86_load_xmm64);
	if (from_pd)
		emit_ab(i, truncate ? x86_op_cvttpd2pi : x86_op_cvtpd2pi, MM_REG(i->reg), b);
	else
		emit_ab(i, truncate ? x86_op_cvttps2pi : x86_op_cvtps2pi, MM_REG(i->reg), b);
}

void simd_cvtsi(struct x86_insn *i)
{
	bool wide = gpr_log2(i) == 3;
	u8 b = gpr_rm(i, gpr_log2(i));

	if (i->rep == 0xf3)
		emit_ab(i, wide ? x86_op_cvtsi2ss_64 : x86_op_cvtsi2ss_32, i->reg, b);
	else
		emit_ab(i, wide ? x86_op_cvtsi2sd_64 : x86_op_cvtsi2sd_32, i->reg, b);
}

void simd_cvt_to_gpr(struct x86_insn *i)
{
	static handler_fn *const fns[2][2][2] = {
		/* [from double][truncate][to 64 bits] */
		{{x86_op_cvtss2si_32, x86_op_cvtss2si_64},
		 {x86_op_cvttss2si_32, x86_op_cvttss2si_64}},
		{{x86_op_cvtsd2si_32, x86_op_cvtsd2si_64},
		 {x86_op_cvttsd2si_32, x86_op_cvttsd2si_64}},
	};
	bool from_sd = i->rep == 0xf2, truncate = i->opcode == 0x2c;
	u8 b = xmm_rm(i, from_sd ? x86_load_xmm64 : x86_load_xmm32);

	emit_ab(i, fns[from_sd][truncate][gpr_log2(i) == 3], REG(i->reg), b);
}

/* --- comparisons and masks --- */

void simd_cmp(struct x86_insn *i)
{
	static handler_fn *const *const tables[PREFIXES] = {
		[P_NONE] = x86_cmpps, [P_66] = x86_cmppd, [P_F3] = x86_cmpss, [P_F2] = x86_cmpsd};
	enum simd_prefix p = x86_simd_prefix(i);
	u8 b = xmm_rm(i, p == P_F3   ? x86_load_xmm32
			 : p == P_F2 ? x86_load_xmm64
				     : x86_load_xmm128_aligned);

	emit_ab(i, tables[p][i->imm & 7], i->reg, b);
}

void simd_comis(struct x86_insn *i)
{
	u8 b = xmm_rm(i, i->opsize_prefix ? x86_load_xmm64 : x86_load_xmm32);

	emit_ab(i, x86_simd_handler(i), i->reg, b);
	emit_info(i)->may_write = FLAGS_ARITH;
}

void simd_ptest(struct x86_insn *i)
{
	simd_xmm(i);
	emit_info(i)->leaves = false;
	emit_info(i)->writes = emit_info(i)->may_write = FLAGS_ARITH;
}

void simd_movmsk(struct x86_insn *i)
{
	if (register_only(i))
		emit_ab(i, i->opsize_prefix ? x86_op_movmskpd : x86_op_movmskps, REG(i->reg),
			i->rm);
}

void simd_pmovmskb(struct x86_insn *i)
{
	if (!register_only(i))
		return;
	if (i->opsize_prefix)
		emit_ab(i, x86_op_pmovmskb_xmm, REG(i->reg), i->rm);
	else
		emit_ab(i, x86_op_pmovmskb_mm, REG(i->reg), MM_REG(i->rm));
}

/* --- lanes --- */

void simd_pinsrw(struct x86_insn *i)
{
	u8 b;

	if (!i->opsize_prefix)
		emit_ab(i, x86_op_mmx_wait, 0, 0);
	b = gpr_rm(i, 1);
	if (i->opsize_prefix)
		emit_ab(i, x86_op_pinsrw_xmm, i->reg, b);
	else
		emit_ab(i, x86_op_pinsrw_mm, MM_REG(i->reg), b);
}

void simd_pextrw(struct x86_insn *i)
{
	if (!register_only(i))
		return;
	if (i->opsize_prefix)
		emit_ab(i, x86_op_pextrw_xmm, REG(i->reg), i->rm);
	else
		emit_ab(i, x86_op_pextrw_mm, REG(i->reg), MM_REG(i->rm));
}

/* PINSRB, PINSRD, PINSRQ; a byte register operand is always the low one. */
void simd_pinsr(struct x86_insn *i)
{
	unsigned int log2 = i->opcode == 0x20 ? 0 : gpr_log2(i);
	handler_fn *fn = log2 == 0 ? x86_op_pinsrb : log2 == 2 ? x86_op_pinsrd : x86_op_pinsrq;
	u8 b = i->is_mem ? gpr_rm(i, log2) : REG(i->rm);

	emit_ab(i, fn, i->reg, b);
}

/* PEXTRB, PEXTRW, PEXTRD, PEXTRQ, EXTRACTPS: opcodes 14h to 17h. */
void simd_pextr(struct x86_insn *i)
{
	static const u8 sizes[4] = {0, 1, 2, 2};
	unsigned int log2 = i->opcode == 0x16 ? gpr_log2(i) : sizes[i->opcode & 3];
	handler_fn *fn = log2 == 0   ? x86_op_pextrb
			 : log2 == 1 ? x86_op_pextrw_any
			 : log2 == 2 ? x86_op_pextrd
				     : x86_op_pextrq;

	emit_ab(i, fn, i->is_mem ? REG_TMP0 : REG(i->rm), i->reg);
	if (i->is_mem)
		emit_mem_a(i, x86_int(log2)->mov_mr, REG_TMP0);
}

void simd_insertps(struct x86_insn *i)
{
	bool mem = i->is_mem;
	u8 b = xmm_rm(i, x86_load_xmm32);

	emit_ab(i, x86_op_insertps, i->reg, b)->x = mem;
}

void simd_palignr(struct x86_insn *i)
{
	if (i->opsize_prefix)
		simd_xmm(i);
	else
		simd_mm(i);
}

/* --- shifts by immediates: 0F71 to 0F73, ModRM's reg selects --- */

void simd_shift_imm(struct x86_insn *i)
{
	/* [opcode - 71h][reg][xmm] */
	static handler_fn *const fns[3][8][2] = {
		{[2] = {x86_op_psrlw_imm_mm, x86_op_psrlw_imm_xmm},
		 [4] = {x86_op_psraw_imm_mm, x86_op_psraw_imm_xmm},
		 [6] = {x86_op_psllw_imm_mm, x86_op_psllw_imm_xmm}},
		{[2] = {x86_op_psrld_imm_mm, x86_op_psrld_imm_xmm},
		 [4] = {x86_op_psrad_imm_mm, x86_op_psrad_imm_xmm},
		 [6] = {x86_op_pslld_imm_mm, x86_op_pslld_imm_xmm}},
		{[2] = {x86_op_psrlq_imm_mm, x86_op_psrlq_imm_xmm},
		 [3] = {NULL, x86_op_psrldq},
		 [6] = {x86_op_psllq_imm_mm, x86_op_psllq_imm_xmm},
		 [7] = {NULL, x86_op_pslldq}},
	};
	bool xmm = i->opsize_prefix;
	handler_fn *fn = fns[i->opcode - 0x71][i->reg & 7][xmm];

	if (i->is_mem || !fn)
		emit_ud(i);
	else
		emit_ab(i, fn, xmm ? i->rm : MM_REG(i->rm), 0);
}

/* --- the rest --- */

void simd_emms(struct x86_insn *i)
{
	emit_ab(i, x86_op_emms, 0, 0);
}

void simd_femms(struct x86_insn *i)
{
	emit_ab(i, x86_op_emms, 0, 0);
}

/* The opcode proper is the immediate; PF2IW, PI2FW, PFNACC, PFPNACC and PSWAPD came later. */
void simd_3dnow(struct x86_insn *i)
{
	static const u8 extended[] = {0x0c, 0x1c, 0x8a, 0x8e, 0xbb};
	bool exists = x86_3dnow_exists((unsigned int)i->imm);
	u8 b;

	for (unsigned int n = 0; n < sizeof(extended); n++)
		if (i->imm == extended[n] &&
		    !x86_has(i->c, FEAT_8000_0001_EDX, CPUID_AMD_EDX_3DNOWEXT))
			exists = false;
	if (!exists) {
		emit_ud(i);
		return;
	}
	emit_ab(i, x86_op_mmx_wait, 0, 0);
	b = i->is_mem ? MM_TMP : MM_REG(i->rm);
	if (i->is_mem)
		emit_mem(i, x86_int64.load_tmp);
	emit_ab(i, x86_op_mmx_check, 0, 0);
	i->is_mem = false;
	struct op *op = emit_call(i, x86_3dnow);
	op->a = MM_REG(i->reg);
	op->b = b;
	op->imm = i->imm;
}

/* Hints: the address is not even looked at. */
void simd_prefetch(struct x86_insn *i)
{
	emit(i, x86_op_nop);
}

void simd_prefetch_3dnow(struct x86_insn *i)
{
	if (memory_only(i))
		emit(i, x86_op_nop);
}

/* MASKMOVQ, MASKMOVDQU: memory at DS:rDI. */
void simd_maskmov(struct x86_insn *i)
{
	bool xmm = i->opsize_prefix;
	u8 regs = (u8)(i->reg | i->rm << 4);

	if (!register_only(i))
		return;
	if (!xmm)
		emit_ab(i, x86_op_mmx_check, 0, 0);
	i->is_mem = true;
	i->base = REG(RDI);
	i->mem_seg = (u8)(i->seg >= 0 ? i->seg : DS);
	if (i->mode & MODE_64 && i->mem_seg != FS && i->mem_seg != GS)
		i->mem_seg = SEG_FLAT;
	emit_call(i, xmm ? x86_maskmovdqu : x86_maskmovq)->a = regs;
}

void simd_pcmpstr(struct x86_insn *i)
{
	static x86_helper *const helpers[4] = {x86_pcmpestrm, x86_pcmpestri, x86_pcmpistrm,
					       x86_pcmpistri};
	/* These alone take operands at any address. */
	u8 b = xmm_rm(i, x86_load_xmm128);
	struct op *op;

	i->is_mem = false;
	op = emit_call(i, helpers[i->opcode & 3]);
	op->a = i->reg;
	op->b = b;
	op->x = (i->rex & 8) != 0;
	op->imm = i->imm;
	emit_info(i)->may_write = FLAGS_ARITH;
}

void simd_crc32(struct x86_insn *i)
{
	static handler_fn *const fns[4] = {x86_op_crc32_8, x86_op_crc32_16, x86_op_crc32_32,
					   x86_op_crc32_64};
	unsigned int log2 = i->opcode == 0xf0 ? 0 : i->opsize;
	u8 b = gpr_rm(i, log2);

	emit_ab(i, fns[log2], REG(i->reg), b);
}

/* FXSAVE and FXRSTOR: #UD with EM, #NM with TS, whatever OSFXSR says. */
static void emit_fx(struct x86_insn *i, x86_helper *fn)
{
	if (!x86_has(i->c, FEAT_1_EDX, CPUID_1_EDX_FXSR)) {
		emit_ud(i);
		return;
	}
	if (i->mode & MODE_FPU_OFF)
		emit_call(i, x86_mmx_unavailable);
	emit_call(i, fn)->a = i->opsize;
}

static void emit_mxcsr(struct x86_insn *i, x86_helper *fn)
{
	if (!x86_has(i->c, FEAT_1_EDX, CPUID_1_EDX_SSE)) {
		emit_ud(i);
		return;
	}
	if (i->mode & MODE_SSE_OFF)
		emit_call(i, x86_sse_unavailable);
	emit_call(i, fn);
}

/* CLFLUSH: there are no caches, but the byte must be readable. */
static void emit_clflush(struct x86_insn *i)
{
	if (x86_has(i->c, FEAT_1_EDX, CPUID_1_EDX_CLFSH))
		emit_mem(i, x86_int8.load_tmp);
	else
		emit_ud(i);
}

/* 0FAE. Processors that share memory run on threads of their own, so fences are the host's. */
void simd_group15(struct x86_insn *i)
{
	unsigned int reg = i->reg & 7;

	if (!i->is_mem) {
		bool fence = reg == 7 ? x86_has(i->c, FEAT_1_EDX, CPUID_1_EDX_SSE)
				      : reg >= 5 && x86_has(i->c, FEAT_1_EDX, CPUID_1_EDX_SSE2);
		if (fence)
			emit(i, x86_op_fence);
		else
			emit_ud(i);
		return;
	}
	switch (reg) {
	case 0: emit_fx(i, x86_fxsave); break;
	case 1: emit_fx(i, x86_fxrstor); break;
	case 2: emit_mxcsr(i, x86_ldmxcsr); break;
	case 3: emit_mxcsr(i, x86_stmxcsr); break;
	case 7: emit_clflush(i); break;
	default: emit_ud(i);
	}
}
