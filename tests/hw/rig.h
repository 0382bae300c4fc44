/*
 * A bare PCI machine for tests of one card: 16 MiB of RAM at 0, BARs placed by hand, the interrupt
 * pin and the frames that it sends recorded.
 */
#ifndef TESTS_HW_RIG_H
#define TESTS_HW_RIG_H

#include "hw/pci/pci.h"
#include "net/net.h"
#include "vm/memory.h"

#include <check.h>
#include <glib.h>

#define RIG_BAR_IO  0xc000u
#define RIG_BAR_MEM 0xf0000000u

struct rig {
	struct region memory_root, io_root, ram;
	struct address_space memory, io;
	struct pci_bus bus;
	struct pci_device *card;
	int irq;
	struct net_port *wire; /* the card's peer */
	GPtrArray *sent;       /* GByteArray *: frames that left the card */
};

/* Makes the machine and the card, maps its BARs and resets it. `wire` gives it a peer. */
void rig_init(struct rig *r, const char *card, bool wire);
/* The same with a peer that exists already. */
void rig_init_peer(struct rig *r, const char *card, struct net_port *peer);
void rig_reset(struct rig *r);

void rig_out(struct rig *r, unsigned int port, unsigned int size, uint32_t value);
uint32_t rig_in(struct rig *r, unsigned int port, unsigned int size);
void rig_write(struct rig *r, uint64_t addr, unsigned int size, uint32_t value);
uint32_t rig_read(struct rig *r, uint64_t addr, unsigned int size);
uint8_t *rig_ram(struct rig *r, uint32_t addr);

/* Puts a frame on the wire: `len` bytes to `to`, the rest a pattern. Returns whether it was taken
 * at once. */
void rig_frame(uint8_t *frame, size_t len, const uint8_t to[6]);
void rig_send(struct rig *r, const uint8_t *frame, size_t len);
GByteArray *rig_sent(struct rig *r, unsigned int n);
/* Saves, resets, loads and saves again; both must be equal. */
void rig_save_load(struct rig *r);
/* Values that a card may meet on its registers, from a seed; calls nothing else. */
uint32_t rig_random(uint32_t *seed);

#endif
