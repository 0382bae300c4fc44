/*
 * Workers and requests: storage/block.h over storage/image.h.
 *
 * Each open image has a queue and one thread that carries requests out in order, so a flush covers
 * all writes before it. Finished requests of all images gather in one list; one loop_post() is
 * under way whenever that list is not empty, however many requests it holds.
 *
 * A request that fails on a drive with werror=stop or rerror=stop is kept, the machine stops, and
 * the request is made again when the machine is continued: devices do not notice.
 */
#include "storage/block-int.h"

#include "base/loop.h"
#include "storage/image.h"
#include "vm/runstate.h"

#include <errno.h>
#include <string.h>

enum request_op { REQ_READ, REQ_WRITE, REQ_DISCARD, REQ_ZERO, REQ_FLUSH };

struct request {
	enum request_op op;
	bool unmap;
	struct drive *drive;
	uint64_t offset, len;
	void *buf;
	drive_done_fn *done;
	void *opaque;
	int error;
	struct request *next;
};

struct request_list {
	struct request *first, **tail;
};

struct block {
	struct image *image;
	bool write_through;
	GThread *thread;
	GMutex mutex;
	GCond wake;
	bool quit;
	struct request_list queue;
};

/* All images' finished requests. */
static struct {
	GMutex mutex;
	GCond finished;
	struct request_list list;
	bool posted;
	unsigned int in_flight;	     /* machine lock: made, and not yet completed */
	struct request_list stalled; /* machine lock: wait for the machine to be continued */
	bool listening;
} done = {.list.tail = &done.list.first, .stalled.tail = &done.stalled.first};

static void list_add(struct request_list *l, struct request *r)
{
	r->next = NULL;
	*l->tail = r;
	l->tail = &r->next;
}

static struct request *list_take_all(struct request_list *l)
{
	struct request *r = l->first;

	l->first = NULL;
	l->tail = &l->first;
	return r;
}

static void complete_all(void *unused);

static void request_finished(struct request *r)
{
	bool post;

	g_mutex_lock(&done.mutex);
	list_add(&done.list, r);
	post = !done.posted;
	done.posted = true;
	g_cond_signal(&done.finished);
	g_mutex_unlock(&done.mutex);
	if (post)
		loop_post(complete_all, NULL);
}

/* --- the worker --- */

static int request_run(struct block *b, struct request *r)
{
	struct image *img = b->image;
	int err;

	switch (r->op) {
	case REQ_READ: return image_pread(img, r->offset, r->buf, r->len);
	case REQ_WRITE: err = image_pwrite(img, r->offset, r->buf, r->len); break;
	case REQ_DISCARD: return image_discard(img, r->offset, r->len);
	case REQ_ZERO:
		err = image_write_zeroes(img, r->offset, r->len, r->unmap ? IMAGE_UNMAP : 0);
		break;
	default: return image_flush(img);
	}
	return err || !b->write_through ? err : image_flush(img);
}

static void *worker(void *opaque)
{
	struct block *b = opaque;

	g_mutex_lock(&b->mutex);
	while (!b->quit || b->queue.first) {
		struct request *r = list_take_all(&b->queue);
		if (!r) {
			g_cond_wait(&b->wake, &b->mutex);
			continue;
		}
		g_mutex_unlock(&b->mutex);
		while (r) {
			struct request *next = r->next;
			r->error = request_run(b, r);
			request_finished(r);
			r = next;
		}
		g_mutex_lock(&b->mutex);
	}
	g_mutex_unlock(&b->mutex);
	return NULL;
}

struct block *block_new(struct image *image, bool write_through)
{
	struct block *b = g_new0(struct block, 1);

	b->image = image;
	b->write_through = write_through;
	b->queue.tail = &b->queue.first;
	g_mutex_init(&b->mutex);
	g_cond_init(&b->wake);
	b->thread = g_thread_new("disk", worker, b);
	return b;
}

int block_free(struct block *b)
{
	g_mutex_lock(&b->mutex);
	b->quit = true;
	g_cond_signal(&b->wake);
	g_mutex_unlock(&b->mutex);
	g_thread_join(b->thread);
	int err = image_close(b->image);
	g_mutex_clear(&b->mutex);
	g_cond_clear(&b->wake);
	g_free(b);
	return err;
}

