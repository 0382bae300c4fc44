#include "monitor/expr.h"

#include "../check-main.h"

#include "vm/cpu.h"

#include <glib.h>
#include <string.h>

static uint64_t read_reg(struct cpu *cpu, unsigned int arg)
{
	return arg;
}

static const struct cpu_register registers[] = {
	{"eip", read_reg, NULL, 0xfff0},
	{"eax", read_reg, NULL, 0x1000},
	{NULL},
};
static const struct cpu_class class = {.isa = "test", .registers = registers};
static struct cpu cpu = {.class = &class};

static const struct {
	const char *text;
	uint64_t value;
	const char *rest;
} good[] = {
	{"1+2", 3, ""},
	{"2+3*4", 14, ""},
	{"(2+3)*4", 20, ""},
	{"0x10 | 1 << 2", 0x14, ""},
	{"7 & 3 ^ 1", 2, ""},
	{"-1", UINT64_MAX, ""},
	{"~0 >> 60", 15, ""},
	{"1 << 64", 0, ""},
	{"'A'+1", 66, ""},
	{"010", 8, ""},
	{"$eip", 0xfff0, ""},
	{"$EAX+$eip", 0x10ff0, ""},
	{"0xfe000 100", 0xfe000, "100"},
	{"10 - - 1", 11, ""},
	{"10 % 4 / 2", 1, ""},
	{"1 < 2", 1, "< 2"},
	{"256 /tmp/x", 256, "/tmp/x"},
	{"256 / 2", 128, ""},
	{"256/2/2", 64, ""},
};

START_TEST(evaluates)
{
	const char *text = good[_i].text;
	uint64_t v = 0;

	ck_assert_ptr_null(expr_eval(&text, &cpu, &v));
	ck_assert_uint_eq(v, good[_i].value);
	ck_assert_str_eq(text, good[_i].rest);
}
END_TEST

static const struct {
	const char *text, *message;
} bad[] = {
	{"", "number expected"},
	{"1+", "number expected"},
	{"(1", "\")\" expected"},
	{"1/0", "division by zero"},
	{"1%(2-2)", "division by zero"},
	{"$eix", "unknown register \"$eix\"; did you mean \"$eip\"?"},
	{"$", "unknown register \"$\""},
	{"foo", "\"foo\" is no number or register"},
	{"'a", "missing \"'\""},
	{"99999999999999999999", "number too large"},
};

START_TEST(refuses)
{
	const char *text = bad[_i].text;
	uint64_t v = 0;
	struct error *err = expr_eval(&text, &cpu, &v);

	ck_assert_ptr_nonnull(err);
	ck_assert_str_eq(err->message, bad[_i].message);
	error_free(err);
}
END_TEST

START_TEST(depth_is_bounded)
{
	char *deep = g_strnfill(100000, '(');
	const char *text = deep;
	uint64_t v;
	struct error *err = expr_eval(&text, NULL, &v);

	ck_assert_ptr_nonnull(err);
	ck_assert_str_eq(err->message, "expression nested too deeply");
	error_free(err);
	g_free(deep);
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("expr");
	TCase *t = tcase_create("all");

	tcase_add_loop_test(t, evaluates, 0, G_N_ELEMENTS(good));
	tcase_add_loop_test(t, refuses, 0, G_N_ELEMENTS(bad));
	tcase_add_test(t, depth_is_bounded);
	suite_add_tcase(s, t);
	return s;
}

CHECK_MAIN(suite)
