/*
 * Op bodies as templates.
 *
 * The bitcode files are opened lazily: only functions that are asked for are read. A function is
 * then turned into an array of instructions whose operands are numbers, so that copying it into a
 * region (emit.c) needs no lookups.
 */
#include "jit-llvm/jit.h"

#include <dlfcn.h>
#include <llvm-c/BitReader.h>
#include <string.h>

struct source {
	LLVMModuleRef module;
	LLVMPassManagerRef reader; /* has no passes; running it reads a function's body */
};

struct function {
	LLVMValueRef value;
	struct source *source;
	const struct jit_isa *isa;
	struct template *template;
};

struct isa_bodies {
	GHashTable *by_name;	/* struct function */
	GHashTable *by_handler; /* struct function */
	struct source *sources;
	unsigned int source_count;
};

struct bodies {
	LLVMContextRef context;
	struct isa_bodies x86, arm;
};

const struct jit_isa *jit_isa_find(const char *name)
{
	static const struct jit_isa *const all[] = {&jit_isa_x86, &jit_isa_arm};

	for (unsigned int i = 0; i < G_N_ELEMENTS(all); i++)
		if (strcmp(all[i]->name, name) == 0)
			return all[i];
	return NULL;
}

/* --- reading --- */

static void index_function(struct isa_bodies *ib, struct source *source, const struct jit_isa *isa,
			   LLVMValueRef value)
{
	size_t length;
	const char *name = LLVMGetValueName2(value, &length);
	char *prefix = g_strdup_printf("body_%s_", isa->name);
	struct function *f = g_new0(struct function, 1);

	f->value = value;
	f->source = source;
	f->isa = isa;
	g_hash_table_insert(ib->by_name, g_strdup(name), f);
	if (g_str_has_prefix(name, prefix)) {
		char *symbol = g_strdup_printf("%s_op_%s", isa->name, name + strlen(prefix));
		void *handler = dlsym(RTLD_DEFAULT, symbol);
		if (handler)
			g_hash_table_insert(ib->by_handler, handler, f);
		g_free(symbol);
	}
	g_free(prefix);
}

static void read_blob(struct bodies *b, struct isa_bodies *ib, const struct jit_isa *isa,
		      const struct jit_blob *blob)
{
	struct source *source = &ib->sources[ib->source_count];
	LLVMMemoryBufferRef buffer = LLVMCreateMemoryBufferWithMemoryRange(
		blob->start, (size_t)(blob->end - blob->start), blob->name, false);

	if (LLVMGetBitcodeModuleInContext2(b->context, buffer, &source->module))
		return;
	ib->source_count++;
	source->reader = LLVMCreateFunctionPassManagerForModule(source->module);
	for (LLVMValueRef f = LLVMGetFirstFunction(source->module); f; f = LLVMGetNextFunction(f))
		if (!LLVMIsDeclaration(f))
			index_function(ib, source, isa, f);
}

static struct isa_bodies *isa_bodies(struct bodies *b, const struct jit_isa *isa)
{
	struct isa_bodies *ib = isa == &jit_isa_arm ? &b->arm : &b->x86;

	if (ib->by_name)
		return ib;
	ib->by_name = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	ib->by_handler = g_hash_table_new(g_direct_hash, g_direct_equal);
	ib->sources = g_new0(struct source, jit_blob_count);
	for (unsigned int i = 0; i < jit_blob_count; i++)
		if (strncmp(jit_blobs[i].name, isa->name, strlen(isa->name)) == 0)
			read_blob(b, ib, isa, &jit_blobs[i]);
	return ib;
}

struct bodies *bodies_new(LLVMContextRef context)
{
	struct bodies *b = g_new0(struct bodies, 1);

	b->context = context;
	return b;
}

static void template_free(struct template *t)
{
	if (!t)
		return;
	for (unsigned int i = 0; i < t->inst_count; i++) {
		g_free(t->insts[i].operands);
		g_free(t->insts[i].blocks);
	}
	g_free(t->insts);
	g_free(t->blocks);
	g_free(t);
}

