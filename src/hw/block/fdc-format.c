/* Formats of PC floppy disks, told apart by the size of the image. */
#include "hw/block/fdc.h"

static const struct floppy_format formats[] = {
	{FLOPPY_1440K, 80, 2, 18, RATE_500K}, {FLOPPY_1440K, 80, 2, 20, RATE_500K},
	{FLOPPY_1440K, 80, 2, 21, RATE_500K}, {FLOPPY_1440K, 82, 2, 21, RATE_500K},
	{FLOPPY_1440K, 83, 2, 21, RATE_500K}, {FLOPPY_1440K, 80, 2, 22, RATE_500K},
	{FLOPPY_1440K, 80, 2, 23, RATE_500K}, {FLOPPY_1440K, 80, 2, 24, RATE_500K},
	{FLOPPY_2880K, 80, 2, 36, RATE_1M},   {FLOPPY_2880K, 80, 2, 39, RATE_1M},
	{FLOPPY_2880K, 80, 2, 40, RATE_1M},   {FLOPPY_2880K, 80, 2, 44, RATE_1M},
	{FLOPPY_2880K, 80, 2, 48, RATE_1M},   {FLOPPY_1440K, 80, 2, 9, RATE_250K},
	{FLOPPY_1440K, 80, 2, 10, RATE_250K}, {FLOPPY_1440K, 82, 2, 10, RATE_250K},
	{FLOPPY_1440K, 83, 2, 10, RATE_250K}, {FLOPPY_1440K, 80, 2, 13, RATE_250K},
	{FLOPPY_1440K, 80, 2, 14, RATE_250K}, {FLOPPY_1200K, 80, 2, 15, RATE_500K},
	{FLOPPY_1200K, 82, 2, 18, RATE_500K}, {FLOPPY_1200K, 83, 2, 18, RATE_500K},
	{FLOPPY_1200K, 40, 2, 9, RATE_300K},  {FLOPPY_1200K, 40, 1, 9, RATE_300K},
	{FLOPPY_1200K, 41, 2, 10, RATE_300K}, {FLOPPY_1200K, 42, 2, 10, RATE_300K},
	{FLOPPY_1200K, 40, 2, 8, RATE_300K},  {FLOPPY_1200K, 40, 1, 8, RATE_300K},
};

static uint64_t format_size(const struct floppy_format *f)
{
	return (uint64_t)f->tracks * f->heads * f->sectors * 512;
}

const struct floppy_format *floppy_format_find(uint64_t size)
{
	const struct floppy_format *below = NULL;

	for (unsigned int i = 0; i < G_N_ELEMENTS(formats); i++) {
		uint64_t n = format_size(&formats[i]);
		if (n == size)
			return &formats[i];
		if (n < size && (!below || n > format_size(below)))
			below = &formats[i];
	}
	/* Short images (boot sectors) are the start of a 1.44 MB disk. */
	return size < 160 * 1024 || !below ? &formats[0] : below;
}

enum floppy_drive_type floppy_drive_type(unsigned int unit)
{
	struct drive *d = drive_get("floppy", 0, unit);

	if (!d)
		return FLOPPY_NONE;
	return d->block ? floppy_format_find(drive_size(d))->drive : FLOPPY_1440K;
}
