/*
 * General-purpose timer module of the Stellaris LM3S chips: one 32-bit timer or real-time clock, or
 * two 16-bit timers. Source: LM3S6965 data sheet, chapter "General-Purpose Timers". The capture
 * and PWM pins are not there: a timer in PWM mode counts, without an output.
 */
#include "hw/timer/stellaris-gptm.h"

#include "base/log.h"

#include <glib.h>

enum {
	CFG = 0x00,
	TAMR = 0x04,
	TBMR = 0x08,
	CTL = 0x0c,
	IMR = 0x18,
	RIS = 0x1c,
	MIS = 0x20,
	ICR = 0x24,
	TAILR = 0x28,
	TBILR = 0x2c,
	TAMATCHR = 0x30,
	TBMATCHR = 0x34,
	TAPR = 0x38,
	TBPR = 0x3c,
	TAPMR = 0x40,
	TBPMR = 0x44,
	TAR = 0x48,
	TBR = 0x4c,
};
enum { CFG_32BIT = 0, CFG_RTC = 1, CFG_16BIT = 4 };
enum { MR_ONE_SHOT = 1, MR_PERIODIC = 2, MR_CAPTURE = 3, MR_AMS = 8 };
enum { CTL_EN = 1 << 0, CTL_RTCEN = 1 << 4, CTL_OTE = 1 << 5, CTL_WRITABLE = 0x6f7f };
enum { INT_TO = 1 << 0, INT_RTC = 1 << 3, INT_ALL = 0x70f };

static void update_irq(struct stellaris_gptm *t)
{
	uint32_t mis = t->ris & t->imr;

	irq_set(t->mmio.irqs[0], (mis & 0x0f) != 0);
	irq_set(t->mmio.irqs[1], (mis & 0x700) != 0);
}

/* Bits of CTL that belong to a half, as those of A. */
static uint32_t control(const struct stellaris_gptm *t, unsigned int n)
{
	return t->ctl >> (8 * n) & 0x7f;
}

/* --- counting --- */

static void expired(struct stellaris_gptm *t, unsigned int n)
{
	if (t->cfg == CFG_16BIT && t->half[n].mode & MR_AMS)
		return; /* PWM does not interrupt */
	t->ris |= INT_TO << (8 * n);
	if (!t->half[n].counter.running)
		t->ctl &= ~(CTL_EN << (8 * n));
	if (control(t, n) & CTL_OTE)
		irq_pulse(t->mmio.irqs[2]);
	update_irq(t);
}

static void expired_a(void *opaque, uint64_t times)
{
	expired(opaque, 0);
}

static void expired_b(void *opaque, uint64_t times)
{
	expired(opaque, 1);
}

static bool is_joined(const struct stellaris_gptm *t)
{
	return t->cfg != CFG_16BIT;
}

static uint64_t load_value(const struct stellaris_gptm *t, unsigned int n)
{
	if (is_joined(t))
		return t->half[0].load;
	return t->half[n].load & 0xffff;
}

static uint32_t half_hz(const struct stellaris_gptm *t, unsigned int n)
{
	return is_joined(t) ? t->hz : t->hz / (t->half[n].prescale + 1);
}

static void start(struct stellaris_gptm *t, unsigned int n)
{
	struct gptm_half *h = &t->half[n];
	bool pwm = h->mode & MR_AMS;

	if ((h->mode & 3) == MR_CAPTURE || (!pwm && !(h->mode & 3))) {
		log_printf(LOG_UNIMP, "stellaris-gptm: mode %x of timer %c does not count\n",
			   h->mode, 'A' + (int)n);
		return;
	}
	down_counter_set_hz(&h->counter, half_hz(t, n));
	down_counter_set_reload(&h->counter, load_value(t, n));
	down_counter_set(&h->counter, load_value(t, n));
	down_counter_start(&h->counter, pwm || (h->mode & 3) == MR_PERIODIC);
}

static void core_clock_changed(void *opaque, uint32_t hz)
{
	struct stellaris_gptm *t = opaque;

	t->hz = hz;
	for (unsigned int n = 0; n < 2; n++)
		down_counter_set_hz(&t->half[n].counter, half_hz(t, n));
}

/* --- real-time clock --- */

static bool rtc_runs(const struct stellaris_gptm *t)
{
	return t->cfg == CFG_RTC && t->ctl & CTL_EN;
}

static uint32_t rtc_value(const struct stellaris_gptm *t)
{
	int64_t ns = rtc_runs(t) ? clock_now(CLOCK_VIRTUAL) - t->rtc_origin : 0;

	return t->rtc_value + (uint32_t)(MAX(ns, 0) / NS_PER_S);
}

