/*
 * The register file of an ATA channel (ATA/ATAPI-6, clause 7), device selection, reset, interrupt.
 *
 *	offset 0  Data			4  LBA Mid  (Cylinder Low)
 *	       1  Error / Features	5  LBA High (Cylinder High)
 *	       2  Sector Count		6  Device
 *	       3  LBA Low		7  Status / Command
 *	control:  Alternate Status / Device Control
 *
 * The host writes both devices' registers at once; only reads and commands are for the selected
 * one. Where device 1 is missing, device 0 answers for it with a zero status (clause 9.16.1).
 */
#include "hw/ide/ide.h"

#include "base/bytes.h"
#include "base/log.h"

enum {
	REG_DATA,
	REG_ERROR, /* Features when written */
	REG_COUNT,
	REG_LBA_LOW,
	REG_LBA_MID,
	REG_LBA_HIGH,
	REG_DEVICE,
	REG_STATUS, /* Command when written */
};

static struct ide_unit *selected(struct ide_channel *c)
{
	return &c->units[c->selected];
}

/* The device that answers: the selected one, or device 0 for a missing device 1. */
static struct ide_unit *answering(struct ide_channel *c)
{
	struct ide_unit *u = selected(c);

	if (!u->drive)
		u = &c->units[0];
	return u->drive ? u : NULL;
}

/* --- interrupt --- */

void ide_update_irq(struct ide_channel *c)
{
	struct ide_unit *u = selected(c);
	bool level = u->drive && u->irq_pending && !(c->control & ATA_NIEN);

	if (c->irq && c->irq->level != level)
		irq_set(c->irq, level);
}

void ide_raise_irq(struct ide_unit *u)
{
	u->irq_pending = true;
	ide_update_irq(u->channel);
	if (u->channel->dma && !(u->channel->control & ATA_NIEN))
		u->channel->dma->interrupt(u->channel->dma_opaque);
}

/* --- the ends of commands --- */

void ide_finish(struct ide_unit *u)
{
	u->transfer = IDE_IDLE;
	u->waiting_dma = false;
	u->status = ATA_DRDY | ATA_DSC;
	ide_raise_irq(u);
}

void ide_abort(struct ide_unit *u, uint8_t error)
{
	u->transfer = IDE_IDLE;
	u->waiting_dma = false;
	u->error = error;
	u->status = ATA_DRDY | ATA_DSC | ATA_ERR;
	ide_raise_irq(u);
}

void ide_reply(struct ide_unit *u, uint32_t len)
{
	u->transfer = IDE_REPLY;
	u->pos = 0;
	u->block = u->fill = len;
	u->status = ATA_DRDY | ATA_DSC | ATA_DRQ;
	ide_raise_irq(u);
}

/* --- DMA --- */

bool ide_dma_ready(struct ide_unit *u, bool to_memory)
{
	struct ide_channel *c = u->channel;

	return c->dma && c->dma->ready(c->dma_opaque, to_memory);
}

void ide_dma_started(struct ide_channel *c)
{
	for (unsigned int i = 0; i < 2; i++) {
		struct ide_unit *u = &c->units[i];
		if (!u->waiting_dma || u->in_flight)
			continue;
		if (u->packet)
			atapi_dma_go(u);
		else
			ata_dma_go(u);
	}
}

void ide_dma_stopped(struct ide_channel *c)
{
	if (c->units[0].in_flight || c->units[1].in_flight)
		drives_drain();
}

/* --- data register --- */

static void block_done(struct ide_unit *u)
{
	if (u->packet && u->transfer >= IDE_PACKET)
		atapi_block_done(u);
	else
		ata_block_done(u);
}

static bool host_reads(const struct ide_unit *u)
{
	return u->transfer == IDE_PIO_IN || u->transfer == IDE_REPLY ||
	       u->transfer == IDE_PACKET_IN;
}

static bool host_writes(const struct ide_unit *u)
{
	return u->transfer == IDE_PIO_OUT || u->transfer == IDE_PACKET ||
	       u->transfer == IDE_PACKET_OUT;
}

