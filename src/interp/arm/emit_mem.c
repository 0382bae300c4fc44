/* Appending loads and stores: what kind of address they have, and what the PC means in them. */
#include "interp/arm/decode.h"
#include "interp/arm/ops_dp.h"
#include "interp/arm/system.h"

static struct op *arm_emit_access(struct arm_insn *i, handler_fn *fn)
{
	struct op *op = arm_emit(i, fn);

	arm_emit_info(i)->leaves = true;
	i->b->accesses++;
	return op;
}

static void arm_emit_mov(struct arm_insn *i, u8 to, u8 from)
{
	struct op *op = arm_emit(i, arm_op_mov_r);

	op->a = to;
	op->b = from;
}

/* to = base plus the offset of `ls`. */
static void arm_emit_offset(struct arm_insn *i, const struct arm_ls *ls, u8 base, u8 to)
{
	struct op *op;

	if (!ls->by_register) {
		op = arm_emit(i, arm_dp[DP_ADD].ri[0]);
		op->imm = (u32)ls->disp;
	} else {
		enum arm_dp dp = ls->subtract ? DP_SUB : DP_ADD;
		bool plain = ls->type == SHIFT_LSL && ls->amount == 0;
		u8 rm = arm_src(i, ls->rm, REG_TMP3);
		op = arm_emit(i, plain ? arm_dp[dp].rr[0] : arm_dp[dp].sh[ls->type][0]);
		op->x = rm;
		op->s = (u8)ls->amount;
		if (ls->type == SHIFT_RRX)
			arm_emit_info(i)->reads = FLAG_C;
	}
	op->a = to;
	op->b = base;
}

/*
 * The general way: the address in TMP0, the new base in TMP1. Returns where TMP1 is to be written:
 * the base register, or TMP1 itself.
 */
static u8 arm_emit_address(struct arm_insn *i, const struct arm_ls *ls)
{
	u8 base = arm_src(i, ls->rn, REG_TMP2);

	if (ls->rn == PC && !ls->by_register) {
		struct op *op = arm_emit(i, arm_op_mov_i);
		op->a = REG_TMP0;
		op->imm = (pc_value(i) & ~3u) + (u32)ls->disp;
		return REG_TMP1;
	}
	if (ls->pre) {
		arm_emit_offset(i, ls, base, REG_TMP0);
		if (ls->wback)
			arm_emit_mov(i, REG_TMP1, REG_TMP0);
	} else {
		arm_emit_offset(i, ls, base, REG_TMP1);
		arm_emit_mov(i, REG_TMP0, base);
	}
	return ls->wback ? REG(ls->rn) : REG_TMP1;
}

/* LDR PC. */
static void arm_emit_load_pc(struct arm_insn *i, const struct arm_ls *ls)
{
	struct op *op;
	u8 wb;

	if (is_m(i)) {
		wb = arm_emit_address(i, ls);
		op = arm_emit_call_jump(i, arm_h_m_load_pc);
		op->b = REG_TMP0;
		op->x = wb;
		return;
	}
	wb = arm_emit_address(i, ls);
	op = arm_emit_access(i, i->mem->load_pc);
	op->b = REG_TMP0;
	op->x = wb;
	op->imm = has(i, F_V5) ? JUMP_EXCHANGES : JUMP_NO_EXCHANGE;
	i->end = true;
}

/* LDRT and its like: with User mode's permissions. */
static void arm_emit_user(struct arm_insn *i, const struct arm_ls *ls)
{
	u8 wb = arm_emit_address(i, ls);
	u8 rt = arm_src(i, ls->rt, REG_TMP2);
	struct op *op = arm_emit_call(i, ls->load ? arm_h_load_user : arm_h_store_user);

	op->a = rt;
	op->b = REG_TMP0;
	op->x = wb;
	op->s = (u8)ls->size;
}

static handler_fn *handler(struct arm_insn *i, const struct arm_ls *ls, enum arm_address kind)
{
	return ls->load ? i->mem->load[ls->size][kind] : i->mem->store[ls->size][kind];
}

void arm_emit_load_store(struct arm_insn *i, const struct arm_ls *ls)
{
	if (ls->load && ls->rt == PC) {
		arm_emit_load_pc(i, ls);
		return;
	}
	if (ls->user && is_priv(i)) {
		arm_emit_user(i, ls);
		return;
	}
	struct op *op;
	u8 base = REG(ls->rn), x = 0;
	u8 rt = arm_src(i, ls->rt, REG_TMP2);
	if (!ls->by_register) {
		s32 disp = ls->disp;
		enum arm_address kind = !ls->pre ? ADDR_POST : ls->wback ? ADDR_PRE : ADDR_I;
		if (ls->rn == PC) {
			base = REG_ZERO;
			disp = (s32)((pc_value(i) & ~3u) + (u32)disp);
			kind = ADDR_I;
		}
		op = arm_emit_access(i, handler(i, ls, kind));
		op->disp = disp;
	} else if (ls->pre && !ls->wback && !ls->subtract && ls->type == SHIFT_LSL &&
		   ls->rn != PC && ls->rm != PC) {
		op = arm_emit_access(i, handler(i, ls, ADDR_R));
		x = REG(ls->rm);
		op->s = (u8)ls->amount;
	} else {
		if (rt == REG_TMP2) { /* the address needs that temporary */
			arm_emit_mov(i, REG_TMP4, rt);
			rt = REG_TMP4;
		}
		x = arm_emit_address(i, ls);
		op = arm_emit_access(i, handler(i, ls, ADDR_WB));
		base = REG_TMP0;
	}
	op->a = rt;
	op->b = base;
	op->x = x;
}

void arm_emit_double(struct arm_insn *i, const struct arm_ls *ls, unsigned int rt2)
{
	u8 wb = arm_emit_address(i, ls);
	struct op *op = arm_emit_access(i, ls->load ? i->mem->load_double : i->mem->store_double);

	op->a = REG(ls->rt);
	op->s = REG(rt2);
	op->b = REG_TMP0;
	op->x = wb;
}

void arm_emit_multiple(struct arm_insn *i, const struct arm_multiple *m)
{
	unsigned int count = (unsigned int)__builtin_popcount(m->list);
	s32 bytes = (s32)(4 * count);
	bool pc = BIT(m->list, PC);
	struct op *op;

	if (!count) {
		arm_emit_undefined(i);
		return;
	}
	if (m->user || (pc && (is_m(i) || !m->load))) {
		/* The ^ forms and STM with the PC: imm2 is the helper, so the rest is in s and
		 * disp. */
		op = pc && m->load ? arm_emit_call_jump(i, arm_h_multiple)
				   : arm_emit_call(i, arm_h_multiple);
		op->imm = m->list;
		op->s = (u8)(m->load | m->before << 1 | m->up << 2 | m->wback << 3 | m->user << 4);
		op->b = REG(m->rn);
		op->disp = (s32)pc_value(i);
		return;
	}
	op = arm_emit_access(i, !m->load ? i->mem->store_multiple
				: pc	 ? i->mem->load_multiple_pc
					 : i->mem->load_multiple);
	op->b = REG(m->rn);
	op->imm = m->list;
	op->disp = m->up ? (m->before ? 4 : 0) : (m->before ? 0 : 4) - bytes;
	op->imm2 = (u64)(u32)(m->up ? bytes : -bytes);
	op->s = m->wback;
	op->x = has(i, F_V5) ? JUMP_EXCHANGES : JUMP_NO_EXCHANGE;
	if (pc && m->load)
		i->end = true;
}
