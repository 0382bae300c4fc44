/*
 * The option table of the system emulators: manual 3.3 plus what users of today type. Handlers only
 * store; what the values mean is decided when all options are known.
 */
#include "base/log.h"
#include "base/optstr.h"
#include "tools/program.h"
#include "tools/system.h"
#include "vm/chardev.h"
#include "vm/runstate.h"

#include <stdlib.h>
#include <string.h>

#define C(member) ((int)offsetof(struct system_config, member))
#define M(member) ((int)offsetof(struct machine, member))

typedef struct error *apply_fn(void *opaque, const struct option_spec *option, const char *value);

static void *config_member(void *config, const struct option_spec *option)
{
	return (char *)config + option->tag;
}

static void *machine_member(void *config, const struct option_spec *option)
{
	return (char *)((struct system_config *)config)->m + option->tag;
}

static void set_string(char **member, const char *value)
{
	g_free(*member);
	*member = g_strdup(value);
}

/* --- handlers that the table's tag tells where to store --- */

static struct error *opt_string(void *config, const struct option_spec *option, const char *value)
{
	set_string(config_member(config, option), value ? value : "");
	return NULL;
}

static struct error *opt_flag(void *config, const struct option_spec *option, const char *value)
{
	*(bool *)config_member(config, option) = true;
	return NULL;
}

static struct error *opt_use(void *config, const struct option_spec *option, const char *value)
{
	option_use_add(*(GPtrArray **)config_member(config, option), option->name, g_strdup(value));
	return NULL;
}

static struct error *opt_machine_string(void *config, const struct option_spec *option,
					const char *value)
{
	set_string(machine_member(config, option), value);
	return NULL;
}

static struct error *opt_machine_flag(void *config, const struct option_spec *option,
				      const char *value)
{
	*(bool *)machine_member(config, option) = true;
	return NULL;
}

static struct error *opt_machine_list(void *config, const struct option_spec *option,
				      const char *value)
{
	g_ptr_array_add(*(GPtrArray **)machine_member(config, option), g_strdup(value));
	return NULL;
}

/* --- handlers of single options --- */

static struct error *opt_help(void *config, const struct option_spec *option, const char *value)
{
	((struct system_config *)config)->help = true;
	return NULL;
}

static struct error *opt_version(void *config, const struct option_spec *option, const char *value)
{
	program_print_version("QEMU emulator");
	exit(0);
}

static struct error *disk_image(void *config, const char *word)
{
	option_use_add(((struct system_config *)config)->drives, "hda", g_strdup(word));
	return NULL;
}

static struct error *opt_gdb_default(void *config, const struct option_spec *option,
				     const char *value)
{
	set_string(&((struct system_config *)config)->gdb, "tcp::1234");
	return NULL;
}

static struct error *opt_no_reboot(void *config, const struct option_spec *option,
				   const char *value)
{
	run_options.no_reboot = true;
	return NULL;
}

static struct error *opt_no_shutdown(void *config, const struct option_spec *option,
				     const char *value)
{
	run_options.no_shutdown = true;
	return NULL;
}

/* -action event=action,...: what a guest's reboot and shutdown do. */
static struct error *opt_action(void *config, const struct option_spec *option, const char *value)
{
	static const char *const reboot[] = {"reset", "shutdown", NULL};
	static const char *const shutdown[] = {"poweroff", "pause", NULL};
	unsigned int reboot_index = run_options.no_reboot, shutdown_index = run_options.no_shutdown;
	struct optstr *o = optstr_parse(value, NULL);
	struct error *err = optstr_choice(o, "reboot", reboot, &reboot_index);

	if (!err)
		err = optstr_choice(o, "shutdown", shutdown, &shutdown_index);
	if (!err)
		err = optstr_finish(o);
	optstr_free(o);
	run_options.no_reboot = reboot_index;
	run_options.no_shutdown = shutdown_index;
	return err;
}

