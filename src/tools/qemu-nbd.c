/* qemu-nbd: exports a disk image with the NBD protocol. Source: the manual's section
 * "qemu-nbd Invocation", and the options of today's program. */
#include "base/optstr.h"
#include "storage/nbd-address.h"
#include "storage/nbd-options.h"
#include "storage/partition.h"
#include "tools/program.h"
#include "tools/image-args.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define DEFAULT_PORT "1024"

/* The ioctls of <linux/nbd.h>, whose other names are those of storage/nbd.h. */
#define NBD_SET_SOCK	    _IO(0xab, 0)
#define NBD_SET_BLKSIZE	    _IO(0xab, 1)
#define NBD_DO_IT	    _IO(0xab, 3)
#define NBD_CLEAR_SOCK	    _IO(0xab, 4)
#define NBD_CLEAR_QUE	    _IO(0xab, 5)
#define NBD_SET_SIZE_BLOCKS _IO(0xab, 7)
#define NBD_DISCONNECT	    _IO(0xab, 8)
#define NBD_SET_FLAGS	    _IO(0xab, 10)

struct nbd_args {
	struct image_args image; /* first member */
	char *port, *bind, *socket, *name, *description, *pid_file, *tls_creds;
	char *connect_device, *disconnect_device, *file;
	uint64_t offset, partition, shared;
	char *tls_hostname, *load_snapshot;
	bool persistent, verbose, fork, list;
};

struct server {
	struct nbd_export export;
	struct nbd_args *args;
	GMutex mutex;
	GCond idle;
	unsigned int clients;
	int wake[2]; /* a client has left */
};

/* --- options --- */

static struct error *set_number(void *opaque, const struct option_spec *o, const char *value)
{
	struct nbd_args *a = opaque;

	switch (o->letter) {
	case 'o': return parse_size(value, 1, &a->offset);
	case 'P': return parse_u64(value, 1, 255, &a->partition);
	default: return parse_u64(value, 0, INT32_MAX, &a->shared);
	}
}

static struct error *set_help(void *opaque, const struct option_spec *o, const char *value);

#define TEXT(letter, name, member, arg, help) \
	ARG_TEXT(letter, name, struct nbd_args, member, arg, help)
#define FLAG(letter, name, member, help) ARG_FLAG(letter, name, struct nbd_args, member, help)

static const struct option_spec specs[] = {
	OPTION_HEADING("Connection"),
	TEXT('p', "port", port, "port", "Port to listen on (default 1024)"),
	TEXT('b', "bind", bind, "iface", "Address to bind to (default 0.0.0.0)"),
	TEXT('k', "socket", socket, "path", "Unix socket to listen on"),
	{.name = "shared",
	 .letter = 'e',
	 .arg = "num",
	 .apply = set_number,
	 .help = "Clients at a time (default 1; 0: any number)"},
	TEXT(0, "tls-creds", tls_creds, "id", "Serves with TLS only, by these credentials"),
	TEXT(0, "tls-hostname", tls_hostname, "name", "-L: the name in the server's certificate"),
	FLAG('L', "list", list, "Shows what the server there exports, and serves nothing"),
	FLAG('t', "persistent", persistent, "Stays when the last client leaves"),
	OPTION_HEADING("What is exported"),
	{.name = "offset",
	 .letter = 'o',
	 .arg = "offset",
	 .apply = set_number,
	 .help = "Offset into the image"},
	{.name = "partition",
	 .letter = 'P',
	 .arg = "num",
	 .apply = set_number,
	 .help = "Exports this partition only"},
	TEXT('x', "export-name", name, "name", "Name of the export (default: empty)"),
	TEXT('D', "description", description, "text", "Description of the export"),
	TEXT('l', "load-snapshot", load_snapshot, "[id_or_name]",
	     "Exports an internal snapshot, read-only"),
	IMAGE_ARG_READONLY,
	IMAGE_ARG_SNAPSHOT,
	IMAGE_ARG_FORMAT,
	IMAGE_ARG_OPTS,
	IMAGE_ARG_OBJECT,
	OPTION_HEADING("Kernel devices"),
	TEXT('c', "connect", connect_device, "device", "Connects the image to an NBD device"),
	TEXT('d', "disconnect", disconnect_device, "device", "Disconnects an NBD device"),
	OPTION_HEADING("Block layer"),
	IMAGE_ARG_NOCACHE,
	IMAGE_ARG_CACHE(0),
	IMAGE_ARG_DISCARD(0),
	IMAGE_ARG_AIO,
	ARG_IGNORED(0, "detect-zeroes", "mode"),
	OPTION_HEADING("Other"),
	FLAG(0, "fork", fork, "Goes to the background once the server listens"),
	TEXT(0, "pid-file", pid_file, "path", "Writes the process id there"),
	FLAG('v', "verbose", verbose, "Shows what goes on"),
	{.name = "help", .letter = 'h', .apply = set_help, .help = "Shows the options"},
	{.name = "version", .letter = 'V', .apply = set_help, .help = "Shows the version"},
};

