#include "hw/sd/sd-card.h"

#include "base/bytes.h"
#include "base/log.h"

#include <errno.h>
#include <string.h>

/* Card states (table 4-1 of the specification). */
enum {
	STATE_IDLE,
	STATE_READY,
	STATE_IDENT,
	STATE_STANDBY,
	STATE_TRANSFER,
	STATE_SENDING,
	STATE_RECEIVING,
	STATE_PROGRAMMING,
	STATE_DISCONNECT,
};

/* Card status (4.10.1). */
#define OUT_OF_RANGE	(UINT32_C(1) << 31)
#define ADDRESS_ERROR	(UINT32_C(1) << 30)
#define BLOCK_LEN_ERROR (UINT32_C(1) << 29)
#define ERASE_SEQ_ERROR (UINT32_C(1) << 28)
#define ERASE_PARAM	(UINT32_C(1) << 27)
#define WP_VIOLATION	(UINT32_C(1) << 26)
#define COM_CRC_ERROR	(UINT32_C(1) << 23)
#define ILLEGAL_COMMAND (UINT32_C(1) << 22)
#define CARD_ECC_FAILED (UINT32_C(1) << 21)
#define GENERAL_ERROR	(UINT32_C(1) << 19)
#define CSD_OVERWRITE	(UINT32_C(1) << 16)
#define READY_FOR_DATA	(UINT32_C(1) << 8)
#define APP_CMD		(UINT32_C(1) << 5)

#define OCR_POWERED  (UINT32_C(1) << 31)
#define OCR_CCS	     (UINT32_C(1) << 30)
#define OCR_VOLTAGES 0x00ff8000u

#define SDSC_LIMIT (UINT64_C(2) << 30)
#define ERASED	   0xff
#define NO_ADDRESS UINT64_MAX

/* --- what the card tells of itself --- */

static bool is_sdhc(const struct sd_card *c)
{
	return c->size > SDSC_LIMIT;
}

/* CRC-7 of CSD and CID (4.5), with the end bit. */
static uint8_t crc7(const uint8_t *data, unsigned int len)
{
	uint8_t crc = 0;

	for (unsigned int i = 0; i < len * 8; i++) {
		bool in = data[i / 8] >> (7 - i % 8) & 1, out = crc & 0x40;
		crc = (uint8_t)(crc << 1 & 0x7f);
		if (in != out)
			crc ^= 0x09;
	}
	return (uint8_t)(crc << 1 | 1);
}

/* Sets `width` bits whose lowest is bit `at` of a 128-bit register. */
static void bits_set(uint8_t reg[16], unsigned int at, unsigned int width, uint32_t value)
{
	for (unsigned int i = 0; i < width; i++, at++) {
		uint8_t bit = (uint8_t)(1u << (at % 8)), *byte = &reg[15 - at / 8];
		*byte = (uint8_t)(value >> i & 1 ? *byte | bit : *byte & ~bit);
	}
}

static void csd_common(uint8_t csd[16])
{
	bits_set(csd, 112, 8, 0x0e);  /* TAAC: 1 ms */
	bits_set(csd, 96, 8, 0x32);   /* TRAN_SPEED: 25 MHz */
	bits_set(csd, 84, 12, 0x535); /* CCC: basic, read, write, erase, application, switch */
	bits_set(csd, 46, 1, 1);      /* ERASE_BLK_EN */
	bits_set(csd, 39, 7, 0x7f);   /* SECTOR_SIZE */
	bits_set(csd, 26, 3, 2);      /* R2W_FACTOR */
	bits_set(csd, 22, 4, 9);      /* WRITE_BL_LEN */
}

