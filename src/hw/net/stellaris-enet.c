/*
 * Ethernet controller of the Stellaris LM3S6965 and its PHY. Source: LM3S6965 data sheet, chapter
 * "Ethernet Controller".
 *
 * A frame passes through the data register four bytes at a time. The first two bytes count: what
 * follows the header of 14 bytes on the way out, everything including themselves and the FCS on the
 * way in.
 */
#include "hw/net/stellaris-enet.h"

#include "base/bytes.h"
#include "base/log.h"

#include <glib.h>
#include <string.h>

enum {
	MACRIS = 0x00, /* write: MACIACK */
	MACIM = 0x04,
	MACRCTL = 0x08,
	MACTCTL = 0x0c,
	MACDATA = 0x10,
	MACIA0 = 0x14,
	MACIA1 = 0x18,
	MACTHR = 0x1c,
	MACMCTL = 0x20,
	MACMDV = 0x24,
	MACMTXD = 0x2c,
	MACMRXD = 0x30,
	MACNP = 0x34,
	MACTR = 0x38,
};
enum {
	INT_RX = 1 << 0,
	INT_TXER = 1 << 1,
	INT_TXEMP = 1 << 2,
	INT_FOV = 1 << 3,
	INT_RXER = 1 << 4,
	INT_MD = 1 << 5,
	INT_PHY = 1 << 6,
};
enum { RCTL_RXEN = 1, RCTL_AMUL = 2, RCTL_PRMS = 4, RCTL_RSTFIFO = 16 };
enum { TCTL_TXEN = 1, TCTL_PADEN = 2, TCTL_CRC = 4 };
enum { MCTL_START = 1, MCTL_WRITE = 2 };
enum { LENGTH_BYTES = 2, FCS_BYTES = 4 };

static void update_irq(struct stellaris_enet *e)
{
	irq_set(e->mmio.irqs[0], (e->ris & e->im) != 0);
}

/* --- PHY: its registers by the names of IEEE 802.3 clause 22 --- */

enum { BMCR, BMSR, PHYID1, PHYID2, ANAR, ANLPAR, ANER };
enum { BMSR_LINK = 1 << 2, BMSR_ANDONE = 1 << 5, BMCR_RESET = 1 << 15, BMCR_RESTART = 1 << 9 };

static void phy_reset(struct stellaris_enet *e)
{
	memset(e->phy, 0, sizeof(e->phy));
	e->phy[BMCR] = 0x3100;
	e->phy[BMSR] = 0x7849 | BMSR_ANDONE;
	e->phy[PHYID1] = 0x000e;
	e->phy[PHYID2] = 0x7237;
	e->phy[ANAR] = 0x01e1;
	e->phy[ANLPAR] = 0x45e1; /* the other side does everything, too */
	e->phy[ANER] = 1;
}

static uint16_t phy_read(struct stellaris_enet *e, unsigned int reg)
{
	if (reg == BMSR)
		return e->phy[BMSR] | (net_link_up(e->nic.port) ? BMSR_LINK : 0);
	return e->phy[reg];
}

static void phy_write(struct stellaris_enet *e, unsigned int reg, uint16_t value)
{
	if (reg == BMCR && value & BMCR_RESET)
		phy_reset(e);
	else if (reg == BMCR)
		e->phy[BMCR] = value & ~(unsigned int)BMCR_RESTART & 0xffff;
	else if (reg == ANAR || reg >= 16)
		e->phy[reg] = value;
}

static void mii_command(struct stellaris_enet *e, uint32_t value)
{
	unsigned int reg = value >> 3 & 31;

	e->mctl = value & 0xfa; /* START is over at once */
	if (!(value & MCTL_START))
		return;
	if (value & MCTL_WRITE)
		phy_write(e, reg, (uint16_t)e->mtxd);
	else
		e->mrxd = phy_read(e, reg);
	e->ris |= INT_MD;
}

/* --- transmitter --- */

/* Bytes that belong to the frame that is being written, 0 while its length is not known. */
static uint32_t tx_wanted(const struct stellaris_enet *e)
{
	return e->tx_len < 4 ? 0 : load_le16(e->tx) + (uint32_t)ETHER_HEADER + LENGTH_BYTES;
}

static void tx_send(struct stellaris_enet *e)
{
	uint32_t len = tx_wanted(e) - LENGTH_BYTES;
	uint8_t *frame = e->tx + LENGTH_BYTES;

	if (!(e->tctl & TCTL_CRC)) /* software has put its own FCS behind */
		len -= MIN(len, (uint32_t)FCS_BYTES);
	if (e->tctl & TCTL_PADEN && len < ETHER_MIN) {
		memset(frame + len, 0, ETHER_MIN - len);
		len = ETHER_MIN;
	}
	e->tx_len = 0;
	e->ris |= INT_TXEMP;
	if (e->tctl & TCTL_TXEN)
		net_send(e->nic.port, frame, len);
}

