/*
 * Soft-float against the host's x87: result bits, exception flags and C1, under every rounding and
 * precision control, with overflow, underflow and precision masked and unmasked.
 */
#include <check.h>
#include <string.h>
#include "fptest.h"
#include "hostx87.h"
#include "interp/softfloat/x87.h"

#define COUNT cases(250000)

/* RC, PC and the masks of the three exceptions that are judged after the operation. */
#define MODES 96

static uint16_t control_of(int mode)
{
	static const uint16_t pc[] = {0x300, 0x200, 0x000};
	uint16_t unmasked = (uint16_t)(mode / 12 * 8);

	return (uint16_t)((0x3f & ~unmasked) | pc[mode / 4 % 3] | (mode & 3) << 10);
}

static struct fp_status status_of(int mode)
{
	static const uint8_t precision[] = {FP_PREC_80, FP_PREC_64, FP_PREC_32};

	return (struct fp_status){.rules = &fp_rules_x87,
				  .round = (uint8_t)(mode & 3),
				  .precision = precision[mode / 4 % 3],
				  .traps = (uint8_t)(mode / 12 * 8)};
}

static void fail_case(const char *name, int mode, struct f80 a, struct f80 b, struct f80 host,
		      uint16_t sw, struct f80 soft, const struct fp_status *st)
{
	ck_abort_msg("%s mode %d cw %03x: %04x.%016" PRIx64 " %04x.%016" PRIx64
		     ": host %04x.%016" PRIx64 " flags %02x C1 %d, soft %04x.%016" PRIx64
		     " flags %02x C1 %d",
		     name, mode, control_of(mode), a.se, a.frac, b.se, b.frac, host.se, host.frac,
		     sw & 0x3f, !!(sw & X87_C1), soft.se, soft.frac, st->flags, st->rounded_up);
}

static bool status_differs(uint16_t sw, const struct fp_status *st)
{
	return (sw & 0x3f) != st->flags || !!(sw & X87_C1) != st->rounded_up;
}

typedef struct f80 host_fn(struct f80 a, struct f80 b, uint16_t cw, uint16_t *sw);
typedef struct f80 soft_fn(struct f80 a, struct f80 b, struct fp_status *st);

static void run_binary(const char *name, host_fn *host, soft_fn *soft)
{
	struct rng r = rng_new(80);

	for (long i = 0; i < COUNT; i++) {
		int mode = (int)(i % MODES);
		struct fp_status st = status_of(mode);
		struct f80 a = rand_f80(&r), b = rand_near_f80(&r, a), h, s;
		uint16_t sw;

		h = host(a, b, control_of(mode), &sw);
		s = soft(a, b, &st);
		if (!same_f80(h, s) || status_differs(sw, &st))
			fail_case(name, mode, a, b, h, sw, s, &st);
	}
}

HOST_X87_BINARY(host_fadd, "fadd %%st(1), %%st")
HOST_X87_BINARY(host_fsub, "fsub %%st(1), %%st")
HOST_X87_BINARY(host_fmul, "fmul %%st(1), %%st")
HOST_X87_BINARY(host_fdiv, "fdiv %%st(1), %%st")
HOST_X87_UNARY(host_fsqrt, "fsqrt")
HOST_X87_UNARY(host_frndint, "frndint")

static struct f80 soft_sqrt(struct f80 a, struct f80 b, struct fp_status *st)
{
	return f80_sqrt(b, st);
}

static struct f80 soft_rint(struct f80 a, struct f80 b, struct fp_status *st)
{
	return f80_rint(b, (enum fp_round)st->round, st);
}

