/*
 * PrimeCell UART (PL011). Source: ARM DDI 0183G.
 *
 * What is written leaves at once. Only a back end that takes nothing fills the transmit FIFO, and
 * for at most STALL_NS: after that bytes are dropped until it takes some again. Received bytes
 * raise the interrupt at the trigger level, or when they have waited 32 bit times.
 */
#include "hw/misc/mmio.h"
#include "hw/misc/primecell.h"

#include "base/log.h"
#include "vm/chardev.h"

#include <glib.h>

enum {
	UARTDR = 0x000,
	UARTRSR = 0x004, /* write: UARTECR */
	UARTFR = 0x018,
	UARTILPR = 0x020,
	UARTIBRD = 0x024,
	UARTFBRD = 0x028,
	UARTLCR_H = 0x02c,
	UARTCR = 0x030,
	UARTIFLS = 0x034,
	UARTIMSC = 0x038,
	UARTRIS = 0x03c,
	UARTMIS = 0x040,
	UARTICR = 0x044,
	UARTDMACR = 0x048,
};

/* UARTDR, and UARTRSR shifted by 8 */
#define DR_FE 0x100
#define DR_PE 0x200
#define DR_BE 0x400
#define DR_OE 0x800

#define FR_CTS	0x001
#define FR_DSR	0x002
#define FR_DCD	0x004
#define FR_RXFE 0x010
#define FR_TXFF 0x020
#define FR_RXFF 0x040
#define FR_TXFE 0x080
#define FR_RI	0x100

#define LCR_BRK	 0x01
#define LCR_PEN	 0x02
#define LCR_EPS	 0x04
#define LCR_STP2 0x08
#define LCR_FEN	 0x10

#define CR_UARTEN 0x0001
#define CR_LBE	  0x0080
#define CR_TXE	  0x0100
#define CR_RXE	  0x0200
#define CR_DTR	  0x0400
#define CR_RTS	  0x0800
#define CR_OUT1	  0x1000
#define CR_OUT2	  0x2000

#define INT_RX	  0x010
#define INT_TX	  0x020
#define INT_RT	  0x040
#define INT_FE	  0x080
#define INT_BE	  0x200
#define INT_OE	  0x400
#define INT_MODEM 0x00f
#define INT_ALL	  0x7ff

#define FIFO_SIZE 16
#define STALL_NS  NS_PER_S

struct pl011 {
	struct mmio mmio; /* output 0: UARTINTR */
	struct chardev *chr;
	uint32_t id, clock; /* properties */
	uint32_t lcr_h, cr, ifls, imsc, ris, ibrd, fbrd, ilpr, dmacr, rsr;
	uint16_t rx[FIFO_SIZE]; /* as UARTDR shows them */
	uint8_t rx_head, rx_count;
	uint8_t tx[FIFO_SIZE];
	uint8_t tx_head, tx_count;
	bool stalled; /* nobody has taken a byte for STALL_NS */
	struct timer rx_timeout, tx_stall;
};

static void update_irq(struct pl011 *u)
{
	irq_set(u->mmio.irqs[0], (u->ris & u->imsc) != 0);
}

/* --- line --- */

/* UARTCLK cycles of one bit, times 64. */
static uint64_t divisor(const struct pl011 *u)
{
	return (uint64_t)u->ibrd * 64 + u->fbrd;
}

static uint32_t baud_rate(const struct pl011 *u)
{
	return divisor(u) ? (uint32_t)(u->clock * UINT64_C(4) / divisor(u)) : 115200;
}

static void line_set(struct pl011 *u)
{
	struct chardev_serial_params p = {
		.speed = baud_rate(u),
		.data_bits = 5 + (u->lcr_h >> 5 & 3),
		.stop_bits = u->lcr_h & LCR_STP2 ? 2 : 1,
		.parity = !(u->lcr_h & LCR_PEN) ? 'N'
			  : u->lcr_h & LCR_EPS	? 'E'
						: 'O',
	};

	if (u->chr)
		chardev_control(u->chr, CHR_SERIAL_SET_PARAMS, &p);
}

/* --- receiver --- */

static unsigned int fifo_depth(const struct pl011 *u)
{
	return u->lcr_h & LCR_FEN ? FIFO_SIZE : 1;
}

static unsigned int rx_trigger(const struct pl011 *u)
{
	static const uint8_t eighths[8] = {1, 2, 4, 6, 7, 7, 7, 7};

	return u->lcr_h & LCR_FEN ? eighths[u->ifls >> 3 & 7] * FIFO_SIZE / 8 : 1;
}

static void rx_put(struct pl011 *u, uint16_t value)
{
	if (u->rx_count >= fifo_depth(u)) {
		u->ris |= INT_OE;
		u->rsr |= DR_OE >> 8;
		return;
	}
	u->rx[(u->rx_head + u->rx_count++) % FIFO_SIZE] = value;
	if (u->rx_count >= rx_trigger(u))
		u->ris |= INT_RX;
	timer_set(&u->rx_timeout,
		  clock_now(CLOCK_VIRTUAL) + 32 * NS_PER_S / MAX(baud_rate(u), 300));
}

