/*
 * ATA channels: two devices behind one set of registers, for any controller.
 * Source: ATA/ATAPI-6 (T13 1410D), clauses 6 to 9; MMC-3 and SFF-8020i for CD-ROM drives.
 *
 * A controller embeds `struct ide_channel`, maps its two regions where its bus wants them, gives
 * it the interrupt line and, if it can master the bus, its `struct ide_dma_ops`. Machine lock held.
 */
#ifndef HW_IDE_IDE_H
#define HW_IDE_IDE_H

#include "storage/block.h"
#include "vm/device.h"
#include "vm/irq.h"
#include "vm/memory.h"

#define ATA_BUFFER_SIZE (256 * 512u)

enum ata_status {
	ATA_BSY = 0x80,
	ATA_DRDY = 0x40,
	ATA_DF = 0x20,
	ATA_DSC = 0x10, /* SERV for packet devices */
	ATA_DRQ = 0x08,
	ATA_ERR = 0x01, /* CHK for packet devices */
};

enum ata_error {
	ATA_UNC = 0x40,
	ATA_MC = 0x20,
	ATA_IDNF = 0x10,
	ATA_MCR = 0x08,
	ATA_ABRT = 0x04,
	ATA_NM = 0x02,
};

enum ata_device_bits { ATA_DEV = 0x10, ATA_LBA = 0x40 };
enum ata_control_bits { ATA_HOB = 0x80, ATA_SRST = 0x04, ATA_NIEN = 0x02 };

/* What a device is doing with its buffer. Saved: numbers are fixed. */
enum ide_transfer {
	IDE_IDLE = 0,
	IDE_PIO_IN = 1,	 /* sectors to the host */
	IDE_PIO_OUT = 2, /* sectors from the host */
	IDE_DMA_IN = 3,
	IDE_DMA_OUT = 4,
	IDE_REPLY = 5,	    /* one block to the host: IDENTIFY, SMART */
	IDE_PACKET = 6,	    /* a command packet from the host */
	IDE_PACKET_IN = 7,  /* packet data to the host */
	IDE_PACKET_OUT = 8, /* packet parameters from the host */
};

struct ide_channel;

struct ide_unit {
	struct ide_channel *channel;
	struct drive *drive; /* NULL: no device */
	bool packet;	     /* a CD-ROM drive */
	uint8_t number;
	uint32_t cyls, heads, secs; /* default translation */

	/* registers; hob_ holds what was written before ("previous content") */
	uint8_t features, count, lba_low, lba_mid, lba_high, device, error, status;
	uint8_t hob_features, hob_count, hob_low, hob_mid, hob_high;
	bool irq_pending;

	/* settings of the device */
	uint32_t cur_heads, cur_secs; /* INITIALIZE DEVICE PARAMETERS */
	uint8_t multiple;	      /* sectors a DRQ block, 0: disabled */
	uint8_t transfer_mode;	      /* SET FEATURES 03h */
	bool write_cache, read_ahead, smart_enabled, sleeping;
	uint8_t power_mode; /* as CHECK POWER MODE shows it */

	/* the command being carried out */
	uint8_t command, transfer;
	bool lba48, waiting_dma; /* for the bus master to be started */
	bool in_flight;		 /* a request to the drive is under way; never saved as true */
	uint64_t lba;
	uint32_t left;	/* sectors not yet moved */
	uint32_t pos;	/* of the host in the buffer */
	uint32_t block; /* end of the present DRQ block */
	uint32_t fill;	/* end of what the buffer holds, or is to hold */

	/* packet devices */
	uint8_t sense_key, asc, ascq;
	uint8_t cd_flavour; /* bytes of a sector that READ CD wants */
	bool packet_dma, unit_attention, was_empty;
	uint8_t media_event;
	uint32_t byte_limit, cd_lba, cd_left;
	uint32_t cd_blocks; /* 2048-byte blocks of the disc that the guest knows of */

	uint8_t buffer[ATA_BUFFER_SIZE];
};

struct ide_dma_ops {
	/* The bus master has been started, in the direction that the device wants. */
	bool (*ready)(void *opaque, bool to_memory);
	/* Moves up to `len` bytes through the descriptor table; returns how many fitted. */
	uint32_t (*move)(void *opaque, void *buf, uint32_t len, bool to_memory);
	/* The device raised its interrupt. */
	void (*interrupt)(void *opaque);
};

struct ide_channel {
	struct ide_unit units[2];
	uint8_t selected; /* unit whose registers are read */
	uint8_t control;  /* Device Control */
	struct irq *irq;
	const struct ide_dma_ops *dma; /* NULL: PIO only */
	void *dma_opaque;
	struct region command, alternate; /* 8 ports; 1 port (offset 2 of the control block) */
};

extern const struct field ide_channel_fields[];

/* Plugs the drives (interface, bus, 0) and (.., 1) in. The interrupt line may be set later. */
struct error *ide_channel_init(struct ide_channel *c, const char *interface,
			       unsigned int bus) NODISCARD;
/* Power on or RESET-. */
void ide_channel_reset(struct ide_channel *c);
/* Drives the line as the state says. */
void ide_channel_settle(struct ide_channel *c);
struct error *ide_channel_post_load(struct ide_channel *c) NODISCARD;
/* The bus master was started: a device that waits for it goes on. */
void ide_dma_started(struct ide_channel *c);
/* It was stopped: whatever is under way ends. */
void ide_dma_stopped(struct ide_channel *c);

uint8_t ide_read_register(struct ide_channel *c, unsigned int reg);
void ide_write_register(struct ide_channel *c, unsigned int reg, uint8_t value);
uint32_t ide_read_data(struct ide_channel *c, unsigned int size);
void ide_write_data(struct ide_channel *c, uint32_t value, unsigned int size);
uint8_t ide_read_alternate(struct ide_channel *c);
void ide_write_control(struct ide_channel *c, uint8_t value);

/* --- between channel.c, disk.c, identify.c and atapi*.c --- */

void ide_raise_irq(struct ide_unit *u);
void ide_update_irq(struct ide_channel *c);
/* Ends a command: DRDY, and the interrupt. */
void ide_finish(struct ide_unit *u);
/* Ends a command with an error register. */
void ide_abort(struct ide_unit *u, uint8_t error);
/* Offers buffer[0..len) to the host as the data of a non-data-transfer-loop command. */
void ide_reply(struct ide_unit *u, uint32_t len);
bool ide_dma_ready(struct ide_unit *u, bool to_memory);

void ata_signature(struct ide_unit *u);
void ata_command(struct ide_unit *u, uint8_t command);
void ata_block_done(struct ide_unit *u); /* the host has moved the DRQ block */
void ata_dma_go(struct ide_unit *u);
void ata_identify(struct ide_unit *u);
void atapi_identify(struct ide_unit *u);
void ata_smart(struct ide_unit *u);

void atapi_packet(struct ide_unit *u); /* PACKET was written */
void atapi_block_done(struct ide_unit *u);
void atapi_dma_go(struct ide_unit *u);
void atapi_reset(struct ide_unit *u);
void atapi_medium_changed(void *opaque); /* struct ide_unit */

#endif
