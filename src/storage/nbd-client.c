/*
 * The "nbd" protocol: a disk that an NBD server has. nbd-address.h says how it is named.
 *
 * Old-style servers are recognised by their greeting. One request is under way at a time.
 */
#include "storage/drivers.h"
#include "storage/nbd-address.h"
#include "storage/nbd-options.h"
#include "storage/nbd.h"

#include "base/bytes.h"

#include <errno.h>
#include <string.h>

/* Requests are cut to this: every server takes it. */
#define MAX_TRANSFER (1u << 20)

struct nbd_client {
	struct nbd_stream stream;
	uint16_t flags;
	bool structured, broken;
	bool has_map; /* the server tells what is a hole, in the context... */
	uint32_t map_context;
	uint32_t status[2]; /* length and flags of the extent asked for last */
	uint64_t handle;
};

/* --- negotiation --- */

static struct error *ask_structured(struct nbd_client *n)
{
	uint32_t type, len;
	uint8_t *data;

	if (!nbd_send_option(&n->stream, NBD_OPT_STRUCTURED_REPLY, NULL, 0))
		return error_new("nbd: the server closed the connection");
	struct error *err =
		nbd_recv_reply(&n->stream, NBD_OPT_STRUCTURED_REPLY, &type, &data, &len);
	g_free(data);
	n->structured = !err && type == NBD_REP_ACK;
	if (!err && type == NBD_REP_ERR_TLS_REQD)
		err = error_new("nbd: the server wants TLS: give tls-creds=ID, or "
				"a nbds: name");
	return err;
}

/* Asks for base:allocation, which a server may not have. */
static struct error *ask_map(struct nbd_client *n, const char *name)
{
	static const char context[] = "base:allocation";
	const uint32_t len = (uint32_t)strlen(name), context_len = sizeof(context) - 1;
	uint8_t *data = g_malloc(12 + len + context_len);
	uint32_t type, got;

	store_be32(data, len);
	memcpy(data + 4, name, len);
	store_be32(data + 4 + len, 1);
	store_be32(data + 8 + len, context_len);
	memcpy(data + 12 + len, context, context_len);
	bool ok =
		nbd_send_option(&n->stream, NBD_OPT_SET_META_CONTEXT, data, 12 + len + context_len);
	g_free(data);
	if (!ok)
		return error_new("nbd: the server closed the connection");
	do {
		struct error *err =
			nbd_recv_reply(&n->stream, NBD_OPT_SET_META_CONTEXT, &type, &data, &got);
		if (err)
			return err;
		if (type == NBD_REP_META_CONTEXT && got == 4 + context_len &&
		    !memcmp(data + 4, context, context_len)) {
			n->has_map = true;
			n->map_context = load_be32(data);
		}
		g_free(data);
	} while (type == NBD_REP_META_CONTEXT);
	if (type != NBD_REP_ACK)
		n->has_map = false;
	return NULL;
}

/* The oldest way of the new style; servers without GO know it. */
static struct error *ask_export_name(struct image *img, const char *name, bool no_zeroes)
{
	struct nbd_client *n = img->state;
	uint8_t h[134];

