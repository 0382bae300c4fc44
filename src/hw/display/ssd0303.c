/*
 * Solomon Systech SSD0303: OLED controller of 132 x 64 dots on I2C; the panel of the LM3S811EVB
 * shows 96 x 16 of them. Source: SSD0303 data sheet, sections 8 and 9.
 *
 * Each I2C transfer is control bytes (Co, D/C#) and what they announce: commands or picture data,
 * eight dots of a column (LSB on top) a byte.
 */
#include "hw/i2c/i2c.h"

#include "base/log.h"
#include "vm/display.h"

#include <string.h>

enum { COLUMNS = 132, PAGES = 8, WIDTH = 96, HEIGHT = 16, ZOOM = 4 };
/* The panel's first column is the controller's column 4. */
enum { FIRST_COLUMN = 4 };
#define COLOUR_ON 0x00ffff80u

enum { EXPECT_CONTROL, EXPECT_DATA, EXPECT_COMMAND, EXPECT_ONE_DATA, EXPECT_ONE_COMMAND };

struct ssd0303 {
	struct i2c_device i2c;
	struct display *display;
	uint8_t expect;	 /* EXPECT_* */
	uint8_t command; /* one whose operand follows, or 0 */
	uint8_t page, column, start_line;
	bool mirrored, flipped, inverted, all_on, on;
	uint8_t ram[PAGES * COLUMNS];
};

/* --- picture --- */

static bool dot(const struct ssd0303 *s, unsigned int x, unsigned int y)
{
	unsigned int line = (y + s->start_line) % (8 * PAGES);
	unsigned int column = s->mirrored ? COLUMNS - 1 - FIRST_COLUMN - x : FIRST_COLUMN + x;
	bool lit = s->ram[line / 8 * COLUMNS + column] >> (line & 7) & 1;

	return s->on && (s->all_on || lit != s->inverted);
}

static void refresh(void *opaque, bool full)
{
	struct ssd0303 *s = opaque;
	struct display_surface *d = display_surface(s->display);

	if (d->width != WIDTH * ZOOM || d->height != HEIGHT * ZOOM)
		display_resize(s->display, WIDTH * ZOOM, HEIGHT * ZOOM);
	for (unsigned int y = 0; y < HEIGHT * ZOOM; y++) {
		uint32_t *line = d->pixels + (size_t)y * d->stride;
		unsigned int from = s->flipped ? HEIGHT - 1 - y / ZOOM : y / ZOOM;

		for (unsigned int x = 0; x < WIDTH * ZOOM; x++)
			line[x] = dot(s, x / ZOOM, from) ? COLOUR_ON : 0;
	}
	display_damaged(s->display, 0, 0, WIDTH * ZOOM, HEIGHT * ZOOM);
}

static const struct display_ops display_ops = {.refresh = refresh};

/* --- commands --- */

static void data(struct ssd0303 *s, uint8_t byte)
{
	if (s->column < COLUMNS)
		s->ram[s->page * COLUMNS + s->column++] = byte;
}

/* Operands are settings of the analogue part, which has no part in the picture. */
static bool takes_operand(uint8_t command)
{
	switch (command) {
	case 0x81: /* contrast */
	case 0x91: /* look-up table, of four bytes: three more look like commands without effect */
	case 0xa8: /* multiplex ratio */
	case 0xad: /* DC-DC converter */
	case 0xd3: /* offset */
	case 0xd5: /* clock */
	case 0xd8: /* area colour */
	case 0xd9: /* pre-charge */
	case 0xda: /* pin configuration */
	case 0xdb: /* VCOM */ return true;
	default: return false;
	}
}

