/*
 * The local APIC's timer: Intel SDM volume 3A, section 11.5.4. It counts a bus clock of 1 GHz,
 * divided by 1 to 128.
 */
#include "hw/intc/apic.h"

#include <glib.h>

/* A host cannot follow faster interrupts; periods below this are stretched. */
#define MIN_PERIOD_NS (10 * NS_PER_US)

/* Divide configuration: bits 3, 1 and 0; 111b is 1. */
static unsigned int divide_shift(const struct apic *s)
{
	unsigned int v = (s->divide & 3) | (s->divide >> 1 & 4);

	return (v + 1) & 7;
}

static bool periodic(const struct apic *s)
{
	return s->lvt[LVT_TIMER] & LVT_PERIODIC;
}

static int64_t period_ns(const struct apic *s)
{
	return (int64_t)s->initial_count << divide_shift(s);
}

uint32_t apic_timer_count(const struct apic *s)
{
	uint64_t ticks;

	if (!s->initial_count)
		return 0;
	ticks = (uint64_t)(clock_now(CLOCK_VIRTUAL) - s->count_start) >> divide_shift(s);
	if (periodic(s))
		return s->initial_count - (uint32_t)(ticks % s->initial_count);
	return ticks >= s->initial_count ? 0 : s->initial_count - (uint32_t)ticks;
}

/* Arms the next expiry after now; a one-shot that has expired stays quiet. */
static void arm(struct apic *s)
{
	int64_t now = clock_now(CLOCK_VIRTUAL), period = period_ns(s), elapsed;

	timer_cancel(&s->timer);
	if (!period)
		return;
	elapsed = now - s->count_start;
	if (elapsed < 0)
		elapsed = 0;
	if (periodic(s))
		timer_set(&s->timer, MAX(s->count_start + (elapsed / period + 1) * period,
					 period < MIN_PERIOD_NS ? now + MIN_PERIOD_NS : 0));
	else if (elapsed < period)
		timer_set(&s->timer, s->count_start + period);
}

void apic_timer_load(struct apic *s, uint32_t count)
{
	s->initial_count = count;
	s->count_start = clock_now(CLOCK_VIRTUAL);
	arm(s);
}

void apic_timer_reconfigure(struct apic *s)
{
	arm(s);
}

void apic_timer_fired(void *opaque)
{
	struct apic *s = opaque;

	apic_lvt_deliver(s, LVT_TIMER);
	if (periodic(s))
		arm(s);
}
