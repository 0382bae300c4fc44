/*
 * qemu-io: the program, and the commands that open and close. Commands come with -c or, one a line,
 * from standard input. Sources: the program of that name of QEMU 7.2, its help and its answers.
 */
#include "tools/qemu-io.h"

#include "base/optstr.h"
#include "storage/gate.h"
#include "tools/program.h"

#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

/* --- what commands share --- */

int io_wrong(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vprintf(format, args);
	va_end(args);
	putchar('\n');
	return EINVAL;
}

static void print_usage(const struct io_command *c)
{
	printf("%s%s%s -- %s\n", c->name, *c->args ? " " : "", c->args, c->summary);
}

int io_usage(const struct io_command *c)
{
	print_usage(c);
	return EINVAL;
}

bool io_number(const char *text, uint64_t *value)
{
	struct error *err = parse_size(text, 1, value);

	if (!err && *value <= INT64_MAX)
		return true;
	io_wrong(err ? "Parsing error: non-numeric argument, or extraneous/unrecognized suffix -- "
		       "%s"
		     : "Parsing error: argument too large -- %s",
		 text);
	error_free(err);
	return false;
}

char *io_amount(double bytes)
{
	static const char *const units[] = {"EiB", "PiB", "TiB", "GiB", "MiB", "KiB"};
	double unit = (double)(UINT64_C(1) << 60);

	for (unsigned int i = 0; i < G_N_ELEMENTS(units); i++, unit /= 1024) {
		double n = bytes / unit;
		if (bytes < unit)
			continue;
		char number[32];
		g_snprintf(number, sizeof(number), "%.3f", n);
		if (g_str_has_suffix(number, ".000"))
			*strchr(number, '.') = 0;
		return g_strdup_printf("%s %s", number, units[i]);
	}
	return g_strdup_printf(bytes == (double)(uint64_t)bytes ? "%.0f bytes" : "%f bytes", bytes);
}

/* --- open, close, reopen --- */

static int shell_open(struct io_shell *s, const char *name)
{
	struct error *err = NULL;

	if (s->image)
		err = error_new("file open already, try 'help close'");
	else
		err = error_prefix(image_args_open(&s->args, name, &s->through, &s->image),
				   "can't open%s%s", name ? " device " : "", name);
	if (err) {
		error_report(err);
		return EINVAL;
	}
	g_free(s->name);
	s->name = g_strdup(name);
	return 0;
}

static int shell_close(struct io_shell *s)
{
	gate_drain(s->gate);
	int err = s->image ? image_close(s->image) : 0;

	s->image = NULL;
	if (err)
		error_report(error_errno(err, "closing the image"));
	return err;
}

/* "open -o OPTIONS FILE": the options may name the file themselves. */
static char *with_options(const char *options, const char *file)
{
	char *escaped = optstr_escape(file ? file : "");
	char *all = file ? g_strdup_printf("%s,filename=%s", options, escaped) : g_strdup(options);

	g_free(escaped);
	return all;
}

static int cmd_open(struct io_words *w)
{
	struct io_shell *s = w->shell;
	struct image_args before = s->args;

	s->args = (struct image_args){
		.format = before.format,
		.readonly = w->has['r'],
		.snapshot = w->has['s'],
		.nocache = w->has['n'],
		.force_share = w->has['U'],
		.cache = g_strdup(w->value['t']),
		.discard = g_strdup(w->value['d']),
		.image_opts = before.image_opts || w->has['o'],
	};
	char *name = w->has['o'] ? with_options(w->value['o'], w->argv[0]) : g_strdup(w->argv[0]);
	int err = name ? shell_open(s, name) : io_usage(w->command);
	g_free(name);
	return err;
}

static int cmd_close(struct io_words *w)
{
	return shell_close(w->shell);
}

static int cmd_reopen(struct io_words *w)
{
	struct io_shell *s = w->shell;
	unsigned int flags = 0;
	bool through;

	if (w->has['r'] && w->has['w'])
		return io_usage(w->command);
	struct error *err = image_cache_flags(w->value['c'], &flags, &through);
	if (err) {
		error_report(err);
		return EINVAL;
	}
	int e = shell_close(s);
	if (w->has['c']) {
		g_free(s->args.cache);
		s->args.cache = g_strdup(w->value['c']);
		s->args.nocache = false;
	}
	if (w->has['r'] || w->has['w'])
		s->args.readonly = w->has['r'];
	char *name;
	if (!w->has['o'])
		name = g_strdup(s->name);
	else if (s->args.image_opts)
		name = g_strdup_printf("%s,%s", s->name, w->value['o']);
	else
		name = with_options(w->value['o'], s->name);
	s->args.image_opts |= w->has['o'];
	e = e ? e : shell_open(s, name);
	g_free(name);
	return e;
}

