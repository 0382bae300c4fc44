/*
 * Binary floating point for every guest: IEEE 754-2019 arithmetic on f16 (conversions only), f32,
 *f64, the 80-bit extended format of the x87 and the 68881, and f128.
 *
 * What differs between processors is data: `struct fp_rules` says how a processor treats NaNs,
 * tininess and out-of-range integers (constant, one per ISA), `struct fp_status` holds what its
 * control register selects now, and collects the exception flags. No function here keeps state
 * elsewhere, so one status per vCPU (or per register file) makes everything thread safe.
 *
 *	struct fp_status st = { .rules = &fp_rules_sse };
 *	f64 third = f64_div(one, three, &st);
 *	if (st.flags & st.traps)
 *		... the guest wants an exception ...
 *
 * Operations never trap by themselves. An enabled exception (`traps`) changes what they return as
 * IEEE 754 section 8 says: overflow and underflow then deliver the result with a wrapped exponent,
 * and underflow is reported for every tiny result, exact or not.
 */
#ifndef RATITE_INTERP_SOFTFLOAT_H
#define RATITE_INTERP_SOFTFLOAT_H

#include <stdbool.h>
#include <stdint.h>

typedef uint16_t f16;
typedef uint32_t f32;
typedef uint64_t f64;

/* Extended format as the x87 keeps it: explicit integer bit in bit 63 of frac, sign in bit 15 of
 * se. */
struct f80 {
	uint64_t frac;
	uint16_t se;
};

struct f128 {
	uint64_t lo, hi;
};

/* Exception flags, in the bit order of the x87 status word and of MXCSR. */
enum {
	FP_INVALID = 1 << 0,
	FP_DENORMAL = 1 << 1, /* a denormal operand was used (x86 DE) or flushed (ARM IDC) */
	FP_DIVZERO = 1 << 2,
	FP_OVERFLOW = 1 << 3,
	FP_UNDERFLOW = 1 << 4,
	FP_INEXACT = 1 << 5,
};
#define FP_FLAGS 0x3f

/* The first four are numbered as in the RC field of the x87 control word and of MXCSR. */
enum fp_round {
	FP_RND_NEAREST, /* ties to even */
	FP_RND_DOWN,
	FP_RND_UP,
	FP_RND_ZERO,
	FP_RND_AWAY, /* nearest, ties away from zero */
	FP_RND_ODD,  /* truncate, then set the last bit if anything was lost */
};

/* Which operand becomes the result when several are NaNs (the result is always made quiet). */
enum fp_nan_pick {
	FP_PICK_FIRST,	/* SSE, PowerPC, 68881 */
	FP_PICK_LARGER, /* x87: a quiet one before a signalling one, then the larger significand */
	FP_PICK_SNAN,	/* ARM, MIPS: signalling ones first, in operand order */
	FP_PICK_SNAN_LAST, /* SPARC: signalling ones first, the later operand wins */
	FP_PICK_DEFAULT,   /* RISC-V, SH-4: always the default NaN */
};

/* In which order a fused multiply-add (a * b + c) offers its operands to the rule above. */
enum fp_fma_order { FP_FMA_ABC, FP_FMA_CAB, FP_FMA_ACB };

/* What infinity * 0 + quiet NaN does. */
enum fp_fma_inf0 {
	FP_INF0_NAN,	     /* the NaN, no exception (x86) */
	FP_INF0_NAN_INVALID, /* the NaN, and invalid (PowerPC) */
	FP_INF0_DEFAULT,     /* the default NaN, and invalid (ARM, MIPS) */
};

/* What a conversion to an integer returns, with invalid, when the value does not fit. */
enum fp_int_rule {
	FP_INT_INDEFINITE, /* x86: only the top bit set (signed), all ones (unsigned) */
	FP_INT_SAT_ZERO,   /* saturate; NaN gives 0 (ARM) */
	FP_INT_SAT_MIN,	   /* saturate; NaN gives the smallest value (PowerPC) */
	FP_INT_SAT_MAX,	   /* saturate; NaN gives the largest value (RISC-V, SPARC) */
	FP_INT_MAX,	   /* always the largest value (MIPS before 2008) */
};

