/*
 * The PC's two 8237A DMA controllers with their page registers.
 * Sources: 8237A, Intel 231466-005; 82371SB (290550-002), 2.5.1 for the ports.
 *
 * The first moves bytes on channels 0-3, the second words on 5-7 (its addresses and counts are
 * shifted by one); channel 4 is the cascade. A device holds DREQ; the controller then calls it from
 * a timer, never from within a register access, so that devices need not expect re-entry.
 */
#include "hw/dma/i8237.h"

#include "base/log.h"

#include <string.h>

#define COMMAND_DISABLE 0x04
#define COMMAND_UNUSED	0xfb /* memory to memory, timing, polarities: not wired on the PC */

#define MODE_DECREMENT 0x20
#define MODE_AUTOINIT  0x10
#define MODE_TRANSFER  0x0c
#define MODE_CASCADE   0xc0

/* Write to a register behind the channels. */
enum {
	REG_COMMAND = 8, /* status when read */
	REG_REQUEST = 9,
	REG_SINGLE_MASK = 10,
	REG_MODE = 11,
	REG_CLEAR_FLIP_FLOP = 12,
	REG_MASTER_CLEAR = 13, /* temporary when read */
	REG_CLEAR_MASK = 14,
	REG_ALL_MASK = 15,
};

/* Page registers by port - 81h: a channel, or -1 for the bytes that are only storage. */
static const int8_t page_channel[15] = {2, 3, 1, -1, -1, -1, 0, -1, 6, 7, 5, -1, -1, -1, 4};

static struct i8237_chip *chip_of(struct i8237 *s, unsigned int channel)
{
	return &s->chips[channel >> 2 & 1];
}

static struct i8237_channel *channel_of(struct i8237 *s, unsigned int channel)
{
	return &chip_of(s, channel)->channels[channel & 3];
}

/* Bytes of the programmed block. */
static uint32_t block_size(const struct i8237_channel *c, bool words)
{
	return (c->base_count + 1u) << words;
}

static bool may_run(const struct i8237_chip *chip, unsigned int n)
{
	return !(chip->command & COMMAND_DISABLE) && !(chip->mask >> n & 1) &&
	       ((chip->dreq | chip->request) >> n & 1) &&
	       (chip->channels[n].mode & MODE_CASCADE) != MODE_CASCADE;
}

static void terminal_count(struct i8237_chip *chip, unsigned int n)
{
	struct i8237_channel *c = &chip->channels[n];

	chip->status |= (uint8_t)(1u << n);
	chip->request &= (uint8_t)~(1u << n);
	if (c->mode & MODE_AUTOINIT)
		c->pos = 0;
	else
		chip->mask |= (uint8_t)(1u << n);
}

/* Lets the device of one channel move what it can; true if it moved something and wants more. */
static bool run_channel(struct i8237 *s, unsigned int chip_nr, unsigned int n)
{
	struct i8237_chip *chip = &s->chips[chip_nr];
	struct i8237_channel *c = &chip->channels[n];
	uint32_t size = block_size(c, chip_nr), before = c->pos, pos;

	if (!c->fn || !may_run(chip, n))
		return false;
	pos = c->fn(c->opaque, chip_nr * 4 + n, c->pos, size);
	if (pos > size)
		pos = size;
	c->pos = pos;
	if (pos == size)
		terminal_count(chip, n);
	return pos != before && may_run(chip, n);
}

static void run(void *opaque)
{
	struct i8237 *s = opaque;
	bool again = false;

	if (s->running)
		return;
	s->running = true;
	for (unsigned int chip = 0; chip < 2; chip++) {
		for (unsigned int n = 0; n < 4; n++)
			again |= run_channel(s, chip, n);
	}
	s->running = false;
	if (again)
		timer_set(&s->timer, clock_now(CLOCK_VIRTUAL) + NS_PER_US);
}

