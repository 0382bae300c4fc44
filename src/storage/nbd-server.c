/* One client of an NBD server: fixed-newstyle negotiation, then requests until it leaves. */
#include "storage/nbd.h"

#include "base/bytes.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>

#define META_ALLOCATION "base:allocation"
#define META_ID		1u
/* Extents of one block status reply. */
#define MAX_EXTENTS 1024u

struct client {
	struct nbd_export *e;
	struct nbd_stream stream;
	bool no_zeroes, structured, meta;
	uint8_t *buf; /* NBD_MAX_REQUEST, grown as needed */
	size_t buf_size;
};

struct request {
	uint16_t flags, type;
	uint64_t handle, from;
	uint32_t len;
};

uint16_t nbd_export_flags(const struct nbd_export *e)
{
	uint16_t flags =
		NBD_FLAG_HAS_FLAGS | NBD_FLAG_SEND_FLUSH | NBD_FLAG_SEND_FUA | NBD_FLAG_SEND_CACHE;

	if (e->readonly)
		flags |= NBD_FLAG_READ_ONLY;
	else
		flags |= NBD_FLAG_SEND_TRIM | NBD_FLAG_SEND_WRITE_ZEROES | NBD_FLAG_SEND_FAST_ZERO;
	/* All clients look at one image through one cache. */
	if (e->shared)
		flags |= NBD_FLAG_CAN_MULTI_CONN;
	return flags;
}

/* --- negotiation --- */

static bool reply(struct client *c, uint32_t option, uint32_t type, const void *data, uint32_t len)
{
	uint8_t h[20];

	store_be64(h, NBD_REPLY_OPT_MAGIC);
	store_be32(h + 8, option);
	store_be32(h + 12, type);
	store_be32(h + 16, len);
	return nbd_send(&c->stream, h, sizeof(h)) && nbd_send(&c->stream, data, len);
}

static bool reply_error(struct client *c, uint32_t option, uint32_t type, const char *text)
{
	return reply(c, option, type, text, (uint32_t)strlen(text));
}

static bool is_our_name(const struct client *c, const uint8_t *name, size_t len)
{
	return len == strlen(c->e->name) && !memcmp(name, c->e->name, len);
}

static void put_export(const struct client *c, uint8_t h[10])
{
	uint16_t flags = nbd_export_flags(c->e);

	if (c->structured)
		flags |= NBD_FLAG_SEND_DF;
	store_be64(h, c->e->size);
	store_be16(h + 8, flags);
}

/* The old way to end the negotiation: no error can be told. */
static bool opt_export_name(struct client *c, const uint8_t *data, uint32_t len)
{
	uint8_t h[134] = {0};

	if (!is_our_name(c, data, len))
		return false;
	put_export(c, h);
	return nbd_send(&c->stream, h, c->no_zeroes ? 10 : sizeof(h));
}

static bool opt_list(struct client *c, uint32_t len)
{
	size_t n = strlen(c->e->name), d = strlen(c->e->description);
	uint8_t *data;

	if (len)
		return reply_error(c, NBD_OPT_LIST, NBD_REP_ERR_INVALID, "no data expected");
	data = g_malloc(4 + n + d);
	store_be32(data, (uint32_t)n);
	memcpy(data + 4, c->e->name, n);
	memcpy(data + 4 + n, c->e->description, d);
	bool ok = reply(c, NBD_OPT_LIST, NBD_REP_SERVER, data, (uint32_t)(4 + n + d)) &&
		  reply(c, NBD_OPT_LIST, NBD_REP_ACK, NULL, 0);
	g_free(data);
	return ok;
}

static bool send_info_texts(struct client *c, uint32_t option, const uint8_t *wanted,
			    uint16_t count)
{
	for (uint16_t i = 0; i < count; i++) {
		uint16_t kind = load_be16(wanted + 2 * i);
		const char *text = kind == NBD_INFO_NAME ? c->e->name
				   : kind == NBD_INFO_DESCRIPTION && *c->e->description
					   ? c->e->description
					   : NULL;
		if (!text)
			continue;
		size_t n = strlen(text);
		uint8_t *data = g_malloc(2 + n);
		store_be16(data, kind);
		memcpy(data + 2, text, n);
		bool ok = reply(c, option, NBD_REP_INFO, data, (uint32_t)(2 + n));
		g_free(data);
		if (!ok)
			return false;
	}
	return true;
}

