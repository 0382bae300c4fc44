/* What the files of the x86 ABIs share. */
#ifndef USER_LINUX_X86_H
#define USER_LINUX_X86_H

#include "interp/x86/fpu.h"
#include "interp/x86/system.h"
#include "user/linux/user.h"

static inline struct x86_cpu *x86_of(struct thread *t)
{
	return x86_cpu(t->cpu);
}

/* Selectors of 64-bit kernels. */
enum { USER32_CS = 0x23, USER_DS = 0x2b, USER64_CS = 0x33, TLS_FIRST = 12, TLS_COUNT = 3 };

/* Loads a data segment register as MOV would; false: it would raise. */
bool x86_user_load_seg(struct x86_cpu *c, enum x86_seg_name s, uint16_t selector);
/* Loads CS and SS from the process's own two kinds. */
void x86_user_set_code(struct x86_cpu *c, uint16_t cs, uint16_t ss);

bool x86_frame_32(struct thread *t, const struct guest_signal *s, const struct guest_action *a);
bool x86_frame_64(struct thread *t, const struct guest_signal *s, const struct guest_action *a);
bool x86_sigreturn_32(struct thread *t, bool rt, uint64_t *mask);
bool x86_sigreturn_64(struct thread *t, bool rt, uint64_t *mask);

#endif
