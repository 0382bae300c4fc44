/* Sparse extents of a VMDK: the grains that their tables name. */
#include "storage/vmdk.h"

#include "base/bytes.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <zlib.h>

/* --- tables --- */

static int load_table(struct vmdk_extent *e, uint32_t sector)
{
	if (e->table_at == sector)
		return 0;
	if (!e->table)
		e->table = g_new(uint32_t, e->gtes);
	e->table_at = 0;
	int err = image_pread_padded(e->file, sector * 512ull, e->table, e->gtes * 4ull);
	if (!err)
		e->table_at = sector;
	return err;
}

/* The grain table entry for a grain of the extent: 0 none, 1 zeroes (if the extent has those). */
static int find_grain(struct vmdk_extent *e, uint64_t grain, uint32_t *entry)
{
	uint64_t index = grain / e->gtes;

	*entry = 0;
	if (index >= e->directory_size || !e->directory[index])
		return 0;
	int err = load_table(e, e->directory[index]);
	if (!err)
		*entry = load_le32(&e->table[grain % e->gtes]);
	return err;
}

static int new_table(struct vmdk_extent *e, uint32_t *directory, uint64_t index, uint64_t dir_at)
{
	uint64_t at = (e->file->size + 511) & ~UINT64_C(511);
	uint8_t le[4];

	if (at / 512 > UINT32_MAX)
		return EFBIG;
	int err = image_write_zeroes(e->file, at, (e->gtes * 4ull + 511) & ~511ull, 0);
	store_le32(le, (uint32_t)(at / 512));
	if (!err)
		err = image_pwrite(e->file, dir_at + 4 * index, le, 4);
	if (!err)
		directory[index] = (uint32_t)(at / 512);
	return err;
}

/* Puts a grain into its table and into the copy of that. */
static int set_grain(struct vmdk_extent *e, uint64_t grain, uint32_t entry, uint64_t dir_at)
{
	uint64_t index = grain / e->gtes, slot = grain % e->gtes;
	uint8_t le[4];
	int err = 0;

	if (index >= e->directory_size)
		return EIO;
	if (!e->directory[index]) { /* COWD: tables are made as they are needed */
		if (e->version != 3)
			return EIO;
		err = new_table(e, e->directory, index, dir_at);
	}
	if (!err)
		err = load_table(e, e->directory[index]);
	if (err)
		return err;
	store_le32(le, entry);
	memcpy(&e->table[slot], le, 4);
	err = image_pwrite(e->file, e->directory[index] * 512ull + 4 * slot, le, 4);
	if (!err && e->backup_directory && e->backup_directory[index])
		err = image_pwrite(e->file, e->backup_directory[index] * 512ull + 4 * slot, le, 4);
	return err;
}

static int unpack_grain(struct vmdk_extent *e, uint64_t grain, uint32_t sector)
{
	size_t size = e->grain * 512ull;
	uint32_t packed_size = (uint32_t)size + 512;
	uint64_t at = sector * 512ull;
	uint8_t marker[12];

	if (e->unpacked && e->unpacked_grain == grain)
		return 0;
	if (!e->unpacked)
		e->unpacked = g_malloc(size);
	e->unpacked_grain = UINT64_MAX;
	if (e->markers) {
		int err = image_pread_padded(e->file, at, marker, sizeof(marker));
		if (err)
			return err;
		packed_size = load_le32(marker + 8);
		at += sizeof(marker);
		if (packed_size > 2 * size + 512)
			return EINVAL;
	}
	uint8_t *packed = g_malloc(packed_size);
	int err = image_pread_padded(e->file, at, packed, packed_size);
	uLongf len = size;
	memset(e->unpacked, 0, size);
	if (!err && uncompress(e->unpacked, &len, packed, packed_size) != Z_OK)
		err = EINVAL;
	g_free(packed);
	if (!err)
		e->unpacked_grain = grain;
	return err;
}

/* --- reading --- */

