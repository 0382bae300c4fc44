/* IDENTIFY DEVICE (ATA/ATAPI-6, 8.15), IDENTIFY PACKET DEVICE (8.16) and SMART (8.41). */
#include "hw/ide/ide.h"

#include "base/bytes.h"

#include <stdio.h>
#include <string.h>

static void word(struct ide_unit *u, unsigned int number, uint16_t value)
{
	store_le16(u->buffer + 2 * number, value);
}

/* Strings are padded with blanks, and the bytes of each word are swapped. */
static void text(struct ide_unit *u, unsigned int first, unsigned int words, const char *s)
{
	for (unsigned int i = 0; i < 2 * words; i++) {
		uint8_t c = *s ? (uint8_t)*s++ : ' ';
		u->buffer[2 * first + (i ^ 1)] = c;
	}
}

static void serial_number(struct ide_unit *u)
{
	char number[24];

	snprintf(number, sizeof(number), "QM%05u", u->drive->bus * 2 + u->drive->unit + 1);
	text(u, 10, 10, u->drive->serial ? u->drive->serial : number);
}

/* Words 63 and 88: which modes there are, and in the high byte which one is set. */
static void dma_modes(struct ide_unit *u)
{
	unsigned int kind = u->transfer_mode >> 3, mode = u->transfer_mode & 7;

	if (!u->channel->dma)
		return;
	word(u, 62, kind == 2 ? 0x07 | 1u << (mode + 8) : 0x07);
	word(u, 63, kind == 4 ? 0x07 | 1u << (mode + 8) : 0x07);
	word(u, 88, kind == 8 ? 0x3f | 1u << (mode + 8) : 0x3f);
	word(u, 93, (uint16_t)(1 | 1 << 14 | 0x2000)); /* 80-wire cable */
}

static void pio_timing(struct ide_unit *u)
{
	word(u, 64, 3); /* PIO 3 and 4 */
	word(u, 65, 120);
	word(u, 66, 120);
	word(u, 67, 120);
	word(u, 68, 120);
}

static void current_geometry(struct ide_unit *u, uint64_t sectors)
{
	uint32_t per_cylinder = u->cur_heads * u->cur_secs;
	uint32_t cylinders = (uint32_t)MIN(sectors / per_cylinder, 65535);
	uint32_t capacity = cylinders * per_cylinder;

	word(u, 54, (uint16_t)cylinders);
	word(u, 55, (uint16_t)u->cur_heads);
	word(u, 56, (uint16_t)u->cur_secs);
	word(u, 57, (uint16_t)capacity);
	word(u, 58, (uint16_t)(capacity >> 16));
}

void ata_identify(struct ide_unit *u)
{
	uint64_t sectors = drive_size(u->drive) / 512;
	uint32_t lba28 = (uint32_t)MIN(sectors, 0xfffffff);

	memset(u->buffer, 0, 512);
	word(u, 0, 0x0040);
	word(u, 1, (uint16_t)u->cyls);
	word(u, 3, (uint16_t)u->heads);
	word(u, 4, (uint16_t)(512 * u->secs));
	word(u, 5, 512);
	word(u, 6, (uint16_t)u->secs);
	serial_number(u);
	word(u, 20, 3);
	word(u, 21, 512);
	word(u, 22, 4);
	text(u, 23, 4, RATITE_VERSION);
	text(u, 27, 20, "QEMU HARDDISK");
	word(u, 47, 0x8000 | 16);
	word(u, 48, 1);
	word(u, 49, u->channel->dma ? 0x0f00 : 0x0e00);
	word(u, 50, 0x4000);
	word(u, 51, 0x0200);
	word(u, 52, 0x0200);
	word(u, 53, 7); /* words 54-58, 64-70 and 88 hold */
	current_geometry(u, sectors);
	if (u->multiple)
		word(u, 59, 0x100 | u->multiple);
	word(u, 60, (uint16_t)lba28);
	word(u, 61, (uint16_t)(lba28 >> 16));
	dma_modes(u);
	pio_timing(u);
	word(u, 80, 0x007e); /* ATA-1 to ATA-6 */
	word(u, 81, 0x0016);
	word(u, 82, 1 << 14 | 1 << 6 | 1 << 5 | 1); /* NOP, look-ahead, write cache, SMART */
	word(u, 83, 1 << 14 | 1 << 13 | 1 << 12 | 1 << 10); /* FLUSH EXT, FLUSH, 48-bit */
	word(u, 84, 1 << 14);
	word(u, 85,
	     (uint16_t)(1 << 14 | u->read_ahead << 6 | u->write_cache << 5 | u->smart_enabled));
	word(u, 86, 1 << 13 | 1 << 12 | 1 << 10);
	word(u, 87, 1 << 14);
	for (unsigned int i = 0; i < 4; i++)
		word(u, 100 + i, (uint16_t)(sectors >> (16 * i)));
}

