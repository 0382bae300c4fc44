/* The 32-bit Thumb instructions. Source: ARM DDI 0406C, A6.3; DDI 0403E, A5.3. */
#include "interp/arm/decode.h"
#include "interp/arm/ops_dp.h"
#include "interp/arm/ops_flow.h"
#include "interp/arm/ops_media.h"
#include "interp/arm/system.h"

#define RN(w) FIELD(w, 16, 4)
#define RT(w) FIELD(w, 12, 4)
#define RD(w) FIELD(w, 8, 4)
#define RM(w) FIELD(w, 0, 4)

/* --- data processing --- */

static const u8 dp_ops[16] = {DP_AND, DP_BIC, DP_ORR, DP_ORN, DP_EOR, 0xff,   0xff,   0xff,
			      DP_ADD, 0xff,   DP_ADC, DP_SBC, 0xff,   DP_SUB, DP_RSB, 0xff};

/* Rn or Rd 15 make some opcodes others. */
static u8 dp_variant(u32 w, bool s)
{
	u8 op = dp_ops[FIELD(w, 21, 4)];

	if (RD(w) == PC && s) {
		switch (op) {
		case DP_AND: return DP_TST;
		case DP_EOR: return DP_TEQ;
		case DP_ADD: return DP_CMN;
		case DP_SUB: return DP_CMP;
		}
	}
	if (RN(w) == PC) {
		if (op == DP_ORR)
			return DP_MOV;
		if (op == DP_ORN)
			return DP_MVN;
	}
	return op;
}

static u32 expand_imm(u32 w, u32 *carry)
{
	u32 imm12 = BIT(w, 26) << 11 | FIELD(w, 12, 3) << 8 | (w & 0xff), byte = w & 0xff;

	*carry = CARRY_SAME;
	if (imm12 >> 10 == 0) {
		switch (imm12 >> 8 & 3) {
		case 0: return byte;
		case 1: return byte << 16 | byte;
		case 2: return byte << 24 | byte << 8;
		default: return byte * 0x01010101;
		}
	}
	unsigned int n = imm12 >> 7;
	u32 value = 0x80 | (imm12 & 0x7f);
	value = value >> n | value << (32 - n);
	*carry = value >> 31;
	return value;
}

static void dp_modified_imm(struct arm_insn *i, u32 w)
{
	bool s = BIT(w, 20);
	u32 carry, imm = expand_imm(w, &carry);
	u8 op = dp_variant(w, s);

	if (op == 0xff)
		arm_emit_undefined(i);
	else
		arm_emit_dp_i(i, (enum arm_dp)op, s, RD(w), RN(w), imm, carry);
}

static void dp_shifted_reg(struct arm_insn *i, u32 w)
{
	bool s = BIT(w, 20);
	unsigned int amount = FIELD(w, 12, 3) << 2 | FIELD(w, 6, 2), raw = amount;
	enum arm_shift type = arm_decode_shift(FIELD(w, 4, 2), &amount);
	u8 op = dp_variant(w, s);

	if (FIELD(w, 21, 4) == 6 && !s && !is_m(i)) { /* PKHBT, PKHTB */
		if (BIT(w, 5) && !raw)
			raw = 32;
		arm_emit_abxs(i, BIT(w, 5) ? arm_op_pkhtb : arm_op_pkhbt, RD(w), RN(w), RM(w), 0)
			->s = (u8)raw;
	} else if (op == 0xff) {
		arm_emit_undefined(i);
	} else {
		arm_emit_dp_r(i, (enum arm_dp)op, s, RD(w), RN(w), RM(w), type, amount);
	}
}

static void saturate(struct arm_insn *i, u32 w)
{
	unsigned int amount = FIELD(w, 12, 3) << 2 | FIELD(w, 6, 2);
	bool is_unsigned = BIT(w, 23);
	u32 width = FIELD(w, 0, 5) + !is_unsigned;

	if (BIT(w, 21) && !amount)
		arm_emit_helper_abxs(i, arm_h_sat16, RD(w), 0, RN(w), 0,
				     (FIELD(w, 0, 4) + !is_unsigned) | (u32)is_unsigned << 6);
	else
		arm_emit_helper_abxs(i, arm_h_sat, RD(w), 0, RN(w), 0,
				     width | (u32)is_unsigned << 6 | BIT(w, 21) << 7 | amount << 8);
}

