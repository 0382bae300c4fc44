/*
 * The system emulators: what their options say, and the steps from options to a running machine.
 *
 * system_options fills a struct system_config without looking at the world; then, in this order,
 * each step once: lists that were asked for are printed, machine and processor are chosen,
 * character devices, drives and the network are opened, the board is built, -device plugs its
 * cards, and the machine runs. Every step returns an error that begins with the option to blame.
 */
#ifndef TOOLS_SYSTEM_H
#define TOOLS_SYSTEM_H

#include "base/options.h"
#include "vm/machine.h"

#include <glib.h>

struct program;

/* One use of an option, kept for a later step. */
struct option_use {
	const char *option; /* name without dash */
	char *value;	    /* as given, or NULL */
};

struct system_config {
	const struct program *program;
	struct machine *m;
	/* texts as given; NULL: not given */
	char *machine, *accel, *smp, *memory, *rtc, *startdate, *icount, *boot, *display, *keyboard;
	char *log_items, *log_file, *pidfile, *chroot, *runas, *gdb, *vnc, *clock, *hdachs,
		*geometry;
	/* lists of struct option_use */
	GPtrArray *drives;    /* -drive texts, and the files of -hda and its like */
	GPtrArray *blockdevs; /* -blockdev */
	GPtrArray *nets;      /* -net */
	GPtrArray *netdevs;   /* -netdev */
	GPtrArray *nics;      /* -nic */
	GPtrArray *slirp;     /* -tftp, -bootp, -smb, -redir */
	GPtrArray *chardevs, *serials, *parallels, *monitors, *mons;
	GPtrArray *devices, *objects, *globals;
	bool help, nodefaults, snapshot, daemonize, stopped, localtime;
};

extern const struct option_set system_options;

void system_config_init(struct system_config *c, const struct program *program);
/* Appends to one of the lists; `value` is taken. */
void option_use_add(GPtrArray *list, const char *option, char *value);
/* "-option value: " in front of an error about a use. */
struct error *option_use_error(struct error *err, const struct option_use *use) NODISCARD;

/* The layouts of -k; ends with NULL. */
extern const char *const keyboard_layouts[];
/* system-config.c: prints what `-M ?`, `-cpu ?`, `-device ?` ... ask for; true: that was all. */
bool system_print_lists(struct system_config *c);
/* system-machine.c: machine, processors, memory, clocks, boot order, identity. */
struct error *system_choose_class(struct system_config *c) NODISCARD; /* the first of it alone */
struct error *system_choose_machine(struct system_config *c) NODISCARD;
/* system-clock.c: settings that the vm layer keeps itself. */
struct error *system_apply_clocks(struct system_config *c) NODISCARD;
/* system-chardev.c: character devices, and which of them get a monitor. */
struct error *system_open_chardevs(struct system_config *c) NODISCARD;
/* system-drive.c */
/* After the devices: each drive has one. */
struct error *system_check_drives(struct system_config *c) NODISCARD;
struct error *system_open_drives(struct system_config *c) NODISCARD;
/* system-net.c */
struct error *system_open_net(struct system_config *c) NODISCARD;
/* Prints what "-net nic,model=?" or "-netdev ?" asks for; false where nothing does. */
bool system_list_net(const struct system_config *c);
struct error *system_check_nics(struct system_config *c) NODISCARD;
/* system-sound.c: -soundhw becomes -device texts. */
bool system_list_sound_cards(const struct system_config *c);
struct error *system_add_sound_cards(struct system_config *c) NODISCARD;
/* system-device.c: -global before, -device after the board is there. */
struct error *system_add_globals(struct system_config *c) NODISCARD;
struct error *system_plug_devices(struct system_config *c) NODISCARD;

/* host.c: the process around the machine. */
struct error *host_daemonize(void) NODISCARD; /* returns in the child */
struct error *host_detach(void) NODISCARD;    /* the child is ready; lets the parent go */
struct error *host_write_pidfile(const char *path) NODISCARD;
void host_remove_pidfile(void);
struct error *host_drop_privileges(const char *chroot_dir, const char *user) NODISCARD;
/* SIGINT, SIGTERM and SIGHUP ask for an orderly end from now on; SIGPIPE is ignored. */
void host_catch_signals(void);

#endif
