#ifndef HW_MISC_ARMV7M_BITBAND_H
#define HW_MISC_ARMV7M_BITBAND_H

#include "vm/memory.h"

#define BITBAND_SIZE 0x02000000u

struct bitband {
	struct region region;
	struct address_space *memory;
	uint32_t base;
};

/* Shows the bits of the MiB at `base` of `memory` in an alias 32 MiB above it. */
void bitband_init(struct bitband *b, struct address_space *memory, struct region *parent,
		  uint32_t base);

#endif
