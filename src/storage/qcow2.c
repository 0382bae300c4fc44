/* qcow2: opening hostile files, the driver's table, and what qemu-img info shows. */
#include "storage/qcow2.h"

#include "base/bytes.h"
#include "storage/crypt.h"
#include "storage/drivers.h"

#include <errno.h>
#include <string.h>

/* Memory for cached tables of an image. */
#define L2_CACHE_BYTES	     (32u << 20)
#define REFCOUNT_CACHE_BYTES (8u << 20)
/* Frees that wait for the tables before they are written back without a flush being asked. */
#define MAX_PENDING_FREES 8192u

static int qcow2_probe(const uint8_t *head, size_t len, const char *filename)
{
	return len >= 8 && load_be32(head) == QCOW2_MAGIC && load_be32(head + 4) >= 2 &&
			       load_be32(head + 4) <= 3
		       ? 100
		       : 0;
}

/* --- open --- */

static struct error *check_table(const char *what, uint64_t offset, uint64_t bytes,
				 uint64_t max_bytes, uint32_t cluster_size)
{
	if (bytes > max_bytes)
		return error_new("%s too large", what);
	if (offset > INT64_MAX - bytes || (bytes && (offset & (cluster_size - 1))))
		return error_new("%s offset invalid", what);
	return NULL;
}

static struct error *parse_v3(struct qcow2 *q, const uint8_t *h, size_t len)
{
	q->incompatible = load_be64(h + H_INCOMPATIBLE);
	q->compatible = load_be64(h + H_COMPATIBLE);
	q->autoclear = load_be64(h + H_AUTOCLEAR);
	q->refcount_order = load_be32(h + H_REFCOUNT_ORDER);
	q->header_length = load_be32(h + H_LENGTH);
	if (q->header_length < 104)
		return error_new("qcow2 header too short");
	if (q->header_length > q->cluster_size)
		return error_new("qcow2 header exceeds cluster size");
	if (q->refcount_order > 6)
		return error_new("Reference count entry width too large; may not exceed 64 bits");
	if (q->header_length > H_COMPRESSION && len > H_COMPRESSION)
		q->compression = h[H_COMPRESSION];
	if (q->incompatible & INCOMPAT_DATA_FILE)
		return error_new("external data files are not supported");
	if (q->incompatible & INCOMPAT_EXTENDED_L2)
		return error_new("extended L2 entries (subclusters) are not supported");
	if (q->incompatible & ~(uint64_t)INCOMPAT_KNOWN)
		return error_new("Unsupported qcow2 feature(s): %#" G_GINT64_MODIFIER "x",
				 q->incompatible & ~(uint64_t)INCOMPAT_KNOWN);
	if ((q->compression != 0) != !!(q->incompatible & INCOMPAT_COMPRESSION))
		return error_new("qcow2: Compression type incompatible feature bit %s",
				 q->compression ? "must be set" : "must not be set");
#ifndef HAVE_ZSTD
	if (q->compression)
		return error_new("compression type %u is not built in", q->compression);
#endif
	if (q->compression > 1)
		return error_new("qcow2: unknown compression type: %u", q->compression);
	return NULL;
}

static struct error *parse_header(struct image *img, const uint8_t *h, size_t len)
{
	struct qcow2 *q = qcow2_of(img);
	struct error *err = NULL;

	if (load_be32(h) != QCOW2_MAGIC)
		return error_new("Image is not in qcow2 format");
	q->version = load_be32(h + H_VERSION);
	if (q->version != 2 && q->version != 3)
		return error_new("Unsupported qcow2 version %u", q->version);
	q->cluster_bits = load_be32(h + H_CLUSTER_BITS);
	if (q->cluster_bits < 9 || q->cluster_bits > 21)
		return error_new("Unsupported cluster size: 2^%u", q->cluster_bits);
	q->cluster_size = img->cluster_size = 1u << q->cluster_bits;
	q->l2_bits = q->cluster_bits - 3;
	q->refcount_order = 4;
	q->header_length = H_V2_SIZE;
	if (q->version >= 3)
		err = parse_v3(q, h, len);
	if (err)
		return err;
	img->size = load_be64(h + H_SIZE);
	if (img->size > IMAGE_MAX_SIZE)
		return error_new("Image is too large");
	q->crypt = load_be32(h + H_CRYPT);
	if (q->crypt > 1)
		return error_new(q->crypt == 2 ? "LUKS encryption is not supported"
					       : "Unsupported encryption method %u",
				 q->crypt);
	img->encrypted = q->crypt != 0;
	img->key_missing = img->encrypted && !(img->flags & IMAGE_NO_IO);
	q->l1_size = load_be32(h + H_L1_SIZE);
	q->l1_offset = load_be64(h + H_L1_OFFSET);
	q->reftable_offset = load_be64(h + H_REFTABLE_OFFSET);
	uint64_t reftable_bytes = (uint64_t)load_be32(h + H_REFTABLE_CLUSTERS) << q->cluster_bits;
	q->snapshot_offset = load_be64(h + H_SNAPSHOT_OFFSET);
	err = check_table("Active L1 table", q->l1_offset, q->l1_size * 8ull, QCOW2_MAX_L1,
			  q->cluster_size);
	if (!err)
		err = check_table("Reference count table", q->reftable_offset, reftable_bytes,
				  QCOW2_MAX_REFTABLE, q->cluster_size);
	if (!err && !reftable_bytes && !(img->flags & IMAGE_CHECK))
		err = error_new("Image does not contain a reference count table");
	uint64_t l1_needed = qcow2_l1_entries(q, img->size);
	if (!err && (l1_needed > QCOW2_MAX_L1 / 8 || q->l1_size < l1_needed))
		err = error_new(l1_needed > QCOW2_MAX_L1 / 8 ? "Image is too big"
							     : "L1 table is too small");
	q->vm_state_l1 = (uint32_t)l1_needed;
	q->reftable_size = (uint32_t)(reftable_bytes / 8);
	return err;
}

