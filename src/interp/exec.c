/*
 * The loop around the handlers: events, the next block, and what to do when a handler leaves.
 *
 * Handlers leave in two ways. They return, with v->pc and v->budget set (op_leave, op_jump that
 * finds nothing, budget out); or a slow path raises an exception and escapes with siglongjmp, and
 * v->op tells which instruction did it.
 */
#include "base/clock.h"
#include "interp/block.h"
#include "interp/debug.h"
#include "interp/check.h"
#include "interp/record.h"
#include "interp/trace.h"

#include <string.h>

/* Far more than a run can use; leaves room for sums. */
#define BUDGET_UNLIMITED (INT64_C(1) << 60)

/* What an empty slot of the jump cache points at: valid for no mode. */
static struct block no_block = {.mode = UINT32_MAX};

void vcpu_jump_cache_clear(struct vcpu *v)
{
	for (unsigned int i = 0; i < JUMP_CACHE_ENTRIES; i++)
		v->jump_cache[i] = (struct jump_cache_entry){UINT64_MAX, &no_block};
	memset(v->jump_pages, 0, sizeof(v->jump_pages));
}

static void drop_written_code(struct ram *ram, uint64_t offset, uint64_t len)
{
	blocks_invalidate(ram, offset, len);
}

static void memory_changed(void *opaque)
{
	struct vcpu *v = opaque;

	if (cpu_current() == &v->cpu || !v->cpu.created)
		vcpu_tlb_flush(v);
	else
		cpu_run_on(&v->cpu, vcpu_tlb_flush_work, NULL);
}

void vcpu_init(struct vcpu *v, const struct isa *isa)
{
	v->isa = isa;
	v->cache = code_cache_get();
	v->jump_cache = g_new(struct jump_cache_entry, JUMP_CACHE_ENTRIES);
	v->scratch = g_malloc0(BLOCK_SCRATCH_SIZE);
	vcpu_jump_cache_clear(v);
	vcpu_tlb_init(v);
	ram_set_code_hook(drop_written_code);
	address_space_listen(v->cpu.memory, memory_changed, v);
}

void vcpu_destroy(struct vcpu *v)
{
	vcpu_tlb_destroy(v);
	check_free(v->check);
	record_free(v);
	g_free(v->jump_cache);
	g_free(v->scratch);
}

/* --- leaving --- */

void vcpu_sync_pc(struct vcpu *v)
{
	if (!v->op)
		return;
	struct block *b = block_of_op(v, v->op);
	const struct op_where *where = &b->op_where[v->op - b->ops];

	v->pc = b->pc + where->offset;
	v->mode = (v->mode & ~CONTEXT_MASK) | (uint32_t)where->context << CONTEXT_SHIFT;
	v->budget += b->insns - where->insn;
	v->op = NULL;
}

void vcpu_escape(struct vcpu *v)
{
	vcpu_sync_pc(v);
	siglongjmp(v->escape, 1);
}

void vcpu_leave(struct vcpu *v)
{
	vcpu_sync_pc(v);
	siglongjmp(v->escape, 2);
}

/* Budget as it would be if the block ended after `done` more instructions than are complete. */
static int64_t budget_left(struct vcpu *v, unsigned int done)
{
	if (!v->op)
		return v->budget;
	struct block *b = block_of_op(v, v->op);
	return v->budget + b->insns - b->op_where[v->op - b->ops].insn - done;
}

uint64_t vcpu_instructions(struct vcpu *v)
{
	return v->cpu.instructions + (uint64_t)(v->budget_start - budget_left(v, 0));
}

/* Adds what has run since the last time to the processor's count. */
static void account(struct vcpu *v, int64_t left)
{
	cpu_icount_account(&v->cpu, (uint64_t)(v->budget_start - left));
	v->budget_start = left;
}

void vcpu_before_io(struct vcpu *v)
{
	if (UNLIKELY(exec_options.icount))
		account(v, budget_left(v, 1));
}

UNSANITIZED HANDLER void op_dropped(struct vcpu *v, const struct op *op, int64_t budget)
{
	v->op = op;
	v->budget = budget;
	vcpu_sync_pc(v);
}

UNSANITIZED HANDLER void op_leave(struct vcpu *v, const struct op *op, int64_t budget)
{
	v->budget = budget;
}

UNSANITIZED HANDLER void op_budget_out(struct vcpu *v, const struct op *op, int64_t budget)
{
	const struct block *b = block_of_first_op(op);

	v->pc = b->pc;
	v->budget = budget + b->insns;
}

UNSANITIZED HANDLER void op_jump(struct vcpu *v, const struct op *op, int64_t budget)
{
	struct block *b = jump_cache_probe(v, v->pc);

	if (LIKELY(b && !trace_every_block()))
		ENTER_BLOCK(b->ops);
	v->budget = budget;
}

UNSANITIZED HANDLER void op_jump_and_link(struct vcpu *v, const struct op *op, int64_t budget)
{
	struct block *b = jump_cache_probe(v, v->pc);

	if (LIKELY(b && !trace_every_block())) {
		block_link(v, op, b);
		ENTER_BLOCK(b->ops);
	}
	v->budget = budget;
}

/* --- the loop --- */

/* Runs one block of at most `limit` instructions (0: as events() left it) and what it chains to. */
static void run_from_pc(struct vcpu *v, unsigned int limit)
{
	if (UNLIKELY(limit))
		v->insn_limit = limit;
	struct block *b = block_lookup(v);

	if (UNLIKELY(b->insns > v->budget)) {
		v->insn_limit = (unsigned int)v->budget;
		b = block_lookup(v);
	}
	if (UNLIKELY(trace_every_block()))
		trace_block_entered(v, b);
	if (UNLIKELY(v->recording) && b->cached)
		record_block(v, b);
	else
		entry_of(b)(v, b->ops, v->budget - b->insns);
	v->op = NULL;
	v->insn_limit = 0;
}

static void run_until_request(struct vcpu *v)
{
	int why = sigsetjmp(v->escape, 0);

	v->insn_limit = 0;
	record_settle(v);
	v->region = NULL;
	if (why == 1) {
		v->stats.exceptions++;
		v->isa->exception(v);
		if (UNLIKELY(v->debugging || v->cpu.debug_step))
			vcpu_debug_after_block(v);
	}
	while (!__atomic_load_n(&v->cpu.exit_request, __ATOMIC_ACQUIRE) && v->budget > 0) {
		unsigned int limit = 0;
		bool debugged = v->debugging || v->cpu.debug_step;
		/* A step is one of the program's own: interrupts wait for the next cont. */
		if (__atomic_load_n(&v->events, __ATOMIC_ACQUIRE) && !v->cpu.debug_step)
			v->isa->events(v);
		if (v->cpu.halted)
			break;
		if (UNLIKELY(debugged) && !vcpu_debug_before_block(v, &limit))
			break;
		run_from_pc(v, limit);
		if (UNLIKELY(debugged) && limit)
			vcpu_debug_after_block(v);
	}
}

void vcpu_run(struct cpu *cpu)
{
	struct vcpu *v = (struct vcpu *)cpu;
	int64_t start = exec_options.stats ? host_monotonic_ns() : 0;

	v->budget = exec_options.icount ? cpu_icount_budget(cpu) : BUDGET_UNLIMITED;
	v->budget_start = v->budget;
	run_until_request(v);
	account(v, v->budget);
	if (start)
		v->run_ns += host_monotonic_ns() - start;
}
