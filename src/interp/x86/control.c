/*
 * Control registers and EFER: checks of writes, long mode activation, and what follows from a
 * change. Source: Intel SDM volume 3, sections 2.5, 4.1, 9.8.5.
 */
#include "interp/x86/system.h"

#include "base/log.h"

/* Bits whose change makes cached translations wrong. */
#define CR0_PAGING (CR0_PE | CR0_WP | CR0_PG)
#define CR4_PAGING (CR4_PSE | CR4_PAE | CR4_PGE | CR4_PCIDE | CR4_SMEP | CR4_SMAP)

#define CR0_KNOWN                                                                                  \
	(CR0_PE | CR0_MP | CR0_EM | CR0_TS | CR0_ET | CR0_NE | CR0_WP | CR0_AM | CR0_NW | CR0_CD | \
	 CR0_PG)

static void NORETURN raise_gp(struct x86_cpu *c)
{
	x86_raise_error(c, EXC_GP, 0);
}

/* --- PAE outside of long mode --- */

static bool uses_pdptes(uint64_t cr0, uint64_t cr4, uint64_t efer)
{
	return cr0 & CR0_PG && cr4 & CR4_PAE && !(efer & EFER_LME);
}

/* Loads the PDPTE registers or raises #GP(0). */
static void load_pdptes(struct x86_cpu *c, uint64_t cr3)
{
	uint64_t pdpte[4];

	if (!x86_pdptes_read(c, cr3, pdpte))
		raise_gp(c);
	memcpy(c->pdpte, pdpte, sizeof(pdpte));
}

/* --- CR0 --- */

static void check_cr0(struct x86_cpu *c, uint64_t value)
{
	if (value >> 32)
		raise_gp(c);
	if (value & CR0_PG && !(value & CR0_PE))
		raise_gp(c);
	if (value & CR0_NW && !(value & CR0_CD))
		raise_gp(c);
	if (!(value & CR0_PG) && c->cr0 & CR0_PG && c->efer & EFER_LMA && x86_code64(c))
		raise_gp(c);
}

static void check_long_mode_entry(struct x86_cpu *c)
{
	if (!(c->cr4 & CR4_PAE) || c->seg[CS].attr & SEG_L)
		raise_gp(c);
	/* A 16-bit TSS has no place in long mode. */
	unsigned int type = c->seg[SEG_TSS].attr >> 8 & 15;
	if (c->seg[SEG_TSS].usable && type <= DESC_TSS16_BUSY)
		raise_gp(c);
}

void x86_set_cr0(struct x86_cpu *c, uint64_t value)
{
	uint64_t old = c->cr0;
	bool paging_on = value & CR0_PG && !(old & CR0_PG);

	check_cr0(c, value);
	value = (value & CR0_KNOWN) | CR0_ET;
	if (paging_on && c->efer & EFER_LME)
		check_long_mode_entry(c);
	if ((value ^ old) & CR0_PG && uses_pdptes(value, c->cr4, c->efer))
		load_pdptes(c, c->cr3);
	if (paging_on && c->efer & EFER_LME)
		c->efer |= EFER_LMA;
	else if (!(value & CR0_PG))
		c->efer &= ~(uint64_t)EFER_LMA;
	c->cr0 = value;
	if ((value ^ old) & CR0_PAGING)
		vcpu_tlb_flush(&c->v);
	x86_mode_changed(c);
}

/* --- CR3 --- */

void x86_set_cr3(struct x86_cpu *c, uint64_t value)
{
	if (x86_long_mode(c)) {
		/* With PCIDE bit 63 asks to keep the TLB; flushing more is allowed. */
		if (c->cr4 & CR4_PCIDE)
			value &= ~(UINT64_C(1) << 63);
		if (value & ~c->phys_mask)
			raise_gp(c);
	} else {
		value = (uint32_t)value;
		if (uses_pdptes(c->cr0, c->cr4, c->efer))
			load_pdptes(c, value);
	}
	c->cr3 = value;
	if (c->cr0 & CR0_PG)
		vcpu_tlb_flush(&c->v);
}

/* --- CR4 --- */

static uint64_t cr4_known(const struct x86_cpu *c)
{
	uint64_t known = 0;
	static const struct {
		enum x86_feature_word word;
		uint8_t bit;
		uint32_t cr4;
	} map[] = {
		{FEAT_1_EDX, 1, CR4_VME | CR4_PVI},
		{FEAT_1_EDX, 4, CR4_TSD},
		{FEAT_1_EDX, 2, CR4_DE},
		{FEAT_1_EDX, 3, CR4_PSE},
		{FEAT_1_EDX, 6, CR4_PAE},
		{FEAT_1_EDX, 7, CR4_MCE},
		{FEAT_1_EDX, 13, CR4_PGE},
		{FEAT_1_EDX, 23, CR4_PCE},
		{FEAT_1_EDX, 24, CR4_OSFXSR},
		{FEAT_1_EDX, 25, CR4_OSXMMEXCPT},
		{FEAT_1_ECX, 17, CR4_PCIDE},
		{FEAT_7_0_EBX, 0, CR4_FSGSBASE},
		{FEAT_7_0_EBX, 7, CR4_SMEP},
	};

	for (unsigned int i = 0; i < sizeof(map) / sizeof(map[0]); i++)
		if (x86_has(c, map[i].word, map[i].bit))
			known |= map[i].cr4;
	return known;
}

void x86_set_cr4(struct x86_cpu *c, uint64_t value)
{
	uint64_t old = c->cr4;

	if (value & ~cr4_known(c)) {
		log_printf(LOG_GUEST_ERRORS, "x86: CR4 bits %#llx are reserved\n",
			   (unsigned long long)(value & ~cr4_known(c)));
		raise_gp(c);
	}
	if (c->efer & EFER_LMA && !(value & CR4_PAE))
		raise_gp(c);
	if (value & CR4_PCIDE && !(old & CR4_PCIDE) && (!(c->efer & EFER_LMA) || c->cr3 & 0xfff))
		raise_gp(c);
	if ((value ^ old) & (CR4_PAE | CR4_PSE | CR4_PGE | CR4_SMEP) &&
	    uses_pdptes(c->cr0, value, c->efer))
		load_pdptes(c, c->cr3);
	c->cr4 = value;
	if ((value ^ old) & CR4_PAGING)
		vcpu_tlb_flush(&c->v);
	x86_mode_changed(c);
}

/* --- EFER --- */

void x86_set_efer(struct x86_cpu *c, uint64_t value)
{
	uint64_t known = 0, old = c->efer;

	if (x86_has(c, FEAT_8000_0001_EDX, 11))
		known |= EFER_SCE;
	if (x86_has(c, FEAT_8000_0001_EDX, 29))
		known |= EFER_LME | EFER_LMA;
	if (x86_has(c, FEAT_8000_0001_EDX, 20))
		known |= EFER_NXE;
	if (x86_has(c, FEAT_8000_0001_EDX, 25))
		known |= EFER_FFXSR;
	if (value & ~known)
		raise_gp(c);
	if ((value ^ old) & EFER_LME && c->cr0 & CR0_PG)
		raise_gp(c);
	c->efer = (value & ~(uint64_t)EFER_LMA) | (old & EFER_LMA);
	if ((c->efer ^ old) & EFER_NXE)
		vcpu_tlb_flush(&c->v);
	x86_mode_changed(c);
}
