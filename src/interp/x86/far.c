/*
 * Far jumps, calls and returns: code segments, call gates, TSS and task gates.
 * Source: Intel SDM volume 2, "JMP", "CALL", "RET"; volume 3, section 5.8.
 */
#include "interp/x86/system.h"

#include "base/log.h"

#include <inttypes.h>

static uint64_t cut(uint64_t value, unsigned int opsize_log2)
{
	return opsize_log2 == 1 ? (uint16_t)value : opsize_log2 == 2 ? (uint32_t)value : value;
}

/* --- stacks in the TSS --- */

void x86_tss_stack(struct x86_cpu *c, unsigned int cpl, uint16_t *ss, uint32_t *sp)
{
	const struct x86_seg *tss = &c->seg[SEG_TSS];
	bool wide = tss->attr & 8 << 8;
	uint32_t offset = wide ? 4 + 8 * cpl : 2 + 4 * cpl;
	unsigned int size = wide ? 4 : 2;

	if (!tss->usable || offset + 2 * size - 1 > tss->limit)
		x86_raise_selector(c, EXC_TS, tss->selector);
	*sp = (uint32_t)x86_mem_load(c, (uint32_t)(tss->base + offset), size, MMU_SUPER);
	*ss = (uint16_t)x86_mem_load(c, (uint32_t)(tss->base + offset + size), 2, MMU_SUPER);
}

uint64_t x86_tss_rsp(struct x86_cpu *c, unsigned int slot)
{
	const struct x86_seg *tss = &c->seg[SEG_TSS];
	uint32_t offset = 4 + 8 * slot;

	if (!tss->usable || offset + 7 > tss->limit)
		x86_raise_selector(c, EXC_TS, tss->selector);
	uint64_t rsp = x86_mem_load(c, tss->base + offset, 8, MMU_SUPER);
	if (!canonical(rsp))
		x86_raise_error(c, EXC_SS, 0);
	return rsp;
}

/* --- real-address and virtual-8086 mode --- */

static void load_cs_real(struct x86_cpu *c, uint16_t selector, uint64_t offset)
{
	if (x86_vm86(c))
		x86_seg_set_vm86(c, CS, selector);
	else
		x86_seg_set_real(c, CS, selector);
	c->v.pc = offset;
	x86_mode_changed(c);
}

static void check_offset_real(struct x86_cpu *c, uint64_t offset)
{
	if (offset > c->seg[CS].limit)
		x86_raise_error(c, EXC_GP, 0);
}

/* --- direct transfers to code segments --- */

static void check_present(struct x86_cpu *c, uint16_t selector, struct x86_desc d)
{
	if (!(d.hi & SEG_P))
		x86_raise_selector(c, EXC_NP, selector);
}

static void check_long_code(struct x86_cpu *c, uint16_t selector, struct x86_desc d)
{
	if (x86_long_mode(c) && (d.hi & (SEG_L | SEG_DB)) == (SEG_L | SEG_DB))
		x86_raise_selector(c, EXC_GP, selector);
}

static void check_direct_code(struct x86_cpu *c, uint16_t selector, struct x86_desc d)
{
	unsigned int cpl = x86_cpl(c), dpl = desc_dpl(d);
	bool allowed = desc_is_conforming(d) ? dpl <= cpl : dpl == cpl && (selector & 3) <= cpl;

	if (!allowed)
		x86_raise_selector(c, EXC_GP, selector);
	check_long_code(c, selector, d);
	check_present(c, selector, d);
}

static void load_cs(struct x86_cpu *c, uint16_t selector, unsigned int cpl, struct x86_desc d,
		    uint64_t pc)
{
	x86_seg_set_code(c, selector, cpl, d);
	c->v.pc = pc;
	x86_mode_changed(c);
}

static void jump_code(struct x86_cpu *c, uint16_t selector, struct x86_desc d, uint64_t offset)
{
	check_direct_code(c, selector, d);
	offset = x86_check_pc(c, d, offset);
	x86_desc_set_accessed(c, &d);
	load_cs(c, selector, x86_cpl(c), d, offset);
}

static void call_code(struct x86_cpu *c, uint16_t selector, struct x86_desc d, uint64_t offset,
		      uint64_t next, unsigned int size)
{
	struct x86_stack st;

	check_direct_code(c, selector, d);
	x86_stack_current(c, &st);
	if (x86_long_mode(c) && d.hi & SEG_L) { /* the stack is 64-bit mode's already */
		st.flat64 = true;
		st.mask = UINT64_MAX;
		st.sp = c->r.r[RSP];
	}
	x86_stack_push(&st, size, c->seg[CS].selector);
	x86_stack_push(&st, size, next);
	offset = x86_check_pc(c, d, offset);
	x86_desc_set_accessed(c, &d);
	x86_stack_commit(&st);
	load_cs(c, selector, x86_cpl(c), d, offset);
}

