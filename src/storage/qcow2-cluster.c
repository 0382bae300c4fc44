/* From guest offsets to clusters: reading, writing, zeroing, discarding, mapping. */
#include "storage/qcow2.h"

#include "base/bytes.h"
#include "storage/crypt.h"

#include <errno.h>

/* Clusters allocated and written in one go. */
#define MAX_RUN_BYTES (2u << 20)

uint32_t qcow2_l2_index(const struct qcow2 *q, uint64_t offset)
{
	return (uint32_t)(offset >> q->cluster_bits) & ((1u << q->l2_bits) - 1);
}

static uint64_t l1_index(const struct qcow2 *q, uint64_t offset)
{
	return offset >> (q->cluster_bits + q->l2_bits);
}

uint64_t qcow2_entry_get(const struct table *t, uint32_t index)
{
	return load_be64(t->data + 8 * index);
}

void qcow2_entry_set(struct qcow2 *q, struct table *t, uint32_t index, uint64_t entry)
{
	store_be64(t->data + 8 * index, entry);
	qcow2_table_dirty(&q->l2, t, 8 * index, 8);
}

/* --- what an entry says --- */

static bool is_compressed(uint64_t entry)
{
	return entry & QCOW2_COMPRESSED;
}

static bool is_zero(const struct qcow2 *q, uint64_t entry)
{
	return q->version >= 3 && !is_compressed(entry) && (entry & QCOW2_ZERO);
}

/* Bytes of this cluster are decided here, not by the backing image. */
static bool is_allocated(const struct qcow2 *q, uint64_t entry)
{
	return is_compressed(entry) || is_zero(q, entry) || (entry & QCOW2_OFFSET_MASK);
}

/* Clusters of data in the file. */
static bool is_data(const struct qcow2 *q, uint64_t entry)
{
	return !is_compressed(entry) && !is_zero(q, entry) && (entry & QCOW2_OFFSET_MASK);
}

/* May be overwritten in place. */
static bool is_own(const struct qcow2 *q, uint64_t entry)
{
	return is_data(q, entry) && (entry & QCOW2_COPIED);
}

/* Reads as zeroes, and has a cluster for when it does no longer. */
static bool is_reserved(const struct qcow2 *q, uint64_t entry)
{
	return is_zero(q, entry) && (entry & QCOW2_OFFSET_MASK) && (entry & QCOW2_COPIED);
}

static int check_offset(struct image *img, uint64_t entry)
{
	struct qcow2 *q = qcow2_of(img);
	uint64_t offset = entry & QCOW2_OFFSET_MASK;

	if (!qcow2_offset_in_cluster(q, offset))
		return 0;
	qcow2_corrupt(img, "Cluster allocation offset %#" G_GINT64_MODIFIER "x unaligned", offset);
	return EIO;
}

/* --- L2 tables --- */

int qcow2_l2_find(struct image *img, uint64_t offset, struct table **t)
{
	struct qcow2 *q = qcow2_of(img);
	uint64_t i = l1_index(q, offset);

	*t = NULL;
	if (i >= q->l1_size)
		return 0;
	uint64_t at = q->l1[i] & QCOW2_OFFSET_MASK;
	if (!at)
		return 0;
	if (qcow2_offset_in_cluster(q, at)) {
		qcow2_corrupt(img,
			      "L2 table offset %#" G_GINT64_MODIFIER
			      "x unaligned (L1 index: %#" G_GINT64_MODIFIER "x)",
			      at, i);
		return EIO;
	}
	return qcow2_table_get(img, &q->l2, at, false, t);
}

