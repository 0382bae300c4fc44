/*
 * Segment registers: descriptors, checks of data segment loads, limits.
 * Source: Intel SDM volume 3, sections 3.4, 3.5, 5.2 to 5.7.
 */
#include "interp/x86/system.h"

#include "base/log.h"

void x86_raise_selector(struct x86_cpu *c, enum x86_vector vector, uint16_t selector)
{
	x86_raise_error(c, vector, selector & 0xfffc);
}

/* --- descriptors in memory --- */

bool x86_desc_address(struct x86_cpu *c, uint16_t selector, unsigned int size, uint64_t *va)
{
	uint64_t base = c->gdt.base;
	uint32_t limit = c->gdt.limit;
	uint32_t offset = selector & ~7u;

	if (selector & 4) {
		if (!c->seg[SEG_LDT].usable)
			return false;
		base = c->seg[SEG_LDT].base;
		limit = c->seg[SEG_LDT].limit;
	}
	if (offset + size - 1 > limit)
		return false;
	*va = base + offset;
	if (!x86_long_mode(c))
		*va = (uint32_t)*va;
	return true;
}

struct x86_desc x86_desc_read(struct x86_cpu *c, uint16_t selector, enum x86_vector vector)
{
	struct x86_desc d;

	if (!x86_desc_address(c, selector, 8, &d.va))
		x86_raise_selector(c, vector, selector);
	uint64_t value = x86_mem_load(c, d.va, 8, MMU_SUPER);
	d.lo = (uint32_t)value;
	d.hi = (uint32_t)(value >> 32);
	return d;
}

uint32_t x86_desc_read_upper(struct x86_cpu *c, uint16_t selector)
{
	uint64_t va;

	if (!x86_desc_address(c, selector, 16, &va))
		x86_raise_selector(c, EXC_GP, selector);
	uint64_t value = x86_mem_load(c, va + 8, 8, MMU_SUPER);
	if (value >> 32 & 0x1f00)
		x86_raise_selector(c, EXC_GP, selector);
	return (uint32_t)value;
}

void x86_desc_set_accessed(struct x86_cpu *c, struct x86_desc *d)
{
	if (d->hi & SEG_A)
		return;
	d->hi |= SEG_A;
	x86_mem_store(c, d->va + 5, 1, d->hi >> 8 & 0xff, MMU_SUPER);
}

void x86_desc_set_type(struct x86_cpu *c, struct x86_desc *d, unsigned int type)
{
	d->hi = (d->hi & ~(15u << 8)) | type << 8;
	x86_mem_store(c, d->va + 5, 1, d->hi >> 8 & 0xff, MMU_SUPER);
}

/* --- the hidden parts --- */

static void seg_span_data(struct x86_seg *seg)
{
	if ((seg->attr & (SEG_CODE | SEG_E)) != SEG_E) {
		seg->lo = 0;
		seg->span = seg->limit;
		return;
	}
	/* Expand-down: above the limit up to 64 KiB or 4 GiB. */
	uint64_t last = seg->attr & SEG_DB ? UINT32_MAX : UINT16_MAX;
	seg->lo = (uint64_t)seg->limit + 1;
	seg->span = last - seg->lo;
	if (seg->lo > last)
		seg->read_ok = seg->write_ok = false;
}

void x86_seg_span(struct x86_seg *seg, enum x86_seg_name s, uint32_t mode)
{
	if (mode & MODE_64 && (s == FS || s == GS)) {
		seg->lo = 0;
		seg->span = UINT64_MAX;
		seg->read_ok = seg->write_ok = true;
		return;
	}
	if (!(mode & MODE_PE) || mode & MODE_VM) {
		/* Types are not looked at, limits are. */
		seg->read_ok = seg->write_ok = true;
		seg->lo = 0;
		seg->span = seg->limit;
		return;
	}
	bool code = seg->attr & SEG_CODE;
	bool there = seg->usable && seg->attr & SEG_P;
	seg->read_ok = there && (!code || seg->attr & SEG_R);
	seg->write_ok = there && !code && seg->attr & SEG_W;
	seg_span_data(seg);
}

void x86_seg_update(struct x86_cpu *c, enum x86_seg_name s)
{
	struct x86_seg *seg = &c->seg[s];

	x86_seg_span(seg, s, c->v.mode);
	bool flat = seg->base == 0 && seg->lo == 0 && seg->span == UINT32_MAX && seg->read_ok &&
		    (seg->write_ok || s == CS);
	c->flat_segs = (uint8_t)((c->flat_segs & ~(1u << s)) | (unsigned int)flat << s);
}

void x86_seg_set(struct x86_cpu *c, enum x86_seg_name s, uint16_t selector, uint64_t base,
		 uint32_t limit, uint32_t attr)
{
	struct x86_seg *seg = &c->seg[s];

	seg->selector = selector;
	seg->base = base;
	seg->limit = limit;
	seg->attr = attr;
	seg->usable = true;
	x86_seg_update(c, s);
}

void x86_seg_set_desc(struct x86_cpu *c, enum x86_seg_name s, uint16_t selector, struct x86_desc d)
{
	x86_seg_set(c, s, selector, desc_base(d), desc_limit(d), desc_attr(d));
}