/* Version 1.0: the size is (C_SIZE + 1) << (C_SIZE_MULT + 2 + READ_BL_LEN). */
static uint64_t csd_standard(uint8_t csd[16], uint64_t size)
{
	unsigned int bl = size > SDSC_LIMIT / 2 ? 10 : 9, mult = 0;

	while (mult < 7 && size >> (bl + mult + 2) > 4096)
		mult++;
	uint64_t units = MAX(size >> (bl + mult + 2), 1);
	csd_common(csd);
	bits_set(csd, 80, 4, bl);
	bits_set(csd, 79, 1, 1); /* READ_BL_PARTIAL */
	bits_set(csd, 62, 12, (uint32_t)units - 1);
	bits_set(csd, 47, 3, mult);
	bits_set(csd, 22, 4, bl);
	return units << (bl + mult + 2);
}

/* Version 2.0: units of 512 KiB. */
static uint64_t csd_high_capacity(uint8_t csd[16], uint64_t size)
{
	uint64_t units = MIN(size >> 19, UINT64_C(1) << 22);

	csd_common(csd);
	bits_set(csd, 126, 2, 1);
	bits_set(csd, 80, 4, 9);
	bits_set(csd, 48, 22, (uint32_t)units - 1);
	return units << 19;
}

static void make_csd(struct sd_card *c)
{
	uint64_t size = c->drive ? drive_size(c->drive) : 0;

	memset(c->csd, 0, sizeof(c->csd));
	c->size = 0;
	if (!size)
		return;
	c->size = size > SDSC_LIMIT ? csd_high_capacity(c->csd, size) : csd_standard(c->csd, size);
	c->csd[15] = crc7(c->csd, 15);
}

static void make_cid(struct sd_card *c)
{
	static const uint8_t cid[15] = {0xaa, 'R', 'T', 'R', 'A', 'T',	'I', 'T',
					0x10, 0,   0,	0,   1,	  0x01, 0x6a}; /* October 2022 */

	memcpy(c->cid, cid, sizeof(cid));
	c->cid[15] = crc7(cid, sizeof(cid));
}

static void make_scr(struct sd_card *c)
{
	memset(c->scr, 0, sizeof(c->scr));
	c->scr[0] = 0x02;		      /* version 2.00 */
	c->scr[1] = is_sdhc(c) ? 0x35 : 0x25; /* security as its capacity asks, 1 and 4 bits */
}

bool sd_present(const struct sd_card *c)
{
	return c->drive && drive_has_medium(c->drive);
}

/* --- host I/O --- */

static void notify(struct sd_card *c)
{
	if (c->notify)
		c->notify(c->opaque);
}

static void end_transfer(struct sd_card *c)
{
	c->transfer = SD_IDLE;
	c->state = STATE_TRANSFER;
	c->pos = c->len = 0;
}

static void read_start(struct sd_card *c);

static void read_block(struct sd_card *c)
{
	memcpy(c->data, c->fetched + ((c->addr & ~UINT64_C(511)) - c->fetched_at), SD_BLOCK);
	c->pos = (uint32_t)(c->addr % SD_BLOCK);
	c->len = c->pos + c->block_len;
}

static void read_done(void *opaque, int error)
{
	struct sd_card *c = opaque;
	bool stale = c->stale;

	c->fetching = c->stale = false;
	if (c->transfer != SD_READ_BLOCKS)
		return;
	if (stale) {
		read_start(c);
		return;
	}
	if (error) {
		c->status |= CARD_ECC_FAILED;
		end_transfer(c);
	} else {
		c->fetched_at = c->addr & ~UINT64_C(511);
		read_block(c);
	}
	notify(c);
}

/* Reads the block at c->addr; misaligned ones do not cross a sector. While the host still reads
 * for a transfer that was stopped, this waits. */
static void read_start(struct sd_card *c)
{
	c->pos = c->len = 0;
	if (c->addr >= c->size || c->addr % SD_BLOCK + c->block_len > SD_BLOCK) {
		c->status |= OUT_OF_RANGE;
		end_transfer(c);
		return;
	}
	c->stale = c->fetching;
	if (c->fetching)
		return;
	c->fetching = true;
	c->fetched_at = NO_ADDRESS;
	c->fetched_len = c->multiple ? (uint32_t)MIN(SD_CHUNK, c->size - (c->addr & ~UINT64_C(511)))
				     : SD_BLOCK;
	drive_read(c->drive, c->addr & ~UINT64_C(511), c->fetched, c->fetched_len, read_done, c);
}

