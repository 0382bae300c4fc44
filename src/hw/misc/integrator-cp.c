/*
 * The Integrator/CP's own registers: control (class "integrator-cp-control", ARM DUI 0159B, 4.4),
 * LEDs and switches ("integrator-leds", 4.5). The first has the level-sensitive inputs of the card
 * slot: card detect and write protect; their changes are its interrupts.
 */
#include "hw/misc/integrator-cp.h"

#include "base/log.h"

enum { CP_IDFIELD = 0x00, CP_FLASHPROG = 0x04, CP_INTREG = 0x08, CP_DECODE = 0x0c };
enum { ALPHA = 0x00, LEDS = 0x04, SWITCHES = 0x08 };

#define FLASHPROG_SIZE 0x01 /* the flash has the size that the board ships with */

#define INTREG_WPROT  0x1
#define INTREG_CARDIN 0x8 /* a card came; writing 1 acknowledges */

static void update_irq(struct integrator_cp *c)
{
	irq_set(c->mmio.irqs[0], (c->intreg & INTREG_CARDIN) != 0);
}

static uint64_t cp_read(void *opaque, uint64_t offset, unsigned int size)
{
	const struct integrator_cp *c = opaque;

	switch (offset) {
	case CP_IDFIELD: return 0x41034003;
	case CP_FLASHPROG: return c->flashprog | FLASHPROG_SIZE << 3;
	case CP_INTREG: return c->intreg;
	case CP_DECODE: return 0x11; /* no logic module */
	}
	log_printf(LOG_GUEST_ERRORS, "integrator-cp: read of register %02x\n",
		   (unsigned int)offset);
	return 0;
}

static void cp_write(void *opaque, uint64_t offset, uint64_t value, unsigned int size)
{
	struct integrator_cp *c = opaque;

	switch (offset) {
	case CP_FLASHPROG: c->flashprog = value & 7; break;
	case CP_INTREG:
		c->intreg &= (uint8_t)~(value & INTREG_CARDIN);
		update_irq(c);
		break;
	case CP_DECODE: break;
	default:
		log_printf(LOG_GUEST_ERRORS, "integrator-cp: write of register %02x\n",
			   (unsigned int)offset);
	}
}

static const struct region_ops cp_ops = {
	.read = cp_read, .write = cp_write, .min_size = 4, .max_size = 4};

static void card_detect_set(void *opaque, int n, int level)
{
	struct integrator_cp *c = opaque;

	if (level)
		c->intreg |= INTREG_CARDIN;
	update_irq(c);
}

static void write_protect_set(void *opaque, int n, int level)
{
	struct integrator_cp *c = opaque;

	c->intreg = (uint8_t)((c->intreg & ~INTREG_WPROT) | (level ? INTREG_WPROT : 0));
}

static struct error *cp_init(struct device *dev)
{
	struct integrator_cp *c = (struct integrator_cp *)dev;

	region_init_io(&c->mmio.regs, "integrator-cp", 0x100, &cp_ops, c);
	irq_init(&c->card_detect, card_detect_set, c, 0);
	irq_init(&c->write_protect, write_protect_set, c, 0);
	return NULL;
}

static void cp_reset(struct device *dev)
{
	struct integrator_cp *c = (struct integrator_cp *)dev;

	c->flashprog = c->intreg = 0;
}

static void cp_settle(struct device *dev)
{
	update_irq((struct integrator_cp *)dev);
}

static const struct prop props[] = {PROP_END};

static const struct field cp_state[] = {
	F_U8(struct integrator_cp, flashprog),
	F_U8(struct integrator_cp, intreg),
	FIELD_END,
};

DEVICE(integrator_cp, struct integrator_cp, "integrator-cp-control",
       "Integrator/CP control registers", props, cp_state, cp_init, cp_reset, cp_settle);

/* --- LEDs --- */

struct integrator_leds {
	struct mmio mmio;
	uint32_t alpha;
	uint8_t leds;
};

static uint64_t leds_read(void *opaque, uint64_t offset, unsigned int size)
{
	const struct integrator_leds *l = opaque;

	switch (offset) {
	case ALPHA: return l->alpha & ~UINT32_C(1); /* bit 0: busy, never */
	case LEDS: return l->leds;
	case SWITCHES: return 0; /* all off */
	}
	log_printf(LOG_GUEST_ERRORS, "integrator-leds: read of register %02x\n",
		   (unsigned int)offset);
	return 0;
}

static void leds_write(void *opaque, uint64_t offset, uint64_t value, unsigned int size)
{
	struct integrator_leds *l = opaque;

	switch (offset) {
	case ALPHA: l->alpha = (uint32_t)value; break;
	case LEDS: l->leds = value & 0xf; break;
	default:
		log_printf(LOG_GUEST_ERRORS, "integrator-leds: write of register %02x\n",
			   (unsigned int)offset);
	}
}

static const struct region_ops leds_ops = {
	.read = leds_read, .write = leds_write, .min_size = 4, .max_size = 4};

static struct error *leds_init(struct device *dev)
{
	struct integrator_leds *l = (struct integrator_leds *)dev;

	region_init_io(&l->mmio.regs, "integrator-leds", 0x10, &leds_ops, l);
	return NULL;
}

static void leds_reset(struct device *dev)
{
	struct integrator_leds *l = (struct integrator_leds *)dev;

	l->alpha = 0;
	l->leds = 0;
}

static const struct field leds_state[] = {
	F_U32(struct integrator_leds, alpha),
	F_U8(struct integrator_leds, leds),
	FIELD_END,
};

DEVICE(integrator_leds, struct integrator_leds, "integrator-leds", "Integrator LEDs and switches",
       props, leds_state, leds_init, leds_reset, NULL);
