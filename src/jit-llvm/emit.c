/*
 * Copies op bodies into a region's function.
 *
 * What is constant because the op record is (operand numbers, immediates) is folded on the way, and
 * blocks that cannot be reached any more are not copied: that is cheaper than to inline and clean
 * up. Guest registers are variables (`slot`) that mem2reg turns into SSA values; within a straight
 * run their values are known here already, so that lazy flags mostly fold away, too.
 */
#include "jit-llvm/jit.h"

#include <dlfcn.h>
#include <stddef.h>
#include <string.h>

/* A way from the copy of one block to that of another. */
struct way {
	unsigned int from, to;
	LLVMBasicBlockRef end; /* where it starts */
};

#define MAX_RESULTS 32

/* One copy of a template that is being made. */
struct copy {
	const struct template *t;
	struct value *values; /* of its instructions */
	const struct value *args;
	struct label *labels;		  /* of its blocks */
	GArray *edges;			  /* struct way: those that are reached */
	bool is_body;			  /* returns say how the op leaves */
	struct label done;		  /* else: behind the call */
	struct value result[MAX_RESULTS]; /* ... and what was returned there */
	LLVMBasicBlockRef from[MAX_RESULTS];
	unsigned int results;
};

/* --- small things --- */

LLVMValueRef const_int(LLVMTypeRef type, uint64_t value)
{
	return LLVMConstInt(type, value, false);
}

LLVMValueRef const_pointer(struct builder *b, const void *p)
{
	return LLVMConstIntToPtr(const_int(b->i64, (uintptr_t)p), b->ptr);
}

LLVMBasicBlockRef new_block(struct builder *b)
{
	return LLVMAppendBasicBlockInContext(b->context, b->function, "");
}

void position(struct builder *b, LLVMBasicBlockRef at)
{
	LLVMPositionBuilderAtEnd(b->ir, at);
}

static LLVMBasicBlockRef here(struct builder *b)
{
	return LLVMGetInsertBlock(b->ir);
}

static bool fail(struct builder *b, const char *why)
{
	b->failure = why;
	return false;
}

static LLVMValueRef offset_pointer(struct builder *b, LLVMValueRef p, int64_t offset)
{
	LLVMValueRef index = const_int(b->i64, (uint64_t)offset);

	return LLVMBuildGEP2(b->ir, b->i8, p, &index, 1, "");
}

LLVMValueRef vcpu_field(struct builder *b, uint64_t offset)
{
	return offset_pointer(b, b->vcpu, (int64_t)offset);
}

static void mark_host(struct builder *b, LLVMValueRef access)
{
	LLVMSetMetadata(access, b->metadata_noalias, b->guest_scopes);
}

LLVMValueRef load_host(struct builder *b, LLVMTypeRef type, LLVMValueRef p)
{
	LLVMValueRef load = LLVMBuildLoad2(b->ir, type, p, "");

	mark_host(b, load);
	return load;
}

/* --- slots --- */

/* A variable in the function's entry. */
static LLVMValueRef entry_variable(struct builder *b, LLVMTypeRef type)
{
	LLVMBasicBlockRef at = here(b);
	LLVMValueRef first = LLVMGetFirstInstruction(b->entry);

	if (first)
		LLVMPositionBuilderBefore(b->ir, first);
	else
		position(b, b->entry);
	LLVMValueRef variable = LLVMBuildAlloca(b->ir, type, "");
	position(b, at);
	return variable;
}

LLVMValueRef slot_variable(struct builder *b, unsigned int s)
{
	if (!b->slot[s])
		b->slot[s] = entry_variable(b, b->slot_type[s]);
	return b->slot[s];
}

static int slot_find(struct builder *b, int64_t offset)
{
	if (offset < 0 || offset >= b->isa->regs_size)
		return -1;
	return b->slot_at[offset / 4];
}

LLVMValueRef slot_get(struct builder *b, unsigned int s)
{
	LLVMValueRef value = b->known.slot[s];

	if (s < b->isa->slot_count && b->isa->slots[s].offset == b->isa->zero_offset)
		return const_int(b->slot_type[s], 0);
	b->used[s] = true;
	if (!value) {
		value = LLVMBuildLoad2(b->ir, b->slot_type[s], slot_variable(b, s), "");
		b->known.slot[s] = value;
	}
	return value;
}

