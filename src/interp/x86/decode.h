/*
 * The x86 decoder's inside: one instruction as it is decoded, and how ops are emitted for it.
 *
 * decode.c reads prefixes, opcode, ModRM and immediates as its tables say and calls the emit
 * function of the opcode, which appends one or more ops. An instruction's last op is the one that
 * changes state; those before it only fill temporaries, so that any of them can be run again.
 */
#ifndef INTERP_X86_DECODE_H
#define INTERP_X86_DECODE_H

#include "interp/x86/ops.h"

/* KIND_abs: a flat constant address in imm2 (RIP-relative, or no registers at all). */
enum x86_ea_kind { KIND_f64, KIND_f32, KIND_sg, KIND_abs, KIND_COUNT };

struct x86_insn {
	/* the op before this instruction, which a fusing branch changes */
	struct op before;
	struct op_info before_info;
	struct x86_cpu *c;
	struct block_builder *b;
	u32 mode;		  /* of the block */
	unsigned int pos;	  /* next byte, from the block's pc */
	u8 opsize, asize;	  /* log2 of bytes: 1, 2 or 3 */
	u8 rep;			  /* 0, 0xf2 or 0xf3: the last such prefix */
	bool lock, opsize_prefix; /* LOCK, 66h */
	u8 rex;			  /* 0 or 0x40..0x4f */
	s8 seg;			  /* override or -1 */
	u8 map;			  /* 0 one-byte, 1 0Fh, 2 0F38h, 3 0F3Ah */
	u8 opcode, modrm;
	bool is_mem; /* ModRM names memory */
	u8 reg, rm;  /* register numbers with REX bits, 0..15 */
	/* memory operand */
	u8 base, index, scale; /* byte offsets into x86_regs */
	s32 disp;
	u8 mem_seg;  /* enum x86_seg_name, by override or default */
	bool mem_ss; /* ... is SS, by its base: faults are #SS also in 64-bit mode */
	enum x86_ea_kind kind;
	u64 absolute;	   /* address of MOV A0h-A3h; displacement of a RIP-relative operand */
	bool is_absolute;  /* the operand is that address, with no registers */
	bool rip_relative; /* ... and counts from the next instruction */
	u64 imm;
	bool end; /* the block ends after this instruction */
};

typedef void x86_emit_fn(struct x86_insn *i);

/* Fetches immediates; sign-extended where said. */
u8 insn_u8(struct x86_insn *i);
u16 insn_u16(struct x86_insn *i);
u32 insn_u32(struct x86_insn *i);
u64 insn_u64(struct x86_insn *i);
/* Immediate of an operand of 1 << log2 bytes (at most 4 fetched), sign-extended to 64 bits. */
u64 insn_imm(struct x86_insn *i, unsigned int log2);

/* pc of the following instruction, cut to the code size; good once all bytes are fetched. */
u64 insn_next_pc(const struct x86_insn *i);

/* Appends an op of this instruction. */
struct op *emit(struct x86_insn *i, handler_fn *fn);
/* With the memory operand's fields filled in; `fns` has a handler a kind, where a NULL one falls
 * back to sg. Marks it as one that may fault. Immediates must have been fetched. */
struct op *emit_mem(struct x86_insn *i, handler_fn *const fns[KIND_COUNT]);
/* An op that calls a C helper, which may raise. The memory operand's fields are filled in if there
 * is one. Flags are all live before it. */
struct op *emit_call(struct x86_insn *i, x86_helper *fn);
/* The same, then the block ends and the loop goes on at the next instruction: for helpers that
 * change the mode, the page tables or pending events. */
struct op *emit_call_end(struct x86_insn *i, x86_helper *fn);
/* The same, but the helper sets v.pc itself. imm is the next pc. */
struct op *emit_call_jump(struct x86_insn *i, x86_helper *fn);
/* Raises a vector (#UD, #GP(0), #NM ...) when the op is reached; ends the block. */
void emit_exception(struct x86_insn *i, enum x86_vector vector);
#define emit_ud(i) emit_exception(i, EXC_UD)

/* Byte offset of an 8-bit register by its number (AH.. without REX). */
u8 reg8(const struct x86_insn *i, unsigned int number);
/* Of a register of the instruction's operand size; log2 0 is reg8. */
static inline u8 reg_of_size(const struct x86_insn *i, unsigned int log2, unsigned int number)
{
	return log2 == 0 ? reg8(i, number) : REG(number);
}

/* Opcode tables that other files add: decode_sys.c (system instructions) and decode_fpu.c (x87,
 * MMX, SSE, 3DNow!). Each returns the emit function for the instruction so far (prefixes and opcode
 * read; ModRM not yet), NULL if it has none, and says how its operands are encoded. */
enum {
	ENC_MODRM = 1, /* a ModRM byte follows */
	ENC_IMM8 = 2,  /* and an 8-bit immediate (zero-extended into imm) */
};
x86_emit_fn *x86_sys_lookup(const struct x86_insn *i, unsigned int *encoding);
x86_emit_fn *x86_fpu_lookup(const struct x86_insn *i, unsigned int *encoding);

/* FF /3 and /5 (decode_sys.c). */
x86_emit_fn x86_emit_far_indirect;

/* LOCK is allowed only where the emit function has cleared i->lock; decode.c raises #UD else. */

#endif
