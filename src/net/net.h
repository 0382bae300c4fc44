/*
 * The network's two ends: ports (NICs of the guest, back ends of the host) and what joins them.
 *
 * A port is joined to one peer: another port (-netdev) or a port of a hub (-net, "vlan"). A frame
 * is delivered to the peer at once if it can take it, else queued by the sender's port up to a
 * bound and delivered when the receiver calls net_flush(). Machine lock held throughout.
 */
#ifndef NET_NET_H
#define NET_NET_H

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define NET_FRAME_MAX 65550 /* largest frame that any port is handed, with Ethernet header */

struct net_port;

struct net_port_ops {
	const char *kind; /* "user", "e1000", ... for info network */
	bool (*can_receive)(void *opaque);
	/* Takes the frame (no FCS); false: not now, queue it. */
	bool (*receive)(void *opaque, const uint8_t *frame, size_t len);
	void (*link_changed)(void *opaque, bool up);
	void (*destroy)(void *opaque); /* may be NULL */
};

/* Makes a port; `name` (id=, copied) NULL picks "kind.N". */
struct net_port *net_port_new(const struct net_port_ops *ops, void *opaque, const char *name);
void net_port_free(struct net_port *port);
const char *net_port_name(const struct net_port *port);
void net_port_describe(struct net_port *port, const char *format, ...) PRINTF(2, 3);
/* Joins two ports; each must be free. */
struct error *net_join(struct net_port *a, struct net_port *b) NODISCARD;
struct net_port *net_port_find(const char *name);
struct net_port *net_port_peer(const struct net_port *port);
/* A new port on hub "vlan" n, to be joined to something. */
struct net_port *net_hub_port(unsigned int n);

/* Sends a frame out of a port to its peer. */
void net_send(struct net_port *port, const void *frame, size_t len);
/* The port can receive again: delivers what is queued for it. */
void net_flush(struct net_port *port);
bool net_link_up(const struct net_port *port);
void net_set_link(struct net_port *port, bool up);

/* Default MAC 52:54:00:12:34:56 + n for the n-th NIC. */
void net_default_mac(uint8_t mac[6]);
struct error *net_parse_mac(const char *text, uint8_t mac[6]) NODISCARD;

/* The options -net and -netdev; text as given. */
struct machine;
struct error *net_option_net(struct machine *m, const char *text) NODISCARD;
struct error *net_option_netdev(const char *text) NODISCARD;
/* After all options: the default NIC and user network where none was given, checks. */
struct error *net_finish(struct machine *m) NODISCARD;

#endif
