/*
 * ACPI tables, gathered in one file that the firmware places and links by a script ("table
 * loader"): commands to allocate files, to add the address of one file to a field of another, and
 * to make checksums. Source: ACPI 1.0b, chapter 5.
 */
#ifndef HW_ACPI_TABLES_H
#define HW_ACPI_TABLES_H

#include "base/error.h"
#include "hw/misc/fw-cfg.h"

#include <glib.h>
#include <stdint.h>

#define ACPI_HEADER	36
#define ACPI_MAX_TABLES 64

struct acpi_tables {
	GByteArray *blob;	       /* "etc/acpi/tables" */
	GByteArray *script;	       /* "etc/table-loader" */
	guint tables[ACPI_MAX_TABLES]; /* offsets of what the RSDT lists */
	unsigned int count;
};

void acpi_tables_init(struct acpi_tables *t);
/* Appends a table with a standard header; the body follows it by acpi_put*(). Returns its offset.
 */
guint acpi_begin(struct acpi_tables *t, const char *signature, uint8_t revision);
/* Fills in the length; the firmware will compute the checksum. `listed`: in the RSDT. */
struct error *acpi_end(struct acpi_tables *t, guint start, bool listed) NODISCARD;
void acpi_put8(struct acpi_tables *t, uint8_t value);
void acpi_put16(struct acpi_tables *t, uint16_t value);
void acpi_put32(struct acpi_tables *t, uint32_t value);
void acpi_put64(struct acpi_tables *t, uint64_t value);
void acpi_put_bytes(struct acpi_tables *t, const void *bytes, guint len);
void acpi_align(struct acpi_tables *t, guint alignment);
/* The 32-bit field at `at` holds an offset in the file and becomes an address. */
void acpi_link(struct acpi_tables *t, guint at, uint32_t target);
/* A table as -acpitable describes it. */
struct error *acpi_add_option(struct acpi_tables *t, const char *text) NODISCARD;
/* RSDT, RSDP, and the three files; frees what init made. */
struct error *acpi_finish(struct acpi_tables *t, struct fw_cfg *fw) NODISCARD;

#define ACPI_TABLES_FILE "etc/acpi/tables"

#endif
