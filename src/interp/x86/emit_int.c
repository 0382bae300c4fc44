/*
 * The opcode maps of the integer instructions, and the emit functions that fit nowhere else.
 * Opcode maps: Intel SDM volume 2, appendix A, tables.
 */
#include "interp/x86/emit_int.h"

#include "interp/x86/ops_int.h"
#include "interp/x86/ops_misc.h"

/* --- helpers --- */

/* Size of the operand: bit 0 of most opcodes tells bytes from words. */
unsigned int insn_size(const struct x86_insn *i)
{
	return i->opcode & 1 ? i->opsize : 0;
}

void set_flags(struct x86_insn *i, u32 reads, u32 writes, handler_fn *no_flags)
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

u8 reg_operand(const struct x86_insn *i, unsigned int log2)
{
	return reg_of_size(i, log2, i->reg);
}

u8 rm_operand(const struct x86_insn *i, unsigned int log2)
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
