/* The state of an AMD Am79C970A (PCnet-PCI II); see pcnet.c. */
#ifndef HW_NET_PCNET_H
#define HW_NET_PCNET_H

#include "hw/net/nic.h"

enum { PCNET_CSRS = 128, PCNET_BCRS = 32, PCNET_FRAME_MAX = 65536 };

enum {
	CSR0_INIT = 0x0001,
	CSR0_STRT = 0x0002,
	CSR0_STOP = 0x0004,
	CSR0_TDMD = 0x0008,
	CSR0_TXON = 0x0010,
	CSR0_RXON = 0x0020,
	CSR0_IENA = 0x0040,
	CSR0_INTR = 0x0080,
	CSR0_IDON = 0x0100,
	CSR0_TINT = 0x0200,
	CSR0_RINT = 0x0400,
	CSR0_MERR = 0x0800,
	CSR0_MISS = 0x1000,
	CSR0_CERR = 0x2000,
	CSR0_BABL = 0x4000,
	CSR0_ERR = 0x8000,
	CSR0_CAUSES = CSR0_IDON | CSR0_TINT | CSR0_RINT | CSR0_MERR | CSR0_MISS | CSR0_BABL,
	CSR0_CLEAR = CSR0_CAUSES | CSR0_CERR,

	CSR4_ASTRP_RCV = 0x0400,
	CSR4_MFCO = 0x0200,
	CSR4_TXSTRT = 0x0008,
	CSR5_SPND = 0x0001,
	CSR5_LTINTEN = 0x4000,

	MODE_PROM = 0x8000,
	MODE_DRCVBC = 0x4000,
	MODE_DRCVPA = 0x2000,
	MODE_LOOP = 0x0004,
	MODE_DTX = 0x0002,
	MODE_DRX = 0x0001,
};

/* The bus that the chip masters, so that other attachments than PCI may use it. */
struct pcnet_bus {
	void (*read)(void *opaque, uint64_t addr, void *buf, uint64_t len);
	void (*write)(void *opaque, uint64_t addr, const void *buf, uint64_t len);
	void (*set_irq)(void *opaque, int level);
};

struct pcnet {
	struct nic nic;
	uint16_t csr[PCNET_CSRS], bcr[PCNET_BCRS];
	uint8_t aprom[16];
	uint16_t rap;
	uint32_t rx_ring, tx_ring; /* RDRA and TDRA */
	uint8_t frame[PCNET_FRAME_MAX];
	uint32_t frame_len;
	bool tx_open; /* between STP and ENP */
	int irq_level;
	/* not saved */
	bool transmitting;
	struct timer poll; /* for receive descriptors */
	const struct pcnet_bus *bus;
	void *bus_opaque;
	struct region io, mmio;
};

extern const struct field pcnet_fields[];

void pcnet_init(struct pcnet *s, const struct pcnet_bus *bus, void *opaque);
void pcnet_reset(struct pcnet *s);
struct error *pcnet_post_load(struct pcnet *s) NODISCARD;
void pcnet_update_irq(struct pcnet *s);

/* pcnet-ring.c */
void pcnet_load_init_block(struct pcnet *s);
void pcnet_transmit(struct pcnet *s);
bool pcnet_can_receive(struct pcnet *s);
bool pcnet_receive(struct pcnet *s, const uint8_t *frame, size_t len);

#endif
