/*
 * qcow, version 1: an L1 and L2 tables of 64-bit big-endian offsets, zlib compression, AES. Header:
 *	0 "QFI\xfb"  4 version 1  8 backing name offset  16 its length  20 its mtime  24 disk size
 *	32 cluster bits  33 L2 bits  36 encryption  40 L1 offset
 */
#include "storage/cluster-io.h"
#include "storage/crypt.h"
#include "storage/drivers.h"
#include "storage/qcow2.h"

#include "base/bytes.h"

#include <errno.h>
#include <string.h>

#define QCOW_PACKED (UINT64_C(1) << 63)
#define HEADER_SIZE 48u
#define CACHED_L2   64u

struct qcow {
	struct cluster_io io;
	uint32_t cluster_bits, l2_bits;
	uint64_t l1_offset;
	uint32_t l1_size;
	uint64_t *l1;
	/* L2 tables, written through; oldest goes first */
	uint64_t cached[CACHED_L2];
	uint64_t *tables[CACHED_L2];
	unsigned int next;
};

static int qcow_probe(const uint8_t *head, size_t len, const char *filename)
{
	return len >= 8 && load_be32(head) == QCOW2_MAGIC && load_be32(head + 4) == 1 ? 100 : 0;
}

/* --- tables --- */

static int l2_get(struct image *img, uint64_t offset, bool fresh, uint64_t **table)
{
	struct qcow *q = img->state;
	size_t bytes = sizeof(uint64_t) << q->l2_bits;

	for (unsigned int i = 0; i < CACHED_L2; i++) {
		if (q->cached[i] == offset && q->tables[i]) {
			*table = q->tables[i];
			return 0;
		}
	}
	unsigned int i = q->next++ % CACHED_L2;
	if (!q->tables[i])
		q->tables[i] = g_malloc(bytes);
	q->cached[i] = offset;
	*table = q->tables[i];
	memset(*table, 0, bytes);
	int err = fresh ? 0 : image_pread_padded(img->file, offset, *table, bytes);
	if (err)
		q->cached[i] = 0;
	return err;
}

static int write_entry(struct image *img, uint64_t at, uint64_t entry)
{
	uint8_t be[8];

	store_be64(be, entry);
	return image_pwrite(img->file, at, be, sizeof(be));
}

static int l2_of(struct image *img, uint64_t index, bool make, uint64_t **table, uint64_t *offset)
{
	struct qcow *q = img->state;
	uint64_t i = index >> q->l2_bits;
	int err;

	*table = NULL;
	if (i >= q->l1_size)
		return EIO;
	*offset = q->l1[i];
	if (*offset)
		return l2_get(img, *offset, false, table);
	if (!make)
		return 0;
	err = cluster_append(img, q->io.size, sizeof(uint64_t) << q->l2_bits, offset);
	if (!err)
		err = l2_get(img, *offset, true, table);
	if (!err)
		err = write_entry(img, q->l1_offset + i * 8, *offset);
	if (!err)
		q->l1[i] = *offset;
	return err;
}

static int qcow_find(struct image *img, uint64_t index, struct cluster_place *p)
{
	struct qcow *q = img->state;
	uint64_t *table, offset;
	int err = l2_of(img, index, false, &table, &offset);

	p->kind = CLUSTER_ABSENT;
	if (err || !table)
		return err;
	uint64_t entry = load_be64(&table[index & ((1u << q->l2_bits) - 1)]);
	if (entry & QCOW_PACKED) {
		p->kind = CLUSTER_PACKED;
		p->offset = entry & ((UINT64_C(1) << (63 - q->cluster_bits)) - 1);
		p->size = (uint32_t)(entry >> (63 - q->cluster_bits)) & (q->io.size - 1);
	} else if (entry) {
		p->kind = CLUSTER_DATA;
		p->offset = entry;
	}
	return 0;
}

static int qcow_unpack(struct image *img, const struct cluster_place *p, const uint8_t *packed,
		       uint8_t *out)
{
	return qcow2_decompress(0, packed, p->size, out, ((struct qcow *)img->state)->io.size);
}

static int qcow_allocate(struct image *img, uint64_t index, struct cluster_place *p)
{
	struct qcow *q = img->state;

	return cluster_append(img, q->io.size, q->io.size, &p->offset);
}

static int set_entry(struct image *img, uint64_t index, uint64_t entry)
{
	struct qcow *q = img->state;
	uint64_t *table, offset;
	uint32_t i = (uint32_t)index & ((1u << q->l2_bits) - 1);
	int err = l2_of(img, index, true, &table, &offset);

	if (err)
		return err;
	store_be64(&table[i], entry);
	return write_entry(img, offset + 8 * i, entry);
}

static int qcow_enter(struct image *img, uint64_t index, const struct cluster_place *p)
{
	return set_entry(img, index, p->offset);
}

