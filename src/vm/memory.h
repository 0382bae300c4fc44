/*
 * Address spaces: what a processor or a bus master sees.
 *
 * A `struct region` is a span of bytes: RAM, ROM, device registers, a container of other regions,
 * or an alias that shows part of another region. Regions are nested with region_add(); where
 * siblings overlap, the higher priority wins (equal: the later added). An address space is a root
 * region plus a flat, sorted, non-overlapping view of it that is rebuilt after every change.
 *
 * Regions are embedded in their owner's struct (a device, a board) and must outlive their mapping.
 *
 * Locking: changes to the tree, and device callbacks, need the machine lock. The flat view is
 * read without it: a reader sees the old or the new view, never a mixture, and old views are kept
 * until the next quiesce point.
 */
#ifndef VM_MEMORY_H
#define VM_MEMORY_H

#include "base/error.h"

#include <stddef.h>
#include <stdint.h>

struct region;
struct device;

/*
 * Register callbacks. `offset` is within the region; `size` is 1, 2, 4 or 8, already cut to
 * [min_size, max_size] of the implementation: wider accesses are split, narrower ones are widened
 * (reads are shifted out; writes narrower than min_size arrive with their own size). Accesses that
 * are not aligned to their size are split into aligned ones, lowest address first.
 * Values are numbers in the region's byte order. Called with the machine lock held.
 */
struct region_ops {
	uint64_t (*read)(void *opaque, uint64_t offset, unsigned int size);
	void (*write)(void *opaque, uint64_t offset, uint64_t value, unsigned int size);
	uint8_t min_size, max_size; /* 0 means 1 and 4 */
	bool big_endian;
	/* The callbacks may be entered again by DMA that they start themselves; such accesses are
	 * refused otherwise. */
	bool reentrant;
	/* Accesses arrive whole at any offset: a 16-bit port at an odd address. min_size is 1. */
	bool unaligned;
};

enum region_kind { REGION_CONTAINER, REGION_RAM, REGION_ROM, REGION_IO, REGION_ALIAS };

struct region {
	const char *name; /* borrowed: shown by "info mtree" and in logs */
	enum region_kind kind;
	bool enabled;  /* region_set_enabled() */
	bool readonly; /* REGION_ALIAS of RAM: writes are dropped */
	uint64_t size; /* bytes; a whole 64-bit space is UINT64_MAX */
	/* placement in the parent */
	struct region *parent;
	uint64_t addr;
	int priority;
	unsigned int order; /* of being added, breaks ties of priority */
	struct region *children, *sibling;
	/* REGION_RAM and REGION_ROM */
	struct ram *ram;
	/* REGION_IO; also the write side of a REGION_ROM that is a flash, may be NULL */
	const struct region_ops *ops;
	void *opaque;
	/* REGION_ALIAS */
	struct region *target;
	uint64_t target_offset;
	/* roots only */
	struct address_space *space;
	/* REGION_IO: whose registers these are, or NULL. While owner->in_dma they do not answer. */
	struct device *owner;
	const void *busy; /* the thread inside a callback, NULL if none */
};

/* Host memory behind a RAM or ROM region. */
struct ram {
	const char *name; /* identifies the block in saved states */
	uint8_t *host;	  /* page aligned */
	uint64_t size;	  /* multiple of 4096 */
	uint64_t base; /* unique start in the space of all RAM ("ram address"); for dirty and code
			  maps */
	/* one byte a 4 KiB page: RAM_DIRTY_*, set by every write (also DMA); atomics, relaxed.
	 * NULL: nobody asks (user mode) */
	uint8_t *dirty;
	/* one bit a page: translated code is on it (see vm/code.h); owned by the execution core */
	uint8_t *code;
	struct ram *next;
};

enum { RAM_DIRTY_VGA = 1, RAM_DIRTY_MIGRATION = 2, RAM_DIRTY_ALL = 3 };

/* Makes a container of `size` bytes. */
void region_init(struct region *r, const char *name, uint64_t size);
/* Makes device registers. `ops` and `opaque` are borrowed. */
void region_init_io(struct region *r, const char *name, uint64_t size, const struct region_ops *ops,
		    void *opaque);
/* Allocates zeroed, lazily committed RAM; fails where the host cannot. */
struct error *region_init_ram(struct region *r, const char *name, uint64_t size) NODISCARD;
/* RAM in host memory that the caller maps, protects and keeps for ever: a user program's address
 * space. No dirty map. */
struct error *region_init_ram_host(struct region *r, const char *name, void *host,
				   uint64_t size) NODISCARD;
