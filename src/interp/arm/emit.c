/* Appending ops: data processing, multiplication, control flow. Loads and stores: emit_mem.c. */
#include "interp/arm/decode.h"
#include "interp/arm/ops_dp.h"
#include "interp/arm/ops_flow.h"
#include "interp/arm/ops_media.h"
#include "interp/arm/system.h"

struct op *arm_emit(struct arm_insn *i, handler_fn *fn)
{
	return builder_op(i->b, fn);
}

struct op_info *arm_emit_info(struct arm_insn *i)
{
	return &i->b->info[i->b->op_count - 1];
}

void arm_emit_flags(struct arm_insn *i, u32 reads, u32 writes, handler_fn *no_flags)
{
	struct op_info *info = arm_emit_info(i);

	info->reads = reads;
	info->may_write = writes;
	info->writes = i->cond == CC_AL ? writes : 0;
	info->no_flags = no_flags;
	if (writes)
		i->wrote_flags = true;
}

u8 arm_src(struct arm_insn *i, unsigned int n, u8 tmp)
{
	if (n != PC)
		return REG(n);
	struct op *op = arm_emit(i, arm_op_mov_i);
	op->a = tmp;
	op->imm = pc_value(i);
	return tmp;
}

/* --- helpers --- */

static struct op *arm_emit_helper(struct arm_insn *i, handler_fn *fn, arm_helper *helper,
				  bool leaves)
{
	struct op *op = arm_emit(i, fn);

	op->imm = i->word;
	op->imm2 = (u64)(uintptr_t)helper;
	arm_emit_info(i)->leaves = leaves;
	if (leaves)
		i->wrote_flags = true; /* it may: CPSR writes are among them */
	return op;
}

struct op *arm_emit_call(struct arm_insn *i, arm_helper *fn)
{
	return arm_emit_helper(i, arm_op_call_helper, fn, true);
}

struct op *arm_emit_pure(struct arm_insn *i, arm_helper *fn)
{
	return arm_emit_helper(i, arm_op_call_helper, fn, false);
}

struct op *arm_emit_system(struct arm_insn *i, arm_helper *fn)
{
	return arm_emit_helper(i, arm_op_call_system, fn, true);
}

struct op *arm_emit_system_end(struct arm_insn *i, arm_helper *fn)
{
	struct op *op = arm_emit_call(i, fn);
	struct op *leave = arm_emit(i, arm_op_leave_at);

	leave->imm = next_pc(i);
	i->end = true;
	return op;
}

struct op *arm_emit_call_jump(struct arm_insn *i, arm_helper *fn)
{
	i->end = true;
	return arm_emit_helper(i, arm_op_call_helper_jump, fn, true);
}

void arm_emit_raise(struct arm_insn *i, enum arm_exception exc)
{
	struct op *op = arm_emit(i, arm_op_raise);

	op->a = (u8)exc;
	arm_emit_info(i)->leaves = true;
	i->end = true;
}

void arm_emit_undefined(struct arm_insn *i)
{
	arm_emit_raise(i, is_m(i) ? EXC_M_USAGE : EXC_UNDEF);
}

/* --- data processing --- */

static u32 dp_writes(enum arm_dp op, bool carry)
{
	if (!dp_is_logical(op))
		return FLAGS_ALL;
	return carry ? FLAGS_NZC : FLAGS_NZ;
}

/* The last op computes with flags: says so. `no_flags` is its twin without. */
static void dp_flags(struct arm_insn *i, enum arm_dp op, bool s, bool carry, bool rrx,
		     handler_fn *no_flags)
{
	u32 reads = dp_uses_carry(op) || rrx ? FLAG_C : 0;

	if (s && !no_flags && dp_is_compare(op))
		no_flags = arm_op_nop;
	arm_emit_flags(i, reads, s ? dp_writes(op, carry) : 0, s ? no_flags : NULL);
}

/* Where the result goes: rd, or a temporary that is jumped to. */
static u8 dp_dest(unsigned int rd)
{
	return rd == PC ? REG_TMP3 : REG(rd);
}

