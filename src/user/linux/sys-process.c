/* System calls of processes: identity, limits, names, waiting. */
#include "user/linux/syscall.h"

#include <limits.h>
#include <linux/capability.h>
#include <string.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

/* --- identity --- */

static int64_t narrow_id(int64_t id)
{
	return id > UINT16_MAX ? 65534 : id;
}

int64_t sys_getid16(struct thread *t, const struct call *call, const uint64_t *a)
{
	return narrow_id(HOST(t, call->host, 0));
}

int64_t sys_getresid16(struct thread *t, const struct call *call, const uint64_t *a)
{
	uint32_t ids[3];
	int64_t result = HOST(t, call->host, HPTR(&ids[0]), HPTR(&ids[1]), HPTR(&ids[2]));

	for (unsigned int i = 0; !result && i < 3; i++)
		if (!guest_put(t, a[i], 2, (uint64_t)narrow_id(ids[i])))
			result = -EFAULT;
	return result;
}

static uint64_t wide_id(uint64_t id)
{
	return (uint16_t)id == UINT16_MAX ? UINT32_MAX : (uint16_t)id;
}

int64_t sys_setid16(struct thread *t, const struct call *call, const uint64_t *a)
{
	int64_t result = HOST(t, call->host, wide_id(a[0]), wide_id(a[1]), wide_id(a[2]));

	return call->host == SYS_setfsuid || call->host == SYS_setfsgid ? narrow_id(result)
									: result;
}

static int64_t groups(struct thread *t, long host, int count, uint64_t addr, unsigned int size)
{
	uint32_t list[NGROUPS_MAX > 1024 ? 1024 : NGROUPS_MAX];
	bool set = host == SYS_setgroups;

	if (count < 0 || count > (int)G_N_ELEMENTS(list))
		return -EINVAL;
	for (int i = 0; set && i < count; i++) {
		uint64_t id;
		if (!guest_get(t, addr + (unsigned int)i * size, size, &id))
			return -EFAULT;
		list[i] = (uint32_t)id;
	}
	int64_t result = HOST(t, host, count, HPTR(list));
	for (int64_t i = 0; !set && count && i < result; i++) {
		uint64_t id = size == 2 ? (uint64_t)narrow_id(list[i]) : list[i];
		if (!guest_put(t, addr + (uint64_t)i * size, size, id))
			return -EFAULT;
	}
	return result;
}

int64_t sys_groups(struct thread *t, const struct call *call, const uint64_t *a)
{
	return groups(t, call->host, (int)a[0], a[1], 4);
}

int64_t sys_groups16(struct thread *t, const struct call *call, const uint64_t *a)
{
	return groups(t, call->host, (int)a[0], a[1], 2);
}

/* The header says how many words of data follow. */
int64_t sys_cap(struct thread *t, const struct call *call, const uint64_t *a)
{
	struct __user_cap_header_struct head;
	struct __user_cap_data_struct data[2] = {{0}};
	bool set = call->host == SYS_capset;

	if (!layout_read(t, L_cap_header, a[0], &head))
		return -EFAULT;
	unsigned int count = head.version == _LINUX_CAPABILITY_VERSION_1 ? 1 : 2;
	unsigned int size = layout_size(t->abi, L_cap_data);
	for (unsigned int i = 0; set && i < count; i++)
		if (!layout_read(t, L_cap_data, a[1] + i * size, &data[i]))
			return -EFAULT;
	int64_t result = HOST(t, call->host, HPTR(&head), HPTR(a[1] ? data : NULL));
	if (!layout_write(t, L_cap_header, a[0], &head))
		return -EFAULT;
	for (unsigned int i = 0; !result && !set && a[1] && i < count; i++)
		if (!layout_write(t, L_cap_data, a[1] + i * size, &data[i]))
			return -EFAULT;
	return result;
}

/* --- names --- */

