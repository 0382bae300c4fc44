/* -device and -global. */
#include "base/optstr.h"
#include "hw/isa/isa.h"
#include "hw/pci/pci.h"
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

struct error *system_plug_devices(struct system_config *c)
{
	struct error *err = system_add_sound_cards(c);

	add_board_buses(c->m);
	for (unsigned int i = 0; i < c->devices->len && !err; i++) {
		const struct option_use *use = c->devices->pdata[i];
		err = option_use_error(plug_device(use->value), use);
	}
	return err;
}
