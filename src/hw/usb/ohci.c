/*
 * OHCI host controller: registers, root hub and frames. Source: OHCI 1.0a, chapters 5 to 7. What is
 * done in a frame is in ohci-lists.c.
 */
#include "hw/usb/ohci.h"

#include "base/bytes.h"
#include "base/log.h"

#include <glib.h>
#include <string.h>

enum {
	REVISION = 0x00,
	CONTROL = 0x04,
	COMMAND_STATUS = 0x08,
	INTERRUPT_STATUS = 0x0c,
	INTERRUPT_ENABLE = 0x10,
	INTERRUPT_DISABLE = 0x14,
	HCCA = 0x18,
	PERIOD_CURRENT_ED = 0x1c,
	CONTROL_HEAD_ED = 0x20,
	CONTROL_CURRENT_ED = 0x24,
	BULK_HEAD_ED = 0x28,
	BULK_CURRENT_ED = 0x2c,
	DONE_HEAD = 0x30,
	FM_INTERVAL = 0x34,
	FM_REMAINING = 0x38,
	FM_NUMBER = 0x3c,
	PERIODIC_START = 0x40,
	LS_THRESHOLD = 0x44,
	RH_DESCRIPTOR_A = 0x48,
	RH_DESCRIPTOR_B = 0x4c,
	RH_STATUS = 0x50,
	RH_PORT_STATUS = 0x54,
};
enum { HCFS_RESET, HCFS_RESUME, HCFS_OPERATIONAL, HCFS_SUSPEND };
enum { CMD_HCR = 1 << 0, CMD_CLF = 1 << 1, CMD_BLF = 1 << 2, CMD_OCR = 1 << 3 };
enum { CTL_WRITABLE = 0x7ff, HCCA_FRAME_NUMBER = 0x80, HCCA_DONE_HEAD = 0x84 };
enum { RHA_NPS = 1 << 9, RHA_WRITABLE_LOW = 0x1b00, RHS_DRWE = 1 << 15 };
#define RHA_POTPGT_SHIFT 24
#define RHS_LPSC	 (1u << 16)
#define RHS_CRWE	 (1u << 31)
#define FM_INTERVAL_FIT	 (1u << 31)
#define DONE_NEVER	 7

enum {
	PORT_CCS = 1 << 0,
	PORT_PES = 1 << 1,
	PORT_PSS = 1 << 2,
	PORT_POCI = 1 << 3,
	PORT_PRS = 1 << 4,
	PORT_PPS = 1 << 8,
	PORT_LSDA = 1 << 9,
	PORT_CSC = 1 << 16,
	PORT_PESC = 1 << 17,
	PORT_PSSC = 1 << 18,
	PORT_OCIC = 1 << 19,
	PORT_PRSC = 1 << 20,
	PORT_CHANGES = 0x1f << 16,
};

#define FRAME_NS INT64_C(1000000)

/* --- interrupts --- */

static void update_irq(struct ohci *h)
{
	bool on = h->interrupt_enable & INTR_MIE &&
		  h->interrupt_status & h->interrupt_enable & ~INTR_MIE;

	h->set_irq(h->opaque, on);
}

void ohci_interrupt(struct ohci *h, uint32_t bits)
{
	h->interrupt_status |= bits;
	update_irq(h);
}

static unsigned int functional_state(const struct ohci *h)
{
	return h->control >> 6 & 3;
}

/* --- frames --- */

static void write_done_queue(struct ohci *h)
{
	uint8_t word[4];
	bool others = h->interrupt_status & h->interrupt_enable & ~INTR_MIE;

	if (h->done_count && h->done_count < DONE_NEVER)
		h->done_count--;
	if (h->done_count || h->interrupt_status & INTR_WDH)
		return;
	store_le32(word, h->done_head | others);
	mem_write(h->memory, h->hcca + HCCA_DONE_HEAD, word, 4);
	h->done_head = 0;
	h->done_count = DONE_NEVER;
	ohci_interrupt(h, INTR_WDH);
}

