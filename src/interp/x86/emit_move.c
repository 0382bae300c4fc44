/* Emit functions of moves, of single bits and of atomic operations. */
#include "interp/x86/emit_int.h"

#include "interp/x86/ops_int.h"
#include "interp/x86/ops_misc.h"

/* --- moves --- */

void emit_mov_rm_r(struct x86_insn *i)
{
	unsigned int log2 = insn_size(i);
	const struct int_handlers *h = x86_int(log2);
	struct op *op;

	if (i->is_mem) {
		emit_mem(i, h->mov_mr)->a = reg_operand(i, log2);
		return;
	}
	op = emit(i, h->mov_rr);
	op->a = rm_operand(i, log2);
	op->b = reg_operand(i, log2);
}

void emit_mov_r_rm(struct x86_insn *i)
{
	unsigned int log2 = insn_size(i);
	const struct int_handlers *h = x86_int(log2);
	struct op *op;

	if (i->is_mem) {
		emit_mem(i, h->mov_rm)->a = reg_operand(i, log2);
		return;
	}
	op = emit(i, h->mov_rr);
	op->a = reg_operand(i, log2);
	op->b = rm_operand(i, log2);
}

/* C6, C7 */
void emit_mov_rm_imm(struct x86_insn *i)
{
	unsigned int log2 = insn_size(i);
	const struct int_handlers *h = x86_int(log2);
	u64 imm = insn_imm(i, log2);
	struct op *op;

	if (i->modrm & 0x38) {
		emit_ud(i);
		return;
	}
	op = i->is_mem ? emit_mem(i, h->mov_mi) : emit(i, h->mov_ri);
	if (!i->is_mem)
		op->a = rm_operand(i, log2);
	op->imm = imm;
}

/* B0-BF */
void emit_mov_r_imm(struct x86_insn *i)
{
	unsigned int log2 = i->opcode & 8 ? i->opsize : 0;
	u64 imm = log2 == 3 ? insn_u64(i) : insn_imm(i, log2);
	struct op *op = emit(i, x86_int(log2)->mov_ri);

	op->a = reg_of_size(i, log2, opcode_reg(i));
	op->imm = imm;
}

/* A0-A3 */
void emit_mov_moffs(struct x86_insn *i)
{
	unsigned int log2 = insn_size(i);
	const struct int_handlers *h = x86_int(log2);

	insn_set_moffs(i);
	emit_mem(i, i->opcode & 2 ? h->mov_mr : h->mov_rm)->a = REG(RAX);
}

void emit_extend(struct x86_insn *i)
{
	const struct int_handlers *h = x86_int(i->opsize);
	bool word = i->opcode & 1, is_signed = i->opcode & 8;
	struct op *op;

	if (i->is_mem) {
		handler_fn *const *fns = word ? (is_signed ? h->movsx16_rm : h->movzx16_rm)
					      : (is_signed ? h->movsx8_rm : h->movzx8_rm);
		emit_mem(i, fns)->a = REG(i->reg);
		return;
	}
	op = emit(i, word ? (is_signed ? h->movsx16_rr : h->movzx16_rr)
			  : (is_signed ? h->movsx8_rr : h->movzx8_rr));
	op->a = REG(i->reg);
	op->b = word ? REG(i->rm) : reg8(i, i->rm);
}

/* 63 in 64-bit mode: sign-extends 32 bits to the operand size. */
void emit_movsxd(struct x86_insn *i)
{
	struct op *op;

	if (i->opsize != 3) {
		i->opcode = 0x8b;
		emit_mov_r_rm(i);
		return;
	}
	u8 operand = load_rm(i, 2);
	op = emit(i, x86_op_movsxd);
	op->a = REG(i->reg);
	op->b = operand;
}

void emit_lea(struct x86_insn *i)
{
	struct op *op;

	if (!i->is_mem) {
		emit_ud(i);
		return;
	}
	if (i->is_absolute) {
		op = emit(i, x86_int(i->opsize)->mov_ri);
		op->a = REG(i->reg);
		op->imm = i->absolute;
		if (i->rip_relative)
			op->imm += insn_next_pc(i);
		op->imm &= ea_mask(i->asize);
		return;
	}
	op = emit(i, x86_int(i->opsize)->lea);
	op->a = REG(i->reg);
	op->b = i->base;
	op->x = i->index;
	op->disp = i->disp;
	op->s = S_MAKE(i->scale, i->mem_seg, i->asize, i->mode & MODE_64);
}

void emit_xchg(struct x86_insn *i)
{
	unsigned int log2 = insn_size(i);
	const struct int_handlers *h = x86_int(log2);
	struct op *op;

	if (i->is_mem) {
		i->lock = false;
		emit_mem_sg(i, h->xchg_mr)->a = reg_operand(i, log2);
		return;
	}
	op = emit(i, h->xchg_rr);
	op->a = rm_operand(i, log2);
	op->b = reg_operand(i, log2);
}

/* 90-97; 90 is NOP (and PAUSE) unless REX.B names R8. */
void emit_xchg_acc(struct x86_insn *i)
{
	struct op *op;

	if (opcode_reg(i) == RAX) {
		emit(i, x86_op_nop);
		return;
	}
	op = emit(i, x86_int(i->opsize)->xchg_rr);
	op->a = REG(RAX);
	op->b = REG(opcode_reg(i));
}

void emit_cmov(struct x86_insn *i)
{
	const struct int_handlers *h = x86_int(i->opsize);
	unsigned int cc = i->opcode & 15;

	if (i->is_mem) {
		emit_mem_sg(i, h->cmov_rm[cc])->a = REG(i->reg);
	} else {
		struct op *op = emit(i, h->cmov_rr[cc]);
		op->a = REG(i->reg);
		op->b = REG(i->rm);
	}
	emit_info(i)->reads = FLAGS_ARITH;
}

