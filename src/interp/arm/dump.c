/* Registers as the monitor and the log show them. */
#include "interp/arm/cpu.h"

static const char *mode_name(const struct arm_cpu *c)
{
	if (c->features & F_M)
		return c->m_exception ? "handler" : "thread";
	switch (c->cpsr & PSR_M) {
	case MODE_USR: return "usr";
	case MODE_FIQ: return "fiq";
	case MODE_IRQ: return "irq";
	case MODE_SVC: return "svc";
	case MODE_ABT: return "abt";
	case MODE_UND: return "und";
	case MODE_SYS: return "sys";
	default: return "???";
	}
}

void arm_dump(struct cpu *cpu, FILE *out)
{
	const struct arm_cpu *c = arm_cpu(cpu);
	uint32_t psr = c->features & F_M ? arm_m_xpsr(c) : arm_cpsr_get(c);

	for (unsigned int n = 0; n < 16; n++)
		fprintf(out, "R%02u=%08x%c", n, n == PC ? (uint32_t)c->v.pc : c->r.r[n],
			n % 4 == 3 ? '\n' : ' ');
	fprintf(out, "PSR=%08x %c%c%c%c %c %s\n", psr, psr & PSR_N ? 'N' : '-',
		psr & PSR_Z ? 'Z' : '-', psr & PSR_C ? 'C' : '-', psr & PSR_V ? 'V' : '-',
		c->v.mode & MODE_T ? 'T' : 'A', mode_name(c));
	if (!arm_has(c, F_VFP2))
		return;
	for (unsigned int n = 0; n < (arm_has(c, F_VFP3) ? 32u : 16u); n++)
		fprintf(out, "d%02u=%016llx%c", n, (unsigned long long)c->r.d[n],
			n % 2 ? '\n' : ' ');
	fprintf(out, "FPSCR: %08x\n", arm_fpscr_get(c));
}

static uint64_t read_general(struct cpu *cpu, unsigned int n)
{
	return arm_cpu_get_reg(cpu, n);
}

static void write_general(struct cpu *cpu, unsigned int n, uint64_t value)
{
	if (n == PC)
		cpu->class->set_pc(cpu, value);
	else
		arm_cpu_set_reg(cpu, n, (uint32_t)value);
}

static uint64_t read_psr(struct cpu *cpu, unsigned int arg)
{
	const struct arm_cpu *c = arm_cpu(cpu);

	return c->features & F_M ? arm_m_xpsr(c) : arm_cpsr_get(c);
}

static uint64_t read_spsr(struct cpu *cpu, unsigned int arg)
{
	return arm_spsr_get(arm_cpu(cpu));
}

#define GENERAL(name, n) {name, read_general, write_general, n}
const struct cpu_register arm_registers[] = {
	GENERAL("r0", 0),
	GENERAL("r1", 1),
	GENERAL("r2", 2),
	GENERAL("r3", 3),
	GENERAL("r4", 4),
	GENERAL("r5", 5),
	GENERAL("r6", 6),
	GENERAL("r7", 7),
	GENERAL("r8", 8),
	GENERAL("r9", 9),
	GENERAL("r10", 10),
	GENERAL("r11", 11),
	GENERAL("r12", 12),
	GENERAL("r13", 13),
	GENERAL("r14", 14),
	GENERAL("r15", 15),
	GENERAL("sp", SP),
	GENERAL("lr", LR),
	GENERAL("pc", PC),
	{"cpsr", read_psr, NULL, 0},
	{"spsr", read_spsr, NULL, 0},
	{NULL, NULL, NULL, 0},
};
