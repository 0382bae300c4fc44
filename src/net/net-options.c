/*
 * The network's options: -net, -netdev, -nic and the older -redir, -tftp, -bootp, -smb. They are
 * collected as text and carried out by net_finish(), in the order in which they were given.
 */
#include "net/net-internal.h"

#include "vm/device.h"
#include "vm/machine.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <string.h>

const struct net_backend net_backends[] = {
	{"user", "user-mode network stack, needs no privileges", net_user_create},
	{"tap", "a tap interface of the host", net_tap_create},
	{"bridge", "a tap interface from the bridge helper", net_bridge_create},
	{"socket", "TCP or UDP to another emulator, multicast bus", net_socket_create},
	{"stream", "stream socket, TCP or UNIX (passt)", net_stream_create},
	{"dgram", "datagram socket: UDP, multicast or UNIX", net_dgram_create},
	{"vde", "a VDE switch or any vdeplug URL", net_vde_create},
	{"hubport", "a port of a hub", net_hubport_create},
	{NULL, NULL, NULL},
};

enum kind { KIND_NET, KIND_NETDEV, KIND_NIC, KIND_FILTER };

struct request {
	enum kind kind;
	char *text;
};

static struct {
	GPtrArray *requests; /* of struct request */
	unsigned int nics;   /* MAC addresses handed out */
} options;

struct user_defaults user_defaults;

static void collect(enum kind kind, const char *text)
{
	struct request *r = g_new(struct request, 1);

	if (!options.requests)
		options.requests = g_ptr_array_new();
	*r = (struct request){kind, g_strdup(text)};
	g_ptr_array_add(options.requests, r);
}

struct error *net_option_net(struct machine *m, const char *text)
{
	collect(KIND_NET, text);
	return NULL;
}

struct error *net_option_netdev(const char *text)
{
	collect(KIND_NETDEV, text);
	return NULL;
}

struct error *net_option_nic(struct machine *m, const char *text)
{
	collect(KIND_NIC, text);
	return NULL;
}

struct error *net_option_filter_dump(const char *text)
{
	collect(KIND_FILTER, text);
	return NULL;
}

struct error *net_option_redir(const char *text)
{
	if (!user_defaults.redirections)
		user_defaults.redirections = g_ptr_array_new_with_free_func(g_free);
	g_ptr_array_add(user_defaults.redirections, g_strdup(text));
	return NULL;
}

static void replace(char **place, const char *text)
{
	g_free(*place);
	*place = g_strdup(text);
}

void net_option_tftp(const char *folder)
{
	replace(&user_defaults.tftp, folder);
}

void net_option_bootp(const char *file)
{
	replace(&user_defaults.bootfile, file);
}

void net_option_smb(const char *folder)
{
	replace(&user_defaults.smb, folder);
}

/* --- texts to values --- */

struct error *net_parse_mac(const char *text, uint8_t mac[6])
{
	uint8_t bytes[6];
	const char *p = text;

	for (unsigned int i = 0; i < 6; i++) {
		char *end;
		unsigned long byte = g_ascii_isxdigit(*p) ? strtoul(p, &end, 16) : 256;
		if (byte > 255 || end - p > 2 || (i < 5 ? *end != ':' && *end != '-' : *end))
			return error_new("\"%s\" is no MAC address (such as 52:54:00:12:34:56)",
					 text);
		bytes[i] = (uint8_t)byte;
		p = end + 1;
	}
	if (bytes[0] & 1)
		return error_new("MAC address \"%s\" is a group address", text);
	memcpy(mac, bytes, 6);
	return NULL;
}

void net_default_mac(uint8_t mac[6])
{
	static const uint8_t base[6] = {0x52, 0x54, 0x00, 0x12, 0x34, 0x56};

	memcpy(mac, base, 6);
	mac[5] = (uint8_t)(base[5] + options.nics++);
}

struct error *net_parse_port(const char *text, uint16_t *port)
{
	uint64_t value = 0;
	struct error *err = parse_u64(text, 0, 65535, &value);

	if (err) {
		error_free(err);
		return error_new("\"%s\" is no port number (0 to 65535)", text);
	}
	*port = (uint16_t)value;
	return NULL;
}

struct error *net_lookup(const char *host, struct in_addr *addr)
{
	struct addrinfo hints = {.ai_family = AF_INET}, *list;

