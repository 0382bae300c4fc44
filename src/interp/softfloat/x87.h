/*
 * Operations that only the x87 has: partial remainders, FSCALE, FXTRACT and the transcendental
 * functions. Source: Intel SDM volume 2, the instructions' pages, and volume 1, 8.3.
 *
 * They take status with fp_rules_x87, use its rounding mode but never its precision control, and
 * leave C1 in st->rounded_up. The transcendental functions of x87_*() are the host's own where the
 * host is an x86, so results and flags are those of a real processor; x87_portable_*() are ours,
 * within one unit in the last place of it.
 */
#ifndef RATITE_INTERP_SOFTFLOAT_X87_H
#define RATITE_INTERP_SOFTFLOAT_X87_H

#include "interp/softfloat/softfloat.h"

/*
 * FPREM (nearest false) and FPREM1: a - q*b. Returns false in *complete where the operands are so
 * far apart that the result is only a partial remainder (C2), and the quotient's low bits (C0 is
 * bit 2, C3 bit 1, C1 bit 0) in *quotient, which is 0 after a partial reduction.
 */
struct f80 x87_prem(struct f80 a, struct f80 b, bool nearest, unsigned int *quotient,
		    bool *complete, struct fp_status *st);

/* FSCALE: a * 2^trunc(b). */
struct f80 x87_scale(struct f80 a, struct f80 b, struct fp_status *st);

/* FXTRACT: returns the significand with exponent 0, and the exponent as a number in *exponent. */
struct f80 x87_extract(struct f80 a, struct f80 *exponent, struct fp_status *st);

/* F2XM1: 2^a - 1, for a in [-1, 1]. */
struct f80 x87_2xm1(struct f80 a, struct fp_status *st);
/* FYL2X: y * log2(x). */
struct f80 x87_yl2x(struct f80 y, struct f80 x, struct fp_status *st);
/* FYL2XP1: y * log2(x + 1), for |x| below 1 - sqrt(1/2). */
struct f80 x87_yl2xp1(struct f80 y, struct f80 x, struct fp_status *st);
/* FPATAN: the angle of the point (x, y). */
struct f80 x87_patan(struct f80 y, struct f80 x, struct fp_status *st);

/* FSIN, FCOS, FPTAN, FSINCOS. Any result pointer may be NULL. */
enum x87_trig { X87_SIN, X87_COS, X87_TAN, X87_SINCOS };
/*
 * Computes *first (sine, cosine, tangent; FSINCOS: sine) and *second (FSINCOS: cosine; FPTAN: 1, or
 * the same NaN). Returns false, having done nothing, where |a| is 2^63 or more (C2).
 */
bool x87_trig(enum x87_trig which, struct f80 a, struct f80 *first, struct f80 *second,
	      struct fp_status *st);

/* The portable versions, callable on every host. */
struct f80 x87_portable_2xm1(struct f80 a, struct fp_status *st);
struct f80 x87_portable_yl2x(struct f80 y, struct f80 x, struct fp_status *st);
struct f80 x87_portable_yl2xp1(struct f80 y, struct f80 x, struct fp_status *st);
struct f80 x87_portable_patan(struct f80 y, struct f80 x, struct fp_status *st);
bool x87_portable_trig(enum x87_trig which, struct f80 a, struct f80 *first, struct f80 *second,
		       struct fp_status *st);

#endif