LLVMValueRef register_address(struct builder *b, unsigned int s)
{
	return vcpu_field(b, b->isa->regs_offset + b->isa->slots[s].offset);
}

static void store_slot(struct builder *b, unsigned int s, LLVMValueRef value)
{
	mark_host(b, LLVMBuildStore(b->ir, value, register_address(b, s)));
}

static bool is_deferred(struct builder *b, unsigned int s)
{
	return b->isa->slots[s].deferred || b->isa->slots[s].temporary;
}

void drop_temporaries(struct builder *b)
{
	for (unsigned int s = 0; s < b->isa->slot_count && b->known.pending; s++)
		if (b->isa->slots[s].temporary)
			b->known.pending &= ~(UINT64_C(1) << s);
}

void flush_pending(struct builder *b, bool temporaries)
{
	if (!temporaries)
		drop_temporaries(b);
	for (unsigned int s = 0; b->known.pending; s++) {
		if (b->known.pending >> s & 1)
			store_slot(b, s, b->known.slot[s]);
		b->known.pending &= ~(UINT64_C(1) << s);
	}
}

void slot_set(struct builder *b, unsigned int s, LLVMValueRef value)
{
	if (b->write_through && s < b->isa->slot_count) {
		if (is_deferred(b, s))
			b->known.pending |= UINT64_C(1) << s;
		else
			store_slot(b, s, value);
	}
	b->used[s] = b->dirty[s] = true;
	LLVMBuildStore(b->ir, value, slot_variable(b, s));
	b->known.slot[s] = value;
}

static uint64_t type_size(struct builder *b, LLVMTypeRef type)
{
	return LLVMStoreSizeOfType(b->layout, type);
}

static LLVMTypeRef int_type(struct builder *b, uint64_t bytes)
{
	return LLVMIntTypeInContext(b->context, (unsigned int)bytes * 8);
}

/* An integer as a value of any type of that size, and back. */
static LLVMValueRef from_int(struct builder *b, LLVMValueRef v, LLVMTypeRef type)
{
	if (LLVMGetTypeKind(type) == LLVMPointerTypeKind)
		return LLVMBuildIntToPtr(b->ir, v, type, "");
	return LLVMBuildBitCast(b->ir, v, type, "");
}

static LLVMValueRef to_int(struct builder *b, LLVMValueRef v, uint64_t bytes)
{
	LLVMTypeRef type = LLVMTypeOf(v);

	if (LLVMGetTypeKind(type) == LLVMPointerTypeKind)
		return LLVMBuildPtrToInt(b->ir, v, int_type(b, bytes), "");
	return LLVMBuildBitCast(b->ir, v, int_type(b, bytes), "");
}

/* A vector register seen as lanes of `bytes`. */
static LLVMTypeRef lanes_type(struct builder *b, uint64_t bytes)
{
	return LLVMVectorType(int_type(b, bytes), (unsigned int)(16 / bytes));
}

static LLVMValueRef slot_extract(struct builder *b, unsigned int s, uint64_t at, LLVMTypeRef type)
{
	LLVMValueRef v = slot_get(b, s);
	uint64_t size = type_size(b, type), whole = b->isa->slots[s].size;

	if (whole == 16) {
		if (size == 16)
			return LLVMBuildBitCast(b->ir, v, type, "");
		v = LLVMBuildBitCast(b->ir, v, lanes_type(b, size), "");
		v = LLVMBuildExtractElement(b->ir, v, const_int(b->i32, at / size), "");
		return from_int(b, v, type);
	}
	if (at)
		v = LLVMBuildLShr(b->ir, v, const_int(b->slot_type[s], at * 8), "");
	if (size != whole)
		v = LLVMBuildTrunc(b->ir, v, int_type(b, size), "");
	return from_int(b, v, type);
}

