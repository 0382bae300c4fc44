/*
 * Decoding of the x87: opcodes D8 to DF, and FWAIT. Opcode maps: Intel SDM volume 2, tables A-7 to
 * A-22; the aliases that it leaves out are in the AMD64 manual, volume 5, and old ones in that of
 * the 287.
 */
#include "interp/x86/emit_int.h"
#include "interp/x86/fpu.h"
#include "interp/x86/ops_int.h"
#include "interp/x86/ops_x87.h"

/* An op that may raise, with what FSTENV wants to know. */
static struct op *emit_x87(struct x86_insn *i, handler_fn *fn)
{
	struct op *op = emit(i, fn);

	op->imm = i->b->pc + i->b->insn_offset;
	op->imm2 = (u64)((i->opcode & 7) << 8 | i->modrm);
	emit_info(i)->leaves = true;
	return op;
}

static void emit_st(struct x86_insn *i, handler_fn *fn, u8 a, u8 b, u8 pops)
{
	struct op *op = emit_x87(i, fn);

	op->a = a;
	op->b = b;
	op->x = pops;
}

/* A helper, whose imm2 is taken: the op before it waits and notes the instruction. */
static void emit_x87_call(struct x86_insn *i, x86_helper *fn)
{
	emit_x87(i, x86_op_x87_note);
	emit_call(i, fn);
}

static void emit_wait(struct x86_insn *i)
{
	emit(i, x86_op_x87_fwait);
	emit_info(i)->leaves = true;
}

static bool is_386_alias(const struct x86_insn *i)
{
	return i->opcode == 0xdb && (i->modrm == 0xe0 || i->modrm == 0xe1 || i->modrm == 0xe4);
}

/* --- D8, DA, DC, DE with memory --- */

/* In the order of ModRM's reg; the two in between are the comparisons. */
static const s8 arith_kinds[8] = {X87_ADD, X87_MUL, -1, -1, X87_SUB, X87_SUBR, X87_DIV, X87_DIVR};

static void emit_arith_mem(struct x86_insn *i)
{
	static const u8 sources[8] = {X87_F32, 0, X87_I32, 0, X87_F64, 0, X87_I16, 0};
	static const u8 sizes[8] = {X87_32, 0, X87_32, 0, X87_64, 0, X87_16, 0};
	unsigned int which = i->opcode & 7, reg = i->reg & 7;
	u8 source = sources[which];

	emit_mem(i, x86_x87_load[sizes[which]]);
	if (arith_kinds[reg] < 0)
		emit_st(i, x86_x87_com[source], 0, 0, reg & 1);
	else
		emit_st(i, x86_x87_arith[arith_kinds[reg]][source], 0, 0, 0);
}

/* --- D8, DC, DE with registers --- */

static void emit_arith_reg(struct x86_insn *i)
{
	unsigned int reg = i->reg & 7;
	u8 rm = i->rm & 7, pops = i->opcode == 0xde;
	s8 kind = arith_kinds[reg];

	if (kind < 0) {
		/* DC D0+i, DC D8+i and DE D0+i are aliases of FCOM and FCOMP. */
		emit_st(i, x86_x87_com[X87_REG], 0, rm, pops && reg == 3 ? 2 : (pops | (reg & 1)));
	} else if (i->opcode == 0xd8) {
		emit_st(i, x86_x87_arith[kind][X87_REG], 0, rm, 0);
	} else {
		/* Where ST(i) is the destination, the encodings of the reversed forms swap. */
		if (reg >= 4)
			kind = arith_kinds[reg ^ 1];
		emit_st(i, x86_x87_arith[kind][X87_REG], rm, 0, pops);
	}
}

static void emit_arith(struct x86_insn *i)
{
	if (i->is_mem)
		emit_arith_mem(i);
	else if (i->opcode == 0xde && (i->reg & 7) == 3 && (i->rm & 7) != 1)
		emit_ud(i);
	else
		emit_arith_reg(i);
}

/* --- loads and stores --- */

static void emit_load(struct x86_insn *i, enum x87_size size, handler_fn *push)
{
	emit_mem(i, x86_x87_load[size]);
	emit_st(i, push, 0, 0, 0);
}

static void emit_store(struct x86_insn *i, enum x87_store kind, enum x87_size size,
		       unsigned int pops)
{
	struct op *convert = emit_x87(i, x86_x87_convert[kind]);
	struct op *store = emit_mem(i, x86_x87_store[size]);

	store->imm = pops;
	/* Where the conversion must not be stored, it goes on after the store. */
	convert->disp = (s32)(store + 1 - convert);
}

static void emit_store80(struct x86_insn *i)
{
	emit_x87(i, x86_op_x87_note);
	emit_mem(i, x86_x87_store[X87_80]);
}

/* FISTTP, FIST, FISTP: ModRM's reg 1 to 3. */
static void emit_store_int(struct x86_insn *i, enum x87_store kind, enum x87_store trunc,
			   enum x87_size size)
{
	unsigned int reg = i->reg & 7;