/* The same, but guest writes go to `ops` (NULL: dropped and logged as a guest error). */
struct error *region_init_rom(struct region *r, const char *name, uint64_t size,
			      const struct region_ops *ops, void *opaque) NODISCARD;
void region_init_alias(struct region *r, const char *name, struct region *target, uint64_t offset,
		       uint64_t size);
/* Unmaps the region and frees the RAM it owns. */
void region_destroy(struct region *r);

/* Maps `child` at `addr` of `parent`. */
void region_add(struct region *parent, uint64_t addr, struct region *child, int priority);
void region_remove(struct region *child); /* no-op where it is not mapped */
/* These take effect at once on all address spaces that see the region. */
void region_set_enabled(struct region *r, bool enabled);
void region_set_addr(struct region *r, uint64_t addr);
void region_set_readonly(struct region *r, bool readonly);
void region_set_alias_offset(struct region *r, uint64_t offset);
/* A REGION_ROM with ops (a flash): false sends reads to ops->read too (command mode). */
void region_set_rom_readable(struct region *r, bool readable);
/* Several changes, one rebuild. Nestable. */
void region_batch_begin(void);
void region_batch_end(void);

/* One leaf of a flat view. */
struct flat_range {
	uint64_t start, last; /* in the address space, inclusive */
	struct region *region;
	uint64_t offset; /* of `start` within the region */
	bool readonly;	 /* stores do not reach the memory: ROM, or seen through a readonly alias */
	bool dropped;	 /* seen through a readonly alias: not even a flash's ops get stores */
};

struct flat_view {
	unsigned int count;
	unsigned int last; /* index that address_space_find() found last; relaxed */
	struct flat_range ranges[];
};

typedef void space_changed_fn(void *opaque);

struct address_space {
	const char *name;
	struct region *root;
	struct flat_view *view; /* read with acquire */
	/* an access that hits nothing reads as this byte repeated */
	uint8_t unassigned;
	struct space_listener *listeners;
	struct address_space *next;
};

void address_space_init(struct address_space *as, const char *name, struct region *root);
void address_space_destroy(struct address_space *as);
/* `fn` is called (machine lock held) after the view has changed: the TLBs listen. */
void address_space_listen(struct address_space *as, space_changed_fn *fn, void *opaque);
void address_space_unlisten(struct address_space *as, space_changed_fn *fn, void *opaque);
/* The range that holds `addr`, or NULL. Any thread; valid until the next device callback or quiesce
 * point, whichever is first. */
const struct flat_range *address_space_find(const struct address_space *as, uint64_t addr);

enum mem_result { MEM_OK, MEM_UNASSIGNED };

/*
 * Reads and writes of any length, split over ranges and into register accesses. They need the
 * machine lock only if they hit registers and take it themselves where it is not held.
 * Device DMA and loaders use these and nothing else.
 */
enum mem_result mem_read(struct address_space *as, uint64_t addr, void *buf, uint64_t len);
enum mem_result mem_write(struct address_space *as, uint64_t addr, const void *buf, uint64_t len);
/* As mem_write, but also into ROM: for loaders and the debugger. */
enum mem_result mem_write_rom(struct address_space *as, uint64_t addr, const void *buf,
			      uint64_t len);
/* One access of 1, 2, 4 or 8 bytes as the processor makes it; value in `little`/big order. */
uint64_t mem_load_le(struct address_space *as, uint64_t addr, unsigned int size);
void mem_store_le(struct address_space *as, uint64_t addr, uint64_t value, unsigned int size);
uint64_t mem_load_be(struct address_space *as, uint64_t addr, unsigned int size);
void mem_store_be(struct address_space *as, uint64_t addr, uint64_t value, unsigned int size);
/* One register access within a region of device registers, machine lock held; for the TLB's slow
 * path. The value is in host number form of a little-endian bus. */
uint64_t region_read(struct region *r, uint64_t offset, unsigned int size, enum mem_result *res);
void region_write(struct region *r, uint64_t offset, uint64_t value, unsigned int size);

/* Marks [offset, offset+len) of `ram` written: dirty bits, and code on it is dropped. Every path
 * that stores into guest RAM other than the execution core's own fast path calls it. */
void ram_written(struct ram *ram, uint64_t offset, uint64_t len);
/* All RAM blocks, for savevm and migration. */
struct ram *ram_first(void);
/* Called with (ram, offset, len) where a write by others hits pages that hold translated code. */
typedef void ram_code_hook(struct ram *ram, uint64_t offset, uint64_t len);
void ram_set_code_hook(ram_code_hook *hook);
/* Frees views that no reader can hold any more; the quiesce point calls it. */
void address_spaces_reclaim(void);

#endif
