#include "hw/scsi/mmc.h"

#include "base/bytes.h"

#include <string.h>

/* Discs above this size are DVDs. */
#define CD_MAX_BLOCKS 1024000u

static void fail(struct mmc_reply *r, enum sense_key key, uint8_t asc)
{
	r->key = (uint8_t)key;
	r->asc = asc;
}

static void reply(struct mmc_reply *r, uint32_t len, uint32_t allocation)
{
	r->len = MIN(len, allocation);
}

static uint32_t disc_blocks(struct drive *d)
{
	return (uint32_t)MIN(drive_size(d) / 2048, UINT32_MAX);
}

static bool is_dvd(struct drive *d)
{
	return disc_blocks(d) > CD_MAX_BLOCKS;
}

static void padded(uint8_t *p, size_t n, const char *s)
{
	for (size_t i = 0; i < n; i++)
		p[i] = *s ? (uint8_t)*s++ : ' ';
}

void mmc_inquiry(struct drive *d, const uint8_t *packet, struct mmc_reply *r)
{
	uint8_t *b = r->buffer;

	if (packet[1] & 3) {
		fail(r, SENSE_ILLEGAL_REQUEST, ASC_INVALID_FIELD);
		return;
	}
	memset(b, 0, 36);
	b[0] = 5;    /* CD-ROM */
	b[1] = 0x80; /* removable */
	b[3] = 0x21; /* ATAPI 2, response format 1 */
	b[4] = 31;
	padded(b + 8, 8, "QEMU");
	padded(b + 16, 16, "QEMU DVD-ROM");
	padded(b + 32, 4, RATITE_VERSION);
	reply(r, 36, packet[4]);
}

/* --- MODE SENSE --- */

static uint32_t page_error_recovery(struct drive *d, uint8_t *p)
{
	p[0] = 0x01;
	p[1] = 6;
	p[3] = 5; /* retries */
	return 8;
}

static uint32_t page_audio(struct drive *d, uint8_t *p)
{
	p[0] = 0x0e;
	p[1] = 14;
	p[2] = 4; /* immediate */
	p[8] = p[10] = 1;
	p[9] = p[11] = 0xff;
	return 16;
}

static uint32_t page_capabilities(struct drive *d, uint8_t *p)
{
	p[0] = 0x2a;
	p[1] = 18;
	p[2] = 0x3b; /* reads CD-R, CD-RW, method 2, DVD-ROM, DVD-R */
	p[4] = 0x70; /* mode 2 forms 1 and 2, multi-session */
	p[6] = (uint8_t)(0x29 | (d->locked ? 2 : 0)); /* tray, eject, lock */
	store_be16(p + 8, 706);			      /* maximum and current speed, KB/s (4x) */
	store_be16(p + 10, 2);			      /* volume levels */
	store_be16(p + 12, 512);		      /* buffer, KB */
	store_be16(p + 14, 706);
	return 20;
}

static const struct {
	uint8_t code;
	uint32_t (*make)(struct drive *d, uint8_t *p);
} pages[] = {
	{0x01, page_error_recovery},
	{0x0e, page_audio},
	{0x2a, page_capabilities},
};

static uint8_t medium_type(struct drive *d)
{
	if (d->tray_open)
		return 0x71;
	if (!drive_has_medium(d))
		return 0x70;
	return is_dvd(d) ? 0x41 : 0x01; /* 120 mm data */
}

void mmc_mode_sense(struct drive *d, const uint8_t *packet, struct mmc_reply *r)
{
	bool ten = packet[0] == 0x5a;
	uint32_t header = ten ? 8 : 4, len = header;
	uint8_t code = packet[2] & 0x3f, control = packet[2] >> 6;
	uint8_t *b = r->buffer;

	if (control == 3) {
		fail(r, SENSE_ILLEGAL_REQUEST, ASC_SAVING_UNSUPPORTED);
		return;
	}
	memset(b, 0, 256);
	for (unsigned int i = 0; i < G_N_ELEMENTS(pages); i++) {
		if (code != pages[i].code && code != 0x3f)
			continue;
		uint32_t n = pages[i].make(d, b + len);
		if (control == 1) /* changeable values: none */
			memset(b + len + 2, 0, n - 2);
		len += n;
	}
	if (len == header) {
		fail(r, SENSE_ILLEGAL_REQUEST, ASC_INVALID_FIELD);
		return;
	}
	if (ten) {
		store_be16(b, (uint16_t)(len - 2));
		b[2] = medium_type(d);
	} else {
		b[0] = (uint8_t)(len - 1);
		b[1] = medium_type(d);
	}
	reply(r, len, ten ? load_be16(packet + 7) : packet[4]);
}