static void write_done(void *opaque, int error)
{
	struct sd_card *c = opaque;

	c->busy = false;
	if (error)
		c->status |= GENERAL_ERROR;
	c->addr += c->chunk_len;
	c->chunk_len = 0;
	if (error || c->stopping)
		end_transfer(c);
	else
		c->state = STATE_RECEIVING;
	notify(c);
}

/* Writes what has been collected. */
static void write_start(struct sd_card *c)
{
	c->pos = 0;
	if (!c->chunk_len) {
		end_transfer(c);
		return;
	}
	c->busy = true;
	c->state = STATE_PROGRAMMING;
	drive_write(c->drive, c->addr, c->chunk, c->chunk_len, write_done, c);
}

static void erase_done(void *opaque, int error)
{
	struct sd_card *c = opaque;

	c->busy = false;
	if (error)
		c->status |= GENERAL_ERROR;
	c->state = STATE_TRANSFER;
	notify(c);
}

/* --- data --- */

bool sd_busy(const struct sd_card *c)
{
	return c->busy;
}

static void block_sent(struct sd_card *c)
{
	if (c->transfer != SD_READ_BLOCKS || !c->multiple ||
	    (c->block_count && --c->block_count == 0)) {
		end_transfer(c);
		return;
	}
	c->addr += c->block_len;
	if (c->addr % SD_BLOCK + c->block_len <= SD_BLOCK && c->addr >= c->fetched_at &&
	    c->addr - c->fetched_at < c->fetched_len)
		read_block(c);
	else
		read_start(c);
}

size_t sd_read(struct sd_card *c, uint8_t *buf, size_t len)
{
	size_t done = 0;

	if (c->transfer != SD_READ_BLOCKS && c->transfer != SD_SEND_REGISTER)
		return 0;
	while (done < len && c->pos < c->len) {
		buf[done++] = c->data[c->pos++];
		if (c->pos == c->len)
			block_sent(c);
	}
	return done;
}

/* Only the byte with the copy and write protect flags may change. */
static void take_csd(struct sd_card *c)
{
	if (memcmp(c->data, c->csd, 14) != 0) {
		c->status |= CSD_OVERWRITE;
	} else {
		c->csd[14] = c->data[14];
		c->csd[15] = crc7(c->csd, 15);
	}
	end_transfer(c);
}

/* Blocks are written together: at the end, or when there is no more room. */
static void collect_block(struct sd_card *c)
{
	bool last = !c->multiple || (c->block_count && --c->block_count == 0);

	if (c->addr + c->chunk_len >= c->size) {
		c->status |= OUT_OF_RANGE;
		last = true;
	} else {
		memcpy(c->chunk + c->chunk_len, c->data, SD_BLOCK);
		c->chunk_len += SD_BLOCK;
	}
	c->pos = 0;
	c->stopping = last;
	if (last || c->chunk_len == SD_CHUNK)
		write_start(c);
}

static void block_taken(struct sd_card *c)
{
	if (c->transfer == SD_TAKE_REGISTER)
		take_csd(c);
	else
		collect_block(c);
}

size_t sd_write(struct sd_card *c, const uint8_t *buf, size_t len)
{
	size_t done = 0;

	while (done < len && !c->busy && c->state == STATE_RECEIVING && c->pos < c->len) {
		c->data[c->pos++] = buf[done++];
		if (c->pos == c->len)
			block_taken(c);
	}
	return done;
}

/* --- commands --- */

enum response { NONE, R1, R2_CID, R2_CSD, R3, R6, R7, ILLEGAL };

