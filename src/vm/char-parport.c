/* The host's parallel ports through ppdev (Linux, Documentation/admin-guide/parport). */
#include "vm/char-backend.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/parport.h>
#include <linux/ppdev.h>
#include <sys/ioctl.h>
#include <unistd.h>

/* The control register's direction bit; ppdev has an ioctl of its own for it. */
#define CONTROL_DIRECTION 0x20

static int pp_ioctl(int fd, unsigned long request, void *arg)
{
	return ioctl(fd, request, arg) < 0 ? -errno : 0;
}

static int write_control(int fd, uint8_t *value)
{
	int reverse = (*value & CONTROL_DIRECTION) != 0;
	uint8_t lines = *value & 0x0f;
	int err = pp_ioctl(fd, PPDATADIR, &reverse);

	return err ? err : pp_ioctl(fd, PPWCONTROL, &lines);
}

static int parport_control(struct chardev *chr, enum chardev_control what, void *arg)
{
	switch (what) {
	case CHR_PP_READ_DATA: return pp_ioctl(chr->out_fd, PPRDATA, arg);
	case CHR_PP_WRITE_DATA: return pp_ioctl(chr->out_fd, PPWDATA, arg);
	case CHR_PP_READ_STATUS: return pp_ioctl(chr->out_fd, PPRSTATUS, arg);
	case CHR_PP_READ_CONTROL: return pp_ioctl(chr->out_fd, PPRCONTROL, arg);
	case CHR_PP_WRITE_CONTROL: return write_control(chr->out_fd, arg);
	default: return -ENOTSUP;
	}
}

static void parport_close(struct chardev *chr)
{
	ioctl(chr->out_fd, PPRELEASE);
	chardev_fd_stop(chr);
}

static const struct chardev_ops parport_ops = {
	.send = NULL,
	.control = parport_control,
	.close = parport_close,
};

struct error *char_parport_open(struct optstr *o, const char *id, struct chardev **chr)
{
	const char *path;
	struct error *err = optstr_require(o, "path", &path);

	if (err)
		return err;
	int fd = open(path, O_RDWR | O_CLOEXEC);
	if (fd < 0)
		return error_errno(errno, "cannot open parallel port \"%s\"", path);
	if (ioctl(fd, PPCLAIM) < 0) {
		int code = errno;
		close(fd);
		return error_errno(code, "cannot claim parallel port \"%s\"", path);
	}
	*chr = chardev_alloc(sizeof(struct chardev), &parport_ops);
	chardev_describe(*chr, "%s", path);
	chardev_fd_start(*chr, -1, fd);
	return NULL;
}
