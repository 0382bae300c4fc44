/* Disk controllers on the whole board: the floppy's DMA, the bus master's tables, saved states. */
#include "../storage/temp-image.h"
#include "board.h"

#include "storage/block.h"
#include "storage/drive-options.h"
#include "vm/state.h"

#include <check.h>
#include <fcntl.h>
#include <string.h>

#define FLOPPY_SECTORS 2880u
#define DISK_SECTORS   8064u

static char *floppy, *disk;

static void must(struct error *err)
{
	if (err)
		ck_abort_msg("%s", err->message);
}

/* An image whose sectors hold their number in every word. */
static char *numbered(unsigned int sectors)
{
	char *path = temp_image((off_t)sectors * 512);
	int fd = open(path, O_WRONLY);
	uint8_t block[512];

	for (unsigned int i = 0; i < sectors; i++) {
		for (unsigned int j = 0; j < 512; j += 4)
			store_le32(block + j, i);
		ck_assert_int_eq(write(fd, block, 512), 512);
	}
	close(fd);
	return path;
}

static void setup(const char *board)
{
	struct machine *m = machine_get();

	floppy = numbered(FLOPPY_SECTORS);
	disk = numbered(DISK_SECTORS);
	m->class = machine_class_find("i386", board);
	must(drive_option_add_file(m, floppy, "if=floppy,index=0,format=raw"));
	must(drive_option_add_file(m, disk, "index=0,format=raw"));
	must(drives_open(m));
	board_new(board, 1);
	unlink(floppy);
	unlink(disk);
}

/* --- floppy --- */

static void fdc_out(uint8_t value)
{
	ck_assert_uint_eq(inb(0x3f4) & 0xc0, 0x80);
	outb(0x3f5, value);
}

static uint8_t fdc_in(void)
{
	ck_assert_uint_eq(inb(0x3f4) & 0xc0, 0xc0);
	return inb(0x3f5);
}

static void fdc_start(void)
{
	outb(0x3f2, 0);
	outb(0x3f2, 0x1c);
	outb(0x3f7, 0); /* 500 kbit/s */
	for (unsigned int i = 0; i < 4; i++) {
		fdc_out(8);
		ck_assert_uint_eq(fdc_in(), 0xc0 + i);
		fdc_in();
	}
	fdc_out(3);
	fdc_out(0xaf);
	fdc_out(2);
	fdc_out(7);
	fdc_out(0);
	fdc_out(8);
	ck_assert_uint_eq(fdc_in(), 0x20);
	ck_assert_uint_eq(fdc_in(), 0);
}

static void dma2(uint8_t mode, uint32_t addr, unsigned int len)
{
	outb(0x0a, 6);
	outb(0x0c, 0);
	outb(0x04, (uint8_t)addr);
	outb(0x04, (uint8_t)(addr >> 8));
	outb(0x05, (uint8_t)(len - 1));
	outb(0x05, (uint8_t)((len - 1) >> 8));
	outb(0x81, (uint8_t)(addr >> 16));
	outb(0x0b, mode);
	outb(0x0a, 2);
}

static void fdc_transfer(uint8_t command, uint8_t track, uint8_t head, uint8_t sector)
{
	fdc_out(0x0f);
	fdc_out((uint8_t)(head << 2));
	fdc_out(track);
	fdc_out(8);
	fdc_in();
	fdc_in();
	fdc_out(command);
	fdc_out((uint8_t)(head << 2));
	fdc_out(track);
	fdc_out(head);
	fdc_out(sector);
	fdc_out(2);
	fdc_out(18);
	fdc_out(0x1b);
	fdc_out(0xff);
	for (unsigned int i = 0; i < 20; i++) {
		drives_drain();
		run_ns(1000000);
	}
}

START_TEST(floppy_reads_and_writes_by_dma)
{
	uint8_t st[7];

	setup("isapc");
	fdc_start();
	dma2(0x46, 0x10000, 20 * 512);
	fdc_transfer(0xe6, 3, 0, 5);
	for (unsigned int i = 0; i < 7; i++)
		st[i] = fdc_in();
	ck_assert_uint_eq(st[0] & 0xc0, 0);
	ck_assert_uint_eq(inb(0x3f7) & 0x80, 0);
	for (uint32_t i = 0; i < 20; i++) /* 14 on this side, 6 on the other */
		ck_assert_uint_eq(peek32(0x10000 + 512 * i), 3 * 36 + 4 + i);
	ck_assert_uint_eq(st[4], 1);
	ck_assert_uint_eq(st[5], 7);
	for (unsigned int i = 0; i < 1024; i += 4)
		poke32(0x20000 + i, 0xdeadbeef);
	dma2(0x4a, 0x20000, 1024);
	fdc_transfer(0xc5, 79, 1, 17);
	ck_assert_uint_eq(fdc_in() & 0xc0, 0x00);
	for (unsigned int i = 0; i < 6; i++)
		fdc_in();
	dma2(0x46, 0x30000, 1024);
	fdc_transfer(0xe6, 79, 1, 17);
	ck_assert_uint_eq(peek32(0x30000 + 1020), 0xdeadbeef);
}
END_TEST

