/*
 * Commands of an ATA disk (ATA/ATAPI-6, clause 8).
 *
 * Reads and writes go through the unit's buffer, up to 256 sectors at a time: PIO hands it to the
 * host in DRQ blocks (one sector, or SET MULTIPLE's count), DMA in one go.
 */
#include "hw/ide/ide.h"

#include "base/log.h"

#include <string.h>

enum ata_opcode {
	CMD_NOP = 0x00,
	CMD_DEVICE_RESET = 0x08,
	CMD_RECALIBRATE = 0x10, /* 10h-1Fh */
	CMD_READ = 0x20,
	CMD_READ_ONCE = 0x21,
	CMD_READ_EXT = 0x24,
	CMD_READ_DMA_EXT = 0x25,
	CMD_READ_NATIVE_MAX_EXT = 0x27,
	CMD_READ_MULTIPLE_EXT = 0x29,
	CMD_WRITE = 0x30,
	CMD_WRITE_ONCE = 0x31,
	CMD_WRITE_EXT = 0x34,
	CMD_WRITE_DMA_EXT = 0x35,
	CMD_WRITE_MULTIPLE_EXT = 0x39,
	CMD_WRITE_VERIFY = 0x3c,
	CMD_WRITE_DMA_FUA_EXT = 0x3d,
	CMD_VERIFY = 0x40,
	CMD_VERIFY_ONCE = 0x41,
	CMD_VERIFY_EXT = 0x42,
	CMD_SEEK = 0x70, /* 70h-7Fh */
	CMD_DIAGNOSTIC = 0x90,
	CMD_INIT_PARAMETERS = 0x91,
	CMD_STANDBY_IMMEDIATE_OLD = 0x94,
	CMD_IDLE_IMMEDIATE_OLD,
	CMD_STANDBY_OLD,
	CMD_IDLE_OLD,
	CMD_CHECK_POWER_OLD,
	CMD_SLEEP_OLD,
	CMD_PACKET = 0xa0,
	CMD_IDENTIFY_PACKET = 0xa1,
	CMD_SMART = 0xb0,
	CMD_READ_MULTIPLE = 0xc4,
	CMD_WRITE_MULTIPLE = 0xc5,
	CMD_SET_MULTIPLE = 0xc6,
	CMD_READ_DMA = 0xc8,
	CMD_READ_DMA_ONCE = 0xc9,
	CMD_WRITE_DMA = 0xca,
	CMD_WRITE_DMA_ONCE = 0xcb,
	CMD_WRITE_MULTIPLE_FUA_EXT = 0xce,
	CMD_STANDBY_IMMEDIATE = 0xe0,
	CMD_IDLE_IMMEDIATE,
	CMD_STANDBY,
	CMD_IDLE,
	CMD_READ_BUFFER,
	CMD_CHECK_POWER,
	CMD_SLEEP,
	CMD_FLUSH,
	CMD_WRITE_BUFFER,
	CMD_FLUSH_EXT = 0xea,
	CMD_IDENTIFY = 0xec,
	CMD_SET_FEATURES = 0xef,
	CMD_SECURITY_FREEZE = 0xf5,
	CMD_READ_NATIVE_MAX = 0xf8,
};

/* --- addresses --- */

static uint64_t disk_sectors(const struct ide_unit *u)
{
	return drive_size(u->drive) / 512;
}

/* Clause 6.2: CHS, 28-bit and 48-bit LBA. False where CHS names no sector. */
static bool get_address(struct ide_unit *u, uint64_t *lba)
{
	if (u->lba48) {
		*lba = (uint64_t)u->hob_high << 40 | (uint64_t)u->hob_mid << 32 |
		       (uint64_t)u->hob_low << 24 | (uint64_t)u->lba_high << 16 |
		       (uint64_t)u->lba_mid << 8 | u->lba_low;
		return true;
	}
	if (u->device & ATA_LBA) {
		*lba = (uint64_t)(u->device & 15) << 24 | (uint64_t)u->lba_high << 16 |
		       (uint64_t)u->lba_mid << 8 | u->lba_low;
		return true;
	}
	uint32_t cylinder = (uint32_t)u->lba_high << 8 | u->lba_mid;
	uint32_t head = u->device & 15, sector = u->lba_low;
	if (!sector || sector > u->cur_secs || head >= u->cur_heads)
		return false;
	*lba = ((uint64_t)cylinder * u->cur_heads + head) * u->cur_secs + sector - 1;
	return true;
}

