/*
 * Port 61h, "port B" of the PC: gate of counter 2, speaker, refresh and parity bits.
 * Source: 82371SB (290550-002), 2.5.5.1 NMI status and control register.
 */
#include "hw/misc/port61.h"

#define TIMER_GATE   0x01
#define SPEAKER_DATA 0x02
#define ENABLES	     0x0c /* SERR# and IOCHK# enables, active low; kept, nothing raises them */
#define REFRESH	     0x10
#define TIMER_OUT    0x20

/* Refresh requests toggle the bit; programs time short delays by it. */
#define REFRESH_NS 15085

static uint64_t port_read(void *opaque, uint64_t offset, unsigned int size)
{
	struct port61 *s = opaque;
	uint8_t value = s->value;

	if (clock_now(CLOCK_VIRTUAL) / REFRESH_NS & 1)
		value |= REFRESH;
	if (i8254_out(s->pit, 2))
		value |= TIMER_OUT;
	return value;
}

static void port_write(void *opaque, uint64_t offset, uint64_t value, unsigned int size)
{
	struct port61 *s = opaque;

	s->value = value & (TIMER_GATE | SPEAKER_DATA | ENABLES);
	i8254_set_gate(s->pit, 2, value & TIMER_GATE);
}

static const struct region_ops port_ops = {.read = port_read, .write = port_write, .max_size = 1};

static struct error *port61_init(struct device *dev)
{
	struct port61 *s = (struct port61 *)dev;

	region_init_io(&s->port, "port61", 1, &port_ops, s);
	isa_map_io(dev, 0x61, &s->port);
	return NULL;
}

static void port61_reset(struct device *dev)
{
	((struct port61 *)dev)->value = 0;
}

static const struct prop port61_props[] = {
	PROP_PTR("pit", struct port61, pit),
	PROP_END,
};

static const struct field port61_state[] = {
	F_U8(struct port61, value),
	FIELD_END,
};

DEVICE_CLASS(port61, .name = "isa-pcspk", .help = "PC speaker and port 61h", .bus = "ISA",
	     .size = sizeof(struct port61), .props = port61_props, .state = port61_state,
	     .init = port61_init, .reset = port61_reset, .hidden = true);