static void run_filled(struct ohci *h, uint32_t enable, uint32_t filled, uint32_t head)
{
	if (!(h->control & enable) || !(h->command_status & filled))
		return;
	if (!ohci_run_list(h, head))
		h->command_status &= ~filled;
}

static void start_frame(struct ohci *h)
{
	uint8_t word[4], entry[4];
	uint32_t old = h->fm_number;

	h->fm_number = (h->fm_number + 1) & 0xffff;
	store_le32(word, h->fm_number); /* the upper half is a pad of zeroes */
	mem_write(h->memory, h->hcca + HCCA_FRAME_NUMBER, word, 4);
	if ((old ^ h->fm_number) & 0x8000)
		ohci_interrupt(h, INTR_FNO);
	if (h->control & CTL_PLE) {
		mem_read(h->memory, h->hcca + 4 * (h->fm_number & 31), entry, 4);
		ohci_run_list(h, load_le32(entry));
	}
	run_filled(h, CTL_CLE, CMD_CLF, h->control_head_ed);
	run_filled(h, CTL_BLE, CMD_BLF, h->bulk_head_ed);
	write_done_queue(h);
	ohci_interrupt(h, INTR_SF);
}

static void frame_ends(void *opaque)
{
	struct ohci *h = opaque;
	int64_t now = clock_now(CLOCK_VIRTUAL);

	if (functional_state(h) != HCFS_OPERATIONAL)
		return;
	/* Frames that a busy host missed are left out: their numbers follow all the same. */
	h->frame_start = MAX(h->frame_start + FRAME_NS, now - FRAME_NS);
	timer_set(&h->frame, h->frame_start + FRAME_NS);
	start_frame(h);
}

static void start_frames(struct ohci *h)
{
	h->frame_start = clock_now(CLOCK_VIRTUAL);
	timer_set(&h->frame, h->frame_start + FRAME_NS);
	ohci_interrupt(h, INTR_SF);
}

/* Bit times that are left of the frame, at 12 a microsecond. */
static uint32_t frame_remaining(const struct ohci *h)
{
	uint32_t toggle = h->fm_interval & FM_INTERVAL_FIT, interval = h->fm_interval & 0x3fff;

	if (functional_state(h) != HCFS_OPERATIONAL)
		return toggle;
	int64_t gone = (clock_now(CLOCK_VIRTUAL) - h->frame_start) * 12 / 1000;
	return toggle | (gone >= interval ? 0 : interval - (uint32_t)MAX(gone, 0));
}

/* --- root hub --- */

struct usb_device *ohci_find(struct ohci *h, unsigned int address)
{
	for (unsigned int n = 0; n < h->port_count; n++) {
		struct usb_device *d = NULL;

		if (h->ports[n].status & PORT_PES && !(h->ports[n].status & PORT_PSS))
			d = usb_find(&h->ports[n].port, address);
		if (d)
			return d;
	}
	return NULL;
}

static void set_functional_state(struct ohci *h, unsigned int state)
{
	h->control = (h->control & ~0xc0u) | state << 6;
}

/* Attention from the bus, which ends its suspension. */
static void resume_detected(struct ohci *h)
{
	if (functional_state(h) != HCFS_SUSPEND)
		return;
	set_functional_state(h, HCFS_RESUME);
	ohci_interrupt(h, INTR_RD);
}

static void connect_port(struct ohci_port *p)
{
	p->status |= PORT_CCS | PORT_CSC;
	if (usb_info_of(p->port.device)->speed == USB_LOW)
		p->status |= PORT_LSDA;
}

static void attach(void *opaque, unsigned int number)
{
	struct ohci *h = opaque;

	connect_port(&h->ports[number]);
	if (h->rh_status & RHS_DRWE)
		resume_detected(h);
	ohci_interrupt(h, INTR_RHSC);
}

