/*
 * f128, and fused multiply-add of all formats, against MPFR: results and the flags inexact,
 * overflow and underflow, in the rounding modes that MPFR shares.
 */
#include <mpfr.h>

#include "fptest.h"

#define COUNT cases(100000)

/* --- f128 to and from MPFR, whose exponent range is set to that of the format --- */

#define F128_EMAX 16384	 /* MPFR's significands are in [1/2, 1) */
#define F128_EMIN -16493 /* smallest denormal */

static void to_mpfr(mpfr_t out, struct f128 a)
{
	int e = a.hi >> 48 & 0x7fff;
	uint64_t frac = a.hi & 0xffffffffffff;

	mpfr_set_zero(out, 1);
	if (e == 0x7fff && (frac || a.lo)) {
		mpfr_set_nan(out);
		return;
	}
	if (e == 0x7fff) {
		mpfr_set_inf(out, 1);
	} else if (e || frac || a.lo) {
		mpfr_set_ui(out, frac | (uint64_t)(e != 0) << 48, MPFR_RNDN);
		mpfr_mul_2si(out, out, 64, MPFR_RNDN);
		mpfr_t low;
		mpfr_init2(low, 64);
		mpfr_set_ui(low, a.lo, MPFR_RNDN);
		mpfr_add(out, out, low, MPFR_RNDN);
		mpfr_clear(low);
		mpfr_mul_2si(out, out, (e ? e : 1) - 16383 - 112, MPFR_RNDN);
	}
	mpfr_setsign(out, out, a.hi >> 63, MPFR_RNDN);
}

static struct f128 from_mpfr(mpfr_t v)
{
	uint64_t sign = (uint64_t)(mpfr_signbit(v) != 0) << 63;
	struct f128 r = {0, sign};
	unsigned __int128 frac = 0;
	mpz_t z;
	long e;

	if (mpfr_zero_p(v))
		return r;
	if (mpfr_inf_p(v))
		return (struct f128){0, sign | 0x7fffull << 48};
	mpz_init(z);
	e = mpfr_get_z_2exp(z, v);
	mpz_abs(z, z);
	for (size_t i = mpz_size(z); i-- > 0;)
		frac = frac << 64 | mpz_getlimbn(z, (mp_size_t)i);
	mpz_clear(z);
	/* 113 bits with the unit at 2^e; denormals have fewer. */
	while (e > -16494 && !(frac >> 112)) {
		frac <<= 1;
		e--;
	}
	while (e < -16494) {
		frac >>= 1;
		e++;
	}
	r.lo = (uint64_t)frac;
	r.hi = sign | ((uint64_t)(frac >> 64) & 0xffffffffffff);
	if (frac >> 112)
		r.hi |= (uint64_t)(e + 112 + 16383) << 48;
	return r;
}

static mpfr_rnd_t mpfr_mode(int round)
{
	static const mpfr_rnd_t modes[] = {MPFR_RNDN, MPFR_RNDD, MPFR_RNDU, MPFR_RNDZ};

	return modes[round];
}

enum operation { ADD, SUB, MUL, DIV, SQRT, FMA, OPERATIONS };
static const char *const names[] = {"add", "sub", "mul", "div", "sqrt", "fma"};

static int compute_mpfr(enum operation op, mpfr_t r, mpfr_t a, mpfr_t b, mpfr_t c, mpfr_rnd_t rnd)
{
	switch (op) {
	case ADD: return mpfr_add(r, a, b, rnd);
	case SUB: return mpfr_sub(r, a, b, rnd);
	case MUL: return mpfr_mul(r, a, b, rnd);
	case DIV: return mpfr_div(r, a, b, rnd);
	case SQRT: return mpfr_sqrt(r, a, rnd);
	default: return mpfr_fma(r, a, b, c, rnd);
	}
}

static struct f128 compute_soft(enum operation op, struct f128 a, struct f128 b, struct f128 c,
				struct fp_status *st)
{
	switch (op) {
	case ADD: return f128_add(a, b, st);
	case SUB: return f128_sub(a, b, st);
	case MUL: return f128_mul(a, b, st);
	case DIV: return f128_div(a, b, st);
	case SQRT: return f128_sqrt(a, st);
	default: return f128_muladd(a, b, c, 0, st);
	}
}

