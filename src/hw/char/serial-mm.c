/* Memory-mapped 16550 of boards other than the PC. */
#include "hw/char/serial-mm.h"

static uint64_t registers_read(void *opaque, uint64_t offset, unsigned int size)
{
	struct serial_mm *s = opaque;

	return uart_read(&s->uart, (unsigned int)(offset >> s->regshift) & 7);
}

static void registers_write(void *opaque, uint64_t offset, uint64_t value, unsigned int size)
{
	struct serial_mm *s = opaque;

	uart_write(&s->uart, (unsigned int)(offset >> s->regshift) & 7, (uint8_t)value);
}

/* A wide access is one access to one register, whose byte is the value's lowest. */
static const struct region_ops little_ops = {
	.read = registers_read, .write = registers_write, .max_size = 8};
static const struct region_ops big_ops = {
	.read = registers_read, .write = registers_write, .max_size = 8, .big_endian = true};

static struct error *serial_init(struct device *dev)
{
	struct serial_mm *s = (struct serial_mm *)dev;

	if (s->regshift > 4)
		return error_new("serial-mm: regshift %u is more than 4", s->regshift);
	uart_init(&s->uart, s->chr, s->irq, s->baudbase);
	region_init_io(&s->registers, "serial", UINT64_C(8) << s->regshift,
		       s->endianness ? &big_ops : &little_ops, s);
	return NULL;
}

static void serial_reset(struct device *dev)
{
	uart_reset(&((struct serial_mm *)dev)->uart);
}

static void serial_settle(struct device *dev)
{
	uart_settle(&((struct serial_mm *)dev)->uart);
}

static struct error *serial_post_load(struct device *dev)
{
	return uart_post_load(&((struct serial_mm *)dev)->uart);
}

static const struct prop serial_props[] = {
	PROP_U8("regshift", struct serial_mm, regshift, 0, "registers are 1 << this bytes apart"),
	PROP_U8("endianness", struct serial_mm, endianness, 0, "1: big endian"),
	PROP_U32("baudbase", struct serial_mm, baudbase, 115200, "input clock / 16"),
	PROP_CHR("chardev", struct serial_mm, chr, "back end"),
	PROP_PTR("irq", struct serial_mm, irq),
	PROP_END,
};

static const struct field serial_state[] = {
	F_STRUCT(struct serial_mm, uart, uart_state),
	FIELD_END,
};

DEVICE_CLASS(serial_mm, .name = "serial-mm", .help = "memory-mapped 16550A", .bus = "System",
	     .size = sizeof(struct serial_mm), .props = serial_props, .state = serial_state,
	     .init = serial_init, .reset = serial_reset, .settle = serial_settle,
	     .post_load = serial_post_load, .hidden = true);
