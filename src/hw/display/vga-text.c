/*
 * The VGA's picture in text modes: cells of character and attribute, fonts in plane 2, cursor,
 * blinking and the underline. A cell is drawn again when it changed.
 */
#include "hw/display/vga.h"

#include "base/bytes.h"

#include <glib.h>

enum {
	SR1_8DOTS = 0x01,
	SR1_HALF_CLOCK = 0x08,
	AR10_MONOCHROME = 0x02,
	AR10_LINE_GRAPHICS = 0x04,
	AR10_BLINK = 0x08,
	CRA_CURSOR_OFF = 0x20,
	FONT_CELL = 32, /* bytes a character */
	CURSOR_CELL = 1 << 16,
	FRAMES_CURSOR = 8, /* vertical retraces on and off; characters blink half as fast */
};

#define FRAME_NS (NS_PER_S / 70)

struct text {
	struct vga *v;
	unsigned int columns, rows, width, height; /* of a cell */
	unsigned int fonts[2];			   /* offsets in plane 2, by attribute bit 3 */
	uint32_t colours[16];
	bool cursor_phase, blink_phase;
	bool split_fonts;
};

/* Character map select: the eight maps lie in 16 KiB steps, the odd half after the even ones. */
static unsigned int font_offset(unsigned int select)
{
	return (select & 3) * 0x4000 + (select & 4 ? 0x2000 : 0);
}

static void text_size(const struct vga *v, struct text *t)
{
	t->width = v->sr[1] & SR1_8DOTS ? 8 : 9;
	t->height = (v->cr[9] & 0x1fu) + 1;
	t->columns = v->cr[1] + 1u;
	t->rows = vga_display_lines(v) / t->height;
	if (v->cr[9] & 0x80)
		t->rows /= 2;
	t->rows = MIN(t->rows, VGA_MAX_CELLS / t->columns);
}

static void text_init(struct text *t, struct vga *v)
{
	unsigned int select = v->sr[3];
	unsigned int frames = (unsigned int)(clock_now(CLOCK_REALTIME_HOST) / FRAME_NS);

	*t = (struct text){.v = v};
	text_size(v, t);
	t->fonts[0] = font_offset((select & 3) | (select >> 2 & 4));
	t->fonts[1] = font_offset((select >> 2 & 3) | (select >> 3 & 4));
	t->split_fonts = t->fonts[0] != t->fonts[1];
	for (unsigned int i = 0; i < 16; i++)
		t->colours[i] = vga_attribute_colour(v, i & v->ar[0x12]);
	t->cursor_phase = !(frames / FRAMES_CURSOR & 1);
	t->blink_phase = !(frames / (2 * FRAMES_CURSOR) & 1);
}

static unsigned int cell_at(const struct vga *v, unsigned int column, unsigned int row)
{
	unsigned int start = v->cr[0x0c] << 8 | v->cr[0x0d];
	unsigned int at = vga_crtc_address(v, start + row * v->cr[0x13] * 2u + column, 0);

	return load_le16(v->mem + at * 4);
}

/* The cursor's cell, or -1. */
static int cursor_cell(const struct vga *v, const struct text *t)
{
	unsigned int start = v->cr[0x0c] << 8 | v->cr[0x0d];
	unsigned int place = ((v->cr[0x0e] << 8 | v->cr[0x0f]) - start) & 0xffff;
	unsigned int pitch = v->cr[0x13] * 2u;

	if (v->cr[0x0a] & CRA_CURSOR_OFF || pitch == 0)
		return -1;
	unsigned int row = place / pitch, column = place % pitch;
	if (row >= t->rows || column >= t->columns)
		return -1;
	return (int)(row * t->columns + column);
}

/* Nine dots of one line of a character, leftmost in bit 8. */
static unsigned int glyph_line(const struct text *t, unsigned int cell, unsigned int line)
{
	const struct vga *v = t->v;
	unsigned int character = cell & 0xff, attribute = cell >> 8 & 0xff;
	unsigned int font = t->fonts[attribute & 8 ? 0 : 1];
	unsigned int dots;

	if (!t->split_fonts)
		font = t->fonts[0];
	dots = v->mem[((font + character * FONT_CELL + line) & (VGA_PLANE_SIZE - 1)) * 4 + 2] << 1;
	/* Box drawing characters run on into the ninth dot. */
	if (v->ar[0x10] & AR10_LINE_GRAPHICS && character >= 0xc0 && character <= 0xdf)
		dots |= dots >> 1 & 1;
	if (attribute & AR10_BLINK << 4 && v->ar[0x10] & AR10_BLINK && !t->blink_phase)
		dots = 0;
	if ((attribute & 7) == 1 && v->ar[0x10] & AR10_MONOCHROME && line == (v->cr[0x14] & 0x1fu))
		dots = 0x1ff;
	if (cell & CURSOR_CELL && line >= (v->cr[0x0a] & 0x1fu) && line <= (v->cr[0x0b] & 0x1fu))
		dots = 0x1ff;
	return dots;
}

