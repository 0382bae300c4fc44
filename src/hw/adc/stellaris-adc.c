/*
 * Analog-to-digital converter of the Stellaris LM3S chips. Source: LM3S6965 data sheet, chapter
 * "Analog-to-Digital Converter". Nothing is connected to its inputs: they show a level around the
 * middle with some noise, and the temperature sensor shows 25 degrees. Samples are there at once.
 */
#include "hw/adc/stellaris-adc.h"

#include "base/log.h"

#include <string.h>

enum {
	ADCACTSS = 0x00,
	ADCRIS = 0x04,
	ADCIM = 0x08,
	ADCISC = 0x0c,
	ADCOSTAT = 0x10,
	ADCEMUX = 0x14,
	ADCUSTAT = 0x18,
	ADCSSPRI = 0x20,
	ADCPSSI = 0x28,
	ADCSAC = 0x30,
	ADCSSMUX0 = 0x40, /* a block of 32 bytes for each sequencer */
	ADCSSFIFO3_END = 0xc0,
	ADCTMLB = 0x100,
};
enum { SSMUX = 0x00, SSCTL = 0x04, SSFIFO = 0x08, SSFSTAT = 0x0c };
enum { CTL_END = 1 << 1, CTL_IE = 1 << 2, CTL_TS = 1 << 3 }; /* of a nibble of SSCTL */
enum { FSTAT_EMPTY = 1 << 8, FSTAT_FULL = 1 << 12 };
enum { TRIGGER_TIMER = 5, TRIGGER_ALWAYS = 15 };

static const uint8_t depths[ADC_SEQUENCERS] = {8, 4, 4, 1};

static void update_irq(struct stellaris_adc *a)
{
	for (unsigned int n = 0; n < ADC_SEQUENCERS; n++)
		irq_set(a->mmio.irqs[n], a->ris & a->im & 1u << n ? 1 : 0);
}

/* --- samples --- */

/* An open input moves by a few steps around half of the scale. */
static uint16_t open_input(struct stellaris_adc *a)
{
	a->noise = a->noise * 1103515245 + 12345;
	return (uint16_t)(0x200 + (a->noise >> 16 & 7));
}

/* Temperature = 147.5 - 225 code / 1023, by the data sheet. */
enum { TEMPERATURE_25 = 557 };

static void fifo_put(struct stellaris_adc *a, unsigned int n, uint16_t sample)
{
	struct adc_sequencer *q = &a->seq[n];

	if (q->count >= depths[n]) {
		a->ostat |= 1u << n;
		return;
	}
	q->fifo[(q->head + q->count++) % ADC_FIFO] = sample;
}

static uint32_t fifo_get(struct stellaris_adc *a, unsigned int n)
{
	struct adc_sequencer *q = &a->seq[n];
	uint16_t sample = q->fifo[q->head % ADC_FIFO];

	if (!q->count) {
		a->ustat |= 1u << n;
		return sample;
	}
	q->head = (q->head + 1) % ADC_FIFO;
	q->count--;
	return sample;
}

static void run_sequence(struct stellaris_adc *a, unsigned int n)
{
	for (unsigned int step = 0; step < depths[n]; step++) {
		uint32_t control = a->seq[n].control >> (4 * step);

		fifo_put(a, n, control & CTL_TS ? TEMPERATURE_25 : open_input(a));
		if (control & CTL_IE)
			a->ris |= 1u << n;
		if (control & CTL_END)
			break;
	}
}

static void trigger(struct stellaris_adc *a, unsigned int source)
{
	for (unsigned int n = 0; n < ADC_SEQUENCERS; n++) {
		if (a->actss >> n & 1 && (a->emux >> (4 * n) & 0xf) == source)
			run_sequence(a, n);
	}
	update_irq(a);
}

static void timer_trigger(void *opaque, int number, int level)
{
	if (level)
		trigger(opaque, TRIGGER_TIMER);
}

/* A sequencer that is always triggered has new samples whenever somebody looks. */
static void sample_always(struct stellaris_adc *a, unsigned int n)
{
	if (a->actss >> n & 1 && (a->emux >> (4 * n) & 0xf) == TRIGGER_ALWAYS && !a->seq[n].count)
		run_sequence(a, n);
	update_irq(a);
}

/* --- registers --- */

static uint32_t fifo_status(const struct stellaris_adc *a, unsigned int n)
{
	const struct adc_sequencer *q = &a->seq[n];
	uint32_t tail = q->head % depths[n], head = (tail + q->count) % depths[n];

	return (q->count ? 0 : FSTAT_EMPTY) | (q->count == depths[n] ? FSTAT_FULL : 0) | head << 4 |
	       tail;
}

static uint32_t sequencer_read(struct stellaris_adc *a, unsigned int n, unsigned int offset)
{
	switch (offset) {
	case SSMUX: return a->seq[n].mux;
	case SSCTL: return a->seq[n].control;
	case SSFIFO: sample_always(a, n); return fifo_get(a, n);
	case SSFSTAT: sample_always(a, n); return fifo_status(a, n);
	default: return 0;
	}
}

