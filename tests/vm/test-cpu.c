/* vCPUs that count: run() adds one at a time until it is asked to leave. */
#include "suite.h"

#include "vm/clock.h"
#include "vm/cpu.h"
#include "vm/runstate.h"

#include <glib.h>
#include <string.h>

struct counter {
	struct cpu cpu;
	uint64_t count;
	unsigned int resets, works;
	bool interrupt;
	uint64_t halt_at;   /* count at which it halts; 0: never */
	uint64_t device_at; /* count at which it looks at the clock through a "device" */
	struct timer *device_timer;
};

static struct error *counter_init(struct cpu *cpu, const char *model)
{
	return g_str_equal(model, "bad") ? error_new("no such model") : NULL;
}

static void counter_reset(struct cpu *cpu)
{
	struct counter *c = (struct counter *)cpu;
	c->count = 0;
	c->resets++;
}

static bool counter_has_work(struct cpu *cpu)
{
	return __atomic_load_n(&((struct counter *)cpu)->interrupt, __ATOMIC_SEQ_CST);
}

static void counter_device(struct counter *c)
{
	machine_lock();
	timer_set(c->device_timer, clock_now(CLOCK_VIRTUAL) + 7);
	machine_unlock();
}

static void counter_run(struct cpu *cpu)
{
	struct counter *c = (struct counter *)cpu;
	int64_t budget = cpu_icount_budget(cpu);

	ck_assert_ptr_eq(cpu_current(), cpu);
	__atomic_store_n(&c->interrupt, false, __ATOMIC_SEQ_CST);
	while (budget-- > 0 && !__atomic_load_n(&cpu->exit_request, __ATOMIC_ACQUIRE)) {
		cpu_icount_account(cpu, 1);
		__atomic_store_n(&c->count, c->count + 1, __ATOMIC_RELAXED);
		if (c->count == c->device_at)
			counter_device(c);
		if (c->count == c->halt_at) {
			__atomic_store_n(&cpu->halted, true, __ATOMIC_RELAXED);
			break;
		}
	}
}

static const struct cpu_class counter_class = {
	.isa = "counter",
	.size = sizeof(struct counter),
	.init = counter_init,
	.reset = counter_reset,
	.run = counter_run,
	.has_work = counter_has_work,
};

static uint64_t count_of(struct counter *c)
{
	return __atomic_load_n(&c->count, __ATOMIC_RELAXED);
}

static struct counter *counter_new(void)
{
	struct cpu *cpu;
	struct error *err = cpu_new(&counter_class, NULL, NULL, NULL, &cpu);
	ck_assert_ptr_null(err);
	return (struct counter *)cpu;
}

/* Lets others have the lock until `c` has counted on by n. */
static void wait_count(struct counter *c, uint64_t n)
{
	uint64_t target = count_of(c) + n;
	machine_unlock();
	while (count_of(c) < target)
		g_usleep(100);
	machine_lock();
}

static void pause_unlocked(unsigned int us)
{
	machine_unlock();
	g_usleep(us);
	machine_lock();
}

START_TEST(list)
{
	struct cpu *bad;
	struct error *err = cpu_new(&counter_class, "bad", NULL, NULL, &bad);
	ck_assert_ptr_nonnull(err);
	error_free(err);
	struct counter *a = counter_new(), *b = counter_new();
	ck_assert_uint_eq(cpu_count(), 2);
	ck_assert_ptr_eq(cpu_first(), &a->cpu);
	ck_assert_ptr_eq(cpu_at(1), &b->cpu);
	ck_assert_ptr_null(cpu_at(2));
	ck_assert_ptr_null(cpu_current());
	machine_reset();
	ck_assert_uint_eq(a->resets, 1);
	ck_assert_uint_eq(b->resets, 1);
}
END_TEST

START_TEST(start_stop)
{
	struct counter *a = counter_new(), *b = counter_new();
	cpus_start();
	pause_unlocked(5000);
	ck_assert_uint_eq(count_of(a), 0); /* waits while stopped */
	machine_start();
	wait_count(a, 1000);
	wait_count(b, 1000);
	machine_stop(RUN_PAUSED);
	uint64_t count = count_of(a);
	int64_t now = clock_now(CLOCK_VIRTUAL);
	pause_unlocked(5000);
	ck_assert_uint_eq(count_of(a), count);
	ck_assert_int_eq(clock_now(CLOCK_VIRTUAL), now);
	ck_assert_str_eq(run_state_name(run_state_get()), "paused");
	machine_start();
	wait_count(a, 1000);
	machine_quiesce();
	machine_quiesce();
	count = count_of(b);
	machine_resume();
	pause_unlocked(5000);
	ck_assert_uint_eq(count_of(b), count);
	machine_resume();
	wait_count(b, 1000);
	machine_stop(RUN_PAUSED);
}
END_TEST

