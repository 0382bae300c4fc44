/* The Versatile boards' secondary interrupt controller: class "versatile-sic". */
#ifndef HW_INTC_VERSATILE_SIC_H
#define HW_INTC_VERSATILE_SIC_H

#include "hw/misc/mmio.h"

struct versatile_sic {
	struct mmio mmio; /* output 0: all enabled inputs */
	struct irq inputs[32];
	struct irq *direct[32]; /* where inputs 21 to 30 are passed on to; NULL: nowhere */
	uint32_t level, enable, pic_enable;
	uint32_t driven; /* levels on `direct` */
};

#endif
