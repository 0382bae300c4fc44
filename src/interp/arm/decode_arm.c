/* The ARM instruction set. Source: ARM DDI 0100I, A3 and A4; DDI 0406C, A5. */
#include "interp/arm/decode.h"
#include "interp/arm/ops_dp.h"
#include "interp/arm/ops_flow.h"
#include "interp/arm/ops_media.h"
#include "interp/arm/system.h"

#define RN(w) FIELD(w, 16, 4)
#define RD(w) FIELD(w, 12, 4)
#define RS(w) FIELD(w, 8, 4)
#define RM(w) FIELD(w, 0, 4)

/* --- data processing --- */

static void data_processing_imm(struct arm_insn *i, u32 w)
{
	unsigned int rotate = 2 * FIELD(w, 8, 4);
	u32 imm = w & 0xff;

	imm = rotate ? imm >> rotate | imm << (32 - rotate) : imm;
	arm_emit_dp_i(i, (enum arm_dp)FIELD(w, 21, 4), BIT(w, 20), RD(w), RN(w), imm,
		      rotate ? imm >> 31 : CARRY_SAME);
}

static void data_processing_reg(struct arm_insn *i, u32 w)
{
	enum arm_dp op = (enum arm_dp)FIELD(w, 21, 4);
	unsigned int amount = FIELD(w, 7, 5);

	if (BIT(w, 4)) {
		arm_emit_dp_rs(i, op, BIT(w, 20), RD(w), RN(w), RM(w),
			       (enum arm_shift)FIELD(w, 5, 2), RS(w));
		return;
	}
	enum arm_shift type = arm_decode_shift(FIELD(w, 5, 2), &amount);
	arm_emit_dp_r(i, op, BIT(w, 20), RD(w), RN(w), RM(w), type, amount);
}

/* MSR; `value` is an operand register unless immediate. */
static void arm_emit_msr(struct arm_insn *i, u32 w, bool immediate)
{
	unsigned int rotate = 2 * FIELD(w, 8, 4);
	u32 imm = w & 0xff;
	struct op *op = arm_emit_system(i, BIT(w, 22) ? arm_h_msr_spsr : arm_h_msr_cpsr);

	op->s = (u8)FIELD(w, 16, 4);
	op->b = REG(RM(w));
	op->x = immediate;
	op->disp = (s32)(rotate ? imm >> rotate | imm << (32 - rotate) : imm);
}

/* Opcodes TST to CMN without S, immediate form: MOVW, MOVT, MSR, hints. */
static void misc_imm(struct arm_insn *i, u32 w)
{
	u32 imm16 = (w >> 4 & 0xf000) | (w & 0xfff);

	switch (FIELD(w, 21, 2)) {
	case 0:
		if (!has(i, F_THUMB2))
			break;
		arm_emit_mov_i(i, RD(w), imm16);
		return;
	case 2: {
		if (!has(i, F_THUMB2))
			break;
		struct op *op = arm_emit(i, arm_op_movt);
		op->a = REG(RD(w));
		op->imm = imm16 << 16;
		return;
	}
	default:
		if (!BIT(w, 22) && FIELD(w, 16, 4) == 0) {
			/* Hints; before v6K they do nothing, as MSR without a field. */
			if (!has(i, F_V6K))
				return;
			arm_emit_hint(i, w & 0xff);
			return;
		}
		arm_emit_msr(i, w, true);
		return;
	}
	arm_emit_undefined(i);
}

static void half_multiply(struct arm_insn *i, u32 w)
{
	unsigned int rd = RN(w), ra = RD(w), xy = FIELD(w, 5, 2);

	switch (FIELD(w, 21, 2)) {
	case 0: arm_emit_abxs(i, arm_smla_xy[xy], rd, RM(w), RS(w), ra); break;
	case 1:
		arm_emit_helper_abxs(i, BIT(w, 5) ? arm_h_smulw : arm_h_smlaw, rd, RM(w), RS(w), ra,
				     BIT(w, 6));
		break;
	case 2: arm_emit_helper_abxs(i, arm_h_smlal_xy, ra, RM(w), RS(w), rd, xy); break;
	default: arm_emit_abxs(i, arm_smul_xy[xy], rd, RM(w), RS(w), ra); break;
	}
}

