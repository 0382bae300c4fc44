/*
 * What comes from the host's side and from guests: frames into the user network, streams from a
 * peer of -netdev stream in pieces, and option texts that open nothing.
 */
#include "base/bytes.h"
#include "base/loop.h"
#include "net/framing.h"
#include "net/net.h"
#include "vm/clock.h"
#include "vm/machine.h"

#include <glib.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool refuse;

static bool can_receive(void *opaque)
{
	return !refuse;
}

static bool receive(void *opaque, const uint8_t *frame, size_t len)
{
	static uint8_t copy[NET_FRAME_MAX];

	if (len > sizeof(copy))
		abort();
	memcpy(copy, frame, len);
	return true;
}

static const struct net_port_ops ops = {
	.kind = "fuzz", .nic = true, .can_receive = can_receive, .receive = receive};
static struct net_port *user_end, *stream_end, *stream_port;

static void start(void)
{
	static struct machine m;

	m.nics = g_ptr_array_new();
	clock_start();
	error_free(net_option_netdev("user,id=u,restrict=on"));
	if (net_finish(&m))
		abort();
	user_end = net_port_new(&ops, NULL, NULL);
	stream_end = net_port_new(&ops, NULL, NULL);
	stream_port = net_port_new(&ops, NULL, NULL);
	if (net_join(user_end, net_port_find("u")) || net_join(stream_end, stream_port))
		abort();
}

static void try_user(const uint8_t *data, size_t size)
{
	while (size > 2) {
		size_t len = MIN(load_le16(data) & 0x7ff, size - 2);
		if (len)
			net_send(user_end, data + 2, len);
		data += 2 + len;
		size -= 2 + len;
	}
	loop_turn(false);
}

static void closed(void *opaque, const char *why)
{
	*(bool *)opaque = true;
}

static void try_stream(const uint8_t *data, size_t size)
{
	int pair[2];
	bool gone = false;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
		return;
	struct frame_stream *s = frame_stream_new(pair[0], stream_port, closed, &gone);
	while (size && !gone) {
		size_t part = MIN(1 + data[0], size);
		refuse = data[0] & 1;
		if (write(pair[1], data, part) < 0)
			break;
		loop_turn(false);
		refuse = false;
		net_flush(stream_end);
		if (!gone) {
			frame_stream_resume(s);
			frame_stream_send(s, data, part);
		}
		data += part;
		size -= part;
	}
	close(pair[1]);
	loop_turn(false);
	frame_stream_free(s);
}

static void try_texts(const uint8_t *data, size_t size)
{
	char *text = g_strndup((const char *)data, size);
	uint8_t mac[6];
	uint16_t port;

	error_free(net_parse_mac(text, mac));
	error_free(net_parse_port(text, &port));
	g_free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < 1)
		return 0;
	machine_lock();
	if (!user_end)
		start();
	switch (data[0] & 3) {
	case 0:
	case 1: try_user(data + 1, size - 1); break;
	case 2: try_stream(data + 1, size - 1); break;
	default: try_texts(data + 1, size - 1); break;
	}
	machine_unlock();
	return 0;
}