static void slot_insert(struct builder *b, unsigned int s, uint64_t at, LLVMValueRef v)
{
	uint64_t size = type_size(b, LLVMTypeOf(v)), whole = b->isa->slots[s].size;
	LLVMTypeRef type = b->slot_type[s];

	if (whole == 16) {
		if (size == 16) {
			slot_set(b, s, LLVMBuildBitCast(b->ir, v, type, ""));
			return;
		}
		LLVMValueRef old = LLVMBuildBitCast(b->ir, slot_get(b, s), lanes_type(b, size), "");
		v = LLVMBuildInsertElement(b->ir, old, to_int(b, v, size),
					   const_int(b->i32, at / size), "");
		slot_set(b, s, LLVMBuildBitCast(b->ir, v, type, ""));
		return;
	}
	v = to_int(b, v, size);
	if (size != whole) {
		uint64_t mask = (size == 8 ? UINT64_MAX : (UINT64_C(1) << (8 * size)) - 1)
				<< (8 * at);
		LLVMValueRef old = LLVMBuildAnd(b->ir, slot_get(b, s), const_int(type, ~mask), "");
		v = LLVMBuildZExt(b->ir, v, type, "");
		if (at)
			v = LLVMBuildShl(b->ir, v, const_int(type, 8 * at), "");
		v = LLVMBuildOr(b->ir, old, v, "");
	}
	slot_set(b, s, v);
}

/* An access of `size` bytes at an offset of the register file: the slot it lies in. -1: memory;
 * -2: across slots. */
static int slot_for(struct builder *b, int64_t offset, uint64_t size)
{
	int s = slot_find(b, offset);

	if (s < 0)
		return slot_find(b, offset + (int64_t)size - 1) < 0 ? -1 : -2;
	const struct jit_slot *slot = &b->isa->slots[s];
	uint64_t at = (uint64_t)offset - slot->offset;
	if (at + size > slot->size || (slot->size == 16 && at % size))
		return -2;
	return s;
}

/* --- values --- */

static struct value plain(LLVMValueRef v)
{
	return (struct value){VALUE_PLAIN, 0, v};
}

/* A pointer into the register file's memory, the op record or the processor as an LLVM value; NULL
 * where a register has no memory. */
static LLVMValueRef materialize(struct builder *b, struct value v)
{
	switch (v.kind) {
	case VALUE_PLAIN: return v.v;
	case VALUE_OP: return const_pointer(b, (const char *)b->op_at + v.offset);
	case VALUE_VCPU: return vcpu_field(b, (uint64_t)v.offset);
	default:
		if (slot_find(b, v.offset) >= 0) {
			fail(b, "address of a register");
			return NULL;
		}
		return vcpu_field(b, b->isa->regs_offset + (uint64_t)v.offset);
	}
}

/* A constant of a body's module in this one. */
static LLVMValueRef global_copy(struct builder *b, LLVMValueRef global)
{
	char name[32];

	g_snprintf(name, sizeof(name), "k%p", (void *)global);
	LLVMValueRef copy = LLVMGetNamedGlobal(b->module, name);
	if (copy)
		return copy;
	copy = LLVMAddGlobal(b->module, LLVMGlobalGetValueType(global), name);
	LLVMSetInitializer(copy, LLVMGetInitializer(global));
	LLVMSetGlobalConstant(copy, true);
	LLVMSetLinkage(copy, LLVMPrivateLinkage);
	LLVMSetAlignment(copy, LLVMGetAlignment(global));
	return copy;
}

static struct value operand(struct builder *b, struct copy *c, const struct operand *o)
{
	switch (o->kind) {
	case OPERAND_INST: return c->values[o->index];
	case OPERAND_ARG: return c->args[o->index];
	case OPERAND_GLOBAL: {
		LLVMValueRef g = global_copy(b, o->value);
		return plain(o->offset ? offset_pointer(b, g, o->offset) : g);
	}
	default: return plain(o->value);
	}
}

static bool is_constant(struct value v)
{
	return v.kind == VALUE_PLAIN && v.v && LLVMIsAConstant(v.v) && !LLVMIsAInlineAsm(v.v);
}

static bool is_constant_int(struct value v)
{
	return v.kind == VALUE_PLAIN && v.v && LLVMIsAConstantInt(v.v);
}

/* --- instructions --- */

/* Bytes of the op record. */
static bool load_op(struct builder *b, const struct tinst *ti, int64_t offset, struct value *out)
{
	uint64_t size = type_size(b, ti->type), raw = 0;

	if (offset < 0 || offset + (int64_t)size > (int64_t)sizeof(struct op) || size > 8)
		return fail(b, "load beyond the op record");
	memcpy(&raw, (const char *)b->op + offset, size);
	LLVMValueRef v = const_int(int_type(b, size), raw);
	*out = plain(from_int(b, v, ti->type));
	return true;
}

