/*
 * Parallels disk images, format version 2. Header, little endian: 0 magic  16 version  20 heads
 * 24 cylinders  28 sectors a cluster  32 table entries  36 sectors  44 in use  48 first data sector
 * 64 table. "WithoutFreeSpace" counts the table in sectors, "WithouFreSpacExt" in clusters.
 */
#include "storage/cluster-io.h"
#include "storage/drivers.h"

#include "base/bytes.h"

#include <errno.h>
#include <string.h>

#define PARALLELS_TABLE	    64u
#define PARALLELS_MAX_TABLE (32u << 20)
#define PARALLELS_IN_USE    0x746f6e59u
#define DEFAULT_CLUSTER	    (1u << 20)

struct parallels {
	struct cluster_io io;
	uint32_t *table;
	uint32_t entries, unit; /* unit: sectors that a table entry counts */
	uint64_t data_start;
};

static const char magic_old[] = "WithoutFreeSpace", magic_ext[] = "WithouFreSpacExt";

static int parallels_probe(const uint8_t *head, size_t len, const char *filename)
{
	return len >= PARALLELS_TABLE &&
			       (!memcmp(head, magic_old, 16) || !memcmp(head, magic_ext, 16)) &&
			       load_le32(head + 16) == 2
		       ? 100
		       : 0;
}

static int parallels_find(struct image *img, uint64_t index, struct cluster_place *p)
{
	struct parallels *s = img->state;
	uint32_t entry = index < s->entries ? load_le32(&s->table[index]) : 0;

	p->kind = entry ? CLUSTER_DATA : CLUSTER_ABSENT;
	p->offset = (uint64_t)entry * s->unit * 512;
	return 0;
}

static int parallels_allocate(struct image *img, uint64_t index, struct cluster_place *p)
{
	struct parallels *s = img->state;
	uint64_t align = s->unit * 512ull;
	int err;

	if (index >= s->entries)
		return EIO;
	if (img->file->size < s->data_start) {
		err = image_write_zeroes(img->file, img->file->size,
					 s->data_start - img->file->size, 0);
		if (err)
			return err;
	}
	err = cluster_append(img, MAX(align, 512), s->io.size, &p->offset);
	return !err && p->offset / align > UINT32_MAX ? EFBIG : err;
}

static int parallels_enter(struct image *img, uint64_t index, const struct cluster_place *p)
{
	struct parallels *s = img->state;

	store_le32(&s->table[index], (uint32_t)(p->offset / 512 / s->unit));
	return image_pwrite(img->file, PARALLELS_TABLE + 4 * index, &s->table[index], 4);
}

static const struct cluster_ops parallels_ops = {parallels_find, NULL, parallels_allocate,
						 parallels_enter};

static struct error *parse_header(struct image *img, const uint8_t *h)
{
	struct parallels *s = img->state;
	bool ext = !memcmp(h, magic_ext, 16);
	uint32_t tracks = load_le32(h + 28);

	if ((!ext && memcmp(h, magic_old, 16)) || load_le32(h + 16) != 2)
		return error_new("Image not in Parallels format");
	if (!tracks)
		return error_new("Invalid image: Zero sectors per track");
	if (tracks > INT32_MAX / 513)
		return error_new("Invalid image: Too big cluster");
	/* The old magic has 32-bit sizes; what stands above is not to be trusted. */
	uint64_t sectors = ext ? load_le64(h + 36) : load_le32(h + 36);
	if (sectors > IMAGE_MAX_SIZE / 512)
		return error_new("Invalid image: too large");
	s->entries = load_le32(h + 32);
	if (s->entries > PARALLELS_MAX_TABLE / 4)
		return error_new("Catalog too large");
	s->unit = ext ? tracks : 1;
	s->data_start = load_le32(h + 48) * UINT64_C(512);
	if (!s->data_start)
		s->data_start = (PARALLELS_TABLE + s->entries * 4ull + 511) & ~UINT64_C(511);
	img->size = sectors * 512;
	cluster_io_init(img, &parallels_ops, tracks * 512);
	img->cluster_size = tracks * 512;
	if (sectors / tracks > s->entries)
		return error_new("Invalid image: the table is too short for the disk");
	return NULL;
}

static struct error *parallels_open(struct image *img)
{
	struct parallels *s = img->state;
	uint8_t h[PARALLELS_TABLE];
	int e = image_pread_padded(img->file, 0, h, sizeof(h));
	struct error *err = e ? error_errno(e, "Could not read the header") : parse_header(img, h);

	if (!err)
		err = cluster_read_table(img, PARALLELS_TABLE, s->entries, PARALLELS_MAX_TABLE,
					 &s->table);
	img->zero_init = true;
	return err;
}

static void parallels_close(struct image *img)
{
	cluster_io_clear(img);
	g_free(((struct parallels *)img->state)->table);
}

static const struct image_opt parallels_options[] = {
	{"size", "Virtual disk size", OPT_SIZE, NULL},
	{"cluster_size", "Parallels image cluster size", OPT_SIZE, "1048576"},
	{NULL, NULL, 0, NULL},
};

static struct error *parallels_create(struct image_create *c)
{
	uint8_t h[PARALLELS_TABLE] = {0};
	struct image *file;
	uint64_t size, cluster;
	struct error *err = image_create_size(c, "size", 0, &size);

	if (!err)
		err = image_create_size(c, "cluster_size", DEFAULT_CLUSTER, &cluster);
	if (!err && (cluster < 512 || cluster > 1 << 30 || cluster % 512))
		err = error_new("Cluster size must be a multiple of 512, at most 1 GiB");
	if (!err && size / cluster > PARALLELS_MAX_TABLE / 4 - 2)
		err = error_errno(EFBIG, "Image is too large for the cluster size");
	if (err)
		return err;
	uint64_t entries = (size + cluster - 1) / cluster;
	uint64_t data = (PARALLELS_TABLE + entries * 4 + cluster - 1) / cluster * cluster;
	memcpy(h, magic_ext, 16);
	store_le32(h + 16, 2);
	store_le32(h + 20, 16);
	store_le32(h + 24, (uint32_t)MIN(size / 512 / 16 / 32, UINT32_MAX));
	store_le32(h + 28, (uint32_t)(cluster / 512));
	store_le32(h + 32, (uint32_t)entries);
	store_le64(h + 36, size / 512);
	store_le32(h + 48, (uint32_t)(data / 512));
	err = image_create_file(c->filename, data, &file);
	if (err)
		return err;
	int e = image_pwrite(file, 0, h, sizeof(h));
	int closed = image_close(file);
	return e || closed ? error_errno(e ? e : closed, "Could not write the image") : NULL;
}

const struct image_driver parallels_driver = {
	.name = "parallels",
	.help = "disk images of Parallels",
	.state_size = sizeof(struct parallels),
	.create_options = parallels_options,
	.probe = parallels_probe,
	.open = parallels_open,
	.close = parallels_close,
	.create = parallels_create,
	.pread = cluster_pread,
	.pwrite = cluster_pwrite,
	.map = cluster_map,
};
