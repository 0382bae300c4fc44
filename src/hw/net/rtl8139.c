/*
 * Realtek RTL8139C+ fast Ethernet: registers, EEPROM, timer, interrupts.
 * Source: RTL8139C(L)+ data sheet (version 1.6, 2002) with its C+ mode, and the RTL8139D data sheet
 * for the common part.
 */
#include "hw/net/rtl8139.h"

#include "base/bytes.h"
#include "base/log.h"

#include <string.h>

enum {
	PORTS = 256,
	EEM_MASK = 0xc0,
	EEM_AUTOLOAD = 0x40,
	EEM_PROGRAM = 0x80,
	EEM_CONFIG = 0xc0,
	EECS = 0x08,
	EESK = 0x04,
	EEDI = 0x02,
	EEDO = 0x01,
	TCR_VERSION = 0x74800000, /* C+ */
	TCR_VERSION_BITS = 0x7cc00000,
	TSD_OWN = 0x2000,
	MSR_LINKB = 0x04,
	BMSR_LINK = 0x0004,
	BMSR_DONE = 0x0020,
	DTCCR_CMD = 0x08,
	TALLY_SIZE = 64,
	PCI_CLOCK = 33000000,
};

static void update_irq(struct rtl8139 *s)
{
	int level = (s->isr & s->imr) != 0;

	if (level == s->irq_level)
		return;
	s->irq_level = level;
	pci_set_irq(&s->pci, level);
}

void rtl8139_raise(struct rtl8139 *s, uint16_t causes)
{
	s->isr |= causes;
	update_irq(s);
}

/* --- the timer: 33 MHz --- */

static uint32_t timer_count(const struct rtl8139 *s)
{
	return (uint32_t)mul_div_u64((uint64_t)(clock_now(CLOCK_VIRTUAL) - s->timer_base),
				     PCI_CLOCK, NS_PER_S);
}

static void timer_arm(struct rtl8139 *s)
{
	if (!s->timer_int)
		timer_cancel(&s->timer);
	else
		timer_set(&s->timer,
			  s->timer_base + (int64_t)mul_div_u64(s->timer_int, NS_PER_S, PCI_CLOCK));
}

static void timer_fired(void *opaque)
{
	rtl8139_raise(opaque, ISR_TIMEOUT);
}

/* --- tally counters --- */

static void tally_dump(struct rtl8139 *s)
{
	const struct rtl8139_tally *t = &s->tally;
	uint8_t d[TALLY_SIZE] = {0};

	store_le64(d, t->tx_ok);
	store_le64(d + 8, t->rx_ok);
	store_le64(d + 16, t->tx_err);
	store_le32(d + 24, t->rx_err);
	store_le16(d + 28, t->missed);
	store_le16(d + 30, t->fae);
	store_le32(d + 32, t->tx_one_collision);
	store_le32(d + 36, t->tx_more_collisions);
	store_le64(d + 40, t->rx_ok_phy);
	store_le64(d + 48, t->rx_ok_broadcast);
	store_le32(d + 56, t->rx_ok_multicast);
	store_le16(d + 60, t->tx_abort);
	store_le16(d + 62, t->tx_underrun);
	pci_dma_write(&s->pci, (s->tsd[0] & ~UINT32_C(63)) | (uint64_t)s->tsd[1] << 32, d,
		      sizeof(d));
	s->tsd[0] &= ~(uint32_t)DTCCR_CMD;
}

/* --- reset --- */

static void load_address(struct rtl8139 *s)
{
	for (unsigned int i = 0; i < 3; i++)
		store_le16(s->idr + 2 * i, s->eeprom.words[7 + i]);
}

/* CR.RST: the data path; addresses, EEPROM and PHY stay. */
static void soft_reset(struct rtl8139 *s)
{
	s->cr = CR_BUFE;
	s->isr = s->imr = 0;
	s->tcr = s->rcr = 0;
	s->capr = s->cbr = 0;
	s->cpcr = 0;
	s->next_tx = s->next_rx = s->next_tx_priority = s->frame_len = 0;
	s->timer_int = s->missed = 0;
	timer_cancel(&s->timer);
	s->timer_base = clock_now(CLOCK_VIRTUAL);
	for (unsigned int i = 0; i < 4; i++) {
		s->tsd[i] = TSD_OWN;
		s->tsad[i] = 0;
	}
	load_address(s);
}