static void work(struct cpu *cpu, void *opaque)
{
	ck_assert_ptr_eq(cpu_current(), cpu);
	ck_assert(machine_locked());
	ck_assert_uint_eq(((struct counter *)cpu)->works, GPOINTER_TO_UINT(opaque));
	__atomic_fetch_add(&((struct counter *)cpu)->works, 1, __ATOMIC_SEQ_CST);
}

START_TEST(work_queue)
{
	struct counter *a = counter_new();
	cpus_start();
	machine_start();
	machine_unlock();
	for (unsigned int i = 0; i < 2000; i++)
		cpu_run_on(&a->cpu, work, GUINT_TO_POINTER(i));
	while (__atomic_load_n(&a->works, __ATOMIC_SEQ_CST) < 2000)
		g_usleep(100);
	machine_lock();
	machine_stop(RUN_PAUSED);
	/* A stopped vCPU still does its work. */
	cpu_run_on(&a->cpu, work, GUINT_TO_POINTER(2000));
	machine_unlock();
	while (__atomic_load_n(&a->works, __ATOMIC_SEQ_CST) < 2001)
		g_usleep(100);
	machine_lock();
}
END_TEST

START_TEST(halting)
{
	struct counter *a = counter_new();
	a->halt_at = 500;
	cpus_start();
	machine_start();
	wait_count(a, 500);
	cpu_kick(&a->cpu); /* without work it sleeps on */
	pause_unlocked(5000);
	ck_assert_uint_eq(count_of(a), 500);
	__atomic_store_n(&a->interrupt, true, __ATOMIC_SEQ_CST);
	cpu_kick(&a->cpu);
	wait_count(a, 1000);
	machine_stop(RUN_PAUSED);
}
END_TEST

static void quiesce_from_cpu(struct cpu *cpu, void *opaque)
{
	machine_quiesce();
	for (struct cpu *other = cpu_first(); other; other = other->next)
		ck_assert(!other->running);
	machine_resume();
	__atomic_fetch_add(&((struct counter *)cpu)->works, 1, __ATOMIC_SEQ_CST);
}

START_TEST(quiesce_everywhere)
{
	struct counter *c[3];
	for (unsigned int i = 0; i < 3; i++)
		c[i] = counter_new();
	cpus_start();
	machine_start();
	for (unsigned int round = 0; round < 200; round++) {
		for (unsigned int i = 0; i < 3; i++)
			cpu_run_on(&c[i]->cpu, quiesce_from_cpu, NULL);
		machine_quiesce();
		machine_resume();
		pause_unlocked(50);
	}
	for (unsigned int i = 0; i < 3; i++) {
		machine_unlock();
		while (__atomic_load_n(&c[i]->works, __ATOMIC_SEQ_CST) < 200)
			g_usleep(100);
		machine_lock();
	}
	machine_stop(RUN_PAUSED);
}
END_TEST

/* --- views change while vCPUs read through them --- */

static struct region root, low, high;
static struct address_space space;

static void reader_run(struct cpu *cpu)
{
	struct counter *c = (struct counter *)cpu;

	while (!__atomic_load_n(&cpu->exit_request, __ATOMIC_ACQUIRE)) {
		uint64_t v = mem_load_le(cpu->memory, 0x1ffe, 4);
		ck_assert(v == 0x11111111 || v == 0x22221111);
		__atomic_store_n(&c->count, c->count + 1, __ATOMIC_RELAXED);
	}
}

static const struct cpu_class reader_class = {
	.isa = "reader",
	.size = sizeof(struct counter),
	.reset = counter_reset,
	.run = reader_run,
};

START_TEST(views_change)
{
	struct cpu *cpu;
	region_init(&root, "root", 0x10000);
	ck_assert_ptr_null(region_init_ram(&low, "low", 0x4000));
	ck_assert_ptr_null(region_init_ram(&high, "high", 0x1000));
	memset(low.ram->host, 0x11, 0x4000);
	memset(high.ram->host, 0x22, 0x1000);
	region_add(&root, 0, &low, 0);
	region_add(&root, 0x2000, &high, 1);
	address_space_init(&space, "space", &root);
	for (unsigned int i = 0; i < 2; i++)
		ck_assert_ptr_null(cpu_new(&reader_class, NULL, &space, NULL, &cpu));
	cpus_start();
	machine_start();
	wait_count((struct counter *)cpu, 100);
	for (unsigned int i = 0; i < 3000; i++) {
		region_set_enabled(&high, i & 1);
		if (i % 50 == 0) {
			machine_quiesce(); /* frees the old ones */
			machine_resume();
			wait_count((struct counter *)cpu, 10);
		}
	}
	machine_stop(RUN_PAUSED);
}
END_TEST

