/*
 * vdeq: starts an emulator whose network interfaces are ports of VDE switches.
 *
 * Each VDE connection gets a process of its own that carries frames between libvdeplug and a
 * datagram socket pair, whose other end the emulator takes as "-net socket,fd=n". So any vdeplug
 * URL works, with any emulator that knows that option. The process ends when the emulator has
 * closed its end of a pipe, wherever it has forked to in the meantime.
 */
#include "base/optstr.h"
#include "tools/program.h"

#include <errno.h>
#include <fcntl.h>
#include <glib.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#ifdef HAVE_VDEPLUG
#include "net/vde-open.h"

struct vdeq {
	mode_t mode;	   /* --mod */
	GPtrArray *args;   /* char *: the emulator's command line */
	bool new_syntax;   /* a -net vde was there */
	bool nic;	   /* some option makes a card already */
	const char *socks; /* -sock */
};

/* --- carrying frames --- */

enum { FRAME_MAX = VDE_ETHBUFSIZE };

static void carry(VDECONN *conn, int pair, int life)
{
	struct pollfd p[4] = {{vde_datafd(conn), POLLIN, 0},
			      {pair, POLLIN, 0},
			      {life, 0, 0}, /* POLLHUP comes by itself */
			      {vde_ctlfd(conn), 0, 0}};
	char frame[FRAME_MAX];

	for (;;) {
		if (poll(p, 4, -1) < 0 && errno != EINTR)
			return;
		if (p[2].revents || p[3].revents & (POLLHUP | POLLERR))
			return;
		if (p[0].revents) {
			ssize_t n = vde_recv(conn, frame, sizeof(frame), 0);
			if (n > 1)
				send(pair, frame, (size_t)n, MSG_DONTWAIT);
		}
		if (p[1].revents) {
			ssize_t n = recv(pair, frame, sizeof(frame), MSG_DONTWAIT);
			if (n > 0)
				vde_send(conn, frame, (size_t)n, 0);
			else if (n == 0 || errno != EAGAIN)
				return;
		}
	}
}

/* Connects and leaves a process behind; *fd is the emulator's end. */
static struct error *connect_switch(const struct vdeq *q, const char *sock, unsigned int port,
				    int *fd)
{
	struct vde_open_args args = {.port = (int)port, .mode = q->mode};
	VDECONN *conn = NULL;
	int pair[2], life[2];
	struct error *err = net_vde_open(sock, "vdeq", &args, &conn);

	if (err)
		return err;
	if (socketpair(AF_UNIX, SOCK_DGRAM, 0, pair) < 0 || pipe(life) < 0)
		return error_errno(errno, "no socket");
	pid_t child = fork();
	if (child < 0)
		return error_errno(errno, "no process");
	if (child == 0) {
		setsid(); /* the terminal's Ctrl-C is for the emulator */
		close(pair[1]);
		close(life[1]);
		carry(conn, pair[0], life[0]);
		vde_close(conn);
		_exit(0);
	}
	/* The writing end stays open in the emulator for as long as it lives. */
	close(pair[0]);
	close(life[0]);
	*fd = pair[1];
	return NULL;
}

/* --- the command line --- */

static void add(struct vdeq *q, const char *word)
{
	g_ptr_array_add(q->args, g_strdup(word));
}

static void add_interface(struct vdeq *q, const char *vlan, int fd)
{
	char *text = vlan ? g_strdup_printf("socket,vlan=%s,fd=%d", vlan, fd)
			  : g_strdup_printf("socket,fd=%d", fd);

	add(q, "-net");
	add(q, text);
	g_free(text);
}

/* The argument of a -net vde option. */
static struct error *net_vde(struct vdeq *q, const char *text)
{
	struct optstr *o = optstr_parse(text, "type");
	const char *vlan = optstr_get(o, "vlan"), *sock = optstr_get(o, "sock");
	unsigned int port = 0;
	int fd = -1;

	optstr_get(o, "type");
	struct error *err = optstr_uint(o, "port", 0, 65535, &port);
	if (!err)
		err = optstr_finish(o);
	if (!err)
		err = connect_switch(q, sock, port, &fd);
	if (!err)
		add_interface(q, vlan, fd);
	optstr_free(o);
	return error_prefix(err, "-net %s", text);
}

/* Old syntax: all switches on one network with one card. */
static struct error *net_old(struct vdeq *q)
{
	char **socks = g_strsplit(q->socks ? q->socks : "", ",", -1);
	unsigned int count = g_strv_length(socks);
	struct error *err = NULL;

	if (!q->nic) {
		add(q, "-net");
		add(q, "nic");
	}
	for (unsigned int i = 0; i < MAX(count, 1) && !err; i++) {
		int fd = -1;
		err = connect_switch(q, count ? socks[i] : NULL, 0, &fd);
		if (!err)
			add_interface(q, NULL, fd);
	}
	g_strfreev(socks);
	return err;
}

