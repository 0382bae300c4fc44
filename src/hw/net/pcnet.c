/*
 * AMD Am79C970A PCnet-PCI II: control and status registers, bus configuration registers.
 * Source: Am79C970A data sheet (19436, revision E), "Register Summary" and "User Accessible
 * Registers".
 */
#include "hw/net/pcnet.h"

#include "base/bytes.h"
#include "base/log.h"

#include <string.h>

enum {
	PORTS = 32,
	/* register numbers that need a name */
	CSR_STATUS = 0,
	CSR_IADR = 1,
	CSR_MASK = 3,
	CSR_FEATURES = 4,
	CSR_LADRF = 8,
	CSR_PADR = 12,
	CSR_MODE = 15,
	CSR_SWS = 58,
	CSR_CHIP_ID = 88,
	BCR_LNKST = 4,
	BCR_BSBC = 18,
	BCR_EECAS = 19,
	BCR_SWS = 20,

	BSBC_DWIO = 0x0080,
	LNKST_LEDOUT = 0x8000,
	SWS_SSIZE32 = 0x0100,
	RESET_16 = 0x14,
	RESET_32 = 0x18,
};

static bool dword_io(const struct pcnet *s)
{
	return s->bcr[BCR_BSBC] & BSBC_DWIO;
}

void pcnet_update_irq(struct pcnet *s)
{
	uint16_t causes = s->csr[CSR_STATUS] & CSR0_CAUSES & (uint16_t)~s->csr[CSR_MASK];
	/* The status bits of CSR4 stand one above their masks. */
	uint16_t more = s->csr[CSR_FEATURES] & 0x022a & (uint16_t)~(s->csr[CSR_FEATURES] << 1);
	bool pending = causes || more;
	int level = pending && s->csr[CSR_STATUS] & CSR0_IENA;

	if (pending)
		s->csr[CSR_STATUS] |= CSR0_INTR;
	else
		s->csr[CSR_STATUS] &= (uint16_t)~CSR0_INTR;
	if (level == s->irq_level)
		return;
	s->irq_level = level;
	s->bus->set_irq(s->bus_opaque, level);
}

/* --- reset --- */

static void aprom_fill(struct pcnet *s)
{
	unsigned int sum = 0;

	memset(s->aprom, 0, sizeof(s->aprom));
	memcpy(s->aprom, s->nic.mac, 6);
	s->aprom[14] = s->aprom[15] = 0x57;
	for (unsigned int i = 0; i < 16; i++)
		sum += s->aprom[i];
	store_le16(s->aprom + 12, (uint16_t)sum);
}

/* What a read of the reset register does. */
static void soft_reset(struct pcnet *s)
{
	s->frame_len = 0;
	s->tx_open = false;
	s->rap = 0;
	s->csr[CSR_STATUS] = CSR0_STOP;
	s->csr[CSR_MASK] = 0;
	s->csr[CSR_FEATURES] = 0x0115;
	s->csr[5] = 0;
	s->csr[6] = 0;
	memset(&s->csr[CSR_LADRF], 0, 4 * sizeof(s->csr[0]));
	for (unsigned int i = 0; i < 3; i++)
		s->csr[CSR_PADR + i] = load_le16(s->aprom + 2 * i);
	s->csr[CSR_MODE] &= 0x21c4;
	s->csr[72] = s->csr[74] = 1;
	s->csr[76] = s->csr[78] = 1;
	s->csr[80] = 0x1410;
	s->csr[CSR_CHIP_ID] = 0x1003;
	s->csr[CSR_CHIP_ID + 1] = 0x0262;
	s->csr[112] = s->csr[114] = 0;
	timer_cancel(&s->poll);
}

void pcnet_reset(struct pcnet *s)
{
	static const uint16_t bcr[PCNET_BCRS] = {
		[0] = 0x0005,  [1] = 0x0005,	   [2] = 0x0002,  [BCR_LNKST] = 0x00c0,
		[5] = 0x0084,  [6] = 0x0088,	   [7] = 0x0090,  [BCR_BSBC] = 0x9001,
		[19] = 0x0002, [BCR_SWS] = 0x0200, [22] = 0xff06,
	};

	memset(s->csr, 0, sizeof(s->csr));
	memcpy(s->bcr, bcr, sizeof(s->bcr));
	aprom_fill(s);
	s->rx_ring = s->tx_ring = 0;
	s->irq_level = 0;
	soft_reset(s);
}

/* --- control and status registers --- */

static void start(struct pcnet *s)
{
	uint16_t mode = s->csr[CSR_MODE];

	s->csr[CSR_STATUS] &= (uint16_t)~CSR0_STOP;
	s->csr[CSR_STATUS] |= CSR0_STRT;
	if (!(mode & MODE_DTX))
		s->csr[CSR_STATUS] |= CSR0_TXON;
	if (!(mode & MODE_DRX))
		s->csr[CSR_STATUS] |= CSR0_RXON;
	net_flush(s->nic.port);
}

