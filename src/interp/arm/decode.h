/*
 * The ARM decoder's inside: one instruction as it is decoded, and how ops are emitted for it.
 *
 * decode_arm.c, decode_thumb.c and decode_thumb2.c find out what an instruction is and call the
 * emit functions, which append ops. An instruction's last op is the one that changes state; those
 * before it only fill temporaries, so that any of them can be run again.
 */
#ifndef INTERP_ARM_DECODE_H
#define INTERP_ARM_DECODE_H

#include "interp/arm/alu.h"
#include "interp/arm/ops_mem.h"

struct arm_insn {
	struct arm_cpu *c;
	struct block_builder *b;
	const struct arm_mem_handlers *mem; /* of the block's alignment and byte order */
	u32 mode;			    /* of the block */
	u32 pc, word;			    /* of this instruction */
	unsigned int pos;		    /* next byte, from the block's pc */
	u8 cond, it;			    /* enum arm_cc; ITSTATE before it */
	bool end;			    /* the block ends after this instruction */
	bool wrote_flags;		    /* this instruction may change NZCV */
	/* the op that skips conditional instructions, which one of the same condition may join */
	int skip;
	u8 skip_cond;
};

/* Whether the processor has all of these enum arm_feature bits. */
static inline bool has(const struct arm_insn *i, u32 features)
{
	return arm_has(i->c, features);
}

static inline bool is_thumb(const struct arm_insn *i)
{
	return i->mode & MODE_T;
}

static inline bool is_m(const struct arm_insn *i)
{
	return i->c->features & F_M;
}

static inline bool is_priv(const struct arm_insn *i)
{
	return i->mode & MODE_PRIV;
}

/* What R15 reads as, and the same as base of literals. */
static inline u32 pc_value(const struct arm_insn *i)
{
	return i->pc + (is_thumb(i) ? 4 : 8);
}

static inline u32 next_pc(const struct arm_insn *i)
{
	return (u32)i->b->pc + i->pos;
}

/* ITSTATE after one more instruction. */
u8 arm_it_advance(u8 it);
/* Next halfword or word of code. */
u32 arm_fetch16(struct arm_insn *i);
u32 arm_fetch32(struct arm_insn *i);

/* --- emit.c --- */

struct op *arm_emit(struct arm_insn *i, handler_fn *fn);
struct op_info *arm_emit_info(struct arm_insn *i);
/* Says what the last op does with the flags. */
void arm_emit_flags(struct arm_insn *i, u32 reads, u32 writes, handler_fn *no_flags);
/* Operand register n; the PC's value goes to a temporary first. */
u8 arm_src(struct arm_insn *i, unsigned int n, u8 tmp);

/* An op that calls a C helper which may raise (leaves) or not (pure); imm is the instruction. */
struct op *arm_emit_call(struct arm_insn *i, arm_helper *fn);
struct op *arm_emit_pure(struct arm_insn *i, arm_helper *fn);
/* A helper that may change the mode or pending events. */
struct op *arm_emit_system(struct arm_insn *i, arm_helper *fn);
/* The same, and the loop looks at everything anew (page tables, code). */
struct op *arm_emit_system_end(struct arm_insn *i, arm_helper *fn);
/* A helper that sets v.pc; ends the block. */
struct op *arm_emit_call_jump(struct arm_insn *i, arm_helper *fn);
void arm_emit_raise(struct arm_insn *i, enum arm_exception exc);
void arm_emit_undefined(struct arm_insn *i);

/* rd = rn op operand. rd 15 is a jump, or with s the return from an exception. */
void arm_emit_dp_i(struct arm_insn *i, enum arm_dp op, bool s, unsigned int rd, unsigned int rn,
		   u32 imm, u32 carry);
void arm_emit_dp_r(struct arm_insn *i, enum arm_dp op, bool s, unsigned int rd, unsigned int rn,
		   unsigned int rm, enum arm_shift type, unsigned int amount);
void arm_emit_dp_rs(struct arm_insn *i, enum arm_dp op, bool s, unsigned int rd, unsigned int rn,
		    unsigned int rm, enum arm_shift type, unsigned int rs);
