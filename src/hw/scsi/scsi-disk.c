/*
 * SCSI disks, and what CD-ROM drives share with them. Sources: SPC-3, SBC-2. Commands are in the
 * table below; those that describe the disk are in scsi-info.c.
 */
#include "hw/scsi/scsi-disk.h"

#include "base/bytes.h"
#include "base/log.h"

#include <string.h>

/* --- ends of commands --- */

void scsi_disk_good(struct scsi_disk *s)
{
	s->operation = OP_NONE;
	scsi_end(&s->t, SCSI_GOOD);
}

void scsi_disk_fail(struct scsi_disk *s, enum sense_key key, uint8_t asc)
{
	s->operation = OP_NONE;
	s->sense_key = (uint8_t)key;
	s->asc = asc;
	s->ascq = 0;
	scsi_end(&s->t, SCSI_CHECK_CONDITION);
}

void scsi_disk_reply(struct scsi_disk *s, uint32_t len, uint32_t allocation)
{
	s->operation = OP_REPLY;
	scsi_data_in(&s->t, MIN(len, allocation));
}

uint64_t scsi_disk_blocks(const struct scsi_disk *s)
{
	return drive_size(s->drive) / s->block_size;
}

/* --- the medium --- */

struct request {
	struct scsi_disk *disk;
	uint32_t generation;
	void (*done)(struct scsi_disk *s);
};

static void medium_error(struct scsi_disk *s)
{
	if (!drive_has_medium(s->drive))
		scsi_disk_fail(s, SENSE_NOT_READY, ASC_NO_MEDIUM);
	else if (s->operation == OP_READ)
		scsi_disk_fail(s, SENSE_MEDIUM_ERROR, ASC_UNRECOVERED_READ);
	else
		scsi_disk_fail(s, SENSE_MEDIUM_ERROR, ASC_WRITE_ERROR);
}

static void request_done(void *opaque, int error)
{
	struct request *r = opaque;
	struct scsi_disk *s = r->disk;
	bool current = r->generation == s->generation && s->t.phase == SCSI_BUSY;

	s->in_flight--;
	if (current && error)
		medium_error(s);
	else if (current)
		r->done(s);
	g_free(r);
	if (current && s->t.phase != SCSI_BUSY)
		scsi_changed(&s->t);
}

static struct request *request_new(struct scsi_disk *s, void (*done)(struct scsi_disk *s))
{
	struct request *r = g_new(struct request, 1);

	*r = (struct request){s, s->generation, done};
	s->in_flight++;
	return r;
}

static uint32_t chunk(const struct scsi_disk *s)
{
	return MIN(s->blocks_left, SCSI_BUFFER / s->block_size);
}

static void blocks_moved(struct scsi_disk *s, uint32_t n)
{
	s->lba += n;
	s->blocks_left -= n;
}

static void read_done(struct scsi_disk *s)
{
	uint32_t n = chunk(s);

	blocks_moved(s, n);
	scsi_data_in(&s->t, n * s->block_size);
}

static void read_chunk(struct scsi_disk *s)
{
	if (!s->blocks_left) {
		scsi_disk_good(s);
		return;
	}
	drive_read(s->drive, s->lba * s->block_size, s->t.buffer, chunk(s) * s->block_size,
		   request_done, request_new(s, read_done));
}

static void write_done(struct scsi_disk *s)
{
	blocks_moved(s, chunk(s));
	if (s->blocks_left)
		scsi_data_out(&s->t, chunk(s) * s->block_size);
	else
		scsi_disk_good(s);
}

static void write_chunk(struct scsi_disk *s)
{
	drive_write(s->drive, s->lba * s->block_size, s->t.buffer, chunk(s) * s->block_size,
		    request_done, request_new(s, write_done));
}

/* Checks a range of blocks and starts to move them. */
static void move_blocks(struct scsi_disk *s, enum scsi_operation op, uint64_t lba, uint32_t count)
{
	uint64_t blocks = scsi_disk_blocks(s);

	if (op == OP_WRITE && (s->cdrom || drive_readonly(s->drive))) {
		scsi_disk_fail(s, SENSE_DATA_PROTECT, ASC_WRITE_PROTECTED);
		return;
	}
	if (lba > blocks || count > blocks - lba) {
		scsi_disk_fail(s, SENSE_ILLEGAL_REQUEST, ASC_LBA_OUT_OF_RANGE);
		return;
	}
	s->operation = (uint8_t)op;
	s->lba = lba;
	s->blocks_left = count;
	if (op == OP_READ)
		read_chunk(s);
	else
		scsi_data_out(&s->t, chunk(s) * s->block_size);
}