static struct error *operand(void *opaque, const char *word)
{
	struct nbd_args *a = opaque;

	if (a->file)
		return error_new("Invalid number of arguments: one image is served");
	a->file = g_strdup(word);
	return NULL;
}

static const struct option_set set = {
	.style = OPTIONS_GETOPT,
	.options = specs,
	.count = G_N_ELEMENTS(specs),
	.usage = "[options] filename",
	.summary = "export a disk image with the NBD protocol",
	.operand = operand,
};

static struct error *set_help(void *opaque, const struct option_spec *o, const char *value)
{
	if (o->letter == 'h')
		options_print_help(&set, program_name(), stdout);
	else
		program_print_version("qemu-nbd");
	exit(0);
}

/* --- what a server has --- */

static void print_flags(uint16_t flags)
{
	static const char *const names[16] = {NULL,	    "readonly", "flush",  "fua",
					      "rotational", "trim",	"zeroes", "df",
					      "multi",	    "resize",	"cache",  "fast-zero"};

	printf("  flags: 0x%x (", flags);
	for (unsigned int i = 0; i < G_N_ELEMENTS(names); i++)
		if (names[i] && flags & 1u << i)
			printf(" %s", names[i]);
	printf(" )\n");
}

static void print_export(const struct nbd_listed *e)
{
	printf(" export: '%s'\n", e->name);
	if (e->description && *e->description)
		printf("  description: %s\n", e->description);
	if (e->known) {
		printf("  size:  %" G_GUINT64_FORMAT "\n", e->size);
		print_flags(e->flags);
	}
	if (e->min_block)
		printf("  min block: %u\n  opt block: %u\n  max block: %u\n", e->min_block,
		       e->opt_block, e->max_block);
	if (!e->contexts->len)
		return;
	printf("  available meta contexts: %u\n", e->contexts->len);
	for (unsigned int i = 0; i < e->contexts->len; i++)
		printf("   %s\n", (const char *)g_ptr_array_index(e->contexts, i));
}

static struct error *list_exports(const struct nbd_args *a)
{
	struct nbd_address at = {
		.host = a->bind ? a->bind : (char *)(uintptr_t)"localhost",
		.port = a->port ? a->port : (char *)(uintptr_t)DEFAULT_PORT,
		.path = a->socket,
		.hostname = a->tls_hostname,
	};
	const struct tls_creds *creds = NULL;
	GPtrArray *list;

