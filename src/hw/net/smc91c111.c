/*
 * SMSC LAN91C111 Ethernet controller. Source: its data sheet, revision 1.91 (08-18-08).
 *
 * 8 KiB of packet memory in four packets. What is queued is sent at once. There is no PHY behind
 * the management interface: the link is in EPH_STATUS.
 */
#include "hw/misc/mmio.h"
#include "hw/net/nic.h"

#include "base/bytes.h"
#include "base/log.h"

#include <glib.h>
#include <string.h>

#define PACKETS	    4
#define PACKET_SIZE 2048
#define EMPTY	    0x80 /* a FIFO that has nothing */

/* Offset within the bank | bank << 4. */
enum {
	TCR = 0x00,
	EPH_STATUS = 0x02,
	RCR = 0x04,
	COUNTER = 0x06,
	MIR = 0x08,
	RPCR = 0x0a,
	BANK_SELECT = 0x0e, /* in every bank */
	CONFIG = 0x10,
	BASE = 0x12,
	IA0 = 0x14,
	GENERAL = 0x1a,
	CONTROL = 0x1c,
	MMU_COMMAND = 0x20,
	PNR = 0x22,
	ARR = 0x23,
	FIFO_TX = 0x24,
	FIFO_RX = 0x25,
	POINTER = 0x26,
	DATA = 0x28,
	INTERRUPT = 0x2c,
	INTERRUPT_MASK = 0x2d,
	MT0 = 0x30,
	MGMT = 0x38,
	REVISION = 0x3a,
	ERCV = 0x3c,
};

#define TCR_TXENA  0x0001
#define TCR_LOOP   0x0002
#define TCR_PAD_EN 0x0080

#define EPH_TX_SUC  0x0001
#define EPH_LINK_OK 0x4000

#define RCR_PRMS      0x0002
#define RCR_ALMUL     0x0004
#define RCR_RXEN      0x0100
#define RCR_STRIP_CRC 0x0200
#define RCR_SOFT_RST  0x8000

#define CONTROL_STORE	     0x0001
#define CONTROL_RELOAD	     0x0002
#define CONTROL_LE_ENABLE    0x0080
#define CONTROL_AUTO_RELEASE 0x0800
#define CONTROL_RCV_BAD	     0x4000

#define INT_RCV	     0x01
#define INT_TX	     0x02
#define INT_TX_EMPTY 0x04
#define INT_ALLOC    0x08
#define INT_RX_OVRN  0x10
#define INT_EPH	     0x20
#define INT_MD	     0x80

#define POINTER_RCV	  0x8000
#define POINTER_AUTO_INCR 0x4000

#define RX_STATUS_BROADCAST 0x4000
#define RX_STATUS_ODD	    0x1000
#define RX_STATUS_MULTICAST 0x0001
#define PACKET_CRC	    0x10 /* control byte */
#define PACKET_ODD	    0x20

#define MGMT_MDI 0x02

struct fifo {
	uint8_t packets[PACKETS], count;
};

struct smc91c111 {
	struct mmio mmio; /* output 0: INTR0 */
	struct nic nic;
	uint16_t tcr, rcr, rpcr, config, base, general, control, pointer, mgmt, ercv;
	uint8_t bank, pnr, arr, latched,
		mask; /* latched: interrupts that stay until acknowledged */
	uint8_t ia[6], mt[8];
	uint8_t allocated; /* a bit a packet */
	bool alloc_waits;
	struct fifo rx, tx_done;
	uint8_t memory[PACKETS][PACKET_SIZE];
};

/* --- packets --- */

static uint8_t fifo_top(const struct fifo *f)
{
	return f->count ? f->packets[0] : EMPTY;
}

static void fifo_pop(struct fifo *f)
{
	if (f->count)
		memmove(f->packets, f->packets + 1, --f->count);
}

static void fifo_push(struct fifo *f, uint8_t packet)
{
	if (f->count < PACKETS)
		f->packets[f->count++] = packet;
}

static bool fifo_has(const struct fifo *f, uint8_t packet)
{
	return memchr(f->packets, packet, f->count) != NULL;
}