static void bit_field(struct arm_insn *i, u32 w)
{
	unsigned int low = FIELD(w, 12, 3) << 2 | FIELD(w, 6, 2), high = FIELD(w, 0, 5);
	bool insert = FIELD(w, 20, 5) == 22, is_unsigned = BIT(w, 23);
	struct op *op;

	if (insert) {
		unsigned int width = high >= low ? high - low + 1 : 1;
		op = arm_emit_abxs(i, RN(w) == PC ? arm_op_bfc : arm_op_bfi, RD(w), RN(w), 0, 0);
		op->imm = UINT32_MAX >> (32 - width);
	} else {
		op = arm_emit_abxs(i, is_unsigned ? arm_op_ubfx : arm_op_sbfx, RD(w), RN(w), 0, 0);
		op->imm = UINT32_MAX >> (31 - high);
		op->disp = MAX(31 - (s32)high, (s32)low);
	}
	op->s = (u8)low;
}

static void dp_plain_imm(struct arm_insn *i, u32 w)
{
	u32 imm12 = BIT(w, 26) << 11 | FIELD(w, 12, 3) << 8 | (w & 0xff);
	u32 imm16 = RN(w) << 12 | imm12;
	struct op *op;

	switch (FIELD(w, 20, 5)) {
	case 0:
	case 10: {
		bool sub = FIELD(w, 20, 5) == 10;
		if (RN(w) == PC)
			arm_emit_mov_i(i, RD(w), (pc_value(i) & ~3u) + (sub ? 0 - imm12 : imm12));
		else
			arm_emit_dp_i(i, sub ? DP_SUB : DP_ADD, false, RD(w), RN(w), imm12,
				      CARRY_SAME);
		return;
	}
	case 4: arm_emit_mov_i(i, RD(w), imm16); return;
	case 12:
		op = arm_emit(i, arm_op_movt);
		op->a = REG(RD(w));
		op->imm = imm16 << 16;
		return;
	case 16:
	case 18:
	case 24:
	case 26: saturate(i, w); return;
	case 20:
	case 22:
	case 28: bit_field(i, w); return;
	}
	arm_emit_undefined(i);
}

/* --- data processing with registers only --- */

static void extend(struct arm_insn *i, u32 w)
{
	static handler_fn *const plain[6] = {arm_op_sxth, arm_op_uxth, NULL,
					     NULL,	  arm_op_sxtb, arm_op_uxtb};
	static handler_fn *const adding[6] = {arm_op_sxtah, arm_op_uxtah, NULL,
					      NULL,	    arm_op_sxtab, arm_op_uxtab};
	unsigned int op = FIELD(w, 20, 3), rotate = 8 * FIELD(w, 4, 2);
	bool add = RN(w) != PC;

	if (op > 5 || (is_m(i) && (add || op == 2 || op == 3)))
		arm_emit_undefined(i);
	else if (op == 2 || op == 3)
		arm_emit_helper_abxs(i, arm_h_extend16, RD(w), RN(w), RM(w), 0,
				     rotate | (op & 1) << 5 | (u32)add << 6);
	else
		arm_emit_abxs(i, add ? adding[op] : plain[op], RD(w), RN(w), RM(w), 0)->s =
			(u8)rotate;
}

static bool parallel(struct arm_insn *i, u32 w)
{
	static const u8 what[8] = {4, 0, 1, 0xff, 7, 3, 2, 0xff};
	unsigned int kind = FIELD(w, 4, 2) + 1 + 4 * BIT(w, 6);
	u8 op = what[FIELD(w, 20, 3)];

	if (op == 0xff || FIELD(w, 4, 2) == 3 || is_m(i))
		return false;
	arm_emit_parallel(i, RD(w), RN(w), RM(w), kind << 3 | op);
	return true;
}

