/*
 * Hubs, the "vlan" of -net: what comes in at one port goes out of all others.
 *
 * A hub's port is an ordinary net_port whose receive() sends the frame out of its siblings. A slow
 * member queues in its own port, so it does not delay the others; a sender is only held back while
 * no member at all has room.
 */
#include "net/net-internal.h"

#include <string.h>

struct hub {
	unsigned int number;
	GPtrArray *ports; /* struct hub_port * */
};

struct hub_port {
	struct hub *hub;
	struct net_port *port;
};

static GPtrArray *hubs; /* of the one network, as in net.c */

static bool hub_receive(void *opaque, const uint8_t *frame, size_t len)
{
	struct hub_port *from = opaque;
	GPtrArray *ports = from->hub->ports;

	/* A member that answers at once is not heard before all have heard the question. */
	for (unsigned int i = 0; i < ports->len; i++)
		net_hold(((struct hub_port *)g_ptr_array_index(ports, i))->port);
	for (unsigned int i = 0; i < ports->len; i++) {
		struct hub_port *to = g_ptr_array_index(ports, i);
		if (to != from)
			net_send(to->port, frame, len);
	}
	for (unsigned int i = 0; i < ports->len; i++)
		net_release(((struct hub_port *)g_ptr_array_index(ports, i))->port);
	return true;
}

/* Of a hub with two members, which is but a cable, the other one; else NULL. */
static struct net_port *only_other(const struct hub_port *from)
{
	GPtrArray *ports = from->hub->ports;

	if (ports->len != 2)
		return NULL;
	return ((struct hub_port *)g_ptr_array_index(ports, g_ptr_array_index(ports, 0) == from))
		->port;
}

static bool hub_takes_large(void *opaque)
{
	const struct net_port *other = only_other(opaque);
	return other && net_takes_large(other);
}

static bool hub_receive_large(void *opaque, uint8_t *frame, size_t len, size_t mss)
{
	net_send_large(only_other(opaque), frame, len, mss);
	return true;
}

static void hub_port_destroy(void *opaque)
{
	struct hub_port *p = opaque;

	g_ptr_array_remove(p->hub->ports, p);
	g_free(p);
}

static const struct net_port_ops hub_ops = {.kind = "hubport",
					    .receive = hub_receive,
					    .takes_large = hub_takes_large,
					    .receive_large = hub_receive_large,
					    .destroy = hub_port_destroy};

static struct hub *hub_get(unsigned int number)
{
	if (!hubs)
		hubs = g_ptr_array_new();
	for (unsigned int i = 0; i < hubs->len; i++) {
		struct hub *h = g_ptr_array_index(hubs, i);
		if (h->number == number)
			return h;
	}
	struct hub *h = g_new0(struct hub, 1);
	h->number = number;
	h->ports = g_ptr_array_new();
	g_ptr_array_add(hubs, h);
	return h;
}

struct net_port *net_hub_port(unsigned int n)
{
	struct hub_port *p = g_new0(struct hub_port, 1);

	p->hub = hub_get(n);
	p->port = net_port_new(&hub_ops, p, NULL);
	g_ptr_array_add(p->hub->ports, p);
	return p->port;
}

bool net_hub_of(const struct net_port *port, unsigned int *n)
{
	if (net_port_ops(port) != &hub_ops)
		return false;
	if (n)
		*n = ((struct hub_port *)net_port_opaque(port))->hub->number;
	return true;
}

bool net_hub_has_room(const struct net_port *hub_port)
{
	struct hub_port *from = net_port_opaque(hub_port);
	bool room = from->hub->ports->len < 2;

	/* All are asked, so that each of them remembers that somebody waits for it. */
	for (unsigned int i = 0; i < from->hub->ports->len; i++) {
		struct hub_port *to = g_ptr_array_index(from->hub->ports, i);
		if (to != from)
			room |= net_can_send(to->port);
	}
	return room;
}

void net_hub_flush(struct net_port *hub_port)
{
	struct hub_port *from = net_port_opaque(hub_port);

	for (unsigned int i = 0; i < from->hub->ports->len; i++) {
		struct hub_port *p = g_ptr_array_index(from->hub->ports, i);
		net_port_drained(p->port);
	}
}

struct error *net_hubport_create(struct optstr *o, const char *name, struct net_port **port)
{
	unsigned int number = 0;
	struct error *err = optstr_uint(o, "hubid", 0, 65535, &number);

	if (err)
		return err;
	if (!optstr_has(o, "hubid"))
		return error_new("hubid=n is missing");
	struct hub_port *p = g_new0(struct hub_port, 1);
	p->hub = hub_get(number);
	p->port = net_port_new(&hub_ops, p, name);
	g_ptr_array_add(p->hub->ports, p);
	*port = p->port;
	return NULL;
}

void net_hubs_print(FILE *out)
{
	for (unsigned int i = 0; hubs && i < hubs->len; i++) {
		struct hub *h = g_ptr_array_index(hubs, i);
		fprintf(out, "VLAN %u devices:\n", h->number);
		for (unsigned int k = 0; k < h->ports->len; k++) {
			struct hub_port *p = g_ptr_array_index(h->ports, k);
			if (net_port_peer(p->port))
				net_port_print(out, net_port_peer(p->port));
		}
	}
}

void net_hubs_check(void)
{
	for (unsigned int i = 0; hubs && i < hubs->len; i++) {
		struct hub *h = g_ptr_array_index(hubs, i);
		unsigned int nics = 0, hosts = 0;
		for (unsigned int k = 0; k < h->ports->len; k++) {
			struct hub_port *p = g_ptr_array_index(h->ports, k);
			struct net_port *peer = net_port_peer(p->port);
			if (peer && net_port_ops(peer)->nic)
				nics++;
			else if (peer && strcmp(net_port_ops(peer)->kind, "dump") != 0)
				hosts++;
		}
		if (nics && !hosts)
			warn_report("vlan %u is not connected to the host network", h->number);
		else if (hosts && !nics)
			warn_report("vlan %u has no network card", h->number);
	}
}
