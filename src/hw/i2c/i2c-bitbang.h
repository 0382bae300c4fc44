/*
 * An I2C bus whose controller is software that moves the two lines: turns their edges into
 * transfers. Source: UM10204, chapter 3. Machine lock held.
 */
#ifndef HW_I2C_I2C_BITBANG_H
#define HW_I2C_I2C_BITBANG_H

#include "hw/i2c/i2c.h"

struct i2c_bitbang {
	struct i2c_bus *bus;
	uint8_t phase;
	uint8_t bits; /* clocks of this byte that have begun: eight, and one of the acknowledge */
	uint8_t byte;
	bool refused;	 /* what the acknowledge said */
	bool scl, sda;	 /* as software drives them; true: released */
	bool target_sda; /* as the target drives it */
};

void i2c_bitbang_reset(struct i2c_bitbang *b);
/* New levels of the lines; true is released (high). */
void i2c_bitbang_set(struct i2c_bitbang *b, bool scl, bool sda);
/* The data line as everybody sees it. */
bool i2c_bitbang_sda(const struct i2c_bitbang *b);

/* The bus is the owner's to save. */
extern const struct field i2c_bitbang_state[];
struct error *i2c_bitbang_post_load(const struct i2c_bitbang *b) NODISCARD;

#endif
