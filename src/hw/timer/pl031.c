/* PrimeCell Real Time Clock (PL031). Source: ARM DDI 0224C. Output 0 is RTCINTR. */
#include "hw/misc/mmio.h"
#include "hw/misc/primecell.h"

#include "base/log.h"
#include "vm/clock.h"

enum {
	RTCDR = 0x00,
	RTCMR = 0x04,
	RTCLR = 0x08,
	RTCCR = 0x0c,
	RTCIMSC = 0x10,
	RTCRIS = 0x14,
	RTCMIS = 0x18,
	RTCICR = 0x1c,
};

#define ID 0x00041031u

struct pl031 {
	struct mmio mmio;
	uint32_t offset; /* of the count from the guest's calendar, in seconds */
	uint32_t mr, lr;
	bool imsc, ris;
	struct timer alarm;
};

static void update_irq(struct pl031 *p)
{
	irq_set(p->mmio.irqs[0], p->ris && p->imsc);
}

static uint32_t count(const struct pl031 *p)
{
	return (uint32_t)(clock_rtc_now() / NS_PER_S) + p->offset;
}

/* The match is at the beginning of the second; one that is now comes at once. */
static void alarm_set(struct pl031 *p)
{
	uint32_t seconds = p->mr - count(p);
	int64_t into = clock_rtc_now() % NS_PER_S;
	int64_t wait = seconds ? (int64_t)seconds * NS_PER_S - into : 0;

	timer_set(&p->alarm, clock_now(CLOCK_VIRTUAL) + wait);
}

static void alarm(void *opaque)
{
	struct pl031 *p = opaque;

	p->ris = true;
	update_irq(p);
}

static uint64_t pl031_read(void *opaque, uint64_t offset, unsigned int size)
{
	struct pl031 *p = opaque;
	uint64_t id;

	switch (offset) {
	case RTCDR: return count(p);
	case RTCMR: return p->mr;
	case RTCLR: return p->lr;
	case RTCCR: return 1; /* always on */
	case RTCIMSC: return p->imsc;
	case RTCRIS: return p->ris;
	case RTCMIS: return p->ris && p->imsc;
	}
	if (primecell_id_read(ID, offset, &id))
		return id;
	log_printf(LOG_GUEST_ERRORS, "pl031: read of register %03x\n", (unsigned int)offset);
	return 0;
}

static void pl031_write(void *opaque, uint64_t offset, uint64_t value64, unsigned int size)
{
	struct pl031 *p = opaque;
	uint32_t value = (uint32_t)value64;

	switch (offset) {
	case RTCMR:
		p->mr = value;
		alarm_set(p);
		break;
	case RTCLR:
		p->lr = value;
		p->offset += value - count(p);
		alarm_set(p);
		break;
	case RTCCR: break;
	case RTCIMSC: p->imsc = value & 1; break;
	case RTCICR: p->ris = p->ris && !(value & 1); break;
	default:
		log_printf(LOG_GUEST_ERRORS, "pl031: write of register %03x\n",
			   (unsigned int)offset);
	}
	update_irq(p);
}

static const struct region_ops pl031_ops = {
	.read = pl031_read, .write = pl031_write, .min_size = 4, .max_size = 4};

static struct error *pl031_init(struct device *dev)
{
	struct pl031 *p = (struct pl031 *)dev;

	region_init_io(&p->mmio.regs, "pl031", 0x1000, &pl031_ops, p);
	timer_init(&p->alarm, CLOCK_VIRTUAL, alarm, p);
	return NULL;
}

/* The time itself survives. */
static void pl031_reset(struct device *dev)
{
	struct pl031 *p = (struct pl031 *)dev;

	p->mr = p->lr = 0;
	p->imsc = p->ris = false;
	timer_cancel(&p->alarm);
}

static void pl031_settle(struct device *dev)
{
	update_irq((struct pl031 *)dev);
}

static const struct prop props[] = {PROP_END};

static const struct field state[] = {
	F_U32(struct pl031, offset),
	F_U32(struct pl031, mr),
	F_U32(struct pl031, lr),
	F_BOOL(struct pl031, imsc),
	F_BOOL(struct pl031, ris),
	F_TIMER(struct pl031, alarm),
	FIELD_END,
};

DEVICE(pl031, struct pl031, "pl031", "PrimeCell real time clock", props, state, pl031_init,
       pl031_reset, pl031_settle);
