/* The state of an Intel 82540EM; see e1000.c. */
#ifndef HW_NET_E1000_H
#define HW_NET_E1000_H

#include "hw/net/e1000-regs.h"
#include "hw/net/eeprom93.h"
#include "hw/net/nic.h"
#include "hw/pci/pci.h"
#include "vm/idle.h"

enum { E1000_FRAME_MAX = 65536 + 64, E1000_RX_MAX = 16384 };

/* Offsets that a context descriptor leaves for the data descriptors after it. */
struct e1000_context {
	uint8_t ipcss, ipcso, tucss, tucso, hdrlen;
	uint16_t ipcse, tucse, mss;
};

struct e1000 {
	struct pci_device pci;
	struct nic nic;
	uint32_t reg[REGISTERS_END / 4];
	uint16_t phy[32];
	struct eeprom93 eeprom;
	struct timer mitigation; /* no interrupt until it fires (ITR) */
	uint32_t io_address;
	struct e1000_context context, tso;
	/* the frame being gathered */
	uint8_t tx_frame[E1000_FRAME_MAX];
	uint32_t tx_len;
	uint8_t tx_popts, tx_command;
	uint16_t tx_special;
	bool tx_started, irq_high;
	/* not saved */
	bool transmitting, bulk;
	struct idle_hook idle;
	uint32_t tx_work;  /* bytes of this run of the transmitter */
	struct timer more; /* the rest of a ring that is too much for one run */
	struct region mmio, io;
};

#define E1000_REG(s, offset) ((s)->reg[(offset) / 4])

/* e1000.c */
void e1000_raise(struct e1000 *s, uint32_t causes);
void e1000_count(struct e1000 *s, unsigned int counter);
void e1000_count_octets(struct e1000 *s, unsigned int counter_low, size_t octets);
/* e1000-tx.c */
void e1000_transmit(struct e1000 *s);
void e1000_transmit_more(void *opaque);
void e1000_transmit_notified(struct e1000 *s);
/* e1000-rx.c */
bool e1000_can_receive(void *opaque);
bool e1000_receive(void *opaque, const uint8_t *frame, size_t len);

#endif
