/* The multilink module, driven through libvdeplug as any program would. */
#include "../check-main.h"

#include <fcntl.h>
#include <libvdeplug.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static char folder[64], url[80], client_url[80];

static void setup(void)
{
	snprintf(folder, sizeof(folder), "/tmp/multi-test-%d", getpid());
	snprintf(url, sizeof(url), "multi://%s", folder);
	snprintf(client_url, sizeof(client_url), "vde://%s", folder);
}

/* The owner serves its links only while it receives, so it has its own process here: it sends back
 * what it gets, with the first byte raised by one, and ends at a frame that starts with 255. */
static pid_t owner_start(const char *with)
{
	pid_t pid = fork();

	if (pid)
		return pid;
	/* Only here: the path is searched instead of the system's, where the client's module is. */
	setenv("VDEPLUGIN_PATH", MODULE_PATH, 1);
	VDECONN *c = vde_open((char *)with, "owner", NULL);
	if (!c)
		_exit(3);
	for (;;) {
		unsigned char frame[2000];
		struct pollfd p = {.fd = vde_datafd(c), .events = POLLIN};
		poll(&p, 1, 5000);
		ssize_t n = vde_recv(c, frame, sizeof(frame), 0);
		if (n < 2)
			continue;
		if (frame[0] == 255)
			break;
		frame[0]++;
		vde_send(c, frame, (size_t)n, 0);
	}
	_exit(vde_close(c) == 0 ? 0 : 4);
}

static VDECONN *client(void)
{
	VDECONN *c = NULL;

	for (int i = 0; i < 200 && !c; i++) {
		c = vde_open(client_url, "client", NULL);
		if (!c)
			usleep(10000);
	}
	ck_assert_ptr_nonnull(c);
	return c;
}

static ssize_t get(VDECONN *c, unsigned char *frame, size_t size)
{
	struct pollfd p = {.fd = vde_datafd(c), .events = POLLIN};

	if (poll(&p, 1, 2000) != 1)
		return -1;
	return vde_recv(c, frame, size, 0);
}

START_TEST(links)
{
	unsigned char frame[100] = {0}, got[2000];
	pid_t pid = owner_start(url);
	VDECONN *a = client(), *b = client();
	struct stat st;
	char path[100];
	int status;

	ck_assert_int_eq(stat(folder, &st), 0);
	ck_assert_uint_eq(st.st_mode & 0777, 0700);
	snprintf(path, sizeof(path), "%s/ctl", folder);
	ck_assert_int_eq(stat(path, &st), 0);
	ck_assert_uint_eq(st.st_mode & 0777, 0600);
	/* what one link says reaches both, through the owner only */
	for (unsigned int i = 0; i < 100; i++) {
		frame[0] = (unsigned char)i;
		frame[1] = 77;
		ck_assert_int_eq(vde_send(i & 1 ? a : b, frame, sizeof(frame), 0), sizeof(frame));
		ck_assert_int_eq(get(a, got, sizeof(got)), sizeof(frame));
		ck_assert_uint_eq(got[0], i + 1);
		ck_assert_int_eq(get(b, got, sizeof(got)), sizeof(frame));
		ck_assert_uint_eq(got[0], i + 1);
	}
	/* hand-off: one goes with frames on their way, the other carries on */
	frame[0] = 5;
	vde_send(a, frame, sizeof(frame), 0);
	vde_close(a);
	ck_assert_int_eq(get(b, got, sizeof(got)), sizeof(frame));
	ck_assert_uint_eq(got[0], 6);
	for (unsigned int i = 0; i < 10; i++) {
		vde_send(b, frame, sizeof(frame), 0);
		ck_assert_int_eq(get(b, got, sizeof(got)), sizeof(frame));
	}
	frame[0] = 255;
	vde_send(b, frame, sizeof(frame), 0);
	waitpid(pid, &status, 0);
	ck_assert_int_eq(status, 0);
	vde_close(b);
	ck_assert_int_ne(stat(folder, &st), 0); /* nothing is left behind */
}
END_TEST

START_TEST(modes)
{
	char with[120];
	struct stat st;
	unsigned char frame[60] = {255};
	int status;

	snprintf(with, sizeof(with), "%s[mode=0660/dirmode=0755]", url);
	pid_t pid = owner_start(with);
	VDECONN *c = client();
	ck_assert_int_eq(stat(folder, &st), 0);
	ck_assert_uint_eq(st.st_mode & 0777, 0755);
	vde_send(c, frame, sizeof(frame), 0);
	waitpid(pid, &status, 0);
	ck_assert_int_eq(status, 0);
	vde_close(c);
	setenv("VDEPLUGIN_PATH", MODULE_PATH, 1);
	snprintf(with, sizeof(with), "%s[mode=0888]", url);
	ck_assert_ptr_null(vde_open(with, "x", NULL));
	snprintf(with, sizeof(with), "%s[grp=no_such_group]", url);
	ck_assert_ptr_null(vde_open(with, "x", NULL));
	ck_assert_ptr_null(vde_open("multi:///nowhere/at/all", "x", NULL));
}
END_TEST

/* The library opens its modules with RTLD_DEEPBIND, which AddressSanitizer refuses. */
#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define __SANITIZE_ADDRESS__ 1
#endif
#endif
#ifdef __SANITIZE_ADDRESS__
enum { SANITIZED = 1 };
#else
enum { SANITIZED = 0 };
#endif

static Suite *suite(void)
{
	if (SANITIZED) {
		puts("skipped: libvdeplug's modules cannot be loaded under AddressSanitizer");
		exit(77);
	}
	Suite *s = suite_create("vdeplug-multi");
	TCase *cases = tcase_create("vdeplug-multi");

	tcase_add_checked_fixture(cases, setup, NULL);
	tcase_set_timeout(cases, 30);
	tcase_add_test(cases, links);
	tcase_add_test(cases, modes);
	suite_add_tcase(s, cases);
	return s;
}

CHECK_MAIN(suite)
