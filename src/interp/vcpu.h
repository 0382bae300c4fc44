/*
 * The execution core's view of a virtual processor: TLBs, blocks, budget, exits.
 *
 * `struct vcpu` is the first member of each ISA's processor struct. Its fields belong to the
 * vCPU's own thread, except where a comment says otherwise.
 */
#ifndef INTERP_VCPU_H
#define INTERP_VCPU_H

#include "interp/op.h"
#include "vm/cpu.h"

#include <glib.h>
#include <setjmp.h>

#define GUEST_PAGE_BITS 12
#define GUEST_PAGE_SIZE (UINT64_C(1) << GUEST_PAGE_BITS)
#define GUEST_PAGE_MASK (~(GUEST_PAGE_SIZE - 1))

/* --- software TLB (interp/tlb.c) --- */

enum mem_access { ACCESS_READ, ACCESS_WRITE, ACCESS_EXEC };
enum {
	PROT_R = 1,
	PROT_W = 2,
	PROT_X = 4,
	PROT_WATCH = 8,	 /* loads and stores go the slow path */
	PROT_SMALL = 16, /* the guest's mapping is smaller than a page: good for this access only */
};

/* Low bits of a tag; any of them makes the inline compare fail. */
enum {
	TLB_INVALID = 1, /* nothing is here */
	TLB_SLOW = 2,	 /* the page is mapped, but accesses go through the slow path */
	TLB_ONCE = 4,	 /* ... and each one asks the ISA anew (PROT_SMALL) */
};

struct tlb_entry {
	uint64_t read, write, exec; /* virtual page | TLB_* */
	uintptr_t addend;	    /* host address - virtual address */
};

/* What the slow path needs to know about the entry with the same index. */
struct tlb_detail {
	uint64_t phys;	       /* guest physical page */
	struct ram *ram;       /* NULL: registers or nothing */
	uint64_t ram_offset;   /* of the page */
	struct region *region; /* registers, or the write side of ROM */
	uint64_t region_offset;
	uint8_t prot; /* PROT_* */
	bool whole;   /* one region covers the page */
};

#define TLB_MODES    4 /* as many as any ISA has */
#define TLB_MIN_BITS 6
#define TLB_MAX_BITS 12

struct tlb {
	struct tlb_entry *entries;
	struct tlb_detail *details;
	unsigned int bits;		  /* log2 of the number of entries */
	unsigned int used;		  /* entries filled since the last flush */
	unsigned int flushes_small;	  /* flushes in a row that found it nearly empty */
	uint64_t large_start, large_last; /* span of all big pages in it; empty: start > last */
};

/* What the inline probe reads: the TLB of the current mode. */
struct tlb_view {
	uintptr_t mask; /* (entries - 1) * sizeof(struct tlb_entry) */
	struct tlb_entry *entries;
};

/* --- statistics (-stats) --- */
struct vcpu_stats {
	uint64_t blocks_built, insns_built, ops_built;
	uint64_t block_lookups, block_hash_hits;
	uint64_t blocks_run, accesses; /* with -stats only */
	uint64_t tlb_fills, tlb_flushes, tlb_page_flushes, slow_loads, slow_stores, io_accesses;
	uint64_t exceptions;
};

/* --- what an ISA gives the core --- */
struct block_builder;

struct isa {
	/*
	 * Translates and fills the TLB by vcpu_tlb_set(), or raises the guest's exception (does not
	 * return). With `probe` it returns false instead of raising.
	 */
	bool (*tlb_fill)(struct vcpu *v, uint64_t va, unsigned int size, enum mem_access access,
			 unsigned int mode, bool probe);
	/* Decodes from the current pc: see interp/block.h. */
	void (*decode)(struct vcpu *v, struct block_builder *b);
	/* Decoding needs the bytes of one instruction to be in one block; so many it may have. */
	unsigned int max_insn_size;
	/* Delivers by priority what v->events says is pending, where the processor takes it now.
	 * May raise. Called between instructions without the machine lock. */
	void (*events)(struct vcpu *v);
	/* An instruction raised an exception and escaped; pc is at that instruction: deliver it. */
	void (*exception)(struct vcpu *v);
	/* Capstone's architecture and mode for the current code. */
	void (*capstone)(struct vcpu *v, unsigned int *arch, unsigned int *mode);
	/* Raises the exception of an access that is not aligned to its size; NULL: there is none.
	 */
	void (*unaligned)(struct vcpu *v, uint64_t va);
	/* The registers that op bodies compute with: where they are in the processor's struct, and
	 * whether two copies mean the same to the guest; what differs is said on `out`. */
	size_t regs_offset, regs_size;
	/* What else of it ops change in line: the same means the same bytes. */
	size_t side_offset, side_size;
	bool (*same_regs)(const void *a, const void *b, FILE *out);
	/* A data breakpoint may cover the access just made through the slow path; may be NULL. */
	void (*watch)(struct vcpu *v, uint64_t va, unsigned int size, enum mem_access access);
};

