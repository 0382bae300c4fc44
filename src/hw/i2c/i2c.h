/*
 * I2C: a bus of addressed targets and the controller's side of a transfer. Source: UM10204 (I2C-bus
 * specification).
 *
 * A target is a device of bus kind "I2C" whose struct begins with `struct i2c_device`; its class's
 * bus_info is a `struct i2c_ops`. One target is selected from a start condition until a stop or
 * the start of another transfer. Machine lock held.
 */
#ifndef HW_I2C_I2C_H
#define HW_I2C_I2C_H

#include "vm/device.h"

#include <stdbool.h>

struct i2c_device;

struct i2c_ops {
	/* A start or repeated start addressed this target; false: it does not acknowledge. */
	bool (*start)(struct i2c_device *d, bool read);	   /* NULL: always there */
	bool (*write)(struct i2c_device *d, uint8_t byte); /* false: not acknowledged */
	uint8_t (*read)(struct i2c_device *d);
	/* The transfer is over. The controller refused the last byte that was read, or stopped. */
	void (*stop)(struct i2c_device *d); /* may be NULL */
};

struct i2c_bus;

struct i2c_device {
	struct device dev; /* first member */
	struct i2c_bus *i2c_bus;
	uint8_t address; /* 7 bits; property "address" */
};

/* Properties of a target's class: .bus_props = i2c_props, with .bus = "I2C". */
extern const struct prop i2c_props[];

struct i2c_bus {
	struct i2c_device *targets[128];
	uint8_t current; /* address of the selected target, I2C_NONE: none */
	bool reading;
};

#define I2C_NONE 0xff

/* Makes a bus and offers it to -device under `name` (borrowed; NULL: to boards only). */
void i2c_bus_init(struct i2c_bus *bus, const char *name);
/* Plugs and realizes a target whose properties are set; on error it is freed. */
struct error *i2c_plug(struct i2c_bus *bus, struct device *dev) NODISCARD;
/* Boards: makes a target by class name at an address. Aborts on a wrong name. */
struct error *i2c_create(struct i2c_bus *bus, const char *name, uint8_t address,
			 struct device **dev) NODISCARD;

/* The controller's side. False: no target acknowledged. */
bool i2c_start(struct i2c_bus *bus, uint8_t address, bool read);
bool i2c_write(struct i2c_bus *bus, uint8_t byte);
uint8_t i2c_read(struct i2c_bus *bus); /* ffh where nobody is selected */
void i2c_stop(struct i2c_bus *bus);

/* Which target is selected belongs to the controller's state. */
extern const struct field i2c_bus_state[];
struct error *i2c_bus_post_load(struct i2c_bus *bus) NODISCARD;

#endif
