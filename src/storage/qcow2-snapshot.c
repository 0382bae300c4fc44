/*
 * Internal snapshots of a qcow2 image.
 *
 * A snapshot is a copy of the L1 table; every cluster that it reaches has one user more. While one
 * is made, applied or deleted, counts and "copied" bits disagree for a moment: see qcow2.h.
 */
#include "storage/qcow2.h"

#include "base/bytes.h"

#include <errno.h>
#include <string.h>
#include <time.h>

enum { SN_FIXED = 40, EXTRA_VM_SIZE = 0, EXTRA_DISK_SIZE = 8, EXTRA_ICOUNT = 16, EXTRA_KNOWN = 24 };

/* --- the table --- */

void qcow2_free_snapshots(struct qcow2 *q)
{
	for (unsigned int i = 0; q->snapshots && i < q->snapshots->len; i++) {
		struct qcow2_snapshot *s = &g_array_index(q->snapshots, struct qcow2_snapshot, i);
		g_free(s->info.id);
		g_free(s->info.name);
		if (s->extra)
			g_byte_array_unref(s->extra);
	}
	if (q->snapshots)
		g_array_free(q->snapshots, TRUE);
	q->snapshots = NULL;
}

/* Reads one entry at *at of the table's bytes. */
static struct error *parse_snapshot(struct image *img, struct bytes table, uint64_t *at,
				    struct qcow2_snapshot *s)
{
	const uint8_t *p = bytes_at(table, *at, SN_FIXED);

	if (!p)
		return error_new("Snapshot table is cut short");
	s->l1_offset = load_be64(p);
	s->l1_size = load_be32(p + 8);
	uint32_t id_len = load_be16(p + 12), name_len = load_be16(p + 14);
	s->info.date_sec = load_be32(p + 16);
	s->info.date_nsec = load_be32(p + 20);
	s->info.vm_clock_ns = load_be64(p + 24);
	s->info.vm_state_size = load_be32(p + 32);
	s->info.disk_size = img->size;
	s->info.icount = UINT64_MAX;
	uint32_t extra_len = load_be32(p + 36);
	if (extra_len > 1024)
		return error_new("Too much extra metadata in snapshot table entry");
	const uint8_t *extra = bytes_at(table, *at + SN_FIXED, extra_len);
	const uint8_t *text = bytes_at(table, *at + SN_FIXED + extra_len, id_len + name_len);
	if (!extra || !text)
		return error_new("Snapshot table is cut short");
	if (extra_len >= 8)
		s->info.vm_state_size = load_be64(extra + EXTRA_VM_SIZE);
	if (extra_len >= 16)
		s->info.disk_size = load_be64(extra + EXTRA_DISK_SIZE);
	if (extra_len >= 24)
		s->info.icount = load_be64(extra + EXTRA_ICOUNT);
	if (extra_len > EXTRA_KNOWN) {
		s->extra = g_byte_array_new();
		g_byte_array_append(s->extra, extra + EXTRA_KNOWN, extra_len - EXTRA_KNOWN);
	}
	s->info.id = g_strndup((const char *)text, id_len);
	s->info.name = g_strndup((const char *)text + id_len, name_len);
	*at = (*at + SN_FIXED + extra_len + id_len + name_len + 7) & ~UINT64_C(7);
	return NULL;
}

struct error *qcow2_read_snapshots(struct image *img)
{
	struct qcow2 *q = qcow2_of(img);
	uint8_t be[12];
	int e = image_pread_padded(img->file, H_SNAPSHOT_COUNT, be, sizeof(be));
	uint32_t count = load_be32(be);
	uint64_t at = 0;
	struct error *err = NULL;

	if (e)
		return error_errno(e, "Could not read the header");
	if (count > QCOW2_MAX_SNAPSHOTS)
		return error_new("Snapshot table too large");
	if (q->snapshot_offset > IMAGE_MAX_SIZE || qcow2_offset_in_cluster(q, q->snapshot_offset))
		return error_new("Snapshot table offset invalid");
	if (!count)
		return NULL;
	uint64_t end = MAX(img->file->size, q->snapshot_offset);
	size_t size = MIN(end - q->snapshot_offset, QCOW2_MAX_SNAPSHOT_TABLE);
	size = MIN(size, count * (uint64_t)(SN_FIXED + 1024 + 2 * 65535 + 8));
	/* What lies behind the end of the file is zeroes: entries without names. */
	size = MAX(size, count * (uint64_t)SN_FIXED);
	uint8_t *table = g_malloc(size);
	e = image_pread_padded(img->file, q->snapshot_offset, table, size);
	if (e)
		err = error_errno(e, "Could not read snapshots");
	for (uint32_t i = 0; i < count && !err; i++) {
		struct qcow2_snapshot s = {0};
		err = parse_snapshot(img, (struct bytes){table, size}, &at, &s);
		g_array_append_val(q->snapshots, s);
	}
	q->snapshot_table_size = (uint32_t)at;
	g_free(table);
	return err;
}

