/*
 * Disk images of Mac OS X (UDIF), read-only. The file ends in a 512-byte trailer ("koly"), which
 * says where the property list is; its "blkx" entries hold, in base 64, block tables ("mish") of
 * chunks: zeroes, plain bytes, or zlib or bzip2 streams. All numbers are big endian.
 */
#include "storage/drivers.h"

#include "base/bytes.h"

#include <bzlib.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#define DMG_TRAILER   512u
#define DMG_MAX_PLIST (16u << 20)
/* The longest chunk: 64 MiB packed or unpacked. */
#define DMG_MAX_CHUNK (64u << 20)
#define MISH_HEADER   204u
#define MISH_ENTRY    40u

enum dmg_kind {
	DMG_ZERO = 0x00000000,
	DMG_RAW = 0x00000001,
	DMG_IGNORE = 0x00000002,
	DMG_ZLIB = 0x80000005,
	DMG_BZIP2 = 0x80000006,
	DMG_COMMENT = 0x7ffffffe,
	DMG_END = 0xffffffff,
};

struct chunk {
	uint32_t kind;
	uint64_t sector, sectors; /* of the disk */
	uint64_t offset, length;  /* in the file */
};

struct dmg {
	GArray *chunks; /* struct chunk, by sector */
	uint64_t data_offset;
	uint8_t *unpacked, *packed;
	const struct chunk *current;
};

static int dmg_probe(const uint8_t *head, size_t len, const char *filename)
{
	return g_str_has_suffix(filename, ".dmg") ? 2 : 0;
}

static int read_file(struct image *file, uint64_t offset, void *buf, size_t len)
{
	if (offset > file->size || len > file->size - offset)
		return EIO;
	return image_pread(file, offset, buf, len);
}

/* --- block tables --- */

static struct error *check_chunk(const struct chunk *c)
{
	bool packed = c->kind == DMG_ZLIB || c->kind == DMG_BZIP2;

	if (c->sectors > IMAGE_MAX_SIZE / 512 || c->sector > IMAGE_MAX_SIZE / 512 - c->sectors)
		return error_new("sector count %" G_GUINT64_FORMAT " is too large", c->sectors);
	if (packed && (c->sectors * 512 > DMG_MAX_CHUNK || c->length > DMG_MAX_CHUNK))
		return error_new("chunk of %" G_GUINT64_FORMAT " bytes is larger than max (%u)",
				 MAX(c->sectors * 512, c->length), DMG_MAX_CHUNK);
	return NULL;
}

static struct error *add_table(struct dmg *d, const uint8_t *p, size_t len)
{
	if (len < MISH_HEADER || load_be32(p) != 0x6d697368)
		return NULL; /* something else that the list holds */
	uint64_t first = load_be64(p + 8), data = load_be64(p + 24);
	size_t count = (len - MISH_HEADER) / MISH_ENTRY;

	if (first > IMAGE_MAX_SIZE / 512)
		return error_new("a block table begins behind every disk");
	for (size_t i = 0; i < count; i++) {
		const uint8_t *e = p + MISH_HEADER + MISH_ENTRY * i;
		struct chunk c = {load_be32(e), load_be64(e + 8), load_be64(e + 16),
				  load_be64(e + 24), load_be64(e + 32)};
		if (c.kind == DMG_COMMENT || c.kind == DMG_END || !c.sectors)
			continue;
		if (c.kind != DMG_ZERO && c.kind != DMG_RAW && c.kind != DMG_IGNORE &&
		    c.kind != DMG_ZLIB && c.kind != DMG_BZIP2)
			return error_new("unknown kind of chunk: %#x", c.kind);
		struct error *err = check_chunk(&c);
		if (err)
			return err;
		c.sector += first;
		c.offset += data + d->data_offset;
		g_array_append_val(d->chunks, c);
	}
	return NULL;
}

/* <data> elements of the property list. */
static struct error *read_plist(struct dmg *d, const char *text)
{
	struct error *err = NULL;

	while (!err && (text = strstr(text, "<data>"))) {
		text += 6;
		const char *end = strstr(text, "</data>");
		if (!end)
			return error_new("the property list is cut short");
		char *b64 = g_strndup(text, (gsize)(end - text));
		gsize len;
		guchar *raw = g_base64_decode(b64, &len);
		err = add_table(d, raw, len);
		g_free(raw);
		g_free(b64);
		text = end;
	}
	return err;
}

/* Older images: a Macintosh resource fork with the same tables. */
static struct error *read_resources(struct image *img, uint64_t offset, uint64_t len)
{
	struct dmg *d = img->state;
	struct error *err = NULL;

	if (len < 0x104 || len > DMG_MAX_PLIST)
		return error_new("the resource fork has an impossible length");
	uint8_t *r = g_malloc(len);
	int e = read_file(img->file, offset, r, len);
	uint32_t at = e ? 0 : load_be32(r), size = e ? 0 : load_be32(r + 8);
	if (e)
		err = error_errno(e, "Could not read the resource fork");
	for (uint64_t end = (uint64_t)at + size; !err && at + 4ull <= MIN(end, len);) {
		uint32_t n = load_be32(r + at);
		if (n > len - at - 4)
			break;
		err = add_table(d, r + at + 4, n);
		at += 4 + n;
	}
	g_free(r);
	return err;
}

