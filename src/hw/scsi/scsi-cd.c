/* The commands that CD-ROM drives have beyond those of disks (MMC-3, clause 6). */
#include "hw/scsi/scsi-disk.h"

#include "hw/scsi/mmc.h"

#include "base/bytes.h"

#include <string.h>

enum { EVENT_NEW_MEDIA = 2, EVENT_REMOVAL = 3 };

void scsi_cd_medium_changed(void *opaque)
{
	struct scsi_disk *s = opaque;
	bool present = drive_has_medium(s->drive);

	s->media_event = present ? EVENT_NEW_MEDIA : EVENT_REMOVAL;
	if (present)
		s->attention = ASC_MEDIUM_CHANGED;
}

static void start_stop(struct scsi_disk *s, const uint8_t *cdb)
{
	bool start = cdb[4] & 1, load_eject = cdb[4] & 2;

	if (cdb[4] & 0xf0 || !load_eject) {
		scsi_disk_good(s);
		return;
	}
	if (!start && s->drive->locked) {
		scsi_disk_fail(s, SENSE_ILLEGAL_REQUEST, ASC_REMOVAL_PREVENTED);
		return;
	}
	if (s->drive->tray_open == start) {
		drive_set_tray(s->drive, !start);
		scsi_cd_medium_changed(s);
	}
	scsi_disk_good(s);
}

static const struct {
	uint8_t opcode;
	bool needs_medium, any_time;
	mmc_fn *describe;
} descriptions[] = {
	{0x43, true, false, mmc_read_toc},
	{0x46, false, true, mmc_get_configuration},
	{0x51, true, false, mmc_read_disc_information},
	{0x52, true, false, mmc_read_track_information},
	{0xad, false, false, mmc_read_dvd_structure},
	{0xbd, false, true, mmc_mechanism_status},
	{0x1a, false, false, mmc_mode_sense},
	{0x5a, false, false, mmc_mode_sense},
};

static bool attention(struct scsi_disk *s)
{
	uint8_t asc = s->attention;

	s->attention = 0;
	if (asc)
		scsi_disk_fail(s, SENSE_UNIT_ATTENTION, asc);
	return asc;
}

static void answer(struct scsi_disk *s, const struct mmc_reply *r)
{
	if (r->key)
		scsi_disk_fail(s, (enum sense_key)r->key, r->asc);
	else
		scsi_disk_reply(s, r->len, r->len);
}

bool scsi_cd_command(struct scsi_disk *s, const uint8_t *cdb)
{
	struct mmc_reply r = {.buffer = s->t.buffer};

	if (cdb[0] == 0x4a) {
		mmc_event_status(s->drive, cdb, &s->media_event, &r);
		answer(s, &r);
		return true;
	}
	if (cdb[0] == 0x1b) {
		if (!attention(s))
			start_stop(s, cdb);
		return true;
	}
	for (unsigned int i = 0; i < G_N_ELEMENTS(descriptions); i++) {
		if (descriptions[i].opcode != cdb[0])
			continue;
		if (!descriptions[i].any_time && attention(s))
			return true;
		if (descriptions[i].needs_medium && !drive_has_medium(s->drive)) {
			scsi_disk_fail(s, SENSE_NOT_READY, ASC_NO_MEDIUM);
			return true;
		}
		descriptions[i].describe(s->drive, cdb, &r);
		answer(s, &r);
		return true;
	}
	return false;
}
