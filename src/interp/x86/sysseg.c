/*
 * Helpers of instructions on segments: selectors, far pointers, descriptor tables, access checks.
 */
#include "interp/x86/ops_sys.h"
#include "interp/x86/system.h"

/* --- loading segment registers; imm is the next pc --- */

/* After a load of SS one more instruction runs before anything interrupts. */
static void load_seg(struct x86_cpu *c, enum x86_seg_name s, uint16_t selector, uint64_t next)
{
	x86_load_seg(c, s, selector);
	if (s == SS) {
		c->inhibit_pc = next;
		c->inhibit_ss = true;
	}
}

/* a: segment register; b: register. */
void x86_mov_seg_reg(struct x86_cpu *c, const struct op *op)
{
	load_seg(c, (enum x86_seg_name)op->a, (uint16_t)x86_reg_read(c, op->b, 1), op->imm);
}

void x86_mov_seg_mem(struct x86_cpu *c, const struct op *op)
{
	uint16_t selector = (uint16_t)x86_load(c, x86_op_ea(c, op, 2, false), 2);

	load_seg(c, (enum x86_seg_name)op->a, selector, op->imm);
}

/* a: segment register, or SEG_LDT, SEG_TSS. */
void x86_mov_mem_seg(struct x86_cpu *c, const struct op *op)
{
	x86_store(c, x86_op_ea(c, op, 2, true), 2, c->seg[op->a].selector);
}

/* a: segment register; b: operand size. With 32 bits only 16 are written, as by all processors
 * since the Pentium Pro. */
void x86_push_seg(struct x86_cpu *c, const struct op *op)
{
	struct x86_stack st;

	if (op->b != 2) {
		x86_push(c, op->b, c->seg[op->a].selector);
		return;
	}
	x86_stack_current(c, &st);
	st.sp -= 2;
	x86_stack_push(&st, 2, c->seg[op->a].selector);
	x86_stack_commit(&st);
}

void x86_pop_seg(struct x86_cpu *c, const struct op *op)
{
	struct x86_stack st;

	x86_stack_current(c, &st);
	/* Only the selector is read. */
	uint16_t selector = (uint16_t)x86_stack_pop(&st, 2);
	st.sp = (st.sp - 2 + (UINT64_C(1) << op->b)) & st.mask;
	load_seg(c, (enum x86_seg_name)op->a, selector, op->imm);
	x86_stack_commit(&st);
}

/* A far pointer in memory: offset of 1 << log2 bytes, then the selector. */
static uint64_t load_far(struct x86_cpu *c, const struct op *op, unsigned int log2,
			 uint16_t *selector)
{
	unsigned int size = 1u << log2;
	uint64_t offset = x86_load(c, x86_op_ea(c, op, size, false), size);
	struct op second = *op;

	second.disp += (s32)size;
	*selector = (uint16_t)x86_load(c, x86_op_ea(c, &second, 2, false), 2);
	return offset;
}

/* LES, LDS, LSS, LFS, LGS. a: general register; imm: operand size, segment register << 8. */
void x86_load_far_pointer(struct x86_cpu *c, const struct op *op)
{
	unsigned int log2 = op->imm & 3;
	uint16_t selector;
	uint64_t offset = load_far(c, op, log2, &selector);

	x86_load_seg(c, (enum x86_seg_name)(op->imm >> 8), selector);
	x86_reg_write(c, op->a, log2, offset);
}

/* --- far transfers; imm is the next pc --- */

/* disp: offset; b: operand size; a, x: selector. */
void x86_far_jump_imm(struct x86_cpu *c, const struct op *op)
{
	x86_far_jump(c, (uint16_t)(op->a | op->x << 8), (uint32_t)op->disp, op->imm, op->b);
}

void x86_far_call_imm(struct x86_cpu *c, const struct op *op)
{
	x86_far_call(c, (uint16_t)(op->a | op->x << 8), (uint32_t)op->disp, op->imm, op->b);
}

/* a: operand size. */
void x86_far_jump_mem(struct x86_cpu *c, const struct op *op)
{
	uint16_t selector;
	uint64_t offset = load_far(c, op, op->a, &selector);

	x86_far_jump(c, selector, offset, op->imm, op->a);
}

void x86_far_call_mem(struct x86_cpu *c, const struct op *op)
{
	uint16_t selector;
	uint64_t offset = load_far(c, op, op->a, &selector);

	x86_far_call(c, selector, offset, op->imm, op->a);
}

/* a: operand size; disp: bytes to pop. */
void x86_far_ret(struct x86_cpu *c, const struct op *op)
{
	x86_far_return(c, op->a, (unsigned int)op->disp);
}

/* --- descriptor table registers --- */

