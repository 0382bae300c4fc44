/*
 * Entering interrupt and exception handlers: IVT, IDT with its gates, VME's redirection, long mode.
 * Source: Intel SDM volume 3, sections 6.10 to 6.14, 20.1.4, 20.2, 20.3 and volume 2, "INT n".
 *
 * Everything that may fault comes before the first change of a register.
 */
#include "interp/x86/system.h"

/* Flags as a handler's frame keeps them. */
static uint32_t saved_flags(const struct x86_cpu *c, const struct x86_delivery *d)
{
	uint32_t flags = x86_flags_get(c) & ~(uint32_t)FLAG_RF;

	return d->resume ? flags | FLAG_RF : flags;
}

/* #GP, #NP for the gate itself: the error code names the vector. */
static void NORETURN raise_gate(struct x86_cpu *c, enum x86_vector vector,
				const struct x86_delivery *d)
{
	x86_raise_error(c, vector, (uint32_t)d->vector * 8 + 2);
}

/* --- real-address mode --- */

static void deliver_real(struct x86_cpu *c, const struct x86_delivery *d)
{
	struct x86_stack st;

	if (d->vector * 4u + 3 > c->idt.limit)
		x86_raise_error(c, EXC_GP, 0);
	uint32_t entry =
		(uint32_t)x86_mem_load(c, (uint32_t)(c->idt.base + d->vector * 4u), 4, MMU_SUPER);
	x86_stack_current(c, &st);
	x86_stack_push(&st, 2, saved_flags(c, d) & 0xffff);
	x86_stack_push(&st, 2, c->seg[CS].selector);
	x86_stack_push(&st, 2, d->return_pc & 0xffff);
	x86_stack_commit(&st);
	x86_seg_set_real(c, CS, (uint16_t)(entry >> 16));
	c->v.pc = entry & 0xffff;
	c->eflags &= ~(uint32_t)(FLAG_IF | FLAG_TF | FLAG_AC | FLAG_RF);
	x86_mode_changed(c);
}

/* --- virtual-8086 mode's own handlers (VME) --- */

/* Whether the TSS sends this vector to the 8086 program. */
static bool redirected(struct x86_cpu *c, unsigned int vector)
{
	const struct x86_seg *tss = &c->seg[SEG_TSS];

	if (!tss->usable || tss->limit < 103)
		return false;
	uint32_t io_base = (uint32_t)x86_mem_load(c, (uint32_t)(tss->base + 102), 2, MMU_SUPER);
	uint32_t offset = io_base - 32 + vector / 8;
	if (io_base < 32 || offset > tss->limit)
		return false;
	return !(x86_mem_load(c, (uint32_t)(tss->base + offset), 1, MMU_SUPER) >> (vector % 8) & 1);
}

static void deliver_vm86(struct x86_cpu *c, unsigned int vector, uint64_t next)
{
	uint32_t entry = (uint32_t)x86_mem_load(c, vector * 4, 4, MMU_USER);
	uint32_t flags = x86_flags_get(c);
	struct x86_stack st;
	bool virtual_if = x86_iopl(c) < 3;

	if (virtual_if) {
		flags = (flags & ~(uint32_t)FLAG_IF) | FLAG_IOPL;
		if (c->eflags & FLAG_VIF)
			flags |= FLAG_IF;
	}
	x86_stack_current(c, &st);
	x86_stack_push(&st, 2, flags & 0xffff);
	x86_stack_push(&st, 2, c->seg[CS].selector);
	x86_stack_push(&st, 2, next & 0xffff);
	x86_stack_commit(&st);
	x86_seg_set_vm86(c, CS, (uint16_t)(entry >> 16));
	c->v.pc = entry & 0xffff;
	c->eflags &= ~(uint32_t)(FLAG_TF | FLAG_RF | (virtual_if ? FLAG_VIF : FLAG_IF));
	x86_mode_changed(c);
}

bool x86_vm86_int(struct x86_cpu *c, unsigned int vector, uint64_t next)
{
	if (c->cr4 & CR4_VME && redirected(c, vector)) {
		deliver_vm86(c, vector, next);
		return true;
	}
	if (x86_iopl(c) < 3)
		x86_raise_error(c, EXC_GP, 0);
	return false;
}

/* --- protected mode --- */

static struct x86_desc read_gate(struct x86_cpu *c, const struct x86_delivery *d)
{
	uint32_t offset = d->vector * 8u;

