#include "../vm/suite.h"
#include "rig.h"

#include "vm/display.h"

#include <string.h>
#include <unistd.h>

static struct rig rig;

static void port(unsigned int index_port, unsigned int index, unsigned int value)
{
	if (index_port == 0x3c0) {
		rig_in(&rig, 0x3da, 1);
		rig_out(&rig, 0x3c0, 1, index);
		rig_out(&rig, 0x3c0, 1, value);
	} else {
		rig_out(&rig, index_port, 2, index | value << 8);
	}
}

static void palette(unsigned int i, unsigned int r, unsigned int g, unsigned int b)
{
	rig_out(&rig, 0x3c8, 1, i);
	rig_out(&rig, 0x3c9, 1, r);
	rig_out(&rig, 0x3c9, 1, g);
	rig_out(&rig, 0x3c9, 1, b);
}

/* The parts that all modes share: 16 colours straight through, DAC i = (i, 0, 63 - i). */
static void common(unsigned int misc)
{
	rig_out(&rig, 0x3c2, 1, misc);
	for (unsigned int i = 0; i < 16; i++)
		port(0x3c0, i, i);
	for (unsigned int i = 0; i < 256; i++)
		palette(i, i & 63, 0, 63 - (i & 63));
	rig_out(&rig, 0x3c6, 1, 0xff);
	port(0x3c0, 0x12, 0x0f);
	port(0x3c0, 0x14, 0);
	port(0x3d4, 0x11, 0);
	port(0x3d4, 0x18, 0xff);
	port(0x3d4, 0x07, 0x1f | 0x10);
	port(0x3d4, 0x09, 0x40);
	port(0x3ce, 8, 0xff);
}

static void screen_on(void)
{
	rig_in(&rig, 0x3da, 1);
	rig_out(&rig, 0x3c0, 1, 0x20);
}

static uint32_t colour(unsigned int i)
{
	unsigned int r = i & 63, b = 63 - (i & 63);
	return (r << 2 | r >> 4) << 16 | (b << 2 | b >> 4);
}

static uint32_t pixel(unsigned int x, unsigned int y)
{
	struct display_surface *s = display_surface(display_first());

	ck_assert_uint_lt(x, s->width);
	ck_assert_uint_lt(y, s->height);
	return s->pixels[(size_t)y * s->stride + x];
}

static void refresh(void)
{
	display_refresh(display_first(), false);
}

static void text_mode(void)
{
	common(0x67);
	port(0x3c4, 1, 0);
	port(0x3c4, 4, 2);
	port(0x3d4, 1, 79);
	port(0x3d4, 0x12, 0x8f);
	port(0x3d4, 0x07, 0x1f);
	port(0x3d4, 9, 0x4f);
	port(0x3d4, 0x13, 40);
	port(0x3d4, 0x17, 0xa3);
	port(0x3d4, 0x0a, 0x20);
	port(0x3c0, 0x10, 0x0c);
	/* a font of one glyph: character 'A' is a left half block */
	port(0x3c4, 2, 4);
	port(0x3c4, 4, 6);
	port(0x3ce, 5, 0);
	port(0x3ce, 6, 4);
	for (unsigned int i = 0; i < 16; i++)
		rig_write(&rig, 0xa0000 + 'A' * 32 + i, 1, 0xf0);
	port(0x3c4, 2, 3);
	port(0x3c4, 4, 2);
	port(0x3ce, 5, 0x10);
	port(0x3ce, 6, 0x0e);
	screen_on();
}

