/*
 * The Bochs display interface: index at 1CEh, data at 1CFh (and 1D0h), linear modes.
 * Source: "Bochs VBE display interface" text that vgabios distributes (VBE_DISPI_*), ids B0C0h to
 * B0C5h; limits 2560 x 1600 and 16 MiB.
 */
#include "hw/display/vga.h"

#include "base/bytes.h"
#include "base/log.h"

#include <glib.h>

enum { XRES_MAX = 2560, YRES_MAX = 1600, BPP_MAX = 32, BANKS = VGA_VRAM_SIZE >> 16 };

static bool bpp_valid(unsigned int bpp)
{
	return bpp == 4 || bpp == 8 || bpp == 15 || bpp == 16 || bpp == 24 || bpp == 32;
}

/* Bytes a pixel; 4-bit pixels are spread over the planes. */
static unsigned int bytes_per_pixel(const struct vga *v)
{
	return (v->vbe[VBE_BPP] + 7u) / 8;
}

static unsigned int line_bytes_of(unsigned int bpp, unsigned int width)
{
	return bpp == 4 ? width / 8 : width * ((bpp + 7) / 8);
}

unsigned int vbe_line_bytes(const struct vga *v)
{
	return line_bytes_of(v->vbe[VBE_BPP], v->vbe[VBE_VIRT_WIDTH]);
}

static unsigned int memory_of_line(const struct vga *v, unsigned int width)
{
	unsigned int bytes = line_bytes_of(v->vbe[VBE_BPP], width);
	return v->vbe[VBE_BPP] == 4 ? bytes * 4 : bytes;
}

static bool mode_fits(const struct vga *v)
{
	unsigned int x = v->vbe[VBE_XRES], y = v->vbe[VBE_YRES];

	return x >= 8 && x <= XRES_MAX && x % 8 == 0 && y >= 1 && y <= YRES_MAX &&
	       bpp_valid(v->vbe[VBE_BPP]) && (uint64_t)memory_of_line(v, x) * y <= VGA_VRAM_SIZE;
}

static void set_virtual_width(struct vga *v, unsigned int width)
{
	width = CLAMP(width & ~7u, v->vbe[VBE_XRES], 0x7ff8u);
	if ((uint64_t)memory_of_line(v, width) * v->vbe[VBE_YRES] > VGA_VRAM_SIZE)
		width = v->vbe[VBE_XRES];
	v->vbe[VBE_VIRT_WIDTH] = (uint16_t)width;
	v->vbe[VBE_VIRT_HEIGHT] = (uint16_t)MIN(VGA_VRAM_SIZE / memory_of_line(v, width), 0xffffu);
}

static void enable_write(struct vga *v, uint16_t value)
{
	bool was_active = vbe_active(v);

	if (value & VBE_ENABLED && !was_active) {
		if (!mode_fits(v)) {
			log_printf(LOG_GUEST_ERRORS, "vga: no mode %ux%ux%u\n", v->vbe[VBE_XRES],
				   v->vbe[VBE_YRES], v->vbe[VBE_BPP]);
			value &= (uint16_t)~VBE_ENABLED;
		} else {
			set_virtual_width(v, v->vbe[VBE_XRES]);
			v->vbe[VBE_X_OFFSET] = v->vbe[VBE_Y_OFFSET] = 0;
			if (!(value & VBE_NOCLEARMEM)) {
				uint64_t size = (uint64_t)memory_of_line(v, v->vbe[VBE_XRES]) *
						v->vbe[VBE_YRES];
				memset(v->mem, 0, size);
				ram_written(v->vram.ram, 0, size);
			}
		}
	}
	if (!(value & VBE_ENABLED))
		v->vbe[VBE_BANK] = 0;
	v->vbe[VBE_ENABLE] =
		value & (VBE_ENABLED | VBE_GETCAPS | VBE_8BIT_DAC | VBE_LFB | VBE_NOCLEARMEM);
	v->palette_stale = v->redraw = true;
	vga_update_window(v);
}

/* Resolution and depth are settable only while the interface is off. */
static void mode_write(struct vga *v, unsigned int index, uint16_t value)
{
	if (vbe_active(v))
		return;
	switch (index) {
	case VBE_XRES:
		if (value <= XRES_MAX)
			v->vbe[index] = value & (uint16_t)~7;
		break;
	case VBE_YRES:
		if (value <= YRES_MAX)
			v->vbe[index] = value;
		break;
	default:
		if (value == 0)
			value = 8;
		if (bpp_valid(value))
			v->vbe[index] = value;
		break;
	}
}

void vbe_write(struct vga *v, unsigned int index, uint16_t value)
{
	switch (index) {
	case VBE_ID:
		if (value >= 0xb0c0 && value <= 0xb0c5)
			v->vbe[VBE_ID] = value;
		break;
	case VBE_XRES:
	case VBE_YRES:
	case VBE_BPP: mode_write(v, index, value); break;
	case VBE_ENABLE: enable_write(v, value); break;
	case VBE_BANK:
		v->vbe[VBE_BANK] = value & (BANKS - 1);
		vga_update_window(v);
		break;
	case VBE_VIRT_WIDTH:
		if (vbe_active(v))
			set_virtual_width(v, value);
		v->redraw = true;
		break;
	case VBE_X_OFFSET:
	case VBE_Y_OFFSET:
		v->vbe[index] = value;
		v->redraw = true;
		break;
	default: break; /* the virtual height follows from the width */
	}
}

