/*
 * A peer of -net socket, -netdev socket, stream (passt's framing): what it sends comes in pieces of
 * any size while the guest takes frames or does not, and it reads or does not. Also the texts of
 * addresses in options.
 */
#include "fuzz-port.h"
#include "net/framing.h"

#include <sys/socket.h>
#include <unistd.h>

static struct net_port *stream_end, *stream_port;

static bool stream_receive(void *opaque, const uint8_t *frame, size_t len)
{
	return true;
}

static const struct net_port_ops stream_ops = {.kind = "stream", .receive = stream_receive};

static void closed(void *opaque, const char *why)
{
	*(bool *)opaque = true;
}

static void step(struct frame_stream *s, int peer, struct input *in)
{
	static uint8_t large[70000];
	uint32_t op = take(in, 1), count = take(in, 1 + (op >> 7));
	size_t part = MIN(count, in->size);

	switch (op & 7) {
	case 0:
	case 1:
	case 2:
		if (part && write(peer, in->data, part) < 0)
			return;
		in->data += part;
		in->size -= part;
		break;
	case 3: frame_stream_send(s, large, 1 + count % NET_FRAME_MAX); break;
	case 4:
		memcpy(large, in->data, MIN(part, 64u));
		frame_stream_send_large(s, large, 1 + (count << 2) % NET_FRAME_MAX,
					1 + take(in, 1) * 16);
		break;
	case 5: sink_refuses = op & 8; break;
	case 6:
		if (read(peer, large, sizeof(large)) < 0)
			return;
		break;
	default: {
		/* a length that is right, or nearly so */
		uint8_t head[4];
		store_be32(head, count + (op >> 3 & 3));
		if (write(peer, head, 4) < 0)
			return;
		break;
	}
	}
	loop_turn(false);
}

static void try_stream(struct input *in)
{
	int pair[2];
	bool gone = false;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) < 0)
		abort();
	struct frame_stream *s = frame_stream_new(pair[0], stream_port, closed, &gone);
	for (unsigned int i = 0; i < 200 && in->size && !gone; i++)
		step(s, pair[1], in);
	close(pair[1]);
	sink_refuses = false;
	net_flush(stream_end);
	if (!gone)
		frame_stream_resume(s);
	for (unsigned int i = 0; i < 4 && !gone; i++)
		loop_turn(false);
	frame_stream_free(s);
}

static void try_texts(struct input *in)
{
	char *text = g_strndup((const char *)in->data, in->size);
	uint8_t mac[6];
	uint16_t port;

	error_free(net_parse_mac(text, mac));
	error_free(net_parse_port(text, &port));
	g_free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = {data, size};

	machine_lock();
	if (!stream_end) {
		stream_port = net_port_new(&stream_ops, NULL, NULL);
		stream_end = sink_for(stream_port);
	}
	if (take(&in, 1) == 0xff)
		try_texts(&in);
	else
		try_stream(&in);
	machine_unlock();
	return 0;
}