static void arm_emit_mrs(struct arm_insn *i, u32 w)
{
	arm_emit_call(i, BIT(w, 22) ? arm_h_mrs_spsr : arm_h_mrs_cpsr)->a = REG(RD(w));
	i->wrote_flags = false;
}

/* Opcodes TST to CMN without S: the miscellaneous instructions. */
static void misc(struct arm_insn *i, u32 w)
{
	unsigned int op = FIELD(w, 21, 2);

	switch (FIELD(w, 4, 4)) {
	case 0:
		if (op & 1)
			arm_emit_msr(i, w, false);
		else
			arm_emit_mrs(i, w);
		return;
	case 1:
		if (op == 1) {
			arm_emit_bx(i, RM(w));
			return;
		}
		if (op == 3 && has(i, F_V5)) {
			arm_emit_abxs(i, arm_op_clz, RD(w), 0, RM(w), 0);
			return;
		}
		break;
	case 2:
		if (op == 1 && has(i, F_V5J)) { /* BXJ without Jazelle is BX */
			arm_emit_bx(i, RM(w));
			return;
		}
		break;
	case 3:
		if (op == 1 && has(i, F_V5)) {
			arm_emit_blx(i, RM(w));
			return;
		}
		break;
	case 5:
		if (has(i, F_V5E)) {
			arm_emit_helper_abxs(i, arm_h_sat_add, RD(w), RN(w), RM(w), 0, op);
			return;
		}
		break;
	case 7:
		if (op == 1 && has(i, F_V5)) {
			arm_emit_bkpt(i, (w >> 4 & 0xfff0) | (w & 15));
			return;
		}
		break;
	case 8:
	case 10:
	case 12:
	case 14:
		if (has(i, F_V5E)) {
			half_multiply(i, w);
			return;
		}
		break;
	}
	arm_emit_undefined(i);
}

/* --- multiplication --- */

static void multiply(struct arm_insn *i, u32 w)
{
	static handler_fn *const fns[8][2] = {
		{arm_op_mul, arm_op_muls},
		{arm_op_mla, arm_op_mlas},
		{NULL, NULL},
		{arm_op_mls, NULL},
		{arm_op_umull, arm_op_umulls},
		{arm_op_umlal, arm_op_umlals},
		{arm_op_smull, arm_op_smulls},
		{arm_op_smlal, arm_op_smlals},
	};
	unsigned int op = FIELD(w, 21, 3);
	bool s = BIT(w, 20);

	if (op == 2 && !s && has(i, F_V6)) {
		arm_emit_abxs(i, arm_op_umaal, RD(w), RM(w), RS(w), RN(w));
		return;
	}
	if (!fns[op][s] || (op == 3 && !has(i, F_THUMB2))) {
		arm_emit_undefined(i);
		return;
	}
	/* MUL: Rd is in bits 19-16; the long forms have the low word in bits 15-12. */
	if (op < 4)
		arm_emit_abxs(i, fns[op][s], RN(w), RM(w), RS(w), RD(w));
	else
		arm_emit_abxs(i, fns[op][s], RD(w), RM(w), RS(w), RN(w));
	if (s)
		arm_emit_flags(i, 0, FLAGS_NZ, fns[op][0]);
}

/* --- loads and stores --- */

