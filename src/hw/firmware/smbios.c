/*
 * SMBIOS structures and the options that change them (DSP0134 2.8.0). The BIOS information (type 0)
 * is the firmware's own unless the user gives it.
 */
#include "hw/firmware/smbios.h"

#include "base/bytes.h"
#include "base/optstr.h"
#include "vm/machine.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TABLES_FILE "etc/smbios/smbios-tables"
#define ANCHOR_FILE "etc/smbios/smbios-anchor"

#define FILE_LIMIT 65536u

#define HANDLE_NONE    0xffff
#define HANDLE_UNKNOWN 0xfffe

#define GIB	     (UINT64_C(1) << 30)
#define MODULE_LIMIT (16 * GIB) /* memory is shown as modules of at most this */

/* A key of -smbios type=N and the offset of the string's number in the structure. */
struct text_key {
	uint8_t type;
	const char *key;
	uint8_t offset;
};

static const struct text_key text_keys[] = {
	{0, "vendor", 0x04},	   {0, "version", 0x05},       {0, "date", 0x08},
	{1, "manufacturer", 0x04}, {1, "product", 0x05},       {1, "version", 0x06},
	{1, "serial", 0x07},	   {1, "sku", 0x19},	       {1, "family", 0x1a},
	{2, "manufacturer", 0x04}, {2, "product", 0x05},       {2, "version", 0x06},
	{2, "serial", 0x07},	   {2, "asset", 0x08},	       {2, "location", 0x0a},
	{3, "manufacturer", 0x04}, {3, "version", 0x06},       {3, "serial", 0x07},
	{3, "asset", 0x08},	   {3, "sku", 0x15},	       {4, "sock_pfx", 0x04},
	{4, "manufacturer", 0x07}, {4, "version", 0x10},       {4, "serial", 0x20},
	{4, "asset", 0x21},	   {4, "part", 0x22},	       {17, "loc_pfx", 0x10},
	{17, "bank", 0x11},	   {17, "manufacturer", 0x17}, {17, "serial", 0x18},
	{17, "asset", 0x19},	   {17, "part", 0x1a},
};

struct builder {
	const struct smbios_machine *m;
	GByteArray *out;
	GPtrArray *texts; /* parsed options: struct optstr * */
	unsigned int count, largest;
	uint8_t fixed[128];
	unsigned int fixed_len;
	GPtrArray *strings;
	guint64 present[4]; /* types that came from files */
};

/* --- one structure --- */

static void begin(struct builder *b, uint8_t type, uint8_t len, uint16_t handle)
{
	memset(b->fixed, 0, sizeof(b->fixed));
	b->fixed[0] = type;
	b->fixed[1] = len;
	store_le16(b->fixed + 2, handle);
	b->fixed_len = len;
	g_ptr_array_set_size(b->strings, 0);
}

static struct optstr *option_of(struct builder *b, uint8_t type)
{
	for (guint i = b->texts->len; i-- > 0;) {
		struct optstr *o = g_ptr_array_index(b->texts, i);
		const char *t = optstr_get(o, "type");

		if (t && strtoul(t, NULL, 10) == type)
			return o;
	}
	return NULL;
}

static void string_put(struct builder *b, unsigned int offset, const char *text)
{
	if (!text || !*text)
		return;
	g_ptr_array_add(b->strings, g_strdup(text));
	b->fixed[offset] = (uint8_t)b->strings->len;
}

/* The user's text for a string field, else `text`. */
static const char *chosen(struct builder *b, unsigned int offset, const char *text)
{
	uint8_t type = b->fixed[0];
	struct optstr *o = option_of(b, type);

	for (unsigned int i = 0; o && i < G_N_ELEMENTS(text_keys); i++) {
		const char *given;

		if (text_keys[i].type != type || text_keys[i].offset != offset)
			continue;
		given = optstr_get(o, text_keys[i].key);
		if (given)
			return given;
	}
	return text;
}

static void string(struct builder *b, unsigned int offset, const char *text)
{
	string_put(b, offset, chosen(b, offset, text));
}

/* Fixed part, strings, and a zero; a structure without strings ends with two zeros. */
static void end(struct builder *b)
{
	guint start = b->out->len;

	g_byte_array_append(b->out, b->fixed, b->fixed_len);
	for (guint i = 0; i < b->strings->len; i++) {
		const char *text = g_ptr_array_index(b->strings, i);

		g_byte_array_append(b->out, (const uint8_t *)text, (guint)strlen(text) + 1);
	}
	g_byte_array_append(b->out, (const uint8_t *)"\0", b->strings->len ? 1 : 2);
	b->count++;
	b->largest = MAX(b->largest, b->out->len - start);
}

/* --- the types --- */

