/* SMBus host controller of the 82371AB (290562-001, section 7.5). Transactions end at once. */
#include "hw/i2c/smbus.h"

#include "base/log.h"

#include <glib.h>
#include <string.h>

enum {
	SMBHSTSTS = 0,
	SMBHSTCNT = 2,
	SMBHSTCMD = 3,
	SMBHSTADD = 4,
	SMBHSTDAT0 = 5,
	SMBHSTDAT1 = 6,
	SMBBLKDAT = 7,
};

#define STS_INTER   0x02
#define STS_DEV_ERR 0x04
#define STS_FAILED  0x10
#define STS_CLEAR   0x1e

#define CNT_KILL  0x02
#define CNT_START 0x40

enum { PROTOCOL_QUICK, PROTOCOL_BYTE, PROTOCOL_BYTE_DATA, PROTOCOL_WORD_DATA, PROTOCOL_BLOCK = 5 };

static bool do_write(struct smbus_host *h, struct smbus_target *t, unsigned int protocol)
{
	uint8_t bytes[SMBUS_BLOCK + 2] = {h->command, h->data0, h->data1};
	unsigned int len = MIN(h->data0, SMBUS_BLOCK);

	switch (protocol) {
	case PROTOCOL_QUICK: t->write(t->opaque, bytes, 0); return true;
	case PROTOCOL_BYTE: t->write(t->opaque, bytes, 1); return true;
	case PROTOCOL_BYTE_DATA: t->write(t->opaque, bytes, 2); return true;
	case PROTOCOL_WORD_DATA: t->write(t->opaque, bytes, 3); return true;
	case PROTOCOL_BLOCK:
		memcpy(bytes + 1, h->block, len);
		t->write(t->opaque, bytes, len + 1);
		h->block_index = 0;
		return true;
	default: return false;
	}
}

static bool do_read(struct smbus_host *h, struct smbus_target *t, unsigned int protocol)
{
	uint8_t bytes[SMBUS_BLOCK] = {0};

	switch (protocol) {
	case PROTOCOL_QUICK: return true;
	case PROTOCOL_BYTE: t->read(t->opaque, -1, &h->data0, 1); return true;
	case PROTOCOL_BYTE_DATA: t->read(t->opaque, h->command, &h->data0, 1); return true;
	case PROTOCOL_WORD_DATA:
		t->read(t->opaque, h->command, bytes, 2);
		h->data0 = bytes[0];
		h->data1 = bytes[1];
		return true;
	case PROTOCOL_BLOCK:
		h->data0 = (uint8_t)t->read(t->opaque, h->command, bytes, SMBUS_BLOCK);
		memcpy(h->block, bytes, SMBUS_BLOCK);
		h->block_index = 0;
		return true;
	default: return false;
	}
}

static void start(struct smbus_host *h, struct smbus *bus)
{
	struct smbus_target *t = bus->targets[h->address >> 1];
	unsigned int protocol = h->control >> 2 & 7;
	bool ok;

	if (!t) {
		h->status |= STS_DEV_ERR;
		return;
	}
	ok = h->address & 1 ? do_read(h, t, protocol) : do_write(h, t, protocol);
	h->status |= ok ? STS_INTER : STS_DEV_ERR;
}

uint8_t smbus_host_read(struct smbus_host *h, unsigned int offset)
{
	uint8_t value;

	switch (offset) {
	case SMBHSTSTS: return h->status;
	case SMBHSTCNT:
		h->block_index = 0; /* reading it rewinds the block buffer */
		return h->control & 0x1f;
	case SMBHSTCMD: return h->command;
	case SMBHSTADD: return h->address;
	case SMBHSTDAT0: return h->data0;
	case SMBHSTDAT1: return h->data1;
	case SMBBLKDAT:
		value = h->block[h->block_index % SMBUS_BLOCK];
		h->block_index = (h->block_index + 1) % SMBUS_BLOCK;
		return value;
	default: return 0;
	}
}

void smbus_host_write(struct smbus_host *h, struct smbus *bus, unsigned int offset, uint8_t value)
{
	switch (offset) {
	case SMBHSTSTS: h->status &= (uint8_t)~(value & STS_CLEAR); break;
	case SMBHSTCNT:
		h->control = value;
		if (value & CNT_KILL)
			h->status |= STS_FAILED;
		else if (value & CNT_START)
			start(h, bus);
		break;
	case SMBHSTCMD: h->command = value; break;
	case SMBHSTADD: h->address = value; break;
	case SMBHSTDAT0: h->data0 = value; break;
	case SMBHSTDAT1: h->data1 = value; break;
	case SMBBLKDAT:
		h->block[h->block_index % SMBUS_BLOCK] = value;
		h->block_index = (h->block_index + 1) % SMBUS_BLOCK;
		break;
	default: break;
	}
}

void smbus_host_reset(struct smbus_host *h)
{
	*h = (struct smbus_host){0};
}

const struct field smbus_host_state[] = {
	F_U8(struct smbus_host, status),
	F_U8(struct smbus_host, control),
	F_U8(struct smbus_host, command),
	F_U8(struct smbus_host, address),
	F_U8(struct smbus_host, data0),
	F_U8(struct smbus_host, data1),
	F_U8(struct smbus_host, block_index),
	F_BYTES(struct smbus_host, block),
	FIELD_END,
};
