/* Counters of -stats: see struct vcpu_stats. */
#ifndef INTERP_STATS_H
#define INTERP_STATS_H

#include "interp/vcpu.h"

/* Head op of every block under -stats; imm: memory accesses of the block. */
handler_fn op_count_block;
/* cpu_class.stats */
void vcpu_stats(struct cpu *cpu, void (*add)(void *opaque, const char *name, double value),
		void *opaque);

#endif
