/*
 * The ELF loader. Source: System V ABI, chapters 4 and 5; the kernel's rules for what may be
 * missing. Both classes and byte orders are read into one form; every offset, size and count of the
 * file is checked against it here.
 */
#include "user/linux/user.h"

#include <elf.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define PAGE_DOWN(x) ((x) & GUEST_PAGE_MASK)
#define PAGE_UP(x)   (((x) + GUEST_PAGE_SIZE - 1) & GUEST_PAGE_MASK)
#define PHDRS_MAX    (65536 / 56)

struct segment {
	uint32_t type, flags;
	uint64_t offset, vaddr, filesz, memsz, align;
};

struct elf {
	const struct abi *abi;
	int fd;
	uint64_t file_size;
	uint16_t type, machine, phent, phnum;
	uint32_t flags;
	uint64_t entry, phoff;
	struct segment *segments;
};

/* --- reading --- */

static const struct machine_name {
	uint16_t machine;
	uint8_t class, data; /* 0: any */
	const char *program;
} machines[] = {
	{EM_386, 0, 0, "i386"},
	{EM_X86_64, 0, 0, "x86_64"},
	{EM_ARM, 0, ELFDATA2LSB, "arm"},
	{EM_ARM, 0, ELFDATA2MSB, "armeb"},
	{EM_AARCH64, 0, 0, "aarch64"},
	{EM_MIPS, ELFCLASS32, ELFDATA2MSB, "mips"},
	{EM_MIPS, ELFCLASS32, ELFDATA2LSB, "mipsel"},
	{EM_MIPS, ELFCLASS64, ELFDATA2MSB, "mips64"},
	{EM_MIPS, ELFCLASS64, ELFDATA2LSB, "mips64el"},
	{EM_PPC, 0, 0, "ppc"},
	{EM_PPC64, 0, 0, "ppc64"},
	{EM_SPARC, 0, 0, "sparc"},
	{EM_SPARC32PLUS, 0, 0, "sparc32plus"},
	{EM_SPARCV9, 0, 0, "sparc64"},
	{EM_68K, 0, 0, "m68k"},
	{EM_SH, 0, 0, "sh4"},
	{EM_RISCV, ELFCLASS64, 0, "riscv64"},
	{EM_RISCV, ELFCLASS32, 0, "riscv32"},
	{EM_S390, 0, 0, "s390x"},
	{EM_ALPHA, 0, 0, "alpha"},
};

static const char *machine_name(uint16_t machine, uint8_t class, uint8_t data)
{
	for (size_t i = 0; i < G_N_ELEMENTS(machines); i++)
		if (machines[i].machine == machine &&
		    (!machines[i].class || machines[i].class == class) &&
		    (!machines[i].data || machines[i].data == data))
			return machines[i].program;
	return NULL;
}

static uint64_t field(const uint8_t *p, unsigned int size, bool big)
{
	uint64_t value = 0;

	for (unsigned int i = 0; i < size; i++)
		value |= (uint64_t)p[i] << 8 * (big ? size - 1 - i : i);
	return value;
}

static bool ident_fits(const struct abi *abi, const uint8_t *head)
{
	return head[EI_CLASS] == (abi->word == 8 ? ELFCLASS64 : ELFCLASS32) &&
	       head[EI_DATA] == (abi->big_endian ? ELFDATA2MSB : ELFDATA2LSB);
}

enum file_kind image_kind(const struct abi *abi, const uint8_t *head, size_t len,
			  const char **foreign)
{
	*foreign = NULL;
	if (len >= 2 && head[0] == '#' && head[1] == '!')
		return FILE_SCRIPT;
	if (len >= 4 && memcmp(head, "bFLT", 4) == 0)
		return abi->elf_machine == EM_ARM ? FILE_GUEST : FILE_FOREIGN;
	if (len < 52 || memcmp(head, ELFMAG, SELFMAG) != 0)
		return FILE_OTHER;
	uint16_t machine = (uint16_t)field(head + 18, 2, head[EI_DATA] == ELFDATA2MSB);
	if (machine == abi->elf_machine && ident_fits(abi, head))
		return FILE_GUEST;
	*foreign = machine_name(machine, head[EI_CLASS], head[EI_DATA]);
	return FILE_FOREIGN;
}

