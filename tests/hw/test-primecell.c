/* PrimeCells of the ARM boards by their registers, on boards whose processors stand still. */
#include "../vm/suite.h"
#include "arm-rig.h"

#include "hw/display/pl110.h"
#include "hw/misc/mmio.h"
#include "vm/chardev.h"
#include "vm/clock.h"
#include "vm/input.h"
#include "vm/runstate.h"

#include <glib.h>
#include <string.h>

/* Versatile/PB */
#define SYSCTL	 0x10000000u
#define I2C	 0x10002000u
#define KEYBOARD 0x10006000u
#define MOUSE	 0x10007000u
#define LCD	 0x10120000u
#define DMA	 0x10130000u
#define WATCHDOG 0x101e1000u
#define TIMER	 0x101e2000u
#define RTC	 0x101e8000u
#define UART0	 0x101f1000u

#define US INT64_C(1000)
#define MS INT64_C(1000000)

static const uint32_t image[4] = {0xeafffffe};

static void board(void)
{
	arm_rig_new("versatilepb", image, sizeof(image));
	clock_rtc_set(INT64_C(1700000000) * NS_PER_S); /* from here on it follows virtual time */
}

/* Level of an output of the n-th device of a class. */
static int line(const char *name, unsigned int n, unsigned int output)
{
	return ((struct mmio *)arm_rig_device(name, n))->irqs[output]->level;
}

/* The identification registers of all PrimeCells. */
START_TEST(ids)
{
	static const struct {
		uint32_t addr, id;
	} cells[] = {
		{KEYBOARD, 0x00041050}, {0x10005000, 0x00041181}, {LCD, 0x00041110},
		{DMA, 0x0a041080},	{0x10140000, 0x00041190}, {0x101e0000, 0x00041810},
		{WATCHDOG, 0x00041805}, {TIMER, 0x00141804},	  {RTC, 0x00041031},
		{UART0, 0x00141011},
	};

	board();
	for (unsigned int i = 0; i < G_N_ELEMENTS(cells); i++) {
		uint32_t id = 0, cell = 0;
		for (unsigned int n = 0; n < 4; n++) {
			id |= peek(cells[i].addr + 0xfe0 + 4 * n) << 8 * n;
			cell |= peek(cells[i].addr + 0xff0 + 4 * n) << 8 * n;
		}
		ck_assert_uint_eq(id, cells[i].id);
		ck_assert_uint_eq(cell, 0xb105f00d);
	}
}
END_TEST

/* --- PL011 --- */

START_TEST(uart_loopback)
{
	board();
	poke(UART0 + 0x24, 13); /* IBRD: 115200 baud */
	poke(UART0 + 0x28, 1);
	poke(UART0 + 0x2c, 0x70);  /* 8 bits, FIFOs */
	poke(UART0 + 0x30, 0x381); /* enabled, loopback */
	poke(UART0 + 0x38, 0x50);  /* receive interrupts */
	for (unsigned int i = 0; i < 7; i++)
		poke(UART0, 'a' + i);
	ck_assert_uint_eq(peek(UART0 + 0x3c) & 0x10, 0); /* below the trigger: half full */
	ck_assert_int_eq(line("pl011", 0, 0), 0);
	pass_ns(200 * US);
	ck_assert_uint_eq(peek(UART0 + 0x40) & 0x40, 0);
	pass_ns(100 * US); /* 32 bit times are 278 us */
	ck_assert_uint_eq(peek(UART0 + 0x40) & 0x40, 0x40);
	ck_assert_int_eq(line("pl011", 0, 0), 1);
	poke(UART0, 'h');
	ck_assert_uint_eq(peek(UART0 + 0x3c) & 0x10, 0x10);
	arm_rig_save_load();
	for (unsigned int i = 0; i < 8; i++)
		ck_assert_uint_eq(peek(UART0), 'a' + i);
	ck_assert_uint_eq(peek(UART0 + 0x18) & 0x10, 0x10); /* empty */
	ck_assert_int_eq(line("pl011", 0, 0), 0);
	for (unsigned int i = 0; i < 17; i++)
		poke(UART0, i);
	ck_assert_uint_eq(peek(UART0 + 0x3c) & 0x400, 0x400); /* overrun */
	ck_assert_uint_eq(peek(UART0 + 0x18) & 0x40, 0x40);   /* full */
}
END_TEST