static void rx_timed_out(void *opaque)
{
	struct pl011 *u = opaque;

	if (u->rx_count)
		u->ris |= INT_RT;
	update_irq(u);
}

static uint32_t data_read(struct pl011 *u)
{
	uint32_t value = u->rx[u->rx_head];

	if (!u->rx_count)
		return 0;
	u->rx_head = (u->rx_head + 1) % FIFO_SIZE;
	u->rx_count--;
	u->rsr = value >> 8;
	if (u->rx_count < rx_trigger(u))
		u->ris &= ~(uint32_t)INT_RX;
	if (!u->rx_count)
		u->ris &= ~(uint32_t)INT_RT;
	update_irq(u);
	if (u->chr)
		chardev_accept_input(u->chr);
	return value;
}

static unsigned int can_receive(void *opaque)
{
	const struct pl011 *u = opaque;

	return u->cr & CR_LBE ? 0 : fifo_depth(u) - MIN(u->rx_count, fifo_depth(u));
}

static void receive(void *opaque, const uint8_t *buf, unsigned int len)
{
	struct pl011 *u = opaque;

	for (unsigned int i = 0; i < len; i++)
		rx_put(u, buf[i]);
	update_irq(u);
}

static void event(void *opaque, enum chardev_event what)
{
	struct pl011 *u = opaque;

	if (what != CHR_EVENT_BREAK || (u->cr & CR_LBE))
		return;
	u->ris |= INT_BE;
	rx_put(u, DR_BE);
	update_irq(u);
}

/* --- transmitter --- */

static void tx_flush(struct pl011 *u)
{
	while (u->tx_count && chardev_write(u->chr, &u->tx[u->tx_head], 1)) {
		u->tx_head = (u->tx_head + 1) % FIFO_SIZE;
		u->tx_count--;
		u->stalled = false;
	}
	if (u->stalled)
		u->tx_count = 0;
	if (!u->tx_count)
		timer_cancel(&u->tx_stall);
	else if (!timer_pending(&u->tx_stall))
		timer_set(&u->tx_stall, clock_now(CLOCK_VIRTUAL) + STALL_NS);
	if (u->tx_count < fifo_depth(u))
		u->ris |= INT_TX;
	update_irq(u);
}

static void tx_give_up(void *opaque)
{
	struct pl011 *u = opaque;

	u->stalled = true;
	tx_flush(u);
}

static void writable(void *opaque)
{
	struct pl011 *u = opaque;

	u->stalled = false;
	if (u->tx_count)
		tx_flush(u);
}

static void data_write(struct pl011 *u, uint8_t value)
{
	if (u->cr & CR_LBE) {
		rx_put(u, value);
		u->ris |= INT_TX;
		update_irq(u);
		return;
	}
	if (u->tx_count < FIFO_SIZE)
		u->tx[(u->tx_head + u->tx_count++) % FIFO_SIZE] = value;
	u->ris &= ~(uint32_t)INT_TX;
	tx_flush(u);
}

/* --- registers --- */

static uint32_t flags_read(const struct pl011 *u)
{
	uint32_t fr = FR_CTS | FR_DSR | FR_DCD;

	if (u->cr & CR_LBE)
		fr = (u->cr & CR_RTS ? FR_CTS : 0) | (u->cr & CR_DTR ? FR_DSR : 0) |
		     (u->cr & CR_OUT1 ? FR_DCD : 0) | (u->cr & CR_OUT2 ? FR_RI : 0);
	fr |= u->rx_count ? 0 : FR_RXFE;
	fr |= u->rx_count >= fifo_depth(u) ? FR_RXFF : 0;
	fr |= u->tx_count ? 0 : FR_TXFE;
	fr |= u->tx_count >= fifo_depth(u) ? FR_TXFF : 0;
	return fr;
}

static uint64_t pl011_read(void *opaque, uint64_t offset, unsigned int size)
{
	struct pl011 *u = opaque;
	uint64_t id;

	switch (offset) {
	case UARTDR: return data_read(u);
	case UARTRSR: return u->rsr;
	case UARTFR: return flags_read(u);
	case UARTILPR: return u->ilpr;
	case UARTIBRD: return u->ibrd;
	case UARTFBRD: return u->fbrd;
	case UARTLCR_H: return u->lcr_h;
	case UARTCR: return u->cr;
	case UARTIFLS: return u->ifls;
	case UARTIMSC: return u->imsc;
	case UARTRIS: return u->ris;
	case UARTMIS: return u->ris & u->imsc;
	case UARTDMACR: return u->dmacr;
	}
	if (primecell_id_read(u->id, offset, &id))
		return id;
	log_printf(LOG_GUEST_ERRORS, "pl011: read of register %03x\n", (unsigned int)offset);
	return 0;
}

