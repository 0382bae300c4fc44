/*
 * System registers of the Versatile and RealView boards. Sources: ARM DUI 0225D (Versatile/
 * PB926EJ-S), DUI 0303E (RealView EB), DUI 0417D (RealView PB-A8), chapter 4 "status and system
 * control registers".
 */
#include "hw/misc/arm-sysctl.h"

#include "base/log.h"
#include "vm/clock.h"
#include "vm/runstate.h"

#include <string.h>

enum {
	SYS_ID = 0x00,
	SYS_SW = 0x04,
	SYS_LED = 0x08,
	SYS_OSC0 = 0x0c,
	SYS_OSC4 = 0x1c,
	SYS_LOCK = 0x20,
	SYS_100HZ = 0x24,
	SYS_CFGDATA1 = 0x28,
	SYS_CFGDATA2 = 0x2c,
	SYS_FLAGS = 0x30, /* write: SYS_FLAGSSET */
	SYS_FLAGSCLR = 0x34,
	SYS_NVFLAGS = 0x38,
	SYS_NVFLAGSCLR = 0x3c,
	SYS_RESETCTL = 0x40,
	SYS_PCICTL = 0x44,
	SYS_MCI = 0x48,
	SYS_FLASH = 0x4c,
	SYS_CLCD = 0x50,
	SYS_CLCDSER = 0x54,
	SYS_BOOTCS = 0x58,
	SYS_24MHZ = 0x5c,
	SYS_MISC = 0x60,
	SYS_DMAPSR0 = 0x64,
	SYS_DMAPSR2 = 0x6c,
	SYS_IOSEL = 0x70,
	SYS_PLDCTL1 = 0x74,
	SYS_PLDCTL2 = 0x78,
	SYS_BUSID = 0x80,
	SYS_PROCID0 = 0x84,
	SYS_PROCID1 = 0x88,
	SYS_OSCRESET0 = 0x8c,
	SYS_OSCRESET4 = 0x9c,
	SYS_TEST_OSC0 = 0xc0,
	SYS_TEST_OSC4 = 0xd0,
	SYS_PLDINIT = 0xd8, /* of an MPCore tile: clocks and L2 cache at its next reset */
};

#define LOCK_KEY    0xa05f
#define LOCK_LOCKED 0x10000
#define PCICTL_HOST 0x01 /* the board sits in its backplane */
#define MISC_MASTER 0x01

#define MCI_CD0 0x01
#define MCI_WP0 0x04

/* --- clocks --- */

static uint32_t ticks(uint64_t hz)
{
	return (uint32_t)((unsigned __int128)clock_now(CLOCK_VIRTUAL) * hz / NS_PER_S);
}

/* --- inputs: card detect and write protect of the first card slot --- */

static void mci_set(struct arm_sysctl *s, uint32_t bit, int level)
{
	s->mci = level ? s->mci | bit : s->mci & ~bit;
}

static void write_protect_set(void *opaque, int n, int level)
{
	mci_set(opaque, MCI_WP0, level);
}

static void card_detect_set(void *opaque, int n, int level)
{
	mci_set(opaque, MCI_CD0, level);
}

/* --- registers --- */

static bool is_locked(const struct arm_sysctl *s)
{
	return s->lock != LOCK_KEY;
}

static uint64_t sysctl_read(void *opaque, uint64_t offset, unsigned int size)
{
	struct arm_sysctl *s = opaque;

	switch (offset) {
	case SYS_ID: return s->sys_id;
	case SYS_SW: return 0; /* general purpose switches: all off */
	case SYS_LED: return s->led;
	case SYS_OSC0 ... SYS_OSC4: return s->osc[(offset - SYS_OSC0) / 4];
	case SYS_LOCK: return s->lock | (is_locked(s) ? LOCK_LOCKED : 0);
	case SYS_100HZ: return ticks(100);
	case SYS_CFGDATA1: return s->cfgdata[0];
	case SYS_CFGDATA2: return s->cfgdata[1];
	case SYS_FLAGS: return s->flags;
	case SYS_NVFLAGS: return s->nvflags;
	case SYS_RESETCTL: return s->resetctl;
	case SYS_PCICTL: return PCICTL_HOST;
	case SYS_MCI: return s->mci;
	case SYS_FLASH: return s->flash;
	case SYS_CLCD: return s->clcd;
	case SYS_CLCDSER: return s->clcdser;
	case SYS_BOOTCS: return 0;
	case SYS_24MHZ: return ticks(24000000);
	case SYS_MISC: return MISC_MASTER;
	case SYS_DMAPSR0 ... SYS_DMAPSR2: return s->dmapsr[(offset - SYS_DMAPSR0) / 4];
	case SYS_IOSEL: return s->iosel;
	case SYS_PLDCTL1:
	case SYS_PLDCTL2:
	case SYS_BUSID: return 0;
	case SYS_PROCID0: return s->proc_id;
	case SYS_PROCID1: return 0xff000000; /* no second processor tile */
	case SYS_OSCRESET0 ... SYS_OSCRESET4: return s->oscreset[(offset - SYS_OSCRESET0) / 4];
	case SYS_TEST_OSC0 ... SYS_TEST_OSC4: return ticks(24000000);
	case SYS_PLDINIT: return s->pldinit;
	}
	log_printf(LOG_GUEST_ERRORS, "arm-sysctl: read of register %02x\n", (unsigned int)offset);
	return 0;
}

static void reset_write(struct arm_sysctl *s, uint32_t value)
{
	if (is_locked(s))
		return;
	s->resetctl = value & 0x1ff;
	if (value & s->reset_bits)
		machine_request_reset();
}

