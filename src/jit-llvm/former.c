/*
 * Forms regions: from a hot block along the branches that are taken often, loops closed.
 *
 * How often a block was entered is known up to the threshold (block.heat). A block is a straight
 * run with side exits, so the way that branches are not taken is in it already; the blocks of taken
 * branches come in if they were entered often enough themselves. Indirect branches lead to where
 * calls within the region return to, and to where an earlier version of the region left by them.
 */
#include "jit-llvm/jit.h"

#include <string.h>

/* A block comes in if it was entered at least 1/16 as often as the hot one. */
#define COLD_SHIFT 4

struct former {
	struct vcpu *v;
	struct job *job;
	uint32_t wanted; /* entries that a block needs */
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
	       job->insns + b->insns <= JOB_MAX_INSNS && job_block_at(job, b->pc) < 0;
}

static struct block *branch_target(struct former *f, const struct op *op);

static bool is_slow(const struct job *job, const struct op *op)
{
	for (unsigned int i = 0; i < job->slow_count; i++)
		if (job->slow[i] == op)
			return true;
	return false;
}

/*
 * How many ops of a block to take. Behind a branch that seems to be taken nearly always the rest is
 * left to the interpreter; where it turns out to run often, the next version has it (is_slow).
 */
static unsigned int ops_worth(struct former *f, const struct block *b)
{
	uint32_t entered = times_entered(b);

	for (unsigned int k = 0; k + 1 < b->op_count; k++) {
		struct block *target = b->op_where[k].branch ? branch_target(f, &b->ops[k]) : NULL;
		/* (Counts end at the threshold.) */
		bool usual = target && (target == f->job->entry ||
					(target->ops[0].fn == op_profile &&
					 times_entered(target) >= entered / 8 * 7));
		if (usual && !is_slow(f->job, &b->ops[k + 1]))
			return k + 1;
	}
	return b->op_count;
}

static void add_block(struct former *f, struct block *b)
{
	struct job *job = f->job;
	struct job_block *jb = &job->blocks[job->block_count++];
	unsigned int used = ops_worth(f, b);
	struct op *ops = g_memdup2(b->ops, b->op_count * sizeof(*ops));

	ops[0].fn = b->entry_fn;
	*jb = (struct job_block){
		.block = b,
		.pc = b->pc,
		.base = b->base,
		.mode = b->mode,
		.insns = b->insns,
		.op_count = b->op_count,
		.used_ops = used,
		.single_page = b->page[1] == NO_PAGE,
		.ops = ops,
		.where = g_memdup2(b->op_where, b->op_count * sizeof(struct op_where)),
		.heat = times_entered(b),
	};
	job->insns += MIN(b->op_where[used - 1].insn + 1u, b->insns);
}

/* The block that a pc means now, if it was entered before. */
static struct block *block_known(struct former *f, uint64_t pc)
{
	return jump_cache_probe(f->v, pc);
}

/* Where a direct branch leads, if that is worth to come in. */
static struct block *branch_target(struct former *f, const struct op *op)
{
	const struct op *link = __atomic_load_n(&op->link, __ATOMIC_ACQUIRE);
	struct block *b = link ? block_of_first_op(link) : block_known(f, op->imm);

	return b && b->pc == op->imm && times_entered(b) >= f->wanted ? b : NULL;
}

static void add_branch_targets(struct former *f, unsigned int i)
{
	const struct block *b = f->job->blocks[i].block;

	for (unsigned int k = 0; k < b->op_count; k++) {
		struct block *target = b->op_where[k].branch ? branch_target(f, &b->ops[k]) : NULL;
		if (target && may_add(f, target))
			add_block(f, target);
	}
}

