/*
 * Guessing a disk's geometry: what its partition table was made with, else the largest that fits.
 *
 * A partition ends on a cylinder boundary, so the end head and sector in its CHS entry tell the
 * geometry that the BIOS showed (the "logical" one) when the disk was partitioned.
 */
#include "storage/block.h"

#include "base/bytes.h"
#include "storage/image.h"

enum { TRANS_AUTO, TRANS_NONE, TRANS_LBA, TRANS_LARGE };

/* The logical heads and sectors of the MBR's first partition that has them. */
static bool guess_from_partitions(struct drive *d, uint32_t *heads, uint32_t *secs)
{
	struct image *img = drive_image(d);
	uint8_t mbr[512];

	if (!img || img->size < sizeof(mbr) || image_pread(img, 0, mbr, sizeof(mbr)))
		return false;
	if (mbr[510] != 0x55 || mbr[511] != 0xaa)
		return false;
	for (unsigned int i = 0; i < 4; i++) {
		const uint8_t *p = mbr + 446 + 16 * i;
		uint32_t sectors = load_le32(p + 12);
		uint32_t h = p[5] + 1u, s = p[6] & 63;
		if (!sectors || !p[5] || !s || (p[4] == 0xee))
			continue;
		uint64_t cylinders = img->size / 512 / (h * s);
		if (cylinders < 1 || cylinders > 16383)
			continue;
		*heads = h;
		*secs = s;
		return true;
	}
	return false;
}

void drive_geometry(struct drive *d, uint32_t *cyls, uint32_t *heads, uint32_t *secs,
		    int *translation)
{
	uint64_t sectors = drive_size(d) / 512, c;
	uint32_t h, s;

	*translation = d->translation;
	if (d->cyls) {
		*cyls = d->cyls;
		*heads = d->heads;
		*secs = d->secs;
		if (!*translation)
			*translation = *cyls <= 1024 ? TRANS_NONE : TRANS_LBA;
		return;
	}
	drives_drain();
	bool known = guess_from_partitions(d, &h, &s);
	if (known && h <= 16) {
		*heads = h;
		*secs = s;
	} else {
		*heads = 16;
		*secs = 63;
	}
	c = sectors / (*heads * *secs);
	*cyls = (uint32_t)CLAMP(c, 2, 16383);
	if (*translation)
		return;
	if (known && h <= 16)
		*translation = TRANS_NONE;
	else if (known)
		*translation =
			*cyls * *heads <= 131072 && s == 63 && h != 255 ? TRANS_LARGE : TRANS_LBA;
	else
		*translation = *cyls <= 1024 ? TRANS_NONE : TRANS_LBA;
}