int qcow2_l2_for_write(struct image *img, uint64_t offset, struct table **t)
{
	struct qcow2 *q = qcow2_of(img);
	uint64_t i = l1_index(q, offset), at;
	struct table *old;

	if (i >= q->l1_size)
		return EIO;
	int err = qcow2_l2_find(img, offset, &old);
	if (err || (old && (q->l1[i] & QCOW2_COPIED))) {
		*t = old;
		return err;
	}
	uint8_t *copy = old ? g_memdup2(old->data, q->cluster_size) : NULL;
	uint64_t old_offset = old ? old->offset : 0;
	err = qcow2_alloc(img, 1, &at);
	if (!err)
		err = qcow2_table_get(img, &q->l2, at, true, t);
	if (!err) {
		if (copy)
			memcpy((*t)->data, copy, q->cluster_size);
		qcow2_l1_set(q, (uint32_t)i, at | QCOW2_COPIED);
		if (old_offset) /* a snapshot's now; what it names is counted for both */
			qcow2_free_later(img, old_offset, 1);
	}
	g_free(copy);
	return err;
}

void qcow2_free_entry(struct image *img, uint64_t entry)
{
	struct qcow2 *q = qcow2_of(img);

	if (is_compressed(entry)) {
		uint64_t offset;
		uint32_t size;
		qcow2_compressed_span(q, entry, &offset, &size);
		qcow2_free_later(img, offset, size);
		q->unpacked_offset = UINT64_MAX;
	} else if (entry & QCOW2_OFFSET_MASK) {
		qcow2_free_later(img, entry & QCOW2_OFFSET_MASK, 1);
	}
}

/* --- reading --- */

static int read_data(struct image *img, uint64_t at, uint64_t offset, uint8_t *buf, size_t len)
{
	struct qcow2 *q = qcow2_of(img);

	if (!q->key)
		return image_pread_padded(img->file, at, buf, len);
	/* Whole sectors are decrypted. */
	size_t skip = offset & 511, span = (skip + len + 511) & ~(size_t)511;
	uint8_t *plain = g_malloc(span);
	int err = image_pread_padded(img->file, at - skip, plain, span);
	if (!err) {
		aes_decrypt_sectors(q->key, offset / 512, plain, span);
		memcpy(buf, plain + skip, len);
	}
	g_free(plain);
	return err;
}

/*
 * Bytes from `offset` on, at most `len`, that one rule covers: entries of the same kind, for data
 * with clusters that follow each other in the file. `entry` is the first's.
 */
static uint64_t extent_length(const struct qcow2 *q, const struct table *t, uint64_t offset,
			      uint64_t len, uint64_t *entry)
{
	uint32_t i = qcow2_l2_index(q, offset), last = 1u << q->l2_bits;
	uint64_t n = q->cluster_size - qcow2_offset_in_cluster(q, offset);
	uint64_t first = *entry = qcow2_entry_get(t, i);

	if (is_compressed(first))
		return MIN(n, len);
	for (i++; i < last && n < len; i++, n += q->cluster_size) {
		uint64_t e = qcow2_entry_get(t, i);
		if (is_compressed(e) || is_zero(q, e) != is_zero(q, first) ||
		    is_allocated(q, e) != is_allocated(q, first))
			break;
		uint64_t want =
			(first & QCOW2_OFFSET_MASK) + n + qcow2_offset_in_cluster(q, offset);
		if ((first & QCOW2_OFFSET_MASK) ? (e & QCOW2_OFFSET_MASK) != want
						: (e & QCOW2_OFFSET_MASK) != 0)
			break;
	}
	return MIN(n, len);
}

static int read_extent(struct image *img, uint64_t offset, uint8_t *buf, size_t len, size_t *done)
{
	struct qcow2 *q = qcow2_of(img);
	struct table *t;
	uint64_t entry = 0;
	size_t want = len;
	int err = qcow2_l2_find(img, offset, &t);

	if (err)
		return err;
	if (t) {
		len = extent_length(q, t, offset, len, &entry);
	} else { /* up to the end of what the L1 entry covers */
		uint64_t span = (uint64_t)q->cluster_size << q->l2_bits;
		len = MIN(len, span - (offset & (span - 1)));
	}
	*done = len;
	if (is_compressed(entry))
		return qcow2_read_packed(img, t, offset, buf, want, done);
	if (is_zero(q, entry)) {
		memset(buf, 0, len);
		return 0;
	}
	if (!is_allocated(q, entry))
		return image_read_backing(img, offset, buf, len);
	err = check_offset(img, entry);
	return err ? err
		   : read_data(img,
			       (entry & QCOW2_OFFSET_MASK) + qcow2_offset_in_cluster(q, offset),
			       offset, buf, len);
}

