/*
 * 82441FX: the PCI and memory controller of the i440FX chip set (Intel 290549-001).
 *
 * What processors see. The board has one tree of regions: RAM at priority 0 over the PCI bus at
 * priority -1. Each PAM segment and the VGA window is a small region at priority 1 that shows
 * what its register says; disabling it uncovers the RAM.
 *
 * SMRAM. With G_SMRAME set, A0000h-BFFFFh is RAM in system management mode and the VGA's window
 * otherwise. So there are two address spaces, shared by all processors: `memory` of the board, and
 * `smm_space`, whose root shows the board's tree under an alias of that RAM. A processor uses its
 * cpu->smm_memory while it is in system management mode; nothing is rebuilt when it enters or
 * leaves. D_OPEN uncovers the RAM in the ordinary space as well.
 */
#ifndef HW_PCI_I440FX_H
#define HW_PCI_I440FX_H

#include "hw/pci/pci.h"

#define I440FX_PAM_SEGMENTS 13

struct i440fx_segment {
	struct region pci;    /* reads and writes go to PCI */
	struct region rom;    /* reads from RAM, writes are dropped */
	struct region shadow; /* reads as PCI did, writes go to RAM */
};

struct i440fx {
	struct pci_device pci;
	struct pci_type1 type1;
	struct region *system, *ram; /* properties: the board's root, and its RAM at offset 0 */
	struct i440fx_segment segments[I440FX_PAM_SEGMENTS];
	struct region vga_window;
	struct region nobody; /* of A0000h-FFFFFh on PCI where no card answers */
	struct region shadow_rom;
	struct region smm_root, smm_system, smm_ram;
	struct address_space smm_space;
	struct address_space pci_space; /* what shadowing reads */
	uint8_t modes[I440FX_PAM_SEGMENTS];
};

#endif
