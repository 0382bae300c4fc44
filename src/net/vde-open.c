#ifdef HAVE_VDEPLUG
#include "net/vde-open.h"

#include <errno.h>
#include <glib.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { ANSWER_SECONDS = 5 };

static void no_answer(int signal)
{
}

/* A switch that has no such port does not say so, and the library would wait for ever. */
static VDECONN *open_switch(char *sock, char *who, struct vde_open_args *args)
{
	struct sigaction action = {.sa_handler = no_answer}, old;
	struct sigevent event = {.sigev_notify = SIGEV_THREAD_ID, .sigev_signo = SIGALRM};
	struct itimerspec when = {{1, 0}, {ANSWER_SECONDS, 0}};
	timer_t timer;

	event._sigev_un._tid = gettid();
	if (timer_create(CLOCK_MONOTONIC, &event, &timer) < 0)
		return vde_open(sock, who, args);
	sigaction(SIGALRM, &action, &old);
	timer_settime(timer, 0, &when, NULL);
	VDECONN *conn = vde_open(sock, who, args);
	int code = errno;
	timer_delete(timer);
	sigaction(SIGALRM, &old, NULL);
	errno = code;
	return conn;
}

/* Other URLs may lead far away, or ask for a password. */
static bool is_switch(const char *sock)
{
	return !sock || !strstr(sock, "://") || g_str_has_prefix(sock, "vde://");
}

struct error *net_vde_open(const char *sock, const char *who, struct vde_open_args *args,
			   VDECONN **conn)
{
	const char *shown = sock ? sock : "(default)";
	char *path = (char *)(uintptr_t)sock, *name = (char *)(uintptr_t)who;

	errno = 0;
	*conn = is_switch(sock) ? open_switch(path, name, args) : vde_open(path, name, args);
	if (*conn)
		return NULL;
	if (errno == EINTR)
		return error_new("the VDE switch \"%s\" does not answer%s", shown,
				 args->port ? "; is port= one of its ports?" : "");
	return error_errno(errno ? errno : ECONNREFUSED, "cannot reach the VDE switch \"%s\"",
			   shown);
}
#endif
