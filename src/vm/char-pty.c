/*
 * A pseudo terminal. Nobody may have its other end open: what the guest writes then is lost, as on
 * a serial port without a cable. The host does not tell when somebody opens it, so we look.
 */
#include "vm/char-backend.h"

#include "vm/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <termios.h>
#include <unistd.h>

#define LOOK_NS NS_PER_S

struct pty {
	struct chardev chr;
	int fd;
	struct timer look;
};

static bool other_end_open(const struct pty *pty)
{
	struct pollfd p = {.fd = pty->fd, .events = POLLIN | POLLOUT};

	return poll(&p, 1, 0) >= 0 && !(p.revents & POLLHUP);
}

static void pty_look(void *opaque)
{
	struct pty *pty = opaque;

	if (!pty->chr.open && other_end_open(pty)) {
		chardev_opened(&pty->chr);
		chardev_fd_resume(&pty->chr);
	}
	/* While it is open the fd itself says when it is closed. */
	if (!pty->chr.open)
		timer_set(&pty->look, clock_now(CLOCK_REALTIME_HOST) + LOOK_NS);
}

static void pty_hangup(struct chardev *chr)
{
	struct pty *pty = (struct pty *)chr;

	chardev_closed(chr);
	timer_set(&pty->look, clock_now(CLOCK_REALTIME_HOST) + LOOK_NS);
}

static size_t pty_send(struct chardev *chr, const uint8_t *buf, size_t len)
{
	if (!chr->open)
		pty_look(chr);
	return chr->open ? chardev_fd_send(chr, buf, len) : len;
}

static void pty_close(struct chardev *chr)
{
	timer_cancel(&((struct pty *)chr)->look);
	chardev_fd_close(chr);
}

static const struct chardev_ops pty_ops = {
	.send = pty_send,
	.resume = chardev_fd_resume,
	.close = pty_close,
};

/* The other end starts raw, and is opened once so that the host knows it as closed. */
static void slave_prepare(const char *name)
{
	struct termios t;
	int fd = open(name, O_RDWR | O_NOCTTY | O_CLOEXEC);

	if (fd < 0)
		return;
	if (tcgetattr(fd, &t) == 0) {
		cfmakeraw(&t);
		tcsetattr(fd, TCSANOW, &t);
	}
	close(fd);
}

struct error *char_pty_open(struct optstr *o, const char *id, struct chardev **chr)
{
	char name[64];
	int fd = posix_openpt(O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);

	if (fd < 0 || grantpt(fd) != 0 || unlockpt(fd) != 0 || ptsname_r(fd, name, sizeof(name))) {
		int code = errno;
		if (fd >= 0)
			close(fd);
		return error_errno(code, "cannot make a pseudo terminal");
	}
	slave_prepare(name);
	struct pty *pty = chardev_alloc(sizeof(*pty), &pty_ops);
	pty->fd = fd;
	pty->chr.fd_hangup = pty_hangup;
	timer_init(&pty->look, CLOCK_REALTIME_HOST, pty_look, pty);
	chardev_describe(&pty->chr, "pty:%s", name);
	chardev_fd_start(&pty->chr, fd, fd);
	/* Programs read the name from here. */
	printf("char device redirected to %s (label %s)\n", name, id ? id : "none");
	fflush(stdout);
	*chr = &pty->chr;
	return NULL;
}
