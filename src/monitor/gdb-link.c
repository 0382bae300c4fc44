/* Frames of gdb's remote protocol. */
#include "monitor/gdb-link.h"

#include <string.h>

enum { ESCAPE = '}', ESCAPE_XOR = 0x20, INTERRUPT = 0x03 };

enum link_state { IDLE, IN_PACKET, CHECKSUM_HIGH, CHECKSUM_LOW };

struct gdb_link {
	const struct gdb_link_handlers *handlers;
	void *opaque;
	enum link_state state;
	bool escaped, too_long, acknowledges;
	uint8_t sum, sum_sent;
	size_t len;
	char packet[GDB_PACKET_MAX + 1];
	GByteArray *last; /* sent, in its frame: for a client that asks again */
};

struct gdb_link *gdb_link_new(const struct gdb_link_handlers *handlers, void *opaque)
{
	struct gdb_link *link = g_new0(struct gdb_link, 1);

	link->handlers = handlers;
	link->opaque = opaque;
	link->last = g_byte_array_new();
	gdb_link_reset(link);
	return link;
}

void gdb_link_free(struct gdb_link *link)
{
	g_byte_array_free(link->last, TRUE);
	g_free(link);
}

void gdb_link_reset(struct gdb_link *link)
{
	link->state = IDLE;
	link->acknowledges = true;
	g_byte_array_set_size(link->last, 0);
}

static void link_write(struct gdb_link *link, const void *data, size_t len)
{
	link->handlers->write(link->opaque, data, len);
}

/* --- sending --- */

static void append_escaped(GByteArray *out, uint8_t c)
{
	if (c == '$' || c == '#' || c == ESCAPE || c == '*') {
		uint8_t pair[2] = {ESCAPE, c ^ ESCAPE_XOR};
		g_byte_array_append(out, pair, 2);
	} else {
		g_byte_array_append(out, &c, 1);
	}
}

void gdb_link_send(struct gdb_link *link, const void *data, size_t len)
{
	uint8_t sum = 0;
	char tail[4];

	g_byte_array_set_size(link->last, 0);
	g_byte_array_append(link->last, (const uint8_t *)"$", 1);
	for (size_t i = 0; i < len; i++)
		append_escaped(link->last, ((const uint8_t *)data)[i]);
	for (size_t i = 1; i < link->last->len; i++)
		sum = (uint8_t)(sum + link->last->data[i]);
	g_snprintf(tail, sizeof(tail), "#%02x", sum);
	g_byte_array_append(link->last, (const uint8_t *)tail, 3);
	link_write(link, link->last->data, link->last->len);
}

void gdb_link_send_text(struct gdb_link *link, const char *text)
{
	gdb_link_send(link, text, strlen(text));
}

void gdb_link_stop_acknowledging(struct gdb_link *link)
{
	link->acknowledges = false;
}

/* --- receiving --- */

static void packet_byte(struct gdb_link *link, uint8_t c)
{
	if (c == '#') {
		link->state = CHECKSUM_HIGH;
		return;
	}
	link->sum = (uint8_t)(link->sum + c);
	if (c == ESCAPE && !link->escaped) {
		link->escaped = true;
		return;
	}
	if (link->escaped)
		c ^= ESCAPE_XOR;
	link->escaped = false;
	if (link->len < GDB_PACKET_MAX)
		link->packet[link->len++] = (char)c;
	else
		link->too_long = true;
}

static void packet_done(struct gdb_link *link)
{
	bool good = link->sum == link->sum_sent && !link->too_long;

	link->state = IDLE;
	if (link->acknowledges)
		link_write(link, good ? "+" : "-", 1);
	if (!good && link->acknowledges)
		return;
	link->packet[link->len] = '\0';
	link->handlers->packet(link->opaque, link->packet, link->len);
}

static void idle_byte(struct gdb_link *link, uint8_t c)
{
	if (c == '$') {
		link->state = IN_PACKET;
		link->len = 0;
		link->sum = 0;
		link->escaped = link->too_long = false;
	} else if (c == INTERRUPT) {
		link->handlers->interrupt(link->opaque);
	} else if (c == '-' && link->last->len) {
		link_write(link, link->last->data, link->last->len);
	}
}

static int checksum_digit(struct gdb_link *link, uint8_t c)
{
	int digit = g_ascii_xdigit_value((char)c);

	if (digit < 0)
		link->state = IDLE; /* noise on the line: the client will send it again */
	return digit;
}

void gdb_link_receive(struct gdb_link *link, const uint8_t *data, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		int digit;
		switch (link->state) {
		case IDLE: idle_byte(link, data[i]); break;
		case IN_PACKET: packet_byte(link, data[i]); break;
		case CHECKSUM_HIGH:
			digit = checksum_digit(link, data[i]);
			if (digit >= 0) {
				link->sum_sent = (uint8_t)(digit << 4);
				link->state = CHECKSUM_LOW;
			}
			break;
		case CHECKSUM_LOW:
			digit = checksum_digit(link, data[i]);
			if (digit >= 0) {
				link->sum_sent |= (uint8_t)digit;
				packet_done(link);
			}
			break;
		}
	}
}

/* --- hexadecimal --- */

void gdb_append_hex(GString *out, const void *data, size_t len)
{
	for (size_t i = 0; i < len; i++)
		g_string_append_printf(out, "%02x", ((const uint8_t *)data)[i]);
}

size_t gdb_parse_hex(const char *text, uint8_t *data, size_t max)
{
	size_t n = 0;

	for (; n < max; n++) {
		int high = g_ascii_xdigit_value(text[2 * n]);
		int low = high < 0 ? -1 : g_ascii_xdigit_value(text[2 * n + 1]);
		if (low < 0)
			break;
		data[n] = (uint8_t)(high << 4 | low);
	}
	return n;
}
