/*
 * Intel 8255x fast Ethernet (82557B, 82551, 82559ER): control/status registers, EEPROM, PHY.
 * Source: "Intel 8255x 10/100 Mbps Ethernet Controller Family Open Source Software Developer
 * Manual" (revision 1.3), chapter 6; the PHY is an 82555.
 */
#include "hw/net/i8255x.h"

#include "base/bytes.h"
#include "base/log.h"

#include <string.h>

enum {
	MASK_ALL = 0x01,
	MASK_SI = 0x02,

	CUC_START = 0x10,
	CUC_RESUME = 0x20,
	CUC_LOAD_COUNTERS = 0x40,
	CUC_DUMP = 0x50,
	CUC_LOAD_BASE = 0x60,
	CUC_DUMP_RESET = 0x70,
	CUC_STATIC_RESUME = 0xa0,
	RUC_START = 1,
	RUC_RESUME = 2,
	RUC_ABORT = 4,
	RUC_LOAD_BASE = 6,

	PORT_SOFTWARE_RESET = 0,
	PORT_SELF_TEST = 1,
	PORT_SELECTIVE_RESET = 2,

	EESK = 0x01,
	EECS = 0x02,
	EEDI = 0x04,
	EEDO = 0x08,
	EEPROM_WORDS = 64,

	MDI_WRITE = 1,
	MDI_READ = 2,
	MDI_READY = 0x10, /* in the upper byte */
	MDI_IRQ = 0x20,
	PHY_ADDRESS = 1,
	PHY_STATUS = 1,

	MMIO_SIZE = 4096,
	FLASH_SIZE = 128 << 10,
};

static void update_irq(struct i8255x *s)
{
	uint8_t pending = s->csr[SCB_ACK] & (uint8_t)~(s->csr[SCB_MASK] & 0xf0);
	int level = pending && !(s->csr[SCB_MASK] & MASK_ALL);

	if (level == s->irq_level)
		return;
	s->irq_level = level;
	pci_set_irq(&s->pci, level);
}

void i8255x_raise(struct i8255x *s, uint8_t causes)
{
	s->csr[SCB_ACK] |= causes;
	update_irq(s);
}

/* --- reset --- */

static void eeprom_fill(struct i8255x *s)
{
	s->eeprom.address_bits = 6;
	for (unsigned int i = 0; i < 3; i++)
		s->eeprom.words[i] = load_le16(s->nic.mac + 2 * i);
	s->eeprom.words[3] = 0x0203; /* compatibility: 10 and 100 Mbit/s */
	s->eeprom.words[5] = 0x0201; /* connector: RJ-45 */
	s->eeprom.words[6] = 0x4701; /* primary PHY: 82555 at address 1 */
	s->eeprom.words[10] = 0x40c0;
	s->eeprom.words[11] = 0x000c;
	s->eeprom.words[12] = 0x8086;
	eeprom93_checksum(&s->eeprom, EEPROM_WORDS, 0xbaba);
}

static void phy_reset(struct i8255x *s)
{
	static const uint16_t values[32] = {
		[0] = 0x3000, [PHY_STATUS] = 0x782d, [2] = 0x02a8, [3] = 0x0154,
		[4] = 0x05e1, [5] = 0x41e1,	     [6] = 0x0001,
	};

	memcpy(s->phy, values, sizeof(s->phy));
}

/* PORT's selective reset: both units become idle, the configuration stays. */
static void units_reset(struct i8255x *s)
{
	timer_cancel(&s->more);
	s->cu = CU_IDLE;
	s->ru = RU_IDLE;
	s->csr[SCB_ACK] = 0;
}

static void chip_reset(struct i8255x *s)
{
	units_reset(s);
	memset(s->csr, 0, sizeof(s->csr));
	s->csr[MDI_CONTROL + 3] = MDI_READY;
	s->csr[GENERAL_STATUS] = 0x07; /* link, 100 Mbit/s, full duplex */
	s->cu_base = s->cu_offset = s->ru_base = s->ru_offset = s->counters_at = 0;
	memset(s->counters, 0, sizeof(s->counters));
	s->multicast = 0;
	memcpy(s->address, s->nic.mac, 6);
	phy_reset(s);
	i8255x_config_default(s);
}

/* --- system control block --- */

static uint32_t pointer(const struct i8255x *s)
{
	return load_le32(s->csr + SCB_POINTER);
}

