/* Commands that steer the machine and the monitor itself. */
#include "monitor/command.h"
#include "monitor/gdb.h"

#include "vm/cpu.h"
#include "vm/runstate.h"
#include "vm/x86-cpu.h"

#include <string.h>

static struct error *run_help(struct command_call *call)
{
	command_help(call->args[0].text, call->out);
	return NULL;
}

static struct error *run_quit(struct command_call *call)
{
	machine_request_quit(0);
	return NULL;
}

static struct error *run_stop(struct command_call *call)
{
	machine_stop(RUN_PAUSED);
	return NULL;
}

static struct error *run_cont(struct command_call *call)
{
	enum run_state state = run_state_get();

	if (state == RUN_SHUTDOWN || state == RUN_INTERNAL_ERROR)
		return error_new("the guest is powered off; system_reset starts it again");
	machine_start();
	return NULL;
}

static struct error *run_system_reset(struct command_call *call)
{
	machine_request_reset();
	return NULL;
}

static struct error *run_system_powerdown(struct command_call *call)
{
	machine_request_powerdown();
	return NULL;
}

/* A port number, or whatever -gdb takes. */
static struct error *run_gdbserver(struct command_call *call)
{
	const char *text = call->args[0].text;
	bool port = !text || g_ascii_isdigit(*text);
	char *spec = port ? g_strconcat("tcp::", text ? text : "1234", NULL) : g_strdup(text);
	struct error *err = gdb_server_start(spec);

	if (!err)
		fprintf(call->out, "%s gdb server on '%s'\n",
			strcmp(spec, "none") ? "Waiting for gdb:" : "No", spec);
	g_free(spec);
	return err;
}

static struct error *run_cpu(struct command_call *call)
{
	uint64_t index = call->args[0].value;

	if (index >= cpu_count())
		return error_new("there is no CPU %llu", (unsigned long long)index);
	call->state->cpu = (unsigned int)index;
	return NULL;
}

static struct error *run_nmi(struct command_call *call)
{
	uint64_t index = call->args[0].given ? call->args[0].value : call->state->cpu;
	struct cpu *cpu = index < cpu_count() ? cpu_at((unsigned int)index) : NULL;

	if (!cpu)
		return error_new("there is no CPU %llu", (unsigned long long)index);
	if (strcmp(cpu->class->isa, "x86") != 0)
		return error_new("this machine's processors have no NMI");
	cpu->class->set_line(cpu, X86_LINE_NMI, 1);
	return NULL;
}

void command_drop_code(void)
{
	for (struct ram *ram = ram_first(); ram; ram = ram->next)
		ram_written(ram, 0, ram->size);
}

static struct error *run_singlestep(struct command_call *call)
{
	const char *option = call->args[0].text;

	if (option && strcmp(option, "off") != 0 && strcmp(option, "on") != 0)
		return error_new("\"%s\" is neither \"on\" nor \"off\"", option);
	exec_options.singlestep = !option || strcmp(option, "on") == 0;
	command_drop_code();
	return NULL;
}

const struct command commands_run[] = {
	{"help|?", "cmd:command?", "[cmd]", "show the help", run_help},
	{"quit|q", "", "", "quit the emulator", run_quit},
	{"stop|s", "", "", "stop emulation", run_stop},
	{"cont|c", "", "", "resume emulation", run_cont},
	{"system_reset", "", "", "reset the system", run_system_reset},
	{"system_powerdown", "", "", "send a power down event to the guest", run_system_powerdown},
	{"cpu", "index:expr", "index", "set the CPU that registers and memory are seen from",
	 run_cpu},
	{"gdbserver", "device:string?", "[port|device|none]",
	 "serve gdb on a TCP port (1234) or a character device", run_gdbserver},
	{"nmi", "cpu:expr?", "[cpu]", "inject an NMI on the given CPU", run_nmi},
	{"singlestep", "option:string?", "[on|off]", "run the emulation in single step mode",
	 run_singlestep},
	{NULL},
};