static bool tx_complete(const struct stellaris_enet *e)
{
	return e->tx_len >= 4 && e->tx_len >= tx_wanted(e);
}

static void tx_data(struct stellaris_enet *e, uint32_t value)
{
	if (e->tx_len + 4 > ENET_FIFO - ETHER_MIN ||
	    (e->tx_len >= 4 && tx_wanted(e) > ENET_FIFO - ETHER_MIN)) {
		log_printf(LOG_GUEST_ERRORS, "stellaris-enet: frame is too long\n");
		e->ris |= INT_TXER;
		e->tx_len = 0;
		return;
	}
	if (tx_complete(e))
		return; /* padding of the last word */
	store_le32(e->tx + e->tx_len, value);
	e->tx_len += 4;
	/* With a threshold a frame starts by itself once that much of it is there. */
	if (tx_complete(e) && e->thr < 0x3f)
		tx_send(e);
}

/* --- receiver --- */

static void rx_reset(struct stellaris_enet *e)
{
	e->rx_head = e->rx_count = e->rx_offset = 0;
}

static bool rx_accepts(const struct stellaris_enet *e, const uint8_t *frame)
{
	if (e->rctl & RCTL_PRMS || ether_is_broadcast(frame))
		return true;
	if (ether_is_multicast(frame))
		return e->rctl & RCTL_AMUL;
	return memcmp(frame, e->ia, 6) == 0;
}

static bool can_receive(void *opaque)
{
	const struct stellaris_enet *e = opaque;

	return !(e->rctl & RCTL_RXEN) || e->rx_count < ENET_RX_FRAMES;
}

static bool receive(void *opaque, const uint8_t *frame, size_t len)
{
	struct stellaris_enet *e = opaque;
	size_t padded = MAX(len, (size_t)ETHER_MIN);

	if (!(e->rctl & RCTL_RXEN) || len < ETHER_HEADER)
		return true;
	if (!rx_accepts(e, frame))
		return true;
	if (padded + LENGTH_BYTES + FCS_BYTES > ENET_FIFO)
		return true;
	if (e->rx_count >= ENET_RX_FRAMES)
		return false;
	struct enet_frame *f = &e->rx[(e->rx_head + e->rx_count++) % ENET_RX_FRAMES];
	f->len = (uint32_t)(padded + LENGTH_BYTES + FCS_BYTES);
	memset(f->data, 0, sizeof(f->data));
	store_le16(f->data, (uint16_t)f->len);
	memcpy(f->data + LENGTH_BYTES, frame, len);
	store_le32(f->data + LENGTH_BYTES + padded, ether_crc(f->data + LENGTH_BYTES, padded));
	e->ris |= INT_RX;
	update_irq(e);
	return true;
}

static uint32_t rx_data(struct stellaris_enet *e)
{
	struct enet_frame *f = &e->rx[e->rx_head];
	uint32_t value;

	if (!e->rx_count) {
		log_printf(LOG_GUEST_ERRORS, "stellaris-enet: there is no frame to read\n");
		return 0;
	}
	value = load_le32(f->data + e->rx_offset);
	e->rx_offset += 4;
	if (e->rx_offset >= f->len || e->rx_offset + 4 > ENET_FIFO) {
		e->rx_head = (e->rx_head + 1) % ENET_RX_FRAMES;
		e->rx_count--;
		e->rx_offset = 0;
		net_flush(e->nic.port);
	}
	return value;
}

/* --- registers --- */

static uint64_t enet_read(void *opaque, uint64_t offset, unsigned int size)
{
	struct stellaris_enet *e = opaque;

	switch (offset) {
	case MACRIS: return e->ris;
	case MACIM: return e->im;
	case MACRCTL: return e->rctl;
	case MACTCTL: return e->tctl;
	case MACDATA: return rx_data(e);
	case MACIA0: return load_le32(e->ia);
	case MACIA1: return load_le16(e->ia + 4);
	case MACTHR: return e->thr;
	case MACMCTL: return e->mctl;
	case MACMDV: return e->mdv;
	case MACMTXD: return e->mtxd;
	case MACMRXD: return e->mrxd;
	case MACNP: return e->rx_count;
	case MACTR: return 0;
	default: break;
	}
	log_printf(LOG_GUEST_ERRORS, "stellaris-enet: read of register %02x\n",
		   (unsigned int)offset);
	return 0;
}

static void rctl_write(struct stellaris_enet *e, uint32_t value)
{
	e->rctl = value & 0xf;
	if (value & RCTL_RSTFIFO)
		rx_reset(e);
	net_flush(e->nic.port);
}

