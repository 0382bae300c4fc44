/*
 * Virtio network card. Source: VIRTIO 1.1, section 5.1.
 *
 * Queue 0 receives, 1 transmits, 2 controls. The host side checks and makes checksums and cuts
 * large TCP frames, so that the guest's processor need not.
 */
#include "base/bytes.h"
#include "base/log.h"
#include "hw/net/nic.h"
#include "net/offload.h"
#include "hw/virtio/virtio.h"

#include <string.h>

enum {
	F_CSUM = 1 << 0,
	F_GUEST_CSUM = 1 << 1,
	F_MAC = 1 << 5,
	F_GUEST_TSO4 = 1 << 7,
	F_GUEST_TSO6 = 1 << 8,
	F_HOST_TSO4 = 1 << 11,
	F_HOST_TSO6 = 1 << 12,
	F_MRG_RXBUF = 1 << 15,
	F_STATUS = 1 << 16,
	F_CTRL_VQ = 1 << 17,
	F_CTRL_RX = 1 << 18,
	F_CTRL_VLAN = 1 << 19,
	F_CTRL_RX_EXTRA = 1 << 20,
	F_CTRL_MAC_ADDR = 1 << 23,

	QUEUE_RX = 0,
	QUEUE_TX = 1,
	QUEUE_CTRL = 2,

	HDR_NEEDS_CSUM = 1,
	HDR_DATA_VALID = 2,
	GSO_NONE = 0,
	GSO_TCPV4 = 1,
	GSO_TCPV6 = 4,
	GSO_ECN = 0x80,
	HDR_SIZE = 12,
	HDR_SIZE_PLAIN = 10, /* legacy, without mergeable buffers */

	CTRL_RX = 0,
	CTRL_MAC = 1,
	CTRL_VLAN = 2,
	CTRL_MAC_TABLE_SET = 0,
	CTRL_MAC_ADDR_SET = 1,
	CTRL_OK = 0,
	CTRL_ERR = 1,
	RX_MODES = 6, /* promiscuous, allmulti, alluni, nomulti, nouni, nobcast */

	STATUS_LINK_UP = 1,
	MAC_TABLE = 64,
	FRAME_MAX = 65536 + 64,

	BULK = 4096,	/* a frame from which on sending takes longer than waking another thread */
	BULK_TURN = 16, /* of them are sent before others may have the machine */
};

enum rx_mode { RX_PROMISC, RX_ALLMULTI, RX_ALLUNI, RX_NOMULTI, RX_NOUNI, RX_NOBCAST };

struct virtio_net {
	struct virtio virtio;
	struct nic nic;
	uint8_t mac[6]; /* as the driver set it */
	uint8_t rx_mode[RX_MODES];
	uint8_t table[MAC_TABLE][6];
	uint8_t table_count;
	bool table_overflow_uni, table_overflow_multi;
	uint8_t vlans[4096 / 8];
	struct timer more; /* transmits on the main thread */
	/* not saved */
	bool transmitting;
	bool bulk; /* the frame sent last was large */
	uint8_t frame[FRAME_MAX];
};

static struct virtio_net *net_of(struct virtio *v)
{
	return (struct virtio_net *)v;
}

static size_t header_size(const struct virtio_net *s)
{
	return virtio_has(&s->virtio, F_MRG_RXBUF) || virtio_has(&s->virtio, VIRTIO_F_VERSION_1)
		       ? HDR_SIZE
		       : HDR_SIZE_PLAIN;
}

/* --- transmission --- */

static void send_frame(struct virtio_net *s, const uint8_t *header, size_t len)
{
	unsigned int gso = header[1] & (uint8_t)~GSO_ECN;
	size_t start = load_le16(header + 6), place = start + load_le16(header + 8);

	if (gso == GSO_TCPV4 || gso == GSO_TCPV6) {
		net_send_large(s->nic.port, s->frame, len, load_le16(header + 4));
		return;
	}
	if (gso != GSO_NONE) {
		log_printf(LOG_GUEST_ERRORS, "virtio-net: segmentation of kind %u\n", gso);
		return;
	}
	if (header[0] & HDR_NEEDS_CSUM && start < len && place + 2 <= len)
		store_be16(s->frame + place,
			   inet_finish(inet_sum(s->frame + start, len - start, 0)));
	net_send(s->nic.port, s->frame, len);
}

