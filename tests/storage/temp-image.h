/* Files for tests that need disks. */
#ifndef TESTS_STORAGE_TEMP_IMAGE_H
#define TESTS_STORAGE_TEMP_IMAGE_H

#include <glib.h>
#include <stdlib.h>
#include <unistd.h>

/* Makes a file of `size` zero bytes; the path is the caller's. */
static inline char *temp_image(off_t size)
{
	char *path = g_strdup("/tmp/ratite-test-XXXXXX");
	int fd = mkstemp(path);

	g_assert(fd >= 0 && ftruncate(fd, size) == 0);
	close(fd);
	return path;
}

#endif
