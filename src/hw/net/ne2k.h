/* The NE2000: a DP8390 with its PROM and 16 KiB of buffer memory; see ne2k.c. */
#ifndef HW_NET_NE2K_H
#define HW_NET_NE2K_H

#include "hw/net/nic.h"
#include "vm/clock.h"
#include "vm/irq.h"
#include "vm/memory.h"

enum { NE2K_MEMORY = 48 << 10, NE2K_PORTS = 32 };

struct ne2k {
	struct nic nic;
	uint8_t cmd, isr, imr, rcr, tcr, dcr, rsr, tsr;
	uint8_t start, stop, boundary, current; /* pages of 256 bytes */
	uint8_t transmit_page;
	uint16_t transmit_count, remote_address, remote_count;
	uint8_t phys[6], mult[8];
	uint8_t memory[NE2K_MEMORY]; /* PROM at 0, buffer at 4000h to BFFFh */
	int irq_level;
	uint8_t burst; /* frames since the driver acknowledged PRX */
	bool draining; /* it has looked at CURR since */
	struct timer pause;
	/* not saved */
	void (*set_irq)(void *opaque, int level);
	void *irq_opaque;
	struct region ports;
};

extern const struct field ne2k_fields[];

void ne2k_init(struct ne2k *s, void (*set_irq)(void *opaque, int level), void *opaque);
void ne2k_reset(struct ne2k *s);
struct error *ne2k_post_load(struct ne2k *s) NODISCARD;
bool ne2k_receive(struct ne2k *s, const uint8_t *frame, size_t len);
bool ne2k_can_receive(struct ne2k *s);

#endif
