/* ACPI tables and the script that places them: see tables.h. */
#include "hw/acpi/tables.h"

#include "base/bytes.h"
#include "base/optstr.h"
#include "vm/machine.h"

#include <string.h>

#define RSDP_FILE   "etc/acpi/rsdp"
#define SCRIPT_FILE "etc/table-loader"

#define OEM_ID	     "RATITE"
#define OEM_TABLE_ID "RATITEPC"
#define OEM_REVISION 1
#define CREATOR_ID   "RTTE"

/* Header (5.2.3). */
enum {
	HEADER_LENGTH = 4,
	HEADER_REVISION = 8,
	HEADER_CHECKSUM = 9,
	HEADER_OEM_ID = 10,
	HEADER_OEM_TABLE_ID = 16,
	HEADER_OEM_REVISION = 24,
	HEADER_CREATOR_ID = 28,
	HEADER_CREATOR_REVISION = 32,
};

/* Commands of the script: 128 bytes each, little endian, file names of 56 characters. */
enum { COMMAND_ALLOCATE = 1, COMMAND_ADD_POINTER = 2, COMMAND_ADD_CHECKSUM = 3 };
enum { ZONE_HIGH = 1, ZONE_FSEG = 2 };

#define COMMAND_SIZE 128
#define NAME_SIZE    56

#define TABLE_LIMIT (1u << 20)

/* --- script --- */

static void name_put(uint8_t *at, const char *name)
{
	memcpy(at, name, strlen(name));
}

static void command_allocate(GByteArray *script, const char *file, uint32_t align, uint8_t zone)
{
	uint8_t c[COMMAND_SIZE] = {COMMAND_ALLOCATE};

	name_put(c + 4, file);
	store_le32(c + 4 + NAME_SIZE, align);
	c[8 + NAME_SIZE] = zone;
	g_byte_array_append(script, c, sizeof(c));
}

static void command_pointer(GByteArray *script, const char *file, const char *target,
			    uint32_t offset, uint8_t size)
{
	uint8_t c[COMMAND_SIZE] = {COMMAND_ADD_POINTER};

	name_put(c + 4, file);
	name_put(c + 4 + NAME_SIZE, target);
	store_le32(c + 4 + 2 * NAME_SIZE, offset);
	c[8 + 2 * NAME_SIZE] = size;
	g_byte_array_append(script, c, sizeof(c));
}

static void command_checksum(GByteArray *script, const char *file, uint32_t offset, uint32_t start,
			     uint32_t len)
{
	uint8_t c[COMMAND_SIZE] = {COMMAND_ADD_CHECKSUM};

	name_put(c + 4, file);
	store_le32(c + 4 + NAME_SIZE, offset);
	store_le32(c + 8 + NAME_SIZE, start);
	store_le32(c + 12 + NAME_SIZE, len);
	g_byte_array_append(script, c, sizeof(c));
}

/* --- tables --- */

void acpi_tables_init(struct acpi_tables *t)
{
	*t = (struct acpi_tables){.blob = g_byte_array_new(), .script = g_byte_array_new()};
	command_allocate(t->script, ACPI_TABLES_FILE, 64, ZONE_HIGH);
	command_allocate(t->script, RSDP_FILE, 16, ZONE_FSEG);
}

void acpi_put_bytes(struct acpi_tables *t, const void *bytes, guint len)
{
	g_byte_array_append(t->blob, bytes, len);
}

void acpi_put8(struct acpi_tables *t, uint8_t value)
{
	acpi_put_bytes(t, &value, 1);
}

void acpi_put16(struct acpi_tables *t, uint16_t value)
{
	uint8_t bytes[2];

	store_le16(bytes, value);
	acpi_put_bytes(t, bytes, sizeof(bytes));
}

void acpi_put32(struct acpi_tables *t, uint32_t value)
{
	uint8_t bytes[4];

	store_le32(bytes, value);
	acpi_put_bytes(t, bytes, sizeof(bytes));
}

void acpi_put64(struct acpi_tables *t, uint64_t value)
{
	uint8_t bytes[8];

	store_le64(bytes, value);
	acpi_put_bytes(t, bytes, sizeof(bytes));
}

void acpi_align(struct acpi_tables *t, guint alignment)
{
	while (t->blob->len % alignment)
		acpi_put8(t, 0);
}

guint acpi_begin(struct acpi_tables *t, const char *signature, uint8_t revision)
{
	uint8_t header[ACPI_HEADER] = {0};
	guint start;

	acpi_align(t, 8);
	start = t->blob->len;
	memcpy(header, signature, 4);
	header[HEADER_REVISION] = revision;
	memcpy(header + HEADER_OEM_ID, OEM_ID, 6);
	memcpy(header + HEADER_OEM_TABLE_ID, OEM_TABLE_ID, 8);
	store_le32(header + HEADER_OEM_REVISION, OEM_REVISION);
	memcpy(header + HEADER_CREATOR_ID, CREATOR_ID, 4);
	store_le32(header + HEADER_CREATOR_REVISION, 1);
	acpi_put_bytes(t, header, sizeof(header));
	return start;
}

struct error *acpi_end(struct acpi_tables *t, guint start, bool listed)
{
	uint32_t len = t->blob->len - start;

