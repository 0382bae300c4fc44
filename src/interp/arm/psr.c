/* CPSR, SPSR and banked registers. Source: ARM DDI 0100I, A2.3 to A2.5. */
#include "interp/arm/flags.h"

#include <string.h>

uint32_t arm_flags_get(const struct arm_cpu *c)
{
	const struct arm_regs *r = &c->r;

	return (r->n & PSR_N) | (r->z == 0 ? PSR_Z : 0) | (r->c ? PSR_C : 0) | (r->v & PSR_N) >> 3;
}

void arm_flags_set(struct arm_cpu *c, uint32_t value)
{
	c->r.n = value;
	c->r.z = !(value & PSR_Z);
	c->r.c = value >> 29 & 1;
	c->r.v = value << 3;
}

/* From a mask of bytes to four bits, and back. */
static uint32_t ge_get(const struct arm_cpu *c)
{
	return (c->r.ge & 0x01010101) * 0x01020408 >> 24 & 0xf;
}

static void ge_set(struct arm_cpu *c, uint32_t ge)
{
	c->r.ge = ((ge & 0xf) * 0x00204081 & 0x01010101) * 0xff;
}

uint32_t arm_cpsr_get(const struct arm_cpu *c)
{
	uint32_t it = arm_itstate(c);

	return arm_flags_get(c) | c->r.q << 27 | ge_get(c) << 16 |
	       (c->v.mode & MODE_T ? PSR_T : 0) | (it & 3) << 25 | (it >> 2) << 10 | c->cpsr;
}

/* --- banks --- */

static unsigned int bank_of(unsigned int mode)
{
	switch (mode) {
	case MODE_FIQ: return BANK_FIQ;
	case MODE_IRQ: return BANK_IRQ;
	case MODE_SVC: return BANK_SVC;
	case MODE_ABT: return BANK_ABT;
	case MODE_UND: return BANK_UND;
	default: return BANK_USR;
	}
}

bool arm_mode_valid(const struct arm_cpu *c, unsigned int mode)
{
	return bank_of(mode) != BANK_USR || mode == MODE_USR || mode == MODE_SYS;
}

static void switch_mode(struct arm_cpu *c, unsigned int mode)
{
	unsigned int from = bank_of(c->cpsr & PSR_M), to = bank_of(mode);

	if (from == to)
		return;
	c->bank_sp[from] = c->r.r[SP];
	c->bank_lr[from] = c->r.r[LR];
	c->r.r[SP] = c->bank_sp[to];
	c->r.r[LR] = c->bank_lr[to];
	if (from == BANK_FIQ) {
		memcpy(c->bank_fiq, &c->r.r[8], sizeof(c->bank_fiq));
		memcpy(&c->r.r[8], c->bank_usr, sizeof(c->bank_usr));
	} else if (to == BANK_FIQ) {
		memcpy(c->bank_usr, &c->r.r[8], sizeof(c->bank_usr));
		memcpy(&c->r.r[8], c->bank_fiq, sizeof(c->bank_fiq));
	}
}

/* Where register n of `mode` is now. */
static uint32_t *bank_place(struct arm_cpu *c, unsigned int mode, unsigned int n)
{
	unsigned int now = bank_of(c->cpsr & PSR_M), want = bank_of(mode);

	if (n >= 8 && n <= 12 && (now == BANK_FIQ) != (want == BANK_FIQ))
		return want == BANK_FIQ ? &c->bank_fiq[n - 8] : &c->bank_usr[n - 8];
	if ((n == SP || n == LR) && now != want)
		return n == SP ? &c->bank_sp[want] : &c->bank_lr[want];
	return &c->r.r[n];
}

uint32_t arm_bank_reg(struct arm_cpu *c, unsigned int mode, unsigned int n)
{
	return *bank_place(c, mode, n);
}

void arm_bank_reg_set(struct arm_cpu *c, unsigned int mode, unsigned int n, uint32_t value)
{
	*bank_place(c, mode, n) = value;
}

/* --- CPSR and SPSR --- */

