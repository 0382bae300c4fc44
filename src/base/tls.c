/* See tls.h. */
#include "base/tls.h"

#include <glib.h>
#include <string.h>
#include <unistd.h>

bool tls_creds_is_type(const char *type)
{
	return !strcmp(type, "tls-creds-x509") || !strcmp(type, "tls-creds-psk") ||
	       !strcmp(type, "tls-creds-anon");
}

#ifdef HAVE_GNUTLS
#include <gnutls/gnutls.h>
#include <gnutls/x509.h>

enum creds_kind { CREDS_X509, CREDS_PSK, CREDS_ANON };

struct tls_creds {
	char *id;
	enum creds_kind kind;
	bool server, verify_peer;
	char *priority;
	gnutls_certificate_credentials_t x509;
	gnutls_psk_client_credentials_t psk_client;
	gnutls_psk_server_credentials_t psk_server;
	gnutls_anon_client_credentials_t anon_client;
	gnutls_anon_server_credentials_t anon_server;
	gnutls_dh_params_t dh;
};

struct tls_session {
	gnutls_session_t session;
};

static GHashTable *registry; /* id to struct tls_creds */

/* --- credentials --- */

static struct error *tls_error(int code, const char *what, const char *name)
{
	return error_new("%s '%s': %s", what, name, gnutls_strerror(code));
}

/* The path of a file of the folder, NULL where there is none. */
static char *file_in(const char *dir, const char *name)
{
	char *path = g_build_filename(dir, name, NULL);

	if (!access(path, R_OK))
		return path;
	g_free(path);
	return NULL;
}

static struct error *file_needed(const char *dir, const char *name, char **path)
{
	*path = file_in(dir, name);
	return *path ? NULL : error_new("Unable to access credentials %s/%s", dir, name);
}

static struct error *load_dh(struct tls_creds *c, const char *dir)
{
	char *path = dir ? file_in(dir, "dh-params.pem") : NULL, *text = NULL;
	gsize len;
	int code;

	if (!path) {
		/* GnuTLS has groups of its own. */
		if (c->x509)
			gnutls_certificate_set_known_dh_params(c->x509, GNUTLS_SEC_PARAM_MEDIUM);
		if (c->psk_server)
			gnutls_psk_set_server_known_dh_params(c->psk_server,
							      GNUTLS_SEC_PARAM_MEDIUM);
		if (c->anon_server)
			gnutls_anon_set_server_known_dh_params(c->anon_server,
							       GNUTLS_SEC_PARAM_MEDIUM);
		return NULL;
	}
	gnutls_dh_params_init(&c->dh);
	if (!g_file_get_contents(path, &text, &len, NULL)) {
		struct error *err = error_new("Unable to load DH parameters '%s'", path);
		g_free(path);
		return err;
	}
	gnutls_datum_t pem = {(unsigned char *)text, (unsigned int)len};
	code = gnutls_dh_params_import_pkcs3(c->dh, &pem, GNUTLS_X509_FMT_PEM);
	struct error *err = code < 0 ? tls_error(code, "Unable to load DH parameters", path) : NULL;
	if (!err && c->x509)
		gnutls_certificate_set_dh_params(c->x509, c->dh);
	if (!err && c->psk_server)
		gnutls_psk_set_server_dh_params(c->psk_server, c->dh);
	if (!err && c->anon_server)
		gnutls_anon_set_server_dh_params(c->anon_server, c->dh);
	g_free(text);
	g_free(path);
	return err;
}

static struct error *load_key_pair(struct tls_creds *c, const char *dir)
{
	char *cert = NULL, *key = NULL;
	struct error *err = NULL;
	int code;

	if (c->server) {
		err = file_needed(dir, "server-cert.pem", &cert);
		if (!err)
			err = file_needed(dir, "server-key.pem", &key);
	} else { /* a client may do without */
		cert = file_in(dir, "client-cert.pem");
		key = file_in(dir, "client-key.pem");
	}
	if (!err && cert && key) {
		code = gnutls_certificate_set_x509_key_file(c->x509, cert, key,
							    GNUTLS_X509_FMT_PEM);
		if (code < 0)
			err = tls_error(code, "Unable to load certificate and key of", cert);
	}
	g_free(cert);
	g_free(key);
	return err;
}

static struct error *load_x509(struct tls_creds *c, const char *dir)
{
	char *ca, *crl = NULL;
	struct error *err = file_needed(dir, "ca-cert.pem", &ca);
	int code;

	if (err)
		return err;
	gnutls_certificate_allocate_credentials(&c->x509);
	code = gnutls_certificate_set_x509_trust_file(c->x509, ca, GNUTLS_X509_FMT_PEM);
	if (code < 0)
		err = tls_error(code, "Unable to load CA certificate", ca);
	g_free(ca);
	if (!err)
		err = load_key_pair(c, dir);
	if (!err && (crl = file_in(dir, "ca-crl.pem"))) {
		code = gnutls_certificate_set_x509_crl_file(c->x509, crl, GNUTLS_X509_FMT_PEM);
		if (code < 0)
			err = tls_error(code, "Unable to load CRL", crl);
	}
	g_free(crl);
	return err;
}