/* Shows an address in the registers, in the form that the command used. */
static void set_address(struct ide_unit *u, uint64_t lba)
{
	if (u->lba48 || (u->device & ATA_LBA)) {
		u->lba_low = (uint8_t)lba;
		u->lba_mid = (uint8_t)(lba >> 8);
		u->lba_high = (uint8_t)(lba >> 16);
		if (u->lba48) {
			u->hob_low = (uint8_t)(lba >> 24);
			u->hob_mid = (uint8_t)(lba >> 32);
			u->hob_high = (uint8_t)(lba >> 40);
		} else {
			u->device = (uint8_t)((u->device & 0xf0) | (lba >> 24 & 15));
		}
		return;
	}
	uint64_t track = lba / u->cur_secs, cylinder = track / u->cur_heads;
	u->lba_low = (uint8_t)(lba % u->cur_secs + 1);
	u->device = (uint8_t)((u->device & 0xf0) | track % u->cur_heads);
	u->lba_mid = (uint8_t)cylinder;
	u->lba_high = (uint8_t)(cylinder >> 8);
}

static uint32_t get_count(const struct ide_unit *u)
{
	if (u->lba48) {
		uint32_t n = (uint32_t)u->hob_count << 8 | u->count;
		return n ? n : 65536;
	}
	return u->count ? u->count : 256;
}

/* --- the transfer loop --- */

static void next_chunk(struct ide_unit *u);

/* The medium failed at or behind u->lba. */
static void medium_error(struct ide_unit *u, bool write)
{
	set_address(u, u->lba);
	u->count = (uint8_t)u->left;
	u->hob_count = (uint8_t)(u->left >> 8);
	ide_abort(u, write ? ATA_ABRT : ATA_UNC);
}

/* Opens the next DRQ block of what the buffer holds. */
static void open_block(struct ide_unit *u, bool interrupt)
{
	bool multiple = u->command == CMD_READ_MULTIPLE || u->command == CMD_WRITE_MULTIPLE ||
			u->command == CMD_READ_MULTIPLE_EXT ||
			u->command == CMD_WRITE_MULTIPLE_EXT ||
			u->command == CMD_WRITE_MULTIPLE_FUA_EXT;
	uint32_t size = multiple ? u->multiple * 512u : 512u;

	u->block = MIN(u->fill, u->pos + size);
	u->status = ATA_DRDY | ATA_DSC | ATA_DRQ;
	if (interrupt)
		ide_raise_irq(u);
}

/* `n` sectors have been moved between medium and host. */
static void advance(struct ide_unit *u, uint32_t n)
{
	u->lba += n;
	u->left -= n;
}

static void all_moved(struct ide_unit *u)
{
	set_address(u, u->lba - 1);
	u->count = 0;
	u->hob_count = 0;
}

static void dma_to_host(struct ide_unit *u)
{
	struct ide_channel *c = u->channel;
	uint32_t moved = c->dma->move(c->dma_opaque, u->buffer, u->fill, true);

	if (moved < u->fill) {
		/* The table was too short: the device waits for a host that does not come. */
		u->status = ATA_DRDY | ATA_DSC | ATA_DRQ;
		return;
	}
	advance(u, u->fill / 512);
	next_chunk(u);
}

static void read_done(void *opaque, int error)
{
	struct ide_unit *u = opaque;

	u->in_flight = false;
	if (error) {
		medium_error(u, false);
		return;
	}
	u->pos = 0;
	if (u->transfer == IDE_DMA_IN)
		dma_to_host(u);
	else
		open_block(u, true);
}

static void write_done(void *opaque, int error)
{
	struct ide_unit *u = opaque;

	u->in_flight = false;
	if (error) {
		medium_error(u, true);
		return;
	}
	advance(u, u->fill / 512);
	next_chunk(u);
}

static void write_buffer(struct ide_unit *u)
{
	u->status = ATA_BSY | ATA_DRDY;
	u->in_flight = true;
	drive_write(u->drive, u->lba * 512, u->buffer, u->fill, write_done, u);
}