static void draw_cell(const struct text *t, unsigned int column, unsigned int row,
		      unsigned int cell)
{
	struct display_surface *s = display_surface(t->v->display);
	unsigned int attribute = cell >> 8 & 0xff;
	bool blink = t->v->ar[0x10] & AR10_BLINK;
	uint32_t foreground = t->colours[attribute & (t->split_fonts ? 7 : 15)];
	uint32_t background = t->colours[attribute >> 4 & (blink ? 7 : 15)];
	unsigned int wide = t->v->sr[1] & SR1_HALF_CLOCK ? 2 : 1;
	unsigned int tall = t->v->cr[9] & 0x80 ? 2 : 1;

	for (unsigned int line = 0; line < t->height * tall; line++) {
		unsigned int y = row * t->height * tall + line;
		unsigned int dots = glyph_line(t, cell, line / tall);
		uint32_t *out =
			s->pixels + (size_t)y * s->stride + (size_t)column * t->width * wide;
		if (y >= s->height)
			return;
		for (unsigned int x = 0; x < t->width * wide; x++)
			out[x] = dots >> (8 - x / wide) & 1 ? foreground : background;
	}
}

/* Lines below the last whole row of cells show nothing. */
static void clear_rest(const struct text *t)
{
	struct display_surface *s = display_surface(t->v->display);
	unsigned int tall = t->v->cr[9] & 0x80 ? 2 : 1;

	for (unsigned int y = t->rows * t->height * tall; y < s->height; y++)
		memset(s->pixels + (size_t)y * s->stride, 0, s->width * sizeof(*s->pixels));
}

static bool layout_changed(struct vga *v, const struct text *t)
{
	bool changed = v->columns != t->columns || v->rows != t->rows ||
		       v->cell_width != t->width || v->cell_height != t->height;

	v->columns = t->columns;
	v->rows = t->rows;
	v->cell_width = t->width;
	v->cell_height = t->height;
	return changed;
}

void vga_draw_text(struct vga *v, bool full)
{
	unsigned int top = UINT_MAX, bottom = 0, phase;
	struct text t;

	text_init(&t, v);
	phase = t.blink_phase;
	if (layout_changed(v, &t) || v->font_written || full) {
		full = true;
		v->font_written = false;
		clear_rest(&t);
	}
	int cursor = cursor_cell(v, &t);
	for (unsigned int row = 0; row < t.rows; row++) {
		for (unsigned int column = 0; column < t.columns; column++) {
			unsigned int i = row * t.columns + column;
			unsigned int cell = cell_at(v, column, row);
			bool blinks =
				cell & 0x8000 && v->ar[0x10] & AR10_BLINK && phase != v->phase;
			if ((int)i == cursor && t.cursor_phase)
				cell |= CURSOR_CELL | (v->cr[0x0a] & 0x1fu) << 17 |
					(v->cr[0x0b] & 0x1fu) << 22;
			if (!full && !blinks && v->drawn[i] == cell)
				continue;
			v->drawn[i] = cell;
			draw_cell(&t, column, row, cell);
			top = MIN(top, row);
			bottom = row;
		}
	}
	v->phase = phase;
	if (full)
		display_damaged(v->display, 0, 0, display_surface(v->display)->width,
				display_surface(v->display)->height);
	else if (top <= bottom) {
		unsigned int tall = t.height * (v->cr[9] & 0x80 ? 2 : 1);
		display_damaged(v->display, 0, top * tall, display_surface(v->display)->width,
				(bottom - top + 1) * tall);
	}
}

bool vga_get_text(struct vga *v, struct display_text *text)
{
	struct text t;

	text_init(&t, v);
	for (unsigned int i = 0; i < t.columns * t.rows; i++)
		v->cells[i] = (uint16_t)cell_at(v, i % t.columns, i / t.columns);
	int cursor = cursor_cell(v, &t);
	*text = (struct display_text){
		.columns = t.columns,
		.rows = t.rows,
		.cells = v->cells,
		.cursor_x = cursor < 0 ? -1 : cursor % (int)t.columns,
		.cursor_y = cursor < 0 ? -1 : cursor / (int)t.columns,
	};
	return t.rows > 0;
}
