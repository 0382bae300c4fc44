/*
 * v7-M: exception entry and return, stacks, special registers. Source: ARM DDI 0403E, B1.
 *
 * Which exception is pending or active is the NVIC's business (struct arm_nvic_ops).
 */
#include "interp/arm/system.h"

#include "base/log.h"
#include "base/loop.h"

#include <inttypes.h>

#define REG_OF(c, off) (*(uint32_t *)((char *)&(c)->r + (off)))

/* CFSR */
enum {
	CFSR_IACCVIOL = 1 << 0,
	CFSR_DACCVIOL = 1 << 1,
	CFSR_MUNSTKERR = 1 << 3,
	CFSR_MSTKERR = 1 << 4,
	CFSR_MMARVALID = 1 << 7,
	CFSR_IBUSERR = 1 << 8,
	CFSR_PRECISERR = 1 << 9,
	CFSR_BFARVALID = 1 << 15,
	CFSR_UNDEFINSTR = 1 << 16,
	CFSR_DIVBYZERO = 1 << 25,
	CFSR_INVSTATE = 1 << 17,
	CFSR_INVPC = 1 << 18,
	CFSR_NOCP = 1 << 19,
};
enum { CCR_DIV_0_TRP = 1 << 4, CCR_STKALIGN = 1 << 9 };
enum { CONTROL_NPRIV = 1 << 0, CONTROL_SPSEL = 1 << 1 };
#define XPSR_SPALIGN (1 << 9)

/* --- registers --- */

uint32_t arm_m_xpsr(const struct arm_cpu *c)
{
	uint32_t it = arm_itstate(c);

	return arm_flags_get(c) | c->r.q << 27 | (it & 3) << 25 | (it >> 2) << 10 |
	       (c->v.mode & MODE_T ? 1 << 24 : 0) | c->m_exception;
}

static void xpsr_set(struct arm_cpu *c, uint32_t value)
{
	uint32_t it = (value >> 25 & 3) | (value >> 8 & 0xfc);

	arm_flags_set(c, value);
	c->r.q = value >> 27 & 1;
	c->m_exception = value & 0x1ff;
	c->v.mode =
		(c->v.mode & ~(CONTEXT_MASK | MODE_T)) | it << CONTEXT_SHIFT | (value >> 24 & 1);
}

/* Whether R13 is the process stack pointer now. */
static bool uses_psp(const struct arm_cpu *c)
{
	return c->control & CONTROL_SPSEL && !c->m_exception;
}

static void swap_sp(struct arm_cpu *c)
{
	uint32_t sp = c->r.r[SP];

	c->r.r[SP] = c->other_sp;
	c->other_sp = sp;
}

static uint32_t *stack_pointer(struct arm_cpu *c, bool process)
{
	return process == uses_psp(c) ? &c->r.r[SP] : &c->other_sp;
}

/* --- the NVIC --- */

static const struct arm_nvic_ops *nvic(const struct arm_cpu *c)
{
	return c->v.cpu.intc_ops;
}

static int acknowledge(struct arm_cpu *c)
{
	int number = -1;

	machine_lock();
	if (nvic(c))
		number = nvic(c)->acknowledge(c->v.cpu.intc);
	machine_unlock();
	return number;
}

static void masks_changed(struct arm_cpu *c)
{
	machine_lock();
	if (nvic(c) && nvic(c)->masks_changed)
		nvic(c)->masks_changed(c->v.cpu.intc);
	machine_unlock();
}

/* --- entry --- */

/* The stack frame is written with the rights of the code that is interrupted. */
static void push_frame(struct arm_cpu *c, uint32_t return_address, uint32_t xpsr)
{
	uint32_t sp = c->r.r[SP];
	const uint32_t words[8] = {c->r.r[0],  c->r.r[1],  c->r.r[2],	   c->r.r[3],
				   c->r.r[12], c->r.r[LR], return_address, xpsr};

	if (sp & 4 && c->scb.ccr & CCR_STKALIGN) {
		sp -= 4;
		xpsr |= XPSR_SPALIGN;
	}
	sp -= 32;
	for (unsigned int n = 0; n < 8; n++)
		vcpu_store_slow(&c->v, sp + 4 * n, 4, n == 7 ? xpsr : words[n], c->v.mmu_mode);
	c->r.r[SP] = sp;
}

