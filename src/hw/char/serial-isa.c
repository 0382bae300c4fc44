/* COM ports: a PC16550D at one of the four usual addresses, with OUT2 as interrupt enable. */
#include "hw/char/uart16550.h"
#include "hw/isa/isa.h"

#define PC_BASE_BAUD 115200

struct serial_isa {
	struct device dev;
	struct uart uart;
	struct chardev *chr;
	uint32_t index, iobase, irq;
	struct region ports;
};

static const uint16_t default_ports[4] = {0x3f8, 0x2f8, 0x3e8, 0x2e8};
static const uint8_t default_irqs[4] = {4, 3, 4, 3};

static uint64_t ports_read(void *opaque, uint64_t offset, unsigned int size)
{
	return uart_read(&((struct serial_isa *)opaque)->uart, (unsigned int)offset);
}

static void ports_write(void *opaque, uint64_t offset, uint64_t value, unsigned int size)
{
	uart_write(&((struct serial_isa *)opaque)->uart, (unsigned int)offset, (uint8_t)value);
}

static const struct region_ops port_ops = {.read = ports_read, .write = ports_write, .max_size = 1};

static struct error *serial_init(struct device *dev)
{
	struct serial_isa *s = (struct serial_isa *)dev;

	if (s->index > 3)
		return error_new("isa-serial: index %u: ports are 0 to 3", s->index);
	if (s->iobase == 0)
		s->iobase = default_ports[s->index];
	if (s->irq == 0)
		s->irq = default_irqs[s->index];
	if (s->irq > 15 || s->iobase > 0xfff8)
		return error_new("isa-serial: irq %u or port %x does not exist", s->irq, s->iobase);
	s->uart.gate_irq = true;
	uart_init(&s->uart, s->chr, isa_irq(dev, s->irq), PC_BASE_BAUD);
	region_init_io(&s->ports, "serial", 8, &port_ops, s);
	isa_map_io(dev, (uint16_t)s->iobase, &s->ports);
	return NULL;
}

static void serial_reset(struct device *dev)
{
	uart_reset(&((struct serial_isa *)dev)->uart);
}

static void serial_settle(struct device *dev)
{
	uart_settle(&((struct serial_isa *)dev)->uart);
}

static struct error *serial_post_load(struct device *dev)
{
	return uart_post_load(&((struct serial_isa *)dev)->uart);
}

static const struct prop serial_props[] = {
	PROP_U32("index", struct serial_isa, index, 0, "COM port, from 0"),
	PROP_U32("iobase", struct serial_isa, iobase, 0, "first port; default that of the index"),
	PROP_U32("irq", struct serial_isa, irq, 0, "interrupt line; default that of the index"),
	PROP_CHR("chardev", struct serial_isa, chr, "back end"),
	PROP_END,
};

static const struct field serial_state[] = {
	F_STRUCT(struct serial_isa, uart, uart_state),
	FIELD_END,
};

DEVICE_CLASS(serial_isa, .name = "isa-serial", .help = "16550A serial port", .bus = "ISA",
	     .size = sizeof(struct serial_isa), .props = serial_props, .state = serial_state,
	     .init = serial_init, .reset = serial_reset, .settle = serial_settle,
	     .post_load = serial_post_load);
