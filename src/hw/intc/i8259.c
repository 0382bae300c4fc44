/*
 * 82C59A programmable interrupt controller, Intel 231201-007; the edge/level register is that of
 * the 82371SB (4D0h, 4D1h; 290550-002, section 2.5.3).
 *
 * One departure from the data sheet: an edge that was seen stays in IRR when the input falls
 * before it is acknowledged. Chip sets differ here, and guests rely on not losing it.
 */
#include "hw/intc/i8259.h"

#include "base/log.h"

#define ICW1	  0x10
#define ICW1_IC4  0x01
#define ICW1_SNGL 0x02
#define ICW1_LTIM 0x08

#define ICW4_AEOI 0x02
#define ICW4_SFNM 0x10

#define OCW3	  0x08
#define OCW3_RIS  0x01
#define OCW3_RR	  0x02
#define OCW3_P	  0x04
#define OCW3_SMM  0x20
#define OCW3_ESMM 0x40

#define OCW2_SL 0x40

#define CASCADE 2

/* Inputs that can be level triggered; the timer, the keyboard, the cascade, the RTC and FERR can't.
 */
static const uint8_t elcr_writable[2] = {0xf8, 0xde};

/* --- priority --- */

/* Rank of an input, 0 highest. */
static unsigned int rank(const struct i8259_chip *c, unsigned int input)
{
	return (input - c->lowest - 1) & 7;
}

/* The input of highest priority in `set`, or -1. */
static int highest(const struct i8259_chip *c, uint8_t set)
{
	for (unsigned int i = 1; i <= 8; i++) {
		unsigned int input = (c->lowest + i) & 7;

		if (set >> input & 1)
			return (int)input;
	}
	return -1;
}

/* The request that INT stands for, or -1. */
static int pending(const struct i8259_chip *c)
{
	int request = highest(c, c->irr & (uint8_t)~c->imr), service;
	uint8_t in_service = c->isr;

	if (request < 0)
		return -1;
	if (c->special_mask)
		in_service &= (uint8_t)~c->imr;
	/* special fully nested: the slave may interrupt its own interrupt */
	if (c->sfnm && c->master)
		in_service &= (uint8_t)~(1u << CASCADE);
	service = highest(c, in_service);
	if (service >= 0 && rank(c, (unsigned int)service) <= rank(c, (unsigned int)request))
		return -1;
	return request;
}

static bool input_is_level(const struct i8259_chip *c, unsigned int input)
{
	return c->level_triggered || (c->elcr >> input & 1);
}

static void input_set(struct i8259_chip *c, unsigned int input, int level)
{
	uint8_t bit = (uint8_t)(1u << input);
	bool rising = level && !(c->lines & bit);

	c->lines = (uint8_t)(level ? c->lines | bit : c->lines & ~bit);
	if (rising || (level && input_is_level(c, input)))
		c->irr |= bit;
	else if (!level && input_is_level(c, input))
		c->irr &= (uint8_t)~bit;
}

static void update(struct i8259 *s)
{
	bool level;

	input_set(&s->chips[0], CASCADE, pending(&s->chips[1]) >= 0);
	/* the slave withdraws its request when its own goes away */
	if (!(s->chips[0].lines >> CASCADE & 1))
		s->chips[0].irr &= (uint8_t)~(1u << CASCADE);
	level = pending(&s->chips[0]) >= 0;
	if (level != s->out_level) {
		s->out_level = level;
		irq_set(s->out, level);
	}
}

static void input_handler(void *opaque, int n, int level)
{
	struct i8259 *s = opaque;

	/* input 2 of the master is the slave's INT */
	if (n == CASCADE)
		return;
	input_set(&s->chips[n >> 3], (unsigned int)n & 7, level != 0);
	update(s);
}

struct irq *i8259_input(struct i8259 *s, unsigned int n)
{
	return &s->inputs[n & 15];
}

/* --- acknowledge and end of interrupt --- */

static void acknowledge(struct i8259_chip *c, unsigned int input)
{
	uint8_t bit = (uint8_t)(1u << input);

	if (!c->auto_eoi)
		c->isr |= bit;
	else if (c->rotate_in_aeoi)
		c->lowest = (uint8_t)input;
	if (!input_is_level(c, input))
		c->irr &= (uint8_t)~bit;
}

int i8259_acknowledge(struct i8259 *s)
{
	struct i8259_chip *master = &s->chips[0], *slave = &s->chips[1];
	int input = pending(master), vector;

	if (input < 0) {
		vector = master->vector | 7;
	} else if (input == CASCADE) {
		int slave_input = pending(slave);

		acknowledge(master, CASCADE);
		if (slave_input >= 0)
			acknowledge(slave, (unsigned int)slave_input);
		vector = slave->vector | (slave_input < 0 ? 7 : slave_input);
		/* INT falls with INTA: what the slave still has is a new edge */
		input_set(master, CASCADE, 0);
	} else {
		acknowledge(master, (unsigned int)input);
		vector = master->vector | input;
	}
	update(s);
	return vector;
}

