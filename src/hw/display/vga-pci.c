/*
 * Standard VGA on PCI: 1234h:1111h, BAR 0 the frame buffer, BAR 2 the registers in memory space.
 * Layout of BAR 2 after docs/specs/standard-vga of QEMU's documentation: 400h VGA ports 3C0h-3DFh,
 * 500h DISPI registers as 16-bit words, 600h size and byte order of the frame buffer.
 */
#include "hw/display/vga.h"
#include "hw/pci/pci.h"

struct vga_pci {
	struct pci_device pci;
	struct vga vga;
	struct region mmio;
};

enum {
	MMIO_VGA = 0x400,
	MMIO_DISPI = 0x500,
	MMIO_EXTENSION = 0x600,
	EXTENSION_SIZE = 8,
	LITTLE_ENDIAN_FB = 0x1e1e1e1e,
};

static uint8_t vga_byte(struct vga *v, uint64_t offset)
{
	return vga_port_read(v, 0x3c0 + (unsigned int)(offset - MMIO_VGA));
}

static uint64_t mmio_read(void *opaque, uint64_t offset, unsigned int size)
{
	struct vga *v = opaque;

	if (offset >= MMIO_VGA && offset < MMIO_VGA + 0x20) {
		uint64_t value = vga_byte(v, offset);
		return size == 2 ? value | (uint64_t)vga_byte(v, offset + 1) << 8 : value;
	}
	if (offset >= MMIO_DISPI && offset < MMIO_DISPI + 2 * VBE_REGISTERS)
		return vbe_read(v, (unsigned int)(offset - MMIO_DISPI) / 2);
	if (offset == MMIO_EXTENSION)
		return EXTENSION_SIZE;
	if (offset == MMIO_EXTENSION + 4)
		return LITTLE_ENDIAN_FB;
	return ~UINT64_C(0);
}

static void mmio_write(void *opaque, uint64_t offset, uint64_t value, unsigned int size)
{
	struct vga *v = opaque;

	if (offset >= MMIO_VGA && offset < MMIO_VGA + 0x20) {
		for (unsigned int i = 0; i < size && offset + i < MMIO_VGA + 0x20; i++)
			vga_port_write(v, 0x3c0 + (unsigned int)(offset + i - MMIO_VGA),
				       (uint8_t)(value >> 8 * i));
	} else if (offset >= MMIO_DISPI && offset < MMIO_DISPI + 2 * VBE_REGISTERS) {
		vbe_write(v, (unsigned int)(offset - MMIO_DISPI) / 2, (uint16_t)value);
	}
}

static const struct region_ops mmio_ops = {
	.read = mmio_read, .write = mmio_write, .min_size = 1, .max_size = 4};

static struct error *vga_pci_init(struct device *dev)
{
	struct vga_pci *p = (struct vga_pci *)dev;
	struct error *err = vga_init(&p->vga, "VGA");

	if (err)
		return err;
	region_init_io(&p->mmio, "vga.mmio", 4096, &mmio_ops, &p->vga);
	vga_map_legacy(&p->vga, p->pci.pci_bus->io, p->pci.pci_bus->memory);
	pci_add_bar(&p->pci, 0, &p->vga.vram, PCI_BAR_MEM_PREFETCH);
	pci_add_bar(&p->pci, 2, &p->mmio, PCI_BAR_MEM);
	return NULL;
}

static void vga_pci_reset(struct device *dev)
{
	vga_reset(&((struct vga_pci *)dev)->vga);
}

static struct error *vga_pci_post_load(struct device *dev)
{
	return vga_post_load(&((struct vga_pci *)dev)->vga);
}

static const struct field state[] = {
	F_PCI(struct vga_pci, pci),
	F_STRUCT(struct vga_pci, vga, vga_fields),
	FIELD_END,
};

static const struct prop props[] = {PROP_END};

static const struct pci_info info = {
	.vendor = 0x1234,
	.device = 0x1111,
	.class_code = 0x0300,
	.revision = 2, /* BAR 2 is there */
	.rom = "vgabios-stdvga.bin",
};

DEVICE_CLASS(vga_pci, .name = "VGA", .help = "standard VGA with Bochs display interface",
	     .bus = "PCI", .size = sizeof(struct vga_pci), .props = props, .state = state,
	     .init = vga_pci_init, .reset = vga_pci_reset, .post_load = vga_pci_post_load,
	     .bus_info = &info, .bus_props = pci_props);
