/* qcow2 against a plain array: random work on every kind of image, checked as it goes. */
#include "../check-main.h"
#include "temp-image.h"

#include "storage/image.h"

#include <stdio.h>
#include <string.h>

#define DISK_SIZE (4u << 20)

static void must(struct error *err)
{
	if (err)
		ck_abort_msg("%s", err->message);
}

static const char *const kinds[] = {
	"compat=0.10",
	"compat=1.1",
	"compat=1.1,cluster_size=512",
	"compat=1.1,cluster_size=4096,refcount_bits=1",
	"compat=1.1,cluster_size=1024,refcount_bits=64",
	"compat=1.1,refcount_bits=8,compression_type=zstd",
	"compat=1.1,refcount_bits=2,cluster_size=2048",
	"compat=0.10,cluster_size=2097152",
	"compat=1.1,preallocation=metadata",
	"compat=0.10,encryption=on",
};

/* Kinds without snapshots: counts of one bit have no room for a second user. */
static bool has_snapshots(unsigned int kind)
{
	return kind != 3 && kind != 6;
}

static struct image *open_image(const char *path)
{
	struct image *img;

	must(image_open(path, "qcow2", IMAGE_RDWR, &img));
	if (img->encrypted)
		must(img->driver->set_key(img, "secret"));
	return img;
}

static void create(const char *path, const char *options, const char *base)
{
	struct image_create c;

	image_create_init(&c, image_driver_find("qcow2"), path);
	must(image_create_parse(&c, options));
	image_create_set(&c, "size", "4194304");
	if (base) {
		image_create_set(&c, "backing_file", base);
		image_create_set(&c, "backing_fmt", "raw");
	}
	must(image_create(&c));
	image_create_clear(&c);
}

static void check(struct image *img)
{
	struct image_check r = {.out = stderr};

	must(img->driver->check(img, 0, &r));
	ck_assert_uint_eq(r.corruptions, 0);
	ck_assert_uint_eq(r.leaks, 0);
	ck_assert_uint_eq(r.check_errors, 0);
}

static void compare(struct image *img, const uint8_t *shadow)
{
	uint8_t *all = g_malloc(DISK_SIZE);

	ck_assert_int_eq(image_pread(img, 0, all, DISK_SIZE), 0);
	for (unsigned int i = 0; i < DISK_SIZE; i++)
		if (all[i] != shadow[i])
			ck_abort_msg("byte %u is %02x, not %02x", i, all[i], shadow[i]);
	g_free(all);
}

static void fill(uint8_t *buf, unsigned int len, GRand *rand)
{
	uint8_t value = (uint8_t)g_rand_int(rand);

	for (unsigned int i = 0; i < len; i++)
		buf[i] = (uint8_t)(value + i / 64);
}

static void one_step(struct image *img, uint8_t *shadow, GRand *rand)
{
	unsigned int at = (unsigned int)g_rand_int_range(rand, 0, DISK_SIZE);
	unsigned int len =
		(unsigned int)g_rand_int_range(rand, 1, 1 << g_rand_int_range(rand, 1, 19));
	unsigned int what = (unsigned int)g_rand_int_range(rand, 0, 10);

	at &= ~511u;
	len = MIN((len + 511) & ~511u, DISK_SIZE - at);
	if (what < 6) {
		fill(shadow + at, len, rand);
		ck_assert_int_eq(image_pwrite(img, at, shadow + at, len), 0);
	} else if (what < 8) {
		memset(shadow + at, 0, len);
		ck_assert_int_eq(image_write_zeroes(img, at, len, what == 7 ? IMAGE_UNMAP : 0), 0);
	} else if (what == 8 && !img->encrypted) {
		at &= ~(img->cluster_size - 1);
		len = MIN(img->cluster_size, DISK_SIZE - at);
		fill(shadow + at, len, rand);
		ck_assert_int_eq(img->driver->pwrite_compressed(img, at, shadow + at, len), 0);
	} else {
		ck_assert_int_eq(image_flush(img), 0);
	}
}

static void snapshot(struct image *img, const char *name)
{
	struct image_snapshot sn = {.name = (char *)(uintptr_t)name, .icount = UINT64_MAX};

	must(img->driver->snapshot_create(img, &sn));
}