/* Header extensions, from behind the header to the backing name or the end of the cluster. */
static struct error *parse_extensions(struct image *img, const uint8_t *cluster, uint32_t end)
{
	struct qcow2 *q = qcow2_of(img);
	uint32_t at = q->header_length;

	while (at + 8 <= end) {
		uint32_t type = load_be32(cluster + at), len = load_be32(cluster + at + 4);
		at += 8;
		if (type == EXT_END)
			return NULL;
		if (len > end - at)
			return error_new("Header extension too large");
		if (type == EXT_BACKING_FORMAT) {
			if (len >= 16)
				return error_new("ERROR: ext_backing_format: len=%u too large",
						 len);
			g_free(img->backing_format);
			img->backing_format = g_strndup((const char *)cluster + at, len);
		} else if (type != EXT_FEATURE_NAMES) {
			struct qcow2_extension e = {type, g_bytes_new(cluster + at, len)};
			g_array_append_val(q->extensions, e);
		}
		at += (len + 7) & ~7u;
	}
	return NULL;
}

static struct error *read_first_cluster(struct image *img)
{
	struct qcow2 *q = qcow2_of(img);
	uint8_t *c = g_malloc0(q->cluster_size);
	struct error *err = NULL;
	int e = image_pread_padded(img->file, 0, c, q->cluster_size);

	if (e) {
		g_free(c);
		return error_errno(e, "Could not read the header");
	}
	uint64_t name = load_be64(c + H_BACKING_OFFSET);
	uint32_t name_len = load_be32(c + H_BACKING_SIZE);
	uint32_t end = q->cluster_size;
	if (name) {
		if (name > q->cluster_size)
			err = error_new("Invalid backing file offset");
		else if (name_len > MIN(1023u, q->cluster_size - (uint32_t)name) || !name_len)
			err = error_new("Backing file name too long");
		else
			img->backing_file = g_strndup((char *)c + name, name_len);
		if (!err)
			end = (uint32_t)name;
	}
	if (!err)
		err = parse_extensions(img, c, end);
	g_free(c);
	return err;
}

static struct error *read_entries(struct image *img, const char *what, uint64_t offset,
				  uint32_t count, uint64_t **out)
{
	/* The last cluster of the file may be cut off, but no table lies behind it. */
	uint64_t end = (img->file->size | (img->cluster_size - 1)) + 1;

	if (count && (offset >= end || count * 8ull > end - offset))
		return error_new("Could not read %s: it lies behind the end of the file", what);
	*out = g_new0(uint64_t, MAX(count, 1));
	int e = image_pread_padded(img->file, offset, *out, count * 8ull);
	for (uint32_t i = 0; i < count; i++)
		(*out)[i] = load_be64(&(*out)[i]);
	return e ? error_errno(e, "Could not read %s", what) : NULL;
}

static void qcow2_close(struct image *img);

static struct error *open_tables(struct image *img)
{
	struct qcow2 *q = qcow2_of(img);

	table_cache_init(&q->l2, MAX(L2_CACHE_BYTES >> q->cluster_bits, 16));
	table_cache_init(&q->refblocks, MAX(REFCOUNT_CACHE_BYTES >> q->cluster_bits, 8));
	q->frees = g_array_new(FALSE, FALSE, sizeof(struct pending_free));
	q->extensions = g_array_new(FALSE, FALSE, sizeof(struct qcow2_extension));
	q->snapshots = g_array_new(FALSE, TRUE, sizeof(struct qcow2_snapshot));
	q->unpacked_offset = UINT64_MAX;
	struct error *err = read_first_cluster(img);
	if (!err)
		err = read_entries(img, "L1 table", q->l1_offset, q->l1_size, &q->l1);
	if (!err)
		err = read_entries(img, "refcount table", q->reftable_offset, q->reftable_size,
				   &q->reftable);
	if (!err)
		err = qcow2_read_snapshots(img);
	return err;
}

