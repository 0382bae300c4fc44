/* Buses and ports: which device is plugged in where, and "info usb". */
#include "hw/usb/usb.h"

#include "vm/info.h"
#include "vm/plug.h"

#include <glib.h>
#include <string.h>

const struct prop usb_props[] = {
	PROP_STRING("port", struct usb_device, path, "port on the bus, such as 2 or 1.3"),
	PROP_END,
};

/* Names of -usbdevice and their classes. */
static const struct {
	const char *name, *class;
} legacy[] = {{"keyboard", "usb-kbd"},
	      {"mouse", "usb-mouse"},
	      {"tablet", "usb-tablet"},
	      {"hub", "usb-hub"}};

const char *usb_legacy_class(const char *name)
{
	for (unsigned int i = 0; i < G_N_ELEMENTS(legacy); i++) {
		if (strcmp(legacy[i].name, name) == 0)
			return legacy[i].class;
	}
	return NULL;
}

static struct error *plug(void *bus, struct device *dev)
{
	return usb_plug(bus, dev);
}

/* Buses are numbered; a controller that exists already has all lower numbers. */
static unsigned int next_number(void)
{
	unsigned int n = 0;

	for (const struct device *d = device_first(); d; d = d->next)
		n += d->class->props && g_str_has_suffix(d->class->name, "hci");
	return n;
}

void usb_bus_init(struct usb_bus *bus)
{
	bus->name = g_strdup_printf("usb-bus.%u", next_number());
	bus->ports = NULL;
	plug_add_bus("USB", bus->name, bus, plug);
}

void usb_add_port(struct usb_bus *bus, struct usb_port *port, const struct usb_port *parent,
		  unsigned int number, const struct usb_port_ops *ops, void *opaque)
{
	struct usb_port **at = &bus->ports;

	*port = (struct usb_port){.bus = bus, .ops = ops, .opaque = opaque, .number = number};
	g_snprintf(port->path, sizeof(port->path), "%s%s%u", parent ? parent->path : "",
		   parent ? "." : "", number + 1);
	while (*at)
		at = &(*at)->next;
	*at = port;
}

void usb_remove_port(struct usb_port *port)
{
	for (struct usb_port **at = &port->bus->ports; *at; at = &(*at)->next) {
		if (*at != port)
			continue;
		*at = port->next;
		return;
	}
}

static struct usb_port *find_port(const struct usb_bus *bus, const char *path)
{
	for (struct usb_port *p = bus->ports; p; p = p->next) {
		if (path ? strcmp(p->path, path) == 0 : !p->device)
			return p;
	}
	return NULL;
}

static void bus_exit(struct device *dev)
{
	struct usb_device *d = (struct usb_device *)dev;
	struct usb_port *port = d->port;

	if (!port || port->device != d)
		return;
	port->device = NULL;
	port->ops->detach(port->opaque, port->number);
}

struct error *usb_plug(struct usb_bus *bus, struct device *dev)
{
	struct usb_device *d = (struct usb_device *)dev;
	struct usb_port *port = find_port(bus, d->path);
	struct error *err = NULL;

	if (!port && d->path)
		err = error_new("there is no port \"%s\" on %s", d->path, bus->name);
	else if (!port)
		err = error_new("all ports of %s are taken; a usb-hub has more", bus->name);
	else if (port->device)
		err = error_new("port %s of %s is taken by \"%s\"", port->path, bus->name,
				port->device->dev.class->name);
	if (err) {
		device_free(dev);
		return err;
	}
	d->port = port;
	port->device = d; /* a hub's ports come after its own */
	err = device_realize(dev);
	if (err) {
		port->device = NULL;
		return err;
	}
	dev->bus_exit = bus_exit;
	port->ops->attach(port->opaque, port->number);
	return NULL;
}

struct usb_device *usb_find(const struct usb_port *port, unsigned int address)
{
	struct usb_device *d = port->device;

	if (!d || d->address == address)
		return d;
	return usb_info_of(d)->find ? usb_info_of(d)->find(d, address) : NULL;
}

void usb_wakeup(struct usb_device *d)
{
	if (d->remote_wakeup && d->port)
		d->port->ops->wakeup(d->port->opaque, d->port->number);
}

/* --- info usb --- */

static void print_devices(struct machine *m, FILE *out)
{
	static const char *const speeds[] = {"1.5", "12", "480"};
	bool any = false;

	for (const struct device *dev = device_first(); dev; dev = dev->next) {
		const struct usb_device *d = (const struct usb_device *)dev;

		if (!dev->class->bus || strcmp(dev->class->bus, "USB") != 0 || !d->port)
			continue;
		any = true;
		fprintf(out, "  Device %s.%u, Port %s, Speed %s Mb/s, Product %s\n",
			d->port->bus->name + strlen("usb-bus."), d->address, d->port->path,
			speeds[usb_info_of(d)->speed], dev->class->help);
	}
	if (!any)
		fprintf(out, "no USB device\n");
}

INFO(usb, "usb", "USB devices", print_devices);
