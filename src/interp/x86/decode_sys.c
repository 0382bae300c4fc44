/*
 * Decoding of system instructions: which helper or op does them, and what the block's mode bits
 * forbid. Source: Intel SDM volume 2 and volume 3, section 2.8; AMD APM volume 3.
 */
#include "interp/x86/decode.h"

#include "interp/x86/emit_int.h"
#include "interp/x86/ops_int.h"
#include "interp/x86/ops_sys.h"
#include "interp/x86/system.h"

/* --- what is common --- */

static bool in_protected(const struct x86_insn *i)
{
	return (i->mode & (MODE_PE | MODE_VM)) == MODE_PE;
}

static bool is64(const struct x86_insn *i)
{
	return i->mode & MODE_64;
}

/* Level 0 of protected mode, or real-address mode; else #GP(0) is emitted. */
static bool need_cpl0(struct x86_insn *i)
{
	if (!(i->mode & MODE_CPL))
		return true;
	emit_exception(i, EXC_GP);
	return false;
}

/* Size of pushes and pops: 64 bits by default in 64-bit mode. */
static u8 stack_log2(const struct x86_insn *i)
{
	if (is64(i))
		return i->opsize_prefix && !(i->rex & 8) ? 1 : 3;
	return i->opsize;
}

/* A helper after which the block goes on unless something has happened. */
static struct op *emit_sys(struct x86_insn *i, x86_helper *helper)
{
	struct op *op = emit_call(i, helper);

	op->fn = x86_op_sys_call;
	return op;
}

/* The same with the operand size in imm. */
static void emit_sys_sized(struct x86_insn *i, x86_helper *helper, u8 log2)
{
	emit_sys(i, helper)->imm = log2;
}

/* --- flags --- */

/* CLI and STI are plain with CPL <= IOPL; V86 mode and level 3 have their virtual IF. */
static void emit_cli(struct x86_insn *i)
{
	if (i->mode & MODE_IOPL_OK)
		emit(i, x86_op_cli);
	else
		emit_sys(i, x86_cli_virtual);
}

static void emit_sti(struct x86_insn *i)
{
	struct op *op;

	if (i->mode & MODE_IOPL_OK) {
		op = emit(i, x86_op_sti);
		emit_info(i)->leaves = true;
	} else {
		op = emit_sys(i, x86_sti_virtual);
	}
	op->imm = insn_next_pc(i);
}

static void emit_pushf(struct x86_insn *i)
{
	emit_sys_sized(i, x86_pushf, stack_log2(i));
}

static void emit_popf(struct x86_insn *i)
{
	emit_sys_sized(i, x86_popf, stack_log2(i));
}

static void emit_hlt(struct x86_insn *i)
{
	if (need_cpl0(i))
		emit_call_jump(i, x86_hlt);
}

/* --- interrupts --- */

static void emit_int_n(struct x86_insn *i)
{
	emit_call_jump(i, x86_int_n)->a = (u8)i->imm;
}

static void emit_int3(struct x86_insn *i)
{
	emit_call_jump(i, x86_int3);
}

static void emit_int1(struct x86_insn *i)
{
	emit_call_jump(i, x86_int1);
}

static void emit_into(struct x86_insn *i)
{
	if (is64(i))
		emit_ud(i);
	else
		emit_call_jump(i, x86_into);
}

static void emit_iret(struct x86_insn *i)
{
	emit_call_jump(i, x86_iret_op)->a = i->opsize;
}

/* --- ports --- */

static void emit_in(struct x86_insn *i)
{
	struct op *op = emit(i, x86_op_in);

	op->a = REG(RAX);
	op->b = !(i->opcode & 1) ? 0 : i->opsize == 1 ? 1 : 2;
	op->x = i->opcode >> 3 & 1;
	op->imm = i->imm;
	emit_info(i)->leaves = true;
}

static void emit_out(struct x86_insn *i)
{
	emit_in(i);
	i->b->ops[i->b->op_count - 1].fn = x86_op_out;
}

/* --- segment registers --- */

static void emit_seg_load_op(struct x86_insn *i, x86_helper *helper, unsigned int seg, u8 b)
{
	struct op *op = emit_sys(i, helper);

	op->a = (u8)seg;
	if (!i->is_mem)
		op->b = b;
	op->imm = insn_next_pc(i);
}

