/*
 * How x86 op bodies are written: operands, memory, flags, control flow.
 *
 * Fields of an op record: `a` and `b` are register operands (byte offsets into struct x86_regs);
 * a memory operand is b (base), x (index), disp and s (scale 0-1, segment 2-4, address size 5-6,
 * 64-bit linear addresses 7), with its register partner in `a`. Branches: imm is the target pc,
 * x the instructions of the block that a taken branch leaves behind, s whether it may be linked.
 *
 * Memory operands come in four kinds, chosen when the block is decoded: f64 (64-bit mode, no
 * segment base), f32 (flat 32-bit segments), abs (a flat constant) and sg (anything: segment base,
 * limit and type checks, 16-bit addresses). Rare ops have the sg form only.
 */
#ifndef INTERP_X86_OPS_H
#define INTERP_X86_OPS_H

#include "interp/body.h"
#include "interp/x86/cpu.h"

#define CPU ((struct x86_cpu *)v)

#ifdef RATITE_DIRECT
#define OP(name)     OP_LEFT_OUT(x86, name)
#define OP_MEM(name) OP_DIRECT(x86, name)
#else
#define OP(name)     OP_DEFINE(x86, name)
#define OP_MEM(name) OP_DEFINE(x86, name)
#endif
#ifdef RATITE_BITCODE
#define REGS regs
#else
#define REGS (&CPU->r)
#endif

/* --- registers --- */

#define R(bits, off) (*(const u##bits __attribute__((may_alias)) *)((const char *)REGS + (off)))
/* Writes of 32 bits clear the upper half, as 64-bit mode wants and others do not see. */
#define W(bits, off, value) reg_write##bits(REGS, off, value)

static ALWAYS_INLINE void reg_write8(struct x86_regs *regs, unsigned int off, u8 value)
{
	*((u8 *)regs + off) = value;
}
static ALWAYS_INLINE void reg_write16(struct x86_regs *regs, unsigned int off, u16 value)
{
	*(u16 __attribute__((may_alias)) *)((char *)regs + off) = value;
}
static ALWAYS_INLINE void reg_write32(struct x86_regs *regs, unsigned int off, u32 value)
{
	*(u64 __attribute__((may_alias)) *)((char *)regs + off) = value;
}
static ALWAYS_INLINE void reg_write64(struct x86_regs *regs, unsigned int off, u64 value)
{
	*(u64 __attribute__((may_alias)) *)((char *)regs + off) = value;
}

/* --- addresses --- */

#define S_SCALE(s) ((s) & 3)
#define S_SEG(s)   ((s) >> 2 & 7)
#define S_ASIZE(s) ((s) >> 5 & 3) /* log2 of bytes */
#define S_LINEAR64 0x80
#define S_MAKE(scale, seg, asize, linear64) \
	((u8)((scale) | (seg) << 2 | (asize) << 5 | ((linear64) ? S_LINEAR64 : 0)))

/* Offset within the segment, not cut to the address size. */
#define EA_RAW (R(64, op->b) + (R(64, op->x) << S_SCALE(op->s)) + (u64)(s64)op->disp)

static ALWAYS_INLINE u64 ea_mask(unsigned int asize)
{
	return asize == 3 ? UINT64_MAX : asize == 2 ? UINT32_MAX : UINT16_MAX;
}

static ALWAYS_INLINE bool seg_allows(const struct x86_seg *seg, u64 off, unsigned int size,
				     bool write)
{
	return (write ? seg->write_ok : seg->read_ok) & (off - seg->lo <= seg->span) &
	       (off + size - 1 - seg->lo <= seg->span);
}

/* Linear address of the memory operand, in each kind; `var` is declared. */
#define EA_f64(var, size, write) u64 var = EA_RAW
#define EA_f32(var, size, write) u64 var = (u32)EA_RAW
#define EA_abs(var, size, write) u64 var = op->imm2
#define EA_sg(var, size, write)                                                             \
	u64 var = EA_RAW & ea_mask(S_ASIZE(op->s));                                         \
	do {                                                                                \
		struct x86_seg *seg_ = &CPU->seg[S_SEG(op->s)];                             \
		if (UNLIKELY(!seg_allows(seg_, var, size, write)))                          \
			SLOW(x86_seg_fault(CPU, (enum x86_seg_name)S_SEG(op->s), var, size, \
					   write));                                         \
		var += seg_->base;                                                          \
		if (!(op->s & S_LINEAR64))                                                  \
			var = (u32)var;                                                     \
	} while (0)

