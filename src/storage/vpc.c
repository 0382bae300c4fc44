/*
 * VHD, the disk image of Virtual PC ("Virtual Hard Disk Image Format Specification" 1.0): fixed and
 * dynamic disks. All numbers are big endian. The footer (512 bytes, also copied to the front of a
 * dynamic disk): 0 "conectix"  16 offset of the dynamic header  28 creator  40, 48 size
 * 56 geometry  60 type  64 checksum  68 UUID. Dynamic header: 0 "cxsparse"  16 table offset
 * 28 table entries  32 block size  36 checksum. A block is its bitmap of sectors, then the sectors.
 */
#include "storage/cluster-io.h"
#include "storage/drivers.h"

#include "base/bytes.h"

#include <errno.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

#define VPC_FOOTER    512u
#define VPC_DYNAMIC   1024u
#define VPC_FREE      0xffffffffu
#define VPC_BLOCK     (2u << 20)
#define VPC_MAX_TABLE (16u << 20)
#define VPC_EPOCH     946684800 /* 2000-01-01 */
/* The largest geometry; larger disks give their size in bytes. */
#define VPC_MAX_CHS (UINT64_C(65535) * 16 * 255)
/* Bytes that a table of 2 MiB blocks with 32-bit sector numbers reaches. */
#define VPC_MAX_SIZE (UINT64_C(2040) << 30)

enum { VPC_FIXED = 2, VPC_SPARSE = 3, VPC_DIFFERENCING = 4 };

struct vpc {
	struct cluster_io io;
	bool fixed;
	uint32_t *table, entries, bitmap_size;
	uint64_t table_offset, end; /* `end`: where the footer of a dynamic disk is */
	uint8_t footer[VPC_FOOTER];
};

static int vpc_probe(const uint8_t *head, size_t len, const char *filename)
{
	return len >= 8 && !memcmp(head, "conectix", 8) ? 100 : 0;
}

static uint32_t checksum(const uint8_t *p, size_t len)
{
	uint32_t sum = 0;

	for (size_t i = 0; i < len; i++)
		sum += p[i];
	return ~sum;
}

/* --- data --- */

static int vpc_find(struct image *img, uint64_t index, struct cluster_place *p)
{
	struct vpc *v = img->state;
	uint32_t entry = index < v->entries ? load_be32(&v->table[index]) : VPC_FREE;

	p->kind = entry == VPC_FREE ? CLUSTER_ABSENT : CLUSTER_DATA;
	p->offset = (uint64_t)entry * 512 + v->bitmap_size;
	return 0;
}

/* The new block overwrites the footer, which is written again behind it. */
static int vpc_allocate(struct image *img, uint64_t index, struct cluster_place *p)
{
	struct vpc *v = img->state;
	uint64_t at = v->end;

	if (index >= v->entries)
		return EIO;
	if (at / 512 >= VPC_FREE)
		return EFBIG;
	int err = image_write_zeroes(img->file, at, v->bitmap_size + v->io.size, 0);
	if (!err)
		err = image_pwrite(img->file, at + v->bitmap_size + v->io.size, v->footer,
				   VPC_FOOTER);
	if (!err) { /* all sectors are there */
		uint8_t *bits = g_malloc(v->bitmap_size);
		memset(bits, 0xff, v->bitmap_size);
		err = image_pwrite(img->file, at, bits, v->bitmap_size);
		g_free(bits);
	}
	if (!err)
		v->end = at + v->bitmap_size + v->io.size;
	p->offset = at + v->bitmap_size;
	return err;
}

static int vpc_enter(struct image *img, uint64_t index, const struct cluster_place *p)
{
	struct vpc *v = img->state;

	store_be32(&v->table[index], (uint32_t)((p->offset - v->bitmap_size) / 512));
	return image_pwrite(img->file, v->table_offset + 4 * index, &v->table[index], 4);
}

static const struct cluster_ops vpc_ops = {vpc_find, NULL, vpc_allocate, vpc_enter};

static int vpc_pread(struct image *img, uint64_t offset, void *buf, size_t len)
{
	struct vpc *v = img->state;

	return v->fixed ? image_pread(img->file, offset, buf, len)
			: cluster_pread(img, offset, buf, len);
}

