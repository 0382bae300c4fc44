/* PrimeCell PL190 as boards see it: class "pl190". */
#ifndef HW_INTC_PL190_H
#define HW_INTC_PL190_H

#include "hw/misc/mmio.h"

#define PL190_VECTORS 16
enum { PL190_IRQ, PL190_FIQ }; /* outputs */

struct pl190 {
	struct mmio mmio;
	struct irq inputs[32];
	uint32_t level, soft, enable, select;
	uint32_t active; /* one bit a priority that is being handled; 0 is the highest */
	uint32_t default_addr, vect_addr[PL190_VECTORS];
	uint8_t protection, vect_cntl[PL190_VECTORS];
};

#endif
