/*
 * Emit functions of the integer instructions: which handler an opcode and its operands select.
 * Opcode maps: Intel SDM volume 2, appendix A, tables.
 */
#include "interp/x86/emit_int.h"

#include "interp/x86/ops_int.h"
#include "interp/x86/ops_misc.h"

#define NO_CARRY (FLAGS_ARITH & ~FLAG_CF)

/* --- helpers --- */

/* Size of the operand: bit 0 of most opcodes tells bytes from words. */
unsigned int insn_size(const struct x86_insn *i)
{
	return i->opcode & 1 ? i->opsize : 0;
}

static void set_flags(struct x86_insn *i, u32 reads, u32 writes, handler_fn *no_flags)
{
	struct op_info *info = emit_info(i);

	info->reads = reads;
	info->writes = info->may_write = writes;
	info->no_flags = no_flags;
}

/* Register number of the opcode's low bits. */
unsigned int opcode_reg(const struct x86_insn *i)
{
	return (i->opcode & 7) | (i->rex & 1) << 3;
}

static u8 reg_operand(const struct x86_insn *i, unsigned int log2)
{
	return reg_of_size(i, log2, i->reg);
}

static u8 rm_operand(const struct x86_insn *i, unsigned int log2)
{
	return reg_of_size(i, log2, i->rm);
}

/* The r/m operand's register, or TMP0 loaded from memory. */
u8 load_rm(struct x86_insn *i, unsigned int log2)
{
	if (!i->is_mem)
		return rm_operand(i, log2);
	emit_mem(i, x86_int(log2)->load_tmp);
	return REG_TMP0;
}

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

static void emit_alu(struct x86_insn *i)
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
static void emit_group1(struct x86_insn *i)
{
	unsigned int log2 = insn_size(i);
	u64 imm = i->opcode == 0x81 ? insn_imm(i, log2) : insn_imm(i, 0);

	emit_alu_rm_imm(i, i->modrm >> 3 & 7, log2, imm);
}

static void emit_test(struct x86_insn *i)
{
	emit_alu_rm_r(i, ALU_TEST, insn_size(i));
}

static void emit_test_acc(struct x86_insn *i)
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
static void emit_group3(struct x86_insn *i)
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
static void emit_inc_dec(struct x86_insn *i)
{
	i->rm = i->opcode & 7;
	emit_unary(i, i->opcode & 8 ? UNARY_DEC : UNARY_INC, i->opsize);
}

static void emit_imul(struct x86_insn *i)
{
	u8 operand = load_rm(i, i->opsize);
	const struct int_handlers *h = x86_int(i->opsize);
	struct op *op = emit(i, h->imul_rr[1]);

	op->a = REG(i->reg);
	op->b = operand;
	set_flags(i, 0, FLAGS_ARITH, h->imul_rr[0]);
}

static void emit_imul_imm(struct x86_insn *i)
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
static void emit_group2(struct x86_insn *i)
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
static void emit_double_shift(struct x86_insn *i)
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

/* --- moves --- */

static void emit_mov_rm_r(struct x86_insn *i)
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

static void emit_mov_r_rm(struct x86_insn *i)
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
static void emit_mov_rm_imm(struct x86_insn *i)
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
static void emit_mov_r_imm(struct x86_insn *i)
{
	unsigned int log2 = i->opcode & 8 ? i->opsize : 0;
	u64 imm = log2 == 3 ? insn_u64(i) : insn_imm(i, log2);
	struct op *op = emit(i, x86_int(log2)->mov_ri);

	op->a = reg_of_size(i, log2, opcode_reg(i));
	op->imm = imm;
}

/* A0-A3 */
static void emit_mov_moffs(struct x86_insn *i)
{
	unsigned int log2 = insn_size(i);
	const struct int_handlers *h = x86_int(log2);

	insn_set_moffs(i);
	emit_mem(i, i->opcode & 2 ? h->mov_mr : h->mov_rm)->a = REG(RAX);
}

static void emit_extend(struct x86_insn *i)
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
static void emit_movsxd(struct x86_insn *i)
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

static void emit_lea(struct x86_insn *i)
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

static void emit_xchg(struct x86_insn *i)
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
static void emit_xchg_acc(struct x86_insn *i)
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

static void emit_cmov(struct x86_insn *i)
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

static void emit_setcc(struct x86_insn *i)
{
	emit(i, x86_setcc[i->opcode & 15])->a = i->is_mem ? REG_TMP0 : rm_operand(i, 0);
	emit_info(i)->reads = FLAGS_ARITH;
	if (i->is_mem)
		emit_store_tmp(i, 0);
}

