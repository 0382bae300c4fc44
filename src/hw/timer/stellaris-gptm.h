/* A general-purpose timer module of the Stellaris (stellaris-gptm.c): two timers, A and B. */
#ifndef HW_TIMER_STELLARIS_GPTM_H
#define HW_TIMER_STELLARIS_GPTM_H

#include "hw/misc/mmio.h"
#include "hw/timer/clock-source.h"
#include "hw/timer/down-counter.h"

struct gptm_half {
	struct down_counter counter;
	uint32_t mode, load, match, prescale, prescale_match;
};

struct stellaris_gptm {
	/* outputs 0 and 1: interrupts of A (and the 32-bit modes) and B; 2: a pulse starts a
	 * conversion of the ADC */
	struct mmio mmio;
	struct clock_source *clock;
	struct clock_listener listener;
	struct gptm_half half[2];
	uint32_t cfg, ctl, imr, ris;
	uint32_t hz;
	/* the real-time clock counts seconds upwards */
	struct timer rtc;
	uint32_t rtc_value;
	int64_t rtc_origin;
};

#endif