static bool misc_reg(struct arm_insn *i, u32 w)
{
	static const u8 saturating[4] = {0, 2, 1, 3};
	unsigned int op = FIELD(w, 4, 2);

	switch (FIELD(w, 20, 2)) {
	case 0:
		if (is_m(i))
			return false;
		arm_emit_helper_abxs(i, arm_h_sat_add, RD(w), RN(w), RM(w), 0, saturating[op]);
		return true;
	case 1:
		if (op == 2)
			arm_emit_abxs(i, arm_op_rbit, RD(w), 0, RM(w), 0);
		else
			arm_emit_abxs(i,
				      op == 0	? arm_op_rev
				      : op == 1 ? arm_op_rev16
						: arm_op_revsh,
				      RD(w), 0, RM(w), 0);
		return true;
	case 2:
		if (op || is_m(i))
			return false;
		arm_emit_sel(i, RD(w), RN(w), RM(w));
		return true;
	default:
		if (op)
			return false;
		arm_emit_abxs(i, arm_op_clz, RD(w), 0, RM(w), 0);
		return true;
	}
}

static void dp_reg(struct arm_insn *i, u32 w)
{
	bool ok = true;

	if (RT(w) != 15)
		ok = false;
	else if (!BIT(w, 23) && FIELD(w, 4, 4) == 0)
		arm_emit_dp_rs(i, DP_MOV, BIT(w, 20), RD(w), 0, RN(w),
			       (enum arm_shift)FIELD(w, 21, 2), RM(w));
	else if (!BIT(w, 23))
		extend(i, w);
	else if (!BIT(w, 7))
		ok = parallel(i, w);
	else
		ok = !BIT(w, 22) && !BIT(w, 6) && misc_reg(i, w);
	if (!ok)
		arm_emit_undefined(i);
}

static void multiply(struct arm_insn *i, u32 w)
{
	unsigned int op = FIELD(w, 20, 3), op2 = FIELD(w, 4, 2), ra = RT(w);
	bool none = ra == PC;
	u32 xy = BIT(w, 5) | BIT(w, 4) << 1;

	if (is_m(i) && op)
		goto undefined;
	switch (op) {
	case 0:
		if (op2 > 1)
			goto undefined;
		arm_emit_abxs(i,
			      op2    ? arm_op_mls
			      : none ? arm_op_mul
				     : arm_op_mla,
			      RD(w), RN(w), RM(w), ra);
		return;
	case 1:
		arm_emit_abxs(i, none ? arm_smul_xy[xy] : arm_smla_xy[xy], RD(w), RN(w), RM(w), ra);
		return;
	case 2:
	case 4:
		arm_emit_helper_abxs(i, arm_h_smlad, RD(w), RN(w), RM(w), ra,
				     BIT(w, 4) | (op == 4 ? 2 : 0) | (none ? 8 : 0));
		return;
	case 3:
		arm_emit_helper_abxs(i, none ? arm_h_smulw : arm_h_smlaw, RD(w), RN(w), RM(w), ra,
				     BIT(w, 4));
		return;
	case 5:
	case 6:
		arm_emit_helper_abxs(i, arm_h_smmla, RD(w), RN(w), RM(w), ra,
				     BIT(w, 4) | (op == 6 ? 2 : 0) | (none ? 4 : 0));
		return;
	default:
		arm_emit_helper_abxs(i, arm_h_usad8, RD(w), RN(w), RM(w), none ? SLOT_ZERO : ra, 0);
		return;
	}
undefined:
	arm_emit_undefined(i);
}

