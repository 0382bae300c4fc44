/* OHCI by descriptors in memory, with a keyboard, a tablet and a hub behind it. */
#include "../vm/suite.h"
#include "rig.h"

#include "base/bytes.h"
#include "hw/usb/usb.h"
#include "vm/clock.h"
#include "vm/input.h"
#include "vm/plug.h"

#include <string.h>

#define REGS RIG_BAR_MEM
#define HCCA 0x1000u
#define EDS  0x2000u
#define TDS  0x3000u
#define DATA 0x4000u

enum { CONTROL = 0x04, COMMAND = 0x08, STATUS = 0x0c, ENABLE = 0x10, HEAD = 0x20, BULK = 0x28 };
enum { DONE = 0x84, PORT1 = 0x54 };
enum { SETUP, OUT, IN };

static struct rig rig;
static int64_t now;

static int64_t now_read(void *opaque)
{
	return now;
}

static uint32_t reg(unsigned int n)
{
	return rig_read(&rig, REGS + n, 4);
}

static void set_reg(unsigned int n, uint32_t value)
{
	rig_write(&rig, REGS + n, 4, value);
}

static uint32_t word(uint32_t addr)
{
	return load_le32(rig_ram(&rig, addr));
}

static void put(uint32_t addr, uint32_t a, uint32_t b, uint32_t c, uint32_t d)
{
	store_le32(rig_ram(&rig, addr), a);
	store_le32(rig_ram(&rig, addr + 4), b);
	store_le32(rig_ram(&rig, addr + 8), c);
	store_le32(rig_ram(&rig, addr + 12), d);
}

static void frames(unsigned int n)
{
	while (n--) {
		now += 1000000;
		clock_run_timers(CLOCK_VIRTUAL);
	}
}

static void plug(const char *text)
{
	struct error *err = plug_device(text);

	ck_assert_msg(!err, "%s", err ? err->message : "");
}

/* The controller runs, the first two ports are enabled. */
static void setup(const char *first, const char *second)
{
	now = 0;
	clock_use_icount(0, now_read, NULL);
	rig_init(&rig, "pci-ohci", false);
	plug(first);
	if (second)
		plug(second);
	rig_reset(&rig);
	set_reg(0x18, HCCA);
	set_reg(ENABLE, 0x80000002);
	set_reg(CONTROL, 0x80 | 0x34); /* operational, all lists */
	ck_assert_uint_eq(reg(PORT1) & 0x10001, 0x10001);
	set_reg(PORT1, 1 << 4);
	ck_assert_uint_eq(reg(PORT1) & 0x100003, 0x100003);
	set_reg(PORT1, 0x1f0000);
}

static uint32_t td_flags(unsigned int pid, int toggle)
{
	return 0xf0000000u | (toggle < 0 ? 0 : (uint32_t)(2 | toggle) << 24) | pid << 19 | 1 << 18;
}

/* A control transfer: setup, data, status; returns the condition of the last that was retired. */
static unsigned int control(unsigned int address, uint16_t request, uint16_t value, uint16_t index,
			    uint16_t length)
{
	bool in = request & 0x8000;
	uint8_t *s = rig_ram(&rig, DATA - 8);

	s[0] = (uint8_t)(request >> 8);
	s[1] = (uint8_t)request;
	store_le16(s + 2, value);
	store_le16(s + 4, index);
	store_le16(s + 6, length);
	put(EDS, 8 << 16 | address, TDS + 48, TDS, 0);
	put(TDS, td_flags(SETUP, 0), DATA - 8, length ? TDS + 16 : TDS + 32, DATA - 1);
	put(TDS + 16, td_flags(in ? IN : OUT, 1), DATA, TDS + 32, DATA + length - 1u);
	put(TDS + 32, td_flags(in && length ? OUT : IN, 1), 0, TDS + 48, 0);
	set_reg(HEAD, EDS);
	set_reg(COMMAND, 2);
	frames(3);
	ck_assert_uint_eq(reg(STATUS) & 2, 2);
	ck_assert_int_eq(rig.irq, 1);
	uint32_t done = word(HCCA + DONE) & ~15u;
	ck_assert_uint_ne(done, 0);
	set_reg(STATUS, 2);
	return word(done) >> 28;
}

