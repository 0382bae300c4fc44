/* poll(), select(), epoll and their masks. */
#include "user/linux/syscall.h"

#include "base/bytes.h"

#include <poll.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/select.h>
#include <time.h>

/* A call with a signal mask of its own: what a signal that ends it finds blocked. `size` is that of
 * the set. */
static int64_t mask_begin(struct thread *t, uint64_t addr, uint64_t size, uint64_t *host)
{
	uint64_t set;

	if (size != 8)
		return -EINVAL;
	if (!sigset_read(t, addr, &set))
		return -EFAULT;
	t->call_mask = set;
	t->has_call_mask = true;
	*host = signal_host_mask(set);
	return 0;
}

/* The mask of a call that no signal ended, or that has not begun, is gone with it. */
static void mask_end(struct thread *t, int64_t result)
{
	if (!t->noted || result == -RESTART_CALL)
		t->has_call_mask = false;
}

static int64_t timeout_read(struct thread *t, enum layout_id id, uint64_t addr,
			    struct timespec *time)
{
	return !addr || layout_read(t, id, addr, time) ? 0 : -EFAULT;
}

/* --- poll --- */

static int64_t poll_fds(struct thread *t, uint64_t addr, uint64_t count, struct pollfd **fds)
{
	if (count > 1 << 20)
		return -EINVAL;
	*fds = g_new(struct pollfd, count + 1);
	for (uint64_t i = 0; i < count; i++)
		if (!layout_read(t, L_pollfd, addr + i * sizeof(struct pollfd), &(*fds)[i])) {
			g_free(*fds);
			return -EFAULT;
		}
	return 0;
}

static int64_t poll_done(struct thread *t, uint64_t addr, uint64_t count, struct pollfd *fds,
			 int64_t result)
{
	for (uint64_t i = 0; result >= 0 && i < count; i++)
		if (!guest_put(t, addr + i * 8 + 6, 2, (uint16_t)fds[i].revents))
			result = -EFAULT;
	g_free(fds);
	return result;
}

int64_t sys_poll(struct thread *t, const struct call *call, const uint64_t *a)
{
	struct pollfd *fds;
	int64_t result = poll_fds(t, a[0], a[1], &fds);

	if (result)
		return result;
	result = HOST(t, SYS_poll, HPTR(fds), a[1], a[2]);
	return poll_done(t, a[0], a[1], fds, result);
}

int64_t sys_ppoll(struct thread *t, const struct call *call, const uint64_t *a)
{
	struct pollfd *fds;
	struct timespec time;
	uint64_t mask;
	enum layout_id id = timespec_of(t, call);
	int64_t result = timeout_read(t, id, a[2], &time);

	if (!result)
		result = poll_fds(t, a[0], a[1], &fds);
	if (result)
		return result;
	if (a[3])
		result = mask_begin(t, a[3], a[4], &mask);
	if (!result)
		result = HOST(t, SYS_ppoll, HPTR(fds), a[1], HPTR(a[2] ? &time : NULL),
			      HPTR(a[3] ? &mask : NULL), 8);
	mask_end(t, result);
	if (a[2] && result != -RESTART_CALL && !layout_write(t, id, a[2], &time))
		result = -EFAULT;
	return poll_done(t, a[0], a[1], fds, result);
}

/* --- select --- */

#define FDS_MAX 65536

/* Sets are arrays of the ABI's longs: read word by word, so that any byte order comes out right. */
struct fd_sets {
	uint64_t words[3][FDS_MAX / 64];
	bool there[3];
};

static bool sets_read(struct thread *t, struct fd_sets *s, const uint64_t *addr, unsigned int n)
{
	unsigned int bits = t->abi->word * 8u, count = (n + bits - 1) / bits;

	for (unsigned int k = 0; k < 3; k++) {
		s->there[k] = addr[k] != 0;
		memset(s->words[k], 0, (n + 63) / 64 * 8);
		for (unsigned int i = 0; addr[k] && i < count; i++) {
			uint64_t word;
			if (!guest_get(t, addr[k] + i * t->abi->word, t->abi->word, &word))
				return false;
			s->words[k][i * bits / 64] |= word << (i * bits % 64);
		}
	}
	return true;
}

static bool sets_write(struct thread *t, const struct fd_sets *s, const uint64_t *addr,
		       unsigned int n)
{
	unsigned int bits = t->abi->word * 8u, count = (n + bits - 1) / bits;

	for (unsigned int k = 0; k < 3; k++)
		for (unsigned int i = 0; addr[k] && i < count; i++)
			if (!guest_put(t, addr[k] + i * t->abi->word, t->abi->word,
				       s->words[k][i * bits / 64] >> (i * bits % 64)))
				return false;
	return true;
}

