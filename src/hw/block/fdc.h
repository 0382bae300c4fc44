/* Floppy disks: formats by size, and the controller's drives as the board's CMOS shows them. */
#ifndef HW_BLOCK_FDC_H
#define HW_BLOCK_FDC_H

#include "storage/block.h"
#include "vm/device.h"

/* Types of drives, as CMOS byte 10h codes them. */
enum floppy_drive_type {
	FLOPPY_NONE = 0,
	FLOPPY_360K = 1,
	FLOPPY_1200K = 2,
	FLOPPY_720K = 3,
	FLOPPY_1440K = 4,
	FLOPPY_2880K = 5,
};

/* Data rates as CCR codes them. */
enum floppy_rate { RATE_500K = 0, RATE_300K = 1, RATE_250K = 2, RATE_1M = 3 };

struct floppy_format {
	enum floppy_drive_type drive; /* that it is native to */
	uint8_t tracks, heads, sectors;
	enum floppy_rate rate;
};

/* The format of an image of `size` bytes; the nearest smaller one where none fits exactly. */
const struct floppy_format *floppy_format_find(uint64_t size);
/* What drive the CMOS should show: by the first medium, 1.44 MB where it is empty. */
enum floppy_drive_type floppy_drive_type(unsigned int unit);

#endif