static void dp_finish(struct arm_insn *i, unsigned int rd, bool s, bool compare)
{
	if (rd != PC || compare)
		return;
	if (s)
		arm_emit_call_jump(i, arm_h_exception_return)->a = REG_TMP3;
	else
		arm_emit_jump_reg(i, REG_TMP3, has(i, F_V7) && !is_thumb(i));
}

void arm_emit_mov_i(struct arm_insn *i, unsigned int rd, u32 value)
{
	struct op *op = arm_emit(i, arm_op_mov_i);

	op->a = dp_dest(rd);
	op->imm = value;
	dp_finish(i, rd, false, false);
}

/* Immediate forms that are constants. */
static bool dp_constant(struct arm_insn *i, enum arm_dp op, unsigned int rd, unsigned int rn,
			u32 imm)
{
	u32 base = pc_value(i);

	if (op == DP_MOV)
		arm_emit_mov_i(i, rd, imm);
	else if (op == DP_MVN)
		arm_emit_mov_i(i, rd, ~imm);
	else if (op == DP_ADD && rn == PC)
		arm_emit_mov_i(i, rd, base + imm);
	else if (op == DP_SUB && rn == PC)
		arm_emit_mov_i(i, rd, base - imm);
	else
		return false;
	return true;
}

void arm_emit_dp_i(struct arm_insn *i, enum arm_dp op, bool s, unsigned int rd, unsigned int rn,
		   u32 imm, u32 carry)
{
	bool compare = dp_is_compare(op), back = s && rd == PC && !compare;

	if (back)
		s = false;
	if (!s && dp_constant(i, op, back ? SLOT_TMP3 : rd, rn, imm)) {
		if (back)
			dp_finish(i, rd, true, false);
		return;
	}
	u8 b = dp_has_rn(op) ? arm_src(i, rn, REG_TMP2) : REG_ZERO;
	struct op *o = arm_emit(i, arm_dp[op].ri[s]);
	o->a = compare ? REG_TMP3 : dp_dest(rd);
	o->b = b;
	o->imm = imm;
	o->x = (u8)carry;
	dp_flags(i, op, s, carry != CARRY_SAME, false, arm_dp[op].ri[0]);
	dp_finish(i, rd, back, compare);
}

enum arm_shift arm_decode_shift(unsigned int type, unsigned int *amount)
{
	if (*amount)
		return (enum arm_shift)type;
	if (type == SHIFT_ROR) {
		*amount = 1;
		return SHIFT_RRX;
	}
	if (type == SHIFT_LSR || type == SHIFT_ASR)
		*amount = 32;
	return (enum arm_shift)type;
}

void arm_emit_dp_r(struct arm_insn *i, enum arm_dp op, bool s, unsigned int rd, unsigned int rn,
		   unsigned int rm, enum arm_shift type, unsigned int amount)
{
	bool compare = dp_is_compare(op), back = s && rd == PC && !compare;
	bool plain = type == SHIFT_LSL && amount == 0;

	if (back)
		s = false;
	u8 b = dp_has_rn(op) ? arm_src(i, rn, REG_TMP2) : REG_ZERO;
	u8 x = arm_src(i, rm, REG_TMP3);
	struct op *o;
	if (plain && op == DP_MOV && !s) {
		o = arm_emit(i, arm_op_mov_r);
		b = x;
	} else {
		o = arm_emit(i, plain ? arm_dp[op].rr[s] : arm_dp[op].sh[type][s]);
	}
	o->a = compare ? REG_TMP3 : dp_dest(rd);
	o->b = b;
	o->x = x;
	o->s = (u8)amount;
	dp_flags(i, op, s, !plain, type == SHIFT_RRX,
		 plain ? arm_dp[op].rr[0] : arm_dp[op].sh[type][0]);
	dp_finish(i, rd, back, compare);
}

