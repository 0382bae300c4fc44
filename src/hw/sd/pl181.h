/* PrimeCell PL181 as boards see it: class "pl181", property "drive"; outputs MCIINTR0 and 1. */
#ifndef HW_SD_PL181_H
#define HW_SD_PL181_H

#include "hw/misc/mmio.h"
#include "hw/sd/sd-card.h"

#define PL181_FIFO 64 /* bytes */

struct pl181 {
	struct mmio mmio;
	struct drive *drive;
	struct sd_card *card; /* made by init; the board may connect its switches */
	uint32_t power, clock, argument, command, respcmd, response[4];
	uint32_t datatimer, datalength, datactrl, datacnt, flags, mask[2], select;
	uint8_t fifo[PL181_FIFO], fifo_head, fifo_count;
	bool ended; /* DataEnd was told */
	struct timer timeout;
};

#endif
