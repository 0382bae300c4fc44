/* ATA and ATAPI through the channel's registers, as a driver uses them. */
#include "../check-main.h"
#include "../storage/temp-image.h"

#include "base/bytes.h"
#include "hw/ide/ide.h"
#include "storage/drive-options.h"
#include "vm/machine.h"
#include "vm/state.h"

#include <fcntl.h>
#include <string.h>

#define DISK_SECTORS 20160u /* 20 x 16 x 63 */

static const struct machine_class board = {.name = "test", .drive_interface = "ide"};
static struct machine machine = {.class = &board};
static struct ide_channel channel;
static struct irq irq;
static unsigned int irqs;
static char *disk, *disc;

static void count_irq(void *opaque, int number, int level)
{
	irqs += level != 0;
}

static void must(struct error *err)
{
	if (err)
		ck_abort_msg("%s", err->message);
}

static void setup(void)
{
	uint8_t block[512];
	int fd;

	disk = temp_image(DISK_SECTORS * 512);
	disc = temp_image(100 * 2048);
	fd = open(disk, O_WRONLY);
	for (unsigned int i = 0; i < DISK_SECTORS; i++) {
		for (unsigned int j = 0; j < 512; j += 4)
			store_le32(block + j, i);
		ck_assert_int_eq(write(fd, block, 512), 512);
	}
	close(fd);
	fd = open(disc, O_WRONLY);
	for (uint32_t i = 0; i < 100; i++)
		ck_assert_int_eq(pwrite(fd, &i, 4, i * 2048), 4);
	close(fd);
	must(drive_option_add_file(&machine, disk, "index=0,format=raw"));
	must(drive_option_add_file(&machine, disc, "index=1,media=cdrom,format=raw"));
	must(drives_open(&machine));
	must(ide_channel_init(&channel, "ide", 0));
	irq_init(&irq, count_irq, NULL, 14);
	channel.irq = &irq;
	ide_channel_reset(&channel);
	ide_channel_settle(&channel);
}

static void teardown(void)
{
	drives_close();
	unlink(disk);
	unlink(disc);
}

/* --- a driver --- */

static void out(unsigned int reg, uint8_t value)
{
	ide_write_register(&channel, reg, value);
}

static uint8_t in(unsigned int reg)
{
	return ide_read_register(&channel, reg);
}

static uint8_t status(void)
{
	drives_drain();
	return in(7);
}

static void lba28(uint32_t lba, uint8_t count, uint8_t command)
{
	out(6, (uint8_t)(0xe0 | lba >> 24));
	out(2, count);
	out(3, (uint8_t)lba);
	out(4, (uint8_t)(lba >> 8));
	out(5, (uint8_t)(lba >> 16));
	out(7, command);
}

static void lba48(uint64_t lba, uint16_t count, uint8_t command)
{
	out(6, 0x40);
	out(2, (uint8_t)(count >> 8));
	out(3, (uint8_t)(lba >> 24));
	out(4, (uint8_t)(lba >> 32));
	out(5, (uint8_t)(lba >> 40));
	out(2, (uint8_t)count);
	out(3, (uint8_t)lba);
	out(4, (uint8_t)(lba >> 8));
	out(5, (uint8_t)(lba >> 16));
	out(7, command);
}

static void in_data(void *buf, size_t len)
{
	uint8_t *p = buf;

	for (size_t i = 0; i < len; i += 2)
		store_le16(p + i, (uint16_t)ide_read_data(&channel, 2));
}

static void out_data(const void *buf, size_t len)
{
	const uint8_t *p = buf;

	for (size_t i = 0; i < len; i += 2)
		ide_write_data(&channel, load_le16(p + i), 2);
}

/* --- disk --- */

START_TEST(identify_tells_geometry)
{
	uint8_t id[512];

	out(6, 0xa0);
	out(7, 0xec);
	ck_assert_uint_eq(status(), 0x58);
	in_data(id, 512);
	ck_assert_uint_eq(status(), 0x50);
	ck_assert_uint_eq(load_le16(id + 2), 20);
	ck_assert_uint_eq(load_le16(id + 6), 16);
	ck_assert_uint_eq(load_le16(id + 12), 63);
	ck_assert_uint_eq(load_le32(id + 120), DISK_SECTORS);
	ck_assert_uint_eq(load_le64(id + 200), DISK_SECTORS);
	ck_assert_mem_eq(id + 54, "EQUMH RADDSI K", 14);
}
END_TEST