	if (offset + 7 > c->idt.limit)
		raise_gate(c, EXC_GP, d);
	uint64_t value = x86_mem_load(c, (uint32_t)(c->idt.base + offset), 8, MMU_SUPER);
	struct x86_desc gate = {(uint32_t)value, (uint32_t)(value >> 32), 0};
	unsigned int type = desc_type(gate);
	bool known = type == DESC_TASK_GATE || type == DESC_INT16 || type == DESC_TRAP16 ||
		     type == DESC_INT32 || type == DESC_TRAP32;
	if (gate.hi & SEG_S || !known)
		raise_gate(c, EXC_GP, d);
	if (d->software && desc_dpl(gate) < x86_cpl(c))
		raise_gate(c, EXC_GP, d);
	if (!(gate.hi & SEG_P))
		raise_gate(c, EXC_NP, d);
	return gate;
}

/* The handler's code segment; *cpl becomes the privilege that it runs at. */
static struct x86_desc read_handler_code(struct x86_cpu *c, uint16_t selector, unsigned int *cpl)
{
	if (selector_is_null(selector))
		x86_raise_error(c, EXC_GP, 0);
	struct x86_desc d = x86_desc_read(c, selector, EXC_GP);
	if (!desc_is_code(d) || desc_dpl(d) > *cpl)
		x86_raise_selector(c, EXC_GP, selector);
	if (!(d.hi & SEG_P))
		x86_raise_selector(c, EXC_NP, selector);
	if (!desc_is_conforming(d))
		*cpl = desc_dpl(d);
	return d;
}

static void deliver_task_gate(struct x86_cpu *c, const struct x86_delivery *d, struct x86_desc gate)
{
	struct x86_stack st;

	if (d->resume)
		c->eflags |= FLAG_RF; /* is saved in the old TSS */
	x86_task_switch_selector(c, gate_selector(gate), TASK_INT, d->return_pc);
	if (!d->has_error)
		return;
	/* From here on faults belong to the new task. */
	x86_stack_current(c, &st);
	unsigned int type = c->seg[SEG_TSS].attr >> 8 & 15;
	x86_stack_push(&st, type == DESC_TSS32_BUSY ? 4 : 2, d->error);
	x86_stack_commit(&st);
}

static void push_vm86_segments(struct x86_cpu *c, struct x86_stack *st, unsigned int size)
{
	x86_stack_push(st, size, c->seg[GS].selector);
	x86_stack_push(st, size, c->seg[FS].selector);
	x86_stack_push(st, size, c->seg[DS].selector);
	x86_stack_push(st, size, c->seg[ES].selector);
}

static void clear_entry_flags(struct x86_cpu *c, bool interrupt_gate)
{
	c->eflags &= ~(uint32_t)(FLAG_TF | FLAG_NT | FLAG_RF | FLAG_VM);
	if (interrupt_gate)
		c->eflags &= ~(uint32_t)FLAG_IF;
}

static void deliver_protected(struct x86_cpu *c, const struct x86_delivery *d)
{
	struct x86_desc gate = read_gate(c, d);
	unsigned int old_cpl = x86_cpl(c), cpl = old_cpl;
	uint32_t mask = desc_type(gate) & 8 ? UINT32_MAX : UINT16_MAX;
	unsigned int size = mask == UINT32_MAX ? 4 : 2;
	bool vm86 = x86_vm86(c);
	struct x86_desc ss;
	struct x86_stack st;
	uint16_t ss_selector = 0;

	if (desc_type(gate) == DESC_TASK_GATE) {
		deliver_task_gate(c, d, gate);
		return;
	}
	uint16_t selector = gate_selector(gate);
	struct x86_desc code = read_handler_code(c, selector, &cpl);
	if (vm86 && cpl != 0)
		x86_raise_selector(c, EXC_GP, selector);
	if (cpl < old_cpl) {
		uint32_t sp;
		x86_tss_stack(c, cpl, &ss_selector, &sp);
		if (selector_is_null(ss_selector))
			x86_raise_error(c, EXC_TS, 0);
		ss = x86_check_stack_segment(c, ss_selector, cpl, EXC_TS, EXC_SS);
		x86_stack_other(c, &st, ss_selector, ss, sp);
		if (vm86)
			push_vm86_segments(c, &st, size);
		x86_stack_push(&st, size, c->seg[SS].selector);
		x86_stack_push(&st, size, c->r.r[RSP] & UINT32_MAX);
	} else {
		x86_stack_current(c, &st);
	}
	x86_stack_push(&st, size, saved_flags(c, d) & mask);
	x86_stack_push(&st, size, c->seg[CS].selector);
	x86_stack_push(&st, size, d->return_pc & mask);
	if (d->has_error)
		x86_stack_push(&st, size, d->error);
	x86_desc_set_accessed(c, &code);
	uint32_t pc = gate_offset(gate) & mask;
	x86_check_pc(c, code, pc);

	clear_entry_flags(c, !(desc_type(gate) & 1));
	if (vm86) {
		c->v.mode &= ~(uint32_t)MODE_VM;
		x86_seg_set_null(c, ES, 0);
		x86_seg_set_null(c, DS, 0);
		x86_seg_set_null(c, FS, 0);
		x86_seg_set_null(c, GS, 0);
	}
	if (cpl < old_cpl)
		x86_seg_set_desc(c, SS, ss_selector, ss);
	x86_seg_set_code(c, selector, cpl, code);
	x86_stack_commit(&st);
	c->v.pc = pc;
	x86_mode_changed(c);
}