/* --- reading and writing --- */

static uint64_t lba_of(const uint8_t *cdb)
{
	switch (cdb[0] >> 5) {
	case 0: return load_be32(cdb) & 0x1fffff;
	case 4: return load_be64(cdb + 2);
	default: return load_be32(cdb + 2);
	}
}

static uint32_t count_of(const uint8_t *cdb)
{
	switch (cdb[0] >> 5) {
	case 0: return cdb[4] ? cdb[4] : 256;
	case 4: return load_be32(cdb + 10);
	case 5: return load_be32(cdb + 6);
	default: return load_be16(cdb + 7);
	}
}

static void read_blocks(struct scsi_disk *s, const uint8_t *cdb)
{
	move_blocks(s, OP_READ, lba_of(cdb), count_of(cdb));
}

static void write_blocks(struct scsi_disk *s, const uint8_t *cdb)
{
	move_blocks(s, OP_WRITE, lba_of(cdb), count_of(cdb));
}

/* The range is checked, the medium is taken to be good. */
static void verify(struct scsi_disk *s, const uint8_t *cdb)
{
	uint64_t blocks = scsi_disk_blocks(s), lba = lba_of(cdb);

	if (cdb[1] & 2) /* BYTCHK: compare with data from the host */
		scsi_disk_fail(s, SENSE_ILLEGAL_REQUEST, ASC_INVALID_FIELD);
	else if (lba > blocks || count_of(cdb) > blocks - lba)
		scsi_disk_fail(s, SENSE_ILLEGAL_REQUEST, ASC_LBA_OUT_OF_RANGE);
	else
		scsi_disk_good(s);
}

static void seek(struct scsi_disk *s, const uint8_t *cdb)
{
	if (lba_of(cdb) >= scsi_disk_blocks(s))
		scsi_disk_fail(s, SENSE_ILLEGAL_REQUEST, ASC_LBA_OUT_OF_RANGE);
	else
		scsi_disk_good(s);
}

static void synchronize_cache(struct scsi_disk *s, const uint8_t *cdb)
{
	if (s->cdrom) {
		scsi_disk_good(s);
		return;
	}
	s->operation = OP_WRITE;
	drive_flush(s->drive, request_done, request_new(s, scsi_disk_good));
}

/* --- discarding --- */

static void write_same(struct scsi_disk *s, const uint8_t *cdb)
{
	uint64_t lba = lba_of(cdb), blocks = scsi_disk_blocks(s);
	uint32_t count = count_of(cdb);

	if (drive_readonly(s->drive)) {
		scsi_disk_fail(s, SENSE_DATA_PROTECT, ASC_WRITE_PROTECTED);
	} else if (!count || cdb[1] & 6 || lba > blocks || count > blocks - lba) {
		scsi_disk_fail(s, SENSE_ILLEGAL_REQUEST,
			       count && !(cdb[1] & 6) ? ASC_LBA_OUT_OF_RANGE : ASC_INVALID_FIELD);
	} else {
		s->operation = OP_WRITE_SAME;
		s->lba = lba;
		s->blocks_left = count;
		scsi_data_out(&s->t, s->block_size);
	}
}

static void write_same_done(struct scsi_disk *s);

static void write_same_chunk(struct scsi_disk *s)
{
	drive_write(s->drive, s->lba * s->block_size, s->t.buffer, chunk(s) * s->block_size,
		    request_done, request_new(s, write_same_done));
}

static void write_same_done(struct scsi_disk *s)
{
	blocks_moved(s, chunk(s));
	if (s->blocks_left)
		write_same_chunk(s);
	else
		scsi_disk_good(s);
}

/* Blocks of zeroes cost nothing; any other pattern is spread over the buffer and written. */
static void write_same_next(struct scsi_disk *s)
{
	uint8_t *b = s->t.buffer;
	bool unmap = s->t.cdb[1] & 8;

	for (uint32_t i = s->block_size; i < SCSI_BUFFER; i += s->block_size)
		memcpy(b + i, b, s->block_size);
	if (b[0] == 0 && memcmp(b, b + 1, s->block_size - 1) == 0) {
		drive_write_zeroes(s->drive, s->lba * s->block_size,
				   (uint64_t)s->blocks_left * s->block_size, unmap, request_done,
				   request_new(s, scsi_disk_good));
		return;
	}
	write_same_chunk(s);
}

static void unmap(struct scsi_disk *s, const uint8_t *cdb)
{
	uint32_t len = load_be16(cdb + 7);

	if (drive_readonly(s->drive)) {
		scsi_disk_fail(s, SENSE_DATA_PROTECT, ASC_WRITE_PROTECTED);
		return;
	}
	s->operation = OP_UNMAP;
	scsi_data_out(&s->t, len);
}