START_TEST(pio_read_has_an_interrupt_a_sector)
{
	uint8_t buf[512];

	irqs = 0;
	lba28(300, 3, 0x20);
	for (uint32_t i = 0; i < 3; i++) {
		ck_assert_uint_eq(status(), 0x58);
		in_data(buf, 512);
		ck_assert_uint_eq(load_le32(buf + 508), 300 + i);
	}
	ck_assert_uint_eq(status(), 0x50);
	ck_assert_uint_eq(irqs, 3);
	ck_assert_uint_eq(in(3), (302 & 0xff));
}
END_TEST

START_TEST(multiple_moves_blocks)
{
	uint8_t buf[8 * 512];

	out(6, 0xe0);
	out(2, 3);
	out(7, 0xc6);
	ck_assert_uint_eq(status() & 1, 1); /* not a power of two */
	out(2, 8);
	out(7, 0xc6);
	ck_assert_uint_eq(status(), 0x50);
	irqs = 0;
	lba28(0, 10, 0xc4);
	ck_assert_uint_eq(status(), 0x58);
	in_data(buf, 8 * 512);
	ck_assert_uint_eq(load_le32(buf + 7 * 512), 7);
	ck_assert_uint_eq(status(), 0x58);
	in_data(buf, 2 * 512);
	ck_assert_uint_eq(load_le32(buf + 512), 9);
	ck_assert_uint_eq(status(), 0x50);
	ck_assert_uint_eq(irqs, 2);
}
END_TEST

START_TEST(lba48_crosses_chunks)
{
	uint8_t buf[512];

	lba48(1000, 600, 0x24);
	for (uint32_t i = 0; i < 600; i++) {
		ck_assert_uint_eq(status(), 0x58);
		in_data(buf, 512);
		ck_assert_uint_eq(load_le32(buf), 1000 + i);
	}
	ck_assert_uint_eq(status(), 0x50);
	lba48(DISK_SECTORS - 1, 2, 0x24);
	ck_assert_uint_eq(status(), 0x51);
	ck_assert_uint_eq(in(1), 0x10);
}
END_TEST

START_TEST(chs_addresses)
{
	uint8_t buf[512];

	out(6, 0xa0 | 5); /* head 5 */
	out(2, 1);
	out(3, 7); /* sector */
	out(4, 3); /* cylinder */
	out(5, 0);
	out(7, 0x20);
	ck_assert_uint_eq(status(), 0x58);
	in_data(buf, 512);
	ck_assert_uint_eq(load_le32(buf), (3 * 16 + 5) * 63 + 6);
	out(3, 0);
	out(2, 1);
	out(7, 0x20);
	ck_assert_uint_eq(status(), 0x51);
}
END_TEST

START_TEST(written_sectors_come_back)
{
	uint8_t buf[1024], back[1024];

	memset(buf, 0xa7, sizeof(buf));
	irqs = 0;
	lba28(77, 2, 0x30);
	ck_assert_uint_eq(in(7), 0x58); /* without an interrupt */
	ck_assert_uint_eq(irqs, 0);
	out_data(buf, 512);
	ck_assert_uint_eq(in(7), 0x58);
	out_data(buf + 512, 512);
	ck_assert_uint_eq(status(), 0x50);
	ck_assert_uint_eq(irqs, 2);
	out(7, 0xe7);
	ck_assert_uint_eq(status(), 0x50);
	lba28(77, 2, 0x20);
	status();
	in_data(back, 512);
	status();
	in_data(back + 512, 512);
	ck_assert_mem_eq(buf, back, sizeof(buf));
}
END_TEST

START_TEST(reset_shows_signatures)
{
	ide_write_control(&channel, 4);
	ck_assert_uint_eq(ide_read_alternate(&channel) & 0x80, 0x80);
	ide_write_control(&channel, 0);
	ck_assert_uint_eq(in(1), 1);
	ck_assert_uint_eq(in(4) | in(5), 0);
	out(6, 0xb0);
	ck_assert_uint_eq(in(4), 0x14);
	ck_assert_uint_eq(in(5), 0xeb);
	out(7, 0xec); /* IDENTIFY DEVICE to a packet device */
	ck_assert_uint_eq(status() & 1, 1);
	ck_assert_uint_eq(in(4), 0x14);
}
END_TEST

