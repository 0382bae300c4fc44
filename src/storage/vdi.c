/*
 * VDI, VirtualBox's disk image, version 1.1: 1 MiB blocks and a table of 32-bit block numbers.
 * Header, little endian: 64 signature  68 version  72 header size  76 type  340 table offset
 * 344 data offset  360 sector size  368 disk size  376 block size  384 blocks  388 of them used
 */
#include "storage/cluster-io.h"
#include "storage/drivers.h"

#include "base/bytes.h"

#include <errno.h>
#include <string.h>
#include <sys/random.h>

#define VDI_SIGNATURE 0xbeda107fu
#define VDI_VERSION   0x00010001u
#define VDI_HEADER    512u
#define VDI_BLOCK     (1u << 20)
#define VDI_FREE      0xffffffffu
#define VDI_ZERO      0xfffffffeu
#define VDI_MAX_TABLE (64u << 20) /* bytes: 16 TiB of disk */

enum { VDI_DYNAMIC = 1, VDI_STATIC = 2 };

struct vdi {
	struct cluster_io io;
	uint32_t *table; /* little endian, as in the file */
	uint32_t blocks, used;
	uint64_t table_offset, data_offset;
};

static int vdi_probe(const uint8_t *head, size_t len, const char *filename)
{
	return len >= 72 && load_le32(head + 64) == VDI_SIGNATURE ? 100 : 0;
}

static int vdi_find(struct image *img, uint64_t index, struct cluster_place *p)
{
	struct vdi *v = img->state;
	uint32_t entry = index < v->blocks ? load_le32(&v->table[index]) : VDI_FREE;

	p->kind = entry == VDI_FREE   ? CLUSTER_ABSENT
		  : entry == VDI_ZERO ? CLUSTER_ZERO
				      : CLUSTER_DATA;
	p->offset = v->data_offset + (uint64_t)entry * VDI_BLOCK;
	return 0;
}

static int vdi_allocate(struct image *img, uint64_t index, struct cluster_place *p)
{
	struct vdi *v = img->state;

	if (index >= v->blocks)
		return EIO;
	p->offset = v->data_offset + (uint64_t)v->used * VDI_BLOCK;
	return image_write_zeroes(img->file, p->offset, VDI_BLOCK, 0);
}

static int vdi_enter(struct image *img, uint64_t index, const struct cluster_place *p)
{
	struct vdi *v = img->state;
	uint8_t le[4];

	store_le32(&v->table[index], v->used++);
	store_le32(le, v->used);
	int err = image_pwrite(img->file, v->table_offset + 4 * index, &v->table[index], 4);
	return err ? err : image_pwrite(img->file, 388, le, sizeof(le));
}

static const struct cluster_ops vdi_ops = {vdi_find, NULL, vdi_allocate, vdi_enter};

static struct error *parse_header(struct image *img, const uint8_t *h)
{
	struct vdi *v = img->state;
	uint32_t type = load_le32(h + 76);

	if (load_le32(h + 64) != VDI_SIGNATURE)
		return error_new("Image not in VDI format (bad signature %08x)", load_le32(h + 64));
	if (load_le32(h + 68) != VDI_VERSION)
		return error_new("unsupported VDI image (version %u.%u)", load_le16(h + 70),
				 load_le16(h + 68));
	if (type != VDI_DYNAMIC && type != VDI_STATIC)
		return error_new("unsupported VDI image (type %u)", type);
	v->table_offset = load_le32(h + 340);
	v->data_offset = load_le32(h + 344);
	if (v->table_offset % 512 || v->data_offset % 512)
		return error_new("unsupported VDI image (unaligned offset)");
	if (load_le32(h + 360) != 512 || load_le32(h + 376) != VDI_BLOCK)
		return error_new("unsupported VDI image (sector size %u, block size %u)",
				 load_le32(h + 360), load_le32(h + 376));
	img->size = (load_le64(h + 368) + 511) & ~UINT64_C(511);
	v->blocks = load_le32(h + 384);
	v->used = load_le32(h + 388);
	if (img->size > IMAGE_MAX_SIZE || img->size > (uint64_t)v->blocks * VDI_BLOCK)
		return error_new("unsupported VDI image (disk size %" G_GUINT64_FORMAT
				 ", image bitmap has room for %" G_GUINT64_FORMAT ")",
				 img->size, (uint64_t)v->blocks * VDI_BLOCK);
	for (unsigned int i = 424; i < 456; i++)
		if (h[i])
			return error_new("unsupported VDI image (it has a parent)");
	return NULL;
}

static struct error *vdi_open(struct image *img)
{
	struct vdi *v = img->state;
	uint8_t h[VDI_HEADER];
	int e = image_pread_padded(img->file, 0, h, sizeof(h));
	struct error *err = e ? error_errno(e, "Could not read the header") : parse_header(img, h);

