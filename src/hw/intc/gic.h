/*
 * Generic interrupt controller, version 1: class "gic". Sources: ARM IHI 0048A (architecture), ARM
 * DDI 0416 (PL390), ARM DDI 0360F, chapter 10 (11MPCore).
 *
 * The distributor's and the processors' registers are separate regions, which boards place.
 */
#ifndef HW_INTC_GIC_H
#define HW_INTC_GIC_H

#include "hw/misc/mmio.h"

#include <stdbool.h>

#define GIC_CPUS    4
#define GIC_IRQS    160 /* 32 of them private to each processor */
#define GIC_WORDS   (GIC_IRQS / 32)
#define GIC_PRIVATE 32

/* A processor's interface. */
struct gic_cpu {
	struct gic *gic;
	unsigned int index;
	struct region regs;
	struct irq ppi[GIC_PRIVATE]; /* inputs 16 to 31 */
	uint32_t ctlr, pmr, bpr;
	uint32_t enabled, pending, level; /* of the private interrupts */
	uint32_t active[GIC_WORDS];
	uint8_t priority[GIC_PRIVATE];
	uint8_t sgi_sources[16]; /* processors that sent it */
	uint8_t active_source[16];
	bool asserted; /* nIRQ as it was driven last */
};

struct gic {
	struct mmio mmio;	     /* regs: the distributor; outputs: nIRQ of processors 0 to 3 */
	uint32_t cpus, irqs;	     /* properties */
	struct irq inputs[GIC_IRQS]; /* n: shared interrupt 32 + n */
	struct region own;	     /* the interface of whoever looks */
	struct gic_cpu cpu[GIC_CPUS];
	uint32_t ctlr;
	uint32_t enabled[GIC_WORDS], pending[GIC_WORDS], level[GIC_WORDS], edge[GIC_WORDS];
	uint8_t priority[GIC_IRQS], target[GIC_IRQS], one_of_many[GIC_IRQS / 8];
};

#endif
