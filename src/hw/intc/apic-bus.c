/*
 * Messages between APICs: destinations, arbitration and message-signalled interrupts.
 * Source: Intel SDM volume 3A, sections 11.6.2 and 11.11.
 */
#include "hw/intc/apic-internal.h"

/* Lowest priority: the accepting APIC of least priority; equals take turns. */
static void send_lowest(struct apic_bus *bus, const struct apic_message *m)
{
	struct apic *best = NULL;
	unsigned int best_at = 0;

	for (unsigned int i = 0; i < bus->count; i++) {
		unsigned int at = (bus->last_lowest + 1 + i) % bus->count;
		struct apic *s = bus->apics[at];

		if (!apic_is_destination(s, m->destination, m->logical) || !apic_accepts_fixed(s))
			continue;
		if (best && apic_arbitration_priority(s) >= apic_arbitration_priority(best))
			continue;
		best = s;
		best_at = at;
	}
	if (!best)
		return;
	bus->last_lowest = best_at;
	apic_accept(best, m);
}

void apic_bus_send(struct apic_bus *bus, const struct apic_message *m)
{
	if (m->delivery == APIC_LOWEST) {
		send_lowest(bus, m);
		return;
	}
	for (unsigned int i = 0; i < bus->count; i++) {
		if (apic_is_destination(bus->apics[i], m->destination, m->logical))
			apic_accept(bus->apics[i], m);
	}
}

void apic_bus_set_lint0(struct apic_bus *bus, int level)
{
	for (unsigned int i = 0; i < bus->count; i++)
		apic_set_lint0(bus->apics[i], level);
}

static uint64_t msi_read(void *opaque, uint64_t offset, unsigned int size)
{
	return UINT32_MAX >> (32 - 8 * size);
}

/* The address holds the destination (19:12) and its mode (2), the data what the ICR's low word has.
 */
static void msi_write(void *opaque, uint64_t offset, uint64_t value, unsigned int size)
{
	struct apic_message m = {
		.destination = (uint32_t)(offset >> 12) & 0xff,
		.logical = offset & 4,
		.level_triggered = value & 0x8000,
		.deassert = !(value & 0x4000),
		.delivery = value >> 8 & 7,
		.vector = (uint8_t)value,
	};

	apic_bus_send(opaque, &m);
}

static const struct region_ops register_ops = {
	.read = apic_mmio_read, .write = apic_mmio_write, .max_size = 4};
static const struct region_ops msi_ops = {.read = msi_read, .write = msi_write, .max_size = 4};

void apic_bus_init(struct apic_bus *bus)
{
	region_init_io(&bus->registers, "apic", APIC_SPACE, &register_ops, bus);
	region_init_io(&bus->msi, "apic-msi", APIC_SPACE, &msi_ops, bus);
}
