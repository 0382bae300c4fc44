/*
 * Helpers of system instructions: flags, interrupts, control and debug registers, CPUID, MSRs.
 * Privilege that follows from the block's mode bits has been checked when it was decoded.
 */
#include "interp/x86/ops_sys.h"

#include "base/log.h"
#include "interp/x86/system.h"

static void NORETURN raise_gp(struct x86_cpu *c)
{
	x86_raise_error(c, EXC_GP, 0);
}

/* --- flags --- */

/* CLI and STI at IOPL < CPL: VME in virtual-8086 mode, PVI at level 3. */
static void check_virtual_if(struct x86_cpu *c)
{
	bool allowed = x86_vm86(c) ? c->cr4 & CR4_VME : (c->cr4 & CR4_PVI) && x86_cpl(c) == 3;

	if (!allowed)
		raise_gp(c);
}

void x86_cli_virtual(struct x86_cpu *c, const struct op *op)
{
	check_virtual_if(c);
	c->eflags &= ~(uint32_t)FLAG_VIF;
}

void x86_sti_virtual(struct x86_cpu *c, const struct op *op)
{
	check_virtual_if(c);
	if (c->eflags & FLAG_VIP)
		raise_gp(c);
	c->eflags |= FLAG_VIF;
}

void x86_pushf(struct x86_cpu *c, const struct op *op)
{
	uint32_t flags = x86_flags_get(c) & ~(uint32_t)(FLAG_RF | FLAG_VM);

	if (x86_vm86(c) && x86_iopl(c) < 3) {
		if (!(c->cr4 & CR4_VME) || op->imm != 1)
			raise_gp(c);
		flags = (flags & ~(uint32_t)FLAG_IF) | FLAG_IOPL;
		if (c->eflags & FLAG_VIF)
			flags |= FLAG_IF;
	}
	x86_push(c, (unsigned int)op->imm, flags);
}

/* POPF of a virtual-8086 program with VME: IF goes to VIF. */
static void popf_vme(struct x86_cpu *c, unsigned int log2)
{
	uint32_t mask = FLAGS_ARITH | FLAG_DF | FLAG_NT | FLAG_VIF;
	struct x86_stack st;

	if (!(c->cr4 & CR4_VME) || log2 != 1)
		raise_gp(c);
	x86_stack_current(c, &st);
	uint32_t flags = (uint32_t)x86_stack_pop(&st, 2);
	if (flags & FLAG_TF || (flags & FLAG_IF && c->eflags & FLAG_VIP))
		raise_gp(c);
	x86_stack_commit(&st);
	if (flags & FLAG_IF)
		flags |= FLAG_VIF;
	x86_flags_set(c, flags, mask);
}

void x86_popf(struct x86_cpu *c, const struct op *op)
{
	unsigned int log2 = (unsigned int)op->imm;
	uint32_t mask = FLAGS_ARITH | FLAG_TF | FLAG_DF | FLAG_NT | FLAG_AC | FLAG_ID | FLAG_RF;

	if (x86_vm86(c) && x86_iopl(c) < 3) {
		popf_vme(c, log2);
		return;
	}
	uint32_t flags = (uint32_t)x86_pop(c, log2) & ~(uint32_t)FLAG_RF;
	if (x86_cpl(c) == 0)
		mask |= FLAG_IOPL | FLAG_IF;
	else if (x86_cpl(c) <= x86_iopl(c))
		mask |= FLAG_IF;
	if (log2 == 1)
		mask &= 0xffff;
	x86_flags_set(c, flags, mask);
}

void x86_hlt(struct x86_cpu *c, const struct op *op)
{
	c->v.pc = op->imm;
	c->inhibit_pc = INHIBIT_NONE;
	c->hlt = c->v.cpu.halted = true;
}

/* --- software interrupts --- */

/* op->a: vector; imm: next pc. Faults restart the instruction. */
void x86_int_n(struct x86_cpu *c, const struct op *op)
{
	if (x86_vm86(c) && x86_vm86_int(c, op->a, op->imm))
		return;
	x86_interrupt(c, op->a, true, false, 0, op->imm);
	x86_forget_step(c);
}

void x86_int3(struct x86_cpu *c, const struct op *op)
{
	x86_interrupt(c, EXC_BP, true, false, 0, op->imm);
	x86_forget_step(c);
}

void x86_into(struct x86_cpu *c, const struct op *op)
{
	if (!(x86_flags_arith(&c->r) & FLAG_OF)) {
		c->v.pc = op->imm;
		return;
	}
	x86_interrupt(c, EXC_OF, true, false, 0, op->imm);
	x86_forget_step(c);
}

void x86_int1(struct x86_cpu *c, const struct op *op)
{
	x86_interrupt(c, EXC_DB, false, false, 0, op->imm);
	x86_forget_step(c);
}

/* a: operand size; imm: next pc, for the TSS of a nested task. */
void x86_iret_op(struct x86_cpu *c, const struct op *op)
{
	c->v.pc = op->imm;
	x86_iret(c, op->a);
}

/* --- control and debug registers; a: register, imm: number of CRn or DRn, disp: 64-bit mode --- */

