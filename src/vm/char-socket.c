/*
 * TCP and UNIX sockets, as client or server, raw or telnet. One connection at a time: while it
 * lasts, a server does not listen. A client with reconnect=N tries again N seconds after it failed
 * or lost the connection.
 */
#include "vm/char-backend.h"

#include "base/loop.h"
#include "vm/char-telnet.h"
#include "vm/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

struct socket_config {
	const char *host, *port, *path;
	bool server, wait, telnet, nodelay, ipv4, ipv6;
	unsigned int reconnect; /* seconds, 0: never */
};

struct socket_chr {
	struct chardev chr;
	bool server, is_telnet, nodelay;
	int listen_fd, connecting_fd;
	unsigned int listen_watch, connecting_watch;
	struct telnet telnet;
	char *address; /* "tcp:127.0.0.1:4444,server" */
	char *unlink_path;
	unsigned int reconnect;
	struct timer retry;
	struct sockaddr_storage target; /* of a client */
	socklen_t target_len;
};

static struct socket_chr *to_socket(struct chardev *chr)
{
	return (struct socket_chr *)chr;
}

/* --- addresses --- */

static char *address_text(const struct sockaddr *addr, socklen_t len)
{
	char host[256], port[32];

	if (addr->sa_family == AF_UNIX)
		return g_strdup_printf("unix:%s", ((const struct sockaddr_un *)addr)->sun_path);
	if (getnameinfo(addr, len, host, sizeof(host), port, sizeof(port),
			NI_NUMERICHOST | NI_NUMERICSERV) != 0)
		return g_strdup("tcp:?");
	return g_strdup_printf(addr->sa_family == AF_INET6 ? "tcp:[%s]:%s" : "tcp:%s:%s", host,
			       port);
}

static struct error *resolve_unix(const char *path, struct sockaddr_storage *to, socklen_t *len)
{
	struct sockaddr_un *un = (struct sockaddr_un *)to;

	if (strlen(path) >= sizeof(un->sun_path))
		return error_new("\"%s\" is longer than the %zu bytes of a socket's path", path,
				 sizeof(un->sun_path) - 1);
	un->sun_family = AF_UNIX;
	strcpy(un->sun_path, path);
	*len = sizeof(*un);
	return NULL;
}

static struct error *resolve(const struct socket_config *c, struct sockaddr_storage *to,
			     socklen_t *len)
{
	struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *found;
	const char *host = c->host && *c->host ? c->host : "0.0.0.0";

	*to = (struct sockaddr_storage){0};
	if (c->path)
		return resolve_unix(c->path, to, len);
	hints.ai_flags = c->server ? AI_PASSIVE : 0;
	hints.ai_family = c->ipv4 == c->ipv6 ? AF_UNSPEC : c->ipv4 ? AF_INET : AF_INET6;
	int code = getaddrinfo(host, c->port, &hints, &found);
	if (code)
		return error_new("cannot find \"%s\" port \"%s\": %s", host, c->port,
				 gai_strerror(code));
	memcpy(to, found->ai_addr, found->ai_addrlen);
	*len = found->ai_addrlen;
	freeaddrinfo(found);
	return NULL;
}

static void describe(struct socket_chr *s, const char *peer)
{
	if (peer)
		chardev_describe(&s->chr, "%s <-> %s", s->address, peer);
	else
		chardev_describe(&s->chr, "disconnected:%s", s->address);
}

/* --- a connection --- */

static void listen_start(struct socket_chr *s);
static void retry_later(struct socket_chr *s);

static void socket_input(struct chardev *chr, const uint8_t *buf, size_t len)
{
	struct socket_chr *s = to_socket(chr);
	uint8_t data[CHARDEV_IN_MAX];
	size_t n = 0;

	if (!s->is_telnet) {
		chardev_input(chr, buf, len);
		return;
	}
	for (size_t i = 0; i < len; i++) {
		int c = telnet_input(&s->telnet, buf[i]);
		if (c >= 0)
			data[n++] = (uint8_t)c;
		if (c != TELNET_BREAK)
			continue;
		chardev_input(chr, data, n);
		n = 0;
		chardev_event(chr, CHR_EVENT_BREAK);
	}
	if (n)
		chardev_input(chr, data, n);
}

static void socket_hangup(struct chardev *chr)
{
	struct socket_chr *s = to_socket(chr);

	chardev_fd_stop(chr);
	describe(s, NULL);
	chardev_closed(chr);
	if (s->server)
		listen_start(s);
	else
		retry_later(s);
}