/* An immediate shift field as encoded: LSR and ASR #0 are #32, ROR #0 is RRX. */
enum arm_shift arm_decode_shift(unsigned int type, unsigned int *amount);
/* Media instructions; kind_and_op: bits 20-22 and 5-7 of ARM's encoding. */
void arm_emit_parallel(struct arm_insn *i, unsigned int rd, unsigned int rn, unsigned int rm,
		       u32 kind_and_op);
void arm_emit_sel(struct arm_insn *i, unsigned int rd, unsigned int rn, unsigned int rm);
void arm_emit_mov_i(struct arm_insn *i, unsigned int rd, u32 value);
/* a = fn(b, x, s) where none is the PC. */
struct op *arm_emit_abxs(struct arm_insn *i, handler_fn *fn, unsigned int a, unsigned int b,
			 unsigned int x, unsigned int s);
/* The same with a C helper that does not raise; imm as given. */
struct op *arm_emit_helper_abxs(struct arm_insn *i, arm_helper *fn, unsigned int a, unsigned int b,
				unsigned int x, unsigned int s, u32 imm);

/* A load or store of the kinds that LDR and its like have. */
struct arm_ls {
	bool load, pre, wback, user;
	enum arm_mem_size size;
	unsigned int rt, rn;
	s32 disp;	  /* immediate, signed */
	bool by_register; /* else disp */
	bool subtract;
	unsigned int rm, amount;
	enum arm_shift type;
};
void arm_emit_load_store(struct arm_insn *i, const struct arm_ls *ls);
/* LDRD, STRD: two registers, address as above. */
void arm_emit_double(struct arm_insn *i, const struct arm_ls *ls, unsigned int rt2);
struct arm_multiple {
	bool load, before, up, wback, user; /* user: the ^ form */
	unsigned int rn;
	u32 list;
};
void arm_emit_multiple(struct arm_insn *i, const struct arm_multiple *m);

void arm_emit_branch(struct arm_insn *i, u32 target);
void arm_emit_branch_cond(struct arm_insn *i, enum arm_cc cc, u32 target);
void arm_emit_branch_link(struct arm_insn *i, u32 target, bool exchange);
void arm_emit_bx(struct arm_insn *i, unsigned int rm);
void arm_emit_blx(struct arm_insn *i, unsigned int rm);
void arm_emit_cbz(struct arm_insn *i, bool nonzero, unsigned int rn, u32 target);
/* Goes to the address in operand `reg` (not the PC). */
void arm_emit_jump_reg(struct arm_insn *i, u8 reg, bool exchange);
void arm_emit_svc(struct arm_insn *i, u32 number);
void arm_emit_bkpt(struct arm_insn *i, u32 number);
/* DSB, ISB: what they wait for may be an interrupt. */
void arm_emit_barrier(struct arm_insn *i);
/* WFI and its like: 0 NOP, 1 YIELD, 2 WFE, 3 WFI, 4 SEV. */
void arm_emit_hint(struct arm_insn *i, unsigned int hint);
/* A condition before the instruction's ops, unless it is always. */
void arm_emit_condition(struct arm_insn *i);

/* --- decoders --- */
void arm_decode_arm(struct arm_insn *i);
void arm_decode_thumb(struct arm_insn *i);
void arm_decode_thumb2(struct arm_insn *i);
/* Coprocessor space (bits 27-26 set, not SVC); encodings agree in ARM and Thumb-2 from bit 27 down.
 * `unconditional`: the 1111 forms (MCR2, ...). */
void arm_decode_coproc(struct arm_insn *i, bool unconditional);
/* VFP; false where it is none. */
bool arm_decode_vfp(struct arm_insn *i);
/* NEON data processing and loads, in ARM's encoding; false where it is none. */
bool arm_decode_neon_data(struct arm_insn *i, u32 word);
bool arm_decode_neon_ls(struct arm_insn *i, u32 word);
bool arm_decode_iwmmxt(struct arm_insn *i);

#define FIELD(word, low, bits) ((word) >> (low) & ((1u << (bits)) - 1))
#define BIT(word, n)	       ((word) >> (n) & 1)

#endif
