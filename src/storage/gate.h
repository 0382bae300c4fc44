/*
 * Requests that can be held up at breakpoints, for tests of what happens when they overlap
 * (qemu-io's break, wait_break and resume; blkdebug tells the events).
 *
 * Each request has a thread of its own, but they run one at a time, holding the gate's lock: an
 * image is for one thread only. A request that is held up, or that waits for another one of an
 * overlapping range, lets others run. The thread that made the gate is never held up. All
 * functions but gate_new() and gate_free() want the lock.
 */
#ifndef STORAGE_GATE_H
#define STORAGE_GATE_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

struct gate;
struct gate_range;

struct gate *gate_new(void);
void gate_free(struct gate *g); /* no request is there */
void gate_lock(struct gate *g);
void gate_unlock(struct gate *g);

/* --- for those who make requests --- */

/* Runs fn(opaque) on a thread, and waits until it is done or held up. */
void gate_request(struct gate *g, void (*fn)(void *opaque), void *opaque);
/* Waits until all requests are done; those that are held up are let go. Returns how many were. */
unsigned int gate_drain(struct gate *g);
/* The next request that meets `event` is held up, and known as `tag` from then on. */
void gate_break(struct gate *g, const char *event, const char *tag);
bool gate_is_held(const struct gate *g, const char *tag);
/* Lets the request go, and waits until it is done or held up again; false: no such. */
bool gate_resume(struct gate *g, const char *tag);
/* Forgets breakpoints of that tag, and lets go whom they hold. Returns whether there were any. */
bool gate_remove_break(struct gate *g, const char *tag);

/* --- for blkdebug; a gate may be NULL --- */

void gate_event(struct gate *g, const char *event);
/* Waits until no request of an overlapping range is under way, if this one or that one is `alone`:
 * it reads, changes and writes what others may change. */
struct gate_range *gate_enter(struct gate *g, uint64_t from, uint64_t to, bool alone);
void gate_leave(struct gate *g, struct gate_range *r);

#endif
