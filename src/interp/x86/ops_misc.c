/*
 * Integer instructions that come in one form: sign extensions, flag bits, decimal adjustment,
 * wide compare-and-exchange, ENTER, XLAT, and the accessors that C helpers use.
 */
#include "interp/x86/ops_misc.h"

#include "interp/x86/flags.h"
#include "interp/x86/ops_int.h"

u64 x86_op_offset(struct x86_cpu *c, const struct op *op)
{
	const struct x86_regs *regs = &c->r;
	u64 base = *(const u64 *)((const char *)regs + op->b);
	u64 index = *(const u64 *)((const char *)regs + op->x);

	return (base + (index << S_SCALE(op->s)) + (u64)(s64)op->disp) & ea_mask(S_ASIZE(op->s));
}

u64 x86_op_ea(struct x86_cpu *c, const struct op *op, unsigned int size, bool write)
{
	struct x86_seg *seg = &c->seg[S_SEG(op->s)];
	u64 offset = x86_op_offset(c, op);

	if (UNLIKELY(!seg_allows(seg, offset, size, write)))
		x86_seg_fault(c, (enum x86_seg_name)S_SEG(op->s), offset, size, write);
	return op->s & S_LINEAR64 ? seg->base + offset : (u32)(seg->base + offset);
}

u64 x86_reg_read(struct x86_cpu *c, unsigned int off, unsigned int log2)
{
	const char *p = (const char *)&c->r + off;

	switch (log2) {
	case 0: return *(const u8 *)p;
	case 1: return *(const u16 *)p;
	case 2: return *(const u32 *)p;
	default: return *(const u64 *)p;
	}
}

void x86_reg_write(struct x86_cpu *c, unsigned int off, unsigned int log2, u64 value)
{
	switch (log2) {
	case 0: reg_write8(&c->r, off, (u8)value); break;
	case 1: reg_write16(&c->r, off, (u16)value); break;
	case 2: reg_write32(&c->r, off, (u32)value); break;
	default: reg_write64(&c->r, off, value); break;
	}
}

u64 x86_load(struct x86_cpu *c, u64 va, unsigned int size)
{
	return vcpu_load_slow(&c->v, va, size, c->v.mmu_mode);
}

void x86_store(struct x86_cpu *c, u64 va, unsigned int size, u64 value)
{
	vcpu_store_slow(&c->v, va, size, value, c->v.mmu_mode);
}

u64 x86_sys_load(struct x86_cpu *c, u64 va, unsigned int size)
{
	return vcpu_load_slow(&c->v, va, size, MMU_SUPER);
}

void x86_sys_store(struct x86_cpu *c, u64 va, unsigned int size, u64 value)
{
	vcpu_store_slow(&c->v, va, size, value, MMU_SUPER);
}

/* --- sign extensions --- */

OP(cbw)
{
	W(16, REG(RAX), (u16)(s8)R(8, REG(RAX)));
	NEXT;
}
OP(cwde)
{
	W(32, REG(RAX), (u32)(s16)R(16, REG(RAX)));
	NEXT;
}
OP(cdqe)
{
	W(64, REG(RAX), (u64)(s32)R(32, REG(RAX)));
	NEXT;
}
OP(cwd)
{
	W(16, REG(RDX), (u16)((s16)R(16, REG(RAX)) >> 15));
	NEXT;
}
OP(cdq)
{
	W(32, REG(RDX), (u32)((s32)R(32, REG(RAX)) >> 31));
	NEXT;
}
OP(cqo)
{
	W(64, REG(RDX), (u64)((s64)R(64, REG(RAX)) >> 63));
	NEXT;
}
OP(movsxd)
{
	W(64, op->a, (u64)(s32)R(32, op->b));
	NEXT;
}
/* MOVBE by its register half: bytes of the 1 << x operand in b are swapped into a. */
OP(movbe)
{
	if (op->x == 1)
		W(16, op->a, __builtin_bswap16(R(16, op->b)));
	else if (op->x == 2)
		W(32, op->a, __builtin_bswap32(R(32, op->b)));
	else
		W(64, op->a, __builtin_bswap64(R(64, op->b)));
	NEXT;
}

