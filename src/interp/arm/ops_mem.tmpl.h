/*
 * Loads and stores of one variant (VARIANT: le, st, be; see ops.h). A body makes its accesses
 * before it writes a register, so that it can be run again after a fault.
 */
#include "interp/arm/neon.h"
#include "interp/arm/ops_mem.h"

#define CAT_(a, b, c)			   a##b##c
#define CAT(a, b, c)			   CAT_(a, b, c)
#define NAME(name)			   CAT(name, _, VARIANT)
#define OP_V(name)			   OP_V_(CAT(name, _, VARIANT))
#define OP_V_(name)			   OP_MEM(name)
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

/*
 * Whether a multiple transfer may be made at once: all of its words are on one page, so that they
 * fault alike. In user mode loads make the first and the last access (there are two pages at most)
 * before a register is changed; stores may fault halfway, as they may on processors.
 */
#ifdef RATITE_DIRECT
#define MULTIPLE_PROBE(fast, tag, va, count) bool fast = ((void)(count), !(va & 3))
#define MULTIPLE_AT(i)			     GUEST(unaligned32, va + 4 * (i))
#define MULTIPLE_GET(i)			     WORD_V(VARIANT, MULTIPLE_AT(i))
#define MULTIPLE_PUT(i, value)		     PINNED(MULTIPLE_AT(i) = WORD_V(VARIANT, value))
#define MULTIPLE_ENDS(type, first, last, get, n) \
	type first = 0, last = 0;                \
	if (LIKELY(fast)) {                      \
		PINNED(first = get(0));          \
		PINNED(last = get((n) - 1));     \
	}                                        \
	(void)first, (void)last;
#ifdef RATITE_BITCODE
#define MULTIPLE_EACH(first, last, get, i, n) ((i) == 0 ? first : (i) == (n) - 1 ? last : get(i))
#else
#define MULTIPLE_EACH(first, last, get, i, n) get(i)
#endif
#else
#define MULTIPLE_PROBE(fast, tag, va, count)                   \
	const struct tlb_entry *e_ = tlb_slot(&v->tlb, va);    \
	unaligned32 *host_ = (unaligned32 *)(e_->addend + va); \
	bool fast = e_->tag == tlb_tag(va, 4 * (count)) && !(va & 3)
#define MULTIPLE_AT(i)	       host_[i]
#define MULTIPLE_GET(i)	       WORD_V(VARIANT, MULTIPLE_AT(i))
#define MULTIPLE_PUT(i, value) (MULTIPLE_AT(i) = WORD_V(VARIANT, value))
#define MULTIPLE_ENDS(type, first, last, get, n)
#define MULTIPLE_EACH(first, last, get, i, n) get(i)
#endif
#define WORD_V_(variant, x) SWAP_##variant(32, x)
#define WORD_V(variant, x)  WORD_V_(variant, x)

/* For the n-th register of a list, which is the i-th in it. Compiled code knows the list, but wants
 * registers whose numbers are constants. */
#ifdef RATITE_BITCODE
#define LIST_STEP(k, list, n, i, ...)     \
	if ((list) >> (k) & 1) {          \
		const unsigned int n = k; \
		__VA_ARGS__;              \
		i++;                      \
	}
#define FOR_LIST(list, n, i, ...)                                                           \
	unsigned int i = 0;                                                                 \
	LIST_STEP(0, list, n, i, __VA_ARGS__)                                               \
	LIST_STEP(1, list, n, i, __VA_ARGS__)                                               \
	LIST_STEP(2, list, n, i, __VA_ARGS__)                                               \
	LIST_STEP(3, list, n, i, __VA_ARGS__)                                               \
	LIST_STEP(4, list, n, i, __VA_ARGS__)                                               \
	LIST_STEP(5, list, n, i, __VA_ARGS__)                                               \
	LIST_STEP(6, list, n, i, __VA_ARGS__) LIST_STEP(7, list, n, i, __VA_ARGS__)         \
		LIST_STEP(8, list, n, i, __VA_ARGS__) LIST_STEP(9, list, n, i, __VA_ARGS__) \
			LIST_STEP(10, list, n, i, __VA_ARGS__)                              \
				LIST_STEP(11, list, n, i, __VA_ARGS__)                      \
					LIST_STEP(12, list, n, i, __VA_ARGS__)              \
						LIST_STEP(13, list, n, i, __VA_ARGS__)      \
							LIST_STEP(14, list, n, i, __VA_ARGS__)
#else
#define FOR_LIST(list, n, i, ...)                                           \
	unsigned int i = 0;                                                 \
	for (u32 list_ = (list) & 0x7fff; list_; list_ &= list_ - 1, i++) { \
		const unsigned int n = (unsigned int)__builtin_ctz(list_);  \
		__VA_ARGS__;                                                \
	}
