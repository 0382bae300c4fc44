/*
 * Fast paths: the host's arithmetic where it gives exactly what soft-float would, and soft-float
 * everywhere else.
 *
 * The one exception flag that ordinary arithmetic raises all the time is inexact, and it is sticky:
 * once it is in st->flags nobody can see that it is raised again. So the host may do the work if
 * rounding is to nearest, inexact is already recorded and not trapped (or not raised), and the
 * operation raised nothing else and gave an ordinary number or zero.
 *
 * On x86 hosts "raised nothing else" is read from MXCSR, whose other flags are kept clear: 1.0 ns
 * an addition, against 1.9 ns for looking at the exponents of both operands, which other hosts do.
 * (Loading a guest's MXCSR and the host's back costs 28 ns, so modes are never switched here.)
 *
 * The x87 part is different: changing the x87's control word is nearly free (0.2 ns here), so x87
 * instructions run under the guest's own, in every mode, and give the processor's result, flags and
 * C1; see hx87_add().
 */
#ifndef RATITE_INTERP_SOFTFLOAT_HOSTFP_H
#define RATITE_INTERP_SOFTFLOAT_HOSTFP_H

#include <math.h>
#include <string.h>
#include "interp/softfloat/softfloat.h"

/* RATITE_PORTABLE_FP builds what other hosts have, to test it on this one. */
#if defined(__x86_64__) && !defined(RATITE_PORTABLE_FP)
#define HOST_HAS_SSE 1
#define HOST_HAS_X87 1
#else
#define HOST_HAS_SSE 0
#define HOST_HAS_X87 0
#endif

#define FP_LIKELY(x) __builtin_expect(!!(x), 1)

static inline float f32_value(f32 a)
{
	float v;

	memcpy(&v, &a, sizeof(v));
	return v;
}

static inline double f64_value(f64 a)
{
	double v;

	memcpy(&v, &a, sizeof(v));
	return v;
}

static inline f32 f32_bits(float v)
{
	f32 a;

	memcpy(&a, &v, sizeof(a));
	return a;
}

static inline f64 f64_bits(double v)
{
	f64 a;

	memcpy(&a, &v, sizeof(a));
	return a;
}

/* Round to nearest, inexact recorded and not trapped: st->round, flags and traps in one compare. */
static inline bool fp_host_ready(const struct fp_status *st)
{
	return (st->round | (~st->flags & FP_INEXACT) | (st->traps & FP_INEXACT)) == 0;
}

/* Forgets flags that stand in the host's MXCSR, so that the fast paths work again. Slow. */
void fp_host_clear(void);

/*
 * An exponent field that is neither 0 (zero, denormal) nor the largest (infinity, NaN), nor 1: the
 * smallest normal number may have been rounded up from a tiny one.
 */
static inline bool f32_ordinary(f32 a)
{
	return (a >> 23 & 0xff) - 2u < 0xfdu;
}

static inline bool f64_ordinary(f64 a)
{
	return (a >> 52 & 0x7ff) - 2u < 0x7fdu;
}

static inline bool f32_ordinary_or_zero(f32 a)
{
	return f32_ordinary(a) || a << 1 == 0;
}

static inline bool f64_ordinary_or_zero(f64 a)
{
	return f64_ordinary(a) || a << 1 == 0;
}

#if HOST_HAS_SSE
/* The host's MXCSR, whose flags are FP_*. */
static inline uint32_t fp_host_csr(void)
{
	uint32_t csr;

	__asm__ volatile("stmxcsr %0" : "=m"(csr));
	return csr;
}

/* Whether the host raised any of `flags`; the operand orders this after its computation. */
#define FP_HOST_RAISED(result, flags)                                      \
	({                                                                 \
		uint32_t csr_;                                             \
		__asm__ volatile("stmxcsr %0" : "=m"(csr_) : "x"(result)); \
		(csr_ & (flags)) != 0;                                     \
	})
