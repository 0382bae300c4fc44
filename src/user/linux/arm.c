/*
 * The ARM ABI (EABI, and numbers in SVC of the old one). Source: the kernel's arch/arm/kernel/
 * entry-common.S and traps.c for calls and faults, include/uapi/asm/hwcap.h.
 */
#include "user/linux/arm.h"

#include "base/log.h"

#include <string.h>
#include <sys/mman.h>

#define EF_ARM_BE8    0x00800000
#define OABI_BASE     0x900000
#define ARM_CALLS     0xf0000
#define SEMIHOST_HEAP (UINT64_C(64) << 20)
#define FAULT_ALIGNED 1
#define FAULT_MAPPING 7
#define FAULT_RIGHTS  15

/* --- faults --- */

static bool tlb_fill(struct vcpu *v, uint64_t va, unsigned int size, enum mem_access access,
		     unsigned int mode, bool probe)
{
	struct thread *t = thread_of(v);
	struct mm_area area;

	if (user_tlb_fill(v, (uint32_t)va, access, mode))
		return true;
	if (probe)
		return false;
	bool mapped = mm_find(t->process->mm, (uint32_t)va, &area);
	arm_raise_abort(arm_cpu(&v->cpu), access, (uint32_t)va,
			mapped ? FAULT_RIGHTS : FAULT_MAPPING);
}

static NORETURN void host_fault(struct thread *t, uint64_t va, bool write)
{
	struct mm_area area;
	bool mapped = mm_find(t->process->mm, (uint32_t)va, &area);

	arm_raise_abort(arm_of(t), write ? ACCESS_WRITE : ACCESS_READ, (uint32_t)va,
			mapped ? FAULT_RIGHTS : FAULT_MAPPING);
}

static void fault(struct thread *t, int signo, int code, uint32_t addr, uint32_t trap)
{
	t->trap = TRAP_SIGNAL;
	t->fault = (struct guest_signal){.signo = signo,
					 .info = {.si_signo = signo, .si_code = code},
					 .trap = trap,
					 .error = arm_of(t)->exc_fsr,
					 .address = addr};
	t->fault.info.si_addr = (void *)(uintptr_t)addr;
}

/* gdb's breakpoints are undefined instructions. */
static bool is_breakpoint(struct thread *t, const struct arm_cpu *c)
{
	bool thumb = c->v.mode & MODE_T;
	uint64_t insn = 0;

	if (!guest_get(t, c->v.pc, thumb ? 2 : 4, &insn))
		return false;
	return thumb ? insn == 0xde01 : (insn & 0x0fffffff) == 0x07f001f0;
}

static void abort_signal(struct thread *t, struct arm_cpu *c)
{
	uint32_t status = c->exc_fsr & 0xf;

	if (t->bus)
		fault(t, SIGBUS, t->bus_code, c->exc_far, 14);
	else if (status == FAULT_ALIGNED)
		fault(t, SIGBUS, BUS_ADRALN, c->exc_far, 17);
	else
		fault(t, SIGSEGV, status == FAULT_RIGHTS ? SEGV_ACCERR : SEGV_MAPERR, c->exc_far,
		      14);
	t->bus = false;
}

static void exception(struct vcpu *v)
{
	struct arm_cpu *c = arm_cpu(&v->cpu);
	struct thread *t = thread_of(v);

	__atomic_store_n(&v->cpu.exit_request, 1, __ATOMIC_SEQ_CST);
	switch (c->exc) {
	case EXC_PABT:
	case EXC_DABT: abort_signal(t, c); break;
	default:
		c->exc_fsr = 0;
		if (is_breakpoint(t, c))
			fault(t, SIGTRAP, TRAP_BRKPT, (uint32_t)v->pc, 0);
		else
			fault(t, SIGILL, ILL_ILLOPC, (uint32_t)v->pc, 6);
		break;
	}
}

/* --- traps --- */

