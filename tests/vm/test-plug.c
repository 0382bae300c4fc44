#include "vm/plug.h"

#include "../check-main.h"

#include <glib.h>
#include <string.h>

struct gadget {
	struct device dev;
	uint32_t level;
};

static struct error *gadget_init(struct device *dev)
{
	return ((struct gadget *)dev)->level == 13 ? error_new("13 is unlucky") : NULL;
}

static const struct prop props[] = {
	PROP_U32("level", struct gadget, level, 5, "how much"),
	PROP_END,
};

DEVICE_CLASS(gadget, .name = "gadget", .bus = "Toy", .size = sizeof(struct gadget), .props = props,
	     .init = gadget_init);
DEVICE_CLASS(stray, .name = "stray", .bus = "Nowhere", .size = sizeof(struct gadget),
	     .props = props, .init = gadget_init);
DEVICE(inner, struct device, "inner", "part of a board", NULL, NULL, NULL, NULL, NULL);

static void *plugged_into;
static uint32_t plugged_level;

static struct error *plug(void *bus, struct device *dev)
{
	plugged_into = bus;
	plugged_level = ((struct gadget *)dev)->level;
	return device_realize(dev);
}

static int bus_a, bus_b;

static void setup(void)
{
	plug_add_bus("Toy", "toy.0", &bus_a, plug);
	plug_add_bus("Toy", "toy.1", &bus_b, plug);
	plug_add_bus("Other", "other.0", &bus_b, plug);
}

START_TEST(plugs_into_the_first_or_the_named_bus)
{
	ck_assert_ptr_null(plug_device("gadget,level=7,id=one"));
	ck_assert_ptr_eq(plugged_into, &bus_a);
	ck_assert_uint_eq(plugged_level, 7);
	ck_assert_ptr_nonnull(device_find("one"));
	ck_assert_ptr_null(plug_device("driver=gadget,bus=toy.1"));
	ck_assert_ptr_eq(plugged_into, &bus_b);
	plug_remove_bus(&bus_a);
	ck_assert_ptr_null(plug_device("gadget"));
	ck_assert_ptr_eq(plugged_into, &bus_b);
}
END_TEST

static const struct {
	const char *text, *message;
} refused[] = {
	{"gadgett", "unknown device \"gadgett\"; did you mean \"gadget\"? (-device ? lists them)"},
	{"zzzzzzzzz", "unknown device \"zzzzzzzzz\" (-device ? lists them)"},
	{"inner", "\"inner\" is part of a board and cannot be added"},
	{"stray", "this machine has no Nowhere bus for it"},
	{"gadget,bus=toy.9", "there is no bus \"toy.9\""},
	{"gadget,bus=other.0", "bus \"other.0\" is of kind Other; the device wants Toy"},
	{"gadget,level=13", "13 is unlucky"},
	{"id=x", "driver= is missing"},
};

START_TEST(refuses)
{
	struct error *err = plug_device(refused[_i].text);

	ck_assert_ptr_nonnull(err);
	ck_assert_str_eq(err->message, refused[_i].message);
	error_free(err);
}
END_TEST

START_TEST(bad_properties_and_ids_are_refused)
{
	struct error *err = plug_device("gadget,level=x");
	ck_assert_ptr_nonnull(err);
	error_free(err);
	err = plug_device("gadget,nosuch=1");
	ck_assert_ptr_nonnull(err);
	error_free(err);
	ck_assert_ptr_null(plug_device("gadget,id=one"));
	err = plug_device("gadget,id=one");
	ck_assert_ptr_nonnull(err);
	ck_assert_str_eq(err->message, "the id \"one\" is taken");
	error_free(err);
}
END_TEST

START_TEST(globals_set_defaults)
{
	ck_assert_ptr_null(device_add_global("gadget", "level", "9"));
	ck_assert_ptr_null(plug_device("gadget"));
	ck_assert_uint_eq(plugged_level, 9);
	ck_assert_ptr_null(plug_device("gadget,level=2"));
	ck_assert_uint_eq(plugged_level, 2);

	struct error *err = device_add_global("gadget", "level", "x");
	ck_assert_ptr_nonnull(err);
	error_free(err);
	err = device_add_global("nosuch", "level", "1");
	ck_assert_ptr_nonnull(err);
	error_free(err);
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("plug");
	TCase *t = tcase_create("all");

	tcase_add_checked_fixture(t, setup, NULL);
	tcase_add_test(t, plugs_into_the_first_or_the_named_bus);
	tcase_add_loop_test(t, refuses, 0, G_N_ELEMENTS(refused));
	tcase_add_test(t, bad_properties_and_ids_are_refused);
	tcase_add_test(t, globals_set_defaults);
	suite_add_tcase(s, t);
	return s;
}

CHECK_MAIN(suite)
