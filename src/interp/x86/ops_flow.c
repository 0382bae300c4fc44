/*
 * Control flow and the stack: jumps, calls, returns, PUSH, POP, LOOP, and how blocks end.
 *
 * The stack is reached in three ways, chosen when a block is decoded: RSP in 64-bit mode, ESP with
 * a flat stack segment, and anything else (16-bit stacks, limits) with segment checks.
 */
#include "interp/x86/flags.h"
#include "interp/x86/ops_int.h"

/* --- stack addresses --- */

#define SP_f64			       R(64, REG(RSP))
#define SP_f32			       R(32, REG(RSP))
#define STACK_EA_f64(var, size, write) (void)0
#define STACK_EA_f32(var, size, write) (var) = (u32)(var)

/* Writes the stack pointer back with the stack's width. */
static ALWAYS_INLINE void sp_set(struct x86_cpu *c, struct x86_regs *regs, u64 value)
{
	if (c->v.mode & MODE_64)
		regs->r[RSP] = value;
	else if (c->v.mode & MODE_SS32)
		regs->r[RSP] = (u32)value;
	else
		reg_write16(regs, REG(RSP), (u16)value);
}

static ALWAYS_INLINE u64 sp_mask(const struct x86_cpu *c)
{
	return c->v.mode & MODE_64 ? UINT64_MAX : c->v.mode & MODE_SS32 ? UINT32_MAX : UINT16_MAX;
}

/* Linear address of a stack offset; raises #SS outside of the limit. */
static u64 stack_linear(struct x86_cpu *c, u64 offset, unsigned int size, bool write)
{
	struct x86_seg *ss = &c->seg[SS];

	if (c->v.mode & MODE_64)
		return offset;
	if (UNLIKELY(!seg_allows(ss, offset, size, write)))
		x86_seg_fault(c, SS, offset, size, write);
	return (u32)(ss->base + offset);
}

/* The general forms as functions: `log2` is the operand size. */
static NOINLINE void push_any(struct x86_cpu *c, unsigned int log2, u64 value)
{
	unsigned int size = 1u << log2;
	u64 sp = (c->r.r[RSP] - size) & sp_mask(c);
	u64 va = stack_linear(c, sp, size, true);

	vcpu_store_slow(&c->v, va, size,
			log2 == 3 ? value : value & ((UINT64_C(1) << (8 * size)) - 1),
			c->v.mmu_mode);
	sp_set(c, &c->r, sp);
}

static NOINLINE u64 pop_any(struct x86_cpu *c, unsigned int log2)
{
	unsigned int size = 1u << log2;
	u64 sp = c->r.r[RSP] & sp_mask(c);
	u64 va = stack_linear(c, sp, size, false);
	u64 value = vcpu_load_slow(&c->v, va, size, c->v.mmu_mode);

	sp_set(c, &c->r, (sp + size) & sp_mask(c));
	return value;
}

#ifndef RATITE_BODIES_ONLY
void x86_push(struct x86_cpu *c, unsigned int log2, u64 value)
{
	push_any(c, log2, value);
}

u64 x86_pop(struct x86_cpu *c, unsigned int log2)
{
	return pop_any(c, log2);
}
#endif

/* PUSH_BODY(kind, value) and POP_BODY(kind, var): op->s is log2 of the size for the sg form. */
#define PUSH_f64(value)                                         \
	do {                                                    \
		u64 push_ = (value), sp_ = R(64, REG(RSP)) - 8; \
		STORE(64, sp_, push_);                          \
		W(64, REG(RSP), sp_);                           \
	} while (0)
#define PUSH_f32(value)                                              \
	do {                                                         \
		u32 push_ = (u32)(value), sp_ = R(32, REG(RSP)) - 4; \
		STORE(32, sp_, push_);                               \
		W(32, REG(RSP), sp_);                                \
	} while (0)
#define PUSH_sg(value) SLOW(push_any(CPU, op->s & 3, (value)))

#define POP_f64(var)                    \
	LOAD(64, var, R(64, REG(RSP))); \
	W(64, REG(RSP), R(64, REG(RSP)) + 8)
