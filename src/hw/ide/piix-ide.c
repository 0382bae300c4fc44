/*
 * The IDE functions of the PIIX3 (82371SB, order number 290550) and the PIIX4 (82371AB, 290562).
 *
 *	PCICMD bit 0: I/O space, bit 2: bus master
 *	BMIBA (20h): bus master registers, 16 ports
 *	IDETIM (40h, 42h): bit 15 enables the channel's ports: 1F0h/3F6h and 170h/376h
 *	UDMACTL (48h), UDMATIM (4Ah): PIIX4
 * The interrupts are the ISA bus's 14 and 15.
 */
#include "hw/ide/busmaster.h"

#include "base/bytes.h"
#include "hw/isa/isa.h"
#include "vm/machine.h"

enum { IDETIM = 0x40, SIDETIM = 0x44, UDMACTL = 0x48, UDMATIM = 0x4a };
enum { PCICMD_IO = 1, IDETIM_ENABLE = 0x80 /* of the high byte */ };

struct piix_ide {
	struct pci_device pci;
	struct ide_channel channels[2];
	struct busmaster masters[2];
	struct region bmiba;
	struct irq *irqs[2]; /* properties "irq0", "irq1": given by the board */
};

static const uint16_t command_ports[2] = {0x1f0, 0x170}, control_ports[2] = {0x3f6, 0x376};

/* The compatibility ports answer while both enables are set. */
static void update_ports(struct piix_ide *s)
{
	region_batch_begin();
	for (unsigned int i = 0; i < 2; i++) {
		bool on = (s->pci.config[4] & PCICMD_IO) &&
			  (s->pci.config[IDETIM + 2 * i + 1] & IDETIM_ENABLE);
		region_set_enabled(&s->channels[i].command, on);
		region_set_enabled(&s->channels[i].alternate, on);
	}
	region_batch_end();
}

static void config_written(struct pci_device *dev, unsigned int offset, unsigned int size)
{
	update_ports((struct piix_ide *)dev);
}

/* Boards that do not give the lines have made their ISA bus by the first reset. */
static void find_irqs(struct piix_ide *s)
{
	struct isa_bus *isa = (struct isa_bus *)machine_get()->isa;

	for (unsigned int i = 0; i < 2; i++)
		if (!s->channels[i].irq && isa)
			s->channels[i].irq = isa->irqs[14 + i];
}

static struct error *piix_ide_init(struct device *dev)
{
	struct piix_ide *s = (struct piix_ide *)dev;
	struct error *err = NULL;

	for (unsigned int i = 0; i < 6; i++)
		s->pci.writable[IDETIM + i] = 0xff;
	s->pci.writable[SIDETIM] = 0xff;
	s->pci.writable[UDMACTL] = 0x0f;
	s->pci.writable[UDMATIM] = s->pci.writable[UDMATIM + 1] = 0x33;
	region_init(&s->bmiba, "piix-bmiba", 16);
	for (unsigned int i = 0; i < 2 && !err; i++) {
		struct ide_channel *c = &s->channels[i];
		err = ide_channel_init(c, "ide", i);
		c->irq = s->irqs[i];
		busmaster_init(&s->masters[i], &s->pci, c);
		region_add(&s->bmiba, 8 * i, &s->masters[i].region, 0);
		region_add(s->pci.pci_bus->io, command_ports[i], &c->command, 0);
		region_add(s->pci.pci_bus->io, control_ports[i], &c->alternate, 0);
	}
	if (!err)
		pci_add_bar(&s->pci, 4, &s->bmiba, PCI_BAR_IO);
	return err;
}

static void piix_ide_reset(struct device *dev)
{
	struct piix_ide *s = (struct piix_ide *)dev;

	find_irqs(s);
	/* The firmware expects the channels to be decoded already, as QEMU's boards leave them. */
	store_le16(s->pci.config + IDETIM, 0x8000);
	store_le16(s->pci.config + IDETIM + 2, 0x8000);
	for (unsigned int i = 0; i < 2; i++) {
		busmaster_reset(&s->masters[i]);
		ide_channel_reset(&s->channels[i]);
	}
	update_ports(s);
}

static void piix_ide_settle(struct device *dev)
{
	struct piix_ide *s = (struct piix_ide *)dev;

	for (unsigned int i = 0; i < 2; i++)
		ide_channel_settle(&s->channels[i]);
}

static struct error *piix_ide_post_load(struct device *dev)
{
	struct piix_ide *s = (struct piix_ide *)dev;
	struct error *err = NULL;

	for (unsigned int i = 0; i < 2 && !err; i++)
		err = ide_channel_post_load(&s->channels[i]);
	update_ports(s);
	return err;
}

static const struct prop props[] = {
	PROP_PTR("irq0", struct piix_ide, irqs[0]),
	PROP_PTR("irq1", struct piix_ide, irqs[1]),
	PROP_END,
};

static const struct field state[] = {
	F_PCI(struct piix_ide, pci),
	F_STRUCTS(struct piix_ide, channels, ide_channel_fields),
	F_STRUCTS(struct piix_ide, masters, busmaster_fields),
	FIELD_END,
};

static const struct pci_info piix3_info = {
	.vendor = 0x8086,
	.device = 0x7010,
	.class_code = 0x0101,
	.prog_if = 0x80,
	.config_written = config_written,
};

static const struct pci_info piix4_info = {
	.vendor = 0x8086,
	.device = 0x7111,
	.class_code = 0x0101,
	.prog_if = 0x80,
	.config_written = config_written,
};

#define PIIX_IDE(ident, name_, help_, info_)                                                       \
	DEVICE_CLASS(ident, .name = (name_), .help = (help_), .bus = "PCI",                        \
		     .size = sizeof(struct piix_ide), .props = props, .state = state,              \
		     .init = piix_ide_init, .reset = piix_ide_reset, .settle = piix_ide_settle,    \
		     .post_load = piix_ide_post_load, .bus_info = (info_), .bus_props = pci_props, \
		     .hidden = true)

PIIX_IDE(piix3_ide, "piix3-ide", "IDE function of the 82371SB", &piix3_info);
PIIX_IDE(piix4_ide, "piix4-ide", "IDE function of the 82371AB", &piix4_info);