static gint by_sector(gconstpointer a, gconstpointer b)
{
	const struct chunk *x = a, *y = b;

	return x->sector < y->sector ? -1 : x->sector > y->sector;
}

/* --- open --- */

static struct error *read_tables(struct image *img, const uint8_t *t)
{
	struct dmg *d = img->state;
	uint64_t xml = load_be64(t + 0xd8), xml_len = load_be64(t + 0xe0);
	uint64_t fork = load_be64(t + 0x28), fork_len = load_be64(t + 0x30);

	d->data_offset = load_be64(t + 0x18);
	if (d->data_offset > img->file->size)
		return error_new("the data fork lies behind the end of the file");
	if (fork_len)
		return read_resources(img, fork, fork_len);
	if (!xml_len || xml_len > DMG_MAX_PLIST)
		return error_new("the property list has an impossible length");
	char *text = g_malloc0(xml_len + 1);
	int e = read_file(img->file, xml, text, xml_len);
	struct error *err =
		e ? error_errno(e, "Could not read the property list") : read_plist(d, text);
	g_free(text);
	return err;
}

static void dmg_close(struct image *img)
{
	struct dmg *d = img->state;

	g_array_free(d->chunks, TRUE);
	g_free(d->unpacked);
	g_free(d->packed);
}

static struct error *dmg_open(struct image *img)
{
	struct dmg *d = img->state;
	uint8_t t[DMG_TRAILER];

	if (!img->readonly) {
		struct error *err = error_new("dmg images can only be read");
		err->code = EACCES;
		return err;
	}
	if (img->file->size < DMG_TRAILER ||
	    read_file(img->file, img->file->size - DMG_TRAILER, t, sizeof(t)) ||
	    memcmp(t, "koly", 4))
		return error_new("Could not locate UDIF trailer in dmg file");
	d->chunks = g_array_new(FALSE, FALSE, sizeof(struct chunk));
	struct error *err = read_tables(img, t);
	if (!err && !d->chunks->len)
		err = error_new("no block tables found");
	if (err) {
		dmg_close(img);
		return err;
	}
	g_array_sort(d->chunks, by_sector);
	for (unsigned int i = 0; i < d->chunks->len; i++) {
		struct chunk *c = &g_array_index(d->chunks, struct chunk, i);
		img->size = MAX(img->size, (c->sector + c->sectors) * 512);
	}
	return NULL;
}

/* --- data --- */

static int unpack(struct image *img, const struct chunk *c)
{
	struct dmg *d = img->state;
	size_t size = c->sectors * 512;

	if (d->current == c)
		return 0;
	d->current = NULL;
	g_free(d->unpacked);
	g_free(d->packed);
	d->unpacked = g_malloc0(size);
	d->packed = g_malloc(MAX(c->length, 1));
	int err = read_file(img->file, c->offset, d->packed, c->length);
	if (err)
		return err;
	if (c->kind == DMG_ZLIB) {
		uLongf n = size;
		if (uncompress(d->unpacked, &n, d->packed, c->length) != Z_OK || n != size)
			return EIO;
	} else {
		unsigned int n = (unsigned int)size;
		if (BZ2_bzBuffToBuffDecompress((char *)d->unpacked, &n, (char *)d->packed,
					       (unsigned int)c->length, 0, 0) != BZ_OK ||
		    n != size)
			return EIO;
	}
	d->current = c;
	return 0;
}

/* The chunk of a sector, or NULL; *gap: bytes up to the next one. */
static const struct chunk *find_chunk(struct dmg *d, uint64_t sector, uint64_t *gap)
{
	unsigned int low = 0, high = d->chunks->len;

	while (low < high) {
		unsigned int mid = (low + high) / 2;
		const struct chunk *c = &g_array_index(d->chunks, struct chunk, mid);
		if (sector < c->sector)
			high = mid;
		else if (sector >= c->sector + c->sectors)
			low = mid + 1;
		else
			return c;
	}
	*gap = low < d->chunks->len
		       ? (g_array_index(d->chunks, struct chunk, low).sector - sector) * 512
		       : UINT64_MAX;
	return NULL;
}

static int dmg_pread(struct image *img, uint64_t offset, void *buf, size_t len)
{
	struct dmg *d = img->state;
	uint8_t *b = buf;
	int err = 0;

	while (len && !err) {
		uint64_t gap = 0, skip;
		const struct chunk *c = find_chunk(d, offset / 512, &gap);
		size_t n;
		if (!c) {
			n = MIN(len, gap - offset % 512);
			memset(b, 0, n);
		} else {
			skip = offset - c->sector * 512;
			n = MIN(len, c->sectors * 512 - skip);
			if (c->kind == DMG_RAW) {
				err = c->offset > IMAGE_MAX_SIZE
					      ? EIO
					      : read_file(img->file, c->offset + skip, b, n);
			} else if (c->kind == DMG_ZERO || c->kind == DMG_IGNORE) {
				memset(b, 0, n);
			} else {
				err = unpack(img, c);
				if (!err)
					memcpy(b, d->unpacked + skip, n);
			}
		}
		b += n;
		offset += n;
		len -= n;
	}
	return err;
}

const struct image_driver dmg_driver = {
	.name = "dmg",
	.help = "disk images of Mac OS X",
	.state_size = sizeof(struct dmg),
	.probe = dmg_probe,
	.open = dmg_open,
	.close = dmg_close,
	.pread = dmg_pread,
};
