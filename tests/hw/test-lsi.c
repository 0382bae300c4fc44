/* The LSI53C895A by scripts in memory, with a disk and a CD-ROM drive behind it. */
#include "../vm/suite.h"
#include "scsi-rig.h"

#include "base/bytes.h"
#include "hw/scsi/lsi53c895a.h"
#include "storage/block.h"
#include "vm/clock.h"

#include <string.h>

#define REGS   (RIG_BAR_MEM)
#define SCRIPT 0x1000u
#define DATA   0x10000u
#define CDB    0x2000u
#define MSG    0x2100u
#define STATUS 0x2200u
#define MSGIN  0x2300u

static struct rig rig;
static int64_t now;

static int64_t now_read(void *opaque)
{
	return now;
}

static void setup(void)
{
	clock_use_icount(0, now_read, NULL);
	scsi_rig_init(&rig);
}

static uint8_t reg(unsigned int n)
{
	return (uint8_t)rig_read(&rig, REGS + n, 1);
}

static void set_reg(unsigned int n, uint8_t value)
{
	rig_write(&rig, REGS + n, 1, value);
}

static void put_script(const uint32_t *words, unsigned int count)
{
	for (unsigned int n = 0; n < count; n++)
		store_le32(rig_ram(&rig, SCRIPT + 4 * n), words[n]);
}

static void run(const uint32_t *words, unsigned int count)
{
	put_script(words, count);
	rig_write(&rig, REGS + DSP, 4, SCRIPT);
	drives_drain();
}
#define RUN(...)                                         \
	do {                                             \
		const uint32_t words_[] = {__VA_ARGS__}; \
		run(words_, G_N_ELEMENTS(words_));       \
	} while (0)

#define SELECT_ATN(id) 0x41000000u | (id) << 16, 0
#define MOVE(phase, n) 0x08000000u | (phase) << 24 | (n)
#define INT(code)      0x98080000u, (code)
#define END                                                                             \
	MOVE(PHASE_STATUS, 1), STATUS, MOVE(PHASE_MESSAGE_IN, 1), MSGIN, 0x60000040, 0, \
		0x48000000, 0, INT(0x55)

static void command(unsigned int id, const uint8_t *cdb, unsigned int len, enum lsi_phase phase,
		    uint32_t bytes)
{
	memcpy(rig_ram(&rig, CDB), cdb, len);
	*rig_ram(&rig, MSG) = 0xc0;
	*rig_ram(&rig, STATUS) = *rig_ram(&rig, MSGIN) = 0xee;
	if (bytes)
		RUN(SELECT_ATN(id), MOVE(PHASE_MESSAGE_OUT, 1), MSG, MOVE(PHASE_COMMAND, len), CDB,
		    MOVE(phase, bytes), DATA, END);
	else
		RUN(SELECT_ATN(id), MOVE(PHASE_MESSAGE_OUT, 1), MSG, MOVE(PHASE_COMMAND, len), CDB,
		    END);
}
#define COMMAND(id, phase, bytes, ...)                         \
	do {                                                   \
		const uint8_t cdb_[] = {__VA_ARGS__};          \
		command(id, cdb_, sizeof(cdb_), phase, bytes); \
	} while (0)

static void expect_good(void)
{
	ck_assert_uint_eq(reg(SIST0) | reg(SIST1), 0);
	ck_assert_uint_eq(reg(DSTAT), DSTAT_DFE | DSTAT_SIR);
	ck_assert_uint_eq(rig_read(&rig, REGS + DSPS, 4), 0x55);
	ck_assert_uint_eq(*rig_ram(&rig, MSGIN), 0);
	ck_assert_uint_eq(reg(ISTAT0), 0);
}

