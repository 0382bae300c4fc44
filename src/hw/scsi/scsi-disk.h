/* Disks and CD-ROM drives: between scsi-disk.c, scsi-info.c and scsi-cd.c. */
#ifndef HW_SCSI_SCSI_DISK_H
#define HW_SCSI_SCSI_DISK_H

#include "hw/scsi/scsi.h"
#include "hw/scsi/sense.h"
#include "storage/block.h"

struct scsi_disk {
	struct scsi_target t;
	struct drive *drive;
	char *serial, *version; /* properties */
	bool cdrom;
	uint32_t block_size; /* bytes: 512, CD-ROM 2048 */
	/* sense data of the last command that failed */
	uint8_t sense_key, asc, ascq;
	/* what the host hears before its next command */
	uint8_t attention; /* additional sense code, 0: nothing */
	uint8_t media_event;
	/* the transfer under way */
	uint8_t operation; /* enum scsi_operation */
	uint64_t lba;
	uint32_t blocks_left;
	/* A request that an abort left behind still writes to the buffer: `generation` tells it
	 * from the present one, which waits for it. */
	uint32_t generation, in_flight;
};

/* What is done with the data of a command. Saved: numbers are fixed. */
enum scsi_operation {
	OP_NONE = 0,
	OP_READ = 1,
	OP_WRITE = 2,
	OP_REPLY = 3, /* one buffer to the host */
	OP_MODE_SELECT = 4,
	OP_UNMAP = 5,
	OP_WRITE_SAME = 6,
	OP_DISCARD_DATA = 7, /* parameters without effect */
};

typedef void scsi_disk_fn(struct scsi_disk *s, const uint8_t *cdb);

void scsi_disk_good(struct scsi_disk *s);
void scsi_disk_fail(struct scsi_disk *s, enum sense_key key, uint8_t asc);
/* Sends min(len, allocation) bytes of the buffer. */
void scsi_disk_reply(struct scsi_disk *s, uint32_t len, uint32_t allocation);
uint64_t scsi_disk_blocks(const struct scsi_disk *s);

/* scsi-info.c: commands that describe the disk */
scsi_disk_fn scsi_disk_inquiry, scsi_disk_mode_sense, scsi_disk_mode_select;
scsi_disk_fn scsi_disk_read_capacity_10, scsi_disk_service_action_in, scsi_disk_report_luns;
scsi_disk_fn scsi_disk_request_sense;
void scsi_disk_mode_data(struct scsi_disk *s);
/* scsi-cd.c: false where it is no command of a CD-ROM drive */
bool scsi_cd_command(struct scsi_disk *s, const uint8_t *cdb);
void scsi_cd_medium_changed(void *opaque); /* struct scsi_disk */

#endif
