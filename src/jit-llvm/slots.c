/*
 * Guest registers in a region's function, and what else its builder needs all the time.
 *
 * A register is a variable (`slot`) that mem2reg turns into an SSA value; within a straight run its
 * value is known here already. In write_through it also goes to memory: at once, or where it is
 * deferred at exits and wherever ways meet.
 */
#include "jit-llvm/emit.h"

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

LLVMBasicBlockRef here(struct builder *b)
{
	return LLVMGetInsertBlock(b->ir);
}

LLVMValueRef offset_pointer(struct builder *b, LLVMValueRef p, int64_t offset)
{
	LLVMValueRef index = const_int(b->i64, (uint64_t)offset);

	return LLVMBuildGEP2(b->ir, b->i8, p, &index, 1, "");
}

LLVMValueRef vcpu_field(struct builder *b, uint64_t offset)
{
	return offset_pointer(b, b->vcpu, (int64_t)offset);
}

void mark_host(struct builder *b, LLVMValueRef access)
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
LLVMValueRef entry_variable(struct builder *b, LLVMTypeRef type)
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

int slot_find(struct builder *b, int64_t offset)
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

uint64_t type_size(struct builder *b, LLVMTypeRef type)
{
	return LLVMStoreSizeOfType(b->layout, type);
}

LLVMTypeRef int_type(struct builder *b, uint64_t bytes)
{
	return LLVMIntTypeInContext(b->context, (unsigned int)bytes * 8);
}

/* An integer as a value of any type of that size, and back. */
LLVMValueRef from_int(struct builder *b, LLVMValueRef v, LLVMTypeRef type)
{
	if (LLVMGetTypeKind(type) == LLVMPointerTypeKind)
		return LLVMBuildIntToPtr(b->ir, v, type, "");
	return LLVMBuildBitCast(b->ir, v, type, "");
}

LLVMValueRef to_int(struct builder *b, LLVMValueRef v, uint64_t bytes)
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

LLVMValueRef slot_extract(struct builder *b, unsigned int s, uint64_t at, LLVMTypeRef type)
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

void slot_insert(struct builder *b, unsigned int s, uint64_t at, LLVMValueRef v)
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
int slot_for(struct builder *b, int64_t offset, uint64_t size)
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

/* --- where ways meet --- */

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
