#include "base/options.h"

#include "../check-main.h"

#include <glib.h>
#include <string.h>

static GString *seen; /* "name=value;" for each option, "word;" for each operand */

static struct error *note(void *opaque, const struct option_spec *option, const char *value)
{
	g_string_append_printf(seen, "%s=%s;", option->name, value ? value : "-");
	return value && strcmp(value, "bad") == 0 ? error_new("no good") : NULL;
}

static struct error *note_operand(void *opaque, const char *word)
{
	g_string_append_printf(seen, "%s;", word);
	return NULL;
}

static const struct option_spec options[] = {
	OPTION_HEADING("Standard options"),
	{"machine", 'M', "name", "select the machine", note},
	{"snapshot", 's', NULL, "write to temporary files", note},
	{"shared", 'e', "num", "let several clients in", note},
	{"stats", 0, "json=file", "print counters", note, .optional = true},
	{"secret", 0, NULL, "not shown", note, .hidden = true},
};

static const struct option_set qemu_set = {
	OPTIONS_QEMU,	       options,
	G_N_ELEMENTS(options), "[options] [disk_image]",
	"system emulator",     .operand = note_operand,
};

static const struct option_set getopt_set = {
	OPTIONS_GETOPT,	  options,	G_N_ELEMENTS(options),
	"[options] file", "image tool", .operand = note_operand,
};

/* Parses words separated by blanks; returns what was seen and after it the message, if any. */
static const char *parse(const struct option_set *set, const char *line)
{
	char **words = g_strsplit(line, " ", -1);

	if (seen)
		g_string_free(seen, TRUE);
	seen = g_string_new(NULL);
	struct error *err = options_parse(set, (int)g_strv_length(words), words, NULL);
	if (err)
		g_string_append_printf(seen, "!%s", err->message);
	error_free(err);
	g_strfreev(words);
	return seen->str;
}

static const struct {
	const struct option_set *set;
	const char *line, *result;
} cases[] = {
	{&qemu_set, "qemu -machine pc disk.img", "machine=pc;disk.img;"},
	{&qemu_set, "qemu --machine pc --snapshot", "machine=pc;snapshot=-;"},
	{&qemu_set, "qemu -stats -snapshot", "stats=-;snapshot=-;"},
	{&qemu_set, "qemu -stats json=f x", "stats=json=f;x;"},
	{&qemu_set, "qemu -", "-;"},
	{&qemu_set, "qemu -secret", "secret=-;"},
	{&qemu_set, "qemu -machin pc", "!-machin: unknown option; did you mean \"-machine\"?"},
	{&qemu_set, "qemu -zzzzzzzz", "!-zzzzzzzz: unknown option (--help lists them)"},
	{&qemu_set, "qemu -machine", "!-machine: needs an argument (-machine name)"},
	{&qemu_set, "qemu --machine bad", "machine=bad;!-machine: no good"},
	{&getopt_set, "nbd -Mpc -s x", "machine=pc;snapshot=-;x;"},
	{&getopt_set, "nbd -sM pc", "snapshot=-;machine=pc;"},
	{&getopt_set, "nbd --machine=pc --share 2", "machine=pc;shared=2;"},
	{&getopt_set, "nbd -s -- -s", "snapshot=-;-s;"},
	{&getopt_set, "nbd --s", "!--s: ambiguous: \"--snapshot\" or \"--shared\"?"},
	{&getopt_set, "nbd --snapshot=1", "!--snapshot: takes no argument"},
	{&getopt_set, "nbd -q", "!-q: unknown option (--help lists them)"},
	{&getopt_set, "nbd --shared=bad", "shared=bad;!--shared: no good"},
};

START_TEST(parses)
{
	ck_assert_str_eq(parse(cases[_i].set, cases[_i].line), cases[_i].result);
}
END_TEST

START_TEST(stops_at_an_operand)
{
	char *words[] = {"ratite", "-snapshot", "qemu-img", "-secret"};
	int next = 0;

	seen = g_string_new(NULL);
	ck_assert_ptr_null(options_parse_until_operand(&qemu_set, 4, words, NULL, &next));
	ck_assert_int_eq(next, 2);
	ck_assert_str_eq(seen->str, "snapshot=-;");
}
END_TEST

static char *print(void (*fn)(const struct option_set *, const char *, FILE *),
		   const struct option_set *set)
{
	char *text;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	fn(set, "qemu-x", out);
	fclose(out);
	return text;
}

START_TEST(help_man_and_completion_list_the_table)
{
	char *help = print(options_print_help, &qemu_set);
	ck_assert_ptr_nonnull(strstr(help, "usage: qemu-x [options] [disk_image]"));
	ck_assert_ptr_nonnull(strstr(help, "\n-machine name           select the machine\n"));
	ck_assert_ptr_nonnull(strstr(help, "-stats [json=file]"));
	ck_assert_ptr_null(strstr(help, "secret"));
	free(help);

	char *man = print(options_print_man, &getopt_set);
	ck_assert_ptr_nonnull(strstr(man, ".B \\-M, \\-\\-machine=name\n"));
	ck_assert_ptr_nonnull(strstr(man, ".SS Standard options\n"));
	free(man);

	char *completion = print(options_print_completion, &qemu_set);
	ck_assert_ptr_nonnull(strstr(completion, "complete -o filenames -F _ratite_qemu_x qemu-x"));
	ck_assert_ptr_nonnull(strstr(completion, "-machine -snapshot -shared -stats"));
	free(completion);
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("options");
	TCase *t = tcase_create("all");

	tcase_add_loop_test(t, parses, 0, G_N_ELEMENTS(cases));
	tcase_add_test(t, stops_at_an_operand);
	tcase_add_test(t, help_man_and_completion_list_the_table);
	suite_add_tcase(s, t);
	return s;
}

CHECK_MAIN(suite)
