/*
 * Forms regions: from a hot block along the ways that run most often, loops closed.
 *
 * A region grows by segments: a block from its start, or from behind one of its branches, to the
 * next branch. Each candidate has a weight, an estimate of how often it runs for each run of the
 * entry; the heaviest comes in first, so what is compiled hangs together and is hot. Estimates come
 * from how often blocks were entered (counted up to the threshold) and from the exits by which an
 * earlier version of the region was left often. Indirect branches lead to where calls within the
 * region return to, and to where that version left by them.
 */
#include "jit-llvm/jit.h"

#include <string.h>

/* What weighs less stays out. */
#define WEIGHT_MIN (1.0F / 32)
/* At least so much of the weight is behind a branch whose target was entered as often as it: a loop
 * goes back most times, of others little is known. */
#define FALL_LOOP    (1.0F / 16)
#define FALL_FORWARD (1.0F / 4)
#define RETURN_POINT 0.5F

/* What may come in next. */
struct candidate {
	float weight;
	struct block *block; /* from its start, or ... */
	int grown;	     /* ... index of the region's block that may go on; -1 */
};

struct former {
	struct vcpu *v;
	struct job *job;
	GArray *candidates; /* struct candidate */
	float returns;	    /* weight of the heaviest indirect branch in the region */
};

static uint32_t times_entered(const struct block *b)
{
	if (b->entry_fn != b->ops[0].fn && b->ops[0].fn == op_profile)
		return tier_options.threshold - b->heat;
	return tier_options.threshold;
}

int job_block_at(const struct job *job, uint64_t pc)
{
	for (unsigned int i = 0; i < job->block_count; i++)
		if (job->blocks[i].pc == pc)
			return (int)i;
	return -1;
}

bool job_has_hint(const struct job *job, const struct op *op, enum region_exit_kind kind)
{
	for (unsigned int i = 0; i < job->hints->len; i++) {
		const struct job_hint *h = &g_array_index(job->hints, struct job_hint, i);
		if (h->op == op && h->kind == kind)
			return true;
	}
	return false;
}

static void add_hint(struct job *job, const struct op *op, enum region_exit_kind kind)
{
	struct job_hint hint = {op, kind};

	if (!job_has_hint(job, op, kind))
		g_array_append_val(job->hints, hint);
}

static void add_target(struct job *job, const struct op *op, uint64_t pc)
{
	unsigned int of_op = 0;

	for (unsigned int i = 0; i < job->targets->len; i++) {
		const struct job_target *t = &g_array_index(job->targets, struct job_target, i);
		if (t->op == op && t->pc == pc)
			return;
		of_op += t->op == op;
	}
	struct job_target target = {op, pc};
	if (of_op < JOB_MAX_TARGETS)
		g_array_append_val(job->targets, target);
}

/* --- candidates --- */

static void propose(struct former *f, struct block *b, int grown, float weight)
{
	struct candidate c = {weight, b, grown};

	if (weight >= WEIGHT_MIN && (b || grown >= 0))
		g_array_append_val(f->candidates, c);
}

static bool take_heaviest(struct former *f, struct candidate *out)
{
	struct candidate *all = (struct candidate *)(void *)f->candidates->data;
	unsigned int best = 0;

	if (!f->candidates->len)
		return false;
	for (unsigned int i = 1; i < f->candidates->len; i++)
		if (all[i].weight > all[best].weight)
			best = i;
	*out = all[best];
	g_array_remove_index(f->candidates, best); /* keeps the order of equals */
	return true;
}

/* The block that a pc means now, if it was entered before. */
static struct block *block_known(struct former *f, uint64_t pc)
{
	return jump_cache_probe(f->v, pc);
}

/* Where a direct branch leads, if that was entered before. */
static struct block *branch_target(struct former *f, const struct op *op)
{
	const struct op *link = __atomic_load_n(&op->link, __ATOMIC_ACQUIRE);
	struct block *b = link ? block_of_first_op(link) : block_known(f, op->imm);

	return b && b->pc == op->imm ? b : NULL;
}

static void propose_ways_of_branch(struct former *f, unsigned int i, unsigned int k)
{
	const struct job_block *jb = &f->job->blocks[i];
	const struct op *op = &jb->block->ops[k];
	struct block *target = branch_target(f, op);
	float here = (float)jb->heat * jb->weight / jb->entry_weight, taken = 0, fall = 1;

	if (target)
		taken = MIN(1, (float)times_entered(target) / MAX(here, 1));
	if (taken > 0)
		fall = MAX(1 - taken,
			   op->imm <= jb->pc + jb->where[k].offset ? FALL_LOOP : FALL_FORWARD);
	if (job_has_hint(f->job, op, EXIT_BRANCH))
		taken = 1;
	if (k + 1 == jb->op_count) {
		propose(f, target, -1, jb->weight);
		return;
	}
	if (job_has_hint(f->job, op + 1, EXIT_REST))
		fall = 1;
	propose(f, target, -1, jb->weight * taken);
	f->job->blocks[i].weight *= fall;
	propose(f, NULL, (int)i, f->job->blocks[i].weight);
}

