/*
 * Inside soft-float: the one unpacked form in which all arithmetic happens.
 *
 * A finite nonzero number is (-1)^sign * sig * 2^(exp - 127) with bit 127 of sig set. 128 bits
 * leave at least 15 below the last bit of the widest format (f128 has 113), so an operation may
 * deliver a truncated sig whose bit 0 is "sticky" (ORed with everything that was cut off) and
 * fp_round() still rounds correctly. NaNs keep their fraction in the same place: bit 126 is the
 * first fraction bit.
 */
#ifndef RATITE_INTERP_SOFTFLOAT_FPNUM_H
#define RATITE_INTERP_SOFTFLOAT_FPNUM_H

#include "interp/softfloat/softfloat.h"

typedef unsigned __int128 u128;

/* Ordered: everything from KIND_QNAN on is not a number, which the operations test first. */
enum fp_kind { KIND_ZERO, KIND_FINITE, KIND_INF, KIND_QNAN, KIND_SNAN, KIND_UNSUPPORTED };

struct fp_num {
	u128 sig;
	int32_t exp;
	uint8_t kind;
	bool sign;
	bool denormal; /* was a denormal operand */
};

/* Significand bits with the integer bit, the largest exponent (also the bias), and the smallest. */
struct fp_format {
	int prec;
	int emax;
	int emin;
};

#define FMT_F16	 ((struct fp_format){11, 15, -14})
#define FMT_F32	 ((struct fp_format){24, 127, -126})
#define FMT_F64	 ((struct fp_format){53, 1023, -1022})
#define FMT_F80	 ((struct fp_format){64, 16383, -16382})
#define FMT_F128 ((struct fp_format){113, 16383, -16382})

#define TOP_BIT	  ((u128)1 << 127)
#define QUIET_BIT ((u128)1 << 126)

static inline int clz128(u128 v)
{
	uint64_t hi = (uint64_t)(v >> 64);

	return hi ? __builtin_clzll(hi) : 64 + __builtin_clzll((uint64_t)v);
}

/* Shift right by n >= 0; bits that fall out are ORed into bit 0. */
static inline u128 shift_right_jam(u128 v, int n)
{
	if (n == 0)
		return v;
	if (n > 127)
		return v != 0;
	return v >> n | ((v << (128 - n)) != 0);
}

static inline struct fp_num fp_special(enum fp_kind kind, bool sign)
{
	return (struct fp_num){.kind = kind, .sign = sign};
}

static inline bool is_nan2(const struct fp_num *a, const struct fp_num *b)
{
	return a->kind >= KIND_QNAN || b->kind >= KIND_QNAN;
}

/* To be called once the operation is known to be valid: invalid comes before denormal. */
static inline void use_operands(const struct fp_num *a, const struct fp_num *b,
				struct fp_status *st)
{
	if ((a->denormal || b->denormal) && st->rules->denormal_used)
		st->flags |= FP_DENORMAL;
}

static inline void use_operand(const struct fp_num *a, struct fp_status *st)
{
	use_operands(a, a, st);
}

/* nan.c: results that are NaNs. Invalid is raised where it must be. */
struct fp_num fp_default_nan(const struct fp_status *st);
struct fp_num fp_invalid(struct fp_status *st);
struct fp_num fp_propagate(const struct fp_num *ops, int count, struct fp_status *st);

static inline struct fp_num fp_propagate1(struct fp_num a, struct fp_status *st)
{
	return fp_propagate(&a, 1, st);
}

static inline struct fp_num fp_propagate2(struct fp_num a, struct fp_num b, struct fp_status *st)
{
	struct fp_num ops[2] = {a, b};

	return fp_propagate(ops, 2, st);
}

/* round.c: round to a format; anything but finite numbers passes unchanged. */
struct fp_num fp_round(struct fp_num n, struct fp_format f, struct fp_status *st);
/* Whether a magnitude is to be incremented; rest is what lies below the last bit, half its half. */
bool fp_increments(enum fp_round round, bool sign, bool odd, u128 rest, u128 half);

