/*
 * Protection units: that of the ARM946E-S (ARM DDI 0201, 2.3 and chapter 4), and that of v7-M (ARM
 * DDI 0403, B3.5). Addresses are not translated.
 */
#include "interp/arm/cpu.h"

static const unsigned int rx = PROT_R | PROT_X, rwx = PROT_R | PROT_W | PROT_X;

static uint32_t fault_or(struct arm_walk *w, unsigned int prot, uint32_t fault)
{
	unsigned int need = w->access == ACCESS_READ	? PROT_R
			    : w->access == ACCESS_WRITE ? PROT_W
							: PROT_X;

	w->prot = prot;
	return prot & need ? 0 : fault;
}

/* --- 946 --- */

static unsigned int prot_946(unsigned int ap, bool user)
{
	switch (ap) {
	case 1: return user ? 0 : rwx;
	case 2: return user ? rx : rwx;
	case 3: return rwx;
	case 5: return user ? 0 : rx;
	case 6: return rx;
	default: return 0;
	}
}

static uint32_t walk_946(struct arm_cpu *c, struct arm_walk *w)
{
	for (int n = 7; n >= 0; n--) {
		uint32_t region = c->mpu_region[n];
		unsigned int bits = (region >> 1 & 0x1f) + 1;
		if (!(region & 1) || bits < 12)
			continue;
		uint64_t mask = (UINT64_C(1) << bits) - 1;
		if ((w->va & ~mask) != (region & 0xfffff000 & ~mask))
			continue;
		unsigned int data = prot_946(c->mpu_data >> (4 * n) & 0xf, w->user);
		unsigned int insn = prot_946(c->mpu_insn >> (4 * n) & 0xf, w->user);
		unsigned int prot = (data & (PROT_R | PROT_W)) | (insn & PROT_X);
		return fault_or(w, prot, 13);
	}
	return 5;
}

/* --- v7-M --- */

static unsigned int prot_m(unsigned int ap, bool xn, bool user)
{
	unsigned int x = xn ? 0 : PROT_X, ro = PROT_R | x, rw = ro | PROT_W;

	switch (ap) {
	case 1: return user ? 0 : rw;
	case 2: return user ? ro : rw;
	case 3: return rw;
	case 5: return user ? 0 : ro;
	case 6:
	case 7: return ro;
	default: return 0;
	}
}

/* Whether the region holds the address; `*whole` is cleared where it ends within the page. */
static bool m_region(const struct arm_m_scb *scb, unsigned int n, uint32_t va, bool *whole)
{
	uint32_t rasr = scb->mpu_rasr[n];
	unsigned int bits = (rasr >> 1 & 0x1f) + 1;

	if (!(rasr & 1) || bits < 5)
		return false;
	uint64_t mask = (UINT64_C(1) << bits) - 1;
	uint32_t base = scb->mpu_rbar[n] & ~(uint32_t)mask;
	bool subregions = bits >= 8 && rasr >> 8 & 0xff;
	if (bits < 12 || (subregions && bits < 15)) {
		uint32_t page = va & (uint32_t)GUEST_PAGE_MASK;
		if (page <= base + (uint32_t)mask && base <= page + (uint32_t)~GUEST_PAGE_MASK)
			*whole = false;
	}
	if ((va & ~(uint32_t)mask) != base)
		return false;
	return !subregions || !(rasr >> (8 + ((va & mask) >> (bits - 3))) & 1);
}

/* The default memory map: peripherals and the system space are not executable. */
static unsigned int default_map(uint32_t va)
{
	unsigned int area = va >> 29;

	return area == 2 || area >= 5 ? PROT_R | PROT_W : rwx;
}

static uint32_t walk_m(struct arm_cpu *c, struct arm_walk *w)
{
	const struct arm_m_scb *scb = &c->scb;
	bool whole = true;
	bool on = scb->mpu_ctrl & 1;
	uint32_t result;

	/* Faults of priority -1 and -2 run without it unless HFNMIENA is set. */
	if (c->m_exception == ARM_M_HARD_FAULT || c->m_exception == ARM_M_NMI || c->faultmask)
		on = on && scb->mpu_ctrl & 2;
	if (!on || w->va >> 20 == 0xe00)
		return fault_or(w, default_map(w->va), 13);
	for (int n = 7; n >= 0; n--) {
		if (!m_region(scb, (unsigned int)n, w->va, &whole))
			continue;
		uint32_t rasr = scb->mpu_rasr[n];
		result = fault_or(w, prot_m(rasr >> 24 & 7, rasr >> 28 & 1, w->user), 13);
		goto done;
	}
	result = scb->mpu_ctrl & 4 && !w->user ? fault_or(w, default_map(w->va), 13) : 5;
done:
	if (!whole)
		w->page_size = 32;
	return result;
}

uint32_t arm_mpu_walk(struct arm_cpu *c, struct arm_walk *w)
{
	w->pa = w->va;
	w->page_size = GUEST_PAGE_SIZE;
	if (c->features & F_M)
		return walk_m(c, w);
	if (!(c->sctlr & SCTLR_M)) {
		w->prot = rwx;
		return 0;
	}
	return walk_946(c, w);
}
