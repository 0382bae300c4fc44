/*
 * 8254 programmable interval timer, Intel 231164-005.
 *
 * Nothing ticks: each counter remembers when its count was loaded, and OUT and the count are
 * computed from the clocks that have passed since. One timer drives the line of counter 0.
 */
#include "hw/timer/i8254.h"

#include "base/log.h"

#include <glib.h>

/* Control word. */
#define CW_BCD	  0x01
#define CW_MODE	  0x0e
#define CW_ACCESS 0x30

#define ACCESS_LATCH 0
#define ACCESS_LSB   1
#define ACCESS_MSB   2
#define ACCESS_BOTH  3

/* Read-back command: the counter bits are at 1..3, the latch bits are low active. */
#define READ_BACK_COUNT	 0x20
#define READ_BACK_STATUS 0x10

#define STATUS_OUT  0x80
#define STATUS_NULL 0x40

/* Ticks that came late are delivered one by one unless the host was away for longer than this. */
#define CATCH_UP_NS (100 * NS_PER_MS)

/* A host cannot follow faster edges; those that come sooner are left out. */
#define MIN_EDGE_NS (10 * NS_PER_US)

static int64_t to_clocks(int64_t ns)
{
	return ns <= 0 ? 0 : (int64_t)mul_div_u64((uint64_t)ns, I8254_HZ, NS_PER_S);
}

/* First nanosecond at which `clocks` have passed. */
static int64_t to_ns(int64_t clocks)
{
	return (int64_t)(((unsigned __int128)clocks * NS_PER_S + I8254_HZ - 1) / I8254_HZ);
}

static bool is_periodic(const struct i8254_counter *c)
{
	return c->mode == 2 || c->mode == 3;
}

/* Modes 1 and 5 count from a rising GATE, and ignore its level. */
static bool is_triggered_by_gate(const struct i8254_counter *c)
{
	return c->mode == 1 || c->mode == 5;
}

/* Takes a count that was written during the period which has ended. */
static void reload(struct i8254_counter *c, int64_t now)
{
	if (!c->next_count || now < c->reload_at)
		return;
	c->count = c->next_count;
	c->start = c->reload_at;
	c->next_count = 0;
}

static int64_t elapsed(const struct i8254_counter *c, int64_t now)
{
	return c->paused >= 0 ? c->paused : to_clocks(now - c->start);
}

static bool counting(const struct i8254_counter *c)
{
	return c->count && (!is_triggered_by_gate(c) || c->triggered);
}

static bool out_at(const struct i8254_counter *c, int64_t now)
{
	int64_t n = c->count, t = elapsed(c, now);

	if (!counting(c))
		return c->mode != 0;
	switch (c->mode) {
	case 0:
	case 1: return t >= n;
	case 2: return !c->gate || t % n != n - 1;
	case 3: return !c->gate || t % n < (n + 1) / 2;
	default: return t != n;
	}
}

/* The counting element, in clocks; wraps as a 16-bit or four-digit counter does. */
static uint32_t count_at(const struct i8254_counter *c, int64_t now)
{
	int64_t n = c->count, t = elapsed(c, now), wrap = c->bcd ? 10000 : 65536;

	if (!counting(c))
		return c->count;
	switch (c->mode) {
	case 2: return (uint32_t)(n - t % n);
	case 3:
		/* counts down by two, twice a period; an odd count starts one lower */
		t = 2 * (t % n);
		return (uint32_t)(t < n ? (n & ~INT64_C(1)) - t : 2 * n - t) & ~1u;
	default: return (uint32_t)(((n - t) % wrap + wrap) % wrap);
	}
}

/* When OUT changes next after `now`; INT64_MAX if it does not. */
static int64_t next_edge(const struct i8254_counter *c, int64_t now)
{
	int64_t n = c->count, t = elapsed(c, now), base, in;

	if (!counting(c) || c->paused >= 0)
		return INT64_MAX;
	base = t - t % n;
	in = t % n;
	switch (c->mode) {
	case 0:
	case 1: return t < n ? c->start + to_ns(n) : INT64_MAX;
	case 2: return c->start + to_ns(base + n); /* the low clock before is not driven */
	case 3: return c->start + to_ns(in < (n + 1) / 2 ? base + (n + 1) / 2 : base + n);
	default:
		if (t < n)
			return c->start + to_ns(n);
		return t == n ? c->start + to_ns(n + 1) : INT64_MAX;
	}
}

