/*
 * An SD card in SPI mode. Source: SD Specifications, Part 1, Physical Layer Simplified
 * Specification 2.00, chapter 7.
 *
 * The card itself speaks SD mode, so this identifies and selects it behind the host's back once it
 * has its power, and turns commands, responses and blocks into bytes. CRCs are sent, not checked.
 */
#include "hw/sd/ssi-sd.h"

#include "base/bytes.h"
#include "base/log.h"

#include <glib.h>
#include <string.h>

/* Saved: numbers are fixed. */
enum ssi_sd_stage {
	STAGE_COMMAND = 0,    /* waits for one, or takes its bytes */
	STAGE_RESPONSE = 1,   /* then STAGE_COMMAND */
	STAGE_READ_REPLY = 2, /* a response, then blocks */
	STAGE_READ_WAIT = 3,  /* the block is not there yet */
	STAGE_READ = 4,
	STAGE_WRITE_REPLY = 5,
	STAGE_WRITE_WAIT = 6, /* for the host's start token */
	STAGE_WRITE = 7,
	STAGE_WRITE_DONE = 8, /* the data response */
	STAGE_BUSY = 9,	      /* the card programs */
};
enum { R1_IDLE = 0x01, R1_ILLEGAL = 0x04, R1_PARAMETER = 0x40 };
enum { TOKEN_START = 0xfe, TOKEN_START_MULTIPLE = 0xfc, TOKEN_STOP = 0xfd, DATA_ACCEPTED = 0xe5 };
#define OCR_VOLTAGES 0x00ff8000u
#define OCR_POWERED  0x80000000u
#define STATUS_RANGE 0xf8000000u /* out of range, address, block length, erase errors */

/* --- responses --- */

static uint8_t r1(const struct ssi_sd *s)
{
	return s->idle ? R1_IDLE : 0;
}

/* A byte of delay, then R1 and `extra` bytes. */
static void respond(struct ssi_sd *s, uint8_t first, const uint8_t *extra, unsigned int len)
{
	s->response[0] = 0xff;
	s->response[1] = first;
	if (len)
		memcpy(s->response + 2, extra, len);
	s->response_len = (uint8_t)(2 + len);
	s->response_pos = 0;
	s->stage = STAGE_RESPONSE;
}

static void respond_r1(struct ssi_sd *s, uint8_t flags)
{
	respond(s, r1(s) | flags, NULL, 0);
}

static uint16_t crc16(const uint8_t *data, unsigned int len)
{
	uint16_t crc = 0;

	for (unsigned int i = 0; i < 8 * len; i++) {
		bool in = data[i / 8] >> (7 - i % 8) & 1, out = crc >> 15;
		crc = (uint16_t)(crc << 1 ^ (in != out ? 0x1021 : 0));
	}
	return crc;
}

/* --- commands --- */

/* Once it is powered up an SD card has to be identified and selected. */
static void select_card(struct ssi_sd *s)
{
	uint8_t r[16];

	sd_command(s->card, 2, 0, r);
	if (sd_command(s->card, 3, 0, r) == 4)
		s->rca = load_be16(r);
	sd_command(s->card, 7, (uint32_t)s->rca << 16, r);
	s->idle = false;
}

static void power_up(struct ssi_sd *s, uint32_t arg)
{
	uint8_t r[16];

	sd_command(s->card, 55, 0, r);
	if (sd_command(s->card, 41, (arg & 0x40000000) | OCR_VOLTAGES, r) != 4) {
		respond_r1(s, R1_ILLEGAL);
		return;
	}
	s->ocr = load_be32(r);
	if (s->ocr & OCR_POWERED && s->idle)
		select_card(s);
	respond_r1(s, 0);
}

/* The rest is passed on: what the card status says becomes R1. */
static bool pass(struct ssi_sd *s, unsigned int index, uint32_t arg)
{
	uint8_t r[16];
	unsigned int len;

	if (s->app)
		sd_command(s->card, 55, (uint32_t)s->rca << 16, r);
	len = sd_command(s->card, index, arg, r);
	if (!len) {
		respond_r1(s, R1_ILLEGAL);
		return false;
	}
	respond_r1(s, load_be32(r) & STATUS_RANGE ? R1_PARAMETER : 0);
	return s->response[1] == r1(s);
}

/* A register that the card sends as a block. */
static void send_register(struct ssi_sd *s, const uint8_t *data)
{
	respond_r1(s, 0);
	s->stage = STAGE_READ_REPLY;
	s->multiple = false;
	s->block_len = 16;
	s->block_pos = 16; /* it is there already */
	memcpy(s->block, data, 16);
}

static void read_blocks(struct ssi_sd *s, unsigned int index, uint32_t arg, uint32_t len)
{
	if (!pass(s, index, arg))
		return;
	s->stage = STAGE_READ_REPLY;
	s->multiple = index == 18;
	s->block_len = len;
	s->block_pos = 0;
}

