/*
 * The PC's firmware: the BIOS, and what tells it about the machine: CMOS, fw_cfg, option ROMs.
 * CMOS bytes are those of the IBM AT Technical Reference and of what BIOSes added to them.
 */
#include "machines/pc.h"

#include "base/bytes.h"
#include "hw/block/fdc.h"
#include "storage/block.h"

#include <string.h>

#define BIOS_LIMIT (16u << 20)
#define BIOS_ALIAS 0x20000u /* how much of it is seen below 1 MiB */
#define ROM_LIMIT  (1u << 20)

enum cmos_byte {
	CMOS_FLOPPIES = 0x10,
	CMOS_DISKS = 0x12,
	CMOS_EQUIPMENT = 0x14,
	CMOS_BASE_MEMORY = 0x15,     /* KiB, 16 bits */
	CMOS_EXTENDED_MEMORY = 0x17, /* KiB above 1 MiB, 16 bits */
	CMOS_DISK_C_TYPE = 0x19,
	CMOS_DISK_D_TYPE = 0x1a,
	CMOS_DISK_C = 0x1b, /* geometry, 9 bytes */
	CMOS_DISK_D = 0x24,
	CMOS_EXTENDED_MEMORY_2 = 0x30,
	CMOS_MEMORY_16M = 0x34, /* 64 KiB units above 16 MiB, 16 bits */
	CMOS_BOOT_3 = 0x38,
	CMOS_TRANSLATION = 0x39,
	CMOS_BOOT = 0x3d,
	CMOS_MEMORY_4G = 0x5b, /* 64 KiB units above 4 GiB, 24 bits */
	CMOS_CPUS = 0x5f,      /* minus 1 */
};

#define EQUIPMENT_FLOPPY 0x01
#define EQUIPMENT_FPU	 0x02
#define EQUIPMENT_MOUSE	 0x04

#define DISK_TYPE_EXTENDED 47

/* --- BIOS --- */

static struct error *map_bios(struct pc *pc, const GByteArray *image, bool shadow)
{
	struct region *space = shadow ? &pc->m->memory_root : &pc->pci_memory;
	uint64_t size = ((uint64_t)image->len + 0xffff) & ~UINT64_C(0xffff);
	uint64_t alias = MIN(size, BIOS_ALIAS);
	struct error *err = region_init_rom(&pc->bios, "pc.bios", size, NULL, NULL);
	struct device *dev;

	if (err)
		return err;
	/* the reset vector is at the end of the file */
	memcpy(pc->bios.ram->host + size - image->len, image->data, image->len);
	region_add(space, PC_4G - size, &pc->bios, 0);
	if (!shadow) {
		region_init_alias(&pc->bios_alias, "isa-bios", &pc->bios, size - alias, alias);
		region_add(space, 0x100000 - alias, &pc->bios_alias, 0);
		return NULL;
	}
	dev = device_new_named("bios-shadow");
	device_set_ptr(dev, "rom", &pc->bios);
	device_set_ptr(dev, "ram", &pc->m->ram);
	device_set_u64(dev, "addr", 0x100000 - alias);
	device_set_u64(dev, "size", alias);
	return device_realize(dev);
}

struct error *pc_load_bios(struct pc *pc, const char *default_file, bool shadow)
{
	const char *file = pc->m->firmware ? pc->m->firmware : default_file;
	char *path = firmware_find(file);
	GByteArray *image;
	struct error *err;

	if (!path)
		return error_new("BIOS \"%s\" not found; -L adds a folder to search", file);
	err = file_load(path, BIOS_LIMIT, &image);
	g_free(path);
	if (err)
		return err;
	if (image->len == 0)
		err = error_new("BIOS \"%s\" is empty", file);
	else
		err = map_bios(pc, image, shadow);
	g_byte_array_unref(image);
	return err;
}

/* --- option ROMs --- */

struct error *pc_add_rom(struct pc *pc, const char *file, bool boot)
{
	char *path = firmware_find(file), *base, *name;
	GByteArray *data;
	struct error *err;

	if (!path)
		return error_new("option ROM \"%s\" not found; -L adds a folder to search", file);
	err = file_load(path, ROM_LIMIT, &data);
	g_free(path);
	if (err)
		return err;
	base = g_path_get_basename(file);
	name = g_strdup_printf("genroms/%s", base);
	err = fw_cfg_add_file(pc->fw, name, data->data, data->len);
	if (!err && boot)
		g_string_append_printf(pc->boot_list, "/rom@%s\n", name);
	g_free(name);
	g_free(base);
	g_byte_array_unref(data);
	return err;
}

/* An ISA card has no PCI ROM for the BIOS to find. */
static struct error *add_isa_vga_rom(struct pc *pc)
{
	static const char *const files[] = {"vgabios-isavga.bin", "vgabios.bin"};
	struct error *err = NULL;
	GByteArray *data;
	char *path = NULL;

