/*
 * Floppy disk controller 82077AA (Intel order number 290166), in its PC/AT mode.
 *
 *	0 SRA r	  1 SRB r   2 DOR rw   3 TDR rw	  4 MSR r / DSR w   5 FIFO rw	7 DIR r / CCR w
 *
 * A command is a run of parameter bytes, an execution phase (DMA channel 2, or bytes through the
 * FIFO in non-DMA mode) and a run of result bytes. The execution phase of a read fetches all
 * sectors up to EOT into the buffer at once; that of a write collects them there first.
 */
#include "hw/block/fdc.h"

#include "base/log.h"
#include "hw/isa/isa.h"

#include <string.h>

enum { REG_SRA, REG_SRB, REG_DOR, REG_TDR, REG_MSR, REG_FIFO, REG_DIR = 7 };
enum { DOR_NRESET = 0x04, DOR_DMA_GATE = 0x08, DOR_MOTOR0 = 0x10 };
enum { DSR_SOFT_RESET = 0x80 };
enum { MSR_RQM = 0x80, MSR_DIO = 0x40, MSR_NON_DMA = 0x20, MSR_BUSY = 0x10 };
enum {
	ST0_ABNORMAL = 0x40,
	ST0_INVALID = 0x80,
	ST0_POLLING = 0xc0,
	ST0_SEEK_END = 0x20,
	ST0_EQUIPMENT = 0x10,
	ST0_NOT_READY = 0x08
};
enum {
	ST1_EN = 0x80,
	ST1_DATA_ERROR = 0x20,
	ST1_NO_DATA = 0x04,
	ST1_NOT_WRITABLE = 0x02,
	ST1_MISSING_AM = 0x01
};
enum { ST2_WRONG_CYLINDER = 0x10 };
enum { ST3_WRITE_PROTECT = 0x40, ST3_READY = 0x20, ST3_TRACK0 = 0x10, ST3_TWO_SIDE = 0x08 };
enum { CONFIG_EIS = 0x40, CONFIG_POLL_OFF = 0x10 };

enum phase { PHASE_COMMAND, PHASE_EXECUTION, PHASE_RESULT };
enum direction { TO_HOST, FROM_HOST };

#define DRIVES	    4
#define BUFFER_SIZE (96 * 512u) /* two tracks of the densest format */

struct floppy {
	struct drive *drive; /* NULL: not connected */
	uint8_t track;	     /* where the head is */
	bool changed;	     /* DSKCHG */
	uint8_t next_id;
};

struct fdc {
	struct device dev;
	struct region low, high; /* ports 0 to 5, and 7 */
	uint32_t iobase, irq_number, dma_channel;
	struct irq *irq;
	struct isa_bus *bus;
	struct floppy drives[DRIVES];

	uint8_t dor, tdr, dsr, ccr;
	bool interrupt;
	uint8_t reset_senses; /* polling interrupts not yet sensed after a reset */
	uint8_t st0;	      /* for SENSE INTERRUPT STATUS */
	bool st0_valid;
	uint8_t srt_hut, hlt_nd; /* SPECIFY */
	uint8_t config, precompensation, perpendicular;
	bool lock;

	uint8_t phase;
	uint8_t fifo[16]; /* parameters, then results */
	uint8_t fifo_pos, fifo_len;

	/* execution phase */
	uint8_t direction;
	bool terminal_count, in_flight;
	uint8_t unit, head, track, sector, eot; /* of the first sector */
	bool multi_track;
	uint32_t pos, fill; /* of the buffer */
	uint8_t buffer[BUFFER_SIZE];
};

static void finish_transfer(struct fdc *s);

static struct floppy *current(struct fdc *s)
{
	return &s->drives[s->unit & 3];
}

static const struct floppy_format *format_of(const struct floppy *f)
{
	return floppy_format_find(drive_size(f->drive));
}

/* --- interrupt and phases --- */

static void set_interrupt(struct fdc *s, bool on)
{
	s->interrupt = on;
	irq_set(s->irq, on && (s->dor & DOR_DMA_GATE));
}

