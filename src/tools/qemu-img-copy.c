/*
 * The main thread reads the sources, a second thread writes the target, and where the target is
 * compressed, a pool in between compresses. Pieces go through in order: the writer waits for the
 * oldest one to be done. There are so many pieces, which bounds the memory: the reader waits for
 * one that is free.
 *
 * An image is used by one thread at a time: the sources by the reader, the target by the writer.
 */
#include "tools/qemu-img-copy.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define CHUNK	     (2u << 20) /* bytes of a plain piece */
#define PLAIN_PIECES 4
#define MAX_PACKING  (8u << 20) /* bytes of all pieces under compression */

struct piece {
	uint64_t at;
	size_t len, packed_len; /* packed_len 0: stored as it is */
	bool zeroes;		/* no bytes: this part of the disk is zeroes */
	bool done;		/* with copy->mutex: ready for the writer */
	uint8_t *data, *packed;
};

struct copy {
	struct image_copy *c;
	GAsyncQueue *free, *work;
	struct piece *pieces, end; /* `end` ends the writer */
	unsigned int count;
	GThreadPool *pool; /* NULL: nothing is compressed */
	GMutex mutex;
	GCond finished;
	gint error; /* atomic: the writer's first */
};

/* --- sources: one after the other --- */

static struct image *source_at(struct image_copy *c, uint64_t at, uint64_t *offset)
{
	for (unsigned int i = 0; i < c->sources->len; i++) {
		struct image *img = g_ptr_array_index(c->sources, i);
		if (at < img->size) {
			*offset = at;
			return img;
		}
		at -= img->size;
	}
	return NULL;
}

static int read_salvaging(struct image_copy *c, struct image *img, uint64_t at, uint8_t *buf,
			  size_t n)
{
	int err = image_pread(img, at, buf, n);

	if (!err || !c->salvage)
		return err;
	for (size_t i = 0; i < n; i += SECTOR_SIZE) {
		size_t len = MIN(SECTOR_SIZE, n - i);
		err = image_pread(img, at + i, buf + i, len);
		if (!err)
			continue;
		warn_report("error while reading offset %" G_GUINT64_FORMAT ": %s", at + i,
			    g_strerror(err));
		memset(buf + i, 0, len);
	}
	return 0;
}

enum run_kind { RUN_DATA, RUN_ZERO, RUN_BACKING };

/* What the sources hold from `at` on; *len bytes at most are alike. */
static int source_run(struct image_copy *c, uint64_t at, uint64_t *len, enum run_kind *kind)
{
	struct image_extent e;
	unsigned int depth;
	uint64_t offset;
	struct image *img = source_at(c, at, &offset);
	uint64_t want = MIN(*len, img->size - offset);
	int err = c->over_backing ? image_map(img, offset, want, &e)
				  : image_map_chain(img, NULL, offset, want, &e, &depth, NULL);

	*len = e.length;
	if (c->over_backing && !e.allocated)
		*kind = RUN_BACKING;
	else
		*kind = e.zero || (!e.allocated && !e.data) ? RUN_ZERO : RUN_DATA;
	return err;
}

/* As source_run(), up to `max` bytes; runs of data are joined. */
static int source_span(struct image_copy *c, uint64_t at, uint64_t max, uint64_t *len,
		       enum run_kind *kind)
{
	int err;

	*len = max;
	err = source_run(c, at, len, kind);
	while (!err && *kind == RUN_DATA && *len < max) {
		enum run_kind next;
		uint64_t more = max - *len;
		err = source_run(c, at + *len, &more, &next);
		if (next != RUN_DATA)
			break;
		*len += more;
	}
	return err;
}

static int read_span(struct image_copy *c, uint64_t at, uint8_t *buf, size_t len)
{
	int err = 0;

	while (len && !err) {
		uint64_t offset;
		struct image *img = source_at(c, at, &offset);
		size_t n = MIN(len, img->size - offset);
		err = read_salvaging(c, img, offset, buf, n);
		at += n;
		buf += n;
		len -= n;
	}
	return err;
}

/* --- the writer --- */

static int put_zeroes(struct image_copy *c, uint64_t at, uint64_t len)
{
	if (c->target_zero && !c->over_backing)
		return 0;
	return image_write_zeroes(c->target, at, len, c->sparse ? IMAGE_UNMAP : 0);
}

