/*
 * USB keyboard, mouse and tablet. Sources: Device Class Definition for HID 1.11, HID Usage
 * Tables 1.12.
 *
 * What the user does is queued, and a report made of each entry when the host asks, so that a key
 * that goes down and up between two polls is not lost. Reports have the format of the boot
 * protocol; the tablet has one of its own.
 */
#include "hw/usb/usb.h"

#include "base/bytes.h"
#include "vm/input.h"

#include <glib.h>
#include <string.h>

enum { QUEUE = 32, KEYS = 6 };
enum { GET_REPORT = 1, GET_IDLE = 2, GET_PROTOCOL = 3, SET_REPORT = 9, SET_IDLE = 10 };
enum { SET_PROTOCOL = 11, DESCRIPTOR_HID = 0x21, DESCRIPTOR_REPORT = 0x22 };
enum { USAGE_LEFT_CTRL = 0xe0, USAGE_ROLLOVER = 1 };
enum hid_kind { HID_KEYBOARD, HID_MOUSE, HID_TABLET };

struct pointer_event {
	int32_t x, y, z;
	uint32_t buttons;
};

struct usb_hid {
	struct usb_device usb;
	uint8_t protocol, leds;
	uint8_t idle; /* units of 4 ms; 0: a report only when something happens */
	int64_t last_report;
	bool reported; /* since the reset */
	uint32_t head, count;
	/* keyboard: usages, 100h added for releases; what is pressed */
	uint16_t keys[QUEUE];
	uint8_t modifiers, pressed[KEYS], pressed_count;
	/* pointers */
	struct pointer_event pointer[QUEUE];
	struct pointer_event now; /* what the last report said */
};

struct hid_info {
	struct usb_info usb;
	enum hid_kind kind;
	const uint8_t *report;
	uint16_t report_len;
};

static const struct hid_info *hid_info_of(const struct usb_device *d)
{
	return (const struct hid_info *)usb_info_of(d);
}

/* --- keys --- */

/* Usages of the keyboard page by set-1 scan codes, and of those behind E0h. */
static const uint8_t usages[128] = {
	0x00,	       0x29,	      0x1e,	     0x1f,	    0x20,	   0x21,
	0x22,	       0x23,	      0x24,	     0x25,	    0x26,	   0x27,
	0x2d,	       0x2e,	      0x2a,	     0x2b,	    0x14,	   0x1a,
	0x08,	       0x15,	      0x17,	     0x1c,	    0x18,	   0x0c,
	0x12,	       0x13,	      0x2f,	     0x30,	    0x28,	   0xe0,
	0x04,	       0x16,	      0x07,	     0x09,	    0x0a,	   0x0b,
	0x0d,	       0x0e,	      0x0f,	     0x33,	    0x34,	   0x35,
	0xe1,	       0x31,	      0x1d,	     0x1b,	    0x06,	   0x19,
	0x05,	       0x11,	      0x10,	     0x36,	    0x37,	   0x38,
	0xe5,	       0x55,	      0xe2,	     0x2c,	    0x39,	   0x3a,
	0x3b,	       0x3c,	      0x3d,	     0x3e,	    0x3f,	   0x40,
	0x41,	       0x42,	      0x43,	     0x53,	    0x47,	   0x5f,
	0x60,	       0x61,	      0x56,	     0x5c,	    0x5d,	   0x5e,
	0x57,	       0x59,	      0x5a,	     0x5b,	    0x62,	   0x63,
	0x46,	       0x00,	      0x64,	     0x44,	    0x45,	   [0x70] = 0x88,
	[0x73] = 0x87, [0x79] = 0x8a, [0x7b] = 0x8b, [0x7d] = 0x89, [0x7e] = 0x85,
};
static const uint8_t usages_e0[128] = {
	[0x1c] = 0x58, [0x1d] = 0xe4, [0x35] = 0x54, [0x37] = 0x46, [0x38] = 0xe6,
	[0x46] = 0x48, [0x47] = 0x4a, [0x48] = 0x52, [0x49] = 0x4b, [0x4b] = 0x50,
	[0x4d] = 0x4f, [0x4f] = 0x4d, [0x50] = 0x51, [0x51] = 0x4e, [0x52] = 0x49,
	[0x53] = 0x4c, [0x5b] = 0xe3, [0x5c] = 0xe7, [0x5d] = 0x65, [0x5e] = 0x66,
};

