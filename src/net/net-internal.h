/* What the files of src/net share: back ends, hubs, option handling. Machine lock held. */
#ifndef NET_NET_INTERNAL_H
#define NET_NET_INTERNAL_H

#include "base/optstr.h"
#include "net/net.h"

#include <glib.h>
#include <netinet/in.h>

void *net_port_opaque(const struct net_port *port);
void net_port_print(FILE *out, const struct net_port *port);
void net_ports_free(void);
/* Tells the sender that waits for room in `port` where there is some now. */
void net_port_drained(struct net_port *port);

/* Between these the port is handed nothing: frames for it wait. */
void net_hold(struct net_port *port);
void net_release(struct net_port *port);

/* hub.c */
bool net_hub_has_room(const struct net_port *hub_port);
/* The port behind hub_port took frames: senders on the other ports may go on. */
void net_hub_flush(struct net_port *hub_port);
void net_hubs_print(FILE *out);
/* Hubs with one member, and hubs without a NIC or a back end. */
void net_hubs_check(void);

/*
 * A back end: makes one port from its options, which it must all ask for (the caller finishes).
 * `name` is id= or name=, or NULL.
 */
struct net_backend {
	const char *name, *help;
	struct error *(*create)(struct optstr *o, const char *name, struct net_port **port);
};
extern const struct net_backend net_backends[]; /* ends with name NULL */

struct error *net_user_create(struct optstr *o, const char *name, struct net_port **port) NODISCARD;
struct error *net_bridge_create(struct optstr *o, const char *name,
				struct net_port **port) NODISCARD;
struct error *net_tap_create(struct optstr *o, const char *name, struct net_port **port) NODISCARD;
struct error *net_socket_create(struct optstr *o, const char *name,
				struct net_port **port) NODISCARD;
struct error *net_stream_create(struct optstr *o, const char *name,
				struct net_port **port) NODISCARD;
struct error *net_dgram_create(struct optstr *o, const char *name,
			       struct net_port **port) NODISCARD;
struct error *net_vde_create(struct optstr *o, const char *name, struct net_port **port) NODISCARD;

struct error *net_hubport_create(struct optstr *o, const char *name,
				 struct net_port **port) NODISCARD;
/* A dump: a port that writes what it takes, or a watcher of `target`. */
struct error *net_dump_open(const char *path, uint64_t len, const char *name,
			    struct net_port **port) NODISCARD;

void net_dump_watch(struct net_port *dump, struct net_port *target);

/* The options of user networks that stand on the command line by themselves. */
struct user_defaults {
	char *tftp, *bootfile, *smb;
	GPtrArray *redirections; /* "tcp:5555::23" */
	GPtrArray *channels;	 /* "port:dev" */
};
extern struct user_defaults user_defaults;

/* "[host]:port" or "port" to an address; an empty host is `any`. */
struct error *net_parse_address(const char *text, struct in_addr any,
				struct sockaddr_in *addr) NODISCARD;
struct error *net_lookup(const char *host, struct in_addr *addr) NODISCARD;

#endif
