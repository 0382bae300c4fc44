/*
 * Devices: a struct whose first member is `struct device`, and one static description of it.
 *
 *	static const struct prop  props[] = { PROP_CHR("chardev", struct uart, chr), PROP_END };
 *	static const struct field state[] = { F_U8(struct uart, lcr), F_TIMER(struct uart, tx),
 *					      FIELD_END };
 *	DEVICE(uart16550, struct uart, "serial", "16550A UART", props, state, init, reset, settle);
 *
 * Life: device_new() allocates and sets default properties; the board or -device sets properties
 * and wires; device_realize() calls init, which may fail with an error; then at every machine reset
 * all reset() run, after them all settle(). Only settle drives wires, so the order of resets does
 * not matter. After a state is loaded, post_load() (optional, in `struct device_class`) rebuilds
 *what is derived. All with the machine lock held.
 */
#ifndef VM_DEVICE_H
#define VM_DEVICE_H

#include "base/error.h"
#include "vm/clock.h"

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

struct device;
struct bus;

enum prop_kind {
	PROP_KIND_BOOL,
	PROP_KIND_U8,
	PROP_KIND_U16,
	PROP_KIND_U32,
	PROP_KIND_U64,
	PROP_KIND_SIZE,	  /* uint64_t bytes: "64M" */
	PROP_KIND_STRING, /* char *, owned */
	PROP_KIND_MAC,	  /* uint8_t[6] */
	PROP_KIND_CHR,	  /* struct chardev *, by id */
	PROP_KIND_DRIVE,  /* struct drive *, by id */
	PROP_KIND_NETDEV, /* struct netclient *, by id */
	PROP_KIND_DEVFN,  /* int32_t PCI "slot.function", -1: any */
	PROP_KIND_PTR,	  /* void *, set by boards only */
};

/* One property: a member of the device's struct that options can set. */
struct prop {
	const char *name, *help;
	enum prop_kind kind;
	size_t offset;
	int64_t def; /* default of the numeric kinds */
};

#define PROP_(kind_, name_, type, member, def_, help_) \
	{.name = (name_),                              \
	 .help = (help_),                              \
	 .kind = (kind_),                              \
	 .offset = offsetof(type, member),             \
	 .def = (def_)}
#define PROP_BOOL(n, t, m, d, h) PROP_(PROP_KIND_BOOL, n, t, m, d, h)
#define PROP_U8(n, t, m, d, h)	 PROP_(PROP_KIND_U8, n, t, m, d, h)
#define PROP_U16(n, t, m, d, h)	 PROP_(PROP_KIND_U16, n, t, m, d, h)
#define PROP_U32(n, t, m, d, h)	 PROP_(PROP_KIND_U32, n, t, m, d, h)
#define PROP_U64(n, t, m, d, h)	 PROP_(PROP_KIND_U64, n, t, m, d, h)
#define PROP_SIZE(n, t, m, d, h) PROP_(PROP_KIND_SIZE, n, t, m, d, h)
#define PROP_STRING(n, t, m, h)	 PROP_(PROP_KIND_STRING, n, t, m, 0, h)
#define PROP_MAC(n, t, m, h)	 PROP_(PROP_KIND_MAC, n, t, m, 0, h)
#define PROP_CHR(n, t, m, h)	 PROP_(PROP_KIND_CHR, n, t, m, 0, h)
#define PROP_DRIVE(n, t, m, h)	 PROP_(PROP_KIND_DRIVE, n, t, m, 0, h)
#define PROP_NETDEV(n, t, m, h)	 PROP_(PROP_KIND_NETDEV, n, t, m, 0, h)
#define PROP_DEVFN(n, t, m, h)	 PROP_(PROP_KIND_DEVFN, n, t, m, -1, h)
#define PROP_PTR(n, t, m)	 PROP_(PROP_KIND_PTR, n, t, m, 0, NULL)
#define PROP_END		 {.name = NULL}

enum field_kind {
	FIELD_KIND_END,
	FIELD_KIND_INT,	   /* `count` integers of `size` bytes (1, 2, 4, 8) */
	FIELD_KIND_BYTES,  /* `size` raw bytes */
	FIELD_KIND_TIMER,  /* struct timer: its deadline */
	FIELD_KIND_STRUCT, /* `count` structs of `size` bytes, described by `sub` */
	FIELD_KIND_IRQ,	   /* struct irq: its level */
	FIELD_KIND_BOOL,   /* `count` bools */
};

/* One saved member. The list is the only description of what is saved. */
struct field {
	const char *name;
	enum field_kind kind;
	size_t offset, size, count;
	const struct field *sub;
};

