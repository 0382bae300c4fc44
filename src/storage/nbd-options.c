/* See nbd-options.h. Source: doc/proto.md of the NBD project, "Option types". */
#include "storage/nbd-options.h"

#include "base/bytes.h"
#include "storage/nbd-address.h"

#include <string.h>

/* A server that describes more exports is not believed. */
#define MAX_EXPORTS 10000u

bool nbd_send_option(struct nbd_stream *s, uint32_t option, const void *data, uint32_t len)
{
	uint8_t h[16];

	store_be64(h, NBD_OPTION_MAGIC);
	store_be32(h + 8, option);
	store_be32(h + 12, len);
	return nbd_send_two(s, h, sizeof(h), data, len);
}

struct error *nbd_recv_reply(struct nbd_stream *s, uint32_t option, uint32_t *type, uint8_t **data,
			     uint32_t *len)
{
	uint8_t h[20];

	*data = NULL;
	if (!nbd_recv(s, h, sizeof(h)))
		return error_new("nbd: the server closed the connection");
	*type = load_be32(h + 12);
	*len = load_be32(h + 16);
	if (load_be64(h) != NBD_REPLY_OPT_MAGIC || load_be32(h + 8) != option || *len > 65536)
		return error_new("nbd: the server's answer makes no sense");
	*data = g_malloc(*len + 1);
	(*data)[*len] = 0;
	if (nbd_recv(s, *data, *len))
		return NULL;
	g_free(*data);
	*data = NULL;
	return error_new("nbd: the server closed the connection");
}

struct error *nbd_start_tls(struct nbd_stream *s, const struct tls_creds *creds,
			    const char *hostname)
{
	uint32_t type, len;
	uint8_t *data;

	if (!nbd_send_option(s, NBD_OPT_STARTTLS, NULL, 0))
		return error_new("nbd: the server closed the connection");
	struct error *err = nbd_recv_reply(s, NBD_OPT_STARTTLS, &type, &data, &len);
	g_free(data);
	if (!err && type != NBD_REP_ACK)
		err = error_new("nbd: the server has no TLS");
	return err ? err : tls_session_new(creds, s->fd, hostname, &s->tls);
}

/* --- the list of exports --- */

static struct error *closed(void)
{
	return error_new("nbd: the server closed the connection");
}

static void listed_free(void *opaque)
{
	struct nbd_listed *e = opaque;

	g_free(e->name);
	g_free(e->description);
	g_ptr_array_free(e->contexts, TRUE);
	g_free(e);
}

static struct nbd_listed *add_export(GPtrArray *list, char *name, char *description)
{
	struct nbd_listed *e = g_new0(struct nbd_listed, 1);

	e->name = name;
	e->description = description && *description ? description : NULL;
	if (!e->description)
		g_free(description);
	e->contexts = g_ptr_array_new_with_free_func(g_free);
	g_ptr_array_add(list, e);
	return e;
}

/* NBD_REP_SERVER: length of the name, the name, and for people what is left. */
static struct error *listed(GPtrArray *list, const uint8_t *data, uint32_t len)
{
	uint32_t n = len >= 4 ? load_be32(data) : UINT32_MAX;

	if (len < 4 || n > len - 4 || n > NBD_MAX_NAME || list->len == MAX_EXPORTS)
		return error_new("nbd: the server's answer makes no sense");
	add_export(list, g_strndup((const char *)data + 4, n),
		   g_strndup((const char *)data + 4 + n, len - 4 - n));
	return NULL;
}

static struct error *ask_names(struct nbd_stream *s, GPtrArray *list)
{
	uint32_t type, len;
	uint8_t *data;

	if (!nbd_send_option(s, NBD_OPT_LIST, NULL, 0))
		return closed();
	do {
		struct error *err = nbd_recv_reply(s, NBD_OPT_LIST, &type, &data, &len);
		if (!err && type == NBD_REP_SERVER)
			err = listed(list, data, len);
		else if (!err && type == NBD_REP_ERR_TLS_REQD)
			err = error_new("nbd: the server wants TLS: give --tls-creds=ID");
		else if (!err && type != NBD_REP_ACK)
			err = error_new("nbd: the server does not list its exports");
		g_free(data);
		if (err)
			return err;
	} while (type != NBD_REP_ACK);
	return NULL;
}

static void read_info(struct nbd_listed *e, const uint8_t *data, uint32_t len)
{
	if (len < 2)
		return;
	switch (load_be16(data)) {
	case NBD_INFO_EXPORT:
		e->known = len >= 12;
		if (e->known) {
			e->size = load_be64(data + 2);
			e->flags = load_be16(data + 10);
		}
		break;
	case NBD_INFO_DESCRIPTION:
		g_free(e->description);
		e->description = g_strndup((const char *)data + 2, len - 2);
		break;
	case NBD_INFO_BLOCK_SIZE:
		if (len >= 14) {
			e->min_block = load_be32(data + 2);
			e->opt_block = load_be32(data + 6);
			e->max_block = load_be32(data + 10);
		}
		break;
	default: break;
	}
}

