/*
 * Running an instruction natively: a page of code with the instruction between a prologue that
 * loads the state and an epilogue that stores it.
 */
#include "native.h"

#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <ucontext.h>

/* clang-format off */
__asm__(
	".pushsection .rodata\n"
	"native_prologue:\n"
	"	push %rbx; push %rbp; push %r12; push %r13; push %r14; push %r15\n"
	"	mov %rdi, %r15\n"
	"	fxrstor64 (%r15)\n"
	"	pushq 640(%r15); popfq\n"
	"	mov 512(%r15), %rax; mov 520(%r15), %rcx; mov 528(%r15), %rdx; mov 536(%r15), %rbx\n"
	"	mov 552(%r15), %rbp; mov 560(%r15), %rsi; mov 568(%r15), %rdi; mov 576(%r15), %r8\n"
	"	mov 584(%r15), %r9; mov 592(%r15), %r10; mov 600(%r15), %r11; mov 608(%r15), %r12\n"
	"	mov 616(%r15), %r13; mov 624(%r15), %r14\n"
	"native_prologue_end:\n"
	"native_epilogue:\n"
	"	mov %rax, 512(%r15); mov %rcx, 520(%r15); mov %rdx, 528(%r15); mov %rbx, 536(%r15)\n"
	"	mov %rbp, 552(%r15); mov %rsi, 560(%r15); mov %rdi, 568(%r15); mov %r8, 576(%r15)\n"
	"	mov %r9, 584(%r15); mov %r10, 592(%r15); mov %r11, 600(%r15); mov %r12, 608(%r15)\n"
	"	mov %r13, 616(%r15); mov %r14, 624(%r15)\n"
	"	pushfq; popq 640(%r15)\n"
	"	fxsave64 (%r15)\n"
	"	pop %r15; pop %r14; pop %r13; pop %r12; pop %rbp; pop %rbx\n"
	"	ret\n"
	"native_epilogue_end:\n"
	".popsection\n");
/* clang-format on */
_Static_assert(offsetof(struct native_state, gpr) == 512, "prologue");
_Static_assert(offsetof(struct native_state, flags) == 640, "prologue");

extern const uint8_t native_prologue[], native_prologue_end[], native_epilogue[],
	native_epilogue_end[];

static uint8_t *code;
static sigjmp_buf escape;
static volatile enum native_exception caught;
static struct fxsave at_fault;

static void on_signal(int number, siginfo_t *info, void *context)
{
	ucontext_t *u = context;

	caught = number == SIGFPE ? NATIVE_FPE : number == SIGILL ? NATIVE_ILL : NATIVE_SEGV;
	memcpy(&at_fault, u->uc_mcontext.fpregs, sizeof(at_fault));
	siglongjmp(escape, 1);
}

void native_init(void)
{
	struct sigaction action = {.sa_sigaction = on_signal, .sa_flags = SA_SIGINFO | SA_NODEFER};

	sigaction(SIGFPE, &action, NULL);
	sigaction(SIGILL, &action, NULL);
	sigaction(SIGSEGV, &action, NULL);
	code = mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1,
		    0);
	if (code == MAP_FAILED) {
		perror("mmap");
		exit(1);
	}
}

static uint8_t *append(uint8_t *to, const uint8_t *from, size_t size)
{
	memcpy(to, from, size);
	return to + size;
}

enum native_exception native_run(const uint8_t *insn, size_t size, struct native_state *state)
{
	uint32_t mxcsr = 0x1f80;
	uint8_t *p = code;

	p = append(p, native_prologue, (size_t)(native_prologue_end - native_prologue));
	p = append(p, insn, size);
	append(p, native_epilogue, (size_t)(native_epilogue_end - native_epilogue));
	caught = NATIVE_NONE;
	if (sigsetjmp(escape, 0) == 0)
		((void (*)(struct native_state *))(uintptr_t)code)(state);
	else
		state->fx = at_fault;
	__asm__ volatile("fninit; ldmxcsr %0" : : "m"(mxcsr));
	return caught;
}