/* --- the line of counter 0 --- */

static void arm(struct i8254 *s, int64_t from)
{
	reload(&s->counters[0], from);
	s->next_edge = next_edge(&s->counters[0], from);
	if (is_periodic(&s->counters[0]) && s->next_edge != INT64_MAX)
		s->next_edge = MAX(s->next_edge, from + MIN_EDGE_NS);
	if (s->next_edge == INT64_MAX || s->out_disabled)
		timer_cancel(&s->timer);
	else
		timer_set(&s->timer, s->next_edge);
}

static void drive(struct i8254 *s, int level)
{
	if (!s->out_disabled)
		irq_set(s->out, level);
}

static void fired(void *opaque)
{
	struct i8254 *s = opaque;
	struct i8254_counter *c = &s->counters[0];
	int64_t now = clock_now(CLOCK_VIRTUAL), at = s->next_edge;

	if (now - at > CATCH_UP_NS)
		at = now;
	reload(c, at);
	if (c->mode == 2) /* OUT was low for one clock and rises now */
		drive(s, 0);
	drive(s, out_at(c, at));
	arm(s, at);
}

/* After a change of counter n: OUT may have moved at once. */
static void changed(struct i8254 *s, unsigned int n)
{
	int64_t now = clock_now(CLOCK_VIRTUAL);

	if (n != 0)
		return;
	drive(s, out_at(&s->counters[0], now));
	arm(s, now);
}

void i8254_set_disabled(struct i8254 *s, bool disabled)
{
	if (s->out_disabled == disabled)
		return;
	drive(s, 0);
	s->out_disabled = disabled;
	changed(s, 0);
}

/* --- gates --- */

static void pause_counter(struct i8254_counter *c, int64_t now)
{
	if (c->paused < 0)
		c->paused = to_clocks(now - c->start);
}

static void resume(struct i8254_counter *c, int64_t now)
{
	if (c->paused >= 0)
		c->start = now - to_ns(c->paused);
	c->paused = -1;
}

static void gate_rose(struct i8254_counter *c, int64_t now)
{
	switch (c->mode) {
	case 0:
	case 4: resume(c, now); break;
	default: /* a trigger: count from the start, with a new count if there is one */
		if (c->next_count)
			c->count = c->next_count;
		c->next_count = 0;
		c->start = now;
		c->paused = -1;
		c->triggered = true;
	}
}

void i8254_set_gate(struct i8254 *s, unsigned int n, bool level)
{
	struct i8254_counter *c = &s->counters[n];
	int64_t now = clock_now(CLOCK_VIRTUAL);

	if (c->gate == level)
		return;
	reload(c, now);
	c->gate = level;
	if (level)
		gate_rose(c, now);
	else if (!is_triggered_by_gate(c))
		pause_counter(c, now);
	changed(s, n);
}

bool i8254_out(struct i8254 *s, unsigned int n)
{
	int64_t now = clock_now(CLOCK_VIRTUAL);

	reload(&s->counters[n], now);
	return out_at(&s->counters[n], now);
}

uint32_t i8254_period(const struct i8254 *s, unsigned int n)
{
	return s->counters[n].count;
}

/* --- writing --- */

static uint32_t from_bcd(uint32_t v)
{
	return (v >> 12 & 15) * 1000 + (v >> 8 & 15) * 100 + (v >> 4 & 15) * 10 + (v & 15);
}

static uint32_t to_bcd(uint32_t v)
{
	return v / 1000 % 10 << 12 | v / 100 % 10 << 8 | v / 10 % 10 << 4 | v % 10;
}

