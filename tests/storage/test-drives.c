/* Drives: options, places, requests, locks. */
#include "../check-main.h"
#include "../storage/temp-image.h"

#include "base/loop.h"
#include "storage/block.h"
#include "storage/drive-options.h"
#include "storage/image.h"
#include "vm/machine.h"

#include <errno.h>
#include <string.h>

static const struct machine_class board = {.name = "test", .drive_interface = "ide"};
static struct machine machine = {.class = &board};

static int result;

static void done(void *opaque, int error)
{
	result = error;
	++*(int *)opaque;
}

static void must(struct error *err)
{
	if (err)
		ck_abort_msg("%s", err->message);
}

static void must_fail(struct error *err, const char *text)
{
	ck_assert_ptr_nonnull(err);
	ck_assert_msg(strstr(err->message, text), "'%s' lacks '%s'", err->message, text);
	error_free(err);
}

START_TEST(requests_move_bytes_in_order)
{
	char *path = temp_image(1 << 20), buf[1024], back[1024];
	int count = 0;

	must(drive_option_add_file(&machine, path, "format=raw"));
	must(drives_open(&machine));
	struct drive *d = drive_get("ide", 0, 0);
	ck_assert_str_eq(d->id, "ide0-hd0");
	ck_assert_uint_eq(drive_size(d), 1 << 20);
	memset(buf, 0x5a, sizeof(buf));
	drive_write(d, 4096, buf, sizeof(buf), done, &count);
	drive_flush(d, done, &count);
	drive_read(d, 4096, back, sizeof(back), done, &count);
	drives_drain();
	ck_assert_int_eq(count, 3);
	ck_assert_mem_eq(buf, back, sizeof(buf));
	drive_read(d, (1 << 20) - 512, back, 1024, done, &count);
	drives_drain();
	ck_assert_int_eq(result, EIO);
	ck_assert_uint_eq(d->wr_bytes, 1024);
	unlink(path);
	g_free(path);
}
END_TEST

START_TEST(default_drives_are_empty)
{
	int count = 0;
	char buf[512];

	must(drives_open(&machine));
	struct drive *cd = drive_get("ide", 1, 0), *fd = drive_get("floppy", 0, 0);
	ck_assert_str_eq(cd->id, "ide1-cd0");
	ck_assert_str_eq(fd->id, "floppy0");
	ck_assert_int_eq(cd->media, MEDIA_CDROM);
	ck_assert(!drive_has_medium(cd));
	drive_read(fd, 0, buf, 512, done, &count);
	drives_drain();
	ck_assert_int_eq(result, ENOMEDIUM);
}
END_TEST

START_TEST(places_count_up)
{
	char *path = temp_image(65536);

	must(drive_option_add_file(&machine, path, "snapshot=off,format=raw"));
	must(drive_option_add(&machine, "if=ide,media=cdrom"));
	must(drive_option_add(&machine, "if=ide,bus=1,unit=1,media=cdrom,id=disc"));
	must(drive_option_add(&machine, "if=virtio,media=cdrom"));
	must(drive_option_add(&machine, "if=scsi,index=8,media=cdrom"));
	must(drives_open(&machine));
	ck_assert_ptr_nonnull(drive_find("ide0-hd0"));
	ck_assert_ptr_nonnull(drive_find("ide0-cd1"));
	ck_assert_ptr_eq(drive_find("disc"), drive_get("ide", 1, 1));
	ck_assert_ptr_nonnull(drive_get("virtio", 0, 0));
	ck_assert_ptr_nonnull(drive_get("scsi", 1, 1));
	unlink(path);
	g_free(path);
}
END_TEST

START_TEST(bad_options_are_told)
{
	must_fail(drive_option_add(&machine, "file=x,if=idee"), "idee");
	must_fail(drive_option_add(&machine, "file=x,cach=none"), "cach");
	must_fail(drive_option_add(&machine, "file=x,cache=fast"), "fast");
	must_fail(drive_option_add(&machine, "file=x,index=1,unit=1"), "index");
	must_fail(drive_option_add(&machine, "file=x,cyls=10"), "belong together");
	must_fail(drive_option_add(&machine, "file=x,format=qqq"), "qqq");
	must_fail(drive_option_add(&machine, "file=x,media=tape"), "tape");
	must_fail(drive_option_hdachs(&machine, "0,1,1"), "cylinders");
	must_fail(drive_option_hdachs(&machine, "1,1,1,foo"), "foo");
	must(drive_option_hdachs(&machine, "100,4,17,lba"));
	must(drive_option_add(&machine, "file=/nonexistent/x"));
	must_fail(drives_open(&machine), "No such file");
}
END_TEST

START_TEST(same_place_twice)
{
	must(drive_option_add(&machine, "index=1,media=cdrom"));
	must(drive_option_add(&machine, "index=1,media=cdrom"));
	must_fail(drives_open(&machine), "exists");
}
END_TEST

START_TEST(an_image_in_use_is_locked)
{
	char *path = temp_image(65536);
	struct image *a, *b;

	must(image_open(path, "raw", IMAGE_RDWR, &a));
	must_fail(image_open(path, "raw", IMAGE_RDWR, &b), "Failed to get \"write\" lock");
	must_fail(image_open(path, "raw", 0, &b), "Failed to get shared \"write\" lock");
	must(image_open(path, "raw", IMAGE_FORCE_SHARE, &b));
	image_close(b);
	image_close(a);
	must(image_open(path, "raw", 0, &a));
	must(image_open(path, "raw", 0, &b));
	image_close(b);
	image_close(a);
	unlink(path);
	g_free(path);
}
END_TEST

START_TEST(odd_raw_sizes_are_padded)
{
	char *path = temp_image(1000), buf[512];
	struct image *img;

	must(image_open(path, "raw", IMAGE_RDWR, &img));
	ck_assert_uint_eq(img->size, 1024);
	ck_assert_int_eq(image_pread(img, 512, buf, 512), 0);
	ck_assert(buffer_is_zero(buf, 512));
	memset(buf, 1, 512);
	ck_assert_int_eq(image_pwrite(img, 512, buf, 512), 0);
	ck_assert_int_eq(image_pwrite(img, 1024, buf, 512), EIO);
	ck_assert_uint_eq(img->file->size, 1024);
	image_close(img);
	unlink(path);
	g_free(path);
}
END_TEST

static Suite *drives_suite(void)
{
	Suite *s = suite_create("drives");
	TCase *tc = tcase_create("drives");

	tcase_add_test(tc, requests_move_bytes_in_order);
	tcase_add_test(tc, default_drives_are_empty);
	tcase_add_test(tc, places_count_up);
	tcase_add_test(tc, bad_options_are_told);
	tcase_add_test(tc, same_place_twice);
	tcase_add_test(tc, an_image_in_use_is_locked);
	tcase_add_test(tc, odd_raw_sizes_are_padded);
	suite_add_tcase(s, tc);
	return s;
}

CHECK_MAIN(drives_suite)
