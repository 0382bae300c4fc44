/*
 * The PCI bus: configuration space, base address registers, interrupt pins and bus mastering.
 * Source: PCI Local Bus Specification 2.2, chapter 6; bits that 2.3 added are named as such.
 */
#include "hw/pci/pci.h"
#include "hw/pci/pci-regs.h"

#include "base/bytes.h"
#include "base/log.h"
#include "vm/machine.h"

#include <glib.h>
#include <stdlib.h>

#define ROM_LIMIT (16u << 20)

const struct field pci_device_fields[] = {
	F_BYTES(struct pci_device, config),
	F_INT(struct pci_device, irq_level),
	FIELD_END,
};

const struct prop pci_props[] = {
	PROP_DEVFN("addr", struct pci_device, devfn,
		   "slot[.function]; default the first free slot"),
	PROP_BOOL("multifunction", struct pci_device, multifunction, 0,
		  "announce further functions in this slot"),
	PROP_STRING("romfile", struct pci_device, romfile, "expansion ROM; \"\" for none"),
	PROP_END,
};

/* --- base address registers --- */

static unsigned int bar_offset(unsigned int bar)
{
	return bar == PCI_ROM_SLOT ? PCI_ROM_ADDRESS : PCI_BASE_ADDRESS_0 + 4 * bar;
}

static bool bar_is_io(const struct pci_bar *bar)
{
	return bar->kind & PCI_BAR_IO;
}

static bool bar_is_64(const struct pci_bar *bar)
{
	return !bar_is_io(bar) && (bar->kind & PCI_BAR_MEM64);
}

/*
 * Where the registers ask for a BAR to be. Address 0 and a range that ends at the top of its space
 * are what firmware leaves in an unassigned BAR and in one that it is sizing; mapping those would
 * put the BAR over the reset vector.
 */
static uint64_t bar_wanted(const struct pci_device *dev, unsigned int n)
{
	const struct pci_bar *bar = &dev->bars[n];
	const uint8_t *reg = dev->config + bar_offset(n);
	uint16_t command = load_le16(dev->config + PCI_COMMAND);
	uint64_t addr = load_le32(reg), top = UINT32_MAX;

	if (!(command & (bar_is_io(bar) ? PCI_COMMAND_IO : PCI_COMMAND_MEMORY)))
		return PCI_UNMAPPED;
	if (n == PCI_ROM_SLOT && !(addr & PCI_ROM_ENABLE))
		return PCI_UNMAPPED;
	if (bar_is_64(bar)) {
		addr |= (uint64_t)load_le32(reg + 4) << 32;
		top = UINT64_MAX;
	} else if (bar_is_io(bar)) {
		top = UINT16_MAX;
	}
	addr &= ~(bar->size - 1);
	if (addr == 0 || addr > top || bar->size - 1 >= top - addr)
		return PCI_UNMAPPED;
	return addr;
}

static void bar_map(struct pci_device *dev, struct pci_bar *bar, uint64_t addr)
{
	struct region *space = bar_is_io(bar) ? dev->pci_bus->io : dev->pci_bus->memory;

	if (addr == bar->addr)
		return;
	if (bar->addr != PCI_UNMAPPED)
		region_remove(bar->region);
	bar->addr = addr;
	if (addr != PCI_UNMAPPED)
		region_add(space, addr, bar->region, 1);
}

static void bars_update(struct pci_device *dev)
{
	region_batch_begin();
	for (unsigned int n = 0; n <= PCI_ROM_SLOT; n++) {
		if (dev->bars[n].region)
			bar_map(dev, &dev->bars[n], bar_wanted(dev, n));
	}
	if (dev->dma.root)
		region_set_enabled(&dev->master_alias,
				   dev->config[PCI_COMMAND] & PCI_COMMAND_MASTER);
	region_batch_end();
}

static void bars_unmap(struct pci_device *dev)
{
	for (unsigned int n = 0; n <= PCI_ROM_SLOT; n++) {
		if (dev->bars[n].region)
			bar_map(dev, &dev->bars[n], PCI_UNMAPPED);
	}
}

void pci_add_bar(struct pci_device *dev, unsigned int n, struct region *region,
		 enum pci_bar_kind kind)
{
	struct pci_bar *bar = &dev->bars[n];
	unsigned int offset = bar_offset(n);
	uint64_t mask;

	if (n > PCI_ROM_SLOT || !region->size || (region->size & (region->size - 1)))
		abort();
	bar->region = region;
	bar->size = region->size;
	bar->kind = kind;
	bar->addr = PCI_UNMAPPED;
	mask = ~(bar->size - 1);
	if (n == PCI_ROM_SLOT) {
		mask = (mask & ~UINT64_C(0x7ff)) | PCI_ROM_ENABLE;
	} else {
		mask &= bar_is_io(bar) ? ~UINT64_C(3) : ~UINT64_C(15);
		store_le32(dev->config + offset, kind);
	}
	store_le32(dev->writable + offset, (uint32_t)mask);
	if (bar_is_64(bar))
		store_le32(dev->writable + offset + 4, (uint32_t)(mask >> 32));
}

