/*
 * A hostile guest on a host folder: the input patches sectors of the FAT file system, which a flush
 * then carries over to the folder. Nothing beside the folder may change.
 */
#include "storage/image.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void put(const char *dir, const char *name, const char *text)
{
	char *path = g_build_filename(dir, name, NULL);

	g_file_set_contents(path, text, -1, NULL);
	g_free(path);
}

static void remove_tree(const char *path)
{
	GDir *dir = g_dir_open(path, 0, NULL);
	const char *name;

	while (dir && (name = g_dir_read_name(dir))) {
		char *inner = g_build_filename(path, name, NULL);
		if (unlink(inner) && (errno == EISDIR || errno == EPERM))
			remove_tree(inner);
		g_free(inner);
	}
	if (dir)
		g_dir_close(dir);
	rmdir(path);
}

/* Records of: where in the first 64 KiB of the disk, how many bytes, the bytes. */
static void patch(struct image *img, const uint8_t *data, size_t size)
{
	uint8_t sector[512];

	while (size > 3) {
		uint64_t at = (data[0] | data[1] << 8) % MIN(img->size, 65536);
		size_t n = MIN(MIN(data[2], size - 3), 512 - at % 512);
		if (image_pread(img, at & ~511ull, sector, 512))
			return;
		memcpy(sector + at % 512, data + 3, n);
		image_pwrite(img, at & ~511ull, sector, 512);
		data += 3 + n;
		size -= 3 + n;
	}
}

static unsigned int entries_of(const char *path)
{
	GDir *dir = g_dir_open(path, 0, NULL);
	unsigned int n = 0;

	while (dir && g_dir_read_name(dir))
		n++;
	if (dir)
		g_dir_close(dir);
	return n;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	/* in memory where the host has such a folder; TMPDIR is where overlays go */
	static const char shm[] = "/dev/shm/fuzz-vvfat-XXXXXX", tmp[] = "/tmp/fuzz-vvfat-XXXXXX";
	bool in_memory = !access("/dev/shm", W_OK);
	char top[sizeof(shm)];
	struct image *img;

	g_strlcpy(top, in_memory ? shm : tmp, sizeof(top));
	if (in_memory)
		g_setenv("TMPDIR", "/dev/shm", TRUE);
	if (size < 2 || !g_mkdtemp(top))
		return 0;
	char *dir = g_build_filename(top, "dir", NULL), *sub = g_build_filename(dir, "sub", NULL);
	g_mkdir_with_parents(sub, 0700);
	put(dir, "hello.txt", "hello");
	put(sub, "A long name.text", "some text in a folder below");
	char *name = g_strdup_printf("fat:%srw:%s", data[0] & 1 ? "floppy:" : "", dir);
	struct error *err = image_open(name, "raw", IMAGE_RDWR | IMAGE_NO_LOCK, &img);
	g_assert(!err);
	patch(img, data + 1, size / 2);
	image_flush(img);
	patch(img, data + 1 + size / 2, size - 1 - size / 2);
	image_close(img);
	g_assert(entries_of(top) == 1);
	remove_tree(top);
	g_free(name);
	g_free(sub);
	g_free(dir);
	return 0;
}
