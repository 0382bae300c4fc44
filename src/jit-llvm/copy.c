/*
 * Copies op bodies, block by block: branches, PHIs, and how a body leaves.
 *
 * Blocks that cannot be reached any more, as a condition is constant here, are not copied: that is
 * cheaper than to inline and clean up.
 */
#include "jit-llvm/emit.h"

/* --- control flow within a template --- */

static bool leave_by(struct builder *b, struct copy *c, struct value how);

/* What a block that only returns would return, coming from block `from`. */
static struct value returned(struct builder *b, struct copy *c, unsigned int from, unsigned int to)
{
	const struct tblock *block = &c->t->blocks[to];
	const struct tinst *ret = &c->t->insts[block->first + block->count - 1];
	const struct tinst *phi = &c->t->insts[block->first];

	if (!ret->operand_count)
		return plain(NULL);
	if (block->count == 1 || ret->operands[0].kind != OPERAND_INST ||
	    ret->operands[0].index != block->first)
		return operand(b, c, &ret->operands[0]);
	for (unsigned int i = 0; i < phi->block_count; i++)
		if (phi->blocks[i] == from)
			return operand(b, c, &phi->operands[i]);
	return plain(NULL);
}

/* Goes from the end of block `from` to block `to`. */
static bool edge(struct builder *b, struct copy *c, unsigned int from, unsigned int to)
{
	const struct tblock *block = &c->t->blocks[to];
	struct label *label = &c->labels[to];

	if (block->only_ret)
		return leave_by(b, c, returned(b, c, from, to));
	struct way way = {from, to, here(b)};
	g_array_append_val(c->edges, way);
	if (block->pred_count == 1) { /* simply goes on */
		label->block = here(b);
		label->known = b->known;
		return true;
	}
	label_reach(b, label, block->loop_head);
	LLVMBuildBr(b->ir, label->block);
	return true;
}

/* The same for one way out of several: in a block of its own. */
static bool edge_apart(struct builder *b, struct copy *c, unsigned int from, unsigned int to,
		       LLVMBasicBlockRef at, const struct known *known)
{
	position(b, at);
	b->known = *known;
	return edge(b, c, from, to);
}

/* A probe's body has gone on where it is true already. */
static bool emit_probed_branch(struct builder *b, struct copy *c, const struct tinst *ti,
			       unsigned int from, LLVMValueRef slow)
{
	struct known known = b->known;

	known.pages = 0;
	return edge(b, c, from, ti->blocks[0]) &&
	       edge_apart(b, c, from, ti->blocks[1], LLVMValueAsBasicBlock(slow), &known);
}

static bool emit_branch(struct builder *b, struct copy *c, const struct tinst *ti,
			unsigned int from)
{
	if (ti->block_count == 1)
		return edge(b, c, from, ti->blocks[0]);
	struct value condition = operand(b, c, &ti->operands[0]);
	if (is_constant_int(condition))
		return edge(b, c, from, ti->blocks[LLVMConstIntGetZExtValue(condition.v) ? 0 : 1]);
	if (condition.kind == VALUE_PROBE)
		return emit_probed_branch(b, c, ti, from, condition.v);
	if (!LLVMIsAInstruction(condition.v)) /* poison, undef */
		return fail(b, "condition");
	LLVMBasicBlockRef yes = new_block(b), no = new_block(b);
	LLVMValueRef br = LLVMBuildCondBr(b->ir, condition.v, yes, no);
	LLVMValueRef prof = LLVMGetMetadata(ti->inst, b->metadata_prof);
	struct known known = b->known;
	if (prof)
		LLVMSetMetadata(br, b->metadata_prof, prof);
	return edge_apart(b, c, from, ti->blocks[0], yes, &known) &&
	       edge_apart(b, c, from, ti->blocks[1], no, &known);
}