static void long_multiply(struct arm_insn *i, u32 w)
{
	unsigned int op2 = FIELD(w, 4, 4), low = RT(w), high = RD(w);
	u32 xy = BIT(w, 5) | BIT(w, 4) << 1;
	handler_fn *fn = NULL;

	switch (FIELD(w, 20, 3)) {
	case 0: fn = op2 ? NULL : arm_op_smull; break;
	case 2: fn = op2 ? NULL : arm_op_umull; break;
	case 1:
	case 3:
		if (op2 != 15 || !has(i, F_DIV))
			break;
		if (is_m(i)) {
			struct op *op = arm_emit_call(i, arm_h_m_div);
			op->a = REG(RD(w));
			op->b = REG(RN(w));
			op->x = REG(RM(w));
			op->imm = BIT(w, 21);
			i->wrote_flags = false;
			return;
		}
		arm_emit_abxs(i, BIT(w, 21) ? arm_op_udiv : arm_op_sdiv, RD(w), RN(w), RM(w), 0);
		return;
	case 4:
		if (op2 == 0) {
			fn = arm_op_smlal;
		} else if ((op2 & 12) == 8 && !is_m(i)) {
			arm_emit_helper_abxs(i, arm_h_smlal_xy, low, RN(w), RM(w), high, xy);
			return;
		} else if ((op2 & 14) == 12 && !is_m(i)) {
			arm_emit_helper_abxs(i, arm_h_smlad, low, RN(w), RM(w), high,
					     4 | (op2 & 1));
			return;
		}
		break;
	case 5:
		if ((op2 & 14) != 12 || is_m(i))
			break;
		arm_emit_helper_abxs(i, arm_h_smlad, low, RN(w), RM(w), high, 6 | (op2 & 1));
		return;
	case 6:
		if (op2 == 6 && !is_m(i)) {
			arm_emit_abxs(i, arm_op_umaal, low, RN(w), RM(w), high);
			return;
		}
		fn = op2 ? NULL : arm_op_umlal;
		break;
	}
	if (fn)
		arm_emit_abxs(i, fn, low, RN(w), RM(w), high);
	else
		arm_emit_undefined(i);
}

/* --- loads and stores --- */

static void load_store(struct arm_insn *i, u32 w)
{
	unsigned int size = FIELD(w, 21, 2);
	bool load = BIT(w, 20), is_signed = BIT(w, 24), up = BIT(w, 9);
	static const u8 sizes[2][4] = {{MEM_B, MEM_H, MEM_W, 0xff}, {MEM_SB, MEM_SH, 0xff, 0xff}};
	struct arm_ls ls = {.load = load,
			    .pre = true,
			    .size = (enum arm_mem_size)sizes[is_signed][size],
			    .rt = RT(w),
			    .rn = RN(w)};

	if (sizes[is_signed][size] == 0xff || (!load && (is_signed || RN(w) == PC))) {
		arm_emit_undefined(i);
		return;
	}
	if (RN(w) == PC) {
		ls.disp = BIT(w, 23) ? (s32)(w & 0xfff) : -(s32)(w & 0xfff);
	} else if (BIT(w, 23)) {
		ls.disp = (s32)(w & 0xfff);
	} else if (!BIT(w, 11)) {
		if (FIELD(w, 6, 5)) {
			arm_emit_undefined(i);
			return;
		}
		ls.by_register = true;
		ls.rm = RM(w);
		ls.amount = FIELD(w, 4, 2);
	} else {
		ls.pre = BIT(w, 10);
		ls.wback = BIT(w, 8);
		ls.user = FIELD(w, 8, 3) == 6;
		ls.disp = up ? (s32)(w & 0xff) : -(s32)(w & 0xff);
		if (!ls.pre && !ls.wback) {
			arm_emit_undefined(i);
			return;
		}
	}
	if (load && ls.rt == PC && ls.size != MEM_W) /* PLD, PLI and their like */
		return;
	arm_emit_load_store(i, &ls);
}

static void table_branch(struct arm_insn *i, u32 w)
{
	u8 base = arm_src(i, RN(w), REG_TMP2);
	bool half = BIT(w, 4);
	struct op *op = arm_emit(i, i->mem->load[half ? MEM_H : MEM_B][ADDR_R]);

	op->a = REG_TMP3;
	op->b = base;
	op->x = REG(RM(w));
	op->s = half;
	arm_emit_info(i)->leaves = true;
	op = arm_emit(i, arm_op_tb);
	op->a = REG_TMP3;
	op->imm = pc_value(i);
	arm_emit_info(i)->leaves = true;
	i->end = true;
}