static void enter(struct arm_cpu *c, unsigned int number)
{
	uint32_t lr = c->m_exception ? 0xfffffff1 : uses_psp(c) ? 0xfffffffd : 0xfffffff9;

	log_printf(LOG_INT, "arm: cpu %u: exception %u at %08" PRIx64 "\n", c->v.cpu.index, number,
		   c->v.pc);
	if (uses_psp(c))
		swap_sp(c);
	c->m_exception = number;
	c->r.r[LR] = lr;
	c->exclusive = false;
	c->v.mode &= ~CONTEXT_MASK;
	arm_mode_changed(c);
	uint32_t vector = (uint32_t)mem_load_le(c->v.cpu.memory, c->scb.vtor + 4 * number, 4);
	arm_branch_exchange(c, vector);
}

static void take(struct arm_cpu *c, int number)
{
	c->m_stacking = true;
	push_frame(c, (uint32_t)c->v.pc, arm_m_xpsr(c));
	c->m_stacking = false;
	enter(c, (unsigned int)number);
}

static void lockup(struct arm_cpu *c)
{
	warn_report("processor %u is locked up: a fault at %08" PRIx64
		    " while exception %u is handled (CFSR %08x); only a reset ends this",
		    c->v.cpu.index, c->v.pc, c->m_exception, c->scb.cfsr);
	c->v.cpu.halted = true;
	c->m_lockup = true;
}

static void fault(struct arm_cpu *c, int number)
{
	bool ok = false;

	machine_lock();
	if (nvic(c))
		ok = nvic(c)->set_pending(c->v.cpu.intc, number);
	machine_unlock();
	int now = ok ? acknowledge(c) : -1;
	if (now < 0) {
		lockup(c);
	} else if (c->m_stacking) { /* the frame could not be written: this one has none */
		c->m_stacking = false;
		enter(c, (unsigned int)now);
	} else {
		take(c, now);
	}
}

static void memory_fault(struct arm_cpu *c, bool data)
{
	if (c->m_stacking) {
		c->scb.cfsr |= CFSR_MSTKERR;
	} else if (data) {
		c->scb.cfsr |= CFSR_DACCVIOL | CFSR_MMARVALID;
		c->scb.mmfar = c->exc_far;
	} else {
		c->scb.cfsr |= CFSR_IACCVIOL;
	}
	fault(c, ARM_M_MEM_MANAGE);
}

void arm_m_deliver(struct arm_cpu *c)
{
	enum arm_exception exc = (enum arm_exception)c->exc;

	switch (exc) {
	case EXC_SVC: fault(c, ARM_M_SVCALL); break;
	case EXC_PABT:
	case EXC_DABT: memory_fault(c, exc == EXC_DABT); break;
	case EXC_BKPT:
		c->scb.dfsr |= 1 << 1;
		fault(c, ARM_M_DEBUG_MONITOR);
		break;
	default:
		c->scb.cfsr |= c->exc_fsr ? c->exc_fsr : CFSR_UNDEFINSTR;
		fault(c, ARM_M_USAGE_FAULT);
		break;
	}
}

void arm_m_events(struct arm_cpu *c, uint32_t events)
{
	int number = events & ARM_EVENT_IRQ ? acknowledge(c) : -1;

	if (number >= 0)
		take(c, number);
}

/* --- return --- */

static void invalid_return(struct arm_cpu *c)
{
	c->exc_fsr = CFSR_INVPC;
	c->exc = EXC_M_USAGE;
	arm_m_deliver(c);
}

