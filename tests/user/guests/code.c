/* Code that is hot, is changed, faults or is copied by fork(): what it computes must not depend on
 * how it is run. */
#define _GNU_SOURCE
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define PAGE 4096
#define HOT  4000

/* --- faults in hot loops: the handler makes the page accessible, and the loop goes on --- */

static volatile int faults;
static char *guarded;

static void on_fault(int sig, siginfo_t *info, void *uc)
{
	char *page = (char *)((uintptr_t)info->si_addr & ~(uintptr_t)(PAGE - 1));

	faults++;
	if (page < guarded || page >= guarded + 4 * PAGE ||
	    mprotect(page, PAGE, PROT_READ | PROT_WRITE))
		_exit(3);
}

static __attribute__((noinline)) uint32_t sum(const uint32_t *p, unsigned int n)
{
	uint32_t s = 1;

	for (unsigned int i = 0; i < n; i++)
		s = s * 31 + p[i] + i;
	return s;
}

static __attribute__((noinline)) uint32_t scale(uint32_t *p, unsigned int n)
{
	uint32_t last = 7;

	for (unsigned int i = 0; i < n; i++)
		last = p[i] = p[i] * 3 + last;
	return last;
}

static __attribute__((noinline)) double average(const double *p, unsigned int n)
{
	double s = 0;

	for (unsigned int i = 0; i < n; i++)
		s = s * 0.5 + p[i];
	return s;
}

