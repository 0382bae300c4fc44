/*
 * The x86 processor as machines see it: creation, reset (Intel SDM volume 3, table 9-1), lines.
 */
#include "interp/debug.h"
#include "interp/disas.h"
#include "interp/stats.h"
#include "interp/x86/model.h"
#include "interp/x86/system.h"

#include "base/log.h"
#include "base/loop.h"

#include <capstone/capstone.h>
#include <string.h>

/* --- reset --- */

void x86_seg_set_flat(struct x86_cpu *c)
{
	c->seg[SEG_FLAT] = (struct x86_seg){.attr = SEG_P | SEG_S | SEG_W | SEG_A | SEG_DB,
					    .limit = UINT32_MAX,
					    .usable = true,
					    .read_ok = true,
					    .write_ok = true,
					    .span = UINT64_MAX};
}

static void reset_segments(struct x86_cpu *c)
{
	uint32_t data = SEG_P | SEG_S | SEG_W | SEG_A;

	c->v.mode = 0;
	for (unsigned int s = ES; s <= GS; s++)
		x86_seg_set(c, (enum x86_seg_name)s, 0, 0, 0xffff, data);
	x86_seg_set(c, CS, 0xf000, 0xffff0000, 0xffff, data | SEG_CODE);
	x86_seg_set(c, SEG_LDT, 0, 0, 0xffff, SEG_P | DESC_LDT << 8);
	x86_seg_set(c, SEG_TSS, 0, 0, 0xffff, SEG_P | DESC_TSS32_BUSY << 8);
	x86_seg_set_flat(c);
	c->gdt.base = c->idt.base = 0;
	c->gdt.limit = c->idt.limit = 0xffff;
}

static void reset_control(struct x86_cpu *c, bool init)
{
	uint64_t cache = init ? c->cr0 & (CR0_CD | CR0_NW) : CR0_CD | CR0_NW;

	c->cr0 = CR0_ET | cache;
	c->cr2 = c->cr3 = c->cr4 = c->efer = 0;
	memset(c->dr, 0, sizeof(c->dr));
	c->dr[6] = 0xffff0ff0;
	c->dr[7] = 0x400;
	c->dr6_pending = 0;
	c->eflags = FLAG_1;
	x86_flags_arith_set(&c->r, 0);
	c->r.df = 0;
}

/* What INIT leaves alone. */
static void reset_msrs(struct x86_cpu *c)
{
	c->tsc_offset = 0 - x86_tsc(c) + c->tsc_offset;
	c->star = c->lstar = c->cstar = c->sfmask = c->kernel_gs_base = c->tsc_aux = 0;
	c->sysenter_cs = c->sysenter_esp = c->sysenter_eip = 0;
	c->pat = UINT64_C(0x0007040600070406);
	c->misc_enable = 1; /* fast strings */
	c->apic_base =
		0xfee00000 | (c->bsp ? 1 << 8 : 0) | (x86_has(c, FEAT_1_EDX, 9) ? 1 << 11 : 0);
	c->mtrr_def = 0;
	memset(c->mtrr_phys, 0, sizeof(c->mtrr_phys));
	memset(c->mtrr_fixed, 0, sizeof(c->mtrr_fixed));
	c->mcg_status = 0;
	c->mcg_ctl = UINT64_MAX;
	memset(c->mce_banks, 0, sizeof(c->mce_banks));
	for (unsigned int i = 0; i < G_N_ELEMENTS(c->mce_banks); i += 4)
		c->mce_banks[i] = UINT64_MAX;
}

static uint32_t signature(struct x86_cpu *c)
{
	uint32_t out[4];

	x86_cpuid(c, 1, 0, out);
	return out[0];
}

void x86_cpu_reset(struct x86_cpu *c, bool init)
{
	c->delivering = c->exc_double = c->ext_event = c->shutdown = false;
	c->nmi_blocked = c->inhibit_ss = c->hlt = false;
	c->inhibit_pc = INHIBIT_NONE;
	if (!init || c->smm)
		x86_smm_reset(c);
	memset(c->r.r, 0, sizeof(c->r.r));
	c->r.r[RDX] = signature(c);
	reset_control(c, init);
	reset_segments(c);
	if (!init) {
		reset_msrs(c);
		x86_fpu_reset(c);
		x86_set_a20(c, true);
	}
	c->v.pc = 0xfff0;
	c->v.op = NULL;
	c->v.cpu.halted = !c->bsp;
	/* INTR is a level: it is what the controller drives it to. */
	uint32_t keep = init ? X86_EVENT_INTR | X86_EVENT_NMI | X86_EVENT_SMI | X86_EVENT_SIPI : 0;
	__atomic_fetch_and(&c->v.events, keep, __ATOMIC_SEQ_CST);
	if (!c->bsp)
		x86_event_set(c, X86_EVENT_WAIT_SIPI);
	vcpu_tlb_flush(&c->v);
	x86_mode_changed(c);
}

