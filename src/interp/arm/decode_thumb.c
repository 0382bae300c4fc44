/* The 16-bit Thumb instructions. Source: ARM DDI 0100I, A6 and A7; DDI 0406C, A6.2. */
#include "interp/arm/decode.h"
#include "interp/arm/ops_dp.h"
#include "interp/arm/ops_flow.h"
#include "interp/arm/system.h"

#define R0(h) FIELD(h, 0, 3)
#define R3(h) FIELD(h, 3, 3)
#define R6(h) FIELD(h, 6, 3)
#define R8(h) FIELD(h, 8, 3)

/* Instructions that set the flags do so outside of IT blocks only. */
static bool sets(const struct arm_insn *i)
{
	return !i->it;
}

static void shift_or_add(struct arm_insn *i, u32 h)
{
	unsigned int amount = FIELD(h, 6, 5);

	if (FIELD(h, 11, 2) == 3) {
		enum arm_dp op = BIT(h, 9) ? DP_SUB : DP_ADD;
		if (BIT(h, 10))
			arm_emit_dp_i(i, op, sets(i), R0(h), R3(h), R6(h), CARRY_SAME);
		else
			arm_emit_dp_r(i, op, sets(i), R0(h), R3(h), R6(h), SHIFT_LSL, 0);
		return;
	}
	enum arm_shift type = arm_decode_shift(FIELD(h, 11, 2), &amount);
	arm_emit_dp_r(i, DP_MOV, sets(i), R0(h), 0, R3(h), type, amount);
}

static void immediate(struct arm_insn *i, u32 h)
{
	static const u8 ops[4] = {DP_MOV, DP_CMP, DP_ADD, DP_SUB};
	enum arm_dp op = (enum arm_dp)ops[FIELD(h, 11, 2)];

	arm_emit_dp_i(i, op, op == DP_CMP || sets(i), R8(h), R8(h), h & 0xff, CARRY_SAME);
}

static void data_processing(struct arm_insn *i, u32 h)
{
	unsigned int rd = R0(h), rm = R3(h), op = FIELD(h, 6, 4);
	static const u8 ops[16] = {DP_AND, DP_EOR, 0,	   0,	   0,	   DP_ADC, DP_SBC, 0,
				   DP_TST, 0,	   DP_CMP, DP_CMN, DP_ORR, 0,	   DP_BIC, DP_MVN};

	switch (op) {
	case 2:
	case 3:
	case 4:
	case 7: {
		enum arm_shift type = op == 7 ? SHIFT_ROR : (enum arm_shift)(op - 2);
		arm_emit_dp_rs(i, DP_MOV, sets(i), rd, 0, rd, type, rm);
		break;
	}
	case 9: arm_emit_dp_i(i, DP_RSB, sets(i), rd, rm, 0, CARRY_SAME); break;
	case 13:
		arm_emit_abxs(i, sets(i) ? arm_op_muls : arm_op_mul, rd, rm, rd, 0);
		if (sets(i))
			arm_emit_flags(i, 0, FLAGS_NZ, arm_op_mul);
		break;
	default: {
		enum arm_dp dp = (enum arm_dp)ops[op];
		arm_emit_dp_r(i, dp, dp_is_compare(dp) || sets(i), rd, rd, rm, SHIFT_LSL, 0);
		break;
	}
	}
}

/* ADD, CMP, MOV with any registers; BX, BLX. */
static void high_registers(struct arm_insn *i, u32 h)
{
	unsigned int rd = R0(h) | BIT(h, 7) << 3, rm = FIELD(h, 3, 4);

	switch (FIELD(h, 8, 2)) {
	case 0: arm_emit_dp_r(i, DP_ADD, false, rd, rd, rm, SHIFT_LSL, 0); break;
	case 1: arm_emit_dp_r(i, DP_CMP, true, rd, rd, rm, SHIFT_LSL, 0); break;
	case 2: arm_emit_dp_r(i, DP_MOV, false, rd, 0, rm, SHIFT_LSL, 0); break;
	default:
		if (!BIT(h, 7))
			arm_emit_bx(i, rm);
		else if (has(i, F_V5))
			arm_emit_blx(i, rm);
		else
			arm_emit_undefined(i);
	}
}

static void load_literal(struct arm_insn *i, u32 h)
{
	struct arm_ls ls = {.load = true,
			    .pre = true,
			    .size = MEM_W,
			    .rt = R8(h),
			    .rn = PC,
			    .disp = (s32)(4 * (h & 0xff))};

	arm_emit_load_store(i, &ls);
}