static void write_blocks(struct ssi_sd *s, unsigned int index, uint32_t arg)
{
	if (!pass(s, index, arg))
		return;
	s->stage = STAGE_WRITE_REPLY;
	s->multiple = index == 25;
	s->block_len = SD_BLOCK;
}

static void reset_card(struct ssi_sd *s)
{
	uint8_t r[16];

	sd_command(s->card, 0, 0, r);
	s->idle = true;
	s->ocr = OCR_VOLTAGES;
	s->rca = 0;
	respond_r1(s, 0);
}

static void interface_condition(struct ssi_sd *s, uint32_t arg)
{
	uint8_t r[16];

	if (sd_command(s->card, 8, arg, r) == 4)
		respond(s, r1(s), r, 4);
	else
		respond_r1(s, R1_ILLEGAL);
}

static void read_ocr(struct ssi_sd *s)
{
	uint8_t ocr[4];

	store_be32(ocr, s->ocr);
	respond(s, r1(s), ocr, 4);
}

static void send_status(struct ssi_sd *s)
{
	uint8_t r[16], second = 0;

	if (sd_command(s->card, 13, (uint32_t)s->rca << 16, r) == 4)
		second = load_be32(r) & STATUS_RANGE ? 0x80 : 0;
	respond(s, r1(s), &second, 1);
}

static void stop_transmission(struct ssi_sd *s)
{
	uint8_t r[16];

	sd_command(s->card, 12, 0, r);
	respond_r1(s, 0);
}

static void app_command(struct ssi_sd *s, unsigned int index, uint32_t arg)
{
	switch (index) {
	case 41: power_up(s, arg); break;
	case 13: read_blocks(s, index, arg, 64); break;
	case 51: read_blocks(s, index, arg, 8); break;
	default: pass(s, index, arg); break;
	}
	s->app = false;
}

/* Other numbers behind CMD55 are ordinary commands (4.3.9). */
static bool is_app_command(unsigned int index)
{
	return index == 13 || index == 22 || index == 23 || index == 41 || index == 42 ||
	       index == 51;
}

static void execute(struct ssi_sd *s)
{
	unsigned int index = s->command[0] & 0x3f;
	uint32_t arg = load_be32(s->command + 1);

	if (s->app && is_app_command(index)) {
		app_command(s, index, arg);
		return;
	}
	s->app = false;
	switch (index) {
	case 0: reset_card(s); break;
	case 1: power_up(s, arg); break;
	case 6: read_blocks(s, index, arg, 64); break;
	case 8: interface_condition(s, arg); break;
	case 9: send_register(s, s->card->csd); break;
	case 10: send_register(s, s->card->cid); break;
	case 12: stop_transmission(s); break;
	case 13: send_status(s); break;
	case 17:
	case 18: read_blocks(s, index, arg, MIN(s->card->block_len, SD_BLOCK)); break;
	case 24:
	case 25: write_blocks(s, index, arg); break;
	case 55:
		s->app = true;
		respond_r1(s, 0);
		break;
	case 58: read_ocr(s); break;
	case 59: respond_r1(s, 0); break; /* CRC on or off */
	default: pass(s, index, arg); break;
	}
}

/* Bytes of a command; it begins with bits 01. */
static void take_command(struct ssi_sd *s, uint8_t byte)
{
	if (!s->command_len && (byte & 0xc0) != 0x40)
		return;
	s->command[s->command_len++] = byte;
	if (s->command_len == sizeof(s->command)) {
		s->command_len = 0;
		execute(s);
	}
}

/* --- blocks --- */

static uint8_t next_response(struct ssi_sd *s, uint8_t then)
{
	uint8_t byte = s->response[s->response_pos++];

	if (s->response_pos >= s->response_len)
		s->stage = then;
	return byte;
}

/* Collects the block; its start token goes out when it is complete. */
static uint8_t read_wait(struct ssi_sd *s)
{
	if (s->block_pos < s->block_len)
		s->block_pos += (uint32_t)sd_read(s->card, s->block + s->block_pos,
						  s->block_len - s->block_pos);
	if (s->block_pos < s->block_len)
		return 0xff;
	store_be16(s->block + s->block_len, crc16(s->block, s->block_len));
	s->block_pos = 0;
	s->stage = STAGE_READ;
	return TOKEN_START;
}

static uint8_t read_byte(struct ssi_sd *s)
{
	uint8_t byte = s->block[s->block_pos++];

	if (s->block_pos == s->block_len + 2) {
		s->block_pos = 0;
		s->stage = s->multiple ? STAGE_READ_WAIT : STAGE_COMMAND;
	}
	return byte;
}

static void write_token(struct ssi_sd *s, uint8_t byte)
{
	s->block_pos = 0;
	if (byte == (s->multiple ? TOKEN_START_MULTIPLE : TOKEN_START)) {
		s->stage = STAGE_WRITE;
	} else if (byte == TOKEN_STOP && s->multiple) {
		uint8_t r[16];
		sd_command(s->card, 12, 0, r);
		s->multiple = false;
		s->block_pos = s->block_len; /* nothing to pass on any more */
		s->stage = STAGE_BUSY;
	}
}

