/* The host's serial ports (termios(3), tty_ioctl(4)): the guest's line settings become the port's.
 */
#include "vm/char-backend.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

static const struct {
	unsigned int baud;
	speed_t speed;
} speeds[] = {
	{50, B50},	 {75, B75},	    {110, B110},       {134, B134},	{150, B150},
	{200, B200},	 {300, B300},	    {600, B600},       {1200, B1200},	{1800, B1800},
	{2400, B2400},	 {4800, B4800},	    {9600, B9600},     {19200, B19200}, {38400, B38400},
	{57600, B57600}, {115200, B115200}, {230400, B230400},
};

/* The first that is not slower; UARTs divide, so guests ask for 115074 and mean 115200. */
static speed_t speed_for(unsigned int baud)
{
	for (unsigned int i = 0; i < G_N_ELEMENTS(speeds); i++)
		if (speeds[i].baud + speeds[i].baud / 50 >= baud)
			return speeds[i].speed;
	return B115200;
}

static tcflag_t size_flag(unsigned int bits)
{
	switch (bits) {
	case 5: return CS5;
	case 6: return CS6;
	case 7: return CS7;
	default: return CS8;
	}
}

static int set_params(int fd, const struct chardev_serial_params *p)
{
	struct termios t;

	if (tcgetattr(fd, &t) != 0)
		return -errno;
	cfmakeraw(&t);
	t.c_iflag |= IGNBRK;
	t.c_cflag &= ~(tcflag_t)(CSIZE | PARENB | PARODD | CSTOPB | CRTSCTS);
	t.c_cflag |= size_flag(p->data_bits) | CREAD | CLOCAL;
	if (p->parity != 'N')
		t.c_cflag |= PARENB;
	if (p->parity == 'O')
		t.c_cflag |= PARODD;
	if (p->stop_bits == 2)
		t.c_cflag |= CSTOPB;
	cfsetispeed(&t, speed_for(p->speed));
	cfsetospeed(&t, speed_for(p->speed));
	return tcsetattr(fd, TCSANOW, &t) == 0 ? 0 : -errno;
}

static int set_modem_lines(int fd, int wanted)
{
	int lines;

	if (ioctl(fd, TIOCMGET, &lines) != 0)
		return -errno;
	lines &= ~(TIOCM_RTS | TIOCM_DTR);
	lines |= wanted & (TIOCM_RTS | TIOCM_DTR);
	return ioctl(fd, TIOCMSET, &lines) == 0 ? 0 : -errno;
}

static int serial_control(struct chardev *chr, enum chardev_control what, void *arg)
{
	switch (what) {
	case CHR_SERIAL_SET_PARAMS: return set_params(chr->in_fd, arg);
	case CHR_SERIAL_SET_BREAK:
		return ioctl(chr->in_fd, *(const int *)arg ? TIOCSBRK : TIOCCBRK) == 0 ? 0 : -errno;
	case CHR_SERIAL_GET_TIOCM: return ioctl(chr->in_fd, TIOCMGET, arg) == 0 ? 0 : -errno;
	case CHR_SERIAL_SET_TIOCM: return set_modem_lines(chr->in_fd, *(const int *)arg);
	default: return -ENOTSUP;
	}
}

static const struct chardev_ops serial_ops = {
	.send = chardev_fd_send,
	.resume = chardev_fd_resume,
	.control = serial_control,
	.close = chardev_fd_close,
};

struct error *char_serial_open(struct optstr *o, const char *id, struct chardev **chr)
{
	const struct chardev_serial_params start = {115200, 8, 1, 'N'};
	const char *path;
	struct error *err = optstr_require(o, "path", &path);

	if (err)
		return err;
	int fd = open(path, O_RDWR | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (fd < 0)
		return error_errno(errno, "cannot open serial port \"%s\"", path);
	if (!isatty(fd)) {
		close(fd);
		return error_new("\"%s\" is not a serial port; file:, pipe: and unix: take other "
				 "kinds of files",
				 path);
	}
	set_params(fd, &start);
	*chr = chardev_alloc(sizeof(struct chardev), &serial_ops);
	chardev_describe(*chr, "%s", path);
	chardev_fd_start(*chr, fd, fd);
	return NULL;
}