/* Runs of zeroes of at least the sparse size are left out; what is between them is written. */
static int put_data(struct image_copy *c, uint64_t at, const uint8_t *buf, size_t len)
{
	/* A cluster takes its space whole, so holes within one save nothing. */
	size_t unit = c->sparse ? MAX(c->sparse, MIN(c->target->cluster_size, 65536)) : len;
	size_t start = 0, i = 0;
	int err = 0;

	while (i < len && !err) {
		size_t n = MIN(unit - (at + i) % unit, len - i);
		if (!c->sparse || !buffer_is_zero(buf + i, n)) {
			i += n;
			continue;
		}
		if (i > start)
			err = image_pwrite(c->target, at + start, buf + start, i - start);
		start = i;
		while (i < len && buffer_is_zero(buf + i, MIN(unit - (at + i) % unit, len - i)))
			i += MIN(unit - (at + i) % unit, len - i);
		if (!err)
			err = put_zeroes(c, at + start, i - start);
		start = i;
	}
	return !err && len > start ? image_pwrite(c->target, at + start, buf + start, len - start)
				   : err;
}

static int put_piece(struct image_copy *c, const struct piece *p)
{
	const struct image_driver *d = c->target->driver;

	if (p->zeroes)
		return put_zeroes(c, p->at, p->len);
	if (p->packed_len)
		return d->pwrite_prepared(c->target, p->at, p->packed, p->packed_len);
	if (!c->compress)
		return put_data(c, p->at, p->data, p->len);
	return d->compress ? image_pwrite(c->target, p->at, p->data, p->len)
			   : d->pwrite_compressed(c->target, p->at, p->data, p->len);
}

static void *writer(void *opaque)
{
	struct copy *k = opaque;
	struct piece *p;

	while ((p = g_async_queue_pop(k->work)) != &k->end) {
		g_mutex_lock(&k->mutex);
		while (!p->done)
			g_cond_wait(&k->finished, &k->mutex);
		g_mutex_unlock(&k->mutex);
		if (!g_atomic_int_get(&k->error))
			g_atomic_int_set(&k->error, put_piece(k->c, p));
		g_async_queue_push(k->free, p);
	}
	return NULL;
}

/* --- compressing --- */

static void compress_piece(void *item, void *opaque)
{
	struct piece *p = item;
	struct copy *k = opaque;
	struct image *t = k->c->target;

	if (p->len < t->cluster_size)
		memset(p->data + p->len, 0, t->cluster_size - p->len);
	p->packed_len = t->driver->compress(t, p->data, t->cluster_size, p->packed);
	g_mutex_lock(&k->mutex);
	p->done = true;
	g_cond_signal(&k->finished);
	g_mutex_unlock(&k->mutex);
}

/* --- the reader --- */

static struct piece *take_piece(struct copy *k, uint64_t at, size_t len)
{
	struct piece *p = g_async_queue_pop(k->free);

	p->at = at;
	p->len = len;
	p->packed_len = 0;
	p->zeroes = false;
	p->done = true;
	return p;
}

/* Reads [at, at+len), which may touch several sources, and cuts it into clusters. */
static int read_clusters(struct copy *k, uint64_t at, size_t len, uint8_t *buf)
{
	struct image_copy *c = k->c;
	uint32_t cluster = c->target->cluster_size;
	bool any = false;
	uint64_t n;

	for (size_t done = 0; done < len; done += n) {
		enum run_kind kind;
		int err = source_span(c, at + done, len - done, &n, &kind);
		if (!err && kind == RUN_DATA)
			err = read_span(c, at + done, buf + done, n);
		else
			memset(buf + done, 0, n);
		if (err)
			return err;
		any |= kind == RUN_DATA;
	}
	for (size_t i = 0; any && i < len; i += cluster) {
		size_t part = MIN(cluster, len - i);
		if (buffer_is_zero(buf + i, part))
			continue;
		struct piece *p = take_piece(k, at + i, part);
		memcpy(p->data, buf + i, part);
		p->done = !k->pool;
		g_async_queue_push(k->work, p);
		if (k->pool)
			g_thread_pool_push(k->pool, p, NULL);
	}
	return 0;
}

