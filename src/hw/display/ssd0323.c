/*
 * Solomon Systech SSD0323: OLED controller of 128 x 80 dots in 16 levels, on SSI; the panel of the
 * LM3S6965EVB shows 128 x 64 of them. Source: SSD0323 data sheet, sections 8 and 9.
 *
 * A byte is two dots, the left one in the lower half unless the nibbles are remapped. D/C# tells
 * picture data from commands.
 */
#include "hw/display/ssd0323.h"

#include "base/log.h"
#include "vm/display.h"

#include <glib.h>
#include <string.h>

enum { WIDTH = 128, HEIGHT = 64, ZOOM = 3 };
enum {
	REMAP_COLUMNS = 1 << 0,
	REMAP_NIBBLES = 1 << 1,
	REMAP_VERTICAL = 1 << 2, /* the row is what advances */
	REMAP_ROWS = 1 << 4,
};
enum { MODE_NORMAL, MODE_ALL_ON, MODE_ALL_OFF, MODE_INVERSE };

/* --- picture --- */

static unsigned int level(const struct ssd0323 *s, unsigned int x, unsigned int y)
{
	unsigned int row = s->remap & REMAP_ROWS ? HEIGHT - 1 - y : y;
	unsigned int column = s->remap & REMAP_COLUMNS ? WIDTH - 1 - x : x;
	uint8_t pair;

	row = (row + s->start_line + s->offset) % SSD0323_ROWS;
	pair = s->ram[row * SSD0323_COLUMNS + column / 2];
	bool upper = (column & 1) != ((s->remap & REMAP_NIBBLES) != 0);
	unsigned int value = upper ? pair >> 4 : pair & 0xf;

	switch (s->mode) {
	case MODE_ALL_ON: return 15;
	case MODE_ALL_OFF: return 0;
	case MODE_INVERSE: return 15 - value;
	default: return value;
	}
}

static void refresh(void *opaque, bool full)
{
	struct ssd0323 *s = opaque;
	struct display_surface *d = display_surface(s->display);

	if (d->width != WIDTH * ZOOM || d->height != HEIGHT * ZOOM)
		display_resize(s->display, WIDTH * ZOOM, HEIGHT * ZOOM);
	for (unsigned int y = 0; y < HEIGHT * ZOOM; y++) {
		uint32_t *line = d->pixels + (size_t)y * d->stride;

		for (unsigned int x = 0; x < WIDTH * ZOOM; x++) {
			uint32_t v = s->on ? level(s, x / ZOOM, y / ZOOM) : 0;
			/* green, as the panel glows */
			line[x] = v * 17 << 8 | v * 8 << 16 | v * 8;
		}
	}
	display_damaged(s->display, 0, 0, WIDTH * ZOOM, HEIGHT * ZOOM);
}

static const struct display_ops display_ops = {.refresh = refresh};

/* --- memory --- */

static void advance_column(struct ssd0323 *s)
{
	s->column =
		s->column == s->column_end ? s->column_start : (s->column + 1) % SSD0323_COLUMNS;
}

static void advance_row(struct ssd0323 *s)
{
	s->row = s->row == s->row_end ? s->row_start : (s->row + 1) % SSD0323_ROWS;
}

static void data(struct ssd0323 *s, uint8_t byte)
{
	s->ram[s->row * SSD0323_COLUMNS + s->column] = byte;
	if (s->remap & REMAP_VERTICAL) {
		bool last = s->row == s->row_end;
		advance_row(s);
		if (last)
			advance_column(s);
	} else {
		bool last = s->column == s->column_end;
		advance_column(s);
		if (last)
			advance_row(s);
	}
}

/* --- commands --- */

static unsigned int operands_of(uint8_t command)
{
	switch (command) {
	case 0x15:
	case 0x75: return 2;
	case 0x23: /* graphic acceleration options */
	case 0x81: /* contrast */
	case 0xa0:
	case 0xa1:
	case 0xa2:
	case 0xa8: /* multiplex ratio */
	case 0xad: /* master configuration */
	case 0xb0: /* pre-charge compensation */
	case 0xb1: /* phase length */
	case 0xb2: /* row period */
	case 0xb3: /* clock */
	case 0xb4: /* pre-charge compensation */
	case 0xbc: /* pre-charge voltage */
	case 0xbe: /* VCOMH */
	case 0xbf: /* VSL */
	case 0xcf: return 1;
	case 0x24: return 5; /* rectangle */
	case 0x25: return 6; /* copy */
	case 0x26: return 3; /* scroll */
	case 0xb8: return 8; /* grey scale */
	default: return 0;
	}
}

static void set_columns(struct ssd0323 *s)
{
	s->column_start = s->column = MIN(s->operands[0], SSD0323_COLUMNS - 1);
	s->column_end = MIN(s->operands[1], SSD0323_COLUMNS - 1);
}

static void set_rows(struct ssd0323 *s)
{
	s->row_start = s->row = MIN(s->operands[0], SSD0323_ROWS - 1);
	s->row_end = MIN(s->operands[1], SSD0323_ROWS - 1);
}

