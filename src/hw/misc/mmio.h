/*
 * A block of registers with some interrupt outputs, which boards place by hand: the beginning of
 * most devices of boards without a bus that users plug into.
 *
 *	struct uart { struct mmio mmio; ... };             (first member)
 *	region_init_io(&u->mmio.regs, "uart", 0x1000, &ops, u);                  (in init)
 *
 *	struct device *dev = device_new_named("pl011");    (the board)
 *	mmio_connect(dev, 0, &pic->inputs[12]);
 *	err = mmio_place(dev, &m->memory_root, 0x101f1000);
 */
#ifndef HW_MISC_MMIO_H
#define HW_MISC_MMIO_H

#include "vm/device.h"
#include "vm/irq.h"
#include "vm/memory.h"

#define MMIO_IRQS 4

struct mmio {
	struct device dev;
	struct region regs;	     /* made by the class's init */
	struct irq *irqs[MMIO_IRQS]; /* outputs as the class numbers them; NULL: not connected */
};

static inline void mmio_connect(struct device *dev, unsigned int output, struct irq *irq)
{
	((struct mmio *)dev)->irqs[output % MMIO_IRQS] = irq;
}

/* Realizes the device and maps its registers. On error it is freed. */
struct error *mmio_place(struct device *dev, struct region *parent, uint64_t addr) NODISCARD;

#endif
