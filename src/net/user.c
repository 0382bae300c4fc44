/*
 * The user-mode network: libslirp behind a port. DHCP, DNS, TFTP and BOOTP servers and a router to
 * the host's sockets live in the library; this file gives it time, frames and its configuration.
 */
#include "net/user.h"

#include "base/log.h"
#include "net/coalesce.h"
#include "net/offload.h"
#include "net/reassemble.h"
#include "vm/clock.h"

#include <string.h>

/* --- what slirp calls --- */

static ssize_t send_packet(const void *buf, size_t len, void *opaque)
{
	struct user_net *u = opaque;

	coalescer_send(u->to_guest, buf, len);
	return (ssize_t)len;
}

static void guest_error(const char *message, void *opaque)
{
	log_printf(LOG_GUEST_ERRORS, "user network: %s\n", message);
}

static int64_t clock_get_ns(void *opaque)
{
	return clock_now(CLOCK_VIRTUAL);
}

struct user_timer {
	struct user_net *net;
	struct timer timer;
	SlirpTimerCb fn;
	void *opaque;
};

static void timer_fired(void *opaque)
{
	struct user_timer *t = opaque;
	t->fn(t->opaque);
	coalescer_flush(t->net->to_guest);
}

static void *user_timer_new(SlirpTimerCb fn, void *fn_opaque, void *opaque)
{
	struct user_timer *t = g_new0(struct user_timer, 1);

	t->net = opaque;
	t->fn = fn;
	t->opaque = fn_opaque;
	timer_init(&t->timer, CLOCK_VIRTUAL, timer_fired, t);
	return t;
}

static void user_timer_free(void *timer, void *opaque)
{
	struct user_timer *t = timer;

	timer_cancel(&t->timer);
	g_free(t);
}

static void user_timer_mod(void *timer, int64_t expire_ms, void *opaque)
{
	timer_set(&((struct user_timer *)timer)->timer, expire_ms * NS_PER_MS);
}

/* The descriptors of a turn are given by slirp_pollfds_fill() anyway. */
static void poll_fd_ignored(int fd, void *opaque)
{
}

static void notify(void *opaque)
{
	struct user_net *u = opaque;
	if (u->poll)
		user_poll_kick(u->poll);
}

static const SlirpCb callbacks = {
	.send_packet = send_packet,
	.guest_error = guest_error,
	.clock_get_ns = clock_get_ns,
	.timer_new = user_timer_new,
	.timer_free = user_timer_free,
	.timer_mod = user_timer_mod,
	.register_poll_fd = poll_fd_ignored,
	.unregister_poll_fd = poll_fd_ignored,
	.notify = notify,
};

/* --- the port --- */

/*
 * Slirp never sees a fragment: as Debian builds 4.7 it follows one that comes before the first of
 * its datagram into freed memory.
 */
static bool user_receive(void *opaque, const uint8_t *frame, size_t len)
{
	struct user_net *u = opaque;

	if (frame_is_fragment(frame, len))
		frame = reassembler_add(u->fragments, frame, len, clock_now(CLOCK_VIRTUAL), &len);
	if (!frame)
		return true;
	slirp_input(u->slirp, frame, (int)len);
	coalescer_flush(u->to_guest);
	user_poll_kick(u->poll);
	return true;
}

/* Slirp reads any IP datagram, so what a card would cut need not be. */
static bool user_takes_large(void *opaque)
{
	return true;
}

static bool user_receive_large(void *opaque, uint8_t *frame, size_t len, size_t mss)
{
	struct frame_layout l;

	if (frame_parse(frame, len, &l))
		frame_l4_checksum(frame, &l);
	return user_receive(opaque, frame, len);
}

static void user_destroy(void *opaque)
{
	struct user_net *u = opaque;

	user_smb_free(u);
	if (u->poll)
		user_poll_free(u->poll);
	if (u->slirp)
		slirp_cleanup(u->slirp);
	user_forwards_free(u);
	coalescer_free(u->to_guest);
	reassembler_free(u->fragments);
	g_free(u);
}

static const struct net_port_ops user_ops = {.kind = "user",
					     .answers_at_once = true,
					     .receive = user_receive,
					     .takes_large = user_takes_large,
					     .receive_large = user_receive_large,
					     .destroy = user_destroy};

/* --- configuration --- */

static struct error *get_address(struct optstr *o, const char *key, struct in_addr *addr)
{
	const char *text = optstr_get(o, key);

	if (text && inet_pton(AF_INET, text, addr) != 1)
		return error_new("%s=%s is no IPv4 address", key, text);
	return NULL;
}