uint32_t ide_read_data(struct ide_channel *c, unsigned int size)
{
	struct ide_unit *u = answering(c);

	if (!u || !(u->status & ATA_DRQ) || !host_reads(u))
		return 0;
	/* The last odd byte of a packet device's block comes with a pad byte. */
	uint32_t n = MIN(size, u->block - u->pos), value = 0;
	for (uint32_t i = 0; i < n; i++)
		value |= (uint32_t)u->buffer[u->pos + i] << (8 * i);
	u->pos += n;
	if (u->pos == u->block)
		block_done(u);
	return value;
}

void ide_write_data(struct ide_channel *c, uint32_t value, unsigned int size)
{
	struct ide_unit *u = answering(c);

	if (!u || !(u->status & ATA_DRQ) || !host_writes(u))
		return;
	uint32_t n = MIN(size, u->block - u->pos);
	for (uint32_t i = 0; i < n; i++)
		u->buffer[u->pos + i] = (uint8_t)(value >> (8 * i));
	u->pos += n;
	if (u->pos == u->block)
		block_done(u);
}

/* --- the other registers --- */

uint8_t ide_read_register(struct ide_channel *c, unsigned int reg)
{
	struct ide_unit *u = answering(c);
	bool hob = c->control & ATA_HOB;

	if (!u)
		return 0;
	switch (reg) {
	case REG_ERROR: return hob ? u->hob_features : u->error;
	case REG_COUNT: return hob ? u->hob_count : u->count;
	case REG_LBA_LOW: return hob ? u->hob_low : u->lba_low;
	case REG_LBA_MID: return hob ? u->hob_mid : u->lba_mid;
	case REG_LBA_HIGH: return hob ? u->hob_high : u->lba_high;
	case REG_DEVICE: return u->device;
	case REG_STATUS:
		if (u != selected(c))
			return 0;
		u->irq_pending = false;
		ide_update_irq(c);
		return u->status;
	default: return 0;
	}
}

uint8_t ide_read_alternate(struct ide_channel *c)
{
	struct ide_unit *u = answering(c);

	return u && u == selected(c) ? u->status : 0;
}

static void write_task_file(struct ide_unit *u, unsigned int reg, uint8_t value)
{
	switch (reg) {
	case REG_ERROR:
		u->hob_features = u->features;
		u->features = value;
		break;
	case REG_COUNT:
		u->hob_count = u->count;
		u->count = value;
		break;
	case REG_LBA_LOW:
		u->hob_low = u->lba_low;
		u->lba_low = value;
		break;
	case REG_LBA_MID:
		u->hob_mid = u->lba_mid;
		u->lba_mid = value;
		break;
	case REG_LBA_HIGH:
		u->hob_high = u->lba_high;
		u->lba_high = value;
		break;
	default: u->device = value | 0xa0; break;
	}
}

static void write_command(struct ide_channel *c, uint8_t command)
{
	struct ide_unit *u = selected(c);

	/* EXECUTE DEVICE DIAGNOSTIC is for both; its result is the signature. */
	if (command == 0x90) {
		for (unsigned int i = 0; i < 2; i++)
			if (c->units[i].drive)
				ata_command(&c->units[i], command);
		return;
	}
	if (!u->drive)
		return;
	if ((u->status & (ATA_BSY | ATA_DRQ)) && !(u->packet && command == 0x08)) {
		log_printf(LOG_GUEST_ERRORS, "ide: command %02x while %02x is under way\n", command,
			   u->command);
		if (u->in_flight)
			return;
	}
	u->irq_pending = false;
	ide_update_irq(c);
	ata_command(u, command);
}

void ide_write_register(struct ide_channel *c, unsigned int reg, uint8_t value)
{
	c->control &= (uint8_t)~ATA_HOB;
	if (reg == REG_STATUS) {
		write_command(c, value);
		return;
	}
	if (reg == REG_DATA)
		return;
	for (unsigned int i = 0; i < 2; i++)
		if (!(c->units[i].status & ATA_BSY) || reg == REG_DEVICE)
			write_task_file(&c->units[i], reg, value);
	if (reg == REG_DEVICE) {
		c->selected = value & ATA_DEV ? 1 : 0;
		ide_update_irq(c);
	}
}

