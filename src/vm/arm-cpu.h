/*
 * Between an ARM processor (interp/arm), its board and its interrupt controller.
 * Source: ARM Architecture Reference Manual (DDI 0100I for v4T to v6, DDI 0406 for v7-A, DDI 0403
 * for v7-M).
 *
 * Boards with a PIC, VIC or GIC drive ARM_LINE_IRQ and ARM_LINE_FIQ and need nothing else. A v7-M
 * processor asks its NVIC through struct arm_nvic_ops.
 */
#ifndef VM_ARM_CPU_H
#define VM_ARM_CPU_H

#include "vm/cpu.h"
#include "vm/irq.h"

#include <stdbool.h>

/* cpu_class.set_line numbers. */
enum arm_line {
	ARM_LINE_IRQ, /* level; v7-M: the NVIC has an exception that may be entered now */
	/* level; v7-M: an exception is pending that would be entered if PRIMASK were clear, which
	 * ends WFI */
	ARM_LINE_FIQ,
	/* level: 1 holds the processor in reset, 0 lets it start from the reset vector */
	ARM_LINE_RESET,
};

/* --- boards --- */

/*
 * The state in which a boot loader leaves an A-profile processor to a kernel: supervisor mode,
 * interrupts masked, MMU and caches off. Bit 0 of pc means Thumb. Called from a board's reset.
 */
void arm_cpu_enter(struct cpu *cpu, uint32_t pc, uint32_t r0, uint32_t r1, uint32_t r2);
/* Where it starts at reset: vectors at 0xffff0000 instead of 0. Before the first reset. */
void arm_cpu_set_high_vectors(struct cpu *cpu, bool high);
/* MPIDR[3:0] (ARM11 MPCore, Cortex-A); cpu->index unless set. */
void arm_cpu_set_id(struct cpu *cpu, unsigned int id);
/* What CP15 c15 c0 0 of MPCore and Cortex-A9 tells: base of the private peripherals. */
void arm_cpu_set_private_base(struct cpu *cpu, uint32_t base);
/* A general register (0-15) and the CPSR, for loaders. The machine must be quiesced. */
uint32_t arm_cpu_get_reg(struct cpu *cpu, unsigned int n);
void arm_cpu_set_reg(struct cpu *cpu, unsigned int n, uint32_t value);
uint32_t arm_cpu_get_cpsr(struct cpu *cpu);
/* The model's identification: MIDR, or CPUID of v7-M. */
uint32_t arm_cpu_midr(struct cpu *cpu);

/*
 * A coprocessor that the chip has beside the core's own: CP6 and CP14 of the PXA, what CP15 c15
 * means on some chips. Registers are named as MRC/MCR name them. Called by the vCPU's thread with
 * the machine lock held; false: the register does not exist (undefined instruction).
 */
struct arm_coproc_ops {
	bool (*read)(void *opaque, unsigned int crn, unsigned int opc1, unsigned int crm,
		     unsigned int opc2, uint32_t *value);
	bool (*write)(void *opaque, unsigned int crn, unsigned int opc1, unsigned int crm,
		      unsigned int opc2, uint32_t value);
};
/* For 15 the core asks first itself and then `ops`. CP10, 11 (VFP) and on iWMMXt processors CP0, 1
 * are the core's own. */
void arm_cpu_set_coproc(struct cpu *cpu, unsigned int number, const struct arm_coproc_ops *ops,
			void *opaque);
/* Idle modes: the processor halts until an interrupt line is up (CP14 of the PXA). From
 * a coprocessor's write only. */
void arm_cpu_halt(struct cpu *cpu);

/* --- semihosting and system calls --- */

enum arm_trap { ARM_TRAP_SVC, ARM_TRAP_SVC_THUMB, ARM_TRAP_BKPT };

/*
 * Asked before an SVC or BKPT becomes an exception; `number` is its immediate. True: it was handled
 * and execution goes on at the pc, which is that of the next instruction (and may be changed).
 * Called without the machine lock, on the vCPU's thread; registers by arm_cpu_get_reg().
 */