/* Everything about a processor's arithmetic that no control bit changes. */
struct fp_rules {
	uint8_t pick;	   /* enum fp_nan_pick */
	uint8_t fma_order; /* enum fp_fma_order */
	uint8_t fma_inf0;  /* enum fp_fma_inf0 */
	uint8_t to_int;	   /* enum fp_int_rule */
	/* The default NaN: its sign, and whether the payload is all ones. */
	bool nan_negative, nan_ones;
	/* A set first fraction bit means signalling (MIPS before 2008, PA-RISC). */
	bool snan_is_one;
	/* Underflow is judged before rounding, not after it. */
	bool tiny_before;
	/* Denormal operands raise FP_DENORMAL: when used in arithmetic / when flushed by daz. */
	bool denormal_used, denormal_flushed;
	/* A result flushed by ftz is also inexact. */
	bool ftz_inexact;
	/* 68881 extended format: no encoding is unsupported, the smallest exponent is 0, not 1. */
	bool f80_m68k;
};

extern const struct fp_rules fp_rules_sse, fp_rules_x87, fp_rules_arm, fp_rules_mips,
	fp_rules_mips2008, fp_rules_ppc, fp_rules_sparc, fp_rules_m68k, fp_rules_riscv;

/* Rounding precision of f80 add, sub, mul, div and sqrt; 0 means 64. */
enum { FP_PREC_32 = 24, FP_PREC_64 = 53, FP_PREC_80 = 64 };

struct fp_status {
	/* These four are one word to the fast paths of hostfp.h. */
	uint8_t round; /* enum fp_round */
	uint8_t flags; /* FP_*, sticky: set here, cleared by the owner only */
	uint8_t traps; /* FP_* that the guest enabled (did not mask) */
	uint8_t precision;
	bool ftz;	  /* tiny results become zero, unless FP_UNDERFLOW is in traps */
	bool daz;	  /* denormal operands are taken as zero */
	bool default_nan; /* every NaN result is the default NaN (ARM FPSCR.DN) */
	/*
	 * The last operation that rounds made the magnitude larger (x87 C1). Every arithmetic
	 * function, conversion and round-to-integer sets it.
	 */
	bool rounded_up;
	const struct fp_rules *rules;
};

/* Result of a comparison. */
enum fp_relation { FP_LESS = -1, FP_EQUAL = 0, FP_GREATER = 1, FP_UNORDERED = 2 };

/* Variants of a fused multiply-add; may be combined. */
enum { FP_NEG_PRODUCT = 1, FP_NEG_ADDEND = 2, FP_NEG_RESULT = 4 };

/* Kinds of minimum and maximum. */
enum fp_minmax {
	FP_MM_X86,     /* the second operand if either is a NaN (invalid) or both are zero */
	FP_MM_NUM,     /* IEEE 754-2008 minNum: a quiet NaN loses against a number */
	FP_MM_NUM_MAG, /* minNumMag: the same by magnitude */
	FP_MM_IEEE,    /* IEEE 754-2019 minimum: NaNs win; -0 is below +0 */
};

/*
 * The operations of each format F with type T. Unless said otherwise all of them take operands by
 * value, return the rounded result, and add the exceptions they raise to st->flags.
 *
 *   F_add F_sub F_mul F_div F_sqrt
 *	f80 results are rounded to st->precision.
 *   F_muladd(a, b, c, neg)
 *	a * b + c rounded once; neg is a set of FP_NEG_*. FP_NEG_RESULT leaves NaNs alone.
 *   F_rem(a, b)
 *	IEEE remainder a - n*b, n the integer nearest a/b; exact.
 *   F_rint(a, round)
 *	round to an integral value in direction `round` (enum fp_round); inexact if that changed a.
 *   F_compare, F_compare_quiet
 *	enum fp_relation. Invalid for every NaN, or for signalling NaNs only.
 *   F_minmax(a, b, max, kind)
 *	the larger operand if max, else the smaller, in the manner of `kind`.
 *   F_scalb(a, n)
 *	a * 2^n.
 *   F_logb(a)
 *	the exponent of a as a number of the format; -infinity and divide-by-zero for 0.
 *   F_to_i16 F_to_i32 F_to_i64 F_to_u32 F_to_u64 (a, round)
 *	to an integer in direction `round`; st->rules->to_int says what does not fit.
 *   F_from_i32 F_from_i64 F_from_u32 F_from_u64 (v)
 *	from an integer.
 *   F_is_nan, F_is_snan (a)
 *	classification; raises nothing. F_is_snan follows st->rules.
 */