/* 8E */
static void emit_mov_sreg(struct x86_insn *i)
{
	unsigned int seg = i->modrm >> 3 & 7;

	if (seg == CS || seg > GS)
		emit_ud(i);
	else if (i->is_mem)
		emit_seg_load_op(i, x86_mov_seg_mem, seg, 0);
	else
		emit_seg_load_op(i, x86_mov_seg_reg, seg, REG(i->rm));
}

/* A selector goes to a general register zero-extended, to memory in 16 bits. */
static void emit_store_selector(struct x86_insn *i, unsigned int seg)
{
	static handler_fn *const read[4] = {NULL, x86_op_rdselector16, x86_op_rdselector,
					    x86_op_rdselector};

	if (i->is_mem) {
		emit_call(i, x86_mov_mem_seg)->a = (u8)seg;
		return;
	}
	struct op *op = emit(i, read[i->opsize]);
	op->a = REG(i->rm);
	op->b = (u8)seg;
}

/* 8C */
static void emit_mov_from_sreg(struct x86_insn *i)
{
	unsigned int seg = i->modrm >> 3 & 7;

	if (seg > GS)
		emit_ud(i);
	else
		emit_store_selector(i, seg);
}

/* 06 0E 16 1E 07 17 1F, 0F A0 A1 A8 A9 */
static void emit_push_sreg(struct x86_insn *i)
{
	struct op *op;

	if (is64(i) && i->map == 0) {
		emit_ud(i);
		return;
	}
	op = emit_call(i, x86_push_seg);
	op->a = i->opcode >> 3 & 7;
	op->b = stack_log2(i);
}

static void emit_pop_sreg(struct x86_insn *i)
{
	if (is64(i) && i->map == 0)
		emit_ud(i);
	else
		emit_seg_load_op(i, x86_pop_seg, i->opcode >> 3 & 7, stack_log2(i));
}

static void emit_far_load(struct x86_insn *i, enum x86_seg_name seg)
{
	if (!i->is_mem) {
		emit_ud(i);
		return;
	}
	struct op *op = emit_sys(i, x86_load_far_pointer);
	op->a = REG(i->reg);
	op->imm = i->opsize | (u64)seg << 8;
}

/* C4, C5: 64-bit mode has no LES and LDS. */
static void emit_les(struct x86_insn *i)
{
	if (is64(i))
		emit_ud(i);
	else
		emit_far_load(i, i->opcode == 0xc4 ? ES : DS);
}

/* 0F B2, B4, B5 */
static void emit_lss(struct x86_insn *i)
{
	emit_far_load(i, i->opcode == 0xb2 ? SS : i->opcode == 0xb4 ? FS : GS);
}

/* --- far transfers --- */

/* 9A, EA */
static void emit_far_direct(struct x86_insn *i)
{
	if (is64(i)) {
		emit_ud(i);
		return;
	}
	u32 offset = i->opsize == 1 ? insn_u16(i) : insn_u32(i);
	u16 selector = insn_u16(i);
	struct op *op = emit_call_jump(i, i->opcode == 0x9a ? x86_far_call_imm : x86_far_jump_imm);
	op->disp = (s32)offset;
	op->a = (u8)selector;
	op->x = (u8)(selector >> 8);
	op->b = i->opsize;
}

void x86_emit_far_indirect(struct x86_insn *i)
{
	bool call = (i->modrm >> 3 & 7) == 3;

	if (!i->is_mem)
		emit_ud(i);
	else
		emit_call_jump(i, call ? x86_far_call_mem : x86_far_jump_mem)->a = i->opsize;
}

/* CA, CB */
static void emit_far_ret(struct x86_insn *i)
{
	u16 pop = i->opcode == 0xca ? insn_u16(i) : 0;
	struct op *op = emit_call_jump(i, x86_far_ret);

	op->a = i->opsize;
	op->disp = pop;
}

/* --- 62, 63 --- */