static void to_command_phase(struct fdc *s)
{
	s->phase = PHASE_COMMAND;
	s->fifo_pos = s->fifo_len = 0;
}

static void to_result_phase(struct fdc *s, uint8_t len)
{
	s->phase = PHASE_RESULT;
	s->fifo_pos = 0;
	s->fifo_len = len;
}

/* Ends a command that has no result bytes but an interrupt: SEEK and RECALIBRATE. */
static void seek_done(struct fdc *s, uint8_t status)
{
	s->st0 = (uint8_t)(ST0_SEEK_END | status | (s->head << 2) | s->unit);
	s->st0_valid = true;
	to_command_phase(s);
	set_interrupt(s, true);
}

static void invalid_command(struct fdc *s)
{
	log_printf(LOG_GUEST_ERRORS, "fdc: invalid command %02x\n", s->fifo[0]);
	s->fifo[0] = ST0_INVALID;
	to_result_phase(s, 1);
}

/* The seven result bytes of commands that move data. */
static void data_result(struct fdc *s, uint8_t st0, uint8_t st1, uint8_t st2)
{
	s->fifo[0] = (uint8_t)(st0 | (s->head << 2) | s->unit);
	s->fifo[1] = st1;
	s->fifo[2] = st2;
	s->fifo[3] = s->track;
	s->fifo[4] = s->head;
	s->fifo[5] = s->sector;
	s->fifo[6] = 2;
	to_result_phase(s, 7);
	set_interrupt(s, true);
}

/* --- positions --- */

static uint64_t sector_offset(const struct fdc *s, const struct floppy_format *f)
{
	uint64_t lba = ((uint64_t)s->track * f->heads + s->head) * f->sectors + s->sector - 1u;

	return lba * 512;
}

/* Moves the address that the result shows `n` sectors on (82077AA, table "result phase"). */
static void advance(struct fdc *s, uint32_t n)
{
	while (n--) {
		if (s->sector < s->eot) {
			s->sector++;
			continue;
		}
		s->sector = 1;
		if (s->multi_track) {
			s->head ^= 1;
			if (s->head)
				continue;
		}
		s->track++;
	}
}

/* Sectors from the first to EOT, and on to the other side with MT. */
static uint32_t sectors_to_eot(const struct fdc *s, const struct floppy_format *f)
{
	uint32_t last = MIN(s->eot, f->sectors);
	uint32_t n = last >= s->sector ? last - s->sector + 1u : 0;

	if (s->multi_track && s->head == 0 && f->heads == 2 && last == f->sectors)
		n += last;
	return MIN(n, BUFFER_SIZE / 512);
}

/* --- execution --- */

static bool uses_dma(const struct fdc *s)
{
	return !(s->hlt_nd & 1) && s->bus->dma;
}

static void hold_dreq(struct fdc *s, bool level)
{
	if (s->bus->dma)
		s->bus->dma->hold_dreq(s->bus->dma_opaque, s->dma_channel, level);
}

static void execution_start(struct fdc *s)
{
	s->phase = PHASE_EXECUTION;
	s->pos = 0;
	s->terminal_count = false;
	if (uses_dma(s))
		hold_dreq(s, true);
	else
		set_interrupt(s, true);
}

static void read_done(void *opaque, int error)
{
	struct fdc *s = opaque;

	s->in_flight = false;
	if (error)
		data_result(s, ST0_ABNORMAL, ST1_DATA_ERROR, ST1_DATA_ERROR);
	else
		execution_start(s);
}

static void verify_done(void *opaque, int error)
{
	struct fdc *s = opaque;

	s->in_flight = false;
	if (!error)
		advance(s, s->fill / 512);
	data_result(s, error ? ST0_ABNORMAL : 0, error ? ST1_DATA_ERROR : 0, 0);
}