START_TEST(uart_back_end)
{
	struct machine *m = machine_get();
	char buf[16];

	ck_assert_ptr_null(chardev_open("s0", "ringbuf", &m->serial[0]));
	m->serial_count = 1;
	board();
	poke(UART0 + 0x38, 0x20);
	poke(UART0, 'o');
	poke(UART0, 'k');
	ck_assert_int_eq(line("pl011", 0, 0), 1); /* the transmitter is empty again */
	poke(UART0 + 0x44, 0x20);
	ck_assert_int_eq(line("pl011", 0, 0), 0);
	ck_assert_uint_eq(chardev_ring_read(m->serial[0], buf, sizeof(buf)), 2);
	ck_assert(memcmp(buf, "ok", 2) == 0);
}
END_TEST

/* --- SP804 --- */

START_TEST(timer_periodic)
{
	board();
	poke(TIMER, 1000);
	poke(TIMER + 8, 0xe2); /* enabled, periodic, interrupts, 32 bits */
	pass_ns(999 * US);
	ck_assert_uint_eq(peek(TIMER + 4), 1);
	ck_assert_int_eq(line("sp804", 0, 0), 0);
	pass_ns(US);
	ck_assert_int_eq(line("sp804", 0, 0), 1);
	ck_assert_uint_eq(peek(TIMER + 0x14), 1);
	poke(TIMER + 0xc, 0);
	ck_assert_int_eq(line("sp804", 0, 0), 0);
	arm_rig_save_load();
	pass_ns(MS);
	ck_assert_int_eq(line("sp804", 0, 0), 1);
	poke(TIMER + 0xc, 0);
	/* a background load takes effect at the next expiry */
	poke(TIMER + 0x18, 500);
	pass_ns(999 * US);
	ck_assert_int_eq(line("sp804", 0, 0), 0);
	pass_ns(US);
	poke(TIMER + 0xc, 0);
	pass_ns(500 * US);
	ck_assert_int_eq(line("sp804", 0, 0), 1);
}
END_TEST

START_TEST(timer_modes)
{
	board();
	poke(TIMER + 0x20, 100); /* the second: one shot, prescaled by 16 */
	poke(TIMER + 0x28, 0xa7);
	pass_ns(1599 * US);
	ck_assert_int_eq(line("sp804", 0, 0), 0);
	pass_ns(2 * US);
	ck_assert_int_eq(line("sp804", 0, 0), 1);
	poke(TIMER + 0x2c, 0);
	pass_ns(100 * MS);
	ck_assert_int_eq(line("sp804", 0, 0), 0);
	ck_assert_uint_eq(peek(TIMER + 0x24), 0);
	/* loading starts it again */
	poke(TIMER + 0x20, 10);
	pass_ns(161 * US);
	ck_assert_int_eq(line("sp804", 0, 0), 1);
	/* free running in 16 bits */
	poke(TIMER + 8, 0);
	poke(TIMER, 10);
	poke(TIMER + 8, 0x80);
	pass_ns(20 * US);
	ck_assert_uint_eq(peek(TIMER + 4), 0x10000 - 10);
	ck_assert_uint_eq(peek(TIMER + 0x10), 1);
}
END_TEST

START_TEST(watchdog)
{
	board();
	poke(WATCHDOG + 0xc00, 0); /* locked */
	poke(WATCHDOG, 5);
	ck_assert_uint_eq(peek(WATCHDOG), 0xffffffff);
	poke(WATCHDOG + 0xc00, 0x1acce551);
	poke(WATCHDOG, 1000);
	poke(WATCHDOG + 8, 3);
	pass_ns(1100 * US);
	ck_assert_int_eq(line("sp805", 0, 0), 1);
	poke(WATCHDOG + 0xc, 1);
	ck_assert_int_eq(line("sp805", 0, 0), 0);
	arm_rig_save_load();
	pass_ns(1100 * US);
	ck_assert_int_eq(line("sp805", 0, 0), 1);
	ck_assert(!machine_request_pending());
	pass_ns(1100 * US);
	ck_assert(machine_request_pending());
}
END_TEST