static void load(struct i8254 *s, unsigned int n, uint16_t raw)
{
	struct i8254_counter *c = &s->counters[n];
	int64_t now = clock_now(CLOCK_VIRTUAL);
	uint32_t count = c->bcd ? from_bcd(raw) : raw;

	if (count == 0)
		count = c->bcd ? 10000 : 65536;
	reload(c, now);
	if (is_periodic(c) && c->count && c->paused < 0) {
		int64_t t = elapsed(c, now), period = c->count;

		c->next_count = count;
		c->reload_at = c->start + to_ns((t / period + 1) * period);
	} else if (is_triggered_by_gate(c) && c->triggered) {
		c->next_count = count; /* until the next trigger */
		c->reload_at = INT64_MAX;
	} else {
		c->count = count;
		c->start = now;
		c->paused = c->gate || is_triggered_by_gate(c) ? -1 : 0;
	}
	changed(s, n);
}

static void write_counter(struct i8254 *s, unsigned int n, uint8_t value)
{
	struct i8254_counter *c = &s->counters[n];

	switch (c->access) {
	case ACCESS_LSB: load(s, n, value); break;
	case ACCESS_MSB: load(s, n, (uint16_t)(value << 8)); break;
	default:
		c->write_high = !c->write_high;
		if (c->write_high) {
			c->write_low = value;
			if (c->mode == 0) /* the first byte stops the count and clears OUT */
				c->count = 0;
			changed(s, n);
		} else {
			load(s, n, (uint16_t)(c->write_low | value << 8));
		}
	}
}

static void latch_count(struct i8254_counter *c)
{
	int64_t now = clock_now(CLOCK_VIRTUAL);
	uint32_t count;

	if (c->latched)
		return; /* the first of several latch commands counts */
	reload(c, now);
	count = count_at(c, now);
	c->latch = (uint16_t)(c->bcd ? to_bcd(count) : count);
	c->latched = c->access == ACCESS_BOTH ? 2 : 1;
}

static void latch_status(struct i8254_counter *c)
{
	int64_t now = clock_now(CLOCK_VIRTUAL);

	if (c->status_latched)
		return;
	reload(c, now);
	c->status = (uint8_t)((out_at(c, now) ? STATUS_OUT : 0) |
			      (!c->count || c->next_count ? STATUS_NULL : 0) | c->access << 4 |
			      c->mode << 1 | c->bcd);
	c->status_latched = true;
}

static void read_back(struct i8254 *s, uint8_t value)
{
	for (unsigned int n = 0; n < 3; n++) {
		if (!(value >> (n + 1) & 1))
			continue;
		if (!(value & READ_BACK_COUNT))
			latch_count(&s->counters[n]);
		if (!(value & READ_BACK_STATUS))
			latch_status(&s->counters[n]);
	}
}

static void write_control(struct i8254 *s, uint8_t value)
{
	unsigned int n = value >> 6, access = (value & CW_ACCESS) >> 4;
	struct i8254_counter *c;

	if (n == 3) {
		read_back(s, value);
		return;
	}
	c = &s->counters[n];
	if (access == ACCESS_LATCH) {
		latch_count(c);
		return;
	}
	c->access = (uint8_t)access;
	c->mode = (value & CW_MODE) >> 1;
	if (c->mode > 5)
		c->mode &= 3; /* 6 and 7 are 2 and 3 */
	c->bcd = value & CW_BCD;
	c->count = c->next_count = 0;
	c->paused = -1;
	c->triggered = false;
	c->write_high = c->read_high = c->status_latched = false;
	c->latched = 0;
	changed(s, n);
}

/* --- reading --- */

static uint8_t read_counter(struct i8254_counter *c)
{
	int64_t now = clock_now(CLOCK_VIRTUAL);
	uint32_t value;
	bool high;

	if (c->status_latched) {
		c->status_latched = false;
		return c->status;
	}
	if (c->latched) {
		value = c->latch;
		c->latched--;
	} else {
		reload(c, now);
		value = count_at(c, now);
		if (c->bcd)
			value = to_bcd(value);
	}
	high = c->access == ACCESS_MSB || (c->access == ACCESS_BOTH && c->read_high);
	if (c->access == ACCESS_BOTH)
		c->read_high = !c->read_high;
	return (uint8_t)(value >> (high ? 8 : 0));
}

