/*
 * PCI bridge of the Versatile and RealView boards: classes "versatile_pci" and "realview_pci",
 * properties "parent" (struct region *, where its windows go) and "memory" (struct address_space *
 * that bus masters see). Outputs 0 to 3: the board's PCI interrupts.
 */
#ifndef HW_PCI_VERSATILE_PCI_H
#define HW_PCI_VERSATILE_PCI_H

#include "hw/misc/mmio.h"
#include "hw/pci/pci.h"

#include <glib.h>

#define VERSATILE_PCI_SLOT 11 /* the bridge itself; cards follow */

struct versatile_pci {
	struct mmio mmio;
	bool broken_irq_mapping; /* property */
	struct region *parent;
	struct address_space *memory;
	struct pci_bus bus;
	struct region self, config, pci_memory, pci_io, windows[3];
	uint32_t imap[3], smap[3], selfid, flags;
};

/* Which of the four lines a pin (0: INTA#) of a slot drives. */
int versatile_pci_line(const struct versatile_pci *p, int slot, int pin);

#endif
