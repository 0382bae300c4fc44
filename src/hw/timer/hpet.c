/*
 * IA-PC HPET (High Precision Event Timers) Specification 1.0a, October 2004: three timers of 64
 * bits, all able to be periodic, no FSB delivery; the counter's clock is 100 MHz.
 */
#include "hw/timer/hpet.h"

#include "base/log.h"

#include <glib.h>

enum {
	GENERAL_CAPABILITIES = 0x000,
	GENERAL_CONFIGURATION = 0x010,
	GENERAL_STATUS = 0x020,
	MAIN_COUNTER = 0x0f0,
	TIMER_0 = 0x100, /* 20h each */
	TIMER_CONFIGURATION = 0x00,
	TIMER_COMPARATOR = 0x08,
	TIMER_FSB_ROUTE = 0x10,
};

#define NS_PER_TICK 10
#define PERIOD_FS   (NS_PER_TICK * UINT64_C(1000000))

#define CFG_ENABLE 1u
#define CFG_LEGACY 2u

#define TN_LEVEL    UINT64_C(0x0002)
#define TN_ENABLE   UINT64_C(0x0004)
#define TN_PERIODIC UINT64_C(0x0008)
#define TN_PER_CAP  UINT64_C(0x0010)
#define TN_SIZE_CAP UINT64_C(0x0020)
#define TN_VAL_SET  UINT64_C(0x0040)
#define TN_32MODE   UINT64_C(0x0100)
#define TN_ROUTE    UINT64_C(0x3e00)
#define TN_WRITABLE (TN_LEVEL | TN_ENABLE | TN_PERIODIC | TN_VAL_SET | TN_32MODE | TN_ROUTE)

/* Pins of the I/O APIC that a timer may be routed to. */
#define ROUTE_CAP UINT64_C(0x00f00004)

/* A counter that has this far to go is not waited for: the comparator was set into the past. */
#define FAR_TICKS (INT64_MAX / NS_PER_TICK / 4)

/* A host cannot follow faster interrupts; periods below this are stretched. */
#define MIN_PERIOD_TICKS (10 * NS_PER_US / NS_PER_TICK)

static bool running(const struct hpet *s)
{
	return s->config & CFG_ENABLE;
}

static uint64_t counter_now(const struct hpet *s)
{
	if (!running(s))
		return s->counter;
	return (uint64_t)(clock_now(CLOCK_VIRTUAL) - s->origin) / NS_PER_TICK;
}

static bool legacy_routed(const struct hpet *s, unsigned int n)
{
	return (s->config & CFG_LEGACY) && n < 2;
}

/* In legacy mode timers 0 and 1 take the places of the 8254 and the RTC. */
static struct irq *line_of(const struct hpet *s, unsigned int n)
{
	unsigned int route = s->timers[n].config >> 9 & 31;

	if (legacy_routed(s, n))
		return &s->gsis[n == 0 ? 0 : 8];
	if (!(ROUTE_CAP >> route & 1))
		return NULL;
	return &s->gsis[route == 2 ? 0 : route];
}

static unsigned int number_of(const struct hpet *s, const struct hpet_timer *t)
{
	return (unsigned int)(t - s->timers);
}

/* --- expiry --- */

static uint64_t size_mask(const struct hpet_timer *t)
{
	return t->config & TN_32MODE ? UINT32_MAX : UINT64_MAX;
}

static void arm(struct hpet *s, unsigned int n)
{
	struct hpet_timer *t = &s->timers[n];
	uint64_t now, ticks;

	if (!running(s)) {
		timer_cancel(&t->timer);
		return;
	}
	now = counter_now(s);
	ticks = (t->comparator - now) & size_mask(t);
	if (ticks == 0 && !(t->config & TN_32MODE))
		ticks = UINT64_MAX; /* equal now: it has fired */
	else if (ticks == 0)
		ticks = UINT64_C(1) << 32;
	if ((t->config & TN_PERIODIC) && t->period && t->period < MIN_PERIOD_TICKS)
		ticks = MAX(ticks, MIN_PERIOD_TICKS);
	if (ticks > FAR_TICKS)
		timer_cancel(&t->timer);
	else
		timer_set(&t->timer, clock_now(CLOCK_VIRTUAL) + (int64_t)ticks * NS_PER_TICK);
}

static void raise_interrupt(struct hpet *s, unsigned int n)
{
	struct hpet_timer *t = &s->timers[n];
	bool level = t->config & TN_LEVEL;

	if (level)
		s->status |= 1u << n;
	if (!(t->config & TN_ENABLE))
		return;
	if (level)
		irq_set(line_of(s, n), 1);
	else
		irq_pulse(line_of(s, n));
}

