#include "suite.h"

#include "vm/device.h"
#include "vm/irq.h"
#include "vm/machine.h"

#include <glib.h>
#include <stdio.h>
#include <string.h>

struct widget {
	struct device dev;
	uint8_t small;
	uint16_t port;
	uint64_t memory;
	bool on;
	char *label;
	uint8_t mac[6];
	int32_t devfn;
	void *drive, *raw;
	bool fail;
};

static GString *life;

static struct error *widget_init(struct device *dev)
{
	struct widget *w = (struct widget *)dev;
	return w->fail ? error_new("cannot do that") : NULL;
}

static void widget_reset(struct device *dev)
{
	g_string_append_printf(life, "r%s ", dev->id);
}

static void widget_settle(struct device *dev)
{
	g_string_append_printf(life, "s%s ", dev->id);
}

static const struct prop props[] = {
	PROP_U8("small", struct widget, small, 7, "a small number"),
	PROP_U16("iobase", struct widget, port, 0x3f8, "port"),
	PROP_SIZE("memory", struct widget, memory, 4096, "bytes"),
	PROP_BOOL("fail", struct widget, fail, 0, NULL),
	PROP_BOOL("on", struct widget, on, 1, NULL),
	PROP_STRING("label", struct widget, label, NULL),
	PROP_MAC("mac", struct widget, mac, NULL),
	PROP_DRIVE("drive", struct widget, drive, NULL),
	PROP_PTR("raw", struct widget, raw),
	PROP_END,
};
static const struct prop bus_props[] = {PROP_DEVFN("addr", struct widget, devfn, NULL), PROP_END};

DEVICE_CLASS(widget, .name = "widget", .help = "a widget", .bus = "test",
	     .size = sizeof(struct widget), .props = props, .bus_props = bus_props,
	     .init = widget_init, .reset = widget_reset, .settle = widget_settle);
DEVICE(plain, struct device, "plain", "nothing", NULL, NULL, NULL, NULL, NULL);

static struct widget *widget_new(void)
{
	return (struct widget *)device_new_named("widget");
}

static char *failure(struct device *dev, const char *prop, const char *value)
{
	struct error *err = device_set(dev, prop, value);
	ck_assert_ptr_nonnull(err);
	char *message = g_strdup(err->message);
	error_free(err);
	return message;
}

static void ok(struct device *dev, const char *prop, const char *value)
{
	struct error *err = device_set(dev, prop, value);
	ck_assert_msg(!err, "%s=%s: %s", prop, value, err ? err->message : "");
}

START_TEST(table)
{
	ck_assert_uint_ge(device_class_count(), 2);
	ck_assert_ptr_eq(device_class_find("widget"), &widget_class);
	ck_assert_ptr_null(device_class_find("gadget"));
	ck_assert_ptr_null(machine_class_find("i386", "no such board"));
}
END_TEST

static int a_drive;
static void *find_drive(const char *id)
{
	return strcmp(id, "hd0") == 0 ? &a_drive : NULL;
}

START_TEST(properties)
{
	struct widget *w = widget_new();
	struct device *d = &w->dev;
	ck_assert_uint_eq(w->small, 7);
	ck_assert_uint_eq(w->port, 0x3f8);
	ck_assert_uint_eq(w->memory, 4096);
	ck_assert(w->on);
	ck_assert_int_eq(w->devfn, -1);
	ok(d, "small", "255");
	ok(d, "iobase", "0x2f8");
	ok(d, "memory", "64M");
	ok(d, "on", "off");
	ok(d, "label", "one");
	ok(d, "label", "two");
	ok(d, "mac", "52:54:00:12:34:5A");
	ok(d, "addr", "1f.2");
	ok(d, "id", "w0");
	prop_set_lookup(PROP_KIND_DRIVE, find_drive);
	ok(d, "drive", "hd0");
	ck_assert_uint_eq(w->small, 255);
	ck_assert_uint_eq(w->port, 0x2f8);
	ck_assert_uint_eq(w->memory, 64 << 20);
	ck_assert(!w->on);
	ck_assert_str_eq(w->label, "two");
	ck_assert_mem_eq(w->mac, "\x52\x54\0\x12\x34\x5a", 6);
	ck_assert_int_eq(w->devfn, 0x1f << 3 | 2);
	ck_assert_ptr_eq(w->drive, &a_drive);
	ck_assert_str_eq(d->id, "w0");
	device_set_u64(d, "iobase", 0x300);
	device_set_str(d, "label", NULL);
	device_set_ptr(d, "raw", w);
	ck_assert_uint_eq(w->port, 0x300);
	ck_assert_ptr_eq(*(void **)device_prop(d, "raw", PROP_KIND_PTR), w);
	ck_assert_ptr_null(device_prop(d, "raw", PROP_KIND_U8));
	device_free(d);
}
END_TEST

