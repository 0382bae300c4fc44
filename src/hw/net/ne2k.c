/*
 * NE2000: National DP8390D network interface controller with an address PROM and buffer RAM.
 * Source: DP8390D/NS32490D data sheet (July 1995), sections 6 to 11; the board's port map after
 * the "Writing Drivers for the DP8390 NIC Family" application note AN-874.
 *
 * Ports 00h-0Fh are the controller, 10h-17h the data port of remote DMA, 18h-1Fh reset.
 */
#include "hw/net/ne2k.h"

#include "base/bytes.h"
#include "base/log.h"

#include <glib.h>
#include <string.h>

enum {
	PORT_DATA = 0x10,
	PORT_RESET = 0x18,

	CMD_STP = 0x01,
	CMD_STA = 0x02,
	CMD_TXP = 0x04,
	CMD_RD_MASK = 0x38,
	CMD_RREAD = 0x08,
	CMD_RWRITE = 0x10,
	CMD_RSEND = 0x18,
	CMD_NODMA = 0x20,

	ISR_PRX = 0x01,
	ISR_PTX = 0x02,
	ISR_OVW = 0x10,
	ISR_RDC = 0x40,
	ISR_RST = 0x80,

	RCR_AR = 0x02, /* runts */
	RCR_AB = 0x04,
	RCR_AM = 0x08,
	RCR_PRO = 0x10,
	RCR_MON = 0x20,

	RSR_PRX = 0x01,
	RSR_PHY = 0x20,
	TSR_PTX = 0x01,
	DCR_WTS = 0x01,
	TCR_LOOPBACK = 0x06,

	PAGE = 256,
	RAM_START = 0x4000,
	FRAME_HEADER = 4,

	BURST_MAX = 8,		/* what drivers take in one go; Linux leaves the rest after nine */
	POLL_NS = 1000000,	/* about what a frame takes on the wire */
	OVERFLOW_NS = 20000000, /* no driver that is at work needs as long to make room */
};

static void update_irq(struct ne2k *s)
{
	int level = (s->isr & s->imr & 0x7f) != 0;

	if (level == s->irq_level)
		return;
	s->irq_level = level;
	s->set_irq(s->irq_opaque, level);
}

/* The PROM holds each byte twice, as a 16-bit card shows it, and 57h at its end. */
static void prom_fill(struct ne2k *s)
{
	memset(s->memory, 0, 32);
	for (unsigned int i = 0; i < 16; i++) {
		uint8_t byte = i < 6 ? s->nic.mac[i] : i >= 14 ? 0x57 : 0;
		s->memory[2 * i] = s->memory[2 * i + 1] = byte;
	}
}

static uint8_t memory_read(const struct ne2k *s, uint16_t addr)
{
	if (addr < 32 || (addr >= RAM_START && addr < NE2K_MEMORY))
		return s->memory[addr];
	return 0xff;
}

static void memory_write(struct ne2k *s, uint16_t addr, uint8_t value)
{
	if (addr >= RAM_START && addr < NE2K_MEMORY)
		s->memory[addr] = value;
}

/* --- receiving --- */

static bool address_accepted(const struct ne2k *s, const uint8_t *frame)
{
	if (s->rcr & RCR_PRO)
		return true;
	if (ether_is_broadcast(frame))
		return s->rcr & RCR_AB;
	if (ether_is_multicast(frame)) {
		unsigned int hash = ether_hash_be(frame);
		return s->rcr & RCR_AM && s->mult[hash >> 3] >> (hash & 7) & 1;
	}
	return memcmp(frame, s->phys, 6) == 0;
}

/* Bytes free in the ring between CURR and BNRY; 0 where the ring is no ring. */
static unsigned int ring_free(const struct ne2k *s)
{
	unsigned int pages;

	if (s->start >= s->stop || s->current < s->start || s->current >= s->stop)
		return 0;
	pages = s->current < s->boundary
			? (unsigned int)(s->boundary - s->current)
			: (unsigned int)(s->stop - s->start) - (s->current - s->boundary);
	return pages * PAGE;
}

static bool running(const struct ne2k *s)
{
	return (s->cmd & (CMD_STP | CMD_STA)) == CMD_STA;
}

/*
 * Drivers empty the ring and acknowledge PRX after that, so nothing tells them of frames that came
 * in between until there is another one. On a wire there always is, but here senders wait for
 * room. So the card takes a burst, then nothing while the driver is at it (it has read CURR), and
 * goes on when PRX is acknowledged; after a while without that, for drivers that poll.
 */
