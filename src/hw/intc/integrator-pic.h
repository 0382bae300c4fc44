/* The Integrator's interrupt controllers: class "integrator-pic". */
#ifndef HW_INTC_INTEGRATOR_PIC_H
#define HW_INTC_INTEGRATOR_PIC_H

#include "hw/misc/mmio.h"

struct integrator_pic {
	struct mmio mmio;
	struct irq inputs[32]; /* 0 is the software interrupt's */
	uint32_t level, irq_enable, fiq_enable;
};

#endif
