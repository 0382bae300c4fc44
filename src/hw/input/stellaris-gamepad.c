/*
 * The five keys of the LM3S6965EVB: up, down, left, right and select, each a pin that is low while
 * its key is pressed. The keyboard's arrow keys and left Ctrl press them.
 */
#include "hw/input/stellaris-gamepad.h"

#include "vm/input.h"

static const uint16_t keycodes[GAMEPAD_KEYS] = {0xc8, 0xd0, 0xcb, 0xcd, 0x1d};

static void drive(struct stellaris_gamepad *g)
{
	for (unsigned int n = 0; n < GAMEPAD_KEYS; n++)
		irq_set(g->keys[n], !g->pressed[n]);
}

static void key(void *opaque, unsigned int keycode, bool down)
{
	struct stellaris_gamepad *g = opaque;

	for (unsigned int n = 0; n < GAMEPAD_KEYS; n++) {
		if (keycodes[n] == keycode)
			g->pressed[n] = down;
	}
	drive(g);
}

static const struct input_keyboard_ops keyboard_ops = {.name = "stellaris-gamepad", .key = key};

static struct error *gamepad_init(struct device *dev)
{
	input_add_keyboard(&keyboard_ops, dev);
	return NULL;
}

static void gamepad_reset(struct device *dev)
{
	struct stellaris_gamepad *g = (struct stellaris_gamepad *)dev;

	for (unsigned int n = 0; n < GAMEPAD_KEYS; n++)
		g->pressed[n] = 0;
}

static void gamepad_settle(struct device *dev)
{
	drive((struct stellaris_gamepad *)dev);
}

static void gamepad_exit(struct device *dev)
{
	input_remove(dev);
}

static const struct prop props[] = {PROP_END};
static const struct field state[] = {F_BYTES(struct stellaris_gamepad, pressed), FIELD_END};

DEVICE_CLASS(stellaris_gamepad, .name = "stellaris-gamepad", .help = "keys of the LM3S6965EVB",
	     .bus = "System", .size = sizeof(struct stellaris_gamepad), .props = props,
	     .state = state, .init = gamepad_init, .reset = gamepad_reset, .settle = gamepad_settle,
	     .exit = gamepad_exit, .hidden = true);