static void listener(void *opaque, bool running, enum run_state state)
{
	g_string_append(opaque, running ? "+" : "-");
}

START_TEST(requests)
{
	struct counter *a = counter_new();
	GString *seen = g_string_new("");
	run_state_listen(listener, seen);
	cpus_start();
	machine_start();
	wait_count(a, 100);
	machine_unlock();
	machine_request_reset();
	machine_lock();
	while (a->resets == 0)
		loop_turn(true);
	wait_count(a, 100);
	run_options.no_shutdown = true;
	machine_request_shutdown();
	while (run_state_get() != RUN_SHUTDOWN)
		loop_turn(true);
	ck_assert(!machine_running());
	machine_start();
	machine_request_quit(3);
	loop_run();
	ck_assert_int_eq(machine_exit_status(), 3);
	ck_assert_str_eq(seen->str, "+-+-");
	g_string_free(seen, true);
}
END_TEST

/* --- -icount --- */

static GArray *times; /* instruction counts at which the timer fired */
static struct timer tick;
static struct counter *ticking;

static void on_tick(void *opaque)
{
	g_array_append_val(times, ticking->count);
	timer_set(&tick, clock_now(CLOCK_VIRTUAL) + 1000);
}

static unsigned int ticks(void)
{
	return times->len;
}

static void icount_begin(unsigned int shift)
{
	times = g_array_new(false, false, sizeof(uint64_t));
	exec_options.icount = true;
	exec_options.icount_shift = shift;
	ticking = counter_new();
	timer_init(&tick, CLOCK_VIRTUAL, on_tick, NULL);
	timer_set(&tick, 1000);
}

static void run_until_ticks(unsigned int n)
{
	machine_start();
	while (ticks() < n)
		pause_unlocked(500);
	machine_stop(RUN_PAUSED);
}

START_TEST(icount_exact)
{
	icount_begin(2);
	cpus_start();
	run_until_ticks(100);
	for (unsigned int i = 0; i < 100; i++)
		ck_assert_uint_eq(g_array_index(times, uint64_t, i), 250 * (i + 1));
	ck_assert_int_eq(clock_now(CLOCK_VIRTUAL), (int64_t)ticking->cpu.instructions << 2);
}
END_TEST

START_TEST(icount_new_deadline)
{
	icount_begin(0);
	timer_set(&tick, 1000000);
	ticking->device_at = 333;
	ticking->device_timer = &tick;
	cpus_start();
	run_until_ticks(1);
	ck_assert_uint_eq(g_array_index(times, uint64_t, 0), 340);
}
END_TEST

START_TEST(icount_warp)
{
	icount_begin(0);
	exec_options.icount_nosleep = true;
	ticking->halt_at = 10;
	cpus_start();
	run_until_ticks(1000);
	ck_assert_uint_eq(ticking->count, 10);
	ck_assert_int_ge(clock_now(CLOCK_VIRTUAL), 1000 * 1000);
}
END_TEST

START_TEST(icount_sleep)
{
	icount_begin(0);
	ticking->halt_at = 10;
	timer_set(&tick, 20 * NS_PER_MS);
	int64_t before = host_monotonic_ns();
	cpus_start();
	run_until_ticks(1);
	ck_assert_int_ge(host_monotonic_ns() - before, 19 * NS_PER_MS);
	ck_assert_int_ge(clock_now(CLOCK_VIRTUAL), 20 * NS_PER_MS);
	ck_assert_uint_eq(ticking->count, 10);
}
END_TEST

START_TEST(icount_turns)
{
	icount_begin(0);
	struct counter *b = counter_new();
	timer_set(&tick, 1000000);
	cpus_start();
	run_until_ticks(1);
	ck_assert_uint_eq(ticking->count + b->count,
			  ticking->cpu.instructions + b->cpu.instructions);
	uint64_t first = g_array_index(times, uint64_t, 0);
	ck_assert_uint_eq(first, 500000); /* half of the instructions each, in turns of 50000 */
}
END_TEST

START_TEST(icount_auto)
{
	icount_begin(6);
	exec_options.icount_auto = true;
	cpus_start();
	machine_start();
	int64_t end = host_monotonic_ns() + NS_PER_S;
	while (host_monotonic_ns() < end)
		loop_turn(true);
	machine_stop(RUN_PAUSED);
	ck_assert_uint_ne(clock_icount_shift(), 6); /* it moved, either way */
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		list,
		start_stop,
		work_queue,
		halting,
		quiesce_everywhere,
		views_change,
		requests,
		icount_exact,
		icount_new_deadline,
		icount_warp,
		icount_sleep,
		icount_turns,
		icount_auto,
		NULL,
	};
	return run_suite("cpu", tests);
}
