/* 82540EM transmission: legacy, context and data descriptors, checksum and segmentation offload.
 * Source: 317453, sections 3.3 to 3.5. */
#include "hw/net/e1000.h"

#include "base/bytes.h"
#include "base/log.h"
#include "net/offload.h"

/* What one run of the transmitter may do before others get their turn. */
enum {
	RUN_DESCRIPTORS = 1024,
	RUN_BYTES = 1 << 20,
	BULK = 4096, /* a frame from which on sending takes longer than waking another thread */
};

static void read_context(struct e1000 *s, const uint8_t *d)
{
	struct e1000_context c = {
		.ipcss = d[0],
		.ipcso = d[1],
		.ipcse = load_le16(d + 2),
		.tucss = d[4],
		.tucso = d[5],
		.tucse = load_le16(d + 6),
		.hdrlen = d[13],
		.mss = load_le16(d + 14),
	};

	if (d[11] & TUCMD_TSE)
		s->tso = c;
	else
		s->context = c;
}

/* Sums [start, end] (end 0: to the frame's end) on top of what stands at `place`. */
static void insert_checksum(uint8_t *frame, size_t len, size_t start, size_t end, size_t place)
{
	size_t stop = end && end + 1 < len ? end + 1 : len;

	if (start >= stop || place + 2 > len)
		return;
	store_be16(frame + place, inet_finish(inet_sum(frame + start, stop - start, 0)));
}

static void count_sent(struct e1000 *s, const uint8_t *frame, size_t len)
{
	e1000_count(s, TPT);
	e1000_count(s, GPTC);
	e1000_count_octets(s, TOTL, len + 4);
	e1000_count_octets(s, GOTCL, len + 4);
	if (ether_is_broadcast(frame))
		e1000_count(s, BPTC);
	else if (ether_is_multicast(frame))
		e1000_count(s, MPTC);
}

static bool adds_tag(const struct e1000 *s)
{
	return s->tx_command & TXD_VLE && E1000_REG(s, CTRL) & CTRL_VME;
}

static void put_on_wire(void *opaque, const uint8_t *frame, size_t len)
{
	struct e1000 *s = opaque;
	uint8_t tagged[E1000_FRAME_MAX + 4];

	count_sent(s, frame, len);
	if (adds_tag(s) && len >= 12) {
		memcpy(tagged, frame, 12);
		store_be16(tagged + 12, (uint16_t)E1000_REG(s, VET));
		store_be16(tagged + 14, s->tx_special);
		memcpy(tagged + 16, frame + 12, len - 12);
		frame = tagged;
		len += 4;
	}
	if (E1000_REG(s, RCTL) & RCTL_LBM)
		e1000_receive(s, frame, len);
	else
		net_send(s->nic.port, frame, len);
}

/* What the other end of the wire takes whole is not cut; the counters then know of one frame. */
static void send_segments(struct e1000 *s, size_t len, size_t mss)
{
	if (net_takes_large(s->nic.port) && !adds_tag(s) && !(E1000_REG(s, RCTL) & RCTL_LBM)) {
		count_sent(s, s->tx_frame, len);
		net_send_large(s->nic.port, s->tx_frame, len, mss);
	} else {
		frame_segment(s->tx_frame, len, mss, put_on_wire, s);
	}
	e1000_count(s, TSCTC);
}

static void send_frame(struct e1000 *s)
{
	bool segment = s->tx_command & TXD_DEXT && s->tx_command & TXD_TSE;
	const struct e1000_context *c = segment ? &s->tso : &s->context;
	size_t len = s->tx_len;

	s->bulk = len >= BULK;
	if (len < ETHER_HEADER)
		return;
	if (segment && c->mss) {
		send_segments(s, len, c->mss);
		return;
	}
	if (s->tx_popts & POPTS_TXSM)
		insert_checksum(s->tx_frame, len, c->tucss, c->tucse, c->tucso);
	if (s->tx_popts & POPTS_IXSM) {
		/* The field counts as zero in its own sum. */
		if (c->ipcso + 2u <= len)
			store_be16(s->tx_frame + c->ipcso, 0);
		insert_checksum(s->tx_frame, len, c->ipcss, c->ipcse, c->ipcso);
	}
	put_on_wire(s, s->tx_frame, len);
}

