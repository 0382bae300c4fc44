/*
 * PrimeCell Color LCD Controllers PL110 (ARM DDI 0161E) and PL111 (DDI 0293C); the Versatile
 * boards' PL110 with swapped control and mask registers, and a colour multiplexer behind it (DUI
 * 0225D, 4.6). Only TFT panels: others would show the same colours in fewer shades.
 */
#include "hw/display/pl110.h"

#include "hw/misc/primecell.h"

#include "base/bytes.h"
#include "base/log.h"

#include <glib.h>
#include <string.h>

enum {
	LCDTiming0 = 0x00,
	LCDTiming3 = 0x0c,
	LCDUPBASE = 0x10,
	LCDLPBASE = 0x14,
	LCDIMSC = 0x18,	   /* Versatile, PL111: LCDControl */
	LCDControl = 0x1c, /* Versatile, PL111: LCDIMSC */
	LCDRIS = 0x20,	   /* PL110: writing clears */
	LCDMIS = 0x24,
	LCDICR = 0x28,	  /* PL110: LCDUPCURR */
	LCDUPCURR = 0x2c, /* PL110: LCDLPCURR */
	LCDLPCURR = 0x30,
	LCDPalette = 0x200,
	LCDPalette_END = 0x400,
	CURSOR = 0x800, /* PL111: the hardware cursor, to CFFh */
	CURSOR_END = 0xd00,
};

#define CONTROL_EN   0x0001
#define CONTROL_BGR  0x0100
#define CONTROL_BEBO 0x0200
#define CONTROL_BEPO 0x0400
#define CONTROL_PWR  0x0800

#define INT_FUF	  0x02
#define INT_LNBU  0x04
#define INT_VCOMP 0x08
#define INT_MBERR 0x10

#define FRAME_NS (NS_PER_S / 60)

enum format { BPP_1, BPP_2, BPP_4, BPP_8, BPP_16, BPP_24, BPP_16_565, BPP_12 };

struct variant {
	uint32_t id;
	bool swapped, is_pl111;
};

static const struct variant *variant(const struct pl110 *l)
{
	return l->mmio.dev.class->bus_info;
}

static void update_irq(struct pl110 *l)
{
	irq_set(l->mmio.irqs[0], (l->ris & l->imsc) != 0);
}

/* --- frames --- */

static bool is_on(const struct pl110 *l)
{
	return (l->control & (CONTROL_EN | CONTROL_PWR)) == (CONTROL_EN | CONTROL_PWR);
}

static void frame_schedule(struct pl110 *l)
{
	bool wanted = (l->control & CONTROL_EN) && (l->imsc & (INT_LNBU | INT_VCOMP));

	if (!wanted)
		timer_cancel(&l->frame);
	if (!wanted || timer_pending(&l->frame))
		return;
	l->next_frame = clock_now(CLOCK_VIRTUAL) + FRAME_NS;
	timer_set(&l->frame, l->next_frame);
}

static void frame_end(void *opaque)
{
	struct pl110 *l = opaque;

	l->ris |= INT_LNBU | INT_VCOMP;
	update_irq(l);
	l->next_frame += FRAME_NS;
	timer_set(&l->frame, l->next_frame);
}

/* --- colours: 0x00RRGGBB --- */

static uint32_t rgb(uint32_t r, uint32_t g, uint32_t b)
{
	return r << 16 | g << 8 | b;
}

static uint32_t scale5(uint32_t v)
{
	v &= 31;
	return v << 3 | v >> 2;
}

static uint32_t scale6(uint32_t v)
{
	v &= 63;
	return v << 2 | v >> 4;
}

static uint32_t scale4(uint32_t v)
{
	return (v & 15) * 17;
}

/* Red is in the low bits unless BGR swaps it with blue. */
static uint32_t colour(uint32_t pixel, enum format format, bool bgr)
{
	uint32_t r, g, b;

	switch (format) {
	case BPP_24:
		r = pixel & 0xff;
		g = pixel >> 8 & 0xff;
		b = pixel >> 16 & 0xff;
		break;
	case BPP_16_565:
		r = scale5(pixel);
		g = scale6(pixel >> 5);
		b = scale5(pixel >> 11);
		break;
	case BPP_12:
		r = scale4(pixel);
		g = scale4(pixel >> 4);
		b = scale4(pixel >> 8);
		break;
	default: /* 1:5:5:5, palettes too */
		r = scale5(pixel);
		g = scale5(pixel >> 5);
		b = scale5(pixel >> 10);
	}
	return bgr ? rgb(b, g, r) : rgb(r, g, b);
}

static void palette_decode(struct pl110 *l)
{
	for (unsigned int i = 0; i < 256; i++)
		l->colours[i] = colour(l->palette[i / 2] >> (i & 1 ? 16 : 0), BPP_16,
				       l->control & CONTROL_BGR);
}

static enum format format(const struct pl110 *l)
{
	enum format f = (enum format)(l->control >> 1 & 7);

