/* PrimeCell colour LCD controllers: classes "pl110", "pl110-versatile" and "pl111". */
#ifndef HW_DISPLAY_PL110_H
#define HW_DISPLAY_PL110_H

#include "hw/misc/mmio.h"
#include "vm/display.h"

struct pl110 {
	struct mmio mmio;	      /* output 0: CLCDINTR */
	struct address_space *memory; /* property */
	struct irq mux; /* input: colour format that the board selects (SYS_CLCD[1:0]) */
	struct display *display;
	uint32_t timing[4], upbase, lpbase, control, imsc, ris;
	uint32_t palette[128]; /* two entries a word */
	uint8_t mux_level;
	struct timer frame; /* end of a picture, while its interrupts are wanted */
	int64_t next_frame;
	/* derived: what was drawn last */
	uint32_t colours[256]; /* of the palette */
	uint8_t *drawn;
	uint32_t drawn_size;
	bool redraw;
};

#endif
