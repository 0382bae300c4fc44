/* Endpoint 0 and the standard requests of every device. Source: USB 2.0, 8.5.3 and 9.4. */
#include "hw/usb/usb.h"

#include "base/bytes.h"
#include "base/log.h"

#include <glib.h>
#include <string.h>

/* Saved: numbers are fixed. */
enum usb_stage {
	STAGE_IDLE = 0,
	STAGE_DATA_IN = 1,
	STAGE_DATA_OUT = 2,
	STAGE_STATUS_IN = 3, /* of OUT requests: the request is carried out now */
	STAGE_STALLED = 4,
};
enum { FEATURE_ENDPOINT_HALT = 0, FEATURE_REMOTE_WAKEUP = 1 };

/* --- standard requests --- */

static bool string_descriptor(struct usb_device *d, unsigned int index, uint8_t *data,
			      uint32_t *len)
{
	const char *const *strings = usb_info_of(d)->strings;
	unsigned int count = 0, n = 0;

	if (index == 0) { /* languages: US English */
		store_le32(data, 0x04090304);
		*len = 4;
		return true;
	}
	while (strings && strings[count])
		count++;
	if (index > count)
		return false;
	for (const char *s = strings[index - 1]; *s && n < 126; s++, n++)
		store_le16(data + 2 + 2 * n, (uint8_t)*s);
	data[0] = (uint8_t)(2 + 2 * n);
	data[1] = DESCRIPTOR_STRING;
	*len = data[0];
	return true;
}

static bool get_descriptor(struct usb_device *d, const struct usb_setup *s, uint8_t *data,
			   uint32_t *len)
{
	const struct usb_info *info = usb_info_of(d);

	switch (s->value >> 8) {
	case DESCRIPTOR_DEVICE:
		*len = 18;
		memcpy(data, info->device, 18);
		return true;
	case DESCRIPTOR_CONFIGURATION:
		if (s->value & 0xff)
			return false;
		*len = MIN(info->configuration_len, USB_CONTROL_MAX);
		memcpy(data, info->configuration, *len);
		return true;
	case DESCRIPTOR_STRING: return string_descriptor(d, s->value & 0xff, data, len);
	default: return false;
	}
}

static uint16_t *halted(struct usb_device *d, unsigned int endpoint)
{
	return endpoint & 0x80 ? &d->halted_in : &d->halted_out;
}

static bool endpoint_request(struct usb_device *d, const struct usb_setup *s, uint8_t *data,
			     uint32_t *len)
{
	uint16_t *bits = halted(d, s->index), bit = (uint16_t)(1 << (s->index & 0xf));

	switch (s->request & 0xff) {
	case GET_STATUS:
		store_le16(data, (*bits & bit) != 0);
		*len = 2;
		return true;
	case CLEAR_FEATURE: *bits &= (uint16_t)~bit; return s->value == FEATURE_ENDPOINT_HALT;
	case SET_FEATURE: *bits |= bit; return s->value == FEATURE_ENDPOINT_HALT;
	default: return false;
	}
}

static bool one_byte(uint8_t *data, uint32_t *len, uint8_t value)
{
	data[0] = value;
	*len = 1;
	return true;
}

static bool device_request(struct usb_device *d, const struct usb_setup *s, uint8_t *data,
			   uint32_t *len)
{
	const uint8_t *configuration = usb_info_of(d)->configuration;

	switch (s->request) {
	case USB_DEVICE_IN | GET_STATUS:
		/* bit 6 of bmAttributes: powered by itself */
		store_le16(data, (configuration[7] >> 6 & 1) | d->remote_wakeup << 1);
		*len = 2;
		return true;
	case USB_DEVICE_OUT | CLEAR_FEATURE:
	case USB_DEVICE_OUT | SET_FEATURE:
		d->remote_wakeup = (s->request & 0xff) == SET_FEATURE;
		return s->value == FEATURE_REMOTE_WAKEUP;
	case USB_DEVICE_OUT | SET_ADDRESS: d->address = s->value & 0x7f; return true;
	case USB_DEVICE_IN | GET_DESCRIPTOR: return get_descriptor(d, s, data, len);
	case USB_DEVICE_IN | GET_CONFIGURATION: return one_byte(data, len, d->configuration);
	case USB_DEVICE_OUT | SET_CONFIGURATION:
		if (s->value && s->value != configuration[5])
			return false;
		d->configuration = (uint8_t)s->value;
		d->halted_in = d->halted_out = 0;
		return true;
	case USB_INTERFACE_IN | GET_INTERFACE: return one_byte(data, len, 0);
	case USB_INTERFACE_OUT | SET_INTERFACE: return s->value == 0;
	case USB_INTERFACE_IN | GET_STATUS:
		store_le16(data, 0);
		*len = 2;
		return true;
	default: return false;
	}
}

static bool request(struct usb_device *d, const struct usb_setup *s, uint8_t *data, uint32_t *len)
{
	unsigned int type = s->request >> 13 & 3, recipient = s->request >> 8 & 0x1f;
	const struct usb_info *info = usb_info_of(d);

	*len = 0;
	if ((type || recipient == 1) && info->control && info->control(d, s, data, len))
		return true;
	if (!type && recipient == 2)
		return endpoint_request(d, s, data, len);
	return !type && device_request(d, s, data, len);
}

/* --- endpoint 0 --- */

