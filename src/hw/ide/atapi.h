/* Between the packet transport (atapi.c) and the CD-ROM commands (atapi-cmd.c, atapi-info.c). */
#ifndef HW_IDE_ATAPI_H
#define HW_IDE_ATAPI_H

#include "hw/ide/ide.h"

enum sense_key {
	SENSE_NONE = 0,
	SENSE_NOT_READY = 2,
	SENSE_MEDIUM_ERROR = 3,
	SENSE_ILLEGAL_REQUEST = 5,
	SENSE_UNIT_ATTENTION = 6,
};

/* Additional sense codes (MMC-3, annex). */
enum {
	ASC_NO_SEEK_COMPLETE = 0x02,
	ASC_UNRECOVERED_READ = 0x11,
	ASC_ILLEGAL_OPCODE = 0x20,
	ASC_LBA_OUT_OF_RANGE = 0x21,
	ASC_INVALID_FIELD = 0x24,
	ASC_MEDIUM_CHANGED = 0x28,
	ASC_NO_MEDIUM = 0x3a,
	ASC_REMOVAL_PREVENTED = 0x53,
	ASC_SAVING_UNSUPPORTED = 0x39,
	ASC_WRONG_TRACK_MODE = 0x64,
};

/* What READ CD wants of each sector. Saved: numbers are fixed. */
enum cd_flavour {
	CD_DATA = 0, /* 2048 bytes */
	CD_RAW = 1,  /* all 2352 bytes */
};

/* The whole packet was given to the command: status only, good or bad. */
void atapi_good(struct ide_unit *u);
void atapi_fail(struct ide_unit *u, enum sense_key key, uint8_t asc);
/* Sends min(len, allocation) bytes of the buffer. */
void atapi_reply(struct ide_unit *u, uint32_t len, uint32_t allocation);
/* Sends `count` sectors from `lba`. */
void atapi_read_sectors(struct ide_unit *u, uint32_t lba, uint32_t count, enum cd_flavour flavour);

void atapi_execute(struct ide_unit *u, const uint8_t packet[12]);

/* Commands that describe the drive (atapi-info.c). */
void atapi_inquiry(struct ide_unit *u, const uint8_t *packet);
void atapi_mode_sense(struct ide_unit *u, const uint8_t *packet);
void atapi_get_configuration(struct ide_unit *u, const uint8_t *packet);
void atapi_read_toc(struct ide_unit *u, const uint8_t *packet);
void atapi_read_disc_information(struct ide_unit *u, const uint8_t *packet);
void atapi_read_track_information(struct ide_unit *u, const uint8_t *packet);
void atapi_read_dvd_structure(struct ide_unit *u, const uint8_t *packet);
void atapi_mechanism_status(struct ide_unit *u, const uint8_t *packet);

#endif
