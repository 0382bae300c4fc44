/* Dual-Timer module (SP804). Source: ARM DDI 0271D. Output 0 is both timers' interrupt (TIMINTC).
 */
#include "hw/misc/mmio.h"
#include "hw/misc/primecell.h"
#include "hw/timer/arm-timer.h"

#include "base/log.h"

#define ID 0x00141804u

enum { TimerITCR = 0xf00, TimerITOP = 0xf04 };

struct sp804 {
	struct mmio mmio;
	struct arm_timer timers[2];
	uint32_t freq[2]; /* properties: Hz of the clocks */
};

static void changed(void *opaque)
{
	struct sp804 *s = opaque;

	irq_set(s->mmio.irqs[0], arm_timer_irq(&s->timers[0]) || arm_timer_irq(&s->timers[1]));
}

static uint64_t sp804_read(void *opaque, uint64_t offset, unsigned int size)
{
	struct sp804 *s = opaque;
	uint64_t id;

	if (offset < 0x40)
		return arm_timer_read(&s->timers[offset >> 5], offset & 0x1f);
	if (primecell_id_read(ID, offset, &id))
		return id;
	if (offset != TimerITCR)
		log_printf(LOG_GUEST_ERRORS, "sp804: read of register %03x\n",
			   (unsigned int)offset);
	return 0;
}

static void sp804_write(void *opaque, uint64_t offset, uint64_t value, unsigned int size)
{
	struct sp804 *s = opaque;

	if (offset < 0x40)
		arm_timer_write(&s->timers[offset >> 5], offset & 0x1f, (uint32_t)value);
	else
		log_printf(LOG_GUEST_ERRORS, "sp804: write of register %03x\n",
			   (unsigned int)offset);
}

static const struct region_ops sp804_ops = {
	.read = sp804_read, .write = sp804_write, .min_size = 4, .max_size = 4};

static struct error *sp804_init(struct device *dev)
{
	struct sp804 *s = (struct sp804 *)dev;

	region_init_io(&s->mmio.regs, "sp804", 0x1000, &sp804_ops, s);
	for (unsigned int n = 0; n < 2; n++)
		arm_timer_init(&s->timers[n], s->freq[n], changed, s);
	return NULL;
}

static void sp804_reset(struct device *dev)
{
	struct sp804 *s = (struct sp804 *)dev;

	for (unsigned int n = 0; n < 2; n++)
		arm_timer_reset(&s->timers[n]);
}

static void sp804_settle(struct device *dev)
{
	changed(dev);
}

static struct error *sp804_post_load(struct device *dev)
{
	struct sp804 *s = (struct sp804 *)dev;
	struct error *err = arm_timer_post_load(&s->timers[0]);

	return err ? err : arm_timer_post_load(&s->timers[1]);
}

static const struct prop props[] = {
	PROP_U32("freq0", struct sp804, freq[0], 1000000, "clock of timer 1 in Hz"),
	PROP_U32("freq1", struct sp804, freq[1], 1000000, "clock of timer 2 in Hz"),
	PROP_END,
};

static const struct field state[] = {
	F_STRUCTS(struct sp804, timers, arm_timer_state),
	FIELD_END,
};

DEVICE_CLASS(sp804, .name = "sp804", .help = "Dual-Timer module", .bus = "System",
	     .size = sizeof(struct sp804), .props = props, .state = state, .init = sp804_init,
	     .reset = sp804_reset, .settle = sp804_settle, .post_load = sp804_post_load,
	     .hidden = true);
