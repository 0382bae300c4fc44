/*
 * Standard VGA on ISA. The frame buffer is at E0000000h, where the video BIOS for ISA expects it;
 * the BIOS image itself (vgabios-isavga.bin) is placed by the board, which owns C0000h.
 */
#include "hw/display/vga.h"
#include "hw/isa/isa.h"

struct vga_isa {
	struct device dev;
	struct vga vga;
};

#define ISA_FRAME_BUFFER UINT64_C(0xe0000000)

static struct error *vga_isa_init(struct device *dev)
{
	struct vga *v = &((struct vga_isa *)dev)->vga;
	struct isa_bus *bus = isa_bus_of(dev);
	struct error *err = vga_init(v, "isa-vga");

	if (err)
		return err;
	vga_map_legacy(v, bus->io, bus->memory);
	region_add(bus->memory, ISA_FRAME_BUFFER, &v->vram, 1);
	return NULL;
}

static void vga_isa_reset(struct device *dev)
{
	vga_reset(&((struct vga_isa *)dev)->vga);
}

static struct error *vga_isa_post_load(struct device *dev)
{
	return vga_post_load(&((struct vga_isa *)dev)->vga);
}

static const struct field state[] = {
	F_STRUCT(struct vga_isa, vga, vga_fields),
	FIELD_END,
};

static const struct prop props[] = {PROP_END};

DEVICE_CLASS(vga_isa, .name = "isa-vga", .help = "standard VGA on the ISA bus", .bus = "ISA",
	     .size = sizeof(struct vga_isa), .props = props, .state = state, .init = vga_isa_init,
	     .reset = vga_isa_reset, .post_load = vga_isa_post_load);
