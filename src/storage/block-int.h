/* Between block.c (workers) and drive.c (the list of drives). */
#ifndef STORAGE_BLOCK_INT_H
#define STORAGE_BLOCK_INT_H

#include "storage/block.h"

/* Puts a worker behind an image, which it then owns. */
struct block *block_new(struct image *image, bool write_through);
/* Ends the worker and closes the image; returns the error of the last flush. */
int block_free(struct block *b);
struct image *block_image(struct block *b);
/* While nothing is in flight. */
void block_replace_image(struct block *b, struct image *image);

#endif