static bool emit_switch(struct builder *b, struct copy *c, const struct tinst *ti,
			unsigned int from)
{
	struct value value = operand(b, c, &ti->operands[0]);
	struct known known = b->known;
	bool ok = true;

	if (is_constant_int(value)) {
		unsigned int to = ti->blocks[0];
		for (unsigned int i = 1; i < ti->operand_count; i++)
			if (ti->operands[i].value == value.v)
				to = ti->blocks[i];
		return edge(b, c, from, to);
	}
	LLVMBasicBlockRef at = new_block(b);
	LLVMValueRef sw = LLVMBuildSwitch(b->ir, value.v, at, ti->operand_count - 1);
	LLVMBasicBlockRef *cases = g_newa(LLVMBasicBlockRef, ti->operand_count);
	for (unsigned int i = 1; i < ti->operand_count; i++) {
		cases[i] = new_block(b);
		LLVMAddCase(sw, ti->operands[i].value, cases[i]);
	}
	ok = edge_apart(b, c, from, ti->blocks[0], at, &known);
	for (unsigned int i = 1; i < ti->operand_count && ok; i++)
		ok = edge_apart(b, c, from, ti->blocks[i], cases[i], &known);
	return ok;
}

/* --- returns --- */

static bool leave_each(struct builder *b, LLVMValueRef condition, uint64_t yes_how, uint64_t no_how)
{
	LLVMBasicBlockRef yes = new_block(b), no = new_block(b);
	struct known known = b->known;

	LLVMBuildCondBr(b->ir, condition, yes, no);
	position(b, yes);
	b->leave(b, (enum body_exit)yes_how);
	position(b, no);
	b->known = known;
	b->leave(b, (enum body_exit)no_how);
	return true;
}

/* Whatever way the value says, of those that the body has. */
static bool leave_by_switch(struct builder *b, LLVMValueRef how)
{
	LLVMBasicBlockRef never = new_block(b);
	LLVMValueRef sw = LLVMBuildSwitch(b->ir, how, never, 5);
	struct known known = b->known;

	if (b->ways == UINT32_MAX)
		return fail(b, "return value");
	position(b, never);
	LLVMBuildUnreachable(b->ir);
	for (unsigned int way = 0; way <= BODY_INTERPRET; way++) {
		if (!(b->ways >> way & 1))
			continue;
		LLVMBasicBlockRef at = new_block(b);
		LLVMAddCase(sw, const_int(LLVMTypeOf(how), way), at);
		position(b, at);
		b->known = known;
		b->leave(b, (enum body_exit)way);
	}
	return true;
}

/* A body's value says how it leaves: a constant, or one of two. */
static bool leave_body(struct builder *b, struct value how)
{
	if (is_constant_int(how)) {
		b->leave(b, (enum body_exit)LLVMConstIntGetZExtValue(how.v));
		return true;
	}
	if (!LLVMIsAInstruction(how.v))
		return fail(b, "return value");
	switch (LLVMGetInstructionOpcode(how.v)) {
	case LLVMZExt:
		if (LLVMTypeOf(LLVMGetOperand(how.v, 0)) != b->i1)
			return fail(b, "return value");
		return leave_each(b, LLVMGetOperand(how.v, 0), 1, 0);
	case LLVMSelect: {
		LLVMValueRef yes = LLVMGetOperand(how.v, 1), no = LLVMGetOperand(how.v, 2);
		if (!LLVMIsAConstantInt(yes) || !LLVMIsAConstantInt(no))
			return fail(b, "return value");
		return leave_each(b, LLVMGetOperand(how.v, 0), LLVMConstIntGetZExtValue(yes),
				  LLVMConstIntGetZExtValue(no));
	}
	default: return leave_by_switch(b, how.v);
	}
}

static bool leave_by(struct builder *b, struct copy *c, struct value how)
{
	if (c->is_body)
		return leave_body(b, how);
	if (c->results == MAX_RESULTS)
		return fail(b, "too many returns");
	label_reach(b, &c->done, false);
	c->result[c->results] = how;
	c->from[c->results] = here(b);
	if (how.kind != VALUE_PLAIN || how.v)
		c->results++;
	LLVMBuildBr(b->ir, c->done.block);
	return true;
}

/* --- whole templates --- */

static bool same_value(struct value x, struct value y)
{
	return x.kind == y.kind && x.v == y.v && x.offset == y.offset;
}

/* What a PHI has for a way into its block. */
static struct value incoming(struct builder *b, struct copy *c, const struct tinst *ti,
			     const struct way *way)
{
	for (unsigned int i = 0; i < ti->block_count; i++)
		if (ti->blocks[i] == way->from)
			return operand(b, c, &ti->operands[i]);
	return plain(NULL);
}

