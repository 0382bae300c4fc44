/*
 * qemu, qemu-system-*: from the command line to a running machine and back to an exit status.
 */
#include "tools/system.h"

#include "base/log.h"
#include "base/loop.h"
#include "monitor/gdb.h"
#include "interp/accel.h"
#include "monitor/monitor.h"
#include "net/net.h"
#include "storage/block.h"
#include "tools/program.h"
#include "tools/stats.h"
#include "vm/chardev.h"
#include "vm/runstate.h"

#include <stdlib.h>

static struct error *open_log(const struct system_config *c)
{
	struct error *err = NULL;

	if (c->log_file)
		err = error_prefix(log_set_file(c->log_file), "-D %s", c->log_file);
	if (!err && c->log_items)
		err = error_prefix(log_set_items(c->log_items), "-d %s", c->log_items);
	return err;
}

static void mux_quit(void)
{
	machine_request_quit(0);
}

static void mux_commit(void)
{
	monitor_commit_all();
}

static struct error *open_host(struct system_config *c)
{
	static const struct chardev_mux_actions actions = {mux_quit, mux_commit};
	struct error *err = system_open_chardevs(c);

	chardev_set_mux_actions(&actions);
	err = err ? err : system_open_drives(c);
	err = err ? err : system_open_net(c);
	return err;
}

static struct error *build(struct system_config *c)
{
	struct error *err = system_add_globals(c);

	c->m->usb |= c->m->usb_devices->len != 0;
	err = err ? err : c->m->class->init(c->m);
	err = err ? err : system_plug_devices(c);
	err = err ? err : system_check_nics(c);
	err = err ? err : system_check_drives(c);
	return err;
}

/* Everything up to the first instruction. */
static struct error *start(struct system_config *c)
{
	struct error *err = system_choose_machine(c);

	err = err ? err : open_log(c);
	if (!err && c->daemonize)
		err = host_daemonize();
	err = err ? err : system_apply_clocks(c);
	host_catch_signals();
	err = err ? err : open_host(c);
	err = err ? err : build(c);
	if (!err && c->gdb)
		err = error_prefix(gdb_server_start(c->gdb), "-gdb %s", c->gdb);
	if (!err && c->pidfile)
		err = host_write_pidfile(c->pidfile);
	if (!err)
		err = host_drop_privileges(c->chroot, c->runas);
	err = err ? err : host_detach();
	if (err)
		return err;
	cpus_start();
	machine_reset();
	monitors_start();
	if (!c->stopped)
		machine_start();
	return NULL;
}

/* Leaves the host as it was found. */
static void finish(void)
{
	drives_close();
	net_close();
	chardev_close_all();
	host_remove_pidfile();
}

static int system_main(const struct program *self, int argc, char **argv)
{
	struct system_config c;

	system_config_init(&c, self);
	machine_lock();
	struct error *err = options_parse(&system_options, argc, argv, &c);
	if (!err && system_print_lists(&c))
		return 0;
	err = err ? err : start(&c);
	if (!err) {
		loop_run();
		/* vCPUs stay out of devices that are about to go */
		machine_quiesce();
		tier_stop();
		stats_print();
	}
	finish();
	if (!err)
		return machine_exit_status();
	error_report(err);
	return EXIT_FAILURE;
}

#define SYSTEM(ident, name_, target_)                                                    \
	PROGRAM(ident, .name = (name_), .options = &system_options, .main = system_main, \
		.target = (target_))

SYSTEM(qemu, "qemu", "i386");
SYSTEM(qemu_system_i386, "qemu-system-i386", "i386");
SYSTEM(qemu_system_x86_64, "qemu-system-x86_64", "x86_64");
SYSTEM(qemu_system_arm, "qemu-system-arm", "arm");
