/*
 * The software TLB, and the slow paths behind its inline probe.
 *
 * An entry is fast only if one RAM region covers the whole page and, for stores, if the page is
 * dirty in every sense already and holds no translated code. Everything else sets TLB_SLOW in the
 * tag; the slow path then knows what to do from the tlb_detail beside the entry.
 *
 * Tables are direct-mapped and sized by use: one that has been filled as often as it has entries
 * doubles, several flushes in a row of a nearly empty one halve it. (A generation number in the
 * tags was tried in thought: it costs an OR in every probe, while clearing 256 entries costs 100 ns
 * a flush.)
 */
#include "interp/vcpu.h"

#include "base/bytes.h"
#include "base/loop.h"
#include "interp/block.h"
#include "interp/debug.h"
#include "vm/debug.h"
#include "interp/check.h"

#include <string.h>

static unsigned int tlb_index(const struct tlb *t, uint64_t va)
{
	return (va >> GUEST_PAGE_BITS) & ((1u << t->bits) - 1);
}

static void tlb_clear(struct tlb *t)
{
	memset(t->entries, 0xff, sizeof(*t->entries) << t->bits);
	t->used = 0;
	t->large_start = UINT64_MAX;
	t->large_last = 0;
}

static void tlb_alloc(struct tlb *t, unsigned int bits)
{
	t->bits = bits;
	t->entries = g_new(struct tlb_entry, 1u << bits);
	t->details = g_new(struct tlb_detail, 1u << bits);
	t->flushes_small = 0;
	tlb_clear(t);
}

static void tlb_free(struct tlb *t)
{
	g_free(t->entries);
	g_free(t->details);
}

/* Doubles a table and keeps what it holds: entries that shared no slot share none in the larger. */
static void tlb_grow(struct tlb *t)
{
	struct tlb old = *t;

	tlb_alloc(t, old.bits + 1);
	t->large_start = old.large_start;
	t->large_last = old.large_last;
	for (unsigned int i = 0; i < 1u << old.bits; i++) {
		const struct tlb_entry *e = &old.entries[i];
		uint64_t va = e->read != UINT64_MAX    ? e->read
			      : e->write != UINT64_MAX ? e->write
						       : e->exec;
		if (va == UINT64_MAX)
			continue;
		unsigned int k = tlb_index(t, va);
		t->entries[k] = *e;
		t->details[k] = old.details[i];
		t->used++;
	}
	tlb_free(&old);
}

static void view_update(struct vcpu *v)
{
	/* What the inline probe finds where it must find nothing. */
	static struct tlb_entry none = {UINT64_MAX, UINT64_MAX, UINT64_MAX, 0};

	if (UNLIKELY(v->check_aligned || v->checking)) {
		v->tlb = (struct tlb_view){0, &none};
		return;
	}
	struct tlb *t = &v->tlbs[v->mmu_mode];

	v->tlb.mask = ((UINT64_C(1) << t->bits) - 1) * sizeof(struct tlb_entry);
	v->tlb.entries = t->entries;
}

void vcpu_tlb_init(struct vcpu *v)
{
	g_mutex_init(&v->tlb_lock);
	for (unsigned int i = 0; i < TLB_MODES; i++)
		tlb_alloc(&v->tlbs[i], TLB_MIN_BITS + 2);
	view_update(v);
}

void vcpu_tlb_destroy(struct vcpu *v)
{
	for (unsigned int i = 0; i < TLB_MODES; i++)
		tlb_free(&v->tlbs[i]);
	g_mutex_clear(&v->tlb_lock);
}

void vcpu_set_check_aligned(struct vcpu *v, bool on)
{
	v->check_aligned = on;
	view_update(v);
}

void vcpu_set_checking(struct vcpu *v, bool on)
{
	v->checking = on;
	view_update(v);
}

/* Comes before the translation. */
static void check_alignment(struct vcpu *v, uint64_t va, unsigned int size, unsigned int mode)
{
	if (v->check_aligned && mode == v->mmu_mode && (size & (size - 1)) == 0 && va & (size - 1))
		v->isa->unaligned(v, va);
}

void vcpu_set_mmu_mode(struct vcpu *v, unsigned int mode)
{
	v->mmu_mode = mode;
	view_update(v);
}

