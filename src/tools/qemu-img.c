/* qemu-img: the program, and what its subcommands share. */
#include "tools/qemu-img.h"

#include "base/optstr.h"
#include "tools/program.h"

#include <stdlib.h>
#include <string.h>

/* --- messages --- */

void img_say(const struct img_args *a, const char *format, ...)
{
	va_list args;

	if (a->quiet)
		return;
	va_start(args, format);
	vprintf(format, args);
	va_end(args);
}

bool img_json(const struct img_args *a)
{
	return a->output && !strcmp(a->output, "json");
}

/* --- progress --- */

void progress_start(struct progress *p, bool on)
{
	p->on = on;
	p->shown = -1;
	if (on)
		progress_show(p, 0, 1);
}

void progress_show(struct progress *p, uint64_t done, uint64_t total)
{
	double percent = total ? 100.0 * (double)done / (double)total : 100;

	if (!p->on || percent < p->shown + 0.5)
		return;
	p->shown = percent;
	printf("    (%3.2f/100%%)\r", percent);
	fflush(stdout);
}

void progress_end(struct progress *p)
{
	if (p->on)
		printf("    (100.00/100%%)\r\n");
}

struct error *img_size(const char *text, uint64_t *size)
{
	struct error *err = parse_size(text, 1, size);

	if (!err && *size <= INT64_MAX)
		return NULL;
	bool huge = !err;
	error_free(err);
	if (huge)
		return error_new("Image size must be less than 8 EiB!");
	return error_new("Invalid image size specified. You may use k, M, G, T, P or E suffixes "
			 "for \n%s: kilobytes, megabytes, gigabytes, terabytes, petabytes and "
			 "exabytes.",
			 program_name());
}

int img_close(struct image *img, int status)
{
	bool readonly = img->readonly;
	int err = image_close(img);

	if (err && !readonly && !status)
		return tool_fail_text("error while closing the image: %s", g_strerror(err));
	return status;
}

/* --- creation options --- */

static const char *kind_text(enum image_opt_kind kind)
{
	static const char *const texts[] = {"str", "bool (on/off)", "size", "num"};

	return texts[kind];
}

static int by_name(const void *a, const void *b)
{
	const struct image_opt *const *x = a, *const *y = b;

	return strcmp((*x)->name, (*y)->name);
}

void img_options_help(const struct image_driver *driver, const struct image_driver *protocol)
{
	const struct image_opt *all[64];
	size_t n = 0;

	for (const struct image_opt *o = driver->create_options; o && o->name && n < 64; o++)
		all[n++] = o;
	qsort(all, n, sizeof(all[0]), by_name);
	printf("Supported options:\n");
	for (size_t i = 0; i < n; i++) {
		char *left = g_strdup_printf("%s=<%s>", all[i]->name, kind_text(all[i]->kind));
		printf("  %-22s - %s\n", left, all[i]->help);
		g_free(left);
	}
}

struct error *img_creation_options(const struct img_args *a, struct image_create *c)
{
	for (unsigned int i = 0; i < a->options->len; i++) {
		struct error *err = image_create_parse(c, g_ptr_array_index(a->options, i));
		if (err)
			return err;
	}
	if (a->encrypt)
		image_create_set(c, "encryption", "on");
	if (a->compat6)
		image_create_set(c, "compat6", "on");
	return NULL;
}

/* --- the program --- */

static void args_init(struct img_args *a)
{
	a->options = g_ptr_array_new_with_free_func(g_free);
	a->operands = g_ptr_array_new_with_free_func(g_free);
}

