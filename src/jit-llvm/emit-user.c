/*
 * Guest memory in user mode (interp/direct.h): accesses that may fault on the host.
 *
 * As a rule that ends the program, and nobody looks at its registers. Where somebody does (a guest
 * with a handler for SIGSEGV, code that may be changed by its own stores, -accel check), a region
 * is exact: registers are in memory before each access (write_through), the number of the op is
 * noted, and a barrier that makes no code keeps LLVM from moving stores across.
 */
#include "jit-llvm/jit.h"

#include <stddef.h>

/* The number of an op among those that a fault may name. */
static uint32_t op_number(struct builder *b)
{
	GPtrArray *ops = b->fault_ops;

	if (!ops->len || ops->pdata[ops->len - 1] != b->op_at)
		g_ptr_array_add(ops, (void *)b->op_at);
	return ops->len - 1;
}

static void barrier(struct builder *b)
{
	LLVMBuildFence(b->ir, LLVMAtomicOrderingSequentiallyConsistent, true, "");
}

void before_guest_access(struct builder *b)
{
	if (!b->job->exact)
		return;
	flush_pending(b, true);
	LLVMBuildStore(b->ir, const_int(b->i32, op_number(b)),
		       vcpu_field(b, offsetof(struct vcpu, region_op)));
	barrier(b);
}

void after_guest_access(struct builder *b)
{
	if (b->job->exact)
		barrier(b);
}

LLVMValueRef guest_host_pointer(struct builder *b, LLVMValueRef p)
{
	if (LLVMGetPointerAddressSpace(LLVMTypeOf(p)) == 0)
		return p;
	LLVMValueRef at = LLVMBuildPtrToInt(b->ir, p, b->i64, "");
	LLVMValueRef base = const_int(b->i64, (uintptr_t)b->job->direct);

	return LLVMBuildIntToPtr(b->ir, LLVMBuildAdd(b->ir, at, base, ""), b->ptr, "");
}
