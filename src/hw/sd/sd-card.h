/*
 * SD memory card in SD mode: class "sd-card", behind any controller. Sources: SD Specifications,
 * Part 1, Physical Layer Simplified Specification 2.00.
 *
 * A controller sends commands and moves data bytes when the card has some or takes some; `notify`
 * tells when that may have changed. Machine lock held.
 */
#ifndef HW_SD_SD_CARD_H
#define HW_SD_SD_CARD_H

#include "storage/block.h"
#include "vm/device.h"
#include "vm/irq.h"

#include <stdbool.h>

#define SD_BLOCK 512u
#define SD_CHUNK (32u << 10) /* read ahead, and written together */

enum sd_transfer {
	SD_IDLE,
	SD_READ_BLOCKS,
	SD_WRITE_BLOCKS,
	SD_SEND_REGISTER, /* SCR, SD status, switch status: once */
	SD_TAKE_REGISTER, /* CSD: once, and checked */
};

struct sd_card {
	struct device dev;
	struct drive *drive; /* property */
	/* the controller's; sd_connect() */
	void (*notify)(void *opaque);
	void *opaque;
	struct irq *inserted, *readonly; /* card detect and write protect switch; may be NULL */

	uint64_t size; /* bytes that the CSD tells of */
	uint8_t cid[16], csd[16], scr[8];
	/* state */
	uint8_t state; /* CURRENT_STATE of the card status */
	uint8_t transfer;
	bool app_command, powered_up, multiple, stopping;
	bool busy;	      /* programming or erasing */
	bool fetching, stale; /* the host reads a block; one that is not wanted any more */
	uint8_t bus_width;
	uint16_t rca;
	uint32_t status; /* error bits that wait to be told */
	uint32_t block_len, block_count;
	uint64_t erase_start, erase_end;
	uint64_t addr;	   /* of the block in `data`, bytes */
	uint32_t pos, len; /* of `data` */
	uint8_t data[SD_BLOCK];
	uint32_t chunk_len; /* bytes that wait to be written */
	uint8_t chunk[SD_CHUNK];
	/* not saved: what was read, from `fetched_at` of the image */
	uint64_t fetched_at;
	uint32_t fetched_len;
	uint8_t fetched[SD_CHUNK];
};

/* Makes the card for a drive (NULL: an empty slot). */
struct error *sd_card_new(struct drive *drive, struct sd_card **card) NODISCARD;
void sd_connect(struct sd_card *c, void (*notify)(void *opaque), void *opaque);
bool sd_present(const struct sd_card *c);
/* Bytes of the response: 0 (none), 4 or 16; most significant first, without CRC. */
unsigned int sd_command(struct sd_card *c, unsigned int index, uint32_t arg, uint8_t response[16]);
/* How many bytes were moved: fewer than `len` where the card has no more, or is busy. */
size_t sd_read(struct sd_card *c, uint8_t *buf, size_t len);
size_t sd_write(struct sd_card *c, const uint8_t *buf, size_t len);
/* It programs what was written. */
bool sd_busy(const struct sd_card *c);

#endif
