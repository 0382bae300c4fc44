/*
 * The Network Block Device protocol (doc/proto.md of the NBD project): numbers, and the server of
 * one client connection. The client is the "nbd" protocol driver (nbd-client.c).
 */
#ifndef STORAGE_NBD_H
#define STORAGE_NBD_H

#include "base/tls.h"
#include "storage/image.h"

#define NBD_INIT_MAGIC	     UINT64_C(0x4e42444d41474943) /* "NBDMAGIC" */
#define NBD_OPTION_MAGIC     UINT64_C(0x49484156454f5054) /* "IHAVEOPT" */
#define NBD_OLDSTYLE_MAGIC   UINT64_C(0x00420281861253)
#define NBD_REPLY_OPT_MAGIC  UINT64_C(0x3e889045565a9)
#define NBD_REQUEST_MAGIC    0x25609513u
#define NBD_SIMPLE_MAGIC     0x67446698u
#define NBD_STRUCTURED_MAGIC 0x668e33efu
#define NBD_MAX_REQUEST	     (32u << 20)
#define NBD_MAX_NAME	     4096u

enum { NBD_FIXED_NEWSTYLE = 1, NBD_NO_ZEROES = 2 };

enum nbd_option {
	NBD_OPT_EXPORT_NAME = 1,
	NBD_OPT_ABORT = 2,
	NBD_OPT_LIST = 3,
	NBD_OPT_STARTTLS = 5,
	NBD_OPT_INFO = 6,
	NBD_OPT_GO = 7,
	NBD_OPT_STRUCTURED_REPLY = 8,
	NBD_OPT_LIST_META_CONTEXT = 9,
	NBD_OPT_SET_META_CONTEXT = 10,
};

#define NBD_REP_ERROR(n) (UINT32_C(1) << 31 | (n))
enum {
	NBD_REP_ACK = 1,
	NBD_REP_SERVER = 2,
	NBD_REP_INFO = 3,
	NBD_REP_META_CONTEXT = 4,
};
#define NBD_REP_ERR_UNSUP    NBD_REP_ERROR(1)
#define NBD_REP_ERR_POLICY   NBD_REP_ERROR(2)
#define NBD_REP_ERR_INVALID  NBD_REP_ERROR(3)
#define NBD_REP_ERR_TLS_REQD NBD_REP_ERROR(5)
#define NBD_REP_ERR_UNKNOWN  NBD_REP_ERROR(6)
#define NBD_REP_ERR_TOO_BIG  NBD_REP_ERROR(9)

enum { NBD_INFO_EXPORT = 0, NBD_INFO_NAME = 1, NBD_INFO_DESCRIPTION = 2, NBD_INFO_BLOCK_SIZE = 3 };

enum nbd_flags {
	NBD_FLAG_HAS_FLAGS = 1 << 0,
	NBD_FLAG_READ_ONLY = 1 << 1,
	NBD_FLAG_SEND_FLUSH = 1 << 2,
	NBD_FLAG_SEND_FUA = 1 << 3,
	NBD_FLAG_SEND_TRIM = 1 << 5,
	NBD_FLAG_SEND_WRITE_ZEROES = 1 << 6,
	NBD_FLAG_SEND_DF = 1 << 7,
	NBD_FLAG_CAN_MULTI_CONN = 1 << 8,
	NBD_FLAG_SEND_CACHE = 1 << 10,
	NBD_FLAG_SEND_FAST_ZERO = 1 << 11,
};

enum nbd_command {
	NBD_CMD_READ = 0,
	NBD_CMD_WRITE = 1,
	NBD_CMD_DISC = 2,
	NBD_CMD_FLUSH = 3,
	NBD_CMD_TRIM = 4,
	NBD_CMD_CACHE = 5,
	NBD_CMD_WRITE_ZEROES = 6,
	NBD_CMD_BLOCK_STATUS = 7,
};

enum {
	NBD_CMD_FUA = 1 << 0,
	NBD_CMD_NO_HOLE = 1 << 1,
	NBD_CMD_DF = 1 << 2,
	NBD_CMD_REQ_ONE = 1 << 3,
	NBD_CMD_FAST_ZERO = 1 << 4,
};

enum {
	NBD_CHUNK_NONE = 0,
	NBD_CHUNK_OFFSET_DATA = 1,
	NBD_CHUNK_OFFSET_HOLE = 2,
	NBD_CHUNK_BLOCK_STATUS = 5,
	NBD_CHUNK_ERROR = 0x8001,
	NBD_CHUNK_ERROR_OFFSET = 0x8002,
};
enum { NBD_CHUNK_DONE = 1 };
enum { NBD_STATE_HOLE = 1, NBD_STATE_ZERO = 2 };

/* A connection, encrypted or not (nbd-stream.c). */
struct nbd_stream {
	int fd;
	struct tls_session *tls; /* NULL: plain */
};

/* All of `len` bytes, or false at the end of the connection or on an error. */
bool nbd_recv(struct nbd_stream *s, void *buf, size_t len);
bool nbd_send(struct nbd_stream *s, const void *buf, size_t len);
/* Two parts, in one packet where they fit. */
bool nbd_send_two(struct nbd_stream *s, const void *head, size_t head_len, const void *data,
		  size_t len);
/* Reads bytes that nobody wants. */
bool nbd_skip(struct nbd_stream *s, uint64_t len);
void nbd_close_stream(struct nbd_stream *s);

/* What a server offers; shared by its clients. */
struct nbd_export {
	struct image *image;
	GMutex mutex;			/* of the image: one client at a time */
	const char *name, *description; /* "" is the default name */
	uint64_t offset, size;		/* the part of the image that is shown */
	const struct tls_creds *tls;	/* NULL: no encryption; else nothing is served without */
	bool readonly, shared;
	bool write_through; /* each change is flushed */
};

/* Negotiates with a client and serves it until it leaves. Takes `fd`. Any thread. */
void nbd_serve(struct nbd_export *e, int fd);
/* Only the transmission phase: for the kernel's client. */
void nbd_transmit(struct nbd_export *e, int fd);
uint16_t nbd_export_flags(const struct nbd_export *e);

#endif
