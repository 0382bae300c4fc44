/*
 * Compressed loop images, version 2, read-only: 128 bytes of shell script, 128 block size (big
 * endian), 132 number of blocks, 136 offsets (64 bits, one more than blocks), zlib blocks.
 */
#include "storage/cluster-io.h"
#include "storage/drivers.h"

#include "base/bytes.h"

#include <errno.h>
#include <string.h>
#include <zlib.h>

#define CLOOP_TABLE	  136u
#define CLOOP_MAX_BLOCK	  (64u << 20)
#define CLOOP_MAX_OFFSETS (256u << 20)

struct cloop {
	struct cluster_io io;
	uint32_t blocks;
	uint64_t *offsets;
};

static int cloop_probe(const uint8_t *head, size_t len, const char *filename)
{
	static const char start[] =
		"#!/bin/sh\n#V2.0 Format\nmodprobe cloop file=$0 && mount -r -t ";

	return len >= sizeof(start) && !memcmp(head, start, sizeof(start) - 1) ? 2 : 0;
}

static int cloop_find(struct image *img, uint64_t index, struct cluster_place *p)
{
	struct cloop *c = img->state;

	p->kind = CLUSTER_ABSENT;
	if (index >= c->blocks)
		return 0;
	p->kind = CLUSTER_PACKED;
	p->offset = c->offsets[index];
	p->size = (uint32_t)(c->offsets[index + 1] - c->offsets[index]);
	return 0;
}

static int cloop_unpack(struct image *img, const struct cluster_place *p, const uint8_t *packed,
			uint8_t *out)
{
	struct cloop *c = img->state;
	uLongf len = c->io.size;

	return uncompress(out, &len, packed, p->size) == Z_OK && len == c->io.size ? 0 : EIO;
}

static const struct cluster_ops cloop_ops = {cloop_find, cloop_unpack, NULL, NULL};

/* Offsets rise, and no block is more than twice as long as what is in it. */
static struct error *check_offsets(struct cloop *c, uint32_t block)
{
	for (uint32_t i = 0; i <= c->blocks; i++) {
		c->offsets[i] = load_be64(&c->offsets[i]);
		if (!i)
			continue;
		if (c->offsets[i] < c->offsets[i - 1])
			return error_new("offsets not monotonically increasing at index %u, image "
					 "file is corrupt",
					 i);
		if (c->offsets[i] - c->offsets[i - 1] > 2ull * CLOOP_MAX_BLOCK)
			return error_new("invalid compressed block size at index %u, image file is "
					 "corrupt",
					 i);
	}
	return NULL;
}

static struct error *cloop_open(struct image *img)
{
	struct cloop *c = img->state;
	uint8_t h[8];
	int e = image_pread_padded(img->file, 128, h, sizeof(h));

	if (e)
		return error_errno(e, "Could not read the header");
	if (!img->readonly) {
		struct error *err = error_new("cloop images can only be read");
		err->code = EACCES;
		return err;
	}
	uint32_t block = load_be32(h);
	c->blocks = load_be32(h + 4);
	if (!block || block % 512)
		return error_new("block_size %u must be a multiple of 512", block);
	if (block > CLOOP_MAX_BLOCK)
		return error_new("block_size %u must be %u MB or less", block,
				 CLOOP_MAX_BLOCK >> 20);
	uint64_t bytes = (c->blocks + UINT64_C(1)) * 8;
	if (bytes > CLOOP_MAX_OFFSETS || bytes + CLOOP_TABLE > img->file->size)
		return error_new("image requires too many offsets, try increasing block size");
	c->offsets = g_malloc(bytes);
	e = image_pread_padded(img->file, CLOOP_TABLE, c->offsets, bytes);
	struct error *err =
		e ? error_errno(e, "Could not read the offsets") : check_offsets(c, block);
	if (err) {
		g_free(c->offsets);
		return err;
	}
	img->size = (uint64_t)c->blocks * block;
	cluster_io_init(img, &cloop_ops, block);
	return NULL;
}

static void cloop_close(struct image *img)
{
	cluster_io_clear(img);
	g_free(((struct cloop *)img->state)->offsets);
}

const struct image_driver cloop_driver = {
	.name = "cloop",
	.help = "compressed loop images",
	.state_size = sizeof(struct cloop),
	.probe = cloop_probe,
	.open = cloop_open,
	.close = cloop_close,
	.pread = cluster_pread,
	.map = cluster_map,
};
