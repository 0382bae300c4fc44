/* Between decode.c and the emit functions of the integer instructions. */
#ifndef INTERP_X86_EMIT_INT_H
#define INTERP_X86_EMIT_INT_H

#include "interp/x86/ops_int.h"

x86_emit_fn *x86_int_lookup(const struct x86_insn *i, unsigned int *encoding);

/* What the other files provide for the opcode maps in emit_int.c: emit_arith.c, */
x86_emit_fn emit_alu, emit_group1, emit_test, emit_test_acc, emit_group3, emit_inc_dec, emit_imul,
	emit_imul_imm, emit_group2, emit_double_shift;
/* emit_move.c */
x86_emit_fn emit_mov_rm_r, emit_mov_r_rm, emit_mov_rm_imm, emit_mov_r_imm, emit_mov_moffs,
	emit_extend, emit_movsxd, emit_lea, emit_xchg, emit_xchg_acc, emit_cmov, emit_setcc,
	emit_movbe, emit_group8, emit_bit_reg, emit_scan, emit_bswap, emit_xadd, emit_cmpxchg,
	emit_group9;
/* and emit_flow.c. */
x86_emit_fn emit_push, emit_push_imm, emit_pop, emit_pop_rm, emit_pusha, emit_enter, emit_leave,
	emit_jmp, emit_call_rel, emit_jcc, emit_loop, emit_ret, emit_group5, emit_string;

/* Log2 of the operand's bytes: bit 0 of most opcodes tells bytes from words. */
unsigned int insn_size(const struct x86_insn *i);
/* Register number of the opcode's low bits. */
unsigned int opcode_reg(const struct x86_insn *i);
/* The r/m operand's register, or TMP0 loaded from memory. */
u8 load_rm(struct x86_insn *i, unsigned int log2);
/* The r/m or reg operand as a register of that size. */
u8 rm_operand(const struct x86_insn *i, unsigned int log2);
u8 reg_operand(const struct x86_insn *i, unsigned int log2);
/* What the op emitted last does with flags; `no_flags` is the op without them, or NULL. */
void set_flags(struct x86_insn *i, u32 reads, u32 writes, handler_fn *no_flags);
/* INC, DEC, NOT, NEG of the r/m operand; `kind` is an enum unary_kind. */
void emit_unary(struct x86_insn *i, enum unary_kind kind, unsigned int log2);
/* The info of the op emitted last. */
struct op_info *emit_info(struct x86_insn *i);
/* emit_mem() for an op that has the sg form alone. */
struct op *emit_mem_sg(struct x86_insn *i, handler_fn *fn);
/* Reads the address of MOV A0h-A3h. */
void insn_set_moffs(struct x86_insn *i);
bool insn_linkable(const struct x86_insn *i, u64 pc);

/* decode.c's own checks (debug.c): both before the instruction. */
x86_helper x86_check_breakpoint, x86_arm_trap;
/* INS and OUTS (io.c) */
x86_helper x86_ins, x86_outs;

#endif
