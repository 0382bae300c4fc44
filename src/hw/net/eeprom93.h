/*
 * Serial EEPROMs of the 93C46 and 93C66 kind (Microwire), as many network cards carry them.
 * Source: Microchip 93C46 data sheet: start bit, two bits of opcode, address, 16 bits of data, all
 * most significant bit first, clocked in by the rising edge of SK while CS is high.
 */
#ifndef HW_NET_EEPROM93_H
#define HW_NET_EEPROM93_H

#include "vm/device.h"

#include <stdbool.h>

struct eeprom93 {
	uint16_t words[256];
	uint16_t shift;	      /* bits that came in, or the word that goes out */
	uint8_t address_bits; /* 6 (93C46) or 8 (93C66); set once by the card */
	uint8_t bits;	      /* of this command so far, from the start bit */
	uint8_t address, opcode;
	bool cs, sk, out, writable;
};

extern const struct field eeprom93_fields[];

/* The pins as the card drives them now. */
void eeprom93_pins(struct eeprom93 *e, bool cs, bool sk, bool di);
static inline bool eeprom93_out(const struct eeprom93 *e)
{
	return e->out;
}
/* Drops what was being shifted; the words stay. */
void eeprom93_reset(struct eeprom93 *e);
/* Sets the last word so that all of them sum up to `sum` (BABAh for Intel's cards). */
void eeprom93_checksum(struct eeprom93 *e, unsigned int words, uint16_t sum);

#endif
