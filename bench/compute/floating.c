/* Floating point: scalar, matrices, a Fourier transform and the 80-bit type where there is one. */
#include "bench.h"
#include <math.h>

/* A few bodies that pull at each other. */
uint64_t bench_floating(void)
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
	return (uint64_t)(sum / 1000);
}

uint64_t bench_matrix(void)
{
	enum { N = 160 };
	static double a[N][N], b[N][N], c[N][N];
	double trace = 0;

	for (int i = 0; i < N; i++) {
		for (int j = 0; j < N; j++) {
			a[i][j] = (i * 7 + j * 3) % 11;
			b[i][j] = (i * 5 + j * 13) % 7;
		}
	}
	for (int pass = 0; pass < 40; pass++) {
		for (int i = 0; i < N; i++) {
			for (int j = 0; j < N; j++) {
				double sum = 0;
				for (int k = 0; k < N; k++)
					sum += a[i][k] * b[k][j];
				c[i][j] = sum;
			}
		}
		a[pass][pass] = c[pass][0] / 1024;
	}
	for (int i = 0; i < N; i++)
		trace += c[i][i];
	return (uint64_t)trace;
}

struct complex {
	double re, im;
};

/* In place, decimation in time; the roots by halving angles, so that libm plays no part. */
static void transform(struct complex *v, unsigned log2, double sign)
{
	size_t n = (size_t)1 << log2;

	for (size_t i = 1, j = 0; i < n; i++) {
		size_t bit = n >> 1;
		for (; j & bit; bit >>= 1)
			j ^= bit;
		j ^= bit;
		if (i < j) {
			struct complex swap = v[i];
			v[i] = v[j];
			v[j] = swap;
		}
	}
	double cosine = -1, sine = 0;
	for (size_t half = 1; half < n; half *= 2) {
		struct complex step = {cosine, sign * sine}, root = {1, 0};
		for (size_t k = 0; k < half; k++) {
			for (size_t i = k; i < n; i += 2 * half) {
				struct complex *a = &v[i], *b = &v[i + half];
				double re = b->re * root.re - b->im * root.im;
				double im = b->re * root.im + b->im * root.re;
				*b = (struct complex){a->re - re, a->im - im};
				*a = (struct complex){a->re + re, a->im + im};
			}
			root = (struct complex){root.re * step.re - root.im * step.im,
						root.re * step.im + root.im * step.re};
		}
		sine = half == 1 ? 1 : sine / (2 * sqrt((1 + cosine) / 2));
		cosine = sqrt((1 + cosine) / 2);
	}
}

uint64_t bench_fft(void)
{
	enum { LOG2 = 12, N = 1 << LOG2 };
	static struct complex v[N];
	double error = 0;

	for (int i = 0; i < N; i++)
		v[i] = (struct complex){i % 17 - 8, i % 5};
	for (int pass = 0; pass < 300; pass++) {
		transform(v, LOG2, 1);
		transform(v, LOG2, -1);
		for (int i = 0; i < N; i++)
			v[i] = (struct complex){v[i].re / N, v[i].im / N};
	}
	for (int i = 0; i < N; i++)
		error += fabs(v[i].re - (i % 17 - 8)) + fabs(v[i].im - i % 5);
	return error < 1e-6;
}

/* long double: 80 bits on x86, whatever the guest has elsewhere. */
uint64_t bench_x87(void)
{
	long double pi = 0, power = 1, root = 2;

	for (uint32_t i = 0; i < 8000000; i++) {
		pi += (i & 1 ? -4.0L : 4.0L) / (2 * i + 1);
		power = power * 1.0000001L;
		root = (root + (3 + power) / root) / 2;
	}
	return (uint64_t)(pi * 1e6L) * 1000 + (uint64_t)(root * 100) + (uint64_t)power;
}