/* Flushes one table, and lets its size follow its use. */
static void tlb_flush_one(struct tlb *t)
{
	unsigned int size = 1u << t->bits;

	if (t->used < size / 8 && t->bits > TLB_MIN_BITS && ++t->flushes_small > 32) {
		tlb_free(t);
		tlb_alloc(t, t->bits - 1);
	} else {
		if (t->used >= size / 8)
			t->flushes_small = 0;
		if (t->used)
			tlb_clear(t);
	}
}

static void jump_cache_flush(struct vcpu *v)
{
	v->jump_generation += UINT64_C(1) << 48;
	memset(v->jump_pages, 0, sizeof(v->jump_pages));
	if (v->jump_generation == 0)
		vcpu_jump_cache_clear(v);
}

static bool jump_page_used(const struct vcpu *v, uint64_t va)
{
	unsigned int page = va >> GUEST_PAGE_BITS & (JUMP_PAGES - 1);
	return v->jump_pages[page / 64] >> page % 64 & 1;
}

/* Forgets blocks that start in the page at `va` or may reach into it from the one before. */
static void jump_cache_flush_page(struct vcpu *v, uint64_t va)
{
	if (v->code_base) { /* keys are not linear addresses */
		jump_cache_flush(v);
		return;
	}
	if (!jump_page_used(v, va) && !jump_page_used(v, va - GUEST_PAGE_SIZE))
		return;
	for (unsigned int i = 0; i < JUMP_CACHE_ENTRIES; i++) {
		struct jump_cache_entry *e = &v->jump_cache[i];
		uint64_t page = (e->key ^ v->jump_generation) & GUEST_PAGE_MASK;
		if (page == va || page == va - GUEST_PAGE_SIZE)
			e->key = UINT64_MAX;
	}
}

void vcpu_tlb_flush(struct vcpu *v)
{
	v->stats.tlb_flushes++;
	g_mutex_lock(&v->tlb_lock);
	for (unsigned int i = 0; i < TLB_MODES; i++)
		tlb_flush_one(&v->tlbs[i]);
	view_update(v);
	g_mutex_unlock(&v->tlb_lock);
	jump_cache_flush(v);
}

void vcpu_tlb_flush_page(struct vcpu *v, uint64_t va)
{
	bool large = false;

	va &= GUEST_PAGE_MASK;
	v->stats.tlb_page_flushes++;
	g_mutex_lock(&v->tlb_lock);
	for (unsigned int i = 0; i < TLB_MODES; i++) {
		struct tlb *t = &v->tlbs[i];
		if (va >= t->large_start && va <= t->large_last) {
			tlb_clear(t);
			large = true;
		} else {
			memset(&t->entries[tlb_index(t, va)], 0xff, sizeof(*t->entries));
		}
	}
	g_mutex_unlock(&v->tlb_lock);
	if (large)
		jump_cache_flush(v);
	else
		jump_cache_flush_page(v, va);
}

void vcpu_tlb_flush_range(struct vcpu *v, uint64_t va, uint64_t len)
{
	g_mutex_lock(&v->tlb_lock);
	for (unsigned int m = 0; m < TLB_MODES; m++) {
		struct tlb *t = &v->tlbs[m];
		uint64_t pages = len >> GUEST_PAGE_BITS;
		if (pages >= 1u << t->bits) {
			tlb_clear(t);
			continue;
		}
		for (uint64_t i = 0; t->used && i < pages; i++)
			memset(&t->entries[tlb_index(t, va + (i << GUEST_PAGE_BITS))], 0xff,
			       sizeof(*t->entries));
	}
	g_mutex_unlock(&v->tlb_lock);
}

void vcpu_tlb_flush_work(struct cpu *cpu, void *opaque)
{
	vcpu_tlb_flush((struct vcpu *)cpu);
}

void vcpus_tlb_protect(struct ram *ram, uint64_t page_offset)
{
	for (struct cpu *cpu = cpu_first(); cpu; cpu = cpu->next) {
		struct vcpu *v = (struct vcpu *)cpu;
		g_mutex_lock(&v->tlb_lock);
		for (unsigned int m = 0; m < TLB_MODES; m++) {
			struct tlb *t = &v->tlbs[m];
			for (unsigned int i = 0; i < 1u << t->bits; i++) {
				struct tlb_entry *e = &t->entries[i];
				if ((e->write & ~GUEST_PAGE_MASK) == 0 &&
				    t->details[i].ram == ram &&
				    t->details[i].ram_offset == page_offset)
					__atomic_fetch_or(&e->write, TLB_SLOW, __ATOMIC_RELAXED);
			}
		}
		g_mutex_unlock(&v->tlb_lock);
	}
}

