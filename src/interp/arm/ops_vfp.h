/* Handlers and helpers of VFP, for the decoder. Registers are numbers, S or D as the op says. */
#ifndef INTERP_ARM_OPS_VFP_H
#define INTERP_ARM_OPS_VFP_H

#include "interp/arm/vfp_arith.h"

/* Second index: 0 single, 1 double. a = b op x. */
extern handler_fn *const arm_vfp_op[VFP_OPS][2];
/* a compared with x; s: bit 0 signalling (VCMPE), bit 1 with zero. */
extern handler_fn *const arm_vfp_cmp[2];
/* a = imm */
extern handler_fn *const arm_vfp_const[2];
handler_fn arm_op_vmov_sr, arm_op_vmov_rs, arm_op_vmov_dr, arm_op_vmov_rd, arm_op_vmrs_flags,
	arm_op_vcvt_sd, arm_op_vcvt_ds;
/* Conversions: a integer or result register, x operand; s: bit 0 signed, bit 1 toward zero. */
extern handler_fn *const arm_vcvt_to_int[2], *const arm_vcvt_from_int[2];

/* vfp.c */
arm_helper arm_h_vfp_vector;	   /* a, b, x; s: enum vfp_op; disp: double */
arm_helper arm_h_vfp_const_vector; /* a, imm; disp: double */
/* a; s: bit 0 double, 1 to fixed, 2 unsigned, 3 32 bits; disp: fraction bits */
arm_helper arm_h_vcvt_fixed;
arm_helper arm_h_vcvt_half;	   /* a, x: S numbers; s: bit 0 top half, 1 to half precision */
arm_helper arm_h_vmrs, arm_h_vmsr; /* a: core register; s: system register */

#endif
