#include "net/packet.h"

#include "base/bytes.h"
#include "base/loop.h"
#include "net/coalesce.h"
#include "net/framing.h"
#include "net/offload.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/virtio_net.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

enum { ECHOES = 64, READS_A_TURN = 64, SMALL = 2048 };

struct echo {
	size_t len; /* 0: none */
	guint hash;
};

struct packet_net {
	struct net_port *port;
	struct net_port_ops ops; /* its own, for the kind's name */
	int fd;
	struct sockaddr_storage to;
	socklen_t to_len; /* 0: connected */
	unsigned int in_watch, out_watch;
	bool drop_echo, reported, vnet_header;
	bool look_for_answers, reading;
	bool large;  /* a large frame came */
	bool stream; /* more than one small frame came in the main loop's last turn */
	struct coalescer *arrived;
	struct echo echoes[ECHOES];
	unsigned int next_echo;
	void (*at_end)(void *opaque);
	void *end_opaque;
	char *where;
};

static void readable(void *opaque, GIOCondition condition);

static void watch_in(struct packet_net *p, bool on)
{
	if (on && !p->in_watch) {
		p->in_watch = loop_watch_fd(p->fd, G_IO_IN, readable, p);
	} else if (!on && p->in_watch) {
		loop_unwatch(p->in_watch);
		p->in_watch = 0;
	}
}

/* A host that refuses is told about once, not with every frame. */
static void report(struct packet_net *p, int code)
{
	if (!p->reported)
		warn_report("network %s: %s", p->where, strerror(code));
	p->reported = true;
}

static guint frame_hash(const uint8_t *frame, size_t len)
{
	guint hash = 2166136261u;

	for (size_t i = 0; i < len; i++)
		hash = (hash ^ frame[i]) * 16777619u;
	return hash;
}

static void echo_remember(struct packet_net *p, const uint8_t *frame, size_t len)
{
	p->echoes[p->next_echo] = (struct echo){len, frame_hash(frame, len)};
	p->next_echo = (p->next_echo + 1) % ECHOES;
}

static bool echo_forget(struct packet_net *p, const uint8_t *frame, size_t len)
{
	guint hash = frame_hash(frame, len);

	for (unsigned int i = 0; i < ECHOES; i++) {
		if (p->echoes[i].len == len && p->echoes[i].hash == hash) {
			p->echoes[i].len = 0;
			return true;
		}
	}
	return false;
}

/* A frame of the host's kernel, which leaves sums and cutting to us. */
static void send_vnet(struct packet_net *p, const struct virtio_net_hdr *h, uint8_t *frame,
		      size_t len)
{
	size_t start = h->csum_start, place = start + h->csum_offset;
	unsigned int kind = h->gso_type & (uint8_t)~VIRTIO_NET_HDR_GSO_ECN;

	if (kind == VIRTIO_NET_HDR_GSO_TCPV4 || kind == VIRTIO_NET_HDR_GSO_TCPV6) {
		p->large = true;
		coalescer_flush(p->arrived);
		net_send_large(p->port, frame, len, h->gso_size);
		return;
	}
	if (h->flags & VIRTIO_NET_HDR_F_NEEDS_CSUM && place + 2 <= len && start < len)
		store_be16(frame + place, inet_finish(inet_sum(frame + start, len - start, 0)));
	coalescer_send(p->arrived, frame, len);
}

static ssize_t read_frame(struct packet_net *p, struct virtio_net_hdr *h, uint8_t *frame)
{
	struct iovec parts[2] = {{h, sizeof(*h)}, {frame, NET_FRAME_MAX}};

	if (!p->vnet_header)
		return read(p->fd, frame, NET_FRAME_MAX);
	ssize_t n = readv(p->fd, parts, 2);
	return n < (ssize_t)sizeof(*h) ? MIN(n, 0) : n - (ssize_t)sizeof(*h);
}

/* Returns how many frames came, at most `max`. */
static unsigned int read_frames(struct packet_net *p, unsigned int max)
{
	uint8_t frame[NET_FRAME_MAX];
	struct virtio_net_hdr header;

	for (unsigned int i = 0; i < max; i++) {
		if (!net_can_send(p->port)) {
			watch_in(p, false);
			return i;
		}
		ssize_t n = read_frame(p, &header, frame);
		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			return i;
		if (n < 0) {
			report(p, errno);
			/* A refused datagram is over with this; a dead descriptor is not. */
			if (errno != ECONNREFUSED)
				watch_in(p, false);
			return i;
		}
		if (n == 0 || (p->drop_echo && echo_forget(p, frame, (size_t)n)))
			continue;
		if (p->vnet_header)
			send_vnet(p, &header, frame, (size_t)n);
		else
			coalescer_send(p->arrived, frame, (size_t)n);
	}
	return max;
}

static unsigned int take_frames(struct packet_net *p, unsigned int max)
{
	if (p->reading)
		return 0;
	p->reading = true;
	unsigned int count = read_frames(p, max);
	coalescer_flush(p->arrived);
	p->reading = false;
	return count;
}

static void readable(void *opaque, GIOCondition condition)
{
	struct packet_net *p = opaque;
	p->large = false;
	p->stream = take_frames(p, READS_A_TURN) > 1 || p->large;
}

/* After a small frame: what it was answered with is here sooner than through the main loop. Where
 * there is more to read, that does it, while the guest goes on. */
static void look_for_answer(struct packet_net *p, size_t len)
{
	if (p->look_for_answers && len <= SMALL && !p->stream && p->in_watch)
		take_frames(p, 1);
}

static void packet_writable(void *opaque)
{
	watch_in(opaque, true);
}

