/*
 * The "nbd" protocol: a disk that an NBD server has.
 *
 *	nbd:HOST:PORT[:exportname=NAME]	    nbd:unix:PATH[:exportname=NAME]
 *	nbd://HOST[:PORT]/NAME		    nbd+unix:///NAME?socket=PATH
 *
 * Old-style servers are recognised by their greeting. One request is under way at a time.
 */
#include "storage/drivers.h"
#include "storage/nbd.h"

#include "base/bytes.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

/* Requests are cut to this: every server takes it. */
#define MAX_TRANSFER (1u << 20)
#define DEFAULT_PORT "10809"

struct nbd_client {
	int fd;
	uint16_t flags;
	bool structured, broken;
	uint64_t handle;
};

struct address {
	char *host, *port, *path, *name;
};

/* --- names --- */

static void address_clear(struct address *a)
{
	g_free(a->host);
	g_free(a->port);
	g_free(a->path);
	g_free(a->name);
}

/* "HOST:PORT", "[::1]:PORT" */
static struct error *split_host(const char *text, struct address *a)
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

static struct error *parse_uri(const char *text, struct address *a)
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
	if (strstr(g_uri_get_scheme(uri), "+unix")) {
		GHashTable *params = query ? g_uri_parse_params(query, -1, "&", 0, NULL) : NULL;
		const char *socket = params ? g_hash_table_lookup(params, "socket") : NULL;
		a->path = g_strdup(socket);
		if (params)
			g_hash_table_destroy(params);
	} else {
		a->host = g_strdup(g_uri_get_host(uri));
		if (g_uri_get_port(uri) > 0)
			a->port = g_strdup_printf("%d", g_uri_get_port(uri));
	}
	g_uri_unref(uri);
	if (!a->path && !a->host)
		return error_new("nbd: %s: no host and no socket", text);
	return NULL;
}

static struct error *parse_name(const char *text, struct address *a)
{
	if (g_str_has_prefix(text, "nbd://") || g_str_has_prefix(text, "nbd+"))
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

static struct error *connect_tcp(const struct address *a, int *fd)
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

/* --- negotiation --- */

static bool send_option(int fd, uint32_t option, const void *data, uint32_t len)
{
	uint8_t h[16];

	store_be64(h, NBD_OPTION_MAGIC);
	store_be32(h + 8, option);
	store_be32(h + 12, len);
	return nbd_send(fd, h, sizeof(h)) && nbd_send(fd, data, len);
}

/* Receives one reply; its data (at most 64 KiB) are the caller's. */
static struct error *recv_reply(int fd, uint32_t option, uint32_t *type, uint8_t **data,
				uint32_t *len)
{
	uint8_t h[20];

	*data = NULL;
	if (!nbd_recv(fd, h, sizeof(h)))
		return error_new("nbd: the server closed the connection");
	*type = load_be32(h + 12);
	*len = load_be32(h + 16);
	if (load_be64(h) != NBD_REPLY_OPT_MAGIC || load_be32(h + 8) != option || *len > 65536)
		return error_new("nbd: the server's answer makes no sense");
	*data = g_malloc(*len + 1);
	(*data)[*len] = 0;
	if (nbd_recv(fd, *data, *len))
		return NULL;
	g_free(*data);
	*data = NULL;
	return error_new("nbd: the server closed the connection");
}

static struct error *ask_structured(struct nbd_client *n)
{
	uint32_t type, len;
	uint8_t *data;

	if (!send_option(n->fd, NBD_OPT_STRUCTURED_REPLY, NULL, 0))
		return error_new("nbd: the server closed the connection");
	struct error *err = recv_reply(n->fd, NBD_OPT_STRUCTURED_REPLY, &type, &data, &len);
	g_free(data);
	n->structured = !err && type == NBD_REP_ACK;
	return err;
}

/* The oldest way of the new style; servers without GO know it. */
static struct error *ask_export_name(struct image *img, const char *name, bool no_zeroes)
{
	struct nbd_client *n = img->state;
	uint8_t h[134];

