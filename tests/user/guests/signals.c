#define _GNU_SOURCE
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

static sigjmp_buf jump;
static void *volatile fault_addr;
static volatile int fault_code, seen, order[8], depth;
static char *volatile stack_probe;

static void on_fault(int sig, siginfo_t *info, void *uc)
{
	fault_addr = info->si_addr;
	fault_code = info->si_code;
	siglongjmp(jump, sig);
}

static void on_note(int sig, siginfo_t *info, void *uc)
{
	char local;

	seen++;
	stack_probe = &local;
	if (info->si_code == SI_QUEUE)
		printf("queued %d\n", info->si_value.sival_int);
}

static void on_plain(int sig)
{
	order[depth++] = sig;
}

static void handler(int sig, void (*fn)(int, siginfo_t *, void *), int flags)
{
	struct sigaction a = {.sa_sigaction = fn, .sa_flags = SA_SIGINFO | flags};

	sigaction(sig, &a, NULL);
}

static void faults(void)
{
	char *page = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	volatile int state = 1;

	handler(SIGSEGV, on_fault, 0);
	if (sigsetjmp(jump, 1) == 0) {
		state = 2;
		page[100] = 1;
	}
	printf("write: %d code %d state %d\n", (char *)fault_addr == page + 100, fault_code, state);
	munmap(page, 4096);
	if (sigsetjmp(jump, 1) == 0)
		state = page[5];
	printf("read: %d code %d\n", (char *)fault_addr == page + 5, fault_code);
	if (sigsetjmp(jump, 1) == 0)
		((void (*)(void))page)();
	printf("run: %d code %d\n", (char *)fault_addr == page, fault_code);
}

static void bus(void)
{
	char name[] = "/tmp/bus-XXXXXX";
	int fd = mkstemp(name);

	unlink(name);
	ftruncate(fd, 8192);
	char *p = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	p[4096] = 1;
	ftruncate(fd, 4096);
	handler(SIGBUS, on_fault, 0);
	int sig = sigsetjmp(jump, 1);
	if (sig == 0)
		p[4100] = 2;
	printf("bus: %d %d code %d\n", sig == SIGBUS, (char *)fault_addr == p + 4100,
	       fault_code == BUS_ADRERR);
	close(fd);
}

static void altstack(void)
{
	char *mem = malloc(65536);
	stack_t st = {.ss_sp = mem, .ss_size = 65536}, old;

	sigaltstack(&st, NULL);
	handler(SIGUSR1, on_note, SA_ONSTACK);
	raise(SIGUSR1);
	sigaltstack(NULL, &old);
	printf("altstack: %d %d\n", stack_probe >= mem && stack_probe < mem + 65536,
	       old.ss_flags == 0 && old.ss_size == 65536);
}

static void masks(void)
{
	sigset_t set, old, pending;
	struct sigaction a = {.sa_handler = on_plain};

	sigaction(SIGUSR1, &a, NULL);
	sigaction(SIGUSR2, &a, NULL);
	sigaction(SIGRTMIN + 3, &a, NULL);
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigaddset(&set, SIGUSR2);
	sigaddset(&set, SIGRTMIN + 3);
	sigprocmask(SIG_BLOCK, &set, &old);
	raise(SIGRTMIN + 3);
	raise(SIGUSR2);
	raise(SIGUSR1);
	sigpending(&pending);
	printf("pending: %d %d depth %d\n", sigismember(&pending, SIGUSR1),
	       sigismember(&pending, SIGTERM), depth);
	sigprocmask(SIG_SETMASK, &old, NULL);
	printf("delivered %d\n", depth);
	sigprocmask(SIG_BLOCK, &set, NULL);
	union sigval v = {.sival_int = 4711};
	siginfo_t info;
	sigqueue(getpid(), SIGUSR1, v);
	int r = sigwaitinfo(&set, &info);
	printf("waited: %d value %d\n", r == SIGUSR1, info.si_value.sival_int);
	handler(SIGUSR2, on_note, 0);
	sigqueue(getpid(), SIGUSR2, v);
	seen = 0;
	sigdelset(&set, SIGUSR2);
	r = sigsuspend(&set);
	printf("suspended %d %d seen %d\n", r, errno == EINTR, seen);
	sigprocmask(SIG_SETMASK, &old, NULL);
}

static void restart(int flags)
{
	int fds[2];
	char byte = 0;
	struct itimerval in = {.it_value = {0, 50000}};

	pipe(fds);
	handler(SIGALRM, on_note, flags);
	seen = 0;
	if (fork() == 0) {
		usleep(200000);
		write(fds[1], "x", 1);
		_exit(0);
	}
	setitimer(ITIMER_REAL, &in, NULL);
	int r = read(fds[0], &byte, 1);
	printf("read: %d %s seen %d\n", r, r < 0 ? strerrorname_np(errno) : "", seen);
	wait(NULL);
	close(fds[0]);
	close(fds[1]);
}

static void dies(int sig)
{
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		signal(sig, SIG_DFL);
		close(2);
		if (sig == SIGSEGV)
			*(volatile int *)8 = 1;
		kill(getpid(), sig);
		pause();
	}
	waitpid(pid, &status, 0);
	printf("died: %d of %d\n", WIFSIGNALED(status), WTERMSIG(status));
}

static void reset(void)
{
	struct sigaction a = {.sa_handler = on_plain, .sa_flags = SA_RESETHAND}, now;

	sigaction(SIGUSR1, &a, NULL);
	raise(SIGUSR1);
	sigaction(SIGUSR1, NULL, &now);
	printf("reset: %d\n", now.sa_handler == SIG_DFL);
}

int main(void)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
	faults();
	bus();
	altstack();
	masks();
	restart(0);
	restart(SA_RESTART);
	dies(SIGTERM);
	dies(SIGSEGV);
	dies(SIGABRT);
	reset();
	return 0;
}