static void command(struct ssd0303 *s, uint8_t byte)
{
	if (s->command) {
		s->command = 0;
		return;
	}
	switch (byte) {
	case 0x00 ... 0x0f: s->column = (s->column & 0xf0) | byte; break;
	case 0x10 ... 0x1f: s->column = (uint8_t)((byte & 0x0f) << 4 | (s->column & 0x0f)); break;
	case 0x40 ... 0x7f: s->start_line = byte & 0x3f; break;
	case 0xa0 ... 0xa1: s->mirrored = byte & 1; break;
	case 0xa4 ... 0xa5: s->all_on = byte & 1; break;
	case 0xa6 ... 0xa7: s->inverted = byte & 1; break;
	case 0xae ... 0xaf: s->on = byte & 1; break;
	case 0xb0 ... 0xbf: s->page = byte & (PAGES - 1); break;
	case 0xc0 ... 0xcf: s->flipped = byte & 8; break;
	case 0xe3: break; /* no operation */
	default:
		if (takes_operand(byte))
			s->command = byte;
		else
			log_printf(LOG_UNIMP, "ssd0303: command %02x\n", byte);
	}
}

/* --- I2C --- */

static bool start(struct i2c_device *d, bool read)
{
	((struct ssd0303 *)d)->expect = EXPECT_CONTROL;
	return true;
}

static bool write_byte(struct i2c_device *d, uint8_t byte)
{
	struct ssd0303 *s = (struct ssd0303 *)d;

	switch (s->expect) {
	case EXPECT_DATA: data(s, byte); break;
	case EXPECT_COMMAND: command(s, byte); break;
	case EXPECT_ONE_DATA:
		data(s, byte);
		s->expect = EXPECT_CONTROL;
		break;
	case EXPECT_ONE_COMMAND:
		command(s, byte);
		s->expect = EXPECT_CONTROL;
		break;
	default:
		/* Co: one byte and then another control byte */
		if (byte & 0x80)
			s->expect = byte & 0x40 ? EXPECT_ONE_DATA : EXPECT_ONE_COMMAND;
		else
			s->expect = byte & 0x40 ? EXPECT_DATA : EXPECT_COMMAND;
	}
	return true;
}

/* The only thing that can be read: bit 6 says that the display is off. */
static uint8_t read_byte(struct i2c_device *d)
{
	return ((struct ssd0303 *)d)->on ? 0 : 0x40;
}

static const struct i2c_ops i2c_ops = {.start = start, .write = write_byte, .read = read_byte};

/* --- the device --- */

static struct error *ssd0303_init(struct device *dev)
{
	struct ssd0303 *s = (struct ssd0303 *)dev;

	s->display = display_new("ssd0303", &display_ops, s);
	display_resize(s->display, WIDTH * ZOOM, HEIGHT * ZOOM);
	return NULL;
}

static void ssd0303_reset(struct device *dev)
{
	struct ssd0303 *s = (struct ssd0303 *)dev;

	s->expect = EXPECT_CONTROL;
	s->command = s->page = s->column = s->start_line = 0;
	s->mirrored = s->flipped = s->inverted = s->all_on = s->on = false;
	memset(s->ram, 0, sizeof(s->ram));
}

static struct error *ssd0303_post_load(struct device *dev)
{
	const struct ssd0303 *s = (struct ssd0303 *)dev;

	if (s->page >= PAGES || s->start_line >= 8 * PAGES || s->expect > EXPECT_ONE_COMMAND)
		return error_new("%s: register out of range", dev->class->name);
	return NULL;
}

static const struct prop props[] = {PROP_END};

static const struct field state[] = {
	F_U8(struct ssd0303, expect),	  F_U8(struct ssd0303, command),
	F_U8(struct ssd0303, page),	  F_U8(struct ssd0303, column),
	F_U8(struct ssd0303, start_line), F_BOOL(struct ssd0303, mirrored),
	F_BOOL(struct ssd0303, flipped),  F_BOOL(struct ssd0303, inverted),
	F_BOOL(struct ssd0303, all_on),	  F_BOOL(struct ssd0303, on),
	F_BYTES(struct ssd0303, ram),	  FIELD_END,
};

DEVICE_CLASS(ssd0303, .name = "ssd0303", .help = "OLED display of 96 x 16 dots", .bus = "I2C",
	     .size = sizeof(struct ssd0303), .props = props, .state = state, .init = ssd0303_init,
	     .reset = ssd0303_reset, .post_load = ssd0303_post_load, .bus_info = &i2c_ops,
	     .bus_props = i2c_props);