/* net=address[/bits or /mask] */
static struct error *get_network(struct optstr *o, struct user_net *u)
{
	const char *text = optstr_get(o, "net");

	if (!text)
		return NULL;
	char **part = g_strsplit(text, "/", 2);
	uint64_t bits = 0;
	struct error *err = NULL;
	bool good = part[0] && inet_pton(AF_INET, part[0], &u->net) == 1;

	if (good && part[1] && strchr(part[1], '.')) {
		good = inet_pton(AF_INET, part[1], &u->mask) == 1;
	} else if (good && part[1]) {
		err = parse_u64(part[1], 4, 28, &bits);
		u->mask.s_addr = htonl((uint32_t)(UINT64_C(0xffffffff) << (32 - bits)));
	} else if (good) {
		uint32_t a = ntohl(u->net.s_addr);
		uint32_t mask = a >> 31 == 0 ? 0xff000000 : a >> 30 == 2 ? 0xffff0000 : 0xffffff00;
		u->mask.s_addr = htonl(mask);
	}
	g_strfreev(part);
	if (err)
		return error_prefix(err, "net=%s", text);
	if (!good)
		return error_new("net=%s is not address[/bits]", text);
	u->net.s_addr &= u->mask.s_addr;
	return NULL;
}

static void place_default(const struct user_net *u, struct in_addr *addr, uint32_t host)
{
	if (!addr->s_addr)
		addr->s_addr = u->net.s_addr | htonl(host);
}

static struct error *check_inside(const struct user_net *u, const char *key, struct in_addr addr)
{
	char text[INET_ADDRSTRLEN];

	if ((addr.s_addr & u->mask.s_addr) == u->net.s_addr)
		return NULL;
	inet_ntop(AF_INET, &addr, text, sizeof(text));
	return error_new("%s=%s is not in the network", key, text);
}

static struct error *get_addresses(struct optstr *o, struct user_net *u)
{
	struct error *err;

	inet_pton(AF_INET, "10.0.2.0", &u->net);
	inet_pton(AF_INET, "255.255.255.0", &u->mask);
	if ((err = get_network(o, u)) || (err = get_address(o, "host", &u->host)) ||
	    (err = get_address(o, "dns", &u->dns)) ||
	    (err = get_address(o, "dhcpstart", &u->dhcp_start)))
		return err;
	place_default(u, &u->host, 2);
	place_default(u, &u->dns, 3);
	/* In a network too small for .15 the addresses start after the servers'. */
	place_default(u, &u->dhcp_start, ntohl(~u->mask.s_addr) > 15 ? 15 : 5);
	if ((err = check_inside(u, "host", u->host)) || (err = check_inside(u, "dns", u->dns)) ||
	    (err = check_inside(u, "dhcpstart", u->dhcp_start)))
		return err;
	if (u->host.s_addr == u->dns.s_addr)
		return error_new("host= and dns= must differ");
	return NULL;
}

static struct error *get_ipv6(struct optstr *o, SlirpConfig *c)
{
	const char *prefix = optstr_get(o, "ipv6-prefix"), *host = optstr_get(o, "ipv6-host");
	const char *dns = optstr_get(o, "ipv6-dns");
	unsigned int len = 64;
	struct error *err = optstr_uint(o, "ipv6-prefixlen", 1, 126, &len);

	c->in_enabled = c->in6_enabled = true;
	if (!err)
		err = optstr_bool(o, "ipv4", &c->in_enabled);
	if (!err)
		err = optstr_bool(o, "ipv6", &c->in6_enabled);
	if (err)
		return err;
	c->vprefix_len = (uint8_t)len;
	if (inet_pton(AF_INET6, prefix ? prefix : "fec0::", &c->vprefix_addr6) != 1)
		return error_new("ipv6-prefix=%s is no IPv6 address", prefix);
	c->vhost6 = c->vnameserver6 = c->vprefix_addr6;
	c->vhost6.s6_addr[15] |= 2;
	c->vnameserver6.s6_addr[15] |= 3;
	if (host && inet_pton(AF_INET6, host, &c->vhost6) != 1)
		return error_new("ipv6-host=%s is no IPv6 address", host);
	if (dns && inet_pton(AF_INET6, dns, &c->vnameserver6) != 1)
		return error_new("ipv6-dns=%s is no IPv6 address", dns);
	return NULL;
}

static struct error *add_forwards(struct user_net *u, struct optstr *o)
{
	struct error *err = NULL;
	const char *text;
	GPtrArray *redirections = user_defaults.redirections, *channels = user_defaults.channels;

