/* The process around the machine: background, pid file, privileges, signals. */
#include "tools/system.h"
#include "vm/chardev.h"
#include "vm/runstate.h"

#include <errno.h>
#include <fcntl.h>
#include <glib-unix.h>
#include <grp.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

/* --- -daemonize --- */

static int ready_fd = -1; /* the parent waits at its other end */

/* The parent ends when the child says that it is ready, or with the child's failure. */
static void wait_for_child(int fd)
{
	char status = 1;
	ssize_t n;

	do
		n = read(fd, &status, 1);
	while (n < 0 && errno == EINTR);
	_exit(n == 1 ? status : 1);
}

struct error *host_daemonize(void)
{
	int fds[2];

	if (pipe2(fds, O_CLOEXEC))
		return error_errno(errno, "-daemonize: cannot make a pipe");
	pid_t child = fork();
	if (child < 0)
		return error_errno(errno, "-daemonize: cannot fork");
	if (child > 0) {
		close(fds[1]);
		wait_for_child(fds[0]);
	}
	close(fds[0]);
	ready_fd = fds[1];
	setsid();
	return NULL;
}

struct error *host_detach(void)
{
	if (ready_fd < 0)
		return NULL;
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (null < 0 || chdir("/"))
		return error_errno(errno, "-daemonize: cannot leave the terminal");
	for (int fd = 0; fd <= 2; fd++)
		dup2(null, fd);
	close(null);
	char ok = 0;
	ssize_t n = write(ready_fd, &ok, 1);
	(void)n; /* a parent that has gone needs no answer */
	close(ready_fd);
	ready_fd = -1;
	return NULL;
}

/* --- -pidfile --- */

static char *pidfile;

struct error *host_write_pidfile(const char *path)
{
	char text[32];
	GError *gerr = NULL;

	snprintf(text, sizeof(text), "%ld\n", (long)getpid());
	/* written beside it and renamed: a reader sees all of it or nothing */
	if (!g_file_set_contents_full(path, text, -1, G_FILE_SET_CONTENTS_CONSISTENT, 0644,
				      &gerr)) {
		struct error *err = error_new("-pidfile %s: %s", path, gerr->message);
		g_error_free(gerr);
		return err;
	}
	pidfile = g_canonicalize_filename(path, NULL);
	return NULL;
}

void host_remove_pidfile(void)
{
	if (pidfile)
		unlink(pidfile);
	g_free(pidfile);
	pidfile = NULL;
}

/* --- -chroot, -runas --- */

struct error *host_drop_privileges(const char *chroot_dir, const char *user)
{
	struct passwd *pw = NULL;

	if (user) {
		errno = 0;
		pw = getpwnam(user);
		if (!pw)
			return error_new("-runas %s: unknown user", user);
	}
	if (chroot_dir && (chroot(chroot_dir) || chdir("/")))
		return error_errno(errno, "-chroot %s", chroot_dir);
	if (pw && (initgroups(user, pw->pw_gid) || setgid(pw->pw_gid) || setuid(pw->pw_uid)))
		return error_errno(errno, "-runas %s", user);
	if (pw && pw->pw_uid != 0 && setuid(0) == 0)
		return error_new("-runas %s: root privileges did not go away", user);
	return NULL;
}

/* --- signals --- */

static gboolean on_signal(void *opaque)
{
	machine_request_quit(0);
	return G_SOURCE_CONTINUE;
}

void host_catch_signals(void)
{
	static const int ends[] = {SIGINT, SIGTERM, SIGHUP};

	for (unsigned int i = 0; i < G_N_ELEMENTS(ends); i++)
		g_unix_signal_add(ends[i], on_signal, NULL);
	signal(SIGPIPE, SIG_IGN);
}
