/*
 * The native side: a stub loads all registers, jumps to the code and saves them when it comes back;
 * a signal handler does the same when an instruction faults.
 *
 * The stub and its context lie at fixed addresses below 2 GiB, so that absolute addresses do and no
 * register is needed.
 */
#include "truth-gen.h"

#include <asm/ldt.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

#define CONTEXT_BASE 0x2d5b9000
#define STUB_BASE    0x2d5ba000

/* Offsets are named in the assembly below. */
struct context {
	u64 in_r[16];	      /* 000 */
	u64 in_flags;	      /* 080 */
	u32 target;	      /* 088 */
	u16 target_cs, pad0;  /* 08c */
	u64 host_rsp;	      /* 090 */
	u64 host_fs;	      /* 098 */
	u64 fs_base, gs_base; /* 0a0, 0a8: if bases_set */
	u16 in_seg[6];	      /* 0b0 es cs ss ds fs gs */
	u32 bases_set;	      /* 0bc */
	u64 host_flags;	      /* 0c0 */
	u32 mxcsr, running;   /* 0c8, 0cc */
	u64 handler;	      /* 0d0 */
	u8 pad1[0x28];
	u64 out_r[16];	/* 100 */
	u64 out_flags;	/* 180 */
	u16 out_seg[6]; /* 188 */
	u8 pad2[0x6c];
	u8 in_fx[512];	/* 200 */
	u8 out_fx[512]; /* 400 */
};
_Static_assert(offsetof(struct context, in_fx) == 0x200, "the assembly knows it");
_Static_assert(offsetof(struct context, out_r) == 0x100, "the assembly knows it");

#define CTX ((struct context *)CONTEXT_BASE)