	if (inet_pton(AF_INET, host, addr) == 1)
		return NULL;
	int result = getaddrinfo(host, NULL, &hints, &list);
	if (result != 0)
		return error_new("cannot find host \"%s\": %s", host, gai_strerror(result));
	*addr = ((struct sockaddr_in *)list->ai_addr)->sin_addr;
	freeaddrinfo(list);
	return NULL;
}

struct error *net_parse_address(const char *text, struct in_addr any, struct sockaddr_in *addr)
{
	const char *colon = strrchr(text, ':');
	uint16_t port = 0;

	*addr = (struct sockaddr_in){.sin_family = AF_INET, .sin_addr = any};
	if (!colon)
		return error_new("\"%s\" is not host:port", text);
	struct error *err = net_parse_port(colon + 1, &port);
	if (err)
		return err;
	addr->sin_port = htons(port);
	if (colon == text)
		return NULL;
	char *host = g_strndup(text, (size_t)(colon - text));
	err = net_lookup(host, &addr->sin_addr);
	g_free(host);
	return err;
}

/* --- back ends --- */

static const char *backend_name(unsigned int i, void *opaque)
{
	return net_backends[i].name;
}

static struct error *backend_find(const char *type, const struct net_backend **backend)
{
	unsigned int count = 0;

	for (; net_backends[count].name; count++) {
		if (strcmp(net_backends[count].name, type) == 0) {
			*backend = &net_backends[count];
			return NULL;
		}
	}
	const char *best = closest_name(type, count, backend_name, NULL);
	if (best)
		return error_new("unknown network back end \"%s\"; did you mean \"%s\"?", type,
				 best);
	return error_new("unknown network back end \"%s\" (user, tap, bridge, socket, "
			 "stream, dgram, vde, hubport)",
			 type);
}

/* Makes the back end of an option text whose key "type" is its kind. */
static struct error *backend_create(struct optstr *o, const char *name, struct net_port **port)
{
	const struct net_backend *backend = NULL;
	struct error *err = backend_find(optstr_get(o, "type"), &backend);

	if (!err && name && net_port_find(name))
		err = error_new("there is already a network device \"%s\"", name);
	if (!err)
		err = backend->create(o, name, port);
	if (!err)
		err = optstr_finish(o);
	return err;
}

/* --- NICs --- */

static bool class_is_nic(const struct device_class *class)
{
	for (const struct prop *p = class->props; p && p->name; p++) {
		if (p->kind == PROP_KIND_NETDEV)
			return true;
	}
	return false;
}

static struct error *nic_options(struct optstr *o, const char *name, struct nic_config **out)
{
	struct nic_config *nic = g_new0(struct nic_config, 1);
	const char *mac = optstr_get(o, "macaddr"), *model = optstr_get(o, "model");
	struct error *err = NULL;

	if (!mac)
		mac = optstr_get(o, "mac");
	if (mac)
		err = net_parse_mac(mac, nic->mac);
	else
		net_default_mac(nic->mac);
	nic->addr = g_strdup(optstr_get(o, "addr"));
	optstr_get(o, "vectors");
	nic->model = g_strdup(model);
	nic->name = g_strdup(name);
	*out = nic;
	return err;
}

static void backends_print(FILE *out)
{
	fprintf(out, "Network back ends:\n");
	for (const struct net_backend *b = net_backends; b->name; b++)
		fprintf(out, "%-12s %s\n", b->name, b->help);
}

/* Cards for other buses than PCI belong to boards that have them by default. */
static bool target_has_card(const char *target, const struct device_class *class)
{
	if (!target || strcmp(class->bus, "PCI") == 0)
		return true;
	for (unsigned int i = 0; i < machine_class_count(); i++) {
		const struct machine_class *machine = machine_class_at(i);
		if (machine->default_nic && strcmp(machine->default_nic, class->name) == 0 &&
		    machine_class_find(target, machine->name) == machine)
			return true;
	}
	return false;
}

static void nic_print_models(const char *target, FILE *out)
{
	fprintf(out, "Network cards (-net nic,model=NAME):\n");
	for (unsigned int i = 0; i < device_class_count(); i++) {
		const struct device_class *class = device_class_at(i);
		if (class_is_nic(class) && target_has_card(target, class))
			fprintf(out, "%-16s %s\n", class->name, class->help);
	}
}

