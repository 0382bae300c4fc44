/*
 * Threads and processes: clone() in all its kinds, and how a thread ends.
 *
 * A guest thread is a detached host thread with a vCPU. fork() is the host's, with every other
 * vCPU out of guest code and the emulator's locks held, so that the child finds them free. A
 * vfork() child shares memory with its parent as it should: it runs on a stack of its own with the
 * parent's vCPU, whose registers the parent gets back afterwards.
 */
#include "user/linux/syscall.h"

#include "base/loop.h"
#include "interp/tier.h"

#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define HOST_STACK (512 << 10)

struct clone_request {
	uint64_t flags, sp, parent_tid, child_tid, tls, pidfd;
	int exit_signal;
};

/* --- ends --- */

static uint32_t *futex_word(struct thread *t, uint64_t addr)
{
	return guest_pointer(t, addr, 4);
}

static void futex_wake(struct thread *t, uint64_t addr, int count)
{
	syscall(SYS_futex, futex_word(t, addr), FUTEX_WAKE, count, NULL, NULL, 0);
}

/* One lock that its owner leaves behind. */
static void robust_death(struct thread *t, uint64_t addr)
{
	uint64_t value;

	if (addr & 3 || !guest_get(t, addr, 4, &value))
		return;
	if ((value & FUTEX_TID_MASK) != (uint32_t)t->tid)
		return;
	uint32_t old = (uint32_t)abi_number(t->abi, value, 4);
	uint32_t new = (uint32_t)abi_number(t->abi, (value & FUTEX_WAITERS) | FUTEX_OWNER_DIED, 4);
	if (__atomic_compare_exchange_n(futex_word(t, addr), &old, new, false, __ATOMIC_SEQ_CST,
					__ATOMIC_SEQ_CST) &&
	    value & FUTEX_WAITERS)
		futex_wake(t, addr, 1);
}

/* Source: the kernel's Documentation/locking/robust-futex-ABI.rst. */
static void walk_robust_list(struct thread *t)
{
	unsigned int w = t->abi->word, limit = 2048;
	uint64_t head = t->robust_list, entry, offset, pending;

	if (!head || !guest_get(t, head, w, &entry) || !guest_get(t, head + w, w, &offset) ||
	    !guest_get(t, head + 2 * w, w, &pending))
		return;
	if (w == 4)
		offset = (uint64_t)(int64_t)(int32_t)offset;
	uint64_t mask = w == 4 ? UINT32_MAX : UINT64_MAX;
	while ((entry & ~UINT64_C(1)) != head && limit--) {
		uint64_t next;
		if (!guest_get(t, entry & ~UINT64_C(1), w, &next))
			return;
		if (entry != pending)
			robust_death(t, ((entry & ~UINT64_C(1)) + offset) & mask);
		entry = next;
	}
	if (pending)
		robust_death(t, ((pending & ~UINT64_C(1)) + offset) & mask);
}

static void leave_memory(struct thread *t)
{
	walk_robust_list(t);
	if (t->clear_child_tid) {
		if (guest_put(t, t->clear_child_tid, 4, 0))
			futex_wake(t, t->clear_child_tid, 1);
		t->clear_child_tid = 0;
	}
}

void thread_exit(struct thread *t, int status)
{
	uint64_t all = ~UINT64_C(0);

	if (t->vfork_child)
		_exit(status);
	syscall(SYS_rt_sigprocmask, SIG_SETMASK, &all, NULL, 8);
	machine_lock();
	bool last = cpu_count() == 1;
	machine_unlock();
	leave_memory(t);
	if (last) {
		fflush(NULL);
		if (user_debugger)
			user_debugger->ended(false, status);
		/* The process's status is that of its first thread. */
		if (t->tid == getpid())
			_exit(status);
		syscall(SYS_exit, status);
	}
	machine_lock();
	machine_quiesce();
	if (t->abi->release)
		t->abi->release(t);
	cpu_remove(t->cpu);
	machine_resume();
	machine_unlock();
	thread_set_self(NULL);
	user_thread_free(t);
	pthread_exit(NULL);
}

int64_t sys_exit(struct thread *t, const struct call *call, const uint64_t *a)
{
	thread_exit(t, (int)a[0]);
}

int64_t sys_exit_group(struct thread *t, const struct call *call, const uint64_t *a)
{
	fflush(NULL);
	if (user_debugger && !t->vfork_child)
		user_debugger->ended(false, (int)a[0]);
	_exit((int)a[0]);
}

/* --- threads --- */

