#include "hw/scsi/scsi.h"

#include "storage/block.h"
#include "vm/plug.h"

#include <glib.h>
#include <string.h>

const struct prop scsi_props[] = {
	PROP_U32("scsi-id", struct scsi_target, id, SCSI_ID_ANY, "id on the bus"),
	PROP_U32("lun", struct scsi_target, lun, 0, "logical unit"),
	PROP_END,
};

const struct field scsi_target_state[] = {
	F_U8(struct scsi_target, phase),     F_U8(struct scsi_target, status),
	F_BYTES(struct scsi_target, cdb),    F_U8(struct scsi_target, cdb_lun),
	F_U32(struct scsi_target, pos),	     F_U32(struct scsi_target, len),
	F_BYTES(struct scsi_target, buffer), FIELD_END,
};

struct error *scsi_target_post_load(struct scsi_target *t)
{
	/* requests are complete before a state is saved */
	if (t->phase > SCSI_STATUS || t->phase == SCSI_BUSY || t->len > SCSI_BUFFER ||
	    t->pos > t->len)
		return error_new("%s: impossible transfer", t->dev.class->name);
	return NULL;
}

static const struct scsi_target_ops *ops_of(const struct scsi_target *t)
{
	return t->dev.class->bus_info;
}

/* --- bus --- */

static struct error *plug(void *bus, struct device *dev)
{
	return scsi_plug(bus, dev);
}

void scsi_bus_init(struct scsi_bus *bus, const char *name, unsigned int ids, unsigned int own_id,
		   void (*changed)(void *opaque, struct scsi_target *t), void *opaque)
{
	*bus = (struct scsi_bus){
		.ids = MIN(ids, SCSI_IDS), .own_id = own_id, .changed = changed, .opaque = opaque};
	plug_add_bus("SCSI", name, bus, plug);
}

static struct error *choose_id(const struct scsi_bus *bus, struct scsi_target *t)
{
	unsigned int id = 0;

	if (t->lun > 7)
		return error_new("lun=%u: logical units are 0 to 7", t->lun);
	while (t->id == SCSI_ID_ANY && id < bus->ids && (bus->targets[id] || id == bus->own_id))
		id++;
	if (t->id == SCSI_ID_ANY)
		t->id = id;
	if (t->id >= bus->ids)
		return error_new("there are only ids 0 to %u on the SCSI bus", bus->ids - 1);
	if (t->id == bus->own_id)
		return error_new("scsi-id=%u is the host adapter's", t->id);
	if (bus->targets[t->id])
		return error_new("scsi-id=%u is taken by \"%s\"", t->id,
				 bus->targets[t->id]->dev.class->name);
	return NULL;
}

struct error *scsi_plug(struct scsi_bus *bus, struct device *dev)
{
	struct scsi_target *t = (struct scsi_target *)dev;
	struct error *err = choose_id(bus, t);

	if (err) {
		device_free(dev);
		return err;
	}
	t->scsi_bus = bus;
	bus->targets[t->id] = t;
	unsigned int id = t->id;
	err = device_realize(dev);
	if (err)
		bus->targets[id] = NULL;
	return err;
}

struct error *scsi_plug_drives(struct scsi_bus *bus, unsigned int number)
{
	struct error *err = NULL;

	for (unsigned int unit = 0; unit < bus->ids && !err; unit++) {
		struct drive *d = drive_get("scsi", number, unit);
		if (!d || d->claimed)
			continue;
		struct device *dev =
			device_new_named(d->media == MEDIA_CDROM ? "scsi-cd" : "scsi-hd");
		device_set_ptr(dev, "drive", d);
		device_set_u64(dev, "scsi-id", unit);
		err = scsi_plug(bus, dev);
	}
	return err;
}

void scsi_bus_reset(struct scsi_bus *bus)
{
	for (unsigned int id = 0; id < bus->ids; id++) {
		struct scsi_target *t = bus->targets[id];
		if (!t)
			continue;
		t->phase = SCSI_FREE;
		ops_of(t)->abort(t, true);
	}
}

/* --- commands --- */

unsigned int scsi_cdb_length(uint8_t opcode)
{
	static const uint8_t by_group[8] = {6, 10, 10, 16, 16, 12, 10, 10};

	return by_group[opcode >> 5];
}

void scsi_command(struct scsi_target *t, unsigned int lun, const uint8_t *cdb, unsigned int len)
{
	if (t->phase == SCSI_BUSY || t->phase == SCSI_DATA_IN || t->phase == SCSI_DATA_OUT)
		scsi_abort(t);
	memset(t->cdb, 0, sizeof(t->cdb));
	memcpy(t->cdb, cdb, MIN(len, SCSI_CDB_MAX));
	t->cdb_lun = (uint8_t)lun;
	t->pos = t->len = 0;
	t->phase = SCSI_BUSY;
	ops_of(t)->command(t);
}

static void moved(struct scsi_target *t, uint32_t n)
{
	t->pos += n;
	if (t->pos == t->len) {
		t->phase = SCSI_BUSY;
		ops_of(t)->next(t);
	}
}

uint32_t scsi_move_in(struct scsi_target *t, uint8_t *bytes, uint32_t max)
{
	uint32_t n = MIN(max, t->len - t->pos);

	if (t->phase != SCSI_DATA_IN || !n)
		return 0;
	memcpy(bytes, t->buffer + t->pos, n);
	moved(t, n);
	return n;
}

uint32_t scsi_move_out(struct scsi_target *t, const uint8_t *bytes, uint32_t len)
{
	uint32_t n = MIN(len, t->len - t->pos);

	if (t->phase != SCSI_DATA_OUT || !n)
		return 0;
	memcpy(t->buffer + t->pos, bytes, n);
	moved(t, n);
	return n;
}

void scsi_abort(struct scsi_target *t)
{
	t->phase = SCSI_FREE;
	ops_of(t)->abort(t, false);
}

/* --- for targets --- */

static void transfer(struct scsi_target *t, enum scsi_phase phase, uint32_t len)
{
	if (!len) {
		scsi_end(t, SCSI_GOOD);
		return;
	}
	t->pos = 0;
	t->len = MIN(len, SCSI_BUFFER);
	t->phase = (uint8_t)phase;
}

void scsi_data_in(struct scsi_target *t, uint32_t len)
{
	transfer(t, SCSI_DATA_IN, len);
}

void scsi_data_out(struct scsi_target *t, uint32_t len)
{
	transfer(t, SCSI_DATA_OUT, len);
}

void scsi_end(struct scsi_target *t, enum scsi_status status)
{
	t->status = (uint8_t)status;
	t->phase = SCSI_STATUS;
}

void scsi_changed(struct scsi_target *t)
{
	t->scsi_bus->changed(t->scsi_bus->opaque, t);
}
