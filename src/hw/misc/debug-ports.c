/*
 * Ports for the authors of firmware and tests: isa-debug-exit ends the emulator with a status,
 * isa-debugcon passes bytes to a character back end.
 */
#include "hw/isa/isa.h"

#include "vm/chardev.h"
#include "vm/runstate.h"

/* --- isa-debug-exit --- */

struct debug_exit {
	struct device dev;
	uint32_t iobase, iosize;
	struct region port;
};

static uint64_t exit_read(void *opaque, uint64_t offset, unsigned int size)
{
	return 0;
}

/* The status is odd, so that a test's success differs from the emulator's. */
static void exit_write(void *opaque, uint64_t offset, uint64_t value, unsigned int size)
{
	machine_request_quit((int)(value << 1 | 1) & 0xff);
}

static const struct region_ops exit_ops = {.read = exit_read, .write = exit_write, .max_size = 4};

static struct error *exit_init(struct device *dev)
{
	struct debug_exit *s = (struct debug_exit *)dev;

	if (s->iosize == 0 || s->iobase > 0xffff || s->iosize > 0x10000 - s->iobase)
		return error_new("isa-debug-exit: ports %x to %x do not exist", s->iobase,
				 s->iobase + s->iosize - 1);
	region_init_io(&s->port, "isa-debug-exit", s->iosize, &exit_ops, s);
	isa_map_io(dev, (uint16_t)s->iobase, &s->port);
	return NULL;
}

static const struct prop exit_props[] = {
	PROP_U32("iobase", struct debug_exit, iobase, 0x501, "first port"),
	PROP_U32("iosize", struct debug_exit, iosize, 2, "number of ports"),
	PROP_END,
};

static const struct field no_state[] = {FIELD_END};

DEVICE_CLASS(debug_exit, .name = "isa-debug-exit", .help = "ends the emulator with a status",
	     .bus = "ISA", .size = sizeof(struct debug_exit), .props = exit_props,
	     .state = no_state, .init = exit_init);

/* --- isa-debugcon --- */

struct debugcon {
	struct device dev;
	uint32_t iobase, readback;
	struct chardev *chr;
	struct region port;
};

static uint64_t debugcon_read(void *opaque, uint64_t offset, unsigned int size)
{
	return ((struct debugcon *)opaque)->readback;
}

static void debugcon_write(void *opaque, uint64_t offset, uint64_t value, unsigned int size)
{
	uint8_t byte = (uint8_t)value;

	chardev_write(((struct debugcon *)opaque)->chr, &byte, 1);
}

static const struct region_ops debugcon_ops = {
	.read = debugcon_read, .write = debugcon_write, .max_size = 1};

static struct error *debugcon_init(struct device *dev)
{
	struct debugcon *s = (struct debugcon *)dev;

	if (s->iobase > 0xffff)
		return error_new("isa-debugcon: port %x does not exist", s->iobase);
	region_init_io(&s->port, "isa-debugcon", 1, &debugcon_ops, s);
	isa_map_io(dev, (uint16_t)s->iobase, &s->port);
	return NULL;
}

static const struct prop debugcon_props[] = {
	PROP_U32("iobase", struct debugcon, iobase, 0xe9, "port; firmware uses 402h"),
	PROP_U32("readback", struct debugcon, readback, 0xe9, "what a read returns"),
	PROP_CHR("chardev", struct debugcon, chr, "back end"),
	PROP_END,
};

DEVICE_CLASS(debugcon, .name = "isa-debugcon", .help = "port that prints bytes", .bus = "ISA",
	     .size = sizeof(struct debugcon), .props = debugcon_props, .state = no_state,
	     .init = debugcon_init);