static void write_done(void *opaque, int error)
{
	struct fdc *s = opaque;
	uint32_t n = s->pos / 512;

	s->in_flight = false;
	if (!error)
		advance(s, n);
	/* Without a terminal count the controller ran into EOT. */
	uint8_t st1 = error ? ST1_DATA_ERROR : s->terminal_count || !uses_dma(s) ? 0 : ST1_EN;
	data_result(s, st1 ? ST0_ABNORMAL : 0, st1, 0);
}

static bool is_format(const struct fdc *s)
{
	return (s->fifo[0] & 0x1f) == 0x0d;
}

/* FORMAT TRACK: the buffer holds an ID field for every sector; they get the filler byte. */
static void format_sectors(struct fdc *s)
{
	const struct floppy_format *f = format_of(current(s));
	uint32_t n = MIN(s->pos / 4, f->sectors);

	s->sector = 1;
	s->pos = n * 512;
	memset(s->buffer, s->fifo[5], s->pos);
}

/* The host has moved all it wants, or all there is. */
static void finish_transfer(struct fdc *s)
{
	hold_dreq(s, false);
	if (s->direction == FROM_HOST) {
		if (is_format(s))
			format_sectors(s);
		s->pos = (s->pos + 511) & ~511u; /* a short sector is filled up */
		if (!s->pos) {
			data_result(s, 0, 0, 0);
			return;
		}
		s->in_flight = true;
		drive_write(current(s)->drive, sector_offset(s, format_of(current(s))), s->buffer,
			    s->pos, write_done, s);
		return;
	}
	bool ran_over = !s->terminal_count && uses_dma(s);
	advance(s, (s->pos + 511) / 512);
	data_result(s, ran_over ? ST0_ABNORMAL : 0, ran_over ? ST1_EN : 0, 0);
}

static uint32_t dma_transfer(void *opaque, unsigned int channel, uint32_t pos, uint32_t size)
{
	struct fdc *s = opaque;
	const struct isa_dma_ops *dma = s->bus->dma;

	if (s->phase != PHASE_EXECUTION || s->in_flight)
		return pos;
	uint32_t n = MIN(size - MIN(pos, size), s->fill - s->pos);
	if (s->direction == TO_HOST) {
		/* Verify transfers of the 8237 (mode bits 00) move nothing but count. */
		if (dma->mode(s->bus->dma_opaque, channel) & 0x0c)
			dma->write(s->bus->dma_opaque, channel, s->buffer + s->pos, pos, n);
	} else {
		dma->read(s->bus->dma_opaque, channel, s->buffer + s->pos, pos, n);
	}
	s->pos += n;
	pos += n;
	s->terminal_count = pos >= size;
	if (s->terminal_count || s->pos == s->fill)
		finish_transfer(s);
	return pos;
}

/* --- commands that move data --- */

/* Takes drive, head, track, sector and EOT from the parameters; false: the result is an error. */
static bool locate(struct fdc *s, bool write)
{
	s->unit = s->fifo[1] & 3;
	s->head = s->fifo[1] >> 2 & 1;
	s->track = s->fifo[2];
	s->sector = s->fifo[4];
	s->eot = s->fifo[6];
	s->multi_track = s->fifo[0] & 0x80;
	struct floppy *f = current(s);

	if (!f->drive || !f->drive->block) {
		data_result(s, ST0_ABNORMAL | ST0_NOT_READY, ST1_MISSING_AM, 0);
		return false;
	}
	const struct floppy_format *format = format_of(f);
	if ((s->ccr & 3) != format->rate) {
		data_result(s, ST0_ABNORMAL, ST1_MISSING_AM, 0);
		return false;
	}
	if (s->config & CONFIG_EIS)
		f->track = s->track;
	if (s->track != f->track) {
		data_result(s, ST0_ABNORMAL, ST1_NO_DATA, ST2_WRONG_CYLINDER);
		return false;
	}
	if (s->track >= format->tracks || s->head >= format->heads || !s->sector ||
	    s->sector > format->sectors || s->fifo[5] != 2) {
		data_result(s, ST0_ABNORMAL, ST1_NO_DATA, 0);
		return false;
	}
	if (write && drive_readonly(f->drive)) {
		data_result(s, ST0_ABNORMAL, ST1_NOT_WRITABLE, 0);
		return false;
	}
	s->fill = sectors_to_eot(s, format) * 512;
	if (!s->fill) {
		data_result(s, ST0_ABNORMAL, ST1_EN, 0);
		return false;
	}
	return true;
}