static uint8_t interrupts(const struct smc91c111 *s)
{
	return s->latched | (s->rx.count ? INT_RCV : 0) | (s->tx_done.count ? INT_TX : 0);
}

static void update_irq(struct smc91c111 *s)
{
	irq_set(s->mmio.irqs[0], (interrupts(s) & s->mask) != 0);
}

static bool allocate(struct smc91c111 *s, uint8_t *packet)
{
	for (uint8_t n = 0; n < PACKETS; n++) {
		if (s->allocated >> n & 1)
			continue;
		s->allocated |= (uint8_t)(1u << n);
		*packet = n;
		return true;
	}
	return false;
}

/* The guest's request, now or when a packet is released. */
static void allocate_for_guest(struct smc91c111 *s)
{
	s->alloc_waits = !allocate(s, &s->arr);
	if (s->alloc_waits)
		s->arr = EMPTY;
	else
		s->latched |= INT_ALLOC;
}

static void release(struct smc91c111 *s, uint8_t packet)
{
	if (packet >= PACKETS)
		return;
	s->allocated &= (uint8_t)~(1u << packet);
	if (s->alloc_waits)
		allocate_for_guest(s);
	if (s->nic.port)
		net_flush(s->nic.port);
}

/* --- transmitter --- */

static void transmit(struct smc91c111 *s, uint8_t *p)
{
	unsigned int count = load_le16(p + 2) & 0x7fe, length;

	if (count < 6) {
		log_printf(LOG_GUEST_ERRORS, "smc91c111: packet with a byte count of %u\n", count);
		return;
	}
	uint8_t *data = p + 4;
	length = count - 6;
	if (p[count - 1] & PACKET_ODD) /* count is even and below the packet's size */
		length++;
	if ((s->tcr & TCR_PAD_EN) && length < ETHER_MIN) {
		memset(data + length, 0, ETHER_MIN - length);
		length = ETHER_MIN;
	}
	store_le16(p, EPH_TX_SUC);
	if (!(s->tcr & TCR_LOOP) && s->nic.port)
		net_send(s->nic.port, data, length);
}

static void enqueue(struct smc91c111 *s)
{
	uint8_t packet = s->pnr;

	if (!(s->tcr & TCR_TXENA))
		return;
	if (packet >= PACKETS || !(s->allocated >> packet & 1)) {
		log_printf(LOG_GUEST_ERRORS, "smc91c111: packet %u is not allocated\n", packet);
		return;
	}
	transmit(s, s->memory[packet]);
	if (s->control & CONTROL_AUTO_RELEASE)
		release(s, packet);
	else if (!fifo_has(&s->tx_done, packet))
		fifo_push(&s->tx_done, packet);
	s->latched |= INT_TX_EMPTY;
}

/* --- receiver --- */

static bool is_enabled(const struct smc91c111 *s)
{
	return (s->rcr & RCR_RXEN) && !(s->rcr & RCR_SOFT_RST);
}

static bool can_receive(void *opaque)
{
	const struct smc91c111 *s = opaque;
	return !is_enabled(s) || s->allocated != (1u << PACKETS) - 1;
}

static bool is_wanted(const struct smc91c111 *s, const uint8_t *frame)
{
	if ((s->rcr & RCR_PRMS) || ether_is_broadcast(frame))
		return true;
	if (!ether_is_multicast(frame))
		return memcmp(frame, s->ia, 6) == 0;
	if (s->rcr & RCR_ALMUL)
		return true;
	unsigned int index = ether_hash_be(frame);
	return s->mt[index >> 3] >> (index & 7) & 1;
}

/* Status, byte count, data, and a control word that holds an odd last byte. */
static void store_frame(struct smc91c111 *s, uint8_t *p, const uint8_t *frame, unsigned int len)
{
	unsigned int even = len & ~1u;
	uint16_t status = len & 1 ? RX_STATUS_ODD : 0;

	if (ether_is_broadcast(frame))
		status |= RX_STATUS_BROADCAST;
	else if (ether_is_multicast(frame))
		status |= RX_STATUS_MULTICAST;
	store_le16(p, status);
	store_le16(p + 2, (uint16_t)(even + 6));
	memcpy(p + 4, frame, len);
	if (!(len & 1))
		p[4 + even] = 0;
	p[4 + even + 1] = len & 1 ? PACKET_ODD : 0;
}