	if (pc->has_pci || !pc->m->vga || strcmp(pc->m->vga, "none") == 0)
		return NULL;
	for (unsigned int i = 0; i < G_N_ELEMENTS(files) && !path; i++)
		path = firmware_find(files[i]);
	if (!path)
		return NULL;
	err = file_load(path, ROM_LIMIT, &data);
	g_free(path);
	if (err)
		return err;
	err = fw_cfg_add_file(pc->fw, "vgaroms/vgabios.bin", data->data, data->len);
	g_byte_array_unref(data);
	return err;
}

/* --- boot order --- */

static uint8_t boot_code(char device)
{
	switch (device) {
	case 'a':
	case 'b': return 1;
	case 'c': return 2;
	case 'd': return 3;
	case 'n' ... 'p': return 4;
	default: return 0;
	}
}

static void cmos_boot_order(struct pc *pc)
{
	const char *order = pc->m->boot_once ? pc->m->boot_once : pc->m->boot_order;
	uint8_t codes[3] = {0};

	if (!order)
		order = pc->m->class->default_boot;
	for (unsigned int i = 0, n = 0; order[i] && n < 3; i++) {
		codes[n] = boot_code(order[i]);
		n += codes[n] != 0;
	}
	mc146818_set(pc->rtc, CMOS_BOOT, (uint8_t)(codes[0] | codes[1] << 4));
	mc146818_set(pc->rtc, CMOS_BOOT_3, (uint8_t)(codes[2] << 4 | pc->m->no_fd_bootchk));
}

/* --- CMOS --- */

static void cmos_u16(struct pc *pc, unsigned int index, uint64_t value)
{
	value = MIN(value, 0xffff);
	mc146818_set(pc->rtc, index, (uint8_t)value);
	mc146818_set(pc->rtc, index + 1, (uint8_t)(value >> 8));
}

static void cmos_memory(struct pc *pc)
{
	uint64_t ram = pc->low_ram, units = pc->high_ram >> 16;
	uint64_t extended = ram > 0x100000 ? (ram - 0x100000) >> 10 : 0;

	cmos_u16(pc, CMOS_BASE_MEMORY, MIN(ram >> 10, 640));
	cmos_u16(pc, CMOS_EXTENDED_MEMORY, extended);
	cmos_u16(pc, CMOS_EXTENDED_MEMORY_2, extended);
	cmos_u16(pc, CMOS_MEMORY_16M, ram > 0x1000000 ? (ram - 0x1000000) >> 16 : 0);
	cmos_u16(pc, CMOS_MEMORY_4G, units & 0xffff);
	mc146818_set(pc->rtc, CMOS_MEMORY_4G + 2, (uint8_t)(units >> 16));
	mc146818_set(pc->rtc, CMOS_CPUS, (uint8_t)(pc->m->cpus - 1));
}

static void cmos_floppies(struct pc *pc)
{
	enum floppy_drive_type a = floppy_drive_type(0), b = floppy_drive_type(1);
	unsigned int count = (a != FLOPPY_NONE) + (b != FLOPPY_NONE);
	uint8_t equipment = EQUIPMENT_FPU | EQUIPMENT_MOUSE;

	if (!device_class_find("isa-fdc")) {
		a = b = FLOPPY_NONE;
		count = 0;
	}
	if (count)
		equipment |= (uint8_t)(EQUIPMENT_FLOPPY | (count - 1) << 6);
	mc146818_set(pc->rtc, CMOS_FLOPPIES, (uint8_t)(a << 4 | b));
	mc146818_set(pc->rtc, CMOS_EQUIPMENT, equipment);
}

/* Geometry of the first two disks, as a type 47 of the AT's BIOS has it. */
static void cmos_disk(struct pc *pc, unsigned int unit)
{
	struct drive *d = drive_get("ide", unit / 2, unit % 2);
	unsigned int at = unit == 0 ? CMOS_DISK_C : CMOS_DISK_D;
	uint32_t cyls, heads, secs;
	uint8_t disks;
	int translation;

	if (!d || d->media != MEDIA_DISK || !d->block)
		return;
	drive_geometry(d, &cyls, &heads, &secs, &translation);
	translation = translation ? translation - 1 : 0;
	disks = mc146818_get(pc->rtc, CMOS_TRANSLATION);
	mc146818_set(pc->rtc, CMOS_TRANSLATION, (uint8_t)(disks | translation << (2 * unit)));
	if (unit > 1)
		return;
	disks = mc146818_get(pc->rtc, CMOS_DISKS);
	mc146818_set(pc->rtc, CMOS_DISKS, disks | (unit == 0 ? 0xf0 : 0x0f));
	mc146818_set(pc->rtc, unit == 0 ? CMOS_DISK_C_TYPE : CMOS_DISK_D_TYPE, DISK_TYPE_EXTENDED);
	cmos_u16(pc, at, cyls);
	mc146818_set(pc->rtc, at + 2, (uint8_t)heads);
	mc146818_set(pc->rtc, at + 3, 0xff); /* no write precompensation */
	mc146818_set(pc->rtc, at + 4, 0xff);
	mc146818_set(pc->rtc, at + 5, heads > 8 ? 0xc8 : 0xc0);
	cmos_u16(pc, at + 6, cyls); /* landing zone */
	mc146818_set(pc->rtc, at + 8, (uint8_t)secs);
}

