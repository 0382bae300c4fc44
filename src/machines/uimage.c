#include "machines/uimage.h"

#include <inttypes.h>
#include <zlib.h>

#define MAGIC	    0x27051956u
#define HEADER_SIZE 64

/* Offsets in the header; all big endian. */
enum {
	IH_MAGIC = 0,
	IH_HCRC = 4,
	IH_SIZE = 12,
	IH_LOAD = 16,
	IH_EP = 20,
	IH_DCRC = 24,
	IH_OS = 28,
	IH_ARCH = 29,
	IH_TYPE = 30,
	IH_COMP = 31,
};
enum { OS_LINUX = 5 };
enum { COMP_NONE, COMP_GZIP };

bool uimage_is(struct bytes file)
{
	return file.size >= HEADER_SIZE && load_be32(file.data) == MAGIC;
}

bool gzip_is(struct bytes file)
{
	return file.size > 18 && file.data[0] == 0x1f && file.data[1] == 0x8b && file.data[2] == 8;
}

const char *uimage_arch_name(uint8_t arch)
{
	static const char *const names[] = {
		[1] = "Alpha",
		[UIMAGE_ARM] = "ARM",
		[3] = "x86",
		[4] = "IA-64",
		[UIMAGE_MIPS] = "MIPS",
		[6] = "MIPS64",
		[UIMAGE_PPC] = "PowerPC",
		[8] = "S/390",
		[9] = "SuperH",
		[10] = "SPARC",
		[11] = "SPARC64",
		[UIMAGE_M68K] = "m68k",
		[22] = "AArch64",
	};

	return arch < G_N_ELEMENTS(names) && names[arch] ? names[arch] : "an unknown processor";
}

struct error *gzip_unpack(struct bytes file, uint64_t limit, GByteArray **out)
{
	z_stream z = {.next_in = (Bytef *)file.data, .avail_in = (uInt)file.size};
	uint8_t buf[65536];
	int code;

	*out = NULL;
	if (inflateInit2(&z, 15 + 16) != Z_OK)
		return error_new("gzip: out of memory");
	GByteArray *data = g_byte_array_new();
	do {
		z.next_out = buf;
		z.avail_out = sizeof(buf);
		code = inflate(&z, Z_NO_FLUSH);
		g_byte_array_append(data, buf, (guint)(sizeof(buf) - z.avail_out));
	} while (code == Z_OK && data->len <= limit);
	inflateEnd(&z);
	if (code == Z_STREAM_END && data->len <= limit) {
		*out = data;
		return NULL;
	}
	g_byte_array_unref(data);
	if (code == Z_OK || code == Z_STREAM_END)
		return error_new("gzip: more than %" PRIu64 " bytes come out", limit);
	return error_new("gzip: the data are damaged or cut off");
}

static uint32_t sum(const uint8_t *data, size_t size)
{
	return (uint32_t)crc32(0, data, (uInt)size);
}

static struct error *check_sums(struct bytes file, uint32_t size)
{
	uint8_t header[HEADER_SIZE];

	memcpy(header, file.data, HEADER_SIZE);
	store_be32(header + IH_HCRC, 0);
	if (sum(header, HEADER_SIZE) != load_be32(file.data + IH_HCRC))
		return error_new("the sum of the uImage header is wrong");
	if (!bytes_at(file, HEADER_SIZE, size))
		return error_new("the uImage is cut off: its header tells of %u bytes", size);
	if (sum(file.data + HEADER_SIZE, size) != load_be32(file.data + IH_DCRC))
		return error_new("the sum of the uImage's data is wrong");
	return NULL;
}

struct error *uimage_unpack(struct bytes file, uint64_t limit, struct uimage *out)
{
	const uint8_t *h = file.data;
	uint32_t size = load_be32(h + IH_SIZE);
	struct bytes data = {h + HEADER_SIZE, size};
	struct error *err = check_sums(file, size);

	*out = (struct uimage){
		.load = load_be32(h + IH_LOAD),
		.entry = load_be32(h + IH_EP),
		.os = h[IH_OS],
		.arch = h[IH_ARCH],
		.type = h[IH_TYPE],
		.is_linux = h[IH_OS] == OS_LINUX,
	};
	if (err)
		return err;
	if (h[IH_COMP] == COMP_GZIP)
		return gzip_unpack(data, limit, &out->data);
	/* a ramdisk keeps its compression: the kernel unpacks it */
	if (h[IH_COMP] != COMP_NONE && h[IH_TYPE] != UIMAGE_RAMDISK)
		return error_new("the uImage is compressed in a way (%u) that is not supported; "
				 "gzip is",
				 h[IH_COMP]);
	if (size > limit)
		return error_new("the uImage has more than %" PRIu64 " bytes", limit);
	out->data = g_byte_array_new();
	g_byte_array_append(out->data, data.data, size);
	return NULL;
}
