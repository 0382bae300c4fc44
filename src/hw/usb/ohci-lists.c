/*
 * What an OHCI controller does in a frame: endpoint and transfer descriptors. Source: OHCI 1.0a,
 * chapter 4 (data structures) and 6.4 (list processing).
 *
 * Lists are the guest's: each is followed for LIST_LIMIT descriptors a frame at most, so that a
 * circle takes no longer than the longest honest list.
 */
#include "hw/usb/ohci.h"

#include "base/bytes.h"
#include "base/log.h"

#include <glib.h>
#include <string.h>

enum { LIST_LIMIT = 256, TDS_A_FRAME = 32, PAGE = 4096 };
#define POINTER_MASK 0xfffffff0u

struct ed {
	uint32_t flags, tail, head, next;
};
enum { ED_SKIP = 1 << 14, ED_ISO = 1 << 15 };
enum { HEAD_HALTED = 1, HEAD_CARRY = 2 };

struct td {
	uint32_t flags, cbp, next, be;
};
enum { TD_ROUNDING = 1 << 18 };
#define TD_TOGGLE_VALID (1u << 25)
#define TD_TOGGLE	(1u << 24)

/* Condition codes (4.3.3). */
enum condition {
	CC_NO_ERROR = 0,
	CC_STALL = 4,
	CC_NOT_RESPONDING = 5,
	CC_UNEXPECTED_PID = 7,
	CC_OVERRUN = 8,
	CC_UNDERRUN = 9,
	CC_NOT_ACCESSED = 15,
};

enum direction { DIR_SETUP, DIR_OUT, DIR_IN, DIR_RESERVED };

/* --- descriptors in memory --- */

static void read_words(struct ohci *h, uint32_t addr, uint32_t *words, unsigned int count)
{
	uint8_t bytes[32];

	mem_read(h->memory, addr, bytes, 4 * count);
	for (unsigned int n = 0; n < count; n++)
		words[n] = load_le32(bytes + 4 * n);
}

static void write_word(struct ohci *h, uint32_t addr, uint32_t value)
{
	uint8_t bytes[4];

	store_le32(bytes, value);
	mem_write(h->memory, addr, bytes, 4);
}

static struct ed read_ed(struct ohci *h, uint32_t addr)
{
	uint32_t w[4];

	read_words(h, addr, w, 4);
	return (struct ed){w[0], w[1], w[2], w[3]};
}

static struct td read_td(struct ohci *h, uint32_t addr)
{
	uint32_t w[4];

	read_words(h, addr, w, 4);
	return (struct td){w[0], w[1], w[2], w[3]};
}

/* Bytes between the current pointer and the end: within a page, or in two of them. */
static uint32_t td_length(const struct td *td)
{
	uint32_t first = td->cbp & (PAGE - 1), last = td->be & (PAGE - 1);

	if (!td->cbp)
		return 0;
	if ((td->cbp ^ td->be) & ~(uint32_t)(PAGE - 1))
		return PAGE - first + last + 1;
	return last >= first ? last - first + 1 : 0;
}

/* Moves bytes `at` to `at` + len of the transfer between memory and the packet's buffer. */
static void copy(struct ohci *h, const struct td *td, uint32_t at, uint32_t len, bool to_memory)
{
	uint32_t room = PAGE - (td->cbp & (PAGE - 1));
	uint8_t *bytes = h->buffer;

	while (len) {
		bool second = at >= room;
		uint32_t n = second ? len : MIN(len, room - at);
		uint32_t addr =
			second ? (td->be & ~(uint32_t)(PAGE - 1)) + (at - room) : td->cbp + at;

		if (to_memory)
			mem_write(h->memory, addr, bytes, n);
		else
			mem_read(h->memory, addr, bytes, n);
		bytes += n;
		at += n;
		len -= n;
	}
}

