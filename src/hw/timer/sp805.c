/*
 * Watchdog module (SP805). Source: ARM DDI 0270B. Output 0 is WDOGINT; a second expiry while it is
 * up resets the machine, if the guest has enabled that.
 */
#include "hw/misc/mmio.h"
#include "hw/misc/primecell.h"
#include "hw/timer/down-counter.h"

#include "base/log.h"
#include "vm/runstate.h"

enum {
	WDOGLOAD = 0x000,
	WDOGVALUE = 0x004,
	WDOGCONTROL = 0x008,
	WDOGINTCLR = 0x00c,
	WDOGRIS = 0x010,
	WDOGMIS = 0x014,
	WDOGLOCK = 0xc00,
};

#define ID	    0x00041805u
#define CONTROL_INT 0x1
#define CONTROL_RES 0x2
#define LOCK_KEY    0x1acce551u

struct sp805 {
	struct mmio mmio;
	struct down_counter counter;
	uint32_t freq; /* property: Hz */
	uint32_t load, control;
	bool interrupt, locked;
};

static void update_irq(struct sp805 *w)
{
	irq_set(w->mmio.irqs[0], w->interrupt && (w->control & CONTROL_INT));
}

static void expired(void *opaque, uint64_t times)
{
	struct sp805 *w = opaque;

	if ((w->interrupt || times > 1) && (w->control & CONTROL_RES))
		machine_request_reset();
	w->interrupt = true;
	update_irq(w);
}

/* Counting begins anew. */
static void restart(struct sp805 *w)
{
	down_counter_set_reload(&w->counter, w->load);
	down_counter_set(&w->counter, w->load);
	if (w->control & CONTROL_INT)
		down_counter_start(&w->counter, true);
	else
		down_counter_stop(&w->counter);
}

static uint64_t sp805_read(void *opaque, uint64_t offset, unsigned int size)
{
	struct sp805 *w = opaque;
	uint64_t id;

	switch (offset) {
	case WDOGLOAD: return w->load;
	case WDOGVALUE: return (uint32_t)down_counter_get(&w->counter);
	case WDOGCONTROL: return w->control;
	case WDOGRIS: return w->interrupt;
	case WDOGMIS: return w->interrupt && (w->control & CONTROL_INT);
	case WDOGLOCK: return w->locked;
	}
	if (primecell_id_read(ID, offset, &id))
		return id;
	log_printf(LOG_GUEST_ERRORS, "sp805: read of register %03x\n", (unsigned int)offset);
	return 0;
}

static void control_write(struct sp805 *w, uint32_t value)
{
	bool starts = (value & ~w->control) & CONTROL_INT;

	w->control = value & 3;
	if (starts || !(value & CONTROL_INT))
		restart(w);
}

static void sp805_write(void *opaque, uint64_t offset, uint64_t value64, unsigned int size)
{
	struct sp805 *w = opaque;
	uint32_t value = (uint32_t)value64;

	if (offset == WDOGLOCK) {
		w->locked = value != LOCK_KEY;
		return;
	}
	if (w->locked) {
		log_printf(LOG_GUEST_ERRORS, "sp805: write while it is locked\n");
		return;
	}
	switch (offset) {
	case WDOGLOAD:
		w->load = value;
		restart(w);
		break;
	case WDOGCONTROL: control_write(w, value); break;
	case WDOGINTCLR:
		w->interrupt = false;
		restart(w);
		break;
	default:
		log_printf(LOG_GUEST_ERRORS, "sp805: write of register %03x\n",
			   (unsigned int)offset);
	}
	update_irq(w);
}

static const struct region_ops ops = {
	.read = sp805_read, .write = sp805_write, .min_size = 4, .max_size = 4};

static struct error *sp805_init(struct device *dev)
{
	struct sp805 *w = (struct sp805 *)dev;

	region_init_io(&w->mmio.regs, "sp805", 0x1000, &ops, w);
	down_counter_init(&w->counter, 1, expired, w);
	return NULL;
}

static void sp805_reset(struct device *dev)
{
	struct sp805 *w = (struct sp805 *)dev;

	down_counter_reset(&w->counter);
	down_counter_set_hz(&w->counter, w->freq);
	w->load = UINT32_MAX;
	w->control = 0;
	w->interrupt = w->locked = false;
	restart(w);
}

static void sp805_settle(struct device *dev)
{
	update_irq((struct sp805 *)dev);
}

static struct error *sp805_post_load(struct device *dev)
{
	return down_counter_post_load(&((struct sp805 *)dev)->counter);
}

static const struct prop props[] = {
	PROP_U32("freq", struct sp805, freq, 1000000, "clock in Hz"),
	PROP_END,
};

static const struct field state[] = {
	F_STRUCT(struct sp805, counter, down_counter_state),
	F_U32(struct sp805, load),
	F_U32(struct sp805, control),
	F_BOOL(struct sp805, interrupt),
	F_BOOL(struct sp805, locked),
	FIELD_END,
};

DEVICE_CLASS(sp805, .name = "sp805", .help = "Watchdog module", .bus = "System",
	     .size = sizeof(struct sp805), .props = props, .state = state, .init = sp805_init,
	     .reset = sp805_reset, .settle = sp805_settle, .post_load = sp805_post_load,
	     .hidden = true);
