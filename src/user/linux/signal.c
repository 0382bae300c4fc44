/*
 * Signals. The kernel does the routing: a guest thread is a host thread with the same mask and the
 * same dispositions, so what is ignored, stopped or killed is so natively, and SA_RESTART is the
 * host's. Only handlers are ours: the host's handler notes the signal, blocks all others until it
 * is delivered, and ends guest code or the call that would wait.
 *
 * SIGSEGV and SIGBUS are never blocked on the host, as the guest's faults may come as such; sent by
 * others they are held here while the guest blocks them.
 */
#include "user/linux/syscall.h"

#include "interp/block.h"
#include "interp/direct.h"
#include "interp/tier.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

#define BIT(sig)      (UINT64_C(1) << ((sig) - 1))
#define OURS	      (BIT(SIGSEGV) | BIT(SIGBUS))
#define EVENT_SIGNAL  (UINT32_C(1) << 31) /* in vcpu.events: none of any ISA's */
#define HOST_RESTORER 0x04000000
#define KEPT_FLAGS    (SA_RESTART | SA_NOCLDSTOP | SA_NOCLDWAIT)

/* --- the host's interface, without what libc reserves of it --- */

struct kernel_action {
	uint64_t handler, flags, restorer, mask;
};

#ifdef __x86_64__
__asm__(".text\n"
	".type host_restorer, @function\n"
	"host_restorer:\n"
	"	mov $15, %rax\n"
	"	syscall\n"
	".size host_restorer, . - host_restorer\n");
void host_restorer(void);
#define RESTORER (uint64_t)(uintptr_t)host_restorer
#else
#define RESTORER 0
#endif

static int64_t host_action(int sig, const struct kernel_action *new, struct kernel_action *old)
{
	return syscall(SYS_rt_sigaction, sig, new, old, 8) ? -errno : 0;
}

static void host_mask_set(uint64_t mask)
{
	syscall(SYS_rt_sigprocmask, SIG_SETMASK, &mask, NULL, 8);
}

uint64_t signal_host_mask(uint64_t mask)
{
	return mask & ~OURS;
}

/* --- the host's handlers --- */

/* Where the stub around host calls is. */
extern const char host_call_start[] __attribute__((visibility("hidden")));
extern const char host_call_end[] __attribute__((visibility("hidden")));
extern const char host_call_abort[] __attribute__((visibility("hidden")));

static void leave_call(ucontext_t *uc)
{
#ifdef __x86_64__
	greg_t *pc = &uc->uc_mcontext.gregs[REG_RIP];

	if (*pc >= (greg_t)(uintptr_t)host_call_start && *pc < (greg_t)(uintptr_t)host_call_end)
		*pc = (greg_t)(uintptr_t)host_call_abort;
#endif
}

static void note(struct thread *t, const siginfo_t *info)
{
	struct vcpu *v = thread_vcpu(t);

	t->note = *info;
	__atomic_store_n(&t->noted, 1, __ATOMIC_SEQ_CST);
	__atomic_fetch_or(&v->events, EVENT_SIGNAL, __ATOMIC_SEQ_CST);
	__atomic_store_n(&t->cpu->exit_request, 1, __ATOMIC_SEQ_CST);
}

static void on_signal(int sig, siginfo_t *info, void *context)
{
	struct thread *t = thread_self();
	ucontext_t *uc = context;
	uint64_t all = ~OURS;

	if (!t)
		return;
	note(t, info);
	memcpy(&uc->uc_sigmask, &all, sizeof(all));
	leave_call(uc);
}

static uintptr_t host_pc(const ucontext_t *uc)
{
#ifdef __x86_64__
	return (uintptr_t)uc->uc_mcontext.gregs[REG_RIP];
#else
	return 0;
#endif
}

/* Which op a fault of guest code's own accesses belongs to: handlers have it in a register, regions
 * know, slow paths have noted it. False: one of these, or none of guest code's accesses. */
static bool find_op(struct vcpu *v, const ucontext_t *uc)
{
#ifdef DIRECT_FAULT_REGISTERS
	const greg_t *r = uc->uc_mcontext.gregs;

	if (pc_in_handlers(host_pc(uc))) {
		v->op = (const struct op *)(uintptr_t)r[REG_R13];
		v->budget = r[REG_R14];
		return true;
	}
#endif
	return pc_in_handlers(host_pc(uc)) || tier_find_fault(v, host_pc(uc));
}

static bool fault_writes(const ucontext_t *uc)
{
#ifdef __x86_64__
	return uc->uc_mcontext.gregs[REG_ERR] & 2;
#else
	return false;
#endif
}

static uint64_t guest_address(struct thread *t, const siginfo_t *info)
{
	return (uint64_t)((uint8_t *)info->si_addr - t->process->base);
}

