#define _GNU_SOURCE
#include <errno.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/sysinfo.h>
#include <sys/time.h>
#include <sys/timerfd.h>
#include <sys/times.h>
#include <time.h>
#include <unistd.h>

static volatile int ticks, value;

static void on_tick(int sig, siginfo_t *info, void *uc)
{
	ticks++;
	value = info->si_value.sival_int;
}

static long long ns(clockid_t id)
{
	struct timespec t;

	clock_gettime(id, &t);
	return t.tv_sec * 1000000000LL + t.tv_nsec;
}

int main(void)
{
	long long start = ns(CLOCK_MONOTONIC), now;
	struct timespec req = {0, 20000000}, rem = {0};
	struct timeval tv;

	setvbuf(stdout, NULL, _IOLBF, 0);
	nanosleep(&req, NULL);
	now = ns(CLOCK_MONOTONIC);
	printf("slept %d\n", now - start >= 20000000);
	gettimeofday(&tv, NULL);
	printf("wall %d %d\n", tv.tv_sec > 1500000000, llabs(tv.tv_sec - time(NULL)) <= 1);
	struct timespec res;
	int got = clock_getres(CLOCK_MONOTONIC, &res);
	printf("resolution %d %d\n", got, res.tv_nsec > 0);
	printf("bad clock: %s\n", clock_gettime(1234, &res) ? strerrorname_np(errno) : "?");

	struct sigaction a = {.sa_sigaction = on_tick, .sa_flags = SA_SIGINFO};
	sigaction(SIGALRM, &a, NULL);
	sigaction(SIGRTMIN, &a, NULL);
	struct itimerval it = {.it_value = {0, 30000}}, old;
	setitimer(ITIMER_REAL, &it, NULL);
	req = (struct timespec){5, 0};
	int r = nanosleep(&req, &rem);
	printf("interrupted %d %s left %d\n", r, strerrorname_np(errno), rem.tv_sec == 4);
	getitimer(ITIMER_REAL, &old);
	printf("itimer %ld %d\n", (long)old.it_value.tv_sec, ticks);

	timer_t id;
	struct sigevent ev = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGRTMIN,
			      .sigev_value.sival_int = 77};
	struct itimerspec its = {.it_value = {0, 10000000}, .it_interval = {0, 10000000}};
	timer_create(CLOCK_MONOTONIC, &ev, &id);
	timer_settime(id, 0, &its, NULL);
	ticks = 0;
	while (ticks < 3)
		pause();
	printf("timer value %d\n", value);
	timer_gettime(id, &its);
	printf("interval %ld\n", its.it_interval.tv_nsec);
	timer_delete(id);

	int fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC);
	its = (struct itimerspec){.it_value = {0, 1000000}};
	timerfd_settime(fd, 0, &its, NULL);
	uint64_t n = 0;
	got = (int)read(fd, &n, 8);
	printf("timerfd %d %d\n", got, n >= 1);

	sigset_t set;
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigprocmask(SIG_BLOCK, &set, NULL);
	int sfd = signalfd(-1, &set, SFD_CLOEXEC);
	kill(getpid(), SIGUSR1);
	struct signalfd_siginfo si;
	got = (int)read(sfd, &si, sizeof(si));
	printf("signalfd %d %d\n", got, si.ssi_signo == SIGUSR1);
	struct timespec zero = {0, 1000000};
	printf("sigtimedwait %s\n", sigtimedwait(&set, NULL, &zero) < 0 ? strerrorname_np(errno) : "?");

	struct rusage ru;
	struct tms tms;
	struct sysinfo info;
	got = getrusage(RUSAGE_SELF, &ru);
	printf("usage %d %d %d %d\n", got, ru.ru_maxrss > 0,
	       times(&tms) != (clock_t)-1, sysinfo(&info) == 0 && info.totalram > 0);
	struct timespec abs;
	clock_gettime(CLOCK_MONOTONIC, &abs);
	abs.tv_nsec += 5000000;
	if (abs.tv_nsec >= 1000000000) {
		abs.tv_sec++;
		abs.tv_nsec -= 1000000000;
	}
	printf("absolute %d\n", clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &abs, NULL));
	return 0;
}