static bool receive(void *opaque, const uint8_t *frame, size_t len)
{
	struct smc91c111 *s = opaque;
	uint8_t padded[ETHER_MAX + 4 + 4] = {0}; /* a VLAN tag, and the FCS */
	unsigned int size = (unsigned int)MAX(len, ETHER_MIN);
	uint8_t packet;

	if (!is_enabled(s) || len < 6 || size > ETHER_MAX + 4 || !is_wanted(s, frame))
		return true;
	if (!allocate(s, &packet)) {
		s->latched |= INT_RX_OVRN;
		update_irq(s);
		return false;
	}
	memcpy(padded, frame, len);
	if (!(s->rcr & RCR_STRIP_CRC)) {
		store_le32(padded + size, ether_crc(padded, size));
		size += 4;
	}
	store_frame(s, s->memory[packet], padded, size);
	fifo_push(&s->rx, packet);
	update_irq(s);
	return true;
}

static void link_changed(void *opaque, bool up)
{
	struct smc91c111 *s = opaque;

	if (s->control & CONTROL_LE_ENABLE)
		s->latched |= INT_EPH;
	update_irq(s);
}

static const struct net_port_ops port_ops = {.kind = "smc91c111",
					     .nic = true,
					     .can_receive = can_receive,
					     .receive = receive,
					     .link_changed = link_changed};

/* --- commands --- */

static void mmu_reset(struct smc91c111 *s)
{
	s->allocated = 0;
	s->alloc_waits = false;
	s->arr = EMPTY;
	s->rx.count = s->tx_done.count = 0;
	s->latched = 0;
}

static void mmu_command(struct smc91c111 *s, uint8_t value)
{
	uint8_t top;

	switch (value >> 5) {
	case 0: break;
	case 1:
		s->latched &= (uint8_t)~INT_ALLOC;
		allocate_for_guest(s);
		break;
	case 2:
		mmu_reset(s);
		if (s->nic.port)
			net_flush(s->nic.port);
		break;
	case 3: fifo_pop(&s->rx); break;
	case 4:
		top = fifo_top(&s->rx);
		fifo_pop(&s->rx);
		release(s, top);
		break;
	case 5: release(s, s->pnr); break;
	case 6: enqueue(s); break;
	case 7: s->tx_done.count = 0; break;
	}
}

static void chip_reset(struct smc91c111 *s)
{
	mmu_reset(s);
	s->bank = s->pnr = s->mask = 0;
	s->tcr = s->rcr = s->rpcr = s->general = s->pointer = s->mgmt = 0;
	s->config = 0xa0b1;
	s->base = 0x1801;
	s->control = 0x1210;
	s->ercv = 0x001f;
	memset(s->mt, 0, sizeof(s->mt));
	memcpy(s->ia, s->nic.mac, 6);
}

static void rcr_write(struct smc91c111 *s, uint16_t value)
{
	if (value & RCR_SOFT_RST)
		chip_reset(s);
	s->rcr = value;
	if (is_enabled(s) && s->nic.port)
		net_flush(s->nic.port);
}

/* RELOAD takes the address from the EEPROM; both bits clear themselves. */
static void control_write(struct smc91c111 *s, uint16_t value)
{
	if (value & CONTROL_RELOAD)
		memcpy(s->ia, s->nic.mac, 6);
	s->control = value & (uint16_t)~(CONTROL_STORE | CONTROL_RELOAD);
}

static void acknowledge(struct smc91c111 *s, uint8_t value)
{
	if (value & INT_TX)
		fifo_pop(&s->tx_done);
	s->latched &= (uint8_t)~(value & (INT_TX_EMPTY | INT_RX_OVRN | INT_MD | INT_EPH));
}

/* --- packet memory --- */

static uint8_t *data_at(struct smc91c111 *s, unsigned int offset)
{
	uint8_t packet = s->pointer & POINTER_RCV ? fifo_top(&s->rx) : s->pnr;
	unsigned int at = s->pointer & 0x7ff;

	if (s->pointer & POINTER_AUTO_INCR)
		s->pointer = (uint16_t)((s->pointer & ~0x7ff) | ((at + 1) & 0x7ff));
	else
		at = (at + offset) & 0x7ff;
	return packet < PACKETS ? &s->memory[packet][at] : NULL;
}

