/* C helpers of rare and system instructions, for the decoder. Operands as ops.h says, unless noted.
 */
#ifndef INTERP_ARM_SYSTEM_H
#define INTERP_ARM_SYSTEM_H

#include "interp/arm/ops.h"

/* system.c */
arm_helper arm_h_exception_return;	   /* to address a, with SPSR: SUBS PC and its like */
arm_helper arm_h_svc, arm_h_bkpt;	   /* imm: number; disp: next pc */
arm_helper arm_h_mrs_cpsr, arm_h_mrs_spsr; /* a */
/* b: value, unless x: then it is disp; s: field mask in bits 3-0 */
arm_helper arm_h_msr_cpsr, arm_h_msr_spsr;
arm_helper arm_h_cps;	 /* imm: bits to change in CPSR; disp: their values */
arm_helper arm_h_setend; /* a: 1 big-endian */
arm_helper arm_h_rfe,
	arm_h_srs; /* b: base (RFE); s: P, U, W as in emit_multiple; imm: mode (SRS) */
arm_helper arm_h_wfi, arm_h_wfe, arm_h_sev;
arm_helper arm_h_mrs_banked, arm_h_msr_banked;

/* memory.c */
arm_helper arm_h_load_user, arm_h_store_user; /* b address, x base gets TMP1, s enum arm_mem_size */
arm_helper arm_h_multiple;		      /* see emit_multiple() */
arm_helper arm_h_swp;			      /* a = [b] = x; s: byte */
arm_helper arm_h_ldrex;			      /* a (and x) = [b + disp]; s: log2 of bytes */
arm_helper arm_h_strex; /* a status, x value (imm: second one), [b + disp]; s: log2 of bytes */
arm_helper arm_h_clrex;

/* media.c: v5E and v6 arithmetic. imm selects. */
arm_helper arm_h_sat_add;	     /* QADD ..: a = sat(x op b), imm as encoded (bits 22-21) */
arm_helper arm_h_smulw, arm_h_smlaw; /* imm: x's upper half */
arm_helper arm_h_smlal_xy;	     /* imm: bit 0 b's, bit 1 x's upper half; a low, s high */
arm_helper arm_h_sat;		     /* imm: bits 5-0 width, 6 unsigned, 7 ASR, 15-8 amount */
arm_helper arm_h_sat16;		     /* imm: bits 5-0 width, 6 unsigned */
arm_helper arm_h_usad8;
arm_helper arm_h_extend16; /* imm: rotation, bit 5 unsigned, bit 6 add b */
arm_helper arm_h_smlad; /* imm: bit 0 swap, 1 subtract, 2 long (a low, s high), 3 no accumulator */
arm_helper arm_h_smmla; /* imm: bit 0 round, 1 subtract, 2: no accumulator */

/* coproc.c; imm: the instruction */
arm_helper arm_h_mrc, arm_h_mcr, arm_h_mrrc, arm_h_mcrr; /* a, s: registers */
arm_helper arm_h_mrc_flags;
arm_helper arm_h_mar, arm_h_mra, arm_h_mia; /* XScale's accumulator */

/* mprofile.c */
arm_helper arm_h_m_jump;     /* to a; imm: exchange */
arm_helper arm_h_m_load_pc;  /* from b; x base gets TMP1 */
arm_helper arm_h_m_invstate; /* the T bit is clear */
arm_helper arm_h_m_div;	     /* a = b / x; imm: unsigned */
arm_helper arm_h_m_mrs, arm_h_m_msr, arm_h_m_cps;

#endif
