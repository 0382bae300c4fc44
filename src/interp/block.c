/*
 * The block cache: arenas of blocks, a hash by RAM address, the blocks of each page, and links.
 *
 * Memory comes from 1 MiB arenas that know the start of every block in them, so that block_of_op()
 * is a mask and a binary search. Blocks are never freed one by one: when all arenas together pass
 * a limit, the whole cache is emptied at a quiesce point.
 */
#include "interp/block.h"
#include "interp/debug.h"
#include "interp/direct.h"
#include "vm/debug.h"

#include "base/clock.h"
#include "base/loop.h"
#include "interp/stats.h"
#include "interp/tier.h"
#include "interp/trace.h"

#include <string.h>
#include <sys/mman.h>

#define ARENA_SIZE	 (1u << 20)
#define ARENA_MAX_BLOCKS 6000
#define ARENAS_MAX	 96
#define HASH_BITS	 15
#define GRANULE_BITS	 6 /* a page has 64 granules of 64 bytes in its code mask */

struct arena {
	uint32_t used; /* bytes */
	uint32_t count;
	uint32_t starts[ARENA_MAX_BLOCKS]; /* ascending offsets of blocks */
};

/* A page of RAM with code on it. */
struct code_page {
	uint64_t page; /* RAM address >> GUEST_PAGE_BITS */
	struct block *blocks;
	uint64_t granules; /* which 64-byte pieces any block covers */
};

/* From which op a block is chained to. */
struct block_in {
	struct op *from;
	struct block_in *next;
};

struct code_cache {
	GMutex lock;
	struct block *hash[1 << HASH_BITS];
	GHashTable *pages;    /* page number to struct code_page */
	GHashTable *incoming; /* struct block * to struct block_in * */
	GPtrArray *arenas;
	struct block_builder builder;
	code_guard_fn *guard; /* of user mode */
	bool full;	      /* the next quiesce point empties it */
	unsigned int generation;
};

static struct code_cache *the_cache(void)
{
	static gsize once;
	static struct code_cache *cache;

	if (g_once_init_enter(&once)) {
		cache = g_new0(struct code_cache, 1);
		g_mutex_init(&cache->lock);
		cache->pages = g_hash_table_new_full(g_int64_hash, g_int64_equal, NULL, g_free);
		cache->incoming = g_hash_table_new(g_direct_hash, g_direct_equal);
		cache->arenas = g_ptr_array_new();
		g_once_init_leave(&once, 1);
	}
	return cache;
}

struct code_cache *code_cache_get(void)
{
	return the_cache();
}

/* --- arenas --- */

static struct arena *arena_new(struct code_cache *cache)
{
	/* Over-allocate and trim, so that masking an address gives its arena. */
	char *p = mmap(NULL, 2 * ARENA_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
		       -1, 0);
	g_assert(p != MAP_FAILED);
	char *aligned = (char *)(((uintptr_t)p + ARENA_SIZE - 1) & ~(uintptr_t)(ARENA_SIZE - 1));
	if (aligned > p)
		munmap(p, (size_t)(aligned - p));
	munmap(aligned + ARENA_SIZE, (size_t)(p + ARENA_SIZE - aligned));
	struct arena *arena = (struct arena *)aligned;
	arena->used = (sizeof(*arena) + 63) & ~63u;
	g_ptr_array_add(cache->arenas, arena);
	return arena;
}

static void *arena_alloc(struct code_cache *cache, unsigned int size)
{
	struct arena *arena = NULL;

	size = (size + 63) & ~63u;
	if (cache->arenas->len)
		arena = g_ptr_array_index(cache->arenas, cache->arenas->len - 1);
	if (!arena || arena->used + size > ARENA_SIZE || arena->count == ARENA_MAX_BLOCKS)
		arena = arena_new(cache);
	if (cache->arenas->len > ARENAS_MAX)
		cache->full = true;
	void *p = (char *)arena + arena->used;
	arena->starts[arena->count] = arena->used;
	__atomic_store_n(&arena->count, arena->count + 1, __ATOMIC_RELEASE);
	arena->used += size;
	return p;
}

