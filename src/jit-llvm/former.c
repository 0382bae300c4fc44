/*
 * Forms regions: from a hot block along the ways that run most often, loops closed.
 *
 * What ran behind the hot block has been recorded (interp/record.h): how often blocks were entered
 * and by which ways. A region grows by segments: a block from its start, or from behind one of its
 * branches, to the next branch. The segment that ran most comes in first, so what is compiled hangs
 * together and is hot. Ways by which an earlier version of the region was left often come in as if
 * they ran as often as the entry.
 */
#include "jit-llvm/jit.h"

#include "interp/record.h"

#include <string.h>

/* What ran less often than the entry by this stays out. */
#define COLD_FACTOR 64

/* A way that was taken from one block to another. */
struct way {
	struct block *to;
	unsigned int count;
};

/* A block in the record. */
struct seen {
	unsigned int count;
	GArray *ways; /* struct way */
};

/* What may come in next. */
struct candidate {
	unsigned int weight;
	struct block *block;   /* from its start, or ... */
	int grown;	       /* ... index of the region's block that may go on; -1 */
	unsigned int grown_to; /* ... from this op */
};

struct former {
	struct job *job;
	GArray *candidates;   /* struct candidate */
	GHashTable *seen;     /* struct block -> struct seen */
	GHashTable *by_pc;    /* pc -> struct block in the record */
	unsigned int minimum; /* weight */
	unsigned int returns; /* weight of the heaviest indirect branch in the region */
};

/* --- the record --- */

static void seen_free(void *p)
{
	struct seen *s = p;

	g_array_free(s->ways, TRUE);
	g_free(s);
}

static struct seen *seen_get(struct former *f, struct block *b)
{
	struct seen *s = g_hash_table_lookup(f->seen, b);

	if (s)
		return s;
	s = g_new0(struct seen, 1);
	s->ways = g_array_new(FALSE, FALSE, sizeof(struct way));
	g_hash_table_insert(f->seen, b, s);
	if (b->valid && b->base == f->job->entry->base && b->mode == f->job->entry->mode)
		g_hash_table_insert(f->by_pc, &b->pc, b);
	return s;
}

static void count_way(struct seen *from, struct block *to)
{
	for (unsigned int i = 0; i < from->ways->len; i++) {
		struct way *w = &g_array_index(from->ways, struct way, i);
		if (w->to == to) {
			w->count++;
			return;
		}
	}
	struct way way = {to, 1};
	g_array_append_val(from->ways, way);
}

static void read_record(struct former *f, const struct block_record *record)
{
	struct seen *last = NULL;

	for (unsigned int i = 0; i < record->count; i++) {
		struct seen *s = seen_get(f, record->blocks[i]);
		s->count++;
		if (last)
			count_way(last, record->blocks[i]);
		last = s;
	}
}

static unsigned int times_entered(struct former *f, struct block *b)
{
	const struct seen *s = g_hash_table_lookup(f->seen, b);

	return s ? s->count : 0;
}

