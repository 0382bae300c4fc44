/*
 * TLS by GnuTLS: credentials that users define with --object, and encrypted connections over a
 * socket that blocks. A build without GnuTLS has these functions, too; they say what is missing.
 *
 *	tls-creds-x509,id=ID,dir=FOLDER,endpoint=server|client[,verify-peer=on|off]
 *	tls-creds-psk,id=ID,dir=FOLDER,endpoint=server|client[,username=NAME]
 *	tls-creds-anon,id=ID,endpoint=server|client
 *
 * A folder holds ca-cert.pem, ca-crl.pem, server-cert.pem, server-key.pem, client-cert.pem,
 * client-key.pem and dh-params.pem, or keys.psk ("NAME:HEX" lines; dir= may also name that file).
 */
#ifndef BASE_TLS_H
#define BASE_TLS_H

#include "base/error.h"
#include "base/optstr.h"

#include <stddef.h>

struct tls_creds;   /* belong to the registry; never freed */
struct tls_session; /* one connection; used by one thread */

/* Whether an object type ("tls-creds-x509") is one of these. */
bool tls_creds_is_type(const char *type);
/* Makes and registers credentials; `o` has the object's options, `type` among them. */
struct error *tls_creds_add(const char *type, struct optstr *o) NODISCARD;
/* Registered credentials of the endpoint that is wanted. */
struct error *tls_creds_find(const char *id, bool server, const struct tls_creds **creds) NODISCARD;

/* Handshakes on `fd` (which stays the caller's) and verifies the peer: a client checks that the
 * certificate is `hostname`'s, if that is not NULL. */
struct error *tls_session_new(const struct tls_creds *creds, int fd, const char *hostname,
			      struct tls_session **session) NODISCARD;
/* All of `len` bytes, or false. */
bool tls_recv(struct tls_session *s, void *buf, size_t len);
bool tls_send(struct tls_session *s, const void *buf, size_t len);
/* Says goodbye; NULL is allowed. */
void tls_session_free(struct tls_session *s);

#endif
