/* Names of NBD disks, and connecting to their servers. */
#include "storage/nbd-address.h"

#include <errno.h>
#include <glib.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define DEFAULT_PORT "10809"

/* --- names --- */

void nbd_address_clear(struct nbd_address *a)
{
	g_free(a->host);
	g_free(a->port);
	g_free(a->path);
	g_free(a->name);
	g_free(a->creds);
	g_free(a->creds_dir);
	g_free(a->psk_file);
	g_free(a->user);
	g_free(a->hostname);
}

/* "HOST:PORT", "[::1]:PORT" */
static struct error *split_host(const char *text, struct nbd_address *a)
{
	const char *colon = strrchr(text, ':');

	if (*text == '[') {
		const char *close = strchr(text, ']');
		if (!close)
			return error_new("nbd: '%s' lacks a ]", text);
		a->host = g_strndup(text + 1, (gsize)(close - text - 1));
		if (close[1] == ':')
			a->port = g_strdup(close + 2);
		return NULL;
	}
	a->host = colon ? g_strndup(text, (gsize)(colon - text)) : g_strdup(text);
	a->port = colon ? g_strdup(colon + 1) : NULL;
	return NULL;
}

static void parse_query(const char *query, struct nbd_address *a)
{
	GHashTable *params = g_uri_parse_params(query, -1, "&", 0, NULL);
	const struct {
		const char *name;
		char **value;
	} known[] = {
		{"socket", &a->path},
		{"tls-creds", &a->creds},
		{"tls-certificates", &a->creds_dir},
		{"tls-psk-file", &a->psk_file},
		{"tls-username", &a->user},
		{"tls-hostname", &a->hostname},
	};

	for (unsigned int i = 0; params && i < G_N_ELEMENTS(known); i++)
		*known[i].value = g_strdup(g_hash_table_lookup(params, known[i].name));
	if (params)
		g_hash_table_destroy(params);
}

static struct error *parse_uri(const char *text, struct nbd_address *a)
{
	GError *bad = NULL;
	GUri *uri = g_uri_parse(text, G_URI_FLAGS_NONE, &bad);

	if (!uri) {
		struct error *err = error_new("nbd: %s: %s", text, bad->message);
		g_error_free(bad);
		return err;
	}
	const char *path = g_uri_get_path(uri), *query = g_uri_get_query(uri);
	a->name = g_strdup(*path == '/' ? path + 1 : path);
	a->secure = g_str_has_prefix(g_uri_get_scheme(uri), "nbds");
	if (query)
		parse_query(query, a);
	if (!strstr(g_uri_get_scheme(uri), "+unix")) {
		g_free(a->path);
		a->path = NULL;
		a->host = g_strdup(g_uri_get_host(uri));
		if (g_uri_get_port(uri) > 0)
			a->port = g_strdup_printf("%d", g_uri_get_port(uri));
	}
	g_uri_unref(uri);
	if (!a->path && !a->host)
		return error_new("nbd: %s: no host and no socket", text);
	return NULL;
}

struct error *nbd_address_parse(const char *text, struct nbd_address *a)
{
	if (g_str_has_prefix(text, "nbd://") || !g_str_has_prefix(text, "nbd:"))
		return parse_uri(text, a);
	text += strlen("nbd:");
	const char *export = strstr(text, ":exportname=");
	char *where = export ? g_strndup(text, (gsize)(export - text)) : g_strdup(text);
	struct error *err = NULL;
	a->name = g_strdup(export ? export + strlen(":exportname=") : "");
	if (g_str_has_prefix(where, "unix:"))
		a->path = g_strdup(where + 5);
	else if (!strchr(where, ':'))
		err = error_new("nbd: '%s': expects HOST:PORT or unix:PATH", where);
	else
		err = split_host(where, a);
	g_free(where);
	return err;
}

/* --- connecting --- */

static struct error *connect_unix(const char *path, int *fd)
{
	struct sockaddr_un sun = {.sun_family = AF_UNIX};

	if (strlen(path) >= sizeof(sun.sun_path))
		return error_new("nbd: socket path '%s' is too long", path);
	strcpy(sun.sun_path, path);
	*fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (*fd < 0 || connect(*fd, (struct sockaddr *)&sun, sizeof(sun))) {
		struct error *err = error_errno(errno, "Failed to connect to '%s'", path);
		if (*fd >= 0)
			close(*fd);
		return err;
	}
	return NULL;
}

static struct error *connect_tcp(const struct nbd_address *a, int *fd)
{
	struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *list;
	const char *port = a->port ? a->port : DEFAULT_PORT;
	int code = getaddrinfo(a->host, port, &hints, &list), on = 1, why = ECONNREFUSED;

	if (code)
		return error_new("nbd: %s:%s: %s", a->host, port, gai_strerror(code));
	*fd = -1;
	for (struct addrinfo *i = list; i && *fd < 0; i = i->ai_next) {
		*fd = socket(i->ai_family, SOCK_STREAM | SOCK_CLOEXEC, i->ai_protocol);
		if (*fd >= 0 && connect(*fd, i->ai_addr, i->ai_addrlen)) {
			why = errno;
			close(*fd);
			*fd = -1;
		}
	}
	freeaddrinfo(list);
	if (*fd < 0)
		return error_errno(why, "Failed to connect to '%s:%s'", a->host, port);
	setsockopt(*fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	return NULL;
}

/* --- TLS --- */

/* Credentials made of what a URI says: a folder of certificates, or a file of keys. */
static struct error *creds_of_uri(struct nbd_address *a)
{
	char *folder = g_strdup(a->psk_file ? a->psk_file : a->creds_dir);
	char *escaped = optstr_escape(folder), *user = optstr_escape(a->user ? a->user : "qemu");
	const char *type = a->psk_file ? "tls-creds-psk" : "tls-creds-x509";

	a->creds = g_strdup_printf("nbd:%s", folder);
	char *text = g_strdup_printf("id=%s,dir=%s,endpoint=client,username=%s", a->creds, escaped,
				     user);
	struct optstr *o = optstr_parse(text, NULL);
	struct error *err = tls_creds_add(type, o);
	optstr_free(o);
	g_free(text);
	g_free(user);
	g_free(escaped);
	g_free(folder);
	return err;
}

struct error *nbd_address_creds(struct nbd_address *a, const struct tls_creds **creds)
{
	struct error *err = NULL;

	*creds = NULL;
	if (!a->creds && (a->creds_dir || a->psk_file))
		err = creds_of_uri(a);
	if (!err && a->creds)
		return tls_creds_find(a->creds, false, creds);
	if (!err && a->secure)
		err = error_new("nbd: TLS needs tls-creds=ID, tls-certificates=FOLDER or "
				"tls-psk-file=FILE");
	return err;
}

struct error *nbd_address_connect(const struct nbd_address *a, int *fd)
{
	return a->path ? connect_unix(a->path, fd) : connect_tcp(a, fd);
}