	if (err)
		return err;
	err = cluster_read_table(img, v->table_offset, v->blocks, VDI_MAX_TABLE, &v->table);
	if (err)
		return err;
	/* New blocks go behind all that are named, whatever the header counts. */
	for (uint32_t i = 0; i < v->blocks; i++) {
		uint32_t entry = load_le32(&v->table[i]);
		if (entry < VDI_ZERO && entry >= v->used)
			v->used = entry + 1;
	}
	cluster_io_init(img, &vdi_ops, VDI_BLOCK);
	img->cluster_size = VDI_BLOCK;
	img->zero_init = true;
	return NULL;
}

static void vdi_close(struct image *img)
{
	cluster_io_clear(img);
	g_free(((struct vdi *)img->state)->table);
}

static const struct image_opt vdi_options[] = {
	{"size", "Virtual disk size", OPT_SIZE, NULL},
	{"static", "VDI static (pre-allocated) image", OPT_BOOL, "off"},
	{NULL, NULL, 0, NULL},
};

static int write_vdi(struct image *file, uint64_t size, bool is_static)
{
	uint32_t blocks = (uint32_t)((size + VDI_BLOCK - 1) / VDI_BLOCK);
	size_t table_bytes = (blocks * 4ull + 511) & ~511ull;
	uint8_t h[VDI_HEADER] = {0};

	strcpy((char *)h, "<<< QEMU VM Virtual Disk Image >>>\n");
	store_le32(h + 64, VDI_SIGNATURE);
	store_le32(h + 68, VDI_VERSION);
	store_le32(h + 72, 0x180);
	store_le32(h + 76, is_static ? VDI_STATIC : VDI_DYNAMIC);
	store_le32(h + 340, VDI_HEADER);
	store_le32(h + 344, (uint32_t)(VDI_HEADER + table_bytes));
	store_le32(h + 360, 512);
	store_le64(h + 368, size);
	store_le32(h + 376, VDI_BLOCK);
	store_le32(h + 384, blocks);
	store_le32(h + 388, is_static ? blocks : 0);
	if (getrandom(h + 392, 32, 0) != 32)
		memset(h + 392, 1, 32);
	uint32_t *table = g_malloc0(table_bytes);
	for (uint32_t i = 0; i < blocks; i++)
		store_le32(&table[i], is_static ? i : VDI_FREE);
	int err = image_pwrite(file, 0, h, sizeof(h));
	if (!err)
		err = image_pwrite(file, VDI_HEADER, table, table_bytes);
	if (!err && is_static)
		err = image_write_zeroes(file, VDI_HEADER + table_bytes,
					 (uint64_t)blocks * VDI_BLOCK, 0);
	g_free(table);
	return err;
}

static struct error *vdi_create(struct image_create *c)
{
	struct image *file;
	uint64_t size;
	bool is_static;
	struct error *err = image_create_size(c, "size", 0, &size);

	if (!err)
		err = image_create_bool(c, "static", false, &is_static);
	if (!err && size / VDI_BLOCK * 4 >= VDI_MAX_TABLE)
		err = error_errno(EFBIG, "Unsupported VDI image size");
	if (!err)
		err = image_create_file(c->filename, 0, &file);
	if (err)
		return err;
	int e = write_vdi(file, size, is_static);
	int closed = image_close(file);
	return e || closed ? error_errno(e ? e : closed, "Could not write the image") : NULL;
}

/* Every block of the file is named at most once, and lies within what the header counts. */
static struct error *vdi_check(struct image *img, unsigned int fix, struct image_check *r)
{
	struct vdi *v = img->state;
	uint64_t there = img->file->size > v->data_offset
				 ? (img->file->size - v->data_offset + VDI_BLOCK - 1) / VDI_BLOCK
				 : 0;
	uint8_t *seen = g_malloc0(v->blocks / 8 + 1);

	r->total_clusters = v->blocks;
	for (uint32_t i = 0; i < v->blocks; i++) {
		uint32_t entry = load_le32(&v->table[i]);
		const char *what = NULL;
		if (entry >= VDI_ZERO)
			continue;
		r->allocated_clusters++;
		if (entry >= v->blocks || entry >= there)
			what = "lies behind the end";
		else if (seen[entry / 8] >> (entry % 8) & 1)
			what = "is used twice";
		else
			seen[entry / 8] |= (uint8_t)(1 << (entry % 8));
		if (what && r->out)
			fprintf(r->out, "ERROR: block %u of the file, for block %u, %s\n", entry, i,
				what);
		r->corruptions += what != NULL;
	}
	g_free(seen);
	return NULL;
}

const struct image_driver vdi_driver = {
	.name = "vdi",
	.help = "disk images of VirtualBox",
	.state_size = sizeof(struct vdi),
	.create_options = vdi_options,
	.probe = vdi_probe,
	.open = vdi_open,
	.close = vdi_close,
	.create = vdi_create,
	.pread = cluster_pread,
	.pwrite = cluster_pwrite,
	.map = cluster_map,
	.check = vdi_check,
};