int qcow2_do_read(struct image *img, uint64_t offset, uint8_t *buf, size_t len)
{
	int err = 0;

	while (len && !err) {
		size_t done = 0;
		err = read_extent(img, offset, buf, len, &done);
		offset += done;
		buf += done;
		len -= done;
	}
	return err;
}

/* --- writing --- */

/* Writes guest bytes at a place in the file, encrypted where that is asked. Whole sectors then. */
static int write_data(struct image *img, uint64_t at, uint64_t offset, const uint8_t *buf,
		      size_t len)
{
	struct qcow2 *q = qcow2_of(img);

	if (!q->key)
		return image_pwrite(img->file, at, buf, len);
	uint8_t *secret = g_memdup2(buf, len);
	aes_encrypt_sectors(q->key, offset / 512, secret, len);
	int err = image_pwrite(img->file, at, secret, len);
	g_free(secret);
	return err;
}

/* An own cluster is written in place; with encryption partial sectors are read first. */
static int write_in_place(struct image *img, uint64_t at, uint64_t offset, const uint8_t *buf,
			  size_t len)
{
	struct qcow2 *q = qcow2_of(img);

	if (!q->key || !((offset | len) & 511))
		return write_data(img, at, offset, buf, len);
	size_t skip = offset & 511, span = (skip + len + 511) & ~(size_t)511;
	uint8_t *whole = g_malloc(span);
	int err = read_data(img, at - skip, offset - skip, whole, span);
	if (!err) {
		memcpy(whole + skip, buf, len);
		err = write_data(img, at - skip, offset - skip, whole, span);
	}
	g_free(whole);
	return err;
}

/* Clusters from `offset` on that have to be allocated, up to `want`. */
static uint64_t count_foreign(const struct qcow2 *q, const struct table *t, uint64_t offset,
			      uint64_t want)
{
	uint32_t i = qcow2_l2_index(q, offset), end = 1u << q->l2_bits;
	uint64_t n = 0;

	while (n < want && i < end && !is_own(q, qcow2_entry_get(t, i)) &&
	       !is_reserved(q, qcow2_entry_get(t, i))) {
		n++;
		i++;
	}
	return n;
}

static uint64_t count_own(const struct qcow2 *q, const struct table *t, uint64_t offset,
			  uint64_t want)
{
	uint32_t i = qcow2_l2_index(q, offset), end = 1u << q->l2_bits;
	uint64_t n = 0, at = qcow2_entry_get(t, i) & QCOW2_OFFSET_MASK;

	while (n < want && i < end && is_own(q, qcow2_entry_get(t, i)) &&
	       (qcow2_entry_get(t, i) & QCOW2_OFFSET_MASK) == at + (n << q->cluster_bits)) {
		n++;
		i++;
	}
	return n;
}

/* True where the clusters' present bytes are zeroes for sure. */
static bool reads_zero(struct image *img, uint64_t start, uint64_t entry)
{
	const struct qcow2 *q = qcow2_of(img);

	if (is_zero(q, entry))
		return true;
	return !is_allocated(q, entry) && (!img->backing || start >= img->backing->size);
}

/*
 * Fills new clusters at `at` with [offset, offset+len) of `buf`, and around it with what the guest
 * sees there now. Behind the old end of the file nothing needs to be written for zeroes.
 */