int64_t sys_uname(struct thread *t, const struct call *call, const uint64_t *a)
{
	struct utsname name;

	if (uname(&name))
		return -errno;
	g_strlcpy(name.machine, t->abi->uname, sizeof(name.machine));
	if (t->process->uname_release)
		g_strlcpy(name.release, t->process->uname_release, sizeof(name.release));
	return guest_write(t, a[0], &name, sizeof(name)) ? 0 : -EFAULT;
}

int64_t sys_personality(struct thread *t, const struct call *call, const uint64_t *a)
{
	uint32_t old = t->process->personality;

	if ((uint32_t)a[0] != UINT32_MAX)
		t->process->personality = (uint32_t)a[0];
	return old;
}

/* Which of prctl()'s options take plain numbers and mean the same here and there. */
static bool prctl_is_plain(int option)
{
	switch (option) {
	case PR_SET_PDEATHSIG:
	case PR_GET_DUMPABLE:
	case PR_SET_DUMPABLE:
	case PR_GET_KEEPCAPS:
	case PR_SET_KEEPCAPS:
	case PR_CAPBSET_READ:
	case PR_CAPBSET_DROP:
	case PR_SET_SECUREBITS:
	case PR_GET_SECUREBITS:
	case PR_GET_TIMERSLACK:
	case PR_SET_TIMERSLACK:
	case PR_SET_CHILD_SUBREAPER:
	case PR_SET_NO_NEW_PRIVS:
	case PR_GET_NO_NEW_PRIVS:
	case PR_SET_THP_DISABLE:
	case PR_GET_THP_DISABLE:
	case PR_CAP_AMBIENT:
	case PR_SET_PTRACER: return true;
	default: return false;
	}
}

int64_t sys_prctl(struct thread *t, const struct call *call, const uint64_t *a)
{
	int option = (int)a[0], value;
	int64_t result;

	switch (option) {
	case PR_SET_NAME:
	case PR_GET_NAME: return HOST(t, SYS_prctl, option, HPTR(guest_pointer(t, a[1], 16)));
	case PR_GET_PDEATHSIG:
	case PR_GET_CHILD_SUBREAPER:
		result = HOST(t, SYS_prctl, option, HPTR(&value));
		if (!result && !guest_put(t, a[1], 4, (uint32_t)value))
			return -EFAULT;
		return result;
	case PR_GET_SECCOMP: return 0;
	default: break;
	}
	return prctl_is_plain(option) ? HOST(t, SYS_prctl, option, a[1], a[2], a[3], a[4])
				      : -EINVAL;
}

/* --- limits --- */

/* Limits of the address space would hit the emulator: they are remembered and shown. */
static bool limit_is_ours(int resource)
{
	return resource == RLIMIT_AS || resource == RLIMIT_DATA || resource == RLIMIT_STACK;
}

static int64_t limits(struct thread *t, int pid, int resource, const struct rlimit *new,
		      struct rlimit *old)
{
	struct process *p = t->process;
	bool own = (pid == 0 || pid == getpid()) && limit_is_ours(resource);
	struct rlimit host;

	int64_t result = HOST(t, SYS_prlimit64, pid, resource, HPTR(own ? NULL : new), HPTR(&host));
	if (result < 0)
		return result;
	if (own && p->limit_set[resource])
		host = p->limits[resource];
	if (old)
		*old = host;
	if (!own || !new)
		return 0;
	if (new->rlim_cur > new->rlim_max)
		return -EINVAL;
	if (new->rlim_max > host.rlim_max && geteuid())
		return -EPERM;
	p->limits[resource] = *new;
	p->limit_set[resource] = true;
	return 0;
}

/* Of a word of 32 bits, all ones are "no limit", which anything that does not fit is, too. */
static uint64_t fit_limit(const struct abi *abi, uint64_t value)
{
	return abi->word == 4 && value > UINT32_MAX ? UINT32_MAX : value;
}