/* The list of ranges is in the buffer; `lba` counts those that are done. */
static void unmap_next(struct scsi_disk *s)
{
	uint32_t len = s->t.len, listed = len >= 8 ? load_be16(s->t.buffer + 2) / 16 : 0;
	uint32_t count = MIN(listed, len >= 8 ? (len - 8) / 16 : 0);

	while (s->lba < count) {
		const uint8_t *p = s->t.buffer + 8 + 16 * s->lba++;
		uint64_t lba = load_be64(p), blocks = scsi_disk_blocks(s);
		uint32_t n = load_be32(p + 8);

		if (lba > blocks || n > blocks - lba) {
			scsi_disk_fail(s, SENSE_ILLEGAL_REQUEST, ASC_LBA_OUT_OF_RANGE);
			return;
		}
		if (!n)
			continue;
		drive_discard(s->drive, lba * s->block_size, (uint64_t)n * s->block_size,
			      request_done, request_new(s, unmap_next));
		return;
	}
	scsi_disk_good(s);
}

/* --- small commands --- */

static void no_operation(struct scsi_disk *s, const uint8_t *cdb)
{
	scsi_disk_good(s);
}

/* Parameters that change nothing are taken all the same. */
static void take_parameters(struct scsi_disk *s, const uint8_t *cdb)
{
	s->operation = OP_DISCARD_DATA;
	scsi_data_out(&s->t, cdb[0] == 0x1d ? load_be16(cdb + 3) : 0);
}

static void prevent_allow(struct scsi_disk *s, const uint8_t *cdb)
{
	drive_set_locked(s->drive, cdb[4] & 1);
	scsi_disk_good(s);
}

/* --- the table --- */

enum { ANY_TIME = 1, NEEDS_MEDIUM = 2, DISK_ONLY = 4 };

static const struct {
	uint8_t opcode, flags;
	scsi_disk_fn *run;
} commands[] = {
	{0x00, NEEDS_MEDIUM, no_operation},		/* TEST UNIT READY */
	{0x01, NEEDS_MEDIUM, no_operation},		/* REZERO UNIT */
	{0x03, ANY_TIME, scsi_disk_request_sense},	/* REQUEST SENSE */
	{0x04, NEEDS_MEDIUM | DISK_ONLY, no_operation}, /* FORMAT UNIT, without a list */
	{0x08, NEEDS_MEDIUM, read_blocks},		/* READ(6) */
	{0x0a, NEEDS_MEDIUM, write_blocks},		/* WRITE(6) */
	{0x0b, NEEDS_MEDIUM, seek},			/* SEEK(6) */
	{0x12, ANY_TIME, scsi_disk_inquiry},		/* INQUIRY */
	{0x15, 0, scsi_disk_mode_select},		/* MODE SELECT(6) */
	{0x16, 0, no_operation},			/* RESERVE(6) */
	{0x17, 0, no_operation},			/* RELEASE(6) */
	{0x1a, 0, scsi_disk_mode_sense},		/* MODE SENSE(6) */
	{0x1b, DISK_ONLY, no_operation},		/* START STOP UNIT */
	{0x1d, 0, take_parameters},			/* SEND DIAGNOSTIC */
	{0x1e, 0, prevent_allow},			/* PREVENT ALLOW MEDIUM REMOVAL */
	{0x25, NEEDS_MEDIUM, scsi_disk_read_capacity_10},
	{0x28, NEEDS_MEDIUM, read_blocks},	      /* READ(10) */
	{0x2a, NEEDS_MEDIUM, write_blocks},	      /* WRITE(10) */
	{0x2b, NEEDS_MEDIUM, seek},		      /* SEEK(10) */
	{0x2e, NEEDS_MEDIUM, write_blocks},	      /* WRITE AND VERIFY(10) */
	{0x2f, NEEDS_MEDIUM, verify},		      /* VERIFY(10) */
	{0x35, NEEDS_MEDIUM, synchronize_cache},      /* SYNCHRONIZE CACHE(10) */
	{0x41, NEEDS_MEDIUM | DISK_ONLY, write_same}, /* WRITE SAME(10) */
	{0x42, NEEDS_MEDIUM | DISK_ONLY, unmap},      /* UNMAP */
	{0x55, 0, scsi_disk_mode_select},	      /* MODE SELECT(10) */
	{0x5a, 0, scsi_disk_mode_sense},	      /* MODE SENSE(10) */
	{0x88, NEEDS_MEDIUM, read_blocks},	      /* READ(16) */
	{0x8a, NEEDS_MEDIUM, write_blocks},	      /* WRITE(16) */
	{0x8f, NEEDS_MEDIUM, verify},		      /* VERIFY(16) */
	{0x91, NEEDS_MEDIUM, synchronize_cache},      /* SYNCHRONIZE CACHE(16) */
	{0x93, NEEDS_MEDIUM | DISK_ONLY, write_same}, /* WRITE SAME(16) */
	{0x9e, NEEDS_MEDIUM, scsi_disk_service_action_in},
	{0xa0, ANY_TIME, scsi_disk_report_luns}, /* REPORT LUNS */
	{0xa8, NEEDS_MEDIUM, read_blocks},	 /* READ(12) */
	{0xaa, NEEDS_MEDIUM, write_blocks},	 /* WRITE(12) */
	{0xae, NEEDS_MEDIUM, write_blocks},	 /* WRITE AND VERIFY(12) */
	{0xaf, NEEDS_MEDIUM, verify},		 /* VERIFY(12) */
};