START_TEST(floppy_errors)
{
	setup("isapc");
	fdc_start();
	dma2(0x46, 0x10000, 512);
	fdc_transfer(0xe6, 3, 0, 19); /* no such sector */
	ck_assert_uint_eq(fdc_in() & 0xc0, 0x40);
	ck_assert_uint_eq(fdc_in(), 4);
	for (unsigned int i = 0; i < 5; i++)
		fdc_in();
	outb(0x3f7, 2); /* the wrong rate */
	fdc_transfer(0xe6, 3, 0, 1);
	ck_assert_uint_eq(fdc_in() & 0xc0, 0x40);
	ck_assert_uint_eq(fdc_in(), 1);
	for (unsigned int i = 0; i < 5; i++)
		fdc_in();
	fdc_out(0xff);
	ck_assert_uint_eq(fdc_in(), 0x80);
}
END_TEST

/* --- bus master --- */

static uint16_t busmaster_start(void)
{
	/* BAR 4 of 00:01.1 at c000h, I/O and bus master on */
	outl(0xcf8, 0x80000920);
	outl(0xcfc, 0xc001);
	outl(0xcf8, 0x80000904);
	outw(0xcfc, 5);
	return 0xc000;
}

static void read_dma(uint32_t lba, uint8_t count)
{
	outb(0x1f6, (uint8_t)(0xe0 | lba >> 24));
	outb(0x1f2, count);
	outb(0x1f3, (uint8_t)lba);
	outb(0x1f4, (uint8_t)(lba >> 8));
	outb(0x1f5, (uint8_t)(lba >> 16));
	outb(0x1f7, 0xc8);
}

START_TEST(bus_master_follows_its_table)
{
	setup("pc");
	uint16_t bm = busmaster_start();

	/* 8 sectors in three pieces, the last mark on the third */
	poke32(0x1000, 0x20000);
	poke32(0x1004, 512);
	poke32(0x1008, 0x30000);
	poke32(0x100c, 1024);
	poke32(0x1010, 0x40000);
	poke32(0x1014, 0x80000000 | 2560);
	outl((uint16_t)(bm + 4), 0x1000);
	outb((uint16_t)(bm + 2), 6);
	read_dma(100, 8);
	outb(bm, 9);
	drives_drain();
	ck_assert_uint_eq(inb((uint16_t)(bm + 2)) & 7, 4);
	ck_assert_uint_eq(inb(0x1f7), 0x50);
	outb(bm, 8);
	ck_assert_uint_eq(peek32(0x20000), 100);
	ck_assert_uint_eq(peek32(0x30000), 101);
	ck_assert_uint_eq(peek32(0x30200), 102);
	ck_assert_uint_eq(peek32(0x40000), 103);
	ck_assert_uint_eq(peek32(0x409fc), 107);
}
END_TEST

START_TEST(a_short_table_ends_the_master)
{
	setup("pc");
	uint16_t bm = busmaster_start();

	poke32(0x1000, 0x20000);
	poke32(0x1004, 0x80000000 | 512);
	outl((uint16_t)(bm + 4), 0x1000);
	read_dma(7, 2);
	outb(bm, 9);
	drives_drain();
	ck_assert_uint_eq(inb((uint16_t)(bm + 2)) & 5, 0); /* neither active nor interrupt */
	ck_assert_uint_eq(peek32(0x20000), 7);
	outb(bm, 8);
	outb(0x3f6, 4);
	outb(0x3f6, 0);
	ck_assert_uint_eq(inb(0x1f7), 0x50);
}
END_TEST

START_TEST(states_survive)
{
	GByteArray *a = g_byte_array_new(), *b = g_byte_array_new();

	setup("pc");
	fdc_start();
	read_dma(100, 8);
	drives_drain();
	state_save_all(a);
	devices_reset();
	must(state_load_all((struct bytes){a->data, a->len}));
	state_save_all(b);
	ck_assert_uint_eq(a->len, b->len);
	ck_assert_mem_eq(a->data, b->data, a->len);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		floppy_reads_and_writes_by_dma, floppy_errors,	bus_master_follows_its_table,
		a_short_table_ends_the_master,	states_survive, NULL};
	return board_suite("disks", tests);
}
