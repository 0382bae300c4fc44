/*
 * The module as the core sees it: queue, workers, publication, reclamation, statistics.
 *
 * Locks: `lock` guards the queue and the list of regions. The block cache's lock is taken inside of
 * it, never the other way round.
 */
#include "jit-llvm/jit.h"

#include "base/clock.h"
#include "base/log.h"

#include <dlfcn.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

/* A job that waits longer is given up: its block is counted anew, as what is hot now comes first.
 */
#define STALE_NS (INT64_C(500) * 1000 * 1000)

/* A region is formed anew this often at most; each version waits four times as long for more to be
 * known. */
#define MAX_VERSIONS 6
#define QUEUE_MAX    2000

static struct {
	GMutex lock;
	GCond work;
	GRWLock compiling; /* readers are in LLVM; the writer ends the program */
	GQueue queue;	   /* struct job */
	struct code_region *regions;
	uint64_t code_bytes, dead_bytes;
	struct compiler *foreground;	    /* of -accel sync */
	struct compiler *compilers[64];	    /* of the workers */
	unsigned int workers, workers_lost; /* those that fork() has left behind */
	uint64_t compiled, failed, outdated, published, freed, instructions, blocks;
	int64_t compile_ns;
} m;

static void region_free(struct code_region *r)
{
	code_free(r);
	if (r->hints) {
		g_array_free(r->hints->targets, TRUE);
		g_array_free(r->hints->exits, TRUE);
		if (r->hints->shape)
			g_array_free(r->hints->shape, TRUE);
		g_free(r->hints);
	}
	g_free(r->blocks);
	g_free(r->exits);
	g_free(r->fault_ops);
	g_free(r);
}

/* --- publication --- */

static void keep_hints(struct code_region *r, const struct job *job)
{
	struct region_hints *h = g_new0(struct region_hints, 1);

	h->targets = g_array_copy(job->targets);
	h->exits = g_array_copy(job->hints);
	h->version = job->version;
	h->thorough = job->thorough;
	h->shape = r->quick ? job_shape(job) : NULL;
	h->plain_fp = job->plain_fp;
	r->hints = h;
}

/* The region that a job is to replace, if it is still there. `lock` is held. */
static struct code_region *region_of(const struct job *job)
{
	for (struct code_region *r = m.regions; r; r = r->next)
		if (r == job->old)
			return r;
	return NULL;
}

/* The region that the job replaces is left by whoever is in it, and freed at the next quiesce. */
static void retire_old(const struct job *job)
{
	struct code_region *old = region_of(job);

	if (old)
		__atomic_store_n(&old->valid, false, __ATOMIC_RELEASE);
}

/* Makes the region current, unless its code has changed meanwhile. `lock` is held. */
static void commit(struct code_region *r, const struct job *job)
{
	code_cache_lock();
	bool ok = region_publish(r, job->generation);
	if (ok && job->old)
		retire_old(job);
	code_cache_unlock();
	m.compiled++;
	m.instructions += r->insns;
	m.blocks += r->block_count;
	m.compile_ns += r->compile_ns;
	if (!ok) {
		m.outdated++;
		region_free(r);
		return;
	}
	m.published++;
	r->next = m.regions;
	m.regions = r;
	m.code_bytes += r->code_size;
	if (tier_options.perf_map)
		perfmap_add(r->code_address, r->code_size, job->blocks[0].pc);
	if (m.code_bytes > (uint64_t)tier_options.code_mib << 20)
		tier_request_reclaim();
}

static void stop(void)
{
	g_rw_lock_writer_lock(&m.compiling); /* for ever */
}

static void do_job(struct compiler *c, struct job *job)
{
	struct code_region *r = NULL;

	code_cache_lock();
	bool current = job->generation == code_cache_generation();
	if (current && !tier_options.sync && host_monotonic_ns() - job->queued_ns > STALE_NS) {
		tier_count_anew(job->entry);
		current = false;
	}
	for (unsigned int i = 0; current && i < job->block_count; i++)
		current &= job->blocks[i].block->valid;
	code_cache_unlock();
	g_rw_lock_reader_lock(&m.compiling);
	if (current)
		r = compile_job(c, job);
	g_mutex_lock(&m.lock);
	if (r) {
		keep_hints(r, job);
		commit(r, job);
	} else if (current) {
		m.failed++;
	} else {
		struct code_region *old = region_of(job);
		if (old)
			__atomic_store_n(&old->replaced, false, __ATOMIC_RELAXED);
		m.outdated++;
	}
	g_mutex_unlock(&m.lock);
	g_rw_lock_reader_unlock(&m.compiling);
	job_free(job);
}

