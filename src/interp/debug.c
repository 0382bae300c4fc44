/* Breakpoints, watchpoints and single steps of a debugger. See interp/debug.h. */
#include "interp/debug.h"

#include "vm/debug.h"

void vcpu_debug_changed(struct cpu *cpu)
{
	struct vcpu *v = (struct vcpu *)cpu;

	v->debugging = debug_any();
	vcpu_tlb_flush(v);
	blocks_flush_all();
}

uint64_t vcpu_debug_block_end(const struct vcpu *v)
{
	if (!v->debugging)
		return UINT64_MAX;
	uint64_t next = debug_next_break(v->code_base + v->pc);
	return next == UINT64_MAX ? next : next - v->code_base;
}

/* Where a stop has been reported the next run passes a breakpoint. */
static void report(struct vcpu *v, enum debug_reason reason)
{
	struct debug_stop stop = {.cpu = &v->cpu, .reason = reason};

	if (v->debug_watch) {
		stop.reason = DEBUG_REASON_WATCH;
		stop.point = *v->debug_watch;
	}
	v->debug_watch = NULL;
	v->debug_pass_pc = v->pc;
	v->debug_passing = debug_report(&stop);
}

bool vcpu_debug_before_block(struct vcpu *v, unsigned int *limit)
{
	bool breaks = debug_breaks_at(v->code_base + v->pc);

	/* Where it stopped last it goes on, by this one instruction. */
	if (breaks && !(v->debug_passing && v->debug_pass_pc == v->pc) && !v->debug_watch) {
		report(v, DEBUG_REASON_BREAK);
		return false;
	}
	v->debug_passing = false;
	*limit = breaks || v->debug_watch || v->cpu.debug_step ? 1 : 0;
	if (*limit)
		vcpu_jump_cache_clear(v); /* or the one instruction would chain to the next */
	return true;
}

void vcpu_debug_after_block(struct vcpu *v)
{
	if (v->cpu.debug_step || v->debug_watch)
		report(v, DEBUG_REASON_STEP);
}

void vcpu_debug_access(struct vcpu *v, uint64_t va, uint64_t size, bool read, bool write)
{
	/* Accesses that are no op's own (exception delivery) cannot be left and begun again. */
	if (v->debug_watch || !v->op)
		return;
	v->debug_watch = debug_watch_find(va, size, read, write);
	if (v->debug_watch)
		vcpu_leave(v); /* once more, alone: the loop stops behind the instruction */
}
