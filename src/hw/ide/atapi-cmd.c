/* The commands of a CD-ROM drive (MMC-3 clause 6, SFF-8020i): medium, tray, reading. */
#include "hw/ide/atapi.h"
#include "hw/scsi/mmc.h"

#include "base/bytes.h"
#include "base/log.h"

#include <string.h>

static uint8_t read_flavour_size(const uint8_t *packet)
{
	return packet[9] & 0xf8;
}

static void answer(struct ide_unit *u, const struct mmc_reply *r)
{
	if (r->key)
		atapi_fail(u, (enum sense_key)r->key, r->asc);
	else
		atapi_reply(u, r->len, r->len);
}

static void describe(struct ide_unit *u, const uint8_t *packet, mmc_fn *fn)
{
	struct mmc_reply r = {.buffer = u->buffer};

	fn(u->drive, packet, &r);
	answer(u, &r);
}

static void test_unit_ready(struct ide_unit *u, const uint8_t *packet)
{
	atapi_good(u);
}

static void request_sense(struct ide_unit *u, const uint8_t *packet)
{
	uint8_t *b = u->buffer;

	memset(b, 0, 18);
	b[0] = 0x70;
	b[2] = u->sense_key;
	b[7] = 10;
	b[12] = u->asc;
	b[13] = u->ascq;
	u->sense_key = u->asc = u->ascq = 0;
	atapi_reply(u, 18, packet[4]);
}

static void prevent_allow(struct ide_unit *u, const uint8_t *packet)
{
	drive_set_locked(u->drive, packet[4] & 1);
	atapi_good(u);
}

static void start_stop(struct ide_unit *u, const uint8_t *packet)
{
	bool start = packet[4] & 1, load_eject = packet[4] & 2;

	if (packet[4] & 0xf0) { /* power conditions */
		atapi_good(u);
		return;
	}
	if (load_eject) {
		if (!start && u->drive->locked) {
			atapi_fail(u, SENSE_NOT_READY, ASC_REMOVAL_PREVENTED);
			return;
		}
		if (u->drive->tray_open == start) {
			drive_set_tray(u->drive, !start);
			atapi_medium_changed(u);
		}
	}
	atapi_good(u);
}

static void read_capacity(struct ide_unit *u, const uint8_t *packet)
{
	uint64_t blocks = drive_size(u->drive) / 2048;

	store_be32(u->buffer, blocks ? (uint32_t)MIN(blocks - 1, UINT32_MAX) : 0);
	store_be32(u->buffer + 4, 2048);
	atapi_reply(u, 8, 8);
}

static void read_10(struct ide_unit *u, const uint8_t *packet)
{
	atapi_read_sectors(u, load_be32(packet + 2), load_be16(packet + 7), CD_DATA);
}

static void read_12(struct ide_unit *u, const uint8_t *packet)
{
	atapi_read_sectors(u, load_be32(packet + 2), load_be32(packet + 6), CD_DATA);
}

/* READ CD (BEh) and READ CD MSF (B9h): the user data of a sector, or all of it. */
static void read_cd_range(struct ide_unit *u, const uint8_t *packet, uint32_t lba, uint32_t count)
{
	switch (read_flavour_size(packet)) {
	case 0x00: atapi_good(u); break;
	case 0x10: atapi_read_sectors(u, lba, count, CD_DATA); break;
	case 0xf8: atapi_read_sectors(u, lba, count, CD_RAW); break;
	default: atapi_fail(u, SENSE_ILLEGAL_REQUEST, ASC_INVALID_FIELD); break;
	}
}

static void read_cd(struct ide_unit *u, const uint8_t *packet)
{
	uint32_t count = (uint32_t)packet[6] << 16 | load_be16(packet + 7);

	read_cd_range(u, packet, load_be32(packet + 2), count);
}

static uint32_t msf_to_lba(const uint8_t *p)
{
	uint32_t frames = (p[0] * 60u + p[1]) * 75 + p[2];

	return frames < 150 ? 0 : frames - 150;
}

static void read_cd_msf(struct ide_unit *u, const uint8_t *packet)
{
	uint32_t first = msf_to_lba(packet + 3), end = msf_to_lba(packet + 6);

	read_cd_range(u, packet, first, end > first ? end - first : 0);
}

static void seek(struct ide_unit *u, const uint8_t *packet)
{
	if (load_be32(packet + 2) >= drive_size(u->drive) / 2048)
		atapi_fail(u, SENSE_ILLEGAL_REQUEST, ASC_LBA_OUT_OF_RANGE);
	else
		atapi_good(u);
}