static void room_again(void *opaque, GIOCondition condition)
{
	struct packet_net *p = opaque;

	loop_unwatch(p->out_watch);
	p->out_watch = 0;
	net_flush(p->port);
}

static bool write_frame(struct packet_net *p, const struct virtio_net_hdr *h, const uint8_t *frame,
			size_t len)
{
	struct iovec parts[2] = {{(void *)(uintptr_t)h, sizeof(*h)},
				 {(void *)(uintptr_t)frame, len}};
	ssize_t n;

	if (p->to_len)
		n = sendto(p->fd, frame, len, 0, (struct sockaddr *)&p->to, p->to_len);
	else if (p->vnet_header)
		n = writev(p->fd, parts, 2);
	else
		n = write(p->fd, frame, len);
	if (n < 0 && (errno == EAGAIN || errno == ENOBUFS)) {
		if (!p->out_watch)
			p->out_watch = loop_watch_fd(p->fd, G_IO_OUT, room_again, p);
		return false;
	}
	if (n < 0)
		report(p, errno);
	else if (p->drop_echo)
		echo_remember(p, frame, len);
	return true;
}

static bool packet_receive(void *opaque, const uint8_t *frame, size_t len)
{
	static const struct virtio_net_hdr plain = {0};
	bool taken = write_frame(opaque, &plain, frame, len);

	if (taken)
		look_for_answer(opaque, len);
	return taken;
}

static bool packet_takes_large(void *opaque)
{
	return ((struct packet_net *)opaque)->vnet_header;
}

static bool packet_receive_large(void *opaque, uint8_t *frame, size_t len, size_t mss)
{
	struct frame_layout l;

	if (!frame_parse(frame, len, &l))
		return true;
	struct virtio_net_hdr h = {
		.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM,
		.gso_type = l.ipv4 ? VIRTIO_NET_HDR_GSO_TCPV4 : VIRTIO_NET_HDR_GSO_TCPV6,
		.hdr_len = (uint16_t)l.payload,
		.gso_size = (uint16_t)mss,
		.csum_start = (uint16_t)l.l4,
		.csum_offset = 16, /* where TCP has its checksum */
	};
	return write_frame(opaque, &h, frame, len);
}

static void packet_destroy(void *opaque)
{
	struct packet_net *p = opaque;

	watch_in(p, false);
	loop_unwatch(p->out_watch);
	if (p->at_end)
		p->at_end(p->end_opaque);
	close(p->fd);
	coalescer_free(p->arrived);
	g_free(p->where);
	g_free(p);
}

struct net_port *net_packet_new(const char *name, const char *kind, int fd,
				const struct sockaddr *to, socklen_t to_len, const char *where)
{
	struct packet_net *p = g_new0(struct packet_net, 1);

	net_fd_prepare(fd);
	p->ops = (struct net_port_ops){.kind = kind,
				       .receive = packet_receive,
				       .takes_large = packet_takes_large,
				       .receive_large = packet_receive_large,
				       .writable = packet_writable,
				       .destroy = packet_destroy};
	p->fd = fd;
	if (to)
		memcpy(&p->to, to, to_len);
	p->to_len = to ? to_len : 0;
	p->where = g_strdup(where);
	p->port = net_port_new(&p->ops, p, name);
	net_port_describe(p->port, "%s", where);
	p->arrived = coalescer_new(p->port);
	watch_in(p, true);
	return p->port;
}

void net_packet_drop_echo(struct net_port *port)
{
	((struct packet_net *)net_port_opaque(port))->drop_echo = true;
}

void net_packet_use_vnet_header(struct net_port *port)
{
	((struct packet_net *)net_port_opaque(port))->vnet_header = true;
}

void net_packet_look_for_answers(struct net_port *port)
{
	((struct packet_net *)net_port_opaque(port))->look_for_answers = true;
}

void net_packet_at_end(struct net_port *port, void (*fn)(void *opaque), void *opaque)
{
	struct packet_net *p = net_port_opaque(port);

	p->at_end = fn;
	p->end_opaque = opaque;
}

/* --- sockets --- */

struct error *net_udp_open(const struct sockaddr_in *local, int *fd)
{
	int one = 1, s = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (s < 0)
		return error_errno(errno, "no socket");
	setsockopt(s, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (bind(s, (const struct sockaddr *)local, sizeof(*local)) < 0) {
		struct error *err = error_errno(errno, "cannot bind UDP port %u of %s",
						ntohs(local->sin_port), inet_ntoa(local->sin_addr));
		close(s);
		return err;
	}
	*fd = s;
	return NULL;
}

struct error *net_multicast_open(const struct sockaddr_in *group, struct in_addr interface, int *fd)
{
	struct ip_mreq member = {group->sin_addr, interface};
	int one = 1, s = -1;

	if (!IN_MULTICAST(ntohl(group->sin_addr.s_addr)))
		return error_new("%s is no multicast address (224.0.0.0 to 239.255.255.255)",
				 inet_ntoa(group->sin_addr));
	if (group->sin_port == 0)
		return error_new("the multicast bus needs a port other than 0");
	struct error *err = net_udp_open(group, &s);
	if (err)
		return err;
	if (setsockopt(s, IPPROTO_IP, IP_ADD_MEMBERSHIP, &member, sizeof(member)) < 0 ||
	    setsockopt(s, IPPROTO_IP, IP_MULTICAST_LOOP, &one, sizeof(one)) < 0 ||
	    (interface.s_addr &&
	     setsockopt(s, IPPROTO_IP, IP_MULTICAST_IF, &interface, sizeof(interface)) < 0)) {
		err = error_errno(errno, "cannot join the multicast group %s",
				  inet_ntoa(group->sin_addr));
		close(s);
		return err;
	}
	*fd = s;
	return NULL;
}
