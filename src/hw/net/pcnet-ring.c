/*
 * PCnet's memory structures: the initialization block and the descriptor rings in their software
 * styles. Source: Am79C970A data sheet, "Initialization Block", "Receive Descriptors", "Transmit
 * Descriptors".
 */
#include "hw/net/pcnet.h"

#include "base/bytes.h"
#include "base/log.h"

#include <glib.h>
#include <string.h>

enum {
	/* flags of RMD1 and TMD1, in the upper half of the 32-bit form */
	MD_OWN = 0x8000,
	MD_ERR = 0x4000,
	MD_BUFF = 0x0400,
	MD_STP = 0x0200,
	MD_ENP = 0x0100,
	MD_LTINT = 0x1000, /* transmit, where CSR5.LTINTEN is set */
	MD_PAM = 0x0040,
	MD_LAFM = 0x0020,
	MD_BAM = 0x0010,

	FCS = 4,
	POLL_NS = 1600 * 1000, /* about every 1.6 ms */
};

/* A descriptor, whatever its style. */
struct descriptor {
	uint32_t address;
	uint16_t flags;
	uint32_t room; /* bytes of its buffer */
	uint64_t at;
};

static unsigned int style(const struct pcnet *s)
{
	return s->bcr[20] & 0xff;
}

static unsigned int descriptor_size(const struct pcnet *s)
{
	return style(s) == 0 ? 8 : 16;
}

/* The 24-bit structures take the upper byte of all addresses from IADR. */
static uint32_t upper_byte(const struct pcnet *s)
{
	return style(s) == 0 ? (uint32_t)(s->csr[2] & 0xff00) << 16 : 0;
}

static uint32_t buffer_bytes(uint32_t bcnt)
{
	return 4096 - (bcnt & 0xfff);
}

static void descriptor_read(struct pcnet *s, uint64_t at, struct descriptor *d)
{
	uint8_t m[16];

	d->at = at;
	s->bus->read(s->bus_opaque, at, m, descriptor_size(s));
	if (style(s) == 0) {
		d->address = upper_byte(s) | (load_le32(m) & 0xffffff);
		d->flags = load_le16(m + 2) & 0xff00;
		d->room = buffer_bytes(load_le16(m + 4));
		return;
	}
	d->address = load_le32(m + (style(s) == 3 ? 8 : 0));
	d->flags = load_le16(m + 6);
	d->room = buffer_bytes(load_le16(m + 4));
}

/* Gives the descriptor back: the count word, then the flags with OWN clear. */
static void descriptor_write(struct pcnet *s, const struct descriptor *d, uint32_t word, bool rx)
{
	uint8_t b[4];

	if (style(s) == 0) {
		store_le16(b, (uint16_t)word);
		if (rx)
			s->bus->write(s->bus_opaque, d->at + 6, b, 2);
		__atomic_thread_fence(__ATOMIC_RELEASE);
		b[0] = (uint8_t)(d->flags >> 8);
		s->bus->write(s->bus_opaque, d->at + 3, b, 1);
		return;
	}
	store_le32(b, word);
	s->bus->write(s->bus_opaque, d->at + (style(s) == 3 ? 0 : 8), b, 4);
	__atomic_thread_fence(__ATOMIC_RELEASE);
	store_le16(b, d->flags);
	s->bus->write(s->bus_opaque, d->at + 6, b, 2);
}

/* RCVRC and XMTRC count down from the ring's length. */
static uint64_t ring_at(const struct pcnet *s, uint32_t base, uint16_t length, uint16_t counter)
{
	uint32_t index = counter && counter <= length ? (uint32_t)(length - counter) : 0;
	return base + (uint64_t)index * descriptor_size(s);
}

static void ring_advance(uint16_t length, uint16_t *counter)
{
	*counter = *counter <= 1 || *counter > length ? length : *counter - 1;
}

/* --- initialization --- */

static void init_block_32(struct pcnet *s, uint32_t at)
{
	uint8_t b[28];

	s->bus->read(s->bus_opaque, at, b, sizeof(b));
	s->csr[15] = load_le16(b);
	s->csr[76] = (uint16_t)(1u << MIN(b[2] >> 4, 9));
	s->csr[78] = (uint16_t)(1u << MIN(b[3] >> 4, 9));
	for (unsigned int i = 0; i < 3; i++)
		s->csr[12 + i] = load_le16(b + 4 + 2 * i);
	for (unsigned int i = 0; i < 4; i++)
		s->csr[8 + i] = load_le16(b + 12 + 2 * i);
	s->rx_ring = load_le32(b + 20);
	s->tx_ring = load_le32(b + 24);
}

static void init_block_16(struct pcnet *s, uint32_t at)
{
	uint8_t b[24];

	s->bus->read(s->bus_opaque, at, b, sizeof(b));
	s->csr[15] = load_le16(b);
	for (unsigned int i = 0; i < 3; i++)
		s->csr[12 + i] = load_le16(b + 2 + 2 * i);
	for (unsigned int i = 0; i < 4; i++)
		s->csr[8 + i] = load_le16(b + 8 + 2 * i);
	s->rx_ring = upper_byte(s) | (load_le32(b + 16) & 0xfffff8);
	s->tx_ring = upper_byte(s) | (load_le32(b + 20) & 0xfffff8);
	s->csr[76] = (uint16_t)(1u << (b[19] >> 5));
	s->csr[78] = (uint16_t)(1u << (b[23] >> 5));
}

void pcnet_load_init_block(struct pcnet *s)
{
	uint32_t at = s->csr[1] | (uint32_t)s->csr[2] << 16;

	if (style(s) == 0)
		init_block_16(s, at);
	else
		init_block_32(s, at);
	s->csr[72] = s->csr[76];
	s->csr[74] = s->csr[78];
}

