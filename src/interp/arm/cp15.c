/*
 * The system control coprocessor. Source: ARM DDI 0100I, B3; DDI 0406C, B4.2; for what cores have
 * of their own the manuals that model.c lists. Caches, write buffers and TCMs are not modelled:
 * what controls them is accepted and does nothing.
 */
#include "interp/arm/model.h"

#include "base/log.h"

#define CRN(w)	((w) >> 16 & 15)
#define OPC1(w) ((w) >> 21 & 7)
#define CRM(w)	((w) & 15)
#define OPC2(w) ((w) >> 5 & 7)

/* --- reading --- */

static uint32_t id_register(const struct arm_cpu *c, uint32_t w)
{
	const struct arm_model *m = c->model;
	unsigned int op = OPC2(w);

	if (OPC1(w) == 1)
		return op == 1 ? m->clidr : op == 0 && c->csselr < 3 ? m->ccsidr[c->csselr] : 0;
	if (OPC1(w) == 2)
		return c->csselr;
	switch (CRM(w)) {
	case 0:
		if (op == 1)
			return m->ctr;
		if (op == 2)
			return m->tcmtr;
		if (op == 5 && arm_has(c, F_MPCORE))
			return (arm_has(c, F_V7) ? 0x80000000 : 0) | c->id;
		return m->midr;
	case 1: {
		const uint32_t regs[8] = {m->id_pfr[0],	 m->id_pfr[1],	m->id_dfr0,
					  m->id_afr0,	 m->id_mmfr[0], m->id_mmfr[1],
					  m->id_mmfr[2], m->id_mmfr[3]};
		return regs[op];
	}
	case 2: return op < 6 ? m->id_isar[op] : 0;
	default: return 0;
	}
}

static bool read_control(const struct arm_cpu *c, uint32_t w, uint32_t *value)
{
	if (CRM(w) == 1 && arm_has(c, F_V6)) { /* security extensions */
		*value = OPC2(w) == 0 ? c->scr : 0;
		return true;
	}
	switch (OPC2(w)) {
	case 0: *value = c->sctlr; return true;
	case 1: *value = c->actlr; return arm_has(c, F_AUX) || arm_has(c, F_XSCALE);
	case 2: *value = arm_has(c, F_XSCALE) ? 0 : c->cpacr; return arm_has(c, F_V6);
	default: return false;
	}
}

/* The 946's permission registers, in the form with 2 bits a region. */
static uint32_t permissions_short(uint32_t wide)
{
	uint32_t value = 0;

	for (unsigned int n = 0; n < 8; n++)
		value |= (wide >> (4 * n) & 3) << (2 * n);
	return value;
}

static uint32_t permissions_wide(uint32_t narrow)
{
	uint32_t value = 0;

	for (unsigned int n = 0; n < 8; n++)
		value |= (narrow >> (2 * n) & 3) << (4 * n);
	return value;
}

static bool read_mpu(const struct arm_cpu *c, uint32_t w, uint32_t *value)
{
	switch (CRN(w)) {
	case 2: *value = c->mpu_c2[OPC2(w) & 1]; return true;
	case 3: *value = c->mpu_c2[2]; return true;
	case 5:
		if (OPC2(w) < 2)
			*value = permissions_short(OPC2(w) ? c->mpu_insn : c->mpu_data);
		else
			*value = OPC2(w) == 3 ? c->mpu_insn : c->mpu_data;
		return true;
	default: *value = c->mpu_region[CRM(w) & 7]; return true;
	}
}

static bool read_faults(const struct arm_cpu *c, uint32_t w, uint32_t *value)
{
	bool v6 = arm_has(c, F_V6);

	if (CRN(w) == 5) {
		if (CRM(w) == 1)
			*value = 0;
		else
			*value = OPC2(w) ? c->ifsr : c->dfsr;
	} else if (OPC2(w) == 0) {
		*value = c->dfar;
	} else { /* v6: watchpoint and instruction fault address; v7 has the latter only */
		*value = OPC2(w) == 2 || arm_has(c, F_V7) ? c->ifar : 0;
	}
	return v6 || OPC2(w) < 2;
}