static void emit_bound(struct x86_insn *i)
{
	if (is64(i) || !i->is_mem) {
		emit_ud(i);
		return;
	}
	struct op *op = emit_call(i, x86_bound);
	op->a = REG(i->reg);
	op->imm = i->opsize;
}

static void emit_arpl(struct x86_insn *i)
{
	if (!in_protected(i)) {
		emit_ud(i);
		return;
	}
	struct op *op = emit_call(i, x86_arpl);
	op->a = REG(i->reg);
	op->imm = i->is_mem ? 256 : REG(i->rm);
}

/* --- 0F 00 --- */

static void emit_selector_op(struct x86_insn *i, x86_helper *helper)
{
	struct op *op = emit_call(i, helper);

	op->a = REG(i->rm);
	op->imm = i->is_mem;
}

static void emit_group6(struct x86_insn *i)
{
	unsigned int which = i->modrm >> 3 & 7;

	if (!in_protected(i) || which > 5) {
		emit_ud(i);
		return;
	}
	switch (which) {
	case 0: emit_store_selector(i, SEG_LDT); break;
	case 1: emit_store_selector(i, SEG_TSS); break;
	case 2:
	case 3:
		if (need_cpl0(i))
			emit_selector_op(i, which == 2 ? x86_lldt : x86_ltr);
		break;
	default: emit_selector_op(i, which == 4 ? x86_verr : x86_verw); break;
	}
}

/* --- 0F 01 --- */

static void emit_group7_reg(struct x86_insn *i)
{
	switch (i->modrm) {
	case 0xf8:
		if (!is64(i))
			emit_ud(i);
		else if (need_cpl0(i))
			emit(i, x86_op_swapgs);
		break;
	case 0xf9:
		if (x86_has(i->c, FEAT_8000_0001_EDX, 27))
			emit_call(i, x86_rdtscp);
		else
			emit_ud(i);
		break;
	default: emit_ud(i); break;
	}
}

static void emit_smsw(struct x86_insn *i)
{
	if (i->is_mem) {
		emit_call(i, x86_smsw_mem);
		return;
	}
	struct op *op = emit(i, i->opsize == 1 ? x86_op_smsw16 : x86_op_smsw);
	op->a = REG(i->rm);
	op->x = i->opsize == 3;
}

static void emit_lmsw(struct x86_insn *i)
{
	if (!need_cpl0(i))
		return;
	struct op *op = emit_call_end(i, x86_lmsw);
	op->a = REG(i->rm);
	op->imm = i->is_mem;
}

static void emit_table_load(struct x86_insn *i, x86_helper *helper)
{
	if (need_cpl0(i))
		emit_call(i, helper)->imm = is64(i) ? 3 : i->opsize;
}

static void emit_group7(struct x86_insn *i)
{
	unsigned int which = i->modrm >> 3 & 7;

	if (which == 4) {
		emit_smsw(i);
	} else if (which == 6) {
		emit_lmsw(i);
	} else if (!i->is_mem) {
		emit_group7_reg(i);
	} else {
		switch (which) {
		case 0: emit_call(i, x86_sgdt); break;
		case 1: emit_call(i, x86_sidt); break;
		case 2: emit_table_load(i, x86_lgdt); break;
		case 3: emit_table_load(i, x86_lidt); break;
		case 7:
			if (need_cpl0(i))
				emit_call(i, x86_invlpg);
			break;
		default: emit_ud(i); break;
		}
	}
}

/* --- 0F 02 to 0F 0B, 30 to 35 --- */

static void emit_lar_lsl(struct x86_insn *i)
{
	if (!in_protected(i)) {
		emit_ud(i);
		return;
	}
	struct op *op = emit_call(i, i->opcode == 0x02 ? x86_lar : x86_lsl);
	op->a = REG(i->reg);
	op->imm = i->is_mem | (u64)i->opsize << 4 | (u64)REG(i->rm) << 8;
}

static bool has_syscall(const struct x86_insn *i)
{
	return x86_has(i->c, FEAT_8000_0001_EDX, 11) && (is64(i) || x86_is_amd(i->c));
}

static void emit_syscall(struct x86_insn *i)
{
	if (has_syscall(i))
		emit_call_jump(i, x86_syscall);
	else
		emit_ud(i);
}

