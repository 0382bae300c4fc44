/* "info": what the monitor knows itself; devices offer more through vm/info.h. */
#include "monitor/command.h"

#include "base/optstr.h"
#include "monitor/info-tree.h"
#include "net/net.h"
#include "storage/block.h"
#include "vm/chardev.h"
#include "vm/cpu.h"
#include "vm/info.h"
#include "vm/input.h"
#include "vm/machine.h"
#include "vm/runstate.h"

#include <string.h>

struct info_row {
	const char *name, *help;
	void (*print)(struct command_call *call); /* NULL: not available yet */
};

static void info_version(struct command_call *call)
{
	fprintf(call->out, "0.10.4 (Ratite %s)\n", RATITE_VERSION);
}

static void info_network(struct command_call *call)
{
	net_print(call->out);
}

static void info_usernet(struct command_call *call)
{
	net_print_user(call->out);
}

static void info_chardev(struct command_call *call)
{
	struct chardev *chr;

	for (unsigned int i = 0; (chr = chardev_at(i)); i++)
		fprintf(call->out, "%s: filename=%s\n", chardev_id(chr), chardev_description(chr));
}

static void print_string(struct command_call *call, void (*print)(GString *out))
{
	GString *text = g_string_new(NULL);

	print(text);
	fputs(text->str, call->out);
	g_string_free(text, TRUE);
}

static void info_block(struct command_call *call)
{
	print_string(call, drives_print);
}

static void info_blockstats(struct command_call *call)
{
	print_string(call, drives_print_stats);
}

static void info_registers(struct command_call *call)
{
	struct cpu *cpu = command_cpu(call);

	if (cpu)
		cpu->class->dump(cpu, call->out);
}

static void info_cpus(struct command_call *call)
{
	for (struct cpu *cpu = cpu_first(); cpu; cpu = cpu->next)
		fprintf(call->out, "%c CPU #%u: pc=0x%016llx%s\n",
			cpu == command_cpu(call) ? '*' : ' ', cpu->index,
			(unsigned long long)cpu->class->get_pc(cpu),
			cpu->halted ? " (halted)" : "");
}

static void info_history(struct command_call *call)
{
	for (unsigned int i = 0; call->state->history && i < call->state->history->len; i++)
		fprintf(call->out, "%u: '%s'\n", i, (char *)call->state->history->pdata[i]);
}

static void info_tlb(struct command_call *call)
{
	struct cpu *cpu = command_cpu(call);

	if (cpu && cpu->class->info_tlb)
		cpu->class->info_tlb(cpu, call->out);
	else
		fprintf(call->out, "not available for this processor\n");
}

static void info_mem(struct command_call *call)
{
	struct cpu *cpu = command_cpu(call);

	if (cpu && cpu->class->info_mem)
		cpu->class->info_mem(cpu, call->out);
	else
		fprintf(call->out, "not available for this processor\n");
}

static void info_kqemu(struct command_call *call)
{
	fprintf(call->out, "kqemu support: not compiled\n");
}

static void info_kvm(struct command_call *call)
{
	fprintf(call->out, "kvm support: not compiled\n");
}

static void info_status(struct command_call *call)
{
	enum run_state state = run_state_get();

	fprintf(call->out, "VM status: %s", machine_running() ? "running" : "paused");
	if (!machine_running() && state != RUN_PAUSED)
		fprintf(call->out, " (%s)", run_state_name(state));
	fputc('\n', call->out);
}

static void info_mice(struct command_call *call)
{
	const struct input_pointer_ops *ops;
	bool active;
	unsigned int i;

	for (i = 0; (ops = input_pointer_at(i, &active)); i++)
		fprintf(call->out, "%c Mouse #%u: %s%s\n", active ? '*' : ' ', i, ops->name,
			ops->absolute ? " (absolute)" : "");
	if (i == 0)
		fprintf(call->out, "No mouse devices connected\n");
}

static void info_name(struct command_call *call)
{
	if (machine_get()->name)
		fprintf(call->out, "%s\n", machine_get()->name);
}

static void info_uuid(struct command_call *call)
{
	const char *uuid = machine_get()->uuid;
	fprintf(call->out, "%s\n", uuid ? uuid : "00000000-0000-0000-0000-000000000000");
}

static void print_stat(void *opaque, const char *name, double value)
{
	fprintf(opaque, "  %-32s %.17g\n", name, value);
}

static void info_cpustats(struct command_call *call)
{
	for (struct cpu *cpu = cpu_first(); cpu; cpu = cpu->next) {
		fprintf(call->out, "CPU #%u\n", cpu->index);
		print_stat(call->out, "instructions", (double)cpu->instructions);
		if (cpu->class->stats)
			cpu->class->stats(cpu, print_stat, call->out);
	}
}

