/*
 * Back ends on file descriptors. Input is watched as long as its buffer has room, output only
 * while something is queued.
 */
#include "vm/char-backend.h"

#include "base/loop.h"

#include <errno.h>
#include <poll.h>
#include <unistd.h>

/* What a terminal or pipe that says POLLOUT takes without blocking. */
#define POLITE_BYTES 256

static void in_unwatch(struct chardev *chr)
{
	loop_unwatch(chr->in_watch);
	chr->in_watch = 0;
}

static void hangup(struct chardev *chr)
{
	in_unwatch(chr);
	if (chr->fd_hangup)
		chr->fd_hangup(chr);
	else
		chardev_closed(chr);
}

static void in_ready(void *opaque, GIOCondition condition)
{
	struct chardev *chr = opaque;
	uint8_t buf[CHARDEV_IN_MAX];
	size_t room = chardev_input_room(chr);

	if (!room) {
		in_unwatch(chr);
		return;
	}
	ssize_t n = read(chr->in_fd, buf, MIN(room, sizeof(buf)));
	if (n < 0 && (errno == EAGAIN || errno == EINTR || errno == ECONNREFUSED))
		return;
	if (n <= 0)
		hangup(chr);
	else if (chr->fd_input)
		chr->fd_input(chr, buf, (size_t)n);
	else
		chardev_input(chr, buf, (size_t)n);
}

void chardev_fd_resume(struct chardev *chr)
{
	if (chr->in_fd >= 0 && !chr->in_watch && chr->open)
		chr->in_watch =
			loop_watch_fd(chr->in_fd, G_IO_IN | G_IO_HUP | G_IO_ERR, in_ready, chr);
}

static void out_unwatch(struct chardev *chr)
{
	loop_unwatch(chr->out_watch);
	chr->out_watch = 0;
}

static void out_ready(void *opaque, GIOCondition condition)
{
	struct chardev *chr = opaque;

	chardev_flush(chr);
	if (!chr->out->len)
		out_unwatch(chr);
}

static bool out_waits(const struct chardev *chr)
{
	struct pollfd p = {.fd = chr->out_fd, .events = POLLOUT};

	return poll(&p, 1, 0) == 0;
}

size_t chardev_fd_send(struct chardev *chr, const uint8_t *buf, size_t len)
{
	if (chr->out_fd < 0)
		return len;
	ssize_t n;
	if (chr->polite && out_waits(chr)) {
		n = -1;
		errno = EAGAIN;
	} else {
		n = write(chr->out_fd, buf, chr->polite ? MIN(len, POLITE_BYTES) : len);
	}
	if (n >= 0)
		return (size_t)n;
	if (errno == EAGAIN || errno == EINTR) {
		if (!chr->out_watch)
			chr->out_watch = loop_watch_fd(chr->out_fd, G_IO_OUT, out_ready, chr);
		return 0;
	}
	/* The other end is gone; the reading side will notice. */
	return len;
}

void chardev_fd_start(struct chardev *chr, int in_fd, int out_fd)
{
	chr->in_fd = in_fd;
	chr->out_fd = out_fd;
	chr->open = true;
	chardev_fd_resume(chr);
}

void chardev_fd_stop(struct chardev *chr)
{
	in_unwatch(chr);
	out_unwatch(chr);
	if (chr->out_fd > STDERR_FILENO && chr->out_fd != chr->in_fd)
		close(chr->out_fd);
	if (chr->in_fd > STDERR_FILENO)
		close(chr->in_fd);
	chr->in_fd = chr->out_fd = -1;
	/* What could not be sent is for nobody now. */
	g_byte_array_set_size(chr->out, 0);
}

void chardev_fd_close(struct chardev *chr)
{
	if (chr->out->len && chr->out_fd >= 0)
		chr->ops->send(chr, chr->out->data, chr->out->len);
	chardev_fd_stop(chr);
}

const struct chardev_ops chardev_fd_ops = {
	.send = chardev_fd_send,
	.resume = chardev_fd_resume,
	.close = chardev_fd_close,
};
