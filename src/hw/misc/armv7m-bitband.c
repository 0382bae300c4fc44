/*
 * A bit-band alias: 32 MiB in which each word is one bit of a 1 MiB region. Source: Cortex-M3
 * Technical Reference Manual (ARM DDI 0337), "Bit-banding".
 */
#include "hw/misc/armv7m-bitband.h"

static uint64_t byte_address(const struct bitband *b, uint64_t offset, unsigned int size)
{
	return b->base + (offset >> 5 & ~(uint64_t)(size - 1));
}

static unsigned int bit_number(uint64_t offset, unsigned int size)
{
	return (unsigned int)(offset >> 2) & (8 * size - 1);
}

static uint64_t bitband_read(void *opaque, uint64_t offset, unsigned int size)
{
	struct bitband *b = opaque;
	uint64_t value = mem_load_le(b->memory, byte_address(b, offset, size), size);

	return value >> bit_number(offset, size) & 1;
}

static void bitband_write(void *opaque, uint64_t offset, uint64_t value, unsigned int size)
{
	struct bitband *b = opaque;
	uint64_t at = byte_address(b, offset, size), bit = UINT64_C(1) << bit_number(offset, size);
	uint64_t old = mem_load_le(b->memory, at, size);

	mem_store_le(b->memory, at, value & 1 ? old | bit : old & ~bit, size);
}

static const struct region_ops ops = {
	.read = bitband_read, .write = bitband_write, .min_size = 1, .max_size = 4};

void bitband_init(struct bitband *b, struct address_space *memory, struct region *parent,
		  uint32_t base)
{
	b->memory = memory;
	b->base = base;
	region_init_io(&b->region, "bitband", BITBAND_SIZE, &ops, b);
	region_add(parent, base + BITBAND_SIZE, &b->region, 0);
}