static void *worker(void *opaque)
{
	struct compiler *c = opaque;

	id_t self = (id_t)syscall(SYS_gettid);

	setpriority(PRIO_PROCESS, self, getpriority(PRIO_PROCESS, self) + 4); /* vCPUs come first */
	for (;;) {
		g_mutex_lock(&m.lock);
		while (g_queue_is_empty(&m.queue))
			g_cond_wait(&m.work, &m.lock);
		struct job *job = g_queue_pop_head(&m.queue);
		g_mutex_unlock(&m.lock);
		do_job(c, job);
	}
	return NULL;
}

static void start_workers(unsigned int count)
{
	for (unsigned int i = 0; i < count; i++)
		g_thread_unref(tier_thread_new("jit", worker, m.compilers[i]));
}

static struct error *start(void)
{
	struct error *err = compile_init();

	if (!err && tier_options.sync)
		m.foreground = compiler_new(&err);
	for (unsigned int i = 0; !err && i < tier_options.workers && !tier_options.sync; i++) {
		m.compilers[i] = compiler_new(&err);
		m.workers += !err;
	}
	if (!err)
		start_workers(m.workers);
	return err;
}

/* --- fork() --- */

/* Nobody is in LLVM or holds a lock while the process is copied. */
static void fork_prepare(void)
{
	g_rw_lock_writer_lock(&m.compiling);
	g_mutex_lock(&m.lock);
	code_cache_lock();
}

/* The child has no workers; they are started again when there is work. */
static void fork_done(bool child)
{
	code_cache_unlock();
	if (child) {
		m.workers_lost = m.workers;
		g_cond_init(&m.work);
	}
	g_mutex_unlock(&m.lock);
	if (child)
		g_rw_lock_init(&m.compiling);
	else
		g_rw_lock_writer_unlock(&m.compiling);
}

static void submit(struct job *job)
{
	if (tier_options.sync) {
		static GMutex one;
		g_mutex_lock(&one);
		do_job(m.foreground, job);
		g_mutex_unlock(&one);
		return;
	}
	job->queued_ns = host_monotonic_ns();
	g_mutex_lock(&m.lock);
	if (m.workers_lost)
		start_workers(m.workers_lost);
	m.workers_lost = 0;
	if (g_queue_get_length(&m.queue) < QUEUE_MAX) {
		g_queue_push_head(&m.queue, job); /* what is hot now comes first */
		g_cond_signal(&m.work);
		job = NULL;
	}
	g_mutex_unlock(&m.lock);
	if (job)
		job_free(job);
}

static unsigned int ops_run_in_full(const GArray *hints)
{
	unsigned int count = 0;

	for (unsigned int i = 0; i < hints->len; i++)
		count += g_array_index(hints, struct job_hint, i).kind == EXIT_INTERPRET;
	return count;
}

/* Whether the job would make the same code as the region has. */
static bool is_no_news(const struct job *job, const struct code_region *r)
{
	if (job->block_count != r->block_count || job->insns != r->insns ||
	    job->targets->len != r->hints->targets->len || job->plain_fp != r->hints->plain_fp ||
	    ops_run_in_full(job->hints) != ops_run_in_full(r->hints->exits))
		return false;
	for (unsigned int i = 0; i < r->block_count; i++)
		if (job_block_at(job, r->blocks[i]->pc) < 0)
			return false;
	return true;
}

/*
 * Whether the record shows what the region does. It began where the region was left: if that is the
 * end of a long loop, all else may be in it but the loop, and a region formed from it would do badly
 * there.
 */
static bool shows_region(const struct block_record *record, const struct code_region *r)
{
	unsigned int count = 0;

	for (unsigned int i = 0; i < record->count; i++)
		for (unsigned int k = 0; k < r->block_count; k++)
			count += record->blocks[i] == r->blocks[k];
	return count >= record->count / 8;
}

static void recorded(struct vcpu *v, struct job *job, const struct block_record *record)
{
	bool ok = record && job_form(job, record);

	if (!ok && record) {
		code_cache_lock();
		if (job->generation == code_cache_generation())
			tier_count_anew(job->entry);
		code_cache_unlock();
	}
	g_mutex_lock(&m.lock);
	const struct code_region *old = region_of(job);
	ok = ok && !(old && (is_no_news(job, old) || !shows_region(record, old)));
	g_mutex_unlock(&m.lock);
	if (ok)
		submit(job);
	else
		job_free(job);
}