static void transmit_one(struct virtio_net *s, struct virtqueue *q, const struct virtq_element *e)
{
	uint8_t header[HDR_SIZE];
	size_t size = header_size(s);

	if (virtq_read(q, e, 0, header, size) < size)
		return;
	size_t len = virtq_read(q, e, size, s->frame, sizeof(s->frame));
	s->bulk = len >= BULK;
	if (len >= ETHER_HEADER)
		send_frame(s, header, len);
}

/* Sends what is available; true where that was a turn's worth and there may be more. */
static bool transmit_turn(struct virtio_net *s, struct virtqueue *q)
{
	unsigned int done = 0, limit = q->size;
	struct virtq_element e;

	for (; done < limit && virtq_pop(q, &e); done++) {
		transmit_one(s, q, &e);
		virtq_push(q, &e, 0);
		if (s->bulk) {
			/* The driver fills the queue meanwhile, and wants to know what is done. */
			virtio_signal(&s->virtio, QUEUE_TX);
			limit = MIN(limit, BULK_TURN);
		}
	}
	if (done && !s->bulk)
		virtio_signal(&s->virtio, QUEUE_TX);
	return done == limit;
}

static void transmit(struct virtio_net *s)
{
	struct virtqueue *q = &s->virtio.queues[QUEUE_TX];
	bool again = false;

	if (s->transmitting || !virtio_running(&s->virtio))
		return;
	s->transmitting = true;
	do {
		virtq_quiet(q);
		again = transmit_turn(s, q);
	} while (!again && !q->broken && !virtq_listen(q));
	s->transmitting = false;
	if (q->broken)
		virtio_fail(&s->virtio);
	else if (again)
		timer_set(&s->more, clock_now(CLOCK_VIRTUAL));
}

static void transmit_more(void *opaque)
{
	transmit(opaque);
}

/*
 * A lone small frame goes out at once. In a stream of large ones the main thread sends, while the
 * guest makes the next.
 */
static void transmit_notified(struct virtio_net *s)
{
	if (timer_pending(&s->more))
		return;
	if (!s->bulk || net_answers_at_once(s->nic.port)) {
		transmit(s);
		return;
	}
	virtq_quiet(&s->virtio.queues[QUEUE_TX]);
	timer_set(&s->more, clock_now(CLOCK_VIRTUAL));
}

/* --- reception --- */

static bool can_receive(void *opaque)
{
	struct virtio_net *s = opaque;

	/* Before the driver is ready frames are lost. */
	return !virtio_running(&s->virtio) || virtq_ready(&s->virtio.queues[QUEUE_RX]);
}

static bool in_table(const struct virtio_net *s, const uint8_t *frame)
{
	for (unsigned int i = 0; i < s->table_count; i++) {
		if (memcmp(s->table[i], frame, 6) == 0)
			return true;
	}
	return false;
}

static bool vlan_accepted(const struct virtio_net *s, const uint8_t *frame, size_t len)
{
	if (!virtio_has(&s->virtio, F_CTRL_VLAN) || len < 18 || load_be16(frame + 12) != 0x8100)
		return true;
	unsigned int id = load_be16(frame + 14) & 0xfff;
	return s->vlans[id >> 3] >> (id & 7) & 1;
}

static bool accepted(const struct virtio_net *s, const uint8_t *frame, size_t len)
{
	if (s->rx_mode[RX_PROMISC])
		return true;
	if (!vlan_accepted(s, frame, len))
		return false;
	if (ether_is_broadcast(frame))
		return !s->rx_mode[RX_NOBCAST];
	if (ether_is_multicast(frame))
		return !s->rx_mode[RX_NOMULTI] &&
		       (s->rx_mode[RX_ALLMULTI] || s->table_overflow_multi || in_table(s, frame));
	if (s->rx_mode[RX_NOUNI])
		return false;
	return s->rx_mode[RX_ALLUNI] || s->table_overflow_uni || memcmp(frame, s->mac, 6) == 0 ||
	       in_table(s, frame);
}