#define FP_HOST_CLEAN(result) (!FP_HOST_RAISED(result, FP_FLAGS & ~FP_INEXACT))
/* An exact operation needs no inexact that is recorded already. */
#define FP_HOST_USABLE2(F, a, b, st) (((st)->round | ((st)->traps & FP_INEXACT)) == 0)
#define FP_HOST_GOOD(F, value, bits, sum, st)                                          \
	(!FP_HOST_RAISED(value, (uint32_t)(FP_FLAGS & ~((st)->flags & FP_INEXACT))) && \
	 F##_ordinary_or_zero(bits))
#else
static inline uint32_t fp_host_csr(void)
{
	return 0;
}

#define FP_HOST_USABLE2(F, a, b, st) \
	(fp_host_ready(st) && F##_ordinary_or_zero(a) && F##_ordinary_or_zero(b))
/* A zero sum is exact; a zero product or quotient may have underflowed. */
#define FP_HOST_GOOD(F, value, bits, sum, st) \
	(F##_ordinary(bits) || ((sum) && F##_ordinary_or_zero(bits)))
#endif

/* Slow halves: soft-float, after making the host ready for the next time. */
#define FP_SLOW2(F, op) F h##F##_##op##_slow(F a, F b, struct fp_status *st);

#define FP_HOST2(F, op, operator, sum)                                          \
	FP_SLOW2(F, op)                                                         \
	static inline F h##F##_##op(F a, F b, struct fp_status *st)             \
	{                                                                       \
		if (FP_LIKELY(FP_HOST_USABLE2(F, a, b, st))) {                  \
			__auto_type value = F##_value(a) operator F##_value(b); \
			F bits = F##_bits(value);                               \
                                                                                \
			if (FP_LIKELY(FP_HOST_GOOD(F, value, bits, sum, st)))   \
				return bits;                                    \
		}                                                               \
		return h##F##_##op##_slow(a, b, st);                            \
	}

/*
 * hf32_add(a, b, st) and so on: what f32_add() does, except that st->rounded_up is left undefined.
 */
FP_HOST2(f32, add, +, true)
FP_HOST2(f32, sub, -, true)
FP_HOST2(f32, mul, *, false)
FP_HOST2(f32, div, /, false)
FP_HOST2(f64, add, +, true)
FP_HOST2(f64, sub, -, true)
FP_HOST2(f64, mul, *, false)
FP_HOST2(f64, div, /, false)

/* Square root: ordinary positive operands give ordinary results and nothing but inexact. */
static inline f32 hf32_sqrt(f32 a, struct fp_status *st)
{
	if (FP_LIKELY(fp_host_ready(st) && f32_ordinary(a) && !(a >> 31)))
		return f32_bits(sqrtf(f32_value(a)));
	return f32_sqrt(a, st);
}

static inline f64 hf64_sqrt(f64 a, struct fp_status *st)
{
	if (FP_LIKELY(fp_host_ready(st) && f64_ordinary(a) && !(a >> 63)))
		return f64_bits(sqrt(f64_value(a)));
	return f64_sqrt(a, st);
}

/* hF_compare(), hF_compare_quiet(): no flag is raised for ordinary numbers and zeroes. */
#define FP_HOST_COMPARE(F, name)                                                     \
	static inline enum fp_relation h##F##_##name(F a, F b, struct fp_status *st) \
	{                                                                            \
		if (FP_LIKELY(F##_ordinary_or_zero(a) && F##_ordinary_or_zero(b)))   \
			return (enum fp_relation)((F##_value(a) > F##_value(b)) -    \
						  (F##_value(a) < F##_value(b)));    \
		return F##_##name(a, b, st);                                         \
	}

FP_HOST_COMPARE(f32, compare)
FP_HOST_COMPARE(f32, compare_quiet)
FP_HOST_COMPARE(f64, compare)
FP_HOST_COMPARE(f64, compare_quiet)

/* Conversions. Widening an ordinary number is exact. */
static inline f64 hf32_to_f64(f32 a, struct fp_status *st)
{
	return FP_LIKELY(f32_ordinary_or_zero(a)) ? f64_bits((double)f32_value(a))
						  : f32_to_f64(a, st);
}

static inline f32 hf64_to_f32(f64 a, struct fp_status *st)
{
	f32 bits;

	if (FP_LIKELY(fp_host_ready(st) && f64_ordinary(a))) {
		bits = f32_bits((float)f64_value(a));
		if (FP_LIKELY(f32_ordinary(bits)))
			return bits;
		fp_host_clear();
	}
	return f64_to_f32(a, st);
}

/* Truncation of what fits; only inexact can come of it. */
#define FP_HOST_TRUNCATE(F, name, type, limit)                                       \
	static inline type h##F##_to_##name##_trunc(F a, struct fp_status *st)       \
	{                                                                            \
		if (FP_LIKELY(st->flags & FP_INEXACT && !(st->traps & FP_INEXACT) && \
			      F##_ordinary_or_zero(a) && F##_value(a) < (limit) &&   \
			      F##_value(a) > -(limit)))                              \
			return (type)F##_value(a);                                   \
		return F##_to_##name(a, FP_RND_ZERO, st);                            \
	}

FP_HOST_TRUNCATE(f32, i32, int32_t, 0x1p31f)
FP_HOST_TRUNCATE(f32, i64, int64_t, 0x1p63f)
FP_HOST_TRUNCATE(f64, i32, int32_t, 0x1p31)
FP_HOST_TRUNCATE(f64, i64, int64_t, 0x1p63)

#if HOST_HAS_X87
/*
 * One x87 instruction on the host: a op b under control word `cw`, which must mask all exceptions.
 * *sw is the host's status word after it. Its flags are sticky and may be left over: where it shows
 * one that the guest does not have yet, call hx87_clear() and do it again, or ask soft-float. C1 is
 * always the operation's own. (FNCLEX before each operation would cost 9 ns, FNSTSW costs 0.3 ns.)
 */
#define HX87_BINARY(name, insn)                                                                 \
	static inline struct f80 hx87_##name(struct f80 a, struct f80 b, uint16_t cw,           \
					     uint16_t *sw)                                      \
	{                                                                                       \
		static const uint16_t default_cw = 0x37f;                                       \
		struct f80 result;                                                              \
		__asm__ volatile("fldcw %[cw]; fldt %[a]; fldt %[b]; " insn                     \
				 "; fnstsw %[sw]; fldcw %[host]; fstpt %[res]"                  \
				 : [res] "=m"(result), [sw] "=&a"(*sw)                          \
				 : [a] "m"(a), [b] "m"(b), [cw] "m"(cw), [host] "m"(default_cw) \
				 : "st", "st(1)");                                              \
		return result;                                                                  \
	}

/* AT&T names of the reversed forms are swapped: these compute a - b and a / b. */
HX87_BINARY(add, "faddp")
HX87_BINARY(sub, ".byte 0xde, 0xe9") /* FSUBP ST(1), ST */
HX87_BINARY(mul, "fmulp")
HX87_BINARY(div, ".byte 0xde, 0xf9") /* FDIVP ST(1), ST */

/* Clears the host's x87 exception flags. */
static inline void hx87_clear(void)
{
	__asm__ volatile("fnclex");
}
#endif

#endif