__asm__(".pushsection .rodata\n"
	".globl truth_stub, truth_stub_signal, truth_stub_end\n"
	"truth_stub:\n"
	"	push %rbx\n	push %rbp\n	push %r12\n	push %r13\n	push %r14\n	"
	"push %r15\n"
	"	mov %rsp, 0x2d5b9090\n"
	"	fxrstor64 0x2d5b9200\n"
	"	mov 0x2d5b90b0, %es\n"
	"	mov 0x2d5b90b6, %ds\n"
	"	mov 0x2d5b90b8, %fs\n"
	"	mov 0x2d5b90ba, %gs\n"
	"	cmpl $0, 0x2d5b90bc\n"
	"	je 1f\n"
	"	mov 0x2d5b90a0, %rax\n	wrfsbase %rax\n"
	"	mov 0x2d5b90a8, %rax\n	wrgsbase %rax\n"
	/* SS may be a 16-bit stack: nothing is pushed from here on */
	"1:	pushq 0x2d5b9080\n	popfq\n"
	"	mov 0x2d5b90b4, %ss\n"
	"	mov 0x2d5b9000, %rax\n	mov 0x2d5b9008, %rcx\n"
	"	mov 0x2d5b9010, %rdx\n	mov 0x2d5b9018, %rbx\n"
	"	mov 0x2d5b9020, %rsp\n	mov 0x2d5b9028, %rbp\n"
	"	mov 0x2d5b9030, %rsi\n	mov 0x2d5b9038, %rdi\n"
	"	mov 0x2d5b9040, %r8\n	mov 0x2d5b9048, %r9\n"
	"	mov 0x2d5b9050, %r10\n	mov 0x2d5b9058, %r11\n"
	"	mov 0x2d5b9060, %r12\n	mov 0x2d5b9068, %r13\n"
	"	mov 0x2d5b9070, %r14\n	mov 0x2d5b9078, %r15\n"
	"	ljmp *0x2d5b9088\n"
	/* the code comes back here, in 64-bit mode */
	".org truth_stub + 0x800\n"
	"truth_stub_exit:\n"
	"	mov %rax, 0x2d5b9100\n	mov %rcx, 0x2d5b9108\n"
	"	mov %rdx, 0x2d5b9110\n	mov %rbx, 0x2d5b9118\n"
	"	mov %rsp, 0x2d5b9120\n	mov %rbp, 0x2d5b9128\n"
	"	mov %rsi, 0x2d5b9130\n	mov %rdi, 0x2d5b9138\n"
	"	mov %r8, 0x2d5b9140\n	mov %r9, 0x2d5b9148\n"
	"	mov %r10, 0x2d5b9150\n	mov %r11, 0x2d5b9158\n"
	"	mov %r12, 0x2d5b9160\n	mov %r13, 0x2d5b9168\n"
	"	mov %r14, 0x2d5b9170\n	mov %r15, 0x2d5b9178\n"
	"	mov 0x2d5b9090, %rsp\n"
	"	pushfq\n	popq 0x2d5b9180\n"
	"	pushq 0x2d5b90c0\n	popfq\n"
	"	mov %es, 0x2d5b9188\n	mov %ss, 0x2d5b918c\n	mov %ds, 0x2d5b918e\n"
	"	mov %fs, 0x2d5b9190\n	mov %gs, 0x2d5b9192\n"
	"	mov $0x2b, %eax\n	mov %eax, %ss\n"
	"	fxsave64 0x2d5b9400\n"
	"	xor %eax, %eax\n	mov %eax, %fs\n	mov %eax, %gs\n"
	"	mov 0x2d5b9098, %rax\n	wrfsbase %rax\n"
	"2:	fninit\n"
	"	ldmxcsr 0x2d5b90c8\n"
	"	pop %r15\n	pop %r14\n	pop %r13\n	pop %r12\n	pop %rbp\n	"
	"pop %rbx\n"
	"	ret\n"
	/* from the C signal handler: as if the code had come back */
	"truth_stub_return:\n"
	"	mov 0x2d5b9090, %rsp\n"
	"	jmp 2b\n"
	/* signal handlers start here, with the base of FS as the code left it */
	"truth_stub_signal:\n"
	"	pushq 0x2d5b90c0\n	popfq\n"
	"	cmpl $0, 0x2d5b90cc\n"
	"	je 3f\n"
	"	mov %es, 0x2d5b9188\n	mov %ds, 0x2d5b918e\n"
	"	mov %fs, 0x2d5b9190\n	mov %gs, 0x2d5b9192\n"
	"	xor %eax, %eax\n	mov %eax, %fs\n	mov %eax, %gs\n"
	"	mov 0x2d5b9098, %rax\n	wrfsbase %rax\n"
	"3:	jmp *0x2d5b90d0\n"
	"truth_stub_end:\n"
	".popsection\n");

extern const u8 truth_stub[], truth_stub_return[], truth_stub_signal[], truth_stub_end[];
void truth_signal(int signal_number, siginfo_t *info, void *opaque);

#define STUB_AT(label) (STUB_BASE + (u32)((label) - truth_stub))

static struct state *result; /* of the run that is going on */
static u8 *code_window;	     /* a second mapping of the code pages, writable */
static bool has_ldt;

const struct ldt_entry truth_ldt[TRUTH_LDT] = {
	{.base = DATA_BASE, .limit = DATA_SIZE - 1, .big = true},
	{.base = DATA_BASE, .limit = 0xfff, .big = true, .down = true},
	{.base = CODE_BASE, .limit = CODE_PAGES * PAGE - 1, .code = true},
	{.base = DATA_BASE, .limit = DATA_SIZE + 0x3ff},
	{.base = DATA_BASE, .limit = DATA_SIZE - 1, .big = true, .readonly = true},
	{.base = CODE_BASE,
	 .limit = CODE_PAGES * PAGE - 1,
	 .big = true,
	 .code = true,
	 .readonly = true},
	{.base = DATA_BASE, .limit = DATA_SIZE - 1, .big = true, .missing = true},
	{.base = DATA_BASE, .limit = 0x7ff, .down = true},
	{.base = DATA_BASE, .limit = DATA_SIZE - 1, .big = true, .code = true},
};