static void cmd_read(struct fdc *s)
{
	if (!locate(s, false))
		return;
	const struct floppy_format *f = format_of(current(s));
	uint64_t at = sector_offset(s, f), size = drive_size(current(s)->drive);
	s->direction = TO_HOST;
	s->phase = PHASE_EXECUTION;
	s->in_flight = true;
	/* Behind the end of a short image is unwritten disk. */
	memset(s->buffer, 0, s->fill);
	drive_read(current(s)->drive, MIN(at, size), s->buffer,
		   at < size ? MIN(s->fill, size - at) : 0, read_done, s);
}

static void cmd_read_track(struct fdc *s)
{
	s->fifo[4] = 1; /* from the index hole, whatever R says */
	s->fifo[0] &= 0x7f;
	cmd_read(s);
}

static void cmd_write(struct fdc *s)
{
	if (!locate(s, true))
		return;
	s->direction = FROM_HOST;
	execution_start(s);
}

static void cmd_verify(struct fdc *s)
{
	if (!locate(s, false))
		return;
	if (s->fifo[1] & 0x80) /* EC: DTL counts sectors */
		s->fill = MIN(s->fill, s->fifo[8] * 512u);
	uint64_t at = sector_offset(s, format_of(current(s))), size = drive_size(current(s)->drive);
	s->phase = PHASE_EXECUTION;
	s->in_flight = true;
	drive_read(current(s)->drive, MIN(at, size), s->buffer,
		   at < size ? MIN(s->fill, size - at) : 0, verify_done, s);
}

static void cmd_format(struct fdc *s)
{
	uint8_t size_code = s->fifo[2], count = s->fifo[3], filler = s->fifo[5];
	uint8_t unit = s->fifo[1] & 3;

	/* locate() wants the parameters of a write */
	s->fifo[8] = filler;
	s->fifo[2] = s->drives[unit].track;
	s->fifo[4] = 1;
	s->fifo[5] = size_code;
	s->fifo[6] = count;
	s->fifo[0] &= 0x7f;
	if (!locate(s, true))
		return;
	s->fifo[5] = filler;
	s->fill = MIN(count * 4u, BUFFER_SIZE);
	s->direction = FROM_HOST;
	execution_start(s);
}

static void cmd_read_id(struct fdc *s)
{
	s->unit = s->fifo[1] & 3;
	s->head = s->fifo[1] >> 2 & 1;
	struct floppy *f = current(s);

	s->track = f->track;
	s->sector = 1;
	if (!f->drive || !f->drive->block) {
		data_result(s, ST0_ABNORMAL | ST0_NOT_READY, ST1_MISSING_AM, 0);
		return;
	}
	const struct floppy_format *format = format_of(f);
	if ((s->ccr & 3) != format->rate || s->head >= format->heads ||
	    s->track >= format->tracks) {
		data_result(s, ST0_ABNORMAL, ST1_MISSING_AM, 0);
		return;
	}
	f->next_id = (uint8_t)(f->next_id % format->sectors + 1);
	s->sector = f->next_id;
	data_result(s, 0, 0, 0);
}

/* --- positioning --- */

static void step_to(struct fdc *s, uint8_t track)
{
	struct floppy *f = current(s);

	f->track = track;
	if (f->drive && f->drive->block)
		f->changed = false; /* a step pulse with a disk in clears DSKCHG */
}

static void cmd_recalibrate(struct fdc *s)
{
	s->unit = s->fifo[1] & 3;
	s->head = 0;
	step_to(s, 0);
	/* Without a drive there is no TRK0 signal after 79 pulses. */
	seek_done(s, current(s)->drive ? 0 : ST0_ABNORMAL | ST0_EQUIPMENT);
}

