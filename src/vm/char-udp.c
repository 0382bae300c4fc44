/* Datagrams: each write goes out as one; what comes in is read as a stream. */
#include "vm/char-backend.h"

#include <errno.h>
#include <netdb.h>
#include <sys/socket.h>
#include <unistd.h>

/* Empty host and port mean any. */
static struct error *lookup(const char *host, const char *port, int family, struct addrinfo **found)
{
	struct addrinfo hints = {.ai_socktype = SOCK_DGRAM, .ai_family = family};

	host = host && *host ? host : family == AF_INET6 ? "::" : "0.0.0.0";
	port = port && *port ? port : "0";
	int code = getaddrinfo(host, port, &hints, found);
	return code ? error_new("cannot find \"%s\" port \"%s\": %s", host, port,
				gai_strerror(code))
		    : NULL;
}

static struct error *udp_socket(const struct addrinfo *remote, const struct addrinfo *local,
				int *fd)
{
	int on = 1;

	*fd = socket(remote->ai_family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (*fd < 0)
		return error_errno(errno, "cannot make a socket");
	setsockopt(*fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (bind(*fd, local->ai_addr, local->ai_addrlen) != 0)
		return error_errno(errno, "cannot use that local address");
	if (connect(*fd, remote->ai_addr, remote->ai_addrlen) != 0)
		return error_errno(errno, "cannot send to that address");
	return NULL;
}

static struct error *udp_make(struct optstr *o, const char *port, int *fd)
{
	struct addrinfo *remote, *local;
	struct error *err = lookup(optstr_get(o, "host"), port, AF_UNSPEC, &remote);

	*fd = -1;
	if (err)
		return err;
	err = lookup(optstr_get(o, "localaddr"), optstr_get(o, "localport"), remote->ai_family,
		     &local);
	if (!err) {
		err = udp_socket(remote, local, fd);
		freeaddrinfo(local);
	}
	freeaddrinfo(remote);
	if (err && *fd >= 0)
		close(*fd);
	return err;
}

/* A datagram that nobody listens for comes back as an error of the next call; that is not the end.
 * Nor is an empty datagram. */
static void udp_hangup(struct chardev *chr)
{
	chardev_fd_resume(chr);
}

struct error *char_udp_open(struct optstr *o, const char *id, struct chardev **chr)
{
	const char *port, *host = optstr_get(o, "host");
	int fd;
	struct error *err = optstr_require(o, "port", &port);

	if (!err)
		err = udp_make(o, port, &fd);
	if (err)
		return err;
	*chr = chardev_alloc(sizeof(struct chardev), &chardev_fd_ops);
	(*chr)->fd_hangup = udp_hangup;
	chardev_describe(*chr, "udp:%s:%s", host ? host : "0.0.0.0", port);
	chardev_fd_start(*chr, fd, fd);
	return NULL;
}
