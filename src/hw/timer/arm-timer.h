/*
 * The counter that is in the Dual-Timer module (SP804) and in the Integrator's timers. Sources: ARM
 * DDI 0271D; ARM DUI 0159B (Integrator/CP), 4.9. Machine lock held.
 */
#ifndef HW_TIMER_ARM_TIMER_H
#define HW_TIMER_ARM_TIMER_H

#include "hw/timer/down-counter.h"

#include "vm/irq.h"

struct arm_timer {
	struct down_counter counter;
	void (*changed)(void *opaque); /* its interrupt did */
	void *opaque;
	uint32_t hz; /* of its clock */
	uint32_t load, control;
	bool interrupt; /* raw */
};

void arm_timer_init(struct arm_timer *t, uint32_t hz, void (*changed)(void *opaque), void *opaque);
void arm_timer_reset(struct arm_timer *t);
/* Masked. */
bool arm_timer_irq(const struct arm_timer *t);
/* Registers 00h to 18h. */
uint32_t arm_timer_read(struct arm_timer *t, unsigned int offset);
void arm_timer_write(struct arm_timer *t, unsigned int offset, uint32_t value);

extern const struct field arm_timer_state[];
struct error *arm_timer_post_load(struct arm_timer *t) NODISCARD;

#endif
