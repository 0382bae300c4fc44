/* Displays and input: the small shared pieces of user interfaces. */
#include "suite.h"

#include "base/bytes.h"
#include "vm/display.h"
#include "vm/input.h"

#include <glib.h>
#include <stdio.h>
#include <zlib.h>

static unsigned int refreshes;

static void refresh(void *opaque, bool full)
{
	refreshes++;
}

static const struct display_ops ops = {.refresh = refresh};

static unsigned int heard[5];
static void listen(void *opaque, unsigned int x, unsigned int y, unsigned int w, unsigned int h)
{
	heard[0]++;
	heard[1] = x;
	heard[2] = y;
	heard[3] = w;
	heard[4] = h;
}

static struct display *picture(unsigned int w, unsigned int h)
{
	struct display *d = display_new("test", &ops, NULL);
	display_resize(d, w, h);
	for (unsigned int i = 0; i < w * h; i++)
		display_surface(d)->pixels[i] = i * 0x010203;
	return d;
}

START_TEST(damage)
{
	struct display *d = display_new("test", &ops, NULL);
	ck_assert_ptr_eq(display_first(), d);
	display_listen(d, listen, NULL);
	display_resize(d, 100, 50);
	ck_assert_uint_eq(heard[0], 1);
	ck_assert_uint_eq(heard[3], 0);
	display_resize(d, 100, 50);
	ck_assert_uint_eq(heard[0], 1);
	display_damaged(d, 90, 40, 100, 100);
	ck_assert_uint_eq(heard[3], 10);
	ck_assert_uint_eq(heard[4], 10);
	display_damaged(d, 100, 0, 1, 1);
	ck_assert_uint_eq(heard[0], 2);
	display_resize(d, 0, UINT32_MAX);
	ck_assert_uint_eq(display_surface(d)->width, 1);
	struct display_text text;
	ck_assert(!display_text(d, &text));
}
END_TEST

static uint8_t *dumped(struct display *d, const char *name, size_t *size)
{
	char *dir = g_dir_make_tmp("vm-XXXXXX", NULL);
	char *path = g_build_filename(dir, name, NULL);
	char *data;
	struct error *err = display_dump(d, path);
	ck_assert_ptr_null(err);
	ck_assert(g_file_get_contents(path, &data, size, NULL));
	remove(path);
	remove(dir);
	g_free(path);
	g_free(dir);
	return (uint8_t *)data;
}

START_TEST(ppm)
{
	size_t size;
	uint8_t *data = dumped(picture(3, 2), "x.ppm", &size);
	ck_assert_uint_eq(size, 11 + 18);
	ck_assert_mem_eq(data, "P6\n3 2\n255\n", 11);
	ck_assert_mem_eq(data + 11, "\0\0\0\1\2\3\2\4\6\3\6\11", 12);
	ck_assert_uint_eq(refreshes, 1);
	struct error *err = display_dump(display_first(), "/no/such/folder/x");
	ck_assert_ptr_nonnull(err);
	error_free(err);
	g_free(data);
}
END_TEST

START_TEST(png)
{
	size_t size;
	uint8_t *data = dumped(picture(300, 200), "x.png", &size);
	ck_assert_mem_eq(data, "\x89PNG\r\n\x1a\n\0\0\0\15IHDR\0\0\1\54\0\0\0\310\10\2\0\0\0", 29);
	ck_assert_uint_eq(load_be32(data + 29), crc32(0, data + 12, 17));
	uint32_t len = load_be32(data + 33);
	ck_assert_mem_eq(data + 37, "IDAT", 4);
	ck_assert_uint_eq(load_be32(data + 41 + len), crc32(0, data + 37, len + 4));
	uLongf rows_size = 200 * 901;
	uint8_t *rows = g_malloc(rows_size);
	ck_assert_int_eq(uncompress(rows, &rows_size, data + 41, len), Z_OK);
	ck_assert_uint_eq(rows_size, 200 * 901);
	ck_assert_mem_eq(rows + 901, "\0\x2e\x5b\x84", 4); /* pixel 300 = 0x12c * 010203h */
	ck_assert_mem_eq(data + size - 12, "\0\0\0\0IEND\xae\x42\x60\x82", 12);
	g_free(rows);
	g_free(data);
}
END_TEST

static unsigned int last_key;
static void on_key(void *opaque, unsigned int keycode, bool down)
{
	last_key = keycode | (down ? 0x100 : 0) | GPOINTER_TO_UINT(opaque) << 16;
}
static int last_x;
static void on_pointer(void *opaque, int x, int y, int dz, unsigned int buttons)
{
	last_x = x + GPOINTER_TO_INT(opaque);
}

START_TEST(input)
{
	static const struct input_keyboard_ops kbd = {.name = "kbd", .key = on_key};
	static const struct input_pointer_ops mouse = {.name = "mouse", .event = on_pointer};
	static const struct input_pointer_ops tablet = {
		.name = "tablet", .absolute = true, .event = on_pointer};
	bool active;
	input_key(1, true); /* nobody there */
	input_pointer(1, 1, 0, 0);
	input_add_keyboard(&kbd, GUINT_TO_POINTER(1));
	input_add_keyboard(&kbd, GUINT_TO_POINTER(2));
	input_key(0x9d, true);
	ck_assert_uint_eq(last_key, 0x2019d);
	input_remove(GUINT_TO_POINTER(2));
	input_key(0x9d, false);
	ck_assert_uint_eq(last_key, 0x1009d);
	input_add_pointer(&mouse, GUINT_TO_POINTER(1000));
	input_add_pointer(&tablet, GUINT_TO_POINTER(2000));
	ck_assert(input_pointer_absolute());
	input_pointer(5, 0, 0, 0);
	ck_assert_int_eq(last_x, 2005);
	ck_assert(input_pointer_select(0));
	ck_assert(!input_pointer_select(2));
	ck_assert(!input_pointer_absolute());
	ck_assert_ptr_eq(input_pointer_at(0, &active), &mouse);
	ck_assert(active);
	input_remove(GUINT_TO_POINTER(1000));
	ck_assert_ptr_eq(input_pointer_at(0, &active), &tablet);
	ck_assert(active);
	ck_assert_ptr_null(input_pointer_at(1, &active));
}
END_TEST

START_TEST(key_names)
{
	ck_assert_uint_eq(input_key_by_name("ctrl"), 0x1d);
	ck_assert_uint_eq(input_key_by_name("delete"), 0xd3);
	ck_assert_uint_eq(input_key_by_name("f12"), 0x58);
	ck_assert_uint_eq(input_key_by_name("ret"), 0x1c);
	ck_assert_uint_eq(input_key_by_name("bogus"), 0);
	unsigned int n = 0;
	while (input_key_name_at(n))
		ck_assert_uint_ne(input_key_by_name(input_key_name_at(n++)), 0);
	ck_assert_uint_gt(n, 120);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {damage, ppm, png, input, key_names, NULL};
	return run_suite("display", tests);
}
