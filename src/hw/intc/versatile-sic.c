/*
 * Secondary interrupt controller in the FPGA of the Versatile boards. Source: ARM DUI 0225D
 * (Versatile/PB926EJ-S), 4.13.2. All inputs together are one line of the VIC; some may also be
 * passed on one by one.
 */
#include "hw/intc/versatile-sic.h"

#include "base/log.h"

enum {
	SIC_STATUS = 0x00,
	SIC_RAWSTAT = 0x04,
	SIC_ENABLE = 0x08, /* write: SIC_ENSET */
	SIC_ENCLR = 0x0c,
	SIC_SOFTINTSET = 0x10,
	SIC_SOFTINTCLR = 0x14,
	SIC_PICENABLE = 0x20, /* write: SIC_PICENSET */
	SIC_PICENCLR = 0x24,
};

#define SOFTINT 0x01
#define DIRECT	0x7fe00000u /* inputs 21 to 30 */

static void update(struct versatile_sic *s)
{
	irq_set(s->mmio.irqs[0], (s->level & s->enable) != 0);
	uint32_t direct = s->level & s->pic_enable & DIRECT, changed = direct ^ s->driven;

	s->driven = direct;
	for (; changed; changed &= changed - 1) {
		int n = __builtin_ctz(changed);
		irq_set(s->direct[n], (int)(direct >> n & 1));
	}
}

static void input_set(void *opaque, int n, int level)
{
	struct versatile_sic *s = opaque;
	uint32_t old = s->level;

	s->level = (s->level & ~(UINT32_C(1) << n)) | (uint32_t)(level != 0) << n;
	if (s->level != old)
		update(s);
}

static uint64_t sic_read(void *opaque, uint64_t offset, unsigned int size)
{
	struct versatile_sic *s = opaque;

	switch (offset) {
	case SIC_STATUS: return s->level & s->enable;
	case SIC_RAWSTAT: return s->level;
	case SIC_ENABLE: return s->enable;
	case SIC_SOFTINTSET: return s->level & SOFTINT;
	case SIC_PICENABLE: return s->pic_enable;
	}
	log_printf(LOG_GUEST_ERRORS, "versatile-sic: read of register %02x\n",
		   (unsigned int)offset);
	return 0;
}

static void sic_write(void *opaque, uint64_t offset, uint64_t value64, unsigned int size)
{
	struct versatile_sic *s = opaque;
	uint32_t value = (uint32_t)value64;

	switch (offset) {
	case SIC_ENABLE: s->enable |= value; break;
	case SIC_ENCLR: s->enable &= ~value; break;
	case SIC_SOFTINTSET: s->level |= value & SOFTINT; break;
	case SIC_SOFTINTCLR: s->level &= ~(value & SOFTINT); break;
	case SIC_PICENABLE: s->pic_enable |= value & DIRECT; break;
	case SIC_PICENCLR: s->pic_enable &= ~value; break;
	default:
		log_printf(LOG_GUEST_ERRORS, "versatile-sic: write of register %02x\n",
			   (unsigned int)offset);
	}
	update(s);
}

static const struct region_ops sic_ops = {
	.read = sic_read, .write = sic_write, .min_size = 4, .max_size = 4};

static struct error *sic_init(struct device *dev)
{
	struct versatile_sic *s = (struct versatile_sic *)dev;

	region_init_io(&s->mmio.regs, "versatile-sic", 0x1000, &sic_ops, s);
	for (int n = 0; n < 32; n++)
		irq_init(&s->inputs[n], input_set, s, n);
	return NULL;
}

static void sic_reset(struct device *dev)
{
	struct versatile_sic *s = (struct versatile_sic *)dev;

	s->level = s->enable = s->pic_enable = s->driven = 0;
}

static void sic_settle(struct device *dev)
{
	update((struct versatile_sic *)dev);
}

static const struct prop props[] = {PROP_END};

static const struct field state[] = {
	F_U32(struct versatile_sic, level),
	F_U32(struct versatile_sic, enable),
	F_U32(struct versatile_sic, pic_enable),
	F_U32(struct versatile_sic, driven),
	FIELD_END,
};

DEVICE(versatile_sic, struct versatile_sic, "versatile-sic", "Versatile secondary interrupts",
       props, state, sic_init, sic_reset, sic_settle);