static void detach(void *opaque, unsigned int number)
{
	struct ohci *h = opaque;
	struct ohci_port *p = &h->ports[number];

	ohci_cancel(h);
	if (p->status & PORT_PES)
		p->status |= PORT_PESC;
	p->status &= ~(uint32_t)(PORT_CCS | PORT_PES | PORT_PSS | PORT_LSDA);
	p->status |= PORT_CSC;
	ohci_interrupt(h, INTR_RHSC);
}

static void port_wakeup(void *opaque, unsigned int number)
{
	struct ohci *h = opaque;
	struct ohci_port *p = &h->ports[number];

	if (p->status & PORT_PSS) {
		p->status &= ~(uint32_t)PORT_PSS;
		p->status |= PORT_PSSC;
		ohci_interrupt(h, INTR_RHSC);
	}
	resume_detected(h);
}

static const struct usb_port_ops port_ops = {
	.attach = attach, .detach = detach, .wakeup = port_wakeup};

/* Enabling, suspending or resetting an empty port only tells of the disconnection. */
static bool connected(struct ohci_port *p)
{
	if (p->status & PORT_CCS)
		return true;
	p->status |= PORT_CSC;
	return false;
}

static void write_port(struct ohci *h, struct ohci_port *p, uint32_t value)
{
	p->status &= ~(value & PORT_CHANGES);
	if (value & PORT_CCS) /* ClearPortEnable */
		p->status &= ~(uint32_t)PORT_PES;
	if (value & PORT_PES && connected(p))
		p->status |= PORT_PES;
	if (value & PORT_PSS && connected(p))
		p->status |= PORT_PSS;
	if (value & PORT_POCI && p->status & PORT_PSS) { /* ClearSuspendStatus */
		p->status &= ~(uint32_t)PORT_PSS;
		p->status |= PORT_PSSC;
	}
	if (value & PORT_PRS && connected(p)) {
		usb_bus_reset(p->port.device);
		p->status &= ~(uint32_t)PORT_PSS;
		p->status |= PORT_PES | PORT_PRSC;
	}
	if (value & PORT_LSDA) /* ClearPortPower */
		p->status &= ~(uint32_t)(PORT_PPS | PORT_PES | PORT_PSS);
	if (value & PORT_PPS)
		p->status |= PORT_PPS;
	if (p->status & PORT_CHANGES)
		ohci_interrupt(h, INTR_RHSC);
}

static void global_power(struct ohci *h, bool on)
{
	for (unsigned int n = 0; n < h->port_count; n++) {
		if (on)
			h->ports[n].status |= PORT_PPS;
		else
			h->ports[n].status &= ~(uint32_t)(PORT_PPS | PORT_PES | PORT_PSS);
	}
}

static void write_rh_status(struct ohci *h, uint32_t value)
{
	if (value & 1)
		global_power(h, false);
	if (value & RHS_LPSC)
		global_power(h, true);
	if (value & RHS_DRWE)
		h->rh_status |= RHS_DRWE;
	if (value & RHS_CRWE)
		h->rh_status &= ~(uint32_t)RHS_DRWE;
}

/* --- registers --- */

/* What a reset of the controller leaves: the root hub's ports keep what is plugged in. */
static void controller_reset(struct ohci *h)
{
	ohci_cancel(h);
	timer_cancel(&h->frame);
	h->command_status = h->interrupt_status = h->interrupt_enable = 0;
	h->hcca = h->period_current_ed = h->done_head = 0;
	h->control_head_ed = h->control_current_ed = h->bulk_head_ed = h->bulk_current_ed = 0;
	h->fm_interval = 0x2edf | 0x2778u << 16;
	h->fm_number = h->periodic_start = 0;
	h->ls_threshold = 0x628;
	h->done_count = DONE_NEVER;
}

static void reset_root_hub(struct ohci *h)
{
	h->rh_descriptor_a = RHA_NPS | h->port_count | 2u << RHA_POTPGT_SHIFT;
	h->rh_descriptor_b = h->rh_status = 0;
	for (unsigned int n = 0; n < h->port_count; n++) {
		struct ohci_port *p = &h->ports[n];

		p->status = PORT_PPS;
		if (p->port.device)
			connect_port(p);
	}
}

