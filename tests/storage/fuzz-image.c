/* Hostile images: opens the input as FORMAT, reads, maps, checks and writes it, all in memory. */
#include "memory-file.h"

#include "base/bytes.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
struct error *__wrap_image_open_file(const char *filename, unsigned int flags, struct image **img);

static void look(struct image *img)
{
	static uint8_t buf[8192];
	const uint64_t places[] = {0, 512, 65536, img->size / 2, img->size - MIN(img->size, 4096)};
	struct image_extent e;
	unsigned int depth;

	for (unsigned int i = 0; i < G_N_ELEMENTS(places); i++) {
		uint64_t at = places[i] & ~511ull;
		if (at >= img->size)
			continue;
		size_t n = MIN(sizeof(buf), img->size - at);
		image_pread(img, at, buf, n);
		image_map_chain(img, NULL, at, img->size - at, &e, &depth, NULL);
	}
	GArray *facts = g_array_new(FALSE, FALSE, sizeof(struct image_fact));
	if (img->driver->facts)
		img->driver->facts(img, facts);
	for (unsigned int i = 0; i < facts->len; i++)
		g_free(g_array_index(facts, struct image_fact, i).value);
	g_array_free(facts, TRUE);
}

static void snapshots(struct image *img)
{
	if (!img->driver->snapshot_list)
		return;
	GPtrArray *list = g_ptr_array_new_with_free_func(image_snapshot_free);
	struct image_snapshot sn = {.name = (char *)(uintptr_t)"new", .icount = UINT64_MAX};
	error_free(img->driver->snapshot_list(img, list));
	if (!img->readonly && list->len) {
		struct image_snapshot *first = g_ptr_array_index(list, 0);
		error_free(img->driver->snapshot_create(img, &sn));
		error_free(img->driver->snapshot_goto(img, first->id));
		error_free(img->driver->snapshot_delete(img, first->id));
	}
	g_ptr_array_free(list, TRUE);
}

static void change(struct image *img)
{
	uint8_t buf[5000];

	if (img->readonly)
		return;
	memset(buf, 0xa5, sizeof(buf));
	if (img->size >= sizeof(buf))
		image_pwrite(img, (img->size - sizeof(buf)) & ~511ull, buf, 4608);
	image_pwrite(img, 0, buf, MIN(img->size, 1024));
	image_write_zeroes(img, 0, MIN(img->size, 20000), IMAGE_UNMAP);
	image_discard(img, 0, MIN(img->size, 30000));
	image_flush(img);
}

/* Whatever other file an image names is the image itself. */
struct error *__wrap_image_open_file(const char *filename, unsigned int flags, struct image **img)
{
	*img = memory_file_open(flags);
	return NULL;
}

static struct error *open_input(unsigned int flags, struct image **img)
{
	return image_open_on(memory_file_open(flags), FORMAT, flags | IMAGE_NO_BACKING, img);
}

/* Shortens a table of the input whose length is the big-endian number at `at`. */
static void shorten(struct image *file, uint64_t at, uint32_t max)
{
	uint8_t be[4];

	if (image_pread(file, at, be, sizeof(be)) || load_be32(be) <= max)
		return;
	store_be32(be, load_be32(be) % (max + 1));
	image_pwrite(file, at, be, sizeof(be));
}

/* Long tables of level 1 are legal, and take long: not what is looked for. */
static void shorten_qcow2(struct image *file)
{
	uint8_t head[72], sn[40];
	uint64_t at;

	shorten(file, 36, 2048);
	shorten(file, 60, 8);
	if (image_pread(file, 0, head, sizeof(head)))
		return;
	at = load_be64(head + 64);
	for (uint32_t i = load_be32(head + 60); i && at < MEMORY_FILE_MAX; i--) {
		shorten(file, at + 8, 2048);
		if (image_pread(file, at, sn, sizeof(sn)))
			return;
		at += 40 + (uint64_t)load_be32(sn + 36) + load_be16(sn + 12) + load_be16(sn + 14);
		at = (at + 7) & ~7ull;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct image_check check = {0};
	struct image *img;

	if (size > MEMORY_FILE_MAX / 2)
		return -1;
	memory_file_set(data, size, 0, MEMORY_FILE_MAX);
	struct image *file = memory_file_open(IMAGE_RDWR);
	if (!strcmp(FORMAT, "qcow2"))
		shorten_qcow2(file);
	else if (!strcmp(FORMAT, "cloop"))
		shorten(file, 128, 65536);
	image_close(file);
	struct error *err = open_input(IMAGE_RDWR, &img);
	if (err && err->code == EACCES) {
		error_free(err);
		err = open_input(0, &img);
	}
	if (err) {
		error_free(err);
		return 0;
	}
	if (img->key_missing)
		error_free(img->driver->set_key(img, "key"));
	look(img);
	if (img->driver->check)
		error_free(img->driver->check(img, size & 1 ? 3 : 0, &check));
	change(img);
	snapshots(img);
	look(img);
	image_close(img);
	return 0;
}
