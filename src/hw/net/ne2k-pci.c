/* NE2000 on PCI: Realtek RTL8029AS (10ECh:8029h), ports in BAR 0, INTA#. */
#include "hw/net/ne2k.h"
#include "hw/pci/pci.h"

struct ne2k_pci {
	struct pci_device pci;
	struct ne2k ne2k;
};

static bool can_receive(void *opaque)
{
	return ne2k_can_receive(&((struct ne2k_pci *)opaque)->ne2k);
}

static bool receive(void *opaque, const uint8_t *frame, size_t len)
{
	return ne2k_receive(&((struct ne2k_pci *)opaque)->ne2k, frame, len);
}

static const struct net_port_ops port_ops = {
	.kind = "ne2k_pci", .nic = true, .can_receive = can_receive, .receive = receive};

static void set_irq(void *opaque, int level)
{
	pci_set_irq(opaque, level);
}

static struct error *ne2k_pci_init(struct device *dev)
{
	struct ne2k_pci *p = (struct ne2k_pci *)dev;

	ne2k_init(&p->ne2k, set_irq, &p->pci);
	pci_add_bar(&p->pci, 0, &p->ne2k.ports, PCI_BAR_IO);
	return nic_init(dev, &p->ne2k.nic, &port_ops);
}

static void ne2k_pci_reset(struct device *dev)
{
	struct ne2k_pci *p = (struct ne2k_pci *)dev;

	ne2k_reset(&p->ne2k);
	p->ne2k.irq_level = 0; /* the bus drops the pin */
}

static void ne2k_pci_exit(struct device *dev)
{
	net_port_free(((struct ne2k_pci *)dev)->ne2k.nic.port);
}

static struct error *ne2k_pci_post_load(struct device *dev)
{
	return ne2k_post_load(&((struct ne2k_pci *)dev)->ne2k);
}

static const struct prop props[] = {NIC_PROPS(struct ne2k_pci, ne2k.nic), PROP_END};

static const struct field state[] = {
	F_PCI(struct ne2k_pci, pci),
	F_STRUCT(struct ne2k_pci, ne2k, ne2k_fields),
	FIELD_END,
};

static const struct pci_info info = {
	.vendor = 0x10ec,
	.device = 0x8029,
	.class_code = 0x0200,
	.interrupt_pin = 1,
	.rom = "pxe-ne2k_pci.rom",
};

DEVICE_CLASS(ne2k_pci, .name = "ne2k_pci", .help = "NE2000 on PCI (RTL8029)", .bus = "PCI",
	     .size = sizeof(struct ne2k_pci), .props = props, .state = state, .init = ne2k_pci_init,
	     .reset = ne2k_pci_reset, .exit = ne2k_pci_exit, .post_load = ne2k_pci_post_load,
	     .bus_info = &info, .bus_props = pci_props);