static void card_reset(struct sd_card *c)
{
	c->state = STATE_IDLE;
	c->transfer = SD_IDLE;
	c->app_command = c->powered_up = c->multiple = c->stopping = false;
	c->bus_width = 0;
	c->rca = 0;
	c->status = 0;
	c->block_len = SD_BLOCK;
	c->block_count = 0;
	c->erase_start = c->erase_end = NO_ADDRESS;
	c->pos = c->len = c->chunk_len = 0;
	c->stale = c->fetching;
}

static bool is_addressed(const struct sd_card *c, uint32_t arg)
{
	return arg >> 16 == c->rca;
}

static uint64_t address(const struct sd_card *c, uint32_t arg)
{
	return is_sdhc(c) ? (uint64_t)arg * SD_BLOCK : arg;
}

static void send_register(struct sd_card *c, const uint8_t *data, uint32_t len)
{
	memcpy(c->data, data, len);
	c->pos = 0;
	c->len = len;
	c->transfer = SD_SEND_REGISTER;
	c->state = STATE_SENDING;
}

static enum response read_blocks(struct sd_card *c, uint32_t arg, bool multiple)
{
	uint64_t addr = address(c, arg);

	if (c->state != STATE_TRANSFER)
		return ILLEGAL;
	if (addr % SD_BLOCK + c->block_len > SD_BLOCK) {
		c->status |= ADDRESS_ERROR;
		return R1;
	}
	if (addr >= c->size) {
		c->status |= OUT_OF_RANGE;
		return R1;
	}
	c->multiple = multiple;
	c->fetched_at = NO_ADDRESS;
	c->transfer = SD_READ_BLOCKS;
	c->state = STATE_SENDING;
	c->addr = addr;
	return R1; /* the caller starts reading, behind the response */
}

static enum response write_blocks(struct sd_card *c, uint32_t arg, bool multiple)
{
	uint64_t addr = address(c, arg);

	if (c->state != STATE_TRANSFER)
		return ILLEGAL;
	if (c->block_len != SD_BLOCK)
		c->status |= BLOCK_LEN_ERROR;
	else if (addr % SD_BLOCK)
		c->status |= ADDRESS_ERROR;
	else if (addr >= c->size)
		c->status |= OUT_OF_RANGE;
	else if (drive_readonly(c->drive))
		c->status |= WP_VIOLATION;
	else {
		c->multiple = multiple;
		c->stopping = false;
		c->transfer = SD_WRITE_BLOCKS;
		c->state = STATE_RECEIVING;
		c->addr = addr;
		c->chunk_len = c->pos = 0;
		c->len = SD_BLOCK;
	}
	return R1;
}

static enum response program_csd(struct sd_card *c)
{
	if (c->state != STATE_TRANSFER)
		return ILLEGAL;
	c->transfer = SD_TAKE_REGISTER;
	c->state = STATE_RECEIVING;
	c->pos = 0;
	c->len = 16;
	return R1;
}

static enum response stop(struct sd_card *c)
{
	switch (c->state) {
	case STATE_SENDING:
		end_transfer(c);
		c->stale = c->fetching;
		return R1;
	case STATE_RECEIVING:
		c->stopping = true;
		write_start(c);
		return R1;
	case STATE_PROGRAMMING: c->stopping = true; return R1;
	default: return ILLEGAL;
	}
}

static enum response erase_address(struct sd_card *c, uint64_t *which, uint32_t arg)
{
	if (c->state != STATE_TRANSFER)
		return ILLEGAL;
	*which = address(c, arg);
	if (*which >= c->size)
		c->status |= OUT_OF_RANGE;
	return R1;
}

static enum response erase(struct sd_card *c)
{
	uint64_t start = c->erase_start & ~UINT64_C(511), end = c->erase_end & ~UINT64_C(511);