/* The store may be made now: what faulted goes on. */
static bool code_was_written(struct thread *t, const siginfo_t *info, const ucontext_t *uc)
{
	if (info->si_code != SEGV_ACCERR || !fault_writes(uc) ||
	    !mm_code_written(t->process->mm, guest_address(t, info)))
		return false;
	/* A region that changed itself does not go on, but leaves before that store. */
	if (t->cpu->running && tier_region_is_stale(thread_vcpu(t), host_pc(uc)))
		vcpu_leave(thread_vcpu(t));
	return true;
}

/* Does not return if guest code did it. */
static void guest_fault(struct thread *t, int sig, const siginfo_t *info, const ucontext_t *uc)
{
	uint64_t addr = guest_address(t, info);

	if (!find_op(thread_vcpu(t), uc) && addr >= mm_task_size(t->process->mm))
		return;
	t->bus = sig == SIGBUS;
	t->bus_code = info->si_code;
	if (sig == SIGSEGV && info->si_code == SI_KERNEL)
		addr = NOT_CANONICAL;
	t->abi->host_fault(t, addr, fault_writes(uc));
}

static void on_fault(int sig, siginfo_t *info, void *context)
{
	struct thread *t = thread_self();

	if (info->si_code <= 0) { /* sent by somebody */
		unsigned int n = sig == SIGBUS;
		if (!t)
			return;
		if (t->noted || t->mask & BIT(sig)) {
			t->held |= BIT(sig);
			t->held_info[n] = *info;
		} else {
			on_signal(sig, info, context);
		}
		return;
	}
	if (t && sig == SIGSEGV && code_was_written(t, info, context))
		return;
	if (t && t->fault_jump)
		siglongjmp(*t->fault_jump, 1);
	if (t && t->cpu->running)
		guest_fault(t, sig, info, context);
	static const char text[] = "qemu: a fault of the emulator itself\n";
	if (write(2, text, sizeof(text) - 1)) { /* nothing can be done about a failure */
	}
	host_action(sig, &(struct kernel_action){.restorer = RESTORER, .flags = HOST_RESTORER},
		    NULL);
}

static void install_fault_handler(int sig)
{
	host_action(sig,
		    &(struct kernel_action){.handler = HPTR(on_fault),
					    .flags = SA_SIGINFO | SA_NODEFER | HOST_RESTORER,
					    .restorer = RESTORER},
		    NULL);
}

/* --- actions --- */

struct sighand *sighand_copy(struct sighand *h)
{
	struct sighand *copy = g_new0(struct sighand, 1);

	g_mutex_init(&copy->lock);
	copy->users = 1;
	if (h) {
		g_mutex_lock(&h->lock);
		memcpy(copy->action, h->action, sizeof(copy->action));
		g_mutex_unlock(&h->lock);
	}
	return copy;
}

void sighand_unref(struct sighand *h)
{
	if (h && __atomic_sub_fetch(&h->users, 1, __ATOMIC_SEQ_CST) == 0)
		g_free(h);
}

static struct guest_action action_of(struct thread *t, int sig)
{
	g_mutex_lock(&t->hand->lock);
	struct guest_action a = t->hand->action[sig];
	g_mutex_unlock(&t->hand->lock);
	return a;
}

static int64_t install(int sig, const struct guest_action *a)
{
	struct kernel_action host = {.handler = a->handler,
				     .flags = (a->flags & KEPT_FLAGS) | HOST_RESTORER,
				     .restorer = RESTORER};

	if (BIT(sig) & OURS)
		return 0;
	if (a->handler > 1) {
		host.handler = HPTR(on_signal);
		host.flags |= SA_SIGINFO;
		host.mask = ~OURS;
	}
	return host_action(sig, &host, NULL);
}

int64_t signal_sigaction(struct thread *t, int sig, const struct guest_action *new,
			 struct guest_action *old)
{
	int64_t result = 0;

	if (sig < 1 || sig > GUEST_NSIG || (new && (sig == SIGKILL || sig == SIGSTOP)))
		return -EINVAL;
	/* Somebody looks at the state of faults from now on. */
	if (new && new->handler > 1 && BIT(sig) & OURS && !t->vfork_child)
		tier_set_exact();
	g_mutex_lock(&t->hand->lock);
	if (old)
		*old = t->hand->action[sig];
	if (new)
		result = install(sig, new);
	if (new && !result)
		t->hand->action[sig] = *new;
	g_mutex_unlock(&t->hand->lock);
	return result;
}