static struct error *bios_information(struct builder *b)
{
	struct optstr *o = option_of(b, 0);
	const char *release = o ? optstr_get(o, "release") : NULL;
	unsigned int major = 0, minor = 0;
	bool uefi = false;
	struct error *err = o ? optstr_bool(o, "uefi", &uefi) : NULL;

	if (err || !o)
		return err;
	if (release &&
	    (sscanf(release, "%u.%u", &major, &minor) != 2 || major > 255 || minor > 255))
		return error_new("release=%s: expected MAJOR.MINOR, each 0 to 255", release);
	begin(b, 0, 0x18, 0x0000);
	string(b, 0x04, NULL);
	string(b, 0x05, NULL);
	store_le16(b->fixed + 0x06, 0xe800); /* starting segment */
	string(b, 0x08, NULL);
	store_le64(b->fixed + 0x0a, 0x08); /* characteristics: not supported */
	b->fixed[0x13] = (uint8_t)(0x14 | uefi << 3);
	b->fixed[0x14] = (uint8_t)major;
	b->fixed[0x15] = (uint8_t)minor;
	b->fixed[0x16] = b->fixed[0x17] = 0xff; /* no embedded controller */
	end(b);
	return NULL;
}

/* The first three fields are little endian since 2.6 (7.2.1). */
static struct error *uuid_put(uint8_t *at, const char *text)
{
	static const uint8_t order[16] = {3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15};
	unsigned int n = 0;

	for (const char *p = text; *p; p++) {
		if (*p == '-')
			continue;
		if (n >= 32 || !g_ascii_isxdigit(*p))
			return error_new("uuid=%s: expected 32 hexadecimal digits", text);
		at[order[n / 2]] |= (uint8_t)(g_ascii_xdigit_value(*p) << (n & 1 ? 0 : 4));
		n++;
	}
	return n == 32 ? NULL : error_new("uuid=%s: expected 32 hexadecimal digits", text);
}

static struct error *system_information(struct builder *b)
{
	struct optstr *o = option_of(b, 1);
	const char *uuid = o ? optstr_get(o, "uuid") : NULL;
	struct error *err = NULL;

	begin(b, 1, 0x1b, 0x0100);
	string(b, 0x04, b->m->manufacturer);
	string(b, 0x05, b->m->product);
	string(b, 0x06, b->m->version);
	string(b, 0x07, NULL);
	if (!uuid)
		uuid = b->m->uuid;
	if (uuid)
		err = uuid_put(b->fixed + 0x08, uuid);
	b->fixed[0x18] = 6; /* woken by the power switch */
	string(b, 0x19, NULL);
	string(b, 0x1a, NULL);
	end(b);
	return err;
}

static void base_board(struct builder *b)
{
	if (!option_of(b, 2))
		return;
	begin(b, 2, 0x0f, 0x0200);
	string(b, 0x04, b->m->manufacturer);
	string(b, 0x05, NULL);
	string(b, 0x06, NULL);
	string(b, 0x07, NULL);
	string(b, 0x08, NULL);
	b->fixed[0x09] = 0x01; /* hosting board */
	string(b, 0x0a, NULL);
	store_le16(b->fixed + 0x0b, 0x0300);
	b->fixed[0x0d] = 0x0a; /* motherboard */
	end(b);
}

static void chassis(struct builder *b)
{
	begin(b, 3, 0x16, 0x0300);
	string(b, 0x04, b->m->manufacturer);
	b->fixed[0x05] = 1; /* other */
	string(b, 0x06, b->m->version);
	string(b, 0x07, NULL);
	string(b, 0x08, NULL);
	b->fixed[0x09] = b->fixed[0x0a] = b->fixed[0x0b] = 3; /* safe */
	b->fixed[0x0c] = 2;				      /* security unknown */
	string(b, 0x15, NULL);
	end(b);
}

static void processor(struct builder *b, unsigned int n)
{
	char socket[64];

	begin(b, 4, 0x2a, (uint16_t)(0x0400 + n));
	snprintf(socket, sizeof(socket), "%s %u", chosen(b, 0x04, "CPU"), n);
	string_put(b, 0x04, socket);
	b->fixed[0x05] = 3; /* central processor */
	b->fixed[0x06] = 1; /* family: other */
	string(b, 0x07, b->m->manufacturer);
	string(b, 0x10, b->m->cpu_name);
	store_le16(b->fixed + 0x14, 2000); /* MHz, maximum and current */
	store_le16(b->fixed + 0x16, 2000);
	b->fixed[0x18] = 0x41; /* populated, enabled */
	b->fixed[0x19] = 1;    /* upgrade: other */
	store_le16(b->fixed + 0x1a, HANDLE_NONE);
	store_le16(b->fixed + 0x1c, HANDLE_NONE);
	store_le16(b->fixed + 0x1e, HANDLE_NONE);
	string(b, 0x20, NULL);
	string(b, 0x21, NULL);
	string(b, 0x22, NULL);
	b->fixed[0x23] = b->fixed[0x24] = (uint8_t)MIN(b->m->cores, 255);
	b->fixed[0x25] = (uint8_t)MIN(b->m->cores * b->m->threads, 255);
	store_le16(b->fixed + 0x26, 2); /* characteristics: unknown */
	store_le16(b->fixed + 0x28, 1); /* family 2: other */
	end(b);
}

