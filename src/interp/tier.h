/*
 * The second tier as the core sees it: hot blocks, and the compiled regions that replace them
 * (docs/design.md, "LLVM tier").
 *
 * The first op of a block starts with op_profile for a handler, which counts down block.heat. At 0
 * the block is handed to the module (src/jit-llvm, loaded then); a compiled region is published by
 * storing op_run_region there. A region leaves by the number of one of its exits; what remains is
 * the interpreter's work.
 */
#ifndef INTERP_TIER_H
#define INTERP_TIER_H

#include "interp/accel.h"
#include "interp/block.h"

/* --- regions --- */

enum region_exit_kind {
	EXIT_INTERPRET, /* the interpreter runs op */
	EXIT_BRANCH,	/* op's branch is taken */
	EXIT_DONE,	/* v->pc is set; op was an indirect branch */
	EXIT_BUDGET,	/* op is the first one of a block that cannot be entered */
	EXIT_RESUME,	/* the interpreter goes on at v->one_next */
	EXIT_LEAVE,	/* to the loop; v->pc and v->budget are set */
	EXIT_REST,	/* the interpreter runs op: the rest of its block is not compiled */
};

#define EXIT_TARGETS 8
#define EXIT_HOT     2048 /* the module hears of an exit each time it was taken so often */

struct region_exit {
	const struct op *op;
	uint32_t count;
	uint8_t kind, seen_count;
	uint64_t seen[EXIT_TARGETS]; /* EXIT_DONE: some of the places it went to */
};

/* In two registers. */
struct region_result {
	uint64_t exit;
	int64_t budget;
};

/* Entered with the entry block's instructions charged to `budget`. */
typedef struct region_result region_code(struct vcpu *v, int64_t budget);

struct region_hints;

struct code_region {
	region_code *code;
	bool valid;		/* false: a block of it was dropped */
	bool replaced;		/* a better one is on its way or there */
	bool quick;		/* compiled for being ready soon, not for speed */
	uint32_t refusals;	/* times that it could not run */
	uint32_t interruptions; /* of a quick one */
	bool exact;		/* user mode: where an access faults the state is known */
	/* What it counts on of the guest's floating-point modes; not 0: fp_enter() says whether
	 * that holds, fp_leave() takes over what the host's FPU has noted. */
	unsigned int plain_fp;
	bool (*fp_enter)(struct vcpu *v, unsigned int which);
	void (*fp_leave)(struct vcpu *v, unsigned int which);
	const struct op **fault_ops; /* which op: by v->region_op */
	struct block *entry;
	struct region_exit *exits;
	uint64_t runs;
	/* of the module */
	struct block **blocks;
	unsigned int block_count, exit_count, insns;
	uint64_t code_address, code_size;
	void *code_handle;
	int64_t compile_ns;
	struct region_hints *hints;
	struct code_region *next;
};

struct job;	     /* a region that is to be */
struct block_record; /* interp/record.h */

/* What the module offers; tier.c finds it as `ratite_tier_module`. */
#define TIER_MODULE_VERSION 3
struct tier_module {
	unsigned int version;
	/* Once, before anything else. */
	struct error *(*start)(void);
	/* A block is hot; on its vCPU's thread. False: later, as it is recording for another. */
	bool (*promote)(struct vcpu *v, struct block *b);
	/* A region leaves by this exit often: it could be compiled in. On the vCPU's thread. */
	void (*exit_is_hot)(struct vcpu *v, struct code_region *r, struct region_exit *x);
	/* A region could often not run, as what it counts on did not hold. On the vCPU's thread. */
	void (*refuses)(struct vcpu *v, struct code_region *r);
	/* What ran behind the block of a job; NULL: it never will. On the vCPU's thread. */
	void (*recorded)(struct vcpu *v, struct job *job, const struct block_record *record);
	/* At a quiesce point: frees what is no longer valid, or everything. */
	void (*reclaim)(bool everything);
	/* Nothing is compiled any more: LLVM's own data go when the program ends. */
	void (*stop)(void);
	/* Around fork(). */
	void (*fork_prepare)(void);
	void (*fork_done)(bool child);
	void (*stats)(void (*add)(void *opaque, const char *name, double value), void *opaque);
	void (*report)(FILE *out); /* per region, for -stats */
};

