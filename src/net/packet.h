/*
 * Ports whose descriptor keeps frames apart by itself: datagram sockets and tap interfaces.
 * Machine lock held.
 */
#ifndef NET_PACKET_H
#define NET_PACKET_H

#include "net/net-internal.h"

#include <sys/socket.h>

/*
 * Makes a port on a descriptor, which becomes the port's. Where `to` is given each frame is sent
 * there, else it is written. `kind` is borrowed, `where` (for messages and info network) copied.
 */
struct net_port *net_packet_new(const char *name, const char *kind, int fd,
				const struct sockaddr *to, socklen_t to_len, const char *where);
/* Multicast brings back what was sent: drops each such frame once. */
void net_packet_drop_echo(struct net_port *port);
/* Frames on the descriptor stand behind a struct virtio_net_hdr (IFF_VNET_HDR): large ones pass. */
void net_packet_use_vnet_header(struct net_port *port);
/* A tap interface: the host's kernel often answers a frame before the call that sent it ends. */
void net_packet_look_for_answers(struct net_port *port);
/* Called when the port ends, before the descriptor is closed. */
void net_packet_at_end(struct net_port *port, void (*fn)(void *opaque), void *opaque);

struct error *net_multicast_open(const struct sockaddr_in *group, struct in_addr interface,
				 int *fd) NODISCARD;
struct error *net_udp_open(const struct sockaddr_in *local, int *fd) NODISCARD;
struct error *net_parse_fd(const char *text, int *fd) NODISCARD;

#endif