void arm_emit_dp_rs(struct arm_insn *i, enum arm_dp op, bool s, unsigned int rd, unsigned int rn,
		    unsigned int rm, enum arm_shift type, unsigned int rs)
{
	bool carry = s && dp_is_logical(op);

	if (op == DP_MOV && rd != PC) {
		struct op *o = arm_emit(i, s ? arm_shifts_rr[type] : arm_shift_rr[type][0]);
		o->a = REG(rd);
		o->b = REG(rm);
		o->x = REG(rs);
		if (s)
			arm_emit_flags(i, FLAG_C, FLAGS_NZC, arm_shift_rr[type][0]);
		return;
	}
	struct op *shift = arm_emit(i, arm_shift_rr[type][carry]);
	shift->a = REG_TMP3;
	shift->b = REG(rm);
	shift->x = REG(rs);
	if (carry)
		arm_emit_info(i)->reads = FLAG_C;
	struct op *o = arm_emit(i, carry ? arm_dp[op].rc : arm_dp[op].rr[s]);
	o->a = dp_is_compare(op) ? REG_TMP3 : dp_dest(rd);
	o->b = dp_has_rn(op) ? REG(rn) : REG_ZERO;
	o->x = REG_TMP3;
	dp_flags(i, op, s, true, false, arm_dp[op].rr[0]);
	dp_finish(i, rd, false, dp_is_compare(op));
}

struct op *arm_emit_abxs(struct arm_insn *i, handler_fn *fn, unsigned int a, unsigned int b,
			 unsigned int x, unsigned int s)
{
	struct op *op = arm_emit(i, fn);

	op->a = REG(a);
	op->b = REG(b);
	op->x = REG(x);
	op->s = REG(s);
	return op;
}

struct op *arm_emit_helper_abxs(struct arm_insn *i, arm_helper *fn, unsigned int a, unsigned int b,
				unsigned int x, unsigned int s, u32 imm)
{
	struct op *op = arm_emit_pure(i, fn);

	op->a = REG(a);
	op->b = REG(b);
	op->x = REG(x);
	op->s = REG(s);
	op->imm = imm;
	return op;
}

/* --- control flow --- */

static bool linkable(const struct arm_insn *i, u32 target)
{
	return ((u32)i->b->pc ^ target) < GUEST_PAGE_SIZE;
}

static struct op *arm_emit_to(struct arm_insn *i, handler_fn *fn, u32 target)
{
	struct op *op = arm_emit(i, fn);

	op->imm = target;
	op->s = linkable(i, target);
	arm_emit_info(i)->branch = 1;
	arm_emit_info(i)->leaves = true;
	return op;
}

void arm_emit_branch(struct arm_insn *i, u32 target)
{
	arm_emit_to(i, arm_op_b, target);
	if (i->cond == CC_AL)
		i->end = true;
}

/* The op before, if it is a comparison of the previous instruction that can be one op with the
 * branch: what that is. */
static handler_fn *fused(const struct arm_insn *i, const struct op *last, enum arm_cc cc, bool *imm)
{
	*imm = true;
	if (last->fn == arm_dp[DP_CMP].ri[1])
		return arm_cmp_b_ri[cc];
	if (last->fn == arm_dp[DP_TST].ri[1] && last->x == CARRY_SAME)
		return arm_tst_b_ri[cc];
	*imm = false;
	if (last->fn == arm_dp[DP_CMP].rr[1])
		return arm_cmp_b_rr[cc];
	if (last->fn == arm_dp[DP_TST].rr[1])
		return arm_tst_b_rr[cc];
	return NULL;
}

static bool arm_emit_fused(struct arm_insn *i, enum arm_cc cc, u32 target)
{
	unsigned int n = i->b->op_count;
	bool imm;

	if (!n || i->b->insns == 0)
		return false;
	struct op *last = &i->b->ops[n - 1];
	struct op_info *info = &i->b->info[n - 1];
	if (i->b->where[n - 1].insn != i->b->insns - 1 || info->writes != info->may_write)
		return false;
	handler_fn *fn = fused(i, last, cc, &imm);
	if (!fn)
		return false;
	last->fn = fn;
	last->a = last->b;
	last->disp = (s32)last->imm;
	last->b = last->x;
	last->imm = target;
	last->s = linkable(i, target);
	info->no_flags = NULL;
	info->branch = 2;
	info->leaves = true;
	return true;
}