static gint by_text(gconstpointer a, gconstpointer b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static void list_formats(void)
{
	GPtrArray *names = g_ptr_array_new();

	for (unsigned int i = 0; image_driver_at(i); i++)
		g_ptr_array_add(names, (void *)(uintptr_t)image_driver_at(i)->name);
	g_ptr_array_sort(names, by_text);
	printf("\nSupported formats:");
	for (unsigned int i = 0; i < names->len; i++)
		printf(" %s", (const char *)g_ptr_array_index(names, i));
	printf("\n");
	g_ptr_array_free(names, TRUE);
}

static void print_help(void)
{
	printf("qemu-img version %s\nusage: qemu-img [standard options] command [command options]\n"
	       "Makes, converts and examines disk images.\n\n"
	       "    '-h', '--help'       display this help and exit\n"
	       "    '-V', '--version'    output version information and exit\n\n"
	       "Command syntax:\n",
	       RATITE_VERSION);
	for (const struct img_subcommand *s = img_subcommands; s->name; s++)
		printf("  %s %s\n", s->name, s->options->usage);
	printf("\nWhat the words above stand for:\n"
	       "  filename       a disk image: a file, a device, nbd:HOST:PORT, fat:FOLDER\n"
	       "  fmt            its format; guessed where it is not given\n"
	       "  cache          none, writeback, writethrough, directsync or unsafe\n"
	       "  size           bytes, or with a suffix: k, M, G, T, P, E (powers of 1024)\n"
	       "  options        name=value,...; -o help lists those of a format\n"
	       "  backing_fmt    format of the backing image\n"
	       "`qemu-img COMMAND --help` lists the options of a command.\n");
	list_formats();
}

static int run_subcommand(const struct img_subcommand *s, int argc, char **argv)
{
	struct img_args a = {0};
	char *size = NULL;

	args_init(&a);
	for (int i = 1; i < argc; i++)
		if (!strcmp(argv[i], "--help") || !strcmp(argv[i], "-h")) {
			options_print_help(s->options, program_name(), stdout);
			list_formats();
			return 0;
		}
	/* "resize FILE -1G": the last word is a size, whatever it looks like */
	if (s->run == img_resize && argc > 2)
		size = argv[--argc];
	struct error *err = options_parse(s->options, argc, argv, &a);
	if (err)
		return a.status ? a.status : tool_fail(err);
	if (size)
		g_ptr_array_add(a.operands, g_strdup(size));
	if (a.output && strcmp(a.output, "human") && strcmp(a.output, "json"))
		return tool_fail_text("--output must be used with human or json as argument.");
	if (!a.options_help &&
	    (a.operands->len < s->min_operands || a.operands->len > s->max_operands))
		return tool_fail_text("%s: expects: %s\nTry 'qemu-img --help' for more information",
				      s->name, s->options->usage);
	return s->run(&a);
}

static int qemu_img_main(const struct program *self, int argc, char **argv)
{
	if (argc < 2)
		return tool_fail_text("Not enough arguments\nTry 'qemu-img --help' for more "
				      "information");
	if (!strcmp(argv[1], "-h") || !strcmp(argv[1], "--help") || !strcmp(argv[1], "-help")) {
		print_help();
		return 0;
	}
	if (!strcmp(argv[1], "-V") || !strcmp(argv[1], "--version")) {
		program_print_version("qemu-img");
		return 0;
	}
	for (const struct img_subcommand *s = img_subcommands; s->name; s++)
		if (!strcmp(s->name, argv[1]))
			return run_subcommand(s, argc - 1, argv + 1);
	return tool_fail_text("Command not found: %s\nTry 'qemu-img --help' for more information",
			      argv[1]);
}

static const struct option_spec top_options[] = {
	{.name = "help", .letter = 'h', .help = "Shows the commands and formats"},
	{.name = "version", .letter = 'V', .help = "Shows the version"},
};

static const struct option_set top_set = {
	.style = OPTIONS_GETOPT,
	.options = top_options,
	.count = G_N_ELEMENTS(top_options),
	.usage = "command [command options]",
	.summary = "make, convert and examine disk images",
};

extern const struct option_set *const img_option_sets[];

PROGRAM(qemu_img, .name = "qemu-img", .options = &top_set, .main = qemu_img_main,
	.subcommands = img_option_sets);
