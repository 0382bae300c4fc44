/* One IDE channel on the ISA bus, PIO only: the AT's fixed-disk adapter. */
#include "hw/ide/ide.h"
#include "hw/isa/isa.h"

struct isa_ide {
	struct device dev;
	struct ide_channel channel;
	uint32_t iobase, iobase2, irq, bus;
};

static struct error *isa_ide_init(struct device *dev)
{
	struct isa_ide *s = (struct isa_ide *)dev;

	if (s->irq > 15)
		return error_new("isa-ide: irq=%u: there are 0 to 15", s->irq);
	/* The second adapter, at 170h, has the drives of the second bus. */
	struct error *err = ide_channel_init(&s->channel, "ide",
					     s->bus != UINT32_MAX ? s->bus : s->iobase == 0x170);
	if (err)
		return err;
	s->channel.irq = isa_irq(dev, s->irq);
	isa_map_io(dev, (uint16_t)s->iobase, &s->channel.command);
	isa_map_io(dev, (uint16_t)s->iobase2, &s->channel.alternate);
	return NULL;
}

static void isa_ide_reset(struct device *dev)
{
	ide_channel_reset(&((struct isa_ide *)dev)->channel);
}

static void isa_ide_settle(struct device *dev)
{
	ide_channel_settle(&((struct isa_ide *)dev)->channel);
}

static struct error *isa_ide_post_load(struct device *dev)
{
	return ide_channel_post_load(&((struct isa_ide *)dev)->channel);
}

static const struct prop props[] = {
	PROP_U32("iobase", struct isa_ide, iobase, 0x1f0, "command block ports"),
	PROP_U32("iobase2", struct isa_ide, iobase2, 0x3f6, "control port"),
	PROP_U32("irq", struct isa_ide, irq, 14, "interrupt line"),
	PROP_U32("drive-bus", struct isa_ide, bus, UINT32_MAX, "bus number of its drives"),
	PROP_END,
};

static const struct field state[] = {
	F_STRUCT(struct isa_ide, channel, ide_channel_fields),
	FIELD_END,
};

DEVICE_CLASS(isa_ide, .name = "isa-ide", .help = "IDE adapter", .bus = "ISA",
	     .size = sizeof(struct isa_ide), .props = props, .state = state, .init = isa_ide_init,
	     .reset = isa_ide_reset, .settle = isa_ide_settle, .post_load = isa_ide_post_load);
