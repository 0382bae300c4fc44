/*
 * What devices put off to spare the processor may come as soon as that has nothing to do: a card
 * that holds back interrupts need not hold back the one that a halted processor waits for.
 *
 * Machine lock held throughout. Under -icount nothing is called: time then jumps to the next timer.
 */
#ifndef VM_IDLE_H
#define VM_IDLE_H

#include <stdbool.h>

struct idle_hook {
	bool (*fn)(void *opaque); /* false: there was nothing to do */
	void *opaque;
	struct idle_hook *next;
};

/* `fn` is called on a vCPU's thread, before it waits while all vCPUs are halted. */
void idle_hook_add(struct idle_hook *hook, bool (*fn)(void *opaque), void *opaque);
void idle_hook_remove(struct idle_hook *hook);
/* Calls them all; true where one did something. */
bool idle_hooks_run(void);

#endif