static uint64_t adc_read(void *opaque, uint64_t offset, unsigned int size)
{
	struct stellaris_adc *a = opaque;

	switch (offset) {
	case ADCACTSS: return a->actss;
	case ADCRIS: return a->ris;
	case ADCIM: return a->im;
	case ADCISC: return a->ris & a->im;
	case ADCOSTAT: return a->ostat;
	case ADCEMUX: return a->emux;
	case ADCUSTAT: return a->ustat;
	case ADCSSPRI: return a->sspri;
	case ADCSAC: return a->sac;
	case ADCSSMUX0 ... ADCSSFIFO3_END - 1:
		return sequencer_read(a, (unsigned int)(offset - ADCSSMUX0) / 32, offset & 31);
	case ADCTMLB: return a->tmlb;
	default: break;
	}
	log_printf(LOG_GUEST_ERRORS, "stellaris-adc: read of register %03x\n",
		   (unsigned int)offset);
	return 0;
}

static void start_by_software(struct stellaris_adc *a, uint32_t which)
{
	for (unsigned int n = 0; n < ADC_SEQUENCERS; n++) {
		if (which >> n & 1 && a->actss >> n & 1)
			run_sequence(a, n);
	}
}

static void sequencer_write(struct stellaris_adc *a, unsigned int n, unsigned int offset,
			    uint32_t value)
{
	if (offset == SSMUX)
		a->seq[n].mux = value & 0x77777777;
	else if (offset == SSCTL)
		a->seq[n].control = value;
	else
		log_printf(LOG_GUEST_ERRORS, "stellaris-adc: write of register %02x of SS%u\n",
			   offset, n);
}

static void adc_write(void *opaque, uint64_t offset, uint64_t value64, unsigned int size)
{
	struct stellaris_adc *a = opaque;
	uint32_t value = (uint32_t)value64;

	switch (offset) {
	case ADCACTSS: a->actss = value & 0xf; break;
	case ADCIM: a->im = value & 0xf; break;
	case ADCISC: a->ris &= ~value; break;
	case ADCOSTAT: a->ostat &= ~value; break;
	case ADCEMUX: a->emux = value & 0xffff; break;
	case ADCUSTAT: a->ustat &= ~value; break;
	case ADCSSPRI: a->sspri = value & 0x3333; break;
	case ADCPSSI: start_by_software(a, value); break;
	case ADCSAC: a->sac = value & 7; break;
	case ADCSSMUX0 ... ADCSSFIFO3_END - 1:
		sequencer_write(a, (unsigned int)(offset - ADCSSMUX0) / 32, offset & 31, value);
		break;
	case ADCTMLB: a->tmlb = value & 1; break;
	default:
		log_printf(LOG_GUEST_ERRORS, "stellaris-adc: write of register %03x\n",
			   (unsigned int)offset);
	}
	update_irq(a);
}

static const struct region_ops ops = {
	.read = adc_read, .write = adc_write, .min_size = 4, .max_size = 4};

/* --- the device --- */

static struct error *adc_init(struct device *dev)
{
	struct stellaris_adc *a = (struct stellaris_adc *)dev;

	region_init_io(&a->mmio.regs, "stellaris-adc", 0x1000, &ops, a);
	irq_init(&a->trigger, timer_trigger, a, 0);
	return NULL;
}

static void adc_reset(struct device *dev)
{
	struct stellaris_adc *a = (struct stellaris_adc *)dev;

	memset(a->seq, 0, sizeof(a->seq));
	a->actss = a->ris = a->im = a->ostat = a->emux = a->ustat = a->sac = a->tmlb = 0;
	a->sspri = 0x3210;
	a->noise = 1;
}

static struct error *adc_post_load(struct device *dev)
{
	const struct stellaris_adc *a = (struct stellaris_adc *)dev;

	for (unsigned int n = 0; n < ADC_SEQUENCERS; n++) {
		if (a->seq[n].head >= ADC_FIFO || a->seq[n].count > depths[n])
			return error_new("%s: impossible FIFO", dev->class->name);
	}
	return NULL;
}

static const struct prop props[] = {PROP_END};

static const struct field sequencer_state[] = {
	F_U32(struct adc_sequencer, mux),    F_U32(struct adc_sequencer, control),
	F_ARRAY(struct adc_sequencer, fifo), F_U8(struct adc_sequencer, head),
	F_U8(struct adc_sequencer, count),   FIELD_END,
};

static const struct field state[] = {
	F_STRUCTS(struct stellaris_adc, seq, sequencer_state),
	F_U32(struct stellaris_adc, actss),
	F_U32(struct stellaris_adc, ris),
	F_U32(struct stellaris_adc, im),
	F_U32(struct stellaris_adc, ostat),
	F_U32(struct stellaris_adc, emux),
	F_U32(struct stellaris_adc, ustat),
	F_U32(struct stellaris_adc, sspri),
	F_U32(struct stellaris_adc, sac),
	F_U32(struct stellaris_adc, tmlb),
	F_U32(struct stellaris_adc, noise),
	FIELD_END,
};

DEVICE_CLASS(stellaris_adc, .name = "stellaris-adc", .help = "Stellaris A/D converter",
	     .bus = "System", .size = sizeof(struct stellaris_adc), .props = props, .state = state,
	     .init = adc_init, .reset = adc_reset, .post_load = adc_post_load, .hidden = true);