/* The units say that they were reset before they do anything else. */
static void clear_attention(void)
{
	for (unsigned int id = 0; id <= 3; id += 3) {
		COMMAND(id, PHASE_DATA_IN, 0, 0, 0, 0, 0, 0, 0);
		expect_good();
		ck_assert_uint_eq(*rig_ram(&rig, STATUS), SCSI_CHECK_CONDITION);
		COMMAND(id, PHASE_DATA_IN, 18, 3, 0, 0, 0, 18, 0);
		expect_good();
		ck_assert_uint_eq(*rig_ram(&rig, DATA + 2), 6);
		ck_assert_uint_eq(*rig_ram(&rig, DATA + 12), 0x29);
	}
}

START_TEST(read_and_write)
{
	setup();
	clear_attention();
	/* more than the target's buffer, from block 2 on */
	COMMAND(0, PHASE_DATA_IN, 200 * 512, 0x28, 0, 0, 0, 0, 2, 0, 0, 200, 0);
	expect_good();
	ck_assert_uint_eq(*rig_ram(&rig, STATUS), SCSI_GOOD);
	for (uint32_t n = 0; n < 200; n++)
		ck_assert_uint_eq(load_le32(rig_ram(&rig, DATA + 512 * n + 508)), n + 2);
	for (uint32_t n = 0; n < 200 * 512; n++)
		*rig_ram(&rig, DATA + n) = (uint8_t)(n * 7 + (n >> 9));
	COMMAND(0, PHASE_DATA_OUT, 200 * 512, 0x2a, 0, 0, 0, 1, 0, 0, 0, 200, 0);
	expect_good();
	ck_assert_uint_eq(*rig_ram(&rig, STATUS), SCSI_GOOD);
	memset(rig_ram(&rig, DATA), 0, 201 * 512);
	COMMAND(0, PHASE_DATA_IN, 201 * 512, 0xa8, 0, 0, 0, 1, 0, 0, 0, 0, 201, 0, 0);
	expect_good();
	for (uint32_t n = 0; n < 200 * 512; n++)
		ck_assert_uint_eq(*rig_ram(&rig, DATA + n), (uint8_t)(n * 7 + (n >> 9)));
	ck_assert_uint_eq(load_le32(rig_ram(&rig, DATA + 200 * 512)), 256 + 200);
	COMMAND(0, PHASE_DATA_OUT, 0, 0x35, 0, 0, 0, 0, 0, 0, 0, 0, 0);
	expect_good();
	scsi_rig_close();
}
END_TEST

START_TEST(range)
{
	setup();
	clear_attention();
	COMMAND(0, PHASE_DATA_IN, 8, 0x25, 0, 0, 0, 0, 0, 0, 0, 0, 0);
	expect_good();
	ck_assert_uint_eq(load_be32(rig_ram(&rig, DATA)), SCSI_RIG_BLOCKS - 1);
	COMMAND(0, PHASE_DATA_IN, 0, 0x28, 0, 0, 0, 0x10, 0, 0, 0, 1, 0); /* block 4096 */
	expect_good();
	ck_assert_uint_eq(*rig_ram(&rig, STATUS), SCSI_CHECK_CONDITION);
	COMMAND(0, PHASE_DATA_IN, 18, 3, 0, 0, 0, 18, 0);
	ck_assert_uint_eq(*rig_ram(&rig, DATA + 2), 5);
	ck_assert_uint_eq(*rig_ram(&rig, DATA + 12), 0x21);
	reg(DSTAT);
	/* another logical unit is not there */
	*rig_ram(&rig, MSG) = 0xc1;
	memset(rig_ram(&rig, CDB), 0, 6);
	RUN(SELECT_ATN(0), MOVE(PHASE_MESSAGE_OUT, 1), MSG, MOVE(PHASE_COMMAND, 6), CDB, END);
	expect_good();
	ck_assert_uint_eq(*rig_ram(&rig, STATUS), SCSI_CHECK_CONDITION);
	scsi_rig_close();
}
END_TEST

