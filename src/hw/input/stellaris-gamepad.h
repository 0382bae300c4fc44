#ifndef HW_INPUT_STELLARIS_GAMEPAD_H
#define HW_INPUT_STELLARIS_GAMEPAD_H

#include "vm/device.h"
#include "vm/irq.h"

#define GAMEPAD_KEYS 5 /* up, down, left, right, select */

struct stellaris_gamepad {
	struct device dev;
	struct irq *keys[GAMEPAD_KEYS]; /* the board's pins */
	uint8_t pressed[GAMEPAD_KEYS];
};

#endif
