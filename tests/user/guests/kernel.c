/* Less common calls on the kernel's objects: keys, comparisons, handles, owners; and what is none.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <linux/kcmp.h>
#include <linux/keyctl.h>
#include <linux/kd.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/fanotify.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

static void keys(void)
{
	char text[32] = {0}, shown[128];
	long ring = syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, NULL);
	long key = syscall(SYS_add_key, "user", "ratite", "payload", 7, ring);

	if (ring < 0) {
		printf("keys: errno %d\n", errno);
		return;
	}
	printf("add %d read %ld", key > 0, syscall(SYS_keyctl, KEYCTL_READ, key, text, 32));
	printf(" %s\n", text);
	printf("update %ld\n", syscall(SYS_keyctl, KEYCTL_UPDATE, key, "other", 5));
	memset(text, 0, 32);
	syscall(SYS_keyctl, KEYCTL_READ, key, text, 32);
	printf("now %s\n", text);
	long len = syscall(SYS_keyctl, KEYCTL_DESCRIBE, key, shown, sizeof(shown));
	printf("describe %d %.5s\n", len > 10, shown);
	printf("search %d\n", syscall(SYS_keyctl, KEYCTL_SEARCH, ring, "user", "ratite", 0) == key);
	printf("request %d\n", syscall(SYS_request_key, "user", "ratite", NULL, 0) == key);
	printf("fault %d", (int)syscall(SYS_keyctl, KEYCTL_UPDATE, key, (void *)16, 5));
	printf(" errno %d\n", errno);
	printf("revoke %ld\n", syscall(SYS_keyctl, KEYCTL_REVOKE, key));
}

static void compare(void)
{
	int poll = epoll_create1(0), fds[2];
	struct epoll_event e = {.events = EPOLLIN};
	struct kcmp_epoll_slot slot = {.efd = (unsigned int)poll};

	pipe(fds);
	slot.tfd = (unsigned int)fds[0];
	epoll_ctl(poll, EPOLL_CTL_ADD, fds[0], &e);
	printf("kcmp epoll %ld",
	       syscall(SYS_kcmp, getpid(), getpid(), KCMP_EPOLL_TFD, fds[0], &slot));
	printf(" same %ld\n",
	       syscall(SYS_kcmp, getpid(), getpid(), KCMP_FILE, fds[0], dup(fds[0])));
}

static volatile int got_fd, got_code, got_band;

static void on_poll(int sig, siginfo_t *info, void *uc)
{
	got_fd = info->si_fd;
	got_code = info->si_code;
	got_band = (int)info->si_band;
}

static void polled(void)
{
	struct sigaction a = {.sa_sigaction = on_poll, .sa_flags = SA_SIGINFO};
	int fds[2], sig = SIGRTMIN + 3;

	pipe(fds);
	sigaction(sig, &a, NULL);
	fcntl(fds[0], F_SETOWN, getpid());
	fcntl(fds[0], F_SETSIG, sig);
	fcntl(fds[0], F_SETFL, O_ASYNC | O_NONBLOCK);
	write(fds[1], "x", 1);
	printf("signal's descriptor %d code %d band %x\n", got_fd == fds[0], got_code, got_band);
	uint32_t ids[2] = {77, 77};
	printf("owner %d", fcntl(fds[0], 17 /* F_GETOWNER_UIDS */, ids));
	printf(" %d\n", ids[1] == geteuid());
}

static void files(const char *self)
{
	struct {
		struct file_handle head;
		char bytes[128];
	} h = {.head.handle_bytes = 128};
	int mount, fd = -1;

	if (!name_to_handle_at(AT_FDCWD, self, &h.head, &mount, 0))
		fd = open_by_handle_at(open(".", O_RDONLY), &h.head, O_RDONLY);
	printf("handle %d %d\n", h.head.handle_bytes > 0, fd >= 0 || errno == EPERM);
	fd = fanotify_init(FAN_CLASS_NOTIF | FAN_NONBLOCK, O_RDONLY);
	if (fd >= 0)
		printf("fanotify %d\n", fanotify_mark(fd, FAN_MARK_ADD, FAN_OPEN, AT_FDCWD, self));
	struct file_clone_range range = {.src_fd = -1};
	printf("clone range %d", ioctl(open(self, O_RDONLY), FICLONERANGE, &range));
	printf(" errno %d\n", errno);
	char leds;
	printf("leds %d", ioctl(0, KDGETLED, &leds));
	printf(" errno %d\n", errno);
}

int main(int argc, char **argv)
{
	keys();
	compare();
	polled();
	files(argv[0]);
	printf("unknown %ld", syscall(4000));
	printf(" errno %d\n", errno);
	return 0;
}