/* Starts on the next up to 256 sectors, or ends the command. */
static void next_chunk(struct ide_unit *u)
{
	if (!u->left) {
		all_moved(u);
		/* A PIO read ends with its last DRQ block, without another interrupt. */
		if (u->transfer == IDE_PIO_IN) {
			u->transfer = IDE_IDLE;
			u->status = ATA_DRDY | ATA_DSC;
		} else {
			ide_finish(u);
		}
		return;
	}
	bool first = u->fill == 0;
	u->fill = MIN(u->left * 512, ATA_BUFFER_SIZE);
	u->pos = u->block = 0;
	switch (u->transfer) {
	case IDE_PIO_OUT: open_block(u, !first); break;
	case IDE_PIO_IN:
		u->status = ATA_BSY | ATA_DRDY;
		u->in_flight = true;
		drive_read(u->drive, u->lba * 512, u->buffer, u->fill, read_done, u);
		break;
	default:
		u->status = ATA_BSY | ATA_DRDY;
		u->waiting_dma = true;
		if (ide_dma_ready(u, u->transfer == IDE_DMA_IN))
			ata_dma_go(u);
		break;
	}
}

void ata_dma_go(struct ide_unit *u)
{
	struct ide_channel *c = u->channel;

	if (!ide_dma_ready(u, u->transfer == IDE_DMA_IN))
		return;
	u->waiting_dma = false;
	if (u->transfer == IDE_DMA_IN) {
		u->in_flight = true;
		drive_read(u->drive, u->lba * 512, u->buffer, u->fill, read_done, u);
		return;
	}
	if (c->dma->move(c->dma_opaque, u->buffer, u->fill, false) < u->fill) {
		u->status = ATA_DRDY | ATA_DSC | ATA_DRQ;
		return;
	}
	write_buffer(u);
}

void ata_block_done(struct ide_unit *u)
{
	switch (u->transfer) {
	case IDE_PIO_IN:
		if (u->pos < u->fill) {
			open_block(u, true);
		} else {
			advance(u, u->fill / 512);
			next_chunk(u);
		}
		break;
	case IDE_PIO_OUT:
		if (u->command == CMD_WRITE_BUFFER)
			ide_finish(u);
		else if (u->pos < u->fill)
			open_block(u, true);
		else
			write_buffer(u);
		break;
	default:
		u->transfer = IDE_IDLE;
		u->status = ATA_DRDY | ATA_DSC;
		break;
	}
}

static void transfer_start(struct ide_unit *u, enum ide_transfer kind, bool ext)
{
	uint64_t lba, sectors = disk_sectors(u);

	u->lba48 = ext;
	u->left = get_count(u);
	if (!get_address(u, &lba) || lba >= sectors || u->left > sectors - lba) {
		ide_abort(u, ATA_IDNF);
		return;
	}
	if ((kind == IDE_PIO_OUT || kind == IDE_DMA_OUT) && drive_readonly(u->drive)) {
		ide_abort(u, ATA_ABRT);
		return;
	}
	u->lba = lba;
	u->transfer = kind;
	u->fill = 0;
	next_chunk(u);
}

static void multiple_start(struct ide_unit *u, enum ide_transfer kind, bool ext)
{
	if (u->multiple)
		transfer_start(u, kind, ext);
	else
		ide_abort(u, ATA_ABRT);
}

static void dma_start(struct ide_unit *u, enum ide_transfer kind, bool ext)
{
	if (u->channel->dma)
		transfer_start(u, kind, ext);
	else
		ide_abort(u, ATA_ABRT);
}

/* --- commands without data --- */

static void verify(struct ide_unit *u, bool ext)
{
	uint64_t lba, sectors = disk_sectors(u);

	u->lba48 = ext;
	uint32_t n = get_count(u);
	if (!get_address(u, &lba) || lba >= sectors || n > sectors - lba) {
		ide_abort(u, ATA_IDNF);
		return;
	}
	set_address(u, lba + n - 1);
	u->count = u->hob_count = 0;
	ide_finish(u);
}

static void seek(struct ide_unit *u)
{
	uint64_t lba;

	u->lba48 = false;
	if (!get_address(u, &lba) || lba >= disk_sectors(u))
		ide_abort(u, ATA_IDNF);
	else
		ide_finish(u);
}

static void flush_done(void *opaque, int error)
{
	struct ide_unit *u = opaque;

	u->in_flight = false;
	if (error)
		ide_abort(u, ATA_ABRT);
	else
		ide_finish(u);
}