static void class_reset(struct cpu *cpu)
{
	struct x86_cpu *c = x86_cpu(cpu);

	if (log_on(LOG_RESET)) {
		log_printf(LOG_RESET, "CPU Reset (CPU %u)\n", cpu->index);
		x86_cpu_dump(cpu, log_stream());
	}
	x86_cpu_reset(c, false);
}

/* --- lines --- */

void x86_set_a20(struct x86_cpu *c, bool on)
{
	uint64_t mask = c->phys_mask;

	if (!on)
		mask &= ~(UINT64_C(1) << 20);
	if (c->a20 == on && c->a20_mask == mask)
		return;
	c->a20 = on;
	c->a20_mask = mask;
	vcpu_tlb_flush(&c->v);
}

static void a20_on_work(struct cpu *cpu, void *opaque)
{
	x86_set_a20(x86_cpu(cpu), opaque != NULL);
}

static void a20_changed(struct cpu *cpu, bool on)
{
	if (cpu_current() == cpu || !cpu->created)
		x86_set_a20(x86_cpu(cpu), on);
	else
		cpu_run_on(cpu, a20_on_work, on ? cpu : NULL);
}

static void line_level(struct cpu *cpu, uint32_t event, int level)
{
	struct x86_cpu *c = x86_cpu(cpu);

	if (level) {
		x86_event_set(c, event);
		cpu_kick(cpu);
	} else {
		x86_event_clear(c, event);
	}
}

static void line_edge(struct cpu *cpu, uint32_t event, int level)
{
	if (level)
		line_level(cpu, event, 1);
}

static void class_set_line(struct cpu *cpu, int line, int level)
{
	struct x86_cpu *c = x86_cpu(cpu);

	switch ((enum x86_line)line) {
	case X86_LINE_INTR: line_level(cpu, X86_EVENT_INTR, level); break;
	case X86_LINE_NMI: line_edge(cpu, X86_EVENT_NMI, level); break;
	case X86_LINE_SMI: line_edge(cpu, X86_EVENT_SMI, level); break;
	case X86_LINE_INIT: line_edge(cpu, X86_EVENT_INIT, level); break;
	case X86_LINE_SIPI:
		/* One that follows an INIT that is still waiting counts as well. */
		if (!(__atomic_load_n(&c->v.events, __ATOMIC_SEQ_CST) &
		      (X86_EVENT_WAIT_SIPI | X86_EVENT_INIT)))
			break;
		c->sipi_vector = (uint8_t)level;
		line_level(cpu, X86_EVENT_SIPI, 1);
		break;
	case X86_LINE_A20: a20_changed(cpu, level); break;
	case X86_LINE_MCE: line_edge(cpu, X86_EVENT_MCE, level); break;
	}
}

/* --- the rest of the class --- */

static struct error *class_init(struct cpu *cpu, const char *model)
{
	struct x86_cpu *c = x86_cpu(cpu);
	struct error *err = x86_model_set(c, model);

	if (err)
		return err;
	c->bsp = cpu->index == 0;
	c->a20 = true;
	c->a20_mask = c->phys_mask;
	vcpu_init(&c->v, &x86_isa);
	x86_cpu_reset(c, false);
	return NULL;
}

static void class_destroy(struct cpu *cpu)
{
	vcpu_destroy(&x86_cpu(cpu)->v);
	g_free((void *)(uintptr_t)x86_cpu(cpu)->model);
}

static uint64_t class_get_pc(struct cpu *cpu)
{
	return x86_cpu(cpu)->v.pc;
}

static void class_set_pc(struct cpu *cpu, uint64_t pc)
{
	x86_cpu(cpu)->v.pc = pc;
}

static void capstone_mode(struct vcpu *v, unsigned int *arch, unsigned int *mode)
{
	*arch = CS_ARCH_X86;
	*mode = v->mode & MODE_64 ? CS_MODE_64 : v->mode & MODE_CS32 ? CS_MODE_32 : CS_MODE_16;
}

