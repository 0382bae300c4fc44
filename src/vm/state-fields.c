/* Lists of fields to bytes and back, and to JSON. The format is in vm/state.h. */
#include "vm/state.h"

#include "vm/clock.h"
#include "vm/irq.h"
#include "vm/state-internal.h"

#include <inttypes.h>
#include <string.h>

/* --- writing --- */

void state_put_u16(GByteArray *out, uint16_t v)
{
	uint8_t buf[2];
	store_be16(buf, v);
	g_byte_array_append(out, buf, sizeof(buf));
}

void state_put_u32(GByteArray *out, uint32_t v)
{
	uint8_t buf[4];
	store_be32(buf, v);
	g_byte_array_append(out, buf, sizeof(buf));
}

void state_put_name(GByteArray *out, const char *name)
{
	size_t len = strlen(name);

	g_assert(len <= UINT16_MAX);
	state_put_u16(out, (uint16_t)len);
	g_byte_array_append(out, (const uint8_t *)name, (unsigned int)len);
}

unsigned int state_begin_length(GByteArray *out)
{
	state_put_u32(out, 0);
	return out->len;
}

void state_end_length(GByteArray *out, unsigned int start)
{
	store_be32(out->data + start - 4, out->len - start);
}

static uint64_t int_get(const void *p, size_t size)
{
	switch (size) {
	case 1: return *(const uint8_t *)p;
	case 2: return *(const uint16_t *)p;
	case 4: return *(const uint32_t *)p;
	case 8: return *(const uint64_t *)p;
	default: g_assert_not_reached();
	}
}

static void int_set(void *p, size_t size, uint64_t v)
{
	switch (size) {
	case 1: *(uint8_t *)p = (uint8_t)v; break;
	case 2: *(uint16_t *)p = (uint16_t)v; break;
	case 4: *(uint32_t *)p = (uint32_t)v; break;
	case 8: *(uint64_t *)p = v; break;
	default: g_assert_not_reached();
	}
}

static void put_int(GByteArray *out, uint64_t v, size_t size)
{
	uint8_t buf[8];
	store_be64(buf, v);
	g_byte_array_append(out, buf + 8 - size, (unsigned int)size);
}

/* A host time means nothing to another run, so what is left of it is saved. */
static int64_t timer_saved(const struct timer *t)
{
	if (!timer_pending(t) || t->clock == CLOCK_VIRTUAL)
		return t->deadline;
	return t->deadline - clock_now(t->clock);
}

static void timer_load(struct timer *t, int64_t saved)
{
	int64_t deadline = saved;

	if (saved != INT64_MAX && t->clock != CLOCK_VIRTUAL &&
	    __builtin_add_overflow(saved, clock_now(t->clock), &deadline))
		deadline = INT64_MAX;
	timer_set(t, deadline);
}

static const char *element(const struct field *f, const void *object, size_t i)
{
	return (const char *)object + f->offset + i * f->size;
}

static void put_structs(GByteArray *out, const struct field *f, const void *object)
{
	for (size_t i = 0; i < f->count; i++) {
		unsigned int start = state_begin_length(out);
		state_save_fields(out, f->sub, element(f, object, i));
		state_end_length(out, start);
	}
}

static void put_value(GByteArray *out, const struct field *f, const void *object)
{
	const char *member = element(f, object, 0);

	switch (f->kind) {
	case FIELD_KIND_INT:
		for (size_t i = 0; i < f->count; i++)
			put_int(out, int_get(element(f, object, i), f->size), f->size);
		break;
	case FIELD_KIND_BOOL:
		for (size_t i = 0; i < f->count; i++)
			put_int(out, *(const bool *)element(f, object, i), 1);
		break;
	case FIELD_KIND_BYTES:
		g_byte_array_append(out, (const uint8_t *)member, (unsigned int)f->size);
		break;
	case FIELD_KIND_TIMER:
		put_int(out, (uint64_t)timer_saved((const struct timer *)member), 8);
		break;
	case FIELD_KIND_IRQ: put_int(out, (uint32_t)((const struct irq *)member)->level, 4); break;
	case FIELD_KIND_STRUCT: put_structs(out, f, object); break;
	case FIELD_KIND_END: break;
	}
}

void state_save_fields(GByteArray *out, const struct field *fields, const void *object)
{
	for (const struct field *f = fields; f && f->name; f++) {
		state_put_name(out, f->name);
		unsigned int start = state_begin_length(out);
		put_value(out, f, object);
		state_end_length(out, start);
	}
}

/* --- reading --- */

bool state_take(struct bytes *in, uint64_t count, struct bytes *taken)
{
	const uint8_t *p = bytes_at(*in, 0, count);

	*taken = (struct bytes){p, p ? count : 0};
	if (!p)
		return false;
	in->data += count;
	in->size -= count;
	return true;
}

bool state_take_u32(struct bytes *in, uint32_t *v)
{
	struct bytes b;

	if (!state_take(in, 4, &b))
		return false;
	*v = load_be32(b.data);
	return true;
}

bool state_take_block(struct bytes *in, struct bytes *block)
{
	uint32_t len;
	return state_take_u32(in, &len) && state_take(in, len, block);
}

bool state_take_name(struct bytes *in, struct bytes *name)
{
	struct bytes len;
	return state_take(in, 2, &len) && state_take(in, load_be16(len.data), name);
}

bool state_name_is(struct bytes name, const char *text)
{
	return name.size == strlen(text) && memcmp(name.data, text, name.size) == 0;
}

