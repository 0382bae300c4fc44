/*
 * What a guest sends to the user network: frames of any bytes, and datagrams to its servers whose
 * headers are right but for what the input changes. Time is counted, not measured. The network is
 * restricted: nothing here may reach the host's own servers.
 */
#include "fuzz-port.h"
#include "net/offload.h"
#include "vm/clock.h"
#include "vm/machine.h"

static struct net_port *sink;
static int64_t ticks; /* milliseconds */

static int64_t instructions(void *opaque)
{
	return ticks * 1000000;
}

static void start(void)
{
	static struct machine m;

	m.nics = g_ptr_array_new();
	clock_use_icount(0, instructions, NULL);
	clock_start();
	error_free(net_option_netdev(
		"user,id=u,restrict=on,tftp=/usr/share/common-licenses,bootfile=GPL-2,"
		"guestfwd=tcp:10.0.2.100:7-null,dnssearch=a.example,dnssearch=b.example"));
	struct error *err = net_finish(&m);
	if (err)
		g_error("%s", err->message);
	sink = sink_for(net_port_find("u"));
}

static size_t copy_rest(struct input *in, uint8_t *to, size_t max)
{
	size_t len = take(in, 2) & 0x7ff;

	len = MIN(MIN(len, max), in->size);
	memcpy(to, in->data, len);
	in->data += len;
	in->size -= len;
	return len;
}

static void ether_header(uint8_t *f, uint16_t type)
{
	static const uint8_t router[6] = {0x52, 0x55, 10, 0, 2, 2};
	static const uint8_t guest[6] = {0x52, 0x54, 0, 0x12, 0x34, 0x56};

	memcpy(f, router, 6);
	memcpy(f + 6, guest, 6);
	store_be16(f + 12, type);
}

/* Returns the length of layer 4 at `l4`. */
static size_t layer4(struct input *in, uint8_t *l4, uint8_t protocol)
{
	static const uint16_t ports[] = {67, 69, 53, 7, 547, 139, 445, 1};
	uint32_t choice = take(in, 1);

	memset(l4, 0, 20);
	if (protocol == 1 || protocol == 58)
		return copy_rest(in, l4, 2000);
	store_be16(l4, (uint16_t)(protocol == 17 && !(choice & 7) ? 68 : 1024 + (choice >> 4)));
	store_be16(l4 + 2, ports[choice & 7]);
	if (protocol == 17) {
		size_t len = 8 + copy_rest(in, l4 + 8, 2000);
		store_be16(l4 + 4, (uint16_t)len);
		return len;
	}
	/* Sequence numbers that stay near each other, so that connections come about. */
	store_be32(l4 + 4, 1000 + take(in, 1));
	store_be32(l4 + 8, take(in, 4));
	l4[12] = choice & 8 ? (uint8_t)take(in, 1) : 0x50;
	l4[13] = (uint8_t)take(in, 1);
	store_be16(l4 + 14, (uint16_t)take(in, 2));
	return 20 + copy_rest(in, l4 + 20, 2000);
}

static void send_ipv4(struct input *in, uint32_t op)
{
	static const uint8_t protocols[] = {17, 6, 1, 17}, hosts[] = {2, 3, 100, 255};
	static uint8_t f[4096];
	struct frame_layout l;
	uint8_t protocol = protocols[op >> 2 & 3];

	ether_header(f, 0x0800);
	size_t len = layer4(in, f + 34, protocol);
	f[14] = 0x45;
	f[15] = 0;
	store_be16(f + 16, (uint16_t)(20 + len));
	store_be16(f + 18, 7);
	store_be16(f + 20, op & 0x80 ? (uint16_t)take(in, 2) : 0);
	f[22] = op & 0x40 ? (uint8_t)take(in, 1) : 64;
	f[23] = protocol;
	store_be32(f + 26, 0x0a00020f);
	store_be32(f + 30, 0x0a000200 | hosts[op >> 4 & 3]);
	if (frame_parse(f, 34 + len, &l)) {
		frame_ip_checksum(f, &l);
		if (protocol != 1)
			frame_l4_checksum(f, &l);
		else
			store_be16(f + 36, inet_finish(inet_sum(f + 34, len & ~1u, 0)));
	}
	net_send(sink, f, 34 + len);
}

static void send_ipv6(struct input *in, uint32_t op)
{
	static const uint8_t protocols[] = {17, 6, 58, 58};
	static uint8_t f[4096];
	struct frame_layout l;
	uint8_t protocol = protocols[op >> 2 & 3];

	ether_header(f, 0x86dd);
	memset(f + 14, 0, 40);
	size_t len = layer4(in, f + 54, protocol);
	f[14] = 0x60;
	store_be16(f + 18, (uint16_t)len);
	f[20] = protocol;
	f[21] = 255;
	f[22] = 0xfe;
	f[23] = 0xc0;
	f[37] = 0x0f;
	f[38] = op & 0x10 ? 0xff : 0xfe;
	f[39] = op & 0x10 ? 2 : 0xc0;
	f[53] = op & 0x20 ? 3 : 2;
	if (frame_parse(f, 54 + len, &l) && protocol != 58)
		frame_l4_checksum(f, &l);
	else if (protocol == 58 && len >= 4)
		store_be16(f + 56, inet_finish(inet_sum(f + 54, len & ~1u, (uint32_t)len + 58)));
	net_send(sink, f, 54 + len);
}

static void step(struct input *in)
{
	static uint8_t f[4096];
	uint32_t op = take(in, 1);
	size_t len;

	switch (op & 3) {
	case 0:
		len = copy_rest(in, f, sizeof(f));
		if (op & 4) {
			ether_header(f, 0x0806);
			len = MAX(len, 42u);
		}
		if (op & 8)
			net_send_large(sink, f, len, 1 + take(in, 2));
		else
			net_send(sink, f, len);
		break;
	case 1: send_ipv4(in, op); break;
	case 2: send_ipv6(in, op); break;
	default:
		sink_refuses = op & 4;
		if (!sink_refuses)
			net_flush(sink);
		ticks += 1 + (int64_t)take(in, 1) * (op & 8 ? 1000 : 1);
		clock_run_timers(CLOCK_VIRTUAL);
		loop_turn(false);
		break;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = {data, size};

	machine_lock();
	if (!sink)
		start();
	for (unsigned int i = 0; i < 40 && in.size; i++)
		step(&in);
	sink_refuses = false;
	net_flush(sink);
	/* Connections and fragments of one input end before the next. */
	ticks += 600 * 1000;
	loop_turn(false);
	machine_unlock();
	return 0;
}