/* --- GET CONFIGURATION --- */

enum { PROFILE_CD_ROM = 0x08, PROFILE_DVD_ROM = 0x10 };

static uint32_t feature(uint8_t *p, uint16_t code, uint8_t flags, uint8_t extra)
{
	store_be16(p, code);
	p[2] = flags;
	p[3] = extra;
	return 4u + extra;
}

void mmc_get_configuration(struct drive *d, const uint8_t *packet, struct mmc_reply *r)
{
	uint8_t *b = r->buffer, *p;
	uint16_t current = 0, start = load_be16(packet + 2);
	uint8_t how = packet[1] & 3;
	uint32_t len = 8;

	if (how == 3) {
		fail(r, SENSE_ILLEGAL_REQUEST, ASC_INVALID_FIELD);
		return;
	}
	if (drive_has_medium(d))
		current = is_dvd(d) ? PROFILE_DVD_ROM : PROFILE_CD_ROM;
	memset(b, 0, 128);
	if ((how != 2 && start == 0) || (how == 2 && start == 0)) {
		p = b + len;
		len += feature(p, 0x0000, 0x03, 8); /* profile list */
		store_be16(p + 4, PROFILE_DVD_ROM);
		p[6] = current == PROFILE_DVD_ROM;
		store_be16(p + 8, PROFILE_CD_ROM);
		p[10] = current == PROFILE_CD_ROM;
	}
	if ((how != 2 && start <= 1) || (how == 2 && start == 1)) {
		p = b + len;
		len += feature(p, 0x0001, 0x0b, 8); /* core: ATAPI */
		store_be32(p + 4, 2);
		p[8] = 1;
	}
	if ((how != 2 && start <= 3) || (how == 2 && start == 3)) {
		p = b + len;
		len += feature(p, 0x0003, 0x07, 4); /* removable medium: tray, eject, lock */
		p[4] = 0x29;
	}
	store_be32(b, len - 4);
	store_be16(b + 6, current);
	reply(r, len, load_be16(packet + 7));
}

/* --- READ TOC: one session with one data track --- */

static uint8_t *put_address(uint8_t *p, uint32_t lba, bool msf)
{
	if (msf) {
		uint32_t frame = lba + 150;
		p[0] = 0;
		p[1] = (uint8_t)(frame / (60 * 75));
		p[2] = (uint8_t)(frame / 75 % 60);
		p[3] = (uint8_t)(frame % 75);
	} else {
		store_be32(p, lba);
	}
	return p + 4;
}

static uint32_t toc_tracks(struct drive *d, struct mmc_reply *r, bool msf, uint8_t first)
{
	uint8_t *p = r->buffer + 4;

	r->buffer[2] = r->buffer[3] = 1;
	if (first <= 1) {
		p[1] = 0x14; /* ADR 1, data track */
		p[2] = 1;
		p = put_address(p + 4, 0, msf);
	}
	p[1] = 0x16;
	p[2] = 0xaa; /* lead-out */
	p = put_address(p + 4, disc_blocks(d), msf);
	return (uint32_t)(p - r->buffer);
}

static uint32_t toc_session(struct mmc_reply *r, bool msf)
{
	r->buffer[2] = r->buffer[3] = 1;
	r->buffer[5] = 0x14;
	r->buffer[6] = 1;
	put_address(r->buffer + 8, 0, msf);
	return 12;
}

static uint8_t *full_entry(uint8_t *p, uint8_t point)
{
	p[0] = 1; /* session */
	p[1] = 0x14;
	p[3] = point;
	return p;
}

static uint32_t toc_full(struct drive *d, struct mmc_reply *r)
{
	uint8_t *p = r->buffer + 4, address[4];

	r->buffer[2] = r->buffer[3] = 1;
	full_entry(p, 0xa0)[8] = 1;
	p += 11;
	full_entry(p, 0xa1)[8] = 1;
	p += 11;
	put_address(address, disc_blocks(d), true);
	memcpy(full_entry(p, 0xa2) + 8, address + 1, 3);
	p += 11;
	put_address(address, 0, true);
	memcpy(full_entry(p, 1) + 8, address + 1, 3);
	p += 11;
	return (uint32_t)(p - r->buffer);
}

