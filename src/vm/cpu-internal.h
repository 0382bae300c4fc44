/* What the files behind vm/cpu.h share. Machine lock held throughout. */
#ifndef VM_CPU_INTERNAL_H
#define VM_CPU_INTERNAL_H

#include "base/loop.h"
#include "vm/cpu.h"

/* vCPU threads wait here for something to do. */
extern struct machine_cond cpu_wakeup;

/* Neither stopped, nor kept out, and awake or about to wake. */
bool cpu_may_run(const struct cpu *cpu);
bool cpu_is_awake(struct cpu *cpu);
/* Clears the request to leave and runs what cpu_run_on() queued. */
void cpu_take_requests(struct cpu *cpu);
/* One stay in guest code; lets go of the lock meanwhile. */
void cpu_enter_guest(struct cpu *cpu);
/* A vCPU in guest code counts as out of it (or in again) for whoever quiesces. */
void cpu_set_running(struct cpu *cpu, bool running);

/* In the child of a fork: nobody else waits here. */
void quiesce_forked(void);

/* The thread of all vCPUs under -icount (icount.c). */
void *icount_thread(void *opaque);
void icount_init(void);
/* Another vCPU has work: the one that runs ends its turn. */
void icount_kick(void);

#endif
