/*
 * What a board puts into memory before its processors start: kernels, tables, boot code. It is
 * written anew at every reset, since the guest may have changed it.
 */
#ifndef HW_MISC_LOADER_H
#define HW_MISC_LOADER_H

#include "base/bytes.h"
#include "vm/device.h"
#include "vm/memory.h"

#include <glib.h>

/* Class "loader", property "memory" (struct address_space *). */
struct loader {
	struct device dev;
	struct address_space *memory;
	GArray *blobs; /* struct loader_blob */
	/* Called when all is in place, at every reset: sets the processors' registers. May be
	 * NULL. */
	void (*enter)(void *opaque);
	void *opaque;
};

/* Makes and realizes one. */
struct loader *loader_new(struct address_space *memory);
/* Adds a copy of `data`, followed by zeroes up to `size` bytes. Fails where data are
 * not for memory or it overlaps what was added before; zeroes that are not for memory, as of
 * programs with more bss than there is, bring a warning. The board's memory must be mapped. */
struct error *loader_add(struct loader *l, uint64_t addr, struct bytes data,
			 uint64_t size) NODISCARD;

#endif
