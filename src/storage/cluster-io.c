#include "storage/cluster-io.h"

#include "storage/crypt.h"

#include <errno.h>
#include <string.h>

void cluster_io_init(struct image *img, const struct cluster_ops *ops, uint32_t size)
{
	struct cluster_io *c = img->state;

	c->ops = ops;
	c->size = size;
	c->unpacked_index = UINT64_MAX;
}

void cluster_io_clear(struct image *img)
{
	struct cluster_io *c = img->state;

	g_free(c->unpacked);
	aes_key_free(c->key);
}

struct error *cluster_read_table(struct image *img, uint64_t offset, uint64_t count,
				 uint64_t max_bytes, uint32_t **table)
{
	if (count > max_bytes / 4)
		return error_new("%s: block table is too large", img->driver->name);
	if (offset > img->file->size || count * 4 > img->file->size - offset)
		return error_new("%s: block table lies behind the end of the file",
				 img->driver->name);
	*table = g_malloc(MAX(count * 4, 4));
	int err = image_pread(img->file, offset, *table, count * 4);
	if (!err)
		return NULL;
	g_free(*table);
	*table = NULL;
	return error_errno(err, "%s: cannot read the block table", img->driver->name);
}

int cluster_append(struct image *img, uint64_t align, uint64_t len, uint64_t *offset)
{
	*offset = (img->file->size + align - 1) / align * align;
	if (*offset > IMAGE_MAX_SIZE - len)
		return EFBIG;
	return image_write_zeroes(img->file, *offset, len, 0);
}

/* --- reading --- */

static int read_packed(struct image *img, uint64_t index, const struct cluster_place *p,
		       size_t skip, uint8_t *buf, size_t len)
{
	struct cluster_io *c = img->state;

	if (!c->unpacked)
		c->unpacked = g_malloc(c->size);
	if (c->unpacked_index != index) {
		uint8_t *packed = g_malloc(p->size);
		c->unpacked_index = UINT64_MAX;
		int err = image_pread_padded(img->file, p->offset, packed, p->size);
		if (!err)
			err = c->ops->unpack(img, p, packed, c->unpacked);
		g_free(packed);
		if (err)
			return err;
		c->unpacked_index = index;
	}
	memcpy(buf, c->unpacked + skip, len);
	return 0;
}

static int read_data(struct image *img, uint64_t at, uint64_t offset, uint8_t *buf, size_t len)
{
	struct cluster_io *c = img->state;

	if (!c->key)
		return image_pread_padded(img->file, at, buf, len);
	size_t skip = offset & 511, span = (skip + len + 511) & ~(size_t)511;
	uint8_t *plain = g_malloc(span);
	int err = image_pread_padded(img->file, at - skip, plain, span);
	if (!err) {
		aes_decrypt_sectors(c->key, offset / 512, plain, span);
		memcpy(buf, plain + skip, len);
	}
	g_free(plain);
	return err;
}

/* Clusters that one look covers: hostile images have any number of them. */
#define MAX_RUN 8192u

/* Bytes from `offset`, at most `len`, in clusters that are alike and follow each other. */
static int find_run(struct image *img, uint64_t offset, uint64_t len, struct cluster_place *p,
		    uint64_t *run)
{
	struct cluster_io *c = img->state;
	uint64_t index = offset / c->size, n = c->size - offset % c->size;
	uint64_t stop = MIN(len, n + (uint64_t)MAX_RUN * c->size);
	int err = c->ops->find(img, index, p);

	while (!err && n < stop && p->kind != CLUSTER_PACKED) {
		struct cluster_place next;
		err = c->ops->find(img, ++index, &next);
		if (err || next.kind != p->kind ||
		    (p->kind == CLUSTER_DATA && next.offset != p->offset + offset % c->size + n))
			break;
		n += c->size;
	}
	*run = MIN(n, len);
	return err;
}

int cluster_pread(struct image *img, uint64_t offset, void *buf, size_t len)
{
	struct cluster_io *c = img->state;
	uint8_t *b = buf;
	int err = 0;

	while (len && !err) {
		struct cluster_place p;
		uint64_t n, skip = offset % c->size;
		err = find_run(img, offset, len, &p, &n);
		if (err)
			break;
		switch (p.kind) {
		case CLUSTER_ABSENT: err = image_read_backing(img, offset, b, n); break;
		case CLUSTER_ZERO: memset(b, 0, n); break;
		case CLUSTER_DATA: err = read_data(img, p.offset + skip, offset, b, n); break;
		case CLUSTER_PACKED:
			err = read_packed(img, offset / c->size, &p, skip, b, n);
			break;
		}
		b += n;
		offset += n;
		len -= n;
	}
	return err;
}

