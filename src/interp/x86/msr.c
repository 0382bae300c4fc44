/*
 * Model-specific registers. Sources: Intel SDM volume 4; AMD BKDG of families 0Fh and 10h.
 *
 * Most are plain storage, described by a table; the others have a case in msr_read() and
 * msr_write(). A register that no table knows raises #GP(0), as on real parts: operating systems of
 * the time probe with a fixup for that.
 *
 * The time-stamp counter counts CLOCK_VIRTUAL at exactly 1 GHz, so that it stands still with the
 * machine, is the same on all processors, follows -icount, and every calibration against the PIT,
 * HPET or ACPI timer (which count the same clock) comes out at 1000.000 MHz.
 */
#include "interp/x86/system.h"

#include "base/log.h"
#include "base/loop.h"
#include "vm/clock.h"

#include <inttypes.h>

enum {
	MSR_P5_MC_ADDR = 0x0,
	MSR_P5_MC_TYPE = 0x1,
	MSR_TSC = 0x10,
	MSR_PLATFORM_ID = 0x17,
	MSR_APIC_BASE = 0x1b,
	MSR_EBL_CR_POWERON = 0x2a,
	MSR_FEATURE_CONTROL = 0x3a,
	MSR_TSC_ADJUST = 0x3b,
	MSR_UCODE_WRITE = 0x79,
	MSR_UCODE_REV = 0x8b,
	MSR_SMBASE = 0x9e,
	MSR_FSB_FREQ = 0xcd,
	MSR_PLATFORM_INFO = 0xce,
	MSR_MTRR_CAP = 0xfe,
	MSR_BBL_CR_CTL3 = 0x11e,
	MSR_SYSENTER_CS = 0x174,
	MSR_SYSENTER_ESP,
	MSR_SYSENTER_EIP,
	MSR_MCG_CAP = 0x179,
	MSR_MCG_STATUS,
	MSR_MCG_CTL,
	MSR_PERF_STATUS = 0x198,
	MSR_PERF_CTL,
	MSR_THERM_STATUS = 0x19c,
	MSR_MISC_ENABLE = 0x1a0,
	MSR_DEBUGCTL = 0x1d9,
	MSR_MTRR_PHYS = 0x200,
	MSR_MTRR_FIX64K = 0x250,
	MSR_MTRR_FIX16K_80000 = 0x258,
	MSR_MTRR_FIX16K_A0000,
	MSR_MTRR_FIX4K = 0x268,
	MSR_PAT = 0x277,
	MSR_MTRR_DEF_TYPE = 0x2ff,
	MSR_MC0_CTL = 0x400,
	MSR_X2APIC = 0x800,
};
#define MSR_EFER	   0xc0000080u
#define MSR_STAR	   0xc0000081u
#define MSR_LSTAR	   0xc0000082u
#define MSR_CSTAR	   0xc0000083u
#define MSR_SFMASK	   0xc0000084u
#define MSR_FS_BASE	   0xc0000100u
#define MSR_GS_BASE	   0xc0000101u
#define MSR_KERNEL_GS_BASE 0xc0000102u
#define MSR_TSC_AUX	   0xc0000103u
#define MSR_K8_FIRST	   0xc0010000u
#define MSR_K8_LAST	   0xc0011fffu

#define MTRR_COUNT 8
#define MC_BANKS   10

/* --- the time-stamp counter --- */

static uint64_t clock_ticks(struct x86_cpu *c)
{
	vcpu_before_io(&c->v);
	return (uint64_t)clock_now(CLOCK_VIRTUAL);
}

uint64_t x86_tsc(struct x86_cpu *c)
{
	return clock_ticks(c) + c->tsc_offset;
}

/* --- the local APIC --- */

static uint64_t apic_base_read(struct x86_cpu *c)
{
	const struct x86_intc_ops *ops = c->v.cpu.intc_ops;

	if (!ops || !ops->get_base)
		return c->apic_base;
	machine_lock();
	uint64_t value = ops->get_base(c->v.cpu.intc);
	machine_unlock();
	return value;
}