static void flush(struct ide_unit *u)
{
	u->status = ATA_BSY | ATA_DRDY;
	u->in_flight = true;
	drive_flush(u->drive, flush_done, u);
}

static void native_max(struct ide_unit *u, bool ext)
{
	uint64_t last = disk_sectors(u) - 1;

	u->lba48 = ext;
	u->device |= ATA_LBA;
	set_address(u, ext ? last : MIN(last, 0xfffffff));
	ide_finish(u);
}

static void set_multiple(struct ide_unit *u)
{
	uint8_t n = u->count;

	if (n > 16 || (n & (n - 1))) {
		ide_abort(u, ATA_ABRT);
		return;
	}
	u->multiple = n;
	ide_finish(u);
}

static void init_parameters(struct ide_unit *u)
{
	if (!u->count) {
		ide_abort(u, ATA_ABRT);
		return;
	}
	u->cur_heads = (u->device & 15) + 1u;
	u->cur_secs = u->count;
	ide_finish(u);
}

static void set_features(struct ide_unit *u)
{
	switch (u->features) {
	case 0x02: u->write_cache = true; break;
	case 0x82:
		u->write_cache = false;
		flush(u);
		return;
	case 0x03: /* transfer mode: PIO default, flow control, multiword DMA, ultra DMA */
		if ((u->count >> 3) > 1 && (u->count >> 3) != 4 && (u->count >> 3) != 8 &&
		    (u->count >> 3) != 2) {
			ide_abort(u, ATA_ABRT);
			return;
		}
		u->transfer_mode = u->count;
		break;
	case 0x55: u->read_ahead = false; break;
	case 0xaa: u->read_ahead = true; break;
	case 0x05: /* advanced power management, acoustics, revert to defaults and back */
	case 0x85:
	case 0x42:
	case 0xc2:
	case 0x66:
	case 0xcc: break;
	default: ide_abort(u, ATA_ABRT); return;
	}
	ide_finish(u);
}

static void check_power(struct ide_unit *u)
{
	u->count = u->power_mode;
	ide_finish(u);
}

static void set_power(struct ide_unit *u, uint8_t mode)
{
	u->power_mode = mode;
	ide_finish(u);
}

/* Clause 9.12: what a device shows of itself after a reset. */
void ata_signature(struct ide_unit *u)
{
	u->device = 0;
	u->count = u->lba_low = 1;
	u->hob_count = u->hob_low = u->hob_mid = u->hob_high = 0;
	if (u->packet) {
		u->lba_mid = 0x14;
		u->lba_high = 0xeb;
		u->status = 0; /* not DRDY until a packet command */
	} else {
		u->lba_mid = u->lba_high = u->drive ? 0 : 0xff;
		u->status = u->drive ? ATA_DRDY | ATA_DSC : 0;
	}
}

static void diagnostic(struct ide_unit *u)
{
	u->error = 1;
	u->transfer = IDE_IDLE;
	ata_signature(u);
	u->channel->selected = 0;
	if (u->number == 0)
		ide_raise_irq(u);
}

/* Commands that are the same for packet devices; false: not one of them. */
static bool common_command(struct ide_unit *u, uint8_t command)
{
	switch (command) {
	case CMD_NOP: ide_abort(u, ATA_ABRT); return true;
	case CMD_DIAGNOSTIC: diagnostic(u); return true;
	case CMD_SET_FEATURES: set_features(u); return true;
	case CMD_CHECK_POWER_OLD:
	case CMD_CHECK_POWER: check_power(u); return true;
	case CMD_STANDBY_IMMEDIATE_OLD:
	case CMD_STANDBY_OLD:
	case CMD_STANDBY_IMMEDIATE:
	case CMD_STANDBY: set_power(u, 0x00); return true;
	case CMD_IDLE_IMMEDIATE_OLD:
	case CMD_IDLE_OLD:
	case CMD_IDLE_IMMEDIATE:
	case CMD_IDLE: set_power(u, 0xff); return true;
	case CMD_SLEEP_OLD:
	case CMD_SLEEP: set_power(u, 0x00); return true;
	case CMD_FLUSH:
	case CMD_FLUSH_EXT:
		if (u->packet)
			ide_finish(u);
		else
			flush(u);
		return true;
	default: return false;
	}
}