void signals_init(struct thread *t)
{
	t->hand = sighand_copy(NULL);
	for (int sig = 1; sig <= GUEST_NSIG; sig++) {
		struct kernel_action host;
		if (!host_action(sig, NULL, &host) && host.handler == 1)
			t->hand->action[sig].handler = 1;
	}
	install_fault_handler(SIGSEGV);
	install_fault_handler(SIGBUS);
	syscall(SYS_rt_sigprocmask, SIG_BLOCK, NULL, &t->mask, 8);
	host_mask_set(signal_host_mask(t->mask));
}

/* A held signal that the mask lets through now is noted like any other. */
static void release_held(struct thread *t)
{
	for (unsigned int n = 0; n < 2; n++) {
		int sig = n ? SIGBUS : SIGSEGV;
		if (t->held & ~t->mask & BIT(sig) && !t->noted) {
			t->held &= ~BIT(sig);
			note(t, &t->held_info[n]);
			host_mask_set(~OURS);
		}
	}
}

int64_t signals_set_mask(struct thread *t, uint64_t mask)
{
	t->mask = mask & ~(BIT(SIGKILL) | BIT(SIGSTOP));
	/* While one is noted all are blocked; its delivery sets the mask. */
	if (!t->noted)
		host_mask_set(signal_host_mask(t->mask));
	if (UNLIKELY(t->held))
		release_held(t);
	return 0;
}

/* --- delivering --- */

void signal_die(struct thread *t, int sig)
{
	uint64_t none = 0;
	struct rlimit no_core = {0};

	if (UNLIKELY(user_debugger != NULL))
		user_debugger->ended(true, sig);
	setrlimit(RLIMIT_CORE, &no_core);
	host_action(sig, &(struct kernel_action){.restorer = RESTORER, .flags = HOST_RESTORER},
		    NULL);
	syscall(SYS_tgkill, getpid(), syscall(SYS_gettid), sig);
	syscall(SYS_rt_sigprocmask, SIG_SETMASK, &none, NULL, 8);
	_exit(128 + sig); /* a signal whose default is harmless */
}

static NORETURN void die_of_fault(struct thread *t, int sig)
{
	if (t->process->strace || sig != SIGPIPE)
		fprintf(stderr, "qemu: uncaught target signal %d (%s)\n", sig, strsignal(sig));
	signal_die(t, sig);
}

bool on_altstack(const struct thread *t, uint64_t sp)
{
	return !(t->altstack.flags & SS_DISABLE) && sp - t->altstack.sp - 1 < t->altstack.size;
}

uint64_t signal_stack(struct thread *t, const struct guest_action *a, uint64_t sp)
{
	if (a->flags & SA_ONSTACK && !(t->altstack.flags & SS_DISABLE) && !on_altstack(t, sp))
		return t->altstack.sp + t->altstack.size;
	return sp;
}

/* Enters a handler; `blocked` is the mask that sa_mask adds to. */
static void enter(struct thread *t, struct guest_signal *s, const struct guest_action *a,
		  uint64_t blocked)
{
	s->mask = t->mask;
	if (!t->abi->frame(t, s, a))
		die_of_fault(t, SIGSEGV);
	blocked |= a->mask;
	if (!(a->flags & SA_NODEFER))
		blocked |= BIT(s->signo);
	if (a->flags & SA_RESETHAND)
		signal_sigaction(t, s->signo, &(struct guest_action){0}, NULL);
	signals_set_mask(t, blocked);
}

void signal_force(struct thread *t, const struct guest_signal *from)
{
	struct guest_signal s = *from;
	struct guest_action a = action_of(t, s.signo);

	if (UNLIKELY(t->process->strace))
		strace_signal(t, &s);
	if (UNLIKELY(user_debugger != NULL)) {
		s.signo = user_debugger->signal(t, s.signo);
		if (!s.signo)
			return;
		a = action_of(t, s.signo);
	}
	if (a.handler <= 1 || t->mask & BIT(s.signo))
		die_of_fault(t, s.signo);
	enter(t, &s, &a, t->mask);
}

void signals_deliver(struct thread *t)
{
	struct guest_signal s = {.signo = t->note.si_signo, .info = t->note};
	uint64_t blocked = t->has_call_mask ? t->call_mask : t->mask;
	struct guest_action a = action_of(t, s.signo);

	__atomic_fetch_and(&thread_vcpu(t)->events, ~EVENT_SIGNAL, __ATOMIC_SEQ_CST);
	__atomic_store_n(&t->noted, 0, __ATOMIC_SEQ_CST);
	t->has_call_mask = false;
	if (UNLIKELY(t->process->strace))
		strace_signal(t, &s);
	if (UNLIKELY(user_debugger != NULL)) {
		s.signo = user_debugger->signal(t, s.signo);
		a = action_of(t, s.signo);
	}
	if (!s.signo) { /* the debugger has taken it */
		signals_set_mask(t, t->mask);
		return;
	}
	if (a.handler > 1) {
		enter(t, &s, &a, blocked);
		return;
	}
	if (a.handler == 0 && BIT(s.signo) & OURS)
		signal_die(t, s.signo);
	/* The handler was taken away meanwhile: the host does what is due now. */
	if (a.handler == 0)
		syscall(SYS_rt_tgsigqueueinfo, getpid(), syscall(SYS_gettid), s.signo, &s.info);
	signals_set_mask(t, t->mask);
}

