/*
 * The first process of a guest that puts the execution core under stress:
 *
 *	stress locks SECONDS	threads that fight for locks of several kinds
 *	stress code SECONDS	code that is rewritten by itself, by another thread, by new mappings
 *	stress pages SECONDS	protections and mappings that change under another thread's feet
 *	stress work THREADS	a fixed amount of arithmetic, split between threads, between marks
 *
 * It says STRESS-OK and a count, or STRESS-FAILED and what was wrong, and powers off.
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/reboot.h>
#include <time.h>
#include <unistd.h>

enum { THREADS = 4, PAGE = 4096 };

static atomic_bool over;
static time_t end_time;

static __attribute__((noreturn, format(printf, 1, 2))) void finish(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vprintf(format, args);
	va_end(args);
	fflush(stdout);
	sleep(1);
	reboot(RB_POWER_OFF);
	_exit(1);
}

static bool time_is_up(void)
{
	if (time(NULL) >= end_time)
		over = true;
	return over;
}

static void run_threads(void *(*fn)(void *), unsigned int count)
{
	pthread_t threads[THREADS];

	for (uintptr_t i = 0; i < count; i++)
		pthread_create(&threads[i], NULL, fn, (void *)i);
	for (unsigned int i = 0; i < count; i++)
		pthread_join(threads[i], NULL);
}

/* --- locks --- */

static struct {
	atomic_uint spin, ticket_next, ticket_now;
	pthread_mutex_t mutex;
	/* each guarded by one lock, and so not atomic itself */
	volatile uint64_t by_spin, by_ticket, by_mutex;
	_Atomic uint64_t by_add, by_exchange;
	_Atomic uint32_t narrow[3]; /* neighbours, of which each thread owns bytes */
	_Atomic uint64_t done;
} locks = {.mutex = PTHREAD_MUTEX_INITIALIZER};

static void one_round_of_locks(void)
{
	unsigned int expected = 0;
	uint64_t old;

	while (!atomic_compare_exchange_weak(&locks.spin, &expected, 1))
		expected = 0;
	locks.by_spin++;
	atomic_store(&locks.spin, 0);

	unsigned int ticket = atomic_fetch_add(&locks.ticket_next, 1);
	while (atomic_load(&locks.ticket_now) != ticket)
		sched_yield();
	locks.by_ticket++;
	atomic_store(&locks.ticket_now, ticket + 1);

	pthread_mutex_lock(&locks.mutex);
	locks.by_mutex++;
	pthread_mutex_unlock(&locks.mutex);

	atomic_fetch_add(&locks.by_add, 1);
	old = atomic_load(&locks.by_exchange);
	while (!atomic_compare_exchange_weak(&locks.by_exchange, &old, old + 1))
		;
}

static void *lock_thread(void *arg)
{
	volatile uint8_t *mine = (volatile uint8_t *)locks.narrow + 1 + (uintptr_t)arg;
	uint8_t bytes = 0;
	uint64_t rounds = 0;

	while (!time_is_up()) {
		for (int i = 0; i < 1000; i++) {
			one_round_of_locks();
			*mine = ++bytes; /* beside bytes that others write */
			if (*mine != bytes)
				finish("STRESS-FAILED a byte of its own changed\n");
		}
		rounds += 1000;
	}
	atomic_fetch_add(&locks.done, rounds);
	return NULL;
}

static void stress_locks(void)
{
	run_threads(lock_thread, THREADS);
	uint64_t n = locks.done;
	if (locks.by_spin != n || locks.by_ticket != n || locks.by_mutex != n ||
	    locks.by_add != n || locks.by_exchange != n)
		finish("STRESS-FAILED %llu rounds: spin %llu ticket %llu mutex %llu add %llu "
		       "exchange %llu\n",
		       (unsigned long long)n, (unsigned long long)locks.by_spin,
		       (unsigned long long)locks.by_ticket, (unsigned long long)locks.by_mutex,
		       (unsigned long long)locks.by_add, (unsigned long long)locks.by_exchange);
	finish("STRESS-OK %llu rounds\n", (unsigned long long)n);
}