/* The block at a pc, as far as is known. */
static struct block *block_known(struct former *f, uint64_t pc)
{
	return g_hash_table_lookup(f->by_pc, &pc);
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

static void propose(struct former *f, struct block *b, unsigned int weight)
{
	struct candidate c = {weight, b, -1, 0};

	if (b && weight >= f->minimum)
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

/* How often a branch of a block was taken; an earlier one to the same place has it all. */
static unsigned int times_taken(struct former *f, const struct job_block *jb, unsigned int k)
{
	const struct seen *s = g_hash_table_lookup(f->seen, jb->block);
	const struct op *ops = jb->block->ops;
	unsigned int count = 0;

	if (!jb->where[k].branch || !s)
		return 0;
	for (unsigned int i = 0; i < k; i++)
		if (jb->where[i].branch && ops[i].imm == ops[k].imm)
			return 0;
	for (unsigned int i = 0; i < s->ways->len; i++) {
		const struct way *w = &g_array_index(s->ways, struct way, i);
		if (w->to->pc == ops[k].imm)
			count += w->count;
	}
	return count;
}

/* How often op k of a block was reached. */
static unsigned int weight_at(struct former *f, const struct job_block *jb, unsigned int k)
{
	unsigned int taken = 0;

	if (k < jb->op_count && job_has_hint(f->job, &jb->block->ops[k], EXIT_REST))
		return f->job->blocks[0].weight;
	for (unsigned int i = 0; i < k; i++)
		taken += times_taken(f, jb, i);
	return jb->weight > taken ? jb->weight - taken : 0;
}

/* The block goes on behind what is used of it. */
static void propose_rest(struct former *f, unsigned int i)
{
	const struct job_block *jb = &f->job->blocks[i];
	struct candidate c = {weight_at(f, jb, jb->used_ops), NULL, (int)i, jb->used_ops};

	if (jb->used_ops < jb->op_count && jb->joins < 0 && c.weight >= f->minimum)
		g_array_append_val(f->candidates, c);
}

/* Where a direct branch leads, if that was entered before. */
static struct block *branch_target(struct former *f, const struct op *op)
{
	const struct op *link = __atomic_load_n(&op->link, __ATOMIC_ACQUIRE);
	struct block *b = link ? block_of_first_op(link) : block_known(f, op->imm);

	return b && b->pc == op->imm ? b : NULL;
}

static void propose_target(struct former *f, const struct job_block *jb, unsigned int k)
{
	const struct op *op = &jb->block->ops[k];
	unsigned int weight = times_taken(f, jb, k);

	if (job_has_hint(f->job, op, EXIT_BRANCH))
		weight = MAX(weight, f->job->blocks[0].weight);
	propose(f, branch_target(f, op), weight);
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
	struct block *point = block_known(f, caller->pc + caller->block->size);

	if (point)
		propose(f, point, MIN(times_entered(f, point), f->returns));
}

/* Where an indirect branch went: as recorded, and by the exits of an earlier version. */
static void propose_indirect(struct former *f, const struct job_block *jb)
{
	const struct op *last = &jb->block->ops[jb->op_count - 1];
	const struct seen *s = g_hash_table_lookup(f->seen, jb->block);

	for (unsigned int i = 0; s && i < s->ways->len; i++) {
		const struct way *w = &g_array_index(s->ways, struct way, i);
		bool direct = false;
		for (unsigned int k = 0; k < jb->op_count; k++)
			direct |= jb->where[k].branch && jb->block->ops[k].imm == w->to->pc;
		if (!direct && w->count >= f->minimum) {
			add_target(f->job, last, w->to->pc);
			propose(f, w->to, w->count);
		}
	}
	for (unsigned int k = 0; k < f->job->targets->len; k++) {
		const struct job_target *t = &g_array_index(f->job->targets, struct job_target, k);
		if (t->op == last)
			propose(f, block_known(f, t->pc), f->job->blocks[0].weight);
	}
}

/* What may follow the end of a block. */
static void propose_ways_of_end(struct former *f, unsigned int i)
{
	const struct job_block *jb = &f->job->blocks[i];

	if (ends_in_call(jb)) {
		if (f->returns > 0)
			propose_return_point(f, jb);
		return;
	}
	if (!ends_indirectly(jb))
		return;
	propose_indirect(f, jb);
	if (jb->weight <= f->returns)
		return;
	f->returns = jb->weight;
	for (unsigned int k = 0; k < f->job->block_count; k++)
		if (ends_in_call(&f->job->blocks[k]))
			propose_return_point(f, &f->job->blocks[k]);
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
static void join(struct former *f, unsigned int from, unsigned int to)
{
	struct job *job = f->job;
	struct job_block *jb = &job->blocks[from];
	int k = op_at_block(jb, &job->blocks[to]);

	if (k < 0)
		return;
	job->blocks[to].weight += weight_at(f, jb, (unsigned int)k);
	set_used_ops(job, jb, (unsigned int)k);
	jb->joins = (int)to;
	propose_rest(f, to);
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
		join(f, i, n);
	if (jb->joins >= 0)
		return;
	if (jb->where[k].branch)
		propose_target(f, jb, k);
	propose_rest(f, i);
	if (k + 1 == jb->op_count)
		propose_ways_of_end(f, i);
}

static struct job_block *copy_block(struct job *job, struct block *b)
{
	struct job_block *jb = &job->blocks[job->block_count++];
	struct op *ops = g_memdup2(b->ops, b->op_count * sizeof(*ops));

	ops[0].fn = b->entry_fn;
	*jb = (struct job_block){
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
	};
	job->exact |= b->writable;
	return jb;
}

static void add_block(struct former *f, struct block *b, unsigned int weight)
{
	struct job *job = f->job;
	unsigned int added = job->block_count;

	copy_block(job, b)->weight = MAX(weight, times_entered(f, b));
	for (unsigned int i = 0; i < added; i++)
		join(f, i, added);
	grow(f, added);
}

static void add_heaviest(struct former *f)
{
	struct candidate c;

	while (f->job->insns < JOB_MAX_INSNS && take_heaviest(f, &c)) {
		if (c.grown >= 0 && f->job->blocks[c.grown].used_ops == c.grown_to)
			grow(f, (unsigned int)c.grown);
		else if (c.grown >= 0)
			continue; /* it has grown already */
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

static void learn(struct job *job, const struct region_hints *hints)
{
	for (unsigned int i = 0; i < hints->exits->len; i++) {
		const struct job_hint *h = &g_array_index(hints->exits, struct job_hint, i);
		add_hint(job, h->op, h->kind);
	}
	for (unsigned int i = 0; i < hints->targets->len; i++) {
		const struct job_target *t = &g_array_index(hints->targets, struct job_target, i);
		add_target(job, t->op, t->pc);
	}
}

static void learn_exits(struct job *job, const struct code_region *old,
			const struct region_exit *hot)
{
	for (unsigned int i = 0; i < old->exit_count; i++) {
		const struct region_exit *x = &old->exits[i];
		if (x != hot && x->count < hot->count / 8)
			continue;
		add_hint(job, x->op, x->kind);
		for (unsigned int k = 0; k < x->seen_count; k++)
			add_target(job, x->op, x->seen[k]);
	}
}

static const struct tlb_entry *tlb_entry_of(const struct vcpu *v, uint64_t page)
{
	const struct tlb *t = &v->tlbs[v->mmu_mode];

	return &t->entries[page >> GUEST_PAGE_BITS & ((UINT64_C(1) << t->bits) - 1)];
}

/* The page of the code that is about to run, unless the ISA has a page for nothing. */
static void set_first_page(struct job *job, struct vcpu *v)
{
	uint64_t page = (job->entry->base + job->entry->pc) & GUEST_PAGE_MASK;

	if (job->isa->no_page) {
		job->first_page = job->isa->no_page;
		return;
	}
	if (tlb_entry_of(v, page)->exec != page)
		v->isa->tlb_fill(v, page, 1, ACCESS_EXEC, v->mmu_mode, true);
	const struct tlb_entry *e = tlb_entry_of(v, page);
	if (e->exec == page && e->read == page) {
		job->first_page = page;
		job->first_addend = e->addend;
	}
}

static struct job *job_empty(struct vcpu *v, struct block *entry)
{
	const struct jit_isa *isa = jit_isa_find(v->cpu.class->isa);
	struct job *job = g_new0(struct job, 1);

	job->isa = isa;
	job->entry = entry;
	job->check = tier_options.accel == ACCEL_CHECK;
	job->direct = v->direct;
	job->exact = v->direct && (job->check || tier_is_exact());
	job->plain_fp = isa && isa->fp_plain ? isa->fp_plain(v) : 0;
	job->only_vcpu = cpu_first() && !cpu_first()->next;
	if (isa && !job->direct)
		set_first_page(job, v);
	job->targets = g_array_new(FALSE, FALSE, sizeof(struct job_target));
	job->hints = g_array_new(FALSE, FALSE, sizeof(struct job_hint));
	return job;
}

/* Values that it once did not do to count on are not counted on again. */
static void keep_plain_fp(struct job *job, const struct code_region *old)
{
	if (!(old->hints->plain_fp & ~FP_QUESTION_MASK))
		job->plain_fp &= FP_QUESTION_MASK;
}

struct job *job_new(struct vcpu *v, struct block *entry, struct code_region *old,
		    const struct region_exit *hot)
{
	struct job *job = job_empty(v, entry);

	job->old = old;
	job->generation = code_cache_generation();
	if (old && old->hints) {
		job->thorough = old->hints->thorough;
		keep_plain_fp(job, old);
		job->version = old->hints->version + 1;
		learn(job, old->hints);
		learn_exits(job, old, hot);
	}
	return job;
}

bool job_form(struct job *job, const struct block_record *record)
{
	struct former f = {.job = job};

	if (!job->isa)
		return false;
	code_cache_lock();
	if (job->generation == code_cache_generation() && job->generation == record->generation &&
	    may_add(&f, job->entry)) {
		f.candidates = g_array_new(FALSE, FALSE, sizeof(struct candidate));
		f.seen = g_hash_table_new_full(g_direct_hash, g_direct_equal, NULL, seen_free);
		f.by_pc = g_hash_table_new(g_int64_hash, g_int64_equal);
		read_record(&f, record);
		f.minimum = MAX(times_entered(&f, job->entry) / COLD_FACTOR, 1u);
		if (times_entered(&f, job->entry)) {
			add_block(&f, job->entry, 0);
			add_heaviest(&f);
			pair_returns(job);
			/* Faults must find the flags, too. */
			if (job->exact)
				job->plain_fp = 0;
		}
		g_hash_table_destroy(f.by_pc);
		g_hash_table_destroy(f.seen);
		g_array_free(f.candidates, TRUE);
	}
	code_cache_unlock();
	return job->block_count > 0;
}

GArray *job_shape(const struct job *job)
{
	GArray *shape = g_array_new(FALSE, FALSE, sizeof(struct job_part));

	for (unsigned int i = 0; i < job->block_count; i++) {
		const struct job_block *jb = &job->blocks[i];
		struct job_part part = {jb->block, jb->used_ops, jb->joins};
		g_array_append_val(shape, part);
	}
	return shape;
}

struct job *job_again(struct vcpu *v, struct code_region *old)
{
	struct job *job = job_empty(v, old->entry);
	const GArray *shape = old->hints->shape;

	job->old = old;
	job->version = old->hints->version;
	job->thorough = true;
	job->insns = old->insns;
	keep_plain_fp(job, old);
	learn(job, old->hints);
	code_cache_lock();
	job->generation = code_cache_generation();
	/* While it is valid, so are its blocks. */
	for (unsigned int i = 0; i < shape->len && old->valid; i++) {
		const struct job_part *part = &g_array_index(shape, struct job_part, i);
		struct job_block *jb = copy_block(job, part->block);
		jb->used_ops = part->used_ops;
		jb->joins = part->joins;
	}
	code_cache_unlock();
	if (job->exact)
		job->plain_fp = 0;
	return job;
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