static void isa_bodies_free(struct isa_bodies *ib)
{
	GHashTableIter iter;
	struct function *f;

	if (!ib->by_name)
		return;
	g_hash_table_iter_init(&iter, ib->by_name);
	while (g_hash_table_iter_next(&iter, NULL, (void **)&f)) {
		template_free(f->template);
		g_free(f);
	}
	g_hash_table_destroy(ib->by_handler);
	g_hash_table_destroy(ib->by_name);
	for (unsigned int i = 0; i < ib->source_count; i++) {
		LLVMDisposePassManager(ib->sources[i].reader);
		LLVMDisposeModule(ib->sources[i].module);
	}
	g_free(ib->sources);
}

void bodies_free(struct bodies *b)
{
	isa_bodies_free(&b->x86);
	isa_bodies_free(&b->arm);
	g_free(b);
}

/* --- templates --- */

struct reading {
	struct template *t;
	GHashTable *insts;  /* LLVM instruction to number + 1 */
	GHashTable *blocks; /* LLVM block to number + 1 */
	LLVMTargetDataRef layout;
};

/* Blocks in post-order; those that cannot be reached are left out. */
static void visit(GPtrArray *order, GHashTable *seen, LLVMBasicBlockRef block)
{
	LLVMValueRef last = LLVMGetBasicBlockTerminator(block);

	g_hash_table_add(seen, block);
	for (unsigned int i = LLVMGetNumSuccessors(last); i-- > 0;)
		if (!g_hash_table_contains(seen, LLVMGetSuccessor(last, i)))
			visit(order, seen, LLVMGetSuccessor(last, i));
	g_ptr_array_add(order, block);
}

/* A constant within a constant in memory: getelementptr of a global variable. */
static bool global_offset(struct reading *r, LLVMValueRef value, struct operand *o)
{
	if (LLVMIsAGlobalVariable(value)) {
		o->kind = OPERAND_GLOBAL;
		o->value = value;
		return LLVMGetInitializer(value) && LLVMIsGlobalConstant(value);
	}
	if (!LLVMIsAConstantExpr(value) || LLVMGetConstOpcode(value) != LLVMGetElementPtr ||
	    LLVMGetNumOperands(value) != 2 ||
	    LLVMGetGEPSourceElementType(value) !=
		    LLVMInt8TypeInContext(LLVMGetTypeContext(LLVMTypeOf(value))))
		return false;
	LLVMValueRef index = LLVMGetOperand(value, 1);
	if (!LLVMIsAConstantInt(index) || !global_offset(r, LLVMGetOperand(value, 0), o))
		return false;
	o->offset += LLVMConstIntGetSExtValue(index);
	return true;
}

static bool read_operand(struct reading *r, LLVMValueRef value, struct operand *o)
{
	*o = (struct operand){.kind = OPERAND_OTHER, .value = value};
	if (LLVMIsAInstruction(value)) {
		o->kind = OPERAND_INST;
		o->index = GPOINTER_TO_UINT(g_hash_table_lookup(r->insts, value)) - 1;
		return o->index != UINT32_MAX;
	}
	if (LLVMIsAArgument(value)) {
		o->kind = OPERAND_ARG;
		for (LLVMValueRef a = LLVMGetFirstParam(r->t->function); a && a != value;
		     a = LLVMGetNextParam(a))
			o->index++;
		return true;
	}
	if (LLVMIsAFunction(value)) {
		o->kind = OPERAND_CALLEE;
		return true;
	}
	if (LLVMIsAGlobalVariable(value) || LLVMIsAConstantExpr(value))
		return global_offset(r, value, o);
	if (LLVMIsAInlineAsm(value) || LLVMIsAConstant(value)) {
		o->kind = OPERAND_CONST;
		return true;
	}
	return LLVMIsAMDNode(value) || LLVMTypeOf(value) == NULL ||
	       LLVMGetTypeKind(LLVMTypeOf(value)) == LLVMMetadataTypeKind;
}

static unsigned int block_number(struct reading *r, LLVMBasicBlockRef block)
{
	return GPOINTER_TO_UINT(g_hash_table_lookup(r->blocks, block)) - 1;
}

static bool is_guest_pointer(LLVMValueRef p)
{
	size_t length;

	if (LLVMIsAIntToPtrInst(p))
		return true;
	if (LLVMIsACallInst(p))
		return strcmp(LLVMGetValueName2(LLVMGetCalledValue(p), &length), "jit_probed") == 0;
	return LLVMIsAGetElementPtrInst(p) && is_guest_pointer(LLVMGetOperand(p, 0));
}

