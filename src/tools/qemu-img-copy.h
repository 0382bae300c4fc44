/* Copying the bytes of images into another one, on all of the host's processors. */
#ifndef TOOLS_QEMU_IMG_COPY_H
#define TOOLS_QEMU_IMG_COPY_H

#include "tools/qemu-img.h"

struct image_copy {
	GPtrArray *sources; /* struct image, one behind the other */
	struct image *target;
	uint64_t size;	   /* of all sources */
	uint64_t sparse;   /* runs of zeroes of this many bytes become holes; 0: never */
	bool target_zero;  /* what is not written reads as zeroes */
	bool over_backing; /* what the source leaves to its backing image, the target does too */
	bool salvage;	   /* what cannot be read is zeroes */
	bool compress;
	uint64_t work, worked; /* bytes of data, for the progress */
	struct progress progress;
};

/* 0 or an errno value. */
int image_copy_run(struct image_copy *c);

#endif