#define F_SIZEOF(t, m)	  sizeof(((t *)0)->m)
#define F_INT_(t, m, n)	  {#m, FIELD_KIND_INT, offsetof(t, m), F_SIZEOF(t, m) / (n), n, NULL}
#define F_U8(t, m)	  F_INT_(t, m, 1)
#define F_U16(t, m)	  F_INT_(t, m, 1)
#define F_U32(t, m)	  F_INT_(t, m, 1)
#define F_U64(t, m)	  F_INT_(t, m, 1)
#define F_BOOL(t, m)	  {#m, FIELD_KIND_BOOL, offsetof(t, m), F_SIZEOF(t, m), 1, NULL}
#define F_INT(t, m)	  F_INT_(t, m, 1)
#define F_ARRAY(t, m)	  F_INT_(t, m, F_SIZEOF(t, m) / F_SIZEOF(t, m[0]))
#define F_BYTES(t, m)	  {#m, FIELD_KIND_BYTES, offsetof(t, m), F_SIZEOF(t, m), 1, NULL}
#define F_TIMER(t, m)	  {#m, FIELD_KIND_TIMER, offsetof(t, m), sizeof(struct timer), 1, NULL}
#define F_STRUCT(t, m, s) {#m, FIELD_KIND_STRUCT, offsetof(t, m), F_SIZEOF(t, m), 1, s}
#define F_STRUCTS(t, m, s)                   \
	{#m,                                 \
	 FIELD_KIND_STRUCT,                  \
	 offsetof(t, m),                     \
	 F_SIZEOF(t, m[0]),                  \
	 F_SIZEOF(t, m) / F_SIZEOF(t, m[0]), \
	 s}
#define F_IRQ(t, m) {#m, FIELD_KIND_IRQ, offsetof(t, m), sizeof(struct irq), 1, NULL}
#define FIELD_END   {NULL, FIELD_KIND_END, 0, 0, 0, NULL}

struct device_class {
	const char *name; /* as -device spells it */
	const char *help;
	const char *bus; /* kind of bus it plugs into ("PCI", "ISA", "System"), see vm/bus users */
	size_t size;
	const struct prop *props;
	const struct field *state;
	struct error *(*init)(struct device *dev);
	void (*reset)(struct device *dev);
	void (*settle)(struct device *dev);		/* may be NULL */
	struct error *(*post_load)(struct device *dev); /* may be NULL; rejects impossible states */
	void (*exit)(struct device *dev);		/* may be NULL */
	const void *bus_info;	      /* what the bus wants to know, e.g. struct pci_info */
	const struct prop *bus_props; /* properties that every device of the bus has, may be NULL */
	bool hidden;		      /* boards only: not offered by -device */
};

struct device {
	const struct device_class *class;
	char *id; /* from -device id=, or NULL; owned */
	struct bus *bus;
	bool realized;
	bool in_dma; /* re-entry guard: set while the device masters the bus */
	void (*bus_reset)(struct device *dev); /* set by its bus: runs before the class's reset */
	void (*bus_exit)(struct device *dev);  /* set by its bus: runs after the class's exit */
	struct device *next;		       /* all devices, in creation order */
};

#define DEVICE_REGISTER_(ident, ...)                                    \
	static const struct device_class ident##_class = {__VA_ARGS__}; \
	static const struct device_class *const ident##_entry           \
		__attribute__((used, section("ratite_devices"))) = &ident##_class

/* Registers a device class of the system bus (boards create it). */
#define DEVICE(ident, type, name_, help_, props_, state_, init_, reset_, settle_)    \
	DEVICE_REGISTER_(ident, .name = (name_), .help = (help_), .bus = "System",   \
			 .size = sizeof(type), .props = (props_), .state = (state_), \
			 .init = (init_), .reset = (reset_), .settle = (settle_), .hidden = true)
/* Registers any class: DEVICE_CLASS(e1000, .name = "e1000", .bus = "PCI", ...). */
#define DEVICE_CLASS(ident, ...) DEVICE_REGISTER_(ident, __VA_ARGS__)

/* Table of all classes linked in; i < device_class_count(). */
unsigned int device_class_count(void);
const struct device_class *device_class_at(unsigned int i);
const struct device_class *device_class_find(const char *name);

/* Allocates a device with default properties; never fails for a class from the table. */
struct device *device_new(const struct device_class *class);
/* Convenience for boards: device_new() by name; aborts if there is no such class. */
struct device *device_new_named(const char *name);
/* Sets a property from text, checking its range. */
struct error *device_set(struct device *dev, const char *prop, const char *value) NODISCARD;
/* -global DRIVER.PROP=VALUE: devices of the class that are made from now on start with it. */
struct error *device_add_global(const char *driver, const char *prop, const char *value) NODISCARD;
/* Typed setters for boards; a wrong name or kind aborts. */
void device_set_u64(struct device *dev, const char *prop, uint64_t value);
void device_set_str(struct device *dev, const char *prop, const char *value);
void device_set_ptr(struct device *dev, const char *prop,
		    void *value); /* CHR, DRIVE, NETDEV, PTR */
/* Finds where a property lives, NULL if there is none. */
void *device_prop(struct device *dev, const char *prop, enum prop_kind kind);
/* Calls init and joins the device to resets and saved states. On error the device is freed. */
struct error *device_realize(struct device *dev) NODISCARD;
/* Calls exit, leaves resets and saved states, cancels the timers of its state list, and frees:
 * unplugging, or a device never realized. */
void device_free(struct device *dev);
/* All realized devices in order; NULL after the last. */
struct device *device_first(void);
struct device *device_find(const char *id);
/* Resets, then settles, all devices. */
void devices_reset(void);

/* How "id" properties are looked up; the layer that owns the kind installs its own. */
typedef void *prop_lookup_fn(const char *id);
void prop_set_lookup(enum prop_kind kind, prop_lookup_fn *fn);

/* Prints the properties that -device NAME,? shows. */
void device_class_help(const struct device_class *class, FILE *out);

/* State lists: see vm/state.h. */

#endif