/* --- flag bits --- */

OP(cmc)
{
	x86_flags_arith_set(REGS, x86_flags_arith(REGS) ^ FLAG_CF);
	NEXT;
}
OP(clc)
{
	x86_flags_arith_set(REGS, x86_flags_arith(REGS) & ~(u32)FLAG_CF);
	NEXT;
}
OP(stc)
{
	x86_flags_arith_set(REGS, x86_flags_arith(REGS) | FLAG_CF);
	NEXT;
}
OP(cld)
{
	REGS->df = 0;
	NEXT;
}
OP(std)
{
	REGS->df = 1;
	NEXT;
}
OP(lahf)
{
	W(8, REG(RAX) + 1, (u8)((x86_flags_arith(REGS) & ~(u32)FLAG_OF) | FLAG_1));
	NEXT;
}
OP(sahf)
{
	u32 kept = x86_flags_arith(REGS) & FLAG_OF;
	x86_flags_arith_set(REGS, kept | (R(8, REG(RAX) + 1) & (FLAGS_ARITH & 0xff)));
	NEXT;
}
OP(salc)
{
	W(8, REG(RAX), x86_cf(REGS) ? 0xff : 0);
	NEXT;
}

/* --- decimal adjustment (SDM volume 2A, "AAA" ... "DAS") --- */

static u32 result_flags(u8 result)
{
	u32 flags = __builtin_parity(result) ? 0 : FLAG_PF;

	flags |= result ? 0 : FLAG_ZF;
	return flags | (result & 0x80 ? FLAG_SF : 0);
}

/* AAA and AAS: `sign` is +1 or -1. */
static void ascii_adjust(struct x86_cpu *c, int sign)
{
	u32 flags = x86_flags_arith(&c->r);
	u16 ax = (u16)c->r.r[RAX];
	bool adjust = (ax & 0xf) > 9 || (flags & FLAG_AF);

	if (adjust)
		ax = (u16)(ax + sign * 0x106);
	ax &= 0xff0f;
	reg_write16(&c->r, REG(RAX), ax);
	flags = result_flags((u8)ax) | (adjust ? FLAG_AF | FLAG_CF : 0);
	x86_flags_arith_set(&c->r, flags);
}

void x86_aaa(struct x86_cpu *c, const struct op *op)
{
	ascii_adjust(c, 1);
}

void x86_aas(struct x86_cpu *c, const struct op *op)
{
	ascii_adjust(c, -1);
}

/* DAA and DAS. */
static void decimal_adjust(struct x86_cpu *c, int sign)
{
	u32 flags = x86_flags_arith(&c->r), out = 0;
	u8 old = (u8)c->r.r[RAX], al = old;

	if ((old & 0xf) > 9 || (flags & FLAG_AF)) {
		al = (u8)(al + sign * 6);
		out |= FLAG_AF;
		/* DAS alone: a borrow out of this step is a carry. */
		if (sign < 0 && old < 6)
			out |= FLAG_CF;
	}
	if (old > 0x99 || (flags & FLAG_CF)) {
		al = (u8)(al + sign * 0x60);
		out |= FLAG_CF;
	}
	reg_write8(&c->r, REG(RAX), al);
	x86_flags_arith_set(&c->r, out | result_flags(al));
}

void x86_daa(struct x86_cpu *c, const struct op *op)
{
	decimal_adjust(c, 1);
}

void x86_das(struct x86_cpu *c, const struct op *op)
{
	decimal_adjust(c, -1);
}

void x86_aam(struct x86_cpu *c, const struct op *op)
{
	u8 base = (u8)op->imm, al = (u8)c->r.r[RAX];

	if (!base)
		x86_raise(c, EXC_DE);
	reg_write16(&c->r, REG(RAX), (u16)((al / base) << 8 | al % base));
	x86_flags_arith_set(&c->r, result_flags(al % base));
}

