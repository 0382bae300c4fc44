/* Making and changing qcow2 images as a whole: create, header, resize, backing file, amend. */
#include "storage/qcow2.h"

#include "base/bytes.h"
#include "base/optstr.h"

#include <errno.h>
#include <string.h>

const struct image_opt qcow2_options[] = {
	{"size", "Virtual disk size", OPT_SIZE, NULL},
	{"compat", "Compatibility level (v2 [0.10] or v3 [1.1])", OPT_STRING, "v3"},
	{"backing_file", "File name of a base image", OPT_STRING, NULL},
	{"backing_fmt", "Image format of the base image", OPT_STRING, NULL},
	{"encryption", "Encrypt the image with format 'aes'. (Deprecated)", OPT_BOOL, NULL},
	{"encrypt.format", "Encrypt the image, format choices: 'aes'", OPT_STRING, NULL},
	{"encrypt.key-secret", "ID of secret providing qcow AES key", OPT_STRING, NULL},
	{"cluster_size", "qcow2 cluster size", OPT_SIZE, "65536"},
	{"preallocation", "Preallocation mode (allowed values: off, metadata, falloc, full)",
	 OPT_STRING, NULL},
	{"lazy_refcounts", "Postpone refcount updates", OPT_BOOL, "off"},
	{"refcount_bits", "Width of a reference count entry in bits", OPT_NUMBER, "16"},
	{"compression_type", "Compression method used for image cluster compression", OPT_STRING,
	 "zlib"},
	{"nocow", "Turn off copy-on-write (valid only on btrfs)", OPT_BOOL, NULL},
	{"data_file", "File name of an external data file", OPT_STRING, NULL},
	{"data_file_raw", "The external data file must stay valid as a raw image", OPT_BOOL, NULL},
	{"extended_l2", "Extended L2 tables", OPT_BOOL, "off"},
	{NULL, NULL, 0, NULL},
};

/* --- header --- */

static void put_extension(GByteArray *h, uint32_t type, const void *data, size_t len)
{
	uint8_t be[8], zero[8] = {0};

	store_be32(be, type);
	store_be32(be + 4, (uint32_t)len);
	g_byte_array_append(h, be, 8);
	g_byte_array_append(h, data, (guint)len);
	g_byte_array_append(h, zero, (guint)(-len & 7));
}

static void put_feature_names(GByteArray *h)
{
	static const struct {
		uint8_t type, bit;
		char name[46];
	} names[] = {
		{0, 0, "dirty bit"},
		{0, 1, "corrupt bit"},
		{0, 2, "external data file"},
		{0, 3, "compression type"},
		{0, 4, "extended L2 entries"},
		{1, 0, "lazy refcounts"},
		{2, 0, "bitmaps"},
		{2, 1, "raw external data"},
	};

	put_extension(h, EXT_FEATURE_NAMES, names, sizeof(names));
}

static void put_fixed(struct image *img, GByteArray *h)
{
	struct qcow2 *q = qcow2_of(img);
	uint32_t len = q->version >= 3 ? H_V3_SIZE : H_V2_SIZE;
	uint8_t *p;

	g_byte_array_set_size(h, len);
	p = h->data;
	memset(p, 0, len);
	store_be32(p + H_MAGIC, QCOW2_MAGIC);
	store_be32(p + H_VERSION, q->version);
	store_be32(p + H_CLUSTER_BITS, q->cluster_bits);
	store_be64(p + H_SIZE, img->size);
	store_be32(p + H_CRYPT, q->crypt);
	store_be32(p + H_L1_SIZE, q->l1_size);
	store_be64(p + H_L1_OFFSET, q->l1_offset);
	store_be64(p + H_REFTABLE_OFFSET, q->reftable_offset);
	store_be32(p + H_REFTABLE_CLUSTERS, (uint32_t)(q->reftable_size * 8ull >> q->cluster_bits));
	store_be32(p + H_SNAPSHOT_COUNT, q->snapshots ? q->snapshots->len : 0);
	store_be64(p + H_SNAPSHOT_OFFSET, q->snapshot_offset);
	if (q->version < 3)
		return;
	store_be64(p + H_INCOMPATIBLE, q->incompatible);
	store_be64(p + H_COMPATIBLE, q->compatible);
	store_be64(p + H_AUTOCLEAR, q->autoclear);
	store_be32(p + H_REFCOUNT_ORDER, q->refcount_order);
	store_be32(p + H_LENGTH, len);
	p[H_COMPRESSION] = (uint8_t)q->compression;
}

