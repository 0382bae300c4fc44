/*
 * VGA registers: general, sequencer, CRT controller, graphics controller, attribute controller and
 * the video DAC. Source: IBM PS/2 Hardware Interface Technical Reference, "Video Subsystem".
 */
#include "hw/display/vga.h"

#include "base/bytes.h"
#include "base/log.h"

#include <glib.h>

enum {
	MISC_IOAS = 0x01, /* CRTC at 3Dxh instead of 3Bxh */
	MISC_CLOCK = 0x0c,
	CR11_PROTECT = 0x80, /* makes 00h-07h read only */
	CR07_LC8 = 0x10,     /* the one bit of 07h that stays writable */
	STATUS1_DE = 0x01,   /* display enable is off: blanking */
	STATUS1_VRETRACE = 0x08,
	AR_INDEX_PAS = 0x20,
};

/* Bits that exist in each register. */
static const uint8_t sr_mask[8] = {0x03, 0x3d, 0x0f, 0x3f, 0x0e, 0, 0, 0xff};
static const uint8_t gr_mask[16] = {0x0f, 0x0f, 0x0f, 0x1f, 0x03, 0x7b, 0x0f, 0x0f, 0xff};

/* What the beam is doing now, from the CRT controller's own timings. */
static uint8_t input_status_1(const struct vga *v)
{
	static const unsigned int dot_clock[4] = {25175000, 28322000, 25175000, 25175000};
	const uint8_t *cr = v->cr;
	unsigned int char_dots = v->sr[1] & 1 ? 8 : 9;
	unsigned int line_chars = cr[0x00] + 5u;
	unsigned int lines = (cr[0x06] | (cr[0x07] & 0x01) << 8 | (cr[0x07] & 0x20) << 4) + 2u;
	unsigned int retrace = cr[0x10] | (cr[0x07] & 0x04) << 6 | (cr[0x07] & 0x80) << 2;
	uint64_t clock = dot_clock[(v->misc & MISC_CLOCK) >> 2] >> ((v->sr[1] & 8) ? 1 : 0);

	uint64_t chars = mul_div_u64((uint64_t)clock_now(CLOCK_VIRTUAL), clock,
				     (uint64_t)NS_PER_S * char_dots);
	unsigned int line = (unsigned int)(chars / line_chars % lines);
	unsigned int column = (unsigned int)(chars % line_chars);
	unsigned int retrace_lines = ((cr[0x11] & 0xfu) - retrace) & 0xf;
	uint8_t status = 0;

	if (line >= vga_display_lines(v) || column > cr[0x01])
		status |= STATUS1_DE;
	/* A CRTC that nobody programmed still shows a retrace to those who wait for it. */
	if (retrace >= lines)
		retrace = lines - 2;
	if (line >= retrace && line < retrace + MAX(retrace_lines, 1))
		status |= STATUS1_VRETRACE | STATUS1_DE;
	return status;
}

static void attribute_write(struct vga *v, uint8_t value)
{
	unsigned int index = v->ar_index & 0x1f;

	if (!v->ar_data) {
		v->redraw |= (v->ar_index ^ value) & AR_INDEX_PAS;
		v->ar_index = value & 0x3f;
	} else if (index < 0x10) {
		v->ar[index] = value & 0x3f;
	} else if (index <= 0x14) {
		static const uint8_t mask[5] = {0xef, 0xff, 0x3f, 0x0f, 0x0f};
		v->ar[index] = value & mask[index - 0x10];
	}
	v->redraw |= v->ar_data;
	v->ar_data = !v->ar_data;
}

static void sequencer_write(struct vga *v, uint8_t value)
{
	unsigned int i = v->sr_index & 7;

	v->sr[i] = value & sr_mask[i];
	if (i != 2)
		v->redraw = true;
	vga_update_window(v);
}

static void graphics_write(struct vga *v, uint8_t value)
{
	unsigned int i = v->gr_index & 15;

	if (v->gr[i] == (value & gr_mask[i]))
		return;
	v->gr[i] = value & gr_mask[i];
	if (i == 5 || i == 6)
		v->redraw = true;
	vga_update_window(v);
}

static void crtc_write(struct vga *v, uint8_t value)
{
	unsigned int i = v->cr_index;

	if (v->cr[0x11] & CR11_PROTECT && i <= 7) {
		if (i != 7)
			return;
		value = (uint8_t)((v->cr[7] & ~CR07_LC8) | (value & CR07_LC8));
	}
	/* The cursor (0Ah, 0Bh, 0Eh, 0Fh) is compared cell by cell when text is drawn. */
	if (v->cr[i] != value && (i < 0x0a || i > 0x0f || i == 0x0c || i == 0x0d))
		v->redraw = true;
	v->cr[i] = value;
}

