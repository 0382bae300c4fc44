/*
 * Saved state: walks the `struct field` lists of devices and processors.
 *
 * The byte form is a sequence of named, length-prefixed big-endian sections, so that a reader can
 * skip what it does not know and refuses what does not fit. Everything read back is hostile.
 */
#ifndef VM_STATE_H
#define VM_STATE_H

#include "base/bytes.h"
#include "vm/device.h"

#include <glib.h>

/* Appends the fields of `object` to `out`. */
void state_save_fields(GByteArray *out, const struct field *fields, const void *object);
/* Reads them back from exactly `in`; on error the object may be half written. */
struct error *state_load_fields(struct bytes in, const struct field *fields, void *object) NODISCARD;
/* Writes the fields as JSON text. */
void state_dump_fields(FILE *out, const struct field *fields, const void *object, int indent);

/* All devices (and what vm/machine registered); machine quiesced, lock held. */
void state_save_all(GByteArray *out);
struct error *state_load_all(struct bytes in) NODISCARD;

/* Joins something that is not a device (a processor, RAM) to the state. */
void state_register(const char *name, unsigned int instance, const struct field *fields,
		    void *object, struct error *(*post_load)(void *object));

#endif
