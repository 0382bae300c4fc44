/*
 * Loads and stores of one variant (VARIANT: le, st, be; see ops.h). A body makes its accesses
 * before it writes a register, so that it can be run again after a fault.
 */
#include "interp/arm/ops_mem.h"

#define CAT_(a, b, c)			   a##b##c
#define CAT(a, b, c)			   CAT_(a, b, c)
#define NAME(name)			   CAT(name, _, VARIANT)
#define OP_V(name)			   OP_V_(CAT(name, _, VARIANT))
#define OP_V_(name)			   OP(name)
#define LOAD_V_(variant, bits, var, va)	   LOAD_AS(variant, bits, var, va)
#define LOAD_V(bits, var, va)		   LOAD_V_(VARIANT, bits, var, va)
#define STORE_V_(variant, bits, va, value) STORE_AS(variant, bits, va, value)
#define STORE_V(bits, va, value)	   STORE_V_(VARIANT, bits, va, value)

#define LOADS(name, bits, type)                                      \
	OP_V(ld_##name##_i)                                          \
	{                                                            \
		LOAD_V(bits, value, R(op->b) + (u32)op->disp);       \
		W(op->a, (u32)(type)value);                          \
		NEXT;                                                \
	}                                                            \
	OP_V(ld_##name##_pre)                                        \
	{                                                            \
		u32 va = R(op->b) + (u32)op->disp;                   \
		LOAD_V(bits, value, va);                             \
		W(op->b, va);                                        \
		W(op->a, (u32)(type)value);                          \
		NEXT;                                                \
	}                                                            \
	OP_V(ld_##name##_post)                                       \
	{                                                            \
		u32 va = R(op->b);                                   \
		LOAD_V(bits, value, va);                             \
		W(op->b, va + (u32)op->disp);                        \
		W(op->a, (u32)(type)value);                          \
		NEXT;                                                \
	}                                                            \
	OP_V(ld_##name##_r)                                          \
	{                                                            \
		LOAD_V(bits, value, R(op->b) + (R(op->x) << op->s)); \
		W(op->a, (u32)(type)value);                          \
		NEXT;                                                \
	}                                                            \
	OP_V(ld_##name##_wb)                                         \
	{                                                            \
		LOAD_V(bits, value, R(op->b));                       \
		W(op->x, R(REG_TMP1));                               \
		W(op->a, (u32)(type)value);                          \
		NEXT;                                                \
	}
LOADS(w, 32, u32)
LOADS(b, 8, u8)
LOADS(h, 16, u16)
LOADS(sb, 8, s8)
LOADS(sh, 16, s16)

#define STORES(name, bits)                                               \
	OP_V(st_##name##_i)                                              \
	{                                                                \
		STORE_V(bits, R(op->b) + (u32)op->disp, R(op->a));       \
		NEXT;                                                    \
	}                                                                \
	OP_V(st_##name##_pre)                                            \
	{                                                                \
		u32 va = R(op->b) + (u32)op->disp;                       \
		STORE_V(bits, va, R(op->a));                             \
		W(op->b, va);                                            \
		NEXT;                                                    \
	}                                                                \
	OP_V(st_##name##_post)                                           \
	{                                                                \
		u32 va = R(op->b);                                       \
		STORE_V(bits, va, R(op->a));                             \
		W(op->b, va + (u32)op->disp);                            \
		NEXT;                                                    \
	}                                                                \
	OP_V(st_##name##_r)                                              \
	{                                                                \
		STORE_V(bits, R(op->b) + (R(op->x) << op->s), R(op->a)); \
		NEXT;                                                    \
	}                                                                \
	OP_V(st_##name##_wb)                                             \
	{                                                                \
		STORE_V(bits, R(op->b), R(op->a));                       \
		W(op->x, R(REG_TMP1));                                   \
		NEXT;                                                    \
	}
STORES(w, 32)
STORES(b, 8)
STORES(h, 16)

OP_V(ld_double)
{
	u32 va = R(op->b) + (u32)op->disp;

	if (UNLIKELY(va & 3))
		SLOW(va = arm_multiple_address(CPU, va, ACCESS_READ));
	LOAD_V(32, low, va);
	LOAD_V(32, high, va + 4);
	W(op->x, R(REG_TMP1));
	W(op->a, low);
	W(op->s, high);
	NEXT;
}

OP_V(st_double)
{
	u32 va = R(op->b) + (u32)op->disp;

	if (UNLIKELY(va & 3))
		SLOW(va = arm_multiple_address(CPU, va, ACCESS_WRITE));
	if (UNLIKELY((va & ~(u32)GUEST_PAGE_MASK) == GUEST_PAGE_SIZE - 4))
		SLOW(vcpu_probe_write(v, va + 4, 4, v->mmu_mode));
	STORE_V(32, va, R(op->a));
	STORE_V(32, va + 4, R(op->s));
	W(op->x, R(REG_TMP1));
	NEXT;
}

OP_V(ld_pc)
{
	LOAD_V(32, target, R(op->b) + (u32)op->disp);
	W(op->x, R(REG_TMP1));
	if (op->imm == JUMP_EXCHANGES)
		JUMP_EXCHANGE(target);
	JUMP_TO(target & (v->mode & MODE_T ? ~1u : ~3u));
}

/* --- multiple transfers --- */

#ifndef RATITE_BITCODE
/* Every word by itself, into values[]: nothing is committed before the last one. */
static NOINLINE u32 NAME(multiple_slow)(struct arm_cpu *c, u32 va, unsigned int count, u32 *values)
{
	va = arm_multiple_address(c, va, ACCESS_READ);
	for (unsigned int i = 0; i < count; i++)
		values[i] = arm_load(c, va + 4 * i, 4, c->v.mmu_mode);
	return va;
}

static NOINLINE void NAME(store_multiple_slow)(struct arm_cpu *c, u32 va, u32 list)
{
	unsigned int count = (unsigned int)__builtin_popcount(list);

	va = arm_multiple_address(c, va, ACCESS_WRITE);
	/* At most two pages: both must be writable before anything is written. */
	if (((va ^ (va + 4 * count - 1)) & GUEST_PAGE_MASK) != 0)
		vcpu_probe_write(&c->v, (va + 4 * count - 4) & ~3u, 4, c->v.mmu_mode);
	for (; list; list &= list - 1, va += 4)
		arm_store(c, va, 4, c->r.r[__builtin_ctz(list)], c->v.mmu_mode);
}
#endif

/* The words are at host address `host`, or in values[] where the fast path does not apply. */
#define MULTIPLE_LOAD(host)                                              \
	u32 list = (u32)op->imm, base = R(op->b);                        \
	u64 va = (u32)(base + (u32)op->disp);                            \
	unsigned int count = (unsigned int)__builtin_popcount(list);     \
	const struct tlb_entry *e = tlb_slot(&v->tlb, va);               \
	const unaligned32 *host = (const unaligned32 *)(e->addend + va); \
	u32 values[16];                                                  \
	if (UNLIKELY(e->read != tlb_tag(va, 4 * count) || (va & 3))) {   \
		SLOW(NAME(multiple_slow)(CPU, (u32)va, count, values));  \
		host = NULL;                                             \
	}                                                                \
	if (op->s)                                                       \
	W(op->b, base + (u32)op->imm2)

#define WORD_V_(variant, x) SWAP_##variant(32, x)
#define WORD_V(variant, x)  WORD_V_(variant, x)
#define MULTIPLE_WORD(i)    (LIKELY(host != NULL) ? WORD_V(VARIANT, host[i]) : values[i])

OP_V(ldm)
{
	MULTIPLE_LOAD(host);
	for (unsigned int i = 0; list; list &= list - 1, i++)
		REGS->r[__builtin_ctz(list)] = MULTIPLE_WORD(i);
	NEXT;
}

OP_V(ldm_pc)
{
	MULTIPLE_LOAD(host);
	unsigned int i = 0;
	for (; list & 0x7fff; list &= list - 1, i++)
		REGS->r[__builtin_ctz(list)] = MULTIPLE_WORD(i);
	u32 target = MULTIPLE_WORD(i);
	if (op->x == JUMP_EXCHANGES)
		JUMP_EXCHANGE(target);
	JUMP_TO(target & (v->mode & MODE_T ? ~1u : ~3u));
}

OP_V(stm)
{
	u32 list = (u32)op->imm, base = R(op->b);
	u64 va = (u32)(base + (u32)op->disp);
	unsigned int count = (unsigned int)__builtin_popcount(list);
	const struct tlb_entry *e = tlb_slot(&v->tlb, va);

	if (LIKELY(e->write == tlb_tag(va, 4 * count) && !(va & 3))) {
		unaligned32 *host = (unaligned32 *)(e->addend + va);
		for (; list; list &= list - 1)
			*host++ = WORD_V(VARIANT, REGS->r[__builtin_ctz(list)]);
	} else {
		SLOW(NAME(store_multiple_slow)(CPU, (u32)va, list));
	}
	if (op->s)
		W(op->b, base + (u32)op->imm2);
	NEXT;
}

/* --- VFP registers --- */

#define S(n) (((u32 *)REGS->d)[n])

OP_V(vld_s)
{
	LOAD_V(32, value, R(op->b) + (u32)op->disp);
	S(op->a) = value;
	NEXT;
}

OP_V(vst_s)
{
	STORE_V(32, R(op->b) + (u32)op->disp, S(op->a));
	NEXT;
}

/* Doubles are two words; which comes first depends on the byte order. */
#define HIGH_le 1
#define HIGH_st 1
#define HIGH_be 0
#define HIGH_V	CAT(HIGH_, VARIANT, )

OP_V(vld_d)
{
	u32 va = R(op->b) + (u32)op->disp;

	LOAD_V(32, first, va);
	LOAD_V(32, second, va + 4);
	S(op->a + !HIGH_V) = first;
	S(op->a + HIGH_V) = second;
	NEXT;
}

OP_V(vst_d)
{
	u32 va = R(op->b) + (u32)op->disp;

	if (UNLIKELY((va & ~(u32)GUEST_PAGE_MASK) >= GUEST_PAGE_SIZE - 7))
		SLOW(vcpu_probe_write(v, va + 4, 4, v->mmu_mode));
	STORE_V(32, va, S(op->a + !HIGH_V));
	STORE_V(32, va + 4, S(op->a + HIGH_V));
	NEXT;
}

#ifndef RATITE_BITCODE
static NOINLINE void NAME(vfp_load_slow)(struct arm_cpu *c, u32 va, unsigned int count, u32 *values)
{
	va = arm_multiple_address(c, va, ACCESS_READ);
	for (unsigned int i = 0; i < count; i++)
		values[i] = arm_load(c, va + 4 * i, 4, c->v.mmu_mode);
}

/* The words are below a page's size: at most two pages. */
static NOINLINE void NAME(vfp_store_slow)(struct arm_cpu *c, u32 va, unsigned int count,
					  unsigned int first)
{
	const u32 *regs = (const u32 *)c->r.d;
	unsigned int flip = count > 1 && !(first & 1) ? !HIGH_V : 0;

	va = arm_multiple_address(c, va, ACCESS_WRITE);
	vcpu_probe_write(&c->v, va + 4 * count - 4, 4, c->v.mmu_mode);
	for (unsigned int i = 0; i < count; i++)
		arm_store(c, va + 4 * i, 4, regs[(first + i) ^ flip], c->v.mmu_mode);
}
#endif

OP_V(vldm)
{
	unsigned int count = (unsigned int)op->imm;
	u32 base = R(op->b), values[64];
	u64 va = (u32)(base + (u32)op->disp);
	const struct tlb_entry *e = tlb_slot(&v->tlb, va);

	if (LIKELY(e->read == tlb_tag(va, 4 * count) && !(va & 3)) && HIGH_V) {
		__builtin_memcpy(&S(op->a), (const void *)(e->addend + va), 4 * count);
	} else {
		SLOW(NAME(vfp_load_slow)(CPU, (u32)va, count, values));
		unsigned int flip = count > 1 && !(op->a & 1) ? !HIGH_V : 0;
		for (unsigned int i = 0; i < count; i++)
			S((op->a + i) ^ flip) = values[i];
	}
	if (op->s)
		W(op->b, base + (u32)op->imm2);
	NEXT;
}

OP_V(vstm)
{
	unsigned int count = (unsigned int)op->imm;
	u32 base = R(op->b);
	u64 va = (u32)(base + (u32)op->disp);
	const struct tlb_entry *e = tlb_slot(&v->tlb, va);

	if (LIKELY(e->write == tlb_tag(va, 4 * count) && !(va & 3)) && HIGH_V)
		__builtin_memcpy((void *)(e->addend + va), &S(op->a), 4 * count);
	else
		SLOW(NAME(vfp_store_slow)(CPU, (u32)va, count, op->a));
	if (op->s)
		W(op->b, base + (u32)op->imm2);
	NEXT;
}

#ifndef RATITE_BITCODE
#define H(name)	    CAT(arm_op_##name, _, VARIANT)
#define KINDS(name) {H(name##_i), H(name##_pre), H(name##_post), H(name##_r), H(name##_wb)}
const struct arm_mem_handlers CAT(arm_mem, _, VARIANT) = {
	.load = {KINDS(ld_w), KINDS(ld_b), KINDS(ld_h), KINDS(ld_sb), KINDS(ld_sh)},
	.store = {KINDS(st_w), KINDS(st_b), KINDS(st_h)},
	.load_double = H(ld_double),
	.store_double = H(st_double),
	.load_pc = H(ld_pc),
	.load_multiple = H(ldm),
	.load_multiple_pc = H(ldm_pc),
	.store_multiple = H(stm),
	.vfp_load = {H(vld_s), H(vld_d)},
	.vfp_store = {H(vst_s), H(vst_d)},
	.vfp_load_multiple = H(vldm),
	.vfp_store_multiple = H(vstm),
};
#endif
