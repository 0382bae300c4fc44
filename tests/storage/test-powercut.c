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

#include "storage/image.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FILE_MAX  (16u << 20)
#define DISK_SIZE (1u << 20)
#define SECTORS	  (DISK_SIZE / 512)

struct pending {
	uint64_t offset;
	uint8_t data[512];
};

struct cut_file {
	uint8_t *now, *safe;
	uint64_t safe_size;
	GArray *pending; /* struct pending, in order */
	bool live;	 /* cuts may happen */
};

/* What a sector may hold after a cut: the last is what it holds now. */
static GArray *allowed[SECTORS];
static GRand *dice;
static unsigned int cuts_left, cuts_done, leaks_seen;
static struct image_driver cut_driver;

static void must(struct error *err)
{
	if (err)
		ck_abort_msg("%s", err->message);
}

static struct image *file_over(uint8_t *bytes, uint64_t size)
{
	struct image *img = g_new0(struct image, 1);
	struct cut_file *f = g_new0(struct cut_file, 1);

	img->driver = &cut_driver;
	img->state = f;
	img->filename = g_strdup("cut");
	img->flags = IMAGE_RDWR;
	img->zero_init = true;
	img->size = size;
	f->now = bytes;
	return img;
}

/* --- the cut --- */

static uint32_t stamp_of(const uint8_t *sector)
{
	uint32_t stamp;

	memcpy(&stamp, sector, 4);
	for (unsigned int i = 4; i < 512; i += 4)
		if (memcmp(sector + i, &stamp, 4))
			ck_abort_msg("a sector of the disk is torn");
	return stamp;
}

static void verify_disk(struct image *img)
{
	static uint8_t disk[DISK_SIZE];
	struct image_check r = {.out = stderr};

	ck_assert_int_eq(image_pread(img, 0, disk, DISK_SIZE), 0);
	for (unsigned int s = 0; s < SECTORS; s++) {
		uint32_t stamp = stamp_of(disk + 512 * s);
		bool known = false;
		for (unsigned int i = 0; i < allowed[s]->len && !known; i++)
			known = g_array_index(allowed[s], uint32_t, i) == stamp;
		if (!known)
			ck_abort_msg("sector %u holds %u, not one of %u values (cut %u)", s, stamp,
				     allowed[s]->len, cuts_done);
	}
	r.out = NULL;
	must(img->driver->check(img, 0, &r));
	if (r.corruptions) {
		struct image_check again = {.out = stderr};
		error_free(img->driver->check(img, 0, &again));
		ck_abort_msg("%u corruptions after cut %u", (unsigned int)r.corruptions, cuts_done);
	}
	leaks_seen += r.leaks != 0;
}

static void cut(struct image *file)
{
	struct cut_file *f = file->state;
	uint8_t *bytes = g_memdup2(f->safe, FILE_MAX);
	uint64_t size = f->safe_size;
	/* everything, nothing, or a choice */
	unsigned int chance = (unsigned int)g_rand_int_range(dice, 0, 5) * 25;

	for (unsigned int i = 0; i < f->pending->len; i++) {
		struct pending *p = &g_array_index(f->pending, struct pending, i);
		if ((unsigned int)g_rand_int_range(dice, 0, 100) >= chance)
			continue;
		memcpy(bytes + p->offset, p->data, 512);
		size = MAX(size, p->offset + 512);
	}
	struct image *img;
	cuts_left--;
	cuts_done++;
	must(image_open_on(file_over(bytes, size), "qcow2", IMAGE_RDWR, &img));
	verify_disk(img);
	image_close(img);
	g_free(bytes);
}

static void maybe_cut(struct image *file)
{
	struct cut_file *f = file->state;

	if (f->live && cuts_left && g_rand_int_range(dice, 0, 12) == 0)
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
	for (uint64_t s = offset & ~511ull; s < offset + len; s += 512) {
		struct pending p = {.offset = s};
		memcpy(p.data, f->now + s, 512);
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
		memcpy(f->safe + p->offset, p->data, 512);
	}
	f->safe_size = img->size;
	g_array_set_size(f->pending, 0);
	return 0;
}

static struct image_driver cut_driver = {
	.name = "cut",
	.protocol = "cut:",
	.growable = true,
	.pread = cut_pread,
	.pwrite = cut_pwrite,
	.flush = cut_flush,
};

/* --- the workload --- */

static uint32_t stamps;

static void allow(unsigned int sector, uint32_t stamp)
{
	g_array_append_val(allowed[sector], stamp);
}

static uint32_t current(unsigned int sector)
{
	return g_array_index(allowed[sector], uint32_t, allowed[sector]->len - 1);
}

static void all_flushed(void)
{
	for (unsigned int s = 0; s < SECTORS; s++) {
		uint32_t now = current(s);
		g_array_set_size(allowed[s], 0);
		allow(s, now);
	}
}

static void write_sectors(struct image *img, unsigned int first, unsigned int n)
{
	uint8_t *buf = g_malloc(n * 512);

	for (unsigned int i = 0; i < n; i++) {
		uint32_t stamp = ++stamps;
		for (unsigned int j = 0; j < 512; j += 4)
			memcpy(buf + 512 * i + j, &stamp, 4);
		allow(first + i, stamp);
	}
	ck_assert_int_eq(image_pwrite(img, first * 512ull, buf, n * 512), 0);
	g_free(buf);
}

