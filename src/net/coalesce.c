/* Joining TCP segments; see coalesce.h. */
#include "net/coalesce.h"

#include "base/bytes.h"
#include "net/offload.h"

#include <glib.h>
#include <string.h>

enum {
	TCP_ACK = 0x10,
	TCP_PSH = 0x08,
	LARGEST = 65535 + 14, /* an IP datagram's limit */
	SMALLEST = 256,	      /* bytes of payload that are worth waiting with */
};

struct coalescer {
	struct net_port *port;
	uint8_t frame[LARGEST];
	size_t len; /* 0: nothing is held */
	size_t mss; /* payload of the first piece */
	unsigned int pieces;
	uint32_t next_sequence;
	struct frame_layout layout;
};

struct coalescer *coalescer_new(struct net_port *port)
{
	struct coalescer *c = g_new(struct coalescer, 1);

	c->port = port;
	c->len = 0;
	return c;
}

void coalescer_free(struct coalescer *c)
{
	g_free(c);
}

void coalescer_flush(struct coalescer *c)
{
	size_t len = c->len;

	/* What the peer answers may come back here before the call ends. */
	c->len = 0;
	if (len && c->pieces > 1)
		net_send_large(c->port, c->frame, len, c->mss);
	else if (len)
		net_send(c->port, c->frame, len);
}

/* A TCP segment with payload and nothing unusual that ends with the frame. */
static bool plain_segment(const uint8_t *frame, size_t len, struct frame_layout *l)
{
	if (!frame_parse(frame, len, l) || !l->tcp || l->l4 + l->l4_len != len)
		return false;
	if (l->ipv4 ? l->l4 != l->l3 + 20 : l->l4 != l->l3 + 40)
		return false;
	uint8_t flags = frame[l->l4 + 13];
	return (flags & ~TCP_PSH) == TCP_ACK && len - l->payload >= SMALLEST;
}

/* Whether both are of one stream: all of the headers but lengths, ids, checksums, sequence number,
 * acknowledgement, window and PSH. */
static bool same_stream(const struct coalescer *c, const uint8_t *frame,
			const struct frame_layout *l)
{
	const struct frame_layout *m = &c->layout;
	const uint8_t *a = c->frame, *b = frame;

	if (m->ipv4 != l->ipv4 || m->l3 != l->l3 || m->l4 != l->l4 || m->payload != l->payload ||
	    memcmp(a, b, l->l3) != 0)
		return false;
	a += l->l3;
	b += l->l3;
	if (l->ipv4 && (memcmp(a, b, 2) != 0 || memcmp(a + 6, b + 6, 4) != 0 ||
			memcmp(a + 12, b + 12, 8) != 0))
		return false;
	if (l->ipv6 && (memcmp(a, b, 4) != 0 || memcmp(a + 6, b + 6, 34) != 0))
		return false;
	a = c->frame + l->l4;
	b = frame + l->l4;
	return memcmp(a, b, 4) == 0 && memcmp(a + 18, b + 18, l->payload - l->l4 - 18) == 0;
}

static bool fits(const struct coalescer *c, const uint8_t *frame, size_t len,
		 const struct frame_layout *l)
{
	size_t payload = len - l->payload;

	return c->len && payload <= c->mss && c->len + payload <= LARGEST &&
	       load_be32(frame + l->l4 + 4) == c->next_sequence && same_stream(c, frame, l);
}

static void hold(struct coalescer *c, const uint8_t *frame, size_t len,
		 const struct frame_layout *l)
{
	memcpy(c->frame, frame, len);
	c->len = len;
	c->mss = len - l->payload;
	c->pieces = 1;
	c->layout = *l;
	c->next_sequence = load_be32(frame + l->l4 + 4) + (uint32_t)c->mss;
}

static void append(struct coalescer *c, const uint8_t *frame, size_t len,
		   const struct frame_layout *l)
{
	size_t payload = len - l->payload;
	uint8_t *tcp = c->frame + l->l4;

	memcpy(c->frame + c->len, frame + l->payload, payload);
	memcpy(tcp + 8, frame + l->l4 + 8, 4);	 /* the newest acknowledgement */
	memcpy(tcp + 14, frame + l->l4 + 14, 2); /* and window */
	tcp[13] |= frame[l->l4 + 13];
	c->len += payload;
	c->next_sequence += (uint32_t)payload;
	c->pieces++;
}

void coalescer_send(struct coalescer *c, const uint8_t *frame, size_t len)
{
	struct frame_layout l;

	if (!net_takes_large(c->port) || !plain_segment(frame, len, &l)) {
		coalescer_flush(c);
		net_send(c->port, frame, len);
		return;
	}
	size_t payload = len - l.payload;
	if (fits(c, frame, len, &l)) {
		append(c, frame, len, &l);
	} else {
		coalescer_flush(c);
		hold(c, frame, len, &l);
	}
	/* Behind a short piece or PSH the others would have a wrong size. */
	if (payload < c->mss || frame[l.l4 + 13] & TCP_PSH)
		coalescer_flush(c);
}