/* INFO and GO; *go: the transmission begins. */
static bool opt_go(struct client *c, uint32_t option, const uint8_t *data, uint32_t len, bool *go)
{
	struct bytes b = {data, len};
	const uint8_t *p = bytes_at(b, 0, 4);
	uint32_t name_len = p ? load_be32(p) : 0;
	const uint8_t *name = bytes_at(b, 4, name_len);
	const uint8_t *n = name ? bytes_at(b, 4 + (uint64_t)name_len, 2) : NULL;
	uint16_t count = n ? load_be16(n) : 0;
	const uint8_t *wanted = n ? bytes_at(b, 6 + (uint64_t)name_len, count * 2ull) : NULL;
	uint8_t info[14];

	if (!wanted || 6 + (uint64_t)name_len + count * 2ull != len)
		return reply_error(c, option, NBD_REP_ERR_INVALID, "lengths do not agree");
	if (!is_our_name(c, name, name_len))
		return reply_error(c, option, NBD_REP_ERR_UNKNOWN, "no such export");
	if (!send_info_texts(c, option, wanted, count))
		return false;
	store_be16(info, NBD_INFO_BLOCK_SIZE);
	store_be32(info + 2, 1);
	store_be32(info + 6, 4096);
	store_be32(info + 10, NBD_MAX_REQUEST);
	if (!reply(c, option, NBD_REP_INFO, info, 14))
		return false;
	store_be16(info, NBD_INFO_EXPORT);
	put_export(c, info + 2);
	if (!reply(c, option, NBD_REP_INFO, info, 12) || !reply(c, option, NBD_REP_ACK, NULL, 0))
		return false;
	*go = option == NBD_OPT_GO;
	return true;
}

/* Does a query ask for base:allocation? "base:" asks for all of its kind when listing. */
static bool query_matches(const uint8_t *q, uint32_t len, bool list)
{
	size_t n = strlen(META_ALLOCATION);

	return (len == n && !memcmp(q, META_ALLOCATION, n)) ||
	       (list && len == 5 && !memcmp(q, "base:", 5));
}

static bool opt_meta(struct client *c, uint32_t option, const uint8_t *data, uint32_t len)
{
	struct bytes b = {data, len};
	bool list = option == NBD_OPT_LIST_META_CONTEXT, match;
	const uint8_t *p = bytes_at(b, 0, 4);
	uint32_t name_len = p ? load_be32(p) : 0;
	const uint8_t *name = bytes_at(b, 4, name_len);
	uint64_t at = 4 + (uint64_t)name_len + 4;
	const uint8_t *n = name ? bytes_at(b, at - 4, 4) : NULL;
	uint32_t queries = n ? load_be32(n) : 0;

	if (!n)
		return reply_error(c, option, NBD_REP_ERR_INVALID, "lengths do not agree");
	if (!c->structured)
		return reply_error(c, option, NBD_REP_ERR_INVALID, "structured replies come first");
	if (!is_our_name(c, name, name_len))
		return reply_error(c, option, NBD_REP_ERR_UNKNOWN, "no such export");
	match = list && queries == 0;
	for (uint32_t i = 0; i < queries; i++) {
		const uint8_t *q = bytes_at(b, at, 4);
		uint32_t q_len = q ? load_be32(q) : 0;
		q = q ? bytes_at(b, at + 4, q_len) : NULL;
		if (!q)
			return reply_error(c, option, NBD_REP_ERR_INVALID, "lengths do not agree");
		match |= query_matches(q, q_len, list);
		at += 4 + (uint64_t)q_len;
	}
	if (!list)
		c->meta = match;
	uint8_t context[4 + sizeof(META_ALLOCATION)];
	store_be32(context, list ? 0 : META_ID);
	memcpy(context + 4, META_ALLOCATION, strlen(META_ALLOCATION));
	if (match &&
	    !reply(c, option, NBD_REP_META_CONTEXT, context, 4 + (uint32_t)strlen(META_ALLOCATION)))
		return false;
	return reply(c, option, NBD_REP_ACK, NULL, 0);
}