START_TEST(text)
{
	struct display_text t;

	text_mode();
	rig_write(&rig, 0xb8000 + 2 * (80 * 3 + 5), 2, 'A' | 0x1e00);
	refresh();
	struct display_surface *s = display_surface(display_first());
	ck_assert_uint_eq(s->width, 720);
	ck_assert_uint_eq(s->height, 400);
	ck_assert_uint_eq(pixel(5 * 9, 3 * 16), colour(14));
	ck_assert_uint_eq(pixel(5 * 9 + 4, 3 * 16 + 15), colour(1));
	ck_assert_uint_eq(pixel(5 * 9 + 8, 3 * 16), colour(1));
	ck_assert(display_text(display_first(), &t));
	ck_assert_uint_eq(t.columns, 80);
	ck_assert_uint_eq(t.rows, 25);
	ck_assert_uint_eq(t.cells[80 * 3 + 5], 'A' | 0x1e00);
	ck_assert_int_eq(t.cursor_x, -1);
	port(0x3d4, 0x0a, 14);
	port(0x3d4, 0x0b, 15);
	port(0x3d4, 0x0e, 0);
	port(0x3d4, 0x0f, 81);
	ck_assert(display_text(display_first(), &t));
	ck_assert_int_eq(t.cursor_x, 1);
	ck_assert_int_eq(t.cursor_y, 1);
	/* a changed cell is drawn again */
	rig_write(&rig, 0xb8000 + 2 * (80 * 3 + 5), 2, 'A' | 0x2400);
	refresh();
	ck_assert_uint_eq(pixel(5 * 9, 3 * 16), colour(4));
	ck_assert_uint_eq(rig_read(&rig, 0xb8000 + 2 * (80 * 3 + 5), 2), 'A' | 0x2400);
	rig_save_load(&rig);
	refresh();
	ck_assert_uint_eq(pixel(5 * 9, 3 * 16), colour(4));
}
END_TEST

static void mode_12h(void)
{
	common(0xe3);
	port(0x3c4, 1, 1);
	port(0x3c4, 2, 15);
	port(0x3c4, 4, 6);
	port(0x3ce, 5, 0);
	port(0x3ce, 6, 5);
	port(0x3d4, 1, 79);
	port(0x3d4, 0x12, 0xdf);
	port(0x3d4, 7, 0x3e | 0x10);
	port(0x3d4, 0x13, 40);
	port(0x3d4, 0x17, 0xe3);
	port(0x3c0, 0x10, 1);
	screen_on();
}

START_TEST(planar)
{
	mode_12h();
	/* write mode 2: colour 5 in the first two dots of byte 81 */
	port(0x3ce, 5, 2);
	port(0x3ce, 8, 0xc0);
	rig_read(&rig, 0xa0000 + 81, 1);
	rig_write(&rig, 0xa0000 + 81, 1, 5);
	refresh();
	ck_assert_uint_eq(display_surface(display_first())->height, 480);
	ck_assert_uint_eq(pixel(8, 1), colour(5));
	ck_assert_uint_eq(pixel(9, 1), colour(5));
	ck_assert_uint_eq(pixel(10, 1), colour(0));
	/* read mode 1 finds the colour */
	port(0x3ce, 2, 5);
	port(0x3ce, 7, 15);
	port(0x3ce, 5, 0x08);
	ck_assert_uint_eq(rig_read(&rig, 0xa0000 + 81, 1), 0xc0);
	/* write mode 1 copies all planes through the latches */
	port(0x3ce, 5, 1);
	rig_read(&rig, 0xa0000 + 81, 1);
	rig_write(&rig, 0xa0000 + 200, 1, 0);
	port(0x3ce, 5, 0);
	port(0x3ce, 4, 2);
	ck_assert_uint_eq(rig_read(&rig, 0xa0000 + 200, 1), 0xc0);
	port(0x3ce, 4, 1);
	ck_assert_uint_eq(rig_read(&rig, 0xa0000 + 200, 1), 0);
	/* write mode 0: set/reset, rotation and XOR */
	port(0x3ce, 8, 0xff);
	port(0x3ce, 0, 8);
	port(0x3ce, 1, 8);
	port(0x3ce, 3, 0x18 | 4);
	rig_read(&rig, 0xa0000 + 200, 1);
	rig_write(&rig, 0xa0000 + 200, 1, 0x0c);
	port(0x3ce, 4, 0);
	ck_assert_uint_eq(rig_read(&rig, 0xa0000 + 200, 1), 0x00); /* c0 ^ c0 */
	port(0x3ce, 4, 3);
	ck_assert_uint_eq(rig_read(&rig, 0xa0000 + 200, 1), 0xff);
	/* write mode 3: the value masks, set/reset gives the colour */
	port(0x3ce, 3, 0);
	port(0x3ce, 5, 3);
	port(0x3ce, 0, 2);
	rig_read(&rig, 0xa0000 + 300, 1);
	rig_write(&rig, 0xa0000 + 300, 1, 0x0f);
	port(0x3ce, 4, 1);
	ck_assert_uint_eq(rig_read(&rig, 0xa0000 + 300, 1), 0x0f);
	rig_save_load(&rig);
}
END_TEST