static void fill_cmos(struct pc *pc)
{
	cmos_memory(pc);
	cmos_floppies(pc);
	for (unsigned int unit = 0; unit < 4; unit++)
		cmos_disk(pc, unit);
	cmos_boot_order(pc);
}

/* --- fw_cfg --- */

static void e820_entry(GByteArray *out, uint64_t addr, uint64_t len, uint32_t type)
{
	uint8_t entry[20];

	store_le64(entry, addr);
	store_le64(entry + 8, len);
	store_le32(entry + 16, type);
	g_byte_array_append(out, entry, sizeof(entry));
}

static struct error *add_e820(struct pc *pc)
{
	GByteArray *table = g_byte_array_new();
	struct error *err;

	e820_entry(table, 0, pc->low_ram, 1);
	if (pc->high_ram)
		e820_entry(table, PC_4G, pc->high_ram, 1);
	err = fw_cfg_add_file(pc->fw, "etc/e820", table->data, table->len);
	g_byte_array_unref(table);
	return err;
}

static int hex_value(char c)
{
	return g_ascii_isxdigit(c) ? g_ascii_xdigit_value(c) : -1;
}

/* The UUID's 16 bytes in the order of its text; main() has checked its form. */
static void add_uuid(struct pc *pc)
{
	uint8_t bytes[16] = {0};
	unsigned int n = 0;

	for (const char *p = pc->m->uuid; p && p[0] && p[1] && n < 16; p++) {
		if (hex_value(p[0]) < 0)
			continue;
		bytes[n++] = (uint8_t)(hex_value(p[0]) << 4 | hex_value(p[1]));
		p++;
	}
	fw_cfg_add_bytes(pc->fw, FW_CFG_UUID, bytes, sizeof(bytes));
}

static void add_keys(struct pc *pc)
{
	const struct machine *m = pc->m;
	uint64_t *numa = g_new0(uint64_t, 1 + m->max_cpus);

	fw_cfg_add_u64(pc->fw, FW_CFG_RAM_SIZE, m->ram_size);
	fw_cfg_add_u16(pc->fw, FW_CFG_NOGRAPHIC, m->nographic);
	fw_cfg_add_u16(pc->fw, FW_CFG_NB_CPUS, (uint16_t)m->cpus);
	fw_cfg_add_u16(pc->fw, FW_CFG_MAX_CPUS, (uint16_t)MAX(m->max_cpus, m->cpus));
	fw_cfg_add_u16(pc->fw, FW_CFG_BOOT_MENU, m->boot_menu);
	fw_cfg_add_u16(pc->fw, FW_CFG_X86_ACPI_TABLES, 0);
	fw_cfg_add_u32(pc->fw, FW_CFG_X86_IRQ0_OVERRIDE, 1);
	/* no nodes, and each processor on node 0 */
	fw_cfg_add_bytes(pc->fw, FW_CFG_NUMA, numa, (1 + m->max_cpus) * sizeof(*numa));
	g_free(numa);
	add_uuid(pc);
}

static struct error *add_files(struct pc *pc)
{
	/* S1 to S5: bit 7 is "supported", the rest SLP_TYP; only S0 and S5 are */
	static const uint8_t states[6] = {128, 0, 0, 1, 2, 128};
	struct error *err = add_e820(pc);

	err = err ? err : fw_cfg_add_file(pc->fw, "etc/system-states", states, sizeof(states));
	err = err ? err : add_isa_vga_rom(pc);
	for (unsigned int i = 0; pc->m->option_roms && i < pc->m->option_roms->len && !err; i++)
		err = pc_add_rom(pc, g_ptr_array_index(pc->m->option_roms, i), false);
	for (unsigned int i = 0; pc->m->fw_cfg && i < pc->m->fw_cfg->len && !err; i++)
		err = fw_cfg_add_option(pc->fw, g_ptr_array_index(pc->m->fw_cfg, i));
	return err;
}

static struct error *add_boot_order(struct pc *pc)
{
	if (!pc->boot_list->len)
		return NULL;
	return fw_cfg_add_file(pc->fw, "bootorder", pc->boot_list->str, pc->boot_list->len + 1);
}

struct error *pc_create_fw_cfg(struct pc *pc)
{
	struct device *dev = device_new_named("fw_cfg");
	struct error *err;

	device_set_ptr(dev, "memory", pc->has_pci ? &pc->dma : &pc->m->memory);
	pc->fw = (struct fw_cfg *)dev;
	err = device_realize(dev);
	if (err)
		return err;
	region_add(&pc->m->io_root, 0x510, &pc->fw->ports, 0);
	region_add(&pc->m->io_root, 0x514, &pc->fw->dma, 0);
	fill_cmos(pc);
	add_keys(pc);
	err = add_files(pc);
	err = err ? err : pc_add_smbios(pc);
	err = err ? err : pc_add_acpi(pc);
	err = err ? err : pc_load_kernel(pc);
	return err ? err : add_boot_order(pc);
}
