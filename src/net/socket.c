/*
 * -net socket: frames to another emulator over TCP (listen=, connect=), a descriptor (fd=), a UDP
 * multicast group (mcast=, as User Mode Linux has it) or a UDP tunnel (udp=).
 */
#include "net/framing.h"
#include "net/packet.h"

#include "base/loop.h"

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

struct socket_net {
	struct net_port *port;
	struct frame_stream *stream; /* NULL: nobody is connected */
	int listen_fd;		     /* -1: not listening */
	unsigned int listen_watch;
	char *where; /* for messages */
};

static void wait_for_client(struct socket_net *s);

static void peer_closed(void *opaque, const char *why)
{
	struct socket_net *s = opaque;

	frame_stream_free(s->stream);
	s->stream = NULL;
	warn_report("-net socket,%s: %s", s->where, why);
	net_port_describe(s->port, "%s,disconnected", s->where);
	if (s->listen_fd >= 0)
		wait_for_client(s);
	net_flush(s->port);
}

static void client_comes(void *opaque, GIOCondition condition)
{
	struct socket_net *s = opaque;
	int one = 1, fd = accept4(s->listen_fd, NULL, NULL, SOCK_CLOEXEC);

	if (fd < 0)
		return;
	setsockopt(fd, IPPROTO_TCP, 1 /* TCP_NODELAY */, &one, sizeof(one));
	loop_unwatch(s->listen_watch);
	s->listen_watch = 0;
	s->stream = frame_stream_new(fd, s->port, peer_closed, s);
	net_port_describe(s->port, "%s,connected", s->where);
}

/* One client at a time; the next one waits in the kernel's queue. */
static void wait_for_client(struct socket_net *s)
{
	s->listen_watch = loop_watch_fd(s->listen_fd, G_IO_IN, client_comes, s);
}

static bool socket_receive(void *opaque, const uint8_t *frame, size_t len)
{
	struct socket_net *s = opaque;
	return !s->stream || frame_stream_send(s->stream, frame, len);
}

static bool socket_takes_large(void *opaque)
{
	return ((struct socket_net *)opaque)->stream != NULL;
}

static bool socket_receive_large(void *opaque, uint8_t *frame, size_t len, size_t mss)
{
	struct socket_net *s = opaque;
	return !s->stream || frame_stream_send_large(s->stream, frame, len, mss);
}

static void socket_writable(void *opaque)
{
	struct socket_net *s = opaque;
	if (s->stream)
		frame_stream_resume(s->stream);
}

static void socket_destroy(void *opaque)
{
	struct socket_net *s = opaque;

	loop_unwatch(s->listen_watch);
	if (s->listen_fd >= 0)
		close(s->listen_fd);
	frame_stream_free(s->stream);
	g_free(s->where);
	g_free(s);
}

static const struct net_port_ops socket_ops = {.kind = "socket",
					       .receive = socket_receive,
					       .takes_large = socket_takes_large,
					       .receive_large = socket_receive_large,
					       .writable = socket_writable,
					       .destroy = socket_destroy};

static struct socket_net *socket_new(const char *name, const char *key, const char *value,
				     struct net_port **port)
{
	struct socket_net *s = g_new0(struct socket_net, 1);

	s->listen_fd = -1;
	s->where = g_strdup_printf("%s=%s", key, value);
	s->port = net_port_new(&socket_ops, s, name);
	net_port_describe(s->port, "%s", s->where);
	*port = s->port;
	return s;
}

static struct error *listen_tcp(const char *name, const char *text, struct net_port **port)
{
	struct sockaddr_in addr;
	struct error *err = net_parse_address(text, (struct in_addr){INADDR_ANY}, &addr);
	int one = 1;

	if (err)
		return err;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return error_errno(errno, "no socket");
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (bind(fd, (struct sockaddr *)&addr, sizeof(addr)) < 0 || listen(fd, 1) < 0) {
		err = error_errno(errno, "cannot listen on %s", text);
		close(fd);
		return err;
	}
	struct socket_net *s = socket_new(name, "listen", text, port);
	s->listen_fd = fd;
	wait_for_client(s);
	return NULL;
}

static struct error *connect_tcp(const char *name, const char *text, struct net_port **port)
{
	struct sockaddr_in addr;
	struct in_addr loopback = {htonl(INADDR_LOOPBACK)};
	struct error *err = net_parse_address(text, loopback, &addr);
	int one = 1;

