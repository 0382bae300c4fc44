/*
 * Task switches through 16-bit and 32-bit TSSs.
 * Source: Intel SDM volume 3, sections 7.2 to 7.5 (table 7-1 for checks, table 7-2 for flags).
 *
 * Everything about the TSS itself is checked while the old task is still there. Once registers are
 * loaded, faults belong to the new task: its segments are checked then.
 */
#include "interp/x86/system.h"

#include "base/log.h"

/* A TSS in memory. */
struct tss {
	uint32_t base;
	bool wide;
};

enum {
	TSS32_CR3 = 0x1c,
	TSS32_EIP = 0x20,
	TSS32_EFLAGS = 0x24,
	TSS32_REGS = 0x28,
	TSS32_SEGS = 0x48,
	TSS32_LDT = 0x60,
	TSS32_TRAP = 0x64,
	TSS32_LIMIT = 0x67,
	TSS16_IP = 0x0e,
	TSS16_FLAGS = 0x10,
	TSS16_REGS = 0x12,
	TSS16_SEGS = 0x22,
	TSS16_LDT = 0x2a,
	TSS16_LIMIT = 0x2b,
};

/* What a task brings with it. */
struct task_state {
	uint32_t cr3, pc, flags, trap;
	uint32_t regs[8];
	uint16_t segs[6], ldt; /* in the order of enum x86_seg_name */
};

static uint32_t tss_load(struct x86_cpu *c, const struct tss *t, uint32_t offset, unsigned int size)
{
	return (uint32_t)x86_mem_load(c, t->base + offset, size, MMU_SUPER);
}

static void tss_store(struct x86_cpu *c, const struct tss *t, uint32_t offset, unsigned int size,
		      uint32_t value)
{
	x86_mem_store(c, t->base + offset, size, value, MMU_SUPER);
}

static void task_save(struct x86_cpu *c, const struct tss *t, uint32_t flags, uint32_t pc)
{
	unsigned int size = t->wide ? 4 : 2;

	tss_store(c, t, t->wide ? TSS32_EIP : TSS16_IP, size, pc);
	tss_store(c, t, t->wide ? TSS32_EFLAGS : TSS16_FLAGS, size, flags);
	for (unsigned int i = 0; i < 8; i++)
		tss_store(c, t, (t->wide ? TSS32_REGS : TSS16_REGS) + i * size, size,
			  (uint32_t)c->r.r[i]);
	for (unsigned int i = 0; i < (t->wide ? 6u : 4u); i++)
		tss_store(c, t, (t->wide ? TSS32_SEGS : TSS16_SEGS) + i * size, 2,
			  c->seg[i].selector);
}

static void task_read(struct x86_cpu *c, const struct tss *t, struct task_state *s)
{
	unsigned int size = t->wide ? 4 : 2;

	*s = (struct task_state){0};
	s->pc = tss_load(c, t, t->wide ? TSS32_EIP : TSS16_IP, size);
	s->flags = tss_load(c, t, t->wide ? TSS32_EFLAGS : TSS16_FLAGS, size);
	for (unsigned int i = 0; i < 8; i++)
		s->regs[i] = tss_load(c, t, (t->wide ? TSS32_REGS : TSS16_REGS) + i * size, size);
	for (unsigned int i = 0; i < (t->wide ? 6u : 4u); i++)
		s->segs[i] =
			(uint16_t)tss_load(c, t, (t->wide ? TSS32_SEGS : TSS16_SEGS) + i * size, 2);
	s->ldt = (uint16_t)tss_load(c, t, t->wide ? TSS32_LDT : TSS16_LDT, 2);
	if (t->wide) {
		s->cr3 = tss_load(c, t, TSS32_CR3, 4);
		s->trap = tss_load(c, t, TSS32_TRAP, 2) & 1;
	}
}

/* Makes sure that all of [offset, offset+len) can be written, before anything is. */
static void tss_probe(struct x86_cpu *c, const struct tss *t, uint32_t len)
{
	vcpu_probe_write(&c->v, t->base, 1, MMU_SUPER);
	vcpu_probe_write(&c->v, t->base + len - 1, 1, MMU_SUPER);
}

static void set_busy(struct x86_cpu *c, uint16_t selector, bool busy)
{
	struct x86_desc d = x86_desc_read(c, selector, EXC_TS);
	unsigned int type = desc_type(d);

	x86_desc_set_type(c, &d, busy ? type | 2 : type & ~2u);
}

/* --- the new task's segments: faults are #TS of the new task --- */