/* --- interrupt pins --- */

/* Interrupt Disable (2.3) cuts the pin, not the status bit. */
static int pin_level(const struct pci_device *dev, int level)
{
	return level && !(load_le16(dev->config + PCI_COMMAND) & PCI_COMMAND_INTX_DISABLE);
}

static void pin_drive(struct pci_device *dev, int level)
{
	struct pci_bus *bus = dev->pci_bus;
	unsigned int pin = dev->config[PCI_INTERRUPT_PIN];

	if (pin >= 1 && pin <= 4 && bus && bus->set_irq)
		bus->set_irq(bus->opaque, dev, (int)pin - 1, level);
}

void pci_set_irq(struct pci_device *dev, int level)
{
	level = level != 0;
	if (dev->irq_level == level)
		return;
	dev->irq_level = level;
	dev->config[PCI_STATUS] &= (uint8_t)~PCI_STATUS_INTERRUPT;
	if (level)
		dev->config[PCI_STATUS] |= PCI_STATUS_INTERRUPT;
	pin_drive(dev, pin_level(dev, level));
}

int pci_irq_asserted(const struct pci_device *dev)
{
	return pin_level(dev, dev->irq_level);
}

/* --- configuration space --- */

uint8_t pci_add_capability(struct pci_device *dev, uint8_t id, uint8_t size)
{
	unsigned int at = dev->caps_end ? dev->caps_end : 0x40;
	uint8_t next = dev->config[PCI_CAPABILITY_LIST];

	if (at + size > PCI_CONFIG_SIZE)
		abort();
	dev->caps_end = (uint16_t)((at + size + 3) & ~3u);
	dev->config[at] = id;
	dev->config[at + 1] = next;
	dev->config[PCI_CAPABILITY_LIST] = (uint8_t)at;
	dev->config[PCI_STATUS] |= PCI_STATUS_CAP_LIST;
	return (uint8_t)at;
}

static void config_fill(struct pci_device *dev, const struct pci_info *info)
{
	uint8_t *c = dev->config, *w = dev->writable;

	store_le16(c + PCI_VENDOR_ID, info->vendor);
	store_le16(c + PCI_DEVICE_ID, info->device);
	c[PCI_REVISION] = info->revision;
	c[PCI_PROG_IF] = info->prog_if;
	store_le16(c + PCI_CLASS, info->class_code);
	c[PCI_HEADER_TYPE] = info->header_type | (dev->multifunction ? PCI_HEADER_MULTI : 0);
	if ((info->header_type & ~PCI_HEADER_MULTI) == 0) {
		store_le16(c + PCI_SUBSYSTEM_VENDOR,
			   info->subsystem_vendor ? info->subsystem_vendor : 0x1af4);
		store_le16(c + PCI_SUBSYSTEM, info->subsystem ? info->subsystem : 0x1100);
	}
	c[PCI_INTERRUPT_PIN] = info->interrupt_pin;
	store_le16(w + PCI_COMMAND, PCI_COMMAND_IO | PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER |
					    PCI_COMMAND_PARITY | PCI_COMMAND_SERR |
					    PCI_COMMAND_INTX_DISABLE);
	store_le16(dev->write_one_clear + PCI_STATUS, PCI_STATUS_ERRORS);
	w[PCI_CACHE_LINE_SIZE] = 0xff;
	w[PCI_LATENCY] = 0xff;
	w[PCI_INTERRUPT_LINE] = 0xff;
}

static const struct pci_info *pci_info_of(const struct pci_device *dev)
{
	return dev->dev.class->bus_info;
}

void pci_device_reset(struct pci_device *dev)
{
	uint8_t *c = dev->config;

	dev->irq_level = 0;
	c[PCI_STATUS] &= (uint8_t)~PCI_STATUS_INTERRUPT;
	store_le16(c + PCI_COMMAND,
		   load_le16(c + PCI_COMMAND) & (uint16_t)~load_le16(dev->writable + PCI_COMMAND));
	store_le16(c + PCI_STATUS, load_le16(c + PCI_STATUS) & (uint16_t)~PCI_STATUS_ERRORS);
	c[PCI_CACHE_LINE_SIZE] = 0;
	c[PCI_LATENCY] = 0;
	c[PCI_INTERRUPT_LINE] = 0;
	for (unsigned int n = 0; n <= PCI_ROM_SLOT; n++) {
		if (!dev->bars[n].region)
			continue;
		store_le32(c + bar_offset(n), n == PCI_ROM_SLOT ? 0 : dev->bars[n].kind);
		if (bar_is_64(&dev->bars[n]))
			store_le32(c + bar_offset(n) + 4, 0);
	}
	bars_update(dev);
}

