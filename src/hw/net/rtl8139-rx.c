/* RTL8139 reception: address filter, the ring buffer of the plain mode, the ring of C+ mode.
 * Source: RTL8139C+ data sheet, "Packet Reception" and "C+ mode: Receive". */
#include "hw/net/rtl8139.h"

#include "base/bytes.h"
#include "net/offload.h"

#include <string.h>

enum {
	RX_ROK = 0x0001,
	RX_BAR = 0x2000,
	RX_PAM = 0x4000,
	RX_MAR = 0x8000,
	RX_HEADER = 4,
	FCS = 4,

	DESCRIPTOR = 16,
	RING_MAX = 64,
	RXD_OWN = INT32_MIN, /* bit 31 */
	RXD_EOR = 1 << 30,
	RXD_FS = 1 << 29,
	RXD_LS = 1 << 28,
	RXD_MAR = 1 << 27,
	RXD_PAM = 1 << 26,
	RXD_BAR = 1 << 25,
	RXD_UDP = 2 << 16,
	RXD_TCP = 1 << 16,
	RXD_IP = 3 << 16,
	RXD_IPF = 1 << 15,
	RXD_UDPF = 1 << 14,
	RXD_TCPF = 1 << 13,
	RXD_TAVA = 1 << 16,
	RXD_SIZE = 0x1fff,
	LONGEST = 4096,
};

uint32_t rtl8139_ring_size(const struct rtl8139 *s)
{
	return 8192u << (s->rcr >> 11 & 3);
}

static uint32_t ring_free(const struct rtl8139 *s)
{
	uint32_t size = rtl8139_ring_size(s);
	uint32_t used = (s->cbr + size - s->capr) % size;

	return size - used;
}

static bool cplus_ready(struct rtl8139 *s)
{
	uint8_t d[4];

	pci_dma_read(&s->pci, s->rdsar + s->next_rx * (uint64_t)DESCRIPTOR, d, sizeof(d));
	return load_le32(d) & (uint32_t)RXD_OWN;
}

bool rtl8139_can_receive(void *opaque)
{
	struct rtl8139 *s = opaque;

	if (!(s->cr & CR_RE))
		return true; /* lost, as on the wire */
	if (s->cpcr & CPCR_RX)
		return cplus_ready(s);
	return ring_free(s) >= ETHER_MAX + 16;
}

/* The status word's address bits; 0 where nobody wants the frame. */
static uint16_t classify(struct rtl8139 *s, const uint8_t *frame)
{
	if (ether_is_broadcast(frame))
		return s->rcr & (RCR_AB | RCR_AAP) ? RX_BAR : 0;
	if (ether_is_multicast(frame)) {
		unsigned int hash = ether_hash_be(frame);
		bool wanted = s->rcr & RCR_AM && s->mar[hash >> 3] >> (hash & 7) & 1;
		return wanted || s->rcr & RCR_AAP ? RX_MAR : 0;
	}
	if (s->rcr & RCR_APM && memcmp(frame, s->idr, 6) == 0)
		return RX_PAM;
	return s->rcr & RCR_AAP ? RX_ROK : 0;
}

/* --- ring buffer --- */

static void ring_put(struct rtl8139 *s, const uint8_t *data, uint32_t len)
{
	uint32_t size = rtl8139_ring_size(s), room = size - s->cbr;

	/* With RCR.WRAP a frame that starts in the ring ends behind it, where the driver left
	 * room; only the next one starts over. */
	if (s->rcr & RCR_WRAP || len <= room) {
		pci_dma_write(&s->pci, (uint64_t)s->rbstart + s->cbr, data, len);
	} else {
		pci_dma_write(&s->pci, (uint64_t)s->rbstart + s->cbr, data, room);
		pci_dma_write(&s->pci, s->rbstart, data + room, len - room);
	}
}

static void receive_ring(struct rtl8139 *s, const uint8_t *frame, size_t len, uint16_t class)
{
	uint8_t data[RX_HEADER + LONGEST + FCS + 3];
	uint32_t total = (uint32_t)(RX_HEADER + len + FCS + 3) & ~3u;

	if (ring_free(s) <= total) {
		s->missed++;
		s->tally.missed++;
		rtl8139_raise(s, ISR_RXOVW);
		return;
	}
	store_le16(data, RX_ROK | (class & (RX_BAR | RX_PAM | RX_MAR)));
	store_le16(data + 2, (uint16_t)(len + FCS));
	memcpy(data + RX_HEADER, frame, len);
	store_le32(data + RX_HEADER + len, ether_crc(frame, len));
	ring_put(s, data, (uint32_t)(RX_HEADER + len + FCS));
	s->cbr = (uint16_t)((s->cbr + total) % rtl8139_ring_size(s));
	s->tally.rx_ok++;
	rtl8139_raise(s, ISR_ROK);
}