static void full_reset(struct rtl8139 *s)
{
	soft_reset(s);
	memset(s->mar, 0, sizeof(s->mar));
	memset(&s->tally, 0, sizeof(s->tally));
	s->rbstart = 0;
	s->rdsar = 0;
	s->etthr = 0;
	s->multiple_int = 0;
	s->cr9346 = 0;
	s->config0 = 0x10;
	s->config1 = 0x0c; /* I/O and memory mapped */
	s->config3 = 0x01;
	s->config4 = s->config5 = 0;
	s->bmcr = 0x1000;
	s->anar = 0x05e1;
	s->cscr = 0x03c8;
	eeprom93_reset(&s->eeprom);
}

/* --- byte registers --- */

static void cr_write(struct rtl8139 *s, uint8_t value)
{
	if (value & CR_RST) {
		soft_reset(s);
		update_irq(s);
		return;
	}
	if (value & CR_TE && !(s->cr & CR_TE))
		s->next_tx = s->next_tx_priority = s->frame_len = 0;
	if (value & CR_RE && !(s->cr & CR_RE))
		s->next_rx = 0;
	s->cr = (s->cr & CR_BUFE) | (value & (CR_TE | CR_RE));
	if (value & CR_RE)
		net_flush(s->nic.port);
}

static void cr9346_write(struct rtl8139 *s, uint8_t value)
{
	s->cr9346 = value & 0xce;
	switch (value & EEM_MASK) {
	case EEM_PROGRAM:
		eeprom93_pins(&s->eeprom, value & EECS, value & EESK, value & EEDI);
		break;
	case EEM_AUTOLOAD:
		load_address(s);
		s->cr9346 = 0;
		break;
	default: eeprom93_pins(&s->eeprom, false, false, false); break;
	}
}

static bool config_unlocked(const struct rtl8139 *s)
{
	return (s->cr9346 & EEM_MASK) == EEM_CONFIG;
}

static void config_write(struct rtl8139 *s, uint8_t *reg, uint8_t mask, uint8_t value)
{
	if (config_unlocked(s))
		*reg = (*reg & (uint8_t)~mask) | (value & mask);
	else
		log_printf(LOG_GUEST_ERRORS, "rtl8139: configuration registers are locked\n");
}

static void write8(struct rtl8139 *s, unsigned int reg, uint8_t value)
{
	if (reg < IDR0 + 6) {
		s->idr[reg] = value;
		return;
	}
	if (reg >= MAR0 && reg < MAR0 + 8) {
		s->mar[reg - MAR0] = value;
		return;
	}
	switch (reg) {
	case CR: cr_write(s, value); break;
	case CR9346: cr9346_write(s, value); break;
	case CONFIG0: break;
	case CONFIG1: config_write(s, &s->config1, 0xf3, value); break;
	case MSR: break;
	case CONFIG3: config_write(s, &s->config3, 0x6e, value); break;
	case CONFIG4: config_write(s, &s->config4, 0xff, value); break;
	case CONFIG5: s->config5 = value; break;
	case TPPOLL:
		if (value & 0x80)
			rtl8139_cplus_transmit(s, true);
		if (value & 0x40)
			rtl8139_cplus_transmit(s, false);
		break;
	case ETTHR: s->etthr = value & 0x3f; break;
	default: break;
	}
}

static uint8_t read8(struct rtl8139 *s, unsigned int reg)
{
	if (reg < IDR0 + 6)
		return s->idr[reg];
	if (reg >= MAR0 && reg < MAR0 + 8)
		return s->mar[reg - MAR0];
	switch (reg) {
	case CR: return (s->cr & (CR_TE | CR_RE)) | (s->capr == s->cbr ? CR_BUFE : 0);
	case CR9346: return s->cr9346 | (eeprom93_out(&s->eeprom) ? EEDO : 0);
	case CONFIG0: return s->config0;
	case CONFIG1: return s->config1;
	case MSR: return 0xd0 | (net_link_up(s->nic.port) ? 0 : MSR_LINKB);
	case CONFIG3: return s->config3;
	case CONFIG4: return s->config4;
	case CONFIG5: return s->config5;
	case ETTHR: return s->etthr;
	default: return 0;
	}
}

/* --- word registers --- */

/* TSAD: what the four descriptors' status words say, side by side. */
static uint16_t all_status(const struct rtl8139 *s)
{
	uint16_t value = 0;

	for (unsigned int i = 0; i < 4; i++) {
		value |= (uint16_t)((s->tsd[i] >> 13 & 1) << i);	/* OWN */
		value |= (uint16_t)((s->tsd[i] >> 30 & 1) << (4 + i));	/* TABT */
		value |= (uint16_t)((s->tsd[i] >> 14 & 1) << (8 + i));	/* TUN */
		value |= (uint16_t)((s->tsd[i] >> 15 & 1) << (12 + i)); /* TOK */
	}
	return value;
}

