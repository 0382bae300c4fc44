/* The registers of the System Control Space. Source: ARM DDI 0403E, B3.2 to B3.5. */
#include "hw/intc/nvic.h"

#include "base/log.h"
#include "vm/runstate.h"

#include <glib.h>

enum {
	ICTR = 0x004,
	ACTLR = 0x008,
	SYST = 0x010,
	NVIC_ISER = 0x100,
	NVIC_ICER = 0x180,
	NVIC_ISPR = 0x200,
	NVIC_ICPR = 0x280,
	NVIC_IABR = 0x300,
	NVIC_IPR = 0x400,
	CPUID = 0xd00,
	ICSR = 0xd04,
	VTOR = 0xd08,
	AIRCR = 0xd0c,
	SCR = 0xd10,
	CCR = 0xd14,
	SHPR = 0xd18,
	SHCSR = 0xd24,
	CFSR = 0xd28,
	HFSR = 0xd2c,
	DFSR = 0xd30,
	MMFAR = 0xd34,
	BFAR = 0xd38,
	AFSR = 0xd3c,
	ID_PFR0 = 0xd40,
	MPU_TYPE = 0xd90,
	MPU_CTRL = 0xd94,
	MPU_RNR = 0xd98,
	MPU_RBAR = 0xd9c, /* and RASR; three more pairs of them follow */
	DHCSR = 0xdf0,
	DEMCR = 0xdfc,
	STIR = 0xf00,
	PID4 = 0xfd0,
};
enum { AIRCR_KEY = 0x05fa, SYSRESETREQ = 1 << 2 };
enum { SCR_SLEEPONEXIT = 1 << 1, SCR_SLEEPDEEP = 1 << 2, SCR_SEVONPEND = 1 << 4 };
enum { ICSR_PENDSTCLR = 1 << 25, ICSR_PENDSTSET = 1 << 26, ICSR_PENDSVCLR = 1 << 27 };
enum { ICSR_PENDSVSET = 1 << 28, ICSR_NMIPENDSET = 1u << 31 };
enum { CCR_WRITABLE = 0x31b, MPU_REGIONS = 8 };

/* Cortex-M3 (DDI 0337): ID_PFR0 to ID_ISAR4. */
static const uint32_t id_registers[] = {0x30,	    0x200,	0x100000,  0,	       0x30,
					0,	    0,		0,	   0x01141110, 0x02111000,
					0x21112231, 0x01111110, 0x01310102};
/* PID4-7, PID0-3, CID0-3: the SCS of a Cortex-M3. */
static const uint8_t peripheral_id[] = {0x04, 0, 0, 0, 0x00, 0xb0, 0x0b, 0, 0x0d, 0xe0, 0x05, 0xb1};

/* Bits of SHCSR and the exceptions that they show. */
static const struct {
	uint8_t bit, exception;
} shown_active[] = {{0, ARM_M_MEM_MANAGE}, {1, ARM_M_BUS_FAULT},     {3, ARM_M_USAGE_FAULT},
		    {7, ARM_M_SVCALL},	   {8, ARM_M_DEBUG_MONITOR}, {10, ARM_M_PENDSV},
		    {11, ARM_M_SYSTICK}},
  shown_pending[] = {{12, ARM_M_USAGE_FAULT},
		     {13, ARM_M_MEM_MANAGE},
		     {14, ARM_M_BUS_FAULT},
		     {15, ARM_M_SVCALL}},
  shown_enabled[] = {{16, ARM_M_MEM_MANAGE}, {17, ARM_M_BUS_FAULT}, {18, ARM_M_USAGE_FAULT}};

/* --- NVIC --- */

/* 32 flags from exception `first` on as one word. */
static uint32_t flags(const struct nvic *n, const uint8_t *of, unsigned int first)
{
	uint32_t word = 0;

	for (unsigned int i = 0; i < 32 && first + i < NVIC_IRQ + n->irqs; i++)
		word |= (uint32_t)(of[first + i] != 0) << i;
	return word;
}

static void set_flags(struct nvic *n, uint8_t *of, unsigned int first, uint32_t word, uint8_t to)
{
	for (unsigned int i = 0; i < 32 && first + i < NVIC_IRQ + n->irqs; i++) {
		if (word >> i & 1)
			of[first + i] = to;
	}
}

/* A level that is up makes its interrupt pending whatever software clears. */
static void clear_pending(struct nvic *n, unsigned int first, uint32_t word)
{
	set_flags(n, n->pending, first, word, 0);
	for (unsigned int i = 0; i < 32 && first + i < NVIC_IRQ + n->irqs; i++) {
		if (n->level[first + i] && !n->active[first + i])
			n->pending[first + i] = 1;
	}
}

