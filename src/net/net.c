/* Ports, their queues and what joins them: see net.h. */
#include "net/net.h"

#include "net/net-internal.h"
#include "net/offload.h"

#include <glib.h>
#include <inttypes.h>
#include <string.h>

/* Frames that wait for one receiver. More than any TCP window that a peer may have open. */
enum { QUEUE_MAX = 1024, QUEUE_BUSY = 256 };

struct queued {
	size_t len, mss; /* mss 0: an ordinary frame */
	uint8_t data[];
};

struct watch {
	net_watch_fn *fn;
	void *opaque;
};

struct net_port {
	const struct net_port_ops *ops;
	void *opaque;
	char *name, *description;
	struct net_port *peer, *next;
	GQueue waiting; /* of struct queued: frames for this port */
	GArray *watches;
	struct net_stats stats;
	unsigned int sending; /* depth of net_send() by this port */
	bool taking;	      /* inside receive() */
	bool head_seen;	      /* watchers saw the frame that it would not take yet */
	bool starved;	      /* its sender was told that there is no room */
	bool link_down;
};

static struct net_port *ports; /* process-wide: there is one network, as there is one machine */

struct net_port *net_port_new(const struct net_port_ops *ops, void *opaque, const char *name)
{
	struct net_port *port = g_new0(struct net_port, 1), **tail = &ports;
	unsigned int n = 0;

	for (; *tail; tail = &(*tail)->next)
		n += strcmp((*tail)->ops->kind, ops->kind) == 0;
	*tail = port;
	port->ops = ops;
	port->opaque = opaque;
	port->name = name ? g_strdup(name) : g_strdup_printf("%s.%u", ops->kind, n);
	g_queue_init(&port->waiting);
	return port;
}

void net_port_free(struct net_port *port)
{
	if (!port)
		return;
	for (struct net_port **p = &ports; *p; p = &(*p)->next) {
		if (*p == port) {
			*p = port->next;
			break;
		}
	}
	if (port->peer)
		port->peer->peer = NULL;
	g_queue_clear_full(&port->waiting, g_free);
	if (port->ops->destroy)
		port->ops->destroy(port->opaque);
	if (port->watches)
		g_array_unref(port->watches);
	g_free(port->name);
	g_free(port->description);
	g_free(port);
}

const char *net_port_name(const struct net_port *port)
{
	return port->name;
}

const struct net_port_ops *net_port_ops(const struct net_port *port)
{
	return port->ops;
}

const struct net_stats *net_port_stats(const struct net_port *port)
{
	return &port->stats;
}

struct net_port *net_port_peer(const struct net_port *port)
{
	return port->peer;
}

struct net_port *net_port_next(const struct net_port *port)
{
	return port ? port->next : ports;
}

void *net_port_opaque(const struct net_port *port)
{
	return port->opaque;
}

void net_port_describe(struct net_port *port, const char *format, ...)
{
	va_list args;

	g_free(port->description);
	va_start(args, format);
	port->description = g_strdup_vprintf(format, args);
	va_end(args);
}

struct net_port *net_port_find(const char *name)
{
	for (struct net_port *p = ports; p; p = p->next) {
		if (strcmp(p->name, name) == 0)
			return p;
	}
	return NULL;
}

struct error *net_join(struct net_port *a, struct net_port *b)
{
	if (a->peer)
		return error_new("\"%s\" is already connected to \"%s\"", a->name, a->peer->name);
	if (b->peer)
		return error_new("\"%s\" is already connected to \"%s\"", b->name, b->peer->name);
	a->peer = b;
	b->peer = a;
	return NULL;
}

void net_port_watch(struct net_port *port, net_watch_fn *fn, void *opaque)
{
	struct watch w = {fn, opaque};

	if (!port->watches)
		port->watches = g_array_new(false, false, sizeof(w));
	g_array_append_val(port->watches, w);
}

static void watchers_see(struct net_port *port, const uint8_t *frame, size_t len)
{
	for (unsigned int i = 0; port->watches && i < port->watches->len; i++) {
		struct watch *w = &g_array_index(port->watches, struct watch, i);
		w->fn(w->opaque, frame, len);
	}
}

/* --- delivery --- */

static bool takes_large(const struct net_port *to)
{
	return to->ops->takes_large && to->ops->takes_large(to->opaque);
}

/* A large frame that the receiver has ceased to understand since it was queued is lost. */
static bool hand_over(struct net_port *to, uint8_t *frame, size_t len, size_t mss)
{
	if (!mss)
		return to->ops->receive(to->opaque, frame, len);
	return !takes_large(to) || to->ops->receive_large(to->opaque, frame, len, mss);
}

static bool deliver(struct net_port *to, uint8_t *frame, size_t len, size_t mss)
{
	if (to->taking || to->sending ||
	    (to->ops->can_receive && !to->ops->can_receive(to->opaque)))
		return false;
	/* Before it answers, so that a dump has the question first; and once. */
	if (!to->head_seen)
		watchers_see(to, frame, len);
	to->taking = true;
	bool taken = hand_over(to, frame, len, mss);
	to->taking = false;
	to->head_seen = !taken;
	if (taken) {
		to->stats.rx_frames++;
		to->stats.rx_bytes += len;
	}
	return taken;
}

static void enqueue(struct net_port *to, const void *frame, size_t len, size_t mss)
{
	if (g_queue_get_length(&to->waiting) >= QUEUE_MAX) {
		to->stats.dropped++;
		return;
	}
	struct queued *q = g_malloc(sizeof(*q) + len);
	q->len = len;
	q->mss = mss;
	memcpy(q->data, frame, len);
	g_queue_push_tail(&to->waiting, q);
}

