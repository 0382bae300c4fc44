/*
 * What the ARM boards have in common: address space, processors and their interrupt lines, and
 * devices placed by hand. A board's init:
 *
 *	struct arm_board *b = arm_board_new(m);
 *	region_batch_begin();
 *	err = arm_board_create_cpus(b);
 *	err = err ? err : arm_board_create_ram(b, 0);
 *	... arm_place(), arm_place_uart() ...
 *	region_batch_end();
 *	b->boot.board_id = 387;
 *	return err ? err : arm_boot_load(&b->boot);
 */
#ifndef MACHINES_ARM_BOARD_H
#define MACHINES_ARM_BOARD_H

#include "hw/misc/mmio.h"
#include "hw/pci/pci.h"
#include "hw/sd/pl181.h"
#include "machines/arm-boot.h"
#include "vm/machine.h"

#define ARM_MAX_CPUS 4

struct arm_board {
	struct machine *m;
	struct arm_boot boot;
	/* nIRQ and nFIQ of each processor, as sinks for an interrupt controller */
	struct irq irq[ARM_MAX_CPUS], fiq[ARM_MAX_CPUS];
};

/* One device of a board's table. */
struct arm_row {
	const char *device; /* class whose struct begins with struct mmio */
	uint32_t addr;
	int irqs[2]; /* inputs of the interrupt controller for outputs 0 and 1; -1: not connected */
};

struct arm_board *arm_board_new(struct machine *m);
/* m->cpus processors of the model that -cpu or the machine names. */
struct error *arm_board_create_cpus(struct arm_board *b) NODISCARD;
/* m->ram_size bytes at `addr`; tells the loader. */
struct error *arm_board_create_ram(struct arm_board *b, uint32_t addr) NODISCARD;

/* Places what device_new_named() made; its output 0 drives `irq` (may be NULL). */
struct error *arm_place(struct arm_board *b, struct device *dev, uint32_t addr,
			struct irq *irq) NODISCARD;
/* The same by class name. */
struct error *arm_place_named(struct arm_board *b, const char *name, uint32_t addr,
			      struct irq *irq) NODISCARD;
/* A table of devices on one interrupt controller. */
struct error *arm_place_rows(struct arm_board *b, const struct arm_row *rows, unsigned int count,
			     struct irq *inputs) NODISCARD;
/* A PL011 with the index-th -serial. */
struct error *arm_place_uart(struct arm_board *b, unsigned int index, uint32_t addr,
			     struct irq *irq) NODISCARD;

/* A memory-mapped device that masters the bus: its property "memory" is the system's. */
struct error *arm_place_master(struct arm_board *b, struct device *dev, uint32_t addr,
			       struct irq *irq) NODISCARD;
/* A PL181 with the unit-th -sd; *mmci may be NULL. */
struct error *arm_place_mmci(struct arm_board *b, unsigned int unit, uint32_t addr,
			     struct irq *irq0, struct irq *irq1, struct pl181 **mmci) NODISCARD;
/* The SMC91C111 of the board: the first -net nic that asks for it or for none in particular. */
struct error *arm_place_smc91c111(struct arm_board *b, uint32_t addr, struct irq *irq) NODISCARD;
/* What goes into the slots of `bus`: all other -net nic, the USB controller of -usb, SCSI adapters
 * for the disks. */
struct error *arm_plug_cards(struct arm_board *b, struct pci_bus *bus) NODISCARD;

#endif
