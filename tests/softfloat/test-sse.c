/*
 * Soft-float against the host's SSE unit: result bits and exception flags, in every rounding mode,
 * with and without flush-to-zero and denormals-are-zero.
 */
#include <check.h>
#include <string.h>
#include "fptest.h"

#define CSR_MASKED 0x1f80
#define CSR_DAZ	   0x0040
#define CSR_FTZ	   0x8000

/* Run one SSE instruction under MXCSR `csr` (flags clear); the flags it raises go to *flags. */
#define UNDER_CSR(csr, flags, insn, ...)                       \
	do {                                                   \
		uint32_t saved_, used_ = (csr);                \
		__asm__ volatile("stmxcsr %0" : "=m"(saved_)); \
		__asm__ volatile("ldmxcsr %0" ::"m"(used_));   \
		__asm__ volatile(insn __VA_ARGS__);            \
		__asm__ volatile("stmxcsr %0" : "=m"(used_));  \
		__asm__ volatile("ldmxcsr %0" ::"m"(saved_));  \
		*(flags) = used_ & 0x3f;                       \
	} while (0)

#define HOST_BINARY(name, T, F, insn)                                      \
	static T name(T a, T b, uint32_t csr, uint32_t *flags)             \
	{                                                                  \
		F x, y;                                                    \
		memcpy(&x, &a, sizeof(x));                                 \
		memcpy(&y, &b, sizeof(y));                                 \
		UNDER_CSR(csr, flags, insn " %1, %0", : "+x"(x) : "x"(y)); \
		memcpy(&a, &x, sizeof(a));                                 \
		return a;                                                  \
	}