static uint8_t *flags_of(struct nvic *n, unsigned int offset)
{
	switch (offset & ~0x7fu) {
	case NVIC_ISER:
	case NVIC_ICER: return n->enabled;
	case NVIC_ISPR:
	case NVIC_ICPR: return n->pending;
	default: return n->active;
	}
}

static void write_flags(struct nvic *n, unsigned int offset, uint32_t value)
{
	unsigned int first = NVIC_IRQ + (offset & 0x7c) * 8;

	switch (offset & ~0x7fu) {
	case NVIC_ISER: set_flags(n, n->enabled, first, value, 1); break;
	case NVIC_ICER: set_flags(n, n->enabled, first, value, 0); break;
	case NVIC_ISPR:
		set_flags(n, n->pending, first, value, 1);
		if (value && n->sevonpend)
			n->ops->event(n->cpu);
		break;
	case NVIC_ICPR: clear_pending(n, first, value); break;
	default: return;
	}
	nvic_update(n);
}

/* Priorities are bytes: of system exceptions 4 to 15, and of interrupts. 0: no such register. */
static unsigned int priority_exception(const struct nvic *n, unsigned int offset)
{
	unsigned int exception = 0;

	if (offset >= SHPR && offset < SHPR + 12)
		exception = offset - SHPR + 4;
	else if (offset >= NVIC_IPR && offset < NVIC_IPR + n->irqs)
		exception = offset - NVIC_IPR + NVIC_IRQ;
	return exception;
}

static uint32_t read_priorities(const struct nvic *n, unsigned int offset)
{
	uint32_t value = 0;

	for (unsigned int i = 0; i < 4; i++)
		value |= (uint32_t)n->prio[priority_exception(n, offset + i)] << (8 * i);
	return value;
}

static void write_priorities(struct nvic *n, unsigned int offset, uint64_t value, unsigned int size)
{
	unsigned int implemented = 0xff00 >> n->priority_bits & 0xff;

	for (unsigned int i = 0; i < size; i++) {
		unsigned int exception = priority_exception(n, offset + i);

		/* 7 to 10 and 13 do not exist */
		if (exception >= NVIC_IRQ || (exception >= 4 && exception <= 6) ||
		    exception == 11 || exception == 12 || exception == 14 || exception == 15)
			n->prio[exception] = (uint8_t)(value >> (8 * i) & implemented);
	}
	nvic_update(n);
}

static bool is_priority(unsigned int offset)
{
	return (offset >= SHPR && offset < SHCSR) ||
	       (offset >= NVIC_IPR && offset < NVIC_IPR + NVIC_MAX_IRQS);
}

/* --- System Control Block --- */

static uint32_t read_icsr(const struct nvic *n)
{
	uint32_t value = n->ops->current(n->cpu), interrupts = 0, others = 0;

	for (unsigned int i = 1; i < NVIC_IRQ + n->irqs; i++) {
		interrupts |= i >= NVIC_IRQ && n->pending[i] && n->enabled[i];
		others += n->active[i] && i != n->ops->current(n->cpu);
	}
	value |= nvic_pending_exception(n) << 12;
	value |= interrupts << 22;
	if (n->ops->current(n->cpu) && !others)
		value |= 1 << 11; /* RETTOBASE */
	value |= n->pending[ARM_M_SYSTICK] ? ICSR_PENDSTSET : 0;
	value |= n->pending[ARM_M_PENDSV] ? ICSR_PENDSVSET : 0;
	value |= n->pending[ARM_M_NMI] ? ICSR_NMIPENDSET : 0;
	return value;
}

static void write_icsr(struct nvic *n, uint32_t value)
{
	if (value & ICSR_NMIPENDSET)
		nvic_set_pending(n, ARM_M_NMI, true);
	if (value & ICSR_PENDSVSET)
		nvic_set_pending(n, ARM_M_PENDSV, true);
	else if (value & ICSR_PENDSVCLR)
		nvic_set_pending(n, ARM_M_PENDSV, false);
	if (value & ICSR_PENDSTSET)
		nvic_set_pending(n, ARM_M_SYSTICK, true);
	else if (value & ICSR_PENDSTCLR)
		nvic_set_pending(n, ARM_M_SYSTICK, false);
}