struct image *block_image(struct block *b)
{
	return b->image;
}

void block_replace_image(struct block *b, struct image *image)
{
	b->image = image;
}

/* --- requests --- */

static void request_queue(struct request *r)
{
	struct block *b = r->drive->block;

	done.in_flight++;
	if (!b) {
		r->error = ENOMEDIUM;
		request_finished(r);
		return;
	}
	g_mutex_lock(&b->mutex);
	list_add(&b->queue, r);
	g_cond_signal(&b->wake);
	g_mutex_unlock(&b->mutex);
}

static void request_make(struct drive *d, enum request_op op, uint64_t offset, void *buf,
			 uint64_t len, bool unmap, drive_done_fn *fn, void *opaque)
{
	struct request *r = g_new(struct request, 1);

	*r = (struct request){.op = op,
			      .drive = d,
			      .offset = offset,
			      .len = len,
			      .buf = buf,
			      .unmap = unmap,
			      .done = fn,
			      .opaque = opaque};
	request_queue(r);
}

void drive_read(struct drive *d, uint64_t offset, void *buf, size_t len, drive_done_fn *fn,
		void *opaque)
{
	d->rd_ops++;
	d->rd_bytes += len;
	request_make(d, REQ_READ, offset, buf, len, false, fn, opaque);
}

void drive_write(struct drive *d, uint64_t offset, const void *buf, size_t len, drive_done_fn *fn,
		 void *opaque)
{
	d->wr_ops++;
	d->wr_bytes += len;
	request_make(d, REQ_WRITE, offset, (void *)(uintptr_t)buf, len, false, fn, opaque);
}

void drive_discard(struct drive *d, uint64_t offset, uint64_t len, drive_done_fn *fn, void *opaque)
{
	request_make(d, REQ_DISCARD, offset, NULL, len, false, fn, opaque);
}

void drive_write_zeroes(struct drive *d, uint64_t offset, uint64_t len, bool unmap,
			drive_done_fn *fn, void *opaque)
{
	d->wr_ops++;
	d->wr_bytes += len;
	request_make(d, REQ_ZERO, offset, NULL, len, unmap, fn, opaque);
}

void drive_flush(struct drive *d, drive_done_fn *fn, void *opaque)
{
	d->flush_ops++;
	request_make(d, REQ_FLUSH, 0, NULL, 0, false, fn, opaque);
}

/* --- completion, on the main thread --- */

static void machine_continued(void *opaque, bool running, enum run_state state)
{
	struct request *r = running ? list_take_all(&done.stalled) : NULL;

	while (r) {
		struct request *next = r->next;
		request_queue(r);
		r = next;
	}
}

static bool stops_machine(const struct request *r)
{
	enum block_error_action action = r->op == REQ_READ ? r->drive->rerror : r->drive->werror;

	if (!r->error || !r->drive->block)
		return false;
	return action == BLOCK_ERROR_STOP || (action == BLOCK_ERROR_ENOSPC && r->error == ENOSPC);
}

static void request_complete(struct request *r)
{
	struct drive *d = r->drive;

	done.in_flight--;
	if (stops_machine(r)) {
		if (!done.listening)
			run_state_listen(machine_continued, NULL);
		done.listening = true;
		list_add(&done.stalled, r);
		machine_stop(RUN_IO_ERROR);
		return;
	}
	if (r->error && (r->op == REQ_READ ? d->rerror : d->werror) == BLOCK_ERROR_IGNORE)
		r->error = 0;
	if (r->done)
		r->done(r->opaque, r->error);
	g_free(r);
}

static void complete_all(void *unused)
{
	g_mutex_lock(&done.mutex);
	struct request *r = list_take_all(&done.list);
	done.posted = false;
	g_mutex_unlock(&done.mutex);
	while (r) {
		struct request *next = r->next;
		request_complete(r);
		r = next;
	}
}

void drives_drain(void)
{
	while (done.in_flight) {
		g_mutex_lock(&done.mutex);
		while (!done.list.first)
			g_cond_wait(&done.finished, &done.mutex);
		g_mutex_unlock(&done.mutex);
		complete_all(NULL);
	}
}