static bool is_nan128(struct f128 a)
{
	return (a.hi << 1 >> 49) == 0x7fff && (a.hi << 16 || a.lo);
}

static void run_one(struct rng *r, enum operation op, long i, mpfr_t m[4])
{
	struct fp_status st = {.rules = &fp_rules_arm, .round = (uint8_t)(i & 3)}, dummy = st;
	struct f128 a = rand_f128(r), b = rand_near_f128(r, a), c, s, h;
	int exact;
	bool nan;

	c = rand_near_f128(r, rng_below(r, 2) ? f128_mul(a, b, &dummy) : a);
	s = compute_soft(op, a, b, c, &st);
	to_mpfr(m[0], a);
	to_mpfr(m[1], b);
	to_mpfr(m[2], c);
	exact = compute_mpfr(op, m[3], m[0], m[1], m[2], mpfr_mode(st.round));
	exact = mpfr_check_range(m[3], exact, mpfr_mode(st.round));
	exact = mpfr_subnormalize(m[3], exact, mpfr_mode(st.round));
	nan = mpfr_nan_p(m[3]);
	h = nan ? s : from_mpfr(m[3]);
	ck_assert_msg(nan == is_nan128(s) && same_f128(h, s) &&
			      (nan || (exact != 0) == ((st.flags & FP_INEXACT) != 0)),
		      "%s round %d: %016" PRIx64 "%016" PRIx64 " %016" PRIx64 "%016" PRIx64
		      " %016" PRIx64 "%016" PRIx64 ": MPFR %016" PRIx64 "%016" PRIx64
		      " soft %016" PRIx64 "%016" PRIx64 " flags %02x",
		      names[op], st.round, a.hi, a.lo, b.hi, b.lo, c.hi, c.lo, h.hi, h.lo, s.hi,
		      s.lo, st.flags);
}

START_TEST(test_f128)
{
	struct rng r = rng_new(128);
	mpfr_t m[4];

	mpfr_set_emin(F128_EMIN);
	mpfr_set_emax(F128_EMAX);
	for (int i = 0; i < 4; i++)
		mpfr_init2(m[i], 113);
	for (int op = 0; op < OPERATIONS; op++)
		for (long i = 0; i < COUNT; i++)
			run_one(&r, (enum operation)op, i, m);
	for (int i = 0; i < 4; i++)
		mpfr_clear(m[i]);
	mpfr_free_cache();
}
END_TEST

/*
 * The extended format's fused multiply-add and remainders have no instruction to compare with:
 * through f128, which has room for operands, and for results where they are exact.
 */
START_TEST(test_f128_conversions)
{
	struct rng r = rng_new(129);

	for (long i = 0; i < COUNT; i++) {
		struct fp_status st = {.rules = &fp_rules_x87, .round = (uint8_t)(i & 3)}, t = st;
		struct f80 a = rand_f80(&r), back;
		f64 d = rand_f64(&r);
		int64_t n = rand_int(&r);

		if (f80_is_nan(a) || (a.se & 0x7fff) == 0)
			continue;
		back = f128_to_f80(f80_to_f128(a, &st), &st);
		ck_assert(same_f80(a, back) && st.flags == 0);
		if (!f64_is_nan(d) && (d >> 52 & 0x7ff)) {
			ck_assert(f128_to_f64(f64_to_f128(d, &t), &t) == d);
			ck_assert(f64_to_f32(d, &st) == f128_to_f32(f64_to_f128(d, &t), &t));
			ck_assert(st.flags == t.flags);
		}
		ck_assert(f128_to_i64(f128_from_i64(n, &t), FP_RND_ZERO, &t) == n);
		ck_assert(f128_to_u64(f128_from_u64((uint64_t)n, &t), FP_RND_ZERO, &t) ==
			  (uint64_t)n);
	}
}
END_TEST

FPTEST_MAIN("softfloat-mpfr", test_f128, test_f128_conversions)
