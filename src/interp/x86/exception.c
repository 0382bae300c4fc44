/*
 * Raising exceptions, double faults, shutdown, and what is delivered between instructions.
 * Source: Intel SDM volume 3, sections 6.9, 6.15 and 6.16 (table 6-5).
 *
 * An exception is recorded in the processor and the instruction is left by vcpu_escape(); the loop
 * then calls x86_deliver_exception(). A fault while another exception is being delivered comes the
 * same way and meets c->delivering.
 */
#include "interp/x86/system.h"

#include "base/log.h"
#include "base/loop.h"
#include "vm/runstate.h"

#include <inttypes.h>

/* Classes of table 6-4. */
enum exc_class { CLASS_BENIGN, CLASS_CONTRIBUTORY, CLASS_PAGE_FAULT };

static enum exc_class class_of(uint8_t vector)
{
	switch (vector) {
	case EXC_DE:
	case EXC_TS:
	case EXC_NP:
	case EXC_SS:
	case EXC_GP: return CLASS_CONTRIBUTORY;
	case EXC_PF: return CLASS_PAGE_FAULT;
	default: return CLASS_BENIGN;
	}
}

/* Whether `second`, raised while `first` was being delivered, makes a double fault. */
static bool is_double_fault(uint8_t first, uint8_t second)
{
	enum exc_class a = class_of(first), b = class_of(second);

	if (a == CLASS_CONTRIBUTORY)
		return b == CLASS_CONTRIBUTORY;
	return a == CLASS_PAGE_FAULT && b != CLASS_BENIGN;
}

static bool vector_has_error(uint8_t vector)
{
	return vector == EXC_DF || (vector >= EXC_TS && vector <= EXC_PF) || vector == EXC_AC;
}

/* --- raising --- */

static void NORETURN record(struct x86_cpu *c, uint8_t vector, bool has_error, uint32_t error)
{
	if (c->delivering && c->exc_double && class_of(vector) != CLASS_BENIGN) {
		c->shutdown = true;
	} else if (c->delivering && !c->exc_double && is_double_fault(c->exc_first, vector)) {
		log_printf(LOG_INT, "x86: vector %u while vector %u is delivered: double fault\n",
			   vector, c->exc_first);
		c->exc_double = true;
		vector = EXC_DF;
		has_error = true;
		error = 0;
	} else {
		c->exc_double = false;
	}
	c->exc_vector = vector;
	c->exc_has_error = has_error;
	c->exc_error = error;
	vcpu_escape(&c->v);
}

void x86_raise(struct x86_cpu *c, enum x86_vector vector)
{
	c->exc_software = false;
	record(c, (uint8_t)vector, vector_has_error((uint8_t)vector), 0);
}

void x86_raise_error(struct x86_cpu *c, enum x86_vector vector, uint32_t error)
{
	c->exc_software = false;
	if (c->ext_event && vector >= EXC_TS && vector <= EXC_GP)
		error |= 1;
	record(c, (uint8_t)vector, true, error);
}

void x86_unaligned(struct vcpu *v, uint64_t va)
{
	if (canonical(va)) /* else it is #GP or #SS */
		x86_raise_error(x86_cpu(&v->cpu), EXC_AC, 0);
}

void x86_raise_page_fault(struct x86_cpu *c, uint64_t va, uint32_t error)
{
	c->cr2 = va;
	c->exc_software = false;
	record(c, EXC_PF, true, error);
}

void x86_raise_software(struct x86_cpu *c, unsigned int vector, uint64_t next)
{
	c->exc_software = true;
	c->exc_next = next;
	c->exc_vector = (uint8_t)vector;
	c->exc_has_error = false;
	c->exc_error = 0;
	vcpu_escape(&c->v);
}

/* --- delivering --- */

static void enter_shutdown(struct x86_cpu *c)
{
	log_printf(LOG_RESET | LOG_INT, "x86: cpu %u: triple fault at %04x:%" PRIx64 "\n",
		   c->v.cpu.index, c->seg[CS].selector, c->v.pc);
	if (log_on(LOG_RESET))
		x86_cpu_dump(&c->v.cpu, log_stream());
	c->delivering = c->exc_double = false;
	c->v.cpu.halted = true;
	machine_request_reset();
}

