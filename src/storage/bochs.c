/*
 * Growing disk images of Bochs (its "redolog" format), read-only. Header, little endian:
 *	0 "Bochs Virtual HD Image"  32 "Redolog"  48 "Growing"  64 version  68 header size
 *	72 catalog entries  76 bitmap bytes  80 extent bytes  84 (v1) or 88 (v2) disk size
 * An extent is its bitmap of sectors, then the sectors.
 */
#include "storage/cluster-io.h"
#include "storage/drivers.h"

#include "base/bytes.h"

#include <errno.h>
#include <string.h>

#define BOCHS_HEADER	  512u
#define BOCHS_V1	  0x00010000u
#define BOCHS_V2	  0x00020000u
#define BOCHS_MAX_CATALOG (32u << 20)

struct bochs {
	struct cluster_io io;
	uint32_t *catalog, entries;
	uint32_t bitmap_blocks, extent_blocks, extent_size;
	uint64_t data;
	/* the bitmap last looked at */
	uint8_t *bitmap;
	uint64_t bitmap_at;
};

static int bochs_probe(const uint8_t *head, size_t len, const char *filename)
{
	if (len < BOCHS_HEADER || strncmp((const char *)head, "Bochs Virtual HD Image", 32) ||
	    strncmp((const char *)head + 32, "Redolog", 16) ||
	    strncmp((const char *)head + 48, "Growing", 16))
		return 0;
	uint32_t version = load_le32(head + 64);
	return version == BOCHS_V1 || version == BOCHS_V2 ? 100 : 0;
}

static int bochs_find(struct image *img, uint64_t index, struct cluster_place *p)
{
	struct bochs *b = img->state;
	uint64_t extent = index * 512 / b->extent_size;
	uint64_t sector = index * 512 % b->extent_size / 512;
	uint32_t entry = extent < b->entries ? load_le32(&b->catalog[extent]) : UINT32_MAX;

	p->kind = CLUSTER_ABSENT;
	if (entry == UINT32_MAX)
		return 0;
	uint64_t at = b->data + 512ull * entry * (b->extent_blocks + b->bitmap_blocks);
	if (b->bitmap_at != at) {
		b->bitmap_at = UINT64_MAX;
		int err = image_pread_padded(img->file, at, b->bitmap, b->bitmap_blocks * 512ull);
		if (err)
			return err;
		b->bitmap_at = at;
	}
	if (b->bitmap[sector / 8] >> (sector % 8) & 1) {
		p->kind = CLUSTER_DATA;
		p->offset = at + 512ull * (b->bitmap_blocks + sector);
	}
	return 0;
}

static const struct cluster_ops bochs_ops = {bochs_find, NULL, NULL, NULL};

static struct error *bochs_open(struct image *img)
{
	struct bochs *b = img->state;
	uint8_t h[BOCHS_HEADER];
	int e = image_pread_padded(img->file, 0, h, sizeof(h));

	if (e)
		return error_errno(e, "Could not read the header");
	if (!bochs_probe(h, sizeof(h), ""))
		return error_new("Image not in Bochs format");
	if (!img->readonly) {
		struct error *err = error_new("bochs images can only be read");
		err->code = EACCES;
		return err;
	}
	img->size = load_le64(h + (load_le32(h + 64) == BOCHS_V1 ? 84 : 88)) & ~UINT64_C(511);
	b->entries = load_le32(h + 72);
	uint32_t bitmap = load_le32(h + 76);
	b->extent_size = load_le32(h + 80);
	if (b->entries > BOCHS_MAX_CATALOG / 4)
		return error_new("Catalog size is too large");
	if (b->extent_size < 512)
		return error_new("Extent size must be at least 512");
	if (b->extent_size & (b->extent_size - 1))
		return error_new("Extent size %u is not a power of two", b->extent_size);
	if (b->extent_size > 0x800000)
		return error_new("Extent size %u is too large", b->extent_size);
	if (!bitmap || bitmap > 0x800000 || bitmap < b->extent_size / 512 / 8)
		return error_new("Bitmap size %u does not fit to the extents", bitmap);
	if (b->entries < (img->size + b->extent_size - 1) / b->extent_size)
		return error_new("Catalog size is too small for this disk size");
	b->bitmap_blocks = 1 + (bitmap - 1) / 512;
	b->extent_blocks = 1 + (b->extent_size - 1) / 512;
	uint32_t header = load_le32(h + 68);
	b->data = header + b->entries * 4ull;
	struct error *err =
		cluster_read_table(img, header, b->entries, BOCHS_MAX_CATALOG, &b->catalog);
	if (err)
		return err;
	b->bitmap = g_malloc(b->bitmap_blocks * 512ull);
	b->bitmap_at = UINT64_MAX;
	cluster_io_init(img, &bochs_ops, 512);
	return NULL;
}

static void bochs_close(struct image *img)
{
	struct bochs *b = img->state;

	cluster_io_clear(img);
	g_free(b->catalog);
	g_free(b->bitmap);
}

const struct image_driver bochs_driver = {
	.name = "bochs",
	.help = "growing disk images of Bochs",
	.state_size = sizeof(struct bochs),
	.probe = bochs_probe,
	.open = bochs_open,
	.close = bochs_close,
	.pread = cluster_pread,
	.map = cluster_map,
};