static bool takes_large(void *opaque)
{
	const struct virtio *v = opaque;
	return virtio_running(v) && virtio_has(v, F_GUEST_TSO4) && virtio_has(v, F_GUEST_TSO6);
}

static void fill_header(const struct virtio_net *s, uint8_t *header, const uint8_t *frame,
			size_t len)
{
	struct frame_layout l;

	memset(header, 0, HDR_SIZE);
	if (virtio_has(&s->virtio, F_GUEST_CSUM) && frame_parse(frame, len, &l) &&
	    (l.tcp || l.udp) && frame_l4_valid(frame, &l))
		header[0] = HDR_DATA_VALID;
}

/* Spreads header and frame over as many chains as it takes; false where they do not suffice, and
 * then none is used up. */
static bool store_frame(struct virtio_net *s, const uint8_t *data, size_t len)
{
	struct virtqueue *q = &s->virtio.queues[QUEUE_RX];
	struct virtq_element e, first;
	unsigned int count = 0;
	bool merge = virtio_has(&s->virtio, F_MRG_RXBUF);

	for (size_t done = 0; done < len; count++) {
		if (!virtq_pop(q, &e)) {
			for (; count && !q->broken; count--)
				virtq_unpop(q);
			return false;
		}
		size_t part = virtq_write(q, &e, 0, data + done, len - done);
		done += part;
		virtq_fill(q, &e, (uint32_t)part, count);
		if (count == 0)
			first = e;
		if (part == 0 || (!merge && done < len)) {
			log_printf(LOG_GUEST_ERRORS, "virtio-net: a receive buffer is too small\n");
			virtq_publish(q, count + 1);
			return true;
		}
	}
	if (header_size(s) == HDR_SIZE) {
		uint8_t number[2];
		store_le16(number, (uint16_t)count);
		virtq_write(q, &first, 10, number, sizeof(number));
	}
	virtq_publish(q, count);
	return true;
}

/* `data` has room for a header of HDR_SIZE before the frame. */
static bool store_and_signal(struct virtio_net *s, const uint8_t *data, size_t len)
{
	struct virtqueue *q = &s->virtio.queues[QUEUE_RX];

	if (store_frame(s, data, len)) {
		virtio_signal(&s->virtio, QUEUE_RX);
		return true;
	}
	if (q->broken)
		virtio_fail(&s->virtio);
	else
		virtq_set_notify(q, true);
	return q->broken;
}

static bool receive(void *opaque, const uint8_t *frame, size_t len)
{
	struct virtio_net *s = opaque;
	uint8_t data[HDR_SIZE + NET_FRAME_MAX];
	size_t header = header_size(s);

	if (!virtio_running(&s->virtio) || len < ETHER_HEADER || !accepted(s, frame, len))
		return true;
	fill_header(s, data, frame, len);
	memcpy(data + header, frame, len);
	return store_and_signal(s, data, header + len);
}

static bool receive_large(void *opaque, uint8_t *frame, size_t len, size_t mss)
{
	struct virtio_net *s = opaque;
	uint8_t data[HDR_SIZE + NET_FRAME_MAX];
	size_t header = header_size(s);
	struct frame_layout l;

	if (!frame_parse(frame, len, &l) || !l.tcp || !accepted(s, frame, len))
		return true;
	memset(data, 0, HDR_SIZE);
	data[0] = HDR_NEEDS_CSUM;
	data[1] = l.ipv4 ? GSO_TCPV4 : GSO_TCPV6;
	store_le16(data + 2, (uint16_t)l.payload);
	store_le16(data + 4, (uint16_t)mss);
	store_le16(data + 6, (uint16_t)l.l4);
	store_le16(data + 8, 16); /* where TCP has its checksum */
	memcpy(data + header, frame, len);
	return store_and_signal(s, data, header + len);
}

static void link_changed(void *opaque, bool up)
{
	virtio_config_changed(&((struct virtio_net *)opaque)->virtio);
}