static void load_task_ldt(struct x86_cpu *c, uint16_t selector)
{
	c->seg[SEG_LDT].selector = selector;
	c->seg[SEG_LDT].usable = false;
	if (selector_is_null(selector))
		return;
	if (selector & 4)
		x86_raise_selector(c, EXC_TS, selector);
	struct x86_desc d = x86_desc_read(c, selector, EXC_TS);
	if (d.hi & SEG_S || desc_type(d) != DESC_LDT || !(d.hi & SEG_P))
		x86_raise_selector(c, EXC_TS, selector);
	x86_seg_set_desc(c, SEG_LDT, selector, d);
}

static void load_task_code(struct x86_cpu *c, uint16_t selector)
{
	if (selector_is_null(selector))
		x86_raise_selector(c, EXC_TS, selector);
	struct x86_desc d = x86_desc_read(c, selector, EXC_TS);
	unsigned int rpl = selector & 3;
	if (!desc_is_code(d))
		x86_raise_selector(c, EXC_TS, selector);
	if (desc_is_conforming(d) ? desc_dpl(d) > rpl : desc_dpl(d) != rpl)
		x86_raise_selector(c, EXC_TS, selector);
	if (!(d.hi & SEG_P))
		x86_raise_selector(c, EXC_NP, selector);
	x86_desc_set_accessed(c, &d);
	x86_seg_set_desc(c, CS, selector, d);
}

static void load_task_stack(struct x86_cpu *c, uint16_t selector, unsigned int cpl)
{
	if (selector_is_null(selector))
		x86_raise_selector(c, EXC_TS, selector);
	struct x86_desc d = x86_check_stack_segment(c, selector, cpl, EXC_TS, EXC_SS);
	x86_seg_set_desc(c, SS, selector, d);
}

static void load_task_data(struct x86_cpu *c, enum x86_seg_name s, uint16_t selector,
			   unsigned int cpl)
{
	if (selector_is_null(selector))
		return;
	struct x86_desc d = x86_desc_read(c, selector, EXC_TS);
	unsigned int rpl = selector & 3, dpl = desc_dpl(d);
	if (!(d.hi & SEG_S) || (d.hi & (SEG_CODE | SEG_R)) == SEG_CODE)
		x86_raise_selector(c, EXC_TS, selector);
	if (!desc_is_conforming(d) && (rpl > dpl || cpl > dpl))
		x86_raise_selector(c, EXC_TS, selector);
	if (!(d.hi & SEG_P))
		x86_raise_selector(c, EXC_NP, selector);
	x86_desc_set_accessed(c, &d);
	x86_seg_set_desc(c, s, selector, d);
}

/* All selectors are in their registers, but none is valid until it has been checked. */
static void load_selectors(struct x86_cpu *c, const struct task_state *s, unsigned int cpl)
{
	for (unsigned int i = ES; i <= GS; i++)
		x86_seg_set_null(c, (enum x86_seg_name)i, s->segs[i]);
	/* Until SS is loaded, the privilege is what CS says. */
	c->seg[SS].attr = cpl << SEG_DPL_SHIFT;
	x86_mode_changed(c);
}

static void load_segments(struct x86_cpu *c, const struct task_state *s)
{
	static const enum x86_seg_name data[] = {ES, DS, FS, GS};
	unsigned int cpl = s->segs[CS] & 3;

	if (s->flags & FLAG_VM) {
		x86_mode_changed(c);
		for (unsigned int i = ES; i <= GS; i++)
			x86_seg_set_vm86(c, (enum x86_seg_name)i, s->segs[i]);
		load_task_ldt(c, s->ldt);
		x86_mode_changed(c);
		return;
	}
	load_selectors(c, s, cpl);
	load_task_ldt(c, s->ldt);
	load_task_code(c, s->segs[CS]);
	load_task_stack(c, s->segs[SS], cpl);
	for (unsigned int i = 0; i < 4; i++)
		load_task_data(c, data[i], s->segs[data[i]], cpl);
	x86_mode_changed(c);
}

/* --- the switch --- */

static struct x86_desc read_tss_desc(struct x86_cpu *c, uint16_t selector, enum x86_task_switch why)
{
	enum x86_vector vector = why == TASK_IRET ? EXC_TS : EXC_GP;

