/* A USB 1.1 hub of eight ports. Source: USB Specification 1.1, chapter 11. */
#include "hw/usb/usb.h"

#include "base/bytes.h"

#include <glib.h>
#include <string.h>

enum { PORTS = 8 };

/* wPortStatus; the same bits of wPortChange say that they changed. */
enum {
	PORT_CONNECTION = 1 << 0,
	PORT_ENABLE = 1 << 1,
	PORT_SUSPEND = 1 << 2,
	PORT_RESET = 1 << 4,
	PORT_POWER = 1 << 8,
	PORT_LOW_SPEED = 1 << 9,
};
/* Feature selectors: a status bit's number, and from 16 on a change bit's. */
enum { FEATURE_ENABLE = 1, FEATURE_SUSPEND = 2, FEATURE_RESET = 4, FEATURE_POWER = 8 };
enum { FEATURE_C_CONNECTION = 16, FEATURE_C_RESET = 20 };

struct hub_port {
	struct usb_port port;
	uint16_t status, change;
};

struct usb_hub {
	struct usb_device usb;
	struct hub_port ports[PORTS];
};

/* --- ports --- */

static void attach(void *opaque, unsigned int number)
{
	struct usb_hub *h = opaque;
	struct hub_port *p = &h->ports[number];

	p->status |= PORT_CONNECTION;
	p->change |= PORT_CONNECTION;
	if (usb_info_of(p->port.device)->speed == USB_LOW)
		p->status |= PORT_LOW_SPEED;
	usb_wakeup(&h->usb);
}

static void detach(void *opaque, unsigned int number)
{
	struct usb_hub *h = opaque;
	struct hub_port *p = &h->ports[number];

	p->change |= PORT_CONNECTION;
	if (p->status & PORT_ENABLE)
		p->change |= PORT_ENABLE;
	p->status &= (uint16_t)~(PORT_CONNECTION | PORT_ENABLE | PORT_SUSPEND | PORT_LOW_SPEED);
	usb_wakeup(&h->usb);
}

static void port_wakeup(void *opaque, unsigned int number)
{
	struct usb_hub *h = opaque;
	struct hub_port *p = &h->ports[number];

	if (p->status & PORT_SUSPEND) {
		p->status &= (uint16_t)~PORT_SUSPEND;
		p->change |= PORT_SUSPEND;
		usb_wakeup(&h->usb);
	}
}

static const struct usb_port_ops port_ops = {
	.attach = attach, .detach = detach, .wakeup = port_wakeup};

static void reset_port(struct hub_port *p)
{
	if (!p->port.device)
		return;
	usb_bus_reset(p->port.device);
	p->status = (uint16_t)((p->status & ~PORT_SUSPEND) | PORT_ENABLE);
	p->change |= PORT_RESET;
}

static bool set_port_feature(struct hub_port *p, unsigned int feature)
{
	switch (feature) {
	case FEATURE_SUSPEND:
		if (p->status & PORT_ENABLE)
			p->status |= PORT_SUSPEND;
		return true;
	case FEATURE_RESET: reset_port(p); return true;
	case FEATURE_POWER: p->status |= PORT_POWER; return true;
	default: return false;
	}
}

static bool clear_port_feature(struct hub_port *p, unsigned int feature)
{
	switch (feature) {
	case FEATURE_ENABLE: p->status &= (uint16_t)~PORT_ENABLE; return true;
	case FEATURE_SUSPEND:
		if (p->status & PORT_SUSPEND)
			p->change |= PORT_SUSPEND;
		p->status &= (uint16_t)~PORT_SUSPEND;
		return true;
	case FEATURE_POWER: p->status &= (uint16_t)~PORT_POWER; return true;
	case FEATURE_C_CONNECTION ... FEATURE_C_RESET:
		p->change &= (uint16_t)~(1u << (feature - FEATURE_C_CONNECTION));
		return true;
	default: return false;
	}
}

/* --- requests (11.16.2) --- */

static uint32_t hub_descriptor(uint8_t *data)
{
	/* ports, characteristics (none: power and over-current for all at once), 2 ms to power */
	static const uint8_t descriptor[] = {11, 0x29, PORTS, 0, 0, 1, 0, 0, 0, 0xff, 0xff};

	memcpy(data, descriptor, sizeof(descriptor));
	return sizeof(descriptor);
}

static bool port_request(struct usb_hub *h, const struct usb_setup *s, uint8_t *data, uint32_t *len)
{
	unsigned int n = (s->index & 0xff) - 1u;

	if (n >= PORTS)
		return false;
	switch (s->request) {
	case USB_CLASS_OTHER_IN | GET_STATUS:
		store_le16(data, h->ports[n].status);
		store_le16(data + 2, h->ports[n].change);
		*len = 4;
		return true;
	case USB_CLASS_OTHER_OUT | SET_FEATURE: return set_port_feature(&h->ports[n], s->value);
	case USB_CLASS_OTHER_OUT | CLEAR_FEATURE: return clear_port_feature(&h->ports[n], s->value);
	default: return false;
	}
}