START_TEST(enumeration)
{
	setup("usb-kbd", NULL);
	ck_assert_uint_eq(reg(0), 0x10);
	ck_assert_uint_eq(control(0, 0x8006, 0x100, 0, 18), 0);
	ck_assert_uint_eq(*rig_ram(&rig, DATA), 18);
	ck_assert_uint_eq(load_le16(rig_ram(&rig, DATA + 8)), 0x0627);
	ck_assert_uint_eq(word(EDS + 8), TDS + 48); /* all retired; DATA0 follows DATA1 */
	ck_assert_uint_eq(control(0, 0x0005, 7, 0, 0), 0);
	ck_assert_uint_eq(control(0, 0x8006, 0x100, 0, 8), 5); /* nobody answers at 0 now */
	ck_assert_uint_eq(control(7, 0x8006, 0x200, 0, 255), 0);
	ck_assert_uint_eq(load_le16(rig_ram(&rig, DATA + 2)), 34);
	ck_assert_uint_eq(word(TDS + 16 + 4), DATA + 34); /* short: where the next byte would be */
	ck_assert_uint_eq(control(7, 0x8006, 0x302, 0, 255), 0);
	ck_assert_uint_eq(*rig_ram(&rig, DATA + 2), 'Q');
	ck_assert_uint_eq(control(7, 0x8106, 0x2200, 0, 255), 0); /* report descriptor */
	ck_assert_uint_eq(*rig_ram(&rig, DATA), 0x05);
	ck_assert_uint_eq(control(7, 0x8006, 0x900, 0, 8), 4); /* there is no such descriptor */
	ck_assert_uint_eq(word(EDS + 8) & 1, 1);	       /* halted */
	ck_assert_uint_eq(control(7, 0x0009, 1, 0, 0), 0);
	ck_assert_uint_eq(control(7, 0x8008, 0, 0, 1), 0);
	ck_assert_uint_eq(*rig_ram(&rig, DATA), 1);
	rig_save_load(&rig);
	ck_assert_uint_eq(control(7, 0x8008, 0, 0, 1), 0);
	ck_assert_uint_eq(*rig_ram(&rig, DATA), 1);
	/* lights */
	*rig_ram(&rig, DATA) = 2;
	ck_assert_uint_eq(control(7, 0x2109, 0x200, 0, 1), 0);
	ck_assert_uint_eq(word(EDS + 8), TDS + 48);
}
END_TEST

/* One interrupt transfer of endpoint 1 in the periodic list. */
static void interrupt_td(unsigned int address, uint32_t len)
{
	put(EDS + 64, 8 << 16 | 1 << 7 | address, TDS + 144, TDS + 128, 0);
	put(TDS + 128, td_flags(IN, -1), DATA + 64, TDS + 144, DATA + 64 + len - 1);
	for (unsigned int n = 0; n < 32; n++)
		store_le32(rig_ram(&rig, HCCA + 4 * n), EDS + 64);
}

START_TEST(keys)
{
	static const uint8_t shift_a[8] = {2, 0, 4};

	setup("usb-kbd", NULL);
	control(0, 0x0005, 3, 0, 0);
	control(3, 0x0009, 1, 0, 0);
	interrupt_td(3, 8);
	frames(3);
	ck_assert_uint_eq(word(EDS + 72) & ~15u, TDS + 144); /* the first report */
	set_reg(STATUS, 2);
	interrupt_td(3, 8);
	frames(5);
	ck_assert_uint_eq(word(EDS + 72) & ~15u, TDS + 128); /* NAK */
	ck_assert_uint_eq(reg(STATUS) & 2, 0);
	input_key(0x2a, true);
	input_key(0x1e, true);
	input_key(0x1e, false);
	frames(1);
	ck_assert_uint_eq(word(EDS + 72) & ~15u, TDS + 144);
	ck_assert_uint_eq(*rig_ram(&rig, DATA + 64), 2);
	ck_assert_uint_eq(*rig_ram(&rig, DATA + 66), 0);
	frames(2);
	set_reg(STATUS, 2);
	rig_save_load(&rig);
	interrupt_td(3, 8);
	frames(3);
	set_reg(STATUS, 2);
	ck_assert_mem_eq(rig_ram(&rig, DATA + 64), shift_a, 8);
	interrupt_td(3, 8);
	frames(3);
	ck_assert_uint_eq(*rig_ram(&rig, DATA + 66), 0); /* the key is up */
	set_reg(STATUS, 2);
	/* room for less than a report */
	input_key(0x30, true);
	put(EDS + 64, 8 << 16 | 1 << 7 | 3, TDS + 144, TDS + 128, 0);
	put(TDS + 128, td_flags(IN, -1), DATA + 64, TDS + 144, DATA + 64 + 3);
	frames(3);
	ck_assert_uint_eq(word(TDS + 128) >> 28, 8);
}
END_TEST

