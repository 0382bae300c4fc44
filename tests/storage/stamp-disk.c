#include "stamp-disk.h"

#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct saved_stamps {
	char name[16];
	uint32_t stamps[SECTORS];
};

void must(struct error *err)
{
	if (err)
		ck_abort_msg("%s", err->message);
}

/* --- what may be there --- */

void stamp_disk_init(struct stamp_disk *d, GRand *dice, bool snapshots)
{
	uint32_t none = 0;

	*d = (struct stamp_disk){.dice = dice, .snapshots = snapshots};
	d->saved = g_ptr_array_new_with_free_func(g_free);
	for (unsigned int s = 0; s < SECTORS; s++) {
		d->allowed[s] = g_array_new(FALSE, FALSE, 4);
		g_array_append_val(d->allowed[s], none);
	}
}

void stamp_disk_clear(struct stamp_disk *d)
{
	for (unsigned int s = 0; s < SECTORS; s++)
		g_array_free(d->allowed[s], TRUE);
	g_ptr_array_free(d->saved, TRUE);
}

static void allow(struct stamp_disk *d, unsigned int sector, uint32_t stamp)
{
	g_array_append_val(d->allowed[sector], stamp);
}

static uint32_t current(const struct stamp_disk *d, unsigned int sector)
{
	return g_array_index(d->allowed[sector], uint32_t, d->allowed[sector]->len - 1);
}

static void all_flushed(struct stamp_disk *d)
{
	for (unsigned int s = 0; s < SECTORS; s++) {
		uint32_t now = current(d, s);
		g_array_set_size(d->allowed[s], 0);
		allow(d, s, now);
	}
}

static uint32_t stamp_of(const uint8_t *sector, unsigned int number, const char *when)
{
	uint32_t stamp;

	memcpy(&stamp, sector, 4);
	for (unsigned int i = 4; i < SECTOR_SIZE; i += 4)
		if (memcmp(sector + i, &stamp, 4))
			ck_abort_msg("sector %u is torn %s", number, when);
	return stamp;
}

bool stamp_disk_verify(struct stamp_disk *d, struct image *img, const char *when)
{
	static uint8_t disk[DISK_SIZE];
	struct image_check r = {0};

	ck_assert_int_eq(image_pread(img, 0, disk, DISK_SIZE), 0);
	for (unsigned int s = 0; s < SECTORS; s++) {
		uint32_t stamp = stamp_of(disk + SECTOR_SIZE * s, s, when);
		bool known = false;
		for (unsigned int i = 0; i < d->allowed[s]->len && !known; i++)
			known = g_array_index(d->allowed[s], uint32_t, i) == stamp;
		if (!known)
			ck_abort_msg("sector %u holds %u, not one of %u values, %s", s, stamp,
				     d->allowed[s]->len, when);
	}
	must(img->driver->check(img, 0, &r));
	if (r.corruptions) {
		struct image_check again = {.out = getenv("VERBOSE") ? stderr : NULL};
		error_free(img->driver->check(img, 0, &again));
		ck_abort_msg("%u corruptions %s", (unsigned int)r.corruptions, when);
	}
	return r.leaks != 0;
}

/* --- the workload --- */

/* What fails is done again, as a guest does it after a pause. */
#define TWICE(work)                     \
	({                              \
		int first_try = (work); \
		first_try ? (work) : 0; \
	})

static int write_sectors(struct stamp_disk *d, struct image *img, unsigned int first,
			 unsigned int n)
{
	uint8_t *buf = g_malloc(n * SECTOR_SIZE);

	for (unsigned int i = 0; i < n; i++) {
		uint32_t stamp = ++d->stamps;
		for (unsigned int j = 0; j < SECTOR_SIZE; j += 4)
			memcpy(buf + SECTOR_SIZE * i + j, &stamp, 4);
		allow(d, first + i, stamp);
	}
	int err = TWICE(image_pwrite(img, (uint64_t)first * SECTOR_SIZE, buf, n * SECTOR_SIZE));
	g_free(buf);
	return err;
}

static int zero_sectors(struct stamp_disk *d, struct image *img, unsigned int first, unsigned int n,
			bool discard)
{
	/* A discard rounds to clusters: what it leaves out keeps its bytes, and may keep them. */
	if (discard) {
		unsigned int per = img->cluster_size / SECTOR_SIZE;
		first = (first + per - 1) / per * per;
		n = n / per * per;
		if (first + n > SECTORS || !n)
			return 0;
	}
	for (unsigned int i = 0; i < n; i++)
		allow(d, first + i, 0);
	uint64_t offset = (uint64_t)first * SECTOR_SIZE, len = (uint64_t)n * SECTOR_SIZE;
	return discard ? TWICE(image_discard(img, offset, len))
		       : TWICE(image_write_zeroes(img, offset, len, IMAGE_UNMAP));
}