static bool ends_indirectly(const struct job_block *jb)
{
	return jb->used_ops == jb->op_count && !jb->where[jb->op_count - 1].branch;
}

/* Whether it ends in a direct branch to somewhere else: perhaps a call. */
static bool ends_in_call(const struct job_block *jb)
{
	const struct block *b = jb->block;

	return jb->used_ops == jb->op_count && jb->where[jb->op_count - 1].branch &&
	       b->ops[b->op_count - 1].imm != b->pc + b->size;
}

/* The way behind a call is open once something in the region returns. */
static void propose_return_point(struct former *f, const struct job_block *caller)
{
	propose(f, block_known(f, caller->pc + caller->block->size), -1,
		MIN(caller->weight, f->returns) * RETURN_POINT);
}

/* What may follow the end of a block: of an indirect branch, or behind a call. */
static void propose_ways_of_end(struct former *f, unsigned int i)
{
	const struct job_block *jb = &f->job->blocks[i];
	const struct op *last = &jb->block->ops[jb->op_count - 1];

	for (unsigned int k = 0; k < f->job->targets->len; k++) {
		const struct job_target *t = &g_array_index(f->job->targets, struct job_target, k);
		if (t->op == last)
			propose(f, block_known(f, t->pc), -1, jb->weight);
	}
	if (ends_in_call(jb)) {
		if (f->returns > 0)
			propose_return_point(f, jb);
	} else if (ends_indirectly(jb) && jb->weight > f->returns) {
		f->returns = jb->weight;
		for (unsigned int k = 0; k < f->job->block_count; k++)
			if (ends_in_call(&f->job->blocks[k]))
				propose_return_point(f, &f->job->blocks[k]);
	}
}

/* --- the region's blocks --- */

/* Not so where a debugger stops at its first instruction. */
static bool is_plain(const struct block *b)
{
	handler_fn *fn = b->ops[0].fn;

	return fn == b->entry_fn || fn == op_profile || fn == op_run_region;
}

static bool may_add(const struct former *f, const struct block *b)
{
	const struct job *job = f->job;

	return is_plain(b) && b->valid && b->cached && b->base == job->entry->base &&
	       b->mode == job->entry->mode && job->block_count < JOB_MAX_BLOCKS &&
	       job_block_at(job, b->pc) < 0;
}

/* Instructions of a block that are compiled. */
static unsigned int insns_used(const struct job_block *jb)
{
	return jb->used_ops ? MIN(jb->where[jb->used_ops - 1].insn + 1u, jb->insns) : 0;
}

static void set_used_ops(struct job *job, struct job_block *jb, unsigned int count)
{
	job->insns -= insns_used(jb);
	jb->used_ops = count;
	job->insns += insns_used(jb);
}

/* The op of `jb` that begins at a block of the region, or -1. */
static int op_at_block(const struct job_block *jb, const struct job_block *other)
{
	uint64_t offset = other->pc - jb->pc;

	if (offset == 0 || offset >= jb->block->size || !jb->single_page || !other->single_page)
		return -1;
	for (unsigned int k = 1; k <= jb->used_ops && k < jb->op_count; k++)
		if (jb->where[k].offset == offset)
			return jb->where[k].context == (other->mode & CONTEXT_MASK) >> CONTEXT_SHIFT
				       ? (int)k
				       : -1;
	return -1;
}

/* Blocks overlap, as a branch may lead into the middle of one: what they share is compiled once. */
static void join(struct job *job, unsigned int from, unsigned int to)
{
	struct job_block *jb = &job->blocks[from];
	int k = op_at_block(jb, &job->blocks[to]);

	if (k < 0)
		return;
	set_used_ops(job, jb, (unsigned int)k);
	jb->joins = (int)to;
}

/* Takes the next segment of a block in. */
static void grow(struct former *f, unsigned int i)
{
	struct job *job = f->job;
	struct job_block *jb = &job->blocks[i];
	unsigned int k = jb->used_ops;

	if (jb->joins >= 0 || k == jb->op_count)
		return;
	while (!jb->where[k].branch && k + 1 < jb->op_count)
		k++;
	set_used_ops(job, jb, k + 1);
	for (unsigned int n = 0; n < job->block_count; n++)
		join(job, i, n);
	if (jb->joins >= 0)
		return;
	if (jb->where[k].branch)
		propose_ways_of_branch(f, i, k);
	if (k + 1 == jb->op_count)
		propose_ways_of_end(f, i);
}