static void swap_or_exclusive(struct arm_insn *i, u32 w)
{
	static const u8 log2_of[4] = {2, 3, 0, 1};
	unsigned int kind = FIELD(w, 21, 2);
	struct op *op;

	if (!BIT(w, 23)) { /* SWP, SWPB */
		if (w & 0x00300f00) {
			arm_emit_undefined(i);
			return;
		}
		op = arm_emit_call(i, arm_h_swp);
		op->a = REG(RD(w));
		op->b = REG(RN(w));
		op->x = REG(RM(w));
		op->s = BIT(w, 22);
		return;
	}
	if (!has(i, kind ? F_V6K : F_V6)) {
		arm_emit_undefined(i);
		return;
	}
	op = arm_emit_call(i, BIT(w, 20) ? arm_h_ldrex : arm_h_strex);
	op->a = REG(RD(w));
	op->b = REG(RN(w));
	op->s = log2_of[kind];
	if (BIT(w, 20)) {
		op->x = REG((RD(w) + 1) & 15);
	} else {
		op->x = REG(RM(w));
		op->imm = REG((RM(w) + 1) & 15);
	}
	i->wrote_flags = false;
}

/* LDRH, STRH, LDRSB, LDRSH, LDRD, STRD. */
static void extra_load_store(struct arm_insn *i, u32 w)
{
	static const u8 sizes[4] = {MEM_W, MEM_H, MEM_SB, MEM_SH};
	unsigned int sh = FIELD(w, 5, 2);
	bool load = BIT(w, 20), pre = BIT(w, 24), up = BIT(w, 23);
	s32 imm = (s32)((w >> 4 & 0xf0) | (w & 0xf));
	struct arm_ls ls = {
		.load = load,
		.pre = pre,
		.wback = !pre || BIT(w, 21),
		.user = !pre && BIT(w, 21),
		.size = (enum arm_mem_size)sizes[sh],
		.rt = RD(w),
		.rn = RN(w),
		.by_register = !BIT(w, 22),
		.disp = up ? imm : -imm,
		.subtract = !up,
		.rm = RM(w),
	};

	if (!load && sh >= 2) {
		if (!has(i, F_V5E) || (RD(w) & 1)) {
			arm_emit_undefined(i);
			return;
		}
		ls.load = sh == 2;
		arm_emit_double(i, &ls, RD(w) + 1);
		return;
	}
	arm_emit_load_store(i, &ls);
}

static void load_store(struct arm_insn *i, u32 w)
{
	bool pre = BIT(w, 24), up = BIT(w, 23);
	s32 imm = (s32)(w & 0xfff);
	unsigned int amount = FIELD(w, 7, 5);
	struct arm_ls ls = {
		.load = BIT(w, 20),
		.pre = pre,
		.wback = !pre || BIT(w, 21),
		.user = !pre && BIT(w, 21),
		.size = BIT(w, 22) ? MEM_B : MEM_W,
		.rt = RD(w),
		.rn = RN(w),
		.by_register = BIT(w, 25),
		.disp = up ? imm : -imm,
		.subtract = !up,
		.rm = RM(w),
	};

	ls.type = arm_decode_shift(FIELD(w, 5, 2), &amount);
	ls.amount = amount;
	arm_emit_load_store(i, &ls);
}

static void multiple(struct arm_insn *i, u32 w)
{
	struct arm_multiple m = {
		.load = BIT(w, 20),
		.before = BIT(w, 24),
		.up = BIT(w, 23),
		.wback = BIT(w, 21),
		.user = BIT(w, 22),
		.rn = RN(w),
		.list = w & 0xffff,
	};

	arm_emit_multiple(i, &m);
}

/* --- media (v6) --- */

