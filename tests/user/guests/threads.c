#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static pthread_barrier_t barrier;
static __thread int mine = 5;
static atomic_int atomic;
static atomic_llong wide;
static int counter, turn, stopped;

static void *work(void *arg)
{
	for (int i = 0; i < 20000; i++) {
		atomic_fetch_add(&atomic, 1);
		atomic_fetch_add(&wide, 1LL << 31);
		if (i % 10 == 0) {
			pthread_mutex_lock(&lock);
			counter++;
			pthread_mutex_unlock(&lock);
		}
	}
	mine += (int)(long)arg;
	pthread_barrier_wait(&barrier);
	return (void *)(long)mine;
}

static void *player(void *arg)
{
	int me = (int)(long)arg;

	pthread_mutex_lock(&lock);
	for (int i = 0; i < 500; i++) {
		while (turn % 2 != me)
			pthread_cond_wait(&changed, &lock);
		turn++;
		pthread_cond_broadcast(&changed);
	}
	pthread_mutex_unlock(&lock);
	return NULL;
}

static void *robust_owner(void *arg)
{
	pthread_mutex_lock(arg);
	return NULL; /* without unlocking */
}

static void *sleeper(void *arg)
{
	for (;;)
		sleep(10);
}

static void cleanup(void *arg)
{
	stopped = 1;
}

static void *cancelled(void *arg)
{
	pthread_cleanup_push(cleanup, NULL);
	sleeper(NULL);
	pthread_cleanup_pop(0);
	return NULL;
}

static void on_signal(int sig)
{
	stopped = 2;
}

static void *maps(void *arg)
{
	for (int i = 0; i < 300; i++) {
		char *p = mmap(NULL, 65536, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		for (int k = 0; k < 65536; k += 4096)
			p[k] = (char)i;
		munmap(p, 65536);
	}
	return NULL;
}

int main(void)
{
	pthread_t t[4];
	void *result;
	long sum = 0;

	setvbuf(stdout, NULL, _IOLBF, 0);
	pthread_barrier_init(&barrier, NULL, 4);
	for (long i = 0; i < 4; i++)
		pthread_create(&t[i], NULL, work, (void *)i);
	for (int i = 0; i < 4; i++) {
		pthread_join(t[i], &result);
		sum += (long)result;
	}
	printf("%d %lld %d %ld mine %d\n", atomic, (long long)wide, counter, sum, mine);
	for (long i = 0; i < 2; i++)
		pthread_create(&t[i], NULL, player, (void *)i);
	for (int i = 0; i < 2; i++)
		pthread_join(t[i], NULL);
	printf("turn %d\n", turn);

	pthread_mutexattr_t attr;
	pthread_mutex_t robust;
	pthread_mutexattr_init(&attr);
	pthread_mutexattr_setrobust(&attr, PTHREAD_MUTEX_ROBUST);
	pthread_mutex_init(&robust, &attr);
	pthread_create(&t[0], NULL, robust_owner, &robust);
	pthread_join(t[0], NULL);
	printf("robust: %d\n", pthread_mutex_lock(&robust) == EOWNERDEAD);

	pthread_create(&t[0], NULL, cancelled, NULL);
	usleep(20000);
	pthread_cancel(t[0]);
	pthread_join(t[0], &result);
	printf("cancelled: %d %d\n", result == PTHREAD_CANCELED, stopped);

	signal(SIGUSR1, on_signal);
	pthread_create(&t[0], NULL, sleeper, NULL);
	usleep(20000);
	pthread_kill(t[0], SIGUSR1);
	while (stopped != 2)
		usleep(1000);
	printf("signalled\n");

	for (int i = 1; i < 4; i++)
		pthread_create(&t[i], NULL, maps, NULL);
	for (int i = 1; i < 4; i++)
		pthread_join(t[i], NULL);
	int status;
	if (fork() == 0)
		_exit(stopped);
	wait(&status);
	printf("fork beside threads: %d\n", WEXITSTATUS(status));
	return 0;
}