	if (!variant(l)->is_pl111) {
		/* the multiplexer's 1 is 5:5:5:1, the others are 5:6:5 */
		if (f == BPP_16 && variant(l)->swapped && l->mux_level != 1)
			return BPP_16_565;
		if (f > BPP_24)
			return BPP_16;
	}
	return f;
}

static unsigned int bits_per_pixel(enum format f)
{
	static const uint8_t bits[] = {1, 2, 4, 8, 16, 32, 16, 16};
	return bits[f];
}

/* --- drawing --- */

static unsigned int width(const struct pl110 *l)
{
	return ((l->timing[0] >> 2 & 0x3f) + 1) * 16;
}

static unsigned int height(const struct pl110 *l)
{
	return (l->timing[1] & 0x3ff) + 1;
}

/* Pixels of a word, in the order of their places. */
static void draw_word(const struct pl110 *l, uint32_t word, enum format f, uint32_t *out)
{
	unsigned int bits = bits_per_pixel(f), count = 32 / bits;
	uint32_t mask = bits == 32 ? UINT32_MAX : (1u << bits) - 1;
	bool bebo = l->control & CONTROL_BEBO, bepo = l->control & CONTROL_BEPO;

	for (unsigned int i = 0; i < count; i++) {
		unsigned int at = i;
		if (bebo)
			at = count - 1 - i;
		else if (bepo && bits < 8) /* big-endian within each byte */
			at = i ^ (8 / bits - 1);
		uint32_t pixel = word >> (at * bits) & mask;
		out[i] = bits <= 8 ? l->colours[pixel] : colour(pixel, f, l->control & CONTROL_BGR);
	}
}

static void draw_line(struct pl110 *l, const uint8_t *bytes, unsigned int size, enum format f,
		      uint32_t *out)
{
	unsigned int per_word = 32 / bits_per_pixel(f);

	for (unsigned int i = 0; i + 4 <= size; i += 4, out += per_word)
		draw_word(l, load_le32(bytes + i), f, out);
}

static void draw_lines(struct pl110 *l, bool full)
{
	struct display_surface *s = display_surface(l->display);
	enum format f = format(l);
	unsigned int size = width(l) * bits_per_pixel(f) / 8;
	uint8_t *line = g_malloc(size);

	for (unsigned int y = 0; y < s->height; y++) {
		uint8_t *old = l->drawn + (size_t)y * size;
		mem_read(l->memory, l->upbase + (uint64_t)y * size, line, size);
		if (!full && memcmp(old, line, size) == 0)
			continue;
		memcpy(old, line, size);
		draw_line(l, line, size, f, s->pixels + (size_t)y * s->stride);
		display_damaged(l->display, 0, y, s->width, 1);
	}
	g_free(line);
}

static void blank(struct pl110 *l)
{
	struct display_surface *s = display_surface(l->display);

	for (unsigned int y = 0; y < s->height; y++)
		memset(s->pixels + (size_t)y * s->stride, 0, s->width * 4);
	display_damaged(l->display, 0, 0, s->width, s->height);
}

static void refresh(void *opaque, bool full)
{
	struct pl110 *l = opaque;
	struct display_surface *s = display_surface(l->display);
	uint32_t size = width(l) * height(l) * 4;

	if (!is_on(l)) {
		if (full || l->redraw)
			blank(l);
		l->redraw = false;
		return;
	}
	if (s->width != width(l) || s->height != height(l)) {
		display_resize(l->display, width(l), height(l));
		full = true;
	}
	if (size > l->drawn_size) {
		l->drawn = g_realloc(l->drawn, size);
		l->drawn_size = size;
		full = true;
	}
	draw_lines(l, full || l->redraw);
	l->redraw = false;
}

static const struct display_ops display_ops = {.refresh = refresh};

/* --- registers --- */

static uint64_t pl110_read(void *opaque, uint64_t offset, unsigned int size)
{
	struct pl110 *l = opaque;
	const struct variant *v = variant(l);
	uint64_t id;

	if (offset >= LCDPalette && offset < LCDPalette_END)
		return l->palette[(offset - LCDPalette) / 4];
	switch (offset) {
	case LCDTiming0 ... LCDTiming3: return l->timing[offset / 4];
	case LCDUPBASE: return l->upbase;
	case LCDLPBASE: return l->lpbase;
	case LCDIMSC: return v->swapped ? l->control : l->imsc;
	case LCDControl: return v->swapped ? l->imsc : l->control;
	case LCDRIS: return l->ris;
	case LCDMIS: return l->ris & l->imsc;
	case LCDICR: return v->is_pl111 ? 0 : l->upbase;
	case LCDUPCURR: return v->is_pl111 ? l->upbase : l->lpbase;
	case LCDLPCURR: return l->lpbase;
	}
	if (primecell_id_read(v->id, offset, &id))
		return id;
	if (!v->is_pl111 || offset < CURSOR || offset >= CURSOR_END)
		log_printf(LOG_GUEST_ERRORS, "pl110: read of register %03x\n",
			   (unsigned int)offset);
	return 0;
}