static void release(struct ne2k *s)
{
	s->draining = false;
	s->burst = 0;
	timer_cancel(&s->pause);
	net_flush(s->nic.port);
}

static bool has_room(const struct ne2k *s)
{
	unsigned int bytes = ring_free(s);
	return bytes == 0 || bytes >= ETHER_MAX + 2 * PAGE;
}

static void pause_over(void *opaque)
{
	struct ne2k *s = opaque;

	if (running(s) && !has_room(s) && !(s->isr & ISR_PRX)) {
		/* The driver has forgotten what is in the ring. */
		s->isr |= ISR_OVW;
		update_irq(s);
	}
	release(s);
}

static void pause_for(struct ne2k *s, int64_t ns)
{
	if (!timer_pending(&s->pause))
		timer_set(&s->pause, clock_now(CLOCK_VIRTUAL) + ns);
}

bool ne2k_can_receive(struct ne2k *s)
{
	if (!running(s))
		return true; /* and drops */
	if (!has_room(s)) {
		pause_for(s, OVERFLOW_NS);
		return false;
	}
	return !s->draining && s->burst < BURST_MAX;
}

static void ring_put(struct ne2k *s, unsigned int *at, const uint8_t *data, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		memory_write(s, (uint16_t)*at, data[i]);
		if (++*at == s->stop * (unsigned int)PAGE)
			*at = s->start * (unsigned int)PAGE;
	}
}

bool ne2k_receive(struct ne2k *s, const uint8_t *frame, size_t len)
{
	static const uint8_t padding[ETHER_MIN];
	size_t padded = len < ETHER_MIN ? ETHER_MIN : len;
	unsigned int total = (unsigned int)padded + FRAME_HEADER + 4; /* the FCS is stored too */

	if (!running(s) || s->rcr & RCR_MON || len < ETHER_HEADER || len > ETHER_MAX + 4 ||
	    !address_accepted(s, frame))
		return true;
	if (ring_free(s) < total + PAGE) {
		s->isr |= ISR_OVW;
		update_irq(s);
		return true;
	}
	unsigned int at = s->current * (unsigned int)PAGE;
	unsigned int next = s->current + (total + PAGE - 1) / PAGE;
	if (next >= s->stop)
		next -= (unsigned int)(s->stop - s->start);
	s->rsr = RSR_PRX | (ether_is_multicast(frame) ? RSR_PHY : 0);
	uint8_t header[FRAME_HEADER] = {s->rsr, (uint8_t)next};
	store_le16(header + 2, (uint16_t)(padded + 4));
	ring_put(s, &at, header, sizeof(header));
	ring_put(s, &at, frame, len);
	ring_put(s, &at, padding, padded - len);
	s->current = (uint8_t)next;
	if (++s->burst == BURST_MAX)
		pause_for(s, POLL_NS);
	s->isr |= ISR_PRX;
	update_irq(s);
	return true;
}

/* --- transmitting --- */

static void transmit(struct ne2k *s)
{
	unsigned int at = s->transmit_page * (unsigned int)PAGE, len = s->transmit_count;

	if (at < RAM_START || at + len > NE2K_MEMORY || len > ETHER_MAX + 4)
		log_printf(LOG_GUEST_ERRORS, "ne2k: transmit of %u bytes at %04x\n", len, at);
	else if (s->tcr & TCR_LOOPBACK)
		ne2k_receive(s, s->memory + at, len);
	else
		net_send(s->nic.port, s->memory + at, len);
	s->tsr = TSR_PTX;
	s->isr |= ISR_PTX;
	s->cmd &= (uint8_t)~CMD_TXP;
	update_irq(s);
}

static void command_write(struct ne2k *s, uint8_t value)
{
	bool was_running = running(s);

	s->cmd = value;
	if (!(value & CMD_STP)) {
		s->isr &= (uint8_t)~ISR_RST;
		if ((value & CMD_RD_MASK) == CMD_RREAD || (value & CMD_RD_MASK) == CMD_RWRITE) {
			/* A remote DMA of no bytes is over at once. */
			if (s->remote_count == 0) {
				s->isr |= ISR_RDC;
				update_irq(s);
			}
		}
		if ((value & CMD_RD_MASK) == CMD_RSEND) {
			/* Send packet: a remote read of the frame at BNRY. */
			s->remote_address = (uint16_t)(s->boundary * PAGE);
			s->remote_count =
				load_le16(&s->memory[(s->boundary * PAGE + 2) % (NE2K_MEMORY - 1)]);
		}
		if (value & CMD_TXP && value & CMD_STA)
			transmit(s);
	} else {
		s->isr |= ISR_RST;
	}
	if (!was_running && running(s))
		release(s);
}

