/*
 * Hot blocks and compiled regions: counting, entering, leaving. See tier.h.
 *
 * What is slow here happens once in `threshold` entries or less; op_profile and op_run_region are
 * handlers like all others.
 */
#include "interp/tier.h"

#include "base/log.h"
#include "base/loop.h"
#include "interp/check.h"

#include <dlfcn.h>
#include <pthread.h>
#include <signal.h>

/* Every so many times, where an exit leads is noted. */
#define EXIT_SAMPLE	64
#define INTERRUPTED_HOT 5
#define REFUSED_HOT	256

enum module_state { MODULE_NONE, MODULE_LOADING, MODULE_READY, MODULE_FAILED };

static struct {
	uint32_t state; /* enum module_state; atomic */
	const struct tier_module *module;
	GThread *loader;
	bool reclaim; /* atomic */
	bool exact;
} tier;

/* --- loading --- */

static struct error *module_open(void)
{
	char *path = tier_module_path();
	void *handle = path ? dlopen(path, RTLD_NOW | RTLD_LOCAL) : NULL;
	const struct tier_module *m = handle ? dlsym(handle, "ratite_tier_module") : NULL;
	struct error *err = NULL;

	if (!path)
		err = error_new("the LLVM tier's module is not there");
	else if (!m)
		err = error_new("%s: %s", path, dlerror());
	else if (m->version != TIER_MODULE_VERSION)
		err = error_new("%s: of another version", path);
	else
		err = m->start();
	tier.module = m;
	g_free(path);
	return err;
}

static void *module_load(void *opaque)
{
	struct error *err = module_open();

	if (err) {
		warn_report("-accel jit: %s; the interpreter runs all code", err->message);
		error_free(err);
	}
	__atomic_store_n(&tier.state, err ? MODULE_FAILED : MODULE_READY, __ATOMIC_RELEASE);
	return NULL;
}

GThread *tier_thread_new(const char *name, GThreadFunc fn, void *opaque)
{
	sigset_t all, old;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	GThread *thread = g_thread_new(name, fn, opaque);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	return thread;
}

/* Whether the module is there; if not yet, it is on its way. */
static bool module_ready(void)
{
	uint32_t none = MODULE_NONE;

	if (__atomic_compare_exchange_n(&tier.state, &none, MODULE_LOADING, false, __ATOMIC_ACQ_REL,
					__ATOMIC_ACQUIRE)) {
		if (tier_options.sync)
			module_load(NULL);
		else
			tier.loader = tier_thread_new("jit-load", module_load, NULL);
	}
	return __atomic_load_n(&tier.state, __ATOMIC_ACQUIRE) == MODULE_READY;
}

/* --- hot blocks --- */

static void set_entry(struct block *b, uint32_t heat, handler_fn *fn)
{
	code_cache_lock();
	if (b->valid) {
		b->heat = heat;
		__atomic_store_n(&b->ops[0].fn, fn, __ATOMIC_RELEASE);
	}
	code_cache_unlock();
}

/* The block has been entered often enough. */
static NOINLINE void block_is_hot(struct vcpu *v, struct block *b)
{
	bool ready = module_ready();

	set_entry(b, tier_options.threshold, b->entry_fn);
	/* While the module is being loaded, it is counted anew; while another block's followers are
	 * being recorded, it soon comes again. */
	if (!ready && __atomic_load_n(&tier.state, __ATOMIC_ACQUIRE) != MODULE_FAILED)
		set_entry(b, tier_options.threshold, op_profile);
	else if (ready && !tier.module->promote(v, b))
		set_entry(b, MAX(tier_options.threshold / 16, 1u), op_profile);
}

static NOINLINE HANDLER void op_promote(struct vcpu *v, const struct op *op, int64_t budget)
{
	struct block *b = block_of_first_op(op);

	block_is_hot(v, b);
	if (v->recording) /* it begins here */
		MUSTTAIL return op_budget_out(v, op, budget);
	handler_fn *fn = __atomic_load_n(&op->fn, __ATOMIC_ACQUIRE);
	if (fn == op_profile)
		fn = b->entry_fn;
	MUSTTAIL return fn(v, op, budget);
}

void tier_count_anew(struct block *b)
{
	if (!b->valid || b->ops[0].fn != b->entry_fn)
		return;
	b->heat = tier_options.threshold;
	__atomic_store_n(&b->ops[0].fn, op_profile, __ATOMIC_RELEASE);
}

void tier_recorded(struct vcpu *v, struct job *job, const struct block_record *record)
{
	tier.module->recorded(v, job, record);
}

UNSANITIZED HANDLER void op_profile(struct vcpu *v, const struct op *op, int64_t budget)
{
	struct block *b = block_of_first_op(op);

	if (UNLIKELY(--b->heat == 0))
		MUSTTAIL return op_promote(v, op, budget);
	MUSTTAIL return b->entry_fn(v, op, budget);
}

