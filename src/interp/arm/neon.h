/* Advanced SIMD operations, as decode_neon.c describes them to neon.c. Source: DDI 0406C, A7.4, A8.
 */
#ifndef INTERP_ARM_NEON_H
#define INTERP_ARM_NEON_H

#include "interp/arm/ops.h"

/* What is done with a lane: of the operands n (a) and m (b) and the destination (d). */
enum neon_op {
	/* integers */
	N_HADD,
	N_RHADD,
	N_HSUB,
	N_QADD,
	N_QSUB,
	N_CGT,
	N_CGE,
	N_CEQ,
	N_TST,
	N_CLE,
	N_CLT,
	N_SHL,
	N_QSHL,
	N_RSHL,
	N_QRSHL,
	N_MAX,
	N_MIN,
	N_ABD,
	N_ABA,
	N_ADD,
	N_SUB,
	N_MLA,
	N_MLS,
	N_MUL,
	N_PMUL,
	N_QDMULH,
	N_QRDMULH,
	N_ADDHN,
	N_RADDHN,
	N_SUBHN,
	N_RSUBHN,
	N_QDMULL,
	N_QDMLAL,
	N_QDMLSL,
	N_PADAL, /* d plus the sum of a pair */
	/* shifts by the constant in aux */
	N_SHRI,
	N_SRA,
	N_RSHRI,
	N_RSRA,
	N_SRI,
	N_SHLI,
	N_SLI,
	N_QSHLUI,
	N_QSHLI,
	N_SHRN,
	N_RSHRN,
	N_QSHRN,
	N_QRSHRN,
	N_QSHRUN,
	N_QRSHRUN,
	/* one operand */
	N_MOV,
	N_MVN,
	N_CLS,
	N_CLZ,
	N_CNT,
	N_QABS,
	N_QNEG,
	N_ABS,
	N_NEG,
	N_QMOVN,
	N_QMOVUN,
	N_RECPE,
	N_RSQRTE,
	/* bitwise */
	N_AND,
	N_BIC,
	N_ORR,
	N_ORN,
	N_EOR,
	N_BSL,
	N_BIT,
	N_BIF,
	/* single precision */
	N_FADD,
	N_FSUB,
	N_FMUL,
	N_FMLA,
	N_FMLS,
	N_FFMA,
	N_FFMS,
	N_FABD,
	N_FCEQ,
	N_FCGE,
	N_FCGT,
	N_FACGE,
	N_FACGT,
	N_FCLE,
	N_FCLT,
	N_FMAX,
	N_FMIN,
	N_FRECPS,
	N_FRSQRTS,
	N_FABS,
	N_FNEG,
	N_FRECPE,
	N_FRSQRTE,
	N_FTOS,
	N_FTOU,
	N_STOF,
	N_UTOF,
	N_FTOFIX,
	N_FIXTOF,
};

/* How lanes of d, n and m go together. `log2` is that of m's lanes in bytes. */
enum neon_shape {
	SHAPE_SAME,
	SHAPE_PAIR,	 /* n and m are read as pairs: n's first */
	SHAPE_LONG,	 /* d has lanes twice as wide */
	SHAPE_WIDE,	 /* d and n have */
	SHAPE_NARROW,	 /* n and m have lanes twice as wide as d; log2 is d's */
	SHAPE_PAIR_LONG, /* pairs of m make one wide lane */
};

struct neon_form {
	u8 op, log2, shape;
	bool is_unsigned, quad;
	u8 aux;	   /* shift */
	s8 scalar; /* lane of m that goes with all of n; -1: none */
	bool zero; /* m is zero */
};

static inline u64 neon_pack(const struct neon_form *f)
{
	return (u64)f->op | (u64)f->log2 << 8 | (u64)f->shape << 16 | (u64)f->is_unsigned << 24 |
	       (u64)f->quad << 25 | (u64)f->zero << 26 | (u64)f->aux << 32 |
	       (u64)(u8)f->scalar << 40;
}

static inline struct neon_form neon_unpack(u64 v)
{
	return (struct neon_form){.op = (u8)v,
				  .log2 = (u8)(v >> 8),
				  .shape = (u8)(v >> 16),
				  .is_unsigned = v >> 24 & 1,
				  .quad = v >> 25 & 1,
				  .zero = v >> 26 & 1,
				  .aux = (u8)(v >> 32),
				  .scalar = (s8)(v >> 40)};
}

/* The op that does the same as arm_h_neon() for a form, with the same fields; NULL: none. */
handler_fn *arm_neon_handler(const struct neon_form *f);
/* Moves; ops_neon.c says what their fields are. */
handler_fn arm_op_neon_const, arm_op_neon_dup, arm_op_neon_dup_core, arm_op_neon_to_lane,
	arm_op_neon_from_lane, arm_op_neon_ext, arm_op_neon_rev;

/* a, b, x: D numbers of d, n, m; imm: neon_pack() */
arm_helper arm_h_neon;
arm_helper
	arm_h_neon_permute; /* a and x: s: 0 VSWP, 1 VTRN, 2 VUZP, 3 VZIP; disp: log2; imm: quad */
arm_helper arm_h_neon_tbl;  /* a by indices x; table b of s registers; imm: VTBX */
arm_helper arm_h_neon_half; /* a, x; s: 1 to single */
arm_helper arm_h_neon_multiple, arm_h_neon_single, arm_h_neon_all; /* imm: the instruction */

/* neon_fp.c: one lane of single precision. */
u32 arm_neon_fp(struct arm_cpu *c, const struct neon_form *f, u32 a, u32 b, u32 d);
u32 arm_neon_estimate(u32 value, bool square_root);

#endif