static void enet_write(void *opaque, uint64_t offset, uint64_t value64, unsigned int size)
{
	struct stellaris_enet *e = opaque;
	uint32_t value = (uint32_t)value64;

	switch (offset) {
	case MACRIS:
		e->ris &= ~value;
		if (value & INT_TXER)
			e->tx_len = 0;
		break;
	case MACIM: e->im = value & 0x7f; break;
	case MACRCTL: rctl_write(e, value); break;
	case MACTCTL: e->tctl = value & 0x17; break;
	case MACDATA: tx_data(e, value); break;
	case MACIA0: store_le32(e->ia, value); break;
	case MACIA1: store_le16(e->ia + 4, (uint16_t)value); break;
	case MACTHR: e->thr = value & 0x3f; break;
	case MACMCTL: mii_command(e, value); break;
	case MACMDV: e->mdv = value & 0xff; break;
	case MACMTXD: e->mtxd = value & 0xffff; break;
	case MACMRXD: e->mrxd = value & 0xffff; break;
	case MACTR:
		if (value & 1 && tx_complete(e))
			tx_send(e);
		break;
	default:
		log_printf(LOG_GUEST_ERRORS, "stellaris-enet: write of register %02x\n",
			   (unsigned int)offset);
	}
	update_irq(e);
}

static const struct region_ops ops = {
	.read = enet_read, .write = enet_write, .min_size = 4, .max_size = 4};

/* --- the device --- */

static void link_changed(void *opaque, bool up)
{
	struct stellaris_enet *e = opaque;

	e->ris |= INT_PHY;
	update_irq(e);
}

static const struct net_port_ops port_ops = {.kind = "stellaris_enet",
					     .nic = true,
					     .can_receive = can_receive,
					     .receive = receive,
					     .link_changed = link_changed};

static struct error *enet_init(struct device *dev)
{
	struct stellaris_enet *e = (struct stellaris_enet *)dev;

	region_init_io(&e->mmio.regs, "stellaris-enet", 0x1000, &ops, e);
	return nic_init(dev, &e->nic, &port_ops);
}

static void enet_reset(struct device *dev)
{
	struct stellaris_enet *e = (struct stellaris_enet *)dev;

	e->ris = e->im = e->tctl = e->mctl = e->mtxd = e->mrxd = 0;
	e->rctl = 8; /* BADCRC */
	e->thr = 0x3f;
	e->mdv = 0x80;
	e->tx_len = 0;
	rx_reset(e);
	memcpy(e->ia, e->nic.mac, 6);
	phy_reset(e);
}

static struct error *enet_post_load(struct device *dev)
{
	const struct stellaris_enet *e = (struct stellaris_enet *)dev;

	if (e->tx_len > ENET_FIFO - ETHER_MIN || e->tx_len % 4 || e->rx_head >= ENET_RX_FRAMES ||
	    e->rx_count > ENET_RX_FRAMES || e->rx_offset > ENET_FIFO - 4 ||
	    tx_wanted(e) > ENET_FIFO - ETHER_MIN)
		return error_new("%s: impossible FIFO", dev->class->name);
	return NULL;
}

static void enet_exit(struct device *dev)
{
	net_port_free(((struct stellaris_enet *)dev)->nic.port);
}

static const struct prop props[] = {NIC_PROPS(struct stellaris_enet, nic), PROP_END};

static const struct field frame_state[] = {
	F_BYTES(struct enet_frame, data),
	F_U32(struct enet_frame, len),
	FIELD_END,
};

static const struct field state[] = {
	F_U32(struct stellaris_enet, ris),	 F_U32(struct stellaris_enet, im),
	F_U32(struct stellaris_enet, rctl),	 F_U32(struct stellaris_enet, tctl),
	F_U32(struct stellaris_enet, thr),	 F_U32(struct stellaris_enet, mctl),
	F_U32(struct stellaris_enet, mdv),	 F_U32(struct stellaris_enet, mtxd),
	F_U32(struct stellaris_enet, mrxd),	 F_ARRAY(struct stellaris_enet, phy),
	F_BYTES(struct stellaris_enet, ia),	 F_BYTES(struct stellaris_enet, tx),
	F_U32(struct stellaris_enet, tx_len),	 F_STRUCTS(struct stellaris_enet, rx, frame_state),
	F_U32(struct stellaris_enet, rx_head),	 F_U32(struct stellaris_enet, rx_count),
	F_U32(struct stellaris_enet, rx_offset), FIELD_END,
};

DEVICE_CLASS(stellaris_enet, .name = "stellaris_enet", .help = "Stellaris Ethernet controller",
	     .bus = "System", .size = sizeof(struct stellaris_enet), .props = props, .state = state,
	     .init = enet_init, .reset = enet_reset, .post_load = enet_post_load, .exit = enet_exit,
	     .hidden = true);