struct block *block_of_op(struct vcpu *v, const struct op *op)
{
	if ((const char *)op >= (const char *)v->scratch &&
	    (const char *)op < (const char *)v->scratch + BLOCK_SCRATCH_SIZE)
		return v->scratch;
	const struct arena *arena =
		(const struct arena *)((uintptr_t)op & ~(uintptr_t)(ARENA_SIZE - 1));
	uint32_t offset = (uint32_t)((uintptr_t)op - (uintptr_t)arena);
	unsigned int low = 0, high = __atomic_load_n(&arena->count, __ATOMIC_ACQUIRE);

	while (high - low > 1) {
		unsigned int mid = (low + high) / 2;
		if (arena->starts[mid] <= offset)
			low = mid;
		else
			high = mid;
	}
	return (struct block *)((char *)arena + arena->starts[low]);
}

/* --- pages --- */

static struct code_page *page_get(struct code_cache *cache, uint64_t page, bool make)
{
	struct code_page *p = g_hash_table_lookup(cache->pages, &page);

	if (!p && make) {
		p = g_new0(struct code_page, 1);
		p->page = page;
		g_hash_table_insert(cache->pages, &p->page, p);
	}
	return p;
}

/* RAM addresses [*start, *end) that a block covers of its i-th page. */
static void block_span(const struct block *b, unsigned int i, uint64_t *start, uint64_t *end)
{
	uint64_t page_end = (b->page[0] + 1) << GUEST_PAGE_BITS;

	if (i == 0) {
		*start = b->where;
		*end = MIN(b->where + b->size, page_end);
	} else {
		*start = b->page[1] << GUEST_PAGE_BITS;
		*end = *start + (b->where + b->size - page_end);
	}
}

/* Which granules of their page the RAM addresses [start, end) touch. */
static uint64_t granules_of(uint64_t page, uint64_t start, uint64_t end)
{
	uint64_t base = page << GUEST_PAGE_BITS;
	uint64_t first = start > base ? start - base : 0;
	uint64_t last = MIN(end - base, GUEST_PAGE_SIZE) - 1;
	unsigned int low = (unsigned int)(first >> GRANULE_BITS);
	unsigned int high = (unsigned int)(last >> GRANULE_BITS);

	return (UINT64_MAX >> (63 - (high - low))) << low;
}

/* Returns whether the page had code already. */
static bool page_set_code(struct ram *ram, uint64_t offset)
{
	uint8_t bit = (uint8_t)(1u << ((offset >> GUEST_PAGE_BITS) & 7));
	return __atomic_fetch_or(&ram->code[offset >> GUEST_PAGE_BITS >> 3], bit,
				 __ATOMIC_RELEASE) &
	       bit;
}

static void page_clear_code(struct ram *ram, uint64_t offset)
{
	__atomic_fetch_and(&ram->code[offset >> GUEST_PAGE_BITS >> 3],
			   (uint8_t)~(1u << ((offset >> GUEST_PAGE_BITS) & 7)), __ATOMIC_RELEASE);
}

static unsigned int page_slot(const struct block *b, uint64_t page)
{
	return b->page[0] == page ? 0 : 1;
}

static void page_add_block(struct code_cache *cache, struct block *b, unsigned int i)
{
	struct code_page *p = page_get(cache, b->page[i], true);
	uint64_t start, end;

	block_span(b, i, &start, &end);
	b->page_next[i] = p->blocks;
	p->blocks = b;
	p->granules |= granules_of(b->page[i], start, end);
}

static void page_remove_block(struct code_cache *cache, struct block *b, unsigned int i)
{
	struct code_page *p = page_get(cache, b->page[i], false);
	struct block **link = p ? &p->blocks : NULL;

	while (link && *link && *link != b)
		link = &(*link)->page_next[page_slot(*link, b->page[i])];
	if (link && *link)
		*link = b->page_next[i];
}

