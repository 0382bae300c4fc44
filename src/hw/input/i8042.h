/*
 * 8042 keyboard controller of the PC. Property "a20": the line that its output port drives.
 */
#ifndef HW_INPUT_I8042_H
#define HW_INPUT_I8042_H

#include "hw/input/ps2.h"
#include "hw/isa/isa.h"

struct i8042 {
	struct device dev;
	struct ps2_keyboard keyboard;
	struct ps2_mouse mouse;
	uint8_t ram[32]; /* byte 0: the command byte */
	uint8_t status, output_port, obuf;
	uint8_t command;	  /* that waits for a data byte */
	bool translate_break;	  /* F0h was swallowed: the next code is a break */
	uint8_t reply, reply_aux; /* of the controller, waiting for the output buffer */
	bool reply_pending;
	struct timer refill;
	struct irq *keyboard_irq, *mouse_irq, *a20;
	struct region data_port, command_port;
};

#endif