static bool page_is_clean(const struct ram *ram, uint64_t offset)
{
	uint64_t page = offset >> GUEST_PAGE_BITS;

	return ram->dirty && ~__atomic_load_n(&ram->dirty[page], __ATOMIC_RELAXED) & RAM_DIRTY_ALL;
}

static bool page_has_code(const struct ram *ram, uint64_t offset)
{
	uint64_t page = offset >> GUEST_PAGE_BITS;
	return __atomic_load_n(&ram->code[page / 8], __ATOMIC_ACQUIRE) & (1u << (page % 8));
}

/* What is at a physical page. */
static void detail_fill(struct vcpu *v, struct tlb_detail *d, uint64_t phys)
{
	const struct flat_range *f = address_space_find(v->cpu.memory, phys);

	*d = (struct tlb_detail){.phys = phys};
	if (!f || f->start > phys || f->last < phys + GUEST_PAGE_SIZE - 1)
		return; /* nothing, or several things: the slow path asks the address space */
	d->whole = true;
	d->region_offset = f->offset + (phys - f->start);
	if (f->region->kind == REGION_IO) {
		d->region = f->region;
		return;
	}
	d->ram = f->region->ram;
	d->ram_offset = d->region_offset;
	if (f->region->kind == REGION_ROM || f->readonly)
		d->region = f->region;
}

void vcpu_tlb_set(struct vcpu *v, unsigned int mode, uint64_t va, uint64_t phys, unsigned int prot,
		  uint64_t page_size)
{
	struct tlb *t = &v->tlbs[mode];

	phys = prot & PROT_SMALL ? phys - (va & ~GUEST_PAGE_MASK) : phys & GUEST_PAGE_MASK;
	va &= GUEST_PAGE_MASK;
	v->stats.tlb_fills++;
	g_mutex_lock(&v->tlb_lock);
	if (t->used >= 1u << t->bits && t->bits < TLB_MAX_BITS) {
		tlb_grow(t);
		view_update(v);
	}
	struct tlb_entry *e = &t->entries[tlb_index(t, va)];
	struct tlb_detail *d = &t->details[tlb_index(t, va)];
	if (page_size > GUEST_PAGE_SIZE) {
		uint64_t start = va & ~(page_size - 1);
		t->large_start = MIN(t->large_start, start);
		t->large_last = MAX(t->large_last, start + (page_size - 1));
	}
	t->used++;
	if (UNLIKELY(v->debugging) && debug_watch_find(va, GUEST_PAGE_SIZE, true, true))
		prot |= PROT_WATCH;
	detail_fill(v, d, phys);
	if (prot & PROT_SMALL)
		d->ram = NULL;
	d->prot = (uint8_t)prot;
	uint64_t slow = prot & PROT_SMALL ? TLB_SLOW | TLB_ONCE : d->ram ? 0 : TLB_SLOW;
	e->exec = prot & PROT_X ? va | slow : UINT64_MAX;
	if (prot & PROT_WATCH)
		slow |= TLB_SLOW;
	e->addend = d->ram ? (uintptr_t)d->ram->host + d->ram_offset - va : 0;
	e->read = prot & PROT_R ? va | slow : UINT64_MAX;
	if (d->region || (d->ram && (page_has_code(d->ram, d->ram_offset) ||
				     page_is_clean(d->ram, d->ram_offset))))
		slow |= TLB_SLOW;
	__atomic_store_n(&e->write, prot & PROT_W ? va | slow : UINT64_MAX, __ATOMIC_RELAXED);
	g_mutex_unlock(&v->tlb_lock);
}

static uint64_t entry_tag(const struct tlb_entry *e, enum mem_access access)
{
	switch (access) {
	case ACCESS_READ: return e->read;
	case ACCESS_WRITE: return __atomic_load_n(&e->write, __ATOMIC_RELAXED);
	default: return e->exec;
	}
}

/* Index of the entry that maps `va` for `access`, filled if need be; raises the fault. */
static unsigned int tlb_need(struct vcpu *v, uint64_t va, unsigned int size, enum mem_access access,
			     unsigned int mode)
{
	struct tlb *t = &v->tlbs[mode];
	unsigned int i = tlb_index(t, va);

	if ((entry_tag(&t->entries[i], access) & ~(uint64_t)TLB_SLOW) != (va & GUEST_PAGE_MASK)) {
		v->isa->tlb_fill(v, va, size, access, mode, false);
		i = tlb_index(t, va);
	}
	return i;
}