static struct error *wrong_machine(const struct abi *abi, const uint8_t *head)
{
	const char *foreign;

	image_kind(abi, head, 64, &foreign);
	if (foreign)
		return error_new("this is a program for %s; try qemu-%s", foreign, foreign);
	return error_new("this is a program for another processor (ELF machine %u)",
			 (unsigned int)field(head + 18, 2, head[EI_DATA] == ELFDATA2MSB));
}

static void read_segment(const struct elf *e, const uint8_t *p, struct segment *s)
{
	bool big = e->abi->big_endian;

	if (e->abi->word == 8)
		*s = (struct segment){(uint32_t)field(p, 4, big), (uint32_t)field(p + 4, 4, big),
				      field(p + 8, 8, big),	  field(p + 16, 8, big),
				      field(p + 32, 8, big),	  field(p + 40, 8, big),
				      field(p + 48, 8, big)};
	else
		*s = (struct segment){(uint32_t)field(p, 4, big), (uint32_t)field(p + 24, 4, big),
				      field(p + 4, 4, big),	  field(p + 8, 4, big),
				      field(p + 16, 4, big),	  field(p + 20, 4, big),
				      field(p + 28, 4, big)};
}

/* A PT_LOAD must lie within the address space; its file part within the file or behind its end. */
static bool segment_ok(const struct elf *e, const struct segment *s)
{
	uint64_t limit = e->abi->task_size;

	if (s->type != PT_LOAD)
		return s->offset <= INT64_MAX && s->filesz <= INT64_MAX;
	return s->filesz <= s->memsz && s->memsz <= limit && s->vaddr <= limit - s->memsz &&
	       s->offset <= INT64_MAX - s->filesz &&
	       ((s->vaddr ^ s->offset) & ~GUEST_PAGE_MASK) == 0;
}

static struct error *read_segments(struct elf *e)
{
	uint64_t size = (uint64_t)e->phent * e->phnum;

	if (e->phent != (e->abi->word == 8 ? 56 : 32) || !e->phnum || e->phnum > PHDRS_MAX ||
	    e->phoff > e->file_size || size > e->file_size - e->phoff)
		return error_new("program headers are not in the file");
	uint8_t *raw = g_malloc(size);
	ssize_t got = pread(e->fd, raw, size, (off_t)e->phoff);
	e->segments = g_new(struct segment, e->phnum);
	for (unsigned int i = 0; got == (ssize_t)size && i < e->phnum; i++)
		read_segment(e, raw + (uint64_t)i * e->phent, &e->segments[i]);
	g_free(raw);
	if (got != (ssize_t)size)
		return error_new("program headers cannot be read");
	for (unsigned int i = 0; i < e->phnum; i++)
		if (!segment_ok(e, &e->segments[i]))
			return error_new("segment %u does not fit the file or the address space",
					 i);
	return NULL;
}

static struct error *elf_open(struct elf *e)
{
	const struct abi *abi = e->abi;
	uint8_t head[64] = {0};
	bool big = abi->big_endian, wide = abi->word == 8;
	struct stat st;

	if (fstat(e->fd, &st))
		return error_errno(errno, "cannot be read");
	e->file_size = (uint64_t)st.st_size;
	if (pread(e->fd, head, sizeof(head), 0) < 52 || memcmp(head, ELFMAG, SELFMAG) != 0)
		return error_new("not an executable file of a known format");
	e->machine = (uint16_t)field(head + 18, 2, big);
	if (!ident_fits(abi, head) || e->machine != abi->elf_machine)
		return wrong_machine(abi, head);
	e->type = (uint16_t)field(head + 16, 2, big);
	if (e->type != ET_EXEC && e->type != ET_DYN)
		return error_new("not an executable (ELF type %u)", e->type);
	e->entry = field(head + 24, abi->word, big);
	e->phoff = field(head + (wide ? 32 : 28), abi->word, big);
	e->flags = (uint32_t)field(head + (wide ? 48 : 36), 4, big);
	e->phent = (uint16_t)field(head + (wide ? 54 : 42), 2, big);
	e->phnum = (uint16_t)field(head + (wide ? 56 : 44), 2, big);
	return read_segments(e);
}

static void elf_close(struct elf *e)
{
	g_free(e->segments);
}

