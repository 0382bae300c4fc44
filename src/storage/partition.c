#include "storage/partition.h"

#include "base/bytes.h"

#include <string.h>

enum { MBR_TABLE = 446, MBR_ENTRY = 16, TYPE_GPT = 0xee };

static bool is_extended(uint8_t type)
{
	return type == 0x05 || type == 0x0f || type == 0x85;
}

static int read_table(struct image *img, uint64_t sector, uint8_t mbr[512])
{
	if (sector > img->size / 512 - 1 || image_pread(img, sector * 512, mbr, 512))
		return -1;
	return mbr[510] == 0x55 && mbr[511] == 0xaa ? 0 : -1;
}

/* Logical partitions are a chain: each table has one partition and a link. */
static bool find_logical(struct image *img, uint64_t start, unsigned int number, uint64_t *offset,
			 uint64_t *size)
{
	uint64_t table = start;
	uint8_t mbr[512];

	for (unsigned int n = 5; n <= 255; n++) {
		if (read_table(img, table, mbr))
			return false;
		const uint8_t *e = mbr + MBR_TABLE, *link = e + MBR_ENTRY;
		if (n == number) {
			*offset = (table + load_le32(e + 8)) * 512;
			*size = (uint64_t)load_le32(e + 12) * 512;
			return *size != 0;
		}
		if (!is_extended(link[4]))
			return false;
		table = start + load_le32(link + 8);
	}
	return false;
}

static bool find_gpt(struct image *img, unsigned int number, uint64_t *offset, uint64_t *size)
{
	uint8_t header[512], entry[128];

	if (image_pread(img, 512, header, 512) || memcmp(header, "EFI PART", 8))
		return false;
	uint64_t table = load_le64(header + 72);
	uint32_t count = load_le32(header + 80), entry_size = load_le32(header + 84);
	if (number > count || entry_size < 128 || entry_size > 65536 || table > img->size / 512)
		return false;
	uint64_t at = table * 512 + (uint64_t)(number - 1) * entry_size;
	if (at > img->size || image_pread(img, at, entry, sizeof(entry)) ||
	    buffer_is_zero(entry, 16))
		return false;
	uint64_t first = load_le64(entry + 32), last = load_le64(entry + 40);
	if (last < first || last >= img->size / 512)
		return false;
	*offset = first * 512;
	*size = (last - first + 1) * 512;
	return true;
}

static bool find_mbr(struct image *img, const uint8_t *mbr, unsigned int number, uint64_t *offset,
		     uint64_t *size)
{
	for (unsigned int i = 0; i < 4; i++) {
		const uint8_t *e = mbr + MBR_TABLE + MBR_ENTRY * i;
		if (number > 4 && is_extended(e[4]) &&
		    find_logical(img, load_le32(e + 8), number, offset, size))
			return true;
		if (i + 1 == number && load_le32(e + 12)) {
			*offset = (uint64_t)load_le32(e + 8) * 512;
			*size = (uint64_t)load_le32(e + 12) * 512;
			return true;
		}
	}
	return false;
}

struct error *partition_find(struct image *img, unsigned int number, uint64_t *offset,
			     uint64_t *size)
{
	uint8_t mbr[512];
	bool found;

	if (img->size < 1024 || read_table(img, 0, mbr))
		return error_new("Could not find partition %u: no partition table", number);
	if (mbr[MBR_TABLE + 4] == TYPE_GPT)
		found = find_gpt(img, number, offset, size);
	else
		found = find_mbr(img, mbr, number, offset, size);
	if (!found)
		return error_new("Could not find partition %u", number);
	if (*offset > img->size || *size > img->size - *offset)
		return error_new("Partition %u reaches behind the end of the image", number);
	return NULL;
}
