/*
 * Raw images: the disk's bytes and nothing else.
 *
 * A size that is not a whole number of sectors is padded with zeroes that are not stored until they
 * are written. Where "raw" was only guessed, a guest may not turn the image into another format by
 * writing a header of it into the first sector: the next start would believe that header.
 */
#include "storage/drivers.h"

#include "base/optstr.h"

#include <errno.h>
#include <string.h>

/* The part of the file that is the disk. */
struct raw {
	uint64_t offset, size; /* size UINT64_MAX: to the end */
};

static uint64_t offset_of(const struct image *img)
{
	return ((const struct raw *)img->state)->offset;
}

static struct error *find_part(struct image *img)
{
	const struct raw *r = img->state;
	uint64_t have = img->file->size;

	if (r->offset > have || (r->size != UINT64_MAX && r->size > have - r->offset))
		return error_new("The sum of offset (%" G_GUINT64_FORMAT
				 ") and size (%" G_GUINT64_FORMAT
				 ") has to be smaller or equal to the  actual size of the "
				 "containing file (%" G_GUINT64_FORMAT ")",
				 r->offset, r->size == UINT64_MAX ? 0 : r->size, have);
	have = MIN(have - r->offset, r->size);
	img->size = (have + SECTOR_SIZE - 1) & ~(uint64_t)(SECTOR_SIZE - 1);
	return NULL;
}

static bool raw_configure(struct image *img, const char *key, const char *value, struct error **err)
{
	struct raw *r = img->state;
	bool offset = !strcmp(key, "offset");

	if (!offset && strcmp(key, "size"))
		return false;
	*err = parse_size(value, 1, offset ? &r->offset : &r->size);
	if (!*err && !offset && r->size % SECTOR_SIZE)
		*err = error_new("Specified size is not multiple of %u", SECTOR_SIZE);
	/* "offset" comes before "size" */
	if (!*err)
		*err = find_part(img);
	return true;
}

static struct error *raw_open(struct image *img)
{
	((struct raw *)img->state)->size = UINT64_MAX;
	img->size = (img->file->size + SECTOR_SIZE - 1) & ~(uint64_t)(SECTOR_SIZE - 1);
	img->zero_init = img->file->zero_init;
	return NULL;
}

static int raw_pread(struct image *img, uint64_t offset, void *buf, size_t len)
{
	return image_pread_padded(img->file, offset_of(img) + offset, buf, len);
}

/* Would a guessed image be taken for another format after this write? */
static bool changes_format(struct image *img, uint64_t offset, const void *buf, size_t len)
{
	uint8_t head[SECTOR_SIZE];

	if (!img->probed || offset >= sizeof(head))
		return false;
	if (raw_pread(img, 0, head, MIN(sizeof(head), img->size)))
		return true;
	memcpy(head + offset, buf, MIN(len, sizeof(head) - offset));
	for (unsigned int i = 0; image_driver_at(i); i++) {
		const struct image_driver *d = image_driver_at(i);
		if (d != &raw_driver && d->probe && d->probe(head, sizeof(head), "") > 1)
			return true;
	}
	return false;
}

static int raw_pwrite(struct image *img, uint64_t offset, const void *buf, size_t len)
{
	if (changes_format(img, offset, buf, len))
		return EPERM;
	return image_pwrite(img->file, offset_of(img) + offset, buf, len);
}

static int raw_discard(struct image *img, uint64_t offset, uint64_t len)
{
	uint64_t end = img->file->size;

	offset += offset_of(img);
	return offset < end ? image_discard(img->file, offset, MIN(len, end - offset)) : 0;
}

static int raw_write_zeroes(struct image *img, uint64_t offset, uint64_t len, unsigned int flags)
{
	return image_write_zeroes(img->file, offset_of(img) + offset, len, flags);
}

static int raw_map(struct image *img, uint64_t offset, uint64_t len, struct image_extent *e)
{
	offset += offset_of(img);
	if (offset >= img->file->size) {
		*e = (struct image_extent){.length = len,
					   .zero = true,
					   .allocated = true,
					   .has_offset = true,
					   .offset = offset};
		return 0;
	}
	int err = image_map(img->file, offset, MIN(len, img->file->size - offset), e);
	e->allocated = true;
	return err;
}

static struct error *raw_truncate(struct image *img, uint64_t size, const char *preallocation)
{
	const struct raw *r = img->state;

	if (r->size != UINT64_MAX)
		return error_new("Cannot resize fixed-size raw disks");
	if (size > IMAGE_MAX_SIZE - r->offset)
		return error_new("Disk size too large for the chosen offset");
	struct error *err = image_truncate(img->file, r->offset + size, preallocation);
	return err ? err : find_part(img);
}

static const struct image_opt raw_options[] = {
	{"size", "Virtual disk size", OPT_SIZE, NULL},
	{"preallocation", "Preallocation mode (allowed values: off, falloc, full)", OPT_STRING,
	 NULL},
	{"nocow", "Turn off copy-on-write (valid only on btrfs)", OPT_BOOL, NULL},
	{"extent_size_hint", "Extent size hint for the image file, 0 to disable", OPT_SIZE, NULL},
	{NULL, NULL, 0, NULL},
};

static struct error *raw_create(struct image_create *c)
{
	struct image *file;
	uint64_t size;
	struct error *err = image_create_size(c, "size", 0, &size);

	if (err)
		return err;
	const char *preallocation = image_create_str(c, "preallocation");
	bool plain = !preallocation || !strcmp(preallocation, "off");
	err = image_create_file(c->filename, plain ? size : 0, &file);
	if (err)
		return err;
	if (!plain)
		err = image_truncate(file, size, preallocation);
	image_close(file);
	return err;
}

static int raw_probe(const uint8_t *head, size_t len, const char *filename)
{
	return 1; /* anything may be raw */
}

const struct image_driver raw_driver = {
	.name = "raw",
	.help = "the bytes of the disk",
	.create_options = raw_options,
	.state_size = sizeof(struct raw),
	.probe = raw_probe,
	.open = raw_open,
	.configure = raw_configure,
	.create = raw_create,
	.pread = raw_pread,
	.pwrite = raw_pwrite,
	.discard = raw_discard,
	.write_zeroes = raw_write_zeroes,
	.map = raw_map,
	.truncate = raw_truncate,
};
