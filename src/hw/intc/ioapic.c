/* 82093AA I/O APIC, Intel 290566-001: an index and a window, 24 redirection entries. */
#include "hw/intc/apic.h"

#include "base/log.h"

#include <inttypes.h>

/* Memory-mapped registers (3.1). */
enum { IOREGSEL = 0x00, IOWIN = 0x10 };

/* Indexed registers (3.2). */
enum { IOAPICID = 0x00, IOAPICVER = 0x01, IOAPICARB = 0x02, IOREDTBL = 0x10 };

#define IOAPIC_VERSION (0x11u | (IOAPIC_PINS - 1) << 16)

#define RED_LOGICAL    UINT64_C(0x0800)
#define RED_DELIVS     UINT64_C(0x1000) /* delivery is immediate: always idle */
#define RED_INTPOL     UINT64_C(0x2000)
#define RED_REMOTE_IRR UINT64_C(0x4000)
#define RED_LEVEL      UINT64_C(0x8000)
#define RED_MASKED     UINT64_C(0x10000)
#define RED_READONLY   (RED_DELIVS | RED_REMOTE_IRR)
#define RED_WRITABLE   (UINT64_C(0xff0000000001ffff) & ~RED_READONLY)

static void deliver(struct ioapic *s, unsigned int pin)
{
	uint64_t entry = s->table[pin];
	struct apic_message m = {
		.destination = (uint32_t)(entry >> 56),
		.logical = entry & RED_LOGICAL,
		.level_triggered = entry & RED_LEVEL,
		.delivery = entry >> 8 & 7,
		.vector = (uint8_t)entry,
	};

	if (entry & RED_LEVEL)
		s->table[pin] |= RED_REMOTE_IRR;
	apic_bus_send(s->bus, &m);
}

/* Sends a level-triggered interrupt that is asserted and not yet accepted. */
static void level_service(struct ioapic *s, unsigned int pin)
{
	uint64_t entry = s->table[pin];

	if ((entry & RED_LEVEL) && !(entry & (RED_MASKED | RED_REMOTE_IRR)) &&
	    (s->lines >> pin & 1))
		deliver(s, pin);
}

/*
 * INTPOL is kept but not applied: the board's wires are already "asserted is 1", whichever
 * polarity the pin has. An edge on a masked pin is lost (3.2.4).
 */
static void pin_set(void *opaque, int pin, int level)
{
	struct ioapic *s = opaque;
	bool rising = level && !(s->lines >> pin & 1);

	if (level)
		s->lines |= 1u << pin;
	else
		s->lines &= ~(1u << pin);
	if (s->table[pin] & RED_LEVEL)
		level_service(s, (unsigned int)pin);
	else if (rising && !(s->table[pin] & RED_MASKED))
		deliver(s, (unsigned int)pin);
}

void ioapic_eoi(struct ioapic *s, uint8_t vector)
{
	for (unsigned int pin = 0; pin < IOAPIC_PINS; pin++) {
		uint64_t *entry = &s->table[pin];

		if ((uint8_t)*entry != vector || !(*entry & RED_LEVEL) ||
		    !(*entry & RED_REMOTE_IRR))
			continue;
		*entry &= ~RED_REMOTE_IRR;
		level_service(s, pin);
	}
}

static uint32_t register_read(const struct ioapic *s)
{
	unsigned int pin = (s->select - IOREDTBL) >> 1;

	switch (s->select) {
	case IOAPICID:
	case IOAPICARB: return (uint32_t)s->id << 24;
	case IOAPICVER: return IOAPIC_VERSION;
	default: break;
	}
	if (s->select < IOREDTBL || pin >= IOAPIC_PINS)
		return 0;
	return (uint32_t)(s->table[pin] >> (s->select & 1 ? 32 : 0));
}

static void entry_write(struct ioapic *s, unsigned int pin, bool high, uint32_t value)
{
	uint64_t *entry = &s->table[pin], shifted = (uint64_t)value << (high ? 32 : 0);
	uint64_t mask = RED_WRITABLE & (high ? ~UINT64_C(0xffffffff) : UINT64_C(0xffffffff));

	*entry = (*entry & ~mask) | (shifted & mask);
	/* changing to edge forgets an acceptance: guests use it to recover a stuck pin */
	if (!(*entry & RED_LEVEL))
		*entry &= ~RED_REMOTE_IRR;
	level_service(s, pin);
}

static void register_write(struct ioapic *s, uint32_t value)
{
	unsigned int pin = (s->select - IOREDTBL) >> 1;

	if (s->select == IOAPICID)
		s->id = value >> 24 & 15;
	else if (s->select >= IOREDTBL && pin < IOAPIC_PINS)
		entry_write(s, pin, s->select & 1, value);
	else
		log_printf(LOG_GUEST_ERRORS, "ioapic: write of register %02xh\n", s->select);
}

static uint64_t mmio_read(void *opaque, uint64_t offset, unsigned int size)
{
	struct ioapic *s = opaque;
	unsigned int shift = 8 * (offset & 3);

	switch (offset & 0xfc) {
	case IOREGSEL: return shift ? 0 : s->select;
	case IOWIN: return register_read(s) >> shift;
	default: return 0;
	}
}

static void mmio_write(void *opaque, uint64_t offset, uint64_t value, unsigned int size)
{
	struct ioapic *s = opaque;

	switch (offset & 0xff) {
	case IOREGSEL: s->select = (uint8_t)value; break;
	case IOWIN:
		if (size == 4)
			register_write(s, (uint32_t)value);
		break;
	default: break;
	}
}

static const struct region_ops mmio_ops = {.read = mmio_read, .write = mmio_write, .max_size = 4};

static struct error *ioapic_init(struct device *dev)
{
	struct ioapic *s = (struct ioapic *)dev;

	region_init_io(&s->registers, "ioapic", 0x1000, &mmio_ops, s);
	for (int i = 0; i < IOAPIC_PINS; i++)
		irq_init(&s->inputs[i], pin_set, s, i);
	s->bus->ioapic = s;
	return NULL;
}

static void ioapic_reset(struct device *dev)
{
	struct ioapic *s = (struct ioapic *)dev;

	s->id = s->select = 0;
	s->lines = 0;
	for (unsigned int i = 0; i < IOAPIC_PINS; i++)
		s->table[i] = RED_MASKED;
}

void ioapic_print(const struct ioapic *s, FILE *out)
{
	fprintf(out, "ioapic: id=%u select=%02x lines=%06x\n", s->id, s->select, s->lines);
	for (unsigned int i = 0; i < IOAPIC_PINS; i++)
		fprintf(out, "  pin %-2u %016" PRIx64 "%s\n", i, s->table[i],
			s->table[i] & RED_MASKED ? " masked" : "");
}

static const struct prop ioapic_props[] = {
	PROP_PTR("bus", struct ioapic, bus),
	PROP_END,
};

static const struct field ioapic_state[] = {
	F_U8(struct ioapic, id),
	F_U8(struct ioapic, select),
	F_U32(struct ioapic, lines),
	F_ARRAY(struct ioapic, table),
	FIELD_END,
};

DEVICE(ioapic, struct ioapic, "ioapic", "82093AA I/O APIC", ioapic_props, ioapic_state, ioapic_init,
       ioapic_reset, NULL);
