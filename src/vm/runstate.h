/*
 * Run states of the machine, and what asks to change them. Machine lock held unless said.
 */
#ifndef VM_RUNSTATE_H
#define VM_RUNSTATE_H

#include <stdbool.h>

enum run_state {
	RUN_PRELAUNCH, /* -S, before the first cont */
	RUN_RUNNING,
	RUN_PAUSED,   /* monitor's stop */
	RUN_SHUTDOWN, /* guest powered off, -no-shutdown */
	RUN_IO_ERROR, /* werror=stop */
	RUN_DEBUG,    /* gdb */
	RUN_SAVE_VM,
	RUN_RESTORE_VM,
	RUN_INMIGRATE,
	RUN_POSTMIGRATE,
	RUN_INTERNAL_ERROR,
};

enum run_state run_state_get(void);
const char *run_state_name(enum run_state state); /* "running", "paused", ... */
bool machine_running(void);

/* Starts or stops vCPUs and the virtual clock. */
void machine_start(void);
void machine_stop(enum run_state state);

typedef void run_state_fn(void *opaque, bool running, enum run_state state);
void run_state_listen(run_state_fn *fn, void *opaque);

/* Quiesces, resets all vCPUs and devices, settles. main() calls it before the first start. */
void machine_reset(void);

/* Requests: any thread; carried out by the main thread soon. */
void machine_request_reset(void);      /* -no-reboot turns it into shutdown */
void machine_request_shutdown(void);   /* guest power off; -no-shutdown stops instead */
void machine_request_powerdown(void);  /* ACPI power button */
void machine_request_debug(void);      /* a debugger's point was met: stops in RUN_DEBUG */
void machine_request_quit(int status); /* ends the program: monitor quit, isa-debug-exit, signals */
int machine_exit_status(void);
/* A request waits for the main thread: vCPUs stay out of guest code until it is done. */
bool machine_request_pending(void);

/* What system_powerdown presses; installed by the power-management device. */
void machine_set_powerdown(void (*fn)(void *opaque), void *opaque);

struct run_options {
	bool no_reboot, no_shutdown, start_stopped;
};
extern struct run_options run_options;

#endif
