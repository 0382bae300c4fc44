/* Writer of ACPI machine language: see aml.h. */
#include "hw/acpi/aml.h"

#include "base/bytes.h"

#include <string.h>

void aml_init(struct aml *a)
{
	*a = (struct aml){.out = g_byte_array_new()};
}

void aml_byte(struct aml *a, uint8_t byte)
{
	g_byte_array_append(a->out, &byte, 1);
}

static void put16(struct aml *a, uint16_t value)
{
	uint8_t bytes[2];

	store_le16(bytes, value);
	g_byte_array_append(a->out, bytes, sizeof(bytes));
}

static void put32(struct aml *a, uint32_t value)
{
	uint8_t bytes[4];

	store_le32(bytes, value);
	g_byte_array_append(a->out, bytes, sizeof(bytes));
}

/* --- package lengths --- */

/* PkgLength (16.2.4): one byte to 63; else a count of further bytes, a nibble, and those bytes. */
static unsigned int length_encode(uint8_t out[4], uint32_t len)
{
	unsigned int extra = len < 1u << 12 ? 1 : len < 1u << 20 ? 2 : 3;

	if (len < 64) {
		out[0] = (uint8_t)len;
		return 1;
	}
	out[0] = (uint8_t)(extra << 6 | (len & 15));
	for (unsigned int i = 0; i < extra; i++)
		out[i + 1] = (uint8_t)(len >> (4 + 8 * i));
	return extra + 1;
}

static void begin(struct aml *a)
{
	g_assert(a->depth < AML_DEPTH);
	a->starts[a->depth++] = a->out->len;
}

static void insert(struct aml *a, guint at, const uint8_t *bytes, guint len)
{
	guint tail = a->out->len - at;

	g_byte_array_set_size(a->out, a->out->len + len);
	memmove(a->out->data + at + len, a->out->data + at, tail);
	memcpy(a->out->data + at, bytes, len);
}

/* The length counts its own bytes. */
void aml_end(struct aml *a)
{
	uint8_t bytes[4];
	guint start, body;
	unsigned int n = 1;

	g_assert(a->depth > 0);
	start = a->starts[--a->depth];
	body = a->out->len - start;
	while (length_encode(bytes, body + n) != n)
		n++;
	insert(a, start, bytes, n);
}

/* --- names --- */

static void put_segment(struct aml *a, const char *segment, size_t len)
{
	char padded[4] = {'_', '_', '_', '_'};

	memcpy(padded, segment, MIN(len, 4));
	g_byte_array_append(a->out, (const uint8_t *)padded, 4);
}

void aml_ref(struct aml *a, const char *name)
{
	char **parts;
	guint count;

	while (*name == '\\' || *name == '^')
		aml_byte(a, (uint8_t)*name++);
	parts = g_strsplit(name, ".", -1);
	count = g_strv_length(parts);
	if (count == 2) {
		aml_byte(a, 0x2e); /* DualNamePrefix */
	} else if (count > 2) {
		aml_byte(a, 0x2f); /* MultiNamePrefix */
		aml_byte(a, (uint8_t)count);
	}
	for (guint i = 0; i < count; i++)
		put_segment(a, parts[i], strlen(parts[i]));
	g_strfreev(parts);
}

void aml_name(struct aml *a, const char *name)
{
	aml_byte(a, 0x08);
	aml_ref(a, name);
}

/* --- packages --- */

static void begin_op(struct aml *a, uint8_t prefix, uint8_t op)
{
	if (prefix)
		aml_byte(a, prefix);
	aml_byte(a, op);
	begin(a);
}

void aml_scope(struct aml *a, const char *name)
{
	begin_op(a, 0, 0x10);
	aml_ref(a, name);
}

void aml_device(struct aml *a, const char *name)
{
	begin_op(a, 0x5b, 0x82);
	aml_ref(a, name);
}

void aml_method(struct aml *a, const char *name, unsigned int args, bool serialized)
{
	begin_op(a, 0, 0x14);
	aml_ref(a, name);
	aml_byte(a, (uint8_t)(args | serialized << 3));
}

void aml_processor(struct aml *a, const char *name, uint8_t id)
{
	begin_op(a, 0x5b, 0x83);
	aml_ref(a, name);
	aml_byte(a, id);
	put32(a, 0); /* no processor block */
	aml_byte(a, 0);
}

void aml_if(struct aml *a)
{
	begin_op(a, 0, 0xa0);
}

void aml_package(struct aml *a, uint8_t count)
{
	begin_op(a, 0, 0x12);
	aml_byte(a, count);
}

void aml_field(struct aml *a, const char *region, uint8_t flags)
{
	begin_op(a, 0x5b, 0x81);
	aml_ref(a, region);
	aml_byte(a, flags);
}

/* --- objects --- */

void aml_op(struct aml *a, enum aml_op op)
{
	aml_byte(a, (uint8_t)op);
}

void aml_int(struct aml *a, uint64_t value)
{
	if (value <= 1) {
		aml_byte(a, (uint8_t)value);
	} else if (value <= UINT8_MAX) {
		aml_byte(a, 0x0a);
		aml_byte(a, (uint8_t)value);
	} else if (value <= UINT16_MAX) {
		aml_byte(a, 0x0b);
		put16(a, (uint16_t)value);
	} else {
		/* 64-bit integers came with ACPI 2.0; tables of revision 1 have none */
		aml_byte(a, 0x0c);
		put32(a, (uint32_t)value);
	}
}

