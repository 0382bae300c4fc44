/* 82540EM reception: address filter, VLAN, checksum check, descriptors.
 * Source: 317453, section 3.2. */
#include "hw/net/e1000.h"

#include "base/bytes.h"
#include "net/offload.h"

static uint32_t buffer_size(const struct e1000 *s)
{
	uint32_t size = 2048u >> (E1000_REG(s, RCTL) >> 16 & 3);

	/* BSEX times 16; with BSIZE 00b it is reserved and taken as without. */
	return E1000_REG(s, RCTL) & RCTL_BSEX && size < 2048 ? size * 16 : size;
}

static uint32_t ring_entries(const struct e1000 *s)
{
	return E1000_REG(s, RDLEN) / DESCRIPTOR;
}

static uint32_t ring_free(const struct e1000 *s)
{
	uint32_t entries = ring_entries(s), head = E1000_REG(s, RDH), tail = E1000_REG(s, RDT);

	if (head >= entries || tail >= entries)
		return 0;
	return (tail + entries - head) % entries;
}

bool e1000_can_receive(void *opaque)
{
	const struct e1000 *s = opaque;

	/* What comes while the receiver is off is lost, as on the wire. */
	if (!(E1000_REG(s, RCTL) & RCTL_EN))
		return true;
	return (uint64_t)ring_free(s) * buffer_size(s) >= ETHER_MAX + 8;
}

static bool vlan_tagged(const struct e1000 *s, const uint8_t *frame, size_t len)
{
	return len >= 18 && load_be16(frame + 12) == (E1000_REG(s, VET) & 0xffff);
}

static bool vlan_accepted(const struct e1000 *s, const uint8_t *frame, size_t len)
{
	if (!(E1000_REG(s, RCTL) & RCTL_VFE) || !vlan_tagged(s, frame, len))
		return true;
	unsigned int id = load_be16(frame + 14) & 0xfff;
	return E1000_REG(s, VFTA + (id >> 5) * 4) >> (id & 31) & 1;
}

static bool multicast_accepted(const struct e1000 *s, const uint8_t *frame)
{
	static const unsigned int shift[4] = {4, 3, 2, 0};
	unsigned int hash = (frame[5] << 8 | frame[4]) >> shift[E1000_REG(s, RCTL) >> 12 & 3];

	return E1000_REG(s, MTA + (hash >> 5 & 127) * 4) >> (hash & 31) & 1;
}

static bool exact_match(const struct e1000 *s, const uint8_t *frame)
{
	for (unsigned int i = 0; i < 16; i++) {
		uint32_t low = E1000_REG(s, RAL + 8 * i), high = E1000_REG(s, RAH + 8 * i);
		if (high & RAH_AV && load_le32(frame) == low &&
		    load_le16(frame + 4) == (high & 0xffff))
			return true;
	}
	return false;
}

static bool accepted(const struct e1000 *s, const uint8_t *frame, size_t len)
{
	uint32_t rctl = E1000_REG(s, RCTL);

	if (!vlan_accepted(s, frame, len))
		return false;
	if (ether_is_broadcast(frame) && rctl & RCTL_BAM)
		return true;
	if (ether_is_multicast(frame))
		return rctl & RCTL_MPE || exact_match(s, frame) || multicast_accepted(s, frame);
	return rctl & RCTL_UPE || exact_match(s, frame);
}

/* Status and error bits of the checks that RXCSUM asks for. */
static uint8_t check_sums(const struct e1000 *s, const uint8_t *frame, size_t len, uint8_t *errors)
{
	uint32_t rxcsum = E1000_REG(s, RXCSUM);
	struct frame_layout l;
	uint8_t status = 0;

	if (!(rxcsum & (RXCSUM_IPOFL | RXCSUM_TUOFL)) || !frame_parse(frame, len, &l))
		return RXD_IXSM;
	if (rxcsum & RXCSUM_IPOFL && l.ipv4) {
		status |= RXD_IPCS;
		*errors |= frame_ip_valid(frame, &l) ? 0 : RXD_IPE;
	}
	if (rxcsum & RXCSUM_TUOFL && (l.tcp || l.udp)) {
		status |= RXD_TCPCS;
		*errors |= frame_l4_valid(frame, &l) ? 0 : RXD_TCPE;
	}
	return status ? status : RXD_IXSM;
}

