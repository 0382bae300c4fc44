/* -device and -global. */
#include "base/optstr.h"
#include "hw/isa/isa.h"
#include "hw/pci/pci.h"
#include "hw/usb/usb.h"
#include "tools/system.h"
#include "vm/plug.h"

#include <string.h>

static struct error *plug_pci(void *bus, struct device *dev)
{
	return pci_plug(bus, dev);
}

static struct error *plug_isa(void *bus, struct device *dev)
{
	return isa_plug(bus, dev);
}

/* The buses that every board hands over in its struct machine. */
static void add_board_buses(struct machine *m)
{
	if (m->pci)
		plug_add_bus("PCI", "pci.0", m->pci, plug_pci);
	if (m->isa)
		plug_add_bus("ISA", "isa.0", m->isa, plug_isa);
}

/* "driver.prop=value", or "driver=d,property=p,value=v". */
static struct error *add_global(const char *text)
{
	const char *dot = strchr(text, '.'), *equals = strchr(text, '=');

	if (dot && equals && dot < equals) {
		char *driver = g_strndup(text, dot - text);
		char *prop = g_strndup(dot + 1, equals - dot - 1);
		struct error *err = device_add_global(driver, prop, equals + 1);
		g_free(driver);
		g_free(prop);
		return err;
	}
	struct optstr *o = optstr_parse(text, NULL);
	const char *driver, *prop, *value;
	struct error *err = optstr_require(o, "driver", &driver);
	err = err ? err : optstr_require(o, "property", &prop);
	err = err ? err : optstr_require(o, "value", &value);
	err = err ? err : optstr_finish(o);
	err = err ? err : device_add_global(driver, prop, value);
	optstr_free(o);
	return err;
}

struct error *system_add_globals(struct system_config *c)
{
	struct error *err = NULL;

	for (unsigned int i = 0; i < c->globals->len && !err; i++) {
		const struct option_use *use = c->globals->pdata[i];
		err = option_use_error(add_global(use->value), use);
	}
	return err;
}

/* -usbdevice: "tablet", or a name with what follows a colon. */
static struct error *plug_usb_device(const char *name)
{
	const char *class = usb_legacy_class(name);
	struct error *err = class ? plug_device(class)
				  : error_new("no such USB device is built; there are keyboard, "
					      "mouse, tablet and hub");

	return error_prefix(err, "-usbdevice %s", name);
}

static struct error *plug_usb_devices(const struct machine *m)
{
	struct error *err = NULL;

	for (unsigned int i = 0; i < m->usb_devices->len && !err; i++)
		err = plug_usb_device(g_ptr_array_index(m->usb_devices, i));
	return err;
}

struct error *system_plug_devices(struct system_config *c)
{
	struct error *err = system_add_sound_cards(c);

	add_board_buses(c->m);
	for (unsigned int i = 0; i < c->devices->len && !err; i++) {
		const struct option_use *use = c->devices->pdata[i];
		err = option_use_error(plug_device(use->value), use);
	}
	return err ? err : plug_usb_devices(c->m);
}