/* With a threshold of 1 blocks are compiled by themselves, before they run at all. */
static void compile_alone(struct vcpu *v, struct job *job)
{
	struct block_record *record = g_new0(struct block_record, 1);

	record->generation = job->generation;
	record->blocks[record->count++] = job->entry;
	recorded(v, job, record);
	g_free(record);
}

static bool promote(struct vcpu *v, struct block *b)
{
	struct job *job = job_new(v, b, NULL, NULL);

	if (tier_options.threshold == 1) {
		compile_alone(v, job);
		return true;
	}
	if (record_start(v, job))
		return true;
	job_free(job);
	return false;
}

/* Much time is spent in a region that was compiled quickly. */
static void compile_well(struct vcpu *v, struct code_region *r)
{
	struct job *job = job_again(v, r);

	if (!job->block_count) {
		job_free(job);
		return;
	}
	__atomic_store_n(&r->quick, false, __ATOMIC_RELAXED); /* this once */
	log_printf(LOG_JIT, "jit: much time is spent in region 0x%" PRIx64 "\n", r->entry->pc);
	submit(job);
}

/* Whether to form a region anew for the sake of an exit. */
static bool is_worth_it(const struct code_region *r, const struct region_exit *x)
{
	/* A full region that takes something in loses something else. */
	unsigned int versions = r->insns < JOB_MAX_INSNS ? MAX_VERSIONS : 1;

	switch (x->kind) {
	case EXIT_INTERPRET:
	case EXIT_REST:
	case EXIT_BRANCH:
	case EXIT_DONE:
		return r->hints->version < versions &&
		       x->count >= (uint32_t)EXIT_HOT << (2 * r->hints->version);
	default: return false;
	}
}

static void exit_is_hot(struct vcpu *v, struct code_region *r, struct region_exit *x)
{
	if (!__atomic_load_n(&r->valid, __ATOMIC_ACQUIRE) || !r->hints ||
	    tier_options.accel == ACCEL_CHECK)
		return;
	if (x->kind == EXIT_BUDGET) {
		if (__atomic_load_n(&r->quick, __ATOMIC_RELAXED))
			compile_well(v, r);
		return;
	}
	if (__atomic_load_n(&r->replaced, __ATOMIC_RELAXED) || !is_worth_it(r, x))
		return;
	struct job *job = job_new(v, r->entry, r, x);
	if (!record_start(v, job)) {
		job_free(job);
		return;
	}
	__atomic_store_n(&r->replaced, true, __ATOMIC_RELAXED);
	cpu_kick(&v->cpu); /* the record begins in the loop */
	log_printf(LOG_JIT, "jit: region 0x%" PRIx64 " leaves by exit %u (kind %u) often\n",
		   r->entry->pc, (unsigned int)(x - r->exits), x->kind);
}

/* Its successor counts on less. */
static void refuses(struct vcpu *v, struct code_region *r)
{
	if (!__atomic_load_n(&r->valid, __ATOMIC_ACQUIRE) || !(r->plain_fp & ~FP_QUESTION_MASK))
		return;
	struct job *job = job_new(v, r->entry, NULL, NULL);
	job->plain_fp &= FP_QUESTION_MASK;
	job->old = r;
	if (record_start(v, job))
		cpu_kick(&v->cpu);
	else
		job_free(job);
}

/* --- reclamation --- */

/* Too much code: the regions that were entered least go first. */
static int by_runs(const void *x, const void *y)
{
	uint64_t a = (*(struct code_region *const *)x)->runs,
		 b = (*(struct code_region *const *)y)->runs;
	return a < b ? -1 : a > b;
}

static void evict(uint64_t target)
{
	GPtrArray *all = g_ptr_array_new();
	uint64_t left = m.code_bytes;

	for (struct code_region *r = m.regions; r; r = r->next)
		g_ptr_array_add(all, r);
	qsort(all->pdata, all->len, sizeof(void *), by_runs);
	code_cache_lock();
	for (unsigned int i = 0; i < all->len && left > target; i++) {
		struct code_region *r = all->pdata[i];
		left -= r->code_size;
		region_retire(r);
	}
	code_cache_unlock();
	for (struct code_region *r = m.regions; r; r = r->next)
		r->runs /= 2;
	g_ptr_array_free(all, TRUE);
}

