/* String instructions: how their ops are put together. */
#ifndef INTERP_X86_STRING_H
#define INTERP_X86_STRING_H

#include "interp/x86/ops.h"

enum x86_rep { REP_NONE, REP_E, REP_NE }; /* F3 is REP_E (plain REP where ZF plays no part) */

/* b: log2 of the element, rep << 2; s: source segment and address size as in memory operands. */
#define STRING_B(log2, rep) ((u8)((log2) | (rep) << 2))

x86_helper x86_movs, x86_stos, x86_lods, x86_cmps, x86_scas;

/* For INS and OUTS: the count register, the elements left, and one step of an index register. */
u64 x86_string_count(struct x86_cpu *c, const struct op *op);
void x86_string_count_set(struct x86_cpu *c, const struct op *op, u64 count);
u64 x86_string_index(struct x86_cpu *c, const struct op *op, enum x86_gpr reg);
void x86_string_step(struct x86_cpu *c, const struct op *op, enum x86_gpr reg, u64 elements);
/* Linear address of `size` bytes at an offset of ES:(E/R)DI or the source segment. */
u64 x86_string_linear(struct x86_cpu *c, const struct op *op, enum x86_seg_name seg, u64 offset,
		      unsigned int size, bool write);

#endif
