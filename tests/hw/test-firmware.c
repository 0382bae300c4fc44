/* What firmware finds: fw_cfg by ports and DMA, ACPI tables as the loader script links them,
 * SMBIOS. */
#include "board.h"

#include "hw/acpi/tables.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void select_key(uint16_t key)
{
	outw(0x510, key);
}

static uint64_t read_bytes(unsigned int n)
{
	uint64_t v = 0;

	for (unsigned int i = 0; i < n; i++)
		v |= (uint64_t)inb(0x511) << (8 * i);
	return v;
}

static uint32_t read_be32(void)
{
	return __builtin_bswap32((uint32_t)read_bytes(4));
}

/* Size of a file and its key, by the directory; 0 where it is missing. */
static uint32_t find_file(const char *name, uint16_t *key)
{
	uint32_t count;

	select_key(0x19);
	count = read_be32();
	for (uint32_t i = 0; i < count; i++) {
		uint32_t size = read_be32();
		char text[56];

		*key = __builtin_bswap16((uint16_t)read_bytes(2));
		read_bytes(2);
		for (unsigned int c = 0; c < sizeof(text); c++)
			text[c] = (char)inb(0x511);
		if (strcmp(text, name) == 0)
			return size;
	}
	return 0;
}

static uint8_t *load_file(const char *name, uint32_t *size)
{
	uint16_t key;
	uint8_t *data;

	*size = find_file(name, &key);
	ck_assert_msg(*size != 0, "%s", name);
	data = malloc(*size);
	select_key(key);
	for (uint32_t i = 0; i < *size; i++)
		data[i] = inb(0x511);
	return data;
}

START_TEST(keys)
{
	board_new("pc", 3);
	select_key(0);
	ck_assert_uint_eq(read_bytes(4), 0x554d4551);
	select_key(1);
	ck_assert_uint_eq(read_bytes(4), 3);
	select_key(3);
	ck_assert_uint_eq(read_bytes(8), 16 << 20);
	ck_assert_uint_eq(read_bytes(8), 0); /* past the end */
	select_key(5);
	ck_assert_uint_eq(read_bytes(2), 3);
	select_key(0x7777);
	ck_assert_uint_eq(read_bytes(2), 0);
}
END_TEST

static void dma(uint32_t control, uint32_t len, uint64_t addr)
{
	uint8_t access[16];

	store_be32(access, control);
	store_be32(access + 4, len);
	store_be64(access + 8, addr);
	mem_write(&machine_get()->memory, 0x1000, access, sizeof(access));
	outl(0x514, 0);
	outl(0x518, __builtin_bswap32(0x1000));
}

START_TEST(direct_memory_access)
{
	board_new("pc", 1);
	ck_assert_uint_eq(__builtin_bswap32(inl(0x514)), 0x51454d55);
	ck_assert_uint_eq(__builtin_bswap32(inl(0x518)), 0x20434647);
	poke32(0x2000, 0xffffffff);
	poke32(0x2004, 0xffffffff);
	dma(0x0000000a, 8, 0x2000); /* select 0, read */
	ck_assert_uint_eq(peek32(0x1000), 0);
	ck_assert_uint_eq(peek32(0x2000), 0x554d4551);
	ck_assert_uint_eq(peek32(0x2004), 0);
	dma(0x0000000c, 2, 0); /* select, skip */
	dma(0x00000002, 2, 0x2000);
	ck_assert_uint_eq(peek32(0x2000) & 0xffff, 0x554d);
	dma(0x00030010, 1, 0x2000);
	ck_assert_uint_eq(peek32(0x1000), __builtin_bswap32(1));
	dma(0x0000000a, 4, UINT64_C(0xfffffffffffffffe));
	ck_assert_uint_eq(peek32(0x1000), __builtin_bswap32(1));
}
END_TEST

/* --- the loader script --- */

struct file {
	char name[56];
	uint8_t *data;
	uint32_t size, addr;
};

static struct file files[8];
static unsigned int file_count;

static struct file *file(const uint8_t *name)
{
	for (unsigned int i = 0; i < file_count; i++) {
		if (strcmp(files[i].name, (const char *)name) == 0)
			return &files[i];
	}
	ck_abort_msg("script names an unknown file");
	return NULL;
}

static uint8_t sum(const uint8_t *data, uint32_t len)
{
	uint8_t s = 0;

	while (len--)
		s += *data++;
	return s;
}

static void execute(const uint8_t *c)
{
	struct file *f;
	uint32_t at;

	switch (load_le32(c)) {
	case 1:
		f = &files[file_count++];
		memcpy(f->name, c + 4, 56);
		f->data = load_file(f->name, &f->size);
		f->addr = 0x100000 * file_count;
		break;
	case 2:
		f = file(c + 4);
		at = load_le32(c + 116);
		ck_assert_uint_eq(c[120], 4);
		ck_assert_uint_le(at + 4, f->size);
		ck_assert_uint_lt(load_le32(f->data + at), file(c + 60)->size);
		store_le32(f->data + at, load_le32(f->data + at) + file(c + 60)->addr);
		break;
	case 3:
		f = file(c + 4);
		at = load_le32(c + 60);
		ck_assert_uint_le(load_le32(c + 64) + load_le32(c + 68), f->size);
		f->data[at] -= sum(f->data + load_le32(c + 64), load_le32(c + 68));
		break;
	default: ck_abort_msg("unknown command");
	}
}