static int cmd_quit(struct io_words *w)
{
	w->shell->quit = true;
	return 0;
}

/* --- help --- */

static const struct io_command *const tables[] = {io_data_commands, io_image_commands,
						  io_shell_commands, io_break_commands};

static const struct io_command *command_find(const char *name)
{
	for (unsigned int i = 0; i < G_N_ELEMENTS(tables); i++)
		for (const struct io_command *c = tables[i]; c->name; c++)
			if (!strcmp(c->name, name) || (c->alias && !strcmp(c->alias, name)))
				return c;
	return NULL;
}

static gint by_command_name(gconstpointer a, gconstpointer b)
{
	const struct io_command *const *x = a, *const *y = b;

	return strcmp((*x)->name, (*y)->name);
}

static int cmd_help(struct io_words *w)
{
	GPtrArray *all = g_ptr_array_new();

	if (w->argc) {
		const struct io_command *c = command_find(w->argv[0]);
		g_ptr_array_free(all, TRUE);
		if (!c)
			return io_wrong("command %s not found", w->argv[0]);
		print_usage(c);
		if (c->help)
			printf("\n%s\n", c->help);
		return 0;
	}
	for (unsigned int i = 0; i < G_N_ELEMENTS(tables); i++)
		for (const struct io_command *c = tables[i]; c->name; c++)
			g_ptr_array_add(all, (void *)(uintptr_t)c);
	g_ptr_array_sort(all, by_command_name);
	for (unsigned int i = 0; i < all->len; i++)
		print_usage(g_ptr_array_index(all, i));
	printf("\n'help COMMAND' tells more about one of them.\n");
	g_ptr_array_free(all, TRUE);
	return 0;
}

const struct io_command io_shell_commands[] = {
	{"open", "o", "rsCnkUi:t:d:o:", 0, 1, true, false, false, cmd_open,
	 "[-rsCnkU] [-t cache] [-d discard] [-o options] [path]", "opens an image",
	 " -r  read-only\n -s  writes go to a temporary file\n -n  past the host's cache\n"
	 " -U  without locks against others\n -t  cache mode\n -d  what becomes of discards\n"
	 " -o  options: driver=qcow2,lazy-refcounts=on ..."},
	{"close", "c", "", 0, 0, false, false, false, cmd_close, "", "closes the image", NULL},
	{"reopen", NULL, "rwc:o:", 0, 0, false, false, false, cmd_reopen,
	 "[(-r|-w)] [-c cache] [-o options]", "closes the image and opens it in another way",
	 " -r  read-only\n -w  for writing\n -c  with this cache mode\n"
	 " -o  with these options besides those it has"},
	{"quit", "q", "", 0, 0, true, false, false, cmd_quit, "", "leaves", NULL},
	{"help", "?", "", 0, 1, true, false, false, cmd_help, "[command]",
	 "tells about the commands", NULL},
	{0},
};

/* --- running a line --- */

/* Options and operands, in any order, are in `argv`, which is changed. */
static int command_run(struct io_shell *s, const struct io_command *c, int argc, char **argv)
{
	struct io_words w = {.shell = s, .command = c};
	int letter;

	optind = 0;
	while ((letter = getopt(argc, argv, c->letters)) > 0 && letter < 128 && letter != '?') {
		w.has[letter] = true;
		w.value[letter] = optarg;
	}
	if (letter == '?')
		return io_usage(c);
	w.argc = argc - optind;
	w.argv = argv + optind;
	if (w.argc < c->min || (c->max >= 0 && w.argc > c->max)) {
		if (c->max < 0)
			return io_wrong(
				"bad argument count %d to %s, expected at least %d arguments",
				w.argc, c->name, c->min);
		if (c->min == c->max)
			return io_wrong("bad argument count %d to %s, expected %d arguments",
					w.argc, c->name, c->min);
		return io_wrong("bad argument count %d to %s, expected between %d and %d arguments",
				w.argc, c->name, c->min, c->max);
	}
	if (!s->image && !c->no_image)
		return io_wrong("no file open, try 'help open'");
	if (c->writes && s->image->readonly) {
		error_report(error_new("Block node is read-only"));
		return EPERM;
	}
	return c->async ? io_run_async(&w) : c->run(&w);
}