static void cmd_seek(struct fdc *s)
{
	s->unit = s->fifo[1] & 3;
	s->head = s->fifo[1] >> 2 & 1;
	step_to(s, MIN(s->fifo[2], 84));
	seek_done(s, 0);
}

static void cmd_relative_seek(struct fdc *s)
{
	s->unit = s->fifo[1] & 3;
	s->head = s->fifo[1] >> 2 & 1;
	int to =
		s->fifo[0] & 0x40 ? current(s)->track + s->fifo[2] : current(s)->track - s->fifo[2];
	step_to(s, (uint8_t)CLAMP(to, 0, 84));
	seek_done(s, 0);
}

static void cmd_sense_interrupt(struct fdc *s)
{
	if (s->reset_senses) {
		uint8_t unit = (uint8_t)(DRIVES - s->reset_senses--);
		s->fifo[0] = (uint8_t)(ST0_POLLING | unit);
		s->fifo[1] = s->drives[unit].track;
	} else if (s->st0_valid) {
		s->fifo[0] = s->st0;
		s->fifo[1] = s->drives[s->st0 & 3].track;
		s->st0_valid = false;
	} else {
		s->fifo[0] = ST0_INVALID;
		to_result_phase(s, 1);
		return;
	}
	set_interrupt(s, false);
	to_result_phase(s, 2);
}

static void cmd_sense_drive(struct fdc *s)
{
	s->unit = s->fifo[1] & 3;
	s->head = s->fifo[1] >> 2 & 1;
	struct floppy *f = current(s);
	uint8_t st3 = (uint8_t)(ST3_READY | ST3_TWO_SIDE | (s->head << 2) | s->unit);

	if (f->track == 0 && f->drive)
		st3 |= ST3_TRACK0;
	if (f->drive && f->drive->block && drive_readonly(f->drive))
		st3 |= ST3_WRITE_PROTECT;
	s->fifo[0] = st3;
	to_result_phase(s, 1);
}

/* --- settings --- */

static void cmd_specify(struct fdc *s)
{
	s->srt_hut = s->fifo[1];
	s->hlt_nd = s->fifo[2];
	to_command_phase(s);
}

static void cmd_configure(struct fdc *s)
{
	s->config = s->fifo[2];
	s->precompensation = s->fifo[3];
	to_command_phase(s);
}

static void cmd_perpendicular(struct fdc *s)
{
	uint8_t old = s->perpendicular;

	/* OW: only then do the drive bits change */
	s->perpendicular = s->fifo[1] & 0x80 ? s->fifo[1] & 0x3f : (old & 0x3c) | (s->fifo[1] & 3);
	to_command_phase(s);
}

static void cmd_lock(struct fdc *s)
{
	s->lock = s->fifo[0] & 0x80;
	s->fifo[0] = s->lock ? 0x10 : 0;
	to_result_phase(s, 1);
}

static void cmd_dumpreg(struct fdc *s)
{
	for (unsigned int i = 0; i < DRIVES; i++)
		s->fifo[i] = s->drives[i].track;
	s->fifo[4] = s->srt_hut;
	s->fifo[5] = s->hlt_nd;
	s->fifo[6] = s->eot;
	s->fifo[7] = (uint8_t)((s->lock ? 0x80 : 0) | s->perpendicular);
	s->fifo[8] = s->config;
	s->fifo[9] = s->precompensation;
	to_result_phase(s, 10);
}

static void cmd_version(struct fdc *s)
{
	s->fifo[0] = 0x90; /* an enhanced controller */
	to_result_phase(s, 1);
}

static void cmd_part_id(struct fdc *s)
{
	s->fifo[0] = 0x41; /* 82077AA-compatible step of the 82078 */
	to_result_phase(s, 1);
}

