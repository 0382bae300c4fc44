/*
 * 8254 programmable interval timer. Properties: "iobase"; the board sets "out" to the line that
 * OUT of counter 0 drives.
 */
#ifndef HW_TIMER_I8254_H
#define HW_TIMER_I8254_H

#include "hw/isa/isa.h"

#define I8254_HZ 1193182

struct i8254_counter {
	uint32_t count;	     /* CR as clocks: 1..65536; 0: none written since the control word */
	uint32_t next_count; /* modes 2 and 3: taken at reload_at; 0: none */
	int64_t reload_at;
	int64_t start;	/* virtual time at which the count was loaded */
	int64_t paused; /* clocks counted before GATE fell, -1 while counting */
	uint8_t mode, access;
	bool bcd, gate, triggered;
	uint8_t write_low;	    /* LSB of a 16-bit count */
	bool write_high, read_high; /* the MSB is next */
	uint16_t latch;
	uint8_t latched; /* bytes of `latch` that are left to read */
	bool status_latched;
	uint8_t status;
};

struct i8254 {
	struct device dev;
	uint16_t iobase;
	struct i8254_counter counters[3];
	struct irq *out;
	bool out_disabled; /* the HPET replaces counter 0 */
	int64_t next_edge; /* when counter 0's OUT changes next */
	struct timer timer;
	struct region ports;
};

void i8254_set_gate(struct i8254 *s, unsigned int n, bool level);
bool i8254_out(struct i8254 *s, unsigned int n);
/* Reload value of a counter in clocks, and its mode: for the speaker. */
uint32_t i8254_period(const struct i8254 *s, unsigned int n);
/* Cuts OUT 0 from its line (HPET legacy replacement). */
void i8254_set_disabled(struct i8254 *s, bool disabled);

#endif
