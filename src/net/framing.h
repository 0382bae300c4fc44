/*
 * Frames over a stream socket: each with its length as 32 bits in network order before it, as
 * -net socket, -netdev stream and passt speak it.
 *
 * The stream belongs to one port, whose room decides whether the socket is read. Machine lock held.
 */
#ifndef NET_FRAMING_H
#define NET_FRAMING_H

#include "net/net-internal.h"

struct frame_stream;

/* The peer went away or broke the protocol; `why` is for the user. The stream is freed by the
 * owner, from inside the call or later. */
typedef void frame_stream_closed_fn(void *opaque, const char *why);

/* Takes over a connected, non-blocking socket; frames that come are sent out of `port`. */
struct frame_stream *frame_stream_new(int fd, struct net_port *port, frame_stream_closed_fn *closed,
				      void *opaque);
void frame_stream_free(struct frame_stream *s); /* closes the socket; NULL is allowed */
/* For the port's receive(): false where the peer is behind; net_flush() follows. */
bool frame_stream_send(struct frame_stream *s, const uint8_t *frame, size_t len);
/* For its receive_large(): cuts, and needs one system call for all pieces. */
bool frame_stream_send_large(struct frame_stream *s, uint8_t *frame, size_t len, size_t mss);
/* For the port's writable(). */
void frame_stream_resume(struct frame_stream *s);

/* Makes a descriptor non-blocking and closed on exec. */
void net_fd_prepare(int fd);

#endif