void arm_emit_branch_cond(struct arm_insn *i, enum arm_cc cc, u32 target)
{
	if (cc >= CC_AL) {
		arm_emit_branch(i, target);
		i->end = true;
		return;
	}
	if (arm_emit_fused(i, cc, target))
		return;
	arm_emit_to(i, arm_bcc[cc], target);
	arm_emit_info(i)->reads = arm_cond_flags(cc);
}

void arm_emit_branch_link(struct arm_insn *i, u32 target, bool exchange)
{
	struct op *op = arm_emit_to(i, exchange ? arm_op_blx_i : arm_op_bl, target);

	op->disp = (s32)(next_pc(i) | is_thumb(i));
	if (exchange || i->cond == CC_AL)
		i->end = true;
}

void arm_emit_jump_reg(struct arm_insn *i, u8 reg, bool exchange)
{
	handler_fn *fn = !exchange ? arm_op_jump : is_m(i) ? arm_op_bx_m : arm_op_bx;
	struct op *op = arm_emit(i, fn);

	op->imm = is_thumb(i) ? ~1u : ~3u;
	arm_emit_info(i)->leaves = true;
	op->a = reg;
	i->end = true;
}

void arm_emit_bx(struct arm_insn *i, unsigned int rm)
{
	arm_emit_jump_reg(i, arm_src(i, rm, REG_TMP2), true);
}

void arm_emit_blx(struct arm_insn *i, unsigned int rm)
{
	struct op *op = arm_emit(i, arm_op_blx_r);

	op->a = REG(rm);
	op->disp = (s32)(next_pc(i) | is_thumb(i));
	arm_emit_info(i)->leaves = true;
	i->end = true;
}

void arm_emit_cbz(struct arm_insn *i, bool nonzero, unsigned int rn, u32 target)
{
	arm_emit_to(i, nonzero ? arm_op_cbnz : arm_op_cbz, target)->a = REG(rn);
}

void arm_emit_svc(struct arm_insn *i, u32 number)
{
	struct op *op = arm_emit_call_jump(i, arm_h_svc);

	op->imm = number;
	op->disp = (s32)next_pc(i);
	op->x = arm_it_advance(i->it);
}

void arm_emit_bkpt(struct arm_insn *i, u32 number)
{
	struct op *op = arm_emit_call_jump(i, arm_h_bkpt);

	op->imm = number;
	op->disp = (s32)next_pc(i);
}

void arm_emit_barrier(struct arm_insn *i)
{
	arm_emit(i, arm_op_barrier);
	arm_emit_info(i)->leaves = true;
}

void arm_emit_hint(struct arm_insn *i, unsigned int hint)
{
	if (hint == 2)
		arm_emit_system_end(i, arm_h_wfe);
	else if (hint == 3)
		arm_emit_system_end(i, arm_h_wfi);
	else if (hint == 4)
		arm_emit_call(i, arm_h_sev);
}

void arm_emit_condition(struct arm_insn *i)
{
	if (i->cond >= CC_AL) {
		i->skip = -1;
		return;
	}
	if (i->skip >= 0 && i->skip_cond == i->cond)
		return;
	i->skip = (int)i->b->op_count;
	i->skip_cond = i->cond;
	arm_emit(i, arm_skip[i->cond]);
	arm_emit_info(i)->reads = arm_cond_flags((enum arm_cc)i->cond);
}

/* --- media --- */

void arm_emit_parallel(struct arm_insn *i, unsigned int rd, unsigned int rn, unsigned int rm,
		       u32 kind_and_op)
{
	arm_emit_abxs(i, arm_parallel[kind_and_op >> 3 & 7][kind_and_op & 7], rd, rn, rm, 0);
}

void arm_emit_sel(struct arm_insn *i, unsigned int rd, unsigned int rn, unsigned int rm)
{
	arm_emit_abxs(i, arm_op_sel, rd, rn, rm, 0);
}
