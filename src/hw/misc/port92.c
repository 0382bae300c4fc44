/*
 * Port 92h of the PS/2: fast A20 and fast reset. Source: IBM PS/2 Hardware Interface Technical
 * Reference, "System Control Port A". Property "a20": the line it drives.
 */
#include "hw/isa/isa.h"

#include "vm/runstate.h"

#define FAST_RESET 0x01
#define A20	   0x02

struct port92 {
	struct device dev;
	uint8_t value;
	struct irq *a20;
	struct region port;
};

static uint64_t port_read(void *opaque, uint64_t offset, unsigned int size)
{
	return ((struct port92 *)opaque)->value;
}

static void port_write(void *opaque, uint64_t offset, uint64_t value, unsigned int size)
{
	struct port92 *s = opaque;
	bool reset = value & ~s->value & FAST_RESET;

	s->value = (uint8_t)value;
	irq_set(s->a20, (value & A20) != 0);
	if (reset)
		machine_request_reset();
}

static const struct region_ops port_ops = {.read = port_read, .write = port_write, .max_size = 1};

static struct error *port92_init(struct device *dev)
{
	struct port92 *s = (struct port92 *)dev;

	region_init_io(&s->port, "port92", 1, &port_ops, s);
	isa_map_io(dev, 0x92, &s->port);
	return NULL;
}

static void port92_reset(struct device *dev)
{
	/* Open, as the keyboard controller has it: the reset vector is in an odd megabyte. */
	((struct port92 *)dev)->value = A20;
}

static void port92_settle(struct device *dev)
{
	struct port92 *s = (struct port92 *)dev;

	irq_set(s->a20, (s->value & A20) != 0);
}

static const struct prop port92_props[] = {
	PROP_PTR("a20", struct port92, a20),
	PROP_END,
};

static const struct field port92_state[] = {
	F_U8(struct port92, value),
	FIELD_END,
};

DEVICE_CLASS(port92, .name = "port92", .help = "fast A20 and reset", .bus = "ISA",
	     .size = sizeof(struct port92), .props = port92_props, .state = port92_state,
	     .init = port92_init, .reset = port92_reset, .settle = port92_settle, .hidden = true);