#define FP_DECLARE(F, T)                                                             \
	T F##_add(T a, T b, struct fp_status *st);                                   \
	T F##_sub(T a, T b, struct fp_status *st);                                   \
	T F##_mul(T a, T b, struct fp_status *st);                                   \
	T F##_div(T a, T b, struct fp_status *st);                                   \
	T F##_sqrt(T a, struct fp_status *st);                                       \
	T F##_muladd(T a, T b, T c, int neg, struct fp_status *st);                  \
	T F##_rem(T a, T b, struct fp_status *st);                                   \
	T F##_rint(T a, enum fp_round round, struct fp_status *st);                  \
	enum fp_relation F##_compare(T a, T b, struct fp_status *st);                \
	enum fp_relation F##_compare_quiet(T a, T b, struct fp_status *st);          \
	T F##_minmax(T a, T b, bool max, enum fp_minmax kind, struct fp_status *st); \
	T F##_scalb(T a, int n, struct fp_status *st);                               \
	T F##_logb(T a, struct fp_status *st);                                       \
	int16_t F##_to_i16(T a, enum fp_round round, struct fp_status *st);          \
	int32_t F##_to_i32(T a, enum fp_round round, struct fp_status *st);          \
	int64_t F##_to_i64(T a, enum fp_round round, struct fp_status *st);          \
	uint32_t F##_to_u32(T a, enum fp_round round, struct fp_status *st);         \
	uint64_t F##_to_u64(T a, enum fp_round round, struct fp_status *st);         \
	T F##_from_i32(int32_t v, struct fp_status *st);                             \
	T F##_from_i64(int64_t v, struct fp_status *st);                             \
	T F##_from_u32(uint32_t v, struct fp_status *st);                            \
	T F##_from_u64(uint64_t v, struct fp_status *st);                            \
	bool F##_is_nan(T a);                                                        \
	bool F##_is_snan(T a, const struct fp_status *st);

FP_DECLARE(f32, f32)
FP_DECLARE(f64, f64)
FP_DECLARE(f80, struct f80)
FP_DECLARE(f128, struct f128)
#undef FP_DECLARE

/*
 * Conversions between formats, named after both. They round in st->round (never to st->precision),
 * make signalling NaNs quiet (invalid), keep the payload's upper bits, and raise what they lose.
 */
f16 f32_to_f16(f32 a, struct fp_status *st);
f16 f64_to_f16(f64 a, struct fp_status *st);
f32 f16_to_f32(f16 a, struct fp_status *st);
f64 f16_to_f64(f16 a, struct fp_status *st);
f64 f32_to_f64(f32 a, struct fp_status *st);
f32 f64_to_f32(f64 a, struct fp_status *st);
struct f80 f32_to_f80(f32 a, struct fp_status *st);
struct f80 f64_to_f80(f64 a, struct fp_status *st);
f32 f80_to_f32(struct f80 a, struct fp_status *st);
f64 f80_to_f64(struct f80 a, struct fp_status *st);
struct f128 f32_to_f128(f32 a, struct fp_status *st);
struct f128 f64_to_f128(f64 a, struct fp_status *st);
struct f128 f80_to_f128(struct f80 a, struct fp_status *st);
f32 f128_to_f32(struct f128 a, struct fp_status *st);
f64 f128_to_f64(struct f128 a, struct fp_status *st);
struct f80 f128_to_f80(struct f128 a, struct fp_status *st);

/*
 * Packed decimal as FBLD and FBSTP have it: 18 digits, least significant byte first, sign in bit 7
 * of byte 9. f80_to_bcd rounds in st->round and stores the packed decimal indefinite, with invalid,
 * for NaNs, infinities and values beyond 18 digits.
 */
void f80_to_bcd(struct f80 a, uint8_t bcd[10], struct fp_status *st);
struct f80 f80_from_bcd(const uint8_t bcd[10]);

/*
 * The default NaN of each format under st's rules: what an invalid operation returns.
 */
f32 f32_default_nan(const struct fp_status *st);
f64 f64_default_nan(const struct fp_status *st);
struct f80 f80_default_nan(const struct fp_status *st);
struct f128 f128_default_nan(const struct fp_status *st);

#endif
