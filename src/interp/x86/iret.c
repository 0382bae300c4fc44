/*
 * IRET, and the part of returns that RET shares with it.
 * Source: Intel SDM volume 2, "IRET/IRETD/IRETQ", "RET"; volume 3, sections 5.8.6, 6.12, 20.2.
 */
#include "interp/x86/system.h"

#define FLAGS_USER (FLAGS_ARITH | FLAG_TF | FLAG_DF | FLAG_NT | FLAG_AC | FLAG_ID | FLAG_RF)

uint64_t x86_check_pc(struct x86_cpu *c, struct x86_desc d, uint64_t pc)
{
	if (x86_long_mode(c) && d.hi & SEG_L) {
		if (!canonical(pc))
			x86_raise_error(c, EXC_GP, 0);
		return pc;
	}
	pc = (uint32_t)pc;
	if (pc > desc_limit(d))
		x86_raise_error(c, EXC_GP, 0);
	return pc;
}

void x86_iret_flags(struct x86_cpu *c, uint32_t value, unsigned int size, unsigned int old_cpl)
{
	uint32_t mask = FLAGS_USER;

	if (old_cpl <= x86_iopl(c))
		mask |= FLAG_IF;
	if (old_cpl == 0)
		mask |= FLAG_IOPL | FLAG_VIF | FLAG_VIP;
	if (size == 2)
		mask &= 0xffff;
	x86_flags_set(c, value, mask);
}

/* --- real-address mode and virtual-8086 mode --- */

static void iret_real(struct x86_cpu *c, unsigned int size)
{
	struct x86_stack st;

	x86_stack_current(c, &st);
	uint64_t pc = x86_stack_pop(&st, size);
	uint16_t cs = (uint16_t)x86_stack_pop(&st, size);
	uint32_t flags = (uint32_t)x86_stack_pop(&st, size);
	if (pc > c->seg[CS].limit)
		x86_raise_error(c, EXC_GP, 0);
	x86_stack_commit(&st);
	x86_seg_set_real(c, CS, cs);
	c->v.pc = pc;
	uint32_t mask = FLAGS_USER | FLAG_IF | FLAG_IOPL;
	x86_flags_set(c, flags, size == 2 ? mask & 0xffff : mask);
	x86_mode_changed(c);
}

/* With VME and IOPL < 3 the 16-bit form works on VIF. Returns the flags to set under *mask. */
static uint32_t vme_flags(struct x86_cpu *c, uint32_t flags, uint32_t *mask)
{
	if (flags & FLAG_TF || (flags & FLAG_IF && c->eflags & FLAG_VIP))
		x86_raise_error(c, EXC_GP, 0);
	*mask = (FLAGS_USER & 0xffff) | FLAG_VIF;
	flags &= 0xffff;
	return flags & FLAG_IF ? flags | FLAG_VIF : flags;
}

static void iret_vm86(struct x86_cpu *c, unsigned int size)
{
	uint32_t mask = FLAGS_USER | FLAG_IF;
	bool vme = x86_iopl(c) < 3;
	struct x86_stack st;

	if (vme && (!(c->cr4 & CR4_VME) || size != 2))
		x86_raise_error(c, EXC_GP, 0);
	x86_stack_current(c, &st);
	uint64_t pc = x86_stack_pop(&st, size);
	uint16_t cs = (uint16_t)x86_stack_pop(&st, size);
	uint32_t flags = (uint32_t)x86_stack_pop(&st, size);
	if (pc > 0xffff)
		x86_raise_error(c, EXC_GP, 0);
	if (vme)
		flags = vme_flags(c, flags, &mask);
	else if (size == 2)
		mask &= 0xffff;
	x86_stack_commit(&st);
	x86_seg_set_vm86(c, CS, cs);
	c->v.pc = pc;
	x86_flags_set(c, flags, mask);
	x86_mode_changed(c);
}

/* --- protected mode --- */

static struct x86_desc check_return_code(struct x86_cpu *c, uint16_t cs)
{
	if (selector_is_null(cs))
		x86_raise_error(c, EXC_GP, 0);
	struct x86_desc d = x86_desc_read(c, cs, EXC_GP);
	unsigned int rpl = cs & 3;
	if (!desc_is_code(d) || rpl < x86_cpl(c))
		x86_raise_selector(c, EXC_GP, cs);
	if (desc_is_conforming(d) ? desc_dpl(d) > rpl : desc_dpl(d) != rpl)
		x86_raise_selector(c, EXC_GP, cs);
	if (x86_long_mode(c) && (d.hi & (SEG_L | SEG_DB)) == (SEG_L | SEG_DB))
		x86_raise_selector(c, EXC_GP, cs);
	if (!(d.hi & SEG_P))
		x86_raise_selector(c, EXC_NP, cs);
	return d;
}

/* The stack segment that a return finds on the old stack. Null is allowed for 64-bit code below
 * level 3; *null says so. */
static struct x86_desc check_return_stack(struct x86_cpu *c, uint16_t ss, unsigned int cpl,
					  bool to_64, bool *null)
{
	*null = selector_is_null(ss);
	if (!*null)
		return x86_check_stack_segment(c, ss, cpl, EXC_GP, EXC_SS);
	if (!to_64 || cpl == 3 || (ss & 3) != cpl)
		x86_raise_error(c, EXC_GP, 0);
	return (struct x86_desc){0};
}