static uint16_t bmsr(const struct rtl8139 *s)
{
	return 0x7809 | (net_link_up(s->nic.port) ? BMSR_LINK | BMSR_DONE : 0);
}

static void capr_write(struct rtl8139 *s, uint16_t value)
{
	/* The register is 16 less than the place up to which the driver has read. */
	s->capr = (uint16_t)((value + 16u) % rtl8139_ring_size(s));
	net_flush(s->nic.port);
}

static bool is_word(unsigned int reg)
{
	switch (reg) {
	case CAPR:
	case CBR:
	case IMR:
	case ISR:
	case MULINT:
	case TSAD:
	case BMCR:
	case BMSR:
	case ANAR:
	case ANLPAR:
	case ANER:
	case NWAYTR:
	case CSCR:
	case CPCR: return true;
	default: return false;
	}
}

static uint16_t read16(struct rtl8139 *s, unsigned int reg)
{
	switch (reg) {
	case CAPR: return (uint16_t)(s->capr - 16);
	case CBR: return s->cbr;
	case IMR: return s->imr;
	case ISR: return s->isr;
	case MULINT: return s->multiple_int;
	case TSAD: return all_status(s);
	case BMCR: return s->bmcr;
	case BMSR: return bmsr(s);
	case ANAR: return s->anar;
	case ANLPAR: return net_link_up(s->nic.port) ? 0x45e1 : 0;
	case ANER: return 1;
	case CSCR: return s->cscr;
	case CPCR: return s->cpcr;
	default: return 0;
	}
}

static void write16(struct rtl8139 *s, unsigned int reg, uint16_t value)
{
	switch (reg) {
	case CAPR: capr_write(s, value); break;
	case IMR:
		s->imr = value & ISR_BITS;
		update_irq(s);
		/* Descriptors are given back without a word; after that drivers unmask. */
		net_flush(s->nic.port);
		break;
	case ISR:
		s->isr &= (uint16_t)~value;
		update_irq(s);
		net_flush(s->nic.port);
		break;
	case MULINT: s->multiple_int = value; break;
	case BMCR: s->bmcr = value & 0x3100; break; /* negotiation ends at once */
	case ANAR: s->anar = value; break;
	case CSCR: s->cscr = value; break;
	case CPCR: s->cpcr = value & 0x03ff; break;
	default: break;
	}
}

/* --- doubleword registers --- */

static bool is_dword(unsigned int reg)
{
	return (reg >= TSD0 && reg < CR - 3) || reg == TCR || reg == RCR || reg == TCTR ||
	       reg == MPC || reg == TIMER_INT || reg == RDSAR || reg == RDSAR + 4;
}

static uint32_t read32(struct rtl8139 *s, unsigned int reg)
{
	if (reg >= TSD0 && reg < TSD0 + 16)
		return s->tsd[(reg - TSD0) / 4];
	if (reg >= TSAD0 && reg < TSAD0 + 16)
		return s->tsad[(reg - TSAD0) / 4];
	switch (reg) {
	case RBSTART: return s->rbstart;
	case TCR: return s->tcr | TCR_VERSION;
	case RCR: return s->rcr;
	case TCTR: return timer_count(s);
	case MPC: return s->missed;
	case TIMER_INT: return s->timer_int;
	case RDSAR: return (uint32_t)s->rdsar;
	case RDSAR + 4: return (uint32_t)(s->rdsar >> 32);
	default: return 0;
	}
}

static void tsd_write(struct rtl8139 *s, unsigned int n, uint32_t value)
{
	if (s->cpcr & (CPCR_TX | CPCR_RX)) {
		s->tsd[n] = value;
		if (n == 0 && value & DTCCR_CMD)
			tally_dump(s);
		return;
	}
	s->tsd[n] = value & 0x003fffff & ~(uint32_t)0xc000;
	if (!(value & TSD_OWN))
		rtl8139_transmit(s, n);
}

