/*
 * System control of the Stellaris LM3S chips: identification, clocks, reset. Source: LM3S6965 and
 * LM3S811 data sheets, chapter "System Control". The gates of the peripherals' clocks are kept as
 * they are written and do not stop anything.
 */
#include "hw/misc/stellaris-sysctl.h"

#include "base/log.h"

#include <glib.h>
#include <string.h>

enum {
	DID0 = 0x000,
	DID1 = 0x004,
	DC0 = 0x008,
	DC1 = 0x010,
	DC4 = 0x01c,
	PBORCTL = 0x030,
	LDOPCTL = 0x034,
	SRCR0 = 0x040,
	SRCR2 = 0x048,
	RIS = 0x050,
	IMC = 0x054,
	MISC = 0x058,
	RESC = 0x05c,
	RCC = 0x060,
	PLLCFG = 0x064,
	RCC2 = 0x070,
	RCGC0 = 0x100,
	DCGC2 = 0x128,
	FMPRE = 0x130,
	FMPPE = 0x134,
	DSLPCLKCFG = 0x144,
	CLKVCLR = 0x150,
	LDOARST = 0x160,
	USER0 = 0x1e0,
	USER1 = 0x1e4,
};
enum { RIS_PLLLRIS = 1 << 6, RESC_POR = 1 << 1 };
enum { RCC_PWRDN = 1 << 13, RCC_BYPASS = 1 << 11, RCC_USESYSDIV = 1 << 22 };
enum { RCC2_USERCC2 = 1u << 31, RCC2_RESET = 0x07802810 };
enum { DID0_CLASS_FURY = 1 };

/* --- clocks --- */

static bool is_fury(const struct stellaris_sysctl *s)
{
	return (s->part->did0 >> 16 & 0xff) == DID0_CLASS_FURY;
}

static bool uses_rcc2(const struct stellaris_sysctl *s)
{
	return is_fury(s) && s->rcc2 & RCC2_USERCC2;
}

/* OSCSRC: main oscillator, internal one, a quarter of that, and the slow ones. */
static uint32_t oscillator_hz(const struct stellaris_sysctl *s)
{
	switch ((uses_rcc2(s) ? s->rcc2 : s->rcc) >> 4 & (is_fury(s) ? 7 : 3)) {
	case 0: return s->part->crystal;
	case 1: return 12000000;
	case 2: return 3000000;
	case 7: return 32768;
	default: return 30000;
	}
}

/* The PLL gives 400 MHz, of which half reaches the divider; its smallest setting is in DC1. */
static void update_clock(struct stellaris_sysctl *s)
{
	uint32_t rcc = uses_rcc2(s) ? s->rcc2 : s->rcc;
	uint32_t divisor = (uses_rcc2(s) ? s->rcc2 >> 23 & 0x3f : s->rcc >> 23 & 0xf) + 1;
	uint32_t smallest = (s->part->dc[1] >> 12 & 0xf) + 1;
	uint32_t hz = oscillator_hz(s);

	if (!(rcc & RCC_BYPASS))
		hz = 200000000 / MAX(s->rcc & RCC_USESYSDIV ? divisor : 1, smallest);
	else if (s->rcc & RCC_USESYSDIV)
		hz /= divisor;
	clock_source_set(&s->clock, hz);
}

/* The PLL is locked as soon as it has power. */
static void set_rcc(struct stellaris_sysctl *s, uint32_t *reg, uint32_t value)
{
	if (*reg & RCC_PWRDN && !(value & RCC_PWRDN))
		s->ris |= RIS_PLLLRIS;
	*reg = value;
	update_clock(s);
}

/* Hz of the crystals that RCC.XTAL names. */
static const uint32_t xtal_hz[16] = {1000000, 1843200, 2000000, 2457600, 3579545, 3686400,
				     4000000, 4096000, 4915200, 5000000, 5120000, 6000000,
				     6144000, 7372800, 8000000, 8192000};

/*
 * PLLCFG: factors F (bits 13-5) and R (4-0) that come closest to the PLL's rate. It runs at
 * 400 MHz = XTAL F / (R + 1) on later chips, at 200 MHz = XTAL (F + 2) / (R + 2) on the first.
 */
static uint32_t pllcfg(const struct stellaris_sysctl *s)
{
	uint32_t xtal = xtal_hz[s->rcc >> 6 & 0xf], more = is_fury(s) ? 0 : 2, best = 0;
	uint64_t pll = is_fury(s) ? 400000000 : 200000000, least = UINT64_MAX;

	for (uint32_t r = 0; r < 32; r++) {
		uint64_t n = r + (is_fury(s) ? 1 : 2), f = (pll * n + xtal / 2) / xtal - more;
		uint64_t got = (f + more) * xtal / n, error = got > pll ? got - pll : pll - got;

		if (f < 512 && error < least) {
			least = error;
			best = (uint32_t)f << 5 | r;
		}
	}
	return best;
}

/* --- registers --- */

static void update_irq(struct stellaris_sysctl *s)
{
	irq_set(s->mmio.irqs[0], (s->ris & s->imc) != 0);
}

