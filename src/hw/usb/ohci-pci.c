/* OHCI on PCI: Apple's KeyLargo (106Bh:003Fh), registers in BAR 0, INTA#. */
#include "hw/pci/pci.h"
#include "hw/usb/ohci.h"

struct ohci_pci {
	struct pci_device pci;
	struct ohci ohci;
	uint32_t ports; /* property */
};

static void set_irq(void *opaque, int level)
{
	pci_set_irq(opaque, level);
}

static struct error *ohci_pci_init(struct device *dev)
{
	struct ohci_pci *p = (struct ohci_pci *)dev;
	struct error *err = ohci_init(&p->ohci, p->ports);

	if (err)
		return err;
	p->ohci.memory = &p->pci.dma;
	p->ohci.set_irq = set_irq;
	p->ohci.opaque = &p->pci;
	p->ohci.regs.owner = dev;
	pci_add_bar(&p->pci, 0, &p->ohci.regs, PCI_BAR_MEM);
	return NULL;
}

static void ohci_pci_reset(struct device *dev)
{
	ohci_reset(&((struct ohci_pci *)dev)->ohci);
}

static struct error *ohci_pci_post_load(struct device *dev)
{
	return ohci_post_load(&((struct ohci_pci *)dev)->ohci);
}

static const struct prop props[] = {
	PROP_U32("num-ports", struct ohci_pci, ports, 3, "ports of the root hub"), PROP_END};

static const struct field state[] = {
	F_PCI(struct ohci_pci, pci),
	F_STRUCT(struct ohci_pci, ohci, ohci_state),
	FIELD_END,
};

static const struct pci_info info = {
	.vendor = 0x106b,
	.device = 0x003f,
	.class_code = 0x0c03,
	.prog_if = 0x10,
	.interrupt_pin = 1,
};

DEVICE_CLASS(ohci_pci, .name = "pci-ohci", .help = "OHCI USB controller", .bus = "PCI",
	     .size = sizeof(struct ohci_pci), .props = props, .state = state, .init = ohci_pci_init,
	     .reset = ohci_pci_reset, .post_load = ohci_pci_post_load, .bus_info = &info,
	     .bus_props = pci_props);