START_TEST(rtc)
{
	uint32_t start;

	board();
	poke(RTC + 8, 1000000000); /* load */
	start = peek(RTC);
	ck_assert_uint_eq(start, 1000000000);
	poke(RTC + 4, start + 3);
	poke(RTC + 0x10, 1);
	pass_ns(1900 * MS);
	ck_assert_int_eq(line("pl031", 0, 0), 0);
	arm_rig_save_load();
	pass_ns(1200 * MS);
	ck_assert_uint_ge(peek(RTC), start + 3);
	ck_assert_int_eq(line("pl031", 0, 0), 1);
	poke(RTC + 0x1c, 1);
	ck_assert_int_eq(line("pl031", 0, 0), 0);
}
END_TEST

/* --- PL050 --- */

static uint32_t kmi_byte(uint32_t addr)
{
	ck_assert_uint_eq(peek(addr + 4) & 0x10, 0x10);
	return peek(addr + 8);
}

START_TEST(keyboard)
{
	board();
	poke(KEYBOARD, 0x14);
	poke(KEYBOARD + 8, 0xff);
	ck_assert_int_eq(line("pl050-keyboard", 0, 0), 1);
	ck_assert_uint_eq(kmi_byte(KEYBOARD), 0xfa);
	arm_rig_save_load();
	ck_assert_uint_eq(kmi_byte(KEYBOARD), 0xaa);
	ck_assert_int_eq(line("pl050-keyboard", 0, 0), 0);
	poke(KEYBOARD + 8, 0xf4);
	ck_assert_uint_eq(kmi_byte(KEYBOARD), 0xfa);
	input_key(0x1e, true); /* A */
	ck_assert_uint_eq(kmi_byte(KEYBOARD), 0x1c);
	/* three bits of 1ch are set: the parity bit is 0 */
	ck_assert_uint_eq(peek(KEYBOARD + 4) & 4, 0);
	input_key(0x1e, false);
	ck_assert_uint_eq(kmi_byte(KEYBOARD), 0xf0);
	ck_assert_uint_eq(kmi_byte(KEYBOARD), 0x1c);
}
END_TEST

START_TEST(mouse)
{
	board();
	poke(MOUSE, 0x14);
	poke(MOUSE + 8, 0xf4);
	ck_assert_uint_eq(kmi_byte(MOUSE), 0xfa);
	input_pointer(5, -3, 0, POINTER_LEFT);
	ck_assert_int_eq(line("pl050-mouse", 0, 0), 1);
	ck_assert_uint_eq(kmi_byte(MOUSE) & 1, 1);
	ck_assert_uint_eq(kmi_byte(MOUSE), 5);
	ck_assert_uint_eq(kmi_byte(MOUSE), 3);
}
END_TEST

/* --- I2C --- */

enum { SCL = 1, SDA = 2 };

static void lines(unsigned int levels)
{
	poke(I2C, levels);
	poke(I2C + 4, ~levels & 3);
}

static void i2c_begin(void)
{
	lines(SDA | SCL);
	lines(SCL);
	lines(0);
}

static void i2c_end(void)
{
	lines(0);
	lines(SCL);
	lines(SCL | SDA);
}

static bool i2c_bit(bool out)
{
	bool in;

	lines(out ? SDA : 0);
	lines(out ? SDA | SCL : SCL);
	in = peek(I2C) & SDA;
	lines(out ? SDA : 0);
	return in;
}

/* Returns whether it was acknowledged. */
static bool i2c_out(uint8_t byte)
{
	for (unsigned int i = 0; i < 8; i++)
		i2c_bit(byte >> (7 - i) & 1);
	return !i2c_bit(true);
}

static uint8_t i2c_in(bool more)
{
	uint8_t byte = 0;

	for (unsigned int i = 0; i < 8; i++)
		byte = (uint8_t)(byte << 1 | i2c_bit(true));
	i2c_bit(!more);
	return byte;
}