static void write32(struct rtl8139 *s, unsigned int reg, uint32_t value)
{
	if (reg >= TSD0 && reg < TSD0 + 16) {
		tsd_write(s, (reg - TSD0) / 4, value);
		return;
	}
	if (reg >= TSAD0 && reg < TSAD0 + 16) {
		s->tsad[(reg - TSAD0) / 4] = value;
		return;
	}
	switch (reg) {
	case RBSTART:
		s->rbstart = value;
		s->cbr = 0; /* receiving starts at the buffer's start */
		break;
	case TCR: s->tcr = value & ~(uint32_t)TCR_VERSION_BITS; break;
	case RCR:
		s->rcr = value & 0xffffff;
		net_flush(s->nic.port);
		break;
	case TCTR:
		s->timer_base = clock_now(CLOCK_VIRTUAL);
		timer_arm(s);
		break;
	case MPC: s->missed = 0; break;
	case TIMER_INT:
		s->timer_int = value;
		timer_arm(s);
		break;
	case RDSAR: s->rdsar = (s->rdsar & ~UINT64_C(0xffffffff)) | (value & ~255u); break;
	case RDSAR + 4: s->rdsar = (s->rdsar & 0xffffffff) | (uint64_t)value << 32; break;
	default: break;
	}
}

/* --- accesses of any size --- */

static uint64_t register_read(void *opaque, uint64_t offset, unsigned int size)
{
	struct rtl8139 *s = opaque;
	unsigned int reg = (unsigned int)offset & (PORTS - 1);
	uint64_t value = 0;

	for (unsigned int done = 0; done < size; done++) {
		unsigned int at = reg + done;
		uint8_t byte;
		if (is_dword(at & ~3u))
			byte = (uint8_t)(read32(s, at & ~3u) >> 8 * (at & 3));
		else if (is_word(at & ~1u))
			byte = (uint8_t)(read16(s, at & ~1u) >> 8 * (at & 1));
		else
			byte = read8(s, at);
		value |= (uint64_t)byte << 8 * done;
	}
	return value;
}

/* A part of a wider register: the rest keeps what it holds. */
static uint32_t merge(uint32_t old, unsigned int byte, uint32_t value, unsigned int size)
{
	uint32_t mask = (size == 4 ? 0xffffffffu : (1u << 8 * size) - 1) << 8 * byte;
	return (old & ~mask) | (value << 8 * byte & mask);
}

static void register_write(void *opaque, uint64_t offset, uint64_t value, unsigned int size)
{
	struct rtl8139 *s = opaque;
	unsigned int reg = (unsigned int)offset & (PORTS - 1);

	while (size) {
		unsigned int part = 1;
		if (is_dword(reg & ~3u)) {
			part = MIN(size, 4 - (reg & 3));
			write32(s, reg & ~3u,
				merge(read32(s, reg & ~3u), reg & 3, (uint32_t)value, part));
		} else if (is_word(reg & ~1u)) {
			part = MIN(size, 2 - (reg & 1));
			/* Ones clear ISR's bits, so what is not written counts as zero there. */
			uint32_t old = reg / 2 == ISR / 2 ? 0 : read16(s, reg & ~1u);
			write16(s, reg & ~1u, (uint16_t)merge(old, reg & 1, (uint32_t)value, part));
		} else {
			write8(s, reg, (uint8_t)value);
		}
		reg += part;
		size -= part;
		value >>= 8 * part;
	}
}

static const struct region_ops register_ops = {
	.read = register_read, .write = register_write, .min_size = 1, .max_size = 4};

/* --- the device --- */

static void link_changed(void *opaque, bool up)
{
	rtl8139_raise(opaque, ISR_LINK);
}

static const struct net_port_ops port_ops = {
	.kind = "rtl8139",
	.nic = true,
	.can_receive = rtl8139_can_receive,
	.receive = rtl8139_receive,
	.link_changed = link_changed,
};

static void eeprom_fill(struct rtl8139 *s)
{
	s->eeprom.address_bits = 6;
	s->eeprom.words[0] = 0x8129;
	s->eeprom.words[1] = 0x10ec;
	s->eeprom.words[2] = 0x8139;
	for (unsigned int i = 0; i < 3; i++)
		s->eeprom.words[7 + i] = load_le16(s->nic.mac + 2 * i);
}

static struct error *rtl8139_init(struct device *dev)
{
	struct rtl8139 *s = (struct rtl8139 *)dev;
	struct error *err = nic_init(dev, &s->nic, &port_ops);