static const struct command {
	uint8_t mask, code, params;
	void (*run)(struct fdc *s);
} commands[] = {
	{0x1f, 0x06, 8, cmd_read},	    {0x1f, 0x0c, 8, cmd_read}, /* deleted data */
	{0x3f, 0x05, 8, cmd_write},	    {0x3f, 0x09, 8, cmd_write},
	{0x9f, 0x02, 8, cmd_read_track},    {0x1f, 0x16, 8, cmd_verify},
	{0xbf, 0x0d, 5, cmd_format},	    {0xbf, 0x0a, 1, cmd_read_id},
	{0xff, 0x07, 1, cmd_recalibrate},   {0xff, 0x0f, 2, cmd_seek},
	{0xbf, 0x8f, 2, cmd_relative_seek}, {0xff, 0x08, 0, cmd_sense_interrupt},
	{0xff, 0x04, 1, cmd_sense_drive},   {0xff, 0x03, 2, cmd_specify},
	{0xff, 0x13, 3, cmd_configure},	    {0xff, 0x12, 1, cmd_perpendicular},
	{0x7f, 0x14, 0, cmd_lock},	    {0xff, 0x0e, 0, cmd_dumpreg},
	{0xff, 0x10, 0, cmd_version},	    {0xff, 0x18, 0, cmd_part_id},
};

static const struct command *find_command(uint8_t code)
{
	for (unsigned int i = 0; i < G_N_ELEMENTS(commands); i++)
		if ((code & commands[i].mask) == commands[i].code)
			return &commands[i];
	return NULL;
}

/* --- registers --- */

static void controller_reset(struct fdc *s, bool hard)
{
	if (s->in_flight)
		drives_drain();
	hold_dreq(s, false);
	if (!s->lock || hard) {
		s->config = 0;
		s->precompensation = 0;
	}
	s->perpendicular &= 0x3c;
	s->st0_valid = false;
	s->pos = s->fill = 0;
	to_command_phase(s);
}

static void leave_reset(struct fdc *s)
{
	controller_reset(s, false);
	s->reset_senses = DRIVES;
	set_interrupt(s, true);
}

static uint8_t read_msr(struct fdc *s)
{
	switch (s->phase) {
	case PHASE_COMMAND: return (uint8_t)(MSR_RQM | (s->fifo_pos ? MSR_BUSY : 0));
	case PHASE_RESULT: return MSR_RQM | MSR_DIO | MSR_BUSY;
	default: break;
	}
	if (uses_dma(s) || s->in_flight)
		return MSR_BUSY;
	return (uint8_t)(MSR_RQM | MSR_NON_DMA | MSR_BUSY |
			 (s->direction == TO_HOST ? MSR_DIO : 0));
}

static uint8_t read_fifo(struct fdc *s)
{
	uint8_t value;

	if (s->phase == PHASE_EXECUTION && !s->in_flight && s->direction == TO_HOST &&
	    !uses_dma(s)) {
		value = s->buffer[s->pos++];
		if (s->pos == s->fill)
			finish_transfer(s);
		return value;
	}
	if (s->phase != PHASE_RESULT)
		return 0;
	value = s->fifo[s->fifo_pos++];
	set_interrupt(s, false);
	if (s->fifo_pos == s->fifo_len)
		to_command_phase(s);
	return value;
}

static void write_fifo(struct fdc *s, uint8_t value)
{
	if (!(s->dor & DOR_NRESET))
		return;
	if (s->phase == PHASE_EXECUTION && !s->in_flight && s->direction == FROM_HOST &&
	    !uses_dma(s)) {
		s->buffer[s->pos++] = value;
		if (s->pos == s->fill)
			finish_transfer(s);
		return;
	}
	if (s->phase != PHASE_COMMAND) {
		log_printf(LOG_GUEST_ERRORS, "fdc: FIFO written in phase %u\n", s->phase);
		return;
	}
	s->fifo[s->fifo_pos++] = value;
	const struct command *c = find_command(s->fifo[0]);
	if (!c)
		invalid_command(s);
	else if (s->fifo_pos > c->params)
		c->run(s);
}

