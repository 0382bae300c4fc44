/*
 * COW images of User Mode Linux: a bitmap of the sectors that differ from the backing file, then
 * the sectors where they are on the disk. Headers, big endian: 0 "OOOM"  4 version, and then what
 * `layouts` says. Version 2 was written as the compiler laid a struct out, by QEMU with shorter
 * names than by UML; version 3 (arch/um/drivers/cow_user.c) is today's.
 */
#include "storage/cluster-io.h"
#include "storage/drivers.h"

#include "base/bytes.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define COW_MAGIC     0x4f4f4f4du
#define COW_HEADER    4128u	  /* the longest */
#define COW_MAX_BYTES (64u << 20) /* of bitmap: 256 GiB of disk */
#define COW_ALIGN     4096u	  /* of the bitmap and the sectors of version 3 that we make */

struct layout {
	uint32_t version;
	uint32_t backing, backing_len, mtime, size, sector_size;
	uint32_t align;	 /* where the bitmap's alignment is; 0: there is none */
	uint32_t bitmap; /* where it is without one */
};

/* clang-format off */
static const struct layout layouts[] = {
	/* version    backing  mtime  size  sector  align  bitmap */
	{2,    8, 1024,  1032, 1040, 1048,  0, 1056}, /* QEMU on hosts of 64 bits: what we make */
	{2,    8, 1024,  1032, 1036, 1044,  0, 1048}, /* QEMU on hosts of 32 bits */
	{2,    8, 4096,  4104, 4108, 4116,  0, 4120}, /* UML */
	{3,   32, 4096,     8,   12,   20, 24, 4128},
};
/* clang-format on */
#define LAYOUT_QEMU (&layouts[0])
#define LAYOUT_V3   (&layouts[3])

struct cow {
	struct cluster_io io;
	const struct layout *layout;
	uint8_t *bitmap;
	uint64_t bitmap_at, data;
};

static uint64_t bitmap_bytes(uint64_t size)
{
	return (size / SECTOR_SIZE + 7) / 8;
}

static uint64_t round_up(uint64_t n, uint64_t align)
{
	return (n + align - 1) / align * align;
}

/* Places in an image of that layout and size; `align` is what the header says. */
static void places(const struct layout *l, uint64_t size, uint64_t align, uint64_t *bitmap,
		   uint64_t *data)
{
	uint64_t a = l->align ? align : SECTOR_SIZE;

	*bitmap = l->align ? round_up(l->bitmap, a) : l->bitmap;
	*data = round_up(*bitmap + bitmap_bytes(size), a);
}

/* Which layout a header has: the one that puts sectors of 512 bytes where they must be said. */
static const struct layout *layout_of(const uint8_t *h, size_t len)
{
	if (len < 8 || load_be32(h) != COW_MAGIC)
		return NULL;
	for (unsigned int i = 0; i < G_N_ELEMENTS(layouts); i++) {
		const struct layout *l = &layouts[i];
		uint64_t size = l->bitmap <= len ? load_be64(h + l->size) : 0;
		uint32_t align =
			l->align && l->bitmap <= len ? load_be32(h + l->align) : SECTOR_SIZE;
		if (load_be32(h + 4) == l->version && size && size <= IMAGE_MAX_SIZE &&
		    load_be32(h + l->sector_size) == SECTOR_SIZE && align && align <= 1 << 20)
			return l;
	}
	return NULL;
}

static int cow_probe(const uint8_t *head, size_t len, const char *filename)
{
	uint32_t version = len >= 8 && load_be32(head) == COW_MAGIC ? load_be32(head + 4) : 0;

	return version == 2 || version == 3 ? 100 : 0;
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
	return image_pwrite(img->file, c->bitmap_at + index / 8, &c->bitmap[index / 8], 1);
}

static const struct cluster_ops cow_ops = {cow_find, NULL, cow_allocate, cow_enter};

static struct error *cow_open(struct image *img)
{
	struct cow *c = img->state;
	uint8_t h[COW_HEADER + 1];
	int e = image_pread_padded(img->file, 0, h, COW_HEADER);

	if (e)
		return error_errno(e, "Could not read the header");
	const struct layout *l = c->layout = layout_of(h, COW_HEADER);
	if (!l)
		return error_new("Image not in cow format");
	img->size = load_be64(h + l->size) & ~UINT64_C(511);
	uint64_t bytes = bitmap_bytes(img->size);
	if (bytes > COW_MAX_BYTES)
		return error_new("cow: the disk is too large");
	if (l->align && load_be32(h + l->align + 4))
		return error_new("cow: unknown kind of image %u", load_be32(h + l->align + 4));
	places(l, img->size, l->align ? load_be32(h + l->align) : 0, &c->bitmap_at, &c->data);
	if (c->bitmap_at + bytes > img->file->size)
		return error_new("cow: the bitmap lies behind the end of the file");
	h[l->backing + l->backing_len - 1] = 0;
	if (h[l->backing])
		img->backing_file = g_strdup((char *)h + l->backing);
	c->bitmap = g_malloc0(bytes + 1);
	cluster_io_init(img, &cow_ops, SECTOR_SIZE);
	e = image_pread_padded(img->file, c->bitmap_at, c->bitmap, bytes);
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
	{"version", "2: of QEMU; 3: of User Mode Linux, with an absolute name of the base image",
	 OPT_NUMBER, "2"},
	{NULL, NULL, 0, NULL},
};

/* UML compares the time with that of the backing file when it opens the image. */
static struct error *put_backing(uint8_t *h, const struct layout *l, const char *backing)
{
	char *path = l->version == 3 ? realpath(backing, NULL) : strdup(backing);
	struct stat st;
	struct error *err = NULL;

	if (!path)
		return error_errno(errno, "Could not find the backing file '%s'", backing);
	if (strlen(path) >= l->backing_len)
		err = error_new("Backing file name is longer than %u bytes", l->backing_len - 1);
	else
		strcpy((char *)h + l->backing, path);
	if (!err && !stat(path, &st))
		store_be32(h + l->mtime, (uint32_t)st.st_mtime);
	free(path);
	return err;
}

static struct error *cow_create(struct image_create *c)
{
	const char *backing = image_create_str(c, "backing_file");
	const char *version = image_create_str(c, "version");
	const struct layout *l = version && !strcmp(version, "3") ? LAYOUT_V3 : LAYOUT_QEMU;
	uint8_t h[COW_HEADER] = {0};
	uint64_t size, bitmap, data;
	struct image *file;
	struct error *err = image_create_size(c, "size", 0, &size);

	if (!err && version && l == LAYOUT_QEMU && strcmp(version, "2"))
		err = error_new("Invalid version '%s': 2 or 3", version);
	if (!err && !size)
		err = error_new("cow: a disk has at least one sector of %u", SECTOR_SIZE);
	if (!err && size / 4096 > COW_MAX_BYTES)
		err = error_errno(EFBIG, "cow: the disk is too large");
	if (!err && backing)
		err = put_backing(h, l, backing);
	if (err)
		return err;
	store_be32(h, COW_MAGIC);
	store_be32(h + 4, l->version);
	store_be64(h + l->size, size);
	store_be32(h + l->sector_size, SECTOR_SIZE);
	if (l->align)
		store_be32(h + l->align, COW_ALIGN);
	places(l, size, COW_ALIGN, &bitmap, &data);
	err = image_create_file(c->filename, data, &file);
	if (err)
		return err;
	int e = image_pwrite(file, 0, h, l->bitmap);
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
