#include "monitor/readline.h"

#include "../check-main.h"

#include <string.h>

static GString *lines; /* "line\n" for each */
static GString *screen;

static void on_write(void *opaque, const char *text, size_t len)
{
	g_string_append_len(screen, text, (gssize)len);
}

static void on_line(void *opaque, const char *line)
{
	g_string_append_printf(lines, "%s\n", line);
	readline_prompt(opaque);
}

static size_t on_complete(void *opaque, const char *before, GPtrArray *words)
{
	static const char *const names[] = {"system_reset", "system_powerdown", "stop"};
	const char *space = strrchr(before, ' ');
	const char *typed = space ? space + 1 : before;

	for (unsigned int i = 0; i < G_N_ELEMENTS(names); i++)
		if (g_str_has_prefix(names[i], typed))
			g_ptr_array_add(words, g_strdup(names[i]));
	return (size_t)(typed - before);
}

/* Types keys into a new editor; returns the lines it made. */
static const char *type(const char *keys)
{
	struct readline rl;
	struct readline_ops ops = {on_write, on_line, on_complete, &rl};

	if (lines) {
		g_string_free(lines, TRUE);
		g_string_free(screen, TRUE);
	}
	lines = g_string_new(NULL);
	screen = g_string_new(NULL);
	readline_init(&rl, &ops, "> ");
	readline_prompt(&rl);
	for (; *keys; keys++)
		readline_byte(&rl, (uint8_t)*keys);
	readline_destroy(&rl);
	return lines->str;
}

static const struct {
	const char *keys, *lines;
} cases[] = {
	{"stop\n", "stop\n"},
	{"stop\r\nquit\r\n", "stop\nquit\n"},
	{"stop\r\rquit\r", "stop\n\nquit\n"},
	{"stpp\b\bop\r", "stop\n"},
	{"top\001s\r", "stop\n"},
	{"tp\033[H\033[Cx\033[Fq\r", "txpq\n"},
	{"abc\033[D\033[D\033[3~\r", "ac\n"},
	{"abc\002\013x\r", "abx\n"},
	{"one two \027three\r", "one three\n"},
	{"junk\025good\r", "good\n"},
	{"first\rsecond\r\033[A\033[A\r", "first\nsecond\nfirst\n"},
	{"first\rsecond\r\020\020\016\r", "first\nsecond\nsecond\n"},
	{"first\rty\033OA\033OBped\r", "first\ntyped\n"},
	{"sys\tr\t\r", "system_reset \n"},
	{"info sto\t\r", "info stop \n"},
	{"zzz\t\r", "zzz\n"},
	{"a\033[1;5Cb\033[200~\r", "ab\n"},
};

START_TEST(edits)
{
	ck_assert_str_eq(type(cases[_i].keys), cases[_i].lines);
}
END_TEST

START_TEST(shows_choices)
{
	type("s\t");
	ck_assert_ptr_nonnull(strstr(screen->str, "stop"));
	ck_assert_ptr_nonnull(strstr(screen->str, "system_powerdown  system_reset"));
	ck_assert_ptr_nonnull(strstr(screen->str, "\r\n> s"));
}
END_TEST

START_TEST(lines_and_history_are_bounded)
{
	char *longest = g_strnfill(3 * READLINE_MAX, 'x');
	char *keys = g_strconcat(longest, "\r", NULL);

	ck_assert_uint_eq(strlen(type(keys)), READLINE_MAX + 1);
	g_free(keys);
	g_free(longest);

	GString *many = g_string_new(NULL);
	for (int i = 0; i < 3 * READLINE_HISTORY; i++)
		g_string_append_printf(many, "line%d\r", i);
	for (int i = 0; i < 4 * READLINE_HISTORY; i++)
		g_string_append_c(many, '\020');
	g_string_append_c(many, '\r');
	char *oldest = g_strdup_printf("line%d\n", 2 * READLINE_HISTORY);
	ck_assert(g_str_has_suffix(type(many->str), oldest));
	g_free(oldest);
	g_string_free(many, TRUE);
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("readline");
	TCase *t = tcase_create("all");

	tcase_add_loop_test(t, edits, 0, G_N_ELEMENTS(cases));
	tcase_add_test(t, shows_choices);
	tcase_add_test(t, lines_and_history_are_bounded);
	suite_add_tcase(s, t);
	return s;
}

CHECK_MAIN(suite)