static const struct net_port_ops port_ops = {.kind = "virtio-net-pci",
					     .nic = true,
					     .can_receive = can_receive,
					     .receive = receive,
					     .takes_large = takes_large,
					     .receive_large = receive_large,
					     .link_changed = link_changed};

/* --- control queue --- */

/* Reads one list of the MAC table: a count and that many addresses. */
static bool table_part(struct virtio_net *s, const struct virtqueue *q,
		       const struct virtq_element *e, uint64_t *at, bool *overflow)
{
	uint8_t count[4];

	if (virtq_read(q, e, *at, count, 4) < 4)
		return false;
	uint64_t n = load_le32(count), room = MAC_TABLE - s->table_count;
	if (*at + 4 + n * 6 > e->out_len)
		return false;
	*overflow = n > room;
	if (!*overflow) {
		virtq_read(q, e, *at + 4, s->table[s->table_count], n * 6);
		s->table_count = (uint8_t)(s->table_count + n);
	}
	*at += 4 + n * 6;
	return true;
}

static uint8_t control_mac(struct virtio_net *s, const struct virtqueue *q,
			   const struct virtq_element *e, unsigned int command)
{
	uint64_t at = 2;

	if (command == CTRL_MAC_ADDR_SET)
		return virtq_read(q, e, 2, s->mac, 6) == 6 ? CTRL_OK : CTRL_ERR;
	if (command != CTRL_MAC_TABLE_SET)
		return CTRL_ERR;
	s->table_count = 0;
	return table_part(s, q, e, &at, &s->table_overflow_uni) &&
			       table_part(s, q, e, &at, &s->table_overflow_multi)
		       ? CTRL_OK
		       : CTRL_ERR;
}

static uint8_t control_vlan(struct virtio_net *s, const struct virtqueue *q,
			    const struct virtq_element *e, unsigned int command)
{
	uint8_t b[2];

	if (virtq_read(q, e, 2, b, 2) < 2 || load_le16(b) > 4095 || command > 1)
		return CTRL_ERR;
	uint8_t *byte = &s->vlans[load_le16(b) >> 3], bit = (uint8_t)(1 << (load_le16(b) & 7));
	*byte = command == 0 ? *byte | bit : *byte & (uint8_t)~bit;
	return CTRL_OK;
}

static uint8_t control(struct virtio_net *s, const struct virtqueue *q,
		       const struct virtq_element *e)
{
	uint8_t head[3];

	if (virtq_read(q, e, 0, head, 2) < 2)
		return CTRL_ERR;
	switch (head[0]) {
	case CTRL_RX:
		if (head[1] >= RX_MODES || virtq_read(q, e, 2, head + 2, 1) < 1)
			return CTRL_ERR;
		s->rx_mode[head[1]] = head[2] != 0;
		return CTRL_OK;
	case CTRL_MAC: return control_mac(s, q, e, head[1]);
	case CTRL_VLAN: return control_vlan(s, q, e, head[1]);
	default: return CTRL_ERR;
	}
}

static void control_queue(struct virtio_net *s)
{
	struct virtqueue *q = &s->virtio.queues[QUEUE_CTRL];
	struct virtq_element e;

	for (unsigned int i = 0; i < q->size && virtq_pop(q, &e); i++) {
		uint8_t ack = control(s, q, &e);
		virtq_write(q, &e, 0, &ack, 1);
		virtq_push(q, &e, 1);
		virtio_signal(&s->virtio, QUEUE_CTRL);
	}
}

/* --- the device --- */

static void notify(struct virtio *v, unsigned int n)
{
	struct virtio_net *s = net_of(v);

	if (n == QUEUE_RX)
		net_flush(s->nic.port);
	else if (n == QUEUE_TX)
		transmit_notified(s);
	else
		control_queue(s);
}

static void config_read(struct virtio *v)
{
	struct virtio_net *s = net_of(v);

	memcpy(v->config, s->mac, 6);
	store_le16(v->config + 6, net_link_up(s->nic.port) ? STATUS_LINK_UP : 0);
	store_le16(v->config + 8, 1); /* one pair of queues */
}

