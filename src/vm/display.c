/* Pictures of display controllers: who has one, who looks at it. Writing them: display-file.c. */
#include "vm/display.h"

#include <glib.h>
#include <string.h>

/* Larger than any mode of the controllers here; what a guest programs is cut to it. */
#define MAX_SIDE 16384

struct listener {
	display_listener_fn *fn;
	void *opaque;
	struct listener *next;
};

struct display {
	const char *name;
	const struct display_ops *ops;
	void *opaque;
	struct display_surface surface;
	struct listener *listeners;
	struct display *next;
};

static struct display *displays;

struct display *display_new(const char *name, const struct display_ops *ops, void *opaque)
{
	struct display *d = g_new0(struct display, 1);
	struct display **at = &displays;

	d->name = name;
	d->ops = ops;
	d->opaque = opaque;
	while (*at)
		at = &(*at)->next;
	*at = d;
	display_resize(d, 640, 480);
	return d;
}

struct display *display_first(void)
{
	return displays;
}

struct display_surface *display_surface(struct display *d)
{
	return &d->surface;
}

static void notify(struct display *d, unsigned int x, unsigned int y, unsigned int w,
		   unsigned int h)
{
	for (struct listener *l = d->listeners; l; l = l->next)
		l->fn(l->opaque, x, y, w, h);
}

void display_resize(struct display *d, unsigned int width, unsigned int height)
{
	struct display_surface *s = &d->surface;

	width = CLAMP(width, 1, MAX_SIDE);
	height = CLAMP(height, 1, MAX_SIDE);
	if (s->width == width && s->height == height)
		return;
	s->width = s->stride = width;
	s->height = height;
	if (s->alloc < width * height) {
		g_free(s->pixels);
		s->alloc = width * height;
		s->pixels = g_new(uint32_t, s->alloc);
	}
	memset(s->pixels, 0, (size_t)width * height * sizeof(*s->pixels));
	notify(d, 0, 0, 0, 0);
}

void display_damaged(struct display *d, unsigned int x, unsigned int y, unsigned int w,
		     unsigned int h)
{
	const struct display_surface *s = &d->surface;

	if (x >= s->width || y >= s->height)
		return;
	w = MIN(w, s->width - x);
	h = MIN(h, s->height - y);
	if (w && h)
		notify(d, x, y, w, h);
}

void display_refresh(struct display *d, bool full)
{
	d->ops->refresh(d->opaque, full);
}

bool display_text(struct display *d, struct display_text *text)
{
	return d->ops->text && d->ops->text(d->opaque, text);
}

void display_listen(struct display *d, display_listener_fn *fn, void *opaque)
{
	struct listener *l = g_new(struct listener, 1);

	*l = (struct listener){fn, opaque, d->listeners};
	d->listeners = l;
}
