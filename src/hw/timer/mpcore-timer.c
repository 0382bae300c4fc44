#include "hw/timer/mpcore-timer.h"

#include "base/log.h"
#include "vm/cpu.h"
#include "vm/runstate.h"

#include <glib.h>

enum {
	TIMER_LOAD = 0x00,
	TIMER_COUNTER = 0x04,
	TIMER_CONTROL = 0x08,
	TIMER_STATUS = 0x0c,
	WATCHDOG = 0x20, /* the same four, and: */
	WATCHDOG_RESET_STATUS = 0x30,
	WATCHDOG_DISABLE = 0x34,
};

#define CONTROL_ENABLE	 0x1
#define CONTROL_RELOAD	 0x2
#define CONTROL_IT	 0x4
#define CONTROL_WATCHDOG 0x8 /* the watchdog's only */

#define DISABLE_FIRST  0x12345678u
#define DISABLE_SECOND 0x87654321u

static void update_irq(struct mpcore_counter *c)
{
	irq_set(c->irq, c->event && (c->control & CONTROL_IT));
}

static void expired(void *opaque, uint64_t times)
{
	struct mpcore_counter *c = opaque;

	if (c->control & CONTROL_WATCHDOG) {
		c->cpu->was_reset = true;
		machine_request_reset();
		return;
	}
	c->event = true;
	update_irq(c);
}

static void apply(struct mpcore_counter *c, uint32_t hz)
{
	down_counter_set_hz(&c->counter, hz / ((c->control >> 8 & 0xff) + 1));
	down_counter_set_reload(&c->counter, c->load);
	if (c->control & CONTROL_ENABLE)
		down_counter_start(&c->counter,
				   (c->control & (CONTROL_RELOAD | CONTROL_WATCHDOG)) ==
					   CONTROL_RELOAD);
	else
		down_counter_stop(&c->counter);
}

static uint32_t counter_read(struct mpcore_counter *c, unsigned int reg)
{
	switch (reg) {
	case TIMER_LOAD: return c->load;
	case TIMER_COUNTER: return (uint32_t)down_counter_get(&c->counter);
	case TIMER_CONTROL: return c->control;
	default: down_counter_get(&c->counter); return c->event;
	}
}

static void counter_write(struct mpcore_counter *c, unsigned int reg, uint32_t value, uint32_t hz)
{
	bool keeps = c->control & CONTROL_WATCHDOG;

	switch (reg) {
	case TIMER_LOAD:
		c->load = value;
		down_counter_set(&c->counter, value);
		apply(c, hz);
		break;
	case TIMER_COUNTER:
		down_counter_set(&c->counter, value);
		apply(c, hz);
		break;
	case TIMER_CONTROL:
		c->control = value | (keeps ? CONTROL_WATCHDOG : 0);
		apply(c, hz);
		break;
	default: down_counter_get(&c->counter); c->event = c->event && !(value & 1);
	}
	update_irq(c);
}

/* --- registers --- */

static void disable_write(struct mpcore_timer_cpu *t, uint32_t value)
{
	if (value == DISABLE_SECOND && t->disable_step == 1)
		t->watchdog.control &= ~(uint32_t)CONTROL_WATCHDOG;
	t->disable_step = value == DISABLE_FIRST;
}

static uint64_t block_read(struct mpcore_timer_cpu *t, unsigned int offset)
{
	if (offset <= TIMER_STATUS)
		return counter_read(&t->timer, offset);
	if (offset >= WATCHDOG && offset <= WATCHDOG + TIMER_STATUS)
		return counter_read(&t->watchdog, offset - WATCHDOG);
	if (offset == WATCHDOG_RESET_STATUS)
		return t->was_reset;
	log_printf(LOG_GUEST_ERRORS, "mpcore-timer: read of register %02x\n", offset);
	return 0;
}

static void block_write(struct mpcore_timer *s, struct mpcore_timer_cpu *t, unsigned int offset,
			uint32_t value)
{
	if (offset <= TIMER_STATUS)
		counter_write(&t->timer, offset, value & (offset == TIMER_CONTROL ? 0xff07 : ~0u),
			      s->hz);
	else if (offset >= WATCHDOG && offset <= WATCHDOG + TIMER_STATUS)
		counter_write(&t->watchdog, offset - WATCHDOG,
			      value & (offset == WATCHDOG + TIMER_CONTROL ? 0xff0f : ~0u), s->hz);
	else if (offset == WATCHDOG_RESET_STATUS)
		t->was_reset = t->was_reset && !(value & 1);
	else if (offset == WATCHDOG_DISABLE)
		disable_write(t, value);
	else
		log_printf(LOG_GUEST_ERRORS, "mpcore-timer: write of register %02x\n", offset);
}

static struct mpcore_timer_cpu *current(struct mpcore_timer *s)
{
	const struct cpu *cpu = cpu_current();

	return &s->cpu[cpu && cpu->index < s->cpus ? cpu->index : 0];
}

static uint64_t own_read(void *opaque, uint64_t offset, unsigned int size)
{
	return block_read(current(opaque), (unsigned int)offset);
}

