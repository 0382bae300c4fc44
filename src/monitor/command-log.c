/* The log; and what the manual names and this program does not do yet. */
#include "base/log.h"
#include "monitor/command.h"

#include <string.h>

static struct error *run_log(struct command_call *call)
{
	const char *items = call->args[0].text;

	if (strcmp(items, "help") == 0 || strcmp(items, "?") == 0) {
		log_help(call->out);
		return NULL;
	}
	struct error *err = log_set_items(items);
	command_drop_code();
	return err;
}

static struct error *run_logfile(struct command_call *call)
{
	return log_set_file(call->args[0].text);
}

const struct command commands_log[] = {
	{"log", "items:string", "item1[,...]|none", "log these items (log help lists them)",
	 run_log},
	{"logfile", "file:file", "file", "write the log to a file", run_logfile},
	{NULL},
};

const struct command commands_later[] = {
	{"savevm", "tag:string?", "[tag|id]", "save a snapshot of the whole machine"},
	{"loadvm", "tag:string", "tag|id", "restore a snapshot of the whole machine"},
	{"delvm", "tag:string", "tag|id", "delete a snapshot of the whole machine"},
	{"usb_add", "device:string", "device", "add a USB device"},
	{"usb_del", "device:string", "bus.addr", "remove a USB device"},
	{"wavcapture", "file:file frequency:expr? bits:expr? channels:expr?",
	 "file [frequency [bits [channels]]]", "capture sound into a WAV file"},
	{"stopcapture", "index:expr", "index", "stop a capture"},
	{"boot_set", "devices:string", "devices", "set the boot order of the next reset"},
	{"migrate", "-d:flag uri:string", "[-d] uri", "migrate to uri"},
	{"migrate_cancel", "", "", "cancel a migration"},
	{"migrate_set_speed", "value:string", "value", "set the speed of migrations"},
	{"balloon", "value:expr", "megabytes", "ask the guest to change its memory"},
	{"acl", "words:rest", "show|policy|allow|deny|remove|reset ...",
	 "manage access control lists"},
	{"device_add", "device:rest", "driver[,prop=value...]", "add a device"},
	{"device_del", "id:string", "id", "remove a device"},
	{NULL},
};
