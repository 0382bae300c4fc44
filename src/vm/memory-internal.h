/* What the files behind vm/memory.h share. */
#ifndef VM_MEMORY_INTERNAL_H
#define VM_MEMORY_INTERNAL_H

#include "vm/memory.h"

/* The tree changed: rebuilds all views now or at the end of the batch. `force` tells listeners even
 * where the ranges come out the same. */
void address_spaces_changed(bool force);

/* Allocates a block of at least `size` bytes; `name` is borrowed. */
struct error *ram_new(const char *name, uint64_t size, struct ram **ram) NODISCARD;
/* The same over memory of the caller's. */
struct error *ram_new_host(const char *name, void *host, uint64_t size, struct ram **ram) NODISCARD;
void ram_free(struct ram *ram);

#endif