void arm_m_return(struct arm_cpu *c, uint32_t value)
{
	bool thread = value & 8, process = value & 4, ok = true;

	c->v.op = NULL;
	machine_lock();
	if (nvic(c))
		ok = nvic(c)->complete(c->v.cpu.intc, (int)c->m_exception);
	machine_unlock();
	if (c->m_exception != ARM_M_NMI)
		c->faultmask = 0;
	if (!ok || (value & 0xffffff2) != 0xffffff0 || (process && !thread)) {
		invalid_return(c);
		return;
	}
	uint32_t *place = process ? &c->other_sp : &c->r.r[SP], sp = *place, words[8];
	for (unsigned int n = 0; n < 8; n++)
		words[n] = (uint32_t)vcpu_load_slow(&c->v, sp + 4 * n, 4, c->v.mmu_mode);
	sp += 32;
	if (words[7] & XPSR_SPALIGN)
		sp += 4;
	*place = sp;
	for (unsigned int n = 0; n < 4; n++)
		c->r.r[n] = words[n];
	c->r.r[12] = words[4];
	c->r.r[LR] = words[5];
	c->v.pc = words[6] & ~1u;
	xpsr_set(c, words[7]);
	c->control = (c->control & ~(uint32_t)CONTROL_SPSEL) | (process ? CONTROL_SPSEL : 0);
	if (uses_psp(c))
		swap_sp(c);
	arm_mode_changed(c);
	masks_changed(c);
	if (thread && c->scb.sleep_on_exit && !(c->v.events & ARM_EVENT_IRQ))
		c->v.cpu.halted = true;
}

/* Branches: EXC_RETURN values mean something in handler mode only. */
static void jump(struct arm_cpu *c, uint32_t target, bool exchange)
{
	c->v.op = NULL;
	if (exchange && c->m_exception && target >= 0xf0000000) {
		arm_m_return(c, target);
		return;
	}
	if (exchange)
		arm_branch_exchange(c, target);
	else
		c->v.pc = target & ~1u;
}

void arm_h_m_jump(struct arm_cpu *c, const struct op *op)
{
	jump(c, REG_OF(c, op->a), op->imm);
}

void arm_h_m_invstate(struct arm_cpu *c, const struct op *op)
{
	arm_raise_m_usage(c, CFSR_INVSTATE);
}

/* CCR.DIV_0_TRP: division by zero is a fault. */
void arm_h_m_div(struct arm_cpu *c, const struct op *op)
{
	uint32_t a = REG_OF(c, op->b), b = REG_OF(c, op->x), res = 0;

	if (!b && c->scb.ccr & CCR_DIV_0_TRP)
		arm_raise_m_usage(c, CFSR_DIVBYZERO);
	if (b && op->imm)
		res = a / b;
	else if (b)
		res = b == UINT32_MAX ? 0 - a : (uint32_t)((int32_t)a / (int32_t)b);
	REG_OF(c, op->a) = res;
}

void arm_h_m_load_pc(struct arm_cpu *c, const struct op *op)
{
	uint32_t target = arm_load(c, REG_OF(c, op->b), 4, c->v.mmu_mode);

	REG_OF(c, op->x) = REG_OF(c, REG_TMP1);
	jump(c, target, true);
}

/* --- special registers --- */

uint32_t arm_m_sysreg_read(struct arm_cpu *c, unsigned int sysm)
{
	bool priv = c->v.mode & MODE_PRIV;
	uint32_t value = 0;

	switch (sysm) {
	case 0:
	case 1:
	case 2:
	case 3:
	case 5:
	case 6:
	case 7:
		if (sysm & 1 && priv)
			value |= c->m_exception;
		if (!(sysm & 4))
			value |= arm_flags_get(c) | c->r.q << 27;
		return value;
	case 8: return priv ? *stack_pointer(c, false) : 0;
	case 9: return priv ? *stack_pointer(c, true) : 0;
	case 16: return priv ? c->primask : 0;
	case 17:
	case 18: return priv ? c->basepri : 0;
	case 19: return priv ? c->faultmask : 0;
	case 20: return c->control;
	default: return 0;
	}
}

static void set_control(struct arm_cpu *c, uint32_t value)
{
	bool before = uses_psp(c);

	if (c->m_exception) /* SPSEL cannot change in handler mode */
		value = (value & ~(uint32_t)CONTROL_SPSEL) | (c->control & CONTROL_SPSEL);
	c->control = value & (CONTROL_NPRIV | CONTROL_SPSEL);
	if (before != uses_psp(c))
		swap_sp(c);
	arm_mode_changed(c);
}

