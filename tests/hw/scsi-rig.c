#include "scsi-rig.h"

#include "../storage/temp-image.h"

#include "base/bytes.h"
#include "hw/scsi/lsi53c895a.h"
#include "storage/block.h"
#include "storage/drive-options.h"
#include "vm/machine.h"

#include <fcntl.h>

static const struct machine_class board = {.name = "test", .drive_interface = "scsi"};
static struct machine machine = {.class = &board};
static char *disk, *disc;

static void must(struct error *err)
{
	if (err)
		g_error("%s", err->message);
}

static void fill(const char *path, uint32_t blocks, uint32_t size)
{
	uint8_t block[2048];
	int fd = open(path, O_WRONLY);

	for (uint32_t n = 0; n < blocks; n++) {
		for (uint32_t at = 0; at < size; at += 4)
			store_le32(block + at, n);
		g_assert(write(fd, block, size) == (ssize_t)size);
	}
	close(fd);
}

void scsi_rig_init(struct rig *r)
{
	disk = temp_image(SCSI_RIG_BLOCKS * 512);
	disc = temp_image(SCSI_RIG_TRACKS * 2048);
	fill(disk, SCSI_RIG_BLOCKS, 512);
	fill(disc, SCSI_RIG_TRACKS, 2048);
	must(drive_option_add_file(&machine, disk, "if=scsi,index=0,format=raw"));
	must(drive_option_add_file(&machine, disc, "if=scsi,index=3,media=cdrom,format=raw"));
	must(drives_open(&machine));
	rig_init(r, "lsi53c895a", false);
	must(scsi_plug_drives(&lsi_of(&r->card->dev)->bus, 0));
	rig_reset(r);
}

void scsi_rig_close(void)
{
	drives_close();
	unlink(disk);
	unlink(disc);
}
