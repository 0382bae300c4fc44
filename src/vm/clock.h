/*
 * The machine's clocks and the timers that run on them. Times are nanoseconds in int64_t.
 *
 *  CLOCK_VIRTUAL  guest time: 0 at power on, stands still while the machine is stopped. Counts
 *                 instructions under -icount, host time otherwise. Devices use this one.
 *  CLOCK_REALTIME_HOST  host monotonic time: runs while the machine is stopped (screens, clients).
 *  CLOCK_RTC      the guest's wall clock: virtual time plus the start date (-rtc, -startdate).
 *
 * Timers fire on the main thread, or under -icount on the vCPU thread between instructions, with
 * the machine lock held. All functions but clock_now() need the machine lock.
 */
#ifndef VM_CLOCK_H
#define VM_CLOCK_H

#include "base/clock.h"

#include <stdbool.h>
#include <stdint.h>

enum clock_kind { CLOCK_VIRTUAL, CLOCK_REALTIME_HOST, CLOCK_KINDS };

typedef void timer_fn(void *opaque);

/* Embedded in its device; saved states keep the deadline (F_TIMER). */
struct timer {
	timer_fn *fn;
	void *opaque;
	enum clock_kind clock;
	int64_t deadline; /* INT64_MAX: not pending */
	struct timer *next;
};

/* Sets up a timer that is not pending. */
void timer_init(struct timer *t, enum clock_kind clock, timer_fn *fn, void *opaque);
/* Fires once at `deadline` (now or later, if that is past). Replaces an earlier deadline. */
void timer_set(struct timer *t, int64_t deadline_ns);
void timer_cancel(struct timer *t); /* allowed on one that is not pending */
bool timer_pending(const struct timer *t);

/* Nanoseconds of a clock; any thread. */
int64_t clock_now(enum clock_kind clock);
/* Wall time of the guest in ns since 1970 UTC (or local time with -localtime); any thread. */
int64_t clock_rtc_now(void);
/* Sets what clock_rtc_now() shows at this moment. */
void clock_rtc_set(int64_t ns_since_1970);

/* The virtual clock runs only between clock_start() and clock_stop(); run states call them. */
void clock_start(void);
void clock_stop(void);
/* Earliest pending deadline of a clock, INT64_MAX if none. */
int64_t clock_next_deadline(enum clock_kind clock);
/* Fires what is due on a clock. */
void clock_run_timers(enum clock_kind clock);

/* -icount: virtual time is instructions << shift; the core tells how many have run.
 * `instructions` is called from any thread. */
void clock_use_icount(unsigned int shift, int64_t (*instructions)(void *opaque), void *opaque);
bool clock_is_icount(void);
/* Changes the shift from now on; time stays continuous. */
void clock_set_icount_shift(unsigned int shift);
unsigned int clock_icount_shift(void);
/* `fn` is called (machine lock held) when the earliest virtual deadline becomes earlier under
 * -icount: the vCPU thread makes a new budget. */
void clock_set_deadline_hook(void (*fn)(void));
/* Sets virtual time, for loading a state. */
void clock_set_virtual(int64_t ns);
/* Sleeping under -icount: no vCPU can run, so jump to the next deadline. */
void clock_warp_to(int64_t virtual_ns);

#endif