	if (a->file)
		return error_new("%s: List mode is incompatible with a file name", a->file);
	if (a->image.readonly || a->offset || a->partition || a->name || a->description ||
	    a->connect_device || a->persistent || a->load_snapshot)
		return error_new("List mode is incompatible with options of an export");
	struct error *err = a->tls_creds ? tls_creds_find(a->tls_creds, false, &creds) : NULL;
	if (!err)
		err = nbd_list(&at, creds, &list);
	if (err)
		return err;
	printf("exports available: %u\n", list->len);
	for (unsigned int i = 0; i < list->len; i++)
		print_export(g_ptr_array_index(list, i));
	g_ptr_array_free(list, TRUE);
	return NULL;
}

/* --- listening --- */

static struct error *listen_unix(const char *path, int *fd)
{
	struct sockaddr_un sun = {.sun_family = AF_UNIX};

	if (strlen(path) >= sizeof(sun.sun_path))
		return error_new("Socket path '%s' is longer than %zu bytes", path,
				 sizeof(sun.sun_path) - 1);
	strcpy(sun.sun_path, path);
	unlink(path);
	*fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (*fd < 0 || bind(*fd, (struct sockaddr *)&sun, sizeof(sun)) || listen(*fd, 16))
		return error_errno(errno, "Failed to bind socket to '%s'", path);
	return NULL;
}

static struct error *listen_tcp(const char *host, const char *port, int *fd)
{
	struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE}, *list;
	int code = getaddrinfo(host, port, &hints, &list), on = 1;
	struct error *err = NULL;

	if (code)
		return error_new("address resolution failed for %s:%s: %s", host, port,
				 gai_strerror(code));
	*fd = socket(list->ai_family, SOCK_STREAM | SOCK_CLOEXEC, list->ai_protocol);
	if (*fd >= 0)
		setsockopt(*fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (*fd < 0 || bind(*fd, list->ai_addr, list->ai_addrlen) || listen(*fd, 16))
		err = error_errno(errno, "Failed to bind to %s:%s", host, port);
	freeaddrinfo(list);
	return err;
}

/* --- clients --- */

struct client {
	struct server *server;
	int fd;
};

static void *client_thread(void *opaque)
{
	struct client *c = opaque;
	struct server *s = c->server;

	nbd_serve(&s->export, c->fd);
	g_free(c);
	g_mutex_lock(&s->mutex);
	s->clients--;
	g_mutex_unlock(&s->mutex);
	if (write(s->wake[1], "", 1) < 0 && s->args->verbose)
		warn_report("cannot wake the server");
	return NULL;
}

static void accept_client(struct server *s, int listener)
{
	int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);

	if (fd < 0)
		return;
	struct client *c = g_new(struct client, 1);
	*c = (struct client){s, fd};
	g_mutex_lock(&s->mutex);
	s->clients++;
	g_mutex_unlock(&s->mutex);
	g_thread_unref(g_thread_new("client", client_thread, c));
}

static unsigned int client_count(struct server *s)
{
	g_mutex_lock(&s->mutex);
	unsigned int n = s->clients;
	g_mutex_unlock(&s->mutex);
	return n;
}

/* Serves until a signal comes, or until the last client has left. */
static void serve(struct server *s, int listener, int signals)
{
	struct pollfd p[3] = {{.fd = signals, .events = POLLIN},
			      {.fd = s->wake[0], .events = POLLIN},
			      {.fd = listener, .events = POLLIN}};
	uint64_t max = s->args->shared ? s->args->shared : UINT64_MAX;
	bool served = false;

	for (;;) {
		unsigned int n = client_count(s);
		if (served && !n && !s->args->persistent)
			return;
		/* More clients than allowed wait in the backlog. */
		if (poll(p, n < max ? 3 : 2, -1) < 0 && errno != EINTR)
			return;
		if (p[0].revents)
			return;
		if (p[1].revents) {
			char c[64];
			served |= read(s->wake[0], c, sizeof(c)) > 0;
		}
		if (n < max && (p[2].revents & POLLIN))
			accept_client(s, listener);
		p[2].revents = 0;
	}
}

/* --- the kernel's client --- */

static struct error *disconnect_device(const char *path)
{
	int fd = open(path, O_RDWR | O_CLOEXEC);
	struct error *err = NULL;

