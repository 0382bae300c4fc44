/* Properties of devices, as device.c uses them; the interface of the others is vm/device.h. */
#ifndef VM_PROP_H
#define VM_PROP_H

#include "vm/device.h"

void props_set_defaults(struct device *dev);
/* Frees what the strings own. */
void props_free(struct device *dev);

/* Parses "512", "0x200", "64M": decimal, hexadecimal or (with `suffixes`) a size with b, k, M, G or
 * T. False where it is not exactly that or does not fit. */
bool parse_u64(const char *text, bool suffixes, uint64_t *value);

#endif