static struct error *opt_echr(void *config, const struct option_spec *option, const char *value)
{
	uint64_t code = 0;
	struct error *err = parse_u64(value, 0, 255, &code);

	if (!err)
		chardev_set_escape((uint8_t)code);
	return err;
}

static struct error *opt_singlestep(void *config, const struct option_spec *option,
				    const char *value)
{
	exec_options.singlestep = true;
	return NULL;
}

static struct error *opt_stats(void *config, const struct option_spec *option, const char *value)
{
	exec_options.stats = true;
	if (!value)
		return NULL;
	if (!g_str_has_prefix(value, "json=") || !value[5])
		return error_new("\"%s\" is not json=FILE", value);
	exec_options.stats_json = g_strdup(value + 5);
	return NULL;
}

static struct error *opt_firmware_path(void *config, const struct option_spec *option,
				       const char *value)
{
	firmware_add_path(value);
	return NULL;
}

static const char *const vga_types[] = {"std", "cirrus", "vmware", "none", NULL};

static struct error *opt_vga(void *config, const struct option_spec *option, const char *value)
{
	if (!optstr_is_help(value) && !g_strv_contains(vga_types, value))
		return unknown_name_error("card", value, vga_types);
	return opt_machine_string(config, option, value);
}

/* -win2k-hack and the like are machine flags; these say something and change nothing. */
static struct error *opt_notice(void *config, const struct option_spec *option, const char *value)
{
	static const char *const notices[] = {
		"KQEMU is extinct; the guest runs without it",
		"KVM is not used yet; the interpreter runs the guest",
		"this machine has no Bluetooth controller",
	};
	warn_report("-%s: %s", option->name, notices[option->tag]);
	return NULL;
}

static struct error *opt_ignored(void *config, const struct option_spec *option, const char *value)
{
	return NULL;
}

static struct error *opt_not_built(void *config, const struct option_spec *option,
				   const char *value)
{
	return error_new("not built yet");
}

static struct error *opt_qmp(void *config, const struct option_spec *option, const char *value)
{
	return strcmp(value, "none") == 0 ? NULL : error_new("QMP is not built yet");
}

static struct error *opt_audiodev(void *config, const struct option_spec *option, const char *value)
{
	struct optstr *o = optstr_parse(value, "driver");
	const char *driver = optstr_get(o, "driver");
	struct error *err = NULL;

	if (!driver || strcmp(driver, "none") != 0)
		err = error_new("only the driver \"none\" is built yet");
	optstr_free(o);
	return err;
}

/* -display's relatives become its text. */
static struct error *opt_display_is(void *config, const struct option_spec *option,
				    const char *value)
{
	set_string(&((struct system_config *)config)->display, option->name);
	return NULL;
}

#define TEXT(name_, arg_, member, help_) \
	{.name = (name_), .arg = (arg_), .help = (help_), .apply = opt_string, .tag = C(member)}
#define FLAG(name_, member, help_) \
	{.name = (name_), .help = (help_), .apply = opt_flag, .tag = C(member)}
#define LIST(name_, arg_, member, help_) \
	{.name = (name_), .arg = (arg_), .help = (help_), .apply = opt_use, .tag = C(member)}
#define DISK(name_, help_) \
	{.name = (name_), .arg = "file", .help = (help_), .apply = opt_use, .tag = C(drives)}
#define M_TEXT(name_, arg_, member, help_) \
	{.name = (name_),                  \
	 .arg = (arg_),                    \
	 .help = (help_),                  \
	 .apply = opt_machine_string,      \
	 .tag = M(member)}
#define M_FLAG(name_, member, help_) \
	{.name = (name_), .help = (help_), .apply = opt_machine_flag, .tag = M(member)}
#define M_LIST(name_, arg_, member, help_) \
	{.name = (name_),                  \
	 .arg = (arg_),                    \
	 .help = (help_),                  \
	 .apply = opt_machine_list,        \
	 .tag = M(member)}
