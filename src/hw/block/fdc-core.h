/*
 * What the parts of the floppy disk controller share: fdc.c (registers and the device),
 * fdc-commands.c and fdc-transfer.c (phases, interrupt, the execution phase).
 */
#ifndef HW_BLOCK_FDC_CORE_H
#define HW_BLOCK_FDC_CORE_H

#include "hw/block/fdc.h"
#include "hw/isa/isa.h"

enum { REG_SRA, REG_SRB, REG_DOR, REG_TDR, REG_MSR, REG_FIFO, REG_DIR = 7 };
enum { DOR_NRESET = 0x04, DOR_DMA_GATE = 0x08, DOR_MOTOR0 = 0x10 };
enum { DSR_SOFT_RESET = 0x80 };
enum { MSR_RQM = 0x80, MSR_DIO = 0x40, MSR_NON_DMA = 0x20, MSR_BUSY = 0x10 };
enum {
	ST0_ABNORMAL = 0x40,
	ST0_INVALID = 0x80,
	ST0_POLLING = 0xc0,
	ST0_SEEK_END = 0x20,
	ST0_EQUIPMENT = 0x10,
	ST0_NOT_READY = 0x08
};
enum {
	ST1_EN = 0x80,
	ST1_DATA_ERROR = 0x20,
	ST1_NO_DATA = 0x04,
	ST1_NOT_WRITABLE = 0x02,
	ST1_MISSING_AM = 0x01
};
enum { ST2_WRONG_CYLINDER = 0x10 };
enum { ST3_WRITE_PROTECT = 0x40, ST3_READY = 0x20, ST3_TRACK0 = 0x10, ST3_TWO_SIDE = 0x08 };
enum { CONFIG_EIS = 0x40, CONFIG_POLL_OFF = 0x10 };

enum phase { PHASE_COMMAND, PHASE_EXECUTION, PHASE_RESULT };
enum direction { TO_HOST, FROM_HOST };

#define DRIVES	    4
#define BUFFER_SIZE (96 * 512u) /* two tracks of the densest format */

struct floppy {
	struct drive *drive; /* NULL: not connected */
	uint8_t track;	     /* where the head is */
	bool changed;	     /* DSKCHG */
	uint8_t next_id;
};

struct fdc {
	struct device dev;
	struct region low, high; /* ports 0 to 5, and 7 */
	uint32_t iobase, irq_number, dma_channel;
	struct irq *irq;
	struct isa_bus *bus;
	struct floppy drives[DRIVES];

	uint8_t dor, tdr, dsr, ccr;
	bool interrupt;
	uint8_t reset_senses; /* polling interrupts not yet sensed after a reset */
	uint8_t st0;	      /* for SENSE INTERRUPT STATUS */
	bool st0_valid;
	uint8_t srt_hut, hlt_nd; /* SPECIFY */
	uint8_t config, precompensation, perpendicular;
	bool lock;

	uint8_t phase;
	uint8_t fifo[16]; /* parameters, then results */
	uint8_t fifo_pos, fifo_len;

	/* execution phase */
	uint8_t direction;
	bool terminal_count, in_flight;
	uint8_t unit, head, track, sector, eot; /* of the first sector */
	bool multi_track;
	uint32_t pos, fill; /* of the buffer */
	uint8_t buffer[BUFFER_SIZE];
};

static inline struct floppy *current(struct fdc *s)
{
	return &s->drives[s->unit & 3];
}

static inline const struct floppy_format *format_of(const struct floppy *f)
{
	return floppy_format_find(drive_size(f->drive));
}

/* --- fdc-transfer.c --- */

void fdc_set_interrupt(struct fdc *s, bool on);
void fdc_to_command_phase(struct fdc *s);
void fdc_to_result_phase(struct fdc *s, uint8_t len);
/* Ends a command that has no result bytes but an interrupt: SEEK and RECALIBRATE. */
void fdc_seek_done(struct fdc *s, uint8_t status);
void fdc_invalid_command(struct fdc *s);
/* The seven result bytes of commands that move data. */
void fdc_data_result(struct fdc *s, uint8_t st0, uint8_t st1, uint8_t st2);
/* Where the current sector is in the image; sectors from it to the end of the track or tracks. */
uint64_t fdc_sector_offset(const struct fdc *s, const struct floppy_format *f);
uint32_t fdc_sectors_to_eot(const struct fdc *s, const struct floppy_format *f);
bool fdc_uses_dma(const struct fdc *s);
void fdc_hold_dreq(struct fdc *s, bool level);
/* The buffer is filled, or ready to be: bytes move by DMA or through the FIFO. */
void fdc_execution_start(struct fdc *s);
/* The DMA channel's handler: opaque is the struct fdc. */
uint32_t fdc_dma_transfer(void *opaque, unsigned int channel, uint32_t pos, uint32_t size);
/* Completions of the drive's requests. */
void fdc_read_done(void *opaque, int error);
void fdc_verify_done(void *opaque, int error);
void fdc_finish_transfer(struct fdc *s);

/* --- fdc-commands.c --- */

/* A command: the code under its mask, how many parameter bytes follow, what runs it. */
struct fdc_command {
	uint8_t mask, code, params;
	void (*run)(struct fdc *s);
};
/* NULL: no such command. */
const struct fdc_command *fdc_find_command(uint8_t code);

#endif
