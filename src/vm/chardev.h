/*
 * Character back ends: where a serial port, the monitor or a console finds its bytes.
 *
 * A front end (UART, monitor, gdb stub) attaches with chardev_attach() and gets bytes by receive();
 * it is asked first how many it can take, and calls chardev_accept_input() when it can take more.
 * Writes never block the machine: what the host does not take is queued up to a bound and then
 * reported by chardev_writable(). All calls need the machine lock.
 */
#ifndef VM_CHARDEV_H
#define VM_CHARDEV_H

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

struct chardev;

enum chardev_event {
	CHR_EVENT_OPENED, /* a client is there */
	CHR_EVENT_CLOSED,
	CHR_EVENT_BREAK,  /* serial break seen */
	CHR_EVENT_MUX_IN, /* this front end of a mux got the focus */
	CHR_EVENT_MUX_OUT,
};

struct chardev_handlers {
	unsigned int (*can_receive)(void *opaque); /* bytes it takes now; NULL: 0 */
	void (*receive)(void *opaque, const uint8_t *buf, unsigned int len);
	void (*event)(void *opaque, enum chardev_event event); /* may be NULL */
	/* the back end takes output again after chardev_write() fell short; may be NULL */
	void (*writable)(void *opaque);
};

enum chardev_control {
	CHR_SERIAL_SET_PARAMS, /* struct chardev_serial_params * */
	CHR_SERIAL_SET_BREAK,  /* int * */
	CHR_SERIAL_GET_TIOCM,  /* int *: TIOCM_* bits of <sys/ioctl.h> */
	CHR_SERIAL_SET_TIOCM,
	CHR_PP_READ_DATA,
	CHR_PP_WRITE_DATA,
	CHR_PP_READ_STATUS,
	CHR_PP_READ_CONTROL,
	CHR_PP_WRITE_CONTROL, /* uint8_t * */
};

struct chardev_serial_params {
	unsigned int speed, data_bits, stop_bits;
	char parity; /* 'N', 'E', 'O' */
};

/*
 * Makes a back end from the text of -serial, -parallel, -monitor, -gdb ... ("stdio", "null", "vc",
 * "pty", "none", "file:F", "pipe:F", "tcp:h:p,server,nowait", "telnet:..", "unix:..", "udp:..",
 * "/dev/...", "mon:..."). `id` names it (info chardev, -device chardev=); copied.
 * "none" gives NULL, "chardev:ID" one that -chardev made.
 */
struct error *chardev_open(const char *id, const char *spec, struct chardev **chr) NODISCARD;
/* Makes one from -chardev's "backend,id=..,key=val". */
struct error *chardev_open_options(const char *options) NODISCARD;
struct chardev *chardev_find(const char *id);
void chardev_close(struct chardev *chr);
void chardev_close_all(void); /* restores the terminal */

/*
 * Attaches a front end; NULL handlers detach the one with that opaque. Where a client is there
 * already, CHR_EVENT_OPENED comes at once. A mux ("mon:", mux=on) takes several: all may write, the
 * one with the focus gets the input. The first attached has the focus until Ctrl-a c or
 * chardev_focus() moves it; the others hear CHR_EVENT_OPENED when they first get it.
 */
void chardev_attach(struct chardev *chr, const struct chardev_handlers *handlers, void *opaque);
/* Gives the front end with that opaque the focus of a mux; nothing happens on other back ends. */
void chardev_focus(struct chardev *chr, void *opaque);
/* Whether somebody is at the other end. */
bool chardev_is_open(const struct chardev *chr);
/* Takes what was last written to a "ringbuf"; returns how many bytes, 0 for other back ends. */
size_t chardev_ring_read(struct chardev *chr, void *buf, size_t len);
/* The backends that -chardev knows, as -chardev help shows them. */
void chardev_help(FILE *out);
/* Queues bytes; returns how many were taken (all, unless the peer stalls). NULL chr takes all. */
size_t chardev_write(struct chardev *chr, const void *buf, size_t len);
void chardev_accept_input(struct chardev *chr);
/* 0 or -ENOTSUP. */
int chardev_control(struct chardev *chr, enum chardev_control what, void *arg);
void chardev_printf(struct chardev *chr, const char *format, ...) PRINTF(2, 3);

/* For "info chardev": i-th back end, its id and a description such as "pty:/dev/pts/3". */
struct chardev *chardev_at(unsigned int i);
const char *chardev_id(const struct chardev *chr);
const char *chardev_description(const struct chardev *chr);

/* The escape character of muxes (-echr), default Ctrl-a. */
void chardev_set_escape(uint8_t c);
/* What the mux keys x, s, b and h do besides writing; installed by main(). */
struct chardev_mux_actions {
	void (*quit)(void);
	void (*commit)(void);
};
void chardev_set_mux_actions(const struct chardev_mux_actions *actions);

#endif