START_TEST(unknown_commands_abort)
{
	out(6, 0xe0);
	out(7, 0xff);
	ck_assert_uint_eq(status(), 0x51);
	ck_assert_uint_eq(in(1), 4);
}
END_TEST

START_TEST(nien_keeps_the_line_low)
{
	irqs = 0;
	ide_write_control(&channel, 2);
	out(6, 0xe0);
	out(7, 0xe5);
	ck_assert_uint_eq(irqs, 0);
	ide_write_control(&channel, 0);
	ck_assert_uint_eq(irqs, 1);
}
END_TEST

/* --- CD-ROM --- */

/* Runs a packet; returns the status after it. */
static uint8_t packet(const uint8_t *p, uint16_t limit, uint8_t features)
{
	out(6, 0xb0);
	out(1, features);
	out(4, (uint8_t)limit);
	out(5, (uint8_t)(limit >> 8));
	out(7, 0xa0);
	ck_assert_uint_eq(in(7), 0x58);
	ck_assert_uint_eq(in(2), 1);
	out_data(p, 12);
	return status();
}

static uint16_t byte_count(void)
{
	return (uint16_t)(in(4) | in(5) << 8);
}

START_TEST(disc_is_read)
{
	static const uint8_t capacity[12] = {0x25};
	static const uint8_t read10[12] = {0x28, 0, 0, 0, 0, 5, 0, 0, 40};
	uint8_t buf[4096];

	ck_assert_uint_eq(packet(capacity, 8, 0), 0x58);
	ck_assert_uint_eq(byte_count(), 8);
	in_data(buf, 8);
	ck_assert_uint_eq(load_be32(buf), 99);
	ck_assert_uint_eq(load_be32(buf + 4), 2048);
	ck_assert_uint_eq(status(), 0x50);
	ck_assert_uint_eq(in(2), 3);
	uint8_t s = packet(read10, 4096, 0);
	for (uint32_t i = 0; i < 20; i++) {
		ck_assert_uint_eq(s, 0x58);
		ck_assert_uint_eq(byte_count(), 4096);
		in_data(buf, 4096);
		ck_assert_uint_eq(load_le32(buf), 5 + 2 * i);
		ck_assert_uint_eq(load_le32(buf + 2048), 6 + 2 * i);
		s = status();
	}
	ck_assert_uint_eq(s, 0x50);
}
END_TEST

START_TEST(raw_sectors_have_headers)
{
	static const uint8_t read_cd[12] = {0xbe, 0, 0, 0, 0, 9, 0, 0, 1, 0xf8};
	uint8_t buf[2352];

	ck_assert_uint_eq(packet(read_cd, 0xfffe, 0), 0x58);
	ck_assert_uint_eq(byte_count(), 2352);
	in_data(buf, 2352);
	ck_assert_uint_eq(buf[13], 0x02); /* 00:02:09 */
	ck_assert_uint_eq(buf[14], 0x09);
	ck_assert_uint_eq(load_le32(buf + 16), 9);
}
END_TEST

START_TEST(changing_the_disc_is_heard)
{
	static const uint8_t ready[12] = {0}, sense[12] = {3, 0, 0, 0, 18};
	uint8_t buf[18];
	struct drive *d = drive_get("ide", 0, 1);

	ck_assert_uint_eq(packet(ready, 0, 0), 0x50);
	must(drive_eject(d, false));
	ck_assert_uint_eq(packet(ready, 0, 0), 0x51);
	packet(sense, 18, 0);
	in_data(buf, 18);
	ck_assert_uint_eq(buf[2], 2);
	ck_assert_uint_eq(buf[12], 0x3a);
	must(drive_change(d, disc, "raw"));
	ck_assert_uint_eq(packet(ready, 0, 0), 0x51); /* once more: no medium */
	ck_assert_uint_eq(packet(ready, 0, 0), 0x51); /* unit attention */
	packet(sense, 18, 0);
	in_data(buf, 18);
	ck_assert_uint_eq(buf[2], 6);
	ck_assert_uint_eq(buf[12], 0x28);
	ck_assert_uint_eq(packet(ready, 0, 0), 0x50);
}
END_TEST