/* --- call gates --- */

struct call_gate {
	struct x86_desc code;
	uint16_t selector;
	uint64_t offset;
	unsigned int params, size; /* size of what is pushed */
};

static struct call_gate read_call_gate(struct x86_cpu *c, uint16_t gate_sel, struct x86_desc gate)
{
	bool lma = x86_long_mode(c);
	struct call_gate g = {.selector = gate_selector(gate),
			      .offset = gate_offset(gate),
			      .params = gate.hi & 31,
			      .size = lma ? 8 : 4};

	if (desc_type(gate) == DESC_CALL16) {
		g.size = 2;
		g.offset &= 0xffff;
	}
	if (lma) {
		g.offset |= (uint64_t)x86_desc_read_upper(c, gate_sel) << 32;
		g.params = 0;
	}
	check_present(c, gate_sel, gate);
	if (selector_is_null(g.selector))
		x86_raise_error(c, EXC_GP, 0);
	g.code = x86_desc_read(c, g.selector, EXC_GP);
	if (!desc_is_code(g.code) || desc_dpl(g.code) > x86_cpl(c))
		x86_raise_selector(c, EXC_GP, g.selector);
	if (lma && (g.code.hi & (SEG_L | SEG_DB)) != SEG_L)
		x86_raise_selector(c, EXC_GP, g.selector);
	check_present(c, g.selector, g.code);
	return g;
}

static void jump_gate(struct x86_cpu *c, uint16_t gate_sel, struct x86_desc gate)
{
	struct call_gate g = read_call_gate(c, gate_sel, gate);

	if (!desc_is_conforming(g.code) && desc_dpl(g.code) != x86_cpl(c))
		x86_raise_selector(c, EXC_GP, g.selector);
	x86_check_pc(c, g.code, g.offset);
	x86_desc_set_accessed(c, &g.code);
	load_cs(c, g.selector, x86_cpl(c), g.code, g.offset);
}

/* Copies the parameters of the caller's stack, the last one first. */
static void copy_params(struct x86_cpu *c, struct x86_stack *to, const struct call_gate *g)
{
	struct x86_stack from;

	x86_stack_current(c, &from);
	uint64_t bottom = from.sp;
	for (unsigned int i = g->params; i-- > 0;) {
		from.sp = (bottom + i * g->size) & from.mask;
		x86_stack_push(to, g->size, x86_stack_pop(&from, g->size));
	}
}

/* Through a gate to a more privileged level: the stack comes from the TSS. */
static void call_gate_inner(struct x86_cpu *c, struct call_gate *g, uint64_t next)
{
	unsigned int cpl = desc_dpl(g->code);
	bool lma = x86_long_mode(c);
	struct x86_desc ss = {0};
	uint16_t ss_selector = (uint16_t)cpl;
	struct x86_stack st;

	if (lma) {
		x86_stack_64(c, &st, x86_tss_rsp(c, cpl));
	} else {
		uint32_t sp;
		x86_tss_stack(c, cpl, &ss_selector, &sp);
		if (selector_is_null(ss_selector))
			x86_raise_error(c, EXC_TS, 0);
		ss = x86_check_stack_segment(c, ss_selector, cpl, EXC_TS, EXC_SS);
		x86_stack_other(c, &st, ss_selector, ss, sp);
	}
	x86_stack_push(&st, g->size, c->seg[SS].selector);
	x86_stack_push(&st, g->size, c->r.r[RSP]);
	copy_params(c, &st, g);
	x86_stack_push(&st, g->size, c->seg[CS].selector);
	x86_stack_push(&st, g->size, next);
	x86_check_pc(c, g->code, g->offset);
	x86_desc_set_accessed(c, &g->code);

	x86_seg_set_code(c, g->selector, cpl, g->code);
	if (lma)
		x86_seg_set_null(c, SS, ss_selector);
	else
		x86_seg_set_desc(c, SS, ss_selector, ss);
	x86_stack_commit(&st);
	c->v.pc = g->offset;
	x86_mode_changed(c);
}

static void call_gate_same(struct x86_cpu *c, struct call_gate *g, uint64_t next)
{
	struct x86_stack st;

	x86_stack_current(c, &st);
	x86_stack_push(&st, g->size, c->seg[CS].selector);
	x86_stack_push(&st, g->size, next);
	x86_check_pc(c, g->code, g->offset);
	x86_desc_set_accessed(c, &g->code);
	x86_stack_commit(&st);
	load_cs(c, g->selector, x86_cpl(c), g->code, g->offset);
}