START_TEST(chained)
{
	common(0x63);
	port(0x3c4, 1, 1);
	port(0x3c4, 2, 15);
	port(0x3c4, 4, 0x0e);
	port(0x3ce, 5, 0x40);
	port(0x3ce, 6, 5);
	port(0x3d4, 1, 79);
	port(0x3d4, 0x12, 0x8f);
	port(0x3d4, 9, 0x41);
	port(0x3d4, 0x13, 40);
	port(0x3d4, 0x14, 0x40);
	port(0x3d4, 0x17, 0xa3);
	port(0x3c0, 0x10, 0x41);
	screen_on();
	const struct flat_range *range = address_space_find(&rig.memory, 0xa1234);
	ck_assert_int_eq(range->region->kind, REGION_RAM); /* a plain access */
	rig_write(&rig, 0xa0000 + 320 * 7 + 3, 1, 42);
	refresh();
	ck_assert_uint_eq(display_surface(display_first())->width, 640);
	ck_assert_uint_eq(pixel(6, 14), colour(42));
	ck_assert_uint_eq(pixel(7, 15), colour(42));
	ck_assert_uint_eq(pixel(8, 15), colour(0));
	/* the same through the slow path, once the bit mask matters */
	port(0x3ce, 8, 0x0f);
	range = address_space_find(&rig.memory, 0xa1234);
	ck_assert_int_eq(range->region->kind, REGION_IO);
	ck_assert_uint_eq(rig_read(&rig, 0xa0000 + 320 * 7 + 3, 1), 42);
	rig_write(&rig, 0xa0000 + 320 * 7 + 3, 1, 0xff);
	ck_assert_uint_eq(rig_read(&rig, 0xa0000 + 320 * 7 + 3, 1), 0x2f);
}
END_TEST

static void dispi(unsigned int index, unsigned int value)
{
	rig_out(&rig, 0x1ce, 2, index);
	rig_out(&rig, 0x1cf, 2, value);
}

static unsigned int dispi_get(unsigned int index)
{
	rig_out(&rig, 0x1ce, 2, index);
	return rig_in(&rig, 0x1cf, 2);
}