static void exclusive(struct arm_insn *i, u32 w)
{
	bool load = BIT(w, 20), sized = BIT(w, 23);
	unsigned int kind = FIELD(w, 4, 4);
	struct op *op;

	if (sized && load && kind < 2) {
		table_branch(i, w);
		return;
	}
	if (sized && (kind < 4 || kind == 6 || kind > 7 || (kind == 7 && is_m(i)))) {
		arm_emit_undefined(i);
		return;
	}
	op = arm_emit_call(i, load ? arm_h_ldrex : arm_h_strex);
	op->b = REG(RN(w));
	op->disp = sized ? 0 : (s32)(4 * (w & 0xff));
	op->s = sized ? (u8)(kind & 3) : 2;
	if (load) {
		op->a = REG(RT(w));
		op->x = REG(RD(w));
	} else {
		op->a = REG(sized ? RM(w) : RD(w));
		op->x = REG(RT(w));
		op->imm = REG(RD(w));
	}
	i->wrote_flags = false;
}

static void double_or_exclusive(struct arm_insn *i, u32 w)
{
	s32 disp = (s32)(4 * (w & 0xff));
	struct arm_ls ls = {.load = BIT(w, 20),
			    .pre = BIT(w, 24),
			    .wback = BIT(w, 21),
			    .rt = RT(w),
			    .rn = RN(w),
			    .disp = BIT(w, 23) ? disp : -disp};

	if (!ls.pre && !ls.wback)
		exclusive(i, w);
	else
		arm_emit_double(i, &ls, RD(w));
}

static void multiple(struct arm_insn *i, u32 w)
{
	unsigned int kind = FIELD(w, 23, 2);
	bool load = BIT(w, 20);
	struct op *op;

	if (kind == 1 || kind == 2) {
		struct arm_multiple m = {.load = load,
					 .before = kind == 2,
					 .up = kind == 1,
					 .wback = BIT(w, 21),
					 .rn = RN(w),
					 .list = w & 0xffff};
		arm_emit_multiple(i, &m);
	} else if (is_m(i)) {
		arm_emit_undefined(i);
	} else if (load) { /* RFE */
		op = arm_emit_call_jump(i, arm_h_rfe);
		op->b = REG(RN(w));
		op->s = (u8)((kind == 0 ? 2 : 4) | BIT(w, 21) << 3);
	} else {
		op = arm_emit_call(i, arm_h_srs);
		op->imm = w & PSR_M;
		op->s = (u8)((kind == 0 ? 2 : 4) | BIT(w, 21) << 3);
	}
}

/* --- branches and control --- */

static void control(struct arm_insn *i, u32 w)
{
	unsigned int op = FIELD(w, 4, 4);

	if (op == 2)
		arm_emit_call(i, arm_h_clrex);
	else if (op < 4 || op > 6)
		arm_emit_undefined(i);
	else if (op != 5) /* DSB, ISB; DMB is nothing */
		arm_emit_barrier(i);
}

static void hints_or_cps(struct arm_insn *i, u32 w)
{
	u32 mask = w & (7 << 5), bits = w & PSR_M;

	if (FIELD(w, 8, 3) == 0) {
		arm_emit_hint(i, w & 0xff);
		return;
	}
	if (is_m(i) || !is_priv(i))
		return;
	mask = (mask >> 5) << 6;
	u32 change = BIT(w, 10) ? mask : 0;
	if (BIT(w, 8))
		change |= PSR_M;
	if (BIT(w, 9))
		bits |= mask;
	struct op *o = arm_emit_system(i, arm_h_cps);
	o->imm = change;
	o->disp = (s32)bits;
}

static void status_register(struct arm_insn *i, u32 w)
{
	struct op *op;

	if (FIELD(w, 21, 2) == 0) { /* MSR */
		op = arm_emit_system(i, is_m(i)	     ? arm_h_m_msr
					: BIT(w, 20) ? arm_h_msr_spsr
						     : arm_h_msr_cpsr);
		op->b = op->a = REG(RN(w));
		op->s = (u8)(is_m(i) ? FIELD(w, 10, 2) : RD(w));
		op->imm = w & 0xff;
		return;
	}
	op = arm_emit_call(i, is_m(i) ? arm_h_m_mrs : BIT(w, 20) ? arm_h_mrs_spsr : arm_h_mrs_cpsr);
	op->a = REG(RD(w));
	op->imm = w & 0xff;
	i->wrote_flags = false;
}