static int vpc_pwrite(struct image *img, uint64_t offset, const void *buf, size_t len)
{
	struct vpc *v = img->state;

	return v->fixed ? image_pwrite(img->file, offset, buf, len)
			: cluster_pwrite(img, offset, buf, len);
}

static int vpc_map(struct image *img, uint64_t offset, uint64_t len, struct image_extent *e)
{
	struct vpc *v = img->state;

	if (!v->fixed) {
		int err = cluster_map(img, offset, len, e);
		e->allocated = true; /* there is nothing below: what is absent is zero */
		return err;
	}
	*e = (struct image_extent){.length = len,
				   .data = true,
				   .allocated = true,
				   .has_offset = true,
				   .offset = offset};
	return 0;
}

/* --- open --- */

/* Programs whose disks are as long as they say; others mean the geometry. */
static bool size_is_meant(const uint8_t *creator)
{
	static const char exact[][5] = {"win ", "qem2", "d2v ", "tap", "vs  ", "wa"};

	for (unsigned int i = 0; i < G_N_ELEMENTS(exact); i++)
		if (!memcmp(creator, exact[i], 4))
			return true;
	return false;
}

static uint64_t current_size(const uint8_t *footer)
{
	return load_be64(footer + 48) & ~UINT64_C(511);
}

/* The largest geometry stands for disks that none describes. */
static uint64_t chs_size(const uint8_t *footer)
{
	uint64_t sectors = (uint64_t)load_be16(footer + 56) * footer[58] * footer[59];

	return sectors == VPC_MAX_CHS ? current_size(footer) : sectors * 512;
}

static struct error *read_dynamic(struct image *img, uint64_t at)
{
	struct vpc *v = img->state;
	uint8_t h[VPC_DYNAMIC];

	if (at > img->file->size - VPC_FOOTER)
		return error_new("the dynamic header lies behind the end of the file");
	int e = image_pread_padded(img->file, at, h, sizeof(h));
	if (e)
		return error_errno(e, "Error reading dynamic VHD header");
	if (memcmp(h, "cxsparse", 8))
		return error_new("Invalid header magic");
	uint32_t block = load_be32(h + 32);
	if (block < 512 || (block & (block - 1)) || block > 256 << 20)
		return error_new("Invalid block size %u", block);
	v->bitmap_size = (block / 512 / 8 + 511) & ~511u;
	v->entries = load_be32(h + 28);
	if (v->entries > INT32_MAX / 4)
		return error_new("Max Table Entries too large (%u)", v->entries);
	if ((uint64_t)v->entries * block < img->size)
		return error_new("Page table too small");
	v->table_offset = load_be64(h + 16);
	struct error *err =
		cluster_read_table(img, v->table_offset, v->entries, VPC_MAX_TABLE, &v->table);
	if (err)
		return err;
	/* New blocks go behind the table and behind every block. */
	v->end = (v->table_offset + v->entries * 4ull + 511) & ~UINT64_C(511);
	for (uint32_t i = 0; i < v->entries; i++) {
		uint32_t entry = load_be32(&v->table[i]);
		if (entry != VPC_FREE)
			v->end = MAX(v->end, (uint64_t)entry * 512 + v->bitmap_size + block);
	}
	if (v->end > img->file->size) {
		g_free(v->table);
		return error_new("block-vpc: free_data_block_offset points after the end of file. "
				 "The image has been truncated.");
	}
	cluster_io_init(img, &vpc_ops, block);
	img->cluster_size = block;
	return NULL;
}

static struct error *vpc_open(struct image *img)
{
	struct vpc *v = img->state;
	uint8_t *f = v->footer;
	int e = image_pread_padded(img->file, 0, f, VPC_FOOTER);

