/*
 * PrimeXsys System Controller (SP810). Source: ARM DDI 0254B. Clocks and modes are kept as software
 * sets them; all timers run at their fast clock.
 */
#include "hw/misc/mmio.h"
#include "hw/misc/primecell.h"

#include "base/log.h"

enum {
	SCCTRL = 0x00,
	SCSYSSTAT = 0x04,
	SCIMCTRL = 0x08,
	SCIMSTAT = 0x0c,
	SCXTALCTRL = 0x10,
	SCPLLCTRL = 0x14,
	SCPLLFCTRL = 0x18,
	SCPERCTRL0 = 0x1c,
	SCPERCTRL1 = 0x20,
	SCPEREN = 0x24,
	SCPERDIS = 0x28,
	SCPERCLKEN = 0x2c,
	SCPERSTAT = 0x30,
	REGISTERS = 0x34,
};

#define ID	    0x00041810u
#define MODE_NORMAL 0x4
#define MODE_STATUS 3 /* shift of SCCTRL's ModeStatus */

struct sp810 {
	struct mmio mmio;
	uint32_t regs[REGISTERS / 4];
};

static uint64_t sp810_read(void *opaque, uint64_t offset, unsigned int size)
{
	struct sp810 *s = opaque;
	uint64_t id;

	if (offset == SCCTRL) /* mode changes take no time */
		return s->regs[0] | (s->regs[0] & 7) << MODE_STATUS;
	if (offset < REGISTERS)
		return s->regs[offset / 4];
	if (primecell_id_read(ID, offset, &id))
		return id;
	log_printf(LOG_GUEST_ERRORS, "sp810: read of register %03x\n", (unsigned int)offset);
	return 0;
}

static void clocks_set(struct sp810 *s, uint32_t enabled)
{
	s->regs[SCPERCLKEN / 4] = s->regs[SCPERSTAT / 4] = enabled;
}

static void sp810_write(void *opaque, uint64_t offset, uint64_t value64, unsigned int size)
{
	struct sp810 *s = opaque;
	uint32_t value = (uint32_t)value64;

	switch (offset) {
	case SCCTRL: s->regs[0] = value & ~(UINT32_C(0xf) << MODE_STATUS); break;
	case SCPEREN: clocks_set(s, s->regs[SCPERCLKEN / 4] | value); break;
	case SCPERDIS: clocks_set(s, s->regs[SCPERCLKEN / 4] & ~value); break;
	case SCIMCTRL:
	case SCIMSTAT:
	case SCXTALCTRL:
	case SCPLLCTRL:
	case SCPLLFCTRL:
	case SCPERCTRL0:
	case SCPERCTRL1: s->regs[offset / 4] = value; break;
	default:
		log_printf(LOG_GUEST_ERRORS, "sp810: write of register %03x\n",
			   (unsigned int)offset);
	}
}

static const struct region_ops ops = {
	.read = sp810_read, .write = sp810_write, .min_size = 4, .max_size = 4};

static struct error *sp810_init(struct device *dev)
{
	struct sp810 *s = (struct sp810 *)dev;

	region_init_io(&s->mmio.regs, "sp810", 0x1000, &ops, s);
	return NULL;
}

static void sp810_reset(struct device *dev)
{
	struct sp810 *s = (struct sp810 *)dev;

	for (unsigned int n = 0; n < REGISTERS / 4; n++)
		s->regs[n] = 0;
	s->regs[0] = MODE_NORMAL;
}

static const struct prop props[] = {PROP_END};
static const struct field state[] = {F_ARRAY(struct sp810, regs), FIELD_END};

DEVICE(sp810, struct sp810, "sp810", "PrimeXsys system controller", props, state, sp810_init,
       sp810_reset, NULL);
