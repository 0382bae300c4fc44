#include "suite.h"

#include "vm/clock.h"

#include <glib.h>

static GString *fired;

static void note(void *opaque)
{
	g_string_append_c(fired, *(const char *)opaque);
}

static int64_t ticks;
static int64_t tick_count(void *opaque)
{
	return ticks;
}

START_TEST(stands_still)
{
	ck_assert_int_eq(clock_now(CLOCK_VIRTUAL), 0);
	clock_start();
	g_usleep(2000);
	int64_t t = clock_now(CLOCK_VIRTUAL);
	ck_assert_int_ge(t, 2 * NS_PER_MS);
	clock_stop();
	t = clock_now(CLOCK_VIRTUAL);
	g_usleep(2000);
	ck_assert_int_eq(clock_now(CLOCK_VIRTUAL), t);
	clock_start();
	ck_assert_int_lt(clock_now(CLOCK_VIRTUAL), t + NS_PER_S);
	clock_set_virtual(5 * NS_PER_S);
	ck_assert_int_ge(clock_now(CLOCK_VIRTUAL), 5 * NS_PER_S);
	clock_stop();
	clock_set_virtual(77);
	ck_assert_int_eq(clock_now(CLOCK_VIRTUAL), 77);
}
END_TEST

START_TEST(order)
{
	struct timer t[4];
	fired = g_string_new("");
	clock_use_icount(0, tick_count, NULL);
	for (unsigned int i = 0; i < 4; i++)
		timer_init(&t[i], CLOCK_VIRTUAL, note, (void *)(uintptr_t)&"abcd"[i]);
	timer_set(&t[0], 300);
	timer_set(&t[1], 100);
	timer_set(&t[2], 200);
	timer_set(&t[3], 100); /* same deadline: in the order of being set */
	ck_assert_int_eq(clock_next_deadline(CLOCK_VIRTUAL), 100);
	ticks = 99;
	clock_run_timers(CLOCK_VIRTUAL);
	ck_assert_str_eq(fired->str, "");
	ticks = 250;
	clock_run_timers(CLOCK_VIRTUAL);
	ck_assert_str_eq(fired->str, "bdc");
	ck_assert(!timer_pending(&t[1]));
	ck_assert(timer_pending(&t[0]));
	timer_set(&t[0], 400); /* replaces */
	timer_cancel(&t[1]);
	ticks = 399;
	clock_run_timers(CLOCK_VIRTUAL);
	ck_assert_str_eq(fired->str, "bdc");
	timer_cancel(&t[0]);
	ck_assert_int_eq(clock_next_deadline(CLOCK_VIRTUAL), INT64_MAX);
	g_string_free(fired, true);
}
END_TEST

static struct timer greedy;
static unsigned int greedy_runs;
static void run_greedy(void *opaque)
{
	greedy_runs++;
	timer_set(&greedy, clock_now(CLOCK_VIRTUAL));
}

START_TEST(no_starvation)
{
	clock_use_icount(0, tick_count, NULL);
	timer_init(&greedy, CLOCK_VIRTUAL, run_greedy, NULL);
	timer_set(&greedy, 0);
	clock_run_timers(CLOCK_VIRTUAL);
	ck_assert_uint_gt(greedy_runs, 1);
	ck_assert(timer_pending(&greedy));
}
END_TEST

static unsigned int hooks;
static void hook(void)
{
	hooks++;
}

START_TEST(icount)
{
	struct timer t;
	ticks = 10;
	clock_use_icount(3, tick_count, NULL);
	ck_assert_int_eq(clock_now(CLOCK_VIRTUAL), 0); /* continuous with what was before */
	ticks = 20;
	ck_assert_int_eq(clock_now(CLOCK_VIRTUAL), 80);
	clock_warp_to(1000);
	ck_assert_int_eq(clock_now(CLOCK_VIRTUAL), 1000);
	clock_warp_to(500); /* never back */
	ck_assert_int_eq(clock_now(CLOCK_VIRTUAL), 1000);
	clock_set_icount_shift(5);
	ck_assert_int_eq(clock_now(CLOCK_VIRTUAL), 1000);
	ticks = 21;
	ck_assert_int_eq(clock_now(CLOCK_VIRTUAL), 1032);
	clock_set_deadline_hook(hook);
	timer_init(&t, CLOCK_VIRTUAL, note, NULL);
	timer_set(&t, 2000);
	ck_assert_uint_eq(hooks, 1);
	clock_rtc_set(5 * NS_PER_S);
	ticks = 22;
	ck_assert_int_eq(clock_rtc_now(), 5 * NS_PER_S + 32);
}
END_TEST

START_TEST(alarms)
{
	struct timer v, r, late;
	fired = g_string_new("");
	timer_init(&v, CLOCK_VIRTUAL, note, (void *)(uintptr_t)"v");
	timer_init(&r, CLOCK_REALTIME_HOST, note, (void *)(uintptr_t)"r");
	timer_init(&late, CLOCK_VIRTUAL, note, (void *)(uintptr_t)"l");
	timer_set(&v, 2 * NS_PER_MS);
	timer_set(&r, host_monotonic_ns() + 5 * NS_PER_MS);
	while (fired->len == 0)
		loop_turn(true);
	ck_assert_str_eq(fired->str, "r"); /* the virtual clock stands still */
	clock_start();
	timer_set(&late, 8 * NS_PER_MS);
	timer_set(&v, 4 * NS_PER_MS); /* later than what the alarm was set to */
	while (fired->len < 3)
		loop_turn(true);
	ck_assert_str_eq(fired->str, "rvl");
	ck_assert_int_ge(clock_now(CLOCK_VIRTUAL), 8 * NS_PER_MS);
	g_string_free(fired, true);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {stands_still, order, no_starvation, icount, alarms, NULL};
	return run_suite("clock", tests);
}