int64_t sys_getrlimit(struct thread *t, const struct call *call, const uint64_t *a)
{
	struct rlimit old;
	int64_t result = limits(t, 0, (int)a[0], NULL, &old);

	if (result < 0)
		return result;
	old.rlim_cur = fit_limit(t->abi, old.rlim_cur);
	old.rlim_max = fit_limit(t->abi, old.rlim_max);
	return layout_write(t, L_rlimit, a[1], &old) ? 0 : -EFAULT;
}

int64_t sys_setrlimit(struct thread *t, const struct call *call, const uint64_t *a)
{
	struct rlimit new;

	if (!layout_read(t, L_rlimit, a[1], &new))
		return -EFAULT;
	if (t->abi->word == 4 && new.rlim_cur == UINT32_MAX)
		new.rlim_cur = RLIM_INFINITY;
	if (t->abi->word == 4 && new.rlim_max == UINT32_MAX)
		new.rlim_max = RLIM_INFINITY;
	return limits(t, 0, (int)a[0], &new, NULL);
}

int64_t sys_prlimit(struct thread *t, const struct call *call, const uint64_t *a)
{
	struct rlimit new, old;

	if (a[2] && !layout_read(t, L_rlimit64, a[2], &new))
		return -EFAULT;
	int64_t result = limits(t, (int)a[0], (int)a[1], a[2] ? &new : NULL, &old);
	if (!result && a[3] && !layout_write(t, L_rlimit64, a[3], &old))
		return -EFAULT;
	return result;
}

int64_t sys_nice(struct thread *t, const struct call *call, const uint64_t *a)
{
	errno = 0;
	int now = nice((int)a[0]);

	return now == -1 && errno ? -errno : 0;
}

/* Sets of processors are bytes in order; sizes of the host are multiples of its long. */
int64_t sys_affinity(struct thread *t, const struct call *call, const uint64_t *a)
{
	uint64_t set[1024 / 8] = {0};
	uint64_t size = MIN(a[1], sizeof(set));

	if (call->host == SYS_sched_setaffinity) {
		if (!guest_read(t, set, a[2], size))
			return -EFAULT;
		return HOST(t, call->host, a[0], (size + 7) & ~UINT64_C(7), HPTR(set));
	}
	if (a[1] & (t->abi->word - 1u))
		return -EINVAL;
	int64_t result = HOST(t, call->host, a[0], (size + 7) & ~UINT64_C(7), HPTR(set));
	if (result < 0)
		return result;
	result = MIN(result, (int64_t)size);
	return guest_write(t, a[2], set, (uint64_t)result) ? result : -EFAULT;
}

/* --- waiting --- */

int64_t sys_waitpid(struct thread *t, const struct call *call, const uint64_t *a)
{
	return HOST(t, SYS_wait4, a[0], HPTR(guest_pointer(t, a[1], 4)), a[2], 0);
}

int64_t sys_waitid(struct thread *t, const struct call *call, const uint64_t *a)
{
	siginfo_t info = {0};
	struct rusage usage;
	uint8_t guest[128];
	int64_t result = HOST(t, SYS_waitid, a[0], a[1], HPTR(&info), a[3], HPTR(&usage));

	if (result < 0)
		return result;
	if (a[2]) {
		siginfo_to_guest(t->abi, &info, guest);
		if (!guest_write(t, a[2], guest, sizeof(guest)))
			return -EFAULT;
	}
	if (a[4] && info.si_pid && !layout_write(t, L_rusage, a[4], &usage))
		return -EFAULT;
	return result;
}

/* --- programs --- */

int64_t sys_execve(struct thread *t, const struct call *call, const uint64_t *a)
{
	char path[PATH_MAX];
	bool at = call->host == SYS_execveat;
	int64_t len = guest_string(t, path, a[at], sizeof(path));

	if (len < 0)
		return len;
	return user_execve(t, at ? (int)a[0] : -100, path, a[at + 1], a[at + 2],
			   at ? (int)a[4] : 0);
}
