/* OHCI as part of a chip or board: registers at a fixed address, output 0 its interrupt. */
#include "hw/misc/mmio.h"
#include "hw/usb/ohci.h"

struct ohci_mmio {
	struct mmio mmio;
	struct ohci ohci;
	struct address_space *memory;
	uint32_t ports;
};

static void set_irq(void *opaque, int level)
{
	irq_set(((struct ohci_mmio *)opaque)->mmio.irqs[0], level);
}

static struct error *ohci_mmio_init(struct device *dev)
{
	struct ohci_mmio *m = (struct ohci_mmio *)dev;
	struct error *err = ohci_init(&m->ohci, m->ports);

	if (err)
		return err;
	m->ohci.memory = m->memory;
	m->ohci.set_irq = set_irq;
	m->ohci.opaque = m;
	region_init(&m->mmio.regs, "ohci", OHCI_SIZE);
	region_add(&m->mmio.regs, 0, &m->ohci.regs, 0);
	return NULL;
}

static void ohci_mmio_reset(struct device *dev)
{
	ohci_reset(&((struct ohci_mmio *)dev)->ohci);
}

static void ohci_mmio_settle(struct device *dev)
{
	ohci_settle(&((struct ohci_mmio *)dev)->ohci);
}

static struct error *ohci_mmio_post_load(struct device *dev)
{
	return ohci_post_load(&((struct ohci_mmio *)dev)->ohci);
}

static const struct prop props[] = {
	PROP_PTR("memory", struct ohci_mmio, memory),
	PROP_U32("num-ports", struct ohci_mmio, ports, 3, "ports of the root hub"),
	PROP_END,
};

static const struct field state[] = {F_STRUCT(struct ohci_mmio, ohci, ohci_state), FIELD_END};

DEVICE_CLASS(ohci_mmio, .name = "sysbus-ohci", .help = "OHCI USB controller of a chip",
	     .bus = "System", .size = sizeof(struct ohci_mmio), .props = props, .state = state,
	     .init = ohci_mmio_init, .reset = ohci_mmio_reset, .settle = ohci_mmio_settle,
	     .post_load = ohci_mmio_post_load, .hidden = true);
