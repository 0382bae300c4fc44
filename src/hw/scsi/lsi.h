/* For boards: LSI53C895A host adapters and the drives of -drive if=scsi. */
#ifndef HW_SCSI_LSI_H
#define HW_SCSI_LSI_H

#include "hw/pci/pci.h"

/* Plugs an adapter into the first free slot, with all drives of if=scsi,bus=number. */
struct error *lsi_create(struct pci_bus *pci, unsigned int number) NODISCARD;
/* The same for every bus that a -drive names; none where there is no such drive. */
struct error *lsi_create_for_drives(struct pci_bus *pci) NODISCARD;

#endif