static void load_store_reg(struct arm_insn *i, u32 h)
{
	static const struct {
		bool load;
		u8 size;
	} kinds[8] = {{false, MEM_W}, {false, MEM_H}, {false, MEM_B}, {true, MEM_SB},
		      {true, MEM_W},  {true, MEM_H},  {true, MEM_B},  {true, MEM_SH}};
	unsigned int kind = FIELD(h, 9, 3);
	struct arm_ls ls = {.load = kinds[kind].load,
			    .pre = true,
			    .size = (enum arm_mem_size)kinds[kind].size,
			    .rt = R0(h),
			    .rn = R3(h),
			    .by_register = true,
			    .rm = R6(h)};

	arm_emit_load_store(i, &ls);
}

static void load_store_imm(struct arm_insn *i, u32 h, enum arm_mem_size size, unsigned int scale)
{
	struct arm_ls ls = {.load = BIT(h, 11),
			    .pre = true,
			    .size = size,
			    .rt = R0(h),
			    .rn = R3(h),
			    .disp = (s32)(FIELD(h, 6, 5) << scale)};

	arm_emit_load_store(i, &ls);
}

static void load_store_sp(struct arm_insn *i, u32 h)
{
	struct arm_ls ls = {.load = BIT(h, 11),
			    .pre = true,
			    .size = MEM_W,
			    .rt = R8(h),
			    .rn = SP,
			    .disp = (s32)(4 * (h & 0xff))};

	arm_emit_load_store(i, &ls);
}

/* ADR and ADD Rd, SP. */
static void add_address(struct arm_insn *i, u32 h)
{
	u32 imm = 4 * (h & 0xff);

	if (BIT(h, 11))
		arm_emit_dp_i(i, DP_ADD, false, R8(h), SP, imm, CARRY_SAME);
	else
		arm_emit_mov_i(i, R8(h), (pc_value(i) & ~3u) + imm);
}

static void push_pop(struct arm_insn *i, u32 h)
{
	bool pop = BIT(h, 11);
	struct arm_multiple m = {.load = pop,
				 .before = !pop,
				 .up = pop,
				 .wback = true,
				 .rn = SP,
				 .list = (h & 0xff) | BIT(h, 8) << (pop ? PC : LR)};

	arm_emit_multiple(i, &m);
}

static void it_or_hint(struct arm_insn *i, u32 h)
{
	if (!has(i, F_THUMB2)) {
		arm_emit_undefined(i);
	} else if (h & 0xf) {
		i->it = h & 0xff;
	} else {
		arm_emit_hint(i, FIELD(h, 4, 4));
	}
}

static void cps(struct arm_insn *i, u32 h)
{
	u32 mask = (h & 7) << 6;

	if (!has(i, F_V6)) {
		arm_emit_undefined(i);
	} else if (is_m(i)) {
		if (!is_priv(i))
			return;
		struct op *op = arm_emit_system(i, arm_h_m_cps);
		op->imm = h & 3;
		op->disp = BIT(h, 4);
	} else if (!BIT(h, 5)) { /* SETEND */
		arm_emit_system(i, arm_h_setend)->a = BIT(h, 3);
	} else if (is_priv(i)) {
		struct op *op = arm_emit_system(i, arm_h_cps);
		op->imm = mask;
		op->disp = BIT(h, 4) ? (s32)mask : 0;
	}
}

static void extend_or_reverse(struct arm_insn *i, u32 h)
{
	static handler_fn *const extend[4] = {arm_op_sxth, arm_op_sxtb, arm_op_uxth, arm_op_uxtb};
	static handler_fn *const reverse[4] = {arm_op_rev, arm_op_rev16, NULL, arm_op_revsh};
	handler_fn *fn = BIT(h, 11) ? reverse[FIELD(h, 6, 2)] : extend[FIELD(h, 6, 2)];

	if (!fn || !has(i, F_V6)) {
		arm_emit_undefined(i);
		return;
	}
	arm_emit_abxs(i, fn, R0(h), 0, R3(h), 0)->s = 0;
}