#define FOR_EACH_WAY(c, at, way)                                       \
	for (struct way *way = (struct way *)(void *)(c)->edges->data, \
			*end_ = way + (c)->edges->len;                 \
	     way < end_; way++)                                        \
		if (way->to == (at))

/* Adds the values of all ways; false: one of them is an address that has none. */
static bool phi_fill(struct builder *b, struct copy *c, const struct tinst *ti, unsigned int at,
		     LLVMValueRef phi)
{
	FOR_EACH_WAY(c, at, way)
	{
		struct value in = incoming(b, c, ti, way);
		if (in.kind != VALUE_PLAIN && in.kind != VALUE_OP)
			return fail(b, "PHI of addresses");
		LLVMValueRef v = materialize(b, in);
		LLVMAddIncoming(phi, &v, &way->end, 1);
	}
	return true;
}

/* At the head of a block: the value where all reached ways agree on it, else a PHI. Those of loop
 * heads are completed at the end. */
static bool emit_phi(struct builder *b, struct copy *c, const struct tinst *ti, unsigned int at,
		     struct value *out)
{
	struct value first = plain(NULL);
	bool agree = true;

	if (c->t->blocks[at].loop_head) {
		*out = plain(LLVMBuildPhi(b->ir, ti->type, ""));
		return true;
	}
	FOR_EACH_WAY(c, at, way)
	{
		struct value v = incoming(b, c, ti, way);
		if (first.kind == VALUE_PLAIN && !first.v)
			first = v;
		agree &= same_value(v, first);
	}
	if (agree) {
		*out = first;
		return true;
	}
	*out = plain(LLVMBuildPhi(b->ir, ti->type, ""));
	return phi_fill(b, c, ti, at, out->v);
}

static bool complete_phis(struct builder *b, struct copy *c)
{
	bool ok = true;

	for (unsigned int at = 0; at < c->t->block_count && ok; at++) {
		const struct tblock *block = &c->t->blocks[at];
		if (!block->loop_head || !c->labels[at].block)
			continue;
		for (unsigned int k = block->first; ok && c->t->insts[k].opcode == LLVMPHI; k++)
			ok = phi_fill(b, c, &c->t->insts[k], at, c->values[k].v);
	}
	return ok;
}

static bool copy_block(struct builder *b, struct copy *c, unsigned int at)
{
	const struct tblock *block = &c->t->blocks[at];

	position(b, c->labels[at].block);
	b->known = c->labels[at].known;
	for (unsigned int k = block->first; k < block->first + block->count; k++) {
		const struct tinst *ti = &c->t->insts[k];
		bool ok = true;
		switch (ti->opcode) {
		case LLVMPHI: ok = emit_phi(b, c, ti, at, &c->values[k]); break;
		case LLVMBr: ok = emit_branch(b, c, ti, at); break;
		case LLVMSwitch: ok = emit_switch(b, c, ti, at); break;
		case LLVMUnreachable: LLVMBuildUnreachable(b->ir); break;
		case LLVMRet:
			ok = leave_by(b, c,
				      ti->operand_count ? operand(b, c, &ti->operands[0])
							: plain(NULL));
			break;
		default: ok = emit_inst(b, c, ti, &c->values[k]); break;
		}
		if (!ok)
			return false;
	}
	return true;
}

bool copy_template(struct builder *b, struct copy *c)
{
	unsigned int blocks = c->t->block_count;
	bool ok = true;

	c->values = g_new0(struct value, c->t->inst_count);
	c->labels = g_new0(struct label, blocks);
	c->edges = g_array_new(FALSE, FALSE, sizeof(struct way));
	c->labels[0].block = here(b);
	c->labels[0].known = b->known;
	for (unsigned int i = 0; i < blocks && ok; i++)
		if (c->labels[i].block)
			ok = copy_block(b, c, i);
	ok = ok && complete_phis(b, c);
	g_free(c->values);
	g_free(c->labels);
	g_array_free(c->edges, TRUE);
	return ok;
}

bool emit_body(struct builder *b, const struct template *t)
{
	const struct value args[3] = {
		{VALUE_VCPU, 0, NULL}, {VALUE_REGS, 0, NULL}, {VALUE_OP, 0, NULL}};
	struct copy c = {.t = t, .args = args, .is_body = true};

	b->failure = NULL;
	b->pc = NULL;
	b->ways = t->ways;
	return copy_template(b, &c);
}
