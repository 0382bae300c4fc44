/*
 * PC16550D universal asynchronous receiver/transmitter with FIFOs, National Semiconductor, June
 * 1995.
 *
 * The transmitter hands each byte to the back end at once and is then empty again: a guest never
 * waits for a line. Only a back end that takes nothing holds the transmitter back, and for at most
 * STALL_NS; after that bytes are dropped until it takes some again.
 */
#include "hw/char/uart16550.h"

#include "base/log.h"

#include <glib.h>
#include <string.h>
#include <sys/ioctl.h>

enum { RBR_THR = 0, IER = 1, IIR_FCR = 2, LCR = 3, MCR = 4, LSR = 5, MSR = 6, SCR = 7 };

#define IER_ERBFI 0x01
#define IER_ETBEI 0x02
#define IER_ELSI  0x04
#define IER_EDSSI 0x08

#define IIR_NONE    0x01
#define IIR_MODEM   0x00
#define IIR_THRE    0x02
#define IIR_DATA    0x04
#define IIR_STATUS  0x06
#define IIR_TIMEOUT 0x0c
#define IIR_FIFOS   0xc0

#define FCR_ENABLE   0x01
#define FCR_CLEAR_RX 0x02
#define FCR_CLEAR_TX 0x04
#define FCR_TRIGGER  0xc0

#define LCR_WLS	  0x03
#define LCR_STB	  0x04
#define LCR_PEN	  0x08
#define LCR_EPS	  0x10
#define LCR_BREAK 0x40
#define LCR_DLAB  0x80

#define MCR_DTR	 0x01
#define MCR_RTS	 0x02
#define MCR_OUT1 0x04
#define MCR_OUT2 0x08
#define MCR_LOOP 0x10

#define LSR_DR	   0x01
#define LSR_OE	   0x02
#define LSR_PE	   0x04
#define LSR_FE	   0x08
#define LSR_BI	   0x10
#define LSR_THRE   0x20
#define LSR_TEMT   0x40
#define LSR_ERRORS (LSR_OE | LSR_PE | LSR_FE | LSR_BI)

#define MSR_DCTS   0x01
#define MSR_DDSR   0x02
#define MSR_TERI   0x04
#define MSR_DDCD   0x08
#define MSR_CTS	   0x10
#define MSR_DSR	   0x20
#define MSR_RI	   0x40
#define MSR_DCD	   0x80
#define MSR_DELTAS 0x0f

#define STALL_NS      NS_PER_S
#define MODEM_POLL_NS (20 * NS_PER_MS)

static bool fifos_on(const struct uart *u)
{
	return u->fcr & FCR_ENABLE;
}

static unsigned int rx_capacity(const struct uart *u)
{
	return fifos_on(u) ? UART_FIFO : 1;
}

static unsigned int trigger_level(const struct uart *u)
{
	static const uint8_t levels[4] = {1, 4, 8, 14};

	return fifos_on(u) ? levels[u->fcr >> 6] : 1;
}

/* --- interrupts --- */

/* The pending interrupt of highest priority (table of section 8.6.3). */
static uint8_t pending(const struct uart *u)
{
	if ((u->ier & IER_ELSI) && (u->lsr & LSR_ERRORS))
		return IIR_STATUS;
	if ((u->ier & IER_ERBFI) && u->timeout_pending)
		return IIR_TIMEOUT;
	if ((u->ier & IER_ERBFI) && u->rx_count >= trigger_level(u))
		return IIR_DATA;
	if ((u->ier & IER_ETBEI) && u->thr_pending)
		return IIR_THRE;
	if ((u->ier & IER_EDSSI) && (u->msr & MSR_DELTAS))
		return IIR_MODEM;
	return IIR_NONE;
}

static void update_irq(struct uart *u)
{
	bool driver = !u->gate_irq || ((u->mcr & MCR_OUT2) && !(u->mcr & MCR_LOOP));

	u->iir = pending(u);
	irq_set(u->irq, u->iir != IIR_NONE && driver);
}

/* --- receiver --- */

static void timeout_arm(struct uart *u)
{
	u->timeout_pending = false;
	if (fifos_on(u) && u->rx_count && u->rx_count < trigger_level(u))
		timer_set(&u->rx_timeout, clock_now(CLOCK_VIRTUAL) + 4 * u->byte_ns);
	else
		timer_cancel(&u->rx_timeout);
}

static void timeout_fired(void *opaque)
{
	struct uart *u = opaque;

	if (!u->rx_count)
		return;
	u->timeout_pending = true;
	update_irq(u);
}

static void receive_byte(struct uart *u, uint8_t byte)
{
	if (u->rx_count >= rx_capacity(u)) {
		u->lsr |= LSR_OE;
		/* without FIFOs the new byte overwrites the old one */
		if (!fifos_on(u))
			u->rx[u->rx_head] = byte;
	} else {
		u->rx[(u->rx_head + u->rx_count) % UART_FIFO] = byte;
		u->rx_count++;
	}
	u->lsr |= LSR_DR;
	timeout_arm(u);
}

