/*
 * High precision event timers. Properties for the board: "gsis" (struct irq [24]: interrupt lines
 * as the I/O APIC numbers them, 0 being the 8254's). The RTC's interrupt passes through `rtc_in`,
 * which legacy replacement cuts. The board maps `registers` at HPET_BASE.
 */
#ifndef HW_TIMER_HPET_H
#define HW_TIMER_HPET_H

#include "hw/timer/i8254.h"

#define HPET_BASE   UINT64_C(0xfed00000)
#define HPET_TIMERS 3
#define HPET_ID	    0x8086a201u /* low half of the capabilities: 3 timers, 64 bits, legacy routes */

struct hpet_timer {
	uint64_t config; /* the writable bits */
	uint64_t comparator, period;
	struct timer timer;
	struct hpet *hpet;
};

struct hpet {
	struct device dev;
	struct irq *gsis;
	struct i8254 *pit;
	uint64_t config, status;
	uint64_t counter; /* while halted */
	int64_t origin;	  /* virtual time at which the counter was 0, while it runs */
	struct hpet_timer timers[HPET_TIMERS];
	bool rtc_level;
	struct irq rtc_in;
	struct region registers;
};

void hpet_set_pit(struct hpet *s, struct i8254 *pit);

#endif