static void own_write(void *opaque, uint64_t offset, uint64_t value, unsigned int size)
{
	block_write(opaque, current(opaque), (unsigned int)offset, (uint32_t)value);
}

static const struct region_ops own_ops = {
	.read = own_read, .write = own_write, .min_size = 4, .max_size = 4};

/* All of them: a processor's block is 100h long. */
static uint64_t all_read(void *opaque, uint64_t offset, unsigned int size)
{
	struct mpcore_timer *s = opaque;

	return block_read(&s->cpu[offset >> 8 & (MPCORE_TIMER_CPUS - 1)], offset & 0xff);
}

static void all_write(void *opaque, uint64_t offset, uint64_t value, unsigned int size)
{
	struct mpcore_timer *s = opaque;

	block_write(s, &s->cpu[offset >> 8 & (MPCORE_TIMER_CPUS - 1)], offset & 0xff,
		    (uint32_t)value);
}

static const struct region_ops all_ops = {
	.read = all_read, .write = all_write, .min_size = 4, .max_size = 4};

/* --- device --- */

static void counter_init(struct mpcore_counter *c, struct mpcore_timer_cpu *cpu)
{
	c->cpu = cpu;
	down_counter_init(&c->counter, 1, expired, c);
}

static struct error *mpcore_timer_init(struct device *dev)
{
	struct mpcore_timer *s = (struct mpcore_timer *)dev;

	if (s->cpus < 1 || s->cpus > MPCORE_TIMER_CPUS)
		return error_new("mpcore-timer: %u processors are not possible", s->cpus);
	region_init_io(&s->mmio.regs, "mpcore-timer", 0x100, &own_ops, s);
	region_init_io(&s->all, "mpcore-timers", 0x100 * MPCORE_TIMER_CPUS, &all_ops, s);
	for (unsigned int i = 0; i < MPCORE_TIMER_CPUS; i++) {
		counter_init(&s->cpu[i].timer, &s->cpu[i]);
		counter_init(&s->cpu[i].watchdog, &s->cpu[i]);
	}
	return NULL;
}

static void counter_reset(struct mpcore_counter *c, uint32_t hz)
{
	down_counter_reset(&c->counter);
	down_counter_set_hz(&c->counter, hz);
	c->load = c->control = 0;
	c->event = false;
}

/* Whether the watchdog did it is what the reset status is there to tell. */
static void mpcore_timer_reset(struct device *dev)
{
	struct mpcore_timer *s = (struct mpcore_timer *)dev;

	for (unsigned int i = 0; i < MPCORE_TIMER_CPUS; i++) {
		counter_reset(&s->cpu[i].timer, s->hz);
		counter_reset(&s->cpu[i].watchdog, s->hz);
		s->cpu[i].disable_step = 0;
	}
}

static void mpcore_timer_settle(struct device *dev)
{
	struct mpcore_timer *s = (struct mpcore_timer *)dev;

	for (unsigned int i = 0; i < MPCORE_TIMER_CPUS; i++) {
		update_irq(&s->cpu[i].timer);
		update_irq(&s->cpu[i].watchdog);
	}
}

static struct error *mpcore_timer_post_load(struct device *dev)
{
	struct mpcore_timer *s = (struct mpcore_timer *)dev;
	struct error *err = NULL;

	for (unsigned int i = 0; i < MPCORE_TIMER_CPUS && !err; i++) {
		err = down_counter_post_load(&s->cpu[i].timer.counter);
		err = err ? err : down_counter_post_load(&s->cpu[i].watchdog.counter);
	}
	return err;
}

static const struct prop props[] = {
	PROP_U32("cpus", struct mpcore_timer, cpus, 1, "processors"),
	PROP_U32("freq", struct mpcore_timer, hz, 100000000, "clock in Hz"),
	PROP_END,
};

static const struct field counter_state[] = {
	F_STRUCT(struct mpcore_counter, counter, down_counter_state),
	F_U32(struct mpcore_counter, load),
	F_U32(struct mpcore_counter, control),
	F_BOOL(struct mpcore_counter, event),
	FIELD_END,
};

static const struct field cpu_state[] = {
	F_STRUCT(struct mpcore_timer_cpu, timer, counter_state),
	F_STRUCT(struct mpcore_timer_cpu, watchdog, counter_state),
	F_BOOL(struct mpcore_timer_cpu, was_reset),
	F_U8(struct mpcore_timer_cpu, disable_step),
	FIELD_END,
};

static const struct field state[] = {
	F_STRUCTS(struct mpcore_timer, cpu, cpu_state),
	FIELD_END,
};

DEVICE_CLASS(mpcore_timer, .name = "mpcore-timer", .help = "private timers of an MPCore",
	     .bus = "System", .size = sizeof(struct mpcore_timer), .props = props, .state = state,
	     .init = mpcore_timer_init, .reset = mpcore_timer_reset, .settle = mpcore_timer_settle,
	     .post_load = mpcore_timer_post_load, .hidden = true);