/* The key of a user, from lines of "NAME:HEX". */
static char *find_psk(const char *path, const char *user)
{
	char *text = NULL, *key = NULL;

	if (!g_file_get_contents(path, &text, NULL, NULL))
		return NULL;
	char **lines = g_strsplit(text, "\n", -1);
	size_t n = strlen(user);
	for (char **l = lines; *l && !key; l++)
		if (!strncmp(*l, user, n) && (*l)[n] == ':')
			key = g_strstrip(g_strdup(*l + n + 1));
	g_strfreev(lines);
	g_free(text);
	return key;
}

static struct error *load_psk(struct tls_creds *c, const char *dir, const char *user)
{
	char *path = NULL, *key;
	struct error *err = NULL;
	int code = 0;

	if (g_file_test(dir, G_FILE_TEST_IS_REGULAR))
		path = g_strdup(dir);
	else
		err = file_needed(dir, "keys.psk", &path);

	if (err)
		return err;
	if (c->server) {
		gnutls_psk_allocate_server_credentials(&c->psk_server);
		code = gnutls_psk_set_server_credentials_file(c->psk_server, path);
		if (code < 0)
			err = tls_error(code, "Unable to load keys", path);
	} else if (!(key = find_psk(path, user))) {
		err = error_new("Username %s not found in PSK file %s", user, path);
	} else {
		gnutls_datum_t datum = {(unsigned char *)key, (unsigned int)strlen(key)};
		gnutls_psk_allocate_client_credentials(&c->psk_client);
		code = gnutls_psk_set_client_credentials(c->psk_client, user, &datum,
							 GNUTLS_PSK_KEY_HEX);
		if (code < 0)
			err = tls_error(code, "Unable to use the key of", user);
		g_free(key);
	}
	g_free(path);
	return err;
}

static struct error *load(struct tls_creds *c, const char *dir, const char *user)
{
	struct error *err = NULL;

	if (c->kind != CREDS_ANON && !dir)
		return error_new("Missing 'dir' property value");
	switch (c->kind) {
	case CREDS_X509: err = load_x509(c, dir); break;
	case CREDS_PSK: err = load_psk(c, dir, user); break;
	case CREDS_ANON:
		if (c->server)
			gnutls_anon_allocate_server_credentials(&c->anon_server);
		else
			gnutls_anon_allocate_client_credentials(&c->anon_client);
		break;
	}
	return err || !c->server ? err : load_dh(c, dir);
}

static void creds_free(void *opaque)
{
	struct tls_creds *c = opaque;

	g_free(c->id);
	g_free(c->priority);
	if (c->x509)
		gnutls_certificate_free_credentials(c->x509);
	if (c->psk_client)
		gnutls_psk_free_client_credentials(c->psk_client);
	if (c->psk_server)
		gnutls_psk_free_server_credentials(c->psk_server);
	if (c->anon_client)
		gnutls_anon_free_client_credentials(c->anon_client);
	if (c->anon_server)
		gnutls_anon_free_server_credentials(c->anon_server);
	if (c->dh)
		gnutls_dh_params_deinit(c->dh);
	g_free(c);
}

struct error *tls_creds_add(const char *type, struct optstr *o)
{
	static const char *const endpoints[] = {"client", "server", NULL};
	struct tls_creds *c = g_new0(struct tls_creds, 1);
	const char *id = optstr_get(o, "id"), *dir = optstr_get(o, "dir");
	const char *user = optstr_get(o, "username"), *priority = optstr_get(o, "priority");
	unsigned int endpoint = 0;

	c->kind = !strcmp(type, "tls-creds-x509")  ? CREDS_X509
		  : !strcmp(type, "tls-creds-psk") ? CREDS_PSK
						   : CREDS_ANON;
	c->id = g_strdup(id);
	c->priority = g_strdup(priority);
	c->verify_peer = true;
	struct error *err = id ? NULL : error_new("Parameter 'id' is missing");
	if (!err)
		err = optstr_choice(o, "endpoint", endpoints, &endpoint);
	if (!err)
		err = optstr_bool(o, "verify-peer", &c->verify_peer);
	c->server = endpoint == 1;
	if (!err)
		err = load(c, dir, user ? user : "qemu");
	if (err) {
		creds_free(c);
		return err;
	}
	if (!registry)
		registry = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, creds_free);
	g_hash_table_replace(registry, c->id, c);
	return NULL;
}

struct error *tls_creds_find(const char *id, bool server, const struct tls_creds **creds)
{
	*creds = registry ? g_hash_table_lookup(registry, id) : NULL;
	if (!*creds)
		return error_new("No TLS credentials with id '%s'", id);
	if ((*creds)->server != server)
		return error_new("Expecting TLS credentials with a %s endpoint",
				 server ? "server" : "client");
	return NULL;
}

/* --- sessions --- */