/* Unrounded operations, for use by other operations. */
struct fp_num fp_add(struct fp_num a, struct fp_num b, struct fp_status *st);
struct fp_num fp_mul(struct fp_num a, struct fp_num b, struct fp_status *st);
struct fp_num fp_div(struct fp_num a, struct fp_num b, struct fp_status *st);
struct fp_num fp_sqrt(struct fp_num a, int bits, struct fp_status *st);
struct fp_num fp_from_u64(bool sign, uint64_t v);
struct fp_num fp_rint(struct fp_num a, enum fp_round round, struct fp_status *st);
/*
 * rem.c: |r| of a finite r = a - q*b with q truncated, or rounded to nearest-even; the low 64 bits
 * of q go to *quotient. Both operands must be finite and nonzero.
 */
struct fp_num fp_rem_finite(struct fp_num a, struct fp_num b, bool nearest, uint64_t *quotient);

/*
 * Unpack an IEEE interchange format: `frac` is the fraction with its first bit in bit 126, `e` the
 * biased exponent.
 */
static inline struct fp_num fp_unpack(bool sign, int e, u128 frac, struct fp_format f,
				      struct fp_status *st)
{
	struct fp_num n = {.sign = sign, .sig = frac | TOP_BIT, .exp = e - f.emax};
	int shift;

	n.kind = KIND_FINITE;
	if (e == 0) {
		n.kind = KIND_ZERO;
		if (frac == 0)
			return n;
		if (st->daz) {
			if (st->rules->denormal_flushed)
				st->flags |= FP_DENORMAL;
			return n;
		}
		shift = clz128(frac);
		n.kind = KIND_FINITE;
		n.denormal = true;
		n.sig = frac << shift;
		n.exp = f.emin - shift;
	} else if (e == 2 * f.emax + 1) {
		n.kind = KIND_INF;
		if (frac)
			n.kind = !(frac & QUIET_BIT) == st->rules->snan_is_one ? KIND_QNAN
									       : KIND_SNAN;
	}
	return n;
}

static inline struct fp_num f16_unpack(f16 a, struct fp_status *st)
{
	return fp_unpack(a >> 15, a >> 10 & 0x1f, (u128)(a & 0x3ff) << 117, FMT_F16, st);
}

static inline struct fp_num f32_unpack(f32 a, struct fp_status *st)
{
	return fp_unpack(a >> 31, a >> 23 & 0xff, (u128)(a & 0x7fffff) << 104, FMT_F32, st);
}

static inline struct fp_num f64_unpack(f64 a, struct fp_status *st)
{
	return fp_unpack(a >> 63, a >> 52 & 0x7ff, (u128)(a & 0xfffffffffffff) << 75, FMT_F64, st);
}

static inline struct fp_num f128_unpack(struct f128 a, struct fp_status *st)
{
	u128 frac = (u128)(a.hi & 0xffffffffffff) << 64 | a.lo;

	return fp_unpack(a.hi >> 63, a.hi >> 48 & 0x7fff, frac << 15, FMT_F128, st);
}

/* Intel SDM volume 1, 8.2.2: encodings without the integer bit are unsupported. */
static inline struct fp_num f80_unpack(struct f80 a, struct fp_status *st)
{
	int e = a.se & 0x7fff;
	struct fp_num n = {.sign = a.se >> 15, .sig = (u128)a.frac << 64, .exp = e - 16383};
	bool m68k = st->rules->f80_m68k;
	int shift;

	if (e == 0x7fff) {
		n.kind = KIND_INF;
		if (a.frac << 1)
			n.kind = n.sig & QUIET_BIT ? KIND_QNAN : KIND_SNAN;
		if (!m68k && !(a.frac >> 63))
			n.kind = KIND_UNSUPPORTED;
		n.sig |= TOP_BIT;
	} else if (a.frac == 0 && (e == 0 || m68k)) {
		n.kind = KIND_ZERO;
	} else if (a.frac >> 63 && e) {
		n.kind = KIND_FINITE;
	} else if (e && !m68k) {
		n.kind = KIND_UNSUPPORTED;
	} else {
		shift = clz128(n.sig);
		n.kind = KIND_FINITE;
		n.denormal = e == 0;
		n.sig <<= shift;
		n.exp = (e || m68k ? e : 1) - 16383 - shift;
	}
	return n;
}

