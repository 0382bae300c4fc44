/* PCnet-PCI II on PCI: 1022h:2000h, ports in BAR 0, the same in memory in BAR 1. */
#include "hw/net/pcnet.h"
#include "hw/pci/pci.h"

struct pcnet_pci {
	struct pci_device pci;
	struct pcnet pcnet;
};

static bool can_receive(void *opaque)
{
	return pcnet_can_receive(&((struct pcnet_pci *)opaque)->pcnet);
}

static bool receive(void *opaque, const uint8_t *frame, size_t len)
{
	return pcnet_receive(&((struct pcnet_pci *)opaque)->pcnet, frame, len);
}

static const struct net_port_ops port_ops = {
	.kind = "pcnet", .nic = true, .can_receive = can_receive, .receive = receive};

static void bus_read(void *opaque, uint64_t addr, void *buf, uint64_t len)
{
	pci_dma_read(opaque, addr, buf, len);
}

static void bus_write(void *opaque, uint64_t addr, const void *buf, uint64_t len)
{
	pci_dma_write(opaque, addr, buf, len);
}

static void bus_set_irq(void *opaque, int level)
{
	pci_set_irq(opaque, level);
}

static const struct pcnet_bus bus = {bus_read, bus_write, bus_set_irq};

static struct error *pcnet_pci_init(struct device *dev)
{
	struct pcnet_pci *p = (struct pcnet_pci *)dev;
	struct error *err = nic_init(dev, &p->pcnet.nic, &port_ops);

	if (err)
		return err;
	pcnet_init(&p->pcnet, &bus, &p->pci);
	pci_add_bar(&p->pci, 0, &p->pcnet.io, PCI_BAR_IO);
	pci_add_bar(&p->pci, 1, &p->pcnet.mmio, PCI_BAR_MEM);
	return NULL;
}

static void pcnet_pci_reset(struct device *dev)
{
	pcnet_reset(&((struct pcnet_pci *)dev)->pcnet);
}

static void pcnet_pci_exit(struct device *dev)
{
	struct pcnet_pci *p = (struct pcnet_pci *)dev;

	timer_cancel(&p->pcnet.poll);
	net_port_free(p->pcnet.nic.port);
}

static struct error *pcnet_pci_post_load(struct device *dev)
{
	return pcnet_post_load(&((struct pcnet_pci *)dev)->pcnet);
}

static const struct prop props[] = {NIC_PROPS(struct pcnet_pci, pcnet.nic), PROP_END};

static const struct field state[] = {
	F_PCI(struct pcnet_pci, pci),
	F_STRUCT(struct pcnet_pci, pcnet, pcnet_fields),
	FIELD_END,
};

static const struct pci_info info = {
	.vendor = 0x1022,
	.device = 0x2000,
	.class_code = 0x0200,
	.revision = 0x10,
	.interrupt_pin = 1,
	.rom = "pxe-pcnet.rom",
};

DEVICE_CLASS(pcnet_pci, .name = "pcnet", .help = "AMD Am79C970A PCnet-PCI II", .bus = "PCI",
	     .size = sizeof(struct pcnet_pci), .props = props, .state = state,
	     .init = pcnet_pci_init, .reset = pcnet_pci_reset, .exit = pcnet_pci_exit,
	     .post_load = pcnet_pci_post_load, .bus_info = &info, .bus_props = pci_props);
