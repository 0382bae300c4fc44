/* All drivers that are linked in; storage/drivers.c lists them in the order of probing. */
#ifndef STORAGE_DRIVERS_H
#define STORAGE_DRIVERS_H

#include "storage/image.h"

extern const struct image_driver file_driver, host_device_driver, raw_driver;
extern const struct image_driver qcow_driver, cow_driver, vdi_driver, vpc_driver, vmdk_driver;
extern const struct image_driver parallels_driver, bochs_driver, cloop_driver, dmg_driver;
extern const struct image_driver qcow2_driver, nbd_driver, vvfat_driver, blkdebug_driver;

/* A node of `driver` over an open one, which it takes also on error. */
struct error *image_node_over(const struct image_driver *driver, struct image *file,
			      const char *filename, unsigned int flags,
			      struct image **img) NODISCARD;
/* "blkdebug:CONFIG:IMAGE": returns the image's name; both are the caller's. */
char *blkdebug_split(const char *filename, char **config);
/* Requests to a blkdebug node below a raw image come through a gate from now on; false: there is
 * no such node. */
struct gate;
bool blkdebug_set_gate(struct image *top, struct gate *g);

#endif