void x86_aad(struct x86_cpu *c, const struct op *op)
{
	u16 ax = (u16)c->r.r[RAX];
	u8 al = (u8)((ax >> 8) * (u8)op->imm + ax);

	reg_write16(&c->r, REG(RAX), al);
	x86_flags_arith_set(&c->r, result_flags(al));
}

/* --- wide compare and exchange --- */

static void set_zf(struct x86_cpu *c, bool zf)
{
	u32 flags = x86_flags_arith(&c->r) & ~(u32)FLAG_ZF;
	x86_flags_arith_set(&c->r, flags | (zf ? FLAG_ZF : 0));
}

void x86_cmpxchg8b(struct x86_cpu *c, const struct op *op)
{
	u64 va = x86_op_ea(c, op, 8, true);
	u64 *host = vcpu_atomic_host(&c->v, va, 8, c->v.mmu_mode);
	u64 expect = (u32)c->r.r[RAX] | c->r.r[RDX] << 32;
	u64 value = (u32)c->r.r[RBX] | c->r.r[RCX] << 32, old = expect;

	if (host) {
		__atomic_compare_exchange_n(host, &old, value, false, __ATOMIC_SEQ_CST,
					    __ATOMIC_SEQ_CST);
		vcpu_atomic_done(&c->v, va, 8, c->v.mmu_mode);
	} else {
		old = x86_load(c, va, 8);
		x86_store(c, va, 8, old == expect ? value : old);
	}
	if (old != expect) {
		c->r.r[RAX] = (u32)old;
		c->r.r[RDX] = old >> 32;
	}
	set_zf(c, old == expect);
}

/* The plain form of a 16-byte exchange: one vCPU at a time, which is all that is promised where the
 * host has no such instruction. */
static bool exchange16(struct x86_cpu *c, u64 va, u64 expect[2], const u64 value[2])
{
	u64 *host = vcpu_atomic_host(&c->v, va, 16, c->v.mmu_mode);

#ifdef __x86_64__
	if (host) {
		bool done;
		__asm__ volatile("lock cmpxchg16b %1"
				 : "=@ccz"(done), "+m"(*(unsigned __int128 *)host), "+a"(expect[0]),
				   "+d"(expect[1])
				 : "b"(value[0]), "c"(value[1])
				 : "memory");
		vcpu_atomic_done(&c->v, va, 16, c->v.mmu_mode);
		return done;
	}
#endif
	u64 old[2] = {x86_load(c, va, 8), x86_load(c, va + 8, 8)};
	bool same = old[0] == expect[0] && old[1] == expect[1];
	x86_store(c, va, 8, same ? value[0] : old[0]);
	x86_store(c, va + 8, 8, same ? value[1] : old[1]);
	expect[0] = old[0];
	expect[1] = old[1];
	return same;
}

void x86_cmpxchg16b(struct x86_cpu *c, const struct op *op)
{
	u64 va = x86_op_ea(c, op, 16, true);
	u64 expect[2] = {c->r.r[RAX], c->r.r[RDX]};
	const u64 value[2] = {c->r.r[RBX], c->r.r[RCX]};

	if (va & 15)
		x86_raise_error(c, EXC_GP, 0);
	bool same = exchange16(c, va, expect, value);
	if (!same) {
		c->r.r[RAX] = expect[0];
		c->r.r[RDX] = expect[1];
	}
	set_zf(c, same);
}

/* --- BT, BTS, BTR, BTC with a register bit number on memory --- */