static void stop(struct pcnet *s)
{
	s->csr[CSR_STATUS] = CSR0_STOP;
	s->csr[CSR_FEATURES] &= 0xfdd5; /* its status bits */
	s->tx_open = false;
	s->frame_len = 0;
	timer_cancel(&s->poll);
}

static void status_write(struct pcnet *s, uint16_t value)
{
	uint16_t *csr0 = &s->csr[CSR_STATUS];

	*csr0 &= (uint16_t)~(value & CSR0_CLEAR);
	*csr0 = (*csr0 & (uint16_t)~CSR0_IENA) | (value & CSR0_IENA);
	if (value & CSR0_STOP) {
		stop(s);
	} else {
		/* INIT stays set until STOP; drivers that write back what they read do not ask
		 * again. */
		if (value & CSR0_INIT && !(*csr0 & CSR0_INIT)) {
			pcnet_load_init_block(s);
			*csr0 = (*csr0 & (uint16_t)~CSR0_STOP) | CSR0_INIT | CSR0_IDON;
		}
		if (value & CSR0_STRT && !(*csr0 & CSR0_STRT))
			start(s);
		if (value & CSR0_TDMD)
			pcnet_transmit(s);
	}
	pcnet_update_irq(s);
	if (value & CSR0_RINT)
		net_flush(s->nic.port);
}

static bool stopped_or_suspended(const struct pcnet *s)
{
	return s->csr[CSR_STATUS] & CSR0_STOP || s->csr[5] & CSR5_SPND;
}

/* Registers that the driver may set while the chip stands still. */
static void setup_write(struct pcnet *s, unsigned int n, uint16_t value)
{
	if (!stopped_or_suspended(s)) {
		log_printf(LOG_GUEST_ERRORS, "pcnet: CSR%u written while running\n", n);
		return;
	}
	s->csr[n] = value;
	switch (n) {
	case 24: s->rx_ring = (s->rx_ring & 0xffff0000) | value; break;
	case 25: s->rx_ring = (s->rx_ring & 0xffff) | (uint32_t)value << 16; break;
	case 30: s->tx_ring = (s->tx_ring & 0xffff0000) | value; break;
	case 31: s->tx_ring = (s->tx_ring & 0xffff) | (uint32_t)value << 16; break;
	/* Ring lengths are kept as two's complement; 0 would be a ring of 65536. */
	case 76: s->csr[72] = s->csr[76] = (uint16_t)-value ? (uint16_t)-value : 1; break;
	case 78: s->csr[74] = s->csr[78] = (uint16_t)-value ? (uint16_t)-value : 1; break;
	default: break;
	}
}

static void bcr_write(struct pcnet *s, unsigned int n, uint16_t value);

static void csr_write(struct pcnet *s, unsigned int n, uint16_t value)
{
	switch (n) {
	case CSR_STATUS: status_write(s, value); break;
	case CSR_MASK:
		s->csr[n] = value;
		pcnet_update_irq(s);
		break;
	case CSR_FEATURES:
		/* The status bits are cleared by ones. */
		s->csr[n] = (value & 0xfdd5) | (s->csr[n] & 0x022a & (uint16_t)~value);
		pcnet_update_irq(s);
		break;
	case 5:
		s->csr[n] = value & 0x5401;
		if (!(value & CSR5_SPND))
			net_flush(s->nic.port);
		break;
	case CSR_IADR:
	case 16: s->csr[CSR_IADR] = value; break;
	case CSR_IADR + 1:
	case 17: s->csr[CSR_IADR + 1] = value; break;
	case 8:
	case 9:
	case 10:
	case 11:
	case 12:
	case 13:
	case 14:
	case 15:
	case 18:
	case 19:
	case 24:
	case 25:
	case 30:
	case 31:
	case 76:
	case 78: setup_write(s, n, value); break;
	case 46:
	case 47:
	case 112:
	case 114: s->csr[n] = value; break;
	case CSR_SWS: bcr_write(s, BCR_SWS, value); break;
	default: break;
	}
}

static uint16_t csr_read(struct pcnet *s, unsigned int n)
{
	uint16_t value;

	switch (n) {
	case CSR_STATUS:
		value = s->csr[n];
		if (value & (CSR0_BABL | CSR0_CERR | CSR0_MISS | CSR0_MERR))
			value |= CSR0_ERR;
		return value;
	case 16: return s->csr[1];
	case 17: return s->csr[2];
	case 24: return (uint16_t)s->rx_ring;
	case 25: return (uint16_t)(s->rx_ring >> 16);
	case 30: return (uint16_t)s->tx_ring;
	case 31: return (uint16_t)(s->tx_ring >> 16);
	case CSR_SWS: return s->bcr[BCR_SWS];
	case 76:
	case 78: return (uint16_t)-s->csr[n];
	default: return s->csr[n];
	}
}

/* --- bus configuration registers --- */