/* --- mapping --- */

static int segment_prot(const struct segment *s)
{
	return (s->flags & PF_R ? PROT_READ : 0) | (s->flags & PF_W ? PROT_WRITE : 0) |
	       (s->flags & PF_X ? PROT_EXEC : 0);
}

/* Span of all PT_LOADs; false: there is none. */
static bool load_span(const struct elf *e, uint64_t *low, uint64_t *high)
{
	*low = UINT64_MAX;
	*high = 0;
	for (unsigned int i = 0; i < e->phnum; i++) {
		const struct segment *s = &e->segments[i];
		if (s->type != PT_LOAD || !s->memsz)
			continue;
		*low = MIN(*low, PAGE_DOWN(s->vaddr));
		*high = MAX(*high, PAGE_UP(s->vaddr + s->memsz));
	}
	return *high > *low;
}

static struct error *map_failed(int64_t code, uint64_t at)
{
	return error_errno((int)-code, "cannot map a segment at 0x%" PRIx64, at);
}

static struct error *map_segment(struct thread *t, const struct elf *e, const struct segment *s,
				 uint64_t bias)
{
	uint64_t start = PAGE_DOWN(bias + s->vaddr), file_end = bias + s->vaddr + s->filesz;
	uint64_t end = PAGE_UP(bias + s->vaddr + s->memsz), mapped = start;
	int prot = segment_prot(s);
	int64_t at;

	if (s->filesz) {
		mapped = PAGE_UP(file_end);
		at = mm_map(t, start, mapped - start, prot, MAP_PRIVATE | MAP_FIXED, e->fd,
			    PAGE_DOWN(s->offset));
		if (at < 0)
			return map_failed(at, start);
	}
	if (s->memsz > s->filesz && s->filesz && file_end < mapped) {
		static const uint8_t zeros[GUEST_PAGE_SIZE];
		uint64_t len = MIN(mapped, bias + s->vaddr + s->memsz) - file_end;
		/* Not writable: then the rest of the page is what it is. */
		if (prot & PROT_WRITE && !guest_write(t, file_end, zeros, mapped - file_end))
			return error_new("the file ends within a segment (%" PRIu64 " bytes)", len);
	}
	if (mapped < end) {
		at = mm_map(t, mapped, end - mapped, prot, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED,
			    -1, 0);
		if (at < 0)
			return map_failed(at, mapped);
	}
	return NULL;
}

