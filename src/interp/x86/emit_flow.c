/*
 * Emit functions of the stack, of control flow and of string instructions; fusing of arithmetic
 * with the branch after it. Opcode maps: Intel SDM volume 2, appendix A, tables.
 */
#include "interp/x86/emit_int.h"

#include "interp/x86/ops_int.h"
#include "interp/x86/ops_misc.h"
#include "interp/x86/strings.h"

/* --- sizes --- */

/* Operand size of stack and near-branch instructions: 64 bits by default in 64-bit mode. */
static unsigned int stack_size(const struct x86_insn *i)
{
	if (i->mode & MODE_64)
		return i->opsize_prefix && !(i->rex & 8) ? 1 : 3;
	return i->opsize;
}

/* Near branches ignore the operand-size prefix in 64-bit mode. */
static unsigned int branch_size(const struct x86_insn *i)
{
	return i->mode & MODE_64 ? 3 : i->opsize;
}

static enum stack_kind stack_kind(const struct x86_insn *i, unsigned int log2)
{
	if (i->mode & MODE_64)
		return log2 == 3 ? STACK_64 : STACK_SG;
	if (i->mode & MODE_FLAT && i->mode & MODE_SS32 && log2 == 2)
		return STACK_F32;
	return STACK_SG;
}

/* An op that pushes or pops. */
static struct op *emit_stack(struct x86_insn *i, handler_fn *fn)
{
	struct op *op = emit(i, fn);

	emit_info(i)->leaves = true;
	i->b->accesses++;
	return op;
}

/* --- the stack --- */

static void emit_push_reg(struct x86_insn *i, u8 reg)
{
	unsigned int log2 = stack_size(i);
	struct op *op = emit_stack(i, x86_push_r[stack_kind(i, log2)]);

	op->a = reg;
	op->s = (u8)log2;
}

void emit_push(struct x86_insn *i)
{
	emit_push_reg(i, REG(opcode_reg(i)));
}

/* 68, 6A */
void emit_push_imm(struct x86_insn *i)
{
	unsigned int log2 = stack_size(i);
	u64 imm = i->opcode == 0x6a ? insn_imm(i, 0) : insn_imm(i, log2);
	struct op *op = emit_stack(i, x86_push_i[stack_kind(i, log2)]);

	op->imm = imm;
	op->s = (u8)log2;
}

void emit_pop(struct x86_insn *i)
{
	unsigned int log2 = stack_size(i);
	struct op *op = emit_stack(i, x86_pop_r[stack_kind(i, log2)]);

	op->a = REG(opcode_reg(i));
	op->s = (u8)log2;
}

/* 8F /0: with memory, the address uses the stack pointer as it is after the pop. */
void emit_pop_rm(struct x86_insn *i)
{
	if (i->modrm & 0x38) {
		emit_ud(i);
	} else if (!i->is_mem) {
		unsigned int log2 = stack_size(i);
		struct op *op = emit_stack(i, x86_pop_r[stack_kind(i, log2)]);
		op->a = REG(i->rm);
		op->s = (u8)log2;
	} else {
		emit_call(i, x86_pop_mem)->a = (u8)stack_size(i);
	}
}

void emit_pusha(struct x86_insn *i)
{
	if (i->mode & MODE_64)
		emit_ud(i);
	else
		emit_call(i, i->opcode == 0x60 ? x86_pusha : x86_popa)->a = i->opsize;
}

void emit_enter(struct x86_insn *i)
{
	u64 imm = insn_u16(i);

	imm |= (u64)insn_u8(i) << 16;
	struct op *op = emit_call(i, x86_enter);
	op->a = (u8)stack_size(i);
	op->imm = imm;
}

void emit_leave(struct x86_insn *i)
{
	unsigned int log2 = stack_size(i);

	emit_stack(i, x86_leave[stack_kind(i, log2)])->s = (u8)log2;
}

/* --- control flow --- */

static u64 branch_target(const struct x86_insn *i, u64 offset)
{
	u64 pc = insn_next_pc(i) + offset;
	unsigned int log2 = branch_size(i);

	return log2 == 3 ? pc : log2 == 2 ? (u32)pc : (u16)pc;
}

