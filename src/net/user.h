/* The user-mode network: parts of one instance. Machine lock held. */
#ifndef NET_USER_H
#define NET_USER_H

#include "net/net-internal.h"

#include <libslirp.h>

struct chardev;
struct coalescer;
struct reassembler;

struct user_net {
	struct net_port *port;
	Slirp *slirp;
	struct user_poll *poll;
	struct coalescer *to_guest;
	struct reassembler *fragments; /* of the guest's datagrams */
	GPtrArray *forwards;	       /* of struct guest_forward, freed with their ports */
	char *smb_folder;	       /* holds smbd's configuration; removed at the end */
	struct in_addr net, mask, host, dns, dhcp_start;
};

/* user-poll.c: slirp's descriptors and timeouts on the main loop. */
struct user_poll *user_poll_new(struct user_net *u);
void user_poll_free(struct user_poll *poll);
/* Slirp may want other descriptors or an earlier time-out now. */
void user_poll_kick(struct user_poll *poll);

/* user-forward.c */
/* "[tcp|udp]:[hostaddr]:hostport-[guestaddr]:guestport" (hostfwd=, hostfwd_add). */
struct error *user_hostfwd_add(struct user_net *u, const char *text) NODISCARD;
struct error *user_hostfwd_remove(struct user_net *u, const char *text) NODISCARD;
/* "[tcp|udp]:hostport:[guestaddr]:guestport" (-redir). */
struct error *user_redir_add(struct user_net *u, const char *text) NODISCARD;
/* "[tcp]:server:port-dev" or "-cmd:command" (guestfwd=). */
struct error *user_guestfwd_add(struct user_net *u, const char *text) NODISCARD;
/* "port:dev" of -net channel: port of the SMB server's address 10.0.2.4. */
struct error *user_channel_add(struct user_net *u, const char *text) NODISCARD;
void user_forwards_free(struct user_net *u);

/* user-smb.c: an smbd for `folder`, reached at `server`:139 and :445. */
struct error *user_smb_add(struct user_net *u, const char *folder, struct in_addr server) NODISCARD;
void user_smb_free(struct user_net *u);

#endif
