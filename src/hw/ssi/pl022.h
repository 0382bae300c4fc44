#ifndef HW_SSI_PL022_H
#define HW_SSI_PL022_H

#include "hw/misc/mmio.h"
#include "hw/ssi/ssi.h"

#define PL022_FIFO 8

struct pl022 {
	struct mmio mmio; /* output 0: SSPINTR */
	struct ssi_bus bus;
	uint32_t id; /* property: SSPPeriphID registers as one number */
	uint32_t cr0, cr1, cpsr, imsc, ris, dmacr;
	uint16_t rx[PL022_FIFO];
	uint8_t head, count;
};

#endif