static bool opt_starttls(struct client *c, uint32_t len)
{
	if (!c->e->tls)
		return reply_error(c, NBD_OPT_STARTTLS, NBD_REP_ERR_POLICY, "TLS not configured");
	if (len || c->stream.tls)
		return reply_error(c, NBD_OPT_STARTTLS, NBD_REP_ERR_INVALID,
				   len ? "no data expected" : "TLS already enabled");
	if (!reply(c, NBD_OPT_STARTTLS, NBD_REP_ACK, NULL, 0))
		return false;
	struct error *err = tls_session_new(c->e->tls, c->stream.fd, NULL, &c->stream.tls);
	/* What was agreed on in the clear may be somebody else's wish. */
	c->structured = c->meta = false;
	if (!err)
		return true;
	warn_report("option negotiation failed: %s", err->message);
	error_free(err);
	return false;
}

/* One option; false ends the connection. */
static bool handle_option(struct client *c, uint32_t option, const uint8_t *data, uint32_t len,
			  bool *go)
{
	if (c->e->tls && !c->stream.tls && option != NBD_OPT_STARTTLS && option != NBD_OPT_ABORT) {
		if (option == NBD_OPT_EXPORT_NAME)
			return false; /* has no way to say so */
		return reply_error(c, option, NBD_REP_ERR_TLS_REQD, "TLS comes first");
	}
	switch (option) {
	case NBD_OPT_STARTTLS: return opt_starttls(c, len);
	case NBD_OPT_EXPORT_NAME: *go = opt_export_name(c, data, len); return *go;
	case NBD_OPT_ABORT: reply(c, option, NBD_REP_ACK, NULL, 0); return false;
	case NBD_OPT_LIST: return opt_list(c, len);
	case NBD_OPT_INFO:
	case NBD_OPT_GO: return opt_go(c, option, data, len, go);
	case NBD_OPT_STRUCTURED_REPLY:
		if (len)
			return reply_error(c, option, NBD_REP_ERR_INVALID, "no data expected");
		c->structured = true;
		return reply(c, option, NBD_REP_ACK, NULL, 0);
	case NBD_OPT_LIST_META_CONTEXT:
	case NBD_OPT_SET_META_CONTEXT: return opt_meta(c, option, data, len);
	default: return reply_error(c, option, NBD_REP_ERR_UNSUP, "unknown option");
	}
}

static bool negotiate(struct client *c)
{
	uint8_t h[18], flags[4], option[16];
	bool go = false;

	store_be64(h, NBD_INIT_MAGIC);
	store_be64(h + 8, NBD_OPTION_MAGIC);
	store_be16(h + 16, NBD_FIXED_NEWSTYLE | NBD_NO_ZEROES);
	if (!nbd_send(&c->stream, h, sizeof(h)) || !nbd_recv(&c->stream, flags, sizeof(flags)))
		return false;
	if (load_be32(flags) & ~(uint32_t)(NBD_FIXED_NEWSTYLE | NBD_NO_ZEROES))
		return false;
	c->no_zeroes = load_be32(flags) & NBD_NO_ZEROES;
	while (!go) {
		if (!nbd_recv(&c->stream, option, sizeof(option)) ||
		    load_be64(option) != NBD_OPTION_MAGIC)
			return false;
		uint32_t type = load_be32(option + 8), len = load_be32(option + 12);
		if (len > NBD_MAX_REQUEST)
			return false;
		if (len > 65536) {
			if (!nbd_skip(&c->stream, len) ||
			    !reply_error(c, type, NBD_REP_ERR_TOO_BIG, "option too long"))
				return false;
			continue;
		}
		uint8_t *data = g_malloc(MAX(len, 1));
		bool ok = nbd_recv(&c->stream, data, len) && handle_option(c, type, data, len, &go);
		g_free(data);
		if (!ok)
			return false;
	}
	return true;
}

/* --- replies --- */