static void key(void *opaque, unsigned int keycode, bool down)
{
	struct usb_hid *h = opaque;
	uint8_t usage = (keycode & 0x80 ? usages_e0 : usages)[keycode & 0x7f];

	if (!usage || h->count >= QUEUE)
		return;
	h->keys[(h->head + h->count++) % QUEUE] = (uint16_t)(usage | (down ? 0 : 0x100));
	usb_wakeup(&h->usb);
}

static int leds(void *opaque)
{
	const struct usb_hid *h = opaque;

	/* the keyboard's own order is Num, Caps, Scroll; PS/2's, which this answers, begins with
	 * Scroll */
	return (h->leds & 4) >> 2 | (h->leds & 1) << 1 | (h->leds & 2) << 1;
}

static void forget_key(struct usb_hid *h, uint8_t usage)
{
	unsigned int n = 0;

	for (unsigned int i = 0; i < h->pressed_count; i++) {
		if (h->pressed[i] != usage)
			h->pressed[n++] = h->pressed[i];
	}
	h->pressed_count = (uint8_t)n;
}

static void apply_key(struct usb_hid *h, uint16_t event)
{
	uint8_t usage = (uint8_t)event, bit = (uint8_t)(1 << (usage & 7));

	if (usage >= USAGE_LEFT_CTRL) {
		h->modifiers = event & 0x100 ? h->modifiers & (uint8_t)~bit : h->modifiers | bit;
		return;
	}
	forget_key(h, usage);
	if (!(event & 0x100) && h->pressed_count < KEYS)
		h->pressed[h->pressed_count++] = usage;
}

static uint32_t keyboard_report(struct usb_hid *h, uint8_t *r)
{
	if (h->count) {
		apply_key(h, h->keys[h->head]);
		h->head = (h->head + 1) % QUEUE;
		h->count--;
	}
	memset(r, 0, 8);
	r[0] = h->modifiers;
	memcpy(r + 2, h->pressed, h->pressed_count);
	return 8;
}

/* --- pointers --- */

static bool is_tablet(const struct usb_hid *h)
{
	return hid_info_of(&h->usb)->kind == HID_TABLET;
}

/* Movements join until a button changes. */
static void pointer(void *opaque, int x, int y, int dz, unsigned int buttons)
{
	struct usb_hid *h = opaque;
	struct pointer_event *last = NULL;

	if (h->count)
		last = &h->pointer[(h->head + h->count - 1) % QUEUE];
	if (!last || last->buttons != (buttons & 7)) {
		if (h->count >= QUEUE)
			return;
		last = &h->pointer[(h->head + h->count++) % QUEUE];
		*last = (struct pointer_event){.buttons = buttons & 7};
	}
	last->x = is_tablet(h) ? x : CLAMP(last->x + x, -0x7fff, 0x7fff);
	last->y = is_tablet(h) ? y : CLAMP(last->y + y, -0x7fff, 0x7fff);
	last->z = CLAMP(last->z + dz, -127, 127);
	usb_wakeup(&h->usb);
}

/* Takes up to `limit` of a distance. */
static int8_t part(int32_t *distance)
{
	int32_t n = CLAMP(*distance, -127, 127);

	*distance -= n;
	return (int8_t)n;
}

static uint32_t mouse_report(struct usb_hid *h, uint8_t *r)
{
	struct pointer_event none = {.buttons = h->now.buttons};
	struct pointer_event *e = h->count ? &h->pointer[h->head] : &none;

	r[0] = (uint8_t)e->buttons;
	r[1] = (uint8_t)part(&e->x);
	r[2] = (uint8_t)part(&e->y);
	r[3] = (uint8_t)-e->z;
	e->z = 0;
	h->now.buttons = e->buttons;
	if (h->count && !e->x && !e->y) {
		h->head = (h->head + 1) % QUEUE;
		h->count--;
	}
	return 4;
}

