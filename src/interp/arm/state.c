/* The saved state of an ARM processor. What is derived from it is recomputed by arm_post_load(). */
#include "interp/arm/cpu.h"

#define C struct arm_cpu

const struct field arm_state[] = {
	F_U64(C, v.pc),
	F_U32(C, v.events),
	F_U32(C, v.mode), /* T and ITSTATE; the rest follows */
	F_BOOL(C, v.cpu.halted),
	F_ARRAY(C, r.r),
	F_U32(C, r.n),
	F_U32(C, r.z),
	F_U32(C, r.c),
	F_U32(C, r.v),
	F_U32(C, r.fpn),
	F_U32(C, r.fpz),
	F_U32(C, r.fpc),
	F_U32(C, r.fpv),
	F_U32(C, r.q),
	F_U32(C, r.ge),
	F_ARRAY(C, r.d),
	F_ARRAY(C, r.wr),
	F_U32(C, cpsr),
	F_ARRAY(C, spsr),
	F_ARRAY(C, bank_sp),
	F_ARRAY(C, bank_lr),
	F_ARRAY(C, bank_fiq),
	F_ARRAY(C, bank_usr),
	F_BOOL(C, exclusive),
	F_U32(C, exclusive_addr),
	F_U64(C, exclusive_value),
	F_U32(C, sctlr),
	F_U32(C, actlr),
	F_U32(C, cpacr),
	F_U32(C, ttbr0),
	F_U32(C, ttbr1),
	F_U32(C, ttbcr),
	F_U32(C, dacr),
	F_U32(C, dfsr),
	F_U32(C, ifsr),
	F_U32(C, dfar),
	F_U32(C, ifar),
	F_U32(C, fcse),
	F_U32(C, contextidr),
	F_U32(C, tpidrurw),
	F_U32(C, tpidruro),
	F_U32(C, tpidrprw),
	F_U32(C, par),
	F_U32(C, csselr),
	F_U32(C, prrr),
	F_U32(C, nmrr),
	F_U32(C, vbar),
	F_U32(C, scr),
	F_U32(C, cpar),
	F_ARRAY(C, pmu),
	F_ARRAY(C, lockdown),
	F_ARRAY(C, tcm),
	F_U32(C, ti_config),
	F_U32(C, ti_i_max),
	F_U32(C, ti_i_min),
	F_U32(C, ti_thread),
	F_U32(C, mpu_data),
	F_U32(C, mpu_insn),
	F_ARRAY(C, mpu_region),
	F_ARRAY(C, mpu_c2),
	F_U32(C, teecr),
	F_U32(C, teehbr),
	F_U32(C, fpexc),
	F_U32(C, fpscr),
	F_ARRAY(C, fpinst),
	F_U8(C, fp.flags),
	F_U8(C, fp_std.flags),
	F_ARRAY(C, wc),
	F_U32(C, primask),
	F_U32(C, faultmask),
	F_U32(C, basepri),
	F_U32(C, control),
	F_U32(C, m_exception),
	F_U32(C, other_sp),
	F_BOOL(C, m_lockup),
	F_BOOL(C, in_wfe),
	F_U32(C, scb.vtor),
	F_U32(C, scb.ccr),
	F_U32(C, scb.cfsr),
	F_U32(C, scb.hfsr),
	F_U32(C, scb.dfsr),
	F_U32(C, scb.mmfar),
	F_U32(C, scb.bfar),
	F_BOOL(C, scb.sleep_on_exit),
	F_BOOL(C, scb.sleep_deep),
	F_U32(C, scb.mpu_ctrl),
	F_ARRAY(C, scb.mpu_rbar),
	F_ARRAY(C, scb.mpu_rasr),
	FIELD_END,
};

struct error *arm_post_load(struct cpu *cpu)
{
	struct arm_cpu *c = arm_cpu(cpu);

	if (!(c->features & F_M) && !arm_mode_valid(c, c->cpsr & PSR_M))
		return error_new("ARM processor %u: mode %02x does not exist", cpu->index,
				 c->cpsr & PSR_M);
	if (c->r.c > 1 || c->r.fpc > 1 || c->r.q > 1 || c->r.ge != (c->r.ge & 0x01010101) * 0xff)
		return error_new("ARM processor %u: flags out of range", cpu->index);
	c->r.r[SLOT_ZERO] = 0;
	c->cpsr &= PSR_E | PSR_A | PSR_I | PSR_F | PSR_M;
	c->v.pc &= c->v.mode & MODE_T ? 0xfffffffe : 0xfffffffc;
	if (!(c->v.mode & MODE_T))
		c->v.mode &= ~CONTEXT_MASK;
	c->v.op = NULL;
	c->m_stacking = false;
	c->dacr_slot = 0;
	c->dacr_seen[0] = c->dacr_seen[1] = c->dacr;
	uint8_t flags = c->fp.flags, flags_std = c->fp_std.flags;
	arm_fpscr_set(c, arm_fpscr_get(c));
	c->fp.flags = flags;
	c->fp_std.flags = flags_std;
	arm_mode_changed(c);
	vcpu_tlb_flush(&c->v);
	return NULL;
}
