/*
 * Intel 82540EM gigabit Ethernet: registers, PHY, EEPROM, interrupts.
 * Source: "PCI/PCI-X Family of Gigabit Ethernet Controllers Software Developer's Manual" (317453,
 * revision 4.0); the PHY is a Marvell 88E1011.
 */
#include "hw/net/e1000.h"

#include "base/bytes.h"
#include "base/log.h"

#include <string.h>

enum {
	PHY_CTRL = 0,
	PHY_STATUS = 1,
	PHY_ADDRESS = 1,
	PHY_CTRL_RESET = 0x8000,
	PHY_CTRL_RESTART = 0x0200,
	PHY_STATUS_LINK = 0x0004,
	PHY_STATUS_DONE = 0x0020,
	PHY_SPECIFIC_STATUS = 17,
	MMIO_SIZE = 128 << 10,
	IO_SIZE = 64,
	EEPROM_WORDS = 64,
	ITR_UNIT_NS = 256,
};

static const uint16_t phy_reset_values[32] = {
	[PHY_CTRL] = 0x1140,
	[PHY_STATUS] = 0x796d,
	[2] = 0x0141, /* PHY_ID1 */
	[3] = 0x0c20, /* PHY_ID2: 88E1011 */
	[4] = 0x0de1, /* AUTONEG_ADV */
	[5] = 0x41e1, /* LP_ABILITY */
	[6] = 0x0007,
	[9] = 0x0e00,			/* 1000T_CTRL */
	[10] = 0x3c00,			/* 1000T_STATUS */
	[16] = 0x0360,			/* PHY specific control */
	[PHY_SPECIFIC_STATUS] = 0xac08, /* 1000 Mbit/s, full duplex, link */
	[20] = 0x0d60,
};

/* --- interrupts --- */

static void update_irq(struct e1000 *s)
{
	bool wanted = E1000_REG(s, ICR) & E1000_REG(s, IMS);

	if (!wanted) {
		if (s->irq_high)
			pci_set_irq(&s->pci, 0);
		s->irq_high = false;
		return;
	}
	if (s->irq_high || timer_pending(&s->mitigation))
		return;
	s->irq_high = true;
	pci_set_irq(&s->pci, 1);
	uint32_t interval = E1000_REG(s, ITR) & 0xffff;
	if (interval)
		timer_set(&s->mitigation,
			  clock_now(CLOCK_VIRTUAL) + (int64_t)interval * ITR_UNIT_NS);
}

static void mitigation_over(void *opaque)
{
	update_irq(opaque);
}

/* ITR spares the processor; one that is halted need not be spared. */
static bool mitigation_needless(void *opaque)
{
	struct e1000 *s = opaque;

	if (s->irq_high || !timer_pending(&s->mitigation) ||
	    !(E1000_REG(s, ICR) & E1000_REG(s, IMS)))
		return false;
	timer_cancel(&s->mitigation);
	update_irq(s);
	return true;
}

void e1000_raise(struct e1000 *s, uint32_t causes)
{
	E1000_REG(s, ICR) |= causes;
	update_irq(s);
}

/* --- statistics: they stick at their maximum and clear when read --- */

void e1000_count(struct e1000 *s, unsigned int counter)
{
	if (E1000_REG(s, counter) != UINT32_MAX)
		E1000_REG(s, counter)++;
}

void e1000_count_octets(struct e1000 *s, unsigned int low, size_t octets)
{
	uint64_t sum = E1000_REG(s, low) | (uint64_t)E1000_REG(s, low + 4) << 32;

	sum = sum + octets < sum ? UINT64_MAX : sum + octets;
	E1000_REG(s, low) = (uint32_t)sum;
	E1000_REG(s, low + 4) = (uint32_t)(sum >> 32);
}

/* --- PHY and EEPROM --- */

static void link_update(struct e1000 *s)
{
	bool up = net_link_up(s->nic.port);

	if (up) {
		E1000_REG(s, STATUS) |= STATUS_LU;
		s->phy[PHY_STATUS] |= PHY_STATUS_LINK | PHY_STATUS_DONE;
		s->phy[PHY_SPECIFIC_STATUS] |= 0x0400;
	} else {
		E1000_REG(s, STATUS) &= ~(uint32_t)STATUS_LU;
		s->phy[PHY_STATUS] &= (uint16_t)~(PHY_STATUS_LINK | PHY_STATUS_DONE);
		s->phy[PHY_SPECIFIC_STATUS] &= (uint16_t)~0x0400;
	}
}