static uint64_t ports_read(void *opaque, uint64_t offset, unsigned int size)
{
	struct i8254 *s = opaque;

	/* the control register cannot be read */
	return offset < 3 ? read_counter(&s->counters[offset]) : 0xff;
}

static void ports_write(void *opaque, uint64_t offset, uint64_t value, unsigned int size)
{
	if (offset < 3)
		write_counter(opaque, (unsigned int)offset, (uint8_t)value);
	else
		write_control(opaque, (uint8_t)value);
}

static const struct region_ops port_ops = {.read = ports_read, .write = ports_write, .max_size = 1};

/* --- device --- */

static struct error *i8254_init(struct device *dev)
{
	struct i8254 *s = (struct i8254 *)dev;

	timer_init(&s->timer, CLOCK_VIRTUAL, fired, s);
	region_init_io(&s->ports, "pit", 4, &port_ops, s);
	isa_map_io(dev, s->iobase, &s->ports);
	return NULL;
}

/* The 8254 powers up undefined; mode 3 with the longest count is what BIOSes find on boards. */
static void i8254_reset(struct device *dev)
{
	struct i8254 *s = (struct i8254 *)dev;

	timer_cancel(&s->timer);
	s->out_disabled = false;
	s->next_edge = INT64_MAX;
	for (unsigned int n = 0; n < 3; n++) {
		s->counters[n] = (struct i8254_counter){
			.mode = 3,
			.access = ACCESS_BOTH,
			.gate = n != 2, /* port 61h drives the third */
			.count = 65536,
			.start = clock_now(CLOCK_VIRTUAL),
			.paused = n == 2 ? 0 : -1,
		};
	}
}

static void i8254_settle(struct device *dev)
{
	changed((struct i8254 *)dev, 0);
}

static struct error *i8254_post_load(struct device *dev)
{
	struct i8254 *s = (struct i8254 *)dev;

	for (unsigned int n = 0; n < 3; n++) {
		struct i8254_counter *c = &s->counters[n];

		if (c->mode > 5 || c->access > 3 || c->access == 0 || c->count > 65536 ||
		    c->next_count > 65536 || c->latched > 2 || c->start < 0 || c->reload_at < 0 ||
		    c->paused < -1 || c->paused > INT64_MAX / NS_PER_S || c->start > INT64_MAX / 2)
			return error_new("i8254: impossible state of counter %u", n);
	}
	if (s->next_edge < 0)
		return error_new("i8254: impossible deadline");
	return NULL;
}

static const struct field counter_state[] = {
	F_U32(struct i8254_counter, count),	 F_U32(struct i8254_counter, next_count),
	F_U64(struct i8254_counter, reload_at),	 F_U64(struct i8254_counter, start),
	F_U64(struct i8254_counter, paused),	 F_U8(struct i8254_counter, mode),
	F_U8(struct i8254_counter, access),	 F_BOOL(struct i8254_counter, bcd),
	F_BOOL(struct i8254_counter, gate),	 F_BOOL(struct i8254_counter, triggered),
	F_U8(struct i8254_counter, write_low),	 F_BOOL(struct i8254_counter, write_high),
	F_BOOL(struct i8254_counter, read_high), F_U16(struct i8254_counter, latch),
	F_U8(struct i8254_counter, latched),	 F_BOOL(struct i8254_counter, status_latched),
	F_U8(struct i8254_counter, status),	 FIELD_END,
};

static const struct field i8254_state[] = {
	F_STRUCTS(struct i8254, counters, counter_state),
	F_BOOL(struct i8254, out_disabled),
	F_U64(struct i8254, next_edge),
	F_TIMER(struct i8254, timer),
	FIELD_END,
};

static const struct prop i8254_props[] = {
	PROP_U16("iobase", struct i8254, iobase, 0x40, "first port"),
	PROP_PTR("out", struct i8254, out),
	PROP_END,
};

DEVICE_CLASS(i8254, .name = "isa-pit", .help = "8254 interval timer", .bus = "ISA",
	     .size = sizeof(struct i8254), .props = i8254_props, .state = i8254_state,
	     .init = i8254_init, .reset = i8254_reset, .settle = i8254_settle,
	     .post_load = i8254_post_load, .hidden = true);