	for (unsigned int i = 0; !err && (text = optstr_at(o, "hostfwd", i)); i++)
		err = user_hostfwd_add(u, text);
	for (unsigned int i = 0; !err && (text = optstr_at(o, "guestfwd", i)); i++)
		err = user_guestfwd_add(u, text);
	for (unsigned int i = 0; redirections && i < redirections->len && !err; i++)
		err = user_redir_add(u, g_ptr_array_index(redirections, i));
	for (unsigned int i = 0; channels && i < channels->len && !err; i++)
		err = user_channel_add(u, g_ptr_array_index(channels, i));
	return err;
}

static struct error *start(struct user_net *u, SlirpConfig *c, struct optstr *o)
{
	const char *smb = optstr_get(o, "smb");
	struct in_addr smb_server = {0};
	struct error *err = get_address(o, "smbserver", &smb_server);

	place_default(u, &smb_server, 4);
	if (err || (err = get_ipv6(o, c)))
		return err;
	c->version = 4;
	c->vnetwork = u->net;
	c->vnetmask = u->mask;
	c->vhost = u->host;
	c->vdhcp_start = u->dhcp_start;
	c->vnameserver = u->dns;
	GPtrArray *search = g_ptr_array_new();
	do {
		g_ptr_array_add(search, (char *)optstr_at(o, "dnssearch", search->len));
	} while (g_ptr_array_index(search, search->len - 1));
	if (search->len > 1)
		c->vdnssearch = (const char **)search->pdata;
	u->slirp = slirp_new(c, &callbacks, u); /* it copies its strings */
	g_ptr_array_unref(search);
	if (!u->slirp)
		return error_new("the user network cannot be started with these addresses");
	u->poll = user_poll_new(u);
	err = add_forwards(u, o);
	if (!smb)
		smb = user_defaults.smb;
	if (!err && smb)
		err = user_smb_add(u, smb, smb_server);
	return err;
}

static void user_describe(struct user_net *u, bool restricted)
{
	char net[INET_ADDRSTRLEN], mask[INET_ADDRSTRLEN];

	inet_ntop(AF_INET, &u->net, net, sizeof(net));
	inet_ntop(AF_INET, &u->mask, mask, sizeof(mask));
	net_port_describe(u->port, "net=%s,mask=%s,restrict=%s", net, mask,
			  restricted ? "on" : "off");
}

struct error *net_user_create(struct optstr *o, const char *name, struct net_port **port)
{
	struct user_net *u = g_new0(struct user_net, 1);
	bool restricted = false;
	SlirpConfig c = {0};
	struct error *err;

	u->port = net_port_new(&user_ops, u, name);
	u->to_guest = coalescer_new(u->port);
	u->fragments = reassembler_new();
	if ((err = get_addresses(o, u)) || (err = optstr_bool(o, "restrict", &restricted)))
		goto out;
	c.restricted = restricted;
	c.vhostname = optstr_get(o, "hostname");
	c.vdomainname = optstr_get(o, "domainname");
	c.tftp_server_name = optstr_get(o, "tftp-server-name");
	c.tftp_path = optstr_get(o, "tftp");
	c.bootfile = optstr_get(o, "bootfile");
	if (!c.tftp_path)
		c.tftp_path = user_defaults.tftp;
	if (!c.bootfile)
		c.bootfile = user_defaults.bootfile;
	if (c.tftp_path && !g_file_test(c.tftp_path, G_FILE_TEST_IS_DIR))
		err = error_new("TFTP folder \"%s\" is not there", c.tftp_path);
	if (!err)
		err = start(u, &c, o);
	user_describe(u, restricted);
out:
	if (err)
		net_port_free(u->port);
	else
		*port = u->port;
	return err;
}

void net_print_user(FILE *out)
{
	for (struct net_port *p = net_port_next(NULL); p; p = net_port_next(p)) {
		if (net_port_ops(p) != &user_ops)
			continue;
		struct user_net *u = net_port_opaque(p);
		char *text = slirp_connection_info(u->slirp);
		fprintf(out, "%s\n%s", net_port_name(p), text);
		g_free(text);
	}
}

struct error *net_hostfwd(const char *netdev, const char *text, bool add)
{
	for (struct net_port *p = net_port_next(NULL); p; p = net_port_next(p)) {
		if (net_port_ops(p) != &user_ops || (netdev && strcmp(net_port_name(p), netdev)))
			continue;
		return add ? user_hostfwd_add(net_port_opaque(p), text)
			   : user_hostfwd_remove(net_port_opaque(p), text);
	}
	return netdev ? error_new("there is no user network \"%s\"", netdev)
		      : error_new("there is no user network");
}
