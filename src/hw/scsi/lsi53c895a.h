/* LSI53C895A: between its registers (lsi53c895a.c) and its SCRIPTS processor (lsi-scripts.c). */
#ifndef HW_SCSI_LSI53C895A_H
#define HW_SCSI_LSI53C895A_H

#include "hw/pci/pci.h"
#include "hw/scsi/scsi.h"

/* Registers by their names in the manual. */
enum lsi_register {
	SCNTL0 = 0x00,
	SCNTL1 = 0x01,
	SCNTL2 = 0x02,
	SCNTL3 = 0x03,
	SCID = 0x04,
	SDID = 0x06,
	GPREG = 0x07,
	SFBR = 0x08,
	SOCL = 0x09,
	SSID = 0x0a,
	SBCL = 0x0b,
	DSTAT = 0x0c,
	SSTAT0 = 0x0d,
	SSTAT1 = 0x0e,
	SSTAT2 = 0x0f,
	DSA = 0x10,
	ISTAT0 = 0x14,
	ISTAT1 = 0x15,
	CTEST0 = 0x18,
	CTEST1 = 0x19,
	CTEST2 = 0x1a,
	CTEST3 = 0x1b,
	TEMP = 0x1c,
	DFIFO = 0x20,
	DBC = 0x24,
	DCMD = 0x27,
	DNAD = 0x28,
	DSP = 0x2c,
	DSPS = 0x30,
	DMODE = 0x38,
	DIEN = 0x39,
	DCNTL = 0x3b,
	ADDER = 0x3c,
	SIEN0 = 0x40,
	SIEN1 = 0x41,
	SIST0 = 0x42,
	SIST1 = 0x43,
	MACNTL = 0x46,
	GPCNTL = 0x47,
	STIME0 = 0x48,
	STIME1 = 0x49,
	STEST0 = 0x4c,
	STEST1 = 0x4d,
	STEST2 = 0x4e,
	STEST3 = 0x4f,
	SIDL = 0x50,
	STEST4 = 0x52,
	CCNTL0 = 0x56,
	CCNTL1 = 0x57,
	SBDL = 0x58,
	SCRATCHC = 0x60,
	MMRS = 0xa0,
	DBMS = 0xb4,
	PMJAD1 = 0xc0,
	PMJAD2 = 0xc4,
	RBC = 0xc8,
	UA = 0xcc,
	ESA = 0xd0,
	IA = 0xd4,
	SBC = 0xd8,
	CSBC = 0xdc,
};

enum {
	SCNTL1_CON = 0x10,
	SCNTL1_RST = 0x08,
	DSTAT_DFE = 0x80,
	DSTAT_ABRT = 0x10,
	DSTAT_SSI = 0x08,
	DSTAT_SIR = 0x04,
	DSTAT_IID = 0x01,
	ISTAT0_ABRT = 0x80,
	ISTAT0_SRST = 0x40,
	ISTAT0_SIGP = 0x20,
	ISTAT0_SEM = 0x10,
	ISTAT0_CON = 0x08,
	ISTAT0_INTF = 0x04,
	ISTAT0_SIP = 0x02,
	ISTAT0_DIP = 0x01,
	SIST0_MA = 0x80,
	SIST0_CMP = 0x40,
	SIST0_SGE = 0x08,
	SIST0_UDC = 0x04,
	SIST0_RST = 0x02,
	SIST0_FATAL = 0x8f,
	SIST1_STO = 0x04,
	SIST1_GEN = 0x02,
	SIST1_FATAL = SIST1_STO,
	DMODE_MAN = 0x01,
	DCNTL_SSM = 0x10,
	DCNTL_STD = 0x04,
	DCNTL_IRQD = 0x02,
	CCNTL0_ENPMJ = 0x80,
	CCNTL0_PMJCTL = 0x40,
	CCNTL1_EN64DBMV = 0x01,
	CCNTL1_EN64TIBMV = 0x02,
	CCNTL1_64TIMOD = 0x04,
};

/* Phases as SSTAT1 and instructions number them (MSG, C/D, I/O). */
enum lsi_phase {
	PHASE_DATA_OUT = 0,
	PHASE_DATA_IN = 1,
	PHASE_COMMAND = 2,
	PHASE_STATUS = 3,
	PHASE_MESSAGE_OUT = 6,
	PHASE_MESSAGE_IN = 7,
	PHASE_NONE = 8, /* the target has nothing to ask for at present */
};

/* Saved: numbers are fixed. */
enum lsi_script_state {
	SCRIPT_STOPPED = 0,
	SCRIPT_RUNNING = 1,
	SCRIPT_WAIT_RESELECT = 2, /* for SIGP: targets never disconnect */
	SCRIPT_WAIT_TARGET = 3,	  /* for the target's next phase */
};

#define LSI_REGISTERS 256
#define LSI_RAM	      8192
#define LSI_NO_TARGET 0xff

struct lsi {
	struct pci_device pci;
	struct scsi_bus bus;
	struct region ports, mmio, ram;
	struct timer script_timer; /* a script that has run for long goes on */
	struct timer general_timer;
	uint8_t reg[LSI_REGISTERS];
	/* the SCRIPTS processor */
	uint8_t state;
	bool carry, in_run; /* in_run: not saved */
	bool move_active;   /* a block move waits in the middle: DCMD, DBC and DNAD have it */
	uint64_t move_high; /* bits 63-32 of its address */
	/* the bus */
	uint8_t target; /* that is connected, or LSI_NO_TARGET */
	bool unanswered; /* a selection that nobody answers is under way */
	bool atn, identified, command_sent, final_message;
	uint8_t lun;
	uint8_t message[8], message_len, message_pos; /* to the host */
};

static inline struct lsi *lsi_of(struct device *dev)
{
	return (struct lsi *)dev;
}

uint32_t lsi_get32(const struct lsi *l, unsigned int reg);
void lsi_set32(struct lsi *l, unsigned int reg, uint32_t value);
uint32_t lsi_get24(const struct lsi *l, unsigned int reg);
void lsi_set24(struct lsi *l, unsigned int reg, uint32_t value);

/* lsi53c895a.c */
uint8_t lsi_read_register(struct lsi *l, unsigned int reg);
void lsi_write_register(struct lsi *l, unsigned int reg, uint8_t value);
void lsi_update_irq(struct lsi *l);
void lsi_dma_interrupt(struct lsi *l, uint8_t dstat);
void lsi_scsi_interrupt(struct lsi *l, uint8_t sist0, uint8_t sist1);

/* lsi-scripts.c */
void lsi_run(struct lsi *l);

/* lsi-bus.c: what the connected target asks for, and how bytes get to it */
enum lsi_phase lsi_phase(struct lsi *l);
bool lsi_select(struct lsi *l, unsigned int id, bool atn);
void lsi_disconnect(struct lsi *l);
void lsi_bus_reset(struct lsi *l);
/* Moves up to `len` bytes at `addr` in the present phase; returns how many (at least one). */
uint32_t lsi_move(struct lsi *l, enum lsi_phase phase, uint64_t addr, uint32_t len);
/* The target has a new phase. */
void lsi_target_changed(void *opaque, struct scsi_target *t);

#endif
