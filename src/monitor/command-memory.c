/* x, xp, print, sum, memsave, pmemsave: looking at memory and registers. */
#include "base/bytes.h"
#include "monitor/command.h"
#include "vm/cpu.h"
#include "vm/machine.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#define LINE_BYTES 16

/* Memory as a command sees it: physical, or through a processor's tables. */
struct view {
	struct cpu *cpu; /* NULL: none was made */
	bool physical;
};

static bool view_read(const struct view *v, uint64_t addr, void *buf, uint64_t len)
{
	struct address_space *as = v->cpu ? v->cpu->memory : &machine_get()->memory;

	if (!v->physical)
		return v->cpu && cpu_read_virtual(v->cpu, addr, buf, len);
	return mem_read(as, addr, buf, len) == MEM_OK;
}

static uint64_t load(const struct view *v, const uint8_t *p, unsigned int size)
{
	bool big = v->cpu && v->cpu->class->big_endian;

	switch (size) {
	case 1: return *p;
	case 2: return big ? load_be16(p) : load_le16(p);
	case 4: return big ? load_be32(p) : load_le32(p);
	default: return big ? load_be64(p) : load_le64(p);
	}
}

static void print_char(FILE *out, uint8_t c)
{
	static const char letters[] = "nrtab", codes[] = "\n\r\t\a\b";
	const char *code = c ? strchr(codes, c) : NULL;

	if (code)
		fprintf(out, "'\\%c'", letters[code - codes]);
	else if (c == '\'' || c == '\\')
		fprintf(out, "'\\%c'", c);
	else if (c >= 32 && c < 127)
		fprintf(out, "'%c'", c);
	else
		fprintf(out, "'\\x%02x'", c);
}

/* A value that fills the columns of its size, as the manual's examples show it. */
static void print_item(FILE *out, char format, unsigned int size, uint64_t v)
{
	static const int octal[] = {[1] = 3, [2] = 6, [4] = 11, [8] = 22};
	static const int decimal[] = {[1] = 3, [2] = 5, [4] = 10, [8] = 20};

	switch (format) {
	case 'o': fprintf(out, "%#*" PRIo64, octal[size], v); break;
	case 'u': fprintf(out, "%*" PRIu64, decimal[size], v); break;
	case 'd':
		fprintf(out, "%*" PRId64, decimal[size],
			(int64_t)(v << (64 - 8 * size)) >> (64 - 8 * size));
		break;
	case 'c': print_char(out, (uint8_t)v); break;
	default: fprintf(out, "0x%0*" PRIx64, (int)size * 2, v);
	}
}

static void print_address(FILE *out, const struct view *v, uint64_t addr)
{
	bool wide = addr > UINT32_MAX || (v->physical && machine_get()->target_64bit);
	fprintf(out, "0x%0*" PRIx64 ":", wide ? 16 : 8, addr);
}

static struct error *dump(const struct view *v, const struct dump_format *f, uint64_t addr,
			  FILE *out)
{
	unsigned int per_line = f->format == 'c' ? 8 : LINE_BYTES / f->size;
	uint8_t buf[8];

	for (unsigned int i = 0; i < f->count; i++, addr += f->size) {
		if (!view_read(v, addr, buf, f->size)) {
			fprintf(out, "%s", i % per_line ? "\n" : "");
			return error_new("cannot access memory at 0x%" PRIx64, addr);
		}
		if (i % per_line == 0) {
			fprintf(out, "%s", i ? "\n" : "");
			print_address(out, v, addr);
		}
		fputc(' ', out);
		print_item(out, f->format, f->size, load(v, buf, f->size));
	}
	fputc('\n', out);
	return NULL;
}

static struct error *disassemble(const struct view *v, const struct dump_format *f, uint64_t addr,
				 FILE *out)
{
	if (!v->cpu || !v->cpu->class->disassemble)
		return error_new("there is no disassembler for this processor");
	v->cpu->class->disassemble(v->cpu, out, addr, f->count, f->size, v->physical);
	return NULL;
}