/* The address that an instruction reaches memory by; NULL: it does not. */
static LLVMValueRef address_of(LLVMValueRef inst, LLVMOpcode opcode)
{
	switch (opcode) {
	case LLVMLoad:
	case LLVMAtomicRMW:
	case LLVMAtomicCmpXchg: return LLVMGetOperand(inst, 0);
	case LLVMStore: return LLVMGetOperand(inst, 1);
	default: return NULL;
	}
}

static bool read_phi(struct reading *r, LLVMValueRef inst, struct tinst *ti)
{
	unsigned int count = LLVMCountIncoming(inst);
	bool ok = true;

	ti->operands = g_new0(struct operand, count);
	ti->blocks = g_new0(unsigned int, count);
	for (unsigned int i = 0; i < count; i++) {
		unsigned int from = block_number(r, LLVMGetIncomingBlock(inst, i));
		if (from == UINT32_MAX)
			continue; /* cannot be reached */
		ti->blocks[ti->operand_count] = from;
		ok &= read_operand(r, LLVMGetIncomingValue(inst, i),
				   &ti->operands[ti->operand_count++]);
	}
	ti->block_count = ti->operand_count;
	return ok;
}

/* Operands that are blocks come last or in between: values alone are kept. */
static bool read_inst(struct reading *r, LLVMValueRef inst, struct tinst *ti)
{
	unsigned int count = (unsigned int)LLVMGetNumOperands(inst);
	bool ok = true;

	ti->inst = inst;
	ti->opcode = LLVMGetInstructionOpcode(inst);
	ti->type = LLVMTypeOf(inst);
	if (ti->opcode == LLVMPHI)
		return read_phi(r, inst, ti);
	LLVMValueRef address = address_of(inst, ti->opcode);
	ti->guest = address && is_guest_pointer(address);
	ti->operands = g_new0(struct operand, count);
	for (unsigned int i = 0; i < count; i++) {
		LLVMValueRef value = LLVMGetOperand(inst, i);
		if (!LLVMValueIsBasicBlock(value))
			ok &= read_operand(r, value, &ti->operands[ti->operand_count++]);
	}
	if (LLVMIsATerminatorInst(inst)) {
		ti->block_count = LLVMGetNumSuccessors(inst);
		ti->blocks = g_new0(unsigned int, ti->block_count);
		for (unsigned int i = 0; i < ti->block_count; i++)
			ti->blocks[i] = block_number(r, LLVMGetSuccessor(inst, i));
	}
	return ok;
}

static void number_everything(struct reading *r, GPtrArray *order)
{
	struct template *t = r->t;

	t->block_count = order->len;
	t->blocks = g_new0(struct tblock, t->block_count);
	for (unsigned int i = 0; i < t->block_count; i++) {
		LLVMBasicBlockRef block = order->pdata[t->block_count - 1 - i];
		g_hash_table_insert(r->blocks, block, GUINT_TO_POINTER(i + 1));
		t->blocks[i].first = t->inst_count;
		for (LLVMValueRef inst = LLVMGetFirstInstruction(block); inst;
		     inst = LLVMGetNextInstruction(inst))
			g_hash_table_insert(r->insts, inst, GUINT_TO_POINTER(++t->inst_count));
		t->blocks[i].count = t->inst_count - t->blocks[i].first;
	}
}

static void note_edges(struct template *t)
{
	for (unsigned int i = 0; i < t->block_count; i++) {
		struct tblock *block = &t->blocks[i];
		const struct tinst *last = &t->insts[block->first + block->count - 1];
		for (unsigned int k = 0; k < last->block_count; k++) {
			t->blocks[last->blocks[k]].pred_count++;
			if (last->blocks[k] <= i)
				t->blocks[last->blocks[k]].loop_head = true;
		}
		block->only_ret = last->opcode == LLVMRet && block->count <= 2 &&
				  (block->count == 1 || t->insts[block->first].opcode == LLVMPHI);
	}
}

/* A sign bit as BODY_BRANCH, or moved to where BODY_SKIP is. */
static unsigned int ways_of_sign(LLVMValueRef value)
{
	LLVMValueRef second = LLVMGetOperand(value, 1);
	uint64_t n = LLVMIsAConstantInt(second) ? LLVMConstIntGetZExtValue(second) : 0;

	if (LLVMGetInstructionOpcode(value) == LLVMLShr && n == 31)
		return 1u << BODY_NEXT | 1u << BODY_BRANCH;
	if (LLVMGetInstructionOpcode(value) == LLVMAnd && n == BODY_SKIP)
		return 1u << BODY_NEXT | 1u << BODY_SKIP;
	return UINT32_MAX;
}

