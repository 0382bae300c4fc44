/*
 * Where -device plugs things: buses by kind and name.
 *
 * A board or a bridge offers each bus that users may plug into; `kind` is what device_class.bus
 * says ("PCI", "ISA", "SCSI", "USB", "IDE" ...). Machine lock held.
 */
#ifndef VM_PLUG_H
#define VM_PLUG_H

#include "vm/device.h"

/* Plugs and realizes a device whose properties are set; on error the device is freed. */
typedef struct error *plug_fn(void *bus, struct device *dev);

/* Offers a bus; `kind` and `name` ("pci.0") are borrowed. The first of a kind is the default. */
void plug_add_bus(const char *kind, const char *name, void *bus, plug_fn *plug);
/* Withdraws it. */
void plug_remove_bus(void *bus);
/* Makes, configures and plugs what a -device text says ("e1000,netdev=u,id=n0"). */
struct error *plug_device(const char *text) NODISCARD;

#endif
