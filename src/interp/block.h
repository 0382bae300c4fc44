/*
 * Blocks of decoded guest code, and the cache that all vCPUs of a machine share.
 *
 * A block is a straight run of instructions with side exits: a conditional branch that is not taken
 * stays in the block. It is keyed by where its bytes are in RAM, its pc, its code base and the mode
 * bits it was decoded under. Lookups through the jump cache take no lock; building, linking and
 * dropping blocks do. A dropped block's ops are all replaced by one that leaves to the loop, and
 * its memory is freed at the next quiesce point, so that a vCPU that is in it notices at its next
 * op.
 */
#ifndef INTERP_BLOCK_H
#define INTERP_BLOCK_H

#include "interp/vcpu.h"

#define BLOCK_MAX_OPS	160
#define BLOCK_MAX_INSNS 64

struct block {
	uint64_t pc, base; /* virtual pc of the first instruction; code base */
	uint64_t where;	   /* ram->base + offset of the first byte */
	uint64_t page[2];  /* numbers of the RAM pages it touches; NO_PAGE: none */
	uint32_t mode;
	uint16_t insns, op_count, size; /* guest instructions, ops, guest bytes */
	bool valid, cached; /* not cached: lives in the vCPU's scratch space for one run */
	bool writable;	    /* the guest could write its pages (known in user mode) */
	struct block *hash_next;
	struct block *page_next[2]; /* in the lists of those pages */
	struct op_where *op_where;  /* cold: one an op */
	/* The second tier (interp/tier.h) */
	handler_fn *entry_fn;	    /* what ops[0].fn was when it was decoded */
	uint32_t heat;		    /* entries until it is hot */
	struct code_region *region; /* what op_run_region runs here */
	GSList *regions;	    /* that are made of this block and others */
	struct op ops[];
};

#define NO_PAGE UINT64_MAX

/* Where an op came from, relative to its block. */
struct op_where {
	uint16_t offset; /* of its instruction's first byte */
	uint8_t insn;	 /* number of its instruction */
	uint8_t context; /* v->mode's CONTEXT_MASK bits before it */
	bool branch;	 /* the op is a direct branch to its imm */
};

/* What a decoder fills in. */
struct block_builder {
	uint64_t pc, base;
	uint32_t mode;
	unsigned int max_insns;
	uint64_t end_pc; /* the block ends before the instruction there, if it gets so far */
	/* Guest bytes: `avail` from the pc to the end of its page, then `next_avail` of the next
	 * page, which only a block's first instruction may reach into. Use builder_byte(). */
	const uint8_t *code, *next;
	unsigned int avail, next_avail;
	unsigned int size; /* bytes taken by whole instructions so far */
	bool crosses;	   /* the instruction being decoded reached into the next page */
	bool overrun;	   /* ... and must not: it is not part of this block */
	unsigned int op_count, insns;
	unsigned int accesses;	  /* memory operands, for -stats */
	unsigned int insn_offset; /* start of the instruction being decoded */
	uint8_t context;	  /* of that instruction */
	struct op ops[BLOCK_MAX_OPS + 16];
	struct op_where where[BLOCK_MAX_OPS + 16];
	struct op_info {
		handler_fn *no_flags; /* the same op where its flags are dead, or NULL */
		uint32_t reads, writes, may_write; /* flags: needed, always set, perhaps set */
		bool leaves;	/* may leave at this op: all flags are live before it */
		uint8_t branch; /* instructions of a branch op (1, fused 2): it gets x */
	} info[BLOCK_MAX_OPS + 16];
};

/* The byte `i` after the block's pc. Past the end it is 0 and b->overrun is set: the decoder then
 * gives up the instruction. */
static inline uint8_t builder_byte(struct block_builder *b, unsigned int i)
{
	if (LIKELY(i < b->avail))
		return b->code[i];
	b->crosses = true;
	if (b->insns == 0 && i - b->avail < b->next_avail)
		return b->next[i - b->avail];
	b->overrun = true;
	return 0;
}

/* Starts an op of the current instruction; all fields zero but fn. */
struct op *builder_op(struct block_builder *b, handler_fn *fn);
/* Replaces ops whose flags nobody reads by their no_flags form. */
void builder_drop_dead_flags(struct block_builder *b, uint32_t all_flags);