START_TEST(refused)
{
	struct device *d = &widget_new()->dev;
	static const char *const wrong[][2] = {
		{"small", "256"},
		{"small", "-1"},
		{"small", ""},
		{"iobase", "65536"},
		{"iobase", "12x"},
		{"memory", "12Q"},
		{"memory", "99999999999T"},
		{"on", "perhaps"},
		{"mac", "52:54:00:12:34"},
		{"mac", "52:54:00:12:34:56:78"},
		{"mac", "zz:54:00:12:34:56"},
		{"addr", "20"},
		{"addr", "1.8"},
		{"addr", "x"},
		{"drive", "none such"},
		{"raw", "0"},
	};
	for (unsigned int i = 0; i < G_N_ELEMENTS(wrong); i++)
		g_free(failure(d, wrong[i][0], wrong[i][1]));
	char *message = failure(d, "iobas", "1");
	ck_assert_str_eq(message, "widget has no property \"iobas\"; did you mean \"iobase\"?");
	g_free(message);
	message = failure(d, "adr", "1");
	ck_assert_ptr_nonnull(strstr(message, "\"addr\""));
	g_free(message);
	device_free(d);
}
END_TEST

START_TEST(lives)
{
	life = g_string_new("");
	struct device *a = &widget_new()->dev, *b = &widget_new()->dev, *c = &widget_new()->dev;
	ok(a, "id", "a");
	ok(b, "id", "b");
	ok(c, "fail", "on");
	ck_assert_ptr_null(device_realize(a));
	ck_assert_ptr_null(device_realize(b));
	struct error *err = device_realize(c);
	ck_assert_ptr_nonnull(err);
	error_free(err);
	devices_reset();
	ck_assert_str_eq(life->str, "ra rb sa sb ");
	ck_assert_ptr_eq(device_find("b"), b);
	device_free(a);
	ck_assert_ptr_eq(device_first(), b);
	device_free(b);
	ck_assert_ptr_null(device_first());
	a = &widget_new()->dev;
	ck_assert_ptr_null(device_realize(a));
	ck_assert_ptr_eq(device_first(), a);
	device_free(a);
	g_string_free(life, true);
}
END_TEST

START_TEST(help)
{
	char *text = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);
	device_class_help(&widget_class, out);
	fclose(out);
	ck_assert_ptr_nonnull(strstr(text, "iobase=<number>"));
	ck_assert_ptr_nonnull(strstr(text, "addr=<slot[.function]>"));
	ck_assert_ptr_null(strstr(text, "raw"));
	free(text);
}
END_TEST

START_TEST(files)
{
	GByteArray *data;
	char *dir = g_dir_make_tmp("vm-XXXXXX", NULL);
	char *path = g_build_filename(dir, "no-such-bios.bin", NULL);
	g_file_set_contents(path, "0123456789", 10, NULL);
	ck_assert_ptr_null(file_load(path, 10, &data));
	ck_assert_uint_eq(data->len, 10);
	g_byte_array_unref(data);
	struct error *err = file_load(path, 9, &data);
	ck_assert_ptr_nonnull(strstr(err->message, "too large"));
	ck_assert_ptr_null(data);
	error_free(err);
	ck_assert_ptr_null(firmware_find("no-such-bios.bin"));
	firmware_add_path(dir);
	char *found = firmware_find("no-such-bios.bin");
	ck_assert_str_eq(found, path);
	g_free(found);
	remove(path);
	remove(dir);
	ck_assert_ptr_null(firmware_find("no-such-bios.bin"));
	g_free(path);
	g_free(dir);
	ck_assert_ptr_nonnull(machine_get()->devices);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {table, properties, refused, lives, help, files, NULL};
	return run_suite("device", tests);
}
