/*
 * What a CD-ROM drive tells of itself and of its disc (MMC-3, clauses 5 and 6), whatever carries
 * its commands: ATAPI, SCSI or USB.
 */
#ifndef HW_SCSI_MMC_H
#define HW_SCSI_MMC_H

#include "hw/scsi/sense.h"
#include "storage/block.h"

#define MMC_REPLY_MAX 2052

struct mmc_reply {
	uint8_t *buffer;  /* the caller's, MMC_REPLY_MAX bytes */
	uint32_t len;	  /* cut to what the command allows */
	uint8_t key, asc; /* key is not 0: the command failed */
};

typedef void mmc_fn(struct drive *d, const uint8_t *packet, struct mmc_reply *r);

mmc_fn mmc_inquiry, mmc_mode_sense, mmc_get_configuration, mmc_read_toc;
mmc_fn mmc_read_disc_information, mmc_read_track_information, mmc_read_dvd_structure;
mmc_fn mmc_mechanism_status;
/* GET EVENT STATUS NOTIFICATION; clears the event that it tells. */
void mmc_event_status(struct drive *d, const uint8_t *packet, uint8_t *media_event,
		      struct mmc_reply *r);

#endif
