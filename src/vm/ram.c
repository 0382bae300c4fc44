/* Host memory behind RAM and ROM regions, with its dirty and code maps. */
#include "vm/memory-internal.h"

#include <errno.h>
#include <inttypes.h>
#include <glib.h>
#include <sys/mman.h>

#define PAGE_BITS     12
#define PAGE_SIZE     (UINT64_C(1) << PAGE_BITS)
#define HUGE_PAGE     (UINT64_C(2) << 20)

static struct {
	struct ram *first; /* by base */
	ram_code_hook *code_hook;
} blocks;

/* Reserves address space only: pages are committed when they are touched. */
static uint8_t *host_map(uint64_t size)
{
	uint64_t slack = size >= HUGE_PAGE ? HUGE_PAGE : 0;
	uint8_t *host = mmap(NULL, size + slack, PROT_READ | PROT_WRITE,
			     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (host == MAP_FAILED || !slack)
		return host == MAP_FAILED ? NULL : host;
	/* A start on a huge page lets the host use huge pages for all of it. */
	uint64_t head = -(uintptr_t)host & (HUGE_PAGE - 1);
	if (head)
		munmap(host, head);
	if (slack - head)
		munmap(host + head + size, slack - head);
	madvise(host + head, size, MADV_HUGEPAGE);
	return host + head;
}

/* Joins the list at the first gap in the space of ram addresses. */
static void blocks_insert(struct ram *ram)
{
	struct ram **at = &blocks.first;
	uint64_t base = 0;

	while (*at && (*at)->base - base < ram->size) {
		base = (*at)->base + (*at)->size;
		at = &(*at)->next;
	}
	ram->base = base;
	ram->next = *at;
	*at = ram;
}

struct error *ram_new(const char *name, uint64_t size, struct ram **out)
{
	*out = NULL;
	if (size == 0 || size > UINT64_C(1) << 46)
		return error_new("cannot allocate %" PRIu64 " bytes of memory for \"%s\"", size,
				 name);
	size = (size + PAGE_SIZE - 1) & ~(PAGE_SIZE - 1);
	uint8_t *host = host_map(size);
	if (!host)
		return error_errno(errno, "cannot allocate %" PRIu64 " MiB of memory for \"%s\"",
				   size >> 20, name);
	struct ram *ram = g_new0(struct ram, 1);
	ram->name = name;
	ram->host = host;
	ram->size = size;
	ram->dirty = g_malloc0(size >> PAGE_BITS);
	ram->code = g_malloc0(((size >> PAGE_BITS) + 7) / 8);
	blocks_insert(ram);
	*out = ram;
	return NULL;
}

struct error *ram_new_host(const char *name, void *host, uint64_t size, struct ram **out)
{
	/* A bit a page of a whole address space: committed where it is touched. */
	uint64_t map_size = ((size >> PAGE_BITS) + 7) / 8;
	uint8_t *code = mmap(NULL, map_size, PROT_READ | PROT_WRITE,
			     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	*out = NULL;
	if (code == MAP_FAILED)
		return error_errno(errno, "cannot reserve %" PRIu64 " MiB", map_size >> 20);
	struct ram *ram = g_new0(struct ram, 1);
	ram->name = name;
	ram->host = host;
	ram->size = size;
	ram->code = code;
	blocks_insert(ram);
	*out = ram;
	return NULL;
}

void ram_free(struct ram *ram)
{
	struct ram **at = &blocks.first;

	if (blocks.code_hook)
		blocks.code_hook(ram, 0, ram->size);
	while (*at != ram)
		at = &(*at)->next;
	*at = ram->next;
	munmap(ram->host, ram->size);
	g_free(ram->dirty);
	g_free(ram->code);
	g_free(ram);
}

struct ram *ram_first(void)
{
	return blocks.first;
}

void ram_set_code_hook(ram_code_hook *hook)
{
	blocks.code_hook = hook;
}

/* Sets all bits, so a plain store cannot lose one; it is skipped where nothing changes because
 * other processors have the line too. */
static void page_mark_dirty(struct ram *ram, uint64_t page)
{
	if (ram->dirty && __atomic_load_n(&ram->dirty[page], __ATOMIC_RELAXED) != RAM_DIRTY_ALL)
		__atomic_store_n(&ram->dirty[page], RAM_DIRTY_ALL, __ATOMIC_RELAXED);
}

static bool page_has_code(const struct ram *ram, uint64_t page)
{
	return __atomic_load_n(&ram->code[page / 8], __ATOMIC_RELAXED) >> (page % 8) & 1;
}

void ram_written(struct ram *ram, uint64_t offset, uint64_t len)
{
	bool code = false;

	if (len == 0)
		return;
	for (uint64_t page = offset >> PAGE_BITS; page <= (offset + len - 1) >> PAGE_BITS; page++) {
		page_mark_dirty(ram, page);
		code |= page_has_code(ram, page);
	}
	if (code && blocks.code_hook)
		blocks.code_hook(ram, offset, len);
}
