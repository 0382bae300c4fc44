/* What the file protocol and the host drives share. */
#ifndef STORAGE_FILE_H
#define STORAGE_FILE_H

#include "storage/image.h"

struct file_state {
	int fd;
	uint32_t alignment; /* O_DIRECT: of offsets, lengths and buffers; else 1 */
	bool device;	    /* block or character special */
	bool cdrom, floppy;
	bool locked;
	int lost; /* errno value of a flush that failed */
	bool no_punch, no_zero_range, no_seek_data;
};

struct error *file_open(struct image *img) NODISCARD;

#endif