static void control_write(struct pl110 *l, uint32_t value)
{
	l->control = value & 0x1ffff;
	palette_decode(l);
	l->redraw = true;
	frame_schedule(l);
}

static void imsc_write(struct pl110 *l, uint32_t value)
{
	l->imsc = value & 0x1e;
	frame_schedule(l);
}

/* Of a double buffer the next picture's base is taken over at once. */
static void upbase_write(struct pl110 *l, uint32_t value)
{
	l->upbase = value & ~UINT32_C(7);
	frame_schedule(l);
}

static void pl110_write(void *opaque, uint64_t offset, uint64_t value64, unsigned int size)
{
	struct pl110 *l = opaque;
	uint32_t value = (uint32_t)value64;
	bool swapped = variant(l)->swapped;

	if (offset >= LCDPalette && offset < LCDPalette_END) {
		l->palette[(offset - LCDPalette) / 4] = value;
		palette_decode(l);
		l->redraw = true;
		return;
	}
	switch (offset) {
	case LCDTiming0 ... LCDTiming3: l->timing[offset / 4] = value; break;
	case LCDUPBASE: upbase_write(l, value); break;
	case LCDLPBASE: l->lpbase = value & ~UINT32_C(7); break;
	case LCDIMSC: (swapped ? control_write : imsc_write)(l, value); break;
	case LCDControl: (swapped ? imsc_write : control_write)(l, value); break;
	case LCDRIS: /* the PL110's status */
	case LCDICR: l->ris &= ~value; break;
	default:
		if (!variant(l)->is_pl111 || offset < CURSOR || offset >= CURSOR_END)
			log_printf(LOG_GUEST_ERRORS, "pl110: write of register %03x\n",
				   (unsigned int)offset);
	}
	update_irq(l);
}

static const struct region_ops pl110_ops = {
	.read = pl110_read, .write = pl110_write, .min_size = 4, .max_size = 4};

/* --- device --- */

static void mux_set(void *opaque, int n, int level)
{
	struct pl110 *l = opaque;

	l->mux_level = level & 3;
	l->redraw = true;
}

static struct error *pl110_init(struct device *dev)
{
	struct pl110 *l = (struct pl110 *)dev;

	region_init_io(&l->mmio.regs, "pl110", 0x1000, &pl110_ops, l);
	irq_init(&l->mux, mux_set, l, 0);
	timer_init(&l->frame, CLOCK_VIRTUAL, frame_end, l);
	l->display = display_new("pl110", &display_ops, l);
	display_resize(l->display, 640, 480);
	return NULL;
}

static void pl110_reset(struct device *dev)
{
	struct pl110 *l = (struct pl110 *)dev;

	timer_cancel(&l->frame);
	memset(l->timing, 0, sizeof(l->timing));
	l->upbase = l->lpbase = l->control = l->imsc = l->ris = 0;
	l->mux_level = 0;
	l->next_frame = 0;
	l->redraw = true;
}

static void pl110_settle(struct device *dev)
{
	update_irq((struct pl110 *)dev);
}

static struct error *pl110_post_load(struct device *dev)
{
	struct pl110 *l = (struct pl110 *)dev;

	if (l->next_frame < 0 || l->next_frame > INT64_MAX / 2)
		return error_new("pl110: impossible time");
	palette_decode(l);
	l->redraw = true;
	return NULL;
}

static const struct prop props[] = {
	PROP_PTR("memory", struct pl110, memory),
	PROP_END,
};

static const struct field state[] = {
	F_ARRAY(struct pl110, timing),
	F_U32(struct pl110, upbase),
	F_U32(struct pl110, lpbase),
	F_U32(struct pl110, control),
	F_U32(struct pl110, imsc),
	F_U32(struct pl110, ris),
	F_ARRAY(struct pl110, palette),
	F_U8(struct pl110, mux_level),
	F_TIMER(struct pl110, frame),
	F_INT(struct pl110, next_frame),
	FIELD_END,
};

static const struct variant plain = {0x00041110, false, false};
static const struct variant versatile = {0x00041110, true, false};
static const struct variant pl111 = {0x00241111, true, true};

#define LCD(ident, name_, help_, variant_)                                             \
	DEVICE_CLASS(ident, .name = (name_), .help = (help_), .bus = "System",         \
		     .size = sizeof(struct pl110), .props = props, .state = state,     \
		     .init = pl110_init, .reset = pl110_reset, .settle = pl110_settle, \
		     .post_load = pl110_post_load, .bus_info = (variant_), .hidden = true)

LCD(pl110, "pl110", "PrimeCell LCD controller", &plain);
LCD(pl110_versatile, "pl110-versatile", "PrimeCell LCD controller of the Versatile", &versatile);
LCD(pl111, "pl111", "PrimeCell LCD controller with cursor", &pl111);