#define ARITH_TEST(name, host, soft)           \
	START_TEST(name)                       \
	{                                      \
		run_binary(#name, host, soft); \
	}                                      \
	END_TEST

ARITH_TEST(test_fadd, host_fadd, f80_add)
ARITH_TEST(test_fsub, host_fsub, f80_sub)
ARITH_TEST(test_fmul, host_fmul, f80_mul)
ARITH_TEST(test_fdiv, host_fdiv, f80_div)
ARITH_TEST(test_fsqrt, host_fsqrt, soft_sqrt)
ARITH_TEST(test_frndint, host_frndint, soft_rint)

static struct f80 soft_scale(struct f80 a, struct f80 b, struct fp_status *st)
{
	return x87_scale(a, b, st);
}

static struct f80 soft_prem(struct f80 a, struct f80 b, bool nearest, uint16_t *sw,
			    struct fp_status *st)
{
	unsigned int q;
	bool complete;
	struct f80 r = x87_prem(a, b, nearest, &q, &complete, st);

	*sw = (uint16_t)((q & 4 ? X87_C0 : 0) | (q & 2 ? X87_C3 : 0) | (q & 1 ? X87_C1 : 0) |
			 (complete ? 0 : X87_C2));
	return r;
}

HOST_X87_BINARY(host_fscale, "fscale")
HOST_X87_BINARY(host_fprem, "fprem")
HOST_X87_BINARY(host_fprem1, "fprem1")
HOST_X87_UNARY(host_fxtract_significand, "fxtract")

/* FSCALE: the second operand is mostly small, or the result is always out of range. */
START_TEST(test_fscale)
{
	struct rng r = rng_new(81);

	for (long i = 0; i < COUNT; i++) {
		int mode = (int)(i % MODES);
		struct fp_status st = status_of(mode), t = {.rules = &fp_rules_x87};
		struct f80 a = rand_f80(&r), b = rand_f80(&r), h, s;
		uint16_t sw;

		if (rng_below(&r, 4))
			b = f80_from_i32((int32_t)rng_below(&r, 70000) - 35000, &t);
		if (rng_below(&r, 4) == 0)
			b.frac |= rng_next(&r) >> 50;
		h = host_fscale(a, b, control_of(mode), &sw);
		s = soft_scale(a, b, &st);
		if (!same_f80(h, s) || status_differs(sw, &st))
			fail_case("fscale", mode, a, b, h, sw, s, &st);
	}
}
END_TEST

START_TEST(test_fprem)
{
	const uint16_t conditions = X87_C0 | X87_C1 | X87_C2 | X87_C3;
	struct rng r = rng_new(82);

	for (long i = 0; i < 2 * COUNT; i++) {
		int mode = (int)(i / 2 % MODES);
		bool nearest = i & 1;
		struct fp_status st = status_of(mode);
		struct f80 a = rand_f80(&r), b = rand_near_f80(&r, a), h, s;
		uint16_t sw, soft_sw;

		h = (nearest ? host_fprem1 : host_fprem)(a, b, control_of(mode), &sw);
		s = soft_prem(a, b, nearest, &soft_sw, &st);
		if (!same_f80(h, s) || (sw & 0x3f) != st.flags || (sw & conditions) != soft_sw) {
			printf("host %04x soft %04x\n", sw & conditions, soft_sw);
			fail_case(nearest ? "fprem1" : "fprem", mode, a, b, h, sw, s, &st);
		}
	}
}
END_TEST

static struct f80 soft_extract(struct f80 a, struct f80 b, struct fp_status *st)
{
	struct f80 e;

	return x87_extract(b, &e, st);
}

START_TEST(test_fxtract)
{
	struct rng r = rng_new(83);

	run_binary("fxtract", host_fxtract_significand, soft_extract);
	for (long i = 0; i < COUNT; i++) {
		struct fp_status st = status_of(0);
		struct f80 a = rand_f80(&r), e, h;

		__asm__("fldt %1; fxtract; fstp %%st; fstpt %0" : "=m"(h) : "m"(a));
		x87_extract(a, &e, &st);
		if (!same_f80(h, e))
			fail_case("fxtract exponent", 0, a, a, h, 0, e, &st);
	}
}
END_TEST

/* FCOMI and FUCOMI: the flags instead of the condition codes. */
#define HOST_COMPARE(name, insn)                                                                \
	static enum fp_relation name(struct f80 a, struct f80 b, uint16_t *sw)                  \
	{                                                                                       \
		uint8_t cf, zf, pf;                                                             \
		__asm__ volatile("fninit; fldt %5; fldt %4; " insn                              \
				 " %%st(1), %%st; setc %0; setz %1; setp %2; fnstsw %3; fninit" \
				 : "=&q"(cf), "=&q"(zf), "=&q"(pf), "=&a"(*sw)                  \
				 : "m"(a), "m"(b)                                               \
				 : "cc");                                                       \
		return pf ? FP_UNORDERED : zf ? FP_EQUAL : cf ? FP_LESS : FP_GREATER;           \
	}

HOST_COMPARE(host_fcomi, "fcomi")
HOST_COMPARE(host_fucomi, "fucomi")

START_TEST(test_compare)
{
	struct rng r = rng_new(84);

	for (long i = 0; i < 2 * COUNT; i++) {
		struct fp_status st = status_of(0);
		struct f80 a = rand_f80(&r), b = rng_below(&r, 8) ? rand_near_f80(&r, a) : a;
		uint16_t sw;
		enum fp_relation h = (i & 1 ? host_fucomi : host_fcomi)(a, b, &sw);
		enum fp_relation s = (i & 1 ? f80_compare_quiet : f80_compare)(a, b, &st);

		ck_assert_msg(h == s && (sw & 0x3f) == st.flags,
			      "compare %d %04x.%016" PRIx64 " %04x.%016" PRIx64
			      ": host %d %02x soft %d %02x",
			      (int)(i & 1), a.se, a.frac, b.se, b.frac, h, sw & 0x3f, s, st.flags);
	}
}
END_TEST

/* Stores and loads of other formats. `T` is what is in memory. */
#define HOST_STORE(name, T, insn)                                   \
	static T name(struct f80 a, uint16_t cw, uint16_t *sw)      \
	{                                                           \
		T out = 0;                                          \
		__asm__ volatile("fninit; fldt %2; fldcw %3; " insn \
				 " %0; fnstsw %1; fnclex; fninit"   \
				 : "+m"(out), "=&a"(*sw)            \
				 : "m"(a), "m"(cw));                \
		return out;                                         \
	}

HOST_STORE(host_fst32, f32, "fstps")
HOST_STORE(host_fst64, f64, "fstpl")
HOST_STORE(host_fist16, int16_t, "fistps")
HOST_STORE(host_fist32, int32_t, "fistpl")
HOST_STORE(host_fist64, int64_t, "fistpll")
HOST_STORE(host_fisttp32, int32_t, "fisttpl")

#define STORE_TEST(name, T, max_mode, soft)                                                        \
	START_TEST(test_##name)                                                                    \
	{                                                                                          \
		struct rng r = rng_new(85);                                                        \
                                                                                                   \
		for (long i = 0; i < COUNT; i++) {                                                 \
			int mode = (int)(i % (max_mode));                                          \
			struct fp_status st = status_of(mode);                                     \
			struct f80 a = rand_f80(&r);                                               \
			uint16_t sw;                                                               \
			T h, s;                                                                    \
                                                                                                   \
			if (rng_below(&r, 2))                                                      \
				a.se = (uint16_t)((a.se & 0x8000) |                                \
						  (16383 - 160 + rng_below(&r, 320)));             \
			if (rng_below(&r, 4) == 0)                                                 \
				a.se = (uint16_t)((a.se & 0x8000) |                                \
						  (16383 - 1080 + rng_below(&r, 2160)));           \
			h = host_##name(a, control_of(mode), &sw);                                 \
			s = soft;                                                                  \
			ck_assert_msg(h == s && !status_differs(sw, &st),                          \
				      #name " %d %04x.%016" PRIx64 ": host %" PRIx64               \
					    " %02x %d soft %" PRIx64 " %02x %d",                   \
				      mode, a.se, a.frac, (uint64_t)h, sw & 0x3f, !!(sw & X87_C1), \
				      (uint64_t)s, st.flags, st.rounded_up);                       \
		}                                                                                  \
	}                                                                                          \
	END_TEST

/* Only masked: an unmasked overflow or underflow stores nothing. */
STORE_TEST(fst32, f32, 12, f80_to_f32(a, &st))
STORE_TEST(fst64, f64, 12, f80_to_f64(a, &st))
STORE_TEST(fist16, int16_t, 12, f80_to_i16(a, (enum fp_round)st.round, &st))
STORE_TEST(fist32, int32_t, 12, f80_to_i32(a, (enum fp_round)st.round, &st))
STORE_TEST(fist64, int64_t, 12, f80_to_i64(a, (enum fp_round)st.round, &st))
STORE_TEST(fisttp32, int32_t, 12, f80_to_i32(a, FP_RND_ZERO, &st))

START_TEST(test_loads)
{
	struct rng r = rng_new(86);

	for (long i = 0; i < COUNT; i++) {
		struct fp_status st = status_of(0), st2 = st;
		f32 a = rand_f32(&r);
		f64 b = rand_f64(&r);
		int64_t n = rand_int(&r);
		struct f80 h, s;
		uint16_t sw;

		__asm__ volatile("fninit; flds %2; fnstsw %1; fstpt %0"
				 : "=m"(h), "=&a"(sw)
				 : "m"(a));
		s = f32_to_f80(a, &st);
		ck_assert(same_f80(h, s) && (sw & 0x3f) == st.flags);
		__asm__ volatile("fninit; fldl %2; fnstsw %1; fstpt %0"
				 : "=m"(h), "=&a"(sw)
				 : "m"(b));
		s = f64_to_f80(b, &st2);
		ck_assert(same_f80(h, s) && (sw & 0x3f) == st2.flags);
		__asm__ volatile("fninit; fildll %2; fnstsw %1; fstpt %0"
				 : "=m"(h), "=&a"(sw)
				 : "m"(n));
		s = f80_from_i64(n, &st);
		ck_assert(same_f80(h, s));
	}
}
END_TEST

START_TEST(test_bcd)
{
	struct rng r = rng_new(87);

	for (long i = 0; i < COUNT; i++) {
		int mode = (int)(i % 12);
		struct fp_status st = status_of(mode);
		struct f80 a = rand_f80(&r), h, s;
		uint16_t sw, cw = control_of(mode);
		uint8_t hb[10], sb[10];

		if (rng_below(&r, 4))
			a.se = (uint16_t)((a.se & 0x8000) | (16383 - 4 + rng_below(&r, 68)));
		__asm__ volatile("fninit; fldt %2; fldcw %3; fbstp %0; fnstsw %1; fninit"
				 : "=m"(hb), "=&a"(sw)
				 : "m"(a), "m"(cw));
		f80_to_bcd(a, sb, &st);
		ck_assert_msg(!memcmp(hb, sb, 10) && !status_differs(sw, &st),
			      "fbstp %d %04x.%016" PRIx64 " %02x %02x C1 %d", mode, a.se, a.frac,
			      sw & 0x3f, st.flags, st.rounded_up);
		/* Digits above 9 are undefined behaviour; stay with what FBSTP makes. */
		if (st.flags & FP_INVALID)
			continue;
		__asm__ volatile("fninit; fbld %1; fstpt %0" : "=m"(h) : "m"(hb));
		s = f80_from_bcd(hb);
		ck_assert(same_f80(h, s));
	}
}
END_TEST

FPTEST_MAIN("softfloat-x87", test_fadd, test_fsub, test_fmul, test_fdiv, test_fsqrt, test_frndint,
	    test_fscale, test_fprem, test_fxtract, test_compare, test_fst32, test_fst64,
	    test_fist16, test_fist32, test_fist64, test_fisttp32, test_loads, test_bcd)
