/* Registers by their numbers in the remote protocol, and the target description. */
#ifndef MONITOR_GDB_REGISTERS_H
#define MONITOR_GDB_REGISTERS_H

#include "vm/cpu.h"

#include <glib.h>

#define GDB_REGISTER_BYTES 16

/* The XML that qXfer:features:read gives for target.xml. */
void gdb_describe(struct cpu *cpu, GString *xml);
/* Size in bytes and value of register `number`; 0: there is no such register. */
size_t gdb_register_read(struct cpu *cpu, unsigned int number, uint8_t value[GDB_REGISTER_BYTES]);
/* Size in bytes of what was written; 0: no such register. */
size_t gdb_register_write(struct cpu *cpu, unsigned int number, const uint8_t *value, size_t len);

#endif
