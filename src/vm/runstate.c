/* Run states, and requests to change them that the main thread carries out. */
#include "vm/runstate.h"

#include "base/loop.h"
#include "vm/clock.h"
#include "vm/cpu.h"
#include "vm/device.h"

#include <glib.h>
#include <stdint.h>

struct run_options run_options;

enum request {
	REQUEST_RESET = 1,
	REQUEST_SHUTDOWN = 2,
	REQUEST_POWERDOWN = 4,
	REQUEST_QUIT = 8,
	REQUEST_DEBUG = 16
};

struct listener {
	run_state_fn *fn;
	void *opaque;
	struct listener *next;
};

static struct {
	enum run_state state;
	bool running;
	struct listener *listeners, **last;
	uint32_t requests; /* atomic; enum request */
	int exit_status;
	void (*powerdown)(void *opaque);
	void *powerdown_opaque;
} run = {.state = RUN_PRELAUNCH, .last = &run.listeners};

enum run_state run_state_get(void)
{
	return run.state;
}

const char *run_state_name(enum run_state state)
{
	static const char *const names[] = {
		[RUN_PRELAUNCH] = "prelaunch",
		[RUN_RUNNING] = "running",
		[RUN_PAUSED] = "paused",
		[RUN_SHUTDOWN] = "shutdown",
		[RUN_IO_ERROR] = "io-error",
		[RUN_DEBUG] = "debug",
		[RUN_SAVE_VM] = "save-vm",
		[RUN_RESTORE_VM] = "restore-vm",
		[RUN_INMIGRATE] = "inmigrate",
		[RUN_POSTMIGRATE] = "postmigrate",
		[RUN_INTERNAL_ERROR] = "internal-error",
	};
	return names[state];
}

bool machine_running(void)
{
	return run.running;
}

void run_state_listen(run_state_fn *fn, void *opaque)
{
	struct listener *l = g_new(struct listener, 1);

	*l = (struct listener){fn, opaque, NULL};
	*run.last = l;
	run.last = &l->next;
}

static void notify(void)
{
	for (struct listener *l = run.listeners; l; l = l->next)
		l->fn(l->opaque, run.running, run.state);
}

static void cpus_set_stopped(bool stopped)
{
	for (struct cpu *cpu = cpu_first(); cpu; cpu = cpu->next)
		cpu->stopped = stopped;
}

void machine_start(void)
{
	if (run.running)
		return;
	machine_quiesce();
	run.running = true;
	run.state = RUN_RUNNING;
	clock_start();
	notify();
	/* A listener may have stopped it again. */
	cpus_set_stopped(!run.running);
	machine_resume();
}

void machine_stop(enum run_state state)
{
	machine_quiesce();
	run.state = state;
	if (run.running) {
		run.running = false;
		cpus_set_stopped(true);
		clock_stop();
		notify();
	}
	machine_resume();
	/* A vCPU that stops the machine from a device access must not go on for long. */
	if (cpu_current())
		cpu_kick(cpu_current());
}

void machine_reset(void)
{
	machine_quiesce();
	cpus_reset();
	devices_reset();
	machine_resume();
}

void machine_set_powerdown(void (*fn)(void *opaque), void *opaque)
{
	run.powerdown = fn;
	run.powerdown_opaque = opaque;
}

int machine_exit_status(void)
{
	return __atomic_load_n(&run.exit_status, __ATOMIC_SEQ_CST);
}

/* --- requests --- */

bool machine_request_pending(void)
{
	return __atomic_load_n(&run.requests, __ATOMIC_SEQ_CST) & ~(uint32_t)REQUEST_POWERDOWN;
}

static void do_shutdown(void)
{
	machine_stop(RUN_SHUTDOWN);
	if (!run_options.no_shutdown)
		loop_quit();
}

static void do_requests(void *opaque)
{
	uint32_t requests = __atomic_exchange_n(&run.requests, 0, __ATOMIC_SEQ_CST);

	if ((requests & REQUEST_RESET) && run_options.no_reboot)
		requests = (requests & ~(uint32_t)REQUEST_RESET) | REQUEST_SHUTDOWN;
	if (requests & REQUEST_QUIT) {
		machine_stop(RUN_SHUTDOWN);
		loop_quit();
		return;
	}
	if (requests & REQUEST_RESET)
		machine_reset();
	if (requests & REQUEST_SHUTDOWN)
		do_shutdown();
	if (requests & REQUEST_DEBUG)
		machine_stop(RUN_DEBUG);
	if ((requests & REQUEST_POWERDOWN) && run.powerdown)
		run.powerdown(run.powerdown_opaque);
	/* vCPUs that found a request pending wait to be told. */
	machine_quiesce();
	machine_resume();
}

static void request(enum request what)
{
	uint32_t before = __atomic_fetch_or(&run.requests, (uint32_t)what, __ATOMIC_SEQ_CST);

	/* The vCPU that asks runs nothing more until it is done. */
	if (cpu_current())
		cpu_kick(cpu_current());
	if (before == 0)
		loop_post(do_requests, NULL);
}

void machine_request_reset(void)
{
	request(REQUEST_RESET);
}

void machine_request_shutdown(void)
{
	request(REQUEST_SHUTDOWN);
}

void machine_request_powerdown(void)
{
	request(REQUEST_POWERDOWN);
}

void machine_request_debug(void)
{
	request(REQUEST_DEBUG);
}

void machine_request_quit(int status)
{
	__atomic_store_n(&run.exit_status, status, __ATOMIC_SEQ_CST);
	request(REQUEST_QUIT);
}