/* Errors travel as a few Linux numbers. */
static uint32_t wire_error(int err)
{
	switch (err) {
	case 0:
	case EPERM:
	case EIO:
	case ENOMEM:
	case EINVAL:
	case ENOSPC:
	case EOVERFLOW:
	case ENOTSUP: return (uint32_t)err;
	case EROFS: return EPERM;
	case EFBIG: return ENOSPC;
	default: return EIO;
	}
}

static void put_chunk(uint8_t h[20], const struct request *r, uint16_t flags, uint16_t type,
		      uint32_t len)
{
	store_be32(h, NBD_STRUCTURED_MAGIC);
	store_be16(h + 4, flags);
	store_be16(h + 6, type);
	store_be64(h + 8, r->handle);
	store_be32(h + 16, len);
}

static bool send_simple(struct client *c, const struct request *r, int err)
{
	uint8_t h[16];

	store_be32(h, NBD_SIMPLE_MAGIC);
	store_be32(h + 4, wire_error(err));
	store_be64(h + 8, r->handle);
	return nbd_send(&c->stream, h, sizeof(h));
}

static bool send_error(struct client *c, const struct request *r, int err)
{
	uint8_t h[26];

	/* Only reads and block status have to answer in the new form. */
	if (!c->structured || (r->type != NBD_CMD_READ && r->type != NBD_CMD_BLOCK_STATUS))
		return send_simple(c, r, err);
	put_chunk(h, r, NBD_CHUNK_DONE, NBD_CHUNK_ERROR, 6);
	store_be32(h + 20, wire_error(err));
	store_be16(h + 24, 0);
	return nbd_send(&c->stream, h, sizeof(h));
}

static bool send_data(struct client *c, const struct request *r)
{
	uint8_t h[28];

	if (!c->structured) {
		store_be32(h, NBD_SIMPLE_MAGIC);
		store_be32(h + 4, 0);
		store_be64(h + 8, r->handle);
		return nbd_send_two(&c->stream, h, 16, c->buf, r->len);
	}
	put_chunk(h, r, NBD_CHUNK_DONE, NBD_CHUNK_OFFSET_DATA, 8 + r->len);
	store_be64(h + 20, r->from);
	return nbd_send_two(&c->stream, h, sizeof(h), c->buf, r->len);
}

/* --- requests --- */

static bool room_for(struct client *c, size_t len)
{
	if (c->buf_size < len) {
		g_free(c->buf);
		c->buf_size = MAX(len, 65536);
		c->buf = g_malloc(c->buf_size);
	}
	return true;
}

static int request_check(const struct client *c, const struct request *r)
{
	const struct nbd_export *e = c->e;
	bool changes = r->type == NBD_CMD_WRITE || r->type == NBD_CMD_TRIM ||
		       r->type == NBD_CMD_WRITE_ZEROES;

	if (changes && e->readonly)
		return EPERM;
	if (r->type != NBD_CMD_FLUSH && (r->from > e->size || r->len > e->size - r->from))
		return changes ? ENOSPC : EINVAL;
	if ((r->type == NBD_CMD_READ || r->type == NBD_CMD_WRITE) && r->len > NBD_MAX_REQUEST)
		return EINVAL;
	if (r->flags &
	    ~(NBD_CMD_FUA | NBD_CMD_NO_HOLE | NBD_CMD_DF | NBD_CMD_REQ_ONE | NBD_CMD_FAST_ZERO))
		return EINVAL;
	return 0;
}

static int status_extents(struct client *c, const struct request *r, uint8_t *out, unsigned int *n)
{
	struct image *img = c->e->image;
	uint64_t at = c->e->offset + r->from, end = at + r->len;
	unsigned int max = r->flags & NBD_CMD_REQ_ONE ? 1 : MAX_EXTENTS;
	uint32_t last = UINT32_MAX;

	for (*n = 0; at < end;) {
		struct image_extent x;
		unsigned int depth;
		int err = image_map_chain(img, NULL, at, end - at, &x, &depth, NULL);
		if (err)
			return err;
		uint32_t flags = (x.data ? 0 : NBD_STATE_HOLE) | (x.zero ? NBD_STATE_ZERO : 0);
		if (flags == last) {
			uint8_t *p = out + 8 * (*n - 1);
			store_be32(p, load_be32(p) + (uint32_t)x.length);
		} else {
			if (*n == max)
				break;
			store_be32(out + 8 * *n, (uint32_t)x.length);
			store_be32(out + 8 * *n + 4, flags);
			++*n;
			last = flags;
		}
		at += x.length;
	}
	return 0;
}