static void write_byte(struct ssi_sd *s, uint8_t byte)
{
	s->block[s->block_pos++] = byte;
	if (s->block_pos == s->block_len + 2) {
		s->block_pos = 0;
		s->stage = STAGE_WRITE_DONE;
	}
}

/* Passes the block on as the card takes it, and waits for the card. */
static uint8_t busy(struct ssi_sd *s)
{
	if (s->block_pos < s->block_len)
		s->block_pos += (uint32_t)sd_write(s->card, s->block + s->block_pos,
						   s->block_len - s->block_pos);
	if (s->block_pos < s->block_len || sd_busy(s->card))
		return 0;
	s->stage = s->multiple ? STAGE_WRITE_WAIT : STAGE_COMMAND;
	return 0xff;
}

static uint32_t transfer(void *opaque, uint32_t out)
{
	struct ssi_sd *s = opaque;
	uint8_t byte = (uint8_t)out;

	if (!sd_present(s->card))
		return 0xff;
	switch (s->stage) {
	case STAGE_RESPONSE: return next_response(s, STAGE_COMMAND);
	case STAGE_READ_REPLY: return next_response(s, STAGE_READ_WAIT);
	case STAGE_WRITE_REPLY: return next_response(s, STAGE_WRITE_WAIT);
	case STAGE_READ_WAIT:
	case STAGE_READ:
		/* CMD12 may come at any time */
		if (s->command_len || (byte & 0xc0) == 0x40) {
			take_command(s, byte);
			return 0xff;
		}
		return s->stage == STAGE_READ ? read_byte(s) : read_wait(s);
	case STAGE_WRITE_WAIT: write_token(s, byte); return 0xff;
	case STAGE_WRITE: write_byte(s, byte); return 0xff;
	case STAGE_WRITE_DONE: s->stage = STAGE_BUSY; return DATA_ACCEPTED;
	case STAGE_BUSY: return busy(s);
	default: take_command(s, byte); return 0xff;
	}
}

/* A command that was not finished is forgotten. */
static void selected(void *opaque, bool on)
{
	struct ssi_sd *s = opaque;

	s->command_len = 0;
}

/* --- the device --- */

static struct error *ssi_sd_init(struct device *dev)
{
	struct ssi_sd *s = (struct ssi_sd *)dev;

	s->ssi.transfer = transfer;
	s->ssi.select = selected;
	s->ssi.opaque = s;
	return sd_card_new(s->drive, &s->card);
}

static void ssi_sd_reset(struct device *dev)
{
	struct ssi_sd *s = (struct ssi_sd *)dev;

	s->stage = STAGE_COMMAND;
	s->idle = true;
	s->app = s->multiple = false;
	s->ocr = OCR_VOLTAGES;
	s->rca = 0;
	s->command_len = s->response_len = s->response_pos = 0;
	s->block_len = s->block_pos = 0;
}

static struct error *ssi_sd_post_load(struct device *dev)
{
	const struct ssi_sd *s = (struct ssi_sd *)dev;
	bool replies = s->stage == STAGE_RESPONSE || s->stage == STAGE_READ_REPLY ||
		       s->stage == STAGE_WRITE_REPLY;

	if (s->stage > STAGE_BUSY || s->command_len >= sizeof(s->command) ||
	    s->response_len > sizeof(s->response) || s->response_pos > s->response_len ||
	    (replies && s->response_pos >= s->response_len) || s->block_len > SD_BLOCK ||
	    s->block_pos > s->block_len + 2 ||
	    ((s->stage == STAGE_READ || s->stage == STAGE_WRITE) &&
	     s->block_pos >= s->block_len + 2))
		return error_new("%s: impossible transfer", dev->class->name);
	return NULL;
}

static const struct prop props[] = {
	PROP_DRIVE("drive", struct ssi_sd, drive, "the card's image (-drive id)"), PROP_END};

static const struct field state[] = {
	F_BOOL(struct ssi_sd, ssi.selected), F_U8(struct ssi_sd, stage),
	F_BOOL(struct ssi_sd, idle),	     F_BOOL(struct ssi_sd, app),
	F_BOOL(struct ssi_sd, multiple),     F_U32(struct ssi_sd, ocr),
	F_U16(struct ssi_sd, rca),	     F_BYTES(struct ssi_sd, command),
	F_U8(struct ssi_sd, command_len),    F_BYTES(struct ssi_sd, response),
	F_U8(struct ssi_sd, response_len),   F_U8(struct ssi_sd, response_pos),
	F_BYTES(struct ssi_sd, block),	     F_U32(struct ssi_sd, block_len),
	F_U32(struct ssi_sd, block_pos),     FIELD_END,
};

DEVICE_CLASS(ssi_sd, .name = "ssi-sd", .help = "SD card in SPI mode", .bus = "System",
	     .size = sizeof(struct ssi_sd), .props = props, .state = state, .init = ssi_sd_init,
	     .reset = ssi_sd_reset, .post_load = ssi_sd_post_load, .hidden = true);