static void set_alias(struct builder *b, const struct tinst *ti, LLVMValueRef access)
{
	if (ti->guest) {
		LLVMSetMetadata(access, b->metadata_scope, b->guest_scopes);
		after_guest_access(b);
	} else {
		mark_host(b, access);
	}
}

static LLVMValueRef copy_inst(struct builder *b, const struct tinst *ti)
{
	LLVMValueRef copy = LLVMInstructionClone(ti->inst);

	if (ti->guest)
		before_guest_access(b);
	LLVMInsertIntoBuilder(b->ir, copy);
	return copy;
}

static void note_guest_store(struct builder *b, LLVMValueRef p, uint64_t size)
{
	LLVMTypeRef types[3] = {b->ptr, b->ptr, b->i64};
	LLVMTypeRef type = LLVMFunctionType(LLVMVoidTypeInContext(b->context), types, 3, false);
	LLVMValueRef args[3] = {b->vcpu, guest_host_pointer(b, p), const_int(b->i64, size)};
	void *fn = dlsym(RTLD_DEFAULT, "check_store");

	LLVMBuildCall2(b->ir, type, const_pointer(b, fn), args, 3, "");
}

static bool emit_load(struct builder *b, struct copy *c, const struct tinst *ti, struct value *out)
{
	struct value p = operand(b, c, &ti->operands[0]);

	if (p.kind == VALUE_OP)
		return load_op(b, ti, p.offset, out);
	if (p.kind == VALUE_REGS) {
		int s = slot_for(b, p.offset, type_size(b, ti->type));
		if (s == -2)
			return fail(b, "load across registers");
		if (s >= 0) {
			uint64_t at = (uint64_t)p.offset - b->isa->slots[s].offset;
			*out = plain(slot_extract(b, (unsigned int)s, at, ti->type));
			return true;
		}
	}
	LLVMValueRef address = materialize(b, p);
	if (!address)
		return false;
	LLVMValueRef load = copy_inst(b, ti);
	LLVMSetOperand(load, 0, address);
	set_alias(b, ti, load);
	*out = plain(load);
	return true;
}

/* A store that covers several slots (compilers put neighbours together): one after the other. */
static bool store_pieces(struct builder *b, int64_t offset, LLVMValueRef value, uint64_t size)
{
	LLVMValueRef whole = to_int(b, value, size);
	LLVMTypeRef type = LLVMTypeOf(whole);

	for (uint64_t done = 0; done < size;) {
		int s = slot_find(b, offset + (int64_t)done);
		if (s < 0 || b->isa->slots[s].offset != offset + (int64_t)done ||
		    b->isa->slots[s].size > size - done || b->isa->slots[s].size == 16)
			return fail(b, "store across registers");
		LLVMValueRef piece = LLVMBuildLShr(b->ir, whole, const_int(type, 8 * done), "");
		slot_set(b, (unsigned int)s, LLVMBuildTrunc(b->ir, piece, b->slot_type[s], ""));
		done += b->isa->slots[s].size;
	}
	return true;
}

static bool emit_store(struct builder *b, struct copy *c, const struct tinst *ti)
{
	struct value v = operand(b, c, &ti->operands[0]);
	struct value p = operand(b, c, &ti->operands[1]);
	LLVMValueRef value = materialize(b, v);

	if (!value)
		return false;
	if (p.kind == VALUE_VCPU && p.offset == (int64_t)offsetof(struct vcpu, pc)) {
		b->pc = value;
		return true;
	}
	uint64_t size = type_size(b, LLVMTypeOf(value));
	if (p.kind == VALUE_REGS) {
		int s = slot_for(b, p.offset, size);
		if (s == -2)
			return store_pieces(b, p.offset, value, size);
		if (s >= 0) {
			slot_insert(b, (unsigned int)s,
				    (uint64_t)p.offset - b->isa->slots[s].offset, value);
			return true;
		}
	}
	LLVMValueRef address = materialize(b, p);
	if (!address)
		return false;
	if (ti->guest && b->job->check)
		note_guest_store(b, address, size);
	LLVMValueRef store = copy_inst(b, ti);
	LLVMSetOperand(store, 0, value);
	LLVMSetOperand(store, 1, address);
	set_alias(b, ti, store);
	return true;
}

static bool emit_atomic(struct builder *b, struct copy *c, const struct tinst *ti,
			struct value *out)
{
	LLVMValueRef values[3];

