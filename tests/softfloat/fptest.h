/*
 * What the soft-float tests share: a seeded generator of operands that favours the values where
 * floating point goes wrong, the number of cases to run, and failure reports.
 *
 * RATITE_CASES in the environment multiplies the default number of cases; RATITE_SEED changes the
 * seed. A failing case prints everything that is needed to run it again by hand.
 */
#ifndef RATITE_TESTS_SOFTFLOAT_FPTEST_H
#define RATITE_TESTS_SOFTFLOAT_FPTEST_H

#include <check.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include "interp/softfloat/softfloat.h"

struct rng {
	uint64_t s;
};

/* A generator that starts from RATITE_SEED and `stream`, so tests do not depend on each other. */
struct rng rng_new(uint64_t stream);
uint64_t rng_next(struct rng *r);
/* A number below n. */
static inline uint32_t rng_below(struct rng *r, uint32_t n)
{
	return (uint32_t)((rng_next(r) >> 32) * n >> 32);
}

/* `base` times RATITE_CASES (default 1). */
long cases(long base);

/* Operands. The second of a pair is often close to the first, or makes the result over-/underflow.
 */
f32 rand_f32(struct rng *r);
f64 rand_f64(struct rng *r);
struct f80 rand_f80(struct rng *r);
struct f128 rand_f128(struct rng *r);
f32 rand_near_f32(struct rng *r, f32 a);
f64 rand_near_f64(struct rng *r, f64 a);
struct f80 rand_near_f80(struct rng *r, struct f80 a);
struct f128 rand_near_f128(struct rng *r, struct f128 a);
/* An integer with a random number of significant bits. */
int64_t rand_int(struct rng *r);

/* A word of `bits` bits made of a few runs of ones and zeroes, or just random. */
uint64_t rand_bits(struct rng *r, int bits);

/* Runs tests made by START_TEST, without a time limit; returns what main() returns. */
int run_tests(const char *suite, const TTest *const *tests, size_t count);

#define FPTEST_MAIN(suite, ...)                                                 \
	int main(void)                                                          \
	{                                                                       \
		const TTest *const tests[] = {__VA_ARGS__};                     \
                                                                                \
		return run_tests(suite, tests, sizeof(tests) / sizeof(*tests)); \
	}

static inline bool same_f80(struct f80 a, struct f80 b)
{
	return a.frac == b.frac && a.se == b.se;
}

static inline bool same_f128(struct f128 a, struct f128 b)
{
	return a.lo == b.lo && a.hi == b.hi;
}

#endif
