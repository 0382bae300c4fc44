/*
 * MSI-X: a table of messages in a BAR that stands in for the interrupt pin.
 * Source: PCI Local Bus Specification 3.0, section 6.8.2.
 *
 * A function embeds `struct pci_msix`, calls pci_msix_init() from its init and pci_msix_reset()
 * from its reset, hands configuration writes on, and lists pci_msix_fields in its state. Machine
 * lock held.
 */
#ifndef HW_PCI_MSIX_H
#define HW_PCI_MSIX_H

#include "hw/pci/pci.h"

enum { PCI_MSIX_VECTORS_MAX = 16, PCI_MSIX_ENTRY = 16 };

struct pci_msix {
	struct pci_device *pci;
	unsigned int vectors;
	uint8_t capability; /* its offset in configuration space; 0: pci_msix_init() was not called
			     */
	struct region window;
	uint8_t table[PCI_MSIX_VECTORS_MAX * PCI_MSIX_ENTRY];
	uint16_t pending; /* a bit for each vector that was masked when it was raised */
	bool sending;	  /* not saved */
};

extern const struct field pci_msix_fields[];

/* Offers the capability with its table and pending bits in `bar`; vectors up to the maximum. */
void pci_msix_init(struct pci_msix *m, struct pci_device *pci, unsigned int bar,
		   unsigned int vectors);
void pci_msix_reset(struct pci_msix *m);
/* For the function's config_written: notices that the driver enables or unmasks. */
void pci_msix_config_written(struct pci_msix *m, unsigned int offset, unsigned int size);
/* Whether messages are used; the function then leaves its pin alone. */
bool pci_msix_enabled(const struct pci_msix *m);
/* Sends the message of a vector, or keeps it until the driver unmasks. Others are ignored. */
void pci_msix_raise(struct pci_msix *m, unsigned int vector);

#endif
