/*
 * SCSI: targets, and what a host adapter does with them. Sources: SAM-2, SPC-3, SBC-2, MMC-3 (T10).
 *
 * A target carries out one command at a time. The adapter selects it, gives it the command and then
 * moves the data through the target's buffer:
 *
 *	scsi_command(t, lun, cdb, len);        t->phase tells what the target wants next
 *	n = scsi_move_in(t, bytes, max);       SCSI_DATA_IN: takes what is there
 *	n = scsi_move_out(t, bytes, len);      SCSI_DATA_OUT: gives what there is room for
 *	status = t->status;                    SCSI_STATUS
 *
 * In SCSI_BUSY the target waits for its medium; the adapter's changed() is called when that is over
 * (never from inside the calls above). A target is a device of bus kind "SCSI" whose struct begins
 * with `struct scsi_target`; its class's bus_info is a `struct scsi_target_ops`. Machine lock held.
 */
#ifndef HW_SCSI_SCSI_H
#define HW_SCSI_SCSI_H

#include "vm/device.h"

#include <stdbool.h>

#define SCSI_IDS     16
#define SCSI_BUFFER  (64 * 1024u)
#define SCSI_CDB_MAX 16

/* Saved: numbers are fixed. */
enum scsi_phase {
	SCSI_FREE = 0,	   /* no command */
	SCSI_BUSY = 1,	   /* the medium is being read or written */
	SCSI_DATA_IN = 2,  /* buffer[pos, len) is for the host */
	SCSI_DATA_OUT = 3, /* buffer[pos, len) is to be filled */
	SCSI_STATUS = 4,   /* done */
};

enum scsi_status {
	SCSI_GOOD = 0x00,
	SCSI_CHECK_CONDITION = 0x02,
	SCSI_STATUS_BUSY = 0x08,
	SCSI_RESERVATION_CONFLICT = 0x18,
};

struct scsi_bus;
struct scsi_target;

struct scsi_target_ops {
	/* Starts t->cdb (cdb_len bytes, the rest is 0): sets the phase. */
	void (*command)(struct scsi_target *t);
	/* The buffer has been emptied (DATA_IN) or filled (DATA_OUT): sets the next phase. */
	void (*next)(struct scsi_target *t);
	/* Bus or target reset, or the command is aborted: no request may call changed() any more.
	 */
	void (*abort)(struct scsi_target *t, bool reset);
};

struct scsi_target {
	struct device dev;
	struct scsi_bus *scsi_bus;
	uint32_t id;  /* property "scsi-id"; SCSI_ID_ANY: the first free one */
	uint32_t lun; /* property "lun": the only one that answers */
	/* the command */
	uint8_t phase, status;
	uint8_t cdb[SCSI_CDB_MAX], cdb_lun;
	uint32_t pos, len; /* in buffer */
	uint8_t buffer[SCSI_BUFFER];
};
#define SCSI_ID_ANY UINT32_MAX

extern const struct prop scsi_props[];
/* State list that every target's own starts with: F_STRUCT(type, member, scsi_target_state). */
extern const struct field scsi_target_state[];
struct error *scsi_target_post_load(struct scsi_target *t) NODISCARD;

struct scsi_bus {
	struct scsi_target *targets[SCSI_IDS];
	unsigned int ids, own_id; /* ids of the bus, and the adapter's among them */
	void (*changed)(void *opaque, struct scsi_target *t);
	void *opaque;
};

/* Makes a bus and offers it to -device under `name` (borrowed). */
void scsi_bus_init(struct scsi_bus *bus, const char *name, unsigned int ids, unsigned int own_id,
		   void (*changed)(void *opaque, struct scsi_target *t), void *opaque);
/* Plugs and realizes a target whose properties are set; on error it is freed. */
struct error *scsi_plug(struct scsi_bus *bus, struct device *dev) NODISCARD;
/* Makes disks and CD-ROM drives of all -drive if=scsi,bus=N, with the unit as id. */
struct error *scsi_plug_drives(struct scsi_bus *bus, unsigned int number) NODISCARD;
/* Aborts everything. */
void scsi_bus_reset(struct scsi_bus *bus);

void scsi_command(struct scsi_target *t, unsigned int lun, const uint8_t *cdb, unsigned int len);
uint32_t scsi_move_in(struct scsi_target *t, uint8_t *bytes, uint32_t max);
uint32_t scsi_move_out(struct scsi_target *t, const uint8_t *bytes, uint32_t len);
void scsi_abort(struct scsi_target *t);
/* Bytes of a command by its first (SPC-3, 4.3.4.1). */
unsigned int scsi_cdb_length(uint8_t opcode);

/* --- for targets --- */

/* Offers buffer[0, len) to the host, or asks it for so much; len 0 ends with GOOD. */
void scsi_data_in(struct scsi_target *t, uint32_t len);
void scsi_data_out(struct scsi_target *t, uint32_t len);
void scsi_end(struct scsi_target *t, enum scsi_status status);
/* After a request that took time: tells the adapter of the new phase. */
void scsi_changed(struct scsi_target *t);

#endif