static void set_branch(struct x86_insn *i, struct op *op, u64 target, unsigned int insns)
{
	op->imm = target;
	op->s = insn_linkable(i, target);
	emit_info(i)->branch = (u8)insns;
	emit_info(i)->leaves = true;
}

/* Where the target is beyond the code segment, an op that raises if the branch is taken. */
static bool emit_beyond(struct x86_insn *i, u64 target, unsigned int kind)
{
	if (i->mode & (MODE_64 | MODE_FLAT) || target <= i->c->seg[CS].limit)
		return false;
	struct op *op = emit_call(i, x86_branch_beyond);
	op->a = (u8)kind;
	op->b = i->asize;
	return true;
}

void emit_jmp(struct x86_insn *i)
{
	u64 offset = i->opcode == 0xeb ? insn_imm(i, 0) : insn_imm(i, branch_size(i));
	u64 target = branch_target(i, offset);

	if (!emit_beyond(i, target, 16))
		set_branch(i, emit(i, x86_op_jmp), target, 1);
	i->end = true;
}

void emit_call_rel(struct x86_insn *i)
{
	unsigned int log2 = branch_size(i);
	u64 offset = insn_imm(i, log2);
	u64 target = branch_target(i, offset);

	i->end = true;
	if (emit_beyond(i, target, 17)) {
		i->b->ops[i->b->op_count - 1].imm = insn_next_pc(i);
		i->b->ops[i->b->op_count - 1].x = (u8)log2;
		return;
	}
	struct op *op = emit_stack(i, x86_call[stack_kind(i, log2)]);
	op->a = (u8)log2;
	op->disp = (s32)(insn_next_pc(i) - target);
	set_branch(i, op, target, 1);
}

/* Fused forms of one operand size: that of `fn` and a branch on `cc`, or NULL. */
static handler_fn *fused_compare(const struct int_handlers *h, handler_fn *fn, unsigned int cc)
{
	if (fn == h->alu_rr[ALU_CMP][1])
		return h->cmp_jcc_rr[cc];
	if (fn == h->alu_ri[ALU_CMP][1])
		return h->cmp_jcc_ri[cc];
	if (fn == h->alu_rr[ALU_TEST][1])
		return h->test_jcc_rr[cc];
	if (fn == h->alu_ri[ALU_TEST][1])
		return h->test_jcc_ri[cc];
	return NULL;
}

static handler_fn *fused_result(const struct int_handlers *h, handler_fn *fn, unsigned int cc)
{
	static const enum alu_kind kinds[] = {ALU_ADD, ALU_SUB, ALU_AND};
	unsigned int slot = (cc & 1) | (cc & 8) >> 2;

	if ((cc & 6) != (cc & 8 ? 0 : 4))
		return NULL;
	for (unsigned int n = 0; n < sizeof(kinds) / sizeof(kinds[0]); n++) {
		if (fn == h->alu_rr[kinds[n]][1])
			return h->alu_jcc_rr[kinds[n]][slot];
		if (fn == h->alu_ri[kinds[n]][1])
			return h->alu_jcc_ri[kinds[n]][slot];
	}
	if (fn == h->unary_r[UNARY_INC][1])
		return h->unary_jcc[UNARY_INC][slot];
	if (fn == h->unary_r[UNARY_DEC][1])
		return h->unary_jcc[UNARY_DEC][slot];
	return NULL;
}

/* The handler that does the arithmetic of the previous instruction and a branch in one, or NULL;
 * `*op` is that instruction's op. */
static handler_fn *fused_handler(struct x86_insn *i, unsigned int cc, struct op **op)
{
	static const u8 sizes[] = {2, 3, 0};
	struct block_builder *b = i->b;
	handler_fn *fused = NULL;

	if (!b->op_count || b->where[b->op_count - 1].insn + 1u != b->insns || i->mode & MODE_TF)
		return NULL;
	*op = &b->ops[b->op_count - 1];
	for (unsigned int n = 0; n < sizeof(sizes) && !fused; n++) {
		fused = fused_compare(x86_int(sizes[n]), (*op)->fn, cc);
		if (!fused)
			fused = fused_result(x86_int(sizes[n]), (*op)->fn, cc);
	}
	return fused;
}