static void emit_sysret(struct x86_insn *i)
{
	if (!has_syscall(i))
		emit_ud(i);
	else if (!(i->mode & MODE_PE))
		emit_exception(i, EXC_GP);
	else if (need_cpl0(i))
		emit_call_jump(i, x86_sysret)->a = i->opsize;
}

static void emit_sysenter(struct x86_insn *i)
{
	/* AMD's processors do not have them in long mode. */
	if (!x86_has(i->c, FEAT_1_EDX, 11) || (i->mode & MODE_LMA && x86_is_amd(i->c))) {
		emit_ud(i);
	} else if (!(i->mode & MODE_PE)) {
		emit_exception(i, EXC_GP);
	} else if (i->opcode == 0x34) {
		emit_call_jump(i, x86_sysenter);
	} else if (need_cpl0(i)) {
		emit_call_jump(i, x86_sysexit)->a = i->opsize;
	}
}

static void emit_clts(struct x86_insn *i)
{
	if (need_cpl0(i))
		emit_sys(i, x86_clts);
}

static void emit_wbinvd(struct x86_insn *i)
{
	if (need_cpl0(i))
		emit(i, x86_op_nop);
}

static void emit_rdmsr(struct x86_insn *i)
{
	if (!x86_has(i->c, FEAT_1_EDX, 5))
		emit_ud(i);
	else if (need_cpl0(i))
		emit_sys(i, i->opcode == 0x30 ? x86_wrmsr_op : x86_rdmsr_op);
}

static void emit_rdtsc(struct x86_insn *i)
{
	if (x86_has(i->c, FEAT_1_EDX, 4))
		emit_call(i, x86_rdtsc);
	else
		emit_ud(i);
}

static void emit_rdpmc(struct x86_insn *i)
{
	emit_call(i, x86_rdpmc);
}

static void emit_cpuid(struct x86_insn *i)
{
	emit_call(i, x86_cpuid_op);
}

static void emit_rsm(struct x86_insn *i)
{
	emit_call_jump(i, x86_rsm_op);
}

static void emit_invalid(struct x86_insn *i)
{
	emit_ud(i);
}

/* --- control and debug registers --- */

static void emit_mov_cr(struct x86_insn *i)
{
	bool write = i->opcode & 2;
	unsigned int cr = i->reg;

	/* LOCK MOV CR0 is AMD's name for CR8 outside of 64-bit mode. */
	if (i->lock && cr == 0 && x86_has(i->c, FEAT_8000_0001_ECX, 4)) {
		i->lock = false;
		cr = 8;
	}
	if (cr > 8 || cr == 1 || (cr >= 5 && cr <= 7)) {
		emit_ud(i);
		return;
	}
	if (!need_cpl0(i))
		return;
	i->is_mem = false; /* mod is ignored */
	struct op *op = write ? emit_call_end(i, x86_mov_cr_write) : emit_call(i, x86_mov_cr_read);
	op->a = REG((i->modrm & 7) | (i->rex & 1) << 3);
	op->imm = cr;
	op->disp = is64(i);
}

static void emit_mov_dr(struct x86_insn *i)
{
	bool write = i->opcode & 2;

	if (i->reg > 7) {
		emit_ud(i);
		return;
	}
	if (!need_cpl0(i))
		return;
	i->is_mem = false;
	struct op *op = write ? emit_call_end(i, x86_mov_dr_write) : emit_call(i, x86_mov_dr_read);
	op->a = REG((i->modrm & 7) | (i->rex & 1) << 3);
	op->imm = i->reg;
	op->disp = is64(i);
}

/* --- F3 0F AE: FS and GS bases --- */

static void emit_fsgsbase(struct x86_insn *i)
{
	unsigned int which = i->modrm >> 3 & 7;

	if (i->is_mem || which > 3 || !is64(i) || !x86_has(i->c, FEAT_7_0_EBX, 0)) {
		emit_ud(i);
		return;
	}
	struct op *op = emit(i, which & 2 ? x86_op_wrfsbase : x86_op_rdfsbase);
	op->a = REG(i->rm);
	op->b = which & 1 ? GS : FS;
	op->x = i->opsize == 3;
	emit_info(i)->leaves = true;
}