static struct error *nic_add(struct machine *m, struct optstr *o, const char *name,
			     struct net_port *peer)
{
	struct nic_config *nic = NULL;
	struct error *err = nic_options(o, name, &nic);

	nic->netdev = peer;
	if (!m->nics)
		m->nics = g_ptr_array_new();
	g_ptr_array_add(m->nics, nic);
	return err;
}

/* --- the options one by one --- */

static struct error *net_hub_member(struct machine *m, struct optstr *o, const char *type,
				    const char *name, unsigned int vlan)
{
	struct net_port *port = NULL;
	struct error *err;

	if (strcmp(type, "dump") == 0) {
		char *path = g_strdup_printf("qemu-vlan%u.pcap", vlan);
		const char *file = optstr_get(o, "file");
		uint64_t len = 65536;
		err = optstr_size(o, "len", 1, &len);
		if (!err)
			err = optstr_finish(o);
		if (!err)
			err = net_dump_open(file ? file : path, len, name, &port);
		g_free(path);
	} else {
		err = backend_create(o, name, &port);
	}
	return err ? err : net_join(port, net_hub_port(vlan));
}

static struct error *net_nic(struct machine *m, struct optstr *o, const char *name,
			     unsigned int vlan)
{
	const char *netdev = optstr_get(o, "netdev");
	struct net_port *peer = netdev ? net_port_find(netdev) : net_hub_port(vlan);

	if (!peer)
		return error_new("there is no netdev \"%s\"", netdev);
	if (netdev && net_port_peer(peer))
		return error_new("netdev \"%s\" is already in use", netdev);
	struct error *err = nic_add(m, o, name, peer);
	return err ? err : optstr_finish(o);
}

static struct error *carry_out_net(struct machine *m, const char *text)
{
	if (g_str_has_prefix(text, "channel,"))
		return NULL; /* a channel belongs to the user networks: see net_finish() */
	struct optstr *o = optstr_parse(text, "type");
	const char *type = optstr_get(o, "type");
	const char *name = optstr_get(o, "name");
	unsigned int vlan = 0;
	struct error *err = optstr_uint(o, "vlan", 0, 65535, &vlan);

	if (!name)
		name = optstr_get(o, "id");
	if (err)
		;
	else if (!type)
		err = error_new("the kind of network is missing");
	else if (strcmp(type, "none") == 0)
		err = optstr_finish(o);
	else if (strcmp(type, "nic") == 0)
		err = net_nic(m, o, name, vlan);
	else
		err = net_hub_member(m, o, type, name, vlan);
	optstr_free(o);
	return error_prefix(err, "-net %s", text);
}

static struct error *carry_out_netdev(const char *text)
{
	struct optstr *o = optstr_parse(text, "type");
	struct net_port *port = NULL;
	const char *id = NULL;
	struct error *err = NULL;

	if (!optstr_get(o, "type"))
		err = error_new("the kind of network is missing");
	if (!err)
		err = optstr_require(o, "id", &id);
	if (!err)
		err = backend_create(o, id, &port);
	optstr_free(o);
	return error_prefix(err, "-netdev %s", text);
}

static struct error *carry_out_nic(struct machine *m, const char *text)
{
	struct optstr *o = optstr_parse(text, "type");
	const char *type = optstr_get(o, "type");
	const char *id = optstr_get(o, "id");
	struct net_port *port = NULL;
	struct error *err = NULL;

	if (type && strcmp(type, "none") == 0) {
		optstr_free(o);
		return NULL;
	}
	err = nic_add(m, o, id, NULL);
	if (!err && type && strcmp(type, "nic") != 0)
		err = backend_create(o, id, &port);
	if (!err) {
		struct nic_config *nic = g_ptr_array_index(m->nics, m->nics->len - 1);
		nic->netdev = port;
	}
	optstr_free(o);
	return error_prefix(err, "-nic %s", text);
}

/* filter-dump: a dump that watches one netdev. */
static struct error *carry_out_filter(const char *text)
{
	struct optstr *o = optstr_parse(text, NULL);
	const char *netdev = NULL;
	struct net_port *dump = NULL;
	struct error *err = optstr_require(o, "netdev", &netdev);
	const char *file = optstr_get(o, "file"), *id = optstr_get(o, "id");
	uint64_t len = 65536;