static void end_of_interrupt(struct i8259_chip *c, uint8_t value)
{
	bool specific = value & OCW2_SL;
	uint8_t set = c->isr;
	int input;

	/* in special mask mode the non-specific one leaves masked bits alone */
	if (c->special_mask)
		set &= (uint8_t)~c->imr;
	input = specific ? value & 7 : highest(c, set);
	if (input < 0)
		return;
	c->isr &= (uint8_t)~(1u << input);
	if (value & 0x80)
		c->lowest = (uint8_t)input;
}

static void write_ocw2(struct i8259_chip *c, uint8_t value)
{
	switch (value >> 5) {
	case 0: c->rotate_in_aeoi = false; break;
	case 4: c->rotate_in_aeoi = true; break;
	case 1:
	case 3:
	case 5:
	case 7: end_of_interrupt(c, value); break;
	case 6: c->lowest = value & 7; break;
	default: break; /* 2: no operation */
	}
}

static void write_ocw3(struct i8259_chip *c, uint8_t value)
{
	if (value & OCW3_ESMM)
		c->special_mask = value & OCW3_SMM;
	if (value & OCW3_P)
		c->poll = true;
	else if (value & OCW3_RR)
		c->read_isr = value & OCW3_RIS;
}

/* --- initialization --- */

static void write_icw1(struct i8259_chip *c, uint8_t value)
{
	c->icw = 2;
	c->icw4_needed = value & ICW1_IC4;
	c->single = value & ICW1_SNGL;
	c->level_triggered = value & ICW1_LTIM;
	/* the edge sense circuit is reset: only level inputs still request */
	c->irr = c->level_triggered ? c->lines : c->lines & c->elcr;
	c->imr = c->isr = 0;
	c->lowest = 7;
	c->special_mask = c->read_isr = c->poll = false;
	c->auto_eoi = c->rotate_in_aeoi = c->sfnm = false;
}

static void write_icw(struct i8259_chip *c, uint8_t value)
{
	switch (c->icw) {
	case 2:
		c->vector = value & 0xf8;
		c->icw = !c->single ? 3 : c->icw4_needed ? 4 : 0;
		break;
	case 3: /* the cascade is wired */ c->icw = c->icw4_needed ? 4 : 0; break;
	default:
		c->auto_eoi = value & ICW4_AEOI;
		c->sfnm = value & ICW4_SFNM;
		c->icw = 0;
		break;
	}
}

/* --- ports --- */

static void chip_write(struct i8259_chip *c, unsigned int a0, uint8_t value)
{
	if (a0 && c->icw)
		write_icw(c, value);
	else if (a0)
		c->imr = value;
	else if (value & ICW1)
		write_icw1(c, value);
	else if (value & OCW3)
		write_ocw3(c, value);
	else
		write_ocw2(c, value);
}

/* A poll is an INTA without a vector. */
static uint8_t chip_poll(struct i8259_chip *c)
{
	int input = pending(c);

	c->poll = false;
	if (input < 0)
		return 0;
	acknowledge(c, (unsigned int)input);
	return (uint8_t)(0x80 | input);
}

static uint8_t chip_read(struct i8259_chip *c, unsigned int a0)
{
	if (c->poll)
		return chip_poll(c);
	if (a0)
		return c->imr;
	return c->read_isr ? c->isr : c->irr;
}

static uint64_t master_read(void *opaque, uint64_t offset, unsigned int size)
{
	struct i8259 *s = opaque;
	uint8_t value = chip_read(&s->chips[0], offset & 1);

	update(s);
	return value;
}

static void master_write(void *opaque, uint64_t offset, uint64_t value, unsigned int size)
{
	struct i8259 *s = opaque;

	chip_write(&s->chips[0], offset & 1, (uint8_t)value);
	update(s);
}

static uint64_t slave_read(void *opaque, uint64_t offset, unsigned int size)
{
	struct i8259 *s = opaque;
	bool poll = s->chips[1].poll;
	uint8_t value = chip_read(&s->chips[1], offset & 1);

	if (poll)
		input_set(&s->chips[0], CASCADE, 0);
	update(s);
	return value;
}

static void slave_write(void *opaque, uint64_t offset, uint64_t value, unsigned int size)
{
	struct i8259 *s = opaque;

	chip_write(&s->chips[1], offset & 1, (uint8_t)value);
	update(s);
}

static uint64_t elcr_read(void *opaque, uint64_t offset, unsigned int size)
{
	struct i8259 *s = opaque;

	return s->chips[offset & 1].elcr;
}