/*
 * The biased exponent and the fraction (first bit in bit 126; above it the integer bit) of a number
 * that fp_round() made fit the format.
 */
static inline int fp_fields(struct fp_num *n, struct fp_format f)
{
	switch (n->kind) {
	case KIND_ZERO: n->sig = 0; return 0;
	case KIND_INF: n->sig = TOP_BIT; return 2 * f.emax + 1;
	case KIND_FINITE:
		if (n->exp >= f.emin)
			return n->exp + f.emax;
		n->sig >>= f.emin - n->exp;
		return 0;
	default: return 2 * f.emax + 1;
	}
}

/* The 68881 uses exponent field 0 for normal numbers, too. */
static inline struct fp_format f80_format(const struct fp_status *st)
{
	struct fp_format f = FMT_F80;

	f.emin -= st->rules->f80_m68k;
	return f;
}

#define f16_format(st)	FMT_F16
#define f32_format(st)	FMT_F32
#define f64_format(st)	FMT_F64
#define f128_format(st) FMT_F128

static inline f16 f16_pack(struct fp_num n, const struct fp_status *st)
{
	int e = fp_fields(&n, FMT_F16);

	return (f16)(n.sign << 15 | e << 10 | ((int)(n.sig >> 117) & 0x3ff));
}

static inline f32 f32_pack(struct fp_num n, const struct fp_status *st)
{
	uint32_t e = (uint32_t)fp_fields(&n, FMT_F32);

	return (uint32_t)n.sign << 31 | e << 23 | ((uint32_t)(n.sig >> 104) & 0x7fffff);
}

static inline f64 f64_pack(struct fp_num n, const struct fp_status *st)
{
	uint64_t e = (uint64_t)fp_fields(&n, FMT_F64);

	return (uint64_t)n.sign << 63 | e << 52 | ((uint64_t)(n.sig >> 75) & 0xfffffffffffff);
}

static inline struct f80 f80_pack(struct fp_num n, const struct fp_status *st)
{
	int e = fp_fields(&n, f80_format(st));

	return (struct f80){(uint64_t)(n.sig >> 64), (uint16_t)(n.sign << 15 | e)};
}

static inline struct f128 f128_pack(struct fp_num n, const struct fp_status *st)
{
	uint64_t e = (uint64_t)fp_fields(&n, FMT_F128);
	u128 frac = n.sig >> 15;

	return (struct f128){(uint64_t)frac, (uint64_t)n.sign << 63 | e << 48 |
						     ((uint64_t)(frac >> 64) & 0xffffffffffff)};
}

/* Round an arithmetic result to its format F and pack it. */
#define fp_result(F, n, st) F##_pack(fp_round(n, F##_format(st), st), st)

/* The same for the five operations that obey the x87 precision control. */
static inline struct fp_format f80_format_pc(const struct fp_status *st)
{
	struct fp_format f = f80_format(st);

	if (st->precision)
		f.prec = st->precision;
	return f;
}

#define f32_format_pc	       f32_format
#define f64_format_pc	       f64_format
#define f128_format_pc	       f128_format
#define fp_result_pc(F, n, st) F##_pack(fp_round(n, F##_format_pc(st), st), st)

/* Instantiate an operation for every format. */
#define FOR_EACH_FORMAT(M) \
	M(f32, f32)        \
	M(f64, f64)        \
	M(f80, struct f80) \
	M(f128, struct f128)

#endif