static void log_delivery(const struct x86_cpu *c)
{
	log_printf(LOG_INT,
		   "x86: cpu %u: vector %02x error %04x cpl %u at %04x:%" PRIx64 " sp %04x:%" PRIx64
		   " rax %" PRIx64 " cr2 %" PRIx64 "\n",
		   c->v.cpu.index, c->exc_vector, c->exc_error, x86_cpl(c), c->seg[CS].selector,
		   c->v.pc, c->seg[SS].selector, c->r.r[RSP], c->r.r[RAX], c->cr2);
}

/* The step that was armed for this instruction does not come: it has not completed, or it is a
 * software interrupt, which clears TF. */
void x86_forget_step(struct x86_cpu *c)
{
	c->dr6_pending &= ~(UINT64_C(1) << 14);
	if (!c->dr6_pending)
		x86_event_clear(c, X86_EVENT_TRAP);
}

void x86_deliver_exception(struct vcpu *v)
{
	struct x86_cpu *c = x86_cpu(&v->cpu);

	c->ext_event = false;
	if (c->shutdown) {
		enter_shutdown(c);
		return;
	}
	if (log_on(LOG_INT))
		log_delivery(c);
	if (c->exc_software || c->exc_vector != EXC_DB)
		x86_forget_step(c);
	c->exc_first = c->exc_vector;
	c->delivering = !c->exc_software;
	x86_deliver(c, &(struct x86_delivery){
			       .vector = c->exc_vector,
			       .software = c->exc_software,
			       .has_error = c->exc_has_error,
			       .error = c->exc_error,
			       .resume = !c->exc_software,
			       .return_pc = c->exc_software ? c->exc_next : v->pc,
		       });
	c->delivering = c->exc_double = false;
	c->inhibit_pc = INHIBIT_NONE;
}

void x86_interrupt(struct x86_cpu *c, unsigned int vector, bool software, bool has_error,
		   uint32_t error, uint64_t return_pc)
{
	x86_deliver(c, &(struct x86_delivery){.vector = (uint8_t)vector,
					      .software = software,
					      .has_error = has_error,
					      .error = error,
					      .return_pc = return_pc});
}

/* --- between instructions --- */

static void event_init(struct x86_cpu *c)
{
	x86_event_clear(c, X86_EVENT_INIT);
	x86_cpu_reset(c, true);
}

static void event_sipi(struct x86_cpu *c)
{
	x86_event_clear(c, X86_EVENT_SIPI | X86_EVENT_WAIT_SIPI);
	c->v.cpu.halted = false;
	c->v.pc = 0;
	x86_seg_set_real(c, CS, (uint16_t)(c->sipi_vector << 8));
	x86_mode_changed(c);
}

static void event_trap(struct x86_cpu *c)
{
	x86_event_clear(c, X86_EVENT_TRAP);
	c->dr[6] |= c->dr6_pending;
	c->dr6_pending = 0;
	c->exc_first = EXC_DB;
	c->delivering = true;
	c->dr[7] &= ~(UINT64_C(1) << 13); /* GD */
	c->ext_event = true;
	x86_deliver(c, &(struct x86_delivery){.vector = EXC_DB, .return_pc = c->v.pc});
	c->delivering = false;
}

static void event_nmi(struct x86_cpu *c)
{
	x86_event_clear(c, X86_EVENT_NMI);
	c->nmi_blocked = true;
	x86_deliver(c, &(struct x86_delivery){.vector = EXC_NMI, .return_pc = c->v.pc});
}

static int acknowledge(struct x86_cpu *c)
{
	const struct x86_intc_ops *ops = c->v.cpu.intc_ops;
	int vector = -1;

	machine_lock();
	if (ops && ops->acknowledge)
		vector = ops->acknowledge(c->v.cpu.intc);
	machine_unlock();
	return vector;
}