static uint32_t rtc_match(const struct stellaris_gptm *t)
{
	return (t->half[0].match & 0xffff) | t->half[1].match << 16;
}

/* The next second in which the count is the match value. */
static void rtc_schedule(struct stellaris_gptm *t)
{
	if (!rtc_runs(t)) {
		timer_cancel(&t->rtc);
		return;
	}
	int64_t now = clock_now(CLOCK_VIRTUAL);
	uint32_t left = rtc_match(t) - rtc_value(t);
	int64_t whole = (now - t->rtc_origin) / NS_PER_S;

	timer_set(&t->rtc, t->rtc_origin + (whole + (left ? left : INT64_C(1) << 32)) * NS_PER_S);
}

static void rtc_matched(void *opaque)
{
	struct stellaris_gptm *t = opaque;

	t->ris |= INT_RTC;
	update_irq(t);
	rtc_schedule(t);
}

static void rtc_enable(struct stellaris_gptm *t)
{
	t->rtc_value = t->half[0].load;
	t->rtc_origin = clock_now(CLOCK_VIRTUAL);
	rtc_schedule(t);
}

/* --- registers --- */

static uint32_t counter_value(struct stellaris_gptm *t, unsigned int n)
{
	if (t->cfg == CFG_RTC)
		return n == 0 ? rtc_value(t) : rtc_value(t) >> 16;
	if (is_joined(t) && n == 1)
		return (uint32_t)down_counter_get(&t->half[0].counter) >> 16;
	return (uint32_t)down_counter_get(&t->half[n].counter);
}

static uint64_t gptm_read(void *opaque, uint64_t offset, unsigned int size)
{
	struct stellaris_gptm *t = opaque;
	unsigned int n = offset >> 2 & 1;

	switch (offset) {
	case CFG: return t->cfg;
	case TAMR: return t->half[0].mode;
	case TBMR: return t->half[1].mode;
	case CTL: return t->ctl;
	case IMR: return t->imr;
	case RIS:
	case MIS:
		down_counter_get(&t->half[0].counter);
		down_counter_get(&t->half[1].counter);
		return offset == RIS ? t->ris : t->ris & t->imr;
	case TAILR: return t->half[0].load;
	case TBILR: return is_joined(t) ? t->half[0].load >> 16 : t->half[1].load;
	case TAMATCHR:
	case TBMATCHR: return t->half[n].match;
	case TAPR:
	case TBPR: return t->half[n].prescale;
	case TAPMR:
	case TBPMR: return t->half[n].prescale_match;
	case TAR:
	case TBR: return counter_value(t, n);
	default: break;
	}
	log_printf(LOG_GUEST_ERRORS, "stellaris-gptm: read of register %02x\n",
		   (unsigned int)offset);
	return 0;
}

static void write_ctl(struct stellaris_gptm *t, uint32_t value)
{
	uint32_t changed = t->ctl ^ value;
	uint32_t rtc = rtc_value(t);

	t->ctl = value & CTL_WRITABLE;
	if (t->cfg == CFG_RTC) {
		t->rtc_value = rtc;
		if (changed & CTL_EN)
			rtc_enable(t);
		return;
	}
	for (unsigned int n = 0; n < (is_joined(t) ? 1u : 2u); n++) {
		if (!(changed >> (8 * n) & CTL_EN))
			continue;
		if (control(t, n) & CTL_EN)
			start(t, n);
		else
			down_counter_stop(&t->half[n].counter);
	}
}

/* Loads of a running timer show at once, as on the first chips. */
static void write_load(struct stellaris_gptm *t, unsigned int n, uint32_t value)
{
	struct gptm_half *h = &t->half[is_joined(t) ? 0 : n];

	if (is_joined(t) && n == 1)
		value = (h->load & 0xffff) | value << 16;
	h->load = value;
	if (t->cfg == CFG_RTC)
		rtc_enable(t);
	else if (h->counter.running) {
		down_counter_set_reload(&h->counter, load_value(t, n));
		down_counter_set(&h->counter, load_value(t, n));
	}
}

/* A 32-bit match value sets both halves. */
static void write_match(struct stellaris_gptm *t, unsigned int n, uint32_t value)
{
	t->half[n].match = value;
	if (n == 0 && is_joined(t) && value >> 16)
		t->half[1].match = value >> 16;
	rtc_schedule(t);
}

static void write_cfg(struct stellaris_gptm *t, uint32_t value)
{
	if (t->ctl & (CTL_EN | CTL_EN << 8))
		log_printf(LOG_GUEST_ERRORS, "stellaris-gptm: CFG changed while it runs\n");
	down_counter_stop(&t->half[0].counter);
	down_counter_stop(&t->half[1].counter);
	t->ctl &= ~(uint32_t)(CTL_EN | CTL_EN << 8);
	t->cfg = value & 7;
	timer_cancel(&t->rtc);
}

