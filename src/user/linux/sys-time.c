/* Clocks and timers. Reading a clock goes through libc, which needs no system call for it. */
#include "user/linux/syscall.h"

#include <string.h>
#include <sys/time.h>
#include <time.h>

int64_t sys_clock_gettime(struct thread *t, const struct call *call, const uint64_t *a)
{
	struct timespec time;

	if (clock_gettime((clockid_t)a[0], &time))
		return -errno;
	return layout_write(t, timespec_of(t, call), a[1], &time) ? 0 : -EFAULT;
}

int64_t sys_gettimeofday(struct thread *t, const struct call *call, const uint64_t *a)
{
	struct timeval time;
	struct timezone zone;

	if (gettimeofday(&time, &zone))
		return -errno;
	if ((a[0] && !layout_write(t, L_timeval, a[0], &time)) ||
	    (a[1] && !layout_write(t, L_timezone, a[1], &zone)))
		return -EFAULT;
	return 0;
}

int64_t sys_time(struct thread *t, const struct call *call, const uint64_t *a)
{
	int64_t now = time(NULL);

	if (a[0] && !guest_put(t, a[0], t->abi->word, (uint64_t)now))
		return -EFAULT;
	return t->abi->word == 4 ? (int32_t)now : now;
}

int64_t sys_stime(struct thread *t, const struct call *call, const uint64_t *a)
{
	struct timespec time = {0};
	uint64_t value;

	if (!guest_get(t, a[0], 4, &value))
		return -EFAULT;
	time.tv_sec = (int32_t)value;
	return HOST(t, SYS_clock_settime, CLOCK_REALTIME, HPTR(&time));
}

/* nanosleep() and clock_nanosleep(): what is left is told where a signal ended the sleep. */
int64_t sys_sleep(struct thread *t, const struct call *call, const uint64_t *a)
{
	bool plain = call->host == SYS_nanosleep;
	uint64_t request = plain ? a[0] : a[2], rest = plain ? a[1] : a[3];
	enum layout_id id = timespec_of(t, call);
	struct timespec time, left = {0};
	int64_t result;

	if (!layout_read(t, id, request, &time))
		return -EFAULT;
	if (plain)
		result = HOST(t, SYS_nanosleep, HPTR(&time), HPTR(&left));
	else
		result = HOST(t, SYS_clock_nanosleep, a[0], a[1], HPTR(&time), HPTR(&left));
	bool absolute = !plain && a[1] & TIMER_ABSTIME;
	if (result == -EINTR && rest && !absolute && !layout_write(t, id, rest, &left))
		return -EFAULT;
	return result;
}

/* struct sigevent: value, signal, kind, thread. */
static bool sigevent_read(struct thread *t, uint64_t addr, struct sigevent *event)
{
	unsigned int w = t->abi->word;
	uint64_t value, signo, notify, tid;

	if (!guest_get(t, addr, w, &value) || !guest_get(t, addr + w, 4, &signo) ||
	    !guest_get(t, addr + w + 4, 4, &notify) || !guest_get(t, addr + w + 8, 4, &tid))
		return false;
	memset(event, 0, sizeof(*event));
	event->sigev_value.sival_ptr = (void *)(uintptr_t)value;
	event->sigev_signo = (int)signo;
	event->sigev_notify = (int)notify;
	event->_sigev_un._tid = (int)tid;
	return true;
}

int64_t sys_timer_create(struct thread *t, const struct call *call, const uint64_t *a)
{
	struct sigevent event;
	int id;

	if (a[1] && !sigevent_read(t, a[1], &event))
		return -EFAULT;
	int64_t result = HOST(t, SYS_timer_create, a[0], HPTR(a[1] ? &event : NULL), HPTR(&id));
	if (!result && !guest_put(t, a[2], 4, (uint32_t)id))
		return -EFAULT;
	return result;
}

int64_t sys_mq_notify(struct thread *t, const struct call *call, const uint64_t *a)
{
	struct sigevent event;

	if (!a[1])
		return HOST(t, SYS_mq_notify, a[0], 0);
	if (!sigevent_read(t, a[1], &event))
		return -EFAULT;
	/* A thread's notification is a message on a socket: 32 bytes that the kernel copies. */
	if (event.sigev_notify == SIGEV_THREAD)
		event.sigev_value.sival_ptr =
			guest_pointer(t, HPTR(event.sigev_value.sival_ptr), 32);
	return HOST(t, SYS_mq_notify, a[0], HPTR(&event));
}

int64_t sys_mq_open(struct thread *t, const struct call *call, const uint64_t *a)
{
	int64_t attr[8] = {0};

	if (a[3] && !layout_read(t, L_mq_attr, a[3], attr))
		return -EFAULT;
	return HOST(t, SYS_mq_open, HPTR(guest_pointer(t, a[0], 1)),
		    open_flags_to_host(t->abi, (int)a[1]), a[2], HPTR(a[3] ? attr : NULL));
}