/* --- the hash --- */

static unsigned int hash_of(uint64_t where, uint32_t mode)
{
	uint64_t h = (where ^ ((uint64_t)mode << 20)) * UINT64_C(0x9e3779b97f4a7c15);
	return (unsigned int)(h >> (64 - HASH_BITS));
}

/* `next_page` is the RAM page behind the following virtual page, or NO_PAGE if not known. */
static struct block *hash_find(struct code_cache *cache, struct vcpu *v, uint64_t where,
			       uint64_t next_page)
{
	struct block *b = cache->hash[hash_of(where, v->mode)];

	for (; b; b = b->hash_next) {
		if (b->where == where && b->pc == v->pc && b->mode == v->mode &&
		    b->base == v->code_base && (b->page[1] == NO_PAGE || b->page[1] == next_page))
			return b;
	}
	return NULL;
}

static void hash_remove(struct code_cache *cache, struct block *b)
{
	struct block **link = &cache->hash[hash_of(b->where, b->mode)];

	while (*link && *link != b)
		link = &(*link)->hash_next;
	if (*link)
		*link = b->hash_next;
}

/* --- dropping --- */

static void block_drop(struct code_cache *cache, struct block *b)
{
	if (!b->valid)
		return;
	__atomic_store_n(&b->valid, false, __ATOMIC_RELEASE);
	hash_remove(cache, b);
	for (unsigned int i = 0; i < 2 && b->page[i] != NO_PAGE; i++)
		page_remove_block(cache, b, i);
	for (unsigned int i = 0; i < b->op_count; i++)
		__atomic_store_n(&b->ops[i].fn, op_dropped, __ATOMIC_RELAXED);
	if (b->regions)
		tier_block_dropped(b);
	struct block_in *in = g_hash_table_lookup(cache->incoming, b);
	g_hash_table_remove(cache->incoming, b);
	while (in) {
		struct block_in *next = in->next;
		__atomic_store_n(&in->from->link, NULL, __ATOMIC_RELAXED);
		g_free(in);
		in = next;
	}
}

/* Drops the blocks of one page that overlap RAM addresses [start, end). */
static void page_invalidate(struct code_cache *cache, struct ram *ram, uint64_t page,
			    uint64_t start, uint64_t end)
{
	struct code_page *p = page_get(cache, page, false);

	if (p && !(p->granules & granules_of(page, start, end)))
		return;
	struct block *b = p ? p->blocks : NULL;
	while (b) {
		struct block *next = b->page_next[page_slot(b, page)];
		uint64_t first, last;
		block_span(b, page_slot(b, page), &first, &last);
		if (first < end && last > start)
			block_drop(cache, b);
		b = next;
	}
	if (p && p->blocks)
		return;
	g_hash_table_remove(cache->pages, &page);
	page_clear_code(ram, (page << GUEST_PAGE_BITS) - ram->base);
}

void blocks_invalidate(struct ram *ram, uint64_t offset, uint64_t len)
{
	struct code_cache *cache = the_cache();
	uint64_t start = ram->base + offset, end = start + len;

	if (!len)
		return;
	g_mutex_lock(&cache->lock);
	for (uint64_t page = start >> GUEST_PAGE_BITS; page <= (end - 1) >> GUEST_PAGE_BITS; page++)
		page_invalidate(cache, ram, page, start, end);
	g_mutex_unlock(&cache->lock);
}

/* A page at a time: the map of a user program's whole address space is large. */
static gboolean forget_page(void *key, void *value, void *opaque)
{
	uint64_t at = ((struct code_page *)value)->page << GUEST_PAGE_BITS;

	for (struct ram *ram = ram_first(); ram; ram = ram->next)
		if (at - ram->base < ram->size)
			page_clear_code(ram, at - ram->base);
	return TRUE;
}

