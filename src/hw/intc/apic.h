/*
 * Local APICs, the I/O APIC and the bus between them (Intel SDM volume 3, chapter 11; 82093AA,
 * Intel 290566-001).
 *
 * A board makes one struct apic_bus, one "apic" device for each processor (its properties "cpu" and
 * "bus" set) and one "ioapic". Messages of PCI functions (MSI) arrive through apic_bus.msi, which
 * the board maps at FEE00000h of the space that bus masters see; the processors' registers are
 * apic_bus.registers, at the same address of their space. Machine lock held throughout.
 */
#ifndef HW_INTC_APIC_H
#define HW_INTC_APIC_H

#include "vm/cpu.h"
#include "vm/device.h"
#include "vm/irq.h"
#include "vm/memory.h"
#include "vm/x86-cpu.h"

#define APIC_DEFAULT_BASE UINT64_C(0xfee00000)
#define APIC_SPACE	  0x100000 /* registers; messages */
#define APIC_MAX	  255

enum apic_delivery {
	APIC_FIXED = 0,
	APIC_LOWEST = 1,
	APIC_SMI = 2,
	APIC_NMI = 4,
	APIC_INIT = 5,
	APIC_STARTUP = 6,
	APIC_EXTINT = 7,
};

struct apic_message {
	uint32_t destination; /* 8 bits; FFh is all */
	bool logical, level_triggered, deassert;
	uint8_t delivery, vector;
};

enum apic_lvt { LVT_TIMER, LVT_THERMAL, LVT_PERF, LVT_LINT0, LVT_LINT1, LVT_ERROR, LVT_COUNT };

struct apic {
	struct device dev;
	struct cpu *cpu;
	struct apic_bus *bus;
	uint64_t base; /* MSR 1Bh */
	uint32_t id, tpr, svr, ldr, dfr, icr[2];
	uint32_t esr, errors; /* as last latched; gathered since */
	uint32_t isr[8], tmr[8], irr[8];
	uint32_t lvt[LVT_COUNT];
	uint32_t divide, initial_count;
	int64_t count_start; /* virtual time at which initial_count was loaded */
	struct timer timer;
	bool pic_level; /* LINT0 */
	bool intr;	/* driven to the processor */
};

struct ioapic;

struct apic_bus {
	struct apic *apics[APIC_MAX];
	unsigned int count;
	struct ioapic *ioapic;
	struct region registers, msi;
	/* INTA cycles of an external interrupt (the i8259 pair) */
	int (*acknowledge)(void *opaque);
	void *acknowledge_opaque;
	unsigned int last_lowest; /* arbitration of equal priorities goes round */
};

void apic_bus_init(struct apic_bus *bus);
void apic_bus_send(struct apic_bus *bus, const struct apic_message *m);
/* The level of the i8259 pair's INTR, which is wired to LINT0 of every local APIC. */
void apic_bus_set_lint0(struct apic_bus *bus, int level);
/* An INIT of the processor: all but ID and base. */
void apic_init_reset(struct apic *s);

/* --- what the local APIC and its timer share --- */
uint32_t apic_timer_count(const struct apic *s);
void apic_timer_load(struct apic *s, uint32_t count);
void apic_timer_reconfigure(struct apic *s);
void apic_timer_fired(void *opaque);
void apic_lvt_deliver(struct apic *s, enum apic_lvt n);

#define LVT_MASKED   0x10000u
#define LVT_PERIODIC 0x20000u

/* --- I/O APIC --- */
#define IOAPIC_PINS 24
#define IOAPIC_BASE UINT64_C(0xfec00000)

struct ioapic {
	struct device dev;
	struct apic_bus *bus;
	uint8_t id, select;
	uint32_t lines; /* levels of the pins */
	uint64_t table[IOAPIC_PINS];
	struct irq inputs[IOAPIC_PINS];
	struct region registers;
};

/* End of a level-triggered interrupt, broadcast by a local APIC. */
void ioapic_eoi(struct ioapic *s, uint8_t vector);
void apic_print(const struct apic *s, FILE *out);
void ioapic_print(const struct ioapic *s, FILE *out);

#endif