START_TEST(tablet_on_hub)
{
	setup("usb-hub", "usb-tablet,port=1.3");
	control(0, 0x0005, 2, 0, 0);
	control(2, 0x0009, 1, 0, 0);
	ck_assert_uint_eq(control(2, 0xa006, 0x2900, 0, 16), 0);
	ck_assert_uint_eq(*rig_ram(&rig, DATA + 2), 8);
	interrupt_td(2, 2);
	frames(3);
	ck_assert_uint_eq(*rig_ram(&rig, DATA + 64), 1 << 3); /* port 3 changed */
	set_reg(STATUS, 2);
	ck_assert_uint_eq(control(2, 0xa300, 0, 3, 4), 0);
	ck_assert_uint_eq(word(DATA), 0x00010101);
	ck_assert_uint_eq(control(2, 0x2303, 4, 3, 0), 0); /* reset it */
	ck_assert_uint_eq(control(2, 0x2301, 16, 3, 0), 0);
	ck_assert_uint_eq(control(2, 0xa300, 0, 3, 4), 0);
	ck_assert_uint_eq(word(DATA), 0x00100103);
	ck_assert_uint_eq(control(0, 0x0005, 9, 0, 0), 0); /* the tablet */
	ck_assert_uint_eq(control(9, 0x0009, 1, 0, 0), 0);
	input_pointer(0x1234, 0x7000, -1, POINTER_RIGHT);
	rig_save_load(&rig);
	interrupt_td(9, 8);
	frames(3);
	ck_assert_uint_eq(*rig_ram(&rig, DATA + 64), 2);
	ck_assert_uint_eq(load_le16(rig_ram(&rig, DATA + 65)), 0x1234);
	ck_assert_uint_eq(load_le16(rig_ram(&rig, DATA + 67)), 0x7000);
	ck_assert_uint_eq(*rig_ram(&rig, DATA + 69), 1);
	set_reg(STATUS, 2);
	/* suspended, it is not there */
	ck_assert_uint_eq(control(2, 0x2303, 2, 3, 0), 0);
	ck_assert_uint_eq(control(9, 0x8008, 0, 0, 1), 5);
}
END_TEST

START_TEST(mouse_distance)
{
	setup("usb-mouse", NULL);
	control(0, 0x0009, 1, 0, 0);
	interrupt_td(0, 4);
	frames(3);
	set_reg(STATUS, 2);
	input_pointer(300, -5, 0, POINTER_LEFT);
	interrupt_td(0, 4);
	frames(3);
	ck_assert_uint_eq(word(DATA + 64), 0x00fb7f01); /* 127 of 300 */
	set_reg(STATUS, 2);
	interrupt_td(0, 4);
	frames(3);
	ck_assert_uint_eq(word(DATA + 64), 0x00007f01);
	set_reg(STATUS, 2);
	interrupt_td(0, 4);
	frames(3);
	ck_assert_uint_eq(word(DATA + 64), 0x00002e01);
}
END_TEST

START_TEST(hostile_lists)
{
	setup("usb-kbd", NULL);
	/* an endpoint that follows itself, a descriptor that does, too, and one of unknown kind */
	put(EDS, 8 << 16, TDS + 64, TDS, EDS);
	put(TDS, td_flags(SETUP, 0), DATA, TDS, DATA + 7);
	set_reg(HEAD, EDS);
	set_reg(BULK, EDS);
	set_reg(COMMAND, 6);
	frames(2);
	put(EDS, 0x7ff << 16 | 2 << 11, 0, 0xfffffff0, EDS);
	frames(2);
	put(EDS, 8 << 16, TDS + 64, TDS, 0);
	put(TDS, td_flags(3, 0), DATA, TDS + 16, DATA + 7);
	set_reg(COMMAND, 2);
	frames(2);
	ck_assert_uint_eq(word(TDS) >> 28, 7);
	rig_save_load(&rig);
	set_reg(COMMAND, 1); /* reset: suspended */
	ck_assert_uint_eq(reg(CONTROL) >> 6 & 3, 3);
	ck_assert_uint_eq(reg(ENABLE), 0);
	set_reg(CONTROL, 0);
	ck_assert_uint_eq(reg(PORT1) & 3, 1); /* connected, not enabled */
}
END_TEST

START_TEST(frame_numbers)
{
	setup("usb-kbd", NULL);
	set_reg(ENABLE, 0x80000020);
	frames(3);
	ck_assert_uint_eq(word(HCCA + 0x80), 3);
	ck_assert_uint_eq(reg(0x3c), 3);
	now += 500000;
	uint32_t left = reg(0x38) & 0x3fff;
	ck_assert_uint_le(left, 6000);
	ck_assert_uint_ge(left, 5900);
	for (unsigned int n = 0; n < 40 && !(reg(STATUS) & 0x20); n++)
		frames(1000);
	ck_assert_uint_eq(reg(STATUS) & 0x20, 0x20); /* the number passed 8000h */
	ck_assert_int_eq(rig.irq, 1);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {enumeration,   keys,	    tablet_on_hub, mouse_distance,
				      hostile_lists, frame_numbers, NULL};

	return run_suite("ohci", tests);
}
