/*
 * Stacks of far transfers and interrupt delivery. They are worked on through a copy of SS and SP,
 * so that a fault in the middle leaves the processor as it was.
 */
#include "interp/x86/system.h"

void x86_stack_current(struct x86_cpu *c, struct x86_stack *st)
{
	uint32_t mode = c->v.mode;

	st->c = c;
	st->seg = c->seg[SS];
	st->mmu_mode = c->v.mmu_mode;
	st->error = 0;
	st->flat64 = mode & MODE_64;
	st->mask = st->flat64 ? UINT64_MAX : mode & MODE_SS32 ? UINT32_MAX : UINT16_MAX;
	st->sp = c->r.r[RSP] & st->mask;
}

void x86_stack_other(struct x86_cpu *c, struct x86_stack *st, uint16_t selector, struct x86_desc d,
		     uint64_t sp)
{
	st->c = c;
	st->seg = (struct x86_seg){.base = desc_base(d),
				   .limit = desc_limit(d),
				   .attr = desc_attr(d),
				   .selector = selector,
				   .usable = true};
	x86_seg_span(&st->seg, SS, MODE_PE);
	st->mmu_mode = MMU_SUPER;
	st->error = selector & ~3;
	st->flat64 = false;
	st->mask = st->seg.attr & SEG_DB ? UINT32_MAX : UINT16_MAX;
	st->sp = sp & st->mask;
}

void x86_stack_64(struct x86_cpu *c, struct x86_stack *st, uint64_t sp)
{
	st->c = c;
	st->seg = (struct x86_seg){0};
	st->mmu_mode = MMU_SUPER;
	st->error = 0;
	st->flat64 = true;
	st->mask = UINT64_MAX;
	st->sp = sp;
}

static bool stack_allows(const struct x86_stack *st, uint64_t sp, unsigned int size, bool write)
{
	const struct x86_seg *seg = &st->seg;

	if (st->flat64)
		return canonical(sp) && canonical(sp + size - 1);
	if (!(write ? seg->write_ok : seg->read_ok))
		return false;
	if (sp - seg->lo <= seg->span && sp + size - 1 - seg->lo <= seg->span)
		return true;
	/* The end of a 4 GiB segment is followed by its start. */
	return seg->lo == 0 && seg->span == UINT32_MAX;
}

static uint64_t stack_linear(const struct x86_stack *st, uint64_t sp)
{
	return st->flat64 ? sp : (uint32_t)(st->seg.base + sp);
}

void x86_stack_check_push(struct x86_stack *st, unsigned int bytes)
{
	uint64_t sp = (st->sp - bytes) & st->mask;

	/* A stack pointer that wraps in a 64 KiB stack passes if both ends are inside. */
	if (!stack_allows(st, sp, 1, true) || !stack_allows(st, (st->sp - 1) & st->mask, 1, true))
		x86_raise_error(st->c, EXC_SS, st->error);
}

void x86_stack_push(struct x86_stack *st, unsigned int size, uint64_t value)
{
	uint64_t sp = (st->sp - size) & st->mask;

	if (UNLIKELY(!stack_allows(st, sp, size, true)))
		x86_raise_error(st->c, EXC_SS, st->error);
	x86_mem_store(st->c, stack_linear(st, sp), size, value, st->mmu_mode);
	st->sp = sp;
}

uint64_t x86_stack_pop(struct x86_stack *st, unsigned int size)
{
	if (UNLIKELY(!stack_allows(st, st->sp, size, false)))
		x86_raise_error(st->c, EXC_SS, st->error);
	uint64_t value = x86_mem_load(st->c, stack_linear(st, st->sp), size, st->mmu_mode);
	st->sp = (st->sp + size) & st->mask;
	return value;
}

void x86_set_sp(struct x86_cpu *c, uint64_t sp, uint64_t mask)
{
	if (mask == UINT16_MAX)
		c->r.r[RSP] = (c->r.r[RSP] & ~(uint64_t)UINT16_MAX) | (sp & UINT16_MAX);
	else
		c->r.r[RSP] = sp & mask;
}

void x86_stack_touch(const struct x86_stack *st, unsigned int offset, unsigned int size)
{
	struct x86_stack copy = *st;

	copy.sp = (st->sp + offset) & st->mask;
	x86_stack_pop(&copy, size);
}
