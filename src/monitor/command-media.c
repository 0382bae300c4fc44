/* Disks, network links and pictures. */
#include "monitor/command.h"
#include "monitor/monitor.h"
#include "net/net.h"
#include "storage/block.h"
#include "vm/display.h"

#include <string.h>

static struct error *find_drive(const char *id, struct drive **drive)
{
	*drive = drive_find(id);
	return *drive ? NULL : error_new("there is no drive \"%s\" (info block lists them)", id);
}

static struct error *run_eject(struct command_call *call)
{
	struct drive *d;
	struct error *err = find_drive(call->args[1].text, &d);

	return err ? err : drive_eject(d, call->args[0].given);
}

static struct error *run_change(struct command_call *call)
{
	const char *device = call->args[0].text;
	struct drive *d;

	if (strcmp(device, "vnc") == 0)
		return error_new("VNC is not built yet");
	struct error *err = find_drive(device, &d);
	return err ? err : drive_change(d, call->args[1].text, call->args[2].text);
}

static struct error *run_commit(struct command_call *call)
{
	return drives_commit(call->args[0].given ? call->args[0].text : "all");
}

void monitor_commit_all(void)
{
	struct error *err = drives_commit("all");

	if (err)
		error_report(err);
}

static struct error *run_screendump(struct command_call *call)
{
	if (!display_first())
		return error_new("this machine has no display");
	display_refresh(display_first(), true);
	return display_dump(display_first(), call->args[0].text);
}

static struct error *run_set_link(struct command_call *call)
{
	struct net_port *port = net_port_find(call->args[0].text);
	const char *state = call->args[1].text;
	bool up = strcmp(state, "up") == 0 || strcmp(state, "on") == 0;

	if (!port)
		return error_new("there is no network device \"%s\" (info network lists them)",
				 call->args[0].text);
	if (!up && strcmp(state, "down") != 0 && strcmp(state, "off") != 0)
		return error_new("\"%s\" is neither \"up\" nor \"down\"", state);
	net_set_link(port, up);
	return NULL;
}

static struct error *change_hostfwd(struct command_call *call, bool add)
{
	const struct command_arg *a = call->args;
	bool named = a[1].given;

	return net_hostfwd(named ? a[0].text : NULL, named ? a[1].text : a[0].text, add);
}

static struct error *run_hostfwd_add(struct command_call *call)
{
	return change_hostfwd(call, true);
}

static struct error *run_hostfwd_remove(struct command_call *call)
{
	return change_hostfwd(call, false);
}

const struct command commands_media[] = {
	{"eject", "-f:flag device:drive", "[-f] device",
	 "eject a removable medium (-f: even where the guest locked it)", run_eject},
	{"change", "device:drive file:file? format:string?", "device file [format]",
	 "change a removable medium", run_change},
	{"commit", "device:drive?", "[device|all]",
	 "write the changes of snapshot mode to the disk images", run_commit},
	{"screendump", "file:file", "file", "save the screen as a PPM or PNG image",
	 run_screendump},
	{"set_link", "name:string state:string", "name up|down",
	 "connect or disconnect a network device", run_set_link},
	{"hostfwd_add", "netdev:string rule:string?",
	 "[netdev] [tcp|udp]:[hostaddr]:hostport-[guestaddr]:guestport",
	 "let a port of the host lead into the guest", run_hostfwd_add},
	{"hostfwd_remove", "netdev:string rule:string?", "[netdev] [tcp|udp]:[hostaddr]:hostport",
	 "end what hostfwd_add began", run_hostfwd_remove},
	{NULL},
};
