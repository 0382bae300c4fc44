/*
 * 82371SB (PIIX3) PCI-to-ISA bridge, function 0. Intel 290550-002, section 2.2 (configuration),
 * 2.5.6.4 (reset control). The interrupt controllers, timer and DMA of the chip are their own
 * devices (hw/intc, hw/timer, hw/dma).
 */
#include "hw/isa/piix3.h"
#include "hw/pci/pci-regs.h"

#include "base/bytes.h"
#include "vm/runstate.h"

enum {
	IORT = 0x4c,	/* ISA I/O recovery timer */
	XBCS = 0x4e,	/* X-bus chip select */
	PIRQRCA = 0x60, /* to 63h */
	TOM = 0x69,
	MSTAT = 0x6a,
	APICBASE = 0x80,
	SMICNTL = 0xa0,
};

#define PIRQ_DISABLE 0x80
#define PIRQ_TARGETS 0xdef8 /* 0, 1, 2, 8 and 13 are reserved */

#define RCR_OFFSET 1 /* CF9h, from CF8h */
#define RCR_RCPU   0x04
#define RCR_SRST   0x02

unsigned int piix3_pirq_of(unsigned int devfn, unsigned int pin)
{
	return ((devfn >> 3) - 1 + pin) & 3;
}

static bool pirq_level(const struct piix3 *s, unsigned int pirq)
{
	const struct pci_bus *bus = s->pci.pci_bus;

	for (unsigned int i = 0; i < 256; i++) {
		const struct pci_device *dev = bus->devices[i];
		uint8_t pin = dev ? dev->config[PCI_INTERRUPT_PIN] : 0;

		if (pin >= 1 && pin <= 4 && pci_irq_asserted(dev) &&
		    piix3_pirq_of(i, pin - 1) == pirq)
			return true;
	}
	return false;
}

/* Levels of the ISA interrupts that PIRQs are routed to; several may share one. */
static void route(struct piix3 *s)
{
	uint16_t wanted = 0, changed;

	for (unsigned int pirq = 0; pirq < 4; pirq++) {
		uint8_t reg = s->pci.config[PIRQRCA + pirq];

		if (!(reg & PIRQ_DISABLE) && pirq_level(s, pirq))
			wanted |= (uint16_t)(1u << (reg & 15)) & PIRQ_TARGETS;
	}
	changed = wanted ^ s->driven;
	s->driven = wanted;
	for (int n = 0; n < 16; n++) {
		if (changed >> n & 1)
			irq_set(s->irqs[n], wanted >> n & 1);
	}
}

void piix3_set_irq(void *opaque, struct pci_device *dev, int pin, int level)
{
	route(opaque);
}

static uint64_t rcr_read(void *opaque, uint64_t offset, unsigned int size)
{
	struct piix3 *s = opaque;

	return size == 1 && offset == RCR_OFFSET ? s->rcr : UINT32_MAX >> (32 - 8 * size);
}

/* The processor is reset by the change of RCPU from 0 to 1; SRST only says how hard. */
static void rcr_write(void *opaque, uint64_t offset, uint64_t value, unsigned int size)
{
	struct piix3 *s = opaque;

	if (size != 1 || offset != RCR_OFFSET)
		return;
	if (value & RCR_RCPU)
		machine_request_reset();
	s->rcr = value & RCR_SRST;
}

const struct region_ops piix3_rcr_ops = {.read = rcr_read, .write = rcr_write, .max_size = 1};

static void config_written(struct pci_device *dev, unsigned int offset, unsigned int size)
{
	if (offset + size > PIRQRCA && offset < PIRQRCA + 4)
		route((struct piix3 *)dev);
}

static struct error *piix3_init(struct device *dev)
{
	struct piix3 *s = (struct piix3 *)dev;
	uint8_t *w = s->pci.writable;

	store_le16(w + PCI_COMMAND, PCI_COMMAND_SERR | PCI_COMMAND_MASTER);
	w[PCI_INTERRUPT_LINE] = 0;
	w[IORT] = 0x7f;
	store_le16(w + XBCS, 0x1fff);
	for (unsigned int i = 0; i < 4; i++)
		w[PIRQRCA + i] = PIRQ_DISABLE | 15;
	w[TOM] = 0xfe;
	store_le16(w + MSTAT, 0x8000);
	w[0x70] = 0x6f;		      /* MBIRQ0 */
	w[0x76] = w[0x77] = 0x8f;     /* MBDMA */
	store_le16(w + 0x78, 0xffff); /* PCSC */
	w[APICBASE] = 0x7f;
	w[0x82] = 0x0f; /* DLC */
	store_le16(w + SMICNTL, 0x001f);
	store_le16(w + 0xa2, 0x00ff);	  /* SMIEN */
	store_le32(w + 0xa4, UINT32_MAX); /* SEE */
	w[0xa8] = 0xff;
	store_le16(s->pci.write_one_clear + 0xaa, 0x00ff); /* SMIREQ */
	w[0xac] = w[0xae] = 0xff;
	return NULL;
}

static void piix3_reset(struct device *dev)
{
	struct piix3 *s = (struct piix3 *)dev;
	uint8_t *c = s->pci.config;

	store_le16(c + PCI_COMMAND, PCI_COMMAND_IO | PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
	store_le16(c + PCI_STATUS, 0x0200);
	c[IORT] = 0x4d;
	store_le16(c + XBCS, 0x0003);
	for (unsigned int i = 0; i < 4; i++)
		c[PIRQRCA + i] = PIRQ_DISABLE;
	c[TOM] = 0x02;
	store_le16(c + MSTAT, 0);
	c[0x70] = 0x80;
	c[0x76] = c[0x77] = 0x0c;
	store_le16(c + 0x78, 0x0002);
	c[APICBASE] = 0;
	c[0x82] = 0;
	store_le16(c + SMICNTL, 0x0008);
	store_le16(c + 0xa2, 0);
	store_le32(c + 0xa4, 0);
	c[0xa8] = 0x0f;
	store_le16(c + 0xaa, 0);
	c[0xac] = c[0xae] = 0;
	s->rcr = 0;
}

static void piix3_settle(struct device *dev)
{
	struct piix3 *s = (struct piix3 *)dev;

	s->driven = 0;
	route(s);
}

static const struct prop piix3_props[] = {
	PROP_PTR("irqs", struct piix3, irqs),
	PROP_END,
};

static const struct field piix3_state[] = {
	F_PCI(struct piix3, pci),
	F_U8(struct piix3, rcr),
	F_U16(struct piix3, driven),
	FIELD_END,
};

static const struct pci_info piix3_info = {
	.vendor = 0x8086,
	.device = 0x7000,
	.class_code = 0x0601,
	.header_type = PCI_HEADER_MULTI,
	.config_written = config_written,
};

DEVICE_CLASS(piix3, .name = "PIIX3", .help = "82371SB ISA bridge", .bus = "PCI",
	     .size = sizeof(struct piix3), .props = piix3_props, .state = piix3_state,
	     .init = piix3_init, .reset = piix3_reset, .settle = piix3_settle,
	     .bus_info = &piix3_info, .bus_props = pci_props, .hidden = true);
