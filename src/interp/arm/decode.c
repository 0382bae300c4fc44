/*
 * How a block of ARM or Thumb code begins and ends, and how IT blocks go through it.
 *
 * Where the code stands in an IT block is in each op's context (interp/block.h). A block may begin
 * inside an IT block, after an exception or at a page's start: ITSTATE is then part of its key.
 */
#include "interp/arm/decode.h"
#include "interp/arm/ops_flow.h"
#include "interp/arm/system.h"

#include <string.h>

u32 arm_fetch16(struct arm_insn *i)
{
	u32 low = builder_byte(i->b, i->pos), high = builder_byte(i->b, i->pos + 1);

	i->pos += 2;
	return i->mode & MODE_BE_CODE ? low << 8 | high : high << 8 | low;
}

u32 arm_fetch32(struct arm_insn *i)
{
	u32 first = arm_fetch16(i), second = arm_fetch16(i);

	return i->mode & MODE_BE_CODE ? first << 16 | second : second << 16 | first;
}

/* The open skip op skips to the end of what there is. */
static void set_skip(struct arm_insn *i)
{
	if (i->skip >= 0)
		i->b->ops[i->skip].x = (u8)(i->b->op_count - (unsigned int)i->skip - 1);
}

/* Ends the instruction's conditional part: its skip op gets to know how far. */
static void finish_condition(struct arm_insn *i)
{
	set_skip(i);
	if (i->wrote_flags)
		i->skip = -1;
}

u8 arm_it_advance(u8 it)
{
	return it & 7 ? (u8)((it & 0xe0) | (it << 1 & 0x1f)) : 0;
}

static void start_insn(struct arm_insn *i)
{
	struct block_builder *b = i->b;

	b->insn_offset = b->size;
	b->context = i->it;
	i->pos = b->size;
	i->pc = (u32)b->pc + b->size;
	i->cond = i->it ? i->it >> 4 : CC_AL;
	i->wrote_flags = false;
}

static void decode_one(struct arm_insn *i)
{
	u8 it = i->it;

	if (is_m(i) && !is_thumb(i)) {
		arm_fetch16(i);
		arm_emit_call(i, arm_h_m_invstate);
		i->end = true;
	} else if (is_thumb(i)) {
		arm_decode_thumb(i);
		if (it)
			i->it = arm_it_advance(it);
	} else {
		arm_decode_arm(i);
	}
	finish_condition(i);
}

static void finish_branches(struct block_builder *b)
{
	for (unsigned int n = 0; n < b->op_count; n++) {
		if (b->info[n].branch)
			b->ops[n].x = (u8)(b->insns - (b->where[n].insn + b->info[n].branch));
	}
}

static void arm_emit_end(struct arm_insn *i)
{
	struct block_builder *b = i->b;
	u32 pc = (u32)b->pc + b->size;

	b->insn_offset = b->size;
	b->context = i->it;
	struct op *op = arm_emit(i, i->it ? arm_op_next_block_it : arm_op_next_block);
	op->imm = pc;
	op->disp = i->it;
	op->s = ((u32)b->pc ^ pc) < GUEST_PAGE_SIZE;
	arm_emit_info(i)->leaves = true;
}

void arm_decode(struct vcpu *v, struct block_builder *b)
{
	struct arm_cpu *c = (struct arm_cpu *)v;
	struct arm_insn i = {.c = c, .b = b, .mode = b->mode, .skip = -1};

	i.it = (u8)(b->mode >> CONTEXT_SHIFT);
	i.mem = b->mode & MODE_BE ? &arm_mem_be : b->mode & MODE_STRICT ? &arm_mem_st : &arm_mem_le;
	if (i.it)
		arm_emit(&i, arm_op_enter_it);
	while (b->insns < b->max_insns && b->op_count < BLOCK_MAX_OPS - 8) {
		unsigned int first_op = b->op_count;
		start_insn(&i);
		struct arm_insn before = i;
		decode_one(&i);
		if (b->overrun) {
			b->op_count = first_op;
			i = before;
			set_skip(&i); /* which may have counted the ops that are gone */
			break;
		}
		b->insns++;
		b->size = i.pos;
		if (i.end || b->size >= b->avail || b->pc + b->size == b->end_pc)
			break;
	}
	if (!b->insns)
		return;
	if (!i.end || i.cond != CC_AL)
		arm_emit_end(&i);
	finish_branches(b);
	if (b->ops[b->op_count - 1].fn == arm_op_next_block)
		b->info[b->op_count - 1].branch = 1;
	builder_drop_dead_flags(b, FLAGS_ALL);
}
