/* Kernel wrappings: U-Boot's legacy image header (include/image.h of U-Boot) and gzip. */
#ifndef MACHINES_UIMAGE_H
#define MACHINES_UIMAGE_H

#include "base/bytes.h"
#include "base/error.h"

#include <glib.h>

enum uimage_arch { UIMAGE_ARM = 2, UIMAGE_M68K = 12, UIMAGE_MIPS = 5, UIMAGE_PPC = 7 };
enum uimage_type { UIMAGE_KERNEL = 2, UIMAGE_RAMDISK = 3, UIMAGE_KERNEL_NOLOAD = 14 };

struct uimage {
	uint32_t load, entry;
	uint8_t os, arch, type;
	bool is_linux;
	GByteArray *data; /* unpacked; the caller's */
};

bool uimage_is(struct bytes file);
/* Checks the header and both sums and unpacks at most `limit` bytes. */
struct error *uimage_unpack(struct bytes file, uint64_t limit, struct uimage *out) NODISCARD;
/* "ARM" for UIMAGE_ARM ... */
const char *uimage_arch_name(uint8_t arch);

bool gzip_is(struct bytes file);
struct error *gzip_unpack(struct bytes file, uint64_t limit, GByteArray **out) NODISCARD;

#endif
