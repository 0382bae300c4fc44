/* -snapshot: a temporary layer that keeps the writes, in a file that has no name any more. */
#include "storage/image.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char *temp_path(void)
{
	const char *dir = getenv("TMPDIR");

	/* As QEMU does it: disks may be larger than a /tmp in memory. */
	return g_strdup_printf("%s/vl.XXXXXX", dir && *dir ? dir : "/var/tmp");
}

static struct error *create_temp(const char *path, uint64_t size)
{
	char text[24];
	struct image_create c;

	image_create_init(&c, image_driver_find("qcow2"), path);
	g_snprintf(text, sizeof(text), "%" G_GUINT64_FORMAT, size);
	image_create_set(&c, "size", text);
	struct error *err = image_create(&c);
	image_create_clear(&c);
	return err;
}

struct error *image_open_snapshot(struct image *base, unsigned int flags, struct image **img)
{
	char *path = temp_path();
	int fd = mkstemp(path);
	struct error *err = NULL;

	*img = NULL;
	if (fd < 0) {
		err = error_errno(errno, "Could not create temporary overlay '%s'", path);
	} else {
		close(fd);
		err = create_temp(path, base->size);
		if (!err)
			err = image_open(path, "qcow2",
					 (flags & ~(unsigned int)(IMAGE_NOCACHE | IMAGE_PROBED)) |
						 IMAGE_RDWR | IMAGE_NOFLUSH | IMAGE_NO_LOCK,
					 img);
		unlink(path);
	}
	g_free(path);
	if (err) {
		image_close(base);
		return err;
	}
	/* The name in the header is for show: the layer is already there. */
	(*img)->backing = base;
	(*img)->backing_file = g_strdup(base->filename);
	(*img)->backing_format = g_strdup(base->driver->name);
	return NULL;
}