static int set_credentials(gnutls_session_t s, const struct tls_creds *c)
{
	switch (c->kind) {
	case CREDS_X509: return gnutls_credentials_set(s, GNUTLS_CRD_CERTIFICATE, c->x509);
	case CREDS_PSK:
		return c->server ? gnutls_credentials_set(s, GNUTLS_CRD_PSK, c->psk_server)
				 : gnutls_credentials_set(s, GNUTLS_CRD_PSK, c->psk_client);
	default:
		return c->server ? gnutls_credentials_set(s, GNUTLS_CRD_ANON, c->anon_server)
				 : gnutls_credentials_set(s, GNUTLS_CRD_ANON, c->anon_client);
	}
}

static int set_up(gnutls_session_t s, const struct tls_creds *c, int fd, const char *hostname)
{
	static const char *const more[] = {"", ":+ECDHE-PSK:+DHE-PSK:+PSK", ":+ANON-DH"};
	char *priority = g_strconcat(c->priority ? c->priority : "NORMAL", more[c->kind], NULL);
	int code = gnutls_priority_set_direct(s, priority, NULL);

	g_free(priority);
	if (code >= 0)
		code = set_credentials(s, c);
	if (code < 0)
		return code;
	if (c->server && c->kind == CREDS_X509)
		gnutls_certificate_server_set_request(s, c->verify_peer ? GNUTLS_CERT_REQUIRE
									: GNUTLS_CERT_IGNORE);
	if (!c->server && hostname && c->kind == CREDS_X509)
		gnutls_server_name_set(s, GNUTLS_NAME_DNS, hostname, strlen(hostname));
	gnutls_transport_set_int(s, fd);
	gnutls_handshake_set_timeout(s, 30000);
	return 0;
}

static struct error *verify(gnutls_session_t s, const struct tls_creds *c, const char *hostname)
{
	unsigned int status;
	gnutls_datum_t text;

	if (c->kind != CREDS_X509 || !c->verify_peer)
		return NULL;
	int code = gnutls_certificate_verify_peers3(s, c->server ? NULL : hostname, &status);
	if (code < 0)
		return error_new("Verify failed: %s", gnutls_strerror(code));
	if (!status)
		return NULL;
	if (status & GNUTLS_CERT_UNEXPECTED_OWNER)
		return error_new("Certificate does not match the hostname %s", hostname);
	gnutls_certificate_verification_status_print(
		status, gnutls_certificate_type_get2(s, GNUTLS_CTYPE_PEERS), &text, 0);
	struct error *err = error_new("Verify failed: %s", (char *)text.data);
	gnutls_free(text.data);
	return err;
}

struct error *tls_session_new(const struct tls_creds *c, int fd, const char *hostname,
			      struct tls_session **out)
{
	struct tls_session *s = g_new0(struct tls_session, 1);
	struct error *err = NULL;
	int code = gnutls_init(&s->session,
			       (c->server ? GNUTLS_SERVER : GNUTLS_CLIENT) | GNUTLS_NO_SIGNAL);

	*out = NULL;
	if (code < 0) {
		g_free(s);
		return error_new("TLS: %s", gnutls_strerror(code));
	}
	code = set_up(s->session, c, fd, hostname);
	if (code >= 0) {
		do
			code = gnutls_handshake(s->session);
		while (code < 0 && !gnutls_error_is_fatal(code));
	}
	if (code < 0)
		err = error_new("TLS handshake failed: %s", gnutls_strerror(code));
	else
		err = verify(s->session, c, hostname);
	if (err) {
		gnutls_deinit(s->session);
		g_free(s);
		return err;
	}
	*out = s;
	return NULL;
}

bool tls_recv(struct tls_session *s, void *buf, size_t len)
{
	uint8_t *p = buf;

	while (len) {
		ssize_t n = gnutls_record_recv(s->session, p, len);
		if (n < 0 && !gnutls_error_is_fatal((int)n))
			continue;
		if (n <= 0)
			return false;
		p += n;
		len -= (size_t)n;
	}
	return true;
}

bool tls_send(struct tls_session *s, const void *buf, size_t len)
{
	const uint8_t *p = buf;

	while (len) {
		ssize_t n = gnutls_record_send(s->session, p, len);
		if (n < 0 && !gnutls_error_is_fatal((int)n))
			continue;
		if (n <= 0)
			return false;
		p += n;
		len -= (size_t)n;
	}
	return true;
}

void tls_session_free(struct tls_session *s)
{
	if (!s)
		return;
	gnutls_bye(s->session, GNUTLS_SHUT_WR);
	gnutls_deinit(s->session);
	g_free(s);
}

#else

static struct error *not_built_in(void)
{
	return error_new("TLS is not built in: GnuTLS was not there");
}

struct error *tls_creds_add(const char *type, struct optstr *o)
{
	return not_built_in();
}

struct error *tls_creds_find(const char *id, bool server, const struct tls_creds **creds)
{
	return not_built_in();
}

struct error *tls_session_new(const struct tls_creds *creds, int fd, const char *hostname,
			      struct tls_session **session)
{
	return not_built_in();
}

bool tls_recv(struct tls_session *s, void *buf, size_t len)
{
	return false;
}

bool tls_send(struct tls_session *s, const void *buf, size_t len)
{
	return false;
}

void tls_session_free(struct tls_session *s)
{
}

#endif