/* Whether the command ends here because the host has to hear of something first. */
static bool attend(struct scsi_disk *s, uint8_t flags)
{
	if (flags & ANY_TIME)
		return false;
	if (s->attention) {
		uint8_t asc = s->attention;
		s->attention = 0;
		scsi_disk_fail(s, SENSE_UNIT_ATTENTION, asc);
		return true;
	}
	if (flags & NEEDS_MEDIUM && !drive_has_medium(s->drive)) {
		scsi_disk_fail(s, SENSE_NOT_READY, ASC_NO_MEDIUM);
		return true;
	}
	return false;
}

/* A unit that does not exist: it can be asked what it is, and nothing else. */
static bool wrong_lun(struct scsi_disk *s, const uint8_t *cdb)
{
	if (s->t.cdb_lun == s->t.lun || cdb[0] == 0xa0)
		return false;
	if (cdb[0] == 0x12) {
		memset(s->t.buffer, 0, 36);
		s->t.buffer[0] = 0x7f;
		s->t.buffer[4] = 31;
		scsi_disk_reply(s, 36, load_be16(cdb + 3));
	} else if (cdb[0] == 0x03) {
		s->sense_key = SENSE_ILLEGAL_REQUEST;
		s->asc = ASC_LUN_NOT_SUPPORTED;
		scsi_disk_request_sense(s, cdb);
	} else {
		scsi_disk_fail(s, SENSE_ILLEGAL_REQUEST, ASC_LUN_NOT_SUPPORTED);
	}
	return true;
}

static void disk_command(struct scsi_target *t)
{
	struct scsi_disk *s = (struct scsi_disk *)t;
	const uint8_t *cdb = t->cdb;

	s->operation = OP_NONE;
	s->lba = 0;
	s->blocks_left = 0;
	if (s->in_flight) { /* what was aborted still has the buffer */
		scsi_end(t, SCSI_STATUS_BUSY);
		return;
	}
	if (wrong_lun(s, cdb))
		return;
	if (cdb[0] != 0x03)
		s->sense_key = s->asc = s->ascq = 0;
	if (s->cdrom && scsi_cd_command(s, cdb))
		return;
	for (unsigned int i = 0; i < G_N_ELEMENTS(commands); i++) {
		if (commands[i].opcode != cdb[0] || (s->cdrom && commands[i].flags & DISK_ONLY))
			continue;
		if (!attend(s, commands[i].flags))
			commands[i].run(s, cdb);
		return;
	}
	log_printf(LOG_UNIMP, "scsi-disk: command %02x\n", cdb[0]);
	scsi_disk_fail(s, SENSE_ILLEGAL_REQUEST, ASC_ILLEGAL_OPCODE);
}

static void disk_next(struct scsi_target *t)
{
	struct scsi_disk *s = (struct scsi_disk *)t;

	switch (s->operation) {
	case OP_READ: read_chunk(s); break;
	case OP_WRITE: write_chunk(s); break;
	case OP_WRITE_SAME: write_same_next(s); break;
	case OP_UNMAP: unmap_next(s); break;
	case OP_MODE_SELECT: scsi_disk_mode_data(s); break;
	default: scsi_disk_good(s); break;
	}
}

static void disk_abort(struct scsi_target *t, bool reset)
{
	struct scsi_disk *s = (struct scsi_disk *)t;

	s->generation++;
	s->operation = OP_NONE;
	if (reset) {
		s->attention = ASC_RESET;
		s->sense_key = s->asc = s->ascq = 0;
		drive_set_locked(s->drive, false);
	}
}

