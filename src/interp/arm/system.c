/* System instructions: status registers, SVC and BKPT, exception return, waiting. */
#include "interp/arm/system.h"

#include "base/log.h"

#define REG_OF(c, off) (*(uint32_t *)((char *)&(c)->r + (off)))

/* --- traps --- */

/* The instruction is complete and counted: pc is the next one's. */
static bool trap_handled(struct arm_cpu *c, enum arm_trap trap, uint32_t number, uint32_t next)
{
	const struct op *op = c->v.op;
	uint32_t pc = (uint32_t)c->v.pc;

	c->v.pc = next;
	c->v.op = NULL;
	if (c->semihosting && arm_semihosting_call(c, trap, number))
		return true;
	if (c->trap && c->trap(c->trap_opaque, &c->v.cpu, trap, number))
		return true;
	c->v.pc = pc;
	c->v.op = op;
	return false;
}

/* x: ITSTATE of the next instruction. */
void arm_h_svc(struct arm_cpu *c, const struct op *op)
{
	uint32_t next = (uint32_t)op->disp;
	bool thumb = c->v.mode & MODE_T;

	c->v.mode = (c->v.mode & ~CONTEXT_MASK) | (uint32_t)op->x << CONTEXT_SHIFT;
	if (trap_handled(c, thumb ? ARM_TRAP_SVC_THUMB : ARM_TRAP_SVC, (uint32_t)op->imm, next))
		return;
	if (c->features & F_M) {
		c->v.pc = next;
		c->v.op = NULL;
		c->exc = EXC_SVC;
		arm_m_deliver(c);
		return;
	}
	c->exc_fsr = c->exc_far = 0;
	arm_take_exception(c, EXC_SVC, next);
}

void arm_h_bkpt(struct arm_cpu *c, const struct op *op)
{
	if (trap_handled(c, ARM_TRAP_BKPT, (uint32_t)op->imm, (uint32_t)op->disp))
		return;
	if (c->features & F_M)
		arm_raise(c, EXC_BKPT);
	arm_raise_abort(c, ACCESS_EXEC, arm_has(c, F_V6) ? c->ifar : 0, 2);
}

/* --- status registers --- */

void arm_h_mrs_cpsr(struct arm_cpu *c, const struct op *op)
{
	/* The execution state bits read as zero. */
	REG_OF(c, op->a) = arm_cpsr_get(c) & ~(uint32_t)(PSR_IT | PSR_J | PSR_T);
}

static bool has_spsr(struct arm_cpu *c)
{
	return !(c->v.mode & MODE_SYSUSR);
}

void arm_h_mrs_spsr(struct arm_cpu *c, const struct op *op)
{
	REG_OF(c, op->a) = has_spsr(c) ? arm_spsr_get(c) : arm_cpsr_get(c);
}

static uint32_t field_mask(unsigned int fields)
{
	uint32_t mask = 0;

	for (unsigned int n = 0; n < 4; n++)
		if (fields >> n & 1)
			mask |= 0xffu << (8 * n);
	return mask;
}

static uint32_t operand(struct arm_cpu *c, const struct op *op)
{
	return op->x ? (uint32_t)op->disp : REG_OF(c, op->b);
}

void arm_h_msr_cpsr(struct arm_cpu *c, const struct op *op)
{
	uint32_t mask = field_mask(op->s) & ~(uint32_t)(PSR_T | PSR_IT | PSR_J);

	if (!(c->v.mode & MODE_PRIV))
		mask &= 0xf8000000 | PSR_GE | PSR_E;
	if (!arm_has(c, F_V6))
		mask &= ~(uint32_t)(PSR_GE | PSR_E | PSR_A);
	if (!arm_has(c, F_V5E))
		mask &= ~(uint32_t)PSR_Q;
	arm_cpsr_set(c, operand(c, op), mask);
}

void arm_h_msr_spsr(struct arm_cpu *c, const struct op *op)
{
	if (has_spsr(c))
		arm_spsr_set(c, operand(c, op), field_mask(op->s));
}

