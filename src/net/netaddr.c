#include "net/netaddr.h"

#include "net/packet.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

static const char *part(struct optstr *o, const char *key, const char *member)
{
	char *name = g_strdup_printf("%s.%s", key, member);
	const char *value = optstr_get(o, name);

	g_free(name);
	return value;
}

static struct error *parse_inet(struct optstr *o, const char *key, struct net_address *a)
{
	const char *host = part(o, key, "host"), *port = part(o, key, "port");
	uint16_t number = 0;
	struct error *err;

	/* What QEMU takes and IPv4 sockets do not need. */
	part(o, key, "ipv4");
	part(o, key, "ipv6");
	part(o, key, "to");
	if (!port)
		return error_new("%s.port= is missing", key);
	a->sa.in = (struct sockaddr_in){.sin_family = AF_INET};
	a->len = sizeof(a->sa.in);
	err = net_parse_port(port, &number);
	a->sa.in.sin_port = htons(number);
	if (!err && host && *host)
		err = net_lookup(host, &a->sa.in.sin_addr);
	return error_prefix(err, "%s", key);
}

static struct error *parse_unix(struct optstr *o, const char *key, struct net_address *a)
{
	const char *path = part(o, key, "path");

	part(o, key, "abstract");
	part(o, key, "tight");
	if (!path || !*path)
		return error_new("%s.path= is missing", key);
	if (strlen(path) >= sizeof(a->sa.un.sun_path))
		return error_new("%s.path=%s is too long for a socket", key, path);
	a->sa.un.sun_family = AF_UNIX;
	g_strlcpy(a->sa.un.sun_path, path, sizeof(a->sa.un.sun_path));
	a->len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(path) + 1);
	return NULL;
}

static struct error *parse_fd(struct optstr *o, const char *key, int type, struct net_address *a)
{
	const char *text = part(o, key, "str");
	int is = 0;
	socklen_t len = sizeof(is);
	struct error *err =
		text ? net_parse_fd(text, &a->fd) : error_new("%s.str= is missing", key);

	if (!err && (getsockopt(a->fd, SOL_SOCKET, SO_TYPE, &is, &len) < 0 || is != type))
		err = error_new("%s.str=%s is no %s socket", key, text,
				type == SOCK_STREAM ? "stream" : "datagram");
	return err;
}

struct error *net_address_parse(struct optstr *o, const char *key, int type, struct net_address *a)
{
	static const char *const types[] = {"inet", "unix", "fd", NULL};
	const char *kind = part(o, key, "type");

	memset(a, 0, sizeof(*a));
	a->fd = -1;
	a->datagram = type == SOCK_DGRAM;
	if (!kind)
		return NULL;
	a->given = true;
	if (strcmp(kind, "inet") == 0)
		return parse_inet(o, key, a);
	if (strcmp(kind, "unix") == 0)
		return parse_unix(o, key, a);
	if (strcmp(kind, "fd") == 0)
		return parse_fd(o, key, type, a);
	return unknown_name_error("kind of address", kind, types);
}

char *net_address_text(const struct net_address *a)
{
	char host[INET_ADDRSTRLEN];

	if (a->fd >= 0)
		return g_strdup_printf("fd:%d", a->fd);
	if (a->sa.any.sa_family == AF_UNIX)
		return g_strdup_printf("unix:%s", a->sa.un.sun_path);
	inet_ntop(AF_INET, &a->sa.in.sin_addr, host, sizeof(host));
	return g_strdup_printf("%s:%s:%u", a->datagram ? "udp" : "tcp", host,
			       ntohs(a->sa.in.sin_port));
}

void net_address_tune(int fd)
{
	int one = 1;
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one)); /* fails on UNIX sockets */
}

static struct error *failed(const struct net_address *a, const char *what, int fd)
{
	int code = errno;
	char *text = net_address_text(a);
	struct error *err = error_errno(code, "cannot %s %s", what, text);

	g_free(text);
	if (fd >= 0)
		close(fd);
	return err;
}

struct error *net_address_connect(const struct net_address *a, int *fd)
{
	int s = socket(a->sa.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (s < 0 || connect(s, &a->sa.any, a->len) < 0)
		return failed(a, "connect to", s);
	*fd = s;
	return NULL;
}

struct error *net_address_listen(const struct net_address *a, int *fd)
{
	int one = 1, s = socket(a->sa.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (s < 0)
		return failed(a, "listen on", s);
	if (a->sa.any.sa_family == AF_INET)
		setsockopt(s, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	else
		unlink(a->sa.un.sun_path);
	if (bind(s, &a->sa.any, a->len) < 0 || listen(s, 1) < 0)
		return failed(a, "listen on", s);
	*fd = s;
	return NULL;
}

void net_address_unlink(const struct net_address *a)
{
	if (a->sa.any.sa_family == AF_UNIX)
		unlink(a->sa.un.sun_path);
}
