/*
 * The network's two ends: ports (NICs of the guest, back ends of the host) and what joins them.
 *
 * A port is joined to one peer: another port (-netdev) or a port of a hub (-net, "vlan"). A frame
 * is delivered to the peer at once if it can take it, else queued for the receiver up to a bound
 * and delivered when the receiver calls net_flush(). A port is never handed a frame while it is
 * inside net_send() itself; such frames follow when that call ends. Machine lock held throughout.
 */
#ifndef NET_NET_H
#define NET_NET_H

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define NET_FRAME_MAX 65550 /* largest frame that any port is handed, with Ethernet header */

struct net_port;

struct net_port_ops {
	const char *kind; /* "user", "e1000", ... for info network */
	bool nic;	  /* the guest's side */
	/* Answers come while receive() runs: sending from another thread gains nothing. */
	bool answers_at_once;
	bool (*can_receive)(void *opaque); /* NULL: always */
	/* Takes the frame (no FCS); false: not now, queue it. */
	bool (*receive)(void *opaque, const uint8_t *frame, size_t len);
	/*
	 * Takes a TCP frame that is larger than the wire's, see net_send_large(), and may change
	 * it; false: not now. Both are NULL where such frames are to be cut first.
	 */
	bool (*takes_large)(void *opaque);
	bool (*receive_large)(void *opaque, uint8_t *frame, size_t len, size_t mss);
	void (*link_changed)(void *opaque, bool up); /* may be NULL */
	/* What was sent has found room again after net_can_send() was false; may be NULL. */
	void (*writable)(void *opaque);
	void (*destroy)(void *opaque); /* may be NULL */
};

/* Makes a port; `name` (id=, copied) NULL picks "kind.N". */
struct net_port *net_port_new(const struct net_port_ops *ops, void *opaque, const char *name);
/* Unjoins, drops what is queued, calls destroy. NULL is allowed. */
void net_port_free(struct net_port *port);
const char *net_port_name(const struct net_port *port);
const struct net_port_ops *net_port_ops(const struct net_port *port);
/* What follows "kind" in info network: "model=e1000,macaddr=..." */
void net_port_describe(struct net_port *port, const char *format, ...) PRINTF(2, 3);
/* Joins two ports; each must be free. */
struct error *net_join(struct net_port *a, struct net_port *b) NODISCARD;
struct net_port *net_port_find(const char *name);
struct net_port *net_port_peer(const struct net_port *port);
/* Every port once, in order of creation; NULL after the last. */
struct net_port *net_port_next(const struct net_port *port);
/* A new port on hub "vlan" n, to be joined to something. */
struct net_port *net_hub_port(unsigned int n);
bool net_hub_of(const struct net_port *port, unsigned int *n); /* false: not a hub's port */

/* Sends a frame out of a port to its peer. Frames of 0 or above NET_FRAME_MAX bytes are dropped. */
void net_send(struct net_port *port, const void *frame, size_t len);
/*
 * Sends a TCP frame that stands for many with `mss` bytes of payload each, as cards make them that
 * leave the cutting to the host. Peers that can take it get it whole, with the sum of the pseudo
 * header in its checksum field; for others, and where a dump watches, it is cut. It is changed.
 */
void net_send_large(struct net_port *port, uint8_t *frame, size_t len, size_t mss);
/* Whether the peer takes large frames whole at present. */
bool net_takes_large(const struct net_port *port);
/* Whether the peer's answers come during net_send(), as those of the user network do. */
bool net_answers_at_once(const struct net_port *port);
/* Whether the peer has room: back ends that can wait stop reading the host while it has not. */
bool net_can_send(const struct net_port *port);
/* The port can receive again: delivers what is queued for it. */
void net_flush(struct net_port *port);
bool net_link_up(const struct net_port *port);
/* Sets the link of a port as set_link does; a NIC's peer loses its carrier too. */
void net_set_link(struct net_port *port, bool up);

struct net_stats {
	uint64_t tx_frames, tx_bytes; /* sent by the port */
	uint64_t rx_frames, rx_bytes; /* taken by it */
	uint64_t dropped;	      /* for it: the link was down or the queue full */
};
const struct net_stats *net_port_stats(const struct net_port *port);

/* Sees every frame that a port sends or takes (dump filters). */
typedef void net_watch_fn(void *opaque, const uint8_t *frame, size_t len);
void net_port_watch(struct net_port *port, net_watch_fn *fn, void *opaque);

/* Default MAC 52:54:00:12:34:56 + n for the n-th NIC. */
void net_default_mac(uint8_t mac[6]);
struct error *net_parse_mac(const char *text, uint8_t mac[6]) NODISCARD;
/* Port numbers and "host:port" of socket options. */
struct error *net_parse_port(const char *text, uint16_t *port) NODISCARD;

/* "info network" */
void net_print(FILE *out);
/* "info usernet": the connections of the user networks. */
void net_print_user(FILE *out);
/* Adds or removes a port of the host that leads into a user network (`netdev`; NULL: the first). */
struct error *net_hostfwd(const char *netdev, const char *text, bool add) NODISCARD;

/*
 * The options; text as given. They are only collected, so that -tftp may follow -net user;
 * net_finish() makes everything.
 */
struct machine;
struct error *net_option_net(struct machine *m, const char *text) NODISCARD;
struct error *net_option_netdev(const char *text) NODISCARD;
struct error *net_option_nic(struct machine *m, const char *text) NODISCARD;
/* -object filter-dump,...: `text` is what follows "filter-dump,". */
struct error *net_option_filter_dump(const char *text) NODISCARD;
/* -redir, -tftp, -bootp, -smb: they belong to every user network. */
struct error *net_option_redir(const char *text) NODISCARD;
void net_option_tftp(const char *folder);
void net_option_bootp(const char *file);
void net_option_smb(const char *folder);
/* Prints the list that the text of one of these options asks for ("nic,model=?", "?"); false where
 * it asks for none. `target` ("i386") leaves out cards that no board of it has; NULL: none. */
bool net_help(const char *text, const char *target, FILE *out);
/*
 * After all options and before the board's init: makes the back ends, the default NIC and user
 * network where no option was given, and fills machine->nics. Checks what is left over.
 */
struct error *net_finish(struct machine *m) NODISCARD;
/* After the machine is built: warns about netdevs and hubs that lead nowhere. */
void net_check(void);
/* Ends everything: down scripts, dump files, folders of smbd. At exit. */
void net_close(void);

#endif
