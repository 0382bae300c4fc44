#include "hw/i2c/i2c.h"

#include "vm/plug.h"

const struct prop i2c_props[] = {
	PROP_U8("address", struct i2c_device, address, 0, "7-bit address on the bus"),
	PROP_END,
};

static struct error *plug(void *bus, struct device *dev)
{
	return i2c_plug(bus, dev);
}

void i2c_bus_init(struct i2c_bus *bus, const char *name)
{
	*bus = (struct i2c_bus){.current = I2C_NONE};
	if (name)
		plug_add_bus("I2C", name, bus, plug);
}

struct error *i2c_plug(struct i2c_bus *bus, struct device *dev)
{
	struct i2c_device *d = (struct i2c_device *)dev;
	struct error *err = NULL;

	if (d->address > 127)
		err = error_new("address 0x%x: I2C addresses are 0 to 127", d->address);
	else if (bus->targets[d->address])
		err = error_new("address 0x%x is taken by \"%s\"", d->address,
				bus->targets[d->address]->dev.class->name);
	if (err) {
		device_free(dev);
		return err;
	}
	uint8_t address = d->address;
	d->i2c_bus = bus;
	err = device_realize(dev);
	if (!err)
		bus->targets[address] = d;
	return err;
}

struct error *i2c_create(struct i2c_bus *bus, const char *name, uint8_t address,
			 struct device **dev)
{
	*dev = device_new_named(name);
	device_set_u64(*dev, "address", address);
	return i2c_plug(bus, *dev);
}

static struct i2c_device *selected(struct i2c_bus *bus)
{
	return bus->current == I2C_NONE ? NULL : bus->targets[bus->current & 0x7f];
}

static const struct i2c_ops *ops_of(const struct i2c_device *d)
{
	return d->dev.class->bus_info;
}

bool i2c_start(struct i2c_bus *bus, uint8_t address, bool read)
{
	struct i2c_device *d = bus->targets[address & 0x7f];

	if (bus->current != I2C_NONE && bus->current != (address & 0x7f))
		i2c_stop(bus);
	if (!d || (ops_of(d)->start && !ops_of(d)->start(d, read))) {
		bus->current = I2C_NONE;
		return false;
	}
	bus->current = address & 0x7f;
	bus->reading = read;
	return true;
}

bool i2c_write(struct i2c_bus *bus, uint8_t byte)
{
	struct i2c_device *d = selected(bus);

	return d && !bus->reading && ops_of(d)->write(d, byte);
}

uint8_t i2c_read(struct i2c_bus *bus)
{
	struct i2c_device *d = selected(bus);

	return d && bus->reading ? ops_of(d)->read(d) : 0xff;
}

void i2c_stop(struct i2c_bus *bus)
{
	struct i2c_device *d = selected(bus);

	bus->current = I2C_NONE;
	if (d && ops_of(d)->stop)
		ops_of(d)->stop(d);
}

const struct field i2c_bus_state[] = {
	F_U8(struct i2c_bus, current),
	F_BOOL(struct i2c_bus, reading),
	FIELD_END,
};

struct error *i2c_bus_post_load(struct i2c_bus *bus)
{
	if (bus->current != I2C_NONE && bus->current > 127)
		return error_new("I2C bus: target %u does not exist", bus->current);
	return NULL;
}