struct error *qcow2_write_header(struct image *img)
{
	struct qcow2 *q = qcow2_of(img);
	GByteArray *h = g_byte_array_new();
	struct error *err = NULL;
	int e = 0;

	put_fixed(img, h);
	if (img->backing_file && img->backing_format)
		put_extension(h, EXT_BACKING_FORMAT, img->backing_format,
			      strlen(img->backing_format));
	for (unsigned int i = 0; q->extensions && i < q->extensions->len; i++) {
		struct qcow2_extension *x =
			&g_array_index(q->extensions, struct qcow2_extension, i);
		size_t len;
		const void *data = g_bytes_get_data(x->data, &len);
		put_extension(h, x->type, data, len);
	}
	/* The names of features help other programs to complain, and are left out if space is
	 * short. */
	if (q->version >= 3 && q->cluster_size >= 4096)
		put_feature_names(h);
	put_extension(h, EXT_END, "", 0);
	if (img->backing_file) {
		size_t n = strlen(img->backing_file);
		store_be64(h->data + H_BACKING_OFFSET, h->len);
		store_be32(h->data + H_BACKING_SIZE, (uint32_t)n);
		g_byte_array_append(h, (const uint8_t *)img->backing_file, (guint)n);
		if (n > 1023)
			err = error_new("Backing file name is longer than 1023 bytes");
	}
	if (!err && h->len > q->cluster_size)
		err = error_errno(ENOSPC, "qcow2 header does not fit into a cluster");
	if (!err) {
		guint len = h->len;
		g_byte_array_set_size(h, q->cluster_size);
		memset(h->data + len, 0, q->cluster_size - len);
		e = image_flush(img->file);
		if (!e)
			e = image_pwrite(img->file, 0, h->data, h->len);
		if (!e)
			e = image_flush(img->file);
	}
	g_byte_array_free(h, TRUE);
	return e ? error_errno(e, "Could not update qcow2 header") : err;
}

struct error *qcow2_set_backing(struct image *img, const char *file, const char *format)
{
	char *old_file = img->backing_file, *old_format = img->backing_format;

	img->backing_file = file && *file ? g_strdup(file) : NULL;
	img->backing_format = file && *file && format ? g_strdup(format) : NULL;
	struct error *err = qcow2_write_header(img);
	if (err) {
		g_free(img->backing_file);
		g_free(img->backing_format);
		img->backing_file = old_file;
		img->backing_format = old_format;
		return err;
	}
	g_free(old_file);
	g_free(old_format);
	return NULL;
}

/* --- create --- */

struct parameters {
	uint64_t size, cluster_size, refcount_bits;
	bool v3, lazy, encrypt;
	uint32_t compression;
	const char *preallocation, *backing_file, *backing_format;
};

static struct error *read_version(struct image_create *c, struct parameters *p)
{
	const char *compat = image_create_str(c, "compat");

	p->v3 = !compat || !strcmp(compat, "1.1") || !strcmp(compat, "v3");
	if (compat && !p->v3 && strcmp(compat, "0.10") && strcmp(compat, "v2"))
		return error_new("Invalid compatibility level: '%s'", compat);
	return NULL;
}

static struct error *read_compression(struct image_create *c, struct parameters *p)
{
	const char *type = image_create_str(c, "compression_type");

	if (!type || !strcmp(type, "zlib"))
		return NULL;
#ifdef HAVE_ZSTD
	if (!strcmp(type, "zstd")) {
		p->compression = 1;
		return p->v3 ? NULL
			     : error_new("Non-zlib compression type is only supported with "
					 "compatibility level 1.1 and above (use version=v3 or "
					 "greater)");
	}
#endif
	return error_new("Invalid parameter '%s'", type);
}

static struct error *read_flags(struct image_create *c, struct parameters *p)
{
	const char *format = image_create_str(c, "encrypt.format");
	bool extended, raw;
	struct error *err = image_create_bool(c, "lazy_refcounts", false, &p->lazy);