static void packet_device_command(struct ide_unit *u, uint8_t command)
{
	switch (command) {
	case CMD_PACKET: atapi_packet(u); break;
	case CMD_IDENTIFY_PACKET:
		atapi_identify(u);
		ide_reply(u, 512);
		break;
	case CMD_DEVICE_RESET:
		if (u->in_flight)
			drives_drain();
		u->transfer = IDE_IDLE;
		u->waiting_dma = false;
		u->error = 1;
		ata_signature(u);
		u->device |= u->number ? ATA_DEV : 0;
		break;
	case CMD_IDENTIFY:
	case CMD_READ: /* answered by the signature, which is how a host finds out */
		ata_signature(u);
		u->device |= u->number ? ATA_DEV : 0;
		ide_abort(u, ATA_ABRT);
		break;
	default: ide_abort(u, ATA_ABRT); break;
	}
}

static void write_buffer_command(struct ide_unit *u)
{
	u->transfer = IDE_PIO_OUT;
	u->pos = 0;
	u->block = u->fill = 512;
	u->status = ATA_DRDY | ATA_DSC | ATA_DRQ;
}

static void disk_command(struct ide_unit *u, uint8_t command)
{
	switch (command) {
	case CMD_READ:
	case CMD_READ_ONCE: transfer_start(u, IDE_PIO_IN, false); break;
	case CMD_READ_EXT: transfer_start(u, IDE_PIO_IN, true); break;
	case CMD_WRITE:
	case CMD_WRITE_ONCE:
	case CMD_WRITE_VERIFY: transfer_start(u, IDE_PIO_OUT, false); break;
	case CMD_WRITE_EXT: transfer_start(u, IDE_PIO_OUT, true); break;
	case CMD_READ_MULTIPLE: multiple_start(u, IDE_PIO_IN, false); break;
	case CMD_READ_MULTIPLE_EXT: multiple_start(u, IDE_PIO_IN, true); break;
	case CMD_WRITE_MULTIPLE: multiple_start(u, IDE_PIO_OUT, false); break;
	case CMD_WRITE_MULTIPLE_EXT:
	case CMD_WRITE_MULTIPLE_FUA_EXT: multiple_start(u, IDE_PIO_OUT, true); break;
	case CMD_READ_DMA:
	case CMD_READ_DMA_ONCE: dma_start(u, IDE_DMA_IN, false); break;
	case CMD_READ_DMA_EXT: dma_start(u, IDE_DMA_IN, true); break;
	case CMD_WRITE_DMA:
	case CMD_WRITE_DMA_ONCE: dma_start(u, IDE_DMA_OUT, false); break;
	case CMD_WRITE_DMA_EXT:
	case CMD_WRITE_DMA_FUA_EXT: dma_start(u, IDE_DMA_OUT, true); break;
	case CMD_VERIFY:
	case CMD_VERIFY_ONCE: verify(u, false); break;
	case CMD_VERIFY_EXT: verify(u, true); break;
	case CMD_READ_NATIVE_MAX: native_max(u, false); break;
	case CMD_READ_NATIVE_MAX_EXT: native_max(u, true); break;
	case CMD_INIT_PARAMETERS: init_parameters(u); break;
	case CMD_SET_MULTIPLE: set_multiple(u); break;
	case CMD_IDENTIFY:
		ata_identify(u);
		ide_reply(u, 512);
		break;
	case CMD_READ_BUFFER: ide_reply(u, 512); break;
	case CMD_WRITE_BUFFER: write_buffer_command(u); break;
	case CMD_SMART: ata_smart(u); break;
	case CMD_SECURITY_FREEZE: ide_finish(u); break;
	default:
		if ((command & 0xf0) == CMD_RECALIBRATE) {
			ide_finish(u);
		} else if ((command & 0xf0) == CMD_SEEK) {
			seek(u);
		} else {
			log_printf(LOG_UNIMP, "ide: command %02x\n", command);
			ide_abort(u, ATA_ABRT);
		}
		break;
	}
}

void ata_command(struct ide_unit *u, uint8_t command)
{
	u->command = command;
	u->error = 0;
	u->transfer = IDE_IDLE;
	u->waiting_dma = false;
	if (command != CMD_NOP && common_command(u, command))
		return;
	if (u->packet)
		packet_device_command(u, command);
	else if (command == CMD_NOP)
		ide_abort(u, ATA_ABRT);
	else
		disk_command(u, command);
}