static void link_changed(void *opaque, bool up)
{
	struct e1000 *s = opaque;

	link_update(s);
	e1000_raise(s, ICR_LSC);
}

static void phy_write(struct e1000 *s, unsigned int reg, uint16_t value)
{
	switch (reg) {
	case PHY_CTRL:
		if (value & PHY_CTRL_RESET) {
			memcpy(s->phy, phy_reset_values, sizeof(s->phy));
			link_update(s);
			return;
		}
		s->phy[PHY_CTRL] = value & (uint16_t)~PHY_CTRL_RESTART;
		if (value & PHY_CTRL_RESTART)
			link_changed(s, true); /* negotiated at once */
		break;
	case PHY_STATUS:
	case 2:
	case 3:
	case 5:
	case 10:
	case PHY_SPECIFIC_STATUS: break; /* read only */
	default: s->phy[reg] = value; break;
	}
}

static void mdic_write(struct e1000 *s, uint32_t value)
{
	unsigned int reg = value >> 16 & 31, phy = value >> 21 & 31;

	value &= ~(uint32_t)MDIC_ERROR;
	if (phy != PHY_ADDRESS)
		value |= MDIC_ERROR;
	else if (value & MDIC_OP_READ)
		value = (value & 0xffff0000) | s->phy[reg];
	else if (value & MDIC_OP_WRITE)
		phy_write(s, reg, (uint16_t)value);
	E1000_REG(s, MDIC) = value | MDIC_READY;
	if (value & MDIC_IRQ)
		e1000_raise(s, ICR_MDAC);
}

static void eecd_write(struct e1000 *s, uint32_t value)
{
	E1000_REG(s, EECD) = value & (EECD_SK | EECD_CS | EECD_DI | EECD_FWE | EECD_REQ);
	eeprom93_pins(&s->eeprom, value & EECD_CS, value & EECD_SK, value & EECD_DI);
}

static uint32_t eecd_read(const struct e1000 *s)
{
	uint32_t value = E1000_REG(s, EECD) | EECD_PRES;

	if (value & EECD_REQ)
		value |= EECD_GNT;
	if (eeprom93_out(&s->eeprom))
		value |= EECD_DO;
	return value;
}

static uint32_t eerd_read(const struct e1000 *s)
{
	uint32_t value = E1000_REG(s, EERD);
	unsigned int word = value >> 8 & 0xff;

	if (!(value & EERD_START))
		return value;
	return (value & 0xffff) | EERD_DONE |
	       (word < EEPROM_WORDS ? (uint32_t)s->eeprom.words[word] << 16 : 0);
}

static void eeprom_fill(struct e1000 *s)
{
	static const uint16_t base[EEPROM_WORDS] = {
		[3] = 0x0000,  [4] = 0xffff,  [8] = 0x3000,  [9] = 0x1000,  [10] = 0x640a,
		[11] = 0x001e, [12] = 0x8086, [13] = 0x100e, [14] = 0x8086, [15] = 0x3040,
		[16] = 0x0008, [17] = 0x2000, [18] = 0x7e14, [19] = 0x0048, [20] = 0x1000,
		[21] = 0x00d8, [22] = 0x0000, [23] = 0x2700, [24] = 0x6cc9, [25] = 0x3150,
		[26] = 0x0722, [27] = 0x040b, [28] = 0x0984, [30] = 0xc000, [31] = 0x0706,
	};

	memcpy(s->eeprom.words, base, sizeof(base));
	s->eeprom.address_bits = 6;
	for (unsigned int i = 0; i < 3; i++)
		s->eeprom.words[i] = load_le16(s->nic.mac + 2 * i);
	eeprom93_checksum(&s->eeprom, EEPROM_WORDS, 0xbaba);
}

/* --- registers --- */

