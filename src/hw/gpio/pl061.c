/*
 * PrimeCell GPIO (PL061), and the variant of the Stellaris chips, which adds pad control. Sources:
 * ARM DDI 0190; LM3S6965 data sheet, chapter "General-Purpose Input/Outputs".
 */
#include "hw/gpio/pl061.h"

#include "hw/misc/primecell.h"

#include "base/log.h"

enum {
	GPIODATA_END = 0x3fc, /* bits 9-2 of the address are the mask */
	GPIODIR = 0x400,
	GPIOIS = 0x404,
	GPIOIBE = 0x408,
	GPIOIEV = 0x40c,
	GPIOIE = 0x410,
	GPIORIS = 0x414,
	GPIOMIS = 0x418,
	GPIOIC = 0x41c,
	GPIOAFSEL = 0x420,
	/* Luminary's */
	GPIODR2R = 0x500,
	GPIODR4R = 0x504,
	GPIODR8R = 0x508,
	GPIOODR = 0x50c,
	GPIOPUR = 0x510,
	GPIOPDR = 0x514,
	GPIOSLR = 0x518,
	GPIODEN = 0x51c,
	GPIOLOCK = 0x520,
	GPIOCR = 0x524,
};
#define UNLOCK 0x1acce551u

/* --- pins --- */

/* What a pin that nobody drives shows. */
static uint8_t floating(const struct pl061 *g)
{
	return (uint8_t)((g->pullups | g->pur) & ~g->pdr);
}

static uint8_t pin_levels(const struct pl061 *g)
{
	return (uint8_t)((g->data & g->dir) | (g->wire & ~g->dir));
}

static void update_outputs(struct pl061 *g)
{
	uint8_t controlled = g->dir & (uint8_t)~g->afsel;
	uint8_t now = (uint8_t)((g->data & controlled) | (floating(g) & ~controlled));
	uint8_t changed = g->driven ^ now;

	g->driven = now;
	for (unsigned int n = 0; n < PL061_PINS; n++) {
		if (changed >> n & 1)
			irq_set(g->out[n], now >> n & 1);
	}
}

static void update_interrupts(struct pl061 *g)
{
	uint8_t now = pin_levels(g), changed = g->pins ^ now;
	uint8_t edges = changed & (uint8_t)(g->ibe | ~(now ^ g->iev));

	g->pins = now;
	g->ris |= edges & (uint8_t)~g->is & (uint8_t)~g->dir;
	/* levels are not latched */
	g->ris = (uint8_t)((g->ris & ~g->is) | (~(now ^ g->iev) & g->is));
	irq_set(g->mmio.irqs[0], (g->ris & g->ie) != 0);
}

static void update(struct pl061 *g)
{
	update_outputs(g);
	update_interrupts(g);
}

static void pin_driven(void *opaque, int number, int level)
{
	struct pl061 *g = opaque;
	uint8_t bit = (uint8_t)(1 << number);

	g->wire = level ? g->wire | bit : g->wire & (uint8_t)~bit;
	update_interrupts(g);
}

/* --- registers --- */

/* Where a register is, NULL for those that are more than a byte of storage. */
static uint8_t *storage(struct pl061 *g, uint64_t offset)
{
	switch (offset) {
	case GPIODIR: return &g->dir;
	case GPIOIS: return &g->is;
	case GPIOIBE: return &g->ibe;
	case GPIOIEV: return &g->iev;
	case GPIOIE: return &g->ie;
	default: break;
	}
	if (!g->luminary)
		return NULL;
	switch (offset) {
	case GPIODR2R: return &g->dr2r;
	case GPIODR4R: return &g->dr4r;
	case GPIODR8R: return &g->dr8r;
	case GPIOODR: return &g->odr;
	case GPIOPUR: return &g->pur;
	case GPIOPDR: return &g->pdr;
	case GPIOSLR: return &g->slr;
	case GPIODEN: return &g->den;
	default: return NULL;
	}
}

static uint64_t pl061_read(void *opaque, uint64_t offset, unsigned int size)
{
	struct pl061 *g = opaque;
	uint8_t *reg = storage(g, offset);
	uint64_t id;

	if (offset <= GPIODATA_END)
		return pin_levels(g) & (uint8_t)(offset >> 2);
	if (reg)
		return *reg;
	switch (offset) {
	case GPIORIS: return g->ris;
	case GPIOMIS: return g->ris & g->ie;
	case GPIOIC: return 0;
	case GPIOAFSEL: return g->afsel;
	case GPIOLOCK:
		if (g->luminary)
			return g->locked;
		break;
	case GPIOCR:
		if (g->luminary)
			return g->cr;
		break;
	default: break;
	}
	if (primecell_id_read(g->id, offset, &id))
		return id;
	log_printf(LOG_GUEST_ERRORS, "pl061: read of register %03x\n", (unsigned int)offset);
	return 0;
}

