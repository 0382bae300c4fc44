/*
 * Where an NBD disk is:
 *
 *	nbd:HOST:PORT[:exportname=NAME]	    nbd:unix:PATH[:exportname=NAME]
 *	nbd://HOST[:PORT]/NAME		    nbd+unix:///NAME?socket=PATH
 *	nbds://... nbds+unix://...	    with TLS; parameters: tls-creds=ID of an object, or
 *					    tls-certificates=FOLDER, or tls-psk-file=FILE and
 *					    tls-username=NAME; tls-hostname=NAME
 */
#ifndef STORAGE_NBD_ADDRESS_H
#define STORAGE_NBD_ADDRESS_H

#include "base/tls.h"

#include <stdbool.h>

struct nbd_address {
	char *host, *port, *path, *name;
	bool secure; /* by the scheme of a URI */
	char *creds, *creds_dir, *psk_file, *user, *hostname;
};

/* `a` is zeroed before; it is to be cleared also after an error. */
struct error *nbd_address_parse(const char *text, struct nbd_address *a) NODISCARD;
void nbd_address_clear(struct nbd_address *a);
/* Which TLS credentials to use; NULL: none. */
struct error *nbd_address_creds(struct nbd_address *a, const struct tls_creds **creds) NODISCARD;
struct error *nbd_address_connect(const struct nbd_address *a, int *fd) NODISCARD;

#endif
