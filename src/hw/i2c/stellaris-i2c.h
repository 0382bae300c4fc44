#ifndef HW_I2C_STELLARIS_I2C_H
#define HW_I2C_STELLARIS_I2C_H

#include "hw/i2c/i2c.h"
#include "hw/misc/mmio.h"

struct stellaris_i2c {
	struct mmio mmio; /* output 0: the interrupt */
	struct i2c_bus bus;
	uint32_t msa, mcs, mdr, mtpr, mimr, mris, mcr;
};

#endif
