/*
 * What comes in over a character back end: telnet streams, and keys to a mux whose front ends read
 * slowly. Also the texts of -serial, with back ends that touch nothing of the host.
 */
#include "base/loop.h"
#include "vm/char-backend.h"
#include "vm/char-telnet.h"

#include <glib.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static unsigned int can_receive(void *opaque)
{
	return *(unsigned int *)opaque;
}

static void receive(void *opaque, const uint8_t *buf, unsigned int len)
{
	unsigned int *room = opaque;

	if (len > *room)
		abort();
	*room = len % 3;
}

static const struct chardev_handlers handlers = {can_receive, receive, NULL, NULL};

static void try_telnet(const uint8_t *data, size_t size)
{
	struct telnet t;
	GByteArray *out = g_byte_array_new();

	telnet_start(&t);
	for (size_t i = 0; i < size; i++)
		telnet_input(&t, data[i]);
	/* What we send comes back as it was. */
	telnet_encode(data, size, out);
	telnet_start(&t);
	t.peer_binary = true;
	size_t n = 0;
	for (unsigned int i = 0; i < out->len; i++) {
		int c = telnet_input(&t, out->data[i]);
		if (c >= 0 && (n >= size || c != data[n++]))
			abort();
	}
	if (n != size)
		abort();
	g_byte_array_unref(out);
}

static void try_mux(const uint8_t *data, size_t size)
{
	struct chardev *mux;
	unsigned int rooms[2] = {1, 40};

	error_free(chardev_open("m", "mon:null", &mux));
	struct chardev *base = chardev_find("m-base");
	chardev_attach(mux, &handlers, &rooms[0]);
	chardev_attach(mux, &handlers, &rooms[1]);
	for (size_t i = 0; i < size; i++) {
		if (chardev_input_room(base))
			chardev_input(base, &data[i], 1);
		if (data[i] & 0x40) {
			rooms[data[i] & 1] = data[i] & 7;
			chardev_accept_input(mux);
		}
		chardev_write(mux, &data[i], 1);
	}
	chardev_close_all();
}

static bool harmless(const char *text)
{
	return strncmp(text, "ringbuf", 7) == 0 || strncmp(text, "null", 4) == 0 ||
	       strncmp(text, "mon:ringbuf", 11) == 0 || strncmp(text, "vc", 2) == 0 ||
	       strncmp(text, "braille", 7) == 0;
}

static void try_option(const uint8_t *data, size_t size)
{
	char *text = g_strndup((const char *)data, size);
	struct chardev *chr;

	if (harmless(text)) {
		error_free(chardev_open(NULL, text, &chr));
		chardev_close_all();
	}
	g_free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (!machine_locked())
		machine_lock();
	try_telnet(data, size);
	try_mux(data, size);
	try_option(data, size);
	return 0;
}
