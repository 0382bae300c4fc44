/*
 * qemu-img check: counts every reference that the tables hold, compares with the stored counts and
 * with the "copied" bits, and repairs both.
 */
#include "storage/qcow2.h"

#include "base/bytes.h"

#include <errno.h>

/* More clusters than this are not checked: 1 GiB of counters. */
#define MAX_COUNTED (UINT64_C(1) << 28)

struct check {
	struct image *img;
	struct qcow2 *q;
	struct image_check *r;
	unsigned int fix;
	uint32_t *counts;
	uint64_t clusters;
};

static void tell(struct check *c, const char *format, ...) PRINTF(2, 3);

static void tell(struct check *c, const char *format, ...)
{
	va_list args;

	if (!c->r->out)
		return;
	va_start(args, format);
	vfprintf(c->r->out, format, args);
	va_end(args);
}

/* One reference more to every cluster of [offset, offset+len). */
static bool count(struct check *c, uint64_t offset, uint64_t len)
{
	if (!len)
		return true;
	uint64_t first = offset >> c->q->cluster_bits;
	uint64_t last = (offset + len - 1) >> c->q->cluster_bits;

	if (last >= c->clusters) {
		tell(c,
		     "ERROR: counting reference for region exceeding the end of the file by one "
		     "cluster or more: offset 0x%" G_GINT64_MODIFIER "x size 0x%" G_GINT64_MODIFIER
		     "x\n",
		     offset, len);
		c->r->corruptions++;
		return false;
	}
	for (uint64_t i = first; i <= last; i++)
		c->counts[i]++;
	return true;
}

/* --- collecting references --- */

static void check_entry(struct check *c, uint64_t entry, uint64_t *expected)
{
	struct qcow2 *q = c->q;
	uint64_t offset = entry & QCOW2_OFFSET_MASK;
	uint32_t size;

	if (entry & QCOW2_COMPRESSED) {
		if (entry & QCOW2_COPIED) {
			tell(c,
			     "ERROR: coffset=0x%" G_GINT64_MODIFIER "x: copied flag must never "
			     "be set for compressed clusters\n",
			     entry);
			c->r->corruptions++;
		}
		qcow2_compressed_span(q, entry, &offset, &size);
		count(c, offset, size);
		c->r->compressed_clusters++;
		c->r->allocated_clusters++;
		c->r->fragmented_clusters++;
		return;
	}
	if (!offset)
		return;
	if (qcow2_offset_in_cluster(q, offset)) {
		tell(c,
		     "ERROR offset=%" G_GINT64_MODIFIER "x: Cluster is not properly aligned; L2 "
		     "entry corrupted.\n",
		     offset);
		c->r->corruptions++;
		return;
	}
	count(c, offset, q->cluster_size);
	if (q->version < 3 || !(entry & QCOW2_ZERO)) {
		c->r->allocated_clusters++;
		if (*expected && *expected != offset)
			c->r->fragmented_clusters++;
		*expected = offset + q->cluster_size;
	}
}

static int check_l1(struct check *c, uint64_t offset, const uint64_t *l1, uint32_t size,
		    bool active)
{
	struct qcow2 *q = c->q;
	uint8_t *t = g_malloc(q->cluster_size);
	struct image_check saved = *c->r;
	uint64_t expected = 0;
	int err = 0;

	count(c, offset, size * 8ull);
	for (uint32_t i = 0; i < size && !err; i++) {
		uint64_t at = l1[i] & QCOW2_OFFSET_MASK;
		if (!at)
			continue;
		if (qcow2_offset_in_cluster(q, at)) {
			tell(c,
			     "ERROR l2_offset=%" G_GINT64_MODIFIER "x: Table is not cluster "
			     "aligned; L1 entry corrupted\n",
			     at);
			c->r->corruptions++;
			continue;
		}
		if (!count(c, at, q->cluster_size))
			continue;
		err = image_pread_padded(c->img->file, at, t, q->cluster_size);
		for (uint32_t j = 0; j < 1u << q->l2_bits && !err; j++)
			check_entry(c, load_be64(t + 8 * j), &expected);
	}
	if (!active) { /* the statistics are of the disk as it is now */
		c->r->allocated_clusters = saved.allocated_clusters;
		c->r->compressed_clusters = saved.compressed_clusters;
		c->r->fragmented_clusters = saved.fragmented_clusters;
	}
	g_free(t);
	return err;
}