static void cu_command(struct i8255x *s, unsigned int command)
{
	switch (command) {
	case 0: break;
	case CUC_START:
		s->cu_offset = pointer(s);
		s->cu = CU_ACTIVE;
		i8255x_cu_run(s);
		break;
	case CUC_RESUME:
	case CUC_STATIC_RESUME:
		if (s->cu == CU_SUSPENDED) {
			s->cu = CU_ACTIVE;
			i8255x_cu_run(s);
		}
		break;
	case CUC_LOAD_COUNTERS: s->counters_at = pointer(s); break;
	case CUC_DUMP: i8255x_dump_counters(s, false); break;
	case CUC_LOAD_BASE: s->cu_base = pointer(s); break;
	case CUC_DUMP_RESET: i8255x_dump_counters(s, true); break;
	default:
		log_printf(LOG_GUEST_ERRORS, "i8255x: command unit command %02x\n", command);
		break;
	}
}

static void ru_command(struct i8255x *s, unsigned int command)
{
	switch (command) {
	case 0: break;
	case RUC_START:
		s->ru_offset = pointer(s);
		s->ru = RU_READY;
		net_flush(s->nic.port);
		break;
	case RUC_RESUME:
		if (s->ru == RU_SUSPENDED)
			s->ru = RU_READY;
		net_flush(s->nic.port);
		break;
	case RUC_ABORT:
		if (s->ru == RU_READY)
			i8255x_raise(s, ACK_RNR);
		s->ru = RU_IDLE;
		break;
	case RUC_LOAD_BASE: s->ru_base = pointer(s); break;
	default: log_printf(LOG_UNIMP, "i8255x: receive unit command %x\n", command); break;
	}
}

static void port_command(struct i8255x *s)
{
	uint32_t value = load_le32(s->csr + SCB_PORT);
	uint8_t result[8] = {0xff, 0xff, 0xff, 0xff};

	switch (value & 15) {
	case PORT_SOFTWARE_RESET:
		chip_reset(s);
		update_irq(s);
		break;
	case PORT_SELF_TEST: /* a ROM signature and no failure */
		pci_dma_write(&s->pci, value & ~15u, result, sizeof(result));
		break;
	case PORT_SELECTIVE_RESET:
		units_reset(s);
		update_irq(s);
		break;
	default: break;
	}
}

/* --- PHY --- */

static uint16_t phy_read(const struct i8255x *s, unsigned int reg)
{
	if (reg == PHY_STATUS && !net_link_up(s->nic.port))
		return s->phy[reg] & (uint16_t)~0x0024;
	return s->phy[reg];
}

static void mdi_command(struct i8255x *s)
{
	uint8_t *mdi = s->csr + MDI_CONTROL;
	uint32_t value = load_le32(mdi);
	unsigned int reg = value >> 16 & 31, phy = value >> 21 & 31, op = value >> 26 & 3;

	if (op == MDI_READ)
		store_le16(mdi, phy == PHY_ADDRESS ? phy_read(s, reg) : 0xffff);
	else if (op == MDI_WRITE && phy == PHY_ADDRESS && (reg == 0 || reg == 4))
		s->phy[reg] = reg == 0 ? value & 0x3500 : (uint16_t)value;
	mdi[3] |= MDI_READY;
	if (mdi[3] & MDI_IRQ)
		i8255x_raise(s, ACK_MDI);
}

/* --- byte registers; commands start when their last byte is written --- */

static void byte_write(struct i8255x *s, unsigned int reg, uint8_t value)
{
	switch (reg) {
	case SCB_STATUS:
	case GENERAL_STATUS: break;
	case SCB_ACK:
		s->csr[reg] &= (uint8_t)~value;
		update_irq(s);
		break;
	case SCB_COMMAND:
		cu_command(s, value & 0xf0);
		ru_command(s, value & 0x07);
		break; /* reads as 0: accepted */
	case SCB_MASK:
		s->csr[reg] = value & (uint8_t)~MASK_SI;
		if (value & MASK_SI)
			s->csr[SCB_ACK] |= ACK_SWI;
		update_irq(s);
		break;
	case SCB_PORT + 3:
		s->csr[reg] = value;
		port_command(s);
		break;
	case EEPROM_CONTROL:
		s->csr[reg] = value & (EESK | EECS | EEDI);
		eeprom93_pins(&s->eeprom, value & EECS, value & EESK, value & EEDI);
		break;
	case MDI_CONTROL + 3:
		s->csr[reg] = value & (uint8_t)~MDI_READY;
		mdi_command(s);
		break;
	default: s->csr[reg] = value; break;
	}
}

static uint8_t byte_read(struct i8255x *s, unsigned int reg)
{
	switch (reg) {
	case SCB_STATUS: return (uint8_t)(s->cu << 6 | s->ru << 2);
	case EEPROM_CONTROL: return s->csr[reg] | (eeprom93_out(&s->eeprom) ? EEDO : 0);
	case GENERAL_STATUS: return net_link_up(s->nic.port) ? 0x07 : 0x06;
	default: return s->csr[reg];
	}
}

static uint64_t register_read(void *opaque, uint64_t offset, unsigned int size)
{
	uint64_t value = 0;

	for (unsigned int i = 0; i < size && offset + i < CSR_SIZE; i++)
		value |= (uint64_t)byte_read(opaque, (unsigned int)offset + i) << 8 * i;
	return value;
}