static int result(struct error *err)
{
	int code = !err ? 0 : err->code ? err->code : EIO;

	error_free(err);
	return code;
}

static int make_snapshot(struct stamp_disk *d, struct image *img)
{
	struct saved_stamps *s = g_new0(struct saved_stamps, 1);

	g_snprintf(s->name, sizeof(s->name), "s%u", ++d->stamps);
	for (unsigned int i = 0; i < SECTORS; i++)
		s->stamps[i] = current(d, i);
	struct image_snapshot sn = {.name = s->name, .icount = UINT64_MAX};
	int err = TWICE(result(img->driver->snapshot_create(img, &sn)));
	if (err) {
		g_free(s);
		return err;
	}
	g_ptr_array_add(d->saved, s);
	all_flushed(d);
	return 0;
}

static int snapshot_step(struct stamp_disk *d, struct image *img)
{
	unsigned int what = (unsigned int)g_rand_int_range(d->dice, 0, 3);

	if (!d->saved->len || (what == 0 && d->saved->len < 4))
		return make_snapshot(d, img);
	unsigned int i = (unsigned int)g_rand_int_range(d->dice, 0, (gint32)d->saved->len);
	struct saved_stamps *s = g_ptr_array_index(d->saved, i);
	int err;
	if (what == 1) {
		for (unsigned int k = 0; k < SECTORS; k++)
			allow(d, k, s->stamps[k]);
		err = TWICE(result(img->driver->snapshot_goto(img, s->name)));
	} else {
		err = TWICE(result(img->driver->snapshot_delete(img, s->name)));
		if (err == ENOENT) /* the first try came that far */
			err = 0;
		g_ptr_array_remove_index(d->saved, i);
	}
	if (!err)
		all_flushed(d);
	return err;
}

int stamp_disk_step(struct stamp_disk *d, struct image *img)
{
	unsigned int first = (unsigned int)g_rand_int_range(d->dice, 0, SECTORS);
	unsigned int n = (unsigned int)g_rand_int_range(d->dice, 1, 40);
	unsigned int what = (unsigned int)g_rand_int_range(d->dice, 0, 20);

	n = MIN(n, SECTORS - first);
	if (what < 12)
		return write_sectors(d, img, first, n);
	if (what < 16)
		return zero_sectors(d, img, first, n, what >= 14);
	if (what == 19 && d->snapshots)
		return snapshot_step(d, img);
	int err = TWICE(image_flush(img));
	if (!err)
		all_flushed(d);
	return err;
}

/* --- images --- */

const struct stamp_kind stamp_kinds[] = {
	{"size=1M,cluster_size=4096", true},
	{"size=1M,cluster_size=512", true},
	{"size=1M,compat=0.10,cluster_size=4096", false},
	{"size=1M,cluster_size=65536,lazy_refcounts=on", true},
	{"size=1M,cluster_size=1024,refcount_bits=1", false},
	{NULL, false},
};
G_STATIC_ASSERT(G_N_ELEMENTS(stamp_kinds) == STAMP_KINDS + 1);

uint8_t *stamp_kind_image(const struct stamp_kind *kind, size_t room, uint64_t *size)
{
	struct image_create c;
	char *path = g_strdup("/tmp/ratite-stamps-XXXXXX");
	gchar *bytes;
	gsize len;

	close(g_mkstemp(path));
	image_create_init(&c, image_driver_find("qcow2"), path);
	must(image_create_parse(&c, kind->options));
	must(image_create(&c));
	image_create_clear(&c);
	ck_assert(g_file_get_contents(path, &bytes, &len, NULL));
	unlink(path);
	g_free(path);
	uint8_t *all = g_malloc0(room);
	memcpy(all, bytes, len);
	g_free(bytes);
	*size = len;
	return all;
}

struct image *node_over(const struct image_driver *driver, void *state, uint64_t size)
{
	struct image *img = g_new0(struct image, 1);

	img->driver = driver;
	img->state = state;
	img->filename = g_strdup(driver->name);
	img->flags = IMAGE_RDWR;
	img->zero_init = true;
	img->size = size;
	return img;
}
