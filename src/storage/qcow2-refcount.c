/* Reference counts: reading, changing, and finding free clusters. */
#include "storage/qcow2.h"

#include "base/bytes.h"

#include <errno.h>

static uint32_t counts_per_block(const struct qcow2 *q)
{
	return q->cluster_size * 8u >> q->refcount_order;
}

static uint64_t max_count(const struct qcow2 *q)
{
	return q->refcount_order == 6 ? INT64_MAX : (UINT64_C(1) << (1u << q->refcount_order)) - 1;
}

uint64_t qcow2_count_in_block(const struct qcow2 *q, const uint8_t *block, uint64_t i)
{
	unsigned int bits = 1u << q->refcount_order;

	switch (bits) {
	case 8: return block[i];
	case 16: return load_be16(block + 2 * i);
	case 32: return load_be32(block + 4 * i);
	case 64: return load_be64(block + 8 * i);
	default: return block[i * bits / 8] >> (i * bits % 8) & ((1u << bits) - 1);
	}
}

void qcow2_count_set_in_block(const struct qcow2 *q, uint8_t *block, uint64_t i, uint64_t n)
{
	unsigned int bits = 1u << q->refcount_order;
	unsigned int shift = i * bits % 8;

	switch (bits) {
	case 8: block[i] = (uint8_t)n; break;
	case 16: store_be16(block + 2 * i, (uint16_t)n); break;
	case 32: store_be32(block + 4 * i, (uint32_t)n); break;
	case 64: store_be64(block + 8 * i, n); break;
	default:
		block[i * bits / 8] =
			(uint8_t)((block[i * bits / 8] & ~(((1u << bits) - 1) << shift)) |
				  n << shift);
		break;
	}
}

/* --- blocks --- */

/* The block that counts a cluster; NULL where there is none yet. */
static int find_block(struct image *img, uint64_t cluster, struct table **t)
{
	struct qcow2 *q = qcow2_of(img);
	uint64_t index = cluster / counts_per_block(q);

	*t = NULL;
	if (index >= q->reftable_size || !q->reftable[index])
		return 0;
	uint64_t offset = q->reftable[index] & QCOW2_OFFSET_MASK;
	if (qcow2_offset_in_cluster(q, offset)) {
		qcow2_corrupt(img,
			      "Refblock offset %#" G_GINT64_MODIFIER "x unaligned (reftable "
			      "index: %#" G_GINT64_MODIFIER "x)",
			      offset, index);
		return EIO;
	}
	return qcow2_table_get(img, &q->refblocks, offset, false, t);
}

int qcow2_refcount_get(struct image *img, uint64_t cluster, uint64_t *count)
{
	struct qcow2 *q = qcow2_of(img);
	struct table *t;
	int err = find_block(img, cluster, &t);

	*count = t && !err ? qcow2_count_in_block(q, t->data, cluster % counts_per_block(q)) : 0;
	return err;
}

static void reftable_set(struct qcow2 *q, uint32_t index, uint64_t offset)
{
	bool clean = q->reftable_dirty_from == q->reftable_dirty_to;

	q->reftable[index] = offset;
	q->reftable_dirty_from = clean ? index : MIN(q->reftable_dirty_from, index);
	q->reftable_dirty_to = clean ? index + 1 : MAX(q->reftable_dirty_to, index + 1);
}

/* Would a cluster that counts as free overwrite what cannot be free? Then the counts are wrong. */
static bool overlaps_metadata(const struct qcow2 *q, uint64_t offset, uint64_t len)
{
	const struct {
		uint64_t offset, len;
	} parts[] = {
		{0, q->cluster_size},
		{q->l1_offset, q->l1_size * 8ull},
		{q->reftable_offset, q->reftable_size * 8ull},
		{q->snapshot_offset, q->snapshot_table_size},
	};

	for (unsigned int i = 0; i < G_N_ELEMENTS(parts); i++)
		if (parts[i].len && offset < parts[i].offset + parts[i].len &&
		    parts[i].offset < offset + len)
			return true;
	return false;
}

static int set_count(struct image *img, uint64_t cluster, uint64_t count);