/* Whether the block ends in an indirect branch (or in something else that is no branch). */
static bool ends_indirectly(const struct block *b)
{
	return !b->op_where[b->op_count - 1].branch;
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

/* Blocks behind calls: where the region's returns may go. */
static void add_return_points(struct former *f)
{
	struct job *job = f->job;

	for (unsigned int i = 0; i < job->block_count; i++) {
		const struct block *b = job->blocks[i].block;
		const struct op *last = &b->ops[b->op_count - 1];
		uint64_t behind = b->pc + b->size;
		if (!b->op_where[b->op_count - 1].branch || last->imm == behind)
			continue;
		struct block *point = block_known(f, behind);
		if (point && times_entered(point) >= f->wanted && may_add(f, point))
			add_block(f, point);
	}
}

static void pair_returns(struct job *job)
{
	for (unsigned int i = 0; i < job->block_count; i++) {
		const struct block *b = job->blocks[i].block;
		if (!ends_indirectly(b))
			continue;
		for (unsigned int k = 0; k < job->block_count; k++) {
			const struct block *caller = job->blocks[k].block;
			uint64_t behind = caller->pc + caller->size;
			if (!ends_indirectly(caller) && job_block_at(job, behind) >= 0 &&
			    caller->ops[caller->op_count - 1].imm != behind)
				add_target(job, &b->ops[b->op_count - 1], behind);
		}
	}
}

static bool is_hot_exit(const struct region_exit *x, const struct region_exit *hot)
{
	return x == hot || x->count >= hot->count / 8;
}

/* What an older version of the region has shown: ops that were left to the interpreter often, and
 * where indirect branches went. */
static void learn(struct job *job, const struct code_region *old, const struct region_exit *hot)
{
	for (unsigned int i = 0; i < old->exit_count; i++) {
		const struct region_exit *x = &old->exits[i];
		if (!is_hot_exit(x, hot))
			continue;
		if ((x->kind == EXIT_INTERPRET || x->kind == EXIT_REST) &&
		    job->slow_count < G_N_ELEMENTS(job->slow))
			job->slow[job->slow_count++] = x->op;
		for (unsigned int k = 0; k < x->seen_count; k++)
			add_target(job, x->op, x->seen[k]);
	}
}

/* ... and where branches left it. */
static void add_hot_targets(struct former *f, const struct code_region *old,
			    const struct region_exit *hot)
{
	for (unsigned int i = 0; i < old->exit_count; i++) {
		const struct region_exit *x = &old->exits[i];
		struct block *b = x->kind == EXIT_BRANCH && is_hot_exit(x, hot)
					  ? branch_target(f, x->op)
					  : NULL;
		if (b && may_add(f, b))
			add_block(f, b);
	}
}

/* What earlier versions had learnt is kept. */
static void inherit(struct job *job, const struct code_region *old)
{
	const struct region_hints *h = old->hints;

	for (unsigned int i = 0; h && i < h->slow_count; i++)
		job->slow[job->slow_count++] = h->slow[i];
	for (unsigned int i = 0; h && i < h->targets->len; i++) {
		const struct job_target *t = &g_array_index(h->targets, struct job_target, i);
		add_target(job, t->op, t->pc);
	}
}

static void add_known_targets(struct former *f)
{
	for (unsigned int i = 0; i < f->job->targets->len; i++) {
		struct job_target *t = &g_array_index(f->job->targets, struct job_target, i);
		struct block *b = block_known(f, t->pc);
		if (b && may_add(f, b))
			add_block(f, b);
	}
}

struct job *job_new(struct vcpu *v, struct block *entry, struct code_region *old,
		    const struct region_exit *hot)
{
	const struct jit_isa *isa = jit_isa_find(v->cpu.class->isa);
	struct former f = {.v = v, .wanted = MAX(tier_options.threshold >> COLD_SHIFT, 1u)};

	if (!isa || entry->mode != v->mode || entry->base != v->code_base)
		return NULL;
	f.job = g_new0(struct job, 1);
	f.job->isa = isa;
	f.job->entry = entry;
	f.job->check = tier_options.accel == ACCEL_CHECK;
	f.job->old = old;
	f.job->version = old && old->hints ? old->hints->version + 1 : 0;
	f.job->targets = g_array_new(FALSE, FALSE, sizeof(struct job_target));
	code_cache_lock();
	f.job->generation = code_cache_generation();
	if (may_add(&f, entry)) {
		if (old) {
			inherit(f.job, old);
			learn(f.job, old, hot);
		}
		add_block(&f, entry);
		if (old) {
			add_hot_targets(&f, old, hot);
			add_known_targets(&f);
		}
		for (unsigned int i = 0; i < f.job->block_count; i++) {
			add_branch_targets(&f, i);
			if (i + 1 == f.job->block_count)
				add_return_points(&f);
		}
		pair_returns(f.job);
	}
	code_cache_unlock();
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
	g_free(job);
}
