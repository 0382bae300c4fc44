/*
 * PC16550D UART core. A front (ISA card, memory-mapped, PCI) embeds it, gives it its line with
 * uart_init() and passes register accesses on; every front's state list has
 * F_STRUCT(type, member, uart_state).
 */
#ifndef HW_CHAR_UART16550_H
#define HW_CHAR_UART16550_H

#include "vm/chardev.h"
#include "vm/clock.h"
#include "vm/device.h"
#include "vm/irq.h"

#define UART_FIFO 16

struct uart {
	struct chardev *chr;
	struct irq *irq;
	uint32_t base_baud; /* divided by the latch: 115200 on the PC */
	bool gate_irq;	    /* the PC's cards: OUT2 enables the interrupt driver */
	uint8_t rbr, ier, iir, fcr, lcr, mcr, lsr, msr, scr;
	uint16_t divisor;
	uint8_t rx[UART_FIFO], rx_head, rx_count;
	uint8_t tx[UART_FIFO], tx_head, tx_count;
	bool thr_pending; /* THRE interrupt is raised */
	bool timeout_pending;
	bool stalled; /* the back end has not taken bytes for long: drop them */
	bool break_on;
	int64_t byte_ns; /* time of one character */
	struct timer rx_timeout, tx_stall, modem_poll;
	bool has_modem_lines; /* the back end reports them */
};

extern const struct field uart_state[];

void uart_init(struct uart *u, struct chardev *chr, struct irq *irq, uint32_t base_baud);
void uart_reset(struct uart *u);
void uart_settle(struct uart *u);
struct error *uart_post_load(struct uart *u);
uint8_t uart_read(struct uart *u, unsigned int reg);
void uart_write(struct uart *u, unsigned int reg, uint8_t value);

#endif