static bool apic_base_write(struct x86_cpu *c, uint64_t value)
{
	const struct x86_intc_ops *ops = c->v.cpu.intc_ops;
	bool ok = true;

	machine_lock();
	if (ops && ops->set_base)
		ok = ops->set_base(c->v.cpu.intc, value);
	machine_unlock();
	if (ok)
		c->apic_base = value;
	return ok;
}

static bool x2apic(struct x86_cpu *c, uint32_t msr, uint64_t *value, bool write)
{
	const struct x86_intc_ops *ops = c->v.cpu.intc_ops;
	bool ok = false;

	machine_lock();
	if (write && ops && ops->write_msr)
		ok = ops->write_msr(c->v.cpu.intc, msr, *value);
	else if (!write && ops && ops->read_msr)
		ok = ops->read_msr(c->v.cpu.intc, msr, value);
	machine_unlock();
	return ok;
}

/* --- MTRRs --- */

static uint64_t *mtrr_find(struct x86_cpu *c, uint32_t msr)
{
	if (!x86_has(c, FEAT_1_EDX, 12))
		return NULL;
	if (msr >= MSR_MTRR_PHYS && msr < MSR_MTRR_PHYS + 2 * MTRR_COUNT)
		return &c->mtrr_phys[msr - MSR_MTRR_PHYS];
	if (msr == MSR_MTRR_FIX64K)
		return &c->mtrr_fixed[0];
	if (msr == MSR_MTRR_FIX16K_80000 || msr == MSR_MTRR_FIX16K_A0000)
		return &c->mtrr_fixed[1 + msr - MSR_MTRR_FIX16K_80000];
	if (msr >= MSR_MTRR_FIX4K && msr < MSR_MTRR_FIX4K + 8)
		return &c->mtrr_fixed[3 + msr - MSR_MTRR_FIX4K];
	if (msr == MSR_MTRR_DEF_TYPE)
		return &c->mtrr_def;
	return NULL;
}

static bool memory_type_ok(uint8_t type)
{
	return type == 0 || type == 1 || (type >= 4 && type <= 6);
}

static bool types_ok(uint64_t value, bool pat)
{
	for (unsigned int i = 0; i < 8; i++) {
		uint8_t type = (uint8_t)(value >> (8 * i));
		if (!memory_type_ok(type) && !(pat && type == 7))
			return false;
	}
	return true;
}

static bool mtrr_value_ok(const struct x86_cpu *c, uint32_t msr, uint64_t value)
{
	if (msr == MSR_MTRR_DEF_TYPE)
		return !(value & ~UINT64_C(0xcff)) && memory_type_ok((uint8_t)value);
	if (msr >= MSR_MTRR_FIX64K)
		return types_ok(value, false);
	if (value & ~(c->phys_mask | 0xfff))
		return false;
	/* Physical mask, or base with its type. */
	return msr & 1 ? !(value & 0x7ff) : !(value & 0xf00) && memory_type_ok((uint8_t)value);
}

/* --- those that are plain storage --- */

struct plain {
	uint32_t msr;
	size_t offset;
	uint64_t mask;	   /* bits that may be set; others: #GP */
	uint8_t word, bit; /* feature that it comes with; bit 255: always */
	bool canonical;
};

#define PLAIN(msr, member, mask, word, bit) \
	{msr, offsetof(struct x86_cpu, member), mask, word, bit, false}
#define ADDRESS(msr, member, word, bit) \
	{msr, offsetof(struct x86_cpu, member), UINT64_MAX, word, bit, true}