/* --- code --- */

typedef uint32_t code_fn(void);

static uint8_t *map_code(void *at)
{
	uint8_t *page = mmap(at, PAGE, PROT_READ | PROT_WRITE | PROT_EXEC,
			     MAP_PRIVATE | MAP_ANONYMOUS | (at ? MAP_FIXED : 0), -1, 0);
	if (page == MAP_FAILED)
		finish("STRESS-FAILED no memory for code\n");
	return page;
}

/* mov eax, value; ret */
static void write_constant(uint8_t *at, uint32_t value)
{
	at[0] = 0xb8;
	memcpy(at + 1, &value, 4);
	at[5] = 0xc3;
}

static uint32_t call(const void *at)
{
	code_fn *fn;

	memcpy(&fn, &at, sizeof(fn));
	return fn();
}

static void expect(uint32_t got, uint32_t wanted, const char *what)
{
	if (got != wanted)
		finish("STRESS-FAILED %s: %u instead of %u\n", what, got, wanted);
}

/*
 * A loop that counts ecx down and adds to eax an immediate that the loop itself rewrites, each time
 * before it runs it.
 */
static uint32_t self_modifying_loop(uint8_t *page, uint32_t count)
{
	static const uint8_t code[] = {
		0x31, 0xc0,		/*	xor eax, eax */
		0xb9, 0,    0,	  0, 0, /*	mov ecx, count */
#ifdef __x86_64__
		0x89, 0x0d, 1,	  0, 0, 0, /* 1: mov [2f + 1], ecx */
#else
		0x89, 0x0d, 0,	  0, 0, 0, /* 1: mov [2f + 1], ecx */
#endif
		0x05, 0,    0,	  0, 0, /* 2: add eax, imm */
		0x83, 0xe9, 0x01,	/*	sub ecx, 1 */
		0x75, 0xf0,		/*	jnz 1b */
		0xc3,			/*	ret */
	};
	memcpy(page, code, sizeof(code));
	memcpy(page + 3, &count, 4);
#ifndef __x86_64__
	uint32_t immediate = (uint32_t)(uintptr_t)(page + 14);
	memcpy(page + 9, &immediate, 4);
#endif
	return call(page);
}

static uint8_t *shared_code;
static _Atomic uint32_t published;

/* Reads what the other thread writes into running code: never older than what it saw before. */
static void *code_reader(void *arg)
{
	uint32_t last = 0;

	while (!over) {
		uint32_t at_least = published, got = call(shared_code);
		if (got < last || got < at_least)
			finish("STRESS-FAILED stale code: %u after %u, %u written\n", got, last,
			       at_least);
		last = got;
	}
	return arg;
}

static void *code_writer(void *arg)
{
	uint8_t *page = map_code(NULL), *moved = map_code(NULL);
	uint64_t rounds = 0;

	for (uint32_t n = 1; !time_is_up(); n++) {
		for (uint32_t i = 0; i < 8; i++) {
			uint8_t *at = page + 64 * (n % 32) + 7 * i;
			write_constant(at, n * 8 + i);
			expect(call(at), n * 8 + i, "rewritten constant");
		}
		expect(self_modifying_loop(page + 2200, 50), 50 * 51 / 2, "self-modifying loop");
		if (n % 16 == 0) {
			map_code(moved);
			write_constant(moved, n);
			expect(call(moved), n, "fresh mapping");
		}
		/* the immediate is aligned, and so written at once */
		*(_Atomic uint32_t *)(void *)(shared_code + 1) = n;
		/* a processor sees others' code after it has serialised: this system call makes it
		 */
		sched_yield();
		if (n % 64 == 0) {
			usleep(100);
			published = n > 64 ? n - 64 : 0;
		}
		rounds++;
	}
	*(uint64_t *)arg = rounds;
	return NULL;
}