uint16_t vbe_read(const struct vga *v, unsigned int index)
{
	if (v->vbe[VBE_ENABLE] & VBE_GETCAPS) {
		switch (index) {
		case VBE_XRES: return XRES_MAX;
		case VBE_YRES: return YRES_MAX;
		case VBE_BPP: return BPP_MAX;
		default: break;
		}
	}
	if (index == VBE_VIDEO_MEMORY_64K)
		return BANKS;
	return index < VBE_REGISTERS ? v->vbe[index] : 0;
}

bool vbe_check(const struct vga *v)
{
	if (v->vbe[VBE_BANK] >= BANKS || !bpp_valid(v->vbe[VBE_BPP]))
		return false;
	if (!vbe_active(v))
		return true;
	return mode_fits(v) && v->vbe[VBE_VIRT_WIDTH] >= v->vbe[VBE_XRES] &&
	       v->vbe[VBE_VIRT_WIDTH] % 8 == 0 &&
	       (uint64_t)memory_of_line(v, v->vbe[VBE_VIRT_WIDTH]) * v->vbe[VBE_YRES] <=
		       VGA_VRAM_SIZE;
}

static uint64_t dispi_read(void *opaque, uint64_t offset, unsigned int size)
{
	struct vga *v = opaque;
	return offset == 0 ? v->vbe_index : vbe_read(v, v->vbe_index);
}

static void dispi_write(void *opaque, uint64_t offset, uint64_t value, unsigned int size)
{
	struct vga *v = opaque;

	if (offset == 0)
		v->vbe_index = (uint16_t)value;
	else
		vbe_write(v, v->vbe_index, (uint16_t)value);
}

/* The data port is 16 bits wide at an odd address. */
const struct region_ops vga_dispi_ops = {
	.read = dispi_read, .write = dispi_write, .min_size = 1, .max_size = 2, .unaligned = true};

/* --- drawing --- */

static void convert_8(const struct vga *v, uint32_t *out, const uint8_t *in, unsigned int width)
{
	for (unsigned int x = 0; x < width; x++)
		out[x] = v->palette[in[x]];
}

/* Five or six bits spread over eight, so that all ones is full intensity. */
static inline uint32_t rgb(uint32_t r, uint32_t g, uint32_t b, unsigned int green_bits)
{
	g = green_bits == 6 ? g << 2 | g >> 4 : g << 3 | g >> 2;
	return (r << 3 | r >> 2) << 16 | g << 8 | (b << 3 | b >> 2);
}

static void convert_15(const struct vga *v, uint32_t *out, const uint8_t *in, unsigned int width)
{
	for (unsigned int x = 0; x < width; x++) {
		uint32_t p = load_le16(in + 2 * x);
		out[x] = rgb(p >> 10 & 31, p >> 5 & 31, p & 31, 5);
	}
}

static void convert_16(const struct vga *v, uint32_t *out, const uint8_t *in, unsigned int width)
{
	for (unsigned int x = 0; x < width; x++) {
		uint32_t p = load_le16(in + 2 * x);
		out[x] = rgb(p >> 11, p >> 5 & 63, p & 31, 6);
	}
}

static void convert_24(const struct vga *v, uint32_t *out, const uint8_t *in, unsigned int width)
{
	for (unsigned int x = 0; x < width; x++, in += 3)
		out[x] = (uint32_t)in[0] | (uint32_t)in[1] << 8 | (uint32_t)in[2] << 16;
}

static void convert_32(const struct vga *v, uint32_t *out, const uint8_t *in, unsigned int width)
{
	for (unsigned int x = 0; x < width; x++)
		out[x] = load_le32(in + 4 * x) & 0xffffff;
}

typedef void convert_fn(const struct vga *v, uint32_t *out, const uint8_t *in, unsigned int width);

static convert_fn *converter(unsigned int bpp)
{
	switch (bpp) {
	case 8: return convert_8;
	case 15: return convert_15;
	case 16: return convert_16;
	case 24: return convert_24;
	default: return convert_32;
	}
}

void vbe_draw(struct vga *v, bool full)
{
	unsigned int width = v->vbe[VBE_XRES], height = v->vbe[VBE_YRES];
	unsigned int pitch = vbe_line_bytes(v);
	uint64_t start = (uint64_t)v->vbe[VBE_Y_OFFSET] * pitch;

	if (v->vbe[VBE_BPP] == 4) {
		start += v->vbe[VBE_X_OFFSET] / 8u;
		vga_draw_planar(v, width, height, (unsigned int)start, pitch, full);
		return;
	}
	start += (uint64_t)v->vbe[VBE_X_OFFSET] * bytes_per_pixel(v);

	struct display_surface *s = display_surface(v->display);
	convert_fn *convert = converter(v->vbe[VBE_BPP]);
	unsigned int len = width * bytes_per_pixel(v), first = height, last = 0;

	vga_take_dirty(v, start, (uint64_t)height * pitch);
	for (unsigned int y = 0; y < height; y++) {
		uint64_t at = start + (uint64_t)y * pitch;
		if (at + len > VGA_VRAM_SIZE)
			break;
		if (full || vga_dirty(v, at, len)) {
			convert(v, s->pixels + (size_t)y * s->stride, v->mem + at, width);
			first = MIN(first, y);
			last = y;
		}
	}
	if (first <= last)
		display_damaged(v->display, 0, first, width, last - first + 1);
}
