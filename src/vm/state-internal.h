/* The pieces of the format that vm/state.h describes. */
#ifndef VM_STATE_INTERNAL_H
#define VM_STATE_INTERNAL_H

#include "vm/state.h"

void state_put_u16(GByteArray *out, uint16_t v);
void state_put_u32(GByteArray *out, uint32_t v);
void state_put_name(GByteArray *out, const char *name);
/* Leaves room for a length; returns where what it counts starts. */
unsigned int state_begin_length(GByteArray *out);
void state_end_length(GByteArray *out, unsigned int start);

/* Each takes from the front of `in`; false where it is not all there. */
bool state_take(struct bytes *in, uint64_t count, struct bytes *taken);
bool state_take_u32(struct bytes *in, uint32_t *v);
bool state_take_block(struct bytes *in, struct bytes *block); /* u32 length and bytes */
bool state_take_name(struct bytes *in, struct bytes *name);
bool state_name_is(struct bytes name, const char *text);

#endif