static uint32_t tablet_report(struct usb_hid *h, uint8_t *r)
{
	int8_t wheel = 0;

	if (h->count) {
		h->now = h->pointer[h->head];
		wheel = (int8_t)-h->now.z;
		h->head = (h->head + 1) % QUEUE;
		h->count--;
	}
	r[0] = (uint8_t)h->now.buttons;
	store_le16(r + 1, (uint16_t)CLAMP(h->now.x, 0, 0x7fff));
	store_le16(r + 3, (uint16_t)CLAMP(h->now.y, 0, 0x7fff));
	r[5] = (uint8_t)wheel;
	return 6;
}

static uint32_t make_report(struct usb_hid *h, uint8_t *report)
{
	switch (hid_info_of(&h->usb)->kind) {
	case HID_KEYBOARD: return keyboard_report(h, report);
	case HID_MOUSE: return mouse_report(h, report);
	default: return tablet_report(h, report);
	}
}

/* --- USB --- */

static bool hid_get(struct usb_device *d, const struct usb_setup *s, uint8_t *data, uint32_t *len)
{
	struct usb_hid *h = (struct usb_hid *)d;
	const struct hid_info *info = hid_info_of(d);

	switch (s->request) {
	case USB_INTERFACE_IN | GET_DESCRIPTOR:
		if (s->value >> 8 == DESCRIPTOR_HID) {
			*len = 9;
			memcpy(data, info->usb.configuration + 18, 9);
			return true;
		}
		*len = info->report_len;
		memcpy(data, info->report, info->report_len);
		return s->value >> 8 == DESCRIPTOR_REPORT;
	case USB_CLASS_INTERFACE_IN | GET_REPORT: *len = make_report(h, data); return true;
	case USB_CLASS_INTERFACE_IN | GET_IDLE:
		data[0] = h->idle;
		*len = 1;
		return true;
	case USB_CLASS_INTERFACE_IN | GET_PROTOCOL:
		data[0] = h->protocol;
		*len = 1;
		return true;
	default: return false;
	}
}

static bool hid_control(struct usb_device *d, const struct usb_setup *s, uint8_t *data,
			uint32_t *len)
{
	struct usb_hid *h = (struct usb_hid *)d;

	switch (s->request) {
	case USB_CLASS_INTERFACE_OUT | SET_REPORT:
		if (s->length && hid_info_of(d)->kind == HID_KEYBOARD)
			h->leds = data[0] & 0x1f;
		return true;
	case USB_CLASS_INTERFACE_OUT | SET_IDLE: h->idle = (uint8_t)(s->value >> 8); return true;
	case USB_CLASS_INTERFACE_OUT | SET_PROTOCOL: h->protocol = s->value & 1; return true;
	default: return hid_get(d, s, data, len);
	}
}

static bool is_due(const struct usb_hid *h)
{
	int64_t now = clock_now(CLOCK_VIRTUAL);

	return h->count || !h->reported ||
	       (h->idle && now - h->last_report >= h->idle * INT64_C(4000000));
}

static enum usb_result hid_data(struct usb_device *d, struct usb_packet *p)
{
	struct usb_hid *h = (struct usb_hid *)d;
	uint8_t report[8];

	if (p->pid != USB_IN || p->endpoint != 1)
		return USB_STALL;
	if (!is_due(h))
		return USB_NAK;
	uint32_t len = make_report(h, report);
	h->last_report = clock_now(CLOCK_VIRTUAL);
	h->reported = true;
	p->actual = MIN(len, p->len);
	memcpy(p->data, report, p->actual);
	return len > p->len ? USB_BABBLE : USB_OK;
}

static void hid_bus_reset(struct usb_device *d)
{
	struct usb_hid *h = (struct usb_hid *)d;

	h->protocol = 1;
	h->idle = h->leds = 0;
	h->last_report = 0;
	h->reported = false;
	h->head = h->count = 0;
	h->modifiers = h->pressed_count = 0;
	memset(h->pressed, 0, sizeof(h->pressed));
	memset(h->keys, 0, sizeof(h->keys));
	memset(h->pointer, 0, sizeof(h->pointer));
	h->now = (struct pointer_event){0};
}

/* --- the devices --- */

static const struct input_keyboard_ops keyboard_ops = {
	.name = "QEMU USB Keyboard", .key = key, .leds = leds};
static const struct input_pointer_ops mouse_ops = {.name = "QEMU USB Mouse", .event = pointer};
static const struct input_pointer_ops tablet_ops = {
	.name = "QEMU USB Tablet", .absolute = true, .event = pointer};

