/*
 * -kernel: a multiboot image. It is loaded here; an option ROM copies it and the information
 * structure into the guest's memory and enters it. Source: Multiboot Specification 0.6.96.
 */
#include "machines/pc.h"

#include "base/bytes.h"

#include <elf.h>
#include <string.h>

#define MAGIC	    0x1badb002u
#define SEARCH	    8192u
#define HEADER_SIZE 32u

#define FLAG_KLUDGE 0x00010000u /* the header has load addresses */

#define INFO_MEMORY  0x001u
#define INFO_BOOTDEV 0x002u
#define INFO_CMDLINE 0x004u
#define INFO_MODS    0x008u
#define INFO_MMAP    0x040u
#define INFO_LOADER  0x200u

/* The option ROM puts the memory map at 9000h, and takes the information structure to 9500h. */
#define MMAP_ADDR    0x9000u
#define INFO_ADDR    0x9500u
#define INFO_SIZE    90u
#define MODULE_ENTRY 16u
#define IMAGE_LIMIT  (1u << 30)

struct image {
	struct bytes file;
	uint32_t load, entry; /* physical addresses */
	GByteArray *memory;   /* what goes to `load`: segments, modules */
};

static bool find_header(struct bytes file, uint64_t *at)
{
	uint64_t magic, flags, sum;

	for (*at = 0; *at + 12 <= MIN(file.size, SEARCH); *at += 4) {
		bytes_read_le(file, *at, 4, &magic);
		bytes_read_le(file, *at + 4, 4, &flags);
		bytes_read_le(file, *at + 8, 4, &sum);
		if (magic == MAGIC && (uint32_t)(magic + flags + sum) == 0)
			return true;
	}
	return false;
}

/* --- loading --- */

static struct error *place(struct image *i, uint32_t addr, struct bytes data, uint32_t size)
{
	uint64_t end;

	if (addr < i->load)
		return error_new("multiboot segment at %x lies below the first", addr);
	end = (uint64_t)addr - i->load + size;
	if (end > IMAGE_LIMIT)
		return error_new("multiboot image is larger than 1 GiB");
	if (end > i->memory->len) {
		guint old = i->memory->len;

		g_byte_array_set_size(i->memory, (guint)end);
		memset(i->memory->data + old, 0, (guint)end - old);
	}
	if (data.size)
		memcpy(i->memory->data + (addr - i->load), data.data, MIN(data.size, size));
	return NULL;
}

static struct error *load_kludge(struct image *i, uint64_t header)
{
	uint64_t header_addr, load, load_end, bss_end, entry, offset;
	const uint8_t *data;

	if (!bytes_at(i->file, header, HEADER_SIZE))
		return error_new("multiboot header is cut off");
	bytes_read_le(i->file, header + 12, 4, &header_addr);
	bytes_read_le(i->file, header + 16, 4, &load);
	bytes_read_le(i->file, header + 20, 4, &load_end);
	bytes_read_le(i->file, header + 24, 4, &bss_end);
	bytes_read_le(i->file, header + 28, 4, &entry);
	if (header_addr < load || header_addr - load > header)
		return error_new("multiboot header: load address %x does not fit header address %x",
				 (unsigned int)load, (unsigned int)header_addr);
	offset = header - (header_addr - load);
	if (!load_end)
		load_end = load + i->file.size - offset;
	if (load_end < load)
		return error_new("multiboot header: segment ends before it begins");
	data = bytes_at(i->file, offset, load_end - load);
	if (!data)
		return error_new("multiboot header: segment is not in the file");
	if (bss_end < load_end)
		bss_end = load_end;
	i->load = (uint32_t)load;
	i->entry = (uint32_t)entry;
	return place(i, i->load, (struct bytes){data, load_end - load}, (uint32_t)(bss_end - load));
}

static bool segment_at(struct bytes file, const Elf32_Ehdr *eh, unsigned int n, Elf32_Phdr *ph)
{
	const uint8_t *p = bytes_at(file, eh->e_phoff + (uint64_t)n * eh->e_phentsize, sizeof(*ph));

	if (p)
		memcpy(ph, p, sizeof(*ph));
	return p != NULL;
}

/* The entry point is virtual: it belongs to the segment that has it. */
static struct error *load_elf(struct image *i)
{
	uint32_t lowest = UINT32_MAX;
	struct error *err = NULL;
	Elf32_Ehdr eh;
	Elf32_Phdr ph;

