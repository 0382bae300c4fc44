/*
 * Keys and pointers, from user interfaces and the monitor to the guest's devices.
 * Keys are named by PC set-1 scan codes ("keycodes": 0x01..0x7f, extended ones | 0x80), as QEMU's
 * key maps have them. Machine lock held.
 */
#ifndef VM_INPUT_H
#define VM_INPUT_H

#include <stdbool.h>
#include <stdint.h>

enum pointer_button { POINTER_LEFT = 1, POINTER_RIGHT = 2, POINTER_MIDDLE = 4 };

struct input_keyboard_ops {
	const char *name;
	void (*key)(void *opaque, unsigned int keycode, bool down);
	int (*leds)(void *opaque); /* may be NULL */
};
struct input_pointer_ops {
	const char *name;
	bool absolute; /* x and y are 0..0x7fff */
	void (*event)(void *opaque, int x, int y, int dz, unsigned int buttons);
};

/* The latest registered keyboard gets keys; pointers are listed, the latest is active. */
void input_add_keyboard(const struct input_keyboard_ops *ops, void *opaque);
void input_add_pointer(const struct input_pointer_ops *ops, void *opaque);
void input_remove(void *opaque);

void input_key(unsigned int keycode, bool down);
void input_pointer(int x, int y, int dz, unsigned int buttons);
bool input_pointer_absolute(void);
/* info mice, mouse_set */
const struct input_pointer_ops *input_pointer_at(unsigned int i, bool *active);
bool input_pointer_select(unsigned int i);

/* Keycode of a sendkey name ("ctrl", "f1", "ret"), 0 if unknown; i-th name for completion. */
unsigned int input_key_by_name(const char *name);
const char *input_key_name_at(unsigned int i);

#endif
