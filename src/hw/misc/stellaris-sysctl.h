/* Stellaris system control (stellaris-sysctl.c), and what tells one chip from another. */
#ifndef HW_MISC_STELLARIS_SYSCTL_H
#define HW_MISC_STELLARIS_SYSCTL_H

#include "hw/misc/mmio.h"
#include "hw/timer/clock-source.h"

#define STELLARIS_SYSCTL_SIZE 0x1000

/* Identification and capabilities as the data sheet of a part lists them. */
struct stellaris_part {
	const char *name;
	uint32_t did0, did1, dc[5]; /* DC0 to DC4 */
	uint32_t rcc_reset;
	uint32_t crystal; /* Hz, of the board */
};

struct stellaris_sysctl {
	struct mmio mmio; /* output 0: the interrupt */
	const struct stellaris_part *part;
	struct clock_source clock; /* of the core and the peripherals */
	uint8_t mac[6];
	uint32_t pborctl, ldopctl, ris, imc, resc, rcc, rcc2, clkvclr, ldoarst, dslpclkcfg;
	uint32_t srcr[3], gating[9]; /* RCGC, SCGC, DCGC */
	uint32_t user[2];
};

#endif