START_TEST(discard)
{
	static const uint8_t list[24] = {0, 22, 0, 16, 0, 0, 0, 0, 0, 0,
					 0, 0,	0, 0,  0, 9, 0, 0, 0, 2};

	setup();
	clear_attention();
	memcpy(rig_ram(&rig, DATA), list, sizeof(list));
	COMMAND(0, PHASE_DATA_OUT, sizeof(list), 0x42, 0, 0, 0, 0, 0, 0, 0, sizeof(list), 0);
	expect_good();
	ck_assert_uint_eq(*rig_ram(&rig, STATUS), SCSI_GOOD);
	memset(rig_ram(&rig, DATA), 0x5a, 512);
	COMMAND(0, PHASE_DATA_OUT, 512, 0x41, 0, 0, 0, 0, 20, 0, 1, 0, 0); /* 256 blocks */
	expect_good();
	ck_assert_uint_eq(*rig_ram(&rig, STATUS), SCSI_GOOD);
	COMMAND(0, PHASE_DATA_IN, 512, 0x28, 0, 0, 0, 1, 19, 0, 0, 1, 0);
	expect_good();
	ck_assert_uint_eq(load_le32(rig_ram(&rig, DATA)), 0x5a5a5a5a);
	COMMAND(0, PHASE_DATA_IN, 512, 0x28, 0, 0, 0, 1, 20, 0, 0, 1, 0);
	expect_good();
	ck_assert_uint_eq(load_le32(rig_ram(&rig, DATA)), 276);
	scsi_rig_close();
}
END_TEST

START_TEST(cdrom)
{
	setup();
	clear_attention();
	COMMAND(3, PHASE_DATA_IN, 36, 0x12, 0, 0, 0, 36, 0);
	expect_good();
	ck_assert_uint_eq(*rig_ram(&rig, DATA), 5);
	COMMAND(3, PHASE_DATA_IN, 2048, 0x28, 0, 0, 0, 0, 9, 0, 0, 1, 0);
	expect_good();
	ck_assert_uint_eq(load_le32(rig_ram(&rig, DATA + 2044)), 9);
	COMMAND(3, PHASE_DATA_IN, 20, 0x43, 0, 0, 0, 0, 0, 0, 0, 20, 0); /* READ TOC */
	expect_good();
	ck_assert_uint_eq(load_be32(rig_ram(&rig, DATA + 16)), SCSI_RIG_TRACKS);
	COMMAND(3, PHASE_DATA_OUT, 0, 0x2a, 0, 0, 0, 0, 9, 0, 0, 1, 0);
	ck_assert_uint_eq(*rig_ram(&rig, STATUS), SCSI_CHECK_CONDITION);
	reg(DSTAT);
	/* out with the disc */
	COMMAND(3, PHASE_DATA_OUT, 0, 0x1b, 0, 0, 0, 2, 0);
	expect_good();
	COMMAND(3, PHASE_DATA_OUT, 0, 0, 0, 0, 0, 0, 0);
	expect_good();
	ck_assert_uint_eq(*rig_ram(&rig, STATUS), SCSI_CHECK_CONDITION);
	COMMAND(3, PHASE_DATA_IN, 18, 3, 0, 0, 0, 18, 0);
	ck_assert_uint_eq(*rig_ram(&rig, DATA + 12), 0x3a);
	scsi_rig_close();
}
END_TEST

START_TEST(selection_timeout)
{
	setup();
	set_reg(SIEN1, SIST1_STO);
	RUN(SELECT_ATN(5), 0x9f030000 | 1 << 19, 7, INT(1));
	ck_assert_int_eq(rig.irq, 1);
	ck_assert_uint_eq(rig_read(&rig, REGS + DSP, 4), SCRIPT + 16); /* the INT was fetched */
	ck_assert_uint_eq(reg(ISTAT0), ISTAT0_SIP);
	ck_assert_uint_eq(reg(SIST1), SIST1_STO);
	ck_assert_int_eq(rig.irq, 0);
	scsi_rig_close();
}
END_TEST