static void write_aircr(struct nvic *n, uint32_t value)
{
	if (value >> 16 != AIRCR_KEY) {
		log_printf(LOG_GUEST_ERRORS, "nvic: AIRCR written without its key: %08x\n", value);
		return;
	}
	n->prigroup = value >> 8 & 7;
	if (value & SYSRESETREQ)
		machine_request_reset();
	nvic_update(n);
}

static uint32_t read_shcsr(const struct nvic *n)
{
	uint32_t value = 0;

	for (unsigned int i = 0; i < G_N_ELEMENTS(shown_active); i++)
		value |= (uint32_t)n->active[shown_active[i].exception] << shown_active[i].bit;
	for (unsigned int i = 0; i < G_N_ELEMENTS(shown_pending); i++)
		value |= (uint32_t)n->pending[shown_pending[i].exception] << shown_pending[i].bit;
	for (unsigned int i = 0; i < G_N_ELEMENTS(shown_enabled); i++)
		value |= (uint32_t)n->enabled[shown_enabled[i].exception] << shown_enabled[i].bit;
	return value;
}

static void write_shcsr(struct nvic *n, uint32_t value)
{
	for (unsigned int i = 0; i < G_N_ELEMENTS(shown_active); i++)
		n->active[shown_active[i].exception] = value >> shown_active[i].bit & 1;
	for (unsigned int i = 0; i < G_N_ELEMENTS(shown_pending); i++)
		n->pending[shown_pending[i].exception] = value >> shown_pending[i].bit & 1;
	for (unsigned int i = 0; i < G_N_ELEMENTS(shown_enabled); i++)
		n->enabled[shown_enabled[i].exception] = value >> shown_enabled[i].bit & 1;
	nvic_update(n);
}

static uint32_t read_scr(const struct nvic *n)
{
	const struct arm_m_scb *scb = n->ops->scb(n->cpu);

	return (scb->sleep_on_exit ? SCR_SLEEPONEXIT : 0) | (scb->sleep_deep ? SCR_SLEEPDEEP : 0) |
	       (n->sevonpend ? SCR_SEVONPEND : 0);
}

static void write_scr(struct nvic *n, uint32_t value)
{
	struct arm_m_scb *scb = n->ops->scb(n->cpu);

	scb->sleep_on_exit = value & SCR_SLEEPONEXIT;
	scb->sleep_deep = value & SCR_SLEEPDEEP;
	n->sevonpend = value & SCR_SEVONPEND;
}

/* --- MPU --- */

/* RBAR and RASR of the region that RNR names; the aliases are the same registers again. */
static uint32_t read_mpu(const struct nvic *n, unsigned int offset)
{
	const struct arm_m_scb *scb = n->ops->scb(n->cpu);

	switch (offset) {
	case MPU_TYPE: return MPU_REGIONS << 8;
	case MPU_CTRL: return scb->mpu_ctrl;
	case MPU_RNR: return n->mpu_rnr;
	default:
		if ((offset - MPU_RBAR) & 4)
			return scb->mpu_rasr[n->mpu_rnr & 7];
		return (scb->mpu_rbar[n->mpu_rnr & 7] & ~0x1fu) | n->mpu_rnr;
	}
}

static void write_mpu(struct nvic *n, unsigned int offset, uint32_t value)
{
	struct arm_m_scb *scb = n->ops->scb(n->cpu);

	if (offset == MPU_CTRL) {
		scb->mpu_ctrl = value & 7;
	} else if (offset == MPU_RNR) {
		if (value >= MPU_REGIONS)
			log_printf(LOG_GUEST_ERRORS, "nvic: MPU region %u does not exist\n", value);
		else
			n->mpu_rnr = value;
		return;
	} else if (offset >= MPU_RBAR) {
		if ((offset - MPU_RBAR) & 4) {
			scb->mpu_rasr[n->mpu_rnr & 7] = value & 0x173fff3f;
		} else {
			if (value & 0x10 && (value & 0xf) < MPU_REGIONS) /* VALID */
				n->mpu_rnr = value & 0xf;
			scb->mpu_rbar[n->mpu_rnr & 7] = value & ~0x1fu;
		}
	}
	n->ops->scb_changed(n->cpu);
}

/* --- all of them --- */