struct start {
	struct thread *t;
	const struct clone_request *request;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	pid_t tid; /* 0: not there yet */
};

static void *thread_main(void *opaque)
{
	struct start *s = opaque;
	struct thread *t = s->t;
	uint64_t flags = s->request->flags;

	thread_set_self(t);
	t->tid = (pid_t)syscall(SYS_gettid);
	/* Addresses that cannot be written are the caller's mistake, and ignored. */
	bool ok = true;
	if (flags & CLONE_PARENT_SETTID)
		ok = guest_put(t, s->request->parent_tid, 4, (uint32_t)t->tid);
	if (flags & CLONE_CHILD_SETTID)
		ok = guest_put(t, s->request->child_tid, 4, (uint32_t)t->tid) && ok;
	pthread_mutex_lock(&s->lock);
	s->tid = t->tid;
	pthread_cond_signal(&s->changed);
	pthread_mutex_unlock(&s->lock);
	signals_set_mask(t, t->mask);
	(void)ok;
	user_loop(t);
}

/* The new thread's vCPU; others are kept out of the list meanwhile. */
static struct thread *thread_copy(struct thread *parent)
{
	struct thread *t = NULL;

	machine_lock();
	machine_quiesce();
	struct error *err = user_thread_new(parent->process, &t);
	machine_resume();
	machine_unlock();
	if (err) {
		error_free(err);
		return NULL;
	}
	t->mask = parent->mask;
	t->hand = parent->hand;
	__atomic_add_fetch(&t->hand->users, 1, __ATOMIC_SEQ_CST);
	t->abi->copy(t, parent);
	return t;
}

static int64_t start_thread(struct start *s)
{
	pthread_attr_t attr;
	pthread_t id;

	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, HOST_STACK);
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	int code = pthread_create(&id, &attr, thread_main, s);
	pthread_attr_destroy(&attr);
	if (code)
		return -code;
	pthread_mutex_lock(&s->lock);
	while (!s->tid)
		pthread_cond_wait(&s->changed, &s->lock);
	pthread_mutex_unlock(&s->lock);
	return s->tid;
}

static int64_t clone_thread(struct thread *parent, const struct clone_request *r)
{
	uint64_t all = ~UINT64_C(0);
	struct start s = {.request = r,
			  .lock = PTHREAD_MUTEX_INITIALIZER,
			  .changed = PTHREAD_COND_INITIALIZER};

	if (!(r->flags & CLONE_SIGHAND))
		return -EINVAL;
	s.t = thread_copy(parent);
	if (!s.t)
		return -ENOMEM;
	if (r->sp)
		s.t->abi->set_sp(s.t, r->sp);
	s.t->abi->set_result(s.t, 0);
	int64_t result = r->flags & CLONE_SETTLS ? -s.t->abi->set_tls(s.t, r->tls) : 0;
	if (r->flags & CLONE_CHILD_CLEARTID)
		s.t->clear_child_tid = r->child_tid;
	/* No signal comes before the thread has its mask. */
	syscall(SYS_rt_sigprocmask, SIG_SETMASK, &all, NULL, 8);
	if (!result)
		result = start_thread(&s);
	signals_set_mask(parent, parent->mask);
	if (result < 0) {
		machine_lock();
		machine_quiesce();
		if (s.t->abi->release)
			s.t->abi->release(s.t);
		cpu_remove(s.t->cpu);
		machine_resume();
		machine_unlock();
		user_thread_free(s.t);
	}
	return result;
}

/* --- processes --- */

static pid_t host_fork(const struct clone_request *r, int *pidfd)
{
	const uint64_t ours = CLONE_CHILD_SETTID | CLONE_PARENT_SETTID | CLONE_CHILD_CLEARTID |
			      CLONE_SETTLS | CLONE_VFORK | CLONE_DETACHED | CLONE_SYSVSEM;
	uint64_t flags = r->flags & ~ours;

	/* libc's own keeps its heap usable in the child. */
	if (!flags && r->exit_signal == SIGCHLD)
		return fork();
	return (pid_t)syscall(SYS_clone, flags | (uint64_t)r->exit_signal, NULL, pidfd, NULL, NULL);
}

static void child_starts(struct thread *t, const struct clone_request *r)
{
	cpus_forked(t->cpu);
	if (user_debugger)
		user_debugger->forked();
	t->tid = getpid();
	t->vfork_child = false;
	t->robust_list = 0;
	t->held = 0;
	t->clear_child_tid = r->flags & CLONE_CHILD_CLEARTID ? r->child_tid : 0;
	g_mutex_init(&t->hand->lock);
	if (r->sp)
		t->abi->set_sp(t, r->sp);
	if (r->flags & CLONE_SETTLS)
		t->abi->set_tls(t, r->tls);
}