	store_le32(t->blob->data + start + HEADER_LENGTH, len);
	t->blob->data[start + HEADER_CHECKSUM] = 0;
	command_checksum(t->script, ACPI_TABLES_FILE, start + HEADER_CHECKSUM, start, len);
	if (!listed)
		return NULL;
	if (t->count == ACPI_MAX_TABLES)
		return error_new("more than %d ACPI tables", ACPI_MAX_TABLES);
	t->tables[t->count++] = start;
	return NULL;
}

void acpi_link(struct acpi_tables *t, guint at, uint32_t target)
{
	store_le32(t->blob->data + at, target);
	command_pointer(t->script, ACPI_TABLES_FILE, ACPI_TABLES_FILE, at, 4);
}

/* --- -acpitable --- */

static void header_text(uint8_t *at, const char *text, size_t len)
{
	if (!text)
		return;
	memset(at, 0, len);
	memcpy(at, text, MIN(strlen(text), len));
}

static struct error *header_number(struct optstr *o, const char *key, uint8_t *at,
				   unsigned int size)
{
	uint64_t value = load_le(at, size), max = size == 1 ? UINT8_MAX : UINT32_MAX;
	struct error *err = optstr_u64(o, key, 0, max, &value);

	if (!err)
		store_le(at, size, value);
	return err;
}

static struct error *apply_header(struct optstr *o, uint8_t *header)
{
	const char *sig = optstr_get(o, "sig");
	struct error *err;

	if (sig && strlen(sig) != 4)
		return error_new("sig=%s: a signature has four characters", sig);
	header_text(header, sig, 4);
	header_text(header + HEADER_OEM_ID, optstr_get(o, "oem_id"), 6);
	header_text(header + HEADER_OEM_TABLE_ID, optstr_get(o, "oem_table_id"), 8);
	header_text(header + HEADER_CREATOR_ID, optstr_get(o, "asl_compiler_id"), 4);
	err = header_number(o, "rev", header + HEADER_REVISION, 1);
	err = err ? err : header_number(o, "oem_rev", header + HEADER_OEM_REVISION, 4);
	return err ? err
		   : header_number(o, "asl_compiler_rev", header + HEADER_CREATOR_REVISION, 4);
}

static struct error *append_files(struct acpi_tables *t, const char *files)
{
	char **names = g_strsplit(files, ":", -1);
	struct error *err = NULL;

	for (guint i = 0; names[i] && !err; i++) {
		GByteArray *data;

		err = file_load(names[i], TABLE_LIMIT, &data);
		if (err)
			break;
		acpi_put_bytes(t, data->data, data->len);
		g_byte_array_unref(data);
	}
	g_strfreev(names);
	return err;
}

static struct error *option_table(struct acpi_tables *t, struct optstr *o)
{
	const char *data = optstr_get(o, "data"), *file = optstr_get(o, "file");
	struct error *err;
	guint start;

	if (!data == !file)
		return error_new("exactly one of data= and file= is needed");
	if (data && !optstr_get(o, "sig"))
		return error_new("data= needs sig=: its files have no table header");
	/* file= brings a header, data= what follows one */
	if (data) {
		start = acpi_begin(t, "    ", 1);
	} else {
		acpi_align(t, 8);
		start = t->blob->len;
	}
	err = append_files(t, data ? data : file);
	if (!err && t->blob->len - start < ACPI_HEADER)
		err = error_new("file=%s is shorter than a table header", file);
	err = err ? err : apply_header(o, t->blob->data + start);
	err = err ? err : optstr_finish(o);
	return err ? err : acpi_end(t, start, true);
}

struct error *acpi_add_option(struct acpi_tables *t, const char *text)
{
	struct optstr *o = optstr_parse(text, NULL);
	struct error *err = error_prefix(option_table(t, o), "-acpitable %s", text);

	optstr_free(o);
	return err;
}

/* --- roots --- */

static struct error *add_rsdt(struct acpi_tables *t, guint *rsdt)
{
	*rsdt = acpi_begin(t, "RSDT", 1);
	for (unsigned int i = 0; i < t->count; i++) {
		acpi_put32(t, 0);
		acpi_link(t, t->blob->len - 4, t->tables[i]);
	}
	return acpi_end(t, *rsdt, false);
}

struct error *acpi_finish(struct acpi_tables *t, struct fw_cfg *fw)
{
	uint8_t rsdp[20] = "RSD PTR ";
	struct error *err;
	guint rsdt;

	err = add_rsdt(t, &rsdt);
	memcpy(rsdp + 9, OEM_ID, 6);
	store_le32(rsdp + 16, rsdt);
	command_pointer(t->script, RSDP_FILE, ACPI_TABLES_FILE, 16, 4);
	command_checksum(t->script, RSDP_FILE, 8, 0, sizeof(rsdp));
	err = err ? err : fw_cfg_add_file(fw, ACPI_TABLES_FILE, t->blob->data, t->blob->len);
	err = err ? err : fw_cfg_add_file(fw, RSDP_FILE, rsdp, sizeof(rsdp));
	err = err ? err : fw_cfg_add_file(fw, SCRIPT_FILE, t->script->data, t->script->len);
	g_byte_array_unref(t->blob);
	g_byte_array_unref(t->script);
	return err;
}
