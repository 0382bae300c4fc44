/*
 * A clock signal whose rate can change: the output of a divider or PLL that several devices count.
 * Its owner embeds it and calls clock_source_set(); counters listen and carry on at the new rate.
 * Machine lock held.
 */
#ifndef HW_TIMER_CLOCK_SOURCE_H
#define HW_TIMER_CLOCK_SOURCE_H

#include <stdint.h>

struct clock_listener {
	void (*changed)(void *opaque, uint32_t hz);
	void *opaque;
	struct clock_listener *next;
};

struct clock_source {
	uint32_t hz; /* 0: stopped */
	struct clock_listener *listeners;
};

/* `listener` is the caller's and must stay; it is called at once with the present rate. */
void clock_source_listen(struct clock_source *c, struct clock_listener *listener,
			 void (*changed)(void *opaque, uint32_t hz), void *opaque);
void clock_source_set(struct clock_source *c, uint32_t hz);

#endif
