/*
 * Watchdog of the Stellaris LM3S chips. Source: LM3S6965 data sheet, chapter "Watchdog Timer". The
 * first time it runs out it interrupts, the second time it resets the chip.
 */
#include "hw/timer/stellaris-watchdog.h"

#include "base/log.h"
#include "vm/runstate.h"

enum {
	WDTLOAD = 0x000,
	WDTVALUE = 0x004,
	WDTCTL = 0x008,
	WDTICR = 0x00c,
	WDTRIS = 0x010,
	WDTMIS = 0x014,
	WDTTEST = 0x418,
	WDTLOCK = 0xc00,
	PERIPH_ID4 = 0xfd0,
};
enum { CTL_INTEN = 1, CTL_RESEN = 2, UNLOCK = 0x1acce551 };

static const uint8_t id[12] = {0, 0, 0, 0, 0x05, 0x18, 0x18, 0x01, 0x0d, 0xf0, 0x05, 0xb1};

static void update_irq(struct stellaris_watchdog *w)
{
	irq_set(w->mmio.irqs[0], w->ris && w->ctl & CTL_INTEN);
}

static void expired(void *opaque, uint64_t times)
{
	struct stellaris_watchdog *w = opaque;

	if (w->ris && w->ctl & CTL_RESEN) {
		machine_request_reset();
		return;
	}
	w->ris = true;
	update_irq(w);
}

static void core_clock_changed(void *opaque, uint32_t hz)
{
	down_counter_set_hz(&((struct stellaris_watchdog *)opaque)->counter, hz);
}

static uint64_t watchdog_read(void *opaque, uint64_t offset, unsigned int size)
{
	struct stellaris_watchdog *w = opaque;

	switch (offset) {
	case WDTLOAD: return w->load;
	case WDTVALUE: return down_counter_get(&w->counter);
	case WDTCTL: return w->ctl;
	case WDTRIS: return w->ris;
	case WDTMIS: return w->ris && w->ctl & CTL_INTEN;
	case WDTTEST: return w->test;
	case WDTLOCK: return w->locked;
	case PERIPH_ID4 ... PERIPH_ID4 + 47: return id[(offset - PERIPH_ID4) / 4];
	default: break;
	}
	log_printf(LOG_GUEST_ERRORS, "stellaris-watchdog: read of register %03x\n",
		   (unsigned int)offset);
	return 0;
}

static void reload(struct stellaris_watchdog *w)
{
	down_counter_set_reload(&w->counter, w->load);
	down_counter_set(&w->counter, w->load);
}

/* Once on it can only be turned off by a reset. */
static void write_ctl(struct stellaris_watchdog *w, uint32_t value)
{
	bool starts = value & CTL_INTEN && !(w->ctl & CTL_INTEN);

	w->ctl = (value & 3) | (w->ctl & CTL_INTEN);
	if (starts) {
		reload(w);
		down_counter_start(&w->counter, true);
	}
}

static void watchdog_write(void *opaque, uint64_t offset, uint64_t value64, unsigned int size)
{
	struct stellaris_watchdog *w = opaque;
	uint32_t value = (uint32_t)value64;

	if (offset == WDTLOCK) {
		w->locked = value != UNLOCK;
		return;
	}
	if (w->locked) {
		log_printf(LOG_GUEST_ERRORS, "stellaris-watchdog: register %03x is locked\n",
			   (unsigned int)offset);
		return;
	}
	switch (offset) {
	case WDTLOAD:
		w->load = value;
		reload(w);
		break;
	case WDTCTL: write_ctl(w, value); break;
	case WDTICR:
		w->ris = false;
		reload(w);
		break;
	case WDTTEST: w->test = value & 0x100; break;
	default:
		log_printf(LOG_GUEST_ERRORS, "stellaris-watchdog: write of register %03x\n",
			   (unsigned int)offset);
	}
	update_irq(w);
}

static const struct region_ops ops = {
	.read = watchdog_read, .write = watchdog_write, .min_size = 4, .max_size = 4};

static struct error *watchdog_init(struct device *dev)
{
	struct stellaris_watchdog *w = (struct stellaris_watchdog *)dev;

	region_init_io(&w->mmio.regs, "stellaris-watchdog", 0x1000, &ops, w);
	down_counter_init(&w->counter, 1, expired, w);
	if (w->clock)
		clock_source_listen(w->clock, &w->listener, core_clock_changed, w);
	return NULL;
}

static void watchdog_reset(struct device *dev)
{
	struct stellaris_watchdog *w = (struct stellaris_watchdog *)dev;

	down_counter_reset(&w->counter);
	w->load = UINT32_MAX;
	w->ctl = w->test = 0;
	w->ris = w->locked = false;
	reload(w);
}

static struct error *watchdog_post_load(struct device *dev)
{
	return down_counter_post_load(&((struct stellaris_watchdog *)dev)->counter);
}

static const struct prop props[] = {
	PROP_PTR("clock", struct stellaris_watchdog, clock),
	PROP_END,
};

static const struct field state[] = {
	F_STRUCT(struct stellaris_watchdog, counter, down_counter_state),
	F_U32(struct stellaris_watchdog, load),
	F_U32(struct stellaris_watchdog, ctl),
	F_U32(struct stellaris_watchdog, test),
	F_BOOL(struct stellaris_watchdog, ris),
	F_BOOL(struct stellaris_watchdog, locked),
	FIELD_END,
};

DEVICE_CLASS(stellaris_watchdog, .name = "stellaris-watchdog", .help = "Stellaris watchdog",
	     .bus = "System", .size = sizeof(struct stellaris_watchdog), .props = props,
	     .state = state, .init = watchdog_init, .reset = watchdog_reset,
	     .post_load = watchdog_post_load, .hidden = true);