/* Blocks that count `needed` clusters and themselves. */
static uint64_t blocks_for(const struct qcow2 *q, uint64_t needed)
{
	uint64_t rest = counts_per_block(q) - 1;

	return MAX((needed + rest - 1) / rest, 1);
}

/*
 * Room for `needed` clusters in one run, in ranges from `range` on that nothing counts yet: their
 * blocks lie together in front. The refcount table is long enough. *start: the first of the run.
 */
static int prepare_area(struct image *img, uint64_t range, uint64_t needed, uint64_t *start)
{
	struct qcow2 *q = qcow2_of(img);
	uint64_t blocks = blocks_for(q, needed), first = range * counts_per_block(q);
	int err = 0;

	if (overlaps_metadata(q, first << q->cluster_bits, (blocks + needed) << q->cluster_bits)) {
		qcow2_corrupt(img, "No refcount block for clusters that are in use");
		return EIO;
	}
	for (uint64_t i = 0; i < blocks && !err; i++) {
		struct table *t;
		err = qcow2_table_get(img, &q->refblocks, (first + i) << q->cluster_bits, true, &t);
		if (!err)
			reftable_set(q, (uint32_t)(range + i), (first + i) << q->cluster_bits);
	}
	for (uint64_t i = 0; i < blocks && !err; i++)
		err = set_count(img, first + i, 1);
	*start = first + blocks;
	return err;
}

/* How many entries a table needs that is to count `index` and, from there on, its own clusters. */
static uint64_t larger_reftable(const struct qcow2 *q, uint64_t index)
{
	uint64_t entries = MAX(index + 1, q->reftable_size + q->reftable_size / 2u);

	while (entries <= QCOW2_MAX_REFTABLE / 8) {
		uint64_t clusters = qcow2_clusters(q, entries * 8);
		entries = clusters * q->cluster_size / 8;
		uint64_t reach = index + blocks_for(q, clusters);
		if (reach <= entries)
			break;
		entries = reach;
	}
	return entries;
}

/* Fills the new table's area and switches the header to it. */
static int move_reftable(struct image *img, uint64_t index)
{
	struct qcow2 *q = qcow2_of(img);
	uint64_t clusters = qcow2_clusters(q, q->reftable_size * 8ull), first;
	uint8_t be[12];
	int err = prepare_area(img, index, clusters, &first);

	for (uint64_t i = 0; i < clusters && !err; i++)
		err = set_count(img, first + i, 1);
	if (err)
		return err;
	q->reftable_offset = first << q->cluster_bits;
	q->reftable_dirty_from = 0;
	q->reftable_dirty_to = q->reftable_size;
	err = qcow2_write_back(img);
	store_be64(be, q->reftable_offset);
	store_be32(be + 8, (uint32_t)clusters);
	return err ? err : qcow2_patch_header(img, H_REFTABLE_OFFSET, be, sizeof(be));
}

/* A larger table behind everything that is counted; its own clusters are counted like others. */
static int grow_reftable(struct image *img, uint64_t index)
{
	struct qcow2 *q = qcow2_of(img);
	uint64_t entries = larger_reftable(q, index), *old = q->reftable;
	uint64_t old_offset = q->reftable_offset;
	uint32_t old_size = q->reftable_size;

	if (entries > QCOW2_MAX_REFTABLE / 8)
		return EFBIG;
	/* The old table is made safe first, so that it is whole if the new one comes to nothing. */
	int err = qcow2_write_back(img);
	if (err)
		return err;
	q->reftable = g_new0(uint64_t, entries);
	memcpy(q->reftable, old, old_size * 8ull);
	q->reftable_size = (uint32_t)entries;
	err = move_reftable(img, index);
	if (!err) {
		g_free(old);
		qcow2_free_later(img, old_offset, old_size * 8ull);
		return 0;
	}
	for (uint64_t i = 0; i < entries; i++)
		if (q->reftable[i] && (i >= old_size || q->reftable[i] != old[i]))
			qcow2_table_forget(&q->refblocks, q->reftable[i] & QCOW2_OFFSET_MASK);
	g_free(q->reftable);
	q->reftable = old;
	q->reftable_size = old_size;
	q->reftable_offset = old_offset;
	q->reftable_dirty_from = q->reftable_dirty_to = 0;
	return err;
}

