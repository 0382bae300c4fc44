/* The ARM processor as machines see it: creation, reset, lines, and the functions of vm/arm-cpu.h.
 */
#include "interp/arm/model.h"

#include "base/log.h"
#include "base/loop.h"
#include "interp/debug.h"
#include "interp/disas.h"
#include "interp/stats.h"

#include <capstone/capstone.h>
#include <string.h>

/* --- reset --- */

static void reset_registers(struct arm_cpu *c)
{
	memset(c->r.r, 0, sizeof(c->r.r));
	memset(c->spsr, 0, sizeof(c->spsr));
	memset(c->bank_sp, 0, sizeof(c->bank_sp));
	memset(c->bank_lr, 0, sizeof(c->bank_lr));
	memset(c->bank_fiq, 0, sizeof(c->bank_fiq));
	memset(c->bank_usr, 0, sizeof(c->bank_usr));
	arm_flags_set(c, 0);
	c->r.q = c->r.ge = c->r.shc = 0;
	c->exclusive = c->in_wfe = false;
	c->cpsr = MODE_SVC | PSR_I | PSR_F | (arm_has(c, F_V6) ? PSR_A : 0);
	c->v.mode = c->sctlr & SCTLR_TE ? MODE_T : 0;
}

static void cpu_reset(struct arm_cpu *c)
{
	arm_cp15_reset(c);
	reset_registers(c);
	arm_vfp_reset(c);
	memset(c->r.wr, 0, sizeof(c->r.wr));
	memset(c->wc, 0, sizeof(c->wc));
	if (arm_has(c, F_IWMMXT))
		c->wc[0] = 0x69051010; /* wCID */
	c->v.pc = c->sctlr & SCTLR_V ? 0xffff0000 : 0;
	c->v.op = NULL;
	c->v.cpu.halted = c->v.events & ARM_EVENT_HELD;
	arm_event_clear(c, ARM_EVENT_RESET | ARM_EVENT_WAKE);
	if (c->features & F_M)
		arm_m_reset(c);
	vcpu_tlb_flush(&c->v);
	arm_mode_changed(c);
	/* The user-mode processor has its floating point on. */
	if (c->features & F_USER_ANY) {
		c->cpacr = 0x00f00000;
		c->fpexc = 1 << 30;
		arm_cpsr_set(c, MODE_USR, PSR_M | PSR_I | PSR_F | PSR_A);
	}
}

static void class_reset(struct cpu *cpu)
{
	if (log_on(LOG_RESET)) {
		log_printf(LOG_RESET, "CPU Reset (CPU %u)\n", cpu->index);
		arm_dump(cpu, log_stream());
	}
	cpu_reset(arm_cpu(cpu));
}

/* --- lines --- */

static void line_level(struct cpu *cpu, uint32_t event, int level)
{
	if (level) {
		arm_event_set(arm_cpu(cpu), event);
		cpu_kick(cpu);
	} else {
		arm_event_clear(arm_cpu(cpu), event);
	}
}

static void class_set_line(struct cpu *cpu, int line, int level)
{
	switch ((enum arm_line)line) {
	case ARM_LINE_IRQ: line_level(cpu, ARM_EVENT_IRQ, level); break;
	case ARM_LINE_FIQ: line_level(cpu, ARM_EVENT_FIQ, level); break;
	case ARM_LINE_RESET:
		if (level) {
			line_level(cpu, ARM_EVENT_HELD | ARM_EVENT_RESET, 1);
		} else if (arm_cpu(cpu)->v.events & ARM_EVENT_HELD) {
			arm_event_clear(arm_cpu(cpu), ARM_EVENT_HELD);
			cpu_kick(cpu);
		}
		break;
	}
}

/* --- the rest of the class --- */

static struct error *class_init(struct cpu *cpu, const char *model)
{
	struct arm_cpu *c = arm_cpu(cpu);
	struct error *err = arm_model_set(c, model);

	if (err)
		return err;
	c->id = cpu->index;
	vcpu_init(&c->v, &arm_isa);
	cpu_reset(c);
	return NULL;
}

static void class_destroy(struct cpu *cpu)
{
	arm_semihosting_free(arm_cpu(cpu)->semihosting);
	vcpu_destroy(&arm_cpu(cpu)->v);
}

static uint64_t class_get_pc(struct cpu *cpu)
{
	return arm_cpu(cpu)->v.pc;
}

static void class_set_pc(struct cpu *cpu, uint64_t pc)
{
	arm_branch_exchange(arm_cpu(cpu), (uint32_t)pc | (arm_cpu(cpu)->v.mode & MODE_T));
	arm_cpu(cpu)->v.mode &= ~CONTEXT_MASK;
}

