/*
 * Guest registers in a region's function, and what else its builder needs all the time.
 *
 * A register is a variable (`slot`) that mem2reg turns into an SSA value; within a straight run its
 * value is known here already. In write_through it also goes to memory: at once, or where it is
 * deferred at exits and wherever ways meet.
 */
#include "jit-llvm/emit.h"

#include <limits.h>
#include <string.h>

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

void go_on_if(struct builder *b, LLVMValueRef condition, LLVMBasicBlockRef rest,
	      unsigned int weight)
{
	LLVMBasicBlockRef yes = new_block(b);
	LLVMValueRef br = LLVMBuildCondBr(b->ir, condition, yes, rest);
	LLVMMetadataRef parts[3] = {
		LLVMMDStringInContext2(b->context, "branch_weights", 14),
		LLVMValueAsMetadata(const_int(b->i32, weight)),
		LLVMValueAsMetadata(const_int(b->i32, 1)),
	};

	LLVMSetMetadata(
		br, b->metadata_prof,
		LLVMMetadataAsValue(b->context, LLVMMDNodeInContext2(b->context, parts, 3)));
	position(b, yes);
}

/* --- slots --- */

/* Parts of a vector register that make the least work of the accesses that have been seen. */
static unsigned int best_part(const unsigned int *seen)
{
	unsigned int best = 8, least = UINT_MAX;

	for (unsigned int log2 = 4; log2 >= 2; log2--) {
		unsigned int work = 0;
		for (unsigned int k = 0; k <= 4; k++) {
			/* To put together, or to get at a lane. */
			work += k > log2 ? seen[k] * 3 << (k - log2) : k < log2 ? 4 * seen[k] : 0;
		}
		if (work < least) {
			best = 1u << log2;
			least = work;
		}
	}
	return best;
}

bool slot_map_improve(struct slot_map *map, const struct jit_isa *isa)
{
	bool changed = false;

	for (unsigned int i = 0; i < isa->slot_count; i++) {
		unsigned int part = 16;
		if (isa->slots[i].size != 16)
			continue;
		if (isa->vectors_split)
			part = map->part[i] ? best_part(map->seen[i]) : 8;
		changed |= part != map->part[i];
		map->part[i] = (uint8_t)part;
	}
	memset(map->seen, 0, sizeof(map->seen));
	return changed;
}

static void make_slot(struct builder *b, struct jit_slot slot, LLVMTypeRef type)
{
	b->slot_type[b->slot_count] = type;
	b->slots[b->slot_count] = slot;
	for (unsigned int k = 0; k < slot.size; k += 4)
		b->slot_at[(slot.offset + k) / 4] = (int8_t)b->slot_count;
	b->slot_count++;
}

void make_slots(struct builder *b)
{
	memset(b->slot_at, -1, sizeof(b->slot_at));
	b->slot_count = 0;
	for (unsigned int i = 0; i < b->isa->slot_count; i++) {
		struct jit_slot slot = b->isa->slots[i];
		if (slot.size != 16) {
			make_slot(b, slot, slot.size == 4 ? b->i32 : b->i64);
			continue;
		}
		slot.part = true;
		slot.size = b->map->part[i];
		for (unsigned int k = 0; k < 16; k += slot.size) {
			make_slot(b, slot,
				  slot.size == 4   ? LLVMFloatTypeInContext(b->context)
				  : slot.size == 8 ? LLVMDoubleTypeInContext(b->context)
						   : b->v2i64);
			slot.offset = (uint16_t)(slot.offset + slot.size);
		}
	}
	b->slot_type[b->slot_count] = b->i64;
}

/* For slot_map_improve(). */
static void note_access(struct builder *b, int64_t offset, uint64_t size)
{
	for (unsigned int i = 0; b->isa->vectors_split && i < b->isa->slot_count; i++) {
		const struct jit_slot *slot = &b->isa->slots[i];
		if (slot->size == 16 && offset >= slot->offset && offset < slot->offset + 16)
			b->map->seen[i][size >= 16 ? 4 : size >= 8 ? 3 : size >= 4 ? 2 : 0]++;
	}
}