static void ldt_init(void)
{
	has_ldt = true;
	for (unsigned int i = 0; i < TRUTH_LDT; i++) {
		const struct ldt_entry *e = &truth_ldt[i];
		struct user_desc d = {
			.entry_number = i,
			.base_addr = e->base,
			.limit = e->limit,
			.seg_32bit = e->big,
			.read_exec_only = e->readonly,
			.contents = e->code   ? 2
				    : e->down ? 1
					      : 0,
			.seg_not_present = e->missing,
		};
		if (syscall(SYS_modify_ldt, 0x11, &d, sizeof(d)))
			has_ldt = false;
	}
}

bool native_has_ldt(void)
{
	return has_ldt;
}

static void *map_fixed(u32 at, size_t size, int prot, int fd, off_t offset)
{
	void *p = mmap((void *)(uintptr_t)at, size, prot,
		       MAP_FIXED_NOREPLACE | (fd < 0 ? MAP_PRIVATE | MAP_ANONYMOUS : MAP_SHARED),
		       fd, offset);

	if (p == MAP_FAILED) {
		perror("mmap of a fixed address");
		exit(77); /* the test is skipped */
	}
	return p;
}

static void map_all(void)
{
	int fd = memfd_create("truth", 0);

	if (fd < 0 || ftruncate(fd, CODE_PAGES * PAGE)) {
		perror("memfd_create");
		exit(77);
	}
	map_fixed(CODE_BASE, CODE_PAGES * PAGE, PROT_READ | PROT_EXEC, fd, 0);
	code_window = mmap(NULL, CODE_PAGES * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	u8 *data = map_fixed(DATA_BASE, DATA_SIZE, PROT_READ | PROT_WRITE, -1, 0);
	data_readonly_page(data + DATA_RW);
	mprotect(data + DATA_RW, PAGE, PROT_READ);
	map_fixed(CONTEXT_BASE, PAGE, PROT_READ | PROT_WRITE, -1, 0);
	void *stub = map_fixed(STUB_BASE, PAGE, PROT_READ | PROT_WRITE, -1, 0);
	memcpy(stub, truth_stub, (size_t)(truth_stub_end - truth_stub));
	mprotect(stub, PAGE, PROT_READ | PROT_EXEC);
	close(fd);
}

static void handlers_init(void)
{
	static const int signals[] = {SIGSEGV, SIGILL, SIGFPE, SIGBUS, SIGTRAP};
	stack_t stack = {.ss_size = 256 * 1024};

	stack.ss_sp = mmap(NULL, stack.ss_size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
			   -1, 0);
	sigaltstack(&stack, NULL);
	for (unsigned int i = 0; i < sizeof(signals) / sizeof(signals[0]); i++) {
		struct sigaction action = {.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER};
		action.sa_sigaction =
			(void (*)(int, siginfo_t *, void *))(uintptr_t)STUB_AT(truth_stub_signal);
		sigaction(signals[i], &action, NULL);
	}
}

u32 native_limit(u16 selector)
{
	u32 limit = 0;

	__asm__("lsl %1, %0" : "+r"(limit) : "r"((u32)selector) : "cc");
	return limit;
}

/* One of the GDT's segments tells the processor's number: stay where we are. */
static void stay_here(void)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(sched_getcpu(), &set);
	sched_setaffinity(0, sizeof(set), &set);
}

void native_init(void)
{
	stay_here();
	map_all();
	ldt_init();
	handlers_init();
	CTX->mxcsr = 0x1f80;
	CTX->host_flags = 0x202;
	CTX->handler = (u64)(uintptr_t)truth_signal;
}