static const struct info_row rows[] = {
	{"version", "the version of the emulator", info_version},
	{"network", "the network hubs and devices", info_network},
	{"chardev", "the character devices", info_chardev},
	{"block", "the block devices", info_block},
	{"blockstats", "block device statistics", info_blockstats},
	{"registers", "the CPU registers", info_registers},
	{"cpus", "the CPUs", info_cpus},
	{"history", "the command line history", info_history},
	{"tlb", "virtual to physical memory mappings", info_tlb},
	{"mem", "the active virtual memory mappings", info_mem},
	{"mtree", "the memory tree", info_mtree},
	{"qtree", "the devices and their properties", info_qtree},
	{"qdm", "the device models that -device takes", info_qdm},
	{"kqemu", "KQEMU information", info_kqemu},
	{"kvm", "KVM information", info_kvm},
	{"status", "whether the machine runs", info_status},
	{"mice", "which mouse receives events", info_mice},
	{"name", "the machine's name", info_name},
	{"uuid", "the machine's UUID", info_uuid},
	{"cpustats", "CPU statistics", info_cpustats},
	{"usernet", "the connections of the user networks", info_usernet},
	{"slirp", "the same as usernet", info_usernet},
	/* offered by devices where they are there */
	{"irq", "interrupt statistics", NULL},
	{"pic", "state of the interrupt controllers", NULL},
	{"pci", "the PCI devices", NULL},
	{"hpet", "state of the HPET", NULL},
	{"usb", "the USB devices", NULL},
	{"usbhost", "the host's USB devices", NULL},
	{"roms", "the ROM images", NULL},
	{"profile", "profiling information", NULL},
	{"capture", "active captures of sound", NULL},
	{"snapshots", "the snapshots of the machine", NULL},
	{"pcmcia", "PCMCIA slots", NULL},
	{"vnc", "the VNC server", NULL},
	{"migrate", "the state of migration", NULL},
	{"balloon", "the balloon", NULL},
	{"jit", "the compiler's state", NULL},
};

static const struct info_item *offered(const char *name)
{
	for (unsigned int i = 0; i < info_item_count(); i++)
		if (strcmp(info_item_at(i)->name, name) == 0)
			return info_item_at(i);
	return NULL;
}

static bool row_exists(const char *name)
{
	for (unsigned int i = 0; i < G_N_ELEMENTS(rows); i++)
		if (strcmp(rows[i].name, name) == 0)
			return true;
	return false;
}

void info_each_name(void (*fn)(void *opaque, const char *name), void *opaque)
{
	for (unsigned int i = 0; i < G_N_ELEMENTS(rows); i++)
		fn(opaque, rows[i].name);
	for (unsigned int i = 0; i < info_item_count(); i++)
		if (!row_exists(info_item_at(i)->name))
			fn(opaque, info_item_at(i)->name);
}

static void list(FILE *out)
{
	for (unsigned int i = 0; i < G_N_ELEMENTS(rows); i++) {
		bool there = rows[i].print || offered(rows[i].name);
		fprintf(out, "info %s -- show %s%s\n", rows[i].name, rows[i].help,
			there ? "" : " (not available yet)");
	}
	for (unsigned int i = 0; i < info_item_count(); i++)
		if (!row_exists(info_item_at(i)->name))
			fprintf(out, "info %s -- show %s\n", info_item_at(i)->name,
				info_item_at(i)->help);
}

static void add_name(void *opaque, const char *name)
{
	g_ptr_array_add(opaque, (void *)name);
}

static struct error *unknown_info(const char *name)
{
	GPtrArray *names = g_ptr_array_new();

	info_each_name(add_name, names);
	g_ptr_array_add(names, NULL);
	struct error *err = unknown_name_error("item", name, (const char *const *)names->pdata);
	g_ptr_array_unref(names);
	return err;
}

static struct error *run_info(struct command_call *call)
{
	const char *name = call->args[0].text;

	if (!name) {
		list(call->out);
		return NULL;
	}
	const struct info_item *item = offered(name);
	if (item) {
		item->print(machine_get(), call->out);
		return NULL;
	}
	for (unsigned int i = 0; i < G_N_ELEMENTS(rows); i++) {
		if (strcmp(rows[i].name, name) != 0)
			continue;
		if (!rows[i].print)
			return error_new("%s: not available yet", name);
		rows[i].print(call);
		return NULL;
	}
	return unknown_info(name);
}

const struct command commands_info[] = {
	{"info", "item:info?", "[item]", "show information about the machine", run_info},
	{NULL},
};