static void add_block(struct former *f, struct block *b, float weight)
{
	struct job *job = f->job;
	unsigned int added = job->block_count++;
	struct op *ops = g_memdup2(b->ops, b->op_count * sizeof(*ops));

	ops[0].fn = b->entry_fn;
	job->blocks[added] = (struct job_block){
		.block = b,
		.pc = b->pc,
		.base = b->base,
		.mode = b->mode,
		.insns = b->insns,
		.op_count = b->op_count,
		.joins = -1,
		.single_page = b->page[1] == NO_PAGE,
		.ops = ops,
		.where = g_memdup2(b->op_where, b->op_count * sizeof(struct op_where)),
		.heat = times_entered(b),
		.weight = weight,
		.entry_weight = weight,
	};
	for (unsigned int i = 0; i < added; i++)
		join(job, i, added);
	grow(f, added);
}

static void add_heaviest(struct former *f)
{
	struct candidate c;

	while (f->job->insns < JOB_MAX_INSNS && take_heaviest(f, &c)) {
		if (c.grown >= 0)
			grow(f, (unsigned int)c.grown);
		else if (may_add(f, c.block))
			add_block(f, c.block, c.weight);
	}
}

static void pair_returns(struct job *job)
{
	for (unsigned int i = 0; i < job->block_count; i++) {
		const struct block *b = job->blocks[i].block;
		if (!ends_indirectly(&job->blocks[i]))
			continue;
		for (unsigned int k = 0; k < job->block_count; k++) {
			const struct block *caller = job->blocks[k].block;
			uint64_t behind = caller->pc + caller->size;
			if (ends_in_call(&job->blocks[k]) && job_block_at(job, behind) >= 0)
				add_target(job, &b->ops[b->op_count - 1], behind);
		}
	}
}

/* --- what an earlier version knew and showed --- */

static void learn(struct job *job, const struct code_region *old, const struct region_exit *hot)
{
	for (unsigned int i = 0; i < old->hints->exits->len; i++) {
		const struct job_hint *h = &g_array_index(old->hints->exits, struct job_hint, i);
		add_hint(job, h->op, h->kind);
	}
	for (unsigned int i = 0; i < old->hints->targets->len; i++) {
		const struct job_target *t =
			&g_array_index(old->hints->targets, struct job_target, i);
		add_target(job, t->op, t->pc);
	}
	for (unsigned int i = 0; i < old->exit_count; i++) {
		const struct region_exit *x = &old->exits[i];
		if (x != hot && x->count < hot->count / 8)
			continue;
		add_hint(job, x->op, x->kind);
		for (unsigned int k = 0; k < x->seen_count; k++)
			add_target(job, x->op, x->seen[k]);
	}
}

static struct job *job_empty(struct vcpu *v, const struct jit_isa *isa, struct block *entry)
{
	struct job *job = g_new0(struct job, 1);

	job->isa = isa;
	job->entry = entry;
	job->check = tier_options.accel == ACCEL_CHECK;
	job->plain_fp = isa->fp_is_plain && isa->fp_is_plain(v);
	job->targets = g_array_new(FALSE, FALSE, sizeof(struct job_target));
	job->hints = g_array_new(FALSE, FALSE, sizeof(struct job_hint));
	return job;
}

struct job *job_new(struct vcpu *v, struct block *entry, struct code_region *old,
		    const struct region_exit *hot)
{
	const struct jit_isa *isa = jit_isa_find(v->cpu.class->isa);
	struct former f = {.v = v};

	if (!isa || entry->mode != v->mode || entry->base != v->code_base)
		return NULL;
	f.job = job_empty(v, isa, entry);
	f.candidates = g_array_new(FALSE, FALSE, sizeof(struct candidate));
	f.job->old = old;
	f.job->version = old && old->hints ? old->hints->version + 1 : 0;
	code_cache_lock();
	f.job->generation = code_cache_generation();
	if (may_add(&f, entry)) {
		if (old && old->hints)
			learn(f.job, old, hot);
		add_block(&f, entry, 1);
		add_heaviest(&f);
		pair_returns(f.job);
	}
	code_cache_unlock();
	g_array_free(f.candidates, TRUE);
	if (f.job->block_count)
		return f.job;
	job_free(f.job);
	return NULL;
}

void job_free(struct job *job)
{
	for (unsigned int i = 0; i < job->block_count; i++) {
		g_free((void *)job->blocks[i].ops);
		g_free((void *)job->blocks[i].where);
	}
	g_array_free(job->targets, TRUE);
	g_array_free(job->hints, TRUE);
	g_free(job);
}
