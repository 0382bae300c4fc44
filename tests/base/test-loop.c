#include "base/loop.h"

#include "base/clock.h"

#include <check.h>
#include <stdlib.h>
#include <unistd.h>

static GString *seen;

static void note(void *opaque)
{
	ck_assert(machine_locked());
	g_string_append_c(seen, *(const char *)opaque);
}

static void post_text(const char *text)
{
	for (; *text; text++)
		loop_post(note, (void *)(uintptr_t)text);
}

static void wait_for(size_t len)
{
	while (seen->len < len)
		loop_turn(true);
}

START_TEST(order)
{
	post_text("abcdef");
	ck_assert_uint_eq(seen->len, 0);
	wait_for(6);
	ck_assert_str_eq(seen->str, "abcdef");
}
END_TEST

static void *poster(void *opaque)
{
	g_usleep(2000);
	post_text("z");
	return NULL;
}

/* Waits, from inside a post, for one that comes from another thread. */
static void nested(void *opaque)
{
	GThread *thread = g_thread_new("poster", poster, NULL);
	wait_for(seen->len + 1);
	g_string_append_c(seen, '!');
	g_thread_join(thread);
}

START_TEST(nested_turns)
{
	loop_post(nested, NULL);
	wait_for(2);
	ck_assert_str_eq(seen->str, "z!");
}
END_TEST

static unsigned int greedy_runs;
static void greedy(void *opaque)
{
	greedy_runs++;
	loop_post(greedy, NULL);
}

static void readable(void *opaque, GIOCondition condition)
{
	char c;
	ck_assert_int_eq(read(*(int *)opaque, &c, 1), 1);
	g_string_append_c(seen, c);
}

START_TEST(no_starvation)
{
	int fds[2];
	ck_assert_int_eq(pipe(fds), 0);
	unsigned int watch = loop_watch_fd(fds[0], G_IO_IN, readable, &fds[0]);
	loop_post(greedy, NULL);
	ck_assert_int_eq(write(fds[1], "r", 1), 1);
	wait_for(1);
	ck_assert_uint_gt(greedy_runs, 0);
	loop_unwatch(watch);
	close(fds[0]);
	close(fds[1]);
}
END_TEST

/* Leaves a byte unread while it turns the loop. */
static void turns_once(void *opaque, GIOCondition condition)
{
	char c;

	g_string_append_c(seen, '(');
	loop_turn(false);
	ck_assert_int_eq(read(*(int *)opaque, &c, 1), 1);
	g_string_append_c(seen, ')');
}

START_TEST(watch_is_not_nested)
{
	int fds[2];
	ck_assert_int_eq(pipe(fds), 0);
	unsigned int watch = loop_watch_fd(fds[0], G_IO_IN, turns_once, &fds[0]);
	ck_assert_int_eq(write(fds[1], "ab", 2), 2);
	wait_for(4);
	ck_assert_str_eq(seen->str, "()()");
	loop_unwatch(watch);
	close(fds[0]);
	close(fds[1]);
}
END_TEST

START_TEST(alarms)
{
	struct loop_alarm *a = loop_alarm_new(note, (void *)(uintptr_t)"a");
	struct loop_alarm *b = loop_alarm_new(note, (void *)(uintptr_t)"b");
	int64_t now = host_monotonic_ns();
	loop_alarm_set(a, now + 2 * NS_PER_MS);
	loop_alarm_set(a, now + 200 * NS_PER_MS); /* replaces; far off, for busy machines */
	loop_alarm_set(b, now + 4 * NS_PER_MS);
	wait_for(2);
	ck_assert_str_eq(seen->str, "ba");
	ck_assert_int_ge(host_monotonic_ns(), now + 200 * NS_PER_MS);
	loop_alarm_set(a, 0); /* past */
	loop_alarm_set(b, 0);
	loop_alarm_set(b, INT64_MAX);
	wait_for(3);
	loop_turn(false);
	ck_assert_str_eq(seen->str, "baa");
	loop_alarm_free(a);
	loop_alarm_free(b);
}
END_TEST

static void *locker(void *opaque)
{
	machine_lock();
	*(bool *)opaque = true;
	machine_unlock();
	return NULL;
}

START_TEST(yielding)
{
	bool had_it = false;
	GThread *thread = g_thread_new("locker", locker, &had_it);
	int64_t end = host_monotonic_ns() + 5 * NS_PER_S;
	while (!had_it && host_monotonic_ns() < end)
		machine_yield();
	ck_assert(had_it);
	g_thread_join(thread);
}
END_TEST

START_TEST(waiting)
{
	static struct machine_cond cond;
	int64_t now = host_monotonic_ns();
	ck_assert(!machine_cond_wait_until(&cond, now + 3 * NS_PER_MS));
	ck_assert_int_ge(host_monotonic_ns(), now + 3 * NS_PER_MS);
	ck_assert(machine_locked());
}
END_TEST

static void setup(void)
{
	machine_lock();
	seen = g_string_new("");
}

static void teardown(void)
{
	g_string_free(seen, true);
	machine_unlock();
}

int main(void)
{
	const TTest *const tests[] = {order,  nested_turns, no_starvation, watch_is_not_nested,
				      alarms, yielding,	    waiting};
	Suite *suite = suite_create("loop");
	TCase *cases = tcase_create("loop");
	tcase_add_checked_fixture(cases, setup, teardown);
	for (unsigned int i = 0; i < G_N_ELEMENTS(tests); i++)
		tcase_add_test(cases, tests[i]);
	suite_add_tcase(suite, cases);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
