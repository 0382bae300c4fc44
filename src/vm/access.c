/*
 * Reads and writes through an address space.
 *
 * mem_load and mem_store are the slow path of every port and register access of a guest, so the
 * common case (an aligned access of a size that the device takes, in one range) is straight.
 */
#include "vm/memory-internal.h"

#include "base/bytes.h"
#include "base/log.h"
#include "base/loop.h"
#include "vm/device.h"

#include <glib.h>
#include <inttypes.h>

/* Its address names the thread in region.busy. */
static __thread char this_thread;

static bool lock_if_needed(void)
{
	if (machine_locked())
		return false;
	machine_lock();
	return true;
}

static void unlock_if(bool locked)
{
	if (locked)
		machine_unlock();
}

static uint64_t swap_bytes(uint64_t value, unsigned int size)
{
	return __builtin_bswap64(value) >> (64 - 8 * size);
}

static uint64_t size_mask(unsigned int size)
{
	return size >= 8 ? UINT64_MAX : (UINT64_C(1) << (8 * size)) - 1;
}

/* The largest power of two that divides `addr`, at most 8. */
static unsigned int alignment(uint64_t addr)
{
	return 1U << __builtin_ctzll(addr | 8);
}

/* --- accesses that nobody answers --- */

/* Guests poll what is not there, so an address is logged only when it is not the last one. */
static void log_once(const char *what, const char *where, uint64_t addr, unsigned int size)
{
	static uint64_t last_addr;
	static const char *last_what;

	if (__atomic_load_n(&last_addr, __ATOMIC_RELAXED) == addr &&
	    __atomic_load_n(&last_what, __ATOMIC_RELAXED) == what)
		return;
	__atomic_store_n(&last_addr, addr, __ATOMIC_RELAXED);
	__atomic_store_n(&last_what, what, __ATOMIC_RELAXED);
	log_printf(LOG_GUEST_ERRORS | LOG_UNIMP, "%s: %s of %u bytes at 0x%" PRIx64 "\n", where,
		   what, size, addr);
}

static void log_unassigned(const char *what, const struct address_space *as, uint64_t addr,
			   uint64_t size)
{
	if (log_on(LOG_GUEST_ERRORS | LOG_UNIMP))
		log_once(what, as->name, addr, (unsigned int)MIN(size, 8));
}

/* --- registers --- */

/*
 * Devices that master the bus can be pointed at their own registers. Their callbacks were not
 * written to be entered twice, so such an access finds nobody.
 */
static bool region_enter(struct region *r, const void **outer)
{
	if ((r->busy == &this_thread && !r->ops->reentrant) || (r->owner && r->owner->in_dma)) {
		log_printf(LOG_GUEST_ERRORS, "%s: DMA to the device's own registers refused\n",
			   r->name);
		return false;
	}
	*outer = r->busy;
	r->busy = &this_thread;
	return true;
}

static unsigned int ops_min(const struct region_ops *ops)
{
	return ops->min_size ? ops->min_size : 1;
}

static unsigned int ops_max(const struct region_ops *ops)
{
	return ops->max_size ? ops->max_size : 4;
}

/* One aligned access of at most max_size; the value is in the region's order. */
static uint64_t read_aligned(struct region *r, uint64_t offset, unsigned int size)
{
	const struct region_ops *ops = r->ops;
	unsigned int min = ops_min(ops);

	if (size >= min)
		return ops->read(r->opaque, offset, size) & size_mask(size);
	unsigned int skip = offset & (min - 1);
	uint64_t wide = ops->read(r->opaque, offset - skip, min);
	unsigned int shift = ops->big_endian ? min - size - skip : skip;
	return wide >> (8 * shift) & size_mask(size);
}

/* The next piece of an access: aligned unless the device wants it whole, and not larger than the
 * device takes. */
static unsigned int piece_size(const struct region_ops *ops, uint64_t offset, unsigned int left)
{
	unsigned int piece = MIN(ops->unaligned ? 8 : alignment(offset), ops_max(ops));

	while (piece > left)
		piece /= 2;
	return piece;
}

