/*
 * The VGA core: shared by the PCI and ISA cards and by chips that extend it.
 * Source: IBM "Personal System/2 and Personal Computer BIOS/Hardware Interface: Video Subsystem"
 * (VGA function), and the Bochs display interface (DISPI) for the modes above 640 x 480.
 *
 * Video memory holds the four planes interleaved: byte `4 * offset + plane`. Chain-4 addresses are
 * then plain byte addresses, so that the linear frame buffer, a chained window at A0000h and the
 * display's doubleword mode all see the same bytes without arithmetic.
 *
 * All with the machine lock held.
 */
#ifndef HW_DISPLAY_VGA_H
#define HW_DISPLAY_VGA_H

#include "vm/device.h"
#include "vm/display.h"
#include "vm/memory.h"

#include <stdbool.h>

enum { VGA_VRAM_SIZE = 16 << 20, VGA_PLANE_SIZE = 64 << 10, VGA_MAX_CELLS = 256 * 128 };

/* Indices of the DISPI registers. */
enum vbe_register {
	VBE_ID,
	VBE_XRES,
	VBE_YRES,
	VBE_BPP,
	VBE_ENABLE,
	VBE_BANK,
	VBE_VIRT_WIDTH,
	VBE_VIRT_HEIGHT,
	VBE_X_OFFSET,
	VBE_Y_OFFSET,
	VBE_VIDEO_MEMORY_64K,
	VBE_REGISTERS,
};

enum {
	VBE_ENABLED = 0x01,
	VBE_GETCAPS = 0x02,
	VBE_8BIT_DAC = 0x20,
	VBE_LFB = 0x40,
	VBE_NOCLEARMEM = 0x80,
};

struct vga {
	/* external registers */
	uint8_t misc, feature;
	uint8_t sr_index, sr[8];   /* sequencer */
	uint8_t cr_index, cr[256]; /* CRT controller; 19h and above only hold what was written */
	uint8_t gr_index, gr[16];  /* graphics controller */
	uint8_t ar_index, ar[32];  /* attribute controller; the index holds PAS as bit 5 */
	bool ar_data;		   /* the flip-flop: the next write to 3C0h is data */
	/* DAC */
	uint8_t pel_mask, dac_state;
	uint8_t dac_write, dac_read, dac_component;
	uint8_t dac_latch[3];
	uint8_t dac[256 * 3];
	uint8_t latch[4]; /* of the graphics controller, a byte a plane */
	/* DISPI */
	uint16_t vbe_index, vbe[VBE_REGISTERS];

	/* derived and host side: not saved */
	struct region vram;   /* also the linear frame buffer */
	struct region window; /* A0000h-BFFFFh: */
	struct region planar; /*   through the graphics controller */
	struct region linear; /*   straight to memory where that gives the same */
	struct region ports[5];
	struct region dispi;
	uint8_t *mem;
	struct display *display;
	bool redraw; /* everything, at the next refresh */
	bool font_written;
	uint32_t palette[256]; /* of the DAC, as 0x00RRGGBB */
	bool palette_stale;
	uint8_t *dirty; /* a byte a page, as vga_take_dirty() left it */
	uint32_t *line; /* one scan line, drawn before panning */
	/* text as it was last drawn; cell is character | attribute << 8 | 1 << 16 if cursor */
	uint32_t *drawn;
	uint16_t *cells;
	unsigned int columns, rows, cell_width, cell_height;
	unsigned int phase; /* of blinking, as drawn */
};

extern const struct field vga_fields[]; /* the registers, for the cards' state lists */

/* Allocates memory and makes the regions and the display; the card maps them. */
struct error *vga_init(struct vga *v, const char *name) NODISCARD;
/* Maps the ports and the window at A0000h. */
void vga_map_legacy(struct vga *v, struct region *io, struct region *memory);
void vga_reset(struct vga *v);
/* After a state was loaded: refuses registers that cannot be, rebuilds what is derived. */
struct error *vga_post_load(struct vga *v) NODISCARD;

/* Byte registers by port number, 3B0h..3DFh. */
uint8_t vga_port_read(struct vga *v, unsigned int port);
void vga_port_write(struct vga *v, unsigned int port, uint8_t value);

/* vga-memory.c: the window; `address` is below 128 KiB. */
extern const struct region_ops vga_window_ops;
/* Chooses between the planar and the linear window after any register change. */
void vga_update_window(struct vga *v);

/* vga-vbe.c */
extern const struct region_ops vga_dispi_ops;
uint16_t vbe_read(const struct vga *v, unsigned int index);
void vbe_write(struct vga *v, unsigned int index, uint16_t value);
static inline bool vbe_active(const struct vga *v)
{
	return v->vbe[VBE_ENABLE] & VBE_ENABLED;
}
unsigned int vbe_line_bytes(const struct vga *v); /* of the virtual screen; per plane in 4 bpp */
/* Brings registers that no write can leave behind into range; false if they were not. */
bool vbe_check(const struct vga *v);
void vbe_draw(struct vga *v, bool full);

/* vga-draw.c */
extern const struct display_ops vga_display_ops;
void vga_update_palette(struct vga *v);
/* The DAC's colour of a 4-bit attribute value. */
uint32_t vga_attribute_colour(const struct vga *v, unsigned int value);
/* Takes (and clears) the dirty bits of the pages that hold [offset, offset + len); then tells of
 * parts of that range. Both cut the range to the memory. */
void vga_take_dirty(struct vga *v, uint64_t offset, uint64_t len);
bool vga_dirty(const struct vga *v, uint64_t offset, uint64_t len);
/* Memory offset (of a plane) that the CRTC fetches for its counter in scan line `row` of a
 * character row: byte, word and doubleword modes, and the CGA and Hercules interleave. */
unsigned int vga_crtc_address(const struct vga *v, unsigned int counter, unsigned int row);
unsigned int vga_display_lines(const struct vga *v);
void vga_draw_planar(struct vga *v, unsigned int width, unsigned int height, unsigned int start,
		     unsigned int pitch, bool full);

/* vga-text.c */
void vga_draw_text(struct vga *v, bool full);
bool vga_get_text(struct vga *v, struct display_text *text);
static inline bool vga_text_mode(const struct vga *v)
{
	return !vbe_active(v) && !(v->gr[6] & 1);
}

#endif
