/*
 * What a character back end is made of; for the files char-*.c and for layers above that bring
 * their own (the text consoles of the user interface are "vc").
 *
 * A back end embeds `struct chardev` first and is made with chardev_alloc(). Bytes from outside go
 * to chardev_input(), which keeps what the front end does not take yet; bytes to the outside are
 * queued by the core and leave through ops->send. Machine lock held throughout.
 */
#ifndef VM_CHAR_BACKEND_H
#define VM_CHAR_BACKEND_H

#include "base/optstr.h"
#include "vm/chardev.h"

#include <glib.h>
#include <sys/types.h>

/* Output that may wait for the host, and input that may wait for the front end. */
#define CHARDEV_OUT_MAX 65536
#define CHARDEV_IN_MAX	4096

struct chardev_ops {
	/* Sends from a buffer; how many bytes went, 0: it would block and chardev_flush() will be
	 * called later. Bytes that nobody can have any more count as sent. NULL: all vanish. */
	size_t (*send)(struct chardev *chr, const uint8_t *buf, size_t len);
	/* Appends bytes to the output queue in the form of the wire; NULL: as they are. */
	void (*encode)(struct chardev *chr, const uint8_t *buf, size_t len, GByteArray *out);
	/* The input buffer has room again; may be NULL. */
	void (*resume)(struct chardev *chr);
	int (*control)(struct chardev *chr, enum chardev_control what, void *arg);
	void (*close)(struct chardev *chr); /* frees all but the struct itself; may be NULL */
	/* Only muxes have several front ends and take over attaching. */
	void (*attach)(struct chardev *chr, const struct chardev_handlers *handlers, void *opaque);
	void (*accept_input)(struct chardev *chr);
};

struct chardev {
	const struct chardev_ops *ops;
	char *id, *description; /* owned */
	const struct chardev_handlers *handlers;
	void *opaque;
	bool open;	   /* somebody is at the other end */
	bool close_wanted; /* CHR_EVENT_CLOSED comes when the input is used up */
	bool delivering, short_write;
	GByteArray *in, *out;
	/* for back ends on file descriptors (char-fd.c) */
	int in_fd, out_fd;
	unsigned int in_watch, out_watch;
	bool polite; /* out_fd is shared and may block: ask poll() first */
	void (*fd_input)(struct chardev *chr, const uint8_t *buf, size_t len);
	void (*fd_hangup)(struct chardev *chr);
	struct chardev *next;
};

struct chardev_backend {
	const char *name, *help;
	/* Makes one; `id` is for messages. Keys that it does not ask for are refused later. */
	struct error *(*open)(struct optstr *o, const char *id, struct chardev **chr);
	struct chardev_backend *next;
};

/* Offers a back end; a later one of the same name wins. `backend` is borrowed for good. */
void chardev_backend_register(struct chardev_backend *backend);

void *chardev_alloc(size_t size, const struct chardev_ops *ops);
void chardev_describe(struct chardev *chr, const char *format, ...) PRINTF(2, 3);
/* Joins it to the list under `id` (NULL: "charN"). */
void chardev_register(struct chardev *chr, const char *id);
void chardev_free(struct chardev *chr); /* one that was never registered */

/* Bytes for the front end. The caller looks at chardev_input_room() first. */
void chardev_input(struct chardev *chr, const uint8_t *buf, size_t len);
size_t chardev_input_room(const struct chardev *chr);
void chardev_event(struct chardev *chr, enum chardev_event event);
/* Somebody came or went: events for the front end. */
void chardev_opened(struct chardev *chr);
void chardev_closed(struct chardev *chr);
/* Tries to send what is queued. */
void chardev_flush(struct chardev *chr);

/* --- char-fd.c: back ends whose bytes come and go through file descriptors --- */

/* Starts watching in_fd, and uses fd_send() for out_fd; either may be -1, or both the same. */
void chardev_fd_start(struct chardev *chr, int in_fd, int out_fd);
/* Stops watching and closes them. */
void chardev_fd_stop(struct chardev *chr);
size_t chardev_fd_send(struct chardev *chr, const uint8_t *buf, size_t len);
void chardev_fd_resume(struct chardev *chr);
void chardev_fd_close(struct chardev *chr);
extern const struct chardev_ops chardev_fd_ops;

/* --- the back ends of this layer --- */
struct chardev *chardev_mux_new(struct chardev *base);
struct error *char_null_open(struct optstr *o, const char *id, struct chardev **chr);
struct error *char_vc_open(struct optstr *o, const char *id, struct chardev **chr);
struct error *char_ringbuf_open(struct optstr *o, const char *id, struct chardev **chr);
struct error *char_file_open(struct optstr *o, const char *id, struct chardev **chr);
struct error *char_pipe_open(struct optstr *o, const char *id, struct chardev **chr);
struct error *char_stdio_open(struct optstr *o, const char *id, struct chardev **chr);
struct error *char_pty_open(struct optstr *o, const char *id, struct chardev **chr);
struct error *char_serial_open(struct optstr *o, const char *id, struct chardev **chr);
struct error *char_parport_open(struct optstr *o, const char *id, struct chardev **chr);
struct error *char_socket_open(struct optstr *o, const char *id, struct chardev **chr);
struct error *char_udp_open(struct optstr *o, const char *id, struct chardev **chr);
struct error *char_msmouse_open(struct optstr *o, const char *id, struct chardev **chr);
struct error *char_braille_open(struct optstr *o, const char *id, struct chardev **chr);
void char_mux_focus(struct chardev *chr, void *opaque);

#endif