static void emit_movbe(struct x86_insn *i)
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
static void emit_group8(struct x86_insn *i)
{
	unsigned int n = insn_u8(i), reg = i->modrm >> 3 & 7;

	if (reg < 4)
		emit_ud(i);
	else
		emit_bit_imm(i, reg - 4, n);
}

static void emit_bit_reg(struct x86_insn *i)
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
static void emit_scan(struct x86_insn *i)
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

static void emit_bswap(struct x86_insn *i)
{
	/* Of 16 bits it is undefined; processors clear the word. */
	if (i->opsize == 1) {
		struct op *op = emit(i, x86_int16.mov_ri);
		op->a = REG(opcode_reg(i));
		return;
	}
	emit(i, x86_int(i->opsize)->bswap)->a = REG(opcode_reg(i));
}

static void emit_xadd(struct x86_insn *i)
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

static void emit_cmpxchg(struct x86_insn *i)
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
static void emit_group9(struct x86_insn *i)
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

/* --- the rest --- */

static void emit_simple(struct x86_insn *i, handler_fn *fn)
{
	emit(i, fn);
}

static void emit_cbw(struct x86_insn *i)
{
	emit_simple(i, i->opsize == 1 ? x86_op_cbw : i->opsize == 2 ? x86_op_cwde : x86_op_cdqe);
}

static void emit_cwd(struct x86_insn *i)
{
	emit_simple(i, i->opsize == 1 ? x86_op_cwd : i->opsize == 2 ? x86_op_cdq : x86_op_cqo);
}

static void emit_nop(struct x86_insn *i)
{
	emit_simple(i, x86_op_nop);
}

static void emit_flag(struct x86_insn *i)
{
	switch (i->opcode) {
	case 0xf5: emit_simple(i, x86_op_cmc); break;
	case 0xf8: emit_simple(i, x86_op_clc); break;
	case 0xf9: emit_simple(i, x86_op_stc); break;
	case 0xfc: emit_simple(i, x86_op_cld); return;
	default: emit_simple(i, x86_op_std); return;
	}
	emit_info(i)->reads = FLAGS_ARITH;
}

static void emit_ahf(struct x86_insn *i)
{
	if (i->mode & MODE_64 && !x86_has(i->c, FEAT_8000_0001_ECX, 0)) {
		emit_ud(i);
		return;
	}
	emit_simple(i, i->opcode == 0x9e ? x86_op_sahf : x86_op_lahf);
	emit_info(i)->reads = FLAGS_ARITH;
}

/* 27, 2F, 37, 3F, D4, D5, D6: not in 64-bit mode. */
static void emit_decimal(struct x86_insn *i)
{
	u8 base = (i->opcode & 0xfe) == 0xd4 ? insn_u8(i) : 0;

	if (i->mode & MODE_64) {
		emit_ud(i);
		return;
	}
	switch (i->opcode) {
	case 0x27: emit_call(i, x86_daa); break;
	case 0x2f: emit_call(i, x86_das); break;
	case 0x37: emit_call(i, x86_aaa); break;
	case 0x3f: emit_call(i, x86_aas); break;
	case 0xd4: emit_call(i, x86_aam)->imm = base; break;
	case 0xd5: emit_call(i, x86_aad)->imm = base; break;
	default:
		emit_simple(i, x86_op_salc);
		emit_info(i)->reads = FLAGS_ARITH;
		break;
	}
}

static void emit_xlat(struct x86_insn *i)
{
	unsigned int seg = i->seg >= 0 ? (unsigned int)i->seg : DS;

	if (i->mode & MODE_64 && seg != FS && seg != GS)
		seg = SEG_FLAT;
	emit_call(i, x86_xlat)->s = S_MAKE(0, seg, i->asize, i->mode & MODE_64);
}

/* --- opcode maps --- */

