/*
 * A counter that runs down from a value to 0, tells so, and starts again from its reload value: the
 * core of SysTick, of the Stellaris timers, and of most timer chips of ARM boards.
 *
 * The count is worked out from the clock, so nothing happens between two expiries and none is ever
 * early or drifts. Expiries that follow each other faster than DOWN_COUNTER_MIN_NS are told
 * together. Machine lock held; the owner saves down_counter_state with F_STRUCT.
 */
#ifndef HW_TIMER_DOWN_COUNTER_H
#define HW_TIMER_DOWN_COUNTER_H

#include "vm/device.h"

#include <stdbool.h>

#define DOWN_COUNTER_MIN_NS 20000

struct down_counter {
	struct timer timer;
	/* It got to 0, `times` times since the last call. */
	void (*expired)(void *opaque, uint64_t times);
	void *opaque;
	unsigned int dwell; /* ticks that the value 0 lasts before the reload: 0 or 1 */
	uint32_t hz;	    /* 0: stands still */
	bool running, periodic;
	uint64_t value; /* while it stands still, or at `origin` */
	uint64_t reload;
	uint64_t told;	/* expiries since `origin` that `expired` has heard of */
	int64_t origin; /* ns */
};

/* `dwell` is 1 where the period is the reload value plus one tick, 0 where it is that value. */
void down_counter_init(struct down_counter *c, unsigned int dwell,
		       void (*expired)(void *opaque, uint64_t times), void *opaque);
/* Stopped, value and reload 0; the rate stays. */
void down_counter_reset(struct down_counter *c);
void down_counter_set_hz(struct down_counter *c, uint32_t hz);
/* Takes effect at the next expiry. */
void down_counter_set_reload(struct down_counter *c, uint64_t reload);
/* Counts on from here. */
void down_counter_set(struct down_counter *c, uint64_t value);
/* All of these first tell of expiries that the clock has passed already. */
uint64_t down_counter_get(struct down_counter *c);
/* Starts, or goes on in the other mode. One that is not periodic stops at 0. */
void down_counter_start(struct down_counter *c, bool periodic);
void down_counter_stop(struct down_counter *c);

extern const struct field down_counter_state[];
/* Refuses what no run could have saved. */
struct error *down_counter_post_load(const struct down_counter *c) NODISCARD;

#endif