static bool read_process(const struct arm_cpu *c, uint32_t w, uint32_t *value)
{
	switch (OPC2(w)) {
	case 0: *value = c->fcse; return true;
	case 1: *value = c->contextidr; return true;
	case 2: *value = c->tpidrurw; break;
	case 3: *value = c->tpidruro; break;
	case 4: *value = c->tpidrprw; break;
	default: return false;
	}
	return arm_has(c, F_V6K);
}

static bool read_own(const struct arm_cpu *c, uint32_t w, uint32_t *value)
{
	*value = 0;
	if (arm_has(c, F_XSCALE) && CRM(w) == 1 && OPC2(w) == 0) {
		*value = c->cpar;
		return true;
	}
	if (arm_has(c, F_OMAP)) {
		switch (CRM(w)) {
		case 1: *value = c->ti_config; break;
		case 2: *value = c->ti_i_max; break;
		case 3: *value = c->ti_i_min; break;
		case 4: *value = c->ti_thread; break;
		case 8: *value = OPC2(w) == 0 ? 0x120 : 0; break; /* status */
		}
		return true;
	}
	if (arm_has(c, F_MPCORE | F_V7) && OPC1(w) == 4 && CRM(w) == 0) {
		*value = c->private_base;
		return true;
	}
	return !c->coproc[15].ops;
}

/* What User mode may reach: thread registers, and the barriers of v6. */
static bool user_allowed(const struct arm_cpu *c, uint32_t w, bool write)
{
	if (!arm_has(c, F_V6))
		return false;
	if (CRN(w) == 13 && CRM(w) == 0)
		return OPC2(w) == 2 || (OPC2(w) == 3 && !write);
	if (CRN(w) == 7 && write)
		return (CRM(w) == 10 && (OPC2(w) == 4 || OPC2(w) == 5)) ||
		       (CRM(w) == 5 && (OPC2(w) == 4 || OPC2(w) == 6));
	return false;
}

bool arm_cp15_read(struct arm_cpu *c, uint32_t w, uint32_t *value)
{
	*value = 0;
	if (!(c->v.mode & MODE_PRIV) && !user_allowed(c, w, false))
		return false;
	if (arm_has(c, F_MPU) && (CRN(w) == 2 || CRN(w) == 3 || CRN(w) == 5 || CRN(w) == 6))
		return read_mpu(c, w, value);
	switch (CRN(w)) {
	case 0: *value = id_register(c, w); return true;
	case 1: return read_control(c, w, value);
	case 2:
		*value = OPC2(w) == 0 ? c->ttbr0 : OPC2(w) == 1 ? c->ttbr1 : c->ttbcr;
		return OPC2(w) == 0 || arm_has(c, F_V6);
	case 3: *value = c->dacr; return true;
	case 5:
	case 6: return read_faults(c, w, value);
	case 7:
		if (CRM(w) == 4)
			*value = c->par;
		else if (CRM(w) == 10 && OPC2(w) == 3) /* test and clean: all is clean */
			*value = PSR_Z;
		else if (CRM(w) == 14 && OPC2(w) == 3)
			*value = PSR_Z;
		return true;
	case 9:
		if (CRM(w) >= 12)
			*value = c->pmu[OPC2(w)];
		else
			*value = CRM(w) == 1 ? c->tcm[OPC2(w) & 1] : c->lockdown[OPC2(w) & 3];
		return true;
	case 10:
		if (CRM(w) == 2 && arm_has(c, F_V6))
			*value = OPC2(w) ? c->nmrr : c->prrr;
		return true;
	case 12: *value = CRM(w) == 0 && OPC2(w) == 0 ? c->vbar : 0; return arm_has(c, F_V6);
	case 13: return read_process(c, w, value);
	case 15: return read_own(c, w, value);
	default: return arm_has(c, F_OMAP);
	}
}

/* --- writing --- */

static void write_sctlr(struct arm_cpu *c, uint32_t value)
{
	uint32_t writable = c->model->sctlr_writable, old = c->sctlr;

	c->sctlr = (old & ~writable) | (value & writable);
	if ((old ^ c->sctlr) &
	    (SCTLR_M | SCTLR_S | SCTLR_R | SCTLR_XP | SCTLR_AFE | SCTLR_TRE | SCTLR_EE))
		vcpu_tlb_flush(&c->v);
	arm_mode_changed(c);
}

