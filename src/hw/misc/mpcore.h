/*
 * Private memory of ARM11 MPCore: snoop control unit, interrupt controller, timers, in the 8 KiB
 * that every processor sees at the same address. Class "arm11mpcore-priv", properties "cpus" and
 * "irqs". Source: ARM DDI 0360F, chapters 2 and 8.
 */
#ifndef HW_MISC_MPCORE_H
#define HW_MISC_MPCORE_H

#include "hw/intc/gic.h"
#include "hw/timer/mpcore-timer.h"

struct mpcore {
	struct mmio mmio; /* outputs: nIRQ of the processors */
	uint32_t cpus, irqs;
	struct gic *gic;
	struct mpcore_timer *timer;
	struct region scu;
	uint32_t control, cpu_status;
};

#endif
