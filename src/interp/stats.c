/*
 * Counters of -stats. What happens in slow paths is always counted; what happens in handlers is
 * counted only under -stats, by an op at the head of each block that knows what the block holds.
 */
#include "interp/stats.h"

#include "interp/tier.h"

UNSANITIZED HANDLER void op_count_block(struct vcpu *v, const struct op *op, int64_t budget)
{
	v->stats.blocks_run++;
	v->stats.accesses += op->imm;
	MUSTTAIL return op[1].fn(v, op + 1, budget);
}

void vcpu_stats(struct cpu *cpu, void (*add)(void *opaque, const char *name, double value),
		void *opaque)
{
	struct vcpu *v = (struct vcpu *)cpu;
	const struct vcpu_stats *s = &v->stats;
	uint64_t slow = s->slow_loads + s->slow_stores;
	const struct {
		const char *name;
		double value;
	} rows[] = {
		{"blocks_built", (double)s->blocks_built},
		{"block_instructions_built", (double)s->insns_built},
		{"block_ops_built", (double)s->ops_built},
		{"blocks_run", (double)s->blocks_run},
		{"block_lookups", (double)s->block_lookups},
		{"block_hash_hits", (double)s->block_hash_hits},
		{"memory_accesses", (double)s->accesses},
		{"tlb_hit_rate",
		 s->accesses ? 1.0 - MIN((double)slow / (double)s->accesses, 1.0) : 0.0},
		{"tlb_fills", (double)s->tlb_fills},
		{"tlb_flushes", (double)s->tlb_flushes},
		{"tlb_page_flushes", (double)s->tlb_page_flushes},
		{"slow_loads", (double)s->slow_loads},
		{"slow_stores", (double)s->slow_stores},
		{"io_accesses", (double)s->io_accesses},
		{"exceptions", (double)s->exceptions},
		{"seconds_guest", (double)v->run_ns / 1e9},
		{"seconds_decoding", (double)v->build_ns / 1e9},
		{"seconds_interpreter", (double)(v->run_ns - v->build_ns) / 1e9},
	};

	for (unsigned int i = 0; i < G_N_ELEMENTS(rows); i++)
		add(opaque, rows[i].name, rows[i].value);
	if (v->cpu.index == 0)
		tier_stats(add, opaque);
}