void mmc_read_toc(struct drive *d, const uint8_t *packet, struct mmc_reply *r)
{
	bool msf = packet[1] & 2;
	uint8_t format = packet[2] & 15, track = packet[6];
	uint32_t len;

	if (!format)
		format = packet[9] >> 6; /* SFF-8020i */
	if (format == 0 && track > 1 && track != 0xaa) {
		fail(r, SENSE_ILLEGAL_REQUEST, ASC_INVALID_FIELD);
		return;
	}
	memset(r->buffer, 0, 64);
	switch (format) {
	case 0: len = toc_tracks(d, r, msf, track); break;
	case 1: len = toc_session(r, msf); break;
	case 2: len = toc_full(d, r); break;
	default: fail(r, SENSE_ILLEGAL_REQUEST, ASC_INVALID_FIELD); return;
	}
	store_be16(r->buffer, (uint16_t)(len - 2));
	reply(r, len, load_be16(packet + 7));
}

void mmc_read_disc_information(struct drive *d, const uint8_t *packet, struct mmc_reply *r)
{
	uint8_t *b = r->buffer;

	if (packet[1] & 7) {
		fail(r, SENSE_ILLEGAL_REQUEST, ASC_INVALID_FIELD);
		return;
	}
	memset(b, 0, 34);
	store_be16(b, 32);
	b[2] = 0x0e; /* last session complete, disc finalised */
	b[3] = b[4] = b[5] = b[6] = 1;
	b[7] = 0x20; /* unrestricted use */
	memset(b + 16, 0xff, 8);
	reply(r, 34, load_be16(packet + 7));
}

void mmc_read_track_information(struct drive *d, const uint8_t *packet, struct mmc_reply *r)
{
	uint8_t *b = r->buffer;

	memset(b, 0, 36);
	store_be16(b, 34);
	b[2] = b[3] = 1;
	b[5] = 4; /* data track */
	b[6] = 1; /* mode 1 */
	store_be32(b + 24, disc_blocks(d));
	reply(r, 36, load_be16(packet + 7));
}

/* Physical format and manufacturing information of a DVD; CDs have none. */
void mmc_read_dvd_structure(struct drive *d, const uint8_t *packet, struct mmc_reply *r)
{
	uint8_t format = packet[7], *b = r->buffer;
	uint32_t len;

	if (!drive_has_medium(d)) {
		fail(r, SENSE_NOT_READY, ASC_NO_MEDIUM);
		return;
	}
	if (packet[1] & 15 || packet[6] || !is_dvd(d)) {
		fail(r, SENSE_ILLEGAL_REQUEST, ASC_INVALID_FIELD);
		return;
	}
	memset(b, 0, 4 + 2048);
	switch (format) {
	case 0x00:
		b[4] = 1;    /* DVD-ROM, part version 1 */
		b[5] = 0x0f; /* 120 mm, rate not specified */
		b[6] = 1;    /* one layer, read-only */
		store_be32(b + 8, 0x30000);
		store_be32(b + 12, 0x30000 + disc_blocks(d) - 1);
		store_be32(b + 16, 0x30000 + disc_blocks(d) - 1);
		len = 4 + 2048;
		break;
	case 0x01: len = 8; break; /* not copyrighted */
	case 0x04: len = 4 + 2048; break;
	default: fail(r, SENSE_ILLEGAL_REQUEST, ASC_INVALID_FIELD); return;
	}
	store_be16(b, (uint16_t)(len - 2));
	reply(r, len, load_be16(packet + 8));
}

void mmc_mechanism_status(struct drive *d, const uint8_t *packet, struct mmc_reply *r)
{
	memset(r->buffer, 0, 8);
	r->buffer[5] = 1; /* one slot */
	r->buffer[1] = d->tray_open ? 0x10 : 0;
	reply(r, 8, load_be16(packet + 8));
}

/* Polled, media class. */
void mmc_event_status(struct drive *d, const uint8_t *packet, uint8_t *media_event,
		      struct mmc_reply *r)
{
	uint8_t *b = r->buffer;

	if (!(packet[1] & 1)) {
		fail(r, SENSE_ILLEGAL_REQUEST, ASC_INVALID_FIELD);
		return;
	}
	memset(b, 0, 8);
	b[3] = 0x10; /* classes that there are: media */
	if (!(packet[4] & 0x10)) {
		b[1] = 2;
		b[2] = 0x80;
		reply(r, 4, load_be16(packet + 7));
		return;
	}
	b[1] = 6;
	b[2] = 4;
	b[4] = *media_event;
	b[5] = (uint8_t)((d->tray_open ? 1 : 0) | (drive_has_medium(d) ? 2 : 0));
	*media_event = 0;
	reply(r, 8, load_be16(packet + 7));
}
