#ifndef HW_NET_STELLARIS_ENET_H
#define HW_NET_STELLARIS_ENET_H

#include "hw/misc/mmio.h"
#include "hw/net/nic.h"

#define ENET_RX_FRAMES 31
#define ENET_FIFO      2048

struct enet_frame {
	uint8_t data[ENET_FIFO]; /* length, frame and FCS as the data register shows them */
	uint32_t len;
};

struct stellaris_enet {
	struct mmio mmio; /* output 0: the interrupt */
	struct nic nic;
	uint32_t ris, im, rctl, tctl, thr, mctl, mdv, mtxd, mrxd;
	uint16_t phy[32];
	uint8_t ia[6];
	/* what is being written */
	uint8_t tx[ENET_FIFO];
	uint32_t tx_len;
	/* received frames; the data register reads the one at rx_head from rx_offset on */
	struct enet_frame rx[ENET_RX_FRAMES];
	uint32_t rx_head, rx_count, rx_offset;
};

#endif
