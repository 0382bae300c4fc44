#include "base/log.h"

#include <errno.h>
#include <glib.h>
#include <string.h>

uint32_t log_mask;
static FILE *log_out; /* NULL is stderr */

static const struct {
	enum log_item item;
	const char *name, *help;
} items[] = {
	{LOG_OUT_ASM, "out_asm", "show generated host code for each compiled region"},
	{LOG_IN_ASM, "in_asm", "show guest code for each decoded block"},
	{LOG_OP, "op", "show op records for each decoded block"},
	{LOG_INT, "int", "show interrupts and exceptions in short form"},
	{LOG_EXEC, "exec", "show each block as it is entered"},
	{LOG_CPU, "cpu", "show CPU registers before each block"},
	{LOG_MMU, "mmu", "show page walks"},
	{LOG_PCALL, "pcall", "x86: show protected-mode far calls, returns and task switches"},
	{LOG_RESET, "cpu_reset", "show CPU state at CPU resets"},
	{LOG_UNIMP, "unimp", "log functionality that is not implemented"},
	{LOG_GUEST_ERRORS, "guest_errors", "log what the guest programs wrongly"},
	{LOG_JIT, "jit", "show regions as they are formed, committed and dropped"},
	{LOG_NOCHAIN, "nochain", "do not chain blocks, so that exec and cpu show each one"},
	{LOG_STRACE, "strace", "user mode: show system calls"},
};

void log_printf(enum log_item item, const char *format, ...)
{
	if (!log_on(item))
		return;
	va_list args;
	va_start(args, format);
	vfprintf(log_stream(), format, args);
	va_end(args);
}

static const char *item_name(unsigned int i, void *opaque)
{
	return items[i].name;
}

static struct error *item_find(const char *name, uint32_t *mask)
{
	if (strcmp(name, "all") == 0) {
		*mask = ~(uint32_t)LOG_NOCHAIN;
		return NULL;
	}
	for (unsigned int i = 0; i < G_N_ELEMENTS(items); i++) {
		if (strcmp(items[i].name, name) == 0) {
			*mask = items[i].item;
			return NULL;
		}
	}
	const char *best = closest_name(name, G_N_ELEMENTS(items), item_name, NULL);
	if (best)
		return error_new("unknown log item \"%s\"; did you mean \"%s\"?", name, best);
	return error_new("unknown log item \"%s\" (-d help lists them)", name);
}

struct error *log_set_items(const char *list)
{
	uint32_t mask = 0;
	char **words = g_strsplit(list, ",", -1);
	struct error *err = NULL;

	for (char **word = words; *word && !err; word++) {
		uint32_t bit = 0;
		if (**word && strcmp(*word, "none") != 0)
			err = item_find(*word, &bit);
		mask |= bit;
	}
	g_strfreev(words);
	if (!err)
		log_mask = mask;
	return err;
}

struct error *log_set_file(const char *path)
{
	FILE *out = NULL;

	if (path) {
		out = fopen(path, "we");
		if (!out)
			return error_errno(errno, "cannot open log file \"%s\"", path);
		setvbuf(out, NULL, _IOLBF, 0);
	}
	FILE *old = log_out;
	log_out = out;
	if (old)
		fclose(old);
	return NULL;
}

FILE *log_stream(void)
{
	return log_out ? log_out : stderr;
}

void log_help(FILE *out)
{
	fprintf(out, "Log items (comma separated):\n");
	for (unsigned int i = 0; i < G_N_ELEMENTS(items); i++)
		fprintf(out, "%-15s %s\n", items[i].name, items[i].help);
	fprintf(out, "%-15s %s\n", "all", "every item but nochain");
}
