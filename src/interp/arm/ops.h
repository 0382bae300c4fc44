/*
 * How ARM op bodies are written: operands, memory, control flow.
 *
 * Fields of an op record, unless the op says otherwise: `a` is the destination register, `b` the
 * first operand (Rn), `x` the second one (Rm), all byte offsets into struct arm_regs; `s` is a
 * shift amount, imm an immediate, disp an address offset. Branches: imm is the target pc, x the
 * instructions of the block that a taken branch leaves behind, s whether it may be linked.
 *
 * Loads and stores exist in three variants, chosen when the block is decoded: le (any alignment,
 * little-endian), st (misaligned accesses are special) and be (the same with data big-endian).
 */
#ifndef INTERP_ARM_OPS_H
#define INTERP_ARM_OPS_H

#include "interp/arm/cpu.h"
#include "interp/body.h"

#define CPU ((struct arm_cpu *)v)

#ifdef RATITE_DIRECT
#define OP(name)     OP_LEFT_OUT(arm, name)
#define OP_MEM(name) OP_DIRECT(arm, name)
#else
#define OP(name)     OP_DEFINE(arm, name)
#define OP_MEM(name) OP_DEFINE(arm, name)
#endif
#ifdef RATITE_BITCODE
#define REGS	    regs
#define LEAVE_AFTER return BODY_INTERPRET
#define SKIP	    return BODY_SKIP
#else
#define REGS	    (&CPU->r)
/* The op's instruction is complete; the loop goes on at the one of the next op. */
#define LEAVE_AFTER MUSTTAIL return op_dropped(v, op + 1, budget)
/* Behind the following op->x ops. */
#define SKIP	    MUSTTAIL return op[1 + op->x].fn(v, op + 1 + op->x, budget)
#endif

#define R(off)	      (*(const u32 *)((const char *)REGS + (off)))
#define W(off, value) (*(u32 *)((char *)REGS + (off)) = (value))

/* Goes to an address whose bit 0 selects Thumb. */
#define JUMP_EXCHANGE(target)                                  \
	do {                                                   \
		u32 t_ = (target);                             \
		v->mode = (v->mode & ~(u32)MODE_T) | (t_ & 1); \
		JUMP_TO(t_ &(t_ & 1 ? ~1u : ~3u));             \
	} while (0)

/* --- memory --- */

typedef u8 unaligned8 __attribute__((may_alias));
typedef u16 unaligned16 __attribute__((may_alias, aligned(1)));
typedef u32 unaligned32 __attribute__((may_alias, aligned(1)));
typedef u64 unaligned64 __attribute__((may_alias, aligned(1)));

#define ALIGNED_le(va, bytes) true
#define ALIGNED_st(va, bytes) (((va) & ((bytes) - 1)) == 0)
#define ALIGNED_be(va, bytes) ALIGNED_st(va, bytes)
#define SWAP_le(bits, x)      (x)
#define SWAP_st(bits, x)      (x)
#define SWAP_be(bits, x)      BSWAP##bits(x)
#define BSWAP8(x)	      (x)
#define BSWAP16(x)	      __builtin_bswap16(x)
#define BSWAP32(x)	      __builtin_bswap32(x)

/* LOAD_AS declares `var` with the `bits` at `va`, in one of the variants. */
#ifdef RATITE_DIRECT
#define LOAD_AS(variant, bits, var, va)                                                  \
	u##bits var;                                                                     \
	do {                                                                             \
		u32 va_ = (u32)(va);                                                     \
		if (LIKELY(ALIGNED_##variant(va_, bits / 8)))                            \
			PINNED(var = SWAP_##variant(bits, GUEST(unaligned##bits, va_))); \
		else                                                                     \
			SLOW(var = (u##bits)arm_load(CPU, va_, bits / 8, v->mmu_mode));  \
	} while (0)
#define STORE_AS(variant, bits, va, value)                                                  \
	do {                                                                                \
		u32 va_ = (u32)(va);                                                        \
		u##bits value_ = (u##bits)(value);                                          \
		if (LIKELY(ALIGNED_##variant(va_, bits / 8)))                               \
			PINNED(GUEST(unaligned##bits, va_) = SWAP_##variant(bits, value_)); \
		else                                                                        \
			SLOW(arm_store(CPU, va_, bits / 8, value_, v->mmu_mode));           \
	} while (0)
#else
#define LOAD_AS(variant, bits, var, va)                                                      \
	u##bits var;                                                                         \
	do {                                                                                 \
		u64 va_ = (u32)(va);                                                         \
		void *host_;                                                                 \
		if (LIKELY(ALIGNED_##variant(va_, bits / 8) &&                               \
			   tlb_read(v, va_, bits / 8, &host_)))                              \
			var = SWAP_##variant(bits, *(const unaligned##bits *)host_);         \
		else                                                                         \
			SLOW(var = (u##bits)arm_load(CPU, (u32)va_, bits / 8, v->mmu_mode)); \
	} while (0)

#define STORE_AS(variant, bits, va, value)                                                       \
	do {                                                                                     \
		u64 va_ = (u32)(va);                                                             \
		void *host_;                                                                     \
		if (LIKELY(ALIGNED_##variant(va_, bits / 8) &&                                   \
			   tlb_write(v, va_, bits / 8, &host_)))                                 \
			*(unaligned##bits *)host_ = SWAP_##variant(bits, (u##bits)(value));      \
		else                                                                             \
			SLOW(arm_store(CPU, (u32)va_, bits / 8, (u##bits)(value), v->mmu_mode)); \
	} while (0)
#endif

/* --- rare instructions --- */

/* A C function that does an instruction's whole work; op->imm is the instruction as ARM encodes it
 * (Thumb-2: first halfword in the upper half), op->disp what the decoder adds. */
typedef void arm_helper(struct arm_cpu *c, const struct op *op);
#define HELPER(op) ((arm_helper *)(uintptr_t)(op)->imm2)

#endif
