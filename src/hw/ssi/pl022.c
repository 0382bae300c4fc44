/*
 * PrimeCell synchronous serial port (PL022), as a master. Source: ARM DDI 0194. A word is shifted
 * as soon as it is written and there is room for the one that comes back, so the transmit FIFO is
 * always empty.
 */
#include "hw/ssi/pl022.h"

#include "hw/misc/primecell.h"

#include "base/log.h"

enum {
	SSPCR0 = 0x000,
	SSPCR1 = 0x004,
	SSPDR = 0x008,
	SSPSR = 0x00c,
	SSPCPSR = 0x010,
	SSPIMSC = 0x014,
	SSPRIS = 0x018,
	SSPMIS = 0x01c,
	SSPICR = 0x020,
	SSPDMACR = 0x024,
};
enum { CR1_LBM = 1, CR1_SSE = 2, CR1_MS = 4 };
enum { SR_TFE = 1, SR_TNF = 2, SR_RNE = 4, SR_RFF = 8 };
enum { INT_ROR = 1, INT_RT = 2, INT_RX = 4, INT_TX = 8 };

static void update_irq(struct pl022 *s)
{
	/* the transmit FIFO is at most half full, always; and what is received has waited */
	s->ris = (s->ris & INT_ROR) | INT_TX;
	if (s->count >= PL022_FIFO / 2)
		s->ris |= INT_RX;
	if (s->count)
		s->ris |= INT_RT;
	irq_set(s->mmio.irqs[0], (s->ris & s->imsc) != 0);
}

static uint32_t word_mask(const struct pl022 *s)
{
	return (2u << (s->cr0 & 0xf)) - 1;
}

static void data_write(struct pl022 *s, uint32_t value)
{
	uint32_t in;

	if (!(s->cr1 & CR1_SSE)) {
		log_printf(LOG_GUEST_ERRORS, "pl022: written to while it is off\n");
		return;
	}
	if (s->cr1 & CR1_MS) {
		log_printf(LOG_UNIMP, "pl022: slave mode\n");
		return;
	}
	value &= word_mask(s);
	in = s->cr1 & CR1_LBM ? value : ssi_transfer(&s->bus, value) & word_mask(s);
	if (s->count >= PL022_FIFO)
		s->ris |= INT_ROR;
	else
		s->rx[(s->head + s->count++) % PL022_FIFO] = (uint16_t)in;
}

static uint32_t data_read(struct pl022 *s)
{
	uint32_t value = s->rx[s->head];

	if (!s->count)
		return 0;
	s->head = (s->head + 1) % PL022_FIFO;
	s->count--;
	update_irq(s);
	return value;
}

static uint64_t pl022_read(void *opaque, uint64_t offset, unsigned int size)
{
	struct pl022 *s = opaque;
	uint64_t id;

	switch (offset) {
	case SSPCR0: return s->cr0;
	case SSPCR1: return s->cr1;
	case SSPDR: return data_read(s);
	case SSPSR:
		return SR_TFE | SR_TNF | (s->count ? SR_RNE : 0) |
		       (s->count == PL022_FIFO ? SR_RFF : 0);
	case SSPCPSR: return s->cpsr;
	case SSPIMSC: return s->imsc;
	case SSPRIS: return s->ris;
	case SSPMIS: return s->ris & s->imsc;
	case SSPDMACR: return s->dmacr;
	default: break;
	}
	if (primecell_id_read(s->id, offset, &id))
		return id;
	log_printf(LOG_GUEST_ERRORS, "pl022: read of register %03x\n", (unsigned int)offset);
	return 0;
}

static void pl022_write(void *opaque, uint64_t offset, uint64_t value64, unsigned int size)
{
	struct pl022 *s = opaque;
	uint32_t value = (uint32_t)value64;

	switch (offset) {
	case SSPCR0: s->cr0 = value & 0xffff; break;
	case SSPCR1: s->cr1 = value & 0xf; break;
	case SSPDR: data_write(s, value); break;
	case SSPCPSR: s->cpsr = value & 0xfe; break;
	case SSPIMSC: s->imsc = value & 0xf; break;
	case SSPICR: s->ris &= ~(value & (INT_ROR | INT_RT)); break;
	case SSPDMACR: s->dmacr = value & 3; break;
	default:
		log_printf(LOG_GUEST_ERRORS, "pl022: write of register %03x\n",
			   (unsigned int)offset);
	}
	update_irq(s);
}

static const struct region_ops ops = {
	.read = pl022_read, .write = pl022_write, .min_size = 4, .max_size = 4};

static struct error *pl022_init(struct device *dev)
{
	struct pl022 *s = (struct pl022 *)dev;

	region_init_io(&s->mmio.regs, "pl022", 0x1000, &ops, s);
	return NULL;
}

static void pl022_reset(struct device *dev)
{
	struct pl022 *s = (struct pl022 *)dev;

	s->cr0 = s->cr1 = s->cpsr = s->imsc = s->dmacr = 0;
	s->ris = INT_TX;
	s->head = s->count = 0;
}

static struct error *pl022_post_load(struct device *dev)
{
	const struct pl022 *s = (struct pl022 *)dev;

	if (s->head >= PL022_FIFO || s->count > PL022_FIFO)
		return error_new("%s: impossible FIFO", dev->class->name);
	return NULL;
}

static const struct prop props[] = {
	PROP_U32("id", struct pl022, id, 0x00041022, "PeriphID registers as one number"),
	PROP_END,
};

static const struct field state[] = {
	F_U32(struct pl022, cr0),  F_U32(struct pl022, cr1),
	F_U32(struct pl022, cpsr), F_U32(struct pl022, imsc),
	F_U32(struct pl022, ris),  F_U32(struct pl022, dmacr),
	F_ARRAY(struct pl022, rx), F_U8(struct pl022, head),
	F_U8(struct pl022, count), FIELD_END,
};

DEVICE_CLASS(pl022, .name = "pl022", .help = "PrimeCell synchronous serial port", .bus = "System",
	     .size = sizeof(struct pl022), .props = props, .state = state, .init = pl022_init,
	     .reset = pl022_reset, .post_load = pl022_post_load, .hidden = true);