/* Stores the byte or word in TMP0. */
static void emit_store_tmp(struct x86_insn *i, unsigned int log2)
{
	emit_mem(i, x86_int(log2)->mov_mr)->a = REG_TMP0;
}

void emit_setcc(struct x86_insn *i)
{
	emit(i, x86_setcc[i->opcode & 15])->a = i->is_mem ? REG_TMP0 : rm_operand(i, 0);
	emit_info(i)->reads = FLAGS_ARITH;
	if (i->is_mem)
		emit_store_tmp(i, 0);
}

void emit_movbe(struct x86_insn *i)
{
	bool store = i->opcode == 0xf1;
	struct op *op;

	if (!i->is_mem || i->rep == 0xf2 || !x86_has(i->c, FEAT_1_ECX, 22)) {
		emit_ud(i);
		return;
	}
	if (!store)
		load_rm(i, i->opsize);
	op = emit(i, x86_op_movbe);
	op->a = store ? REG_TMP0 : REG(i->reg);
	op->b = store ? REG(i->reg) : REG_TMP0;
	op->x = i->opsize;
	if (store)
		emit_store_tmp(i, i->opsize);
}

/* --- bits --- */

static void emit_bit_imm(struct x86_insn *i, enum bit_kind kind, unsigned int n)
{
	const struct int_handlers *h = x86_int(i->opsize);
	struct op *op;

	if (!i->is_mem) {
		op = emit(i, h->bit_ri[kind]);
		op->a = REG(i->rm);
		op->imm = n;
	} else if (kind == BIT_T) { /* a plain load: the page may be read-only */
		emit_mem(i, h->load_tmp);
		op = emit(i, h->bit_ri[kind]);
		op->a = REG_TMP0;
		op->imm = n;
	} else {
		i->lock = false;
		emit_mem_sg(i, h->bit_mi[kind])->imm = n;
	}
}

/* 0F BA */
void emit_group8(struct x86_insn *i)
{
	unsigned int n = insn_u8(i), reg = i->modrm >> 3 & 7;

	if (reg < 4)
		emit_ud(i);
	else
		emit_bit_imm(i, reg - 4, n);
}

void emit_bit_reg(struct x86_insn *i)
{
	enum bit_kind kind = i->opcode >> 3 & 3;
	struct op *op;

	if (!i->is_mem) {
		op = emit(i, x86_int(i->opsize)->bit_rr[kind]);
		op->a = REG(i->rm);
		op->b = REG(i->reg);
		return;
	}
	op = emit_call(i, x86_bit_mr);
	op->a = REG(i->reg);
	op->imm = i->opsize | (u64)kind << 8 | (u64)i->lock << 16;
	if (kind != BIT_T)
		i->lock = false;
}

/* BSF, BSR and POPCNT (F3 B8); F3 before the first two is ignored where there is no TZCNT. */
void emit_scan(struct x86_insn *i)
{
	const struct int_handlers *h = x86_int(i->opsize);
	bool popcnt = i->opcode == 0xb8;
	struct op *op;

	if (popcnt && (i->rep != 0xf3 || !x86_has(i->c, FEAT_1_ECX, 23))) {
		emit_ud(i);
		return;
	}
	u8 operand = load_rm(i, i->opsize);
	op = emit(i, popcnt ? h->popcnt : i->opcode == 0xbc ? h->bsf : h->bsr);
	op->a = REG(i->reg);
	op->b = operand;
	set_flags(i, 0, FLAGS_ARITH, NULL);
}

void emit_bswap(struct x86_insn *i)
{
	/* Of 16 bits it is undefined; processors clear the word. */
	if (i->opsize == 1) {
		struct op *op = emit(i, x86_int16.mov_ri);
		op->a = REG(opcode_reg(i));
		return;
	}
	emit(i, x86_int(i->opsize)->bswap)->a = REG(opcode_reg(i));
}

void emit_xadd(struct x86_insn *i)
{
	unsigned int log2 = insn_size(i);
	const struct int_handlers *h = x86_int(log2);
	struct op *op;

	if (i->is_mem) {
		i->lock = false;
		emit_mem_sg(i, h->xadd_mr)->a = reg_operand(i, log2);
		return;
	}
	op = emit(i, h->xadd_rr);
	op->a = rm_operand(i, log2);
	op->b = reg_operand(i, log2);
	set_flags(i, 0, FLAGS_ARITH, NULL);
}

void emit_cmpxchg(struct x86_insn *i)
{
	unsigned int log2 = insn_size(i);
	const struct int_handlers *h = x86_int(log2);
	struct op *op;

	if (i->is_mem) {
		i->lock = false;
		emit_mem_sg(i, h->cmpxchg_mr)->a = reg_operand(i, log2);
		return;
	}
	op = emit(i, h->cmpxchg_rr);
	op->a = rm_operand(i, log2);
	op->b = reg_operand(i, log2);
	set_flags(i, 0, FLAGS_ARITH, NULL);
}

/* 0F C7 /1 with memory; the others are not ours. */
void emit_group9(struct x86_insn *i)
{
	bool wide = i->opsize == 3;
	bool known = wide ? x86_has(i->c, FEAT_1_ECX, 13) : x86_has(i->c, FEAT_1_EDX, 8);

	if (!i->is_mem || (i->modrm >> 3 & 7) != 1 || !known) {
		emit_ud(i);
		return;
	}
	i->lock = false;
	emit_call(i, wide ? x86_cmpxchg16b : x86_cmpxchg8b);
}
