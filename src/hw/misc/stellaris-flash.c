/*
 * Flash controller of the Stellaris LM3S chips: programs words and erases pages of 1 KiB. Source:
 * LM3S6965 data sheet, chapter "Internal Memory". It is done as soon as it is asked for; what is
 * programmed lasts until the emulator ends.
 */
#include "hw/misc/stellaris-flash.h"

#include "base/bytes.h"
#include "base/log.h"

#include <string.h>

enum { FMA = 0x00, FMD = 0x04, FMC = 0x08, FCRIS = 0x0c, FCIM = 0x10, FCMISC = 0x14 };
enum { FMC_WRITE = 1, FMC_ERASE = 2, FMC_MERASE = 4, FMC_COMT = 8, FMC_KEY = 0xa442 };
enum { RIS_PRIS = 2, PAGE = 1024 };

static void update_irq(struct stellaris_flash *f)
{
	irq_set(f->mmio.irqs[0], (f->fcris & f->fcim) != 0);
}

/* Bits can only be cleared; erasing sets them. */
static void change(struct stellaris_flash *f, uint32_t offset, uint32_t len, bool erase)
{
	uint8_t *bytes = f->memory->ram->host + offset;

	if (offset >= f->memory->size || len > f->memory->size - offset) {
		log_printf(LOG_GUEST_ERRORS, "stellaris-flash: there is no address %08x\n", offset);
		return;
	}
	if (erase)
		memset(bytes, 0xff, len);
	else
		store_le32(bytes, load_le32(bytes) & f->fmd);
	ram_written(f->memory->ram, offset, len);
}

static void command(struct stellaris_flash *f, uint32_t value)
{
	if (value >> 16 != FMC_KEY) {
		log_printf(LOG_GUEST_ERRORS, "stellaris-flash: FMC written without its key\n");
		return;
	}
	switch (value & 0xf) {
	case FMC_WRITE: change(f, f->fma & ~3u, 4, false); break;
	case FMC_ERASE: change(f, f->fma & ~(uint32_t)(PAGE - 1), PAGE, true); break;
	case FMC_MERASE: change(f, 0, (uint32_t)f->memory->size, true); break;
	case FMC_COMT: break; /* protection and user registers are not kept */
	default: log_printf(LOG_GUEST_ERRORS, "stellaris-flash: command %x\n", value & 0xf); return;
	}
	f->fcris |= RIS_PRIS;
}

static uint64_t flash_read(void *opaque, uint64_t offset, unsigned int size)
{
	struct stellaris_flash *f = opaque;

	switch (offset) {
	case FMA: return f->fma;
	case FMD: return f->fmd;
	case FMC: return 0; /* never busy */
	case FCRIS: return f->fcris;
	case FCIM: return f->fcim;
	case FCMISC: return f->fcris & f->fcim;
	default: break;
	}
	log_printf(LOG_GUEST_ERRORS, "stellaris-flash: read of register %03x\n",
		   (unsigned int)offset);
	return 0;
}

static void flash_write(void *opaque, uint64_t offset, uint64_t value64, unsigned int size)
{
	struct stellaris_flash *f = opaque;
	uint32_t value = (uint32_t)value64;

	switch (offset) {
	case FMA: f->fma = value & 0x3ffff; break;
	case FMD: f->fmd = value; break;
	case FMC: command(f, value); break;
	case FCIM: f->fcim = value & 3; break;
	case FCMISC: f->fcris &= ~value; break;
	default:
		log_printf(LOG_GUEST_ERRORS, "stellaris-flash: write of register %03x\n",
			   (unsigned int)offset);
	}
	update_irq(f);
}

static const struct region_ops ops = {
	.read = flash_read, .write = flash_write, .min_size = 4, .max_size = 4};

static struct error *flash_init(struct device *dev)
{
	struct stellaris_flash *f = (struct stellaris_flash *)dev;

	region_init_io(&f->mmio.regs, "stellaris-flash", 0x1000, &ops, f);
	return NULL;
}

static void flash_reset(struct device *dev)
{
	struct stellaris_flash *f = (struct stellaris_flash *)dev;

	f->fma = f->fmd = f->fcris = f->fcim = 0;
}

static const struct prop props[] = {PROP_PTR("memory", struct stellaris_flash, memory), PROP_END};

static const struct field state[] = {
	F_U32(struct stellaris_flash, fma),
	F_U32(struct stellaris_flash, fmd),
	F_U32(struct stellaris_flash, fcris),
	F_U32(struct stellaris_flash, fcim),
	FIELD_END,
};

DEVICE(stellaris_flash, struct stellaris_flash, "stellaris-flash", "Stellaris flash controller",
       props, state, flash_init, flash_reset, NULL);
