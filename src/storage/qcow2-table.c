/* Cached tables of a qcow2 image, its header's small fields, and the order of writing back. */
#include "storage/qcow2.h"

#include "base/bytes.h"

#include <errno.h>

/* --- cache --- */

static void table_free(void *opaque)
{
	struct table *t = opaque;

	g_free(t->data);
	g_free(t);
}

void table_cache_init(struct table_cache *c, unsigned int max)
{
	c->map = g_hash_table_new_full(g_int64_hash, g_int64_equal, NULL, table_free);
	c->max = max;
}

void table_cache_clear(struct table_cache *c)
{
	if (c->map)
		g_hash_table_destroy(c->map);
	c->map = NULL;
}

static struct table *oldest_clean(struct table_cache *c)
{
	struct table *t, *oldest = NULL;
	GHashTableIter i;

	g_hash_table_iter_init(&i, c->map);
	while (g_hash_table_iter_next(&i, NULL, (void **)&t))
		if (t->dirty_from == t->dirty_to && (!oldest || t->used < oldest->used))
			oldest = t;
	return oldest;
}

/* Makes room for one table more. */
static int make_room(struct image *img, struct table_cache *c)
{
	if (g_hash_table_size(c->map) < c->max)
		return 0;
	struct table *t = oldest_clean(c);
	if (!t) {
		int err = qcow2_write_back(img);
		if (err)
			return err;
		t = oldest_clean(c);
	}
	c->last = NULL;
	if (t)
		g_hash_table_remove(c->map, &t->offset);
	return 0;
}

int qcow2_table_get(struct image *img, struct table_cache *c, uint64_t offset, bool fresh,
		    struct table **out)
{
	struct qcow2 *q = qcow2_of(img);
	struct table *t = c->last;

	if (!t || t->offset != offset)
		t = g_hash_table_lookup(c->map, &offset);
	if (!t) {
		int err = make_room(img, c);
		if (err)
			return err;
		/* A table has to lie in the file; new ones are written before they are read. */
		if (!fresh && offset >= img->file->size)
			return EIO;
		t = g_new0(struct table, 1);
		t->offset = offset;
		t->data = g_malloc(q->cluster_size);
		if (!fresh) {
			image_event(img->file, c == &q->l2 ? "l2_load" : "refblock_load");
			err = image_pread_padded(img->file, offset, t->data, q->cluster_size);
			if (err) {
				table_free(t);
				return err;
			}
		}
		g_hash_table_insert(c->map, &t->offset, t);
	}
	if (fresh) {
		memset(t->data, 0, q->cluster_size);
		qcow2_table_dirty(c, t, 0, q->cluster_size);
	}
	t->used = ++c->clock;
	c->last = t;
	*out = t;
	return 0;
}

void qcow2_table_dirty(struct table_cache *c, struct table *t, uint32_t from, uint32_t len)
{
	uint32_t to = from + len;

	from &= ~511u;
	to = (to + 511) & ~511u;
	if (t->dirty_from == t->dirty_to) {
		t->dirty_from = from;
		t->dirty_to = to;
	} else {
		t->dirty_from = MIN(t->dirty_from, from);
		t->dirty_to = MAX(t->dirty_to, to);
	}
	c->dirty = true;
}

void qcow2_table_forget(struct table_cache *c, uint64_t offset)
{
	c->last = NULL;
	g_hash_table_remove(c->map, &offset);
}

static int write_tables(struct image *img, struct table_cache *c)
{
	GHashTableIter i;
	struct table *t;

	if (!c->dirty)
		return 0;
	g_hash_table_iter_init(&i, c->map);
	while (g_hash_table_iter_next(&i, NULL, (void **)&t)) {
		if (t->dirty_from == t->dirty_to)
			continue;
		int err = image_pwrite(img->file, t->offset + t->dirty_from,
				       t->data + t->dirty_from, t->dirty_to - t->dirty_from);
		if (err)
			return err;
		t->dirty_from = t->dirty_to = 0;
	}
	c->dirty = false;
	return 0;
}

/* --- L1 and refcount table: host order in memory --- */

static int write_entries(struct image *img, uint64_t offset, const uint64_t *entries,
			 uint32_t *from, uint32_t *to)
{
	if (*from == *to)
		return 0;
	uint32_t n = *to - *from;
	uint64_t *be = g_new(uint64_t, n);
	for (uint32_t i = 0; i < n; i++)
		store_be64(&be[i], entries[*from + i]);
	int err = image_pwrite(img->file, offset + *from * 8ull, be, n * 8ull);
	g_free(be);
	if (!err)
		*from = *to = 0;
	return err;
}

void qcow2_l1_set(struct qcow2 *q, uint32_t index, uint64_t value)
{
	bool clean = q->l1_dirty_from == q->l1_dirty_to;

	q->l1[index] = value;
	q->l1_dirty_from = clean ? index : MIN(q->l1_dirty_from, index);
	q->l1_dirty_to = clean ? index + 1 : MAX(q->l1_dirty_to, index + 1);
}

