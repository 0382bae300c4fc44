/*
 * The packet transport of a CD-ROM drive (ATA/ATAPI-6, 8.23 and 9.8: the PACKET command).
 *
 * The Sector Count register is the Interrupt Reason here (C/D, I/O), LBA Mid and High are the
 * byte count of a DRQ block: the host's limit when the command is written, the real count when data
 * is offered.
 */
#include "hw/ide/atapi.h"

#include "base/bytes.h"

#include <string.h>

enum { REASON_CD = 1, REASON_IO = 2 };

#define RAW_SECTOR 2352u

static uint32_t sector_size(const struct ide_unit *u)
{
	return u->cd_flavour == CD_RAW ? RAW_SECTOR : 2048;
}

/* --- status --- */

static void end_command(struct ide_unit *u, uint8_t status, uint8_t error)
{
	u->transfer = IDE_IDLE;
	u->waiting_dma = false;
	u->count = REASON_CD | REASON_IO;
	u->error = error;
	u->status = status;
	ide_raise_irq(u);
}

void atapi_good(struct ide_unit *u)
{
	u->sense_key = u->asc = u->ascq = 0;
	end_command(u, ATA_DRDY | ATA_DSC, 0);
}

void atapi_fail(struct ide_unit *u, enum sense_key key, uint8_t asc)
{
	u->sense_key = (uint8_t)key;
	u->asc = asc;
	u->ascq = 0;
	end_command(u, ATA_DRDY | ATA_DSC | ATA_ERR, (uint8_t)(key << 4 | ATA_ABRT));
}

/* --- the packet --- */

void atapi_packet(struct ide_unit *u)
{
	if (u->features & 2) { /* overlapped */
		ide_abort(u, ATA_ABRT);
		return;
	}
	u->packet_dma = (u->features & 1) && u->channel->dma;
	u->byte_limit = (uint32_t)u->lba_high << 8 | u->lba_mid;
	u->transfer = IDE_PACKET;
	u->pos = 0;
	u->block = u->fill = 12;
	u->count = REASON_CD;
	u->status = ATA_DRDY | ATA_DSC | ATA_DRQ;
}

/* --- data to the host --- */

/* Opens a DRQ block of what is left in the buffer, within the host's byte count limit. */
static void open_block(struct ide_unit *u)
{
	uint32_t limit = u->byte_limit, n = u->fill - u->pos;

	if (limit == 0 || limit == 0xffff)
		limit = 0xfffe;
	if (n > limit)
		n = limit & ~1u ? limit & ~1u : 2;
	n = MIN(n, u->fill - u->pos);
	u->block = u->pos + n;
	u->lba_mid = (uint8_t)n;
	u->lba_high = (uint8_t)(n >> 8);
	u->count = REASON_IO;
	u->transfer = IDE_PACKET_IN;
	u->status = ATA_DRDY | ATA_DSC | ATA_DRQ;
	ide_raise_irq(u);
}

static void next_sectors(struct ide_unit *u);

/* The buffer has bytes [0, fill) for the host. */
static void send_buffer(struct ide_unit *u)
{
	struct ide_channel *c = u->channel;

	u->pos = 0;
	u->block = 0;
	if (!u->packet_dma) {
		open_block(u);
		return;
	}
	u->transfer = IDE_PACKET_IN;
	u->status = ATA_BSY | ATA_DRDY;
	if (!ide_dma_ready(u, true)) {
		u->waiting_dma = true;
		return;
	}
	u->waiting_dma = false;
	c->dma->move(c->dma_opaque, u->buffer, u->fill, true);
	next_sectors(u);
}

void atapi_dma_go(struct ide_unit *u)
{
	if (ide_dma_ready(u, true))
		send_buffer(u);
}

void atapi_reply(struct ide_unit *u, uint32_t len, uint32_t allocation)
{
	u->fill = MIN(len, allocation);
	u->cd_left = 0;
	if (u->fill)
		send_buffer(u);
	else
		atapi_good(u);
}

void atapi_block_done(struct ide_unit *u)
{
	uint8_t packet[12];

	switch (u->transfer) {
	case IDE_PACKET:
		memcpy(packet, u->buffer, sizeof(packet));
		u->status = ATA_BSY;
		atapi_execute(u, packet);
		break;
	case IDE_PACKET_OUT: atapi_good(u); break; /* MODE SELECT: nothing can be changed */
	default:
		if (u->pos < u->fill)
			open_block(u);
		else
			next_sectors(u);
		break;
	}
}