static void memory_array(struct builder *b, unsigned int modules)
{
	uint64_t kib = (b->m->low_ram + b->m->high_ram) >> 10;

	begin(b, 16, 0x17, 0x1000);
	b->fixed[0x04] = 1; /* location: other */
	b->fixed[0x05] = 3; /* system memory */
	b->fixed[0x06] = 6; /* multi-bit ECC */
	store_le32(b->fixed + 0x07, kib < 0x80000000 ? (uint32_t)kib : 0x80000000);
	store_le16(b->fixed + 0x0b, HANDLE_UNKNOWN);
	store_le16(b->fixed + 0x0d, (uint16_t)modules);
	if (kib >= 0x80000000)
		store_le64(b->fixed + 0x0f, kib << 10);
	end(b);
}

static void memory_device(struct builder *b, unsigned int n, uint64_t size)
{
	uint64_t mib = size >> 20;
	char name[64];

	begin(b, 17, 0x28, (uint16_t)(0x1100 + n));
	store_le16(b->fixed + 0x04, 0x1000);
	store_le16(b->fixed + 0x06, HANDLE_UNKNOWN);
	store_le16(b->fixed + 0x08, 0xffff); /* widths unknown */
	store_le16(b->fixed + 0x0a, 0xffff);
	store_le16(b->fixed + 0x0c, mib < 0x7fff ? (uint16_t)mib : 0x7fff);
	if (mib >= 0x7fff)
		store_le32(b->fixed + 0x1c, (uint32_t)mib);
	b->fixed[0x0e] = 9; /* DIMM */
	snprintf(name, sizeof(name), "%s %u", chosen(b, 0x10, "DIMM"), n);
	string_put(b, 0x10, name);
	string(b, 0x11, NULL);
	b->fixed[0x12] = 7; /* RAM */
	b->fixed[0x13] = 2; /* other */
	string(b, 0x17, b->m->manufacturer);
	string(b, 0x18, NULL);
	string(b, 0x19, NULL);
	string(b, 0x1a, NULL);
	end(b);
}

/* Addresses in KiB, the last one included; the wide fields are in bytes. */
static void memory_range(struct builder *b, unsigned int n, uint64_t start, uint64_t size)
{
	uint64_t last = start + size - 1;

	begin(b, 19, 0x1f, (uint16_t)(0x1300 + n));
	if (last >> 10 < UINT32_MAX) {
		store_le32(b->fixed + 0x04, (uint32_t)(start >> 10));
		store_le32(b->fixed + 0x08, (uint32_t)(last >> 10));
	} else {
		store_le32(b->fixed + 0x04, UINT32_MAX);
		store_le32(b->fixed + 0x08, UINT32_MAX);
		store_le64(b->fixed + 0x0f, start);
		store_le64(b->fixed + 0x17, last);
	}
	store_le16(b->fixed + 0x0c, 0x1000);
	b->fixed[0x0e] = 1;
	end(b);
}

static void memory(struct builder *b)
{
	uint64_t ram = b->m->low_ram + b->m->high_ram;
	unsigned int modules = (unsigned int)MIN((ram + MODULE_LIMIT - 1) / MODULE_LIMIT, 255);

	memory_array(b, modules);
	for (unsigned int n = 0; n < modules; n++)
		memory_device(b, n, MIN(ram - n * MODULE_LIMIT, MODULE_LIMIT));
	memory_range(b, 0, 0, b->m->low_ram);
	if (b->m->high_ram)
		memory_range(b, 1, 4 * GIB, b->m->high_ram);
}

static void boot_and_end(struct builder *b)
{
	begin(b, 32, 0x0b, 0x2000);
	end(b);
	begin(b, 127, 0x04, 0x7f00);
	end(b);
}

/* --- options --- */

static bool type_given(const struct builder *b, uint8_t type)
{
	return b->present[type >> 6] >> (type & 63) & 1;
}

/* A file holds whole structures; those of their type are then not made. */
static struct error *add_file(struct builder *b, const char *path)
{
	struct error *err;
	GByteArray *data;
	guint at = 0;

