/*
 * PCI host bridge in the FPGA of the Versatile/PB926 and RealView boards. Sources: ARM DUI 0225D,
 * 4.17; ARM DUI 0411D, "PCI controller".
 *
 * Bus masters see the system's memory where it is: the SMAP registers are kept, but Linux and the
 * boards' firmware only set them to that.
 */
#include "hw/pci/versatile-pci.h"

#include "hw/pci/pci-regs.h"

#include "base/log.h"

enum {
	PCI_IMAP0 = 0x00,
	PCI_IMAP2 = 0x08,
	PCI_SELFID = 0x0c,
	PCI_FLAGS = 0x10,
	PCI_SMAP0 = 0x14,
	PCI_SMAP2 = 0x1c,
};

struct layout {
	uint64_t self, config, io;	/* 16 MiB each */
	uint64_t memory[3], size[3];	/* windows */
	int (*line)(int slot, int pin); /* the board's interrupt, 0 to 3 */
};

/* Slots 29 to 31 are on the backplane; the rule goes on for others. */
static int versatile_line(int slot, int pin)
{
	return (slot + 2 + pin) & 3;
}

static int realview_line(int slot, int pin)
{
	return (pin + 18 - slot) & 3;
}

static const struct layout versatile = {
	.self = 0x41000000,
	.config = 0x42000000,
	.io = 0x43000000,
	.memory = {0x44000000, 0x50000000, 0x60000000},
	.size = {0x0c000000, 0x10000000, 0x10000000},
	.line = versatile_line,
};
static const struct layout realview = {
	.self = 0x61000000,
	.config = 0x62000000,
	.io = 0x63000000,
	.memory = {0x64000000, 0x68000000, 0x6c000000},
	.size = {0x04000000, 0x04000000, 0x04000000},
	.line = realview_line,
};

static const struct layout *layout(const struct versatile_pci *p)
{
	return p->mmio.dev.class->bus_info;
}

/* --- configuration space: bus, device and function are in the address --- */

static uint64_t config_read(void *opaque, uint64_t offset, unsigned int size)
{
	struct versatile_pci *p = opaque;

	return pci_config_read(&p->bus, offset >> 16 & 0xff, offset >> 8 & 0xff, offset & 0xff,
			       size);
}

static void config_write(void *opaque, uint64_t offset, uint64_t value, unsigned int size)
{
	struct versatile_pci *p = opaque;

	pci_config_write(&p->bus, offset >> 16 & 0xff, offset >> 8 & 0xff, offset & 0xff,
			 (uint32_t)value, size);
}

static const struct region_ops config_ops = {
	.read = config_read, .write = config_write, .max_size = 4};

/* --- windows --- */

/* The upper four bits of PCI addresses come from IMAP, the others from the window's offset. */
static void window_set(struct versatile_pci *p, unsigned int n)
{
	uint64_t base = (uint64_t)(p->imap[n] & 15) << 28;

	region_set_alias_offset(&p->windows[n], base | (layout(p)->memory[n] & 0x0fffffff));
}

static uint64_t registers_read(void *opaque, uint64_t offset, unsigned int size)
{
	struct versatile_pci *p = opaque;

	switch (offset) {
	case PCI_IMAP0 ... PCI_IMAP2: return p->imap[offset / 4];
	case PCI_SELFID: return p->selfid;
	case PCI_FLAGS: return p->flags;
	case PCI_SMAP0 ... PCI_SMAP2: return p->smap[(offset - PCI_SMAP0) / 4];
	}
	log_printf(LOG_GUEST_ERRORS, "versatile-pci: read of register %02x\n",
		   (unsigned int)offset);
	return 0;
}

static void registers_write(void *opaque, uint64_t offset, uint64_t value64, unsigned int size)
{
	struct versatile_pci *p = opaque;
	uint32_t value = (uint32_t)value64;

	switch (offset) {
	case PCI_IMAP0 ... PCI_IMAP2:
		p->imap[offset / 4] = value;
		window_set(p, (unsigned int)offset / 4);
		break;
	case PCI_SELFID: p->selfid = value; break;
	case PCI_FLAGS: p->flags = value; break;
	case PCI_SMAP0 ... PCI_SMAP2: p->smap[(offset - PCI_SMAP0) / 4] = value; break;
	default:
		log_printf(LOG_GUEST_ERRORS, "versatile-pci: write of register %02x\n",
			   (unsigned int)offset);
	}
}

static const struct region_ops registers_ops = {
	.read = registers_read, .write = registers_write, .min_size = 4, .max_size = 4};

/* --- interrupts: functions share four lines --- */

static void line_update(struct versatile_pci *p, int line)
{
	int level = 0;

	for (unsigned int i = 0; i < G_N_ELEMENTS(p->bus.devices); i++) {
		const struct pci_device *dev = p->bus.devices[i];
		int pin = dev ? dev->config[PCI_INTERRUPT_PIN] - 1 : -1;
		if (pin >= 0 && versatile_pci_line(p, (int)i >> 3, pin) == line)
			level |= pci_irq_asserted(dev);
	}
	irq_set(p->mmio.irqs[line], level);
}

