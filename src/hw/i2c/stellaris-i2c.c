/*
 * I2C master of the Stellaris LM3S chips. Source: LM3S6965 data sheet, chapter "Inter-Integrated
 * Circuit (I2C) Interface". A byte is transferred at once; the slave half is not there.
 */
#include "hw/i2c/stellaris-i2c.h"

#include "base/log.h"

enum {
	I2CMSA = 0x00,
	I2CMCS = 0x04,
	I2CMDR = 0x08,
	I2CMTPR = 0x0c,
	I2CMIMR = 0x10,
	I2CMRIS = 0x14,
	I2CMMIS = 0x18,
	I2CMICR = 0x1c,
	I2CMCR = 0x20,
	I2CSOAR = 0x800,
};
enum { MCS_RUN = 1 << 0, MCS_START = 1 << 1, MCS_STOP = 1 << 2 };      /* written */
enum { MCS_ERROR = 1 << 1, MCS_ADRACK = 1 << 2, MCS_DATACK = 1 << 3 }; /* read */
enum { MCS_IDLE = 1 << 5, MCS_BUSBSY = 1 << 6 };
enum { MCR_MFE = 1 << 4, MCR_LPBK = 1 << 0, MSA_RS = 1 };

static void update_irq(struct stellaris_i2c *s)
{
	irq_set(s->mmio.irqs[0], s->mris & s->mimr & 1);
}

static void stop(struct stellaris_i2c *s)
{
	i2c_stop(&s->bus);
	s->mcs = (s->mcs & ~(uint32_t)MCS_BUSBSY) | MCS_IDLE;
}

static bool address(struct stellaris_i2c *s)
{
	s->mcs |= MCS_BUSBSY;
	s->mcs &= ~(uint32_t)MCS_IDLE;
	if (i2c_start(&s->bus, (uint8_t)(s->msa >> 1), s->msa & MSA_RS))
		return true;
	s->mcs |= MCS_ERROR | MCS_ADRACK;
	return false;
}

static void transfer(struct stellaris_i2c *s)
{
	if (s->msa & MSA_RS)
		s->mdr = i2c_read(&s->bus);
	else if (!i2c_write(&s->bus, (uint8_t)s->mdr))
		s->mcs |= MCS_ERROR | MCS_DATACK;
}

static void write_mcs(struct stellaris_i2c *s, uint32_t value)
{
	bool ok = true;

	if (!(s->mcr & MCR_MFE)) {
		log_printf(LOG_GUEST_ERRORS, "stellaris-i2c: the master is not enabled\n");
		return;
	}
	s->mcs &= ~(uint32_t)(MCS_ERROR | MCS_ADRACK | MCS_DATACK);
	if (value & MCS_START)
		ok = address(s);
	if (value & MCS_RUN) {
		if (ok)
			transfer(s);
		s->mris = 1;
	}
	if (value & MCS_STOP)
		stop(s);
}

static uint64_t i2c_regs_read(void *opaque, uint64_t offset, unsigned int size)
{
	struct stellaris_i2c *s = opaque;

	switch (offset) {
	case I2CMSA: return s->msa;
	case I2CMCS: return s->mcs;
	case I2CMDR: return s->mdr;
	case I2CMTPR: return s->mtpr;
	case I2CMIMR: return s->mimr;
	case I2CMRIS: return s->mris;
	case I2CMMIS: return s->mris & s->mimr;
	case I2CMCR: return s->mcr;
	default: break;
	}
	log_printf(offset < I2CSOAR ? LOG_GUEST_ERRORS : LOG_UNIMP,
		   "stellaris-i2c: read of register %03x\n", (unsigned int)offset);
	return 0;
}

static void i2c_regs_write(void *opaque, uint64_t offset, uint64_t value64, unsigned int size)
{
	struct stellaris_i2c *s = opaque;
	uint32_t value = (uint32_t)value64;

	switch (offset) {
	case I2CMSA: s->msa = value & 0xff; break;
	case I2CMCS: write_mcs(s, value); break;
	case I2CMDR: s->mdr = value & 0xff; break;
	case I2CMTPR: s->mtpr = value & 0xff; break;
	case I2CMIMR: s->mimr = value & 1; break;
	case I2CMICR: s->mris &= ~value; break;
	case I2CMCR:
		if (value & MCR_LPBK)
			log_printf(LOG_UNIMP, "stellaris-i2c: loopback\n");
		s->mcr = value & 0x31;
		break;
	default:
		log_printf(offset < I2CSOAR ? LOG_GUEST_ERRORS : LOG_UNIMP,
			   "stellaris-i2c: write of register %03x\n", (unsigned int)offset);
	}
	update_irq(s);
}

static const struct region_ops ops = {
	.read = i2c_regs_read, .write = i2c_regs_write, .min_size = 4, .max_size = 4};

static struct error *stellaris_i2c_init(struct device *dev)
{
	struct stellaris_i2c *s = (struct stellaris_i2c *)dev;

	region_init_io(&s->mmio.regs, "stellaris-i2c", 0x1000, &ops, s);
	i2c_bus_init(&s->bus, "i2c.0");
	return NULL;
}

static void stellaris_i2c_reset(struct device *dev)
{
	struct stellaris_i2c *s = (struct stellaris_i2c *)dev;

	s->msa = s->mdr = s->mimr = s->mris = s->mcr = 0;
	s->mcs = MCS_IDLE;
	s->mtpr = 1;
	s->bus.current = I2C_NONE;
}

static struct error *stellaris_i2c_post_load(struct device *dev)
{
	return i2c_bus_post_load(&((struct stellaris_i2c *)dev)->bus);
}

static const struct prop props[] = {PROP_END};

static const struct field state[] = {
	F_STRUCT(struct stellaris_i2c, bus, i2c_bus_state),
	F_U32(struct stellaris_i2c, msa),
	F_U32(struct stellaris_i2c, mcs),
	F_U32(struct stellaris_i2c, mdr),
	F_U32(struct stellaris_i2c, mtpr),
	F_U32(struct stellaris_i2c, mimr),
	F_U32(struct stellaris_i2c, mris),
	F_U32(struct stellaris_i2c, mcr),
	FIELD_END,
};

DEVICE_CLASS(stellaris_i2c, .name = "stellaris-i2c", .help = "Stellaris I2C master",
	     .bus = "System", .size = sizeof(struct stellaris_i2c), .props = props, .state = state,
	     .init = stellaris_i2c_init, .reset = stellaris_i2c_reset,
	     .post_load = stellaris_i2c_post_load, .hidden = true);