static void write_dor(struct fdc *s, uint8_t value)
{
	uint8_t old = s->dor;

	s->dor = value;
	if ((old & DOR_NRESET) && !(value & DOR_NRESET)) {
		controller_reset(s, false);
		s->reset_senses = 0;
		set_interrupt(s, false);
	} else if (!(old & DOR_NRESET) && (value & DOR_NRESET)) {
		leave_reset(s);
	} else {
		set_interrupt(s, s->interrupt); /* the gate may have changed */
	}
}

static void write_dsr(struct fdc *s, uint8_t value)
{
	s->dsr = value & 0x7f;
	s->ccr = value & 3;
	if (value & DSR_SOFT_RESET)
		leave_reset(s);
}

/* DSKCHG of the drive that DOR selects, as long as its motor runs. */
static uint8_t read_dir(struct fdc *s)
{
	const struct floppy *f = &s->drives[s->dor & 3];

	if (!f->drive || !(s->dor & (DOR_MOTOR0 << (s->dor & 3))))
		return 0;
	return f->changed || !f->drive->block ? 0x80 : 0;
}

static uint8_t read_sra(struct fdc *s)
{
	const struct floppy *f = &s->drives[s->dor & 3];

	return (uint8_t)((s->interrupt ? 0x80 : 0) | (s->drives[1].drive ? 0 : 0x40) |
			 (f->track ? 0x10 : 0) | (s->head ? 0x08 : 0) | 0x06);
}

static uint64_t low_read(void *opaque, uint64_t offset, unsigned int size)
{
	struct fdc *s = opaque;

	switch (offset) {
	case REG_SRA: return read_sra(s);
	case REG_SRB: return (uint64_t)(0xc0 | (s->dor & 1 ? 0x20 : 0) | (s->dor >> 4 & 3));
	case REG_DOR: return s->dor;
	case REG_TDR: return s->tdr;
	case REG_MSR: return read_msr(s);
	default: return read_fifo(s);
	}
}

static void low_write(void *opaque, uint64_t offset, uint64_t value, unsigned int size)
{
	struct fdc *s = opaque;

	switch (offset) {
	case REG_DOR: write_dor(s, (uint8_t)value); break;
	case REG_TDR: s->tdr = value & 3; break;
	case REG_MSR: write_dsr(s, (uint8_t)value); break;
	case REG_FIFO: write_fifo(s, (uint8_t)value); break;
	default: break;
	}
}

static uint64_t high_read(void *opaque, uint64_t offset, unsigned int size)
{
	return read_dir(opaque);
}

static void high_write(void *opaque, uint64_t offset, uint64_t value, unsigned int size)
{
	struct fdc *s = opaque;

	s->ccr = value & 3;
}

static const struct region_ops low_ops = {
	.read = low_read, .write = low_write, .min_size = 1, .max_size = 1};
static const struct region_ops high_ops = {
	.read = high_read, .write = high_write, .min_size = 1, .max_size = 1};

/* --- device --- */

static void medium_changed(void *opaque)
{
	struct floppy *f = opaque;

	f->changed = true;
}

static struct error *fdc_init(struct device *dev)
{
	struct fdc *s = (struct fdc *)dev;

	if (s->irq_number > 15 || s->dma_channel > 3)
		return error_new("isa-fdc: irq is 0 to 15, dma 0 to 3");
	s->bus = isa_bus_of(dev);
	s->irq = isa_irq(dev, s->irq_number);
	region_init_io(&s->low, "fdc", 6, &low_ops, s);
	region_init_io(&s->high, "fdc-dir", 1, &high_ops, s);
	isa_map_io(dev, (uint16_t)s->iobase, &s->low);
	isa_map_io(dev, (uint16_t)(s->iobase + REG_DIR), &s->high);
	if (s->bus->dma)
		s->bus->dma->attach(s->bus->dma_opaque, s->dma_channel, dma_transfer, s);
	for (unsigned int i = 0; i < DRIVES; i++) {
		struct floppy *f = &s->drives[i];
		f->drive = drive_get("floppy", 0, i);
		if (!f->drive)
			continue;
		f->drive->claimed = true;
		f->drive->changed = medium_changed;
		f->drive->changed_opaque = f;
	}
	return NULL;
}

