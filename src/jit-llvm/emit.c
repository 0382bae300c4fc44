/*
 * Copies the instructions of op bodies into a region's function.
 *
 * What is constant because the op record is (operand numbers, immediates) is folded on the way.
 * Pointers into the register file, the op record and the processor are no values but offsets, so
 * loads and stores of registers become uses of slots.
 */
#include "jit-llvm/emit.h"

#include <dlfcn.h>
#include <stddef.h>
#include <string.h>

/* --- values --- */

bool fail(struct builder *b, const char *why)
{
	b->failure = why;
	return false;
}

struct value plain(LLVMValueRef v)
{
	return (struct value){VALUE_PLAIN, 0, v};
}

/* A pointer into the register file's memory, the op record or the processor as an LLVM value; NULL
 * where a register has no memory. */
LLVMValueRef materialize(struct builder *b, struct value v)
{
	switch (v.kind) {
	case VALUE_PLAIN: return v.v;
	case VALUE_OP: return const_pointer(b, (const char *)b->op_at + v.offset);
	case VALUE_VCPU: return vcpu_field(b, (uint64_t)v.offset);
	case VALUE_PROBE: fail(b, "value of a probe"); return NULL;
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

struct value operand(struct builder *b, struct copy *c, const struct operand *o)
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

bool is_constant_int(struct value v)
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
		if (s == -2) {
			out->v = slots_load(b, p.offset, ti->type);
			*out = plain(out->v);
			return out->v || fail(b, "load across registers");
		}
		if (s >= 0) {
			uint64_t at = (uint64_t)p.offset - b->slots[s].offset;
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
			return slots_store(b, p.offset, value) || fail(b, "store across registers");
		if (s >= 0) {
			slot_insert(b, (unsigned int)s, (uint64_t)p.offset - b->slots[s].offset,
				    value);
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
	LLVMBasicBlockRef at = position_in_entry(b);

	*out = plain(copy_inst(b, ti));
	position(b, at);
	return true;
}

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
	return offset_pointer(b, lent->variable, p.offset - b->slots[s].offset);
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

/* The functions that stand for a probe in bodies (interp/vcpu.h). */
static bool is_probe(const char *name)
{
	return strncmp(name, "jit_probe", 9) == 0;
}

/* Where the body branches on it at once, that needs no value. */
static bool emit_probe_call(struct builder *b, struct copy *c, const struct tinst *ti,
			    const char *name, struct value *out)
{
	if (strcmp(name, "jit_probed") == 0) {
		*out = plain(b->probed);
		return true;
	}
	LLVMValueRef va = materialize(b, operand(b, c, &ti->operands[1]));
	struct value size = operand(b, c, &ti->operands[2]);
	const struct operand *condition = &ti[1].operands[0];
	bool branches = ti[1].opcode == LLVMBr && ti[1].block_count == 2 &&
			condition->kind == OPERAND_INST && &c->t->insts[condition->index] == ti;
	if (!va || !is_constant_int(size) || !branches)
		return fail(b, "probe");
	LLVMBasicBlockRef slow = new_block(b);
	emit_probe(b, va, LLVMConstIntGetZExtValue(size.v), strcmp(name, "jit_probe_write") == 0,
		   slow);
	*out = (struct value){VALUE_PROBE, 0, LLVMBasicBlockAsValue(slow)};
	return true;
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
	if (is_probe(name))
		return emit_probe_call(b, c, ti, name, out);
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

bool emit_inst(struct builder *b, struct copy *c, const struct tinst *ti, struct value *out)
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