static int fill_clusters(struct image *img, uint64_t at, bool fresh_end, uint64_t first_entry,
			 uint64_t last_entry, uint64_t offset, const uint8_t *buf, size_t len)
{
	struct qcow2 *q = qcow2_of(img);
	uint64_t head = qcow2_offset_in_cluster(q, offset);
	uint64_t start = offset - head, end = offset + len;
	uint64_t tail = (q->cluster_size - qcow2_offset_in_cluster(q, end)) & (q->cluster_size - 1);
	uint64_t last = (end - 1) & ~(uint64_t)(q->cluster_size - 1);
	int err = 0;

	if (!head && !tail)
		return write_data(img, at, offset, buf, len);
	if (fresh_end && !q->key && (!head || reads_zero(img, start, first_entry)) &&
	    (!tail || reads_zero(img, last, last_entry)))
		return image_pwrite(img->file, at + head, buf, len);
	uint8_t *whole = g_malloc(head + len + tail);
	if (head)
		err = qcow2_do_read(img, start, whole, head);
	if (!err && tail)
		err = qcow2_do_read(img, end, whole + head + len, tail);
	if (!err) {
		memcpy(whole + head, buf, len);
		err = write_data(img, at, start, whole, head + len + tail);
	}
	g_free(whole);
	return err;
}

static int write_new(struct image *img, uint64_t offset, const uint8_t *buf, size_t len,
		     uint64_t clusters, size_t *done)
{
	struct qcow2 *q = qcow2_of(img);
	uint32_t i = qcow2_l2_index(q, offset);
	uint64_t at, head = qcow2_offset_in_cluster(q, offset);
	struct table *t;

	clusters = MIN(clusters, MAX(MAX_RUN_BYTES >> q->cluster_bits, 1));
	int err = qcow2_alloc_run(img, &clusters, &at);
	if (err)
		return err;
	len = MIN(len, (clusters << q->cluster_bits) - head);
	*done = len;
	bool fresh_end = img->file->zero_init && at >= img->file->size;
	err = qcow2_l2_for_write(img, offset, &t);
	if (err)
		return err;
	uint64_t first = qcow2_entry_get(t, i),
		 last = qcow2_entry_get(t, i + (uint32_t)clusters - 1);
	err = fill_clusters(img, at, fresh_end, first, last, offset, buf, len);
	if (err) { /* nothing points at them yet */
		qcow2_refcount_add(img, at, clusters << q->cluster_bits, -1);
		return err;
	}
	err = qcow2_l2_for_write(img, offset, &t); /* reading may have pushed it out */
	for (uint64_t n = 0; n < clusters && !err; n++) {
		qcow2_free_entry(img, qcow2_entry_get(t, i + (uint32_t)n));
		qcow2_entry_set(q, t, i + (uint32_t)n,
				(at + (n << q->cluster_bits)) | QCOW2_COPIED);
	}
	return err;
}

/* Zero clusters that have space of their own get their bytes there, one at a time. */
static int write_reserved(struct image *img, uint64_t entry, uint64_t offset, const uint8_t *buf,
			  size_t len, size_t *done)
{
	struct qcow2 *q = qcow2_of(img);
	uint64_t head = qcow2_offset_in_cluster(q, offset), at = entry & QCOW2_OFFSET_MASK;
	struct table *t;
	int err = check_offset(img, entry);

	*done = len = MIN(len, q->cluster_size - head);
	if (!err && len == q->cluster_size) {
		err = write_data(img, at, offset, buf, len);
	} else if (!err) {
		uint8_t *whole = g_malloc0(q->cluster_size);
		memcpy(whole + head, buf, len);
		err = write_data(img, at, offset - head, whole, q->cluster_size);
		g_free(whole);
	}
	if (!err)
		err = qcow2_l2_for_write(img, offset, &t);
	if (!err)
		qcow2_entry_set(q, t, qcow2_l2_index(q, offset), entry & ~QCOW2_ZERO);
	return err;
}

