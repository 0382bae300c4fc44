#include "machines/elf.h"

#include <elf.h>

struct segment {
	uint64_t offset, vaddr, paddr, filesz, memsz;
};

struct table {
	struct bytes file;
	bool wide, big;
	uint64_t phoff, entry;
	unsigned int phentsize, phnum;
};

bool elf_is(struct bytes file)
{
	return file.size >= sizeof(Elf32_Ehdr) && memcmp(file.data, ELFMAG, SELFMAG) == 0;
}

/* A field of the given bounds-checked struct. */
static uint64_t field(const struct table *t, const uint8_t *p, unsigned int size)
{
	if (!t->big)
		return load_le(p, size);
	return size == 2 ? load_be16(p) : size == 4 ? load_be32(p) : load_be64(p);
}

#define FIELD(t, p, type32, type64, member)                                                  \
	((t)->wide ? field(t, (p) + offsetof(type64, member), sizeof(((type64 *)0)->member)) \
		   : field(t, (p) + offsetof(type32, member), sizeof(((type32 *)0)->member)))
#define EHDR(t, p, member) FIELD(t, p, Elf32_Ehdr, Elf64_Ehdr, member)
#define PHDR(t, p, member) FIELD(t, p, Elf32_Phdr, Elf64_Phdr, member)

static struct error *table_read(struct bytes file, struct table *t)
{
	*t = (struct table){.file = file};
	if (!elf_is(file))
		return error_new("not an ELF file");
	t->wide = file.data[EI_CLASS] == ELFCLASS64;
	t->big = file.data[EI_DATA] == ELFDATA2MSB;
	if (t->wide && file.size < sizeof(Elf64_Ehdr))
		return error_new("the ELF header is cut off");
	t->phoff = EHDR(t, file.data, e_phoff);
	t->entry = EHDR(t, file.data, e_entry);
	t->phentsize = (unsigned int)EHDR(t, file.data, e_phentsize);
	t->phnum = (unsigned int)EHDR(t, file.data, e_phnum);
	if (t->phnum && t->phentsize < (t->wide ? sizeof(Elf64_Phdr) : sizeof(Elf32_Phdr)))
		return error_new("the ELF header says that a program header has %u bytes",
				 t->phentsize);
	if (!bytes_at(file, t->phoff, (uint64_t)t->phnum * t->phentsize))
		return error_new("the ELF program headers are cut off");
	return NULL;
}

/* *s of the n-th program header; memsz is 0 where it is not loaded. */
static struct error *segment_read(const struct table *t, unsigned int n, struct segment *s)
{
	const uint8_t *p = t->file.data + t->phoff + (uint64_t)n * t->phentsize;

	*s = (struct segment){
		.offset = PHDR(t, p, p_offset),
		.vaddr = PHDR(t, p, p_vaddr),
		.paddr = PHDR(t, p, p_paddr),
		.filesz = PHDR(t, p, p_filesz),
		.memsz = PHDR(t, p, p_memsz),
	};
	if (PHDR(t, p, p_type) != PT_LOAD) {
		s->memsz = s->filesz = 0;
		return NULL;
	}
	if (s->filesz > s->memsz || !bytes_at(t->file, s->offset, s->filesz))
		return error_new("ELF segment %u is not in the file", n);
	if (s->memsz && s->paddr + s->memsz - 1 < s->paddr)
		return error_new("ELF segment %u does not fit into the address space", n);
	return NULL;
}

struct error *elf_read_info(struct bytes file, struct elf_info *info)
{
	struct table t;
	struct segment s;
	struct error *err = table_read(file, &t);

	if (err)
		return err;
	*info = (struct elf_info){
		.wide = t.wide,
		.big_endian = t.big,
		.machine = (uint16_t)EHDR(&t, file.data, e_machine),
		.flags = (uint32_t)EHDR(&t, file.data, e_flags),
		.entry = t.entry,
		.low = UINT64_MAX,
	};
	for (unsigned int n = 0; n < t.phnum; n++) {
		err = segment_read(&t, n, &s);
		if (err)
			return err;
		if (!s.memsz)
			continue;
		info->low = MIN(info->low, s.paddr);
		info->high = MAX(info->high, s.paddr + s.memsz);
		if (t.entry - s.vaddr < s.memsz)
			info->entry = t.entry - s.vaddr + s.paddr;
	}
	return info->high ? NULL : error_new("the ELF file has nothing to load");
}

struct error *elf_load(struct bytes file, struct loader *l, uint64_t offset)
{
	struct table t;
	struct segment s;
	struct error *err = table_read(file, &t);

	for (unsigned int n = 0; n < t.phnum && !err; n++) {
		err = segment_read(&t, n, &s);
		if (err || !s.memsz)
			continue;
		struct bytes data = {file.data + s.offset, s.filesz};
		err = error_prefix(loader_add(l, s.paddr + offset, data, s.memsz), "ELF segment %u",
				   n);
	}
	return err;
}

char *elf_machine_name(uint16_t machine)
{
	static const struct {
		uint16_t machine;
		const char *name;
	} names[] = {
		{EM_386, "i386"},
		{EM_X86_64, "x86-64"},
		{EM_ARM, "ARM"},
		{EM_AARCH64, "AArch64"},
		{EM_MIPS, "MIPS"},
		{EM_PPC, "PowerPC"},
		{EM_PPC64, "PowerPC64"},
		{EM_SPARC, "SPARC"},
		{EM_SPARC32PLUS, "SPARC V8+"},
		{EM_SPARCV9, "SPARC64"},
		{EM_68K, "m68k"},
		{EM_RISCV, "RISC-V"},
		{EM_SH, "SuperH"},
		{EM_S390, "S/390"},
		{EM_IA_64, "IA-64"},
		{EM_ALPHA, "Alpha"},
		{EM_LOONGARCH, "LoongArch"},
	};

	for (size_t i = 0; i < G_N_ELEMENTS(names); i++) {
		if (names[i].machine == machine)
			return g_strdup(names[i].name);
	}
	return g_strdup_printf("machine %u", machine);
}