static struct error *hid_init(struct device *dev)
{
	switch (hid_info_of((struct usb_device *)dev)->kind) {
	case HID_KEYBOARD: input_add_keyboard(&keyboard_ops, dev); break;
	case HID_MOUSE: input_add_pointer(&mouse_ops, dev); break;
	default: input_add_pointer(&tablet_ops, dev); break;
	}
	return NULL;
}

static void hid_reset(struct device *dev)
{
	usb_device_reset((struct usb_device *)dev);
	hid_bus_reset((struct usb_device *)dev);
}

static void hid_exit(struct device *dev)
{
	input_remove(dev);
}

static struct error *hid_post_load(struct device *dev)
{
	struct usb_hid *h = (struct usb_hid *)dev;

	if (h->head >= QUEUE || h->count > QUEUE || h->pressed_count > KEYS || h->last_report < 0)
		return error_new("%s: impossible queue", dev->class->name);
	return usb_device_post_load(&h->usb);
}

static const struct prop props[] = {PROP_END};

static const struct field pointer_state[] = {
	F_INT(struct pointer_event, x),
	F_INT(struct pointer_event, y),
	F_INT(struct pointer_event, z),
	F_U32(struct pointer_event, buttons),
	FIELD_END,
};

static const struct field state[] = {
	F_STRUCT(struct usb_hid, usb, usb_device_state),
	F_U8(struct usb_hid, protocol),
	F_U8(struct usb_hid, leds),
	F_U8(struct usb_hid, idle),
	F_INT(struct usb_hid, last_report),
	F_BOOL(struct usb_hid, reported),
	F_U32(struct usb_hid, head),
	F_U32(struct usb_hid, count),
	F_ARRAY(struct usb_hid, keys),
	F_U8(struct usb_hid, modifiers),
	F_BYTES(struct usb_hid, pressed),
	F_U8(struct usb_hid, pressed_count),
	F_STRUCTS(struct usb_hid, pointer, pointer_state),
	F_STRUCT(struct usb_hid, now, pointer_state),
	FIELD_END,
};

/* --- descriptors --- */

/* HID 1.11, appendix B.1. */
static const uint8_t keyboard_report_descriptor[] = {
	0x05, 0x01, 0x09, 0x06, 0xa1, 0x01, /* generic desktop, keyboard: application collection */
	0x75, 0x01, 0x95, 0x08, 0x05, 0x07, 0x19, 0xe0, 0x29, 0xe7,
	0x15, 0x00, 0x25, 0x01, 0x81, 0x02,		/* eight modifiers */
	0x95, 0x01, 0x75, 0x08, 0x81, 0x01,		/* a reserved byte */
	0x95, 0x05, 0x75, 0x01, 0x05, 0x08, 0x19, 0x01, /* five lights */
	0x29, 0x05, 0x91, 0x02, 0x95, 0x01, 0x75, 0x03, 0x91, 0x01,
	0x95, 0x06, 0x75, 0x08, 0x15, 0x00, 0x26, 0xff, 0x00, /* six keys */
	0x05, 0x07, 0x19, 0x00, 0x2a, 0xff, 0x00, 0x81, 0x00, 0xc0};

/* Appendix B.2, with a wheel. */
static const uint8_t mouse_report_descriptor[] = {
	0x05, 0x01, 0x09, 0x02, 0xa1, 0x01, 0x09, 0x01, 0xa1, 0x00, 0x05, 0x09,
	0x19, 0x01, 0x29, 0x03, 0x15, 0x00, 0x25, 0x01, /* three buttons */
	0x95, 0x03, 0x75, 0x01, 0x81, 0x02, 0x95, 0x01, 0x75, 0x05, 0x81, 0x01,
	0x05, 0x01, 0x09, 0x30, 0x09, 0x31, 0x09, 0x38, /* X, Y, wheel: relative */
	0x15, 0x81, 0x25, 0x7f, 0x75, 0x08, 0x95, 0x03, 0x81, 0x06, 0xc0, 0xc0};

