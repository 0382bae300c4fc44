#include "memory-file.h"

#include <errno.h>
#include <string.h>

#define CHUNK 65536u

static struct {
	uint8_t bytes[MEMORY_FILE_MAX];
	bool used[MEMORY_FILE_MAX / CHUNK]; /* chunks that are not all zeroes */
	uint64_t size, room;
} memory;

static void put(uint64_t offset, const void *buf, size_t len)
{
	if (!len)
		return;
	memcpy(memory.bytes + offset, buf, len);
	for (uint64_t c = offset / CHUNK; c <= (offset + len - 1) / CHUNK; c++)
		memory.used[c] = true;
}

void memory_file_set(const uint8_t *data, size_t len, uint64_t size, uint64_t room)
{
	for (unsigned int c = 0; c < G_N_ELEMENTS(memory.used); c++)
		if (memory.used[c])
			memset(memory.bytes + (size_t)c * CHUNK, 0, CHUNK);
	memset(memory.used, 0, sizeof(memory.used));
	put(0, data, len);
	memory.size = MAX(len, size);
	memory.room = MIN(room, MEMORY_FILE_MAX);
}

static int memory_pread(struct image *img, uint64_t offset, void *buf, size_t len)
{
	memcpy(buf, memory.bytes + offset, len);
	return 0;
}

static int memory_pwrite(struct image *img, uint64_t offset, const void *buf, size_t len)
{
	if (offset > memory.room || len > memory.room - offset)
		return ENOSPC;
	put(offset, buf, len);
	memory.size = img->size = MAX(img->size, offset + len);
	return 0;
}

static struct error *memory_truncate(struct image *img, uint64_t size, const char *preallocation)
{
	if (size > memory.room)
		return error_errno(ENOSPC, "No room");
	if (size < img->size)
		memset(memory.bytes + size, 0, img->size - size);
	memory.size = img->size = size;
	return NULL;
}

static const struct image_driver memory_driver = {
	.name = "memory",
	.help = "bytes of a test",
	.protocol = "memory:",
	.growable = true,
	.pread = memory_pread,
	.pwrite = memory_pwrite,
	.truncate = memory_truncate,
};

struct image *memory_file_open(unsigned int flags)
{
	struct image *img = g_new0(struct image, 1);

	img->driver = &memory_driver;
	img->filename = g_strdup("memory");
	img->flags = flags;
	img->readonly = !(flags & IMAGE_RDWR);
	img->zero_init = true;
	img->size = memory.size;
	return img;
}
