/* Between the packet transport (atapi.c) and the CD-ROM commands (atapi-cmd.c). */
#ifndef HW_IDE_ATAPI_H
#define HW_IDE_ATAPI_H

#include "hw/ide/ide.h"
#include "hw/scsi/sense.h"

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

#endif
