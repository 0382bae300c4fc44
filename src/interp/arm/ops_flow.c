/* Branches, conditions, calls of C helpers, and how blocks end. */
#include "interp/arm/flags.h"
#include "interp/arm/ops_flow.h"

OP(b)
{
	BRANCH_TAKEN;
}

/* disp: return address. */
OP(bl)
{
	REGS->r[LR] = (u32)op->disp;
	BRANCH_TAKEN;
}

/* The same to the other instruction set. */
OP(blx_i)
{
	REGS->r[LR] = (u32)op->disp;
	v->mode ^= MODE_T;
	JUMP_TO(op->imm);
}

OP(bx)
{
	JUMP_EXCHANGE(R(op->a));
}

/* v7-M: in handler mode an address of this range is a return from an exception. */
OP(bx_m)
{
	u32 target = R(op->a);

	if (UNLIKELY(target >= 0xf0000000 && CPU->m_exception)) {
		SLOW(arm_m_return(CPU, target));
		v->op = NULL;
		LEAVE;
	}
	JUMP_EXCHANGE(target);
}

OP(blx_r)
{
	u32 target = R(op->a);

	REGS->r[LR] = (u32)op->disp;
	JUMP_EXCHANGE(target);
}

/* To register a without exchange; imm: address mask. */
OP(jump)
{
	JUMP_TO(R(op->a) & (u32)op->imm);
}

/* To imm plus twice register a (TBB, TBH). */
OP(tb)
{
	JUMP_TO((u32)op->imm + 2 * R(op->a));
}

OP(cbz)
{
	if (R(op->a) == 0)
		BRANCH_TAKEN;
	NEXT;
}

OP(cbnz)
{
	if (R(op->a) != 0)
		BRANCH_TAKEN;
	NEXT;
}

#define CONDITIONAL(name, cc)            \
	OP(b_##name)                     \
	{                                \
		if (arm_cond(REGS, cc))  \
			BRANCH_TAKEN;    \
		NEXT;                    \
	}                                \
	OP(skip_##name)                  \
	{                                \
		if (!arm_cond(REGS, cc)) \
			SKIP;            \
		NEXT;                    \
	}
FOR_EACH_CC(CONDITIONAL)

#ifndef RATITE_BITCODE
#define BCC_ENTRY(name, cc)  arm_op_b_##name,
#define SKIP_ENTRY(name, cc) arm_op_skip_##name,
handler_fn *const arm_bcc[14] = {FOR_EACH_CC(BCC_ENTRY)};
handler_fn *const arm_skip[14] = {FOR_EACH_CC(SKIP_ENTRY)};
#endif

/* --- the rest of a block's frame --- */

OP(nop)
{
	NEXT;
}

/* The block ends here; execution goes on at imm. */
OP(next_block)
{
	BRANCH_TAKEN;
}

/* The same inside an IT block: disp is the ITSTATE there. */
OP(next_block_it)
{
	v->mode = (v->mode & ~CONTEXT_MASK) | (u32)op->disp << CONTEXT_SHIFT;
	JUMP_TO(op->imm);
}

/* First op of a block that begins inside an IT block: ITSTATE is in the block, no longer in mode.
 */
OP(enter_it)
{
	v->mode &= ~CONTEXT_MASK;
	NEXT;
}

OP(call_helper)
{
	SLOW(HELPER(op)(CPU, op));
	NEXT;
}

/* Whether the loop has something to do before the next instruction. */
static ALWAYS_INLINE bool loop_wanted(const struct vcpu *v)
{
	const struct arm_cpu *c = (const struct arm_cpu *)v;
	uint32_t events = __atomic_load_n(&v->events, __ATOMIC_RELAXED) & ~(uint32_t)ARM_EVENT_WAKE;

	if (!(c->features & F_M)) {
		if (c->cpsr & PSR_I)
			events &= ~(uint32_t)ARM_EVENT_IRQ;
		if (c->cpsr & PSR_F)
			events &= ~(uint32_t)ARM_EVENT_FIQ;
	}
	return events | __atomic_load_n(&v->cpu.exit_request, __ATOMIC_RELAXED);
}

/* ISB and DSB: interrupts that an access before them has raised are taken now. */
OP(barrier)
{
	if (UNLIKELY(loop_wanted(v)))
		LEAVE_AFTER;
	NEXT;
}

/* A helper that may change the mode or unmask interrupts. */
OP(call_system)
{
	u32 mode = v->mode;

	SLOW(HELPER(op)(CPU, op));
	if (UNLIKELY(v->mode != mode || loop_wanted(v)))
		LEAVE_AFTER;
	NEXT;
}

/* The helper sets v->pc; the block ends. */
OP(call_helper_jump)
{
	SLOW(HELPER(op)(CPU, op));
	v->op = NULL;
	LEAVE;
}

/* The block ends and the loop looks at everything anew, at imm. */
OP(leave_at)
{
	v->pc = op->imm;
	LEAVE;
}

/* Raises exception a. */
OP(raise)
{
	SLOW(arm_raise(CPU, (enum arm_exception)op->a));
	NEXT;
}