static void get_event_status(struct ide_unit *u, const uint8_t *packet)
{
	struct mmc_reply r = {.buffer = u->buffer};

	mmc_event_status(u->drive, packet, &u->media_event, &r);
	answer(u, &r);
}

static void mode_select(struct ide_unit *u, const uint8_t *packet)
{
	uint32_t len = packet[0] == 0x15 ? packet[4] : load_be16(packet + 7);

	if (!len) {
		atapi_good(u);
		return;
	}
	u->transfer = IDE_PACKET_OUT;
	u->pos = 0;
	u->block = u->fill = MIN(len, 0xfffeu);
	u->lba_mid = (uint8_t)u->fill;
	u->lba_high = (uint8_t)(u->fill >> 8);
	u->count = 0;
	u->status = ATA_DRDY | ATA_DSC | ATA_DRQ;
	ide_raise_irq(u);
}

static void read_sub_channel(struct ide_unit *u, const uint8_t *packet)
{
	memset(u->buffer, 0, 24);
	u->buffer[1] = 0x15; /* no audio status */
	u->buffer[3] = 12;
	u->buffer[4] = packet[3];
	atapi_reply(u, packet[2] & 0x40 ? 16 : 4, load_be16(packet + 7));
}

static void set_speed(struct ide_unit *u, const uint8_t *packet)
{
	atapi_good(u);
}

enum { NEEDS_MEDIUM = 1, IN_ATTENTION = 2 }; /* the latter: allowed with a unit attention pending */

static const struct command {
	uint8_t opcode, flags;
	void (*run)(struct ide_unit *u, const uint8_t *packet);
	mmc_fn *describe; /* in place of run */
} commands[] = {
	{0x00, NEEDS_MEDIUM, test_unit_ready},
	{0x03, IN_ATTENTION, request_sense},
	{0x12, IN_ATTENTION, NULL, mmc_inquiry},
	{0x15, 0, mode_select},
	{0x1a, 0, NULL, mmc_mode_sense},
	{0x1b, 0, start_stop},
	{0x1e, 0, prevent_allow},
	{0x25, NEEDS_MEDIUM, read_capacity},
	{0x28, NEEDS_MEDIUM, read_10},
	{0x2b, NEEDS_MEDIUM, seek},
	{0x35, 0, set_speed}, /* SYNCHRONIZE CACHE */
	{0x42, NEEDS_MEDIUM, read_sub_channel},
	{0x43, NEEDS_MEDIUM, NULL, mmc_read_toc},
	{0x46, IN_ATTENTION, NULL, mmc_get_configuration},
	{0x4a, IN_ATTENTION, get_event_status},
	{0x51, NEEDS_MEDIUM, NULL, mmc_read_disc_information},
	{0x52, NEEDS_MEDIUM, NULL, mmc_read_track_information},
	{0x55, 0, mode_select},
	{0x5a, 0, NULL, mmc_mode_sense},
	{0xa8, NEEDS_MEDIUM, read_12},
	{0xad, 0, NULL, mmc_read_dvd_structure},
	{0xb9, NEEDS_MEDIUM, read_cd_msf},
	{0xbb, 0, set_speed},
	{0xbd, IN_ATTENTION, NULL, mmc_mechanism_status},
	{0xbe, NEEDS_MEDIUM, read_cd},
};

static const struct command *find_command(uint8_t opcode)
{
	for (unsigned int i = 0; i < G_N_ELEMENTS(commands); i++)
		if (commands[i].opcode == opcode)
			return &commands[i];
	return NULL;
}

void atapi_execute(struct ide_unit *u, const uint8_t packet[12])
{
	const struct command *c = find_command(packet[0]);
	bool present = drive_has_medium(u->drive);

	if (!c) {
		log_printf(LOG_UNIMP, "atapi: command %02x\n", packet[0]);
		atapi_fail(u, SENSE_ILLEGAL_REQUEST, ASC_ILLEGAL_OPCODE);
		return;
	}
	if (!(c->flags & IN_ATTENTION) && present && u->was_empty && (c->flags & NEEDS_MEDIUM)) {
		u->was_empty = false;
		atapi_fail(u, SENSE_NOT_READY, ASC_NO_MEDIUM);
		return;
	}
	if (!(c->flags & IN_ATTENTION) && u->unit_attention) {
		u->unit_attention = false;
		atapi_fail(u, SENSE_UNIT_ATTENTION, ASC_MEDIUM_CHANGED);
		return;
	}
	if ((c->flags & NEEDS_MEDIUM) && !present) {
		atapi_fail(u, SENSE_NOT_READY, ASC_NO_MEDIUM);
		return;
	}
	if (c->describe)
		describe(u, packet, c->describe);
	else
		c->run(u, packet);
}