static const struct plain plains[] = {
	PLAIN(MSR_SYSENTER_CS, sysenter_cs, UINT32_MAX, FEAT_1_EDX, 11),
	ADDRESS(MSR_SYSENTER_ESP, sysenter_esp, FEAT_1_EDX, 11),
	ADDRESS(MSR_SYSENTER_EIP, sysenter_eip, FEAT_1_EDX, 11),
	PLAIN(MSR_STAR, star, UINT64_MAX, FEAT_8000_0001_EDX, 11),
	ADDRESS(MSR_LSTAR, lstar, FEAT_8000_0001_EDX, 29),
	ADDRESS(MSR_CSTAR, cstar, FEAT_8000_0001_EDX, 29),
	PLAIN(MSR_SFMASK, sfmask, UINT64_MAX, FEAT_8000_0001_EDX, 29),
	ADDRESS(MSR_FS_BASE, seg[FS].base, FEAT_8000_0001_EDX, 29),
	ADDRESS(MSR_GS_BASE, seg[GS].base, FEAT_8000_0001_EDX, 29),
	ADDRESS(MSR_KERNEL_GS_BASE, kernel_gs_base, FEAT_8000_0001_EDX, 29),
	PLAIN(MSR_TSC_AUX, tsc_aux, UINT32_MAX, FEAT_8000_0001_EDX, 27),
	PLAIN(MSR_MISC_ENABLE, misc_enable, UINT64_MAX, FEAT_1_EDX, 5),
	PLAIN(MSR_MCG_STATUS, mcg_status, 7, FEAT_1_EDX, 14),
	PLAIN(MSR_MCG_CTL, mcg_ctl, UINT64_MAX, FEAT_1_EDX, 14),
};

static const struct plain *plain_find(const struct x86_cpu *c, uint32_t msr)
{
	for (unsigned int i = 0; i < G_N_ELEMENTS(plains); i++)
		if (plains[i].msr == msr)
			return x86_has(c, (enum x86_feature_word)plains[i].word, plains[i].bit)
				       ? &plains[i]
				       : NULL;
	return NULL;
}

static uint64_t *plain_value(struct x86_cpu *c, const struct plain *p)
{
	return (uint64_t *)((char *)c + p->offset);
}

/* --- those that exist, read as a constant and ignore writes --- */

static bool constant_read(const struct x86_cpu *c, uint32_t msr, uint64_t *value)
{
	*value = 0;
	switch (msr) {
	case MSR_P5_MC_ADDR:
	case MSR_P5_MC_TYPE:
	case MSR_PLATFORM_ID:
	case MSR_EBL_CR_POWERON:
	case MSR_BBL_CR_CTL3:
	case MSR_DEBUGCTL:
	case MSR_PERF_CTL:
	case MSR_THERM_STATUS: return true;
	case MSR_FEATURE_CONTROL: *value = 1; return true;
	case MSR_UCODE_REV: *value = UINT64_C(0x100000000); return true;
	case MSR_FSB_FREQ: *value = 3; return true;
	/* Ratio 10 of a 100 MHz bus. */
	case MSR_PLATFORM_INFO: *value = 10 << 8; return true;
	case MSR_PERF_STATUS: *value = 1000 | UINT64_C(10) << 40; return true;
	case MSR_MTRR_CAP:
		*value = MTRR_COUNT | 1 << 8 | 1 << 10;
		return x86_has(c, FEAT_1_EDX, 12);
	case MSR_MCG_CAP: *value = MC_BANKS | 1 << 8; return x86_has(c, FEAT_1_EDX, 14);
	default: return false;
	}
}

/* AMD's chipset and workaround registers: zero, writes ignored. */
static bool is_k8(const struct x86_cpu *c, uint32_t msr)
{
	return msr >= MSR_K8_FIRST && msr <= MSR_K8_LAST && x86_is_amd(c);
}

static uint64_t *bank_find(struct x86_cpu *c, uint32_t msr)
{
	if (msr < MSR_MC0_CTL || msr >= MSR_MC0_CTL + 4 * MC_BANKS || !x86_has(c, FEAT_1_EDX, 14))
		return NULL;
	return &c->mce_banks[msr - MSR_MC0_CTL];
}

/* --- reading and writing --- */