static void gather(struct e1000 *s, uint64_t addr, uint32_t len)
{
	if (len > sizeof(s->tx_frame) - s->tx_len) {
		log_printf(LOG_GUEST_ERRORS, "e1000: a frame of more than %zu bytes\n",
			   sizeof(s->tx_frame));
		len = (uint32_t)sizeof(s->tx_frame) - s->tx_len;
	}
	pci_dma_read(&s->pci, addr, s->tx_frame + s->tx_len, len);
	s->tx_len += len;
	s->tx_work += len;
}

/* A legacy descriptor's checksum: from CSS to the end, at CSO. */
static void legacy_checksum(struct e1000 *s, const uint8_t *d)
{
	if (d[11] & TXD_IC)
		insert_checksum(s->tx_frame, s->tx_len, d[13], 0, d[10]);
}

static void data_descriptor(struct e1000 *s, const uint8_t *d)
{
	uint8_t command = d[11];
	bool extended = command & TXD_DEXT;

	if (!s->tx_started) {
		s->tx_started = true;
		s->tx_len = 0;
		s->tx_command = command;
		s->tx_popts = extended ? d[13] : 0;
		s->tx_special = load_le16(d + 14);
	}
	gather(s, load_le64(d), extended ? load_le32(d + 8) & 0xfffff : load_le16(d + 8));
	if (!(command & TXD_EOP))
		return;
	/* VLE and the tag are looked at in the last descriptor. */
	s->tx_command |= command & TXD_VLE;
	s->tx_special = load_le16(d + 14);
	if (!extended)
		legacy_checksum(s, d);
	send_frame(s);
	s->tx_started = false;
	s->tx_len = 0;
}

static uint32_t one_descriptor(struct e1000 *s, uint64_t at)
{
	uint8_t d[DESCRIPTOR];

	pci_dma_read(&s->pci, at, d, sizeof(d));
	if (d[11] & TXD_DEXT && d[10] >> 4 != TXD_DTYP_DATA)
		read_context(s, d);
	else
		data_descriptor(s, d);
	if (!(d[11] & (TXD_RS | TXD_RPS)))
		return 0;
	d[12] |= TXD_DD;
	pci_dma_write(&s->pci, at + 12, d + 12, 1);
	return ICR_TXDW;
}

void e1000_transmit(struct e1000 *s)
{
	uint32_t entries = E1000_REG(s, TDLEN) / DESCRIPTOR, causes = 0;
	uint64_t base = (E1000_REG(s, TDBAL) & ~UINT32_C(15)) | (uint64_t)E1000_REG(s, TDBAH) << 32;

	if (!(E1000_REG(s, TCTL) & TCTL_EN) || s->transmitting)
		return;
	if (E1000_REG(s, TDH) >= entries || E1000_REG(s, TDT) >= entries) {
		if (entries)
			log_printf(LOG_GUEST_ERRORS, "e1000: TDH %u, TDT %u of %u descriptors\n",
				   E1000_REG(s, TDH), E1000_REG(s, TDT), entries);
		return;
	}
	s->transmitting = true;
	s->tx_work = 0;
	for (unsigned int n = 0; E1000_REG(s, TDH) != E1000_REG(s, TDT); n++) {
		if (n == RUN_DESCRIPTORS || s->tx_work >= RUN_BYTES) {
			timer_set(&s->more, clock_now(CLOCK_VIRTUAL));
			break;
		}
		causes |= one_descriptor(s, base + E1000_REG(s, TDH) * (uint64_t)DESCRIPTOR);
		E1000_REG(s, TDH) = (E1000_REG(s, TDH) + 1) % entries;
	}
	if (E1000_REG(s, TDH) == E1000_REG(s, TDT))
		causes |= ICR_TXQE;
	s->transmitting = false;
	if (causes)
		e1000_raise(s, causes);
}

void e1000_transmit_more(void *opaque)
{
	e1000_transmit(opaque);
}

/* In a stream of large frames the main thread sends, while the guest makes the next. */
void e1000_transmit_notified(struct e1000 *s)
{
	if (timer_pending(&s->more))
		return;
	if (s->bulk && !net_answers_at_once(s->nic.port))
		timer_set(&s->more, clock_now(CLOCK_VIRTUAL));
	else
		e1000_transmit(s);
}