#define HOST_OPS(T, F, s)                                     \
	HOST_BINARY(host_add##s, T, F, "adds" #s)             \
	HOST_BINARY(host_sub##s, T, F, "subs" #s)             \
	HOST_BINARY(host_mul##s, T, F, "muls" #s)             \
	HOST_BINARY(host_div##s, T, F, "divs" #s)             \
	HOST_BINARY(host_sqrt##s, T, F, "sqrts" #s)           \
	HOST_BINARY(host_min##s, T, F, "mins" #s)             \
	HOST_BINARY(host_max##s, T, F, "maxs" #s)             \
	HOST_BINARY(host_round0##s, T, F, "rounds" #s " $0,") \
	HOST_BINARY(host_round1##s, T, F, "rounds" #s " $1,") \
	HOST_BINARY(host_round2##s, T, F, "rounds" #s " $2,") \
	HOST_BINARY(host_round3##s, T, F, "rounds" #s " $3,")

HOST_OPS(f32, float, s)
HOST_OPS(f64, double, d)

#define SOFT_OPS(F, T)                                           \
	static T soft_sqrt_##F(T a, T b, struct fp_status *st)   \
	{                                                        \
		return F##_sqrt(b, st);                          \
	}                                                        \
	static T soft_min_##F(T a, T b, struct fp_status *st)    \
	{                                                        \
		return F##_minmax(a, b, false, FP_MM_X86, st);   \
	}                                                        \
	static T soft_max_##F(T a, T b, struct fp_status *st)    \
	{                                                        \
		return F##_minmax(a, b, true, FP_MM_X86, st);    \
	}                                                        \
	static T soft_round0_##F(T a, T b, struct fp_status *st) \
	{                                                        \
		return F##_rint(b, FP_RND_NEAREST, st);          \
	}                                                        \
	static T soft_round1_##F(T a, T b, struct fp_status *st) \
	{                                                        \
		return F##_rint(b, FP_RND_DOWN, st);             \
	}                                                        \
	static T soft_round2_##F(T a, T b, struct fp_status *st) \
	{                                                        \
		return F##_rint(b, FP_RND_UP, st);               \
	}                                                        \
	static T soft_round3_##F(T a, T b, struct fp_status *st) \
	{                                                        \
		return F##_rint(b, FP_RND_ZERO, st);             \
	}

SOFT_OPS(f32, f32)
SOFT_OPS(f64, f64)

/* The 16 combinations of rounding mode, FTZ and DAZ, as MXCSR and as status. */
static uint32_t csr_of(int mode)
{
	return CSR_MASKED | (uint32_t)(mode & 3) << 13 | (mode & 4 ? CSR_FTZ : 0) |
	       (mode & 8 ? CSR_DAZ : 0);
}

static struct fp_status status_of(int mode)
{
	return (struct fp_status){.rules = &fp_rules_sse,
				  .round = (uint8_t)(mode & 3),
				  .ftz = (mode & 4) != 0,
				  .daz = (mode & 8) != 0};
}

static void fail_case(const char *name, int mode, uint64_t a, uint64_t b, uint64_t host,
		      uint32_t host_flags, uint64_t soft, uint32_t soft_flags)
{
	ck_abort_msg("%s mode %x: %016" PRIx64 " %016" PRIx64 ": host %016" PRIx64
		     " flags %02x, soft %016" PRIx64 " flags %02x",
		     name, mode, a, b, host, host_flags, soft, soft_flags);
}

#define RUN_BINARY(F, T)                                                             \
	static void run_##F(const char *name, T (*host)(T, T, uint32_t, uint32_t *), \
			    T (*soft)(T, T, struct fp_status *), long count)         \
	{                                                                            \
		struct rng r = rng_new(sizeof(T));                                   \
		uint32_t flags;                                                      \
		T a, b, h, s;                                                        \
                                                                                     \
		for (long i = 0; i < count; i++) {                                   \
			int mode = (int)(i & 15);                                    \
			struct fp_status st = status_of(mode);                       \
                                                                                     \
			a = rand_##F(&r);                                            \
			b = rand_near_##F(&r, a);                                    \
			h = host(a, b, csr_of(mode), &flags);                        \
			s = soft(a, b, &st);                                         \
			if (h != s || flags != st.flags)                             \
				fail_case(name, mode, a, b, h, flags, s, st.flags);  \
		}                                                                    \
	}

RUN_BINARY(f32, f32)
RUN_BINARY(f64, f64)

#define COUNT cases(400000)

#define BINARY_TEST(op)                                           \
	START_TEST(op##_f32)                                      \
	{                                                         \
		run_f32(#op "ss", host_##op##s, f32_##op, COUNT); \
	}                                                         \
	END_TEST                                                  \
	START_TEST(op##_f64)                                      \
	{                                                         \
		run_f64(#op "sd", host_##op##d, f64_##op, COUNT); \
	}                                                         \
	END_TEST

BINARY_TEST(add)
BINARY_TEST(sub)
BINARY_TEST(mul)
BINARY_TEST(div)

#define WRAPPED_TEST(op)                                                 \
	START_TEST(op##_both)                                            \
	{                                                                \
		run_f32(#op "ss", host_##op##s, soft_##op##_f32, COUNT); \
		run_f64(#op "sd", host_##op##d, soft_##op##_f64, COUNT); \
	}                                                                \
	END_TEST

WRAPPED_TEST(sqrt)
WRAPPED_TEST(min)
WRAPPED_TEST(max)
WRAPPED_TEST(round0)
WRAPPED_TEST(round1)
WRAPPED_TEST(round2)
WRAPPED_TEST(round3)

/* COMISx and UCOMISx: EFLAGS as LAHF shows them. */
#define HOST_COMPARE(name, T, F, insn)                                                       \
	static enum fp_relation name(T a, T b, uint32_t csr, uint32_t *flags)                \
	{                                                                                    \
		uint8_t cf, zf, pf;                                                          \
		F x, y;                                                                      \
		memcpy(&x, &a, sizeof(x));                                                   \
		memcpy(&y, &b, sizeof(y));                                                   \
		UNDER_CSR(csr, flags, insn " %4, %3; setc %0; setz %1; setp %2", : "=q"(cf), \
			  "=q"(zf), "=q"(pf) : "x"(x), "x"(y) : "cc");                       \
		return pf ? FP_UNORDERED : zf ? FP_EQUAL : cf ? FP_LESS : FP_GREATER;        \
	}

HOST_COMPARE(host_comiss, f32, float, "comiss")
HOST_COMPARE(host_comisd, f64, double, "comisd")
HOST_COMPARE(host_ucomiss, f32, float, "ucomiss")
HOST_COMPARE(host_ucomisd, f64, double, "ucomisd")

#define RUN_COMPARE(F, T)                                                                    \
	static void compare_##F(const char *name,                                            \
				enum fp_relation (*host)(T, T, uint32_t, uint32_t *),        \
				enum fp_relation (*soft)(T, T, struct fp_status *))          \
	{                                                                                    \
		struct rng r = rng_new(sizeof(T) + 100);                                     \
		enum fp_relation h, s;                                                       \
		uint32_t flags;                                                              \
		T a, b;                                                                      \
                                                                                             \
		for (long i = 0; i < COUNT; i++) {                                           \
			int mode = (int)(i & 15);                                            \
			struct fp_status st = status_of(mode);                               \
                                                                                             \
			a = rand_##F(&r);                                                    \
			b = rng_below(&r, 8) ? rand_near_##F(&r, a) : a;                     \
			h = host(a, b, csr_of(mode), &flags);                                \
			s = soft(a, b, &st);                                                 \
			if (h != s || flags != st.flags)                                     \
				fail_case(name, mode, a, b, (uint64_t)h, flags, (uint64_t)s, \
					  st.flags);                                         \
		}                                                                            \
	}

RUN_COMPARE(f32, f32)
RUN_COMPARE(f64, f64)

START_TEST(compare)
{
	compare_f32("comiss", host_comiss, f32_compare);
	compare_f64("comisd", host_comisd, f64_compare);
	compare_f32("ucomiss", host_ucomiss, f32_compare_quiet);
	compare_f64("ucomisd", host_ucomisd, f64_compare_quiet);
}
END_TEST

/* Conversions: TI is what goes in (as bits), and CI, CO are constraints. */
#define HOST_CONVERT(name, TI, FI, CI, TO, FO, CO, insn)                \
	static TO name(TI a, uint32_t csr, uint32_t *flags)             \
	{                                                               \
		FI x;                                                   \
		FO y = 0;                                               \
		TO out;                                                 \
		memcpy(&x, &a, sizeof(x));                              \
		UNDER_CSR(csr, flags, insn " %1, %0", : CO(y) : CI(x)); \
		memcpy(&out, &y, sizeof(out));                          \
		return out;                                             \
	}

HOST_CONVERT(host_cvtss2sd, f32, float, "x", f64, double, "+x", "cvtss2sd")
HOST_CONVERT(host_cvtsd2ss, f64, double, "x", f32, float, "+x", "cvtsd2ss")
HOST_CONVERT(host_cvtss2sil, f32, float, "x", int32_t, int32_t, "+r", "cvtss2sil")
HOST_CONVERT(host_cvtsd2sil, f64, double, "x", int32_t, int32_t, "+r", "cvtsd2sil")
HOST_CONVERT(host_cvtss2siq, f32, float, "x", int64_t, int64_t, "+r", "cvtss2siq")
HOST_CONVERT(host_cvtsd2siq, f64, double, "x", int64_t, int64_t, "+r", "cvtsd2siq")
HOST_CONVERT(host_cvttss2siq, f32, float, "x", int64_t, int64_t, "+r", "cvttss2siq")
HOST_CONVERT(host_cvttsd2sil, f64, double, "x", int32_t, int32_t, "+r", "cvttsd2sil")
HOST_CONVERT(host_cvtsi2ssl, int32_t, int32_t, "r", f32, float, "+x", "cvtsi2ssl")
HOST_CONVERT(host_cvtsi2sdl, int32_t, int32_t, "r", f64, double, "+x", "cvtsi2sdl")
HOST_CONVERT(host_cvtsi2ssq, int64_t, int64_t, "r", f32, float, "+x", "cvtsi2ssq")
HOST_CONVERT(host_cvtsi2sdq, int64_t, int64_t, "r", f64, double, "+x", "cvtsi2sdq")

#define CONVERT_TEST(name, TI, TO, operand, soft)                                          \
	START_TEST(name)                                                                   \
	{                                                                                  \
		struct rng r = rng_new(200);                                               \
		uint32_t flags;                                                            \
                                                                                           \
		for (long i = 0; i < COUNT; i++) {                                         \
			int mode = (int)(i & 15);                                          \
			struct fp_status st = status_of(mode);                             \
			TI a = (TI)operand(&r);                                            \
			TO h = host_##name(a, csr_of(mode), &flags), s = soft;             \
                                                                                           \
			if (h != s || flags != st.flags)                                   \
				fail_case(#name, mode, (uint64_t)a, 0, (uint64_t)h, flags, \
					  (uint64_t)s, st.flags);                          \
		}                                                                          \
	}                                                                                  \
	END_TEST

CONVERT_TEST(cvtss2sd, f32, f64, rand_f32, f32_to_f64(a, &st))
CONVERT_TEST(cvtsd2ss, f64, f32, rand_f64, f64_to_f32(a, &st))
CONVERT_TEST(cvtss2sil, f32, int32_t, rand_f32, f32_to_i32(a, st.round, &st))
CONVERT_TEST(cvtsd2sil, f64, int32_t, rand_f64, f64_to_i32(a, st.round, &st))
CONVERT_TEST(cvtss2siq, f32, int64_t, rand_f32, f32_to_i64(a, st.round, &st))
CONVERT_TEST(cvtsd2siq, f64, int64_t, rand_f64, f64_to_i64(a, st.round, &st))
CONVERT_TEST(cvttss2siq, f32, int64_t, rand_f32, f32_to_i64(a, FP_RND_ZERO, &st))
CONVERT_TEST(cvttsd2sil, f64, int32_t, rand_f64, f64_to_i32(a, FP_RND_ZERO, &st))
CONVERT_TEST(cvtsi2ssl, int32_t, f32, rand_int, f32_from_i32(a, &st))
CONVERT_TEST(cvtsi2sdl, int32_t, f64, rand_int, f64_from_i32(a, &st))
CONVERT_TEST(cvtsi2ssq, int64_t, f32, rand_int, f32_from_i64(a, &st))
CONVERT_TEST(cvtsi2sdq, int64_t, f64, rand_int, f64_from_i64(a, &st))

/* The forms numbered 213: operand 2 (here a) times operand 1 plus operand 3, and NaNs in that
 * order. */
#define HOST_FMA(name, T, F, insn)                                                     \
	static T name(T a, T b, T c, uint32_t csr, uint32_t *flags)                    \
	{                                                                              \
		F x, y, z;                                                             \
		memcpy(&x, &a, sizeof(x));                                             \
		memcpy(&y, &b, sizeof(y));                                             \
		memcpy(&z, &c, sizeof(z));                                             \
		UNDER_CSR(csr, flags, insn " %2, %1, %0", : "+x"(y) : "x"(x), "x"(z)); \
		memcpy(&a, &y, sizeof(a));                                             \
		return a;                                                              \
	}

HOST_FMA(host_fmadds, f32, float, "vfmadd213ss")
HOST_FMA(host_fmaddd, f64, double, "vfmadd213sd")
HOST_FMA(host_fnmsubs, f32, float, "vfnmsub213ss")
HOST_FMA(host_fnmsubd, f64, double, "vfnmsub213sd")

#define FMA_TEST(F, name, neg)                                                       \
	START_TEST(name)                                                             \
	{                                                                            \
		struct rng r = rng_new(300);                                         \
		uint32_t flags;                                                      \
		F a, b, c, t, h, s;                                                  \
                                                                                     \
		if (!__builtin_cpu_supports("fma"))                                  \
			return;                                                      \
		for (long i = 0; i < 2 * COUNT; i++) {                               \
			int mode = (int)(i & 15);                                    \
			struct fp_status st = status_of(mode), dummy = st;           \
                                                                                     \
			a = rand_##F(&r);                                            \
			b = rand_near_##F(&r, a);                                    \
			t = rng_below(&r, 2) ? a : F##_mul(a, b, &dummy);            \
			c = rand_near_##F(&r, t);                                    \
			h = host_##name(a, b, c, csr_of(mode), &flags);              \
			s = F##_muladd(a, b, c, neg, &st);                           \
			if (h != s || flags != st.flags) {                           \
				printf("c = %016" PRIx64 "\n", (uint64_t)c);         \
				fail_case(#name, mode, a, b, h, flags, s, st.flags); \
			}                                                            \
		}                                                                    \
	}                                                                            \
	END_TEST

FMA_TEST(f32, fmadds, 0)
FMA_TEST(f64, fmaddd, 0)
FMA_TEST(f32, fnmsubs, FP_NEG_PRODUCT | FP_NEG_ADDEND)
FMA_TEST(f64, fnmsubd, FP_NEG_PRODUCT | FP_NEG_ADDEND)

/* F16C: rounding comes from MXCSR (imm bit 2), FTZ is not used for half precision results. */
START_TEST(half)
{
	struct rng r = rng_new(400);
	uint32_t flags;

	if (!__builtin_cpu_supports("f16c"))
		return;
	for (long i = 0; i < COUNT; i++) {
		int mode = (int)(i & 11);
		struct fp_status st = status_of(mode);
		f32 a = rand_f32(&r), wide;
		f16 s, h = (f16)i;
		uint64_t out;
		float x;

		if (rng_below(&r, 2))
			a = (a & 0x807fffff) | (100 + rng_below(&r, 50)) << 23;
		memcpy(&x, &a, sizeof(x));
		UNDER_CSR(
			csr_of(mode), &flags,
			"vcvtps2ph $4, %1, %%xmm0; vmovq %%xmm0, %0", : "=r"(out) : "x"(x) : "xmm0");
		s = f32_to_f16(a, &st);
		if (s != (f16)out || flags != st.flags)
			fail_case("vcvtps2ph", mode, a, 0, out & 0xffff, flags, s, st.flags);

		/* Every f16; DAZ does not apply, and no denormal is reported. */
		st = status_of(0);
		UNDER_CSR(
			CSR_MASKED, &flags,
			"vmovd %1, %%xmm0; vcvtph2ps %%xmm0, %%xmm0; vmovd %%xmm0, %0", : "=r"(wide) : "r"((uint32_t)h) : "xmm0");
		a = f16_to_f32(h, &st);
		if (a != wide || flags != (st.flags & ~FP_DENORMAL))
			fail_case("vcvtph2ps", 0, h, 0, wide, flags, a, st.flags);
	}
}
END_TEST

FPTEST_MAIN("softfloat-sse", add_f32, add_f64, sub_f32, sub_f64, mul_f32, mul_f64, div_f32, div_f64,
	    sqrt_both, min_both, max_both, round0_both, round1_both, round2_both, round3_both,
	    compare, cvtss2sd, cvtsd2ss, cvtss2sil, cvtsd2sil, cvtss2siq, cvtsd2siq, cvtsi2ssl,
	    cvtsi2sdl, fmadds, cvttss2siq, cvttsd2sil, cvtsi2ssq, cvtsi2sdq, fmaddd, fnmsubs,
	    fnmsubd, half)