/* A periodic comparator moves on by whole periods until it is ahead of the counter. */
static void advance(const struct hpet *s, struct hpet_timer *t)
{
	uint64_t behind = (counter_now(s) - t->comparator) & size_mask(t), periods;

	if (!(t->config & TN_PERIODIC) || !t->period || behind > size_mask(t) / 2)
		return;
	periods = behind / t->period + 1;
	t->comparator = (t->comparator + periods * t->period) & size_mask(t);
}

static void fired(void *opaque)
{
	struct hpet_timer *t = opaque;
	struct hpet *s = t->hpet;
	unsigned int n = number_of(s, t);

	raise_interrupt(s, n);
	advance(s, t);
	arm(s, n);
}

/* --- configuration --- */

static void set_legacy(struct hpet *s, bool on)
{
	if (s->pit)
		i8254_set_disabled(s->pit, on);
	if (!on)
		irq_set(&s->gsis[8], s->rtc_level);
}

static void config_write(struct hpet *s, uint64_t value)
{
	uint64_t old = s->config;

	value &= CFG_ENABLE | CFG_LEGACY;
	if (!(old & CFG_ENABLE) && (value & CFG_ENABLE))
		s->origin = clock_now(CLOCK_VIRTUAL) - (int64_t)(s->counter * NS_PER_TICK);
	if ((old & CFG_ENABLE) && !(value & CFG_ENABLE))
		s->counter = counter_now(s);
	s->config = value;
	for (unsigned int n = 0; n < HPET_TIMERS; n++)
		arm(s, n);
	if ((old ^ value) & CFG_LEGACY)
		set_legacy(s, value & CFG_LEGACY);
}

static void status_clear(struct hpet *s, uint64_t bits)
{
	bits &= s->status;
	s->status &= ~bits;
	for (unsigned int n = 0; n < HPET_TIMERS; n++) {
		if (bits >> n & 1)
			irq_set(line_of(s, n), 0);
	}
}

static void timer_config_write(struct hpet *s, unsigned int n, uint64_t value, uint64_t mask)
{
	struct hpet_timer *t = &s->timers[n];
	bool was_level = s->status >> n & 1;

	/* a held line is let go before it can change its route */
	if (was_level)
		irq_set(line_of(s, n), 0);
	mask &= TN_WRITABLE;
	t->config = (t->config & ~mask) | (value & mask);
	if (t->config & TN_32MODE) {
		t->comparator &= UINT32_MAX;
		t->period &= UINT32_MAX;
	}
	if (!(t->config & TN_LEVEL))
		s->status &= ~(UINT64_C(1) << n);
	else if (was_level && (t->config & TN_ENABLE))
		irq_set(line_of(s, n), 1);
	arm(s, n);
}

/*
 * 2.3.9.2.2: in periodic mode a write sets the period, and the comparator as well if VAL_SET was
 * set just before.
 */
static void comparator_write(struct hpet *s, unsigned int n, uint64_t value, uint64_t mask)
{
	struct hpet_timer *t = &s->timers[n];
	bool periodic = t->config & TN_PERIODIC;

	if (!periodic || (t->config & TN_VAL_SET))
		t->comparator = ((t->comparator & ~mask) | (value & mask)) & size_mask(t);
	if (periodic)
		t->period = ((t->period & ~mask) | (value & mask)) & size_mask(t);
	/* both halves of a 64-bit value may be set one after the other */
	if (mask & ~UINT64_C(0xffffffff) || (t->config & TN_32MODE) || !periodic)
		t->config &= ~TN_VAL_SET;
	arm(s, n);
}

static void counter_write(struct hpet *s, uint64_t value, uint64_t mask)
{
	if (running(s)) {
		log_printf(LOG_GUEST_ERRORS, "hpet: counter written while it runs\n");
		return;
	}
	s->counter = (s->counter & ~mask) | (value & mask);
}

/* --- registers --- */

static uint64_t timer_read(const struct hpet *s, unsigned int n, unsigned int reg)
{
	const struct hpet_timer *t = &s->timers[n];

	switch (reg) {
	case TIMER_CONFIGURATION:
		return (t->config & ~TN_VAL_SET) | TN_PER_CAP | TN_SIZE_CAP | ROUTE_CAP << 32;
	case TIMER_COMPARATOR: return t->comparator;
	default: return 0;
	}
}

static uint64_t register_read(const struct hpet *s, unsigned int reg)
{
	switch (reg) {
	case GENERAL_CAPABILITIES: return HPET_ID | PERIOD_FS << 32;
	case GENERAL_CONFIGURATION: return s->config;
	case GENERAL_STATUS: return s->status;
	case MAIN_COUNTER: return counter_now(s);
	default: break;
	}
	if (reg >= TIMER_0 && reg < TIMER_0 + 0x20 * HPET_TIMERS)
		return timer_read(s, (reg - TIMER_0) / 0x20, reg & 0x1f);
	return 0;
}