static int check_snapshots(struct check *c)
{
	int err = 0;

	for (unsigned int i = 0; i < c->q->snapshots->len && !err; i++) {
		struct qcow2_snapshot *s =
			&g_array_index(c->q->snapshots, struct qcow2_snapshot, i);
		if (s->l1_size * 8ull > QCOW2_MAX_L1 || s->l1_offset > IMAGE_MAX_SIZE) {
			tell(c,
			     "ERROR snapshot %s: L1 table is too large; snapshot table entry "
			     "corrupted\n",
			     s->info.id);
			c->r->corruptions++;
			continue;
		}
		uint64_t *l1 = g_new0(uint64_t, MAX(s->l1_size, 1));
		err = image_pread_padded(c->img->file, s->l1_offset, l1, s->l1_size * 8ull);
		for (uint32_t j = 0; j < s->l1_size; j++)
			l1[j] = load_be64(&l1[j]);
		if (!err && qcow2_offset_in_cluster(c->q, s->l1_offset)) {
			tell(c, "ERROR snapshot %s: L1 table is not cluster aligned\n", s->info.id);
			c->r->corruptions++;
		} else if (!err) {
			err = check_l1(c, s->l1_offset, l1, s->l1_size, false);
		}
		g_free(l1);
	}
	count(c, c->q->snapshot_offset, c->q->snapshot_table_size);
	return err;
}

/* Bitmaps that another program keeps in the image. */
static int check_bitmaps(struct check *c)
{
	for (unsigned int i = 0; i < c->q->extensions->len; i++) {
		struct qcow2_extension *e =
			&g_array_index(c->q->extensions, struct qcow2_extension, i);
		size_t len;
		const uint8_t *p = g_bytes_get_data(e->data, &len);
		if (e->type != EXT_BITMAPS || len < 24)
			continue;
		uint64_t dir_size = load_be64(p + 8), dir = load_be64(p + 16), at = 0;
		if (dir_size > 1 << 20 || !count(c, dir, dir_size))
			continue;
		uint8_t *d = g_malloc(dir_size);
		int err = image_pread_padded(c->img->file, dir, d, dir_size);
		while (!err && at + 24 <= dir_size) {
			uint64_t table = load_be64(d + at);
			uint32_t entries = load_be32(d + at + 8);
			uint32_t extra = load_be32(d + at + 20), name = load_be16(d + at + 18);
			if (entries > 1 << 23 || !count(c, table, entries * 8ull))
				break;
			for (uint32_t j = 0; j < entries && !err; j++) {
				uint8_t be[8];
				err = image_pread_padded(c->img->file, table + 8ull * j, be, 8);
				uint64_t data = load_be64(be) & QCOW2_OFFSET_MASK;
				if (!err && data)
					count(c, data, c->q->cluster_size);
			}
			at = (at + 24 + extra + name + 7) & ~UINT64_C(7);
		}
		g_free(d);
		if (err)
			return err;
	}
	return 0;
}

static int check_reftable(struct check *c)
{
	struct qcow2 *q = c->q;

	count(c, q->reftable_offset, q->reftable_size * 8ull);
	for (uint32_t i = 0; i < q->reftable_size; i++) {
		uint64_t at = q->reftable[i] & QCOW2_OFFSET_MASK;
		if (!at)
			continue;
		if (qcow2_offset_in_cluster(q, at)) {
			tell(c,
			     "ERROR refcount block %u is not cluster aligned; refcount table "
			     "entry corrupted\n",
			     i);
			c->r->corruptions++;
		} else if (at >> q->cluster_bits >= c->clusters) {
			tell(c, "ERROR refcount block %u is outside image\n", i);
			c->r->corruptions++;
		} else {
			count(c, at, q->cluster_size);
			if (c->counts[at >> q->cluster_bits] != 1) {
				tell(c, "ERROR refcount block %u refcount=%u\n", i,
				     c->counts[at >> q->cluster_bits]);
				c->r->corruptions++;
			}
		}
	}
	return 0;
}

/* --- comparing --- */

/* Stored counts against what was found. */
static int compare(struct check *c)
{
	struct qcow2 *q = c->q;
	uint64_t highest = 0;

	for (uint64_t i = 0; i < c->clusters; i++) {
		uint64_t stored, found = c->counts[i];
		int err = qcow2_refcount_get(c->img, i, &stored);
		if (err) {
			c->r->check_errors++;
			continue;
		}
		if (stored || found)
			highest = i + 1;
		if (stored == found)
			continue;
		bool leak = stored > found;
		bool fix = c->fix & (leak ? CHECK_FIX_LEAKS : CHECK_FIX_ERRORS);
		tell(c,
		     "%s cluster %" G_GUINT64_FORMAT " refcount=%" G_GUINT64_FORMAT
		     " reference=%" G_GUINT64_FORMAT "\n",
		     fix    ? "Repairing"
		     : leak ? "Leaked"
			    : "ERROR",
		     i, stored, found);
		if (fix)
			fix = !qcow2_refcount_add(c->img, i << q->cluster_bits, 1,
						  (int64_t)(found - stored));
		if (fix && leak)
			c->r->leaks_fixed++;
		else if (fix)
			c->r->corruptions_fixed++;
		else if (leak)
			c->r->leaks++;
		else
			c->r->corruptions++;
	}
	c->r->image_end_offset = highest << q->cluster_bits;
	return 0;
}

