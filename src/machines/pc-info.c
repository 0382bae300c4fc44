/* What the monitor shows of the PC: "info pci", "info pic", "info lapic". */
#include "hw/intc/apic.h"
#include "hw/intc/i8259.h"
#include "hw/pci/pci.h"
#include "vm/info.h"
#include "vm/machine.h"

#include <string.h>

/* The next device of a class after `dev`, or the first where that is NULL. */
static struct device *next_of_class(struct device *dev, const char *name)
{
	for (dev = dev ? dev->next : device_first(); dev; dev = dev->next)
		if (strcmp(dev->class->name, name) == 0)
			return dev;
	return NULL;
}

static void print_pci(struct machine *m, FILE *out)
{
	if (m->pci)
		pci_print((struct pci_bus *)m->pci, out);
	else
		fprintf(out, "PCI not supported\n");
}

static void print_pic(struct machine *m, FILE *out)
{
	struct device *dev = NULL;

	while ((dev = next_of_class(dev, "isa-pic")))
		i8259_print((const struct i8259 *)dev, out);
	while ((dev = next_of_class(dev, "ioapic")))
		ioapic_print((const struct ioapic *)dev, out);
}

static void print_lapic(struct machine *m, FILE *out)
{
	struct device *dev = NULL;

	while ((dev = next_of_class(dev, "apic")))
		apic_print((const struct apic *)dev, out);
}

INFO(pci, "pci", "the PCI devices", print_pci);
INFO(pic, "pic", "state of the interrupt controllers", print_pic);
INFO(lapic, "lapic", "state of the local APICs", print_lapic);
