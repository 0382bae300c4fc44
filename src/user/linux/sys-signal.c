/* System calls on signals: masks, actions and siginfo in the guest's layouts. */
#include "user/linux/syscall.h"

#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

/* A set is two words of 32-bit ABIs, the lower signals first; in big-endian order that is not the
 * order of a 64-bit number. */
bool sigset_read(struct thread *t, uint64_t addr, uint64_t *set)
{
	uint64_t low, high;

	if (t->abi->word == 8)
		return guest_get(t, addr, 8, set);
	if (!guest_get(t, addr, 4, &low) || !guest_get(t, addr + 4, 4, &high))
		return false;
	*set = low | high << 32;
	return true;
}

bool sigset_write(struct thread *t, uint64_t addr, uint64_t set)
{
	if (t->abi->word == 8)
		return guest_put(t, addr, 8, set);
	return guest_put(t, addr, 4, (uint32_t)set) && guest_put(t, addr + 4, 4, set >> 32);
}

/* --- actions --- */

static bool action_read(struct thread *t, uint64_t addr, struct guest_action *a)
{
	unsigned int w = t->abi->word;

	return guest_get(t, addr, w, &a->handler) && guest_get(t, addr + w, w, &a->flags) &&
	       guest_get(t, addr + 2 * w, w, &a->restorer) &&
	       sigset_read(t, addr + 3 * w, &a->mask);
}

static bool action_write(struct thread *t, uint64_t addr, const struct guest_action *a)
{
	unsigned int w = t->abi->word;

	return guest_put(t, addr, w, a->handler) && guest_put(t, addr + w, w, a->flags) &&
	       guest_put(t, addr + 2 * w, w, a->restorer) && sigset_write(t, addr + 3 * w, a->mask);
}

int64_t sys_rt_sigaction(struct thread *t, const struct call *call, const uint64_t *a)
{
	struct guest_action new, old;

	if (a[3] != 8)
		return -EINVAL;
	if (a[1] && !action_read(t, a[1], &new))
		return -EFAULT;
	int64_t result = signal_sigaction(t, (int)a[0], a[1] ? &new : NULL, &old);
	if (!result && a[2] && !action_write(t, a[2], &old))
		return -EFAULT;
	return result;
}

/* The old one: handler, one word of mask, flags, restorer. */
int64_t sys_sigaction(struct thread *t, const struct call *call, const uint64_t *a)
{
	struct guest_action new, old;

	if (a[1] &&
	    !(guest_get(t, a[1], 4, &new.handler) && guest_get(t, a[1] + 4, 4, &new.mask) &&
	      guest_get(t, a[1] + 8, 4, &new.flags) && guest_get(t, a[1] + 12, 4, &new.restorer)))
		return -EFAULT;
	int64_t result = signal_sigaction(t, (int)a[0], a[1] ? &new : NULL, &old);
	if (!result && a[2] &&
	    !(guest_put(t, a[2], 4, old.handler) && guest_put(t, a[2] + 4, 4, old.mask) &&
	      guest_put(t, a[2] + 8, 4, old.flags) && guest_put(t, a[2] + 12, 4, old.restorer)))
		return -EFAULT;
	return result;
}

int64_t sys_signal(struct thread *t, const struct call *call, const uint64_t *a)
{
	struct guest_action new = {.handler = a[1], .flags = SA_RESETHAND | SA_NODEFER}, old;
	int64_t result = signal_sigaction(t, (int)a[0], &new, &old);

	return result ? result : (int64_t)old.handler;
}

/* --- masks --- */

static int64_t change_mask(struct thread *t, int how, uint64_t set)
{
	switch (how) {
	case SIG_BLOCK: return signals_set_mask(t, t->mask | set);
	case SIG_UNBLOCK: return signals_set_mask(t, t->mask & ~set);
	case SIG_SETMASK: return signals_set_mask(t, set);
	default: return -EINVAL;
	}
}

int64_t sys_rt_sigprocmask(struct thread *t, const struct call *call, const uint64_t *a)
{
	uint64_t old = t->mask, set;
	int64_t result = 0;

	if (a[3] != 8)
		return -EINVAL;
	if (a[1]) {
		if (!sigset_read(t, a[1], &set))
			return -EFAULT;
		result = change_mask(t, (int)a[0], set);
	}
	if (!result && a[2] && !sigset_write(t, a[2], old))
		return -EFAULT;
	return result;
}

/* Word-sized sets: the upper signals stay as they are. */
int64_t sys_sigprocmask(struct thread *t, const struct call *call, const uint64_t *a)
{
	uint64_t old = t->mask, set;
	int64_t result = 0;

	if (a[1]) {
		if (!guest_get(t, a[1], 4, &set))
			return -EFAULT;
		if ((int)a[0] == SIG_SETMASK)
			set |= old & ~(uint64_t)UINT32_MAX;
		result = change_mask(t, (int)a[0], set);
	}
	if (!result && a[2] && !guest_put(t, a[2], 4, (uint32_t)old))
		return -EFAULT;
	return result;
}

int64_t sys_sgetmask(struct thread *t, const struct call *call, const uint64_t *a)
{
	return (uint32_t)t->mask;
}

int64_t sys_ssetmask(struct thread *t, const struct call *call, const uint64_t *a)
{
	uint32_t old = (uint32_t)t->mask;

	signals_set_mask(t, (uint32_t)a[0]);
	return old;
}

int64_t sys_rt_sigpending(struct thread *t, const struct call *call, const uint64_t *a)
{
	uint64_t set = 0;
	int64_t result = HOST(t, SYS_rt_sigpending, HPTR(&set), 8);

	if (result < 0)
		return result;
	set |= t->held;
	if (call->host == SYS_rt_sigpending)
		return sigset_write(t, a[0], set) ? 0 : -EFAULT;
	return guest_put(t, a[0], 4, (uint32_t)set) ? 0 : -EFAULT;
}