static unsigned int chr_can_receive(void *opaque)
{
	const struct uart *u = opaque;

	if (u->mcr & MCR_LOOP)
		return 0;
	return rx_capacity(u) - MIN(u->rx_count, rx_capacity(u));
}

static void chr_receive(void *opaque, const uint8_t *buf, unsigned int len)
{
	struct uart *u = opaque;

	for (unsigned int i = 0; i < len; i++)
		receive_byte(u, buf[i]);
	update_irq(u);
}

static void chr_event(void *opaque, enum chardev_event event)
{
	struct uart *u = opaque;

	if (event != CHR_EVENT_BREAK)
		return;
	receive_byte(u, 0);
	u->lsr |= LSR_BI;
	update_irq(u);
}

static uint8_t read_rbr(struct uart *u)
{
	uint8_t value = u->rbr;

	if (u->rx_count) {
		value = u->rbr = u->rx[u->rx_head];
		u->rx_head = (u->rx_head + 1) % UART_FIFO;
		u->rx_count--;
	}
	if (!u->rx_count)
		u->lsr &= (uint8_t)~LSR_DR;
	timeout_arm(u);
	update_irq(u);
	if (!(u->mcr & MCR_LOOP) && u->chr)
		chardev_accept_input(u->chr);
	return value;
}

/* --- transmitter --- */

static void transmitter_empty(struct uart *u)
{
	u->tx_count = 0;
	u->lsr |= LSR_THRE | LSR_TEMT;
	u->thr_pending = true;
	timer_cancel(&u->tx_stall);
}

/* Passes queued bytes on; what the back end does not take stays. */
static void transmit(struct uart *u)
{
	while (u->tx_count) {
		uint8_t byte = u->tx[u->tx_head];

		if (u->mcr & MCR_LOOP)
			receive_byte(u, byte);
		else if (chardev_write(u->chr, &byte, 1) != 1 && !u->stalled)
			break;
		u->tx_head = (u->tx_head + 1) % UART_FIFO;
		u->tx_count--;
	}
	if (!u->tx_count)
		transmitter_empty(u);
	else if (!timer_pending(&u->tx_stall))
		timer_set(&u->tx_stall, clock_now(CLOCK_VIRTUAL) + STALL_NS);
	update_irq(u);
}

static void chr_writable(void *opaque)
{
	struct uart *u = opaque;

	u->stalled = false;
	if (u->tx_count)
		transmit(u);
}

static void stall_fired(void *opaque)
{
	struct uart *u = opaque;

	u->stalled = true;
	transmit(u);
}

static void write_thr(struct uart *u, uint8_t value)
{
	unsigned int capacity = fifos_on(u) ? UART_FIFO : 1;

	u->thr_pending = false;
	if (u->tx_count >= capacity) /* overrun: the last byte is replaced */
		u->tx_count--;
	u->tx[(u->tx_head + u->tx_count) % UART_FIFO] = value;
	u->tx_count++;
	u->lsr &= (uint8_t)~(LSR_THRE | LSR_TEMT);
	transmit(u);
}

/* --- line parameters --- */

static void set_parameters(struct uart *u)
{
	struct chardev_serial_params p;
	unsigned int bits = 1;

	p.data_bits = (u->lcr & LCR_WLS) + 5;
	p.stop_bits = u->lcr & LCR_STB ? 2 : 1;
	p.parity = !(u->lcr & LCR_PEN) ? 'N' : u->lcr & LCR_EPS ? 'E' : 'O';
	p.speed = u->divisor ? u->base_baud / u->divisor : 0;
	if (!p.speed)
		p.speed = u->base_baud;
	bits += p.data_bits + p.stop_bits + (p.parity != 'N');
	u->byte_ns = NS_PER_S / p.speed * bits;
	if (u->chr)
		chardev_control(u->chr, CHR_SERIAL_SET_PARAMS, &p);
}

static void write_lcr(struct uart *u, uint8_t value)
{
	int brk = (value & LCR_BREAK) != 0;

	u->lcr = value;
	set_parameters(u);
	if (brk == u->break_on)
		return;
	u->break_on = brk;
	if (u->chr)
		chardev_control(u->chr, CHR_SERIAL_SET_BREAK, &brk);
}

/* --- modem lines --- */

/* New input levels: the delta bits say what changed; TERI is the trailing edge of RI. */
static void msr_set_inputs(struct uart *u, uint8_t inputs)
{
	uint8_t changed = (u->msr ^ inputs) & 0xf0;

	u->msr |= changed >> 4 & (MSR_DCTS | MSR_DDSR | MSR_DDCD);
	if ((changed & MSR_RI) && !(inputs & MSR_RI))
		u->msr |= MSR_TERI;
	u->msr = (uint8_t)((u->msr & MSR_DELTAS) | (inputs & 0xf0));
}

