/*
 * MOVS, STOS, LODS, CMPS, SCAS with their REP forms. Source: Intel SDM volume 1, 7.3.9.
 *
 * Registers move on after every element or run of elements, so that a fault or an interrupt in
 * the middle leaves the instruction ready to be taken up again. A run is what lies in one page of
 * plain RAM on both sides; it is copied or filled at host speed.
 */
#include "interp/x86/strings.h"

#include "interp/x86/flags.h"

#include <string.h>

#define LOG2(op) ((op)->b & 3)
#define REP(op)	 ((enum x86_rep)((op)->b >> 2))
/* A REP is left for pending requests after so many elements. */
#define RUN_MAX 65536

u64 x86_string_count(struct x86_cpu *c, const struct op *op)
{
	if (!REP(op))
		return 1;
	if (S_ASIZE(op->s) == 2)
		c->r.r[RCX] = (u32)c->r.r[RCX];
	return c->r.r[RCX] & ea_mask(S_ASIZE(op->s));
}

/* REP MOVS and STOS with 32-bit addresses cut their registers (all REP: the count, above) even if
 * nothing is moved or the first element faults; so do Intel's processors. */
static void cut_index(struct x86_cpu *c, const struct op *op, enum x86_gpr reg)
{
	if (REP(op) && S_ASIZE(op->s) == 2)
		c->r.r[reg] = (u32)c->r.r[reg];
}

static void index_write(struct x86_cpu *c, const struct op *op, enum x86_gpr reg, u64 value)
{
	unsigned int asize = S_ASIZE(op->s);

	if (asize == 1)
		reg_write16(&c->r, REG(reg), (u16)value);
	else
		c->r.r[reg] = value & ea_mask(asize);
}

void x86_string_count_set(struct x86_cpu *c, const struct op *op, u64 count)
{
	if (REP(op))
		index_write(c, op, RCX, count);
}

u64 x86_string_index(struct x86_cpu *c, const struct op *op, enum x86_gpr reg)
{
	return c->r.r[reg] & ea_mask(S_ASIZE(op->s));
}

void x86_string_step(struct x86_cpu *c, const struct op *op, enum x86_gpr reg, u64 elements)
{
	u64 bytes = elements << LOG2(op);

	index_write(c, op, reg, c->r.df ? c->r.r[reg] - bytes : c->r.r[reg] + bytes);
}

u64 x86_string_linear(struct x86_cpu *c, const struct op *op, enum x86_seg_name seg, u64 offset,
		      unsigned int size, bool write)
{
	struct x86_seg *s = &c->seg[seg];

	if (c->v.mode & MODE_64)
		return seg == FS || seg == GS ? s->base + offset : offset;
	if (UNLIKELY(!seg_allows(s, offset, size, write)))
		x86_seg_fault(c, seg, offset, size, write);
	return (u32)(s->base + offset);
}

/* Host memory of a run of at most *elements at an index register; NULL: one by one. Shrinks
 * *elements to what lies in the page, the segment and the address size. */
static u8 *run_host(struct x86_cpu *c, const struct op *op, enum x86_seg_name seg, enum x86_gpr reg,
		    bool write, u64 *elements)
{
	u64 offset = x86_string_index(c, op, reg), span = 0;
	unsigned int size = 1u << LOG2(op);

	if (c->r.df || c->v.mode & MODE_TF || *elements < 2 ||
	    offset + (*elements << LOG2(op)) - 1 > ea_mask(S_ASIZE(op->s)))
		return NULL;
	if (!(c->v.mode & (MODE_64 | MODE_FLAT)) &&
	    !seg_allows(&c->seg[seg], offset, (unsigned int)(*elements << LOG2(op)), write))
		return NULL;
	u64 va = x86_string_linear(c, op, seg, offset, size, write);
	u8 *host =
		vcpu_host_span(&c->v, va, write ? ACCESS_WRITE : ACCESS_READ, c->v.mmu_mode, &span);
	if (!host || span < size)
		return NULL;
	*elements = MIN(*elements, span >> LOG2(op));
	return host;
}

static u64 load_element(struct x86_cpu *c, const struct op *op, enum x86_seg_name seg,
			enum x86_gpr reg)
{
	unsigned int size = 1u << LOG2(op);
	u64 offset = x86_string_index(c, op, reg);

	return vcpu_load_slow(&c->v, x86_string_linear(c, op, seg, offset, size, false), size,
			      c->v.mmu_mode);
}

static void store_element(struct x86_cpu *c, const struct op *op, u64 value)
{
	unsigned int size = 1u << LOG2(op);
	u64 offset = x86_string_index(c, op, RDI);

	vcpu_store_slow(&c->v, x86_string_linear(c, op, ES, offset, size, true), size, value,
			c->v.mmu_mode);
}

/* After some elements: where more are to come and the machine wants the vCPU, or every element is a
 * step, go and see; the instruction starts again with what is left. */
static bool asked_to_yield(const struct x86_cpu *c)
{
	return UNLIKELY(c->v.mode & MODE_TF) ||
	       __atomic_load_n(&c->v.cpu.exit_request, __ATOMIC_RELAXED);
}

static void yield_if_asked(struct x86_cpu *c, u64 left)
{
	if (left && asked_to_yield(c))
		vcpu_leave(&c->v);
}

/* Copies upwards element by element where the ranges overlap so that the source is overwritten. */
static void copy_run(u8 *to, const u8 *from, u64 bytes, unsigned int size)
{
	if (to <= from || to >= from + bytes) {
		memmove(to, from, bytes);
		return;
	}
	for (u64 i = 0; i < bytes; i += size)
		memmove(to + i, from + i, size);
}