	if (!err)
		err = image_create_bool(c, "encryption", false, &p->encrypt);
	if (!err)
		err = image_create_bool(c, "extended_l2", false, &extended);
	if (!err)
		err = image_create_bool(c, "data_file_raw", false, &raw);
	if (err)
		return err;
	if (extended || image_create_str(c, "data_file"))
		return error_new("extended_l2 and data_file are not supported");
	if (format && strcmp(format, "aes"))
		return error_new("Unknown encryption format '%s'", format);
	p->encrypt |= format != NULL;
	if (p->lazy && !p->v3)
		return error_new("Lazy refcounts only supported with compatibility level 1.1 and "
				 "above (use version=v3 or greater)");
	return NULL;
}

static struct error *read_parameters(struct image_create *c, struct parameters *p)
{
	struct error *err = image_create_size(c, "size", 0, &p->size);

	if (!err)
		err = image_create_size(c, "cluster_size", 65536, &p->cluster_size);
	if (!err)
		err = image_create_size(c, "refcount_bits", 16, &p->refcount_bits);
	if (!err)
		err = read_version(c, p);
	if (!err)
		err = read_compression(c, p);
	if (!err)
		err = read_flags(c, p);
	if (err)
		return err;
	if (p->cluster_size < 512 || p->cluster_size > 2 << 20 ||
	    (p->cluster_size & (p->cluster_size - 1)))
		return error_new("Cluster size must be a power of two between 512 and 2048k");
	if (!p->refcount_bits || p->refcount_bits > 64 ||
	    (p->refcount_bits & (p->refcount_bits - 1)))
		return error_new(
			"Refcount width must be a power of two and may not exceed 64 bits");
	if (p->refcount_bits != 16 && !p->v3)
		return error_new("Different refcount widths than 16 bits require compatibility "
				 "level 1.1 or above (use version=v3 or greater)");
	p->preallocation = image_create_str(c, "preallocation");
	if (p->preallocation && !strcmp(p->preallocation, "off"))
		p->preallocation = NULL;
	if (p->preallocation && strcmp(p->preallocation, "metadata") &&
	    strcmp(p->preallocation, "falloc") && strcmp(p->preallocation, "full"))
		return error_new("Invalid parameter '%s'", p->preallocation);
	p->backing_file = image_create_str(c, "backing_file");
	p->backing_format = image_create_str(c, "backing_fmt");
	if (p->backing_file && p->preallocation && strcmp(p->preallocation, "metadata") == 0 &&
	    !p->v3)
		return error_new("Backing file and preallocation cannot be used at the same time");
	return NULL;
}

/* Header, refcount table and its first block, L1 table: clusters 0, 1, 2 and on. */
static struct error *write_skeleton(struct image *file, const struct parameters *p)
{
	struct image img = {.file = file, .size = p->size};
	struct qcow2 q = {.version = p->v3 ? 3 : 2, .cluster_size = (uint32_t)p->cluster_size};
	int e = 0;

	q.cluster_bits = (uint32_t)__builtin_ctzll(p->cluster_size);
	q.l2_bits = q.cluster_bits - 3;
	q.refcount_order = (uint32_t)__builtin_ctzll(p->refcount_bits);
	q.crypt = p->encrypt;
	q.compression = p->compression;
	q.incompatible = p->compression ? INCOMPAT_COMPRESSION : 0;
	q.compatible = p->lazy ? COMPAT_LAZY_REFCOUNTS : 0;
	uint64_t l1 = qcow2_l1_entries(&q, p->size);
	if (l1 * 8 > QCOW2_MAX_L1)
		return error_new("The image size is too large for file format 'qcow2' (try using a "
				 "larger cluster size)");
	q.l1_size = (uint32_t)l1;
	uint64_t l1_clusters = qcow2_clusters(&q, l1 * 8), used = 3 + l1_clusters;
	uint64_t per_block = q.cluster_size * 8ull >> q.refcount_order;
	if (!l1)
		q.l1_offset = 0;
	/* One block counts the first clusters; where the L1 is longer than that, more follow. */
	uint64_t blocks = 1;
	while (blocks * per_block < 2 + blocks + l1_clusters)
		blocks++;
	used = 2 + blocks + l1_clusters;
	if (blocks * 8 > q.cluster_size)
		return error_errno(EFBIG, "Image is too large for a cluster size of %u",
				   q.cluster_size);
	q.reftable_offset = q.cluster_size;
	q.reftable_size = q.cluster_size / 8;
	q.l1_offset = l1 ? (2 + blocks) << q.cluster_bits : 0;
	uint8_t *buf = g_malloc0((blocks + 1) << q.cluster_bits);
	for (uint64_t i = 0; i < blocks; i++)
		store_be64(buf + 8 * i, (2 + i) << q.cluster_bits);
	for (uint64_t i = 0; i < used; i++)
		qcow2_count_set_in_block(&q, buf + ((1 + i / per_block) << q.cluster_bits),
					 i % per_block, 1);
	e = image_pwrite(file, q.cluster_size, buf, (blocks + 1) << q.cluster_bits);
	g_free(buf);
	if (!e && l1)
		e = image_write_zeroes(file, q.l1_offset, l1_clusters << q.cluster_bits, 0);
	if (e)
		return error_errno(e, "Could not write the image");
	img.state = &q;
	img.backing_file = (char *)(uintptr_t)p->backing_file;
	img.backing_format = (char *)(uintptr_t)p->backing_format;
	return qcow2_write_header(&img);
}