/* --- remote DMA: the data port --- */

static void remote_advance(struct ne2k *s, unsigned int size)
{
	s->remote_address = (uint16_t)(s->remote_address + size);
	/* The ring wraps for the processor too. */
	if (s->remote_address == s->stop * PAGE)
		s->remote_address = (uint16_t)(s->start * PAGE);
	if (s->remote_count <= size) {
		s->remote_count = 0;
		s->isr |= ISR_RDC;
		update_irq(s);
	} else {
		s->remote_count = (uint16_t)(s->remote_count - size);
	}
}

/* In word mode the chip moves a word even where the processor takes one byte of it: that is how
 * drivers read the PROM, which holds everything twice. */
static unsigned int moved(const struct ne2k *s, unsigned int size)
{
	return s->dcr & DCR_WTS ? MAX(size, 2u) : size;
}

static uint64_t data_read(struct ne2k *s, unsigned int size)
{
	uint64_t value = 0;

	for (unsigned int i = 0; i < size; i++)
		value |= (uint64_t)memory_read(s, (uint16_t)(s->remote_address + i)) << 8 * i;
	remote_advance(s, moved(s, size));
	return value;
}

static void data_write(struct ne2k *s, uint64_t value, unsigned int size)
{
	if (s->remote_count == 0)
		return;
	for (unsigned int i = 0; i < size; i++)
		memory_write(s, (uint16_t)(s->remote_address + i), (uint8_t)(value >> 8 * i));
	remote_advance(s, moved(s, size));
}

/* --- registers --- */

static void set_byte(uint16_t *word, bool high, uint8_t value)
{
	*word = high ? (uint16_t)((*word & 0x00ff) | value << 8)
		     : (uint16_t)((*word & 0xff00) | value);
}

static void page0_write(struct ne2k *s, unsigned int reg, uint8_t value)
{
	switch (reg) {
	case 0x1: s->start = value; break;
	case 0x2: s->stop = value; break;
	case 0x3:
		s->boundary = value;
		net_flush(s->nic.port);
		break;
	case 0x4: s->transmit_page = value; break;
	case 0x5: set_byte(&s->transmit_count, false, value); break;
	case 0x6: set_byte(&s->transmit_count, true, value); break;
	case 0x7:
		s->isr &= (uint8_t)~(value & 0x7f);
		update_irq(s);
		if (value & ISR_PRX)
			release(s);
		break;
	case 0x8: set_byte(&s->remote_address, false, value); break;
	case 0x9: set_byte(&s->remote_address, true, value); break;
	case 0xa: set_byte(&s->remote_count, false, value); break;
	case 0xb: set_byte(&s->remote_count, true, value); break;
	case 0xc: s->rcr = value & 0x3f; break;
	case 0xd: s->tcr = value & 0x1f; break;
	case 0xe: s->dcr = value & 0x7f; break;
	default:
		s->imr = value & 0x7f;
		update_irq(s);
		break;
	}
}

static uint8_t page0_read(struct ne2k *s, unsigned int reg)
{
	switch (reg) {
	case 0x3: return s->boundary;
	case 0x4: return s->tsr;
	case 0x7: return s->isr;
	case 0x8: return (uint8_t)s->remote_address;
	case 0x9: return (uint8_t)(s->remote_address >> 8);
	case 0xa: return 0x50; /* the RTL8029's id, "PC" */
	case 0xb: return 0x43;
	case 0xc: return s->rsr;
	default: return 0; /* collisions and tally counters: none on this wire */
	}
}

static uint8_t page1_read(struct ne2k *s, unsigned int reg)
{
	if (reg <= 6)
		return s->phys[reg - 1];
	if (reg > 7)
		return s->mult[reg - 8];
	if (s->isr & ISR_PRX && !s->draining) {
		s->draining = true;
		pause_for(s, POLL_NS);
	}
	return s->current;
}

static void page1_write(struct ne2k *s, unsigned int reg, uint8_t value)
{
	if (reg <= 6)
		s->phys[reg - 1] = value;
	else if (reg == 7)
		s->current = value;
	else
		s->mult[reg - 8] = value;
}