/* What CTRL.RST and power-on do; no wires are driven. */
static void chip_reset(struct e1000 *s)
{
	timer_cancel(&s->mitigation);
	timer_cancel(&s->more);
	memset(s->reg, 0, sizeof(s->reg));
	memcpy(s->phy, phy_reset_values, sizeof(s->phy));
	E1000_REG(s, CTRL) = CTRL_FD | CTRL_ASDE | CTRL_SLU | CTRL_SPEED_1000;
	E1000_REG(s, STATUS) = STATUS_FD | STATUS_SPEED_1000;
	E1000_REG(s, VET) = 0x8100;
	E1000_REG(s, PBA) = 0x00100030;
	E1000_REG(s, LEDCTL) = 0x00000602;
	/* The first receive address comes from the EEPROM. */
	E1000_REG(s, RAL) = s->eeprom.words[0] | (uint32_t)s->eeprom.words[1] << 16;
	E1000_REG(s, RAH) = s->eeprom.words[2] | RAH_AV;
	s->tx_len = 0;
	s->tx_started = false;
	memset(&s->context, 0, sizeof(s->context));
	memset(&s->tso, 0, sizeof(s->tso));
	link_update(s);
}

static void ctrl_write(struct e1000 *s, uint32_t value)
{
	if (value & CTRL_RST) {
		chip_reset(s);
		update_irq(s);
		return;
	}
	E1000_REG(s, CTRL) = value & ~(uint32_t)CTRL_PHY_RST;
	if (value & CTRL_PHY_RST) {
		memcpy(s->phy, phy_reset_values, sizeof(s->phy));
		link_update(s);
	}
}

static uint32_t register_read(struct e1000 *s, unsigned int offset)
{
	uint32_t value;

	if (offset >= REGISTERS_END)
		return 0;
	value = E1000_REG(s, offset);
	switch (offset) {
	case ICR:
		E1000_REG(s, ICR) = 0;
		update_irq(s);
		return value;
	case EECD: return eecd_read(s);
	case EERD: return eerd_read(s);
	case ICS:
	case IMC: return 0;
	default: break;
	}
	if (offset >= STATS_FIRST && offset <= STATS_LAST) {
		E1000_REG(s, offset) = 0;
		/* The upper half of an octet counter clears the lower one too. */
		if (offset == GORCL + 4 || offset == GOTCL + 4 || offset == TORL + 4 ||
		    offset == TOTL + 4)
			E1000_REG(s, offset - 4) = 0;
	}
	return value;
}

static void register_write(struct e1000 *s, unsigned int offset, uint32_t value)
{
	if (offset >= REGISTERS_END || (offset >= STATS_FIRST && offset <= STATS_LAST))
		return;
	switch (offset) {
	case CTRL: ctrl_write(s, value); return;
	case STATUS: return;
	case EECD: eecd_write(s, value); return;
	case CTRL_EXT: E1000_REG(s, offset) = value & ~(uint32_t)CTRL_EXT_EE_RST; return;
	case MDIC: mdic_write(s, value); return;
	case ICR:
		E1000_REG(s, ICR) &= ~value;
		update_irq(s);
		return;
	case ICS: e1000_raise(s, value); return;
	case IMS:
		E1000_REG(s, IMS) |= value;
		update_irq(s);
		return;
	case IMC:
		E1000_REG(s, IMS) &= ~value;
		update_irq(s);
		return;
	case RDLEN:
	case TDLEN: value &= 0xfff80; break;
	case RDH:
	case TDH:
	case RDT:
	case TDT: value &= 0xffff; break;
	default: break;
	}
	E1000_REG(s, offset) = value;
	if (offset == TDT || offset == TCTL)
		e1000_transmit_notified(s);
	else if (offset == RDT || offset == RCTL)
		net_flush(s->nic.port);
}

static uint64_t mmio_read(void *opaque, uint64_t offset, unsigned int size)
{
	return register_read(opaque, (unsigned int)offset);
}

static void mmio_write(void *opaque, uint64_t offset, uint64_t value, unsigned int size)
{
	register_write(opaque, (unsigned int)offset & ~3u, (uint32_t)value);
}

static const struct region_ops mmio_ops = {
	.read = mmio_read, .write = mmio_write, .min_size = 4, .max_size = 4};

/* IOADDR and IODATA: the registers through two ports. */
static uint64_t io_read(void *opaque, uint64_t offset, unsigned int size)
{
	struct e1000 *s = opaque;

	if (offset == 0)
		return s->io_address;
	return offset == 4 ? register_read(s, s->io_address & ~3u) : 0;
}