static int write_extent(struct image *img, uint64_t offset, const uint8_t *buf, size_t len,
			size_t *done)
{
	struct qcow2 *q = qcow2_of(img);
	uint64_t head = qcow2_offset_in_cluster(q, offset);
	uint64_t want = qcow2_clusters(q, head + len);
	struct table *t;
	int err = qcow2_l2_for_write(img, offset, &t);

	if (err)
		return err;
	uint64_t own = count_own(q, t, offset, want);
	uint64_t entry = qcow2_entry_get(t, qcow2_l2_index(q, offset));
	if (is_reserved(q, entry))
		return write_reserved(img, entry, offset, buf, len, done);
	if (!own)
		return write_new(img, offset, buf, len, count_foreign(q, t, offset, want), done);
	err = check_offset(img, entry);
	*done = MIN(len, (own << q->cluster_bits) - head);
	return err ? err
		   : write_in_place(img, (entry & QCOW2_OFFSET_MASK) + head, offset, buf, *done);
}

int qcow2_do_write(struct image *img, uint64_t offset, const uint8_t *buf, size_t len)
{
	int err = 0;

	if (qcow2_of(img)->broken)
		return EIO;
	while (len && !err) {
		size_t done = 0;
		err = write_extent(img, offset, buf, len, &done);
		offset += done;
		buf += done;
		len -= done;
	}
	return err;
}

/* --- zeroing and discarding --- */

enum drop {
	DROP_TO_ZERO, /* version 3 says so of the cluster */
	DROP_UNUSED,  /* reads as zeroes, which need not be said where nothing is below */
	DROP_EMPTY,   /* nothing at all: what is below shows */
};

/* Gives up what a whole cluster holds. */
static int drop_cluster(struct image *img, uint64_t offset, bool keep_space, enum drop to)
{
	struct qcow2 *q = qcow2_of(img);
	uint32_t i = qcow2_l2_index(q, offset);
	struct table *t;
	int err = qcow2_l2_find(img, offset, &t);

	if (err)
		return err;
	bool unsaid =
		to == DROP_EMPTY || (!img->backing_file && (to == DROP_UNUSED || q->version < 3));
	bool drop = to == DROP_EMPTY;
	uint64_t old = t ? qcow2_entry_get(t, i) : 0;
	if (!drop && is_zero(q, old) && (keep_space || !(old & QCOW2_OFFSET_MASK)))
		return 0;
	if (!is_allocated(q, old) && unsaid)
		return 0;
	err = qcow2_l2_for_write(img, offset, &t);
	if (err)
		return err;
	old = qcow2_entry_get(t, i);
	if (keep_space && is_own(q, old) && q->version >= 3) {
		qcow2_entry_set(q, t, i, old | QCOW2_ZERO);
		return 0;
	}
	qcow2_free_entry(img, old);
	qcow2_entry_set(q, t, i, !drop && q->version >= 3 ? QCOW2_ZERO : 0);
	return 0;
}

static bool range_is_zero(struct image *img, uint64_t at, uint64_t end)
{
	struct image_extent e;
	unsigned int depth;

	for (; at < end; at += e.length)
		if (image_map_chain(img, NULL, at, end - at, &e, &depth, NULL) ||
		    (!e.zero && (e.allocated || e.data)))
			return false;
	return true;
}

/* Where the rest of the cluster is zeroes already, which no cluster of its own says, the whole
 * becomes a zero cluster: that takes no space. */
static bool whole_is_zero(struct image *img, uint64_t offset, uint64_t len)
{
	struct qcow2 *q = qcow2_of(img);
	const uint64_t start = offset & ~(uint64_t)(q->cluster_size - 1);
	const uint64_t end = MIN(start + q->cluster_size, img->size);
	struct table *t;

	if (q->version < 3 || qcow2_l2_find(img, offset, &t))
		return false;
	uint64_t entry = t ? qcow2_entry_get(t, qcow2_l2_index(q, offset)) : 0;
	return (is_zero(q, entry) || !is_allocated(q, entry)) &&
	       range_is_zero(img, start, offset) && range_is_zero(img, offset + len, end);
}

static int write_zero_bytes(struct image *img, uint64_t offset, uint64_t len)
{
	struct qcow2 *q = qcow2_of(img);
	struct table *t;
	int err = qcow2_l2_find(img, offset, &t);

	if (err)
		return err;
	uint64_t entry = t ? qcow2_entry_get(t, qcow2_l2_index(q, offset)) : 0;
	if (reads_zero(img, offset & ~(uint64_t)(q->cluster_size - 1), entry))
		return 0;
	uint8_t *zeroes = g_malloc0(len);
	err = qcow2_do_write(img, offset, zeroes, len);
	g_free(zeroes);
	return err;
}