/* Tells what is wrong with the counts, then mends it as far as it is asked to. */
static int compare_and_fix(struct check *c)
{
	const struct image_check before = *c->r;
	const unsigned int fix = c->fix;

	c->fix = 0;
	int err = compare(c);
	c->fix = fix;
	if (err || !fix || (c->r->leaks == before.leaks && c->r->corruptions == before.corruptions))
		return err;
	*c->r = before;
	return compare(c);
}

/* Is the bit right for the count as it is stored now? Counts and repairs. */
static bool copied_is_wrong(struct check *c, uint64_t entry, const char *what, uint64_t index)
{
	struct qcow2 *q = c->q;
	uint64_t stored;
	uint64_t cluster = (entry & QCOW2_OFFSET_MASK) >> q->cluster_bits;

	if (cluster >= c->clusters || qcow2_offset_in_cluster(q, entry & QCOW2_OFFSET_MASK))
		return false;
	bool copied = entry & QCOW2_COPIED;
	if (qcow2_refcount_get(c->img, cluster, &stored) || copied == (stored == 1))
		return false;
	/* Who takes leaks away gives clusters back to a single user. */
	bool fix = (c->fix & CHECK_FIX_ERRORS) || ((c->fix & CHECK_FIX_LEAKS) && c->r->leaks_fixed);
	bool l2 = *what == 'L';
	char *where = l2 ? g_strdup_printf("l1_index=%" G_GUINT64_FORMAT " l1_entry", index)
			 : g_strdup("l2_entry");
	tell(c, "%s OFLAG_COPIED %s: %s=%" G_GINT64_MODIFIER "x refcount=%" G_GUINT64_FORMAT "\n",
	     fix ? "Repairing" : "ERROR", what, where, entry, stored);
	g_free(where);
	if (fix)
		c->r->corruptions_fixed++;
	else
		c->r->corruptions++;
	return fix;
}

static int check_copied(struct check *c)
{
	struct qcow2 *q = c->q;

	for (uint32_t i = 0; i < q->l1_size; i++) {
		uint64_t at = q->l1[i] & QCOW2_OFFSET_MASK;
		struct table *t;
		if (!at || qcow2_offset_in_cluster(q, at) || at >= c->img->file->size)
			continue;
		if (copied_is_wrong(c, q->l1[i], "L2 cluster", i))
			qcow2_l1_set(q, i, q->l1[i] ^ QCOW2_COPIED);
		int err = qcow2_table_get(c->img, &q->l2, at, false, &t);
		if (err)
			return err;
		for (uint32_t j = 0; j < 1u << q->l2_bits; j++) {
			uint64_t e = load_be64(t->data + 8 * j);
			if ((e & QCOW2_COMPRESSED) || !(e & QCOW2_OFFSET_MASK) ||
			    !copied_is_wrong(c, e, "data cluster", j))
				continue;
			store_be64(t->data + 8 * j, e ^ QCOW2_COPIED);
			qcow2_table_dirty(&q->l2, t, 8 * j, 8);
		}
	}
	return 0;
}

static int run(struct check *c)
{
	int err;

	count(c, 0, c->q->cluster_size);
	err = check_l1(c, c->q->l1_offset, c->q->l1, c->q->l1_size, true);
	if (!err)
		err = check_snapshots(c);
	if (!err)
		err = check_bitmaps(c);
	if (!err)
		err = check_reftable(c);
	if (!err)
		err = compare_and_fix(c);
	if (!err)
		err = check_copied(c);
	return err;
}

struct error *qcow2_check(struct image *img, unsigned int fix, struct image_check *r)
{
	struct qcow2 *q = qcow2_of(img);
	struct check c = {.img = img, .q = q, .r = r, .fix = img->readonly ? 0 : fix};

	c.clusters = qcow2_clusters(q, img->file->size);
	if (c.clusters > MAX_COUNTED)
		return error_errno(EFBIG, "Image is too large to be checked");
	int err = img->readonly ? 0 : qcow2_write_back(img);
	r->total_clusters = qcow2_clusters(q, img->size);
	c.clusters = MAX(c.clusters, qcow2_clusters(q, img->file->size));
	c.counts = g_new0(uint32_t, MAX(c.clusters, 1));
	if (!err)
		err = run(&c);
	g_free(c.counts);
	if (!err && c.fix) {
		err = qcow2_write_back(img);
		if (!err)
			err = image_flush(img->file);
		if (!err && !r->corruptions && !r->check_errors) {
			q->broken = false;
			err = qcow2_set_incompatible(
				img,
				q->incompatible & ~(uint64_t)(INCOMPAT_DIRTY | INCOMPAT_CORRUPT));
		}
	}
	return err ? error_errno(err, "Check failed") : NULL;
}