/* 1011 xxxx */
static void misc(struct arm_insn *i, u32 h)
{
	switch (FIELD(h, 8, 4)) {
	case 0:
		arm_emit_dp_i(i, BIT(h, 7) ? DP_SUB : DP_ADD, false, SP, SP, 4 * (h & 0x7f),
			      CARRY_SAME);
		return;
	case 1:
	case 3:
	case 9:
	case 11:
		if (!has(i, F_THUMB2))
			break;
		arm_emit_cbz(i, BIT(h, 11), R0(h),
			     pc_value(i) + BIT(h, 9) * 64 + 2 * FIELD(h, 3, 5));
		return;
	case 2:
	case 10: extend_or_reverse(i, h); return;
	case 4:
	case 5:
	case 12:
	case 13: push_pop(i, h); return;
	case 6: cps(i, h); return;
	case 14:
		if (!has(i, F_V5))
			break;
		arm_emit_bkpt(i, h & 0xff);
		return;
	case 15: it_or_hint(i, h); return;
	}
	arm_emit_undefined(i);
}

static void multiple(struct arm_insn *i, u32 h)
{
	bool load = BIT(h, 11);
	struct arm_multiple m = {.load = load, .up = true, .rn = R8(h), .list = h & 0xff};

	m.wback = !(load && BIT(h, R8(h)));
	arm_emit_multiple(i, &m);
}

static void branch_or_svc(struct arm_insn *i, u32 h)
{
	unsigned int cond = FIELD(h, 8, 4);

	if (cond == 15)
		arm_emit_svc(i, h & 0xff);
	else if (cond == 14)
		arm_emit_undefined(i);
	else
		arm_emit_branch_cond(i, (enum arm_cc)cond, pc_value(i) + 2 * (u32)(s32)(s8)h);
}

/* The halves of BL and BLX before Thumb-2, where they are instructions of their own. */
static void branch_halves(struct arm_insn *i, u32 h)
{
	if ((h & 0xf800) == 0xf000) {
		u32 lr = pc_value(i) + ((u32)((s32)(h << 21) >> 9));
		unsigned int pos = i->pos;
		if (pos + 2 <= i->b->avail) {
			u32 second = arm_fetch16(i);
			u32 target = lr + 2 * (second & 0x7ff);
			if ((second & 0xf800) == 0xf800) {
				arm_emit_branch_link(i, target, false);
				return;
			}
			if ((second & 0xf801) == 0xe800 && has(i, F_V5)) {
				arm_emit_branch_link(i, target & ~3u, true);
				return;
			}
			i->pos = pos;
		}
		arm_emit_mov_i(i, LR, lr);
		return;
	}
	/* The second half alone: to LR plus the offset. */
	struct op *op = arm_emit(i, arm_dp[DP_ADD].ri[0]);
	op->a = REG_TMP3;
	op->b = REG(LR);
	op->imm = 2 * (h & 0x7ff);
	bool exchange = (h & 0xf800) == 0xe800;
	op = arm_emit(i, arm_dp[exchange ? DP_BIC : DP_ORR].ri[0]);
	op->a = op->b = REG_TMP3;
	op->imm = exchange ? 3 : 1;
	op = arm_emit(i, arm_op_blx_r);
	op->a = REG_TMP3;
	op->disp = (s32)(next_pc(i) | 1);
	arm_emit_info(i)->leaves = true;
	i->end = true;
}

static void branch(struct arm_insn *i, u32 h)
{
	arm_emit_branch(i, pc_value(i) + (u32)((s32)(h << 21) >> 20));
}

void arm_decode_thumb(struct arm_insn *i)
{
	u32 h = arm_fetch16(i);

	i->word = h;
	arm_emit_condition(i);
	switch (h >> 12) {
	case 0:
	case 1: shift_or_add(i, h); break;
	case 2:
	case 3: immediate(i, h); break;
	case 4:
		if (BIT(h, 11))
			load_literal(i, h);
		else if (BIT(h, 10))
			high_registers(i, h);
		else
			data_processing(i, h);
		break;
	case 5: load_store_reg(i, h); break;
	case 6: load_store_imm(i, h, MEM_W, 2); break;
	case 7: load_store_imm(i, h, MEM_B, 0); break;
	case 8: load_store_imm(i, h, MEM_H, 1); break;
	case 9: load_store_sp(i, h); break;
	case 10: add_address(i, h); break;
	case 11: misc(i, h); break;
	case 12: multiple(i, h); break;
	case 13: branch_or_svc(i, h); break;
	default:
		if (h >> 11 == 0x1c) {
			branch(i, h);
		} else if (has(i, F_THUMB2)) {
			i->word = h << 16 | arm_fetch16(i);
			arm_decode_thumb2(i);
		} else if (h >> 11 == 0x1d && (h & 1 || !has(i, F_V5))) {
			arm_emit_undefined(i);
		} else {
			branch_halves(i, h);
		}
	}
}
