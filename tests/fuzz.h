/* What fuzz targets share whose input is a program of steps: a reader of its bytes. */
#ifndef TESTS_FUZZ_H
#define TESTS_FUZZ_H

#include "base/loop.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct input {
	const uint8_t *data;
	size_t size;
};

/* The next bytes, least significant first; behind the end they are 0. */
static inline uint32_t take(struct input *in, unsigned int bytes)
{
	uint32_t value = 0;

	for (unsigned int i = 0; i < bytes && in->size; i++, in->size--)
		value |= (uint32_t)*in->data++ << 8 * i;
	return value;
}

/* The start of a target: `prepare` is called before the first input, with the machine lock. */
static inline struct input fuzz_begin(const uint8_t *data, size_t size, void (*prepare)(void))
{
	static bool ready;

	if (!ready) {
		machine_lock();
		prepare();
		ready = true;
	}
	return (struct input){data, size};
}

#endif
