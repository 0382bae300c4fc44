/*
 * A memory-mapped 16550: registers every 1 << regshift bytes. Boards set "irq" (struct irq *),
 * "chardev", "regshift", "baudbase" (clock / 16) and "endianness" (1: big), realize it, and map
 * `registers`.
 */
#ifndef HW_CHAR_SERIAL_MM_H
#define HW_CHAR_SERIAL_MM_H

#include "hw/char/uart16550.h"
#include "vm/memory.h"

struct serial_mm {
	struct device dev;
	struct uart uart;
	struct chardev *chr;
	struct irq *irq;
	uint8_t regshift, endianness;
	uint32_t baudbase;
	struct region registers;
};

#endif
