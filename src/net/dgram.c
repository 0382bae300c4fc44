/*
 * -netdev dgram: each frame a datagram, over UDP (remote. and local. of type inet, or a multicast
 * group as remote), UNIX datagram sockets, or a descriptor (local.type=fd).
 */
#include "net/netaddr.h"
#include "net/packet.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

static struct error *open_unix(const struct net_address *local, const struct net_address *remote,
			       int *fd)
{
	if (!local->given || !remote->given)
		return error_new("UNIX datagram sockets need local.path= and remote.path=");
	int s = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (s < 0)
		return error_errno(errno, "no socket");
	unlink(local->sa.un.sun_path);
	if (bind(s, &local->sa.any, local->len) < 0) {
		struct error *err = error_errno(errno, "cannot bind \"%s\"", local->sa.un.sun_path);
		close(s);
		return err;
	}
	*fd = s;
	return NULL;
}

static bool is_multicast(const struct net_address *a)
{
	return a->given && a->fd < 0 && a->sa.any.sa_family == AF_INET &&
	       IN_MULTICAST(ntohl(a->sa.in.sin_addr.s_addr));
}

static struct error *open_socket(const struct net_address *local, const struct net_address *remote,
				 int *fd)
{
	struct in_addr any = {INADDR_ANY};

	if (local->fd >= 0) {
		*fd = local->fd;
		return NULL;
	}
	if (is_multicast(remote))
		return net_multicast_open(&remote->sa.in,
					  local->given ? local->sa.in.sin_addr : any, fd);
	if (!remote->given)
		return error_new("remote.type= is missing");
	if (!local->given)
		return error_new("local.type= is missing");
	if (local->sa.any.sa_family != remote->sa.any.sa_family)
		return error_new("local and remote are of different types");
	if (remote->sa.any.sa_family == AF_UNIX)
		return open_unix(local, remote, fd);
	return net_udp_open(&local->sa.in, fd);
}

struct error *net_dgram_create(struct optstr *o, const char *name, struct net_port **port)
{
	struct net_address local, remote;
	int fd = -1;
	struct error *err = net_address_parse(o, "local", SOCK_DGRAM, &local);

	if (!err)
		err = net_address_parse(o, "remote", SOCK_DGRAM, &remote);
	if (!err)
		err = open_socket(&local, &remote, &fd);
	if (err)
		return err;
	bool to_remote = remote.given && remote.fd < 0;
	char *where = net_address_text(to_remote ? &remote : &local);
	*port = net_packet_new(name, "dgram", fd, to_remote ? &remote.sa.any : NULL, remote.len,
			       where);
	if (is_multicast(&remote))
		net_packet_drop_echo(*port);
	g_free(where);
	return NULL;
}