/* a: bit number's register; imm: log2 of the size | kind << 8 | LOCK << 16. */
void x86_bit_mr(struct x86_cpu *c, const struct op *op)
{
	unsigned int log2 = op->imm & 0xff, kind = op->imm >> 8 & 0xff, bits = 8u << log2;
	u64 raw = x86_reg_read(c, op->a, log2);
	s64 number = (s64)(raw << (64 - bits)) >> (64 - bits);
	struct x86_seg *seg = &c->seg[S_SEG(op->s)];
	u64 offset = (x86_op_offset(c, op) + (u64)(number >> (log2 + 3)) * (bits / 8)) &
		     ea_mask(S_ASIZE(op->s));
	if (!seg_allows(seg, offset, bits / 8, kind != BIT_T))
		x86_seg_fault(c, (enum x86_seg_name)S_SEG(op->s), offset, bits / 8, kind != BIT_T);
	u64 va = op->s & S_LINEAR64 ? seg->base + offset : (u32)(seg->base + offset);
	u64 bit = UINT64_C(1) << (number & (bits - 1)), old;
	u8 *host = kind == BIT_T ? NULL : vcpu_atomic_host(&c->v, va, bits / 8, c->v.mmu_mode);

	if (host && (op->imm >> 16)) {
		/* The byte alone is enough to be atomic on. */
		u8 *byte = host + ((number & (bits - 1)) >> 3), mask = (u8)(1u << (number & 7));
		u8 was = kind == BIT_S	 ? __atomic_fetch_or(byte, mask, __ATOMIC_SEQ_CST)
			 : kind == BIT_R ? __atomic_fetch_and(byte, (u8)~mask, __ATOMIC_SEQ_CST)
					 : __atomic_fetch_xor(byte, mask, __ATOMIC_SEQ_CST);
		old = was & mask ? bit : 0;
		vcpu_atomic_done(&c->v, va, bits / 8, c->v.mmu_mode);
	} else {
		old = x86_load(c, va, bits / 8);
		u64 now = kind == BIT_S ? old | bit : kind == BIT_R ? old & ~bit : old ^ bit;
		if (kind != BIT_T)
			x86_store(c, va, bits / 8, now);
	}
	u32 flags = x86_flags_arith(&c->r) & ~(u32)FLAG_CF;
	x86_flags_arith_set(&c->r, flags | (old & bit ? FLAG_CF : 0));
}

/* --- ENTER, XLAT --- */

static u64 frame_linear(struct x86_cpu *c, u64 offset, unsigned int size, bool write)
{
	if (c->v.mode & MODE_64)
		return offset;
	offset &= c->v.mode & MODE_SS32 ? UINT32_MAX : UINT16_MAX;
	if (!seg_allows(&c->seg[SS], offset, size, write))
		x86_seg_fault(c, SS, offset, size, write);
	return (u32)(c->seg[SS].base + offset);
}

/* imm: allocation | level << 16; a: log2 of the operand size. */
void x86_enter(struct x86_cpu *c, const struct op *op)
{
	unsigned int level = op->imm >> 16 & 31, size = 1u << op->a;
	u64 old_sp = c->r.r[RSP], frame, bp = c->r.r[RBP];
	u64 sp = old_sp - size;

	x86_store(c, frame_linear(c, sp, size, true), size, bp);
	frame = sp;
	for (unsigned int i = 1; i < level; i++) {
		bp -= size;
		sp -= size;
		u64 link = x86_load(c, frame_linear(c, bp, size, false), size);
		x86_store(c, frame_linear(c, sp, size, true), size, link);
	}
	if (level) {
		sp -= size;
		x86_store(c, frame_linear(c, sp, size, true), size, frame);
	}
	sp -= op->imm & 0xffff;
	/* The new stack top must be writable, or the next push would fault too late. */
	vcpu_probe_write(&c->v, frame_linear(c, sp, size, true), size, c->v.mmu_mode);
	x86_reg_write(c, REG(RBP), op->a, frame);
	x86_reg_write(c, REG(RSP), c->v.mode & MODE_64 ? 3 : c->v.mode & MODE_SS32 ? 2 : 1, sp);
}

void x86_xlat(struct x86_cpu *c, const struct op *op)
{
	struct x86_seg *seg = &c->seg[S_SEG(op->s)];
	u64 offset = (c->r.r[RBX] + (u8)c->r.r[RAX]) & ea_mask(S_ASIZE(op->s));

	if (!seg_allows(seg, offset, 1, false))
		x86_seg_fault(c, (enum x86_seg_name)S_SEG(op->s), offset, 1, false);
	u64 va = op->s & S_LINEAR64 ? seg->base + offset : (u32)(seg->base + offset);
	reg_write8(&c->r, REG(RAX), (u8)x86_load(c, va, 1));
}

