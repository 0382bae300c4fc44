/* The saved state of an x86 processor. What is derived from it is recomputed by x86_post_load(). */
#include "interp/x86/model.h"
#include "interp/x86/system.h"

#define C struct x86_cpu

static const struct field seg_fields[] = {
	F_U64(struct x86_seg, base),	F_U32(struct x86_seg, limit),
	F_U32(struct x86_seg, attr),	F_U16(struct x86_seg, selector),
	F_BOOL(struct x86_seg, usable), FIELD_END,
};

static const struct field f80_fields[] = {
	F_U64(struct f80, frac),
	F_U16(struct f80, se),
	FIELD_END,
};

static const struct field xmm_fields[] = {
	F_ARRAY(union x86_xmm, q),
	FIELD_END,
};

const struct field x86_state[] = {
	F_U64(C, v.pc),
	F_U32(C, v.events),
	F_BOOL(C, v.cpu.halted),
	F_ARRAY(C, r.r),
	F_U64(C, r.cc_dst),
	F_U64(C, r.cc_src),
	F_U32(C, r.cc_op),
	F_U32(C, r.cc_carry),
	F_U32(C, r.df),
	F_STRUCTS(C, r.st, f80_fields),
	F_U16(C, r.fcw),
	F_U32(C, r.fsw),
	F_U32(C, r.ftop),
	F_U32(C, r.ftag),
	F_U32(C, r.mxcsr),
	F_STRUCTS(C, r.xmm, xmm_fields),
	F_U32(C, eflags),
	F_STRUCTS(C, seg, seg_fields),
	F_U64(C, gdt.base),
	F_U32(C, gdt.limit),
	F_U64(C, idt.base),
	F_U32(C, idt.limit),
	F_U64(C, cr0),
	F_U64(C, cr2),
	F_U64(C, cr3),
	F_U64(C, cr4),
	F_U64(C, efer),
	F_ARRAY(C, dr),
	F_U64(C, xcr0),
	F_ARRAY(C, pdpte),
	F_U64(C, r.fip),
	F_U64(C, r.fdp),
	F_U32(C, r.fcs),
	F_U32(C, r.fds),
	F_U32(C, r.fop),
	F_BOOL(C, ignne),
	F_U64(C, inhibit_pc),
	F_BOOL(C, inhibit_ss),
	F_BOOL(C, hlt),
	F_BOOL(C, shutdown),
	F_BOOL(C, nmi_blocked),
	F_BOOL(C, smm),
	F_BOOL(C, sipi_ready),
	F_U8(C, sipi_vector),
	F_BOOL(C, a20),
	F_U64(C, dr6_pending),
	F_U32(C, smbase),
	F_BOOL(C, smi_blocked_nmi),
	F_U64(C, star),
	F_U64(C, lstar),
	F_U64(C, cstar),
	F_U64(C, sfmask),
	F_U64(C, kernel_gs_base),
	F_U64(C, sysenter_cs),
	F_U64(C, sysenter_esp),
	F_U64(C, sysenter_eip),
	F_U64(C, tsc_offset),
	F_U64(C, tsc_aux),
	F_U64(C, pat),
	F_U64(C, misc_enable),
	F_U64(C, apic_base),
	F_U64(C, mtrr_def),
	F_ARRAY(C, mtrr_phys),
	F_ARRAY(C, mtrr_fixed),
	F_U64(C, mcg_status),
	F_U64(C, mcg_ctl),
	F_ARRAY(C, mce_banks),
	FIELD_END,
};

/* What no sequence of instructions can lead to. */
static const char *impossible(const struct x86_cpu *c)
{
	if (CC_KIND(c->r.cc_op) > CC_MUL)
		return "lazy flags of unknown kind";
	if (c->r.df > 1 || c->r.cc_carry > 1 || c->r.ftop > 7)
		return "flags out of range";
	if (c->cr0 & CR0_PG && !(c->cr0 & CR0_PE))
		return "paging without protected mode";
	if (c->efer & EFER_LMA && !(c->cr0 & CR0_PG && c->cr4 & CR4_PAE))
		return "long mode without paging";
	if (c->eflags & FLAG_VM && c->efer & EFER_LMA)
		return "virtual-8086 mode in long mode";
	return NULL;
}

struct error *x86_post_load(struct cpu *cpu)
{
	struct x86_cpu *c = x86_cpu(cpu);
	const char *wrong = impossible(c);

	if (wrong)
		return error_new("x86 processor %u: %s", cpu->index, wrong);
	c->r.r[SLOT_ZERO] = 0;
	c->eflags = (c->eflags & ~(uint32_t)(FLAGS_ARITH | FLAG_DF)) | FLAG_1;
	x86_set_a20(c, c->a20);
	if (c->smm != (c->normal_memory && cpu->memory != c->normal_memory))
		x86_smm_switch(c, c->smm);
	c->delivering = c->exc_double = c->ext_event = false;
	c->v.op = NULL;
	x86_seg_set_flat(c);
	x86_mode_changed(c);
	for (unsigned int s = ES; s < SEG_COUNT; s++)
		if (s != SEG_FLAT)
			x86_seg_update(c, (enum x86_seg_name)s);
	x86_mode_changed(c);
	vcpu_tlb_flush(&c->v);
	return NULL;
}