	if (selector_is_null(selector) || selector & 4)
		x86_raise_selector(c, vector, selector);
	struct x86_desc d = x86_desc_read(c, selector, vector);
	unsigned int want = why == TASK_IRET ? DESC_TSS16_BUSY : DESC_TSS16;
	if (d.hi & SEG_S || (desc_type(d) & 7) != want)
		x86_raise_selector(c, vector, selector);
	if (!(d.hi & SEG_P))
		x86_raise_selector(c, EXC_NP, selector);
	if (desc_limit(d) < (desc_type(d) & 8 ? TSS32_LIMIT : TSS16_LIMIT))
		x86_raise_selector(c, EXC_TS, selector);
	return d;
}

void x86_task_switch_selector(struct x86_cpu *c, uint16_t selector, enum x86_task_switch why,
			      uint64_t next_pc)
{
	struct x86_desc d = read_tss_desc(c, selector, why);
	uint64_t raw = d.lo | (uint64_t)d.hi << 32;

	x86_task_switch(c, selector, &raw, why, next_pc);
}

/* Registers of the new task; from here on nothing can be undone. */
static void load_registers(struct x86_cpu *c, const struct task_state *s, bool wide)
{
	uint32_t flags = s->flags;

	for (unsigned int i = 0; i < 8; i++)
		c->r.r[i] = wide ? s->regs[i] : 0xffff0000u | s->regs[i];
	if (!wide)
		flags &= 0xffff;
	uint32_t system = FLAG_TF | FLAG_IF | FLAG_IOPL | FLAG_NT | FLAG_RF | FLAG_VM | FLAG_AC |
			  FLAG_VIF | FLAG_VIP | FLAG_ID;
	x86_flags_arith_set(&c->r, flags & FLAGS_ARITH);
	c->r.df = !!(flags & FLAG_DF);
	c->eflags = (flags & system) | FLAG_1;
	c->v.pc = s->pc;
	/* The switch is complete as far as restarting it goes. */
	c->v.op = NULL;
}

static void switch_page_tables(struct x86_cpu *c, uint32_t cr3)
{
	if (!(c->cr0 & CR0_PG) || c->cr3 == cr3)
		return;
	if (c->cr4 & CR4_PAE && !x86_pdptes_read(c, cr3, c->pdpte))
		x86_raise_error(c, EXC_GP, 0);
	c->cr3 = cr3;
	vcpu_tlb_flush(&c->v);
}

void x86_task_switch(struct x86_cpu *c, uint16_t selector, const uint64_t *descriptor,
		     enum x86_task_switch why, uint64_t next_pc)
{
	struct x86_desc d = {(uint32_t)*descriptor, (uint32_t)(*descriptor >> 32), 0};
	struct tss old = {(uint32_t)c->seg[SEG_TSS].base, c->seg[SEG_TSS].attr & 8 << 8};
	struct tss new = {desc_base(d), desc_type(d) & 8};
	uint16_t old_selector = c->seg[SEG_TSS].selector;
	uint32_t flags = x86_flags_get(c);
	bool nested = why == TASK_CALL || why == TASK_INT;
	struct task_state s;

	log_printf(LOG_PCALL, "x86: task switch %04x -> %04x\n", old_selector, selector);
	if (!c->seg[SEG_TSS].usable || c->seg[SEG_TSS].limit < (old.wide ? TSS32_SEGS + 23u : 0x29))
		x86_raise_selector(c, EXC_TS, old_selector);
	tss_probe(c, &old, old.wide ? TSS32_SEGS + 24 : 0x2a);
	if (nested)
		tss_probe(c, &new, 2);
	task_read(c, &new, &s);

	if (why == TASK_IRET)
		flags &= ~(uint32_t)FLAG_NT;
	if (why == TASK_JMP || why == TASK_IRET)
		set_busy(c, old_selector, false);
	task_save(c, &old, flags, (uint32_t)next_pc);
	if (nested) {
		tss_store(c, &new, 0, 2, old_selector);
		s.flags |= FLAG_NT;
	}
	if (why != TASK_IRET)
		set_busy(c, selector, true);

	d.hi |= 2 << 8;
	x86_seg_set_desc(c, SEG_TSS, selector, d);
	c->cr0 |= CR0_TS;
	load_registers(c, &s, new.wide);
	if (new.wide)
		switch_page_tables(c, s.cr3);
	c->dr[7] &= ~UINT64_C(0x155); /* local breakpoints */
	if (!new.wide)
		s.flags &= 0xffff;
	load_segments(c, &s);
	if (s.pc > c->seg[CS].limit)
		x86_raise_error(c, EXC_GP, 0);
	if (s.trap)
		x86_debug_trap(c, UINT64_C(1) << 15);
}