struct code_cache *code_cache_get(void);

/* The block at the processor's current state, built if need be; may raise a fetch fault.
 * Takes the cache's lock. */
struct block *block_find(struct vcpu *v);
/* The same through the jump cache. */
struct block *block_lookup(struct vcpu *v);
/* Block that holds an op (binary search; for slow paths). */
struct block *block_of_op(struct vcpu *v, const struct op *op);
/* Drops every block that touches [offset, offset+len) of `ram`. Any thread. */
void blocks_invalidate(struct ram *ram, uint64_t offset, uint64_t len);
/* Drops everything (quiesced). */
void blocks_flush_all(void);

/*
 * In user mode stores do not come by the TLB, so pages with code are write-protected on the host.
 * A guard is called, without the cache's lock, before code of a page is decoded. It marks the page
 * (blocks_mark_code()) and says how stores to it will be noticed; if the mark is gone when the
 * lock is there (blocks_invalidate() of the whole page takes it away), it is called again.
 */
enum code_guard {
	GUARD_FIXED,	/* the guest cannot write the page */
	GUARD_WRITABLE, /* it is protected now: stores will come to blocks_invalidate() */
	GUARD_CHECK,	/* they will not: each run of the code is to compare its bytes */
};
typedef enum code_guard code_guard_fn(struct ram *ram, uint64_t offset);
void blocks_set_guard(code_guard_fn *fn);
void blocks_mark_code(struct ram *ram, uint64_t offset);

/* Makes a direct branch op jump straight to `target` from now on, where that is allowed. */
void block_link(struct vcpu *v, const struct op *from, struct block *target);

/* --- leaving and entering blocks, for handlers --- */

/* Handler of dropped ops: back to the loop at this op's instruction. */
handler_fn op_dropped;
/* Goes to v->pc, by the jump cache or the loop. Tail-called by indirect branches. */
handler_fn op_jump;
/* The same, and chains `op` to where it went if that may be. Tail-called by direct branches that
 * have no link yet. */
handler_fn op_jump_and_link;
/* Back to the loop at v->pc: for what changes the mode or must see events at once. */
handler_fn op_leave;
/* Entering the block of first op `op` would overdraw the budget (or a request waits); `budget` is
 * already charged with it. */
handler_fn op_budget_out;
/* First op of code that a guard cannot protect. */
handler_fn op_check_code;

static ALWAYS_INLINE struct block *block_of_first_op(const struct op *op)
{
	return (struct block *)((char *)op - offsetof(struct block, ops));
}

/* What its first op does now; others may change that at any time. */
static ALWAYS_INLINE handler_fn *entry_of(const struct block *b)
{
	return __atomic_load_n(&b->ops[0].fn, __ATOMIC_ACQUIRE);
}

static ALWAYS_INLINE struct jump_cache_entry *jump_cache_slot(struct vcpu *v, uint64_t pc)
{
	return &v->jump_cache[(pc ^ (pc >> JUMP_CACHE_BITS)) & (JUMP_CACHE_SIZE - 1)];
}

/* Probe of the jump cache by pc; NULL: ask block_find(). */
static ALWAYS_INLINE struct block *jump_cache_probe(struct vcpu *v, uint64_t pc)
{
	struct jump_cache_entry *e = jump_cache_slot(v, pc);
	struct block *b = e->block;

	if (LIKELY(e->key == (pc ^ v->jump_generation)) &&
	    LIKELY(b->mode == v->mode && b->base == v->code_base &&
		   __atomic_load_n(&b->valid, __ATOMIC_RELAXED)))
		return b;
	return NULL;
}

/* Goes on at the first op `o` of a block. */
#define ENTER_BLOCK(o)                                                    \
	do {                                                              \
		const struct op *enter_ = (o);                            \
		budget -= block_of_first_op(enter_)->insns;               \
		if (UNLIKELY(budget < 0 || v->cpu.exit_request))          \
			MUSTTAIL return op_budget_out(v, enter_, budget); \
		MUSTTAIL return enter_->fn(v, enter_, budget);            \
	} while (0)

#endif
