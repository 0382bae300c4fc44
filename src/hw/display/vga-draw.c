/*
 * The VGA's picture in graphics modes: what the CRT controller fetches, how the graphics and
 * attribute controllers turn four bytes into eight dots, and the colours of the DAC.
 *
 * One character clock fetches a byte of each plane: eight dots of 4 bits, or four of 8 bits that
 * are shown for two dot clocks each. The surface has the size that a monitor sees: 320 x 200 modes
 * fill 640 x 400.
 */
#include "hw/display/vga.h"

#include "base/bytes.h"

#include <glib.h>

enum {
	SR1_HALF_CLOCK = 0x08,
	SR1_SCREEN_OFF = 0x20,
	GR5_INTERLEAVE = 0x20,
	GR5_256_COLOURS = 0x40,
	AR10_PELS_PANNING = 0x20,
	AR10_8BIT = 0x40,
	AR10_P54S = 0x80,
	CR17_CMS0 = 0x01,
	CR17_CMS1 = 0x02,
	CR17_HALF_LINES = 0x04,
	CR17_COUNT_BY_2 = 0x08,
	CR17_WRAP = 0x20,
	CR17_BYTE = 0x40,
	CR14_DOUBLEWORD = 0x40,
	CR09_DOUBLE_SCAN = 0x80,
	MAX_CHARS = 256,
};

void vga_take_dirty(struct vga *v, uint64_t offset, uint64_t len)
{
	if (offset >= VGA_VRAM_SIZE || len == 0)
		return;
	len = MIN(len, VGA_VRAM_SIZE - offset);
	for (uint64_t page = offset >> 12; page <= (offset + len - 1) >> 12; page++) {
		uint8_t *bits = &v->vram.ram->dirty[page];
		v->dirty[page] = __atomic_load_n(bits, __ATOMIC_RELAXED) & RAM_DIRTY_VGA;
		if (v->dirty[page])
			__atomic_fetch_and(bits, (uint8_t)~RAM_DIRTY_VGA, __ATOMIC_ACQ_REL);
	}
}

bool vga_dirty(const struct vga *v, uint64_t offset, uint64_t len)
{
	if (offset >= VGA_VRAM_SIZE || len == 0)
		return false;
	len = MIN(len, VGA_VRAM_SIZE - offset);
	for (uint64_t page = offset >> 12; page <= (offset + len - 1) >> 12; page++) {
		if (v->dirty[page])
			return true;
	}
	return false;
}

void vga_update_palette(struct vga *v)
{
	bool wide = vbe_active(v) && v->vbe[VBE_ENABLE] & VBE_8BIT_DAC;

	for (unsigned int i = 0; i < 256; i++) {
		const uint8_t *c = &v->dac[(i & v->pel_mask) * 3];
		uint32_t colour = 0;
		for (unsigned int k = 0; k < 3; k++)
			colour = colour << 8 |
				 (wide ? c[k] : (uint8_t)((c[k] & 63) << 2 | (c[k] & 63) >> 4));
		v->palette[i] = colour;
	}
	v->palette_stale = false;
	v->redraw = true;
}

uint32_t vga_attribute_colour(const struct vga *v, unsigned int value)
{
	unsigned int index = v->ar[value & 15];

	if (v->ar[0x10] & AR10_P54S)
		index = (index & 0x0f) | (v->ar[0x14] & 0x0f) << 4;
	else
		index = (index & 0x3f) | (v->ar[0x14] & 0x0c) << 4;
	return v->palette[index];
}

unsigned int vga_crtc_address(const struct vga *v, unsigned int counter, unsigned int row)
{
	unsigned int mode = v->cr[0x17], address = counter;

	/* Memory is kept so that doubleword addresses are plain counters (see vga.h). */
	if (!(v->cr[0x14] & CR14_DOUBLEWORD) && !(mode & CR17_BYTE)) {
		unsigned int top = mode & CR17_WRAP ? counter >> 15 : counter >> 13;
		address = counter << 1 | (top & 1);
	}
	if (!(mode & CR17_CMS0))
		address = (address & ~0x2000u) | (row & 1) << 13;
	if (!(mode & CR17_CMS1))
		address = (address & ~0x4000u) | (row & 2) << 13;
	return address & (VGA_PLANE_SIZE - 1);
}

unsigned int vga_display_lines(const struct vga *v)
{
	unsigned int lines = (v->cr[0x12] | (v->cr[7] & 0x02) << 7 | (v->cr[7] & 0x40) << 3) + 1u;
	return v->cr[0x17] & CR17_HALF_LINES ? lines * 2 : lines;
}