static struct usb_setup parse_setup(const uint8_t *p)
{
	return (struct usb_setup){(uint16_t)(p[0] << 8 | p[1]), load_le16(p + 2), load_le16(p + 4),
				  load_le16(p + 6)};
}

static enum usb_result setup_packet(struct usb_device *d, struct usb_packet *p)
{
	if (p->len != 8)
		return USB_STALL;
	memcpy(d->setup, p->data, 8);
	p->actual = 8;
	struct usb_setup s = parse_setup(d->setup);
	d->control_pos = d->control_len = 0;
	if (d->setup[0] & 0x80) {
		d->stage = STAGE_DATA_IN;
		if (!request(d, &s, d->control, &d->control_len))
			d->stage = STAGE_STALLED;
		d->control_len = MIN(d->control_len, s.length);
	} else if (s.length > USB_CONTROL_MAX) {
		d->stage = STAGE_STALLED;
	} else {
		d->control_len = s.length;
		d->stage = s.length ? STAGE_DATA_OUT : STAGE_STATUS_IN;
	}
	return USB_OK;
}

static enum usb_result control_in(struct usb_device *d, struct usb_packet *p)
{
	struct usb_setup s = parse_setup(d->setup);
	uint32_t len;

	switch (d->stage) {
	case STAGE_DATA_IN:
		p->actual = MIN(p->len, d->control_len - d->control_pos);
		memcpy(p->data, d->control + d->control_pos, p->actual);
		d->control_pos += p->actual;
		return USB_OK;
	case STAGE_STATUS_IN:
		d->stage = request(d, &s, d->control, &len) ? STAGE_IDLE : STAGE_STALLED;
		return d->stage == STAGE_IDLE ? USB_OK : USB_STALL;
	case STAGE_STALLED: return USB_STALL;
	default: return USB_OK;
	}
}

static enum usb_result control_out(struct usb_device *d, struct usb_packet *p)
{
	uint32_t n;

	switch (d->stage) {
	case STAGE_DATA_OUT:
		n = MIN(p->len, d->control_len - d->control_pos);
		memcpy(d->control + d->control_pos, p->data, n);
		d->control_pos += n;
		p->actual = n;
		if (d->control_pos == d->control_len)
			d->stage = STAGE_STATUS_IN;
		return USB_OK;
	case STAGE_DATA_IN: /* the status stage of an IN request */
		d->stage = STAGE_IDLE;
		return USB_OK;
	case STAGE_STALLED: return USB_STALL;
	default: return USB_OK;
	}
}

static enum usb_result control_packet(struct usb_device *d, struct usb_packet *p)
{
	switch (p->pid) {
	case USB_SETUP: return setup_packet(d, p);
	case USB_IN: return control_in(d, p);
	case USB_OUT: return control_out(d, p);
	}
	return USB_STALL;
}

/* --- transactions --- */

void usb_handle(struct usb_device *d, struct usb_packet *p)
{
	p->device = d;
	p->actual = 0;
	if (p->endpoint == 0)
		p->result = control_packet(d, p);
	else if (!d->configuration || p->pid == USB_SETUP)
		p->result = USB_STALL;
	else if (*halted(d, p->pid == USB_IN ? 0x80 : 0) >> (p->endpoint & 0xf) & 1)
		p->result = USB_STALL;
	else
		p->result = usb_info_of(d)->data(d, p);
	if (p->result == USB_STALL && p->endpoint)
		*halted(d, p->pid == USB_IN ? 0x80 : 0) |= (uint16_t)(1 << (p->endpoint & 0xf));
}

void usb_complete(struct usb_packet *p, enum usb_result result)
{
	p->result = result;
	if (result == USB_STALL)
		*halted(p->device, p->pid == USB_IN ? 0x80 : 0) |=
			(uint16_t)(1 << (p->endpoint & 0xf));
	p->complete(p);
}

void usb_cancel(struct usb_packet *p)
{
	const struct usb_info *info = usb_info_of(p->device);

	if (info->cancel)
		info->cancel(p->device, p);
}

/* --- state --- */

static void default_state(struct usb_device *d)
{
	d->address = d->configuration = 0;
	d->remote_wakeup = false;
	d->halted_in = d->halted_out = 0;
	d->stage = STAGE_IDLE;
	d->control_len = d->control_pos = 0;
}

void usb_bus_reset(struct usb_device *d)
{
	default_state(d);
	if (usb_info_of(d)->reset)
		usb_info_of(d)->reset(d);
}

void usb_device_reset(struct usb_device *d)
{
	default_state(d);
	memset(d->setup, 0, sizeof(d->setup));
	memset(d->control, 0, sizeof(d->control));
}

struct error *usb_device_post_load(struct usb_device *d)
{
	if (d->address > 127 || d->stage > STAGE_STALLED || d->control_len > USB_CONTROL_MAX ||
	    d->control_pos > d->control_len)
		return error_new("%s: impossible control transfer", d->dev.class->name);
	return NULL;
}

const struct field usb_device_state[] = {
	F_U8(struct usb_device, address),
	F_U8(struct usb_device, configuration),
	F_BOOL(struct usb_device, remote_wakeup),
	F_U16(struct usb_device, halted_in),
	F_U16(struct usb_device, halted_out),
	F_U8(struct usb_device, stage),
	F_BYTES(struct usb_device, setup),
	F_BYTES(struct usb_device, control),
	F_U32(struct usb_device, control_len),
	F_U32(struct usb_device, control_pos),
	FIELD_END,
};