/* Memory for SYS_HEAPINFO is mapped when the first semihosting call shows that there is need. */
static bool semihosting(struct thread *t, struct arm_cpu *c, enum arm_trap trap, uint32_t number)
{
	if (number != (trap == ARM_TRAP_SVC ? 0x123456u : 0xabu))
		return false;
	if (!c->semihosting) {
		int64_t at = mm_map(t, 0, SEMIHOST_HEAP, PROT_READ | PROT_WRITE,
				    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
		char line[512] = "";
		uint64_t len = MIN(t->process->arg_end - t->process->arg_start, sizeof(line));
		if (at < 0 || !guest_read(t, line, t->process->arg_start, len))
			return false;
		for (uint64_t i = 0; i + 1 < len; i++)
			if (!line[i])
				line[i] = ' ';
		line[sizeof(line) - 1] = 0;
		arm_cpu_set_semihosting(t->cpu, line, (uint32_t)at, (uint32_t)at + SEMIHOST_HEAP);
	}
	return arm_semihosting_call(c, trap, number);
}

static bool trap(void *opaque, struct cpu *cpu, enum arm_trap what, uint32_t number)
{
	struct thread *t = opaque;
	struct arm_cpu *c = arm_cpu(cpu);

	if (semihosting(t, c, what, number) || arm_helper_call(t, number))
		return true;
	__atomic_store_n(&cpu->exit_request, 1, __ATOMIC_SEQ_CST);
	if (what == ARM_TRAP_BKPT) {
		c->v.pc -= c->v.mode & MODE_T ? 2 : 4;
		c->exc_fsr = 0;
		fault(t, SIGTRAP, TRAP_BRKPT, (uint32_t)c->v.pc, 0);
		return true;
	}
	t->trap = TRAP_CALL;
	t->segments[0] = number;
	return true;
}

/* A signal is there: not one instruction more. */
static void events(struct vcpu *v)
{
	if (thread_of(v)->noted) {
		__atomic_store_n(&v->cpu.exit_request, 1, __ATOMIC_SEQ_CST);
		vcpu_leave(v);
	}
	arm_events(v);
}

/* --- state --- */

static void init(struct thread *t)
{
	static struct isa user_isa;
	struct arm_cpu *c = arm_of(t);

	user_isa = arm_isa;
	user_isa.tlb_fill = tlb_fill;
	user_isa.exception = exception;
	user_isa.events = events;
	c->v.isa = &user_isa;
	c->v.cpu.halted = false;
	c->v.events = 0;
	arm_cpu_set_trap_hook(t->cpu, trap, t);
	c->cpacr = 0x00f00000;
	c->fpexc = 1u << 30;
	c->cpar = 0x3fff;
	if (arm_has(c, F_V6))
		c->sctlr |= SCTLR_U | SCTLR_XP;
	arm_cpsr_set(c, MODE_USR, PSR_M | PSR_I | PSR_F | PSR_A);
}

static void start(struct thread *t, uint64_t pc, uint64_t sp, uint64_t flags)
{
	struct arm_cpu *c = arm_of(t);
	bool be8 = t->abi->big_endian && flags & EF_ARM_BE8;

	if (t->abi->big_endian && !be8)
		c->be_data = c->be_code = true;
	arm_cpsr_set(c, be8 ? PSR_E : 0, PSR_E);
	arm_put_helpers(t, c->be_code);
	memset(c->r.r, 0, sizeof(c->r.r[0]) * 15);
	c->r.r[SP] = (uint32_t)sp;
	/* Flat programs find the first words of their stack and their data in registers. */
	for (unsigned int i = 0; t->process->flat && i < 3; i++) {
		uint64_t word = 0;
		if (guest_get(t, sp + 4 * i, 4, &word))
			c->r.r[i] = (uint32_t)word;
	}
	if (t->process->flat)
		c->r.r[10] = (uint32_t)t->process->data_start;
	arm_branch_exchange(c, (uint32_t)pc);
}

static void copy(struct thread *child, const struct thread *parent)
{
	struct arm_cpu *to = arm_of(child), *from = arm_cpu(parent->cpu);

	memcpy((char *)to + offsetof(struct arm_cpu, r), (char *)from + offsetof(struct arm_cpu, r),
	       sizeof(*to) - offsetof(struct arm_cpu, r));
	to->semihosting = NULL;
	to->trap_opaque = child;
	to->exclusive = false;
	to->v.pc = from->v.pc;
	to->v.mode = from->v.mode;
	arm_mode_changed(to);
}

static void set_sp(struct thread *t, uint64_t sp)
{
	arm_of(t)->r.r[SP] = (uint32_t)sp;
}

static uint64_t get_sp(struct thread *t)
{
	return arm_of(t)->r.r[SP];
}

static uint64_t get_pc(struct thread *t)
{
	return (uint32_t)arm_of(t)->v.pc;
}

static int set_tls(struct thread *t, uint64_t value)
{
	arm_of(t)->tpidruro = (uint32_t)value;
	return 0;
}

/* --- calls --- */

/* The number is in SVC itself (old ABI) or in r7. */
static uint64_t get_call(struct thread *t, uint64_t regs[7])
{
	struct arm_cpu *c = arm_of(t);
	uint32_t number = (uint32_t)t->segments[0];

	for (unsigned int i = 0; i < 7; i++)
		regs[i] = c->r.r[i];
	return number && !(c->v.mode & MODE_T) ? number - OABI_BASE : c->r.r[7];
}

static void set_result(struct thread *t, int64_t result)
{
	arm_of(t)->r.r[0] = (uint32_t)result;
}

static void restart(struct thread *t, uint64_t nr)
{
	struct arm_cpu *c = arm_of(t);

	c->v.pc -= c->v.mode & MODE_T ? 2 : 4;
}

static bool own_call(struct thread *t, uint64_t nr, const uint64_t *a, int64_t *result)
{
	*result = 0;
	switch (nr - ARM_CALLS) {
	case 2: /* cacheflush: translations follow stores by themselves */ return true;
	case 5: set_tls(t, a[0]); return true;
	case 6: *result = (int32_t)arm_of(t)->tpidruro; return true;
	default: return false;
	}
}

/* --- what the kernel tells of the processor --- */

static uint64_t hwcap(struct thread *t, unsigned int n)
{
	static const struct {
		uint32_t features, caps;
	} table[] = {
		{0, 1 << 0 | 1 << 1 | 1 << 2 | 1 << 4}, /* swp half thumb fastmult */
		{F_V5E, 1 << 7},			/* edsp */
		{F_V5J, 1 << 8},			/* java */
		{F_VFP2, 1 << 6},			/* vfp */
		{F_IWMMXT, 1 << 9},
		{F_T2EE, 1 << 11},
		{F_NEON, 1 << 12},
		{F_VFP3, 1 << 13 | 1 << 19}, /* vfpv3 vfpd32 */
		{F_V6K, 1 << 15},	     /* tls */
		{F_FMA, 1 << 16},	     /* vfpv4 */
		{F_DIV_ARM, 1 << 17},
		{F_DIV, 1 << 18},
	};
	uint64_t caps = 0;

	for (unsigned int i = 0; i < G_N_ELEMENTS(table) && !n; i++)
		if (arm_has(arm_of(t), table[i].features))
			caps |= table[i].caps;
	return caps;
}

static void cpuinfo(struct thread *t, FILE *out)
{
	static const char *const names[] = {
		"swp",	    "half", "thumb",  "26bit",	"fastmult", "fpa",    "vfp",
		"edsp",	    "java", "iwmmxt", "crunch", "thumbee",  "neon",   "vfpv3",
		"vfpv3d16", "tls",  "vfpv4",  "idiva",	"idivt",    "vfpd32",
	};
	struct arm_cpu *c = arm_of(t);
	uint64_t caps = hwcap(t, 0);
	uint32_t value = 0;

	arm_cp15_read(c, 0xee100f10, &value); /* MIDR */
	fprintf(out,
		"processor\t: 0\nmodel name\t: ARMv%u Processor rev %u (v%ul)\n"
		"BogoMIPS\t: 100.00\nFeatures\t:",
		arm_has(c, F_V7)   ? 7
		: arm_has(c, F_V6) ? 6
				   : 5,
		value & 15,
		arm_has(c, F_V7)   ? 7
		: arm_has(c, F_V6) ? 6
				   : 5);
	for (unsigned int i = 0; i < G_N_ELEMENTS(names); i++)
		if (caps >> i & 1)
			fprintf(out, " %s", names[i]);
	fprintf(out,
		"\nCPU implementer\t: 0x%02x\nCPU architecture: %u\nCPU variant\t: 0x%x\n"
		"CPU part\t: 0x%03x\nCPU revision\t: %u\n\nHardware\t: Ratite\n",
		value >> 24,
		arm_has(c, F_V7)   ? 7
		: arm_has(c, F_V6) ? 6
				   : 5,
		value >> 20 & 15, value >> 4 & 0xfff, value & 15);
}

static void map_fixed(struct thread *t)
{
	int64_t at = mm_map(t, ARM_VECTORS, GUEST_PAGE_SIZE, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);

	if (at < 0)
		log_printf(LOG_UNIMP, "arm: no room for the kernel's helpers at %x\n", ARM_VECTORS);
	t->process->trampolines = ARM_SIGRETURN;
}

#define ARM_COMMON                                                                                \
	.cpu_arch = "arm", .cpu_class = &arm_cpu_class, .default_cpu = "any", .index = ABI_ARM,   \
	.elf_machine = 40, .word = 4, .align64 = 8, .even_pairs = true, .arm_open_flags = true,   \
	.task_size = UINT64_C(1) << 32, .exec_base = 85, .init = init, .start = start,            \
	.copy = copy, .set_sp = set_sp, .get_sp = get_sp, .get_pc = get_pc, .set_tls = set_tls,   \
	.get_call = get_call, .set_result = set_result, .restart = restart, .own_call = own_call, \
	.frame = arm_frame, .sigreturn = arm_sigreturn, .host_fault = host_fault, .hwcap = hwcap, \
	.map_fixed = map_fixed, .cpuinfo = cpuinfo

const struct abi abi_arm = {ARM_COMMON, .name = "arm", .uname = "armv7l", .platform = "v7l"};
const struct abi abi_armeb = {ARM_COMMON, .name = "armeb", .uname = "armv7b", .platform = "v7b",
			      .big_endian = true};
