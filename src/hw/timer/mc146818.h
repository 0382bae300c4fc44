/*
 * MC146818A real-time clock with 128 bytes of CMOS memory. Properties: "iobase", "irq" (8) and
 * "lost-ticks" (-rtc-td-hack: periodic interrupts that the guest missed are delivered later).
 */
#ifndef HW_TIMER_MC146818_H
#define HW_TIMER_MC146818_H

#include "hw/isa/isa.h"

#define MC146818_CMOS_SIZE 128

struct mc146818 {
	struct device dev;
	uint16_t iobase;
	uint8_t irq_number;
	bool lost_ticks;
	uint8_t index;
	uint8_t cmos[MC146818_CMOS_SIZE];
	uint32_t lost;	       /* periodic interrupts to be made up for */
	int64_t next_periodic; /* virtual time */
	struct timer periodic, second;
	struct irq *irq; /* property: replaces the ISA line (the HPET's switch) */
	struct region ports;
};

/* Boards: CMOS bytes that the firmware reads. */
void mc146818_set(struct mc146818 *s, unsigned int index, uint8_t value);
uint8_t mc146818_get(const struct mc146818 *s, unsigned int index);

#endif