void arm_m_sysreg_write(struct arm_cpu *c, unsigned int sysm, unsigned int mask, uint32_t value)
{
	if (sysm < 8 && !(sysm & 4)) {
		if (mask & 2) {
			arm_flags_set(c, value);
			c->r.q = value >> 27 & 1;
		}
		return;
	}
	if (!(c->v.mode & MODE_PRIV))
		return;
	switch (sysm) {
	case 8: *stack_pointer(c, false) = value & ~3u; break;
	case 9: *stack_pointer(c, true) = value & ~3u; break;
	case 16: c->primask = value & 1; break;
	case 17: c->basepri = value & 0xff; break;
	case 18:
		value &= 0xff;
		if (value && (value < c->basepri || !c->basepri))
			c->basepri = value;
		break;
	case 19: c->faultmask = value & 1; break;
	case 20: set_control(c, value); return;
	default: return;
	}
	masks_changed(c);
}

/* a: register; imm: SYSm; s: mask bits. */
void arm_h_m_mrs(struct arm_cpu *c, const struct op *op)
{
	REG_OF(c, op->a) = arm_m_sysreg_read(c, (unsigned int)op->imm);
}

void arm_h_m_msr(struct arm_cpu *c, const struct op *op)
{
	arm_m_sysreg_write(c, (unsigned int)op->imm, op->s, REG_OF(c, op->a));
}

/* imm: bit 0 FAULTMASK, bit 1 PRIMASK; disp: the value. */
void arm_h_m_cps(struct arm_cpu *c, const struct op *op)
{
	if (op->imm & 1)
		c->faultmask = (uint32_t)op->disp;
	if (op->imm & 2)
		c->primask = (uint32_t)op->disp;
	masks_changed(c);
}

/* --- functions for the NVIC and boards (vm/arm-cpu.h) --- */

int arm_m_priority_limit(struct cpu *cpu)
{
	const struct arm_cpu *c = arm_cpu(cpu);

	if (c->faultmask)
		return -1;
	if (c->primask)
		return 0;
	return c->basepri ? (int)c->basepri : 256;
}

unsigned int arm_m_current(struct cpu *cpu)
{
	return arm_cpu(cpu)->m_exception;
}

struct arm_m_scb *arm_m_scb(struct cpu *cpu)
{
	return &arm_cpu(cpu)->scb;
}

static void scb_changed_work(struct cpu *cpu, void *opaque)
{
	vcpu_tlb_flush(&arm_cpu(cpu)->v);
	arm_mode_changed(arm_cpu(cpu));
}

void arm_m_scb_changed(struct cpu *cpu)
{
	if (!cpu->created)
		scb_changed_work(cpu, NULL);
	else
		cpu_run_on(cpu, scb_changed_work, NULL);
}

const struct arm_m_cpu_ops arm_m_cpu_ops = {
	.priority_limit = arm_m_priority_limit,
	.current = arm_m_current,
	.scb = arm_m_scb,
	.scb_changed = arm_m_scb_changed,
	.event = arm_cpu_event,
	.midr = arm_cpu_midr,
};

void arm_m_reset_vectors(struct cpu *cpu)
{
	struct arm_cpu *c = arm_cpu(cpu);

	c->r.r[SP] = (uint32_t)mem_load_le(cpu->memory, c->scb.vtor, 4) & ~3u;
	arm_branch_exchange(c, (uint32_t)mem_load_le(cpu->memory, c->scb.vtor + 4, 4));
}

void arm_m_reset(struct arm_cpu *c)
{
	c->primask = c->faultmask = c->basepri = c->control = c->m_exception = 0;
	c->m_stacking = c->m_lockup = false;
	c->other_sp = 0;
	c->scb = (struct arm_m_scb){.ccr = CCR_STKALIGN};
	c->v.mode = MODE_T;
	c->r.r[LR] = UINT32_MAX;
	arm_m_reset_vectors(&c->v.cpu);
}