	if (!send_option(n->fd, NBD_OPT_EXPORT_NAME, name, (uint32_t)strlen(name)) ||
	    !nbd_recv(n->fd, h, no_zeroes ? 10 : sizeof(h)))
		return error_new("nbd: the server has no export '%s'", name);
	img->size = load_be64(h);
	n->flags = load_be16(h + 8);
	return NULL;
}

static struct error *ask_go(struct image *img, const char *name, bool no_zeroes)
{
	struct nbd_client *n = img->state;
	uint32_t name_len = (uint32_t)strlen(name), type, len;
	uint8_t *data = g_malloc0(name_len + 6);
	bool seen = false;

	store_be32(data, name_len);
	memcpy(data + 4, name, name_len);
	bool ok = send_option(n->fd, NBD_OPT_GO, data, name_len + 6);
	g_free(data);
	if (!ok)
		return error_new("nbd: the server closed the connection");
	for (;;) {
		struct error *err = recv_reply(n->fd, NBD_OPT_GO, &type, &data, &len);
		if (err)
			return err;
		if (type == NBD_REP_INFO && len >= 12 && load_be16(data) == NBD_INFO_EXPORT) {
			img->size = load_be64(data + 2);
			n->flags = load_be16(data + 10);
			seen = true;
		}
		if (type & NBD_REP_ERROR(0))
			err = error_new("Requested export not available: %.200s",
					len ? (char *)data : name);
		g_free(data);
		if (type == NBD_REP_ERR_UNSUP) {
			error_free(err);
			return ask_export_name(img, name, no_zeroes);
		}
		if (err)
			return err;
		if (type == NBD_REP_ACK)
			return seen ? NULL : error_new("nbd: the server does not tell its size");
	}
}

static struct error *negotiate_new(struct image *img, const char *name)
{
	struct nbd_client *n = img->state;
	uint8_t be[4];

	if (!nbd_recv(n->fd, be, 2))
		return error_new("nbd: the server closed the connection");
	uint16_t flags = load_be16(be);
	bool fixed = flags & NBD_FIXED_NEWSTYLE, no_zeroes = flags & NBD_NO_ZEROES;
	store_be32(be, flags & (NBD_FIXED_NEWSTYLE | NBD_NO_ZEROES));
	if (!nbd_send(n->fd, be, 4))
		return error_new("nbd: the server closed the connection");
	if (!fixed)
		return ask_export_name(img, name, no_zeroes);
	struct error *err = ask_structured(n);
	return err ? err : ask_go(img, name, no_zeroes);
}

static struct error *negotiate(struct image *img, const char *name)
{
	struct nbd_client *n = img->state;
	uint8_t h[16], old[136];

	if (!nbd_recv(n->fd, h, sizeof(h)))
		return error_new("Failed to read data: the server closed the connection");
	if (load_be64(h) != NBD_INIT_MAGIC)
		return error_new("Bad initial magic received: 0x%016" G_GINT64_MODIFIER "x",
				 load_be64(h));
	if (load_be64(h + 8) == NBD_OPTION_MAGIC)
		return negotiate_new(img, name);
	if (load_be64(h + 8) != NBD_OLDSTYLE_MAGIC)
		return error_new("Bad server magic received: 0x%016" G_GINT64_MODIFIER "x",
				 load_be64(h + 8));
	if (*name)
		return error_new("Server does not support non-empty export names");
	if (!nbd_recv(n->fd, old, sizeof(old)))
		return error_new("nbd: the server closed the connection");
	img->size = load_be64(old);
	n->flags = (uint16_t)load_be32(old + 8);
	return NULL;
}

static struct error *nbd_open(struct image *img)
{
	struct nbd_client *n = img->state;
	struct address a = {0};
	struct error *err = parse_name(img->filename, &a);