static void dual_multiply(struct arm_insn *i, u32 w)
{
	unsigned int rd = RN(w), ra = RD(w), op2 = FIELD(w, 5, 3);

	switch (FIELD(w, 20, 3)) {
	case 0:
		if (op2 > 3)
			break;
		arm_emit_helper_abxs(i, arm_h_smlad, rd, RM(w), RS(w), ra,
				     op2 | (ra == PC ? 8 : 0));
		return;
	case 4:
		if (op2 > 3)
			break;
		arm_emit_helper_abxs(i, arm_h_smlad, ra, RM(w), RS(w), rd, op2 | 4);
		return;
	case 1:
	case 3:
		if (op2 || !has(i, F_DIV_ARM))
			break;
		arm_emit_abxs(i, BIT(w, 21) ? arm_op_udiv : arm_op_sdiv, rd, RM(w), RS(w), 0);
		return;
	case 5:
		if (op2 > 1 && op2 < 6)
			break;
		arm_emit_helper_abxs(i, arm_h_smmla, rd, RM(w), RS(w), ra,
				     (op2 & 1) | (op2 & 4 ? 2 : 0) | (ra == PC ? 4 : 0));
		return;
	}
	arm_emit_undefined(i);
}

static void extend(struct arm_insn *i, u32 w)
{
	static handler_fn *const plain[8] = {NULL, NULL, arm_op_sxtb, arm_op_sxth,
					     NULL, NULL, arm_op_uxtb, arm_op_uxth};
	static handler_fn *const adding[8] = {NULL, NULL, arm_op_sxtab, arm_op_sxtah,
					      NULL, NULL, arm_op_uxtab, arm_op_uxtah};
	unsigned int op = FIELD(w, 20, 3), rotate = 8 * FIELD(w, 10, 2);
	bool add = RN(w) != PC;

	if ((op & 3) == 0) {
		arm_emit_helper_abxs(i, arm_h_extend16, RD(w), RN(w), RM(w), 0,
				     rotate | (op & 4) << 3 | (u32)add << 6);
		return;
	}
	if ((op & 3) == 1) {
		arm_emit_undefined(i);
		return;
	}
	arm_emit_abxs(i, add ? adding[op] : plain[op], RD(w), RN(w), RM(w), 0)->s = (u8)rotate;
}

static void saturate_or_reverse(struct arm_insn *i, u32 w)
{
	unsigned int op = FIELD(w, 20, 3);

	if (!BIT(w, 5) && op == 0) {
		unsigned int amount = FIELD(w, 7, 5);
		if (BIT(w, 6) && !amount)
			amount = 32;
		arm_emit_abxs(i, BIT(w, 6) ? arm_op_pkhtb : arm_op_pkhbt, RD(w), RN(w), RM(w), 0)
			->s = (u8)amount;
	} else if (!BIT(w, 5) && op & 2) {
		unsigned int amount = FIELD(w, 7, 5);
		if (BIT(w, 6) && !amount)
			amount = 32;
		arm_emit_helper_abxs(i, arm_h_sat, RD(w), 0, RM(w), 0,
				     (FIELD(w, 16, 5) + !BIT(w, 22)) | BIT(w, 22) << 6 |
					     BIT(w, 6) << 7 | amount << 8);
	} else if (FIELD(w, 5, 3) == 3) {
		extend(i, w);
	} else if (FIELD(w, 5, 3) == 5 && op == 0) {
		arm_emit_sel(i, RD(w), RN(w), RM(w));
	} else if (FIELD(w, 5, 3) == 1 && (op & 3) == 2) {
		arm_emit_helper_abxs(i, arm_h_sat16, RD(w), 0, RM(w), 0,
				     (FIELD(w, 16, 4) + !BIT(w, 22)) | BIT(w, 22) << 6);
	} else if (FIELD(w, 5, 3) == 1 && op == 3) {
		arm_emit_abxs(i, arm_op_rev, RD(w), 0, RM(w), 0);
	} else if (FIELD(w, 5, 3) == 5 && op == 3) {
		arm_emit_abxs(i, arm_op_rev16, RD(w), 0, RM(w), 0);
	} else if (FIELD(w, 5, 3) == 5 && op == 7) {
		arm_emit_abxs(i, arm_op_revsh, RD(w), 0, RM(w), 0);
	} else if (FIELD(w, 5, 3) == 1 && op == 7 && has(i, F_THUMB2)) {
		arm_emit_abxs(i, arm_op_rbit, RD(w), 0, RM(w), 0);
	} else {
		arm_emit_undefined(i);
	}
}

