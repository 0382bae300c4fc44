/*
 * The portable transcendental functions against the host's: within one unit in the last place, the
 * same special results and the same C2; flags invalid, divide-by-zero and denormal the same.
 */
#include <check.h>
#include <string.h>
#include "fptest.h"
#include "interp/softfloat/x87.h"

#define COUNT cases(20000)

/* The flags that do not depend on the last bit of a result. */
#define SURE_FLAGS (FP_INVALID | FP_DIVZERO | FP_DENORMAL)

static struct fp_status status_of(long i)
{
	return (struct fp_status){.rules = &fp_rules_x87, .round = (uint8_t)(i & 3)};
}

/* Distance in units of the last place, or UINT64_MAX where that is far or has no meaning. */
static uint64_t distance(struct f80 a, struct f80 b)
{
	struct f80 t;

	if (same_f80(a, b))
		return 0;
	if (a.se >> 15 != b.se >> 15 || (a.se & 0x7fff) == 0x7fff || (b.se & 0x7fff) == 0x7fff)
		return UINT64_MAX;
	if (a.se > b.se) {
		t = a;
		a = b;
		b = t;
	}
	if (b.se - a.se > 1)
		return UINT64_MAX;
	/* Exponent fields 0 and 1 mean the same exponent. */
	if (a.se == b.se || (a.se & 0x7fff) == 0)
		return a.frac > b.frac ? a.frac - b.frac : b.frac - a.frac;
	/* a to the end of its binade, b from the start of the next */
	return -a.frac + (b.frac - (1ull << 63));
}

static void compare_results(const char *name, long i, struct f80 a, struct f80 b, struct f80 host,
			    const struct fp_status *hs, struct f80 soft, const struct fp_status *ss)
{
	ck_assert_msg(distance(host, soft) <= 1 &&
			      (hs->flags & SURE_FLAGS) == (ss->flags & SURE_FLAGS),
		      "%s %d: %04x.%016" PRIx64 " %04x.%016" PRIx64 ": host %04x.%016" PRIx64
		      " %02x, soft %04x.%016" PRIx64 " %02x",
		      name, (int)i & 3, a.se, a.frac, b.se, b.frac, host.se, host.frac, hs->flags,
		      soft.se, soft.frac, ss->flags);
}

/* An operand whose exponent is at most `emax` and mostly not far below. */
static struct f80 operand(struct rng *r, int emax)
{
	struct f80 a = rand_f80(r);
	bool random = rng_below(r, 2);

	if (rng_below(r, 8) == 0)
		return a;
	if (random)
		a.frac = rng_next(r);
	a.frac |= 1ull << 63;
	a.se = (uint16_t)((a.se & 0x8000) | (16383 + emax - (int)rng_below(r, random ? 8 : 70)));
	return a;
}

typedef struct f80 two_fn(struct f80 y, struct f80 x, struct fp_status *st);

static void run_two(const char *name, two_fn *host, two_fn *soft, int y_max, int x_max,
		    bool positive)
{
	struct rng r = rng_new((uint64_t)name[1]);

	for (long i = 0; i < COUNT; i++) {
		struct fp_status hs = status_of(i), ss = hs;
		struct f80 y = operand(&r, y_max), x = operand(&r, x_max), h, s;

		/* FYL2XP1 is undefined beyond its range. */
		if (x_max < 0 && ((x.se & 0x7fff) > 16383 + x_max))
			continue;
		if (positive && rng_below(&r, 8))
			x.se &= 0x7fff;
		h = host(y, x, &hs);
		s = soft(y, x, &ss);
		compare_results(name, i, y, x, h, &hs, s, &ss);
	}
}

START_TEST(test_2xm1)
{
	struct rng r = rng_new(1);

	for (long i = 0; i < COUNT; i++) {
		struct fp_status hs = status_of(i), ss = hs;
		struct f80 a = operand(&r, -1), h, s;

		if ((a.se & 0x7fff) >= 16383 && (a.se & 0x7fff) < 32767)
			continue;
		h = x87_2xm1(a, &hs);
		s = x87_portable_2xm1(a, &ss);
		compare_results("f2xm1", i, a, a, h, &hs, s, &ss);
	}
}
END_TEST

START_TEST(test_yl2x)
{
	run_two("fyl2x", x87_yl2x, x87_portable_yl2x, 10, 20, true);
	run_two("fyl2x", x87_yl2x, x87_portable_yl2x, 10, 1, true);
}
END_TEST

START_TEST(test_yl2xp1)
{
	run_two("fyl2xp1", x87_yl2xp1, x87_portable_yl2xp1, 10, -3, false);
}
END_TEST

START_TEST(test_patan)
{
	run_two("fpatan", x87_patan, x87_portable_patan, 10, 10, false);
}
END_TEST

START_TEST(test_trig)
{
	static const char *const names[] = {"fsin", "fcos", "fptan", "fsincos"};
	struct rng r = rng_new(2);

	for (long i = 0; i < 4 * COUNT; i++) {
		enum x87_trig which = (enum x87_trig)(i / 4 % 4);
		struct fp_status hs = status_of(i), ss = hs;
		struct f80 a = operand(&r, i % 16 ? 4 : 66), h1, h2, s1, s2;
		bool h = x87_trig(which, a, &h1, &h2, &hs);
		bool s = x87_portable_trig(which, a, &s1, &s2, &ss);

		ck_assert(h == s);
		if (!h)
			continue;
		compare_results(names[which], i, a, a, h1, &hs, s1, &ss);
		if (which >= X87_TAN)
			compare_results(names[which], i, a, a, h2, &hs, s2, &ss);
	}
}
END_TEST

FPTEST_MAIN("softfloat-x87math", test_2xm1, test_yl2x, test_yl2xp1, test_patan, test_trig)
