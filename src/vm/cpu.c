/*
 * Virtual processors: the list of them, their threads, and work from elsewhere that runs on them.
 *
 * A request to a vCPU is written first, then exit_request; the vCPU clears exit_request first, then
 * looks for requests. So none is lost, and at worst it looks once for nothing.
 */
#include "vm/cpu-internal.h"

#include "base/clock.h"
#include "vm/idle.h"
#include "vm/runstate.h"

#include <glib.h>
#include <pthread.h>
#include <signal.h>

struct exec_options exec_options;
struct machine_cond cpu_wakeup;

static struct {
	struct cpu *first;
	unsigned int count;
	bool started;
} cpus;

static __thread struct cpu *this_cpu;

struct cpu_work {
	void (*fn)(struct cpu *cpu, void *opaque);
	void *opaque;
	struct cpu_work *next;
};

struct error *cpu_new(const struct cpu_class *class, const char *model,
		      struct address_space *memory, struct address_space *io, struct cpu **out)
{
	g_assert(class->size >= sizeof(struct cpu));
	/* Cores keep vectors in their state. */
	struct cpu *cpu = g_aligned_alloc0(1, (class->size + 63) & ~(size_t)63, 64);

	cpu->class = class;
	cpu->memory = memory;
	cpu->io = io;
	cpu->index = cpus.count;
	cpu->stopped = !machine_running();
	struct error *err = class->init ? class->init(cpu, model ? model : "") : NULL;
	if (err) {
		g_aligned_free(cpu);
		*out = NULL;
		return err;
	}
	struct cpu **at = &cpus.first;
	while (*at)
		at = &(*at)->next;
	*at = cpu;
	cpus.count++;
	*out = cpu;
	return NULL;
}

struct cpu *cpu_first(void)
{
	return cpus.first;
}

struct cpu *cpu_at(unsigned int index)
{
	struct cpu *cpu = cpus.first;

	while (cpu && cpu->index != index)
		cpu = cpu->next;
	return cpu;
}

unsigned int cpu_count(void)
{
	return cpus.count;
}

struct cpu *cpu_current(void)
{
	return this_cpu;
}

void cpus_reset(void)
{
	for (struct cpu *cpu = cpus.first; cpu; cpu = cpu->next) {
		cpu->halted = false;
		cpu->class->reset(cpu);
	}
}

/* --- requests --- */

void cpu_kick(struct cpu *cpu)
{
	__atomic_store_n(&cpu->exit_request, 1, __ATOMIC_SEQ_CST);
	if (cpu == this_cpu)
		return;
	/* With the lock held the vCPU is either in guest code or waiting; without it, it might just
	 * have decided to wait. */
	bool locked = machine_locked();
	if (!locked)
		machine_lock();
	if (exec_options.icount)
		icount_kick();
	machine_cond_broadcast(&cpu_wakeup);
	if (!locked)
		machine_unlock();
}

void cpu_run_on(struct cpu *cpu, void (*fn)(struct cpu *cpu, void *opaque), void *opaque)
{
	struct cpu_work *work = g_new(struct cpu_work, 1);

	*work = (struct cpu_work){fn, opaque, NULL};
	work->next = __atomic_load_n(&cpu->work, __ATOMIC_RELAXED);
	while (!__atomic_compare_exchange_n(&cpu->work, &work->next, work, true, __ATOMIC_SEQ_CST,
					    __ATOMIC_RELAXED))
		;
	cpu_kick(cpu);
}

/* Takes the whole queue, which is newest first, and turns it round. */
static struct cpu_work *work_take(struct cpu *cpu)
{
	struct cpu_work *newest = __atomic_exchange_n(&cpu->work, NULL, __ATOMIC_SEQ_CST);
	struct cpu_work *oldest = NULL;

	while (newest) {
		struct cpu_work *next = newest->next;
		newest->next = oldest;
		oldest = newest;
		newest = next;
	}
	return oldest;
}

void cpu_take_requests(struct cpu *cpu)
{
	__atomic_store_n(&cpu->exit_request, 0, __ATOMIC_SEQ_CST);
	if (!__atomic_load_n(&cpu->work, __ATOMIC_SEQ_CST))
		return;
	struct cpu *outer = this_cpu;
	this_cpu = cpu;
	for (struct cpu_work *work = work_take(cpu), *next; work; work = next) {
		next = work->next;
		work->fn(cpu, work->opaque);
		g_free(work);
	}
	this_cpu = outer;
}

/* --- threads --- */

bool cpu_is_awake(struct cpu *cpu)
{
	if (!__atomic_load_n(&cpu->halted, __ATOMIC_RELAXED))
		return true;
	if (!cpu->class->has_work || !cpu->class->has_work(cpu))
		return false;
	__atomic_store_n(&cpu->halted, false, __ATOMIC_RELAXED);
	return true;
}

