/*
 * -icount: time is what the processors have executed. All vCPUs run in turns on one thread, which
 * also fires the virtual clock's timers, between the same two instructions in every run.
 *
 * When all sleep, time jumps to the next deadline: at once (sleep=off), or after as much real time
 * as the jump covers, so that a guest that waits a second waits a second.
 */
#include "vm/cpu-internal.h"

#include "vm/clock.h"
#include "vm/runstate.h"

#include <glib.h>

/* A turn, where there are several vCPUs. */
#define TURN_INSTRUCTIONS 50000
/* Budgets are sums of 32-bit counts in the cores. */
#define BUDGET_MAX 0x7fffffff
/* -icount auto: how often the speed is looked at, and the slowest (1 ns << 10 an instruction). */
#define ADJUST_NS (100 * NS_PER_MS)
#define SHIFT_MAX 10

static struct {
	struct cpu *in_guest; /* whose turn it is; atomic */
	struct timer adjust;
	int64_t adjust_real, adjust_virtual;
} icount;

static int64_t instructions_all(void *opaque)
{
	uint64_t sum = 0;

	for (struct cpu *cpu = cpu_first(); cpu; cpu = cpu->next)
		sum += __atomic_load_n(&cpu->instructions, __ATOMIC_RELAXED);
	return (int64_t)sum;
}

int64_t cpu_icount_budget(struct cpu *cpu)
{
	if (!exec_options.icount)
		return INT64_MAX;
	int64_t limit = cpu_count() > 1 ? TURN_INSTRUCTIONS : BUDGET_MAX;
	bool locked = machine_locked();
	if (!locked)
		machine_lock();
	int64_t deadline = clock_next_deadline(CLOCK_VIRTUAL);
	if (!locked)
		machine_unlock();
	if (deadline == INT64_MAX)
		return limit;
	/* Rounded up: the deadline has passed when the budget is used up. */
	unsigned int shift = clock_icount_shift();
	int64_t left = deadline - clock_now(CLOCK_VIRTUAL);
	int64_t budget = left <= 0 ? 1 : ((left - 1) >> shift) + 1;
	return MIN(budget, limit);
}

void icount_kick(void)
{
	struct cpu *cpu = __atomic_load_n(&icount.in_guest, __ATOMIC_SEQ_CST);

	if (cpu)
		__atomic_store_n(&cpu->exit_request, 1, __ATOMIC_SEQ_CST);
}

/* The budget under way is too large now, or the sleep too long. */
static void deadline_moved(void)
{
	icount_kick();
	machine_cond_broadcast(&cpu_wakeup);
}

/* --- auto --- */

/* Nudges the shift so that virtual time neither runs ahead of real time nor falls behind. */
static void adjust_speed(void *opaque)
{
	int64_t real = clock_now(CLOCK_REALTIME_HOST), virt = clock_now(CLOCK_VIRTUAL);
	int64_t lead = (virt - icount.adjust_virtual) - (real - icount.adjust_real);
	unsigned int shift = clock_icount_shift();

	if (machine_running()) {
		machine_quiesce();
		if (lead > ADJUST_NS && shift > 0)
			clock_set_icount_shift(shift - 1);
		else if (lead < -ADJUST_NS && shift < SHIFT_MAX)
			clock_set_icount_shift(shift + 1);
		machine_resume();
	} else {
		icount.adjust_real = real;
		icount.adjust_virtual = virt;
	}
	timer_set(&icount.adjust, real + ADJUST_NS);
}

void icount_init(void)
{
	clock_use_icount(exec_options.icount_shift, instructions_all, NULL);
	clock_set_deadline_hook(deadline_moved);
	if (!exec_options.icount_auto)
		return;
	icount.adjust_real = clock_now(CLOCK_REALTIME_HOST);
	icount.adjust_virtual = clock_now(CLOCK_VIRTUAL);
	timer_init(&icount.adjust, CLOCK_REALTIME_HOST, adjust_speed, NULL);
	timer_set(&icount.adjust, icount.adjust_real + ADJUST_NS);
}

/* --- the thread --- */

/* Waits as long as the nearest deadline is away, or until somebody asks for something. */
static void sleep_until_deadline(int64_t deadline)
{
	int64_t virt = clock_now(CLOCK_VIRTUAL), real = host_monotonic_ns();

	if (exec_options.icount_nosleep) {
		clock_warp_to(deadline);
		machine_yield();
		return;
	}
	bool woken = machine_cond_wait_until(&cpu_wakeup, real + (deadline - virt));
	if (!machine_running())
		return;
	int64_t slept = host_monotonic_ns() - real;
	clock_warp_to(woken ? MIN(deadline, virt + slept) : deadline);
}

static void idle(void)
{
	int64_t deadline = clock_next_deadline(CLOCK_VIRTUAL);

	if (deadline == INT64_MAX)
		machine_cond_wait(&cpu_wakeup);
	else if (deadline > clock_now(CLOCK_VIRTUAL))
		sleep_until_deadline(deadline);
}

static struct cpu *next_in_turn(struct cpu *cpu)
{
	return cpu && cpu->next ? cpu->next : cpu_first();
}

/* The next vCPU that can run, beginning after `last`; NULL if all sleep. */
static struct cpu *pick(struct cpu *last)
{
	struct cpu *cpu = last;

	for (unsigned int i = 0; i < cpu_count(); i++) {
		cpu = next_in_turn(cpu);
		if (cpu_may_run(cpu) && cpu_is_awake(cpu))
			return cpu;
	}
	return NULL;
}

static bool requests_wait(void)
{
	for (struct cpu *cpu = cpu_first(); cpu; cpu = cpu->next)
		if (__atomic_load_n(&cpu->exit_request, __ATOMIC_SEQ_CST))
			return true;
	return false;
}

static void take_turn(struct cpu *cpu)
{
	__atomic_store_n(&icount.in_guest, cpu, __ATOMIC_SEQ_CST);
	cpu_enter_guest(cpu);
	__atomic_store_n(&icount.in_guest, NULL, __ATOMIC_SEQ_CST);
}

void *icount_thread(void *opaque)
{
	struct cpu *last = NULL;

	machine_lock();
	for (;;) {
		for (struct cpu *cpu = cpu_first(); cpu; cpu = cpu->next)
			cpu_take_requests(cpu);
		if (!cpu_may_run(cpu_first())) {
			machine_cond_wait(&cpu_wakeup);
			continue;
		}
		clock_run_timers(CLOCK_VIRTUAL);
		struct cpu *cpu = pick(last);
		if (cpu) {
			take_turn(cpu);
			last = cpu;
		} else if (!requests_wait()) {
			idle();
		}
	}
	return NULL;
}