/* --- memory --- */

typedef u8 unaligned8 __attribute__((may_alias));
typedef u16 unaligned16 __attribute__((may_alias, aligned(1)));
typedef u32 unaligned32 __attribute__((may_alias, aligned(1)));
typedef u64 unaligned64 __attribute__((may_alias, aligned(1)));

/*
 * LOAD declares `var` with the `bits` at linear address `va`.
 *
 * Read-modify-write: RMW_LOAD declares `var` with the old value, RMW_STORE writes. Nothing may be
 * committed in between: with the TLB the first has made sure that the second cannot fault, in user
 * mode the second may. Not atomic: for LOCKed forms see ATOMIC_ADDRESS (ops_int.tmpl.h).
 */
#ifdef RATITE_DIRECT
#define LOAD(bits, var, va) \
	u##bits var;        \
	PINNED(var = GUEST(unaligned##bits, va))
#define STORE(bits, va, value)                                \
	do {                                                  \
		u64 va_ = (va);                               \
		u##bits value_ = (u##bits)(value);            \
		PINNED(GUEST(unaligned##bits, va_) = value_); \
	} while (0)
#define RMW_LOAD(bits, var, va) \
	u64 rmw_va = (va);      \
	LOAD(bits, var, rmw_va)
#define RMW_STORE(bits, value) STORE(bits, rmw_va, value)
#else
#define LOAD(bits, var, va)                                                                 \
	u##bits var;                                                                        \
	do {                                                                                \
		u64 va_ = (va);                                                             \
		void *host_;                                                                \
		if (LIKELY(tlb_read(v, va_, bits / 8, &host_)))                             \
			var = *(const unaligned##bits *)host_;                              \
		else                                                                        \
			SLOW(var = (u##bits)vcpu_load_slow(v, va_, bits / 8, v->mmu_mode)); \
	} while (0)

#define STORE(bits, va, value)                                                                  \
	do {                                                                                    \
		u64 va_ = (va);                                                                 \
		void *host_;                                                                    \
		if (LIKELY(tlb_write(v, va_, bits / 8, &host_)))                                \
			*(unaligned##bits *)host_ = (u##bits)(value);                           \
		else                                                                            \
			SLOW(vcpu_store_slow(v, va_, bits / 8, (u##bits)(value), v->mmu_mode)); \
	} while (0)

#define RMW_LOAD(bits, var, va)                                                                \
	u##bits var;                                                                           \
	u64 rmw_va = (va);                                                                     \
	unaligned##bits *rmw_host = NULL;                                                      \
	do {                                                                                   \
		void *host_;                                                                   \
		if (LIKELY(tlb_write(v, rmw_va, bits / 8, &host_))) {                          \
			rmw_host = host_;                                                      \
			var = *rmw_host;                                                       \
		} else {                                                                       \
			SLOW(vcpu_probe_write(v, rmw_va, bits / 8, v->mmu_mode);               \
			     var = (u##bits)vcpu_load_slow(v, rmw_va, bits / 8, v->mmu_mode)); \
		}                                                                              \
	} while (0)

#define RMW_STORE(bits, value)                                                                     \
	do {                                                                                       \
		if (LIKELY(rmw_host != NULL))                                                      \
			*rmw_host = (u##bits)(value);                                              \
		else                                                                               \
			SLOW(vcpu_store_slow(v, rmw_va, bits / 8, (u##bits)(value), v->mmu_mode)); \
	} while (0)
#endif

/* --- rare instructions --- */

/* A C function that does an instruction's whole work, called with pc and budget known. */
typedef void x86_helper(struct x86_cpu *c, const struct op *op);
/* Linear address of the op's memory operand after segment checks (any kind); may raise. */
u64 x86_op_ea(struct x86_cpu *c, const struct op *op, unsigned int size, bool write);
/* The offset within the segment, without checks (LEA, far pointers, FDP). */
u64 x86_op_offset(struct x86_cpu *c, const struct op *op);
/* Pushes and pops by the current stack width; raise #SS, #PF. */
void x86_push(struct x86_cpu *c, unsigned int log2, u64 value);
u64 x86_pop(struct x86_cpu *c, unsigned int log2);
/* Register operand of 1 << log2 bytes by its byte offset. */
u64 x86_reg_read(struct x86_cpu *c, unsigned int off, unsigned int log2);
void x86_reg_write(struct x86_cpu *c, unsigned int off, unsigned int log2, u64 value);

#endif
