#include "hw/timer/down-counter.h"

#include <glib.h>

typedef unsigned __int128 u128;

/* --- ticks and times --- */

static uint64_t ticks_since_origin(const struct down_counter *c)
{
	int64_t ns = clock_now(CLOCK_VIRTUAL) - c->origin;

	return ns <= 0 ? 0 : (uint64_t)((u128)(uint64_t)ns * c->hz / (u128)NS_PER_S);
}

static uint64_t period(const struct down_counter *c)
{
	return c->reload + c->dwell;
}

/* A counter that would be reloaded with nothing stays at 0. */
static bool repeats(const struct down_counter *c)
{
	return c->periodic && c->reload;
}

static uint64_t expiries(const struct down_counter *c, uint64_t ticks)
{
	if (ticks < c->value)
		return 0;
	return repeats(c) ? 1 + (ticks - c->value) / period(c) : 1;
}

/* Ticks from the origin to expiry n (from 1). */
static u128 ticks_to(const struct down_counter *c, uint64_t n)
{
	return c->value + (u128)(n - 1) * period(c);
}

static void schedule(struct down_counter *c)
{
	if (!c->running || !c->hz || (c->told && !repeats(c))) {
		timer_cancel(&c->timer);
		return;
	}
	u128 ns = (ticks_to(c, c->told + 1) * (u128)NS_PER_S + c->hz - 1) / c->hz;
	int64_t left = INT64_MAX - 1 - c->origin;
	int64_t deadline = ns > (u128)left ? INT64_MAX - 1 : c->origin + (int64_t)ns;
	/* Only counters that are faster than that are held back. */
	if (c->told && (u128)period(c) * (u128)NS_PER_S < (u128)DOWN_COUNTER_MIN_NS * c->hz)
		deadline = MAX(deadline, clock_now(CLOCK_VIRTUAL) + DOWN_COUNTER_MIN_NS);
	timer_set(&c->timer, deadline);
}

static void tell(struct down_counter *c)
{
	uint64_t all = expiries(c, ticks_since_origin(c)), times = all - c->told;

	c->told = all;
	if (times && c->expired)
		c->expired(c->opaque, times);
}

static void fire(void *opaque)
{
	struct down_counter *c = opaque;

	if (!c->running)
		return;
	if (!repeats(c) && expiries(c, ticks_since_origin(c))) {
		c->value = 0;
		c->running = c->periodic;
		c->told = 1;
		if (c->expired)
			c->expired(c->opaque, 1);
		return;
	}
	tell(c);
	schedule(c);
}

/* The present moment becomes the origin. */
static void rebase(struct down_counter *c, uint64_t value)
{
	c->value = value;
	c->origin = clock_now(CLOCK_VIRTUAL);
	c->told = 0;
	schedule(c);
}

/* Expiries that the clock has passed and the timer, which may be late, has not told yet. */
static void catch_up(struct down_counter *c)
{
	if (c->running && c->hz && expiries(c, ticks_since_origin(c)) > c->told)
		fire(c);
}

/* --- the interface --- */

void down_counter_init(struct down_counter *c, unsigned int dwell,
		       void (*expired)(void *opaque, uint64_t times), void *opaque)
{
	*c = (struct down_counter){.dwell = dwell, .expired = expired, .opaque = opaque};
	timer_init(&c->timer, CLOCK_VIRTUAL, fire, c);
}

void down_counter_reset(struct down_counter *c)
{
	timer_cancel(&c->timer);
	c->running = c->periodic = false;
	c->value = c->reload = c->told = 0;
	c->origin = 0;
}

static uint64_t count(const struct down_counter *c)
{
	if (!c->running || !c->hz)
		return c->value;
	uint64_t ticks = ticks_since_origin(c);
	if (ticks <= c->value)
		return c->value - ticks;
	if (!repeats(c))
		return 0;
	uint64_t into = (ticks - c->value) % period(c);
	/* With a dwell the tick after 0 shows the reload value, without it that replaces 0. */
	return into ? period(c) - into : c->dwell ? 0 : c->reload;
}

uint64_t down_counter_get(struct down_counter *c)
{
	catch_up(c);
	return count(c);
}

void down_counter_set_hz(struct down_counter *c, uint32_t hz)
{
	if (hz == c->hz)
		return;
	uint64_t now = down_counter_get(c);
	c->hz = hz;
	if (c->running)
		rebase(c, now);
}

void down_counter_set_reload(struct down_counter *c, uint64_t reload)
{
	uint64_t now = down_counter_get(c);

	c->reload = reload;
	if (c->running)
		rebase(c, now);
}

void down_counter_set(struct down_counter *c, uint64_t value)
{
	catch_up(c);
	c->value = value;
	if (c->running)
		rebase(c, value);
}

void down_counter_start(struct down_counter *c, bool periodic)
{
	uint64_t now = down_counter_get(c);

	c->running = true;
	c->periodic = periodic;
	rebase(c, now);
}

void down_counter_stop(struct down_counter *c)
{
	c->value = down_counter_get(c);
	c->running = false;
	timer_cancel(&c->timer);
}

const struct field down_counter_state[] = {
	F_TIMER(struct down_counter, timer),
	F_U32(struct down_counter, hz),
	F_BOOL(struct down_counter, running),
	F_BOOL(struct down_counter, periodic),
	F_U64(struct down_counter, value),
	F_U64(struct down_counter, reload),
	F_U64(struct down_counter, told),
	F_INT(struct down_counter, origin),
	FIELD_END,
};

struct error *down_counter_post_load(const struct down_counter *c)
{
	if (c->origin < 0 || c->value > UINT64_MAX / 2 || c->reload > UINT64_MAX / 2 ||
	    c->told > UINT64_MAX / 2)
		return error_new("counter: %s", "value out of range");
	return NULL;
}
