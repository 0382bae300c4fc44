/* Host clocks, in nanoseconds. Callable from any thread. */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include <stdint.h>
#include <time.h>

#define NS_PER_US INT64_C(1000)
#define NS_PER_MS INT64_C(1000000)
#define NS_PER_S  INT64_C(1000000000)

static inline int64_t host_clock_read(clockid_t id)
{
	struct timespec t;
	clock_gettime(id, &t);
	return t.tv_sec * NS_PER_S + t.tv_nsec;
}

/* Never steps; runs while the emulator runs. */
static inline int64_t host_monotonic_ns(void)
{
	return host_clock_read(CLOCK_MONOTONIC);
}

/* Wall time since 1970-01-01 UTC; may step. */
static inline int64_t host_realtime_ns(void)
{
	return host_clock_read(CLOCK_REALTIME);
}

/* a * b / c without overflow in between (c != 0). */
static inline uint64_t mul_div_u64(uint64_t a, uint64_t b, uint64_t c)
{
	return (uint64_t)((unsigned __int128)a * b / c);
}

#endif
