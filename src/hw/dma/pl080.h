/* PrimeCell DMA controllers: classes "pl080" and "pl081", property "memory". */
#ifndef HW_DMA_PL080_H
#define HW_DMA_PL080_H

#include "hw/misc/mmio.h"

#define PL080_CHANNELS 8
enum { PL080_INTR, PL080_INTTC, PL080_INTERR }; /* outputs */

struct pl080_channel {
	uint32_t src, dest, lli, control, conf;
};

struct pl080 {
	struct mmio mmio;
	struct address_space *memory;
	struct irq inputs[16]; /* requests of peripherals */
	struct pl080_channel channels[PL080_CHANNELS];
	uint32_t config, sync, requests, soft_requests;
	uint8_t raw_tc, raw_error, tc_status, error_status;
	struct timer more;
};

#endif