/* --- siginfo --- */

struct writer {
	const struct abi *abi;
	uint8_t *out;
	unsigned int at;
};

static void put(struct writer *w, unsigned int size, uint64_t value)
{
	w->at = (w->at + size - 1) & ~(size - 1);
	for (unsigned int i = 0; i < size; i++)
		w->out[w->at + i] = (uint8_t)(abi_number(w->abi, value, size) >> 8 * i);
	w->at += size;
}

enum siginfo_kind { INFO_KILL, INFO_FAULT, INFO_CHILD, INFO_POLL, INFO_TIMER, INFO_SYSCALL };

/* Which members the kernel has filled in: codes between SI_USER and SI_KERNEL are the signal's own,
 * and those of SIGPOLL with any signal that fcntl(F_SETSIG) chose. */
static enum siginfo_kind siginfo_kind(const siginfo_t *info)
{
	if (info->si_code == SI_TIMER)
		return INFO_TIMER;
	if (info->si_code == SI_SIGIO)
		return INFO_POLL;
	if (info->si_code <= SI_USER || info->si_code == SI_KERNEL)
		return INFO_KILL;
	switch (info->si_signo) {
	case SIGSEGV:
	case SIGBUS:
	case SIGILL:
	case SIGFPE:
	case SIGTRAP: return INFO_FAULT;
	case SIGCHLD: return INFO_CHILD;
	case SIGSYS: return INFO_SYSCALL;
	default: return INFO_POLL;
	}
}

void siginfo_to_guest(const struct abi *abi, const siginfo_t *info, uint8_t out[128])
{
	struct writer w = {abi, out, 0};
	unsigned int word = abi->word;

	memset(out, 0, 128);
	put(&w, 4, (uint32_t)info->si_signo);
	put(&w, 4, (uint32_t)info->si_errno);
	put(&w, 4, (uint32_t)info->si_code);
	w.at = word == 8 ? 16 : 12;
	switch (siginfo_kind(info)) {
	case INFO_FAULT: put(&w, word, HPTR(info->si_addr)); break;
	case INFO_CHILD:
		put(&w, 4, (uint32_t)info->si_pid);
		put(&w, 4, info->si_uid);
		put(&w, 4, (uint32_t)info->si_status);
		put(&w, word, (uint64_t)info->si_utime);
		put(&w, word, (uint64_t)info->si_stime);
		break;
	case INFO_POLL:
		put(&w, word, (uint64_t)info->si_band);
		put(&w, 4, (uint32_t)info->si_fd);
		break;
	case INFO_TIMER:
		put(&w, 4, (uint32_t)info->si_timerid);
		put(&w, 4, (uint32_t)info->si_overrun);
		put(&w, word, HPTR(info->si_value.sival_ptr));
		break;
	case INFO_SYSCALL:
		put(&w, word, HPTR(info->si_call_addr));
		put(&w, 4, (uint32_t)info->si_syscall);
		put(&w, 4, info->si_arch);
		break;
	case INFO_KILL:
		put(&w, 4, (uint32_t)info->si_pid);
		put(&w, 4, info->si_uid);
		put(&w, word, HPTR(info->si_value.sival_ptr));
		break;
	}
}

static uint64_t take(const struct abi *abi, const uint8_t *in, unsigned int at, unsigned int size)
{
	uint64_t value = 0;

	for (unsigned int i = 0; i < size; i++)
		value |= (uint64_t)in[at + i] << 8 * i;
	return abi_number(abi, value, size);
}

/* Only what a process may queue: code below zero. */
void siginfo_from_guest(const struct abi *abi, const uint8_t in[128], siginfo_t *info)
{
	unsigned int at = abi->word == 8 ? 16 : 12;

	memset(info, 0, sizeof(*info));
	info->si_signo = (int)take(abi, in, 0, 4);
	info->si_errno = (int)take(abi, in, 4, 4);
	info->si_code = (int)take(abi, in, 8, 4);
	info->si_pid = (pid_t)take(abi, in, at, 4);
	info->si_uid = (uid_t)take(abi, in, at + 4, 4);
	info->si_value.sival_ptr = (void *)(uintptr_t)take(abi, in, at + 8, abi->word);
}