static uint8_t page2_read(const struct ne2k *s, unsigned int reg)
{
	switch (reg) {
	case 0x1: return s->start;
	case 0x2: return s->stop;
	case 0x4: return s->transmit_page;
	case 0xc: return s->rcr | 0xc0;
	case 0xd: return s->tcr | 0xe0;
	case 0xe: return s->dcr | 0x80;
	case 0xf: return s->imr | 0x80;
	default: return 0;
	}
}

static uint8_t register_read(struct ne2k *s, unsigned int reg)
{
	if (reg == 0)
		return s->cmd;
	switch (s->cmd >> 6) {
	case 0: return page0_read(s, reg);
	case 1: return page1_read(s, reg);
	case 2: return page2_read(s, reg);
	default:
		/* The RTL8029's page 3: CONFIG0..3, full duplex and BNC off. */
		return reg == 1 || reg == 3 ? 0 : reg == 6 ? 0x40 : 0;
	}
}

static void register_write(struct ne2k *s, unsigned int reg, uint8_t value)
{
	if (reg == 0)
		command_write(s, value);
	else if (s->cmd >> 6 == 0)
		page0_write(s, reg, value);
	else if (s->cmd >> 6 == 1)
		page1_write(s, reg, value);
}

static uint64_t port_read(void *opaque, uint64_t offset, unsigned int size)
{
	struct ne2k *s = opaque;
	unsigned int port = (unsigned int)offset;

	if (port >= PORT_RESET) {
		ne2k_reset(s);
		update_irq(s);
		return 0;
	}
	if (port >= PORT_DATA)
		return data_read(s, size);
	uint64_t value = 0;
	for (unsigned int i = 0; i < size; i++)
		value |= (uint64_t)register_read(s, (port + i) & 15) << 8 * i;
	return value;
}

static void port_write(void *opaque, uint64_t offset, uint64_t value, unsigned int size)
{
	struct ne2k *s = opaque;
	unsigned int port = (unsigned int)offset;

	if (port >= PORT_RESET)
		return;
	if (port >= PORT_DATA) {
		data_write(s, value, size);
		return;
	}
	for (unsigned int i = 0; i < size; i++)
		register_write(s, (port + i) & 15, (uint8_t)(value >> 8 * i));
}

static const struct region_ops port_ops = {
	.read = port_read, .write = port_write, .min_size = 1, .max_size = 4};

void ne2k_init(struct ne2k *s, void (*set_irq)(void *opaque, int level), void *opaque)
{
	s->set_irq = set_irq;
	s->irq_opaque = opaque;
	timer_init(&s->pause, CLOCK_VIRTUAL, pause_over, s);
	region_init_io(&s->ports, "ne2k", NE2K_PORTS, &port_ops, s);
}

/* Also what a read of the reset port does: the PROM is loaded, the buffer stays. */
void ne2k_reset(struct ne2k *s)
{
	s->cmd = CMD_STP | CMD_NODMA;
	s->isr = ISR_RST;
	s->imr = s->dcr = 0;
	s->tcr = s->rcr = 0;
	s->remote_count = 0;
	s->draining = false;
	s->burst = 0;
	timer_cancel(&s->pause);
	prom_fill(s);
}

struct error *ne2k_post_load(struct ne2k *s)
{
	s->irq_level = (s->isr & s->imr & 0x7f) != 0;
	return NULL;
}

const struct field ne2k_fields[] = {
	F_U8(struct ne2k, cmd),
	F_U8(struct ne2k, isr),
	F_U8(struct ne2k, imr),
	F_U8(struct ne2k, rcr),
	F_U8(struct ne2k, tcr),
	F_U8(struct ne2k, dcr),
	F_U8(struct ne2k, rsr),
	F_U8(struct ne2k, tsr),
	F_U8(struct ne2k, start),
	F_U8(struct ne2k, stop),
	F_U8(struct ne2k, boundary),
	F_U8(struct ne2k, current),
	F_U8(struct ne2k, transmit_page),
	F_U16(struct ne2k, transmit_count),
	F_U16(struct ne2k, remote_address),
	F_U16(struct ne2k, remote_count),
	F_BYTES(struct ne2k, phys),
	F_BYTES(struct ne2k, mult),
	F_BYTES(struct ne2k, memory),
	F_INT(struct ne2k, irq_level),
	F_U8(struct ne2k, burst),
	F_BOOL(struct ne2k, draining),
	F_TIMER(struct ne2k, pause),
	FIELD_END,
};