static void dac_write_data(struct vga *v, uint8_t value)
{
	v->dac_latch[v->dac_component] = value;
	if (++v->dac_component < 3)
		return;
	memcpy(&v->dac[v->dac_write * 3], v->dac_latch, 3);
	v->dac_component = 0;
	v->dac_write++;
	v->palette_stale = true;
}

static uint8_t dac_read_data(struct vga *v)
{
	uint8_t value = v->dac[v->dac_read * 3 + v->dac_component];

	if (++v->dac_component == 3) {
		v->dac_component = 0;
		v->dac_read++;
	}
	return value;
}

/* 3B0h-3BFh answer for a monochrome set-up, 3D0h-3DFh for colour. */
static bool crtc_port_live(const struct vga *v, unsigned int port)
{
	bool colour = v->misc & MISC_IOAS;
	return port < 0x3c0 ? !colour : colour;
}

uint8_t vga_port_read(struct vga *v, unsigned int port)
{
	if ((port < 0x3c0 || port >= 0x3d0) && !crtc_port_live(v, port))
		return 0xff;
	switch (port) {
	case 0x3c0: return v->ar_data ? 0 : v->ar_index;
	case 0x3c1: return v->ar[v->ar_index & 0x1f];
	case 0x3c2: return 0x10; /* switch sense: a colour display answers */
	case 0x3c3: return 1;	 /* video subsystem enable */
	case 0x3c4: return v->sr_index;
	case 0x3c5: return v->sr[v->sr_index & 7];
	case 0x3c6: return v->pel_mask;
	case 0x3c7: return v->dac_state;
	case 0x3c8: return v->dac_write;
	case 0x3c9: return dac_read_data(v);
	case 0x3ca: return v->feature;
	case 0x3cc: return v->misc;
	case 0x3ce: return v->gr_index;
	case 0x3cf: return v->gr[v->gr_index & 15];
	case 0x3b4:
	case 0x3d4: return v->cr_index;
	case 0x3b5:
	case 0x3d5: return v->cr[v->cr_index];
	case 0x3ba:
	case 0x3da: v->ar_data = false; return input_status_1(v);
	default: return 0xff;
	}
}

void vga_port_write(struct vga *v, unsigned int port, uint8_t value)
{
	if ((port < 0x3c0 || port >= 0x3d0) && !crtc_port_live(v, port))
		return;
	switch (port) {
	case 0x3c0: attribute_write(v, value); break;
	case 0x3c2: v->misc = value & (uint8_t)~0x10; break;
	case 0x3c4: v->sr_index = value & 7; break;
	case 0x3c5: sequencer_write(v, value); break;
	case 0x3c6:
		v->pel_mask = value;
		v->palette_stale = true;
		break;
	case 0x3c7:
		v->dac_read = value;
		v->dac_component = 0;
		v->dac_state = 3;
		break;
	case 0x3c8:
		v->dac_write = value;
		v->dac_component = 0;
		v->dac_state = 0;
		break;
	case 0x3c9: dac_write_data(v, value); break;
	case 0x3ce: v->gr_index = value & 15; break;
	case 0x3cf: graphics_write(v, value); break;
	case 0x3b4:
	case 0x3d4: v->cr_index = value; break;
	case 0x3b5:
	case 0x3d5: crtc_write(v, value); break;
	case 0x3ba:
	case 0x3da: v->feature = value & 0x10; break;
	default: break;
	}
}

/* The regions of the port map. */
static const struct {
	uint16_t base, count;
} port_ranges[5] = {{0x3b4, 2}, {0x3ba, 1}, {0x3c0, 16}, {0x3d4, 2}, {0x3da, 1}};

#define PORT_ACCESS(n)                                                                    \
	static uint64_t port_read_##n(void *opaque, uint64_t offset, unsigned int size)   \
	{                                                                                 \
		return vga_port_read(opaque, port_ranges[n].base + (unsigned int)offset); \
	}                                                                                 \
	static void port_write_##n(void *opaque, uint64_t offset, uint64_t value,         \
				   unsigned int size)                                     \
	{                                                                                 \
		vga_port_write(opaque, port_ranges[n].base + (unsigned int)offset,        \
			       (uint8_t)value);                                           \
	}
#define PORT_OPS(n) {.read = port_read_##n, .write = port_write_##n, .min_size = 1, .max_size = 1}

