/*
 * What the files that copy op bodies share: slots.c (registers), emit.c (instructions) and copy.c
 * (blocks). All of it works at the builder's current position.
 */
#ifndef JIT_LLVM_EMIT_H
#define JIT_LLVM_EMIT_H

#include "jit-llvm/jit.h"

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

/* --- slots.c --- */

LLVMBasicBlockRef here(struct builder *b);
LLVMValueRef offset_pointer(struct builder *b, LLVMValueRef p, int64_t offset);
/* An access of the emulator's own memory: guest stores do not change it. */
void mark_host(struct builder *b, LLVMValueRef access);
/* Moves to the head of the function's entry; returns the block that the position was in. */
LLVMBasicBlockRef position_in_entry(struct builder *b);
/* A variable, made in the function's entry. */
LLVMValueRef entry_variable(struct builder *b, LLVMTypeRef type);
/* The slot that covers an offset of the register file; -1: that is memory. */
int slot_find(struct builder *b, int64_t offset);
uint64_t type_size(struct builder *b, LLVMTypeRef type);
LLVMTypeRef int_type(struct builder *b, uint64_t bytes);
/* An integer as a value of any type of that size, and back. */
LLVMValueRef from_int(struct builder *b, LLVMValueRef v, LLVMTypeRef type);
LLVMValueRef to_int(struct builder *b, LLVMValueRef v, uint64_t bytes);
/* A part of a slot: `at` bytes into it. */
LLVMValueRef slot_extract(struct builder *b, unsigned int s, uint64_t at, LLVMTypeRef type);
void slot_insert(struct builder *b, unsigned int s, uint64_t at, LLVMValueRef v);
/* The slot that an access of `size` bytes lies in; -1: memory; -2: it spans slots. */
int slot_for(struct builder *b, int64_t offset, uint64_t size);
/* Accesses that span slots, piece by piece. NULL, false: pieces are not aligned in them. */
LLVMValueRef slots_load(struct builder *b, int64_t offset, LLVMTypeRef type);
bool slots_store(struct builder *b, int64_t offset, LLVMValueRef value);

/* --- emit.c --- */

/* Notes why the op cannot be copied; false. */
bool fail(struct builder *b, const char *why);
struct value plain(LLVMValueRef v);
/* An LLVM value for what may be an offset; NULL: a register has no address. */
LLVMValueRef materialize(struct builder *b, struct value v);
struct value operand(struct builder *b, struct copy *c, const struct operand *o);
bool is_constant_int(struct value v);
/* Copies an instruction that is no PHI and no terminator. */
bool emit_inst(struct builder *b, struct copy *c, const struct tinst *ti, struct value *out);

/* --- probe.c --- */

/* Asks for `size` bytes at `va`: goes on with b->probed where they may be reached directly, else to
 * `slow`. */
void emit_probe(struct builder *b, LLVMValueRef va, uint64_t size, bool write,
		LLVMBasicBlockRef slow);

/* --- copy.c --- */

/* Copies all that is reached; the values of returns go where c says. */
bool copy_template(struct builder *b, struct copy *c);

#endif