	if (c->state != STATE_TRANSFER)
		return ILLEGAL;
	if (c->erase_start == NO_ADDRESS || c->erase_end == NO_ADDRESS)
		c->status |= ERASE_SEQ_ERROR;
	else if (start > end || end >= c->size)
		c->status |= ERASE_PARAM;
	else if (drive_readonly(c->drive))
		c->status |= WP_VIOLATION;
	else {
		c->busy = true;
		c->state = STATE_PROGRAMMING;
		drive_write_zeroes(c->drive, start, end + SD_BLOCK - start, true, erase_done, c);
	}
	c->erase_start = c->erase_end = NO_ADDRESS;
	return R1;
}

static enum response select_card(struct sd_card *c, uint32_t arg)
{
	bool mine = is_addressed(c, arg);

	if (c->state == STATE_STANDBY && mine)
		c->state = STATE_TRANSFER;
	else if ((c->state == STATE_TRANSFER || c->state == STATE_SENDING) && !mine) {
		end_transfer(c);
		c->state = STATE_STANDBY;
		return NONE;
	} else if (!mine)
		return NONE;
	else if (c->state != STATE_TRANSFER)
		return ILLEGAL;
	return R1;
}

/* 64 bytes: only the default function of each of the six groups is there. */
static enum response switch_function(struct sd_card *c, uint32_t arg)
{
	uint8_t status[64] = {0, 1}; /* 1 mA */

	if (c->state != STATE_TRANSFER)
		return ILLEGAL;
	for (unsigned int group = 0; group < 6; group++) {
		uint32_t wish = arg >> (4 * group) & 15;
		uint8_t result = wish == 0 || wish == 15 ? 0 : 15;
		status[13 - 2 * group] = 0x01;
		status[16 - group / 2] |= (uint8_t)(result << (group & 1 ? 4 : 0));
	}
	send_register(c, status, sizeof(status));
	return R1;
}

static enum response send_if_cond(struct sd_card *c, uint32_t arg)
{
	if (c->state != STATE_IDLE)
		return ILLEGAL;
	return (arg >> 8 & 15) == 1 ? R7 : NONE; /* 2.7 to 3.6 V */
}

static enum response send_relative_addr(struct sd_card *c)
{
	if (c->state != STATE_IDENT && c->state != STATE_STANDBY)
		return ILLEGAL;
	c->rca = (uint16_t)(c->rca + 0x4567);
	c->rca += c->rca == 0;
	c->state = STATE_STANDBY;
	return R6;
}

static enum response all_send_cid(struct sd_card *c)
{
	if (c->state != STATE_READY)
		return ILLEGAL;
	c->state = STATE_IDENT;
	return R2_CID;
}

static enum response set_block_len(struct sd_card *c, uint32_t arg)
{
	if (c->state != STATE_TRANSFER)
		return ILLEGAL;
	if (arg == 0 || arg > SD_BLOCK)
		c->status |= BLOCK_LEN_ERROR;
	else if (!is_sdhc(c)) /* high-capacity cards have blocks of 512 bytes whatever is set */
		c->block_len = arg;
	return R1;
}

static enum response command(struct sd_card *c, unsigned int index, uint32_t arg)
{
	switch (index) {
	case 0: card_reset(c); return NONE;
	case 2: return all_send_cid(c);
	case 3: return send_relative_addr(c);
	case 4: return c->state == STATE_STANDBY ? NONE : ILLEGAL;
	case 6: return switch_function(c, arg);
	case 7: return select_card(c, arg);
	case 8: return send_if_cond(c, arg);
	case 9:
	case 10:
		if (!is_addressed(c, arg))
			return NONE;
		return c->state != STATE_STANDBY ? ILLEGAL : index == 9 ? R2_CSD : R2_CID;
	case 12: return stop(c);
	case 13: return is_addressed(c, arg) ? R1 : NONE;
	case 15:
		if (is_addressed(c, arg))
			card_reset(c);
		return NONE;
	case 16: return set_block_len(c, arg);
	case 17:
	case 18: return read_blocks(c, arg, index == 18);
	case 23: c->block_count = arg & 0xffff; return c->state == STATE_TRANSFER ? R1 : ILLEGAL;
	case 24:
	case 25: return write_blocks(c, arg, index == 25);
	case 27: return program_csd(c);
	case 32: return erase_address(c, &c->erase_start, arg);
	case 33: return erase_address(c, &c->erase_end, arg);
	case 38: return erase(c);
	case 55:
		if (!is_addressed(c, arg))
			return NONE;
		c->app_command = true;
		return R1;
	default: return ILLEGAL;
	}
}