static void io_write(void *opaque, uint64_t offset, uint64_t value, unsigned int size)
{
	struct e1000 *s = opaque;

	if (offset == 0)
		s->io_address = (uint32_t)value & (MMIO_SIZE - 1);
	else if (offset == 4)
		register_write(s, s->io_address & ~3u, (uint32_t)value);
}

static const struct region_ops io_ops = {
	.read = io_read, .write = io_write, .min_size = 4, .max_size = 4};

/* --- the device --- */

static const struct net_port_ops port_ops = {
	.kind = "e1000",
	.nic = true,
	.can_receive = e1000_can_receive,
	.receive = e1000_receive,
	.link_changed = link_changed,
};

static struct error *e1000_init(struct device *dev)
{
	struct e1000 *s = (struct e1000 *)dev;
	struct error *err = nic_init(dev, &s->nic, &port_ops);

	if (err)
		return err;
	timer_init(&s->mitigation, CLOCK_VIRTUAL, mitigation_over, s);
	timer_init(&s->more, CLOCK_VIRTUAL, e1000_transmit_more, s);
	idle_hook_add(&s->idle, mitigation_needless, s);
	eeprom_fill(s);
	region_init_io(&s->mmio, "e1000", MMIO_SIZE, &mmio_ops, s);
	region_init_io(&s->io, "e1000-io", IO_SIZE, &io_ops, s);
	pci_add_bar(&s->pci, 0, &s->mmio, PCI_BAR_MEM);
	pci_add_bar(&s->pci, 1, &s->io, PCI_BAR_IO);
	return NULL;
}

static void e1000_reset(struct device *dev)
{
	struct e1000 *s = (struct e1000 *)dev;

	eeprom93_reset(&s->eeprom);
	s->io_address = 0;
	s->irq_high = false;
	chip_reset(s);
}

static void e1000_exit(struct device *dev)
{
	struct e1000 *s = (struct e1000 *)dev;

	timer_cancel(&s->mitigation);
	timer_cancel(&s->more);
	idle_hook_remove(&s->idle);
	net_port_free(s->nic.port);
}

static struct error *e1000_post_load(struct device *dev)
{
	struct e1000 *s = (struct e1000 *)dev;

	if (s->tx_len > sizeof(s->tx_frame))
		return error_new("e1000: a frame of %u bytes is being sent", s->tx_len);
	s->io_address &= MMIO_SIZE - 1;
	return NULL;
}

static const struct prop props[] = {NIC_PROPS(struct e1000, nic), PROP_END};

static const struct field context_fields[] = {
	F_U8(struct e1000_context, ipcss),
	F_U8(struct e1000_context, ipcso),
	F_U8(struct e1000_context, tucss),
	F_U8(struct e1000_context, tucso),
	F_U8(struct e1000_context, hdrlen),
	F_U16(struct e1000_context, ipcse),
	F_U16(struct e1000_context, tucse),
	F_U16(struct e1000_context, mss),
	FIELD_END,
};

static const struct field state[] = {
	F_PCI(struct e1000, pci),
	F_ARRAY(struct e1000, reg),
	F_ARRAY(struct e1000, phy),
	F_STRUCT(struct e1000, eeprom, eeprom93_fields),
	F_TIMER(struct e1000, mitigation),
	F_TIMER(struct e1000, more),
	F_U32(struct e1000, io_address),
	F_STRUCT(struct e1000, context, context_fields),
	F_STRUCT(struct e1000, tso, context_fields),
	F_BYTES(struct e1000, tx_frame),
	F_U32(struct e1000, tx_len),
	F_U8(struct e1000, tx_popts),
	F_U8(struct e1000, tx_command),
	F_U16(struct e1000, tx_special),
	F_BOOL(struct e1000, tx_started),
	F_BOOL(struct e1000, irq_high),
	FIELD_END,
};

static const struct pci_info info = {
	.vendor = 0x8086,
	.device = 0x100e,
	.class_code = 0x0200,
	.revision = 3,
	.interrupt_pin = 1,
	.rom = "pxe-e1000.rom",
};

DEVICE_CLASS(e1000, .name = "e1000", .help = "Intel 82540EM gigabit Ethernet", .bus = "PCI",
	     .size = sizeof(struct e1000), .props = props, .state = state, .init = e1000_init,
	     .reset = e1000_reset, .exit = e1000_exit, .post_load = e1000_post_load,
	     .bus_info = &info, .bus_props = pci_props);
