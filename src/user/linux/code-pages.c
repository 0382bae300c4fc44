/*
 * Guest pages with translated code on them that the guest may write: write-protected on the host,
 * so that a store faults, drops the code and makes the page writable again. The kernel's own writes
 * would fail, so pages are given back before calls that write there.
 *
 * Code that shares a page with data that is always being written (trampolines on the stack) would
 * fault for ever. Such a page is left writable for a while, and its code is compared with what was
 * decoded each time it runs.
 *
 * mm->lock guards all this; the block cache's lock is taken inside of it.
 */
#include "user/linux/mm.h"

#include "base/clock.h"
#include "interp/block.h"

#include <sys/mman.h>

/* A page that was given back so often within so short a time is left alone for so long. */
#define TIMES	   40
#define PERIOD_NS  INT64_C(50000000)
#define LEAVE_NS   INT64_C(1000000000)
#define MAX_RECORD 4096 /* pages of which that is remembered */

struct code_page {
	bool protected;
	unsigned int times; /* given back since `start` */
	int64_t start, leave_until;
};

struct code_pages {
	GHashTable *pages;	/* guest page number to struct code_page */
	unsigned int protected; /* atomic: how many of them are */
};

struct code_pages *code_pages_new(void)
{
	struct code_pages *c = g_new0(struct code_pages, 1);

	c->pages = g_hash_table_new_full(g_direct_hash, g_direct_equal, NULL, g_free);
	return c;
}

static struct code_page *page_of(struct code_pages *c, uint64_t addr)
{
	void *key = GSIZE_TO_POINTER(addr >> GUEST_PAGE_BITS);
	struct code_page *page = g_hash_table_lookup(c->pages, key);

	if (!page) {
		page = g_new0(struct code_page, 1);
		g_hash_table_insert(c->pages, key, page);
	}
	return page;
}

static void set_protected(struct code_pages *c, struct code_page *page, bool on)
{
	if (page->protected == on)
		return;
	page->protected = on;
	__atomic_fetch_add(&c->protected, on ? 1u : -1u, __ATOMIC_SEQ_CST);
}

static int host_protect(struct mm *mm, uint64_t addr, int prot)
{
	return mprotect(mm->base + (addr & GUEST_PAGE_MASK), GUEST_PAGE_SIZE, prot);
}

/* --- from the block cache --- */

static enum code_guard guard(struct mm *mm, uint64_t addr)
{
	struct mm_area area;

	if (!mm_find_locked(mm, addr, &area) || !(area.prot & PROT_WRITE))
		return GUARD_FIXED;
	struct code_page *page = page_of(mm->code, addr);
	if (page->protected)
		return GUARD_WRITABLE;
	if (page->leave_until && host_monotonic_ns() < page->leave_until)
		return GUARD_CHECK;
	if (host_protect(mm, addr, PROT_READ))
		return GUARD_CHECK;
	set_protected(mm->code, page, true);
	return GUARD_WRITABLE;
}

enum code_guard mm_guard_code(struct ram *ram, uint64_t offset)
{
	struct mm *mm = thread_self()->process->mm;

	if (ram->host != mm->base)
		return GUARD_FIXED;
	g_rw_lock_writer_lock(&mm->lock);
	blocks_mark_code(ram, offset);
	enum code_guard how = guard(mm, offset);
	g_rw_lock_writer_unlock(&mm->lock);
	return how;
}

/* --- giving back --- */

static void count_return(struct code_page *page)
{
	int64_t now = host_monotonic_ns();

	if (now - page->start > PERIOD_NS) {
		page->start = now;
		page->times = 0;
	}
	if (++page->times >= TIMES) {
		page->leave_until = now + LEAVE_NS;
		page->times = 0;
	}
}

static void give_back(struct mm *mm, uint64_t addr, struct code_page *page)
{
	struct ram *ram = mm->p->ram.ram;

	blocks_invalidate(ram, addr & GUEST_PAGE_MASK, GUEST_PAGE_SIZE);
	host_protect(mm, addr, PROT_READ | PROT_WRITE);
	set_protected(mm->code, page, false);
	count_return(page);
}

bool mm_code_written(struct mm *mm, uint64_t addr)
{
	struct mm_area area;

	if (addr >= mm->size)
		return false;
	g_rw_lock_writer_lock(&mm->lock);
	/* Another thread may have been first: then the store succeeds now. */
	bool writable = mm_find_locked(mm, addr, &area) && area.prot & PROT_WRITE;
	struct code_page *page =
		g_hash_table_lookup(mm->code->pages, GSIZE_TO_POINTER(addr >> GUEST_PAGE_BITS));
	if (writable && page && page->protected)
		give_back(mm, addr, page);
	else
		writable = writable && page;
	g_rw_lock_writer_unlock(&mm->lock);
	return writable;
}

bool mm_code_release_locked(struct mm *mm, uint64_t addr, uint64_t len)
{
	uint64_t end = len > mm->size - addr ? mm->size : addr + len;
	GHashTableIter iter;
	struct code_page *page;
	void *key;
	bool any = false;

	if (!__atomic_load_n(&mm->code->protected, __ATOMIC_SEQ_CST))
		return false;
	g_hash_table_iter_init(&iter, mm->code->pages);
	while (g_hash_table_iter_next(&iter, &key, (void **)&page)) {
		uint64_t at = GPOINTER_TO_SIZE(key) << GUEST_PAGE_BITS;
		if (!page->protected || at + GUEST_PAGE_SIZE <= addr || at >= end)
			continue;
		give_back(mm, at, page);
		any = true;
	}
	return any;
}

bool mm_code_release(struct mm *mm, uint64_t addr, uint64_t len)
{
	if (LIKELY(!__atomic_load_n(&mm->code->protected, __ATOMIC_SEQ_CST)) || addr >= mm->size)
		return false;
	g_rw_lock_writer_lock(&mm->lock);
	bool any = mm_code_release_locked(mm, addr, len);
	g_rw_lock_writer_unlock(&mm->lock);
	return any;
}

/* The host has protections of the guest's own making there now. */
void mm_code_forget(struct mm *mm, uint64_t addr, uint64_t len)
{
	GHashTableIter iter;
	struct code_page *page;
	void *key;

	if (!g_hash_table_size(mm->code->pages))
		return;
	g_hash_table_iter_init(&iter, mm->code->pages);
	while (g_hash_table_iter_next(&iter, &key, (void **)&page)) {
		uint64_t at = GPOINTER_TO_SIZE(key) << GUEST_PAGE_BITS;
		if (at - addr < len)
			set_protected(mm->code, page, false);
		if (at - addr < len && g_hash_table_size(mm->code->pages) > MAX_RECORD)
			g_hash_table_iter_remove(&iter);
	}
}
