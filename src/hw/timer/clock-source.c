#include "hw/timer/clock-source.h"

void clock_source_listen(struct clock_source *c, struct clock_listener *listener,
			 void (*changed)(void *opaque, uint32_t hz), void *opaque)
{
	*listener = (struct clock_listener){changed, opaque, c->listeners};
	c->listeners = listener;
	changed(opaque, c->hz);
}

void clock_source_set(struct clock_source *c, uint32_t hz)
{
	if (c->hz == hz)
		return;
	c->hz = hz;
	for (struct clock_listener *l = c->listeners; l; l = l->next)
		l->changed(l->opaque, hz);
}