#define POP_f32(var)                    \
	LOAD(32, var, R(32, REG(RSP))); \
	W(32, REG(RSP), R(32, REG(RSP)) + 4)
#define POP_sg(var) \
	u64 var;    \
	SLOW(var = pop_any(CPU, op->s & 3))

#define WRITE_f64(off, value) W(64, off, value)
#define WRITE_f32(off, value) W(32, off, value)
#define WRITE_sg(off, value)                 \
	do {                                 \
		u64 w_ = (value);            \
		if ((op->s & 3) == 1)        \
			W(16, off, (u16)w_); \
		else                         \
			W(64, off, w_);      \
	} while (0)

/* Return address of a call: kept relative to the target, so that imm can be that. */
#define RETURN_PC	(op->imm + (u64)(s64)op->disp)
#define MASK_PC_f64(pc) (pc)
#define MASK_PC_f32(pc) ((u32)(pc))
#define MASK_PC_sg(pc)	((op->s & 3) == 1 ? (u16)(pc) : (op->s & 3) == 2 ? (u32)(pc) : (pc))

/* Targets of indirect branches are checked before anything changes: canonical, within CS. */
static NOINLINE void check_pc(struct x86_cpu *c, u64 pc)
{
	bool ok = c->v.mode & MODE_64 ? (u64)((s64)pc >> 47) + 1 <= 1 : pc <= c->seg[CS].limit;

	if (!ok)
		x86_raise_error(c, EXC_GP, 0);
}
#define CHECK_PC_f64(pc)                                      \
	do {                                                  \
		if (UNLIKELY((u64)((s64)(pc) >> 47) + 1 > 1)) \
			SLOW(check_pc(CPU, (pc)));            \
	} while (0)
#define CHECK_PC_f32(pc) (void)0
#define CHECK_PC_sg(pc)	 SLOW(check_pc(CPU, (pc)))

/* CALL: the return address has been stored when a bad target is found. */
#define CALL_f64(value, target)                                 \
	do {                                                    \
		u64 push_ = (value), sp_ = R(64, REG(RSP)) - 8; \
		STORE(64, sp_, push_);                          \
		CHECK_PC_f64(target);                           \
		W(64, REG(RSP), sp_);                           \
	} while (0)
#define CALL_f32(value, target) PUSH_f32(value)
#define CALL_sg(value, target)	SLOW(call_any(CPU, op->s & 3, (value), (target)))

static NOINLINE void call_any(struct x86_cpu *c, unsigned int log2, u64 value, u64 target)
{
	u64 sp = c->r.r[RSP];

	push_any(c, log2, value);
	u64 pushed = c->r.r[RSP];
	c->r.r[RSP] = sp;
	check_pc(c, target);
	c->r.r[RSP] = pushed;
}

/* RET: the stack pointer moves once the target is known to be good. */
#define RET_f64(pc)                    \
	LOAD(64, pc, R(64, REG(RSP))); \
	CHECK_PC_f64(pc);              \
	W(64, REG(RSP), R(64, REG(RSP)) + 8 + op->imm)
#define RET_f32(pc)                    \
	LOAD(32, pc, R(32, REG(RSP))); \
	W(32, REG(RSP), R(32, REG(RSP)) + 4 + (u32)op->imm)
#define RET_sg(pc) \
	u64 pc;    \
	SLOW(pc = ret_any(CPU, op->s & 3, op->imm))

static NOINLINE u64 ret_any(struct x86_cpu *c, unsigned int log2, u64 release)
{
	unsigned int size = 1u << log2;
	u64 sp = c->r.r[RSP] & sp_mask(c);
	u64 pc = vcpu_load_slow(&c->v, stack_linear(c, sp, size, false), size, c->v.mmu_mode);

	check_pc(c, pc);
	sp_set(c, &c->r, (sp + size + release) & sp_mask(c));
	return pc;
}