static void register_write(void *opaque, uint64_t offset, uint64_t value, unsigned int size)
{
	for (unsigned int i = 0; i < size && offset + i < CSR_SIZE; i++)
		byte_write(opaque, (unsigned int)offset + i, (uint8_t)(value >> 8 * i));
}

static const struct region_ops register_ops = {
	.read = register_read, .write = register_write, .min_size = 1, .max_size = 4};

/* No flash is fitted. */
static uint64_t flash_read(void *opaque, uint64_t offset, unsigned int size)
{
	return UINT64_MAX;
}

static void flash_write(void *opaque, uint64_t offset, uint64_t value, unsigned int size)
{
}

static const struct region_ops flash_ops = {.read = flash_read, .write = flash_write};

/* --- the device --- */

static const struct net_port_ops port_ops = {.kind = "i8255x",
					     .nic = true,
					     .can_receive = i8255x_can_receive,
					     .receive = i8255x_receive};

static struct error *i8255x_init(struct device *dev)
{
	struct i8255x *s = (struct i8255x *)dev;
	struct error *err = nic_init(dev, &s->nic, &port_ops);

	if (err)
		return err;
	timer_init(&s->more, CLOCK_VIRTUAL, i8255x_cu_more, s);
	eeprom_fill(s);
	region_init_io(&s->mmio, "i8255x", MMIO_SIZE, &register_ops, s);
	region_init_io(&s->io, "i8255x-io", CSR_SIZE, &register_ops, s);
	region_init_io(&s->flash, "i8255x-flash", FLASH_SIZE, &flash_ops, s);
	pci_add_bar(&s->pci, 0, &s->mmio, PCI_BAR_MEM_PREFETCH);
	pci_add_bar(&s->pci, 1, &s->io, PCI_BAR_IO);
	pci_add_bar(&s->pci, 2, &s->flash, PCI_BAR_MEM);
	return NULL;
}

static void i8255x_reset(struct device *dev)
{
	struct i8255x *s = (struct i8255x *)dev;

	eeprom93_reset(&s->eeprom);
	s->irq_level = 0;
	chip_reset(s);
}

static void i8255x_exit(struct device *dev)
{
	struct i8255x *s = (struct i8255x *)dev;

	timer_cancel(&s->more);
	net_port_free(s->nic.port);
}

static struct error *i8255x_post_load(struct device *dev)
{
	struct i8255x *s = (struct i8255x *)dev;

	if (s->cu > CU_ACTIVE || s->ru > RU_READY)
		return error_new("%s: impossible state of its units", dev->class->name);
	return NULL;
}

static const struct prop props[] = {NIC_PROPS(struct i8255x, nic), PROP_END};

static const struct field state[] = {
	F_PCI(struct i8255x, pci),	 F_BYTES(struct i8255x, csr),
	F_ARRAY(struct i8255x, phy),	 F_STRUCT(struct i8255x, eeprom, eeprom93_fields),
	F_U8(struct i8255x, cu),	 F_U8(struct i8255x, ru),
	F_TIMER(struct i8255x, more),	 F_U32(struct i8255x, cu_base),
	F_U32(struct i8255x, cu_offset), F_U32(struct i8255x, ru_base),
	F_U32(struct i8255x, ru_offset), F_U32(struct i8255x, counters_at),
	F_BYTES(struct i8255x, config),	 F_BYTES(struct i8255x, address),
	F_U64(struct i8255x, multicast), F_ARRAY(struct i8255x, counters),
	F_INT(struct i8255x, irq_level), FIELD_END,
};

#define MODEL(ident, name_, help_, device_, revision_)                                \
	static const struct pci_info ident##_info = {.vendor = 0x8086,                \
						     .device = (device_),             \
						     .class_code = 0x0200,            \
						     .revision = (revision_),         \
						     .interrupt_pin = 1,              \
						     .rom = "pxe-eepro100.rom"};      \
	DEVICE_CLASS(ident, .name = (name_), .help = (help_), .bus = "PCI",           \
		     .size = sizeof(struct i8255x), .props = props, .state = state,   \
		     .init = i8255x_init, .reset = i8255x_reset, .exit = i8255x_exit, \
		     .post_load = i8255x_post_load, .bus_info = &ident##_info,        \
		     .bus_props = pci_props)

/* Stepping E: drivers insist on microcode for the later ones. */
MODEL(i82551, "i82551", "Intel 82551 fast Ethernet", 0x1209, 0x0e);
MODEL(i82557b, "i82557b", "Intel 82557B fast Ethernet", 0x1229, 0x02);
MODEL(i82559er, "i82559er", "Intel 82559ER fast Ethernet", 0x1209, 0x09);
