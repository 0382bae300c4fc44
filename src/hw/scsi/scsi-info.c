/* What a SCSI disk tells of itself: INQUIRY, mode pages, capacity (SPC-3, clauses 6 and 7). */
#include "hw/scsi/scsi-disk.h"

#include "base/bytes.h"

#include <string.h>

static void padded(uint8_t *p, size_t n, const char *s)
{
	for (size_t i = 0; i < n; i++)
		p[i] = *s ? (uint8_t)*s++ : ' ';
}

static const char *serial_of(const struct scsi_disk *s)
{
	return s->serial ? s->serial : "0";
}

/* --- INQUIRY --- */

enum { VPD_SUPPORTED = 0x00, VPD_SERIAL = 0x80, VPD_IDENTIFICATION = 0x83 };
enum { VPD_LIMITS = 0xb0, VPD_PROVISIONING = 0xb2 };

static uint32_t vpd_supported(struct scsi_disk *s, uint8_t *p)
{
	static const uint8_t pages[] = {VPD_SUPPORTED, VPD_SERIAL, VPD_IDENTIFICATION, VPD_LIMITS,
					VPD_PROVISIONING};
	uint32_t n = s->cdrom ? 3 : sizeof(pages);

	memcpy(p, pages, n);
	return n;
}

static uint32_t vpd_serial(struct scsi_disk *s, uint8_t *p)
{
	uint32_t n = (uint32_t)MIN(strlen(serial_of(s)), 36);

	memcpy(p, serial_of(s), n);
	return n;
}

/* The drive's name in ASCII, of vendor specific kind. */
static uint32_t vpd_identification(struct scsi_disk *s, uint8_t *p)
{
	const char *id = s->drive->id ? s->drive->id : "";
	uint32_t n = (uint32_t)MIN(strlen(id), 64);

	p[0] = 2;
	p[3] = (uint8_t)n;
	memcpy(p + 4, id, n);
	return 4 + n;
}

static uint32_t vpd_limits(struct scsi_disk *s, uint8_t *p)
{
	store_be32(p + 16, 0x00200000);			/* blocks of an UNMAP */
	store_be32(p + 20, (SCSI_BUFFER / 2 - 8) / 16); /* ranges of an UNMAP */
	return 0x3c;
}

static uint32_t vpd_provisioning(struct scsi_disk *s, uint8_t *p)
{
	p[1] = 0xe0; /* UNMAP, WRITE SAME(16) and (10) can unmap */
	p[2] = 2;    /* thin */
	return 4;
}

static const struct {
	uint8_t page;
	bool disk_only;
	uint32_t (*make)(struct scsi_disk *s, uint8_t *p);
} vpd_pages[] = {
	{VPD_SUPPORTED, false, vpd_supported},
	{VPD_SERIAL, false, vpd_serial},
	{VPD_LIMITS, true, vpd_limits},
	{VPD_IDENTIFICATION, false, vpd_identification},
	{VPD_PROVISIONING, true, vpd_provisioning},
};

static void vital_product_data(struct scsi_disk *s, const uint8_t *cdb)
{
	uint8_t *b = s->t.buffer;

	for (unsigned int i = 0; i < G_N_ELEMENTS(vpd_pages); i++) {
		if (vpd_pages[i].page != cdb[2] || (vpd_pages[i].disk_only && s->cdrom))
			continue;
		b[0] = s->cdrom ? 5 : 0;
		b[1] = cdb[2];
		uint32_t len = vpd_pages[i].make(s, b + 4);
		store_be16(b + 2, (uint16_t)len);
		scsi_disk_reply(s, 4 + len, load_be16(cdb + 3));
		return;
	}
	scsi_disk_fail(s, SENSE_ILLEGAL_REQUEST, ASC_INVALID_FIELD);
}