static void timer_write(struct hpet *s, unsigned int n, unsigned int reg, uint64_t value,
			uint64_t mask)
{
	if (reg == TIMER_CONFIGURATION)
		timer_config_write(s, n, value, mask);
	else if (reg == TIMER_COMPARATOR)
		comparator_write(s, n, value, mask);
}

/* `mask` has the bits that the access covers. */
static void register_write(struct hpet *s, unsigned int reg, uint64_t value, uint64_t mask)
{
	switch (reg) {
	case GENERAL_CONFIGURATION: config_write(s, (s->config & ~mask) | (value & mask)); return;
	case GENERAL_STATUS: status_clear(s, value & mask); return;
	case MAIN_COUNTER: counter_write(s, value, mask); return;
	default: break;
	}
	if (reg >= TIMER_0 && reg < TIMER_0 + 0x20 * HPET_TIMERS)
		timer_write(s, (reg - TIMER_0) / 0x20, reg & 0x1f, value, mask);
}

static uint64_t mmio_read(void *opaque, uint64_t offset, unsigned int size)
{
	return register_read(opaque, (unsigned int)offset & ~7u) >> (8 * (offset & 7));
}

static void mmio_write(void *opaque, uint64_t offset, uint64_t value, unsigned int size)
{
	unsigned int shift = 8 * (offset & 7);
	uint64_t mask = size == 8 ? UINT64_MAX : ((UINT64_C(1) << (8 * size)) - 1) << shift;

	/* 2.3.1: only aligned 32- and 64-bit accesses are supported */
	if (size >= 4)
		register_write(opaque, (unsigned int)offset & ~7u, value << shift, mask);
}

static const struct region_ops mmio_ops = {
	.read = mmio_read, .write = mmio_write, .min_size = 1, .max_size = 8};

/* --- device --- */

static void rtc_set(void *opaque, int n, int level)
{
	struct hpet *s = opaque;

	s->rtc_level = level;
	if (!(s->config & CFG_LEGACY))
		irq_set(&s->gsis[8], level);
}

void hpet_set_pit(struct hpet *s, struct i8254 *pit)
{
	s->pit = pit;
}

static struct error *hpet_init(struct device *dev)
{
	struct hpet *s = (struct hpet *)dev;

	irq_init(&s->rtc_in, rtc_set, s, 0);
	for (unsigned int n = 0; n < HPET_TIMERS; n++) {
		s->timers[n].hpet = s;
		timer_init(&s->timers[n].timer, CLOCK_VIRTUAL, fired, &s->timers[n]);
	}
	region_init_io(&s->registers, "hpet", 0x400, &mmio_ops, s);
	return NULL;
}

static void hpet_reset(struct device *dev)
{
	struct hpet *s = (struct hpet *)dev;

	s->config = s->status = s->counter = 0;
	s->origin = 0;
	s->rtc_level = false;
	for (unsigned int n = 0; n < HPET_TIMERS; n++) {
		struct hpet_timer *t = &s->timers[n];

		timer_cancel(&t->timer);
		t->config = 0;
		t->comparator = UINT64_MAX;
		t->period = 0;
	}
}

static struct error *hpet_post_load(struct device *dev)
{
	struct hpet *s = (struct hpet *)dev;

	s->config &= CFG_ENABLE | CFG_LEGACY;
	for (unsigned int n = 0; n < HPET_TIMERS; n++)
		s->timers[n].config &= TN_WRITABLE;
	return NULL;
}

static const struct prop hpet_props[] = {
	PROP_PTR("gsis", struct hpet, gsis),
	PROP_END,
};

static const struct field timer_state[] = {
	F_U64(struct hpet_timer, config),
	F_U64(struct hpet_timer, comparator),
	F_U64(struct hpet_timer, period),
	F_TIMER(struct hpet_timer, timer),
	FIELD_END,
};

static const struct field hpet_state[] = {
	F_U64(struct hpet, config),
	F_U64(struct hpet, status),
	F_U64(struct hpet, counter),
	F_U64(struct hpet, origin),
	F_STRUCTS(struct hpet, timers, timer_state),
	F_BOOL(struct hpet, rtc_level),
	FIELD_END,
};

DEVICE_CLASS(hpet, .name = "hpet", .help = "high precision event timers", .bus = "System",
	     .size = sizeof(struct hpet), .props = hpet_props, .state = hpet_state,
	     .init = hpet_init, .reset = hpet_reset, .post_load = hpet_post_load, .hidden = true);