/* Size, flags and block sizes; what the server does not tell stays unknown. */
static struct error *ask_info(struct nbd_stream *s, struct nbd_listed *e)
{
	static const uint16_t wanted[] = {NBD_INFO_DESCRIPTION, NBD_INFO_BLOCK_SIZE};
	uint32_t n = (uint32_t)strlen(e->name), type, len;
	uint8_t *data = g_malloc(4 + n + 2 + sizeof(wanted));

	store_be32(data, n);
	memcpy(data + 4, e->name, n);
	store_be16(data + 4 + n, G_N_ELEMENTS(wanted));
	for (unsigned int i = 0; i < G_N_ELEMENTS(wanted); i++)
		store_be16(data + 6 + n + 2 * i, wanted[i]);
	bool ok = nbd_send_option(s, NBD_OPT_INFO, data, 6 + n + (uint32_t)sizeof(wanted));
	g_free(data);
	if (!ok)
		return closed();
	do {
		struct error *err = nbd_recv_reply(s, NBD_OPT_INFO, &type, &data, &len);
		if (err)
			return err;
		if (type == NBD_REP_INFO)
			read_info(e, data, len);
		g_free(data);
	} while (type == NBD_REP_INFO);
	return NULL;
}

static struct error *ask_contexts(struct nbd_stream *s, struct nbd_listed *e)
{
	uint32_t n = (uint32_t)strlen(e->name), type, len;
	uint8_t *data = g_malloc0(8 + n);

	store_be32(data, n);
	memcpy(data + 4, e->name, n);
	bool ok = nbd_send_option(s, NBD_OPT_LIST_META_CONTEXT, data, 8 + n);
	g_free(data);
	if (!ok)
		return closed();
	do {
		struct error *err =
			nbd_recv_reply(s, NBD_OPT_LIST_META_CONTEXT, &type, &data, &len);
		if (err)
			return err;
		if (type == NBD_REP_META_CONTEXT && len > 4 && e->contexts->len < MAX_EXPORTS)
			g_ptr_array_add(e->contexts, g_strndup((char *)data + 4, len - 4));
		g_free(data);
	} while (type == NBD_REP_META_CONTEXT);
	return NULL;
}

/* Contexts are told only to those who can take structured replies. */
static struct error *ask_all(struct nbd_stream *s, GPtrArray *list)
{
	uint32_t type, len;
	uint8_t *data;
	struct error *err = ask_names(s, list);

	if (err)
		return err;
	if (!nbd_send_option(s, NBD_OPT_STRUCTURED_REPLY, NULL, 0))
		return closed();
	err = nbd_recv_reply(s, NBD_OPT_STRUCTURED_REPLY, &type, &data, &len);
	g_free(data);
	for (unsigned int i = 0; i < list->len && !err; i++) {
		struct nbd_listed *e = g_ptr_array_index(list, i);
		err = ask_info(s, e);
		if (!err && type == NBD_REP_ACK)
			err = ask_contexts(s, e);
	}
	if (!err) /* a courtesy: who closes at once is no error */
		nbd_send_option(s, NBD_OPT_ABORT, NULL, 0);
	return err;
}

/* Servers of the old style have one export, without a name. */
static struct error *list_old(struct nbd_stream *s, GPtrArray *list)
{
	uint8_t h[136];

	if (!nbd_recv(s, h, sizeof(h)))
		return closed();
	struct nbd_listed *e = add_export(list, g_strdup(""), NULL);
	e->known = true;
	e->size = load_be64(h);
	e->flags = (uint16_t)load_be32(h + 8);
	return NULL;
}

static struct error *greet(struct nbd_stream *s, const struct nbd_address *a,
			   const struct tls_creds *creds, GPtrArray *list)
{
	uint8_t h[16], be[4];

	if (!nbd_recv(s, h, sizeof(h)))
		return closed();
	if (load_be64(h) != NBD_INIT_MAGIC)
		return error_new("this is no NBD server");
	if (load_be64(h + 8) == NBD_OLDSTYLE_MAGIC && !creds)
		return list_old(s, list);
	if (load_be64(h + 8) != NBD_OPTION_MAGIC)
		return error_new(creds ? "nbd: the server has no TLS" : "this is no NBD server");
	if (!nbd_recv(s, be, 2))
		return closed();
	uint16_t flags = load_be16(be);
	if (!(flags & NBD_FIXED_NEWSTYLE))
		return error_new("nbd: the server does not list its exports");
	store_be32(be, flags & (NBD_FIXED_NEWSTYLE | NBD_NO_ZEROES));
	if (!nbd_send(s, be, 4))
		return closed();
	struct error *err =
		creds ? nbd_start_tls(s, creds, a->hostname ? a->hostname : a->host) : NULL;
	return err ? err : ask_all(s, list);
}

struct error *nbd_list(const struct nbd_address *a, const struct tls_creds *creds,
		       GPtrArray **exports)
{
	struct nbd_stream s = {.fd = -1};
	struct error *err = nbd_address_connect(a, &s.fd);

	if (err)
		return err;
	*exports = g_ptr_array_new_with_free_func(listed_free);
	err = greet(&s, a, creds, *exports);
	nbd_close_stream(&s);
	if (err)
		g_ptr_array_free(*exports, TRUE);
	return err;
}