static void fdc_reset(struct device *dev)
{
	struct fdc *s = (struct fdc *)dev;

	s->lock = false;
	controller_reset(s, true);
	s->dor = DOR_NRESET | DOR_DMA_GATE;
	s->tdr = 0;
	s->dsr = 2;
	s->ccr = RATE_250K;
	s->reset_senses = 0;
	s->interrupt = false;
	s->srt_hut = s->hlt_nd = 0;
	for (unsigned int i = 0; i < DRIVES; i++) {
		s->drives[i].track = 0;
		s->drives[i].changed = true;
	}
}

static void fdc_settle(struct device *dev)
{
	irq_set(((struct fdc *)dev)->irq, 0);
}

static struct error *fdc_post_load(struct device *dev)
{
	struct fdc *s = (struct fdc *)dev;

	if (s->phase > PHASE_RESULT || s->fill > BUFFER_SIZE || s->pos > s->fill || s->unit > 3 ||
	    s->head > 1 || s->fifo_len > sizeof(s->fifo) || s->fifo_pos > 9 ||
	    (s->phase == PHASE_RESULT && s->fifo_pos >= s->fifo_len) ||
	    (s->phase == PHASE_EXECUTION && s->pos == s->fill) || s->reset_senses > DRIVES ||
	    s->direction > FROM_HOST)
		return error_new("isa-fdc: impossible state");
	if (s->phase == PHASE_EXECUTION && !(current(s)->drive && current(s)->drive->block))
		return error_new("isa-fdc: transfer with an empty drive");
	return NULL;
}

static const struct prop props[] = {
	PROP_U32("iobase", struct fdc, iobase, 0x3f0, "first port"),
	PROP_U32("irq", struct fdc, irq_number, 6, "interrupt line"),
	PROP_U32("dma", struct fdc, dma_channel, 2, "DMA channel"),
	PROP_END,
};

static const struct field floppy_fields[] = {
	F_U8(struct floppy, track),
	F_BOOL(struct floppy, changed),
	F_U8(struct floppy, next_id),
	FIELD_END,
};

static const struct field state[] = {
	F_STRUCTS(struct fdc, drives, floppy_fields),
	F_U8(struct fdc, dor),
	F_U8(struct fdc, tdr),
	F_U8(struct fdc, dsr),
	F_U8(struct fdc, ccr),
	F_BOOL(struct fdc, interrupt),
	F_U8(struct fdc, reset_senses),
	F_U8(struct fdc, st0),
	F_BOOL(struct fdc, st0_valid),
	F_U8(struct fdc, srt_hut),
	F_U8(struct fdc, hlt_nd),
	F_U8(struct fdc, config),
	F_U8(struct fdc, precompensation),
	F_U8(struct fdc, perpendicular),
	F_BOOL(struct fdc, lock),
	F_U8(struct fdc, phase),
	F_BYTES(struct fdc, fifo),
	F_U8(struct fdc, fifo_pos),
	F_U8(struct fdc, fifo_len),
	F_U8(struct fdc, direction),
	F_BOOL(struct fdc, terminal_count),
	F_U8(struct fdc, unit),
	F_U8(struct fdc, head),
	F_U8(struct fdc, track),
	F_U8(struct fdc, sector),
	F_U8(struct fdc, eot),
	F_BOOL(struct fdc, multi_track),
	F_U32(struct fdc, pos),
	F_U32(struct fdc, fill),
	F_BYTES(struct fdc, buffer),
	FIELD_END,
};

DEVICE_CLASS(isa_fdc, .name = "isa-fdc", .help = "floppy disk controller 82077AA", .bus = "ISA",
	     .size = sizeof(struct fdc), .props = props, .state = state, .init = fdc_init,
	     .reset = fdc_reset, .settle = fdc_settle, .post_load = fdc_post_load, .hidden = true);