void atapi_identify(struct ide_unit *u)
{
	memset(u->buffer, 0, 512);
	word(u, 0, 0x8580); /* packet, CD-ROM, removable, 50 us DRQ, 12-byte packets */
	serial_number(u);
	word(u, 20, 3);
	word(u, 21, 512);
	word(u, 22, 4);
	text(u, 23, 4, RATITE_VERSION);
	text(u, 27, 20, "QEMU DVD-ROM");
	word(u, 48, 1);
	word(u, 49, u->channel->dma ? 0x0b00 : 0x0a00);
	word(u, 53, 7);
	dma_modes(u);
	pio_timing(u);
	word(u, 71, 30);
	word(u, 72, 30);
	word(u, 80, 0x007e);
	word(u, 82, 1 << 4 | 1 << 9); /* PACKET, DEVICE RESET */
	word(u, 83, 1 << 14);
	word(u, 84, 1 << 14);
	word(u, 85, 1 << 4 | 1 << 9);
	word(u, 87, 1 << 14);
}

/* --- SMART: a drive that never ails --- */

enum {
	SMART_READ_DATA = 0xd0,
	SMART_READ_THRESHOLDS = 0xd1,
	SMART_AUTOSAVE = 0xd2,
	SMART_OFFLINE = 0xd4,
	SMART_READ_LOG = 0xd5,
	SMART_ENABLE = 0xd8,
	SMART_DISABLE = 0xd9,
	SMART_STATUS = 0xda,
};

struct attribute {
	uint8_t id, flags, value, threshold;
};

static const struct attribute attributes[] = {
	{1, 0x03, 100, 6},   /* raw read error rate */
	{3, 0x03, 100, 0},   /* spin-up time */
	{4, 0x02, 100, 20},  /* start-stop count */
	{5, 0x03, 100, 36},  /* reallocated sectors */
	{9, 0x03, 100, 0},   /* power-on hours */
	{12, 0x03, 100, 0},  /* power cycles */
	{190, 0x03, 69, 50}, /* air flow temperature */
};

static void smart_checksum(struct ide_unit *u)
{
	uint8_t sum = 0;

	for (unsigned int i = 0; i < 511; i++)
		sum = (uint8_t)(sum + u->buffer[i]);
	u->buffer[511] = (uint8_t)-sum;
}

static void smart_data(struct ide_unit *u, bool thresholds)
{
	memset(u->buffer, 0, 512);
	u->buffer[0] = 1;
	for (unsigned int i = 0; i < sizeof(attributes) / sizeof(attributes[0]); i++) {
		const struct attribute *a = &attributes[i];
		uint8_t *p = u->buffer + 2 + 12 * i;
		p[0] = a->id;
		if (thresholds) {
			p[1] = a->threshold;
		} else {
			p[1] = a->flags;
			p[3] = p[4] = a->value;
		}
	}
	if (!thresholds) {
		u->buffer[362] = 0x02; /* off-line collection completed */
		u->buffer[367] = 0x19; /* capabilities: off-line immediate, self-test */
		u->buffer[368] = 0x03;
		u->buffer[372] = 2;
	}
	smart_checksum(u);
	ide_reply(u, 512);
}

void ata_smart(struct ide_unit *u)
{
	if (u->lba_mid != 0x4f || u->lba_high != 0xc2 ||
	    (!u->smart_enabled && u->features != SMART_ENABLE)) {
		ide_abort(u, ATA_ABRT);
		return;
	}
	switch (u->features) {
	case SMART_READ_DATA: smart_data(u, false); return;
	case SMART_READ_THRESHOLDS: smart_data(u, true); return;
	case SMART_READ_LOG:
		if (u->lba_low != 1 && u->lba_low != 6 && u->lba_low != 0) {
			ide_abort(u, ATA_ABRT);
			return;
		}
		memset(u->buffer, 0, 512);
		u->buffer[0] = 1;
		smart_checksum(u);
		ide_reply(u, 512);
		return;
	case SMART_ENABLE: u->smart_enabled = true; break;
	case SMART_DISABLE: u->smart_enabled = false; break;
	case SMART_AUTOSAVE:
	case SMART_OFFLINE: break;
	case SMART_STATUS: break; /* 4Fh/C2h stay: no threshold is passed */
	default: ide_abort(u, ATA_ABRT); return;
	}
	ide_finish(u);
}