static const struct cluster_ops qcow_ops = {qcow_find, qcow_unpack, qcow_allocate, qcow_enter};

/* --- compressed clusters --- */

static int qcow_write_prepared(struct image *img, uint64_t offset, const void *packed, size_t size)
{
	struct qcow *q = img->state;
	uint64_t at = img->file->size;

	if (size >= q->io.size || offset % q->io.size ||
	    at >= UINT64_C(1) << (63 - q->cluster_bits))
		return EINVAL;
	int err = image_pwrite(img->file, at, packed, size);
	return err ? err
		   : set_entry(img, offset / q->io.size,
			       QCOW_PACKED | (uint64_t)size << (63 - q->cluster_bits) | at);
}

static size_t qcow_compress(struct image *img, const void *in, size_t len, void *out)
{
	return zlib_compress_cluster(in, len, out);
}

static int qcow_write_compressed(struct image *img, uint64_t offset, const void *buf, size_t len)
{
	struct qcow *q = img->state;
	uint8_t *whole = g_malloc0(q->io.size), *packed = g_malloc(q->io.size);
	int err;

	memcpy(whole, buf, MIN(len, q->io.size));
	size_t n = zlib_compress_cluster(whole, q->io.size, packed);
	err = n && !q->io.key ? qcow_write_prepared(img, offset, packed, n)
			      : cluster_pwrite(img, offset, buf, len);
	g_free(whole);
	g_free(packed);
	return err;
}

/* --- open --- */

static struct error *parse_header(struct image *img, const uint8_t *h)
{
	struct qcow *q = img->state;

	if (load_be32(h) != QCOW2_MAGIC)
		return error_new("Image not in qcow format");
	if (load_be32(h + 4) != 1)
		return error_new("qcow (v%u) does not support qcow version %u", 1,
				 load_be32(h + 4));
	img->size = load_be64(h + 24);
	q->cluster_bits = h[32];
	q->l2_bits = h[33];
	uint32_t crypt = load_be32(h + 36);
	q->l1_offset = load_be64(h + 40);
	if (img->size <= 1)
		return error_new("Image size is too small (must be at least 2 bytes)");
	if (q->cluster_bits < 9 || q->cluster_bits > 16)
		return error_new("Cluster size must be between 512 and 64k");
	/* The table of an L2 that a single entry names may not be larger than a cluster of qcow2.
	 */
	if (q->l2_bits < 9 - 3 || q->l2_bits > 16 - 3)
		return error_new("L2 table size must be between 512 and 64k");
	if (crypt > 1)
		return error_new("invalid encryption method in qcow header");
	unsigned int shift = q->cluster_bits + q->l2_bits;
	if (img->size > UINT64_MAX - (UINT64_C(1) << shift))
		return error_new("Image too large");
	uint64_t entries = (img->size + (UINT64_C(1) << shift) - 1) >> shift;
	if (entries > INT32_MAX / 8 || entries * 8 > QCOW2_MAX_L1)
		return error_new("Image too large");
	if (q->l1_offset > img->file->size || entries * 8 > img->file->size - q->l1_offset + 65536)
		return error_new("L1 table lies behind the end of the file");
	q->l1_size = (uint32_t)entries;
	img->encrypted = crypt;
	img->key_missing = crypt && !(img->flags & IMAGE_NO_IO);
	img->cluster_size = 1u << q->cluster_bits;
	return NULL;
}

static struct error *read_backing_name(struct image *img, const uint8_t *h)
{
	uint64_t offset = load_be64(h + 8);
	uint32_t len = load_be32(h + 16);
	char name[1024] = "";

	if (!offset)
		return NULL;
	if (len > 1023 || offset > img->file->size || len > img->file->size - offset)
		return error_new("Backing file name too long");
	int err = image_pread(img->file, offset, name, len);
	img->backing_file = g_strndup(name, len);
	return err ? error_errno(err, "Could not read the name of the backing file") : NULL;
}

static void qcow_close(struct image *img)
{
	struct qcow *q = img->state;

	cluster_io_clear(img);
	g_free(q->l1);
	for (unsigned int i = 0; i < CACHED_L2; i++)
		g_free(q->tables[i]);
}

static struct error *qcow_open(struct image *img)
{
	struct qcow *q = img->state;
	uint8_t h[HEADER_SIZE];
	int e = image_pread_padded(img->file, 0, h, sizeof(h));
	struct error *err = e ? error_errno(e, "Could not read the header") : parse_header(img, h);

	if (err)
		return err;
	cluster_io_init(img, &qcow_ops, img->cluster_size);
	img->zero_init = true;
	q->l1 = g_new0(uint64_t, q->l1_size);
	e = image_pread_padded(img->file, q->l1_offset, q->l1, q->l1_size * 8ull);
	for (uint32_t i = 0; i < q->l1_size; i++)
		q->l1[i] = load_be64(&q->l1[i]);
	err = e ? error_errno(e, "Could not read the L1 table") : read_backing_name(img, h);
	if (err)
		qcow_close(img);
	return err;
}