static void connected(struct socket_chr *s, int fd)
{
	struct sockaddr_storage peer = {0};
	socklen_t len = sizeof(peer);
	int on = 1;

	fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
	if (s->nodelay || s->is_telnet)
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	getpeername(fd, (struct sockaddr *)&peer, &len);
	char *text = address_text((struct sockaddr *)&peer, len);
	describe(s, text);
	g_free(text);
	chardev_fd_start(&s->chr, fd, fd);
	if (s->is_telnet) {
		size_t size;
		const uint8_t *greeting = telnet_greeting(&size);
		telnet_start(&s->telnet);
		/* Past the queue: it is not data, and FFh must stay single. */
		chardev_fd_send(&s->chr, greeting, size);
	}
	chardev_opened(&s->chr);
}

static size_t socket_send(struct chardev *chr, const uint8_t *buf, size_t len)
{
	return chr->open ? chardev_fd_send(chr, buf, len) : len;
}

static void socket_encode(struct chardev *chr, const uint8_t *buf, size_t len, GByteArray *out)
{
	if (to_socket(chr)->is_telnet)
		telnet_encode(buf, len, out);
	else
		g_byte_array_append(out, buf, (unsigned int)len);
}

/* --- server --- */

static void accept_one(struct socket_chr *s)
{
	int fd = accept4(s->listen_fd, NULL, NULL, SOCK_CLOEXEC);

	if (fd < 0)
		return;
	loop_unwatch(s->listen_watch);
	s->listen_watch = 0;
	connected(s, fd);
}

static void listen_ready(void *opaque, GIOCondition condition)
{
	accept_one(opaque);
}

static void listen_start(struct socket_chr *s)
{
	if (!s->listen_watch)
		s->listen_watch = loop_watch_fd(s->listen_fd, G_IO_IN, listen_ready, s);
}

/* Where the kernel picked the port, the description says which. */
static void listen_describe(struct socket_chr *s)
{
	struct sockaddr_storage self = {0};
	socklen_t len = sizeof(self);

	getsockname(s->listen_fd, (struct sockaddr *)&self, &len);
	char *text = address_text((struct sockaddr *)&self, len);
	g_free(s->address);
	s->address = g_strconcat(text, ",server", NULL);
	g_free(text);
	describe(s, NULL);
}

static void wait_for_client(struct socket_chr *s)
{
	struct pollfd p = {.fd = s->listen_fd, .events = POLLIN};

	fprintf(stderr, "%s: waiting for a connection on %s\n", program_name(), s->address);
	while (!s->chr.open) {
		while (poll(&p, 1, -1) < 0 && errno == EINTR)
			;
		accept_one(s);
	}
}

static struct error *server_open(struct socket_chr *s, const struct socket_config *c)
{
	const struct sockaddr *addr = (const struct sockaddr *)&s->target;
	int on = 1;

