/*
 * PrimeCell DMA controllers PL080 (ARM DDI 0196G, eight channels) and PL081 (DDI 0218E, two). A
 * transfer between memories runs at once, SLICE bytes at a time; one that waits for a peripheral
 * moves a burst at each of its requests.
 */
#include "hw/dma/pl080.h"

#include "hw/misc/primecell.h"

#include "base/bytes.h"
#include "base/log.h"

#include <glib.h>

enum {
	DMACIntStatus = 0x00,
	DMACIntTCStatus = 0x04,
	DMACIntTCClear = 0x08,
	DMACIntErrorStatus = 0x0c,
	DMACIntErrClr = 0x10,
	DMACRawIntTCStatus = 0x14,
	DMACRawIntErrorStatus = 0x18,
	DMACEnbldChns = 0x1c,
	DMACSoftBReq = 0x20,
	DMACSoftSReq = 0x24,
	DMACSoftLBReq = 0x28,
	DMACSoftLSReq = 0x2c,
	DMACConfiguration = 0x30,
	DMACSync = 0x34,
	CHANNELS = 0x100, /* 20h each */
	SrcAddr = 0x00,
	DestAddr = 0x04,
	LLI = 0x08,
	Control = 0x0c,
	Configuration = 0x10,
};

#define CONFIG_E 0x1

#define CC_SIZE 0xfffu
#define CC_SI	(1u << 26)
#define CC_DI	(1u << 27)
#define CC_I	(1u << 31)

#define CCONF_E	  0x00001
#define CCONF_IE  0x04000
#define CCONF_ITC 0x08000
#define CCONF_H	  0x40000

enum flow { MEM_TO_MEM, MEM_TO_PER, PER_TO_MEM, PER_TO_PER };

#define SLICE	    (64u << 10) /* bytes of one go, over all links */
#define SLICE_LINKS 64u
#define PAUSE_NS    (20 * NS_PER_US)

struct variant {
	uint32_t id;
	unsigned int channels;
};

static const struct variant *variant(const struct pl080 *d)
{
	return d->mmio.dev.class->bus_info;
}

static void update_irq(struct pl080 *d)
{
	uint8_t tc = 0, error = 0;

	for (unsigned int n = 0; n < variant(d)->channels; n++) {
		tc |= (uint8_t)((d->channels[n].conf & CCONF_ITC ? 1u : 0) << n);
		error |= (uint8_t)((d->channels[n].conf & CCONF_IE ? 1u : 0) << n);
	}
	d->tc_status = d->raw_tc & tc;
	d->error_status = d->raw_error & error;
	irq_set(d->mmio.irqs[PL080_INTR], d->tc_status || d->error_status);
	irq_set(d->mmio.irqs[PL080_INTTC], d->tc_status != 0);
	irq_set(d->mmio.irqs[PL080_INTERR], d->error_status != 0);
}

/* --- transfers --- */

static enum flow flow(const struct pl080_channel *c)
{
	/* the upper half has the peripheral as the flow controller: the same requests */
	static const enum flow flows[8] = {MEM_TO_MEM, MEM_TO_PER, PER_TO_MEM, PER_TO_PER,
					   PER_TO_PER, MEM_TO_PER, PER_TO_MEM, PER_TO_PER};
	return flows[c->conf >> 11 & 7];
}

/* Whether the peripherals that it waits for ask. */
static bool is_requested(const struct pl080 *d, const struct pl080_channel *c)
{
	uint32_t asked = d->requests | d->soft_requests;
	bool source = asked >> (c->conf >> 1 & 15) & 1, dest = asked >> (c->conf >> 6 & 15) & 1;

	switch (flow(c)) {
	case MEM_TO_PER: return dest;
	case PER_TO_MEM: return source;
	case PER_TO_PER: return source && dest;
	default: return true;
	}
}

static bool is_running(const struct pl080_channel *c)
{
	return (c->conf & (CCONF_E | CCONF_H)) == CCONF_E;
}

/* Of the three bits the values from 3 on are reserved. */
static const uint8_t widths[8] = {1, 2, 4, 4, 4, 4, 4, 4};

static unsigned int source_width(const struct pl080_channel *c)
{
	return widths[c->control >> 18 & 7];
}

static unsigned int dest_width(const struct pl080_channel *c)
{
	return widths[c->control >> 21 & 7];
}