/* Legacy drivers set the address by writing it. */
static void config_written(struct virtio *v, unsigned int offset, unsigned int size)
{
	if (!virtio_has(v, VIRTIO_F_VERSION_1))
		memcpy(net_of(v)->mac, v->config, 6);
}

static void status_changed(struct virtio *v)
{
	if (virtio_running(v))
		net_flush(net_of(v)->nic.port);
}

static void device_reset(struct virtio *v)
{
	struct virtio_net *s = net_of(v);

	timer_cancel(&s->more);
	s->bulk = false;
	memcpy(s->mac, s->nic.mac, 6);
	memset(s->rx_mode, 0, sizeof(s->rx_mode));
	/* Drivers that know no control queue get everything that the wire brings. */
	s->rx_mode[RX_PROMISC] = 1;
	s->table_count = 0;
	s->table_overflow_uni = s->table_overflow_multi = false;
	memset(s->vlans, 0, sizeof(s->vlans));
}

static const struct virtio_ops ops = {
	.features = F_CSUM | F_GUEST_CSUM | F_GUEST_TSO4 | F_GUEST_TSO6 | F_MAC | F_HOST_TSO4 |
		    F_HOST_TSO6 | F_MRG_RXBUF | F_STATUS | F_CTRL_VQ | F_CTRL_RX | F_CTRL_VLAN |
		    F_CTRL_RX_EXTRA | F_CTRL_MAC_ADDR,
	.queues = 3,
	.config_size = 10,
	.notify = notify,
	.config_read = config_read,
	.config_written = config_written,
	.status = status_changed,
	.reset = device_reset,
};

static struct error *virtio_net_init(struct device *dev)
{
	struct virtio_net *s = (struct virtio_net *)dev;
	struct error *err = nic_init(dev, &s->nic, &port_ops);

	if (err)
		return err;
	timer_init(&s->more, CLOCK_VIRTUAL, transmit_more, s);
	return virtio_init(&s->virtio, &ops);
}

static void virtio_net_reset(struct device *dev)
{
	virtio_reset(&((struct virtio_net *)dev)->virtio);
}

static void virtio_net_exit(struct device *dev)
{
	struct virtio_net *s = (struct virtio_net *)dev;

	timer_cancel(&s->more);
	net_port_free(s->nic.port);
}

static struct error *virtio_net_post_load(struct device *dev)
{
	struct virtio_net *s = (struct virtio_net *)dev;

	if (s->table_count > MAC_TABLE)
		return error_new("virtio-net: a table of %u addresses", s->table_count);
	return virtio_post_load(&s->virtio);
}

static const struct prop props[] = {NIC_PROPS(struct virtio_net, nic), PROP_END};

static const struct field state[] = {
	F_STRUCT(struct virtio_net, virtio, virtio_fields),
	F_BYTES(struct virtio_net, mac),
	F_BYTES(struct virtio_net, rx_mode),
	F_BYTES(struct virtio_net, table),
	F_U8(struct virtio_net, table_count),
	F_BOOL(struct virtio_net, table_overflow_uni),
	F_BOOL(struct virtio_net, table_overflow_multi),
	F_BYTES(struct virtio_net, vlans),
	F_TIMER(struct virtio_net, more),
	FIELD_END,
};

static const struct pci_info info = {
	.vendor = 0x1af4,
	.device = 0x1000,
	.class_code = 0x0200,
	.subsystem_vendor = 0x1af4,
	.subsystem = 1,
	.interrupt_pin = 1,
	.rom = "pxe-virtio.rom",
	.config_read = virtio_config_read,
	.config_written = virtio_config_written,
};

DEVICE_CLASS(virtio_net, .name = "virtio-net-pci", .help = "virtio network card", .bus = "PCI",
	     .size = sizeof(struct virtio_net), .props = props, .state = state,
	     .init = virtio_net_init, .reset = virtio_net_reset, .exit = virtio_net_exit,
	     .post_load = virtio_net_post_load, .bus_info = &info, .bus_props = pci_props);
