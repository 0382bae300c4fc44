/*
 * Power management function of the 82371AB (PIIX4). Properties for the board: "sci" and "smi"
 * (struct irq *: IRQ 9, and the first processor's SMI#); "smm": whether the processor has a
 * system management mode that firmware may use.
 */
#ifndef HW_ACPI_PIIX4_PM_H
#define HW_ACPI_PIIX4_PM_H

#include "hw/i2c/smbus.h"
#include "hw/pci/pci.h"

/* Values of the SMI command port that FADT announces. */
#define PIIX4_ACPI_ENABLE  0xf1
#define PIIX4_ACPI_DISABLE 0xf0
#define PIIX4_SMI_COMMAND  0xb2

#define PIIX4_PM_PMBA	 0x40
#define PIIX4_PM_TIMER	 0x08 /* offsets from PMBA */
#define PIIX4_PM_CONTROL 0x04
#define PIIX4_PM_GPE0	 0x0c

struct piix4_pm {
	struct pci_device pci;
	struct irq *sci, *smi;
	bool smm;
	bool sci_level;
	uint16_t pmsts, pmen, pmcntrl, gpsts, gpen;
	uint32_t pcntrl, devctl, gpo;
	uint16_t glbsts, glben;
	uint32_t devsts, glbctl;
	uint8_t apmc, apms;
	int64_t timer_seen; /* PM timer clocks up to which overflows were noted */
	struct timer overflow;
	struct smbus_host smbus_host;
	struct smbus smbus;
	uint64_t mapped_pm, mapped_smb;
	struct region pm_ports, smb_ports, apm_ports;
};

/* Base of the PM registers that firmware has chosen, 0 before. */
uint16_t piix4_pm_base(const struct piix4_pm *s);

#endif