	if (!nbd_send_option(&n->stream, NBD_OPT_EXPORT_NAME, name, (uint32_t)strlen(name)) ||
	    !nbd_recv(&n->stream, h, no_zeroes ? 10 : sizeof(h)))
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
	bool ok = nbd_send_option(&n->stream, NBD_OPT_GO, data, name_len + 6);
	g_free(data);
	if (!ok)
		return error_new("nbd: the server closed the connection");
	for (;;) {
		struct error *err = nbd_recv_reply(&n->stream, NBD_OPT_GO, &type, &data, &len);
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

static struct error *negotiate_new(struct image *img, const char *name,
				   const struct tls_creds *creds, const char *hostname)
{
	struct nbd_client *n = img->state;
	uint8_t be[4];

	if (!nbd_recv(&n->stream, be, 2))
		return error_new("nbd: the server closed the connection");
	uint16_t flags = load_be16(be);
	bool fixed = flags & NBD_FIXED_NEWSTYLE, no_zeroes = flags & NBD_NO_ZEROES;
	store_be32(be, flags & (NBD_FIXED_NEWSTYLE | NBD_NO_ZEROES));
	if (!nbd_send(&n->stream, be, 4))
		return error_new("nbd: the server closed the connection");
	if (creds && !fixed)
		return error_new("nbd: the server has no TLS");
	if (!fixed)
		return ask_export_name(img, name, no_zeroes);
	struct error *err = creds ? nbd_start_tls(&n->stream, creds, hostname) : NULL;
	if (!err)
		err = ask_structured(n);
	if (!err && n->structured)
		err = ask_map(n, name);
	return err ? err : ask_go(img, name, no_zeroes);
}

static struct error *negotiate(struct image *img, const char *name, const struct tls_creds *creds,
			       const char *hostname)
{
	struct nbd_client *n = img->state;
	uint8_t h[16], old[136];

	if (!nbd_recv(&n->stream, h, sizeof(h)))
		return error_new("Failed to read data: the server closed the connection");
	if (load_be64(h) != NBD_INIT_MAGIC)
		return error_new("Bad initial magic received: 0x%016" G_GINT64_MODIFIER "x",
				 load_be64(h));
	if (load_be64(h + 8) == NBD_OPTION_MAGIC)
		return negotiate_new(img, name, creds, hostname);
	if (load_be64(h + 8) != NBD_OLDSTYLE_MAGIC)
		return error_new("Bad server magic received: 0x%016" G_GINT64_MODIFIER "x",
				 load_be64(h + 8));
	if (creds)
		return error_new("nbd: the server has no TLS");
	if (*name)
		return error_new("Server does not support non-empty export names");
	if (!nbd_recv(&n->stream, old, sizeof(old)))
		return error_new("nbd: the server closed the connection");
	img->size = load_be64(old);
	n->flags = (uint16_t)load_be32(old + 8);
	return NULL;
}

static struct error *nbd_open(struct image *img)
{
	struct nbd_client *n = img->state;
	struct nbd_address a = {0};
	const struct tls_creds *creds = NULL;
	struct error *err = nbd_address_parse(img->filename, &a);

	n->stream.fd = -1;
	if (!err)
		err = nbd_address_creds(&a, &creds);
	if (!err)
		err = nbd_address_connect(&a, &n->stream.fd);
	if (err)
		n->stream.fd = -1;
	else
		err = negotiate(img, a.name, creds, a.hostname ? a.hostname : a.host);
	if (!err && img->size > IMAGE_MAX_SIZE)
		err = error_new("nbd: the export is too large");
	if (!err && (n->flags & NBD_FLAG_READ_ONLY) && !img->readonly) {
		err = error_new("request on denied: the export is read-only");
		err->code = EACCES;
	}
	nbd_address_clear(&a);
	if (err && n->stream.fd >= 0)
		nbd_close_stream(&n->stream);
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
	return nbd_send(&n->stream, h, sizeof(h));
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
		if (!buf || size < (hole ? 12 : 8) || !nbd_recv(&n->stream, h, hole ? 12 : 8))
			return false;
		uint64_t at = load_be64(h) - from;
		uint32_t count = hole ? load_be32(h + 8) : size - 8;
		if (at > len || count > len - at || (hole && size != 12))
			return false;
		if (!hole)
			return nbd_recv(&n->stream, (uint8_t *)buf + at, count);
		memset((uint8_t *)buf + at, 0, count);
		return true;
	}
	if (type == NBD_CHUNK_BLOCK_STATUS && size >= 12 && size <= 65536) {
		uint8_t first[12];
		if (!nbd_recv(&n->stream, first, sizeof(first)))
			return false;
		n->status[0] = load_be32(first + 4);
		n->status[1] = load_be32(first + 8);
		return load_be32(first) == n->map_context && nbd_skip(&n->stream, size - 12);
	}
	/* Errors, and whatever else: the first four bytes of an error are its number. */
	if (size > 65536)
		return false;
	uint8_t *data = g_malloc(MAX(size, 4));
	bool ok = nbd_recv(&n->stream, data, size);
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
	if (!nbd_recv(&n->stream, h + 16, 4))
		return false;
	for (;;) {
		if (load_be32(h) != NBD_STRUCTURED_MAGIC || load_be64(h + 8) != n->handle)
			return false;
		if (!recv_chunk(n, load_be16(h + 6), load_be32(h + 16), from, buf, len, err))
			return false;
		if (load_be16(h + 4) & NBD_CHUNK_DONE)
			return true;
		if (!nbd_recv(&n->stream, h, sizeof(h)))
			return false;
	}
}

static int recv_answer(struct nbd_client *n, uint64_t from, void *buf, uint32_t len)
{
	uint8_t h[16];
	int err = 0;

	if (!nbd_recv(&n->stream, h, sizeof(h)))
		goto lost;
	if (load_be32(h) == NBD_STRUCTURED_MAGIC && n->structured) {
		if (!recv_structured(n, h, from, buf, len, &err))
			goto lost;
		return err;
	}
	if (load_be32(h) != NBD_SIMPLE_MAGIC || load_be64(h + 8) != n->handle)
		goto lost;
	err = host_error(load_be32(h + 4));
	if (!err && buf && !nbd_recv(&n->stream, buf, len))
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
		    !nbd_send(&n->stream, p, count))
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

static int nbd_map(struct image *img, uint64_t offset, uint64_t len, struct image_extent *e)
{
	struct nbd_client *n = img->state;
	uint32_t count = (uint32_t)MIN(len, 1u << 30);

	*e = (struct image_extent){.length = len,
				   .data = true,
				   .allocated = true,
				   .has_offset = true,
				   .offset = offset};
	if (!n->has_map || n->broken)
		return n->broken ? EIO : 0;
	n->status[0] = 0;
	if (!send_request(n, NBD_CMD_REQ_ONE, NBD_CMD_BLOCK_STATUS, offset, count))
		return EIO;
	/* A server that fails to tell may still be read. */
	if (recv_answer(n, offset, NULL, 0) || !n->status[0])
		return n->broken ? EIO : 0;
	e->length = MIN(n->status[0], count);
	e->data = !(n->status[1] & NBD_STATE_HOLE);
	e->zero = n->status[1] & NBD_STATE_ZERO;
	/* Holes that do not read as zeroes hold something. */
	e->data |= !e->zero;
	return 0;
}

static void nbd_close(struct image *img)
{
	struct nbd_client *n = img->state;

	if (!n->broken)
		send_request(n, 0, NBD_CMD_DISC, 0, 0);
	nbd_close_stream(&n->stream);
}

static uint64_t nbd_host_size(struct image *img)
{
	return UINT64_MAX;
}

const struct image_driver nbd_driver = {
	.name = "nbd",
	.help = "disks of NBD servers",
	.protocol = "nbd: nbd+ nbds: nbds+",
	.state_size = sizeof(struct nbd_client),
	.open = nbd_open,
	.close = nbd_close,
	.pread = nbd_pread,
	.pwrite = nbd_pwrite,
	.flush = nbd_flush,
	.discard = nbd_discard,
	.write_zeroes = nbd_write_zeroes,
	.map = nbd_map,
	.host_size = nbd_host_size,
};