/* --- long mode --- */

struct gate64 {
	uint64_t offset;
	uint16_t selector;
	uint8_t ist;
	bool interrupt;
};

static struct gate64 read_gate64(struct x86_cpu *c, const struct x86_delivery *d)
{
	uint32_t offset = d->vector * 16u;

	if (offset + 15 > c->idt.limit)
		raise_gate(c, EXC_GP, d);
	uint64_t low = x86_mem_load(c, c->idt.base + offset, 8, MMU_SUPER);
	uint64_t high = x86_mem_load(c, c->idt.base + offset + 8, 8, MMU_SUPER);
	struct x86_desc gate = {(uint32_t)low, (uint32_t)(low >> 32), 0};
	unsigned int type = desc_type(gate);
	if (gate.hi & SEG_S || (type != DESC_INT32 && type != DESC_TRAP32))
		raise_gate(c, EXC_GP, d);
	if (d->software && desc_dpl(gate) < x86_cpl(c))
		raise_gate(c, EXC_GP, d);
	if (!(gate.hi & SEG_P))
		raise_gate(c, EXC_NP, d);
	return (struct gate64){.offset = gate_offset(gate) | high << 32,
			       .selector = gate_selector(gate),
			       .ist = gate.hi & 7,
			       .interrupt = type == DESC_INT32};
}

static void deliver_long(struct x86_cpu *c, const struct x86_delivery *d)
{
	struct gate64 gate = read_gate64(c, d);
	unsigned int old_cpl = x86_cpl(c), cpl = old_cpl;
	struct x86_desc code = read_handler_code(c, gate.selector, &cpl);
	uint64_t rsp = c->r.r[RSP];
	struct x86_stack st;

	if ((code.hi & (SEG_L | SEG_DB)) != SEG_L)
		x86_raise_selector(c, EXC_GP, gate.selector);
	if (gate.ist)
		rsp = x86_tss_rsp(c, 3 + gate.ist);
	else if (cpl < old_cpl)
		rsp = x86_tss_rsp(c, cpl);
	x86_stack_64(c, &st, rsp & ~UINT64_C(15));
	if (cpl == 3)
		st.mmu_mode = MMU_USER;
	x86_stack_push(&st, 8, c->seg[SS].selector);
	x86_stack_push(&st, 8, c->r.r[RSP]);
	x86_stack_push(&st, 8, saved_flags(c, d));
	x86_stack_push(&st, 8, c->seg[CS].selector);
	x86_stack_push(&st, 8, d->return_pc);
	if (d->has_error)
		x86_stack_push(&st, 8, d->error);
	if (!canonical(gate.offset))
		x86_raise_error(c, EXC_GP, 0);
	x86_desc_set_accessed(c, &code);

	clear_entry_flags(c, gate.interrupt);
	x86_seg_set_code(c, gate.selector, cpl, code);
	if (cpl < old_cpl)
		x86_seg_set_null(c, SS, (uint16_t)cpl);
	c->r.r[RSP] = st.sp;
	c->v.pc = gate.offset;
	x86_mode_changed(c);
}

void x86_deliver(struct x86_cpu *c, const struct x86_delivery *d)
{
	if (UNLIKELY(c->trap != NULL)) {
		c->trap(c, d);
		return;
	}
	c->ext_event = !d->software;
	if (!(c->cr0 & CR0_PE))
		deliver_real(c, d);
	else if (x86_long_mode(c))
		deliver_long(c, d);
	else
		deliver_protected(c, d);
	c->ext_event = false;
}