void net_flush(struct net_port *port)
{
	if (port->taking || port->sending)
		return;
	while (!g_queue_is_empty(&port->waiting)) {
		struct queued *q = g_queue_peek_head(&port->waiting);
		if (!deliver(port, q->data, q->len, q->mss))
			break;
		g_free(g_queue_pop_head(&port->waiting));
	}
	if (port->peer && net_hub_of(port->peer, NULL))
		net_hub_flush(port->peer);
	else
		net_port_drained(port);
}

void net_port_drained(struct net_port *port)
{
	struct net_port *sender = port->peer;

	if (!port->starved || g_queue_get_length(&port->waiting) >= QUEUE_BUSY / 2)
		return;
	port->starved = false;
	if (sender && sender->ops->writable)
		sender->ops->writable(sender->opaque);
}

static void send_frame(struct net_port *port, const void *frame, size_t len, size_t mss)
{
	struct net_port *to = port->peer;

	port->stats.tx_frames++;
	port->stats.tx_bytes += len;
	watchers_see(port, frame, len);
	if (!to || port->link_down || to->link_down) {
		port->stats.dropped++;
		return;
	}
	port->sending++;
	/* Ordinary frames are not changed by those who take them. */
	if (!g_queue_is_empty(&to->waiting) || !deliver(to, (uint8_t *)(uintptr_t)frame, len, mss))
		enqueue(to, frame, len, mss);
	/* Frames that came while it was taking this one; and cards whose drivers hand buffers back
	 * without a word look for them when the next frame comes. */
	if (!g_queue_is_empty(&to->waiting))
		net_flush(to);
	port->sending--;
	if (!port->sending && !g_queue_is_empty(&port->waiting))
		net_flush(port);
}

void net_send(struct net_port *port, const void *frame, size_t len)
{
	if (len > 0 && len <= NET_FRAME_MAX)
		send_frame(port, frame, len, 0);
}

bool net_takes_large(const struct net_port *port)
{
	const struct net_port *to = port->peer;
	return to && !port->watches && !to->watches && takes_large(to);
}

bool net_answers_at_once(const struct net_port *port)
{
	return port->peer && port->peer->ops->answers_at_once;
}

static void send_piece(void *opaque, const uint8_t *frame, size_t len)
{
	net_send(opaque, frame, len);
}

void net_send_large(struct net_port *port, uint8_t *frame, size_t len, size_t mss)
{
	struct frame_layout l;

	if (len > NET_FRAME_MAX)
		return;
	if (mss && net_takes_large(port) && frame_large_prepare(frame, len, &l) &&
	    len - l.payload > mss)
		send_frame(port, frame, len, mss);
	else
		frame_segment(frame, len, mss, send_piece, port);
}

void net_hold(struct net_port *port)
{
	port->sending++;
}

void net_release(struct net_port *port)
{
	port->sending--;
	if (!port->sending && !g_queue_is_empty(&port->waiting))
		net_flush(port);
}

bool net_can_send(const struct net_port *port)
{
	struct net_port *to = port->peer;

	if (!to || port->link_down || to->link_down)
		return true; /* it will be dropped */
	if (net_hub_of(to, NULL) && !net_hub_has_room(to)) {
		to->starved = true;
		return false;
	}
	if (g_queue_get_length(&to->waiting) < QUEUE_BUSY)
		return true;
	to->starved = true;
	return false;
}

bool net_link_up(const struct net_port *port)
{
	return !port->link_down && !(port->peer && port->peer->link_down);
}

static void link_tell(struct net_port *port)
{
	if (port->ops->link_changed)
		port->ops->link_changed(port->opaque, net_link_up(port));
}

void net_set_link(struct net_port *port, bool up)
{
	if (port->link_down == !up)
		return;
	port->link_down = !up;
	if (!up) {
		g_queue_clear_full(&port->waiting, g_free);
		port->head_seen = false;
	}
	link_tell(port);
	if (port->peer)
		link_tell(port->peer);
}

/* --- info network --- */

static void print_port(FILE *out, const struct net_port *p, const char *indent)
{
	fprintf(out, "%s%s: type=%s%s%s%s\n", indent, p->name, p->ops->nic ? "nic" : p->ops->kind,
		p->description ? "," : "", p->description ? p->description : "",
		p->link_down ? ",link=off" : "");
	const struct net_stats *s = &p->stats;
	if (s->tx_frames || s->rx_frames || s->dropped)
		fprintf(out,
			"%s   sent %" PRIu64 " frames (%" PRIu64 " bytes), received %" PRIu64
			" (%" PRIu64 "), lost %" PRIu64 "\n",
			indent, s->tx_frames, s->tx_bytes, s->rx_frames, s->rx_bytes, s->dropped);
}

void net_print(FILE *out)
{
	net_hubs_print(out);
	for (const struct net_port *p = ports; p; p = p->next) {
		if (net_hub_of(p, NULL) || (p->peer && net_hub_of(p->peer, NULL)))
			continue;
		/* The guest's side first, what it is joined to below. */
		if (p->ops->nic || !p->peer || !p->peer->ops->nic)
			print_port(out, p, "");
		if (p->ops->nic && p->peer)
			print_port(out, p->peer, " \\ ");
	}
}

void net_port_print(FILE *out, const struct net_port *p)
{
	print_port(out, p, "  ");
}

void net_ports_free(void)
{
	while (ports)
		net_port_free(ports);
}