static int line_run(struct io_shell *s, const char *line)
{
	char **split = g_strsplit_set(line, " \t\n", -1);
	GPtrArray *words = g_ptr_array_new();
	int err = 0;

	for (char **p = split; *p; p++)
		if (**p)
			g_ptr_array_add(words, *p);
	int argc = (int)words->len;
	g_ptr_array_add(words, NULL);
	if (argc) {
		char **argv = (char **)words->pdata;
		const struct io_command *c = command_find(argv[0]);
		gate_lock(s->gate);
		err = c ? command_run(s, c, argc, argv)
			: io_wrong("command \"%s\" not found", argv[0]);
		gate_unlock(s->gate);
	}
	g_ptr_array_free(words, TRUE);
	g_strfreev(split);
	fflush(stdout);
	return err;
}

static int lines_run(struct io_shell *s)
{
	char *line = NULL;
	size_t size = 0;
	int failed = 0;

	while (!s->quit) {
		printf("qemu-io> ");
		fflush(stdout);
		if (getline(&line, &size, stdin) < 0)
			break;
		if (line_run(s, line))
			failed = 1;
	}
	free(line);
	return failed;
}

/* --- the program --- */

struct io_args {
	struct image_args image; /* first member */
	GPtrArray *lines;
	char *file;
	bool misalign;
};

static struct error *set_line(void *opaque, const struct option_spec *option, const char *value)
{
	g_ptr_array_add(((struct io_args *)opaque)->lines, g_strdup(value));
	return NULL;
}

static struct error *set_file(void *opaque, const char *word)
{
	struct io_args *a = opaque;

	if (a->file)
		return error_new("%s: only one image can be open", word);
	a->file = g_strdup(word);
	return NULL;
}

static struct error *show_help(void *opaque, const struct option_spec *option, const char *value);

static const struct option_spec specs[] = {
	{.name = "cmd",
	 .letter = 'c',
	 .arg = "string",
	 .apply = set_line,
	 .help = "Runs a command; may be given several times"},
	IMAGE_ARG_FORMAT,
	IMAGE_ARG_READONLY,
	IMAGE_ARG_SNAPSHOT,
	IMAGE_ARG_NOCACHE,
	IMAGE_ARG_CACHE('t'),
	IMAGE_ARG_DISCARD('d'),
	IMAGE_ARG_OPTS,
	IMAGE_ARG_OBJECT,
	IMAGE_ARG_SHARE,
	IMAGE_ARG_AIO,
	ARG_FLAG('m', "misalign", struct io_args, misalign, "Buffers at odd addresses"),
	ARG_IGNORED('C', "copy-on-read", NULL),
	ARG_IGNORED('k', "native-aio", NULL),
	ARG_IGNORED('T', "trace", "pattern"),
	{.name = "help", .letter = 'h', .apply = show_help, .help = "Shows the options"},
	{.name = "version", .letter = 'V', .apply = show_help, .help = "Shows the version"},
};

static const struct option_set set = {
	.style = OPTIONS_GETOPT,
	.options = specs,
	.count = G_N_ELEMENTS(specs),
	.usage = "[options] [-c string]... [file]",
	.summary = "read, write and examine a disk image by single requests",
	.description = "Without -c, commands are read from standard input. The command 'help' "
		       "lists them.",
	.operand = set_file,
};

static struct error *show_help(void *opaque, const struct option_spec *option, const char *value)
{
	if (option->letter == 'h')
		options_print_help(&set, program_name(), stdout);
	else
		program_print_version("qemu-io");
	exit(0);
}

static int qemu_io_main(const struct program *self, int argc, char **argv)
{
	struct io_args a = {.lines = g_ptr_array_new_with_free_func(g_free)};
	struct error *err = options_parse(&set, argc, argv, &a);
	int failed = 0;

	if (err)
		return tool_fail(err);
	struct io_shell s = {.args = a.image, .misalign = a.misalign, .gate = gate_new()};
	if (a.file && shell_open(&s, a.file))
		return EXIT_FAILURE;
	for (unsigned int i = 0; i < a.lines->len && !s.quit; i++)
		failed |= line_run(&s, g_ptr_array_index(a.lines, i)) != 0;
	if (!a.lines->len)
		failed = lines_run(&s);
	gate_lock(s.gate);
	failed |= shell_close(&s) != 0;
	gate_unlock(s.gate);
	failed |= s.failed;
	gate_free(s.gate);
	g_ptr_array_free(a.lines, TRUE);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

PROGRAM(qemu_io, .name = "qemu-io", .options = &set, .main = qemu_io_main);