static void bit_field(struct arm_insn *i, u32 w)
{
	unsigned int low = FIELD(w, 7, 5), high = FIELD(w, 16, 5);
	bool insert = BIT(w, 22) && !BIT(w, 21);

	if (!has(i, F_THUMB2)) {
		arm_emit_undefined(i);
		return;
	}
	if (insert) { /* BFI, BFC: high is the top bit */
		unsigned int width = high >= low ? high - low + 1 : 1;
		struct op *op =
			arm_emit_abxs(i, RM(w) == PC ? arm_op_bfc : arm_op_bfi, RD(w), RM(w), 0, 0);
		op->s = (u8)low;
		op->imm = UINT32_MAX >> (32 - width);
		return;
	}
	struct op *op =
		arm_emit_abxs(i, BIT(w, 22) ? arm_op_ubfx : arm_op_sbfx, RD(w), RM(w), 0, 0);
	op->s = (u8)low;
	op->imm = UINT32_MAX >> (31 - high);
	op->disp = MAX(31 - (s32)high, (s32)low);
}

static void media(struct arm_insn *i, u32 w)
{
	if (!has(i, F_V6)) {
		arm_emit_undefined(i);
		return;
	}
	switch (FIELD(w, 23, 2)) {
	case 0:
		if (!(FIELD(w, 20, 3) & 3) || FIELD(w, 5, 3) == 5 || FIELD(w, 5, 3) == 6)
			break;
		arm_emit_parallel(i, RD(w), RN(w), RM(w), FIELD(w, 20, 3) << 3 | FIELD(w, 5, 3));
		return;
	case 1: saturate_or_reverse(i, w); return;
	case 2: dual_multiply(i, w); return;
	default:
		if (FIELD(w, 20, 3) == 0 && FIELD(w, 5, 3) == 0) {
			arm_emit_helper_abxs(i, arm_h_usad8, RN(w), RM(w), RS(w),
					     RD(w) == PC ? SLOT_ZERO : RD(w), 0);
			return;
		}
		if (((w >> 20 & 6) == 2 && FIELD(w, 5, 2) == 2) ||
		    ((w >> 20 & 6) == 6 && FIELD(w, 5, 2) == 2) ||
		    ((w >> 20 & 6) == 4 && FIELD(w, 5, 2) == 0)) {
			bit_field(i, w);
			return;
		}
		break;
	}
	arm_emit_undefined(i);
}

/* --- the unconditional space --- */

static void arm_emit_cps(struct arm_insn *i, u32 w)
{
	u32 mask = 0, bits = w & PSR_M;

	if (BIT(w, 19)) {
		mask = w & (PSR_A | PSR_I | PSR_F);
		if (BIT(w, 18))
			bits |= mask;
	}
	if (BIT(w, 17))
		mask |= PSR_M;
	if (!is_priv(i))
		return;
	struct op *op = arm_emit_system(i, arm_h_cps);
	op->imm = mask;
	op->disp = (s32)bits;
}