START_TEST(random_work_is_kept)
{
	char *path = temp_image(0);
	GRand *rand = g_rand_new_with_seed((guint32)_i);
	uint8_t *shadow = g_malloc0(DISK_SIZE), *saved = g_malloc0(DISK_SIZE);

	create(path, kinds[_i], NULL);
	struct image *img = open_image(path);
	for (unsigned int i = 0; i < 400; i++) {
		one_step(img, shadow, rand);
		if (i == 100 && has_snapshots((unsigned int)_i)) {
			snapshot(img, "one");
			memcpy(saved, shadow, DISK_SIZE);
		}
		if (i % 100 == 99) {
			image_flush(img);
			check(img);
			compare(img, shadow);
			ck_assert_int_eq(image_close(img), 0);
			img = open_image(path);
			compare(img, shadow);
		}
	}
	if (has_snapshots((unsigned int)_i)) {
		snapshot(img, "two");
		check(img);
		must(img->driver->snapshot_goto(img, "one"));
		compare(img, saved);
		check(img);
		for (unsigned int i = 0; i < 50; i++)
			one_step(img, saved, rand);
		must(img->driver->snapshot_delete(img, "one"));
		check(img);
		compare(img, saved);
		must(img->driver->snapshot_goto(img, "two"));
		compare(img, shadow);
		must(img->driver->snapshot_delete(img, "two"));
		check(img);
		compare(img, shadow);
	}
	image_close(img);
	g_rand_free(rand);
	g_free(shadow);
	g_free(saved);
	unlink(path);
	g_free(path);
}
END_TEST

START_TEST(backing_shows_through)
{
	char *base = temp_image(DISK_SIZE - 1024), *path = temp_image(0);
	GRand *rand = g_rand_new_with_seed(7);
	uint8_t *shadow = g_malloc0(DISK_SIZE);
	struct image *img;

	must(image_open(base, "raw", IMAGE_RDWR, &img));
	fill(shadow, DISK_SIZE - 1024, rand);
	ck_assert_int_eq(image_pwrite(img, 0, shadow, DISK_SIZE - 1024), 0);
	image_close(img);
	create(path, "compat=1.1", base);
	img = open_image(path);
	ck_assert_ptr_nonnull(img->backing);
	for (unsigned int i = 0; i < 200; i++)
		one_step(img, shadow, rand);
	image_flush(img);
	compare(img, shadow);
	check(img);
	image_close(img);
	g_free(shadow);
	g_rand_free(rand);
	unlink(base);
	unlink(path);
	g_free(base);
	g_free(path);
}
END_TEST

START_TEST(snapshot_mode_leaves_the_base_alone)
{
	char *base = temp_image(65536), buf[512], back[512];
	struct image *img;

	must(image_open(base, "raw", 0, &img));
	must(image_open_snapshot(img, 0, &img));
	memset(buf, 7, sizeof(buf));
	ck_assert_int_eq(image_pwrite(img, 1024, buf, 512), 0);
	ck_assert_int_eq(image_pread(img, 1024, back, 512), 0);
	ck_assert_mem_eq(buf, back, 512);
	image_close(img);
	must(image_open(base, "raw", 0, &img));
	ck_assert_int_eq(image_pread(img, 1024, back, 512), 0);
	ck_assert(buffer_is_zero(back, 512));
	image_close(img);
	unlink(base);
	g_free(base);
}
END_TEST

START_TEST(sizes_change)
{
	char *path = temp_image(0), buf[512];
	struct image *img;

	create(path, "", NULL);
	img = open_image(path);
	memset(buf, 9, sizeof(buf));
	ck_assert_int_eq(image_pwrite(img, DISK_SIZE - 512, buf, 512), 0);
	must(image_truncate(img, UINT64_C(8) << 30, NULL));
	ck_assert_int_eq(image_pwrite(img, (UINT64_C(8) << 30) - 512, buf, 512), 0);
	image_flush(img);
	check(img);
	must(image_truncate(img, DISK_SIZE - 65536, NULL));
	check(img);
	must(image_truncate(img, DISK_SIZE, NULL));
	ck_assert_int_eq(image_pread(img, DISK_SIZE - 512, buf, 512), 0);
	ck_assert(buffer_is_zero(buf, 512));
	check(img);
	image_close(img);
	unlink(path);
	g_free(path);
}
END_TEST

START_TEST(tables_longer_than_a_block_counts)
{
	char *path = temp_image(0), buf[512];
	struct image *img;

	create(path, "cluster_size=512,refcount_bits=64", NULL);
	img = open_image(path);
	memset(buf, 9, sizeof(buf));
	must(image_truncate(img, UINT64_C(1) << 30, NULL));
	for (uint64_t at = 0; at < UINT64_C(1) << 30; at += 10000384)
		ck_assert_int_eq(image_pwrite(img, at & ~511ull, buf, 512), 0);
	image_flush(img);
	check(img);
	image_close(img);
	img = open_image(path);
	check(img);
	image_close(img);
	unlink(path);
	g_free(path);
}
END_TEST

static Suite *qcow2_suite(void)
{
	Suite *s = suite_create("qcow2");
	TCase *tc = tcase_create("qcow2");

	tcase_set_timeout(tc, 60);
	tcase_add_loop_test(tc, random_work_is_kept, 0, G_N_ELEMENTS(kinds));
	tcase_add_test(tc, backing_shows_through);
	tcase_add_test(tc, snapshot_mode_leaves_the_base_alone);
	tcase_add_test(tc, sizes_change);
	tcase_add_test(tc, tables_longer_than_a_block_counts);
	suite_add_tcase(s, tc);
	return s;
}

CHECK_MAIN(qcow2_suite)