START_TEST(mismatch)
{
	setup();
	clear_attention();
	memcpy(rig_ram(&rig, CDB), (const uint8_t[]){0x12, 0, 0, 0, 255, 0}, 6);
	set_reg(SIEN0, SIST0_MA);
	/* INQUIRY has 36 bytes, not 100 */
	RUN(SELECT_ATN(0), MOVE(PHASE_MESSAGE_OUT, 1), MSG, MOVE(PHASE_COMMAND, 6), CDB,
	    MOVE(PHASE_DATA_IN, 100), DATA, END);
	ck_assert_int_eq(rig.irq, 1);
	ck_assert_uint_eq(reg(SIST0), SIST0_MA);
	ck_assert_uint_eq(rig_read(&rig, REGS + DBC, 4) & 0xffffff, 64);
	ck_assert_uint_eq(rig_read(&rig, REGS + DNAD, 4), DATA + 36);
	ck_assert_uint_eq(reg(SBCL) & 7, PHASE_STATUS);
	rig_save_load(&rig);
	rig_write(&rig, REGS + DSP, 4, SCRIPT + 32);
	expect_good();
	/* the same with a handler for it */
	set_reg(CCNTL0, CCNTL0_ENPMJ | CCNTL0_PMJCTL);
	rig_write(&rig, REGS + PMJAD2, 4, SCRIPT + 32);
	RUN(SELECT_ATN(0), MOVE(PHASE_MESSAGE_OUT, 1), MSG, MOVE(PHASE_COMMAND, 6), CDB,
	    MOVE(PHASE_DATA_IN, 100), DATA, END);
	expect_good();
	ck_assert_uint_eq(rig_read(&rig, REGS + UA, 4), DATA + 36);
	ck_assert_uint_eq(rig_read(&rig, REGS + RBC, 4) & 0xffffff, 64);
	scsi_rig_close();
}
END_TEST

START_TEST(messages)
{
	static const uint8_t sdtr[] = {0xc0, 1, 3, 1, 25, 8};

	setup();
	memcpy(rig_ram(&rig, MSG), sdtr, sizeof(sdtr));
	memset(rig_ram(&rig, CDB), 0, 6);
	RUN(SELECT_ATN(0), MOVE(PHASE_MESSAGE_OUT, 6), MSG, MOVE(PHASE_MESSAGE_IN, 1), MSGIN + 16,
	    MOVE(PHASE_COMMAND, 6), CDB, END);
	expect_good();
	ck_assert_uint_eq(*rig_ram(&rig, MSGIN + 16), 7); /* rejected */
	*rig_ram(&rig, MSG) = 6;
	RUN(SELECT_ATN(0), MOVE(PHASE_MESSAGE_OUT, 1), MSG, 0x48000000, 0, INT(3));
	ck_assert_uint_eq(rig_read(&rig, REGS + DSPS, 4), 3); /* bus free after ABORT */
	scsi_rig_close();
}
END_TEST