static uint64_t read_pieces(struct region *r, uint64_t offset, unsigned int size)
{
	uint64_t value = 0;

	for (unsigned int done = 0, piece; done < size; done += piece) {
		piece = piece_size(r->ops, offset + done, size - done);
		uint64_t part = read_aligned(r, offset + done, piece);
		unsigned int shift = r->ops->big_endian ? size - done - piece : done;
		value |= part << (8 * shift);
	}
	return value;
}

static void write_pieces(struct region *r, uint64_t offset, uint64_t value, unsigned int size)
{
	for (unsigned int done = 0, piece; done < size; done += piece) {
		piece = piece_size(r->ops, offset + done, size - done);
		unsigned int shift = r->ops->big_endian ? size - done - piece : done;
		r->ops->write(r->opaque, offset + done, value >> (8 * shift) & size_mask(piece),
			      piece);
	}
}

uint64_t region_read(struct region *r, uint64_t offset, unsigned int size, enum mem_result *res)
{
	const void *outer;

	if (!r->ops || !r->ops->read || !region_enter(r, &outer)) {
		*res = MEM_UNASSIGNED;
		return size_mask(size);
	}
	*res = MEM_OK;
	uint64_t value = read_pieces(r, offset, size);
	r->busy = outer;
	return r->ops->big_endian ? swap_bytes(value, size) : value;
}

void region_write(struct region *r, uint64_t offset, uint64_t value, unsigned int size)
{
	const void *outer;

	if (!r->ops || !r->ops->write) {
		if (log_on(LOG_GUEST_ERRORS | LOG_UNIMP))
			log_once("write to read-only memory", r->name, offset, size);
		return;
	}
	if (!region_enter(r, &outer))
		return;
	if (r->ops->big_endian)
		value = swap_bytes(value, size);
	write_pieces(r, offset, value, size);
	r->busy = outer;
}

/* --- runs of bytes --- */

static bool range_is_memory(const struct flat_range *range)
{
	return range->region->kind == REGION_RAM || range->region->kind == REGION_ROM;
}

/* How many of `len` bytes at addr the range holds. */
static uint64_t range_span(const struct flat_range *range, uint64_t addr, uint64_t len)
{
	uint64_t beyond = range->last - addr;
	return len - 1 <= beyond ? len : beyond + 1;
}

static uint8_t *range_host(const struct flat_range *range, uint64_t addr)
{
	return range->region->ram->host + range->offset + (addr - range->start);
}

/* How far it is to where something answers again, at most len. */
static uint64_t hole_span(const struct address_space *as, uint64_t addr, uint64_t len)
{
	const struct flat_view *view = __atomic_load_n(&as->view, __ATOMIC_ACQUIRE);

	for (unsigned int i = 0; i < view->count; i++)
		if (view->ranges[i].start > addr)
			return MIN(len, view->ranges[i].start - addr);
	return len;
}

/* One register access as large as alignment and `len` allow; returns how many bytes it moved. */
static unsigned int bus_piece(uint64_t offset, uint64_t len)
{
	unsigned int piece = alignment(offset);

	while (piece > len)
		piece /= 2;
	return piece;
}

static uint64_t registers_read(const struct flat_range *range, uint64_t addr, uint8_t *buf,
			       uint64_t len, enum mem_result *res)
{
	uint64_t offset = range->offset + (addr - range->start);
	unsigned int piece = bus_piece(offset, len);
	enum mem_result result;
	uint64_t value = region_read(range->region, offset, piece, &result);

	store_le(buf, piece, value);
	if (result != MEM_OK)
		*res = result;
	return piece;
}

static uint64_t registers_write(const struct flat_range *range, uint64_t addr, const uint8_t *buf,
				uint64_t len)
{
	uint64_t offset = range->offset + (addr - range->start);
	unsigned int piece = bus_piece(offset, len);

	if (!range->dropped)
		region_write(range->region, offset, load_le(buf, piece), piece);
	return piece;
}

/* Finds addr; where that is not plain memory, takes the lock first and looks again, for the tree
 * may have changed while this thread waited. */
static const struct flat_range *find_locked(struct address_space *as, uint64_t addr, bool write,
					    bool *locked)
{
	const struct flat_range *range = address_space_find(as, addr);

	if (!range || *locked)
		return range;
	if (range_is_memory(range) && !(write && range->readonly))
		return range;
	*locked = lock_if_needed();
	return *locked ? address_space_find(as, addr) : range;
}