/* Mode bits that op_where.context holds for each instruction of a block (ARM: ITSTATE). */
#define CONTEXT_SHIFT 24
#define CONTEXT_MASK  (UINT32_C(0xff) << CONTEXT_SHIFT)

#define BLOCK_SCRATCH_SIZE 8192
#define JUMP_CACHE_BITS	   13
#define JUMP_CACHE_SIZE	   (1u << JUMP_CACHE_BITS)
/* Behind them, where entries go that others have pushed out; see block_lookup(). */
#define JUMP_SECOND_BITS   12
#define JUMP_CACHE_ENTRIES (JUMP_CACHE_SIZE + (1u << JUMP_SECOND_BITS))

struct jump_cache_entry {
	uint64_t key; /* pc ^ generation */
	struct block *block;
};

/* Pages that may have entries in the jump cache, by the low bits of their numbers. */
#define JUMP_PAGES 4096

struct vcpu {
	struct cpu cpu;
	/* hot */
	struct tlb_view tlb;
	uint64_t pc;	     /* next instruction; valid while out of handlers */
	const struct op *op; /* the op that entered a slow path: its block and pc follow from it */
	int64_t budget;	     /* valid while out of handlers, and in slow paths */
	uint64_t jump_generation; /* upper 16 bits; xor'ed into jump cache keys */
	uint32_t mode;		  /* mode bits of the current block key, kept by the ISA; those of
				     CONTEXT_MASK may change from one instruction to the next */
	unsigned int mmu_mode;
	uint64_t code_base; /* base of the code segment, kept by the ISA */
	uint8_t *direct; /* user mode: host address of guest address 0 (interp/direct.h); else NULL
			  */
	/* cold */
	const struct isa *isa;
	struct code_cache *cache;
	sigjmp_buf escape;
	uint32_t events;       /* pending lines and traps, bits of the ISA; atomic */
	int64_t budget_start;  /* what `budget` was when it was last charged to cpu.instructions */
	struct block *scratch; /* a block that is not to be kept, of BLOCK_SCRATCH_SIZE bytes */
	uint8_t code_bytes[2][16]; /* code that is not in RAM, fetched before it is decoded */
	const struct code_region *region; /* that runs; NULL: none */
	uint32_t region_op;		  /* the op of it that may fault, if it is exact */
	const struct op *one_next;	  /* where the op that tier_run_one() runs went on */
	struct block_record *record;	  /* interp/record.h; NULL: not yet used */
	bool recording;
	int64_t record_shift;	 /* how far budget and budget_start are off while a block runs */
	unsigned int insn_limit; /* the next block has at most so many instructions; 0: no limit */
	struct tlb tlbs[TLB_MODES];
	/* A debugger (interp/debug.h) */
	bool debugging;	    /* there are points to look for */
	bool debug_passing; /* the breakpoint at debug_pass_pc has been reported */
	uint64_t debug_pass_pc;
	const struct debug_point *debug_watch; /* met by the instruction that now runs alone */
	struct check *check;		       /* of -accel check; NULL: not yet used */
	bool checking;	    /* ... the interpreter's turn: all stores take the slow path */
	bool check_aligned; /* see vcpu_set_check_aligned() */
	GMutex tlb_lock;    /* fills and remote changes of tags */
	struct jump_cache_entry *jump_cache;
	uint64_t jump_pages[JUMP_PAGES / 64];
	struct vcpu_stats stats;
	int64_t run_ns, build_ns; /* time in the interpreter and in decoding (with -stats) */
};

/* Class hooks that every ISA's cpu_class uses. */
void vcpu_init(struct vcpu *v, const struct isa *isa);
void vcpu_destroy(struct vcpu *v);
/* cpu_class.run: runs until exit_request or halt. */
void vcpu_run(struct cpu *cpu);

/* Ends the current op: back to the loop with state as it is; pc is that of v->op's instruction.
 * An ISA sets its exception first and then calls this. */
NORETURN void vcpu_escape(struct vcpu *v);
/* The same without an exception: the loop looks at requests and goes on at v->pc (that of v->op's
 * instruction, if v->op is set). */
NORETURN void vcpu_leave(struct vcpu *v);
/* Brings pc to the instruction of v->op and gives back the budget of what has not run. */
void vcpu_sync_pc(struct vcpu *v);
/* Instructions completed so far, exact also inside slow paths. */
uint64_t vcpu_instructions(struct vcpu *v);

/* Before an instruction reaches a device: under -icount the clock counts it and all before it.
 * The memory slow paths do it; port instructions call it. */
void vcpu_before_io(struct vcpu *v);

/* While set, accesses in the current MMU mode must be aligned: they all take the slow path. */
void vcpu_set_check_aligned(struct vcpu *v, bool on);
/* While set, all accesses in the current MMU mode take the slow path, which notes stores. */
void vcpu_set_checking(struct vcpu *v, bool on);
/* Makes `mode` the current MMU mode. */
void vcpu_set_mmu_mode(struct vcpu *v, unsigned int mode);
/* Fills an entry: `phys` is the page of `va`, `page_size` the size of the guest's mapping. With
 * PROT_SMALL, `phys` is the address of `va` itself. */
