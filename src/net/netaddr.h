/*
 * Addresses of -netdev stream and dgram: KEY.type=inet|unix|fd, KEY.host, KEY.port, KEY.path,
 * KEY.str (the name or number of a descriptor).
 */
#ifndef NET_NETADDR_H
#define NET_NETADDR_H

#include "net/net-internal.h"

#include <sys/socket.h>
#include <sys/un.h>

struct net_address {
	bool given, datagram;
	int fd; /* of type fd, else -1 */
	union {
		struct sockaddr any;
		struct sockaddr_in in;
		struct sockaddr_un un;
	} sa;
	socklen_t len;
};

struct error *net_address_parse(struct optstr *o, const char *key, int type,
				struct net_address *a) NODISCARD;
struct error *net_address_connect(const struct net_address *a, int *fd) NODISCARD;
struct error *net_address_listen(const struct net_address *a, int *fd) NODISCARD;
/* "unix:/path" or "tcp:1.2.3.4:5", "udp:..."; g_free() it. */
char *net_address_text(const struct net_address *a);
void net_address_tune(int fd);			      /* TCP: no delay */
void net_address_unlink(const struct net_address *a); /* a UNIX server's path */

#endif