enum mem_result mem_read(struct address_space *as, uint64_t addr, void *buf, uint64_t len)
{
	enum mem_result res = MEM_OK;
	bool locked = false;
	uint8_t *to = buf;

	while (len) {
		const struct flat_range *range = find_locked(as, addr, false, &locked);
		uint64_t span;
		if (!range) {
			span = hole_span(as, addr, len);
			log_unassigned("unassigned read", as, addr, span);
			memset(to, as->unassigned, span);
			res = MEM_UNASSIGNED;
		} else if (range_is_memory(range)) {
			span = range_span(range, addr, len);
			memcpy(to, range_host(range, addr), span);
		} else {
			span = range_span(range, addr, len);
			span = registers_read(range, addr, to, span, &res);
		}
		addr += span;
		to += span;
		len -= span;
	}
	unlock_if(locked);
	return res;
}

static void memory_write(const struct flat_range *range, uint64_t addr, const void *buf,
			 uint64_t len)
{
	uint8_t *host = range_host(range, addr);
	struct ram *ram = range->region->ram;

	/* A device may copy between two places of the same RAM. */
	memmove(host, buf, len);
	ram_written(ram, (uint64_t)(host - ram->host), len);
}

static enum mem_result write_any(struct address_space *as, uint64_t addr, const void *buf,
				 uint64_t len, bool into_rom)
{
	enum mem_result res = MEM_OK;
	bool locked = false;
	const uint8_t *from = buf;

	while (len) {
		const struct flat_range *range = find_locked(as, addr, !into_rom, &locked);
		uint64_t span;
		if (!range) {
			span = hole_span(as, addr, len);
			log_unassigned("unassigned write", as, addr, span);
			res = MEM_UNASSIGNED;
		} else if (range->region->ram && (into_rom || !range->readonly) &&
			   (into_rom || range_is_memory(range))) {
			span = range_span(range, addr, len);
			memory_write(range, addr, from, span);
		} else {
			span = registers_write(range, addr, from, range_span(range, addr, len));
		}
		addr += span;
		from += span;
		len -= span;
	}
	unlock_if(locked);
	return res;
}

enum mem_result mem_write(struct address_space *as, uint64_t addr, const void *buf, uint64_t len)
{
	return write_any(as, addr, buf, len, false);
}

enum mem_result mem_write_rom(struct address_space *as, uint64_t addr, const void *buf,
			      uint64_t len)
{
	return write_any(as, addr, buf, len, true);
}

/* --- accesses of a processor --- */

static bool range_holds(const struct flat_range *range, uint64_t addr, unsigned int size)
{
	return range->last - addr >= size - 1;
}

uint64_t mem_load_le(struct address_space *as, uint64_t addr, unsigned int size)
{
	bool locked = false;
	const struct flat_range *range = find_locked(as, addr, false, &locked);
	uint64_t value;

	if (range && range_is_memory(range) && range_holds(range, addr, size)) {
		value = load_le(range_host(range, addr), size);
	} else if (range && range->region->kind == REGION_IO && range_holds(range, addr, size)) {
		enum mem_result res;
		value = region_read(range->region, range->offset + (addr - range->start), size,
				    &res);
	} else {
		uint8_t buf[8];
		mem_read(as, addr, buf, size);
		value = load_le(buf, size);
	}
	unlock_if(locked);
	return value;
}

void mem_store_le(struct address_space *as, uint64_t addr, uint64_t value, unsigned int size)
{
	bool locked = false;
	const struct flat_range *range = find_locked(as, addr, true, &locked);

	if (range && !range->readonly && range->region->kind == REGION_IO &&
	    range_holds(range, addr, size)) {
		region_write(range->region, range->offset + (addr - range->start), value, size);
	} else {
		uint8_t buf[8];
		store_le(buf, size, value);
		mem_write(as, addr, buf, size);
	}
	unlock_if(locked);
}

uint64_t mem_load_be(struct address_space *as, uint64_t addr, unsigned int size)
{
	return swap_bytes(mem_load_le(as, addr, size), size);
}

void mem_store_be(struct address_space *as, uint64_t addr, uint64_t value, unsigned int size)
{
	mem_store_le(as, addr, swap_bytes(value, size), size);
}