static uint64_t sysctl_read(void *opaque, uint64_t offset, unsigned int size)
{
	struct stellaris_sysctl *s = opaque;

	switch (offset) {
	case DID0: return s->part->did0;
	case DID1: return s->part->did1;
	case DC0: return s->part->dc[0];
	case DC1 ... DC4: return s->part->dc[1 + (offset - DC1) / 4];
	case PBORCTL: return s->pborctl;
	case LDOPCTL: return s->ldopctl;
	case SRCR0 ... SRCR2: return s->srcr[(offset - SRCR0) / 4];
	case RIS: return s->ris;
	case IMC: return s->imc;
	case MISC: return s->ris & s->imc;
	case RESC: return s->resc;
	case RCC: return s->rcc;
	case PLLCFG: return pllcfg(s);
	case RCC2: return is_fury(s) ? s->rcc2 : 0;
	case RCGC0 ... DCGC2:
		if ((offset & 0xf) < 0xc)
			return s->gating[(offset - RCGC0) / 16 * 3 + (offset & 0xf) / 4];
		break;
	case FMPRE:
	case FMPPE: return UINT32_MAX; /* nothing is protected */
	case DSLPCLKCFG: return s->dslpclkcfg;
	case CLKVCLR: return s->clkvclr;
	case LDOARST: return s->ldoarst;
	case USER0:
	case USER1: return s->user[(offset - USER0) / 4];
	default: break;
	}
	log_printf(LOG_GUEST_ERRORS, "stellaris-sysctl: read of register %03x\n",
		   (unsigned int)offset);
	return 0;
}

static void sysctl_write(void *opaque, uint64_t offset, uint64_t value64, unsigned int size)
{
	struct stellaris_sysctl *s = opaque;
	uint32_t value = (uint32_t)value64;

	switch (offset) {
	case PBORCTL: s->pborctl = value & 0xffff; break;
	case LDOPCTL: s->ldopctl = value & 0x3f; break;
	case SRCR0 ... SRCR2: s->srcr[(offset - SRCR0) / 4] = value; break;
	case IMC: s->imc = value & 0x7f; break;
	case MISC: s->ris &= ~value; break;
	case RESC: s->resc = value & 0x3f; break;
	case RCC: set_rcc(s, &s->rcc, value); break;
	case RCC2:
		if (is_fury(s))
			set_rcc(s, &s->rcc2, value);
		break;
	case RCGC0 ... DCGC2:
		if ((offset & 0xf) < 0xc)
			s->gating[(offset - RCGC0) / 16 * 3 + (offset & 0xf) / 4] = value;
		break;
	case DSLPCLKCFG: s->dslpclkcfg = value; break;
	case CLKVCLR: s->clkvclr = value & 1; break;
	case LDOARST: s->ldoarst = value & 1; break;
	default:
		log_printf(LOG_GUEST_ERRORS, "stellaris-sysctl: write of register %03x\n",
			   (unsigned int)offset);
	}
	update_irq(s);
}

static const struct region_ops ops = {
	.read = sysctl_read, .write = sysctl_write, .min_size = 4, .max_size = 4};

/* --- the device --- */

static struct error *sysctl_init(struct device *dev)
{
	struct stellaris_sysctl *s = (struct stellaris_sysctl *)dev;

	region_init_io(&s->mmio.regs, "stellaris-sysctl", STELLARIS_SYSCTL_SIZE, &ops, s);
	return NULL;
}

static void sysctl_reset(struct device *dev)
{
	struct stellaris_sysctl *s = (struct stellaris_sysctl *)dev;

	s->pborctl = 0x7ffd;
	s->ldopctl = s->ris = s->imc = s->clkvclr = s->ldoarst = 0;
	s->resc = RESC_POR;
	s->rcc = s->part->rcc_reset;
	s->rcc2 = RCC2_RESET;
	s->dslpclkcfg = 0x07800000;
	memset(s->srcr, 0, sizeof(s->srcr));
	memset(s->gating, 0, sizeof(s->gating));
	s->gating[0] = s->gating[3] = s->gating[6] = 0x40;
	s->user[0] = (uint32_t)(s->mac[0] | s->mac[1] << 8 | s->mac[2] << 16);
	s->user[1] = (uint32_t)(s->mac[3] | s->mac[4] << 8 | s->mac[5] << 16);
	update_clock(s);
}

static struct error *sysctl_post_load(struct device *dev)
{
	update_clock((struct stellaris_sysctl *)dev);
	return NULL;
}

static const struct prop props[] = {
	PROP_PTR("part", struct stellaris_sysctl, part),
	PROP_MAC("mac", struct stellaris_sysctl, mac, "address in the user registers"),
	PROP_END,
};

static const struct field state[] = {
	F_U32(struct stellaris_sysctl, pborctl), F_U32(struct stellaris_sysctl, ldopctl),
	F_U32(struct stellaris_sysctl, ris),	 F_U32(struct stellaris_sysctl, imc),
	F_U32(struct stellaris_sysctl, resc),	 F_U32(struct stellaris_sysctl, rcc),
	F_U32(struct stellaris_sysctl, rcc2),	 F_U32(struct stellaris_sysctl, clkvclr),
	F_U32(struct stellaris_sysctl, ldoarst), F_U32(struct stellaris_sysctl, dslpclkcfg),
	F_ARRAY(struct stellaris_sysctl, srcr),	 F_ARRAY(struct stellaris_sysctl, gating),
	F_ARRAY(struct stellaris_sysctl, user),	 FIELD_END,
};

DEVICE_CLASS(stellaris_sysctl, .name = "stellaris-sysctl", .help = "Stellaris system control",
	     .bus = "System", .size = sizeof(struct stellaris_sysctl), .props = props,
	     .state = state, .init = sysctl_init, .reset = sysctl_reset,
	     .post_load = sysctl_post_load, .hidden = true);