	if (err)
		return err;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return error_errno(errno, "no socket");
	setsockopt(fd, IPPROTO_TCP, 1 /* TCP_NODELAY */, &one, sizeof(one));
	if (connect(fd, (struct sockaddr *)&addr, sizeof(addr)) < 0) {
		err = error_errno(errno, "cannot connect to %s", text);
		close(fd);
		return err;
	}
	struct socket_net *s = socket_new(name, "connect", text, port);
	s->stream = frame_stream_new(fd, s->port, peer_closed, s);
	return NULL;
}

struct error *net_parse_fd(const char *text, int *fd)
{
	uint64_t value = 0;
	struct stat st;
	struct error *err = parse_u64(text, 0, INT32_MAX, &value);

	if (err)
		return error_prefix(err, "fd=%s", text);
	if (fstat((int)value, &st) < 0)
		return error_errno(errno, "fd=%s", text);
	*fd = (int)value;
	return NULL;
}

static struct error *use_fd(const char *name, const char *text, struct net_port **port)
{
	int fd = -1, type = 0;
	socklen_t len = sizeof(type);
	struct error *err = net_parse_fd(text, &fd);

	if (err)
		return err;
	if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &len) < 0)
		return error_errno(errno, "fd=%s", text);
	if (type == SOCK_DGRAM) {
		char *where = g_strdup_printf("fd=%s", text);
		*port = net_packet_new(name, "socket", fd, NULL, 0, where);
		g_free(where);
		return NULL;
	}
	if (type != SOCK_STREAM)
		return error_new("fd=%s is neither a stream nor a datagram socket", text);
	struct socket_net *s = socket_new(name, "fd", text, port);
	s->stream = frame_stream_new(fd, s->port, peer_closed, s);
	return NULL;
}

static struct error *use_multicast(const char *name, const char *text, const char *local,
				   struct net_port **port)
{
	struct sockaddr_in group;
	struct in_addr interface = {INADDR_ANY};
	struct error *err = net_parse_address(text, interface, &group);
	int fd = -1;

	if (!err && local)
		err = net_lookup(local, &interface);
	if (!err)
		err = net_multicast_open(&group, interface, &fd);
	if (err)
		return err;
	char *where = g_strdup_printf("mcast=%s", text);
	*port = net_packet_new(name, "socket", fd, (struct sockaddr *)&group, sizeof(group), where);
	net_packet_drop_echo(*port);
	g_free(where);
	return NULL;
}

static struct error *use_udp(const char *name, const char *text, const char *local,
			     struct net_port **port)
{
	struct sockaddr_in to, from;
	struct in_addr any = {INADDR_ANY}, loopback = {htonl(INADDR_LOOPBACK)};
	struct error *err = net_parse_address(text, loopback, &to);
	int fd = -1;

	if (!err && !local)
		err = error_new("localaddr=host:port is missing");
	if (!err)
		err = net_parse_address(local, any, &from);
	if (!err)
		err = net_udp_open(&from, &fd);
	if (err)
		return err;
	char *where = g_strdup_printf("udp=%s,localaddr=%s", text, local);
	*port = net_packet_new(name, "socket", fd, (struct sockaddr *)&to, sizeof(to), where);
	g_free(where);
	return NULL;
}

struct error *net_socket_create(struct optstr *o, const char *name, struct net_port **port)
{
	static const char *const keys[] = {"listen", "connect", "fd", "mcast", "udp"};
	const char *local = optstr_get(o, "localaddr"), *value = NULL;
	unsigned int which = 0, given = 0;

	for (unsigned int i = 0; i < G_N_ELEMENTS(keys); i++) {
		if (!optstr_get(o, keys[i]))
			continue;
		value = optstr_get(o, keys[i]);
		which = i;
		given++;
	}
	/* fd= may come with mcast=, which then only names the group. */
	if (given == 2 && optstr_get(o, "fd") && optstr_get(o, "mcast")) {
		which = 2;
		value = optstr_get(o, "fd");
	} else if (given != 1) {
		return error_new("give one of listen=, connect=, fd=, mcast= and udp=");
	}
	switch (which) {
	case 0: return listen_tcp(name, value, port);
	case 1: return connect_tcp(name, value, port);
	case 2: return use_fd(name, value, port);
	case 3: return use_multicast(name, value, local, port);
	default: return use_udp(name, value, local, port);
	}
}
