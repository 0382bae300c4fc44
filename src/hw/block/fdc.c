/*
 * Floppy disk controller 82077AA (Intel order number 290166), in its PC/AT mode.
 *
 *	0 SRA r	  1 SRB r   2 DOR rw   3 TDR rw	  4 MSR r / DSR w   5 FIFO rw	7 DIR r / CCR w
 *
 * A command is a run of parameter bytes, an execution phase (DMA channel 2, or bytes through the
 * FIFO in non-DMA mode) and a run of result bytes. The execution phase of a read fetches all
 * sectors up to EOT into the buffer at once; that of a write collects them there first.
 */
#include "hw/block/fdc-core.h"

#include "base/log.h"

#include <string.h>

/* --- registers --- */

static void controller_reset(struct fdc *s, bool hard)
{
	if (s->in_flight)
		drives_drain();
	fdc_hold_dreq(s, false);
	if (!s->lock || hard) {
		s->config = 0;
		s->precompensation = 0;
	}
	s->perpendicular &= 0x3c;
	s->st0_valid = false;
	s->pos = s->fill = 0;
	fdc_to_command_phase(s);
}

static void leave_reset(struct fdc *s)
{
	controller_reset(s, false);
	s->reset_senses = DRIVES;
	fdc_set_interrupt(s, true);
}

static uint8_t read_msr(struct fdc *s)
{
	switch (s->phase) {
	case PHASE_COMMAND: return (uint8_t)(MSR_RQM | (s->fifo_pos ? MSR_BUSY : 0));
	case PHASE_RESULT: return MSR_RQM | MSR_DIO | MSR_BUSY;
	default: break;
	}
	if (fdc_uses_dma(s) || s->in_flight)
		return MSR_BUSY;
	return (uint8_t)(MSR_RQM | MSR_NON_DMA | MSR_BUSY |
			 (s->direction == TO_HOST ? MSR_DIO : 0));
}

static uint8_t read_fifo(struct fdc *s)
{
	uint8_t value;

	if (s->phase == PHASE_EXECUTION && !s->in_flight && s->direction == TO_HOST &&
	    !fdc_uses_dma(s)) {
		value = s->buffer[s->pos++];
		if (s->pos == s->fill)
			fdc_finish_transfer(s);
		return value;
	}
	if (s->phase != PHASE_RESULT)
		return 0;
	value = s->fifo[s->fifo_pos++];
	fdc_set_interrupt(s, false);
	if (s->fifo_pos == s->fifo_len)
		fdc_to_command_phase(s);
	return value;
}

static void write_fifo(struct fdc *s, uint8_t value)
{
	if (!(s->dor & DOR_NRESET))
		return;
	if (s->phase == PHASE_EXECUTION && !s->in_flight && s->direction == FROM_HOST &&
	    !fdc_uses_dma(s)) {
		s->buffer[s->pos++] = value;
		if (s->pos == s->fill)
			fdc_finish_transfer(s);
		return;
	}
	if (s->phase != PHASE_COMMAND) {
		log_printf(LOG_GUEST_ERRORS, "fdc: FIFO written in phase %u\n", s->phase);
		return;
	}
	s->fifo[s->fifo_pos++] = value;
	const struct fdc_command *c = fdc_find_command(s->fifo[0]);
	if (!c)
		fdc_invalid_command(s);
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
		fdc_set_interrupt(s, false);
	} else if (!(old & DOR_NRESET) && (value & DOR_NRESET)) {
		leave_reset(s);
	} else {
		fdc_set_interrupt(s, s->interrupt); /* the gate may have changed */
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
		s->bus->dma->attach(s->bus->dma_opaque, s->dma_channel, fdc_dma_transfer, s);
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