static void append_snapshot(GByteArray *out, const struct qcow2_snapshot *s)
{
	uint8_t p[SN_FIXED + EXTRA_KNOWN] = {0};
	size_t id_len = strlen(s->info.id), name_len = strlen(s->info.name);
	uint32_t more = s->extra ? s->extra->len : 0;

	store_be64(p, s->l1_offset);
	store_be32(p + 8, s->l1_size);
	store_be16(p + 12, (uint16_t)id_len);
	store_be16(p + 14, (uint16_t)name_len);
	store_be32(p + 16, (uint32_t)s->info.date_sec);
	store_be32(p + 20, s->info.date_nsec);
	store_be64(p + 24, s->info.vm_clock_ns);
	store_be32(p + 32,
		   s->info.vm_state_size > UINT32_MAX ? 0 : (uint32_t)s->info.vm_state_size);
	store_be32(p + 36, EXTRA_KNOWN + more);
	store_be64(p + SN_FIXED + EXTRA_VM_SIZE, s->info.vm_state_size);
	store_be64(p + SN_FIXED + EXTRA_DISK_SIZE, s->info.disk_size);
	store_be64(p + SN_FIXED + EXTRA_ICOUNT, s->info.icount);
	g_byte_array_append(out, p, sizeof(p));
	if (more)
		g_byte_array_append(out, s->extra->data, more);
	g_byte_array_append(out, (const uint8_t *)s->info.id, (guint)id_len);
	g_byte_array_append(out, (const uint8_t *)s->info.name, (guint)name_len);
	while (out->len & 7)
		g_byte_array_append(out, (const uint8_t *)"", 1);
}

/* Writes the table to a new place and switches the header to it. */
static int write_snapshots(struct image *img)
{
	struct qcow2 *q = qcow2_of(img);
	GByteArray *out = g_byte_array_new();
	uint64_t at = 0, old = q->snapshot_offset;
	uint32_t old_size = q->snapshot_table_size;
	uint8_t be[12];
	int err = 0;

	for (unsigned int i = 0; i < q->snapshots->len; i++)
		append_snapshot(out, &g_array_index(q->snapshots, struct qcow2_snapshot, i));
	uint32_t size = out->len;
	if (size > QCOW2_MAX_SNAPSHOT_TABLE)
		err = EFBIG;
	if (!err && size) {
		err = qcow2_alloc(img, qcow2_clusters(q, size), &at);
		if (!err)
			err = image_pwrite(img->file, at, out->data, size);
	}
	g_byte_array_free(out, TRUE);
	if (!err)
		err = qcow2_write_back(img);
	store_be32(be, q->snapshots->len);
	store_be64(be + 4, at);
	if (!err)
		err = qcow2_patch_header(img, H_SNAPSHOT_COUNT, be, sizeof(be));
	if (err)
		return err;
	q->snapshot_offset = at;
	q->snapshot_table_size = size;
	qcow2_free_later(img, old, old_size);
	return qcow2_write_back(img);
}

/* --- walking an L1 table --- */

static int read_l1(struct image *img, uint64_t offset, uint32_t size, uint64_t **out)
{
	*out = g_new0(uint64_t, MAX(size, 1));
	int err = image_pread_padded(img->file, offset, *out, size * 8ull);

	for (uint32_t i = 0; i < size; i++)
		(*out)[i] = load_be64(&(*out)[i]);
	if (err) {
		g_free(*out);
		*out = NULL;
	}
	return err;
}

static int entry_count_add(struct image *img, uint64_t entry, int64_t delta)
{
	struct qcow2 *q = qcow2_of(img);
	uint64_t offset = entry & QCOW2_OFFSET_MASK, count;
	uint32_t size = 1;

	if (entry & QCOW2_COMPRESSED)
		qcow2_compressed_span(q, entry, &offset, &size);
	if (!offset)
		return 0;
	int err = qcow2_refcount_get(img, offset >> q->cluster_bits, &count);
	if (!err && !count)
		err = delta < 0			    ? EINVAL
		      : offset > qcow2_countable(q) ? EFBIG
						    : EAGAIN; /* counts have to be repaired first */
	return err ? err : qcow2_refcount_add(img, offset, size, delta);
}