PORT_ACCESS(0)
PORT_ACCESS(1)
PORT_ACCESS(2)
PORT_ACCESS(3)
PORT_ACCESS(4)
static const struct region_ops port_ops[5] = {PORT_OPS(0), PORT_OPS(1), PORT_OPS(2), PORT_OPS(3),
					      PORT_OPS(4)};

struct error *vga_init(struct vga *v, const char *name)
{
	struct error *err = region_init_ram(&v->vram, "vga.vram", VGA_VRAM_SIZE);

	if (err)
		return error_prefix(err, "%s", name);
	v->mem = v->vram.ram->host;
	region_init(&v->window, "vga-window", 128 << 10);
	region_init_io(&v->planar, "vga-planar", 128 << 10, &vga_window_ops, v);
	region_init_alias(&v->linear, "vga-linear", &v->vram, 0, 64 << 10);
	region_add(&v->window, 0, &v->planar, 0);
	region_add(&v->window, 0, &v->linear, 1);
	region_set_enabled(&v->linear, false);
	for (unsigned int i = 0; i < G_N_ELEMENTS(v->ports); i++)
		region_init_io(&v->ports[i], "vga", port_ranges[i].count, &port_ops[i], v);
	region_init_io(&v->dispi, "vbe", 4, &vga_dispi_ops, v);
	v->dirty = g_new0(uint8_t, VGA_VRAM_SIZE / 4096);
	v->line = g_new0(uint32_t, 256 * 9 * 2 + 64);
	v->drawn = g_new0(uint32_t, VGA_MAX_CELLS);
	v->cells = g_new0(uint16_t, VGA_MAX_CELLS);
	v->display = display_new(name, &vga_display_ops, v);
	return NULL;
}

void vga_map_legacy(struct vga *v, struct region *io, struct region *memory)
{
	for (unsigned int i = 0; i < G_N_ELEMENTS(v->ports); i++)
		region_add(io, port_ranges[i].base, &v->ports[i], 0);
	region_add(io, 0x1ce, &v->dispi, 0);
	region_add(memory, 0xa0000, &v->window, 1);
}

void vga_reset(struct vga *v)
{
	v->misc = v->feature = 0;
	v->sr_index = v->cr_index = v->gr_index = v->ar_index = 0;
	memset(v->sr, 0, sizeof(v->sr));
	memset(v->cr, 0, sizeof(v->cr));
	memset(v->gr, 0, sizeof(v->gr));
	memset(v->ar, 0, sizeof(v->ar));
	v->ar_data = false;
	v->pel_mask = 0xff;
	v->dac_state = v->dac_write = v->dac_read = v->dac_component = 0;
	memset(v->dac, 0, sizeof(v->dac));
	memset(v->dac_latch, 0, sizeof(v->dac_latch));
	memset(v->latch, 0, sizeof(v->latch));
	memset(v->vbe, 0, sizeof(v->vbe));
	v->vbe_index = 0;
	v->vbe[VBE_ID] = 0xb0c5;
	v->vbe[VBE_BPP] = 8;
	/* Memory keeps its contents: clearing it would also commit 16 MiB of the host's. */
	v->redraw = v->palette_stale = v->font_written = true;
	vga_update_window(v);
}

struct error *vga_post_load(struct vga *v)
{
	v->sr_index &= 7;
	v->gr_index &= 15;
	v->ar_index &= 0x3f;
	if (v->dac_component > 2)
		return error_new("VGA: DAC component %u is above 2", v->dac_component);
	if (!vbe_check(v))
		return error_new("VGA: display interface registers are out of range");
	v->redraw = v->palette_stale = v->font_written = true;
	vga_update_window(v);
	return NULL;
}

const struct field vga_fields[] = {
	F_U8(struct vga, misc),		F_U8(struct vga, feature),
	F_U8(struct vga, sr_index),	F_ARRAY(struct vga, sr),
	F_U8(struct vga, cr_index),	F_ARRAY(struct vga, cr),
	F_U8(struct vga, gr_index),	F_ARRAY(struct vga, gr),
	F_U8(struct vga, ar_index),	F_ARRAY(struct vga, ar),
	F_BOOL(struct vga, ar_data),	F_U8(struct vga, pel_mask),
	F_U8(struct vga, dac_state),	F_U8(struct vga, dac_write),
	F_U8(struct vga, dac_read),	F_U8(struct vga, dac_component),
	F_ARRAY(struct vga, dac_latch), F_ARRAY(struct vga, dac),
	F_ARRAY(struct vga, latch),	F_U16(struct vga, vbe_index),
	F_ARRAY(struct vga, vbe),	FIELD_END,
};