int qcow2_zero_range(struct image *img, uint64_t offset, uint64_t len, unsigned int flags)
{
	struct qcow2 *q = qcow2_of(img);
	uint64_t end = offset + len;
	int err = 0;

	if (q->broken)
		return EIO;
	while (offset < end && !err) {
		uint64_t n =
			MIN(end - offset, q->cluster_size - qcow2_offset_in_cluster(q, offset));
		/* the last cluster of the disk counts as whole, wherever the disk ends */
		bool whole = !qcow2_offset_in_cluster(q, offset) &&
			     (n == q->cluster_size || offset + n == img->size);
		if (whole && (q->version >= 3 || !img->backing_file))
			err = drop_cluster(img, offset, !(flags & IMAGE_UNMAP), DROP_TO_ZERO);
		else if (whole_is_zero(img, offset, n))
			err = drop_cluster(img, offset, true, DROP_TO_ZERO);
		else
			err = write_zero_bytes(img, offset, n);
		offset += n;
	}
	return err;
}

int qcow2_discard_range(struct image *img, uint64_t offset, uint64_t len)
{
	struct qcow2 *q = qcow2_of(img);
	uint64_t end = offset + len;
	int err = 0;

	if (q->broken)
		return EIO;
	offset = (offset + q->cluster_size - 1) & ~(uint64_t)(q->cluster_size - 1);
	if (end != img->size)
		end &= ~(uint64_t)(q->cluster_size - 1);
	/* Version 2 cannot say "zero": with a backing image its bytes would show through. */
	if (q->version < 3 && img->backing_file)
		return 0;
	for (; offset < end && !err; offset += q->cluster_size)
		err = drop_cluster(img, offset, false, DROP_UNUSED);
	return err;
}

int qcow2_make_empty(struct image *img)
{
	struct qcow2 *q = qcow2_of(img);
	int err = 0;

	for (uint64_t offset = 0; offset < img->size && !err; offset += q->cluster_size) {
		uint64_t span = (uint64_t)q->cluster_size << q->l2_bits;
		if (!(offset & (span - 1)) && !(q->l1[l1_index(q, offset)] & QCOW2_OFFSET_MASK)) {
			offset += span - q->cluster_size;
			continue;
		}
		err = drop_cluster(img, offset, false, DROP_EMPTY);
	}
	return err ? err : qcow2_write_back(img);
}

/* --- mapping --- */

int qcow2_map_range(struct image *img, uint64_t offset, uint64_t len, struct image_extent *e)
{
	struct qcow2 *q = qcow2_of(img);
	uint64_t entry = 0;
	struct table *t;
	int err = qcow2_l2_find(img, offset, &t);

	if (err)
		return err;
	*e = (struct image_extent){0};
	if (t) {
		e->length = extent_length(q, t, offset, len, &entry);
	} else {
		uint64_t span = (uint64_t)q->cluster_size << q->l2_bits;
		e->length = MIN(len, span - (offset & (span - 1)));
	}
	e->allocated = is_allocated(q, entry);
	e->compressed = is_compressed(entry);
	e->zero = is_zero(q, entry) || (!e->allocated && !img->backing_file);
	e->data = e->compressed || is_data(q, entry);
	if (e->data && !e->compressed) {
		err = check_offset(img, entry);
		e->has_offset = !q->key;
		e->offset = (entry & QCOW2_OFFSET_MASK) + qcow2_offset_in_cluster(q, offset);
	}
	if (is_zero(q, entry) && (entry & QCOW2_OFFSET_MASK)) {
		e->has_offset = true;
		e->offset = (entry & QCOW2_OFFSET_MASK) + qcow2_offset_in_cluster(q, offset);
	}
	return err;
}

/* --- L1 --- */
