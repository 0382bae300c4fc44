/* Bytes from a client of the gdb server: no packet is longer than the buffer, none lacks its NUL.
 */
#include "monitor/gdb-link.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void on_packet(void *opaque, const char *data, size_t len)
{
	uint8_t bytes[64];

	if (len > GDB_PACKET_MAX || data[len] != '\0')
		abort();
	gdb_parse_hex(data, bytes, sizeof(bytes));
	/* Whatever it was, it can be sent back. */
	gdb_link_send(*(struct gdb_link **)opaque, data, len);
}

static void on_interrupt(void *opaque)
{
}

static void on_write(void *opaque, const void *data, size_t len)
{
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct gdb_link_handlers handlers = {on_packet, on_interrupt, on_write};
	struct gdb_link *link;

	link = gdb_link_new(&handlers, &link);
	gdb_link_receive(link, data, size);
	gdb_link_free(link);
	return 0;
}