	if (!e && memcmp(f, "conectix", 8) && img->file->size >= VPC_FOOTER) {
		/* fixed disks have it at the end only */
		e = image_pread_padded(img->file, img->file->size - VPC_FOOTER, f, VPC_FOOTER);
		v->fixed = true;
	}
	if (e)
		return error_errno(e, "Unable to read VHD header");
	if (memcmp(f, "conectix", 8) || (v->fixed && load_be32(f + 60) != VPC_FIXED))
		return error_new("invalid VPC image");
	uint32_t stored = load_be32(f + 64);
	store_be32(f + 64, 0);
	if (checksum(f, VPC_FOOTER) != stored)
		warn_report("block-vpc: The header checksum of '%s' is incorrect", img->filename);
	store_be32(f + 64, stored);
	img->size = size_is_meant(f + 28) ? current_size(f) : chs_size(f);
	img->zero_init = !v->fixed || img->file->zero_init;
	if (load_be32(f + 60) == VPC_FIXED) {
		v->fixed = true;
		if (img->size > img->file->size)
			return error_new("the file is shorter than the disk");
		return NULL;
	}
	if (img->size > VPC_MAX_SIZE)
		return error_errno(EFBIG, "the disk is too large");
	if (load_be32(f + 60) == VPC_DIFFERENCING)
		return error_new("differencing VHD disks are not supported");
	return read_dynamic(img, load_be64(f + 16));
}

/* force_size_calc=chs|current_size|auto, where the creator's name misleads. */
static bool vpc_configure(struct image *img, const char *key, const char *value, struct error **err)
{
	struct vpc *v = img->state;
	uint64_t size = img->size;

	if (strcmp(key, "force_size_calc"))
		return false;
	if (!strcmp(value, "chs"))
		size = chs_size(v->footer);
	else if (!strcmp(value, "current_size"))
		size = current_size(v->footer);
	else if (strcmp(value, "auto"))
		*err = error_new("Invalid size calculation algorithm; use auto, chs or "
				 "current_size");
	if (!*err && size > (v->fixed ? img->file->size : (uint64_t)v->entries * v->io.size))
		*err = error_new("force_size_calc=%s: the disk is larger than its file or table",
				 value);
	if (!*err)
		img->size = size;
	return true;
}

static void vpc_close(struct image *img)
{
	cluster_io_clear(img);
	g_free(((struct vpc *)img->state)->table);
}

/* --- create --- */

static const struct image_opt vpc_options[] = {
	{"size", "Virtual disk size", OPT_SIZE, NULL},
	{"subformat",
	 "Type of virtual hard disk format. Supported formats are {dynamic (default) | "
	 "fixed} ",
	 OPT_STRING, NULL},
	{"force_size",
	 "Force disk size calculation to use the actual size specified, rather than "
	 "using the nearest CHS-based calculation",
	 OPT_BOOL, NULL},
	{NULL, NULL, 0, NULL},
};

struct geometry {
	uint32_t cyls, heads, secs;
};

/* Appendix "CHS calculation" of the specification. */
static struct geometry geometry_of(uint64_t sectors)
{
	struct geometry g;
	uint64_t cyls_heads;

	sectors = MIN(sectors, VPC_MAX_CHS);
	if (sectors >= UINT64_C(65535) * 16 * 63) {
		g.secs = 255;
		g.heads = 16;
		cyls_heads = sectors / g.secs;
	} else {
		g.secs = 17;
		cyls_heads = sectors / g.secs;
		g.heads = (uint32_t)((cyls_heads + 1023) / 1024);
		g.heads = MAX(g.heads, 4);
		if (cyls_heads >= g.heads * 1024ull || g.heads > 16) {
			g.secs = 31;
			g.heads = 16;
			cyls_heads = sectors / g.secs;
		}
		if (cyls_heads >= g.heads * 1024ull) {
			g.secs = 63;
			g.heads = 16;
			cyls_heads = sectors / g.secs;
		}
	}
	g.cyls = (uint32_t)(cyls_heads / g.heads);
	return g;
}

/* The smallest geometry that holds the disk. */
static struct geometry geometry_for(uint64_t sectors, uint64_t *rounded)
{
	struct geometry g = geometry_of(sectors);

	for (uint64_t i = 0;
	     (uint64_t)g.cyls * g.heads * g.secs < sectors && sectors <= VPC_MAX_CHS && i < 65536;
	     i++)
		g = geometry_of(sectors + i);
	*rounded = (uint64_t)g.cyls * g.heads * g.secs;
	return g;
}