static void write_control(struct ohci *h, uint32_t value)
{
	unsigned int before = functional_state(h);

	h->control = value & CTL_WRITABLE;
	if (functional_state(h) == before)
		return;
	switch (functional_state(h)) {
	case HCFS_OPERATIONAL: start_frames(h); break;
	case HCFS_RESET:
		timer_cancel(&h->frame);
		ohci_cancel(h);
		reset_root_hub(h);
		break;
	default:
		timer_cancel(&h->frame);
		/* a start of frame that is pending would end the suspension at once */
		h->interrupt_status &= ~(uint32_t)INTR_SF;
		update_irq(h);
	}
}

static void write_command(struct ohci *h, uint32_t value)
{
	if (value & CMD_HCR) {
		controller_reset(h);
		h->control = (h->control & 0x100) | HCFS_SUSPEND << 6;
		update_irq(h);
		return;
	}
	h->command_status |= value & (CMD_CLF | CMD_BLF | CMD_OCR);
}

static uint64_t ohci_read(void *opaque, uint64_t offset, unsigned int size)
{
	struct ohci *h = opaque;

	switch (offset) {
	case REVISION: return 0x10;
	case CONTROL: return h->control;
	case COMMAND_STATUS: return h->command_status;
	case INTERRUPT_STATUS: return h->interrupt_status;
	case INTERRUPT_ENABLE:
	case INTERRUPT_DISABLE: return h->interrupt_enable;
	case HCCA: return h->hcca;
	case PERIOD_CURRENT_ED: return h->period_current_ed;
	case CONTROL_HEAD_ED: return h->control_head_ed;
	case CONTROL_CURRENT_ED: return h->control_current_ed;
	case BULK_HEAD_ED: return h->bulk_head_ed;
	case BULK_CURRENT_ED: return h->bulk_current_ed;
	case DONE_HEAD: return h->done_head;
	case FM_INTERVAL: return h->fm_interval;
	case FM_REMAINING: return frame_remaining(h);
	case FM_NUMBER: return h->fm_number;
	case PERIODIC_START: return h->periodic_start;
	case LS_THRESHOLD: return h->ls_threshold;
	case RH_DESCRIPTOR_A: return h->rh_descriptor_a;
	case RH_DESCRIPTOR_B: return h->rh_descriptor_b;
	case RH_STATUS: return h->rh_status;
	default: break;
	}
	if (offset >= RH_PORT_STATUS && (offset - RH_PORT_STATUS) / 4 < h->port_count)
		return h->ports[(offset - RH_PORT_STATUS) / 4].status;
	log_printf(LOG_GUEST_ERRORS, "ohci: read of register %03x\n", (unsigned int)offset);
	return 0;
}

static void ohci_write(void *opaque, uint64_t offset, uint64_t value64, unsigned int size)
{
	struct ohci *h = opaque;
	uint32_t value = (uint32_t)value64;

	switch (offset) {
	case CONTROL: write_control(h, value); return;
	case COMMAND_STATUS: write_command(h, value); return;
	case INTERRUPT_STATUS: h->interrupt_status &= ~value; break;
	case INTERRUPT_ENABLE: h->interrupt_enable |= value & 0xc000007f; break;
	case INTERRUPT_DISABLE: h->interrupt_enable &= ~value; break;
	case HCCA: h->hcca = value & ~0xffu; return;
	case PERIOD_CURRENT_ED: return; /* the controller's */
	case CONTROL_HEAD_ED: h->control_head_ed = value & ~0xfu; return;
	case CONTROL_CURRENT_ED: h->control_current_ed = value & ~0xfu; return;
	case BULK_HEAD_ED: h->bulk_head_ed = value & ~0xfu; return;
	case BULK_CURRENT_ED: h->bulk_current_ed = value & ~0xfu; return;
	case FM_INTERVAL: h->fm_interval = value & 0xffff3fff; return;
	case PERIODIC_START: h->periodic_start = value & 0x3fff; return;
	case LS_THRESHOLD: h->ls_threshold = value & 0xfff; return;
	case RH_DESCRIPTOR_A:
		h->rh_descriptor_a = (h->rh_descriptor_a & 0xff) |
				     (value & (RHA_WRITABLE_LOW | 0xffu << RHA_POTPGT_SHIFT));
		return;
	case RH_DESCRIPTOR_B: h->rh_descriptor_b = value; return;
	case RH_STATUS: write_rh_status(h, value); return;
	default:
		if (offset >= RH_PORT_STATUS && (offset - RH_PORT_STATUS) / 4 < h->port_count) {
			write_port(h, &h->ports[(offset - RH_PORT_STATUS) / 4], value);
			return;
		}
		log_printf(LOG_GUEST_ERRORS, "ohci: write of register %03x\n",
			   (unsigned int)offset);
	}
	update_irq(h);
}

