/* Handlers of branches, conditions and helper calls, for the decoder. */
#ifndef INTERP_ARM_OPS_FLOW_H
#define INTERP_ARM_OPS_FLOW_H

#include "interp/arm/ops.h"

/* B<cc>, and the op that skips op->x ops where <cc> fails. */
extern handler_fn *const arm_bcc[14], *const arm_skip[14];
handler_fn arm_op_b, arm_op_bl, arm_op_blx_i, arm_op_bx, arm_op_blx_r, arm_op_jump, arm_op_cbz,
	arm_op_cbnz, arm_op_next_block, arm_op_next_block_it, arm_op_enter_it, arm_op_nop,
	arm_op_call_helper, arm_op_call_system, arm_op_call_helper_jump, arm_op_leave_at,
	arm_op_raise, arm_op_tb, arm_op_barrier, arm_op_bx_m;

#endif
