/*
 * Clocks and timers. The virtual clock is the host's monotonic clock with an offset that grows
 * while the machine stands still, or under -icount the instruction count with an offset that grows
 * when all processors sleep.
 *
 * Pending timers hang in one list a clock, earliest first; a machine has a few dozen at most.
 */
#include "vm/clock.h"

#include "base/loop.h"

#include <glib.h>

/* A guest may program a period so short that its timer is due again whenever it has run. */
#define MAX_TIMERS_AT_ONCE 1000

struct timer_list {
	struct timer *first;
	struct loop_alarm *alarm;
	int64_t armed; /* deadline that the alarm has, on its clock */
};

static struct {
	struct timer_list lists[CLOCK_KINDS];
	/* Read without the lock by clock_now(): `sequence` is odd while they change. */
	unsigned int sequence;
	bool running;
	int64_t offset; /* running: host + offset; stopped: the time itself; icount: a bias */
	unsigned int shift;
	int64_t (*instructions)(void *opaque);
	void *instructions_opaque;
	int64_t rtc_offset; /* guest's wall time - virtual time */
	bool rtc_set;
	void (*deadline_hook)(void);
} clocks = {.lists = {{.armed = INT64_MAX}, {.armed = INT64_MAX}}};

/* --- reading --- */

static void state_write_begin(void)
{
	__atomic_fetch_add(&clocks.sequence, 1, __ATOMIC_SEQ_CST);
}

static void state_write_end(void)
{
	__atomic_fetch_add(&clocks.sequence, 1, __ATOMIC_SEQ_CST);
}

static void offset_set(int64_t offset)
{
	__atomic_store_n(&clocks.offset, offset, __ATOMIC_SEQ_CST);
}

static int64_t virtual_once(void)
{
	int64_t offset = __atomic_load_n(&clocks.offset, __ATOMIC_SEQ_CST);

	if (clock_is_icount()) {
		uint64_t count = (uint64_t)clocks.instructions(clocks.instructions_opaque);
		return offset + (int64_t)(count << clock_icount_shift());
	}
	if (!__atomic_load_n(&clocks.running, __ATOMIC_SEQ_CST))
		return offset;
	return host_monotonic_ns() + offset;
}

static int64_t virtual_now(void)
{
	unsigned int before, after;
	int64_t now;

	do {
		before = __atomic_load_n(&clocks.sequence, __ATOMIC_SEQ_CST);
		now = virtual_once();
		after = __atomic_load_n(&clocks.sequence, __ATOMIC_SEQ_CST);
	} while (before != after || (before & 1));
	return now;
}

int64_t clock_now(enum clock_kind clock)
{
	return clock == CLOCK_VIRTUAL ? virtual_now() : host_monotonic_ns();
}

/* --- the alarm of the earliest deadline --- */

static void alarm_rang(void *opaque);

static enum clock_kind list_clock(const struct timer_list *list)
{
	return (enum clock_kind)(list - clocks.lists);
}

/* The host time at which a clock shows `deadline`. */
static int64_t host_time_of(enum clock_kind clock, int64_t deadline)
{
	if (clock == CLOCK_REALTIME_HOST)
		return deadline;
	int64_t host;
	return __builtin_sub_overflow(deadline, clocks.offset, &host) ? INT64_MAX : host;
}

/* A later deadline leaves the alarm alone: it rings once for nothing, which is cheaper than two
 * system calls whenever a device moves its timer. */
static void list_arm(struct timer_list *list)
{
	enum clock_kind clock = list_clock(list);
	int64_t deadline = list->first ? list->first->deadline : INT64_MAX;

	if (clock == CLOCK_VIRTUAL && (!clocks.running || clock_is_icount()))
		return;
	if (deadline >= list->armed)
		return;
	if (!list->alarm)
		list->alarm = loop_alarm_new(alarm_rang, list);
	list->armed = deadline;
	loop_alarm_set(list->alarm, host_time_of(clock, deadline));
}

static void list_rearm(struct timer_list *list)
{
	list->armed = INT64_MAX;
	if (list->alarm)
		loop_alarm_set(list->alarm, INT64_MAX);
	list_arm(list);
}

static void alarm_rang(void *opaque)
{
	struct timer_list *list = opaque;

	list->armed = INT64_MAX;
	if (list_clock(list) == CLOCK_VIRTUAL && (!clocks.running || clock_is_icount()))
		return;
	clock_run_timers(list_clock(list));
	list_arm(list);
}

/* --- timers --- */

void timer_init(struct timer *t, enum clock_kind clock, timer_fn *fn, void *opaque)
{
	*t = (struct timer){.fn = fn, .opaque = opaque, .clock = clock, .deadline = INT64_MAX};
}

bool timer_pending(const struct timer *t)
{
	return t->deadline != INT64_MAX;
}