static void load_return_stack(struct x86_cpu *c, uint16_t ss, struct x86_desc d, bool null)
{
	if (null)
		x86_seg_set_null(c, SS, ss);
	else
		x86_seg_set_desc(c, SS, ss, d);
}

void x86_return_protected(struct x86_cpu *c, struct x86_stack *st, uint16_t cs, uint64_t pc,
			  unsigned int size, unsigned int pop_bytes, const uint32_t *flags)
{
	struct x86_desc code = check_return_code(c, cs), stack = {0};
	unsigned int old_cpl = x86_cpl(c), cpl = cs & 3;
	bool to_64 = x86_long_mode(c) && code.hi & SEG_L;
	/* IRET in 64-bit mode always pops SS:RSP. */
	bool switches = cpl > old_cpl || (flags && x86_code64(c));
	uint16_t ss = 0;
	uint64_t sp = 0;
	bool null = false;

	/* In 64-bit code RET n adds to RSP, whatever the stack was before. */
	if (switches || !to_64)
		st->sp = (st->sp + pop_bytes) & st->mask;
	if (switches) {
		sp = x86_stack_pop(st, size);
		ss = (uint16_t)x86_stack_pop(st, size);
		stack = check_return_stack(c, ss, cpl, to_64, &null);
	}
	pc = x86_check_pc(c, code, pc);
	x86_desc_set_accessed(c, &code);

	x86_seg_set_code(c, cs, cpl, code);
	c->v.pc = pc;
	if (switches) {
		uint64_t mask = to_64 ? UINT64_MAX : stack.hi & SEG_DB ? UINT32_MAX : UINT16_MAX;
		load_return_stack(c, ss, stack, null);
		/* A 16-bit return writes SP only where it is not 64-bit code. */
		if (!flags)
			sp += pop_bytes;
		if (size == 2 && mask == UINT32_MAX)
			sp &= 0xffff;
		x86_set_sp(c, sp, mask);
	} else {
		x86_stack_commit(st);
		if (to_64)
			c->r.r[RSP] += pop_bytes;
	}
	if (cpl > old_cpl)
		x86_segs_drop_inner(c, cpl);
	if (flags)
		x86_iret_flags(c, *flags, size, old_cpl);
	x86_mode_changed(c);
}

static void iret_to_vm86(struct x86_cpu *c, struct x86_stack *st, uint16_t cs, uint64_t pc,
			 uint32_t flags)
{
	static const enum x86_seg_name names[] = {ES, DS, FS, GS};
	uint32_t sp = (uint32_t)x86_stack_pop(st, 4);
	uint16_t ss = (uint16_t)x86_stack_pop(st, 4);
	uint16_t selectors[4];

	for (unsigned int i = 0; i < 4; i++)
		selectors[i] = (uint16_t)x86_stack_pop(st, 4);
	if (pc > 0xffff)
		x86_raise_error(c, EXC_GP, 0);
	x86_flags_set(c, flags, ~(uint32_t)0);
	c->eflags &= FLAGS_USER | FLAG_IF | FLAG_IOPL | FLAG_VM | FLAG_VIF | FLAG_VIP | FLAG_1;
	c->eflags &= ~(uint32_t)(FLAGS_ARITH | FLAG_DF);
	x86_seg_set_vm86(c, CS, cs);
	x86_seg_set_vm86(c, SS, ss);
	for (unsigned int i = 0; i < 4; i++)
		x86_seg_set_vm86(c, names[i], selectors[i]);
	c->r.r[RSP] = sp;
	c->v.pc = pc;
	x86_mode_changed(c);
}

static void iret_nested(struct x86_cpu *c)
{
	const struct x86_seg *tss = &c->seg[SEG_TSS];

	if (x86_long_mode(c))
		x86_raise_error(c, EXC_GP, 0);
	if (!tss->usable || tss->limit < 1)
		x86_raise_selector(c, EXC_TS, tss->selector);
	uint16_t back = (uint16_t)x86_mem_load(c, (uint32_t)tss->base, 2, MMU_SUPER);
	x86_task_switch_selector(c, back, TASK_IRET, c->v.pc);
}

static void iret_protected(struct x86_cpu *c, unsigned int size)
{
	struct x86_stack st;

	if (c->eflags & FLAG_NT) {
		iret_nested(c);
		return;
	}
	x86_stack_current(c, &st);
	x86_stack_touch(&st, 2 * size, size); /* processors read the flags first */
	uint64_t pc = x86_stack_pop(&st, size);
	uint16_t cs = (uint16_t)x86_stack_pop(&st, size);
	uint32_t flags = (uint32_t)x86_stack_pop(&st, size);
	if (flags & FLAG_VM && size == 4 && x86_cpl(c) == 0 && !x86_long_mode(c))
		iret_to_vm86(c, &st, cs, pc, flags);
	else
		x86_return_protected(c, &st, cs, pc, size, 0, &flags);
}

void x86_iret(struct x86_cpu *c, unsigned int opsize_log2)
{
	unsigned int size = 1u << opsize_log2;

	if (x86_protected(c))
		iret_protected(c, size);
	else if (x86_vm86(c))
		iret_vm86(c, size);
	else
		iret_real(c, size);
	c->nmi_blocked = false;
}