void vcpu_tlb_set(struct vcpu *v, unsigned int mode, uint64_t va, uint64_t phys, unsigned int prot,
		  uint64_t page_size);
/* Translated code is on this page now: stores to it take the slow path in every TLB. */
void vcpus_tlb_protect(struct ram *ram, uint64_t page_offset);
void vcpu_tlb_flush(struct vcpu *v);
void vcpu_tlb_flush_page(struct vcpu *v, uint64_t va);
/* Data of whole pages alone: blocks stay in the jump cache, so the caller drops those whose code is
 * no longer there (user mode, where blocks are keyed by virtual address). */
void vcpu_tlb_flush_range(struct vcpu *v, uint64_t va, uint64_t len);
/* The same as work for cpu_run_on(). */
void vcpu_tlb_flush_work(struct cpu *cpu, void *opaque);
void vcpu_tlb_init(struct vcpu *v);
void vcpu_tlb_destroy(struct vcpu *v);
void vcpu_jump_cache_clear(struct vcpu *v);

/* Where the instruction bytes at `va` are: a host pointer to the byte and how many follow in its
 * page; `*ram` is NULL (and bytes come through vcpu_fetch_byte) where they are not in RAM. Raises
 * the fetch fault. */
const uint8_t *vcpu_fetch(struct vcpu *v, uint64_t va, struct ram **ram, uint64_t *ram_offset,
			  unsigned int *avail);
uint8_t vcpu_fetch_byte(struct vcpu *v, uint64_t va);

/* Slow paths: any alignment, any target, faults raised. `mode` is the MMU mode. */
uint64_t vcpu_load_slow(struct vcpu *v, uint64_t va, unsigned int size, unsigned int mode);
void vcpu_store_slow(struct vcpu *v, uint64_t va, unsigned int size, uint64_t value,
		     unsigned int mode);
/* Raises the fault a write would, without writing; returns a host pointer where plain RAM backs
 * all of [va, va+size) and it may be written directly, else NULL. */
void *vcpu_probe_write(struct vcpu *v, uint64_t va, unsigned int size, unsigned int mode);
/*
 * For atomic operations where the inline probe missed: the memory itself, also if it holds code or
 * is not dirty yet, so that they are atomic against every other vCPU; vcpu_atomic_done() afterwards
 * sees to code and dirt. NULL where no RAM backs all of it (registers, ROM, a page crossing): the
 * caller loads and stores.
 */
void *vcpu_atomic_host(struct vcpu *v, uint64_t va, unsigned int size, unsigned int mode);
void vcpu_atomic_done(struct vcpu *v, uint64_t va, unsigned int size, unsigned int mode);
/* Host pointer for reads or writes of up to one page of plain RAM, without side effects other than
 * TLB fills and faults; NULL: use the slow path. For REP strings and wide loads. */
void *vcpu_host_span(struct vcpu *v, uint64_t va, enum mem_access access, unsigned int mode,
		     uint64_t *span);

/* Inline probe. All bytes of the access must be in the page that the entry maps: comparing the page
 * of the last byte with the entry of the first makes page crossings miss. */
static ALWAYS_INLINE struct tlb_entry *tlb_slot(const struct tlb_view *t, uint64_t va)
{
	_Static_assert(sizeof(struct tlb_entry) == 32, "index arithmetic below");
	return (struct tlb_entry *)((char *)t->entries + ((va >> (GUEST_PAGE_BITS - 5)) & t->mask));
}

static ALWAYS_INLINE uint64_t tlb_tag(uint64_t va, unsigned int size)
{
	return (va + size - 1) & GUEST_PAGE_MASK;
}

/* Whether `size` bytes at `va` may be read (written) at *host. In compiled code the probes are
 * jit-llvm/probe.c's, which shares them among accesses of a page. */
#ifdef RATITE_BITCODE
bool jit_probe_read(struct vcpu *v, uint64_t va, unsigned int size);
bool jit_probe_write(struct vcpu *v, uint64_t va, unsigned int size);
void *jit_probed(void);
#define TLB_PROBE(access)                                                                      \
	static ALWAYS_INLINE bool tlb_##access(struct vcpu *v, uint64_t va, unsigned int size, \
					       void **host)                                    \
	{                                                                                      \
		bool hit = jit_probe_##access(v, va, size);                                    \
		if (hit)                                                                       \
			*host = jit_probed();                                                  \
		return hit;                                                                    \
	}
#else
#define TLB_PROBE(access)                                                                      \
	static ALWAYS_INLINE bool tlb_##access(struct vcpu *v, uint64_t va, unsigned int size, \
					       void **host)                                    \
	{                                                                                      \
		const struct tlb_entry *e = tlb_slot(&v->tlb, va);                             \
		*host = (void *)(e->addend + va);                                              \
		return e->access == tlb_tag(va, size);                                         \
	}
#endif
TLB_PROBE(read)
TLB_PROBE(write)

#endif
