/*
 * screendump: a picture as PPM (netpbm's P6) or PNG (ISO/IEC 15948: signature, IHDR, IDAT, IEND;
 * 8-bit truecolour, no filter).
 */
#include "vm/display.h"

#include "base/bytes.h"

#include <errno.h>
#include <glib.h>
#include <stdio.h>
#include <zlib.h>

/* Rows of RGB, each after `lead` zero bytes (PNG's filter type 0). */
static uint8_t *rgb_rows(const struct display_surface *s, unsigned int lead, size_t *size)
{
	*size = (size_t)s->height * (lead + 3 * (size_t)s->width);
	uint8_t *rgb = g_malloc(*size), *to = rgb;

	for (unsigned int y = 0; y < s->height; y++) {
		const uint32_t *row = s->pixels + (size_t)y * s->stride;
		for (unsigned int i = 0; i < lead; i++)
			*to++ = 0;
		for (unsigned int x = 0; x < s->width; x++) {
			*to++ = (uint8_t)(row[x] >> 16);
			*to++ = (uint8_t)(row[x] >> 8);
			*to++ = (uint8_t)row[x];
		}
	}
	return rgb;
}

static void ppm_write(FILE *out, const struct display_surface *s)
{
	size_t size;
	uint8_t *rgb = rgb_rows(s, 0, &size);

	fprintf(out, "P6\n%u %u\n255\n", s->width, s->height);
	fwrite(rgb, 1, size, out);
	g_free(rgb);
}

static void png_chunk(FILE *out, const char *type, const uint8_t *data, size_t size)
{
	uint8_t head[8], tail[4];

	store_be32(head, (uint32_t)size);
	memcpy(head + 4, type, 4);
	uLong crc = crc32_z(0, head + 4, 4);
	if (size) /* zlib takes a NULL buffer for a new start */
		crc = crc32_z(crc, data, size);
	store_be32(tail, (uint32_t)crc);
	fwrite(head, 1, sizeof(head), out);
	if (size)
		fwrite(data, 1, size, out);
	fwrite(tail, 1, sizeof(tail), out);
}

static void png_write(FILE *out, const struct display_surface *s)
{
	static const uint8_t signature[8] = {0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n'};
	uint8_t ihdr[13] = {[8] = 8 /* bits */, [9] = 2 /* truecolour */};
	size_t size;
	uint8_t *rows = rgb_rows(s, 1, &size);
	uLongf packed_size = compressBound(size);
	uint8_t *packed = g_malloc(packed_size);

	store_be32(ihdr, s->width);
	store_be32(ihdr + 4, s->height);
	/* Cannot fail: the buffer is large enough and the level is valid. */
	compress2(packed, &packed_size, rows, size, 6);
	fwrite(signature, 1, sizeof(signature), out);
	png_chunk(out, "IHDR", ihdr, sizeof(ihdr));
	png_chunk(out, "IDAT", packed, packed_size);
	png_chunk(out, "IEND", NULL, 0);
	g_free(packed);
	g_free(rows);
}

struct error *display_dump(struct display *d, const char *path)
{
	FILE *out = fopen(path, "wbe");

	if (!out)
		return error_errno(errno, "cannot write \"%s\"", path);
	display_refresh(d, true);
	if (g_str_has_suffix(path, ".png"))
		png_write(out, display_surface(d));
	else
		ppm_write(out, display_surface(d));
	bool failed = ferror(out);
	if (fclose(out) != 0 || failed)
		return error_errno(errno, "cannot write \"%s\"", path);
	return NULL;
}
