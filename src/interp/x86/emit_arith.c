/* Emit functions of arithmetic, shifts and rotations. */
#include "interp/x86/emit_int.h"

#include "interp/x86/ops_int.h"
#include "interp/x86/ops_misc.h"

#define NO_CARRY (FLAGS_ARITH & ~FLAG_CF)

/* --- arithmetic --- */

static u32 alu_reads(enum alu_kind kind)
{
	return kind == ALU_ADC || kind == ALU_SBB ? FLAG_CF : 0;
}

static bool alu_writes_operand(enum alu_kind kind)
{
	return kind != ALU_CMP && kind != ALU_TEST;
}

static void alu_flags(struct x86_insn *i, enum alu_kind kind, handler_fn *no_flags)
{
	set_flags(i, alu_reads(kind), FLAGS_ARITH, alu_writes_operand(kind) ? no_flags : NULL);
}

static void emit_alu_rr(struct x86_insn *i, enum alu_kind kind, unsigned int log2, u8 a, u8 b)
{
	const struct int_handlers *h = x86_int(log2);
	struct op *op = emit(i, h->alu_rr[kind][1]);

	op->a = a;
	op->b = b;
	alu_flags(i, kind, h->alu_rr[kind][0]);
}

static void emit_alu_ri(struct x86_insn *i, enum alu_kind kind, unsigned int log2, u8 a, u64 imm)
{
	const struct int_handlers *h = x86_int(log2);
	struct op *op = emit(i, h->alu_ri[kind][1]);

	op->a = a;
	op->imm = imm;
	alu_flags(i, kind, h->alu_ri[kind][0]);
}

/* The flagless form of a memory op depends on the kind that emit_mem() has chosen. */
static handler_fn *same_kind(const struct op *op, handler_fn *const with[KIND_COUNT],
			     handler_fn *const without[KIND_COUNT])
{
	for (unsigned int k = 0; k < KIND_COUNT; k++) {
		if (op->fn == with[k])
			return without[k];
	}
	return NULL;
}

static struct op *emit_alu_mem(struct x86_insn *i, enum alu_kind kind,
			       handler_fn *const fns[2][KIND_COUNT])
{
	struct op *op = emit_mem(i, fns[1]);

	alu_flags(i, kind, same_kind(op, fns[1], fns[0]));
	return op;
}

static void emit_alu_mr(struct x86_insn *i, enum alu_kind kind, unsigned int log2)
{
	const struct int_handlers *h = x86_int(log2);
	struct op *op;

	if (i->lock && alu_writes_operand(kind)) {
		i->lock = false;
		op = emit_mem_sg(i, h->locked_alu_mr[kind]);
	} else {
		op = emit_alu_mem(i, kind, h->alu_mr[kind]);
	}
	op->a = reg_operand(i, log2);
}

static void emit_alu_mi(struct x86_insn *i, enum alu_kind kind, unsigned int log2, u64 imm)
{
	const struct int_handlers *h = x86_int(log2);
	struct op *op;

	if (i->lock && alu_writes_operand(kind)) {
		i->lock = false;
		op = emit_mem_sg(i, h->locked_alu_mi[kind]);
	} else {
		op = emit_alu_mem(i, kind, h->alu_mi[kind]);
	}
	op->imm = imm;
}

/* r/m, r: 00-3B even columns, TEST 84. */
static void emit_alu_rm_r(struct x86_insn *i, enum alu_kind kind, unsigned int log2)
{
	if (i->is_mem)
		emit_alu_mr(i, kind, log2);
	else
		emit_alu_rr(i, kind, log2, rm_operand(i, log2), reg_operand(i, log2));
}

static void emit_alu_r_rm(struct x86_insn *i, enum alu_kind kind, unsigned int log2)
{
	if (i->is_mem)
		emit_alu_mem(i, kind, x86_int(log2)->alu_rm[kind])->a = reg_operand(i, log2);
	else
		emit_alu_rr(i, kind, log2, reg_operand(i, log2), rm_operand(i, log2));
}

