/*
 * Loads and stores of XMM and MMX registers, LDMXCSR, STMXCSR, MASKMOVQ and MASKMOVDQU.
 */
#include "interp/x86/simd.h"

#define X(index) REGS->xmm[index]

typedef lanes64 unaligned128 __attribute__((may_alias, aligned(1)));

#ifdef RATITE_DIRECT
#define LOAD128(to, va) PINNED(*(lanes64 *)&(to) = GUEST(unaligned128, va))
#define STORE128(va, from)                                                    \
	do {                                                                  \
		u64 va_ = (va);                                               \
		PINNED(GUEST(unaligned128, va_) = *(const lanes64 *)&(from)); \
	} while (0)
#else
/* Operands of 16 bytes at any address are not subject to alignment checks. */
static NOINLINE union x86_xmm load128_slow(struct vcpu *v, u64 va)
{
	union x86_xmm r;

	for (unsigned int i = 0; v->check_aligned && i < 16; i++)
		r.b[i] = (u8)vcpu_load_slow(v, va + i, 1, v->mmu_mode);
	if (v->check_aligned)
		return r;
	r.q[0] = vcpu_load_slow(v, va, 8, v->mmu_mode);
	r.q[1] = vcpu_load_slow(v, va + 8, 8, v->mmu_mode);
	return r;
}

/* Both halves must be known to be writable before the first is written. */
static NOINLINE void store128_slow(struct vcpu *v, u64 va, const union x86_xmm *value)
{
	if (v->check_aligned) {
		vcpu_probe_write(v, va, 1, v->mmu_mode);
		vcpu_probe_write(v, va + 15, 1, v->mmu_mode);
		for (unsigned int i = 0; i < 16; i++)
			vcpu_store_slow(v, va + i, 1, value->b[i], v->mmu_mode);
		return;
	}
	vcpu_probe_write(v, va, 16, v->mmu_mode);
	vcpu_store_slow(v, va, 8, value->q[0], v->mmu_mode);
	vcpu_store_slow(v, va + 8, 8, value->q[1], v->mmu_mode);
}

#define LOAD128(to, va)                                                   \
	do {                                                              \
		u64 va_ = (va);                                           \
		void *host_;                                              \
		if (LIKELY(tlb_read(v, va_, 16, &host_)))                 \
			*(lanes64 *)&(to) = *(const unaligned128 *)host_; \
		else                                                      \
			SLOW((to) = load128_slow(v, va_));                \
	} while (0)

#define STORE128(va, from)                                                  \
	do {                                                                \
		u64 va_ = (va);                                             \
		void *host_;                                                \
		if (LIKELY(tlb_write(v, va_, 16, &host_)))                  \
			*(unaligned128 *)host_ = *(const lanes64 *)&(from); \
		else                                                        \
			SLOW(store128_slow(v, va_, &(from)));               \
	} while (0)
#endif

#define CHECK_ALIGNED(va)                                      \
	do {                                                   \
		if (UNLIKELY((va) & 15))                       \
			SLOW(x86_raise_error(CPU, EXC_GP, 0)); \
	} while (0)

/* With segments the alignment comes before the limit. */
#define ALIGNED_FIRST_f64 (void)0
#define ALIGNED_FIRST_f32 (void)0
#define ALIGNED_FIRST_abs (void)0
#define ALIGNED_FIRST_sg \
	CHECK_ALIGNED((EA_RAW & ea_mask(S_ASIZE(op->s))) + CPU->seg[S_SEG(op->s)].base)

/* A store from an MMX register clears TOP even where it faults. (Where compiled code leaves at the
 * store, the interpreter runs all of the op.) */
#if defined(RATITE_BITCODE) && !defined(RATITE_DIRECT)
#define STORE_CLEARS_TOP (void)0
#else
#define STORE_CLEARS_TOP REGS->ftop = 0
#endif