static int64_t clone_process(struct thread *t, const struct clone_request *r)
{
	uint64_t all = ~UINT64_C(0);
	int pidfd = -1;

	fflush(NULL);
	syscall(SYS_rt_sigprocmask, SIG_SETMASK, &all, NULL, 8);
	machine_lock();
	machine_quiesce();
	mm_fork_lock(t->process->mm);
	tier_fork_prepare();
	pid_t pid = host_fork(r, &pidfd);
	int code = errno;
	tier_fork_done(pid == 0);
	mm_fork_unlock(t->process->mm, pid == 0);
	if (pid == 0)
		child_starts(t, r);
	machine_resume();
	machine_unlock();
	signals_set_mask(t, t->mask);
	if (pid < 0)
		return -code;
	bool ok = true;
	if (pid == 0 && r->flags & CLONE_CHILD_SETTID)
		ok = guest_put(t, r->child_tid, 4, (uint32_t)t->tid);
	if (pid && r->flags & CLONE_PARENT_SETTID)
		ok = guest_put(t, r->parent_tid, 4, (uint32_t)pid);
	if (pid && r->flags & CLONE_PIDFD)
		ok = guest_put(t, r->pidfd, 4, (uint32_t)pidfd);
	return ok ? pid : -EFAULT;
}

/* --- vfork --- */

/* What the child changes of its parent's thread and vCPU. */
struct kept {
	struct thread thread;
	uint64_t pc;
	uint32_t mode;
	void *registers;
};

static void registers_keep(struct thread *t, struct kept *k)
{
	struct vcpu *v = thread_vcpu(t);
	size_t size = t->cpu->class->size - sizeof(struct vcpu);

	k->thread = *t;
	k->pc = v->pc;
	k->mode = v->mode;
	k->registers = g_memdup2(v + 1, size);
}

static void registers_give_back(struct thread *t, struct kept *k)
{
	struct vcpu *v = thread_vcpu(t);

	*t = k->thread;
	v->pc = k->pc;
	v->mode = k->mode;
	v->op = NULL;
	t->cpu->running = false;
	memcpy(v + 1, k->registers, t->cpu->class->size - sizeof(struct vcpu));
	g_free(k->registers);
}

struct vfork_start {
	struct thread *t;
	const struct clone_request *request;
};

static int vfork_main(void *opaque)
{
	struct vfork_start *s = opaque;
	struct thread *t = s->t;

	t->tid = (pid_t)syscall(SYS_getpid);
	t->vfork_child = true;
	t->clear_child_tid = t->robust_list = 0;
	if (s->request->sp)
		t->abi->set_sp(t, s->request->sp);
	t->abi->set_result(t, 0);
	signals_set_mask(t, t->mask);
	user_loop(t);
}

