/* Between apic.c and apic-bus.c. */
#ifndef HW_INTC_APIC_INTERNAL_H
#define HW_INTC_APIC_INTERNAL_H

#include "hw/intc/apic.h"

void apic_accept(struct apic *s, const struct apic_message *m);
bool apic_is_destination(const struct apic *s, uint32_t dest, bool logical);
bool apic_accepts_fixed(const struct apic *s);
uint32_t apic_arbitration_priority(const struct apic *s);
void apic_set_lint0(struct apic *s, bool level);
uint64_t apic_mmio_read(void *opaque, uint64_t offset, unsigned int size);
void apic_mmio_write(void *opaque, uint64_t offset, uint64_t value, unsigned int size);

#endif