/* --- the devices --- */

static struct error *disk_init(struct scsi_disk *s, bool cdrom)
{
	if (!s->drive)
		return error_new("drive= is missing: a -drive if=none,id=... gives one");
	if (s->drive->claimed)
		return error_new("drive \"%s\" is used by another device", s->drive->id);
	if (!cdrom && !s->drive->block)
		return error_new("drive \"%s\" has no medium, which a disk needs", s->drive->id);
	s->drive->claimed = true;
	s->cdrom = cdrom;
	s->block_size = cdrom ? 2048 : 512;
	if (!s->serial && s->drive->serial)
		s->serial = g_strdup(s->drive->serial);
	if (cdrom) {
		s->drive->changed = scsi_cd_medium_changed;
		s->drive->changed_opaque = s;
	}
	return NULL;
}

static struct error *hd_init(struct device *dev)
{
	return disk_init((struct scsi_disk *)dev, false);
}

static struct error *cd_init(struct device *dev)
{
	return disk_init((struct scsi_disk *)dev, true);
}

/* scsi-disk: what the drive says it is. */
static struct error *any_init(struct device *dev)
{
	struct scsi_disk *s = (struct scsi_disk *)dev;

	return disk_init(s, s->drive && s->drive->media == MEDIA_CDROM);
}

static void disk_reset(struct device *dev)
{
	struct scsi_disk *s = (struct scsi_disk *)dev;

	s->t.phase = SCSI_FREE;
	disk_abort(&s->t, true);
	s->media_event = 0;
}

static void disk_exit(struct device *dev)
{
	struct scsi_disk *s = (struct scsi_disk *)dev;

	if (!s->drive)
		return;
	drives_drain();
	s->drive->changed = NULL;
	s->drive->claimed = false;
	if (s->t.scsi_bus && s->t.scsi_bus->targets[s->t.id] == &s->t)
		s->t.scsi_bus->targets[s->t.id] = NULL;
}

static struct error *disk_post_load(struct device *dev)
{
	struct scsi_disk *s = (struct scsi_disk *)dev;
	uint64_t blocks = scsi_disk_blocks(s);

	if (s->operation > OP_DISCARD_DATA ||
	    ((s->operation == OP_READ || s->operation == OP_WRITE ||
	      s->operation == OP_WRITE_SAME) &&
	     (s->lba > blocks || s->blocks_left > blocks - s->lba)))
		return error_new("%s: impossible transfer", dev->class->name);
	/* The end of the buffer is the end of whole blocks. */
	if ((s->operation == OP_WRITE && s->t.phase == SCSI_DATA_OUT &&
	     s->t.len != chunk(s) * s->block_size) ||
	    (s->operation == OP_WRITE_SAME && s->t.phase == SCSI_DATA_OUT &&
	     s->t.len != s->block_size))
		return error_new("%s: impossible transfer", dev->class->name);
	return scsi_target_post_load(&s->t);
}

static const struct prop props[] = {
	PROP_DRIVE("drive", struct scsi_disk, drive, "the medium (-drive id)"),
	PROP_STRING("serial", struct scsi_disk, serial, "serial number"),
	PROP_STRING("ver", struct scsi_disk, version, "revision, four characters"),
	PROP_END,
};

static const struct field state[] = {
	F_STRUCT(struct scsi_disk, t, scsi_target_state),
	F_U8(struct scsi_disk, sense_key),
	F_U8(struct scsi_disk, asc),
	F_U8(struct scsi_disk, ascq),
	F_U8(struct scsi_disk, attention),
	F_U8(struct scsi_disk, media_event),
	F_U8(struct scsi_disk, operation),
	F_U64(struct scsi_disk, lba),
	F_U32(struct scsi_disk, blocks_left),
	FIELD_END,
};

static const struct scsi_target_ops ops = {
	.command = disk_command, .next = disk_next, .abort = disk_abort};

#define SCSI_DISK(ident, name_, help_, init_)                                          \
	DEVICE_CLASS(ident, .name = name_, .help = help_, .bus = "SCSI",               \
		     .size = sizeof(struct scsi_disk), .props = props, .state = state, \
		     .init = init_, .reset = disk_reset, .exit = disk_exit,            \
		     .post_load = disk_post_load, .bus_info = &ops, .bus_props = scsi_props)

SCSI_DISK(scsi_hd, "scsi-hd", "SCSI disk", hd_init);
SCSI_DISK(scsi_cd, "scsi-cd", "SCSI CD-ROM drive", cd_init);
SCSI_DISK(scsi_disk, "scsi-disk", "SCSI disk or CD-ROM drive, as the medium says", any_init);