START_TEST(i2c_clock)
{
	static const uint8_t set[] = {0xd0, 0,	  0x50, 0x59, 0x23, 0x03,
				      0x31, 0x12, 0x25, 0x00, 0x77};
	static const uint8_t later[] = {0x10, 0x00, 0x00, 0x04, 0x01, 0x01, 0x26, 0x00, 0x77};

	board();
	i2c_begin();
	ck_assert(!i2c_out(0xa0)); /* nobody there */
	i2c_end();
	i2c_begin();
	for (unsigned int i = 0; i < sizeof(set); i++)
		ck_assert(i2c_out(set[i]));
	i2c_end();
	pass_ns(20000 * MS); /* twenty seconds to the new year, and ten more */
	arm_rig_save_load();
	i2c_begin();
	ck_assert(i2c_out(0xd0));
	ck_assert(i2c_out(0));
	i2c_begin(); /* repeated start */
	ck_assert(i2c_out(0xd1));
	for (unsigned int i = 0; i < sizeof(later); i++)
		ck_assert_uint_eq(i2c_in(i + 1 < sizeof(later)), later[i]);
	i2c_end();
}
END_TEST

/* --- system registers --- */

START_TEST(system_registers)
{
	uint32_t t;

	board();
	ck_assert_uint_eq(peek(SYSCTL), 0x41007004);
	poke(SYSCTL + 0x30, 0x0f0);
	poke(SYSCTL + 0x34, 0x030);
	ck_assert_uint_eq(peek(SYSCTL + 0x30), 0x0c0);
	t = peek(SYSCTL + 0x5c);
	pass_ns(MS);
	ck_assert_uint_eq(peek(SYSCTL + 0x5c) - t, 24000);
	poke(SYSCTL + 0xc, 1); /* locked */
	ck_assert_uint_ne(peek(SYSCTL + 0xc), 1);
	poke(SYSCTL + 0x40, 0x100);
	ck_assert(!machine_request_pending());
	poke(SYSCTL + 0x20, 0xa05f);
	ck_assert_uint_eq(peek(SYSCTL + 0x20), 0xa05f);
	poke(SYSCTL + 0xc, 1);
	ck_assert_uint_eq(peek(SYSCTL + 0xc), 1);
	arm_rig_save_load();
	poke(SYSCTL + 0x40, 0x100);
	ck_assert(machine_request_pending());
}
END_TEST

/* --- PL080 --- */

static uint32_t *ram(uint32_t addr)
{
	return (uint32_t *)(machine_get()->ram.ram->host + addr);
}

static void dma_start(unsigned int channel, uint32_t src, uint32_t dest, uint32_t lli,
		      uint32_t control)
{
	uint32_t at = DMA + 0x100 + 0x20 * channel;

	poke(DMA + 0x30, 1);
	poke(at, src);
	poke(at + 4, dest);
	poke(at + 8, lli);
	poke(at + 0xc, control);
	poke(at + 0x10, 0xc001); /* enabled, both interrupts */
}

START_TEST(dma_copy)
{
	/* words, both ends count up, interrupt at the end */
	const uint32_t control = 0x8c480000;

	board();
	for (unsigned int i = 0; i < 2000; i++)
		ram(0x10000)[i] = i * 0x01010101;
	/* the second link, as bytes */
	ram(0x8000)[0] = 0x10000 + 4000;
	ram(0x8000)[1] = 0x20000 + 4000;
	ram(0x8000)[2] = 0;
	ram(0x8000)[3] = 0x8c000000 | 4000;
	dma_start(3, 0x10000, 0x20000, 0x8000, (control & 0x7fffffff) | 1000);
	while (peek(DMA + 0x1c) & 8)
		pass_ns(MS);
	ck_assert(memcmp(ram(0x10000), ram(0x20000), 8000) == 0);
	ck_assert_uint_eq(peek(DMA + 4), 8);
	ck_assert_int_eq(line("pl080", 0, 0), 1);
	arm_rig_save_load();
	poke(DMA + 8, 8);
	ck_assert_int_eq(line("pl080", 0, 0), 0);
	/* from nowhere: an error, not a hang */
	dma_start(0, 0xf0000000, 0x20000, 0, control | 4);
	ck_assert_uint_eq(peek(DMA + 0xc), 1);
	ck_assert_uint_eq(peek(DMA + 0x1c), 0);
	/* its own registers do not answer it */
	dma_start(1, DMA, DMA + 0x120, 0, control | 16);
	pass_ns(MS);
	/* a list that never ends leaves the machine time */
	ram(0x8000)[0] = 0x10000;
	ram(0x8000)[1] = 0x20000;
	ram(0x8000)[2] = 0x8000;
	ram(0x8000)[3] = 0x0c480000 | 64;
	dma_start(2, 0x10000, 0x20000, 0x8000, 0x0c480000 | 64);
	pass_ns(MS);
	ck_assert_uint_eq(peek(DMA + 0x1c) & 4, 4);
}
END_TEST