struct error *qcow2_create(struct image_create *c)
{
	struct parameters p = {0};
	struct image *file, *img;
	struct error *err = read_parameters(c, &p);

	if (err)
		return err;
	err = image_create_file(c->filename, 0, &file);
	if (err)
		return err;
	/* An image in the making needs no order: it is flushed once, when it is closed. */
	file->flags |= IMAGE_NOFLUSH;
	err = write_skeleton(file, &p);
	file->flags &= ~(unsigned int)IMAGE_NOFLUSH;
	if (err || !p.preallocation) {
		int e = image_close(file);
		return err ? err : e ? error_errno(e, "Could not write '%s'", c->filename) : NULL;
	}
	err = image_open_on(file, "qcow2", IMAGE_RDWR | IMAGE_NO_BACKING | IMAGE_NO_IO, &img);
	if (err)
		return err;
	int e = qcow2_preallocate(img, 0, p.size);
	if (!e)
		e = image_flush(img);
	if (e)
		err = error_errno(e, "Could not preallocate metadata");
	if (!err)
		err = image_truncate(
			img->file,
			MAX(img->file->size, qcow2_clusters(qcow2_of(img), img->file->size)
						     << qcow2_of(img)->cluster_bits),
			strcmp(p.preallocation, "metadata") ? p.preallocation : NULL);
	image_close(img);
	return err;
}

/* --- resize --- */

/* Data clusters for the range, reading as zeroes. */
int qcow2_preallocate(struct image *img, uint64_t from, uint64_t to)
{
	struct qcow2 *q = qcow2_of(img);
	int err = 0;

	from &= ~(uint64_t)(q->cluster_size - 1);
	for (uint64_t offset = from; offset < to && !err;) {
		uint32_t i = qcow2_l2_index(q, offset);
		uint64_t n = MIN((1u << q->l2_bits) - i, qcow2_clusters(q, to - offset)), at;
		struct table *t;
		err = qcow2_l2_for_write(img, offset, &t);
		if (err)
			break;
		if (load_be64(t->data + 8 * i)) {
			offset += q->cluster_size;
			continue;
		}
		uint64_t run = 1;
		while (run < n && !load_be64(t->data + 8 * (i + run)))
			run++;
		err = qcow2_alloc_run(img, &run, &at);
		/* the space must exist, and clusters used before must be empty */
		if (!err && at < img->file->size)
			err = image_write_zeroes(img->file, at, run << q->cluster_bits, 0);
		else if (!err)
			err = image_write_zeroes(img->file, at + (run << q->cluster_bits) - 512,
						 512, 0);
		if (!err)
			err = qcow2_l2_for_write(img, offset, &t);
		for (uint64_t j = 0; j < run && !err; j++) {
			store_be64(t->data + 8 * (i + j),
				   (at + (j << q->cluster_bits)) | QCOW2_COPIED);
			qcow2_table_dirty(&q->l2, t, (uint32_t)(8 * (i + j)), 8);
		}
		offset += run << q->cluster_bits;
	}
	return err;
}

