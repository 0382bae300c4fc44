/*
 * Configuration mechanism #1: the address latch at CF8h and the data window at CFCh.
 * Source: PCI Local Bus Specification 2.2, section 3.2.2.3.2.
 */
#include "hw/pci/pci.h"

#define CONFIG_ENABLE 0x80000000u

static uint64_t address_read(void *opaque, uint64_t offset, unsigned int size)
{
	struct pci_type1 *t = opaque;

	if (size == 4)
		return t->address;
	if (t->byte_ops)
		return t->byte_ops->read(t->byte_opaque, offset, size);
	return size == 2 ? 0xffff : 0xff;
}

static void address_write(void *opaque, uint64_t offset, uint64_t value, unsigned int size)
{
	struct pci_type1 *t = opaque;

	/* only a double word goes to the latch (3.2.2.3.2) */
	if (size == 4)
		t->address = (uint32_t)value & 0x80fffffcu;
	else if (t->byte_ops)
		t->byte_ops->write(t->byte_opaque, offset, value, size);
}

static uint64_t data_read(void *opaque, uint64_t offset, unsigned int size)
{
	struct pci_type1 *t = opaque;

	if (!(t->address & CONFIG_ENABLE))
		return UINT32_MAX >> (32 - 8 * size);
	return pci_config_read(t->bus, t->address >> 16 & 0xff, t->address >> 8 & 0xff,
			       (t->address & 0xfc) + (unsigned int)offset, size);
}

static void data_write(void *opaque, uint64_t offset, uint64_t value, unsigned int size)
{
	struct pci_type1 *t = opaque;

	if (t->address & CONFIG_ENABLE)
		pci_config_write(t->bus, t->address >> 16 & 0xff, t->address >> 8 & 0xff,
				 (t->address & 0xfc) + (unsigned int)offset, (uint32_t)value, size);
}

static const struct region_ops address_ops = {
	.read = address_read, .write = address_write, .max_size = 4};
static const struct region_ops data_ops = {.read = data_read, .write = data_write, .max_size = 4};

void pci_type1_init(struct pci_type1 *t, struct pci_bus *bus)
{
	t->bus = bus;
	t->address = 0;
	region_init_io(&t->address_region, "pci-conf-idx", 4, &address_ops, t);
	region_init_io(&t->data_region, "pci-conf-data", 4, &data_ops, t);
}