void blocks_flush_all(void)
{
	struct code_cache *cache = the_cache();
	GHashTableIter iter;
	struct block_in *in;

	/* From here on no region of these blocks is published; those that are go first. */
	g_mutex_lock(&cache->lock);
	cache->generation++;
	g_mutex_unlock(&cache->lock);
	tier_flush();
	g_mutex_lock(&cache->lock);
	memset(cache->hash, 0, sizeof(cache->hash));
	g_hash_table_iter_init(&iter, cache->incoming);
	while (g_hash_table_iter_next(&iter, NULL, (void **)&in)) {
		while (in) {
			struct block_in *next = in->next;
			g_free(in);
			in = next;
		}
	}
	g_hash_table_remove_all(cache->incoming);
	g_hash_table_foreach_remove(cache->pages, forget_page, NULL);
	for (unsigned int i = 0; i < cache->arenas->len; i++)
		munmap(g_ptr_array_index(cache->arenas, i), ARENA_SIZE);
	g_ptr_array_set_size(cache->arenas, 0);
	cache->full = false;
	for (struct cpu *cpu = cpu_first(); cpu; cpu = cpu->next) {
		struct vcpu *v = (struct vcpu *)cpu;
		vcpu_jump_cache_clear(v);
		v->op = NULL;
	}
	g_mutex_unlock(&cache->lock);
}

/* --- building --- */

struct op *builder_op(struct block_builder *b, handler_fn *fn)
{
	unsigned int i = b->op_count++;

	b->ops[i] = (struct op){.fn = fn};
	b->where[i] = (struct op_where){(uint16_t)b->insn_offset, (uint8_t)b->insns, b->context};
	b->info[i] = (struct op_info){0};
	return &b->ops[i];
}

void builder_drop_dead_flags(struct block_builder *b, uint32_t all_flags)
{
	uint32_t live = all_flags;

	for (unsigned int i = b->op_count; i-- > 0;) {
		const struct op_info *info = &b->info[i];
		if (info->no_flags && !(info->may_write & live))
			b->ops[i].fn = info->no_flags;
		live = (live & ~info->writes) | info->reads;
		if (info->leaves)
			live = all_flags;
	}
}

/* Where the code of a new block is, as found before the cache's lock was taken. */
struct code_place {
	struct ram *ram[2]; /* of the two pages; NULL: not RAM, or not known */
	uint64_t offset[2]; /* in that RAM: of the first byte, of the second page */
	const uint8_t *code[2];
	unsigned int avail[2];
	enum code_guard guard;
	bool unguarded; /* a page's mark has gone since the guard was asked */
};

/* Whether ops may reach memory without the TLB: nothing needs its slow path. */
static bool may_be_direct(const struct vcpu *v)
{
	return v->direct && !v->checking && !v->check_aligned && !v->debugging;
}

/* Pages of user programs do not move below their code: branches may be linked to anywhere. */
static void make_direct(struct block *block)
{
	for (unsigned int i = 0; i < block->op_count; i++) {
		block->ops[i].fn = op_direct(block->ops[i].fn);
		if (block->op_where[i].branch)
			block->ops[i].s = 1;
	}
}

/* Copies what the builder holds into the cache or, for code that is not to be kept, scratch. */
static struct block *block_store(struct vcpu *v, const struct block_builder *b, bool keep)
{
	unsigned int ops_size = b->op_count * sizeof(struct op);
	unsigned int where_size = b->op_count * sizeof(struct op_where);
	struct block *block = v->scratch;