static bool write_control(struct arm_cpu *c, uint32_t w, uint32_t value)
{
	if (CRM(w) == 1 && arm_has(c, F_V6)) {
		if (OPC2(w) == 0)
			c->scr = value;
		return true;
	}
	switch (OPC2(w)) {
	case 0: write_sctlr(c, value); return true;
	case 1: c->actlr = value; return arm_has(c, F_AUX) || arm_has(c, F_XSCALE);
	case 2:
		/* CP10 and 11 are all there is. */
		c->cpacr = arm_has(c, F_VFP2) ? value & 0xc0f00000 : 0;
		arm_mode_changed(c);
		return arm_has(c, F_V6);
	default: return false;
	}
}

static bool write_mpu(struct arm_cpu *c, uint32_t w, uint32_t value)
{
	switch (CRN(w)) {
	case 2: c->mpu_c2[OPC2(w) & 1] = value; return true;
	case 3: c->mpu_c2[2] = value; return true;
	case 5:
		if (OPC2(w) < 2)
			value = permissions_wide(value);
		*(OPC2(w) & 1 ? &c->mpu_insn : &c->mpu_data) = value;
		break;
	default: c->mpu_region[CRM(w) & 7] = value; break;
	}
	vcpu_tlb_flush(&c->v);
	return true;
}

static bool write_tables(struct arm_cpu *c, uint32_t w, uint32_t value)
{
	switch (OPC2(w)) {
	case 0: c->ttbr0 = value; break;
	case 1: c->ttbr1 = value; break;
	case 2: c->ttbcr = value & 0x37; break;
	default: return false;
	}
	vcpu_tlb_flush(&c->v);
	return OPC2(w) == 0 || arm_has(c, F_V6);
}

static void write_dacr(struct arm_cpu *c, uint32_t value)
{
	unsigned int other = !c->dacr_slot;

	if (c->dacr == value)
		return;
	c->dacr = value;
	c->dacr_slot = other;
	if (c->dacr_seen[other] != value) {
		c->dacr_seen[other] = value;
		vcpu_tlb_flush(&c->v);
	}
	arm_mode_changed(c);
}

static bool write_faults(struct arm_cpu *c, uint32_t w, uint32_t value)
{
	if (CRN(w) == 5)
		*(OPC2(w) ? &c->ifsr : &c->dfsr) = value;
	else if (OPC2(w) == 0)
		c->dfar = value;
	else
		c->ifar = value;
	return true;
}

/* ATS1C*: translation of an address, the answer in PAR. */
static void translate(struct arm_cpu *c, uint32_t va, unsigned int op)
{
	struct arm_walk w = {
		.va = va, .access = op & 1 ? ACCESS_WRITE : ACCESS_READ, .user = op & 2};
	uint32_t fault = arm_walk(c, &w);

	if (fault)
		c->par = (fault & 0xf) << 1 | 1;
	else
		c->par = w.page_size == 0x1000000 ? (w.pa & 0xff000000) | 2 : w.pa & 0xfffff000;
}

/* Caches, barriers, waiting. */
static bool write_cache(struct arm_cpu *c, uint32_t w, uint32_t value)
{
	if (CRM(w) == 0 && OPC2(w) == 4) { /* wait for interrupt */
		if (!(__atomic_load_n(&c->v.events, __ATOMIC_SEQ_CST) &
		      (ARM_EVENT_IRQ | ARM_EVENT_FIQ)))
			c->v.cpu.halted = true;
	} else if (CRM(w) == 8 && arm_has(c, F_V6)) {
		translate(c, value, OPC2(w));
	} else if (CRM(w) == 4 && arm_has(c, F_V6)) {
		c->par = value;
	}
	return true;
}

static void write_tlb(struct arm_cpu *c, uint32_t w, uint32_t value)
{
	bool broadcast = CRM(w) == 3 && arm_has(c, F_MPCORE);

	/* By address; by address and ASID: ASIDs are not kept apart. v6: 3 is all ASIDs. */
	if (OPC2(w) == 1 || (OPC2(w) == 3 && arm_has(c, F_V6)))
		vcpu_tlb_flush_page(&c->v, value & 0xfffff000);
	else
		vcpu_tlb_flush(&c->v);
	if (!broadcast)
		return;
	for (struct cpu *cpu = cpu_first(); cpu; cpu = cpu->next)
		if (cpu != &c->v.cpu)
			cpu_run_on(cpu, vcpu_tlb_flush_work, NULL);
}