/* --- C+ --- */

static uint32_t class_bits(uint16_t class)
{
	return class == RX_BAR	 ? RXD_BAR
	       : class == RX_MAR ? RXD_MAR
	       : class == RX_PAM ? RXD_PAM
				 : 0;
}

static uint32_t checksum_bits(const struct rtl8139 *s, const uint8_t *frame, size_t len)
{
	struct frame_layout l;
	uint32_t bits = 0;

	if (!(s->cpcr & CPCR_RXCHKSUM) || !frame_parse(frame, len, &l) || !l.ipv4)
		return 0;
	if (!frame_ip_valid(frame, &l))
		bits |= RXD_IPF;
	if (l.tcp)
		return bits | RXD_TCP | (frame_l4_valid(frame, &l) ? 0 : RXD_TCPF);
	if (l.udp)
		return bits | RXD_UDP | (frame_l4_valid(frame, &l) ? 0 : RXD_UDPF);
	return bits | RXD_IP;
}

struct cplus_frame {
	const uint8_t *data;
	size_t len, done;
	uint32_t bits, vlan;
};

/* Fills one descriptor; false where the driver has none ready. */
static bool cplus_store(struct rtl8139 *s, struct cplus_frame *f)
{
	uint64_t at = s->rdsar + s->next_rx * (uint64_t)DESCRIPTOR;
	uint8_t d[DESCRIPTOR];

	pci_dma_read(&s->pci, at, d, sizeof(d));
	uint32_t options = load_le32(d), room = options & RXD_SIZE;
	if (!(options & (uint32_t)RXD_OWN) || room == 0)
		return false;
	size_t part = MIN(f->len - f->done, room);
	pci_dma_write(&s->pci, load_le64(d + 8), f->data + f->done, part);
	uint32_t status = (options & RXD_EOR) | f->bits | (f->done == 0 ? RXD_FS : 0);
	f->done += part;
	/* The last one holds the whole length. */
	status |= f->done == f->len ? RXD_LS | (uint32_t)f->len : (uint32_t)part;
	store_le32(d, status);
	store_le32(d + 4, f->vlan);
	pci_dma_write(&s->pci, at + 4, d + 4, 4);
	__atomic_thread_fence(__ATOMIC_RELEASE);
	pci_dma_write(&s->pci, at, d, 4);
	s->next_rx = options & RXD_EOR || s->next_rx == RING_MAX - 1 ? 0 : s->next_rx + 1;
	return true;
}

static void receive_cplus(struct rtl8139 *s, const uint8_t *frame, size_t len, uint16_t class)
{
	uint8_t data[LONGEST + FCS];
	struct cplus_frame f = {.data = data, .bits = class_bits(class)};
	size_t skip = 0;

	f.bits |= checksum_bits(s, frame, len);
	if (s->cpcr & CPCR_VLAN && len >= 18 && load_be16(frame + 12) == 0x8100) {
		f.vlan = RXD_TAVA | load_le16(frame + 14);
		skip = 4;
	}
	memcpy(data, frame, 12);
	memcpy(data + 12, frame + 12 + skip, len - 12 - skip);
	len -= skip;
	if (len < ETHER_MIN) {
		memset(data + len, 0, ETHER_MIN - len);
		len = ETHER_MIN;
	}
	store_le32(data + len, ether_crc(data, len));
	f.len = len + FCS;
	for (unsigned int i = 0; i < RING_MAX && f.done < f.len; i++) {
		if (!cplus_store(s, &f)) {
			s->tally.missed++;
			rtl8139_raise(s, ISR_RXOVW);
			return;
		}
	}
	s->tally.rx_ok++;
	rtl8139_raise(s, ISR_ROK);
}

bool rtl8139_receive(void *opaque, const uint8_t *frame, size_t len)
{
	struct rtl8139 *s = opaque;
	uint8_t padded[ETHER_MIN] = {0};

	if (!(s->cr & CR_RE) || len < ETHER_HEADER || len > LONGEST)
		return true;
	uint16_t class = classify(s, frame);
	if (!class)
		return true;
	if (class == RX_BAR)
		s->tally.rx_ok_broadcast++;
	else if (class == RX_MAR)
		s->tally.rx_ok_multicast++;
	else
		s->tally.rx_ok_phy++;
	if (len < ETHER_MIN) {
		memcpy(padded, frame, len);
		frame = padded;
		len = ETHER_MIN;
	}
	if (s->cpcr & CPCR_RX)
		receive_cplus(s, frame, len, class);
	else
		receive_ring(s, frame, len, class);
	return true;
}