	if (keep)
		block = arena_alloc(v->cache, (unsigned int)sizeof(*block) + ops_size + where_size);
	*block = (struct block){
		.pc = b->pc,
		.base = b->base,
		.mode = b->mode,
		.where = UINT64_MAX,
		.page = {NO_PAGE, NO_PAGE},
		.insns = (uint16_t)b->insns,
		.op_count = (uint16_t)b->op_count,
		.size = (uint16_t)b->size,
		.valid = true,
		.cached = keep,
	};
	block->op_where = (struct op_where *)((char *)block->ops + ops_size);
	memcpy(block->ops, b->ops, ops_size);
	memcpy(block->op_where, b->where, where_size);
	for (unsigned int i = 0; i < b->op_count; i++)
		block->op_where[i].branch = b->info[i].branch != 0;
	if (may_be_direct(v))
		make_direct(block);
	block->entry_fn = block->ops[0].fn;
	if (keep && tier_options.accel != ACCEL_INTERP && !v->debugging && !trace_every_block() &&
	    block->ops[0].fn != op_check_code) {
		block->heat = tier_options.threshold;
		block->ops[0].fn = op_profile;
	}
	return block;
}

static void block_publish(struct code_cache *cache, struct block *b, const struct code_place *at)
{
	struct block **head;

	b->where = at->ram[0]->base + at->offset[0];
	b->page[0] = b->where >> GUEST_PAGE_BITS;
	if (b->size > at->avail[0])
		b->page[1] = (at->ram[1]->base + at->offset[1]) >> GUEST_PAGE_BITS;
	head = &cache->hash[hash_of(b->where, b->mode)];
	b->hash_next = *head;
	*head = b;
	for (unsigned int i = 0; i < 2 && b->page[i] != NO_PAGE; i++)
		page_add_block(cache, b, i);
}

void blocks_set_guard(code_guard_fn *fn)
{
	the_cache()->guard = fn;
}

void blocks_mark_code(struct ram *ram, uint64_t offset)
{
	page_set_code(ram, offset);
}

/* Asks the guard about the pages that the code is on. */
static void code_guard(struct code_cache *cache, struct code_place *at)
{
	at->guard = GUARD_FIXED;
	for (unsigned int i = 0; i < 2 && at->ram[i]; i++)
		at->guard = MAX(at->guard, cache->guard(at->ram[i], at->offset[i]));
	at->unguarded = false;
}

/* Code appears on the page: from here on, stores to it come to blocks_invalidate(). Done before
 * the bytes are decoded, so that a store that races is seen as one that came after. */
static void code_protect(struct code_cache *cache, struct code_place *at, unsigned int i)
{
	struct ram *ram = at->ram[i];
	uint64_t page = at->offset[i] >> GUEST_PAGE_BITS;

	if (!ram)
		return;
	if (cache->guard)
		at->unguarded |= !(
			__atomic_load_n(&ram->code[page / 8], __ATOMIC_ACQUIRE) >> (page % 8) & 1);
	else if (!page_set_code(ram, at->offset[i]))
		vcpus_tlb_protect(ram, page << GUEST_PAGE_BITS);
}

/* Finds the bytes at the pc, and those of the next page if an instruction may reach into it.
 * Raises the fetch fault of the first page only. */
static void code_locate(struct vcpu *v, struct code_place *at)
{
	uint64_t va = v->code_base + v->pc;

	*at = (struct code_place){0};
	at->code[0] = vcpu_fetch(v, va, &at->ram[0], &at->offset[0], &at->avail[0]);
	if (at->ram[0] && at->avail[0] >= v->isa->max_insn_size)
		return;
	uint64_t next = (va | ~GUEST_PAGE_MASK) + 1;
	if (!at->ram[0]) {
		at->avail[0] = (unsigned int)MIN(next - va, v->isa->max_insn_size);
		for (unsigned int i = 0; i < at->avail[0]; i++)
			v->code_bytes[0][i] = vcpu_fetch_byte(v, va + i);
		at->code[0] = v->code_bytes[0];
		if (at->avail[0] == v->isa->max_insn_size)
			return;
	}
	if (!v->isa->tlb_fill(v, next, 1, ACCESS_EXEC, v->mmu_mode, true))
		return;
	at->code[1] = vcpu_fetch(v, next, &at->ram[1], &at->offset[1], &at->avail[1]);
	if (!at->ram[1]) {
		at->avail[1] = v->isa->max_insn_size;
		for (unsigned int i = 0; i < at->avail[1]; i++)
			v->code_bytes[1][i] = vcpu_fetch_byte(v, next + i);
		at->code[1] = v->code_bytes[1];
	}
}