static void kick(struct i8237 *s)
{
	if (!timer_pending(&s->timer))
		timer_set(&s->timer, clock_now(CLOCK_VIRTUAL));
}

/* --- registers --- */

static uint16_t current_address(const struct i8237_channel *c, bool words)
{
	uint32_t units = c->pos >> words;

	return (uint16_t)(c->mode & MODE_DECREMENT ? c->base_address - units
						   : c->base_address + units);
}

static uint16_t current_count(const struct i8237_channel *c, bool words)
{
	return (uint16_t)(c->base_count - (c->pos >> words));
}

static uint8_t channel_read(struct i8237_chip *chip, unsigned int reg, bool words)
{
	const struct i8237_channel *c = &chip->channels[reg >> 1];
	uint16_t value = reg & 1 ? current_count(c, words) : current_address(c, words);

	chip->flip_flop = !chip->flip_flop;
	return (uint8_t)(chip->flip_flop ? value : value >> 8);
}

/* Base and current registers are written together. */
static void channel_write(struct i8237_chip *chip, unsigned int reg, uint8_t value)
{
	struct i8237_channel *c = &chip->channels[reg >> 1];
	uint16_t *base = reg & 1 ? &c->base_count : &c->base_address;

	if (chip->flip_flop)
		*base = (uint16_t)((*base & 0x00ff) | value << 8);
	else
		*base = (uint16_t)((*base & 0xff00) | value);
	chip->flip_flop = !chip->flip_flop;
	c->pos = 0;
}

static uint8_t status_read(struct i8237_chip *chip)
{
	uint8_t value = (uint8_t)((chip->status & 15) | (chip->dreq | chip->request) << 4);

	chip->status = 0;
	return value;
}

static void chip_clear(struct i8237_chip *chip)
{
	chip->command = chip->status = chip->request = 0;
	chip->mask = 15;
	chip->flip_flop = false;
}

static void set_bit(uint8_t *reg, uint8_t value)
{
	uint8_t bit = (uint8_t)(1u << (value & 3));

	*reg = (uint8_t)(value & 4 ? *reg | bit : *reg & ~bit);
}

static void control_write(struct i8237_chip *chip, unsigned int reg, uint8_t value)
{
	switch (reg) {
	case REG_COMMAND:
		if (value & COMMAND_UNUSED)
			log_printf(LOG_UNIMP, "i8237: command %02x\n", value);
		chip->command = value;
		break;
	case REG_REQUEST: set_bit(&chip->request, value); break;
	case REG_SINGLE_MASK: set_bit(&chip->mask, value); break;
	case REG_MODE: chip->channels[value & 3].mode = value; break;
	case REG_CLEAR_FLIP_FLOP: chip->flip_flop = false; break;
	case REG_MASTER_CLEAR: chip_clear(chip); break;
	case REG_CLEAR_MASK: chip->mask = 0; break;
	default: chip->mask = value & 15; break;
	}
}

static uint64_t chip_read(struct i8237_chip *chip, unsigned int reg, bool words)
{
	if (reg < 8)
		return channel_read(chip, reg, words);
	if (reg == REG_COMMAND)
		return status_read(chip);
	if (reg == REG_ALL_MASK)
		return chip->mask | 0xf0;
	return 0;
}

static void chip_write(struct i8237 *s, struct i8237_chip *chip, unsigned int reg, uint8_t value)
{
	if (reg < 8)
		channel_write(chip, reg, value);
	else
		control_write(chip, reg, value);
	kick(s);
}

static uint64_t bytes_read(void *opaque, uint64_t offset, unsigned int size)
{
	struct i8237 *s = opaque;
	return chip_read(&s->chips[0], (unsigned int)offset, false);
}

static void bytes_write(void *opaque, uint64_t offset, uint64_t value, unsigned int size)
{
	struct i8237 *s = opaque;
	chip_write(s, &s->chips[0], (unsigned int)offset, (uint8_t)value);
}

