/*
 * A display controller's picture, for screendump and for user interfaces.
 *
 * A display device registers one source. refresh() brings `surface` up to date from the guest's
 * memory; it is called by whoever wants a picture, machine lock held.
 */
#ifndef VM_DISPLAY_H
#define VM_DISPLAY_H

#include "base/error.h"

#include <stdbool.h>
#include <stdint.h>

struct display_surface {
	unsigned int width, height;
	unsigned int stride; /* pixels a line */
	uint32_t *pixels;    /* 0x00RRGGBB; owned by the surface */
	unsigned int alloc;  /* pixels allocated */
};

/* The text cells of a text mode, for the curses display: NULL cells in graphics modes. */
struct display_text {
	unsigned int columns, rows;
	const uint16_t *cells;	/* character | attribute << 8 */
	int cursor_x, cursor_y; /* -1: hidden */
};

struct display_ops {
	/* Redraws what changed since the last call (all of it if `full`) and reports the rectangle
	 * through display_damaged(). */
	void (*refresh)(void *opaque, bool full);
	bool (*text)(void *opaque, struct display_text *text); /* may be NULL; false in graphics */
};

struct display;

struct display *display_new(const char *name, const struct display_ops *ops, void *opaque);
struct display *display_first(void);
struct display_surface *display_surface(struct display *d);
void display_resize(struct display *d, unsigned int width, unsigned int height);
void display_damaged(struct display *d, unsigned int x, unsigned int y, unsigned int w,
		     unsigned int h);
void display_refresh(struct display *d, bool full);
bool display_text(struct display *d, struct display_text *text);

typedef void display_listener_fn(void *opaque, unsigned int x, unsigned int y, unsigned int w,
				 unsigned int h); /* w == 0: resized */
void display_listen(struct display *d, display_listener_fn *fn, void *opaque);

/* Writes the picture to a file: PNG where the name ends in .png, else PPM. */
struct error *display_dump(struct display *d, const char *path) NODISCARD;

#endif