void x86_movs(struct x86_cpu *c, const struct op *op)
{
	enum x86_seg_name seg = (enum x86_seg_name)S_SEG(op->s);
	u64 count = x86_string_count(c, op);

	cut_index(c, op, RSI);
	cut_index(c, op, RDI);
	while (count) {
		u64 n = MIN(count, RUN_MAX);
		u8 *from = run_host(c, op, seg, RSI, false, &n);
		u8 *to = from ? run_host(c, op, ES, RDI, true, &n) : NULL;
		if (to) {
			copy_run(to, from, n << LOG2(op), 1u << LOG2(op));
		} else {
			n = 1;
			store_element(c, op, load_element(c, op, seg, RSI));
		}
		x86_string_step(c, op, RSI, n);
		x86_string_step(c, op, RDI, n);
		count -= n;
		x86_string_count_set(c, op, count);
		yield_if_asked(c, count);
	}
}

static void fill_run(u8 *to, u64 value, u64 n, unsigned int log2)
{
	switch (log2) {
	case 0: memset(to, (int)value, n); break;
	case 1:
		for (u64 i = 0; i < n; i++)
			((unaligned16 *)to)[i] = (u16)value;
		break;
	case 2:
		for (u64 i = 0; i < n; i++)
			((unaligned32 *)to)[i] = (u32)value;
		break;
	default:
		for (u64 i = 0; i < n; i++)
			((unaligned64 *)to)[i] = value;
		break;
	}
}

void x86_stos(struct x86_cpu *c, const struct op *op)
{
	u64 count = x86_string_count(c, op);

	cut_index(c, op, RDI);
	while (count) {
		u64 n = MIN(count, RUN_MAX);
		u8 *to = run_host(c, op, ES, RDI, true, &n);
		if (to) {
			fill_run(to, c->r.r[RAX], n, LOG2(op));
		} else {
			n = 1;
			store_element(c, op, c->r.r[RAX]);
		}
		x86_string_step(c, op, RDI, n);
		count -= n;
		x86_string_count_set(c, op, count);
		yield_if_asked(c, count);
	}
}

void x86_lods(struct x86_cpu *c, const struct op *op)
{
	enum x86_seg_name seg = (enum x86_seg_name)S_SEG(op->s);
	u64 count = x86_string_count(c, op);

	while (count--) {
		x86_reg_write(c, REG(RAX), LOG2(op), load_element(c, op, seg, RSI));
		x86_string_step(c, op, RSI, 1);
		x86_string_count_set(c, op, count);
		yield_if_asked(c, count);
	}
}

static u64 cut(u64 value, unsigned int log2)
{
	return log2 == 3 ? value : value & ((UINT64_C(1) << (8u << log2)) - 1);
}

static void compare(struct x86_cpu *c, unsigned int log2, u64 a, u64 b)
{
	c->r.cc_op = CC_OP(CC_SUB, log2);
	c->r.cc_dst = cut(a - b, log2);
	c->r.cc_src = cut(b, log2);
}

/* True where REPE or REPNE ends after a compare. */
static bool stops(const struct op *op, bool equal)
{
	return REP(op) && equal != (REP(op) == REP_E);
}

/* CMPS and SCAS set the flags when they end: after a fault or a step on the way they
 * are as they were. */

void x86_cmps(struct x86_cpu *c, const struct op *op)
{
	enum x86_seg_name seg = (enum x86_seg_name)S_SEG(op->s);
	u64 count = x86_string_count(c, op), a, b;

	if (!count)
		return;
	for (;;) {
		b = load_element(c, op, ES, RDI);
		a = load_element(c, op, seg, RSI);
		x86_string_step(c, op, RSI, 1);
		x86_string_step(c, op, RDI, 1);
		x86_string_count_set(c, op, --count);
		if (!count || stops(op, a == b))
			break;
		yield_if_asked(c, count);
	}
	compare(c, LOG2(op), a, b);
}

/* Elements of a run up to and with the first one that ends the scan. */
static u64 scan_run(const u8 *at, u64 value, u64 n, unsigned int log2, bool until_equal)
{
	value = cut(value, log2);
	if (log2 == 0 && until_equal) {
		const u8 *hit = memchr(at, (int)value, n);
		return hit ? (u64)(hit - at) + 1 : n;
	}
	for (u64 i = 0; i < n; i++) {
		u64 element = 0;
		memcpy(&element, at + (i << log2), 1u << log2);
		if ((element == value) == until_equal)
			return i + 1;
	}
	return n;
}

void x86_scas(struct x86_cpu *c, const struct op *op)
{
	u64 count = x86_string_count(c, op), last;

	if (!count)
		return;
	for (;;) {
		u64 n = MIN(count, RUN_MAX);
		last = 0;
		u8 *at = REP(op) ? run_host(c, op, ES, RDI, false, &n) : NULL;
		if (at) {
			n = scan_run(at, c->r.r[RAX], n, LOG2(op), REP(op) == REP_NE);
			memcpy(&last, at + ((n - 1) << LOG2(op)), 1u << LOG2(op));
		} else {
			n = 1;
			last = load_element(c, op, ES, RDI);
		}
		x86_string_step(c, op, RDI, n);
		count -= n;
		x86_string_count_set(c, op, count);
		if (!count || stops(op, cut(c->r.r[RAX], LOG2(op)) == last))
			break;
		yield_if_asked(c, count);
	}
	compare(c, LOG2(op), c->r.r[RAX], last);
}