/* Adds to the counts of everything that an L1 table reaches. */
static int counts_add(struct image *img, const uint64_t *l1, uint32_t size, int64_t delta)
{
	struct qcow2 *q = qcow2_of(img);
	uint32_t entries = 1u << q->l2_bits;
	uint8_t *copy = g_malloc(q->cluster_size);
	int err = 0;

	for (uint32_t i = 0; i < size && !err; i++) {
		uint64_t at = l1[i] & QCOW2_OFFSET_MASK;
		struct table *t;
		if (!at)
			continue;
		err = qcow2_offset_in_cluster(q, at) ? EIO
						     : qcow2_table_get(img, &q->l2, at, false, &t);
		if (err)
			break;
		memcpy(copy, t->data, q->cluster_size);
		for (uint32_t j = 0; j < entries && !err; j++)
			err = entry_count_add(img, load_be64(copy + 8 * j), delta);
		if (!err)
			err = qcow2_refcount_add(img, at, 1, delta);
	}
	g_free(copy);
	return err;
}

/* Sets the "copied" bits of the active tables to what the counts say (or clears all). */
static int update_copied(struct image *img, bool clear_all)
{
	struct qcow2 *q = qcow2_of(img);
	uint32_t entries = 1u << q->l2_bits;
	uint64_t count = 0;
	int err = 0;

	for (uint32_t i = 0; i < q->l1_size && !err; i++) {
		uint64_t at = q->l1[i] & QCOW2_OFFSET_MASK;
		struct table *t;
		if (!at)
			continue;
		for (uint32_t j = 0; j < entries && !err; j++) {
			err = qcow2_table_get(img, &q->l2, at, false, &t);
			uint64_t e = err ? 0 : load_be64(t->data + 8 * j);
			uint64_t cluster = e & QCOW2_OFFSET_MASK;
			if ((e & QCOW2_COMPRESSED) || !cluster)
				continue;
			if (!clear_all)
				err = qcow2_refcount_get(img, cluster >> q->cluster_bits, &count);
			bool copied = !clear_all && count == 1;
			if (!err && copied != !!(e & QCOW2_COPIED)) {
				store_be64(t->data + 8 * j, e ^ QCOW2_COPIED);
				qcow2_table_dirty(&q->l2, t, 8 * j, 8);
			}
		}
		if (!err && !clear_all)
			err = qcow2_refcount_get(img, at >> q->cluster_bits, &count);
		bool copied = !clear_all && count == 1;
		if (!err && copied != !!(q->l1[i] & QCOW2_COPIED))
			qcow2_l1_set(q, i, q->l1[i] ^ QCOW2_COPIED);
	}
	return err;
}

/* --- operations --- */

/* What is wrong with a snapshot's L1 table, as an errno value. */
static int check_l1(const struct qcow2 *q, const struct qcow2_snapshot *s)
{
	if (s->l1_size * 8ull > QCOW2_MAX_L1)
		return EFBIG;
	return s->l1_offset > IMAGE_MAX_SIZE || qcow2_offset_in_cluster(q, s->l1_offset) ? EINVAL
											 : 0;
}

static struct error *l1_error(int code)
{
	struct error *err = error_new(code == EFBIG ? "Snapshot L1 table too large"
						    : "Snapshot L1 table offset invalid");

	err->code = code;
	return err;
}

static int begin(struct image *img)
{
	int err = qcow2_write_back(img);

	if (!err)
		err = image_flush(img->file);
	return err ? err
		   : qcow2_set_incompatible(img, qcow2_of(img)->incompatible | INCOMPAT_DIRTY);
}

/* After work that was given up halfway the dirty bit stays: the next opening sets things right. */
static int end(struct image *img, int err)
{
	struct qcow2 *q = qcow2_of(img);

	if (!err)
		err = qcow2_write_back(img);
	if (!err)
		err = image_flush(img->file);
	q->interrupted |= err != 0;
	if (!err && !q->interrupted)
		err = qcow2_set_incompatible(img, q->incompatible & ~(uint64_t)INCOMPAT_DIRTY);
	return err;
}

static int find(struct qcow2 *q, const char *id_or_name)
{
	for (int by_name = 0; by_name < 2; by_name++)
		for (unsigned int i = 0; i < q->snapshots->len; i++) {
			struct image_snapshot *s =
				&g_array_index(q->snapshots, struct qcow2_snapshot, i).info;
			if (!strcmp(by_name ? s->name : s->id, id_or_name))
				return (int)i;
		}
	return -1;
}

