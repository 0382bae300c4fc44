#include "machines/arm-board.h"

#include "hw/net/nic.h"
#include "hw/scsi/lsi.h"
#include "vm/arm-cpu.h"

#include <string.h>

static void irq_line(void *opaque, int n, int level)
{
	struct cpu *cpu = opaque;

	cpu->class->set_line(cpu, n, level);
}

struct arm_board *arm_board_new(struct machine *m)
{
	struct arm_board *b = g_new0(struct arm_board, 1);

	b->m = b->boot.m = m;
	region_init(&m->memory_root, "memory", UINT64_C(1) << 32);
	region_init(&m->io_root, "io", 0x10000);
	address_space_init(&m->memory, "memory", &m->memory_root);
	address_space_init(&m->io, "I/O", &m->io_root);
	return b;
}

struct error *arm_board_create_cpus(struct arm_board *b)
{
	struct machine *m = b->m;

	for (unsigned int i = 0; i < m->cpus && i < ARM_MAX_CPUS; i++) {
		struct cpu *cpu;
		struct error *err =
			cpu_new(m->class->cpu_class, m->cpu_model, &m->memory, NULL, &cpu);
		if (err)
			return error_prefix(err, "-cpu");
		irq_init(&b->irq[i], irq_line, cpu, ARM_LINE_IRQ);
		irq_init(&b->fiq[i], irq_line, cpu, ARM_LINE_FIQ);
	}
	return NULL;
}

struct error *arm_board_create_ram(struct arm_board *b, uint32_t addr)
{
	struct machine *m = b->m;
	struct error *err = region_init_ram(&m->ram, "ram", m->ram_size);

	if (err)
		return err;
	region_add(&m->memory_root, addr, &m->ram, 0);
	b->boot.ram_base = addr;
	b->boot.ram_size = m->ram_size;
	return NULL;
}

/* --- devices --- */

struct error *arm_place(struct arm_board *b, struct device *dev, uint32_t addr, struct irq *irq)
{
	mmio_connect(dev, 0, irq);
	return mmio_place(dev, &b->m->memory_root, addr);
}

struct error *arm_place_named(struct arm_board *b, const char *name, uint32_t addr, struct irq *irq)
{
	return arm_place(b, device_new_named(name), addr, irq);
}

struct error *arm_place_rows(struct arm_board *b, const struct arm_row *rows, unsigned int count,
			     struct irq *inputs)
{
	struct error *err = NULL;

	for (unsigned int i = 0; i < count && !err; i++) {
		struct device *dev = device_new_named(rows[i].device);
		for (unsigned int n = 0; n < 2; n++)
			mmio_connect(dev, n, rows[i].irqs[n] < 0 ? NULL : &inputs[rows[i].irqs[n]]);
		err = mmio_place(dev, &b->m->memory_root, rows[i].addr);
	}
	return err;
}

struct error *arm_place_uart(struct arm_board *b, unsigned int index, uint32_t addr,
			     struct irq *irq)
{
	struct device *dev = device_new_named("pl011");

	if (index < MAX_SERIALS)
		device_set_ptr(dev, "chardev", b->m->serial[index]);
	return arm_place(b, dev, addr, irq);
}

struct error *arm_place_master(struct arm_board *b, struct device *dev, uint32_t addr,
			       struct irq *irq)
{
	device_set_ptr(dev, "memory", &b->m->memory);
	return arm_place(b, dev, addr, irq);
}

/* --- cards --- */

/* The first slot is there without -sd too: the monitor can put a card in. */
static struct drive *card_drive(unsigned int unit)
{
	struct drive *drive = drive_get("sd", 0, unit);

	return drive || unit ? drive : drive_new("sd", 0, 0, g_strdup("sd0"));
}

struct error *arm_place_mmci(struct arm_board *b, unsigned int unit, uint32_t addr,
			     struct irq *irq0, struct irq *irq1, struct pl181 **mmci)
{
	struct device *dev = device_new_named("pl181");

	device_set_ptr(dev, "drive", card_drive(unit));
	mmio_connect(dev, 1, irq1);
	if (mmci)
		*mmci = (struct pl181 *)dev;
	return arm_place(b, dev, addr, irq0);
}

/* --- network --- */

static struct nic_config *onboard_nic(struct machine *m)
{
	for (unsigned int i = 0; m->nics && i < m->nics->len; i++) {
		struct nic_config *config = g_ptr_array_index(m->nics, i);
		if (!config->used && (!config->model || strcmp(config->model, "smc91c111") == 0))
			return config;
	}
	return NULL;
}

struct error *arm_place_smc91c111(struct arm_board *b, uint32_t addr, struct irq *irq)
{
	struct nic_config *config = onboard_nic(b->m);
	struct device *dev = device_new_named("smc91c111");

	struct error *err = config ? nic_attach(dev, config) : NULL;

	if (err) {
		device_free(dev);
		return err;
	}
	return arm_place(b, dev, addr, irq);
}

static struct error *plug_nics(struct arm_board *b, struct pci_bus *bus)
{
	struct machine *m = b->m;
	struct error *err = NULL;

	for (unsigned int i = 0; m->nics && i < m->nics->len && !err; i++) {
		struct nic_config *config = g_ptr_array_index(m->nics, i);
		struct device *dev;
		if (config->used)
			continue;
		err = nic_new(config, "rtl8139", "PCI", &dev);
		if (!err)
			err = nic_plug(config, bus, dev);
	}
	return err;
}

static struct error *plug_usb(struct arm_board *b, struct pci_bus *bus)
{
	const struct device_class *class = device_class_find("pci-ohci");

	return b->m->usb && class ? pci_plug(bus, device_new(class)) : NULL;
}

struct error *arm_plug_cards(struct arm_board *b, struct pci_bus *bus)
{
	struct error *err = plug_nics(b, bus);

	err = err ? err : plug_usb(b, bus);
	return err ? err : lsi_create_for_drives(bus);
}
