/* 8254, MC146818 and HPET. */
#include "board.h"

#include "vm/clock.h"

#include <check.h>

#define TICKS(n) ((int64_t)(n) * NS_PER_S / 1193182 + 1)

static uint32_t latched(unsigned int counter)
{
	uint8_t low;

	outb(0x43, (uint8_t)(counter << 6));
	low = inb((uint16_t)(0x40 + counter));
	return low | inb((uint16_t)(0x40 + counter)) << 8;
}

static uint8_t status(unsigned int counter)
{
	outb(0x43, (uint8_t)(0xe0 | 2u << counter));
	return inb((uint16_t)(0x40 + counter));
}

static unsigned int interrupts(int vector, uint8_t slave)
{
	unsigned int n = 0;
	int got;

	while ((got = accept_interrupt(0)) >= 0) {
		n += got == vector;
		if (slave)
			outb(0xa0, 0x20);
		outb(0x20, 0x20);
	}
	return n;
}

START_TEST(pit_rate_generator)
{
	unsigned int n = 0;

	board_new("isapc", 1);
	pics_init();
	outb(0x43, 0x34);
	outb(0x40, 0xa9);
	outb(0x40, 0x04); /* 1193: 1000.2 Hz */
	interrupts(8, 0);
	for (unsigned int i = 0; i < 1000; i++) {
		run_ns(NS_PER_MS);
		n += interrupts(8, 0);
	}
	ck_assert_uint_ge(n, 999);
	ck_assert_uint_le(n, 1001);
	ck_assert_uint_eq(status(0), 0xb4);
	/* a new count counts from the next period */
	outb(0x40, 0xff);
	outb(0x40, 0xff);
	ck_assert_uint_eq(status(0) & 0x40, 0x40);
	ck_assert_uint_le(latched(0), 1193);
	run_ns(2 * NS_PER_MS);
	ck_assert_uint_gt(latched(0), 50000);
}
END_TEST

START_TEST(pit_terminal_count)
{
	board_new("isapc", 1);
	pics_init();
	outb(0x43, 0x30);
	ck_assert_uint_eq(status(0) & 0xc0, 0x40);
	outb(0x40, 100);
	ck_assert_uint_eq(status(0) & 0x40, 0x40);
	outb(0x40, 0);
	ck_assert_uint_eq(status(0), 0x30);
	run_ns(TICKS(40));
	ck_assert_uint_eq(latched(0), 60);
	ck_assert_uint_eq(interrupts(8, 0), 0);
	run_ns(TICKS(60));
	ck_assert_uint_eq(interrupts(8, 0), 1);
	ck_assert_uint_eq(status(0) & 0x80, 0x80);
	run_ns(TICKS(10));
	ck_assert_uint_ge(latched(0), 65536 - 13); /* goes on from 0 */
	run_ns(NS_PER_S);
	ck_assert_uint_eq(interrupts(8, 0), 0);
}
END_TEST

START_TEST(pit_counter_2)
{
	board_new("isapc", 1);
	outb(0x61, 0x00);
	outb(0x43, 0xb0);
	outb(0x42, 0x10);
	outb(0x42, 0x27); /* 10000 */
	run_ns(TICKS(500));
	ck_assert_uint_eq(latched(2), 10000); /* gate is low */
	ck_assert_uint_eq(inb(0x61) & 0x20, 0);
	outb(0x61, 0x01);
	run_ns(TICKS(500));
	ck_assert_uint_le(latched(2), 9501);
	ck_assert_uint_ge(latched(2), 9498);
	outb(0x61, 0x00);
	run_ns(TICKS(5000));
	ck_assert_uint_ge(latched(2), 9498);
	outb(0x61, 0x01);
	run_ns(TICKS(9502));
	ck_assert_uint_eq(inb(0x61) & 0x20, 0x20);
}
END_TEST