/* --- dots --- */

/* Spreads the bits of a byte over eight bytes, the leftmost dot first in memory. */
static inline uint64_t spread(uint8_t byte)
{
	uint64_t x = (byte * UINT64_C(0x0101010101010101)) & UINT64_C(0x0102040810204080);
	return ((x + UINT64_C(0x7f7f7f7f7f7f7f7f)) >> 7) & UINT64_C(0x0101010101010101);
}

static void dots_planar(const uint32_t *colours, uint32_t *out, uint32_t planes)
{
	uint64_t dots = spread((uint8_t)planes) | spread((uint8_t)(planes >> 8)) << 1 |
			spread((uint8_t)(planes >> 16)) << 2 | spread((uint8_t)(planes >> 24)) << 3;

	for (unsigned int i = 0; i < 8; i++)
		out[i] = colours[dots >> 8 * i & 15];
}

/* CGA: two bits a dot, even bytes in planes 0 and 2, odd ones in 1 and 3. */
static void dots_interleaved(const uint32_t *colours, uint32_t *out, uint32_t planes)
{
	for (unsigned int i = 0; i < 8; i++) {
		uint32_t pair = planes >> (i < 4 ? 0 : 8);
		unsigned int shift = 6 - 2 * (i & 3);
		out[i] = colours[(pair >> shift & 3) | (pair >> (16 + shift) & 3) << 2];
	}
}

static void dots_256(const uint32_t *palette, uint32_t *out, uint32_t planes)
{
	for (unsigned int i = 0; i < 4; i++)
		out[2 * i] = out[2 * i + 1] = palette[planes >> 8 * i & 255];
}

struct scan {
	struct vga *v;
	uint32_t colours[16]; /* by plane bits, after the colour plane enable */
	unsigned int chars;   /* fetched a line */
	unsigned int width;   /* dots shown, before doubling */
	bool doubled;	      /* half dot clock */
	unsigned int pan;     /* dots */
};

static void scan_init(struct scan *s, struct vga *v, unsigned int width)
{
	*s = (struct scan){.v = v, .width = width};
	for (unsigned int i = 0; i < 16; i++)
		s->colours[i] = vga_attribute_colour(v, i & v->ar[0x12]);
	s->pan = v->ar[0x13] & 7;
	if (v->gr[5] & GR5_256_COLOURS)
		s->pan &= 6;
	s->chars = width / 8 + 1;
}

static void scan_dots(struct scan *s, uint32_t *out, uint32_t planes)
{
	if (s->v->gr[5] & GR5_256_COLOURS)
		dots_256(s->v->palette, out, planes);
	else if (s->v->gr[5] & GR5_INTERLEAVE)
		dots_interleaved(s->colours, out, planes);
	else
		dots_planar(s->colours, out, planes);
}

/* Puts the line drawn in v->line on the surface, panned and perhaps widened. */
static void scan_put(struct scan *s, unsigned int y, unsigned int pan)
{
	struct display_surface *surface = display_surface(s->v->display);
	uint32_t *out = surface->pixels + (size_t)y * surface->stride;
	const uint32_t *in = s->v->line + pan;

	if (!s->doubled) {
		memcpy(out, in, s->width * sizeof(*out));
		return;
	}
	for (unsigned int x = 0; x < s->width; x++)
		out[2 * x] = out[2 * x + 1] = in[x];
}

/* The bytes of vram that a line fetches, as [start, start + len); they wrap in the planes. */
static bool line_dirty(struct scan *s, unsigned int counter, unsigned int row)
{
	uint64_t first = vga_crtc_address(s->v, counter, row) * UINT64_C(4);
	uint64_t last = vga_crtc_address(s->v, counter + s->chars, row) * UINT64_C(4);

	return last < first || vga_dirty(s->v, first, last - first + 4);
}

static void scan_line(struct scan *s, unsigned int counter, unsigned int row)
{
	for (unsigned int c = 0; c < s->chars; c++) {
		unsigned int at = vga_crtc_address(s->v, counter + c, row);
		scan_dots(s, s->v->line + 8 * c, load_le32(s->v->mem + at * 4));
	}
}

struct damage {
	unsigned int first, last;
};

static void damage_report(struct vga *v, const struct damage *d)
{
	if (d->first <= d->last)
		display_damaged(v->display, 0, d->first, display_surface(v->display)->width,
				d->last - d->first + 1);
}

