/*
 * GLib's locks for the thread sanitizer (preset tsan), which does not see into GLib: the functions
 * that Ratite calls, on pthread locks, and what goes through a GAsyncQueue as handed over.
 */
#ifndef __has_feature
#define __has_feature(x) 0
#endif

#if __has_feature(thread_sanitizer)
#include <dlfcn.h>
#include <glib.h>
#include <pthread.h>
#include <stdbool.h>
#include <sanitizer/tsan_interface.h>

/* The lock that a GLib lock's first word points at; made when it is first used. */
static void *made(void **place, size_t size, int (*init)(void *))
{
	void *there = __atomic_load_n(place, __ATOMIC_ACQUIRE);

	if (there)
		return there;
	void *fresh = g_malloc0(size);
	init(fresh);
	if (__atomic_compare_exchange_n(place, &there, fresh, false, __ATOMIC_ACQ_REL,
					__ATOMIC_ACQUIRE))
		return fresh;
	g_free(fresh);
	return there;
}

static int mutex_make(void *p)
{
	return pthread_mutex_init(p, NULL);
}

static int cond_make(void *p)
{
	return pthread_cond_init(p, NULL);
}

static int rw_make(void *p)
{
	return pthread_rwlock_init(p, NULL);
}

static pthread_mutex_t *mutex_of(GMutex *m)
{
	return made(&m->p, sizeof(pthread_mutex_t), mutex_make);
}

static pthread_cond_t *cond_of(GCond *c)
{
	return made(&c->p, sizeof(pthread_cond_t), cond_make);
}

static pthread_rwlock_t *rw_of(GRWLock *l)
{
	return made(&l->p, sizeof(pthread_rwlock_t), rw_make);
}

void g_mutex_init(GMutex *m)
{
	m->p = NULL;
}

void g_mutex_clear(GMutex *m)
{
	pthread_mutex_destroy(mutex_of(m));
	g_free(m->p);
	m->p = NULL;
}

void g_mutex_lock(GMutex *m)
{
	pthread_mutex_lock(mutex_of(m));
}

void g_mutex_unlock(GMutex *m)
{
	pthread_mutex_unlock(mutex_of(m));
}

void g_cond_init(GCond *c)
{
	c->p = NULL;
}

void g_cond_clear(GCond *c)
{
	pthread_cond_destroy(cond_of(c));
	g_free(c->p);
	c->p = NULL;
}

void g_cond_wait(GCond *c, GMutex *m)
{
	pthread_cond_wait(cond_of(c), mutex_of(m));
}

void g_cond_signal(GCond *c)
{
	pthread_cond_signal(cond_of(c));
}

void g_cond_broadcast(GCond *c)
{
	pthread_cond_broadcast(cond_of(c));
}

void g_rw_lock_init(GRWLock *l)
{
	l->p = NULL;
}

void g_rw_lock_reader_lock(GRWLock *l)
{
	pthread_rwlock_rdlock(rw_of(l));
}

void g_rw_lock_reader_unlock(GRWLock *l)
{
	pthread_rwlock_unlock(rw_of(l));
}

void g_rw_lock_writer_lock(GRWLock *l)
{
	pthread_rwlock_wrlock(rw_of(l));
}

void g_rw_lock_writer_unlock(GRWLock *l)
{
	pthread_rwlock_unlock(rw_of(l));
}

void g_async_queue_push(GAsyncQueue *q, gpointer data)
{
	void (*push)(GAsyncQueue *, gpointer) = dlsym(RTLD_NEXT, "g_async_queue_push");

	__tsan_release(data);
	push(q, data);
}

gpointer g_async_queue_pop(GAsyncQueue *q)
{
	gpointer (*pop)(GAsyncQueue *) = dlsym(RTLD_NEXT, "g_async_queue_pop");
	gpointer data = pop(q);

	__tsan_acquire(data);
	return data;
}
#else
typedef int tsan_locks_are_glibs; /* an empty file is no C */
#endif
