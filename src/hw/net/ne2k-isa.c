/* NE2000 on ISA: ports at "iobase" (300h), interrupt "irq" (9). */
#include "hw/isa/isa.h"
#include "hw/net/ne2k.h"

struct ne2k_isa {
	struct device dev;
	struct ne2k ne2k;
	uint32_t iobase, irq_number;
	struct irq *irq;
};

static bool can_receive(void *opaque)
{
	return ne2k_can_receive(&((struct ne2k_isa *)opaque)->ne2k);
}

static bool receive(void *opaque, const uint8_t *frame, size_t len)
{
	return ne2k_receive(&((struct ne2k_isa *)opaque)->ne2k, frame, len);
}

static const struct net_port_ops port_ops = {
	.kind = "ne2k_isa", .nic = true, .can_receive = can_receive, .receive = receive};

static void set_irq(void *opaque, int level)
{
	irq_set(((struct ne2k_isa *)opaque)->irq, level);
}

static struct error *ne2k_isa_init(struct device *dev)
{
	struct ne2k_isa *p = (struct ne2k_isa *)dev;

	if (p->irq_number > 15)
		return error_new("ne2k_isa: irq=%u: ISA has interrupts 0 to 15", p->irq_number);
	if (p->iobase > 0xffe0)
		return error_new("ne2k_isa: iobase=0x%x is above 0xffe0", p->iobase);
	ne2k_init(&p->ne2k, set_irq, p);
	isa_map_io(dev, (uint16_t)p->iobase, &p->ne2k.ports);
	p->irq = isa_irq(dev, p->irq_number);
	return nic_init(dev, &p->ne2k.nic, &port_ops);
}

static void ne2k_isa_reset(struct device *dev)
{
	ne2k_reset(&((struct ne2k_isa *)dev)->ne2k);
}

static void ne2k_isa_settle(struct device *dev)
{
	struct ne2k_isa *p = (struct ne2k_isa *)dev;

	p->ne2k.irq_level = 0;
	irq_set(p->irq, 0);
}

static void ne2k_isa_exit(struct device *dev)
{
	net_port_free(((struct ne2k_isa *)dev)->ne2k.nic.port);
}

static struct error *ne2k_isa_post_load(struct device *dev)
{
	return ne2k_post_load(&((struct ne2k_isa *)dev)->ne2k);
}

static const struct prop props[] = {
	NIC_PROPS(struct ne2k_isa, ne2k.nic),
	PROP_U32("iobase", struct ne2k_isa, iobase, 0x300, "first port"),
	PROP_U32("irq", struct ne2k_isa, irq_number, 9, "interrupt line"),
	PROP_END,
};

static const struct field state[] = {
	F_STRUCT(struct ne2k_isa, ne2k, ne2k_fields),
	FIELD_END,
};

DEVICE_CLASS(ne2k_isa, .name = "ne2k_isa", .help = "NE2000 on ISA", .bus = "ISA",
	     .size = sizeof(struct ne2k_isa), .props = props, .state = state, .init = ne2k_isa_init,
	     .reset = ne2k_isa_reset, .settle = ne2k_isa_settle, .exit = ne2k_isa_exit,
	     .post_load = ne2k_isa_post_load);
