/* The back ends without a partner: null, ringbuf, file, pipe, and what is not there. */
#include "vm/char-backend.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

/* --- null, and vc until a user interface brings its own --- */

static const struct chardev_ops null_ops = {.send = NULL};

struct error *char_null_open(struct optstr *o, const char *id, struct chardev **chr)
{
	*chr = chardev_alloc(sizeof(struct chardev), &null_ops);
	return NULL;
}

struct error *char_vc_open(struct optstr *o, const char *id, struct chardev **chr)
{
	static const char *const size_keys[] = {"geometry", "width", "height", "cols", "rows"};

	for (unsigned int i = 0; i < G_N_ELEMENTS(size_keys); i++)
		optstr_get(o, size_keys[i]);
	return char_null_open(o, id, chr);
}

struct error *char_braille_open(struct optstr *o, const char *id, struct chardev **chr)
{
	return error_new("this build has no Braille support (it needs BrlAPI)");
}

/* --- ringbuf --- */

struct ringbuf {
	struct chardev chr;
	uint8_t *data;
	size_t size, start, used; /* size is a power of two */
};

static size_t ringbuf_send(struct chardev *chr, const uint8_t *buf, size_t len)
{
	struct ringbuf *ring = (struct ringbuf *)chr;

	for (size_t i = 0; i < len; i++) {
		ring->data[(ring->start + ring->used) & (ring->size - 1)] = buf[i];
		if (ring->used < ring->size)
			ring->used++;
		else
			ring->start++;
	}
	return len;
}

static void ringbuf_close(struct chardev *chr)
{
	g_free(((struct ringbuf *)chr)->data);
}

static const struct chardev_ops ringbuf_ops = {.send = ringbuf_send, .close = ringbuf_close};

size_t chardev_ring_read(struct chardev *chr, void *buf, size_t len)
{
	struct ringbuf *ring = (struct ringbuf *)chr;
	uint8_t *to = buf;
	size_t n = 0;

	if (!chr || chr->ops != &ringbuf_ops)
		return 0;
	for (; n < len && ring->used; n++, ring->start++, ring->used--)
		to[n] = ring->data[ring->start & (ring->size - 1)];
	return n;
}

struct error *char_ringbuf_open(struct optstr *o, const char *id, struct chardev **chr)
{
	uint64_t size = 65536;
	struct error *err = optstr_size(o, "size", 1, &size);

	if (err)
		return err;
	if (!size || (size & (size - 1)) || size > 1 << 30)
		return error_new("size: it must be a power of two up to 1G");
	struct ringbuf *ring = chardev_alloc(sizeof(*ring), &ringbuf_ops);
	ring->size = size;
	ring->data = g_malloc(size);
	ring->chr.open = true;
	*chr = &ring->chr;
	return NULL;
}

/* --- file --- */

struct error *char_file_open(struct optstr *o, const char *id, struct chardev **chr)
{
	const char *path;
	bool append = false;
	struct error *err = optstr_require(o, "path", &path);

	if (!err)
		err = optstr_bool(o, "append", &append);
	if (err)
		return err;
	int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC | (append ? O_APPEND : O_TRUNC), 0666);
	if (fd < 0)
		return error_errno(errno, "cannot write \"%s\"", path);
	*chr = chardev_alloc(sizeof(struct chardev), &chardev_fd_ops);
	chardev_describe(*chr, "file:%s", path);
	chardev_fd_start(*chr, -1, fd);
	return NULL;
}

/* --- pipe --- */

static int open_suffixed(const char *path, const char *suffix)
{
	char *name = g_strconcat(path, suffix, NULL);
	/* For both ways, so that it opens before the other side does and never ends. */
	int fd = open(name, O_RDWR | O_NONBLOCK | O_CLOEXEC);

	g_free(name);
	return fd;
}

struct error *char_pipe_open(struct optstr *o, const char *id, struct chardev **chr)
{
	const char *path;
	struct error *err = optstr_require(o, "path", &path);

	if (err)
		return err;
	int in = open_suffixed(path, ".in"), out = open_suffixed(path, ".out");
	if (in < 0 || out < 0) {
		if (in >= 0)
			close(in);
		if (out >= 0)
			close(out);
		in = out = open_suffixed(path, "");
	}
	if (in < 0)
		return error_errno(errno,
				   "cannot open pipe \"%s\" (mkfifo %s, or %s.in and %s.out)", path,
				   path, path, path);
	*chr = chardev_alloc(sizeof(struct chardev), &chardev_fd_ops);
	chardev_describe(*chr, "pipe:%s", path);
	chardev_fd_start(*chr, in, out);
	return NULL;
}