void cpu_enter_guest(struct cpu *cpu)
{
	this_cpu = cpu;
	cpu_set_running(cpu, true);
	machine_unlock();
	cpu->class->run(cpu);
	machine_lock();
	cpu_set_running(cpu, false);
	this_cpu = NULL;
}

/* With one vCPU there is nobody to keep out and the lock is not worth its time. */
void cpu_run_here(struct cpu *cpu)
{
	cpu_take_requests(cpu);
	if (cpus.count == 1) {
		this_cpu = cpu;
		cpu->running = true;
		cpu->class->run(cpu);
		cpu->running = false;
		this_cpu = NULL;
		return;
	}
	machine_lock();
	while (!cpu_may_run(cpu))
		machine_cond_wait(&cpu_wakeup);
	cpu_enter_guest(cpu);
	machine_unlock();
}

void cpu_remove(struct cpu *cpu)
{
	struct cpu **at = &cpus.first;

	while (*at != cpu)
		at = &(*at)->next;
	*at = cpu->next;
	cpus.count--;
	for (struct cpu_work *work = work_take(cpu), *next; work; work = next) {
		next = work->next;
		g_free(work);
	}
	cpu->class->destroy(cpu);
	g_aligned_free(cpu);
}

void cpus_forked(struct cpu *cpu)
{
	struct cpu *next;

	quiesce_forked();
	machine_cond_init(&cpu_wakeup);

	for (struct cpu *other = cpus.first; other; other = next) {
		next = other->next;
		if (other != cpu)
			cpu_remove(other);
	}
}

/* Signals are the main thread's. */
static void block_signals(sigset_t *old)
{
	sigset_t all;

	sigfillset(&all);
	/* A fault in our own code must still be seen where it happens. */
	sigdelset(&all, SIGSEGV);
	sigdelset(&all, SIGBUS);
	sigdelset(&all, SIGILL);
	sigdelset(&all, SIGFPE);
	pthread_sigmask(SIG_BLOCK, &all, old);
}

static void *cpu_thread(void *opaque)
{
	struct cpu *cpu = opaque;

	machine_lock();
	for (;;) {
		cpu_take_requests(cpu);
		if (cpu_may_run(cpu) && cpu_is_awake(cpu))
			cpu_enter_guest(cpu);
		else if (!__atomic_load_n(&cpu->exit_request, __ATOMIC_SEQ_CST) &&
			 !(cpu_may_run(cpu) && idle_hooks_run()))
			machine_cond_wait(&cpu_wakeup);
	}
	return NULL;
}

static void thread_start(const char *name, GThreadFunc fn, void *opaque, struct cpu *cpu)
{
	sigset_t old;

	block_signals(&old);
	cpu->thread = g_thread_new(name, fn, opaque);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
}

void cpus_start(void)
{
	g_assert(!cpus.started);
	cpus.started = true;
	machine_cond_init(&cpu_wakeup);
	for (struct cpu *cpu = cpus.first; cpu; cpu = cpu->next)
		cpu->created = true;
	if (exec_options.icount) {
		icount_init();
		if (cpus.first)
			thread_start("cpus", icount_thread, NULL, cpus.first);
		return;
	}
	for (struct cpu *cpu = cpus.first; cpu; cpu = cpu->next) {
		char name[16];
		g_snprintf(name, sizeof(name), "cpu %u", cpu->index);
		thread_start(name, cpu_thread, cpu, cpu);
	}
}

/* --- the debugger's view of memory --- */

/* The smallest page of any guest (ARM's 1 KiB subpages). */
#define DEBUG_PAGE 1024

typedef bool debug_piece_fn(struct cpu *cpu, uint64_t pa, void *buf, uint64_t len);

static bool debug_access(struct cpu *cpu, uint64_t va, void *buf, uint64_t len, debug_piece_fn *fn)
{
	char *at = buf;

	while (len) {
		uint64_t piece = MIN(len, DEBUG_PAGE - (va & (DEBUG_PAGE - 1)));
		uint64_t pa;
		if (!cpu->class->translate(cpu, va, &pa) || !fn(cpu, pa, at, piece))
			return false;
		va += piece;
		at += piece;
		len -= piece;
	}
	return true;
}

static bool debug_read(struct cpu *cpu, uint64_t pa, void *buf, uint64_t len)
{
	return mem_read(cpu->memory, pa, buf, len) == MEM_OK;
}

static bool debug_write(struct cpu *cpu, uint64_t pa, void *buf, uint64_t len)
{
	return mem_write_rom(cpu->memory, pa, buf, len) == MEM_OK;
}

bool cpu_read_virtual(struct cpu *cpu, uint64_t va, void *buf, uint64_t len)
{
	return debug_access(cpu, va, buf, len, debug_read);
}

bool cpu_write_virtual(struct cpu *cpu, uint64_t va, const void *buf, uint64_t len)
{
	return debug_access(cpu, va, (void *)(uintptr_t)buf, len, debug_write);
}
