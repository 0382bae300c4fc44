/*
 * Counters and timers of the Integrator/CP. Source: ARM DUI 0159B, 4.9. Outputs 0 to 2 are the
 * timers' interrupts; the first counts the system bus clock, the others 1 MHz.
 */
#include "hw/misc/mmio.h"
#include "hw/timer/arm-timer.h"

#include "base/log.h"

enum { TIMERS = 3 };
#define BUS_HZ 25000000

struct integrator_timer {
	struct mmio mmio;
	struct arm_timer timers[TIMERS];
};

static void changed(void *opaque)
{
	struct integrator_timer *t = opaque;

	for (unsigned int n = 0; n < TIMERS; n++)
		irq_set(t->mmio.irqs[n], arm_timer_irq(&t->timers[n]));
}

static uint64_t timer_read(void *opaque, uint64_t offset, unsigned int size)
{
	struct integrator_timer *t = opaque;
	uint64_t n = offset >> 8;

	if (n < TIMERS)
		return arm_timer_read(&t->timers[n], offset & 0xff);
	log_printf(LOG_GUEST_ERRORS, "integrator-timer: read at %03x\n", (unsigned int)offset);
	return 0;
}

static void timer_write(void *opaque, uint64_t offset, uint64_t value, unsigned int size)
{
	struct integrator_timer *t = opaque;
	uint64_t n = offset >> 8;

	if (n < TIMERS)
		arm_timer_write(&t->timers[n], offset & 0xff, (uint32_t)value);
	else
		log_printf(LOG_GUEST_ERRORS, "integrator-timer: write at %03x\n",
			   (unsigned int)offset);
}

static const struct region_ops ops = {
	.read = timer_read, .write = timer_write, .min_size = 4, .max_size = 4};

static struct error *timers_init(struct device *dev)
{
	struct integrator_timer *t = (struct integrator_timer *)dev;

	region_init_io(&t->mmio.regs, "integrator-timer", 0x1000, &ops, t);
	for (unsigned int n = 0; n < TIMERS; n++)
		arm_timer_init(&t->timers[n], n ? 1000000 : BUS_HZ, changed, t);
	return NULL;
}

static void timers_reset(struct device *dev)
{
	struct integrator_timer *t = (struct integrator_timer *)dev;

	for (unsigned int n = 0; n < TIMERS; n++)
		arm_timer_reset(&t->timers[n]);
}

static void timers_settle(struct device *dev)
{
	changed(dev);
}

static struct error *timers_post_load(struct device *dev)
{
	struct integrator_timer *t = (struct integrator_timer *)dev;
	struct error *err = NULL;

	for (unsigned int n = 0; n < TIMERS && !err; n++)
		err = arm_timer_post_load(&t->timers[n]);
	return err;
}

static const struct prop props[] = {PROP_END};

static const struct field state[] = {
	F_STRUCTS(struct integrator_timer, timers, arm_timer_state),
	FIELD_END,
};

DEVICE_CLASS(integrator_timer, .name = "integrator-timer", .help = "Integrator counters",
	     .bus = "System", .size = sizeof(struct integrator_timer), .props = props,
	     .state = state, .init = timers_init, .reset = timers_reset, .settle = timers_settle,
	     .post_load = timers_post_load, .hidden = true);