static uint64_t words_read(void *opaque, uint64_t offset, unsigned int size)
{
	struct i8237 *s = opaque;
	return offset & 1 ? 0xff : chip_read(&s->chips[1], (unsigned int)offset >> 1, true);
}

static void words_write(void *opaque, uint64_t offset, uint64_t value, unsigned int size)
{
	struct i8237 *s = opaque;

	if (!(offset & 1))
		chip_write(s, &s->chips[1], (unsigned int)offset >> 1, (uint8_t)value);
}

static uint64_t pages_read(void *opaque, uint64_t offset, unsigned int size)
{
	return ((struct i8237 *)opaque)->pages[offset];
}

static void pages_write(void *opaque, uint64_t offset, uint64_t value, unsigned int size)
{
	((struct i8237 *)opaque)->pages[offset] = (uint8_t)value;
}

static const struct region_ops bytes_ops = {
	.read = bytes_read, .write = bytes_write, .max_size = 1};
static const struct region_ops words_ops = {
	.read = words_read, .write = words_write, .max_size = 1};
static const struct region_ops pages_ops = {
	.read = pages_read, .write = pages_write, .max_size = 1};

/* --- what devices call --- */

static void attach(void *opaque, unsigned int channel, isa_dma_fn *fn, void *fn_opaque)
{
	struct i8237_channel *c = channel_of(opaque, channel);

	c->fn = fn;
	c->opaque = fn_opaque;
}

static void hold_dreq(void *opaque, unsigned int channel, bool level)
{
	struct i8237 *s = opaque;
	struct i8237_chip *chip = chip_of(s, channel);
	uint8_t bit = (uint8_t)(1u << (channel & 3));

	chip->dreq = (uint8_t)(level ? chip->dreq | bit : chip->dreq & ~bit);
	if (level)
		kick(s);
}

static uint8_t page_of(const struct i8237 *s, unsigned int channel)
{
	for (unsigned int i = 0; i < sizeof(page_channel); i++) {
		if (page_channel[i] == (int8_t)channel)
			return s->pages[i];
	}
	return 0;
}

/*
 * Physical address of unit `pos` of the block. Counting wraps within the 64 Ki units of a page;
 * the word controller's page register holds address bits 17-23.
 */
static uint64_t address_of(struct i8237 *s, unsigned int channel, uint32_t pos)
{
	const struct i8237_channel *c = channel_of(s, channel);
	bool words = channel >= 4;
	uint32_t units = pos >> words;
	uint16_t low = (uint16_t)(c->mode & MODE_DECREMENT ? c->base_address - units
							   : c->base_address + units);
	uint8_t page = page_of(s, channel);

	if (words)
		return (uint64_t)(page & 0xfe) << 16 | (uint32_t)low << 1 | (pos & 1);
	return (uint64_t)page << 16 | low;
}

/* Moves byte runs that are consecutive in memory. */
static void move(struct i8237 *s, unsigned int channel, uint8_t *buf, const uint8_t *out,
		 uint32_t pos, uint32_t len)
{
	bool down = channel_of(s, channel)->mode & MODE_DECREMENT;

	while (len) {
		uint64_t addr = address_of(s, channel, pos);
		uint32_t run = 1;

		while (!down && run < len && address_of(s, channel, pos + run) == addr + run)
			run++;
		if (buf) {
			mem_read(s->memory, addr, buf, run);
			buf += run;
		} else {
			mem_write(s->memory, addr, out, run);
			out += run;
		}
		pos += run;
		len -= run;
	}
}

static bool move_inside(struct i8237 *s, unsigned int channel, uint32_t pos, uint32_t len)
{
	uint32_t size = block_size(channel_of(s, channel), channel >= 4);

	return pos <= size && len <= size - pos;
}

static void dma_read(void *opaque, unsigned int channel, void *buf, uint32_t pos, uint32_t len)
{
	if (move_inside(opaque, channel, pos, len))
		move(opaque, channel, buf, NULL, pos, len);
	else
		memset(buf, 0, len);
}

