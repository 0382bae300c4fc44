#include "vm/idle.h"

#include "vm/cpu.h"

#include <stddef.h>

static struct idle_hook *hooks; /* process-wide, as the processors are */

void idle_hook_add(struct idle_hook *hook, bool (*fn)(void *opaque), void *opaque)
{
	*hook = (struct idle_hook){fn, opaque, hooks};
	hooks = hook;
}

void idle_hook_remove(struct idle_hook *hook)
{
	for (struct idle_hook **at = &hooks; *at; at = &(*at)->next) {
		if (*at == hook) {
			*at = hook->next;
			return;
		}
	}
}

static bool all_halted(void)
{
	for (const struct cpu *cpu = cpu_first(); cpu; cpu = cpu->next) {
		if (!__atomic_load_n(&cpu->halted, __ATOMIC_RELAXED))
			return false;
	}
	return true;
}

bool idle_hooks_run(void)
{
	bool worked = false;

	if (!hooks || !all_halted())
		return false;
	for (struct idle_hook *hook = hooks, *next; hook; hook = next) {
		next = hook->next;
		worked |= hook->fn(hook->opaque);
	}
	return worked;
}