static struct error *qcow_set_key(struct image *img, const char *password)
{
	struct qcow *q = img->state;

	aes_key_free(q->io.key);
	q->io.key = aes_key_new(password);
	img->key_missing = false;
	return NULL;
}

static int qcow_make_empty(struct image *img)
{
	struct qcow *q = img->state;
	uint8_t *zeroes = g_malloc0(q->l1_size * 8ull);
	int err = image_pwrite(img->file, q->l1_offset, zeroes, q->l1_size * 8ull);

	g_free(zeroes);
	if (err)
		return err;
	memset(q->l1, 0, q->l1_size * 8ull);
	memset(q->cached, 0, sizeof(q->cached));
	for (unsigned int i = 0; i < CACHED_L2; i++) {
		g_free(q->tables[i]);
		q->tables[i] = NULL;
	}
	struct error *e = image_truncate(img->file, q->l1_offset + q->l1_size * 8ull, NULL);
	if (e)
		error_free(e); /* the space stays used */
	return 0;
}

/* --- create --- */

static const struct image_opt qcow_options[] = {
	{"size", "Virtual disk size", OPT_SIZE, NULL},
	{"backing_file", "File name of a base image", OPT_STRING, NULL},
	{"backing_fmt", "Format of the backing image", OPT_STRING, NULL},
	{"encryption", "Encrypt the image with format 'aes'. (Deprecated)", OPT_BOOL, NULL},
	{"encrypt.format", "Encrypt the image, format choices: 'aes'", OPT_STRING, NULL},
	{"encrypt.key-secret", "ID of secret providing qcow AES key", OPT_STRING, NULL},
	{NULL, NULL, 0, NULL},
};

static struct error *qcow_create(struct image_create *c)
{
	const char *backing = image_create_str(c, "backing_file");
	const char *format = image_create_str(c, "encrypt.format");
	uint8_t h[HEADER_SIZE] = {0};
	struct image *file;
	uint64_t size;
	bool encrypt;
	struct error *err = image_create_size(c, "size", 0, &size);

	if (!err)
		err = image_create_bool(c, "encryption", format != NULL, &encrypt);
	if (!err && format && strcmp(format, "aes"))
		err = error_new("Unknown encryption format '%s'", format);
	if (!err && !size)
		err = error_new("Image size is too small, cannot be zero length");
	if (!err && backing && strlen(backing) > 1023)
		err = error_new("Backing file name is longer than 1023 bytes");
	if (err)
		return err;
	unsigned int cluster_bits = backing ? 9 : 12, l2_bits = backing ? 12 : 9;
	size_t name_len = backing ? strlen(backing) : 0;
	uint64_t l1_offset = (HEADER_SIZE + name_len + 7) & ~7ull;
	unsigned int shift = cluster_bits + l2_bits;
	uint64_t entries = (size + (UINT64_C(1) << shift) - 1) >> shift;
	if (entries * 8 > QCOW2_MAX_L1)
		return error_errno(EFBIG, "Image is too large");
	store_be32(h, QCOW2_MAGIC);
	store_be32(h + 4, 1);
	store_be64(h + 8, backing ? HEADER_SIZE : 0);
	store_be32(h + 16, (uint32_t)name_len);
	store_be64(h + 24, size);
	h[32] = (uint8_t)cluster_bits;
	h[33] = (uint8_t)l2_bits;
	store_be32(h + 36, encrypt);
	store_be64(h + 40, l1_offset);
	err = image_create_file(c->filename, l1_offset + entries * 8, &file);
	if (err)
		return err;
	int e = image_pwrite(file, 0, h, sizeof(h));
	if (!e && backing)
		e = image_pwrite(file, HEADER_SIZE, backing, name_len);
	int closed = image_close(file);
	return e || closed ? error_errno(e ? e : closed, "Could not write the image") : NULL;
}

const struct image_driver qcow_driver = {
	.name = "qcow",
	.help = "copy on write, version 1",
	.supports_backing = true,
	.supports_compress = true,
	.state_size = sizeof(struct qcow),
	.create_options = qcow_options,
	.probe = qcow_probe,
	.open = qcow_open,
	.close = qcow_close,
	.create = qcow_create,
	.pread = cluster_pread,
	.pwrite = cluster_pwrite,
	.pwrite_compressed = qcow_write_compressed,
	.compress = qcow_compress,
	.pwrite_prepared = qcow_write_prepared,
	.map = cluster_map,
	.make_empty = qcow_make_empty,
	.configure = crypt_configure,
	.set_key = qcow_set_key,
};
