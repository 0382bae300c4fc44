/*
 * Tables of the integer handlers, one a operand size, for the decoder. They are filled by
 * ops_int.tmpl.h, which ops_int8.c .. ops_int64.c include with their size.
 */
#ifndef INTERP_X86_OPS_INT_H
#define INTERP_X86_OPS_INT_H

#include "interp/x86/decode.h"

/* In the order of opcode bits 3-5. */
enum alu_kind {
	ALU_ADD,
	ALU_OR,
	ALU_ADC,
	ALU_SBB,
	ALU_AND,
	ALU_SUB,
	ALU_XOR,
	ALU_CMP,
	ALU_TEST,
	ALU_KINDS
};
/* In the order of ModRM's reg of C0-D3. */
enum shift_kind {
	SHIFT_ROL,
	SHIFT_ROR,
	SHIFT_RCL,
	SHIFT_RCR,
	SHIFT_SHL,
	SHIFT_SHR,
	SHIFT_SAL,
	SHIFT_SAR,
	SHIFT_KINDS
};
enum unary_kind { UNARY_INC, UNARY_DEC, UNARY_NOT, UNARY_NEG, UNARY_KINDS };
enum bit_kind { BIT_T, BIT_S, BIT_R, BIT_C, BIT_KINDS };

/* Second index: 0 flags dead, 1 flags set. */
struct int_handlers {
	handler_fn *alu_rr[ALU_KINDS][2], *alu_ri[ALU_KINDS][2];
	handler_fn *alu_rm[ALU_KINDS][2][KIND_COUNT], *alu_mr[ALU_KINDS][2][KIND_COUNT],
		*alu_mi[ALU_KINDS][2][KIND_COUNT];
	handler_fn *unary_r[UNARY_KINDS][2], *unary_m[UNARY_KINDS][2][KIND_COUNT];
	handler_fn *shift_ri[SHIFT_KINDS][2], *shift_rc[SHIFT_KINDS][2];
	handler_fn *shift_mi[SHIFT_KINDS], *shift_mc[SHIFT_KINDS]; /* sg */
	handler_fn *mov_rr, *mov_ri, *mov_rm[KIND_COUNT], *mov_mr[KIND_COUNT], *mov_mi[KIND_COUNT];
	handler_fn *xchg_rr, *xchg_mr; /* sg, atomic */
	handler_fn *cmp_jcc_rr[16], *cmp_jcc_ri[16], *test_jcc_rr[16], *test_jcc_ri[16];
	/* 32 and 64 bits: arithmetic and a branch on E, NE, S, NS; NULL where there is no such op
	 */
	handler_fn *alu_jcc_rr[ALU_KINDS][4], *alu_jcc_ri[ALU_KINDS][4], *unary_jcc[UNARY_KINDS][4];
	/* not for 8 bits */
	handler_fn *movzx8_rr, *movzx8_rm[KIND_COUNT], *movsx8_rr, *movsx8_rm[KIND_COUNT];
	handler_fn *movzx16_rr, *movzx16_rm[KIND_COUNT], *movsx16_rr, *movsx16_rm[KIND_COUNT];
	handler_fn *lea, *cmov_rr[16], *cmov_rm[16]; /* cmov_rm: sg */
	handler_fn *imul_rr[2], *imul_rri[2];
	handler_fn *bit_rr[BIT_KINDS], *bit_ri[BIT_KINDS];
	handler_fn *bsf, *bsr, *popcnt, *shld_ri, *shrd_ri, *shld_rc, *shrd_rc;
	/* all sizes, registers only; memory operands go through a temporary */
	handler_fn *mul, *imul, *div, *idiv, *xadd_rr, *cmpxchg_rr;
	handler_fn *load_tmp[KIND_COUNT]; /* memory to TMP0 */
	handler_fn *locked_alu_mr[ALU_KINDS], *locked_alu_mi[ALU_KINDS], *locked_unary[UNARY_KINDS];
	handler_fn *xadd_mr, *cmpxchg_mr, *bit_mr[BIT_KINDS], *bit_mi[BIT_KINDS];
	handler_fn *bswap;
};

extern const struct int_handlers x86_int8, x86_int16, x86_int32, x86_int64;

static inline const struct int_handlers *x86_int(unsigned int log2)
{
	const struct int_handlers *const all[] = {&x86_int8, &x86_int16, &x86_int32, &x86_int64};
	return all[log2];
}

/* Control flow and stack (ops_flow.c). Stack forms: 64-bit, flat 32-bit, any. */
enum stack_kind { STACK_64, STACK_F32, STACK_SG, STACK_KINDS };
extern handler_fn *const x86_push_r[STACK_KINDS],
	*const x86_push_i[STACK_KINDS],
		*const x86_pop_r[STACK_KINDS],
			*const x86_call[STACK_KINDS], *const x86_ret[STACK_KINDS],
							      *const x86_call_r[STACK_KINDS],
								      *const x86_leave[STACK_KINDS];
extern handler_fn *const x86_jcc[16], *const x86_setcc[16], *const x86_loop[4];
handler_fn x86_op_jmp, x86_op_jmp_r, x86_op_jmp_r_sg, x86_op_next_block, x86_op_call_helper,
	x86_op_call_helper_jump, x86_op_leave_at, x86_op_raise, x86_op_nop;

x86_helper x86_branch_beyond;

#endif
