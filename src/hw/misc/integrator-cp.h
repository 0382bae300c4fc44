/* Control registers of the Integrator/CP: class "integrator-cp-control". */
#ifndef HW_MISC_INTEGRATOR_CP_H
#define HW_MISC_INTEGRATOR_CP_H

#include "hw/misc/mmio.h"

struct integrator_cp {
	struct mmio mmio;		       /* output 0: a card was put in */
	struct irq card_detect, write_protect; /* inputs */
	uint8_t flashprog, intreg;
};

#endif