static void stress_code(void)
{
	pthread_t readers[2], writer;
	uint64_t rounds = 0;

	shared_code = map_code(NULL) + 3;
	write_constant(shared_code, 0);
	pthread_create(&writer, NULL, code_writer, &rounds);
	for (int i = 0; i < 2; i++)
		pthread_create(&readers[i], NULL, code_reader, NULL);
	pthread_join(writer, NULL);
	for (int i = 0; i < 2; i++)
		pthread_join(readers[i], NULL);
	finish("STRESS-OK %llu rounds\n", (unsigned long long)rounds);
}

/* --- pages --- */

static volatile uint32_t *window; /* page N holds N in its first word, when it can be read */
enum { WINDOW = 64 };
static _Thread_local sigjmp_buf fault_exit;
static _Atomic uint64_t faults, reads;

static void on_fault(int number)
{
	siglongjmp(fault_exit, number);
}

static void *page_reader(void *arg)
{
	uint32_t n = (uint32_t)(uintptr_t)arg;

	while (!time_is_up()) {
		for (int i = 0; i < 200; i++) {
			n = (n * 5 + 1) % WINDOW;
			if (sigsetjmp(fault_exit, 1)) {
				faults++;
				continue;
			}
			uint32_t value = window[n * (PAGE / 4)];
			if (value != n && value != 0)
				finish("STRESS-FAILED page %u holds %u\n", n, value);
			reads++;
		}
	}
	return NULL;
}

static void *page_changer(void *arg)
{
	uint32_t n = (uint32_t)(uintptr_t)arg;

	while (!time_is_up()) {
		n = (n * 5 + 1) % WINDOW;
		char *page = (char *)window + n * PAGE;
		if (n % 4 == 0) {
			mmap(page, PAGE, PROT_READ | PROT_WRITE,
			     MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
			*(volatile uint32_t *)page = n;
		} else {
			mprotect(page, PAGE, PROT_NONE);
			mprotect(page, PAGE, PROT_READ | PROT_WRITE);
			*(volatile uint32_t *)page = n;
		}
	}
	return NULL;
}

static void *page_thread(void *arg)
{
	return (uintptr_t)arg == 0 ? page_changer(arg) : page_reader(arg);
}

static void stress_pages(void)
{
	struct sigaction action = {.sa_handler = on_fault};

	sigaction(SIGSEGV, &action, NULL);
	window = mmap(NULL, WINDOW * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
		      0);
	for (uint32_t n = 0; n < WINDOW; n++)
		window[n * (PAGE / 4)] = n;
	run_threads(page_thread, 3);
	finish("STRESS-OK %llu reads, %llu faults\n", (unsigned long long)reads,
	       (unsigned long long)faults);
}

/* --- work --- */

static uint64_t sums[THREADS];
static uint32_t work_per_thread;

static void *work_thread(void *arg)
{
	uint32_t a = 1, b = 7, c = 11;

	for (uint32_t i = 0; i < work_per_thread; i++) {
		a = a * 1664525 + 1013904223;
		b = (b << 5 | b >> 27) ^ a;
		c += (b >> 3) + (a & 0xff);
	}
	sums[(uintptr_t)arg] = a ^ b ^ c;
	return NULL;
}

static void run_work(unsigned int threads)
{
	work_per_thread = 2400000000u / threads;
	puts("WORK-START");
	fflush(stdout);
	run_threads(work_thread, threads);
	puts("WORK-END");
	finish("STRESS-OK sum %llu\n", (unsigned long long)sums[0]);
}

int main(int argc, char **argv)
{
	const char *mode = argc > 1 ? argv[1] : "";
	unsigned int amount = argc > 2 ? (unsigned int)atoi(argv[2]) : 5;

	end_time = time(NULL) + amount;
	if (strcmp(mode, "locks") == 0)
		stress_locks();
	else if (strcmp(mode, "code") == 0)
		stress_code();
	else if (strcmp(mode, "pages") == 0)
		stress_pages();
	else if (strcmp(mode, "work") == 0 && amount >= 1 && amount <= THREADS)
		run_work(amount);
	finish("STRESS-FAILED no mode \"%s\"\n", mode);
}