/* The address of byte `at`, 0 behind the last. */
static uint32_t address_of(const struct td *td, uint32_t at, uint32_t len)
{
	uint32_t room = PAGE - (td->cbp & (PAGE - 1));

	if (at >= len)
		return 0;
	return at >= room ? (td->be & ~(uint32_t)(PAGE - 1)) + (at - room) : td->cbp + at;
}

/* --- the end of a transfer --- */

/* The descriptor leaves its endpoint and joins the done queue. */
static void retire(struct ohci *h, struct ed *ed, uint32_t addr, struct td *td, enum condition cc)
{
	unsigned int delay = td->flags >> 21 & 7;

	td->flags = (td->flags & 0x0fffffff) | (uint32_t)cc << 28;
	ed->head = (td->next & POINTER_MASK) | (ed->head & HEAD_CARRY) |
		   (cc == CC_NO_ERROR ? 0 : HEAD_HALTED);
	write_word(h, addr, td->flags);
	write_word(h, addr + 4, td->cbp);
	write_word(h, addr + 8, h->done_head);
	h->done_head = addr;
	h->done_count = (uint8_t)MIN(h->done_count, cc == CC_NO_ERROR ? delay : 0);
}

static enum condition condition_of(enum usb_result result)
{
	switch (result) {
	case USB_OK: return CC_NO_ERROR;
	case USB_STALL: return CC_STALL;
	case USB_BABBLE: return CC_OVERRUN;
	default: return CC_NOT_RESPONDING;
	}
}

/* --- one transfer descriptor --- */

static enum direction direction_of(const struct ed *ed, const struct td *td)
{
	enum direction by_ed = (enum direction)(ed->flags >> 11 & 3);

	if (by_ed == 1)
		return DIR_OUT;
	if (by_ed == 2)
		return DIR_IN;
	return (enum direction)(td->flags >> 19 & 3);
}

static void packet_done(struct usb_packet *p)
{
	struct ohci *h = p->opaque;

	h->async_complete = true;
}

static bool toggle_of(const struct ed *ed, const struct td *td)
{
	return td->flags & TD_TOGGLE_VALID ? td->flags & TD_TOGGLE : ed->head & HEAD_CARRY;
}

static void set_toggle(struct ed *ed, struct td *td, bool toggle)
{
	td->flags = (td->flags & ~TD_TOGGLE) | TD_TOGGLE_VALID | (toggle ? TD_TOGGLE : 0);
	ed->head = (ed->head & ~(uint32_t)HEAD_CARRY) | (toggle ? HEAD_CARRY : 0);
}

/* What a transaction brought: returns whether the descriptor is finished, with *cc. */
static bool account(struct ohci *h, struct ed *ed, struct td *td, uint32_t *done, uint32_t len,
		    enum condition *cc)
{
	struct usb_packet *p = &h->packet;
	bool is_short = p->pid == USB_IN && p->actual < p->len;

	*cc = condition_of(p->result);
	if (p->result != USB_OK)
		return true;
	if (p->pid == USB_IN)
		copy(h, td, *done, p->actual, true);
	*done += p->actual;
	set_toggle(ed, td, !toggle_of(ed, td));
	if (is_short && *done < len && !(td->flags & TD_ROUNDING))
		*cc = CC_UNDERRUN;
	return is_short || *done >= len || p->len == 0;
}

/*
 * Transactions of one general transfer descriptor, up to its end or a NAK. The packet that takes
 * time is left in h->packet; h->async_td says whose it is. Returns whether it is retired.
 */
