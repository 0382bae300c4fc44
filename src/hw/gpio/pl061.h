/*
 * PrimeCell GPIO (PL061): eight pins. The board reads outputs through lines that it connects to
 * `out`, and drives pins through `in`.
 */
#ifndef HW_GPIO_PL061_H
#define HW_GPIO_PL061_H

#include "hw/misc/mmio.h"

#define PL061_PINS 8

struct pl061 {
	struct mmio mmio; /* output 0: GPIOINTR */
	/* Level of each pin where it is an output that software controls, else what its pull-up
	 * makes of it. */
	struct irq *out[PL061_PINS];
	struct irq in[PL061_PINS];
	/* properties */
	uint32_t id;
	bool luminary;	 /* with the registers that Luminary Micro added */
	uint8_t pullups; /* pins that the board pulls up */
	/* registers */
	uint8_t data, dir, is, ibe, iev, ie, ris, afsel;
	uint8_t pins;	/* levels that the interrupts have seen */
	uint8_t wire;	/* levels that the board drives */
	uint8_t driven; /* levels on `out` */
	uint8_t dr2r, dr4r, dr8r, odr, pur, pdr, slr, den, cr;
	bool locked;
};

#endif