/* An image that is opened for writing: what a crash or an older program left behind. */
static struct error *make_writable(struct image *img)
{
	struct qcow2 *q = qcow2_of(img);

	if (q->incompatible & INCOMPAT_CORRUPT) {
		if (img->flags & IMAGE_CHECK)
			return NULL;
		return error_new("qcow2: Image is corrupt; cannot be opened read/write");
	}
	if (q->autoclear) { /* we do not keep up what these bits vouch for */
		uint8_t be[8] = {0};
		int e = qcow2_patch_header(img, H_AUTOCLEAR, be, sizeof(be));
		if (e)
			return error_errno(e, "Could not update qcow2 header");
		q->autoclear = 0;
	}
	if ((q->incompatible & INCOMPAT_DIRTY) && !(img->flags & IMAGE_CHECK)) {
		struct image_check r = {0};
		struct error *err = qcow2_check(img, CHECK_FIX_LEAKS | CHECK_FIX_ERRORS, &r);
		return error_prefix(err, "Could not repair dirty image");
	}
	return NULL;
}

static struct error *qcow2_open(struct image *img)
{
	uint8_t header[H_V3_SIZE] = {0};
	int e = image_pread_padded(img->file, 0, header, sizeof(header));
	struct error *err;

	if (e)
		return error_errno(e, "Could not read qcow2 header");
	err = parse_header(img, header, sizeof(header));
	if (err)
		return err;
	img->zero_init = true;
	err = open_tables(img);
	if (!err && !img->readonly)
		err = make_writable(img);
	if (err)
		qcow2_close(img);
	return err;
}

static void qcow2_close(struct image *img)
{
	struct qcow2 *q = qcow2_of(img);

	table_cache_clear(&q->l2);
	table_cache_clear(&q->refblocks);
	for (unsigned int i = 0; q->extensions && i < q->extensions->len; i++)
		g_bytes_unref(g_array_index(q->extensions, struct qcow2_extension, i).data);
	if (q->extensions)
		g_array_free(q->extensions, TRUE);
	qcow2_free_snapshots(q);
	if (q->frees)
		g_array_free(q->frees, TRUE);
	g_free(q->l1);
	g_free(q->reftable);
	g_free(q->unpacked);
	if (q->helpers)
		g_thread_pool_free(q->helpers, FALSE, TRUE);
	aes_key_free(q->key);
}

static struct error *qcow2_set_key(struct image *img, const char *password)
{
	struct qcow2 *q = qcow2_of(img);

	if (!img->encrypted)
		return error_new("Image is not encrypted");
	aes_key_free(q->key);
	q->key = aes_key_new(password);
	img->key_missing = false;
	return NULL;
}

/* --- data --- */

static int qcow2_pread(struct image *img, uint64_t offset, void *buf, size_t len)
{
	return qcow2_do_read(img, offset, buf, len);
}

static int after_change(struct image *img, int err)
{
	if (!err && qcow2_of(img)->frees->len > MAX_PENDING_FREES)
		err = qcow2_write_back(img);
	return err;
}

static int qcow2_pwrite(struct image *img, uint64_t offset, const void *buf, size_t len)
{
	return after_change(img, qcow2_do_write(img, offset, buf, len));
}

static int qcow2_write_zeroes(struct image *img, uint64_t offset, uint64_t len, unsigned int flags)
{
	return after_change(img, qcow2_zero_range(img, offset, len, flags));
}

static int qcow2_discard(struct image *img, uint64_t offset, uint64_t len)
{
	return after_change(img, qcow2_discard_range(img, offset, len));
}

static int qcow2_write_prepared(struct image *img, uint64_t offset, const void *packed, size_t size)
{
	return after_change(img, qcow2_write_packed(img, offset, packed, size));
}

static int qcow2_write_compressed(struct image *img, uint64_t offset, const void *buf, size_t len)
{
	struct qcow2 *q = qcow2_of(img);
	uint8_t *whole = g_malloc0(q->cluster_size), *packed = g_malloc(q->cluster_size);
	int err;

	if (len > q->cluster_size || qcow2_offset_in_cluster(q, offset)) {
		err = EINVAL;
	} else {
		memcpy(whole, buf, len);
		size_t n = q->key ? 0 : qcow2_compress(img, whole, q->cluster_size, packed);
		err = n ? qcow2_write_packed(img, offset, packed, n)
			: qcow2_do_write(img, offset, buf, len);
	}
	g_free(packed);
	g_free(whole);
	return after_change(img, err);
}