/* Whether the region's code may run now. */
static ALWAYS_INLINE bool region_may_run(struct vcpu *v, const struct code_region *r)
{
	if (UNLIKELY(v->check_aligned)) /* its probes do not ask about alignment */
		return false;
	return !r->plain_fp || r->fp_enter(v, r->plain_fp);
}

/* Runs the region's code, which may; tier_find_fault() finds it meanwhile. */
static ALWAYS_INLINE struct region_result region_call(struct vcpu *v, const struct code_region *r,
						      int64_t budget)
{
	v->region = r;
	v->budget = budget;
	struct region_result result = r->code(v, budget);
	v->region = NULL;
	if (r->plain_fp && r->exits[result.exit].kind != EXIT_LEAVE &&
	    r->exits[result.exit].kind != EXIT_RESUME) /* behind a handler that has been done */
		r->fp_leave(v, r->plain_fp);
	return result;
}

/* Whether op k of a block or job is the first one of its instruction. */
static inline bool starts_instruction(const struct op_where *where, size_t k)
{
	return k == 0 || where[k].insn != where[k - 1].insn;
}

/* With the cache locked: makes the region the entry's code, unless a block of it is gone or
 * `generation` is no longer the cache's. */
bool region_publish(struct code_region *r, unsigned int generation);
/* With the cache locked: its entry is interpreted again. */
void region_retire(struct code_region *r);
/* With the cache locked, before it is freed: its blocks forget it. */
void region_unlink(struct code_region *r);
/* A job that record_start() was given; NULL: nothing was recorded. */
void tier_recorded(struct vcpu *v, struct job *job, const struct block_record *record);
/* With the cache locked: the entries of a block are counted anew. */
void tier_count_anew(struct block *b);
/* With the cache locked: `b`, of which regions are made, is dropped. */
void tier_block_dropped(struct block *b);
/* User mode: from now on all regions are exact (the caller holds no lock). */
void tier_set_exact(void);
bool tier_is_exact(void);
/* Whether the host's pc is in the region that the vCPU runs; v->op is set then, to the op that was
 * running (where the region is not exact: to its first). */
bool tier_find_fault(struct vcpu *v, uintptr_t pc);
/* The vCPU's region has just lost a block, and it is known what it was doing. */
bool tier_region_is_stale(struct vcpu *v, uintptr_t pc);
/* A thread that takes no signals: those of the process are for threads of the guest. */
GThread *tier_thread_new(const char *name, GThreadFunc fn, void *opaque);
/* User mode, around fork(), with all vCPUs quiesced. The child compiles, too. */
void tier_fork_prepare(void);
void tier_fork_done(bool child);
/* Blocks were given up in bulk (quiesced). */
void tier_flush(void);
/* At a quiesce point, if tier_wants_reclaim(). */
void tier_reclaim(void);
bool tier_wants_reclaim(void);
/* From the module: more than enough code is dead or too much is there. */
void tier_request_reclaim(void);

void tier_stats(void (*add)(void *opaque, const char *name, double value), void *opaque);

/*
 * Runs one op of a shadow block (block_shadow()) from a region whose registers are in memory.
 * 0: leave to the loop (EXIT_LEAVE); 1: go on behind the op; 2: go on at v->one_next (EXIT_RESUME).
 */
unsigned int tier_run_one(struct vcpu *v, const struct op *shadow, int64_t budget,
			  const struct code_region *r);

handler_fn op_profile, op_run_region, op_one_done;

/* --- for the module: the block cache --- */

void code_cache_lock(void);
void code_cache_unlock(void);
/* Changes when blocks_flush_all() has freed all blocks. */
unsigned int code_cache_generation(void);
/* With the cache locked: a copy of op `i` of `b` that op_one_done follows; `op` is what to copy. */
const struct op *block_shadow(struct block *b, const struct op *op, const struct op_where *where,
			      unsigned int i);

#endif