void arm_cpsr_set(struct arm_cpu *c, uint32_t value, uint32_t mask)
{
	uint32_t flags = mask & 0xf0000000, kept = PSR_E | PSR_A | PSR_I | PSR_F;

	if (flags)
		arm_flags_set(c, (arm_flags_get(c) & ~flags) | (value & flags));
	if (mask & PSR_Q)
		c->r.q = value >> 27 & 1;
	if (mask & PSR_GE)
		ge_set(c, (ge_get(c) & ~(mask >> 16)) | (value & mask) >> 16);
	if (mask & PSR_T)
		c->v.mode = (c->v.mode & ~(uint32_t)MODE_T) | (value >> 5 & 1);
	if (mask & PSR_IT) {
		uint32_t it = (value >> 25 & 3) | (value >> 8 & 0xfc);
		c->v.mode = (c->v.mode & ~CONTEXT_MASK) | it << CONTEXT_SHIFT;
	}
	c->cpsr = (c->cpsr & ~(mask & kept)) | (value & mask & kept);
	if (mask & PSR_M && arm_mode_valid(c, value & PSR_M)) {
		switch_mode(c, value & PSR_M);
		c->cpsr = (c->cpsr & ~(uint32_t)PSR_M) | (value & PSR_M);
	}
	arm_mode_changed(c);
}

uint32_t arm_spsr_get(const struct arm_cpu *c)
{
	return c->spsr[bank_of(c->cpsr & PSR_M)];
}

void arm_spsr_set(struct arm_cpu *c, uint32_t value, uint32_t mask)
{
	uint32_t *spsr = &c->spsr[bank_of(c->cpsr & PSR_M)];

	*spsr = (*spsr & ~mask) | (value & mask);
}

/* --- mode bits --- */

static bool strict(const struct arm_cpu *c)
{
	if (c->features & F_USER_ANY)
		return false;
	if (c->features & F_M)
		return c->scb.ccr & 1 << 3;
	if (c->sctlr & SCTLR_A)
		return true;
	return !(c->features & F_V7) && !(c->features & F_V6 && c->sctlr & SCTLR_U);
}

static uint32_t vfp_bits(const struct arm_cpu *c, bool priv)
{
	uint32_t bits = 0, access = c->cpacr >> 20 & 3;

	if (!(c->features & F_VFP2))
		return 0;
	/* Before v6 there is no access control register for it. */
	if (c->features & F_V6 && access != 3 && !(access == 1 && priv))
		return 0;
	bits = c->fpexc & 1u << 30 ? MODE_VFP : MODE_VFP_OFF_EN;
	if (c->fpscr & 0x00370000)
		bits |= MODE_VECTOR;
	return bits;
}

static uint32_t a_profile_bits(const struct arm_cpu *c)
{
	uint32_t mode = c->cpsr & PSR_M, bits = 0;
	bool priv = mode != MODE_USR;

	if (priv)
		bits |= MODE_PRIV;
	if (!priv || mode == MODE_SYS)
		bits |= MODE_SYSUSR;
	if (c->cpsr & PSR_E || c->be_data)
		bits |= MODE_BE;
	if (c->be_code)
		bits |= MODE_BE_CODE;
	if (c->features & F_IWMMXT && (c->cpar & 3) == 3)
		bits |= MODE_WMMX;
	return bits | vfp_bits(c, priv);
}

static uint32_t m_profile_bits(const struct arm_cpu *c)
{
	uint32_t bits = c->m_exception ? MODE_HANDLER | MODE_PRIV : 0;

	if (!(c->control & 1))
		bits |= MODE_PRIV;
	return bits;
}

void arm_mode_changed(struct arm_cpu *c)
{
	uint32_t bits = c->features & F_M ? m_profile_bits(c) : a_profile_bits(c);

	if (strict(c))
		bits |= MODE_STRICT;
	c->v.mode = (c->v.mode & (CONTEXT_MASK | MODE_T)) | bits;
	unsigned int mmu = (bits & MODE_PRIV ? MMU_PRIV : MMU_USER) | c->dacr_slot * MMU_DACR;
	if (mmu != c->v.mmu_mode)
		vcpu_set_mmu_mode(&c->v, mmu);
}
