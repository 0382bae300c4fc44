/*
 * Identification registers of ARM PrimeCells, by which drivers find out what they have: the last
 * 32 bytes of each block of 4 KiB hold eight bytes, one a word. Source: any PrimeCell's manual,
 * e.g. ARM DDI 0183, 3.3.15 and 3.3.16.
 */
#ifndef HW_MISC_PRIMECELL_H
#define HW_MISC_PRIMECELL_H

#include <stdbool.h>
#include <stdint.h>

#define PRIMECELL_ID_START 0xfe0u
#define PRIMECELL_CELL_ID  0xb105f00du

/* `periph_id` is UARTPeriphID3 to 0 as one number: configuration, revision and designer, part. */
static inline bool primecell_id_read(uint32_t periph_id, uint64_t offset, uint64_t *value)
{
	if (offset < PRIMECELL_ID_START || offset >= 0x1000)
		return false;
	uint32_t id = offset < 0xff0 ? periph_id : PRIMECELL_CELL_ID;
	*value = id >> ((offset & 0xc) * 2) & 0xff;
	return true;
}

#endif