static void bcr_write(struct pcnet *s, unsigned int n, uint16_t value)
{
	switch (n) {
	case BCR_SWS:
		if (!stopped_or_suspended(s))
			break;
		/* Styles 1 to 3 have 32-bit structures. */
		value &= 0x00ff;
		if (value > 3) {
			log_printf(LOG_GUEST_ERRORS, "pcnet: software style %u\n", value);
			value = 0;
		}
		s->bcr[n] = value | 0x0200 | (value ? SWS_SSIZE32 : 0);
		break;
	case BCR_BSBC: s->bcr[n] = (value & 0xff6f) | (s->bcr[n] & BSBC_DWIO); break;
	case 2:
	case 5:
	case 6:
	case 7:
	case 9:
	case 16:
	case 17:
	case 21:
	case 22: s->bcr[n] = value; break;
	case BCR_LNKST: s->bcr[n] = value & (uint16_t)~LNKST_LEDOUT; break;
	default: break;
	}
}

static uint16_t bcr_read(struct pcnet *s, unsigned int n)
{
	if (n >= PCNET_BCRS)
		return 0;
	if (n == BCR_LNKST)
		return s->bcr[n] | (net_link_up(s->nic.port) ? LNKST_LEDOUT : 0);
	if (n == BCR_EECAS)
		return s->bcr[n] | 0x8000; /* PVALID */
	return s->bcr[n];
}

/* --- ports --- */

enum window { WINDOW_NONE, WINDOW_RDP, WINDOW_RAP, WINDOW_RESET, WINDOW_BDP };

static enum window decode(const struct pcnet *s, unsigned int offset)
{
	static const enum window names[4] = {WINDOW_RDP, WINDOW_RAP, WINDOW_RESET, WINDOW_BDP};
	unsigned int step = dword_io(s) ? 4 : 2;

	if (offset < 0x10 || (offset - 0x10) % step || (offset - 0x10) / step > 3)
		return WINDOW_NONE;
	return names[(offset - 0x10) / step];
}

static uint64_t port_read(void *opaque, uint64_t offset, unsigned int size)
{
	struct pcnet *s = opaque;

	if (offset < 0x10) {
		uint64_t value = 0;
		for (unsigned int i = 0; i < size; i++)
			value |= (uint64_t)s->aprom[(offset + i) & 15] << 8 * i;
		return value;
	}
	switch (decode(s, (unsigned int)offset)) {
	case WINDOW_RDP: return csr_read(s, s->rap & (PCNET_CSRS - 1));
	case WINDOW_RAP: return s->rap;
	case WINDOW_RESET:
		soft_reset(s);
		pcnet_update_irq(s);
		return 0;
	case WINDOW_BDP: return bcr_read(s, s->rap);
	default: return UINT64_MAX;
	}
}

static void port_write(void *opaque, uint64_t offset, uint64_t value, unsigned int size)
{
	struct pcnet *s = opaque;

	/* The first doubleword written to RDP turns the ports into doublewords until reset. */
	if (offset == 0x10 && size == 4 && !dword_io(s))
		s->bcr[BCR_BSBC] |= BSBC_DWIO;
	if (size == 1)
		return;
	switch (decode(s, (unsigned int)offset)) {
	case WINDOW_RDP: csr_write(s, s->rap & (PCNET_CSRS - 1), (uint16_t)value); break;
	case WINDOW_RAP: s->rap = value & 0x7f; break;
	case WINDOW_BDP: bcr_write(s, s->rap, (uint16_t)value); break;
	default: break;
	}
}

static const struct region_ops port_ops = {
	.read = port_read, .write = port_write, .min_size = 1, .max_size = 4};

static void poll_descriptors(void *opaque)
{
	net_flush(((struct pcnet *)opaque)->nic.port);
}

void pcnet_init(struct pcnet *s, const struct pcnet_bus *bus, void *opaque)
{
	s->bus = bus;
	s->bus_opaque = opaque;
	timer_init(&s->poll, CLOCK_VIRTUAL, poll_descriptors, s);
	region_init_io(&s->io, "pcnet", PORTS, &port_ops, s);
	region_init_io(&s->mmio, "pcnet", PORTS, &port_ops, s);
}

struct error *pcnet_post_load(struct pcnet *s)
{
	if (s->frame_len > sizeof(s->frame))
		return error_new("pcnet: a frame of %u bytes is being sent", s->frame_len);
	if (s->bcr[BCR_SWS] > 0x0303 || s->csr[76] == 0 || s->csr[78] == 0)
		return error_new("pcnet: impossible rings");
	s->rap &= 0x7f;
	return NULL;
}

const struct field pcnet_fields[] = {
	F_ARRAY(struct pcnet, csr),
	F_ARRAY(struct pcnet, bcr),
	F_BYTES(struct pcnet, aprom),
	F_U16(struct pcnet, rap),
	F_U32(struct pcnet, rx_ring),
	F_U32(struct pcnet, tx_ring),
	F_BYTES(struct pcnet, frame),
	F_U32(struct pcnet, frame_len),
	F_BOOL(struct pcnet, tx_open),
	F_INT(struct pcnet, irq_level),
	FIELD_END,
};