/* A load within one page, whatever is there. */
static uint64_t load_in_page(struct vcpu *v, uint64_t va, unsigned int size, unsigned int mode)
{
	unsigned int i = tlb_need(v, va, size, ACCESS_READ, mode);
	struct tlb_detail *d = &v->tlbs[mode].details[i];
	uint64_t offset = va & ~GUEST_PAGE_MASK;

	if (LIKELY(d->ram))
		return load_le(d->ram->host + d->ram_offset + offset, size);
	v->stats.io_accesses++;
	vcpu_before_io(v);
	return mem_load_le(v->cpu.memory, d->phys + offset, size);
}

/* RAM was stored to behind a tag that says slow: dirt, code, and perhaps a fast tag from now on. */
static void stored_slowly(struct vcpu *v, uint64_t va, unsigned int size, struct tlb_entry *e,
			  struct tlb_detail *d)
{
	if (d->ram->dirty)
		__atomic_store_n(&d->ram->dirty[d->ram_offset >> GUEST_PAGE_BITS], RAM_DIRTY_ALL,
				 __ATOMIC_RELAXED);
	if (page_has_code(d->ram, d->ram_offset))
		blocks_invalidate(d->ram, d->ram_offset + (va & ~GUEST_PAGE_MASK), size);
	if (page_has_code(d->ram, d->ram_offset))
		return;
	g_mutex_lock(&v->tlb_lock);
	if (!page_has_code(d->ram, d->ram_offset) && !(d->prot & PROT_WATCH) &&
	    e->write == ((va & GUEST_PAGE_MASK) | TLB_SLOW))
		e->write = va & GUEST_PAGE_MASK;
	g_mutex_unlock(&v->tlb_lock);
}

static void store_in_page(struct vcpu *v, uint64_t va, unsigned int size, uint64_t value,
			  unsigned int mode)
{
	unsigned int i = tlb_need(v, va, size, ACCESS_WRITE, mode);
	struct tlb *t = &v->tlbs[mode];
	struct tlb_detail *d = &t->details[i];
	uint64_t offset = va & ~GUEST_PAGE_MASK;

	if (!d->ram || d->region) {
		v->stats.io_accesses++;
		vcpu_before_io(v);
		mem_store_le(v->cpu.memory, d->phys + offset, value, size);
		return;
	}
	if (UNLIKELY(v->checking))
		check_interpreted_store(v, d->ram->host + d->ram_offset + offset, size, value);
	store_le(d->ram->host + d->ram_offset + offset, size, value);
	if (entry_tag(&t->entries[i], ACCESS_WRITE) & TLB_SLOW)
		stored_slowly(v, va, size, &t->entries[i], d);
}

static bool crosses_page(uint64_t va, unsigned int size)
{
	return (va & ~GUEST_PAGE_MASK) + size > GUEST_PAGE_SIZE;
}

uint64_t vcpu_load_slow(struct vcpu *v, uint64_t va, unsigned int size, unsigned int mode)
{
	uint64_t value = 0;

	v->stats.slow_loads++;
	if (UNLIKELY(v->check_aligned))
		check_alignment(v, va, size, mode);
	if (LIKELY(!crosses_page(va, size))) {
		value = load_in_page(v, va, size, mode);
	} else {
		unsigned int first = GUEST_PAGE_SIZE - (va & ~GUEST_PAGE_MASK);
		tlb_need(v, va, size, ACCESS_READ, mode);
		tlb_need(v, va + first, size - first, ACCESS_READ, mode);
		for (unsigned int i = 0; i < size; i++)
			value |= load_in_page(v, va + i, 1, mode) << (8 * i);
	}
	if (UNLIKELY(v->debugging))
		vcpu_debug_access(v, va, size, true, false);
	if (UNLIKELY(v->isa->watch))
		v->isa->watch(v, va, size, ACCESS_READ);
	return value;
}