void aml_string(struct aml *a, const char *text)
{
	aml_byte(a, 0x0d);
	g_byte_array_append(a->out, (const uint8_t *)text, (guint)strlen(text) + 1);
}

/* Three letters of five bits and four hexadecimal digits, big endian. */
void aml_eisaid(struct aml *a, const char *id)
{
	uint32_t value = (uint32_t)(id[0] - 0x40) << 26 | (uint32_t)(id[1] - 0x40) << 21 |
			 (uint32_t)(id[2] - 0x40) << 16 | (uint32_t)strtoul(id + 3, NULL, 16);

	aml_byte(a, 0x0c);
	put32(a, __builtin_bswap32(value));
}

void aml_region(struct aml *a, const char *name, uint8_t space, uint64_t offset, uint64_t len)
{
	aml_byte(a, 0x5b);
	aml_byte(a, 0x80);
	aml_ref(a, name);
	aml_byte(a, space);
	aml_int(a, offset);
	aml_int(a, len);
}

void aml_field_unit(struct aml *a, const char *name, unsigned int bits)
{
	uint8_t len[4];

	if (name)
		aml_ref(a, name);
	else
		aml_byte(a, 0);
	g_byte_array_append(a->out, len, length_encode(len, bits));
}

void aml_name_int(struct aml *a, const char *name, uint64_t value)
{
	aml_name(a, name);
	aml_int(a, value);
}

void aml_name_eisaid(struct aml *a, const char *name, const char *id)
{
	aml_name(a, name);
	aml_eisaid(a, id);
}

/* --- resources --- */

/* The buffer's size is a word constant that aml_end_resources() fills in. */
void aml_buffer_resources(struct aml *a)
{
	begin_op(a, 0, 0x11);
	aml_byte(a, 0x0b);
	put16(a, 0);
}

void aml_end_resources(struct aml *a)
{
	guint start = a->starts[a->depth - 1];

	aml_byte(a, 0x79); /* end tag; checksum 0 is "not used" */
	aml_byte(a, 0);
	store_le16(a->out->data + start + 1, (uint16_t)(a->out->len - start - 3));
	aml_end(a);
}

void aml_res_io(struct aml *a, uint16_t base, uint8_t align, uint8_t len)
{
	aml_byte(a, 0x47);
	aml_byte(a, 1); /* decodes 16 bits */
	put16(a, base);
	put16(a, base);
	aml_byte(a, align);
	aml_byte(a, len);
}

void aml_res_irq(struct aml *a, unsigned int irq)
{
	aml_byte(a, 0x22);
	put16(a, (uint16_t)(1u << irq));
}

void aml_res_dma(struct aml *a, unsigned int channel)
{
	aml_byte(a, 0x2a);
	aml_byte(a, (uint8_t)(1u << channel));
	aml_byte(a, 0);
}

void aml_res_memory32(struct aml *a, uint32_t base, uint32_t len, bool writable)
{
	aml_byte(a, 0x86);
	put16(a, 9);
	aml_byte(a, writable);
	put32(a, base);
	put32(a, len);
}

void aml_res_interrupts(struct aml *a, const uint8_t *irqs, uint8_t count)
{
	aml_byte(a, 0x89);
	put16(a, (uint16_t)(2 + 4 * count));
	aml_byte(a, 0x09); /* consumer, level, high, shared */
	aml_byte(a, count);
	for (unsigned int i = 0; i < count; i++)
		put32(a, irqs[i]);
}

enum { WINDOW_MEMORY = 0, WINDOW_IO = 1, WINDOW_BUS = 2 };

#define WINDOW_FIXED 0x0c /* minimum and maximum are fixed, positive decode, producer */

static void word_window(struct aml *a, uint8_t type, uint8_t specific, uint16_t first,
			uint16_t last)
{
	aml_byte(a, 0x88);
	put16(a, 13);
	aml_byte(a, type);
	aml_byte(a, WINDOW_FIXED);
	aml_byte(a, specific);
	put16(a, 0);
	put16(a, first);
	put16(a, last);
	put16(a, 0);
	put16(a, (uint16_t)(last - first + 1));
}

void aml_res_bus(struct aml *a, uint16_t first, uint16_t last)
{
	word_window(a, WINDOW_BUS, 0, first, last);
}

void aml_res_io_window(struct aml *a, uint16_t first, uint16_t last)
{
	word_window(a, WINDOW_IO, 3, first, last); /* the entire range */
}

void aml_res_memory_window(struct aml *a, uint32_t first, uint32_t last, bool cacheable)
{
	aml_byte(a, 0x87);
	put16(a, 23);
	aml_byte(a, WINDOW_MEMORY);
	aml_byte(a, WINDOW_FIXED);
	aml_byte(a, (uint8_t)(1 | cacheable << 1));
	put32(a, 0);
	put32(a, first);
	put32(a, last);
	put32(a, 0);
	put32(a, last - first + 1);
}
