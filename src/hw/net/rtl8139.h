/* The state and registers of a Realtek RTL8139C+; see rtl8139.c. */
#ifndef HW_NET_RTL8139_H
#define HW_NET_RTL8139_H

#include "hw/net/eeprom93.h"
#include "hw/net/nic.h"
#include "hw/pci/pci.h"

/* Register offsets, by the data sheet's names. */
enum {
	IDR0 = 0x00,
	MAR0 = 0x08,
	TSD0 = 0x10,  /* C+: DTCCR, 64 bits */
	TSAD0 = 0x20, /* C+: TNPDS, 64 bits */
	THPDS = 0x28,
	RBSTART = 0x30,
	CR = 0x37,
	CAPR = 0x38,
	CBR = 0x3a,
	IMR = 0x3c,
	ISR = 0x3e,
	TCR = 0x40,
	RCR = 0x44,
	TCTR = 0x48,
	MPC = 0x4c,
	CR9346 = 0x50,
	CONFIG0 = 0x51,
	CONFIG1 = 0x52,
	TIMER_INT = 0x54,
	MSR = 0x58,
	CONFIG3 = 0x59,
	CONFIG4 = 0x5a,
	MULINT = 0x5c,
	TSAD = 0x60,
	BMCR = 0x62,
	BMSR = 0x64,
	ANAR = 0x66,
	ANLPAR = 0x68,
	ANER = 0x6a,
	NWAYTR = 0x70,
	CSCR = 0x74,
	CONFIG5 = 0xd8,
	TPPOLL = 0xd9,
	CPCR = 0xe0,
	RDSAR = 0xe4,
	ETTHR = 0xec,
};

enum {
	CR_BUFE = 0x01,
	CR_TE = 0x04,
	CR_RE = 0x08,
	CR_RST = 0x10,

	ISR_ROK = 0x0001,
	ISR_TOK = 0x0004,
	ISR_RXOVW = 0x0010, /* C+: no descriptor */
	ISR_LINK = 0x0020,
	ISR_FOVW = 0x0040,
	ISR_TDU = 0x0080,
	ISR_TIMEOUT = 0x4000,
	ISR_BITS = 0xe1ff,

	RCR_AAP = 0x01,
	RCR_APM = 0x02,
	RCR_AM = 0x04,
	RCR_AB = 0x08,
	RCR_WRAP = 0x80,

	CPCR_TX = 0x0001,
	CPCR_RX = 0x0002,
	CPCR_RXCHKSUM = 0x0020,
	CPCR_VLAN = 0x0040,
};

/* The tally counters, in the order of the dump. */
struct rtl8139_tally {
	uint64_t tx_ok, rx_ok, tx_err;
	uint32_t rx_err;
	uint16_t missed, fae;
	uint32_t tx_one_collision, tx_more_collisions;
	uint64_t rx_ok_phy, rx_ok_broadcast;
	uint32_t rx_ok_multicast;
	uint16_t tx_abort, tx_underrun;
};

enum { RTL8139_FRAME_MAX = 65536 + 64 };

struct rtl8139 {
	struct pci_device pci;
	struct nic nic;
	struct eeprom93 eeprom;
	uint8_t idr[6], mar[8];
	uint32_t tsd[4], tsad[4], rbstart;
	uint16_t capr, cbr, imr, isr; /* capr and cbr count from the buffer's start */
	uint32_t tcr, rcr, timer_int, missed;
	uint8_t cr, cr9346, config0, config1, config3, config4, config5;
	uint16_t bmcr, anar, cscr, multiple_int;
	uint16_t cpcr;
	uint64_t rdsar;
	uint8_t etthr;
	int64_t timer_base; /* virtual time when TCTR was 0 */
	struct timer timer;
	uint32_t next_tx;		    /* descriptor of the four, or in the C+ ring */
	uint32_t next_rx, next_tx_priority; /* in the C+ rings */
	struct rtl8139_tally tally;
	uint8_t frame[RTL8139_FRAME_MAX]; /* gathered from C+ descriptors */
	uint32_t frame_len;
	int irq_level;
	/* not saved */
	bool transmitting;
	struct region io, mmio;
};

/* rtl8139.c */
void rtl8139_raise(struct rtl8139 *s, uint16_t causes);
/* rtl8139-tx.c */
void rtl8139_transmit(struct rtl8139 *s, unsigned int n); /* one of the four */
void rtl8139_cplus_transmit(struct rtl8139 *s, bool priority);
/* rtl8139-rx.c */
bool rtl8139_can_receive(void *opaque);
bool rtl8139_receive(void *opaque, const uint8_t *frame, size_t len);
uint32_t rtl8139_ring_size(const struct rtl8139 *s);

#endif
