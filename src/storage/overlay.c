/* -snapshot: a temporary layer that keeps the writes. */
#include "storage/image.h"

struct error *image_open_snapshot(struct image *base, unsigned int flags, struct image **img)
{
	image_close(base);
	*img = NULL;
	return error_new("snapshots need the qcow2 driver");
}