static void dma_write(void *opaque, unsigned int channel, const void *buf, uint32_t pos,
		      uint32_t len)
{
	/* a verify transfer moves nothing */
	if (!(channel_of(opaque, channel)->mode & MODE_TRANSFER))
		return;
	if (move_inside(opaque, channel, pos, len))
		move(opaque, channel, NULL, buf, pos, len);
}

static uint8_t channel_mode(void *opaque, unsigned int channel)
{
	return channel_of(opaque, channel)->mode;
}

static const struct isa_dma_ops dma_ops = {
	.attach = attach,
	.hold_dreq = hold_dreq,
	.read = dma_read,
	.write = dma_write,
	.mode = channel_mode,
};

/* --- device --- */

static struct error *i8237_init(struct device *dev)
{
	struct i8237 *s = (struct i8237 *)dev;
	struct isa_bus *bus = isa_bus_of(dev);

	timer_init(&s->timer, CLOCK_VIRTUAL, run, s);
	region_init_io(&s->byte_ports, "dma-8bit", 16, &bytes_ops, s);
	region_init_io(&s->word_ports, "dma-16bit", 32, &words_ops, s);
	region_init_io(&s->page_ports, "dma-pages", 15, &pages_ops, s);
	isa_map_io(dev, 0x00, &s->byte_ports);
	isa_map_io(dev, 0xc0, &s->word_ports);
	isa_map_io(dev, 0x81, &s->page_ports);
	bus->dma = &dma_ops;
	bus->dma_opaque = s;
	return NULL;
}

static void i8237_reset(struct device *dev)
{
	struct i8237 *s = (struct i8237 *)dev;

	timer_cancel(&s->timer);
	memset(s->pages, 0, sizeof(s->pages));
	for (unsigned int i = 0; i < 2; i++) {
		chip_clear(&s->chips[i]);
		s->chips[i].dreq = 0;
		for (unsigned int n = 0; n < 4; n++) {
			struct i8237_channel *c = &s->chips[i].channels[n];

			c->base_address = c->base_count = 0;
			c->pos = 0;
			c->mode = 0;
		}
	}
}

static struct error *i8237_post_load(struct device *dev)
{
	struct i8237 *s = (struct i8237 *)dev;

	for (unsigned int i = 0; i < 2; i++) {
		for (unsigned int n = 0; n < 4; n++) {
			const struct i8237_channel *c = &s->chips[i].channels[n];

			if (c->pos > block_size(c, i))
				return error_new("i8237: position behind the end of a block");
		}
	}
	return NULL;
}

static const struct field channel_state[] = {
	F_U16(struct i8237_channel, base_address),
	F_U16(struct i8237_channel, base_count),
	F_U32(struct i8237_channel, pos),
	F_U8(struct i8237_channel, mode),
	FIELD_END,
};

static const struct field chip_state[] = {
	F_STRUCTS(struct i8237_chip, channels, channel_state),
	F_U8(struct i8237_chip, command),
	F_U8(struct i8237_chip, status),
	F_U8(struct i8237_chip, mask),
	F_U8(struct i8237_chip, dreq),
	F_U8(struct i8237_chip, request),
	F_BOOL(struct i8237_chip, flip_flop),
	FIELD_END,
};

static const struct field i8237_state[] = {
	F_STRUCTS(struct i8237, chips, chip_state),
	F_BYTES(struct i8237, pages),
	F_TIMER(struct i8237, timer),
	FIELD_END,
};

static const struct prop i8237_props[] = {
	PROP_PTR("memory", struct i8237, memory),
	PROP_END,
};

DEVICE_CLASS(i8237, .name = "i8237", .help = "8237A DMA controllers", .bus = "ISA",
	     .size = sizeof(struct i8237), .props = i8237_props, .state = i8237_state,
	     .init = i8237_init, .reset = i8237_reset, .post_load = i8237_post_load,
	     .hidden = true);
