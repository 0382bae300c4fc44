/* The PC with an i440FX chip set: "pc", the default of the x86 targets. */
#include "hw/scsi/lsi.h"
#include "machines/pc.h"

#include "vm/x86-cpu.h"

#include <string.h>

/* RAM that would reach into the last 512 MiB below 4 GiB stops at 3 GiB instead. */
#define LOW_RAM_LIMIT UINT64_C(0xe0000000)
#define LOW_RAM_SPLIT UINT64_C(0xc0000000)

static struct error *create_memory(struct pc *pc)
{
	struct machine *m = pc->m;
	struct error *err = region_init_ram(&m->ram, "pc.ram", m->ram_size);

	if (err)
		return err;
	pc->low_ram = m->ram_size > LOW_RAM_LIMIT ? LOW_RAM_SPLIT : m->ram_size;
	pc->high_ram = m->ram_size - pc->low_ram;
	region_init_alias(&pc->ram_low, "ram-below-4g", &m->ram, 0, pc->low_ram);
	region_add(&m->memory_root, 0, &pc->ram_low, 0);
	if (pc->high_ram) {
		region_init_alias(&pc->ram_high, "ram-above-4g", &m->ram, pc->low_ram,
				  pc->high_ram);
		region_add(&m->memory_root, PC_4G, &pc->ram_high, 0);
	}
	region_init(&pc->pci_memory, "pci", UINT64_MAX);
	region_add(&m->memory_root, 0, &pc->pci_memory, -1);

	region_init(&pc->dma_root, "dma", UINT64_MAX);
	region_init_alias(&pc->dma_memory, "dma-memory", &m->memory_root, 0, UINT64_MAX);
	region_add(&pc->dma_root, 0, &pc->dma_memory, 0);
	region_add(&pc->dma_root, APIC_DEFAULT_BASE, &pc->apic_bus.msi, 1);
	address_space_init(&pc->dma, "dma", &pc->dma_root);
	pc->dma.unassigned = 0xff;
	return NULL;
}

static struct error *create_host_bridge(struct pc *pc)
{
	struct device *dev;
	struct error *err;

	pci_bus_init(&pc->pci, "pci.0", &pc->pci_memory, &pc->m->io_root, &pc->dma);
	pc->m->pci = (struct bus *)&pc->pci;
	dev = device_new_named("i440FX");
	device_set_ptr(dev, "system", &pc->m->memory_root);
	device_set_ptr(dev, "ram", &pc->m->ram);
	pc->host = (struct i440fx *)dev;
	pc->host->pci.devfn = PCI_DEVFN(0, 0);
	err = pci_plug(&pc->pci, dev);
	for (struct cpu *cpu = cpu_first(); cpu && !err; cpu = cpu->next)
		cpu->smm_memory = &pc->host->smm_space;
	return err;
}

static struct error *create_bridge(struct pc *pc)
{
	struct device *dev = device_new_named("PIIX3");
	struct error *err;

	device_set_ptr(dev, "irqs", pc->isa.irqs);
	pc->bridge = (struct piix3 *)dev;
	pc->bridge->pci.devfn = PCI_DEVFN(1, 0);
	err = pci_plug(&pc->pci, dev);
	if (err)
		return err;
	pc->pci.set_irq = piix3_set_irq;
	pc->pci.opaque = pc->bridge;
	pc->host->type1.byte_ops = &piix3_rcr_ops;
	pc->host->type1.byte_opaque = pc->bridge;
	return NULL;
}

/* Memory modules for the EEPROMs: the largest powers of two first, at most 1 GiB each. */
static void create_modules(struct pc *pc)
{
	uint64_t left = pc->m->ram_size >> 20;

	for (unsigned int i = 0; i < PC_MODULES; i++) {
		unsigned int mib = 0;

		if (left >= 1024)
			mib = 1024;
		else if (left >= 8)
			mib = 1u << (63 - __builtin_clzll(left));
		left -= mib;
		if (mib)
			spd_fill_sdram(pc->modules[i].data, mib);
		smbus_eeprom_init(&pc->modules[i], &pc->pm->smbus, 0x50 + i);
	}
}

/* -machine smm=off keeps firmware from using system management mode. */
static bool smm_wanted(const struct machine *m)
{
	const char *value = m->options ? g_hash_table_lookup(m->options, "smm") : NULL;

	return !value || (strcmp(value, "off") != 0 && strcmp(value, "no") != 0);
}

static struct error *create_power_management(struct pc *pc)
{
	struct device *dev;
	struct error *err;

	if (!pc->has_acpi)
		return NULL;
	dev = device_new_named("PIIX4_PM");
	device_set_ptr(dev, "sci", &pc->gsi[PC_SCI_IRQ]);
	device_set_ptr(dev, "smi", &pc->smi);
	pc->pm = (struct piix4_pm *)dev;
	pc->pm->smm = smm_wanted(pc->m);
	pc->pm->pci.devfn = PCI_DEVFN(1, 3);
	err = pci_plug(&pc->pci, dev);
	if (!err)
		create_modules(pc);
	return err;
}

static struct error *create_usb(struct pc *pc)
{
	return pc->m->usb ? pc_create_optional(pc, "piix3-usb-uhci", PCI_DEVFN(1, 2)) : NULL;
}

static struct error *pc_init(struct machine *m)
{
	struct pc *pc = pc_new(m);
	struct error *err;

	pc->has_pci = pc->has_ioapic = true;
	pc->has_acpi = !m->no_acpi;
	pc->has_hpet = !m->no_hpet;
	pc_create_gsis(pc);
	region_batch_begin();
	err = pc_create_cpus(pc);
	err = err ? err : create_memory(pc);
	err = err ? err : create_host_bridge(pc);
	err = err ? err : pc_load_bios(pc, "bios-256k.bin", false);
	err = err ? err : pc_create_isa_devices(pc);
	err = err ? err : create_bridge(pc);
	err = err ? err : pc_create_vga(pc);
	err = err ? err : pc_create_nics(pc);
	err = err ? err : pc_create_virtio_disks(pc);
	err = err ? err : pc_create_optional(pc, "piix3-ide", PCI_DEVFN(1, 1));
	err = err ? err : lsi_create_for_drives(&pc->pci);
	err = err ? err : create_usb(pc);
	err = err ? err : create_power_management(pc);
	err = err ? err : pc_create_fw_cfg(pc);
	region_batch_end();
	return err;
}

MACHINE(pc, .name = "pc", .alias = "pc-i440fx", .help = "Standard PC (i440FX + PIIX)",
	.targets = "i386 x86_64", .default_for = "i386 x86_64", .cpu_class = &x86_cpu_class,
	.default_cpu = "qemu32", .default_cpu_64 = "qemu64", .max_cpus = 255,
	.default_ram = UINT64_C(128) << 20, .max_ram = UINT64_C(1) << 40, .default_nic = "ne2k_pci",
	.default_vga = "cirrus", .default_boot = "cad", .drive_interface = "ide", .init = pc_init);