static void hot_faults(void)
{
	struct sigaction a = {.sa_sigaction = on_fault, .sa_flags = SA_SIGINFO};
	uint32_t s = 0;
	double d = 0;

	sigaction(SIGSEGV, &a, NULL);
	guarded = mmap(NULL, 4 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	for (int round = 0; round < 60; round++) {
		if (round % 10 == 9)
			mprotect(guarded + PAGE, 2 * PAGE, round % 20 == 9 ? PROT_NONE : PROT_READ);
		s += sum((uint32_t *)guarded, PAGE);
		s ^= scale((uint32_t *)guarded, PAGE);
		for (int i = 0; i < 4 * PAGE / 8; i++)
			((double *)(guarded))[i] = i + round;
		if (round % 10 == 4)
			mprotect(guarded + 2 * PAGE, PAGE, PROT_NONE);
		d += average((double *)guarded, 4 * PAGE / 8);
	}
	printf("faults: %d sums %08x %.17g\n", faults, s, d);
	signal(SIGSEGV, SIG_DFL);
}

/* --- code that changes --- */

static unsigned int put_function(unsigned char *at, unsigned int value)
{
#if defined(__x86_64__) || defined(__i386__)
	const unsigned char code[] = {0xb8, value, value >> 8, 0, 0, 0xc3};
#elif defined(__thumb__)
	const unsigned char code[] = {value, 0x20, 0x70, 0x47};
#else
	const unsigned char code[] = {value, 0, 0xa0, 0xe3, 0x1e, 0xff, 0x2f, 0xe1};
#endif
	memcpy(at, code, sizeof(code));
	__builtin___clear_cache((char *)at, (char *)at + sizeof(code));
	return sizeof(code);
}

static int call(unsigned char *at)
{
#ifdef __thumb__
	at++;
#endif
	return ((int (*)(void))at)();
}

static unsigned char *code_page(void)
{
	return mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE | PROT_EXEC,
		    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
}

static void changing_code(void)
{
	unsigned char *page = code_page();
	volatile unsigned int *data = (unsigned int *)(page + 2048);
	unsigned int total = 0;

	for (unsigned int i = 0; i < 3000; i++) {
		if (i % 100 == 0)
			put_function(page + 64, i / 100);
		total += call(page + 64);
	}
	printf("changed seldom: %u\n", total);
	for (unsigned int i = 0; i < 3000; i++) {
		put_function(page + 64, i & 127);
		total += call(page + 64);
	}
	printf("changed always: %u\n", total);
	for (unsigned int i = 0; i < 20000; i++) {
		*data += call(page + 64) + i; /* data beside the code */
		if (i % 1000 == 0)
			put_function(page + 64, i / 1000);
	}
	printf("beside data: %u\n", *data);
}

/* The kernel writes code: by read() and by a copy of pages. */
static void code_from_outside(void)
{
	unsigned char *page = code_page(), text[64];
	int fds[2];

	pipe(fds);
	for (unsigned int i = 0; i < 20; i++) {
		unsigned int size = put_function(text, i * 3);
		write(fds[1], text, size);
		if (read(fds[0], page + 128, size) != (int)size)
			printf("short read at %u\n", i);
		__builtin___clear_cache((char *)page, (char *)page + 256);
		for (int k = 0; k < HOT / 10; k++)
			if (call(page + 128) != (int)i * 3) {
				printf("old code at %u\n", i);
				return;
			}
	}
	printf("read code: ok\n");
	put_function(page + 128, 99);
	call(page + 128);
	unsigned char *moved = mremap(page, 2 * PAGE, 4 * PAGE, MREMAP_MAYMOVE);
	printf("moved code: %d\n", call(moved + 128));
	moved[4000] = 1;
	printf("written behind it: %d %d\n", moved[4000], call(moved + 128));
}

/* Trampolines on the stack, where gcc makes them (it asks for such a stack). */
static __attribute__((noinline)) int apply(int (*fn)(int), int n)
{
	int s = 0;

	for (int i = 0; i < n; i++)
		s += fn(i);
	return s;
}

static void trampolines(void)
{
	int total = 0;

	for (int round = 0; round < 300; round++) {
		int bias = round;
		int add(int x)
		{
			total++;
			return x + bias;
		}
		total += apply(add, 10);
	}
	printf("trampolines: %d\n", total);
}

/* --- fork() while code is hot, with and without threads --- */

static uint32_t work(uint32_t seed, unsigned int n)
{
	for (unsigned int i = 0; i < n; i++) {
		seed ^= seed << 13;
		seed ^= seed >> 17;
		seed ^= seed << 5;
	}
	return seed;
}

static volatile int stop;

static void *worker(void *opaque)
{
	uint32_t *result = opaque;

	for (*result = 1; !stop;)
		*result = work(*result, 1000);
	return NULL;
}

static void forks(void)
{
	pthread_t thread[2];
	uint32_t result[2], want = work(5, 50000) & 127;
	int good = 0;

	for (int round = 0; round < 2; round++) {
		for (int i = 0; round && i < 2; i++)
			pthread_create(&thread[i], NULL, worker, &result[i]);
		for (int i = 0; i < 12; i++) {
			pid_t pid = fork();
			if (pid == 0)
				_exit((int)(work(5, 50000) & 127));
			int status;
			work(i, 20000);
			waitpid(pid, &status, 0);
			good += WIFEXITED(status) && WEXITSTATUS(status) == (int)want;
		}
	}
	stop = 1;
	for (int i = 0; i < 2; i++)
		pthread_join(thread[i], NULL);
	printf("forks: %d\n", good);
}

/* --- a fault that nobody handles --- */

static void killed(void)
{
	pid_t pid = fork();
	int status;

	if (pid == 0) {
		freopen("/dev/null", "w", stderr);
		char *end = mmap(NULL, 2 * PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		munmap(end + PAGE, PAGE);
		for (int i = 0; i < 100; i++)
			sum((uint32_t *)end, PAGE / 4);
		_exit(sum((uint32_t *)end, PAGE) & 1);
	}
	waitpid(pid, &status, 0);
	printf("killed by %d\n", WIFSIGNALED(status) ? WTERMSIG(status) : 0);
}

int main(void)
{
	killed();
	changing_code();
	code_from_outside();
	trampolines();
	hot_faults();
	forks();
	return 0;
}