static void builder_start(struct vcpu *v, struct block_builder *b, const struct code_place *at)
{
	b->pc = v->pc;
	b->base = v->code_base;
	b->mode = v->mode;
	b->max_insns = v->insn_limit ? v->insn_limit : BLOCK_MAX_INSNS;
	if (exec_options.singlestep || !at->ram[0] || at->guard == GUARD_CHECK)
		b->max_insns = 1;
	b->end_pc = vcpu_debug_block_end(v);
	b->code = at->code[0];
	b->avail = at->avail[0];
	b->next = at->code[1];
	b->next_avail = at->avail[1];
	b->size = b->op_count = b->insns = b->insn_offset = b->accesses = 0;
	b->crosses = b->overrun = false;
	b->context = (uint8_t)(b->mode >> CONTEXT_SHIFT);
}

/* True where the decoded code may stay in the cache. */
static bool code_keepable(struct vcpu *v, const struct block_builder *b,
			  const struct code_place *at)
{
	if (v->insn_limit || !at->ram[0])
		return false;
	if (b->size <= at->avail[0])
		return true;
	return at->ram[1] && at->ram[1]->base + at->offset[1] !=
				     ((at->ram[0]->base + at->offset[0]) & GUEST_PAGE_MASK);
}

/* --- code that is compared with what was decoded --- */

/* After so many runs without a change the page is worth to be protected again. */
#define CHECKS 100000

/* One instruction's bytes are in the op: 16, however many of them count. */
static void note_code(struct op *op, const struct block_builder *b, const struct code_place *at)
{
	uint8_t bytes[16] = {0};

	for (unsigned int i = 0; i < MIN(b->size, sizeof(bytes)); i++)
		bytes[i] = i < at->avail[0] ? at->code[0][i] : at->code[1][i - at->avail[0]];
	memcpy(&op->imm, bytes, 8);
	memcpy(&op->imm2, bytes + 8, 8);
	op->disp = CHECKS;
}

/* Returns whether the code is as it was. */
static NOINLINE bool check_code(struct vcpu *v, struct op *op)
{
	struct block *b = block_of_first_op(op);
	const volatile uint8_t *code = v->direct + b->base + b->pc;
	uint8_t bytes[16];
	bool same = --op->disp != 0;

	memcpy(bytes, &op->imm, 8);
	memcpy(bytes + 8, &op->imm2, 8);
	for (unsigned int i = 0; i < b->size && same; i++)
		same = code[i] == bytes[i];
	if (same)
		return true;
	g_mutex_lock(&v->cache->lock);
	block_drop(v->cache, b);
	g_mutex_unlock(&v->cache->lock);
	return false;
}

UNSANITIZED HANDLER void op_check_code(struct vcpu *v, const struct op *op, int64_t budget)
{
	v->op = op;
	v->budget = budget;
	if (UNLIKELY(!check_code(v, (struct op *)op)))
		MUSTTAIL return op_dropped(v, op, budget);
	MUSTTAIL return op[1].fn(v, op + 1, budget);
}

/* Decodes at v's pc; NULL where the first instruction runs into a page that cannot be fetched. */
static struct block *block_build(struct vcpu *v, struct code_place *at)
{
	struct code_cache *cache = v->cache;
	struct block_builder *b = &cache->builder;