static int64_t suspend(struct thread *t, uint64_t set)
{
	uint64_t host = signal_host_mask(set);

	t->call_mask = set;
	t->has_call_mask = true;
	int64_t result = HOST(t, SYS_rt_sigsuspend, HPTR(&host), 8);
	/* One that was there before the call comes under the old mask. */
	if (!t->noted || result == -RESTART_CALL)
		t->has_call_mask = false;
	return result;
}

int64_t sys_rt_sigsuspend(struct thread *t, const struct call *call, const uint64_t *a)
{
	uint64_t set;

	if (a[1] != 8)
		return -EINVAL;
	return sigset_read(t, a[0], &set) ? suspend(t, set) : -EFAULT;
}

/* ARM hands the set over in the first argument, i386 in the third. */
int64_t sys_sigsuspend(struct thread *t, const struct call *call, const uint64_t *a)
{
	return suspend(t, (uint32_t)(t->abi->index == ABI_ARM ? a[0] : a[2]));
}

int64_t sys_pause(struct thread *t, const struct call *call, const uint64_t *a)
{
	return suspend(t, t->mask);
}

/* --- waiting and sending --- */

int64_t sys_rt_sigtimedwait(struct thread *t, const struct call *call, const uint64_t *a)
{
	struct timespec time;
	siginfo_t info;
	uint64_t set;
	uint8_t guest[128];

	if (a[3] != 8)
		return -EINVAL;
	if (!sigset_read(t, a[0], &set) ||
	    (a[2] && !layout_read(t, timespec_of(t, call), a[2], &time)))
		return -EFAULT;
	int64_t result =
		HOST(t, SYS_rt_sigtimedwait, HPTR(&set), HPTR(&info), HPTR(a[2] ? &time : NULL), 8);
	if (result > 0 && a[1]) {
		siginfo_to_guest(t->abi, &info, guest);
		if (!guest_write(t, a[1], guest, sizeof(guest)))
			return -EFAULT;
	}
	return result;
}

/* pid, signal, siginfo; pid, tid, signal, siginfo; pidfd, signal, siginfo, flags. */
int64_t sys_rt_sigqueueinfo(struct thread *t, const struct call *call, const uint64_t *a)
{
	unsigned int at = call->host == SYS_rt_tgsigqueueinfo ? 3 : 2;
	uint64_t host[4] = {a[0], a[1], a[2], a[3]};
	uint8_t guest[128];
	siginfo_t info;

	host[at] = 0;
	if (a[at]) {
		if (!guest_read(t, guest, a[at], sizeof(guest)))
			return -EFAULT;
		siginfo_from_guest(t->abi, guest, &info);
		host[at] = HPTR(&info);
	}
	return HOST(t, call->host, host[0], host[1], host[2], host[3]);
}

int64_t sys_signalfd(struct thread *t, const struct call *call, const uint64_t *a)
{
	uint64_t set;

	if (a[2] != 8)
		return -EINVAL;
	if (!sigset_read(t, a[1], &set))
		return -EFAULT;
	return HOST(t, SYS_signalfd4, a[0], HPTR(&set), 8,
		    call->host == SYS_signalfd4 ? open_flags_to_host(t->abi, (int)a[3]) : 0);
}

/* --- stacks and returns --- */

#define SS_AUTODISARM_FLAG (UINT32_C(1) << 31)

static int64_t set_altstack(struct thread *t, uint64_t addr)
{
	unsigned int w = t->abi->word;
	uint64_t sp, flags, size;

	if (!guest_get(t, addr, w, &sp) || !guest_get(t, addr + w, 4, &flags) ||
	    !guest_get(t, addr + 2 * w, w, &size))
		return -EFAULT;
	if (on_altstack(t, t->abi->get_sp(t)))
		return -EPERM;
	uint32_t mode = (uint32_t)flags & ~SS_AUTODISARM_FLAG;
	if (mode && mode != SS_DISABLE && mode != SS_ONSTACK)
		return -EINVAL;
	if (mode == SS_DISABLE)
		sp = size = 0;
	else if (size < 2048)
		return -ENOMEM;
	t->altstack.sp = sp;
	t->altstack.size = size;
	t->altstack.flags = mode == SS_DISABLE ? SS_DISABLE : 0;
	return 0;
}

int64_t sys_sigaltstack(struct thread *t, const struct call *call, const uint64_t *a)
{
	unsigned int w = t->abi->word;
	uint64_t sp = t->altstack.sp, size = t->altstack.size;
	uint32_t flags = t->altstack.flags;
	int64_t result = 0;

	if (on_altstack(t, t->abi->get_sp(t)))
		flags |= SS_ONSTACK;
	if (a[0])
		result = set_altstack(t, a[0]);
	if (!result && a[1] &&
	    !(guest_put(t, a[1], w, sp) && guest_put(t, a[1] + w, 4, flags) &&
	      guest_put(t, a[1] + 2 * w, w, size)))
		return -EFAULT;
	return result;
}

int64_t sys_sigreturn(struct thread *t, const struct call *call, const uint64_t *a)
{
	struct guest_signal fault = {.signo = SIGSEGV,
				     .info = {.si_signo = SIGSEGV, .si_code = SI_KERNEL}};
	uint64_t mask;

	if (!t->abi->sigreturn(t, strcmp(call->name, "rt_sigreturn") == 0, &mask))
		signal_force(t, &fault);
	else
		signals_set_mask(t, mask);
	return -STATE_IS_SET;
}
