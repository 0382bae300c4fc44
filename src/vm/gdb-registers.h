/*
 * A processor's registers as gdb's remote protocol sees them: features of registers, in the order
 * of their numbers. Source: "Debugging with GDB", appendix G (target descriptions).
 */
#ifndef VM_GDB_REGISTERS_H
#define VM_GDB_REGISTERS_H

#include <stddef.h>
#include <stdint.h>

struct cpu;

struct gdb_register {
	const char *name;
	uint16_t bits;	  /* a multiple of 8, at most 128 */
	const char *type; /* of the description; NULL: an integer */
	/* Values are in the target's byte order. write NULL: silently kept. Vcpu not running. */
	void (*read)(struct cpu *cpu, unsigned int arg, uint8_t *value);
	void (*write)(struct cpu *cpu, unsigned int arg, const uint8_t *value);
	unsigned int arg;
};

struct gdb_feature {
	const char *name;  /* "org.gnu.gdb.i386.core" */
	const char *types; /* XML of the types that it defines, or NULL */
	const struct gdb_register *registers;
	size_t count;
};

#define GDB_FEATURE(name_, types_, registers_) \
	{(name_), (types_), (registers_), sizeof(registers_) / sizeof((registers_)[0])}

struct gdb_description {
	const char *architecture; /* "i386:x86-64" */
	const struct gdb_feature *features;
	size_t count;
};

#endif