	for (unsigned int i = 0; i < ti->operand_count; i++) {
		values[i] = materialize(b, operand(b, c, &ti->operands[i]));
		if (!values[i])
			return false;
	}
	if (ti->guest && b->job->check)
		note_guest_store(b, values[0], type_size(b, LLVMTypeOf(values[1])));
	LLVMValueRef copy = copy_inst(b, ti);
	for (unsigned int i = 0; i < ti->operand_count; i++)
		LLVMSetOperand(copy, i, values[i]);
	set_alias(b, ti, copy);
	*out = plain(copy);
	return true;
}

/* Byte offset that the indices of a getelementptr make; false: not constant. */
static bool gep_offset(struct builder *b, struct copy *c, const struct tinst *ti, int64_t *offset)
{
	LLVMTypeRef type = LLVMGetGEPSourceElementType(ti->inst);

	*offset = 0;
	for (unsigned int i = 1; i < ti->operand_count; i++) {
		struct value index = operand(b, c, &ti->operands[i]);
		if (!is_constant_int(index))
			return false;
		int64_t n = LLVMConstIntGetSExtValue(index.v);
		if (i > 1 && LLVMGetTypeKind(type) == LLVMStructTypeKind) {
			*offset += (int64_t)LLVMOffsetOfElement(b->layout, type, (unsigned int)n);
			type = LLVMStructGetTypeAtIndex(type, (unsigned int)n);
			continue;
		}
		if (i > 1)
			type = LLVMGetElementType(type);
		*offset += n * (int64_t)LLVMABISizeOfType(b->layout, type);
	}
	return true;
}

static bool emit_gep(struct builder *b, struct copy *c, const struct tinst *ti, struct value *out)
{
	struct value p = operand(b, c, &ti->operands[0]);
	int64_t offset;

	if (p.kind != VALUE_PLAIN && gep_offset(b, c, ti, &offset)) {
		*out = p;
		out->offset += offset;
		return true;
	}
	LLVMValueRef address = materialize(b, p);
	if (!address)
		return false;
	LLVMValueRef gep = copy_inst(b, ti);
	LLVMSetOperand(gep, 0, address);
	for (unsigned int i = 1; i < ti->operand_count; i++) {
		LLVMValueRef index = materialize(b, operand(b, c, &ti->operands[i]));
		if (!index)
			return false;
		LLVMSetOperand(gep, i, index);
	}
	*out = plain(gep);
	return true;
}

/* Variables of bodies go to the function's entry: bodies may be in loops. */
static bool emit_alloca(struct builder *b, const struct tinst *ti, struct value *out)
{
	LLVMBasicBlockRef at = here(b);
	LLVMValueRef first = LLVMGetFirstInstruction(b->entry);

	if (first)
		LLVMPositionBuilderBefore(b->ir, first);
	else
		position(b, b->entry);
	*out = plain(copy_inst(b, ti));
	position(b, at);
	return true;
}

static bool copy_template(struct builder *b, struct copy *c);

/* --- calls --- */

static bool is_intrinsic(const char *name)
{
	return strncmp(name, "llvm.", 5) == 0;
}

static bool is_ignored(const char *name)
{
	return strcmp(name, "llvm.assume") == 0 ||
	       strcmp(name, "llvm.experimental.noalias.scope.decl") == 0;
}

/* A call of a function whose bitcode is there: copied, too. */
static bool emit_nested(struct builder *b, struct copy *c, const struct tinst *ti,
			const struct template *t, struct value *out)
{
	unsigned int count = ti->operand_count - 1;
	struct value *args = g_newa(struct value, count + 1);
	struct copy inner = {.t = t, .args = args};

	for (unsigned int i = 0; i < count; i++)
		args[i] = operand(b, c, &ti->operands[i]);
	if (!copy_template(b, &inner))
		return false;
	if (!inner.done.block)
		return fail(b, "call that does not return");
	position(b, inner.done.block);
	b->known = inner.done.known;
	if (inner.results == 0)
		return true;
	*out = inner.result[0];
	if (inner.results == 1)
		return true;
	LLVMValueRef phi = LLVMBuildPhi(b->ir, ti->type, "");
	for (unsigned int i = 0; i < inner.results; i++) {
		if (inner.result[i].kind != VALUE_PLAIN)
			return fail(b, "pointer returned");
		LLVMAddIncoming(phi, &inner.result[i].v, &inner.from[i], 1);
	}
	*out = plain(phi);
	return true;
}

