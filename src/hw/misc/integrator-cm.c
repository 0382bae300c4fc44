/*
 * Core module registers of the Integrator/CP. Source: ARM DUI 0159B, 3.5, and DUI 0138E
 * (CM926EJ-S), chapter 4. The CP's own control registers (4.4) and its LEDs and switches (4.5) are
 * the two small devices at the end.
 */
#include "hw/misc/integrator-cm.h"

#include "base/log.h"
#include "vm/clock.h"
#include "vm/runstate.h"

#include <glib.h>
#include <string.h>

enum {
	CM_ID = 0x00,
	CM_PROC = 0x04,
	CM_OSC = 0x08,
	CM_CTRL = 0x0c,
	CM_STAT = 0x10,
	CM_LOCK = 0x14,
	CM_LMBUSCNT = 0x18,
	CM_AUXOSC = 0x1c,
	CM_SDRAM = 0x20,
	CM_INIT = 0x24,
	CM_REFCNT = 0x28,
	CM_FLAGS = 0x30,
	CM_FLAGSCLR = 0x34,
	CM_NVFLAGS = 0x38,
	CM_NVFLAGSCLR = 0x3c,
	CM_INTERRUPTS = 0x40, /* its interrupt controller, which is a device of its own */
	CM_VOLTAGE0 = 0xa0,
	CM_VOLTAGE2 = 0xa8,
	CM_SPD = 0x100, /* to 1FFh: serial presence detect of the memory module */
};

#define CTRL_LED    0x1
#define CTRL_NMBDET 0x2
#define CTRL_REMAP  0x4
#define CTRL_RESET  0x8
#define LOCK_KEY    0xa05f
#define LOCK_LOCKED 0x10000

/* PC133 memory of the size in CM_SDRAM; the bytes that boot code looks at (JEDEC 21-C). */
static void spd_fill(struct integrator_cm *c)
{
	static const uint8_t spd[] = {0x80, 0x08, 0x04, 0x0b, 0x09, 0x01, 0x40, 0x00, 0x01,
				      0x75, 0x54, 0x00, 0x82, 0x08, 0x00, 0x01, 0x8f, 0x04,
				      0x02, 0x01, 0x01, 0x00, 0x0e, 0x00, 0x00, 0x00, 0x00,
				      0x14, 0x0f, 0x14, 0x2d, 0x10, 0x15, 0x08, 0x15, 0x08};
	unsigned int sum = 0;

	memset(c->spd, 0, sizeof(c->spd));
	memcpy(c->spd, spd, sizeof(spd));
	c->spd[31] = (uint8_t)MIN(c->memory_mib / 4, 0x80); /* of a row, in 4 MiB */
	for (unsigned int i = 0; i < 63; i++)
		sum += c->spd[i];
	c->spd[63] = (uint8_t)sum;
}

/* CAS latency 2, and the size. */
static uint32_t sdram_value(unsigned int mib)
{
	unsigned int code = mib >= 256 ? 4 : mib >= 128 ? 3 : mib >= 64 ? 2 : mib >= 32 ? 1 : 0;

	return code << 2 | 2;
}

static uint64_t cm_read(void *opaque, uint64_t offset, unsigned int size)
{
	struct integrator_cm *c = opaque;

	if (offset >= CM_SPD)
		return load_le32(c->spd + ((offset - CM_SPD) & 0xfc));
	switch (offset) {
	case CM_ID: return 0x411a3001;
	case CM_PROC: return 0;
	case CM_OSC: return c->osc;
	case CM_CTRL: return c->ctrl;
	case CM_STAT: return 0x00100000; /* processor 0 of one, the CP's */
	case CM_LOCK: return c->lock == LOCK_KEY ? c->lock : c->lock | LOCK_LOCKED;
	case CM_LMBUSCNT: return 0;
	case CM_AUXOSC: return c->auxosc;
	case CM_SDRAM: return c->sdram;
	case CM_INIT: return c->init;
	case CM_REFCNT: /* 24 MHz */
		return (uint32_t)((unsigned __int128)clock_now(CLOCK_VIRTUAL) * 24 / 1000);
	case CM_FLAGS: return c->flags;
	case CM_NVFLAGS: return c->nvflags;
	case CM_VOLTAGE0 ... CM_VOLTAGE2: return 0;
	}
	log_printf(LOG_GUEST_ERRORS, "integrator-cm: read of register %02x\n",
		   (unsigned int)offset);
	return 0;
}