	builder_start(v, b, at);
	for (unsigned int i = 0; i < 2 && !v->insn_limit; i++)
		code_protect(cache, at, i);
	if (at->unguarded)
		return NULL;
	if (at->guard == GUARD_CHECK)
		builder_op(b, op_check_code);
	if (exec_options.stats)
		builder_op(b, op_count_block);
	v->isa->decode(v, b);
	if (!b->insns)
		return NULL;
	if (at->guard == GUARD_CHECK)
		note_code(&b->ops[0], b, at);
	if (exec_options.stats)
		b->ops[at->guard == GUARD_CHECK].imm = b->accesses;
	v->stats.blocks_built++;
	v->stats.insns_built += b->insns;
	v->stats.ops_built += b->op_count;
	if (UNLIKELY(v->debugging) && !v->insn_limit && debug_breaks_at(b->base + b->pc))
		b->ops[0].fn = op_dropped; /* back to the loop, which stops there */
	bool keep = code_keepable(v, b, at);
	struct block *block = block_store(v, b, keep);
	block->writable = at->guard != GUARD_FIXED;
	if (keep)
		block_publish(cache, block, at);
	trace_block_built(v, block, b);
	return block;
}

/* Does what is to be done when no vCPU runs guest code. */
static void cache_empty_if_full(struct code_cache *cache)
{
	if (LIKELY(!cache->full && !tier_wants_reclaim()))
		return;
	machine_lock();
	machine_quiesce();
	if (cache->full)
		blocks_flush_all();
	else if (tier_wants_reclaim())
		tier_reclaim();
	machine_resume();
	machine_unlock();
}

/* The block that is there, else (with `build`) a new one. */
static struct block *block_find_or_build(struct vcpu *v, struct code_place *at, bool build)
{
	struct code_cache *cache = v->cache;
	struct block *b = NULL;

	g_mutex_lock(&cache->lock);
	if (at->ram[0] && !v->insn_limit) {
		uint64_t next = at->ram[1] ? (at->ram[1]->base + at->offset[1]) >> GUEST_PAGE_BITS
					   : NO_PAGE;
		b = hash_find(cache, v, at->ram[0]->base + at->offset[0], next);
	}
	if (b)
		v->stats.block_hash_hits++;
	else if (build)
		b = block_build(v, at);
	g_mutex_unlock(&cache->lock);
	return b;
}

/* The same where a guard is to be asked first. */
static struct block *block_find_or_build_guarded(struct vcpu *v, struct code_place *at)
{
	struct block *b = block_find_or_build(v, at, false);

	while (!b) {
		code_guard(v->cache, at);
		b = block_find_or_build(v, at, true);
		if (!b && !at->unguarded)
			break;
	}
	return b;
}

/* --- the jump cache's second way --- */

/*
 * With a thousand blocks in use, a hundred of them share their slots with others, and each round
 * would look all of those up in the hash. So what is pushed out has a place where a miss finds it.
 */
static struct jump_cache_entry *jump_cache_second(struct vcpu *v, uint64_t pc)
{
	uint32_t hash = (uint32_t)pc * 2654435761u; /* 2^32 by the golden ratio */

	return &v->jump_cache[JUMP_CACHE_SIZE + (hash >> (32 - JUMP_SECOND_BITS))];
}

static void jump_cache_push_out(struct vcpu *v, const struct jump_cache_entry *e)
{
	if (e->key != UINT64_MAX)
		*jump_cache_second(v, e->key ^ v->jump_generation) = *e;
}

/* What was pushed out changes places with what did it. */
static struct block *jump_cache_find_second(struct vcpu *v, uint64_t pc)
{
	struct jump_cache_entry *second = jump_cache_second(v, pc), found = *second;
	struct jump_cache_entry *first = jump_cache_slot(v, pc);

	if (found.key != (pc ^ v->jump_generation))
		return NULL;
	second->key = UINT64_MAX;
	jump_cache_push_out(v, first);
	*first = found;
	return jump_cache_probe(v, pc);
}

struct block *block_find(struct vcpu *v)
{
	struct code_place at;