/* --- the tables --- */

struct entry {
	u8 opcode, encoding;
	x86_emit_fn *fn;
};

static const struct entry one_byte[] = {
	{0x06, 0, emit_push_sreg},
	{0x07, 0, emit_pop_sreg},
	{0x0e, 0, emit_push_sreg},
	{0x16, 0, emit_push_sreg},
	{0x17, 0, emit_pop_sreg},
	{0x1e, 0, emit_push_sreg},
	{0x1f, 0, emit_pop_sreg},
	{0x62, ENC_MODRM, emit_bound},
	{0x63, ENC_MODRM, emit_arpl},
	{0x8c, ENC_MODRM, emit_mov_from_sreg},
	{0x8e, ENC_MODRM, emit_mov_sreg},
	{0x9a, 0, emit_far_direct},
	{0x9c, 0, emit_pushf},
	{0x9d, 0, emit_popf},
	{0xc4, ENC_MODRM, emit_les},
	{0xc5, ENC_MODRM, emit_les},
	{0xca, 0, emit_far_ret},
	{0xcb, 0, emit_far_ret},
	{0xcc, 0, emit_int3},
	{0xcd, ENC_IMM8, emit_int_n},
	{0xce, 0, emit_into},
	{0xcf, 0, emit_iret},
	{0xe4, ENC_IMM8, emit_in},
	{0xe5, ENC_IMM8, emit_in},
	{0xe6, ENC_IMM8, emit_out},
	{0xe7, ENC_IMM8, emit_out},
	{0xea, 0, emit_far_direct},
	{0xec, 0, emit_in},
	{0xed, 0, emit_in},
	{0xee, 0, emit_out},
	{0xef, 0, emit_out},
	{0xf1, 0, emit_int1},
	{0xf4, 0, emit_hlt},
	{0xfa, 0, emit_cli},
	{0xfb, 0, emit_sti},
	{0, 0, NULL},
};

static const struct entry two_byte[] = {
	{0x00, ENC_MODRM, emit_group6},	 {0x01, ENC_MODRM, emit_group7},
	{0x02, ENC_MODRM, emit_lar_lsl}, {0x03, ENC_MODRM, emit_lar_lsl},
	{0x05, 0, emit_syscall},	 {0x06, 0, emit_clts},
	{0x07, 0, emit_sysret},		 {0x08, 0, emit_wbinvd},
	{0x09, 0, emit_wbinvd},		 {0x0b, 0, emit_invalid},
	{0x20, ENC_MODRM, emit_mov_cr},	 {0x21, ENC_MODRM, emit_mov_dr},
	{0x22, ENC_MODRM, emit_mov_cr},	 {0x23, ENC_MODRM, emit_mov_dr},
	{0x30, 0, emit_rdmsr},		 {0x31, 0, emit_rdtsc},
	{0x32, 0, emit_rdmsr},		 {0x33, 0, emit_rdpmc},
	{0x34, 0, emit_sysenter},	 {0x35, 0, emit_sysenter},
	{0xa0, 0, emit_push_sreg},	 {0xa1, 0, emit_pop_sreg},
	{0xa2, 0, emit_cpuid},		 {0xa8, 0, emit_push_sreg},
	{0xa9, 0, emit_pop_sreg},	 {0xaa, 0, emit_rsm},
	{0xb2, ENC_MODRM, emit_lss},	 {0xb4, ENC_MODRM, emit_lss},
	{0xb5, ENC_MODRM, emit_lss},	 {0xb9, ENC_MODRM, emit_invalid},
	{0xff, ENC_MODRM, emit_invalid}, {0, 0, NULL},
};

x86_emit_fn *x86_sys_lookup(const struct x86_insn *i, unsigned int *encoding)
{
	const struct entry *e;

	if (i->map > 1)
		return NULL;
	if (i->map == 1 && i->opcode == 0xae && i->rep == 0xf3) {
		*encoding = ENC_MODRM;
		return emit_fsgsbase;
	}
	for (e = i->map ? two_byte : one_byte; e->fn; e++) {
		if (e->opcode == i->opcode) {
			*encoding = e->encoding;
			return e->fn;
		}
	}
	return NULL;
}
