#include "hw/i2c/i2c-bitbang.h"

enum { IDLE, ADDRESS, WRITING, READING, IGNORING };

void i2c_bitbang_reset(struct i2c_bitbang *b)
{
	if (b->phase != IDLE)
		i2c_stop(b->bus);
	b->phase = IDLE;
	b->bits = b->byte = 0;
	b->refused = false;
	b->scl = b->sda = b->target_sda = true;
}

bool i2c_bitbang_sda(const struct i2c_bitbang *b)
{
	return b->sda && b->target_sda;
}

static void start(struct i2c_bitbang *b)
{
	b->phase = ADDRESS;
	b->bits = b->byte = 0;
	b->target_sda = true;
}

static void stop(struct i2c_bitbang *b)
{
	if (b->phase != IDLE)
		i2c_stop(b->bus);
	b->phase = IDLE;
	b->target_sda = true;
}

static void clock_up(struct i2c_bitbang *b)
{
	if (b->phase == IDLE || b->bits > 8)
		return;
	if (b->bits == 8)
		b->refused = i2c_bitbang_sda(b);
	else if (b->phase != READING)
		b->byte = (uint8_t)(b->byte << 1 | i2c_bitbang_sda(b));
	b->bits++;
}

/* A byte from software is complete: whether the target takes it. */
static bool byte_sent(struct i2c_bitbang *b)
{
	bool ok;

	switch (b->phase) {
	case WRITING: return i2c_write(b->bus, b->byte);
	case ADDRESS:
		ok = i2c_start(b->bus, b->byte >> 1, b->byte & 1);
		b->phase = !ok ? IGNORING : b->byte & 1 ? READING : WRITING;
		return ok;
	default: return false; /* the reader answers */
	}
}

static void byte_acknowledged(struct i2c_bitbang *b)
{
	b->bits = 0;
	b->target_sda = true;
	if (b->phase == READING && b->refused)
		b->phase = IGNORING;
	else if (b->phase == READING)
		b->byte = i2c_read(b->bus);
}

/* The target changes its output while the clock is low. */
static void clock_down(struct i2c_bitbang *b)
{
	if (b->phase == IDLE)
		return;
	if (b->bits == 8) {
		b->target_sda = !byte_sent(b);
		return;
	}
	if (b->bits > 8)
		byte_acknowledged(b);
	if (b->phase == READING)
		b->target_sda = b->byte >> (7 - b->bits) & 1;
}

void i2c_bitbang_set(struct i2c_bitbang *b, bool scl, bool sda)
{
	bool clock = b->scl, data = b->sda;

	/* data first, where both change: it must not move while the clock is high */
	if (!clock || !scl) {
		b->sda = sda;
	} else if (data != sda) {
		b->sda = sda;
		if (sda)
			stop(b);
		else
			start(b);
	}
	b->scl = scl;
	if (scl && !clock)
		clock_up(b);
	else if (!scl && clock)
		clock_down(b);
}

struct error *i2c_bitbang_post_load(const struct i2c_bitbang *b)
{
	if (b->phase > IGNORING || b->bits > 9 || (b->phase == READING && b->bits == 8 && b->scl))
		return error_new("I2C: impossible state");
	return NULL;
}

const struct field i2c_bitbang_state[] = {
	F_U8(struct i2c_bitbang, phase),	F_U8(struct i2c_bitbang, bits),
	F_U8(struct i2c_bitbang, byte),		F_BOOL(struct i2c_bitbang, refused),
	F_BOOL(struct i2c_bitbang, scl),	F_BOOL(struct i2c_bitbang, sda),
	F_BOOL(struct i2c_bitbang, target_sda), FIELD_END,
};
