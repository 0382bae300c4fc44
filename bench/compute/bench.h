/*
 * What the programs of the compute set share. Each is a function that does a fixed amount of work
 * and returns a check value, which bench/run compares between machines: a wrong answer is never a
 * fast one. Results must not depend on the word size, libm's last bit or addresses.
 */
#ifndef BENCH_H
#define BENCH_H

#include <stddef.h>
#include <stdint.h>

typedef uint64_t bench_fn(void);

bench_fn bench_integer, bench_hash, bench_bignum;
bench_fn bench_memory, bench_pointers, bench_sort;
bench_fn bench_calls, bench_bytecode, bench_branches;
bench_fn bench_floating, bench_matrix, bench_fft, bench_x87;
bench_fn bench_strings, bench_words, bench_vector, bench_mixed;

/* Xorshift: the same numbers on every machine. */
static inline uint32_t next_random(uint32_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 17;
	*state ^= *state << 5;
	return *state;
}

#endif
