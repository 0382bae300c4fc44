/* Exceptions of the A profile, and what waits between instructions. Source: ARM DDI 0100I, A2.6. */
#include "interp/arm/cpu.h"

#include "base/log.h"
#include "base/loop.h"

#include <inttypes.h>

static const char *const names[] = {
	"reset", "undefined instruction", "SVC", "prefetch abort", "data abort", "reserved", "IRQ",
	"FIQ"};

/* --- raising --- */

void arm_raise(struct arm_cpu *c, enum arm_exception exc)
{
	c->exc = (uint8_t)exc;
	c->exc_fsr = c->exc_far = 0;
	vcpu_escape(&c->v);
}

void arm_raise_abort(struct arm_cpu *c, enum mem_access access, uint32_t va, uint32_t fsr)
{
	c->exc = access == ACCESS_EXEC ? EXC_PABT : EXC_DABT;
	c->exc_far = va;
	c->exc_fsr = fsr;
	if (access == ACCESS_WRITE && arm_has(c, F_V6))
		c->exc_fsr |= 1 << 11;
	vcpu_escape(&c->v);
}

void arm_raise_m_usage(struct arm_cpu *c, uint32_t cfsr)
{
	c->exc = EXC_M_USAGE;
	c->exc_fsr = cfsr;
	vcpu_escape(&c->v);
}

/* --- entering --- */

static uint32_t vector_base(const struct arm_cpu *c)
{
	if (c->sctlr & SCTLR_V)
		return 0xffff0000;
	return arm_has(c, F_V7) ? c->vbar : 0;
}

void arm_take_exception(struct arm_cpu *c, enum arm_exception exc, uint32_t lr)
{
	static const uint8_t modes[] = {MODE_SVC, MODE_UND, MODE_SVC, MODE_ABT,
					MODE_ABT, MODE_SVC, MODE_IRQ, MODE_FIQ};
	uint32_t saved = arm_cpsr_get(c), set = PSR_I;

	log_printf(LOG_INT, "arm: cpu %u: %s at %08" PRIx64 ", cpsr %08x fsr %x far %08x\n",
		   c->v.cpu.index, names[exc], c->v.pc, saved, c->exc_fsr, c->exc_far);
	if (exc == EXC_FIQ || exc == EXC_RESET)
		set |= PSR_F;
	if (arm_has(c, F_V6) && exc != EXC_UNDEF && exc != EXC_SVC)
		set |= PSR_A;
	if (c->sctlr & SCTLR_TE && arm_has(c, F_THUMB2))
		set |= PSR_T;
	if (c->sctlr & SCTLR_EE)
		set |= PSR_E;
	arm_cpsr_set(c, set | modes[exc], set | PSR_M | PSR_T | PSR_IT | PSR_E);
	arm_spsr_set(c, saved, UINT32_MAX);
	c->r.r[LR] = lr;
	c->v.pc = vector_base(c) + 4 * (uint32_t)exc;
	c->exclusive = false;
}

/* Fault status registers; before v6 there is one for both kinds of abort. */
static void report_abort(struct arm_cpu *c)
{
	if (c->exc == EXC_DABT) {
		c->dfsr = c->exc_fsr;
		c->dfar = c->exc_far;
	} else if (arm_has(c, F_V6)) {
		c->ifsr = c->exc_fsr;
		c->ifar = c->exc_far;
	} else {
		c->ifsr = c->exc_fsr;
	}
}

void arm_deliver_exception(struct vcpu *v)
{
	struct arm_cpu *c = arm_cpu(&v->cpu);
	uint32_t pc = (uint32_t)v->pc, lr = pc + 4;

	if (c->features & F_M) {
		arm_m_deliver(c);
		return;
	}
	switch ((enum arm_exception)c->exc) {
	case EXC_UNDEF:
		if (v->mode & MODE_T)
			lr = pc + 2;
		break;
	case EXC_DABT: lr = pc + 8; /* fallthrough */
	case EXC_PABT: report_abort(c); break;
	default: break;
	}
	arm_take_exception(c, (enum arm_exception)c->exc, lr);
}

void arm_branch_exchange(struct arm_cpu *c, uint32_t target)
{
	c->v.mode = (c->v.mode & ~(uint32_t)MODE_T) | (target & 1);
	c->v.pc = target & (target & 1 ? ~1u : ~3u);
}

/* --- events --- */

void arm_event_set(struct arm_cpu *c, uint32_t event)
{
	__atomic_fetch_or(&c->v.events, event, __ATOMIC_SEQ_CST);
}

void arm_event_clear(struct arm_cpu *c, uint32_t event)
{
	__atomic_fetch_and(&c->v.events, ~event, __ATOMIC_SEQ_CST);
}

uint32_t arm_events_due(const struct arm_cpu *c, uint32_t events)
{
	uint32_t due = events & (ARM_EVENT_RESET | ARM_EVENT_HELD);

	if (c->features & F_M) /* the NVIC has looked at the masks */
		return due | (events & ARM_EVENT_IRQ);
	if (!(c->cpsr & PSR_F))
		due |= events & ARM_EVENT_FIQ;
	if (!(c->cpsr & PSR_I))
		due |= events & ARM_EVENT_IRQ;
	return due;
}

/* Masked interrupts end WFI, too. */
bool arm_has_work(struct cpu *cpu)
{
	const struct arm_cpu *c = arm_cpu(cpu);
	uint32_t events = __atomic_load_n(&c->v.events, __ATOMIC_SEQ_CST);

	if (events & ARM_EVENT_HELD)
		return false;
	if (c->m_lockup)
		return events & ARM_EVENT_RESET;
	if (events & ARM_EVENT_WAKE && c->in_wfe)
		return true;
	return events & (ARM_EVENT_IRQ | ARM_EVENT_FIQ | ARM_EVENT_RESET);
}

void arm_events(struct vcpu *v)
{
	struct arm_cpu *c = arm_cpu(&v->cpu);
	uint32_t due = arm_events_due(c, __atomic_load_n(&v->events, __ATOMIC_SEQ_CST));

	v->op = NULL;
	if (c->in_wfe && !v->cpu.halted) { /* woken */
		c->in_wfe = false;
		arm_event_clear(c, ARM_EVENT_WAKE);
	}
	if (!due || (c->m_lockup && !(due & ARM_EVENT_RESET)))
		return;
	if (due & ARM_EVENT_HELD) {
		v->cpu.halted = true;
		return;
	}
	if (due & ARM_EVENT_RESET) {
		machine_lock();
		arm_cpu_class.reset(&v->cpu);
		machine_unlock();
		return;
	}
	v->cpu.halted = false;
	if (c->features & F_M) {
		arm_m_events(c, due);
		return;
	}
	c->exc_fsr = c->exc_far = 0;
	arm_take_exception(c, due & ARM_EVENT_FIQ ? EXC_FIQ : EXC_IRQ, (uint32_t)v->pc + 4);
}