void scsi_disk_inquiry(struct scsi_disk *s, const uint8_t *cdb)
{
	uint8_t *b = s->t.buffer;

	memset(b, 0, 256);
	if (cdb[1] & 1) {
		vital_product_data(s, cdb);
		return;
	}
	if (cdb[2]) {
		scsi_disk_fail(s, SENSE_ILLEGAL_REQUEST, ASC_INVALID_FIELD);
		return;
	}
	b[0] = s->cdrom ? 5 : 0;
	b[1] = s->cdrom ? 0x80 : 0; /* removable */
	b[2] = 5;		    /* SPC-3 */
	b[3] = 0x12;		    /* hierarchical LUNs, format 2 */
	b[4] = 31;
	/* neither wide nor synchronous transfers nor queues of commands */
	padded(b + 8, 8, "QEMU");
	padded(b + 16, 16, s->cdrom ? "QEMU CD-ROM" : "QEMU HARDDISK");
	padded(b + 32, 4, s->version ? s->version : RATITE_VERSION);
	scsi_disk_reply(s, 36, load_be16(cdb + 3));
}

/* --- mode pages; nothing can be changed but the write cache, which is always on --- */

static uint32_t page_recovery(struct scsi_disk *s, uint8_t *p)
{
	p[0] = 0x01;
	p[1] = 10;
	p[2] = 0x80; /* AWRE */
	return 12;
}

static uint32_t page_geometry(struct scsi_disk *s, uint8_t *p)
{
	uint32_t cyls, heads, secs;
	int translation;

	drive_geometry(s->drive, &cyls, &heads, &secs, &translation);
	p[0] = 0x04;
	p[1] = 22;
	store_be32(p + 1, cyls);
	p[1] = 22;
	p[5] = (uint8_t)heads;
	store_be16(p + 20, 5400); /* revolutions a minute */
	return 24;
}

static uint32_t page_format(struct scsi_disk *s, uint8_t *p)
{
	uint32_t cyls, heads, secs;
	int translation;

	drive_geometry(s->drive, &cyls, &heads, &secs, &translation);
	p[0] = 0x03;
	p[1] = 22;
	store_be16(p + 10, (uint16_t)secs);
	store_be16(p + 12, (uint16_t)s->block_size);
	return 24;
}

static uint32_t page_caching(struct scsi_disk *s, uint8_t *p)
{
	p[0] = 0x08;
	p[1] = 18;
	if (s->drive->cache != CACHE_WRITETHROUGH && s->drive->cache != CACHE_DIRECTSYNC)
		p[2] = 4; /* WCE */
	return 20;
}

static const struct {
	uint8_t code;
	uint32_t (*make)(struct scsi_disk *s, uint8_t *p);
} mode_pages[] = {
	{0x01, page_recovery}, {0x03, page_format}, {0x04, page_geometry}, {0x08, page_caching}};

static uint32_t block_descriptor(struct scsi_disk *s, uint8_t *p)
{
	uint64_t blocks = scsi_disk_blocks(s);

	store_be32(p, blocks > 0xffffff ? 0xffffff : (uint32_t)blocks);
	store_be32(p + 4, s->block_size);
	return 8;
}

void scsi_disk_mode_sense(struct scsi_disk *s, const uint8_t *cdb)
{
	bool ten = cdb[0] == 0x5a, wanted = !(cdb[1] & 8);
	uint32_t header = ten ? 8 : 4, len = header, descriptor = 0;
	uint8_t code = cdb[2] & 0x3f, control = cdb[2] >> 6, *b = s->t.buffer;
	bool found = code == 0x3f;

	if (control == 3) {
		scsi_disk_fail(s, SENSE_ILLEGAL_REQUEST, ASC_SAVING_UNSUPPORTED);
		return;
	}
	memset(b, 0, 256);
	if (wanted)
		descriptor = block_descriptor(s, b + header);
	len += descriptor;
	for (unsigned int i = 0; i < G_N_ELEMENTS(mode_pages); i++) {
		if (code != mode_pages[i].code && code != 0x3f)
			continue;
		uint32_t n = mode_pages[i].make(s, b + len);
		if (control == 1)
			memset(b + len + 2, 0, n - 2);
		len += n;
		found = true;
	}
	if (!found) {
		scsi_disk_fail(s, SENSE_ILLEGAL_REQUEST, ASC_INVALID_FIELD);
		return;
	}
	uint8_t flags = drive_readonly(s->drive) ? 0x80 : 0x10; /* DPOFUA */
	if (ten) {
		store_be16(b, (uint16_t)(len - 2));
		b[3] = flags;
		b[7] = (uint8_t)descriptor;
	} else {
		b[0] = (uint8_t)(len - 1);
		b[2] = flags;
		b[3] = (uint8_t)descriptor;
	}
	scsi_disk_reply(s, len, ten ? load_be16(cdb + 7) : cdb[4]);
}

