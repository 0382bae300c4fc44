#include "hw/misc/mmio.h"

struct error *mmio_place(struct device *dev, struct region *parent, uint64_t addr)
{
	struct error *err = device_realize(dev);

	if (!err)
		region_add(parent, addr, &((struct mmio *)dev)->regs, 0);
	return err;
}