static void store_table(struct x86_cpu *c, const struct op *op, uint32_t limit, uint64_t base)
{
	unsigned int size = x86_code64(c) ? 8 : 4;
	u64 va = x86_op_ea(c, op, size + 2, true);

	vcpu_probe_write(&c->v, va, size + 2, c->v.mmu_mode);
	x86_store(c, va, 2, limit);
	x86_store(c, va + 2, size, base);
}

void x86_sgdt(struct x86_cpu *c, const struct op *op)
{
	store_table(c, op, c->gdt.limit, c->gdt.base);
}

void x86_sidt(struct x86_cpu *c, const struct op *op)
{
	store_table(c, op, c->idt.limit, c->idt.base);
}

/* imm: operand size. With 16 bits only three bytes of the base count. */
static void load_table(struct x86_cpu *c, const struct op *op, uint32_t *limit, uint64_t *base)
{
	unsigned int size = x86_code64(c) ? 8 : 4;
	u64 va = x86_op_ea(c, op, size + 2, false);
	uint32_t new_limit = (uint32_t)x86_load(c, va, 2);
	uint64_t new_base = x86_load(c, va + 2, size);

	if (size == 8 && !canonical(new_base))
		x86_raise_error(c, EXC_GP, 0);
	if (size == 4 && op->imm == 1)
		new_base &= 0xffffff;
	*limit = new_limit;
	*base = new_base;
}

void x86_lgdt(struct x86_cpu *c, const struct op *op)
{
	load_table(c, op, &c->gdt.limit, &c->gdt.base);
}

void x86_lidt(struct x86_cpu *c, const struct op *op)
{
	load_table(c, op, &c->idt.limit, &c->idt.base);
}

/* The 16-bit operand: imm 1 where it is in memory, else in register a. */
static uint16_t selector_operand(struct x86_cpu *c, const struct op *op)
{
	if (op->imm)
		return (uint16_t)x86_load(c, x86_op_ea(c, op, 2, false), 2);
	return (uint16_t)x86_reg_read(c, op->a, 1);
}

static void check_system(struct x86_cpu *c, uint16_t selector, struct x86_desc d, bool type_ok)
{
	if (d.hi & SEG_S || !type_ok)
		x86_raise_selector(c, EXC_GP, selector);
	if (!(d.hi & SEG_P))
		x86_raise_selector(c, EXC_NP, selector);
}

/* Base of a system segment, 64 bits wide in long mode. */
static uint64_t system_base(struct x86_cpu *c, uint16_t selector, struct x86_desc d)
{
	uint64_t base = desc_base(d);

	if (!x86_long_mode(c))
		return base;
	base |= (uint64_t)x86_desc_read_upper(c, selector) << 32;
	if (!canonical(base))
		x86_raise_selector(c, EXC_GP, selector);
	return base;
}

void x86_lldt(struct x86_cpu *c, const struct op *op)
{
	uint16_t selector = selector_operand(c, op);

	if (selector_is_null(selector)) {
		c->seg[SEG_LDT].selector = selector;
		c->seg[SEG_LDT].usable = false;
		return;
	}
	if (selector & 4)
		x86_raise_selector(c, EXC_GP, selector);
	struct x86_desc d = x86_desc_read(c, selector, EXC_GP);
	check_system(c, selector, d, desc_type(d) == DESC_LDT);
	uint64_t base = system_base(c, selector, d);
	x86_seg_set(c, SEG_LDT, selector, base, desc_limit(d), desc_attr(d));
}

void x86_ltr(struct x86_cpu *c, const struct op *op)
{
	uint16_t selector = selector_operand(c, op);

	if (selector_is_null(selector))
		x86_raise_error(c, EXC_GP, 0);
	if (selector & 4)
		x86_raise_selector(c, EXC_GP, selector);
	struct x86_desc d = x86_desc_read(c, selector, EXC_GP);
	unsigned int type = desc_type(d);
	check_system(c, selector, d,
		     type == DESC_TSS32 || (type == DESC_TSS16 && !x86_long_mode(c)));
	uint64_t base = system_base(c, selector, d);
	x86_desc_set_type(c, &d, type | 2);
	x86_seg_set(c, SEG_TSS, selector, base, desc_limit(d), desc_attr(d));
}

/* --- access checks: LAR, LSL, VERR, VERW --- */

static void set_zf(struct x86_cpu *c, bool zf)
{
	x86_flags_set(c, zf ? FLAG_ZF : 0, FLAG_ZF);
}

/* Reads a descriptor without raising anything about the selector. */
static bool desc_peek(struct x86_cpu *c, uint16_t selector, struct x86_desc *d)
{
	if (selector_is_null(selector) || !x86_desc_address(c, selector, 8, &d->va))
		return false;
	uint64_t value = x86_mem_load(c, d->va, 8, MMU_SUPER);
	d->lo = (uint32_t)value;
	d->hi = (uint32_t)(value >> 32);
	return true;
}