static void misc_control(struct arm_insn *i, u32 w)
{
	switch (FIELD(w, 20, 7)) {
	case 0x38:
	case 0x39:
	case 0x3e:
	case 0x3f: status_register(i, w); return;
	case 0x3a: hints_or_cps(i, w); return;
	case 0x3b: control(i, w); return;
	case 0x3c:
		if (is_m(i))
			break;
		arm_emit_bx(i, RN(w));
		return;
	case 0x3d:
		if (is_m(i))
			break;
		arm_emit_dp_i(i, DP_SUB, true, PC, LR, w & 0xff, CARRY_SAME);
		return;
	}
	arm_emit_undefined(i);
}

static void branch(struct arm_insn *i, u32 w)
{
	u32 s = BIT(w, 26), j1 = BIT(w, 13), j2 = BIT(w, 11);
	u32 i1 = !(j1 ^ s), i2 = !(j2 ^ s);
	u32 far =
		(0 - s) << 24 | i1 << 23 | i2 << 22 | FIELD(w, 16, 10) << 12 | FIELD(w, 0, 11) << 1;
	u32 near =
		(0 - s) << 20 | j2 << 19 | j1 << 18 | FIELD(w, 16, 6) << 12 | FIELD(w, 0, 11) << 1;

	if (BIT(w, 14) && BIT(w, 12))
		arm_emit_branch_link(i, pc_value(i) + far, false);
	else if (BIT(w, 14) && (is_m(i) || w & 1))
		arm_emit_undefined(i);
	else if (BIT(w, 14))
		arm_emit_branch_link(i, (pc_value(i) & ~3u) + far, true);
	else if (BIT(w, 12))
		arm_emit_branch(i, pc_value(i) + far);
	else if (FIELD(w, 22, 4) < 14)
		arm_emit_branch_cond(i, (enum arm_cc)FIELD(w, 22, 4), pc_value(i) + near);
	else
		misc_control(i, w);
}

/* --- coprocessors --- */

static void coproc_or_neon(struct arm_insn *i, u32 w)
{
	if (FIELD(w, 24, 4) == 15) { /* 111U1111: NEON */
		u32 arm = 0xf2000000 | BIT(w, 28) << 24 | (w & 0x00ffffff);
		if (!has(i, F_NEON) || !arm_decode_neon_data(i, arm))
			arm_emit_undefined(i);
		return;
	}
	arm_decode_coproc(i, BIT(w, 28));
}

void arm_decode_thumb2(struct arm_insn *i)
{
	u32 w = i->word;
	unsigned int op2 = FIELD(w, 20, 7);

	switch (FIELD(w, 27, 2)) {
	case 1:
		if (op2 & 0x40)
			coproc_or_neon(i, w);
		else if (op2 & 0x20)
			dp_shifted_reg(i, w);
		else if (op2 & 4)
			double_or_exclusive(i, w);
		else
			multiple(i, w);
		return;
	case 2:
		if (BIT(w, 15))
			branch(i, w);
		else if (op2 & 0x20)
			dp_plain_imm(i, w);
		else
			dp_modified_imm(i, w);
		return;
	default:
		if (op2 & 0x40) {
			coproc_or_neon(i, w);
		} else if ((op2 & 0x71) == 0x10) {
			if (!has(i, F_NEON) ||
			    !arm_decode_neon_ls(i, 0xf4000000 | (w & 0x00ffffff)))
				arm_emit_undefined(i);
		} else if ((op2 & 0x60) == 0) {
			load_store(i, w);
		} else if ((op2 & 0x70) == 0x20) {
			dp_reg(i, w);
		} else if (op2 & 8) {
			long_multiply(i, w);
		} else {
			multiply(i, w);
		}
	}
}
