/*
 * Split virtqueues, the device's side.
 * Source: "Virtual I/O Device (VIRTIO) Version 1.1", section 2.6.
 *
 * Everything in guest memory is read once and checked; a ring that makes no sense marks the queue
 * broken, and the device then asks to be reset. Machine lock held.
 */
#ifndef HW_VIRTIO_VIRTQUEUE_H
#define HW_VIRTIO_VIRTQUEUE_H

#include "vm/device.h"
#include "vm/memory.h"

#include <stdbool.h>

enum { VIRTQ_SIZE_MAX = 256 };

struct virtqueue {
	struct address_space *dma;
	uint16_t size; /* entries, a power of two up to VIRTQ_SIZE_MAX */
	bool enabled, broken;
	bool event_idx; /* VIRTIO_F_EVENT_IDX was agreed on */
	uint64_t desc, avail, used;
	uint16_t last_avail, used_idx;
	uint16_t signalled; /* used_idx at the last interrupt */
	bool signalled_valid;
	bool quiet; /* pops ask for no notification; not saved */
};

struct virtq_buffer {
	uint64_t addr;
	uint32_t len;
};

/* One chain: first what the driver wrote for the device (out), then what it left room for (in). */
struct virtq_element {
	uint16_t head;
	unsigned int outs, ins;
	uint64_t out_len, in_len;
	struct virtq_buffer buffers[VIRTQ_SIZE_MAX];
};

extern const struct field virtqueue_fields[];

void virtq_reset(struct virtqueue *q, uint16_t size);
/* Whether the driver has made something available. */
bool virtq_ready(struct virtqueue *q);
/* Takes the next chain; false where there is none or the queue broke. */
bool virtq_pop(struct virtqueue *q, struct virtq_element *e);
/* Puts back the chain that virtq_pop() gave last. */
void virtq_unpop(struct virtqueue *q);
/* Returns a chain with `len` bytes written into it. Several may be returned before they become
 * visible together through virtq_publish(). */
void virtq_fill(struct virtqueue *q, const struct virtq_element *e, uint32_t len,
		unsigned int position);
void virtq_publish(struct virtqueue *q, unsigned int count);
static inline void virtq_push(struct virtqueue *q, const struct virtq_element *e, uint32_t len)
{
	virtq_fill(q, e, len, 0);
	virtq_publish(q, 1);
}
/* Whether the driver wants an interrupt for what was published since it last had one. */
bool virtq_should_signal(struct virtqueue *q);
/* Asks the driver (not) to notify when it makes more available. */
void virtq_set_notify(struct virtqueue *q, bool on);

/*
 * For devices that look at the queue by themselves: from virtq_quiet() on the driver need not
 * notify; virtq_listen() asks for it again and returns false where something came in between.
 */
void virtq_quiet(struct virtqueue *q);
bool virtq_listen(struct virtqueue *q);

/* Copies at most `len` bytes at `offset` of the out or in part; returns how many there were. */
size_t virtq_read(const struct virtqueue *q, const struct virtq_element *e, uint64_t offset,
		  void *buf, size_t len);
size_t virtq_write(const struct virtqueue *q, const struct virtq_element *e, uint64_t offset,
		   const void *buf, size_t len);

#endif
