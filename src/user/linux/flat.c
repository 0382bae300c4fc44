/*
 * The bFLT loader: flat binaries of uClinux. Source: the format as include/linux/flat.h of the
 * kernel has it: a big-endian header, text, data, then relocations, which are offsets of words that
 * hold an offset from the start of text. Version 4; compressed by gzip behind the header, or
 * from data on.
 */
#include "user/linux/user.h"

#include "base/bytes.h"

#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

enum { FLAG_RAM = 1, FLAG_GOTPIC = 2, FLAG_GZIP = 4, FLAG_GZDATA = 8 };

#define HEADER_SIZE 64
#define SIZE_MAX_32 (UINT64_C(256) << 20) /* of anything in a flat file */

struct flat {
	uint32_t rev, entry, data_start, data_end, bss_end, stack_size, reloc_start, reloc_count,
		flags;
	uint8_t *file; /* whole, decompressed */
	uint64_t size;
};

static void read_header(struct flat *f, const uint8_t *h)
{
	uint32_t *const fields[] = {&f->rev,	     &f->entry,	      &f->data_start,
				    &f->data_end,    &f->bss_end,     &f->stack_size,
				    &f->reloc_start, &f->reloc_count, &f->flags};

	for (unsigned int i = 0; i < G_N_ELEMENTS(fields); i++)
		*fields[i] = load_be32(h + 4 + 4 * i);
}

static struct error *check(const struct flat *f)
{
	uint64_t relocs = (uint64_t)f->reloc_count * 4;

	if (f->rev != 4)
		return error_new("bFLT version %u; only version 4 is supported", f->rev);
	if (f->entry < HEADER_SIZE || f->data_start < f->entry || f->data_end < f->data_start ||
	    f->bss_end < f->data_end || f->bss_end > SIZE_MAX_32 || f->stack_size > SIZE_MAX_32 ||
	    f->reloc_start < f->data_start || f->data_end > f->size || f->reloc_start > f->size ||
	    relocs > f->size - f->reloc_start)
		return error_new("bFLT header and file do not agree");
	return NULL;
}

/* The file as it is with what begins at `from` decompressed. */
static struct error *inflate_from(struct flat *f, const uint8_t *in, uint64_t len, uint64_t from)
{
	uint64_t room =
		MIN(SIZE_MAX_32,
		    MAX((uint64_t)f->reloc_start + 4 * (uint64_t)f->reloc_count, f->data_end));
	z_stream z = {0};

	if (from < HEADER_SIZE || from > len || room < from || inflateInit2(&z, 15 + 16) != Z_OK)
		return error_new("bFLT header and file do not agree");
	z.next_in = (uint8_t *)in + from;
	z.avail_in = (unsigned int)(len - from);
	f->file = g_malloc0(room);
	memcpy(f->file, in, from);
	z.next_out = f->file + from;
	z.avail_out = (unsigned int)(room - from);
	int code = inflate(&z, Z_FINISH);
	f->size = from + z.total_out;
	inflateEnd(&z);
	return code == Z_STREAM_END || code == Z_BUF_ERROR || code == Z_OK
		       ? NULL
		       : error_new("bFLT's compressed part is damaged");
}

static struct error *read_all(struct flat *f, int fd)
{
	struct stat st;
	uint8_t *raw;
	struct error *err = NULL;

	if (fstat(fd, &st) || st.st_size < HEADER_SIZE || (uint64_t)st.st_size > SIZE_MAX_32)
		return error_new("the file is too short or too long for bFLT");
	raw = g_malloc((gsize)st.st_size);
	if (pread(fd, raw, (size_t)st.st_size, 0) != st.st_size) {
		g_free(raw);
		return error_new("the file cannot be read");
	}
	read_header(f, raw);
	if (f->flags & (FLAG_GZIP | FLAG_GZDATA)) {
		err = inflate_from(f, raw, (uint64_t)st.st_size,
				   f->flags & FLAG_GZIP ? HEADER_SIZE : f->data_start);
		g_free(raw);
	} else {
		f->file = raw;
		f->size = (uint64_t)st.st_size;
	}
	return err ? err : check(f);
}

/* Offsets count from the start of text, which the header is no part of; data follow text at once.
 */
static uint32_t relocated(uint64_t text, uint32_t offset)
{
	return (uint32_t)text + offset;
}

static struct error *relocate(struct thread *t, const struct flat *f, uint64_t text)
{
	for (uint32_t i = 0; i < f->reloc_count; i++) {
		uint32_t at = load_be32(f->file + f->reloc_start + 4 * (uint64_t)i);
		uint64_t limit = f->data_end - HEADER_SIZE;
		if ((uint64_t)at + 4 > limit)
			return error_new("bFLT relocation %u lies outside of the program", i);
		uint8_t word[4];
		if (!guest_read(t, word, text + at, 4))
			return error_new("bFLT relocation %u lies outside of the program", i);
		/* Words of programs without a GOT are still in network order. */
		uint32_t offset = f->flags & FLAG_GOTPIC
					  ? (uint32_t)abi_number(t->abi, load_le32(word), 4)
					  : load_be32(word);
		if (offset && !guest_put(t, text + at, 4, relocated(text, offset)))
			return error_new("bFLT relocation %u cannot be made", i);
	}
	return NULL;
}

/* The GOT is at the start of data and ends with -1. */
static struct error *relocate_got(struct thread *t, const struct flat *f, uint64_t text)
{
	uint64_t at = text + f->data_start - HEADER_SIZE, end = text + f->data_end - HEADER_SIZE;

	for (; f->flags & FLAG_GOTPIC && at + 4 <= end; at += 4) {
		uint64_t word;
		if (!guest_get(t, at, 4, &word))
			return error_new("bFLT's GOT cannot be read");
		if ((uint32_t)word == UINT32_MAX)
			return NULL;
		if (word && !guest_put(t, at, 4, relocated(text, (uint32_t)word)))
			return error_new("bFLT's GOT cannot be changed");
	}
	return NULL;
}

static struct error *map_all(struct thread *t, const struct flat *f, struct image *img)
{
	uint64_t size = f->bss_end - HEADER_SIZE;
	int64_t at = mm_map(t, 0x10000, size + GUEST_PAGE_SIZE, PROT_READ | PROT_WRITE | PROT_EXEC,
			    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (at < 0)
		return error_errno((int)-at, "cannot map the program");
	uint64_t text = (uint64_t)at;
	if (!guest_write(t, text, f->file + HEADER_SIZE, f->data_end - HEADER_SIZE))
		return error_new("cannot copy the program");
	*img = (struct image){
		.entry = text + f->entry - HEADER_SIZE,
		.start = text + f->entry - HEADER_SIZE,
		.load_base = text,
		.brk = text + size,
		.flat = true,
		.flat_stack = f->stack_size,
		.flat_data = text + f->data_start - HEADER_SIZE,
		.exec_stack = true,
	};
	struct error *err = relocate(t, f, text);
	return err ? err : relocate_got(t, f, text);
}

struct error *flat_load(struct thread *t, int fd, struct image *img)
{
	struct flat f = {0};
	struct error *err = read_all(&f, fd);

	if (!err)
		err = map_all(t, &f, img);
	g_free(f.file);
	return err;
}