#define XMM_MEMORY_OPS(ea)                    \
	OP_MEM(load_xmm128_aligned_##ea)      \
	{                                     \
		ALIGNED_FIRST_##ea;           \
		EA_##ea(va, 16, false);       \
		CHECK_ALIGNED(va);            \
		LOAD128(X(op->a), va);        \
		NEXT;                         \
	}                                     \
	OP_MEM(load_xmm128_##ea)              \
	{                                     \
		EA_##ea(va, 16, false);       \
		LOAD128(X(op->a), va);        \
		NEXT;                         \
	}                                     \
	OP_MEM(load_xmm64_##ea)               \
	{                                     \
		EA_##ea(va, 8, false);        \
		LOAD(64, value, va);          \
		XMM_SET_LOW(op->a, value);    \
		NEXT;                         \
	}                                     \
	OP_MEM(load_xmm32_##ea)               \
	{                                     \
		EA_##ea(va, 4, false);        \
		LOAD(32, value, va);          \
		XMM_SET_LOW(op->a, value);    \
		NEXT;                         \
	}                                     \
	OP_MEM(load_xmm16_##ea)               \
	{                                     \
		EA_##ea(va, 2, false);        \
		LOAD(16, value, va);          \
		XMM_SET_LOW(op->a, value);    \
		NEXT;                         \
	}                                     \
	OP_MEM(load_xmm_lo_##ea)              \
	{                                     \
		EA_##ea(va, 8, false);        \
		LOAD(64, value, va);          \
		X(op->a).q[0] = value;        \
		NEXT;                         \
	}                                     \
	OP_MEM(load_xmm_hi_##ea)              \
	{                                     \
		EA_##ea(va, 8, false);        \
		LOAD(64, value, va);          \
		X(op->a).q[1] = value;        \
		NEXT;                         \
	}                                     \
	OP_MEM(store_xmm128_aligned_##ea)     \
	{                                     \
		ALIGNED_FIRST_##ea;           \
		EA_##ea(va, 16, true);        \
		CHECK_ALIGNED(va);            \
		STORE128(va, X(op->a));       \
		NEXT;                         \
	}                                     \
	OP_MEM(store_xmm128_##ea)             \
	{                                     \
		EA_##ea(va, 16, true);        \
		STORE128(va, X(op->a));       \
		NEXT;                         \
	}                                     \
	OP_MEM(store_xmm64_##ea)              \
	{                                     \
		EA_##ea(va, 8, true);         \
		STORE(64, va, X(op->a).q[0]); \
		NEXT;                         \
	}                                     \
	OP_MEM(store_xmm32_##ea)              \
	{                                     \
		EA_##ea(va, 4, true);         \
		STORE(32, va, X(op->a).d[0]); \
		NEXT;                         \
	}                                     \
	OP_MEM(store_xmm_hi_##ea)             \
	{                                     \
		EA_##ea(va, 8, true);         \
		STORE(64, va, X(op->a).q[1]); \
		NEXT;                         \
	}                                     \
	OP_MEM(load_mm_##ea)                  \
	{                                     \
		X87_WAIT;                     \
		EA_##ea(va, 8, false);        \
		LOAD(64, value, va);          \
		MMX_ENTER;                    \
		MM_WRITE(op->a, value);       \
		NEXT;                         \
	}                                     \
	OP_MEM(store_mm_##ea)                 \
	{                                     \
		X87_WAIT;                     \
		STORE_CLEARS_TOP;             \
		EA_##ea(va, 8, true);         \
		STORE(64, va, MM(op->a));     \
		MMX_ENTER;                    \
		NEXT;                         \
	}

XMM_MEMORY_OPS(f64)
XMM_MEMORY_OPS(f32)
XMM_MEMORY_OPS(sg)
XMM_MEMORY_OPS(abs)

#ifndef RATITE_BODIES_ONLY
#define TABLE(name)                                  \
	handler_fn *const x86_##name[KIND_COUNT] = { \
		[KIND_f64] = x86_op_##name##_f64,    \
		[KIND_f32] = x86_op_##name##_f32,    \
		[KIND_sg] = x86_op_##name##_sg,      \
		[KIND_abs] = x86_op_##name##_abs,    \
	};

TABLE(load_xmm128_aligned)
TABLE(load_xmm128)
TABLE(load_xmm64)
TABLE(load_xmm32)
TABLE(load_xmm16)
TABLE(load_xmm_lo)
TABLE(load_xmm_hi)
TABLE(store_xmm128_aligned)
TABLE(store_xmm128)
TABLE(store_xmm64)
TABLE(store_xmm32)
TABLE(store_xmm_hi)
TABLE(load_mm)
TABLE(store_mm)

/* --- instructions as a whole --- */

void x86_ldmxcsr(struct x86_cpu *c, const struct op *op)
{
	x86_set_mxcsr(c, (u32)x86_load(c, x86_op_ea(c, op, 4, false), 4));
}

void x86_stmxcsr(struct x86_cpu *c, const struct op *op)
{
	x86_store(c, x86_op_ea(c, op, 4, true), 4, c->r.mxcsr);
}

/*
 * Bytes whose mask byte has its top bit set go to memory at rDI (the decoder made it the operand).
 * Each byte's address wraps by itself. Alignment comes before limits and page faults, but for 16
 * bytes that wrap.
 */
static void masked_store(struct x86_cpu *c, const struct op *op, const u8 *bytes, const u8 *mask,
			 unsigned int count)
{
	u64 wrap = ea_mask(S_ASIZE(op->s)), offset = x86_op_offset(c, op), va[16];
	u64 linear = offset + c->seg[S_SEG(op->s)].base;
	bool any = false, unaligned = c->v.check_aligned && linear & (count - 1);

	if (unaligned && (count == 8 || offset + count - 1 > offset))
		c->v.isa->unaligned(&c->v, linear);
	va[0] = x86_op_ea(c, op, count, true);
	for (unsigned int i = 0; i < count; i++) {
		va[i] = va[0] + ((offset + i) & wrap) - offset;
		any |= mask[i] >> 7;
	}
	if (!any) /* left to the implementation: Intel's processors look at the page */
		vcpu_probe_write(&c->v, va[0], 1, c->v.mmu_mode);
	for (unsigned int i = 0; i < count; i++) {
		if (mask[i] >> 7)
			vcpu_probe_write(&c->v, va[i], 1, c->v.mmu_mode);
	}
	if (unaligned)
		c->v.isa->unaligned(&c->v, va[0]);
	for (unsigned int i = 0; i < count; i++) {
		if (mask[i] >> 7)
			x86_store(c, va[i], 1, bytes[i]);
	}
}

void x86_maskmovdqu(struct x86_cpu *c, const struct op *op)
{
	unsigned int regs = op->a;

	masked_store(c, op, c->r.xmm[regs & 15].b, c->r.xmm[regs >> 4].b, 16);
}

void x86_maskmovq(struct x86_cpu *c, const struct op *op)
{
	unsigned int regs = op->a;
	u8 bytes[8], mask[8];

	memcpy(bytes, &c->r.st[regs & 7].frac, 8);
	memcpy(mask, &c->r.st[regs >> 4 & 7].frac, 8);
	masked_store(c, op, bytes, mask, 8);
}
#endif

/* LFENCE, SFENCE and MFENCE */
OP(fence)
{
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	NEXT;
}