static bool config_inside(unsigned int offset, unsigned int size)
{
	return size <= 4 && offset < PCI_CONFIG_SIZE && size <= PCI_CONFIG_SIZE - offset;
}

static struct pci_device *config_target(struct pci_bus *bus, unsigned int bus_nr,
					unsigned int devfn)
{
	return bus_nr == 0 && devfn < G_N_ELEMENTS(bus->devices) ? bus->devices[devfn] : NULL;
}

uint32_t pci_config_read(struct pci_bus *bus, unsigned int bus_nr, unsigned int devfn,
			 unsigned int offset, unsigned int size)
{
	struct pci_device *dev = config_target(bus, bus_nr, devfn);
	uint32_t value = 0;

	/* a master abort reads as ones */
	if (!dev || !config_inside(offset, size))
		return size >= 4 ? UINT32_MAX : (1u << (8 * size)) - 1;
	if (pci_info_of(dev)->config_read)
		pci_info_of(dev)->config_read(dev, offset, size);
	for (unsigned int i = 0; i < size; i++)
		value |= (uint32_t)dev->config[offset + i] << (8 * i);
	return value;
}

static bool touches(unsigned int offset, unsigned int size, unsigned int reg, unsigned int len)
{
	return offset < reg + len && reg < offset + size;
}

void pci_config_write(struct pci_bus *bus, unsigned int bus_nr, unsigned int devfn,
		      unsigned int offset, uint32_t value, unsigned int size)
{
	struct pci_device *dev = config_target(bus, bus_nr, devfn);
	int before;

	if (!dev || !config_inside(offset, size))
		return;
	before = pci_irq_asserted(dev);
	for (unsigned int i = 0; i < size; i++, value >>= 8) {
		uint8_t *c = &dev->config[offset + i], w = dev->writable[offset + i];

		*c = (uint8_t)((*c & ~w) | (value & w));
		*c &= (uint8_t)~(value & dev->write_one_clear[offset + i]);
	}
	if (touches(offset, size, PCI_COMMAND, 2) ||
	    touches(offset, size, PCI_BASE_ADDRESS_0, 24) ||
	    touches(offset, size, PCI_ROM_ADDRESS, 4))
		bars_update(dev);
	if (before != pci_irq_asserted(dev))
		pin_drive(dev, !before);
	if (pci_info_of(dev)->config_written)
		pci_info_of(dev)->config_written(dev, offset, size);
}

/* --- bus mastering --- */

static bool may_master(const struct pci_device *dev)
{
	return dev->pci_bus && (dev->config[PCI_COMMAND] & PCI_COMMAND_MASTER);
}

void pci_dma_read(struct pci_device *dev, uint64_t addr, void *buf, uint64_t len)
{
	if (!may_master(dev)) {
		memset(buf, 0xff, len);
		return;
	}
	mem_read(dev->pci_bus->dma, addr, buf, len);
}

void pci_dma_write(struct pci_device *dev, uint64_t addr, const void *buf, uint64_t len)
{
	if (may_master(dev))
		mem_write(dev->pci_bus->dma, addr, buf, len);
}

static void master_init(struct pci_device *dev)
{
	struct region *root = dev->pci_bus->dma->root;

	region_init(&dev->master, "bus master container", UINT64_MAX);
	region_init_alias(&dev->master_alias, "bus master", root, 0, root->size);
	region_add(&dev->master, 0, &dev->master_alias, 0);
	region_set_enabled(&dev->master_alias, false);
	address_space_init(&dev->dma, dev->dev.class->name, &dev->master);
}

/* --- expansion ROM --- */

/* A ROM of the class that is not installed is not an error: the card works without. */
static struct error *rom_read(const struct pci_device *dev, GByteArray **data)
{
	const char *file = dev->romfile ? dev->romfile : pci_info_of(dev)->rom;
	struct error *err;
	char *path;

	*data = NULL;
	if (!file || !*file)
		return NULL;
	path = firmware_find(file);
	if (!path)
		return dev->romfile ? error_new("romfile \"%s\" not found", file) : NULL;
	err = file_load(path, ROM_LIMIT, data);
	g_free(path);
	return err;
}

/*
 * One ROM file serves several cards of a family, and transitional virtio cards come with the ROM of
 * the modern ones: the ids in its PCI data structure become those of the card, else the BIOS passes
 * it over. Byte 6 keeps the image's sum at zero.
 */
