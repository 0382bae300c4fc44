/*
 * What processors do differently: NaNs, integers out of range, tininess, the 68881's extended
 * format. Expected values come from the manuals that nan.c names.
 */
#include "fptest.h"

#define SNAN_A 0x7fa00001u
#define SNAN_B 0xffa00002u
#define QNAN_A 0x7fc00001u
#define QNAN_B 0xffc00002u
#define ONE    0x3f800000u
#define INF    0x7f800000u

static struct fp_status with(const struct fp_rules *rules)
{
	return (struct fp_status){.rules = rules};
}

struct nan_case {
	const struct fp_rules *rules;
	f32 a, b, sum;
};

START_TEST(propagation)
{
	static const struct nan_case all[] = {
		{&fp_rules_sse, QNAN_A, SNAN_B, QNAN_A},
		{&fp_rules_sse, SNAN_A, QNAN_B, 0x7fe00001},
		{&fp_rules_x87, QNAN_A, SNAN_B, QNAN_A},
		{&fp_rules_x87, QNAN_A, QNAN_B, QNAN_B},
		{&fp_rules_x87, 0xffc00001, QNAN_A, QNAN_A},
		{&fp_rules_arm, QNAN_A, SNAN_B, 0xffe00002},
		{&fp_rules_arm, QNAN_A, QNAN_B, QNAN_A},
		{&fp_rules_arm, SNAN_A, SNAN_B, 0x7fe00001},
		{&fp_rules_ppc, QNAN_A, SNAN_B, QNAN_A},
		{&fp_rules_sparc, QNAN_A, QNAN_B, QNAN_B},
		{&fp_rules_sparc, SNAN_A, QNAN_B, 0x7fe00001},
		{&fp_rules_sparc, SNAN_A, SNAN_B, 0xffe00002},
		{&fp_rules_m68k, QNAN_A, QNAN_B, QNAN_A},
		{&fp_rules_riscv, QNAN_A, ONE, 0x7fc00000},
		{&fp_rules_mips2008, QNAN_A, SNAN_B, 0xffe00002},
		/* First fraction bit set means signalling: these "QNANs" are SNaNs. */
		{&fp_rules_mips, QNAN_A, ONE, 0x7fbfffff},
		{&fp_rules_mips, 0x7fa00001, ONE, 0x7fa00001},
	};

	for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++) {
		struct fp_status st = with(all[i].rules);
		f32 sum = f32_add(all[i].a, all[i].b, &st);

		ck_assert_msg(sum == all[i].sum, "case %zu: %08x, not %08x", i, sum, all[i].sum);
	}
}
END_TEST

START_TEST(default_nans)
{
	static const struct {
		const struct fp_rules *rules;
		f32 nan;
	} all[] = {
		{&fp_rules_sse, 0xffc00000},   {&fp_rules_arm, 0x7fc00000},
		{&fp_rules_ppc, 0x7fc00000},   {&fp_rules_sparc, 0x7fffffff},
		{&fp_rules_m68k, 0x7fffffff},  {&fp_rules_mips, 0x7fbfffff},
		{&fp_rules_riscv, 0x7fc00000},
	};

	for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++) {
		struct fp_status st = with(all[i].rules);

		ck_assert_uint_eq(f32_sub(INF, INF, &st), all[i].nan);
		ck_assert_uint_eq(st.flags, FP_INVALID);
	}
}
END_TEST

/* 0 * infinity + QNaN */
START_TEST(muladd_infinity_zero)
{
	struct fp_status sse = with(&fp_rules_sse), arm = with(&fp_rules_arm);
	struct fp_status ppc = with(&fp_rules_ppc);

	ck_assert_uint_eq(f32_muladd(0, INF, QNAN_B, 0, &sse), QNAN_B);
	ck_assert_uint_eq(sse.flags, 0);
	ck_assert_uint_eq(f32_muladd(0, INF, QNAN_B, 0, &arm), 0x7fc00000);
	ck_assert_uint_eq(arm.flags, FP_INVALID);
	ck_assert_uint_eq(f32_muladd(0, INF, QNAN_B, 0, &ppc), QNAN_B);
	ck_assert_uint_eq(ppc.flags, FP_INVALID);
	/* FNMADD: the sign changes after rounding, and not that of a NaN. */
	ppc.round = FP_RND_UP;
	ck_assert_uint_eq(f32_muladd(ONE, ONE, 0x33000000, FP_NEG_RESULT, &ppc), 0xbf800001);
	ck_assert_uint_eq(f32_muladd(ONE, ONE, QNAN_A, FP_NEG_RESULT, &ppc), QNAN_A);
}
END_TEST

