/*
 * System instructions that hot kernel code is made of: CLI, STI, IN, OUT, SWAPGS, FS/GS bases, and
 * the op that calls the helper of any other. They stay in their block as long as nothing has
 * happened that the loop must see.
 */
#include "interp/x86/ops_sys.h"

#include "interp/x86/system.h"

#ifdef RATITE_BITCODE
#define LEAVE_AFTER return BODY_INTERPRET
#else
/* The op's instruction is complete; the loop goes on at the one of the next op. */
#define LEAVE_AFTER MUSTTAIL return op_dropped(v, op + 1, budget)
#endif

/* Whether the loop has something to do before the next instruction, under these flags. */
static ALWAYS_INLINE bool loop_wanted_under(const struct vcpu *v, uint32_t eflags)
{
	uint32_t events = __atomic_load_n(&v->events, __ATOMIC_RELAXED);

	if (!(eflags & FLAG_IF))
		events &= ~(uint32_t)X86_EVENT_INTR;
	return events | __atomic_load_n(&v->cpu.exit_request, __ATOMIC_RELAXED);
}

static ALWAYS_INLINE bool loop_wanted(const struct vcpu *v)
{
	return loop_wanted_under(v, ((const struct x86_cpu *)v)->eflags);
}

OP(cli)
{
	CPU->eflags &= ~(uint32_t)FLAG_IF;
	NEXT;
}

OP(sti)
{
	u32 eflags = CPU->eflags;

	if (eflags & FLAG_IF)
		NEXT;
	/* Compiled code leaves before anything has changed: this op is then run again. */
	bool leave = loop_wanted_under(v, eflags | FLAG_IF);
#ifdef RATITE_BITCODE
	if (leave)
		LEAVE_AFTER;
#endif
	CPU->eflags = eflags | FLAG_IF;
	CPU->inhibit_pc = op->imm;
	if (UNLIKELY(leave))
		LEAVE_AFTER;
	NEXT;
}

OP(sys_call)
{
	u32 mode = v->mode;

	SLOW(((x86_helper *)(uintptr_t)op->imm2)(CPU, op));
	if (UNLIKELY(v->mode != mode || loop_wanted(v)))
		LEAVE_AFTER;
	NEXT;
}

/* a: register; b: log2 of the size; x: the port is in DX, else in imm. */
OP(in)
{
	u16 port = op->x ? R(16, REG(RDX)) : (u16)op->imm;
	u32 value;

	SLOW(value = (u32)x86_port_in(CPU, port, 1u << op->b));
	if (op->b == 0)
		W(8, op->a, (u8)value);
	else if (op->b == 1)
		W(16, op->a, (u16)value);
	else
		W(32, op->a, value);
	if (UNLIKELY(loop_wanted(v)))
		LEAVE_AFTER;
	NEXT;
}

OP(out)
{
	u16 port = op->x ? R(16, REG(RDX)) : (u16)op->imm;
	u32 value = op->b == 0 ? R(8, op->a) : op->b == 1 ? R(16, op->a) : R(32, op->a);

	SLOW(x86_port_out(CPU, port, 1u << op->b, value));
	if (UNLIKELY(loop_wanted(v)))
		LEAVE_AFTER;
	NEXT;
}

OP(swapgs)
{
	u64 base = CPU->seg[GS].base;

	CPU->seg[GS].base = CPU->kernel_gs_base;
	CPU->kernel_gs_base = base;
	NEXT;
}

/* a: register; b: FS or GS; x: the operand is 64 bits wide. */
OP(rdfsbase)
{
	u64 base = CPU->seg[op->b].base;

	if (UNLIKELY(!(CPU->cr4 & CR4_FSGSBASE)))
		SLOW(x86_raise(CPU, EXC_UD));
	W(64, op->a, op->x ? base : (u32)base);
	NEXT;
}

OP(wrfsbase)
{
	u64 base = op->x ? R(64, op->a) : R(32, op->a);

	if (UNLIKELY(!(CPU->cr4 & CR4_FSGSBASE)))
		SLOW(x86_raise(CPU, EXC_UD));
	if (UNLIKELY(!canonical(base)))
		SLOW(x86_raise_error(CPU, EXC_GP, 0));
	CPU->seg[op->b].base = base;
	NEXT;
}

/* a: register; b: segment register. */
OP(rdselector)
{
	W(64, op->a, CPU->seg[op->b].selector);
	NEXT;
}

OP(rdselector16)
{
	W(16, op->a, CPU->seg[op->b].selector);
	NEXT;
}

/* a: register; x: 64-bit operand. */
OP(smsw)
{
	W(64, op->a, op->x ? CPU->cr0 : (u32)CPU->cr0);
	NEXT;
}

OP(smsw16)
{
	W(16, op->a, (u16)CPU->cr0);
	NEXT;
}
