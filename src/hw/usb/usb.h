/*
 * USB: devices, ports, and the packets that host controllers exchange with devices. Source: USB
 * Specification 1.1 and 2.0, chapters 8, 9 and 11.
 *
 * A host controller gives its root ports to a bus and calls usb_handle() for each transaction. A
 * device is a class of bus kind "USB" whose struct begins with `struct usb_device` and whose
 * bus_info is a `struct usb_info`; endpoint 0 and the standard requests are done here. Machine lock
 * held.
 */
#ifndef HW_USB_USB_H
#define HW_USB_USB_H

#include "vm/device.h"

#include <stdbool.h>

struct usb_bus;
struct usb_device;
struct usb_port;

enum usb_speed { USB_LOW, USB_FULL, USB_HIGH };
enum usb_pid { USB_OUT = 0xe1, USB_IN = 0x69, USB_SETUP = 0x2d };

enum usb_result {
	USB_OK,
	USB_NAK,    /* nothing to give or no room now: asked again later */
	USB_STALL,  /* the endpoint is halted, or the request is unknown */
	USB_BABBLE, /* the device had more than the host asked for */
	USB_NO_RESPONSE,
	USB_ASYNC, /* complete() will be called, not from inside usb_handle() */
};

/* One transaction. A packet that is USB_ASYNC must stay until complete() or usb_cancel(). */
struct usb_packet {
	enum usb_pid pid;
	uint8_t endpoint; /* 0-15 */
	uint8_t *data;
	uint32_t len;	 /* of data; IN: room */
	uint32_t actual; /* bytes that were moved */
	enum usb_result result;
	struct usb_device *device;
	void (*complete)(struct usb_packet *p);
	void *opaque;
};

/* Requests, bmRequestType << 8 | bRequest. */
enum usb_request {
	USB_DEVICE_IN = 0x8000,
	USB_DEVICE_OUT = 0x0000,
	USB_INTERFACE_IN = 0x8100,
	USB_INTERFACE_OUT = 0x0100,
	USB_ENDPOINT_IN = 0x8200,
	USB_ENDPOINT_OUT = 0x0200,
	USB_CLASS_DEVICE_IN = 0xa000,
	USB_CLASS_DEVICE_OUT = 0x2000,
	USB_CLASS_INTERFACE_IN = 0xa100,
	USB_CLASS_INTERFACE_OUT = 0x2100,
	USB_CLASS_OTHER_IN = 0xa300,
	USB_CLASS_OTHER_OUT = 0x2300,
	GET_STATUS = 0,
	CLEAR_FEATURE = 1,
	SET_FEATURE = 3,
	SET_ADDRESS = 5,
	GET_DESCRIPTOR = 6,
	GET_CONFIGURATION = 8,
	SET_CONFIGURATION = 9,
	GET_INTERFACE = 10,
	SET_INTERFACE = 11,
};
enum { DESCRIPTOR_DEVICE = 1, DESCRIPTOR_CONFIGURATION = 2, DESCRIPTOR_STRING = 3 };

#define USB_CONTROL_MAX 1024

struct usb_setup {
	uint16_t request, value, index, length;
};

/* What a device class says of itself, and what it does. */
struct usb_info {
	const uint8_t *device;	      /* 18 bytes */
	const uint8_t *configuration; /* whole, wTotalLength bytes */
	uint16_t configuration_len;
	const char *const *strings; /* from index 1 on, ends with NULL */
	enum usb_speed speed;
	/*
	 * A request that is not a standard one, or is one for an interface: data has setup->length
	 * bytes of an OUT request, or room for USB_CONTROL_MAX of an IN request, whose length goes
	 * to *len. False: there is no such request.
	 */
	bool (*control)(struct usb_device *d, const struct usb_setup *setup, uint8_t *data,
			uint32_t *len);
	/* A transaction of an endpoint other than 0. */
	enum usb_result (*data)(struct usb_device *d, struct usb_packet *p);
	void (*reset)(struct usb_device *d);			    /* bus reset; may be NULL */
	void (*cancel)(struct usb_device *d, struct usb_packet *p); /* of a USB_ASYNC one */
	/* Hubs: the device behind it that has an address. NULL: not a hub. */
	struct usb_device *(*find)(struct usb_device *d, unsigned int address);
};

struct usb_device {
	struct device dev;
	struct usb_port *port;
	char *path; /* property "port": "2", "1.3"; NULL: the first free one */
	uint8_t address, configuration;
	bool remote_wakeup;
	uint16_t halted_in, halted_out; /* endpoints */
	/* endpoint 0 */
	uint8_t stage; /* enum usb_stage of usb.c */
	uint8_t setup[8];
	uint8_t control[USB_CONTROL_MAX];
	uint32_t control_len, control_pos;
};

extern const struct prop usb_props[];
/* State list that every device's own starts with: F_STRUCT(type, member, usb_device_state). */
extern const struct field usb_device_state[];
struct error *usb_device_post_load(struct usb_device *d) NODISCARD;
/* Power-on state: to be called by every device's reset. */
void usb_device_reset(struct usb_device *d);

static inline const struct usb_info *usb_info_of(const struct usb_device *d)
{
	return d->dev.class->bus_info;
}

/* --- ports and buses --- */

struct usb_port_ops {
	void (*attach)(void *opaque, unsigned int number);
	void (*detach)(void *opaque, unsigned int number);
	/* The device asks for attention while the port is suspended. */
	void (*wakeup)(void *opaque, unsigned int number);
};

struct usb_port {
	struct usb_bus *bus;
	struct usb_device *device; /* NULL: nothing is plugged in */
	const struct usb_port_ops *ops;
	void *opaque;
	unsigned int number; /* from 0, for the ops */
	char path[16];	     /* "1", "2.4" */
	struct usb_port *next;
};

struct usb_bus {
	char *name;
	struct usb_port *ports;
};

/* Makes a bus with a name of its own ("usb-bus.0") and offers it to -device. */
void usb_bus_init(struct usb_bus *bus);
/* Adds a port, of the root or of the hub in port `parent`. */
void usb_add_port(struct usb_bus *bus, struct usb_port *port, const struct usb_port *parent,
		  unsigned int number, const struct usb_port_ops *ops, void *opaque);
void usb_remove_port(struct usb_port *port);
/* Plugs and realizes a device whose properties are set; on error it is freed. */
struct error *usb_plug(struct usb_bus *bus, struct device *dev) NODISCARD;

/* The device with an address at a port or behind it; NULL if there is none. */
struct usb_device *usb_find(const struct usb_port *port, unsigned int address);
void usb_handle(struct usb_device *d, struct usb_packet *p);
void usb_cancel(struct usb_packet *p);
/* The host resets the bus at the device's port. */
void usb_bus_reset(struct usb_device *d);
void usb_wakeup(struct usb_device *d);
/* Ends a packet that was USB_ASYNC. */
void usb_complete(struct usb_packet *p, enum usb_result result);
/* The class of a -usbdevice name ("tablet"), or NULL. */
const char *usb_legacy_class(const char *name);

#endif