int vmdk_read_grain(struct image *img, struct vmdk_extent *e, uint64_t offset, uint8_t *buf,
		    size_t len)
{
	uint64_t in = offset - e->start * 512, size = e->grain * 512ull;
	uint64_t grain = in / size, skip = in % size;
	uint32_t entry;
	int err = find_grain(e, grain, &entry);

	if (err)
		return err;
	if (!entry)
		return image_read_backing(img, offset, buf, len);
	if (entry == 1 && e->zero_grains) {
		memset(buf, 0, len);
		return 0;
	}
	if (!e->compressed)
		return image_pread_padded(e->file, entry * 512ull + skip, buf, len);
	err = unpack_grain(e, grain, entry);
	if (!err)
		memcpy(buf, e->unpacked + skip, len);
	return err;
}

/* --- writing --- */

static uint64_t directory_offset(struct vmdk_extent *e)
{
	uint8_t le[4];

	/* COWD only: its header names the directory */
	return image_pread_padded(e->file, 20, le, 4) ? 0 : load_le32(le) * 512ull;
}

int vmdk_write_grain(struct image *img, struct vmdk_extent *e, uint64_t offset, const uint8_t *buf,
		     size_t len)
{
	uint64_t in = offset - e->start * 512, size = e->grain * 512ull;
	uint64_t grain = in / size, skip = in % size;
	uint32_t entry;
	int err = find_grain(e, grain, &entry);

	if (err)
		return err;
	if (e->compressed)
		return EIO;
	if (entry > 1 || (entry == 1 && !e->zero_grains))
		return image_pwrite(e->file, entry * 512ull + skip, buf, len);
	uint64_t at = (e->file->size + 511) & ~UINT64_C(511);
	if (at / 512 > UINT32_MAX)
		return EFBIG;
	uint64_t start = offset - skip;
	uint8_t *whole = g_malloc0(size);
	if (len != size && !entry && start < img->size)
		err = image_read_backing(img, start, whole, MIN(size, img->size - start));
	memcpy(whole + skip, buf, len);
	if (!err)
		err = image_pwrite(e->file, at, whole, size);
	g_free(whole);
	return err ? err
		   : set_grain(e, grain, (uint32_t)(at / 512),
			       e->version == 3 ? directory_offset(e) : 0);
}

/* --- looking --- */

static int map_grain(struct vmdk_extent *e, uint64_t in, struct image_extent *x)
{
	uint32_t entry;
	int err = find_grain(e, in / (e->grain * 512ull), &entry);

	x->allocated = entry != 0;
	x->zero = entry == 1 && e->zero_grains;
	x->data = entry && !x->zero;
	x->compressed = x->data && e->compressed;
	x->has_offset = x->data && !e->compressed && !e->own_file;
	x->offset = entry * 512ull + in % (e->grain * 512ull);
	return err;
}

/* Grains that one call looks at: hostile images have any number of them. */
#define MAX_MAPPED 8192u

int vmdk_map_grains(struct vmdk_extent *e, uint64_t in, uint64_t len, struct image_extent *x,
		    uint64_t *run)
{
	uint64_t size = e->grain * 512ull, n = size - in % size;
	int err = map_grain(e, in, x);
	uint64_t stop = MIN(len, n + MAX_MAPPED * size);

	while (!err && n < stop) {
		struct image_extent next;
		err = map_grain(e, in + n, &next);
		if (next.allocated != x->allocated || next.zero != x->zero ||
		    (x->has_offset && next.offset != x->offset + n))
			break;
		n += size;
	}
	*run = n;
	return err;
}

/* What the tables name must be inside the file. */
static void check_table(struct vmdk_extent *e, struct image_check *r)
{
	for (uint32_t i = 0; i < e->gtes; i++) {
		if (load_le32(&e->table[i]) * 512ull < e->file->size)
			continue;
		if (r->out)
			fprintf(r->out, "ERROR: cluster offset after file size\n");
		r->corruptions++;
	}
}

struct error *vmdk_check_extent(struct vmdk_extent *e, struct image_check *r)
{
	for (uint32_t i = 0; i < e->directory_size; i++) {
		if (!e->directory[i])
			continue;
		if (e->directory[i] * 512ull >= e->file->size) {
			if (r->out)
				fprintf(r->out, "ERROR: grain table after file size\n");
			r->corruptions++;
			continue;
		}
		int err = load_table(e, e->directory[i]);
		if (err)
			return error_errno(err, "Could not read a grain table");
		check_table(e, r);
	}
	return NULL;
}
