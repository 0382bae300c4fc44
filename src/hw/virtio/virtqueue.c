#include "hw/virtio/virtqueue.h"

#include "base/bytes.h"
#include "base/log.h"

#include <string.h>

enum {
	DESC_NEXT = 1,
	DESC_WRITE = 2,
	DESC_INDIRECT = 4,
	DESC_SIZE = 16,
	AVAIL_NO_INTERRUPT = 1,
	USED_NO_NOTIFY = 1,
	RING = 4, /* offset of the entries in both rings */
};

static uint16_t load16(const struct virtqueue *q, uint64_t addr)
{
	return (uint16_t)mem_load_le(q->dma, addr, 2);
}

static void store16(const struct virtqueue *q, uint64_t addr, uint16_t value)
{
	mem_store_le(q->dma, addr, value, 2);
}

static bool queue_broken(struct virtqueue *q, const char *why)
{
	log_printf(LOG_GUEST_ERRORS, "virtio: %s\n", why);
	q->broken = true;
	return false;
}

void virtq_reset(struct virtqueue *q, uint16_t size)
{
	struct address_space *dma = q->dma;

	*q = (struct virtqueue){.dma = dma, .size = size};
}

bool virtq_ready(struct virtqueue *q)
{
	if (!q->enabled || q->broken)
		return false;
	return load16(q, q->avail + 2) != q->last_avail;
}

struct descriptor {
	uint64_t addr;
	uint32_t len;
	uint16_t flags, next;
};

static struct descriptor descriptor_read(const struct virtqueue *q, uint64_t table, unsigned int i)
{
	uint8_t d[DESC_SIZE];

	mem_read(q->dma, table + (uint64_t)i * DESC_SIZE, d, sizeof(d));
	return (struct descriptor){load_le64(d), load_le32(d + 8), load_le16(d + 12),
				   load_le16(d + 14)};
}

static bool add_buffer(struct virtqueue *q, struct virtq_element *e, const struct descriptor *d)
{
	unsigned int n = e->outs + e->ins;

	if (n == VIRTQ_SIZE_MAX)
		return queue_broken(q, "a chain with more buffers than the queue");
	if (!(d->flags & DESC_WRITE) && e->ins)
		return queue_broken(q, "an out buffer after an in buffer");
	e->buffers[n] = (struct virtq_buffer){d->addr, d->len};
	if (d->flags & DESC_WRITE) {
		e->ins++;
		e->in_len += d->len;
	} else {
		e->outs++;
		e->out_len += d->len;
	}
	return true;
}

/* Follows a chain in a table of `size` descriptors. Each step adds a buffer, so loops end. */
static bool follow(struct virtqueue *q, struct virtq_element *e, uint64_t table, unsigned int size,
		   unsigned int i, bool indirect)
{
	for (;;) {
		if (i >= size)
			return queue_broken(q, "a descriptor outside of its table");
		struct descriptor d = descriptor_read(q, table, i);
		if (d.flags & DESC_INDIRECT) {
			if (indirect || d.flags & DESC_NEXT || d.len % DESC_SIZE || d.len == 0)
				return queue_broken(q, "a wrong indirect descriptor");
			return follow(q, e, d.addr, d.len / DESC_SIZE, 0, true);
		}
		if (!add_buffer(q, e, &d))
			return false;
		if (!(d.flags & DESC_NEXT))
			return true;
		i = d.next;
	}
}

bool virtq_pop(struct virtqueue *q, struct virtq_element *e)
{
	if (!virtq_ready(q))
		return false;
	uint16_t waiting = (uint16_t)(load16(q, q->avail + 2) - q->last_avail);
	if (waiting > q->size)
		return queue_broken(q, "more chains are available than the queue holds");
	__atomic_thread_fence(__ATOMIC_ACQUIRE);
	e->head = load16(q, q->avail + RING + 2u * (q->last_avail & (q->size - 1)));
	e->outs = e->ins = 0;
	e->out_len = e->in_len = 0;
	if (!follow(q, e, q->desc, q->size, e->head, false))
		return false;
	q->last_avail++;
	if (q->event_idx && !q->quiet)
		store16(q, q->used + RING + 8u * q->size, q->last_avail);
	return true;
}