static char *new_id(struct qcow2 *q)
{
	uint64_t max = 0;

	for (unsigned int i = 0; i < q->snapshots->len; i++)
		max = MAX(max,
			  g_ascii_strtoull(
				  g_array_index(q->snapshots, struct qcow2_snapshot, i).info.id,
				  NULL, 10));
	return g_strdup_printf("%" G_GUINT64_FORMAT, max + 1);
}

/* A copy of the active L1 table in clusters of its own. */
static int copy_l1(struct image *img, uint64_t *offset)
{
	struct qcow2 *q = qcow2_of(img);
	uint64_t *be = g_new(uint64_t, MAX(q->l1_size, 1));
	int err = qcow2_alloc(img, MAX(qcow2_clusters(q, q->l1_size * 8ull), 1), offset);

	for (uint32_t i = 0; i < q->l1_size; i++)
		store_be64(&be[i], q->l1[i] & ~QCOW2_COPIED);
	if (!err)
		err = image_pwrite(img->file, *offset, be, q->l1_size * 8ull);
	g_free(be);
	return err;
}

static struct error *create_error(int err, const char *name)
{
	return error_new("Could not create snapshot '%s': %d (%s)", name, -err, g_strerror(err));
}

struct error *qcow2_snapshot_create(struct image *img, struct image_snapshot *sn)
{
	struct qcow2 *q = qcow2_of(img);
	struct qcow2_snapshot s = {.info = *sn};

	if (q->broken)
		return error_errno(EIO, "Could not create snapshot");
	if (q->snapshots->len >= QCOW2_MAX_SNAPSHOTS)
		return create_error(EFBIG, sn->name);
	if (strlen(sn->name) > 65535)
		return error_new("Snapshot name is too long");
	s.info.id = new_id(q);
	s.info.name = g_strdup(sn->name);
	s.info.disk_size = img->size;
	s.l1_size = q->l1_size;
	int err = begin(img);
	/* The bits first: a cluster without its bit is copied needlessly, at worst. */
	if (!err)
		err = update_copied(img, true);
	if (!err)
		err = qcow2_write_back(img);
	if (!err)
		err = image_flush(img->file);
	if (!err)
		err = counts_add(img, q->l1, q->l1_size, 1);
	if (!err)
		err = copy_l1(img, &s.l1_offset);
	if (err) {
		end(img, err);
		g_free(s.info.id);
		g_free(s.info.name);
		return create_error(err, sn->name);
	}
	g_array_append_val(q->snapshots, s);
	err = end(img, write_snapshots(img));
	return err ? create_error(err, sn->name) : NULL;
}

/* The disk's size goes back, too. */
static int restore_size(struct image *img, const struct qcow2_snapshot *s)
{
	struct qcow2 *q = qcow2_of(img);
	uint8_t be[8];

	if (s->info.disk_size == img->size)
		return 0;
	if (s->info.disk_size > IMAGE_MAX_SIZE ||
	    qcow2_l1_entries(q, s->info.disk_size) > q->l1_size)
		return EINVAL;
	store_be64(be, s->info.disk_size);
	int err = qcow2_patch_header(img, H_SIZE, be, sizeof(be));
	if (!err) {
		img->size = s->info.disk_size;
		q->vm_state_l1 = (uint32_t)qcow2_l1_entries(q, img->size);
	}
	return err;
}

/* Makes a copy of a snapshot's L1 table the active one, and gives up what the old one reaches. */
static int switch_l1(struct image *img, const uint64_t *l1, uint32_t size)
{
	struct qcow2 *q = qcow2_of(img);
	uint64_t *old = q->l1, old_offset = q->l1_offset, at;
	uint8_t be[12];

	q->l1 = g_new0(uint64_t, MAX(q->l1_size, 1));
	for (uint32_t i = 0; i < size; i++)
		q->l1[i] = l1[i] & ~QCOW2_COPIED;
	int err = copy_l1(img, &at);
	if (!err)
		err = qcow2_write_back(img);
	store_be32(be, q->l1_size);
	store_be64(be + 4, at);
	if (!err)
		err = qcow2_patch_header(img, H_L1_SIZE, be, sizeof(be));
	if (err) { /* the counts stay too high, which is a leak */
		g_free(q->l1);
		q->l1 = old;
		return err;
	}
	q->l1_offset = at;
	err = counts_add(img, old, q->l1_size, -1);
	if (!err)
		qcow2_free_later(img, old_offset, q->l1_size * 8ull);
	g_free(old);
	return err;
}

