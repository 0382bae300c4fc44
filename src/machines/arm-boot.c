#include "machines/arm-boot.h"

#include "machines/elf.h"
#include "machines/uimage.h"
#include "vm/arm-cpu.h"

#include <elf.h>
#include <inttypes.h>

#define IMAGE_LIMIT (UINT64_C(1) << 30)

/* Where images without an address of their own go, from the start of RAM. Linux's page tables are
 * below 8000h, the tags at 100h; an Image runs at 8000h and nowhere else. */
#define TEXT_OFFSET 0x8000u
#define RAW_OFFSET  0x10000u

#define ZIMAGE_MAGIC_AT	     0x24
#define ZIMAGE_MAGIC	     0x016f2818u
#define ZIMAGE_MAGIC_SWAPPED 0x18286f01u

static bool has_magic(struct bytes file, uint64_t at, const char *magic)
{
	const uint8_t *p = bytes_at(file, at, strlen(magic));
	return p && memcmp(p, magic, strlen(magic)) == 0;
}

static bool is_zimage(struct bytes file)
{
	const uint8_t *p = bytes_at(file, ZIMAGE_MAGIC_AT, 4);
	return p && (load_le32(p) == ZIMAGE_MAGIC || load_le32(p) == ZIMAGE_MAGIC_SWAPPED);
}

/* An unpacked kernel has no header, but its banner. */
static bool is_image(struct bytes file)
{
	return memmem(file.data, file.size, "Linux version ", 14) != NULL;
}

/* Kernels of other processors, by what their own boot loaders look for. */
static struct error *check_foreign(struct bytes file)
{
	static const struct {
		uint64_t at;
		const char *magic, *what;
	} others[] = {
		{0x202, "HdrS", "an x86 Linux kernel"},
		{0x38, "ARM\x64", "an AArch64 Linux kernel"},
		{0x30, "RISCV", "a RISC-V Linux kernel"},
		{0, "\xca\xfe\xba\xbe", "a Mach-O universal binary"},
		{0, "\xd0\x0d\xfe\xed", "a device tree or FIT image"},
		{0, "QFI\xfb", "a qcow2 disk image"},
	};

	if (is_zimage(file))
		return NULL;
	for (unsigned int i = 0; i < G_N_ELEMENTS(others); i++) {
		if (has_magic(file, others[i].at, others[i].magic))
			return error_new("this is %s; this machine has an ARM processor (zImage, "
					 "Image, uImage, ELF or raw code)",
					 others[i].what);
	}
	return NULL;
}

/* --- kinds of images --- */

static struct error *place(struct arm_boot *b, uint32_t addr, struct bytes data)
{
	b->low = addr;
	b->high = (uint32_t)MIN(UINT32_MAX, (uint64_t)addr + data.size);
	return loader_add(b->loader, addr, data, data.size);
}

static struct error *load_raw(struct arm_boot *b, struct bytes file)
{
	bool image = !is_zimage(file) && is_image(file);

	b->entry = b->ram_base + (image ? TEXT_OFFSET : RAW_OFFSET);
	b->is_linux = true;
	return place(b, b->entry, file);
}

struct error *arm_boot_load_elf(struct loader *l, struct bytes file, struct elf_info *info)
{
	struct error *err = elf_read_info(file, info);

	if (err)
		return err;
	if (info->machine != EM_ARM || info->wide) {
		char *name = elf_machine_name(info->machine);
		err = error_new("this is an ELF file for %s; this machine has an ARM processor",
				name);
		g_free(name);
		return err;
	}
	return elf_load(file, l, 0);
}

static struct error *load_elf(struct arm_boot *b, struct bytes file)
{
	struct elf_info info = {0};
	struct error *err = arm_boot_load_elf(b->loader, file, &info);

	if (info.big_endian)
		return error_new("this is a big-endian ELF file; this machine runs little-endian "
				 "programs");
	b->entry = (uint32_t)info.entry;
	b->low = (uint32_t)info.low;
	b->high = (uint32_t)info.high;
	return err;
}

static struct error *load_uimage(struct arm_boot *b, struct bytes file)
{
	struct uimage u;
	struct error *err = uimage_unpack(file, IMAGE_LIMIT, &u);

	if (err)
		return err;
	struct bytes data = {u.data->data, u.data->len};
	if (u.arch != UIMAGE_ARM) {
		err = error_new("this is a uImage for %s; this machine has an ARM processor",
				uimage_arch_name(u.arch));
	} else if (u.type == UIMAGE_KERNEL_NOLOAD) {
		err = load_raw(b, data);
	} else if (u.type == UIMAGE_KERNEL) {
		b->entry = u.entry;
		b->is_linux = u.is_linux;
		err = place(b, u.load, data);
	} else {
		err = error_new("the uImage is no kernel (type %u)", u.type);
	}
	g_byte_array_unref(u.data);
	return err;
}