static void event_interrupt(struct x86_cpu *c)
{
	int vector = acknowledge(c);

	if (vector < 0)
		return;
	log_printf(LOG_INT, "x86: cpu %u: interrupt %02x at %04x:%" PRIx64 "\n", c->v.cpu.index,
		   (unsigned int)vector, c->seg[CS].selector, c->v.pc);
	x86_deliver(c, &(struct x86_delivery){.vector = (uint8_t)vector, .return_pc = c->v.pc});
}

static bool interrupts_on(const struct x86_cpu *c)
{
	return c->eflags & FLAG_IF;
}

/* A machine check without CR4.MCE, or during another one, is a shutdown. */
static void event_machine_check(struct x86_cpu *c)
{
	x86_event_clear(c, X86_EVENT_MCE);
	if (!(c->cr4 & CR4_MCE) || c->mcg_status & 4) {
		c->shutdown = true;
		enter_shutdown(c);
		return;
	}
	c->mcg_status |= 4;
	c->ext_event = true;
	x86_deliver(c, &(struct x86_delivery){.vector = EXC_MC, .return_pc = c->v.pc});
}

/* Events that the processor would take now, be it halted or not. */
static uint32_t events_due(const struct x86_cpu *c, uint32_t events)
{
	uint32_t due = events & (X86_EVENT_INIT | X86_EVENT_SMI);

	if (c->smm)
		due &= ~(uint32_t)(X86_EVENT_SMI | X86_EVENT_INIT);
	if (events & X86_EVENT_WAIT_SIPI)
		return due & X86_EVENT_INIT ? due : events & X86_EVENT_SIPI;
	if (!c->nmi_blocked)
		due |= events & X86_EVENT_NMI;
	if (c->shutdown)
		return due;
	due |= events & (X86_EVENT_TRAP | X86_EVENT_MCE);
	if (interrupts_on(c))
		due |= events & X86_EVENT_INTR;
	return due;
}

bool x86_has_work(struct cpu *cpu)
{
	struct x86_cpu *c = x86_cpu(cpu);

	return events_due(c, __atomic_load_n(&c->v.events, __ATOMIC_SEQ_CST)) != 0;
}

/* Delivers the first of `due`; the others wait for the next boundary. */
static void take_event(struct x86_cpu *c, uint32_t due)
{
	c->v.cpu.halted = false;
	c->shutdown = false;
	c->v.op = NULL;
	if (due & X86_EVENT_SIPI)
		event_sipi(c);
	else if (due & X86_EVENT_INIT)
		event_init(c);
	else if (due & X86_EVENT_TRAP)
		event_trap(c);
	else if (due & X86_EVENT_SMI)
		x86_smm_enter(c);
	else if (due & X86_EVENT_NMI)
		event_nmi(c);
	else if (due & X86_EVENT_MCE)
		event_machine_check(c);
	else
		event_interrupt(c);
	if (!(due & X86_EVENT_SMI))
		c->hlt = false;
	c->ext_event = false;
}

/* The next instruction runs alone: in a block that is not kept, and the request to leave brings the
 * processor back right behind it. */
static void run_one(struct x86_cpu *c, bool come_back)
{
	c->v.insn_limit = 1;
	if (come_back)
		__atomic_store_n(&c->v.cpu.exit_request, 1, __ATOMIC_SEQ_CST);
}

/* What STI or MOV SS holds back until one more instruction has run. */
static uint32_t held_back(struct x86_cpu *c)
{
	uint32_t held = X86_EVENT_INTR;

	if (LIKELY(c->v.pc != c->inhibit_pc))
		return 0;
	if (c->inhibit_ss)
		held |= X86_EVENT_TRAP | X86_EVENT_NMI | X86_EVENT_SMI;
	c->inhibit_pc = INHIBIT_NONE;
	c->inhibit_ss = false;
	return held;
}

void x86_events(struct vcpu *v)
{
	struct x86_cpu *c = x86_cpu(&v->cpu);
	uint32_t due = events_due(c, __atomic_load_n(&v->events, __ATOMIC_SEQ_CST));

	if (due) {
		uint32_t now = due & ~held_back(c);
		if (now)
			take_event(c, now);
		else
			run_one(c, true);
	}
	if (UNLIKELY(__atomic_load_n(&v->events, __ATOMIC_ACQUIRE) & X86_EVENT_STEP))
		run_one(c, false);
}