/* One unit of the wider side, as many of the narrower. False: nothing answers there. */
static bool move_unit(struct pl080 *d, struct pl080_channel *c)
{
	unsigned int sw = source_width(c), dw = dest_width(c), size = MAX(sw, dw);
	uint8_t buf[4];
	enum mem_result res = MEM_OK;

	for (unsigned int i = 0; i < size && res == MEM_OK; i += sw) {
		res = mem_read(d->memory, c->src, buf + i, sw);
		c->src += c->control & CC_SI ? sw : 0;
	}
	for (unsigned int i = 0; i < size && res == MEM_OK; i += dw) {
		res = mem_write(d->memory, c->dest, buf + i, dw);
		c->dest += c->control & CC_DI ? dw : 0;
	}
	/* the count is in units of the source */
	unsigned int units = size / sw, left = c->control & CC_SIZE;
	c->control = (c->control & ~CC_SIZE) | (left > units ? left - units : 0);
	return res == MEM_OK;
}

static void stop_with_error(struct pl080 *d, unsigned int n)
{
	log_printf(LOG_GUEST_ERRORS, "pl080: channel %u: nothing at %08x or %08x\n", n,
		   d->channels[n].src, d->channels[n].dest);
	d->channels[n].conf &= ~(uint32_t)CCONF_E;
	d->raw_error |= (uint8_t)(1u << n);
}

/* The next link of the list, or the end. */
static void link_done(struct pl080 *d, unsigned int n)
{
	struct pl080_channel *c = &d->channels[n];
	uint32_t at = c->lli & ~UINT32_C(3);
	uint8_t link[16];

	if (c->control & CC_I)
		d->raw_tc |= (uint8_t)(1u << n);
	if (!at) {
		c->conf &= ~(uint32_t)CCONF_E;
		return;
	}
	if (mem_read(d->memory, at, link, sizeof(link)) != MEM_OK) {
		stop_with_error(d, n);
		return;
	}
	c->src = load_le32(link);
	c->dest = load_le32(link + 4);
	c->lli = load_le32(link + 8);
	c->control = load_le32(link + 12);
}

static unsigned int burst(const struct pl080_channel *c)
{
	static const uint16_t units[8] = {1, 4, 8, 16, 32, 64, 128, 256};
	unsigned int shift = flow(c) == MEM_TO_PER ? 15 : 12;

	return units[c->control >> shift & 7];
}

/* As much as the budget allows; false where something is left to do without being asked again. */
static bool run_channel(struct pl080 *d, unsigned int n)
{
	struct pl080_channel *c = &d->channels[n];
	unsigned int links = SLICE_LINKS, bytes = SLICE, left;

	while (is_running(c) && is_requested(d, c) && links && bytes) {
		left = flow(c) == MEM_TO_MEM ? CC_SIZE : burst(c);
		while ((c->control & CC_SIZE) && left-- && bytes) {
			bytes -= MIN(bytes, source_width(c));
			if (!move_unit(d, c)) {
				stop_with_error(d, n);
				return true;
			}
		}
		d->soft_requests &= ~(1u << (c->conf >> 1 & 15) | 1u << (c->conf >> 6 & 15));
		if (!(c->control & CC_SIZE)) {
			link_done(d, n);
			links--;
		}
	}
	return !is_running(c) || !is_requested(d, c);
}

static void run(void *opaque)
{
	struct pl080 *d = opaque;
	bool done = true;

	if (d->mmio.dev.in_dma || !(d->config & CONFIG_E))
		return;
	d->mmio.dev.in_dma = true;
	for (unsigned int n = 0; n < variant(d)->channels; n++)
		done = run_channel(d, n) && done;
	d->mmio.dev.in_dma = false;
	if (!done)
		timer_set(&d->more, clock_now(CLOCK_VIRTUAL) + PAUSE_NS);
	update_irq(d);
}

static void request_set(void *opaque, int n, int level)
{
	struct pl080 *d = opaque;

	d->requests = level ? d->requests | 1u << n : d->requests & ~(1u << n);
	if (level)
		run(d);
}

/* --- registers --- */

static uint32_t enabled(const struct pl080 *d)
{
	uint32_t mask = 0;

	for (unsigned int n = 0; n < variant(d)->channels; n++)
		mask |= (d->channels[n].conf & CCONF_E) << n;
	return mask;
}

static uint32_t *channel_register(struct pl080 *d, uint64_t offset)
{
	unsigned int n = (unsigned int)(offset - CHANNELS) >> 5;

	if (offset < CHANNELS || n >= variant(d)->channels)
		return NULL;
	switch (offset & 0x1f) {
	case SrcAddr: return &d->channels[n].src;
	case DestAddr: return &d->channels[n].dest;
	case LLI: return &d->channels[n].lli;
	case Control: return &d->channels[n].control;
	case Configuration: return &d->channels[n].conf;
	default: return NULL;
	}
}