static const struct region_ops ops = {
	.read = ohci_read, .write = ohci_write, .min_size = 4, .max_size = 4};

/* --- for owners --- */

struct error *ohci_init(struct ohci *h, unsigned int ports)
{
	if (!ports || ports > OHCI_MAX_PORTS)
		return error_new("an OHCI controller has 1 to %u ports", OHCI_MAX_PORTS);
	h->port_count = ports;
	region_init_io(&h->regs, "ohci", OHCI_SIZE, &ops, h);
	timer_init(&h->frame, CLOCK_VIRTUAL, frame_ends, h);
	usb_bus_init(&h->bus);
	for (unsigned int n = 0; n < ports; n++)
		usb_add_port(&h->bus, &h->ports[n].port, NULL, n, &port_ops, h);
	return NULL;
}

void ohci_reset(struct ohci *h)
{
	controller_reset(h);
	reset_root_hub(h);
	h->control = 0;
	h->frame_start = 0;
	memset(h->buffer, 0, sizeof(h->buffer));
	h->packet = (struct usb_packet){0};
}

void ohci_settle(struct ohci *h)
{
	update_irq(h);
}

struct error *ohci_post_load(struct ohci *h)
{
	const struct usb_packet *p = &h->packet;

	if (h->done_count > DONE_NEVER || h->fm_number > 0xffff || h->frame_start < 0 ||
	    (h->async_td && !h->async_complete) || p->len > OHCI_PACKET || p->actual > p->len ||
	    p->result >= USB_ASYNC)
		return error_new("ohci: register out of range");
	h->packet.data = h->buffer;
	h->packet.opaque = h;
	return NULL;
}

static const struct field port_state[] = {F_U32(struct ohci_port, status), FIELD_END};

const struct field ohci_state[] = {
	F_TIMER(struct ohci, frame),
	F_STRUCTS(struct ohci, ports, port_state),
	F_U32(struct ohci, control),
	F_U32(struct ohci, command_status),
	F_U32(struct ohci, interrupt_status),
	F_U32(struct ohci, interrupt_enable),
	F_U32(struct ohci, hcca),
	F_U32(struct ohci, control_head_ed),
	F_U32(struct ohci, control_current_ed),
	F_U32(struct ohci, bulk_head_ed),
	F_U32(struct ohci, bulk_current_ed),
	F_U32(struct ohci, done_head),
	F_U32(struct ohci, fm_interval),
	F_U32(struct ohci, fm_number),
	F_U32(struct ohci, periodic_start),
	F_U32(struct ohci, ls_threshold),
	F_U32(struct ohci, rh_descriptor_a),
	F_U32(struct ohci, rh_descriptor_b),
	F_U32(struct ohci, rh_status),
	F_U8(struct ohci, done_count),
	F_INT(struct ohci, frame_start),
	F_INT(struct ohci, packet.pid),
	F_INT(struct ohci, packet.result),
	F_U32(struct ohci, packet.len),
	F_U32(struct ohci, packet.actual),
	F_U32(struct ohci, async_td),
	F_BOOL(struct ohci, async_complete),
	F_BYTES(struct ohci, buffer),
	FIELD_END,
};