/* --- sectors --- */

static uint8_t bcd(uint32_t n)
{
	return (uint8_t)(n / 10 << 4 | n % 10);
}

/* Makes 2352-byte mode 1 sectors of the 2048-byte ones at the start of the buffer, last first. */
static void expand_raw(struct ide_unit *u, uint32_t count)
{
	for (uint32_t i = count; i-- > 0;) {
		uint8_t *raw = u->buffer + i * RAW_SECTOR;
		uint32_t frame = u->cd_lba + i + 150;
		memmove(raw + 16, u->buffer + i * 2048, 2048);
		memset(raw, 0xff, 12); /* sync */
		raw[0] = raw[11] = 0;
		raw[12] = bcd(frame / (60 * 75) % 100);
		raw[13] = bcd(frame / 75 % 60);
		raw[14] = bcd(frame % 75);
		raw[15] = 1;
		memset(raw + 2064, 0, RAW_SECTOR - 2064); /* EDC and ECC are not computed */
	}
}

static void sectors_read(void *opaque, int error)
{
	struct ide_unit *u = opaque;
	uint32_t n = u->fill / sector_size(u);

	u->in_flight = false;
	if (error) {
		if (drive_has_medium(u->drive))
			atapi_fail(u, SENSE_MEDIUM_ERROR, ASC_UNRECOVERED_READ);
		else
			atapi_fail(u, SENSE_NOT_READY, ASC_NO_MEDIUM);
		return;
	}
	if (u->cd_flavour == CD_RAW)
		expand_raw(u, n);
	u->cd_lba += n;
	u->cd_left -= n;
	send_buffer(u);
}

/* The buffer is empty: reads on, or ends the command. */
static void next_sectors(struct ide_unit *u)
{
	uint32_t n = MIN(u->cd_left, ATA_BUFFER_SIZE / RAW_SECTOR);

	if (!u->cd_left) {
		atapi_good(u);
		return;
	}
	if (u->cd_flavour == CD_DATA)
		n = MIN(u->cd_left, ATA_BUFFER_SIZE / 2048);
	u->transfer = IDE_PACKET_IN;
	u->status = ATA_BSY | ATA_DRDY;
	u->pos = u->block = 0;
	u->fill = n * sector_size(u);
	u->in_flight = true;
	drive_read(u->drive, (uint64_t)u->cd_lba * 2048, u->buffer, n * 2048, sectors_read, u);
}

void atapi_read_sectors(struct ide_unit *u, uint32_t lba, uint32_t count, enum cd_flavour flavour)
{
	uint32_t blocks = (uint32_t)MIN(drive_size(u->drive) / 2048, UINT32_MAX);

	if (!count) {
		atapi_good(u);
		return;
	}
	if (lba >= blocks || count > blocks - lba) {
		atapi_fail(u, SENSE_ILLEGAL_REQUEST, ASC_LBA_OUT_OF_RANGE);
		return;
	}
	u->cd_flavour = (uint8_t)flavour;
	u->cd_lba = lba;
	u->cd_left = count;
	next_sectors(u);
}

/* --- media --- */

enum { EVENT_NONE = 0, EVENT_EJECT_REQUEST = 1, EVENT_NEW_MEDIA = 2, EVENT_REMOVAL = 3 };

void atapi_medium_changed(void *opaque)
{
	struct ide_unit *u = opaque;
	bool present = u->drive->block && !u->drive->tray_open;

	u->cd_blocks = (uint32_t)MIN(drive_size(u->drive) / 2048, UINT32_MAX);
	u->media_event = present ? EVENT_NEW_MEDIA : EVENT_REMOVAL;
	if (present)
		u->unit_attention = true;
	else
		u->was_empty =
			true; /* the guest hears "no medium" before it hears of the new one */
}

void atapi_reset(struct ide_unit *u)
{
	u->sense_key = u->asc = u->ascq = 0;
	u->cd_left = 0;
	u->unit_attention = false;
	u->media_event = EVENT_NONE;
	drive_set_locked(u->drive, false);
}