#define CALL(name_, arg_, fn, help_) \
	{.name = (name_), .arg = (arg_), .help = (help_), .apply = (fn)}
#define IGNORED(name_, arg_) {.name = (name_), .arg = (arg_), .apply = opt_ignored, .hidden = true}
#define NOT_BUILT(name_, arg_) \
	{.name = (name_), .arg = (arg_), .apply = opt_not_built, .hidden = true}
#define NOTICE(name_, arg_, tag_, help_) \
	{.name = (name_), .arg = (arg_), .help = (help_), .apply = opt_notice, .tag = (tag_)}

static const struct option_spec options[] = {
	OPTION_HEADING("Standard options"),
	CALL("h", NULL, opt_help, "display this help and exit"),
	{.name = "help", .apply = opt_help, .hidden = true},
	CALL("version", NULL, opt_version, "display version information and exit"),
	TEXT("machine", "[type=]name[,prop=value...]", machine,
	     "select the emulated machine (-machine ? lists them)"),
	TEXT("M", "name", machine, "the same as -machine"),
	M_TEXT("cpu", "model[,+flag][,-flag]", cpu_model,
	       "select the processor model (-cpu ? lists them)"),
	TEXT("accel", "name[,threshold=n][,workers=n][,sync]", accel,
	     "what runs guest code: jit (or tcg), interp, or check (-accel ? explains)"),
	TEXT("smp", "[cpus=]n[,maxcpus=n][,cores=n][,threads=n][,sockets=n]", smp,
	     "simulate n processors"),
	M_LIST("numa", "node[,mem=size][,cpus=first[-last]]", numa,
	       "simulate a machine with several memory nodes"),
	TEXT("m", "[size=]megs", memory, "set guest memory in megabytes, or with a suffix M or G"),
	TEXT("boot", "[order=]drives[,menu=on|off][,once=drives]", boot,
	     "boot from floppy (a), hard disk (c), CD-ROM (d), network (n), in this order"),
	M_TEXT("name", "name", name, "set the name of the guest"),
	M_TEXT("uuid", "uuid", uuid, "set the system's UUID"),
	LIST("device", "driver[,prop=value...]", devices,
	     "add a device (-device ? lists them, -device driver,? its properties)"),
	LIST("global", "driver.prop=value", globals, "set the default of a device's property"),
	LIST("object", "type[,prop=value...]", objects, "create an object"),
	FLAG("nodefaults", nodefaults, "do not create default devices"),
	IGNORED("no-user-config", NULL),
	IGNORED("nodefconfig", NULL),
	IGNORED("msg", "options"),

	OPTION_HEADING("Block device options"),
	DISK("fda", "use file as floppy disk 0 image"),
	DISK("fdb", "use file as floppy disk 1 image"),
	DISK("hda", "use file as hard disk 0 image"),
	DISK("hdb", "use file as hard disk 1 image"),
	DISK("hdc", "use file as hard disk 2 image"),
	DISK("hdd", "use file as hard disk 3 image"),
	DISK("cdrom", "use file as CD-ROM image"),
	LIST("drive",
	     "[file=file][,if=type][,bus=n][,unit=m][,index=i][,media=disk|cdrom][,snapshot=on|off]"
	     "[,cache=mode][,format=fmt][,id=name][,serial=text][,readonly=on|off]",
	     drives, "define a drive"),
	LIST("blockdev", "driver=driver,node-name=name,...", blockdevs, "define a block node"),
	DISK("mtdblock", "use file as on-board flash memory image"),
	DISK("sd", "use file as SecureDigital card image"),
	DISK("pflash", "use file as a parallel flash image"),
	FLAG("snapshot", snapshot, "write to temporary files instead of the disk images"),
	TEXT("hdachs", "c,h,s[,t]", hdachs,
	     "force hard disk 0 geometry and BIOS translation (t = none, lba or auto)"),

	OPTION_HEADING("Display and sound options"),
	TEXT("display", "none", display, "choose the kind of display"),
	M_FLAG("nographic", nographic,
	       "no graphics; the serial port and the monitor share the terminal"),
	{.name = "vga",
	 .arg = "std|cirrus|vmware|none",
	 .apply = opt_vga,
	 .tag = M(vga),
	 .help = "choose the graphics card"},
	TEXT("vnc", "none", vnc, "serve the display over VNC"),
	TEXT("k", "language", keyboard, "use a keyboard layout (-k ? lists them)"),
	TEXT("g", "WxH[xDEPTH]", geometry, "set the initial graphics mode (PowerPC, SPARC)"),
	M_LIST("soundhw", "card1[,card2...]|all", soundhw,
	       "add sound cards (-soundhw ? lists them)"),
	CALL("audiodev", "none,id=id", opt_audiodev, "choose where sound goes"),
	{.name = "sdl", .apply = opt_display_is, .hidden = true},
	{.name = "curses", .apply = opt_display_is, .hidden = true},
	NOT_BUILT("audio-help", NULL),
	IGNORED("no-frame", NULL),
	IGNORED("alt-grab", NULL),
	IGNORED("ctrl-grab", NULL),
	IGNORED("no-quit", NULL),
	IGNORED("portrait", NULL),
	IGNORED("full-screen", NULL),

	OPTION_HEADING("USB and Bluetooth options"),
	M_FLAG("usb", usb, "add a USB controller"),
	M_LIST("usbdevice", "name", usb_devices, "add a USB device"),
	NOTICE("bt", "options", 2, "define a Bluetooth controller or device"),

	OPTION_HEADING("PC options"),
	M_FLAG("win2k-hack", win2k_hack, "work around a disk-full bug of the Windows 2000 setup"),
	M_FLAG("rtc-td-hack", rtc_td_hack, "give lost timer interrupts to the guest later"),
	M_FLAG("no-fd-bootchk", no_fd_bootchk, "do not check the signature of boot floppies"),
	M_FLAG("no-acpi", no_acpi, "no ACPI"),
	M_FLAG("no-hpet", no_hpet, "no HPET"),
	M_LIST("acpitable", "[sig=str][,rev=n][,oem_id=str]...[,data=file1[:file2]...]",
	       acpi_tables, "add an ACPI table"),
	M_LIST("smbios", "file=file | type=0|1[,field=value...]", smbios,
	       "load an SMBIOS entry or set fields of one"),
	M_LIST("fw_cfg", "[name=]name,file=file|string=text", fw_cfg,
	       "add a file to the firmware configuration device"),

	OPTION_HEADING("Network options"),
	LIST("net", "nic|user|tap|socket|vde|dump|none[,option...]", nets,
	     "connect a card or a back end to a hub (\"vlan\")"),
	LIST("netdev", "type,id=name[,option...]", netdevs, "define a network back end"),
	LIST("nic", "type[,model=name][,mac=addr][,option...]|none", nics,
	     "define a card and its back end"),
	LIST("tftp", "dir", slirp, "serve files by TFTP in the user network"),
	LIST("bootp", "file", slirp, "announce a boot file in the user network"),
	LIST("smb", "dir", slirp, "serve files by SMB in the user network"),
	LIST("redir", "[tcp|udp]:host-port:[guest-host]:guest-port", slirp,
	     "redirect a host port to the guest"),

	OPTION_HEADING("Character device options"),
	LIST("chardev", "backend,id=name[,option...]", chardevs, "define a character device"),
	LIST("serial", "dev", serials,
	     "connect a serial port (stdio, pty, file:, tcp:, unix: ...)"),
	LIST("parallel", "dev", parallels, "connect a parallel port"),
	LIST("monitor", "dev", monitors, "connect the monitor"),
	LIST("mon", "[chardev=]name[,mode=readline]", mons,
	     "put a monitor on a character device of -chardev"),
	CALL("echr", "code", opt_echr, "set the escape character of shared terminals"),
	CALL("qmp", "none", opt_qmp, "no QMP"),
	NOT_BUILT("virtioconsole", "dev"),

	OPTION_HEADING("Boot of a kernel"),
	M_TEXT("kernel", "file", kernel, "boot this kernel image (bzImage, multiboot)"),
	M_TEXT("append", "text", append, "its command line"),
	M_TEXT("initrd", "file", initrd, "its initial RAM disk or modules"),
	M_TEXT("dtb", "file", dtb, "its device tree"),

	OPTION_HEADING("Clock options"),
	TEXT("rtc", "[base=utc|localtime|date][,clock=host|vm][,driftfix=none|slew]", rtc,
	     "set the guest's clock"),
	FLAG("localtime", localtime, "set the guest's clock to local time"),
	TEXT("startdate", "now|date", startdate, "set the guest's clock, e.g. 2006-06-17T16:01:21"),
	TEXT("icount", "[shift=]N|auto[,sleep=on|off]", icount,
	     "count instructions: one takes 2^N ns of guest time"),
	TEXT("clock", "method", clock, "choose the host timer (-clock ? lists them)"),

	OPTION_HEADING("Debug and expert options"),
	FLAG("S", stopped, "do not start the processors; \"c\" in the monitor does"),
	TEXT("gdb", "dev", gdb, "wait for gdb on a character device"),
	CALL("s", NULL, opt_gdb_default, "the same as -gdb tcp::1234"),
	{.name = "d",
	 .arg = "item1,...",
	 .apply = opt_string,
	 .tag = C(log_items),
	 .optional = true,
	 .help = "log these items (-d help lists them)"},
	TEXT("D", "file", log_file, "write the log to file instead of standard error"),
	CALL("singlestep", NULL, opt_singlestep, "run one instruction at a time"),
	{.name = "stats",
	 .arg = "json=file",
	 .apply = opt_stats,
	 .optional = true,
	 .help = "print counters at the end"},
	CALL("L", "path", opt_firmware_path, "look for firmware and key maps here first"),
	M_TEXT("bios", "file", firmware, "use this firmware"),
	M_LIST("option-rom", "file", option_roms, "load an option ROM"),
	CALL("no-reboot", NULL, opt_no_reboot, "exit instead of rebooting"),
	CALL("no-shutdown", NULL, opt_no_shutdown,
	     "stop instead of exiting when the guest powers off"),
	CALL("action", "reboot=reset|shutdown,shutdown=poweroff|pause", opt_action,
	     "choose what a reboot and a shutdown of the guest do"),
	TEXT("pidfile", "file", pidfile, "write the process id to file"),
	FLAG("daemonize", daemonize, "go into the background when the machine is ready"),
	TEXT("chroot", "dir", chroot, "chroot to dir just before the guest starts"),
	TEXT("runas", "user", runas, "change to this user just before the guest starts"),
	M_LIST("prom-env", "name=value", prom_env, "set a variable of OpenBIOS"),
	M_FLAG("semihosting", semihosting, "let the guest use files and consoles of the host"),
	NOTICE("kernel-kqemu", NULL, 0, "accepted; KQEMU is extinct"),
	NOTICE("no-kqemu", NULL, 0, "accepted; KQEMU is extinct"),
	NOTICE("enable-kvm", NULL, 1, "accepted; KVM is not used yet"),
	NOT_BUILT("loadvm", "tag"),
	NOT_BUILT("incoming", "uri"),
};

const struct option_set system_options = {
	.style = OPTIONS_QEMU,
	.options = options,
	.count = G_N_ELEMENTS(options),
	.usage = "[options] [disk_image]",
	.summary = "emulate a whole machine",
	.description = "disk_image is a raw hard disk image for IDE hard disk 0. While the machine "
		       "runs with "
		       "-nographic,\nCtrl-a h shows the keys of the terminal.",
	.operand = disk_image,
};
