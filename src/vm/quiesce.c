/*
 * The quiesce point: one thread at a time keeps all vCPUs out of guest code.
 *
 * Several threads may want it at once, among them vCPUs in the middle of a device access. One that
 * waits for its turn counts as out of guest code, so nobody waits in a circle.
 */
#include "vm/cpu-internal.h"

#include "vm/runstate.h"

#include <glib.h>

static struct {
	unsigned int depth;
	const void *owner; /* names the thread, as its cpu does not (the main thread has none) */
	struct machine_cond changed;
	bool waiting;
} quiesce;

static __thread char this_thread;

bool cpu_may_run(const struct cpu *cpu)
{
	return quiesce.depth == 0 && !cpu->stopped && !cpu->debug_held &&
	       !machine_request_pending();
}

void cpu_set_running(struct cpu *cpu, bool running)
{
	cpu->running = running;
	if (!running && quiesce.waiting)
		machine_cond_broadcast(&quiesce.changed);
}

static bool others_running(const struct cpu *self)
{
	for (struct cpu *cpu = cpu_first(); cpu; cpu = cpu->next)
		if (cpu->running && cpu != self)
			return true;
	return false;
}

static void kick_running(void)
{
	for (struct cpu *cpu = cpu_first(); cpu; cpu = cpu->next)
		if (cpu->running)
			__atomic_store_n(&cpu->exit_request, 1, __ATOMIC_SEQ_CST);
}

static void wait_for_change(void)
{
	quiesce.waiting = true;
	machine_cond_wait(&quiesce.changed);
}

void quiesce_forked(void)
{
	machine_cond_init(&quiesce.changed);
	quiesce.waiting = false;
}

void machine_quiesce(void)
{
	struct cpu *self = cpu_current();

	if (quiesce.depth && quiesce.owner == &this_thread) {
		quiesce.depth++;
		return;
	}
	if (self)
		cpu_set_running(self, false);
	while (quiesce.depth)
		wait_for_change();
	quiesce.depth = 1;
	quiesce.owner = &this_thread;
	kick_running();
	while (others_running(self))
		wait_for_change();
	quiesce.waiting = false;
	address_spaces_reclaim();
}

void machine_resume(void)
{
	struct cpu *self = cpu_current();

	g_assert(quiesce.depth && quiesce.owner == &this_thread);
	if (--quiesce.depth)
		return;
	quiesce.owner = NULL;
	if (self)
		cpu_set_running(self, true);
	machine_cond_broadcast(&quiesce.changed);
	machine_cond_broadcast(&cpu_wakeup);
}
