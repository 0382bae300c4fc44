/* Properties of devices, as device.c uses them; the interface of the others is vm/device.h. */
#ifndef VM_PROP_H
#define VM_PROP_H

#include "vm/device.h"

void props_set_defaults(struct device *dev);
/* Frees what the strings own. */
void props_free(struct device *dev);

/* What -global said for the device's class (global.c). */
void device_apply_globals(struct device *dev);

#endif