	if (reg == 1 && !x86_has(i->c, FEAT_1_ECX, CPUID_1_ECX_SSE3))
		emit_ud(i);
	else
		emit_store(i, reg == 1 ? trunc : kind, size, reg != 2);
}

static void emit_env(struct x86_insn *i, x86_helper *fn, bool waits)
{
	if (waits)
		emit_wait(i);
	emit_call(i, fn)->a = i->opsize;
}

/* FNSTCW and FNSTSW m16 */
static void emit_store_word(struct x86_insn *i, handler_fn *get)
{
	struct op *op;

	emit(i, get);
	op = emit_mem(i, x86_int16.mov_mr);
	op->a = REG_TMP0;
}

static void emit_fldcw(struct x86_insn *i)
{
	emit_wait(i);
	emit_mem(i, x86_int16.load_tmp);
	emit(i, x86_op_x87_fldcw);
	emit_info(i)->leaves = true;
}

static void emit_d9_mem(struct x86_insn *i)
{
	switch (i->reg & 7) {
	case 0: emit_load(i, X87_32, x86_op_x87_push_f32); break;
	case 2: emit_store(i, X87_STORE_F32, X87_32, 0); break;
	case 3: emit_store(i, X87_STORE_F32, X87_32, 1); break;
	case 4: emit_env(i, x87_fldenv, true); break;
	case 5: emit_fldcw(i); break;
	case 6: emit_env(i, x87_fnstenv, false); break;
	case 7: emit_store_word(i, x86_op_x87_get_cw); break;
	default: emit_ud(i);
	}
}

static void emit_db_mem(struct x86_insn *i)
{
	switch (i->reg & 7) {
	case 0: emit_load(i, X87_32, x86_op_x87_push_i32); break;
	case 1:
	case 2:
	case 3: emit_store_int(i, X87_STORE_I32, X87_STORE_I32_TRUNC, X87_32); break;
	case 5: emit_load(i, X87_80, x86_op_x87_push_f80); break;
	case 7: emit_store80(i); break;
	default: emit_ud(i);
	}
}

static void emit_dd_mem(struct x86_insn *i)
{
	switch (i->reg & 7) {
	case 0: emit_load(i, X87_64, x86_op_x87_push_f64); break;
	case 1: emit_store_int(i, X87_STORE_I64, X87_STORE_I64_TRUNC, X87_64); break;
	case 2: emit_store(i, X87_STORE_F64, X87_64, 0); break;
	case 3: emit_store(i, X87_STORE_F64, X87_64, 1); break;
	case 4: emit_env(i, x87_frstor, true); break;
	case 6: emit_env(i, x87_fnsave, false); break;
	case 7: emit_store_word(i, x86_op_x87_get_sw); break;
	default: emit_ud(i);
	}
}

static void emit_df_mem(struct x86_insn *i)
{
	switch (i->reg & 7) {
	case 0: emit_load(i, X87_16, x86_op_x87_push_i16); break;
	case 4: emit_x87_call(i, x87_fbld); break;
	case 5: emit_load(i, X87_64, x86_op_x87_push_i64); break;
	case 6: emit_x87_call(i, x87_fbstp); break;
	case 7: emit_store(i, X87_STORE_I64, X87_64, 1); break;
	default: emit_store_int(i, X87_STORE_I16, X87_STORE_I16_TRUNC, X87_16);
	}
}

/* --- registers --- */

/* The low nibble of D9 E0 to D9 EF. */
static void emit_d9_e(struct x86_insn *i)
{
	unsigned int low = i->modrm & 15;

	switch (low) {
	case 0: emit_st(i, x86_op_x87_sign, 1, 1, 0); break; /* FCHS */
	case 1: emit_st(i, x86_op_x87_sign, 0, 0, 0); break; /* FABS */
	case 4: emit_st(i, x86_op_x87_ftst, 0, 0, 0); break;
	case 5: emit_x87_call(i, x87_fxam); break;
	case 8:
	case 9:
	case 10:
	case 11:
	case 12:
	case 13:
	case 14: emit_st(i, x86_op_x87_push_constant, 0, (u8)(low - 8), 0); break;
	default: emit_ud(i);
	}
}

static void emit_d9_f(struct x86_insn *i)
{
	u8 low = i->modrm & 15;

	switch (low) {
	case 6: emit_st(i, x86_op_x87_move_top, 0, 0, 7); break;
	case 7: emit_st(i, x86_op_x87_move_top, 0, 0, 1); break;
	case X87_SQRT: emit_st(i, x86_op_x87_fsqrt, 0, 0, 0); break;
	case X87_RNDINT: emit_st(i, x86_op_x87_frndint, 0, 0, 0); break;
	default: emit_st(i, x86_op_x87_function, 0, low, 0);
	}
}

static void emit_d9_reg(struct x86_insn *i)
{
	u8 rm = i->rm & 7;

	switch (i->reg & 7) {
	case 0: emit_st(i, x86_op_x87_push_st, 0, rm, 0); break;
	case 1: emit_st(i, x86_op_x87_fxch, rm, 0, 0); break;
	case 2:
		if (rm == 0)
			emit_x87(i, x86_op_x87_fwait); /* FNOP */
		else
			emit_ud(i);
		break;
	case 3: emit_st(i, x86_op_x87_fst, rm, 1, 1); break;
	case 4:
	case 5: emit_d9_e(i); break;
	default: emit_d9_f(i);
	}
}