static void reclaim(bool everything)
{
	uint64_t cap = (uint64_t)tier_options.code_mib << 20;

	g_mutex_lock(&m.lock);
	if (!everything && m.code_bytes > cap)
		evict(cap / 4 * 3);
	for (struct code_region **link = &m.regions; *link;) {
		struct code_region *r = *link;
		if (r->valid && !everything) {
			link = &r->next;
			continue;
		}
		*link = r->next;
		code_cache_lock();
		region_unlink(r);
		code_cache_unlock();
		m.code_bytes -= r->code_size;
		m.freed++;
		region_free(r);
	}
	g_mutex_unlock(&m.lock);
}

/* --- statistics --- */

static void stats(void (*add)(void *opaque, const char *name, double value), void *opaque)
{
	uint64_t runs = 0, exits[EXIT_REST + 1] = {0}, live = 0;

	g_mutex_lock(&m.lock);
	for (struct code_region *r = m.regions; r; r = r->next) {
		runs += r->runs;
		live++;
		for (unsigned int i = 0; i < r->exit_count; i++)
			exits[r->exits[i].kind] += r->exits[i].count;
	}
	const struct {
		const char *name;
		double value;
	} rows[] = {
		{"regions_compiled", (double)m.compiled},
		{"regions_failed", (double)m.failed},
		{"regions_outdated", (double)m.outdated},
		{"regions_freed", (double)m.freed},
		{"regions_live", (double)live},
		{"region_instructions", (double)m.instructions},
		{"region_blocks", (double)m.blocks},
		{"region_code_bytes", (double)m.code_bytes},
		{"region_runs", (double)runs},
		{"region_exits_interpret", (double)exits[EXIT_INTERPRET]},
		{"region_exits_branch", (double)exits[EXIT_BRANCH]},
		{"region_exits_indirect", (double)exits[EXIT_DONE]},
		{"region_exits_budget", (double)exits[EXIT_BUDGET]},
		{"region_exits_resume", (double)exits[EXIT_RESUME]},
		{"region_exits_leave", (double)exits[EXIT_LEAVE]},
		{"region_exits_rest", (double)exits[EXIT_REST]},
		{"seconds_compiling", (double)m.compile_ns / 1e9},
	};
	for (unsigned int i = 0; i < G_N_ELEMENTS(rows); i++)
		add(opaque, rows[i].name, rows[i].value);
	g_mutex_unlock(&m.lock);
}

/* The interpreter's name for what an op does. */
static const char *handler_name(const struct op *op)
{
	Dl_info info;
	handler_fn *fn = op ? op->fn : NULL;

	if (fn == op_run_region || fn == op_profile)
		fn = block_of_first_op(op)->entry_fn;
	return fn && dladdr((void *)(uintptr_t)fn, &info) && info.dli_sname ? info.dli_sname : "-";
}

static void report(FILE *out)
{
	static const char *const kinds[] = {"interpret", "branch", "indirect", "budget",
					    "resume",	 "leave",  "rest"};
	GPtrArray *all = g_ptr_array_new();

	g_mutex_lock(&m.lock);
	for (struct code_region *r = m.regions; r; r = r->next)
		g_ptr_array_add(all, r);
	qsort(all->pdata, all->len, sizeof(void *), by_runs);
	fprintf(out,
		"regions: entry pc, blocks, instructions, bytes, ms to compile, runs; exits\n");
	for (unsigned int i = all->len; i-- > 0 && i + 40 > all->len;) {
		const struct code_region *r = all->pdata[i];
		fprintf(out, "  %016" PRIx64 " %3u %4u %6" PRIu64 " %7.2f %10" PRIu64 ";",
			r->entry->pc, r->block_count, r->insns, r->code_size,
			(double)r->compile_ns / 1e6, r->runs);
		for (unsigned int k = 0; k < r->exit_count; k++)
			if (r->exits[k].count > r->runs / 16)
				fprintf(out, " %s@%s:%u", kinds[r->exits[k].kind],
					handler_name(r->exits[k].op), r->exits[k].count);
		fputc('\n', out);
	}
	g_mutex_unlock(&m.lock);
	g_ptr_array_free(all, TRUE);
}

extern const struct tier_module ratite_tier_module;
const struct tier_module ratite_tier_module = {
	.version = TIER_MODULE_VERSION,
	.start = start,
	.promote = promote,
	.exit_is_hot = exit_is_hot,
	.refuses = refuses,
	.recorded = recorded,
	.reclaim = reclaim,
	.stop = stop,
	.fork_prepare = fork_prepare,
	.fork_done = fork_done,
	.stats = stats,
	.report = report,
};
