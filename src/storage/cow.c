/*
 * COW images of User Mode Linux, version 2: a bitmap of the sectors that differ from the backing
 * file. Header, big endian: 0 "OOOM"  4 version  8 backing name (1024)  1032 mtime  1040 size
 * 1048 sector size; 1056 bitmap, then the sectors where they are on the disk.
 */
#include "storage/cluster-io.h"
#include "storage/drivers.h"

#include "base/bytes.h"

#include <errno.h>
#include <string.h>

#define COW_MAGIC     0x4f4f4f4du
#define COW_HEADER    1056u
#define COW_MAX_BYTES (64u << 20) /* of bitmap: 256 GiB of disk */

struct cow {
	struct cluster_io io;
	uint8_t *bitmap;
	uint64_t data;
};

static int cow_probe(const uint8_t *head, size_t len, const char *filename)
{
	return len >= 8 && load_be32(head) == COW_MAGIC && load_be32(head + 4) == 2 ? 100 : 0;
}

static int cow_find(struct image *img, uint64_t index, struct cluster_place *p)
{
	struct cow *c = img->state;

	/* The bitmap covers the disk; the run that asks may look one sector further. */
	bool here = index < img->size / 512 && (c->bitmap[index / 8] >> (index % 8) & 1);
	p->kind = here ? CLUSTER_DATA : CLUSTER_ABSENT;
	p->offset = c->data + index * 512;
	return 0;
}

static int cow_allocate(struct image *img, uint64_t index, struct cluster_place *p)
{
	struct cow *c = img->state;

	p->offset = c->data + index * 512;
	return 0;
}

static int cow_enter(struct image *img, uint64_t index, const struct cluster_place *p)
{
	struct cow *c = img->state;

	c->bitmap[index / 8] |= (uint8_t)(1 << (index % 8));
	return image_pwrite(img->file, COW_HEADER + index / 8, &c->bitmap[index / 8], 1);
}

static const struct cluster_ops cow_ops = {cow_find, NULL, cow_allocate, cow_enter};

static struct error *cow_open(struct image *img)
{
	struct cow *c = img->state;
	uint8_t h[COW_HEADER];
	int e = image_pread_padded(img->file, 0, h, sizeof(h));

	if (e)
		return error_errno(e, "Could not read the header");
	if (load_be32(h) != COW_MAGIC || load_be32(h + 4) != 2)
		return error_new("Image not in cow format");
	img->size = load_be64(h + 1040) & ~UINT64_C(511);
	uint64_t bytes = (img->size / 512 + 7) / 8;
	if (img->size > IMAGE_MAX_SIZE || bytes > COW_MAX_BYTES)
		return error_new("cow: the disk is too large");
	if (bytes > img->file->size)
		return error_new("cow: the bitmap lies behind the end of the file");
	h[8 + 1023] = 0;
	if (h[8])
		img->backing_file = g_strdup((char *)h + 8);
	c->data = (COW_HEADER + bytes + 511) & ~UINT64_C(511);
	c->bitmap = g_malloc0(bytes + 1);
	cluster_io_init(img, &cow_ops, 512);
	e = image_pread_padded(img->file, COW_HEADER, c->bitmap, bytes);
	if (e) {
		g_free(c->bitmap);
		return error_errno(e, "Could not read the bitmap");
	}
	return NULL;
}

static void cow_close(struct image *img)
{
	cluster_io_clear(img);
	g_free(((struct cow *)img->state)->bitmap);
}

static const struct image_opt cow_options[] = {
	{"size", "Virtual disk size", OPT_SIZE, NULL},
	{"backing_file", "File name of a base image", OPT_STRING, NULL},
	{"backing_fmt", "Format of the backing image", OPT_STRING, NULL},
	{NULL, NULL, 0, NULL},
};

static struct error *cow_create(struct image_create *c)
{
	const char *backing = image_create_str(c, "backing_file");
	uint8_t h[COW_HEADER] = {0};
	struct image *file;
	uint64_t size;
	struct error *err = image_create_size(c, "size", 0, &size);

	if (!err && size / 4096 > COW_MAX_BYTES)
		err = error_errno(EFBIG, "cow: the disk is too large");
	if (!err && backing && strlen(backing) > 1023)
		err = error_new("Backing file name is longer than 1023 bytes");
	if (err)
		return err;
	store_be32(h, COW_MAGIC);
	store_be32(h + 4, 2);
	if (backing)
		strcpy((char *)h + 8, backing);
	store_be64(h + 1040, size);
	store_be32(h + 1048, 512);
	uint64_t bytes = (size / 512 + 7) / 8;
	err = image_create_file(c->filename, (COW_HEADER + bytes + 511) & ~UINT64_C(511), &file);
	if (err)
		return err;
	int e = image_pwrite(file, 0, h, sizeof(h));
	int closed = image_close(file);
	return e || closed ? error_errno(e ? e : closed, "Could not write the image") : NULL;
}

const struct image_driver cow_driver = {
	.name = "cow",
	.help = "copy on write of User Mode Linux",
	.supports_backing = true,
	.state_size = sizeof(struct cow),
	.create_options = cow_options,
	.probe = cow_probe,
	.open = cow_open,
	.close = cow_close,
	.create = cow_create,
	.pread = cluster_pread,
	.pwrite = cluster_pwrite,
	.map = cluster_map,
};
