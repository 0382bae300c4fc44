/*
 * OHCI host controller without its bus: PCI cards, systems on a chip and FPGA boards have the same.
 * Source: Open Host Controller Interface Specification for USB, release 1.0a.
 *
 * An owner embeds it, maps `regs` (OHCI_SIZE bytes), connects `irq` and says where its memory is.
 */
#ifndef HW_USB_OHCI_H
#define HW_USB_OHCI_H

#include "hw/usb/usb.h"
#include "vm/irq.h"
#include "vm/memory.h"

#define OHCI_SIZE      0x1000
#define OHCI_MAX_PORTS 15
#define OHCI_PACKET    2048 /* bytes, more than an endpoint's MPS field can say */

struct ohci_port {
	struct usb_port port;
	uint32_t status; /* HcRhPortStatus */
};

struct ohci {
	struct usb_bus bus;
	struct region regs;
	struct address_space *memory;
	void (*set_irq)(void *opaque, int level);
	void *opaque;
	struct timer frame; /* the end of the present frame */
	struct ohci_port ports[OHCI_MAX_PORTS];
	uint32_t port_count;
	/* registers, by their names without Hc */
	uint32_t control, command_status, interrupt_status, interrupt_enable;
	uint32_t hcca, period_current_ed, control_head_ed, control_current_ed, bulk_head_ed;
	uint32_t bulk_current_ed, done_head, fm_interval, fm_number, periodic_start, ls_threshold;
	uint32_t rh_descriptor_a, rh_descriptor_b, rh_status;
	uint8_t done_count; /* frames until the done queue is written back; 7: never */
	int64_t frame_start;
	/* the descriptor whose transaction takes time, 0: none; what it moves */
	struct usb_packet packet;
	uint32_t async_td;
	bool async_complete;
	uint8_t buffer[OHCI_PACKET];
};

/* Makes the controller with `ports` root ports. */
struct error *ohci_init(struct ohci *h, unsigned int ports) NODISCARD;
void ohci_reset(struct ohci *h);
void ohci_settle(struct ohci *h);
struct error *ohci_post_load(struct ohci *h) NODISCARD;
extern const struct field ohci_state[];

/* --- between ohci.c (registers, frames) and ohci-lists.c (what is done in a frame) --- */

void ohci_interrupt(struct ohci *h, uint32_t bits);
/* Follows a list of endpoint descriptors; returns whether one of them has work. */
bool ohci_run_list(struct ohci *h, uint32_t head);
void ohci_cancel(struct ohci *h);
struct usb_device *ohci_find(struct ohci *h, unsigned int address);

enum {
	CTL_PLE = 1 << 2,
	CTL_IE = 1 << 3,
	CTL_CLE = 1 << 4,
	CTL_BLE = 1 << 5,
	INTR_SO = 1 << 0,
	INTR_WDH = 1 << 1,
	INTR_SF = 1 << 2,
	INTR_RD = 1 << 3,
	INTR_UE = 1 << 4,
	INTR_FNO = 1 << 5,
	INTR_RHSC = 1 << 6,
	INTR_OC = 1 << 30,
	INTR_MIE = 1u << 31,
};

#endif