/* FCMOVcc: B, E, BE, U of DA, their opposites of DB. */
static void emit_fcmov(struct x86_insn *i)
{
	static const u8 conditions[4] = {2, 4, 6, 10};
	u8 condition = conditions[i->reg & 3] | (i->opcode == 0xdb);

	if (!x86_has(i->c, FEAT_1_EDX, CPUID_1_EDX_CMOV)) {
		emit_ud(i);
		return;
	}
	emit_st(i, x86_op_x87_fcmov, 0, i->rm & 7, condition);
	emit_info(i)->reads = FLAGS_ARITH;
}

/* FCOMI, FUCOMI, FCOMIP, FUCOMIP */
static void emit_fcomi(struct x86_insn *i, handler_fn *fn, u8 pops)
{
	if (!x86_has(i->c, FEAT_1_EDX, CPUID_1_EDX_CMOV)) {
		emit_ud(i);
		return;
	}
	emit_st(i, fn, 0, i->rm & 7, pops);
	/* Not where the exception is unmasked, so it does not kill what was there. */
	emit_info(i)->may_write = FLAGS_ARITH;
}

static void emit_da_reg(struct x86_insn *i)
{
	if ((i->reg & 7) < 4)
		emit_fcmov(i);
	else if (i->modrm == 0xe9)
		emit_st(i, x86_op_x87_ucom_st, 0, 1, 2);
	else
		emit_ud(i);
}

static void emit_db_reg(struct x86_insn *i)
{
	switch (i->reg & 7) {
	case 0:
	case 1:
	case 2:
	case 3: emit_fcmov(i); break;
	case 5: emit_fcomi(i, x86_op_x87_ucomi_st, 0); break;
	case 6: emit_fcomi(i, x86_op_x87_comi_st, 0); break;
	default:
		if (i->modrm == 0xe2)
			emit_call(i, x87_fnclex);
		else if (i->modrm == 0xe3)
			emit_call(i, x87_fninit);
		else if (is_386_alias(i))
			emit(i, x86_op_nop); /* FNENI, FNDISI, FNSETPM: since the 387 */
		else
			emit_ud(i);
	}
}

static void emit_dd_reg(struct x86_insn *i)
{
	u8 rm = i->rm & 7;

	switch (i->reg & 7) {
	case 0: emit_st(i, x86_op_x87_ffree, rm, 0, 0); break;
	case 1: emit_st(i, x86_op_x87_fxch, rm, 0, 0); break;
	case 2: emit_st(i, x86_op_x87_fst, rm, 0, 0); break;
	case 3: emit_st(i, x86_op_x87_fst, rm, 0, 1); break;
	case 4: emit_st(i, x86_op_x87_ucom_st, 0, rm, 0); break;
	case 5: emit_st(i, x86_op_x87_ucom_st, 0, rm, 1); break;
	default: emit_ud(i);
	}
}

static void emit_df_reg(struct x86_insn *i)
{
	u8 rm = i->rm & 7;

	switch (i->reg & 7) {
	case 0: emit_st(i, x86_op_x87_ffree, rm, 0, 1); break;
	case 1: emit_st(i, x86_op_x87_fxch, rm, 0, 0); break;
	case 2:
	case 3: emit_st(i, x86_op_x87_fst, rm, 0, 1); break;
	case 4:
		if (rm == 0)
			emit(i, x86_op_x87_fnstsw_ax);
		else
			emit_ud(i);
		break;
	case 5: emit_fcomi(i, x86_op_x87_ucomi_st, 1); break;
	case 6: emit_fcomi(i, x86_op_x87_comi_st, 1); break;
	default: emit_ud(i);
	}
}

static void emit_x87_insn(struct x86_insn *i)
{
	static x86_emit_fn *const mem[8] = {emit_arith, emit_d9_mem, emit_arith, emit_db_mem,
					    emit_arith, emit_dd_mem, emit_arith, emit_df_mem};
	static x86_emit_fn *const reg[8] = {emit_arith, emit_d9_reg, emit_da_reg, emit_db_reg,
					    emit_arith, emit_dd_reg, emit_arith,  emit_df_reg};

	if (i->mode & MODE_FPU_OFF)
		emit_call(i, x86_x87_unavailable);
	(i->is_mem ? mem : reg)[i->opcode & 7](i);
}

static void emit_fwait(struct x86_insn *i)
{
	if (i->mode & MODE_FPU_OFF)
		emit_call(i, x86_wait_unavailable);
	emit_wait(i);
}

x86_emit_fn *x86_x87_lookup(const struct x86_insn *i, unsigned int *encoding)
{
	if (i->map != 0)
		return NULL;
	if (i->opcode == 0x9b)
		return emit_fwait;
	if ((i->opcode & 0xf8) != 0xd8)
		return NULL;
	*encoding = ENC_MODRM;
	return emit_x87_insn;
}