static int set_size(struct image *img, uint64_t size)
{
	struct qcow2 *q = qcow2_of(img);
	uint8_t be[8];

	store_be64(be, size);
	int err = qcow2_patch_header(img, H_SIZE, be, sizeof(be));
	if (!err) {
		img->size = size;
		q->vm_state_l1 = (uint32_t)qcow2_l1_entries(q, size);
	}
	return err;
}

static int shrink(struct image *img, uint64_t size)
{
	struct qcow2 *q = qcow2_of(img);
	uint64_t from = qcow2_clusters(q, size) << q->cluster_bits, old = img->size;
	int err = from < old ? qcow2_discard_range(img, from, old - from) : 0;

	if (!err)
		err = qcow2_write_back(img);
	if (!err)
		err = set_size(img, size);
	return err;
}

struct error *qcow2_truncate(struct image *img, uint64_t size, const char *preallocation)
{
	struct qcow2 *q = qcow2_of(img);
	uint64_t old = img->size;
	int err;

	if (size & 511)
		return error_new("The new size must be a multiple of 512");
	/* Snapshots keep their disk size only in the longer form of their entry. */
	if (q->snapshots->len && q->version < 3)
		return error_errno(ENOTSUP, "Can't resize a version 2 image which has snapshots");
	if (size < old) {
		if (preallocation && strcmp(preallocation, "off"))
			return error_new("Preallocation can't be used for shrinking an image");
		err = shrink(img, size);
		return err ? error_errno(err, "Failed to shrink the image") : NULL;
	}
	if (qcow2_l1_entries(q, size) * 8 > QCOW2_MAX_L1)
		return error_errno(EFBIG, "Failed to grow the L1 table");
	err = qcow2_grow_l1(img, qcow2_l1_entries(q, size));
	if (!err)
		err = qcow2_write_back(img);
	/* Where the backing image is longer than we were, it must not show. */
	uint64_t shown =
		img->backing && img->backing->size > old ? MIN(size, img->backing->size) : old;
	if (!err)
		err = set_size(img, size);
	if (!err && shown > old)
		err = qcow2_zero_range(img, old, shown - old, IMAGE_UNMAP);
	if (!err && preallocation && strcmp(preallocation, "off")) {
		err = qcow2_preallocate(img, old, size);
		if (!err && strcmp(preallocation, "metadata")) {
			struct error *e = image_truncate(img->file, img->file->size, preallocation);
			if (e)
				return e;
		}
	}
	if (!err)
		err = qcow2_write_back(img);
	return err ? error_errno(err, "Failed to grow the image") : NULL;
}

/* --- amend: what can be changed without rewriting the image --- */

struct error *qcow2_amend(struct image *img, struct image_create *c)
{
	struct qcow2 *q = qcow2_of(img);
	const char *compat = image_create_str(c, "compat");
	bool lazy;
	struct error *err = image_create_bool(c, "lazy_refcounts",
					      q->compatible & COMPAT_LAZY_REFCOUNTS, &lazy);

	if (err)
		return err;
	if (compat && (!strcmp(compat, "1.1") || !strcmp(compat, "v3")) && q->version < 3) {
		q->version = 3;
		q->header_length = H_V3_SIZE;
	} else if (compat && (!strcmp(compat, "0.10") || !strcmp(compat, "v2")) && q->version > 2) {
		return error_new("Downgrading to version 2 is not supported");
	}
	if (lazy && q->version < 3)
		return error_new("Lazy refcounts only supported with compatibility level 1.1 and "
				 "above (use compat=1.1 or greater)");
	q->compatible = (q->compatible & ~(uint64_t)COMPAT_LAZY_REFCOUNTS) |
			(lazy ? COMPAT_LAZY_REFCOUNTS : 0);
	err = qcow2_write_header(img);
	const char *backing = image_create_str(c, "backing_file");
	if (!err && backing)
		err = qcow2_set_backing(img, backing, image_create_str(c, "backing_fmt"));
	uint64_t size;
	if (!err && image_create_str(c, "size")) {
		err = image_create_size(c, "size", img->size, &size);
		if (!err && size != img->size)
			err = qcow2_truncate(img, size, NULL);
	}
	return err;
}