/* A pointer to a register for an instruction that wants memory: a variable that holds it. */
struct lent {
	LLVMValueRef variable;
	unsigned int slot;
};

static LLVMValueRef lend_register(struct builder *b, struct value p, struct lent *lent)
{
	unsigned int s = (unsigned int)slot_find(b, p.offset);

	lent->variable = entry_variable(b, b->slot_type[s]);
	lent->slot = s;
	LLVMBuildStore(b->ir, slot_get(b, s), lent->variable);
	return offset_pointer(b, lent->variable, p.offset - b->isa->slots[s].offset);
}

static bool emit_plain_call(struct builder *b, struct copy *c, const struct tinst *ti,
			    LLVMValueRef callee, bool lend, struct value *out)
{
	unsigned int count = ti->operand_count - 1, lents = 0;
	LLVMValueRef *args = g_newa(LLVMValueRef, count + 1);
	struct lent *lent = g_newa(struct lent, count + 1);

	for (unsigned int i = 0; i < count; i++) {
		struct value v = operand(b, c, &ti->operands[i]);
		if (lend && v.kind == VALUE_REGS && slot_find(b, v.offset) >= 0)
			args[i] = lend_register(b, v, &lent[lents++]);
		else
			args[i] = materialize(b, v);
		if (!args[i])
			return false;
	}
	LLVMValueRef call = copy_inst(b, ti);
	for (unsigned int i = 0; i < count; i++)
		LLVMSetOperand(call, i, args[i]);
	LLVMSetOperand(call, count, callee);
	for (unsigned int i = 0; i < lents; i++) {
		unsigned int s = lent[i].slot;
		slot_set(b, s, LLVMBuildLoad2(b->ir, b->slot_type[s], lent[i].variable, ""));
	}
	*out = plain(call);
	return true;
}

/* The host's x87 control word is no value that the optimizer knows of: between its changes it moved
 * arithmetic, which then trapped. Such ops run by their own handlers. */
static bool changes_control_word(LLVMValueRef assembly)
{
	size_t length;
	const char *text = LLVMGetInlineAsmAsmString(assembly, &length);

	return g_strstr_len(text, (gssize)length, "fldcw") != NULL;
}

static bool emit_call(struct builder *b, struct copy *c, const struct tinst *ti, struct value *out)
{
	const struct operand *o = &ti->operands[ti->operand_count - 1];
	size_t length;

	if (o->kind == OPERAND_CONST && LLVMIsAInlineAsm(o->value) &&
	    changes_control_word(o->value))
		return fail(b, "x87 control word");
	if (o->kind == OPERAND_CONST && LLVMIsAInlineAsm(o->value))
		return emit_plain_call(b, c, ti, o->value, true, out);
	if (o->kind != OPERAND_CALLEE)
		return fail(b, "call through a pointer");
	const char *name = LLVMGetValueName2(o->value, &length);
	if (is_ignored(name))
		return true;
	if (fp_question(b->isa, name)) {
		bool holds = b->job->plain_fp & fp_question(b->isa, name);
		*out = plain(const_int(b->i1, holds));
		return true;
	}
	if (is_intrinsic(name)) {
		LLVMValueRef fn = LLVMGetNamedFunction(b->module, name);
		if (!fn)
			fn = LLVMAddFunction(b->module, name, LLVMGlobalGetValueType(o->value));
		return emit_plain_call(b, c, ti, fn, true, out);
	}
	const struct template *t = bodies_function(b->bodies, b->isa, name);
	if (t)
		return emit_nested(b, c, ti, t, out);
	void *fn = dlsym(RTLD_DEFAULT, name);
	if (!fn)
		return fail(b, "call of an unknown function");
	return emit_plain_call(b, c, ti, const_pointer(b, fn), false, out);
}

/* --- everything else --- */