/* --- PUSHA, POPA --- */

/* a: log2 of the operand size. */
void x86_pusha(struct x86_cpu *c, const struct op *op)
{
	unsigned int log2 = op->a, size = 1u << log2;
	u64 sp = c->r.r[RSP], at = sp;

	for (unsigned int reg = RAX; reg <= RDI; reg++) {
		at -= size;
		x86_store(c, frame_linear(c, at, size, true), size, c->r.r[reg]);
	}
	x86_reg_write(c, REG(RSP), c->v.mode & MODE_SS32 ? 2 : 1, at);
}

void x86_popa(struct x86_cpu *c, const struct op *op)
{
	unsigned int log2 = op->a, size = 1u << log2;
	u64 at = c->r.r[RSP], value[8];

	for (int reg = RDI; reg >= RAX; reg--) {
		value[reg] = x86_load(c, frame_linear(c, at, size, false), size);
		at += size;
	}
	for (unsigned int reg = RAX; reg <= RDI; reg++) {
		if (reg != RSP)
			x86_reg_write(c, REG(reg), log2, value[reg]);
	}
	x86_reg_write(c, REG(RSP), c->v.mode & MODE_SS32 ? 2 : 1, at);
}

/* POP to memory: an ESP base counts as after the pop. a: log2 of the size. */
void x86_pop_mem(struct x86_cpu *c, const struct op *op)
{
	unsigned int size = 1u << op->a;
	u64 old_sp = c->r.r[RSP];
	u64 value = x86_pop(c, op->a), new_sp = c->r.r[RSP];

	/* The address may fault: until the store is done the stack pointer is the old one. */
	u64 offset = x86_op_offset(c, op);
	c->r.r[RSP] = old_sp;
	struct x86_seg *seg = &c->seg[S_SEG(op->s)];
	if (!seg_allows(seg, offset, size, true))
		x86_seg_fault(c, (enum x86_seg_name)S_SEG(op->s), offset, size, true);
	u64 va = op->s & S_LINEAR64 ? seg->base + offset : (u32)(seg->base + offset);
	x86_store(c, va, size, value);
	c->r.r[RSP] = new_sp;
}

/* --- SHLD, SHRD on memory --- */

/* a: the register that fills; imm: log2 | left << 8 | by CL << 9 | count << 16. */
void x86_double_shift_mem(struct x86_cpu *c, const struct op *op)
{
	unsigned int log2 = op->imm & 3, bits = 8u << log2;
	bool left = op->imm >> 8 & 1;
	unsigned int count = op->imm >> 9 & 1 ? c->r.r[RCX] & (log2 == 3 ? 63 : 31)
					      : (unsigned int)(op->imm >> 16);
	u64 va = x86_op_ea(c, op, bits / 8, true);

	vcpu_probe_write(&c->v, va, bits / 8, c->v.mmu_mode);
	u64 a = x86_load(c, va, bits / 8), b = x86_reg_read(c, op->a, log2);
	if (!count)
		return;
	/* The operands side by side (16 bits: three times, for counts above 16). */
	unsigned __int128 wide =
		left ? (unsigned __int128)a << bits | b : (unsigned __int128)b << bits | a;
	if (log2 == 1)
		wide = left ? (u64)a << 32 | b << 16 | a : a << 32 | b << 16 | a;
	unsigned int top = log2 == 1 ? 32 : bits;
	u64 before = (u64)(left ? wide << (count - 1) >> top : wide >> (count - 1));
	u64 d = (u64)(left ? wide << count >> top : wide >> count);
	u64 mask = bits == 64 ? UINT64_MAX : (UINT64_C(1) << bits) - 1;
	x86_store(c, va, bits / 8, d & mask);
	c->r.cc_op = CC_OP(left ? CC_SHL : CC_SHR, log2);
	c->r.cc_dst = d & mask;
	c->r.cc_src = before & mask;
}