static uint8_t host_inputs(struct uart *u)
{
	int lines = 0;

	u->has_modem_lines = u->chr && chardev_control(u->chr, CHR_SERIAL_GET_TIOCM, &lines) == 0;
	if (!u->has_modem_lines) /* something that is always ready */
		return MSR_CTS | MSR_DSR | MSR_DCD;
	return (uint8_t)((lines & TIOCM_CTS ? MSR_CTS : 0) | (lines & TIOCM_DSR ? MSR_DSR : 0) |
			 (lines & TIOCM_RI ? MSR_RI : 0) | (lines & TIOCM_CAR ? MSR_DCD : 0));
}

/* Loop-back joins RTS, DTR, OUT1 and OUT2 to CTS, DSR, RI and DCD (8.6.7). */
static uint8_t loop_inputs(const struct uart *u)
{
	return (uint8_t)((u->mcr & MCR_RTS ? MSR_CTS : 0) | (u->mcr & MCR_DTR ? MSR_DSR : 0) |
			 (u->mcr & MCR_OUT1 ? MSR_RI : 0) | (u->mcr & MCR_OUT2 ? MSR_DCD : 0));
}

static void modem_update(struct uart *u)
{
	msr_set_inputs(u, u->mcr & MCR_LOOP ? loop_inputs(u) : host_inputs(u));
	update_irq(u);
}

static void modem_poll_fired(void *opaque)
{
	struct uart *u = opaque;

	modem_update(u);
	if (u->has_modem_lines && (u->ier & IER_EDSSI))
		timer_set(&u->modem_poll, clock_now(CLOCK_VIRTUAL) + MODEM_POLL_NS);
}

static void write_mcr(struct uart *u, uint8_t value)
{
	int lines = 0;
	bool was_loop = u->mcr & MCR_LOOP;

	u->mcr = value & 0x1f;
	if (!(u->mcr & MCR_LOOP) && u->chr && u->has_modem_lines &&
	    chardev_control(u->chr, CHR_SERIAL_GET_TIOCM, &lines) == 0) {
		lines &= ~(TIOCM_RTS | TIOCM_DTR);
		lines |= (value & MCR_RTS ? TIOCM_RTS : 0) | (value & MCR_DTR ? TIOCM_DTR : 0);
		chardev_control(u->chr, CHR_SERIAL_SET_TIOCM, &lines);
	}
	modem_update(u);
	if (was_loop && !(u->mcr & MCR_LOOP) && u->chr)
		chardev_accept_input(u->chr);
}

/* --- registers --- */

static void write_ier(struct uart *u, uint8_t value)
{
	uint8_t rising = value & ~u->ier;

	u->ier = value & 15;
	/* enabling the THRE interrupt while the holding register is empty raises it */
	if ((rising & IER_ETBEI) && (u->lsr & LSR_THRE))
		u->thr_pending = true;
	if ((rising & IER_EDSSI) && u->has_modem_lines)
		timer_set(&u->modem_poll, clock_now(CLOCK_VIRTUAL) + MODEM_POLL_NS);
	update_irq(u);
}

static void write_fcr(struct uart *u, uint8_t value)
{
	/* switching the FIFOs clears them (8.6.4) */
	if ((value ^ u->fcr) & FCR_ENABLE)
		value |= FCR_CLEAR_RX | FCR_CLEAR_TX;
	if (value & FCR_CLEAR_RX) {
		u->rx_count = u->rx_head = 0;
		u->lsr &= (uint8_t)~(LSR_DR | LSR_BI);
	}
	if ((value & FCR_CLEAR_TX) && u->tx_count)
		transmitter_empty(u);
	u->fcr = value & (FCR_ENABLE | FCR_TRIGGER | 0x08);
	if (!fifos_on(u))
		u->fcr = 0;
	timeout_arm(u);
	update_irq(u);
	if (u->chr)
		chardev_accept_input(u->chr);
}

/* Reading IIR clears the THRE interrupt if that is what it shows. */
static uint8_t read_iir(struct uart *u)
{
	uint8_t value = u->iir;

	if (value == IIR_THRE) {
		u->thr_pending = false;
		update_irq(u);
	}
	return value | (fifos_on(u) ? IIR_FIFOS : 0);
}

static uint8_t read_lsr(struct uart *u)
{
	uint8_t value = u->lsr;

	if (value & LSR_ERRORS) {
		u->lsr &= (uint8_t)~LSR_ERRORS;
		update_irq(u);
	}
	return value;
}

