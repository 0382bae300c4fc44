/* ISA: plugging, ports and interrupt lines. DMA channels belong to the 8237 (hw/dma). */
#include "hw/isa/isa.h"

#include <stdlib.h>

struct isa_bus *isa_bus_of(struct device *dev)
{
	return (struct isa_bus *)dev->bus;
}

void isa_map_io(struct device *dev, uint16_t port, struct region *region)
{
	region_add(isa_bus_of(dev)->io, port, region, 0);
}

struct irq *isa_irq(struct device *dev, unsigned int number)
{
	if (number > 15)
		abort();
	return isa_bus_of(dev)->irqs[number];
}

struct error *isa_plug(struct isa_bus *bus, struct device *dev)
{
	dev->bus = (struct bus *)bus;
	return device_realize(dev);
}

struct error *isa_create(struct isa_bus *bus, const char *name, struct device **dev)
{
	struct device *d = device_new_named(name);

	if (dev)
		*dev = d;
	return isa_plug(bus, d);
}