/* Called by the stub on the alternate stack. */
void truth_signal(int signal_number, siginfo_t *info, void *opaque)
{
	static const u8 order[16] = {REG_RAX, REG_RCX, REG_RDX, REG_RBX, REG_RSP, REG_RBP,
				     REG_RSI, REG_RDI, REG_R8,	REG_R9,	 REG_R10, REG_R11,
				     REG_R12, REG_R13, REG_R14, REG_R15};
	const ucontext_t *uc = opaque;
	const greg_t *g = uc->uc_mcontext.gregs;

	if (!CTX->running) { /* a bug of ours */
		signal(signal_number, SIG_DFL);
		return;
	}
	for (unsigned int i = 0; i < 16; i++)
		CTX->out_r[i] = (u64)g[order[i]];
	CTX->out_flags = (u64)g[REG_EFL];
	CTX->out_seg[T_CS] = (u16)g[REG_CSGSFS];
	CTX->out_seg[T_SS] = (u16)((u64)g[REG_CSGSFS] >> 48);
	memcpy(CTX->out_fx, uc->uc_mcontext.fpregs, 512);
	result->rip = (u64)g[REG_RIP];
	result->vector = (u8)g[REG_TRAPNO];
	result->error = (u32)g[REG_ERR];
	result->cr2 = (u64)g[REG_CR2];
	/* A single-step trap behind the last instruction is none of the case's. */
	result->raised = !(result->vector == 1 && result->rip == EXIT_ADDRESS);
	__asm__ volatile("jmp *%0" : : "r"((u64)STUB_AT(truth_stub_return)));
	__builtin_unreachable();
}

/* Code that goes back to the stub. */
static unsigned int put_exit(u8 *p, enum code_mode mode, u32 at)
{
	u32 to = EXIT_ADDRESS, n = 0;

	if (mode == CODE64) {
		p[n++] = 0xe9;
		to -= at + 5;
	} else {
		if (mode == CODE16)
			p[n++] = 0x66;
		p[n++] = 0xea;
	}
	memcpy(p + n, &to, 4);
	n += 4;
	if (mode != CODE64) {
		p[n++] = SEL_CS64;
		p[n++] = 0;
	}
	return n;
}

/* The rest of the pages is INT3. */
void code_write(u8 *pages, const struct tcase *t)
{
	u32 end = t->start + t->size;

	memset(pages, 0xcc, CODE_PAGES * PAGE);
	memcpy(pages + t->start, t->code, t->size);
	if (!t->cut)
		put_exit(pages + end, t->mode, CODE_BASE + end);
}

static void load_context(const struct tcase *t)
{
	struct context *c = CTX;

	memcpy(c->in_r, t->in.r, sizeof(c->in_r));
	memcpy(c->in_fx, t->in.fx, sizeof(c->in_fx));
	memcpy(c->in_seg, t->in.seg, sizeof(c->in_seg));
	c->in_flags = t->in.flags;
	c->target = (u32)t->in.rip;
	c->target_cs = t->in.seg[T_CS];
	c->bases_set = t->mode == CODE64;
	c->fs_base = FS_BASE;
	c->gs_base = GS_BASE;
	__asm__ volatile("rdfsbase %0" : "=r"(c->host_fs));
}

void native_run(const struct tcase *t, struct state *out)
{
	struct context *c = CTX;

	code_write(code_window, t);
	memcpy((void *)DATA_BASE, t->in.data, DATA_RW);
	load_context(t);
	result = out;
	out->raised = false;
	out->vector = 0;
	out->error = 0;
	out->cr2 = 0;
	c->running = 1;
	((void (*)(void))(uintptr_t)STUB_BASE)();
	__asm__ volatile("" : : : "memory");
	c->running = 0;
	if (!out->raised) {
		c->out_seg[T_CS] = t->in.seg[T_CS];
		out->rip = t->in.rip + t->size;
	}
	memcpy(out->r, c->out_r, sizeof(out->r));
	memcpy(out->seg, c->out_seg, sizeof(out->seg));
	memcpy(out->fx, c->out_fx, sizeof(out->fx));
	out->flags = c->out_flags;
	memcpy(out->data, (void *)DATA_BASE, DATA_SIZE);
}