/* Only the panel's kind (the monitor connector: VGA) is fixed. */
static void clcd_write(struct arm_sysctl *s, uint32_t value)
{
	s->clcd = (value & 0x3f) | (s->clcd & 0x1f00);
	irq_set(s->mmio.irqs[ARM_SYSCTL_CLCD_MUX], value & 3);
}

static void locked_write(uint32_t *reg, const struct arm_sysctl *s, uint32_t value)
{
	if (!is_locked(s))
		*reg = value;
}

static void sysctl_write(void *opaque, uint64_t offset, uint64_t value64, unsigned int size)
{
	struct arm_sysctl *s = opaque;
	uint32_t value = (uint32_t)value64;

	switch (offset) {
	case SYS_LED: s->led = value & 0xff; break;
	case SYS_OSC0 ... SYS_OSC4:
		locked_write(&s->osc[(offset - SYS_OSC0) / 4], s, value & 0x7ffff);
		break;
	case SYS_LOCK: s->lock = value & 0xffff; break;
	case SYS_CFGDATA1: s->cfgdata[0] = value; break;
	case SYS_CFGDATA2: s->cfgdata[1] = value; break;
	case SYS_FLAGS: s->flags |= value; break;
	case SYS_FLAGSCLR: s->flags &= ~value; break;
	case SYS_NVFLAGS: s->nvflags |= value; break;
	case SYS_NVFLAGSCLR: s->nvflags &= ~value; break;
	case SYS_RESETCTL: reset_write(s, value); break;
	case SYS_PCICTL: break; /* writes start the bridge: it always runs */
	case SYS_FLASH: s->flash = value & 1; break;
	case SYS_CLCD: clcd_write(s, value); break;
	case SYS_CLCDSER: s->clcdser = value; break;
	case SYS_DMAPSR0 ... SYS_DMAPSR2:
		s->dmapsr[(offset - SYS_DMAPSR0) / 4] = value & 0x9f;
		break;
	case SYS_IOSEL: s->iosel = value; break;
	case SYS_PLDCTL1:
	case SYS_PLDCTL2: break;
	case SYS_PLDINIT: s->pldinit = value; break;
	case SYS_OSCRESET0 ... SYS_OSCRESET4:
		locked_write(&s->oscreset[(offset - SYS_OSCRESET0) / 4], s, value & 0x7ffff);
		break;
	default:
		log_printf(LOG_GUEST_ERRORS, "arm-sysctl: write of register %02x\n",
			   (unsigned int)offset);
	}
}

static const struct region_ops sysctl_ops = {
	.read = sysctl_read, .write = sysctl_write, .min_size = 4, .max_size = 4};

/* --- device --- */

static struct error *sysctl_init(struct device *dev)
{
	struct arm_sysctl *s = (struct arm_sysctl *)dev;

	region_init_io(&s->mmio.regs, "arm-sysctl", 0x1000, &sysctl_ops, s);
	irq_init(&s->card_detect, card_detect_set, s, 0);
	irq_init(&s->write_protect, write_protect_set, s, 0);
	return NULL;
}

/* The general flags survive a reset only as the NV ones. */
static void sysctl_reset(struct device *dev)
{
	struct arm_sysctl *s = (struct arm_sysctl *)dev;

	s->led = s->flags = s->resetctl = s->flash = s->clcdser = s->iosel = s->pldinit = 0;
	s->lock = 0;
	s->clcd = s->panel;
	memset(s->cfgdata, 0, sizeof(s->cfgdata));
	memset(s->dmapsr, 0, sizeof(s->dmapsr));
	for (unsigned int n = 0; n < 5; n++)
		s->osc[n] = s->oscreset[n] = 0x2c75; /* 24 MHz */
}

static void sysctl_settle(struct device *dev)
{
	irq_set(((struct arm_sysctl *)dev)->mmio.irqs[ARM_SYSCTL_CLCD_MUX], 0);
}

static const struct prop props[] = {
	PROP_U32("sys-id", struct arm_sysctl, sys_id, 0x41007004, "SYS_ID"),
	PROP_U32("proc-id", struct arm_sysctl, proc_id, 0, "SYS_PROCID0"),
	PROP_U32("panel", struct arm_sysctl, panel, 0x1f00, "LCD panel as SYS_CLCD tells"),
	PROP_U32("reset-bits", struct arm_sysctl, reset_bits, 0x100,
		 "bits of SYS_RESETCTL that reset the board"),
	PROP_END,
};

static const struct field state[] = {
	F_U32(struct arm_sysctl, led),	      F_U32(struct arm_sysctl, lock),
	F_U32(struct arm_sysctl, flags),      F_U32(struct arm_sysctl, nvflags),
	F_U32(struct arm_sysctl, resetctl),   F_U32(struct arm_sysctl, mci),
	F_U32(struct arm_sysctl, flash),      F_U32(struct arm_sysctl, clcd),
	F_U32(struct arm_sysctl, pldinit),    F_U32(struct arm_sysctl, clcdser),
	F_U32(struct arm_sysctl, iosel),      F_ARRAY(struct arm_sysctl, osc),
	F_ARRAY(struct arm_sysctl, oscreset), F_ARRAY(struct arm_sysctl, cfgdata),
	F_ARRAY(struct arm_sysctl, dmapsr),   FIELD_END,
};

DEVICE(arm_sysctl, struct arm_sysctl, "arm-sysctl", "Versatile and RealView system registers",
       props, state, sysctl_init, sysctl_reset, sysctl_settle);