static void timer_unlink(struct timer *t)
{
	struct timer **at = &clocks.lists[t->clock].first;

	while (*at && *at != t)
		at = &(*at)->next;
	if (*at)
		*at = t->next;
	t->next = NULL;
	t->deadline = INT64_MAX;
}

void timer_cancel(struct timer *t)
{
	if (timer_pending(t))
		timer_unlink(t);
}

void timer_set(struct timer *t, int64_t deadline)
{
	struct timer_list *list = &clocks.lists[t->clock];

	timer_cancel(t);
	if (deadline == INT64_MAX)
		return;
	t->deadline = deadline;
	/* Behind those with the same deadline: they fire in the order in which they were set. */
	struct timer **at = &list->first;
	while (*at && (*at)->deadline <= deadline)
		at = &(*at)->next;
	t->next = *at;
	*at = t;
	if (list->first != t)
		return;
	list_arm(list);
	if (t->clock == CLOCK_VIRTUAL && clocks.deadline_hook)
		clocks.deadline_hook();
}

int64_t clock_next_deadline(enum clock_kind clock)
{
	const struct timer *first = clocks.lists[clock].first;

	return first ? first->deadline : INT64_MAX;
}

void clock_run_timers(enum clock_kind clock)
{
	struct timer_list *list = &clocks.lists[clock];
	int64_t now = clock_now(clock);

	for (unsigned int i = 0; i < MAX_TIMERS_AT_ONCE; i++) {
		struct timer *t = list->first;
		if (!t || t->deadline > now)
			return;
		timer_unlink(t);
		t->fn(t->opaque);
	}
}

void clock_set_deadline_hook(void (*fn)(void))
{
	clocks.deadline_hook = fn;
}

/* --- running, stopping, setting --- */

void clock_start(void)
{
	if (clocks.running)
		return;
	state_write_begin();
	if (!clock_is_icount())
		offset_set(clocks.offset - host_monotonic_ns());
	__atomic_store_n(&clocks.running, true, __ATOMIC_SEQ_CST);
	state_write_end();
	list_rearm(&clocks.lists[CLOCK_VIRTUAL]);
}

void clock_stop(void)
{
	if (!clocks.running)
		return;
	state_write_begin();
	if (!clock_is_icount())
		offset_set(clocks.offset + host_monotonic_ns());
	__atomic_store_n(&clocks.running, false, __ATOMIC_SEQ_CST);
	state_write_end();
}

void clock_set_virtual(int64_t ns)
{
	int64_t now = virtual_now();

	state_write_begin();
	offset_set(clocks.offset + (ns - now));
	state_write_end();
	list_rearm(&clocks.lists[CLOCK_VIRTUAL]);
}

/* --- -icount --- */

bool clock_is_icount(void)
{
	return __atomic_load_n(&clocks.instructions, __ATOMIC_SEQ_CST) != NULL;
}

unsigned int clock_icount_shift(void)
{
	return __atomic_load_n(&clocks.shift, __ATOMIC_SEQ_CST);
}

void clock_use_icount(unsigned int shift, int64_t (*instructions)(void *opaque), void *opaque)
{
	int64_t now = virtual_now();

	state_write_begin();
	clocks.instructions_opaque = opaque;
	__atomic_store_n(&clocks.shift, shift, __ATOMIC_SEQ_CST);
	__atomic_store_n(&clocks.instructions, instructions, __ATOMIC_SEQ_CST);
	offset_set(0);
	int64_t counted = instructions ? virtual_once() : clocks.running ? host_monotonic_ns() : 0;
	offset_set(now - counted);
	state_write_end();
	list_rearm(&clocks.lists[CLOCK_VIRTUAL]);
}

void clock_set_icount_shift(unsigned int shift)
{
	int64_t now = virtual_now();

	state_write_begin();
	__atomic_store_n(&clocks.shift, shift, __ATOMIC_SEQ_CST);
	offset_set(0);
	offset_set(now - virtual_once());
	state_write_end();
}

void clock_warp_to(int64_t virtual_ns)
{
	int64_t ahead = virtual_ns - virtual_now();

	if (ahead <= 0)
		return;
	state_write_begin();
	offset_set(clocks.offset + ahead);
	state_write_end();
}

/* --- wall time of the guest --- */

int64_t clock_rtc_now(void)
{
	int64_t now = virtual_now();

	if (!__atomic_load_n(&clocks.rtc_set, __ATOMIC_ACQUIRE))
		return host_realtime_ns();
	return now + __atomic_load_n(&clocks.rtc_offset, __ATOMIC_RELAXED);
}

void clock_rtc_set(int64_t ns)
{
	__atomic_store_n(&clocks.rtc_offset, ns - virtual_now(), __ATOMIC_RELAXED);
	__atomic_store_n(&clocks.rtc_set, true, __ATOMIC_RELEASE);
}