void scsi_disk_mode_select(struct scsi_disk *s, const uint8_t *cdb)
{
	s->operation = OP_MODE_SELECT;
	scsi_data_out(&s->t, cdb[0] == 0x15 ? cdb[4] : load_be16(cdb + 7));
}

/* The pages must be there and have their lengths. */
void scsi_disk_mode_data(struct scsi_disk *s)
{
	const uint8_t *b = s->t.buffer;
	uint32_t len = s->t.len, at = s->t.cdb[0] == 0x15 ? 4 : 8;

	if (len < at) {
		scsi_disk_fail(s, SENSE_ILLEGAL_REQUEST, ASC_PARAMETER_LIST_LENGTH);
		return;
	}
	at += at == 4 ? b[3] : load_be16(b + 6);
	while (at < len) {
		if (len - at < 2 || len - at - 2 < b[at + 1]) {
			scsi_disk_fail(s, SENSE_ILLEGAL_REQUEST, ASC_PARAMETER_LIST_LENGTH);
			return;
		}
		at += 2u + b[at + 1];
	}
	scsi_disk_good(s);
}

/* --- capacity, units, sense --- */

void scsi_disk_read_capacity_10(struct scsi_disk *s, const uint8_t *cdb)
{
	uint64_t blocks = scsi_disk_blocks(s);

	store_be32(s->t.buffer, blocks ? (uint32_t)MIN(blocks - 1, UINT32_MAX) : 0);
	store_be32(s->t.buffer + 4, s->block_size);
	scsi_disk_reply(s, 8, 8);
}

void scsi_disk_service_action_in(struct scsi_disk *s, const uint8_t *cdb)
{
	uint64_t blocks = scsi_disk_blocks(s);
	uint8_t *b = s->t.buffer;

	if ((cdb[1] & 0x1f) != 0x10) { /* READ CAPACITY(16) */
		scsi_disk_fail(s, SENSE_ILLEGAL_REQUEST, ASC_INVALID_FIELD);
		return;
	}
	memset(b, 0, 32);
	store_be64(b, blocks ? blocks - 1 : 0);
	store_be32(b + 8, s->block_size);
	b[14] = s->cdrom ? 0 : 0x80; /* blocks can be unmapped */
	scsi_disk_reply(s, 32, load_be32(cdb + 10));
}

void scsi_disk_report_luns(struct scsi_disk *s, const uint8_t *cdb)
{
	uint8_t *b = s->t.buffer;

	memset(b, 0, 24);
	store_be32(b, s->t.lun ? 16 : 8); /* unit 0 is always named */
	if (s->t.lun)
		b[17] = (uint8_t)s->t.lun;
	scsi_disk_reply(s, s->t.lun ? 24 : 16, load_be32(cdb + 6));
}

void scsi_disk_request_sense(struct scsi_disk *s, const uint8_t *cdb)
{
	uint8_t *b = s->t.buffer;

	memset(b, 0, 18);
	b[0] = 0x70;
	b[2] = s->sense_key;
	b[7] = 10;
	b[12] = s->asc;
	b[13] = s->ascq;
	s->sense_key = s->asc = s->ascq = 0;
	scsi_disk_reply(s, 18, cdb[4]);
}
