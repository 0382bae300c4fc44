/*
 * Saved state: walks the `struct field` lists of devices and processors.
 *
 * The byte form is a sequence of named, length-prefixed big-endian sections, so that a reader can
 * skip what it does not know and refuses what does not fit. Everything read back is hostile.
 *
 *	state:	 "RATITEvm", u32 version, sections
 *	section: u16 length and name, u32 instance, u32 length and fields
 *	field:	 u16 length and name, u32 length and value
 *
 * Integers have their member's size, times are signed nanoseconds, and of arrays of structs each
 * element is again u32 length and fields. A field that a reader does not know is skipped; one that
 * is missing or has another length, and a section without its device, are errors. RAM is not in it:
 * whoever stores a state walks ram_first() and stores pages.
 */
#ifndef VM_STATE_H
#define VM_STATE_H

#include "base/bytes.h"
#include "vm/device.h"

#include <glib.h>

/* Appends the fields of `object` to `out`. */
void state_save_fields(GByteArray *out, const struct field *fields, const void *object);
/* Reads them back from exactly `in`; on error the object may be half written. */
struct error *state_load_fields(struct bytes in, const struct field *fields,
				void *object) NODISCARD;
/* Writes the fields as JSON text. */
void state_dump_fields(FILE *out, const struct field *fields, const void *object, int indent);

/*
 * The clock, all processors, all devices and what was registered; machine quiesced, lock held, both
 * machines built alike. After an error the machine is half loaded: reset it.
 */
void state_save_all(GByteArray *out);
struct error *state_load_all(struct bytes in) NODISCARD;
/* The same as JSON: an array of {"name", "instance", "fields"}. */
void state_dump_all(FILE *out);

/* Joins something that is not a device to the state, for good. `name` is borrowed; post_load may be
 * NULL and is called when everything is loaded. */
void state_register(const char *name, unsigned int instance, const struct field *fields,
		    void *object, struct error *(*post_load)(void *object));

#endif