static int qcow2_flush(struct image *img)
{
	return img->readonly ? 0 : qcow2_write_back(img);
}

/* --- VM state: behind the end of the disk --- */

static uint64_t vm_state_start(struct image *img)
{
	const struct qcow2 *q = qcow2_of(img);

	return (uint64_t)q->vm_state_l1 << (q->cluster_bits + q->l2_bits);
}

static int qcow2_vmstate_read(struct image *img, uint64_t offset, void *buf, size_t len)
{
	struct image *backing = img->backing;

	img->backing = NULL;
	int err = qcow2_do_read(img, vm_state_start(img) + offset, buf, len);
	img->backing = backing;
	return err;
}

static int qcow2_vmstate_write(struct image *img, uint64_t offset, const void *buf, size_t len)
{
	struct qcow2 *q = qcow2_of(img);
	struct image *backing = img->backing;
	uint64_t at = vm_state_start(img) + offset;

	if (offset > IMAGE_MAX_SIZE / 2 || len > IMAGE_MAX_SIZE / 2)
		return EFBIG;
	int err = qcow2_grow_l1(img, qcow2_l1_entries(q, at + len));
	img->backing = NULL;
	if (!err)
		err = qcow2_do_write(img, at, buf, len);
	img->backing = backing;
	return after_change(img, err);
}

static void qcow2_facts(struct image *img, GArray *facts)
{
	struct qcow2 *q = qcow2_of(img);
	bool v3 = q->version >= 3;

	image_fact_add(facts, "compat", "s", "%s", v3 ? "1.1" : "0.10");
	image_fact_add(facts, "compression type", "s", "%s", q->compression ? "zstd" : "zlib");
	if (!v3)
		goto encrypt;
	image_fact_add(facts, "lazy refcounts", "b", "%s",
		       q->compatible & COMPAT_LAZY_REFCOUNTS ? "true" : "false");
	image_fact_add(facts, "refcount bits", "n", "%u", 1u << q->refcount_order);
	image_fact_add(facts, "corrupt", "b", "%s",
		       q->incompatible & INCOMPAT_CORRUPT ? "true" : "false");
	image_fact_add(facts, "extended l2", "b", "false");
	return;
encrypt:
	image_fact_add(facts, "refcount bits", "n", "%u", 1u << q->refcount_order);
}

/* Tunings of QEMU's: the sizes of caches and what they hold are ours to choose. */
static bool qcow2_configure(struct image *img, const char *key, const char *value,
			    struct error **err)
{
	static const char *const tunings[] = {
		"lazy-refcounts",	  "cache-size",
		"l2-cache-size",	  "l2-cache-entry-size",
		"refcount-cache-size",	  "cache-clean-interval",
		"pass-discard-request",	  "pass-discard-snapshot",
		"pass-discard-other",	  "overlap-check",
		"overlap-check.template", NULL,
	};

	return crypt_configure(img, key, value, err) || g_strv_contains(tunings, key);
}

const struct image_driver qcow2_driver = {
	.name = "qcow2",
	.help = "copy on write, snapshots, compression",
	.supports_backing = true,
	.supports_compress = true,
	.state_size = sizeof(struct qcow2),
	.create_options = qcow2_options,
	.probe = qcow2_probe,
	.open = qcow2_open,
	.close = qcow2_close,
	.create = qcow2_create,
	.pread = qcow2_pread,
	.pwrite = qcow2_pwrite,
	.pwrite_compressed = qcow2_write_compressed,
	.compress = qcow2_compress,
	.pwrite_prepared = qcow2_write_prepared,
	.flush = qcow2_flush,
	.discard = qcow2_discard,
	.write_zeroes = qcow2_write_zeroes,
	.map = qcow2_map_range,
	.truncate = qcow2_truncate,
	.check = qcow2_check,
	.set_backing = qcow2_set_backing,
	.make_empty = qcow2_make_empty,
	.snapshot_list = qcow2_snapshot_list,
	.snapshot_create = qcow2_snapshot_create,
	.snapshot_goto = qcow2_snapshot_goto,
	.snapshot_delete = qcow2_snapshot_delete,
	.snapshot_load = qcow2_snapshot_load,
	.vmstate_read = qcow2_vmstate_read,
	.vmstate_write = qcow2_vmstate_write,
	.vmstate_offset = vm_state_start,
	.facts = qcow2_facts,
	.amend = qcow2_amend,
	.configure = qcow2_configure,
	.set_key = qcow2_set_key,
};
