#include "storage/drivers.h"

#include <string.h>

static const struct image_driver *const drivers[] = {
	&raw_driver,	     &qcow2_driver, &qcow_driver,  &cow_driver,
	&vmdk_driver,	     &vpc_driver,   &vdi_driver,   &parallels_driver,
	&bochs_driver,	     &cloop_driver, &dmg_driver,   &file_driver,
	&host_device_driver, &nbd_driver,   &vvfat_driver, &blkdebug_driver,
};

const struct image_driver *image_driver_at(unsigned int i)
{
	return i < G_N_ELEMENTS(drivers) ? drivers[i] : NULL;
}

const struct image_driver *image_driver_find(const char *name)
{
	for (unsigned int i = 0; i < G_N_ELEMENTS(drivers); i++)
		if (!strcmp(drivers[i]->name, name))
			return drivers[i];
	return NULL;
}

static bool has_prefix_of(const char *filename, const char *prefixes)
{
	for (const char *p = prefixes; *p;) {
		size_t n = strcspn(p, " ");
		if (!strncmp(filename, p, n))
			return true;
		p += n + (p[n] == ' ');
	}
	return false;
}

const struct image_driver *image_driver_protocol(const char *filename)
{
	for (unsigned int i = 0; i < G_N_ELEMENTS(drivers); i++)
		if (drivers[i]->protocol && has_prefix_of(filename, drivers[i]->protocol))
			return drivers[i];
	if (image_path_has_protocol(filename) && !g_str_has_prefix(filename, "file:"))
		return NULL;
	return &file_driver;
}

const struct image_driver *image_driver_probe(struct image *file)
{
	const struct image_driver *best = &raw_driver;
	uint8_t head[2048] = {0};
	size_t len = MIN(file->size, sizeof(head));
	int score = 0;

	if (image_pread(file, 0, head, len))
		return best;
	for (unsigned int i = 0; i < G_N_ELEMENTS(drivers); i++) {
		if (!drivers[i]->probe)
			continue;
		int s = drivers[i]->probe(head, len, file->filename);
		if (s > score) {
			score = s;
			best = drivers[i];
		}
	}
	return best;
}