static void draw_graphics(struct vga *v, bool full)
{
	const uint8_t *cr = v->cr;
	unsigned int height = vga_display_lines(v);
	unsigned int compare = cr[0x18] | (cr[7] & 0x10) << 4 | (cr[9] & 0x40) << 3;
	unsigned int repeat = cr[9] & CR09_DOUBLE_SCAN ? 2 : 1;
	unsigned int rows = (cr[9] & 0x1fu) + 1, row = cr[8] & 0x1f;
	unsigned int start = (cr[0x0c] << 8 | cr[0x0d]) + (cr[8] >> 5 & 3);
	struct damage damage = {height, 0};
	struct scan s;

	scan_init(&s, v, (cr[1] + 1u) * 8);
	s.doubled = v->sr[1] & SR1_HALF_CLOCK;
	vga_take_dirty(v, 0, VGA_PLANE_SIZE * 4);
	for (unsigned int y = 0, again = 0; y < height; y++) {
		if (full || line_dirty(&s, start, row)) {
			scan_line(&s, start, row);
			scan_put(&s, y, s.pan);
			damage.first = MIN(damage.first, y);
			damage.last = y;
		}
		if (y == compare) {
			start = row = again = 0;
			if (v->ar[0x10] & AR10_PELS_PANNING)
				s.pan = 0;
			continue;
		}
		if (++again < repeat)
			continue;
		again = 0;
		if (++row >= rows) {
			row = 0;
			start += cr[0x13] * 2u;
		}
	}
	damage_report(v, &damage);
}

void vga_draw_planar(struct vga *v, unsigned int width, unsigned int height, unsigned int start,
		     unsigned int pitch, bool full)
{
	struct damage damage = {height, 0};
	struct scan s;

	scan_init(&s, v, width);
	vga_take_dirty(v, start * UINT64_C(4), (uint64_t)height * pitch * 4);
	for (unsigned int y = 0; y < height; y++, start += pitch) {
		if (start * UINT64_C(4) + width / 2 > VGA_VRAM_SIZE)
			break;
		if (!full && !vga_dirty(v, start * UINT64_C(4), width / 2))
			continue;
		for (unsigned int c = 0; c < width / 8; c++)
			dots_planar(s.colours, v->line + 8 * c,
				    load_le32(v->mem + (start + c) * UINT64_C(4)));
		scan_put(&s, y, 0);
		damage.first = MIN(damage.first, y);
		damage.last = y;
	}
	damage_report(v, &damage);
}

/* --- the display's view --- */

static bool blanked(const struct vga *v)
{
	return !(v->ar_index & 0x20) || (!vbe_active(v) && v->sr[1] & SR1_SCREEN_OFF);
}

static void surface_size(const struct vga *v, unsigned int *width, unsigned int *height)
{
	if (vbe_active(v)) {
		*width = v->vbe[VBE_XRES];
		*height = v->vbe[VBE_YRES];
		return;
	}
	unsigned int dots = vga_text_mode(v) && !(v->sr[1] & 1) ? 9 : 8;
	*width = (v->cr[1] + 1u) * dots * (v->sr[1] & SR1_HALF_CLOCK ? 2 : 1);
	*height = vga_display_lines(v);
	/* After reset the CRTC is all zeros: show the size of text mode, black. */
	if (*width < 64 || *height < 16) {
		*width = 720;
		*height = 400;
	}
}

static void draw_blank(struct vga *v, bool full)
{
	struct display_surface *s = display_surface(v->display);

	if (!full)
		return;
	memset(s->pixels, 0, (size_t)s->stride * s->height * sizeof(*s->pixels));
	display_damaged(v->display, 0, 0, s->width, s->height);
}

static void vga_refresh(void *opaque, bool full)
{
	struct vga *v = opaque;
	struct display_surface *s = display_surface(v->display);
	unsigned int width, height;

	if (v->palette_stale)
		vga_update_palette(v);
	surface_size(v, &width, &height);
	if (s->width != width || s->height != height) {
		display_resize(v->display, width, height);
		full = true;
	}
	full |= v->redraw;
	v->redraw = false;
	if (blanked(v) || (!vbe_active(v) && v->cr[1] < 7))
		draw_blank(v, full);
	else if (vbe_active(v))
		vbe_draw(v, full);
	else if (vga_text_mode(v))
		vga_draw_text(v, full);
	else
		draw_graphics(v, full);
}

static bool vga_text(void *opaque, struct display_text *text)
{
	struct vga *v = opaque;
	return vga_text_mode(v) && !blanked(v) && vga_get_text(v, text);
}

const struct display_ops vga_display_ops = {.refresh = vga_refresh, .text = vga_text};
