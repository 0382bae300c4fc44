/*
 * The compute set of bench/run: one program, one kernel of work a name. Each prints a check value,
 * which bench/run compares between machines, so that a wrong answer is never a fast one.
 */
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static uint32_t rng_state = 12345;

static uint32_t rng(void)
{
	rng_state ^= rng_state << 13;
	rng_state ^= rng_state >> 17;
	rng_state ^= rng_state << 5;
	return rng_state;
}

/* Integer arithmetic in registers. */
static uint64_t integer(void)
{
	uint32_t a = 1, b = 7, c = 11;

	for (uint32_t i = 0; i < 40000000; i++) {
		a = a * 1664525 + 1013904223;
		b = (b << 5 | b >> 27) ^ a;
		c += (b >> 3) + (a & 0xff);
	}
	return a ^ b ^ c;
}

/* Walks and copies over 4 MiB. */
static uint64_t memory(void)
{
	enum { N = 1 << 20 };
	static uint32_t from[N], to[N];
	uint64_t sum = 0;

	for (uint32_t i = 0; i < N; i++)
		from[i] = rng();
	for (uint32_t pass = 0; pass < 24; pass++) {
		for (uint32_t i = 0; i < N; i++)
			to[i] = from[i] + pass;
		for (uint32_t i = 0; i < N; i += 3)
			sum += to[(i * 17) & (N - 1)];
	}
	return sum;
}

/* Unpredictable branches: sorting. */
static int by_value(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
	return x < y ? -1 : x > y;
}

static uint64_t branches(void)
{
	enum { N = 200000 };
	static uint32_t v[N];
	uint64_t sum = 0;

	for (uint32_t pass = 0; pass < 4; pass++) {
		for (uint32_t i = 0; i < N; i++)
			v[i] = rng();
		qsort(v, N, sizeof(v[0]), by_value);
		for (uint32_t i = 0; i < N; i += 1000)
			sum = sum * 31 + v[i];
	}
	return sum;
}

/* Calls and returns. */
static __attribute__((noinline)) uint32_t fib(uint32_t n)
{
	return n < 2 ? n : fib(n - 1) + fib(n - 2);
}

static uint64_t calls(void)
{
	return fib(34);
}

/* Floating point: a small n-body step and a series. */
static uint64_t floating(void)
{
	double x[3] = {0, 1, 2}, v[3] = {0.5, 0, -0.25}, sum = 0;

	for (uint32_t i = 0; i < 3000000; i++) {
		for (int p = 0; p < 3; p++) {
			double d = x[p] - x[(p + 1) % 3];
			v[p] -= d / (1.0 + d * d) * 0.001;
			x[p] += v[p] * 0.001;
		}
		sum += sqrt(x[0] * x[0] + x[1] * x[1]);
	}
	return (uint64_t)(int64_t)(sum * 1000);
}

/* String functions of the C library. */
static uint64_t strings(void)
{
	static char text[1 << 16], copy[1 << 16];
	uint64_t sum = 0;

	for (size_t i = 0; i < sizeof(text) - 1; i++)
		text[i] = (char)('a' + rng() % 26);
	for (uint32_t pass = 0; pass < 400; pass++) {
		memcpy(copy, text, sizeof(text));
		copy[pass] = 'Z';
		sum += strlen(copy) + (size_t)(strchr(copy, 'Z') - copy);
		sum += (uint64_t)(memcmp(copy, text, sizeof(text)) != 0);
	}
	return sum;
}

static const struct {
	const char *name;
	uint64_t (*run)(void);
} set[] = {
	{"integer", integer}, {"memory", memory},     {"branches", branches},
	{"calls", calls},     {"floating", floating}, {"strings", strings},
};

int main(int argc, char **argv)
{
	for (size_t i = 0; i < sizeof(set) / sizeof(set[0]); i++) {
		if (argc > 1 && strcmp(argv[1], set[i].name) != 0)
			continue;
		printf("BENCH-START %s\n", set[i].name);
		fflush(stdout);
		uint64_t value = set[i].run();
		printf("BENCH-END %s %llu\n", set[i].name, (unsigned long long)value);
		fflush(stdout);
	}
	return 0;
}