START_TEST(integers_out_of_range)
{
	struct fp_status sse = with(&fp_rules_sse), arm = with(&fp_rules_arm);
	struct fp_status ppc = with(&fp_rules_ppc), riscv = with(&fp_rules_riscv);
	struct fp_status mips = with(&fp_rules_mips);
	f32 big = 0x4f800000, small = 0xcf800000;

	ck_assert_int_eq(f32_to_i32(big, FP_RND_ZERO, &sse), INT32_MIN);
	ck_assert_uint_eq(f32_to_u32(small, FP_RND_ZERO, &sse), UINT32_MAX);
	ck_assert_int_eq(f32_to_i32(big, FP_RND_ZERO, &arm), INT32_MAX);
	ck_assert_int_eq(f32_to_i32(small, FP_RND_ZERO, &arm), INT32_MIN);
	ck_assert_int_eq(f32_to_i32(QNAN_A, FP_RND_ZERO, &arm), 0);
	ck_assert_uint_eq(f32_to_u32(small, FP_RND_ZERO, &arm), 0);
	ck_assert_int_eq(f32_to_i32(QNAN_A, FP_RND_ZERO, &ppc), INT32_MIN);
	ck_assert_int_eq(f32_to_i32(QNAN_A, FP_RND_ZERO, &riscv), INT32_MAX);
	ck_assert_int_eq(f32_to_i32(small, FP_RND_ZERO, &mips), INT32_MAX);
	ck_assert_uint_eq(f32_to_u32(0xbf000000, FP_RND_ZERO, &arm), 0);
	ck_assert_uint_eq(arm.flags, FP_INVALID | FP_INEXACT);
}
END_TEST

/* Just below the smallest normal number, and rounded up to it. */
START_TEST(tininess)
{
	struct fp_status before = with(&fp_rules_arm), after = with(&fp_rules_mips2008);
	f64 v = 0x380fffffff000000;

	ck_assert_uint_eq(f64_to_f32(v, &before), 0x00800000);
	ck_assert_uint_eq(before.flags, FP_INEXACT | FP_UNDERFLOW);
	ck_assert_uint_eq(f64_to_f32(v, &after), 0x00800000);
	ck_assert_uint_eq(after.flags, FP_INEXACT);
}
END_TEST

/* ARM flushes to zero with underflow but not inexact, and inputs with the input denormal flag. */
START_TEST(arm_flushing)
{
	struct fp_status st = with(&fp_rules_arm);

	st.ftz = st.daz = true;
	ck_assert_uint_eq(f32_mul(0x00800000, 0x3f000000, &st), 0);
	ck_assert_uint_eq(st.flags, FP_UNDERFLOW);
	st.flags = 0;
	ck_assert_uint_eq(f32_add(0x80000001, 0x80000000, &st), 0x80000000);
	ck_assert_uint_eq(st.flags, FP_DENORMAL);
}
END_TEST

START_TEST(minima)
{
	struct fp_status st = with(&fp_rules_arm);
	f32 minus_zero = 0x80000000;

	ck_assert_uint_eq(f32_minmax(QNAN_A, ONE, false, FP_MM_NUM, &st), ONE);
	ck_assert_uint_eq(f32_minmax(QNAN_A, ONE, false, FP_MM_IEEE, &st), QNAN_A);
	ck_assert_uint_eq(f32_minmax(0, minus_zero, false, FP_MM_IEEE, &st), minus_zero);
	ck_assert_uint_eq(f32_minmax(minus_zero, 0, true, FP_MM_NUM, &st), 0);
	ck_assert_uint_eq(f32_minmax(0xc0000000, ONE, true, FP_MM_NUM_MAG, &st), 0xc0000000);
	ck_assert_uint_eq(st.flags, 0);
	ck_assert_uint_eq(f32_minmax(SNAN_A, ONE, true, FP_MM_NUM, &st), 0x7fe00001);
	ck_assert_uint_eq(st.flags, FP_INVALID);
}
END_TEST

/* The 68881 takes unnormals, and its smallest normal number has exponent field 0. */
START_TEST(m68k_extended)
{
	struct fp_status st = with(&fp_rules_m68k), x87 = with(&fp_rules_x87);
	struct f80 unnormal = {0x4000000000000000, 0x4000}, zero = {0, 0};
	struct f80 small = {0x8000000000000000, 0}, r;

	r = f80_add(unnormal, zero, &st);
	ck_assert(r.frac == 0x8000000000000000 && r.se == 0x3fff && st.flags == 0);
	f80_add(unnormal, zero, &x87);
	ck_assert_uint_eq(x87.flags, FP_INVALID);
	r = f80_add(small, zero, &st);
	ck_assert(same_f80(r, small) && st.flags == 0);
	r = f80_add(small, small, &st);
	ck_assert(r.frac == 0x8000000000000000 && r.se == 1 && st.flags == 0);
}
END_TEST

/* Round to odd, then to the narrow format, is rounding once. */
START_TEST(round_to_odd)
{
	struct rng r = rng_new(7);

	for (long i = 0; i < cases(100000); i++) {
		struct fp_status st = with(&fp_rules_ppc), odd = st, direct = st;
		f64 a = rand_f64(&r), b = rand_near_f64(&r, a);
		struct f80 wide;

		if (f64_is_nan(a) || f64_is_nan(b))
			continue;
		odd.round = FP_RND_ODD;
		wide = f80_add(f64_to_f80(a, &st), f64_to_f80(b, &st), &odd);
		ck_assert_uint_eq(f80_to_f64(wide, &st), f64_add(a, b, &direct));
	}
}
END_TEST

FPTEST_MAIN("softfloat-rules", propagation, default_nans, muladd_infinity_zero,
	    integers_out_of_range, tininess, arm_flushing, minima, m68k_extended, round_to_odd)
