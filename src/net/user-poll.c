/*
 * Slirp's sockets on the main loop, as one GSource: before each wait slirp says which descriptors
 * it wants, after it each one's result is handed back.
 */
#include "net/coalesce.h"
#include "net/user.h"

#include <string.h>

struct user_poll {
	GSource *source;
	struct user_net *net;
	GPtrArray *fds;	   /* GPollFD *, as they are attached to the source */
	unsigned int used; /* of them in this turn */
	gint kicked;	   /* the loop was woken and has not prepared since */
};

struct poll_source {
	GSource base;
	struct user_poll *poll;
};

static int add_poll(int fd, int events, void *opaque)
{
	struct user_poll *p = opaque;
	gushort want = 0;

	if (events & SLIRP_POLL_IN)
		want |= G_IO_IN;
	if (events & SLIRP_POLL_OUT)
		want |= G_IO_OUT;
	if (events & SLIRP_POLL_PRI)
		want |= G_IO_PRI;
	if (events & SLIRP_POLL_ERR)
		want |= G_IO_ERR;
	if (events & SLIRP_POLL_HUP)
		want |= G_IO_HUP;
	if (p->used == p->fds->len) {
		GPollFD *fresh = g_new0(GPollFD, 1);
		fresh->fd = -1;
		g_ptr_array_add(p->fds, fresh);
	}
	GPollFD *slot = g_ptr_array_index(p->fds, p->used);
	/* A slot that stays the same stays attached: most turns change nothing. */
	if (slot->fd != fd || slot->events != want) {
		if (slot->fd >= 0)
			g_source_remove_poll(p->source, slot);
		slot->fd = fd;
		slot->events = want;
		g_source_add_poll(p->source, slot);
	}
	slot->revents = 0;
	return (int)p->used++;
}

static int get_revents(int index, void *opaque)
{
	struct user_poll *p = opaque;
	int result = 0;

	if (index < 0 || (unsigned int)index >= p->used)
		return 0;
	gushort got = ((GPollFD *)g_ptr_array_index(p->fds, (unsigned int)index))->revents;
	if (got & G_IO_IN)
		result |= SLIRP_POLL_IN;
	if (got & G_IO_OUT)
		result |= SLIRP_POLL_OUT;
	if (got & G_IO_PRI)
		result |= SLIRP_POLL_PRI;
	if (got & G_IO_ERR)
		result |= SLIRP_POLL_ERR;
	if (got & G_IO_HUP)
		result |= SLIRP_POLL_HUP;
	return result;
}

static void detach_from(struct user_poll *p, unsigned int first)
{
	for (unsigned int i = first; i < p->fds->len; i++) {
		GPollFD *slot = g_ptr_array_index(p->fds, i);
		if (slot->fd >= 0)
			g_source_remove_poll(p->source, slot);
		slot->fd = -1;
	}
}

static gboolean source_prepare(GSource *source, int *timeout)
{
	struct user_poll *p = ((struct poll_source *)source)->poll;
	uint32_t wait = UINT32_MAX;

	g_atomic_int_set(&p->kicked, 0);
	p->used = 0;
	slirp_pollfds_fill(p->net->slirp, &wait, add_poll, p);
	detach_from(p, p->used);
	*timeout = wait > INT32_MAX ? -1 : (int)wait;
	return false;
}

/* Slirp's own timers run in slirp_pollfds_poll(), so it is called after every wait. */
static gboolean source_check(GSource *source)
{
	return true;
}

static gboolean source_dispatch(GSource *source, GSourceFunc callback, void *data)
{
	struct user_poll *p = ((struct poll_source *)source)->poll;

	slirp_pollfds_poll(p->net->slirp, 0, get_revents, p);
	coalescer_flush(p->net->to_guest);
	return G_SOURCE_CONTINUE;
}

static GSourceFuncs source_funcs = {
	.prepare = source_prepare, .check = source_check, .dispatch = source_dispatch};

struct user_poll *user_poll_new(struct user_net *u)
{
	struct user_poll *p = g_new0(struct user_poll, 1);

	p->net = u;
	p->fds = g_ptr_array_new_with_free_func(g_free);
	p->source = g_source_new(&source_funcs, sizeof(struct poll_source));
	((struct poll_source *)p->source)->poll = p;
	g_source_attach(p->source, NULL);
	return p;
}

void user_poll_free(struct user_poll *p)
{
	g_source_destroy(p->source);
	g_source_unref(p->source);
	g_ptr_array_unref(p->fds);
	g_free(p);
}

void user_poll_kick(struct user_poll *p)
{
	if (g_atomic_int_compare_and_exchange(&p->kicked, 0, 1))
		g_main_context_wakeup(NULL);
}
