/*
 * GLib's main context does the waiting. Alarms are timerfds: poll() counts milliseconds, which is
 * too coarse for a guest's timer interrupts, and any thread may set one without waking the loop.
 */
#include "base/loop.h"

#include "base/clock.h"

#include <errno.h>
#include <glib-unix.h>
#include <sched.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

static pthread_mutex_t machine_mutex = PTHREAD_MUTEX_INITIALIZER;
static __thread bool machine_mutex_held;
static unsigned int machine_waiting; /* threads in machine_lock(); atomic */
static unsigned int machine_granted; /* counts those that got it; atomic */
static bool quit_asked;

/* Broadcasts of whoever holds the lock are made when it is let go: a thread that was woken before
 * would only wait again. Under the lock. */
enum { OWED_MAX = 4 };
static struct machine_cond *owed[OWED_MAX];
static unsigned int owed_count;

static void lock_wait(void)
{
	__atomic_fetch_add(&machine_waiting, 1, __ATOMIC_SEQ_CST);
	pthread_mutex_lock(&machine_mutex);
	__atomic_fetch_add(&machine_granted, 1, __ATOMIC_SEQ_CST);
	__atomic_fetch_sub(&machine_waiting, 1, __ATOMIC_SEQ_CST);
}

void machine_lock(void)
{
	g_assert(!machine_mutex_held);
	if (pthread_mutex_trylock(&machine_mutex) != 0)
		lock_wait();
	machine_mutex_held = true;
}

void machine_yield(void)
{
	unsigned int granted = __atomic_load_n(&machine_granted, __ATOMIC_SEQ_CST);

	if (!__atomic_load_n(&machine_waiting, __ATOMIC_SEQ_CST))
		return;
	/* The mutex is not fair: whoever unlocks it would win it again. */
	machine_unlock();
	while (__atomic_load_n(&machine_waiting, __ATOMIC_SEQ_CST) &&
	       __atomic_load_n(&machine_granted, __ATOMIC_SEQ_CST) == granted)
		sched_yield();
	machine_lock();
}

void machine_unlock(void)
{
	struct machine_cond *wake[OWED_MAX];
	unsigned int count = owed_count;

	g_assert(machine_mutex_held);
	machine_mutex_held = false;
	if (count) {
		memcpy(wake, owed, sizeof(wake));
		owed_count = 0;
	}
	pthread_mutex_unlock(&machine_mutex);
	for (unsigned int i = 0; i < count; i++)
		pthread_cond_broadcast(&wake[i]->cond);
}

/* Before the lock is let go by waiting. */
static void pay_owed(void)
{
	for (unsigned int i = 0; i < owed_count; i++)
		pthread_cond_broadcast(&owed[i]->cond);
	owed_count = 0;
}

bool machine_locked(void)
{
	return machine_mutex_held;
}

void machine_cond_init(struct machine_cond *c)
{
	pthread_cond_init(&c->cond, NULL);
}

void machine_cond_wait(struct machine_cond *c)
{
	g_assert(machine_mutex_held);
	pay_owed();
	machine_mutex_held = false;
	pthread_cond_wait(&c->cond, &machine_mutex);
	machine_mutex_held = true;
}

bool machine_cond_wait_until(struct machine_cond *c, int64_t monotonic_ns)
{
	g_assert(machine_mutex_held);
	pay_owed();
	machine_mutex_held = false;
	struct timespec until = {monotonic_ns / NS_PER_S, monotonic_ns % NS_PER_S};
	bool woken = pthread_cond_clockwait(&c->cond, &machine_mutex, CLOCK_MONOTONIC, &until) == 0;
	machine_mutex_held = true;
	return woken;
}

void machine_cond_broadcast(struct machine_cond *c)
{
	if (!machine_mutex_held) {
		pthread_cond_broadcast(&c->cond);
		return;
	}
	for (unsigned int i = 0; i < owed_count; i++) {
		if (owed[i] == c)
			return;
	}
	if (owed_count == OWED_MAX)
		pay_owed();
	owed[owed_count++] = c;
}

struct fd_watch {
	loop_fd_fn *fn;
	void *opaque;
	bool running;
};

static gboolean fd_ready(int fd, GIOCondition condition, void *opaque)
{
	struct fd_watch *watch = opaque;

	if (watch->running)
		return G_SOURCE_CONTINUE;
	watch->running = true;
	watch->fn(watch->opaque, condition);
	watch->running = false;
	return G_SOURCE_CONTINUE;
}

/*
 * A source that GLib may call again while it runs is left in the poll set. The others it takes out
 * before each call and puts back behind it, and both times it writes to its own eventfd: four
 * system calls and a turn more for each event.
 */
static unsigned int attach_fd(int fd, GIOCondition condition, GUnixFDSourceFunc fn, void *opaque)
{
	GSource *source = g_unix_fd_source_new(fd, condition);

	g_source_set_callback(source, (GSourceFunc)(void (*)(void))fn, opaque,
			      opaque ? g_free : NULL);
	g_source_set_can_recurse(source, true);
	unsigned int id = g_source_attach(source, NULL);
	g_source_unref(source);
	return id;
}