static void unconditional(struct arm_insn *i, u32 w)
{
	i->cond = CC_AL;
	if (has(i, F_NEON) && FIELD(w, 25, 3) == 1 && arm_decode_neon_data(i, w))
		return;
	if (has(i, F_NEON) && FIELD(w, 24, 4) == 4 && !BIT(w, 20) && arm_decode_neon_ls(i, w))
		return;
	if ((w & 0x0e70f000) == 0x0450f000 || (w & 0x0f30f000) == 0x0510f000 ||
	    (w & 0x0e70f010) == 0x0650f000 || (w & 0x0f30f010) == 0x0710f000) {
		if (has(i, F_V5E)) /* PLD, PLI */
			return;
	}
	if ((w & 0x0ffffdff) == 0x01010000 && has(i, F_V6)) {
		struct op *op = arm_emit_system(i, arm_h_setend);
		op->a = BIT(w, 9);
	} else if ((w & 0x0ff10020) == 0x01000000 && has(i, F_V6)) {
		arm_emit_cps(i, w);
	} else if ((w & 0x0fffff00) == 0x057ff000 && has(i, F_V6K | F_V6)) {
		unsigned int op = FIELD(w, 4, 4); /* CLREX, DSB, DMB, ISB */
		if (op == 1)
			arm_emit_call(i, arm_h_clrex);
		else if (op < 4 || op > 6 || !has(i, F_V7))
			arm_emit_undefined(i);
		else if (op != 5)
			arm_emit_barrier(i);
	} else if ((w & 0x0e5fffe0) == 0x084d0500 && has(i, F_V6)) { /* SRS */
		struct op *op = arm_emit_call(i, arm_h_srs);
		op->imm = w & PSR_M;
		op->s = (u8)(BIT(w, 24) << 1 | BIT(w, 23) << 2 | BIT(w, 21) << 3);
	} else if ((w & 0x0e50ffff) == 0x08100a00 && has(i, F_V6)) { /* RFE */
		struct op *op = arm_emit_call_jump(i, arm_h_rfe);
		op->b = REG(RN(w));
		op->s = (u8)(BIT(w, 24) << 1 | BIT(w, 23) << 2 | BIT(w, 21) << 3);
	} else if (FIELD(w, 25, 3) == 5 && has(i, F_V5)) {
		s32 offset = (s32)(w << 8) >> 6;
		arm_emit_branch_link(i, pc_value(i) + (u32)offset + BIT(w, 24) * 2, true);
	} else if (FIELD(w, 26, 2) == 3 && FIELD(w, 24, 2) != 3 && has(i, F_V5)) {
		arm_decode_coproc(i, true);
	} else {
		arm_emit_undefined(i);
	}
}

/* --- the conditional space --- */

static void group0(struct arm_insn *i, u32 w)
{
	if ((w & 0x90) == 0x90) {
		if (FIELD(w, 5, 2))
			extra_load_store(i, w);
		else if (BIT(w, 24))
			swap_or_exclusive(i, w);
		else
			multiply(i, w);
	} else if ((w & 0x01900000) == 0x01000000) {
		misc(i, w);
	} else {
		data_processing_reg(i, w);
	}
}

void arm_decode_arm(struct arm_insn *i)
{
	u32 w = arm_fetch32(i);

	i->word = w;
	i->cond = (u8)(w >> 28);
	if (i->cond == CC_NV && has(i, F_V5)) {
		i->skip = -1;
		unconditional(i, w);
		return;
	}
	if (i->cond == CC_NV) { /* v4: never */
		i->cond = CC_AL;
		i->skip = -1;
		return;
	}
	if (FIELD(w, 24, 4) == 10) { /* B */
		i->skip = -1;
		arm_emit_branch_cond(i, (enum arm_cc)i->cond,
				     pc_value(i) + (u32)((s32)(w << 8) >> 6));
		return;
	}
	arm_emit_condition(i);
	switch (FIELD(w, 25, 3)) {
	case 0: group0(i, w); break;
	case 1:
		if ((w & 0x01900000) == 0x01000000)
			misc_imm(i, w);
		else
			data_processing_imm(i, w);
		break;
	case 2: load_store(i, w); break;
	case 3:
		if (BIT(w, 4))
			media(i, w);
		else
			load_store(i, w);
		break;
	case 4: multiple(i, w); break;
	case 5: arm_emit_branch_link(i, pc_value(i) + (u32)((s32)(w << 8) >> 6), false); break;
	default:
		if (FIELD(w, 24, 4) == 15)
			arm_emit_svc(i, w & 0xffffff);
		else
			arm_decode_coproc(i, false);
		break;
	}
}
