/* What the files of the ARM ABI share. */
#ifndef USER_LINUX_ARM_H
#define USER_LINUX_ARM_H

#include "interp/arm/cpu.h"
#include "user/linux/user.h"

static inline struct arm_cpu *arm_of(struct thread *t)
{
	return arm_cpu(t->cpu);
}

/* The page that the kernel gives every process (Documentation/arm/kernel_user_helpers.rst), with
 * the signal returns that kernels before 3.11 had there. */
#define ARM_VECTORS   UINT32_C(0xffff0000)
#define ARM_SIGRETURN UINT32_C(0xffff0500)

bool arm_frame(struct thread *t, const struct guest_signal *s, const struct guest_action *a);
bool arm_sigreturn(struct thread *t, bool rt, uint64_t *mask);
/* Fills the page, in the byte order that code has. */
void arm_put_helpers(struct thread *t, bool big_code);
/* A helper's SVC on processors without LDREX; false: not one of them. */
bool arm_helper_call(struct thread *t, uint32_t number);

#endif
