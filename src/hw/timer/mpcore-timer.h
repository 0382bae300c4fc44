/*
 * Private timers and watchdogs of ARM11 MPCore and Cortex-A9, one of each a processor: class
 * "mpcore-timer". Source: ARM DDI 0360F, chapter 9.
 */
#ifndef HW_TIMER_MPCORE_TIMER_H
#define HW_TIMER_MPCORE_TIMER_H

#include "hw/misc/mmio.h"
#include "hw/timer/down-counter.h"

#define MPCORE_TIMER_CPUS 4

struct mpcore_counter {
	struct mpcore_timer_cpu *cpu;
	struct down_counter counter;
	uint32_t load, control;
	bool event; /* interrupt status */
	struct irq *irq;
};

struct mpcore_timer_cpu {
	struct mpcore_counter timer, watchdog;
	bool was_reset;	      /* by the watchdog */
	uint8_t disable_step; /* of the sequence that ends watchdog mode */
};

struct mpcore_timer {
	struct mmio mmio;  /* regs: those of whoever looks */
	struct region all; /* 100h of each processor */
	uint32_t cpus, hz; /* properties */
	/* the board connects cpu[n].timer.irq and cpu[n].watchdog.irq */
	struct mpcore_timer_cpu cpu[MPCORE_TIMER_CPUS];
};

#endif