static uint64_t pl080_read(void *opaque, uint64_t offset, unsigned int size)
{
	struct pl080 *d = opaque;
	const uint32_t *reg = channel_register(d, offset);
	uint64_t id;

	if (reg)
		return *reg;
	switch (offset) {
	case DMACIntStatus: return d->tc_status | d->error_status;
	case DMACIntTCStatus: return d->tc_status;
	case DMACIntErrorStatus: return d->error_status;
	case DMACRawIntTCStatus: return d->raw_tc;
	case DMACRawIntErrorStatus: return d->raw_error;
	case DMACEnbldChns: return enabled(d);
	case DMACSoftBReq:
	case DMACSoftSReq:
	case DMACSoftLBReq:
	case DMACSoftLSReq: return d->soft_requests;
	case DMACConfiguration: return d->config;
	case DMACSync: return d->sync;
	}
	if (primecell_id_read(variant(d)->id, offset, &id))
		return id;
	log_printf(LOG_GUEST_ERRORS, "pl080: read of register %03x\n", (unsigned int)offset);
	return 0;
}

static void register_write(struct pl080 *d, unsigned int offset, uint32_t value)
{
	switch (offset) {
	case DMACIntTCClear: d->raw_tc &= (uint8_t)~value; break;
	case DMACIntErrClr: d->raw_error &= (uint8_t)~value; break;
	case DMACSoftBReq:
	case DMACSoftSReq:
	case DMACSoftLBReq:
	case DMACSoftLSReq: d->soft_requests |= value & 0xffff; break;
	case DMACConfiguration: d->config = value & 7; break;
	case DMACSync: d->sync = value & 0xffff; break;
	default: log_printf(LOG_GUEST_ERRORS, "pl080: write of register %03x\n", offset);
	}
}

static void pl080_write(void *opaque, uint64_t offset, uint64_t value, unsigned int size)
{
	struct pl080 *d = opaque;
	uint32_t *reg = channel_register(d, offset);

	if (reg)
		*reg = (uint32_t)value;
	else
		register_write(d, (unsigned int)offset, (uint32_t)value);
	update_irq(d);
	run(d);
}

static const struct region_ops pl080_ops = {
	.read = pl080_read, .write = pl080_write, .min_size = 4, .max_size = 4};

/* --- device --- */

static struct error *pl080_init(struct device *dev)
{
	struct pl080 *d = (struct pl080 *)dev;

	region_init_io(&d->mmio.regs, "pl080", 0x1000, &pl080_ops, d);
	d->mmio.regs.owner = dev;
	for (int n = 0; n < 16; n++)
		irq_init(&d->inputs[n], request_set, d, n);
	timer_init(&d->more, CLOCK_VIRTUAL, run, d);
	return NULL;
}

static void pl080_reset(struct device *dev)
{
	struct pl080 *d = (struct pl080 *)dev;

	timer_cancel(&d->more);
	for (unsigned int n = 0; n < PL080_CHANNELS; n++)
		d->channels[n] = (struct pl080_channel){0};
	d->config = d->sync = d->requests = d->soft_requests = 0;
	d->raw_tc = d->raw_error = d->tc_status = d->error_status = 0;
}

static void pl080_settle(struct device *dev)
{
	update_irq((struct pl080 *)dev);
}

static const struct prop props[] = {
	PROP_PTR("memory", struct pl080, memory),
	PROP_END,
};

static const struct field channel_state[] = {
	F_U32(struct pl080_channel, src),  F_U32(struct pl080_channel, dest),
	F_U32(struct pl080_channel, lli),  F_U32(struct pl080_channel, control),
	F_U32(struct pl080_channel, conf), FIELD_END,
};

static const struct field state[] = {
	F_STRUCTS(struct pl080, channels, channel_state),
	F_U32(struct pl080, config),
	F_U32(struct pl080, sync),
	F_U32(struct pl080, requests),
	F_U32(struct pl080, soft_requests),
	F_U8(struct pl080, raw_tc),
	F_U8(struct pl080, raw_error),
	F_U8(struct pl080, tc_status),
	F_U8(struct pl080, error_status),
	F_TIMER(struct pl080, more),
	FIELD_END,
};

static const struct variant pl080 = {0x0a041080, 8};
static const struct variant pl081 = {0x0a041081, 2};

#define DMA(ident, name_, help_)                                                       \
	DEVICE_CLASS(ident##_dma, .name = (name_), .help = (help_), .bus = "System",   \
		     .size = sizeof(struct pl080), .props = props, .state = state,     \
		     .init = pl080_init, .reset = pl080_reset, .settle = pl080_settle, \
		     .bus_info = &ident, .hidden = true)

DMA(pl080, "pl080", "PrimeCell DMA controller");
DMA(pl081, "pl081", "PrimeCell DMA controller with one master");