static int read_compressing(struct copy *k)
{
	struct image_copy *c = k->c;
	uint8_t *buf = NULL;
	int err = 0;

	if (posix_memalign((void **)&buf, 4096, CHUNK))
		return ENOMEM;
	for (uint64_t at = 0; at < c->size && !err && !g_atomic_int_get(&k->error); at += CHUNK) {
		err = read_clusters(k, at, MIN(CHUNK, c->size - at), buf);
		progress_show(&c->progress, at, c->size);
	}
	free(buf);
	return err;
}

static int read_plain(struct copy *k)
{
	struct image_copy *c = k->c;
	int err = 0;

	for (uint64_t at = 0, n; at < c->size && !err && !g_atomic_int_get(&k->error); at += n) {
		enum run_kind kind;
		/* Zeroes may come in long runs, bytes by the chunk. */
		n = MIN(c->size - at, UINT64_C(1) << 30);
		err = source_run(c, at, &n, &kind);
		if (!err && kind == RUN_DATA)
			err = source_span(c, at, MIN(c->size - at, CHUNK - at % CHUNK), &n, &kind);
		if (err)
			break;
		if (kind == RUN_ZERO && !c->sparse) {
			kind = RUN_DATA;
			n = MIN(n, CHUNK - at % CHUNK);
		}
		if (kind != RUN_BACKING) {
			struct piece *p = take_piece(k, at, n);
			p->zeroes = kind == RUN_ZERO;
			if (!p->zeroes)
				err = read_span(c, at, p->data, n);
			g_async_queue_push(err ? k->free : k->work, p);
		}
		if (kind == RUN_DATA)
			c->worked += n;
		progress_show(&c->progress, c->worked, c->work);
	}
	return err;
}

/* The bytes that are to be moved: holes take no time. */
static uint64_t count_work(struct image_copy *c)
{
	uint64_t work = 0;

	for (uint64_t at = 0, n; at < c->size; at += n) {
		enum run_kind kind;
		n = c->size - at;
		if (source_run(c, at, &n, &kind))
			return c->size;
		work += kind == RUN_DATA || (kind == RUN_ZERO && !c->sparse) ? n : 0;
	}
	return work;
}

/* --- both --- */

static int start(struct copy *k)
{
	struct image_copy *c = k->c;
	size_t size = c->compress ? c->target->cluster_size : CHUNK;
	bool pooled = c->compress && c->target->driver->compress && !c->target->encrypted;
	unsigned int processors = MAX(g_get_num_processors(), 1);

	g_mutex_init(&k->mutex);
	g_cond_init(&k->finished);
	k->free = g_async_queue_new();
	k->work = g_async_queue_new();
	k->count = c->compress ? MAX(MAX_PACKING / size, 4) : PLAIN_PIECES;
	k->pieces = g_new0(struct piece, k->count);
	for (unsigned int i = 0; i < k->count; i++) {
		struct piece *p = &k->pieces[i];
		if (posix_memalign((void **)&p->data, 4096, size))
			return ENOMEM;
		p->packed = pooled ? g_malloc(size) : NULL;
		g_async_queue_push(k->free, p);
	}
	if (pooled)
		k->pool =
			g_thread_pool_new(compress_piece, k, (gint)MIN(processors, 16), TRUE, NULL);
	return 0;
}

static void finish(struct copy *k)
{
	if (k->pool)
		g_thread_pool_free(k->pool, FALSE, TRUE);
	for (unsigned int i = 0; i < k->count; i++) {
		free(k->pieces[i].data);
		g_free(k->pieces[i].packed);
	}
	g_free(k->pieces);
	g_async_queue_unref(k->free);
	g_async_queue_unref(k->work);
	g_mutex_clear(&k->mutex);
	g_cond_clear(&k->finished);
}

int image_copy_run(struct image_copy *c)
{
	struct copy k = {.c = c};
	int err = start(&k);

	c->work = c->progress.on ? count_work(c) : c->size;
	if (!err) {
		GThread *thread = g_thread_new("writer", writer, &k);
		err = c->compress ? read_compressing(&k) : read_plain(&k);
		g_async_queue_push(k.work, &k.end);
		g_thread_join(thread);
	}
	if (!err)
		err = g_atomic_int_get(&k.error);
	finish(&k);
	return err ? err : image_flush(c->target);
}