	if (err)
		return err;
	timer_init(&s->timer, CLOCK_VIRTUAL, timer_fired, s);
	eeprom_fill(s);
	region_init_io(&s->io, "rtl8139", PORTS, &register_ops, s);
	region_init_io(&s->mmio, "rtl8139", PORTS, &register_ops, s);
	pci_add_bar(&s->pci, 0, &s->io, PCI_BAR_IO);
	pci_add_bar(&s->pci, 1, &s->mmio, PCI_BAR_MEM);
	return NULL;
}

static void rtl8139_reset(struct device *dev)
{
	struct rtl8139 *s = (struct rtl8139 *)dev;

	full_reset(s);
	s->irq_level = 0;
}

static void rtl8139_exit(struct device *dev)
{
	struct rtl8139 *s = (struct rtl8139 *)dev;

	timer_cancel(&s->timer);
	net_port_free(s->nic.port);
}

static struct error *rtl8139_post_load(struct device *dev)
{
	struct rtl8139 *s = (struct rtl8139 *)dev;

	if (s->frame_len > sizeof(s->frame))
		return error_new("rtl8139: a frame of %u bytes is being sent", s->frame_len);
	s->next_tx &= 63;
	s->next_rx &= 63;
	s->next_tx_priority &= 63;
	s->capr %= rtl8139_ring_size(s);
	s->cbr %= rtl8139_ring_size(s);
	return NULL;
}

static const struct prop props[] = {NIC_PROPS(struct rtl8139, nic), PROP_END};

static const struct field tally_fields[] = {
	F_U64(struct rtl8139_tally, tx_ok),
	F_U64(struct rtl8139_tally, rx_ok),
	F_U64(struct rtl8139_tally, tx_err),
	F_U32(struct rtl8139_tally, rx_err),
	F_U16(struct rtl8139_tally, missed),
	F_U64(struct rtl8139_tally, rx_ok_phy),
	F_U64(struct rtl8139_tally, rx_ok_broadcast),
	F_U32(struct rtl8139_tally, rx_ok_multicast),
	FIELD_END,
};

static const struct field state[] = {
	F_PCI(struct rtl8139, pci),
	F_STRUCT(struct rtl8139, eeprom, eeprom93_fields),
	F_BYTES(struct rtl8139, idr),
	F_BYTES(struct rtl8139, mar),
	F_ARRAY(struct rtl8139, tsd),
	F_ARRAY(struct rtl8139, tsad),
	F_U32(struct rtl8139, rbstart),
	F_U16(struct rtl8139, capr),
	F_U16(struct rtl8139, cbr),
	F_U16(struct rtl8139, imr),
	F_U16(struct rtl8139, isr),
	F_U32(struct rtl8139, tcr),
	F_U32(struct rtl8139, rcr),
	F_U32(struct rtl8139, timer_int),
	F_U32(struct rtl8139, missed),
	F_U8(struct rtl8139, cr),
	F_U8(struct rtl8139, cr9346),
	F_U8(struct rtl8139, config0),
	F_U8(struct rtl8139, config1),
	F_U8(struct rtl8139, config3),
	F_U8(struct rtl8139, config4),
	F_U8(struct rtl8139, config5),
	F_U16(struct rtl8139, bmcr),
	F_U16(struct rtl8139, anar),
	F_U16(struct rtl8139, cscr),
	F_U16(struct rtl8139, multiple_int),
	F_U16(struct rtl8139, cpcr),
	F_U64(struct rtl8139, rdsar),
	F_U8(struct rtl8139, etthr),
	F_U64(struct rtl8139, timer_base),
	F_TIMER(struct rtl8139, timer),
	F_U32(struct rtl8139, next_tx),
	F_U32(struct rtl8139, next_rx),
	F_U32(struct rtl8139, next_tx_priority),
	F_STRUCT(struct rtl8139, tally, tally_fields),
	F_BYTES(struct rtl8139, frame),
	F_U32(struct rtl8139, frame_len),
	F_INT(struct rtl8139, irq_level),
	FIELD_END,
};

static const struct pci_info info = {
	.vendor = 0x10ec,
	.device = 0x8139,
	.class_code = 0x0200,
	.revision = 0x20, /* C+ */
	.interrupt_pin = 1,
	.rom = "pxe-rtl8139.rom",
};

DEVICE_CLASS(rtl8139, .name = "rtl8139", .help = "Realtek RTL8139C+ fast Ethernet", .bus = "PCI",
	     .size = sizeof(struct rtl8139), .props = props, .state = state, .init = rtl8139_init,
	     .reset = rtl8139_reset, .exit = rtl8139_exit, .post_load = rtl8139_post_load,
	     .bus_info = &info, .bus_props = pci_props);
