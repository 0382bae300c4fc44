/* See gate.h. Whoever lets a request go counts it as running, so that "nobody runs" is exact. */
#include "storage/gate.h"

#include <stdio.h>

struct breakpoint {
	char *event, *tag;
};

/* A request that waits: at a breakpoint (tag), or for its range. */
struct held {
	const char *tag;
	bool free;
};

struct gate_range {
	uint64_t from, to;
	bool alone;
	struct held *waiter; /* NULL: under way */
};

struct gate {
	GMutex lock;
	GCond changed;
	GThread *owner;
	unsigned int requests, running;
	GList *breaks; /* struct breakpoint */
	GList *held;   /* struct held at breakpoints */
	GList *ranges; /* struct gate_range, the oldest first */
};

struct gate *gate_new(void)
{
	struct gate *g = g_new0(struct gate, 1);

	g_mutex_init(&g->lock);
	g_cond_init(&g->changed);
	g->owner = g_thread_self();
	return g;
}

static void break_free(void *opaque)
{
	struct breakpoint *b = opaque;

	g_free(b->event);
	g_free(b->tag);
	g_free(b);
}

void gate_free(struct gate *g)
{
	g_list_free_full(g->breaks, break_free);
	g_mutex_clear(&g->lock);
	g_cond_clear(&g->changed);
	g_free(g);
}

void gate_lock(struct gate *g)
{
	g_mutex_lock(&g->lock);
}

void gate_unlock(struct gate *g)
{
	g_mutex_unlock(&g->lock);
}

/* --- waiting --- */

static void let_go(struct gate *g, struct held *h)
{
	h->free = true;
	g->running++;
	g_cond_broadcast(&g->changed);
}

static void wait_here(struct gate *g, struct held *h)
{
	g->running--;
	g_cond_broadcast(&g->changed);
	while (!h->free)
		g_cond_wait(&g->changed, &g->lock);
}

static void settle(struct gate *g)
{
	while (g->running)
		g_cond_wait(&g->changed, &g->lock);
}

/* --- requests --- */

struct request {
	struct gate *gate;
	void (*fn)(void *opaque);
	void *opaque;
};

static void *request_thread(void *opaque)
{
	struct request *r = opaque;
	struct gate *g = r->gate;

	gate_lock(g);
	r->fn(r->opaque);
	g->requests--;
	g->running--;
	g_cond_broadcast(&g->changed);
	gate_unlock(g);
	g_free(r);
	return NULL;
}

void gate_request(struct gate *g, void (*fn)(void *opaque), void *opaque)
{
	struct request *r = g_new(struct request, 1);

	*r = (struct request){g, fn, opaque};
	g->requests++;
	g->running++;
	g_thread_unref(g_thread_new("request", request_thread, r));
	settle(g);
}

unsigned int gate_drain(struct gate *g)
{
	unsigned int freed = 0;

	settle(g);
	while (g->requests) {
		for (GList *i = g->held; i; i = i->next, freed++)
			let_go(g, i->data);
		g_list_free(g->held);
		g->held = NULL;
		settle(g);
	}
	return freed;
}

/* --- breakpoints --- */

void gate_break(struct gate *g, const char *event, const char *tag)
{
	struct breakpoint *b = g_new(struct breakpoint, 1);

	*b = (struct breakpoint){g_strdup(event), g_strdup(tag)};
	g->breaks = g_list_append(g->breaks, b);
}

static GList *find_held(const struct gate *g, const char *tag)
{
	for (GList *i = g->held; i; i = i->next)
		if (g_str_equal(((struct held *)i->data)->tag, tag))
			return i;
	return NULL;
}

bool gate_is_held(const struct gate *g, const char *tag)
{
	return find_held(g, tag) != NULL;
}

bool gate_resume(struct gate *g, const char *tag)
{
	GList *i = find_held(g, tag);

	if (!i)
		return false;
	let_go(g, i->data);
	g->held = g_list_delete_link(g->held, i);
	settle(g);
	return true;
}

bool gate_remove_break(struct gate *g, const char *tag)
{
	bool any = false;

	for (GList *i = g->breaks, *next; i; i = next) {
		struct breakpoint *b = i->data;
		next = i->next;
		if (!g_str_equal(b->tag, tag))
			continue;
		break_free(b);
		g->breaks = g_list_delete_link(g->breaks, i);
		any = true;
	}
	while (gate_resume(g, tag))
		any = true;
	return any;
}

void gate_event(struct gate *g, const char *event)
{
	GList *i = g && g_thread_self() != g->owner ? g->breaks : NULL;

	while (i && !g_str_equal(((struct breakpoint *)i->data)->event, event))
		i = i->next;
	if (!i)
		return;
	struct breakpoint *b = i->data;
	struct held h = {.tag = b->tag};
	g->breaks = g_list_delete_link(g->breaks, i); /* it holds one request */
	g->held = g_list_append(g->held, &h);
	printf("blkdebug: Suspended request '%s'\n", b->tag);
	wait_here(g, &h);
	printf("blkdebug: Resuming request '%s'\n", b->tag);
	break_free(b);
}

/* --- ranges --- */

static bool waits(const struct gate_range *r)
{
	return r->waiter && !r->waiter->free;
}

/* Whether a request that is under way is in its way. */
static bool blocked(const struct gate *g, const struct gate_range *r)
{
	for (GList *i = g->ranges; i; i = i->next) {
		const struct gate_range *o = i->data;
		if (o != r && !waits(o) && (r->alone || o->alone) && r->from < o->to &&
		    o->from < r->to)
			return true;
	}
	return false;
}

struct gate_range *gate_enter(struct gate *g, uint64_t from, uint64_t to, bool alone)
{
	struct gate_range *r;

	if (!g || g_thread_self() == g->owner)
		return NULL;
	r = g_new(struct gate_range, 1);
	*r = (struct gate_range){from, to, alone, NULL};
	g->ranges = g_list_append(g->ranges, r);
	if (blocked(g, r)) {
		struct held h = {0};
		r->waiter = &h;
		wait_here(g, &h);
		r->waiter = NULL;
	}
	return r;
}

void gate_leave(struct gate *g, struct gate_range *r)
{
	if (!r)
		return;
	g->ranges = g_list_remove(g->ranges, r);
	g_free(r);
	for (GList *i = g->ranges; i; i = i->next) {
		struct gate_range *o = i->data;
		if (waits(o) && !blocked(g, o))
			let_go(g, o->waiter);
	}
}