void virtq_unpop(struct virtqueue *q)
{
	q->last_avail--;
}

void virtq_fill(struct virtqueue *q, const struct virtq_element *e, uint32_t len,
		unsigned int position)
{
	uint8_t entry[8];
	unsigned int slot = (q->used_idx + position) & (q->size - 1u);

	store_le32(entry, e->head);
	store_le32(entry + 4, len);
	mem_write(q->dma, q->used + RING + 8u * slot, entry, sizeof(entry));
}

void virtq_publish(struct virtqueue *q, unsigned int count)
{
	uint16_t old = q->used_idx;

	__atomic_thread_fence(__ATOMIC_RELEASE);
	q->used_idx = (uint16_t)(q->used_idx + count);
	store16(q, q->used + 2, q->used_idx);
	/* So many that the driver's event index means another round. */
	if ((uint16_t)(q->used_idx - q->signalled) < (uint16_t)(q->used_idx - old))
		q->signalled_valid = false;
}

bool virtq_should_signal(struct virtqueue *q)
{
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	if (!q->event_idx)
		return !(load16(q, q->avail) & AVAIL_NO_INTERRUPT);
	uint16_t event = load16(q, q->avail + RING + 2u * q->size), old = q->signalled;
	bool valid = q->signalled_valid;
	q->signalled = q->used_idx;
	q->signalled_valid = true;
	return !valid || (uint16_t)(q->used_idx - event - 1) < (uint16_t)(q->used_idx - old);
}

void virtq_set_notify(struct virtqueue *q, bool on)
{
	if (!q->enabled || q->broken)
		return;
	if (q->event_idx) {
		if (on)
			store16(q, q->used + RING + 8u * q->size, load16(q, q->avail + 2));
	} else {
		store16(q, q->used, on ? 0 : USED_NO_NOTIFY);
	}
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
}

void virtq_quiet(struct virtqueue *q)
{
	if (q->quiet)
		return;
	q->quiet = true;
	virtq_set_notify(q, false);
}

bool virtq_listen(struct virtqueue *q)
{
	q->quiet = false;
	if (q->event_idx && q->enabled && !q->broken)
		store16(q, q->used + RING + 8u * q->size, q->last_avail);
	virtq_set_notify(q, true);
	return !virtq_ready(q);
}

/* --- bytes --- */

enum direction { FROM_DRIVER, TO_DRIVER };

static size_t copy(const struct virtqueue *q, const struct virtq_buffer *b, unsigned int count,
		   uint64_t offset, void *buf, size_t len, enum direction direction)
{
	size_t done = 0;

	for (unsigned int i = 0; i < count && done < len; i++) {
		if (offset >= b[i].len) {
			offset -= b[i].len;
			continue;
		}
		size_t part = b[i].len - offset < len - done ? b[i].len - offset : len - done;
		if (direction == FROM_DRIVER)
			mem_read(q->dma, b[i].addr + offset, (uint8_t *)buf + done, part);
		else
			mem_write(q->dma, b[i].addr + offset, (const uint8_t *)buf + done, part);
		done += part;
		offset = 0;
	}
	return done;
}

size_t virtq_read(const struct virtqueue *q, const struct virtq_element *e, uint64_t offset,
		  void *buf, size_t len)
{
	return copy(q, e->buffers, e->outs, offset, buf, len, FROM_DRIVER);
}

size_t virtq_write(const struct virtqueue *q, const struct virtq_element *e, uint64_t offset,
		   const void *buf, size_t len)
{
	return copy(q, e->buffers + e->outs, e->ins, offset, (void *)(uintptr_t)buf, len,
		    TO_DRIVER);
}

const struct field virtqueue_fields[] = {
	F_U16(struct virtqueue, size),
	F_BOOL(struct virtqueue, enabled),
	F_BOOL(struct virtqueue, broken),
	F_BOOL(struct virtqueue, event_idx),
	F_U64(struct virtqueue, desc),
	F_U64(struct virtqueue, avail),
	F_U64(struct virtqueue, used),
	F_U16(struct virtqueue, last_avail),
	F_U16(struct virtqueue, used_idx),
	F_U16(struct virtqueue, signalled),
	F_BOOL(struct virtqueue, signalled_valid),
	FIELD_END,
};