static bool do_block_status(struct client *c, const struct request *r)
{
	uint8_t h[24], *extents = g_malloc(MAX_EXTENTS * 8);
	unsigned int n = 0;
	int err = c->meta && r->len ? 0 : EINVAL;

	if (!err) {
		g_mutex_lock(&c->e->mutex);
		err = status_extents(c, r, extents, &n);
		g_mutex_unlock(&c->e->mutex);
	}
	bool ok;
	if (err) {
		ok = send_error(c, r, err);
	} else {
		put_chunk(h, r, NBD_CHUNK_DONE, NBD_CHUNK_BLOCK_STATUS, 4 + 8 * n);
		store_be32(h + 20, META_ID);
		ok = nbd_send_two(&c->stream, h, sizeof(h), extents, 8 * n);
	}
	g_free(extents);
	return ok;
}

static bool do_read(struct client *c, const struct request *r)
{
	room_for(c, r->len);
	g_mutex_lock(&c->e->mutex);
	int err = image_pread(c->e->image, c->e->offset + r->from, c->buf, r->len);
	g_mutex_unlock(&c->e->mutex);
	return err ? send_error(c, r, err) : send_data(c, r);
}

static int do_change(struct client *c, const struct request *r)
{
	struct image *img = c->e->image;
	uint64_t at = c->e->offset + r->from;
	int err = 0;

	switch (r->type) {
	case NBD_CMD_WRITE: err = image_pwrite(img, at, c->buf, r->len); break;
	case NBD_CMD_TRIM: err = image_discard(img, at, r->len); break;
	case NBD_CMD_WRITE_ZEROES:
		if ((r->flags & NBD_CMD_FAST_ZERO) && !img->driver->write_zeroes)
			return ENOTSUP;
		err = image_write_zeroes(img, at, r->len,
					 r->flags & NBD_CMD_NO_HOLE ? 0 : IMAGE_UNMAP);
		break;
	case NBD_CMD_FLUSH: return img->readonly ? 0 : image_flush(img);
	case NBD_CMD_CACHE: return 0;
	default: return EINVAL;
	}
	if (!err && ((r->flags & NBD_CMD_FUA) || c->e->write_through))
		err = image_flush(img);
	return err;
}

static bool handle_request(struct client *c, struct request *r)
{
	int err = request_check(c, r);

	/* The data of a write follow its header, whatever becomes of it. */
	if (r->type == NBD_CMD_WRITE && err && !nbd_skip(&c->stream, r->len))
		return false;
	if (err)
		return send_error(c, r, err);
	if (r->type == NBD_CMD_READ)
		return do_read(c, r);
	if (r->type == NBD_CMD_BLOCK_STATUS)
		return do_block_status(c, r);
	if (r->type == NBD_CMD_WRITE) {
		room_for(c, r->len);
		if (!nbd_recv(&c->stream, c->buf, r->len))
			return false;
	}
	g_mutex_lock(&c->e->mutex);
	err = do_change(c, r);
	g_mutex_unlock(&c->e->mutex);
	return send_simple(c, r, err);
}

static void transmit(struct client *c)
{
	uint8_t h[28];

	while (nbd_recv(&c->stream, h, sizeof(h)) && load_be32(h) == NBD_REQUEST_MAGIC) {
		struct request r = {load_be16(h + 4), load_be16(h + 6), load_be64(h + 8),
				    load_be64(h + 16), load_be32(h + 24)};
		if (r.type == NBD_CMD_DISC || !handle_request(c, &r))
			break;
	}
	g_free(c->buf);
}

void nbd_transmit(struct nbd_export *e, int fd)
{
	struct client c = {.e = e, .stream.fd = fd};

	transmit(&c);
}

void nbd_serve(struct nbd_export *e, int fd)
{
	struct client c = {.e = e, .stream.fd = fd};
	int on = 1;

	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	if (negotiate(&c))
		transmit(&c);
	nbd_close_stream(&c.stream);
}