	v->stats.block_lookups++;
	cache_empty_if_full(v->cache);
	v->op = NULL; /* pc is already at the instruction, should a fetch fault be raised */
	code_locate(v, &at);
	int64_t start = exec_options.stats ? host_monotonic_ns() : 0;
	struct block *b = v->cache->guard && !v->insn_limit ? block_find_or_build_guarded(v, &at)
							    : block_find_or_build(v, &at, true);
	if (start)
		v->build_ns += host_monotonic_ns() - start;
	if (!b) { /* raises the fault of the second page */
		vcpu_fetch_byte(v, ((v->code_base + v->pc) | ~GUEST_PAGE_MASK) + 1);
		g_assert_not_reached();
	}
	if (b->cached) {
		struct jump_cache_entry *e = jump_cache_slot(v, v->pc);
		unsigned int page = v->pc >> GUEST_PAGE_BITS & (JUMP_PAGES - 1);
		jump_cache_push_out(v, e);
		e->key = v->pc ^ v->jump_generation;
		e->block = b;
		v->jump_pages[page / 64] |= UINT64_C(1) << page % 64;
	}
	return b;
}

struct block *block_lookup(struct vcpu *v)
{
	if (v->insn_limit)
		return block_find(v);
	struct block *b = jump_cache_probe(v, v->pc);
	if (UNLIKELY(!b))
		b = jump_cache_find_second(v, v->pc);
	return LIKELY(b) ? b : block_find(v);
}

void block_link(struct vcpu *v, const struct op *from, struct block *target)
{
	struct code_cache *cache = v->cache;

	g_mutex_lock(&cache->lock);
	struct block *source = block_of_op(v, from);
	if (source->valid && target->valid && source->cached && target->cached &&
	    target->page[1] == NO_PAGE && source->base == target->base &&
	    source->mode == target->mode && !log_on(LOG_NOCHAIN) &&
	    (v->direct ||
	     ((source->base + source->pc) ^ (target->base + target->pc)) < GUEST_PAGE_SIZE)) {
		struct block_in *in = g_new(struct block_in, 1);
		in->from = (struct op *)from;
		in->next = g_hash_table_lookup(cache->incoming, target);
		g_hash_table_insert(cache->incoming, target, in);
		__atomic_store_n(&in->from->link, target->ops, __ATOMIC_RELEASE);
	}
	g_mutex_unlock(&cache->lock);
}

/* --- for the second tier --- */

void code_cache_lock(void)
{
	g_mutex_lock(&the_cache()->lock);
}

void code_cache_unlock(void)
{
	g_mutex_unlock(&the_cache()->lock);
}

unsigned int code_cache_generation(void)
{
	return the_cache()->generation;
}

/* So many ops an op may skip (x87 stores). */
#define SHADOW_TAIL 4

const struct op *block_shadow(struct block *b, const struct op *op, const struct op_where *where,
			      unsigned int i)
{
	unsigned int count = 1 + SHADOW_TAIL;
	unsigned int ops_size = count * sizeof(struct op);
	struct block *shadow = arena_alloc(
		the_cache(), (unsigned int)(sizeof(*shadow) + ops_size + count * sizeof(*where)));

	*shadow = (struct block){
		.pc = b->pc,
		.base = b->base,
		.mode = b->mode,
		.where = UINT64_MAX,
		.page = {NO_PAGE, NO_PAGE},
		.insns = b->insns,
		.op_count = (uint16_t)count,
		.size = b->size,
	};
	shadow->op_where = (struct op_where *)((char *)shadow->ops + ops_size);
	shadow->ops[0] = op[i];
	shadow->op_where[0] = where[i];
	for (unsigned int k = 1; k < count; k++) {
		unsigned int next = MIN(i + k, b->op_count - 1u);
		shadow->ops[k] = (struct op){
			.fn = op_one_done,
			.imm = (uintptr_t)&b->ops[next],
		};
		shadow->op_where[k] = where[next];
	}
	return shadow->ops;
}