void arm_h_cps(struct arm_cpu *c, const struct op *op)
{
	arm_cpsr_set(c, (uint32_t)op->disp, (uint32_t)op->imm);
}

void arm_h_setend(struct arm_cpu *c, const struct op *op)
{
	arm_cpsr_set(c, op->a ? PSR_E : 0, PSR_E);
}

/* --- returns from exceptions --- */

static void return_to(struct arm_cpu *c, uint32_t pc, uint32_t cpsr)
{
	if (!arm_mode_valid(c, cpsr & PSR_M)) {
		log_printf(LOG_GUEST_ERRORS, "arm: return to invalid mode, cpsr %08x\n", cpsr);
		cpsr = (cpsr & ~(uint32_t)PSR_M) | (c->cpsr & PSR_M);
	}
	arm_cpsr_set(c, cpsr, UINT32_MAX);
	c->v.pc = pc & (cpsr & PSR_T ? ~1u : ~3u);
}

void arm_h_exception_return(struct arm_cpu *c, const struct op *op)
{
	uint32_t target = REG_OF(c, op->a);

	if (has_spsr(c))
		return_to(c, target, arm_spsr_get(c));
	else
		c->v.pc = target & (c->v.mode & MODE_T ? ~1u : ~3u);
}

/* First address of two words, and the base afterwards. */
static uint32_t two_words(uint32_t base, unsigned int puw, uint32_t *after)
{
	bool before = puw & 2, up = puw & 4;

	*after = up ? base + 8 : base - 8;
	return up ? base + (before ? 4 : 0) : base - (before ? 8 : 4);
}

void arm_h_rfe(struct arm_cpu *c, const struct op *op)
{
	uint32_t after, va = two_words(REG_OF(c, op->b), op->s, &after);

	va = arm_multiple_address(c, va, ACCESS_READ);
	uint32_t pc = arm_load(c, va, 4, c->v.mmu_mode);
	uint32_t cpsr = arm_load(c, va + 4, 4, c->v.mmu_mode);
	if (op->s & 8)
		REG_OF(c, op->b) = after;
	return_to(c, pc, cpsr);
}

void arm_h_srs(struct arm_cpu *c, const struct op *op)
{
	unsigned int mode = (unsigned int)op->imm & PSR_M;
	uint32_t after, va = two_words(arm_bank_reg(c, mode, SP), op->s, &after);

	va = arm_multiple_address(c, va, ACCESS_WRITE);
	vcpu_probe_write(&c->v, va + 4, 4, c->v.mmu_mode);
	arm_store(c, va, 4, c->r.r[LR], c->v.mmu_mode);
	arm_store(c, va + 4, 4, arm_spsr_get(c), c->v.mmu_mode);
	if (op->s & 8)
		arm_bank_reg_set(c, mode, SP, after);
}

/* --- waiting --- */

static void wait(struct arm_cpu *c, bool for_event)
{
	uint32_t wake = ARM_EVENT_IRQ | ARM_EVENT_FIQ | ARM_EVENT_RESET;

	c->in_wfe = for_event;
	if (!(__atomic_load_n(&c->v.events, __ATOMIC_SEQ_CST) & wake))
		c->v.cpu.halted = true;
}

void arm_h_wfi(struct arm_cpu *c, const struct op *op)
{
	wait(c, false);
}

void arm_h_wfe(struct arm_cpu *c, const struct op *op)
{
	if (__atomic_load_n(&c->v.events, __ATOMIC_SEQ_CST) & ARM_EVENT_WAKE)
		arm_event_clear(c, ARM_EVENT_WAKE);
	else
		wait(c, true);
}

void arm_cpu_event(struct cpu *cpu)
{
	arm_event_set(arm_cpu(cpu), ARM_EVENT_WAKE);
	if (arm_cpu(cpu)->in_wfe)
		cpu_kick(cpu);
}

void arm_h_sev(struct arm_cpu *c, const struct op *op)
{
	for (struct cpu *cpu = cpu_first(); cpu; cpu = cpu->next)
		arm_cpu_event(cpu);
	arm_event_set(c, ARM_EVENT_WAKE);
}
