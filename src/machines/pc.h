/*
 * The PC boards: what pc-i440fx.c and isapc.c share. pc-common.c wires processors, interrupts and
 * ISA devices; pc-firmware.c loads the BIOS and fills fw_cfg and CMOS; pc-linux.c and
 * pc-multiboot.c load kernels; pc-acpi.c and pc-smbios.c describe the board to the guest.
 */
#ifndef MACHINES_PC_H
#define MACHINES_PC_H

#include "hw/acpi/piix4-pm.h"
#include "hw/intc/apic.h"
#include "hw/intc/i8259.h"
#include "hw/isa/isa.h"
#include "hw/isa/piix3.h"
#include "hw/misc/fw-cfg.h"
#include "hw/pci/i440fx.h"
#include "hw/timer/hpet.h"
#include "hw/timer/i8254.h"
#include "hw/timer/mc146818.h"
#include "vm/machine.h"

#define PC_GSIS	    24
#define PC_MODULES  8 /* SPD EEPROMs */
#define PC_SCI_IRQ  9
#define PC_4G	    UINT64_C(0x100000000)
#define PC_HOLE_END UINT64_C(0xfec00000) /* PCI memory ends where the I/O APIC is */

struct pc {
	struct machine *m;
	bool has_pci, has_acpi, has_hpet, has_ioapic;
	struct isa_bus isa;
	struct pci_bus pci;
	uint64_t low_ram, high_ram; /* bytes below and above 4 GiB */

	struct region ram_low, ram_high, pci_memory, bios, bios_alias;
	struct region dma_root, dma_memory;
	struct address_space dma; /* what bus masters see: memory, and messages at FEE00000h */
	struct region port_80, port_f0;

	struct irq gsi[PC_GSIS]; /* interrupt lines of the board: 8259s and I/O APIC */
	struct irq intr, a20, ferr, smi;

	struct i8259 *pic;
	struct apic_bus apic_bus;
	struct ioapic *ioapic;
	struct i8254 *pit;
	struct mc146818 *rtc;
	struct hpet *hpet;
	struct i440fx *host;
	struct piix3 *bridge;
	struct piix4_pm *pm;
	struct fw_cfg *fw;
	struct smbus_eeprom modules[PC_MODULES];
	GString *boot_list; /* the "bootorder" file */
	size_t fadt_offset; /* of the FADT in "etc/acpi/tables", 0: none */
};

struct pc *pc_new(struct machine *m);

/* pc-common.c */
struct error *pc_create_cpus(struct pc *pc) NODISCARD;
void pc_create_gsis(struct pc *pc);
struct error *pc_create_isa_devices(struct pc *pc) NODISCARD;
struct error *pc_create_nics(struct pc *pc) NODISCARD;
struct error *pc_create_virtio_disks(struct pc *pc) NODISCARD;
struct error *pc_create_vga(struct pc *pc) NODISCARD;
/* Makes a device of the table if its class is linked in; otherwise nothing. */
struct error *pc_create_optional(struct pc *pc, const char *name, int devfn) NODISCARD;

/* pc-firmware.c */
/* `shadow`: there is no chip set that does it, so the BIOS is copied into RAM at every reset. */
struct error *pc_load_bios(struct pc *pc, const char *default_file, bool shadow) NODISCARD;
struct error *pc_create_fw_cfg(struct pc *pc) NODISCARD;
/* Adds an option ROM that the firmware runs; `boot` puts it first in the boot order. */
struct error *pc_add_rom(struct pc *pc, const char *file, bool boot) NODISCARD;

/* pc-linux.c, pc-multiboot.c */
struct error *pc_load_kernel(struct pc *pc) NODISCARD;
/* *found: whether the image has a multiboot header (and was loaded). */
struct error *pc_load_multiboot(struct pc *pc, const GByteArray *image, bool *found) NODISCARD;

/* pc-acpi.c, pc-smbios.c */
struct error *pc_add_acpi(struct pc *pc) NODISCARD;
struct error *pc_add_smbios(struct pc *pc) NODISCARD;

#endif