static bool service(struct ohci *h, struct ed *ed, uint32_t addr, struct usb_device *d)
{
	static const enum usb_pid pids[] = {USB_SETUP, USB_OUT, USB_IN};
	struct td td = read_td(h, addr);
	enum direction dir = direction_of(ed, &td);
	uint32_t len = td_length(&td), done = 0, mps = ed->flags >> 16 & 0x7ff;
	enum condition cc = CC_NO_ERROR;
	bool finished = false;

	if (dir == DIR_RESERVED || (len && !mps)) {
		retire(h, ed, addr, &td, CC_UNEXPECTED_PID);
		return true;
	}
	for (unsigned int n = 0; n < TDS_A_FRAME * 4 && !finished; n++) {
		struct usb_packet *p = &h->packet;

		if (h->async_td == addr) {
			if (!h->async_complete)
				return false;
			h->async_td = 0;
		} else {
			*p = (struct usb_packet){.pid = pids[dir],
						 .endpoint = ed->flags >> 7 & 0xf,
						 .data = h->buffer,
						 .len = MIN(len - done, mps),
						 .complete = packet_done,
						 .opaque = h};
			if (dir != DIR_IN)
				copy(h, &td, done, p->len, false);
			p->result = USB_NO_RESPONSE;
			if (d)
				usb_handle(d, p);
			if (p->result == USB_ASYNC) {
				h->async_td = addr;
				h->async_complete = false;
				break;
			}
		}
		if (p->result == USB_NAK)
			break;
		finished = account(h, ed, &td, &done, len, &cc);
	}
	td.cbp = address_of(&td, done, len);
	if (!finished) {
		write_word(h, addr, td.flags);
		/* a pointer of 0 would be an empty transfer */
		if (done)
			write_word(h, addr + 4, td.cbp);
		return false;
	}
	retire(h, ed, addr, &td, cc);
	return true;
}

/* --- isochronous descriptors --- */

static void service_iso(struct ohci *h, struct ed *ed, uint32_t addr)
{
	uint32_t w[8];

	/* No device here has isochronous endpoints: every packet of it was not answered. */
	read_words(h, addr, w, 8);
	int16_t frame = (int16_t)(h->fm_number - (w[0] & 0xffff));
	int count = (int)(w[0] >> 24 & 7);
	if (frame < 0)
		return;
	for (unsigned int n = 4; n < 8; n++)
		write_word(h, addr + 4 * n,
			   (uint32_t)CC_NOT_RESPONDING << 28 | (uint32_t)CC_NOT_RESPONDING << 12);
	if (frame >= count) {
		struct td td = {.flags = w[0], .cbp = w[1], .next = w[2]};
		retire(h, ed, addr, &td, CC_NO_ERROR);
	}
}

/* --- lists --- */

/* Services one endpoint; returns whether it has work. */
static bool service_ed(struct ohci *h, uint32_t addr, struct ed *ed)
{
	uint32_t head = ed->head;
	struct usb_device *d;

	if (ed->flags & ED_SKIP || ed->head & HEAD_HALTED)
		return false;
	if ((ed->head & POINTER_MASK) == (ed->tail & POINTER_MASK))
		return false;
	d = ohci_find(h, ed->flags & 0x7f);
	for (unsigned int n = 0; n < TDS_A_FRAME; n++) {
		uint32_t td = ed->head & POINTER_MASK;

		if (td == (ed->tail & POINTER_MASK) || ed->head & HEAD_HALTED)
			break;
		/* only one transaction at a time can wait */
		if (h->async_td && h->async_td != td)
			break;
		if (ed->flags & ED_ISO) {
			if (h->control & CTL_IE)
				service_iso(h, ed, td);
			break;
		}
		if (!service(h, ed, td, d))
			break;
	}
	if (ed->head != head)
		write_word(h, addr + 8, ed->head);
	return true;
}

bool ohci_run_list(struct ohci *h, uint32_t head)
{
	uint32_t addr = head & POINTER_MASK;
	bool busy = false;

	for (unsigned int n = 0; addr && n < LIST_LIMIT; n++) {
		struct ed ed = read_ed(h, addr);
		busy |= service_ed(h, addr, &ed);
		addr = ed.next & POINTER_MASK;
	}
	return busy;
}

void ohci_cancel(struct ohci *h)
{
	if (h->async_td && !h->async_complete)
		usb_cancel(&h->packet);
	h->async_td = 0;
	h->async_complete = false;
}