static void zero_sectors(struct image *img, unsigned int first, unsigned int n, bool discard)
{
	/* A discard rounds to clusters: what it leaves out keeps its bytes, and may keep them. */
	if (discard) {
		unsigned int per = img->cluster_size / 512;
		first = (first + per - 1) / per * per;
		n = n / per * per;
		if (first + n > SECTORS || !n)
			return;
	}
	for (unsigned int i = 0; i < n; i++)
		allow(first + i, 0);
	if (discard)
		ck_assert_int_eq(image_discard(img, first * 512ull, n * 512), 0);
	else
		ck_assert_int_eq(image_write_zeroes(img, first * 512ull, n * 512, IMAGE_UNMAP), 0);
}

struct saved {
	char name[16];
	uint32_t stamps[SECTORS];
};

static void snapshot_step(struct image *img, GPtrArray *saved)
{
	struct saved *s;
	unsigned int what = (unsigned int)g_rand_int_range(dice, 0, 3);

	if (!saved->len || (what == 0 && saved->len < 4)) {
		s = g_new0(struct saved, 1);
		g_snprintf(s->name, sizeof(s->name), "s%u", ++stamps);
		for (unsigned int i = 0; i < SECTORS; i++)
			s->stamps[i] = current(i);
		struct image_snapshot sn = {.name = s->name, .icount = UINT64_MAX};
		must(img->driver->snapshot_create(img, &sn));
		g_ptr_array_add(saved, s);
		all_flushed();
		return;
	}
	unsigned int i = (unsigned int)g_rand_int_range(dice, 0, (gint32)saved->len);
	s = g_ptr_array_index(saved, i);
	if (what == 1) {
		for (unsigned int k = 0; k < SECTORS; k++)
			allow(k, s->stamps[k]);
		must(img->driver->snapshot_goto(img, s->name));
	} else {
		must(img->driver->snapshot_delete(img, s->name));
		g_ptr_array_remove_index(saved, i);
	}
	all_flushed();
}

static void step(struct image *img, GPtrArray *saved, bool snapshots)
{
	unsigned int first = (unsigned int)g_rand_int_range(dice, 0, SECTORS);
	unsigned int n = (unsigned int)g_rand_int_range(dice, 1, 40);
	unsigned int what = (unsigned int)g_rand_int_range(dice, 0, 20);

	n = MIN(n, SECTORS - first);
	if (what < 12) {
		write_sectors(img, first, n);
	} else if (what < 14) {
		zero_sectors(img, first, n, false);
	} else if (what < 16) {
		zero_sectors(img, first, n, true);
	} else if (what < 19 || !snapshots) {
		ck_assert_int_eq(image_flush(img), 0);
		all_flushed();
	} else {
		snapshot_step(img, saved);
	}
}

static void make_image(const char *options, struct image **file)
{
	struct image_create c;
	char *path = g_strdup("/tmp/ratite-cut-XXXXXX");
	gchar *bytes;
	gsize len;

	close(g_mkstemp(path));
	image_create_init(&c, image_driver_find("qcow2"), path);
	must(image_create_parse(&c, options));
	must(image_create(&c));
	image_create_clear(&c);
	ck_assert(g_file_get_contents(path, &bytes, &len, NULL));
	unlink(path);
	uint8_t *now = g_malloc0(FILE_MAX);
	memcpy(now, bytes, len);
	*file = file_over(now, len);
	struct cut_file *f = (*file)->state;
	f->safe = g_memdup2(now, FILE_MAX);
	f->safe_size = len;
	f->pending = g_array_new(FALSE, FALSE, sizeof(struct pending));
	g_free(bytes);
	g_free(path);
}

static const struct {
	const char *options;
	bool snapshots;
} kinds[] = {
	{"size=1M,cluster_size=4096", true},
	{"size=1M,cluster_size=512", true},
	{"size=1M,compat=0.10,cluster_size=4096", false},
	{"size=1M,cluster_size=65536,lazy_refcounts=on", true},
	{"size=1M,cluster_size=1024,refcount_bits=1", false},
};

START_TEST(cuts_lose_nothing)
{
	const char *env = getenv("CUTS");
	unsigned int total = env ? (unsigned int)atoi(env) : 2000;

	dice = g_rand_new_with_seed((guint32)_i + 1);
	cuts_left = total / G_N_ELEMENTS(kinds);
	while (cuts_left) {
		struct image *file, *img;
		GPtrArray *saved = g_ptr_array_new_with_free_func(g_free);
		for (unsigned int s = 0; s < SECTORS; s++) {
			allowed[s] = g_array_new(FALSE, FALSE, 4);
			allow(s, 0);
		}
		make_image(kinds[_i].options, &file);
		must(image_open_on(file, "qcow2", IMAGE_RDWR, &img));
		((struct cut_file *)file->state)->live = true;
		for (unsigned int i = 0; i < 300 && cuts_left; i++)
			step(img, saved, kinds[_i].snapshots);
		((struct cut_file *)file->state)->live = false;
		struct cut_file *f = file->state;
		uint8_t *now = f->now, *safe = f->safe;
		GArray *pending = f->pending;
		image_close(img);
		g_free(now);
		g_free(safe);
		g_array_free(pending, TRUE);
		g_ptr_array_free(saved, TRUE);
		for (unsigned int s = 0; s < SECTORS; s++)
			g_array_free(allowed[s], TRUE);
	}
}
END_TEST

static Suite *powercut_suite(void)
{
	Suite *s = suite_create("powercut");
	TCase *tc = tcase_create("powercut");

	tcase_set_timeout(tc, 3600);
	tcase_add_loop_test(tc, cuts_lose_nothing, 0, G_N_ELEMENTS(kinds));
	suite_add_tcase(s, tc);
	return s;
}

CHECK_MAIN(powercut_suite)
