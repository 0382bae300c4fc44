/*
 * A client's side of NBD's option haggling: what the "nbd" protocol and the list of a server's
 * exports share. Only with servers of the new style; errors name NBD and what the server did.
 */
#ifndef STORAGE_NBD_OPTIONS_H
#define STORAGE_NBD_OPTIONS_H

#include "storage/nbd.h"

#include <glib.h>

struct nbd_address;

bool nbd_send_option(struct nbd_stream *s, uint32_t option, const void *data, uint32_t len);
/* Receives one reply; its data (at most 64 KiB, and a 0 behind them) are the caller's. */
struct error *nbd_recv_reply(struct nbd_stream *s, uint32_t option, uint32_t *type, uint8_t **data,
			     uint32_t *len) NODISCARD;
struct error *nbd_start_tls(struct nbd_stream *s, const struct tls_creds *creds,
			    const char *hostname) NODISCARD;

/* One export of a server, as it describes it. */
struct nbd_listed {
	char *name, *description; /* NULL: none */
	uint64_t size;
	uint16_t flags;
	bool known;				  /* size and flags are */
	uint32_t min_block, opt_block, max_block; /* 0: not told */
	GPtrArray *contexts;			  /* char * */
};

/* All exports of a server, struct nbd_listed; `exports` frees them. */
struct error *nbd_list(const struct nbd_address *a, const struct tls_creds *creds,
		       GPtrArray **exports) NODISCARD;

#endif