static uint8_t cr8_read(struct x86_cpu *c)
{
	const struct x86_intc_ops *ops = c->v.cpu.intc_ops;
	uint8_t tpr = 0;

	machine_lock();
	if (ops && ops->get_tpr)
		tpr = ops->get_tpr(c->v.cpu.intc);
	machine_unlock();
	return tpr;
}

static void cr8_write(struct x86_cpu *c, uint64_t value)
{
	const struct x86_intc_ops *ops = c->v.cpu.intc_ops;

	if (value & ~UINT64_C(15))
		raise_gp(c);
	machine_lock();
	if (ops && ops->set_tpr)
		ops->set_tpr(c->v.cpu.intc, (uint8_t)value);
	machine_unlock();
}

void x86_mov_cr_read(struct x86_cpu *c, const struct op *op)
{
	uint64_t value;

	switch (op->imm) {
	case 0: value = c->cr0; break;
	case 2: value = c->cr2; break;
	case 3: value = c->cr3; break;
	case 4: value = c->cr4; break;
	default: value = cr8_read(c); break;
	}
	x86_reg_write(c, op->a, op->disp ? 3 : 2, value);
}

void x86_mov_cr_write(struct x86_cpu *c, const struct op *op)
{
	uint64_t value = x86_reg_read(c, op->a, op->disp ? 3 : 2);

	switch (op->imm) {
	case 0: x86_set_cr0(c, value); break;
	case 2: c->cr2 = value; break;
	case 3: x86_set_cr3(c, value); break;
	case 4: x86_set_cr4(c, value); break;
	default: cr8_write(c, value); break;
	}
}

void x86_mov_dr_read(struct x86_cpu *c, const struct op *op)
{
	uint64_t value = x86_get_dr(c, (unsigned int)op->imm);

	x86_reg_write(c, op->a, op->disp ? 3 : 2, value);
}

void x86_mov_dr_write(struct x86_cpu *c, const struct op *op)
{
	x86_set_dr(c, (unsigned int)op->imm, x86_reg_read(c, op->a, op->disp ? 3 : 2));
}

void x86_clts(struct x86_cpu *c, const struct op *op)
{
	c->cr0 &= ~(uint64_t)CR0_TS;
	x86_mode_changed(c);
}

/* LMSW: can set PE, but not clear it. x says whether the operand is in memory. */
void x86_lmsw(struct x86_cpu *c, const struct op *op)
{
	uint64_t low =
		op->imm ? x86_load(c, x86_op_ea(c, op, 2, false), 2) : x86_reg_read(c, op->a, 1);
	uint64_t cr0 = (c->cr0 & ~UINT64_C(0xe)) | (low & 0xf);

	x86_set_cr0(c, cr0);
}

void x86_smsw_mem(struct x86_cpu *c, const struct op *op)
{
	x86_store(c, x86_op_ea(c, op, 2, true), 2, c->cr0 & 0xffff);
}

void x86_invlpg(struct x86_cpu *c, const struct op *op)
{
	u64 va = x86_op_offset(c, op) + c->seg[S_SEG(op->s)].base;

	if (!x86_code64(c))
		va = (u32)va;
	if (canonical(va))
		vcpu_tlb_flush_page(&c->v, va);
}

void x86_wbinvd(struct x86_cpu *c, const struct op *op)
{
}

/* --- CPUID, counters, MSRs --- */

void x86_cpuid_op(struct x86_cpu *c, const struct op *op)
{
	uint32_t out[4];

	x86_cpuid(c, (uint32_t)c->r.r[RAX], (uint32_t)c->r.r[RCX], out);
	c->r.r[RAX] = out[0];
	c->r.r[RBX] = out[1];
	c->r.r[RCX] = out[2];
	c->r.r[RDX] = out[3];
}

static void check_tsd(struct x86_cpu *c)
{
	if (c->cr4 & CR4_TSD && x86_cpl(c) != 0)
		raise_gp(c);
}

void x86_rdtsc(struct x86_cpu *c, const struct op *op)
{
	check_tsd(c);
	uint64_t tsc = x86_tsc(c);
	c->r.r[RAX] = (uint32_t)tsc;
	c->r.r[RDX] = tsc >> 32;
}

void x86_rdtscp(struct x86_cpu *c, const struct op *op)
{
	x86_rdtsc(c, op);
	c->r.r[RCX] = (uint32_t)c->tsc_aux;
}

/* Counters exist and stand still. */
void x86_rdpmc(struct x86_cpu *c, const struct op *op)
{
	if (x86_cpl(c) != 0 && c->cr0 & CR0_PE && !(c->cr4 & CR4_PCE))
		raise_gp(c);
	if ((c->r.r[RCX] & 0x3fffffff) > 3)
		raise_gp(c);
	c->r.r[RAX] = c->r.r[RDX] = 0;
}

void x86_rdmsr_op(struct x86_cpu *c, const struct op *op)
{
	x86_rdmsr(c);
}

void x86_wrmsr_op(struct x86_cpu *c, const struct op *op)
{
	x86_wrmsr(c);
}

void x86_rsm_op(struct x86_cpu *c, const struct op *op)
{
	if (!c->smm)
		x86_raise(c, EXC_UD);
	x86_rsm(c);
}