/* By pselect6(), which takes all kinds: `mask` as the host has it, or NULL. */
static int64_t select_call(struct thread *t, const uint64_t *a, struct timespec *time,
			   const uint64_t *mask)
{
	struct {
		uint64_t set, size;
	} sigmask = {HPTR(mask), 8};
	int n = (int)a[0];

	if (n < 0)
		return -EINVAL;
	n = MIN(n, FDS_MAX);
	struct fd_sets *s = g_new(struct fd_sets, 1);
	int64_t result = -EFAULT;
	if (sets_read(t, s, a + 1, (unsigned int)n)) {
		uint64_t set[3];
		for (unsigned int k = 0; k < 3; k++)
			set[k] = HPTR(s->there[k] ? s->words[k] : NULL);
		result = HOST(t, SYS_pselect6, n, set[0], set[1], set[2], HPTR(time),
			      HPTR(mask ? &sigmask : NULL));
		if (result >= 0 && !sets_write(t, s, a + 1, (unsigned int)n))
			result = -EFAULT;
	}
	g_free(s);
	return result;
}

int64_t sys_select(struct thread *t, const struct call *call, const uint64_t *a)
{
	struct timeval tv;
	struct timespec time;

	if (!a[4])
		return select_call(t, a, NULL, NULL);
	if (!layout_read(t, L_timeval, a[4], &tv))
		return -EFAULT;
	if (tv.tv_sec < 0 || tv.tv_usec < 0)
		return -EINVAL;
	time.tv_sec = tv.tv_sec + tv.tv_usec / 1000000;
	time.tv_nsec = tv.tv_usec % 1000000 * 1000;
	int64_t result = select_call(t, a, &time, NULL);
	tv = (struct timeval){time.tv_sec, time.tv_nsec / 1000};
	if (result != -RESTART_CALL && !layout_write(t, L_timeval, a[4], &tv))
		return -EFAULT;
	return result;
}

int64_t sys_old_select(struct thread *t, const struct call *call, const uint64_t *a)
{
	uint64_t args[5];

	for (unsigned int i = 0; i < 5; i++)
		if (!guest_get(t, a[0] + 4 * i, 4, &args[i]))
			return -EFAULT;
	return sys_select(t, call, args);
}

int64_t sys_pselect6(struct thread *t, const struct call *call, const uint64_t *a)
{
	struct timespec time;
	uint64_t set = 0, size = 8, mask;
	unsigned int word = t->abi->word;
	enum layout_id id = timespec_of(t, call);
	int64_t result = timeout_read(t, id, a[4], &time);

	if (!result && a[5] &&
	    (!guest_get(t, a[5], word, &set) || !guest_get(t, a[5] + word, word, &size)))
		result = -EFAULT;
	if (!result && set)
		result = mask_begin(t, set, size, &mask);
	if (!result)
		result = select_call(t, a, a[4] ? &time : NULL, set ? &mask : NULL);
	mask_end(t, result);
	if (a[4] && result != -RESTART_CALL && result != -EFAULT &&
	    !layout_write(t, id, a[4], &time))
		result = -EFAULT;
	return result;
}

/* --- epoll --- */

static int64_t epoll_call(struct thread *t, const uint64_t *a, uint64_t mask_addr,
			  const struct timespec *time, bool use_time)
{
	int count = (int)a[2];
	unsigned int size = layout_size(t->abi, L_epoll_event);
	uint64_t mask;
	int64_t result = 0;

	if (count <= 0 || count > 1 << 20)
		return -EINVAL;
	if (mask_addr)
		result = mask_begin(t, mask_addr, 8, &mask);
	if (result)
		return result;
	struct epoll_event *events = g_new(struct epoll_event, count);
	uint64_t host_mask = HPTR(mask_addr ? &mask : NULL);
	if (use_time)
		result = HOST(t, SYS_epoll_pwait2, a[0], HPTR(events), count, HPTR(time), host_mask,
			      8);
	else
		result = HOST(t, SYS_epoll_pwait, a[0], HPTR(events), count, a[3], host_mask, 8);
	mask_end(t, result);
	for (int64_t i = 0; i < result; i++)
		if (!layout_write(t, L_epoll_event, a[1] + (uint64_t)i * size, &events[i]))
			result = -EFAULT;
	g_free(events);
	return result;
}

int64_t sys_epoll_wait(struct thread *t, const struct call *call, const uint64_t *a)
{
	return epoll_call(t, a, call->host == SYS_epoll_pwait ? a[4] : 0, NULL, false);
}

int64_t sys_epoll_pwait2(struct thread *t, const struct call *call, const uint64_t *a)
{
	struct timespec time;
	int64_t result = timeout_read(t, L_timespec64, a[3], &time);

	return result ? result : epoll_call(t, a, a[4], a[3] ? &time : NULL, true);
}