/* Up to 16 bytes of code; how many there are. */
static unsigned int peek_code(struct cpu *cpu, uint64_t va, bool physical, uint8_t *code)
{
	unsigned int n = 0;

	while (n < 16) {
		bool ok = physical ? mem_read(cpu->memory, va + n, code + n, 1) == MEM_OK
				   : cpu_read_virtual(cpu, va + n, code + n, 1);
		if (!ok)
			break;
		n++;
	}
	return n;
}

static uint64_t class_disassemble(struct cpu *cpu, FILE *out, uint64_t va, unsigned int count,
				  unsigned int wordsize, bool physical)
{
	unsigned int arch, mode;
	uint8_t code[16];

	capstone_mode(&x86_cpu(cpu)->v, &arch, &mode);
	if (wordsize)
		mode = wordsize == 8 ? CS_MODE_64 : wordsize == 4 ? CS_MODE_32 : CS_MODE_16;
	while (count--) {
		unsigned int n = peek_code(cpu, va, physical, code);
		if (!n) {
			fprintf(out, "0x%08llx:  cannot be read\n", (unsigned long long)va);
			break;
		}
		va += disas_one(out, arch, mode, code, n, va);
	}
	return va;
}

const struct isa x86_isa = {
	.tlb_fill = x86_tlb_fill,
	.decode = x86_decode,
	.max_insn_size = 15,
	.events = x86_events,
	.exception = x86_deliver_exception,
	.capstone = capstone_mode,
	.watch = x86_watch,
	.unaligned = x86_unaligned,
	.regs_offset = offsetof(struct x86_cpu, r),
	.regs_size = sizeof(struct x86_regs),
	.side_offset = offsetof(struct x86_cpu, eflags),
	.side_size = offsetof(struct x86_cpu, model) - offsetof(struct x86_cpu, eflags),
	.same_regs = x86_same_regs,
};

const struct cpu_class x86_cpu_class = {
	.isa = "x86",
	.size = sizeof(struct x86_cpu),
	.init = class_init,
	.destroy = class_destroy,
	.reset = class_reset,
	.set_line = class_set_line,
	.run = vcpu_run,
	.has_work = x86_has_work,
	.debug_changed = vcpu_debug_changed,
	.gdb = x86_gdb_description,
	.get_pc = class_get_pc,
	.set_pc = class_set_pc,
	.translate = x86_translate,
	.dump = x86_cpu_dump,
	.list_models = x86_models_list,
	.registers = x86_registers,
	.state = x86_state,
	.post_load = x86_post_load,
	.disassemble = class_disassemble,
	.info_tlb = x86_info_tlb,
	.info_mem = x86_info_mem,
	.stats = vcpu_stats,
};

/* --- functions for boards (vm/x86-cpu.h) --- */

void x86_cpu_set_ferr(struct cpu *cpu, struct irq *irq)
{
	x86_cpu(cpu)->ferr = irq;
}

void x86_cpu_set_ignne(struct cpu *cpu)
{
	struct x86_cpu *c = x86_cpu(cpu);

	c->ignne = true;
	irq_lower(c->ferr);
}

void x86_cpu_set_bsp(struct cpu *cpu, bool bsp)
{
	x86_cpu(cpu)->bsp = bsp;
}

bool x86_cpu_has_apic(struct cpu *cpu)
{
	return x86_has(x86_cpu(cpu), FEAT_1_EDX, 9);
}

bool x86_cpu_in_smm(struct cpu *cpu)
{
	return x86_cpu(cpu)->smm;
}

void x86_cpu_enter_flat32(struct cpu *cpu, uint32_t eip, uint32_t eax, uint32_t ebx)
{
	struct x86_cpu *c = x86_cpu(cpu);
	uint32_t flat = SEG_P | SEG_S | SEG_W | SEG_A | SEG_DB | SEG_G;

	c->cr0 = CR0_ET | CR0_PE;
	c->v.mode = MODE_PE;
	for (unsigned int s = ES; s <= GS; s++)
		x86_seg_set(c, (enum x86_seg_name)s, 0x10, 0, UINT32_MAX, flat);
	x86_seg_set(c, CS, 8, 0, UINT32_MAX, flat | SEG_CODE);
	c->r.r[RAX] = eax;
	c->r.r[RBX] = ebx;
	c->v.pc = eip;
	vcpu_tlb_flush(&c->v);
	x86_mode_changed(c);
}