void emit_jcc(struct x86_insn *i)
{
	unsigned int cc = i->opcode & 15;
	u64 offset = i->map == 0 ? insn_imm(i, 0) : insn_imm(i, branch_size(i));
	u64 target = branch_target(i, offset);
	struct op *op;

	if (emit_beyond(i, target, cc))
		return;
	handler_fn *fused = fused_handler(i, cc, &op);
	if (fused) {
		op->fn = fused;
		op->disp = (s32)op->imm;
		emit_info(i)->no_flags = NULL;
		set_branch(i, op, target, 2);
	} else {
		set_branch(i, emit(i, x86_jcc[cc]), target, 1);
	}
}

/* E0-E3 */
void emit_loop(struct x86_insn *i)
{
	u64 target = branch_target(i, insn_imm(i, 0));

	if (emit_beyond(i, target, 32 + (i->opcode & 3)))
		return;
	struct op *op = emit(i, x86_loop[i->opcode & 3]);
	op->a = i->asize;
	set_branch(i, op, target, 1);
}

void emit_ret(struct x86_insn *i)
{
	unsigned int log2 = branch_size(i);
	u64 release = i->opcode == 0xc2 ? insn_u16(i) : 0;
	struct op *op = emit_stack(i, x86_ret[stack_kind(i, log2)]);

	op->imm = release;
	op->s = (u8)log2;
	i->end = true;
}

/* FF /2, /4: the operand in a register slot of full width. */
static u8 branch_operand(struct x86_insn *i, unsigned int log2)
{
	u8 operand = load_rm(i, log2);

	if (!i->is_mem && log2 != 3) { /* cut to its width */
		struct op *op = emit(i, log2 == 1 ? x86_int64.movzx16_rr : x86_int32.mov_rr);
		op->a = REG_TMP0;
		op->b = operand;
		return REG_TMP0;
	}
	return operand;
}

/* FE, FF */
void emit_group5(struct x86_insn *i)
{
	unsigned int log2 = insn_size(i), reg = i->modrm >> 3 & 7;
	struct op *op;

	if (reg < 2) {
		emit_unary(i, reg ? UNARY_DEC : UNARY_INC, log2);
		return;
	}
	if (i->opcode == 0xfe) {
		emit_ud(i);
		return;
	}
	switch (reg) {
	case 2: {
		u8 target = branch_operand(i, branch_size(i));
		op = emit_stack(i, x86_call_r[stack_kind(i, branch_size(i))]);
		op->a = target;
		op->s = (u8)branch_size(i);
		op->imm = insn_next_pc(i);
		i->end = true;
		break;
	}
	case 4: {
		u8 target = branch_operand(i, branch_size(i));
		emit(i, i->mode & (MODE_64 | MODE_FLAT) ? x86_op_jmp_r : x86_op_jmp_r_sg)->a =
			target;
		emit_info(i)->leaves = true;
		i->end = true;
		break;
	}
	case 3:
	case 5: x86_emit_far_indirect(i); break;
	case 6: emit_push_reg(i, load_rm(i, stack_size(i))); break;
	default: emit_ud(i); break;
	}
}

/* --- strings --- */

void emit_string(struct x86_insn *i)
{
	static x86_helper *const helpers[8] = {x86_movs, x86_cmps, NULL,    x86_stos,
					       x86_lods, x86_scas, x86_ins, x86_outs};
	unsigned int which =
		i->opcode >= 0xa4 ? (i->opcode >> 1 & 7) - 2u : 6u + (i->opcode >> 1 & 1);
	enum x86_rep rep = i->rep == 0xf3 ? REP_E : i->rep == 0xf2 ? REP_NE : REP_NONE;
	unsigned int log2 = insn_size(i), seg = i->seg >= 0 ? (unsigned int)i->seg : DS;
	bool is_io = which >= 6;

	if (is_io && log2 == 3)
		log2 = 2;
	if (i->mode & MODE_64 && seg != FS && seg != GS)
		seg = SEG_FLAT;
	/* Stores may hit the instruction itself, ports may change anything: it restarts by its pc.
	 */
	struct op *op = emit_call(i, helpers[which & 7]);
	op->b = STRING_B(log2, rep);
	op->s = S_MAKE(0, seg, i->asize, i->mode & MODE_64);
}