#endif

/* Words are in memory, or in values[] where it had to be gone slowly. */
#define MULTIPLE_LOAD                                                   \
	u32 list = (u32)op->imm, base = R(op->b);                       \
	u64 va = (u32)(base + (u32)op->disp);                           \
	unsigned int count = (unsigned int)__builtin_popcount(list);    \
	u32 values[16];                                                 \
	MULTIPLE_PROBE(fast, read, va, count);                          \
	MULTIPLE_ENDS(u32, first, last, MULTIPLE_GET, count)            \
	if (UNLIKELY(!fast))                                            \
		SLOW(NAME(multiple_slow)(CPU, (u32)va, count, values)); \
	if (op->s)                                                      \
	W(op->b, base + (u32)op->imm2)
#define MULTIPLE_WORD(i) \
	(LIKELY(fast) ? MULTIPLE_EACH(first, last, MULTIPLE_GET, i, count) : values[i])

OP_V(ldm)
{
	MULTIPLE_LOAD;
	FOR_LIST(list, n, i, REGS->r[n] = MULTIPLE_WORD(i));
	NEXT;
}

OP_V(ldm_pc)
{
	MULTIPLE_LOAD;
	FOR_LIST(list, n, i, REGS->r[n] = MULTIPLE_WORD(i));
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
	MULTIPLE_PROBE(fast, write, va, count);

	if (LIKELY(fast)) {
		FOR_LIST(list, n, i, MULTIPLE_PUT(i, REGS->r[n]));
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

/* In user mode a double is one access where its words may lie anywhere. */
#ifdef RATITE_DIRECT
#define WIDE_le 1
#else
#define WIDE_le 0
#endif
#define WIDE_st 0
#define WIDE_be 0
#define WIDE_V	CAT(WIDE_, VARIANT, )

OP_V(vld_d)
{
	u32 va = R(op->b) + (u32)op->disp;

#if WIDE_V
	u64 value;
	PINNED(value = GUEST(unaligned64, va));
	REGS->d[op->a / 2] = value;
#else
	LOAD_V(32, first, va);
	LOAD_V(32, second, va + 4);
	S(op->a + !HIGH_V) = first;
	S(op->a + HIGH_V) = second;
#endif
	NEXT;
}

OP_V(vst_d)
{
	u32 va = R(op->b) + (u32)op->disp;

#if WIDE_V
	PINNED(GUEST(unaligned64, va) = REGS->d[op->a / 2]);
#else
	if (UNLIKELY((va & ~(u32)GUEST_PAGE_MASK) >= GUEST_PAGE_SIZE - 7))
		SLOW(vcpu_probe_write(v, va + 4, 4, v->mmu_mode));
	STORE_V(32, va, S(op->a + !HIGH_V));
	STORE_V(32, va + 4, S(op->a + HIGH_V));
#endif
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

/* As words are in the register file: doubles have theirs the other way round in big-endian memory.
 */
#define FLIP(count, first) ((count) > 1 && !((first) & 1) ? !HIGH_V : 0)
/* For transfers of D registers. */
#if WIDE_V
#define GET_DOUBLE(k)	 GUEST(unaligned64, va + 8 * (k))
#define PUT_DOUBLE(k, d) PINNED(GET_DOUBLE(k) = d)
#else
#define GET_DOUBLE(k)                                                          \
	(HIGH_V ? (u64)MULTIPLE_GET(2 * (k) + 1) << 32 | MULTIPLE_GET(2 * (k)) \
		: (u64)MULTIPLE_GET(2 * (k)) << 32 | MULTIPLE_GET(2 * (k) + 1))
#define PUT_DOUBLE(k, d)                                          \
	do {                                                      \
		MULTIPLE_PUT(2 * (k) + !HIGH_V, (u32)(d));        \
		MULTIPLE_PUT(2 * (k) + HIGH_V, (u32)((d) >> 32)); \
	} while (0)
#endif
#ifdef RATITE_BITCODE
#define DOUBLE_STEP(n, k, number, ...)    \
	if ((number) > n) {               \
		const unsigned int k = n; \
		__VA_ARGS__;              \
	}
#define FOR_DOUBLES(k, count, ...)                                                  \
	DOUBLE_STEP(0, k, count, __VA_ARGS__)                                       \
	DOUBLE_STEP(1, k, count, __VA_ARGS__)                                       \
	DOUBLE_STEP(2, k, count, __VA_ARGS__)                                       \
	DOUBLE_STEP(3, k, count, __VA_ARGS__)                                       \
	DOUBLE_STEP(4, k, count, __VA_ARGS__)                                       \
	DOUBLE_STEP(5, k, count, __VA_ARGS__) DOUBLE_STEP(6, k, count, __VA_ARGS__) \
		DOUBLE_STEP(7, k, count, __VA_ARGS__) if ((count) > 8) return BODY_INTERPRET
#define FOR_SINGLES(i, count, ...) FOR_DOUBLES(i, count, __VA_ARGS__)
#else
#define FOR_DOUBLES(k, count, ...)                   \
	for (unsigned int k = 0; k < (count); k++) { \
		__VA_ARGS__;                         \
	}
#define FOR_SINGLES(i, count, ...) FOR_DOUBLES(i, count, __VA_ARGS__)
#endif

OP_V(vldm)
{
	unsigned int count = (unsigned int)op->imm, flip = FLIP(count, op->a);
	u32 base = R(op->b), values[64];
	u64 va = (u32)(base + (u32)op->disp);
	MULTIPLE_PROBE(fast, read, va, count);

	if (UNLIKELY(!fast)) {
		SLOW(NAME(vfp_load_slow)(CPU, (u32)va, count, values));
		for (unsigned int i = 0; i < count; i++)
			S((op->a + i) ^ flip) = values[i];
	} else if ((op->a | count) & 1) {
		MULTIPLE_ENDS(u32, first, last, MULTIPLE_GET, count)
		FOR_SINGLES(i, count,
			    S((op->a + i) ^ flip) =
				    MULTIPLE_EACH(first, last, MULTIPLE_GET, i, count));
	} else {
		MULTIPLE_ENDS(u64, first, last, GET_DOUBLE, count / 2)
		FOR_DOUBLES(k, count / 2,
			    REGS->d[op->a / 2 + k] =
				    MULTIPLE_EACH(first, last, GET_DOUBLE, k, count / 2));
	}
	if (op->s)
		W(op->b, base + (u32)op->imm2);
	NEXT;
}

OP_V(vstm)
{
	unsigned int count = (unsigned int)op->imm, flip = FLIP(count, op->a);
	u32 base = R(op->b);
	u64 va = (u32)(base + (u32)op->disp);
	MULTIPLE_PROBE(fast, write, va, count);

	if (UNLIKELY(!fast)) {
		SLOW(NAME(vfp_store_slow)(CPU, (u32)va, count, op->a));
	} else if ((op->a | count) & 1) {
		FOR_SINGLES(i, count, MULTIPLE_PUT(i, S((op->a + i) ^ flip)));
	} else {
		FOR_DOUBLES(k, count / 2, PUT_DOUBLE(k, REGS->d[op->a / 2 + k]));
	}
	if (op->s)
		W(op->b, base + (u32)op->imm2);
	NEXT;
}

/*
 * VLD1 and VST1 of disp whole D registers, from d[a] on: bytes at any address. Fields are otherwise
 * as the helper wants them, which does what goes over the end of a page.
 */
#define NEON_WRITEBACK \
	if (op->s)     \
	W(op->b, (u32)va + (op->s == 1 ? 8 * count : R(op->x)))
#ifdef RATITE_DIRECT
#define NEON_PROBE(tag) const bool fast = true
#define NEON_AT(k)	GUEST(unaligned64, va + 8 * (k))
#else
#define NEON_PROBE(tag)                                     \
	const struct tlb_entry *e_ = tlb_slot(&v->tlb, va); \
	bool fast = e_->tag == tlb_tag(va, 8 * count)
#define NEON_AT(k) (*(unaligned64 *)(e_->addend + va + 8 * (k)))
#endif

OP_V(vld1)
{
	unsigned int count = (unsigned int)op->disp;
	u64 va = R(op->b);
	NEON_PROBE(read);

	if (LIKELY(fast)) {
		MULTIPLE_ENDS(u64, first, last, NEON_AT, count)
		FOR_DOUBLES(k, count,
			    REGS->d[op->a + k] = MULTIPLE_EACH(first, last, NEON_AT, k, count));
		NEON_WRITEBACK;
	} else {
		SLOW(arm_h_neon_multiple(CPU, op));
	}
	NEXT;
}

OP_V(vst1)
{
	unsigned int count = (unsigned int)op->disp;
	u64 va = R(op->b);
	NEON_PROBE(write);

	if (LIKELY(fast)) {
		FOR_DOUBLES(k, count, PINNED(NEON_AT(k) = REGS->d[op->a + k]));
		NEON_WRITEBACK;
	} else {
		SLOW(arm_h_neon_multiple(CPU, op));
	}
	NEXT;
}

#ifndef RATITE_BODIES_ONLY
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
	.neon_load = H(vld1),
	.neon_store = H(vst1),
};
#endif