static void elcr_write(void *opaque, uint64_t offset, uint64_t value, unsigned int size)
{
	struct i8259 *s = opaque;
	struct i8259_chip *c = &s->chips[offset & 1];
	uint8_t old = c->elcr;

	c->elcr = (uint8_t)value & elcr_writable[offset & 1];
	/* inputs that are now level triggered show their level */
	c->irr = (c->irr & (uint8_t)~(c->elcr & ~old)) | (c->lines & c->elcr);
	update(s);
}

static const struct region_ops master_ops = {
	.read = master_read, .write = master_write, .max_size = 1};
static const struct region_ops slave_ops = {
	.read = slave_read, .write = slave_write, .max_size = 1};
static const struct region_ops elcr_ops = {.read = elcr_read, .write = elcr_write, .max_size = 1};

/* --- device --- */

static struct error *i8259_init(struct device *dev)
{
	struct i8259 *s = (struct i8259 *)dev;

	s->chips[0].master = true;
	region_init_io(&s->chips[0].ports, "pic", 2, &master_ops, s);
	region_init_io(&s->chips[1].ports, "pic2", 2, &slave_ops, s);
	region_init_io(&s->chips[0].elcr_port, "elcr", 2, &elcr_ops, s);
	isa_map_io(dev, 0x20, &s->chips[0].ports);
	isa_map_io(dev, 0xa0, &s->chips[1].ports);
	isa_map_io(dev, 0x4d0, &s->chips[0].elcr_port);
	for (int n = 0; n < 16; n++)
		irq_init(&s->inputs[n], input_handler, s, n);
	return NULL;
}

static void chip_reset(struct i8259_chip *c)
{
	c->lines = c->irr = c->isr = c->elcr = 0;
	c->imr = 0xff; /* undefined by the data sheet: quiet until it is initialized */
	c->vector = c->icw = 0;
	c->lowest = 7;
	c->icw4_needed = c->single = c->level_triggered = false;
	c->auto_eoi = c->rotate_in_aeoi = c->sfnm = c->special_mask = false;
	c->read_isr = c->poll = false;
}

static void i8259_reset(struct device *dev)
{
	struct i8259 *s = (struct i8259 *)dev;

	chip_reset(&s->chips[0]);
	chip_reset(&s->chips[1]);
	s->out_level = false;
}

static void i8259_settle(struct device *dev)
{
	struct i8259 *s = (struct i8259 *)dev;

	irq_set(s->out, s->out_level);
	update(s);
}

static struct error *i8259_post_load(struct device *dev)
{
	struct i8259 *s = (struct i8259 *)dev;

	for (unsigned int i = 0; i < 2; i++) {
		struct i8259_chip *c = &s->chips[i];

		if (c->icw == 1 || c->icw > 4)
			return error_new("i8259: impossible initialization step %u", c->icw);
		c->lowest &= 7;
		c->vector &= 0xf8;
		c->elcr &= elcr_writable[i];
	}
	return NULL;
}

void i8259_print(const struct i8259 *s, FILE *out)
{
	for (unsigned int i = 0; i < 2; i++) {
		const struct i8259_chip *c = &s->chips[i];

		fprintf(out,
			"pic%u: irr=%02x imr=%02x isr=%02x hprio=%u irq_base=%02x rr_sel=%u "
			"elcr=%02x "
			"fnm=%u\n",
			i, c->irr, c->imr, c->isr, (c->lowest + 1u) & 7, c->vector, c->read_isr,
			c->elcr, c->sfnm);
	}
}

static const struct field chip_state[] = {
	F_U8(struct i8259_chip, lines),
	F_U8(struct i8259_chip, irr),
	F_U8(struct i8259_chip, imr),
	F_U8(struct i8259_chip, isr),
	F_U8(struct i8259_chip, elcr),
	F_U8(struct i8259_chip, vector),
	F_U8(struct i8259_chip, lowest),
	F_U8(struct i8259_chip, icw),
	F_BOOL(struct i8259_chip, icw4_needed),
	F_BOOL(struct i8259_chip, single),
	F_BOOL(struct i8259_chip, level_triggered),
	F_BOOL(struct i8259_chip, auto_eoi),
	F_BOOL(struct i8259_chip, rotate_in_aeoi),
	F_BOOL(struct i8259_chip, sfnm),
	F_BOOL(struct i8259_chip, special_mask),
	F_BOOL(struct i8259_chip, read_isr),
	F_BOOL(struct i8259_chip, poll),
	FIELD_END,
};

static const struct field i8259_state[] = {
	F_STRUCTS(struct i8259, chips, chip_state),
	F_BOOL(struct i8259, out_level),
	FIELD_END,
};

static const struct prop i8259_props[] = {
	PROP_PTR("out", struct i8259, out),
	PROP_END,
};

DEVICE_CLASS(i8259, .name = "isa-pic", .help = "82C59A pair", .bus = "ISA",
	     .size = sizeof(struct i8259), .props = i8259_props, .state = i8259_state,
	     .init = i8259_init, .reset = i8259_reset, .settle = i8259_settle,
	     .post_load = i8259_post_load, .hidden = true);