static void remap(struct integrator_cm *c)
{
	if (c->flash_alias)
		region_set_enabled(c->flash_alias, !(c->ctrl & CTRL_REMAP));
}

static void ctrl_write(struct integrator_cm *c, uint32_t value)
{
	c->ctrl = (c->ctrl & ~UINT32_C(5)) | (value & 5);
	remap(c);
	if (value & CTRL_RESET)
		machine_request_reset();
}

static void locked_write(const struct integrator_cm *c, uint32_t *reg, uint32_t value)
{
	if (c->lock == LOCK_KEY)
		*reg = value;
}

static void cm_write(void *opaque, uint64_t offset, uint64_t value64, unsigned int size)
{
	struct integrator_cm *c = opaque;
	uint32_t value = (uint32_t)value64;

	switch (offset) {
	case CM_OSC: locked_write(c, &c->osc, value); break;
	case CM_CTRL: ctrl_write(c, value); break;
	case CM_LOCK: c->lock = value & 0xffff; break;
	case CM_AUXOSC: locked_write(c, &c->auxosc, value); break;
	case CM_SDRAM: c->sdram = value; break;
	case CM_INIT: locked_write(c, &c->init, value); break;
	case CM_FLAGS: c->flags |= value; break;
	case CM_FLAGSCLR: c->flags &= ~value; break;
	case CM_NVFLAGS: c->nvflags |= value; break;
	case CM_NVFLAGSCLR: c->nvflags &= ~value; break;
	default:
		log_printf(LOG_GUEST_ERRORS, "integrator-cm: write of register %02x\n",
			   (unsigned int)offset);
	}
}

static const struct region_ops cm_ops = {
	.read = cm_read, .write = cm_write, .min_size = 4, .max_size = 4};

static struct error *cm_init(struct device *dev)
{
	struct integrator_cm *c = (struct integrator_cm *)dev;

	region_init_io(&c->mmio.regs, "integrator-cm", 0x200, &cm_ops, c);
	spd_fill(c);
	return NULL;
}

static void cm_reset(struct device *dev)
{
	struct integrator_cm *c = (struct integrator_cm *)dev;

	c->osc = 0x01000048;
	c->auxosc = 0x0007feff;
	c->sdram = sdram_value(c->memory_mib);
	c->init = 0x00000112;
	c->ctrl = CTRL_NMBDET | (c->flash_alias ? 0 : CTRL_REMAP);
	c->lock = c->flags = 0;
	remap(c);
}

static struct error *cm_post_load(struct device *dev)
{
	remap((struct integrator_cm *)dev);
	return NULL;
}

static const struct prop cm_props[] = {
	PROP_U32("memory", struct integrator_cm, memory_mib, 128, "size of the module in MiB"),
	PROP_PTR("flash-alias", struct integrator_cm, flash_alias),
	PROP_END,
};

static const struct field cm_state[] = {
	F_U32(struct integrator_cm, osc),
	F_U32(struct integrator_cm, ctrl),
	F_U32(struct integrator_cm, lock),
	F_U32(struct integrator_cm, auxosc),
	F_U32(struct integrator_cm, sdram),
	F_U32(struct integrator_cm, init),
	F_U32(struct integrator_cm, flags),
	F_U32(struct integrator_cm, nvflags),
	FIELD_END,
};

DEVICE_CLASS(integrator_cm, .name = "integrator-cm", .help = "Integrator core module",
	     .bus = "System", .size = sizeof(struct integrator_cm), .props = cm_props,
	     .state = cm_state, .init = cm_init, .reset = cm_reset, .post_load = cm_post_load,
	     .hidden = true);