static bool hub_control(struct usb_device *d, const struct usb_setup *s, uint8_t *data,
			uint32_t *len)
{
	switch (s->request) {
	case USB_CLASS_DEVICE_IN | GET_DESCRIPTOR: *len = hub_descriptor(data); return true;
	case USB_CLASS_DEVICE_IN | GET_STATUS:
		store_le32(data, 0);
		*len = 4;
		return true;
	case USB_CLASS_DEVICE_OUT | SET_FEATURE:
	case USB_CLASS_DEVICE_OUT | CLEAR_FEATURE: return s->value <= 1;
	default: return port_request((struct usb_hub *)d, s, data, len);
	}
}

/* Endpoint 1: which ports changed. */
static enum usb_result hub_data(struct usb_device *d, struct usb_packet *p)
{
	struct usb_hub *h = (struct usb_hub *)d;
	uint8_t bitmap[2] = {0};

	if (p->pid != USB_IN || p->endpoint != 1)
		return USB_STALL;
	for (unsigned int n = 0; n < PORTS; n++) {
		if (h->ports[n].change)
			bitmap[(n + 1) / 8] |= (uint8_t)(1 << ((n + 1) & 7));
	}
	if (!bitmap[0] && !bitmap[1])
		return USB_NAK;
	p->actual = MIN(p->len, sizeof(bitmap));
	memcpy(p->data, bitmap, p->actual);
	return p->len < sizeof(bitmap) ? USB_BABBLE : USB_OK;
}

static struct usb_device *hub_find(struct usb_device *d, unsigned int address)
{
	struct usb_hub *h = (struct usb_hub *)d;

	for (unsigned int n = 0; n < PORTS; n++) {
		struct usb_device *found = NULL;

		if (h->ports[n].status & PORT_ENABLE && !(h->ports[n].status & PORT_SUSPEND))
			found = usb_find(&h->ports[n].port, address);
		if (found)
			return found;
	}
	return NULL;
}

static void hub_bus_reset(struct usb_device *d)
{
	struct usb_hub *h = (struct usb_hub *)d;

	for (unsigned int n = 0; n < PORTS; n++) {
		struct hub_port *p = &h->ports[n];
		p->status = PORT_POWER;
		p->change = 0;
		if (p->port.device)
			attach(h, n);
	}
}

/* --- the device --- */

static struct error *hub_init(struct device *dev)
{
	struct usb_hub *h = (struct usb_hub *)dev;
	const struct usb_port *up = h->usb.port;
	unsigned int depth = 0;

	for (const char *s = up->path; *s; s++)
		depth += *s == '.';
	if (depth >= 4)
		return error_new("port %s: hubs can be chained five deep", up->path);
	for (unsigned int n = 0; n < PORTS; n++)
		usb_add_port(up->bus, &h->ports[n].port, up, n, &port_ops, h);
	return NULL;
}

static void hub_reset(struct device *dev)
{
	usb_device_reset((struct usb_device *)dev);
	hub_bus_reset((struct usb_device *)dev);
}

static void hub_exit(struct device *dev)
{
	struct usb_hub *h = (struct usb_hub *)dev;

	for (unsigned int n = 0; n < PORTS && h->ports[n].port.bus; n++) {
		if (h->ports[n].port.device)
			device_free(&h->ports[n].port.device->dev);
		usb_remove_port(&h->ports[n].port);
	}
}

static struct error *hub_post_load(struct device *dev)
{
	return usb_device_post_load((struct usb_device *)dev);
}

static const struct prop props[] = {PROP_END};

static const struct field port_state[] = {
	F_U16(struct hub_port, status),
	F_U16(struct hub_port, change),
	FIELD_END,
};

static const struct field state[] = {
	F_STRUCT(struct usb_hub, usb, usb_device_state),
	F_STRUCTS(struct usb_hub, ports, port_state),
	FIELD_END,
};

static const uint8_t device_descriptor[] = {18,	  1,	0x10, 0x01, 9, 0, 0, 8, 0x09,
					    0x04, 0xaa, 0x55, 1,    1, 1, 2, 3, 1};
static const uint8_t configuration[] = {9, 2, 25, 0, 1, 1, 0, 0xe0, 0, 9, 4, 0,	 0,
					1, 9, 0,  0, 0, 7, 5, 0x81, 3, 2, 0, 255};
static const char *const strings[] = {"QEMU", "QEMU USB Hub", "314159", NULL};

static const struct usb_info info = {.device = device_descriptor,
				     .configuration = configuration,
				     .configuration_len = sizeof(configuration),
				     .strings = strings,
				     .speed = USB_FULL,
				     .control = hub_control,
				     .data = hub_data,
				     .reset = hub_bus_reset,
				     .find = hub_find};

DEVICE_CLASS(usb_hub, .name = "usb-hub", .help = "USB hub", .bus = "USB",
	     .size = sizeof(struct usb_hub), .props = props, .state = state, .init = hub_init,
	     .reset = hub_reset, .exit = hub_exit, .post_load = hub_post_load, .bus_info = &info,
	     .bus_props = usb_props);
