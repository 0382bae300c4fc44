#ifndef HW_TIMER_STELLARIS_WATCHDOG_H
#define HW_TIMER_STELLARIS_WATCHDOG_H

#include "hw/misc/mmio.h"
#include "hw/timer/clock-source.h"
#include "hw/timer/down-counter.h"

struct stellaris_watchdog {
	struct mmio mmio; /* output 0: the interrupt */
	struct clock_source *clock;
	struct clock_listener listener;
	struct down_counter counter;
	uint32_t load, ctl, test;
	bool ris, locked;
};

#endif
