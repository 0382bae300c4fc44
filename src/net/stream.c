/*
 * -netdev stream: frames over a TCP or UNIX stream socket, as client or server; what passt and
 * other emulators speak. Options as QEMU 7.2 has them: server=, addr.type=inet|unix|fd with
 * addr.host, addr.port, addr.path, addr.str; reconnect=seconds.
 */
#include "net/framing.h"
#include "net/netaddr.h"
#include "net/packet.h"

#include "base/loop.h"
#include "vm/clock.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

struct stream_net {
	struct net_port *port;
	struct frame_stream *stream;
	struct net_address addr;
	int listen_fd;
	unsigned int listen_watch;
	unsigned int reconnect; /* seconds; 0: never */
	struct timer retry;
	bool told; /* that the peer is not there */
	char *where;
};

static void wait_for_client(struct stream_net *s);

static void describe(struct stream_net *s, const char *state)
{
	net_port_describe(s->port, "%s,%s", s->where, state);
}

static void retry_later(struct stream_net *s)
{
	timer_set(&s->retry, clock_now(CLOCK_REALTIME_HOST) + (int64_t)s->reconnect * NS_PER_S);
}

static void peer_closed(void *opaque, const char *why)
{
	struct stream_net *s = opaque;

	frame_stream_free(s->stream);
	s->stream = NULL;
	warn_report("network %s: %s", s->where, why);
	s->told = true;
	describe(s, "disconnected");
	if (s->listen_fd >= 0)
		wait_for_client(s);
	else if (s->reconnect)
		retry_later(s);
	net_flush(s->port);
}

static void connected(struct stream_net *s, int fd)
{
	net_address_tune(fd);
	s->stream = frame_stream_new(fd, s->port, peer_closed, s);
	s->told = false;
	describe(s, "connected");
}

static void client_comes(void *opaque, GIOCondition condition)
{
	struct stream_net *s = opaque;
	int fd = accept4(s->listen_fd, NULL, NULL, SOCK_CLOEXEC);

	if (fd < 0)
		return;
	loop_unwatch(s->listen_watch);
	s->listen_watch = 0;
	connected(s, fd);
}

static void wait_for_client(struct stream_net *s)
{
	s->listen_watch = loop_watch_fd(s->listen_fd, G_IO_IN, client_comes, s);
}

static void try_again(void *opaque)
{
	struct stream_net *s = opaque;
	int fd = -1;
	struct error *err = net_address_connect(&s->addr, &fd);

	if (!err) {
		connected(s, fd);
		return;
	}
	if (!s->told)
		warn_report("network %s: %s", s->where, err->message);
	s->told = true;
	error_free(err);
	retry_later(s);
}

static bool stream_receive(void *opaque, const uint8_t *frame, size_t len)
{
	struct stream_net *s = opaque;
	return !s->stream || frame_stream_send(s->stream, frame, len);
}

static bool stream_takes_large(void *opaque)
{
	return ((struct stream_net *)opaque)->stream != NULL;
}

static bool stream_receive_large(void *opaque, uint8_t *frame, size_t len, size_t mss)
{
	struct stream_net *s = opaque;
	return !s->stream || frame_stream_send_large(s->stream, frame, len, mss);
}

static void stream_writable(void *opaque)
{
	struct stream_net *s = opaque;
	if (s->stream)
		frame_stream_resume(s->stream);
}

static void stream_destroy(void *opaque)
{
	struct stream_net *s = opaque;

	timer_cancel(&s->retry);
	loop_unwatch(s->listen_watch);
	if (s->listen_fd >= 0) {
		close(s->listen_fd);
		net_address_unlink(&s->addr);
	}
	frame_stream_free(s->stream);
	g_free(s->where);
	g_free(s);
}

static const struct net_port_ops stream_ops = {.kind = "stream",
					       .receive = stream_receive,
					       .takes_large = stream_takes_large,
					       .receive_large = stream_receive_large,
					       .writable = stream_writable,
					       .destroy = stream_destroy};

static struct error *start(struct stream_net *s, bool server)
{
	int fd = -1;
	struct error *err;

	if (s->addr.fd >= 0) {
		connected(s, s->addr.fd);
		return NULL;
	}
	if (server) {
		err = net_address_listen(&s->addr, &s->listen_fd);
		if (!err)
			wait_for_client(s);
		return err;
	}
	err = net_address_connect(&s->addr, &fd);
	if (!err) {
		connected(s, fd);
	} else if (s->reconnect) {
		error_free(err);
		err = NULL;
		retry_later(s);
	}
	return err;
}

struct error *net_stream_create(struct optstr *o, const char *name, struct net_port **port)
{
	struct stream_net *s = g_new0(struct stream_net, 1);
	bool server = false;
	uint64_t ms = 0;
	struct error *err = net_address_parse(o, "addr", SOCK_STREAM, &s->addr);

	if (!err && !s->addr.given)
		err = error_new("addr.type=inet, unix or fd is missing");
	if (!err)
		err = optstr_bool(o, "server", &server);
	if (!err)
		err = optstr_uint(o, "reconnect", 0, 86400, &s->reconnect);
	if (!err)
		err = optstr_u64(o, "reconnect-ms", 0, 86400000, &ms);
	if (ms)
		s->reconnect = (unsigned int)((ms + 999) / 1000);
	if (!err && server && s->reconnect)
		err = error_new("reconnect= is for clients");
	if (err) {
		g_free(s);
		return err;
	}
	s->listen_fd = -1;
	s->where = net_address_text(&s->addr);
	timer_init(&s->retry, CLOCK_REALTIME_HOST, try_again, s);
	s->port = net_port_new(&stream_ops, s, name);
	describe(s, server ? "listening" : "connecting");
	err = start(s, server);
	if (err)
		net_port_free(s->port);
	else
		*port = s->port;
	return err;
}