	if (i->file.size < sizeof(eh))
		return error_new("multiboot image is cut off");
	memcpy(&eh, i->file.data, sizeof(eh));
	if (memcmp(eh.e_ident, ELFMAG, SELFMAG) != 0 || eh.e_ident[EI_CLASS] != ELFCLASS32 ||
	    eh.e_machine != EM_386)
		return error_new("multiboot image is neither i386 ELF nor has load addresses");
	for (unsigned int n = 0; n < eh.e_phnum; n++) {
		if (!segment_at(i->file, &eh, n, &ph))
			return error_new("multiboot image: program header %u is cut off", n);
		if (ph.p_type == PT_LOAD)
			lowest = MIN(lowest, ph.p_paddr);
	}
	if (lowest == UINT32_MAX)
		return error_new("multiboot image has no segments");
	i->load = lowest;
	i->entry = eh.e_entry;
	for (unsigned int n = 0; n < eh.e_phnum && !err; n++) {
		const uint8_t *data;

		segment_at(i->file, &eh, n, &ph);
		if (ph.p_type != PT_LOAD)
			continue;
		data = bytes_at(i->file, ph.p_offset, ph.p_filesz);
		if (!data || ph.p_filesz > ph.p_memsz)
			return error_new("multiboot image: segment %u is not in the file", n);
		if (eh.e_entry - ph.p_vaddr < ph.p_memsz)
			i->entry = eh.e_entry - ph.p_vaddr + ph.p_paddr;
		err = place(i, ph.p_paddr, (struct bytes){data, ph.p_filesz}, ph.p_memsz);
	}
	return err;
}

/* --- modules and strings --- */

static uint32_t append(struct image *i, const void *data, size_t len, unsigned int align)
{
	static const uint8_t zero;
	uint32_t addr;

	while ((i->load + i->memory->len) % align)
		g_byte_array_append(i->memory, &zero, 1);
	addr = i->load + i->memory->len;
	g_byte_array_append(i->memory, data, (guint)len);
	return addr;
}

static uint32_t append_string(struct image *i, const char *text)
{
	return append(i, text, strlen(text) + 1, 1);
}

/* -initrd "file args,file args": each is a module, its text the module's string. */
static struct error *load_modules(struct image *i, const char *initrd, GByteArray *entries)
{
	char **modules = g_strsplit(initrd, ",", -1);
	struct error *err = NULL;

	for (guint n = 0; modules[n] && !err; n++) {
		char *path = g_strndup(modules[n], strcspn(modules[n], " "));
		uint8_t entry[MODULE_ENTRY] = {0};
		GByteArray *data;

		err = file_load(path, IMAGE_LIMIT, &data);
		g_free(path);
		if (err)
			break;
		store_le32(entry, append(i, data->data, data->len, 4096));
		store_le32(entry + 4, i->load + i->memory->len);
		store_le32(entry + 8, append_string(i, modules[n]));
		g_byte_array_append(entries, entry, sizeof(entry));
		g_byte_array_unref(data);
	}
	g_strfreev(modules);
	return err;
}

static struct error *make_info(struct image *i, const struct machine *m, uint8_t info[INFO_SIZE])
{
	GByteArray *entries = g_byte_array_new();
	char *cmdline = g_strdup_printf("%s %s", m->kernel, m->append ? m->append : "");
	struct error *err = m->initrd ? load_modules(i, m->initrd, entries) : NULL;
	uint32_t flags = INFO_MEMORY | INFO_BOOTDEV | INFO_CMDLINE | INFO_MMAP | INFO_LOADER;

	memset(info, 0, INFO_SIZE);
	if (entries->len) {
		flags |= INFO_MODS;
		store_le32(info + 20, entries->len / MODULE_ENTRY);
		store_le32(info + 24, append(i, entries->data, entries->len, 4));
	}
	store_le32(info, flags);
	store_le32(info + 12, 0x8000ffff); /* first disk, no partition */
	store_le32(info + 16, append_string(i, cmdline));
	store_le32(info + 48, MMAP_ADDR);
	store_le32(info + 64, append_string(i, "ratite"));
	g_byte_array_unref(entries);
	g_free(cmdline);
	return err;
}

static struct error *hand_over(struct pc *pc, const struct image *i, const uint8_t info[INFO_SIZE])
{
	fw_cfg_add_u32(pc->fw, FW_CFG_KERNEL_ENTRY, i->entry);
	fw_cfg_add_u32(pc->fw, FW_CFG_KERNEL_ADDR, i->load);
	fw_cfg_add_u32(pc->fw, FW_CFG_KERNEL_SIZE, i->memory->len);
	fw_cfg_add_bytes(pc->fw, FW_CFG_KERNEL_DATA, i->memory->data, i->memory->len);
	fw_cfg_add_u32(pc->fw, FW_CFG_INITRD_ADDR, INFO_ADDR);
	fw_cfg_add_u32(pc->fw, FW_CFG_INITRD_SIZE, INFO_SIZE);
	fw_cfg_add_bytes(pc->fw, FW_CFG_INITRD_DATA, info, INFO_SIZE);
	return pc_add_rom(pc, "multiboot_dma.bin", true);
}

struct error *pc_load_multiboot(struct pc *pc, const GByteArray *file, bool *found)
{
	struct image i = {.file = {file->data, file->len}};
	uint8_t info[INFO_SIZE];
	struct error *err;
	uint64_t header, flags;

	*found = find_header(i.file, &header);
	if (!*found)
		return NULL;
	i.memory = g_byte_array_new();
	bytes_read_le(i.file, header + 4, 4, &flags);
	err = flags & FLAG_KLUDGE ? load_kludge(&i, header) : load_elf(&i);
	err = err ? err : make_info(&i, pc->m, info);
	err = err ? err : hand_over(pc, &i, info);
	g_byte_array_unref(i.memory);
	return error_prefix(err, "-kernel %s", pc->m->kernel);
}