static bool privilege_allows(struct x86_cpu *c, uint16_t selector, struct x86_desc d)
{
	return desc_is_conforming(d) ||
	       (desc_dpl(d) >= x86_cpl(c) && desc_dpl(d) >= (selector & 3u));
}

/* System types that LAR (LSL: those with a limit) accepts, by bit; other ones in long mode. */
static bool system_type_ok(struct x86_cpu *c, struct x86_desc d, bool limit)
{
	uint32_t types = 1 << DESC_LDT | 1 << DESC_TSS32 | 1 << DESC_TSS32_BUSY;

	if (!x86_long_mode(c))
		types |= 1 << DESC_TSS16 | 1 << DESC_TSS16_BUSY;
	if (!limit)
		types |= 1 << DESC_CALL32;
	if (!limit && !x86_long_mode(c))
		types |= 1 << DESC_CALL16 | 1 << DESC_TASK_GATE;
	return types >> desc_type(d) & 1;
}

/* a: destination; imm bit 0: selector in memory, bits 4-5: operand size, bits 8-15: register. */
static bool lar_lsl(struct x86_cpu *c, const struct op *op, bool limit, struct x86_desc *d)
{
	uint16_t selector = op->imm & 1 ? (uint16_t)x86_load(c, x86_op_ea(c, op, 2, false), 2)
					: (uint16_t)x86_reg_read(c, op->imm >> 8 & 0xff, 1);

	return desc_peek(c, selector, d) && (d->hi & SEG_S || system_type_ok(c, *d, limit)) &&
	       privilege_allows(c, selector, *d);
}

void x86_lar(struct x86_cpu *c, const struct op *op)
{
	struct x86_desc d;
	bool ok = lar_lsl(c, op, false, &d);

	if (ok)
		x86_reg_write(c, op->a, op->imm >> 4 & 3, d.hi & 0x00ffff00);
	set_zf(c, ok);
}

void x86_lsl(struct x86_cpu *c, const struct op *op)
{
	struct x86_desc d;
	bool ok = lar_lsl(c, op, true, &d);

	if (ok)
		x86_reg_write(c, op->a, op->imm >> 4 & 3, desc_limit(d));
	set_zf(c, ok);
}

void x86_verr(struct x86_cpu *c, const struct op *op)
{
	uint16_t selector = selector_operand(c, op);
	struct x86_desc d;

	set_zf(c, desc_peek(c, selector, &d) && d.hi & SEG_S &&
			  (d.hi & (SEG_CODE | SEG_R)) != SEG_CODE &&
			  privilege_allows(c, selector, d));
}

void x86_verw(struct x86_cpu *c, const struct op *op)
{
	uint16_t selector = selector_operand(c, op);
	struct x86_desc d;

	set_zf(c, desc_peek(c, selector, &d) && desc_is_writable_data(d) &&
			  privilege_allows(c, selector, d));
}

/* a: source register; imm: offset of the destination register, or 256 for memory, which is written
 * only if it changes. */
void x86_arpl(struct x86_cpu *c, const struct op *op)
{
	bool mem = op->imm == 256;
	u64 va = mem ? x86_op_ea(c, op, 2, false) : 0;
	uint16_t rpl = (uint16_t)x86_reg_read(c, op->a, 1) & 3;
	uint16_t dest;

	if (mem)
		dest = (uint16_t)x86_load(c, va, 2);
	else
		dest = (uint16_t)x86_reg_read(c, (unsigned int)op->imm, 1);
	bool adjust = (dest & 3) < rpl;
	if (adjust) {
		dest = (uint16_t)((dest & ~3u) | rpl);
		if (mem)
			x86_store(c, x86_op_ea(c, op, 2, true), 2, dest);
		else
			x86_reg_write(c, (unsigned int)op->imm, 1, dest);
	}
	set_zf(c, adjust);
}

/* a: register; imm: operand size. */
void x86_bound(struct x86_cpu *c, const struct op *op)
{
	unsigned int log2 = (unsigned int)op->imm, size = 1u << log2;
	unsigned int shift = 64 - 8 * size;
	s64 index = (s64)(x86_reg_read(c, op->a, log2) << shift) >> shift;
	s64 bound = (s64)(x86_load(c, x86_op_ea(c, op, size, false), size) << shift) >> shift;
	struct op upper = *op;

	if (index < bound)
		x86_raise(c, EXC_BR);
	upper.disp += (s32)size;
	bound = (s64)(x86_load(c, x86_op_ea(c, &upper, size, false), size) << shift) >> shift;
	if (index > bound)
		x86_raise(c, EXC_BR);
}
