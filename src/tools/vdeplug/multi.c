/*
 * libvdeplug_multi.so: the "multi" module of vdeplug4, a multilink.
 *
 * multi://[path][mode=..../dirmode=..../grp=....] makes the folder `path` look like a VDE switch to
 * whoever connects to it with vde://path. What the owner sends goes to all of them, and what any of
 * them sends goes to the owner; they do not hear each other. So a second link can be set up before
 * the first is taken down.
 *
 * The handshake of a link: the client connects to path/ctl and sends a request with the address of
 * its datagram socket; it gets the address of a datagram socket that is connected to its own. The
 * link lasts as long as the client keeps its control connection.
 *
 * The module lives in a foreign program: it allocates with malloc, prints nothing, reports through
 * errno, and does its work inside vde_recv() and vde_send() of the program's thread.
 */
#include <errno.h>
#include <fcntl.h>
#include <libvdeplug.h>
#include <libvdeplug_mod.h>
#include <pwd.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

enum {
	LINKS_MAX = 64,
	REQUEST_MAGIC = (int)0xfeedface,
	REQUEST_VERSION = 3,
	REQUEST_NEW = 0, /* the low byte; a port number may stand above */
	LISTENER = -1,	 /* epoll's data for the listening socket */
	CONTROL = 1 << 16,

	/* values of link.control that are no descriptor */
	LINK_FREE = -1,
	LINK_DRAINING = -2, /* the client left; what it sent before is still to be read */
};

/* What a client sends, in the byte order of the host; a description of any length may follow. */
struct request {
	uint32_t magic, version, type;
	struct sockaddr_un sock;
} __attribute__((packed));

struct link {
	int control, data;	 /* -1: free */
	struct sockaddr_un path; /* of our data socket; empty: not made yet */
};

struct multi {
	void *handle; /* these two belong to vdeplug */
	struct vdeplug_module *module;
	int epoll, listener;
	mode_t mode;
	gid_t group;
	char *folder;
	unsigned int serial; /* names of data sockets */
	unsigned int turn;   /* the link that is read next */
	struct link links[LINKS_MAX];
};

/* --- links --- */

static void watch(struct multi *m, int fd, int what)
{
	struct epoll_event event = {.events = EPOLLIN, .data.fd = what};
	epoll_ctl(m->epoll, EPOLL_CTL_ADD, fd, &event);
}

static void link_close(struct link *l)
{
	/* Closing takes the descriptors out of the epoll set. */
	if (l->control >= 0)
		close(l->control);
	if (l->data >= 0)
		close(l->data);
	if (l->path.sun_path[0])
		unlink(l->path.sun_path);
	*l = (struct link){.control = LINK_FREE, .data = -1};
}

/* The end of a control connection: frames that wait are not lost. */
static void link_leave(struct link *l)
{
	if (l->data < 0) {
		link_close(l);
		return;
	}
	close(l->control);
	l->control = LINK_DRAINING;
}

