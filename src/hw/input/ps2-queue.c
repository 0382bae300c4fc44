/* The output buffer of a PS/2 device. */
#include "hw/input/ps2.h"

#include <string.h>

bool ps2_pending(const struct ps2_queue *q)
{
	return q->count || q->reply_count;
}

uint8_t ps2_pop(struct ps2_queue *q)
{
	if (q->reply_count) {
		q->last = q->reply[q->reply_head];
		q->reply_head = (q->reply_head + 1) % sizeof(q->reply);
		q->reply_count--;
	} else if (q->count) {
		q->last = q->data[q->head];
		q->head = (q->head + 1) % PS2_QUEUE;
		q->count--;
	} else {
		return 0;
	}
	return q->last;
}

void ps2_flush(struct ps2_queue *q)
{
	q->head = q->count = q->reply_head = q->reply_count = 0;
}

void ps2_notify(struct ps2_queue *q)
{
	if (q->ready)
		q->ready(q->opaque);
}

void ps2_reply(struct ps2_queue *q, uint8_t byte)
{
	if (q->reply_count == sizeof(q->reply))
		return;
	q->reply[(q->reply_head + q->reply_count) % sizeof(q->reply)] = byte;
	q->reply_count++;
	ps2_notify(q);
}

bool ps2_event(struct ps2_queue *q, const uint8_t *bytes, unsigned int len)
{
	if (len + q->count > PS2_QUEUE)
		return false;
	for (unsigned int i = 0; i < len; i++)
		q->data[(q->head + q->count++) % PS2_QUEUE] = bytes[i];
	ps2_notify(q);
	return true;
}

struct error *ps2_queue_check(const struct ps2_queue *q)
{
	if (q->head >= PS2_QUEUE || q->count > PS2_QUEUE || q->reply_head >= sizeof(q->reply) ||
	    q->reply_count > sizeof(q->reply))
		return error_new("ps2: impossible queue");
	return NULL;
}

const struct field ps2_queue_state[] = {
	F_BYTES(struct ps2_queue, data),    F_U8(struct ps2_queue, head),
	F_U8(struct ps2_queue, count),	    F_BYTES(struct ps2_queue, reply),
	F_U8(struct ps2_queue, reply_head), F_U8(struct ps2_queue, reply_count),
	F_U8(struct ps2_queue, last),	    FIELD_END,
};
