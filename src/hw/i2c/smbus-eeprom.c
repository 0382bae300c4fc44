/*
 * A 256-byte serial EEPROM on the SMBus, and the module description (serial presence detect) in it.
 * Source: JEDEC 21-C, 4.1.2.5 (SDRAM modules).
 */
#include "hw/i2c/smbus.h"

#include <string.h>

static void eeprom_write(void *opaque, const uint8_t *bytes, unsigned int len)
{
	struct smbus_eeprom *e = opaque;

	if (len == 0)
		return;
	e->offset = bytes[0];
	for (unsigned int i = 1; i < len; i++)
		e->data[e->offset++] = bytes[i];
}

static unsigned int eeprom_read(void *opaque, int command, uint8_t *bytes, unsigned int len)
{
	struct smbus_eeprom *e = opaque;

	if (command >= 0)
		e->offset = (uint8_t)command;
	for (unsigned int i = 0; i < len; i++)
		bytes[i] = e->data[e->offset++];
	return len;
}

void smbus_eeprom_init(struct smbus_eeprom *e, struct smbus *bus, unsigned int address)
{
	e->target = (struct smbus_target){eeprom_write, eeprom_read, e};
	bus->targets[address & 127] = &e->target;
}

const struct field smbus_eeprom_state[] = {
	F_BYTES(struct smbus_eeprom, data),
	F_U8(struct smbus_eeprom, offset),
	FIELD_END,
};

void spd_fill_sdram(uint8_t data[256], unsigned int mib)
{
	/* one row of 64 bits: 2^rows * 2^columns * 4 banks * 8 bytes */
	unsigned int address_bits = 0, rows;
	uint8_t sum = 0;

	while ((32u << address_bits) < (mib << 20) && address_bits < 26)
		address_bits++;
	rows = address_bits >= 22 ? 13 : 12;
	memset(data, 0, 256);
	data[0] = 128; /* bytes used */
	data[1] = 8;   /* 256 bytes in all */
	data[2] = 4;   /* SDRAM */
	data[3] = (uint8_t)rows;
	data[4] = (uint8_t)(address_bits - rows);
	data[5] = 1;	/* rows */
	data[6] = 64;	/* data width */
	data[8] = 1;	/* LVTTL */
	data[9] = 0x80; /* 8 ns at CL3 */
	data[10] = 0x60;
	data[12] = 0x80; /* self refresh, 15.6 us */
	data[13] = 8;
	data[15] = 1;
	data[16] = 0x8f; /* bursts of 1, 2, 4, 8, page */
	data[17] = 4;	 /* banks */
	data[18] = 0x06; /* CL 2 and 3 */
	data[19] = data[20] = 1;
	data[22] = 0x0e;
	data[23] = 0xa0;
	data[24] = 0x60;
	data[27] = data[28] = data[29] = 20;
	data[30] = 50;
	data[31] = (uint8_t)(mib >= 4 ? mib / 4 : 1); /* row density: one bit, in steps of 4 MiB */
	data[62] = 0x12;			      /* revision 1.2 */
	for (unsigned int i = 0; i < 63; i++)
		sum += data[i];
	data[63] = sum;
	data[126] = 100; /* MHz */
}