static void call_gate(struct x86_cpu *c, uint16_t gate_sel, struct x86_desc gate, uint64_t next)
{
	struct call_gate g = read_call_gate(c, gate_sel, gate);

	if (!desc_is_conforming(g.code) && desc_dpl(g.code) < x86_cpl(c))
		call_gate_inner(c, &g, next);
	else
		call_gate_same(c, &g, next);
}

/* --- system descriptors as targets --- */

static void task_gate(struct x86_cpu *c, uint16_t selector, struct x86_desc gate,
		      enum x86_task_switch why, uint64_t next)
{
	check_present(c, selector, gate);
	x86_task_switch_selector(c, gate_selector(gate), why, next);
}

/* Far JMP or CALL to a selector that names no code segment. */
static void to_system(struct x86_cpu *c, uint16_t selector, struct x86_desc d, bool call,
		      uint64_t next)
{
	unsigned int type = desc_type(d), dpl = desc_dpl(d);
	enum x86_task_switch why = call ? TASK_CALL : TASK_JMP;
	bool lma = x86_long_mode(c);

	if (d.hi & SEG_S || dpl < x86_cpl(c) || dpl < (selector & 3u))
		x86_raise_selector(c, EXC_GP, selector);
	if (type == DESC_CALL32 || (type == DESC_CALL16 && !lma)) {
		if (call)
			call_gate(c, selector, d, next);
		else
			jump_gate(c, selector, d);
	} else if (type == DESC_TASK_GATE && !lma) {
		task_gate(c, selector, d, why, next);
	} else if ((type == DESC_TSS16 || type == DESC_TSS32) && !lma) {
		x86_task_switch_selector(c, selector, why, next);
	} else {
		x86_raise_selector(c, EXC_GP, selector);
	}
}

static struct x86_desc read_target(struct x86_cpu *c, uint16_t selector)
{
	if (selector_is_null(selector))
		x86_raise_error(c, EXC_GP, 0);
	return x86_desc_read(c, selector, EXC_GP);
}

/* --- the instructions --- */

void x86_far_jump(struct x86_cpu *c, uint16_t selector, uint64_t offset, uint64_t next,
		  unsigned int opsize_log2)
{
	offset = cut(offset, opsize_log2);
	if (!x86_protected(c)) {
		check_offset_real(c, offset);
		load_cs_real(c, selector, offset);
		return;
	}
	log_printf(LOG_PCALL, "x86: ljmp %04x:%" PRIx64 " from cpl %u\n", selector, offset,
		   x86_cpl(c));
	struct x86_desc d = read_target(c, selector);
	if (desc_is_code(d))
		jump_code(c, selector, d, offset);
	else
		to_system(c, selector, d, false, next);
}

void x86_far_call(struct x86_cpu *c, uint16_t selector, uint64_t offset, uint64_t next,
		  unsigned int opsize_log2)
{
	unsigned int size = 1u << opsize_log2;

	offset = cut(offset, opsize_log2);
	if (!x86_protected(c)) {
		struct x86_stack st;
		x86_stack_current(c, &st);
		x86_stack_push(&st, size, c->seg[CS].selector);
		x86_stack_push(&st, size, next);
		check_offset_real(c, offset);
		x86_stack_commit(&st);
		load_cs_real(c, selector, offset);
		return;
	}
	log_printf(LOG_PCALL, "x86: lcall %04x:%" PRIx64 " from cpl %u\n", selector, offset,
		   x86_cpl(c));
	struct x86_desc d = read_target(c, selector);
	if (desc_is_code(d))
		call_code(c, selector, d, offset, next, size);
	else
		to_system(c, selector, d, true, next);
}

void x86_far_return(struct x86_cpu *c, unsigned int opsize_log2, unsigned int pop_bytes)
{
	unsigned int size = 1u << opsize_log2;
	struct x86_stack st;

	x86_stack_current(c, &st);
	x86_stack_touch(&st, size, size); /* processors read the selector first */
	uint64_t pc = x86_stack_pop(&st, size);
	uint16_t cs = (uint16_t)x86_stack_pop(&st, size);
	if (x86_protected(c)) {
		log_printf(LOG_PCALL, "x86: lret to %04x:%" PRIx64 " from cpl %u\n", cs, pc,
			   x86_cpl(c));
		x86_return_protected(c, &st, cs, pc, size, pop_bytes, NULL);
		return;
	}
	check_offset_real(c, pc);
	st.sp += pop_bytes;
	x86_stack_commit(&st);
	load_cs_real(c, cs, pc);
}
