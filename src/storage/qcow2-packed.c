/*
 * Compressed clusters: where they are, reading and writing them. A read of several is unpacked by
 * all of the host's processors.
 */
#include "storage/qcow2.h"

#include "base/bytes.h"

#include <errno.h>
#include <string.h>

void qcow2_compressed_span(const struct qcow2 *q, uint64_t entry, uint64_t *offset, uint32_t *size)
{
	unsigned int bits = 62 - (q->cluster_bits - 8);
	uint64_t start = entry & ((UINT64_C(1) << bits) - 1);
	uint32_t sectors = (uint32_t)(entry >> bits & ((1u << (q->cluster_bits - 8)) - 1)) + 1;

	*offset = start;
	*size = sectors * 512 - (start & 511);
}

/* --- reading --- */

/* Part of a cluster; the one that was read last is kept. */
static int read_one(struct image *img, uint64_t entry, uint64_t offset, uint8_t *buf, size_t len)
{
	struct qcow2 *q = qcow2_of(img);
	uint64_t at;
	uint32_t size;

	qcow2_compressed_span(q, entry, &at, &size);
	if (!q->unpacked)
		q->unpacked = g_malloc(q->cluster_size);
	if (q->unpacked_offset != at) {
		uint8_t *packed = g_malloc(size);
		q->unpacked_offset = UINT64_MAX;
		int err = image_pread_padded(img->file, at, packed, size);
		if (!err)
			err = qcow2_decompress(q->compression, packed, size, q->unpacked,
					       q->cluster_size);
		g_free(packed);
		if (err)
			return err;
		q->unpacked_offset = at;
	}
	memcpy(buf, q->unpacked + qcow2_offset_in_cluster(q, offset), len);
	return 0;
}

#define MAX_JOBS 32u

struct unpack_job {
	uint64_t at;
	uint32_t size;
	uint8_t *packed, *out;
	int result;
};

struct unpack_batch {
	struct qcow2 *q;
	struct unpack_job jobs[MAX_JOBS];
	unsigned int count;
	gint next; /* atomic: the first job that nobody has taken */
	GMutex mutex;
	GCond finished;
	unsigned int helpers; /* with the mutex: still at work */
};

static void unpack_jobs(struct unpack_batch *b)
{
	unsigned int i;

	while ((i = (unsigned int)g_atomic_int_add(&b->next, 1)) < b->count) {
		struct unpack_job *j = &b->jobs[i];
		j->result = qcow2_decompress(b->q->compression, j->packed, j->size, j->out,
					     b->q->cluster_size);
	}
}

static void help(void *item, void *unused)
{
	struct unpack_batch *b = item;

	unpack_jobs(b);
	g_mutex_lock(&b->mutex);
	if (!--b->helpers)
		g_cond_signal(&b->finished);
	g_mutex_unlock(&b->mutex);
}

static void unpack_all(struct qcow2 *q, struct unpack_batch *b)
{
	unsigned int helpers = MIN(g_get_num_processors(), 8u) - 1;

	if (helpers && !q->helpers)
		q->helpers = g_thread_pool_new(help, NULL, (gint)helpers, TRUE, NULL);
	g_mutex_init(&b->mutex);
	g_cond_init(&b->finished);
	b->helpers = MIN(helpers, b->count - 1);
	for (unsigned int i = b->helpers; i; i--)
		g_thread_pool_push(q->helpers, b, NULL);
	unpack_jobs(b);
	g_mutex_lock(&b->mutex);
	while (b->helpers)
		g_cond_wait(&b->finished, &b->mutex);
	g_mutex_unlock(&b->mutex);
	g_mutex_clear(&b->mutex);
	g_cond_clear(&b->finished);
}

/* Whole clusters from entry `i` on, as many as are compressed, at most `want`. */
static unsigned int collect(const struct qcow2 *q, const struct table *t, uint32_t i, size_t want,
			    uint8_t *buf, struct unpack_batch *b)
{
	uint32_t end = 1u << q->l2_bits;

	for (; i < end && b->count < MIN(want, MAX_JOBS); i++) {
		uint64_t entry = qcow2_entry_get(t, i);
		struct unpack_job *j = &b->jobs[b->count];
		if (!(entry & QCOW2_COMPRESSED))
			break;
		qcow2_compressed_span(q, entry, &j->at, &j->size);
		j->out = buf + ((size_t)b->count++ << q->cluster_bits);
	}
	return b->count;
}

static int read_many(struct image *img, struct unpack_batch *b)
{
	size_t total = 0, at = 0;
	int err = 0;

	for (unsigned int i = 0; i < b->count; i++)
		total += b->jobs[i].size;
	uint8_t *packed = g_malloc(total);
	for (unsigned int i = 0; i < b->count && !err; i++) {
		struct unpack_job *j = &b->jobs[i];
		j->packed = packed + at;
		at += j->size;
		err = image_pread_padded(img->file, j->at, j->packed, j->size);
	}
	if (!err)
		unpack_all(b->q, b);
	for (unsigned int i = 0; i < b->count && !err; i++)
		err = b->jobs[i].result;
	g_free(packed);
	return err;
}

int qcow2_read_packed(struct image *img, const struct table *t, uint64_t offset, uint8_t *buf,
		      size_t len, size_t *done)
{
	struct qcow2 *q = qcow2_of(img);
	uint32_t i = qcow2_l2_index(q, offset);
	uint64_t skip = qcow2_offset_in_cluster(q, offset);
	struct unpack_batch b = {.q = q};

	if (!skip && len >= 2ull * q->cluster_size &&
	    collect(q, t, i, len >> q->cluster_bits, buf, &b) > 1) {
		*done = (size_t)b.count << q->cluster_bits;
		return read_many(img, &b);
	}
	*done = MIN(len, q->cluster_size - skip);
	return read_one(img, qcow2_entry_get(t, i), offset, buf, *done);
}

/* --- writing --- */

int qcow2_write_packed(struct image *img, uint64_t offset, const void *packed, size_t size)
{
	struct qcow2 *q = qcow2_of(img);
	uint32_t i = qcow2_l2_index(q, offset);
	unsigned int bits = 62 - (q->cluster_bits - 8);
	uint64_t at;
	struct table *t;

	if (q->broken)
		return EIO;
	if (!size || size > q->cluster_size || qcow2_offset_in_cluster(q, offset))
		return EINVAL;
	int err = qcow2_l2_for_write(img, offset, &t);
	if (!err)
		err = qcow2_alloc_bytes(img, (uint32_t)size, &at);
	if (!err)
		err = image_pwrite(img->file, at, packed, size);
	if (!err)
		err = qcow2_l2_for_write(img, offset, &t);
	if (err)
		return err;
	uint64_t sectors = ((at + size - 1) >> 9) - (at >> 9);
	qcow2_free_entry(img, qcow2_entry_get(t, i));
	qcow2_entry_set(q, t, i, at | sectors << bits | QCOW2_COMPRESSED);
	return 0;
}