/* Makes the block that counts `cluster`: it takes the first free cluster of its own range. */
static int make_block(struct image *img, uint64_t cluster, struct table **t)
{
	struct qcow2 *q = qcow2_of(img);
	uint64_t index = cluster / counts_per_block(q);

	if (index >= q->reftable_size) {
		int err = grow_reftable(img, index);
		return err ? err : find_block(img, cluster, t);
	}
	/* Nothing in an uncounted range is in use, so its first cluster is free. */
	uint64_t offset = index * counts_per_block(q) << q->cluster_bits;
	if (overlaps_metadata(q, offset, q->cluster_size)) {
		qcow2_corrupt(img, "No refcount block for clusters that are in use");
		return EIO;
	}
	int err = qcow2_table_get(img, &q->refblocks, offset, true, t);
	if (err)
		return err;
	qcow2_count_set_in_block(q, (*t)->data, 0, 1);
	reftable_set(q, (uint32_t)index, offset);
	return 0;
}

static int set_count(struct image *img, uint64_t cluster, uint64_t count)
{
	struct qcow2 *q = qcow2_of(img);
	uint32_t i = (uint32_t)(cluster % counts_per_block(q));
	struct table *t;
	int err = find_block(img, cluster, &t);

	if (!err && !t)
		err = make_block(img, cluster, &t);
	if (err)
		return err;
	qcow2_count_set_in_block(q, t->data, i, count);
	uint32_t byte = (uint32_t)((uint64_t)i << q->refcount_order >> 3);
	qcow2_table_dirty(&q->refblocks, t, byte, MAX(1u, (1u << q->refcount_order) / 8));
	if (!count)
		q->free_hint = MIN(q->free_hint, cluster);
	return 0;
}

int qcow2_refcount_add(struct image *img, uint64_t offset, uint64_t len, int64_t delta)
{
	struct qcow2 *q = qcow2_of(img);

	if (!len)
		return 0;
	uint64_t last = (offset + len - 1) >> q->cluster_bits;
	for (uint64_t c = offset >> q->cluster_bits; c <= last; c++) {
		uint64_t count;
		int err = qcow2_refcount_get(img, c, &count);
		if (err)
			return err;
		if (delta < 0 && count < (uint64_t)-delta)
			return EINVAL;
		if (delta > 0 && count + (uint64_t)delta > max_count(q))
			return ERANGE;
		err = set_count(img, c, count + (uint64_t)delta);
		if (err)
			return err;
		if (count + (uint64_t)delta == 0 && (img->flags & IMAGE_DISCARD))
			image_discard(img->file, c << q->cluster_bits, q->cluster_size);
	}
	return 0;
}

/* --- allocating --- */

/* A run that may be longer than what one block counts: behind everything that is counted. */
static int find_large(struct image *img, uint64_t needed, uint64_t *first)
{
	struct qcow2 *q = qcow2_of(img);

	for (;;) {
		uint64_t range = q->reftable_size;
		while (range && !q->reftable[range - 1])
			range--;
		uint64_t reach = range + blocks_for(q, needed);
		if (reach <= q->reftable_size)
			return prepare_area(img, range, needed, first);
		int err = grow_reftable(img, reach);
		if (err)
			return err;
	}
}