/* --- regions --- */

static NOINLINE void exit_sample(struct vcpu *v, struct code_region *r, struct region_exit *x)
{
	bool known = x->kind != EXIT_DONE || x->seen_count == EXIT_TARGETS;

	for (unsigned int i = 0; i < x->seen_count && !known; i++)
		known = x->seen[i] == v->pc;
	if (!known)
		x->seen[x->seen_count++] = v->pc;
	if (x->count % EXIT_HOT == 0)
		tier.module->exit_is_hot(v, r, x);
}

/* Interruptions tell where the time goes. */
static NOINLINE void quick_region_interrupted(struct vcpu *v, struct code_region *r,
					      struct region_exit *x)
{
	if (__atomic_add_fetch(&r->interruptions, 1, __ATOMIC_RELAXED) % INTERRUPTED_HOT == 0)
		tier.module->exit_is_hot(v, r, x);
}

static NOINLINE void region_refused(struct vcpu *v, struct code_region *r)
{
	if (__atomic_add_fetch(&r->refusals, 1, __ATOMIC_RELAXED) % REFUSED_HOT == 0)
		tier.module->refuses(v, r);
}

/* Runs op itself, also where a region begins there. */
static ALWAYS_INLINE handler_fn *interpreted(const struct op *op)
{
	handler_fn *fn = __atomic_load_n(&op->fn, __ATOMIC_RELAXED);

	if (UNLIKELY(fn == op_run_region || fn == op_profile))
		fn = block_of_first_op(op)->entry_fn;
	return fn;
}

UNSANITIZED HANDLER void op_run_region(struct vcpu *v, const struct op *op, int64_t budget)
{
	struct code_region *r = __atomic_load_n(&block_of_first_op(op)->region, __ATOMIC_ACQUIRE);

	if (UNLIKELY(!region_may_run(v, r))) {
		region_refused(v, r);
		MUSTTAIL return block_of_first_op(op)->entry_fn(v, op, budget);
	}
	r->runs++;
	if (UNLIKELY(tier_options.accel == ACCEL_CHECK) && !check_region(v, r, budget))
		return;
	struct region_result result = region_call(v, r, budget);
	struct region_exit *x = &r->exits[result.exit];

	budget = result.budget;
	op = x->op;
	if (UNLIKELY(++x->count % EXIT_SAMPLE == 0))
		exit_sample(v, r, x);
	switch (x->kind) {
	case EXIT_INTERPRET:
	case EXIT_REST: {
		handler_fn *fn = interpreted(op);
		MUSTTAIL return fn(v, op, budget);
	}
	case EXIT_BRANCH: {
		const struct op *link = __atomic_load_n(&op->link, __ATOMIC_ACQUIRE);
		budget += op->x;
		if (LIKELY(link != NULL))
			ENTER_BLOCK(link);
		v->pc = op->imm;
		if (op->s)
			MUSTTAIL return op_jump_and_link(v, op, budget);
		MUSTTAIL return op_jump(v, op, budget);
	}
	case EXIT_DONE: MUSTTAIL return op_jump(v, op, budget);
	case EXIT_BUDGET:
		if (UNLIKELY(__atomic_load_n(&r->quick, __ATOMIC_RELAXED)))
			quick_region_interrupted(v, r, x);
		MUSTTAIL return op_budget_out(v, op, budget);
	case EXIT_RESUME: {
		op = v->one_next;
		handler_fn *fn = interpreted(op);
		MUSTTAIL return fn(v, op, budget);
	}
	default: return;
	}
}

UNSANITIZED HANDLER void op_one_done(struct vcpu *v, const struct op *op, int64_t budget)
{
	v->one_next = (const struct op *)(uintptr_t)op->imm;
}

static uint64_t tlb_flushes(const struct vcpu *v)
{
	return v->stats.tlb_flushes + v->stats.tlb_page_flushes;
}

unsigned int tier_run_one(struct vcpu *v, const struct op *shadow, int64_t budget,
			  const struct code_region *r)
{
	uint64_t flushes = tlb_flushes(v);

	v->one_next = NULL;
	shadow->fn(v, shadow, budget);
	if (!v->one_next)
		return 0;
	/* The region may know translations by heart. */
	if (v->one_next != (const struct op *)(uintptr_t)shadow[1].imm ||
	    flushes != tlb_flushes(v) || !__atomic_load_n(&r->valid, __ATOMIC_ACQUIRE))
		return 2;
	return 1;
}