static void capstone_mode(struct vcpu *v, unsigned int *arch, unsigned int *mode)
{
	const struct arm_cpu *c = arm_cpu(&v->cpu);
	unsigned int m = v->mode & MODE_T ? CS_MODE_THUMB : CS_MODE_ARM;

	if (c->features & F_M)
		m |= CS_MODE_MCLASS;
	if (v->mode & MODE_BE_CODE)
		m |= CS_MODE_BIG_ENDIAN;
	*arch = CS_ARCH_ARM;
	*mode = m;
}

static uint64_t class_disassemble(struct cpu *cpu, FILE *out, uint64_t va, unsigned int count,
				  unsigned int wordsize, bool physical)
{
	unsigned int arch, mode;
	uint8_t code[4];

	capstone_mode(&arm_cpu(cpu)->v, &arch, &mode);
	if (wordsize)
		mode = (mode & ~(unsigned int)CS_MODE_THUMB) | (wordsize == 2 ? CS_MODE_THUMB : 0);
	while (count--) {
		unsigned int n = 0;
		while (n < 4 && (physical ? mem_read(cpu->memory, va + n, code + n, 1) == MEM_OK
					  : cpu_read_virtual(cpu, va + n, code + n, 1)))
			n++;
		if (!n) {
			fprintf(out, "0x%08llx:  cannot be read\n", (unsigned long long)va);
			break;
		}
		unsigned int len = disas_one(out, arch, mode, code, n, va);
		va += mode & CS_MODE_THUMB ? MAX(len, 2) : 4;
	}
	return va;
}

const struct isa arm_isa = {
	.tlb_fill = arm_tlb_fill,
	.decode = arm_decode,
	.max_insn_size = 4,
	.events = arm_events,
	.exception = arm_deliver_exception,
	.capstone = capstone_mode,
	.regs_offset = offsetof(struct arm_cpu, r),
	.regs_size = sizeof(struct arm_regs),
	.same_regs = arm_same_regs,
};

const struct cpu_class arm_cpu_class = {
	.isa = "arm",
	.size = sizeof(struct arm_cpu),
	.init = class_init,
	.destroy = class_destroy,
	.reset = class_reset,
	.set_line = class_set_line,
	.run = vcpu_run,
	.has_work = arm_has_work,
	.debug_changed = vcpu_debug_changed,
	.gdb = arm_gdb_description,
	.get_pc = class_get_pc,
	.set_pc = class_set_pc,
	.translate = arm_translate,
	.dump = arm_dump,
	.list_models = arm_models_list,
	.registers = arm_registers,
	.state = arm_state,
	.post_load = arm_post_load,
	.disassemble = class_disassemble,
	.stats = vcpu_stats,
};

/* --- functions for boards (vm/arm-cpu.h) --- */

void arm_cpu_enter(struct cpu *cpu, uint32_t pc, uint32_t r0, uint32_t r1, uint32_t r2)
{
	struct arm_cpu *c = arm_cpu(cpu);

	c->r.r[0] = r0;
	c->r.r[1] = r1;
	c->r.r[2] = r2;
	arm_branch_exchange(c, pc);
}

void arm_cpu_set_high_vectors(struct cpu *cpu, bool high)
{
	arm_cpu(cpu)->high_vectors = high;
}

void arm_cpu_set_id(struct cpu *cpu, unsigned int id)
{
	arm_cpu(cpu)->id = id;
}

void arm_cpu_set_private_base(struct cpu *cpu, uint32_t base)
{
	arm_cpu(cpu)->private_base = base;
}

uint32_t arm_cpu_get_reg(struct cpu *cpu, unsigned int n)
{
	return n == PC ? (uint32_t)arm_cpu(cpu)->v.pc : arm_cpu(cpu)->r.r[n & 15];
}

void arm_cpu_set_reg(struct cpu *cpu, unsigned int n, uint32_t value)
{
	if (n == PC)
		arm_branch_exchange(arm_cpu(cpu), value);
	else
		arm_cpu(cpu)->r.r[n & 15] = value;
}

uint32_t arm_cpu_get_cpsr(struct cpu *cpu)
{
	return arm_cpsr_get(arm_cpu(cpu));
}

uint32_t arm_cpu_midr(struct cpu *cpu)
{
	return arm_cpu(cpu)->model->midr;
}

void arm_cpu_halt(struct cpu *cpu)
{
	if (!arm_has_work(cpu))
		cpu->halted = true;
}

void arm_cpu_set_trap_hook(struct cpu *cpu, arm_trap_fn *fn, void *opaque)
{
	arm_cpu(cpu)->trap = fn;
	arm_cpu(cpu)->trap_opaque = opaque;
}
