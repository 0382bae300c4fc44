/*
 * The SCSI bus of the LSI53C895A: selection, messages, and the phases of the target. Source: SPI-3
 * (T10/1302D), clauses 10 and 16.
 *
 * Targets keep the bus from selection to COMMAND COMPLETE, and take neither wide nor synchronous
 * transfers nor tags, as INQUIRY tells; requests for them are rejected.
 */
#include "hw/scsi/lsi53c895a.h"

#include "base/log.h"

#include <glib.h>
#include <string.h>

enum {
	MSG_COMMAND_COMPLETE = 0x00,
	MSG_EXTENDED = 0x01,
	MSG_ABORT = 0x06,
	MSG_REJECT = 0x07,
	MSG_NO_OPERATION = 0x08,
	MSG_RESET = 0x0c,
	MSG_ABORT_TAG = 0x0d,
	MSG_CLEAR_QUEUE = 0x0e,
	MSG_SIMPLE_TAG = 0x20,
	MSG_ORDERED_TAG = 0x22,
	MSG_IGNORE_RESIDUE = 0x23,
	MSG_IDENTIFY = 0x80,
};
#define CHUNK 4096u

static struct scsi_target *connected(const struct lsi *l)
{
	return l->target == LSI_NO_TARGET ? NULL : l->bus.targets[l->target % SCSI_IDS];
}

enum lsi_phase lsi_phase(struct lsi *l)
{
	const struct scsi_target *t = connected(l);

	if (!t)
		return PHASE_NONE;
	if (l->message_pos < l->message_len)
		return PHASE_MESSAGE_IN;
	if (l->atn)
		return PHASE_MESSAGE_OUT;
	if (!l->command_sent)
		return PHASE_COMMAND;
	switch (t->phase) {
	case SCSI_DATA_IN: return PHASE_DATA_IN;
	case SCSI_DATA_OUT: return PHASE_DATA_OUT;
	case SCSI_STATUS: return PHASE_STATUS;
	default: return PHASE_NONE;
	}
}

bool lsi_select(struct lsi *l, unsigned int id, bool atn)
{
	if (id >= SCSI_IDS || !l->bus.targets[id])
		return false;
	l->target = (uint8_t)id;
	l->atn = atn;
	l->identified = l->command_sent = l->final_message = false;
	l->lun = 0;
	l->message_len = l->message_pos = 0;
	l->reg[SCNTL1] |= SCNTL1_CON;
	return true;
}

void lsi_disconnect(struct lsi *l)
{
	l->target = LSI_NO_TARGET;
	l->atn = false;
	l->message_len = l->message_pos = 0;
	l->reg[SCNTL1] &= (uint8_t)~SCNTL1_CON;
}

void lsi_bus_reset(struct lsi *l)
{
	lsi_disconnect(l);
	scsi_bus_reset(&l->bus);
}

void lsi_target_changed(void *opaque, struct scsi_target *t)
{
	struct lsi *l = opaque;

	if (connected(l) != t || l->state != SCRIPT_WAIT_TARGET)
		return;
	l->state = SCRIPT_RUNNING;
	lsi_run(l);
}

/* --- messages --- */

static void send_message(struct lsi *l, uint8_t byte)
{
	l->message[0] = byte;
	l->message_len = 1;
	l->message_pos = 0;
}

/* One message; returns its length, at most `len`. */
static uint32_t take_message(struct lsi *l, struct scsi_target *t, const uint8_t *m, uint32_t len)
{
	if (m[0] & MSG_IDENTIFY) {
		l->lun = m[0] & 7;
		return 1;
	}
	switch (m[0]) {
	case MSG_EXTENDED:
		send_message(l, MSG_REJECT);
		return len < 2 ? len : MIN(len, 2u + (m[1] ? m[1] : 256));
	case MSG_ABORT:
	case MSG_ABORT_TAG:
	case MSG_CLEAR_QUEUE:
		scsi_abort(t);
		lsi_disconnect(l);
		return len;
	case MSG_RESET: lsi_bus_reset(l); return len;
	case MSG_NO_OPERATION: return 1;
	case MSG_SIMPLE_TAG ... MSG_ORDERED_TAG: return MIN(len, 2);
	case MSG_REJECT: return 1;
	default:
		log_printf(LOG_GUEST_ERRORS, "lsi53c895a: message %02x\n", m[0]);
		send_message(l, MSG_REJECT);
		return 1;
	}
}

static uint32_t message_out(struct lsi *l, uint64_t addr, uint32_t len)
{
	uint8_t bytes[64];
	uint32_t n = MIN(len, sizeof(bytes)), at = 0;
	struct scsi_target *t = connected(l);

	pci_dma_read(&l->pci, addr, bytes, n);
	l->reg[SFBR] = bytes[0];
	l->identified = true;
	l->atn = n < len; /* dropped before the last byte */
	while (at < n && connected(l))
		at += take_message(l, t, bytes + at, n - at);
	return n;
}

static uint32_t message_in(struct lsi *l, uint64_t addr, uint32_t len)
{
	uint32_t n = MIN(len, (uint32_t)(l->message_len - l->message_pos));

	pci_dma_write(&l->pci, addr, l->message + l->message_pos, n);
	l->reg[SFBR] = l->message[l->message_pos];
	l->message_pos = (uint8_t)(l->message_pos + n);
	if (l->final_message && l->message_pos == l->message_len)
		lsi_disconnect(l);
	return n;
}

/* --- command, data, status --- */

static uint32_t command_out(struct lsi *l, struct scsi_target *t, uint64_t addr, uint32_t len)
{
	uint8_t cdb[SCSI_CDB_MAX];
	uint32_t n = MIN(len, sizeof(cdb));

	pci_dma_read(&l->pci, addr, cdb, n);
	l->reg[SFBR] = cdb[0];
	l->command_sent = true;
	scsi_command(t, l->lun, cdb, n);
	return len;
}

static uint32_t data_in(struct lsi *l, struct scsi_target *t, uint64_t addr, uint32_t len)
{
	uint8_t bytes[CHUNK];
	uint32_t n = scsi_move_in(t, bytes, MIN(len, CHUNK));

	l->reg[SFBR] = bytes[0];
	pci_dma_write(&l->pci, addr, bytes, n);
	return n;
}

static uint32_t data_out(struct lsi *l, struct scsi_target *t, uint64_t addr, uint32_t len)
{
	uint8_t bytes[CHUNK];
	uint32_t n = MIN(MIN(len, CHUNK), t->len - t->pos);

	pci_dma_read(&l->pci, addr, bytes, n);
	return scsi_move_out(t, bytes, n);
}

static uint32_t status_in(struct lsi *l, struct scsi_target *t, uint64_t addr)
{
	pci_dma_write(&l->pci, addr, &t->status, 1);
	l->reg[SFBR] = t->status;
	t->phase = SCSI_FREE;
	send_message(l, MSG_COMMAND_COMPLETE);
	l->final_message = true;
	return 1;
}

uint32_t lsi_move(struct lsi *l, enum lsi_phase phase, uint64_t addr, uint32_t len)
{
	struct scsi_target *t = connected(l);

	switch (phase) {
	case PHASE_DATA_OUT: return data_out(l, t, addr, len);
	case PHASE_DATA_IN: return data_in(l, t, addr, len);
	case PHASE_COMMAND: return command_out(l, t, addr, len);
	case PHASE_STATUS: return status_in(l, t, addr);
	case PHASE_MESSAGE_OUT: return message_out(l, addr, len);
	case PHASE_MESSAGE_IN: return message_in(l, addr, len);
	default: return len;
	}
}
