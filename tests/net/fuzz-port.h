/* What the fuzz targets of networks share: the port at the other end, which reads every byte. */
#ifndef TESTS_NET_FUZZ_PORT_H
#define TESTS_NET_FUZZ_PORT_H

#include "../fuzz.h"
#include "base/bytes.h"
#include "base/loop.h"
#include "net/net.h"

#include <glib.h>
#include <stdlib.h>
#include <string.h>

static bool sink_refuses;

static bool sink_can_receive(void *opaque)
{
	return !sink_refuses;
}

static bool sink_receive(void *opaque, const uint8_t *frame, size_t len)
{
	static uint8_t copy[NET_FRAME_MAX];

	if (len == 0 || len > sizeof(copy))
		abort();
	memcpy(copy, frame, len);
	return true;
}

static bool sink_takes_large(void *opaque)
{
	return true;
}

static bool sink_receive_large(void *opaque, uint8_t *frame, size_t len, size_t mss)
{
	if (mss == 0)
		abort();
	return sink_receive(opaque, frame, len);
}

static const struct net_port_ops sink_ops = {.kind = "sink",
					     .nic = true,
					     .can_receive = sink_can_receive,
					     .receive = sink_receive,
					     .takes_large = sink_takes_large,
					     .receive_large = sink_receive_large};

static inline struct net_port *sink_for(struct net_port *peer)
{
	struct net_port *sink = net_port_new(&sink_ops, NULL, NULL);

	if (!peer || net_join(sink, peer))
		abort();
	return sink;
}

#endif
