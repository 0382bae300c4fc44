/*
 * The event loop and the machine lock.
 *
 * One thread, the main thread, runs loop_run(): it waits without the machine lock and calls every
 * callback with it held. vCPU threads take the lock where they enter devices (machine_lock), worker
 * threads never touch a machine: they hand results over with loop_post().
 *
 * The lock is recursive by design of its users, not by its type: code that may run with or without
 * it asks machine_locked().
 */
#ifndef BASE_LOOP_H
#define BASE_LOOP_H

#include <glib.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

typedef void loop_fn(void *opaque);
typedef void loop_fd_fn(void *opaque, GIOCondition condition);

/* The machine lock ("big lock"). */
void machine_lock(void);
void machine_unlock(void);
bool machine_locked(void); /* by this thread */
/* Lets a thread that waits in machine_lock() have it first; for loops that would else starve it. */
void machine_yield(void);

/* Waits on a condition with the machine lock as its mutex (held before and after). A static one
 * needs no machine_cond_init(). */
struct machine_cond {
	pthread_cond_t cond;
};
void machine_cond_init(struct machine_cond *c);
void machine_cond_wait(struct machine_cond *c);
/* The same until a deadline of the host's monotonic clock; false if that has passed. */
bool machine_cond_wait_until(struct machine_cond *c, int64_t monotonic_ns);
/* With the lock held it takes effect when that is let go. */
void machine_cond_broadcast(struct machine_cond *c);

/*
 * Watches a file descriptor until loop_unwatch(). `fn` runs on the main thread with the machine
 * lock; while it does, a nested loop_turn() does not call it again. Returns an id (never 0).
 * Callable with the machine lock held.
 */
unsigned int loop_watch_fd(int fd, GIOCondition condition, loop_fd_fn *fn, void *opaque);
/* Removes a watch; 0 is allowed. After it returns `fn` is not called again. */
void loop_unwatch(unsigned int id);

/* Runs `fn` once on the main thread with the machine lock, soon; in the order of the calls.
 * Callable from any thread. */
void loop_post(loop_fn *fn, void *opaque);

/*
 * One deadline of the host's monotonic clock, owned by whoever keeps a sorted list of timers
 * (vm/clock.c): when it passes, `fn` is called on the main thread with the lock. Setting a new
 * deadline replaces the old one; INT64_MAX is never. Callable from any thread.
 */
struct loop_alarm;
struct loop_alarm *loop_alarm_new(loop_fn *fn, void *opaque);
void loop_alarm_set(struct loop_alarm *alarm, int64_t monotonic_ns);
void loop_alarm_free(struct loop_alarm *alarm);

/* Runs the loop until loop_quit(). Called by main() with the machine lock held. */
void loop_run(void);
/* One turn; waits if `block` and nothing is ready. Called with the machine lock held. */
void loop_turn(bool block);
/* Ends loop_run() after the current turn. Callable from any thread. */
void loop_quit(void);

#endif
