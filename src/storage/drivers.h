/* All drivers that are linked in; storage/drivers.c lists them in the order of probing. */
#ifndef STORAGE_DRIVERS_H
#define STORAGE_DRIVERS_H

#include "storage/image.h"

extern const struct image_driver file_driver, host_device_driver, raw_driver;
extern const struct image_driver qcow_driver, cow_driver, vdi_driver, vpc_driver, vmdk_driver;
extern const struct image_driver parallels_driver, bochs_driver, cloop_driver, dmg_driver;
extern const struct image_driver qcow2_driver, nbd_driver, vvfat_driver;

#endif