static void rom_adopt(const struct pci_device *dev, GByteArray *rom)
{
	uint8_t *image = rom->data, ids[4];
	size_t at = rom->len >= 0x1a ? load_le16(image + 0x18) : rom->len;

	if (at + 8 > rom->len || memcmp(image + at, "PCIR", 4) != 0)
		return;
	store_le16(ids, pci_info_of(dev)->vendor);
	store_le16(ids + 2, pci_info_of(dev)->device);
	for (unsigned int i = 0; i < 4; i++) {
		image[6] = (uint8_t)(image[6] + image[at + 4 + i] - ids[i]);
		image[at + 4 + i] = ids[i];
	}
}

static struct error *rom_map(struct pci_device *dev, const GByteArray *data)
{
	uint64_t size = 4096;
	struct error *err;

	if (dev->bars[PCI_ROM_SLOT].region)
		return NULL;
	while (size < data->len)
		size *= 2;
	err = region_init_rom(&dev->rom, dev->dev.class->name, size, NULL, NULL);
	if (err)
		return err;
	memcpy(dev->rom.ram->host, data->data, data->len);
	pci_add_bar(dev, PCI_ROM_SLOT, &dev->rom, PCI_BAR_MEM);
	return NULL;
}

/* --- plugging --- */

void pci_bus_init(struct pci_bus *bus, const char *name, struct region *memory, struct region *io,
		  struct address_space *dma)
{
	*bus = (struct pci_bus){.name = name, .memory = memory, .io = io, .dma = dma};
}

static int free_slot(const struct pci_bus *bus)
{
	for (int slot = (int)bus->first_slot; slot < 32; slot++) {
		if (!bus->devices[PCI_DEVFN(slot, 0)])
			return PCI_DEVFN(slot, 0);
	}
	return -1;
}

static struct error *pick_devfn(const struct pci_bus *bus, struct pci_device *dev)
{
	if (dev->devfn < 0) {
		dev->devfn = free_slot(bus);
		if (dev->devfn < 0)
			return error_new("no free slot on PCI bus \"%s\"", bus->name);
	}
	if (dev->devfn > 255)
		return error_new("PCI address %d: slots are 0 to 31, functions 0 to 7", dev->devfn);
	if (bus->devices[dev->devfn])
		return error_new("PCI address %02x.%x is taken by \"%s\"", dev->devfn >> 3,
				 dev->devfn & 7, bus->devices[dev->devfn]->dev.class->name);
	return NULL;
}

/* The device goes: its bus forgets it. Also called where init failed, before it was plugged. */
static void exit_hook(struct device *device)
{
	struct pci_device *dev = (struct pci_device *)device;
	struct pci_bus *bus = dev->pci_bus;

	if (!bus || bus->devices[dev->devfn] != dev)
		return;
	pci_set_irq(dev, 0);
	bars_unmap(dev);
	bus->devices[dev->devfn] = NULL;
	address_space_destroy(&dev->dma);
	region_destroy(&dev->master_alias);
	region_destroy(&dev->master);
	if (dev->rom.ram)
		region_destroy(&dev->rom);
}

static void reset_hook(struct device *device)
{
	pci_device_reset((struct pci_device *)device);
}

struct error *pci_plug(struct pci_bus *bus, struct device *device)
{
	struct pci_device *dev = (struct pci_device *)device;
	struct error *err = pick_devfn(bus, dev);
	GByteArray *rom;

	if (err)
		return err;
	dev->pci_bus = bus;
	device->bus = (struct bus *)bus;
	config_fill(dev, pci_info_of(dev));
	/* A failing init frees the device, so nothing may be linked to it before; a missing file
	 * must be known before. */
	err = rom_read(dev, &rom);
	if (err)
		return err;
	if (rom && !dev->romfile)
		rom_adopt(dev, rom);
	device->bus_reset = reset_hook;
	device->bus_exit = exit_hook;
	err = device_realize(device);
	if (!err && rom)
		err = rom_map(dev, rom);
	if (rom)
		g_byte_array_unref(rom);
	if (err)
		return err;
	master_init(dev);
	bus->devices[dev->devfn] = dev;
	pci_device_reset(dev);
	return NULL;
}

struct error *pci_create(struct pci_bus *bus, const char *name, int devfn, struct pci_device **dev)
{
	struct device *device = device_new_named(name);

	((struct pci_device *)device)->devfn = devfn;
	if (dev)
		*dev = (struct pci_device *)device;
	return pci_plug(bus, device);
}

void pci_bus_post_load(struct pci_bus *bus)
{
	for (unsigned int i = 0; i < G_N_ELEMENTS(bus->devices); i++) {
		if (bus->devices[i])
			bars_update(bus->devices[i]);
	}
}