static struct error *load_gzip(struct arm_boot *b, struct bytes file)
{
	GByteArray *data;
	struct error *err = gzip_unpack(file, IMAGE_LIMIT, &data);

	if (err)
		return err;
	err = load_raw(b, (struct bytes){data->data, data->len});
	g_byte_array_unref(data);
	return err;
}

static struct error *load_kernel(struct arm_boot *b)
{
	GByteArray *data;
	struct error *err = file_load(b->m->kernel, IMAGE_LIMIT, &data);

	if (err)
		return err;
	struct bytes file = {data->data, data->len};
	if (!file.size)
		err = error_new("the file is empty");
	else if (elf_is(file))
		err = load_elf(b, file);
	else if (uimage_is(file))
		err = load_uimage(b, file);
	else if (gzip_is(file))
		err = load_gzip(b, file);
	else
		err = check_foreign(file);
	if (!err && !b->high)
		err = load_raw(b, file);
	g_byte_array_unref(data);
	return err;
}

/* --- initrd --- */

static struct error *unwrap_initrd(GByteArray **data)
{
	struct bytes file = {(*data)->data, (*data)->len};
	struct uimage u;

	if (!uimage_is(file))
		return NULL;
	struct error *err = uimage_unpack(file, IMAGE_LIMIT, &u);
	if (err)
		return err;
	g_byte_array_unref(*data);
	*data = u.data;
	return NULL;
}

static uint64_t page_up(uint64_t addr)
{
	return (addr + 4095) & ~UINT64_C(4095);
}

/* In the middle of RAM, away from a kernel that unpacks itself, but where it has memory mapped. */
static uint64_t initrd_place(const struct arm_boot *b)
{
	uint64_t middle = b->ram_base + MIN(b->ram_size / 2, UINT64_C(128) << 20);

	return page_up(MAX(middle, b->high));
}

static struct error *load_initrd(struct arm_boot *b)
{
	uint64_t at = initrd_place(b), end = b->ram_base + b->ram_size;
	GByteArray *data;
	struct error *err;

	b->initrd = (uint32_t)at;
	if (!b->m->initrd)
		return NULL;
	err = file_load(b->m->initrd, IMAGE_LIMIT, &data);
	if (err)
		return err;
	err = unwrap_initrd(&data);
	if (!err && (at > end || data->len > end - at))
		err = error_new("%u bytes do not fit behind the kernel into %" PRIu64 " MiB of RAM",
				data->len, b->ram_size >> 20);
	if (!err)
		err = loader_add(b->loader, at, (struct bytes){data->data, data->len}, 0);
	b->initrd_size = data->len;
	g_byte_array_unref(data);
	return err;
}

/* --- processors --- */

/* What -semihosting's SYS_GET_CMDLINE tells: the image and its words. */
void arm_boot_set_semihosting(struct machine *m, uint32_t ram_base, uint64_t ram_size)
{
	char *line = g_strdup_printf("%s%s%s", m->kernel ? m->kernel : "", m->append ? " " : "",
				     m->append ? m->append : "");
	uint64_t end = ram_base + ram_size;

	for (struct cpu *cpu = cpu_first(); cpu && m->semihosting; cpu = cpu->next)
		arm_cpu_set_semihosting(cpu, line, ram_base, (uint32_t)MIN(end, UINT32_MAX));
	g_free(line);
}

static void enter(void *opaque)
{
	struct arm_boot *b = opaque;
	struct cpu *first = cpu_first();

	if (b->is_linux)
		arm_cpu_enter(first, b->entry, 0, b->board_id, b->params);
	else
		arm_cpu_enter(first, b->entry, 0, 0, 0);
	for (struct cpu *cpu = first->next; cpu; cpu = cpu->next) {
		if (b->secondary_entry)
			arm_cpu_enter(cpu, b->secondary_entry, 0, 0, 0);
		else
			cpu->class->set_line(cpu, ARM_LINE_RESET, 1);
	}
}

static struct error *needs_kernel(const struct machine *m)
{
	const char *option = m->initrd ? "-initrd" : m->dtb ? "-dtb" : m->append ? "-append" : NULL;

	return option ? error_new("%s needs -kernel", option) : NULL;
}

struct error *arm_boot_load(struct arm_boot *b)
{
	struct machine *m = b->m;
	struct error *err;

	b->loader = loader_new(&m->memory);
	arm_boot_set_semihosting(m, b->ram_base, b->ram_size);
	if (!m->kernel)
		return needs_kernel(m);
	b->has_kernel = true;
	b->loader->enter = enter;
	b->loader->opaque = b;
	err = error_prefix(load_kernel(b), "-kernel %s", m->kernel);
	if (!err && b->is_linux) {
		err = error_prefix(load_initrd(b), "-initrd %s", m->initrd);
		err = err ? err : arm_boot_add_params(b);
	}
	return err;
}