	if (fd < 0)
		return error_errno(errno, "Cannot open %s", path);
	if (ioctl(fd, NBD_CLEAR_QUE) < 0 || ioctl(fd, NBD_DISCONNECT) < 0 ||
	    ioctl(fd, NBD_CLEAR_SOCK) < 0)
		err = error_errno(errno, "Cannot disconnect %s", path);
	else
		printf("%s disconnected\n", path);
	close(fd);
	return err;
}

static void *kernel_thread(void *opaque)
{
	struct client *c = opaque;

	nbd_transmit(&c->server->export, c->fd);
	close(c->fd);
	return NULL;
}

static struct error *connect_device(struct server *s, const char *path)
{
	struct client c = {.server = s};
	int fd = open(path, O_RDWR | O_CLOEXEC), pair[2];

	if (fd < 0)
		return error_errno(errno, "Failed to open %s", path);
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair))
		return error_errno(errno, "socketpair");
	c.fd = pair[1];
	if (ioctl(fd, NBD_SET_SOCK, pair[0]) < 0 || ioctl(fd, NBD_SET_BLKSIZE, 512ul) < 0 ||
	    ioctl(fd, NBD_SET_SIZE_BLOCKS, (unsigned long)(s->export.size / 512)) < 0 ||
	    ioctl(fd, NBD_SET_FLAGS, (unsigned long)nbd_export_flags(&s->export)) < 0) {
		struct error *err = error_errno(errno, "Cannot set up %s", path);
		close(fd);
		return err;
	}
	GThread *t = g_thread_new("server", kernel_thread, &c);
	/* Comes back when the device is disconnected. */
	int code = ioctl(fd, NBD_DO_IT) < 0 && errno != EPIPE ? errno : 0;
	ioctl(fd, NBD_CLEAR_QUE);
	ioctl(fd, NBD_CLEAR_SOCK);
	close(pair[0]);
	g_thread_join(t);
	close(fd);
	return code ? error_errno(code, "%s", path) : NULL;
}

/* --- main --- */

static struct error *choose_range(struct nbd_args *a, struct nbd_export *e)
{
	uint64_t size = e->image->size, at, len;

	if (a->offset > size)
		return error_new("Image size %" G_GUINT64_FORMAT
				 " too small for offset %" G_GUINT64_FORMAT,
				 size, a->offset);
	e->offset = a->offset;
	e->size = size - a->offset;
	if (!a->partition)
		return NULL;
	if (a->offset)
		return error_new("Cannot request partition and offset together");
	struct error *err = partition_find(e->image, (unsigned int)a->partition, &at, &len);
	if (!err) {
		e->offset = at;
		e->size = len;
	}
	return err;
}

/* NAME, or snapshot.id=ID,snapshot.name=NAME. */
static struct error *load_snapshot(struct image *img, const char *text)
{
	struct optstr *o = strchr(text, '=') ? optstr_parse(text, NULL) : NULL;
	const char *id = o ? optstr_get(o, "snapshot.id") : text;
	struct error *err;

	if (!id)
		id = optstr_get(o, "snapshot.name");
	if (!id)
		err = error_new("-l %s: expects NAME, or snapshot.id=ID,snapshot.name=NAME", text);
	else if (!img->driver->snapshot_load)
		err = error_new("format '%s' has no snapshots", img->driver->name);
	else
		err = error_prefix(img->driver->snapshot_load(img, id), "Failed to load snapshot");
	if (o)
		optstr_free(o);
	return err;
}

/* --fork: the parent waits for a byte that says the server listens. */
static int fork_away(void)
{
	int fds[2];
	char ok;

	if (pipe(fds))
		return -1;
	pid_t child = fork();
	if (child > 0) {
		close(fds[1]);
		ssize_t n = read(fds[0], &ok, 1);
		_exit(n == 1 ? 0 : EXIT_FAILURE);
	}
	close(fds[0]);
	setsid();
	return fds[1];
}

