/*
 * Bus master registers of one channel, 8 ports:
 *	0 BMIC: bit 0 start, bit 3 direction (1: to memory)
 *	2 BMIS: bit 0 active, 1 error, 2 interrupt, 5/6 drive 0/1 can do DMA
 *	4 BMID: descriptor table pointer
 * A descriptor: 32-bit address (even), 16-bit count (0: 64 KiB), bit 15 of the last word: end.
 */
#include "hw/ide/busmaster.h"

#include "base/bytes.h"
#include "base/log.h"

enum { BMIC_START = 1, BMIC_TO_MEMORY = 8 };
enum { BMIS_ACTIVE = 1, BMIS_ERROR = 2, BMIS_INTERRUPT = 4, BMIS_CAPABLE = 0x60 };

/* A table of which every descriptor moves nothing must not keep us for ever. */
#define MAX_DESCRIPTORS 8192u

static bool busmaster_ready(void *opaque, bool to_memory)
{
	struct busmaster *b = opaque;

	return (b->status & BMIS_ACTIVE) && (b->command & BMIC_START);
}

/* Loads the next descriptor; false at the end of the table. */
static bool next_descriptor(struct busmaster *b)
{
	uint8_t d[8];

	if (b->last)
		return false;
	pci_dma_read(b->pci, b->next, d, sizeof(d));
	b->next += 8;
	b->addr = load_le32(d) & ~1u;
	b->bytes = load_le16(d + 4) & ~1u;
	if (!b->bytes)
		b->bytes = 0x10000;
	b->last = d[7] & 0x80;
	return true;
}

static uint32_t busmaster_move(void *opaque, void *buf, uint32_t len, bool to_memory)
{
	struct busmaster *b = opaque;
	uint8_t *p = buf;
	uint32_t moved = 0, descriptors = 0;

	if (!(b->pci->config[4] & 4)) { /* bus master enable */
		b->status |= BMIS_ERROR;
		return 0;
	}
	if (((b->command & BMIC_TO_MEMORY) != 0) != to_memory)
		log_printf(LOG_GUEST_ERRORS,
			   "ide: bus master direction differs from the command's\n");
	b->pci->dev.in_dma = true;
	while (moved < len) {
		if (!b->bytes && (++descriptors > MAX_DESCRIPTORS || !next_descriptor(b)))
			break;
		uint32_t n = MIN(b->bytes, len - moved);
		if (to_memory)
			pci_dma_write(b->pci, b->addr, p + moved, n);
		else
			pci_dma_read(b->pci, b->addr, p + moved, n);
		b->addr += n;
		b->bytes -= n;
		moved += n;
	}
	b->pci->dev.in_dma = false;
	/* Active ends when the table's last byte is moved, or when the table was too short. */
	if (moved < len || (b->last && !b->bytes))
		b->status &= (uint8_t)~BMIS_ACTIVE;
	return moved;
}

static void busmaster_interrupt(void *opaque)
{
	struct busmaster *b = opaque;

	b->status |= BMIS_INTERRUPT;
}

static const struct ide_dma_ops dma_ops = {busmaster_ready, busmaster_move, busmaster_interrupt};

static void write_command(struct busmaster *b, uint8_t value)
{
	uint8_t old = b->command;

	b->command = value & (BMIC_START | BMIC_TO_MEMORY);
	if (!(old & BMIC_START) && (value & BMIC_START)) {
		b->next = b->table;
		b->addr = b->bytes = 0;
		b->last = false;
		b->status |= BMIS_ACTIVE;
		ide_dma_started(b->channel);
	} else if ((old & BMIC_START) && !(value & BMIC_START)) {
		ide_dma_stopped(b->channel);
		b->status &= (uint8_t)~BMIS_ACTIVE;
	}
}

static uint64_t busmaster_read(void *opaque, uint64_t offset, unsigned int size)
{
	struct busmaster *b = opaque;

	switch (offset) {
	case 0: return b->command;
	case 2: return b->status;
	case 4:
	case 5:
	case 6:
	case 7: return b->table >> (8 * (offset - 4));
	default: return 0xff;
	}
}

static void busmaster_write(void *opaque, uint64_t offset, uint64_t value, unsigned int size)
{
	struct busmaster *b = opaque;
	unsigned int shift = 8 * ((unsigned int)offset & 3);

	switch (offset) {
	case 0: write_command(b, (uint8_t)value); break;
	case 2:
		b->status = (uint8_t)((b->status & ~BMIS_CAPABLE) | (value & BMIS_CAPABLE));
		b->status &= (uint8_t)~(value & (BMIS_INTERRUPT | BMIS_ERROR));
		break;
	case 4:
	case 5:
	case 6:
	case 7:
		b->table = (b->table & ~(0xffu << shift)) | (uint32_t)(value & 0xff) << shift;
		b->table &= ~3u;
		break;
	default: break;
	}
}

static const struct region_ops busmaster_ops = {
	.read = busmaster_read, .write = busmaster_write, .min_size = 1, .max_size = 1};

void busmaster_init(struct busmaster *b, struct pci_device *pci, struct ide_channel *channel)
{
	b->pci = pci;
	b->channel = channel;
	channel->dma = &dma_ops;
	channel->dma_opaque = b;
	region_init_io(&b->region, "ide-busmaster", 8, &busmaster_ops, b);
}

void busmaster_reset(struct busmaster *b)
{
	b->command = b->status = 0;
	b->table = b->next = b->addr = b->bytes = 0;
	b->last = false;
}

const struct field busmaster_fields[] = {
	F_U8(struct busmaster, command), F_U8(struct busmaster, status),
	F_U32(struct busmaster, table),	 F_U32(struct busmaster, next),
	F_U32(struct busmaster, addr),	 F_U32(struct busmaster, bytes),
	F_BOOL(struct busmaster, last),	 FIELD_END,
};