/* --- reset --- */

static void unit_reset(struct ide_unit *u)
{
	u->transfer = IDE_IDLE;
	u->waiting_dma = false;
	u->irq_pending = false;
	u->pos = u->block = u->fill = 0;
	u->left = 0;
	u->multiple = 0;
	u->sleeping = false;
	u->power_mode = 0xff;
	u->cur_heads = u->heads;
	u->cur_secs = u->secs;
	u->write_cache = u->read_ahead = u->smart_enabled = true;
	u->error = 1; /* diagnostic passed */
	ata_signature(u);
	if (u->packet)
		atapi_reset(u);
}

void ide_write_control(struct ide_channel *c, uint8_t value)
{
	uint8_t old = c->control;

	c->control = value;
	if (!(old & ATA_SRST) && (value & ATA_SRST)) {
		ide_dma_stopped(c);
		for (unsigned int i = 0; i < 2; i++) {
			unit_reset(&c->units[i]);
			c->units[i].status = ATA_BSY | ATA_DSC;
		}
	} else if ((old & ATA_SRST) && !(value & ATA_SRST)) {
		for (unsigned int i = 0; i < 2; i++)
			ata_signature(&c->units[i]);
		c->selected = 0;
	}
	ide_update_irq(c);
}

void ide_channel_reset(struct ide_channel *c)
{
	ide_dma_stopped(c);
	c->control = 0;
	c->selected = 0;
	for (unsigned int i = 0; i < 2; i++) {
		unit_reset(&c->units[i]);
		c->units[i].transfer_mode = 0x45; /* as the firmware would leave it: UDMA 5 */
	}
}

void ide_channel_settle(struct ide_channel *c)
{
	if (c->irq)
		irq_set(c->irq, 0);
}

/* --- ports --- */

static uint64_t command_read(void *opaque, uint64_t offset, unsigned int size)
{
	struct ide_channel *c = opaque;
	uint64_t value = 0;

	if (offset == REG_DATA)
		return ide_read_data(c, size);
	for (unsigned int i = 0; i < size; i++)
		value |= (uint64_t)ide_read_register(c, (unsigned int)(offset + i) & 7) << (8 * i);
	return value;
}

static void command_write(void *opaque, uint64_t offset, uint64_t value, unsigned int size)
{
	struct ide_channel *c = opaque;

	if (offset == REG_DATA) {
		ide_write_data(c, (uint32_t)value, size);
		return;
	}
	for (unsigned int i = 0; i < size; i++)
		ide_write_register(c, (unsigned int)(offset + i) & 7, (uint8_t)(value >> (8 * i)));
}

static uint64_t alternate_read(void *opaque, uint64_t offset, unsigned int size)
{
	return ide_read_alternate(opaque);
}

static void alternate_write(void *opaque, uint64_t offset, uint64_t value, unsigned int size)
{
	ide_write_control(opaque, (uint8_t)value);
}

static const struct region_ops command_ops = {
	.read = command_read, .write = command_write, .max_size = 4};
static const struct region_ops alternate_ops = {
	.read = alternate_read, .write = alternate_write, .max_size = 1};

struct error *ide_channel_init(struct ide_channel *c, const char *interface, unsigned int bus)
{
	region_init_io(&c->command, "ide", 8, &command_ops, c);
	region_init_io(&c->alternate, "ide-control", 1, &alternate_ops, c);
	for (unsigned int i = 0; i < 2; i++) {
		struct ide_unit *u = &c->units[i];
		struct drive *d = drive_get(interface, bus, i);
		u->channel = c;
		u->number = (uint8_t)i;
		u->drive = NULL;
		if (!d || d->claimed || (d->media == MEDIA_DISK && !d->block))
			continue;
		d->claimed = true;
		u->drive = d;
		u->packet = d->media == MEDIA_CDROM;
		if (u->packet) {
			d->changed = atapi_medium_changed;
			d->changed_opaque = u;
			u->cd_blocks = (uint32_t)(drive_size(d) / 2048);
			u->was_empty = !d->block;
		} else {
			int translation;
			drive_geometry(d, &u->cyls, &u->heads, &u->secs, &translation);
		}
	}
	return NULL;
}