static struct error *set_mode(struct vdeq *q, const char *text)
{
	char *end;
	unsigned long value = text ? strtoul(text, &end, 8) : 0;

	if (!text || !*text || *end || value > 0777)
		return error_new("--mod %s: no octal mode (such as 0660)", text ? text : "");
	q->mode = (mode_t)value;
	return NULL;
}

static bool is_option(const char *word, const char *name)
{
	return word[0] == '-' && strcmp(word + (word[1] == '-' ? 2 : 1), name) == 0;
}

static bool makes_nic(const char *option, const char *value)
{
	if (is_option(option, "net"))
		return g_str_has_prefix(value, "nic");
	return is_option(option, "device") || is_option(option, "nic");
}

static struct error *translate(struct vdeq *q, char **words)
{
	struct error *err = NULL;

	for (char **w = words; *w && !err; w++) {
		const char *next = w[1];
		if (is_option(*w, "mod")) {
			err = set_mode(q, next);
			w += next != NULL;
		} else if (is_option(*w, "sock")) {
			if (!next)
				return error_new("-sock: the path is missing");
			q->socks = *++w;
		} else if (is_option(*w, "net") && next &&
			   (strcmp(next, "vde") == 0 || g_str_has_prefix(next, "vde,"))) {
			q->new_syntax = true;
			err = net_vde(q, *++w);
		} else {
			q->nic |= next && makes_nic(*w, next);
			add(q, *w);
		}
	}
	return err ? err : q->new_syntax ? NULL : net_old(q);
}

/* Emulators of today have the guest's architecture in their name. */
static void run_emulator(char **argv)
{
	static const char *const others[] = {"qemu-system-x86_64", "qemu-system-i386", NULL};

	execvp(argv[0], argv);
	if (errno != ENOENT || (strcmp(argv[0], "qemu") != 0 && strcmp(argv[0], "kvm") != 0))
		return;
	for (unsigned int i = 0; others[i]; i++)
		execvp(others[i], argv);
}
#endif

static struct error *opt_passed(void *opaque, const struct option_spec *option, const char *value)
{
	return NULL;
}

static const struct option_spec options[] = {
	{"mod", 0, "octalmode", "permissions of the port's socket", opt_passed},
	{"sock", 0, "path[,path]", "old syntax: switches to connect the one network to",
	 opt_passed},
	{"net", 0, "vde[,vlan=n][,sock=path][,port=n]", "new syntax: a port of a switch",
	 opt_passed},
	{"help", 'h', NULL, "print this help and exit", opt_passed},
};

static const struct option_set vdeq_options = {
	.style = OPTIONS_QEMU,
	.options = options,
	.count = G_N_ELEMENTS(options),
	.usage = "emulator [options and options of the emulator]",
	.summary = "run an emulator connected to VDE switches",
	.description = "Every -net vde of the command line becomes a connection to a VDE switch "
		       "(sock= is its folder\nor any vdeplug URL, port= a port of it); all other "
		       "options go to the emulator. Without any\n-net vde, one network card is "
		       "connected to the default switch, or to those of -sock.\n\nA link to this "
		       "program whose name starts with vde runs the emulator that the rest of the\n"
		       "name says: vdeqemu is vdeq qemu, vdekvm is vdeq kvm.",
};

static bool wants_help(char **words)
{
	return *words && (strcmp(*words, "-h") == 0 || strcmp(*words, "-help") == 0 ||
			  strcmp(*words, "--help") == 0);
}

static int vdeq_main(const struct program *self, int argc, char **argv)
{
	char *name = g_path_get_basename(argv[0]);
	bool linked = strcmp(name, "vdeq") != 0 && g_str_has_prefix(name, "vde") && name[3];
	char **words = argv + 1;

	if (wants_help(words) || (!linked && !*words)) {
		options_print_help(&vdeq_options, self->name, stdout);
		return *words ? 0 : 1;
	}
#ifdef HAVE_VDEPLUG
	const char *emulator = linked ? name + 3 : *words++;
	struct vdeq q = {.args = g_ptr_array_new()};
	add(&q, emulator);
	struct error *err = translate(&q, words);
	if (!err) {
		g_ptr_array_add(q.args, NULL);
		run_emulator((char **)q.args->pdata);
		err = error_errno(errno, "cannot run \"%s\"", emulator);
	}
#else
	struct error *err =
		error_new("this program was built without VDE (package libvdeplug-dev)");
#endif
	error_report(err);
	return 1;
}

PROGRAM(vdeq, .name = "vdeq", .options = &vdeq_options, .main = vdeq_main);