/* Strengths of the drive exclude each other. */
static void one_strength(struct pl061 *g, const uint8_t *chosen)
{
	uint8_t *const all[] = {&g->dr2r, &g->dr4r, &g->dr8r};

	for (unsigned int i = 0; i < 3; i++) {
		if (all[i] != chosen)
			*all[i] &= (uint8_t)~*chosen;
	}
}

static void write_storage(struct pl061 *g, uint8_t *reg, uint8_t value)
{
	*reg = value;
	if (reg == &g->dr2r || reg == &g->dr4r || reg == &g->dr8r)
		one_strength(g, reg);
	else if (reg == &g->pur)
		g->pdr &= (uint8_t)~value;
	else if (reg == &g->pdr)
		g->pur &= (uint8_t)~value;
}

static void write_other(struct pl061 *g, uint64_t offset, uint32_t value)
{
	uint8_t byte = (uint8_t)value;

	if (offset == GPIOIC)
		g->ris &= (uint8_t)~(byte & ~g->is);
	else if (offset == GPIOAFSEL && g->luminary)
		g->afsel = (uint8_t)((g->afsel & ~g->cr) | (byte & g->cr));
	else if (offset == GPIOAFSEL)
		g->afsel = byte;
	else if (offset == GPIOLOCK && g->luminary)
		g->locked = value != UNLOCK;
	else if (offset == GPIOCR && g->luminary && !g->locked)
		g->cr = byte;
	else
		log_printf(LOG_GUEST_ERRORS, "pl061: write of register %03x\n",
			   (unsigned int)offset);
}

static void pl061_write(void *opaque, uint64_t offset, uint64_t value, unsigned int size)
{
	struct pl061 *g = opaque;
	uint8_t *reg = storage(g, offset), mask = (uint8_t)(offset >> 2);

	if (offset <= GPIODATA_END)
		g->data = (uint8_t)((g->data & ~(mask & g->dir)) | (value & mask & g->dir));
	else if (reg)
		write_storage(g, reg, (uint8_t)value);
	else
		write_other(g, offset, (uint32_t)value);
	update(g);
}

static const struct region_ops ops = {
	.read = pl061_read, .write = pl061_write, .min_size = 4, .max_size = 4};

/* --- the device --- */

static struct error *pl061_init(struct device *dev)
{
	struct pl061 *g = (struct pl061 *)dev;

	region_init_io(&g->mmio.regs, "pl061", 0x1000, &ops, g);
	for (unsigned int n = 0; n < PL061_PINS; n++)
		irq_init(&g->in[n], pin_driven, g, (int)n);
	g->wire = g->pullups;
	return NULL;
}

/* What the board drives is not the chip's to reset. */
static void pl061_reset(struct device *dev)
{
	struct pl061 *g = (struct pl061 *)dev;

	g->data = g->dir = g->is = g->ibe = g->iev = g->ie = g->ris = g->afsel = 0;
	g->dr4r = g->dr8r = g->odr = g->pur = g->pdr = g->slr = g->den = 0;
	g->dr2r = g->cr = 0xff;
	g->locked = true;
	g->pins = pin_levels(g);
	g->driven = floating(g);
}

static void pl061_settle(struct device *dev)
{
	struct pl061 *g = (struct pl061 *)dev;

	for (unsigned int n = 0; n < PL061_PINS; n++)
		irq_set(g->out[n], g->driven >> n & 1);
	update_interrupts(g);
}

static const struct prop props[] = {
	PROP_U32("id", struct pl061, id, 0x00041061, "PeriphID registers as one number"),
	PROP_BOOL("luminary", struct pl061, luminary, 0, "has the registers of Stellaris chips"),
	PROP_U8("pullups", struct pl061, pullups, 0, "pins that the board pulls up"),
	PROP_END,
};

static const struct field state[] = {
	F_U8(struct pl061, data),     F_U8(struct pl061, dir),
	F_U8(struct pl061, is),	      F_U8(struct pl061, ibe),
	F_U8(struct pl061, iev),      F_U8(struct pl061, ie),
	F_U8(struct pl061, ris),      F_U8(struct pl061, afsel),
	F_U8(struct pl061, pins),     F_U8(struct pl061, wire),
	F_U8(struct pl061, driven),   F_U8(struct pl061, dr2r),
	F_U8(struct pl061, dr4r),     F_U8(struct pl061, dr8r),
	F_U8(struct pl061, odr),      F_U8(struct pl061, pur),
	F_U8(struct pl061, pdr),      F_U8(struct pl061, slr),
	F_U8(struct pl061, den),      F_U8(struct pl061, cr),
	F_BOOL(struct pl061, locked), FIELD_END,
};

DEVICE_CLASS(pl061, .name = "pl061", .help = "PrimeCell GPIO", .bus = "System",
	     .size = sizeof(struct pl061), .props = props, .state = state, .init = pl061_init,
	     .reset = pl061_reset, .settle = pl061_settle, .hidden = true);
