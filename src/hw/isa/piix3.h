/*
 * 82371SB (PIIX3): the ISA bridge of the i440FX chip set (Intel 290550-002).
 * The board sets property "irqs" (struct irq *[16], inputs of the interrupt controllers) and uses
 * piix3_set_irq() as the PCI bus's set_irq.
 */
#ifndef HW_ISA_PIIX3_H
#define HW_ISA_PIIX3_H

#include "hw/pci/pci.h"

struct piix3 {
	struct pci_device pci;
	struct irq **irqs;
	uint8_t rcr;	 /* reset control, CF9h */
	uint16_t driven; /* ISA interrupts held by PIRQs */
};

void piix3_set_irq(void *opaque, struct pci_device *dev, int pin, int level);
/* The PIRQ (0..3) that pin 0..3 of a slot is wired to on this board. */
unsigned int piix3_pirq_of(unsigned int devfn, unsigned int pin);

extern const struct region_ops piix3_rcr_ops; /* byte_ops of the type 1 registers; opaque: piix3 */

#endif
