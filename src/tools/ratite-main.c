/*
 * The only main(): finds the program by the name it was called by, or by the first argument.
 */
#include "tools/program.h"

#include <errno.h>
#include <glib.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Bounds of the section that PROGRAM() fills; weak, as it may be empty. */
extern const struct program *const __start_ratite_programs[] __attribute__((weak));
extern const struct program *const __stop_ratite_programs[] __attribute__((weak));

static unsigned int program_count(void)
{
	return (unsigned int)(__stop_ratite_programs - __start_ratite_programs);
}

static const struct program *program_at(unsigned int i)
{
	return __start_ratite_programs[i];
}

static const struct program *program_find(const char *name)
{
	for (unsigned int i = 0; i < program_count(); i++)
		if (strcmp(program_at(i)->name, name) == 0)
			return program_at(i);
	/* A link vdeNAME is vdeq for the emulator NAME. */
	if (g_str_has_prefix(name, "vde") && name[3] && strcmp(name, "vdeq") != 0)
		return program_find("vdeq");
	return NULL;
}

static const char *program_name_at(unsigned int i, void *opaque)
{
	return program_at(i)->name;
}

static int compare_programs(const void *a, const void *b)
{
	const struct program *const *x = a, *const *y = b;
	return strcmp((*x)->name, (*y)->name);
}

/* All programs by name; g_free() the array. */
static const struct program **programs_sorted(void)
{
	const struct program **list = g_new(const struct program *, program_count() + 1);

	for (unsigned int i = 0; i < program_count(); i++)
		list[i] = program_at(i);
	qsort(list, program_count(), sizeof(*list), compare_programs);
	list[program_count()] = NULL;
	return list;
}

/* --- the options of `ratite` itself --- */

static struct error *opt_help(void *opaque, const struct option_spec *option, const char *value);

static struct error *opt_version(void *opaque, const struct option_spec *option, const char *value)
{
	printf("Ratite %s\n", RATITE_VERSION);
	exit(0);
}

static struct error *opt_list(void *opaque, const struct option_spec *option, const char *value)
{
	const struct program **list = programs_sorted();

	for (unsigned int i = 0; list[i]; i++)
		puts(list[i]->name);
	exit(0);
}

/* Makes DIR/NAME a link to the executable beside it for every program. */
static struct error *opt_make_links(void *opaque, const struct option_spec *option,
				    const char *value)
{
	struct error *err = NULL;

	for (unsigned int i = 0; i < program_count() && !err; i++) {
		char *path = g_build_filename(value, program_at(i)->name, NULL);
		if (unlink(path) && errno != ENOENT)
			err = error_errno(errno, "cannot replace \"%s\"", path);
		else if (symlink("ratite", path))
			err = error_errno(errno, "cannot make the link \"%s\"", path);
		g_free(path);
	}
	if (err)
		return err;
	exit(0);
}

static void print_man(const struct program *p, FILE *out)
{
	options_print_man(p->options, p->name, out);
	for (unsigned int i = 0; p->subcommands && p->subcommands[i]; i++) {
		const struct option_set *set = p->subcommands[i];
		fprintf(out, ".SS %s %s\n%s.\n", p->name, set->usage,
			set->summary ? set->summary : "");
	}
	if (p->print_man_more)
		p->print_man_more(out);
	fprintf(out, ".SH SEE ALSO\n.BR ratite (1)\n");
}

static void print_completion(const struct program *p, FILE *out)
{
	options_print_completion(p->options, p->name, out);
}

/* Writes DIR/<name><suffix> by `print`. */
static struct error *write_one(const char *dir, const struct program *p, const char *suffix,
			       void (*print)(const struct program *p, FILE *out))
{
	char *path = g_strconcat(dir, "/", p->name, suffix, NULL);
	FILE *out = fopen(path, "we");
	struct error *err = NULL;

	if (out)
		print(p, out);
	if (!out || fclose(out))
		err = error_errno(errno, "cannot write \"%s\"", path);
	g_free(path);
	return err;
}

static const struct program ratite;

/* DIR/man/NAME.1 and DIR/completion/NAME for every program. */
static struct error *opt_make_docs(void *opaque, const struct option_spec *option,
				   const char *value)
{
	char *man = g_build_filename(value, "man", NULL);
	char *completion = g_build_filename(value, "completion", NULL);
	struct error *err = NULL;

	if (g_mkdir_with_parents(man, 0777) || g_mkdir_with_parents(completion, 0777))
		err = error_errno(errno, "cannot make \"%s\"", value);
	for (unsigned int i = 0; i <= program_count() && !err; i++) {
		const struct program *p = i < program_count() ? program_at(i) : &ratite;
		err = write_one(man, p, ".1", print_man);
		if (!err)
			err = write_one(completion, p, "", print_completion);
	}
	if (err)
		return err;
	exit(0);
}

static const struct option_spec options[] = {
	{"help", 'h', NULL, "list the programs and exit", opt_help},
	{"version", 'V', NULL, "print the version and exit", opt_version},
	{"list", 0, NULL, "print the programs' names, one a line", opt_list},
	{"make-links", 0, "dir", "make a link to ratite in dir for every program", opt_make_links},
	{"make-docs", 0, "dir", "write man pages and bash completion below dir", opt_make_docs},
};

static const struct option_set ratite_options = {
	.style = OPTIONS_GETOPT,
	.options = options,
	.count = G_N_ELEMENTS(options),
	.usage = "[options] program [arguments]",
	.summary = "one emulator for many machines",
	.description = "Ratite holds all its programs in one executable. A link that bears a "
		       "program's name runs\nthat program; so does the name as first argument.",
};

static const struct program ratite = {.name = "ratite", .options = &ratite_options};

static struct error *opt_help(void *opaque, const struct option_spec *option, const char *value)
{
	const struct program **list = programs_sorted();

	options_print_help(&ratite_options, "ratite", stdout);
	printf("\nPrograms:\n");
	for (unsigned int i = 0; list[i]; i++)
		printf("%-24s%s\n", list[i]->name, list[i]->options->summary);
	exit(0);
}

void program_print_version(const char *what)
{
	/* The words that scripts look for, with the version whose manual we follow. */
	printf("%s version 0.10.4 (Ratite %s)\n", what, RATITE_VERSION);
}

/* --- choosing --- */

static struct error *unknown_program(const char *name)
{
	const char *best = closest_name(name, program_count(), program_name_at, NULL);

	if (best)
		return error_new("%s: unknown program; did you mean \"%s\"?", name, best);
	return error_new("%s: unknown program (--help lists them)", name);
}

static int run(const struct program *p, int argc, char **argv)
{
	program_name_set(p->name);
	return p->main(p, argc, argv);
}

static int run_ratite(int argc, char **argv)
{
	int next;
	struct error *err = options_parse_until_operand(&ratite_options, argc, argv, NULL, &next);

	if (!err && next == argc)
		err = error_new("which program? (--help lists them)");
	if (!err) {
		const struct program *p = program_find(argv[next]);
		if (p)
			return run(p, argc - next, argv + next);
		err = unknown_program(argv[next]);
	}
	error_report(err);
	return 1;
}

int main(int argc, char **argv)
{
	if (argc < 1)
		return 1;
	program_name_set(argv[0]);
	const struct program *p = program_find(program_name());
	return p ? run(p, argc, argv) : run_ratite(argc, argv);
}