/* --- PL110 --- */

static uint32_t pixel(unsigned int x, unsigned int y)
{
	struct display *d = display_first();

	display_refresh(d, false);
	return display_surface(d)->pixels[y * display_surface(d)->stride + x];
}

/* 320 x 16; the Versatile has the control register in the mask's place. */
static void lcd_on(uint32_t control)
{
	poke(LCD, (320 / 16 - 1) << 2);
	poke(LCD + 4, 15);
	poke(LCD + 0x10, 0x100000);
	poke(LCD + 0x18, control | 0x821);
}

START_TEST(lcd_colours)
{
	board();
	lcd_on(5 << 1); /* 24 bits, red in the low byte */
	*ram(0x100000) = 0x00332211;
	ck_assert_uint_eq(pixel(0, 0), 0x112233);
	ck_assert_uint_eq(display_surface(display_first())->width, 320);
	ck_assert_uint_eq(display_surface(display_first())->height, 16);
	lcd_on(5 << 1 | 0x100); /* blue first */
	ck_assert_uint_eq(pixel(0, 0), 0x332211);
	ram(0x100000)[321] = 0x00ff00;
	ck_assert_uint_eq(pixel(1, 1), 0x00ff00);
	lcd_on(4 << 1); /* 16 bits; the multiplexer makes 5:6:5 of them */
	*ram(0x100000) = 0x07e0001f;
	ck_assert_uint_eq(pixel(0, 0), 0xff0000);
	ck_assert_uint_eq(pixel(1, 0), 0x00ff00);
	poke(SYSCTL + 0x50, 1); /* 5:5:5:1 */
	*ram(0x100000) = 0x03e07c00;
	ck_assert_uint_eq(pixel(0, 0), 0x0000ff);
	ck_assert_uint_eq(pixel(1, 0), 0x00ff00);
	arm_rig_save_load();
	ck_assert_uint_eq(pixel(0, 0), 0x0000ff);
	lcd_on(2 << 1);		       /* 4 bits and a palette */
	poke(LCD + 0x204, 0x001f7c00); /* colours 2 and 3 */
	*ram(0x100000) = 0x00000032;
	ck_assert_uint_eq(pixel(0, 0), 0x0000ff);
	ck_assert_uint_eq(pixel(1, 0), 0xff0000);
}
END_TEST

START_TEST(lcd_frames)
{
	board();
	lcd_on(5 << 1);
	poke(LCD + 0x1c, 8); /* vertical compare */
	pass_ns(15 * MS);
	ck_assert_int_eq(line("pl110-versatile", 0, 0), 0);
	pass_ns(2 * MS);
	ck_assert_int_eq(line("pl110-versatile", 0, 0), 1);
	poke(LCD + 0x20, 8);
	ck_assert_int_eq(line("pl110-versatile", 0, 0), 0);
	arm_rig_save_load();
	pass_ns(17 * MS);
	ck_assert_int_eq(line("pl110-versatile", 0, 0), 1);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		ids,
		uart_loopback,
		uart_back_end,
		timer_periodic,
		timer_modes,
		watchdog,
		rtc,
		keyboard,
		mouse,
		i2c_clock,
		system_registers,
		dma_copy,
		lcd_colours,
		lcd_frames,
		NULL,
	};
	return run_suite("primecell", tests);
}