START_TEST(pit_square_and_strobe)
{
	unsigned int high = 0;

	board_new("isapc", 1);
	outb(0x61, 0x01);
	outb(0x43, 0xb6);
	outb(0x42, 10);
	outb(0x42, 0);
	for (unsigned int i = 0; i < 1000; i++) {
		run_ns(NS_PER_S / 1193182);
		high += (inb(0x61) & 0x20) != 0;
	}
	ck_assert_uint_ge(high, 480);
	ck_assert_uint_le(high, 520);
	ck_assert_uint_eq(latched(2) & 1, 0);
	outb(0x43, 0x98); /* mode 4, LSB only */
	outb(0x42, 50);
	ck_assert_uint_eq(inb(0x61) & 0x20, 0x20);
	run_ns(TICKS(50));
	ck_assert_uint_eq(inb(0x61) & 0x20, 0);
	run_ns(TICKS(1));
	ck_assert_uint_eq(inb(0x61) & 0x20, 0x20);
	/* mode 1: low for the count after a trigger */
	outb(0x43, 0x92);
	outb(0x42, 20);
	ck_assert_uint_eq(inb(0x61) & 0x20, 0x20);
	outb(0x61, 0);
	outb(0x61, 1);
	ck_assert_uint_eq(inb(0x61) & 0x20, 0);
	run_ns(TICKS(21));
	ck_assert_uint_eq(inb(0x61) & 0x20, 0x20);
	/* BCD */
	outb(0x43, 0xb1);
	outb(0x42, 0x00);
	outb(0x42, 0x10);
	run_ns(TICKS(1));
	ck_assert_uint_eq(latched(2), 0x0999);
}
END_TEST

static uint8_t cmos(uint8_t index)
{
	outb(0x70, index);
	return inb(0x71);
}

static void cmos_set(uint8_t index, uint8_t value)
{
	outb(0x70, index);
	outb(0x71, value);
}

START_TEST(rtc_time)
{
	board_new("isapc", 1);
	clock_rtc_set(INT64_C(951782399) * NS_PER_S); /* 2000-02-28 23:59:59, a Monday */
	ck_assert_uint_eq(cmos(0), 0x59);
	ck_assert_uint_eq(cmos(4), 0x23);
	ck_assert_uint_eq(cmos(7), 0x28);
	ck_assert_uint_eq(cmos(6), 2);
	ck_assert_uint_eq(cmos(0x32), 0x20);
	run_ns(NS_PER_S);
	ck_assert_uint_eq(cmos(0), 0);
	ck_assert_uint_eq(cmos(7), 0x29);
	ck_assert_uint_eq(cmos(0x0d), 0x80);
	/* 12 hours, binary */
	cmos_set(0x0b, 0x04);
	ck_assert_uint_eq(cmos(4), 12);
	ck_assert_uint_eq(cmos(7), 29);
	/* hold, set, release */
	cmos_set(0x0b, 0x82);
	cmos_set(0, 0x30);
	cmos_set(2, 0x45);
	cmos_set(4, 0x13);
	cmos_set(7, 0x15);
	cmos_set(8, 0x07);
	cmos_set(9, 0x99);
	cmos_set(0x32, 0x19);
	run_ns(10 * NS_PER_S);
	ck_assert_uint_eq(cmos(0), 0x30);
	cmos_set(0x0b, 0x02);
	run_ns(2 * NS_PER_S);
	ck_assert_uint_eq(cmos(0), 0x32);
	ck_assert_uint_eq(cmos(2), 0x45);
	ck_assert_uint_eq(cmos(4), 0x13);
	ck_assert_uint_eq(cmos(9), 0x99);
	ck_assert_uint_eq(cmos(0x32), 0x19);
	/* RAM bytes */
	cmos_set(0x40, 0xa5);
	ck_assert_uint_eq(cmos(0x40), 0xa5);
}
END_TEST