	if (!err)
		err = optstr_size(o, "maxlen", 1, &len);
	if (!err)
		err = optstr_finish(o);
	if (!err && !file)
		err = error_new("file= is missing");
	struct net_port *target = err ? NULL : net_port_find(netdev);
	if (!err && !target)
		err = error_new("there is no netdev \"%s\"", netdev);
	if (!err)
		err = net_dump_open(file, len, id, &dump);
	if (!err)
		net_dump_watch(dump, target);
	optstr_free(o);
	return error_prefix(err, "-object filter-dump,%s", text);
}

static struct error *carry_out(struct machine *m, const struct request *r)
{
	switch (r->kind) {
	case KIND_NET: return carry_out_net(m, r->text);
	case KIND_NETDEV: return carry_out_netdev(r->text);
	case KIND_NIC: return carry_out_nic(m, r->text);
	default: return NULL;
	}
}

static void *netdev_lookup(const char *id)
{
	return net_port_find(id);
}

/* One NIC on a user network, where no option said otherwise and the board has a default NIC. */
static struct error *default_network(struct machine *m)
{
	if (!m->class || !m->class->default_nic)
		return NULL;
	struct error *err = carry_out_net(m, "nic");
	return err ? err : carry_out_net(m, "user");
}

static void collect_channels(void)
{
	for (unsigned int i = 0; options.requests && i < options.requests->len; i++) {
		const struct request *r = g_ptr_array_index(options.requests, i);
		if (r->kind != KIND_NET || !g_str_has_prefix(r->text, "channel,"))
			continue;
		if (!user_defaults.channels)
			user_defaults.channels = g_ptr_array_new_with_free_func(g_free);
		g_ptr_array_add(user_defaults.channels, g_strdup(r->text + strlen("channel,")));
	}
}

bool net_help(const char *text, const char *target, FILE *out)
{
	struct optstr *o = optstr_parse(text, "type");
	const char *model = optstr_get(o, "model"), *type = optstr_get(o, "type");
	bool models = model && optstr_is_help(model);
	bool backends = type && optstr_is_help(type);

	optstr_free(o);
	if (models)
		nic_print_models(target, out);
	else if (backends)
		backends_print(out);
	return models || backends;
}

/* What belongs to user networks, where there is none. */
static struct error *check_user_options(void)
{
	const GPtrArray *channels = user_defaults.channels, *redirs = user_defaults.redirections;

	for (const struct net_port *p = net_port_next(NULL); p; p = net_port_next(p)) {
		if (strcmp(net_port_ops(p)->kind, "user") == 0)
			return NULL;
	}
	if (channels && channels->len)
		return error_new("-net channel,%s: there is no user network (-net user)",
				 (const char *)g_ptr_array_index(channels, 0));
	if (redirs && redirs->len)
		return error_new("-redir %s: there is no user network (-net user)",
				 (const char *)g_ptr_array_index(redirs, 0));
	return NULL;
}

struct error *net_finish(struct machine *m)
{
	struct error *err = NULL;
	bool given = false;

	prop_set_lookup(PROP_KIND_NETDEV, netdev_lookup);
	collect_channels();
	/* Back ends first: -net nic,netdev=x may stand before -netdev x. */
	for (unsigned int pass = 0; pass < 3 && !err; pass++) {
		for (unsigned int i = 0; options.requests && i < options.requests->len && !err;
		     i++) {
			const struct request *r = g_ptr_array_index(options.requests, i);
			given |= r->kind != KIND_FILTER;
			if (r->kind == KIND_FILTER && pass == 2)
				err = carry_out_filter(r->text);
			else if ((r->kind == KIND_NETDEV) == (pass == 0) && pass < 2)
				err = carry_out(m, r);
		}
	}
	if (!err && !given)
		err = default_network(m);
	return err ? err : check_user_options();
}

void net_check(void)
{
	net_hubs_check();
	for (const struct net_port *p = net_port_next(NULL); p; p = net_port_next(p)) {
		const struct net_port_ops *ops = net_port_ops(p);
		if (!net_port_peer(p) && !ops->nic && !net_hub_of(p, NULL) &&
		    strcmp(ops->kind, "dump") != 0)
			warn_report("netdev \"%s\" has no network card", net_port_name(p));
	}
}

void net_close(void)
{
	net_ports_free();
}