START_TEST(arithmetic)
{
	setup();
	RUN(0x78345500, 0,			/* SCRATCHA = 55h */
	    0x7e34f000, 0,			/* + F0h = 45h and carry */
	    0x7f350100, 0,			/* SCRATCHA1 = 0 + 1 + carry */
	    0x80280000 | 0x200000, SCRIPT + 48, /* JUMP IF CARRY: it is clear again */
	    0x7a360300, 0,			/* SCRATCHA2 |= 3 */
	    0x72340000, 0,			/* SFBR = SCRATCHA */
	    0x800c0045 | 0x40000, SCRIPT + 64,	/* JUMP IF 45h */
	    INT(1), INT(2));
	ck_assert_uint_eq(rig_read(&rig, REGS + DSPS, 4), 2);
	ck_assert_uint_eq(rig_read(&rig, REGS + 0x34, 4), 0x00030245);
	/* load, store, memory move; to the on-chip RAM and back */
	rig_write(&rig, REGS + DSA, 4, DATA);
	store_le32(rig_ram(&rig, DATA + 8), 0xcafe1234);
	RUN(0xf15c0004, 8, 0xc0000004, DATA + 8, RIG_BAR_MEM + 0x2000000 + 64, 0xe05c0002,
	    DATA + 32, INT(4));
	ck_assert_uint_eq(rig_read(&rig, REGS + 0x5c, 4), 0xcafe1234);
	ck_assert_uint_eq(rig_read(&rig, RIG_BAR_MEM + 0x2000000 + 64, 4), 0xcafe1234);
	ck_assert_uint_eq(load_le32(rig_ram(&rig, DATA + 32)), 0x1234);
	RUN(0x08000000, 0); /* a move of nothing is illegal */
	ck_assert_uint_eq(reg(DSTAT) & DSTAT_IID, DSTAT_IID);
	scsi_rig_close();
}
END_TEST

START_TEST(waiting)
{
	setup();
	set_reg(DIEN, DSTAT_ABRT | DSTAT_SIR);
	RUN(0x50000000, SCRIPT + 16, INT(1), 0x74011000, 0, INT(2));
	ck_assert_int_eq(rig.irq, 0);
	rig_save_load(&rig);
	set_reg(ISTAT0, ISTAT0_SIGP);
	ck_assert_uint_eq(rig_read(&rig, REGS + DSPS, 4), 2);
	ck_assert_int_eq(rig.irq, 1);
	ck_assert_uint_eq(reg(CTEST2) & 0x40, 0x40);
	ck_assert_uint_eq(reg(CTEST2) & 0x40, 0);
	reg(DSTAT);
	/* a script without an end comes back, goes on later, and can be stopped */
	RUN(0x7e340100, 0, 0x7f350000, 0, 0x80080000, SCRIPT);
	uint32_t count = rig_read(&rig, REGS + 0x34, 4);
	ck_assert_uint_ne(count, 0);
	now += 60000;
	clock_run_timers(CLOCK_VIRTUAL);
	ck_assert_uint_ne(rig_read(&rig, REGS + 0x34, 4), count);
	rig_save_load(&rig);
	set_reg(ISTAT0, ISTAT0_ABRT);
	ck_assert_uint_eq(reg(DSTAT) & DSTAT_ABRT, DSTAT_ABRT);
	count = rig_read(&rig, REGS + 0x34, 4);
	now += 60000;
	clock_run_timers(CLOCK_VIRTUAL);
	ck_assert_uint_eq(rig_read(&rig, REGS + 0x34, 4), count);
	scsi_rig_close();
}
END_TEST

START_TEST(bus_reset)
{
	setup();
	clear_attention();
	set_reg(SIEN0, SIST0_RST);
	set_reg(SCNTL1, SCNTL1_RST);
	ck_assert_int_eq(rig.irq, 1);
	ck_assert_uint_eq(reg(SSTAT0), 2);
	ck_assert_uint_eq(reg(SIST0), SIST0_RST);
	set_reg(SCNTL1, 0);
	clear_attention();
	set_reg(STIME1, 3); /* the general timer: 500 us */
	set_reg(SIEN1, SIST1_GEN);
	now += 499999;
	clock_run_timers(CLOCK_VIRTUAL);
	ck_assert_int_eq(rig.irq, 0);
	now += 2;
	clock_run_timers(CLOCK_VIRTUAL);
	ck_assert_uint_eq(reg(SIST1), SIST1_GEN);
	scsi_rig_close();
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {read_and_write,	 range,	    discard,  cdrom,
				      selection_timeout, mismatch,  messages, arithmetic,
				      waiting,		 bus_reset, NULL};

	return run_suite("lsi53c895a", tests);
}
