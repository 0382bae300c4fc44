/*
 * Between an x86 processor (interp/x86) and its local APIC or the i8259 pair (hw/intc).
 * Source: Intel SDM volume 3, chapters 6, 9 and 11.
 */
#ifndef VM_X86_CPU_H
#define VM_X86_CPU_H

#include "vm/cpu.h"
#include "vm/irq.h"

/* cpu_class.set_line numbers. */
enum x86_line {
	X86_LINE_INTR, /* level: an external interrupt waits; x86_intc_ops.acknowledge fetches it */
	X86_LINE_NMI,  /* edge */
	X86_LINE_SMI,  /* edge */
	X86_LINE_INIT, /* edge */
	X86_LINE_SIPI, /* level is the vector; ignored unless waiting for it */
	X86_LINE_A20,  /* level 1: A20 passes (default) */
	X86_LINE_MCE,
};

/* cpu->intc_ops: what the processor asks its interrupt controller (opaque is cpu->intc).
 * Machine lock held. With no local APIC the board gives ops with only `acknowledge`. */
struct x86_intc_ops {
	/* The vector of the interrupt now accepted, or -1 (spurious: it went away). */
	int (*acknowledge)(void *opaque);
	uint64_t (*get_base)(void *opaque);		/* MSR 1Bh; NULL ops: no local APIC */
	bool (*set_base)(void *opaque, uint64_t value); /* false: #GP */
	uint8_t (*get_tpr)(void *opaque);		/* task priority, as CR8 shows it (0..15) */
	void (*set_tpr)(void *opaque, uint8_t cr8);
	bool (*read_msr)(void *opaque, uint32_t msr, uint64_t *value); /* x2APIC; may be NULL */
	bool (*write_msr)(void *opaque, uint32_t msr, uint64_t value);
};

/* FERR#: the processor drives this line (IRQ 13 of a PC) for x87 errors with CR0.NE clear. */
void x86_cpu_set_ferr(struct cpu *cpu, struct irq *irq);
/* IGNNE#: the board's port F0h handler clears FERR and ignores errors until the flag clears. */
void x86_cpu_set_ignne(struct cpu *cpu);
/* Whether this is the bootstrap processor (set by the board before the first reset). */
void x86_cpu_set_bsp(struct cpu *cpu, bool bsp);
bool x86_cpu_has_apic(struct cpu *cpu); /* by its CPUID model */
bool x86_cpu_in_smm(struct cpu *cpu);
/* Initial state for direct kernel entry (multiboot): flat 32-bit protected mode. */
void x86_cpu_enter_flat32(struct cpu *cpu, uint32_t eip, uint32_t eax, uint32_t ebx);

extern const struct cpu_class x86_cpu_class;

#endif