	s->listen_fd = socket(addr->sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (s->listen_fd < 0)
		return error_errno(errno, "cannot make a socket");
	if (c->path)
		unlink(c->path);
	else
		setsockopt(s->listen_fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (bind(s->listen_fd, addr, s->target_len) != 0 || listen(s->listen_fd, 1) != 0)
		return error_errno(errno, "cannot listen on %s", s->address);
	s->unlink_path = g_strdup(c->path);
	listen_describe(s);
	if (c->wait)
		wait_for_client(s);
	else
		listen_start(s);
	return NULL;
}

/* --- client --- */

static void connecting_end(struct socket_chr *s)
{
	loop_unwatch(s->connecting_watch);
	s->connecting_watch = 0;
	s->connecting_fd = -1;
}

static void connecting_ready(void *opaque, GIOCondition condition)
{
	struct socket_chr *s = opaque;
	int fd = s->connecting_fd, code = 0;
	socklen_t len = sizeof(code);

	getsockopt(fd, SOL_SOCKET, SO_ERROR, &code, &len);
	connecting_end(s);
	if (code == 0) {
		connected(s, fd);
		return;
	}
	close(fd);
	retry_later(s);
}

static void retry(void *opaque)
{
	struct socket_chr *s = opaque;
	const struct sockaddr *addr = (const struct sockaddr *)&s->target;
	int fd = socket(addr->sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd >= 0 && connect(fd, addr, s->target_len) == 0) {
		connected(s, fd);
	} else if (fd >= 0 && errno == EINPROGRESS) {
		s->connecting_fd = fd;
		s->connecting_watch =
			loop_watch_fd(fd, G_IO_OUT | G_IO_ERR | G_IO_HUP, connecting_ready, s);
	} else {
		if (fd >= 0)
			close(fd);
		retry_later(s);
	}
}

static void retry_later(struct socket_chr *s)
{
	if (s->reconnect)
		timer_set(&s->retry,
			  clock_now(CLOCK_REALTIME_HOST) + (int64_t)s->reconnect * NS_PER_S);
}

static struct error *client_open(struct socket_chr *s)
{
	const struct sockaddr *addr = (const struct sockaddr *)&s->target;

	if (s->reconnect) {
		retry(s);
		return NULL;
	}
	int fd = socket(addr->sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return error_errno(errno, "cannot make a socket");
	if (connect(fd, addr, s->target_len) != 0) {
		int code = errno;
		close(fd);
		return error_errno(code, "cannot connect to %s", s->address);
	}
	connected(s, fd);
	return NULL;
}

/* --- making and closing --- */

static void socket_close(struct chardev *chr)
{
	struct socket_chr *s = to_socket(chr);

	timer_cancel(&s->retry);
	loop_unwatch(s->listen_watch);
	if (s->connecting_fd >= 0)
		close(s->connecting_fd);
	connecting_end(s);
	if (s->listen_fd >= 0)
		close(s->listen_fd);
	if (s->unlink_path)
		unlink(s->unlink_path);
	chardev_fd_close(chr);
	g_free(s->unlink_path);
	g_free(s->address);
}

static const struct chardev_ops socket_ops = {
	.send = socket_send,
	.encode = socket_encode,
	.resume = chardev_fd_resume,
	.close = socket_close,
};

static struct error *config_flags(struct optstr *o, struct socket_config *c)
{
	struct {
		const char *key;
		bool *flag;
	} flags[] = {
		{"server", &c->server},	  {"wait", &c->wait}, {"telnet", &c->telnet},
		{"nodelay", &c->nodelay}, {"ipv4", &c->ipv4}, {"ipv6", &c->ipv6},
	};
	struct error *err = NULL;

	for (unsigned int i = 0; i < G_N_ELEMENTS(flags) && !err; i++)
		err = optstr_bool(o, flags[i].key, flags[i].flag);
	if (optstr_has(o, "delay") && !err) {
		/* "delay=off" and "nodelay" are the same. */
		bool delay = true;
		err = optstr_bool(o, "delay", &delay);
		c->nodelay |= !delay;
	}
	return err;
}

static struct error *config_read(struct optstr *o, struct socket_config *c)
{
	*c = (struct socket_config){.wait = true};
	c->path = optstr_get(o, "path");
	c->host = optstr_get(o, "host");
	c->port = optstr_get(o, "port");
	struct error *err = config_flags(o, c);
	if (!err)
		err = optstr_uint(o, "reconnect", 0, 3600, &c->reconnect);
	/* getaddrinfo() cuts a larger number to 16 bits. A name is a service. */
	if (!err && c->port && g_ascii_isdigit(*c->port) &&
	    g_ascii_strtoull(c->port, NULL, 10) > UINT16_MAX)
		err = error_new("port %s is not between 0 and 65535", c->port);
	if (!err && !c->path && !c->port)
		err = error_new("host=,port= or path= is missing");
	if (!err && c->path && c->port)
		err = error_new("a socket has either path= or host=,port=");
	if (!err && c->server && c->reconnect)
		err = error_new("reconnect= is for clients; a server always takes the next client");
	return err;
}

struct error *char_socket_open(struct optstr *o, const char *id, struct chardev **chr)
{
	struct socket_config c;
	struct sockaddr_storage target;
	socklen_t target_len;
	struct error *err = config_read(o, &c);

	if (!err)
		err = resolve(&c, &target, &target_len);
	/* Before the server waits for a client. */
	if (!err)
		err = optstr_finish(o);
	if (err)
		return err;
	struct socket_chr *s = chardev_alloc(sizeof(*s), &socket_ops);
	s->chr.fd_input = socket_input;
	s->chr.fd_hangup = socket_hangup;
	s->server = c.server;
	s->is_telnet = c.telnet;
	s->nodelay = c.nodelay;
	s->reconnect = c.reconnect;
	s->listen_fd = s->connecting_fd = -1;
	s->target = target;
	s->target_len = target_len;
	s->address = address_text((struct sockaddr *)&target, target_len);
	timer_init(&s->retry, CLOCK_REALTIME_HOST, retry, s);
	describe(s, NULL);
	err = c.server ? server_open(s, &c) : client_open(s);
	if (err)
		chardev_free(&s->chr);
	else
		*chr = &s->chr;
	return err;
}
