/*
 * Two-wire interface of the Versatile and RealView boards: software moves the lines. Source: ARM
 * DUI 0225D, 4.12.
 */
#include "hw/i2c/i2c-bitbang.h"
#include "hw/misc/mmio.h"

#include "base/log.h"

enum { SB_CONTROL = 0x00, SB_CONTROLC = 0x04 }; /* the second: write to clear */

#define SCL 0x1
#define SDA 0x2

struct versatile_i2c {
	struct mmio mmio;
	struct i2c_bus bus;
	struct i2c_bitbang lines;
	uint8_t out;
};

static uint64_t i2c_read_reg(void *opaque, uint64_t offset, unsigned int size)
{
	struct versatile_i2c *s = opaque;

	if (offset == SB_CONTROL)
		return (s->out & SCL) | (i2c_bitbang_sda(&s->lines) ? SDA : 0);
	log_printf(LOG_GUEST_ERRORS, "versatile-i2c: read of register %02x\n",
		   (unsigned int)offset);
	return 0;
}

static void i2c_write_reg(void *opaque, uint64_t offset, uint64_t value, unsigned int size)
{
	struct versatile_i2c *s = opaque;

	if (offset == SB_CONTROL)
		s->out |= value & (SCL | SDA);
	else if (offset == SB_CONTROLC)
		s->out &= (uint8_t)~value;
	else
		log_printf(LOG_GUEST_ERRORS, "versatile-i2c: write of register %02x\n",
			   (unsigned int)offset);
	i2c_bitbang_set(&s->lines, s->out & SCL, s->out & SDA);
}

static const struct region_ops ops = {
	.read = i2c_read_reg, .write = i2c_write_reg, .min_size = 4, .max_size = 4};

static struct error *versatile_i2c_init(struct device *dev)
{
	struct versatile_i2c *s = (struct versatile_i2c *)dev;
	struct device *rtc;

	region_init_io(&s->mmio.regs, "versatile-i2c", 0x1000, &ops, s);
	i2c_bus_init(&s->bus, "i2c.0");
	s->lines.bus = &s->bus;
	return i2c_create(&s->bus, "ds1338", 0x68, &rtc);
}

static void versatile_i2c_reset(struct device *dev)
{
	struct versatile_i2c *s = (struct versatile_i2c *)dev;

	s->out = SCL | SDA;
	i2c_bitbang_reset(&s->lines);
}

static struct error *versatile_i2c_post_load(struct device *dev)
{
	struct versatile_i2c *s = (struct versatile_i2c *)dev;
	struct error *err = i2c_bus_post_load(&s->bus);

	return err ? err : i2c_bitbang_post_load(&s->lines);
}

static const struct prop props[] = {PROP_END};

static const struct field state[] = {
	F_STRUCT(struct versatile_i2c, bus, i2c_bus_state),
	F_STRUCT(struct versatile_i2c, lines, i2c_bitbang_state),
	F_U8(struct versatile_i2c, out),
	FIELD_END,
};

DEVICE_CLASS(versatile_i2c, .name = "versatile-i2c", .help = "Versatile two-wire interface",
	     .bus = "System", .size = sizeof(struct versatile_i2c), .props = props, .state = state,
	     .init = versatile_i2c_init, .reset = versatile_i2c_reset,
	     .post_load = versatile_i2c_post_load, .hidden = true);
