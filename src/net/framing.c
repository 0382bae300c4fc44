#include "net/framing.h"

#include "base/bytes.h"
#include "base/loop.h"
#include "net/coalesce.h"
#include "net/offload.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

enum {
	HEADER = 4,
	IN_SIZE = 4 * (HEADER + NET_FRAME_MAX),
	OUT_MAX = 1 << 20, /* bytes that wait for a slow peer before its frames are held back */
	READS_A_TURN = 8,
};

struct frame_stream {
	int fd;
	struct net_port *port;
	struct coalescer *arrived;
	frame_stream_closed_fn *closed;
	void *opaque;
	unsigned int in_watch, out_watch;
	uint8_t *in;
	size_t in_len; /* bytes of `in` that are not yet whole frames */
	GByteArray *out;
	size_t out_done;
	bool full; /* frame_stream_send() said no */
};

static void readable(void *opaque, GIOCondition condition);
static void writable(void *opaque, GIOCondition condition);

void net_fd_prepare(int fd)
{
	fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
	fcntl(fd, F_SETFD, FD_CLOEXEC);
}

static void watch_in(struct frame_stream *s, bool on)
{
	if (on && !s->in_watch) {
		s->in_watch = loop_watch_fd(s->fd, G_IO_IN | G_IO_HUP | G_IO_ERR, readable, s);
	} else if (!on && s->in_watch) {
		loop_unwatch(s->in_watch);
		s->in_watch = 0;
	}
}

static void watch_out(struct frame_stream *s, bool on)
{
	if (on && !s->out_watch) {
		s->out_watch = loop_watch_fd(s->fd, G_IO_OUT, writable, s);
	} else if (!on && s->out_watch) {
		loop_unwatch(s->out_watch);
		s->out_watch = 0;
	}
}

struct frame_stream *frame_stream_new(int fd, struct net_port *port, frame_stream_closed_fn *closed,
				      void *opaque)
{
	struct frame_stream *s = g_new0(struct frame_stream, 1);

	net_fd_prepare(fd);
	s->fd = fd;
	s->port = port;
	s->closed = closed;
	s->opaque = opaque;
	s->in = g_malloc(IN_SIZE);
	s->out = g_byte_array_new();
	s->arrived = coalescer_new(port);
	watch_in(s, true);
	return s;
}

void frame_stream_free(struct frame_stream *s)
{
	if (!s)
		return;
	watch_in(s, false);
	watch_out(s, false);
	close(s->fd);
	g_free(s->in);
	g_byte_array_unref(s->out);
	coalescer_free(s->arrived);
	g_free(s);
}

static void end(struct frame_stream *s, const char *why)
{
	watch_in(s, false);
	watch_out(s, false);
	s->closed(s->opaque, why);
}

/* --- in --- */

/* Sends what is whole; false where the peer announces a frame that cannot be. */
static bool frames_out(struct frame_stream *s)
{
	size_t at = 0;
	bool good = true;

	while (s->in_len - at >= HEADER) {
		size_t len = load_be32(s->in + at);
		if (len > NET_FRAME_MAX) {
			good = false;
			break;
		}
		if (s->in_len - at < HEADER + len)
			break;
		if (len)
			coalescer_send(s->arrived, s->in + at + HEADER, len);
		at += HEADER + len;
	}
	coalescer_flush(s->arrived);
	s->in_len -= at;
	memmove(s->in, s->in + at, s->in_len);
	return good;
}

static void readable(void *opaque, GIOCondition condition)
{
	struct frame_stream *s = opaque;

	for (unsigned int i = 0; i < READS_A_TURN; i++) {
		if (!net_can_send(s->port)) {
			watch_in(s, false); /* frame_stream_resume() goes on */
			return;
		}
		ssize_t n = read(s->fd, s->in + s->in_len, IN_SIZE - s->in_len);
		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			return;
		if (n <= 0) {
			end(s, n == 0 ? "the peer closed the connection" : strerror(errno));
			return;
		}
		s->in_len += (size_t)n;
		if (!frames_out(s)) {
			end(s, "the peer sent a frame length that is too large");
			return;
		}
	}
}

void frame_stream_resume(struct frame_stream *s)
{
	watch_in(s, true);
}

/* --- out --- */

static bool would_block(int code)
{
	return code == EAGAIN || code == EINTR || code == ENOBUFS;
}

/* Writes what waits; the watch says whether something is left. */
static void drain(struct frame_stream *s)
{
	size_t left = s->out->len - s->out_done;
	ssize_t n = send(s->fd, s->out->data + s->out_done, left, MSG_NOSIGNAL);

	/* What is wrong with the connection shows when it is read. */
	if (n < 0 && !would_block(errno)) {
		watch_out(s, false);
		return;
	}
	s->out_done += n < 0 ? 0 : (size_t)n;
	watch_out(s, s->out_done < s->out->len);
	if (s->out_done < s->out->len)
		return;
	g_byte_array_set_size(s->out, 0);
	s->out_done = 0;
}

static void writable(void *opaque, GIOCondition condition)
{
	struct frame_stream *s = opaque;

	drain(s);
	if (s->out->len)
		return;
	if (s->full) {
		s->full = false;
		net_flush(s->port);
	}
}

bool frame_stream_send(struct frame_stream *s, const uint8_t *frame, size_t len)
{
	uint8_t header[HEADER];
	struct iovec part[2] = {{header, HEADER}, {(void *)(uintptr_t)frame, len}};
	struct msghdr message = {.msg_iov = part, .msg_iovlen = 2};
	size_t done = 0;

	store_be32(header, (uint32_t)len);
	if (s->out->len == 0) {
		ssize_t n = sendmsg(s->fd, &message, MSG_NOSIGNAL);
		if (n < 0 && !would_block(errno))
			return true; /* lost: the peer is gone */
		done = n < 0 ? 0 : (size_t)n;
		if (done == HEADER + len)
			return true;
	} else if (s->out->len - s->out_done > OUT_MAX) {
		s->full = true;
		return false;
	}
	if (done < HEADER)
		g_byte_array_append(s->out, header + done, (guint)(HEADER - done));
	size_t skip = done > HEADER ? done - HEADER : 0;
	g_byte_array_append(s->out, frame + skip, (guint)(len - skip));
	watch_out(s, true);
	return true;
}

static void append_piece(void *opaque, const uint8_t *frame, size_t len)
{
	struct frame_stream *s = opaque;
	uint8_t header[HEADER];

	store_be32(header, (uint32_t)len);
	g_byte_array_append(s->out, header, HEADER);
	g_byte_array_append(s->out, frame, (guint)len);
}

bool frame_stream_send_large(struct frame_stream *s, uint8_t *frame, size_t len, size_t mss)
{
	bool waiting = s->out->len > 0;

	if (s->out->len - s->out_done > OUT_MAX) {
		s->full = true;
		return false;
	}
	frame_segment(frame, len, mss, append_piece, s);
	if (!waiting)
		drain(s);
	return true;
}
