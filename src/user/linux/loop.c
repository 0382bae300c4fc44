/*
 * Threads' vCPUs and the loop around them: guest code, then why it was left, then signals.
 */
#include "user/linux/user.h"

#include "base/loop.h"
#include "interp/trace.h"
#include "vm/clock.h"

#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

const struct user_debugger *user_debugger;

static __thread struct thread *self;

struct thread *thread_self(void)
{
	return self;
}

void thread_set_self(struct thread *t)
{
	self = t;
}

/* --- TLB fills --- */

/* A file may have become shorter than its mapping: found here, where the state is exact. */
static bool page_is_there(struct thread *t, uint64_t page)
{
	uint8_t byte;

	return guest_read(t, &byte, page, 1);
}

bool user_tlb_fill(struct vcpu *v, uint64_t va, enum mem_access access, unsigned int mode)
{
	static const uint8_t needed[] = {PROT_READ, PROT_WRITE, PROT_EXEC};
	struct thread *t = thread_of(v);
	uint64_t page = va & GUEST_PAGE_MASK;
	struct mm_area area;
	unsigned int prot = 0;

	t->bus = false;
	if (!mm_find(t->process->mm, page, &area))
		return false;
	/* No processor here has pages that can be written or run, but not read. */
	if (area.prot & (PROT_WRITE | PROT_EXEC))
		area.prot |= PROT_READ;
	if (!(area.prot & needed[access]))
		return false;
	if (area.file && !page_is_there(t, page)) {
		t->bus = true;
		t->bus_code = BUS_ADRERR;
		return false;
	}
	prot |= area.prot & PROT_READ ? PROT_R : 0;
	prot |= area.prot & PROT_WRITE ? PROT_W : 0;
	prot |= area.prot & PROT_EXEC ? PROT_X : 0;
	vcpu_tlb_set(v, mode, va, page, prot, GUEST_PAGE_SIZE);
	return true;
}

static bool user_translate(struct cpu *cpu, uint64_t va, uint64_t *pa)
{
	struct mm_area area;

	*pa = va;
	return mm_find(thread_of((struct vcpu *)cpu)->process->mm, va, &area) && area.prot;
}

/* --- making threads --- */

/* The processor's class as system emulation has it, but for who translates. */
static const struct cpu_class *user_class(const struct abi *abi)
{
	static struct cpu_class class;

	class = *abi->cpu_class;
	class.translate = user_translate;
	if (abi->gdb)
		class.gdb = abi->gdb;
	return &class;
}

struct error *user_thread_new(struct process *p, struct thread **out)
{
	struct thread *t = g_new0(struct thread, 1);
	struct error *err;

	t->process = p;
	t->abi = p->abi;
	t->altstack.flags = SS_DISABLE;
	err = cpu_new(user_class(p->abi), p->cpu_model, &p->space, NULL, &t->cpu);
	if (err) {
		g_free(t);
		return err;
	}
	t->cpu->stopped = false;
	t->cpu->created = true;
	t->cpu->intc = t;
	thread_vcpu(t)->direct = p->base;
	thread_vcpu(t)->debugging = debug_any();
	t->abi->init(t);
	*out = t;
	return NULL;
}

void user_thread_free(struct thread *t)
{
	sighand_unref(t->hand);
	g_free(t);
}

/* --- the loop --- */

void user_loop(struct thread *t)
{
	for (;;) {
		t->trap = TRAP_NONE;
		cpu_run_here(t->cpu);
		if (t->trap == TRAP_CALL)
			user_system_call(t);
		else if (t->trap == TRAP_SIGNAL)
			signal_force(t, &t->fault);
		if (UNLIKELY(__atomic_load_n(&t->noted, __ATOMIC_ACQUIRE)))
			signals_deliver(t);
		if (UNLIKELY(user_debugger != NULL))
			user_debugger->look(t);
	}
}