static void detach(int ready)
{
	int null = open("/dev/null", O_RDWR);

	if (write(ready, "", 1) != 1)
		_exit(1);
	close(ready);
	for (int fd = 0; fd < 3 && null >= 0; fd++)
		dup2(null, fd);
}

static int block_signals(void)
{
	sigset_t stop;

	sigemptyset(&stop);
	sigaddset(&stop, SIGTERM);
	sigaddset(&stop, SIGINT);
	sigaddset(&stop, SIGHUP);
	pthread_sigmask(SIG_BLOCK, &stop, NULL);
	signal(SIGPIPE, SIG_IGN);
	return signalfd(-1, &stop, SFD_CLOEXEC);
}

static struct error *write_pid(const char *path)
{
	FILE *f = path ? fopen(path, "w") : NULL;

	if (!path)
		return NULL;
	if (!f)
		return error_errno(errno, "Cannot write '%s'", path);
	fprintf(f, "%d\n", getpid());
	fclose(f);
	return NULL;
}

static struct error *run(struct server *s)
{
	struct nbd_args *a = s->args;
	int ready = a->fork ? fork_away() : -1, listener, signals = block_signals();
	struct error *err =
		image_args_open(&a->image, a->file, &s->export.write_through, &s->export.image);

	err = error_prefix(err, "Failed to open '%s'", a->file);
	if (!err && a->load_snapshot)
		err = load_snapshot(s->export.image, a->load_snapshot);
	if (!err)
		err = choose_range(a, &s->export);
	if (err)
		return err;
	s->export.readonly = s->export.image->readonly;
	/* Two clients that each want several of few connections would wait for each other. */
	s->export.shared = a->shared == 0 || a->shared >= 8;
	s->export.name = a->name ? a->name : "";
	s->export.description = a->description ? a->description : "";
	if (a->tls_creds && a->connect_device)
		return error_new("TLS is not supported with a host device");
	if (a->tls_creds)
		err = tls_creds_find(a->tls_creds, true, &s->export.tls);
	if (err)
		return err;
	if (a->connect_device)
		return connect_device(s, a->connect_device);
	err = a->socket ? listen_unix(a->socket, &listener)
			: listen_tcp(a->bind ? a->bind : "0.0.0.0",
				     a->port ? a->port : DEFAULT_PORT, &listener);
	if (!err)
		err = write_pid(a->pid_file);
	if (err)
		return err;
	if (ready >= 0)
		detach(ready);
	if (pipe2(s->wake, O_CLOEXEC))
		return error_errno(errno, "pipe");
	serve(s, listener, signals);
	if (a->socket)
		unlink(a->socket);
	return NULL;
}

static int qemu_nbd_main(const struct program *self, int argc, char **argv)
{
	struct nbd_args a = {.shared = 1};
	struct server s = {.args = &a};
	struct error *err = options_parse(&set, argc, argv, &a);

	if (err)
		return tool_fail(err);
	if (a.list) {
		err = list_exports(&a);
		return err ? tool_fail(err) : 0;
	}
	a.image.readonly |= a.load_snapshot != NULL;
	if (a.disconnect_device) {
		err = disconnect_device(a.disconnect_device);
		return err ? tool_fail(err) : 0;
	}
	if (!a.file)
		return tool_fail_text("Invalid number of arguments\nTry `qemu-nbd --help' for more "
				      "information.");
	err = run(&s);
	if (err)
		return tool_fail(err);
	/* Clients that are still there lose their connection; the image is closed in order. */
	g_mutex_lock(&s.export.mutex);
	int code = image_close(s.export.image);
	return code ? tool_fail_text("closing the image: %s", g_strerror(code)) : 0;
}

PROGRAM(qemu_nbd, .name = "qemu-nbd", .options = &set, .main = qemu_nbd_main);