static void run_script(void)
{
	uint32_t size;
	uint8_t *script = load_file("etc/table-loader", &size);

	ck_assert_uint_eq(size % 128, 0);
	for (uint32_t at = 0; at < size; at += 128)
		execute(script + at);
}

static void dump(const char *name, const uint8_t *table, uint32_t len)
{
	const char *folder = getenv("TABLES_DUMP");
	char path[256];
	FILE *out;

	if (!folder)
		return;
	snprintf(path, sizeof(path), "%s/%.4s.aml", folder, name);
	out = fopen(path, "wb");
	fwrite(table, 1, len, out);
	fclose(out);
}

START_TEST(acpi)
{
	struct machine *m = machine_get();
	struct file *tables, *rsdp;
	const uint8_t *rsdt, *fadt;
	uint32_t count;

	m->acpi_tables = g_ptr_array_new();
	board_new("pc", 2);
	/* firmware has moved the PM ports */
	outl(0xcf8, 0x80000b40);
	outl(0xcfc, 0xb001);
	run_script();
	tables = file((const uint8_t *)"etc/acpi/tables");
	rsdp = file((const uint8_t *)"etc/acpi/rsdp");
	ck_assert_uint_eq(sum(rsdp->data, 20), 0);
	rsdt = tables->data + load_le32(rsdp->data + 16) - tables->addr;
	ck_assert_int_eq(memcmp(rsdt, "RSDT", 4), 0);
	ck_assert_uint_eq(sum(rsdt, load_le32(rsdt + 4)), 0);
	count = (load_le32(rsdt + 4) - 36) / 4;
	ck_assert_uint_eq(count, 4);
	for (uint32_t i = 0; i < count; i++) {
		const uint8_t *t = tables->data + load_le32(rsdt + 36 + 4 * i) - tables->addr;

		ck_assert_uint_eq(sum(t, load_le32(t + 4)), 0);
		dump((const char *)t, t, load_le32(t + 4));
	}
	fadt = tables->data + load_le32(rsdt + 36) - tables->addr;
	ck_assert_int_eq(memcmp(fadt, "FACP", 4), 0);
	ck_assert_uint_eq(load_le32(fadt + 76), 0xb008);
	ck_assert_uint_eq(load_le32(fadt + 36) % 64, 0);
	fadt = tables->data + load_le32(fadt + 40) - tables->addr;
	ck_assert_int_eq(memcmp(fadt, "DSDT", 4), 0);
	ck_assert_uint_eq(sum(fadt, load_le32(fadt + 4)), 0);
	dump("DSDT", fadt, load_le32(fadt + 4));
}
END_TEST

START_TEST(smbios)
{
	static const uint8_t expected[] = {0, 1, 3, 4, 16, 17, 19, 32, 127};
	struct machine *m = machine_get();
	uint32_t size, anchor_size, at = 0;
	unsigned int n = 0;
	uint8_t *tables, *anchor;

	m->smbios = g_ptr_array_new();
	g_ptr_array_add(m->smbios,
			(char *)"type=0,vendor=me,version=1,date=01/02/2003,release=4.5");
	g_ptr_array_add(m->smbios,
			(char *)"type=1,serial=4711,uuid=00112233-4455-6677-8899-aabbccddeeff");
	board_new("pc", 1);
	tables = load_file("etc/smbios/smbios-tables", &size);
	anchor = load_file("etc/smbios/smbios-anchor", &anchor_size);
	ck_assert_uint_eq(anchor_size, 31);
	ck_assert_uint_eq(sum(anchor, 31), 0);
	ck_assert_uint_eq(sum(anchor + 16, 15), 0);
	ck_assert_uint_eq(load_le16(anchor + 22), size);
	ck_assert_uint_eq(load_le16(anchor + 28), sizeof(expected));
	while (at < size) {
		ck_assert_uint_eq(tables[at], expected[n++]);
		if (tables[at] == 1)
			ck_assert_int_eq(
				memcmp(tables + at + 8, "\x33\x22\x11\x00\x55\x44\x77\x66", 8), 0);
		if (tables[at] == 17)
			ck_assert_uint_eq(load_le16(tables + at + 12), 16);
		at += tables[at + 1];
		while (tables[at] || tables[at + 1])
			at++;
		at += 2;
	}
	ck_assert_uint_eq(n, sizeof(expected));
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {keys, direct_memory_access, acpi, smbios, NULL};
	return board_suite("firmware", tests);
}