static void emit_alu_rm_imm(struct x86_insn *i, enum alu_kind kind, unsigned int log2, u64 imm)
{
	if (i->is_mem)
		emit_alu_mi(i, kind, log2, imm);
	else
		emit_alu_ri(i, kind, log2, rm_operand(i, log2), imm);
}

void emit_alu(struct x86_insn *i)
{
	enum alu_kind kind = i->opcode >> 3 & 7;
	unsigned int log2 = insn_size(i);

	switch (i->opcode & 6) {
	case 0: emit_alu_rm_r(i, kind, log2); break;
	case 2: emit_alu_r_rm(i, kind, log2); break;
	default: emit_alu_ri(i, kind, log2, REG(RAX), insn_imm(i, log2)); break;
	}
}

/* 80-83 */
void emit_group1(struct x86_insn *i)
{
	unsigned int log2 = insn_size(i);
	u64 imm = i->opcode == 0x81 ? insn_imm(i, log2) : insn_imm(i, 0);

	emit_alu_rm_imm(i, i->modrm >> 3 & 7, log2, imm);
}

void emit_test(struct x86_insn *i)
{
	emit_alu_rm_r(i, ALU_TEST, insn_size(i));
}

void emit_test_acc(struct x86_insn *i)
{
	unsigned int log2 = insn_size(i);
	emit_alu_ri(i, ALU_TEST, log2, REG(RAX), insn_imm(i, log2));
}

void emit_unary(struct x86_insn *i, enum unary_kind kind, unsigned int log2)
{
	const struct int_handlers *h = x86_int(log2);
	u32 writes = kind == UNARY_NOT ? 0 : kind == UNARY_NEG ? FLAGS_ARITH : NO_CARRY;
	u32 reads = kind == UNARY_INC || kind == UNARY_DEC ? FLAG_CF : 0;

	if (!i->is_mem) {
		emit(i, h->unary_r[kind][1])->a = rm_operand(i, log2);
		set_flags(i, reads, writes, h->unary_r[kind][0]);
	} else if (i->lock) {
		i->lock = false;
		emit_mem_sg(i, h->locked_unary[kind]);
	} else {
		struct op *op = emit_mem(i, h->unary_m[kind][1]);
		set_flags(i, reads, writes,
			  same_kind(op, h->unary_m[kind][1], h->unary_m[kind][0]));
	}
}

static void emit_mul_div(struct x86_insn *i, handler_fn *fn, unsigned int log2, bool leaves)
{
	u8 operand = load_rm(i, log2);

	emit(i, fn)->a = operand;
	if (leaves)
		emit_info(i)->leaves = true;
	else
		set_flags(i, 0, FLAGS_ARITH, NULL);
}

/* F6, F7 */
void emit_group3(struct x86_insn *i)
{
	unsigned int log2 = insn_size(i);
	const struct int_handlers *h = x86_int(log2);

	switch (i->modrm >> 3 & 7) {
	case 0:
	case 1: emit_alu_rm_imm(i, ALU_TEST, log2, insn_imm(i, log2)); break;
	case 2: emit_unary(i, UNARY_NOT, log2); break;
	case 3: emit_unary(i, UNARY_NEG, log2); break;
	case 4: emit_mul_div(i, h->mul, log2, false); break;
	case 5: emit_mul_div(i, h->imul, log2, false); break;
	case 6: emit_mul_div(i, h->div, log2, true); break;
	default: emit_mul_div(i, h->idiv, log2, true); break;
	}
}

/* 40-4F outside of 64-bit mode */
void emit_inc_dec(struct x86_insn *i)
{
	i->rm = i->opcode & 7;
	emit_unary(i, i->opcode & 8 ? UNARY_DEC : UNARY_INC, i->opsize);
}

