/* Between decode.c and the emit functions of the integer instructions. */
#ifndef INTERP_X86_EMIT_INT_H
#define INTERP_X86_EMIT_INT_H

#include "interp/x86/decode.h"

x86_emit_fn *x86_int_lookup(const struct x86_insn *i, unsigned int *encoding);

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