START_TEST(linear)
{
	static const unsigned int depths[] = {8, 15, 16, 24, 32};
	static const uint32_t written[] = {42, 0x7c1f, 0xf81f, 0xff00ff, 0xff00ff};

	common(0x63);
	ck_assert_uint_eq(dispi_get(0), 0xb0c5);
	for (unsigned int i = 0; i < 5; i++) {
		unsigned int bytes = (depths[i] + 7) / 8;
		dispi(4, 0);
		dispi(1, 800);
		dispi(2, 600);
		dispi(3, depths[i]);
		dispi(4, 0x41);
		screen_on();
		refresh();
		ck_assert_uint_eq(display_surface(display_first())->width, 800);
		uint64_t at = RIG_BAR_MEM + (uint64_t)(10 * 800 + 20) * bytes;
		for (unsigned int b = 0; b < bytes; b++)
			rig_write(&rig, at + b, 1, written[i] >> 8 * b & 255);
		refresh();
		ck_assert_uint_eq(pixel(20, 10), i == 0 ? colour(42) : 0xff00ff);
		ck_assert_uint_eq(pixel(21, 10), i == 0 ? colour(0) : 0);
	}
	/* panning and the window's banks */
	dispi(9, 10);
	refresh();
	ck_assert_uint_eq(pixel(20, 0), 0xff00ff);
	port(0x3ce, 6, 5);
	dispi(5, 3);
	rig_write(&rig, 0xa0010, 4, 0x12345678);
	ck_assert_uint_eq(rig_read(&rig, RIG_BAR_MEM + 3 * 65536 + 16, 4), 0x12345678);
	rig_save_load(&rig);
	ck_assert_uint_eq(rig_read(&rig, 0xa0010, 4), 0x12345678);
	ck_assert_uint_eq(dispi_get(10), 256);
	/* the largest mode fits, a larger one is refused */
	dispi(4, 0);
	dispi(1, 2560);
	dispi(2, 1600);
	dispi(3, 32);
	dispi(4, 0x41);
	ck_assert_uint_eq(dispi_get(4) & 1, 1);
	refresh();
	dispi(4, 0);
	dispi(1, 4000);
	ck_assert_uint_eq(dispi_get(1), 2560);
	/* registers in BAR 2 */
	ck_assert_uint_eq(rig_read(&rig, RIG_BAR_MEM + 0x2000000 + 0x500, 2), 0xb0c5);
}
END_TEST

START_TEST(retrace)
{
	text_mode();
	port(0x3d4, 0, 0x5f);
	port(0x3d4, 6, 0xbf);
	port(0x3d4, 0x10, 0x9c);
	port(0x3d4, 0x11, 0x8e);
	unsigned int seen = 0;
	clock_start();
	for (unsigned int i = 0; i < 40 && seen != 3; i++) {
		seen |= rig_in(&rig, 0x3da, 1) & 8 ? 2 : 1;
		machine_unlock();
		usleep(777);
		machine_lock();
	}
	for (unsigned int i = 0; i < 2000000 && seen != 3; i++)
		seen |= rig_in(&rig, 0x3da, 1) & 8 ? 2 : 1;
	ck_assert_uint_eq(seen, 3);
}
END_TEST

START_TEST(dump)
{
	text_mode();
	struct error *err = display_dump(display_first(), "test-vga.ppm");
	ck_assert_msg(!err, "%s", err ? err->message : "");
	unlink("test-vga.ppm");
}
END_TEST

/* Whatever is written to the registers, drawing stays in bounds. */
START_TEST(random_registers)
{
	uint32_t seed = (uint32_t)_i + 12345;

	for (unsigned int i = 0; i < 3000; i++) {
		uint32_t v = rig_random(&seed);
		switch (v & 7) {
		case 0: dispi(v >> 8 & 15, v >> 16); break;
		case 1: dispi(4, v >> 16 & 0xe3); break;
		case 2: rig_write(&rig, 0xa0000 + (v >> 8 & 0x1fffc), 4, v); break;
		case 3: port(0x3c0, v >> 8 & 31, v >> 16 & 255); break;
		default:
			port((const unsigned int[]){0x3c4, 0x3ce, 0x3d4, 0x3d4}[v >> 3 & 3],
			     v >> 8 & 31, v >> 16 & 255);
			break;
		}
		rig_out(&rig, 0x3c2, 1, 1);
		if (i % 16 == 0) {
			struct display_text t;
			screen_on();
			refresh();
			display_text(display_first(), &t);
		}
	}
	rig_save_load(&rig);
}
END_TEST

static void setup(void)
{
	lock_machine();
	rig_init(&rig, "VGA", false);
}

int main(void)
{
	const TTest *const tests[] = {text, planar, chained, linear, retrace, dump};
	Suite *suite = suite_create("vga");
	TCase *cases = tcase_create("vga");

	tcase_add_checked_fixture(cases, setup, unlock_machine);
	tcase_set_timeout(cases, 60);
	for (unsigned int i = 0; i < G_N_ELEMENTS(tests); i++)
		tcase_add_test(cases, tests[i]);
	tcase_add_loop_test(cases, random_registers, 0, 8);
	suite_add_tcase(suite, cases);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