/* Power-up takes no time; the host must offer a voltage. */
static enum response send_op_cond(struct sd_card *c, uint32_t arg)
{
	if (c->state != STATE_IDLE)
		return ILLEGAL;
	if (arg & OCR_VOLTAGES) {
		c->powered_up = !is_sdhc(c) || (arg & OCR_CCS);
		if (c->powered_up)
			c->state = STATE_READY;
	}
	return R3;
}

static enum response send_status(struct sd_card *c)
{
	uint8_t status[64] = {(uint8_t)(c->bus_width << 6)};

	if (c->state != STATE_TRANSFER)
		return ILLEGAL;
	send_register(c, status, sizeof(status));
	return R1;
}

static enum response app_command(struct sd_card *c, unsigned int index, uint32_t arg)
{
	static const uint8_t none[4];

	switch (index) {
	case 6: c->bus_width = arg & 3; return c->state == STATE_TRANSFER ? R1 : ILLEGAL;
	case 13: return send_status(c);
	case 22: /* blocks that were written well: not counted */
		if (c->state != STATE_TRANSFER)
			return ILLEGAL;
		send_register(c, none, sizeof(none));
		return R1;
	case 23: return c->state == STATE_TRANSFER ? R1 : ILLEGAL; /* a hint only */
	case 41: return send_op_cond(c, arg);
	case 42: return c->state == STATE_TRANSFER ? R1 : ILLEGAL;
	case 51:
		if (c->state != STATE_TRANSFER)
			return ILLEGAL;
		send_register(c, c->scr, sizeof(c->scr));
		return R1;
	default: return command(c, index, arg);
	}
}

/* --- responses --- */

static uint32_t card_status(struct sd_card *c, uint8_t state, bool app)
{
	uint32_t status = c->status | (uint32_t)state << 9 | (c->busy ? 0 : READY_FOR_DATA) |
			  (app ? APP_CMD : 0);

	c->status = 0;
	return status;
}

static uint32_t ocr(const struct sd_card *c)
{
	return OCR_VOLTAGES | (c->powered_up ? OCR_POWERED : 0) |
	       (c->powered_up && is_sdhc(c) ? OCR_CCS : 0);
}

static unsigned int respond(struct sd_card *c, enum response r, uint8_t state, bool app,
			    uint32_t arg, uint8_t out[16])
{
	uint32_t s;

	switch (r) {
	case R1: store_be32(out, card_status(c, state, app)); return 4;
	case R2_CID: memcpy(out, c->cid, 16); return 16;
	case R2_CSD: memcpy(out, c->csd, 16); return 16;
	case R3: store_be32(out, ocr(c)); return 4;
	case R6:
		s = card_status(c, state, app);
		store_be32(out, (uint32_t)c->rca << 16 | (s >> 8 & 0xc000) | (s >> 6 & 0x2000) |
					(s & 0x1fff));
		return 4;
	case R7: store_be32(out, arg & 0xfff); return 4;
	case ILLEGAL: c->status |= ILLEGAL_COMMAND; return 0;
	default: return 0;
	}
}

unsigned int sd_command(struct sd_card *c, unsigned int index, uint32_t arg, uint8_t response[16])
{
	uint8_t state = c->state, transfer = c->transfer;
	bool app = c->app_command;

	/* A card whose program is running takes the stop and questions about it. */
	if (!sd_present(c) || (c->busy && index != 12 && index != 13 && index != 0))
		return 0;
	c->app_command = false;
	enum response r = app ? app_command(c, index, arg) : command(c, index, arg);
	if (r == ILLEGAL)
		log_printf(LOG_GUEST_ERRORS, "sd: %sCMD%u %08x is not possible in state %u\n",
			   app ? "A" : "", index, arg, state);
	unsigned int len = respond(c, r, state, app || c->app_command, arg, response);
	if (transfer == SD_IDLE && c->transfer == SD_READ_BLOCKS)
		read_start(c);
	return len;
}

