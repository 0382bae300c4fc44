/*
 * Moves what only ways out of a region look at into them.
 *
 * An instruction that sets flags computes all of them, and as a rule the next one makes that vain,
 * but for exits in between, which store them. LLVM sinks a computation into one block only; here
 * each exit gets a copy, and the run of instructions that never leaves does without.
 */
#include "jit-llvm/jit.h"

/* A block that leads out: to a return, or to the block that all ways out share. */
static bool leads_out(LLVMBasicBlockRef block)
{
	LLVMValueRef last = LLVMGetBasicBlockTerminator(block);

	if (LLVMIsAReturnInst(last))
		return true;
	if (!LLVMIsABranchInst(last) || LLVMIsConditional(last))
		return false;
	return LLVMIsAReturnInst(LLVMGetBasicBlockTerminator(LLVMGetSuccessor(last, 0))) != NULL;
}

static bool may_move(LLVMValueRef inst)
{
	switch (LLVMGetInstructionOpcode(inst)) {
	case LLVMAdd:
	case LLVMSub:
	case LLVMMul:
	case LLVMShl:
	case LLVMLShr:
	case LLVMAShr:
	case LLVMAnd:
	case LLVMOr:
	case LLVMXor:
	case LLVMICmp:
	case LLVMZExt:
	case LLVMSExt:
	case LLVMTrunc:
	case LLVMSelect:
	case LLVMBitCast:
	case LLVMExtractElement:
	case LLVMInsertElement: return true;
	default: return false;
	}
}

static bool used_by_exits_only(LLVMValueRef inst, GHashTable *exits)
{
	LLVMUseRef use = LLVMGetFirstUse(inst);

	for (; use; use = LLVMGetNextUse(use)) {
		LLVMValueRef user = LLVMGetUser(use);
		if (LLVMIsAPHINode(user) ||
		    !g_hash_table_contains(exits, LLVMGetInstructionParent(user)))
			return false;
	}
	return true;
}

/* A copy at the head of a block, for all that want it there. */
static void replace_in(LLVMBuilderRef ir, LLVMValueRef inst, LLVMBasicBlockRef block)
{
	LLVMValueRef copy = LLVMInstructionClone(inst), at = LLVMGetFirstInstruction(block);

	while (LLVMIsAPHINode(at))
		at = LLVMGetNextInstruction(at);
	LLVMPositionBuilderBefore(ir, at);
	LLVMInsertIntoBuilder(ir, copy);
	for (; at; at = LLVMGetNextInstruction(at))
		for (int i = 0; i < LLVMGetNumOperands(at); i++)
			if (LLVMGetOperand(at, (unsigned int)i) == inst)
				LLVMSetOperand(at, (unsigned int)i, copy);
}

static void sink(LLVMBuilderRef ir, LLVMValueRef inst)
{
	LLVMUseRef use;

	while ((use = LLVMGetFirstUse(inst)) != NULL)
		replace_in(ir, inst, LLVMGetInstructionParent(LLVMGetUser(use)));
	LLVMInstructionEraseFromParent(inst);
}

void sink_into_exits(LLVMContextRef context, LLVMValueRef function)
{
	GHashTable *exits = g_hash_table_new(g_direct_hash, g_direct_equal);
	LLVMBuilderRef ir = LLVMCreateBuilderInContext(context);
	LLVMBasicBlockRef block;

	for (block = LLVMGetFirstBasicBlock(function); block; block = LLVMGetNextBasicBlock(block))
		if (leads_out(block))
			g_hash_table_add(exits, block);
	for (block = LLVMGetFirstBasicBlock(function); block;
	     block = LLVMGetNextBasicBlock(block)) {
		LLVMValueRef inst = LLVMGetLastInstruction(block), before;
		if (g_hash_table_contains(exits, block))
			continue;
		for (; inst; inst = before) {
			before = LLVMGetPreviousInstruction(inst);
			if (may_move(inst) && used_by_exits_only(inst, exits))
				sink(ir, inst);
		}
	}
	LLVMDisposeBuilder(ir);
	g_hash_table_destroy(exits);
}