/* --- the order --- */

static int write_refcounts(struct image *img)
{
	struct qcow2 *q = qcow2_of(img);
	int err = write_tables(img, &q->refblocks);

	if (!err && q->reftable_dirty_from != q->reftable_dirty_to) {
		err = image_flush(img->file);
		if (!err)
			err = write_entries(img, q->reftable_offset, q->reftable,
					    &q->reftable_dirty_from, &q->reftable_dirty_to);
	}
	return err;
}

int qcow2_write_back(struct image *img)
{
	struct qcow2 *q = qcow2_of(img);
	bool l1 = q->l1_dirty_from != q->l1_dirty_to;
	bool tables = q->l2.dirty || l1;
	int err = q->header_unknown ? EIO : write_refcounts(img);

	if (!err && tables)
		err = image_flush(img->file);
	if (!err)
		err = write_tables(img, &q->l2);
	if (!err && l1) {
		err = image_flush(img->file);
		if (!err)
			err = write_entries(img, q->l1_offset, q->l1, &q->l1_dirty_from,
					    &q->l1_dirty_to);
	}
	if (!err && q->frees->len) {
		err = image_flush(img->file);
		image_event(img->file, "cluster_free");
		if (!err)
			err = qcow2_apply_frees(img);
		if (!err)
			err = write_refcounts(img);
		if (err) /* in QEMU's words */
			fprintf(stderr, "qcow2_free_clusters failed: %s\n", g_strerror(err));
	}
	return err;
}

/* --- header --- */

int qcow2_patch_header(struct image *img, unsigned int at, const void *bytes, size_t len)
{
	int err = image_flush(img->file);

	if (err)
		return err;
	err = image_pwrite(img->file, at, bytes, len);
	if (!err)
		err = image_flush(img->file);
	/* Which header the file has now is not known, so nothing may rely on either. */
	if (err)
		qcow2_of(img)->broken = qcow2_of(img)->header_unknown = true;
	return err;
}

int qcow2_set_incompatible(struct image *img, uint64_t bits)
{
	struct qcow2 *q = qcow2_of(img);
	uint8_t be[8];

	if (q->version < 3 || q->incompatible == bits)
		return 0;
	store_be64(be, bits);
	int err = qcow2_patch_header(img, H_INCOMPATIBLE, be, sizeof(be));
	if (!err)
		q->incompatible = bits;
	return err;
}

void qcow2_corrupt(struct image *img, const char *format, ...)
{
	struct qcow2 *q = qcow2_of(img);
	va_list args;

	if (q->broken)
		return;
	q->broken = true;
	va_start(args, format);
	char *what = g_strdup_vprintf(format, args);
	va_end(args);
	if (img->readonly) {
		warn_report("qcow2: Image is corrupt: %s; further non-fatal corruption events "
			    "will be suppressed",
			    what);
	} else {
		warn_report("qcow2: Marking image as corrupt: %s; further corruption events will "
			    "be suppressed",
			    what);
		if (!(img->flags & IMAGE_CHECK))
			qcow2_set_incompatible(img, q->incompatible | INCOMPAT_CORRUPT);
	}
	g_free(what);
}

/* --- a longer L1 table --- */

/* A longer L1 table in a new place; the header's switch to it is one write. */
int qcow2_grow_l1(struct image *img, uint64_t entries)
{
	struct qcow2 *q = qcow2_of(img);
	uint64_t at, old_offset = q->l1_offset, old_bytes = q->l1_size * 8ull;
	uint8_t be[12];

	if (entries <= q->l1_size)
		return 0;
	if (entries * 8 > QCOW2_MAX_L1)
		return EFBIG;
	int err = qcow2_alloc(img, qcow2_clusters(q, entries * 8), &at);
	if (err)
		return err;
	err = qcow2_write_back(img);
	uint64_t *l1 = g_new0(uint64_t, entries);
	uint64_t bytes = qcow2_clusters(q, entries * 8) << q->cluster_bits;
	uint64_t *disk = g_malloc0(bytes);
	memcpy(l1, q->l1, old_bytes);
	for (uint32_t i = 0; i < q->l1_size; i++)
		store_be64(&disk[i], l1[i]);
	if (!err)
		err = image_pwrite(img->file, at, disk, bytes);
	g_free(disk);
	store_be32(be, (uint32_t)entries);
	store_be64(be + 4, at);
	if (!err)
		err = qcow2_patch_header(img, H_L1_SIZE, be, sizeof(be));
	if (err) {
		g_free(l1);
		return err;
	}
	g_free(q->l1);
	q->l1 = l1;
	q->l1_size = (uint32_t)entries;
	q->l1_offset = at;
	qcow2_free_later(img, old_offset, old_bytes);
	return 0;
}
