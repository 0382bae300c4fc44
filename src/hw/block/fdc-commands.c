/* The 82077AA's commands. */
#include "hw/block/fdc-core.h"

#include "base/log.h"

#include <string.h>

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
		fdc_data_result(s, ST0_ABNORMAL | ST0_NOT_READY, ST1_MISSING_AM, 0);
		return false;
	}
	const struct floppy_format *format = format_of(f);
	if ((s->ccr & 3) != format->rate) {
		fdc_data_result(s, ST0_ABNORMAL, ST1_MISSING_AM, 0);
		return false;
	}
	if (s->config & CONFIG_EIS)
		f->track = s->track;
	if (s->track != f->track) {
		fdc_data_result(s, ST0_ABNORMAL, ST1_NO_DATA, ST2_WRONG_CYLINDER);
		return false;
	}
	if (s->track >= format->tracks || s->head >= format->heads || !s->sector ||
	    s->sector > format->sectors || s->fifo[5] != 2) {
		fdc_data_result(s, ST0_ABNORMAL, ST1_NO_DATA, 0);
		return false;
	}
	if (write && drive_readonly(f->drive)) {
		fdc_data_result(s, ST0_ABNORMAL, ST1_NOT_WRITABLE, 0);
		return false;
	}
	s->fill = fdc_sectors_to_eot(s, format) * 512;
	if (!s->fill) {
		fdc_data_result(s, ST0_ABNORMAL, ST1_EN, 0);
		return false;
	}
	return true;
}

static void cmd_read(struct fdc *s)
{
	if (!locate(s, false))
		return;
	const struct floppy_format *f = format_of(current(s));
	uint64_t at = fdc_sector_offset(s, f), size = drive_size(current(s)->drive);
	s->direction = TO_HOST;
	s->phase = PHASE_EXECUTION;
	s->in_flight = true;
	/* Behind the end of a short image is unwritten disk. */
	memset(s->buffer, 0, s->fill);
	drive_read(current(s)->drive, MIN(at, size), s->buffer,
		   at < size ? MIN(s->fill, size - at) : 0, fdc_read_done, s);
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
	fdc_execution_start(s);
}

static void cmd_verify(struct fdc *s)
{
	if (!locate(s, false))
		return;
	if (s->fifo[1] & 0x80) /* EC: DTL counts sectors */
		s->fill = MIN(s->fill, s->fifo[8] * 512u);
	uint64_t at = fdc_sector_offset(s, format_of(current(s))),
		 size = drive_size(current(s)->drive);
	s->phase = PHASE_EXECUTION;
	s->in_flight = true;
	drive_read(current(s)->drive, MIN(at, size), s->buffer,
		   at < size ? MIN(s->fill, size - at) : 0, fdc_verify_done, s);
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
	fdc_execution_start(s);
}

static void cmd_read_id(struct fdc *s)
{
	s->unit = s->fifo[1] & 3;
	s->head = s->fifo[1] >> 2 & 1;
	struct floppy *f = current(s);

	s->track = f->track;
	s->sector = 1;
	if (!f->drive || !f->drive->block) {
		fdc_data_result(s, ST0_ABNORMAL | ST0_NOT_READY, ST1_MISSING_AM, 0);
		return;
	}
	const struct floppy_format *format = format_of(f);
	if ((s->ccr & 3) != format->rate || s->head >= format->heads ||
	    s->track >= format->tracks) {
		fdc_data_result(s, ST0_ABNORMAL, ST1_MISSING_AM, 0);
		return;
	}
	f->next_id = (uint8_t)(f->next_id % format->sectors + 1);
	s->sector = f->next_id;
	fdc_data_result(s, 0, 0, 0);
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
	fdc_seek_done(s, current(s)->drive ? 0 : ST0_ABNORMAL | ST0_EQUIPMENT);
}

static void cmd_seek(struct fdc *s)
{
	s->unit = s->fifo[1] & 3;
	s->head = s->fifo[1] >> 2 & 1;
	step_to(s, MIN(s->fifo[2], 84));
	fdc_seek_done(s, 0);
}

static void cmd_relative_seek(struct fdc *s)
{
	s->unit = s->fifo[1] & 3;
	s->head = s->fifo[1] >> 2 & 1;
	int to =
		s->fifo[0] & 0x40 ? current(s)->track + s->fifo[2] : current(s)->track - s->fifo[2];
	step_to(s, (uint8_t)CLAMP(to, 0, 84));
	fdc_seek_done(s, 0);
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
		fdc_to_result_phase(s, 1);
		return;
	}
	fdc_set_interrupt(s, false);
	fdc_to_result_phase(s, 2);
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
	fdc_to_result_phase(s, 1);
}

/* --- settings --- */

static void cmd_specify(struct fdc *s)
{
	s->srt_hut = s->fifo[1];
	s->hlt_nd = s->fifo[2];
	fdc_to_command_phase(s);
}

static void cmd_configure(struct fdc *s)
{
	s->config = s->fifo[2];
	s->precompensation = s->fifo[3];
	fdc_to_command_phase(s);
}

static void cmd_perpendicular(struct fdc *s)
{
	uint8_t old = s->perpendicular;

	/* OW: only then do the drive bits change */
	s->perpendicular = s->fifo[1] & 0x80 ? s->fifo[1] & 0x3f : (old & 0x3c) | (s->fifo[1] & 3);
	fdc_to_command_phase(s);
}

static void cmd_lock(struct fdc *s)
{
	s->lock = s->fifo[0] & 0x80;
	s->fifo[0] = s->lock ? 0x10 : 0;
	fdc_to_result_phase(s, 1);
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
	fdc_to_result_phase(s, 10);
}

static void cmd_version(struct fdc *s)
{
	s->fifo[0] = 0x90; /* an enhanced controller */
	fdc_to_result_phase(s, 1);
}

static void cmd_part_id(struct fdc *s)
{
	s->fifo[0] = 0x41; /* 82077AA-compatible step of the 82078 */
	fdc_to_result_phase(s, 1);
}

static const struct fdc_command commands[] = {
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

const struct fdc_command *fdc_find_command(uint8_t code)
{
	for (unsigned int i = 0; i < G_N_ELEMENTS(commands); i++)
		if ((code & commands[i].mask) == commands[i].code)
			return &commands[i];
	return NULL;
}