static const uint8_t tablet_report_descriptor[] = {0x05, 0x01, 0x09, 0x02, 0xa1, 0x01, 0x09, 0x01,
						   0xa1, 0x00, 0x05, 0x09, 0x19, 0x01, 0x29, 0x03,
						   0x15, 0x00, 0x25, 0x01, /* three buttons */
						   0x95, 0x03, 0x75, 0x01, 0x81, 0x02, 0x95, 0x01,
						   0x75, 0x05, 0x81, 0x01, 0x05, 0x01, 0x09, 0x30,
						   0x09, 0x31, /* X, Y: absolute, 0 to 7fffh */
						   0x15, 0x00, 0x26, 0xff, 0x7f, 0x35, 0x00, 0x46,
						   0xff, 0x7f, 0x75, 0x10, 0x95, 0x02, 0x81, 0x02,
						   0x09, 0x38, 0x15, 0x81, 0x25, 0x7f, 0x35, 0x00,
						   0x45, 0x00, /* wheel: relative */
						   0x75, 0x08, 0x95, 0x01, 0x81, 0x06, 0xc0, 0xc0};

/* USB 1.1; vendor and product ids of QEMU's devices. */
static const uint8_t device_descriptor[] = {18,	  1, 0x10, 0x01, 0, 0, 0, 8, 0x27,
					    0x06, 1, 0,	   0,	 0, 1, 2, 3, 1};

/* Configuration, interface (boot subclass and protocol), HID, endpoint 1 IN. */
#define HID_CONFIGURATION(subclass, protocol, report, packet) \
	{9,                                                   \
	 2,                                                   \
	 34,                                                  \
	 0,                                                   \
	 1,                                                   \
	 1,                                                   \
	 4,                                                   \
	 0xa0,                                                \
	 50,                                                  \
	 9,                                                   \
	 4,                                                   \
	 0,                                                   \
	 0,                                                   \
	 1,                                                   \
	 3,                                                   \
	 (subclass),                                          \
	 (protocol),                                          \
	 5,                                                   \
	 9,                                                   \
	 DESCRIPTOR_HID,                                      \
	 0x11,                                                \
	 0x01,                                                \
	 0,                                                   \
	 1,                                                   \
	 DESCRIPTOR_REPORT,                                   \
	 sizeof(report) & 0xff,                               \
	 sizeof(report) >> 8,                                 \
	 7,                                                   \
	 5,                                                   \
	 0x81,                                                \
	 3,                                                   \
	 (packet),                                            \
	 0,                                                   \
	 10}

static const uint8_t keyboard_configuration[] =
	HID_CONFIGURATION(1, 1, keyboard_report_descriptor, 8);
static const uint8_t mouse_configuration[] = HID_CONFIGURATION(1, 2, mouse_report_descriptor, 4);
static const uint8_t tablet_configuration[] = HID_CONFIGURATION(0, 0, tablet_report_descriptor, 8);

#define HID_DEVICE(ident, name_, help_, kind_, product_, interface_)                 \
	static const char *const ident##_strings[] = {"QEMU", product_,	  "42",      \
						      "HID",  interface_, NULL};     \
	static const struct hid_info ident##_info = {                                \
		.usb = {.device = device_descriptor,                                 \
			.configuration = ident##_configuration,                      \
			.configuration_len = sizeof(ident##_configuration),          \
			.strings = ident##_strings,                                  \
			.speed = USB_FULL,                                           \
			.control = hid_control,                                      \
			.data = hid_data,                                            \
			.reset = hid_bus_reset},                                     \
		.kind = kind_,                                                       \
		.report = ident##_report_descriptor,                                 \
		.report_len = sizeof(ident##_report_descriptor)};                    \
	DEVICE_CLASS(ident, .name = name_, .help = help_, .bus = "USB",              \
		     .size = sizeof(struct usb_hid), .props = props, .state = state, \
		     .init = hid_init, .reset = hid_reset, .exit = hid_exit,         \
		     .post_load = hid_post_load, .bus_info = &ident##_info,          \
		     .bus_props = usb_props)

HID_DEVICE(keyboard, "usb-kbd", "USB keyboard", HID_KEYBOARD, "QEMU USB Keyboard", "HID Keyboard");
HID_DEVICE(mouse, "usb-mouse", "USB mouse", HID_MOUSE, "QEMU USB Mouse", "HID Mouse");
HID_DEVICE(tablet, "usb-tablet", "USB tablet", HID_TABLET, "QEMU USB Tablet", "HID Tablet");