void emit_imul(struct x86_insn *i)
{
	u8 operand = load_rm(i, i->opsize);
	const struct int_handlers *h = x86_int(i->opsize);
	struct op *op = emit(i, h->imul_rr[1]);

	op->a = REG(i->reg);
	op->b = operand;
	set_flags(i, 0, FLAGS_ARITH, h->imul_rr[0]);
}

void emit_imul_imm(struct x86_insn *i)
{
	const struct int_handlers *h = x86_int(i->opsize);
	u64 imm = i->opcode == 0x6b ? insn_imm(i, 0) : insn_imm(i, i->opsize);
	u8 operand = load_rm(i, i->opsize);
	struct op *op = emit(i, h->imul_rri[1]);

	op->a = REG(i->reg);
	op->b = operand;
	op->imm = imm;
	set_flags(i, 0, FLAGS_ARITH, h->imul_rri[0]);
}

/* --- shifts --- */

static u32 shift_writes(enum shift_kind kind)
{
	return kind <= SHIFT_RCR ? FLAG_CF | FLAG_OF : FLAGS_ARITH;
}

static void emit_shift_imm(struct x86_insn *i, enum shift_kind kind, unsigned int log2,
			   unsigned int count)
{
	const struct int_handlers *h = x86_int(log2);
	struct op *op;

	count &= log2 == 3 ? 63 : 31;
	if (i->is_mem) {
		emit_mem_sg(i, h->shift_mi[kind])->imm = count;
		return;
	}
	op = emit(i, h->shift_ri[kind][1]);
	op->a = rm_operand(i, log2);
	op->imm = count;
	if (kind == SHIFT_RCL || kind == SHIFT_RCR)
		set_flags(i, FLAG_CF, 0, NULL);
	else if (count)
		set_flags(i, 0, shift_writes(kind), h->shift_ri[kind][0]);
}

/* By CL: a count of 0 leaves the flags alone, so they are never surely written. */
static void emit_shift_cl(struct x86_insn *i, enum shift_kind kind, unsigned int log2)
{
	const struct int_handlers *h = x86_int(log2);

	if (i->is_mem) {
		emit_mem_sg(i, h->shift_mc[kind]);
		return;
	}
	emit(i, h->shift_rc[kind][1])->a = rm_operand(i, log2);
	if (kind == SHIFT_RCL || kind == SHIFT_RCR) {
		set_flags(i, FLAG_CF, 0, NULL);
	} else {
		struct op_info *info = emit_info(i);
		info->may_write = shift_writes(kind);
		info->no_flags = h->shift_rc[kind][0];
	}
}

/* C0, C1, D0-D3 */
void emit_group2(struct x86_insn *i)
{
	enum shift_kind kind = i->modrm >> 3 & 7;
	unsigned int log2 = insn_size(i);

	if (i->opcode < 0xd0)
		emit_shift_imm(i, kind, log2, insn_u8(i));
	else if (i->opcode < 0xd2)
		emit_shift_imm(i, kind, log2, 1);
	else
		emit_shift_cl(i, kind, log2);
}

/* SHLD, SHRD: a memory destination goes through TMP0 and is stored back. */
void emit_double_shift(struct x86_insn *i)
{
	const struct int_handlers *h = x86_int(i->opsize);
	bool left = i->opcode < 0xa8, by_cl = i->opcode & 1;
	unsigned int count = by_cl ? 0 : insn_u8(i) & (i->opsize == 3 ? 63 : 31);
	struct op *op;

	if (i->is_mem) {
		op = emit_call(i, x86_double_shift_mem);
		op->a = REG(i->reg);
		op->imm = i->opsize | (u64)left << 8 | (u64)by_cl << 9 | (u64)count << 16;
		return;
	}
	if (by_cl)
		op = emit(i, left ? h->shld_rc : h->shrd_rc);
	else
		op = emit(i, left ? h->shld_ri : h->shrd_ri);
	op->a = REG(i->rm);
	op->b = REG(i->reg);
	op->imm = count;
	if (!by_cl && count)
		set_flags(i, 0, FLAGS_ARITH, NULL);
}