/* --- transmission --- */

static void send_frame(struct pcnet *s)
{
	if (s->csr[15] & MODE_LOOP)
		pcnet_receive(s, s->frame, s->frame_len);
	else
		net_send(s->nic.port, s->frame, s->frame_len);
	s->frame_len = 0;
	s->tx_open = false;
}

static void gather(struct pcnet *s, const struct descriptor *d)
{
	uint32_t len = d->room;

	if (d->flags & MD_STP) {
		s->frame_len = 0;
		s->tx_open = true;
	}
	if (!s->tx_open)
		return; /* between frames: the chip looks for STP */
	if (len > sizeof(s->frame) - s->frame_len) {
		log_printf(LOG_GUEST_ERRORS, "pcnet: a frame of more than 64 KiB\n");
		len = (uint32_t)sizeof(s->frame) - s->frame_len;
	}
	s->bus->read(s->bus_opaque, d->address, s->frame + s->frame_len, len);
	s->frame_len += len;
	if (d->flags & MD_ENP) {
		send_frame(s);
		s->csr[4] |= CSR4_TXSTRT;
		if (!(s->csr[5] & CSR5_LTINTEN) || d->flags & MD_LTINT)
			s->csr[0] |= CSR0_TINT;
	}
}

void pcnet_transmit(struct pcnet *s)
{
	struct descriptor d;

	if (!(s->csr[0] & CSR0_TXON) || s->csr[5] & CSR5_SPND || s->transmitting)
		return;
	s->transmitting = true;
	/* One round of the ring at most: what the driver adds meanwhile comes with its own TDMD. */
	for (unsigned int i = 0; i < s->csr[78]; i++) {
		descriptor_read(s, ring_at(s, s->tx_ring, s->csr[78], s->csr[74]), &d);
		if (!(d.flags & MD_OWN))
			break;
		gather(s, &d);
		d.flags &= (uint16_t)~(MD_OWN | MD_ERR);
		descriptor_write(s, &d, 0, false);
		ring_advance(s->csr[78], &s->csr[74]);
	}
	s->transmitting = false;
	pcnet_update_irq(s);
}

/* --- reception --- */

/* The filter flag of a frame that is wanted, 0 otherwise; promiscuous frames carry MD_STP's
 * neighbour bits as they are. */
static bool accepted(const struct pcnet *s, const uint8_t *frame, uint16_t *flags)
{
	uint16_t mode = s->csr[15];
	uint8_t padr[6];

	*flags = 0;
	for (unsigned int i = 0; i < 3; i++)
		store_le16(padr + 2 * i, s->csr[12 + i]);
	if (ether_is_broadcast(frame)) {
		*flags = MD_BAM;
		return !(mode & MODE_DRCVBC) || mode & MODE_PROM;
	}
	if (ether_is_multicast(frame)) {
		/* The logical address filter is indexed by the upper bits of the reflected CRC. */
		unsigned int hash = ~ether_crc(frame, 6) >> 26;
		*flags = MD_LAFM;
		return s->csr[8 + (hash >> 4)] >> (hash & 15) & 1 || mode & MODE_PROM;
	}
	if (!(mode & MODE_DRCVPA) && memcmp(frame, padr, 6) == 0) {
		*flags = MD_PAM;
		return true;
	}
	return mode & MODE_PROM;
}

static bool current_descriptor(struct pcnet *s, struct descriptor *d)
{
	descriptor_read(s, ring_at(s, s->rx_ring, s->csr[76], s->csr[72]), d);
	return d->flags & MD_OWN;
}

static bool receiving(const struct pcnet *s)
{
	return s->csr[0] & CSR0_RXON && !(s->csr[5] & CSR5_SPND);
}

bool pcnet_can_receive(struct pcnet *s)
{
	struct descriptor d;

	if (!receiving(s) || current_descriptor(s, &d))
		return true; /* what comes while it is off is lost */
	if (!timer_pending(&s->poll))
		timer_set(&s->poll, clock_now(CLOCK_VIRTUAL) + POLL_NS);
	return false;
}

/* Spreads `len` bytes over descriptors; the last one carries the whole count. */
static bool store_frame(struct pcnet *s, const uint8_t *data, uint32_t len, uint16_t match)
{
	uint16_t position = MD_STP;
	struct descriptor d;

	for (uint32_t done = 0, n = 0; done < len; n++) {
		if (n == s->csr[76] || !current_descriptor(s, &d))
			return false;
		uint32_t part = MIN(len - done, d.room);
		s->bus->write(s->bus_opaque, d.address, data + done, part);
		done += part;
		d.flags = position;
		if (done == len)
			d.flags |= MD_ENP | (style(s) ? match : 0);
		descriptor_write(s, &d, done == len ? len : 0, true);
		ring_advance(s->csr[76], &s->csr[72]);
		position = 0;
	}
	return true;
}

bool pcnet_receive(struct pcnet *s, const uint8_t *frame, size_t len)
{
	uint8_t data[ETHER_MAX + 64 + FCS];
	uint16_t match;

	if (!receiving(s) || len < ETHER_HEADER || len > ETHER_MAX + 4 ||
	    !accepted(s, frame, &match))
		return true;
	memcpy(data, frame, len);
	if (len < ETHER_MIN) {
		memset(data + len, 0, ETHER_MIN - len);
		len = ETHER_MIN;
	}
	store_le32(data + len, ether_crc(data, len));
	if (store_frame(s, data, (uint32_t)(len + FCS), match)) {
		s->csr[0] |= CSR0_RINT;
	} else {
		s->csr[0] |= CSR0_MISS;
		s->csr[112]++;
	}
	pcnet_update_irq(s);
	return true;
}
