/*
 * What a debugger asks of the processors: breakpoints, watchpoints, single steps.
 *
 * Points change only while the machine is quiesced (machine lock held); the core then looks at them
 * without a lock when it decodes, fills its TLB and takes a slow path. A processor that meets one
 * reports it and the machine stops in RUN_DEBUG; debug_stopped_at() tells where and why.
 */
#ifndef VM_DEBUG_H
#define VM_DEBUG_H

#include <stdbool.h>
#include <stdint.h>

struct cpu;

/* Numbered as in the Z packets of gdb's remote protocol. */
enum debug_kind {
	DEBUG_BREAK,
	DEBUG_BREAK_HARDWARE, /* the same here */
	DEBUG_WATCH_WRITE,
	DEBUG_WATCH_READ,
	DEBUG_WATCH_ACCESS,
	DEBUG_KINDS
};

struct debug_point {
	enum debug_kind kind;
	uint64_t va, len; /* virtual: behind segmentation; len counts for watchpoints */
};

enum debug_reason { DEBUG_REASON_BREAK, DEBUG_REASON_STEP, DEBUG_REASON_WATCH };

struct debug_stop {
	struct cpu *cpu; /* NULL: no processor reported anything */
	enum debug_reason reason;
	struct debug_point point; /* DEBUG_REASON_WATCH: the watchpoint */
};

/* A point may be there several times; false: there is no such point to remove. */
void debug_insert(const struct debug_point *point);
bool debug_remove(const struct debug_point *point);
void debug_remove_all(void);
/* How `cpu` goes on at the next machine_start(): for one instruction, or not at all. */
void debug_set_step(struct cpu *cpu, bool step);
void debug_set_held(struct cpu *cpu, bool held);

/* The stop that RUN_DEBUG is about. */
const struct debug_stop *debug_stopped_at(void);

/* --- for the execution core --- */

/* Whether there are any points. */
bool debug_any(void);
bool debug_breaks_at(uint64_t va);
/* The lowest breakpoint above `va`; UINT64_MAX: none. */
uint64_t debug_next_break(uint64_t va);
/* The watchpoint that an access meets, or NULL. */
const struct debug_point *debug_watch_find(uint64_t va, uint64_t len, bool read, bool write);
/* On the vCPU's thread, between instructions: the machine stops soon; the vCPU goes no further.
 * False: another stop is on its way, this one is to be reported again. */
bool debug_report(const struct debug_stop *stop);
/* User mode, where no main thread waits for requests: `fn` takes reports instead, on the vCPU's
 * thread. */
void debug_set_hook(bool (*fn)(const struct debug_stop *stop));

#endif
