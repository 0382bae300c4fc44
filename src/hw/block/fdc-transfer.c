/* The 82077AA's phases, and the execution phase of commands that move data. */
#include "hw/block/fdc-core.h"

#include "base/log.h"

#include <string.h>

/* --- interrupt and phases --- */

void fdc_set_interrupt(struct fdc *s, bool on)
{
	s->interrupt = on;
	irq_set(s->irq, on && (s->dor & DOR_DMA_GATE));
}

void fdc_to_command_phase(struct fdc *s)
{
	s->phase = PHASE_COMMAND;
	s->fifo_pos = s->fifo_len = 0;
}

void fdc_to_result_phase(struct fdc *s, uint8_t len)
{
	s->phase = PHASE_RESULT;
	s->fifo_pos = 0;
	s->fifo_len = len;
}

/* Ends a command that has no result bytes but an interrupt: SEEK and RECALIBRATE. */
void fdc_seek_done(struct fdc *s, uint8_t status)
{
	s->st0 = (uint8_t)(ST0_SEEK_END | status | (s->head << 2) | s->unit);
	s->st0_valid = true;
	fdc_to_command_phase(s);
	fdc_set_interrupt(s, true);
}

void fdc_invalid_command(struct fdc *s)
{
	log_printf(LOG_GUEST_ERRORS, "fdc: invalid command %02x\n", s->fifo[0]);
	s->fifo[0] = ST0_INVALID;
	fdc_to_result_phase(s, 1);
}

/* The seven result bytes of commands that move data. */
void fdc_data_result(struct fdc *s, uint8_t st0, uint8_t st1, uint8_t st2)
{
	s->fifo[0] = (uint8_t)(st0 | (s->head << 2) | s->unit);
	s->fifo[1] = st1;
	s->fifo[2] = st2;
	s->fifo[3] = s->track;
	s->fifo[4] = s->head;
	s->fifo[5] = s->sector;
	s->fifo[6] = 2;
	fdc_to_result_phase(s, 7);
	fdc_set_interrupt(s, true);
}

/* --- positions --- */

uint64_t fdc_sector_offset(const struct fdc *s, const struct floppy_format *f)
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
uint32_t fdc_sectors_to_eot(const struct fdc *s, const struct floppy_format *f)
{
	uint32_t last = MIN(s->eot, f->sectors);
	uint32_t n = last >= s->sector ? last - s->sector + 1u : 0;

	if (s->multi_track && s->head == 0 && f->heads == 2 && last == f->sectors)
		n += last;
	return MIN(n, BUFFER_SIZE / 512);
}

/* --- execution --- */

bool fdc_uses_dma(const struct fdc *s)
{
	return !(s->hlt_nd & 1) && s->bus->dma;
}

void fdc_hold_dreq(struct fdc *s, bool level)
{
	if (s->bus->dma)
		s->bus->dma->hold_dreq(s->bus->dma_opaque, s->dma_channel, level);
}

void fdc_execution_start(struct fdc *s)
{
	s->phase = PHASE_EXECUTION;
	s->pos = 0;
	s->terminal_count = false;
	if (fdc_uses_dma(s))
		fdc_hold_dreq(s, true);
	else
		fdc_set_interrupt(s, true);
}

void fdc_read_done(void *opaque, int error)
{
	struct fdc *s = opaque;

	s->in_flight = false;
	if (error)
		fdc_data_result(s, ST0_ABNORMAL, ST1_DATA_ERROR, ST1_DATA_ERROR);
	else
		fdc_execution_start(s);
}

void fdc_verify_done(void *opaque, int error)
{
	struct fdc *s = opaque;

	s->in_flight = false;
	if (!error)
		advance(s, s->fill / 512);
	fdc_data_result(s, error ? ST0_ABNORMAL : 0, error ? ST1_DATA_ERROR : 0, 0);
}

static void write_done(void *opaque, int error)
{
	struct fdc *s = opaque;
	uint32_t n = s->pos / 512;

	s->in_flight = false;
	if (!error)
		advance(s, n);
	/* Without a terminal count the controller ran into EOT. */
	uint8_t st1 = error ? ST1_DATA_ERROR : s->terminal_count || !fdc_uses_dma(s) ? 0 : ST1_EN;
	fdc_data_result(s, st1 ? ST0_ABNORMAL : 0, st1, 0);
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
void fdc_finish_transfer(struct fdc *s)
{
	fdc_hold_dreq(s, false);
	if (s->direction == FROM_HOST) {
		if (is_format(s))
			format_sectors(s);
		s->pos = (s->pos + 511) & ~511u; /* a short sector is filled up */
		if (!s->pos) {
			fdc_data_result(s, 0, 0, 0);
			return;
		}
		s->in_flight = true;
		drive_write(current(s)->drive, fdc_sector_offset(s, format_of(current(s))),
			    s->buffer, s->pos, write_done, s);
		return;
	}
	bool ran_over = !s->terminal_count && fdc_uses_dma(s);
	advance(s, (s->pos + 511) / 512);
	fdc_data_result(s, ran_over ? ST0_ABNORMAL : 0, ran_over ? ST1_EN : 0, 0);
}

uint32_t fdc_dma_transfer(void *opaque, unsigned int channel, uint32_t pos, uint32_t size)
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
		fdc_finish_transfer(s);
	return pos;
}