static uint32_t read_scb(struct nvic *n, unsigned int offset)
{
	const struct arm_m_scb *scb = n->ops->scb(n->cpu);

	switch (offset) {
	case CPUID: return n->ops->midr(n->cpu);
	case ICSR: return read_icsr(n);
	case VTOR: return scb->vtor;
	case AIRCR: return 0xfa050000 | (uint32_t)n->prigroup << 8;
	case SCR: return read_scr(n);
	case CCR: return scb->ccr;
	case SHCSR: return read_shcsr(n);
	case CFSR: return scb->cfsr;
	case HFSR: return scb->hfsr;
	case DFSR: return scb->dfsr;
	case MMFAR: return scb->mmfar;
	case BFAR: return scb->bfar;
	case ID_PFR0 ... ID_PFR0 + 4 * G_N_ELEMENTS(id_registers) - 1:
		return id_registers[(offset - ID_PFR0) / 4];
	case MPU_TYPE ... MPU_RBAR + 31: return read_mpu(n, offset);
	case DEMCR: return n->demcr;
	case PID4 ... PID4 + 4 * G_N_ELEMENTS(peripheral_id) - 1:
		return peripheral_id[(offset - PID4) / 4];
	case AFSR:
	case DHCSR ... DEMCR - 4: return 0; /* no debugger is attached */
	default: break;
	}
	log_printf(LOG_GUEST_ERRORS, "nvic: read of register %03x\n", offset);
	return 0;
}

static uint32_t read_word(struct nvic *n, unsigned int offset)
{
	switch (offset) {
	case ICTR: return (n->irqs + 31) / 32 - 1;
	case ACTLR: return n->actlr;
	case SYST ... SYST + 0xf: return systick_read(n, offset);
	case NVIC_ISER ... NVIC_IABR + 0x3f:
		if (offset & 0x40)
			break;
		return flags(n, flags_of(n, offset), NVIC_IRQ + (offset & 0x3c) * 8);
	default:
		if (is_priority(offset))
			return read_priorities(n, offset);
		return read_scb(n, offset);
	}
	return 0;
}

static void software_interrupt(struct nvic *n, uint32_t number)
{
	if ((number & 0x1ff) < n->irqs)
		nvic_set_pending(n, NVIC_IRQ + (number & 0x1ff), true);
	else
		log_printf(LOG_GUEST_ERRORS, "nvic: software interrupt %u\n", number & 0x1ff);
}

static void write_scb(struct nvic *n, unsigned int offset, uint32_t value)
{
	struct arm_m_scb *scb = n->ops->scb(n->cpu);

	switch (offset) {
	case ICSR: write_icsr(n, value); break;
	case VTOR: scb->vtor = value & 0x3fffff80; break;
	case AIRCR: write_aircr(n, value); break;
	case SCR: write_scr(n, value); break;
	case CCR:
		scb->ccr = value & CCR_WRITABLE;
		n->ops->scb_changed(n->cpu);
		break;
	case SHCSR: write_shcsr(n, value); break;
	case CFSR: scb->cfsr &= ~value; break;
	case HFSR: scb->hfsr &= ~value; break;
	case DFSR: scb->dfsr &= ~value; break;
	case MMFAR: scb->mmfar = value; break;
	case BFAR: scb->bfar = value; break;
	case AFSR: break;
	case MPU_CTRL ... MPU_RBAR + 31: write_mpu(n, offset, value); break;
	case DEMCR: n->demcr = value & 0x010f07f1; break;
	case STIR: software_interrupt(n, value); break;
	default: log_printf(LOG_GUEST_ERRORS, "nvic: write of register %03x\n", offset);
	}
}

static void write_word(struct nvic *n, unsigned int offset, uint32_t value)
{
	switch (offset) {
	case ICTR: break;
	case ACTLR: n->actlr = value & 7; break;
	case SYST ... SYST + 0xf: systick_write(n, offset, value); break;
	case NVIC_ISER ... NVIC_IABR + 0x3f:
		if (!(offset & 0x40))
			write_flags(n, offset, value);
		break;
	default: write_scb(n, offset, value);
	}
}

static uint64_t regs_read(void *opaque, uint64_t offset, unsigned int size)
{
	return read_word(opaque, (unsigned int)offset);
}

/* Bytes and halfwords may be written to the priorities and to CFSR; other registers take words. */
static void regs_write(void *opaque, uint64_t offset, uint64_t value, unsigned int size)
{
	struct nvic *n = opaque;
	unsigned int at = (unsigned int)offset;

	if (is_priority(at))
		write_priorities(n, at, value, size);
	else if (size == 4)
		write_word(n, at, (uint32_t)value);
	else if ((at & ~3u) == CFSR)
		write_word(n, CFSR, (uint32_t)value << (8 * (at & 3)));
	else
		log_printf(LOG_GUEST_ERRORS, "nvic: register %03x written as %u bytes\n", at, size);
}

const struct region_ops nvic_regs_ops = {
	.read = regs_read, .write = regs_write, .min_size = 4, .max_size = 4};
