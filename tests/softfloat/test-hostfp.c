/*
 * The fast paths of hostfp.h against soft-float: results and flags, for every rounding mode, with
 * inexact recorded or not, trapped or not, under the rules of several processors.
 */
#include "fptest.h"
#include "interp/softfloat/hostfp.h"

#define COUNT cases(150000)

static struct fp_status random_status(struct rng *r)
{
	static const struct fp_rules *const rules[] = {&fp_rules_sse, &fp_rules_arm, &fp_rules_ppc,
						       &fp_rules_mips};
	struct fp_status st = {.rules = rules[rng_below(r, 4)]};

	st.flags = FP_INEXACT;
	if (rng_below(r, 4) == 0)
		st.flags = (uint8_t)rng_below(r, 64);
	if (rng_below(r, 4) == 0)
		st.round = (uint8_t)rng_below(r, 4);
	if (rng_below(r, 8) == 0)
		st.traps = (uint8_t)rng_below(r, 64);
	st.ftz = rng_below(r, 4) == 0;
	st.daz = rng_below(r, 4) == 0;
	return st;
}

#define CHECK_SAME(call, result_type, host, soft)                                             \
	do {                                                                                  \
		struct fp_status hs = random_status(&r), ss = hs;                             \
		result_type h_, s_;                                                           \
		{                                                                             \
			struct fp_status *st = &hs;                                           \
			h_ = host;                                                            \
		}                                                                             \
		{                                                                             \
			struct fp_status *st = &ss;                                           \
			s_ = soft;                                                            \
		}                                                                             \
		ck_assert_msg(h_ == s_ && hs.flags == ss.flags,                               \
			      call ": %" PRIx64 " %" PRIx64 ": fast %" PRIx64                 \
				   " %02x soft %" PRIx64 " %02x round %d traps %02x",         \
			      (uint64_t)a, (uint64_t)b, (uint64_t)h_, hs.flags, (uint64_t)s_, \
			      ss.flags, hs.round, hs.traps);                                  \
	} while (0)

#define FORMAT_TEST(F, name)                                                                  \
	START_TEST(name)                                                                      \
	{                                                                                     \
		struct rng r = rng_new(sizeof(F));                                            \
                                                                                              \
		for (long i = 0; i < COUNT; i++) {                                            \
			F a = rand_##F(&r), b = rand_near_##F(&r, a);                         \
                                                                                              \
			CHECK_SAME("add", F, h##F##_add(a, b, st), F##_add(a, b, st));        \
			CHECK_SAME("sub", F, h##F##_sub(a, b, st), F##_sub(a, b, st));        \
			CHECK_SAME("mul", F, h##F##_mul(a, b, st), F##_mul(a, b, st));        \
			CHECK_SAME("div", F, h##F##_div(a, b, st), F##_div(a, b, st));        \
			CHECK_SAME("sqrt", F, h##F##_sqrt(a, st), F##_sqrt(a, st));           \
			CHECK_SAME("compare", enum fp_relation, h##F##_compare(a, b, st),     \
				   F##_compare(a, b, st));                                    \
			CHECK_SAME("quiet", enum fp_relation, h##F##_compare_quiet(a, b, st), \
				   F##_compare_quiet(a, b, st));                              \
			CHECK_SAME("i32", int32_t, h##F##_to_i32_trunc(a, st),                \
				   F##_to_i32(a, FP_RND_ZERO, st));                           \
			CHECK_SAME("i64", int64_t, h##F##_to_i64_trunc(a, st),                \
				   F##_to_i64(a, FP_RND_ZERO, st));                           \
		}                                                                             \
	}                                                                                     \
	END_TEST

FORMAT_TEST(f32, test_f32)
FORMAT_TEST(f64, test_f64)

START_TEST(test_convert)
{
	struct rng r = rng_new(3);

	for (long i = 0; i < COUNT; i++) {
		f32 b = rand_f32(&r);
		f64 a = rand_f64(&r);

		CHECK_SAME("narrow", f32, hf64_to_f32(a, st), f64_to_f32(a, st));
		CHECK_SAME("widen", f64, hf32_to_f64(b, st), f32_to_f64(b, st));
	}
}
END_TEST

FPTEST_MAIN("softfloat-hostfp", test_f32, test_f64, test_convert)
