/* Vector arithmetic in the compiler's vector types: SSE2 or NEON where the guest has them. */
#include "bench.h"
#include <string.h>

typedef float f32x4 __attribute__((vector_size(16)));
typedef int32_t s32x4 __attribute__((vector_size(16)));
typedef uint16_t u16x8 __attribute__((vector_size(16)));
typedef uint8_t u8x16 __attribute__((vector_size(16)));

uint64_t bench_vector(void)
{
	enum { N = 1 << 10 };
	static f32x4 x[N], y[N];
	static u8x16 bytes[N];
	static u16x8 words[N];
	s32x4 sum = {0, 0, 0, 0};
	uint32_t state = 8;
	uint64_t check = 0;

	for (size_t i = 0; i < N; i++) {
		uint32_t r = next_random(&state);
		x[i] = (f32x4){(float)(r & 15), (float)(r >> 4 & 15), (float)(r >> 8 & 15), 1};
		y[i] = x[i];
		memset(&bytes[i], (int)(r >> 16 & 0xff), sizeof(bytes[i]));
		words[i] = (u16x8){(uint16_t)r, 1, 2, 3, 4, 5, 6, 7};
	}
	for (int pass = 0; pass < 30000; pass++) {
		const f32x4 half = {0.5f, 0.5f, 0.5f, 0.5f};
		for (size_t i = 0; i < N; i++) {
			y[i] = (y[i] + x[i] * half) * half;
			words[i] = words[i] * words[i] + (words[i] >> 3);
			bytes[i] += bytes[(i + 1) % N] ^ (bytes[i] > 100);
			sum += (s32x4)words[i];
		}
	}
	for (size_t i = 0; i < N; i++)
		check += bytes[i][3] + (uint64_t)(y[i][1] * 4) + words[i][0];
	return check * 1000003 + (uint32_t)(sum[0] ^ sum[1] ^ sum[2] ^ sum[3]);
}
