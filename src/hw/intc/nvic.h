/*
 * What surrounds a v7-M core in its System Control Space: the NVIC, the System Control Block and
 * SysTick. Source: ARM DDI 0403E, B3.
 *
 * The board maps `scs` at e000e000h, wires `inputs` and sets the core clock.
 */
#ifndef HW_INTC_NVIC_H
#define HW_INTC_NVIC_H

#include "hw/timer/clock-source.h"
#include "hw/timer/down-counter.h"
#include "vm/arm-cpu.h"
#include "vm/device.h"
#include "vm/memory.h"

#define NVIC_BASE	0xe000e000u
#define NVIC_MAX_IRQS	240
#define NVIC_EXCEPTIONS 256
#define NVIC_IRQ	16 /* exception number of external interrupt 0 */

struct nvic {
	struct device dev;
	struct cpu *cpu;
	const struct arm_m_cpu_ops *ops;
	struct region scs;
	struct irq inputs[NVIC_MAX_IRQS];
	/* properties */
	uint32_t irqs;	       /* external interrupts that the chip has */
	uint8_t priority_bits; /* upper bits of a priority that are implemented */
	uint32_t reference_hz; /* of SysTick's external clock, 0: there is none */
	struct clock_source *clock;
	/* by exception number */
	uint8_t pending[NVIC_EXCEPTIONS], active[NVIC_EXCEPTIONS], enabled[NVIC_EXCEPTIONS];
	uint8_t level[NVIC_EXCEPTIONS], prio[NVIC_EXCEPTIONS];
	uint8_t prigroup;
	uint32_t actlr, demcr, mpu_rnr;
	bool sevonpend;
	/* SysTick */
	struct down_counter systick;
	struct clock_listener listener;
	uint32_t syst_csr, syst_rvr, core_hz;
};

/* nvic.c: the state of exceptions */
void nvic_update(struct nvic *n);
void nvic_set_pending(struct nvic *n, unsigned int exception, bool pending);
/* Highest pending exception that is enabled, 0 if there is none. */
unsigned int nvic_pending_exception(const struct nvic *n);
/* nvic-systick.c */
void systick_init(struct nvic *n);
void systick_reset(struct nvic *n);
uint32_t systick_read(struct nvic *n, unsigned int offset);
void systick_write(struct nvic *n, unsigned int offset, uint32_t value);
/* nvic-regs.c */
extern const struct region_ops nvic_regs_ops;

#endif
