/*
 * How op bodies leave, in both builds, for every ISA's ops.h: see interp/op.h. A body has `v`, `op`
 * and, as a handler, `budget`. Branch ops: imm is the target pc, x the instructions of the block
 * that a taken branch leaves behind, s whether it may be linked.
 */
#ifndef INTERP_BODY_H
#define INTERP_BODY_H

#include "interp/block.h"
#include "interp/direct.h"

typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef uint64_t u64;
typedef int8_t s8;
typedef int16_t s16;
typedef int32_t s32;
typedef int64_t s64;

/* Beside handlers (and in the bitcode build) nothing is wanted a second time. */
#if defined(RATITE_BITCODE) || defined(RATITE_DIRECT)
#define RATITE_BODIES_ONLY
#endif

/*
 * Definitions of ops of an ISA, for its OP() and OP_MEM(). In user mode's build OP() is left out
 * and OP_MEM() makes the second form.
 */
#define OP_SECTION __attribute__((section("op_handlers")))
#ifdef RATITE_BITCODE
#define OP_PARAMETERS(isa) struct vcpu *v, struct isa##_regs *regs, const struct op *op
#define OP_DEFINE(isa, name)                                    \
	enum body_exit body_##isa##_##name(OP_PARAMETERS(isa)); \
	enum body_exit body_##isa##_##name(OP_PARAMETERS(isa))
#define OP_LEFT_OUT(isa, name) \
	static __attribute__((unused)) enum body_exit unused_##name(OP_PARAMETERS(isa))
#define OP_DIRECT(isa, name) OP_DEFINE(isa, direct_##name)
#else
#define OP_PARAMETERS(isa) struct vcpu *v, const struct op *op, int64_t budget
#define OP_DEFINE(isa, name)        \
	handler_fn isa##_op_##name; \
	UNSANITIZED HANDLER OP_SECTION void isa##_op_##name(OP_PARAMETERS(isa))
#define OP_LEFT_OUT(isa, name) \
	UNSANITIZED HANDLER static __attribute__((unused)) void unused_##name(OP_PARAMETERS(isa))
#define OP_DIRECT(isa, name)                                                                   \
	handler_fn isa##_op_##name, isa##_op_direct_##name;                                    \
	static const struct op_twin twin_##name __attribute__((used, section("op_twins"))) = { \
		isa##_op_##name, isa##_op_direct_##name};                                      \
	OP_DEFINE(isa, direct_##name)
#endif

#ifdef RATITE_BITCODE
#define NEXT	     return BODY_NEXT
#define SLOW(expr)   return BODY_INTERPRET
#define LEAVE	     return BODY_INTERPRET
#define BRANCH_TAKEN return BODY_BRANCH
#define JUMP_TO(pc_) return (v->pc = (pc_), BODY_DONE)
#else
#define NEXT MUSTTAIL return op[1].fn(v, op + 1, budget)
/* Something that may raise, or look at pc and budget: they are known from v->op. */
#define SLOW(expr)                  \
	do {                        \
		v->op = op;         \
		v->budget = budget; \
		expr;               \
	} while (0)
/* Back to the loop; v->pc is set. */
#define LEAVE MUSTTAIL return op_leave(v, op, budget)
/* The op's branch to imm is taken; the rest of the block is not run. */
#define BRANCH_TAKEN                                                     \
	do {                                                             \
		const struct op *link_ = op->link;                       \
		budget += op->x;                                         \
		if (LIKELY(link_ != NULL))                               \
			ENTER_BLOCK(link_);                              \
		v->pc = op->imm;                                         \
		if (op->s)                                               \
			MUSTTAIL return op_jump_and_link(v, op, budget); \
		MUSTTAIL return op_jump(v, op, budget);                  \
	} while (0)
/* An indirect branch, the last op of its block. */
#define JUMP_TO(pc_)                                    \
	do {                                            \
		v->pc = (pc_);                          \
		MUSTTAIL return op_jump(v, op, budget); \
	} while (0)
#endif

#endif
