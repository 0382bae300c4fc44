/* Arithmetic in registers, hashing and numbers of many words. */
#include "bench.h"
#include <string.h>

uint64_t bench_integer(void)
{
	uint32_t a = 1, b = 7, c = 11;

	for (uint32_t i = 0; i < 60000000; i++) {
		a = a * 1664525 + 1013904223;
		b = (b << 5 | b >> 27) ^ a;
		c += (b >> 3) + (a & 0xff);
	}
	return a ^ b ^ c;
}

static uint32_t crc_table[256];

static void make_crc_table(void)
{
	for (uint32_t byte = 0; byte < 256; byte++) {
		uint32_t crc = byte;
		for (int bit = 0; bit < 8; bit++)
			crc = crc >> 1 ^ (crc & 1 ? 0xedb88320 : 0);
		crc_table[byte] = crc;
	}
}

/* CRC-32 by table and FNV-1a over 64 KiB, byte by byte. */
uint64_t bench_hash(void)
{
	static uint8_t data[1 << 16];
	uint32_t state = 4711, crc = ~0u;
	uint64_t fnv = 0xcbf29ce484222325;

	make_crc_table();
	for (size_t i = 0; i < sizeof(data); i++)
		data[i] = (uint8_t)next_random(&state);
	for (uint32_t pass = 0; pass < 400; pass++) {
		for (size_t i = 0; i < sizeof(data); i++) {
			crc = crc_table[(crc ^ data[i]) & 0xff] ^ crc >> 8;
			fnv = (fnv ^ data[i]) * 0x100000001b3;
		}
		data[pass] ^= (uint8_t)crc;
	}
	return fnv ^ crc;
}

/* A factorial, squares and remainders on 32-bit limbs with 64-bit products. */
enum { LIMBS = 512 };

static void multiply_small(uint32_t *n, uint32_t by)
{
	uint64_t carry = 0;

	for (size_t i = 0; i < LIMBS; i++) {
		carry += (uint64_t)n[i] * by;
		n[i] = (uint32_t)carry;
		carry >>= 32;
	}
}

static void multiply(uint32_t *product, const uint32_t *a, const uint32_t *b)
{
	memset(product, 0, LIMBS * sizeof(*product));
	for (size_t i = 0; i < LIMBS; i++) {
		uint64_t carry = 0;
		for (size_t j = 0; i + j < LIMBS; j++) {
			carry += (uint64_t)a[i] * b[j] + product[i + j];
			product[i + j] = (uint32_t)carry;
			carry >>= 32;
		}
	}
}

static uint32_t divide_small(uint32_t *n, uint32_t by)
{
	uint64_t rest = 0;

	for (size_t i = LIMBS; i-- > 0;) {
		rest = rest << 32 | n[i];
		n[i] = (uint32_t)(rest / by);
		rest %= by;
	}
	return (uint32_t)rest;
}

uint64_t bench_bignum(void)
{
	static uint32_t a[LIMBS], b[LIMBS];
	uint64_t check = 0;

	memset(a, 0, sizeof(a));
	a[0] = 1;
	for (uint32_t i = 2; i < 1500; i++)
		multiply_small(a, i);
	for (int pass = 0; pass < 700; pass++) {
		multiply(b, a, a);
		memcpy(a, b, sizeof(a));
		a[0] |= 1;
		check = check * 31 + b[LIMBS - 1];
	}
	for (int digit = 0; digit < 3000; digit++)
		check = check * 7 + divide_small(a, 1000000007);
	return check;
}