unsigned int loop_watch_fd(int fd, GIOCondition condition, loop_fd_fn *fn, void *opaque)
{
	struct fd_watch *watch = g_new(struct fd_watch, 1);
	*watch = (struct fd_watch){fn, opaque, false};
	return attach_fd(fd, condition, fd_ready, watch);
}

void loop_unwatch(unsigned int id)
{
	if (id)
		g_source_remove(id);
}

/*
 * Posts wait in a queue of our own behind an eventfd, which stays readable until the queue is
 * empty: so a callback may turn the loop and still see what others post meanwhile.
 */
struct post {
	loop_fn *fn;
	void *opaque;
	struct post *next;
};

static struct {
	pthread_mutex_t mutex;
	struct post *first, **last;
	unsigned int count;
	int fd;
} posts = {PTHREAD_MUTEX_INITIALIZER, NULL, &posts.first, 0, -1};

/* The oldest post, or NULL; then the eventfd is empty too. */
static struct post *post_take(void)
{
	uint64_t value;

	pthread_mutex_lock(&posts.mutex);
	struct post *post = posts.first;
	if (post) {
		posts.first = post->next;
		posts.count--;
	}
	if (!posts.first) {
		posts.last = &posts.first;
		/* It never blocks, and that it was empty already is no news. */
		if (read(posts.fd, &value, sizeof(value)) < 0)
			value = 0;
	}
	pthread_mutex_unlock(&posts.mutex);
	return post;
}

static gboolean posts_run(int fd, GIOCondition condition, void *opaque)
{
	pthread_mutex_lock(&posts.mutex);
	/* Not those that are posted meanwhile, or one that posts itself would starve the loop. */
	unsigned int count = posts.count;
	pthread_mutex_unlock(&posts.mutex);

	for (struct post *post; count && (post = post_take()); count--) {
		post->fn(post->opaque);
		g_free(post);
	}
	return G_SOURCE_CONTINUE;
}

static void posts_init(void)
{
	posts.fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	g_assert(posts.fd >= 0);
	attach_fd(posts.fd, G_IO_IN, posts_run, NULL);
}

void loop_post(loop_fn *fn, void *opaque)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	struct post *post = g_new(struct post, 1);
	const uint64_t one = 1;

	pthread_once(&once, posts_init);
	*post = (struct post){fn, opaque, NULL};
	pthread_mutex_lock(&posts.mutex);
	bool was_empty = !posts.first;
	*posts.last = post;
	posts.last = &post->next;
	posts.count++;
	if (was_empty && write(posts.fd, &one, sizeof(one)) < 0)
		g_error("eventfd: %s", g_strerror(errno));
	pthread_mutex_unlock(&posts.mutex);
}

struct loop_alarm {
	int fd;
	unsigned int watch;
	loop_fn *fn;
	void *opaque;
};

static void alarm_ready(void *opaque, GIOCondition condition)
{
	struct loop_alarm *alarm = opaque;
	uint64_t expirations;

	if (read(alarm->fd, &expirations, sizeof(expirations)) == sizeof(expirations))
		alarm->fn(alarm->opaque);
}

struct loop_alarm *loop_alarm_new(loop_fn *fn, void *opaque)
{
	struct loop_alarm *alarm = g_new0(struct loop_alarm, 1);

	alarm->fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
	g_assert(alarm->fd >= 0);
	alarm->fn = fn;
	alarm->opaque = opaque;
	alarm->watch = loop_watch_fd(alarm->fd, G_IO_IN, alarm_ready, alarm);
	return alarm;
}

void loop_alarm_set(struct loop_alarm *alarm, int64_t monotonic_ns)
{
	struct itimerspec when = {0};

	/* An all-zero time disarms a timerfd, so a deadline in the past becomes 1 ns. */
	if (monotonic_ns != INT64_MAX) {
		int64_t ns = MAX(monotonic_ns, 1);
		when.it_value.tv_sec = ns / NS_PER_S;
		when.it_value.tv_nsec = ns % NS_PER_S;
	}
	timerfd_settime(alarm->fd, TFD_TIMER_ABSTIME, &when, NULL);
}

void loop_alarm_free(struct loop_alarm *alarm)
{
	if (!alarm)
		return;
	loop_unwatch(alarm->watch);
	close(alarm->fd);
	g_free(alarm);
}

/* poll() for GLib that lets go of the machine lock while it sleeps. */
static int poll_unlocked(GPollFD *fds, unsigned int count, int timeout)
{
	bool held = machine_mutex_held;

	if (timeout != 0 && held)
		machine_unlock();
	int ready = g_poll(fds, count, timeout);
	if (timeout != 0 && held)
		machine_lock();
	return ready;
}

void loop_turn(bool block)
{
	g_main_context_set_poll_func(NULL, poll_unlocked);
	g_main_context_iteration(NULL, block);
}

void loop_run(void)
{
	while (!__atomic_load_n(&quit_asked, __ATOMIC_ACQUIRE))
		loop_turn(true);
}

void loop_quit(void)
{
	__atomic_store_n(&quit_asked, true, __ATOMIC_RELEASE);
	g_main_context_wakeup(NULL);
}