/* --- device --- */

static void drive_wires(struct sd_card *c)
{
	irq_set(c->inserted, sd_present(c));
	irq_set(c->readonly, sd_present(c) && drive_readonly(c->drive));
}

static void medium_changed(void *opaque)
{
	struct sd_card *c = opaque;

	card_reset(c);
	make_csd(c);
	make_scr(c);
	drive_wires(c);
	notify(c);
}

void sd_connect(struct sd_card *c, void (*fn)(void *opaque), void *opaque)
{
	c->notify = fn;
	c->opaque = opaque;
}

struct error *sd_card_new(struct drive *drive, struct sd_card **card)
{
	struct device *dev = device_new_named("sd-card");

	device_set_ptr(dev, "drive", drive);
	*card = (struct sd_card *)dev;
	return device_realize(dev);
}

static struct error *sd_init(struct device *dev)
{
	struct sd_card *c = (struct sd_card *)dev;

	if (c->drive) {
		if (c->drive->claimed)
			return error_new("drive \"%s\" is in use already", c->drive->id);
		c->drive->claimed = true;
		c->drive->changed = medium_changed;
		c->drive->changed_opaque = c;
	}
	make_csd(c);
	make_cid(c);
	make_scr(c);
	card_reset(c);
	return NULL;
}

static void sd_reset(struct device *dev)
{
	struct sd_card *c = (struct sd_card *)dev;

	if (c->busy || c->fetching)
		drives_drain();
	card_reset(c);
}

static void sd_settle(struct device *dev)
{
	drive_wires((struct sd_card *)dev);
}

static struct error *sd_post_load(struct device *dev)
{
	struct sd_card *c = (struct sd_card *)dev;

	c->fetched_at = NO_ADDRESS;
	if (c->state > STATE_DISCONNECT || c->transfer > SD_TAKE_REGISTER || c->pos > c->len ||
	    c->len > SD_BLOCK || c->block_len > SD_BLOCK || !c->block_len ||
	    c->chunk_len > SD_CHUNK - SD_BLOCK || c->chunk_len % SD_BLOCK)
		return error_new("sd-card: impossible state");
	return NULL;
}

static const struct prop props[] = {
	PROP_DRIVE("drive", struct sd_card, drive, "image"),
	PROP_END,
};

static const struct field state_fields[] = {
	F_BYTES(struct sd_card, csd),
	F_U8(struct sd_card, state),
	F_U8(struct sd_card, transfer),
	F_BOOL(struct sd_card, app_command),
	F_BOOL(struct sd_card, powered_up),
	F_BOOL(struct sd_card, multiple),
	F_BOOL(struct sd_card, stopping),
	F_U8(struct sd_card, bus_width),
	F_U16(struct sd_card, rca),
	F_U32(struct sd_card, status),
	F_U32(struct sd_card, block_len),
	F_U32(struct sd_card, block_count),
	F_U64(struct sd_card, erase_start),
	F_U64(struct sd_card, erase_end),
	F_U64(struct sd_card, addr),
	F_U32(struct sd_card, pos),
	F_U32(struct sd_card, len),
	F_U32(struct sd_card, chunk_len),
	F_BYTES(struct sd_card, chunk),
	F_BYTES(struct sd_card, data),
	FIELD_END,
};

DEVICE_CLASS(sd_card, .name = "sd-card", .help = "SD memory card", .bus = "System",
	     .size = sizeof(struct sd_card), .props = props, .state = state_fields, .init = sd_init,
	     .reset = sd_reset, .settle = sd_settle, .post_load = sd_post_load, .hidden = true);
