/*
 * The PC without PCI: "isapc". No host bridge maps RAM over the BIOS, so the top 128 KiB of the
 * first MiB are RAM into which the BIOS is copied at every reset.
 */
#include "machines/pc.h"

#include "vm/x86-cpu.h"

static struct error *create_memory(struct pc *pc)
{
	struct machine *m = pc->m;
	struct error *err = region_init_ram(&m->ram, "pc.ram", m->ram_size);

	if (err)
		return err;
	pc->low_ram = m->ram_size;
	region_init_alias(&pc->ram_low, "ram", &m->ram, 0, m->ram_size);
	region_add(&m->memory_root, 0, &pc->ram_low, 0);
	return NULL;
}

static struct error *create_disks(struct pc *pc)
{
	static const struct {
		unsigned int iobase, control, irq;
	} channels[2] = {{0x1f0, 0x3f6, 14}, {0x170, 0x376, 15}};
	const struct device_class *class = device_class_find("isa-ide");
	struct error *err = NULL;

	for (unsigned int i = 0; class && i < 2 && !err; i++) {
		struct device *dev = device_new(class);

		device_set_u64(dev, "iobase", channels[i].iobase);
		device_set_u64(dev, "iobase2", channels[i].control);
		device_set_u64(dev, "irq", channels[i].irq);
		err = isa_plug(&pc->isa, dev);
	}
	return err;
}

static struct error *isapc_init(struct machine *m)
{
	struct pc *pc = pc_new(m);
	struct error *err;

	pc_create_gsis(pc);
	region_batch_begin();
	err = pc_create_cpus(pc);
	err = err ? err : create_memory(pc);
	err = err ? err : pc_load_bios(pc, "bios.bin", true);
	err = err ? err : pc_create_isa_devices(pc);
	err = err ? err : pc_create_vga(pc);
	err = err ? err : pc_create_nics(pc);
	err = err ? err : create_disks(pc);
	err = err ? err : pc_create_fw_cfg(pc);
	region_batch_end();
	return err;
}

MACHINE(isapc, .name = "isapc", .help = "ISA-only PC", .targets = "i386 x86_64",
	.cpu_class = &x86_cpu_class, .default_cpu = "486", .max_cpus = 1,
	.default_ram = UINT64_C(128) << 20, .max_ram = UINT64_C(0xe0000000),
	.default_nic = "ne2k_isa", .default_vga = "std", .default_boot = "cad",
	.drive_interface = "ide", .init = isapc_init);
