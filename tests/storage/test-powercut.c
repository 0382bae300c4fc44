/*
 * Power cuts: qcow2 over a file that forgets, reorders and tears what was not flushed.
 *
 * The file keeps what is safe (flushed) and the writes since. A cut makes a disk of the safe bytes
 * and a random choice of the later sector writes; that disk must open, hold no corruption once it
 * is repaired as every opening does it, and every sector must read as it was at the last flush or
 * as it was written since. Cuts happen within operations: at any write or flush that the driver
 * makes. CUTS=n sets how many.
 */
#include "../check-main.h"
#include "stamp-disk.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define FILE_MAX (16u << 20)

struct pending {
	uint64_t offset;
	uint8_t data[SECTOR_SIZE];
};

struct cut_file {
	struct stamp_disk *disk;
	uint8_t *now, *safe;
	uint64_t safe_size;
	GArray *pending; /* struct pending, in order */
	bool live;	 /* cuts may happen */
};

static unsigned int cuts_left, cuts_done, cuts_with_leaks;
static const struct image_driver cut_driver;

static struct image *file_over(struct stamp_disk *d, uint8_t *bytes, uint64_t size)
{
	struct cut_file *f = g_new0(struct cut_file, 1);

	f->disk = d;
	f->now = bytes;
	return node_over(&cut_driver, f, size);
}

/* --- the cut --- */

static void cut(struct image *file)
{
	struct cut_file *f = file->state;
	GRand *dice = f->disk->dice;
	uint8_t *bytes = g_memdup2(f->safe, FILE_MAX);
	uint64_t size = f->safe_size;
	/* everything, nothing, or a choice */
	unsigned int chance = (unsigned int)g_rand_int_range(dice, 0, 5) * 25;
	char when[32];

	for (unsigned int i = 0; i < f->pending->len; i++) {
		struct pending *p = &g_array_index(f->pending, struct pending, i);
		if ((unsigned int)g_rand_int_range(dice, 0, 100) >= chance)
			continue;
		memcpy(bytes + p->offset, p->data, SECTOR_SIZE);
		size = MAX(size, p->offset + SECTOR_SIZE);
	}
	struct image *img;
	cuts_left--;
	g_snprintf(when, sizeof(when), "after cut %u", ++cuts_done);
	must(image_open_on(file_over(f->disk, bytes, size), "qcow2", IMAGE_RDWR, &img));
	cuts_with_leaks += stamp_disk_verify(f->disk, img, when);
	image_close(img);
	g_free(bytes);
}

static void maybe_cut(struct image *file)
{
	struct cut_file *f = file->state;

	if (f->live && cuts_left && g_rand_int_range(f->disk->dice, 0, 12) == 0)
		cut(file);
}
/* --- the file --- */

static int cut_pread(struct image *img, uint64_t offset, void *buf, size_t len)
{
	memcpy(buf, ((struct cut_file *)img->state)->now + offset, len);
	return 0;
}

static int cut_pwrite(struct image *img, uint64_t offset, const void *buf, size_t len)
{
	struct cut_file *f = img->state;

	if (offset + len > FILE_MAX)
		return ENOSPC;
	maybe_cut(img);
	memcpy(f->now + offset, buf, len);
	img->size = MAX(img->size, offset + len);
	if (!f->live)
		return 0;
	for (uint64_t s = offset & ~511ull; s < offset + len; s += SECTOR_SIZE) {
		struct pending p = {.offset = s};
		memcpy(p.data, f->now + s, SECTOR_SIZE);
		g_array_append_val(f->pending, p);
	}
	return 0;
}

static int cut_flush(struct image *img)
{
	struct cut_file *f = img->state;

	if (!f->live)
		return 0;
	maybe_cut(img);
	for (unsigned int i = 0; i < f->pending->len; i++) {
		struct pending *p = &g_array_index(f->pending, struct pending, i);
		memcpy(f->safe + p->offset, p->data, SECTOR_SIZE);
	}
	f->safe_size = img->size;
	g_array_set_size(f->pending, 0);
	return 0;
}

static const struct image_driver cut_driver = {
	.name = "cut",
	.protocol = "cut:",
	.growable = true,
	.pread = cut_pread,
	.pwrite = cut_pwrite,
	.flush = cut_flush,
};

/* --- the test --- */

static struct image *make_file(struct stamp_disk *d, const struct stamp_kind *kind)
{
	uint64_t size;
	uint8_t *now = stamp_kind_image(kind, FILE_MAX, &size);
	struct image *file = file_over(d, now, size);
	struct cut_file *f = file->state;

	f->safe = g_memdup2(now, FILE_MAX);
	f->safe_size = size;
	f->pending = g_array_new(FALSE, FALSE, sizeof(struct pending));
	return file;
}

START_TEST(cuts_lose_nothing)
{
	const char *env = getenv("CUTS");
	unsigned int total = env ? (unsigned int)atoi(env) : 2000;
	GRand *dice = g_rand_new_with_seed((guint32)_i + 1);

	cuts_left = total / STAMP_KINDS;
	while (cuts_left) {
		struct stamp_disk d;
		struct image *img;
		stamp_disk_init(&d, dice, stamp_kinds[_i].snapshots);
		struct image *file = make_file(&d, &stamp_kinds[_i]);
		struct cut_file *f = file->state;
		must(image_open_on(file, "qcow2", IMAGE_RDWR, &img));
		f->live = true;
		for (unsigned int i = 0; i < 300 && cuts_left; i++)
			ck_assert_int_eq(stamp_disk_step(&d, img), 0);
		f->live = false;
		uint8_t *now = f->now, *safe = f->safe;
		GArray *pending = f->pending;
		image_close(img);
		g_free(now);
		g_free(safe);
		g_array_free(pending, TRUE);
		stamp_disk_clear(&d);
	}
	if (env)
		printf("%s: %u cuts, %u with leaks\n", stamp_kinds[_i].options, cuts_done,
		       cuts_with_leaks);
	g_rand_free(dice);
}
END_TEST

static Suite *powercut_suite(void)
{
	Suite *s = suite_create("powercut");
	TCase *tc = tcase_create("powercut");

	tcase_set_timeout(tc, 100000);
	tcase_add_loop_test(tc, cuts_lose_nothing, 0, STAMP_KINDS);
	suite_add_tcase(s, tc);
	return s;
}

CHECK_MAIN(powercut_suite)