/* How a body may leave, from the value that it returns. */
static unsigned int ways_of(LLVMValueRef value, unsigned int depth)
{
	unsigned int ways = 0;

	if (LLVMIsAConstantInt(value))
		return 1u << (LLVMConstIntGetZExtValue(value) & 31);
	if (depth == 0)
		return UINT32_MAX;
	if (LLVMIsAPHINode(value)) {
		for (unsigned int i = 0; i < LLVMCountIncoming(value); i++)
			ways |= ways_of(LLVMGetIncomingValue(value, i), depth - 1);
		return ways;
	}
	if (LLVMIsAZExtInst(value))
		return 1u << BODY_NEXT | 1u << BODY_BRANCH;
	if (LLVMIsABinaryOperator(value))
		return ways_of_sign(value);
	if (LLVMIsASelectInst(value))
		return ways_of(LLVMGetOperand(value, 1), depth - 1) |
		       ways_of(LLVMGetOperand(value, 2), depth - 1);
	return UINT32_MAX;
}

unsigned int fp_question(const struct jit_isa *isa, const char *name)
{
	for (unsigned int i = 0; i < JIT_FP_QUESTIONS; i++)
		if (isa->fp_questions[i] && strcmp(isa->fp_questions[i], name) == 0)
			return 1u << i;
	return 0;
}

static unsigned int question_asked(const struct jit_isa *isa, const struct tinst *ti)
{
	const struct operand *callee = &ti->operands[ti->operand_count - 1];
	size_t length;

	if (ti->opcode != LLVMCall || callee->kind != OPERAND_CALLEE)
		return 0;
	return fp_question(isa, LLVMGetValueName2(callee->value, &length));
}

static void note_ways(struct template *t, const struct jit_isa *isa)
{
	for (unsigned int i = 0; i < t->inst_count; i++) {
		if (t->insts[i].opcode == LLVMRet && t->insts[i].operand_count)
			t->ways |= ways_of(LLVMGetOperand(t->insts[i].inst, 0), 4);
		t->plain_fp |= question_asked(isa, &t->insts[i]);
	}
}

static struct template *template_read(LLVMValueRef function, const struct jit_isa *isa)
{
	struct template *t = g_new0(struct template, 1);
	struct reading r = {.t = t};
	GPtrArray *order = g_ptr_array_new();
	GHashTable *seen = g_hash_table_new(g_direct_hash, g_direct_equal);
	size_t length;

	r.insts = g_hash_table_new(g_direct_hash, g_direct_equal);
	r.blocks = g_hash_table_new(g_direct_hash, g_direct_equal);
	t->function = function;
	t->name = LLVMGetValueName2(function, &length);
	visit(order, seen, LLVMGetEntryBasicBlock(function));
	number_everything(&r, order);
	t->insts = g_new0(struct tinst, t->inst_count);
	t->usable = true;
	for (unsigned int i = 0, n = 0; i < t->block_count; i++) {
		LLVMBasicBlockRef block = order->pdata[t->block_count - 1 - i];
		for (LLVMValueRef inst = LLVMGetFirstInstruction(block); inst;
		     inst = LLVMGetNextInstruction(inst))
			t->usable &= read_inst(&r, inst, &t->insts[n++]);
	}
	note_edges(t);
	note_ways(t, isa);
	g_hash_table_destroy(r.insts);
	g_hash_table_destroy(r.blocks);
	g_hash_table_destroy(seen);
	g_ptr_array_free(order, TRUE);
	return t;
}

static const struct template *function_template(struct function *f)
{
	if (!f)
		return NULL;
	if (!f->template) {
		LLVMRunFunctionPassManager(f->source->reader, f->value);
		f->template = template_read(f->value, f->isa);
	}
	return f->template->usable ? f->template : NULL;
}

const struct template *bodies_find(struct bodies *b, const struct jit_isa *isa, handler_fn *fn)
{
	return function_template(
		g_hash_table_lookup(isa_bodies(b, isa)->by_handler, (void *)(uintptr_t)fn));
}

const struct template *bodies_function(struct bodies *b, const struct jit_isa *isa,
				       const char *name)
{
	return function_template(g_hash_table_lookup(isa_bodies(b, isa)->by_name, name));
}