	err = file_load(path, FILE_LIMIT, &data);
	if (err)
		return err;
	while (!err && at < data->len) {
		guint len = data->len - at, next;
		const uint8_t *s = data->data + at;

		if (len < 6 || s[1] < 4 || s[1] > len - 2) {
			err = error_new("\"%s\": no SMBIOS structure at byte %u", path, at);
			break;
		}
		for (next = s[1]; next + 1 < len && (s[next] || s[next + 1]); next++)
			;
		next = MIN(next + 2, len);
		g_byte_array_append(b->out, s, next);
		b->present[s[0] >> 6] |= UINT64_C(1) << (s[0] & 63);
		b->count++;
		b->largest = MAX(b->largest, next);
		at += next;
	}
	g_byte_array_unref(data);
	return err;
}

/* Asks for every key of the type, so that optstr_finish() complains about the others. */
static struct error *check_keys(struct optstr *o)
{
	unsigned int type = 256;
	struct error *err = optstr_uint(o, "type", 0, 255, &type);

	if (err)
		return err;
	if (type == 256)
		return error_new("file= or type= is needed");
	for (unsigned int i = 0; i < G_N_ELEMENTS(text_keys); i++) {
		if (text_keys[i].type == type)
			optstr_get(o, text_keys[i].key);
	}
	if (type == 0) {
		optstr_get(o, "release");
		optstr_has(o, "uefi");
	} else if (type == 1) {
		optstr_get(o, "uuid");
	} else if (type != 2 && type != 3 && type != 4 && type != 17) {
		return error_new("type=%u: fields can be set of types 0 to 4 and 17", type);
	}
	return optstr_finish(o);
}

static struct error *add_option(struct builder *b, const char *text)
{
	struct optstr *o = optstr_parse(text, NULL);
	const char *file = optstr_get(o, "file");
	struct error *err;

	if (file) {
		err = optstr_finish(o);
		err = err ? err : add_file(b, file);
		optstr_free(o);
	} else {
		err = check_keys(o);
		g_ptr_array_add(b->texts, o);
	}
	return error_prefix(err, "-smbios %s", text);
}

/* --- the whole --- */

static struct error *build(struct builder *b)
{
	struct error *err = NULL;

	for (guint i = 0; b->m->options && i < b->m->options->len && !err; i++)
		err = add_option(b, g_ptr_array_index(b->m->options, i));
	if (!err && !type_given(b, 0))
		err = bios_information(b);
	if (!err && !type_given(b, 1))
		err = system_information(b);
	if (err)
		return err;
	if (!type_given(b, 2))
		base_board(b);
	if (!type_given(b, 3))
		chassis(b);
	for (unsigned int i = 0; !type_given(b, 4) && i < MIN(b->m->sockets, 255); i++)
		processor(b, i);
	if (!type_given(b, 16) && !type_given(b, 17) && !type_given(b, 19))
		memory(b);
	boot_and_end(b);
	return b->out->len > UINT16_MAX ? error_new("-smbios: the tables exceed 64 KiB") : NULL;
}

static uint8_t checksum(const uint8_t *bytes, size_t len)
{
	uint8_t sum = 0;

	while (len--)
		sum += *bytes++;
	return (uint8_t)-sum;
}

/* The 32-bit entry point (5.2.1); the firmware fills in the table's address and the checksums. */
static void anchor_make(uint8_t anchor[31], const struct builder *b)
{
	memset(anchor, 0, 31);
	memcpy(anchor, "_SM_", 4);
	anchor[5] = 31;
	anchor[6] = 2; /* version 2.8 */
	anchor[7] = 8;
	store_le16(anchor + 8, (uint16_t)b->largest);
	memcpy(anchor + 16, "_DMI_", 5);
	store_le16(anchor + 22, (uint16_t)b->out->len);
	store_le16(anchor + 28, (uint16_t)b->count);
	anchor[30] = 0x28;
	anchor[21] = checksum(anchor + 16, 15);
	anchor[4] = checksum(anchor, 31);
}

struct error *smbios_add(struct fw_cfg *fw, const struct smbios_machine *m)
{
	struct builder b = {
		.m = m,
		.out = g_byte_array_new(),
		.texts = g_ptr_array_new_with_free_func((GDestroyNotify)optstr_free),
		.strings = g_ptr_array_new_with_free_func(g_free),
	};
	struct error *err = build(&b);
	uint8_t anchor[31];

	if (!err) {
		anchor_make(anchor, &b);
		err = fw_cfg_add_file(fw, TABLES_FILE, b.out->data, b.out->len);
	}
	err = err ? err : fw_cfg_add_file(fw, ANCHOR_FILE, anchor, sizeof(anchor));
	g_byte_array_unref(b.out);
	g_ptr_array_unref(b.texts);
	g_ptr_array_unref(b.strings);
	return err;
}
