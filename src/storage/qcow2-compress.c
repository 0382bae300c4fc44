/* Compressed clusters: raw deflate with a 4 KiB window, or zstd. */
#include "storage/qcow2.h"

#include <errno.h>
#include <string.h>
#include <zlib.h>
#ifdef HAVE_LIBDEFLATE
#include <libdeflate.h>
#endif
#ifdef HAVE_ZSTD
#include <zstd.h>
#endif

enum { COMPRESSION_ZLIB = 0, COMPRESSION_ZSTD = 1 };

/* The span is whole sectors: there may be bytes behind the end of the stream. */
static bool inflate_fast(const void *in, size_t in_len, void *out, size_t out_len)
{
#ifdef HAVE_LIBDEFLATE
	struct libdeflate_decompressor *d = libdeflate_alloc_decompressor();
	size_t used, made;

	if (!d)
		return false;
	enum libdeflate_result result =
		libdeflate_deflate_decompress_ex(d, in, in_len, out, out_len, &used, &made);
	libdeflate_free_decompressor(d);
	return result == LIBDEFLATE_SUCCESS && made == out_len;
#else
	return false;
#endif
}

static int inflate_cluster(const void *in, size_t in_len, void *out, size_t out_len)
{
	z_stream z = {.next_in = (Bytef *)(uintptr_t)in,
		      .avail_in = (uInt)in_len,
		      .next_out = out,
		      .avail_out = (uInt)out_len};

	if (inflate_fast(in, in_len, out, out_len))
		return 0;
	if (inflateInit2(&z, -12) != Z_OK)
		return ENOMEM;
	int result = inflate(&z, Z_FINISH);
	inflateEnd(&z);
	/* Streams without an end are fine if they fill the cluster. */
	return (result == Z_STREAM_END || result == Z_BUF_ERROR) && z.avail_out == 0 ? 0 : EIO;
}

/*
 * Noise, and what is compressed already: all bytes about as frequent, and hardly four bytes that
 * the window has seen before. Deflate would find that out at thirty times the price.
 */
static bool is_incompressible(const uint8_t *in, size_t len)
{
	enum { HASH_BITS = 12, WINDOW = 4096 };
	uint16_t seen[1 << HASH_BITS] = {0}; /* position modulo 65536 */
	uint32_t count[256] = {0};
	uint64_t squares = 0;
	size_t matches = 0;

	if (len < 8192)
		return false;
	for (size_t i = 0; i < len; i++)
		count[in[i]]++;
	for (unsigned int i = 0; i < 256; i++)
		squares += (uint64_t)count[i] * count[i];
	/* What Huffman codes gain is about (256 * squares / len - len) / 11 bytes. */
	if (256 * squares / len > len + len / 16)
		return false;
	for (size_t i = WINDOW; i + 4 <= len; i += 3) {
		uint32_t word;
		memcpy(&word, in + i, 4);
		uint16_t *slot = &seen[word * 2654435761u >> (32 - HASH_BITS)];
		size_t at = (i & ~(size_t)0xffff) | *slot;
		if (at >= i)
			at -= MIN(at, 0x10000);
		matches += at && i - at < WINDOW && !memcmp(in + at, in + i, 4);
		*slot = (uint16_t)i;
	}
	return matches < len / 1024;
}

size_t zlib_compress_cluster(const void *in, size_t len, void *out)
{
	z_stream z = {.next_in = (Bytef *)(uintptr_t)in,
		      .avail_in = (uInt)len,
		      .next_out = out,
		      .avail_out = (uInt)len - 1};

	if (is_incompressible(in, len))
		return 0;
	if (deflateInit2(&z, Z_DEFAULT_COMPRESSION, Z_DEFLATED, -12, 9, Z_DEFAULT_STRATEGY) != Z_OK)
		return 0;
	int result = deflate(&z, Z_FINISH);
	deflateEnd(&z);
	return result == Z_STREAM_END ? len - 1 - z.avail_out : 0;
}

#ifdef HAVE_ZSTD
static int unpack_zstd(const void *in, size_t in_len, void *out, size_t out_len)
{
	ZSTD_DCtx *ctx = ZSTD_createDCtx();
	ZSTD_inBuffer from = {in, in_len, 0};
	ZSTD_outBuffer to = {out, out_len, 0};
	int err = ctx ? 0 : ENOMEM;

	while (!err && to.pos < to.size) {
		size_t before = from.pos + to.pos;
		size_t result = ZSTD_decompressStream(ctx, &to, &from);
		if (ZSTD_isError(result) || from.pos + to.pos == before)
			err = EIO;
	}
	ZSTD_freeDCtx(ctx);
	return err;
}
#endif

int qcow2_decompress(uint32_t kind, const void *in, size_t in_len, void *out, size_t out_len)
{
#ifdef HAVE_ZSTD
	if (kind == COMPRESSION_ZSTD)
		return unpack_zstd(in, in_len, out, out_len);
#endif
	return kind == COMPRESSION_ZLIB ? inflate_cluster(in, in_len, out, out_len) : ENOTSUP;
}

size_t qcow2_compress(struct image *img, const void *in, size_t len, void *out)
{
#ifdef HAVE_ZSTD
	if (qcow2_of(img)->compression == COMPRESSION_ZSTD) {
		size_t n = ZSTD_compress(out, len - 1, in, len, ZSTD_CLEVEL_DEFAULT);
		return ZSTD_isError(n) ? 0 : n;
	}
#endif
	return zlib_compress_cluster(in, len, out);
}
