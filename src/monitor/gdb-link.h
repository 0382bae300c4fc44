/*
 * Frames of gdb's remote protocol: $data#checksum, acknowledgements, escapes. A link is opaque to
 * the commands behind it.
 */
#ifndef MONITOR_GDB_LINK_H
#define MONITOR_GDB_LINK_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#define GDB_PACKET_MAX 16384

struct gdb_link;

struct gdb_link_handlers {
	/* A packet without its frame and escapes; a NUL follows it. */
	void (*packet)(void *opaque, const char *data, size_t len);
	void (*interrupt)(void *opaque); /* the client's Ctrl-C */
	void (*write)(void *opaque, const void *data, size_t len);
};

struct gdb_link *gdb_link_new(const struct gdb_link_handlers *handlers, void *opaque);
void gdb_link_free(struct gdb_link *link);
/* A new client: acknowledgements are on again, half a packet is forgotten. */
void gdb_link_reset(struct gdb_link *link);
/* Bytes from the client. */
void gdb_link_receive(struct gdb_link *link, const uint8_t *data, size_t len);
/* Sends a packet; binary data is escaped. */
void gdb_link_send(struct gdb_link *link, const void *data, size_t len);
void gdb_link_send_text(struct gdb_link *link, const char *text);
/* QStartNoAckMode, after its reply is sent. */
void gdb_link_stop_acknowledging(struct gdb_link *link);

/* Hexadecimal, lower case. */
void gdb_append_hex(GString *out, const void *data, size_t len);
/* Reads up to `max` bytes; returns how many, stops at what is no pair of digits. */
size_t gdb_parse_hex(const char *text, uint8_t *data, size_t max);

#endif
