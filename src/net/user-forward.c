/* Ways into and out of the user network: hostfwd, -redir, guestfwd and -net channel. */
#include "net/user.h"

#include "net/coalesce.h"
#include "vm/chardev.h"

#include <errno.h>
#include <string.h>

struct hostfwd {
	bool udp;
	struct in_addr host, guest;
	uint16_t host_port, guest_port;
};

/* Takes what stands before `stop` and steps over it; the whole rest where `stop` is 0. */
static char *take(const char **text, char stop)
{
	const char *end = stop ? strchr(*text, stop) : *text + strlen(*text);

	if (!end)
		return NULL;
	char *part = g_strndup(*text, (size_t)(end - *text));
	*text = *end ? end + 1 : end;
	return part;
}

static struct error *take_protocol(const char **text, bool *udp)
{
	char *word = take(text, ':');
	struct error *err = NULL;

	if (!word)
		return error_new("\":\" is missing");
	if (strcmp(word, "udp") == 0)
		*udp = true;
	else if (*word && strcmp(word, "tcp") != 0)
		err = error_new("unknown protocol \"%s\" (tcp or udp)", word);
	g_free(word);
	return err;
}

static struct error *take_address(const char **text, char stop, struct in_addr *addr)
{
	char *word = take(text, stop);
	struct error *err = NULL;

	if (!word)
		return error_new("\"%c\" is missing", stop);
	if (*word)
		err = net_lookup(word, addr);
	g_free(word);
	return err;
}

static struct error *take_port(const char **text, char stop, uint16_t *port)
{
	char *word = take(text, stop);
	struct error *err;

	if (!word)
		return error_new("\"%c\" is missing", stop);
	err = net_parse_port(word, port);
	g_free(word);
	return err;
}

static struct error *hostfwd_add(struct user_net *u, const struct hostfwd *f)
{
	if (f->guest_port == 0)
		return error_new("the guest's port is 0");
	if (slirp_add_hostfwd(u->slirp, f->udp, f->host, f->host_port, f->guest, f->guest_port) < 0)
		return error_errno(errno, "cannot listen on port %u of the host", f->host_port);
	user_poll_kick(u->poll);
	return NULL;
}

struct error *user_hostfwd_add(struct user_net *u, const char *text)
{
	struct hostfwd f = {.guest = u->dhcp_start};
	const char *p = text;
	struct error *err;

	if (!(err = take_protocol(&p, &f.udp)) && !(err = take_address(&p, ':', &f.host)) &&
	    !(err = take_port(&p, '-', &f.host_port)) && !(err = take_address(&p, ':', &f.guest)) &&
	    !(err = take_port(&p, 0, &f.guest_port)))
		err = hostfwd_add(u, &f);
	return error_prefix(err, "hostfwd=%s", text);
}

struct error *user_hostfwd_remove(struct user_net *u, const char *text)
{
	struct hostfwd f = {0};
	const char *p = text;
	struct error *err;

	if ((err = take_protocol(&p, &f.udp)) || (err = take_address(&p, ':', &f.host)) ||
	    (err = take_port(&p, 0, &f.host_port)))
		return err;
	if (slirp_remove_hostfwd(u->slirp, f.udp, f.host, f.host_port) < 0)
		return error_new("no such forwarding: %s", text);
	return NULL;
}

struct error *user_redir_add(struct user_net *u, const char *text)
{
	struct hostfwd f = {.guest = u->dhcp_start};
	const char *p = text;
	struct error *err;

	/* Without a connection type it is TCP. */
	err = g_ascii_isdigit(*p) ? NULL : take_protocol(&p, &f.udp);
	if (!err && !(err = take_port(&p, ':', &f.host_port)) &&
	    !(err = take_address(&p, ':', &f.guest)) && !(err = take_port(&p, 0, &f.guest_port)))
		err = hostfwd_add(u, &f);
	return error_prefix(err, "-redir %s", text);
}

/* --- connections of the guest that end at a character device --- */

struct guest_forward {
	struct user_net *net;
	struct in_addr server;
	uint16_t port;
	struct chardev *chr;
};

static ssize_t forward_write(const void *buf, size_t len, void *opaque)
{
	struct guest_forward *f = opaque;
	return (ssize_t)chardev_write(f->chr, buf, len);
}

static unsigned int forward_can_receive(void *opaque)
{
	struct guest_forward *f = opaque;
	return (unsigned int)slirp_socket_can_recv(f->net->slirp, f->server, f->port);
}

static void forward_receive(void *opaque, const uint8_t *buf, unsigned int len)
{
	struct guest_forward *f = opaque;

	slirp_socket_recv(f->net->slirp, f->server, f->port, buf, (int)len);
	coalescer_flush(f->net->to_guest);
	user_poll_kick(f->net->poll);
}

static const struct chardev_handlers forward_handlers = {.can_receive = forward_can_receive,
							 .receive = forward_receive};

static struct error *forward_to_chardev(struct user_net *u, struct in_addr server, uint16_t port,
					const char *device)
{
	struct guest_forward *f = g_new0(struct guest_forward, 1);
	char *id = g_strdup_printf("guestfwd.%s.%u", inet_ntoa(server), port);

	*f = (struct guest_forward){.net = u, .server = server, .port = port};
	if (g_str_has_prefix(device, "chardev:"))
		f->chr = chardev_find(device + strlen("chardev:"));
	struct error *err = f->chr ? NULL : chardev_open(id, device, &f->chr);
	g_free(id);
	if (!err && slirp_add_guestfwd(u->slirp, forward_write, f, &f->server, port) < 0)
		err = error_new("port %u is taken or not in the network", port);
	if (err) {
		g_free(f);
		return err;
	}
	chardev_attach(f->chr, &forward_handlers, f);
	if (!u->forwards)
		u->forwards = g_ptr_array_new_with_free_func(g_free);
	g_ptr_array_add(u->forwards, f);
	return NULL;
}

struct error *user_guestfwd_add(struct user_net *u, const char *text)
{
	struct in_addr server = {u->net.s_addr | htonl(4)};
	const char *p = text;
	bool udp = false;
	uint16_t port = 0;
	struct error *err;

	if ((err = take_protocol(&p, &udp)) || (err = take_address(&p, ':', &server)) ||
	    (err = take_port(&p, '-', &port)))
		return error_prefix(err, "guestfwd=%s", text);
	if (udp)
		err = error_new("only tcp can be forwarded");
	else if (!g_str_has_prefix(p, "cmd:"))
		err = forward_to_chardev(u, server, port, p);
	else if (slirp_add_exec(u->slirp, p + strlen("cmd:"), &server, port) < 0)
		err = error_new("port %u is taken or not in the network", port);
	return error_prefix(err, "guestfwd=%s", text);
}

struct error *user_channel_add(struct user_net *u, const char *text)
{
	struct in_addr server = {u->net.s_addr | htonl(4)};
	const char *p = text;
	uint16_t port = 0;
	struct error *err = take_port(&p, ':', &port);

	if (!err)
		err = forward_to_chardev(u, server, port, p);
	return error_prefix(err, "-net channel,%s", text);
}

void user_forwards_free(struct user_net *u)
{
	for (unsigned int i = 0; u->forwards && i < u->forwards->len; i++) {
		struct guest_forward *f = g_ptr_array_index(u->forwards, i);
		chardev_attach(f->chr, NULL, NULL);
	}
	if (u->forwards)
		g_ptr_array_unref(u->forwards);
}