void x86_seg_set_null(struct x86_cpu *c, enum x86_seg_name s, uint16_t selector)
{
	struct x86_seg *seg = &c->seg[s];

	seg->selector = selector;
	seg->base = 0;
	seg->limit = 0;
	/* The CPL is SS's DPL, null or not. */
	seg->attr = s == SS ? (uint32_t)(selector & 3) << SEG_DPL_SHIFT : 0;
	seg->usable = false;
	x86_seg_update(c, s);
}

void x86_seg_set_real(struct x86_cpu *c, enum x86_seg_name s, uint16_t selector)
{
	struct x86_seg *seg = &c->seg[s];

	seg->selector = selector;
	seg->base = (uint32_t)selector << 4;
	seg->usable = true;
	x86_seg_update(c, s);
}

void x86_seg_set_vm86(struct x86_cpu *c, enum x86_seg_name s, uint16_t selector)
{
	x86_seg_set(c, s, selector, (uint32_t)selector << 4, 0xffff,
		    SEG_P | 3 << SEG_DPL_SHIFT | SEG_S | SEG_W | SEG_A);
}

void x86_seg_set_code(struct x86_cpu *c, uint16_t selector, unsigned int cpl, struct x86_desc d)
{
	x86_seg_set_desc(c, CS, (uint16_t)((selector & ~3u) | cpl), d);
}

/* --- loads by instructions --- */

static void load_stack_segment(struct x86_cpu *c, uint16_t selector)
{
	unsigned int cpl = x86_cpl(c);

	if (selector_is_null(selector)) {
		if (!x86_code64(c) || cpl == 3 || (selector & 3) != cpl)
			x86_raise_error(c, EXC_GP, 0);
		x86_seg_set_null(c, SS, selector);
		return;
	}
	struct x86_desc d = x86_check_stack_segment(c, selector, cpl, EXC_GP, EXC_SS);
	x86_seg_set_desc(c, SS, selector, d);
}

struct x86_desc x86_check_stack_segment(struct x86_cpu *c, uint16_t selector, unsigned int cpl,
					enum x86_vector vector, enum x86_vector vector_np)
{
	struct x86_desc d = x86_desc_read(c, selector, vector);

	if ((selector & 3) != cpl || !desc_is_writable_data(d) || desc_dpl(d) != cpl)
		x86_raise_selector(c, vector, selector);
	if (!(d.hi & SEG_P))
		x86_raise_selector(c, vector_np, selector);
	x86_desc_set_accessed(c, &d);
	return d;
}

static void load_data_segment(struct x86_cpu *c, enum x86_seg_name s, uint16_t selector)
{
	if (selector_is_null(selector)) {
		x86_seg_set_null(c, s, selector);
		return;
	}
	struct x86_desc d = x86_desc_read(c, selector, EXC_GP);
	unsigned int rpl = selector & 3, dpl = desc_dpl(d);
	if (!(d.hi & SEG_S) || (d.hi & (SEG_CODE | SEG_R)) == SEG_CODE)
		x86_raise_selector(c, EXC_GP, selector);
	if (!desc_is_conforming(d) && (rpl > dpl || x86_cpl(c) > dpl))
		x86_raise_selector(c, EXC_GP, selector);
	if (!(d.hi & SEG_P))
		x86_raise_selector(c, EXC_NP, selector);
	x86_desc_set_accessed(c, &d);
	x86_seg_set_desc(c, s, selector, d);
}

void x86_load_seg(struct x86_cpu *c, enum x86_seg_name s, uint16_t selector)
{
	if (!x86_protected(c)) {
		if (x86_vm86(c))
			x86_seg_set_vm86(c, s, selector);
		else
			x86_seg_set_real(c, s, selector);
	} else if (s == SS) {
		load_stack_segment(c, selector);
	} else {
		load_data_segment(c, s, selector);
	}
	x86_mode_changed(c);
}

void x86_segs_drop_inner(struct x86_cpu *c, unsigned int cpl)
{
	static const enum x86_seg_name names[] = {ES, DS, FS, GS};

	for (unsigned int i = 0; i < 4; i++) {
		const struct x86_seg *seg = &c->seg[names[i]];
		if (!seg->usable || (seg->attr & (SEG_CODE | SEG_C)) == (SEG_CODE | SEG_C))
			continue;
		if ((seg->attr >> SEG_DPL_SHIFT & 3) < cpl)
			x86_seg_set_null(c, names[i], 0);
	}
}

/* --- accesses that the inline check turned down --- */

void x86_seg_fault(struct x86_cpu *c, enum x86_seg_name s, uint64_t offset, unsigned int size,
		   bool write)
{
	const struct x86_seg *seg = &c->seg[s];
	bool type_ok = write ? seg->write_ok : seg->read_ok;

	/* In a segment of 4 GiB the bytes behind the last one are the first ones. */
	if (s == SEG_FLAT || (type_ok && seg->lo == 0 && seg->span == UINT32_MAX))
		return;
	x86_raise_error(c, s == SS ? EXC_SS : EXC_GP, 0);
}