START_TEST(locked_doors_stay_closed)
{
	static const uint8_t prevent[12] = {0x1e, 0, 0, 0, 1}, allow[12] = {0x1e};
	static const uint8_t eject[12] = {0x1b, 0, 0, 0, 2};
	struct drive *d = drive_get("ide", 0, 1);

	packet(prevent, 0, 0);
	ck_assert_uint_eq(packet(eject, 0, 0), 0x51);
	error_free(drive_eject(d, false));
	ck_assert_ptr_nonnull(d->block);
	packet(allow, 0, 0);
	ck_assert_uint_eq(packet(eject, 0, 0), 0x50);
	ck_assert(d->tray_open);
}
END_TEST

START_TEST(toc_and_modes)
{
	static const uint8_t toc[12] = {0x43, 2, 0, 0, 0, 0, 0, 0, 64};
	static const uint8_t mode[12] = {0x5a, 0, 0x2a, 0, 0, 0, 0, 1, 0};
	static const uint8_t bad[12] = {0xff};
	uint8_t buf[64];

	ck_assert_uint_eq(packet(toc, 64, 0), 0x58);
	ck_assert_uint_eq(byte_count(), 20);
	in_data(buf, 20);
	ck_assert_uint_eq(buf[3], 1);
	ck_assert_uint_eq(buf[14], 0xaa);
	ck_assert_uint_eq(buf[18], 3); /* 100 + 150 frames: 00:03:25 */
	ck_assert_uint_eq(buf[19], 25);
	ck_assert_uint_eq(packet(mode, 64, 0), 0x58);
	in_data(buf, 28);
	ck_assert_uint_eq(buf[8], 0x2a);
	ck_assert_uint_eq(packet(bad, 64, 0), 0x51);
	ck_assert_uint_eq(in(1) >> 4, 5);
}
END_TEST

START_TEST(state_survives)
{
	GByteArray *a = g_byte_array_new(), *b = g_byte_array_new();
	uint8_t buf[512];

	lba28(10, 2, 0x20);
	status();
	in_data(buf, 100);
	state_save_fields(a, ide_channel_fields, &channel);
	ide_channel_reset(&channel);
	must(state_load_fields((struct bytes){a->data, a->len}, ide_channel_fields, &channel));
	must(ide_channel_post_load(&channel));
	state_save_fields(b, ide_channel_fields, &channel);
	ck_assert_uint_eq(a->len, b->len);
	ck_assert_mem_eq(a->data, b->data, a->len);
	in_data(buf + 100, 412);
	ck_assert_uint_eq(load_le32(buf + 508), 10);
	channel.units[0].pos = ATA_BUFFER_SIZE + 1;
	struct error *err = ide_channel_post_load(&channel);
	ck_assert_ptr_nonnull(err);
	error_free(err);
}
END_TEST

static Suite *ide_suite(void)
{
	Suite *s = suite_create("ide");
	TCase *tc = tcase_create("ide");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, identify_tells_geometry);
	tcase_add_test(tc, pio_read_has_an_interrupt_a_sector);
	tcase_add_test(tc, multiple_moves_blocks);
	tcase_add_test(tc, lba48_crosses_chunks);
	tcase_add_test(tc, chs_addresses);
	tcase_add_test(tc, written_sectors_come_back);
	tcase_add_test(tc, reset_shows_signatures);
	tcase_add_test(tc, unknown_commands_abort);
	tcase_add_test(tc, nien_keeps_the_line_low);
	tcase_add_test(tc, disc_is_read);
	tcase_add_test(tc, raw_sectors_have_headers);
	tcase_add_test(tc, changing_the_disc_is_heard);
	tcase_add_test(tc, locked_doors_stay_closed);
	tcase_add_test(tc, toc_and_modes);
	tcase_add_test(tc, state_survives);
	suite_add_tcase(s, tc);
	return s;
}

CHECK_MAIN(ide_suite)
