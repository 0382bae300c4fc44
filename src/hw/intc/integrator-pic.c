/*
 * Interrupt controllers of the Integrator/CP: the primary one, the secondary one and that of the
 * core module. Source: ARM DUI 0159B, 3.6 and 4.7. Outputs: 0 is nIRQ, 1 nFIQ.
 */
#include "hw/intc/integrator-pic.h"

#include "base/log.h"

enum {
	IRQ_STATUS = 0x00,
	IRQ_RAWSTAT = 0x04,
	IRQ_ENABLESET = 0x08,
	IRQ_ENABLECLR = 0x0c,
	INT_SOFTSET = 0x10,
	INT_SOFTCLR = 0x14,
	FIQ_STATUS = 0x20,
	FIQ_RAWSTAT = 0x24,
	FIQ_ENABLESET = 0x28,
	FIQ_ENABLECLR = 0x2c,
};

#define SOFTINT 0x1

static void update(struct integrator_pic *p)
{
	irq_set(p->mmio.irqs[0], (p->level & p->irq_enable) != 0);
	irq_set(p->mmio.irqs[1], (p->level & p->fiq_enable) != 0);
}

static void input_set(void *opaque, int n, int level)
{
	struct integrator_pic *p = opaque;
	uint32_t old = p->level;

	p->level = (p->level & ~(UINT32_C(1) << n)) | (uint32_t)(level != 0) << n;
	if (p->level != old)
		update(p);
}

static uint64_t pic_read(void *opaque, uint64_t offset, unsigned int size)
{
	const struct integrator_pic *p = opaque;

	switch (offset) {
	case IRQ_STATUS: return p->level & p->irq_enable;
	case IRQ_RAWSTAT:
	case FIQ_RAWSTAT: return p->level;
	case IRQ_ENABLESET: return p->irq_enable;
	case INT_SOFTSET: return p->level & SOFTINT;
	case FIQ_STATUS: return p->level & p->fiq_enable;
	case FIQ_ENABLESET: return p->fiq_enable;
	}
	log_printf(LOG_GUEST_ERRORS, "integrator-pic: read of register %02x\n",
		   (unsigned int)offset);
	return 0;
}

static void pic_write(void *opaque, uint64_t offset, uint64_t value64, unsigned int size)
{
	struct integrator_pic *p = opaque;
	uint32_t value = (uint32_t)value64;

	switch (offset) {
	case IRQ_ENABLESET: p->irq_enable |= value; break;
	case IRQ_ENABLECLR: p->irq_enable &= ~value; break;
	case INT_SOFTSET: p->level |= value & SOFTINT; break;
	case INT_SOFTCLR: p->level &= ~(value & SOFTINT); break;
	case FIQ_ENABLESET: p->fiq_enable |= value; break;
	case FIQ_ENABLECLR: p->fiq_enable &= ~value; break;
	default:
		log_printf(LOG_GUEST_ERRORS, "integrator-pic: write of register %02x\n",
			   (unsigned int)offset);
	}
	update(p);
}

static const struct region_ops pic_ops = {
	.read = pic_read, .write = pic_write, .min_size = 4, .max_size = 4};

static struct error *pic_init(struct device *dev)
{
	struct integrator_pic *p = (struct integrator_pic *)dev;

	region_init_io(&p->mmio.regs, "integrator-pic", 0x40, &pic_ops, p);
	for (int n = 0; n < 32; n++)
		irq_init(&p->inputs[n], input_set, p, n);
	return NULL;
}

static void pic_reset(struct device *dev)
{
	struct integrator_pic *p = (struct integrator_pic *)dev;

	p->level = p->irq_enable = p->fiq_enable = 0;
}

static void pic_settle(struct device *dev)
{
	update((struct integrator_pic *)dev);
}

static const struct prop props[] = {PROP_END};

static const struct field state[] = {
	F_U32(struct integrator_pic, level),
	F_U32(struct integrator_pic, irq_enable),
	F_U32(struct integrator_pic, fiq_enable),
	FIELD_END,
};

DEVICE(integrator_pic, struct integrator_pic, "integrator-pic", "Integrator interrupt controller",
       props, state, pic_init, pic_reset, pic_settle);