static bool msr_read(struct x86_cpu *c, uint32_t msr, uint64_t *value)
{
	const struct plain *p = plain_find(c, msr);
	uint64_t *store;

	if (p) {
		*value = *plain_value(c, p);
		return true;
	}
	store = mtrr_find(c, msr);
	if (!store)
		store = bank_find(c, msr);
	if (store) {
		*value = *store;
		return true;
	}
	switch (msr) {
	case MSR_TSC: *value = x86_tsc(c); return x86_has(c, FEAT_1_EDX, 4);
	case MSR_APIC_BASE: *value = apic_base_read(c); return x86_has(c, FEAT_1_EDX, 9);
	case MSR_EFER:
		*value = c->efer;
		return x86_has(c, FEAT_8000_0001_EDX, 20) || x86_has(c, FEAT_8000_0001_EDX, 11);
	case MSR_PAT: *value = c->pat; return x86_has(c, FEAT_1_EDX, 16);
	case MSR_SMBASE: *value = c->smbase; return c->smm;
	default: break;
	}
	if (msr >= MSR_X2APIC && msr < MSR_X2APIC + 0x100)
		return x2apic(c, msr, value, false);
	if (is_k8(c, msr)) {
		*value = 0;
		return true;
	}
	return constant_read(c, msr, value);
}

static bool write_plain(struct x86_cpu *c, const struct plain *p, uint64_t value)
{
	if (value & ~p->mask || (p->canonical && !canonical(value)))
		return false;
	*plain_value(c, p) = value;
	return true;
}

static bool write_bank(struct x86_cpu *c, uint32_t msr, uint64_t value)
{
	unsigned int kind = msr & 3;

	/* Status, address and miscellaneous information can only be cleared; the control register
	 * takes anything, of which only all or nothing is documented. */
	if (kind != 0 && value != 0)
		return false;
	*bank_find(c, msr) = value;
	return true;
}

static bool msr_write(struct x86_cpu *c, uint32_t msr, uint64_t value)
{
	const struct plain *p = plain_find(c, msr);
	uint64_t *store, ignored;

	if (p)
		return write_plain(c, p, value);
	store = mtrr_find(c, msr);
	if (store) {
		if (!mtrr_value_ok(c, msr, value))
			return false;
		*store = value;
		return true;
	}
	if (bank_find(c, msr))
		return write_bank(c, msr, value);
	switch (msr) {
	case MSR_TSC: c->tsc_offset = value - clock_ticks(c); return x86_has(c, FEAT_1_EDX, 4);
	case MSR_APIC_BASE: return x86_has(c, FEAT_1_EDX, 9) && apic_base_write(c, value);
	case MSR_EFER:
		if (!msr_read(c, msr, &ignored))
			return false;
		x86_set_efer(c, value);
		return true;
	case MSR_PAT:
		if (!x86_has(c, FEAT_1_EDX, 16) || !types_ok(value, true))
			return false;
		c->pat = value;
		return true;
	case MSR_UCODE_WRITE: return true;
	case MSR_MTRR_CAP:
	case MSR_MCG_CAP: return false;
	default: break;
	}
	if (msr >= MSR_X2APIC && msr < MSR_X2APIC + 0x100)
		return x2apic(c, msr, &value, true);
	return is_k8(c, msr) || constant_read(c, msr, &ignored);
}

void x86_rdmsr(struct x86_cpu *c)
{
	uint32_t msr = (uint32_t)c->r.r[RCX];
	uint64_t value = 0;

	if (!msr_read(c, msr, &value)) {
		log_printf(LOG_UNIMP, "x86: rdmsr %#x at %" PRIx64 ": #GP\n", msr, c->v.pc);
		x86_raise_error(c, EXC_GP, 0);
	}
	c->r.r[RAX] = (uint32_t)value;
	c->r.r[RDX] = value >> 32;
}

void x86_wrmsr(struct x86_cpu *c)
{
	uint32_t msr = (uint32_t)c->r.r[RCX];
	uint64_t value = (uint32_t)c->r.r[RAX] | c->r.r[RDX] << 32;

	if (!msr_write(c, msr, value)) {
		log_printf(LOG_UNIMP, "x86: wrmsr %#x = %#" PRIx64 ": #GP\n", msr, value);
		x86_raise_error(c, EXC_GP, 0);
	}
}