static void make_footer(uint8_t *f, uint64_t size, struct geometry g, bool fixed, bool exact)
{
	memset(f, 0, VPC_FOOTER);
	memcpy(f, "conectix", 8);
	store_be32(f + 8, 2);
	store_be32(f + 12, 0x00010000);
	store_be64(f + 16, fixed ? UINT64_MAX : VPC_FOOTER);
	store_be32(f + 24, (uint32_t)(time(NULL) - VPC_EPOCH));
	memcpy(f + 28, exact ? "qem2" : "qemu", 4);
	store_be16(f + 32, 5);
	store_be16(f + 34, 3);
	memcpy(f + 36, "Wi2k", 4);
	store_be64(f + 40, size);
	store_be64(f + 48, size);
	store_be16(f + 56, (uint16_t)g.cyls);
	f[58] = (uint8_t)g.heads;
	f[59] = (uint8_t)g.secs;
	store_be32(f + 60, fixed ? VPC_FIXED : VPC_SPARSE);
	if (getrandom(f + 68, 16, 0) != 16)
		memset(f + 68, 1, 16);
	store_be32(f + 64, checksum(f, VPC_FOOTER));
}

static int write_dynamic(struct image *file, const uint8_t *footer, uint64_t size)
{
	uint32_t entries = (uint32_t)((size + VPC_BLOCK - 1) / VPC_BLOCK);
	size_t table_bytes = (entries * 4ull + 511) & ~511ull;
	uint64_t table_at = VPC_FOOTER + VPC_DYNAMIC;
	uint8_t h[VPC_DYNAMIC] = {0};

	memcpy(h, "cxsparse", 8);
	store_be64(h + 8, UINT64_MAX);
	store_be64(h + 16, table_at);
	store_be32(h + 24, 0x00010000);
	store_be32(h + 28, entries);
	store_be32(h + 32, VPC_BLOCK);
	store_be32(h + 36, checksum(h, VPC_DYNAMIC));
	uint8_t *table = g_malloc(table_bytes);
	memset(table, 0xff, table_bytes);
	int err = image_pwrite(file, 0, footer, VPC_FOOTER);
	if (!err)
		err = image_pwrite(file, VPC_FOOTER, h, sizeof(h));
	if (!err)
		err = image_pwrite(file, table_at, table, table_bytes);
	if (!err)
		err = image_pwrite(file, table_at + table_bytes, footer, VPC_FOOTER);
	g_free(table);
	return err;
}

static struct error *vpc_create(struct image_create *c)
{
	const char *sub = image_create_str(c, "subformat");
	bool fixed = sub && !strcmp(sub, "fixed"), exact;
	uint8_t footer[VPC_FOOTER];
	uint64_t size, sectors;
	struct image *file;
	struct error *err = image_create_size(c, "size", 0, &size);

	if (!err && sub && !fixed && strcmp(sub, "dynamic"))
		err = error_new("Invalid subformat '%s'", sub);
	if (!err)
		err = image_create_bool(c, "force_size", false, &exact);
	if (!err && size > VPC_MAX_SIZE)
		err = error_errno(EFBIG, "The requested image size is too large for VHD");
	if (err)
		return err;
	struct geometry g = geometry_for(size / 512, &sectors);
	if (exact || size / 512 > VPC_MAX_CHS)
		sectors = size / 512;
	else
		size = sectors * 512;
	if (exact) /* so that programs that go by the geometry take the size, too */
		g = (struct geometry){65535, 16, 255};
	make_footer(footer, size, g, fixed, exact);
	err = image_create_file(c->filename, fixed ? size : 0, &file);
	if (err)
		return err;
	int e = fixed ? image_pwrite(file, size, footer, VPC_FOOTER)
		      : write_dynamic(file, footer, size);
	int closed = image_close(file);
	return e || closed ? error_errno(e ? e : closed, "Could not write the image") : NULL;
}

const struct image_driver vpc_driver = {
	.name = "vpc",
	.help = "disk images of Virtual PC (VHD)",
	.state_size = sizeof(struct vpc),
	.create_options = vpc_options,
	.probe = vpc_probe,
	.open = vpc_open,
	.close = vpc_close,
	.configure = vpc_configure,
	.create = vpc_create,
	.pread = vpc_pread,
	.pwrite = vpc_pwrite,
	.map = vpc_map,
};