static void gptm_write(void *opaque, uint64_t offset, uint64_t value64, unsigned int size)
{
	struct stellaris_gptm *t = opaque;
	uint32_t value = (uint32_t)value64;
	unsigned int n = offset >> 2 & 1;

	switch (offset) {
	case CFG: write_cfg(t, value); break;
	case TAMR: t->half[0].mode = value & 0xf; break;
	case TBMR: t->half[1].mode = value & 0xf; break;
	case CTL: write_ctl(t, value); break;
	case IMR: t->imr = value & INT_ALL; break;
	case ICR: t->ris &= ~value; break;
	case TAILR:
	case TBILR: write_load(t, n, value); break;
	case TAMATCHR:
	case TBMATCHR: write_match(t, n, value); break;
	case TAPR:
	case TBPR:
		t->half[n].prescale = value & 0xff;
		down_counter_set_hz(&t->half[n].counter, half_hz(t, n));
		break;
	case TAPMR:
	case TBPMR: t->half[n].prescale_match = value & 0xff; break;
	default:
		log_printf(LOG_GUEST_ERRORS, "stellaris-gptm: write of register %02x\n",
			   (unsigned int)offset);
	}
	update_irq(t);
}

static const struct region_ops ops = {
	.read = gptm_read, .write = gptm_write, .min_size = 4, .max_size = 4};

/* --- the device --- */

static struct error *gptm_init(struct device *dev)
{
	struct stellaris_gptm *t = (struct stellaris_gptm *)dev;

	region_init_io(&t->mmio.regs, "stellaris-gptm", 0x1000, &ops, t);
	down_counter_init(&t->half[0].counter, 1, expired_a, t);
	down_counter_init(&t->half[1].counter, 1, expired_b, t);
	timer_init(&t->rtc, CLOCK_VIRTUAL, rtc_matched, t);
	if (t->clock)
		clock_source_listen(t->clock, &t->listener, core_clock_changed, t);
	return NULL;
}

static void gptm_reset(struct device *dev)
{
	struct stellaris_gptm *t = (struct stellaris_gptm *)dev;

	for (unsigned int n = 0; n < 2; n++) {
		struct gptm_half *h = &t->half[n];
		down_counter_reset(&h->counter);
		h->mode = h->prescale = h->prescale_match = 0;
		h->load = n ? 0xffff : UINT32_MAX;
		h->match = 0xffff;
	}
	t->cfg = t->ctl = t->imr = t->ris = t->rtc_value = 0;
	t->rtc_origin = 0;
	timer_cancel(&t->rtc);
	core_clock_changed(t, t->hz);
}

static struct error *gptm_post_load(struct device *dev)
{
	struct stellaris_gptm *t = (struct stellaris_gptm *)dev;
	struct error *err = NULL;

	if (t->rtc_origin < 0 || t->half[0].prescale > 255 || t->half[1].prescale > 255)
		return error_new("%s: register out of range", dev->class->name);
	for (unsigned int n = 0; n < 2 && !err; n++)
		err = down_counter_post_load(&t->half[n].counter);
	return err;
}

static const struct prop props[] = {
	PROP_PTR("clock", struct stellaris_gptm, clock),
	PROP_END,
};

static const struct field half_state[] = {
	F_STRUCT(struct gptm_half, counter, down_counter_state),
	F_U32(struct gptm_half, mode),
	F_U32(struct gptm_half, load),
	F_U32(struct gptm_half, match),
	F_U32(struct gptm_half, prescale),
	F_U32(struct gptm_half, prescale_match),
	FIELD_END,
};

static const struct field state[] = {
	F_STRUCTS(struct stellaris_gptm, half, half_state),
	F_U32(struct stellaris_gptm, cfg),
	F_U32(struct stellaris_gptm, ctl),
	F_U32(struct stellaris_gptm, imr),
	F_U32(struct stellaris_gptm, ris),
	F_TIMER(struct stellaris_gptm, rtc),
	F_U32(struct stellaris_gptm, rtc_value),
	F_INT(struct stellaris_gptm, rtc_origin),
	FIELD_END,
};

DEVICE_CLASS(stellaris_gptm, .name = "stellaris-gptm", .help = "Stellaris timer module",
	     .bus = "System", .size = sizeof(struct stellaris_gptm), .props = props, .state = state,
	     .init = gptm_init, .reset = gptm_reset, .post_load = gptm_post_load, .hidden = true);
