/*
 * Machines: the description of a board, and the configuration it is built from.
 *
 * A board (machines/) is one static MACHINE() and an init function that wires devices. All user
 * options that a board may look at arrive in `struct machine`, already parsed and checked.
 */
#ifndef VM_MACHINE_H
#define VM_MACHINE_H

#include "base/error.h"
#include "vm/cpu.h"
#include "vm/memory.h"

#include <glib.h>

struct chardev;
struct drive;
struct machine;

#define MAX_SERIALS   4
#define MAX_PARALLELS 3

struct machine_class {
	const char *name, *alias, *help;
	const char *targets;	 /* executables that have it: "i386 x86_64" */
	const char *default_for; /* targets whose default it is, or NULL */
	const struct cpu_class *cpu_class;
	const char *default_cpu;    /* model text */
	const char *default_cpu_64; /* on x86_64/64-bit targets, NULL: the same */
	unsigned int max_cpus;
	uint64_t default_ram, max_ram; /* bytes */
	const char *default_nic;       /* -net nic without model, NULL: the board has no default */
	const char *default_vga;       /* "std", "cirrus", "none" */
	const char *default_boot;      /* "cad" */
	const char *drive_interface;   /* if= default: "ide", "scsi", "sd" ... */
	bool no_floppy, no_cdrom;      /* no default empty ones */
	struct error *(*init)(struct machine *m);
};

/* One -net nic or -device NIC that the board must place. */
struct nic_config {
	char *model; /* NULL: the board's default */
	char *name;
	char *addr; /* of a PCI card: "slot[.function]", or NULL */
	uint8_t mac[6];
	void *netdev; /* struct netclient * peer, may be NULL */
	bool used;    /* set by the board; main() complains about the rest */
};

struct machine {
	const struct machine_class *class;
	const char *target; /* "i386", "x86_64", ... from the program's name */
	bool target_64bit;
	char *name, *cpu_model;
	char *uuid; /* 36 characters or NULL */
	uint64_t ram_size;
	unsigned int cpus, max_cpus, cores, threads, sockets;
	char *kernel, *initrd, *append, *dtb;
	char *firmware;	  /* -bios */
	char *boot_order; /* "cad" */
	char *boot_once;  /* order of the first boot only, or NULL */
	bool boot_menu;
	GPtrArray *option_roms;		 /* char * */
	GPtrArray *acpi_tables, *smbios; /* char *: option texts */
	GPtrArray *fw_cfg;		 /* char *: option texts */
	struct chardev *serial[MAX_SERIALS], *parallel[MAX_PARALLELS];
	unsigned int serial_count, parallel_count;
	GPtrArray *nics;    /* struct nic_config * */
	GPtrArray *devices; /* char *: -device option texts, created after the board's init */
	GPtrArray *soundhw; /* char * */
	bool usb;
	GPtrArray *usb_devices; /* char * */
	char *vga;		/* "std", "cirrus", "none" ... */
	bool nographic, no_acpi, no_hpet, rtc_td_hack, no_fd_bootchk, win2k_hack, semihosting;
	bool rtc_localtime;
	GPtrArray *numa;     /* char * */
	GPtrArray *prom_env; /* char * */
	GHashTable *options; /* -machine key=val: char * to char * */
	/* built by the board */
	struct address_space memory, io;
	struct region memory_root, io_root;
	struct region ram;
	struct bus *pci; /* where -device puts PCI cards; NULL: none */
	struct bus *isa;
};

#define MACHINE(ident, ...)                                                \
	static const struct machine_class ident##_machine = {__VA_ARGS__}; \
	static const struct machine_class *const ident##_machine_entry     \
		__attribute__((used, section("ratite_machines"))) = &ident##_machine

unsigned int machine_class_count(void);
const struct machine_class *machine_class_at(unsigned int i);
/* By name or alias among those of a target; NULL if there is none. */
const struct machine_class *machine_class_find(const char *target, const char *name);

/* Firmware lookup (-L folders, then the distribution's): path (owned by the caller) or NULL. */
char *firmware_find(const char *file);
void firmware_add_path(const char *folder);

/* Reads a whole file of at most `limit` bytes. */
struct error *file_load(const char *path, uint64_t limit, GByteArray **data) NODISCARD;

/* The machine being run. There is one a process; passed explicitly wherever that is possible. */
struct machine *machine_get(void);

#endif
