/*
 * Synchronous serial (SPI, SSI): a controller shifts a word out and one in at the same time, to and
 * from the devices whose chip select is active. Machine lock held.
 */
#ifndef HW_SSI_SSI_H
#define HW_SSI_SSI_H

#include <stdbool.h>
#include <stdint.h>

struct ssi_device {
	/* What it shifts out while `out` is shifted in. */
	uint32_t (*transfer)(void *opaque, uint32_t out);
	void (*select)(void *opaque, bool selected); /* the chip select changed; may be NULL */
	void *opaque;
	bool selected;
	struct ssi_device *next;
};

struct ssi_bus {
	struct ssi_device *devices;
};

static inline void ssi_bus_add(struct ssi_bus *bus, struct ssi_device *d)
{
	d->next = bus->devices;
	bus->devices = d;
}

/* Drives a device's chip select; the board turns pins into this. */
static inline void ssi_select(struct ssi_device *d, bool selected)
{
	if (d->selected == selected)
		return;
	d->selected = selected;
	if (d->select)
		d->select(d->opaque, selected);
}

/* 0 where no device is selected: the input pin is pulled down. */
static inline uint32_t ssi_transfer(struct ssi_bus *bus, uint32_t out)
{
	uint32_t in = 0;

	for (struct ssi_device *d = bus->devices; d; d = d->next) {
		if (d->selected)
			in |= d->transfer(d->opaque, out);
	}
	return in;
}

#endif