LLVMBasicBlockRef position_in_entry(struct builder *b)
{
	LLVMBasicBlockRef at = here(b);
	LLVMValueRef first = LLVMGetFirstInstruction(b->entry);

	if (first)
		LLVMPositionBuilderBefore(b->ir, first);
	else
		position(b, b->entry);
	return at;
}

/* A variable in the function's entry. */
LLVMValueRef entry_variable(struct builder *b, LLVMTypeRef type)
{
	LLVMBasicBlockRef at = position_in_entry(b);
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

	if (s < b->slot_count && b->slots[s].offset == b->isa->zero_offset)
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
	return vcpu_field(b, b->isa->regs_offset + b->slots[s].offset);
}

static void store_slot(struct builder *b, unsigned int s, LLVMValueRef value)
{
	mark_host(b, LLVMBuildStore(b->ir, value, register_address(b, s)));
}

static bool is_deferred(struct builder *b, unsigned int s)
{
	return b->slots[s].deferred || b->slots[s].temporary;
}

void drop_temporaries(struct builder *b)
{
	for (unsigned int s = 0; s < b->slot_count && b->known.pending; s++)
		if (b->slots[s].temporary)
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
	if (b->write_through && s < b->slot_count) {
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

/* A slot of a vector register, or of a part of one, seen as lanes of `bytes`. */
static LLVMTypeRef lanes_type(struct builder *b, uint64_t whole, uint64_t bytes)
{
	return LLVMVectorType(int_type(b, bytes), (unsigned int)(whole / bytes));
}

LLVMValueRef slot_extract(struct builder *b, unsigned int s, uint64_t at, LLVMTypeRef type)
{
	LLVMValueRef v = slot_get(b, s);
	uint64_t size = type_size(b, type), whole = b->slots[s].size;

	if (b->slots[s].part) {
		if (size == whole)
			return LLVMBuildBitCast(b->ir, v, type, "");
		v = LLVMBuildBitCast(b->ir, v, lanes_type(b, whole, size), "");
		v = LLVMBuildExtractElement(b->ir, v, const_int(b->i32, at / size), "");
		return from_int(b, v, type);
	}
	if (at)
		v = LLVMBuildLShr(b->ir, v, const_int(b->slot_type[s], at * 8), "");
	if (size != whole)
		v = LLVMBuildTrunc(b->ir, v, int_type(b, size), "");
	return from_int(b, v, type);
}

static void part_insert(struct builder *b, unsigned int s, uint64_t at, LLVMValueRef v)
{
	uint64_t size = type_size(b, LLVMTypeOf(v)), whole = b->slots[s].size;

	if (size != whole) {
		LLVMTypeRef lanes = lanes_type(b, whole, size);
		LLVMValueRef old = LLVMBuildBitCast(b->ir, slot_get(b, s), lanes, "");
		v = LLVMBuildInsertElement(b->ir, old, to_int(b, v, size),
					   const_int(b->i32, at / size), "");
	}
	slot_set(b, s, LLVMBuildBitCast(b->ir, v, b->slot_type[s], ""));
}

void slot_insert(struct builder *b, unsigned int s, uint64_t at, LLVMValueRef v)
{
	uint64_t size = type_size(b, LLVMTypeOf(v)), whole = b->slots[s].size;
	LLVMTypeRef type = b->slot_type[s];

	if (b->slots[s].part) {
		part_insert(b, s, at, v);
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
	const struct jit_slot *slot = &b->slots[s];
	uint64_t at = (uint64_t)offset - slot->offset;
	note_access(b, offset, size);
	if (at + size > slot->size || (slot->part && at % size))
		return -2;
	return s;
}

/* --- accesses that span slots --- */

/* What an access is made in: as large a piece as lies in one slot everywhere. 0: none. */
static uint64_t piece_size(struct builder *b, int64_t offset, uint64_t size)
{
	uint64_t piece = offset % 8 || size % 8 ? 4 : 8;

	if (offset % 4 || size % 4)
		return 0;
	for (uint64_t done = 0; done < size; done += 4) {
		int s = slot_find(b, offset + (int64_t)done);
		if (s < 0)
			return 0;
		if (b->slots[s].size < piece)
			piece = 4;
	}
	return piece;
}

/* Pieces of parts stay what they are: from there to integers would be another register. */
static LLVMTypeRef piece_type(struct builder *b, int64_t offset, uint64_t piece)
{
	int s = slot_find(b, offset);

	return b->slots[s].part && b->slots[s].size == piece ? b->slot_type[s] : int_type(b, piece);
}

LLVMValueRef slots_load(struct builder *b, int64_t offset, LLVMTypeRef type)
{
	uint64_t size = type_size(b, type), piece = piece_size(b, offset, size);

	if (!piece)
		return NULL;
	LLVMTypeRef each = piece_type(b, offset, piece);
	LLVMValueRef v = LLVMGetPoison(LLVMVectorType(each, (unsigned int)(size / piece)));
	for (uint64_t done = 0; done < size; done += piece) {
		int s = slot_find(b, offset + (int64_t)done);
		uint64_t at = (uint64_t)offset + done - b->slots[s].offset;
		LLVMValueRef part = slot_extract(b, (unsigned int)s, at, each);
		v = LLVMBuildInsertElement(b->ir, v, part, const_int(b->i32, done / piece), "");
	}
	if (LLVMGetTypeKind(type) == LLVMPointerTypeKind)
		return LLVMBuildIntToPtr(b->ir, to_int(b, v, size), type, "");
	return LLVMBuildBitCast(b->ir, v, type, "");
}

/* Of an integer or vector. */
static LLVMValueRef piece_of(struct builder *b, LLVMValueRef v, uint64_t at, LLVMTypeRef each)
{
	LLVMTypeRef type = LLVMTypeOf(v);
	uint64_t piece = type_size(b, each);

	if (LLVMGetTypeKind(type) == LLVMIntegerTypeKind && type_size(b, type) <= 8) {
		v = LLVMBuildLShr(b->ir, v, const_int(type, 8 * at), "");
		v = LLVMBuildTrunc(b->ir, v, int_type(b, piece), "");
		return LLVMBuildBitCast(b->ir, v, each, "");
	}
	unsigned int count = (unsigned int)(type_size(b, type) / piece);
	v = LLVMBuildBitCast(b->ir, v, LLVMVectorType(each, count), "");
	return LLVMBuildExtractElement(b->ir, v, const_int(b->i32, at / piece), "");
}

/* Compilers put neighbours together. */
bool slots_store(struct builder *b, int64_t offset, LLVMValueRef value)
{
	uint64_t size = type_size(b, LLVMTypeOf(value)), piece = piece_size(b, offset, size);

	if (!piece)
		return false;
	if (LLVMGetTypeKind(LLVMTypeOf(value)) == LLVMPointerTypeKind)
		value = to_int(b, value, size);
	for (uint64_t done = 0; done < size; done += piece) {
		int s = slot_find(b, offset + (int64_t)done);
		LLVMTypeRef each = piece_type(b, offset + (int64_t)done, piece);
		uint64_t at = (uint64_t)offset + done - b->slots[s].offset;
		slot_insert(b, (unsigned int)s, at, piece_of(b, value, done, each));
	}
	return true;
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
		for (unsigned int i = 0; i <= b->slot_count; i++)
			if (label->known.slot[i] != b->known.slot[i])
				label->known.slot[i] = NULL;
		label->known.pages &= b->known.pages;
	}
	label->edges++;
}