static uint8_t read_msr(struct uart *u)
{
	uint8_t value;

	if (!(u->mcr & MCR_LOOP) && u->has_modem_lines)
		msr_set_inputs(u, host_inputs(u));
	value = u->msr;
	u->msr &= (uint8_t)~MSR_DELTAS;
	update_irq(u);
	return value;
}

uint8_t uart_read(struct uart *u, unsigned int reg)
{
	bool dlab = u->lcr & LCR_DLAB;

	switch (reg) {
	case RBR_THR: return dlab ? (uint8_t)u->divisor : read_rbr(u);
	case IER: return dlab ? (uint8_t)(u->divisor >> 8) : u->ier;
	case IIR_FCR: return read_iir(u);
	case LCR: return u->lcr;
	case MCR: return u->mcr;
	case LSR: return read_lsr(u);
	case MSR: return read_msr(u);
	case SCR: return u->scr;
	default: return 0xff;
	}
}

static void write_divisor(struct uart *u, unsigned int reg, uint8_t value)
{
	if (reg == RBR_THR)
		u->divisor = (u->divisor & 0xff00) | value;
	else
		u->divisor = (uint16_t)((u->divisor & 0x00ff) | value << 8);
	set_parameters(u);
}

void uart_write(struct uart *u, unsigned int reg, uint8_t value)
{
	if (reg <= IER && (u->lcr & LCR_DLAB)) {
		write_divisor(u, reg, value);
		return;
	}
	switch (reg) {
	case RBR_THR: write_thr(u, value); break;
	case IER: write_ier(u, value); break;
	case IIR_FCR: write_fcr(u, value); break;
	case LCR: write_lcr(u, value); break;
	case MCR: write_mcr(u, value); break;
	case SCR: u->scr = value; break;
	default: break; /* LSR and MSR are for reading; factory tests write them */
	}
}

/* --- life --- */

static const struct chardev_handlers handlers = {
	.can_receive = chr_can_receive,
	.receive = chr_receive,
	.event = chr_event,
	.writable = chr_writable,
};

void uart_init(struct uart *u, struct chardev *chr, struct irq *irq, uint32_t base_baud)
{
	u->chr = chr;
	u->irq = irq;
	u->base_baud = base_baud;
	timer_init(&u->rx_timeout, CLOCK_VIRTUAL, timeout_fired, u);
	timer_init(&u->tx_stall, CLOCK_VIRTUAL, stall_fired, u);
	timer_init(&u->modem_poll, CLOCK_VIRTUAL, modem_poll_fired, u);
	if (chr)
		chardev_attach(chr, &handlers, u);
}

void uart_reset(struct uart *u)
{
	u->rbr = u->ier = u->fcr = u->lcr = u->mcr = u->scr = 0;
	u->iir = IIR_NONE;
	u->lsr = LSR_THRE | LSR_TEMT;
	u->divisor = 12; /* undefined by the data sheet; 9600 baud */
	u->rx_head = u->rx_count = u->tx_head = u->tx_count = 0;
	memset(u->rx, 0, sizeof(u->rx));
	memset(u->tx, 0, sizeof(u->tx));
	u->thr_pending = u->timeout_pending = u->stalled = u->break_on = false;
	timer_cancel(&u->rx_timeout);
	timer_cancel(&u->tx_stall);
	timer_cancel(&u->modem_poll);
	u->msr = host_inputs(u);
	u->byte_ns = NS_PER_S / 9600 * 10;
}

void uart_settle(struct uart *u)
{
	update_irq(u);
}

struct error *uart_post_load(struct uart *u)
{
	if (u->rx_head >= UART_FIFO || u->rx_count > UART_FIFO || u->tx_head >= UART_FIFO ||
	    u->tx_count > UART_FIFO)
		return error_new("uart: impossible FIFO");
	set_parameters(u);
	return NULL;
}

const struct field uart_state[] = {
	F_U8(struct uart, rbr),		  F_U8(struct uart, ier),
	F_U8(struct uart, iir),		  F_U8(struct uart, fcr),
	F_U8(struct uart, lcr),		  F_U8(struct uart, mcr),
	F_U8(struct uart, lsr),		  F_U8(struct uart, msr),
	F_U8(struct uart, scr),		  F_U16(struct uart, divisor),
	F_BYTES(struct uart, rx),	  F_U8(struct uart, rx_head),
	F_U8(struct uart, rx_count),	  F_BYTES(struct uart, tx),
	F_U8(struct uart, tx_head),	  F_U8(struct uart, tx_count),
	F_BOOL(struct uart, thr_pending), F_BOOL(struct uart, timeout_pending),
	F_BOOL(struct uart, stalled),	  F_BOOL(struct uart, break_on),
	F_TIMER(struct uart, rx_timeout), F_TIMER(struct uart, tx_stall),
	F_TIMER(struct uart, modem_poll), FIELD_END,
};