static void lcr_write(struct pl011 *u, uint32_t value)
{
	uint32_t changed = u->lcr_h ^ value;
	int on = (value & LCR_BRK) != 0;

	u->lcr_h = value & 0xff;
	if (changed & LCR_FEN) { /* the FIFOs are emptied */
		u->rx_count = u->rx_head = 0;
		u->ris &= ~(uint32_t)(INT_RX | INT_RT);
	}
	if ((changed & LCR_BRK) && u->chr)
		chardev_control(u->chr, CHR_SERIAL_SET_BREAK, &on);
	/* a write here takes over the divisors too */
	line_set(u);
	update_irq(u);
	if (u->chr)
		chardev_accept_input(u->chr);
}

static void pl011_write(void *opaque, uint64_t offset, uint64_t value64, unsigned int size)
{
	struct pl011 *u = opaque;
	uint32_t value = (uint32_t)value64;

	switch (offset) {
	case UARTDR: data_write(u, (uint8_t)value); return;
	case UARTRSR: u->rsr = 0; return;
	case UARTILPR: u->ilpr = value & 0xff; return;
	case UARTIBRD: u->ibrd = value & 0xffff; return;
	case UARTFBRD: u->fbrd = value & 0x3f; return;
	case UARTLCR_H: lcr_write(u, value); return;
	case UARTCR: u->cr = value & 0xff87; break;
	case UARTIFLS: u->ifls = value & 0x3f; break;
	case UARTIMSC: u->imsc = value & INT_ALL; break;
	case UARTICR: u->ris &= ~value; break;
	case UARTDMACR: u->dmacr = value & 7; break;
	default:
		log_printf(LOG_GUEST_ERRORS, "pl011: write of register %03x\n",
			   (unsigned int)offset);
		return;
	}
	update_irq(u);
}

static const struct region_ops pl011_ops = {
	.read = pl011_read, .write = pl011_write, .min_size = 4, .max_size = 4};
static const struct chardev_handlers handlers = {can_receive, receive, event, writable};

/* --- device --- */

static struct error *pl011_init(struct device *dev)
{
	struct pl011 *u = (struct pl011 *)dev;

	region_init_io(&u->mmio.regs, "pl011", 0x1000, &pl011_ops, u);
	timer_init(&u->rx_timeout, CLOCK_VIRTUAL, rx_timed_out, u);
	timer_init(&u->tx_stall, CLOCK_VIRTUAL, tx_give_up, u);
	if (u->chr)
		chardev_attach(u->chr, &handlers, u);
	return NULL;
}

static void pl011_reset(struct device *dev)
{
	struct pl011 *u = (struct pl011 *)dev;

	timer_cancel(&u->rx_timeout);
	timer_cancel(&u->tx_stall);
	u->lcr_h = u->imsc = u->ris = u->ibrd = u->fbrd = u->ilpr = u->dmacr = u->rsr = 0;
	u->cr = CR_TXE | CR_RXE;
	u->ifls = 0x12;
	u->rx_head = u->rx_count = u->tx_head = u->tx_count = 0;
	u->stalled = false;
}

static void pl011_settle(struct device *dev)
{
	update_irq((struct pl011 *)dev);
}

static struct error *pl011_post_load(struct device *dev)
{
	const struct pl011 *u = (struct pl011 *)dev;

	if (u->rx_head >= FIFO_SIZE || u->rx_count > FIFO_SIZE || u->tx_head >= FIFO_SIZE ||
	    u->tx_count > FIFO_SIZE)
		return error_new("pl011: impossible FIFO");
	return NULL;
}

static const struct prop props[] = {
	PROP_CHR("chardev", struct pl011, chr, "back end"),
	PROP_U32("id", struct pl011, id, 0x00141011, "PeriphID registers as one number"),
	PROP_U32("clock", struct pl011, clock, 24000000, "UARTCLK in Hz"),
	PROP_END,
};

static const struct field state[] = {
	F_U32(struct pl011, lcr_h),	 F_U32(struct pl011, cr),
	F_U32(struct pl011, ifls),	 F_U32(struct pl011, imsc),
	F_U32(struct pl011, ris),	 F_U32(struct pl011, ibrd),
	F_U32(struct pl011, fbrd),	 F_U32(struct pl011, ilpr),
	F_U32(struct pl011, dmacr),	 F_U32(struct pl011, rsr),
	F_ARRAY(struct pl011, rx),	 F_U8(struct pl011, rx_head),
	F_U8(struct pl011, rx_count),	 F_BYTES(struct pl011, tx),
	F_U8(struct pl011, tx_head),	 F_U8(struct pl011, tx_count),
	F_BOOL(struct pl011, stalled),	 F_TIMER(struct pl011, rx_timeout),
	F_TIMER(struct pl011, tx_stall), FIELD_END,
};

DEVICE_CLASS(pl011, .name = "pl011", .help = "PrimeCell UART", .bus = "System",
	     .size = sizeof(struct pl011), .props = props, .state = state, .init = pl011_init,
	     .reset = pl011_reset, .settle = pl011_settle, .post_load = pl011_post_load,
	     .hidden = true);
