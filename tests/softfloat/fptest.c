/*
 * Operand generator of the soft-float tests.
 */
#include "fptest.h"

/* splitmix64 (Steele, Lea, Flood 2014) */
uint64_t rng_next(struct rng *r)
{
	uint64_t z = r->s += 0x9e3779b97f4a7c15;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
	z = (z ^ z >> 27) * 0x94d049bb133111eb;
	return z ^ z >> 31;
}

/* Hashed, since neighbouring states of this generator give the same sequence, shifted. */
struct rng rng_new(uint64_t stream)
{
	const char *text = getenv("RATITE_SEED");
	struct rng seed = {text ? strtoull(text, NULL, 0) : 0x5eed};
	struct rng r = {rng_next(&seed) ^ stream};

	r.s = rng_next(&r);
	return r;
}

long cases(long base)
{
	const char *factor = getenv("RATITE_CASES");

	return base * (factor ? strtol(factor, NULL, 0) : 1);
}

uint64_t rand_bits(struct rng *r, int bits)
{
	uint64_t mask = bits < 64 ? (1ull << bits) - 1 : UINT64_MAX, v = 0;

	switch (rng_below(r, 8)) {
	case 0: return 0;
	case 1: return mask;
	case 2: return 1ull << rng_below(r, (uint32_t)bits);
	case 3:
	case 4:
		for (int n = 1 + (int)rng_below(r, 4); n > 0; n--)
			v ^= mask >> rng_below(r, (uint32_t)bits);
		return v ^ (rng_next(r) & 1);
	case 5: return rng_next(r) << rng_below(r, (uint32_t)bits) & mask;
	default: return rng_next(r) & mask;
	}
}

/* A biased exponent: at both ends, in the middle, or anywhere. */
static uint32_t rand_exponent(struct rng *r, uint32_t max, uint32_t prec)
{
	uint32_t e;

	switch (rng_below(r, 8)) {
	case 0: return 0;
	case 1: return max - rng_below(r, 3);
	case 2: return rng_below(r, prec + 4);
	case 3: return max - rng_below(r, prec + 4);
	case 4:
	case 5: e = max / 2 + rng_below(r, 2 * prec + 8) - prec - 4; return e > max ? max / 2 : e;
	default: return rng_below(r, max + 1);
	}
}

f32 rand_f32(struct rng *r)
{
	return (f32)(rng_next(r) >> 63 << 31 | rand_exponent(r, 255, 24) << 23 | rand_bits(r, 23));
}

f64 rand_f64(struct rng *r)
{
	return rng_next(r) >> 63 << 63 | (uint64_t)rand_exponent(r, 2047, 53) << 52 |
	       rand_bits(r, 52);
}

struct f80 rand_f80(struct rng *r)
{
	struct f80 v = {rand_bits(r, 63),
			(uint16_t)(rng_next(r) >> 63 << 15 | rand_exponent(r, 32767, 64))};

	/* Mostly valid encodings; the rest are pseudo-denormals and unsupported ones. */
	if ((v.se & 0x7fff) != 0)
		v.frac |= 1ull << 63;
	if (rng_below(r, 64) == 0)
		v.frac ^= 1ull << 63;
	return v;
}

struct f128 rand_f128(struct rng *r)
{
	struct f128 v = {rand_bits(r, 64), rand_bits(r, 48)};

	v.hi |= rng_next(r) >> 63 << 63 | (uint64_t)rand_exponent(r, 32767, 113) << 48;
	return v;
}

/* A biased exponent for the other operand of one whose exponent is e. */
static uint32_t near_exponent(struct rng *r, uint32_t e, uint32_t max, uint32_t prec)
{
	uint32_t n;

	switch (rng_below(r, 4)) {
	case 0: n = e + rng_below(r, 5) - 2; break;
	case 1: n = e + rng_below(r, 2 * prec + 8) - prec - 4; break;
	case 2: n = max / 2 - e + rng_below(r, 2 * prec + 8) - prec - 4; break;
	default: n = max + max / 2 - e + rng_below(r, 8) - 4; break;
	}
	return n > max ? rand_exponent(r, max, prec) : n;
}

f32 rand_near_f32(struct rng *r, f32 a)
{
	f32 v = rand_f32(r);

	if (rng_below(r, 2))
		return v;
	if (rng_below(r, 4) == 0)
		return a ^ (f32)(1u << rng_below(r, 32));
	return (v & 0x807fffff) | near_exponent(r, a >> 23 & 255, 255, 24) << 23;
}

f64 rand_near_f64(struct rng *r, f64 a)
{
	f64 v = rand_f64(r);

	if (rng_below(r, 2))
		return v;
	if (rng_below(r, 4) == 0)
		return a ^ 1ull << rng_below(r, 64);
	return (v & 0x800fffffffffffff) | (uint64_t)near_exponent(r, a >> 52 & 2047, 2047, 53)
						  << 52;
}

struct f80 rand_near_f80(struct rng *r, struct f80 a)
{
	struct f80 v = rand_f80(r);

	if (rng_below(r, 2))
		return v;
	if (rng_below(r, 4) == 0) {
		a.frac ^= 1ull << rng_below(r, 63);
		a.se ^= (uint16_t)(rng_below(r, 2) << 15);
		return a;
	}
	v.se = (uint16_t)((v.se & 0x8000) | near_exponent(r, a.se & 0x7fff, 0x7fff, 64));
	if (v.se & 0x7fff)
		v.frac |= 1ull << 63;
	return v;
}

struct f128 rand_near_f128(struct rng *r, struct f128 a)
{
	struct f128 v = rand_f128(r);

	if (rng_below(r, 2))
		return v;
	if (rng_below(r, 4) == 0) {
		a.lo ^= 1ull << rng_below(r, 64);
		a.hi ^= (uint64_t)rng_below(r, 2) << 63;
		return a;
	}
	v.hi &= 0x8000ffffffffffff;
	v.hi |= (uint64_t)near_exponent(r, a.hi >> 48 & 0x7fff, 0x7fff, 113) << 48;
	return v;
}

int64_t rand_int(struct rng *r)
{
	uint64_t v = rand_bits(r, 1 + (int)rng_below(r, 64));

	return (int64_t)(rng_next(r) & 1 ? -v : v);
}

int run_tests(const char *suite, const TTest *const *tests, size_t count)
{
	Suite *s = suite_create(suite);
	SRunner *runner = srunner_create(s);
	int failed;

	for (size_t i = 0; i < count; i++) {
		TCase *tc = tcase_create(tests[i]->name);

		tcase_set_timeout(tc, 0);
		tcase_add_test(tc, tests[i]);
		suite_add_tcase(s, tc);
	}
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
