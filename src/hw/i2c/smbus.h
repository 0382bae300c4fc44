/*
 * System Management Bus: targets by address, and the host controller registers of the PIIX4.
 * Sources: SMBus Specification 2.0; 82371AB (290562-001), chapter 7.5 (SMBus I/O space).
 */
#ifndef HW_I2C_SMBUS_H
#define HW_I2C_SMBUS_H

#include "vm/device.h"

#include <stdbool.h>
#include <stdint.h>

#define SMBUS_BLOCK 32

/* A target sees bytes: a command and what follows it. */
struct smbus_target {
	/* len 0: quick command; the first byte is the command code */
	void (*write)(void *opaque, const uint8_t *bytes, unsigned int len);
	/* Reads after `command` (-1: receive byte). Returns the number of bytes. */
	unsigned int (*read)(void *opaque, int command, uint8_t *bytes, unsigned int len);
	void *opaque;
};

struct smbus {
	struct smbus_target *targets[128];
};

/* 256 bytes of serial presence detect. */
struct smbus_eeprom {
	struct smbus_target target;
	uint8_t data[256];
	uint8_t offset;
};

void smbus_eeprom_init(struct smbus_eeprom *e, struct smbus *bus, unsigned int address);
extern const struct field smbus_eeprom_state[];
/* Describes an SDRAM module of `mib` MiB (a power of two, 8 to 1024) in SPD (JEDEC 21-C). */
void spd_fill_sdram(uint8_t data[256], unsigned int mib);

struct smbus_host {
	uint8_t status, control, command, address, data0, data1, block_index;
	uint8_t block[SMBUS_BLOCK];
};

extern const struct field smbus_host_state[];
void smbus_host_reset(struct smbus_host *h);
uint8_t smbus_host_read(struct smbus_host *h, unsigned int offset);
void smbus_host_write(struct smbus_host *h, struct smbus *bus, unsigned int offset, uint8_t value);

#endif