/* --- registers --- */

/* The 16-bit ones that are plain; NULL for the rest. */
static uint16_t *plain(struct smc91c111 *s, unsigned int reg)
{
	switch (reg) {
	case TCR: return &s->tcr;
	case RCR: return &s->rcr;
	case RPCR: return &s->rpcr;
	case CONFIG: return &s->config;
	case BASE: return &s->base;
	case GENERAL: return &s->general;
	case CONTROL: return &s->control;
	case POINTER: return &s->pointer;
	case MGMT: return &s->mgmt;
	case ERCV: return &s->ercv;
	default: return NULL;
	}
}

static uint16_t word_read(struct smc91c111 *s, unsigned int reg)
{
	unsigned int free = PACKETS - (unsigned int)__builtin_popcount(s->allocated);
	const uint16_t *word = plain(s, reg);

	switch (reg) {
	case EPH_STATUS: return s->nic.port && net_link_up(s->nic.port) ? EPH_LINK_OK : 0;
	case COUNTER: return 0;
	case MIR: return (uint16_t)(PACKETS | free << 8);
	case MMU_COMMAND: return 0; /* never busy */
	case REVISION: return 0x3391;
	case MGMT: return (uint16_t)(0x3330 | s->mgmt | MGMT_MDI);
	}
	if (word)
		return *word;
	log_printf(LOG_GUEST_ERRORS, "smc91c111: read of bank %u register %u\n", reg >> 4,
		   reg & 15);
	return 0;
}

static uint8_t byte_read(struct smc91c111 *s, unsigned int offset)
{
	unsigned int reg = offset | (unsigned int)s->bank << 4;
	const uint8_t *data;

	if (offset >= BANK_SELECT)
		return offset & 1 ? 0x33 : s->bank;
	switch (reg) {
	case IA0 ... IA0 + 5: return s->ia[reg - IA0];
	case PNR: return s->pnr;
	case ARR: return s->arr;
	case FIFO_TX: return fifo_top(&s->tx_done);
	case FIFO_RX: return fifo_top(&s->rx);
	case DATA ... DATA + 3: data = data_at(s, reg - DATA); return data ? *data : 0;
	case INTERRUPT: return interrupts(s);
	case INTERRUPT_MASK: return s->mask;
	case MT0 ... MT0 + 7: return s->mt[reg - MT0];
	}
	return (uint8_t)(word_read(s, reg & ~1u) >> (reg & 1) * 8);
}

/* One byte of a 16-bit register, the other stays. */
static void word_write(struct smc91c111 *s, unsigned int reg, uint8_t value)
{
	uint16_t *word = plain(s, reg & ~1u), merged;

	if (!word) {
		log_printf(LOG_GUEST_ERRORS, "smc91c111: write of bank %u register %u\n", reg >> 4,
			   reg & 15);
		return;
	}
	merged = reg & 1 ? (uint16_t)((*word & 0xff) | value << 8)
			 : (uint16_t)((*word & 0xff00) | value);
	switch (reg & ~1u) {
	case RCR: rcr_write(s, merged); break;
	case CONTROL: control_write(s, merged); break;
	case MGMT: s->mgmt = merged & 0x400d; break;
	default: *word = merged;
	}
}

static void byte_write(struct smc91c111 *s, unsigned int offset, uint8_t value)
{
	unsigned int reg = offset | (unsigned int)s->bank << 4;
	uint8_t *data;

	if (offset >= BANK_SELECT) {
		if (offset == BANK_SELECT)
			s->bank = value & 3;
		return;
	}
	switch (reg) {
	case EPH_STATUS:
	case EPH_STATUS + 1:
	case MMU_COMMAND + 1:
	case ARR:
	case FIFO_TX:
	case FIFO_RX: break; /* read only; wide writes to their neighbours pass here */
	case IA0 ... IA0 + 5: s->ia[reg - IA0] = value; break;
	case MMU_COMMAND: mmu_command(s, value); break;
	case PNR: s->pnr = value & 0x3f; break;
	case DATA ... DATA + 3:
		data = data_at(s, reg - DATA);
		if (data)
			*data = value;
		break;
	case INTERRUPT: acknowledge(s, value); break;
	case INTERRUPT_MASK: s->mask = value; break;
	case MT0 ... MT0 + 7: s->mt[reg - MT0] = value; break;
	default: word_write(s, reg, value);
	}
}