static struct error *truncated(void)
{
	return error_new("the state is cut short or damaged");
}

/* Looks for a field from `*at` on, which is where it is unless versions differ. */
static struct error *find_value(struct bytes all, struct bytes *at, const char *name,
				struct bytes *value)
{
	struct bytes found;

	for (unsigned int pass = 0; pass < 2; pass++) {
		while (at->size) {
			if (!state_take_name(at, &found) || !state_take_block(at, value))
				return truncated();
			if (state_name_is(found, name))
				return NULL;
		}
		*at = all;
	}
	return error_new("the state has no \"%s\"", name);
}

static struct error *load_structs(struct bytes in, const struct field *f, void *object)
{
	struct bytes one;

	for (size_t i = 0; i < f->count; i++) {
		if (!state_take_block(&in, &one))
			return truncated();
		struct error *err =
			state_load_fields(one, f->sub, (void *)(uintptr_t)element(f, object, i));
		if (err)
			return error_prefix(err, "%s[%zu]", f->name, i);
	}
	return in.size ? truncated() : NULL;
}

static size_t value_size(const struct field *f)
{
	switch (f->kind) {
	case FIELD_KIND_INT: return f->size * f->count;
	case FIELD_KIND_BOOL: return f->count;
	case FIELD_KIND_BYTES: return f->size;
	case FIELD_KIND_TIMER: return 8;
	case FIELD_KIND_IRQ: return 4;
	default: return 0;
	}
}

static void load_ints(const uint8_t *from, const struct field *f, char *to)
{
	for (size_t i = 0; i < f->count; i++) {
		uint8_t buf[8] = {0};
		memcpy(buf + 8 - f->size, from + i * f->size, f->size);
		int_set(to + i * f->size, f->size, load_be64(buf));
	}
}

static struct error *load_bools(const uint8_t *from, const struct field *f, char *to)
{
	for (size_t i = 0; i < f->count; i++) {
		if (from[i] > 1)
			return error_new("\"%s\" is %u where 0 or 1 must be", f->name, from[i]);
		((bool *)to)[i] = from[i];
	}
	return NULL;
}

static struct error *load_value(struct bytes in, const struct field *f, void *object)
{
	char *member = (char *)object + f->offset;

	if (f->kind == FIELD_KIND_STRUCT)
		return load_structs(in, f, object);
	if (in.size != value_size(f))
		return error_new("\"%s\" has %zu bytes where %zu belong", f->name, in.size,
				 value_size(f));
	switch (f->kind) {
	case FIELD_KIND_INT: load_ints(in.data, f, member); break;
	case FIELD_KIND_BOOL: return load_bools(in.data, f, member);
	case FIELD_KIND_BYTES: memcpy(member, in.data, f->size); break;
	case FIELD_KIND_TIMER:
		timer_load((struct timer *)member, (int64_t)load_be64(in.data));
		break;
	case FIELD_KIND_IRQ: ((struct irq *)member)->level = (int32_t)load_be32(in.data); break;
	default: break;
	}
	return NULL;
}

struct error *state_load_fields(struct bytes in, const struct field *fields, void *object)
{
	struct bytes at = in, value = {0};
	struct error *err = NULL;

	for (const struct field *f = fields; f && f->name && !err; f++) {
		err = find_value(in, &at, f->name, &value);
		if (!err)
			err = load_value(value, f, object);
	}
	return err;
}

/* --- JSON --- */

static void dump_bytes(FILE *out, const uint8_t *p, size_t size)
{
	fputc('"', out);
	for (size_t i = 0; i < size; i++)
		fprintf(out, "%02x", p[i]);
	fputc('"', out);
}

static void dump_one(FILE *out, const struct field *f, const char *member, int indent)
{
	switch (f->kind) {
	case FIELD_KIND_INT: fprintf(out, "%" PRIu64, int_get(member, f->size)); break;
	case FIELD_KIND_BOOL: fputs(*(const bool *)member ? "true" : "false", out); break;
	case FIELD_KIND_BYTES: dump_bytes(out, (const uint8_t *)member, f->size); break;
	case FIELD_KIND_TIMER:
		if (timer_pending((const struct timer *)member))
			fprintf(out, "%" PRId64, timer_saved((const struct timer *)member));
		else
			fputs("null", out);
		break;
	case FIELD_KIND_IRQ: fprintf(out, "%d", ((const struct irq *)member)->level); break;
	case FIELD_KIND_STRUCT: state_dump_fields(out, f->sub, member, indent + 1); break;
	case FIELD_KIND_END: break;
	}
}

static void dump_value(FILE *out, const struct field *f, const void *object, int indent)
{
	if (f->count == 1) {
		dump_one(out, f, element(f, object, 0), indent);
		return;
	}
	fputc('[', out);
	for (size_t i = 0; i < f->count; i++) {
		fputs(i ? ", " : "", out);
		dump_one(out, f, element(f, object, i), indent);
	}
	fputc(']', out);
}

void state_dump_fields(FILE *out, const struct field *fields, const void *object, int indent)
{
	const char *separator = "\n";

	fputc('{', out);
	for (const struct field *f = fields; f && f->name; f++) {
		fprintf(out, "%s%*s\"%s\": ", separator, 2 * (indent + 1), "", f->name);
		dump_value(out, f, object, indent);
		separator = ",\n";
	}
	fprintf(out, "\n%*s}", 2 * indent, "");
}