static void link_accept(struct multi *m)
{
	int fd = accept4(m->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	if (fd < 0)
		return;
	for (int i = 0; i < LINKS_MAX; i++) {
		if (m->links[i].control == LINK_FREE) {
			m->links[i].control = fd;
			watch(m, fd, CONTROL | i);
			return;
		}
	}
	close(fd);
}

/* Makes our end of a link, connects it to the client's, and says where it is. */
static int link_open(struct multi *m, int n, const struct request *request)
{
	struct link *l = &m->links[n];
	int s = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (s < 0)
		return -1;
	l->data = s;
	l->path.sun_family = AF_UNIX;
	if (snprintf(l->path.sun_path, sizeof(l->path.sun_path), "%s/%03u", m->folder,
		     m->serial++) >= (int)sizeof(l->path.sun_path))
		return -1;
	unlink(l->path.sun_path);
	if (bind(s, (struct sockaddr *)&l->path, sizeof(l->path)) < 0 ||
	    chmod(l->path.sun_path, m->mode) < 0)
		return -1;
	if (m->group != (gid_t)-1 && chown(l->path.sun_path, (uid_t)-1, m->group) < 0)
		return -1;
	struct sockaddr_un client;
	memcpy(&client, &request->sock, sizeof(client));
	client.sun_path[sizeof(client.sun_path) - 1] = 0;
	if (client.sun_family != AF_UNIX ||
	    connect(s, (struct sockaddr *)&client, sizeof(client)) < 0)
		return -1;
	if (send(l->control, &l->path, sizeof(l->path), MSG_NOSIGNAL) != sizeof(l->path))
		return -1;
	watch(m, s, n);
	return 0;
}

/* A control connection says something: the request, or its end. */
static void link_control(struct multi *m, int n)
{
	struct link *l = &m->links[n];
	char buf[sizeof(struct request) + 256];
	struct request request;
	ssize_t len = recv(l->control, buf, sizeof(buf), 0);

	if (len < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (len <= 0) {
		link_leave(l);
		return;
	}
	if (l->data >= 0)
		return; /* nothing more is expected */
	/* A short path makes a short request. */
	memset(&request, 0, sizeof(request));
	memcpy(&request, buf, (size_t)len < sizeof(request) ? (size_t)len : sizeof(request));
	if ((size_t)len < offsetof(struct request, sock) + 3 ||
	    request.magic != (uint32_t)REQUEST_MAGIC || request.version != REQUEST_VERSION ||
	    (request.type & 0xff) != REQUEST_NEW || link_open(m, n, &request) < 0)
		link_close(l);
}

/* --- the folder --- */

static int default_folder(char *out, size_t size)
{
	const struct passwd *pw = getpwuid(getuid());
	const char *user = pw ? pw->pw_name : getenv("USERNAME");

	if (!user) {
		errno = ENOENT;
		return -1;
	}
	return snprintf(out, size, "/tmp/vdenode_%s", user) < (int)size ? 0 : -1;
}

/* Binds path/ctl; a socket that nobody serves any more is replaced. */
static int bind_control(int s, const struct sockaddr_un *addr)
{
	if (bind(s, (const struct sockaddr *)addr, sizeof(*addr)) == 0)
		return 0;
	if (errno != EADDRINUSE)
		return -1;
	int probe = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (probe < 0)
		return -1;
	int answered = connect(probe, (const struct sockaddr *)addr, sizeof(*addr));
	int why = errno;
	close(probe);
	if (answered == 0 || why != ECONNREFUSED) {
		errno = EADDRINUSE;
		return -1;
	}
	unlink(addr->sun_path);
	return bind(s, (const struct sockaddr *)addr, sizeof(*addr));
}

static int open_folder(struct multi *m, const char *path, mode_t dirmode)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};

	if (snprintf(addr.sun_path, sizeof(addr.sun_path), "%s/ctl", path) >=
	    (int)sizeof(addr.sun_path)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	if (mkdir(path, dirmode) < 0 && errno != EEXIST)
		return -1;
	m->folder = realpath(path, NULL);
	m->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (!m->folder || m->listener < 0 || bind_control(m->listener, &addr) < 0)
		return -1;
	if (chmod(addr.sun_path, m->mode) < 0 || chmod(path, dirmode) < 0)
		return -1;
	if (m->group != (gid_t)-1 &&
	    (chown(addr.sun_path, (uid_t)-1, m->group) < 0 || chown(path, (uid_t)-1, m->group) < 0))
		return -1;
	if (listen(m->listener, 8) < 0)
		return -1;
	watch(m, m->listener, LISTENER);
	return 0;
}

static void close_folder(struct multi *m)
{
	char control[sizeof(((struct sockaddr_un *)0)->sun_path) + 8];

	for (int i = 0; i < LINKS_MAX; i++)
		link_close(&m->links[i]);
	if (m->listener >= 0) {
		close(m->listener);
		if (m->folder &&
		    snprintf(control, sizeof(control), "%s/ctl", m->folder) < (int)sizeof(control))
			unlink(control);
	}
	if (m->epoll >= 0)
		close(m->epoll);
	if (m->folder)
		rmdir(m->folder); /* stays where somebody else has files in it */
	free(m->folder);
	free(m);
}

/* --- the module's functions --- */

static int parse_octal(const char *text, mode_t *mode)
{
	char *end;
	unsigned long value = strtoul(text, &end, 8);

	if (!*text || *end || value > 0777) {
		errno = EINVAL;
		return -1;
	}
	*mode = (mode_t)value;
	return 0;
}

/* Who may read or write may also enter the folder. */
static mode_t folder_mode(mode_t mode)
{
	return mode | (mode & 0444) >> 2 | (mode & 0222) >> 1;
}

static VDECONN *multi_open(char *url, char *description, int version, struct vde_open_args *args)
{
	char *mode_text = NULL, *dirmode_text = NULL, *group_text = NULL, folder[108];
	struct vdeparms parms[] = {{(char *)"mode", &mode_text},
				   {(char *)"dirmode", &dirmode_text},
				   {(char *)"grp", &group_text},
				   {NULL, NULL}};
	mode_t mode = 0600, dirmode;
	gid_t group = (gid_t)-1;

	if (vde_parsepathparms(url, parms) < 0 || (mode_text && parse_octal(mode_text, &mode) < 0))
		return NULL;
	dirmode = folder_mode(mode);
	if (dirmode_text && parse_octal(dirmode_text, &dirmode) < 0)
		return NULL;
	if (group_text && (group = vde_grnam2gid(group_text)) == (gid_t)-1) {
		errno = EINVAL;
		return NULL;
	}
	if (!*url && default_folder(folder, sizeof(folder)) < 0)
		return NULL;
	struct multi *m = calloc(1, sizeof(*m));
	if (!m)
		return NULL;
	for (int i = 0; i < LINKS_MAX; i++)
		m->links[i] = (struct link){.control = LINK_FREE, .data = -1};
	m->listener = -1;
	m->mode = mode;
	m->group = group;
	m->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (m->epoll < 0 || open_folder(m, *url ? url : folder, dirmode) < 0) {
		int why = errno;
		close_folder(m);
		errno = why;
		return NULL;
	}
	return (VDECONN *)m;
}

/* One frame, whichever link has one. A return of 1 is vdeplug's "nothing for you in this". */
static ssize_t multi_recv(VDECONN *conn, void *buf, size_t len, int flags)
{
	struct multi *m = (struct multi *)conn;
	struct epoll_event events[LINKS_MAX];
	int count = epoll_wait(m->epoll, events, LINKS_MAX, 0);

	for (int i = 0; i < count; i++) {
		int what = events[i].data.fd;
		if (what == LISTENER)
			link_accept(m);
		else if (what & CONTROL)
			link_control(m, what & (CONTROL - 1));
	}
	/* Links take turns, so that a busy one does not silence the others. */
	for (int i = 0; i < LINKS_MAX; i++) {
		struct link *l = &m->links[(m->turn + (unsigned int)i) % LINKS_MAX];
		if (l->data < 0)
			continue;
		ssize_t n = recv(l->data, buf, len, MSG_DONTWAIT);
		if (n > 0) {
			m->turn = (unsigned int)(l - m->links) + 1;
			return n;
		}
		if (l->control == LINK_DRAINING)
			link_close(l);
	}
	return 1;
}

static ssize_t multi_send(VDECONN *conn, const void *buf, size_t len, int flags)
{
	struct multi *m = (struct multi *)conn;

	/* A link that is behind loses the frame rather than hold the others up. */
	for (int i = 0; i < LINKS_MAX; i++) {
		if (m->links[i].control >= 0 && m->links[i].data >= 0)
			send(m->links[i].data, buf, len, MSG_DONTWAIT | MSG_NOSIGNAL);
	}
	return (ssize_t)len;
}

static int multi_datafd(VDECONN *conn)
{
	return ((struct multi *)conn)->epoll;
}

static int multi_ctlfd(VDECONN *conn)
{
	return -1; /* the multilink does not end by itself */
}

static int multi_close(VDECONN *conn)
{
	close_folder((struct multi *)conn);
	return 0;
}

struct vdeplug_module vdeplug_ops = {
	.vde_open_real = multi_open,
	.vde_recv = multi_recv,
	.vde_send = multi_send,
	.vde_datafd = multi_datafd,
	.vde_ctlfd = multi_ctlfd,
	.vde_close = multi_close,
};