static int64_t clone_vfork(struct thread *t, const struct clone_request *r)
{
	uint64_t all = ~UINT64_C(0);
	struct vfork_start s = {t, r};
	struct kept kept;
	char *stack =
		mmap(NULL, HOST_STACK, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (stack == MAP_FAILED)
		return -ENOMEM;
	syscall(SYS_rt_sigprocmask, SIG_SETMASK, &all, NULL, 8);
	registers_keep(t, &kept);
	t->hand = sighand_copy(t->hand);
	int pidfd = -1;
	int flags =
		CLONE_VM | CLONE_VFORK | (int)(r->flags & (CLONE_PIDFD | CLONE_FILES | CLONE_FS));
	pid_t pid = clone(vfork_main, stack + HOST_STACK, flags | r->exit_signal, &s, &pidfd);
	int code = errno;
	sighand_unref(t->hand);
	registers_give_back(t, &kept);
	munmap(stack, HOST_STACK);
	signals_set_mask(t, t->mask);
	if (pid < 0)
		return -code;
	if (r->flags & CLONE_PARENT_SETTID && !guest_put(t, r->parent_tid, 4, (uint32_t)pid))
		return -EFAULT;
	if (r->flags & CLONE_PIDFD && !guest_put(t, r->pidfd, 4, (uint32_t)pidfd))
		return -EFAULT;
	return pid;
}

/* --- the calls --- */

static int64_t clone_any(struct thread *t, const struct clone_request *r)
{
	if (t->noted) /* before anything is blocked */
		return -RESTART_CALL;
	if (r->flags & CLONE_THREAD)
		return clone_thread(t, r);
	if ((r->flags & (CLONE_VM | CLONE_VFORK)) == (CLONE_VM | CLONE_VFORK))
		return clone_vfork(t, r);
	/* Processes that share memory and run at once would need an emulator that does. */
	if (r->flags & CLONE_VM)
		return -EINVAL;
	return clone_process(t, r);
}

int64_t sys_clone(struct thread *t, const struct call *call, const uint64_t *a)
{
	bool wide = t->abi->word == 8;
	struct clone_request r = {
		.flags = a[0] & ~UINT64_C(0xff),
		.exit_signal = (int)(a[0] & 0xff),
		.sp = a[1],
		.parent_tid = a[2],
		.pidfd = a[2],
		.child_tid = wide ? a[3] : a[4],
		.tls = wide ? a[4] : a[3],
	};

	return clone_any(t, &r);
}

int64_t sys_clone3(struct thread *t, const struct call *call, const uint64_t *a)
{
	uint64_t v[8];

	if (a[1] < sizeof(v))
		return -EINVAL;
	for (unsigned int i = 0; i < 8; i++)
		if (!guest_get(t, a[0] + 8 * i, 8, &v[i]))
			return -EFAULT;
	struct clone_request r = {.flags = v[0],
				  .pidfd = v[1],
				  .child_tid = v[2],
				  .parent_tid = v[3],
				  .exit_signal = (int)v[4],
				  .sp = v[5] ? v[5] + v[6] : 0,
				  .tls = v[7]};
	if (r.flags & (CLONE_THREAD | CLONE_PARENT) && r.exit_signal)
		return -EINVAL;
	return clone_any(t, &r);
}

int64_t sys_fork(struct thread *t, const struct call *call, const uint64_t *a)
{
	return clone_any(t, &(struct clone_request){.exit_signal = SIGCHLD});
}

int64_t sys_vfork(struct thread *t, const struct call *call, const uint64_t *a)
{
	return clone_any(t, &(struct clone_request){.flags = CLONE_VM | CLONE_VFORK,
						    .exit_signal = SIGCHLD});
}

int64_t sys_set_tid_address(struct thread *t, const struct call *call, const uint64_t *a)
{
	t->clear_child_tid = a[0];
	return t->tid;
}

int64_t sys_set_robust_list(struct thread *t, const struct call *call, const uint64_t *a)
{
	if (a[1] != 3u * t->abi->word)
		return -EINVAL;
	t->robust_list = a[0];
	return 0;
}

int64_t sys_get_robust_list(struct thread *t, const struct call *call, const uint64_t *a)
{
	if ((int)a[0] != 0 && (int)a[0] != t->tid)
		return -EPERM;
	if (!guest_put(t, a[1], t->abi->word, t->robust_list) ||
	    !guest_put(t, a[2], t->abi->word, 3u * t->abi->word))
		return -EFAULT;
	return 0;
}

/* --- futex --- */

static bool futex_has_timeout(int cmd)
{
	return cmd == FUTEX_WAIT || cmd == FUTEX_LOCK_PI || cmd == FUTEX_WAIT_BITSET ||
	       cmd == FUTEX_WAIT_REQUEUE_PI || cmd == FUTEX_LOCK_PI2;
}

/* Values that the kernel compares with memory are in the guest's byte order. */
int64_t sys_futex(struct thread *t, const struct call *call, const uint64_t *a)
{
	int cmd = (int)a[1] & FUTEX_CMD_MASK;
	struct timespec time;
	uint64_t fourth = a[3], value = a[2], last = a[5];

	if (futex_has_timeout(cmd)) {
		if (a[3] && !layout_read(t, timespec_of(t, call), a[3], &time))
			return -EFAULT;
		fourth = HPTR(a[3] ? &time : NULL);
	} else {
		fourth = (uint32_t)a[3];
	}
	if (cmd == FUTEX_WAIT || cmd == FUTEX_WAIT_BITSET)
		value = abi_number(t->abi, (uint32_t)value, 4);
	if (cmd == FUTEX_CMP_REQUEUE || cmd == FUTEX_CMP_REQUEUE_PI)
		last = abi_number(t->abi, (uint32_t)last, 4);
	if (cmd == FUTEX_WAKE_OP && t->abi->big_endian)
		return -ENOSYS;
	return HOST(t, SYS_futex, HPTR(guest_pointer(t, a[0], 4)), a[1], value, fourth,
		    HPTR(guest_pointer(t, a[4], 4)), last);
}