/* --- saved state --- */

static const struct field unit_fields[] = {
	F_U8(struct ide_unit, features),
	F_U8(struct ide_unit, count),
	F_U8(struct ide_unit, lba_low),
	F_U8(struct ide_unit, lba_mid),
	F_U8(struct ide_unit, lba_high),
	F_U8(struct ide_unit, device),
	F_U8(struct ide_unit, error),
	F_U8(struct ide_unit, status),
	F_U8(struct ide_unit, hob_features),
	F_U8(struct ide_unit, hob_count),
	F_U8(struct ide_unit, hob_low),
	F_U8(struct ide_unit, hob_mid),
	F_U8(struct ide_unit, hob_high),
	F_BOOL(struct ide_unit, irq_pending),
	F_U32(struct ide_unit, cur_heads),
	F_U32(struct ide_unit, cur_secs),
	F_U8(struct ide_unit, multiple),
	F_U8(struct ide_unit, transfer_mode),
	F_BOOL(struct ide_unit, write_cache),
	F_BOOL(struct ide_unit, read_ahead),
	F_BOOL(struct ide_unit, smart_enabled),
	F_BOOL(struct ide_unit, sleeping),
	F_U8(struct ide_unit, power_mode),
	F_U8(struct ide_unit, command),
	F_U8(struct ide_unit, transfer),
	F_BOOL(struct ide_unit, lba48),
	F_BOOL(struct ide_unit, waiting_dma),
	F_U64(struct ide_unit, lba),
	F_U32(struct ide_unit, left),
	F_U32(struct ide_unit, pos),
	F_U32(struct ide_unit, block),
	F_U32(struct ide_unit, fill),
	F_U8(struct ide_unit, sense_key),
	F_U8(struct ide_unit, asc),
	F_U8(struct ide_unit, ascq),
	F_U8(struct ide_unit, cd_flavour),
	F_BOOL(struct ide_unit, packet_dma),
	F_BOOL(struct ide_unit, unit_attention),
	F_BOOL(struct ide_unit, was_empty),
	F_U8(struct ide_unit, media_event),
	F_U32(struct ide_unit, byte_limit),
	F_U32(struct ide_unit, cd_lba),
	F_U32(struct ide_unit, cd_left),
	F_U32(struct ide_unit, cd_blocks),
	F_BYTES(struct ide_unit, buffer),
	FIELD_END,
};

const struct field ide_channel_fields[] = {
	F_STRUCTS(struct ide_channel, units, unit_fields),
	F_U8(struct ide_channel, selected),
	F_U8(struct ide_channel, control),
	FIELD_END,
};

static bool unit_is_possible(const struct ide_unit *u)
{
	if (u->transfer > IDE_PACKET_OUT || u->fill > ATA_BUFFER_SIZE || u->block > u->fill ||
	    u->pos > u->block || u->left > 65536)
		return false;
	if (u->multiple > 128 || (u->multiple & (u->multiple - 1)))
		return false;
	if (!u->packet && u->drive && (!u->cur_heads || u->cur_heads > 16 || u->cur_secs > 255))
		return false;
	if (u->packet != (u->transfer >= IDE_PACKET) && u->transfer >= IDE_PACKET)
		return false;
	if (u->transfer == IDE_PACKET && u->block > 12)
		return false;
	return u->cd_flavour <= 4;
}

struct error *ide_channel_post_load(struct ide_channel *c)
{
	c->selected &= 1;
	for (unsigned int i = 0; i < 2; i++) {
		struct ide_unit *u = &c->units[i];
		if (!unit_is_possible(u))
			return error_new("ide: impossible state of device %u", i);
		if (u->drive && u->waiting_dma && !u->in_flight && u->channel->dma)
			continue; /* goes on when the bus master is looked at again */
	}
	return NULL;
}
