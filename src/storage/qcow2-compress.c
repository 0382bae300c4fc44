/* Compressed clusters: raw deflate with a 4 KiB window, or zstd. */
#include "storage/qcow2.h"

#include <errno.h>
#include <zlib.h>
#ifdef HAVE_ZSTD
#include <zstd.h>
#endif

enum { COMPRESSION_ZLIB = 0, COMPRESSION_ZSTD = 1 };

static int inflate_cluster(const void *in, size_t in_len, void *out, size_t out_len)
{
	z_stream z = {.next_in = (Bytef *)(uintptr_t)in,
		      .avail_in = (uInt)in_len,
		      .next_out = out,
		      .avail_out = (uInt)out_len};

	if (inflateInit2(&z, -12) != Z_OK)
		return ENOMEM;
	int result = inflate(&z, Z_FINISH);
	inflateEnd(&z);
	/* The span is whole sectors: there may be bytes behind the end of the stream. */
	return (result == Z_STREAM_END || result == Z_BUF_ERROR) && z.avail_out == 0 ? 0 : EIO;
}

size_t zlib_compress_cluster(const void *in, size_t len, void *out)
{
	z_stream z = {.next_in = (Bytef *)(uintptr_t)in,
		      .avail_in = (uInt)len,
		      .next_out = out,
		      .avail_out = (uInt)len - 1};

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
