#include "base/optstr.h"

#include "../check-main.h"

#include <glib.h>

/* The message of an error that must be there; freed by the next call. */
static const char *message(struct error *err)
{
	static char *last;

	ck_assert_ptr_nonnull(err);
	g_free(last);
	last = g_strdup(err->message);
	error_free(err);
	return last;
}

START_TEST(splits_and_undoubles_commas)
{
	struct optstr *o = optstr_parse("my,,file,snapshot=on,cache=a,,b,", "file");

	ck_assert_str_eq(optstr_get(o, "file"), "my,file");
	ck_assert_str_eq(optstr_get(o, "cache"), "a,b");
	bool snapshot = false;
	ck_assert_ptr_null(optstr_bool(o, "snapshot", &snapshot));
	ck_assert(snapshot);
	ck_assert_ptr_null(optstr_finish(o));
	optstr_free(o);
}
END_TEST

START_TEST(first_item_may_name_its_key)
{
	struct optstr *o = optstr_parse("file=x,if=ide", "file");
	ck_assert_str_eq(optstr_get(o, "file"), "x");
	optstr_free(o);

	o = optstr_parse("/tmp/a=b.img,if=ide", "file");
	ck_assert_str_eq(optstr_get(o, "file"), "/tmp/a=b.img");
	optstr_free(o);
}
END_TEST

START_TEST(flags_and_their_negation)
{
	struct optstr *o = optstr_parse("tcp::1,server,nowait", "backend");
	bool server = false, wait = true, delay = true;

	ck_assert_ptr_null(optstr_bool(o, "server", &server));
	ck_assert_ptr_null(optstr_bool(o, "wait", &wait));
	ck_assert_ptr_null(optstr_bool(o, "delay", &delay));
	ck_assert(server);
	ck_assert(!wait);
	ck_assert(delay);
	ck_assert(optstr_has(o, "backend"));
	ck_assert_ptr_null(optstr_finish(o));
	optstr_free(o);
}
END_TEST

START_TEST(the_last_of_a_key_wins)
{
	struct optstr *o = optstr_parse("a=1,a=2,a=3", NULL);
	uint64_t v = 0;

	ck_assert_ptr_null(optstr_u64(o, "a", 0, 10, &v));
	ck_assert_uint_eq(v, 3);
	ck_assert_ptr_null(optstr_finish(o));
	optstr_free(o);
}
END_TEST

START_TEST(errors_name_the_key)
{
	struct optstr *o = optstr_parse("n=x,big=99,flag,media=dsk,snapshto=on", NULL);
	static const char *const media[] = {"disk", "cdrom", NULL};
	uint64_t v = 7;
	unsigned int index;
	bool snapshot;

	ck_assert_str_eq(message(optstr_u64(o, "n", 0, 9, &v)), "n: \"x\" is not a number");
	ck_assert_str_eq(message(optstr_u64(o, "big", 0, 9, &v)),
			 "big: 99 is out of range (0 to 9)");
	ck_assert_str_eq(message(optstr_u64(o, "flag", 0, 9, &v)), "flag needs a value (flag=...)");
	ck_assert_uint_eq(v, 7);
	ck_assert_str_eq(message(optstr_choice(o, "media", media, &index)),
			 "unknown media \"dsk\"; did you mean \"disk\"?");
	ck_assert_ptr_null(optstr_bool(o, "snapshot", &snapshot));
	ck_assert_str_eq(message(optstr_finish(o)),
			 "unknown key \"snapshto\"; did you mean \"snapshot\"?");
	const char *file;
	ck_assert_str_eq(message(optstr_require(o, "file", &file)), "file= is missing");
	optstr_free(o);
}
END_TEST

static const struct {
	const char *text;
	uint64_t unit, value;
} sizes[] = {
	{"128", 1 << 20, UINT64_C(128) << 20},
	{"128M", 1, UINT64_C(128) << 20},
	{"1g", 1, UINT64_C(1) << 30},
	{"1.5G", 1, UINT64_C(3) << 29},
	{"0.5", 1024, 512},
	{"4b", 1 << 20, 4},
	{"0x10k", 1, 16384},
	{"1.001k", 1, 1025},
	{"15E", 1, UINT64_C(15) << 60},
};

START_TEST(sizes_have_units)
{
	uint64_t v = 0;
	ck_assert_ptr_null(parse_size(sizes[_i].text, sizes[_i].unit, &v));
	ck_assert_uint_eq(v, sizes[_i].value);
}
END_TEST

static const char *const bad_sizes[] = {
	"", "-1", "M", "1X", "1MB", "16E", "99999999999999999999", " 1", "1.G.", "+3"};

START_TEST(bad_sizes_are_refused)
{
	uint64_t v = 42;
	error_free(parse_size(bad_sizes[_i], 1, &v));
	ck_assert_uint_eq(v, 42);
}
END_TEST

START_TEST(escape_doubles_commas)
{
	char *text = optstr_escape("a,b,,c");
	ck_assert_str_eq(text, "a,,b,,,,c");
	struct optstr *o = optstr_parse(text, "file");
	ck_assert_str_eq(optstr_get(o, "file"), "a,b,,c");
	optstr_free(o);
	g_free(text);
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("optstr");
	TCase *t = tcase_create("all");

	tcase_add_test(t, splits_and_undoubles_commas);
	tcase_add_test(t, first_item_may_name_its_key);
	tcase_add_test(t, flags_and_their_negation);
	tcase_add_test(t, the_last_of_a_key_wins);
	tcase_add_test(t, errors_name_the_key);
	tcase_add_loop_test(t, sizes_have_units, 0, G_N_ELEMENTS(sizes));
	tcase_add_loop_test(t, bad_sizes_are_refused, 0, G_N_ELEMENTS(bad_sizes));
	tcase_add_test(t, escape_doubles_commas);
	suite_add_tcase(s, t);
	return s;
}

CHECK_MAIN(suite)
