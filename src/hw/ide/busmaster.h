/* A bus-master IDE function: two channels with their descriptor tables. */
#ifndef HW_IDE_BUSMASTER_H
#define HW_IDE_BUSMASTER_H

#include "hw/ide/ide.h"
#include "hw/pci/pci.h"

/* One channel's registers (82371SB data sheet, 2.7; "Programming Interface for Bus Master IDE
 * Controller", revision 1.0). */
struct busmaster {
	struct pci_device *pci;
	struct ide_channel *channel;
	uint8_t command; /* BMIC */
	uint8_t status;	 /* BMIS */
	uint32_t table;	 /* BMID: physical address of the descriptor table */
	/* how far the table has been worked off */
	uint32_t next;	      /* address of the next descriptor */
	uint32_t addr, bytes; /* what is left of the present one */
	bool last;	      /* it was the table's last */
	struct region region;
};

extern const struct field busmaster_fields[];
void busmaster_init(struct busmaster *b, struct pci_device *pci, struct ide_channel *channel);
void busmaster_reset(struct busmaster *b);

#endif