static bool write_process(struct arm_cpu *c, uint32_t w, uint32_t value)
{
	switch (OPC2(w)) {
	case 0:
		if (c->fcse != (value & 0xfe000000)) {
			c->fcse = value & 0xfe000000;
			vcpu_tlb_flush(&c->v);
		}
		return true;
	case 1:
		/* A new ASID: entries are not tagged with it. */
		if ((c->contextidr ^ value) & 0xff)
			vcpu_tlb_flush(&c->v);
		c->contextidr = value;
		return true;
	case 2: c->tpidrurw = value; break;
	case 3: c->tpidruro = value; break;
	case 4: c->tpidrprw = value; break;
	default: return false;
	}
	return arm_has(c, F_V6K);
}

static bool write_own(struct arm_cpu *c, uint32_t w, uint32_t value)
{
	if (arm_has(c, F_XSCALE) && CRM(w) == 1 && OPC2(w) == 0) {
		c->cpar = value & 0x3fff;
		arm_mode_changed(c);
		return true;
	}
	if (!arm_has(c, F_OMAP))
		return !c->coproc[15].ops;
	switch (CRM(w)) {
	case 1:
		/* Which of two identities it shows. */
		c->ti_config = value & 0xe7;
		break;
	case 2: c->ti_i_max = value; break;
	case 3: c->ti_i_min = value; break;
	case 4: c->ti_thread = value & 0xffff; break;
	case 8: c->v.cpu.halted = true; break; /* wait for interrupt */
	}
	return true;
}

bool arm_cp15_write(struct arm_cpu *c, uint32_t w, uint32_t value)
{
	if (!(c->v.mode & MODE_PRIV) && !user_allowed(c, w, true))
		return false;
	if (arm_has(c, F_MPU) && (CRN(w) == 2 || CRN(w) == 3 || CRN(w) == 5 || CRN(w) == 6))
		return write_mpu(c, w, value);
	switch (CRN(w)) {
	case 0:
		if (OPC1(w) == 2)
			c->csselr = value & 0xf;
		return true;
	case 1: return write_control(c, w, value);
	case 2: return write_tables(c, w, value);
	case 3: write_dacr(c, value); return true;
	case 5:
	case 6: return write_faults(c, w, value);
	case 7: return write_cache(c, w, value);
	case 8: write_tlb(c, w, value); return true;
	case 9:
		if (CRM(w) >= 12)
			c->pmu[OPC2(w)] = value;
		else
			*(CRM(w) == 1 ? &c->tcm[OPC2(w) & 1] : &c->lockdown[OPC2(w) & 3]) = value;
		return true;
	case 10:
		if (CRM(w) == 2 && arm_has(c, F_V6))
			*(OPC2(w) ? &c->nmrr : &c->prrr) = value;
		return true;
	case 12:
		if (CRM(w) == 0 && OPC2(w) == 0)
			c->vbar = value & ~0x1fu;
		return arm_has(c, F_V6);
	case 13: return write_process(c, w, value);
	case 15: return write_own(c, w, value);
	default: return arm_has(c, F_OMAP);
	}
}

void arm_cp15_reset(struct arm_cpu *c)
{
	c->sctlr = c->model->sctlr_reset | (c->high_vectors ? SCTLR_V : 0);
	c->dacr_seen[0] = c->dacr_seen[1] = c->dacr_slot = 0;
	c->cpacr = c->ttbr0 = c->ttbr1 = c->ttbcr = c->dacr = 0;
	c->dfsr = c->ifsr = c->dfar = c->ifar = c->par = 0;
	c->fcse = c->contextidr = c->tpidrurw = c->tpidruro = c->tpidrprw = 0;
	c->csselr = c->vbar = c->scr = c->cpar = 0;
	c->actlr = arm_has(c, F_V7) ? 2 : arm_has(c, F_V6) ? 7 : 0;
	c->mpu_data = c->mpu_insn = 0;
	for (unsigned int n = 0; n < 8; n++)
		c->mpu_region[n] = c->pmu[n] = 0;
	c->pmu[0] = arm_has(c, F_V7) ? 0x41002000 : 0;
	c->ti_config = c->ti_i_max = 0;
	c->ti_i_min = 0xff0;
	c->ti_thread = 0;
}