/* Rectangle: columns and rows of two corners, and the pattern. */
static void fill(struct ssd0323 *s)
{
	unsigned int x1 = MIN(s->operands[2], SSD0323_COLUMNS - 1);
	unsigned int y1 = MIN(s->operands[3], SSD0323_ROWS - 1);

	for (unsigned int y = s->operands[1]; y <= y1; y++) {
		for (unsigned int x = s->operands[0]; x <= x1; x++)
			s->ram[y * SSD0323_COLUMNS + x] = s->operands[4];
	}
}

static void execute(struct ssd0323 *s)
{
	switch (s->command) {
	case 0x15: set_columns(s); break;
	case 0x75: set_rows(s); break;
	case 0x24: fill(s); break;
	case 0x25:
	case 0x26: log_printf(LOG_UNIMP, "ssd0323: copying and scrolling\n"); break;
	case 0xa0: s->remap = s->operands[0]; break;
	case 0xa1: s->start_line = s->operands[0] % SSD0323_ROWS; break;
	case 0xa2: s->offset = s->operands[0] % SSD0323_ROWS; break;
	case 0xa4 ... 0xa7: s->mode = s->command & 3; break;
	case 0xae ... 0xaf: s->on = s->command & 1; break;
	case 0x2e:
	case 0x2f:
	case 0x84 ... 0x86: /* current range */
	case 0xe3: break;
	default:
		if (!operands_of(s->command))
			log_printf(LOG_UNIMP, "ssd0323: command %02x\n", s->command);
	}
}

static void command(struct ssd0323 *s, uint8_t byte)
{
	if (s->operands_left) {
		s->operands[s->operand_count++ % sizeof(s->operands)] = byte;
		s->operands_left--;
	} else {
		s->command = byte;
		s->operand_count = 0;
		s->operands_left = (uint8_t)operands_of(byte);
	}
	if (!s->operands_left)
		execute(s);
}

static uint32_t transfer(void *opaque, uint32_t out)
{
	struct ssd0323 *s = opaque;

	if (s->is_data)
		data(s, (uint8_t)out);
	else
		command(s, (uint8_t)out);
	return 0;
}

static void dc_set(void *opaque, int number, int level)
{
	((struct ssd0323 *)opaque)->is_data = level;
}

/* --- the device --- */

static struct error *ssd0323_init(struct device *dev)
{
	struct ssd0323 *s = (struct ssd0323 *)dev;

	s->ssi.transfer = transfer;
	s->ssi.opaque = s;
	irq_init(&s->dc, dc_set, s, 0);
	s->display = display_new("ssd0323", &display_ops, s);
	display_resize(s->display, WIDTH * ZOOM, HEIGHT * ZOOM);
	return NULL;
}

static void ssd0323_reset(struct device *dev)
{
	struct ssd0323 *s = (struct ssd0323 *)dev;

	s->command = s->operands_left = s->operand_count = 0;
	memset(s->operands, 0, sizeof(s->operands));
	s->column = s->row = s->column_start = s->row_start = 0;
	s->column_end = SSD0323_COLUMNS - 1;
	s->row_end = SSD0323_ROWS - 1;
	s->remap = s->start_line = s->offset = 0;
	s->mode = MODE_NORMAL;
	s->on = s->is_data = false;
	memset(s->ram, 0, sizeof(s->ram));
}

static struct error *ssd0323_post_load(struct device *dev)
{
	const struct ssd0323 *s = (struct ssd0323 *)dev;

	if (s->column >= SSD0323_COLUMNS || s->row >= SSD0323_ROWS ||
	    s->column_start >= SSD0323_COLUMNS || s->column_end >= SSD0323_COLUMNS ||
	    s->row_start >= SSD0323_ROWS || s->row_end >= SSD0323_ROWS || s->operands_left > 8 ||
	    s->operand_count > 8 || s->start_line >= SSD0323_ROWS || s->offset >= SSD0323_ROWS)
		return error_new("%s: register out of range", dev->class->name);
	return NULL;
}

static const struct prop props[] = {PROP_END};

static const struct field state[] = {
	F_BOOL(struct ssd0323, ssi.selected),
	F_U8(struct ssd0323, command),
	F_U8(struct ssd0323, operands_left),
	F_U8(struct ssd0323, operand_count),
	F_BYTES(struct ssd0323, operands),
	F_U8(struct ssd0323, column),
	F_U8(struct ssd0323, row),
	F_U8(struct ssd0323, column_start),
	F_U8(struct ssd0323, column_end),
	F_U8(struct ssd0323, row_start),
	F_U8(struct ssd0323, row_end),
	F_U8(struct ssd0323, remap),
	F_U8(struct ssd0323, start_line),
	F_U8(struct ssd0323, offset),
	F_U8(struct ssd0323, mode),
	F_BOOL(struct ssd0323, on),
	F_BOOL(struct ssd0323, is_data),
	F_BYTES(struct ssd0323, ram),
	FIELD_END,
};

DEVICE_CLASS(ssd0323, .name = "ssd0323", .help = "OLED display of 128 x 64 dots", .bus = "System",
	     .size = sizeof(struct ssd0323), .props = props, .state = state, .init = ssd0323_init,
	     .reset = ssd0323_reset, .post_load = ssd0323_post_load, .hidden = true);