typedef bool arm_trap_fn(void *opaque, struct cpu *cpu, enum arm_trap trap, uint32_t number);
void arm_cpu_set_trap_hook(struct cpu *cpu, arm_trap_fn *fn, void *opaque);

/* Angel's semihosting calls (SVC 123456h, Thumb SVC ABh, BKPT ABh) reach the host; `command_line`
 * is what SYS_GET_CMDLINE tells, copied. [ram_base, ram_end) is what SYS_HEAPINFO tells. */
void arm_cpu_set_semihosting(struct cpu *cpu, const char *command_line, uint32_t ram_base,
			     uint32_t ram_end);

/* --- v7-M --- */

/* Numbers of v7-M exceptions; external interrupt n is 16 + n. */
enum arm_m_exception {
	ARM_M_RESET = 1,
	ARM_M_NMI,
	ARM_M_HARD_FAULT,
	ARM_M_MEM_MANAGE,
	ARM_M_BUS_FAULT,
	ARM_M_USAGE_FAULT,
	ARM_M_SVCALL = 11,
	ARM_M_DEBUG_MONITOR,
	ARM_M_PENDSV = 14,
	ARM_M_SYSTICK,
};

/*
 * cpu->intc_ops of a v7-M processor (opaque is cpu->intc). Machine lock held. The controller holds
 * pending and active bits and priorities. It drives ARM_LINE_IRQ high while a pending exception's
 * priority is above both the active ones and arm_m_priority_limit().
 */
struct arm_nvic_ops {
	/* The exception that is entered now; it becomes active and is no longer pending. -1: none.
	 */
	int (*acknowledge)(void *opaque);
	/* Return from an exception: it is no longer active. False: it was not active. */
	bool (*complete)(void *opaque, int number);
	/*
	 * A fault or SVCall of the instruction stream: makes it pending, or HardFault in its place
	 * where it is disabled or its priority is not high enough to be taken at once. False: not
	 * even HardFault can be taken (lockup).
	 */
	bool (*set_pending)(void *opaque, int number);
	/* PRIMASK, FAULTMASK or BASEPRI changed. */
	void (*masks_changed)(void *opaque);
	/* AIRCR.PRIGROUP as the number of priority bits below the binary point's group. May be
	 * NULL. */
	unsigned int (*priority_group)(void *opaque);
};

/* The limit that the masks set: only exceptions of a smaller number may be entered. 256: no limit,
 * 0: PRIMASK (only NMI and HardFault), -1: FAULTMASK (only NMI). */
int arm_m_priority_limit(struct cpu *cpu);
/* IPSR: the exception that is being handled, 0 in thread mode. */
unsigned int arm_m_current(struct cpu *cpu);

/* Registers of the System Control Block that the processor itself works with. The NVIC's device
 * reads and writes them for the guest with the machine lock held, and calls arm_m_scb_changed()
 * after a write. */
struct arm_m_scb {
	uint32_t vtor, ccr, cfsr, hfsr, dfsr, mmfar, bfar;
	bool sleep_on_exit, sleep_deep;
	/* MPU: CTRL, and RBAR (address bits) and RASR of its regions */
	uint32_t mpu_ctrl, mpu_rbar[8], mpu_rasr[8];
};
struct arm_m_scb *arm_m_scb(struct cpu *cpu);
void arm_m_scb_changed(struct cpu *cpu);
/* Reads the initial SP and PC from the vector table, as at the end of reset: a board calls it once
 * its image is loaded. */
void arm_m_reset_vectors(struct cpu *cpu);
/* The same functions for the NVIC's device, which does not know the execution core. */
struct arm_m_cpu_ops {
	int (*priority_limit)(struct cpu *cpu);
	unsigned int (*current)(struct cpu *cpu);
	struct arm_m_scb *(*scb)(struct cpu *cpu);
	void (*scb_changed)(struct cpu *cpu);
	void (*event)(struct cpu *cpu);
	uint32_t (*midr)(struct cpu *cpu);
};
extern const struct arm_m_cpu_ops arm_m_cpu_ops;
/* An event of SEV or of an interrupt that became pending (SCR.SEVONPEND): ends WFE. */
void arm_cpu_event(struct cpu *cpu);

extern const struct cpu_class arm_cpu_class;

#endif