int versatile_pci_line(const struct versatile_pci *p, int slot, int pin)
{
	return p->broken_irq_mapping ? pin & 3 : layout(p)->line(slot, pin);
}

static void set_irq(void *opaque, struct pci_device *dev, int pin, int level)
{
	struct versatile_pci *p = opaque;

	line_update(p, versatile_pci_line(p, dev->devfn >> 3, pin));
}

/* --- the bridge as a function of its bus --- */

struct versatile_pci_host {
	struct pci_device pci;
};

static struct error *host_init(struct device *dev)
{
	return NULL;
}

static void host_reset(struct device *dev)
{
}

static const struct pci_info host_info = {.vendor = 0x10ee, .device = 0x0300, .class_code = 0x0b40};
static const struct prop host_props[] = {PROP_END};
static const struct field host_state[] = {
	F_STRUCT(struct versatile_pci_host, pci, pci_device_fields),
	FIELD_END,
};

PCI_DEVICE(versatile_pci_host, struct versatile_pci_host, "versatile_pci_host",
	   "Versatile PCI host bridge", &host_info, host_props, host_state, host_init, host_reset,
	   NULL);

/* --- device --- */

static void windows_init(struct versatile_pci *p)
{
	static const char *const names[] = {"pci-window-0", "pci-window-1", "pci-window-2"};
	const struct layout *l = layout(p);

	for (unsigned int n = 0; n < 3; n++) {
		region_init_alias(&p->windows[n], names[n], &p->pci_memory,
				  l->memory[n] & 0x0fffffff, l->size[n]);
		region_add(p->parent, l->memory[n], &p->windows[n], 0);
	}
}

static struct error *bridge_init(struct device *dev)
{
	struct versatile_pci *p = (struct versatile_pci *)dev;
	const struct layout *l = layout(p);

	region_init_io(&p->mmio.regs, "versatile-pci", 0x1000, &registers_ops, p);
	region_init_io(&p->self, "pci-self-config", 16 << 20, &config_ops, p);
	region_init_io(&p->config, "pci-config", 16 << 20, &config_ops, p);
	region_init(&p->pci_memory, "pci-memory", UINT64_C(1) << 32);
	region_init(&p->pci_io, "pci-io", 16 << 20);
	region_add(p->parent, l->self, &p->self, 0);
	region_add(p->parent, l->config, &p->config, 0);
	region_add(p->parent, l->io, &p->pci_io, 0);
	windows_init(p);
	pci_bus_init(&p->bus, "pci.0", &p->pci_memory, &p->pci_io, p->memory);
	p->bus.set_irq = set_irq;
	p->bus.opaque = p;
	p->bus.first_slot = VERSATILE_PCI_SLOT;
	return pci_create(&p->bus, "versatile_pci_host", PCI_DEVFN(VERSATILE_PCI_SLOT, 0), NULL);
}

static void bridge_reset(struct device *dev)
{
	struct versatile_pci *p = (struct versatile_pci *)dev;

	for (unsigned int n = 0; n < 3; n++) {
		p->imap[n] = p->smap[n] = 0;
		window_set(p, n);
	}
	p->selfid = p->flags = 0;
}

static void bridge_settle(struct device *dev)
{
	for (int line = 0; line < 4; line++)
		line_update((struct versatile_pci *)dev, line);
}

static struct error *bridge_post_load(struct device *dev)
{
	struct versatile_pci *p = (struct versatile_pci *)dev;

	for (unsigned int n = 0; n < 3; n++)
		window_set(p, n);
	pci_bus_post_load(&p->bus);
	return NULL;
}

static const struct prop props[] = {
	PROP_BOOL("broken-irq-mapping", struct versatile_pci, broken_irq_mapping, 0,
		  "interrupts by pin only, whatever the slot, as early emulators had it"),
	PROP_PTR("parent", struct versatile_pci, parent),
	PROP_PTR("memory", struct versatile_pci, memory),
	PROP_END,
};

static const struct field state[] = {
	F_ARRAY(struct versatile_pci, imap),
	F_ARRAY(struct versatile_pci, smap),
	F_U32(struct versatile_pci, selfid),
	F_U32(struct versatile_pci, flags),
	FIELD_END,
};

#define BRIDGE(ident, name_, help_, layout_)                                               \
	DEVICE_CLASS(ident, .name = (name_), .help = (help_), .bus = "System",             \
		     .size = sizeof(struct versatile_pci), .props = props, .state = state, \
		     .init = bridge_init, .reset = bridge_reset, .settle = bridge_settle,  \
		     .post_load = bridge_post_load, .bus_info = (layout_), .hidden = true)

BRIDGE(versatile_pci, "versatile_pci", "Versatile PCI bridge", &versatile);
BRIDGE(realview_pci, "realview_pci", "RealView PCI bridge", &realview);