static x86_emit_fn *lookup_one_byte(const struct x86_insn *i, unsigned int *encoding)
{
	u8 op = i->opcode;
	bool is64 = i->mode & MODE_64;

	if (op < 0x40 && (op & 7) < 6) {
		*encoding = (op & 4) ? 0 : ENC_MODRM;
		return emit_alu;
	}
	if (op >= 0x40 && op < 0x50)
		return is64 ? NULL : emit_inc_dec;
	if (op >= 0x50 && op < 0x60)
		return op < 0x58 ? emit_push : emit_pop;
	if (op >= 0x70 && op < 0x80)
		return emit_jcc;
	if (op >= 0x90 && op < 0x98)
		return emit_xchg_acc;
	if (op >= 0xb0 && op < 0xc0)
		return emit_mov_r_imm;
	*encoding = ENC_MODRM;
	switch (op) {
	case 0x63: return is64 ? emit_movsxd : NULL;
	case 0x69:
	case 0x6b: return emit_imul_imm;
	case 0x82: return is64 ? NULL : emit_group1;
	case 0x80:
	case 0x81:
	case 0x83: return emit_group1;
	case 0x84:
	case 0x85: return emit_test;
	case 0x86:
	case 0x87: return emit_xchg;
	case 0x88:
	case 0x89: return emit_mov_rm_r;
	case 0x8a:
	case 0x8b: return emit_mov_r_rm;
	case 0x8d: return emit_lea;
	case 0x8f: return emit_pop_rm;
	case 0xc0:
	case 0xc1:
	case 0xd0:
	case 0xd1:
	case 0xd2:
	case 0xd3: return emit_group2;
	case 0xc6:
	case 0xc7: return emit_mov_rm_imm;
	case 0xf6:
	case 0xf7: return emit_group3;
	case 0xfe:
	case 0xff: return emit_group5;
	default: break;
	}
	*encoding = 0;
	switch (op) {
	case 0x27:
	case 0x2f:
	case 0x37:
	case 0x3f:
	case 0xd4:
	case 0xd5:
	case 0xd6: return emit_decimal;
	case 0x60:
	case 0x61: return emit_pusha;
	case 0x68:
	case 0x6a: return emit_push_imm;
	case 0x6c:
	case 0x6d:
	case 0x6e:
	case 0x6f:
	case 0xa4:
	case 0xa5:
	case 0xa6:
	case 0xa7:
	case 0xaa:
	case 0xab:
	case 0xac:
	case 0xad:
	case 0xae:
	case 0xaf: return emit_string;
	case 0x98: return emit_cbw;
	case 0x99: return emit_cwd;
	case 0x9e:
	case 0x9f: return emit_ahf;
	case 0xa0:
	case 0xa1:
	case 0xa2:
	case 0xa3: return emit_mov_moffs;
	case 0xa8:
	case 0xa9: return emit_test_acc;
	case 0xc2:
	case 0xc3: return emit_ret;
	case 0xc8: return emit_enter;
	case 0xc9: return emit_leave;
	case 0xd7: return emit_xlat;
	case 0xe0:
	case 0xe1:
	case 0xe2:
	case 0xe3: return emit_loop;
	case 0xe8: return emit_call_rel;
	case 0xe9:
	case 0xeb: return emit_jmp;
	case 0xf5:
	case 0xf8:
	case 0xf9:
	case 0xfc:
	case 0xfd: return emit_flag;
	default: return NULL;
	}
}

static x86_emit_fn *lookup_two_byte(const struct x86_insn *i, unsigned int *encoding)
{
	u8 op = i->opcode;

	if (op >= 0x80 && op < 0x90)
		return emit_jcc;
	if (op >= 0xc8 && op < 0xd0)
		return emit_bswap;
	*encoding = ENC_MODRM;
	if (op >= 0x40 && op < 0x50)
		return x86_has(i->c, FEAT_1_EDX, 15) ? emit_cmov : NULL;
	if (op >= 0x90 && op < 0xa0)
		return emit_setcc;
	switch (op) {
	case 0x19:
	case 0x1a:
	case 0x1b:
	case 0x1c:
	case 0x1d:
	case 0x1e:
	case 0x1f: return emit_nop;
	case 0xa3:
	case 0xab:
	case 0xb3:
	case 0xbb: return emit_bit_reg;
	case 0xa4:
	case 0xa5:
	case 0xac:
	case 0xad: return emit_double_shift;
	case 0xaf: return emit_imul;
	case 0xb0:
	case 0xb1: return emit_cmpxchg;
	case 0xb6:
	case 0xb7:
	case 0xbe:
	case 0xbf: return emit_extend;
	case 0xb8:
	case 0xbc:
	case 0xbd: return emit_scan;
	case 0xba: return emit_group8;
	case 0xc0:
	case 0xc1: return emit_xadd;
	case 0xc7: return emit_group9;
	default: *encoding = 0; return NULL;
	}
}

x86_emit_fn *x86_int_lookup(const struct x86_insn *i, unsigned int *encoding)
{
	*encoding = 0;
	switch (i->map) {
	case 0: return lookup_one_byte(i, encoding);
	case 1: return lookup_two_byte(i, encoding);
	case 2:
		*encoding = ENC_MODRM;
		return (i->opcode & 0xfe) == 0xf0 && i->rep != 0xf2 ? emit_movbe : NULL;
	default: return NULL;
	}
}