struct error *qcow2_snapshot_goto(struct image *img, const char *id)
{
	struct qcow2 *q = qcow2_of(img);
	int index = find(q, id);
	uint64_t *l1;

	if (index < 0)
		return error_errno(ENOENT, "Could not apply snapshot '%s'", id);
	struct qcow2_snapshot *s = &g_array_index(q->snapshots, struct qcow2_snapshot, index);
	int err = check_l1(q, s);
	if (err)
		return l1_error(err);
	err = begin(img);
	if (!err)
		err = qcow2_grow_l1(img, s->l1_size);
	if (!err)
		err = read_l1(img, s->l1_offset, s->l1_size, &l1);
	if (err)
		return error_errno(err, "Could not apply snapshot '%s'", id);
	/* What the snapshot reaches gets its second user before the header says so. */
	err = counts_add(img, l1, s->l1_size, 1);
	if (!err)
		err = switch_l1(img, l1, s->l1_size);
	g_free(l1);
	if (!err)
		err = restore_size(img, s);
	if (!err)
		err = update_copied(img, false);
	err = end(img, err);
	q->unpacked_offset = UINT64_MAX;
	return err ? error_errno(err, "Could not apply snapshot '%s'", id) : NULL;
}

struct error *qcow2_snapshot_delete(struct image *img, const char *id)
{
	struct qcow2 *q = qcow2_of(img);
	int index = find(q, id);
	uint64_t *l1 = NULL;

	if (index < 0)
		return error_errno(ENOENT, "Could not delete snapshot '%s'", id);
	struct qcow2_snapshot s = g_array_index(q->snapshots, struct qcow2_snapshot, index);
	int err = check_l1(q, &s);
	if (err)
		return error_prefix(l1_error(err), "Could not delete snapshot '%s'", id);
	err = begin(img);
	if (!err)
		err = read_l1(img, s.l1_offset, s.l1_size, &l1);
	if (err)
		return error_errno(err, "Could not delete snapshot '%s'", id);
	g_array_remove_index(q->snapshots, (guint)index);
	const uint64_t table = q->snapshot_offset;
	err = write_snapshots(img);
	bool gone = q->snapshot_offset != table; /* whatever happens now, it leaks at worst */
	if (!err)
		err = counts_add(img, l1, s.l1_size, -1);
	if (!err)
		err = qcow2_refcount_add(img, s.l1_offset, s.l1_size * 8ull, -1);
	if (!err)
		err = update_copied(img, false);
	err = end(img, err);
	g_free(l1);
	g_free(s.info.id);
	g_free(s.info.name);
	if (s.extra)
		g_byte_array_unref(s.extra);
	if (err && gone)
		return error_errno(err,
				   "Could not delete snapshot '%s': Failed to free the cluster and "
				   "L1 table",
				   id);
	return err ? error_errno(err, "Could not delete snapshot '%s'", id) : NULL;
}

struct error *qcow2_snapshot_list(struct image *img, GPtrArray *list)
{
	struct qcow2 *q = qcow2_of(img);

	for (unsigned int i = 0; i < q->snapshots->len; i++) {
		struct qcow2_snapshot *s = &g_array_index(q->snapshots, struct qcow2_snapshot, i);
		struct image_snapshot *copy = g_memdup2(&s->info, sizeof(s->info));
		copy->id = g_strdup(s->info.id);
		copy->name = g_strdup(s->info.name);
		g_ptr_array_add(list, copy);
	}
	return NULL;
}

struct error *qcow2_snapshot_load(struct image *img, const char *id)
{
	struct qcow2 *q = qcow2_of(img);
	int index = find(q, id);
	uint64_t *l1;

	if (index < 0)
		return error_errno(ENOENT, "Can't find snapshot '%s'", id);
	if (!img->readonly)
		return error_new("The image is open for writing");
	struct qcow2_snapshot *s = &g_array_index(q->snapshots, struct qcow2_snapshot, index);
	int err = check_l1(q, s);
	if (err)
		return l1_error(err);
	err = read_l1(img, s->l1_offset, s->l1_size, &l1);
	if (err)
		return error_errno(err, "Could not read the snapshot's L1 table");
	g_free(q->l1);
	q->l1 = l1;
	q->l1_size = s->l1_size;
	img->size = MIN(s->info.disk_size, IMAGE_MAX_SIZE);
	return NULL;
}