static struct error *dump_any(struct command_call *call, bool physical)
{
	struct view v = {command_cpu(call), physical};
	struct dump_format *f = &call->format;

	if (f->format == 'i')
		return disassemble(&v, f, call->args[1].value, call->out);
	return dump(&v, f, call->args[1].value, call->out);
}

static struct error *run_x(struct command_call *call)
{
	return dump_any(call, false);
}

static struct error *run_xp(struct command_call *call)
{
	return dump_any(call, true);
}

static struct error *run_print(struct command_call *call)
{
	uint64_t v = call->args[1].value;

	switch (call->format.format) {
	case 'o': fprintf(call->out, "%#" PRIo64 "\n", v); break;
	case 'u': fprintf(call->out, "%" PRIu64 "\n", v); break;
	case 'd': fprintf(call->out, "%" PRId64 "\n", (int64_t)v); break;
	case 'c':
		print_char(call->out, (uint8_t)v);
		fputc('\n', call->out);
		break;
	default: fprintf(call->out, "%#" PRIx64 "\n", v);
	}
	return NULL;
}

/* The checksum of BSD's sum(1): 16 bits, rotated right by one before each byte is added. */
static struct error *run_sum(struct command_call *call)
{
	struct view v = {command_cpu(call), true};
	uint64_t addr = call->args[0].value, size = call->args[1].value;
	uint8_t buf[4096];
	uint16_t sum = 0;

	while (size) {
		uint64_t n = MIN(size, sizeof(buf));
		if (!view_read(&v, addr, buf, n))
			return error_new("cannot access memory at 0x%" PRIx64, addr);
		for (uint64_t i = 0; i < n; i++)
			sum = (uint16_t)(((sum >> 1) | (sum << 15)) + buf[i]);
		addr += n;
		size -= n;
	}
	fprintf(call->out, "%05u\n", sum);
	return NULL;
}

static struct error *save(const struct view *v, uint64_t addr, uint64_t size, FILE *file)
{
	uint8_t buf[65536];

	while (size) {
		uint64_t n = MIN(size, sizeof(buf));
		if (!view_read(v, addr, buf, n))
			return error_new("cannot access memory at 0x%" PRIx64, addr);
		if (fwrite(buf, 1, n, file) != n)
			return error_errno(errno, "cannot write");
		addr += n;
		size -= n;
	}
	return NULL;
}

static struct error *save_any(struct command_call *call, bool physical)
{
	struct view v = {command_cpu(call), physical};
	const char *path = call->args[2].text;
	FILE *file = fopen(path, "wbe");
	struct error *err;

	if (!file)
		return error_errno(errno, "cannot open \"%s\"", path);
	err = save(&v, call->args[0].value, call->args[1].value, file);
	if (fclose(file) && !err)
		err = error_errno(errno, "cannot write \"%s\"", path);
	if (err)
		unlink(path); /* half a dump looks like a whole one */
	return err;
}

static struct error *run_memsave(struct command_call *call)
{
	return save_any(call, false);
}

static struct error *run_pmemsave(struct command_call *call)
{
	return save_any(call, true);
}

const struct command commands_memory[] = {
	{"x", "fmt:fmt addr:expr", "/fmt addr", "virtual memory dump starting at addr", run_x},
	{"xp", "fmt:fmt addr:expr", "/fmt addr", "physical memory dump starting at addr", run_xp},
	{"print|p", "fmt:fmt expr:expr", "/fmt expr", "print an expression's value", run_print},
	{"sum", "addr:expr size:expr", "addr size", "compute the checksum of physical memory",
	 run_sum},
	{"memsave", "addr:expr size:expr file:file", "addr size file",
	 "save virtual memory to a file", run_memsave},
	{"pmemsave", "addr:expr size:expr file:file", "addr size file",
	 "save physical memory to a file", run_pmemsave},
	{NULL},
};
