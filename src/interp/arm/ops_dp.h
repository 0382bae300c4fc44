/* Handlers of the data-processing instructions, for the decoder. */
#ifndef INTERP_ARM_OPS_DP_H
#define INTERP_ARM_OPS_DP_H

#include "interp/arm/alu.h"
#include "interp/arm/ops.h"

/* Second index: 0 flags untouched, 1 flags set. Compares have only [1], their results are dropped.
 */
struct arm_dp_handlers {
	handler_fn *ri[2]; /* imm; x: the carry of a rotated immediate or CARRY_SAME */
	handler_fn *rr[2];
	handler_fn *rc;			/* rr, S, with carry of a shift by register in regs->shc */
	handler_fn *sh[SHIFT_KINDS][2]; /* second operand shifted by s */
};
extern const struct arm_dp_handlers arm_dp[DP_KINDS];

/* a = b shifted by x's low byte; [1] leaves the carry in regs->shc. */
extern handler_fn *const arm_shift_rr[4][2];
/* The same as MOVS: sets N, Z and C. */
extern handler_fn *const arm_shifts_rr[4];

/* CMP and a branch: a, b operands; the immediate form has it in disp. */
extern handler_fn *const arm_cmp_b_rr[14], *const arm_cmp_b_ri[14];
/* TST likewise, for EQ, NE, MI and PL. */
extern handler_fn *const arm_tst_b_rr[14], *const arm_tst_b_ri[14];

handler_fn arm_op_mov_i, arm_op_mov_r, arm_op_movt;
/* ops_mul.c: a = b * x; accumulator s (register offset); long forms: a low, s high word. */
handler_fn arm_op_mul, arm_op_muls, arm_op_mla, arm_op_mlas, arm_op_mls, arm_op_umull,
	arm_op_umulls, arm_op_umlal, arm_op_umlals, arm_op_smull, arm_op_smulls, arm_op_smlal,
	arm_op_smlals, arm_op_clz, arm_op_uxtb, arm_op_uxth, arm_op_sxtb, arm_op_sxth, arm_op_uxtab,
	arm_op_uxtah, arm_op_sxtab, arm_op_sxtah, arm_op_ubfx, arm_op_sbfx, arm_op_bfi, arm_op_bfc,
	arm_op_rev, arm_op_rev16, arm_op_revsh, arm_op_sdiv, arm_op_udiv;
extern handler_fn *const arm_smul_xy[4], *const arm_smla_xy[4];

#endif
