/*
 * The empty machine: memory and nothing else. It runs no guest; monitor, images and tools that
 * need a process without a board use it, as do tests of the front end.
 */
#include "vm/machine.h"

static struct error *none_init(struct machine *m)
{
	region_init(&m->memory_root, "memory", UINT64_MAX);
	region_init(&m->io_root, "io", 0x10000);
	struct error *err = region_init_ram(&m->ram, "ram", m->ram_size);
	if (err)
		return err;
	region_add(&m->memory_root, 0, &m->ram, 0);
	address_space_init(&m->memory, "memory", &m->memory_root);
	address_space_init(&m->io, "I/O", &m->io_root);
	return NULL;
}

MACHINE(none, .name = "none", .help = "empty machine", .targets = "i386 x86_64 arm",
	.default_cpu = "none", .max_cpus = 1, .default_ram = UINT64_C(128) << 20,
	.default_vga = "none", .default_boot = "c", .drive_interface = "none", .no_floppy = true,
	.no_cdrom = true, .init = none_init);