/* Where a position-independent file goes: one free place for all of it. */
static struct error *choose_bias(struct thread *t, const struct elf *e, uint64_t low, uint64_t high,
				 bool program, uint64_t *bias)
{
	uint64_t hint = 0, align = GUEST_PAGE_SIZE;

	*bias = 0;
	if (e->type == ET_EXEC) {
		if (high > mm_task_size(t->process->mm))
			return error_new("is linked for addresses up to 0x%" PRIx64
					 ", which the host cannot reserve",
					 high);
		return NULL;
	}
	for (unsigned int i = 0; i < e->phnum; i++) {
		uint64_t a = e->segments[i].align;
		if (e->segments[i].type == PT_LOAD && (a & (a - 1)) == 0 && a > align)
			align = MIN(a, UINT64_C(1) << 30);
	}
	if (program)
		hint = mm_task_size(t->process->mm) / 256 * t->abi->exec_base & ~(align - 1);
	int64_t at = mm_map(t, hint, high - low + align, PROT_NONE,
			    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (at < 0)
		return map_failed(at, hint);
	uint64_t start = ((uint64_t)at + align - 1) & ~(align - 1);
	mm_unmap(t, (uint64_t)at, high - low + align);
	*bias = start - low;
	return NULL;
}

struct loaded {
	uint64_t bias, low, high, brk;
};

static struct error *map_all(struct thread *t, const struct elf *e, bool program,
			     struct loaded *out)
{
	struct process *p = t->process;
	struct error *err;

	if (!load_span(e, &out->low, &out->high))
		return error_new("has nothing to load");
	err = choose_bias(t, e, out->low, out->high, program, &out->bias);
	for (unsigned int i = 0; !err && i < e->phnum; i++) {
		const struct segment *s = &e->segments[i];
		if (s->type != PT_LOAD || !s->memsz)
			continue;
		err = map_segment(t, e, s, out->bias);
		uint64_t start = out->bias + s->vaddr;
		out->brk = MAX(out->brk, start + s->memsz);
		if (!program)
			continue;
		if (s->flags & PF_X && (!p->code_start || start < p->code_start))
			p->code_start = start;
		if (s->flags & PF_X)
			p->code_end = MAX(p->code_end, start + s->filesz);
		p->data_start = MAX(p->data_start, start);
		p->data_end = MAX(p->data_end, start + s->filesz);
	}
	return err;
}

/* Where the program headers are in memory, for AT_PHDR. */
static uint64_t phdr_address(const struct elf *e, uint64_t bias)
{
	for (unsigned int i = 0; i < e->phnum; i++) {
		const struct segment *s = &e->segments[i];
		if (s->type == PT_LOAD && e->phoff >= s->offset && e->phoff - s->offset < s->filesz)
			return bias + s->vaddr + (e->phoff - s->offset);
	}
	return 0;
}

/* --- the interpreter --- */

static const struct segment *find_segment(const struct elf *e, uint32_t type)
{
	for (unsigned int i = 0; i < e->phnum; i++)
		if (e->segments[i].type == type)
			return &e->segments[i];
	return NULL;
}

static struct error *load_interp_file(struct thread *t, const char *path, struct image *img)
{
	char buffer[PATH_MAX];
	const char *found = prefix_path(t->process, path, buffer);
	struct elf e = {.abi = t->abi, .fd = open(found, O_RDONLY | O_CLOEXEC)};
	struct loaded loaded = {0};

	if (e.fd < 0)
		return error_errno(errno,
				   "cannot open its dynamic linker \"%s\" (-L names the "
				   "folder of the guest's files)",
				   path);
	struct error *err = elf_open(&e);
	if (!err)
		err = map_all(t, &e, false, &loaded);
	img->interp_base = loaded.bias;
	img->start = loaded.bias + e.entry;
	elf_close(&e);
	close(e.fd);
	return error_prefix(err, "%s", found);
}

static struct error *load_interp(struct thread *t, const struct elf *e, struct image *img)
{
	const struct segment *s = find_segment(e, PT_INTERP);
	char path[PATH_MAX];

	if (!s)
		return NULL;
	if (!s->filesz || s->filesz >= sizeof(path) ||
	    pread(e->fd, path, s->filesz, (off_t)s->offset) != (ssize_t)s->filesz ||
	    path[s->filesz - 1])
		return error_new("the name of its dynamic linker cannot be read");
	return load_interp_file(t, path, img);
}

struct error *user_elf_load(struct thread *t, int fd, const char *path, struct image *img)
{
	struct elf e = {.abi = t->abi, .fd = fd};
	struct loaded loaded = {0};
	struct error *err = elf_open(&e);

	if (!err)
		err = map_all(t, &e, true, &loaded);
	if (!err) {
		const struct segment *stack = find_segment(&e, PT_GNU_STACK);
		*img = (struct image){
			.entry = loaded.bias + e.entry,
			.start = loaded.bias + e.entry,
			.load_base = loaded.bias,
			.phdr = phdr_address(&e, loaded.bias),
			.phent = e.phent,
			.phnum = e.phnum,
			.flags = e.flags,
			.brk = loaded.brk,
			.exec_stack = !stack || stack->flags & PF_X,
			/* As the kernel has it: programs from before the header's time. */
			.read_implies_exec = !stack && t->abi->word == 4,
		};
		t->process->entry = img->entry;
		err = load_interp(t, &e, img);
	}
	elf_close(&e);
	return err;
}

struct error *image_load(struct thread *t, const char *path, struct image *img)
{
	uint8_t head[64] = {0};
	const char *foreign;
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return error_errno(errno, "%s", path);
	ssize_t len = pread(fd, head, sizeof(head), 0);
	struct error *err;
	if (len < 0)
		err = error_errno(errno, "cannot be read");
	else if (len >= 4 && memcmp(head, "bFLT", 4) == 0 &&
		 image_kind(t->abi, head, (size_t)len, &foreign) == FILE_GUEST)
		err = flat_load(t, fd, img);
	else
		err = user_elf_load(t, fd, path, img);
	close(fd);
	return error_prefix(err, "%s", path);
}