/* --- writing --- */

static int write_data(struct image *img, uint64_t at, uint64_t offset, const uint8_t *buf,
		      size_t len)
{
	struct cluster_io *c = img->state;

	if (!c->key)
		return image_pwrite(img->file, at, buf, len);
	uint8_t *secret = g_memdup2(buf, len);
	aes_encrypt_sectors(c->key, offset / 512, secret, len);
	int err = image_pwrite(img->file, at, secret, len);
	g_free(secret);
	return err;
}

static bool shows_zeroes(struct image *img, uint64_t start, const struct cluster_place *p)
{
	return p->kind == CLUSTER_ZERO ||
	       (p->kind == CLUSTER_ABSENT && (!img->backing || start >= img->backing->size));
}

/* The cluster gets a place; what the request does not cover comes from what is seen there now. */
static int write_new(struct image *img, uint64_t offset, const uint8_t *buf, size_t len,
		     const struct cluster_place *old)
{
	struct cluster_io *c = img->state;
	uint64_t index = offset / c->size, start = index * c->size;
	struct cluster_place p = {.kind = CLUSTER_DATA};
	size_t skip = (size_t)(offset - start), size = MIN(c->size, MAX(img->size - start, len));
	int err = c->ops->allocate(img, index, &p);

	if (err)
		return err;
	if (len == c->size || (!c->key && shows_zeroes(img, start, old))) {
		err = write_data(img, p.offset + skip, offset, buf, len);
	} else {
		uint8_t *whole = g_malloc0(c->size);
		err = image_pread(img, start, whole, size);
		memcpy(whole + skip, buf, len);
		if (!err)
			err = write_data(img, p.offset, start, whole, c->size);
		g_free(whole);
	}
	if (c->unpacked_index == index)
		c->unpacked_index = UINT64_MAX;
	return err ? err : c->ops->enter(img, index, &p);
}

/* Encrypted sectors are written whole. */
static int write_over(struct image *img, uint64_t at, uint64_t offset, const uint8_t *buf,
		      size_t len)
{
	struct cluster_io *c = img->state;

	if (!c->key || !((offset | len) & 511))
		return write_data(img, at, offset, buf, len);
	size_t skip = offset & 511, span = (skip + len + 511) & ~(size_t)511;
	uint8_t *whole = g_malloc(span);
	int err = read_data(img, at - skip, offset - skip, whole, span);
	memcpy(whole + skip, buf, len);
	if (!err)
		err = write_data(img, at - skip, offset - skip, whole, span);
	g_free(whole);
	return err;
}

int cluster_pwrite(struct image *img, uint64_t offset, const void *buf, size_t len)
{
	struct cluster_io *c = img->state;
	const uint8_t *b = buf;
	int err = 0;

	if (!c->ops->allocate)
		return EPERM;
	while (len && !err) {
		struct cluster_place p;
		uint64_t skip = offset % c->size, n = MIN(len, c->size - skip);
		err = c->ops->find(img, offset / c->size, &p);
		if (err)
			break;
		if (p.kind == CLUSTER_DATA) {
			err = find_run(img, offset, len, &p, &n);
			if (!err)
				err = write_over(img, p.offset + skip, offset, b, n);
		} else {
			err = write_new(img, offset, b, n, &p);
		}
		b += n;
		offset += n;
		len -= n;
	}
	return err;
}

int cluster_map(struct image *img, uint64_t offset, uint64_t len, struct image_extent *e)
{
	struct cluster_io *c = img->state;
	struct cluster_place p;
	int err = find_run(img, offset, len, &p, &e->length);

	if (err)
		return err;
	uint64_t length = e->length;
	*e = (struct image_extent){.length = length};
	e->allocated = p.kind != CLUSTER_ABSENT;
	e->zero = p.kind == CLUSTER_ZERO || (p.kind == CLUSTER_ABSENT && !img->backing_file);
	e->data = p.kind == CLUSTER_DATA || p.kind == CLUSTER_PACKED;
	e->compressed = p.kind == CLUSTER_PACKED;
	e->has_offset = p.kind == CLUSTER_DATA && !c->key;
	e->offset = p.offset + offset % c->size;
	return 0;
}
