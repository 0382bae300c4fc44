/*
 * A pair of 82C59A interrupt controllers as in the PC: the slave's INT drives input 2 of the
 * master. The board wires `out` (property, struct irq *: INTR) and drives i8259_input(0..15).
 */
#ifndef HW_INTC_I8259_H
#define HW_INTC_I8259_H

#include "hw/isa/isa.h"

struct i8259_chip {
	uint8_t lines; /* levels of the inputs */
	uint8_t irr, imr, isr;
	uint8_t elcr;
	uint8_t vector; /* T7-T3 of ICW2 */
	uint8_t lowest; /* input of lowest priority (7 after ICW1) */
	uint8_t icw;	/* command word that is awaited next: 2, 3, 4; 0 none */
	bool icw4_needed, single, level_triggered;
	bool auto_eoi, rotate_in_aeoi, sfnm, special_mask;
	bool read_isr, poll;
	bool master;
	struct region ports, elcr_port;
};

struct i8259 {
	struct device dev;
	struct i8259_chip chips[2];
	struct irq inputs[16];
	struct irq *out;
	bool out_level;
};

struct irq *i8259_input(struct i8259 *s, unsigned int n);
/* The INTA cycles: vector of the interrupt, the spurious one (input 7) where nothing is left. */
int i8259_acknowledge(struct i8259 *s);
/* "info pic" */
void i8259_print(const struct i8259 *s, FILE *out);

#endif
