#include "hw/net/eeprom93.h"

enum { OP_EXTENDED, OP_WRITE, OP_READ, OP_ERASE, COMMAND_BITS = 3 };

static unsigned int word_mask(const struct eeprom93 *e)
{
	return (1u << e->address_bits) - 1;
}

/* Extended commands are told apart by the upper two bits of the address. */
static void extended(struct eeprom93 *e)
{
	unsigned int kind = e->address >> (e->address_bits - 2) & 3;

	if (kind == 3)
		e->writable = true;
	else if (kind == 0)
		e->writable = false;
}

static void data_written(struct eeprom93 *e)
{
	if (e->opcode == OP_WRITE && e->writable)
		e->words[e->address & word_mask(e)] = e->shift;
	e->out = true; /* ready */
}

static void address_complete(struct eeprom93 *e)
{
	e->address = (uint8_t)(e->shift & word_mask(e));
	e->out = false; /* the dummy zero before the data */
	if (e->opcode == OP_READ)
		e->shift = e->words[e->address];
	else if (e->opcode == OP_EXTENDED)
		extended(e);
	else if (e->opcode == OP_ERASE && e->writable)
		e->words[e->address] = 0xffff;
}

static void clock_rises(struct eeprom93 *e, bool di)
{
	unsigned int head = COMMAND_BITS + e->address_bits;

	if (e->bits == 0 && !di)
		return; /* zeros before the start bit */
	if (e->bits < head) {
		e->shift = (uint16_t)(e->bits == 0 ? 0 : e->shift << 1 | di);
		e->bits++;
		if (e->bits == COMMAND_BITS) {
			e->opcode = e->shift & 3;
			e->shift = 0;
		} else if (e->bits == head) {
			address_complete(e);
		}
		return;
	}
	unsigned int bit = e->bits - head;
	if (e->opcode == OP_READ) {
		e->out = e->shift >> (15 - bit) & 1;
	} else {
		e->shift = (uint16_t)(e->shift << 1 | di);
	}
	e->bits++;
	if (bit < 15)
		return;
	if (e->opcode != OP_READ) {
		data_written(e);
		e->bits = 0;
		return;
	}
	/* A longer read goes on with the next word. */
	e->address = (uint8_t)((e->address + 1) & word_mask(e));
	e->shift = e->words[e->address];
	e->bits = (uint8_t)head;
}

void eeprom93_pins(struct eeprom93 *e, bool cs, bool sk, bool di)
{
	if (!cs || !e->cs) {
		e->bits = 0;
		e->shift = 0;
		e->out = true;
	}
	if (cs && sk && !e->sk)
		clock_rises(e, di);
	e->cs = cs;
	e->sk = sk;
}

void eeprom93_reset(struct eeprom93 *e)
{
	e->shift = e->bits = e->address = e->opcode = 0;
	e->cs = e->sk = e->writable = false;
	e->out = true;
}

void eeprom93_checksum(struct eeprom93 *e, unsigned int words, uint16_t sum)
{
	for (unsigned int i = 0; i < words - 1; i++)
		sum = (uint16_t)(sum - e->words[i]);
	e->words[words - 1] = sum;
}

const struct field eeprom93_fields[] = {
	F_ARRAY(struct eeprom93, words),   F_U16(struct eeprom93, shift),
	F_U8(struct eeprom93, bits),	   F_U8(struct eeprom93, address),
	F_U8(struct eeprom93, opcode),	   F_BOOL(struct eeprom93, cs),
	F_BOOL(struct eeprom93, sk),	   F_BOOL(struct eeprom93, out),
	F_BOOL(struct eeprom93, writable), FIELD_END,
};