struct incoming {
	uint8_t data[E1000_RX_MAX + 8];
	size_t len;
	uint8_t status, errors;
	uint16_t special;
};

/* The frame as it lies in memory: padded, tag taken out, perhaps with its FCS. */
static void prepare(const struct e1000 *s, struct incoming *in, const uint8_t *frame, size_t len)
{
	size_t skip = 0;

	in->errors = 0;
	in->special = 0;
	in->status = check_sums(s, frame, len, &in->errors);
	if (E1000_REG(s, CTRL) & CTRL_VME && vlan_tagged(s, frame, len)) {
		in->special = load_be16(frame + 14);
		in->status |= RXD_VP;
		skip = 4;
	}
	memcpy(in->data, frame, 12);
	memcpy(in->data + 12, frame + 12 + skip, len - 12 - skip);
	in->len = len - skip;
	if (in->len < ETHER_MIN) {
		memset(in->data + in->len, 0, ETHER_MIN - in->len);
		in->len = ETHER_MIN;
	}
	if (!(E1000_REG(s, RCTL) & RCTL_SECRC)) {
		store_le32(in->data + in->len, ether_crc(in->data, in->len));
		in->len += 4;
	}
}

static void store_descriptor(struct e1000 *s, uint64_t at, const struct incoming *in, size_t part,
			     bool last)
{
	uint8_t d[8] = {0};
	uint8_t status = RXD_DD | (last ? RXD_EOP | in->status : 0);

	store_le16(d, (uint16_t)part);
	d[5] = last ? in->errors : 0;
	store_le16(d + 6, last ? in->special : 0);
	pci_dma_write(&s->pci, at + 8, d, sizeof(d));
	/* The driver looks at DD from another thread: everything else must be there before. */
	__atomic_thread_fence(__ATOMIC_RELEASE);
	pci_dma_write(&s->pci, at + 12, &status, 1);
}

static void store_frame(struct e1000 *s, const struct incoming *in)
{
	uint64_t base = (E1000_REG(s, RDBAL) & ~UINT32_C(15)) | (uint64_t)E1000_REG(s, RDBAH) << 32;
	uint32_t size = buffer_size(s);

	for (size_t done = 0; done < in->len;) {
		uint64_t at = base + E1000_REG(s, RDH) * (uint64_t)DESCRIPTOR;
		size_t part = in->len - done < size ? in->len - done : size;
		uint8_t address[8];
		pci_dma_read(&s->pci, at, address, sizeof(address));
		/* A null address stands for a descriptor without a buffer. */
		if (load_le64(address))
			pci_dma_write(&s->pci, load_le64(address), in->data + done, part);
		done += part;
		store_descriptor(s, at, in, part, done == in->len);
		E1000_REG(s, RDH) = (E1000_REG(s, RDH) + 1) % ring_entries(s);
	}
}

static void count_received(struct e1000 *s, const uint8_t *frame, size_t len)
{
	e1000_count(s, TPR);
	e1000_count(s, GPRC);
	e1000_count_octets(s, TORL, len + 4);
	e1000_count_octets(s, GORCL, len + 4);
	if (ether_is_broadcast(frame))
		e1000_count(s, BPRC);
	else if (ether_is_multicast(frame))
		e1000_count(s, MPRC);
}

bool e1000_receive(void *opaque, const uint8_t *frame, size_t len)
{
	struct e1000 *s = opaque;
	struct incoming in;
	size_t longest = E1000_REG(s, RCTL) & RCTL_LPE ? E1000_RX_MAX : ETHER_MAX + 4;

	if (!(E1000_REG(s, RCTL) & RCTL_EN) || len < ETHER_HEADER || len > longest ||
	    !accepted(s, frame, len))
		return true;
	prepare(s, &in, frame, len);
	if ((uint64_t)ring_free(s) * buffer_size(s) < in.len) {
		e1000_count(s, MPC);
		e1000_raise(s, ICR_RXO);
		return true;
	}
	store_frame(s, &in);
	count_received(s, frame, len);
	uint32_t threshold = ring_entries(s) >> ((E1000_REG(s, RCTL) >> 8 & 3) + 1);
	e1000_raise(s, ICR_RXT0 | (ring_free(s) <= threshold ? ICR_RXDMT0 : 0));
	return true;
}
