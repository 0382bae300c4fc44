#ifndef HW_SD_SSI_SD_H
#define HW_SD_SSI_SD_H

#include "hw/sd/sd-card.h"
#include "hw/ssi/ssi.h"

/* Class "ssi-sd": an SD card in SPI mode; the board adds `ssi` to its bus and drives the select. */
struct ssi_sd {
	struct device dev;
	struct ssi_device ssi;
	struct drive *drive; /* property; NULL: an empty slot */
	struct sd_card *card;
	uint8_t stage; /* enum ssi_sd_stage */
	bool idle;     /* not initialised yet: bit 0 of R1 */
	bool app, multiple;
	uint32_t ocr;
	uint16_t rca;
	uint8_t command[6], command_len;
	uint8_t response[8], response_len, response_pos;
	/* a block on its way, with its CRC behind it */
	uint8_t block[SD_BLOCK + 2];
	uint32_t block_len, block_pos;
};

#endif