void vcpu_store_slow(struct vcpu *v, uint64_t va, unsigned int size, uint64_t value,
		     unsigned int mode)
{
	v->stats.slow_stores++;
	if (UNLIKELY(v->debugging))
		vcpu_debug_access(v, va, size, false, true);
	if (UNLIKELY(v->check_aligned))
		check_alignment(v, va, size, mode);
	if (LIKELY(!crosses_page(va, size))) {
		store_in_page(v, va, size, value, mode);
	} else {
		unsigned int first = GUEST_PAGE_SIZE - (va & ~GUEST_PAGE_MASK);
		tlb_need(v, va, size, ACCESS_WRITE, mode);
		tlb_need(v, va + first, size - first, ACCESS_WRITE, mode);
		for (unsigned int i = 0; i < size; i++)
			store_in_page(v, va + i, 1, (value >> (8 * i)) & 0xff, mode);
	}
	if (UNLIKELY(v->isa->watch))
		v->isa->watch(v, va, size, ACCESS_WRITE);
}

void *vcpu_probe_write(struct vcpu *v, uint64_t va, unsigned int size, unsigned int mode)
{
	if (UNLIKELY(v->check_aligned))
		check_alignment(v, va, size, mode);
	unsigned int i = tlb_need(v, va, size, ACCESS_WRITE, mode);

	if (crosses_page(va, size)) {
		uint64_t next = (va & GUEST_PAGE_MASK) + GUEST_PAGE_SIZE;
		tlb_need(v, next, (unsigned int)(va + size - next), ACCESS_WRITE, mode);
		return NULL;
	}
	struct tlb_entry *e = &v->tlbs[mode].entries[i];
	if (entry_tag(e, ACCESS_WRITE) & TLB_SLOW)
		return NULL;
	return (void *)(e->addend + va);
}

void *vcpu_atomic_host(struct vcpu *v, uint64_t va, unsigned int size, unsigned int mode)
{
	vcpu_probe_write(v, va, size, mode);
	if (UNLIKELY(v->debugging))
		vcpu_debug_access(v, va, size, true, true);
	if (crosses_page(va, size))
		return NULL;
	struct tlb_detail *d = &v->tlbs[mode].details[tlb_index(&v->tlbs[mode], va)];
	if (!d->ram || d->region)
		return NULL;
	return d->ram->host + d->ram_offset + (va & ~GUEST_PAGE_MASK);
}

void vcpu_atomic_done(struct vcpu *v, uint64_t va, unsigned int size, unsigned int mode)
{
	struct tlb *t = &v->tlbs[mode];
	unsigned int i = tlb_index(t, va);

	stored_slowly(v, va, size, &t->entries[i], &t->details[i]);
	if (UNLIKELY(v->isa->watch))
		v->isa->watch(v, va, size, ACCESS_WRITE);
}

void *vcpu_host_span(struct vcpu *v, uint64_t va, enum mem_access access, unsigned int mode,
		     uint64_t *span)
{
	if (UNLIKELY(v->check_aligned))
		return NULL;
	unsigned int i = tlb_need(v, va, 1, access, mode);
	struct tlb_entry *e = &v->tlbs[mode].entries[i];

	if (entry_tag(e, access) & TLB_SLOW)
		return NULL;
	*span = GUEST_PAGE_SIZE - (va & ~GUEST_PAGE_MASK);
	return (void *)(e->addend + va);
}

const uint8_t *vcpu_fetch(struct vcpu *v, uint64_t va, struct ram **ram, uint64_t *ram_offset,
			  unsigned int *avail)
{
	unsigned int i = tlb_need(v, va, 1, ACCESS_EXEC, v->mmu_mode);
	struct tlb_detail *d = &v->tlbs[v->mmu_mode].details[i];
	uint64_t offset = va & ~GUEST_PAGE_MASK;

	*ram = d->ram;
	if (!d->ram)
		return NULL;
	*ram_offset = d->ram_offset + offset;
	*avail = (unsigned int)(GUEST_PAGE_SIZE - offset);
	return d->ram->host + d->ram_offset + offset;
}

uint8_t vcpu_fetch_byte(struct vcpu *v, uint64_t va)
{
	unsigned int i = tlb_need(v, va, 1, ACCESS_EXEC, v->mmu_mode);
	struct tlb_detail *d = &v->tlbs[v->mmu_mode].details[i];
	uint64_t offset = va & ~GUEST_PAGE_MASK;

	if (d->ram)
		return d->ram->host[d->ram_offset + offset];
	return (uint8_t)mem_load_le(v->cpu.memory, d->phys + offset, 1);
}