bool region_publish(struct code_region *r, unsigned int generation)
{
	if (generation != code_cache_generation())
		return false;
	for (unsigned int i = 0; i < r->block_count; i++)
		if (!r->blocks[i]->valid)
			return false;
	for (unsigned int i = 0; i < r->block_count; i++)
		r->blocks[i]->regions = g_slist_prepend(r->blocks[i]->regions, r);
	r->valid = true;
	__atomic_store_n(&r->entry->region, r, __ATOMIC_RELEASE);
	__atomic_store_n(&r->entry->ops[0].fn, op_run_region, __ATOMIC_RELEASE);
	return true;
}

void region_retire(struct code_region *r)
{
	struct block *entry = r->entry;

	if (!r->valid)
		return;
	__atomic_store_n(&r->valid, false, __ATOMIC_RELEASE);
	if (entry->valid && entry->region == r && entry->ops[0].fn == op_run_region) {
		entry->heat = tier_options.threshold;
		__atomic_store_n(&entry->ops[0].fn, op_profile, __ATOMIC_RELEASE);
	}
}

void region_unlink(struct code_region *r)
{
	for (unsigned int i = 0; i < r->block_count; i++)
		r->blocks[i]->regions = g_slist_remove(r->blocks[i]->regions, r);
}

/* A vCPU may be in the region: others notice at their next block. Without an exit the region would
 * go on with code that is no longer there; the caller's own vCPU leaves when its store is done.
 * (Those that wait need not be woken, which would want the machine lock: that comes before the
 * cache's.) */
static void send_others_out(void)
{
	struct cpu *self = cpu_current();

	if (exec_options.icount)
		return;
	for (struct cpu *cpu = cpu_first(); cpu; cpu = cpu->next)
		if (cpu != self)
			__atomic_store_n(&cpu->exit_request, 1, __ATOMIC_SEQ_CST);
}

void tier_block_dropped(struct block *b)
{
	for (GSList *i = b->regions; i; i = i->next)
		region_retire(i->data);
	g_slist_free(b->regions);
	b->regions = NULL;
	send_others_out();
}

/* --- faults in user mode --- */

void tier_set_exact(void)
{
	if (tier.exact)
		return;
	machine_lock();
	machine_quiesce();
	tier.exact = true;
	blocks_flush_all();
	machine_resume();
	machine_unlock();
}

bool tier_is_exact(void)
{
	return tier.exact;
}

bool tier_find_fault(struct vcpu *v, uintptr_t pc)
{
	const struct code_region *r = v->region;

	if (!r || pc - r->code_address >= r->code_size)
		return false;
	v->op = r->exact ? r->fault_ops[v->region_op] : r->entry->ops;
	return true;
}

bool tier_region_is_stale(struct vcpu *v, uintptr_t pc)
{
	const struct code_region *r = v->region;

	return r && !__atomic_load_n(&r->valid, __ATOMIC_ACQUIRE) && r->exact &&
	       tier_find_fault(v, pc);
}

/* --- fork() --- */

void tier_fork_prepare(void)
{
	/* The thread that loads the module holds the dynamic linker's locks. */
	while (__atomic_load_n(&tier.state, __ATOMIC_ACQUIRE) == MODULE_LOADING)
		g_usleep(1000);
	if (__atomic_load_n(&tier.state, __ATOMIC_ACQUIRE) == MODULE_READY)
		tier.module->fork_prepare();
}

void tier_fork_done(bool child)
{
	if (__atomic_load_n(&tier.state, __ATOMIC_ACQUIRE) == MODULE_READY)
		tier.module->fork_done(child);
}

void tier_flush(void)
{
	if (__atomic_load_n(&tier.state, __ATOMIC_ACQUIRE) == MODULE_READY)
		tier.module->reclaim(true);
}

void tier_reclaim(void)
{
	__atomic_store_n(&tier.reclaim, false, __ATOMIC_RELEASE);
	if (__atomic_load_n(&tier.state, __ATOMIC_ACQUIRE) == MODULE_READY)
		tier.module->reclaim(false);
}

bool tier_wants_reclaim(void)
{
	return __atomic_load_n(&tier.reclaim, __ATOMIC_ACQUIRE);
}

void tier_request_reclaim(void)
{
	__atomic_store_n(&tier.reclaim, true, __ATOMIC_RELEASE);
}

void tier_stop(void)
{
	if (tier.loader)
		g_thread_join(tier.loader);
	if (__atomic_load_n(&tier.state, __ATOMIC_ACQUIRE) == MODULE_READY)
		tier.module->stop();
}

void tier_stats(void (*add)(void *opaque, const char *name, double value), void *opaque)
{
	if (__atomic_load_n(&tier.state, __ATOMIC_ACQUIRE) == MODULE_READY)
		tier.module->stats(add, opaque);
}

void tier_report(FILE *out)
{
	if (__atomic_load_n(&tier.state, __ATOMIC_ACQUIRE) == MODULE_READY)
		tier.module->report(out);
}