#define STACK_OPS(ea)                                              \
	OP_MEM(push_r_##ea)                                        \
	{                                                          \
		PUSH_##ea(R(64, op->a));                           \
		NEXT;                                              \
	}                                                          \
	OP_MEM(push_i_##ea)                                        \
	{                                                          \
		PUSH_##ea(op->imm);                                \
		NEXT;                                              \
	}                                                          \
	OP_MEM(pop_r_##ea)                                         \
	{                                                          \
		POP_##ea(value);                                   \
		WRITE_##ea(op->a, value);                          \
		NEXT;                                              \
	}                                                          \
	OP_MEM(ret_##ea)                                           \
	{                                                          \
		RET_##ea(pc);                                      \
		JUMP_TO(pc);                                       \
	}                                                          \
	/* Indirect: `a` is the target, imm the return address. */ \
	OP_MEM(call_r_##ea)                                        \
	{                                                          \
		u64 target = MASK_PC_##ea(R(64, op->a));           \
		CALL_##ea(op->imm, target);                        \
		JUMP_TO(target);                                   \
	}                                                          \
	OP_MEM(leave_##ea)                                         \
	{                                                          \
		LEAVE_##ea;                                        \
		NEXT;                                              \
	}

#define LEAVE_f64                             \
	LOAD(64, frame, R(64, REG(RBP)));     \
	W(64, REG(RSP), R(64, REG(RBP)) + 8); \
	W(64, REG(RBP), frame)
#define LEAVE_f32                             \
	LOAD(32, frame, R(32, REG(RBP)));     \
	W(32, REG(RSP), R(32, REG(RBP)) + 4); \
	W(32, REG(RBP), frame)
#define LEAVE_sg SLOW(leave_any(CPU, op->s & 3))

static NOINLINE void leave_any(struct x86_cpu *c, unsigned int log2)
{
	unsigned int size = 1u << log2;
	u64 sp = c->r.r[RBP] & sp_mask(c);
	u64 value = vcpu_load_slow(&c->v, stack_linear(c, sp, size, false), size, c->v.mmu_mode);

	sp_set(c, &c->r, (sp + size) & sp_mask(c));
	if (log2 == 1)
		reg_write16(&c->r, REG(RBP), (u16)value);
	else
		c->r.r[RBP] = value;
}

STACK_OPS(f64)
STACK_OPS(f32)
STACK_OPS(sg)

/* A direct call ends its block, so nothing is left behind (x is 0) and s says whether to link; the
 * general form has its operand size in bits 0-1 of `a`. */
OP_MEM(call_f64)
{
	PUSH_f64(RETURN_PC);
	BRANCH_TAKEN;
}
OP_MEM(call_f32)
{
	PUSH_f32(RETURN_PC);
	BRANCH_TAKEN;
}
OP(call_sg)
{
	SLOW(push_any(CPU, op->a & 3, RETURN_PC));
	BRANCH_TAKEN;
}

#ifndef RATITE_BODIES_ONLY
#define STACK_TABLE(name)                                                                      \
	handler_fn *const x86_##name[STACK_KINDS] = {x86_op_##name##_f64, x86_op_##name##_f32, \
						     x86_op_##name##_sg};
STACK_TABLE(push_r)
STACK_TABLE(push_i)
STACK_TABLE(pop_r)
STACK_TABLE(ret)
STACK_TABLE(call)
STACK_TABLE(call_r)
STACK_TABLE(leave)
#endif

/* --- jumps --- */

OP(jmp)
{
	BRANCH_TAKEN;
}

/* `a` holds the target, already cut to the code size. jmp_r_sg: code with a limit. */
OP(jmp_r)
{
	u64 target = R(64, op->a);
	CHECK_PC_f64(target);
	JUMP_TO(target);
}
OP(jmp_r_sg)
{
	u64 target = R(64, op->a);
	CHECK_PC_sg(target);
	JUMP_TO(target);
}

/* The block ends here for a reason of its own (length, page end): falls into the next one. */
OP(next_block)
{
	BRANCH_TAKEN;
}

#define FOR_EACH_CC(X) \
	X(0) X(1) X(2) X(3) X(4) X(5) X(6) X(7) X(8) X(9) X(10) X(11) X(12) X(13) X(14) X(15)
#define JCC(cc)                                  \
	OP(jcc_##cc)                             \
	{                                        \
		if (x86_cond(REGS, cc))          \
			BRANCH_TAKEN;            \
		NEXT;                            \
	}                                        \
	OP(setcc_##cc)                           \
	{                                        \
		W(8, op->a, x86_cond(REGS, cc)); \
		NEXT;                            \
	}
FOR_EACH_CC(JCC)

/* E0-E3; the count register's width is the address size (log2 in `a`). */
static ALWAYS_INLINE u64 loop_count(const struct x86_regs *regs, unsigned int asize)
{
	return regs->r[RCX] & ea_mask(asize);
}

static ALWAYS_INLINE u64 loop_step(struct x86_regs *regs, unsigned int asize)
{
	u64 count = (regs->r[RCX] - 1) & ea_mask(asize);

	if (asize == 1)
		reg_write16(regs, REG(RCX), (u16)count);
	else
		regs->r[RCX] = count;
	return count;
}

OP(loopne)
{
	if (loop_step(REGS, op->a) && REGS->cc_dst != 0)
		BRANCH_TAKEN;
	NEXT;
}
OP(loope)
{
	if (loop_step(REGS, op->a) && REGS->cc_dst == 0)
		BRANCH_TAKEN;
	NEXT;
}
OP(loop)
{
	if (loop_step(REGS, op->a))
		BRANCH_TAKEN;
	NEXT;
}
OP(jcxz)
{
	if (!loop_count(REGS, op->a))
		BRANCH_TAKEN;
	NEXT;
}

#ifndef RATITE_BODIES_ONLY
#define JCC_ENTRY(cc)	x86_op_jcc_##cc,
#define SETCC_ENTRY(cc) x86_op_setcc_##cc,
handler_fn *const x86_jcc[16] = {FOR_EACH_CC(JCC_ENTRY)};
handler_fn *const x86_setcc[16] = {FOR_EACH_CC(SETCC_ENTRY)};
handler_fn *const x86_loop[4] = {x86_op_loopne, x86_op_loope, x86_op_loop, x86_op_jcxz};
#endif

#ifndef RATITE_BODIES_ONLY
/* A direct branch beyond the code segment's limit. a: condition, 16 none, 17 CALL (imm: return pc,
 * x: operand size), 32-35 LOOPNE .. JCXZ; b: address size. */
void x86_branch_beyond(struct x86_cpu *c, const struct op *op)
{
	u64 count = (c->r.r[RCX] - (op->a != 35)) & ea_mask(op->b);
	bool zf = c->r.cc_dst == 0, taken = true;

	if (op->a < 16)
		taken = x86_cond(&c->r, op->a);
	else if (op->a == 35)
		taken = !count;
	else if (op->a >= 32)
		taken = count && (op->a == 34 || zf == (op->a == 33));
	if (op->a == 17)
		call_any(c, op->x, op->imm, UINT64_MAX);
	if (taken)
		x86_raise_error(c, EXC_GP, 0);
	if (op->a >= 32 && op->a < 35)
		loop_step(&c->r, op->b);
}
#endif

/* --- the rest of a block's frame --- */

OP(nop)
{
	NEXT;
}

#define HELPER ((x86_helper *)(uintptr_t)op->imm2)

OP(call_helper)
{
	SLOW(HELPER(CPU, op));
	NEXT;
}

/* The helper sets v->pc. Nothing of the block is left; op->x as for branches. */
OP(call_helper_jump)
{
	SLOW(HELPER(CPU, op));
	v->op = NULL;
	LEAVE;
}

/* The block ends and the loop looks at everything anew, at imm. */
OP(leave_at)
{
	v->pc = op->imm;
	LEAVE;
}

/* Raises vector a; b says whether there is an error code, imm. */
OP(raise)
{
	if (op->b)
		SLOW(x86_raise_error(CPU, (enum x86_vector)op->a, (u32)op->imm));
	SLOW(x86_raise(CPU, (enum x86_vector)op->a));
	NEXT;
}