	n->fd = -1;
	if (!err)
		err = a.path ? connect_unix(a.path, &n->fd) : connect_tcp(&a, &n->fd);
	if (err)
		n->fd = -1;
	else
		err = negotiate(img, a.name);
	if (!err && img->size > IMAGE_MAX_SIZE)
		err = error_new("nbd: the export is too large");
	if (!err && (n->flags & NBD_FLAG_READ_ONLY) && !img->readonly) {
		err = error_new("request on denied: the export is read-only");
		err->code = EACCES;
	}
	address_clear(&a);
	if (err && n->fd >= 0)
		close(n->fd);
	return err;
}

/* --- requests --- */

static bool send_request(struct nbd_client *n, uint16_t flags, uint16_t type, uint64_t from,
			 uint32_t len)
{
	uint8_t h[28];

	store_be32(h, NBD_REQUEST_MAGIC);
	store_be16(h + 4, flags);
	store_be16(h + 6, type);
	store_be64(h + 8, ++n->handle);
	store_be64(h + 16, from);
	store_be32(h + 24, len);
	return nbd_send(n->fd, h, sizeof(h));
}

static int host_error(uint32_t wire)
{
	switch (wire) {
	case 0:
	case EPERM:
	case EIO:
	case ENOMEM:
	case EINVAL:
	case ENOSPC:
	case EOVERFLOW:
	case ENOTSUP: return (int)wire;
	default: return EIO;
	}
}

/* One chunk of a structured reply; its bytes go to buf (of `len` bytes at `from`). */
static bool recv_chunk(struct nbd_client *n, uint16_t type, uint32_t size, uint64_t from, void *buf,
		       uint32_t len, int *err)
{
	uint8_t h[12];

	if (type == NBD_CHUNK_NONE)
		return size == 0;
	if (type == NBD_CHUNK_OFFSET_DATA || type == NBD_CHUNK_OFFSET_HOLE) {
		bool hole = type == NBD_CHUNK_OFFSET_HOLE;
		if (!buf || size < (hole ? 12 : 8) || !nbd_recv(n->fd, h, hole ? 12 : 8))
			return false;
		uint64_t at = load_be64(h) - from;
		uint32_t count = hole ? load_be32(h + 8) : size - 8;
		if (at > len || count > len - at || (hole && size != 12))
			return false;
		if (!hole)
			return nbd_recv(n->fd, (uint8_t *)buf + at, count);
		memset((uint8_t *)buf + at, 0, count);
		return true;
	}
	/* Errors, and whatever else: the first four bytes of an error are its number. */
	if (size > 65536)
		return false;
	uint8_t *data = g_malloc(MAX(size, 4));
	bool ok = nbd_recv(n->fd, data, size);
	if (ok && (type & 0x8000))
		*err = size >= 4 ? host_error(load_be32(data)) : EIO;
	g_free(data);
	return ok;
}

static bool recv_structured(struct nbd_client *n, const uint8_t *first, uint64_t from, void *buf,
			    uint32_t len, int *err)
{
	uint8_t h[20];

	memcpy(h, first, 16);
	if (!nbd_recv(n->fd, h + 16, 4))
		return false;
	for (;;) {
		if (load_be32(h) != NBD_STRUCTURED_MAGIC || load_be64(h + 8) != n->handle)
			return false;
		if (!recv_chunk(n, load_be16(h + 6), load_be32(h + 16), from, buf, len, err))
			return false;
		if (load_be16(h + 4) & NBD_CHUNK_DONE)
			return true;
		if (!nbd_recv(n->fd, h, sizeof(h)))
			return false;
	}
}

static int recv_answer(struct nbd_client *n, uint64_t from, void *buf, uint32_t len)
{
	uint8_t h[16];
	int err = 0;

	if (!nbd_recv(n->fd, h, sizeof(h)))
		goto lost;
	if (load_be32(h) == NBD_STRUCTURED_MAGIC && n->structured) {
		if (!recv_structured(n, h, from, buf, len, &err))
			goto lost;
		return err;
	}
	if (load_be32(h) != NBD_SIMPLE_MAGIC || load_be64(h + 8) != n->handle)
		goto lost;
	err = host_error(load_be32(h + 4));
	if (!err && buf && !nbd_recv(n->fd, buf, len))
		goto lost;
	return err;
lost:
	n->broken = true;
	return EIO;
}

static int nbd_pread(struct image *img, uint64_t offset, void *buf, size_t len)
{
	struct nbd_client *n = img->state;
	uint8_t *p = buf;

	while (len) {
		uint32_t count = (uint32_t)MIN(len, MAX_TRANSFER);
		if (n->broken || !send_request(n, 0, NBD_CMD_READ, offset, count))
			return EIO;
		int err = recv_answer(n, offset, p, count);
		if (err)
			return err;
		p += count;
		offset += count;
		len -= count;
	}
	return 0;
}

static int nbd_pwrite(struct image *img, uint64_t offset, const void *buf, size_t len)
{
	struct nbd_client *n = img->state;
	const uint8_t *p = buf;

	while (len) {
		uint32_t count = (uint32_t)MIN(len, MAX_TRANSFER);
		if (n->broken || !send_request(n, 0, NBD_CMD_WRITE, offset, count) ||
		    !nbd_send(n->fd, p, count))
			return EIO;
		int err = recv_answer(n, offset, NULL, 0);
		if (err)
			return err;
		p += count;
		offset += count;
		len -= count;
	}
	return 0;
}

static int simple(struct image *img, uint16_t flags, uint16_t type, uint64_t offset, uint64_t len)
{
	struct nbd_client *n = img->state;

	do {
		uint32_t count = (uint32_t)MIN(len, 1u << 30);
		if (n->broken || !send_request(n, flags, type, offset, count))
			return EIO;
		int err = recv_answer(n, offset, NULL, 0);
		if (err)
			return err;
		offset += count;
		len -= count;
	} while (len);
	return 0;
}

static int nbd_flush(struct image *img)
{
	struct nbd_client *n = img->state;

	return n->flags & NBD_FLAG_SEND_FLUSH && !(img->flags & IMAGE_NOFLUSH)
		       ? simple(img, 0, NBD_CMD_FLUSH, 0, 0)
		       : 0;
}

static int nbd_discard(struct image *img, uint64_t offset, uint64_t len)
{
	struct nbd_client *n = img->state;

	return n->flags & NBD_FLAG_SEND_TRIM ? simple(img, 0, NBD_CMD_TRIM, offset, len) : 0;
}

static int nbd_write_zeroes(struct image *img, uint64_t offset, uint64_t len, unsigned int flags)
{
	struct nbd_client *n = img->state;

	if (!(n->flags & NBD_FLAG_SEND_WRITE_ZEROES))
		return ENOTSUP;
	return simple(img, flags & IMAGE_UNMAP ? 0 : NBD_CMD_NO_HOLE, NBD_CMD_WRITE_ZEROES, offset,
		      len);
}

static void nbd_close(struct image *img)
{
	struct nbd_client *n = img->state;

	if (!n->broken)
		send_request(n, 0, NBD_CMD_DISC, 0, 0);
	close(n->fd);
}

static uint64_t nbd_host_size(struct image *img)
{
	return UINT64_MAX;
}

#define NBD_METHODS                                                                           \
	.state_size = sizeof(struct nbd_client), .open = nbd_open, .close = nbd_close,        \
	.pread = nbd_pread, .pwrite = nbd_pwrite, .flush = nbd_flush, .discard = nbd_discard, \
	.write_zeroes = nbd_write_zeroes, .host_size = nbd_host_size

const struct image_driver nbd_driver = {
	.name = "nbd",
	.help = "disks of NBD servers",
	.protocol = "nbd:",
	NBD_METHODS,
};

const struct image_driver nbd_unix_driver = {
	.name = "nbd+unix",
	.help = "disks of NBD servers on this host",
	.protocol = "nbd+",
	NBD_METHODS,
};