static uint64_t smc_read(void *opaque, uint64_t offset, unsigned int size)
{
	struct smc91c111 *s = opaque;
	uint64_t value = 0;

	for (unsigned int i = 0; i < size; i++)
		value |= (uint64_t)byte_read(s, (offset + i) & 15) << 8 * i;
	return value;
}

static void smc_write(void *opaque, uint64_t offset, uint64_t value, unsigned int size)
{
	struct smc91c111 *s = opaque;
	/* drivers select banks by 32-bit writes too: those reach nothing else */
	unsigned int first = size == 4 && offset == 12 ? 2 : 0;

	for (unsigned int i = first; i < size; i++)
		byte_write(s, (offset + i) & 15, (uint8_t)(value >> 8 * i));
	update_irq(s);
}

static const struct region_ops smc_ops = {.read = smc_read, .write = smc_write, .max_size = 4};

/* --- device --- */

static struct error *smc_init(struct device *dev)
{
	struct smc91c111 *s = (struct smc91c111 *)dev;

	region_init_io(&s->mmio.regs, "smc91c111", 16, &smc_ops, s);
	return nic_init(dev, &s->nic, &port_ops);
}

static void smc_reset(struct device *dev)
{
	chip_reset((struct smc91c111 *)dev);
}

static void smc_settle(struct device *dev)
{
	update_irq((struct smc91c111 *)dev);
}

static void smc_exit(struct device *dev)
{
	net_port_free(((struct smc91c111 *)dev)->nic.port);
}

static bool fifo_ok(const struct fifo *f)
{
	for (unsigned int i = 0; i < f->count && f->count <= PACKETS; i++)
		if (f->packets[i] >= PACKETS)
			return false;
	return f->count <= PACKETS;
}

static struct error *smc_post_load(struct device *dev)
{
	const struct smc91c111 *s = (struct smc91c111 *)dev;

	if (s->bank > 3 || s->allocated >> PACKETS || !fifo_ok(&s->rx) || !fifo_ok(&s->tx_done))
		return error_new("smc91c111: impossible state");
	return NULL;
}

static const struct prop props[] = {
	NIC_PROPS(struct smc91c111, nic),
	PROP_END,
};

static const struct field fifo_state[] = {
	F_BYTES(struct fifo, packets),
	F_U8(struct fifo, count),
	FIELD_END,
};

static const struct field state[] = {
	F_U16(struct smc91c111, tcr),
	F_U16(struct smc91c111, rcr),
	F_U16(struct smc91c111, rpcr),
	F_U16(struct smc91c111, config),
	F_U16(struct smc91c111, base),
	F_U16(struct smc91c111, general),
	F_U16(struct smc91c111, control),
	F_U16(struct smc91c111, pointer),
	F_U16(struct smc91c111, mgmt),
	F_U16(struct smc91c111, ercv),
	F_U8(struct smc91c111, bank),
	F_U8(struct smc91c111, pnr),
	F_U8(struct smc91c111, arr),
	F_U8(struct smc91c111, latched),
	F_U8(struct smc91c111, mask),
	F_BYTES(struct smc91c111, ia),
	F_BYTES(struct smc91c111, mt),
	F_U8(struct smc91c111, allocated),
	F_BOOL(struct smc91c111, alloc_waits),
	F_STRUCT(struct smc91c111, rx, fifo_state),
	F_STRUCT(struct smc91c111, tx_done, fifo_state),
	F_BYTES(struct smc91c111, memory),
	FIELD_END,
};

DEVICE_CLASS(smc91c111, .name = "smc91c111", .help = "LAN91C111 Ethernet", .bus = "System",
	     .size = sizeof(struct smc91c111), .props = props, .state = state, .init = smc_init,
	     .reset = smc_reset, .settle = smc_settle, .exit = smc_exit, .post_load = smc_post_load,
	     .hidden = true);
