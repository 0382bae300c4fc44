/*
 * Hostile images: opens the input as FORMAT, reads, maps, checks and writes it. Images whose text
 * may name other files of the host (vmdk) are opened read-only.
 */
#include "storage/image.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

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

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct image_check check = {0};
	char path[64];
	struct image *img;
	int fd = memfd_create("image", MFD_CLOEXEC);
	unsigned int flags = IMAGE_NO_BACKING | IMAGE_NO_LOCK;

	if (fd < 0 || write(fd, data, size) != (ssize_t)size)
		return 0;
	g_snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	if (strcmp(FORMAT, "vmdk"))
		flags |= IMAGE_RDWR;
	struct error *err = image_open(path, FORMAT, flags, &img);
	if (err && err->code == EACCES) {
		error_free(err);
		err = image_open(path, FORMAT, flags & ~(unsigned int)IMAGE_RDWR, &img);
	}
	if (err) {
		error_free(err);
	} else {
		if (img->key_missing)
			error_free(img->driver->set_key(img, "key"));
		look(img);
		if (img->driver->check && img->file->size < 64 << 20)
			error_free(img->driver->check(img, size & 1 ? 3 : 0, &check));
		change(img);
		snapshots(img);
		look(img);
		image_close(img);
	}
	close(fd);
	return 0;
}
