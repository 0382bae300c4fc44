/* RTL8139 transmission: the four descriptors of the plain mode and the rings of C+ mode.
 * Source: RTL8139C+ data sheet, "Transmit Status Registers" and "C+ mode: Transmit". */
#include "hw/net/rtl8139.h"

#include "base/bytes.h"
#include "base/log.h"
#include "net/offload.h"

#include <string.h>

enum {
	TSD_OWN = 0x2000,
	TSD_TOK = 0x8000,
	TSD_SIZE = 0x1fff,
	TCR_LOOPBACK = 3 << 17,

	DESCRIPTOR = 16,
	RING_MAX = 64,
	TXD_OWN = INT32_MIN, /* bit 31 */
	TXD_EOR = 1 << 30,
	TXD_FS = 1 << 29,
	TXD_LS = 1 << 28,
	TXD_LGSEN = 1 << 27,
	TXD_IPCS = 1 << 18,
	TXD_UDPCS = 1 << 17,
	TXD_TCPCS = 1 << 16,
	TXD_TAGC = 1 << 17,
};

static void put_on_wire(void *opaque, const uint8_t *frame, size_t len)
{
	struct rtl8139 *s = opaque;

	s->tally.tx_ok++;
	if ((s->tcr & TCR_LOOPBACK) == TCR_LOOPBACK)
		rtl8139_receive(s, frame, len);
	else
		net_send(s->nic.port, frame, len);
}

void rtl8139_transmit(struct rtl8139 *s, unsigned int n)
{
	uint32_t len = s->tsd[n] & TSD_SIZE;
	uint8_t frame[TSD_SIZE];

	if (!(s->cr & CR_TE) || s->transmitting) {
		log_printf(LOG_GUEST_ERRORS, "rtl8139: transmitter is off\n");
		return;
	}
	pci_dma_read(&s->pci, s->tsad[n], frame, len);
	s->transmitting = true;
	put_on_wire(s, frame, len);
	s->transmitting = false;
	s->tsd[n] |= TSD_OWN | TSD_TOK;
	rtl8139_raise(s, ISR_TOK);
}

/* --- C+ --- */

static void add_checksums(struct rtl8139 *s, uint32_t options)
{
	struct frame_layout l;

	if (!(options & (TXD_IPCS | TXD_UDPCS | TXD_TCPCS)) ||
	    !frame_parse(s->frame, s->frame_len, &l))
		return;
	if (options & TXD_IPCS)
		frame_ip_checksum(s->frame, &l);
	if ((options & TXD_TCPCS && l.tcp) || (options & TXD_UDPCS && l.udp))
		frame_l4_checksum(s->frame, &l);
}

static void insert_tag(struct rtl8139 *s, uint32_t vlan)
{
	if (!(vlan & TXD_TAGC) || s->frame_len < 12 || s->frame_len + 4 > sizeof(s->frame))
		return;
	memmove(s->frame + 16, s->frame + 12, s->frame_len - 12);
	store_be16(s->frame + 12, 0x8100);
	/* The descriptor holds the tag in network order. */
	store_le16(s->frame + 14, (uint16_t)vlan);
	s->frame_len += 4;
}

static void send_gathered(struct rtl8139 *s, uint32_t options, uint32_t vlan)
{
	insert_tag(s, vlan);
	if (options & TXD_LGSEN) {
		frame_segment(s->frame, s->frame_len, options >> 16 & 0x7ff, put_on_wire, s);
	} else {
		add_checksums(s, options);
		put_on_wire(s, s->frame, s->frame_len);
	}
	s->frame_len = 0;
}

/* Carries out one descriptor; false where it belongs to the driver. */
static bool one_descriptor(struct rtl8139 *s, uint64_t at, bool *end_of_ring)
{
	uint8_t d[DESCRIPTOR];

	pci_dma_read(&s->pci, at, d, sizeof(d));
	uint32_t options = load_le32(d), vlan = load_le32(d + 4);
	if (!(options & (uint32_t)TXD_OWN))
		return false;
	*end_of_ring = options & TXD_EOR;
	uint32_t len = options & 0xffff;
	if (options & TXD_FS)
		s->frame_len = 0;
	if (len > sizeof(s->frame) - s->frame_len) {
		log_printf(LOG_GUEST_ERRORS, "rtl8139: a frame of more than 64 KiB\n");
		len = (uint32_t)sizeof(s->frame) - s->frame_len;
	}
	pci_dma_read(&s->pci, load_le64(d + 8), s->frame + s->frame_len, len);
	s->frame_len += len;
	store_le32(d, options & ~(uint32_t)TXD_OWN);
	pci_dma_write(&s->pci, at, d, 4);
	if (options & TXD_LS)
		send_gathered(s, options, vlan);
	return true;
}

void rtl8139_cplus_transmit(struct rtl8139 *s, bool priority)
{
	unsigned int pair = priority ? 2 : 0, done = 0;
	uint64_t ring = (s->tsad[pair] & ~UINT32_C(255)) | (uint64_t)s->tsad[pair + 1] << 32;
	uint32_t *next = priority ? &s->next_tx_priority : &s->next_tx;
	bool end = false;

	if (!(s->cr & CR_TE) || !(s->cpcr & CPCR_TX) || s->transmitting)
		return;
	s->transmitting = true;
	for (; done < RING_MAX; done++) {
		if (!one_descriptor(s, ring + *next * (uint64_t)DESCRIPTOR, &end))
			break;
		*next = end || *next == RING_MAX - 1 ? 0 : *next + 1;
	}
	s->transmitting = false;
	if (done)
		rtl8139_raise(s, ISR_TOK | ISR_TDU);
}