START_TEST(rtc_interrupts)
{
	unsigned int n = 0;

	board_new("isapc", 1);
	clock_rtc_set(INT64_C(1000000000) * NS_PER_S);
	pics_init();
	interrupts(0, 0);
	outb(0x21, 0xfb);
	cmos_set(0x0b, 0x42); /* periodic at 1024 Hz */
	for (unsigned int i = 0; i < 1000; i++) {
		run_ns(NS_PER_MS);
		n += interrupts(0x70, 1);
		cmos(0x0c);
	}
	ck_assert_uint_ge(n, 990);
	ck_assert_uint_le(n, 1025);
	/* not read: no further ones */
	run_ns(NS_PER_S);
	ck_assert_uint_eq(interrupts(0x70, 1), 1);
	cmos_set(0x0b, 0x12);
	cmos(0x0c);
	n = 0;
	for (unsigned int i = 0; i < 5; i++) {
		run_ns(NS_PER_S);
		n += interrupts(0x70, 1);
		ck_assert_uint_eq(cmos(0x0c) & 0x90, 0x90);
	}
	ck_assert_uint_eq(n, 5);
	/* alarm at any hour and minute, second 30 */
	cmos_set(0x0b, 0x22);
	cmos_set(1, 0x30);
	cmos_set(3, 0xff);
	cmos_set(5, 0xff);
	n = 0;
	for (unsigned int i = 0; i < 120; i++) {
		run_ns(NS_PER_S);
		n += interrupts(0x70, 1);
		cmos(0x0c);
	}
	ck_assert_uint_eq(n, 2);
	/* update in progress shortly before the second */
	run_ns(NS_PER_S - clock_rtc_now() % NS_PER_S - 100000);
	ck_assert_uint_eq(cmos(0x0a) & 0x80, 0x80);
	run_ns(100000);
	ck_assert_uint_eq(cmos(0x0a) & 0x80, 0);
}
END_TEST

START_TEST(hpet_counter)
{
	board_new("pc", 1);
	ck_assert_uint_eq(peek32(HPET_BASE), 0x8086a201);
	ck_assert_uint_eq(peek32(HPET_BASE + 4), 10000000);
	ck_assert_uint_eq(peek32(HPET_BASE + 0xf0), 0);
	run_ns(1000);
	ck_assert_uint_eq(peek32(HPET_BASE + 0xf0), 0);
	poke32(HPET_BASE + 0x10, 1);
	run_ns(1000);
	ck_assert_uint_eq(peek32(HPET_BASE + 0xf0), 100);
	poke32(HPET_BASE + 0x10, 0);
	run_ns(1000);
	ck_assert_uint_eq(peek32(HPET_BASE + 0xf0), 100);
	poke32(HPET_BASE + 0xf4, 7);
	poke32(HPET_BASE + 0x10, 1);
	run_ns(10);
	ck_assert_uint_eq(peek32(HPET_BASE + 0xf0), 101);
	ck_assert_uint_eq(peek32(HPET_BASE + 0xf4), 7);
}
END_TEST

START_TEST(hpet_legacy_periodic)
{
	unsigned int n = 0;

	board_new("pc", 1);
	pics_init();
	poke32(HPET_BASE + 0x10, 3);
	interrupts(8, 0);
	poke32(HPET_BASE + 0x100, 0x14c); /* enable, periodic, VAL_SET, 32 bits */
	poke32(HPET_BASE + 0x108, 100000);
	poke32(HPET_BASE + 0x108, 100000); /* 1 kHz */
	for (unsigned int i = 0; i < 100; i++) {
		run_ns(NS_PER_MS);
		n += interrupts(8, 0);
	}
	ck_assert_uint_eq(n, 100);
	/* back: the 8254 ticks again */
	poke32(HPET_BASE + 0x10, 0);
	run_ns(NS_PER_S);
	ck_assert_uint_ge(interrupts(8, 0), 1);
}
END_TEST

START_TEST(hpet_level)
{
	board_new("pc", 1);
	apic_poke(0, 0xf0, 0x1ff);
	poke32(IOAPIC_BASE, 0x10 + 2 * 20);
	poke32(IOAPIC_BASE + 0x10, 0x8044);
	poke32(HPET_BASE + 0x10, 1);
	poke32(HPET_BASE + 0x120, 20 << 9 | 4 | 2); /* level, pin 20 */
	poke32(HPET_BASE + 0x128, 50);
	poke32(HPET_BASE + 0x12c, 0);
	run_ns(500);
	ck_assert_uint_eq(peek32(HPET_BASE + 0x20), 2);
	ck_assert_int_eq(accept_interrupt(0), 0x44);
	poke32(HPET_BASE + 0x20, 2);
	ck_assert_uint_eq(peek32(HPET_BASE + 0x20), 0);
	apic_poke(0, 0xb0, 0);
	ck_assert_int_eq(accept_interrupt(0), -1);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {pit_rate_generator, pit_terminal_count,
				      pit_counter_2,	  pit_square_and_strobe,
				      rtc_time,		  rtc_interrupts,
				      hpet_counter,	  hpet_legacy_periodic,
				      hpet_level,	  NULL};
	return board_suite("timers", tests);
}