/* The first run of up to `want` free clusters that has at least `least`. */
static int find_free(struct image *img, uint64_t want, uint64_t least, uint64_t *first,
		     uint64_t *found)
{
	struct qcow2 *q = qcow2_of(img);
	uint64_t per_block = counts_per_block(q), c = q->free_hint, run = 0;
	bool lowest = true; /* no free cluster met so far */

	while (run < want) {
		struct table *t;
		int err = find_block(img, c, &t);
		if (err)
			return err;
		if (!t) {
			/* An uncounted range: its block will take the first cluster. */
			if (run >= least)
				break;
			uint64_t start = c / per_block * per_block;
			if (run) {
				run = 0;
				c = start;
			}
			err = make_block(img, c, &t);
			if (err)
				return err;
			continue;
		}
		if (qcow2_count_in_block(q, t->data, c % per_block)) {
			if (run && run >= least)
				break;
			run = 0;
		} else {
			run++;
			if (lowest)
				q->free_hint = c;
			lowest = false;
		}
		c++;
		if (c << q->cluster_bits >= IMAGE_MAX_SIZE)
			return EFBIG;
	}
	*first = c - run;
	*found = run;
	if (overlaps_metadata(q, *first << q->cluster_bits, run << q->cluster_bits)) {
		qcow2_corrupt(
			img,
			"Preventing invalid allocation of a cluster at offset %#" G_GINT64_MODIFIER
			"x",
			*first << q->cluster_bits);
		return EIO;
	}
	return 0;
}

static int alloc(struct image *img, uint64_t want, uint64_t least, uint64_t *offset, uint64_t *got)
{
	struct qcow2 *q = qcow2_of(img);
	uint64_t first, n;

	if (q->broken)
		return EIO;
	/* Making a block may move things: look again until a search makes none. */
	bool large = least > counts_per_block(q) / 2;
	int err = large ? find_large(img, least, &first) : find_free(img, want, least, &first, &n);
	if (err)
		return err;
	if (large)
		n = least;
	for (uint64_t i = 0; i < n && !err; i++)
		err = set_count(img, first + i, 1);
	if (first == q->free_hint)
		q->free_hint = first + n;
	*offset = first << q->cluster_bits;
	*got = n;
	return err;
}

int qcow2_alloc(struct image *img, uint64_t count, uint64_t *offset)
{
	uint64_t got;

	return alloc(img, count, count, offset, &got);
}

int qcow2_alloc_run(struct image *img, uint64_t *count, uint64_t *offset)
{
	return alloc(img, *count, 1, offset, count);
}

int qcow2_alloc_bytes(struct image *img, uint32_t size, uint64_t *offset)
{
	struct qcow2 *q = qcow2_of(img);
	uint64_t at = q->pack_offset, cluster;
	int err;

	uint64_t room = at ? q->cluster_size - qcow2_offset_in_cluster(q, at) : 0;
	if (at && qcow2_offset_in_cluster(q, at) == 0)
		room = 0;
	if (room >= size) {
		err = qcow2_refcount_add(img, at, 1, 1);
		if (err != ERANGE) {
			*offset = at;
			q->pack_offset = at + size;
			return err;
		}
		room = 0; /* narrow counts: this cluster cannot have more users */
	}
	err = qcow2_alloc(img, 1, &cluster);
	if (err)
		return err;
	/* The next cluster happens to follow: go on across the border. */
	if (room && cluster == at + room) {
		err = qcow2_refcount_add(img, at, 1, 1);
		if (!err) {
			*offset = at;
			q->pack_offset = at + size;
			return 0;
		}
		if (err != ERANGE)
			return err;
	}
	*offset = cluster;
	q->pack_offset = cluster + size;
	return 0;
}

/* --- freeing --- */

void qcow2_free_later(struct image *img, uint64_t offset, uint64_t len)
{
	struct pending_free f = {offset, len};

	if (len)
		g_array_append_val(qcow2_of(img)->frees, f);
}

int qcow2_apply_frees(struct image *img)
{
	struct qcow2 *q = qcow2_of(img);
	GArray *frees = q->frees;
	int err = 0;

	q->frees = g_array_new(FALSE, FALSE, sizeof(struct pending_free));
	for (unsigned int i = 0; i < frees->len; i++) {
		struct pending_free *f = &g_array_index(frees, struct pending_free, i);
		int e = qcow2_refcount_add(img, f->offset, f->count, -1);
		/* Packed data may not go on in a cluster that is free now. */
		if (q->pack_offset &&
		    q->pack_offset >> q->cluster_bits == f->offset >> q->cluster_bits)
			q->pack_offset = 0;
		if (e)
			err = e;
	}
	g_array_free(frees, TRUE);
	if (err == EINVAL) {
		qcow2_corrupt(img, "Cluster freed that is not in use");
		err = 0;
	}
	return err;
}