/* Folds what has constant operands; NULL: not foldable. */
static LLVMValueRef fold(struct builder *b, const struct tinst *ti, LLVMValueRef *v)
{
	switch (ti->opcode) {
	case LLVMAdd:
	case LLVMSub:
	case LLVMMul:
	case LLVMUDiv:
	case LLVMSDiv:
	case LLVMURem:
	case LLVMSRem:
	case LLVMShl:
	case LLVMLShr:
	case LLVMAShr:
	case LLVMAnd:
	case LLVMOr:
	case LLVMXor: return LLVMBuildBinOp(b->ir, ti->opcode, v[0], v[1], "");
	case LLVMTrunc:
	case LLVMZExt:
	case LLVMSExt:
	case LLVMBitCast:
	case LLVMIntToPtr:
	case LLVMPtrToInt: return LLVMBuildCast(b->ir, ti->opcode, v[0], ti->type, "");
	case LLVMICmp: return LLVMBuildICmp(b->ir, LLVMGetICmpPredicate(ti->inst), v[0], v[1], "");
	case LLVMFreeze: return v[0];
	default: return NULL;
	}
}

static bool emit_select(struct builder *b, struct copy *c, const struct tinst *ti,
			struct value *out)
{
	struct value condition = operand(b, c, &ti->operands[0]);

	if (!is_constant_int(condition))
		return false;
	*out = operand(b, c, &ti->operands[LLVMConstIntGetZExtValue(condition.v) ? 1 : 2]);
	return true;
}

static bool emit_other(struct builder *b, struct copy *c, const struct tinst *ti, struct value *out)
{
	LLVMValueRef *v = g_newa(LLVMValueRef, ti->operand_count + 1);
	bool constant = true;

	if (ti->opcode == LLVMSelect && emit_select(b, c, ti, out))
		return true;
	for (unsigned int i = 0; i < ti->operand_count; i++) {
		struct value value = operand(b, c, &ti->operands[i]);
		if (ti->operands[i].kind == OPERAND_OTHER)
			return fail(b, "operand");
		constant &= is_constant(value);
		v[i] = materialize(b, value);
		if (!v[i])
			return false;
	}
	LLVMValueRef folded = constant ? fold(b, ti, v) : NULL;
	if (folded) {
		*out = plain(folded);
		return true;
	}
	LLVMValueRef copy = copy_inst(b, ti);
	for (unsigned int i = 0; i < ti->operand_count; i++)
		LLVMSetOperand(copy, i, v[i]);
	*out = plain(copy);
	return true;
}

static bool emit_inst(struct builder *b, struct copy *c, const struct tinst *ti, struct value *out)
{
	switch (ti->opcode) {
	case LLVMLoad: return emit_load(b, c, ti, out);
	case LLVMStore: return emit_store(b, c, ti);
	case LLVMAtomicRMW:
	case LLVMAtomicCmpXchg: return emit_atomic(b, c, ti, out);
	case LLVMGetElementPtr: return emit_gep(b, c, ti, out);
	case LLVMAlloca: return emit_alloca(b, ti, out);
	case LLVMCall: return emit_call(b, c, ti, out);
	default: return emit_other(b, c, ti, out);
	}
}

/* --- control flow within a template --- */

/* What the first edge left pending is stored before it, as others do not have it. */
static void flush_first_edge(struct builder *b, struct label *label)
{
	LLVMBasicBlockRef at = here(b);
	struct known known = b->known;

	if (!label->known.pending)
		return;
	LLVMPositionBuilderBefore(b->ir, LLVMGetBasicBlockTerminator(label->first));
	b->known = label->known;
	flush_pending(b, true);
	label->known.pending = 0;
	b->known = known;
	position(b, at);
}

void label_reach(struct builder *b, struct label *label, bool loop_head)
{
	if (!label->block)
		label->block = new_block(b);
	if (loop_head) {
		flush_pending(b, true);
		label->known = (struct known){{NULL}};
	} else if (!label->edges) {
		label->known = b->known;
		label->first = here(b);
	} else {
		flush_pending(b, true);
		flush_first_edge(b, label);
		for (unsigned int i = 0; i <= b->isa->slot_count; i++)
			if (label->known.slot[i] != b->known.slot[i])
				label->known.slot[i] = NULL;
	}
	label->edges++;
}

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

static bool emit_branch(struct builder *b, struct copy *c, const struct tinst *ti,
			unsigned int from)
{
	if (ti->block_count == 1)
		return edge(b, c, from, ti->blocks[0]);
	struct value condition = operand(b, c, &ti->operands[0]);
	if (is_constant_int(condition))
		return edge(b, c, from, ti->blocks[LLVMConstIntGetZExtValue(condition.v) ? 0 : 1]);
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

static bool copy_template(struct builder *b, struct copy *c)
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
